/* The kernels against the host that launches them: of every launch of every layer operation, each
 * argument's name, type and order as the driver knows them, and what was pushed for it; and that
 * every kernel there is was built and launched.  What they compute is not tested here. */
#include "core/rng.h"
#include "device/launch.h"
#include "device/program.h"
#include "harness.h"
#include "kernels/launches.h"
#include "ops/ops.h"
#include "ops/span.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static clg_device *device;
static const struct clg_ops *ops = &clg_ops_opencl;

/* ---------------------------------------------------------------- test data */

static void make(struct clg_buf *buf, enum clg_elem elem, size_t count)
{
    struct clg_plan plan;
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, buf, elem, count, "test data"));
    ck_ok(clg_plan_commit(&plan));
}

static size_t matrix_count(int rows, int columns)
{
    return (size_t)clg_height(device, rows) * (size_t)clg_stride(device, columns);
}

static void make_matrix(struct clg_buf *buf, int rows, int columns)
{
    make(buf, CLG_REAL, matrix_count(rows, columns));
}

/* The sizes of the launches whose arguments are looked at: all different, and so are the strides.
 */
enum { B = 3, I = 21, O = 37, PIECES = 3, ROWS = 9, UNITS = PIECES * O };

struct tensors {
    struct clg_buf x, W, b, y, z, dx, dy, dz, dW, db, row_loss, stats, hits, scratch, labels,
        values;
    struct clg_buf perm, slot0, slot1, class_weights, norm, teacher, alive;
    struct clg_buf wide_x, wide_W, wide_b; /* of PIECES pieces; wide_x is a z and a dz of I */
    struct clg_rows rows;                  /* bytes and classes */
    struct clg_rows reals;
};
static struct tensors t;

static void tensors_make(void)
{
    memset(&t, 0, sizeof t);
    make_matrix(&t.x, B, I);
    make_matrix(&t.W, I, O); /* weights lie transposed */
    make(&t.b, CLG_REAL, O);
    make_matrix(&t.y, B, O);
    make_matrix(&t.z, B, UNITS);
    make_matrix(&t.dx, B, PIECES * I);
    make_matrix(&t.dy, B, I);
    make_matrix(&t.dz, B, UNITS);
    make_matrix(&t.teacher, B, O);
    make_matrix(&t.wide_x, B, PIECES * I);
    make_matrix(&t.wide_W, I, UNITS);
    make(&t.wide_b, CLG_REAL, UNITS);
    make(&t.class_weights, CLG_REAL, O);
    make(&t.norm, CLG_REAL, 1);
    make(&t.alive, CLG_I32, O);
    make_matrix(&t.dW, I, O);
    make(&t.db, CLG_REAL, O);
    make(&t.row_loss, CLG_REAL, B);
    make(&t.stats, CLG_REAL, CLG_STATS);
    make(&t.hits, CLG_I32, 1);
    make(&t.scratch, CLG_REAL, CLG_PENALTY_SCRATCH);
    make(&t.labels, CLG_I32, B);
    make_matrix(&t.values, B, O);
    make(&t.perm, CLG_I32, ROWS);
    make(&t.slot0, CLG_REAL, t.W.count);
    make(&t.slot1, CLG_REAL, t.W.count);
    t.rows =
        (struct clg_rows){.rows = ROWS, .features = I, .outputs = O, .target = CLG_TARGET_CLASS};
    t.reals = t.rows;
    t.reals.target = CLG_TARGET_VALUE;
    make(&t.rows.x, CLG_U8, (size_t)ROWS * I);
    make(&t.rows.t, CLG_I32, ROWS);
    make(&t.rows.scale, CLG_REAL, I);
    make(&t.rows.shift, CLG_REAL, I);
    make(&t.reals.x, CLG_REAL, (size_t)ROWS * I);
    make(&t.reals.t, CLG_REAL, (size_t)ROWS * O);
}

static void tensors_release(void)
{
    struct clg_buf *all[] = {&t.x,        &t.W,       &t.b,      &t.y,          &t.z,
                             &t.dx,       &t.dy,      &t.dz,     &t.dW,         &t.db,
                             &t.row_loss, &t.stats,   &t.hits,   &t.scratch,    &t.labels,
                             &t.values,   &t.perm,    &t.slot0,  &t.slot1,      &t.class_weights,
                             &t.norm,     &t.teacher, &t.alive,  &t.wide_x,     &t.wide_W,
                             &t.wide_b,   &t.rows.x,  &t.rows.t, &t.rows.scale, &t.rows.shift,
                             &t.reals.x,  &t.reals.t};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        clg_buf_release(all[i]);
    uint64_t bytes;
    int buffers;
    clg_device_usage(device, &bytes, &buffers);
    ck_assert_int_eq(buffers, 0);
}

/* --------------------------------------------------------------- arguments */

static void data_arguments(void)
{
    const int ldx = clg_stride(device, I), ldt = clg_stride(device, O);
    WANT("permute", "perm n seed epoch", LIST(&t.perm), LIST(ROWS, 77, 5));
    EXPECT(ops->permute(device, &t.perm, ROWS, 77, 5));
    WANT("gather_bytes", "x data perm scale shift start B I ldx",
         LIST(&t.x, &t.rows.x, &t.perm, &t.rows.scale, &t.rows.shift), LIST(4, B, I, ldx));
    WANT("gather_labels", "t data perm start B", LIST(&t.labels, &t.rows.t, &t.perm), LIST(4, B));
    EXPECT(ops->gather(device, &t.x, &t.labels, &t.rows, &t.perm, 4, B));
    WANT("gather_bytes", "x data scale shift start B I ldx",
         LIST(&t.x, &t.rows.x, &t.rows.scale, &t.rows.shift), LIST(4, B, I, ldx));
    WANT("gather_labels", "t data start B", LIST(&t.labels, &t.rows.t), LIST(4, B));
    EXPECT(ops->gather(device, &t.x, &t.labels, &t.rows, NULL, 4, B));
    WANT("gather_floats", "x data perm start B I ldx", LIST(&t.x, &t.reals.x, &t.perm),
         LIST(4, B, I, ldx));
    WANT("gather_floats", "x data perm start B I ldx", LIST(&t.values, &t.reals.t, &t.perm),
         LIST(4, B, O, ldt));
    EXPECT(ops->gather(device, &t.x, &t.values, &t.reals, &t.perm, 4, B));
    WANT("gather_floats", "x data start B I ldx", LIST(&t.x, &t.reals.x), LIST(4, B, I, ldx));
    WANT("gather_floats", "x data start B I ldx", LIST(&t.values, &t.reals.t), LIST(4, B, O, ldt));
    EXPECT(ops->gather(device, &t.x, &t.values, &t.reals, NULL, 4, B));
}

/* Activation `kind`, with a number where it takes one. */
static struct clg_activation activation(int kind)
{
    return (struct clg_activation){(enum clg_act)kind, 0.25, kind == CLG_MAXOUT ? PIECES : 1};
}

static const char product_names[] = "C A B M N K ldc lda ldb";
static const char dropout_names[] = "y x B N ldx seed stream turn threshold scale";

static void dense_arguments(const struct clg_activation *act)
{
    const int maxout = act->kind == CLG_MAXOUT, rows = O * act->pieces;
    const int in = clg_stride(device, I), out = clg_stride(device, O);
    const int wide = clg_stride(device, rows);
    const struct clg_buf *W = maxout ? &t.wide_W : &t.W, *b = maxout ? &t.wide_b : &t.b;
    struct clg_buf *z = clg_act_keeps_z(act->kind) ? &t.z : NULL, *sum = z ? z : &t.y;
    WANT("matmul_nn", product_names, LIST(sum, &t.x, W), LIST(B, rows, I, wide, in, wide));
    WANT("bias_fwd", "z bias B N ldz", LIST(sum, b), LIST(B, rows, wide));
    if (maxout)
        WANT("maxout_fwd", "y z B N pieces ldy ldz", LIST(&t.y, z), LIST(B, O, PIECES, out, wide));
    else if (act->kind != CLG_IDENTITY)
        WANT("act_fwd", "y z B N ldz", LIST(&t.y, sum), LIST(B, O, out));
    EXPECT(ops->dense_fwd(device, &t.y, z, &t.x, W, b, B, I, O, act));
}

static void delta_arguments(const struct clg_activation *act, const struct clg_dropout *drop)
{
    const int wide = clg_stride(device, PIECES * I);
    const int in = clg_stride(device, I), out = clg_stride(device, O);
    const struct clg_buf *z = clg_act_keeps_z(act->kind) ? &t.wide_x : NULL;
    const struct clg_buf *product = act->pieces > 1 ? &t.dy : &t.dx;
    WANT("matmul_nt", product_names, LIST(product, &t.dz, &t.W), LIST(B, I, O, in, out, out));
    if (drop)
        WANT("dropout_fwd", dropout_names, LIST(product, product),
             LIST(B, I, in, 77, CLG_STREAM_DROPOUT + 512, 5, 1u << 30, 1 / 0.75));
    if (act->pieces > 1)
        WANT("maxout_bwd", "dx dy z B N pieces ldx ldy", LIST(&t.dx, &t.dy, z),
             LIST(B, I, PIECES, wide, in));
    else if (act->kind != CLG_IDENTITY && act->kind != CLG_MAXOUT)
        WANT("act_bwd", "dx kept B N ldx", LIST(&t.dx, z ? z : &t.x), LIST(B, I, in));
    EXPECT(ops->delta_bwd(device, &t.dx, act->pieces > 1 ? &t.dy : NULL, &t.dz, &t.W, &t.x, z, B, I,
                          O, act, drop));
}

static void layer_arguments(void)
{
    const struct clg_dropout drop = {0.25, 77, 2, 5};
    const struct clg_activation single = {CLG_MAXOUT, 0, 1};
    const int in = clg_stride(device, I), out = clg_stride(device, O);
    for (int kind = 0; kind < CLG_ACTS; kind++) {
        const struct clg_activation act = activation(kind);
        if (kind == CLG_SOFTMAX)
            continue;
        dense_arguments(&act);
        delta_arguments(&act, NULL);
        delta_arguments(&act, &drop);
    }
    delta_arguments(&single, NULL);
    WANT("matmul_tn", product_names, LIST(&t.dW, &t.x, &t.dz), LIST(I, O, B, out, in, out));
    WANT("bias_bwd", "db dz B N ldz", LIST(&t.db, &t.dz), LIST(B, O, out));
    EXPECT(ops->grad(device, &t.dW, &t.db, &t.dz, &t.x, B, I, O));
    WANT("dropout_fwd", dropout_names, LIST(&t.y, &t.values),
         LIST(B, O, out, 77, CLG_STREAM_DROPOUT + 512, 5, 1u << 30, 1 / 0.75));
    EXPECT(ops->dropout_fwd(device, &t.y, &t.values, B, O, &drop));
}

static void output_arguments(void)
{
    const int out = clg_stride(device, O), wide = clg_stride(device, UNITS);
    const struct clg_activation identity = activation(CLG_IDENTITY);
    for (int kind = 0; kind < CLG_ACTS; kind++) {
        const struct clg_activation act = activation(kind);
        if (kind == CLG_MAXOUT)
            WANT("maxout_fwd", "y z B N pieces ldy ldz", LIST(&t.y, &t.z),
                 LIST(B, O, PIECES, out, wide));
        else
            WANT(kind == CLG_SOFTMAX ? "softmax_fwd" : "act_fwd", "y z B N ldz", LIST(&t.y, &t.z),
                 LIST(B, O, out));
        EXPECT(ops->output_fwd(device, &t.y, &t.z, B, O, &act));
    }
    EXPECT(ops->output_fwd(device, &t.y, &t.y, B, O, &identity)); /* nothing to do */
}

/* What loss_fwd ends with: B O pieces ldy ldz scale delta keep share. */
#define LOSS_NUMBERS                                                                               \
    B, O, act->pieces, clg_stride(device, O), clg_stride(device, O * act->pieces), 0.25, 0.5,      \
        0.75, 0.25 / O
#define LOSS_NAMES "B O pieces ldy ldz scale delta keep share"

static void one_loss(const struct clg_loss_spec *loss, const struct clg_activation *act, int kind)
{
    const struct clg_buf *target = kind == CLG_TARGET_CLASS ? &t.labels : &t.values;
    if (loss->class_weights)
        WANT("weight_sum", "norm class_weights t B", LIST(&t.norm, &t.class_weights, &t.labels),
             LIST(B));
    if (loss->class_weights && loss->teacher_z)
        WANT("loss_fwd",
             "y dz row_loss z t class_weights norm mean teacher temperature blend " LOSS_NAMES,
             LIST(&t.y, &t.dz, &t.row_loss, &t.z, target, &t.class_weights, &t.norm, &t.teacher),
             LIST(1, 4, 0.125, LOSS_NUMBERS));
    else if (loss->class_weights)
        WANT("loss_fwd", "y dz row_loss z t class_weights norm mean " LOSS_NAMES,
             LIST(&t.y, &t.dz, &t.row_loss, &t.z, target, &t.class_weights, &t.norm),
             LIST(1, LOSS_NUMBERS));
    else if (loss->teacher_z)
        WANT("loss_fwd", "y dz row_loss z t teacher temperature blend " LOSS_NAMES,
             LIST(&t.y, &t.dz, &t.row_loss, &t.z, target, &t.teacher),
             LIST(4, 0.125, LOSS_NUMBERS));
    else
        WANT("loss_fwd", "y dz row_loss z t " LOSS_NAMES,
             LIST(&t.y, &t.dz, &t.row_loss, &t.z, target), LIST(LOSS_NUMBERS));
    EXPECT(ops->loss_fwd(device, &t.y, &t.dz, &t.row_loss, &t.z, target, B, O, loss, act,
                         (enum clg_target)kind, 0.25, 1));
}

/* Each pair with each kind of target, without and with weights; ce also with a teacher. */
static void pair_arguments(int loss_kind, int act_kind)
{
    const struct clg_activation act = activation(act_kind);
    struct clg_loss_spec loss = {.kind = (enum clg_loss)loss_kind,
                                 .delta = 0.5,
                                 .smoothing = 0.25,
                                 .norm = &t.norm,
                                 .temperature = 4,
                                 .mix = 0.125};
    for (int taught = 0; taught <= (loss_kind == CLG_CE); taught++) {
        loss.teacher_z = taught ? &t.teacher : NULL;
        loss.class_weights = NULL;
        one_loss(&loss, &act, CLG_TARGET_VALUE);
        one_loss(&loss, &act, CLG_TARGET_CLASS);
        loss.class_weights = &t.class_weights;
        one_loss(&loss, &act, CLG_TARGET_CLASS);
    }
}

static void loss_arguments(void)
{
    for (int loss = 0; loss < CLG_LOSSES; loss++)
        for (int act = 0; act < CLG_ACTS; act++)
            if (clg_pair_exists((enum clg_loss)loss, (enum clg_act)act))
                pair_arguments(loss, act);
}

static void figure_arguments(void)
{
    const int ldy = clg_stride(device, O);
    for (int kind = 0; kind < 2; kind++) {
        const struct clg_buf *target = kind == CLG_TARGET_CLASS ? &t.labels : &t.values;
        WANT("score", "stats hits row_loss y t B O ldy",
             LIST(&t.stats, &t.hits, &t.row_loss, &t.y, target), LIST(B, O, ldy));
        EXPECT(ops->score(device, &t.stats, &t.hits, &t.row_loss, &t.y, target, B, O,
                          (enum clg_target)kind));
    }
    WANT("square_sums", "partial params n", LIST(&t.scratch, &t.W), LIST((double)t.W.count));
    WANT("penalty_add", "stats partial count factor", LIST(&t.stats, &t.scratch), LIST(1, 0.5));
    EXPECT(ops->penalty(device, &t.stats, &t.scratch, &t.W, t.W.count, 0.5));
    WANT("square_sums", "partial params n", LIST(&t.scratch, &t.W), LIST((double)t.W.count));
    WANT("square_total", "out partial count at", LIST(&t.stats, &t.scratch), LIST(1, 3));
    EXPECT(ops->square_sum(device, &t.stats, &t.scratch, &t.W, t.W.count, 3));
    WANT("mark_alive", "alive y B N ldy", LIST(&t.alive, &t.y), LIST(B, O, ldy));
    EXPECT(ops->mark_alive(device, &t.alive, &t.y, B, O));
}

/* The step of u on t.W with its slots, 20 of n being weights. */
static clg_status update(const struct clg_update *u)
{
    int slots = clg_opt_slots(u->opt);
    return ops->update(device, &t.W, slots > 0 ? &t.slot0 : NULL, slots > 1 ? &t.slot1 : NULL,
                       &t.dW, t.W.count, 20, u);
}

#define STEP_NAMES "grads n n_weights lr l2"
#define ADAM_NAMES "params m v grads n n_weights rate l2 beta1 rest1 beta2 rest2 root eps"
#define STEP_NUMBERS (double)t.W.count, 20, 0.25, 0.125
#define ADAM_NUMBERS                                                                               \
    (double)t.W.count, 20, 0.25 / (1 - 0.75 * 0.75), 0.125, 0.75, 0.25, 0.875, 0.125,              \
        1 / sqrt(1 - 0.875 * 0.875), 0.0625

static void update_arguments(void)
{
    struct clg_update u = {CLG_SGD, 0.25, 0.125, 0.5, 0.75, 0.875, 0.375, 0.0625, 0.03125, 2};
    WANT("update_sgd", "params " STEP_NAMES, LIST(&t.W, &t.dW), LIST(STEP_NUMBERS));
    EXPECT(update(&u));
    u.opt = CLG_MOMENTUM;
    WANT("update_momentum", "params v " STEP_NAMES " momentum", LIST(&t.W, &t.slot0, &t.dW),
         LIST(STEP_NUMBERS, 0.5));
    EXPECT(update(&u));
    u.opt = CLG_NESTEROV;
    WANT("update_nesterov", "params v " STEP_NAMES " momentum", LIST(&t.W, &t.slot0, &t.dW),
         LIST(STEP_NUMBERS, 0.5));
    EXPECT(update(&u));
    u.opt = CLG_ADAGRAD;
    WANT("update_adagrad", "params sum " STEP_NAMES " eps", LIST(&t.W, &t.slot0, &t.dW),
         LIST(STEP_NUMBERS, 0.0625));
    EXPECT(update(&u));
    u.opt = CLG_ADAM;
    WANT("update_adam", ADAM_NAMES, LIST(&t.W, &t.slot0, &t.slot1, &t.dW), LIST(ADAM_NUMBERS));
    EXPECT(update(&u));
    u.opt = CLG_ADAMW;
    WANT("update_adamw", ADAM_NAMES " decay", LIST(&t.W, &t.slot0, &t.slot1, &t.dW),
         LIST(ADAM_NUMBERS, 0.25 * 0.03125));
    EXPECT(update(&u));
    u.momentum = 0.75;
    u.opt = CLG_EMA_MOMENTUM;
    WANT("update_ema_momentum", "params v " STEP_NAMES " momentum rest",
         LIST(&t.W, &t.slot0, &t.dW), LIST(STEP_NUMBERS, 0.75, 0.25));
    EXPECT(update(&u));
    u.opt = CLG_RMSPROP;
    WANT("update_rmsprop_momentum", "params v buf " STEP_NAMES " rho rest eps momentum",
         LIST(&t.W, &t.slot0, &t.slot1, &t.dW), LIST(STEP_NUMBERS, 0.375, 0.625, 0.0625, 0.75));
    EXPECT(update(&u));
    u.momentum = 0;
    WANT("update_rmsprop", "params v " STEP_NAMES " rho rest eps", LIST(&t.W, &t.slot0, &t.dW),
         LIST(STEP_NUMBERS, 0.375, 0.625, 0.0625));
    EXPECT(update(&u));
    WANT("clip", "grads norm2 n at limit", LIST(&t.dW, &t.stats), LIST((double)t.W.count, 3, 0.25));
    EXPECT(ops->clip(device, &t.dW, &t.stats, t.W.count, 3, 0.25));
}

/* ---------------------------------------------------------- fused and resident */

static void span_arguments(void)
{
    struct clg_buf slab[5], best_loss, best_epoch, ring, walk, list, rates;
    const struct clg_update u = {CLG_ADAM, 0.25, 0.125, 0.5, 0.75, 0.875, 0.375, 0.0625, 0, 2};
    const size_t count = matrix_count(I, O) + 64;
    for (int i = 0; i < 5; i++)
        make(&slab[i], CLG_REAL, count);
    make(&best_loss, CLG_REAL, 2);
    make(&best_epoch, CLG_I32, 1);
    make(&ring, CLG_REAL, CLG_SPAN_RING);
    make(&walk, CLG_I32, clg_span_domain(ROWS));
    make(&list, CLG_I32, ROWS);
    make(&rates, CLG_REAL, CLG_SPAN_RATES);
    const struct clg_span_launch span = {.shape = {.layers = 1,
                                                   .size = {I, O},
                                                   .batch = B,
                                                   .act = {{0}, {CLG_SOFTMAX, 0, 1}},
                                                   .bias_at = {0, count - 64},
                                                   .loss = CLG_CE,
                                                   .target = CLG_TARGET_CLASS,
                                                   .opt = CLG_ADAM,
                                                   .l2 = 1,
                                                   .bytes = 1,
                                                   .permuted = 1},
                                         .params = &slab[0],
                                         .slot0 = &slab[1],
                                         .slot1 = &slab[2],
                                         .grads = &slab[3],
                                         .best = &slab[4],
                                         .best_loss = &best_loss,
                                         .best_epoch = &best_epoch,
                                         .stats = &t.stats,
                                         .hits = &t.hits,
                                         .ring = &ring,
                                         .perm = &t.perm,
                                         .walk = &walk,
                                         .list = &list,
                                         .rates = &rates,
                                         .data = &t.rows,
                                         .seed = 77,
                                         .epoch_step = 1,
                                         .steps = 2,
                                         .epoch = 3,
                                         .rate_step = 0,
                                         .ring_step = 5,
                                         .keep_best = 1,
                                         .mean = 0.5,
                                         .mean_short = 0.25,
                                         .delta = 0.375,
                                         .smoothing = 0.125,
                                         .update = &u};
    WANT(device->local_is_dedicated ? "resident_group" : "resident",
         "params slot0 slot1 grads best best_loss best_epoch stats hits ring x scale shift t perm "
         "walk list rates rows seed epoch epoch_step steps mean mean_short delta keep share l2 "
         "keep0 rest0 keep1 rest1 eps rate_step ring_step keep_best",
         LIST(&slab[0], &slab[1], &slab[2], &slab[3], &slab[4], &best_loss, &best_epoch, &t.stats,
              &t.hits, &ring, &t.rows.x, &t.rows.scale, &t.rows.shift, &t.rows.t, &t.perm, &walk,
              &list, &rates),
         LIST(ROWS, 77, 3, 1, 2, 0.5, 0.25, 0.375, 0.875, 0.125 / O, 0.125, 0.75, 0.25, 0.875,
              0.125, 0.0625, 0, 5, 1));
    EXPECT(clg_ocl_span(device, &span));
    ck_ok(clg_device_finish(device));
    for (int i = 0; i < 5; i++)
        clg_buf_release(&slab[i]);
    struct clg_buf *others[] = {&best_loss, &best_epoch, &ring, &walk, &list, &rates};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        clg_buf_release(others[i]);
}

/* Both forms, for registers and for local memory of the device's own. */
static void plan_arguments(void)
{
    const int is_dedicated = device->local_is_dedicated, width = device->native_width;
    for (int local = 0; local < 2; local++) {
        device->local_is_dedicated = local;
        device->native_width = local ? 1 : 16;
        device->plan = CLG_CHOOSE_FUSED;
        launches_fused(device);
        span_arguments();
    }
    device->local_is_dedicated = is_dedicated;
    device->native_width = width;
}

/* Every "kernel void NAME(" of the sources, or MATMUL(NAME, ...), was launched above. */
static void check_all_seen(const char *text, const char *start)
{
    for (const char *at = text; (at = strstr(at, start));) {
        at += strlen(start);
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
        if (length > 0) /* the macro's own parameter is in capitals */
            ck_assert_msg(launches_seen(at, length), "kernel %.*s is never launched", (int)length,
                          at);
    }
}

START_TEST(arguments)
{
    tensors_make();
    data_arguments();
    layer_arguments();
    output_arguments();
    loss_arguments();
    figure_arguments();
    update_arguments();
    plan_arguments();
    for (const struct clg_kernel_source *s = clg_kernel_sources; s->name; s++) {
        check_all_seen(s->text, "kernel void ");
        check_all_seen(s->text, "MATMUL(");
    }
    ck_ok(clg_device_finish(device));
    tensors_release();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels");
    TCase *cases = tcase_create("kernels");
    device = harness_device();
    device->use_cache = 0; /* a program made from a binary may not know its arguments' names */
    tcase_set_timeout(cases, 0);
    tcase_add_test(cases, arguments);
    suite_add_tcase(suite, cases);
    int result = harness_run(suite);
    clg_device_close(device);
    return result;
}
