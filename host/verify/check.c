/* Training, and where check-every asks for it some of its steps under watch: the loop is train/'s,
 * what it does between two checked steps is not touched.  A checked step runs as any other, and is
 * repeated on the reference operation by operation from the device's own inputs. */
#include "verify/lockstep.h"

#include "core/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
    clg_device *device;
    uint64_t every, checks;
    double seconds, began;
    const struct clg_run *run;
    struct clg_tally tally;
    struct clg_lockstep lockstep;
    struct clg_watch *watch; /* NULL: this step is not checked */
    struct clg_engine *engine, *teacher;
    char *folder; /* RUN/check-STEP */
};

/* The engines took their table when they were made. */
static void take_table(struct check *check)
{
    check->engine->ops = clg_ops_of(check->device);
    if (check->teacher)
        check->teacher->ops = clg_ops_of(check->device);
}

static clg_status name_folder(struct check *check, uint64_t number)
{
    if (!check->run)
        return CLG_OK;
    size_t size = strlen(check->run->folder) + 32;
    CLG_TRY(clg_alloc(&check->folder, size, 1, "a path"));
    snprintf(check->folder, size, "%s/check-%llu", check->run->folder, (unsigned long long)number);
    return CLG_OK;
}

static clg_status begin(void *user, const struct clg_step *step)
{
    struct check *check = user;
    if (step->number % check->every)
        return CLG_OK;
    check->began = clg_clock();
    check->engine = step->engine;
    check->teacher = step->teacher;
    memset(&check->tally, 0, sizeof check->tally);
    CLG_TRY(name_folder(check, step->number));
    check->lockstep.dump.folder = check->folder;
    CLG_TRY(clg_watch_begin(&check->watch, check->device, &check->tally));
    take_table(check);
    clg_lockstep_begin(&check->lockstep, check->watch, &check->tally);
    return clg_lockstep_step_begin(&check->lockstep, step);
}

/* Gives back what a check holds, whether its step has ended or failed. */
static clg_status finish(struct check *check)
{
    clg_status status = CLG_OK;
    if (check->watch) {
        status = clg_lockstep_end(&check->lockstep);
        clg_watch_end(check->watch);
        check->watch = NULL;
        take_table(check);
        check->checks++;
        check->seconds += clg_clock() - check->began;
    }
    return status;
}

/* The failure with its step, cause and where to look. */
static clg_status verdict(const struct check *check, uint64_t number)
{
    const clg_verify_result *result = &check->tally.result;
    if (!result->failed || !check->tally.began_finite)
        return CLG_OK; /* both sides out of range: the loop will say that it diverged */
    return clg_fail(CLG_EMISMATCH, "step %llu disagrees with the reference (%s%s%s): %s%s%s",
                    (unsigned long long)number, result->cause ? result->cause : "operation",
                    *result->first_tensor ? ", " : "", result->first_tensor, result->first,
                    check->folder ? "; both sides are in " : "; no --out: nothing was written",
                    check->folder ? check->folder : "");
}

static clg_status end(void *user, const struct clg_step *step)
{
    struct check *check = user;
    if (!check->watch)
        return CLG_OK;
    clg_status status = clg_lockstep_step_end(&check->lockstep, step);
    clg_status finished = finish(check);
    if (status == CLG_OK)
        status = finished;
    if (status == CLG_OK)
        status = verdict(check, step->number);
    free(check->folder);
    check->folder = NULL;
    return status;
}

static void log_cost(const struct check *check, const clg_train_hooks *hooks, double seconds)
{
    char line[160];
    if (!hooks || !hooks->log)
        return;
    snprintf(line, sizeof line,
             "%llu steps checked against the reference in %.2f s, %.1f %% of the time",
             (unsigned long long)check->checks, check->seconds, 100 * check->seconds / seconds);
    hooks->log(hooks->user, line);
}

clg_status clg_train(clg_train_result *result, clg_net *net, clg_device *device,
                     const clg_dataset *data, const clg_dataset *val, clg_run *run,
                     const clg_train_hooks *hooks)
{
    const clg_config *config = run ? run->config : net->config;
    struct check check = {.device = device, .run = run};
    struct clg_step_hooks steps = {.user = &check, .every = 1, .begin = begin, .end = end};
    if (!clg_config_is_set(config, "check-every"))
        return clg_train_loop(result, net, device, data, val, run, hooks, NULL);
    double began = clg_clock();
    check.every = steps.every = (uint64_t)clg_config_integer(config, "check-every");
    clg_status status = clg_train_loop(result, net, device, data, val, run, hooks, &steps);
    if (check.watch) { /* the step itself failed */
        uint64_t number = check.tally.now.step;
        (void)finish(&check);
        if (status == CLG_EMISMATCH)
            status = verdict(&check, number);
    }
    free(check.folder);
    log_cost(&check, hooks, clg_clock() - began);
    if (result) {
        result->checks = check.checks;
        result->check_seconds = check.seconds;
    }
    return status;
}
