/* The training loop, the only one there is: epochs of enqueued steps, figures and saves by the
 * clock, and nothing read from the device inside an epoch unless the caller wants progress or a
 * save is due. */
#include "train/figures.h"
#include "train/schedule.h"
#include "train/teacher.h"
#include "train/train.h"

#include "core/memory.h"
#include "core/text.h"
#include "device/program.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_PERIOD 0.1 /* seconds between calls of the progress hook */

struct loop {
    struct clg_net *net;
    clg_device *device;
    struct clg_engine *engine;
    struct clg_resident data, val;
    int has_val;
    struct clg_teacher teacher;
    struct clg_schedule schedule;
    struct clg_figures figures; /* planned where there is a run */
    struct clg_run *run;
    struct clg_train_hooks hooks;
    const struct clg_step_hooks *around; /* of each step; NULL: nothing */
    struct clg_throttle throttle;

    int batch, shuffle, epochs;
    size_t rows;
    uint64_t epoch_steps, steps; /* in an epoch; to do in all */
    uint64_t log_every;          /* steps; 0: epochs only */
    double save_seconds;         /* one of the two is 0 */
    uint64_t save_steps;
    int patience; /* epochs; 0: none */

    double started, last_save, last_progress, epoch_started;
    struct clg_progress progress;
    size_t epoch_rows; /* examples done in this epoch */
    double best_loss;
    int stored; /* every program's binary is in the cache */
    int best_epoch, best_saved, stopped_early;
    uint64_t best_step;
};

static uint64_t ceiling(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/* Batch, epochs, steps and periods from the configuration. */
static clg_status read_settings(struct loop *loop)
{
    const clg_config *config = loop->net->config;
    const clg_config *run = loop->run ? loop->run->config : config;
    const char *save = clg_config_get(run, "save-every");
    int64_t batch = clg_config_is(config, "batch", "full") ? (int64_t)loop->rows
                                                           : clg_config_integer(config, "batch");
    if (batch > (int64_t)loop->rows)
        batch = (int64_t)loop->rows;
    loop->batch = (int)batch;
    loop->shuffle = !clg_config_switch(config, "no-shuffle");
    loop->epoch_steps = ceiling(loop->rows, (uint64_t)batch);
    loop->epochs = (int)clg_config_integer(config, "epochs");
    loop->steps = (uint64_t)loop->epochs * loop->epoch_steps;
    if (clg_config_is_set(config, "steps")) {
        loop->steps = (uint64_t)clg_config_integer(config, "steps");
        uint64_t epochs = ceiling(loop->steps, loop->epoch_steps);
        if (epochs > INT_MAX)
            return clg_fail(CLG_EUSAGE, "--steps %llu: makes more than %d epochs",
                            (unsigned long long)loop->steps, INT_MAX);
        loop->epochs = (int)epochs;
    }
    if (clg_config_is_set(config, "patience"))
        loop->patience = (int)clg_config_integer(config, "patience");
    if (clg_config_is_set(run, "log-every"))
        loop->log_every = (uint64_t)clg_config_integer(run, "log-every");
    double period = 0;
    const char *unit = clg_read_number_at(&period, save);
    if (unit && *unit == 's')
        loop->save_seconds = period;
    else
        loop->save_steps = (uint64_t)period;
    return clg_schedule_begin(&loop->schedule, config, loop->epochs);
}

static void loop_end(struct loop *loop)
{
    clg_throttle_end(&loop->throttle);
    clg_teacher_clear(&loop->teacher);
    clg_engine_destroy(loop->engine);
    clg_figures_release(&loop->figures);
    clg_resident_release(&loop->data);
    clg_resident_release(&loop->val);
}

/* All device memory in one plan: network, training data, validation data. */
static clg_status make_resident(struct loop *loop, const clg_dataset *data, const clg_dataset *val)
{
    struct clg_plan plan;
    int room = loop->batch;
    clg_plan_begin(&plan, loop->device);
    CLG_TRY(clg_resident_plan(&loop->data, &plan, data, loop->net, loop->shuffle, "training data"));
    if (val) {
        CLG_TRY(clg_resident_plan(&loop->val, &plan, val, loop->net, 0, "validation data"));
        if (clg_evaluation_batch(val->rows) > room)
            room = clg_evaluation_batch(val->rows);
    }
    CLG_TRY(clg_engine_plan(&loop->engine, &plan, loop->net, room, 1));
    CLG_TRY(clg_teacher_plan(&loop->teacher, &plan, room));
    if (loop->run)
        CLG_TRY(clg_figures_plan(&loop->figures, &plan, loop->net));
    CLG_TRY(clg_plan_commit(&plan));
    CLG_TRY(clg_engine_attach(loop->engine));
    CLG_TRY(clg_teacher_attach(&loop->teacher, &loop->engine->x));
    CLG_TRY(clg_engine_push(loop->engine));
    CLG_TRY(clg_resident_upload(&loop->data, data, loop->net));
    return val ? clg_resident_upload(&loop->val, val, loop->net) : CLG_OK;
}

/* Tells the caller of a decision. */
static void say(const struct loop *loop, const char *format, ...) CLG_PRINTF(2, 3);

static void say(const struct loop *loop, const char *format, ...)
{
    char line[256];
    va_list arguments;
    if (!loop->hooks.log)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    loop->hooks.log(loop->hooks.user, line);
}

static clg_status diverged(const struct loop *loop, const char *what)
{
    return clg_fail(
        CLG_EDIVERGED, "training diverged: %s at epoch %d, step %llu: try a --lr below %s%s", what,
        loop->progress.epoch, (unsigned long long)loop->net->step,
        clg_config_get(loop->net->config, "lr"), loop->run ? "; earlier saves are kept" : "");
}

/* Reads the epoch's figures so far into progress; a loss that is not finite ends the training. */
static clg_status read_figures(struct loop *loop)
{
    struct clg_scores scores;
    CLG_TRY(clg_engine_read_scores(loop->engine, &scores, loop->epoch_rows));
    double now = clg_clock(), span = now - loop->epoch_started;
    loop->progress.loss = scores.loss;
    loop->progress.cost = scores.cost;
    loop->progress.accuracy = scores.accuracy;
    loop->progress.seconds = now - loop->started;
    loop->progress.samples_per_s = span > 0 ? (double)loop->epoch_rows / span : (double)NAN;
    if (loop->epoch_rows && !isfinite(scores.cost))
        return diverged(loop, "the loss is not a finite number");
    return CLG_OK;
}

/* Brings parameters and moments to the host; none may be NaN or Inf. */
static clg_status pull(struct loop *loop)
{
    CLG_TRY(clg_engine_pull(loop->engine));
    for (size_t i = 0; i < loop->net->count; i++)
        if (!isfinite(loop->net->params[i]))
            return diverged(loop, "a weight is not a finite number");
    return CLG_OK;
}

/* Writes best.safetensors from the copy that the device keeps; before there is one, an earlier
 * run's must not stand beside our last. */
static clg_status save_best(struct loop *loop)
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

static clg_status save(struct loop *loop)
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

static int save_due(const struct loop *loop, double now)
{
    if (!loop->run)
        return 0;
    return loop->save_steps ? loop->net->step % loop->save_steps == 0
                            : now - loop->last_save >= loop->save_seconds;
}

static void report(struct loop *loop, int epoch_end)
{
    loop->progress.epoch_end = epoch_end;
    loop->progress.step = loop->net->step;
    loop->last_progress = clg_clock();
    if (loop->hooks.progress)
        loop->hooks.progress(loop->hooks.user, &loop->progress);
}

/* Whether the epoch ends with the step that was taken last. */
static int epoch_ends(const struct loop *loop)
{
    return loop->progress.epoch_step == loop->epoch_steps || loop->net->step == loop->steps;
}

/* What is due between two steps: lines every N steps, but for the last of an epoch, which has its
 * own; progress and saves by the clock. */
static clg_status between_steps(struct loop *loop)
{
    double now = clg_clock();
    int line =
        loop->run && loop->log_every && loop->net->step % loop->log_every == 0 && !epoch_ends(loop);
    int show = loop->hooks.wants_progress && now - loop->last_progress >= PROGRESS_PERIOD;
    int due = save_due(loop, now);
    if (!line && !show && !due)
        return CLG_OK;
    CLG_TRY(read_figures(loop));
    loop->progress.step = loop->net->step;
    if (line)
        CLG_TRY(clg_run_log(loop->run, &loop->progress));
    if (show)
        report(loop, 0);
    return due ? save(loop) : CLG_OK;
}

static clg_status enqueue(struct loop *loop, struct clg_step *step)
{
    struct clg_engine *engine = loop->engine;
    const struct clg_buf *teacher_z;
    const int B = step->B;
    CLG_TRY(engine->ops->gather(loop->device, &engine->x,
                                loop->net->target_input ? NULL : &engine->t, &loop->data.rows,
                                loop->shuffle ? &loop->data.perm : NULL, step->start, B));
    CLG_TRY(clg_teacher_fwd(&loop->teacher, &teacher_z, B));
    CLG_TRY(clg_engine_fwd(engine, B, 1));
    CLG_TRY(clg_engine_loss(engine, B, teacher_z));
    CLG_TRY(clg_engine_score(engine, B));
    CLG_TRY(clg_engine_bwd(engine, B));
    step->lr = clg_schedule_rate(&loop->schedule, loop->progress.epoch, loop->net->step);
    return clg_engine_step(engine, step->lr);
}

/* Enqueues step `index` of the epoch. */
static clg_status one_step(struct loop *loop, uint64_t index)
{
    size_t start = (size_t)index * (size_t)loop->batch, left = loop->rows - start;
    struct clg_step step = {.engine = loop->engine,
                            .teacher = loop->teacher.engine,
                            .epoch = loop->progress.epoch,
                            .shuffle = loop->shuffle,
                            .number = loop->net->step + 1,
                            .start = start,
                            .B = left < (size_t)loop->batch ? (int)left : loop->batch};
    if (loop->around)
        CLG_TRY(loop->around->begin(loop->around->user, &step));
    CLG_TRY(enqueue(loop, &step));
    if (loop->around)
        CLG_TRY(loop->around->end(loop->around->user, &step));
    loop->progress.lr = step.lr;
    loop->epoch_rows += (size_t)step.B;
    loop->progress.epoch_step = index + 1;
    if (loop->net->step >= 2 && !loop->stored) /* every kernel has run: binaries are complete */
        loop->stored = !clg_program_store_next(loop->device);
    return clg_throttle_step(&loop->throttle, NULL);
}

static clg_status validate(struct loop *loop)
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
static double judged_loss(const struct loop *loop)
{
    return loop->has_val ? loop->progress.val_loss : loop->progress.loss;
}

/* Keeps the parameters on the device where this epoch's loss is the lowest so far. */
static clg_status keep_best(struct loop *loop)
{
    double loss = judged_loss(loop);
    if (!(loss < loop->best_loss))
        return CLG_OK;
    CLG_TRY(clg_buf_copy(&loop->engine->best, &loop->engine->params, loop->engine->count));
    loop->best_loss = loss;
    loop->best_epoch = loop->net->epoch;
    loop->best_step = loop->net->step;
    loop->best_saved = 0;
    loop->engine->best_kept = 1;
    return CLG_OK;
}

/* The layers' figures, where a run records them. */
static clg_status take_figures(struct loop *loop)
{
    if (!loop->run)
        return CLG_OK;
    CLG_TRY(clg_figures_take(&loop->figures, loop->engine, &loop->data));
    loop->progress.layers = loop->figures.layers;
    loop->progress.weight_norm = loop->figures.weight_norm;
    loop->progress.gradient_norm = loop->figures.gradient_norm;
    loop->progress.dead = loop->figures.dead;
    return CLG_OK;
}

static clg_status end_epoch(struct loop *loop)
{
    CLG_TRY(read_figures(loop));
    CLG_TRY(validate(loop));
    loop->net->epoch = loop->progress.epoch;
    loop->progress.step = loop->net->step;
    loop->progress.seconds = clg_clock() - loop->started;
    CLG_TRY(keep_best(loop));
    CLG_TRY(take_figures(loop));
    clg_schedule_epoch_end(&loop->schedule, judged_loss(loop));
    if (loop->run)
        CLG_TRY(clg_run_log(loop->run, &loop->progress));
    report(loop, 1);
    loop->progress.layers = 0;
    loop->progress.weight_norm = loop->progress.gradient_norm = loop->progress.dead = NULL;
    return CLG_OK;
}

static int stop_wanted(const struct loop *loop)
{
    return loop->hooks.should_stop && loop->hooks.should_stop(loop->hooks.user);
}

static clg_status one_epoch(struct loop *loop, int epoch)
{
    loop->progress.epoch = epoch;
    loop->progress.epoch_step = 0;
    loop->progress.val_loss = loop->progress.val_accuracy = (double)NAN;
    loop->epoch_rows = 0;
    loop->epoch_started = clg_clock();
    CLG_TRY(clg_engine_zero_scores(loop->engine));
    if (loop->shuffle)
        CLG_TRY(loop->engine->ops->permute(loop->device, &loop->data.perm, loop->rows,
                                           loop->net->seed, (uint32_t)epoch));
    for (uint64_t i = 0; i < loop->epoch_steps && loop->net->step < loop->steps; i++) {
        if (stop_wanted(loop))
            return CLG_ECANCELLED;
        CLG_TRY(one_step(loop, i));
        CLG_TRY(between_steps(loop));
    }
    return end_epoch(loop);
}

/* Whether the loss has not fallen for as many epochs as the patience allows. */
static int out_of_patience(const struct loop *loop)
{
    return loop->patience && loop->net->epoch - loop->best_epoch >= loop->patience;
}

/* After an early stop the network is the best epoch's; the run's last.safetensors stays the last's.
 */
static clg_status take_best(struct loop *loop)
{
    if (!loop->patience || !loop->engine->best_kept)
        return CLG_OK;
    return clg_engine_read_slab(loop->engine, loop->net->params, &loop->engine->best);
}

static clg_status run_epochs(struct loop *loop)
{
    clg_status status = CLG_OK;
    for (int epoch = 1; epoch <= loop->epochs && status == CLG_OK; epoch++) {
        status = one_epoch(loop, epoch);
        if (status == CLG_OK && epoch < loop->epochs && out_of_patience(loop)) {
            loop->stopped_early = 1;
            break;
        }
    }
    if (status != CLG_OK && status != CLG_ECANCELLED)
        return status;
    CLG_TRY(save(loop));
    if (status == CLG_ECANCELLED) {
        clg_program_leave_unstored(loop->device);
        return clg_fail(CLG_ECANCELLED, "interrupted at epoch %d, step %llu%s",
                        loop->progress.epoch, (unsigned long long)loop->net->step,
                        loop->run ? ": saved" : "");
    }
    if (loop->engine->best_kept)
        say(loop, "best epoch %d: %s loss %s%s", loop->best_epoch,
            loop->has_val ? "validation" : "training", clg_print_number(loop->best_loss, 6).text,
            loop->run ? ", kept in best.safetensors" : "");
    return take_best(loop);
}

/* Step 0 and moments of zero, whatever the network went through before. */
static clg_status begin_anew(struct loop *loop)
{
    struct clg_net *net = loop->net;
    net->step = 0;
    net->epoch = 0;
    for (int s = 0; s < clg_opt_slots(net->opt); s++) {
        memset(net->slot[s], 0, net->count * sizeof *net->slot[s]);
        CLG_TRY(clg_buf_zero(&loop->engine->slot[s]));
    }
    return CLG_OK;
}

static clg_status begin(struct loop *loop, const clg_dataset *data, const clg_dataset *val)
{
    CLG_TRY(clg_check_trainable(loop->net, data));
    if (val)
        CLG_TRY(clg_check_trainable(loop->net, val));
    CLG_TRY(read_settings(loop));
    CLG_TRY(clg_teacher_load(&loop->teacher, loop->net));
    loop->progress = (struct clg_progress){.epochs = loop->epochs,
                                           .steps = loop->steps,
                                           .epoch_steps = loop->epoch_steps,
                                           .loss = (double)NAN,
                                           .accuracy = (double)NAN,
                                           .val_loss = (double)NAN,
                                           .val_accuracy = (double)NAN,
                                           .cost = (double)NAN};
    CLG_TRY(make_resident(loop, data, val));
    CLG_TRY(begin_anew(loop));
    CLG_TRY(clg_run_record_plan(loop->run, loop->device, &loop->hooks));
    loop->best_loss = INFINITY;
    loop->started = loop->last_save = loop->last_progress = clg_clock();
    clg_throttle_begin(&loop->throttle, loop->device);
    return CLG_OK;
}

clg_status clg_train_loop(clg_train_result *result, clg_net *net, clg_device *device,
                          const clg_dataset *data, const clg_dataset *val, clg_run *run,
                          const clg_train_hooks *hooks, const struct clg_step_hooks *steps)
{
    struct loop loop;
    memset(&loop, 0, sizeof loop);
    loop.net = net;
    loop.device = device;
    loop.rows = data->rows;
    loop.has_val = val != NULL;
    loop.run = run;
    loop.around = steps;
    if (hooks)
        loop.hooks = *hooks;
    clg_status status = begin(&loop, data, val);
    if (status == CLG_OK)
        status = run_epochs(&loop);
    if (result)
        *result = (clg_train_result){.epochs = net->epoch,
                                     .steps = net->step,
                                     .loss = loop.progress.loss,
                                     .cost = loop.progress.cost,
                                     .accuracy = loop.progress.accuracy,
                                     .val_loss = loop.progress.val_loss,
                                     .val_accuracy = loop.progress.val_accuracy,
                                     .seconds = clg_clock() - loop.started,
                                     .best_epoch = loop.best_epoch,
                                     .stopped_early = loop.stopped_early};
    loop_end(&loop);
    return status;
}
