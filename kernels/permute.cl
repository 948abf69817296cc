/* The order of an epoch's rows, drawn on the device from (seed, epoch).  A work-item draws SHARE
 * positions, 16 at a time: the key costs as much as a few of them. */
#include "shuffle.clh"

#define SHARE 64

/* Where the shuffle takes 16 positions below n. */
INLINE uint16 drawn16(uint16 at, uint n, uint half_bits, const uint *key)
{
    int16 walks = (int16)(-1);
    do {
        at = select(at, feistel16(at, half_bits, key), walks);
        walks = at >= n;
    } while (any(walks));
    return at;
}

/* perm[i] = where the shuffle takes position i.  perm (n) is overwritten; 1 <= n <= 2^31.  Global
 * range: (n / SHARE), rounded up. */
kernel void permute(global int *perm, ulong n, ulong seed, uint epoch)
{
    uint key[SHUFFLE_ROUNDS];
    size_t i = SHARE * get_global_id(0);
    const size_t end = min(i + SHARE, (size_t)n);
    const uint half_bits = shuffle_half_bits(n);
    shuffle_key(key, seed, epoch);
    if (n == 1) {
        perm[0] = 0;
        return;
    }
    while (i < end) {
        const int whole = i + 16 <= end;
        const uint16 next = (uint)i + (whole ? as_uint16(LANES) : (uint16)(0u));
        const uint16 at = drawn16(next, (uint)n, half_bits, key);
        if (whole)
            vstore16(as_int16(at), 0, perm + i);
        else
            perm[i] = (int)at.s0;
        i += whole ? 16 : 1;
    }
}
