/* Spans: small trainings by launches of several steps, over the ends of epochs, against the same
 * steps by plain operations, which are watched.  By the forms of the kernel for one work-item, and
 * by that for a work-group on whatever device this is.  Where a plain operation is wrong there is
 * nothing to hold them against, and they are not judged. */
#include "verify/span_lab.h"

#include <math.h>

enum { SPAN_STEPS = 3 };

/* The first are the quick set, a data set whose rows take more than 16 bits among them.  The others
 * have the activations, losses, optimisers and layers that those lack. */
static const struct clg_span_case cases[] = {
    {{"layers", "2", "act", "sigmoid", "loss", "mse", "output-act", "sigmoid", "opt", "sgd",
      "batch", "4"},
     .rows = 4,
     .features = 2,
     .outputs = 1},
    {{"layers", "16", "act", "relu", "opt", "adam", "batch", "16"},
     .rows = 40,
     .features = 4,
     .classes = 3},
    {{"layers", "16", "act", "relu", "opt", "adam", "batch", "16"}, /* by the same program */
     .rows = 2 * CLG_CASE_FAR + 5,
     .features = 4,
     .classes = 3,
     .late = 1},
    {{"layers", "20,9", "act", "gelu", "opt", "nesterov", "l2", "0.01", "batch", "10",
      "label-smoothing", "0.1"},
     .rows = 37,
     .features = 5,
     .classes = 3,
     .rises = 1},
    {{"layers", "33", "act", "tanh", "opt", "adamw", "loss", "bce", "output-act", "sigmoid",
      "batch", "33", "reduction", "sum"},
     .rows = 70,
     .features = 17,
     .classes = 2},
    {{"layers", "9:elu,8:softplus,7:silu", "loss", "huber:0.7", "opt", "rmsprop", "batch", "19"},
     .rows = 41,
     .features = 6,
     .outputs = 3,
     .bytes = 1},
    {{"layers", "4:leaky_relu:0.3,3:identity", "loss", "mse", "output-act", "softmax", "opt",
      "momentum", "batch", "7"},
     .rows = 16,
     .features = 3,
     .classes = 3,
     .in_order = 1},
    {{"layers", "8:step", "loss", "perceptron", "output-act", "step", "opt", "ema_momentum",
      "batch", "12"},
     .rows = 30,
     .features = 9,
     .classes = 5},
    {{"opt", "adagrad", "loss", "mse", "output-act", "tanh", "batch", "18", "l2", "0.02"},
     .rows = 40,
     .features = 21,
     .outputs = 6},
    {{"layers", "3", "act", "relu", "opt", "nesterov", "batch", "full"},
     .rows = 9,
     .features = 5,
     .classes = 2,
     .bytes = 1},
    {{"layers", "6", "act", "sigmoid", "opt", "rmsprop", "momentum", "0.9", "batch", "full", "loss",
      "bce", "output-act", "sigmoid"},
     .rows = 37,
     .features = 7,
     .outputs = 2},
};
enum { QUICK = 5 };

static clg_status run_spans(struct clg_span_lab *lab)
{
    struct clg_span_account *account = &lab->by_spans;
    double best_loss = INFINITY;
    int count;
    while (lab->net->step < lab->steps) {
        const uint64_t done = lab->net->step, left = lab->steps - done;
        struct clg_span span = {.data = &lab->resident.rows,
                                .shuffle = !lab->c->in_order,
                                .batch = lab->batch,
                                .epoch = (int)(done / lab->epoch_steps) + 1,
                                .epoch_step = done % lab->epoch_steps,
                                .steps = left < SPAN_STEPS ? left : SPAN_STEPS,
                                .lr = &lab->rate,
                                .every_epoch = 1,
                                .keep_best = 1,
                                .best_loss = best_loss,
                                .best_epoch = (int)account->best_of};
        CLG_TRY(clg_engine_span(lab->engine, &span, lab->ended, &count));
        for (int i = 0; i < count; i++)
            clg_span_lab_account(account, &lab->ended[i]);
        best_loss = span.best_loss;
        account->best_of = span.best_epoch;
    }
    CLG_TRY(clg_real_download(&lab->engine->best, account->best, 0, lab->engine->count));
    return clg_span_state_read(&lab->after, lab->engine);
}

/* Which epoch is the best is decided where no other is within the bounds of it. */
static int best_is_clear(const struct clg_span_account *account)
{
    const int best = (int)account->best_of - 1;
    for (int i = 0; i < account->epochs; i++)
        if (i != best &&
            account->loss[i] - account->loss[best] <= account->bound[i] + account->bound[best])
            return 0;
    return best >= 0;
}

/* The account that spans give of their epochs against that of the plain steps. */
static clg_status compare_accounts(struct clg_span_lab *lab)
{
    struct clg_tally *tally = watch_of(lab->bench->device)->tally;
    const struct clg_span_account *got = &lab->by_spans, *want = &lab->by_steps;
    const size_t epochs = (size_t)want->epochs;
    if (got->epochs != want->epochs) {
        clg_tally_fault(tally, "%d epochs are accounted for, where %d ended", got->epochs,
                        want->epochs);
        return CLG_OK;
    }
    clg_tally_compare(tally, "epoch loss", got->loss, want->loss, want->bound, 1, epochs);
    clg_tally_compare(tally, "epoch cost", got->cost, want->cost, want->cost_bound, 1, epochs);
    if (lab->c->classes)
        clg_tally_compare(tally, "epoch accuracy", got->accuracy, want->accuracy, NULL, 1, epochs);
    if (!best_is_clear(want))
        return CLG_OK;
    clg_tally_compare(tally, "best epoch", &got->best_of, &want->best_of, NULL, 1, 1);
    clg_tally_compare(tally, "best", got->best, want->best, NULL, 1, lab->engine->count);
    return CLG_OK;
}

static clg_status run_training(struct clg_span_lab *lab)
{
    struct clg_watch *watch = watch_of(lab->bench->device);
    double bound[2] = {0, 0};
    int wrong;
    CLG_TRY(clg_span_state_read(&lab->before, lab->engine));
    CLG_TRY(run_spans(lab));
    CLG_TRY(clg_span_lab_plain(&wrong, bound, lab, lab->steps));
    if (wrong)
        return CLG_OK;
    CLG_TRY(clg_span_state_read(&lab->plain, lab->engine));
    OPEN(watch, "span", "%d steps, up to %d a launch, B %d, %s", (int)(lab->steps - lab->first),
         SPAN_STEPS, lab->batch, lab->net->text);
    CLG_TRY(compare_accounts(lab));
    return clg_span_compare(watch, lab->engine, &lab->after, &lab->plain, bound);
}

static clg_status run_case(struct clg_bench *bench, const struct clg_span_case *c)
{
    struct clg_span_lab lab = {.bench = bench, .c = c};
    clg_status status;
    clg_bench_begin(bench, CLG_DRAW_NORMAL);
    CLG_TRY_DONE(clg_span_lab_make(&lab));
    if (!clg_engine_refuses_spans(lab.engine, &lab.resident.rows, lab.batch))
        CLG_TRY_DONE(run_training(&lab));
    status = CLG_OK;
done:
    clg_span_lab_clear(&lab);
    return clg_bench_end(bench, status);
}

/* Dedicated local memory is what the form for a group is chosen by. */
static clg_status run_form(struct clg_bench *bench, int by_group)
{
    clg_device *device = bench->device;
    const int is_dedicated = device->local_is_dedicated;
    clg_status status = CLG_OK;
    bench->route = by_group ? "work-group, " : "work-item, ";
    bench->form = by_group ? CLG_FORM_SPAN_GROUP : CLG_FORM_SPAN_ITEM;
    device->local_is_dedicated = by_group;
    const size_t count = bench->full ? COUNT(cases) : QUICK;
    for (size_t i = by_group ? 1 : 0; i < count && status == CLG_OK; i++)
        status = run_case(bench, &cases[i]);
    device->local_is_dedicated = is_dedicated;
    bench->route = NULL;
    bench->form = CLG_PLAN_FORMS;
    return status;
}

/* By both forms of the kernel; one work-item is for devices whose work-items run on a processor's
 * cores. */
static clg_status run_forms(struct clg_bench *bench)
{
    clg_status status = CLG_OK;
    bench->device->plan = CLG_CHOOSE_RESIDENT; /* however slow */
    for (int by_group = bench->device->local_is_dedicated; by_group < 2; by_group++)
        if (status == CLG_OK && !clg_span_lab_is_lost(bench))
            status = run_form(bench, by_group);
    return status;
}

clg_status clg_cases_spans(struct clg_bench *bench)
{
    clg_device *device = bench->device;
    const enum clg_plan_choice before = device->plan;
    if (!bench->ops->span)
        return CLG_OK;
    device->knows_routes = 1; /* plain steps take a way that has passed */
    device->failed_ways = bench->found.failed;
    clg_status status = run_forms(bench);
    if (status == CLG_OK)
        status = clg_cases_strips(bench);
    device->knows_routes = 0; /* until the findings are remembered */
    device->plan = before;
    return status;
}
