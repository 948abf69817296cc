/* On a device: the drift of both sides running free, a training that checks itself, the same bits
 * in every run and on one compute unit, and a wrong result in the midst of it. */
#include "core/rng.h"
#include "device/device.h"
#include "harness_spoil.h"
#include "harness_train.h"
#include "net/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;
static clg_dataset *data;

/* Two passes over blobs: enough for groups on several units, few for a test. */
static clg_net *net_of(const char *key, const char *value)
{
    clg_config *config =
        harness_config("layers", "64,33:tanh", "batch", "50", "dropout", "0.1", key, value, NULL);
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    clg_config_destroy(config);
    return net;
}

struct seen {
    double drift;
    int cases;
};

static void on_tensor(void *user, const clg_verify_tensor *tensor)
{
    struct seen *seen = user;
    ck_assert(tensor->worst <= 1);
    if (!isnan(tensor->drift))
        seen->drift = fmax(seen->drift, tensor->drift);
}

static void on_case(void *user, const clg_verify_case *compared)
{
    struct seen *seen = user;
    seen->cases++;
    ck_assert(compared->nmse < 1e-9 && compared->ms > 0);
}

/* Single precision drifts, but not far in ten steps: float's rounding is 6e-8. */
START_TEST(both_sides_running_free_stay_near)
{
    struct seen seen = {0};
    clg_verify_options options = {.steps = 10, .user = &seen, .tensor = on_tensor, .each = on_case};
    clg_verify_result result;
    clg_net *net = net_of("opt", "sgd");
    ck_ok(clg_verify_training(&result, net, device, data, &options));
    ck_assert(seen.drift > 0 && seen.drift < 1e-5);
    ck_assert(result.drift == seen.drift);
    ck_assert_str_eq(result.cause, "");
    ck_assert_int_eq(seen.cases, result.cases);
    clg_net_destroy(net);
}
END_TEST

/* A rate at which every rounding is blown up: each operation is right, and the two sides part. */
START_TEST(accumulation_is_told_from_operations)
{
    clg_verify_options options = {.steps = 60};
    clg_verify_result result;
    clg_config *config =
        harness_config("layers", "32:tanh,32:tanh", "batch", "50", "opt", "sgd", "lr", "30", NULL);
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    clg_status status = clg_verify_training(&result, net, device, data, &options);
    ck_assert_msg(status == CLG_OK, "%s", clg_last_error());
    ck_assert_msg(strcmp(result.cause, "accumulation") == 0, "drift %g", result.drift);
    ck_assert_int_eq(result.failed, 0);
    clg_net_destroy(net);
    clg_config_destroy(config);
}
END_TEST

START_TEST(a_wrong_result_has_its_cause)
{
    static const struct spoilt what[] = {
        {"grad", "dW", 1}, {"delta_bwd", "dx", 1}, {"update", "slot1", 0}};
    static const enum spoil how[] = {SPOIL_BIT, SPOIL_BIT};
    static const char *const tensor[] = {"layers.2.weight.grad", "layers.1.dz", "opt.v.layers."};
    clg_net *net = net_of("opt", "adam");
    for (int count = 1; count <= 2; count++) {
        clg_verify_options options = {.steps = 2};
        clg_verify_result result;
        spoil_begin(device, &what[_i], how, count);
        clg_status status = clg_verify_training(&result, net, device, data, &options);
        ck_assert_int_eq(spoil_end(device), count);
        ck_assert_int_eq(status, CLG_EMISMATCH);
        ck_assert_str_eq(result.cause, count == 1 ? "transient" : "operation");
        ck_assert_msg(strncmp(result.first_tensor, tensor[_i], strlen(tensor[_i])) == 0, "%s",
                      result.first_tensor);
        ck_assert_uint_eq(result.first_step, 1);
    }
    clg_net_destroy(net);
}
END_TEST

START_TEST(checks_do_not_change_a_training)
{
    clg_net *checked = net_of("check-every", "7"), *plain = net_of("check-every", "1000");
    clg_train_result result;
    ck_ok(clg_train(&result, checked, device, data, NULL, NULL, NULL));
    ck_assert_uint_eq(result.checks, result.steps / 7);
    ck_assert_uint_gt(result.checks, 2);
    ck_ok(clg_train(&result, plain, device, data, NULL, NULL, NULL));
    ck_assert_uint_eq(result.checks, 0);
    ck_assert_mem_eq(plain->params, checked->params, plain->count * sizeof *plain->params);
    clg_net_destroy(plain);
    clg_net_destroy(checked);
}
END_TEST

START_TEST(runs_and_units_give_the_same_bits)
{
    clg_repeat_options options = {.runs = 3, .steps = 20};
    clg_repeat_result result;
    clg_net *net = net_of("opt", "adam");
    ck_ok(clg_verify_repeat(&result, net, device, data, &options));
    ck_assert_int_eq(result.differing, 0);
    ck_assert(result.unit == (*result.note == '\0')); /* else it says why not */
    printf("on one compute unit: %s\n", result.unit ? "the same bits" : result.note);
    ck_ok(clg_verify_repeat(&result, NULL, device, NULL, NULL));
    clg_net_destroy(net);
}
END_TEST

static void setup(void)
{
    data = harness_blobs(200, 20, 4, 1);
}

static void teardown(void)
{
    clg_dataset_destroy(data);
}

int main(void)
{
    Suite *suite = suite_create("verify lockstep on a device");
    TCase *all = tcase_create("all");
    device = harness_device();
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, both_sides_running_free_stay_near);
    tcase_add_test(all, accumulation_is_told_from_operations);
    tcase_add_loop_test(all, a_wrong_result_has_its_cause, 0, 3);
    tcase_add_test(all, checks_do_not_change_a_training);
    tcase_add_test(all, runs_and_units_give_the_same_bits);
    suite_add_tcase(suite, all);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
