/* Spans: many steps of the training loop in one launch.  How long the next one may be, so that the
 * host looks where the loop of single steps does, and what is due behind it. */
#include "train/loop.h"

#include <string.h>

#define SPAN_SECONDS 0.06 /* of work in one launch of a span */

/* Until a span has been measured nobody knows how long a step takes, and none can be stopped: the
 * first ones are short, and no span has more than so many times the steps of the one before. */
enum { SPAN_FIRST = 8, SPAN_SECOND = 64, SPAN_GROWTH = 64 };

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
    const uint64_t epoch = (uint64_t)loop->progress.epoch;
    const uint64_t every = (uint64_t)loop->figures_every;
    uint64_t most = every_epoch ? CLG_SPAN_EPOCHS : UINT64_MAX;
    if (loop->has_val || loop->schedule.kind == CLG_SCHEDULE_PLATEAU)
        return 1;
    if (loop->run)
        most = least(most, (epoch + every - 1) / every * every - epoch + 1);
    if (loop->patience)
        most = least(most, (uint64_t)loop->best.epoch + (uint64_t)loop->patience - epoch + 1);
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

clg_status clg_loop_take_span(struct clg_loop *loop)
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
    const struct clg_step step = clg_loop_step_of(loop, span.epoch_step, loop->progress.lr);
    if (loop->around && span.steps == 1)
        CLG_TRY(loop->around->begin(loop->around->user, &step));
    CLG_TRY(clg_engine_span(loop->engine, &span, loop->ended, &count));
    if (loop->around && span.steps == 1)
        CLG_TRY(loop->around->end(loop->around->user, &step));
    /* the first span's time holds the compiler's */
    if (loop->span_most)
        loop->step_seconds = (clg_clock() - begun) / (double)span.steps;
    loop->span_most = loop->span_most ? span.steps * SPAN_GROWTH : SPAN_SECOND;
    clg_loop_store_program(loop);
    return after_span(loop, &span, first, count);
}
