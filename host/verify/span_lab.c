/* The making of the networks that spans and strips train, and their plain steps under watch. */
#include "verify/span_lab.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- making */

static clg_status make_config(struct clg_span_lab *lab)
{
    CLG_TRY(clg_config_create(&lab->config));
    for (int i = 0; i < 2 * CLG_SPAN_WORDS && lab->c->word[i]; i += 2)
        CLG_TRY(clg_config_set(lab->config, lab->c->word[i], lab->c->word[i + 1]));
    return CLG_OK;
}

/* The same data as bytes. */
static clg_status make_bytes(struct clg_span_lab *lab)
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

static clg_status make_data(struct clg_span_lab *lab)
{
    const struct clg_span_case *c = lab->c;
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

static clg_status make_engine(struct clg_span_lab *lab)
{
    struct clg_plan plan;
    clg_device *device = lab->bench->device;
    lab->batch = clg_config_is(lab->config, "batch", "full")
                     ? (int)lab->c->rows
                     : (int)clg_config_integer(lab->config, "batch");
    lab->epoch_steps = (lab->c->rows + (size_t)lab->batch - 1) / (size_t)lab->batch;
    /* ends within an epoch */
    lab->steps = CLG_SPAN_LAB_EPOCHS * lab->epoch_steps + (lab->epoch_steps > 1);
    if (lab->c->late) {
        lab->first = lab->epoch_steps - 2;
        lab->steps = lab->epoch_steps + 2;
    }
    CLG_TRY(clg_net_create(&lab->net, lab->config, lab->data));
    lab->net->step = lab->first;
    lab->rate = lab->c->rises ? -0.01 : 0.01;
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

clg_status clg_span_lab_make(struct clg_span_lab *lab)
{
    CLG_TRY(make_config(lab));
    CLG_TRY(make_data(lab));
    return make_engine(lab);
}

void clg_span_lab_clear(struct clg_span_lab *lab)
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

void clg_span_lab_account(struct clg_span_account *account, const struct clg_scores *scores)
{
    if (account->epochs == CLG_SPAN_LAB_EPOCHS)
        return;
    account->loss[account->epochs] = scores->loss;
    account->cost[account->epochs] = scores->cost;
    account->accuracy[account->epochs++] = scores->accuracy;
}

/* The step that comes next, with its epoch's order on the device. */
static clg_status plain_step(struct clg_span_lab *lab, double bound[2])
{
    struct clg_watch *watch = watch_of(lab->bench->device);
    struct clg_engine *engine = lab->engine;
    const uint64_t index = lab->net->step % lab->epoch_steps;
    const int shuffled = !lab->c->in_order && (size_t)lab->batch < lab->c->rows;
    struct clg_step step = {.engine = engine,
                            .epoch = (int)(lab->net->step / lab->epoch_steps) + 1,
                            .start = (size_t)index * (size_t)lab->batch,
                            .lr = lab->rate,
                            .data = &lab->resident.rows,
                            .perm = shuffled ? &lab->resident.perm : NULL};
    const size_t left = lab->c->rows - step.start;
    step.B = left < (size_t)lab->batch ? (int)left : lab->batch;
    if (index == 0) {
        bound[0] = bound[1] = 0;
        CLG_TRY(clg_engine_zero_scores(engine));
    }
    if ((index == 0 || lab->net->step == lab->first) && shuffled)
        CLG_TRY(engine->ops->permute(engine->device, step.perm, lab->c->rows, lab->net->seed,
                                     (uint32_t)step.epoch));
    CLG_TRY(clg_span_state_read(&lab->before, engine));
    CLG_TRY(clg_span_repeat_step(engine, &step));
    clg_operands_clear(watch);
    return clg_span_bounds(bound, watch, engine, &lab->before, step.B);
}

/* An epoch of plain steps ends. */
static clg_status end_epoch(struct clg_span_lab *lab, const double bound[2])
{
    struct clg_span_account *account = &lab->by_steps;
    const double rows = (double)lab->c->rows;
    const int epoch = account->epochs;
    struct clg_scores scores;
    if (epoch == CLG_SPAN_LAB_EPOCHS)
        return CLG_OK;
    CLG_TRY(clg_engine_read_scores(lab->engine, &scores, lab->c->rows));
    clg_span_lab_account(account, &scores);
    account->bound[epoch] = bound[0] / rows;
    account->cost_bound[epoch] = (bound[0] + bound[1]) / rows;
    if (epoch > 0 && !(scores.loss < account->loss[(int)account->best_of - 1]))
        return CLG_OK;
    account->best_of = epoch + 1;
    return clg_real_download(&lab->engine->params, account->best, 0, lab->engine->count);
}

/* So many plain steps from the same start, and the accounts of their epochs.  *wrong becomes 1
 * where an operation of theirs was wrong: that is the operation's, not of what is held against
 * them. */
clg_status clg_span_lab_plain(int *wrong, double bound[2], struct clg_span_lab *lab, uint64_t steps)
{
    struct clg_bench *bench = lab->bench;
    struct clg_tally *tally = bench->tally;
    const enum clg_plan_form form = bench->form;
    clg_tally_close(tally);
    const int failed = tally->result.failed;
    CLG_TRY(clg_span_state_write(&lab->before, lab->engine));
    lab->net->step = lab->first;
    while (lab->net->step < steps) {
        CLG_TRY(plain_step(lab, bound));
        if (lab->net->step % lab->epoch_steps == 0)
            CLG_TRY(end_epoch(lab, bound));
    }
    clg_tally_close(tally);
    *wrong = tally->result.failed > failed;
    if (!*wrong)
        return CLG_OK;
    tally->now.failed = 0; /* it is noted here */
    bench->form = CLG_PLAN_FORMS;
    clg_bench_note_failed(bench, tally->wrong);
    bench->form = form;
    return CLG_OK;
}

/* Whether the operations found wrong, "a, b", have this one. */
static int has(const char *operations, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = operations; *at;) {
        const size_t word = strcspn(at, ",");
        if (word == length && strncmp(at, name, word) == 0)
            return 1;
        at += word + (at[word] ? 2 : 0);
    }
    return 0;
}

/* Whether an operation of plain steps by the way that they take is known to be wrong.  Where the
 * register way is, what all ways share (the sums of biases) may be at fault. */
int clg_span_lab_is_lost(const struct clg_bench *bench)
{
    static const char *const steps[] = {"permute", "gather",  "dense_fwd", "output_fwd", "loss_fwd",
                                        "score",   "penalty", "delta_bwd", "grad",       "update"};
    for (size_t i = 0; i < COUNT(steps); i++)
        if (has(bench->found.operations, steps[i]))
            return 1;
    return (bench->found.failed >> CLG_WAY_REGISTER & 1u) != 0 ||
           (bench->found.failed >> clg_way_of(bench->device) & 1u) != 0;
}
