/* clg_verify_gradient: right gradients pass, wrong ones do not, kinks are skipped. */
#include "harness_spoil.h"
#include "harness_train.h"
#include "net/net.h"
#include "verify/verify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static clg_device *device;

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

struct layers {
    int layers;
    size_t compared, skipped;
    double worst;
};

static void on_layer(void *user, int layer, size_t compared, size_t skipped, double worst)
{
    struct layers *seen = user;
    ck_assert_int_eq(layer, seen->layers);
    seen->layers++;
    seen->compared += compared;
    seen->skipped += skipped;
    seen->worst = fmax(seen->worst, worst);
}

/* Verifies the gradient of a network of this configuration, all elements of 20 rows. */
static clg_status verify_gradient(clg_gradient_result *result, const clg_config *config,
                                  const clg_dataset *data)
{
    struct layers seen = {0};
    clg_gradient_options options = {.rows = 20, .samples = -1, .user = &seen, .layer = on_layer};
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    clg_status status = clg_verify_gradient(result, net, data, &options);
    if (status == CLG_OK || status == CLG_EMISMATCH) {
        ck_assert_int_eq(seen.layers, clg_net_layers(net));
        ck_assert_uint_eq(result->compared + result->skipped, net->count);
        ck_assert_uint_eq(result->compared, seen.compared);
        ck_assert_uint_eq(result->skipped, seen.skipped);
        ck_assert(result->worst == seen.worst);
    }
    clg_net_destroy(net);
    assert_untouched();
    return status;
}

/* Every hidden activation, and maxout of three; softmax, which is none, stands for huber. */
START_TEST(gradients_agree_with_differences)
{
    clg_dataset *data = harness_blobs(50, 5, 3, 1);
    char layers[64];
    const char *act = _i == CLG_SOFTMAX ? "tanh" : _i < CLG_ACTS ? clg_act_names[_i] : "maxout:3";
    snprintf(layers, sizeof layers, "6:%s%s,5:tanh", act, _i == CLG_MAXOUT ? ":2" : "");
    clg_config *config =
        harness_config("layers", layers, "loss", _i == CLG_SOFTMAX ? "huber:0.3" : "ce",
                       "output-act", _i == CLG_SOFTMAX ? "gelu" : "softmax", NULL);
    clg_gradient_result result;
    clg_status status = verify_gradient(&result, config, data);
    ck_assert_msg(status == CLG_OK, "%s: %s", layers, clg_last_error());
    ck_assert_str_eq(result.first, "");
    ck_assert(result.worst <= 1e-6);
    ck_assert_uint_le(100 * result.skipped, result.compared);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(a_gradient_has_every_option)
{
    clg_dataset *data = harness_blobs(50, 5, 3, 1);
    clg_config *config = harness_config(
        "layers", "8:silu,6:maxout:2", "dropout", "0.4,0.2", "dropout-input", "0.2", "freeze", "0",
        "label-smoothing", "0.2", "class-weights", "0.3,1,2", "normalize", "std", NULL);
    clg_gradient_result result;
    clg_status status = verify_gradient(&result, config, data);
    ck_assert_msg(status == CLG_OK, "%s", clg_last_error());
    ck_assert_uint_gt(result.compared, 0);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* Each result of backpropagation, wrong by 1/256 of one element. */
START_TEST(a_wrong_gradient_is_noticed)
{
    static const struct spoilt what[] = {
        {"grad", "dW", 1}, {"grad", "db", 0}, {"delta_bwd", "dx", 1}, {"loss_fwd", "dz", 1}};
    static const enum spoil how[] = {SPOIL_BIT};
    clg_dataset *data = harness_blobs(50, 5, 3, 1);
    clg_config *config = harness_config("layers", "6:tanh", NULL);
    clg_gradient_options options = {.rows = 20, .samples = -1};
    clg_gradient_result result;
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    spoil_begin(device, &what[_i], how, 1);
    clg_status status = clg_gradient_check(&result, net, device, data, &options);
    ck_assert_int_eq(spoil_end(device), 1);
    ck_assert_int_eq(status, CLG_EMISMATCH);
    ck_assert(result.worst > 1e-4);
    ck_assert_ptr_nonnull(strstr(result.first, "backpropagation gives"));
    ck_assert_str_eq(result.first, clg_last_error());
    assert_untouched();
    ck_ok(clg_gradient_check(&result, net, device, data, &options));
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* Units at rest exactly on their kink: no difference says anything about what feeds them. */
START_TEST(kinks_are_skipped)
{
    clg_dataset *data = harness_blobs(50, 5, 3, 1);
    clg_config *config = harness_config("layers", "6:relu", "init", "zero", NULL);
    clg_gradient_result result;
    ck_ok(verify_gradient(&result, config, data));
    ck_assert_uint_eq(result.skipped, 6 * 5 + 6);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(what_has_no_gradient_is_refused)
{
    clg_dataset *data = harness_blobs(50, 5, 2, 1);
    clg_config *config = harness_config("loss", "perceptron", NULL);
    clg_gradient_result result;
    verify_gradient(&result, config, data);
    ck_assert_ptr_nonnull(strstr(clg_last_error(), "no gradient"));
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify gradient");
    TCase *all = tcase_create("all");
    if (clg_device_open(&device, "ref", NULL) != CLG_OK)
        return 1;
    tcase_add_loop_test(all, gradients_agree_with_differences, 0, CLG_SOFTPLUS + 2);
    tcase_add_test(all, a_gradient_has_every_option);
    tcase_add_loop_test(all, a_wrong_gradient_is_noticed, 0, 4);
    tcase_add_test(all, kinks_are_skipped);
    tcase_add_test(all, what_has_no_gradient_is_refused);
    suite_add_tcase(suite, all);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
