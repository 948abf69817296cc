/* Training steps: by the plan of the engine, whole.  Under the fused plan a step is a few launches,
 * the last of which also gathers the batch that follows; the results are those of the plain plan to
 * the bit.  Teachers' steps are the training loop's, pass by pass. */
#include "net/fused.h"

#include "core/memory.h"
#include "ops/routes.h"
#include "ops/tuning.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Offsets in the table of jobs are ints. */
enum { MOST_ELEMENTS = 2147483647 };

/* Steps of an epoch from which on moving the weights into strips and back is little. */
enum { STEPS_IN_STRIPS = 32 };

static size_t rounded_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* NULL where the engine can run fused steps, else why it cannot. */
static const char *refused(const struct clg_engine *engine)
{
    if (!engine->ops->fused_create)
        return "the operations are watched one by one";
    if (engine->count > MOST_ELEMENTS)
        return "the network is too large";
    if (clg_config_is_set(engine->net->config, "teacher"))
        return "there is a teacher";
    return clg_fused_refuses(engine->device);
}

/* Multiplications and additions of a step's products, as span.h counts them. */
static double step_operations(const struct clg_engine *engine)
{
    const clg_config *config = engine->net->config;
    double products = 0, batch = engine->max_batch;
    if (!clg_config_is(config, "batch", "full"))
        batch = fmin(batch, clg_config_number(config, "batch"));
    for (int l = 0; l < engine->layers; l++)
        products += (l == 0 ? 4.0 : 6.0) * engine->layer[l].rows * engine->layer[l].in;
    return products * batch;
}

clg_status clg_engine_choose_plan(struct clg_engine *engine)
{
    const enum clg_plan_choice choice = engine->device->plan;
    engine->plan_kind = CLG_PLAN_PLAIN;
    if (!engine->training || choice == CLG_CHOOSE_PLAIN)
        return CLG_OK;
    const char *why = refused(engine);
    if (!why && choice == CLG_CHOOSE_AUTO &&
        (clg_fused_is_wrong(engine->device) ||
         clg_tuned_plan(engine->device, step_operations(engine)) == CLG_CHOOSE_PLAIN))
        return CLG_OK;
    if (why && choice == CLG_CHOOSE_FUSED)
        return clg_fail(CLG_EUSAGE, "--plan fused: %s; use --plan auto or plain", why);
    if (why)
        return CLG_OK;
    engine->plan_kind = CLG_PLAN_FUSED;
    return clg_alloc(&engine->fused, 1, sizeof *engine->fused, "the fused plan");
}

clg_status clg_engine_plan_part(struct clg_engine *engine, struct clg_plan *plan,
                                struct clg_buf *buf, int rows, int columns, const char *purpose)
{
    struct clg_engine_fused *fused = engine->fused;
    if (!fused)
        return clg_plan_matrix(plan, buf, rows, columns, purpose);
    assert(fused->parts < CLG_ENGINE_PARTS);
    size_t count =
        (size_t)clg_height(engine->device, rows) * (size_t)clg_stride(engine->device, columns);
    fused->part[fused->parts++] = (struct clg_engine_part){buf, fused->count, count};
    fused->count += rounded_up(count, clg_view_align(engine->device, CLG_REAL));
    return CLG_OK;
}

/* First element in the slab of what buf will view, SIZE_MAX where it is not a part of it. */
static size_t part_at(const struct clg_engine *engine, const struct clg_buf *buf)
{
    for (int p = 0; p < engine->fused->parts; p++)
        if (engine->fused->part[p].buf == buf)
            return engine->fused->part[p].first;
    return SIZE_MAX;
}

/* What layer l takes in, known before there are buffers. */
static const struct clg_buf *input_of(const struct clg_engine *engine, int l)
{
    const struct clg_net *net = engine->net;
    if (l == 0)
        return net->dropout_input > 0 ? &engine->x_dropped : &engine->x;
    return net->layer[l - 1].dropout > 0 ? &engine->layer[l - 1].dropped : &engine->layer[l - 1].y;
}

/* Whether the delta of the layer in front of l can be part of a fused launch. */
static int delta_fuses(const struct clg_engine *engine, int l)
{
    const struct clg_layer *front = &engine->net->layer[l - 1];
    return front->dropout <= 0 && front->act.kind != CLG_MAXOUT;
}

/* Whether only launches that know strips read the weights of layer l in a fused step, and nothing
 * needs them as a matrix between steps. */
static int may_lie_in_strips(const struct clg_engine *engine, int l)
{
    return engine->ops->fused_strips && engine->clip_norm <= 0 && engine->update.l2 <= 0 &&
           l < engine->layers - 1 && engine->layer[l].act.kind != CLG_MAXOUT &&
           (l == 0 || delta_fuses(engine, l));
}

static struct clg_fused_layer describe_layer(struct clg_engine *engine, int l)
{
    struct clg_engine_layer *layer = &engine->layer[l];
    const int last = l == engine->layers - 1, keeps_z = last || clg_act_keeps_z(layer->act.kind);
    const struct clg_buf *input = input_of(engine, l);
    struct clg_fused_layer described = {.in = layer->in,
                                        .out = layer->out,
                                        .rows = layer->rows,
                                        .act = layer->act,
                                        .trained = !engine->net->layer[l].frozen,
                                        .W = &layer->W,
                                        .b = &layer->b,
                                        .input = input,
                                        .y = last ? NULL : &layer->y,
                                        .z = keeps_z ? &layer->z : NULL,
                                        .dz = &layer->dz,
                                        .W_at = engine->weight_at[l],
                                        .b_at = engine->bias_at[l],
                                        .input_at = part_at(engine, input),
                                        .dz_at = part_at(engine, &layer->dz)};
    if (may_lie_in_strips(engine, l))
        described.strip = clg_fused_strip_of(engine->device, &described);
    return described;
}

static struct clg_fused_net describe(struct clg_engine *engine, struct clg_fused_layer *layers)
{
    struct clg_engine_fused *fused = engine->fused;
    for (int l = 0; l < engine->layers; l++)
        layers[l] = describe_layer(engine, l);
    return (struct clg_fused_net){.layers = engine->layers,
                                  .first_trained = engine->first_trained,
                                  .layer = layers,
                                  .params = &engine->params,
                                  .slot0 = &engine->slot[0],
                                  .slot1 = &engine->slot[1],
                                  .scratch = &fused->scratch,
                                  .batch = &fused->slab,
                                  .turned_at = fused->turned_at,
                                  .turned_row = fused->turned_row,
                                  .out = &engine->out,
                                  .row_loss = &engine->row_loss,
                                  .row_hits = &fused->row_hits,
                                  .stats = &engine->stats,
                                  .hits = &engine->hits,
                                  .jobs = &fused->jobs,
                                  .job_count = fused->job_count,
                                  .loss = &engine->loss,
                                  .target = engine->net->target,
                                  .target_input = engine->net->target_input,
                                  .mean = !engine->net->sum_reduction};
}

static clg_status plan_targets(struct clg_engine *engine, struct clg_plan *plan)
{
    const struct clg_net *net = engine->net;
    if (net->target_input)
        return CLG_OK;
    if (net->target == CLG_TARGET_CLASS)
        return clg_plan_add(plan, &engine->fused->t, CLG_I32, (size_t)engine->max_batch, "batch");
    return clg_plan_matrix(plan, &engine->fused->t, engine->max_batch, clg_net_outputs(net),
                           "batch");
}

static clg_status plan_strips(struct clg_engine *engine, struct clg_plan *plan,
                              const struct clg_fused_layer *layers)
{
    size_t most = 0;
    for (int l = 0; l < engine->layers; l++) {
        const size_t size = clg_weights_size(engine->device, layers[l].rows, layers[l].in);
        if (layers[l].strip && size > most)
            most = size;
    }
    engine->fused->strips = most > 0;
    engine->fused->move = engine->ops->fused_strips;
    return most ? clg_plan_add(plan, &engine->fused->scratch, CLG_REAL, most, "parameters")
                : CLG_OK;
}

clg_status clg_engine_plan_fused(struct clg_engine *engine, struct clg_plan *plan)
{
    struct clg_engine_fused *fused = engine->fused;
    struct clg_fused_layer layers[CLG_MAX_LAYERS];
    if (!fused)
        return CLG_OK;
    struct clg_fused_net net = describe(engine, layers);
    CLG_TRY(plan_strips(engine, plan, layers));
    fused->turned_at = net.turned_at = fused->count;
    fused->count += clg_fused_turned(&net.turned_row, engine->device, &net, engine->max_batch);
    fused->turned_row = net.turned_row;
    CLG_TRY(clg_fused_jobs(&fused->table, &fused->job_count, engine->device, &net));
    fused->table_size = (size_t)(fused->job_count + clg_fused_turn_jobs(&net)) * CLG_JOB_INTS;
    CLG_TRY(clg_plan_add(plan, &fused->slab, CLG_REAL, fused->count, "activations"));
    CLG_TRY(clg_plan_matrix(plan, &fused->x, engine->max_batch, engine->layer[0].in, "batch"));
    CLG_TRY(plan_targets(engine, plan));
    CLG_TRY(clg_plan_add(plan, &fused->row_hits, CLG_I32, (size_t)engine->max_batch, "statistics"));
    return clg_plan_add(plan, &fused->jobs, CLG_I32, fused->table_size, "statistics");
}

clg_status clg_engine_attach_fused(struct clg_engine *engine)
{
    struct clg_engine_fused *fused = engine->fused;
    struct clg_fused_layer layers[CLG_MAX_LAYERS];
    if (!fused)
        return CLG_OK;
    for (int p = 0; p < fused->parts; p++)
        CLG_TRY(clg_buf_view(fused->part[p].buf, &fused->slab, fused->part[p].first,
                             fused->part[p].count));
    CLG_TRY(clg_buf_upload(&fused->jobs, fused->table, 0, fused->table_size));
    free(fused->table);
    fused->table = NULL;
    const struct clg_fused_net net = describe(engine, layers);
    return engine->ops->fused_create(&fused->launches, engine->device, &net);
}

/* The views themselves are the engine's to release, before this. */
void clg_engine_destroy_fused(struct clg_engine *engine)
{
    struct clg_engine_fused *fused = engine->fused;
    if (!fused)
        return;
    if (fused->launches)
        engine->ops->fused_destroy(fused->launches);
    struct clg_buf *own[] = {&fused->slab,     &fused->x,    &fused->t,
                             &fused->row_hits, &fused->jobs, &fused->scratch};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        clg_buf_release(own[i]);
    free(fused->table);
    free(fused);
    engine->fused = NULL;
}

/* ------------------------------------------------------------------ steps */

static clg_status gather(struct clg_engine *engine, const struct clg_batch *batch)
{
    return engine->ops->gather(engine->device, &engine->x,
                               engine->net->target_input ? NULL : &engine->t, batch->data,
                               batch->perm, batch->start, batch->B);
}

static clg_status plain_step(struct clg_engine *engine, const struct clg_batch *batch, double lr)
{
    CLG_TRY(gather(engine, batch));
    CLG_TRY(clg_engine_fwd(engine, batch->B, 1));
    CLG_TRY(clg_engine_loss(engine, batch->B, NULL));
    CLG_TRY(clg_engine_score(engine, batch->B));
    CLG_TRY(clg_engine_bwd(engine, batch->B));
    return clg_engine_step(engine, lr);
}

static void swap(struct clg_buf *a, struct clg_buf *b)
{
    struct clg_buf kept = *a;
    *a = *b;
    *b = kept;
}

/* The batch into x and t: from the launch that gathered it ahead, where one did. */
static clg_status take_batch(struct clg_engine *engine, const struct clg_batch *batch)
{
    struct clg_engine_fused *fused = engine->fused;
    const struct clg_batch *ahead = &fused->ahead;
    const int there = ahead->B == batch->B && ahead->data == batch->data &&
                      ahead->perm == batch->perm && ahead->start == batch->start;
    fused->ahead.B = 0;
    if (!there)
        return gather(engine, batch);
    swap(&engine->x, &fused->x);
    if (!engine->net->target_input)
        swap(&engine->t, &fused->t);
    return CLG_OK;
}

static clg_status forward(struct clg_engine *engine, int B)
{
    if (engine->x_dropped.device)
        CLG_TRY(
            clg_engine_drop(engine, &engine->x_dropped, engine->input, B, engine->layer[0].in, -1));
    for (int l = 0; l < engine->layers - 1; l++) {
        struct clg_engine_layer *layer = &engine->layer[l];
        CLG_TRY(engine->ops->fused_fwd(engine->fused->launches, l,
                                       clg_engine_input_of(engine, l, 1), B));
        if (layer->dropped.device)
            CLG_TRY(clg_engine_drop(engine, &layer->dropped, &layer->y, B, layer->out, l));
    }
    return CLG_OK;
}

/* The deltas in front of the last; the first of them is there where delta is 1. */
static clg_status deltas(struct clg_engine *engine, int B, int delta)
{
    for (int l = engine->layers - 1; l > engine->first_trained; l--) {
        if (l == engine->layers - 1 && delta)
            continue;
        if (delta_fuses(engine, l))
            CLG_TRY(engine->ops->fused_delta(engine->fused->launches, l, B));
        else
            CLG_TRY(clg_engine_delta(engine, l, B));
    }
    return CLG_OK;
}

/* Where gradients are asked for, or clipped, the plain plan's launches follow. */
static clg_status keep_gradients(struct clg_engine *engine, int B, double lr)
{
    CLG_TRY(clg_engine_score(engine, B));
    CLG_TRY(clg_engine_grads(engine, B));
    return clg_engine_step(engine, lr);
}

static clg_status learn(struct clg_engine *engine, const struct clg_batch *batch, double lr)
{
    struct clg_engine_fused *fused = engine->fused;
    struct clg_fused_next next = {.x = &fused->x,
                                  .t = engine->net->target_input ? NULL : &fused->t,
                                  .data = batch->data,
                                  .perm = batch->perm,
                                  .start = batch->next_start,
                                  .B = batch->next_B};
    CLG_TRY(clg_engine_penalty(engine, batch->B));
    clg_engine_begin_update(engine, lr);
    CLG_TRY(engine->ops->fused_learn(fused->launches, clg_engine_input_of(engine, 0, 0),
                                     clg_engine_targets_of(engine), batch->B, &engine->update,
                                     &next));
    fused->ahead = *batch;
    fused->ahead.start = batch->next_start;
    fused->ahead.B = batch->next_B;
    engine->net->step++;
    return CLG_OK;
}

/* Weights go into strips where many steps follow in this epoch, and back with its last. */
static clg_status place_weights(struct clg_engine *engine, const struct clg_batch *batch)
{
    const size_t steps = batch->data->rows / (size_t)batch->B;
    /* a table that watches cannot read strips */
    if (!engine->fused->strips || batch->keep_gradient || !engine->ops->fused_strips)
        return clg_engine_settle(engine);
    return steps >= STEPS_IN_STRIPS && batch->next_B
               ? engine->fused->move(engine->fused->launches, 1)
               : CLG_OK;
}

static clg_status fused_step(struct clg_engine *engine, const struct clg_batch *batch, double lr)
{
    const int l = engine->layers - 1, B = batch->B;
    int delta = l > engine->first_trained && delta_fuses(engine, l);
    CLG_TRY(place_weights(engine, batch));
    CLG_TRY(take_batch(engine, batch));
    CLG_TRY(forward(engine, B));
    CLG_TRY(engine->ops->fused_head(engine->fused->launches, clg_engine_input_of(engine, l, 1),
                                    clg_engine_targets_of(engine), B,
                                    clg_engine_loss_scale(engine, B), &delta));
    CLG_TRY(deltas(engine, B, delta));
    CLG_TRY(batch->keep_gradient || engine->clip_norm > 0 ? keep_gradients(engine, B, lr)
                                                          : learn(engine, batch, lr));
    return batch->next_B ? CLG_OK : clg_engine_settle(engine);
}

clg_status clg_engine_train_step(struct clg_engine *engine, const struct clg_batch *batch,
                                 double lr)
{
    assert(engine->training && batch->B > 0 && batch->B <= engine->max_batch);
    return engine->fused ? fused_step(engine, batch, lr) : plain_step(engine, batch, lr);
}
