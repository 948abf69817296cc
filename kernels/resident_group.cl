/* The resident plan by one work-group, for devices whose local memory is their fast one: what
 * resident.cl does with one work-item, with the units and samples of a layer, the weights, and the
 * rows of a batch dealt out to the work-items and a barrier between one layer and the next.
 * Parameters, activations and deltas lie in local memory, moments stay in their slabs, each with
 * the work-item that owns the parameter.  GROUP is the work-group's size. */
#define ONE_SAMPLE 1
#include "resident.clh"

#ifndef GROUP
#error "GROUP is the work-group size"
#endif
#define LOCAL_SYNC barrier(CLK_LOCAL_MEM_FENCE)
/* i from this work-item's first, its number in the group, to below n. */
#define DEAL(i, n) for (int i = item; i < (n); i += GROUP)

/* A layer's weights (I,O), then its biases, as the slabs have them but dense. */
#define AT1 0
#define AT2 (AT1 + S1 * (S0 + 1))
#if LAYERS > 1
#define AT3 (AT2 + S2 * (S1 + 1))
#else
#define AT3 AT2
#endif
#if LAYERS > 2
#define AT4 (AT3 + S3 * (S2 + 1))
#else
#define AT4 AT3
#endif
#if LAYERS > 3
#define PARAMETERS (AT4 + S4 * (S3 + 1))
#else
#define PARAMETERS AT4
#endif

/* Where element k of a layer's share of w lies in a slab. */
INLINE size_t place(int k, int I, int O, size_t at, int ld, size_t bias_at)
{
    return k < I * O ? at + (size_t)(k / O * ld + k % O) : bias_at + (size_t)(k - I * O);
}

/* does(l, inputs, outputs, place in w) for each layer l. */
#define LAYER_ARGS(l) W##l##_AT, W##l##_LD, B##l##_AT
#if LAYERS == 1
#define EACH_LAYER(does) does(1, S0, S1, AT1)
#elif LAYERS == 2
#define EACH_LAYER(does) does(1, S0, S1, AT1) does(2, S1, S2, AT2)
#elif LAYERS == 3
#define EACH_LAYER(does) does(1, S0, S1, AT1) does(2, S1, S2, AT2) does(3, S2, S3, AT3)
#else
#define EACH_LAYER(does)                                                                           \
    does(1, S0, S1, AT1) does(2, S1, S2, AT2) does(3, S2, S3, AT3) does(4, S3, S4, AT4)
#endif

INLINE void slab_read(int item, local float *w, global const float *slab)
{
#define READ(l, I, O, at) DEAL(k, O *(I + 1)) w[at + k] = slab[place(k, I, O, LAYER_ARGS(l))];
    EACH_LAYER(READ)
#undef READ
}

INLINE void slab_write(int item, const local float *w, global float *slab)
{
#define WRITE(l, I, O, at) DEAL(k, O *(I + 1)) slab[place(k, I, O, LAYER_ARGS(l))] = w[at + k];
    EACH_LAYER(WRITE)
#undef WRITE
}

/* perm (n) = the shuffle of (seed, epoch), each position by itself (permute.cl). */
INLINE void deal_order(int item, global int *perm, uint n, ulong seed, uint epoch)
{
    const uint half_bits = shuffle_half_bits(n), mask = (1u << half_bits) - 1u;
    uint key[SHUFFLE_ROUNDS];
    shuffle_key(key, seed, epoch);
    for (uint i = (uint)item; i < n; i += GROUP) {
        uint at = i;
        if (n > 1) {
            do {
                uint left = at >> half_bits, right = at & mask;
#pragma unroll
                for (int round = 0; round < SHUFFLE_ROUNDS; round++) {
                    uint mix = (right ^ key[round]) * 0x9E3779B1u;
                    mix = (mix ^ (mix >> 15)) * 0x85EBCA6Bu;
                    const uint swap = left ^ ((mix >> 13) & mask);
                    left = right;
                    right = swap;
                }
                at = (left << half_bits) | right;
            } while (at >= n);
        }
        perm[i] = (int)at;
    }
    barrier(CLK_GLOBAL_MEM_FENCE);
}

/* z of one unit: x (I) times its column of w (I,O), and its bias. */
INLINE float unit_sum(const local float *x, const local float *w, const local float *bias, int I,
                      int O)
{
    float sum = x[0] * w[0];
#pragma unroll 8
    for (int i = 1; i < I; i++)
        sum = fma(x[i], w[i * O], sum);
    return sum + bias[0];
}

/* y (BATCH,O) of a hidden layer; z keeps what the derivative needs. */
INLINE void hidden_fwd(int item, local float *y, local float *z, const local float *x,
                       const local float *w, int kind, float a, int I, int O)
{
    DEAL(k, BATCH * O)
    {
        const int b = k / O, o = k % O;
        const float in = unit_sum(x + b * I, w + o, w + I * O + o, I, O);
        if (KEEPS_Z_OF(kind))
            z[k] = in;
        y[k] = ACTIVATION(kind, a, in);
    }
    LOCAL_SYNC;
}

/* dx (BATCH,I) in front of a layer with dz (BATCH,O); kept (BATCH,I). */
INLINE void delta_bwd(int item, local float *dx, const local float *dz, const local float *w,
                      const local float *kept, int kind, float a, int I, int O)
{
    DEAL(k, BATCH * I)
    {
        const int b = k / I, i = k % I;
        float sum = dz[b * O] * w[i * O];
#pragma unroll 8
        for (int o = 1; o < O; o++)
            sum = fma(dz[b * O + o], w[i * O + o], sum);
        dx[k] = sum * SLOPE(kind, a, kept[k]);
    }
    LOCAL_SYNC;
}

#if SLOTS == 0
#define MOMENTS_GIVEN
#elif SLOTS == 1
#define MOMENTS_GIVEN slot0,
#else
#define MOMENTS_GIVEN slot0, slot1,
#endif

/* Gradients of a layer's parameters w, from dz (BATCH,O) and its inputs x (BATCH,I), and the
 * optimiser's step on them. */
INLINE void learn(int item, local float *w, MOMENTS global float *grads, const local float *dz,
                  const local float *x, const struct rates *r, int I, int O, size_t at, int ld,
                  size_t bias_at)
{
    DEAL(k, O * (I + 1))
    {
        const int weight = k < I * O, i = k / O, o = k % O;
        const size_t in_slab = place(k, I, O, at, ld, bias_at);
        float g = weight ? dz[o] * x[i] : dz[o];
#pragma unroll 4
        for (int b = 1; b < BATCH; b++)
            g = weight ? fma(dz[b * O + o], x[b * I + i], g) : g + dz[b * O + o];
        grads[in_slab] = g;
#if SLOTS > 0
        float16 m0 = (float16)(slot0[in_slab]);
#endif
#if SLOTS > 1
        float16 m1 = (float16)(slot1[in_slab]);
#endif
#if SLOTS == 0
#define M0 0
#define M1 0
#elif SLOTS == 1
#define M0 &m0
#define M1 0
#else
#define M0 &m0
#define M1 &m1
#endif
        const float16 old = (float16)(w[k]), slope = (float16)(g);
        w[k] = DECAYS && weight ? optimise16(old, M0, M1, slope, r, 1).s0
                                : optimise16(old, M0, M1, slope, r, 0).s0;
#if SLOTS > 0
        slot0[in_slab] = m0.s0;
#endif
#if SLOTS > 1
        slot1[in_slab] = m1.s0;
#endif
    }
}

/* The output layer for the batch's samples, one a work-item: row_loss, row_hit (BATCH), and dz
 * (BATCH,OUTPUTS). */
INLINE void head(int item, local float *dz, local float *row_loss, local int *row_hit,
                 const local float *x, const local float *w, const local int *row,
                 global const TARGET_ELEM *t, struct goal *g, float mean, int B, int I)
{
    DEAL(b, BATCH)
    {
        float z[OUTPUTS], y[OUTPUTS], d[OUTPUTS];
#pragma unroll
        for (int o = 0; o < OUTPUTS; o++)
            z[o] = unit_sum(x + b * I, w + o, w + I * OUTPUTS + o, I, OUTPUTS);
#if TARGET == TARGET_CLASS
        g->label = t[row[b]];
#else
#pragma unroll
        for (int o = 0; o < OUTPUTS; o++)
            g->value[o] = t[(size_t)row[b] * OUTPUTS + (size_t)o];
#endif
        g->scale = b < B ? mean : 0.0f;
        const float loss = head_fwd(y, d, z, g);
        row_loss[b] = b < B ? loss : 0.0f;
        row_hit[b] = 0;
#if TARGET == TARGET_CLASS
        if (b < B && means(y, g->label))
            row_hit[b] = 1;
#endif
#pragma unroll
        for (int o = 0; o < OUTPUTS; o++)
            dz[b * OUTPUTS + o] = d[o];
    }
    LOCAL_SYNC;
}

/* The layers in front of the output: activations, what derivatives need, and deltas. */
#define HIDDEN(l, O)                                                                               \
    local float y##l[BATCH * O], kept##l[KEEPS_Z_OF(ACT##l) ? BATCH * O : 1], d##l[BATCH * O];
#define KEPT(l) (KEEPS_Z_OF(ACT##l) ? kept##l : y##l)

/* What a layer reads, and the delta behind it. */
#define INPUT1 in
#define INPUT2 y1
#define INPUT3 y2
#define INPUT4 y3
#if LAYERS == 1
#define DELTA1 dz
#elif LAYERS == 2
#define DELTA1 d1
#define DELTA2 dz
#elif LAYERS == 3
#define DELTA1 d1
#define DELTA2 d2
#define DELTA3 dz
#else
#define DELTA1 d1
#define DELTA2 d2
#define DELTA3 d3
#define DELTA4 dz
#endif

/* The arguments are those of resident.cl. */
__attribute__((reqd_work_group_size(GROUP, 1, 1))) kernel void
resident_group(global float *params, MOMENTS ACCOUNT, FEATURES, global const TARGET_ELEM *t,
               ORDER SCALARS)
{
    local float w[PARAMETERS], in[BATCH * S0], dz[BATCH * OUTPUTS], row_loss[BATCH];
    local int row[BATCH], row_hit[BATCH], better;
#if LAYERS > 1
    HIDDEN(1, S1)
#endif
#if LAYERS > 2
    HIDDEN(2, S2)
#endif
#if LAYERS > 3
    HIDDEN(3, S3)
#endif
    int item = (int)get_local_id(0);
    struct rates r = {
        .l2 = l2, .keep0 = keep0, .rest0 = rest0, .keep1 = keep1, .rest1 = rest1, .eps = eps};
    struct goal goal;
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f}, lowest[2] = {best_loss[0], best_loss[1]};
    int found = 0, best_of = best_epoch[0];
    size_t start = (size_t)epoch_step * BATCH;
    goal.delta = delta;
    goal.keep = keep;
    goal.share = share;
    if (epoch_step > 0) {
        for (int k = 0; k < 4; k++)
            sum[k] = stats[k];
        found = hits[0];
    }
    slab_read(item, w, params);
#if PERMUTED
    deal_order(item, perm, (uint)rows, seed, (uint)epoch);
#endif
    for (ulong s = 0; s < steps; s++) {
        const size_t left = (size_t)rows - start;
        const int B = left < BATCH ? (int)left : BATCH;
        DEAL(b, BATCH)
        row[b] = (int)ROW(start + (size_t)(b < B ? b : 0));
        LOCAL_SYNC;
        DEAL(k, BATCH * S0)
        in[k] = FEATURE((size_t)row[k / S0], k % S0);
        LOCAL_SYNC;
        r.rate = rates[0];
        r.root = rates[1];
        r.decay = rates[2];
        rates += rate_step;
#if L2
        if (item == 0) {
            float squares = 0.0f;
#define SQUARES(l, I, O, at)                                                                       \
    for (int k = at; k < at + O * I; k++)                                                          \
        squares = fma(w[k], w[k], squares);
            EACH_LAYER(SQUARES)
            add_exactly(sum + 2, 0.5f * l2 * (float)B * squares);
        }
#endif
        const float scale = left < BATCH ? mean_short : mean;
#if LAYERS > 1
        hidden_fwd(item, y1, KEPT(1), in, w + AT1, ACT1, as_float(A1), S0, S1);
#endif
#if LAYERS > 2
        hidden_fwd(item, y2, KEPT(2), y1, w + AT2, ACT2, as_float(A2), S1, S2);
#endif
#if LAYERS > 3
        hidden_fwd(item, y3, KEPT(3), y2, w + AT3, ACT3, as_float(A3), S2, S3);
#endif
#if LAYERS == 1
        head(item, dz, row_loss, row_hit, in, w, row, t, &goal, scale, B, S0);
#elif LAYERS == 2
        head(item, dz, row_loss, row_hit, y1, w + AT2, row, t, &goal, scale, B, S1);
#elif LAYERS == 3
        head(item, dz, row_loss, row_hit, y2, w + AT3, row, t, &goal, scale, B, S2);
#else
        head(item, dz, row_loss, row_hit, y3, w + AT4, row, t, &goal, scale, B, S3);
#endif
#if LAYERS > 3
        delta_bwd(item, d3, DELTA4, w + AT4, KEPT(3), ACT3, as_float(A3), S3, S4);
#endif
#if LAYERS > 2
        delta_bwd(item, d2, DELTA3, w + AT3, KEPT(2), ACT2, as_float(A2), S2, S3);
#endif
#if LAYERS > 1
        delta_bwd(item, d1, DELTA2, w + AT2, KEPT(1), ACT1, as_float(A1), S1, S2);
#endif
#define LEARN(l, I, O, at)                                                                         \
    learn(item, w + at, MOMENTS_GIVEN grads, DELTA##l, INPUT##l, &r, I, O, LAYER_ARGS(l));
        EACH_LAYER(LEARN)
        if (item == 0) {
            float loss = 0.0f;
            for (int b = 0; b < BATCH; b++) {
                loss += row_loss[b];
                found += row_hit[b];
            }
            add_exactly(sum, loss);
            better = 0;
        }
        start += BATCH;
        const int ends = start >= (size_t)rows;
        if (ends && item == 0) {
            for (int k = 0; k < 4; k++)
                ring[k] = sum[k];
            ring[4] = as_float(found);
            better = keep_best && lower(lowest, sum);
            if (better)
                best_of = epoch;
            if (s + 1 < steps) {
                sum[0] = sum[1] = sum[2] = sum[3] = 0.0f;
                found = 0;
            }
        }
        /* Nothing is added, but no compiler knows: PoCL 6 takes what a work-item's number decides
         * for all steps alike out of their loop, and loses work-items at the barriers. */
        item += row[0] < 0;
        /* of perm too, which was read, and of stats */
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        if (ends) {
            start = 0;
            ring += ring_step;
            epoch++;
            if (better)
                slab_write(item, w, best);
#if PERMUTED
            if (s + 1 < steps)
                deal_order(item, perm, (uint)rows, seed, (uint)epoch);
#endif
        }
    }
    slab_write(item, w, params);
    if (item == 0) {
        for (int k = 0; k < 4; k++)
            stats[k] = sum[k];
        hits[0] = found;
        best_loss[0] = lowest[0];
        best_loss[1] = lowest[1];
        best_epoch[0] = best_of;
    }
}
