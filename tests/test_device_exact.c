/* What must hold to the bit: every form of the products against the one chain of fma they all
 * follow, padding included, and from run to run; the shuffle and the masks of dropout against the
 * host's generator and the reference; sums that keep what rounding loses.  How close the other
 * results are to the reference is not tested here. */
#include "core/rng.h"
#include "harness.h"
#include "ops/local.h"
#include "ops/matmul.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;
static const struct clg_ops *ops = &clg_ops_opencl;

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

/* A whole matrix, padding included: numbers in (-1,1) that a float holds, zeros beyond the last
 * column, and in the rows that do not exist large numbers everywhere, for nothing may use them. */
static double *fill_matrix(struct clg_buf *buf, int rows, int columns, uint32_t sequence)
{
    const size_t stride = (size_t)clg_stride(device, columns), count = matrix_count(rows, columns);
    double *data = calloc(count, sizeof *data);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < count; i++) {
        double u = 2 * clg_uniform(9, CLG_STREAM_TEST, sequence, i) - 1;
        if (i / stride >= (size_t)rows)
            data[i] = 1e3;
        else if (i % stride < (size_t)columns)
            data[i] = (float)u;
    }
    make(buf, CLG_REAL, count);
    ck_ok(clg_real_upload(buf, data, 0, count));
    return data;
}

/* The one chain of fma that every form must follow. */
static float chain(const double *a, size_t a_step, const double *b, size_t b_step, int K)
{
    float sum = 0;
    for (size_t k = 0; k < (size_t)K; k++)
        sum = fmaf((float)a[k * a_step], (float)b[k * b_step], sum);
    return sum;
}

/* tile: of the LOCAL body, or REGISTER. */
enum { REGISTER = -1 };

static void check_product(enum clg_form form, int tile, int M, int N, int K)
{
    struct clg_buf C, A, Bm;
    const int tn = form == CLG_TN, nt = form == CLG_NT;
    double *a = fill_matrix(&A, tn ? K : M, tn ? M : K, 1);
    double *b = fill_matrix(&Bm, nt ? N : K, nt ? K : N, 2);
    size_t lda = (size_t)clg_stride(device, tn ? M : K),
           ldb = (size_t)clg_stride(device, nt ? K : N);
    size_t ldc = (size_t)clg_stride(device, N), count = (size_t)M * ldc;
    double *c = malloc(count * sizeof *c);
    ck_assert_ptr_nonnull(c);
    make_matrix(&C, M, N);
    if (tile == REGISTER)
        ck_ok(clg_matmul_native_body(device, &C, &A, &Bm, M, N, K, form, CLG_BODY_REGISTER));
    else
        ck_ok(clg_matmul_local(device, &C, &A, &Bm, M, N, K, form, tile));
    ck_ok(clg_real_download(&C, c, 0, count));
    for (size_t at = 0; at < count; at++) {
        size_t i = at / ldc, j = at % ldc;
        double want = j >= (size_t)N ? 0
                                     : (double)chain(tn ? a + i : a + i * lda, tn ? lda : 1,
                                                     nt ? b + j * ldb : b + j, nt ? 1 : ldb, K);
        ck_assert_msg(c[at] == want,
                      "form %d, tile %d, %d x %d over %d at (%zu,%zu): %.9g, not %.9g", (int)form,
                      tile, M, N, K, i, j, c[at], want);
    }
    clg_buf_release(&C);
    clg_buf_release(&A);
    clg_buf_release(&Bm);
    free(a);
    free(b);
    free(c);
}

START_TEST(products)
{
    static const int sizes[] = {1, 7, 16, 17, 33, 72};
    const enum clg_form form = (enum clg_form)(_i % 3);
    const int tile = _i / 3 - 1;
    if (tile != REGISTER && device->max_group < CLG_TILE_ITEMS)
        return;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            for (int k = 0; k < 6; k++)
                check_product(form, tile, sizes[i], sizes[j], sizes[k]);
    check_product(form, tile, 130, 140, 49); /* several of the largest tile */
    check_product(form, tile, 9, 33, 2100);  /* deeper than any panel */
}
END_TEST

/* Many groups on all threads, many times over: one panel shared by two threads would show. */
START_TEST(threads)
{
    for (int i = 0; i < 10; i++)
        check_product((enum clg_form)_i, REGISTER, 64, 256, 100);
}
END_TEST

START_TEST(shuffle)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 16, 17, 1000, 65536, 65537};
    const size_t n = sizes[_i];
    struct clg_buf perm;
    struct clg_shuffle want;
    int32_t *got = malloc(n * sizeof *got);
    ck_assert_ptr_nonnull(got);
    make(&perm, CLG_I32, n);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        ck_ok(ops->permute(device, &perm, n, 0xfedcba9876543210u, epoch));
        ck_ok(clg_buf_download(&perm, got, 0, n));
        clg_shuffle_begin(&want, n, 0xfedcba9876543210u, epoch);
        for (size_t i = 0; i < n; i++)
            ck_assert_uint_eq((uint32_t)got[i], clg_shuffle_at(&want, (uint32_t)i));
    }
    clg_buf_release(&perm);
    free(got);
}
END_TEST

/* 1 where dropout keeps element i. */
static int is_kept(const struct clg_dropout *drop, uint64_t i)
{
    uint32_t word[4];
    clg_philox(word, drop->seed, CLG_STREAM_DROPOUT + (drop->layer << 8), drop->step, i / 4);
    return (double)word[i % 4] >= floor(drop->p * 4294967296.0);
}

/* The mask of an (rows,columns) matrix of ones, in place, by both back ends. */
static void check_mask(clg_device *reference, int rows, int columns, const struct clg_dropout *drop)
{
    const size_t stride = (size_t)clg_stride(device, columns), n = (size_t)columns;
    const size_t count = (size_t)rows * stride;
    const double kept = (double)(float)(1 / (1 - drop->p));
    struct clg_buf x, x_ref;
    struct clg_plan plan;
    double *got = malloc(count * sizeof *got), *got_ref = malloc((size_t)rows * n * sizeof *got);
    ck_assert(got && got_ref);
    for (size_t i = 0; i < count; i++)
        got[i] = 1;
    make_matrix(&x, rows, columns);
    clg_plan_begin(&plan, reference);
    ck_ok(clg_plan_matrix(&plan, &x_ref, rows, columns, "test data"));
    ck_ok(clg_plan_commit(&plan));
    ck_ok(clg_real_upload(&x, got, 0, count)); /* ones in the padding too: it must become 0 */
    ck_ok(clg_matrix_upload(&x_ref, got, rows, columns));
    ck_ok(ops->dropout_fwd(device, &x, &x, rows, columns, drop));
    ck_ok(clg_ops_reference.dropout_fwd(reference, &x_ref, &x_ref, rows, columns, drop));
    ck_ok(clg_real_download(&x, got, 0, count));
    ck_ok(clg_matrix_download(&x_ref, got_ref, rows, columns));
    for (size_t at = 0; at < count; at++) {
        const size_t b = at / stride, j = at % stride;
        const int is_in = j < n, want = is_in && is_kept(drop, b * n + j);
        if (j >= (n + 15) / 16 * 16)
            continue; /* pieces of 16 columns are written */
        ck_assert_msg(got[at] == (want ? kept : 0) &&
                          (!is_in || got_ref[b * n + j] == (want ? 1 / (1 - drop->p) : 0)),
                      "%d x %d, p %g, layer %u, step %u at (%zu,%zu): %.9g, wanted %.9g", rows,
                      columns, drop->p, drop->layer, drop->step, b, j, got[at], want ? kept : 0);
    }
    clg_buf_release(&x);
    clg_buf_release(&x_ref);
    free(got);
    free(got_ref);
}

START_TEST(dropout)
{
    static const int columns[] = {1, 2, 3, 5, 16, 17, 30, 31, 33, 64, 129};
    static const double p[] = {0, 0.25, 0.5, 0.7, 1 - 1e-9};
    const struct clg_dropout drop = {p[_i], 0xfedcba9876543210u, (uint32_t)_i,
                                     _i == 0 ? 0 : UINT32_MAX - (uint32_t)_i};
    clg_device *reference = NULL;
    ck_ok(clg_device_open(&reference, "ref", NULL));
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        check_mask(reference, 1, columns[c], &drop);
        check_mask(reference, 37, columns[c], &drop);
    }
    clg_device_close(reference);
}
END_TEST

/* n additions of 0.1f, losses in stats[0..1] and penalties in stats[2..3], are exact but for what
 * rounding does to the compensation: n roundings of a sum of n errors, each below eps/2 * total. */
START_TEST(compensation)
{
    enum { ADDITIONS = 4000 };
    struct clg_buf stats, hits, loss, y, label, scratch;
    const double tenth = (double)0.1f, one[1] = {tenth};
    const double root[1] = {1};
    const int32_t class_one[1] = {1};
    double got[CLG_STATS];
    make(&stats, CLG_REAL, CLG_STATS);
    make(&hits, CLG_I32, 1);
    make(&loss, CLG_REAL, 1);
    make_matrix(&y, 1, 1);
    make(&label, CLG_I32, 1);
    make(&scratch, CLG_REAL, CLG_PENALTY_SCRATCH);
    ck_ok(clg_real_upload(&loss, one, 0, 1));
    ck_ok(clg_real_upload(&y, root, 0, 1));
    ck_ok(clg_buf_upload(&label, class_one, 0, 1));
    for (int i = 0; i < ADDITIONS; i++) {
        ck_ok(ops->score(device, &stats, &hits, &loss, &y, &label, 1, 1, CLG_TARGET_CLASS));
        ck_ok(ops->penalty(device, &stats, &scratch, &y, 1, 0.1));
    }
    ck_ok(clg_real_download(&stats, got, 0, CLG_STATS));
    const double total = ADDITIONS * tenth, eps = FLT_EPSILON;
    const double bound = total * (ADDITIONS * eps / 2) * (ADDITIONS * eps / 2) + total * eps * eps;
    ck_assert(harness_close(got[0] + got[1], total, bound));
    ck_assert(harness_close(got[2] + got[3], total, bound));
    int32_t found = -1;
    ck_ok(clg_buf_download(&hits, &found, 0, 1));
    ck_assert_int_eq(found, ADDITIONS);
    struct clg_buf *all[] = {&stats, &hits, &loss, &y, &label, &scratch};
    for (int i = 0; i < 6; i++)
        clg_buf_release(all[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exact");
    TCase *cases = tcase_create("exact");
    device = harness_device();
    tcase_set_timeout(cases, 240);
    tcase_add_loop_test(cases, products, 0, 3 * (1 + CLG_TILES));
    tcase_add_loop_test(cases, threads, 0, 3);
    tcase_add_loop_test(cases, shuffle, 0, 10);
    tcase_add_loop_test(cases, dropout, 0, 5);
    tcase_add_test(cases, compensation);
    suite_add_tcase(suite, cases);
    int result = harness_run(suite);
    clg_device_close(device);
    return result;
}
