/* What clgrad.h offers of verification: single operations, and a training under watch.  The
 * training is clg_train itself; there is no second loop. */
#include "verify/verify.h"

#include "net/net.h"
#include "verify/lockstep.h"

#include <stdio.h>
#include <string.h>

enum { STEPS = 10 };

static void begin_result(clg_verify_result *out)
{
    memset(out, 0, sizeof *out);
    out->cause = out->plan = "";
}

/* What failed without being run again is the operation's. */
static void take_result(clg_verify_result *out, const struct clg_tally *tally)
{
    *out = tally->result;
    if (!out->cause)
        out->cause = out->failed ? "operation" : "";
    if (!out->plan)
        out->plan = "";
}

static clg_status run_operations(struct clg_tally *tally, clg_device *device, int operations)
{
    struct clg_watch *watch;
    CLG_TRY(clg_watch_begin(&watch, device, tally));
    clg_status status = clg_cases_run(device, tally, operations > 1);
    clg_watch_end(watch);
    clg_tally_end_operations(tally);
    tally->note[0] = '\0';
    return status == CLG_EMISMATCH ? CLG_OK : status; /* the verdict says it */
}

clg_status clg_verify_operations(clg_verify_result *out, clg_device *device,
                                 const clg_verify_options *options)
{
    struct clg_tally tally = {.options = options};
    begin_result(out);
    if (options && options->operations == 0)
        return clg_fail(CLG_EUSAGE, "clg_verify_operations: operations 0 verifies nothing; "
                                    "1 is the quick set, 2 the full one");
    clg_status status = run_operations(&tally, device, options ? options->operations : 1);
    take_result(out, &tally);
    return status == CLG_OK ? clg_tally_verdict(&tally) : status;
}

static clg_status step_begin(void *user, const struct clg_step *step)
{
    return clg_lockstep_step_begin(user, step);
}

static clg_status step_end(void *user, const struct clg_step *step)
{
    return clg_lockstep_step_end(user, step);
}

/* Trains net for so many steps under watch.  Where the numbers leave the range of a float on both
 * sides the training has diverged, and nothing else is wrong. */
static clg_status run_training(struct clg_tally *tally, clg_net *net, clg_device *device,
                               struct clg_lockstep *lockstep)
{
    const struct clg_step_hooks hooks = {
        .user = lockstep, .every = 1, .begin = step_begin, .end = step_end};
    struct clg_watch *watch;
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)lockstep->steps);
    CLG_TRY(clg_config_set(net->config, "steps", text));
    CLG_TRY(clg_watch_begin(&watch, device, tally));
    clg_lockstep_begin(lockstep, watch, tally);
    clg_status status = clg_train_loop(NULL, net, device, lockstep->data, NULL, NULL, NULL, &hooks);
    clg_status reported = clg_lockstep_end(lockstep);
    clg_watch_end(watch);
    if (status == CLG_EDIVERGED && tally->result.failed && tally->began_finite)
        status = CLG_OK; /* a wrong result came first: the verdict says it */
    if (status == CLG_EMISMATCH)
        status = CLG_OK;
    return status == CLG_OK ? reported : status;
}

clg_status clg_verify_training(clg_verify_result *out, const clg_net *net, clg_device *device,
                               const clg_dataset *data, const clg_verify_options *options)
{
    struct clg_tally tally = {.options = options};
    struct clg_lockstep lockstep = {.net = net, .data = data, .steps = STEPS};
    clg_net *copy = NULL;
    clg_status status = CLG_OK;
    begin_result(out);
    if (options && options->steps > 0)
        lockstep.steps = (uint64_t)options->steps;
    if (options)
        lockstep.dump.folder = options->dump;
    CLG_TRY(clg_net_copy(&copy, net));
    if (options && options->operations)
        CLG_TRY_DONE(run_operations(&tally, device, options->operations));
    CLG_TRY_DONE(run_training(&tally, copy, device, &lockstep));
    status = clg_tally_verdict(&tally);
done:
    take_result(out, &tally);
    clg_net_destroy(copy);
    return status;
}
