/* Random numbers that depend on (seed, stream, position) and nothing else: the reference, every
 * device and every plan draw the same ones, in any order.
 *
 * Generator: Philox4x32-10, Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011.  Shuffle: a Feistel network over the smallest even power of two that holds the
 * rows, walked until it lands inside, as in Mitchell, Stokes, Frank, Holmes: "Bandwidth-optimal
 * random shuffling for GPUs", 2021.  kernels/permute.cl holds the same arithmetic. */
#ifndef CLG_CORE_RNG_H
#define CLG_CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What a draw is for; each purpose has its own sequence under one seed. */
enum clg_stream {
    CLG_STREAM_INIT = 1,    /* subsequence = 2 * layer, + 1 for the bias */
    CLG_STREAM_SHUFFLE = 2, /* subsequence = epoch, from 1; 0 is the validation split */
    CLG_STREAM_DROPOUT = 3, /* kept for dropout masks */
    CLG_STREAM_TEST = 4     /* data drawn by tests and verify */
};

/* The four words of block `index` of (seed, stream, subsequence). */
void clg_philox(uint32_t out[4], uint64_t seed, uint32_t stream, uint32_t subsequence,
                uint64_t index);

/* Number `index` of the sequence: uniform in the open interval (0,1), 32 bits. */
double clg_uniform(uint64_t seed, uint32_t stream, uint32_t subsequence, uint64_t index);

/* Number `index` of the sequence: standard normal (Box-Muller, two numbers a block). */
double clg_normal(uint64_t seed, uint32_t stream, uint32_t subsequence, uint64_t index);

#define CLG_SHUFFLE_ROUNDS 8

/* The keys and widths of one shuffle of `rows` rows, 1 <= rows <= 2^31. */
struct clg_shuffle {
    uint32_t rows, half_bits, key[CLG_SHUFFLE_ROUNDS];
};
void clg_shuffle_begin(struct clg_shuffle *shuffle, size_t rows, uint64_t seed, uint32_t epoch);

/* Where the shuffle takes position i: a permutation of 0..rows-1. */
uint32_t clg_shuffle_at(const struct clg_shuffle *shuffle, uint32_t i);

#endif
