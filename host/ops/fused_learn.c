/* The fused plan's last launch of a step (kernels/learn.cl), and the table of jobs that says which
 * of its work-groups does what. */
#include "ops/fused_local.h"

#include "core/memory.h"
#include "ops/tuning.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* The kinds of jobs of kernels/learn.cl. */
enum { JOB_WEIGHTS, JOB_GATHER, JOB_SCORE, JOB_BIASES, JOB_TURN };

enum {
    LINE = 16, /* floats of a cache line */
    SMALL_WEIGHTS = 131072,
    LEAST_ROWS = 32, /* of W in a job: below it the panel costs too much */
    GATHER_JOBS = 16,
    TURN_BATCH = 512,      /* from which on turning pays */
    TURNED_BYTES = 540672, /* 256 rows of 528 floats */
    KEPT_TILES = 16,       /* of a job whose batch is deeper than a panel: rows_turned's least */
    TURN_ROWS = 32,        /* of an input turned, in a job */
    PARTS = 8,             /* stretches of the table that hold the same share of each layer */
    TILE_BYTES = CLG_TILE_ROWS * CLG_TILE_COLUMNS * (int)sizeof(cl_float)
};

/* ------------------------------------------------------------------- jobs */

/* Elements that the turned input of a layer takes. */
static size_t turned_size(const struct clg_fused_layer *layer, int row)
{
    return layer->trained ? ((size_t)layer->in + 15) / 16 * 16 * (size_t)row : 0;
}

size_t clg_fused_turned(int *row, clg_device *device, const struct clg_fused_net *net, int B)
{
    size_t size = 0;
    *row = 0;
    if (clg_way_of(device) == CLG_WAY_LOCAL || B < TURN_BATCH)
        return 0;
    *row = clg_stride(device, B);
    for (int l = 0; l < net->layers; l++)
        size += turned_size(&net->layer[l], *row);
    return size;
}

int clg_fused_turn_jobs(const struct clg_fused_net *net)
{
    int count = 0;
    for (int l = 0; l < net->layers && net->turned_row; l++)
        if (net->layer[l].trained)
            count += (net->layer[l].in + TURN_ROWS - 1) / TURN_ROWS;
    return count;
}

/* First element in the slab of the turned input of layer l. */
static size_t turned_at(const struct clg_fused_net *net, int l)
{
    size_t at = net->turned_at;
    for (int i = 0; i < l; i++)
        at += turned_size(&net->layer[i], net->turned_row);
    return at;
}

/* Rows of W whose inputs, turned, stay in a core's own cache while it takes all columns. */
static int rows_turned(const struct clg_fused_net *net)
{
    int rows = TURNED_BYTES / (int)sizeof(cl_float) / net->turned_row;
    rows = rows / LEAST_ROWS * LEAST_ROWS;
    return rows < 4 * LEAST_ROWS ? 4 * LEAST_ROWS : rows;
}

/* Rows of W that a job takes, by the knob of how many jobs there are to be. */
static int rows_of_job(const clg_device *device, const struct clg_fused_net *net,
                       const struct clg_fused_layer *layer)
{
    int columns = (layer->rows + CLG_TILE_COLUMNS - 1) / CLG_TILE_COLUMNS;
    int64_t rows = (int64_t)layer->in * columns / clg_knob(device, CLG_KNOB_LEARN_JOBS);
    rows = rows / LINE * LINE; /* whole cache lines of x */
    if (net->turned_row && rows > rows_turned(net))
        return rows_turned(net);
    return rows > LEAST_ROWS ? (int)rows : LEAST_ROWS;
}

static int jobs_of(const clg_device *device, const struct clg_fused_net *net,
                   const struct clg_fused_layer *layer)
{
    const int columns = (layer->rows + CLG_TILE_COLUMNS - 1) / CLG_TILE_COLUMNS;
    const int rows = rows_of_job(device, net, layer);
    return layer->trained ? columns * ((layer->in + rows - 1) / rows) : 0;
}

/* Whether consecutive jobs have the same rows of W, not the same columns: turned inputs are then
 * read once, and in a small W each core writes pages of its own (of a page that two cores write,
 * their prefetchers take lines away from each other). */
static int by_rows(const struct clg_fused_net *net, const struct clg_fused_layer *layer)
{
    return net->turned_row || (int64_t)layer->in * layer->rows <= SMALL_WEIGHTS;
}

/* Job number `index` of layer l. */
static void layer_job(int32_t *job, const clg_device *device, const struct clg_fused_net *net,
                      int l, int index)
{
    const struct clg_fused_layer *layer = &net->layer[l];
    const int rows = rows_of_job(device, net, layer), shares = (layer->in + rows - 1) / rows;
    const int columns = (layer->rows + CLG_TILE_COLUMNS - 1) / CLG_TILE_COLUMNS;
    int n0 = index / shares * CLG_TILE_COLUMNS, m0 = index % shares * rows;
    if (by_rows(net, layer)) {
        n0 = index % columns * CLG_TILE_COLUMNS;
        m0 = index / columns * rows;
    }
    const int w_row = clg_stride(device, layer->rows);
    job[0] = JOB_WEIGHTS;
    job[1] = m0;
    job[2] = m0 + rows < layer->in ? m0 + rows : layer->in;
    job[3] = n0;
    job[4] = layer->rows;
    job[5] = (int32_t)layer->W_at;
    job[6] = w_row;
    job[7] = layer->input_at == SIZE_MAX ? -1 : (int32_t)layer->input_at;
    job[8] = clg_stride(device, layer->in);
    job[9] = (int32_t)layer->dz_at;
    job[10] = w_row;
    job[11] = m0 == 0 ? (int32_t)layer->b_at + n0 : -1;
    job[12] = layer->strip;
    if (net->turned_row) {
        job[7] = (int32_t)turned_at(net, l);
        job[8] = net->turned_row;
    }
}

/* The jobs that turn the input of layer l; where they end. */
static int32_t *turn_jobs(int32_t *job, const clg_device *device, const struct clg_fused_net *net,
                          int l)
{
    const struct clg_fused_layer *layer = &net->layer[l];
    for (int m0 = 0; m0 < layer->in; m0 += TURN_ROWS, job += CLG_JOB_INTS) {
        job[0] = JOB_TURN;
        job[1] = m0;
        job[2] = m0 + TURN_ROWS < layer->in ? m0 + TURN_ROWS : layer->in;
        job[5] = (int32_t)turned_at(net, l);
        job[6] = net->turned_row;
        job[7] = layer->input_at == SIZE_MAX ? -1 : (int32_t)layer->input_at;
        job[8] = clg_stride(device, layer->in);
    }
    return job;
}

/* Part `part` of every layer's jobs; where they end.  Drivers hand out consecutive groups, half of
 * them at once: each stretch of the table must have its share of the work. */
static int32_t *part_jobs(int32_t *job, const clg_device *device, const struct clg_fused_net *net,
                          int part)
{
    for (int l = net->layers - 1; l >= 0; l--) {
        const int count = jobs_of(device, net, &net->layer[l]);
        for (int i = count * part / PARTS; i < count * (part + 1) / PARTS; i++) {
            layer_job(job, device, net, l, i);
            job += CLG_JOB_INTS;
        }
    }
    return job;
}

clg_status clg_fused_jobs(int32_t **jobs, int *count, clg_device *device,
                          const struct clg_fused_net *net)
{
    int32_t *job;
    if (clg_way_of(device) == CLG_WAY_LOCAL)
        return clg_local_jobs(jobs, count, device, net);
    *count = GATHER_JOBS + 1;
    for (int l = 0; l < net->layers; l++)
        *count += jobs_of(device, net, &net->layer[l]);
    const size_t all = (size_t)*count + (size_t)clg_fused_turn_jobs(net);
    CLG_TRY(clg_alloc(jobs, all * CLG_JOB_INTS, sizeof **jobs, "a table of jobs"));
    job = *jobs;
    for (int part = 0; part < PARTS; part++)
        job = part_jobs(job, device, net, part);
    for (int g = 0; g < GATHER_JOBS; g++, job += CLG_JOB_INTS) {
        job[0] = JOB_GATHER;
        job[1] = g;
        job[2] = GATHER_JOBS;
    }
    job[0] = JOB_SCORE;
    job += CLG_JOB_INTS;
    for (int l = 0; l < net->layers && net->turned_row; l++)
        if (net->layer[l].trained)
            job = turn_jobs(job, device, net, l);
    return CLG_OK;
}

/* ------------------------------------------------------------------ learn */

/* What the kernel's TARGET_KIND is. */
static int target_kind(const struct clg_fused *fused)
{
    return fused->net.target_input ? 0 : fused->net.target == CLG_TARGET_CLASS ? 1 : 2;
}

static clg_status prepare_learn(struct clg_fused *fused, int B, const struct clg_update *u,
                                const struct clg_fused_next *next)
{
    const struct clg_fused_net *net = &fused->net;
    char options[2 * CLG_OPTIONS];
    const int permuted = next->perm != NULL, depth = clg_panel_rows(fused->device, B);
    const int kept = B > depth ? KEPT_TILES : 0;
    if (fused->learn.kernel && fused->learn_data == next->data &&
        fused->learn_permuted == permuted && fused->learn_scored == fused->scored)
        return CLG_OK;
    clg_prepared_release(&fused->learn);
    fused->learn_data = next->data;
    fused->learn_permuted = permuted;
    fused->learn_scored = fused->scored;
    snprintf(options, sizeof options,
             "-DOPT=%d -DHAS_MOMENTUM=%d -DDEPTH=%d -DSCORED=%d -DPERMUTED=%d -DBYTES=%d "
             "-DTARGET_KIND=%d -DTURNED=%d -DKEPT=%d",
             (int)u->opt, u->momentum > 0, depth, fused->scored, permuted,
             next->data->x.elem == CLG_U8, target_kind(fused), net->turned_row > 0, kept);
    if (fused->local)
        return clg_local_prepare(&fused->learn, fused->device, "local_learn", options, "learn",
                                 clg_local_learn_tile(fused->device, &fused->net));
    CLG_TRY(clg_prepared_make(&fused->learn, fused->device, "learn", options, "learn"));
    clg_args_local(&fused->learn.args, clg_panel_bytes(depth) + (size_t)kept * TILE_BYTES);
    return CLG_OK;
}

static void push_buffers(struct clg_fused *fused, struct clg_args *args, const struct clg_buf *x,
                         const struct clg_update *u, const struct clg_fused_next *next)
{
    const struct clg_fused_net *net = &fused->net;
    const struct clg_rows *data = next->data;
    const int slots = clg_update_slots(u);
    clg_arg_buf(args, net->params);
    if (slots > 0)
        clg_arg_buf(args, net->slot0);
    if (slots > 1)
        clg_arg_buf(args, net->slot1);
    if (fused->scored) {
        clg_arg_buf(args, net->stats);
        clg_arg_buf(args, net->hits);
        clg_arg_buf(args, net->row_loss);
        clg_arg_buf(args, net->row_hits);
    }
    clg_arg_buf(args, next->x);
    if (!net->target_input) {
        clg_arg_buf(args, next->t);
        clg_arg_buf(args, &data->t);
    }
    if (target_kind(fused) == 2) {
        clg_arg_int(args, data->outputs);
        clg_arg_int(args, clg_stride(args->device, data->outputs));
    }
    clg_arg_buf(args, net->batch);
    clg_arg_buf(args, x);
    clg_arg_buf(args, net->jobs);
    clg_arg_buf(args, &data->x);
    if (data->x.elem == CLG_U8) {
        clg_arg_buf(args, &data->scale);
        clg_arg_buf(args, &data->shift);
    }
    if (next->perm)
        clg_arg_buf(args, next->perm);
}

static void push_rates(struct clg_args *args, const struct clg_update *u)
{
    const struct clg_rates rates = clg_rates_of(u);
    clg_arg_float(args, rates.rate);
    clg_arg_float(args, rates.root);
    clg_arg_float(args, rates.decay);
    clg_arg_float(args, u->l2);
    clg_arg_float(args, rates.keep0);
    clg_arg_float(args, 1 - rates.keep0);
    clg_arg_float(args, rates.keep1);
    clg_arg_float(args, 1 - rates.keep1);
    clg_arg_float(args, rates.eps);
}

/* Turns the inputs where learn reads them turned. */
static clg_status turn(struct clg_fused *fused, const struct clg_buf *x, int B)
{
    const struct clg_fused_net *net = &fused->net;
    if (!net->turned_row)
        return CLG_OK;
    if (!fused->turn.kernel)
        CLG_TRY(clg_prepared_make(&fused->turn, fused->device, "turn", "-DOPT=0 -DHAS_MOMENTUM=0",
                                  "turn"));
    struct clg_args *args = clg_prepared_begin(&fused->turn);
    clg_arg_buf(args, net->batch);
    clg_arg_buf(args, x);
    clg_arg_buf(args, net->jobs);
    clg_arg_int(args, net->job_count);
    clg_arg_int(args, B);
    return clg_launch1(args, (size_t)clg_fused_turn_jobs(net), 1);
}

clg_status clg_fused_learn(struct clg_fused *fused, const struct clg_buf *x,
                           const struct clg_buf *t, int B, const struct clg_update *u,
                           const struct clg_fused_next *next)
{
    const struct clg_fused_net *net = &fused->net;
    const struct clg_rows *data = next->data;
    if (!fused->scored)
        CLG_TRY(clg_ocl_score(fused->device, net->stats, net->hits, net->row_loss, net->out, t, B,
                              fused->layer[net->layers - 1].out, net->target));
    CLG_TRY(turn(fused, x, B));
    CLG_TRY(prepare_learn(fused, B, u, next));
    struct clg_args *args = clg_prepared_begin(&fused->learn);
    push_buffers(fused, args, x, u, next);
    clg_arg_int(args, B);
    clg_arg_int(args, next->B);
    clg_arg_ulong(args, next->start);
    clg_arg_int(args, data->features);
    clg_arg_int(args, clg_stride(args->device, data->features));
    push_rates(args, u);
    if (fused->local)
        return clg_launch_jobs(args, net->job_count - !fused->scored,
                               clg_local_learn_tile(fused->device, net));
    clg_arg_int(args, fused->in_strips);
    return clg_launch1(args, (size_t)net->job_count - !fused->scored, 1);
}
