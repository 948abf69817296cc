/* The last launch of a step, for all layers at once: each weight's and bias's gradient, and the
 * optimiser's step on it while it is in registers; the batch's score; and the next batch, gathered
 * ahead.  The same bits as the launches one by one; gradients are never written.  Which work-group
 * does what is in a table of jobs that the host makes once.  OPT and HAS_MOMENTUM choose the
 * optimiser; DEPTH is how many rows of a batch a panel holds, KEPT how many tiles a job may have
 * where a batch is deeper (0: none is); SCORED is 1 where the batch is scored here; TURNED is 1
 * where the inputs lie turned (turn.cl); PERMUTED and BYTES say how the data set lies, TARGET_KIND
 * what its targets are: 0 none, 1 classes, 2 values.  Left out: clipping, which needs all gradients
 * first. */
#include "gather.clh"
#include "learn.clh"
#include "score.clh"
#include "tile.clh"

/* One step on the 16 elements at `at`, with gradient g. */
INLINE void step16(const struct slabs *s, size_t at, float16 g, const struct rates *r, int weights)
{
    const float16 w = vload16(0, s->params + at);
    float16 first = (float16)(0.0f), second = (float16)(0.0f);
#if SLOTS > 0
    first = vload16(0, s->slot0 + at);
#endif
#if SLOTS > 1
    second = vload16(0, s->slot1 + at);
#endif
    put16(optimise16(w, &first, &second, g, r, weights), s->params + at);
#if SLOTS > 0
    put16(first, s->slot0 + at);
#endif
#if SLOTS > 1
    put16(second, s->slot1 + at);
#endif
}

/* The biases of 16 columns: dz (B,16) summed in the order of its rows. */
INLINE void learn_bias(const struct slabs *s, size_t at, global const float *dz, size_t B,
                       size_t ldz, const struct rates *r)
{
    float16 sum = (float16)(0.0f);
    for (size_t b = 0; b < B; b++)
        sum += vload16(0, dz + b * ldz);
    step16(s, at, sum, r, 0);
}

/* The step on one tile of W, whose gradient is sum. */
INLINE void finish_learn(float16 (*sum)[2], const struct slabs *s, size_t at, size_t ldw,
                         const struct rates *rates, int narrow)
{
#pragma unroll
    for (size_t r = 0; r < TILE_ROWS; r++) {
        step16(s, at + r * ldw, sum[r][0], rates, 1);
        if (!narrow)
            step16(s, at + r * ldw + 16, sum[r][1], rates, 1);
    }
}

/* Where 8 columns of x begin, the steps to the next column and row, and to the row b. */
#if TURNED
#define X_TILE(m) (x + (m) * ldx)
#define X_STEPS ldx, 1
#define X_NEXT(b) (b)
#else
#define X_TILE(m) (x + (m))
#define X_STEPS 1, ldx
#define X_NEXT(b) ((b) * ldx)
#endif

#if KEPT
#define TILE_SIZE (2 * TILE_ROWS)

/* What a tile holds between two panels. */
INLINE void keep_tile(local float16 *kept, float16 (*sum)[2])
{
#pragma unroll
    for (size_t r = 0; r < TILE_ROWS; r++) {
        kept[2 * r] = sum[r][0];
        kept[2 * r + 1] = sum[r][1];
    }
}

INLINE void take_tile(float16 (*sum)[2], local const float16 *kept)
{
#pragma unroll
    for (size_t r = 0; r < TILE_ROWS; r++) {
        sum[r][0] = kept[2 * r];
        sum[r][1] = kept[2 * r + 1];
    }
}

/* learn_weights of 32 columns where a batch has more rows than a panel. */
INLINE void learn_deep(const struct slabs *s, const struct job *job, global const float *x,
                       global const float *dz, local float16 *panel, local float16 *kept, size_t B,
                       const struct rates *rates)
{
    const size_t ldw = (size_t)job->ldw, ldx = (size_t)job->ldx, ldz = (size_t)job->ldz;
    float16 sum[TILE_ROWS][2];
    for (size_t b = 0; b < B; b += DEPTH) {
        const size_t depth = min(B - b, (size_t)DEPTH);
        local float16 *tile = kept;
        copy_panel(panel, dz + b * ldz, depth, ldz, 0);
        for (size_t m = (size_t)job->m0; m < (size_t)job->m1; m += TILE_ROWS, tile += TILE_SIZE) {
            if (b == 0)
                tile_clear(sum);
            else
                take_tile(sum, tile);
            tile_panel(sum, X_TILE(m) + X_NEXT(b), panel, depth, X_STEPS);
            if (b + depth < B)
                keep_tile(tile, sum);
            else
                finish_learn(sum, s, (size_t)job->w_at + m * ldw, ldw, rates, 0);
        }
    }
}
#endif

#if KEPT
#define KEPT_PARAM local float16 *kept,
#define KEPT_ARG kept,
#else
#define KEPT_PARAM
#define KEPT_ARG
#endif

INLINE void learn_tiles(const struct slabs *s, const struct job *job, global const float *x,
                        global const float *dz, local float16 *panel, size_t B,
                        const struct rates *rates)
{
    const size_t ldw = (size_t)job->ldw, ldx = (size_t)job->ldx, ldz = (size_t)job->ldz;
    const size_t m1 = (size_t)job->m1;
    const int narrow = job->N - job->n0 <= 16, fits = B <= DEPTH;
    float16 sum[TILE_ROWS][2];
    if (!narrow && fits)
        copy_panel(panel, dz, B, ldz, 0);
    for (size_t m = (size_t)job->m0; m < m1; m += TILE_ROWS) {
        const size_t at = (size_t)job->w_at + m * ldw;
        tile_clear(sum);
        if (narrow) {
            tile_rows(sum, X_TILE(m), dz, B, ldz, X_STEPS, 1);
            finish_learn(sum, s, at, ldw, rates, 1);
        } else {
            if (fits)
                tile_panel(sum, X_TILE(m), panel, B, X_STEPS);
            else
                tile_rows(sum, X_TILE(m), dz, B, ldz, X_STEPS, 0);
            finish_learn(sum, s, at, ldw, rates, 0);
        }
    }
}

/* Rows m0..m1 of 32 columns of W, and their biases where the job has them. */
INLINE void learn_weights(const struct slabs *s, const struct job *job, global const float *x,
                          global const float *dz, local float16 *panel, KEPT_PARAM size_t B,
                          const struct rates *rates)
{
    const size_t ldz = (size_t)job->ldz;
    const int narrow = job->N - job->n0 <= 16;
#if KEPT
    if (!narrow && B > DEPTH && job->m1 - job->m0 <= KEPT * TILE_ROWS)
        learn_deep(s, job, x, dz, panel, kept, B, rates);
    else
#endif
        learn_tiles(s, job, x, dz, panel, B, rates);
    if (job->b_at >= 0) {
        learn_bias(s, (size_t)job->b_at, dz, B, ldz, rates);
        if (!narrow)
            learn_bias(s, (size_t)job->b_at + 16, dz + 16, B, ldz, rates);
    }
}

#if BYTES
#define PIECE16(row, j, n) scaled16(row, scale, shift, j, n)
#else
#define PIECE16(row, j, n) load16(row, j, n)
#endif

/* Makes w_at and ldw those of the job's columns, in a matrix or, where W lies so, in strips. */
INLINE void place_columns(struct job *job, int strips)
{
    if (strips && job->strip) {
        job->w_at += job->n0 / TILE_COLUMNS * job->strip;
        job->ldw = job->N - job->n0 <= TILE_COLUMNS / 2 ? TILE_COLUMNS / 2 : TILE_COLUMNS;
    } else {
        job->w_at += job->n0;
    }
}

/* params and slots are in/out; stats[0..1] and hits[0] are added to; x_next (next_B,features) and
 * t_next are overwritten where next_B is above 0.  x (B,features) is the batch, batch holds the
 * other layers' inputs and all deltas.  strips is 1 where weights lie as strips.cl puts them.
 * rate, root and decay as in struct rates.  Global range: (jobs), groups of one. */
__attribute__((reqd_work_group_size(1, 1, 1))) kernel void
learn(global float *params, SLOT_ARGS SCORE_ARGS global float *x_next, TARGETS
      global const float *batch, global const float *x, global const int *jobs, DATA PERM
      int B, int next_B, ulong next_start, int features, int ldx, float rate, float root,
      float decay, float l2, float keep0, float rest0, float keep1, float rest1, float eps,
      int strips)
{
    local float16 panel[2 * DEPTH];
#if KEPT
    local float16 kept[KEPT * TILE_SIZE];
#endif
    global const int *numbers = jobs + JOB_INTS * get_group_id(0);
    const struct rates rates = {rate, l2, keep0, rest0, keep1, rest1, root, eps, decay};
    struct job job;
    read_job(&job, numbers);
    place_columns(&job, strips);
    if (numbers[0] == JOB_WEIGHTS) {
        struct slabs s;
        s.params = params;
#if SLOTS > 0
        s.slot0 = slot0;
#endif
#if SLOTS > 1
        s.slot1 = slot1;
#endif
        learn_weights(&s, &job, job.x_at < 0 ? x : batch + job.x_at, batch + job.z_at + job.n0,
                      panel, KEPT_ARG (size_t)B, &rates);
    } else if (numbers[0] == JOB_GATHER) {
        const size_t rows = (size_t)next_B, n = (size_t)features;
        const size_t share = (size_t)job.m0, shares = (size_t)job.m1;
        const size_t end = rows * (share + 1) / shares;
        for (size_t b = rows * share / shares; b < end; b++) {
            const size_t row = ROW((size_t)next_start + b);
            for (size_t j = 0; j < n; j += 16)
                put16(PIECE16(data + row * n, j, n), x_next + b * (size_t)ldx + j);
#if TARGET_KIND == 1
            t_next[b] = targets[row];
#elif TARGET_KIND == 2
            for (size_t j = 0; j < (size_t)outputs; j += 16)
                put16(load16(targets + row * (size_t)outputs, j, (size_t)outputs),
                      t_next + b * (size_t)ldt + j);
#endif
        }
    }
#if SCORED
    else {
        int found = 0;
        add_compensated(stats, batch_loss(row_loss, (size_t)B));
        for (size_t b = 0; b < (size_t)B; b++)
            found += row_hits[b];
        hits[0] += found;
    }
#endif
}
