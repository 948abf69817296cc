/* The fused plan on devices with local memory of its own: which programs, tiles and jobs its
 * launches take there (kernels/local_dense.cl, local_head.cl, local_learn.cl).  The launches
 * themselves, which have the arguments of the other form, are in fused.c and fused_learn.c. */
#include "ops/fused_local.h"

#include "core/memory.h"

#include <stdio.h>

enum {
    HEAD_ROWS = 8, /* of a group, at most: kernels/local_head.cl */
    HEAD_ITEMS = 128,
    GATHER_JOBS = 64
};

/* The kinds of jobs of kernels/learn.clh. */
enum { JOB_WEIGHTS, JOB_GATHER, JOB_SCORE, JOB_BIASES };

clg_status clg_local_prepare(struct clg_prepared *prepared, clg_device *device, const char *program,
                             const char *options, const char *name, int tile)
{
    char all[5 * CLG_OPTIONS + CLG_TILE_OPTIONS], tile_options[CLG_TILE_OPTIONS];
    clg_tile_options(tile_options, tile);
    snprintf(all, sizeof all, "%s %s", options, tile_options);
    return clg_prepared_make(prepared, device, program, all, name);
}

/* ------------------------------------------------------------------- head */

/* As few rows a group as still fill all multiprocessors twice: the chain of each logit is as long
 * whatever their number. */
int clg_local_head_rows(const clg_device *device, int B)
{
    const int64_t groups = 2 * (int64_t)device->info.units;
    int64_t rows = (B + groups - 1) / groups;
    return rows < HEAD_ROWS ? (int)rows : HEAD_ROWS;
}

clg_status clg_local_launch_head(struct clg_args *args, int B)
{
    const size_t rows = (size_t)clg_local_head_rows(args->device, B);
    return clg_launch1(args, ((size_t)B + rows - 1) / rows * HEAD_ITEMS, HEAD_ITEMS);
}

/* ------------------------------------------------------------------- jobs */

static size_t tiles_of_net(const struct clg_fused_net *net, int tile)
{
    size_t count = 0;
    for (int l = 0; l < net->layers; l++)
        if (net->layer[l].trained)
            count += clg_tiles_over(net->layer[l].in, net->layer[l].rows, tile);
    return count;
}

int clg_local_learn_tile(const clg_device *device, const struct clg_fused_net *net)
{
    size_t groups[CLG_TILES];
    for (int tile = 0; tile < CLG_TILES; tile++)
        groups[tile] = tiles_of_net(net, tile);
    return clg_tile_for_groups(device, groups);
}

static int bias_jobs(const struct clg_fused_layer *layer, int tile)
{
    return (layer->rows + clg_tiles[tile].columns - 1) / clg_tiles[tile].columns;
}

/* One job a tile of W, and one for as many biases as a tile has columns: b is a matrix of one
 * row. */
static int32_t *layer_jobs(int32_t *job, const clg_device *device,
                           const struct clg_fused_layer *layer, int tile)
{
    const int x_row = clg_stride(device, layer->in), z_row = clg_stride(device, layer->rows);
    const int x_at = layer->input_at == SIZE_MAX ? -1 : (int)layer->input_at;
    const struct clg_tile *t = &clg_tiles[tile];
    for (int m0 = 0; m0 < layer->in; m0 += t->rows)
        for (int n0 = 0; n0 < layer->rows; n0 += t->columns, job += CLG_JOB_INTS) {
            const int32_t numbers[] = {JOB_WEIGHTS, m0,
                                       layer->in,   n0,
                                       layer->rows, (int32_t)layer->W_at,
                                       z_row,       x_at,
                                       x_row,       (int32_t)layer->dz_at,
                                       z_row,       -1};
            for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
                job[i] = numbers[i];
        }
    for (int n0 = 0; n0 < layer->rows; n0 += t->columns, job += CLG_JOB_INTS) {
        job[0] = JOB_BIASES;
        job[2] = 1;
        job[3] = n0;
        job[4] = layer->rows;
        job[5] = (int32_t)layer->b_at;
        job[9] = (int32_t)layer->dz_at;
        job[10] = z_row;
    }
    return job;
}

clg_status clg_local_jobs(int32_t **jobs, int *count, const clg_device *device,
                          const struct clg_fused_net *net)
{
    const int tile = clg_local_learn_tile(device, net);
    int32_t *job;
    *count = (int)tiles_of_net(net, tile) + GATHER_JOBS + 1;
    for (int l = 0; l < net->layers; l++)
        if (net->layer[l].trained)
            *count += bias_jobs(&net->layer[l], tile);
    CLG_TRY(clg_alloc(jobs, (size_t)*count * CLG_JOB_INTS, sizeof **jobs, "a table of jobs"));
    job = *jobs;
    for (int l = 0; l < net->layers; l++)
        if (net->layer[l].trained)
            job = layer_jobs(job, device, &net->layer[l], tile);
    for (int g = 0; g < GATHER_JOBS; g++, job += CLG_JOB_INTS) {
        job[0] = JOB_GATHER;
        job[1] = g;
        job[2] = GATHER_JOBS;
    }
    job[0] = JOB_SCORE;
    return CLG_OK;
}
