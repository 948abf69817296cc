/* The fused plan's forward and backward launches: a layer, the head, a delta.  What a kernel does
 * not cover is done by the plain plan's launches, to the same bits.  A step's last launch is in
 * fused_learn.c; what is different where the device has local memory of its own is in
 * fused_local.c. */
#include "ops/fused_local.h"

#include "core/memory.h"
#include "ops/tuning.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HEAD_OUTPUTS = 16, /* columns of one vector */
    HEAD_ROWS = 64,    /* of a group, at most */
    SCORE_GROUP = 64   /* the group of kernels/reduce.cl whose order of sums score.clh follows */
};

const char *clg_fused_refuses(clg_device *device)
{
    if (device->kind != CLG_OPENCL)
        return "the reference has no launches";
    if (clg_way_of(device) == CLG_WAY_CLBLAST)
        return "products go to CLBlast";
    if (device->max_group < SCORE_GROUP || device->max_items[0] < SCORE_GROUP)
        return "the device's work-groups are too small";
    return NULL;
}

clg_status clg_fused_create(struct clg_fused **out, clg_device *device,
                            const struct clg_fused_net *net)
{
    struct clg_fused *fused = NULL;
    size_t layers = (size_t)net->layers;
    clg_status status;
    *out = NULL;
    CLG_TRY(clg_alloc(&fused, 1, sizeof *fused, "prepared launches"));
    fused->device = device;
    fused->net = *net;
    fused->local = clg_way_of(device) == CLG_WAY_LOCAL;
    CLG_TRY_DONE(clg_alloc(&fused->layer, layers, sizeof *fused->layer, "prepared launches"));
    CLG_TRY_DONE(clg_alloc(&fused->fwd, layers, sizeof *fused->fwd, "prepared launches"));
    CLG_TRY_DONE(clg_alloc(&fused->delta, layers, sizeof *fused->delta, "prepared launches"));
    CLG_TRY_DONE(clg_alloc(&fused->fwd_tile, layers, sizeof *fused->fwd_tile, "tiles"));
    CLG_TRY_DONE(clg_alloc(&fused->delta_tile, layers, sizeof *fused->delta_tile, "tiles"));
    for (size_t l = 0; l < layers; l++)
        fused->layer[l] = net->layer[l];
    fused->net.layer = fused->layer;
    *out = fused;
    fused = NULL;
done:
    clg_fused_destroy(fused);
    return status;
}

void clg_fused_destroy(struct clg_fused *fused)
{
    if (!fused)
        return;
    for (int l = 0; l < fused->net.layers; l++) {
        if (fused->fwd)
            clg_prepared_release(&fused->fwd[l]);
        if (fused->delta)
            clg_prepared_release(&fused->delta[l]);
    }
    clg_prepared_release(&fused->head);
    clg_prepared_release(&fused->turn);
    clg_prepared_release(&fused->learn);
    free(fused->layer);
    free(fused->fwd);
    free(fused->delta);
    free(fused->fwd_tile);
    free(fused->delta_tile);
    free(fused);
}

const struct clg_fused_net *clg_fused_net_of(const struct clg_fused *fused)
{
    return &fused->net;
}

int clg_fused_has_hits(const struct clg_fused *fused)
{
    return fused->scored;
}

static size_t columns_of(int n)
{
    return ((size_t)n + CLG_TILE_COLUMNS - 1) / CLG_TILE_COLUMNS;
}

static size_t tiles_of(int rows)
{
    return ((size_t)rows + CLG_TILE_ROWS - 1) / CLG_TILE_ROWS;
}

/* Global range (shares of the rows, columns / 32) in groups of one. */
static clg_status launch_tiles(struct clg_args *args, int rows, int columns, enum clg_knob groups)
{
    const size_t wide = columns_of(columns), least = (size_t)clg_knob(args->device, groups);
    return clg_launch2(args, clg_row_shares(args->device, wide, tiles_of(rows), least), wide, 1, 1);
}

/* Whether the product reads W where it lies. */
static int is_small(const clg_device *device, int B, const struct clg_fused_layer *layer)
{
    return 2.0 * B * layer->in * layer->rows < (double)clg_knob(device, CLG_KNOB_PANEL_FLOPS);
}

static clg_status prepare_fwd(struct clg_fused *fused, int l, int B)
{
    const struct clg_fused_layer *layer = &fused->layer[l];
    char act[CLG_OPTIONS], options[2 * CLG_OPTIONS];
    if (fused->fwd[l].kernel)
        return CLG_OK;
    clg_act_options(act, &layer->act);
    if (fused->local) {
        fused->fwd_tile[l] = clg_tile_for(fused->device, B, layer->out, layer->in);
        snprintf(options, sizeof options, "-DFORWARD %s", act);
        return clg_local_prepare(&fused->fwd[l], fused->device, "local_dense", options, "dense_fwd",
                                 fused->fwd_tile[l]);
    }
    const int small = is_small(fused->device, B, layer);
    const int depth = small ? 0 : clg_panel_rows(fused->device, layer->in);
    snprintf(options, sizeof options, "-DFORWARD -DDEPTH=%d %s", depth, act);
    CLG_TRY(clg_prepared_make(&fused->fwd[l], fused->device, "dense", options, "dense_fwd"));
    clg_args_local(&fused->fwd[l].args, clg_panel_bytes(depth));
    return CLG_OK;
}

clg_status clg_fused_fwd(struct clg_fused *fused, int l, const struct clg_buf *input, int B)
{
    const struct clg_fused_layer *layer = &fused->layer[l];
    clg_device *device = fused->device;
    if (layer->act.kind == CLG_MAXOUT)
        return clg_ops_opencl.dense_fwd(device, layer->y, layer->z, input, layer->W, layer->b, B,
                                        layer->in, layer->out, &layer->act);
    CLG_TRY(prepare_fwd(fused, l, B));
    struct clg_args *args = clg_prepared_begin(&fused->fwd[l]);
    clg_arg_buf(args, layer->y);
    if (layer->z)
        clg_arg_buf(args, layer->z);
    clg_arg_buf(args, input);
    clg_arg_buf(args, layer->W);
    clg_arg_buf(args, layer->b);
    clg_arg_int(args, B);
    clg_arg_int(args, layer->in);
    clg_arg_int(args, layer->out);
    clg_arg_int(args, clg_stride(device, layer->out));
    clg_arg_int(args, clg_stride(device, layer->in));
    if (fused->local) {
        clg_arg_int(args, clg_stride(device, layer->out));
        return clg_launch_tiles(args, B, layer->out, fused->fwd_tile[l]);
    }
    clg_fused_push_strips(args, fused, layer);
    return launch_tiles(args, B, layer->out,
                        is_small(device, B, layer) ? CLG_KNOB_MANY_GROUPS : CLG_KNOB_GROUPS);
}

/* ------------------------------------------------------------------- head */

static int head_covers(const struct clg_fused *fused)
{
    const struct clg_fused_layer *last = &fused->layer[fused->net.layers - 1];
    return last->rows <= HEAD_OUTPUTS && last->act.kind != CLG_MAXOUT &&
           !fused->net.loss->teacher_z;
}

/* The launches one by one. */
static clg_status plain_head(struct clg_fused *fused, const struct clg_buf *input,
                             const struct clg_buf *t, int B, double scale)
{
    static const struct clg_activation identity = {CLG_IDENTITY, 0, 1};
    const struct clg_fused_net *net = &fused->net;
    const struct clg_fused_layer *last = &fused->layer[net->layers - 1];
    CLG_TRY(clg_ops_opencl.dense_fwd(fused->device, last->z, NULL, input, last->W, last->b, B,
                                     last->in, last->rows, &identity));
    return clg_ocl_loss_fwd(fused->device, net->out, last->dz, net->row_loss, last->z, t, B,
                            last->out, net->loss, &last->act, net->target, scale, net->mean);
}

/* Rows of a group: whole tiles, and enough groups for all cores. */
static int head_rows(const struct clg_fused *fused, int B)
{
    if (fused->local)
        return clg_local_head_rows(fused->device, B);
    size_t least = 2 * (size_t)fused->device->info.units;
    const size_t tuned = (size_t)clg_knob(fused->device, CLG_KNOB_HEAD_GROUPS);
    size_t groups = least > tuned ? least : tuned;
    size_t rows = CLG_TILE_ROWS * ((tiles_of(B) + groups - 1) / groups);
    return rows < HEAD_ROWS ? (int)rows : HEAD_ROWS;
}

static clg_status prepare_head(struct clg_fused *fused, int delta)
{
    const struct clg_fused_net *net = &fused->net;
    const struct clg_fused_layer *last = &fused->layer[net->layers - 1];
    char act[CLG_OPTIONS], front[CLG_OPTIONS] = "", options[4 * CLG_OPTIONS];
    if (fused->head.kernel && fused->head_delta == delta)
        return CLG_OK;
    clg_prepared_release(&fused->head);
    fused->head_delta = delta;
    clg_act_options(act, &last->act);
    if (delta)
        clg_front_options(front, &(last - 1)->act);
    snprintf(options, sizeof options,
             "-DLOSS=%d %s -DTARGET=%d -DWEIGHTED=%d -DOUTPUTS=%d -DDELTA=%d %s",
             (int)net->loss->kind, act, (int)net->target, net->loss->class_weights != NULL,
             last->out, delta, front);
    return clg_prepared_make(&fused->head, fused->device, fused->local ? "local_head" : "head",
                             options, "head");
}

static void push_head(struct clg_fused *fused, struct clg_args *args, const struct clg_buf *input,
                      const struct clg_buf *t, int B, double scale)
{
    const struct clg_fused_net *net = &fused->net;
    const struct clg_fused_layer *last = &fused->layer[net->layers - 1], *front = last - 1;
    const struct clg_loss_spec *loss = net->loss;
    clg_arg_buf(args, net->out);
    clg_arg_buf(args, last->dz);
    clg_arg_buf(args, net->row_loss);
    clg_arg_buf(args, net->row_hits);
    clg_arg_buf(args, last->z);
    if (fused->head_delta) {
        clg_arg_buf(args, front->dz);
        clg_arg_buf(args, front->z ? front->z : front->y);
    }
    clg_arg_buf(args, input);
    clg_arg_buf(args, last->W);
    clg_arg_buf(args, last->b);
    clg_arg_buf(args, t);
    if (loss->class_weights) {
        clg_arg_buf(args, loss->class_weights);
        clg_arg_buf(args, loss->norm);
        clg_arg_int(args, net->mean);
    }
    clg_arg_int(args, B);
    clg_arg_int(args, last->in);
    clg_arg_int(args, head_rows(fused, B));
    clg_arg_int(args, clg_stride(args->device, last->out));
    clg_arg_int(args, clg_stride(args->device, last->in));
    clg_arg_int(args, clg_stride(args->device, last->rows));
    clg_arg_float(args, scale);
    clg_arg_float(args, loss->delta);
    clg_arg_float(args, 1 - loss->smoothing);
    clg_arg_float(args, loss->smoothing / last->out);
}

clg_status clg_fused_head(struct clg_fused *fused, const struct clg_buf *input,
                          const struct clg_buf *t, int B, double scale, int *delta)
{
    const struct clg_fused_net *net = &fused->net;
    const struct clg_loss_spec *loss = net->loss;
    fused->scored = head_covers(fused);
    if (!fused->scored) {
        *delta = 0;
        return plain_head(fused, input, t, B, scale);
    }
    if (net->layers == 1 || fused->layer[net->layers - 2].act.kind == CLG_MAXOUT)
        *delta = 0;
    if (loss->class_weights)
        CLG_TRY(clg_ocl_weight_sum(fused->device, loss->norm, loss->class_weights, t, B));
    CLG_TRY(prepare_head(fused, *delta));
    struct clg_args *args = clg_prepared_begin(&fused->head);
    push_head(fused, args, input, t, B, scale);
    if (fused->local)
        return clg_local_launch_head(args, B);
    size_t rows = (size_t)head_rows(fused, B);
    return clg_launch1(args, ((size_t)B + rows - 1) / rows, 1);
}

/* ------------------------------------------------------------------ delta */

static clg_status prepare_delta(struct clg_fused *fused, int l, int B)
{
    char act[CLG_OPTIONS], options[2 * CLG_OPTIONS];
    if (fused->delta[l].kernel)
        return CLG_OK;
    clg_act_options(act, &fused->layer[l - 1].act);
    if (fused->local) {
        fused->delta_tile[l] = clg_tile_for(fused->device, B, fused->layer[l].in,
                                            fused->layer[l].rows);
        return clg_local_prepare(&fused->delta[l], fused->device, "local_dense", act, "delta_bwd",
                                 fused->delta_tile[l]);
    }
    const int depth = clg_panel_rows(fused->device, fused->layer[l].rows);
    snprintf(options, sizeof options, "-DDEPTH=%d %s", depth, act);
    CLG_TRY(clg_prepared_make(&fused->delta[l], fused->device, "dense", options, "delta_bwd"));
    clg_args_local(&fused->delta[l].args, clg_panel_bytes(depth));
    return CLG_OK;
}

clg_status clg_fused_delta(struct clg_fused *fused, int l, int B)
{
    const struct clg_fused_layer *layer = &fused->layer[l], *front = layer - 1;
    clg_device *device = fused->device;
    assert(l > 0 && front->act.kind != CLG_MAXOUT);
    CLG_TRY(prepare_delta(fused, l, B));
    struct clg_args *args = clg_prepared_begin(&fused->delta[l]);
    clg_arg_buf(args, front->dz);
    clg_arg_buf(args, front->z ? front->z : front->y);
    clg_arg_buf(args, layer->dz);
    clg_arg_buf(args, layer->W);
    clg_arg_int(args, B);
    clg_arg_int(args, layer->in);
    clg_arg_int(args, layer->rows);
    clg_arg_int(args, clg_stride(device, layer->in));
    clg_arg_int(args, clg_stride(device, layer->rows));
    if (fused->local) {
        clg_arg_int(args, clg_stride(device, layer->rows));
        return clg_launch_tiles(args, B, layer->in, fused->delta_tile[l]);
    }
    clg_fused_push_strips(args, fused, layer);
    return launch_tiles(args, B, layer->in, CLG_KNOB_GROUPS);
}
