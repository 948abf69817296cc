/* One step of the training loop, enqueued by itself: its batch, with a teacher's logits where there
 * is one, and what the hooks around it are told. */
#include "train/loop.h"

#include "device/program.h"

#include <assert.h>

/* Rows start.. that batch `index` of an epoch holds. */
static int batch_rows(const struct clg_loop *loop, uint64_t index, size_t *start)
{
    *start = (size_t)index * (size_t)loop->batch;
    size_t left = loop->rows - *start;
    return left < (size_t)loop->batch ? (int)left : loop->batch;
}

/* A step whose loss needs the logits of a teacher between the batch and the forward pass. */
static clg_status taught_step(struct clg_loop *loop, const struct clg_batch *batch)
{
    struct clg_engine *engine = loop->engine;
    const struct clg_buf *teacher_z;
    CLG_TRY(engine->ops->gather(loop->device, &engine->x,
                                loop->net->target_input ? NULL : &engine->t, batch->data,
                                batch->perm, batch->start, batch->B));
    CLG_TRY(clg_teacher_fwd(&loop->teacher, &teacher_z, batch->B));
    CLG_TRY(clg_engine_fwd(engine, batch->B, 1));
    CLG_TRY(clg_engine_loss(engine, batch->B, teacher_z));
    CLG_TRY(clg_engine_score(engine, batch->B));
    CLG_TRY(clg_engine_bwd(engine, batch->B));
    return clg_engine_step(engine, loop->progress.lr);
}

void clg_loop_store_program(struct clg_loop *loop)
{
    if (loop->net->step >= 2 && !loop->stored)
        loop->stored = !clg_program_store_next(loop->device);
}

struct clg_step clg_loop_step_of(struct clg_loop *loop, uint64_t index, double lr)
{
    struct clg_step step = {.engine = loop->engine,
                            .teacher = loop->teacher.engine,
                            .epoch = loop->progress.epoch,
                            .shuffle = loop->shuffle,
                            .number = loop->progress.step + 1,
                            .lr = lr,
                            .data = &loop->data.rows,
                            .perm = loop->data.has_perm ? &loop->data.perm : NULL};
    step.B = batch_rows(loop, index, &step.start);
    return step;
}

/* Where the rows of batch `index` of this epoch lie on the device. */
static clg_status find_batch(struct clg_loop *loop, uint64_t index, size_t *at, int *B)
{
    const int epoch = loop->shuffle ? loop->progress.epoch : 0;
    size_t start, left;
    *B = batch_rows(loop, index, &start);
    CLG_TRY(clg_resident_find(&loop->data, epoch, start, at, &left));
    assert(left >= (size_t)*B); /* a part holds whole batches */
    return CLG_OK;
}

clg_status clg_loop_take_step(struct clg_loop *loop)
{
    const uint64_t index = loop->progress.epoch_step;
    const struct clg_step_hooks *around = loop->around;
    struct clg_batch batch = {.data = &loop->data.rows,
                              .perm = loop->data.has_perm ? &loop->data.perm : NULL};
    CLG_TRY(find_batch(loop, index, &batch.start, &batch.B));
    const int ends = index + 1 == loop->epoch_steps || loop->net->step + 1 == loop->steps;
    if (!ends)
        CLG_TRY(find_batch(loop, index + 1, &batch.next_start, &batch.next_B));
    batch.keep_gradient = ends && clg_loop_figures_due(loop, loop->progress.epoch);
    loop->progress.lr = clg_schedule_rate(&loop->schedule, loop->progress.epoch, loop->net->step);
    const struct clg_step step = clg_loop_step_of(loop, index, loop->progress.lr);
    if (around)
        CLG_TRY(around->begin(around->user, &step));
    CLG_TRY(loop->teacher.net ? taught_step(loop, &batch)
                              : clg_engine_train_step(loop->engine, &batch, loop->progress.lr));
    if (around)
        CLG_TRY(around->end(around->user, &step));
    loop->epoch_rows += (size_t)batch.B;
    loop->progress.epoch_step = index + 1;
    loop->progress.step = loop->net->step;
    clg_loop_store_program(loop);
    return clg_throttle_step(&loop->throttle, NULL);
}
