/* A network resident on a device: its buffers, and the one forward, backward and update there is.
 * Which kernels an operation becomes is the back end's affair (ops/ops.h); when they run is the
 * training loop's (train/). */
#include "net/net.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

static size_t rounded_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* Elements that layer's weight matrix takes in a slab. */
static size_t matrix_size(const clg_device *device, int rows, int columns)
{
    return (size_t)clg_height(device, rows) * (size_t)clg_stride(device, columns);
}

/* Where each tensor starts in a slab: all weights, then all biases, each on the alignment that a
 * view needs. */
static void lay_out(struct clg_engine *engine)
{
    size_t align = clg_view_align(engine->device, CLG_REAL), at = 0;
    for (int l = 0; l < engine->layers; l++) {
        engine->weight_at[l] = at;
        at += rounded_up(matrix_size(engine->device, engine->layer[l].out, engine->layer[l].in),
                         align);
    }
    engine->weights = at;
    for (int l = 0; l < engine->layers; l++) {
        engine->bias_at[l] = at;
        at += rounded_up((size_t)clg_stride(engine->device, engine->layer[l].out), align);
    }
    engine->count = at;
}

static clg_status plan_slabs(struct clg_engine *engine, struct clg_plan *plan)
{
    CLG_TRY(clg_plan_add(plan, &engine->params, CLG_REAL, engine->count, "parameters"));
    if (!engine->training)
        return CLG_OK;
    CLG_TRY(clg_plan_add(plan, &engine->grads, CLG_REAL, engine->count, "gradients"));
    for (int s = 0; s < clg_opt_slots(engine->net->opt); s++)
        CLG_TRY(clg_plan_add(plan, &engine->slot[s], CLG_REAL, engine->count, "optimiser"));
    return clg_plan_add(plan, &engine->best, CLG_REAL, engine->count, "best parameters");
}

static clg_status plan_batch(struct clg_engine *engine, struct clg_plan *plan)
{
    const int B = engine->max_batch, last = engine->layers - 1, outputs = engine->layer[last].out;
    CLG_TRY(clg_plan_matrix(plan, &engine->x, B, engine->layer[0].in, "batch"));
    if (engine->net->target == CLG_TARGET_CLASS)
        CLG_TRY(clg_plan_add(plan, &engine->t, CLG_I32, (size_t)B, "batch"));
    else
        CLG_TRY(clg_plan_matrix(plan, &engine->t, B, outputs, "batch"));
    for (int l = 0; l < engine->layers; l++) {
        struct clg_engine_layer *layer = &engine->layer[l];
        CLG_TRY(clg_plan_matrix(plan, &layer->y, B, layer->out, "activations"));
        if (engine->training || l == last)
            CLG_TRY(clg_plan_matrix(plan, &layer->dz, B, layer->out, "deltas"));
    }
    CLG_TRY(clg_plan_matrix(plan, &engine->out, B, outputs, "activations"));
    CLG_TRY(clg_plan_add(plan, &engine->row_loss, CLG_REAL, (size_t)clg_height(engine->device, B),
                         "statistics"));
    CLG_TRY(clg_plan_add(plan, &engine->stats, CLG_REAL, CLG_STATS, "statistics"));
    CLG_TRY(clg_plan_add(plan, &engine->hits, CLG_I32, 1, "statistics"));
    return clg_plan_add(plan, &engine->scratch, CLG_REAL, CLG_PENALTY_SCRATCH, "statistics");
}

/* The scalars of the optimiser, read once from the configuration. */
static struct clg_update update_of(const struct clg_net *net)
{
    return (struct clg_update){.opt = net->opt,
                               .lr = clg_config_number(net->config, "lr"),
                               .l2 = clg_config_number(net->config, "l2"),
                               .momentum = clg_config_number(net->config, "momentum"),
                               .beta1 = clg_config_number(net->config, "beta1"),
                               .beta2 = clg_config_number(net->config, "beta2"),
                               .eps = clg_config_number(net->config, "eps")};
}

clg_status clg_engine_plan(struct clg_engine **out, struct clg_plan *plan, struct clg_net *net,
                           int max_batch, int training)
{
    struct clg_engine *engine;
    *out = NULL;
    CLG_TRY(clg_alloc(&engine, 1, sizeof *engine, "an engine"));
    engine->device = plan->device;
    engine->net = net;
    engine->ops = clg_ops_of(plan->device);
    engine->layers = net->layers;
    engine->max_batch = max_batch;
    engine->training = training;
    engine->update = update_of(net);
    for (int l = 0; l < net->layers; l++) {
        engine->layer[l].in = net->layer[l].in;
        engine->layer[l].out = net->layer[l].out;
        engine->layer[l].act = net->layer[l].act;
    }
    lay_out(engine);
    clg_status status = plan_slabs(engine, plan);
    if (status == CLG_OK)
        status = plan_batch(engine, plan);
    if (status != CLG_OK) {
        clg_engine_destroy(engine);
        return status;
    }
    *out = engine;
    return CLG_OK;
}

clg_status clg_engine_attach(struct clg_engine *engine)
{
    for (int l = 0; l < engine->layers; l++) {
        struct clg_engine_layer *layer = &engine->layer[l];
        size_t matrix = matrix_size(engine->device, layer->out, layer->in);
        size_t vector = (size_t)clg_stride(engine->device, layer->out);
        CLG_TRY(clg_buf_view(&layer->W, &engine->params, engine->weight_at[l], matrix));
        CLG_TRY(clg_buf_view(&layer->b, &engine->params, engine->bias_at[l], vector));
        if (!engine->training)
            continue;
        CLG_TRY(clg_buf_view(&layer->dW, &engine->grads, engine->weight_at[l], matrix));
        CLG_TRY(clg_buf_view(&layer->db, &engine->grads, engine->bias_at[l], vector));
    }
    return CLG_OK;
}

clg_status clg_engine_create(clg_engine **out, clg_device *device, clg_net *net, int max_batch,
                             int training)
{
    struct clg_plan plan;
    *out = NULL;
    if (max_batch < 1)
        return clg_fail(CLG_EUSAGE, "max_batch %d: must be at least 1", max_batch);
    clg_plan_begin(&plan, device);
    CLG_TRY(clg_engine_plan(out, &plan, net, max_batch, training));
    clg_status status = clg_plan_commit(&plan);
    if (status == CLG_OK)
        status = clg_engine_attach(*out);
    if (status == CLG_OK)
        status = clg_engine_push(*out);
    if (status != CLG_OK) {
        clg_engine_destroy(*out);
        *out = NULL;
    }
    return status;
}

void clg_engine_destroy(clg_engine *engine)
{
    if (!engine)
        return;
    for (int l = 0; l < engine->layers; l++) {
        struct clg_engine_layer *layer = &engine->layer[l];
        struct clg_buf *views[] = {&layer->W, &layer->b, &layer->dW, &layer->db, &layer->y,
                                   &layer->dz};
        for (size_t i = 0; i < sizeof views / sizeof *views; i++)
            clg_buf_release(views[i]);
    }
    struct clg_buf *buffers[] = {&engine->params,  &engine->grads, &engine->slot[0],
                                 &engine->slot[1], &engine->best,  &engine->x,
                                 &engine->t,       &engine->out,   &engine->row_loss,
                                 &engine->stats,   &engine->hits,  &engine->scratch};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        clg_buf_release(buffers[i]);
    free(engine);
}

/* Copies between a dense array laid out as net->params and a slab laid out for the device: rows of
 * `stride` elements. */
static void spread(double *slab, const double *dense, size_t rows, size_t columns, size_t stride)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(slab + r * stride, dense + r * columns, columns * sizeof *slab);
}

static void gather(double *dense, const double *slab, size_t rows, size_t columns, size_t stride)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(dense + r * columns, slab + r * stride, columns * sizeof *dense);
}

/* Walks the tensors of engine and net together: both ways of the copy share one account of where a
 * tensor lies. */
static void translate(const struct clg_engine *engine, double *slab, double *dense, int to_slab)
{
    size_t at = 0;
    for (int part = 0; part < 2; part++) /* weights, biases */
        for (int l = 0; l < engine->layers; l++) {
            size_t out = (size_t)engine->layer[l].out, in = (size_t)engine->layer[l].in;
            size_t rows = part ? 1 : out, columns = part ? out : in;
            double *place = slab + (part ? engine->bias_at[l] : engine->weight_at[l]);
            size_t stride = (size_t)clg_stride(engine->device, (int)columns);
            if (to_slab)
                spread(place, dense + at, rows, columns, stride);
            else
                gather(dense + at, place, rows, columns, stride);
            at += rows * columns;
        }
}

clg_status clg_engine_read_slab(struct clg_engine *engine, double *dense,
                                const struct clg_buf *slab)
{
    double *staged;
    CLG_TRY(clg_alloc(&staged, engine->count, sizeof *staged, "a copy of the parameters"));
    clg_status status = clg_real_download(slab, staged, 0, engine->count);
    if (status == CLG_OK)
        translate(engine, staged, dense, 0);
    free(staged);
    return status;
}

clg_status clg_engine_write_slab(struct clg_engine *engine, struct clg_buf *slab,
                                 const double *dense)
{
    double *staged;
    CLG_TRY(clg_alloc(&staged, engine->count, sizeof *staged, "a copy of the parameters"));
    translate(engine, staged, (double *)dense, 1);
    clg_status status = clg_real_upload(slab, staged, 0, engine->count);
    free(staged);
    return status;
}

clg_status clg_engine_push(clg_engine *engine)
{
    struct clg_net *net = engine->net;
    CLG_TRY(clg_engine_write_slab(engine, &engine->params, net->params));
    if (!engine->training)
        return CLG_OK;
    CLG_TRY(clg_net_allocate_slots(net));
    for (int s = 0; s < clg_opt_slots(net->opt); s++)
        CLG_TRY(clg_engine_write_slab(engine, &engine->slot[s], net->slot[s]));
    return CLG_OK;
}

clg_status clg_engine_pull(clg_engine *engine)
{
    struct clg_net *net = engine->net;
    CLG_TRY(clg_engine_read_slab(engine, net->params, &engine->params));
    for (int s = 0; engine->training && s < clg_opt_slots(net->opt); s++)
        CLG_TRY(clg_engine_read_slab(engine, net->slot[s], &engine->slot[s]));
    return CLG_OK;
}

clg_status clg_engine_fwd(struct clg_engine *engine, int B)
{
    const struct clg_buf *input = &engine->x;
    for (int l = 0; l < engine->layers; l++) {
        struct clg_engine_layer *layer = &engine->layer[l];
        enum clg_act act = l == engine->layers - 1 ? CLG_IDENTITY : layer->act;
        CLG_TRY(engine->ops->dense_fwd(engine->device, &layer->y, input, &layer->W, &layer->b, B,
                                       layer->in, layer->out, act));
        input = &layer->y;
    }
    return CLG_OK;
}

clg_status clg_engine_output(struct clg_engine *engine, int B)
{
    struct clg_engine_layer *last = &engine->layer[engine->layers - 1];
    return engine->ops->output_fwd(engine->device, &engine->out, &last->y, B, last->out, last->act);
}

clg_status clg_engine_loss(struct clg_engine *engine, int B)
{
    const struct clg_net *net = engine->net;
    struct clg_engine_layer *last = &engine->layer[engine->layers - 1];
    double scale = net->sum_reduction ? 1.0 : 1.0 / B;
    return engine->ops->loss_fwd(engine->device, &engine->out, &last->dz, &engine->row_loss,
                                 &last->y, &engine->t, B, last->out, net->loss, last->act,
                                 net->target, scale);
}

clg_status clg_engine_score(struct clg_engine *engine, int B)
{
    double l2 = engine->update.l2;
    CLG_TRY(engine->ops->score(engine->device, &engine->stats, &engine->hits, &engine->row_loss,
                               &engine->out, &engine->t, B, engine->layer[engine->layers - 1].out,
                               engine->net->target));
    if (l2 > 0)
        CLG_TRY(engine->ops->penalty(engine->device, &engine->stats, &engine->scratch,
                                     &engine->params, engine->weights, l2 / 2 * B));
    return CLG_OK;
}

clg_status clg_engine_bwd(struct clg_engine *engine, int B)
{
    for (int l = engine->layers - 1; l >= 0; l--) {
        struct clg_engine_layer *layer = &engine->layer[l], *front = l ? layer - 1 : NULL;
        const struct clg_buf *input = front ? &front->y : &engine->x;
        CLG_TRY(engine->ops->grad(engine->device, &layer->dW, &layer->db, &layer->dz, input, B,
                                  layer->in, layer->out));
        if (front)
            CLG_TRY(engine->ops->delta_bwd(engine->device, &front->dz, &layer->dz, &layer->W,
                                           &front->y, B, layer->in, layer->out, front->act));
    }
    return CLG_OK;
}

clg_status clg_engine_step(struct clg_engine *engine)
{
    struct clg_net *net = engine->net;
    int slots = clg_opt_slots(net->opt);
    engine->update.t = net->step + 1;
    CLG_TRY(engine->ops->update(engine->device, &engine->params,
                                slots > 0 ? &engine->slot[0] : NULL,
                                slots > 1 ? &engine->slot[1] : NULL, &engine->grads, engine->count,
                                engine->weights, &engine->update));
    net->step++;
    return CLG_OK;
}
