/* The reference's data, products and figures against numbers worked out by hand; its activations,
 * losses and updates have files of their own.  Gradients as a whole are checked in
 * test_host_gradient.c. */
#include "core/rng.h"
#include "harness_lab.h"

#include <string.h>

static const struct clg_activation identity = {CLG_IDENTITY, 0, 1};

/* ------------------------------------------------------------------- data */

START_TEST(permute_is_the_shuffle)
{
    enum { ROWS = 1000 };
    static int32_t p[ROWS], q[ROWS];
    int seen[ROWS] = {0}, moved = 0;
    struct clg_shuffle shuffle;
    struct clg_buf *perm = lab_elements(CLG_I32, ROWS, NULL);
    ck_ok(lab_ops->permute(lab_device, perm, ROWS, 7, 2));
    ck_ok(clg_buf_download(perm, p, 0, ROWS));
    clg_shuffle_begin(&shuffle, ROWS, 7, 2);
    for (uint32_t i = 0; i < ROWS; i++) {
        ck_assert_int_eq(p[i], (int)clg_shuffle_at(&shuffle, i));
        seen[p[i]]++;
    }
    for (int i = 0; i < ROWS; i++)
        ck_assert_int_eq(seen[i], 1);
    ck_ok(lab_ops->permute(lab_device, perm, ROWS, 7, 3));
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
    data.x = *lab_elements(CLG_U8, 12, bytes);
    data.t = *lab_elements(CLG_I32, 4, labels);
    data.scale = *lab_vector(3, scale);
    data.shift = *lab_vector(3, shift);
    struct clg_buf *perm = lab_elements(CLG_I32, 4, order);
    struct clg_buf *x = lab_matrix(2, 3, NULL), *t = lab_elements(CLG_I32, 2, NULL);
    ck_ok(lab_ops->gather(lab_device, x, t, &data, perm, 1, 2));
    lab_matrix_is(x, (double[]){0, 1.5, 0, 255, 128, 502}, 2, 3);
    ck_ok(clg_buf_download(t, got, 0, 2));
    ck_assert_int_eq(got[0], 3);
    ck_assert_int_eq(got[1], 0);
    ck_ok(lab_ops->gather(lab_device, x, t, &data, NULL, 1, 2));
    lab_matrix_is(x, (double[]){10, 11, 56, 100, 51.5, 200}, 2, 3);
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
    data.x = *lab_vector(6, features[0]);
    data.t = *lab_vector(9, targets[0]);
    struct clg_buf *perm = lab_elements(CLG_I32, 3, order);
    struct clg_buf *x = lab_matrix(2, 2, NULL), *t = lab_matrix(2, 3, NULL);
    ck_ok(lab_ops->gather(lab_device, x, t, &data, perm, 0, 2));
    lab_matrix_is(x, (double[]){5, 6, 1, 2}, 2, 2);
    lab_matrix_is(t, (double[]){.7, .8, .9, .1, .2, .3}, 2, 3);
    ck_ok(lab_ops->gather(lab_device, x, t, &data, NULL, 2, 1));
    lab_matrix_is(x, (double[]){5, 6, 1, 2}, 2, 2); /* the second row is not touched */
}
END_TEST

/* --------------------------------------------------------------- products */

/* Whole numbers, so every order of summation gives the same: each length meets the tail of the
 * unrolled sum in another place. */
START_TEST(products_of_every_length)
{
    double a[40], w[40], sum = 0;
    for (int i = 0; i < 40; i++) {
        a[i] = i % 7 - 3;
        w[i] = i % 5 + 1;
    }
    struct clg_buf *b = lab_vector(1, (double[]){0}), *y = lab_matrix(1, 1, NULL);
    for (int K = 1; K <= 40; K++) {
        sum += a[K - 1] * w[K - 1];
        struct clg_buf *x = lab_matrix(1, K, a), *W = lab_matrix(1, K, w);
        double got;
        ck_ok(lab_ops->dense_fwd(lab_device, y, NULL, x, W, b, 1, K, 1, &identity));
        ck_ok(clg_matrix_download(y, &got, 1, 1));
        ck_assert_double_eq(got, sum);
        lab_forget(x);
    }
}
END_TEST

START_TEST(gradient_of_a_layer)
{
    struct clg_buf *dz = lab_matrix(2, 2, (double[]){1, -1, 2, 3});
    struct clg_buf *x = lab_matrix(2, 3, (double[]){1, 2, 3, 4, 5, 6});
    struct clg_buf *dW = lab_matrix(2, 3, (double[]){9, 9, 9, 9, 9, 9});
    struct clg_buf *db = lab_vector(2, (double[]){9, 9});
    ck_ok(lab_ops->grad(lab_device, dW, db, dz, x, 2, 3, 2));
    lab_matrix_is(dW, (double[]){9, 12, 15, 11, 13, 15}, 2, 3);
    lab_vector_is(db, (double[]){3, 2}, 2);
}
END_TEST

/* ---------------------------------------------------------------- figures */

START_TEST(score_adds_up)
{
    int32_t count;
    struct clg_buf *stats = lab_vector(CLG_STATS, (double[]){10, 0, 5, 0});
    struct clg_buf *hits = lab_elements(CLG_I32, 1, (int32_t[]){100});
    struct clg_buf *losses = lab_vector(4, (double[]){1, 2, 3, .5});
    /* right; wrong; a tie goes to the first: right; wrong */
    struct clg_buf *y = lab_matrix(4, 3, (double[]){0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 1});
    struct clg_buf *t = lab_elements(CLG_I32, 4, (int32_t[]){1, 2, 0, 0});
    ck_ok(lab_ops->score(lab_device, stats, hits, losses, y, t, 4, 3, CLG_TARGET_CLASS));
    lab_vector_is(stats, (double[]){16.5, 0, 5, 0}, 4);
    ck_ok(clg_buf_download(hits, &count, 0, 1));
    ck_assert_int_eq(count, 102);
    y = lab_matrix(4, 1, (double[]){.5, .4999, .7, .2}); /* 1 0 1 0 */
    t = lab_elements(CLG_I32, 4, (int32_t[]){1, 0, 0, 0});
    ck_ok(lab_ops->score(lab_device, stats, hits, losses, y, t, 4, 1, CLG_TARGET_CLASS));
    lab_vector_is(stats, (double[]){23, 0, 5, 0}, 4);
    ck_ok(clg_buf_download(hits, &count, 0, 1));
    ck_assert_int_eq(count, 105);
    t = lab_matrix(4, 1, (double[]){1, 0, 0, 0});
    ck_ok(lab_ops->score(lab_device, stats, hits, losses, y, t, 4, 1, CLG_TARGET_VALUE));
    lab_vector_is(stats, (double[]){29.5, 0, 5, 0}, 4);
    ck_ok(clg_buf_download(hits, &count, 0, 1));
    ck_assert_int_eq(count, 105);
}
END_TEST

START_TEST(penalty_adds_up)
{
    struct clg_buf *stats = lab_vector(CLG_STATS, (double[]){1, 0, 2, 0});
    struct clg_buf *scratch = lab_vector(CLG_PENALTY_SCRATCH, NULL);
    struct clg_buf *params = lab_vector(4, (double[]){1, -2, 3, 100});
    ck_ok(lab_ops->penalty(lab_device, stats, scratch, params, 3, .5));
    lab_vector_is(stats, (double[]){1, 0, 9, 0}, 4);
}
END_TEST

START_TEST(alive_units_are_marked)
{
    int32_t got[4];
    struct clg_buf *alive = lab_elements(CLG_I32, 4, (int32_t[]){0, 0, 1, 0});
    struct clg_buf *y = lab_matrix(3, 4, (double[]){0, 1, 0, -1, 0, 0, 0, -2, 5, 0, 0, 0});
    ck_ok(lab_ops->mark_alive(lab_device, alive, y, 2, 4)); /* the third row is not of the batch */
    ck_ok(clg_buf_download(alive, got, 0, 4));
    ck_assert_mem_eq(got, ((int32_t[]){0, 1, 1, 0}), sizeof got);
    ck_ok(lab_ops->mark_alive(lab_device, alive, y, 3, 4));
    ck_ok(clg_buf_download(alive, got, 0, 4));
    ck_assert_mem_eq(got, ((int32_t[]){1, 1, 1, 0}), sizeof got);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        permute_is_the_shuffle,   gather_bytes_and_classes, gather_reals_and_values,
        products_of_every_length, gradient_of_a_layer,      score_adds_up,
        penalty_adds_up,          alive_units_are_marked,
    };
    return lab_run("reference operations", tests, sizeof tests / sizeof *tests);
}
