/* The training loop, evaluation and prediction where no device is needed: what they refuse, what
 * they report, and that a training begins anew. */
#define _GNU_SOURCE
#include "harness_files.h"
#include "harness_train.h"

#include "net/net.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;

static void open_device(void)
{
    ck_ok(clg_device_open(&device, "ref", NULL));
}

static void close_device(void)
{
    clg_device_close(device);
}

static clg_dataset *values_of(const float *x, size_t rows, size_t features, const float *values)
{
    clg_dataset *data;
    ck_ok(clg_dataset_from_arrays(&data, x, rows, features, NULL, 0, values, 1));
    return data;
}

/* A second training of a network is that of a new network with the same weights. */
START_TEST(training_begins_anew)
{
    static const char *const opts[] = {"momentum", "adam"};
    clg_dataset *data = harness_blobs(90, 4, 3, 1);
    for (size_t k = 0; k < 2; k++) {
        clg_config *config = harness_config("layers", "5", "opt", opts[k], "epochs", "2", NULL);
        clg_net *used, *fresh;
        clg_train_result result;
        size_t count;
        ck_ok(clg_net_create(&used, config, data));
        ck_ok(clg_net_create(&fresh, config, data));
        ck_ok(clg_train(NULL, used, device, data, NULL, NULL, NULL));
        for (int l = 0; l < 2; l++) {
            double W[32], b[8];
            ck_ok(clg_net_get_weights(used, l, W, b));
            ck_ok(clg_net_set_weights(fresh, l, W, b));
        }
        ck_ok(clg_train(&result, used, device, data, NULL, NULL, NULL));
        ck_ok(clg_train(NULL, fresh, device, data, NULL, NULL, NULL));
        ck_assert_uint_eq(result.steps, 4);
        double *a = harness_parameters(used, &count), *b = harness_parameters(fresh, &count);
        ck_assert_mem_eq(a, b, count * sizeof *a);
        free(a);
        free(b);
        clg_net_destroy(used);
        clg_net_destroy(fresh);
        clg_config_destroy(config);
    }
    clg_dataset_destroy(data);
}
END_TEST

/* The lines of a run's metrics.jsonl, which the caller releases. */
static json_t *metrics_of(const clg_config *config, const clg_dataset *data, const clg_dataset *val)
{
    clg_net *net;
    clg_run *run;
    size_t size;
    json_t *lines = json_array();
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_run_open(&run, files_path("run"), config));
    ck_ok(clg_train(NULL, net, device, data, val, run, NULL));
    clg_run_close(run);
    clg_net_destroy(net);
    char *text = (char *)files_get(files_path("run/metrics.jsonl"), &size), *at = text;
    while (at < text + size) {
        json_error_t error;
        json_t *line = json_loads(at, JSON_DISABLE_EOF_CHECK, &error);
        ck_assert_msg(line != NULL, "%s", error.text);
        json_array_append_new(lines, line);
        at = (char *)memchr(at, '\n', (size_t)(text + size - at)) + 1;
    }
    free(text);
    return lines;
}

/* Ten steps an epoch, a line every second one: five an epoch, the last of them the epoch's. */
START_TEST(lines_within_an_epoch)
{
    clg_dataset *data = harness_blobs(100, 4, 3, 2), *val = harness_blobs(30, 4, 3, 3);
    clg_config *config = harness_config("batch", "10", "epochs", "2", "log-every", "2", NULL);
    json_t *lines = metrics_of(config, data, val);
    ck_assert_uint_eq(json_array_size(lines), 10);
    for (size_t i = 0; i < 10; i++) {
        const json_t *line = json_array_get(lines, i);
        int ends = i % 5 == 4;
        ck_assert_int_eq(json_integer_value(json_object_get(line, "step")), 2 * (int)i + 2);
        ck_assert_int_eq(json_integer_value(json_object_get(line, "epoch")), i < 5 ? 1 : 2);
        ck_assert_int_eq(json_object_get(line, "val_loss") != NULL, ends);
        ck_assert_int_eq(json_object_get(line, "val_accuracy") != NULL, ends);
    }
    json_decref(lines);
    ck_ok(clg_config_set(config, "steps", "14")); /* ends inside the second epoch */
    lines = metrics_of(config, data, val);
    ck_assert_uint_eq(json_array_size(lines), 7);
    ck_assert_ptr_nonnull(json_object_get(json_array_get(lines, 6), "val_loss"));
    json_decref(lines);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
    clg_dataset_destroy(val);
}
END_TEST

static void keep_line(void *user, const char *line)
{
    strcat(strcat(user, line), "\n");
}

START_TEST(the_best_epoch_is_told)
{
    char said[1024] = "", want[64];
    clg_dataset *data = harness_blobs(60, 4, 3, 4), *other = harness_blobs(60, 4, 3, 5);
    clg_config *config = harness_config("epochs", "4", "lr", "0.05", NULL);
    clg_train_hooks hooks = {.user = said, .log = keep_line};
    clg_train_result result;
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_train(&result, net, device, data, NULL, NULL, &hooks));
    snprintf(want, sizeof want, "best epoch 4: training loss %.6g\n", result.loss);
    ck_assert_str_eq(said, want);
    said[0] = '\0';
    ck_ok(clg_train(&result, net, device, data, other, NULL, &hooks));
    ck_assert_ptr_nonnull(strstr(said, ": validation loss "));
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
    clg_dataset_destroy(other);
}
END_TEST

/* Whatever stands as the targets, a prediction is that of the features. */
START_TEST(predictions_need_no_targets)
{
    const float x[4] = {0, 0.25f, 0.75f, 1}, values[4] = {7, 8, 9, 1e30f};
    const int32_t labels[4] = {0, 1, 2, 3};
    float want[8], got[8];
    clg_dataset *two = harness_blobs(8, 1, 2, 6), *data;
    clg_net *net;
    ck_ok(clg_net_create(&net, NULL, two));
    ck_ok(clg_dataset_from_arrays(&data, x, 4, 1, NULL, 0, NULL, 0));
    ck_ok(clg_predict(want, net, device, data));
    clg_dataset_destroy(data);
    data = values_of(x, 4, 1, values);
    ck_ok(clg_predict(got, net, device, data));
    ck_assert_mem_eq(got, want, sizeof want);
    clg_dataset_destroy(data);
    ck_ok(clg_dataset_from_arrays(&data, x, 4, 1, labels, 4, NULL, 0));
    ck_ok(clg_predict(got, net, device, data));
    ck_assert_mem_eq(got, want, sizeof want);
    ck_assert_int_eq(clg_dataset_describe(data).classes, 4); /* the caller's are as they were */
    clg_evaluation evaluation;
    ck_fails(clg_evaluate(&evaluation, net, device, data), CLG_EDATA, "is of class 2");
    clg_dataset_destroy(data);
    clg_dataset_destroy(two);
    clg_net_destroy(net);
}
END_TEST

/* A file is read once, and the first thing that is wrong is what is said. */
START_TEST(data_to_predict_are_read_once)
{
    clg_dataset *two = harness_blobs(8, 2, 2, 7), *data;
    clg_net *net;
    ck_ok(clg_net_create(&net, NULL, two));
    const char *path = files_text("p.csv", "a,b,kind\n1,2,x\n3,four,y\n");
    ck_fails(clg_net_load_data(&data, net, path, CLG_PART_ALL, NULL, 0), CLG_EDATA,
             "p.csv:3: column 1 (\"b\"): \"four\" is text");
    ck_assert_ptr_null(data);
    path = files_text("p.csv", "a,b,kind\n1,2,\n3,4,0.5\n");
    ck_fails(clg_net_load_data(&data, net, path, CLG_PART_ALL, NULL, 1), CLG_EDATA, "is empty");
    ck_ok(clg_net_load_data(&data, net, path, CLG_PART_ALL, NULL, 0));
    ck_assert_uint_eq(data->features, 2);
    clg_dataset_destroy(data);
    clg_dataset_destroy(two);
    clg_net_destroy(net);
}
END_TEST

START_TEST(data_are_checked_before_training)
{
    const float x[2] = {0, 1}, values[2] = {0, 1}, beyond[2] = {0, 5};
    const int32_t labels[2] = {0, 2};
    clg_dataset *two = harness_blobs(8, 1, 2, 8), *wide = harness_blobs(8, 2, 2, 9), *other;
    clg_net *net;
    ck_ok(clg_net_create(&net, NULL, two));
    ck_ok(clg_net_check_data(net, two));
    ck_fails(clg_net_check_data(net, wide), CLG_EDATA, "has 2 features");
    ck_ok(clg_dataset_from_arrays(&other, x, 2, 1, labels, 3, NULL, 0));
    ck_fails(clg_net_check_data(net, other), CLG_EDATA, "is of class 2");
    clg_dataset_destroy(other);
    ck_ok(clg_dataset_from_arrays(&other, x, 2, 1, NULL, 0, NULL, 0));
    ck_fails(clg_net_check_data(net, other), CLG_EDATA, "has no targets");
    clg_dataset_destroy(other);
    other = values_of(x, 2, 1, values);
    ck_fails(clg_net_check_data(net, other), CLG_EDATA, "expects classes");
    clg_net_destroy(net);
    clg_config *config = harness_config("loss", "bce", NULL);
    ck_ok(clg_net_create(&net, config, other));
    ck_ok(clg_net_check_data(net, other));
    clg_dataset_destroy(other);
    other = values_of(x, 2, 1, beyond);
    ck_fails(clg_net_check_data(net, other), CLG_EDATA, "row 1: target 5 is not in 0..1");
    clg_dataset_destroy(other);
    ck_ok(clg_dataset_from_arrays(&other, x, 2, 1, labels, 3, NULL, 0)); /* classes as values */
    ck_fails(clg_net_check_data(net, other), CLG_EDATA, "row 1: target 2 is not in 0..1");
    clg_dataset_destroy(other);
    clg_config_destroy(config);
    clg_net_destroy(net);
    clg_dataset_destroy(two);
    clg_dataset_destroy(wide);
}
END_TEST

START_TEST(single_steps_check_their_targets)
{
    const float x[2] = {0, 1};
    float y[2], values[2] = {0, 1};
    const int32_t labels[2] = {0, 1};
    double loss;
    clg_dataset *data = values_of(x, 2, 1, values);
    clg_config *config = harness_config("loss", "bce", NULL);
    clg_net *net;
    clg_engine *engine;
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_engine_create(&engine, device, net, 2, 1));
    ck_ok(clg_engine_forward(engine, y, x, 2));
    ck_ok(clg_engine_backward(engine, &loss, NULL, values, 2));
    ck_fails(clg_engine_backward(engine, &loss, labels, values, 2), CLG_EUSAGE, "not both");
    ck_fails(clg_engine_backward(engine, &loss, labels, NULL, 2), CLG_EUSAGE, "value targets");
    values[1] = 5;
    ck_fails(clg_engine_backward(engine, &loss, NULL, values, 2), CLG_EUSAGE,
             "row 1: target 5 is not in 0..1");
    values[1] = (float)NAN;
    ck_fails(clg_engine_backward(engine, &loss, NULL, values, 2), CLG_EUSAGE, "row 1");
    clg_engine_destroy(engine);
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* What no float holds is said of the data, not found as a loss that is none. */
START_TEST(numbers_beyond_a_float_are_refused)
{
    clg_config *config = harness_config("normalize", "none", NULL);
    clg_dataset *data;
    clg_net *net;
    const char *path = files_text("huge.csv", "1,2,0\n3,4,1\n5,1e300,0\n");
    ck_ok(clg_dataset_load(&data, path, CLG_PART_ALL, config));
    ck_ok(clg_net_create(&net, config, data));
    ck_fails(clg_train(NULL, net, device, data, NULL, NULL, NULL), CLG_EDATA,
             "huge.csv: row 2, column 1 (from 0) is 1e+300 after its scaling");
    clg_net_destroy(net);
    ck_ok(clg_config_set(config, "normalize", "minmax"));
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_train(NULL, net, device, data, NULL, NULL, NULL));
    clg_net_destroy(net);
    clg_dataset_destroy(data);
    ck_ok(clg_dataset_load(&data, files_text("t.csv", "1,0.5\n3,1e300\n"), CLG_PART_ALL, config));
    ck_ok(clg_net_create(&net, config, data));
    ck_fails(clg_train(NULL, net, device, data, NULL, NULL, NULL), CLG_EDATA,
             "t.csv: row 1: target 1e+300 is not a finite float");
    clg_net_destroy(net);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
}
END_TEST

/* One mean for all would make the second output's distance from the first look explained. */
START_TEST(outputs_have_each_their_own_mean)
{
    static const float x[3] = {0, 0, 0};
    static const float t[9] = {1, 101, 7, 2, 104, 7, 3, 107, 7};
    clg_config *config = harness_config("init", "zero", "normalize", "none", NULL);
    clg_evaluation evaluation;
    clg_dataset *data;
    clg_net *net;
    ck_ok(clg_dataset_from_arrays(&data, x, 3, 1, NULL, 0, t, 3));
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_evaluate(&evaluation, net, device, data));
    /* all predictions are 0; the third output does not vary and has no R2 */
    double first = 1 - 14.0 / 2, second = 1 - (101.0 * 101 + 104.0 * 104 + 107.0 * 107) / 18;
    double squares = 14 + 101.0 * 101 + 104.0 * 104 + 107.0 * 107 + 3 * 49;
    ck_assert(harness_close(evaluation.r2, (first + second) / 2, 1e-9));
    ck_assert(harness_close(evaluation.mae, (6 + 312 + 21) / 9.0, 1e-12));
    ck_assert(harness_close(evaluation.rmse, sqrt(squares / 9), 1e-12));
    clg_evaluation_clear(&evaluation);
    clg_net_destroy(net);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
}
END_TEST

START_TEST(the_reference_is_named_in_any_case)
{
    static const char *const bad[] = {"abc", "-1", "0", "12x", "99999999999999999999"};
    clg_device *other;
    ck_ok(clg_device_open(&other, "Ref", NULL));
    clg_device_close(other);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        setenv("CLGRAD_HOST_LIMIT", bad[k], 1);
        ck_fails(clg_device_open(&other, "ref", NULL), CLG_EUSAGE, "CLGRAD_HOST_LIMIT=");
        ck_assert_ptr_null(other);
    }
    unsetenv("CLGRAD_HOST_LIMIT");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("training on the reference");
    TCase *tests = tcase_create("training");
    tcase_add_unchecked_fixture(tests, open_device, close_device);
    tcase_add_test(tests, training_begins_anew);
    tcase_add_test(tests, lines_within_an_epoch);
    tcase_add_test(tests, the_best_epoch_is_told);
    tcase_add_test(tests, predictions_need_no_targets);
    tcase_add_test(tests, data_to_predict_are_read_once);
    tcase_add_test(tests, data_are_checked_before_training);
    tcase_add_test(tests, single_steps_check_their_targets);
    tcase_add_test(tests, numbers_beyond_a_float_are_refused);
    tcase_add_test(tests, outputs_have_each_their_own_mean);
    tcase_add_test(tests, the_reference_is_named_in_any_case);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
