/* The OpenCL back end: one launcher a kernel, and the table of layer operations made of them.  Here
 * are data, products, activations and layers; losses and figures are in opencl_loss.c, optimisers
 * in opencl_update.c.  An operation is several plain launches; the fused ones are in fused*.c. */
#include "ops/fused.h"

#include "core/rng.h"
#include "device/program.h"
#include "ops/routes.h"
#include "ops/span.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { GROUP_MOST = 256 }; /* work-items in a group of the element-wise kernels */

/* Launches over the pieces of each row of a matrix (rows,columns): groups as wide as the row, up to
 * GROUP_MOST, and of as many rows as then fit, within what kernel and device allow. */
static clg_status launch_matrix(struct clg_args *args, int rows, int columns)
{
    const size_t *items = args->device->max_items;
    size_t most = args->limits->max_group < GROUP_MOST ? args->limits->max_group : GROUP_MOST;
    size_t wide = clg_pieces((size_t)columns), l0 = 1, l1 = 1;
    while (l0 < wide && 2 * l0 <= most && 2 * l0 <= items[0])
        l0 *= 2;
    while (l1 < (size_t)rows && 2 * l0 * l1 <= most && 2 * l1 <= items[1])
        l1 *= 2;
    return clg_launch2(args, wide, (size_t)rows, l0, l1);
}

/* ------------------------------------------------------------------- data */

enum { PERMUTE_SHARE = 64 }; /* SHARE of permute.cl */

static clg_status ocl_permute(clg_device *device, struct clg_buf *perm, size_t n, uint64_t seed,
                              uint32_t epoch)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "permute", "", "permute"));
    clg_arg_buf(&args, perm);
    clg_arg_ulong(&args, n);
    clg_arg_ulong(&args, seed);
    clg_arg_uint(&args, epoch);
    return clg_launch1(&args, (n + PERMUTE_SHARE - 1) / PERMUTE_SHARE, 0);
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
    if (!t)
        return CLG_OK;
    if (data->target == CLG_TARGET_CLASS)
        return ocl_gather_labels(device, t, &data->t, perm, start, B);
    return ocl_gather_floats(device, t, &data->t, perm, start, B, data->outputs);
}

/* --------------------------------------------------------------- products */

/* The way is chosen by what the user asks, by the device, and by what is known to be wrong there. */
static clg_status matmul(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                         const struct clg_buf *B, int M, int N, int K, enum clg_form form)
{
    enum clg_way way = clg_way_for(device, form, M, N, K);
    if (way == CLG_WAY_CLBLAST)
        return clg_matmul_clblast(device, C, A, B, M, N, K, form);
    return clg_matmul_native_body(device, C, A, B, M, N, K, form,
                                  way == CLG_WAY_LOCAL ? CLG_BODY_LOCAL : CLG_BODY_REGISTER);
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
    return clg_launch1(&args, clg_pieces((size_t)N), 0);
}

/* ------------------------------------------------------------ activations */

static void name_act(char options[CLG_OPTIONS], const char *prefix,
                     const struct clg_activation *act)
{
    const cl_float a = (cl_float)act->a;
    cl_uint bits;
    memcpy(&bits, &a, sizeof bits);
    if (act->kind == CLG_LEAKY_RELU || act->kind == CLG_ELU)
        snprintf(options, CLG_OPTIONS, "-D%s_KIND=%d -D%s_A_BITS=0x%08xu", prefix, (int)act->kind,
                 prefix, (unsigned)bits);
    else
        snprintf(options, CLG_OPTIONS, "-D%s_KIND=%d", prefix, (int)act->kind);
}

void clg_act_options(char options[CLG_OPTIONS], const struct clg_activation *act)
{
    name_act(options, "ACT", act);
}

void clg_front_options(char options[CLG_OPTIONS], const struct clg_activation *act)
{
    name_act(options, "FRONT", act);
}

static clg_status begin_act(struct clg_args *args, clg_device *device,
                            const struct clg_activation *act, const char *name)
{
    char options[CLG_OPTIONS];
    clg_act_options(options, act);
    return clg_args_begin(args, device, "activation", options, name);
}

static clg_status ocl_maxout_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z,
                                 int B, int N, const struct clg_activation *act)
{
    struct clg_args args;
    CLG_TRY(begin_act(&args, device, act, "maxout_fwd"));
    clg_arg_buf(&args, y);
    clg_arg_buf(&args, z);
    clg_arg_int(&args, B);
    clg_arg_int(&args, N);
    clg_arg_int(&args, act->pieces);
    clg_arg_int(&args, clg_stride(device, N));
    clg_arg_int(&args, clg_stride(device, N * act->pieces));
    return launch_matrix(&args, B, N);
}

static clg_status ocl_maxout_bwd(clg_device *device, struct clg_buf *dx, const struct clg_buf *dy,
                                 const struct clg_buf *z, int B, int N,
                                 const struct clg_activation *act)
{
    struct clg_args args;
    CLG_TRY(begin_act(&args, device, act, "maxout_bwd"));
    clg_arg_buf(&args, dx);
    clg_arg_buf(&args, dy);
    clg_arg_buf(&args, z);
    clg_arg_int(&args, B);
    clg_arg_int(&args, N);
    clg_arg_int(&args, act->pieces);
    clg_arg_int(&args, clg_stride(device, N * act->pieces));
    clg_arg_int(&args, clg_stride(device, N));
    return launch_matrix(&args, B, N);
}

/* y = f(z) of B rows of N; y may be z unless act is maxout.  softmax works on rows, the others on
 * elements. */
static clg_status ocl_act_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z, int B,
                              int N, const struct clg_activation *act)
{
    struct clg_args args;
    const int softmax = act->kind == CLG_SOFTMAX;
    if (act->kind == CLG_MAXOUT)
        return ocl_maxout_fwd(device, y, z, B, N, act);
    CLG_TRY(begin_act(&args, device, act, softmax ? "softmax_fwd" : "act_fwd"));
    clg_arg_buf(&args, y);
    clg_arg_buf(&args, z);
    clg_arg_int(&args, B);
    clg_arg_int(&args, N);
    clg_arg_int(&args, clg_stride(device, N));
    return softmax ? clg_launch1(&args, (size_t)B, 0) : launch_matrix(&args, B, N);
}

/* dx *= f', from what is kept: y, or z where clg_act_keeps_z. */
static clg_status ocl_act_bwd(clg_device *device, struct clg_buf *dx, const struct clg_buf *kept,
                              int B, int N, const struct clg_activation *act)
{
    struct clg_args args;
    CLG_TRY(begin_act(&args, device, act, "act_bwd"));
    clg_arg_buf(&args, dx);
    clg_arg_buf(&args, kept);
    clg_arg_int(&args, B);
    clg_arg_int(&args, N);
    clg_arg_int(&args, clg_stride(device, N));
    return launch_matrix(&args, B, N);
}

/* y = x where the mask keeps it, over 1 - p; y may be x. */
static clg_status ocl_dropout_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *x,
                                  int B, int N, const struct clg_dropout *drop)
{
    struct clg_args args;
    assert(drop->p >= 0 && drop->p < 1);
    CLG_TRY(clg_args_begin(&args, device, "dropout", "", "dropout_fwd"));
    clg_arg_buf(&args, y);
    clg_arg_buf(&args, x);
    clg_arg_int(&args, B);
    clg_arg_int(&args, N);
    clg_arg_int(&args, clg_stride(device, N));
    clg_arg_ulong(&args, drop->seed);
    clg_arg_uint(&args, CLG_STREAM_DROPOUT + (drop->layer << 8));
    clg_arg_uint(&args, drop->step);
    clg_arg_uint(&args, (uint32_t)(drop->p * 4294967296.0));
    clg_arg_float(&args, 1 / (1 - drop->p));
    return launch_matrix(&args, B, N);
}

/* ----------------------------------------------------------------- layers */

static clg_status ocl_dense_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *z,
                                const struct clg_buf *x, const struct clg_buf *W,
                                const struct clg_buf *b, int B, int I, int O,
                                const struct clg_activation *act)
{
    struct clg_buf *sum = z ? z : y;
    const int rows = O * act->pieces;
    assert(act->kind != CLG_SOFTMAX && !z == !clg_act_keeps_z(act->kind));
    CLG_TRY(matmul(device, sum, x, W, B, rows, I, CLG_NN));
    CLG_TRY(ocl_bias_fwd(device, sum, b, B, rows));
    return act->kind == CLG_IDENTITY ? CLG_OK : ocl_act_fwd(device, y, sum, B, O, act);
}

static clg_status ocl_output_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z,
                                 int B, int O, const struct clg_activation *act)
{
    if (act->kind == CLG_IDENTITY && y->mem == z->mem)
        return CLG_OK;
    return ocl_act_fwd(device, y, z, B, O, act);
}

/* maxout of one piece is the identity; of more, dx is wider than the product, which goes to dy. */
static clg_status ocl_delta_bwd(clg_device *device, struct clg_buf *dx, struct clg_buf *dy,
                                const struct clg_buf *dz, const struct clg_buf *W,
                                const struct clg_buf *y, const struct clg_buf *z, int B, int I,
                                int O, const struct clg_activation *act,
                                const struct clg_dropout *drop)
{
    struct clg_buf *product = act->pieces > 1 ? dy : dx;
    assert(act->kind != CLG_SOFTMAX && !z == !clg_act_keeps_z(act->kind));
    CLG_TRY(matmul(device, product, dz, W, B, I, O, CLG_NT));
    if (drop)
        CLG_TRY(ocl_dropout_fwd(device, product, product, B, I, drop));
    if (act->pieces > 1)
        return ocl_maxout_bwd(device, dx, dy, z, B, I, act);
    if (act->kind == CLG_IDENTITY || act->kind == CLG_MAXOUT)
        return CLG_OK;
    return ocl_act_bwd(device, dx, z ? z : y, B, I, act);
}

static clg_status ocl_grad(clg_device *device, struct clg_buf *dW, struct clg_buf *db,
                           const struct clg_buf *dz, const struct clg_buf *x, int B, int I, int O)
{
    CLG_TRY(matmul(device, dW, x, dz, I, O, B, CLG_TN));
    return ocl_bias_bwd(device, db, dz, B, O);
}

const struct clg_ops clg_ops_opencl = {
    .name = "opencl",
    .permute = ocl_permute,
    .gather = ocl_gather,
    .dense_fwd = ocl_dense_fwd,
    .output_fwd = ocl_output_fwd,
    .dropout_fwd = ocl_dropout_fwd,
    .loss_fwd = clg_ocl_loss_fwd,
    .score = clg_ocl_score,
    .penalty = clg_ocl_penalty,
    .delta_bwd = ocl_delta_bwd,
    .grad = ocl_grad,
    .square_sum = clg_ocl_square_sum,
    .clip = clg_ocl_clip,
    .mark_alive = clg_ocl_mark_alive,
    .update = clg_ocl_update,
    .fused_create = clg_fused_create,
    .fused_destroy = clg_fused_destroy,
    .fused_fwd = clg_fused_fwd,
    .fused_head = clg_fused_head,
    .fused_delta = clg_fused_delta,
    .fused_learn = clg_fused_learn,
    .fused_strips = clg_fused_strips,
    .span = clg_ocl_span,
};
