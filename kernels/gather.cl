/* A batch from the data set on the device: rows start..start+B, or with PERMUTED those that perm
 * puts there.  Bytes are scaled on the way.  Columns beyond the last feature become zero. */
#ifndef PERMUTED
#error "PERMUTED is 1 where the rows come in the order of perm, else 0"
#endif
#include "gather.clh"

#if PERMUTED
#define PERM global const int *perm,
#define ROW(i) ((size_t)perm[i])
#else
#define PERM
#define ROW(i) (i)
#endif

/* x[b] = data[row] * scale + shift.  x (B,I) is overwritten; data (rows,I) dense; scale and shift
 * (I). */
kernel void gather_bytes(global float *x, global const uchar *data, PERM global const float *scale,
                         global const float *shift, ulong start, int B, int I, int ldx)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1), n = (size_t)I;
    if (j >= n || b >= (size_t)B)
        return;
    global const uchar *row = data + ROW((size_t)start + b) * n;
    put16(scaled16(row, scale, shift, j, n), x + b * (size_t)ldx + j);
}

/* x[b] = data[row].  x (B,I) is overwritten; data (rows,I) dense. */
kernel void gather_floats(global float *x, global const float *data, PERM ulong start, int B, int I,
                          int ldx)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1), n = (size_t)I;
    if (j >= n || b >= (size_t)B)
        return;
    global const float *row = data + ROW((size_t)start + b) * n;
    put16(load16(row, j, n), x + b * (size_t)ldx + j);
}

/* t[b] = data[row].  t (B) is overwritten; data (rows). */
kernel void gather_labels(global int *t, global const int *data, PERM ulong start, int B)
{
    const size_t b = get_global_id(0);
    if (b < (size_t)B)
        t[b] = data[ROW((size_t)start + b)];
}
