/* Verification itself: it must notice every kind of wrong result in every result of every
 * operation, and find nothing between the reference and the reference. */
#include "harness_spoil.h"
#include "harness_train.h"
#include "net/net.h"
#include "verify/cases.h"
#include "verify/rounding.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;

START_TEST(an_error_is_measured_in_bounds)
{
    int undecided = 0;
    ck_assert(clg_error_of(1.5, 1.0, 0.5, &undecided) == 1.0);
    ck_assert(clg_error_of(1.0, 1.0, 0.0, &undecided) == 0.0);
    ck_assert(clg_error_of(0.5, 1.0, 0.25, &undecided) == 2.0);
    ck_assert(isinf(clg_error_of(nextafter(1.0, 2.0), 1.0, 0.0, &undecided)));
    ck_assert_int_eq(undecided, 0);
}
END_TEST

START_TEST(what_is_no_number_is_never_close)
{
    static const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    int undecided = 0;
    for (size_t i = 0; i < 3; i++) {
        ck_assert(isinf(clg_error_of(odd[i], 1.0, 1e30, &undecided)));
        ck_assert(isinf(clg_error_of(1.0, odd[i], 1e30, &undecided)));
    }
    ck_assert(isinf(clg_error_of((double)NAN, (double)NAN, 1, &undecided)));
    ck_assert(isinf(clg_error_of((double)INFINITY, -(double)INFINITY, 1, &undecided)));
    ck_assert(isinf(clg_error_of(1.0, 1.0, (double)NAN, &undecided)));
    ck_assert_int_eq(undecided, 0);
}
END_TEST

START_TEST(an_overflow_is_the_same_infinity)
{
    const double most = FLT_MAX, beyond = 4 * most;
    int undecided = 0;
    ck_assert(clg_error_of((double)INFINITY, beyond, 1, &undecided) == 0);
    ck_assert(isinf(clg_error_of(-(double)INFINITY, beyond, 1, &undecided)));
    ck_assert(isinf(clg_error_of(most, beyond, 1, &undecided)));
    ck_assert(clg_error_of(-(double)INFINITY, -(double)INFINITY, 1, &undecided) == 0);
    ck_assert_int_eq(undecided, 0);
    /* at the edge rounding decides, and either is right */
    ck_assert(clg_error_of((double)INFINITY, most, most * 1e-6, &undecided) == 0);
    ck_assert_int_eq(undecided, 1);
    ck_assert(clg_error_of(most, most * (1 + 1e-7), most * 1e-6, &undecided) < 1);
    undecided = 0;
    ck_assert(clg_error_of((double)NAN, 1, (double)INFINITY, &undecided) == 0);
    ck_assert_int_eq(undecided, 1);
}
END_TEST

static double value_of(const struct clg_activation *act, double z)
{
    switch (act->kind) {
    case CLG_SIGMOID:
        return 1 / (1 + exp(-z));
    case CLG_TANH:
        return tanh(z);
    case CLG_RELU:
        return fmax(z, 0);
    case CLG_STEP:
        return z >= 0;
    case CLG_LEAKY_RELU:
        return z > 0 ? z : act->a * z;
    case CLG_ELU:
        return z > 0 ? z : act->a * expm1(z);
    case CLG_GELU:
        return z * erfc(-z * sqrt(0.5)) / 2;
    case CLG_SILU:
        return z / (1 + exp(-z));
    case CLG_SOFTPLUS:
        return z > 20 ? z : log1p(exp(z));
    default:
        return z;
    }
}

static int is_copy(const struct clg_activation *act, double z)
{
    return act->kind == CLG_IDENTITY || act->kind == CLG_RELU || act->kind == CLG_STEP ||
           act->kind == CLG_MAXOUT ||
           ((act->kind == CLG_LEAKY_RELU || act->kind == CLG_ELU) && z >= 0) ||
           (act->kind == CLG_SOFTPLUS && z > 20);
}

/* What a step from known gradients should give is what the reference's update gives: slots, and the
 * parameters from these very slots. */
START_TEST(what_is_learned_is_the_reference)
{
    enum { N = 40, WEIGHTS = 25 };
    const struct clg_update u = {.opt = (enum clg_opt)(_i / 2),
                                 .lr = 0.01,
                                 .l2 = 0.02,
                                 .momentum = _i % 2 ? 0.9 : 0,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .rho = 0.99,
                                 .eps = 1e-8,
                                 .weight_decay = 0.1,
                                 .t = 3};
    const struct clg_limits limits = clg_limits_of(device);
    struct clg_buf buf[4] = {{0}};
    double before[4][N], after[3][N], want[3][N], bound[3][N], exact[N];
    struct clg_plan plan;
    clg_plan_begin(&plan, device);
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < N; i++)
            before[k][i] = k == 1 || k == 2 ? 0.01 + (i * 7 % 11) * 0.1 : sin(i + 0.3 * k);
        ck_ok(clg_plan_add(&plan, &buf[k], CLG_REAL, N, "test"));
    }
    for (int i = 0; i < N; i++)
        exact[i] = i % 7 ? 0 : -1;
    ck_ok(clg_plan_commit(&plan));
    for (int k = 0; k < 4; k++)
        ck_ok(clg_real_upload(&buf[k], before[k], 0, N));
    ck_ok(clg_ops_reference.update(device, &buf[0], &buf[1], &buf[2], &buf[3], N, WEIGHTS, &u));
    for (int k = 0; k < 3; k++)
        ck_ok(clg_real_download(&buf[k], after[k], 0, N));
    clg_bound_learn((double *const[]){want[0], want[1], want[2]},
                    (double *const[]){bound[0], bound[1], bound[2]}, &limits,
                    (const double *const[]){before[0], before[1], before[2]},
                    (const double *const[]){after[0], after[1], after[2]}, before[3], exact, N,
                    WEIGHTS, &u);
    for (int k = 0; k <= clg_opt_slots(u.opt); k++)
        for (int i = 0; i < N; i++) {
            const double right = exact[i] < 0 ? before[k][i] : after[k][i];
            ck_assert_msg(harness_close(want[k][i], right, 1e-14), "%s %d: %.17g, not %.17g",
                          clg_opt_names[u.opt], k, want[k][i], right);
            ck_assert(exact[i] < 0 ? bound[k][i] == 0 : bound[k][i] < 1e-5);
        }
    for (int k = 0; k < 4; k++)
        clg_buf_release(&buf[k]);
}
END_TEST

/* The law for element-wise results: rtol 1e-5 and atol 1e-6 of the largest are never exceeded. */
START_TEST(bounds_of_activations_are_tight)
{
    enum { N = 4001 };
    static double z[N], bound[N];
    struct clg_limits limits = clg_limits_of(device);
    const struct clg_activation *act = &clg_case_acts[_i];
    for (int i = 0; i < N; i++)
        z[i] = (i - N / 2) * 0.05;
    if (act->kind == CLG_SOFTMAX || act->pieces > 1)
        return;
    clg_bound_output_fwd(bound, &limits, z, 1, N, act);
    double most = act->kind == CLG_SIGMOID || act->kind == CLG_TANH ? 1 : z[N - 1];
    for (int i = 0; i < N; i++) {
        double y = value_of(act, z[i]);
        ck_assert_msg(bound[i] <= 1e-5 * fabs(y) + 1e-6 * most, "%s(%g): %g",
                      clg_act_names[act->kind], z[i], bound[i]);
        ck_assert_msg(is_copy(act, z[i]) ? bound[i] == 0 : bound[i] > 0, "%s(%g): %g",
                      clg_act_names[act->kind], z[i], bound[i]);
    }
}
END_TEST

/* The same of derivatives, beside central differences: the value that the bound is for. */
START_TEST(slopes_of_activations_are_right_and_tight)
{
    struct clg_limits limits = clg_limits_of(device);
    const struct clg_activation *act = &clg_case_acts[_i];
    const double h = 1e-5;
    if (act->kind == CLG_SOFTMAX || act->pieces > 1)
        return;
    for (int i = -400; i <= 400; i++) {
        double z = i * 0.05 + 0.013, y = value_of(act, z);
        double n = (value_of(act, z + h) - value_of(act, z - h)) / (2 * h);
        struct clg_near slope = clg_slope_near(&limits, act, z, (struct clg_near){y, 0.0});
        ck_assert_msg(harness_close(slope.at, n, 1e-8), "%s'(%g): %g, by differences %g",
                      clg_act_names[act->kind], z, slope.at, n);
        ck_assert_msg(slope.by >= 0 && slope.by <= 1e-5 * fabs(slope.at) + 1e-6, "%s'(%g): %g",
                      clg_act_names[act->kind], z, slope.by);
    }
}
END_TEST

/* Sums of K products get K * FLT_EPSILON * sum |a b|, and an activation behind them its slope. */
START_TEST(bounds_of_products_are_the_guide_s)
{
    const double x[] = {1, -2, 3}, W[] = {0.5, 0.25, -1}, b[] = {2};
    const double size = 0.5 + 0.5 + 3 + 2, sum = 4 * (double)FLT_EPSILON * size + FLT_MIN;
    const double z = 0.5 - 0.5 - 3 + 2, s = 1 / (1 + exp(-z));
    struct clg_limits limits = clg_limits_of(device);
    struct clg_activation act = {CLG_IDENTITY, 0, 1};
    double bound;
    clg_bound_dense_fwd(&bound, &limits, x, W, b, 1, 3, 1, &act);
    ck_assert(harness_close(bound, sum, 1e-15 * sum));
    act.kind = CLG_SIGMOID;
    clg_bound_dense_fwd(&bound, &limits, x, W, b, 1, 3, 1, &act);
    ck_assert(harness_close(bound, s * (1 - s) * sum + 6 * (double)FLT_EPSILON * s, 1e-5 * sum));
    act.kind = CLG_RELU;
    clg_bound_dense_fwd(&bound, &limits, x, W, b, 1, 3, 1, &act);
    ck_assert(bound == 0); /* z = -1 is far below 0 */
}
END_TEST

/* There is a bound unless the order of a sum decides whether it overflows. */
START_TEST(bounds_end_where_sums_may_overflow)
{
    static const struct {
        double x[3];
        int bounded;
    } cases[] = {
        {{1e30, 2e30, -3e30}, 1},      {{1e30, 2e30, 3e30}, 1},  {{1e39, 2e39, 3e39}, 1},
        {{1e39, 2e39, -1e38}, 1},      {{1e39, -2e39, 1e39}, 0}, {{4e38, 1, -3e38}, 0},
        {{(double)INFINITY, 1, 2}, 0},
    };
    const double W[] = {1, 1, 1}, b[] = {0};
    const struct clg_activation relu = {CLG_RELU, 0, 1};
    struct clg_limits limits = clg_limits_of(device);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double bound;
        clg_bound_dense_fwd(&bound, &limits, cases[i].x, W, b, 1, 3, 1, &relu);
        ck_assert_msg(isfinite(bound) == cases[i].bounded, "case %zu: %g", i, bound);
    }
}
END_TEST

struct seen {
    int rows, failed;
    char operations[512];
};

static void on_row(void *user, const char *operation, const char *shape, int failed, double worst)
{
    struct seen *seen = user;
    ck_assert(*shape != '\0' && worst >= 0);
    seen->rows++;
    seen->failed += failed;
    if (!strstr(seen->operations, operation)) {
        strcat(seen->operations, operation);
        strcat(seen->operations, " ");
    }
}

static void assert_untouched(void)
{
    uint64_t bytes;
    int buffers;
    clg_device_usage(device, &bytes, &buffers);
    ck_assert_uint_eq(bytes, 0);
    ck_assert_int_eq(buffers, 0);
    ck_assert_ptr_null(device->ops_override);
    ck_assert_ptr_null(device->ops_user);
}

START_TEST(the_reference_agrees_with_itself)
{
    struct seen seen = {0};
    clg_verify_options options = {.operations = 1, .user = &seen, .row = on_row};
    clg_verify_result result;
    ck_ok(clg_verify_operations(&result, device, &options));
    ck_assert_int_eq(result.failed, 0);
    ck_assert(result.worst == 0);
    ck_assert_int_eq(result.undecided, 0);
    ck_assert_int_eq(result.cases, seen.rows);
    ck_assert_int_gt(seen.rows, 200);
    for (size_t i = 0; i < spoil_count; i++)
        ck_assert_ptr_nonnull(strstr(seen.operations, spoil_results[i].operation));
    assert_untouched();
}
END_TEST

/* What kernels/ treat specially and the sizes of the sets might miss. */
struct reached {
    int depth[3];     /* of the products: the deepest K */
    int one_short[2]; /* output_fwd, loss_fwd: columns one short of a piece of 16 */
    int half_a_piece; /* dense_fwd: W with whole tiles of 8 rows, not of 16 */
};

static void on_shape(void *user, const char *operation, const char *shape, int failed, double worst)
{
    static const char *const product[] = {"delta_bwd", "dense_fwd", "grad"};
    struct reached *reached = user;
    int B = 0, I = 0, O = 0;
    ck_assert(!failed && worst == 0);
    if (sscanf(shape, "B %d, I %d, O %d", &B, &I, &O) == 3) {
        const int depth[3] = {O, I, B};
        for (int i = 0; i < 3; i++)
            if (strcmp(operation, product[i]) == 0 && depth[i] > reached->depth[i])
                reached->depth[i] = depth[i];
        reached->half_a_piece |= strcmp(operation, "dense_fwd") == 0 && O % 16 == 8;
    } else if (sscanf(shape, "B %d, O %d", &B, &O) == 2) {
        reached->one_short[0] |= strcmp(operation, "output_fwd") == 0 && O % 16 == 15;
        reached->one_short[1] |= strcmp(operation, "loss_fwd") == 0 && O % 16 == 15;
    }
}

/* A panel of the products is at most 2048 deep (host/ops/matmul_native.c). */
START_TEST(the_quick_set_reaches_the_edges_of_kernels)
{
    struct reached reached = {{0}, {0}, 0};
    clg_verify_options options = {.operations = 1, .user = &reached, .row = on_shape};
    clg_verify_result result;
    ck_ok(clg_verify_operations(&result, device, &options));
    for (int i = 0; i < 3; i++)
        ck_assert_int_gt(reached.depth[i], 2048);
    ck_assert(reached.one_short[0] && reached.one_short[1]);
    ck_assert(reached.half_a_piece);
}
END_TEST

START_TEST(verifying_nothing_is_refused)
{
    clg_verify_options options = {0};
    clg_verify_result result;
    ck_fails(clg_verify_operations(&result, device, &options), CLG_EUSAGE, "operations 0");
}
END_TEST

/* Runs the quick set with what spoilt by count ways: exactly so many cases fail, and the first is
 * named with the words. */
static void assert_noticed(const struct spoilt *what, const enum spoil *how, int count,
                           const char *words)
{
    struct seen seen = {0};
    clg_verify_options options = {.operations = 1, .user = &seen, .row = on_row};
    clg_verify_result result;
    spoil_begin(device, what, how, count);
    clg_status status = clg_verify_operations(&result, device, &options);
    ck_assert_int_eq(spoil_end(device), count);
    ck_assert_msg(status == CLG_EMISMATCH, "%s %s: %s", what->operation, what->operand,
                  clg_status_text(status));
    ck_assert_msg(result.failed == count, "%s %s: %d failed, not %d: %s", what->operation,
                  what->operand, result.failed, count, result.first);
    ck_assert_int_eq(seen.failed, count);
    ck_assert_msg(strncmp(result.first, what->operation, strlen(what->operation)) == 0,
                  "\"%s\" names another than %s", result.first, what->operation);
    ck_assert_msg(strstr(result.first, words) != NULL, "\"%s\" lacks \"%s\"", result.first, words);
    ck_assert_ptr_nonnull(strstr(clg_last_error(), result.first));
    ck_assert(result.worst > 1);
    assert_untouched();
}

START_TEST(wrong_elements_are_noticed)
{
    static const enum spoil how[] = {SPOIL_NAN, SPOIL_INF, SPOIL_BIT};
    assert_noticed(&spoil_results[_i], how, 3, spoil_results[_i].operand);
}
END_TEST

START_TEST(writing_out_of_bounds_is_noticed)
{
    static const enum spoil how[] = {SPOIL_BEHIND, SPOIL_FRONT};
    assert_noticed(&spoil_results[_i], how, 2, "behind its last");
    assert_noticed(&spoil_results[_i], how + 1, 1, "in front of it");
}
END_TEST

START_TEST(an_operation_that_does_nothing_is_noticed)
{
    static const enum spoil how[] = {SPOIL_SKIP};
    assert_noticed(&spoil_results[_i], how, 1, "seed 1");
}
END_TEST

/* Trains net on the reference under watch: nothing differs, net stays what it was. */
static clg_verify_result watch_reference(const clg_config *config, const clg_dataset *data)
{
    struct seen seen = {0};
    clg_verify_options options = {.steps = 6, .user = &seen, .row = on_row};
    clg_verify_result result;
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    double *before = malloc(net->count * sizeof *before);
    memcpy(before, net->params, net->count * sizeof *before);
    ck_ok(clg_verify_training(&result, net, device, data, &options));
    ck_assert_mem_eq(before, net->params, net->count * sizeof *before);
    ck_assert_int_eq(seen.rows, result.cases);
    ck_assert(result.worst == 0);
    assert_untouched();
    free(before);
    clg_net_destroy(net);
    return result;
}

START_TEST(training_of_the_reference_agrees_with_itself)
{
    clg_dataset *data = harness_blobs(50, 5, 3, 1);
    clg_config *config = harness_config("layers", "7:tanh", "opt", clg_opt_names[_i], "l2", "0.01",
                                        "batch", "16", NULL);
    clg_verify_result result = watch_reference(config, data);
    /* two epochs: a permutation each; a step: gather, 2 forward, loss, score, penalty, delta,
     * 2 gradients, update */
    ck_assert_int_eq(result.cases, 2 + 6 * 10);
    clg_config_destroy(config);
    /* with everything: dropout of the input and after both hidden layers, norm and clip */
    config = harness_config("layers", "7:maxout:3,6:silu", "opt", clg_opt_names[_i], "batch", "16",
                            "dropout", "0.3", "dropout-input", "0.1", "clip-norm", "0.1",
                            "label-smoothing", "0.1", "class-weights", "1,2,3", NULL);
    result = watch_reference(config, data);
    ck_assert_int_eq(result.cases, 2 + 6 * (1 + 3 + 3 + 2 + 3 + 2 + 2 + 1));
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* In a training a wrong number goes on into the next operations, which are right for it; one that
 * no operation could bear ends it. */
START_TEST(wrong_elements_in_training_are_noticed)
{
    static const struct {
        struct spoilt what;
        enum spoil how;
        const char *words;
    } spoilt[] = {
        {{"grad", "dW", 1}, SPOIL_BIT, "dW["},
        {{"delta_bwd", "dx", 1}, SPOIL_NAN, "dx["},
        {{"update", "params", 0}, SPOIL_INF, "params["},
        {{"permute", "perm", 0}, SPOIL_RANGE, "perm["},
        {{"gather", "t", 0}, SPOIL_RANGE, "t["},
    };
    clg_dataset *data = harness_blobs(50, 5, 3, 1);
    clg_config *config = harness_config("layers", "7", "batch", "16", NULL);
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        clg_verify_result result;
        spoil_begin(device, &spoilt[i].what, &spoilt[i].how, 1);
        clg_status status = clg_verify_training(&result, net, device, data, NULL);
        ck_assert_int_eq(spoil_end(device), 1);
        ck_assert_msg(status == CLG_EMISMATCH, "%s: %s", spoilt[i].words, clg_status_text(status));
        ck_assert_int_ge(result.failed, 1);
        ck_assert_msg(strstr(result.first, spoilt[i].words) != NULL, "%s", result.first);
        assert_untouched();
    }
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* A step whose sum is 0 but for rounding may be 0 or 1, and nothing else. */
START_TEST(steps_at_their_kink_are_counted)
{
    const double x[] = {1, -1, 3}, W[] = {1, 1, 0}, b[] = {0};
    const struct clg_activation step = {CLG_STEP, 0, 1};
    struct clg_limits limits = clg_limits_of(device);
    double bound;
    clg_bound_dense_fwd(&bound, &limits, x, W, b, 1, 3, 1, &step);
    ck_assert(isinf(bound));
    const double off[] = {1e-3};
    clg_bound_dense_fwd(&bound, &limits, x, W, off, 1, 3, 1, &step);
    ck_assert(bound == 0);
    clg_bound_output_fwd(&bound, &limits, b, 1, 1, &step); /* of a given z there is no doubt */
    ck_assert(bound == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify");
    TCase *comparison = tcase_create("comparison"), *operations = tcase_create("operations");
    if (clg_device_open(&device, "ref", NULL) != CLG_OK)
        return 1;
    tcase_add_test(comparison, an_error_is_measured_in_bounds);
    tcase_add_test(comparison, what_is_no_number_is_never_close);
    tcase_add_test(comparison, an_overflow_is_the_same_infinity);
    tcase_add_loop_test(comparison, what_is_learned_is_the_reference, 0, 2 * CLG_OPTS);
    tcase_add_loop_test(comparison, bounds_of_activations_are_tight, 0, (int)clg_case_acts_count);
    tcase_add_loop_test(comparison, slopes_of_activations_are_right_and_tight, 0,
                        (int)clg_case_acts_count);
    tcase_add_test(comparison, bounds_of_products_are_the_guide_s);
    tcase_add_test(comparison, bounds_end_where_sums_may_overflow);
    tcase_add_test(operations, the_reference_agrees_with_itself);
    tcase_add_test(operations, the_quick_set_reaches_the_edges_of_kernels);
    tcase_add_test(operations, verifying_nothing_is_refused);
    tcase_add_loop_test(operations, wrong_elements_are_noticed, 0, (int)spoil_count);
    tcase_add_loop_test(operations, writing_out_of_bounds_is_noticed, 0, (int)spoil_count);
    tcase_add_loop_test(operations, an_operation_that_does_nothing_is_noticed, 0, (int)spoil_count);
    tcase_add_loop_test(operations, training_of_the_reference_agrees_with_itself, 0, CLG_OPTS);
    tcase_add_test(operations, steps_at_their_kink_are_counted);
    tcase_add_test(operations, wrong_elements_in_training_are_noticed);
    suite_add_tcase(suite, comparison);
    suite_add_tcase(suite, operations);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
