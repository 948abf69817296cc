/* A network resident on a device: its buffers, and the one forward, backward and update there is.
 * Which kernels an operation becomes is the back end's affair (ops/ops.h); when they run is the
 * training loop's (train/). */
#include "net/fused.h"
#include "net/span.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

static size_t rounded_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* Where each tensor starts in a slab: all weights, then all biases, each on the alignment that a
 * view needs. */
static void lay_out(struct clg_engine *engine)
{
    size_t align = clg_view_align(engine->device, CLG_REAL), at = 0;
    for (int l = 0; l < engine->layers; l++) {
        engine->weight_at[l] = at;
        at += rounded_up(
            clg_weights_size(engine->device, engine->layer[l].rows, engine->layer[l].in), align);
    }
    engine->weights = at;
    for (int l = 0; l < engine->layers; l++) {
        engine->bias_at[l] = at;
        at += rounded_up((size_t)clg_stride(engine->device, engine->layer[l].rows), align);
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

/* Columns of delta_bwd's scratch: the widest maxout layer in front of another; 0 where there is
 * none. */
static int widest_maxout(const struct clg_engine *engine)
{
    int widest = 0;
    for (int l = 0; l < engine->layers - 1; l++)
        if (engine->layer[l].act.pieces > 1 && engine->layer[l].out > widest)
            widest = engine->layer[l].out;
    return widest;
}

static clg_status plan_layer(struct clg_engine *engine, struct clg_plan *plan, int l)
{
    const int B = engine->max_batch, output = l == engine->layers - 1;
    struct clg_engine_layer *layer = &engine->layer[l];
    if (!output)
        CLG_TRY(clg_engine_plan_part(engine, plan, &layer->y, B, layer->out, "activations"));
    if (output || clg_act_keeps_z(layer->act.kind))
        CLG_TRY(clg_plan_matrix(plan, &layer->z, B, layer->rows, "activations"));
    if (engine->training && !output && engine->net->layer[l].dropout > 0)
        CLG_TRY(clg_engine_plan_part(engine, plan, &layer->dropped, B, layer->out, "activations"));
    return engine->training || output
               ? clg_engine_plan_part(engine, plan, &layer->dz, B, layer->rows, "deltas")
               : CLG_OK;
}

/* Targets of a batch; an autoencoder's are its inputs. */
static clg_status plan_targets(struct clg_engine *engine, struct clg_plan *plan)
{
    const struct clg_net *net = engine->net;
    if (net->target_input)
        return CLG_OK;
    if (net->target == CLG_TARGET_CLASS)
        return clg_plan_add(plan, &engine->t, CLG_I32, (size_t)engine->max_batch, "batch");
    return clg_plan_matrix(plan, &engine->t, engine->max_batch, clg_net_outputs(net), "batch");
}

static clg_status plan_figures(struct clg_engine *engine, struct clg_plan *plan)
{
    CLG_TRY(clg_plan_add(plan, &engine->row_loss, CLG_REAL,
                         (size_t)clg_height(engine->device, engine->max_batch), "statistics"));
    CLG_TRY(clg_plan_add(plan, &engine->stats, CLG_REAL, CLG_STATS, "statistics"));
    CLG_TRY(clg_plan_add(plan, &engine->hits, CLG_I32, 1, "statistics"));
    CLG_TRY(clg_plan_add(plan, &engine->norms, CLG_REAL, 2 * CLG_MAX_LAYERS + 1, "statistics"));
    if (engine->net->class_weights) {
        CLG_TRY(clg_plan_add(plan, &engine->class_weights, CLG_REAL, (size_t)engine->net->classes,
                             "statistics"));
        CLG_TRY(clg_plan_add(plan, &engine->weight_norm, CLG_REAL, 1, "statistics"));
    }
    return clg_plan_add(plan, &engine->scratch, CLG_REAL, CLG_PENALTY_SCRATCH, "statistics");
}

static clg_status plan_batch(struct clg_engine *engine, struct clg_plan *plan)
{
    const int B = engine->max_batch, inputs = engine->layer[0].in, widest = widest_maxout(engine);
    CLG_TRY(clg_plan_matrix(plan, &engine->x, B, inputs, "batch"));
    if (engine->training && engine->net->dropout_input > 0)
        CLG_TRY(clg_engine_plan_part(engine, plan, &engine->x_dropped, B, inputs, "batch"));
    CLG_TRY(plan_targets(engine, plan));
    for (int l = 0; l < engine->layers; l++)
        CLG_TRY(plan_layer(engine, plan, l));
    if (engine->training && widest)
        CLG_TRY(clg_plan_matrix(plan, &engine->dy, B, widest, "deltas"));
    CLG_TRY(clg_plan_matrix(plan, &engine->out, B, clg_net_outputs(engine->net), "activations"));
    return plan_figures(engine, plan);
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
                               .rho = clg_config_number(net->config, "rho"),
                               .eps = clg_config_number(net->config, "eps"),
                               .weight_decay = clg_config_number(net->config, "weight-decay")};
}

static struct clg_loss_spec loss_of(struct clg_engine *engine)
{
    const struct clg_net *net = engine->net;
    return (struct clg_loss_spec){.kind = net->loss,
                                  .delta = net->huber_delta,
                                  .smoothing = net->label_smoothing,
                                  .class_weights =
                                      net->class_weights ? &engine->class_weights : NULL,
                                  .norm = net->class_weights ? &engine->weight_norm : NULL,
                                  .temperature = clg_config_number(net->config, "temperature"),
                                  .mix = clg_config_number(net->config, "distill-weight")};
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
    engine->input = &engine->x;
    engine->update = update_of(net);
    engine->loss = loss_of(engine);
    if (clg_config_is_set(net->config, "clip-norm"))
        engine->clip_norm = clg_config_number(net->config, "clip-norm");
    while (engine->first_trained < net->layers && net->layer[engine->first_trained].frozen)
        engine->first_trained++;
    for (int l = 0; l < net->layers; l++) {
        engine->layer[l].in = net->layer[l].in;
        engine->layer[l].out = net->layer[l].out;
        engine->layer[l].rows = net->layer[l].rows;
        engine->layer[l].act = net->layer[l].act;
    }
    lay_out(engine);
    clg_status status = clg_engine_choose_plan(engine);
    if (status == CLG_OK)
        status = plan_slabs(engine, plan);
    if (status == CLG_OK)
        status = plan_batch(engine, plan);
    if (status == CLG_OK)
        status = clg_engine_plan_fused(engine, plan);
    if (status != CLG_OK) {
        clg_engine_destroy(engine);
        return status;
    }
    *out = engine;
    return CLG_OK;
}

static clg_status view_range(struct clg_engine *engine, size_t first, size_t count, size_t weights)
{
    struct clg_engine_range *range = &engine->range[engine->ranges++];
    range->count = count;
    range->weights = weights;
    CLG_TRY(clg_buf_view(&range->params, &engine->params, first, count));
    CLG_TRY(clg_buf_view(&range->grads, &engine->grads, first, count));
    for (int s = 0; s < clg_opt_slots(engine->net->opt); s++)
        CLG_TRY(clg_buf_view(&range->slot[s], &engine->slot[s], first, count));
    return CLG_OK;
}

/* Where layers are frozen, a range for each trained layer's weights and one for its biases. */
static clg_status make_ranges(struct clg_engine *engine)
{
    int frozen = 0;
    for (int l = 0; l < engine->layers; l++)
        frozen += engine->net->layer[l].frozen != 0;
    if (!engine->training || !frozen)
        return CLG_OK;
    CLG_TRY(clg_alloc(&engine->range, 2 * (size_t)engine->layers, sizeof *engine->range, "ranges"));
    for (int l = 0; l < engine->layers; l++) {
        const struct clg_engine_layer *layer = &engine->layer[l];
        size_t matrix = clg_weights_size(engine->device, layer->rows, layer->in);
        if (engine->net->layer[l].frozen)
            continue;
        CLG_TRY(view_range(engine, engine->weight_at[l], matrix, matrix));
        CLG_TRY(view_range(engine, engine->bias_at[l],
                           (size_t)clg_stride(engine->device, layer->rows), 0));
    }
    return CLG_OK;
}

clg_status clg_engine_attach(struct clg_engine *engine)
{
    const struct clg_net *net = engine->net;
    for (int l = 0; l < engine->layers; l++) {
        struct clg_engine_layer *layer = &engine->layer[l];
        size_t vector = (size_t)clg_stride(engine->device, layer->rows);
        CLG_TRY(clg_weights_view(&layer->W, &engine->params, engine->weight_at[l], layer->rows,
                                 layer->in));
        CLG_TRY(clg_buf_view(&layer->b, &engine->params, engine->bias_at[l], vector));
        if (!engine->training)
            continue;
        CLG_TRY(clg_weights_view(&layer->dW, &engine->grads, engine->weight_at[l], layer->rows,
                                 layer->in));
        CLG_TRY(clg_buf_view(&layer->db, &engine->grads, engine->bias_at[l], vector));
    }
    if (net->class_weights)
        CLG_TRY(
            clg_real_upload(&engine->class_weights, net->class_weights, 0, (size_t)net->classes));
    CLG_TRY(make_ranges(engine));
    return clg_engine_attach_fused(engine);
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

static void release_all(struct clg_buf *const *buffers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        clg_buf_release(buffers[i]);
}

void clg_engine_destroy(clg_engine *engine)
{
    if (!engine)
        return;
    for (int r = 0; r < engine->ranges; r++) {
        struct clg_engine_range *range = &engine->range[r];
        struct clg_buf *views[] = {&range->params, &range->grads, &range->slot[0], &range->slot[1]};
        release_all(views, sizeof views / sizeof *views);
    }
    for (int l = 0; l < engine->layers; l++) {
        struct clg_engine_layer *layer = &engine->layer[l];
        struct clg_buf *own[] = {&layer->W, &layer->b, &layer->dW,      &layer->db,
                                 &layer->y, &layer->z, &layer->dropped, &layer->dz};
        release_all(own, sizeof own / sizeof *own);
    }
    struct clg_buf *own[] = {
        &engine->params,     &engine->grads,    &engine->slot[0], &engine->slot[1],
        &engine->best,       &engine->x,        &engine->t,       &engine->x_dropped,
        &engine->out,        &engine->row_loss, &engine->dy,      &engine->stats,
        &engine->hits,       &engine->scratch,  &engine->norms,   &engine->class_weights,
        &engine->weight_norm};
    release_all(own, sizeof own / sizeof *own);
    clg_engine_destroy_fused(engine);
    clg_engine_destroy_spans(engine);
    free(engine->range);
    free(engine);
}

/* Copies element (r,c) of a matrix between dense, laid out as the net's parameters, and a slab laid
 * out for the device. */
static void copy_matrix(double *slab, double *dense, size_t rows, size_t columns, size_t row_step,
                        size_t column_step, int to_slab)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            double *there = slab + r * row_step + c * column_step;
            if (to_slab)
                *there = dense[r * columns + c];
            else
                dense[r * columns + c] = *there;
        }
}

/* Walks the tensors of engine and net together: both ways of the copy share one account of where a
 * tensor lies. */
static void translate(const struct clg_engine *engine, double *slab, double *dense, int to_slab)
{
    for (int l = 0; l < engine->layers; l++) {
        const struct clg_engine_layer *layer = &engine->layer[l];
        int turned = layer->W.transposed;
        size_t stride = (size_t)clg_stride(engine->device, turned ? layer->rows : layer->in);
        copy_matrix(slab + engine->weight_at[l], dense, (size_t)layer->rows, (size_t)layer->in,
                    turned ? 1 : stride, turned ? stride : 1, to_slab);
        dense += (size_t)layer->rows * (size_t)layer->in;
    }
    for (int l = 0; l < engine->layers; l++) {
        copy_matrix(slab + engine->bias_at[l], dense, 1, (size_t)engine->layer[l].rows, 0, 1,
                    to_slab);
        dense += engine->layer[l].rows;
    }
}

clg_status clg_engine_read_slab(struct clg_engine *engine, double *dense,
                                const struct clg_buf *slab)
{
    double *staged;
    CLG_TRY(clg_engine_settle(engine));
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
    CLG_TRY(clg_engine_settle(engine));
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
