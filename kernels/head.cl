/* The head of a network in one launch: product and bias of the output layer, its activation, loss
 * and first delta, hits, and the delta of the layer in front.  The same bits as the launches one by
 * one.  One work-item takes `rows` rows; OUTPUTS, at most 16, is how many outputs there are.  DELTA
 * is 1 where the layer in front gets its delta here, FRONT_KIND (and FRONT_A_BITS) is then its
 * activation.  Left out: teachers, maxout, dropout in front of the output layer. */
#ifndef OUTPUTS
#error "OUTPUTS is the number of outputs, 1 to 16"
#endif
#ifndef DELTA
#error "DELTA is 1 where the layer in front gets its delta, else 0"
#endif
#define TAUGHT 0
#include "loss.clh"
#include "tile.clh"
#include "score.clh"

#if DELTA
#define DELTA_ARGS global float *dx, global const float *kept,
#ifdef FRONT_A_BITS
#define FRONT_A as_float(FRONT_A_BITS)
#else
#define FRONT_A 0.0f
#endif

/* dx (rows,I) = (dz W^T) * f'; dz (rows,OUTPUTS), W (I,OUTPUTS). */
INLINE void head_delta(global float *dx, global const float *kept, global const float *dz,
                       global const float *W, size_t rows, size_t I, size_t ldx, size_t ldz,
                       size_t ldw)
{
    for (size_t i = 0; i < I; i += 16) {
        float16 w[16];
        transpose16(w, W + i * ldw, ldw, i, I);
        for (size_t b = 0; b < rows; b += TILE_ROWS) {
            float16 sum[TILE_ROWS];
#pragma unroll
            for (size_t r = 0; r < TILE_ROWS; r++)
                sum[r] = (float16)(0.0f);
#pragma unroll
            for (size_t o = 0; o < OUTPUTS; o++) {
#pragma unroll
                for (size_t r = 0; r < TILE_ROWS; r++)
                    sum[r] = fma((float16)(dz[(b + r) * ldz + o]), w[o], sum[r]);
            }
#pragma unroll
            for (size_t r = 0; r < TILE_ROWS; r++) {
                const size_t at = (b + r) * ldx + i;
#if FRONT_KIND != IDENTITY
                sum[r] = sum[r] * activation_slope16(FRONT_KIND, FRONT_A, vload16(0, kept + at));
#endif
                put16(sum[r], dx + at);
            }
        }
    }
}
#else
#define DELTA_ARGS
#endif

/* z (8,OUTPUTS) = x W + b. */
INLINE void head_logits(global float *z, global const float *x, global const float *W, float16 bias,
                        size_t I, size_t ldz, size_t ldx, size_t ldw)
{
    float16 sum[TILE_ROWS];
#pragma unroll
    for (size_t r = 0; r < TILE_ROWS; r++)
        sum[r] = (float16)(0.0f);
#pragma unroll 4
    for (size_t k = 0; k < I; k++) {
        const float16 w = vload16(0, W + k * ldw);
#pragma unroll
        for (size_t r = 0; r < TILE_ROWS; r++)
            sum[r] = fma((float16)(x[r * ldx + k]), w, sum[r]);
    }
#pragma unroll
    for (size_t r = 0; r < TILE_ROWS; r++)
        put16(sum[r] + bias, z + r * ldz);
}

/* Overwrites y, dz, z (B,OUTPUTS), row_loss, row_hits (B), where t are classes, and dx (B,I).
 * x (B,I), W (I,OUTPUTS), bias (OUTPUTS), kept (B,I) the layer in front's y or z; the others as in
 * loss.cl.  Global range: (B / rows), groups of one;
 * rows is a multiple of 8. */
__attribute__((reqd_work_group_size(1, 1, 1))) kernel void
head(global float *y, global float *dz, global float *row_loss, global int *row_hits,
     global float *z, DELTA_ARGS global const float *x, global const float *W,
     global const float *bias, global const TARGET_ELEM *t, WEIGHTS int B, int I, int rows, int ldz,
     int ldx, int ldw, float scale, float delta, float keep, float share)
{
    const size_t z_row = (size_t)ldz, x_row = (size_t)ldx, w_row = (size_t)ldw, K = (size_t)I;
    const size_t b0 = (size_t)rows * get_group_id(0), b1 = min(b0 + (size_t)rows, (size_t)B);
    const size_t end = b0 + (b1 - b0 + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS; /* whole tiles */
    const float16 b16 = load16(bias, 0, OUTPUTS);
    for (size_t b = b0; b < end; b += TILE_ROWS)
        head_logits(z + b * z_row, x + b * x_row, W, b16, K, z_row, x_row, w_row);
    for (size_t b = b0; b < b1; b++) {
        struct row r;
        row_begin(&r, y, dz, z, t, WEIGHTS_OF b, OUTPUTS, z_row, z_row, scale, delta, keep, share);
        row_loss[b] = row_loss_fwd(&r);
        if (TARGET == TARGET_CLASS)
            row_hits[b] = hit(r.y, (int)r.t[0], OUTPUTS);
    }
#if DELTA
    head_delta(dx + b0 * x_row, kept + b0 * x_row, dz + b0 * z_row, W, end - b0, K, x_row, z_row,
               w_row);
#endif
}
