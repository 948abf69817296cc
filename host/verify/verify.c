/* What clgrad.h offers of verification: single operations, and a training under watch.  The
 * training is clg_train itself; there is no second loop. */
#include "verify/verify.h"

#include "net/net.h"

#include <stdio.h>
#include <string.h>

enum { STEPS = 10 };

static clg_status run_operations(struct clg_tally *tally, clg_device *device, int operations)
{
    struct clg_watch *watch;
    CLG_TRY(clg_watch_begin(&watch, device, tally));
    clg_status status = clg_cases_run(device, tally, operations > 1);
    clg_watch_end(watch);
    tally->note[0] = '\0';
    return status == CLG_EMISMATCH ? CLG_OK : status; /* the verdict says it */
}

clg_status clg_verify_operations(clg_verify_result *out, clg_device *device,
                                 const clg_verify_options *options)
{
    struct clg_tally tally = {.options = options};
    memset(out, 0, sizeof *out);
    if (options && options->operations == 0)
        return clg_fail(CLG_EUSAGE, "clg_verify_operations: operations 0 verifies nothing; "
                                    "1 is the quick set, 2 the full one");
    clg_status status = run_operations(&tally, device, options ? options->operations : 1);
    *out = tally.result;
    return status == CLG_OK ? clg_tally_verdict(&tally) : status;
}

/* Trains net for so many steps under watch.  Where the numbers leave the range of a float on both
 * sides the training has diverged, and nothing else is wrong. */
static clg_status run_training(struct clg_tally *tally, clg_net *net, clg_device *device,
                               const clg_dataset *data, int steps)
{
    struct clg_watch *watch;
    char text[32];
    snprintf(text, sizeof text, "%d", steps > 0 ? steps : STEPS);
    CLG_TRY(clg_config_set(net->config, "steps", text));
    CLG_TRY(clg_watch_begin(&watch, device, tally));
    clg_status status = clg_train(NULL, net, device, data, NULL, NULL, NULL);
    clg_watch_end(watch);
    if (status == CLG_EDIVERGED && tally->result.failed && tally->began_finite)
        return CLG_OK; /* a wrong result came first: the verdict says it */
    return status == CLG_EMISMATCH ? CLG_OK : status;
}

clg_status clg_verify_training(clg_verify_result *out, const clg_net *net, clg_device *device,
                               const clg_dataset *data, const clg_verify_options *options)
{
    struct clg_tally tally = {.options = options};
    clg_net *copy = NULL;
    clg_status status = CLG_OK;
    memset(out, 0, sizeof *out);
    CLG_TRY(clg_net_copy(&copy, net));
    if (options && options->operations)
        CLG_TRY_DONE(run_operations(&tally, device, options->operations));
    CLG_TRY_DONE(run_training(&tally, copy, device, data, options ? options->steps : 0));
    status = clg_tally_verdict(&tally);
done:
    *out = tally.result;
    clg_net_destroy(copy);
    return status;
}
