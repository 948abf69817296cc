/* Weights and their moments between two layouts: the rows of a matrix, which all kernels know, and
 * strips of 32 columns, each of them contiguous, which the fused plan's kernels read and write
 * faster: what one core takes is then a run of memory, which its prefetchers follow without taking
 * the lines beside it, another core's.  Left out: which weights lie so, the host's choice. */
#include "tile.clh"

/* to = from, a matrix (I,N), of which columns from O on become zeros.  Each lies at its own place
 * by its own row and strip (strip_row).  Global range: (N / 16, I). */
kernel void strips_move(global float *to, global const float *from, ulong to_at, ulong from_at,
                        int I, int N, int O, int to_row, int to_strip, int from_row, int from_strip)
{
    const size_t j = 16 * get_global_id(0), i = get_global_id(1), n = (size_t)O;
    const size_t s = j / TILE_COLUMNS, in = j % TILE_COLUMNS;
    if (j >= (size_t)N || i >= (size_t)I)
        return;
    float16 v = (float16)(0.0f);
    if (j < n) {
        const size_t row = strip_row(j - in, n, (size_t)from_row, (size_t)from_strip);
        v = vload16(0, from + from_at + s * (size_t)from_strip + i * row + in);
    }
    const size_t row = strip_row(j - in, n, (size_t)to_row, (size_t)to_strip);
    put16(v, to + to_at + s * (size_t)to_strip + i * row + in);
}
