/* The shuffle of an epoch, drawn on the device from (seed, epoch): the same numbers as
 * host/core/rng.c, whose comments name the sources.  Each position is computed by itself. */
#define SHUFFLE_ROUNDS 8
#define STREAM_SHUFFLE 2u

/* One pass of the Feistel network over 2 * half_bits bits. */
INLINE uint feistel(uint value, uint half_bits, const uint *key)
{
    const uint mask = (1u << half_bits) - 1u;
    uint left = value >> half_bits, right = value & mask;
    for (int round = 0; round < SHUFFLE_ROUNDS; round++) {
        uint mix = (right ^ key[round]) * 0x9E3779B1u;
        mix = (mix ^ (mix >> 15)) * 0x85EBCA6Bu;
        const uint swap = left ^ ((mix >> 13) & mask);
        left = right;
        right = swap;
    }
    return (left << half_bits) | right;
}

/* perm[i] = where the shuffle takes position i.  perm (n) is overwritten; 1 <= n <= 2^31. */
kernel void permute(global int *perm, ulong n, ulong seed, uint epoch)
{
    const size_t i = get_global_id(0);
    uint key[SHUFFLE_ROUNDS], half_bits = 1, at = (uint)i;
    if (i >= (size_t)n)
        return;
    while ((1ul << (2 * half_bits)) < n)
        half_bits++;
    vstore8(philox16(seed, STREAM_SHUFFLE, epoch, 0).lo, 0, key);
    if (n > 1) {
        do
            at = feistel(at, half_bits, key);
        while (at >= (uint)n);
    }
    perm[i] = (int)at;
}
