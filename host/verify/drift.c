/* The reference running free beside the device: the same start, batches and dropout, and nothing of
 * what the device computed.  How far the two are apart is a norm, not an error: rounding grows
 * along a training, the more the longer it is. */
#include "verify/lockstep.h"

#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parted: further apart than this share of the way from the start. */
static const double parted_share = 0.01;

static clg_status place(struct clg_drift *drift, const clg_dataset *data,
                        const struct clg_step *step)
{
    struct clg_plan plan;
    clg_plan_begin(&plan, drift->device);
    CLG_TRY(clg_teacher_load(&drift->teacher, drift->net));
    CLG_TRY(clg_engine_plan(&drift->engine, &plan, drift->net, step->engine->max_batch, 1));
    CLG_TRY(clg_teacher_plan(&drift->teacher, &plan, step->engine->max_batch));
    CLG_TRY(clg_resident_plan(&drift->resident, &plan, data, drift->net, step->shuffle, "data"));
    CLG_TRY(clg_plan_commit(&plan));
    CLG_TRY(clg_engine_attach(drift->engine));
    CLG_TRY(clg_teacher_attach(&drift->teacher, &drift->engine->x));
    CLG_TRY(clg_engine_push(drift->engine));
    return clg_resident_upload(&drift->resident, data, drift->net);
}

clg_status clg_drift_begin(struct clg_drift *drift, const clg_net *net, const clg_dataset *data,
                           const struct clg_step *step)
{
    CLG_TRY(clg_device_open(&drift->device, "ref", NULL));
    CLG_TRY(clg_net_copy(&drift->net, net));
    drift->net->step = 0;
    drift->net->epoch = 0;
    for (int s = 0; s < 2; s++)
        if (drift->net->slot[s])
            memset(drift->net->slot[s], 0, net->count * sizeof *net->slot[s]);
    CLG_TRY(clg_alloc(&drift->got, net->count, sizeof *drift->got, "a copy of the parameters"));
    CLG_TRY(clg_alloc(&drift->start, net->count, sizeof *drift->start, "a copy of the parameters"));
    memcpy(drift->start, net->params, net->count * sizeof *drift->start);
    return place(drift, data, step);
}

/* One step of the reference: what the training loop's is, without its figures. */
static clg_status advance(struct clg_drift *drift, const struct clg_step *step)
{
    struct clg_engine *engine = drift->engine;
    const struct clg_buf *teacher_z;
    const int B = step->B;
    if (step->shuffle && step->epoch != drift->epoch)
        CLG_TRY(engine->ops->permute(drift->device, &drift->resident.perm,
                                     drift->resident.rows.rows, drift->net->seed,
                                     (uint32_t)step->epoch));
    drift->epoch = step->epoch;
    CLG_TRY(engine->ops->gather(drift->device, &engine->x,
                                drift->net->target_input ? NULL : &engine->t, &drift->resident.rows,
                                step->shuffle ? &drift->resident.perm : NULL, step->start, B));
    CLG_TRY(clg_teacher_fwd(&drift->teacher, &teacher_z, B));
    CLG_TRY(clg_engine_fwd(engine, B, 1));
    CLG_TRY(clg_engine_loss(engine, B, teacher_z));
    CLG_TRY(clg_engine_bwd(engine, B));
    return clg_engine_step(engine, step->lr);
}

/* Of one tensor of count elements from `at` on. */
static double apart(struct clg_drift *drift, const char *name, size_t at, size_t count)
{
    const double *got = drift->got + at, *want = drift->net->params + at;
    double off = 0, size = 0, way = 0;
    for (size_t i = 0; i < count; i++) {
        double from = want[i] - drift->start[at + i];
        off += (got[i] - want[i]) * (got[i] - want[i]);
        size += want[i] * want[i];
        way += from * from;
    }
    double relative = off == 0 ? 0.0 : sqrt(off / size);
    if (!(sqrt(off) <= parted_share * sqrt(way)))
        drift->parted = 1;
    if (!*drift->tensor || !(relative <= drift->largest)) {
        drift->largest = relative;
        snprintf(drift->tensor, sizeof drift->tensor, "%s", name);
    }
    return relative;
}

clg_status clg_drift_step(struct clg_drift *drift, double *relative, const struct clg_step *step)
{
    const clg_net *net = drift->net;
    size_t at = 0;
    CLG_TRY(advance(drift, step));
    CLG_TRY(clg_engine_read_slab(drift->engine, drift->net->params, &drift->engine->params));
    CLG_TRY(clg_engine_read_slab(step->engine, drift->got, &step->engine->params));
    for (int i = 0; i < 2 * net->layers; i++) {
        int l = i % net->layers, is_bias = i >= net->layers;
        size_t rows = (size_t)net->layer[l].rows;
        size_t count = is_bias ? rows : rows * (size_t)net->layer[l].in;
        char name[96];
        snprintf(name, sizeof name, "layers.%d.%s", l, is_bias ? "bias" : "weight");
        relative[i] = apart(drift, name, at, count);
        at += count;
    }
    return CLG_OK;
}

void clg_drift_clear(struct clg_drift *drift)
{
    clg_resident_release(&drift->resident);
    clg_teacher_clear(&drift->teacher);
    clg_engine_destroy(drift->engine);
    clg_net_destroy(drift->net);
    clg_device_close(drift->device);
    free(drift->got);
    free(drift->start);
    memset(drift, 0, sizeof *drift);
}
