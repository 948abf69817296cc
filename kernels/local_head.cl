/* The head of a network, for devices with local memory of its own: what head.cl does, by the same
 * arguments, to the same bits.  A group of 8 x 16 work-items takes up to 8 rows: one logit each,
 * then one row's loss each of the first few, then the columns of the layer in front. */
#ifndef OUTPUTS
#error "OUTPUTS is the number of outputs, 1 to 16"
#endif
#ifndef DELTA
#error "DELTA is 1 where the layer in front gets its delta, else 0"
#endif
#define TAUGHT 0
#include "loss.clh"
#include "score.clh"

#define ROWS 8
#define COLUMNS 16
#define ITEMS (ROWS * COLUMNS)
#define K_PIECE 64

/* Rows of x in local memory: four floats more than they hold, so that rows lie in other banks. */
#define X_ROW (K_PIECE + 4)

#if DELTA
#define DELTA_ARGS global float *dx, global const float *kept,
#ifdef FRONT_A_BITS
#define FRONT_A as_float(FRONT_A_BITS)
#else
#define FRONT_A 0.0f
#endif
#else
#define DELTA_ARGS
#endif

/* A group's part of x and W, and later of dz. */
struct pieces {
    float4 x[ROWS * X_ROW / 4], w[K_PIECE * COLUMNS / 4];
};

/* The logit, without its bias, of row l / 16 of x (rows,I) and column l % 16 of W (I,OUTPUTS): the
 * chain fma(x[k], W[k], sum).  Pieces of 64 k pass through local memory; the next is on its way
 * while one is multiplied. */
INLINE float logit(local struct pieces *pieces, global const float *x, global const float *W,
                   uint l, uint rows, uint I, uint ldx, uint ldw)
{
    const uint x_row = l / 16, x_k = 4 * (l % 16), w_k = l / 4, w_column = 4 * (l % 4);
    local const float *x_own = (local const float *)pieces->x + l / COLUMNS * X_ROW;
    local const float *w_own = (local const float *)pieces->w + l % COLUMNS;
    const float4 none = (float4)(0.0f);
    float sum = 0.0f;
    for (uint k0 = 0;; k0 += K_PIECE) {
        float4 next = none, low = none, high = none;
        if (x_row < rows && k0 + x_k < I)
            next = *(global const float4 *)(x + (size_t)x_row * ldx + k0 + x_k);
        if (k0 + w_k < I)
            low = *(global const float4 *)(W + (size_t)(k0 + w_k) * ldw + w_column);
        if (k0 + w_k + K_PIECE / 2 < I)
            high = *(global const float4 *)(W + (size_t)(k0 + w_k + K_PIECE / 2) * ldw + w_column);
        if (k0 > 0) {
#pragma unroll 8
            for (uint k = 0; k < K_PIECE; k++)
                sum = fma(x_own[k], w_own[k * COLUMNS], sum);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (k0 >= I)
            return sum;
        pieces->x[(x_row * X_ROW + x_k) / 4] = next;
        pieces->w[l] = low;
        pieces->w[l + ITEMS] = high;
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

#if DELTA
/* dx (rows,I) = (dz W^T) * f'; dz (ROWS,16) in local memory, W (I,OUTPUTS).  A work-item takes a
 * column of all rows. */
INLINE void head_delta(global float *dx, global const float *kept, local const float *dz,
                       global const float *W, uint l, uint rows, uint I, uint ldx, uint ldw)
{
    for (uint i = l; i < I; i += ITEMS) {
        const float16 w = vload16(0, W + (size_t)i * ldw);
#pragma nounroll
        for (uint b = 0; b < rows; b++) {
            const size_t at = (size_t)b * ldx + i;
            local const float *row = dz + b * COLUMNS;
            float sum = 0.0f;
#define TERM(o, lane)                                                                              \
    if (o < OUTPUTS)                                                                               \
    sum = fma(row[o], w.lane, sum)
            TERM(0, s0);
            TERM(1, s1);
            TERM(2, s2);
            TERM(3, s3);
            TERM(4, s4);
            TERM(5, s5);
            TERM(6, s6);
            TERM(7, s7);
            TERM(8, s8);
            TERM(9, s9);
            TERM(10, sa);
            TERM(11, sb);
            TERM(12, sc);
            TERM(13, sd);
            TERM(14, se);
            TERM(15, sf);
#undef TERM
#if FRONT_KIND != IDENTITY
            sum = sum * activation_slope16(FRONT_KIND, FRONT_A, (float16)(kept[at])).s0;
#endif
            dx[at] = sum;
        }
    }
}
#endif

/* As head of head.cl; rows is at most ROWS.  Global range: 128 work-items for each `rows` of B. */
__attribute__((reqd_work_group_size(ITEMS, 1, 1))) kernel void
head(global float *y, global float *dz, global float *row_loss, global int *row_hits,
     global float *z, DELTA_ARGS global const float *x, global const float *W,
     global const float *bias, global const TARGET_ELEM *t, WEIGHTS int B, int I, int rows, int ldz,
     int ldx, int ldw, float scale, float delta, float keep, float share)
{
    local struct pieces pieces;
    const uint l = (uint)get_local_id(0), row = l / COLUMNS, column = l % COLUMNS;
    const size_t b0 = (size_t)rows * get_group_id(0), z_row = (size_t)ldz;
    const uint here = (uint)min(B - (int)b0, rows);
    const float sum = logit(&pieces, x + b0 * (size_t)ldx, W, l, here, (uint)I, (uint)ldx,
                            (uint)ldw);
    if (row < here)
        z[(b0 + row) * z_row + column] = sum + (column < OUTPUTS ? bias[column] : 0.0f);
    barrier(CLK_GLOBAL_MEM_FENCE);
    if (l < here) {
        const size_t b = b0 + l;
        struct row r;
        row_begin(&r, y, dz, z, t, WEIGHTS_OF b, OUTPUTS, z_row, z_row, scale, delta, keep, share);
        row_loss[b] = row_loss_fwd(&r);
        if (TARGET == TARGET_CLASS)
            row_hits[b] = hit(r.y, (int)r.t[0], OUTPUTS);
    }
#if DELTA
    barrier(CLK_GLOBAL_MEM_FENCE);
    local float *dz_here = (local float *)pieces.w;
    if (row < here)
        dz_here[l] = dz[(b0 + row) * z_row + column];
    barrier(CLK_LOCAL_MEM_FENCE);
    head_delta(dx + b0 * (size_t)ldx, kept + b0 * (size_t)ldx, dz_here, W, l, here, (uint)I,
               (uint)ldx, (uint)ldw);
#endif
}
