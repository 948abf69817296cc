/* The watching table.  Where a training is watched, an operation whose result was wrong runs once
 * more, alone and on the same inputs: the same wrong bits are the operation's own, others are of
 * the moment (a race, a bit that flipped).  Single operations are not repeated: their inputs are
 * drawn, and a second run of verify repeats them all. */
#include "verify/watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int clg_again_wanted(const struct clg_watch *watch)
{
    return watch->repeats && watch->tally->now.failed && !watch->tally->result.cause;
}

/* Puts back what the operation read and has overwritten since. */
static clg_status restore(const struct clg_operand *operand, struct clg_buf *on)
{
    size_t count = operand->rows * operand->columns;
    int32_t integer;
    if (operand->is_matrix)
        return clg_matrix_upload(on, operand->value, (int)operand->rows, (int)operand->columns);
    if (on->elem == CLG_REAL)
        return clg_real_upload(on, operand->value, 0, count);
    for (size_t i = 0; i < count; i++) { /* hits, living units: few */
        integer = (int32_t)operand->value[i];
        CLG_TRY(clg_buf_upload(on, &integer, i, 1));
    }
    return CLG_OK;
}

clg_status clg_again_begin(struct clg_watch *watch)
{
    for (int i = 0; i < watch->operands; i++) {
        const struct clg_operand *operand = &watch->operand[i];
        size_t size = operand->rows * operand->columns * sizeof *operand->value;
        watch->before[i] = NULL;
        if (operand->is_rows)
            continue;
        CLG_TRY(clg_operand_results(watch, operand, &watch->before[i], NULL));
        assert(watch->before[i]);
        if (operand->value && memcmp(watch->before[i], operand->value, size) != 0)
            CLG_TRY(restore(operand, (struct clg_buf *)operand->on));
    }
    return CLG_OK;
}

clg_status clg_again_end(struct clg_watch *watch)
{
    int same = 1;
    for (int i = 0; i < watch->operands; i++) {
        const struct clg_operand *operand = &watch->operand[i];
        double *now;
        if (!watch->before[i])
            continue;
        CLG_TRY(clg_operand_results(watch, operand, &now, NULL));
        same &= memcmp(now, watch->before[i], operand->rows * operand->columns * sizeof *now) == 0;
    }
    watch->tally->result.cause = same ? "operation" : "transient";
    return CLG_OK;
}

/* Runs the entry of the watching table and, where its result was wrong, that of the watched one. */
#define WATCHED(entry, parameters, arguments)                                                      \
    static clg_status watched_##entry parameters                                                   \
    {                                                                                              \
        struct clg_watch *watch = watch_of(device);                                                \
        CLG_TRY(clg_watch_##entry arguments);                                                      \
        if (!clg_again_wanted(watch))                                                              \
            return CLG_OK;                                                                         \
        CLG_TRY(clg_again_begin(watch));                                                           \
        CLG_TRY(watch->inner->entry arguments);                                                    \
        return clg_again_end(watch);                                                               \
    }

WATCHED(permute,
        (clg_device * device, struct clg_buf *perm, size_t n, uint64_t seed, uint32_t epoch),
        (device, perm, n, seed, epoch))
WATCHED(gather,
        (clg_device * device, struct clg_buf *x, struct clg_buf *t, const struct clg_rows *data,
         const struct clg_buf *perm, size_t start, int B),
        (device, x, t, data, perm, start, B))
WATCHED(dense_fwd,
        (clg_device * device, struct clg_buf *y, struct clg_buf *z, const struct clg_buf *x,
         const struct clg_buf *W, const struct clg_buf *b, int B, int I, int O,
         const struct clg_activation *act),
        (device, y, z, x, W, b, B, I, O, act))
WATCHED(output_fwd,
        (clg_device * device, struct clg_buf *y, const struct clg_buf *z, int B, int O,
         const struct clg_activation *act),
        (device, y, z, B, O, act))
WATCHED(dropout_fwd,
        (clg_device * device, struct clg_buf *y, const struct clg_buf *x, int B, int N,
         const struct clg_dropout *drop),
        (device, y, x, B, N, drop))
WATCHED(loss_fwd,
        (clg_device * device, struct clg_buf *y, struct clg_buf *dz, struct clg_buf *row_loss,
         const struct clg_buf *z, const struct clg_buf *t, int B, int O,
         const struct clg_loss_spec *loss, const struct clg_activation *act, enum clg_target target,
         double scale, int mean),
        (device, y, dz, row_loss, z, t, B, O, loss, act, target, scale, mean))
WATCHED(score,
        (clg_device * device, struct clg_buf *stats, struct clg_buf *hits,
         const struct clg_buf *row_loss, const struct clg_buf *y, const struct clg_buf *t, int B,
         int O, enum clg_target target),
        (device, stats, hits, row_loss, y, t, B, O, target))
WATCHED(penalty,
        (clg_device * device, struct clg_buf *stats, struct clg_buf *scratch,
         const struct clg_buf *params, size_t n, double factor),
        (device, stats, scratch, params, n, factor))
WATCHED(delta_bwd,
        (clg_device * device, struct clg_buf *dx, struct clg_buf *dy, const struct clg_buf *dz,
         const struct clg_buf *W, const struct clg_buf *y, const struct clg_buf *z, int B, int I,
         int O, const struct clg_activation *act, const struct clg_dropout *drop),
        (device, dx, dy, dz, W, y, z, B, I, O, act, drop))
WATCHED(grad,
        (clg_device * device, struct clg_buf *dW, struct clg_buf *db, const struct clg_buf *dz,
         const struct clg_buf *x, int B, int I, int O),
        (device, dW, db, dz, x, B, I, O))
WATCHED(square_sum,
        (clg_device * device, struct clg_buf *out, struct clg_buf *scratch, const struct clg_buf *x,
         size_t n, size_t at),
        (device, out, scratch, x, n, at))
WATCHED(clip,
        (clg_device * device, struct clg_buf *grads, const struct clg_buf *norm2, size_t n,
         size_t at, double limit),
        (device, grads, norm2, n, at, limit))
WATCHED(mark_alive,
        (clg_device * device, struct clg_buf *alive, const struct clg_buf *y, int B, int O),
        (device, alive, y, B, O))
WATCHED(update,
        (clg_device * device, struct clg_buf *params, struct clg_buf *slot0, struct clg_buf *slot1,
         const struct clg_buf *grads, size_t n, size_t n_weights, const struct clg_update *u),
        (device, params, slot0, slot1, grads, n, n_weights, u))

#define PLAIN_ENTRIES                                                                              \
    .permute = watched_permute, .gather = watched_gather, .dense_fwd = watched_dense_fwd,          \
    .output_fwd = watched_output_fwd, .dropout_fwd = watched_dropout_fwd,                          \
    .loss_fwd = watched_loss_fwd, .score = watched_score, .penalty = watched_penalty,              \
    .delta_bwd = watched_delta_bwd, .grad = watched_grad, .square_sum = watched_square_sum,        \
    .clip = watched_clip, .mark_alive = watched_mark_alive, .update = watched_update

const struct clg_ops clg_watching = {.name = "watch", PLAIN_ENTRIES};

const struct clg_ops clg_watching_plans = {
    .name = "watch",
    PLAIN_ENTRIES,
    .fused_create = clg_watched_fused_create,
    .fused_destroy = clg_watched_fused_destroy,
    .fused_fwd = clg_watched_fused_fwd,
    .fused_head = clg_watched_fused_head,
    .fused_delta = clg_watched_fused_delta,
    .fused_learn = clg_watched_fused_learn,
    .span = clg_watched_span,
};
