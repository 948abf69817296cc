/* Training on the device with the reference in lockstep: every result of every operation of every
 * step, from the device's own inputs, within its bound. */
#include "core/rng.h"
#include "device/device.h"
#include "harness_files.h"
#include "harness_train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;

static void count_row(void *user, const char *operation, const char *shape, int failed,
                      double worst)
{
    int *rows = user;
    if (failed)
        fprintf(stderr, "%s (%s): %g of its bound\n", operation, shape, worst);
    *rows += 1;
}

/* Trains a network for data in lockstep; steps of epochs of so many, for the count of operations of
 * a network of so many layers. */
static void lockstep(const clg_config *config, const clg_dataset *data, int steps, int epochs,
                     int layers)
{
    int rows = 0;
    clg_verify_options options = {.steps = steps, .user = &rows, .row = count_row};
    clg_verify_result result;
    clg_net *net = NULL;
    uint64_t bytes;
    int buffers, l2 = strcmp(clg_config_get(config, "l2"), "0") != 0;
    ck_ok(clg_net_create(&net, config, data));
    clg_status status = clg_verify_training(&result, net, device, data, &options);
    ck_assert_msg(status == CLG_OK, "%s: %s", clg_net_text(net), clg_last_error());
    /* a step: gather, forward, loss, score, penalty, gradients, deltas between, update */
    ck_assert_int_eq(result.cases, epochs + steps * (4 + l2 + 3 * layers - 1));
    ck_assert_int_eq(result.cases, rows);
    ck_assert_int_eq(result.undecided, 0);
    ck_assert(result.worst > 0 && result.worst <= 1);
    clg_device_usage(device, &bytes, &buffers);
    ck_assert_uint_eq(bytes, 0);
    ck_assert_int_eq(buffers, 0);
    clg_net_destroy(net);
}

/* Pictures of 28 x 28 bytes of ten classes, as an IDX data set: half of each background is black.
 */
static clg_dataset *digits(unsigned rows)
{
    enum { PIXELS = 28 * 28 };
    const unsigned images[] = {rows, 28, 28}, labels[] = {rows};
    unsigned char *pixel = malloc((size_t)rows * PIXELS),
                  *file = malloc((size_t)rows * PIXELS + 64);
    unsigned char *label = malloc(rows);
    char spec[8192];
    clg_dataset *data = NULL;
    for (unsigned r = 0; r < rows; r++) {
        label[r] = (unsigned char)(10 * clg_uniform(3, CLG_STREAM_TEST, 0, r));
        for (unsigned i = 0; i < PIXELS; i++) {
            double ink = clg_uniform(4, CLG_STREAM_TEST, label[r], i);
            double noise = clg_uniform(5, CLG_STREAM_TEST, r, i);
            pixel[r * PIXELS + i] = ink < 0.5 ? 0 : (unsigned char)(255 * (ink + noise) / 2);
        }
    }
    size_t size = files_idx(file, 8, 3, images, pixel, (size_t)rows * PIXELS);
    const char *x = files_put("pictures", file, size);
    size = files_idx(file, 8, 1, labels, label, rows);
    snprintf(spec, sizeof spec, "%s,%s", x, files_put("classes", file, size));
    ck_ok(clg_dataset_load(&data, spec, CLG_PART_ALL, NULL));
    ck_assert_int_eq(clg_dataset_describe(data).bytes, 1);
    free(pixel);
    free(file);
    free(label);
    return data;
}

START_TEST(pictures_by_adam)
{
    clg_dataset *data = digits(500);
    clg_config *config = harness_config("layers", "128", "opt", "adam", NULL);
    lockstep(config, data, 10, 2, 2); /* 8 steps an epoch, the last of 52 rows */
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* Rows with values (rows,3) in 0..1 as targets. */
static clg_dataset *values(size_t rows)
{
    enum { FEATURES = 20, OUTPUTS = 3 };
    float *x = malloc(rows * FEATURES * sizeof *x), *y = malloc(rows * OUTPUTS * sizeof *y);
    clg_dataset *data = NULL;
    for (size_t i = 0; i < rows * FEATURES; i++)
        x[i] = (float)clg_normal(6, CLG_STREAM_TEST, 0, i);
    for (size_t i = 0; i < rows * OUTPUTS; i++)
        y[i] = (float)clg_uniform(6, CLG_STREAM_TEST, 1, i);
    ck_ok(clg_dataset_from_arrays(&data, x, rows, FEATURES, NULL, 0, y, OUTPUTS));
    free(x);
    free(y);
    return data;
}

static const char *const optimisers[][2] = {{"sgd", "0.1"}, {"momentum", "0.05"}, {"adam", "0.01"}};

/* Loss, activations in front, output, targets. */
static const struct {
    const char *loss, *layers, *output;
    int classes; /* 0: values */
} networks[] = {
    {"ce", "16:relu,8:tanh", "softmax", 3},       {"bce", "16:sigmoid,8:relu", "sigmoid", 3},
    {"bce", "16:tanh,8:tanh", "sigmoid", 2},      {"bce", "16:relu,8:relu", "sigmoid", 0},
    {"mse", "16:relu,8:identity", "identity", 0}, {"mse", "16:relu,8:relu", "softmax", 3},
    {"mse", "16:tanh,8:sigmoid", "sigmoid", 3},   {"mse", "16:sigmoid,8:relu", "tanh", 0},
    {"mse", "16:relu,8:relu", "relu", 0},
};
enum { NETWORKS = sizeof networks / sizeof *networks };

START_TEST(each_optimiser_with_each_loss)
{
    const char *const *opt = optimisers[_i / NETWORKS];
    int n = _i % NETWORKS, classes = networks[n].classes;
    clg_dataset *data = classes ? harness_blobs(70, 20, classes, 7) : values(70);
    clg_config *config =
        harness_config("layers", networks[n].layers, "loss", networks[n].loss, "output-act",
                       networks[n].output, "opt", opt[0], "lr", opt[1], "batch", "16", "l2",
                       n % 2 ? "0.001" : "0", "reduction", n % 3 ? "mean" : "sum", NULL);
    lockstep(config, data, 10, 2, 3);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(rows_in_file_order_need_no_permutation)
{
    clg_dataset *data = values(30);
    clg_config *config = harness_config("layers", "", "no-shuffle", "true", "batch", "full", NULL);
    lockstep(config, data, 3, 0, 1);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* Numbers that leave the range of a float are no fault of the device. */
START_TEST(a_training_that_diverges_is_no_mismatch)
{
    clg_dataset *data = values(30);
    clg_config *config =
        harness_config("layers", "16:identity,8:identity", "opt", "sgd", "lr", "1e20", NULL);
    clg_verify_result result;
    clg_net *net = NULL;
    ck_ok(clg_net_create(&net, config, data));
    ck_fails(clg_verify_training(&result, net, device, data, NULL), CLG_EDIVERGED, "diverged");
    ck_assert_ptr_null(device->ops_override);
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lockstep");
    TCase *steps = tcase_create("steps");
    device = harness_device();
    tcase_add_test(steps, pictures_by_adam);
    tcase_add_loop_test(steps, each_optimiser_with_each_loss, 0, 3 * NETWORKS);
    tcase_add_test(steps, rows_in_file_order_need_no_permutation);
    tcase_add_test(steps, a_training_that_diverges_is_no_mismatch);
    suite_add_tcase(suite, steps);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
