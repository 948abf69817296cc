/* A layer in one launch: product, bias and activation on the way forward; product, dropout's mask
 * and f' on the way back to the layer in front.  The same bits as the launches one by one.
 *   dense_fwd  DEPTH rows of W in a panel, or 0: W is read where it lies (small products)
 *   delta_bwd  DEPTH of the K in a panel, which transposes W
 * W (I,O) is a matrix, strip 32, or lies in strips (strips.cl).  One work-item a group; consecutive
 * groups have the same 32 columns, so that a core meets the same part of W in every launch of a
 * step.  Left out: maxout. */
#include "activation.clh"
#include "tile.clh"

#if KEEPS_Z
#define Z global float *z,
#define Z_ROW(i) z + (i) * y_row,
#else
#define Z
#define Z_ROW(i)
#endif

#ifdef FORWARD

/* y and, where it is kept, z of one tile. */
INLINE void finish_fwd(float16 (*sum)[2], global float *y, Z global const float *b, size_t j,
                       size_t n, size_t ldy, int narrow)
{
#pragma unroll
    for (size_t v = 0; v < 2; v++) {
        const size_t at = j + 16 * v;
        if (v == 1 && narrow)
            break;
        const float16 bias = load16(b, at, n);
#pragma unroll
        for (size_t r = 0; r < TILE_ROWS; r++) {
            const float16 in = sum[r][v] + bias;
#if KEEPS_Z
            put16(in, z + r * ldy + at);
#endif
            put16(ACT_KIND == IDENTITY ? in : fill16(act16(in), 0.0f, at, n), y + r * ldy + at);
        }
    }
}

/* y (B,O) = f(x W + b).  Overwrites y and z (B,O); x (B,I), W (I,O), b (O).  Global range: (shares
 * of the rows, columns / 32), groups of one. */
__attribute__((reqd_work_group_size(1, 1, 1))) kernel void
dense_fwd(global float *y, Z global const float *x, global const float *W, global const float *b,
          int B, int I, int O, int ldy, int ldx, int ldw, int strip)
{
    const size_t n = (size_t)O, n0 = TILE_COLUMNS * get_group_id(1), K = (size_t)I;
    const size_t x_row = (size_t)ldx, y_row = (size_t)ldy;
    const size_t w_row = strip_row(n0, n, (size_t)ldw, (size_t)strip);
    const size_t tiles = ((size_t)B + TILE_ROWS - 1) / TILE_ROWS, shares = get_num_groups(0);
    const size_t m0 = TILE_ROWS * (tiles * get_group_id(0) / shares);
    const size_t m1 = TILE_ROWS * (tiles * (get_group_id(0) + 1) / shares);
    const int narrow = n - n0 <= TILE_COLUMNS / 2;
    global const float *columns = W + (size_t)strip * get_group_id(1);
    float16 sum[TILE_ROWS][2];
#if DEPTH
    local float16 panel[2 * DEPTH];
    for (size_t k0 = 0; k0 < K; k0 += DEPTH) {
        const size_t depth = min(K - k0, (size_t)DEPTH);
        copy_panel(panel, columns + k0 * w_row, depth, w_row, narrow);
        for (size_t i = m0; i < m1; i += TILE_ROWS) {
            if (k0 == 0)
                tile_clear(sum);
            else
                tile_load(sum, y + i * y_row + n0, y_row, narrow);
            tile_panel(sum, x + i * x_row + k0, panel, depth, x_row, 1);
            if (k0 + depth < K)
                tile_store(sum, y + i * y_row + n0, y_row, narrow);
            else
                finish_fwd(sum, y + i * y_row, Z_ROW(i) b, n0, n, y_row, narrow);
        }
    }
#else
    for (size_t i = m0; i < m1; i += TILE_ROWS) {
        tile_clear(sum);
        if (narrow)
            tile_rows(sum, x + i * x_row, columns, K, w_row, x_row, 1, 1);
        else
            tile_rows(sum, x + i * x_row, columns, K, w_row, x_row, 1, 0);
        finish_fwd(sum, y + i * y_row, Z_ROW(i) b, n0, n, y_row, narrow);
    }
#endif
}

#else

/* sum *= f' of one tile. */
INLINE void finish_bwd(float16 (*sum)[2], global const float *kept, size_t ld, int narrow)
{
#if ACT_KIND != IDENTITY
#pragma unroll
    for (size_t r = 0; r < TILE_ROWS; r++) {
        sum[r][0] *= slope16(vload16(0, kept + r * ld));
        if (!narrow)
            sum[r][1] *= slope16(vload16(1, kept + r * ld));
    }
#endif
}

/* dx (B,I) = (dz W^T) * f' of the layer in front, from what is kept of it: y, or z where KEEPS_Z.
 * Overwrites dx; kept (B,I), dz (B,O), W (I,O).  Global range: (shares of the rows, columns / 32),
 * groups of one. */
__attribute__((reqd_work_group_size(1, 1, 1))) kernel void
delta_bwd(global float *dx, global const float *kept, global const float *dz,
          global const float *W, int B, int I, int O, int ldx, int ldz, int ldw, int strip)
{
    const size_t n = (size_t)I, n0 = TILE_COLUMNS * get_group_id(1), K = (size_t)O;
    const size_t x_row = (size_t)ldx, z_row = (size_t)ldz;
    const size_t tiles = ((size_t)B + TILE_ROWS - 1) / TILE_ROWS, shares = get_num_groups(0);
    const size_t m0 = TILE_ROWS * (tiles * get_group_id(0) / shares);
    const size_t m1 = TILE_ROWS * (tiles * (get_group_id(0) + 1) / shares);
    const int narrow = n - n0 <= TILE_COLUMNS / 2;
    float16 sum[TILE_ROWS][2];
    local float16 panel[2 * DEPTH];
    for (size_t k0 = 0; k0 < K; k0 += DEPTH) {
        const size_t depth = min(K - k0, (size_t)DEPTH);
        transpose_panel(panel, W, k0, depth, K, (size_t)ldw, (size_t)strip, n0, n - n0);
        for (size_t i = m0; i < m1; i += TILE_ROWS) {
            global float *out = dx + i * x_row + n0;
            if (k0 == 0)
                tile_clear(sum);
            else
                tile_load(sum, out, x_row, narrow);
            tile_panel(sum, dz + i * z_row + k0, panel, depth, z_row, 1);
            if (k0 + depth == K)
                finish_bwd(sum, kept + i * x_row + n0, x_row, narrow);
            tile_store(sum, out, x_row, narrow);
        }
    }
}

#endif
