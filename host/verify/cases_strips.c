/* Trainings by the fused plan whose weights lie in strips, which the watching table cannot read,
 * against plain steps, which it watches.  Where a plain operation is wrong there is nothing to hold
 * them against, and they are not judged. */
#include "verify/span_lab.h"

/* Epochs long enough for strips, and layers wide enough; rows in order. */
static const struct clg_span_case strips[] = {
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

/* An epoch by the fused plan's launches, on weights in strips. */
static clg_status run_in_strips(struct clg_span_lab *lab)
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
        CLG_TRY(clg_engine_train_step(lab->engine, &step, lab->rate));
    }
    return clg_engine_settle(lab->engine);
}

/* Parameters and moments without what pads them, which strips leave behind with other numbers. */
static clg_status read_dense(double *dense[3], struct clg_span_lab *lab)
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
static clg_status train_in_strips(struct clg_span_lab *lab, const struct clg_ops *watching)
{
    static const char *const name[3] = {"params", "slot0", "slot1"};
    struct clg_watch *watch = watch_of(lab->bench->device);
    double bound[2] = {0, 0}, *got[3] = {NULL}, *want[3] = {NULL};
    int wrong;
    CLG_TRY(clg_span_state_read(&lab->before, lab->engine));
    CLG_TRY(run_in_strips(lab));
    CLG_TRY(read_dense(got, lab));
    lab->engine->ops = watching;
    CLG_TRY(clg_span_lab_plain(&wrong, bound, lab, lab->epoch_steps));
    if (wrong)
        return CLG_OK;
    CLG_TRY(read_dense(want, lab));
    OPEN(watch, "fused_strips", "%d steps, B %d, %s", (int)lab->epoch_steps, lab->batch,
         lab->net->text);
    for (int i = 0; i < 3 && got[i]; i++)
        clg_tally_compare(watch->tally, name[i], got[i], want[i], NULL, 1, lab->net->count);
    return CLG_OK;
}

/* The watching table has no strips: the network is made with the device's own, which its launches
 * are given back to. */
static clg_status run_strips(struct clg_bench *bench, const struct clg_span_case *c)
{
    struct clg_span_lab lab = {.bench = bench, .c = c};
    const struct clg_ops *watching = bench->device->ops_override;
    clg_status status;
    clg_bench_begin(bench, CLG_DRAW_NORMAL);
    bench->device->ops_override = NULL;
    CLG_TRY_DONE(clg_span_lab_make(&lab));
    const struct clg_ops *own = lab.engine->ops;
    status = lab.engine->fused ? train_in_strips(&lab, watching) : CLG_OK;
    lab.engine->ops = own;
done:
    clg_span_lab_clear(&lab);
    bench->device->ops_override = watching;
    return clg_bench_end(bench, status);
}

clg_status clg_cases_strips(struct clg_bench *bench)
{
    clg_device *device = bench->device;
    clg_status status = CLG_OK;
    device->plan = CLG_CHOOSE_FUSED;
    bench->form = CLG_FORM_FUSED_REGISTER;
    clg_way_force(device, CLG_WAY_REGISTER);
    for (size_t i = 0; i < COUNT(strips) && status == CLG_OK; i++)
        if (!clg_span_lab_is_lost(bench))
            status = run_strips(bench, &strips[i]);
    clg_way_force(device, CLG_WAYS);
    bench->form = CLG_PLAN_FORMS;
    return status;
}
