/* The passes of a network over one batch: forward, loss, backward, update.  Each is a few entries
 * of the operation table; nothing waits here but the reading of norms. */
#include "net/fused.h"

#include <math.h>

/* Layer l's dropout in the step that comes next; -1 is the input. */
struct clg_dropout clg_engine_dropout_of(const struct clg_engine *engine, int l)
{
    const struct clg_net *net = engine->net;
    return (struct clg_dropout){.p = l < 0 ? net->dropout_input : net->layer[l].dropout,
                                .seed = net->seed,
                                .layer = (uint32_t)(l + 1),
                                .step = (uint32_t)net->step};
}

clg_status clg_engine_drop(struct clg_engine *engine, struct clg_buf *to,
                           const struct clg_buf *from, int B, int columns, int l)
{
    struct clg_dropout d = clg_engine_dropout_of(engine, l);
    return engine->ops->dropout_fwd(engine->device, to, from, B, columns, &d);
}

/* What layer l takes in: the batch, or the output of the layer in front, after dropout. */
const struct clg_buf *clg_engine_input_of(const struct clg_engine *engine, int l, int dropping)
{
    if (l == 0)
        return dropping && engine->x_dropped.device ? &engine->x_dropped : engine->input;
    const struct clg_engine_layer *front = &engine->layer[l - 1];
    return dropping && front->dropped.device ? &front->dropped : &front->y;
}

clg_status clg_engine_settle(struct clg_engine *engine)
{
    return engine->fused && engine->fused->strips
               ? engine->fused->move(engine->fused->launches, 0)
               : CLG_OK;
}

clg_status clg_engine_fwd(struct clg_engine *engine, int B, int dropping)
{
    static const struct clg_activation identity = {CLG_IDENTITY, 0, 1};
    const int last = engine->layers - 1;
    CLG_TRY(clg_engine_settle(engine));
    if (dropping && engine->x_dropped.device)
        CLG_TRY(
            clg_engine_drop(engine, &engine->x_dropped, engine->input, B, engine->layer[0].in, -1));
    for (int l = 0; l < engine->layers; l++) {
        struct clg_engine_layer *layer = &engine->layer[l];
        const struct clg_buf *input = clg_engine_input_of(engine, l, dropping);
        if (l == last)
            return engine->ops->dense_fwd(engine->device, &layer->z, NULL, input, &layer->W,
                                          &layer->b, B, layer->in, layer->rows, &identity);
        CLG_TRY(engine->ops->dense_fwd(
            engine->device, &layer->y, clg_act_keeps_z(layer->act.kind) ? &layer->z : NULL, input,
            &layer->W, &layer->b, B, layer->in, layer->out, &layer->act));
        if (dropping && layer->dropped.device)
            CLG_TRY(clg_engine_drop(engine, &layer->dropped, &layer->y, B, layer->out, l));
    }
    return CLG_OK;
}

clg_status clg_engine_output(struct clg_engine *engine, int B)
{
    struct clg_engine_layer *last = &engine->layer[engine->layers - 1];
    return engine->ops->output_fwd(engine->device, &engine->out, &last->z, B, last->out,
                                   &last->act);
}

/* The targets of the batch: an autoencoder's are its inputs. */
const struct clg_buf *clg_engine_targets_of(const struct clg_engine *engine)
{
    return engine->net->target_input ? &engine->x : &engine->t;
}

/* What multiplies dz: under a mean of weighted examples loss_fwd divides by their weights. */
double clg_engine_loss_scale(const struct clg_engine *engine, int B)
{
    return !engine->net->sum_reduction && !engine->net->class_weights ? 1.0 / B : 1.0;
}

clg_status clg_engine_loss(struct clg_engine *engine, int B, const struct clg_buf *teacher_z)
{
    const struct clg_net *net = engine->net;
    struct clg_engine_layer *last = &engine->layer[engine->layers - 1];
    double scale = clg_engine_loss_scale(engine, B);
    struct clg_loss_spec spec = engine->loss;
    spec.teacher_z = teacher_z;
    return engine->ops->loss_fwd(engine->device, &engine->out, &last->dz, &engine->row_loss,
                                 &last->z, clg_engine_targets_of(engine), B, last->out, &spec,
                                 &last->act, net->target, scale, !net->sum_reduction);
}

clg_status clg_engine_penalty(struct clg_engine *engine, int B)
{
    double l2 = engine->update.l2;
    return l2 > 0 ? engine->ops->penalty(engine->device, &engine->stats, &engine->scratch,
                                         &engine->params, engine->weights, l2 / 2 * B)
                  : CLG_OK;
}

clg_status clg_engine_score(struct clg_engine *engine, int B)
{
    CLG_TRY(engine->ops->score(engine->device, &engine->stats, &engine->hits, &engine->row_loss,
                               &engine->out, clg_engine_targets_of(engine), B,
                               clg_net_outputs(engine->net), engine->net->target));
    return clg_engine_penalty(engine, B);
}

static clg_status grad(struct clg_engine *engine, int l, int B)
{
    struct clg_engine_layer *layer = &engine->layer[l];
    if (engine->net->layer[l].frozen)
        return CLG_OK;
    return engine->ops->grad(engine->device, &layer->dW, &layer->db, &layer->dz,
                             clg_engine_input_of(engine, l, 1), B, layer->in, layer->rows);
}

clg_status clg_engine_grads(struct clg_engine *engine, int B)
{
    for (int l = engine->layers - 1; l >= engine->first_trained; l--)
        CLG_TRY(grad(engine, l, B));
    return CLG_OK;
}

clg_status clg_engine_delta(struct clg_engine *engine, int l, int B)
{
    struct clg_engine_layer *layer = &engine->layer[l], *front = layer - 1;
    struct clg_dropout d = clg_engine_dropout_of(engine, l - 1);
    return engine->ops->delta_bwd(
        engine->device, &front->dz, front->act.pieces > 1 ? &engine->dy : NULL, &layer->dz,
        &layer->W, &front->y, clg_act_keeps_z(front->act.kind) ? &front->z : NULL, B, layer->in,
        layer->rows, &front->act, front->dropped.device ? &d : NULL);
}

/* Deltas go no further than the first layer that learns. */
clg_status clg_engine_bwd(struct clg_engine *engine, int B)
{
    CLG_TRY(clg_engine_settle(engine));
    for (int l = engine->layers - 1; l >= engine->first_trained; l--) {
        CLG_TRY(grad(engine, l, B));
        if (l > engine->first_trained)
            CLG_TRY(clg_engine_delta(engine, l, B));
    }
    return CLG_OK;
}

static clg_status update_range(struct clg_engine *engine, struct clg_engine_range *range)
{
    int slots = clg_opt_slots(engine->net->opt);
    return engine->ops->update(engine->device, &range->params, slots > 0 ? &range->slot[0] : NULL,
                               slots > 1 ? &range->slot[1] : NULL, &range->grads, range->count,
                               range->weights, &engine->update);
}

/* Scales all gradients down where their norm is above the limit; those of frozen layers are zero.
 */
static clg_status clip(struct clg_engine *engine)
{
    const size_t at = 2 * (size_t)CLG_MAX_LAYERS;
    CLG_TRY(engine->ops->square_sum(engine->device, &engine->norms, &engine->scratch,
                                    &engine->grads, engine->count, at));
    return engine->ops->clip(engine->device, &engine->grads, &engine->norms, engine->count, at,
                             engine->clip_norm);
}

void clg_engine_begin_update(struct clg_engine *engine, double lr)
{
    engine->update.lr = lr;
    engine->update.t = engine->net->step + 1;
}

clg_status clg_engine_step(struct clg_engine *engine, double lr)
{
    int slots = clg_opt_slots(engine->net->opt);
    CLG_TRY(clg_engine_settle(engine));
    clg_engine_begin_update(engine, lr);
    if (engine->clip_norm > 0)
        CLG_TRY(clip(engine));
    if (!engine->ranges)
        CLG_TRY(engine->ops->update(engine->device, &engine->params,
                                    slots > 0 ? &engine->slot[0] : NULL,
                                    slots > 1 ? &engine->slot[1] : NULL, &engine->grads,
                                    engine->count, engine->weights, &engine->update));
    for (int r = 0; r < engine->ranges; r++)
        CLG_TRY(update_range(engine, &engine->range[r]));
    engine->net->step++;
    return CLG_OK;
}

clg_status clg_engine_norms(struct clg_engine *engine, double *weight, double *gradient)
{
    double square[2 * CLG_MAX_LAYERS];
    size_t layers = (size_t)engine->layers;
    CLG_TRY(clg_engine_settle(engine));
    for (int l = 0; l < engine->layers; l++) {
        const struct clg_engine_layer *layer = &engine->layer[l];
        CLG_TRY(engine->ops->square_sum(engine->device, &engine->norms, &engine->scratch, &layer->W,
                                        layer->W.count, (size_t)l));
        CLG_TRY(engine->ops->square_sum(engine->device, &engine->norms, &engine->scratch,
                                        &layer->dW, layer->dW.count, layers + (size_t)l));
    }
    CLG_TRY(clg_real_download(&engine->norms, square, 0, 2 * layers));
    for (size_t l = 0; l < layers; l++) {
        weight[l] = sqrt(square[l]);
        gradient[l] = sqrt(square[layers + l]);
    }
    return CLG_OK;
}
