/* Checkpoints: parameters, moments and the state of the run are brought to the host and written,
 * and a run that goes on takes them up.  What may not be written is a network that has diverged;
 * the failure says where.  Which files these are is run.c's and resume.c's affair. */
#include "train/loop.h"

#include "core/memory.h"
#include "ops/tuning.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- divergence */

/* What a model file cannot hold counts as infinite, on the reference as well. */
static int is_finite(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs(values[i]) <= (double)FLT_MAX))
            return 0;
    return 1;
}

/* The first layer with a weight or bias that is not finite, and which; NULL where all are. */
static const char *first_wrong(const struct clg_net *net, int *layer)
{
    for (*layer = 0; *layer < net->layers; (*layer)++) {
        const struct clg_layer *at = &net->layer[*layer];
        if (!is_finite(at->W, (size_t)at->rows * (size_t)at->in))
            return "weight";
        if (!is_finite(at->b, (size_t)at->rows))
            return "bias";
    }
    return NULL;
}

/* The first layer whose outputs of the last batch's first row are not finite; -1 where all are or
 * that cannot be seen, a span's activations being the device's own. */
static int first_output(struct clg_engine *engine)
{
    int found = -1;
    for (int l = 0; l < engine->layers && found < 0 && engine->plan_kind != CLG_PLAN_RESIDENT;
         l++) {
        const struct clg_engine_layer *layer = &engine->layer[l];
        const int last = l == engine->layers - 1, columns = last ? layer->rows : layer->out;
        const struct clg_buf *y = last ? &layer->z : &layer->y;
        double *values = NULL;
        if (!y->device)
            continue;
        if (clg_alloc(&values, (size_t)columns, sizeof *values, "outputs") != CLG_OK)
            return -1;
        /* the first row is there however short the batch was */
        if (clg_matrix_download(y, values, 1, columns) == CLG_OK &&
            !is_finite(values, (size_t)columns))
            found = l;
        free(values);
    }
    return found;
}

clg_status clg_loop_diverged(const struct clg_loop *loop, const char *what)
{
    const struct clg_net *net = loop->net;
    char where[96] = "";
    int layer;
    const clg_status pulled = clg_engine_pull(loop->engine);
    const char *tensor = pulled == CLG_OK ? first_wrong(net, &layer) : NULL;
    if (tensor) {
        snprintf(where, sizeof where, ", first in layers.%d.%s", layer, tensor);
    } else if (pulled == CLG_OK && (layer = first_output(loop->engine)) >= 0) {
        snprintf(where, sizeof where, ", first in the outputs of layer %d (%s)", layer,
                 net->layer[layer].act_text);
    } else {
        snprintf(where, sizeof where, ", first in the loss behind layer %d", net->layers - 1);
    }
    return clg_fail(CLG_EDIVERGED,
                    "training diverged: %s by epoch %d, step %" PRIu64 "%s (all was finite at step "
                    "%" PRIu64 "): try a --lr below %s%s",
                    what, loop->progress.epoch, loop->progress.step, where, loop->finite_step,
                    clg_config_get(net->config, "lr"), loop->run ? "; earlier saves are kept" : "");
}

/* Norms on the device, a number a layer to read; an infinite one may be that of large finite
 * weights, which the host then finds out. */
clg_status clg_loop_look_at_weights(struct clg_loop *loop)
{
    struct clg_engine *engine = loop->engine;
    const double began = clg_clock();
    double weight[CLG_MAX_LAYERS], gradient[CLG_MAX_LAYERS];
    int layer;
    if (loop->around && loop->around->every == 1) /* each element of each step is looked at */
        return CLG_OK;
    if (began - loop->last_look < 100 * loop->look_cost)
        return CLG_OK;
    CLG_TRY(clg_engine_norms(engine, weight, gradient));
    if (loop->last_look > 0) /* the first one's time holds the compiler's */
        loop->look_cost = clg_clock() - began;
    loop->last_look = clg_clock();
    if (is_finite(weight, (size_t)engine->layers))
        return CLG_OK;
    CLG_TRY(clg_engine_pull(engine));
    return first_wrong(loop->net, &layer)
               ? clg_loop_diverged(loop, "a weight is not a finite number")
               : CLG_OK;
}

/* -------------------------------------------------------------------- saving */

/* Brings parameters and moments to the host; none may be NaN or Inf. */
static clg_status pull(struct clg_loop *loop)
{
    CLG_TRY(clg_engine_pull(loop->engine));
    return is_finite(loop->net->params, loop->net->count)
               ? CLG_OK
               : clg_loop_diverged(loop, "a weight is not a finite number");
}

/* Where the bits come from. */
static void name_device(char *out, size_t size, const clg_device *device)
{
    const clg_device_info *info = &device->info;
    if (device->kind == CLG_REFERENCE)
        snprintf(out, size, "reference");
    else
        snprintf(out, size, "%s, driver %s", info->name, info->driver_version);
    for (char *c = out; *c; c++) /* a driver's text need not be UTF-8 */
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
            *c = '?';
}

/* The sums of the epoch under way, which must be finite; figures instead of them where it has ended
 * and only its validation is missing. */
static clg_status state_of_epoch(struct clg_run_state *state, struct clg_loop *loop)
{
    struct clg_engine *engine = loop->engine;
    double weight_norm[CLG_MAX_LAYERS];
    const int ended = loop->net->epoch == loop->progress.epoch;
    state->epoch_step = loop->progress.epoch_step;
    if (loop->due) {
        state->due = 1;
        state->scores = loop->due_scores;
        if (!clg_loop_figures_due(loop, loop->progress.epoch))
            return CLG_OK;
        state->norms = loop->net->layers;
        if (loop->norms_saved) {
            memcpy(state->gradient_norm, loop->run->state.gradient_norm,
                   sizeof state->gradient_norm);
            return CLG_OK;
        }
        return clg_engine_norms(engine, weight_norm, state->gradient_norm);
    }
    if (ended && state->epoch_step == loop->epoch_steps)
        state->epoch_step = 0;
    if (ended && state->epoch_step > 0) {
        state->cut = 1;
        state->hits = loop->cut_hits;
        memcpy(state->stats, loop->cut_stats, sizeof state->stats);
    } else if (state->epoch_step > 0) {
        CLG_TRY(clg_real_download(&engine->stats, state->stats, 0, CLG_STATS));
        CLG_TRY(clg_buf_download(&engine->hits, &state->hits, 0, 1));
    }
    for (int i = 0; i < CLG_STATS; i++)
        if (!isfinite(state->stats[i]))
            return clg_loop_diverged(loop, "the loss is not a finite number");
    return CLG_OK;
}

static clg_status take_state(struct clg_run_state *state, struct clg_loop *loop)
{
    clg_state_clear(state);
    name_device(state->device, sizeof state->device, loop->device);
    state->rows = loop->rows;
    state->epoch_steps = loop->epoch_steps;
    state->last = loop->last;
    CLG_TRY(state_of_epoch(state, loop));
    const struct clg_schedule *schedule = state->cut ? &loop->schedule_before : &loop->schedule;
    const struct clg_best *best = state->cut ? &loop->best_before : &loop->best;
    if (schedule->kind == CLG_SCHEDULE_PLATEAU) {
        state->plateau_scale = schedule->scale;
        state->plateau_best = schedule->best;
        state->plateau_bad = schedule->bad;
    }
    if (!loop->engine->best_kept)
        return CLG_OK;
    state->best = *best;
    state->kept_epoch = loop->kept_epoch ? loop->kept_epoch : loop->best.epoch;
    state->kept_step = loop->kept_epoch ? loop->kept_step : loop->best.step;
    return CLG_OK;
}

/* The best parameters so far as a network, from the copy that the device keeps; NULL where its file
 * is up to date. */
static clg_status make_best(struct clg_net **out, const struct clg_loop *loop)
{
    struct clg_net *best;
    *out = NULL;
    if (!loop->engine->best_kept || loop->best_saved)
        return CLG_OK;
    CLG_TRY(clg_net_copy(&best, loop->net));
    const clg_status status = clg_engine_read_slab(loop->engine, best->params, &loop->engine->best);
    best->epoch = loop->best.epoch;
    best->step = loop->best.step;
    for (int s = 0; s < 2; s++) { /* its moments are gone; a resumed run starts from last */
        free(best->slot[s]);
        best->slot[s] = NULL;
    }
    if (status != CLG_OK) {
        clg_net_destroy(best);
        return status;
    }
    *out = best;
    return CLG_OK;
}

clg_status clg_loop_save(struct clg_loop *loop)
{
    struct clg_run_state state;
    struct clg_net *best = NULL;
    char *text = NULL;
    clg_status status;
    CLG_TRY(pull(loop));
    if (!loop->run)
        return CLG_OK;
    CLG_TRY_DONE(take_state(&state, loop));
    CLG_TRY_DONE(clg_state_text(&text, &state));
    CLG_TRY_DONE(make_best(&best, loop));
    loop->net->state = text;
    status = clg_run_checkpoint(loop->run, loop->net, best, loop->device->kind == CLG_REFERENCE);
    loop->net->state = NULL;
    if (status != CLG_OK)
        goto done;
    /* before there is a best one, an earlier run's must not stand beside our last */
    if (!loop->engine->best_kept)
        CLG_TRY_DONE(clg_run_remove(loop->run, "best.safetensors"));
    if (best)
        loop->best_saved = 1;
    loop->finite_step = loop->net->step;
    loop->last_save = clg_clock();
done:
    clg_net_destroy(best);
    free(text);
    return status;
}

/* ------------------------------------------------------------------ going on */

/* On another device than before, what was recorded for that one does not count. */
static clg_status compare_device(struct clg_loop *loop)
{
    const struct clg_run *run = loop->run;
    char device[sizeof run->state.device];
    name_device(device, sizeof device, loop->device);
    if (strcmp(device, run->state.device) == 0)
        return CLG_OK;
    clg_loop_say(loop,
                 "warning: was trained on %s and goes on on %s: the same bits are not promised",
                 run->state.device, device);
    if (run->chosen)
        return CLG_OK;
    loop->device->plan = CLG_CHOOSE_AUTO;
    loop->device->route = CLG_ROUTE_AUTO;
    return clg_config_set(run->config, "tuned", "");
}

clg_status clg_loop_restore(struct clg_loop *loop)
{
    const struct clg_run_state *state = &loop->run->state;
    struct clg_engine *engine = loop->engine;
    struct clg_net *net = loop->net;
    double *best = NULL;
    int good = 0;
    clg_status status = CLG_OK;
    loop->due = state->due;
    loop->due_scores = state->scores;
    loop->norms_saved = state->due && state->norms == net->layers;
    loop->last = state->last;
    loop->finite_step = net->step;
    if (loop->schedule.kind == CLG_SCHEDULE_PLATEAU) {
        loop->schedule.scale = state->plateau_scale;
        loop->schedule.best = state->plateau_best;
        loop->schedule.bad = state->plateau_bad;
    }
    if (!state->best.epoch)
        return CLG_OK;
    CLG_TRY_DONE(clg_alloc(&best, net->count, sizeof *best, "the best parameters"));
    CLG_TRY_DONE(clg_run_read_best(best, &good, loop->run, net));
    if (!good) {
        clg_loop_say(loop,
                     "warning: best.safetensors is not the one of epoch %d, which was the "
                     "best so far: the search begins anew",
                     state->best.epoch);
        goto done;
    }
    CLG_TRY_DONE(clg_engine_write_slab(engine, &engine->best, best));
    engine->best_kept = loop->best_saved = 1;
    loop->best = state->best;
    loop->kept_epoch = state->kept_epoch == state->best.epoch ? 0 : state->kept_epoch;
    loop->kept_step = state->kept_step;
done:
    free(best);
    return status;
}

clg_status clg_loop_prepare_resume(struct clg_loop *loop)
{
    CLG_TRY(clg_run_check(loop->run, loop->net, loop->rows));
    loop->resumed = 1;
    return compare_device(loop);
}
