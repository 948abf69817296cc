/* A training step on paper: launches, operations, bytes, memory by purpose, and the time that the
 * device's roofs allow.  Nothing is allocated on the device and nothing of the network runs. */
#include "profile/profile.h"

#include "core/config.h"
#include "train/train.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The plan that the training loop will take (train/loop_begin.c): spans where nothing is against
 * them. */
static enum clg_plan_kind plan_of(const struct clg_engine *engine, const struct clg_rows *rows,
                                  int batch)
{
    const enum clg_plan_choice wanted = engine->device->plan;
    if (wanted != CLG_CHOOSE_AUTO && wanted != CLG_CHOOSE_RESIDENT)
        return engine->plan_kind;
    if (*clg_config_get(engine->net->config, "teacher") ||
        clg_engine_refuses_spans(engine, rows, batch))
        return engine->plan_kind;
    return CLG_PLAN_RESIDENT;
}

static int larger_first(const void *a, const void *b)
{
    const uint64_t x = ((const struct clg_plan_entry *)a)->count;
    const uint64_t y = ((const struct clg_plan_entry *)b)->count;
    return (x < y) - (x > y);
}

/* The plan's bytes by purpose; entries are summed in place of one of their kind. */
static void sum_purposes(clg_estimate *out, const struct clg_plan *plan)
{
    struct clg_plan_entry sum[sizeof plan->entry / sizeof *plan->entry];
    int sums = 0;
    for (int i = 0; i < plan->entries; i++) {
        const struct clg_plan_entry *entry = &plan->entry[i];
        const size_t bytes = entry->count * clg_elem_size(plan->device, entry->elem);
        int at = 0;
        while (at < sums && strcmp(sum[at].purpose, entry->purpose) != 0)
            at++;
        if (at == sums)
            sum[sums++] = (struct clg_plan_entry){NULL, CLG_U8, 0, entry->purpose};
        sum[at].count += bytes;
    }
    qsort(sum, (size_t)sums, sizeof *sum, larger_first);
    for (int i = 0; i < sums && i < CLG_PURPOSES_MOST; i++) {
        snprintf(out->purpose[i].name, sizeof out->purpose[i].name, "%s", sum[i].purpose);
        out->purpose[i].bytes = sum[i].count;
        out->purposes++;
    }
}

static clg_status predict(clg_estimate *out, const struct clg_work *work, clg_device *device)
{
    clg_roofs roofs;
    const double unit_bytes = clg_work_unit_bytes(work, device);
    out->step_us = (double)NAN;
    if (device->kind == CLG_REFERENCE)
        return CLG_OK;
    CLG_TRY(clg_device_roofs(&roofs, device, 0));
    out->step_us = 1e6 * clg_work_seconds(work, &roofs, unit_bytes);
    for (int i = 0; i < work->launches; i++)
        for (int p = 0; p < work->launch[i].parts && !work->launch[i].rare; p++) {
            const struct clg_task *task = &work->part[work->launch[i].first + p];
            out->phase_us[task->phase] += 1e6 * clg_roofs_seconds(&roofs, task, unit_bytes);
        }
    return CLG_OK;
}

/* The rows of a batch, as the training loop takes them. */
static clg_status batch_of(int *out, const struct clg_net *net, const clg_dataset *data, int batch)
{
    const int64_t rows = data ? (int64_t)data->rows : INT_MAX;
    int64_t wanted = batch;
    if (batch < 0)
        return clg_fail(CLG_EUSAGE, "--batch %d: must be at least 1", batch);
    if (!batch && clg_config_is(net->config, "batch", "full"))
        wanted = data ? rows : 0;
    else if (!batch)
        wanted = clg_config_integer(net->config, "batch");
    if (wanted < 1)
        return clg_fail(CLG_EUSAGE, "--batch full: a number is needed where there is no data");
    *out = (int)(wanted < rows ? wanted : rows);
    return CLG_OK;
}

static clg_status fill(clg_estimate *out, struct clg_engine *engine, const struct clg_rows *rows,
                       int shuffle)
{
    static const char *const plans[] = {"plain", "fused", "resident"};
    struct clg_work work;
    engine->plan_kind = plan_of(engine, rows, out->batch);
    snprintf(out->plan, sizeof out->plan, "%s", plans[engine->plan_kind]);
    clg_status status = clg_work_make(&work, engine, NULL, rows, shuffle, out->batch);
    if (status == CLG_OK) {
        const struct clg_work_sums sums = clg_work_sum(&work);
        out->launches = work.spans || engine->device->kind == CLG_REFERENCE ? 0 : sums.launches;
        out->flops = sums.flops;
        out->bytes = sums.bytes;
        status = predict(out, &work, engine->device);
    }
    clg_work_clear(&work);
    return status;
}

clg_status clg_training_estimate(clg_estimate *out, const clg_net *net, clg_device *device,
                                 const clg_dataset *data, int batch)
{
    struct clg_plan plan;
    struct clg_resident resident;
    struct clg_engine *engine = NULL;
    clg_net *copy = NULL;
    clg_status status;
    memset(out, 0, sizeof *out);
    CLG_TRY(batch_of(&out->batch, net, data, batch));
    CLG_TRY(clg_net_copy(&copy, net));
    clg_plan_begin(&plan, device);
    const int shuffle = !clg_config_switch(net->config, "no-shuffle");
    if (data)
        CLG_TRY_DONE(clg_resident_plan(&resident, &plan, data, net, shuffle, "training data"));
    CLG_TRY_DONE(clg_engine_plan(&engine, &plan, copy, out->batch, 1));
    if (data)
        clg_resident_fit(&plan, &(struct clg_resident_share){&resident, data, net, out->batch}, 1);
    sum_purposes(out, &plan);
    out->memory = plan.bytes;
    out->budget = device->budget;
    const struct clg_rows rows = clg_profile_rows_of(net, data);
    status = fill(out, engine, &rows, shuffle);
done:
    clg_engine_destroy(engine);
    clg_net_destroy(copy);
    return status;
}
