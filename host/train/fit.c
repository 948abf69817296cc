/* Which batch would have fitted: said where a training needs more memory than the device has.
 * Nothing is allocated on the device for it. */
#include "train/loop.h"

#include <stdio.h>

/* Whether training in batches of `batch` fits into what the device has left. */
static clg_status fits(int *out, const struct clg_loop *loop, const clg_dataset *data,
                       const clg_dataset *val, int batch)
{
    struct clg_plan plan;
    struct clg_resident rows = {0}, val_rows = {0};
    struct clg_engine *engine = NULL;
    struct clg_teacher teacher = {loop->teacher.net, NULL};
    struct clg_figures figures;
    uint64_t left;
    int room = batch;
    clg_status status;
    clg_plan_begin(&plan, loop->device);
    CLG_TRY_DONE(clg_resident_plan(&rows, &plan, data, loop->net, loop->shuffle, "training data"));
    if (val) {
        CLG_TRY_DONE(clg_resident_plan(&val_rows, &plan, val, loop->net, 0, "validation data"));
        if (clg_evaluation_batch(val->rows) > room)
            room = clg_evaluation_batch(val->rows);
    }
    CLG_TRY_DONE(clg_engine_plan(&engine, &plan, loop->net, room, 1));
    CLG_TRY_DONE(clg_teacher_plan(&teacher, &plan, room));
    CLG_TRY_DONE(clg_figures_plan(&figures, &plan, loop->net));
    const struct clg_resident_share shares[] = {{&rows, data, loop->net, batch},
                                                {&val_rows, val, loop->net, room}};
    clg_resident_fit(&plan, shares, val ? 2 : 1);
    *out = clg_plan_fits(&plan, &left);
done:
    clg_engine_destroy(engine);
    clg_engine_destroy(teacher.engine);
    return status;
}

clg_status clg_loop_commit(struct clg_plan *plan, const struct clg_loop *loop,
                           const clg_dataset *data, const clg_dataset *val)
{
    char detail[1024];
    int fitting = 0, failing = loop->batch;
    uint64_t left;
    int fit = clg_plan_fits(plan, &left);
    clg_status status = clg_plan_commit(plan);
    if (fit || status != CLG_ENOMEM)
        return status;
    snprintf(detail, sizeof detail, "%s", clg_last_error());
    while (failing - fitting > 1) {
        int batch = fitting + (failing - fitting) / 2;
        CLG_TRY(fits(&fit, loop, data, val, batch));
        fitting = fit ? batch : fitting;
        failing = fit ? failing : batch;
    }
    if (fitting == 0)
        return clg_fail(CLG_ENOMEM, "%s; not even --batch 1 fits", detail);
    return clg_fail(CLG_ENOMEM, "%s; the largest that fits is --batch %d", detail, fitting);
}
