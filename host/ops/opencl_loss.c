/* The OpenCL back end's losses and figures: the loss with the output activation, and the sums that
 * stay on the device. */
#include "device/program.h"
#include "ops/opencl.h"

#include <assert.h>
#include <stdio.h>

enum {
    REDUCE_GROUP = 64,    /* work-items in a group of reduce.cl, at most */
    SUM_PER_GROUP = 16384 /* elements that one group of square_sums takes, until there are many */
};

/* Takes a kernel of reduce.cl, made for a work-group that the device takes and the kernel itself:
 * the largest power of two there is, up to REDUCE_GROUP. */
static clg_status begin_reduce(struct clg_args *args, size_t *group, clg_device *device,
                               const char *more, const char *name)
{
    char options[CLG_OPTIONS];
    for (*group = REDUCE_GROUP;; *group /= 2) {
        if (*group > 1 && (*group > device->max_group || *group > device->max_items[0]))
            continue;
        snprintf(options, sizeof options, "-DGROUP=%zu%s", *group, more);
        CLG_TRY(clg_args_begin(args, device, "reduce", options, name));
        if (*group == 1 || *group <= args->limits->max_group)
            return CLG_OK;
    }
}

/* ------------------------------------------------------------------- loss */

clg_status clg_ocl_weight_sum(clg_device *device, struct clg_buf *norm,
                              const struct clg_buf *class_weights, const struct clg_buf *t, int B)
{
    struct clg_args args;
    size_t group;
    CLG_TRY(begin_reduce(&args, &group, device, "", "weight_sum"));
    clg_arg_buf(&args, norm);
    clg_arg_buf(&args, class_weights);
    clg_arg_buf(&args, t);
    clg_arg_int(&args, B);
    return clg_launch1(&args, group, group);
}

static clg_status begin_loss(struct clg_args *args, clg_device *device,
                             const struct clg_loss_spec *loss, const struct clg_activation *act,
                             enum clg_target target)
{
    char act_options[CLG_OPTIONS], options[2 * CLG_OPTIONS];
    clg_act_options(act_options, act);
    snprintf(options, sizeof options, "-DLOSS=%d %s -DTARGET=%d -DWEIGHTED=%d -DTAUGHT=%d",
             (int)loss->kind, act_options, (int)target, loss->class_weights != NULL,
             loss->teacher_z != NULL);
    return clg_args_begin(args, device, "loss", options, "loss_fwd");
}

clg_status clg_ocl_loss_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                            struct clg_buf *row_loss, const struct clg_buf *z,
                            const struct clg_buf *t, int B, int O, const struct clg_loss_spec *loss,
                            const struct clg_activation *act, enum clg_target target, double scale,
                            int mean)
{
    struct clg_args args;
    assert(clg_pair_exists(loss->kind, act->kind));
    assert(!loss->class_weights || (loss->norm && target == CLG_TARGET_CLASS));
    assert(!loss->teacher_z || loss->kind == CLG_CE);
    if (loss->class_weights)
        CLG_TRY(clg_ocl_weight_sum(device, loss->norm, loss->class_weights, t, B));
    CLG_TRY(begin_loss(&args, device, loss, act, target));
    clg_arg_buf(&args, y);
    clg_arg_buf(&args, dz);
    clg_arg_buf(&args, row_loss);
    clg_arg_buf(&args, z);
    clg_arg_buf(&args, t);
    if (loss->class_weights) {
        clg_arg_buf(&args, loss->class_weights);
        clg_arg_buf(&args, loss->norm);
        clg_arg_int(&args, mean);
    }
    if (loss->teacher_z) {
        clg_arg_buf(&args, loss->teacher_z);
        clg_arg_float(&args, loss->temperature);
        clg_arg_float(&args, loss->mix);
    }
    clg_arg_int(&args, B);
    clg_arg_int(&args, O);
    clg_arg_int(&args, act->pieces);
    clg_arg_int(&args, clg_stride(device, O));
    clg_arg_int(&args, clg_stride(device, O * act->pieces));
    clg_arg_float(&args, scale);
    clg_arg_float(&args, loss->delta);
    clg_arg_float(&args, 1 - loss->smoothing);
    clg_arg_float(&args, loss->smoothing / O);
    return clg_launch1(&args, (size_t)B, 0);
}

/* ---------------------------------------------------------------- figures */

clg_status clg_ocl_score(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
                         const struct clg_buf *row_loss, const struct clg_buf *y,
                         const struct clg_buf *t, int B, int O, enum clg_target target)
{
    struct clg_args args;
    char more[24];
    size_t group;
    snprintf(more, sizeof more, " -DTARGET=%d", (int)target);
    CLG_TRY(begin_reduce(&args, &group, device, more, "score"));
    clg_arg_buf(&args, stats);
    clg_arg_buf(&args, hits);
    clg_arg_buf(&args, row_loss);
    clg_arg_buf(&args, y);
    clg_arg_buf(&args, t);
    clg_arg_int(&args, B);
    clg_arg_int(&args, O);
    clg_arg_int(&args, clg_stride(device, O));
    return clg_launch1(&args, group, group);
}

/* scratch = partial sums of squares of x (n); returned as *groups, how many. */
static clg_status ocl_square_sums(clg_device *device, int *groups, struct clg_buf *partial,
                                  const struct clg_buf *params, size_t n)
{
    struct clg_args args;
    size_t group;
    size_t most = (n + SUM_PER_GROUP - 1) / SUM_PER_GROUP;
    *groups = most < CLG_PENALTY_SCRATCH ? (int)most : CLG_PENALTY_SCRATCH;
    CLG_TRY(begin_reduce(&args, &group, device, "", "square_sums"));
    clg_arg_buf(&args, partial);
    clg_arg_buf(&args, params);
    clg_arg_ulong(&args, n);
    return clg_launch1(&args, (size_t)*groups * group, group);
}

clg_status clg_ocl_penalty(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                           const struct clg_buf *params, size_t n, double factor)
{
    struct clg_args args;
    size_t group;
    int groups;
    CLG_TRY(ocl_square_sums(device, &groups, scratch, params, n));
    CLG_TRY(begin_reduce(&args, &group, device, "", "penalty_add"));
    clg_arg_buf(&args, stats);
    clg_arg_buf(&args, scratch);
    clg_arg_int(&args, groups);
    clg_arg_float(&args, factor);
    return clg_launch1(&args, group, group);
}

clg_status clg_ocl_square_sum(clg_device *device, struct clg_buf *out, struct clg_buf *scratch,
                              const struct clg_buf *x, size_t n, size_t at)
{
    struct clg_args args;
    size_t group;
    int groups;
    CLG_TRY(ocl_square_sums(device, &groups, scratch, x, n));
    CLG_TRY(begin_reduce(&args, &group, device, "", "square_total"));
    clg_arg_buf(&args, out);
    clg_arg_buf(&args, scratch);
    clg_arg_int(&args, groups);
    clg_arg_ulong(&args, at);
    return clg_launch1(&args, group, group);
}

clg_status clg_ocl_mark_alive(clg_device *device, struct clg_buf *alive, const struct clg_buf *y,
                              int B, int O)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "alive", "", "mark_alive"));
    clg_arg_buf(&args, alive);
    clg_arg_buf(&args, y);
    clg_arg_int(&args, B);
    clg_arg_int(&args, O);
    clg_arg_int(&args, clg_stride(device, O));
    return clg_launch1(&args, (size_t)O, 0);
}
