/* Inverted dropout: what is kept and what is dropped depends on a counter-based generator and the
 * element's number alone, so that every device and the reference drop the same ones. */

/* The words of the elements i..i+15: word i % 4 of block i / 4, and so on.  They are moved by one,
 * then by two: of a choice among four LLVM makes a switch over two bits, in which Oclgrind 21.10
 * goes the wrong way. */
INLINE uint16 words16(ulong seed, uint stream, uint turn, ulong i)
{
    uint16 w = philox16(seed, stream, turn, i / 4);
    if (i % 4 == 0)
        return w;
    uint16 n = philox16(seed, stream, turn, i / 4 + 4);
    if (i % 2 != 0) {
        w = (uint16)(w.s1, w.s2, w.s3, w.s4, w.s5, w.s6, w.s7, w.s8, w.s9, w.sa, w.sb, w.sc, w.sd,
                     w.se, w.sf, n.s0);
        n.s01 = n.s12;
    }
    if (i / 2 % 2 != 0)
        w = (uint16)(w.s2, w.s3, w.s4, w.s5, w.s6, w.s7, w.s8, w.s9, w.sa, w.sb, w.sc, w.sd, w.se,
                     w.sf, n.s0, n.s1);
    return w;
}

/* y = x * scale where the element's word is at least threshold, else 0.  y (B,N) is overwritten and
 * may be x (B,N); element (b,j) is number b * N + j; turn is the optimiser's step. */
kernel void dropout_fwd(global float *y, global const float *x, int B, int N, int ldx, ulong seed,
                        uint stream, uint turn, uint threshold, float scale)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1), n = (size_t)N;
    if (j >= n || b >= (size_t)B)
        return;
    const size_t at = b * (size_t)ldx + j;
    const uint16 word = words16(seed, stream, turn, (ulong)(b * n + j));
    const float16 kept = select((float16)(0.0f), scale * vload16(0, x + at), word >= threshold);
    put16(fill16(kept, 0.0f, j, n), y + at);
}
