/* What is due at the end of an epoch and, inside one, by the clock: figures, validation, the best
 * parameters so far, metrics, progress; when a checkpoint is due (loop_save.c makes it). */
#include "train/loop.h"

#include <math.h>
#include <string.h>

#define PROGRESS_PERIOD 0.1 /* seconds between calls of the progress hook */

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
        return clg_loop_diverged(loop, "the loss is not a finite number");
    loop->finite_step = loop->progress.step;
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

/* By the clock, and after every Nth step where the caller asks for that. */
static int progress_due(const struct clg_loop *loop, double now)
{
    const uint64_t every = loop->hooks.progress_every;
    if (every && loop->net->step % every == 0)
        return 1;
    return loop->hooks.wants_progress && now - loop->last_progress >= PROGRESS_PERIOD;
}

/* Lines every N steps, but for the last of an epoch, which has had its own; progress and saves by
 * the clock. */
clg_status clg_loop_between(struct clg_loop *loop)
{
    double now = clg_clock();
    struct clg_scores scores;
    const int inside = loop->progress.epoch_step > 0;
    int line = inside && loop->run && loop->log_every && loop->net->step % loop->log_every == 0;
    int show = inside && progress_due(loop, now);
    int due = save_due(loop, now);
    if (inside && (line || show || due)) {
        CLG_TRY(clg_loop_read_scores(loop, &scores));
        CLG_TRY(take_scores(loop, &scores));
    }
    if (line)
        CLG_TRY(clg_loop_look_at_weights(loop));
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
    CLG_TRY(clg_score_resident(&scores, loop->engine, &loop->val, &loop->hooks));
    loop->progress.val_loss = scores.loss;
    loop->progress.val_accuracy = scores.accuracy;
    return CLG_OK;
}

/* The loss by which epochs are compared: validation where there is one. */
static double judged_loss(const struct clg_loop *loop)
{
    return loop->has_val ? loop->progress.val_loss : loop->progress.loss;
}

/* Keeps the parameters on the device where this epoch's loss is the lowest so far.  A span judged
 * by the training loss has done so itself. */
static clg_status keep_best(struct clg_loop *loop, uint64_t step)
{
    double loss = judged_loss(loop);
    if (loop->ended && !loop->has_val)
        return CLG_OK;
    if (!(loss < loop->best.loss))
        return CLG_OK;
    CLG_TRY(clg_buf_copy(&loop->engine->best, &loop->engine->params, loop->engine->count));
    loop->best.loss = loss;
    loop->best.sum[0] = loop->best.sum[1] = 0;
    loop->best.epoch = loop->progress.epoch;
    loop->best.step = step;
    loop->best_saved = loop->kept_epoch = 0;
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
    if (loop->norms_saved) /* the last gradients are gone */
        memcpy(loop->figures.gradient_norm, loop->run->state.gradient_norm,
               sizeof loop->figures.gradient_norm);
    loop->norms_saved = 0;
    loop->progress.layers = loop->figures.layers;
    loop->progress.weight_norm = loop->figures.weight_norm;
    loop->progress.gradient_norm = loop->figures.gradient_norm;
    loop->progress.dead = loop->figures.dead;
    return CLG_OK;
}

/* What a checkpoint must know of an epoch that ended: its figures until it is validated, and, of
 * one that was cut, its sums, which validation overwrites. */
static clg_status remember_epoch(struct clg_loop *loop, const struct clg_scores *scores)
{
    struct clg_engine *engine = loop->engine;
    loop->due = 1;
    loop->due_scores = *scores;
    if (!loop->run || loop->progress.epoch_step == loop->epoch_steps)
        return CLG_OK;
    CLG_TRY(clg_real_download(&engine->stats, loop->cut_stats, 0, CLG_STATS));
    return clg_buf_download(&engine->hits, &loop->cut_hits, 0, 1);
}

clg_status clg_loop_end_epoch(struct clg_loop *loop, const struct clg_scores *scores, uint64_t step)
{
    struct clg_progress *progress = &loop->progress;
    progress->step = step;
    progress->lr = clg_schedule_rate(&loop->schedule, progress->epoch, step - 1);
    CLG_TRY(take_scores(loop, scores));
    CLG_TRY(clg_loop_look_at_weights(loop));
    CLG_TRY(remember_epoch(loop, scores));
    CLG_TRY(validate(loop));
    loop->net->epoch = progress->epoch;
    progress->seconds = clg_clock() - loop->started;
    CLG_TRY(keep_best(loop, step));
    CLG_TRY(take_figures(loop));
    loop->due = 0;
    clg_schedule_epoch_end(&loop->schedule, judged_loss(loop));
    loop->last = (struct clg_state_figures){progress->loss, progress->cost, progress->accuracy,
                                            progress->val_loss, progress->val_accuracy};
    if (loop->run)
        CLG_TRY(clg_run_log(loop->run, progress));
    report(loop, 1);
    progress->layers = 0;
    progress->weight_norm = progress->gradient_norm = progress->dead = NULL;
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

/* An epoch that --steps had cut goes on as if it had not been: its end is taken back, and a line
 * that was due inside it is written. */
static clg_status uncut_epoch(struct clg_loop *loop)
{
    struct clg_scores scores;
    loop->net->epoch--;
    if (!loop->log_every || loop->net->step % loop->log_every)
        return CLG_OK;
    loop->progress.lr =
        clg_schedule_rate(&loop->schedule, loop->progress.epoch, loop->net->step - 1);
    CLG_TRY(clg_loop_read_scores(loop, &scores));
    CLG_TRY(take_scores(loop, &scores));
    return clg_run_log(loop->run, &loop->progress);
}

clg_status clg_loop_continue_epoch(struct clg_loop *loop)
{
    const struct clg_run_state *state = &loop->run->state;
    struct clg_engine *engine = loop->engine;
    const size_t rows = (size_t)state->epoch_step * (size_t)loop->batch;
    clg_loop_begin_epoch(loop, clg_state_epoch(state, loop->net->epoch));
    loop->progress.epoch_step = state->epoch_step;
    loop->progress.step = loop->net->step;
    loop->epoch_rows = rows < loop->rows ? rows : loop->rows;
    if (loop->due || state->epoch_step == 0)
        return CLG_OK;
    CLG_TRY(clg_real_upload(&engine->stats, state->stats, 0, CLG_STATS));
    CLG_TRY(clg_buf_upload(&engine->hits, &state->hits, 0, 1));
    return state->cut ? uncut_epoch(loop) : CLG_OK;
}

/* Whether the loss has not fallen for as many epochs as the patience allows. */
int clg_loop_out_of_patience(const struct clg_loop *loop)
{
    return loop->patience && loop->net->epoch > 0 &&
           loop->net->epoch - loop->best.epoch >= loop->patience;
}
