/* C (M,N) = op(A) op(B) over K, all row-major: NN with A (M,K), B (K,N); NT with B (N,K); TN with A
 * (K,M).  Every element is the chain fma(a[k], b[k], sum) for k = 0..K-1, whatever the form and the
 * launch, so that all of them give the same bits.
 *
 * Rows are a multiple of 16 floats, of which those beyond the last column are zero, and there are
 * a multiple of 8 of them.  The forms behind the one list of arguments:
 *   REGISTER  for devices whose local memory is a cache: one work-item a group, wide vectors, a
 *             tile of C in registers.  Writes whole rows of 16, zeros in the padding.
 *   LOCAL     for devices with local memory of its own: tiles of A and B shared by a group.
 *             Writes whole rows of 4, zeros in the padding.
 * Left out: scaling and adding to C, which no layer needs. */

#if defined(FORM_REGISTER)

#ifndef DEPTH
#error "DEPTH is how many rows of 32 floats the panel has, a multiple of 16; 0: no panel"
#endif
#include "tile.clh"

/* Which dimension of the range has the shares of the rows, 0 or 1: consecutive groups have the same
 * columns, or, where A is too large for a core's own cache, the same rows. */
#ifndef ROWS_AT
#define ROWS_AT 0
#endif

/* What this group does: 32 columns of C from n0 on, rows m0..m1. */
#define SHARE                                                                                      \
    const size_t m = (size_t)M, n = (size_t)N, n0 = TILE_COLUMNS * get_group_id(1 - ROWS_AT);      \
    const size_t a_row = (size_t)lda, b_row = (size_t)ldb, c_row = (size_t)ldc;                    \
    const size_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS, shares = get_num_groups(ROWS_AT);        \
    const size_t m0 = TILE_ROWS * (tiles * get_group_id(ROWS_AT) / shares);                        \
    const size_t m1 = TILE_ROWS * (tiles * (get_group_id(ROWS_AT) + 1) / shares);                  \
    const int narrow = n - n0 <= TILE_COLUMNS / 2;                                                 \
    float16 sum[TILE_ROWS][2]

#if DEPTH

/* A group owns 32 columns of C and a share of its rows, and copies its columns of op(B), DEPTH
 * deep, into a panel.  Global range: (shares of the rows, columns / 32), or the reverse by ROWS_AT,
 * groups of one. */
#define MATMUL(NAME, FILL_PANEL, A_AT, ROW_STEP, K_STEP)                                           \
    __attribute__((reqd_work_group_size(1, 1, 1))) kernel void NAME(                               \
        global float *C, global const float *A, global const float *B, int M, int N, int K,        \
        int ldc, int lda, int ldb)                                                                 \
    {                                                                                              \
        local float16 panel[2 * DEPTH];                                                            \
        SHARE;                                                                                     \
        for (size_t k0 = 0; k0 < (size_t)K; k0 += DEPTH) {                                         \
            const size_t depth = min((size_t)K - k0, (size_t)DEPTH);                               \
            FILL_PANEL;                                                                            \
            for (size_t i = m0; i < m1; i += TILE_ROWS) {                                          \
                if (k0 == 0)                                                                       \
                    tile_clear(sum);                                                               \
                else                                                                               \
                    tile_load(sum, C + i * c_row + n0, c_row, narrow);                             \
                tile_panel(sum, A + A_AT, panel, depth, ROW_STEP, K_STEP);                         \
                tile_store(sum, C + i * c_row + n0, c_row, narrow);                                \
            }                                                                                      \
        }                                                                                          \
    }

MATMUL(matmul_nn, copy_panel(panel, B + (k0 * b_row + n0), depth, b_row, narrow), (i * a_row + k0),
       a_row, 1)
MATMUL(matmul_nt,
       transpose_panel(panel, B, k0, depth, (size_t)K, b_row, TILE_COLUMNS, n0, n - n0),
       (i * a_row + k0), a_row, 1)
MATMUL(matmul_tn, copy_panel(panel, B + (k0 * b_row + n0), depth, b_row, narrow), (k0 * a_row + i),
       1, a_row)

#else

/* The same of small products, whose B is read where it lies.  NT needs the panel. */
#define MATMUL(NAME, A_AT, ROW_STEP, K_STEP)                                                       \
    __attribute__((reqd_work_group_size(1, 1, 1))) kernel void NAME(                               \
        global float *C, global const float *A, global const float *B, int M, int N, int K,        \
        int ldc, int lda, int ldb)                                                                 \
    {                                                                                              \
        SHARE;                                                                                     \
        for (size_t i = m0; i < m1; i += TILE_ROWS) {                                              \
            tile_clear(sum);                                                                       \
            if (narrow)                                                                            \
                tile_rows(sum, A + A_AT, B + n0, (size_t)K, b_row, ROW_STEP, K_STEP, 1);           \
            else                                                                                   \
                tile_rows(sum, A + A_AT, B + n0, (size_t)K, b_row, ROW_STEP, K_STEP, 0);           \
            tile_store(sum, C + i * c_row + n0, c_row, narrow);                                    \
        }                                                                                          \
    }

MATMUL(matmul_nn, i * a_row, a_row, 1)
MATMUL(matmul_tn, i, 1, a_row)

#endif

#elif defined(FORM_LOCAL)

/* Where the sums go: whole float4, zeros in the padding. */
struct finish {
    global float *C;
    uint ldc;
};

INLINE void finish4(const struct finish *f, uint i, uint j, local const float4 *v)
{
    *(global float4 *)(f->C + (size_t)i * f->ldc + j) = *v;
}

#include "local_finish.clh"

/* Global range: (ITEMS_N, ITEMS_M) for each tile of (columns, rows) of C. */
#define MATMUL(NAME, A_K_FIRST, B_K_FIRST)                                                         \
    __attribute__((reqd_work_group_size(ITEMS_N, ITEMS_M, 1))) kernel void NAME(                   \
        global float *C, global const float *A, global const float *B, int M, int N, int K,        \
        int ldc, int lda, int ldb)                                                                 \
    {                                                                                              \
        local struct pieces pieces;                                                                \
        const uint m0 = TILE_M * (uint)get_group_id(1), n0 = TILE_N * (uint)get_group_id(0);       \
        const struct finish f = {C, (uint)ldc};                                                  \
        float4 sum[EACH_M][EACH_N / 4];                                                            \
        tile_product(sum, &pieces, item(), A, B, m0, n0, M, N, K, (uint)lda, (uint)ldb,            \
                     A_K_FIRST, B_K_FIRST);                                                        \
        finish_tile(&f, sum, &pieces, m0, n0, M, N, 0);                                            \
    }

MATMUL(matmul_nn, 1, 0)
MATMUL(matmul_nt, 1, 1)
MATMUL(matmul_tn, 0, 0)

#else
#error "FORM_REGISTER or FORM_LOCAL chooses the form"
#endif
