/* What is due at the end of an epoch and, inside one, by the clock: figures, validation, the best
 * parameters so far, metrics, progress, saves. */
#include "train/loop.h"

#include <math.h>
#include <stdlib.h>

#define PROGRESS_PERIOD 0.1 /* seconds between calls of the progress hook */

static clg_status diverged(const struct clg_loop *loop, const char *what)
{
    return clg_fail(
        CLG_EDIVERGED, "training diverged: %s at epoch %d, step %llu: try a --lr below %s%s", what,
        loop->progress.epoch, (unsigned long long)loop->progress.step,
        clg_config_get(loop->net->config, "lr"), loop->run ? "; earlier saves are kept" : "");
}

clg_status clg_loop_read_scores(struct clg_loop *loop, struct clg_scores *out)
{
    return clg_engine_read_scores(loop->engine, out, loop->epoch_rows);
}

/* Takes the epoch's scores so far into progress; a loss that is not finite ends the training. */
static clg_status take_scores(struct clg_loop *loop, const struct clg_scores *scores)
{
    double now = clg_clock(), span = now - loop->epoch_started;
    loop->progress.loss = scores->loss;
    loop->progress.cost = scores->cost;
    loop->progress.accuracy = scores->accuracy;
    loop->progress.seconds = now - loop->started;
    loop->progress.samples_per_s = span > 0 ? (double)loop->epoch_rows / span : (double)NAN;
    if (loop->epoch_rows && !isfinite(scores->cost))
        return diverged(loop, "the loss is not a finite number");
    return CLG_OK;
}

/* Brings parameters and moments to the host; none may be NaN or Inf. */
static clg_status pull(struct clg_loop *loop)
{
    CLG_TRY(clg_engine_pull(loop->engine));
    for (size_t i = 0; i < loop->net->count; i++)
        if (!isfinite(loop->net->params[i]))
            return diverged(loop, "a weight is not a finite number");
    return CLG_OK;
}

/* Writes best.safetensors from the copy that the device keeps; before there is one, an earlier
 * run's must not stand beside our last. */
static clg_status save_best(struct clg_loop *loop)
{
    struct clg_net *best = NULL;
    if (!loop->engine->best_kept)
        return clg_run_remove(loop->run, "best.safetensors");
    if (loop->best_saved)
        return CLG_OK;
    CLG_TRY(clg_net_copy(&best, loop->net));
    clg_status status = clg_engine_read_slab(loop->engine, best->params, &loop->engine->best);
    best->epoch = loop->best_epoch;
    best->step = loop->best_step;
    for (int s = 0; s < 2; s++) { /* its moments are gone; a resumed run starts from last */
        free(best->slot[s]);
        best->slot[s] = NULL;
    }
    if (status == CLG_OK)
        status =
            clg_run_save(loop->run, best, "best.safetensors", loop->device->kind == CLG_REFERENCE);
    clg_net_destroy(best);
    loop->best_saved = status == CLG_OK;
    return status;
}

clg_status clg_loop_save(struct clg_loop *loop)
{
    CLG_TRY(pull(loop));
    if (!loop->run)
        return CLG_OK;
    CLG_TRY(clg_run_save(loop->run, loop->net, "last.safetensors",
                         loop->device->kind == CLG_REFERENCE));
    CLG_TRY(save_best(loop));
    loop->last_save = clg_clock();
    return CLG_OK;
}

static int save_due(const struct clg_loop *loop, double now)
{
    if (!loop->run)
        return 0;
    return loop->save_steps ? loop->net->step % loop->save_steps == 0
                            : now - loop->last_save >= loop->save_seconds;
}

static void report(struct clg_loop *loop, int epoch_end)
{
    loop->progress.epoch_end = epoch_end;
    loop->last_progress = clg_clock();
    if (loop->hooks.progress)
        loop->hooks.progress(loop->hooks.user, &loop->progress);
}

int clg_loop_epoch_ends(const struct clg_loop *loop)
{
    return loop->progress.epoch_step == loop->epoch_steps || loop->net->step == loop->steps;
}

/* Lines every N steps, but for the last of an epoch, which has had its own; progress and saves by
 * the clock. */
clg_status clg_loop_between(struct clg_loop *loop)
{
    double now = clg_clock();
    struct clg_scores scores;
    const int inside = loop->progress.epoch_step > 0;
    int line = inside && loop->run && loop->log_every && loop->net->step % loop->log_every == 0;
    int show =
        inside && loop->hooks.wants_progress && now - loop->last_progress >= PROGRESS_PERIOD;
    int due = save_due(loop, now);
    if (inside && (line || show || due)) {
        CLG_TRY(clg_loop_read_scores(loop, &scores));
        CLG_TRY(take_scores(loop, &scores));
    }
    if (line)
        CLG_TRY(clg_run_log(loop->run, &loop->progress));
    if (show)
        report(loop, 0);
    return due ? clg_loop_save(loop) : CLG_OK;
}

static clg_status validate(struct clg_loop *loop)
{
    struct clg_scores scores;
    if (!loop->has_val)
        return CLG_OK;
    CLG_TRY(clg_score_resident(&scores, loop->engine, &loop->val));
    loop->progress.val_loss = scores.loss;
    loop->progress.val_accuracy = scores.accuracy;
    return CLG_OK;
}

/* The loss by which epochs are compared: validation where there is one. */
static double judged_loss(const struct clg_loop *loop)
{
    return loop->has_val ? loop->progress.val_loss : loop->progress.loss;
}

/* Keeps the parameters on the device where this epoch's loss is the lowest so far.  A span judged by
 * the training loss has done so itself. */
static clg_status keep_best(struct clg_loop *loop, uint64_t step)
{
    double loss = judged_loss(loop);
    if (loop->ended && !loop->has_val)
        return CLG_OK;
    if (!(loss < loop->best_loss))
        return CLG_OK;
    CLG_TRY(clg_buf_copy(&loop->engine->best, &loop->engine->params, loop->engine->count));
    loop->best_loss = loss;
    loop->best_epoch = loop->progress.epoch;
    loop->best_step = step;
    loop->best_saved = 0;
    loop->engine->best_kept = 1;
    return CLG_OK;
}

int clg_loop_figures_due(const struct clg_loop *loop, int epoch)
{
    return loop->run && (epoch % loop->figures_every == 0 || epoch == loop->epochs);
}

/* The layers' figures, where a run records them. */
static clg_status take_figures(struct clg_loop *loop)
{
    if (!clg_loop_figures_due(loop, loop->progress.epoch))
        return CLG_OK;
    CLG_TRY(clg_figures_take(&loop->figures, loop->engine, &loop->data));
    loop->progress.layers = loop->figures.layers;
    loop->progress.weight_norm = loop->figures.weight_norm;
    loop->progress.gradient_norm = loop->figures.gradient_norm;
    loop->progress.dead = loop->figures.dead;
    return CLG_OK;
}

clg_status clg_loop_end_epoch(struct clg_loop *loop, const struct clg_scores *scores,
                              uint64_t step)
{
    loop->progress.step = step;
    CLG_TRY(take_scores(loop, scores));
    CLG_TRY(validate(loop));
    loop->net->epoch = loop->progress.epoch;
    loop->progress.seconds = clg_clock() - loop->started;
    CLG_TRY(keep_best(loop, step));
    CLG_TRY(take_figures(loop));
    clg_schedule_epoch_end(&loop->schedule, judged_loss(loop));
    if (loop->run)
        CLG_TRY(clg_run_log(loop->run, &loop->progress));
    report(loop, 1);
    loop->progress.layers = 0;
    loop->progress.weight_norm = loop->progress.gradient_norm = loop->progress.dead = NULL;
    return CLG_OK;
}

void clg_loop_begin_epoch(struct clg_loop *loop, int epoch)
{
    loop->progress.epoch = epoch;
    loop->progress.epoch_step = 0;
    loop->progress.val_loss = loop->progress.val_accuracy = (double)NAN;
    loop->epoch_rows = 0;
    loop->epoch_started = clg_clock();
}

/* Whether the loss has not fallen for as many epochs as the patience allows. */
int clg_loop_out_of_patience(const struct clg_loop *loop)
{
    return loop->patience && loop->net->epoch - loop->best_epoch >= loop->patience;
}

