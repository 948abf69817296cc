/* Predictions as files: CSV with names that need quotes, classes and values as .npy, an
 * autoencoder's rows as a picture; a report's squares where there are many classes; and data or
 * teachers that do not fit the network. */
#define _GNU_SOURCE
#include "harness_files.h"
#include "harness_markup.h"
#include "harness_train.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *reference;

static void begin(void)
{
    ck_ok(clg_device_open(&reference, "ref", NULL));
}

static void end(void)
{
    clg_device_close(reference);
}

/* A network of the data whose configuration is pairs of key and value; the configuration goes. */
static clg_net *net_of(clg_config *config, const clg_dataset *data)
{
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    clg_config_destroy(config);
    return net;
}

static void expect_file(const char *path, const void *want, size_t size)
{
    size_t got;
    unsigned char *bytes = files_get(path, &got);
    ck_assert_uint_ge(got, size); /* a .npy file has a header in front */
    ck_assert_msg(memcmp(bytes + got - size, want, size) == 0, "%s: other bytes", path);
    free(bytes);
}

START_TEST(names_of_classes_are_quoted)
{
    static const float y[] = {0.75f, 0.25f, 0.125f, 0.875f};
    static const char classes[] = "class\n\"a,b\"\n\"say \"\"no\"\"\"\n";
    static const char outputs[] = "\"a,b\",\"say \"\"no\"\"\"\n0.75,0.25\n0.125,0.875\n";
    const char *source = files_text("q.csv", "x,kind\n1,\"a,b\"\n2,\"say \"\"no\"\"\"\n");
    const char *path = files_path("p.csv");
    clg_dataset *data;
    ck_ok(clg_dataset_load(&data, source, CLG_PART_ALL, NULL));
    clg_net *net = net_of(harness_config("layers", "3", NULL), data);
    ck_ok(clg_predict_write(path, net, y, 2, 0));
    expect_file(path, classes, sizeof classes - 1);
    ck_ok(clg_predict_write(path, net, y, 2, 1));
    expect_file(path, outputs, sizeof outputs - 1);
    ck_fails(clg_predict_write("p.txt", net, y, 2, 0), CLG_EUSAGE, ".npy, .csv or .png");
    ck_fails(clg_predict_write(files_path("p.png"), net, y, 2, 0), CLG_EUSAGE,
             "2 outputs for 1 inputs");
    ck_fails(clg_predict_write(files_path("none/p.csv"), net, y, 2, 0), CLG_EIO, "none/p.csv");
    clg_net_destroy(net);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(classes_and_values_as_arrays)
{
    static const float y[] = {0.1f, 0.7f, 0.2f, 0.9f, 0.05f, 0.05f};
    static const int32_t classes[] = {1, 0};
    static const float x[] = {1, 2}, values[] = {3, 4};
    clg_dataset *data = harness_blobs(6, 2, 3, 1), *line;
    clg_net *net = net_of(harness_config("layers", "3", NULL), data);
    const char *path = files_path("p.npy");
    ck_ok(clg_predict_write(path, net, y, 2, 0));
    expect_file(path, classes, sizeof classes);
    ck_ok(clg_predict_write(path, net, y, 2, 1));
    expect_file(path, y, sizeof y);
    clg_net_destroy(net);
    clg_dataset_destroy(data);
    ck_ok(clg_dataset_from_arrays(&line, x, 2, 1, NULL, 0, values, 1));
    net = net_of(harness_config("layers", "3", "loss", "mse", NULL), line);
    ck_ok(clg_predict_write(path, net, values, 2, 0));
    expect_file(path, values, sizeof values);
    path = files_path("p.csv");
    ck_ok(clg_predict_write(path, net, values, 2, 0));
    expect_file(path, "value\n3\n4\n", 10);
    clg_net_destroy(net);
    clg_dataset_destroy(line);
}
END_TEST

/* Of -20, -10, 0, 10 and so on up to 450: what lies outside 0..255 is cut, not folded back. */
static void expect_greys(const char *path)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    int seen[256] = {0};
    ck_assert(png_image_begin_read_from_file(&image, path));
    image.format = PNG_FORMAT_GRAY;
    unsigned char *grey = malloc(PNG_IMAGE_SIZE(image));
    ck_assert_ptr_nonnull(grey);
    ck_assert(png_image_finish_read(&image, NULL, grey, 0, NULL));
    for (size_t i = 0; i < PNG_IMAGE_SIZE(image); i++)
        seen[grey[i]]++;
    for (int level = 0; level <= 250; level += 10)
        ck_assert_msg(seen[level] > 0, "no grey of %d", level);
    ck_assert_int_gt(seen[255], seen[250]);
    ck_assert_int_eq(seen[256 - 20] + seen[256 - 10] + seen[450 - 256], 0);
    free(grey);
}

START_TEST(rows_of_an_autoencoder_are_a_picture)
{
    enum { ROWS = 3, SIDE = 4 };
    static float y[ROWS * SIDE * SIDE];
    static const unsigned char signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    clg_dataset *data;
    size_t size;
    const char *path = files_path("p.png");
    ck_ok(clg_dataset_from_arrays(&data, y, ROWS, SIDE * SIDE, NULL, 0, NULL, 0));
    clg_net *net =
        net_of(harness_config("layers", "3", "loss", "mse", "target", "input", NULL), data);
    for (size_t i = 0; i < sizeof y / sizeof *y; i++)
        y[i] = (float)i * 10 - 20; /* below black and above white as well */
    ck_ok(clg_predict_write(path, net, y, ROWS, 0));
    unsigned char *picture = files_get(path, &size);
    ck_assert_uint_gt(size, sizeof signature);
    ck_assert_mem_eq(picture, signature, sizeof signature);
    free(picture);
    expect_greys(path);
    clg_net_destroy(net);
    clg_dataset_destroy(data);
}
END_TEST

/* More classes than a table of numbers takes. */
START_TEST(many_classes_are_squares)
{
    enum { CLASSES = 30 };
    clg_dataset *data = harness_blobs(120, 6, CLASSES, 3);
    clg_config *config = harness_config("layers", "8", "epochs", "2", "batch", "16", NULL);
    const char *folder = files_path("many");
    clg_report_options options = {NULL, data, "blobs"};
    clg_report *report = NULL;
    clg_run *run;
    clg_net *net;
    size_t size;
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_run_open(&run, folder, config));
    ck_ok(clg_train(NULL, net, reference, data, NULL, run, NULL));
    clg_run_close(run);
    ck_ok(clg_report_create(&report, &folder, 1, &options));
    ck_ok(clg_report_write(report, NULL));
    clg_report_destroy(report);
    unsigned char *page = files_get(files_path("many/report.html"), &size);
    page = realloc(page, size + 1);
    ck_assert_ptr_nonnull(page);
    page[size] = '\0';
    markup_check((char *)page);
    ck_assert_ptr_nonnull(strstr((char *)page, "30 classes; the commonest mistakes"));
    free(page);
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* ------------------------------------------------------------ what does not fit */

START_TEST(data_that_does_not_fit)
{
    static const float x[4] = {1, 2, 3, 4}, values[4] = {1, 2, 3, 4};
    float y[8];
    clg_dataset *blobs = harness_blobs(6, 2, 3, 1), *wide = harness_blobs(6, 3, 3, 1), *pairs;
    clg_evaluation figures;
    ck_ok(clg_dataset_from_arrays(&pairs, x, 2, 2, NULL, 0, values, 2));
    clg_net *net = net_of(harness_config("layers", "3", NULL), blobs);
    ck_fails(clg_evaluate(&figures, net, reference, wide), CLG_EDATA, "3 features a row");
    ck_fails(clg_evaluate(&figures, net, reference, pairs), CLG_EDATA, "expects classes");
    ck_fails(clg_predict(y, net, reference, wide), CLG_EDATA, "2 inputs");
    clg_net_destroy(net);
    net = net_of(harness_config("layers", "3", "loss", "mse", NULL), pairs);
    ck_fails(clg_evaluate(&figures, net, reference, blobs), CLG_EDATA, "expects 2 values");
    clg_dataset_destroy(pairs);
    ck_ok(clg_dataset_from_arrays(&pairs, x, 2, 2, NULL, 0, values, 1));
    ck_fails(clg_evaluate(&figures, net, reference, pairs), CLG_EDATA, "1 target columns");
    clg_net_destroy(net);
    clg_dataset_destroy(pairs);
    clg_dataset_destroy(wide);
    clg_dataset_destroy(blobs);
}
END_TEST

static void expect_no_teacher(const clg_dataset *data, clg_config *config, clg_status status,
                              const char *why)
{
    clg_net *net = net_of(config, data);
    ck_fails(clg_train(NULL, net, reference, data, NULL, NULL, NULL), status, why);
    clg_net_destroy(net);
}

START_TEST(teachers_that_do_not_fit)
{
    clg_dataset *data = harness_blobs(12, 2, 3, 1), *wide = harness_blobs(12, 3, 3, 1);
    clg_dataset *moved = harness_blobs(12, 2, 3, 2);
    char path[4096];
    snprintf(path, sizeof path, "%s", files_path("teacher.safetensors"));
    clg_net *teacher = net_of(harness_config("layers", "3", "normalize", "std", NULL), data);
    ck_ok(clg_net_save(teacher, path));
    clg_net_destroy(teacher);
    expect_no_teacher(wide, harness_config("layers", "3", "teacher", path, NULL), CLG_EDATA,
                      "the teacher takes 2 inputs");
    expect_no_teacher(moved,
                      harness_config("layers", "3", "normalize", "std", "teacher", path, NULL),
                      CLG_EDATA, "was trained on other data");
    expect_no_teacher(data, harness_config("layers", "3", "loss", "mse", "teacher", path, NULL),
                      CLG_EUSAGE, "needs --loss ce");
    clg_dataset_destroy(moved);
    clg_dataset_destroy(wide);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("predictions");
    TCase *tests = tcase_create("host");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, names_of_classes_are_quoted);
    tcase_add_test(tests, classes_and_values_as_arrays);
    tcase_add_test(tests, rows_of_an_autoencoder_are_a_picture);
    tcase_add_test(tests, many_classes_are_squares);
    tcase_add_test(tests, data_that_does_not_fit);
    tcase_add_test(tests, teachers_that_do_not_fit);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
