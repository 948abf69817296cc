/* Reports of runs: what the page says is what training and evaluation said, saliency is the
 * gradient, and nothing from a file becomes markup. */
#define _GNU_SOURCE
#include "harness.h"
#include "harness_files.h"
#include "harness_markup.h"
#include "harness_train.h"

#include "report/run_report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static clg_device *reference;

static void open_reference(void)
{
    ck_ok(clg_device_open(&reference, "ref", NULL));
}

static void close_reference(void)
{
    clg_device_close(reference);
    reference = NULL;
}

/* Trains on data into the folder; the config's train names where the data is found again. */
static void train(const char *folder, clg_config *config, const clg_dataset *data,
                  const clg_dataset *val)
{
    clg_net *net = NULL;
    clg_run *run = NULL;
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_run_open(&run, folder, clg_net_config(net)));
    ck_ok(clg_train(NULL, net, reference, data, val, run, NULL));
    clg_run_close(run);
    clg_net_destroy(net);
    clg_config_destroy(config);
}

static char *page_of(const char *folder, const clg_report_options *options)
{
    clg_report *report = NULL;
    char path[4096];
    size_t size;
    ck_ok(clg_report_create(&report, &folder, 1, options));
    ck_ok(clg_report_write(report, NULL));
    clg_report_destroy(report);
    snprintf(path, sizeof path, "%s/report.html", folder);
    unsigned char *page = files_get(path, &size);
    page = realloc(page, size + 1);
    ck_assert_ptr_nonnull(page);
    page[size] = '\0';
    return (char *)page;
}

static json_t *summary_of(const char *folder, json_t **run)
{
    clg_report *report = NULL;
    char *text = NULL;
    ck_ok(clg_report_create(&report, &folder, 1, NULL));
    ck_ok(clg_report_summary(&text, report, 0, 1));
    json_t *root = json_loads(text, 0, NULL);
    *run = json_array_get(json_object_get(root, "runs"), 0);
    ck_assert_msg(*run, "%s", text);
    clg_text_free(text);
    clg_report_destroy(report);
    return root;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_number(value), "%s is no number", key);
    return json_number_value(value);
}

/* rows of two numbers and a class name, as a CSV file. */
static const char *csv(const char *name, const char *const names[3], int rows)
{
    char text[16384];
    size_t length = 0;
    for (int i = 0; i < rows; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%d.%d,%d.%d,%s\n",
                                   i * 7 % 5, i % 10, i % 3 * 2, i * 3 % 10, names[i % 3]);
    return files_text(name, text);
}

START_TEST(names_never_become_markup)
{
    static const char *const names[3] = {"<script>alert(1)</script>", "\"\"\" onclick=x\"",
                                         "a&b'</td><img src=x>"};
    clg_dataset *data = NULL;
    const char *file = csv("<b>evil&.csv", names, 60);
    const char *folder = files_path("run<i>");
    clg_config *config = harness_config("train", file, "layers", "4", "epochs", "3", NULL);
    ck_ok(clg_dataset_load(&data, file, CLG_PART_TRAIN, config));
    train(folder, config, data, NULL);
    clg_dataset_destroy(data);
    char *page = page_of(folder, NULL);
    markup_check(page);
    ck_assert_int_ge(markup_count(page, "&lt;script&gt;alert(1)&lt;/script&gt;"), 3);
    ck_assert_int_ge(markup_count(page, "&lt;b&gt;evil&amp;.csv"), 1);
    ck_assert_int_ge(markup_count(page, "run&lt;i&gt;"), 2);
    ck_assert_int_eq(markup_count(page, "<script"), 0);
    free(page);
}
END_TEST

/* The rows that were held back for validation are found again: same loss, same accuracy. */
START_TEST(held_back_rows_are_found_again)
{
    static const char *const names[3] = {"one", "two", "three"};
    const char *file = csv("held.csv", names, 100), *folder = files_path("held");
    clg_dataset *all = NULL, *first = NULL, *rest = NULL;
    json_t *run;
    clg_config *config = harness_config("train", file, "layers", "6", "epochs", "4", "val-split",
                                        "0.3", "seed", "5", NULL);
    ck_ok(clg_dataset_load(&all, file, CLG_PART_TRAIN, config));
    ck_ok(clg_dataset_split(&first, &rest, all, 0.3, 5, 1));
    train(folder, config, first, rest);
    json_t *root = summary_of(folder, &run), *evaluation = json_object_get(run, "evaluation");
    ck_assert_str_eq(json_string_value(json_object_get(evaluation, "data")), "validation data");
    ck_assert(number(evaluation, "examples") == 30);
    ck_assert_msg(harness_close(number(evaluation, "loss"), number(run, "val_loss"), 1e-7),
                  "%.17g %.17g", number(evaluation, "loss"), number(run, "val_loss"));
    ck_assert(harness_close(number(evaluation, "accuracy"), number(run, "val_accuracy"), 1e-8));
    ck_assert_str_eq(json_string_value(json_object_get(run, "ended")), "finished");
    json_decref(root);
    clg_dataset_destroy(all);
    clg_dataset_destroy(first);
    clg_dataset_destroy(rest);
}
END_TEST

static clg_dataset *images(size_t rows)
{
    clg_dataset *data = harness_blobs(rows, 36, 3, 4);
    data->height = data->width = 6;
    return data;
}

START_TEST(images_are_shown_with_what_was_said_of_them)
{
    clg_dataset *data = images(120);
    const char *folder = files_path("images");
    clg_evaluation figures;
    clg_net *net = NULL;
    train(folder, harness_config("layers", "5,4:tanh", "epochs", "2", "lr", "0.01", NULL), data,
          NULL);
    clg_report_options options = {.device = reference, .data = data, .data_name = "test data"};
    char *page = page_of(folder, &options), cell[64], path[4096];
    markup_check(page);
    snprintf(path, sizeof path, "%s/last.safetensors", folder);
    ck_ok(clg_net_load(&net, path, NULL));
    ck_ok(clg_evaluate(&figures, net, reference, data));
    for (int i = 0; i < 3; i++) {
        snprintf(cell, sizeof cell, "\">%d</td>", (int)figures.confusion[4 * i]);
        ck_assert_msg(strstr(page, cell), "no %s", cell);
    }
    int wrong = 120 - (int)lround(120 * figures.accuracy);
    ck_assert_int_eq(markup_count(page, "alt=\"row "), (wrong < 16 ? wrong : 16) + 10);
    ck_assert_int_eq(markup_count(page, "alt=\"weights of unit"), 5);
    ck_assert_int_eq(markup_count(page, "alt=\"gradient of"), 10);
    ck_assert_ptr_nonnull(strstr(page, "reference"));
    free(page);
    clg_evaluation_clear(&figures);
    clg_net_destroy(net);
    clg_dataset_destroy(data);
}
END_TEST

/* One unit of a hidden layer and its pieces, worked out apart from the library's operations. */
static double unit(const char *act, const double *z, int j, int out)
{
    if (strcmp(act, "tanh") == 0)
        return tanh(z[j]);
    if (strcmp(act, "gelu") == 0)
        return 0.5 * z[j] * (1 + erf(z[j] / sqrt(2)));
    if (strcmp(act, "maxout:2") == 0)
        return fmax(z[j], z[out + j]);
    return z[j];
}

/* The outputs in front of the last activation. */
static void scores(double *z, const struct clg_net *net, const double *x)
{
    double y[16];
    memcpy(y, x, (size_t)net->layer[0].in * sizeof *y);
    for (int l = 0; l < net->layers; l++) {
        const struct clg_layer *layer = &net->layer[l];
        for (int r = 0; r < layer->rows; r++) {
            z[r] = layer->b[r];
            for (int i = 0; i < layer->in; i++)
                z[r] += layer->W[r * layer->in + i] * y[i];
        }
        for (int j = 0; j < layer->out; j++)
            y[j] = unit(layer->act_text, z, j, layer->out);
    }
}

/* The z of the largest output; of maxout, that of its larger piece. */
static int winner(const struct clg_net *net, const double *z)
{
    const struct clg_layer *last = &net->layer[net->layers - 1];
    int best = 0;
    for (int j = 1; j < last->rows; j++)
        best = z[j] > z[best] ? j : best;
    return best;
}

static const char *const nets[][2] = {{"5:tanh,4:maxout:2", "softmax"},
                                      {"", "softmax"},
                                      {"6:gelu", "identity"},
                                      {"6:tanh", "maxout:2"},
                                      {"3:tanh,3:gelu,3:tanh", "sigmoid"}};

/* Central differences of step h err by h^2 times a third derivative, which is of the order of 1
 * here, and by rounding over h: 1e-8 holds both for h = 1e-5. */
START_TEST(saliency_is_the_gradient)
{
    enum { ROWS = 7, INPUTS = 6 };
    const double h = 1e-5;
    clg_dataset *data = harness_blobs(30, INPUTS, 3, 9);
    clg_config *config = harness_config("layers", nets[_i][0], "output-act", nets[_i][1], "loss",
                                        strcmp(nets[_i][1], "softmax") ? "mse" : "ce", NULL);
    clg_net *net = NULL;
    double x[ROWS * INPUTS], gradient[ROWS * INPUTS], z[64], largest = 0;
    if (*nets[_i][0])
        ck_ok(clg_config_set(config, "freeze", "0"));
    ck_ok(clg_net_create(&net, config, data));
    for (size_t r = 0; r < ROWS; r++)
        clg_dataset_row(x + r * INPUTS, data, r);
    ck_ok(clg_saliency(gradient, net, x, ROWS));
    for (int k = 0; k < ROWS * INPUTS; k++) {
        double *row = x + k / INPUTS * INPUTS, held = x[k];
        scores(z, net, row);
        int j = winner(net, z);
        x[k] = held + h;
        scores(z, net, row);
        double above = z[j];
        x[k] = held - h;
        scores(z, net, row);
        x[k] = held;
        double want = (above - z[j]) / (2 * h);
        largest = fmax(largest, fabs(want));
        ck_assert_msg(harness_close(gradient[k], want, 1e-8), "element %d: %.12g, difference %.12g",
                      k, gradient[k], want);
    }
    ck_assert(largest > 0.01);
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* Values, an autoencoder of images, and a network with one output: every kind has its page. */
START_TEST(every_kind_of_target_has_a_page)
{
    static const char *const words[] = {"Predicted against true", "squared error", "alt=\"row"};
    clg_dataset *data = images(40);
    float x[40], y[40];
    for (int i = 0; i < 40; i++) {
        x[i] = (float)i / 40;
        y[i] = x[i] * x[i];
    }
    if (_i == 0) {
        clg_dataset_destroy(data);
        ck_ok(clg_dataset_from_arrays(&data, x, 40, 1, NULL, 0, y, 1));
    } else if (_i == 2) {
        clg_dataset_destroy(data);
        data = harness_blobs(40, 36, 2, 4);
        data->height = data->width = 6;
    }
    const char *folder = files_path("kind");
    clg_config *config = harness_config("layers", "4", "epochs", "1", NULL);
    if (_i == 1)
        ck_ok(clg_config_set(config, "target", "input"));
    if (_i == 2)
        ck_ok(clg_config_set(config, "loss", "bce"));
    train(folder, config, data, NULL);
    clg_report_options options = {.device = reference, .data = data, .data_name = "data"};
    char *page = page_of(folder, &options);
    markup_check(page);
    ck_assert_ptr_nonnull(strstr(page, words[_i]));
    free(page);
    clg_dataset_destroy(data);
}
END_TEST

/* What other commands leave in the folder is drawn, whatever it holds. */
START_TEST(profile_and_verdict_are_drawn)
{
    clg_dataset *data = images(30);
    const char *folder = files_path("extras");
    train(folder, harness_config("layers", "4", "epochs", "1", NULL), data, NULL);
    files_text("extras/verify.json",
               "{\"ok\": false, \"cases\": 3, \"worst\": 7.5, \"first\": \"<u>grad\", "
               "\"operations\": [{\"operation\": \"<i>\", \"cases\": 1}, 7]}");
    files_text("extras/profile.json",
               "{\"roofs\": {\"compute\": [{\"name\": \"fma<\", \"gflops\": 100}, {\"name\": "
               "\"crowded\", \"gflops\": 99}], \"memory\": "
               "[{\"name\": \"main\", \"gbps\": 10}, {\"name\": \"bad\", \"gbps\": -1}]}, "
               "\"kernels\": [{\"name\": \"k<1>\", \"ms\": 5, \"gflops\": 25, \"flop_per_byte\": "
               "5}, {\"name\": \"idle\"}, {\"name\": \"k2\", \"ms\": 9, \"gflops\": 10, "
               "\"flop_per_byte\": 100}]}");
    clg_report_options options = {.device = reference, .data = data, .data_name = "data"};
    char *page = page_of(folder, &options);
    markup_check(page);
    ck_assert_ptr_nonnull(strstr(page, "disagree"));
    ck_assert_ptr_nonnull(strstr(page, "&lt;u&gt;grad"));
    ck_assert_int_eq(markup_count(page, "class=\"bubble\""), 2);
    ck_assert_int_ge(markup_count(page, "fma&lt;"), 1);
    ck_assert_int_eq(markup_count(page, "crowded"), 0);    /* its label would lie over the other */
    ck_assert_ptr_nonnull(strstr(page, "50.00\xc2\xa0%")); /* 25 of min(100, 10 * 5) */
    ck_assert_ptr_nonnull(strstr(page, "10.00\xc2\xa0%")); /* 10 of 100 */
    free(page);
    files_text("extras/profile.json", "[1, 2");
    clg_report *report = NULL;
    ck_fails(clg_report_create(&report, &folder, 1, &options), CLG_EDATA, "profile.json: line 1");
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(runs_are_compared)
{
    clg_dataset *data = images(60);
    const char *const folders[] = {files_path("one"), files_path("two")};
    const char *page_path = files_path("compare.html");
    clg_report *report = NULL;
    size_t size;
    train(folders[0], harness_config("layers", "4", "epochs", "3", NULL), data, data);
    train(folders[1], harness_config("layers", "9", "epochs", "2", "opt", "sgd", NULL), data, NULL);
    ck_ok(clg_report_create(&report, folders, 2, NULL));
    ck_fails(clg_report_write(report, NULL), CLG_EUSAGE, "needs the name");
    ck_ok(clg_report_write(report, page_path));
    clg_report_destroy(report);
    char *page = (char *)files_get(page_path, &size);
    page = realloc(page, size + 1);
    page[size] = '\0';
    markup_check(page);
    ck_assert_ptr_nonnull(strstr(page, "<th scope=\"row\" class=\"t\">layers</th>"));
    ck_assert_ptr_nonnull(strstr(page, "<th scope=\"row\" class=\"t\">opt</th>"));
    ck_assert_ptr_null(strstr(page, "<th scope=\"row\" class=\"t\">seed</th>"));
    ck_assert_ptr_null(strstr(page, "<th scope=\"row\" class=\"t\">out</th>"));
    ck_assert_int_eq(markup_count(page, "<svg "), 4);
    free(page);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(folders_that_are_no_runs)
{
    const char *folder = files_path("no-such-run");
    clg_report *report = NULL;
    ck_fails(clg_report_create(&report, &folder, 1, NULL), CLG_EDATA, "is no run's folder");
    ck_assert_ptr_null(report);
    ck_fails(clg_report_create(&report, NULL, 0, NULL), CLG_EUSAGE, "folder of a run");
}
END_TEST

/* A folder with a configuration alone, data that is gone, a model that is broken: stated. */
START_TEST(what_is_missing_is_said)
{
    static const char *const names[3] = {"one", "two", "three"};
    const char *file = csv("gone.csv", names, 30), *folder = files_path("gone");
    clg_dataset *data = NULL;
    clg_run *run = NULL;
    clg_config *config = harness_config("train", file, "epochs", "1", NULL);
    ck_ok(clg_dataset_load(&data, file, CLG_PART_TRAIN, config));
    ck_ok(clg_run_open(&run, folder, config));
    clg_run_close(run);
    char *page = page_of(folder, NULL);
    markup_check(page);
    ck_assert_ptr_nonnull(strstr(page, "no model has been saved yet"));
    ck_assert_ptr_nonnull(strstr(page, "No epoch has ended yet"));
    free(page);
    train(folder, config, data, NULL);
    ck_assert_int_eq(unlink(file), 0);
    page = page_of(folder, NULL);
    markup_check(page);
    ck_assert_ptr_nonnull(strstr(page, "gone.csv"));
    ck_assert_ptr_nonnull(strstr(page, "left out"));
    free(page);
    files_text("gone/last.safetensors", "no model");
    page = page_of(folder, NULL);
    markup_check(page);
    ck_assert_ptr_nonnull(strstr(page, "last.safetensors"));
    free(page);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report of runs");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, open_reference, close_reference);
    tcase_add_test(cases, names_never_become_markup);
    tcase_add_test(cases, held_back_rows_are_found_again);
    tcase_add_test(cases, images_are_shown_with_what_was_said_of_them);
    tcase_add_loop_test(cases, saliency_is_the_gradient, 0, (int)(sizeof nets / sizeof *nets));
    tcase_add_loop_test(cases, every_kind_of_target_has_a_page, 0, 3);
    tcase_add_test(cases, profile_and_verdict_are_drawn);
    tcase_add_test(cases, runs_are_compared);
    tcase_add_test(cases, folders_that_are_no_runs);
    tcase_add_test(cases, what_is_missing_is_said);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
