/* Sums that stay on the device: losses and hits of a batch, the weights of its examples, and the
 * sums of squares behind the L2 penalty and the norms.  Work-items add their share in order and a
 * group adds up as a tree, so the same input gives the same bits.  GROUP is the work-group size, a
 * power of two. */
#ifndef GROUP
#error "GROUP is the work-group size, a power of two"
#endif
#define IN_GROUPS __attribute__((reqd_work_group_size(GROUP, 1, 1)))

#include "score.clh"

/* The sum of cell (GROUP) ends in cell[0]; all work-items of the group call it. */
INLINE void tree_sum(local float *cell, size_t l)
{
    for (size_t half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (l < half_size)
            cell[l] += cell[l + half_size];
    }
}

#ifdef TARGET
/* The same for whole numbers. */
INLINE void tree_count(local int *cell, size_t l)
{
    for (size_t half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (l < half_size)
            cell[l] += cell[l + half_size];
    }
}

/* stats[0..1] += the sum of row_loss (B); under class targets, hits[0] += how many rows of y (B,O)
 * mean their class t (B).  One work-group. */
IN_GROUPS kernel void score(global float *stats, global int *hits, global const float *row_loss,
                            global const float *y, global const TARGET_ELEM *t, int B, int O,
                            int ldy)
{
    local float cell[GROUP];
    local int found[GROUP];
    const size_t l = get_local_id(0);
    float sum = 0.0f;
    int count = 0;
    for (size_t b = l; b < (size_t)B; b += GROUP) {
        sum += row_loss[b];
        if (TARGET == TARGET_CLASS)
            count += hit(y + b * (size_t)ldy, (int)t[b], (size_t)O);
    }
    cell[l] = sum;
    found[l] = count;
    tree_sum(cell, l);
    tree_count(found, l);
    if (l == 0) {
        add_compensated(stats, cell[0]);
        hits[0] += found[0];
    }
}

#else

/* partial[g] = the sum of squares of this group's share of params (n), for each of the groups. */
IN_GROUPS kernel void square_sums(global float *partial, global const float *params, ulong n)
{
    local float cell[GROUP];
    const size_t l = get_local_id(0), step = 16 * get_global_size(0);
    float16 sum = (float16)(0.0f);
    for (size_t i = 16 * get_global_id(0); i < (size_t)n; i += step) {
        const float16 w = load16(params, i, (size_t)n);
        sum = fma(w, w, sum);
    }
    cell[l] = sum16(sum);
    tree_sum(cell, l);
    if (l == 0)
        partial[get_group_id(0)] = cell[0];
}

/* The sum of partial (count), in cell[0]; all work-items of the group call it. */
INLINE void sum_partial(local float *cell, global const float *partial, int count)
{
    const size_t l = get_local_id(0);
    float sum = 0.0f;
    for (size_t i = l; i < (size_t)count; i += GROUP)
        sum += partial[i];
    cell[l] = sum;
    tree_sum(cell, l);
}

/* stats[2..3] += factor times the sum of partial (count).  One work-group. */
IN_GROUPS kernel void penalty_add(global float *stats, global const float *partial, int count,
                                  float factor)
{
    local float cell[GROUP];
    sum_partial(cell, partial, count);
    if (get_local_id(0) == 0)
        add_compensated(stats + 2, factor * cell[0]);
}

/* out[at] = the sum of partial (count).  One work-group. */
IN_GROUPS kernel void square_total(global float *out, global const float *partial, int count,
                                   ulong at)
{
    local float cell[GROUP];
    sum_partial(cell, partial, count);
    if (get_local_id(0) == 0)
        out[at] = cell[0];
}

/* norm[0] = the weights of the classes t (B) added up.  One work-group. */
IN_GROUPS kernel void weight_sum(global float *norm, global const float *class_weights,
                                 global const int *t, int B)
{
    local float cell[GROUP];
    const size_t l = get_local_id(0);
    float sum = 0.0f;
    for (size_t b = l; b < (size_t)B; b += GROUP)
        sum += class_weights[t[b]];
    cell[l] = sum;
    tree_sum(cell, l);
    if (l == 0)
        norm[0] = cell[0];
}
#endif
