/* The shuffle of an epoch, drawn on the device from (seed, epoch): the same numbers as
 * host/core/rng.c, whose comments name the sources.  Each position is computed by itself. */
#define SHUFFLE_ROUNDS 8
#define STREAM_SHUFFLE 2u

/* The four words of block `index` of the shuffle's sequence: Philox4x32-10. */
INLINE void philox(uint *out, ulong seed, uint epoch, uint index)
{
    uint key0 = (uint)seed, key1 = (uint)(seed >> 32);
    uint c0 = index, c1 = 0, c2 = epoch, c3 = STREAM_SHUFFLE;
    for (int round = 0; round < 10; round++) {
        const uint n0 = mul_hi(0xCD9E8D57u, c2) ^ c1 ^ key0;
        const uint n2 = mul_hi(0xD2511F53u, c0) ^ c3 ^ key1;
        c1 = 0xCD9E8D57u * c2;
        c3 = 0xD2511F53u * c0;
        c0 = n0;
        c2 = n2;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

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
    for (uint block = 0; block < SHUFFLE_ROUNDS / 4; block++)
        philox(key + 4 * block, seed, epoch, block);
    if (n > 1) {
        do
            at = feistel(at, half_bits, key);
        while (at >= (uint)n);
    }
    perm[i] = (int)at;
}
