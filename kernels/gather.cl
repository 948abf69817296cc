/* A batch from the data set on the device: rows start..start+B, or with PERMUTED those that perm
 * puts there.  Bytes are scaled on the way.  Columns beyond the last feature become zero. */
#ifndef PERMUTED
#error "PERMUTED is 1 where the rows come in the order of perm, else 0"
#endif

#if PERMUTED
#define PERM global const int *perm,
#define ROW(i) ((size_t)perm[i])
#else
#define PERM
#define ROW(i) (i)
#endif

/* Bytes j..j+15 of the row p (n), beyond its end whatever byte: their scale and shift are 0. */
#define NEXT(l) p[min(j + l, n - 1)]
INLINE uchar16 bytes16(global const uchar *p, size_t j, size_t n)
{
    if (j + 16 <= n)
        return vload16(0, p + j);
    return (uchar16)(p[j], NEXT(1), NEXT(2), NEXT(3), NEXT(4), NEXT(5), NEXT(6), NEXT(7), NEXT(8),
                     NEXT(9), NEXT(10), NEXT(11), NEXT(12), NEXT(13), NEXT(14), NEXT(15));
}
#undef NEXT

/* x[b] = data[row] * scale + shift.  x (B,I) is overwritten; data (rows,I) dense; scale and shift
 * (I). */
kernel void gather_bytes(global float *x, global const uchar *data, PERM global const float *scale,
                         global const float *shift, ulong start, int B, int I, int ldx)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1), n = (size_t)I;
    if (j >= n || b >= (size_t)B)
        return;
    global const uchar *row = data + ROW((size_t)start + b) * n;
    const float16 value = convert_float16(bytes16(row, j, n));
    vstore16(fma(value, load16(scale, j, n), load16(shift, j, n)), 0, x + b * (size_t)ldx + j);
}

/* x[b] = data[row].  x (B,I) is overwritten; data (rows,I) dense. */
kernel void gather_floats(global float *x, global const float *data, PERM ulong start, int B, int I,
                          int ldx)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1), n = (size_t)I;
    if (j >= n || b >= (size_t)B)
        return;
    global const float *row = data + ROW((size_t)start + b) * n;
    vstore16(load16(row, j, n), 0, x + b * (size_t)ldx + j);
}

/* t[b] = data[row].  t (B) is overwritten; data (rows). */
kernel void gather_labels(global int *t, global const int *data, PERM ulong start, int B)
{
    const size_t b = get_global_id(0);
    if (b < (size_t)B)
        t[b] = data[ROW((size_t)start + b)];
}
