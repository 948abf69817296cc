/* Spans: small trainings by launches of several steps, over the ends of epochs, against the same
 * steps by plain operations, which are watched.  By the forms of the kernel for one work-item, and
 * by that for a work-group on whatever device this is. */
#include "core/memory.h"
#include "verify/cases.h"
#include "verify/lockstep.h"
#include "verify/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 8, SPAN_STEPS = 3 };

/* Options by key and value, and the shape of the data; classes 0: values. */
struct span_case {
    const char *word[2 * MOST_WORDS];
    size_t rows, features, outputs;
    int classes;
};

static const struct span_case cases[] = {
    {{"layers", "2", "act", "sigmoid", "loss", "mse", "output-act", "sigmoid", "opt", "sgd",
      "batch", "4"},
     4,
     2,
     1,
     0},
    {{"layers", "16", "act", "relu", "opt", "adam", "batch", "16"}, 40, 4, 0, 3},
    {{"layers", "20,9", "act", "gelu", "opt", "nesterov", "l2", "0.01", "batch", "10",
      "label-smoothing", "0.1"},
     37,
     5,
     0,
     3},
    {{"layers", "33", "act", "tanh", "opt", "adamw", "loss", "bce", "output-act", "sigmoid",
      "batch", "33", "reduction", "sum"},
     70,
     17,
     0,
     2},
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
    lab->batch = (int)clg_config_integer(lab->config, "batch");
    lab->epoch_steps = (lab->c->rows + (size_t)lab->batch - 1) / (size_t)lab->batch;
    lab->steps = 2 * lab->epoch_steps + 1;
    CLG_TRY(clg_net_create(&lab->net, lab->config, lab->data));
    clg_plan_begin(&plan, device);
    CLG_TRY(clg_resident_plan(&lab->resident, &plan, lab->data, lab->net, 1, "verification"));
    CLG_TRY(clg_plan_commit(&plan));
    CLG_TRY(clg_resident_upload(&lab->resident, lab->data, lab->net));
    CLG_TRY(clg_engine_create(&lab->engine, device, lab->net, lab->batch, 1));
    CLG_TRY(clg_alloc(&lab->ended, CLG_SPAN_EPOCHS, sizeof *lab->ended, "verification"));
    return clg_engine_zero_scores(lab->engine);
}

static void clear_lab(struct span_lab *lab)
{
    clg_state_clear(&lab->before);
    clg_state_clear(&lab->after);
    clg_state_clear(&lab->plain);
    clg_engine_destroy(lab->engine);
    clg_resident_release(&lab->resident);
    clg_net_destroy(lab->net);
    clg_dataset_destroy(lab->data);
    clg_config_destroy(lab->config);
    free(lab->ended);
}

/* ------------------------------------------------------------------ running */

static clg_status run_spans(struct span_lab *lab)
{
    int count;
    while (lab->net->step < lab->steps) {
        const uint64_t done = lab->net->step, left = lab->steps - done;
        struct clg_span span = {.data = &lab->resident.rows,
                                .shuffle = 1,
                                .batch = lab->batch,
                                .epoch = (int)(done / lab->epoch_steps) + 1,
                                .epoch_step = done % lab->epoch_steps,
                                .steps = left < SPAN_STEPS ? left : SPAN_STEPS,
                                .lr = &rate,
                                .every_epoch = 1,
                                .keep_best = 1,
                                .best_loss = (double)INFINITY};
        CLG_TRY(clg_engine_span(lab->engine, &span, lab->ended, &count));
    }
    return clg_state_read(&lab->after, lab->engine);
}

/* The step that comes next, with its epoch's order on the device. */
static clg_status plain_step(struct span_lab *lab, double bound[2])
{
    struct clg_watch *watch = watch_of(lab->bench->device);
    struct clg_engine *engine = lab->engine;
    const uint64_t index = lab->net->step % lab->epoch_steps;
    const int shuffled = (size_t)lab->batch < lab->c->rows;
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
    CLG_TRY(clg_state_read(&lab->before, engine));
    CLG_TRY(clg_span_repeat_step(engine, &step));
    clg_operands_clear(watch);
    return clg_span_bounds(bound, watch, engine, &lab->before, step.B);
}

static clg_status run_training(struct span_lab *lab)
{
    struct clg_watch *watch = watch_of(lab->bench->device);
    double bound[2] = {0, 0};
    CLG_TRY(clg_state_read(&lab->before, lab->engine));
    CLG_TRY(run_spans(lab));
    CLG_TRY(clg_state_write(&lab->before, lab->engine));
    lab->net->step = 0;
    while (lab->net->step < lab->steps)
        CLG_TRY(plain_step(lab, bound));
    CLG_TRY(clg_state_read(&lab->plain, lab->engine));
    OPEN(watch, "span", "%d steps, up to %d a launch, B %d, %s", (int)lab->steps, SPAN_STEPS,
         lab->batch, lab->net->text);
    return clg_span_compare(watch, lab->engine, &lab->after, &lab->plain, bound);
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
    device->local_is_dedicated = by_group;
    for (size_t i = by_group ? 1 : 0; i < COUNT(cases) && status == CLG_OK; i++)
        status = run_case(bench, &cases[i]);
    device->local_is_dedicated = is_dedicated;
    bench->route = NULL;
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
    device->plan = before;
    return status;
}
