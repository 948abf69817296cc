/* Moments of the optimiser that have decayed to denormals: a step on them takes no longer than one
 * on ordinary numbers.  Processors take a hundred cycles for each denormal unless they are told to
 * take it for 0, and 0.9 times the smallest one is that one again: it never ends. */
#define _GNU_SOURCE
#include "device/launch.h"
#include "harness.h"
#include "ops/ops.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { COUNT = 262144, TRIES = 15 };

static clg_device *device;
static struct clg_buf params, grads, slot0, slot1;

static void open_device(void)
{
    struct clg_plan plan;
    device = harness_device();
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, &params, CLG_REAL, COUNT, "parameters"));
    ck_ok(clg_plan_add(&plan, &grads, CLG_REAL, COUNT, "gradients"));
    ck_ok(clg_plan_add(&plan, &slot0, CLG_REAL, COUNT, "first moments"));
    ck_ok(clg_plan_add(&plan, &slot1, CLG_REAL, COUNT, "second moments"));
    ck_ok(clg_plan_commit(&plan));
}

static void close_device(void)
{
    clg_buf_release(&params);
    clg_buf_release(&grads);
    clg_buf_release(&slot0);
    clg_buf_release(&slot1);
    clg_device_close(device);
}

static void fill(struct clg_buf *buf, double value)
{
    double *data = malloc(COUNT * sizeof *data);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < COUNT; i++)
        data[i] = value;
    ck_ok(clg_real_upload(buf, data, 0, COUNT));
    free(data);
}

/* Seconds of the fastest of some steps of Adam without a gradient on such moments. */
static double fastest_step(double moment)
{
    const struct clg_ops *ops = clg_ops_of(device);
    struct clg_update update = {
        .opt = CLG_ADAM, .lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .t = 1000};
    double best = INFINITY;
    fill(&params, 1.0);
    fill(&grads, 0.0);
    for (int i = 0; i < TRIES; i++) {
        fill(&slot0, moment);
        fill(&slot1, moment);
        ck_ok(clg_device_finish(device));
        const double begun = clg_clock();
        ck_ok(ops->update(device, &params, &slot0, &slot1, &grads, COUNT, COUNT, &update));
        ck_ok(clg_device_finish(device));
        best = fmin(best, clg_clock() - begun);
    }
    return best;
}

START_TEST(denormal_moments_cost_nothing)
{
    const double ordinary = fastest_step(0.01), denormal = fastest_step(FLT_MIN / 1000);
    ck_assert_msg(denormal < 3 * ordinary, "%g s, on ordinary moments %g s", denormal, ordinary);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("denormals");
    TCase *tests = tcase_create("denormals");
    tcase_add_unchecked_fixture(tests, open_device, close_device);
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, denormal_moments_cost_nothing);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
