/* The last launch of a step, for devices with local memory of its own: what learn.cl does, by the
 * same arguments but another table of jobs, to the same bits.  A job is a work-group's.  The macros
 * are those of learn.cl but DEPTH, and those of local_tile.clh. */
#include "learn.clh"
#include "quad.clh"
#include "score.clh"

/* What a tile's sums are for: they are the gradient of a W (M,N), or of a b (1,N), that lies at
 * w_at. */
struct finish {
    struct slabs slabs;
    const struct rates *rates;
    uint w_at, ldw;
    int weights;
};

/* The four take turns in one copy of the optimiser, each from the first place round to the last. */
INLINE void finish4(const struct finish *f, uint i, uint j, local const float4 *gradient)
{
    const uint at = f->w_at + i * f->ldw + j; /* as a job has it: 32 bits */
    local const float *own_gradient = (local const float *)gradient;
    global float4 *w_place = (global float4 *)(f->slabs.params + at);
    float4 w = *w_place;
#if SLOTS > 0
    global float4 *first_place = (global float4 *)(f->slabs.slot0 + at);
    float4 first = *first_place;
#endif
#if SLOTS > 1
    global float4 *second_place = (global float4 *)(f->slabs.slot1 + at);
    float4 second = *second_place;
#endif
#pragma nounroll
    for (int turn = 0; turn < 4; turn++) {
        float16 own_first = (float16)(0.0f), own_second = (float16)(0.0f);
#if SLOTS > 0
        own_first = (float16)(first.s0);
#endif
#if SLOTS > 1
        own_second = (float16)(second.s0);
#endif
        const float16 next = optimise16((float16)(w.s0), &own_first, &own_second,
                                        (float16)(own_gradient[turn]), f->rates, f->weights);
        w = (float4)(w.s1, w.s2, w.s3, next.s0);
#if SLOTS > 0
        first = (float4)(first.s1, first.s2, first.s3, own_first.s0);
#endif
#if SLOTS > 1
        second = (float4)(second.s1, second.s2, second.s3, own_second.s0);
#endif
    }
    *w_place = w;
#if SLOTS > 0
    *first_place = first;
#endif
#if SLOTS > 1
    *second_place = second;
#endif
}

#include "local_finish.clh"

/* item(), by way of local memory, where a compiler does not know it from the work-item's ids.
 * NVIDIA's assembler otherwise computes it again all through the product where the optimiser
 * divides.  What is kept may be overwritten from tile_product's first barrier on. */
INLINE uint kept_item(local struct pieces *pieces)
{
    local uint *kept = (local uint *)pieces->quad;
    kept[item()] = item();
    barrier(CLK_LOCAL_MEM_FENCE);
    return kept[item()];
}

/* The gradient of a bias: the sum of the column dz (B) in the order of its rows.  Not unrolled
 * here: told to, Intel's compiler (2026.2) adds up in another order. */
INLINE float bias_gradient(global const float *dz, int B, uint ldz)
{
    float sum = 0.0f;
#pragma nounroll
    for (int b = 0; b < B; b++)
        sum += dz[(size_t)(uint)b * ldz];
    return sum;
}

#if SCORED
/* The batch's score, as reduce.cl's score adds it up; all work-items of the group call it. */
INLINE void learn_score(global float *stats, global int *hits, global const float *row_loss,
                        global const int *row_hits, local uint2 *cell, uint l, int B)
{
    float sum = 0.0f;
    int count = 0;
#pragma nounroll
    for (int b = (int)l; l < 64 && b < B; b += 64) {
        sum += row_loss[b];
        count += row_hits[b];
    }
    cell[l] = (uint2)(as_uint(sum), (uint)count);
#pragma nounroll
    for (uint half_size = 32; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (l < half_size) {
            const uint2 other = cell[l + half_size];
            sum += as_float(other.s0);
            count += (int)other.s1;
            cell[l] = (uint2)(as_uint(sum), (uint)count);
        }
    }
    if (l == 0) {
        add_compensated(stats, sum);
        hits[0] += count;
    }
}
#endif

/* As learn of learn.cl.  Global range: (ITEMS_N, ITEMS_M) for each job. */
__attribute__((reqd_work_group_size(ITEMS_N, ITEMS_M, 1))) kernel void
learn(global float *params, SLOT_ARGS SCORE_ARGS global float *x_next, TARGETS
      global const float *batch, global const float *x, global const int *jobs, DATA PERM
      int B, int next_B, ulong next_start, int features, int ldx, float rate, float root,
      float decay, float l2, float keep0, float rest0, float keep1, float rest1, float eps)
{
    local struct pieces pieces;
    const uint l = item();
    global const int *numbers = jobs + JOB_INTS * get_group_id(0);
    const struct rates rates = {rate, l2, keep0, rest0, keep1, rest1, root, eps, decay};
    struct job job;
    read_job(&job, numbers);
    const struct slabs slabs = {
        params,
#if SLOTS > 0
        slot0,
#endif
#if SLOTS > 1
        slot1,
#endif
    };
    if (numbers[0] == JOB_WEIGHTS || numbers[0] == JOB_BIASES) {
        const int weights = numbers[0] == JOB_WEIGHTS;
        const struct finish f = {slabs, &rates, (uint)job.w_at, (uint)job.ldw, weights};
        global const float *dz = batch + job.z_at;
        float4 sum[EACH_M][EACH_N / 4];
        local float *row = (local float *)pieces.quad;
        if (weights)
            tile_product(sum, &pieces, kept_item(&pieces), job.x_at < 0 ? x : batch + job.x_at, dz,
                         (uint)job.m0, (uint)job.n0, job.m1, job.N, B, (uint)job.ldx,
                         (uint)job.ldz, 0, 0);
        else if (l < TILE_N)
            row[l] = job.n0 + (int)l < job.N
                         ? bias_gradient(dz + job.n0 + l, B, (uint)job.ldz)
                         : 0.0f;
        finish_tile(&f, sum, &pieces, (uint)job.m0, (uint)job.n0, job.m1, job.N, !weights);
    } else if (numbers[0] == JOB_GATHER) {
#pragma nounroll
        for (uint b = (uint)job.m0; b < (uint)next_B; b += (uint)job.m1) {
            const uint row = (uint)ROW((size_t)next_start + b);
            const size_t first = (size_t)row * (uint)features;
            global float *to = x_next + b * (size_t)ldx;
#pragma nounroll
            for (uint j = l; j < (uint)features; j += ITEMS)
#if BYTES
                to[j] = fma((float)data[first + j], scale[j], shift[j]);
#else
                to[j] = data[first + j];
#endif
#if TARGET_KIND == 1
            if (l == 0)
                t_next[b] = targets[row];
#elif TARGET_KIND == 2
#pragma nounroll
            for (uint j = l; j < (uint)outputs; j += ITEMS)
                t_next[b * (size_t)ldt + j] = targets[row * (size_t)outputs + j];
#endif
        }
    }
#if SCORED
    else {
        learn_score(stats, hits, row_loss, row_hits, (local uint2 *)pieces.quad, l, B);
    }
#endif
}
