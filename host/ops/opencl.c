/* The OpenCL back end: one launcher a kernel, and the table of layer operations made of them.  An
 * operation is several plain launches here; fused forms are not in this file. */
#include "device/launch.h"
#include "device/program.h"
#include "ops/ops.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>

enum {
    PIECE = 16,           /* columns, or elements of a slab, that a work-item takes */
    GROUP_MOST = 256,     /* work-items in a group of the element-wise kernels */
    REDUCE_GROUP = 64,    /* at most, in reduce.cl */
    SUM_PER_GROUP = 16384 /* parameters that one group of square_sums takes, until there are many */
};

static size_t pieces(size_t n)
{
    return (n + PIECE - 1) / PIECE;
}

/* Launches over the pieces of each row of a matrix (rows,columns): groups as wide as the row, up to
 * GROUP_MOST, and of as many rows as then fit, within what kernel and device allow. */
static clg_status launch_matrix(struct clg_args *args, int rows, int columns)
{
    const size_t *items = args->device->max_items;
    size_t most = args->limits->max_group < GROUP_MOST ? args->limits->max_group : GROUP_MOST;
    size_t wide = pieces((size_t)columns), l0 = 1, l1 = 1;
    while (l0 < wide && 2 * l0 <= most && 2 * l0 <= items[0])
        l0 *= 2;
    while (l1 < (size_t)rows && 2 * l0 * l1 <= most && 2 * l1 <= items[1])
        l1 *= 2;
    return clg_launch2(args, wide, (size_t)rows, l0, l1);
}

/* ------------------------------------------------------------------- data */

static clg_status ocl_permute(clg_device *device, struct clg_buf *perm, size_t n, uint64_t seed,
                              uint32_t epoch)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "permute", "", "permute"));
    clg_arg_buf(&args, perm);
    clg_arg_ulong(&args, n);
    clg_arg_ulong(&args, seed);
    clg_arg_uint(&args, epoch);
    return clg_launch1(&args, n, 0);
}

static const char *gather_options(const struct clg_buf *perm)
{
    return perm ? "-DPERMUTED=1" : "-DPERMUTED=0";
}

static clg_status ocl_gather_bytes(clg_device *device, struct clg_buf *x,
                                   const struct clg_rows *data, const struct clg_buf *perm,
                                   size_t start, int B)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "gather", gather_options(perm), "gather_bytes"));
    clg_arg_buf(&args, x);
    clg_arg_buf(&args, &data->x);
    if (perm)
        clg_arg_buf(&args, perm);
    clg_arg_buf(&args, &data->scale);
    clg_arg_buf(&args, &data->shift);
    clg_arg_ulong(&args, start);
    clg_arg_int(&args, B);
    clg_arg_int(&args, data->features);
    clg_arg_int(&args, clg_stride(device, data->features));
    return launch_matrix(&args, B, data->features);
}

static clg_status ocl_gather_floats(clg_device *device, struct clg_buf *x,
                                    const struct clg_buf *data, const struct clg_buf *perm,
                                    size_t start, int B, int I)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "gather", gather_options(perm), "gather_floats"));
    clg_arg_buf(&args, x);
    clg_arg_buf(&args, data);
    if (perm)
        clg_arg_buf(&args, perm);
    clg_arg_ulong(&args, start);
    clg_arg_int(&args, B);
    clg_arg_int(&args, I);
    clg_arg_int(&args, clg_stride(device, I));
    return launch_matrix(&args, B, I);
}

static clg_status ocl_gather_labels(clg_device *device, struct clg_buf *t,
                                    const struct clg_buf *data, const struct clg_buf *perm,
                                    size_t start, int B)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "gather", gather_options(perm), "gather_labels"));
    clg_arg_buf(&args, t);
    clg_arg_buf(&args, data);
    if (perm)
        clg_arg_buf(&args, perm);
    clg_arg_ulong(&args, start);
    clg_arg_int(&args, B);
    return clg_launch1(&args, (size_t)B, 0);
}

static clg_status ocl_gather(clg_device *device, struct clg_buf *x, struct clg_buf *t,
                             const struct clg_rows *data, const struct clg_buf *perm, size_t start,
                             int B)
{
    assert(B > 0 && start + (size_t)B <= data->rows);
    if (data->x.elem == CLG_U8)
        CLG_TRY(ocl_gather_bytes(device, x, data, perm, start, B));
    else
        CLG_TRY(ocl_gather_floats(device, x, &data->x, perm, start, B, data->features));
    if (data->target == CLG_TARGET_CLASS)
        return ocl_gather_labels(device, t, &data->t, perm, start, B);
    return ocl_gather_floats(device, t, &data->t, perm, start, B, data->outputs);
}

/* --------------------------------------------------------------- products */

/* Under auto the products are ours until something has measured that CLBlast is faster. */
static clg_status matmul(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                         const struct clg_buf *B, int M, int N, int K, enum clg_form form)
{
    if (device->route == CLG_ROUTE_CLBLAST)
        return clg_matmul_clblast(device, C, A, B, M, N, K, form);
    return clg_matmul_native(device, C, A, B, M, N, K, form);
}

static clg_status ocl_bias_fwd(clg_device *device, struct clg_buf *z, const struct clg_buf *bias,
                               int B, int N)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "bias", "", "bias_fwd"));
    clg_arg_buf(&args, z);
    clg_arg_buf(&args, bias);
    clg_arg_int(&args, B);
    clg_arg_int(&args, N);
    clg_arg_int(&args, clg_stride(device, N));
    return launch_matrix(&args, B, N);
}

static clg_status ocl_bias_bwd(clg_device *device, struct clg_buf *db, const struct clg_buf *dz,
                               int B, int N)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "bias", "", "bias_bwd"));
    clg_arg_buf(&args, db);
    clg_arg_buf(&args, dz);
    clg_arg_int(&args, B);
    clg_arg_int(&args, N);
    clg_arg_int(&args, clg_stride(device, N));
    return clg_launch1(&args, pieces((size_t)N), 0);
}

/* ------------------------------------------------------------ activations */

static clg_status begin_act(struct clg_args *args, clg_device *device, enum clg_act act,
                            const char *name)
{
    char options[32];
    snprintf(options, sizeof options, "-DACT_KIND=%d", (int)act);
    return clg_args_begin(args, device, "activation", options, name);
}

/* y = f(z) of B rows of N; y may be z.  softmax works on rows, the others on elements. */
static clg_status ocl_act_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z, int B,
                              int N, enum clg_act act)
{
    struct clg_args args;
    CLG_TRY(begin_act(&args, device, act, act == CLG_SOFTMAX ? "softmax_fwd" : "act_fwd"));
    clg_arg_buf(&args, y);
    clg_arg_buf(&args, z);
    clg_arg_int(&args, B);
    clg_arg_int(&args, N);
    clg_arg_int(&args, clg_stride(device, N));
    return act == CLG_SOFTMAX ? clg_launch1(&args, (size_t)B, 0) : launch_matrix(&args, B, N);
}

static clg_status ocl_act_bwd(clg_device *device, struct clg_buf *dx, const struct clg_buf *y,
                              int B, int N, enum clg_act act)
{
    struct clg_args args;
    CLG_TRY(begin_act(&args, device, act, "act_bwd"));
    clg_arg_buf(&args, dx);
    clg_arg_buf(&args, y);
    clg_arg_int(&args, B);
    clg_arg_int(&args, N);
    clg_arg_int(&args, clg_stride(device, N));
    return launch_matrix(&args, B, N);
}

/* ----------------------------------------------------------------- layers */

static clg_status ocl_dense_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *x,
                                const struct clg_buf *W, const struct clg_buf *b, int B, int I,
                                int O, enum clg_act act)
{
    assert(act != CLG_SOFTMAX);
    CLG_TRY(matmul(device, y, x, W, B, O, I, CLG_NT));
    CLG_TRY(ocl_bias_fwd(device, y, b, B, O));
    return act == CLG_IDENTITY ? CLG_OK : ocl_act_fwd(device, y, y, B, O, act);
}

static clg_status ocl_output_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z,
                                 int B, int O, enum clg_act act)
{
    if (act == CLG_IDENTITY && y->mem == z->mem)
        return CLG_OK;
    return ocl_act_fwd(device, y, z, B, O, act);
}

static clg_status ocl_delta_bwd(clg_device *device, struct clg_buf *dx, const struct clg_buf *dz,
                                const struct clg_buf *W, const struct clg_buf *y, int B, int I,
                                int O, enum clg_act act)
{
    assert(act != CLG_SOFTMAX);
    CLG_TRY(matmul(device, dx, dz, W, B, I, O, CLG_NN));
    return act == CLG_IDENTITY ? CLG_OK : ocl_act_bwd(device, dx, y, B, I, act);
}

static clg_status ocl_grad(clg_device *device, struct clg_buf *dW, struct clg_buf *db,
                           const struct clg_buf *dz, const struct clg_buf *x, int B, int I, int O)
{
    CLG_TRY(matmul(device, dW, dz, x, O, I, B, CLG_TN));
    return ocl_bias_bwd(device, db, dz, B, O);
}

/* ---------------------------------------------------------- loss, figures */

static clg_status ocl_loss_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                               struct clg_buf *row_loss, const struct clg_buf *z,
                               const struct clg_buf *t, int B, int O, enum clg_loss loss,
                               enum clg_act act, enum clg_target target, double scale)
{
    struct clg_args args;
    char options[64];
    assert(clg_pair_exists(loss, act));
    snprintf(options, sizeof options, "-DLOSS=%d -DACT_KIND=%d -DTARGET=%d", (int)loss, (int)act,
             (int)target);
    CLG_TRY(clg_args_begin(&args, device, "loss", options, "loss_fwd"));
    clg_arg_buf(&args, y);
    clg_arg_buf(&args, dz);
    clg_arg_buf(&args, row_loss);
    clg_arg_buf(&args, z);
    clg_arg_buf(&args, t);
    clg_arg_int(&args, B);
    clg_arg_int(&args, O);
    clg_arg_int(&args, clg_stride(device, O));
    clg_arg_float(&args, scale);
    return clg_launch1(&args, (size_t)B, 0);
}

/* Takes a kernel of reduce.cl, made for a work-group that the device takes and the kernel itself:
 * the largest power of two there is, up to REDUCE_GROUP. */
static clg_status begin_reduce(struct clg_args *args, size_t *group, clg_device *device,
                               const char *more, const char *name)
{
    char options[64];
    for (*group = REDUCE_GROUP;; *group /= 2) {
        if (*group > 1 && (*group > device->max_group || *group > device->max_items[0]))
            continue;
        snprintf(options, sizeof options, "-DGROUP=%zu%s", *group, more);
        CLG_TRY(clg_args_begin(args, device, "reduce", options, name));
        if (*group == 1 || *group <= args->limits->max_group)
            return CLG_OK;
    }
}

static clg_status ocl_score(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
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

static clg_status ocl_square_sums(clg_device *device, struct clg_buf *partial,
                                  const struct clg_buf *params, size_t n, size_t groups)
{
    struct clg_args args;
    size_t group;
    CLG_TRY(begin_reduce(&args, &group, device, "", "square_sums"));
    clg_arg_buf(&args, partial);
    clg_arg_buf(&args, params);
    clg_arg_ulong(&args, n);
    return clg_launch1(&args, groups * group, group);
}

static clg_status ocl_penalty(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                              const struct clg_buf *params, size_t n, double factor)
{
    struct clg_args args;
    size_t group, groups = (n + SUM_PER_GROUP - 1) / SUM_PER_GROUP;
    if (groups > CLG_PENALTY_SCRATCH)
        groups = CLG_PENALTY_SCRATCH;
    CLG_TRY(ocl_square_sums(device, scratch, params, n, groups));
    CLG_TRY(begin_reduce(&args, &group, device, "", "penalty_add"));
    clg_arg_buf(&args, stats);
    clg_arg_buf(&args, scratch);
    clg_arg_int(&args, (int)groups);
    clg_arg_float(&args, factor);
    return clg_launch1(&args, group, group);
}

/* ----------------------------------------------------------------- update */

static clg_status ocl_update_sgd(clg_device *device, struct clg_buf *params,
                                 const struct clg_buf *grads, size_t n, size_t n_weights,
                                 const struct clg_update *u)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "update", "", "update_sgd"));
    clg_arg_buf(&args, params);
    clg_arg_buf(&args, grads);
    clg_arg_ulong(&args, n);
    clg_arg_ulong(&args, n_weights);
    clg_arg_float(&args, u->lr);
    clg_arg_float(&args, u->l2);
    return clg_launch1(&args, pieces(n), 0);
}

static clg_status ocl_update_momentum(clg_device *device, struct clg_buf *params, struct clg_buf *v,
                                      const struct clg_buf *grads, size_t n, size_t n_weights,
                                      const struct clg_update *u)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "update", "", "update_momentum"));
    clg_arg_buf(&args, params);
    clg_arg_buf(&args, v);
    clg_arg_buf(&args, grads);
    clg_arg_ulong(&args, n);
    clg_arg_ulong(&args, n_weights);
    clg_arg_float(&args, u->lr);
    clg_arg_float(&args, u->l2);
    clg_arg_float(&args, u->momentum);
    return clg_launch1(&args, pieces(n), 0);
}

/* What depends on the step alone is computed here in double.  eps is kept at a normal float: as 0
 * it would make 0/0 of a parameter that never had a gradient, the padding for one. */
static clg_status ocl_update_adam(clg_device *device, struct clg_buf *params, struct clg_buf *m,
                                  struct clg_buf *v, const struct clg_buf *grads, size_t n,
                                  size_t n_weights, const struct clg_update *u)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "update", "", "update_adam"));
    clg_arg_buf(&args, params);
    clg_arg_buf(&args, m);
    clg_arg_buf(&args, v);
    clg_arg_buf(&args, grads);
    clg_arg_ulong(&args, n);
    clg_arg_ulong(&args, n_weights);
    clg_arg_float(&args, u->lr / (1 - pow(u->beta1, (double)u->t)));
    clg_arg_float(&args, u->l2);
    clg_arg_float(&args, u->beta1);
    clg_arg_float(&args, 1 - u->beta1);
    clg_arg_float(&args, u->beta2);
    clg_arg_float(&args, 1 - u->beta2);
    clg_arg_float(&args, 1 / sqrt(1 - pow(u->beta2, (double)u->t)));
    clg_arg_float(&args, fmax(u->eps, FLT_MIN));
    return clg_launch1(&args, pieces(n), 0);
}

static clg_status ocl_update(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                             struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                             size_t n_weights, const struct clg_update *u)
{
    assert(u->t >= 1);
    switch (u->opt) {
    case CLG_SGD:
        return ocl_update_sgd(device, params, grads, n, n_weights, u);
    case CLG_MOMENTUM:
        return ocl_update_momentum(device, params, slot0, grads, n, n_weights, u);
    default:
        assert(u->opt == CLG_ADAM);
        return ocl_update_adam(device, params, slot0, slot1, grads, n, n_weights, u);
    }
}

const struct clg_ops clg_ops_opencl = {
    .name = "opencl",
    .permute = ocl_permute,
    .gather = ocl_gather,
    .dense_fwd = ocl_dense_fwd,
    .output_fwd = ocl_output_fwd,
    .loss_fwd = ocl_loss_fwd,
    .score = ocl_score,
    .penalty = ocl_penalty,
    .delta_bwd = ocl_delta_bwd,
    .grad = ocl_grad,
    .update = ocl_update,
};
