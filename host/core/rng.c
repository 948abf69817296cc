/* Philox4x32-10 and the Feistel shuffle; see rng.h for the sources. */
#include "core/rng.h"

#include <math.h>

#define TWO_PI 6.283185307179586476925286766559

void clg_philox(uint32_t out[4], uint64_t seed, uint32_t stream, uint32_t subsequence,
                uint64_t index)
{
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = subsequence, c3 = stream;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ key0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ key1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
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

/* A word as a number in (0,1): never 0, so that its logarithm exists. */
static double open_unit(uint32_t word)
{
    return ((double)word + 0.5) * (1.0 / 4294967296.0);
}

double clg_uniform(uint64_t seed, uint32_t stream, uint32_t subsequence, uint64_t index)
{
    uint32_t word[4];
    clg_philox(word, seed, stream, subsequence, index / 4);
    return open_unit(word[index % 4]);
}

double clg_normal(uint64_t seed, uint32_t stream, uint32_t subsequence, uint64_t index)
{
    uint32_t word[4];
    clg_philox(word, seed, stream, subsequence, index / 2);
    double radius = sqrt(-2.0 * log(open_unit(word[0]))), angle = TWO_PI * open_unit(word[1]);
    return index % 2 ? radius * sin(angle) : radius * cos(angle);
}

void clg_shuffle_begin(struct clg_shuffle *shuffle, size_t rows, uint64_t seed, uint32_t epoch)
{
    shuffle->rows = (uint32_t)rows;
    shuffle->half_bits = 1;
    while ((1ull << (2 * shuffle->half_bits)) < rows)
        shuffle->half_bits++;
    for (uint32_t i = 0; i < CLG_SHUFFLE_ROUNDS; i += 4)
        clg_philox(shuffle->key + i, seed, CLG_STREAM_SHUFFLE, epoch, i / 4);
}

/* One pass of the network over 2 * half_bits bits. */
static uint32_t feistel(const struct clg_shuffle *shuffle, uint32_t value)
{
    uint32_t mask = (1u << shuffle->half_bits) - 1u;
    uint32_t left = value >> shuffle->half_bits, right = value & mask;
    for (int round = 0; round < CLG_SHUFFLE_ROUNDS; round++) {
        uint32_t mix = (right ^ shuffle->key[round]) * 0x9E3779B1u;
        mix = (mix ^ (mix >> 15)) * 0x85EBCA6Bu;
        uint32_t swap = left ^ ((mix >> 13) & mask);
        left = right;
        right = swap;
    }
    return (left << shuffle->half_bits) | right;
}

uint32_t clg_shuffle_at(const struct clg_shuffle *shuffle, uint32_t i)
{
    if (shuffle->rows == 1)
        return 0;
    do
        i = feistel(shuffle, i);
    while (i >= shuffle->rows);
    return i;
}
