/* Spans: small trainings by launches of several steps, over the ends of epochs, against the same
 * steps by plain operations, which are watched.  By the forms of the kernel for one work-item, and
 * by that for a work-group on whatever device this is.  In the same way trainings by the fused plan
 * whose weights lie in strips, which the watching table cannot read. */
#include "core/memory.h"
#include "verify/cases.h"
#include "verify/lockstep.h"
#include "verify/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 8, SPAN_STEPS = 3, EPOCHS = 2 };

/* Options by key and value, and the shape of the data; classes 0: values. */
struct span_case {
    const char *word[2 * MOST_WORDS];
    size_t rows, features, outputs;
    int classes, bytes, in_order;
};

/* The first are the quick set.  The others have the activations, losses, optimisers and layers that
 * those lack. */
static const struct span_case cases[] = {
    {{"layers", "2", "act", "sigmoid", "loss", "mse", "output-act", "sigmoid", "opt", "sgd",
      "batch", "4"},
     .rows = 4,
     .features = 2,
     .outputs = 1},
    {{"layers", "16", "act", "relu", "opt", "adam", "batch", "16"},
     .rows = 40,
     .features = 4,
     .classes = 3},
    {{"layers", "20,9", "act", "gelu", "opt", "nesterov", "l2", "0.01", "batch", "10",
      "label-smoothing", "0.1"},
     .rows = 37,
     .features = 5,
     .classes = 3},
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
enum { QUICK = 4 };

/* Epochs long enough for strips, and layers wide enough; rows in order. */
static const struct span_case strips[] = {
    {{"layers", "40,35", "opt", "adam", "batch", "3"},
     .rows = 101,
     .features = 11,
     .classes = 4,
     .in_order = 1},
    {{"layers", "33:tanh,70:gelu,50:sigmoid", "opt", "sgd", "batch", "5", "loss", "mse"},
     .rows = 163,
     .features = 6,
     .outputs = 2,
     .in_order = 1},
};

/* What a training says of its epochs, and the parameters of the best of them. */
struct span_account {
    double loss[EPOCHS], cost[EPOCHS], accuracy[EPOCHS];
    double bound[EPOCHS], cost_bound[EPOCHS]; /* between the two sides */
    int epochs;
    double best_of, *best;
};

struct span_lab {
    struct clg_bench *bench;
    const struct span_case *c;
    clg_config *config;
    clg_dataset *data;
    clg_net *net;
    clg_engine *engine;
    struct clg_resident resident;
    struct clg_span_state before, after, plain;
    struct span_account by_spans, by_steps;
    struct clg_scores *ended;
    int batch;
    uint64_t epoch_steps, steps;
};

static const double rate = 0.01;

/* ------------------------------------------------------------------- making */

static clg_status make_config(struct span_lab *lab)
{
    CLG_TRY(clg_config_create(&lab->config));
    for (int i = 0; i < 2 * MOST_WORDS && lab->c->word[i]; i += 2)
        CLG_TRY(clg_config_set(lab->config, lab->c->word[i], lab->c->word[i + 1]));
    return CLG_OK;
}

/* The same data as bytes. */
static clg_status make_bytes(struct span_lab *lab)
{
    const size_t count = lab->c->rows * lab->c->features;
    uint8_t *byte = NULL;
    CLG_TRY(clg_alloc(&byte, count, 1, "verification"));
    for (size_t i = 0; i < count; i++)
        byte[i] = (uint8_t)(256 * clg_bench_uniform(lab->bench));
    free(lab->data->memory);
    lab->data->x = lab->data->memory = byte;
    lab->data->storage = CLG_BYTES;
    return CLG_OK;
}

static clg_status make_data(struct span_lab *lab)
{
    const struct span_case *c = lab->c;
    const size_t outputs = c->outputs ? c->outputs : 1;
    float *x = NULL, *value = NULL;
    int32_t *label = NULL;
    clg_status status;
    CLG_TRY_DONE(clg_alloc(&x, c->rows * c->features, sizeof *x, "verification"));
    CLG_TRY_DONE(clg_alloc(&label, c->rows, sizeof *label, "verification"));
    CLG_TRY_DONE(clg_alloc(&value, c->rows * outputs, sizeof *value, "verification"));
    for (size_t i = 0; i < c->rows * c->features; i++)
        x[i] = (float)clg_bench_number(lab->bench);
    for (size_t i = 0; i < c->rows; i++)
        label[i] = (int32_t)(i % (size_t)(c->classes ? c->classes : 1));
    for (size_t i = 0; i < c->rows * outputs; i++)
        value[i] = (float)clg_bench_uniform(lab->bench);
    CLG_TRY_DONE(clg_dataset_from_arrays(&lab->data, x, c->rows, c->features,
                                         c->classes ? label : NULL, c->classes,
                                         c->classes ? NULL : value, c->outputs));
    if (c->bytes)
        status = make_bytes(lab);
done:
    free(x);
    free(label);
    free(value);
    return status;
}

static clg_status make_engine(struct span_lab *lab)
{
    struct clg_plan plan;
    clg_device *device = lab->bench->device;
    lab->batch = clg_config_is(lab->config, "batch", "full")
                     ? (int)lab->c->rows
                     : (int)clg_config_integer(lab->config, "batch");
    lab->epoch_steps = (lab->c->rows + (size_t)lab->batch - 1) / (size_t)lab->batch;
    lab->steps = EPOCHS * lab->epoch_steps + (lab->epoch_steps > 1); /* ends within an epoch */
    CLG_TRY(clg_net_create(&lab->net, lab->config, lab->data));
    clg_plan_begin(&plan, device);
    CLG_TRY(clg_resident_plan(&lab->resident, &plan, lab->data, lab->net, !lab->c->in_order,
                              "verification"));
    CLG_TRY(clg_plan_commit(&plan));
    CLG_TRY(clg_resident_upload(&lab->resident, lab->data, lab->net));
    CLG_TRY(clg_engine_create(&lab->engine, device, lab->net, lab->batch, 1));
    CLG_TRY(clg_alloc(&lab->ended, CLG_SPAN_EPOCHS, sizeof *lab->ended, "verification"));
    CLG_TRY(clg_alloc(&lab->by_spans.best, lab->engine->count, sizeof(double), "verification"));
    CLG_TRY(clg_alloc(&lab->by_steps.best, lab->engine->count, sizeof(double), "verification"));
    return clg_engine_zero_scores(lab->engine);
}

static void clear_lab(struct span_lab *lab)
{
    clg_span_state_clear(&lab->before);
    clg_span_state_clear(&lab->after);
    clg_span_state_clear(&lab->plain);
    clg_engine_destroy(lab->engine);
    clg_resident_release(&lab->resident);
    clg_net_destroy(lab->net);
    clg_dataset_destroy(lab->data);
    clg_config_destroy(lab->config);
    free(lab->ended);
    free(lab->by_spans.best);
    free(lab->by_steps.best);
}

/* ------------------------------------------------------------------ running */

static void take_scores(struct span_account *account, const struct clg_scores *scores)
{
    if (account->epochs == EPOCHS)
        return;
    account->loss[account->epochs] = scores->loss;
    account->cost[account->epochs] = scores->cost;
    account->accuracy[account->epochs++] = scores->accuracy;
}

static clg_status run_spans(struct span_lab *lab)
{
    struct span_account *account = &lab->by_spans;
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
                                .lr = &rate,
                                .every_epoch = 1,
                                .keep_best = 1,
                                .best_loss = best_loss,
                                .best_epoch = (int)account->best_of};
        CLG_TRY(clg_engine_span(lab->engine, &span, lab->ended, &count));
        for (int i = 0; i < count; i++)
            take_scores(account, &lab->ended[i]);
        best_loss = span.best_loss;
        account->best_of = span.best_epoch;
    }
    CLG_TRY(clg_real_download(&lab->engine->best, account->best, 0, lab->engine->count));
    return clg_span_state_read(&lab->after, lab->engine);
}

/* The step that comes next, with its epoch's order on the device. */
static clg_status plain_step(struct span_lab *lab, double bound[2])
{
    struct clg_watch *watch = watch_of(lab->bench->device);
    struct clg_engine *engine = lab->engine;
    const uint64_t index = lab->net->step % lab->epoch_steps;
    const int shuffled = !lab->c->in_order && (size_t)lab->batch < lab->c->rows;
    struct clg_step step = {.engine = engine,
                            .epoch = (int)(lab->net->step / lab->epoch_steps) + 1,
                            .start = (size_t)index * (size_t)lab->batch,
                            .lr = rate,
                            .data = &lab->resident.rows,
                            .perm = shuffled ? &lab->resident.perm : NULL};
    const size_t left = lab->c->rows - step.start;
    step.B = left < (size_t)lab->batch ? (int)left : lab->batch;
    if (index == 0) {
        bound[0] = bound[1] = 0;
        CLG_TRY(clg_engine_zero_scores(engine));
    }
    if (index == 0 && shuffled)
        CLG_TRY(engine->ops->permute(engine->device, step.perm, lab->c->rows, lab->net->seed,
                                     (uint32_t)step.epoch));
    CLG_TRY(clg_span_state_read(&lab->before, engine));
    CLG_TRY(clg_span_repeat_step(engine, &step));
    clg_operands_clear(watch);
    return clg_span_bounds(bound, watch, engine, &lab->before, step.B);
}

/* An epoch of plain steps ends. */
static clg_status end_epoch(struct span_lab *lab, const double bound[2])
{
    struct span_account *account = &lab->by_steps;
    const double rows = (double)lab->c->rows;
    const int epoch = account->epochs;
    struct clg_scores scores;
    if (epoch == EPOCHS)
        return CLG_OK;
    CLG_TRY(clg_engine_read_scores(lab->engine, &scores, lab->c->rows));
    take_scores(account, &scores);
    account->bound[epoch] = bound[0] / rows;
    account->cost_bound[epoch] = (bound[0] + bound[1]) / rows;
    if (epoch > 0 && !(scores.loss < account->loss[(int)account->best_of - 1]))
        return CLG_OK;
    account->best_of = epoch + 1;
    return clg_real_download(&lab->engine->params, account->best, 0, lab->engine->count);
}

/* Which epoch is the best is decided where no other is within the bounds of it. */
static int best_is_clear(const struct span_account *account)
{
    const int best = (int)account->best_of - 1;
    for (int i = 0; i < account->epochs; i++)
        if (i != best &&
            account->loss[i] - account->loss[best] <= account->bound[i] + account->bound[best])
            return 0;
    return best >= 0;
}

/* The account that spans give of their epochs against that of the plain steps. */
static clg_status compare_accounts(struct span_lab *lab)
{
    struct clg_tally *tally = watch_of(lab->bench->device)->tally;
    const struct span_account *got = &lab->by_spans, *want = &lab->by_steps;
    if (got->epochs != EPOCHS) {
        clg_tally_fault(tally, "%d epochs are accounted for, where %d ended", got->epochs, EPOCHS);
        return CLG_OK;
    }
    clg_tally_compare(tally, "epoch loss", got->loss, want->loss, want->bound, 1, EPOCHS);
    clg_tally_compare(tally, "epoch cost", got->cost, want->cost, want->cost_bound, 1, EPOCHS);
    if (lab->c->classes)
        clg_tally_compare(tally, "epoch accuracy", got->accuracy, want->accuracy, NULL, 1, EPOCHS);
    if (!best_is_clear(want))
        return CLG_OK;
    clg_tally_compare(tally, "best epoch", &got->best_of, &want->best_of, NULL, 1, 1);
    clg_tally_compare(tally, "best", got->best, want->best, NULL, 1, lab->engine->count);
    return CLG_OK;
}

static clg_status run_training(struct span_lab *lab)
{
    struct clg_watch *watch = watch_of(lab->bench->device);
    double bound[2] = {0, 0};
    CLG_TRY(clg_span_state_read(&lab->before, lab->engine));
    CLG_TRY(run_spans(lab));
    CLG_TRY(clg_span_state_write(&lab->before, lab->engine));
    lab->net->step = 0;
    while (lab->net->step < lab->steps) {
        CLG_TRY(plain_step(lab, bound));
        if (lab->net->step % lab->epoch_steps == 0)
            CLG_TRY(end_epoch(lab, bound));
    }
    CLG_TRY(clg_span_state_read(&lab->plain, lab->engine));
    OPEN(watch, "span", "%d steps, up to %d a launch, B %d, %s", (int)lab->steps, SPAN_STEPS,
         lab->batch, lab->net->text);
    CLG_TRY(compare_accounts(lab));
    return clg_span_compare(watch, lab->engine, &lab->after, &lab->plain, bound);
}

/* An epoch by the fused plan's launches, on weights in strips. */
static clg_status run_in_strips(struct span_lab *lab)
{
    const size_t batch = (size_t)lab->batch, rows = lab->c->rows;
    for (uint64_t s = 0; s < lab->epoch_steps; s++) {
        const size_t start = (size_t)s * batch, next = start + batch;
        const size_t left = rows - start, more = next < rows ? rows - next : 0;
        const struct clg_batch step = {.data = &lab->resident.rows,
                                       .start = start,
                                       .B = (int)(left < batch ? left : batch),
                                       .next_start = next,
                                       .next_B = (int)(more < batch ? more : batch)};
        CLG_TRY(clg_engine_train_step(lab->engine, &step, rate));
    }
    return clg_engine_settle(lab->engine);
}

/* Parameters and moments without what pads them, which strips leave behind with other numbers. */
static clg_status read_dense(double *dense[3], struct span_lab *lab)
{
    const struct clg_buf *const slab[3] = {&lab->engine->params, &lab->engine->slot[0],
                                           &lab->engine->slot[1]};
    for (int i = 0; i < 3 && slab[i]->device; i++) {
        CLG_TRY(clg_bench_numbers(lab->bench, &dense[i], lab->net->count));
        CLG_TRY(clg_engine_read_slab(lab->engine, dense[i], slab[i]));
    }
    return CLG_OK;
}

/* The two must have the same bits. */
static clg_status train_in_strips(struct span_lab *lab)
{
    static const char *const name[3] = {"params", "slot0", "slot1"};
    struct clg_watch *watch = watch_of(lab->bench->device);
    double bound[2] = {0, 0}, *got[3] = {NULL}, *want[3] = {NULL};
    CLG_TRY(clg_span_state_read(&lab->before, lab->engine));
    CLG_TRY(run_in_strips(lab));
    CLG_TRY(read_dense(got, lab));
    CLG_TRY(clg_span_state_write(&lab->before, lab->engine));
    lab->net->step = 0;
    while (lab->net->step < lab->epoch_steps)
        CLG_TRY(plain_step(lab, bound));
    CLG_TRY(read_dense(want, lab));
    OPEN(watch, "fused_strips", "%d steps, B %d, %s", (int)lab->epoch_steps, lab->batch,
         lab->net->text);
    for (int i = 0; i < 3 && got[i]; i++)
        clg_tally_compare(watch->tally, name[i], got[i], want[i], NULL, 1, lab->net->count);
    return CLG_OK;
}

/* The watching table has no strips: the network is made with the device's own. */
static clg_status run_strips(struct clg_bench *bench, const struct span_case *c)
{
    struct span_lab lab = {.bench = bench, .c = c};
    const struct clg_ops *watching = bench->device->ops_override;
    clg_status status;
    clg_bench_begin(bench, CLG_DRAW_NORMAL);
    bench->device->ops_override = NULL;
    CLG_TRY_DONE(make_config(&lab));
    CLG_TRY_DONE(make_data(&lab));
    CLG_TRY_DONE(make_engine(&lab));
    if (lab.engine->fused)
        CLG_TRY_DONE(train_in_strips(&lab));
    status = CLG_OK;
done:
    clear_lab(&lab);
    bench->device->ops_override = watching;
    return clg_bench_end(bench, status);
}

static clg_status run_case(struct clg_bench *bench, const struct span_case *c)
{
    struct span_lab lab = {.bench = bench, .c = c};
    clg_status status;
    clg_bench_begin(bench, CLG_DRAW_NORMAL);
    CLG_TRY_DONE(make_config(&lab));
    CLG_TRY_DONE(make_data(&lab));
    CLG_TRY_DONE(make_engine(&lab));
    if (!clg_engine_refuses_spans(lab.engine, &lab.resident.rows, lab.batch))
        CLG_TRY_DONE(run_training(&lab));
    status = CLG_OK;
done:
    clear_lab(&lab);
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

clg_status clg_cases_spans(struct clg_bench *bench)
{
    clg_device *device = bench->device;
    const enum clg_plan_choice before = device->plan;
    clg_status status;
    if (!bench->ops->span)
        return CLG_OK;
    device->plan = CLG_CHOOSE_RESIDENT; /* however slow */
    /* one work-item is for devices whose work-items run on a processor's cores */
    status = device->local_is_dedicated ? CLG_OK : run_form(bench, 0);
    if (status == CLG_OK)
        status = run_form(bench, 1);
    device->plan = CLG_CHOOSE_FUSED;
    bench->form = CLG_FORM_FUSED_REGISTER;
    clg_way_force(device, CLG_WAY_REGISTER);
    for (size_t i = 0; i < COUNT(strips) && status == CLG_OK; i++)
        status = run_strips(bench, &strips[i]);
    clg_way_force(device, CLG_WAYS);
    bench->form = CLG_PLAN_FORMS;
    device->plan = before;
    return status;
}
