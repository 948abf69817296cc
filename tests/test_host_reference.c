/* The reference operations against numbers worked out by hand and laws that the formulas obey.
 * Gradients as a whole are checked in test_host_gradient.c. */
#include "core/rng.h"
#include "harness.h"
#include "ops/ops.h"

#include <float.h>
#include <math.h>
#include <string.h>

static clg_device *device;
static const struct clg_ops *ops;
static struct clg_buf pool[24];
static int used;

static void open_reference(void)
{
    ck_ok(clg_device_open(&device, "ref", NULL));
    ops = clg_ops_of(device);
    used = 0;
}

static void close_reference(void)
{
    uint64_t bytes;
    int buffers;
    while (used)
        clg_buf_release(&pool[--used]);
    clg_device_usage(device, &bytes, &buffers);
    ck_assert_int_eq(buffers, 0);
    ck_assert_uint_eq(bytes, 0);
    clg_device_close(device);
}

static struct clg_buf *elements(enum clg_elem elem, size_t count, const void *data)
{
    struct clg_plan plan;
    struct clg_buf *buf = &pool[used++];
    ck_assert_uint_le((size_t)used, sizeof pool / sizeof *pool);
    memset(buf, 0, sizeof *buf);
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, buf, elem, count, "test"));
    ck_ok(clg_plan_commit(&plan));
    if (data)
        ck_ok(clg_buf_upload(buf, data, 0, count));
    return buf;
}

static struct clg_buf *vector(int n, const double *data)
{
    return elements(CLG_REAL, (size_t)n, data);
}

static struct clg_buf *matrix(int rows, int columns, const double *data)
{
    struct clg_plan plan;
    struct clg_buf *buf = &pool[used++];
    ck_assert_uint_le((size_t)used, sizeof pool / sizeof *pool);
    memset(buf, 0, sizeof *buf);
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_matrix(&plan, buf, rows, columns, "test"));
    ck_ok(clg_plan_commit(&plan));
    if (data)
        ck_ok(clg_matrix_upload(buf, data, rows, columns));
    return buf;
}

/* A few roundings away from what was worked out by hand. */
static void same(double got, double want)
{
    ck_assert_msg(harness_close(got, want, 8 * DBL_EPSILON * fmax(1, fabs(want))),
                  "got %.17g, wanted %.17g", got, want);
}

static void matrix_is(const struct clg_buf *buf, const double *want, int rows, int columns)
{
    double got[64];
    ck_assert_int_le(rows * columns, 64);
    ck_ok(clg_matrix_download(buf, got, rows, columns));
    for (int i = 0; i < rows * columns; i++)
        same(got[i], want[i]);
}

static void vector_is(const struct clg_buf *buf, const double *want, int n)
{
    matrix_is(buf, want, 1, n);
}

/* ------------------------------------------------------------------- data */

START_TEST(permute_is_the_shuffle)
{
    enum { ROWS = 1000 };
    static int32_t p[ROWS], q[ROWS];
    int seen[ROWS] = {0}, moved = 0;
    struct clg_shuffle shuffle;
    struct clg_buf *perm = elements(CLG_I32, ROWS, NULL);
    ck_ok(ops->permute(device, perm, ROWS, 7, 2));
    ck_ok(clg_buf_download(perm, p, 0, ROWS));
    clg_shuffle_begin(&shuffle, ROWS, 7, 2);
    for (uint32_t i = 0; i < ROWS; i++) {
        ck_assert_int_eq(p[i], (int)clg_shuffle_at(&shuffle, i));
        seen[p[i]]++;
    }
    for (int i = 0; i < ROWS; i++)
        ck_assert_int_eq(seen[i], 1);
    ck_ok(ops->permute(device, perm, ROWS, 7, 3));
    ck_ok(clg_buf_download(perm, q, 0, ROWS));
    for (int i = 0; i < ROWS; i++)
        moved += p[i] != q[i];
    ck_assert_int_gt(moved, ROWS / 2);
}
END_TEST

START_TEST(gather_bytes_and_classes)
{
    static const uint8_t bytes[4][3] = {{0, 1, 2}, {10, 20, 30}, {100, 101, 102}, {255, 254, 253}};
    static const int32_t labels[4] = {3, 2, 1, 0}, order[4] = {2, 0, 3, 1};
    static const double scale[3] = {1, 0.5, 2}, shift[3] = {0, 1, -4};
    int32_t got[2];
    struct clg_rows data = {.rows = 4, .features = 3, .outputs = 4, .target = CLG_TARGET_CLASS};
    data.x = *elements(CLG_U8, 12, bytes);
    data.t = *elements(CLG_I32, 4, labels);
    data.scale = *vector(3, scale);
    data.shift = *vector(3, shift);
    struct clg_buf *perm = elements(CLG_I32, 4, order);
    struct clg_buf *x = matrix(2, 3, NULL), *t = elements(CLG_I32, 2, NULL);
    ck_ok(ops->gather(device, x, t, &data, perm, 1, 2));
    matrix_is(x, (double[]){0, 1.5, 0, 255, 128, 502}, 2, 3);
    ck_ok(clg_buf_download(t, got, 0, 2));
    ck_assert_int_eq(got[0], 3);
    ck_assert_int_eq(got[1], 0);
    ck_ok(ops->gather(device, x, t, &data, NULL, 1, 2));
    matrix_is(x, (double[]){10, 11, 56, 100, 51.5, 200}, 2, 3);
    ck_ok(clg_buf_download(t, got, 0, 2));
    ck_assert_int_eq(got[0], 2);
    ck_assert_int_eq(got[1], 1);
}
END_TEST

START_TEST(gather_reals_and_values)
{
    static const double features[3][2] = {{1, 2}, {3, 4}, {5, 6}};
    static const double targets[3][3] = {{.1, .2, .3}, {.4, .5, .6}, {.7, .8, .9}};
    static const int32_t order[3] = {2, 0, 1};
    struct clg_rows data = {.rows = 3, .features = 2, .outputs = 3, .target = CLG_TARGET_VALUE};
    data.x = *vector(6, features[0]);
    data.t = *vector(9, targets[0]);
    struct clg_buf *perm = elements(CLG_I32, 3, order);
    struct clg_buf *x = matrix(2, 2, NULL), *t = matrix(2, 3, NULL);
    ck_ok(ops->gather(device, x, t, &data, perm, 0, 2));
    matrix_is(x, (double[]){5, 6, 1, 2}, 2, 2);
    matrix_is(t, (double[]){.7, .8, .9, .1, .2, .3}, 2, 3);
    ck_ok(ops->gather(device, x, t, &data, NULL, 2, 1));
    matrix_is(x, (double[]){5, 6, 1, 2}, 2, 2); /* the second row is not touched */
}
END_TEST

/* --------------------------------------------------------------- products */

START_TEST(dense_forward)
{
    const double z[6] = {1.5, 1, -1, 3.5, 3, -1}; /* x W^T + b */
    double want[6];
    struct clg_buf *x = matrix(2, 2, (double[]){1, 2, 3, 4});
    struct clg_buf *W = matrix(3, 2, (double[]){1, 0, 0, 1, 1, -1});
    struct clg_buf *b = vector(3, (double[]){.5, -1, 0});
    struct clg_buf *y = matrix(2, 3, (double[]){9, 9, 9, 9, 9, 9});
    for (int act = 0; act < CLG_SOFTMAX; act++) {
        for (int i = 0; i < 6; i++)
            want[i] = act == CLG_SIGMOID ? 1 / (1 + exp(-z[i]))
                      : act == CLG_TANH  ? (exp(2 * z[i]) - 1) / (exp(2 * z[i]) + 1)
                      : act == CLG_RELU  ? fmax(z[i], 0)
                                         : z[i];
        ck_ok(ops->dense_fwd(device, y, x, W, b, 2, 2, 3, (enum clg_act)act));
        matrix_is(y, want, 2, 3);
    }
}
END_TEST

/* Whole numbers, so every order of summation gives the same: each length meets the tail of the
 * unrolled sum in another place. */
START_TEST(products_of_every_length)
{
    double a[40], w[40], sum = 0;
    for (int i = 0; i < 40; i++) {
        a[i] = i % 7 - 3;
        w[i] = i % 5 + 1;
    }
    struct clg_buf *b = vector(1, (double[]){0}), *y = matrix(1, 1, NULL);
    for (int K = 1; K <= 40; K++) {
        sum += a[K - 1] * w[K - 1];
        struct clg_buf *x = matrix(1, K, a), *W = matrix(1, K, w);
        double got;
        ck_ok(ops->dense_fwd(device, y, x, W, b, 1, K, 1, CLG_IDENTITY));
        ck_ok(clg_matrix_download(y, &got, 1, 1));
        ck_assert_double_eq(got, sum);
        clg_buf_release(&pool[--used]);
        clg_buf_release(&pool[--used]);
    }
}
END_TEST

START_TEST(delta_backward)
{
    /* dz W = (1 -1; 2 1) (1 2 0; 0 3 -1) = (1 -1 1; 2 7 -1) */
    const double product[6] = {1, -1, 1, 2, 7, -1};
    const double front[6] = {.5, .25, 0, .75, .5, -.5};
    double want[6];
    struct clg_buf *dz = matrix(2, 2, (double[]){1, -1, 2, 1});
    struct clg_buf *W = matrix(2, 3, (double[]){1, 2, 0, 0, 3, -1});
    struct clg_buf *y = matrix(2, 3, front);
    struct clg_buf *dx = matrix(2, 3, (double[]){9, 9, 9, 9, 9, 9});
    for (int act = 0; act < CLG_SOFTMAX; act++) {
        for (int i = 0; i < 6; i++)
            want[i] = product[i] * (act == CLG_SIGMOID ? front[i] - front[i] * front[i]
                                    : act == CLG_TANH  ? 1 - front[i] * front[i]
                                    : act == CLG_RELU  ? (front[i] > 0 ? 1 : 0)
                                                       : 1);
        ck_ok(ops->delta_bwd(device, dx, dz, W, y, 2, 3, 2, (enum clg_act)act));
        matrix_is(dx, want, 2, 3);
    }
}
END_TEST

START_TEST(gradient_of_a_layer)
{
    struct clg_buf *dz = matrix(2, 2, (double[]){1, -1, 2, 3});
    struct clg_buf *x = matrix(2, 3, (double[]){1, 2, 3, 4, 5, 6});
    struct clg_buf *dW = matrix(2, 3, (double[]){9, 9, 9, 9, 9, 9});
    struct clg_buf *db = vector(2, (double[]){9, 9});
    ck_ok(ops->grad(device, dW, db, dz, x, 2, 3, 2));
    matrix_is(dW, (double[]){9, 12, 15, 11, 13, 15}, 2, 3);
    vector_is(db, (double[]){3, 2}, 2);
}
END_TEST

/* ------------------------------------------------------------ activations */

START_TEST(softmax_of_logarithms)
{
    /* The second row is the first, 1000 further on: e^1000 does not exist, its softmax does. */
    double z[6] = {0, log(2), log(3), 1000, 1000 + log(2), 1000 + log(3)}, got[6];
    struct clg_buf *y = matrix(2, 3, z);
    ck_ok(ops->output_fwd(device, y, y, 2, 3, CLG_SOFTMAX));
    ck_ok(clg_matrix_download(y, got, 2, 3));
    for (int o = 0; o < 3; o++) {
        same(got[o], (o + 1) / 6.0);
        /* ln 2 was rounded at 1000's place: half an ulp of 1000 in z is that much in y. */
        ck_assert(harness_close(got[3 + o], (o + 1) / 6.0, 1000 * DBL_EPSILON));
    }
    same(got[3] + got[4] + got[5], 1);
}
END_TEST

START_TEST(extreme_outputs)
{
    const double z[4] = {-800, -40, 40, 800};
    struct clg_buf *in = matrix(1, 4, z), *y = matrix(1, 4, NULL);
    double got[4];
    ck_ok(ops->output_fwd(device, y, in, 1, 4, CLG_SIGMOID));
    ck_ok(clg_matrix_download(y, got, 1, 4));
    ck_assert(harness_close(got[0], 0, DBL_MIN));
    ck_assert(harness_close(got[1], exp(-40), 4 * DBL_EPSILON * exp(-40)));
    ck_assert(harness_close(got[2], 1, DBL_EPSILON));
    ck_assert(harness_close(got[3], 1, 0));
    ck_ok(ops->output_fwd(device, y, in, 1, 4, CLG_TANH));
    vector_is(y, (double[]){-1, -1, 1, 1}, 4);
    ck_ok(ops->output_fwd(device, y, in, 1, 4, CLG_SOFTMAX));
    vector_is(y, (double[]){0, 0, 0, 1}, 4);
    in = matrix(1, 2, (double[]){(double)NAN, -1}); /* ReLU does not hide a NaN */
    ck_ok(ops->output_fwd(device, y, in, 1, 2, CLG_RELU));
    ck_ok(clg_matrix_download(y, got, 1, 2));
    ck_assert(isnan(got[0]) && got[1] == 0);
}
END_TEST

/* ------------------------------------------------------------------- loss */

/* Runs loss_fwd on one row, once with y apart and once with y = z, and compares both. */
static void loss_is(const double *z, const struct clg_buf *t, int O, enum clg_loss loss,
                    enum clg_act act, enum clg_target target, double scale, const double *want_y,
                    const double *want_dz, double want_loss)
{
    for (int alias = 0; alias < 2; alias++) {
        struct clg_buf *in = matrix(1, O, z), *dz = matrix(1, O, NULL), *row = vector(1, NULL);
        struct clg_buf *y = alias ? in : matrix(1, O, NULL);
        ck_ok(ops->loss_fwd(device, y, dz, row, in, t, 1, O, loss, act, target, scale));
        vector_is(y, want_y, O);
        vector_is(dz, want_dz, O);
        vector_is(row, &want_loss, 1);
        while (&pool[used] != in)
            clg_buf_release(&pool[--used]);
    }
}

START_TEST(cross_entropy)
{
    const double z[3] = {0, log(2), log(3)}, far[2] = {1000, -1000};
    const struct clg_buf *t = elements(CLG_I32, 1, (int32_t[]){1});
    loss_is(z, t, 3, CLG_CE, CLG_SOFTMAX, CLG_TARGET_CLASS, .5,
            (double[]){1 / 6.0, 1 / 3.0, 1 / 2.0}, (double[]){1 / 12.0, -1 / 3.0, 1 / 4.0}, log(3));
    loss_is(far, t, 2, CLG_CE, CLG_SOFTMAX, CLG_TARGET_CLASS, 1, (double[]){1, 0},
            (double[]){1, -1}, 2000);
    t = elements(CLG_I32, 1, (int32_t[]){0}); /* z - max z overflows where the target is 0 */
    loss_is((double[]){1e308, -1e308}, t, 2, CLG_CE, CLG_SOFTMAX, CLG_TARGET_CLASS, 1,
            (double[]){1, 0}, (double[]){0, 0}, 0);
    t = matrix(1, 3, (double[]){.5, .25, 0});
    loss_is(z, t, 3, CLG_CE, CLG_SOFTMAX, CLG_TARGET_VALUE, 1, (double[]){1 / 6.0, 1 / 3.0, .5},
            (double[]){-.375, 0, .375}, .5 * log(6) + .25 * log(3));
}
END_TEST

START_TEST(binary_cross_entropy)
{
    const struct clg_buf *one = elements(CLG_I32, 1, (int32_t[]){1});
    const struct clg_buf *half = matrix(1, 1, (double[]){.25});
    const double z[3] = {0, log(3), -log(3)};
    loss_is((double[]){0}, one, 1, CLG_BCE, CLG_SIGMOID, CLG_TARGET_CLASS, 2, (double[]){.5},
            (double[]){-1}, log(2));
    loss_is((double[]){-800}, one, 1, CLG_BCE, CLG_SIGMOID, CLG_TARGET_CLASS, 1, (double[]){0},
            (double[]){-1}, 800);
    loss_is((double[]){800}, one, 1, CLG_BCE, CLG_SIGMOID, CLG_TARGET_CLASS, 1, (double[]){1},
            (double[]){0}, 0);
    loss_is((double[]){log(3)}, half, 1, CLG_BCE, CLG_SIGMOID, CLG_TARGET_VALUE, 1, (double[]){.75},
            (double[]){.5}, -.25 * log(.75) - .75 * log(.25));
    loss_is(z, one, 3, CLG_BCE, CLG_SIGMOID, CLG_TARGET_CLASS, 1, (double[]){.5, .75, .25},
            (double[]){.5, -.25, .25}, log(2) - log(.75) - log(.75));
}
END_TEST

START_TEST(squared_error)
{
    const struct clg_buf *one = elements(CLG_I32, 1, (int32_t[]){1});
    const struct clg_buf *t = matrix(1, 2, (double[]){1, -2});
    loss_is((double[]){3, -1}, t, 2, CLG_MSE, CLG_IDENTITY, CLG_TARGET_VALUE, .5, (double[]){3, -1},
            (double[]){1, .5}, 2.5);
    loss_is((double[]){3, -1}, t, 2, CLG_MSE, CLG_RELU, CLG_TARGET_VALUE, 1, (double[]){3, 0},
            (double[]){2, 0}, 4);
    loss_is((double[]){log(3), 0}, one, 2, CLG_MSE, CLG_SIGMOID, CLG_TARGET_CLASS, 1,
            (double[]){.75, .5}, (double[]){.75 * .1875, -.5 * .25}, .40625);
    loss_is((double[]){log(3) / 2, 0}, t, 2, CLG_MSE, CLG_TANH, CLG_TARGET_VALUE, 1,
            (double[]){.5, 0}, (double[]){-.375, 2}, 2.125);
}
END_TEST

/* dz = J^T (y - t) with the Jacobian J_ij = y_i ([i = j] - y_j) written out. */
START_TEST(squared_error_after_softmax)
{
    const double z[4] = {.3, -1.2, 2, .7}, target[4] = {.1, .9, -.4, 2};
    double y[4], dz[4] = {0}, sum = 0, loss = 0;
    const struct clg_buf *t = matrix(1, 4, target);
    for (int i = 0; i < 4; i++)
        sum += exp(z[i]);
    for (int i = 0; i < 4; i++) {
        y[i] = exp(z[i]) / sum;
        loss += .5 * (y[i] - target[i]) * (y[i] - target[i]);
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            dz[j] += .25 * y[i] * ((i == j) - y[j]) * (y[i] - target[i]);
    loss_is(z, t, 4, CLG_MSE, CLG_SOFTMAX, CLG_TARGET_VALUE, .25, y, dz, loss);
}
END_TEST

/* ---------------------------------------------------------------- figures */

START_TEST(score_adds_up)
{
    int32_t count;
    struct clg_buf *stats = vector(CLG_STATS, (double[]){10, 0, 5, 0});
    struct clg_buf *hits = elements(CLG_I32, 1, (int32_t[]){100});
    struct clg_buf *losses = vector(4, (double[]){1, 2, 3, .5});
    /* right; wrong; a tie goes to the first: right; wrong */
    struct clg_buf *y = matrix(4, 3, (double[]){0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 1});
    struct clg_buf *t = elements(CLG_I32, 4, (int32_t[]){1, 2, 0, 0});
    ck_ok(ops->score(device, stats, hits, losses, y, t, 4, 3, CLG_TARGET_CLASS));
    vector_is(stats, (double[]){16.5, 0, 5, 0}, 4);
    ck_ok(clg_buf_download(hits, &count, 0, 1));
    ck_assert_int_eq(count, 102);
    y = matrix(4, 1, (double[]){.5, .4999, .7, .2}); /* 1 0 1 0 */
    t = elements(CLG_I32, 4, (int32_t[]){1, 0, 0, 0});
    ck_ok(ops->score(device, stats, hits, losses, y, t, 4, 1, CLG_TARGET_CLASS));
    vector_is(stats, (double[]){23, 0, 5, 0}, 4);
    ck_ok(clg_buf_download(hits, &count, 0, 1));
    ck_assert_int_eq(count, 105);
    t = matrix(4, 1, (double[]){1, 0, 0, 0});
    ck_ok(ops->score(device, stats, hits, losses, y, t, 4, 1, CLG_TARGET_VALUE));
    vector_is(stats, (double[]){29.5, 0, 5, 0}, 4);
    ck_ok(clg_buf_download(hits, &count, 0, 1));
    ck_assert_int_eq(count, 105);
}
END_TEST

START_TEST(penalty_adds_up)
{
    struct clg_buf *stats = vector(CLG_STATS, (double[]){1, 0, 2, 0});
    struct clg_buf *scratch = vector(CLG_PENALTY_SCRATCH, NULL);
    struct clg_buf *params = vector(4, (double[]){1, -2, 3, 100});
    ck_ok(ops->penalty(device, stats, scratch, params, 3, .5));
    vector_is(stats, (double[]){1, 0, 9, 0}, 4);
}
END_TEST

/* ----------------------------------------------------------------- update */

START_TEST(update_sgd_and_momentum)
{
    struct clg_update u = {.opt = CLG_SGD, .lr = .5, .l2 = .25, .momentum = .5, .t = 1};
    struct clg_buf *p = vector(3, (double[]){4, -2, 8}), *v = vector(3, NULL);
    struct clg_buf *g = vector(3, (double[]){1, 2, 3});
    ck_ok(ops->update(device, p, NULL, NULL, g, 3, 2, &u));
    vector_is(p, (double[]){3, -2.75, 6.5}, 3); /* the third is a bias: no L2 */
    u.opt = CLG_MOMENTUM;
    u.l2 = 0;
    ck_ok(ops->update(device, p, v, NULL, g, 2, 2, &u));
    vector_is(p, (double[]){2.5, -3.75, 6.5}, 3); /* beyond n nothing moves */
    u.l2 = 2;
    ck_ok(ops->update(device, p, v, NULL, g, 3, 1, &u));
    vector_is(v, (double[]){6.5, 3, 3}, 3); /* .5 * 1 + 1 + 2 * 2.5; .5 * 2 + 2; 3 */
    vector_is(p, (double[]){-.75, -5.25, 5}, 3);
}
END_TEST

/* Under a constant gradient both corrected moments are exact from the first step on, so each step
 * is lr g / (|g| + eps). */
START_TEST(update_adam_constant_gradient)
{
    const double gradient[3] = {2, -.001, 0};
    struct clg_update u = {
        .opt = CLG_ADAM, .lr = .125, .beta1 = .9, .beta2 = .999, .eps = 1e-4, .t = 1};
    struct clg_buf *p = vector(3, (double[]){1, 1, 1});
    struct clg_buf *m = vector(3, NULL), *v = vector(3, NULL), *g = vector(3, gradient);
    double got[3];
    for (; u.t <= 20; u.t++)
        ck_ok(ops->update(device, p, m, v, g, 3, 3, &u));
    ck_ok(clg_real_download(p, got, 0, 3));
    for (int i = 0; i < 3; i++) {
        double want = 1 - 20 * .125 * gradient[i] / (fabs(gradient[i]) + 1e-4);
        /* 1 - beta2^t loses up to 1 / (1 - beta2) = 1000 ulps to the subtraction in each step. */
        ck_assert(harness_close(got[i], want, 20 * .125 * 1000 * DBL_EPSILON));
    }
}
END_TEST

/* Two steps on one weight, with L2, by hand: g = 1 + 0.5 * 2 = 2, then 1 + 0.5 * w. */
START_TEST(update_adam_by_hand)
{
    struct clg_update u = {
        .opt = CLG_ADAM, .lr = .5, .l2 = .5, .beta1 = .5, .beta2 = .75, .eps = 1, .t = 1};
    struct clg_buf *p = vector(1, (double[]){2}), *g = vector(1, (double[]){1});
    struct clg_buf *m = vector(1, NULL), *v = vector(1, NULL);
    ck_ok(ops->update(device, p, m, v, g, 1, 1, &u));
    /* m = 1, v = 1; m^ = 2, v^ = 4; w = 2 - .5 * 2 / 3 = 5/3 */
    vector_is(m, (double[]){1}, 1);
    vector_is(v, (double[]){1}, 1);
    vector_is(p, (double[]){5 / 3.0}, 1);
    u.t = 2;
    ck_ok(ops->update(device, p, m, v, g, 1, 1, &u));
    /* g = 11/6; m = 1/2 + 11/12 = 17/12; v = 3/4 + 121/144 = 229/144; m^ = m / (3/4) = 17/9;
     * v^ = v / (7/16) = 229/63 */
    vector_is(m, (double[]){17 / 12.0}, 1);
    vector_is(v, (double[]){229 / 144.0}, 1);
    vector_is(p, (double[]){5 / 3.0 - .5 * (17 / 9.0) / (sqrt(229 / 63.0) + 1)}, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        permute_is_the_shuffle,
        gather_bytes_and_classes,
        gather_reals_and_values,
        dense_forward,
        products_of_every_length,
        delta_backward,
        gradient_of_a_layer,
        softmax_of_logarithms,
        extreme_outputs,
        cross_entropy,
        binary_cross_entropy,
        squared_error,
        squared_error_after_softmax,
        score_adds_up,
        penalty_adds_up,
        update_sgd_and_momentum,
        update_adam_constant_gradient,
        update_adam_by_hand,
    };
    Suite *suite = suite_create("reference operations");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, open_reference, close_reference);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(all, tests[i]);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
