/* C (M,N) = op(A) op(B) over K, all row-major: NN with A (M,K), B (K,N); NT with B (N,K); TN with A
 * (K,M).  Every element is the chain fma(a[k], b[k], sum) for k = 0..K-1, whatever the form and the
 * launch, so that all of them give the same bits.
 *
 * Rows are a multiple of 16 floats, of which those beyond the last column are zero, and there are
 * a multiple of 8 of them.  The forms behind the one list of arguments:
 *   REGISTER  for devices whose local memory is a cache: one work-item a group, wide vectors, a
 *             tile of C in registers.  Writes whole rows of 16, zeros in the padding.
 *   LOCAL     for devices with local memory of its own: tiles of A and B shared by a group.
 *             Writes the M x N elements only.
 * Left out: scaling and adding to C, which no layer needs. */

#if defined(FORM_REGISTER)

#ifndef DEPTH
#error "DEPTH is how many rows of 32 floats the panel in local memory has, a multiple of 16"
#endif

/* A group owns 32 columns of C and a share of its rows.  It copies its 32 columns of op(B), DEPTH
 * deep, into a panel of contiguous memory, which is what each tile of C then reads: B is read from
 * memory once, in whole cache lines, and the strides of B do not matter.  The helpers must be
 * inlined: PoCL 3.1 shares a local array handed to a real call between its threads. */
#define TILE_ROWS 8
#define TILE_COLUMNS 32

INLINE float16 interleave_low(float16 a, float16 b)
{
    return (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6,
                     b.s6, a.s7, b.s7);
}

INLINE float16 interleave_high(float16 a, float16 b)
{
    return (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se,
                     b.se, a.sf, b.sf);
}

/* Two rounds of interleaving, row i with row i + 8; four rounds transpose 16 x 16. */
INLINE void interleave_twice(float16 *r)
{
    float16 q[16];
#pragma unroll
    for (int i = 0; i < 8; i++) {
        q[2 * i] = interleave_low(r[i], r[i + 8]);
        q[2 * i + 1] = interleave_high(r[i], r[i + 8]);
    }
#pragma unroll
    for (int i = 0; i < 8; i++) {
        r[2 * i] = interleave_low(q[i], q[i + 8]);
        r[2 * i + 1] = interleave_high(q[i], q[i + 8]);
    }
}

/* panel[k][0..31] = B[k][0..31] for depth rows of B (depth,32); of 16 columns only where `narrow`,
 * zeros beside them. */
INLINE void copy_panel(local float16 *panel, global const float *B, size_t depth, size_t ldb,
                       int narrow)
{
    for (size_t k = 0; k < depth; k++) {
        panel[2 * k] = vload16(0, B + k * ldb);
        panel[2 * k + 1] = narrow ? (float16)(0.0f) : vload16(1, B + k * ldb);
    }
}

/* panel[k][0..31] = B[0..31][k], transposed in blocks of 16 x 16 in registers.  Rows from `rows` on
 * do not exist and count as zeros; the last block reads into the padding of the rows. */
INLINE void transpose_panel(local float16 *panel, global const float *B, size_t depth, size_t ldb,
                            size_t rows)
{
    for (size_t half_panel = 0; half_panel < 2; half_panel++) {
        const size_t row = 16 * half_panel;
        global const float *b = B + row * ldb;
        for (size_t k = 0; k < depth; k += 16) {
            float16 r[16];
            if (row + 16 <= rows) {
#pragma unroll
                for (size_t i = 0; i < 16; i++)
                    r[i] = vload16(0, b + i * ldb + k);
            } else {
#pragma unroll
                for (size_t i = 0; i < 16; i++)
                    r[i] = row + i < rows ? vload16(0, b + i * ldb + k) : (float16)(0.0f);
            }
            interleave_twice(r);
            interleave_twice(r);
#pragma unroll
            for (size_t i = 0; i < 16; i++)
                panel[2 * (k + i) + half_panel] = r[i];
        }
    }
}

/* C (8,32) over `depth` of the K, going on from what C holds unless `first`; A's element (row r,
 * step k) lies at A[r * row_step + k * k_step].  Where `narrow` only 16 columns are C's. */
INLINE void tile(global float *C, global const float *A, local const float16 *panel, size_t depth,
                 size_t ldc, size_t row_step, size_t k_step, int first, int narrow)
{
    float16 sum[TILE_ROWS][2];
#pragma unroll
    for (size_t r = 0; r < TILE_ROWS; r++) {
        sum[r][0] = first ? (float16)(0.0f) : vload16(0, C + r * ldc);
        sum[r][1] = first || narrow ? (float16)(0.0f) : vload16(1, C + r * ldc);
    }
    for (size_t k = 0; k < depth; k++) {
        const float16 left = panel[2 * k], right = panel[2 * k + 1];
#pragma unroll
        for (size_t r = 0; r < TILE_ROWS; r++) {
            const float16 a = (float16)(A[r * row_step + k * k_step]);
            sum[r][0] = fma(a, left, sum[r][0]);
            sum[r][1] = fma(a, right, sum[r][1]);
        }
    }
#pragma unroll
    for (size_t r = 0; r < TILE_ROWS; r++) {
        vstore16(sum[r][0], 0, C + r * ldc);
        if (!narrow)
            vstore16(sum[r][1], 1, C + r * ldc);
    }
}

/* Global range: (columns of C / 32, shares of its rows), groups of one. */
#define MATMUL(NAME, FILL_PANEL, A_AT, ROW_STEP, K_STEP)                                           \
    __attribute__((reqd_work_group_size(1, 1, 1))) kernel void NAME(                               \
        global float *C, global const float *A, global const float *B, int M, int N, int K,        \
        int ldc, int lda, int ldb)                                                                 \
    {                                                                                              \
        local float16 panel[2 * DEPTH];                                                            \
        const size_t m = (size_t)M, n = (size_t)N, n0 = TILE_COLUMNS * get_group_id(0);            \
        const size_t a_row = (size_t)lda, b_row = (size_t)ldb, c_row = (size_t)ldc;                \
        const size_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS, shares = get_num_groups(1);          \
        const size_t m0 = TILE_ROWS * (tiles * get_group_id(1) / shares);                          \
        const size_t m1 = TILE_ROWS * (tiles * (get_group_id(1) + 1) / shares);                    \
        const int narrow = n - n0 <= TILE_COLUMNS / 2;                                             \
        for (size_t k0 = 0; k0 < (size_t)K; k0 += DEPTH) {                                         \
            const size_t depth = min((size_t)K - k0, (size_t)DEPTH);                               \
            FILL_PANEL;                                                                            \
            for (size_t i = m0; i < m1; i += TILE_ROWS)                                            \
                tile(C + i * c_row + n0, A + A_AT, panel, depth, c_row, ROW_STEP, K_STEP, k0 == 0, \
                     narrow);                                                                      \
        }                                                                                          \
    }

MATMUL(matmul_nn, copy_panel(panel, B + (k0 * b_row + n0), depth, b_row, narrow), (i * a_row + k0),
       a_row, 1)
MATMUL(matmul_nt, transpose_panel(panel, B + (n0 * b_row + k0), depth, b_row, n - n0),
       (i * a_row + k0), a_row, 1)
MATMUL(matmul_tn, copy_panel(panel, B + (k0 * b_row + n0), depth, b_row, narrow), (k0 * a_row + i),
       1, a_row)

#elif defined(FORM_LOCAL)

/* A group of 16 x 16 work-items owns 64 x 64 elements of C, a work-item 4 x 4 of them, 16 apart so
 * that neighbours read and write neighbouring addresses.  Tiles of 16 of the K of op(A) and op(B)
 * pass through local memory; beyond M, N and K they hold zeros, which leave a sum as it is. */
#define SIDE 64
#define K_TILE 16
#define GROUP 16
#define EACH 4

/* One more than the row, so that writing a transposed tile spreads over the banks. */
#define TILE_ROW (SIDE + 1)

/* tile[k][i] = p[i * i_step + k * k_step] for i < SIDE, k < K_TILE; zeros from i_end and k_end on.
 * Neighbours read along k where k_step is 1, else along i. */
INLINE void load_tile(local float *tile, global const float *p, size_t i_step, size_t k_step,
                      size_t i_end, size_t k_end, size_t l)
{
    for (size_t at = l; at < SIDE * K_TILE; at += GROUP * GROUP) {
        const size_t i = k_step == 1 ? at / K_TILE : at % SIDE;
        const size_t k = k_step == 1 ? at % K_TILE : at / SIDE;
        tile[k * TILE_ROW + i] = i < i_end && k < k_end ? p[i * i_step + k * k_step] : 0.0f;
    }
}

/* Element (i,k) of op(A) is A[i * a_i + k * a_k], (k,j) of op(B) is B[j * b_j + k * b_k]. */
INLINE void product(global float *C, global const float *A, global const float *B,
                    local float *a_tile, local float *b_tile, size_t M, size_t N, size_t K,
                    size_t ldc, size_t a_i, size_t a_k, size_t b_j, size_t b_k)
{
    const size_t x = get_local_id(0), y = get_local_id(1), l = y * GROUP + x;
    const size_t n0 = SIDE * get_group_id(0), m0 = SIDE * get_group_id(1);
    float sum[EACH][EACH];
    for (size_t r = 0; r < EACH; r++)
        for (size_t c = 0; c < EACH; c++)
            sum[r][c] = 0.0f;
    for (size_t k0 = 0; k0 < K; k0 += K_TILE) {
        load_tile(a_tile, A + m0 * a_i + k0 * a_k, a_i, a_k, M - m0, K - k0, l);
        load_tile(b_tile, B + n0 * b_j + k0 * b_k, b_j, b_k, N - n0, K - k0, l);
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (size_t k = 0; k < K_TILE; k++) {
            float a[EACH], b[EACH];
#pragma unroll
            for (size_t e = 0; e < EACH; e++) {
                a[e] = a_tile[k * TILE_ROW + y + GROUP * e];
                b[e] = b_tile[k * TILE_ROW + x + GROUP * e];
            }
#pragma unroll
            for (size_t r = 0; r < EACH; r++)
#pragma unroll
                for (size_t c = 0; c < EACH; c++)
                    sum[r][c] = fma(a[r], b[c], sum[r][c]);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (size_t r = 0; r < EACH; r++)
        for (size_t c = 0; c < EACH; c++) {
            const size_t i = m0 + y + GROUP * r, j = n0 + x + GROUP * c;
            if (i < M && j < N)
                C[i * ldc + j] = sum[r][c];
        }
}

/* Global range: (N, M) in groups of 16 x 16 for each 64 x 64 of C. */
#define MATMUL(NAME, A_I, A_K, B_J, B_K)                                                           \
    __attribute__((reqd_work_group_size(GROUP, GROUP, 1))) kernel void NAME(                       \
        global float *C, global const float *A, global const float *B, int M, int N, int K,        \
        int ldc, int lda, int ldb)                                                                 \
    {                                                                                              \
        local float a_tile[K_TILE * TILE_ROW], b_tile[K_TILE * TILE_ROW];                          \
        product(C, A, B, a_tile, b_tile, (size_t)M, (size_t)N, (size_t)K, (size_t)ldc, A_I, A_K,   \
                B_J, B_K);                                                                         \
    }

MATMUL(matmul_nn, (size_t)lda, 1, 1, (size_t)ldb)
MATMUL(matmul_nt, (size_t)lda, 1, (size_t)ldb, 1)
MATMUL(matmul_tn, 1, (size_t)lda, 1, (size_t)ldb)

#else
#error "FORM_REGISTER or FORM_LOCAL chooses the form"
#endif
