/* The resident plan: many whole training steps of a small network in one launch, over the ends of
 * epochs.  One work-item does it all: it draws the order of the rows, gathers each batch, goes
 * forward and back, updates, and keeps the account of every epoch.  FORM chooses how the lanes are
 * used.  Left out: dropout, teachers, maxout, class weights, frozen layers and clipping, which the
 * other plans have. */
#include "resident.clh"

#define UNROLL 16 /* terms of a sum in a row */

#if FORM == 0
#include "resident_samples.clh"
#else
#include "resident_units.clh"
#endif

/* The lanes of 16 numbers that the macro NUMBER gives for sample b. */
#define GATHER16(to, elem, load, first)                                                            \
    do {                                                                                           \
        elem lane_[16] = {0};                                                                      \
        _Pragma("unroll") for (int l = 0; l < 16; l++) if ((first) + l < BATCH) lane_[l] =         \
            NUMBER(b->row[(first) + l]);                                                           \
        to = vload16(0, lane_);                                                                    \
    } while (0)

/* Targets and scale of the rows that b names. */
INLINE void take_targets(struct batch *b, global const TARGET_ELEM *t, float scale)
{
#pragma unroll
    for (int v = 0; v < SAMPLES; v++) {
        struct goal *g = &b->goal[v];
#if TARGET == TARGET_CLASS
#define NUMBER(row) t[row]
        GATHER16(g->label, int, NUMBER, 16 * v);
#undef NUMBER
#else
#pragma unroll
        for (int o = 0; o < OUTPUTS; o++)
#define NUMBER(row) t[(row)*OUTPUTS + (size_t)o]
            GATHER16(g->value[o], float, NUMBER, 16 * v);
#undef NUMBER
#endif
        g->scale = select((float16)(0.0f), (float16)(scale), LANES < (int16)(b->B - 16 * v));
    }
}

/* Runs `steps` steps, the first of them step `epoch_step` (from 0) of epoch `epoch` (from 1).
 *
 * params, the moments: slabs, in/out; grads: the gradients of the last step; best: the parameters
 * behind an epoch whose loss is below best_loss (2: two-sum, in/out), best_epoch[0] its number.
 * stats (4), hits (1): the sums of the epoch under way, in/out.  t (rows) or (rows,outputs); x
 * (rows,inputs), bytes with scale and shift.  perm and list (rows), walk (the shuffle's domain) are
 * scratch.  rates: rate, root and decay of struct rates, rate_step floats from one step to the
 * next. mean, mean_short: what dz is multiplied by, in an epoch's last batch where that is short.
 * ring: stats and hits of each epoch that ends, ring_step floats from one to the next. */
__attribute__((reqd_work_group_size(1, 1, 1))) kernel void resident(global float *params,
                                                                    MOMENTS ACCOUNT, FEATURES,
                                                                    global const TARGET_ELEM *t,
                                                                    ORDER SCALARS)
{
    struct net n;
    struct batch batch;
    struct rates r = {
        .l2 = l2, .keep0 = keep0, .rest0 = rest0, .keep1 = keep1, .rest1 = rest1, .eps = eps};
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    float lowest[2] = {best_loss[0], best_loss[1]};
    int found = 0, best_of = best_epoch[0];
    size_t start = (size_t)epoch_step * BATCH;
#pragma unroll
    for (int v = 0; v < SAMPLES; v++) {
        batch.goal[v].delta = delta;
        batch.goal[v].keep = keep;
        batch.goal[v].share = share;
    }
#if FORM != 0
    clear_padding(&n);
#endif
    slab_read(n.w, params);
#if SLOTS > 0
    slab_read(n.slot0, slot0);
#endif
#if SLOTS > 1
    slab_read(n.slot1, slot1);
#endif
    if (epoch_step > 0) {
        for (int k = 0; k < 4; k++)
            sum[k] = stats[k];
        found = hits[0];
    }
#if PERMUTED
    draw_order(perm, walk, list, (uint)rows, seed, (uint)epoch);
#endif
    for (ulong s = 0; s < steps; s++) {
        const size_t left = (size_t)rows - start;
        if (!WHOLE || s == 0) {
            batch.B = left < BATCH ? (int)left : BATCH;
#pragma unroll 4
            for (int b = 0; b < BATCH; b++)
                batch.row[b] = ROW(start + (size_t)(b < batch.B ? b : 0));
            take_targets(&batch, t, left < BATCH ? mean_short : mean);
            gather(&n, &batch, FEATURES_GIVEN);
        }
        r.rate = rates[0];
        r.root = rates[1];
        r.decay = rates[2];
        rates += rate_step;
#if L2
        add_exactly(sum + 2, 0.5f * l2 * (float)batch.B * squares(&n));
#endif
        int right;
        add_exactly(sum, step(&n, &batch, &r, &right));
        found += right;
        start += BATCH;
        if (start < (size_t)rows)
            continue;
        start = 0;
        ring[0] = sum[0];
        ring[1] = sum[1];
        ring[2] = sum[2];
        ring[3] = sum[3];
        ring[4] = as_float(found);
        ring += ring_step;
        if (keep_best && lower(lowest, sum)) {
            slab_write(n.w, best);
            best_of = epoch;
        }
        epoch++;
        if (s + 1 == steps)
            break;
        sum[0] = sum[1] = sum[2] = sum[3] = 0.0f;
        found = 0;
#if PERMUTED
        draw_order(perm, walk, list, (uint)rows, seed, (uint)epoch);
#endif
    }
    slab_write(n.w, params);
    slab_write(n.g, grads);
#if SLOTS > 0
    slab_write(n.slot0, slot0);
#endif
#if SLOTS > 1
    slab_write(n.slot1, slot1);
#endif
    stats[0] = sum[0];
    stats[1] = sum[1];
    stats[2] = sum[2];
    stats[3] = sum[3];
    hits[0] = found;
    best_loss[0] = lowest[0];
    best_loss[1] = lowest[1];
    best_epoch[0] = best_of;
}
