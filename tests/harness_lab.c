/* One reference device and the operands of its operations, for tests of single operations. */
#include "harness_lab.h"

#include <float.h>
#include <math.h>
#include <string.h>

clg_device *lab_device;
const struct clg_ops *lab_ops;
static struct clg_buf pool[24];
static int used;

void lab_open(void)
{
    ck_ok(clg_device_open(&lab_device, "ref", NULL));
    lab_ops = clg_ops_of(lab_device);
    used = 0;
}

void lab_forget(const struct clg_buf *buf)
{
    ck_assert(buf >= pool && buf < pool + used);
    while (&pool[used] != buf)
        clg_buf_release(&pool[--used]);
}

void lab_close(void)
{
    uint64_t bytes;
    int buffers;
    while (used)
        clg_buf_release(&pool[--used]);
    clg_device_usage(lab_device, &bytes, &buffers);
    ck_assert_int_eq(buffers, 0);
    ck_assert_uint_eq(bytes, 0);
    clg_device_close(lab_device);
}

static struct clg_buf *next(void)
{
    struct clg_buf *buf = &pool[used++];
    ck_assert_uint_le((size_t)used, sizeof pool / sizeof *pool);
    memset(buf, 0, sizeof *buf);
    return buf;
}

struct clg_buf *lab_elements(enum clg_elem elem, size_t count, const void *data)
{
    struct clg_plan plan;
    struct clg_buf *buf = next();
    clg_plan_begin(&plan, lab_device);
    ck_ok(clg_plan_add(&plan, buf, elem, count, "test"));
    ck_ok(clg_plan_commit(&plan));
    if (data)
        ck_ok(clg_buf_upload(buf, data, 0, count));
    return buf;
}

struct clg_buf *lab_vector(int n, const double *data)
{
    return lab_elements(CLG_REAL, (size_t)n, data);
}

struct clg_buf *lab_matrix(int rows, int columns, const double *data)
{
    struct clg_plan plan;
    struct clg_buf *buf = next();
    clg_plan_begin(&plan, lab_device);
    ck_ok(clg_plan_matrix(&plan, buf, rows, columns, "test"));
    ck_ok(clg_plan_commit(&plan));
    if (data)
        ck_ok(clg_matrix_upload(buf, data, rows, columns));
    return buf;
}

void lab_same(double got, double want)
{
    ck_assert_msg(harness_close(got, want, 8 * DBL_EPSILON * fmax(1, fabs(want))),
                  "got %.17g, wanted %.17g", got, want);
}

void lab_matrix_is(const struct clg_buf *buf, const double *want, int rows, int columns)
{
    double got[64];
    ck_assert_int_le(rows * columns, 64);
    ck_ok(clg_matrix_download(buf, got, rows, columns));
    for (int i = 0; i < rows * columns; i++)
        lab_same(got[i], want[i]);
}

void lab_vector_is(const struct clg_buf *buf, const double *want, int n)
{
    lab_matrix_is(buf, want, 1, n);
}

int lab_run(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, lab_open, lab_close);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(all, tests[i]);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
