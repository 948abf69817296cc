/* A loss that leaves the range of a float while every weight and output is finite: the training
 * ends as diverged, by every plan, and blames no layer; one whose weights go names the first layer.
 */
#include "harness_train.h"

#include <stdlib.h>
#include <string.h>

static const char *const plans[] = {"plain", "fused", "resident"};

/* Trains with values of this size as targets; the line that it ends with. */
static const char *line_of(const char *plan, float size, const char *lr, const char *steps,
                           clg_status *status)
{
    float x[32], values[16];
    clg_dataset *data;
    clg_device *device;
    clg_net *net;
    clg_config *config = harness_config("layers", "4:tanh", "loss", "mse", "opt", "sgd", "lr", lr,
                                        "batch", "8", "steps", steps, "plan", plan, NULL);
    for (int i = 0; i < 32; i++)
        x[i] = (float)(i % 5) / 4;
    for (int i = 0; i < 16; i++)
        values[i] = i % 2 ? size : -size;
    ck_ok(clg_dataset_from_arrays(&data, x, 16, 2, NULL, 0, values, 1));
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_device_open(&device, getenv("CLGRAD_TEST_DEVICE"), config));
    *status = clg_train(NULL, net, device, data, NULL, NULL, NULL);
    clg_device_close(device);
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
    return clg_last_error();
}

START_TEST(a_loss_alone_blames_no_layer)
{
    clg_status status;
    const char *line = line_of(plans[_i], 1e25f, "1e-9", "1", &status);
    ck_assert_msg(status == CLG_EDIVERGED, "%d: %s", (int)status, line);
    ck_assert_msg(strstr(line, "the loss is not a finite number") != NULL, "%s", line);
    ck_assert_msg(!strstr(line, "layers."), "%s", line);
}
END_TEST

START_TEST(weights_that_go_name_their_layer)
{
    clg_status status;
    const char *line = line_of(plans[_i], 1e25f, "1e30", "20", &status);
    ck_assert_msg(status == CLG_EDIVERGED, "%d: %s", (int)status, line);
    ck_assert_msg(strstr(line, "layers.0.") != NULL, "%s", line);
}
END_TEST

START_TEST(large_values_that_fit_are_no_divergence)
{
    clg_status status;
    const char *line = line_of(plans[_i], 1e15f, "1e-9", "20", &status);
    ck_assert_msg(status == CLG_OK, "%d: %s", (int)status, line);
}
END_TEST

int main(void)
{
    clg_device_close(harness_device());
    Suite *suite = suite_create("divergence");
    TCase *tests = tcase_create("plans");
    tcase_set_timeout(tests, 0);
    tcase_add_loop_test(tests, a_loss_alone_blames_no_layer, 0, 3);
    tcase_add_loop_test(tests, weights_that_go_name_their_layer, 0, 3);
    tcase_add_loop_test(tests, large_values_that_fit_are_no_divergence, 0, 3);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
