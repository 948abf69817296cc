/* Bounds where denormals may be taken for 0: what that loses is allowed, no more, and where it
 * decides a step nothing is said.  Without it nothing of that is allowed. */
#include "harness.h"

#include "verify/bounds.h"
#include "verify/rounding.h"

#include <float.h>
#include <math.h>

static const struct clg_limits keeps = {.flush = 0.0, .tiny = 8 * (double)FLT_TRUE_MIN};
static const struct clg_limits flushes = {.flush = FLT_MIN,
                                          .tiny = 2 * FLT_MIN + 8 * (double)FLT_TRUE_MIN};
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
    ck_assert(y[1] == 0.0 && dz[1] < 6 * (double)FLT_MIN);
    clg_bound_loss_fwd(y, dz, loss, &keeps, &c);
    ck_assert(y[0] == 0.0 && dz[0] < FLT_MIN && isfinite(loss[0]));
}
END_TEST

/* The columns: the largest y a denormal, a number, and none above 0. */
START_TEST(a_unit_at_a_denormal_may_be_alive)
{
    const double y[] = {denormal, denormal, 0, -1, 1, -denormal};
    double bound[3];
    clg_bound_alive(bound, &flushes, y, 2, 3);
    ck_assert(bound[0] == 1 && bound[1] == 0 && bound[2] == 0);
    clg_bound_alive(bound, &keeps, y, 2, 3);
    ck_assert(bound[0] == 0);
}
END_TEST

/* The rows: two denormals are largest, one is, a number is. */
START_TEST(a_row_of_denormals_may_hit)
{
    const double y[] = {denormal, -denormal, -1, denormal, -1, -1, denormal, 0, 1};
    double bound[3];
    clg_bound_hits(bound, &flushes, y, 3, 3);
    ck_assert(bound[0] == 1 && bound[1] == 0 && bound[2] == 0);
    clg_bound_hits(bound, &keeps, y, 3, 3);
    ck_assert(bound[0] == 0);
}
END_TEST

/* Two pieces that are denormals are tied: either gets the delta.  Of two numbers one does. */
START_TEST(denormal_pieces_are_tied)
{
    static const struct clg_activation maxout = {.kind = CLG_MAXOUT, .pieces = 2};
    static const struct clg_loss_spec mse = {.kind = CLG_MSE, .temperature = 1};
    const double tied[] = {denormal, -denormal}, apart[] = {1, -denormal}, t[] = {4};
    double y[1], dz[2], loss[1];
    struct clg_loss_case c = {
        .z = tied, .t = t, .B = 1, .O = 1, .spec = &mse, .act = &maxout, .scale = 1};
    clg_bound_loss_fwd(y, dz, loss, &flushes, &c);
    ck_assert(dz[0] >= 4 && dz[1] >= 4 && y[0] >= 2 * denormal && y[0] <= 2 * FLT_MIN);
    clg_bound_loss_fwd(y, dz, loss, &keeps, &c);
    ck_assert(dz[0] < 1e-5 && dz[1] == 0 && y[0] == 0);
    c.z = apart;
    clg_bound_loss_fwd(y, dz, loss, &flushes, &c);
    ck_assert(dz[0] < 1e-5 && dz[1] == 0);
}
END_TEST

START_TEST(relu_may_give_a_denormal_back)
{
    static const struct clg_activation relu = {.kind = CLG_RELU, .pieces = 1};
    const struct clg_near below = {-denormal, 0.0}, far = {-2 * FLT_MIN, 0.0};
    ck_assert(clg_act_near(&flushes, &relu, below).by >= denormal);
    ck_assert(clg_act_near(&flushes, &relu, far).by == 0);
    ck_assert(clg_act_near(&keeps, &relu, below).by == 0);
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
    tcase_add_test(tests, a_unit_at_a_denormal_may_be_alive);
    tcase_add_test(tests, a_row_of_denormals_may_hit);
    tcase_add_test(tests, denormal_pieces_are_tied);
    tcase_add_test(tests, relu_may_give_a_denormal_back);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
