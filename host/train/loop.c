/* The training loop, the only one there is: steps one after another, each enqueued by itself or
 * many in a span of one launch, and nothing read from the device inside an epoch unless the caller
 * wants progress or a save is due.  What comes before the first step is in loop_begin.c, what is
 * due at the end of an epoch and by the clock in loop_epoch.c. */
#include "train/loop.h"

#include "core/text.h"
#include "device/program.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define SPAN_SECONDS 0.06 /* of work in one launch of a span */

/* Until a span has been measured nobody knows how long a step takes, and none can be stopped: the
 * first ones are short, and no span has more than so many times the steps of the one before. */
enum { SPAN_FIRST = 8, SPAN_SECOND = 64, SPAN_GROWTH = 64 };

/* Rows start.. that batch `index` of an epoch holds. */
static int batch_rows(const struct clg_loop *loop, uint64_t index, size_t *start)
{
    *start = (size_t)index * (size_t)loop->batch;
    size_t left = loop->rows - *start;
    return left < (size_t)loop->batch ? (int)left : loop->batch;
}

/* A step whose loss needs the logits of a teacher between the batch and the forward pass. */
static clg_status taught_step(struct clg_loop *loop, const struct clg_batch *batch)
{
    struct clg_engine *engine = loop->engine;
    const struct clg_buf *teacher_z;
    CLG_TRY(engine->ops->gather(loop->device, &engine->x,
                                loop->net->target_input ? NULL : &engine->t, batch->data,
                                batch->perm, batch->start, batch->B));
    CLG_TRY(clg_teacher_fwd(&loop->teacher, &teacher_z, batch->B));
    CLG_TRY(clg_engine_fwd(engine, batch->B, 1));
    CLG_TRY(clg_engine_loss(engine, batch->B, teacher_z));
    CLG_TRY(clg_engine_score(engine, batch->B));
    CLG_TRY(clg_engine_bwd(engine, batch->B));
    return clg_engine_step(engine, loop->progress.lr);
}

/* Gives the cache one program's binary at a time; every kernel has run in the first two steps. */
static void store_program(struct clg_loop *loop)
{
    if (loop->net->step >= 2 && !loop->stored)
        loop->stored = !clg_program_store_next(loop->device);
}

/* What the hooks around the next step, of B rows from start, are told; before it its lr is not
 * known. */
static struct clg_step step_of(struct clg_loop *loop, uint64_t index, double lr)
{
    struct clg_step step = {.engine = loop->engine,
                            .teacher = loop->teacher.engine,
                            .epoch = loop->progress.epoch,
                            .shuffle = loop->shuffle,
                            .number = loop->progress.step + 1,
                            .lr = lr,
                            .data = &loop->data.rows,
                            .perm = loop->data.has_perm ? &loop->data.perm : NULL};
    step.B = batch_rows(loop, index, &step.start);
    return step;
}

/* Where the rows of batch `index` of this epoch lie on the device. */
static clg_status find_batch(struct clg_loop *loop, uint64_t index, size_t *at, int *B)
{
    const int epoch = loop->shuffle ? loop->progress.epoch : 0;
    size_t start, left;
    *B = batch_rows(loop, index, &start);
    CLG_TRY(clg_resident_find(&loop->data, epoch, start, at, &left));
    assert(left >= (size_t)*B); /* a part holds whole batches */
    return CLG_OK;
}

/* Enqueues the epoch's next step. */
static clg_status take_step(struct clg_loop *loop)
{
    const uint64_t index = loop->progress.epoch_step;
    const struct clg_step_hooks *around = loop->around;
    struct clg_batch batch = {.data = &loop->data.rows,
                              .perm = loop->data.has_perm ? &loop->data.perm : NULL};
    CLG_TRY(find_batch(loop, index, &batch.start, &batch.B));
    const int ends = index + 1 == loop->epoch_steps || loop->net->step + 1 == loop->steps;
    if (!ends)
        CLG_TRY(find_batch(loop, index + 1, &batch.next_start, &batch.next_B));
    batch.keep_gradient = ends && clg_loop_figures_due(loop, loop->progress.epoch);
    loop->progress.lr = clg_schedule_rate(&loop->schedule, loop->progress.epoch, loop->net->step);
    const struct clg_step step = step_of(loop, index, loop->progress.lr);
    if (around)
        CLG_TRY(around->begin(around->user, &step));
    CLG_TRY(loop->teacher.net ? taught_step(loop, &batch)
                              : clg_engine_train_step(loop->engine, &batch, loop->progress.lr));
    if (around)
        CLG_TRY(around->end(around->user, &step));
    loop->epoch_rows += (size_t)batch.B;
    loop->progress.epoch_step = index + 1;
    loop->progress.step = loop->net->step;
    store_program(loop);
    return clg_throttle_step(&loop->throttle, NULL);
}

/* ------------------------------------------------------------------- spans */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Steps up to the next one that a multiple of `every` completes. */
static uint64_t up_to_multiple(const struct clg_loop *loop, uint64_t every)
{
    return every - loop->net->step % every;
}

/* Epochs, with the one under way, that may pass before the host has to look. */
static uint64_t epochs_alone(const struct clg_loop *loop, int every_epoch)
{
    const int epoch = loop->progress.epoch, every = loop->figures_every;
    uint64_t most = every_epoch ? CLG_SPAN_EPOCHS : UINT64_MAX;
    if (loop->has_val || loop->schedule.kind == CLG_SCHEDULE_PLATEAU)
        return 1;
    if (loop->run)
        most = least(most, (uint64_t)((epoch + every - 1) / every * every - epoch + 1));
    if (loop->patience)
        most = least(most, (uint64_t)(loop->best.epoch + loop->patience - epoch + 1));
    return most;
}

/* Steps of the next span: about as many as SPAN_SECONDS hold, and none beyond the next place where
 * the host has something to do. */
static uint64_t span_steps(const struct clg_loop *loop, int every_epoch, int lr_varies)
{
    const double fit = SPAN_SECONDS / loop->step_seconds;
    uint64_t steps = fit < 1 ? 1 : fit > 1e9 ? 1000000000 : (uint64_t)fit;
    const uint64_t left = loop->epoch_steps - loop->progress.epoch_step;
    const uint64_t epochs = epochs_alone(loop, every_epoch);
    steps = least(steps, loop->span_most ? loop->span_most : SPAN_FIRST);
    steps = least(steps, loop->steps - loop->net->step);
    if (epochs - 1 < (UINT64_MAX - left) / loop->epoch_steps)
        steps = least(steps, left + (epochs - 1) * loop->epoch_steps);
    if (loop->run && loop->save_steps)
        steps = least(steps, up_to_multiple(loop, loop->save_steps));
    if (loop->run && loop->log_every)
        steps = least(steps, up_to_multiple(loop, loop->log_every));
    if (loop->hooks.progress_every)
        steps = least(steps, up_to_multiple(loop, loop->hooks.progress_every));
    if (loop->around) { /* a step that the hooks look at is a span of its own */
        const uint64_t next = up_to_multiple(loop, loop->around->every);
        steps = least(steps, next > 1 ? next - 1 : 1);
    }
    return lr_varies ? least(steps, CLG_LOOP_RATES) : steps;
}

/* The learning rates of a span's steps, or the one of them all. */
static void span_rates(struct clg_loop *loop, uint64_t steps)
{
    uint64_t in_epoch = loop->progress.epoch_step;
    int epoch = loop->progress.epoch;
    for (uint64_t s = 0; s < steps; s++, in_epoch++) {
        if (in_epoch == loop->epoch_steps) {
            in_epoch = 0;
            epoch++;
        }
        loop->rates[s] = clg_schedule_rate(&loop->schedule, epoch, loop->net->step + s);
    }
    loop->progress.lr = loop->rates[steps - 1];
}

/* What a span that began at step `first` went through: the ends of epochs, and where it stopped. */
static clg_status after_span(struct clg_loop *loop, const struct clg_span *span, uint64_t first,
                             int count)
{
    const uint64_t before = first - span->epoch_step; /* the first epoch's first step */
    if (span->best_epoch != loop->best.epoch) {
        loop->best.epoch = span->best_epoch;
        memcpy(loop->best.sum, span->best_sum, sizeof loop->best.sum);
        loop->best.loss = span->best_loss;
        loop->best.step =
            least(before + (uint64_t)(span->best_epoch - span->epoch + 1) * loop->epoch_steps,
                  loop->steps);
        loop->best_saved = 0;
        loop->engine->best_kept = 1;
    }
    const uint64_t reached = loop->net->step - before;
    const uint64_t whole = reached / loop->epoch_steps, rest = reached % loop->epoch_steps;
    const int ended = loop->net->step == loop->steps && rest ? (int)whole + 1 : (int)whole;
    for (int i = ended - count; i < ended; i++) {
        const uint64_t step = before + (uint64_t)(i + 1) * loop->epoch_steps;
        if (span->epoch + i > loop->progress.epoch) {
            clg_loop_begin_epoch(loop, span->epoch + i);
            loop->epoch_started -= loop->step_seconds * (double)loop->epoch_steps;
        }
        loop->epoch_rows = step > loop->steps ? (size_t)rest * (size_t)loop->batch : loop->rows;
        loop->progress.epoch_step = step > loop->steps ? rest : loop->epoch_steps;
        CLG_TRY(
            clg_loop_end_epoch(loop, &loop->ended[i - (ended - count)], least(step, loop->steps)));
    }
    if (loop->net->step < loop->steps && ended) {
        clg_loop_begin_epoch(loop, span->epoch + ended);
        loop->epoch_started -= loop->step_seconds * (double)rest;
    }
    loop->progress.step = loop->net->step;
    if (loop->net->step < loop->steps) {
        loop->progress.epoch_step = rest;
        loop->epoch_rows = (size_t)rest * (size_t)loop->batch;
        loop->progress.lr =
            clg_schedule_rate(&loop->schedule, loop->progress.epoch, loop->net->step - 1);
    }
    return CLG_OK;
}

/* Runs the next span and does what is due for the epochs that ended in it. */
static clg_status take_span(struct clg_loop *loop)
{
    const struct clg_schedule *schedule = &loop->schedule;
    const uint64_t first = loop->net->step;
    struct clg_span span = {.data = &loop->data.rows,
                            .shuffle = loop->shuffle,
                            .batch = loop->batch,
                            .epoch = loop->progress.epoch,
                            .epoch_step = loop->progress.epoch_step,
                            .lr = loop->rates,
                            .every_epoch = loop->run || loop->hooks.progress,
                            .keep_best = !loop->has_val,
                            .best_loss = loop->best.loss,
                            .best_epoch = loop->best.epoch,
                            .best_sum = {loop->best.sum[0], loop->best.sum[1]}};
    int count;
    span.lr_varies = first < schedule->warmup || (schedule->kind != CLG_SCHEDULE_CONST &&
                                                  schedule->kind != CLG_SCHEDULE_PLATEAU);
    span.steps = span_steps(loop, span.every_epoch, span.lr_varies);
    span.ends = first + span.steps == loop->steps;
    span_rates(loop, span.lr_varies ? span.steps : 1);
    const double begun = clg_clock();
    const struct clg_step step = step_of(loop, span.epoch_step, loop->progress.lr);
    if (loop->around && span.steps == 1)
        CLG_TRY(loop->around->begin(loop->around->user, &step));
    CLG_TRY(clg_engine_span(loop->engine, &span, loop->ended, &count));
    if (loop->around && span.steps == 1)
        CLG_TRY(loop->around->end(loop->around->user, &step));
    /* the first span's time holds the compiler's */
    if (loop->span_most)
        loop->step_seconds = (clg_clock() - begun) / (double)span.steps;
    loop->span_most = loop->span_most ? span.steps * SPAN_GROWTH : SPAN_SECOND;
    store_program(loop);
    return after_span(loop, &span, first, count);
}

/* ------------------------------------------------------------------ epochs */

/* The order of an epoch's rows; a span draws its own. */
static clg_status draw_order(struct clg_loop *loop, int epoch)
{
    if (!loop->data.has_perm || loop->ended)
        return CLG_OK;
    return loop->engine->ops->permute(loop->device, &loop->data.perm, loop->rows, loop->net->seed,
                                      (uint32_t)epoch);
}

static clg_status begin_epoch(struct clg_loop *loop, int epoch)
{
    clg_loop_begin_epoch(loop, epoch);
    CLG_TRY(clg_engine_zero_scores(loop->engine));
    return draw_order(loop, epoch);
}

static clg_status end_epoch(struct clg_loop *loop)
{
    struct clg_scores scores;
    CLG_TRY(clg_loop_read_scores(loop, &scores));
    return clg_loop_end_epoch(loop, &scores, loop->net->step);
}

static int stop_wanted(const struct clg_loop *loop)
{
    return loop->hooks.should_stop && loop->hooks.should_stop(loop->hooks.user);
}

/* The next step, or span of them, and what is due after it. */
static clg_status advance(struct clg_loop *loop)
{
    if (loop->ended) {
        CLG_TRY(take_span(loop));
    } else {
        CLG_TRY(take_step(loop));
        const int ended = clg_loop_epoch_ends(loop);
        if (ended)
            CLG_TRY(end_epoch(loop));
        if (ended && loop->net->step < loop->steps)
            CLG_TRY(begin_epoch(loop, loop->progress.epoch + 1));
    }
    return loop->net->step < loop->steps ? clg_loop_between(loop) : CLG_OK;
}

/* The first epoch, or the one that a resumed run was in; where it was at its end, that end. */
static clg_status begin_first_epoch(struct clg_loop *loop)
{
    if (!loop->resumed)
        return begin_epoch(loop, 1);
    CLG_TRY(clg_engine_zero_scores(loop->engine));
    CLG_TRY(clg_loop_continue_epoch(loop));
    const int epoch = loop->progress.epoch;
    if (!loop->due)
        return draw_order(loop, epoch);
    CLG_TRY(clg_loop_end_epoch(loop, &loop->due_scores, loop->net->step));
    return loop->net->step < loop->steps ? begin_epoch(loop, epoch + 1) : CLG_OK;
}

static clg_status run_to_end(struct clg_loop *loop)
{
    CLG_TRY(begin_first_epoch(loop));
    while (loop->net->step < loop->steps) {
        if (loop->progress.epoch_step == 0 && clg_loop_out_of_patience(loop)) {
            loop->stopped_early = 1;
            return CLG_OK;
        }
        if (stop_wanted(loop))
            return CLG_ECANCELLED;
        CLG_TRY(advance(loop));
    }
    return CLG_OK;
}

/* After an early stop the network is the best epoch's; the run's last.safetensors stays the last's.
 */
static clg_status take_best(struct clg_loop *loop)
{
    if (!loop->patience || !loop->engine->best_kept)
        return CLG_OK;
    return clg_engine_read_slab(loop->engine, loop->net->params, &loop->engine->best);
}

static clg_status run_steps(struct clg_loop *loop)
{
    clg_status status = run_to_end(loop);
    if (status != CLG_OK && status != CLG_ECANCELLED)
        return status;
    CLG_TRY(clg_loop_save(loop));
    if (status == CLG_ECANCELLED) {
        clg_program_leave_unstored(loop->device);
        return clg_fail(CLG_ECANCELLED, "interrupted at epoch %d, step %llu%s",
                        loop->progress.epoch, (unsigned long long)loop->net->step,
                        loop->run ? ": saved" : "");
    }
    if (loop->engine->best_kept)
        clg_loop_say(loop, "best epoch %d: %s loss %s%s", loop->best.epoch,
                     loop->has_val ? "validation" : "training",
                     clg_print_number(loop->best.loss, 6).text,
                     loop->run ? ", kept in best.safetensors" : "");
    return take_best(loop);
}

clg_status clg_train_loop(clg_train_result *result, clg_net *net, clg_device *device,
                          const clg_dataset *data, const clg_dataset *val, clg_run *run,
                          const clg_train_hooks *hooks, const struct clg_step_hooks *steps)
{
    struct clg_loop loop;
    if (run && clg_run_is_finished(run))
        return clg_run_finish(result, net, run, hooks);
    memset(&loop, 0, sizeof loop);
    loop.net = net;
    loop.device = device;
    loop.rows = data->rows;
    loop.has_val = val != NULL;
    loop.run = run;
    loop.around = steps;
    if (hooks)
        loop.hooks = *hooks;
    clg_status status = clg_loop_begin(&loop, data, val);
    if (status == CLG_OK)
        status = run_steps(&loop);
    clg_train_result own = {.epochs = net->epoch,
                            .steps = net->step,
                            .loss = loop.progress.loss,
                            .cost = loop.progress.cost,
                            .accuracy = loop.progress.accuracy,
                            .val_loss = loop.progress.val_loss,
                            .val_accuracy = loop.progress.val_accuracy,
                            .seconds = clg_clock() - loop.started,
                            .best_epoch = loop.best.epoch,
                            .stopped_early = loop.stopped_early};
    if (run && loop.started > 0)
        status = clg_run_outcome(run, net, device, &own, status);
    if (result)
        *result = own;
    clg_loop_end(&loop);
    return status;
}
