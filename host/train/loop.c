/* The training loop, the only one there is: steps one after another, each enqueued by itself
 * (loop_step.c) or many in a span of one launch (loop_span.c), and nothing read from the device
 * inside an epoch unless the caller wants progress or a save is due.  What comes before the first
 * step is in loop_begin.c, what is due at the end of an epoch and by the clock in loop_epoch.c. */
#include "train/loop.h"

#include "core/text.h"
#include "device/program.h"

#include <assert.h>
#include <math.h>
#include <string.h>

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
        CLG_TRY(clg_loop_take_span(loop));
    } else {
        CLG_TRY(clg_loop_take_step(loop));
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
