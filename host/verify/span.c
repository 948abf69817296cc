/* Spans, the resident plan's launches of whole steps, against plain operations: what a span left is
 * kept, the state before it is put back, and its steps are repeated by the operations of the plain
 * plan, which are watched one by one.  Both must end in the same bits; the sums of losses and
 * penalties, which are added in another order, within their bounds.  What was kept is then put
 * back, so that nothing of the training changes. */
#include "verify/lockstep.h"

#include "core/memory.h"
#include "net/fused.h"
#include "verify/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const slab_name[CLG_SPAN_SLABS] = {"params", "slot0", "slot1", "grads"};

static struct clg_buf *slab_of(struct clg_engine *engine, int i)
{
    struct clg_buf *const slab[CLG_SPAN_SLABS] = {&engine->params, &engine->slot[0],
                                                  &engine->slot[1], &engine->grads};
    return slab[i]->device ? slab[i] : NULL;
}

clg_status clg_span_state_read(struct clg_span_state *state, struct clg_engine *engine)
{
    for (int i = 0; i < CLG_SPAN_SLABS; i++) {
        struct clg_buf *slab = slab_of(engine, i);
        if (!slab)
            continue;
        if (!state->slab[i])
            CLG_TRY(
                clg_alloc(&state->slab[i], engine->count, sizeof *state->slab[i], "verification"));
        CLG_TRY(clg_real_download(slab, state->slab[i], 0, engine->count));
    }
    CLG_TRY(clg_real_download(&engine->stats, state->stats, 0, CLG_STATS));
    return clg_buf_download(&engine->hits, &state->hits, 0, 1);
}

clg_status clg_span_state_write(const struct clg_span_state *state, struct clg_engine *engine)
{
    for (int i = 0; i < CLG_SPAN_SLABS; i++)
        if (slab_of(engine, i))
            CLG_TRY(clg_real_upload(slab_of(engine, i), state->slab[i], 0, engine->count));
    CLG_TRY(clg_real_upload(&engine->stats, state->stats, 0, CLG_STATS));
    return clg_buf_upload(&engine->hits, &state->hits, 0, 1);
}

void clg_span_state_clear(struct clg_span_state *state)
{
    for (int i = 0; i < CLG_SPAN_SLABS; i++)
        free(state->slab[i]);
    memset(state, 0, sizeof *state);
}

/* ------------------------------------------------------------------- steps */

clg_status clg_span_repeat_step(struct clg_engine *engine, const struct clg_step *step)
{
    clg_device *device = engine->device;
    CLG_TRY(engine->ops->gather(device, &engine->x, engine->net->target_input ? NULL : &engine->t,
                                step->data, step->perm, step->start, step->B));
    CLG_TRY(clg_engine_fwd(engine, step->B, 1));
    CLG_TRY(clg_engine_loss(engine, step->B, NULL));
    CLG_TRY(clg_engine_score(engine, step->B));
    CLG_TRY(clg_engine_bwd(engine, step->B));
    return clg_engine_step(engine, step->lr);
}

/* What may lie between the losses of the batch that engine holds, added up in two ways: each row is
 * within its bound of the reference on either side, and so is each sum. */
static clg_status bound_losses(double *out, struct clg_watch *watch, struct clg_engine *engine,
                               const double before[2], int B)
{
    const struct clg_engine_layer *last = &engine->layer[engine->layers - 1];
    struct clg_watched_loss o = {0};
    struct clg_loss_case c = {.B = B,
                              .O = last->out,
                              .spec = &engine->loss,
                              .act = &last->act,
                              .scale = clg_engine_loss_scale(engine, B),
                              .mean = !engine->net->sum_reduction};
    double *bound[3], *loss, size = 0, rows = 0;
    CLG_TRY(clg_operand_matrix(&o.z, watch, "z", &last->z, B, last->rows));
    CLG_TRY(clg_watch_targets(&o.t, watch, clg_engine_targets_of(engine), B, last->out,
                              engine->net->target));
    CLG_TRY(clg_watch_take_loss(&o, watch, B, last->out, &engine->loss));
    CLG_TRY(clg_operand_vector(&o.row_loss, watch, "row_loss", &engine->row_loss, (size_t)B));
    loss = o.row_loss->value;
    CLG_TRY(clg_watch_bound_loss(bound, watch, &o, o.z->value, &c, engine->net->target));
    for (int b = 0; b < B; b++) {
        rows += bound[2][b];
        size += fabs(loss[b]) + bound[2][b];
    }
    *out = 2 * (rows + clg_bound_sum(&watch->limits, before, size, (size_t)B));
    return CLG_OK;
}

/* The same of the penalty of the weights before the step: three numbers more, which make up its
 * factor. */
static double bound_penalty(const struct clg_watch *watch, const struct clg_engine *engine,
                            const struct clg_span_state *before, int B)
{
    double size = 0;
    if (engine->update.l2 <= 0)
        return 0.0;
    for (size_t i = 0; i < engine->weights; i++)
        size += before->slab[0][i] * before->slab[0][i];
    size *= engine->update.l2 / 2 * B;
    return 2 * clg_bound_sum(&watch->limits, before->stats + 2, size, engine->weights + 4);
}

static void compare_total(struct clg_watch *watch, const char *name, const double *got,
                          const double *want, double bound)
{
    const double got_total = got[0] + got[1], want_total = want[0] + want[1];
    clg_tally_compare(watch->tally, name, &got_total, &want_total, &bound, 1, 1);
}

clg_status clg_span_bounds(double bound[2], struct clg_watch *watch, struct clg_engine *engine,
                           const struct clg_span_state *before, int B)
{
    double loss;
    CLG_TRY(bound_losses(&loss, watch, engine, before->stats, B));
    bound[0] += loss;
    bound[1] += bound_penalty(watch, engine, before, B);
    return CLG_OK;
}

/* The slabs' operands say which tensors they are. */
clg_status clg_span_compare(struct clg_watch *watch, struct clg_engine *engine,
                            const struct clg_span_state *got, const struct clg_span_state *want,
                            const double bound[2])
{
    const double got_hits = got->hits, want_hits = want->hits;
    struct clg_operand *operand;
    compare_total(watch, "loss", got->stats, want->stats, bound[0]);
    compare_total(watch, "penalty", got->stats + 2, want->stats + 2, bound[1]);
    clg_tally_compare(watch->tally, "hits", &got_hits, &want_hits, NULL, 1, 1);
    for (int i = 0; i < CLG_SPAN_SLABS; i++) {
        struct clg_buf *slab = slab_of(engine, i);
        if (!slab)
            continue;
        CLG_TRY(clg_operand_write_vector(&operand, watch, slab_name[i], slab, engine->count));
        clg_tally_compare(watch->tally, slab_name[i], got->slab[i], want->slab[i], NULL, 1,
                          engine->count);
    }
    return CLG_OK;
}

clg_status clg_span_begin(struct clg_span_check *check, const struct clg_step *step)
{
    CLG_TRY(clg_span_state_read(&check->before, step->engine));
    if (step->start == 0) { /* a span begins an epoch with sums of its own */
        memset(check->before.stats, 0, sizeof check->before.stats);
        check->before.hits = 0;
    }
    return CLG_OK;
}

clg_status clg_span_end(struct clg_span_check *check, struct clg_watch *watch,
                        const struct clg_step *step)
{
    struct clg_engine *engine = step->engine;
    double bound[2] = {0, 0};
    CLG_TRY(clg_span_state_read(&check->after, engine));
    CLG_TRY(clg_span_state_write(&check->before, engine));
    if (step->perm && check->epoch != step->epoch)
        CLG_TRY(engine->ops->permute(engine->device, step->perm, step->data->rows,
                                     engine->net->seed, (uint32_t)step->epoch));
    check->epoch = step->epoch;
    engine->net->step--;
    CLG_TRY(clg_span_repeat_step(engine, step));
    CLG_TRY(clg_span_state_read(&check->plain, engine));
    OPEN(watch, "span", "one step, B %d, %s", step->B, engine->net->text);
    CLG_TRY(clg_span_bounds(bound, watch, engine, &check->before, step->B));
    CLG_TRY(clg_span_compare(watch, engine, &check->after, &check->plain, bound));
    return clg_span_state_write(&check->after, engine);
}

void clg_span_clear(struct clg_span_check *check)
{
    clg_span_state_clear(&check->before);
    clg_span_state_clear(&check->after);
    clg_span_state_clear(&check->plain);
}
