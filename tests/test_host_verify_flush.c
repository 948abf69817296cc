/* Bounds for a device that takes denormals for 0, as it says: what that loses is allowed, no more,
 * and where it decides a step nothing is said.  Devices that keep denormals are not touched. */
#include "harness.h"

#include "verify/bounds.h"

#include <float.h>
#include <math.h>

static const struct clg_limits keeps = {.flush = 0.0, .tiny = 8 * (double)FLT_TRUE_MIN};
static const struct clg_limits flushes = {.flush = FLT_MIN,
                                          .tiny = FLT_MIN + 8 * (double)FLT_TRUE_MIN};
static const double denormal = FLT_MIN / 8;

START_TEST(a_denormal_scale_may_be_lost)
{
    const double raw = 200, shift = 0, lost = raw * denormal;
    double bound;
    clg_bound_gather(&bound, &flushes, &raw, &denormal, &shift, 1, 1);
    ck_assert(bound >= lost && bound < lost + 6 * FLT_MIN);
    clg_bound_gather(&bound, &keeps, &raw, &denormal, &shift, 1, 1);
    ck_assert(bound < lost);
}
END_TEST

/* One weight gradient of two rows; the first delta is a denormal. */
START_TEST(a_product_with_a_denormal_may_be_lost)
{
    const double dz[] = {denormal, 0.5}, x[] = {1000, 2}, lost = 1000 * denormal;
    const double dW = lost + 1, db = 0.5;
    double W_bound, b_bound, kept;
    clg_bound_grad(&W_bound, &b_bound, &flushes, &dW, &db, dz, x, 2, 1, 1);
    clg_bound_grad(&kept, &b_bound, &keeps, &dW, &db, dz, x, 2, 1, 1);
    ck_assert(W_bound >= kept && W_bound <= kept + lost + 4 * FLT_MIN);
    const double tiny[] = {denormal, 0}, tiny_dW = lost;
    clg_bound_grad(&W_bound, &b_bound, &flushes, &tiny_dW, &db, tiny, x, 2, 1, 1);
    clg_bound_grad(&kept, &b_bound, &keeps, &tiny_dW, &db, tiny, x, 2, 1, 1);
    ck_assert(W_bound >= lost && kept < lost);
}
END_TEST

START_TEST(squares_may_be_lost)
{
    const size_t n = 1000;
    const double total = (double)n * denormal;
    ck_assert(clg_bound_square_sum(&flushes, total, n) >= total);
    ck_assert(clg_bound_square_sum(&keeps, total, n) < total);
}
END_TEST

/* z is below 0 by less than such a device sees: y may be 0 or 1, and all that follows. */
START_TEST(a_step_at_a_denormal_says_nothing)
{
    static const struct clg_activation step = {.kind = CLG_STEP, .pieces = 1};
    static const struct clg_loss_spec perceptron = {.kind = CLG_PERCEPTRON, .temperature = 1};
    const double z[] = {-denormal, -1}, t[] = {0, 0};
    double y[2], dz[2], loss[1];
    const struct clg_loss_case c = {
        .z = z, .t = t, .B = 1, .O = 2, .spec = &perceptron, .act = &step, .scale = 1};
    clg_bound_loss_fwd(y, dz, loss, &flushes, &c);
    ck_assert(isinf(y[0]) && isinf(dz[0]) && isinf(loss[0]));
    ck_assert(y[1] == 0.0 && dz[1] < 3 * (double)FLT_MIN);
    clg_bound_loss_fwd(y, dz, loss, &keeps, &c);
    ck_assert(y[0] == 0.0 && dz[0] < FLT_MIN && isfinite(loss[0]));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify_flush");
    TCase *tests = tcase_create("verify_flush");
    tcase_add_test(tests, a_denormal_scale_may_be_lost);
    tcase_add_test(tests, a_product_with_a_denormal_may_be_lost);
    tcase_add_test(tests, squares_may_be_lost);
    tcase_add_test(tests, a_step_at_a_denormal_says_nothing);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
