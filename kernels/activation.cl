/* Activations of hidden and output layers and their derivatives: element by element, softmax, which
 * works on rows, and maxout, which takes the largest of several columns.  ACT_KIND chooses; the
 * functions themselves are in activation.clh. */
#ifndef ACT_KIND
#error "ACT_KIND is the activation, a value of enum clg_act"
#endif
#include "activation.clh"

#if ACT_KIND == SOFTMAX

/* y = softmax(z), each row by itself.  y (B,N) is overwritten and may be z (B,N). */
kernel void softmax_fwd(global float *y, global const float *z, int B, int N, int ldz)
{
    const size_t b = get_global_id(0);
    if (b >= (size_t)B)
        return;
    global const float *row = z + b * (size_t)ldz;
    row_softmax(y + b * (size_t)ldz, row, (size_t)N, row_max(row, (size_t)N));
}

#elif ACT_KIND == MAXOUT

/* y (B,N) = the largest piece of each column of z (B,N*pieces).  y is overwritten. */
kernel void maxout_fwd(global float *y, global const float *z, int B, int N, int pieces, int ldy,
                       int ldz)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1);
    int16 piece;
    if (j >= (size_t)N || b >= (size_t)B)
        return;
    const float16 largest = maxout16(&piece, z + b * (size_t)ldz, j, (size_t)N, pieces);
    put16(largest, y + b * (size_t)ldy + j);
}

/* dx (B,N*pieces) = dy (B,N) for the piece that was the largest, 0 for the others.  dx is
 * overwritten; z (B,N*pieces). */
kernel void maxout_bwd(global float *dx, global const float *dy, global const float *z, int B,
                       int N, int pieces, int ldx, int ldy)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1);
    int16 piece;
    if (j >= (size_t)N || b >= (size_t)B)
        return;
    maxout16(&piece, z + b * (size_t)ldx, j, (size_t)N, pieces);
    maxout_store16(vload16(0, dy + b * (size_t)ldy + j), piece, dx + b * (size_t)ldx, j, (size_t)N,
                   pieces);
}

#else

/* y = f(z).  y (B,N) is overwritten and may be z (B,N). */
kernel void act_fwd(global float *y, global const float *z, int B, int N, int ldz)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1);
    if (j >= (size_t)N || b >= (size_t)B)
        return;
    const size_t at = b * (size_t)ldz + j;
    put16(fill16(act16(vload16(0, z + at)), 0.0f, j, (size_t)N), y + at);
}

/* dx *= f'(z), from y = f(z), or from z where KEEPS_Z: kept (B,N).  dx (B,N) in/out. */
kernel void act_bwd(global float *dx, global const float *kept, int B, int N, int ldx)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1);
    if (j >= (size_t)N || b >= (size_t)B)
        return;
    const size_t at = b * (size_t)ldx + j;
    put16(vload16(0, dx + at) * slope16(vload16(0, kept + at)), dx + at);
}

#endif
