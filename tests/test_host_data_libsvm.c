/* libsvm files: rows stay sparse, labels are classes by value or values, and every error names its
 * line and place. */
#define _GNU_SOURCE
#include "harness.h"
#include "harness_files.h"

#include "data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Loads text as a.svm under up to two options. */
static clg_status load(clg_dataset **out, const char *text, const char *key1, const char *value1,
                       const char *key2, const char *value2)
{
    clg_config *config;
    ck_ok(clg_config_create(&config));
    if (key1)
        ck_ok(clg_config_set(config, key1, value1));
    if (key2)
        ck_ok(clg_config_set(config, key2, value2));
    clg_status status = clg_dataset_load(out, files_text("a.svm", text), CLG_PART_ALL, config);
    clg_config_destroy(config);
    return status;
}

static void expect(const clg_dataset *data, const double *want, size_t rows, size_t features)
{
    double row[16];
    ck_assert_uint_eq(data->rows, rows);
    ck_assert_uint_eq(data->features, features);
    for (size_t i = 0; i < rows; i++) {
        clg_dataset_row(row, data, i);
        for (size_t j = 0; j < features; j++)
            ck_assert_msg(harness_close(row[j], want[i * features + j], 0),
                          "row %zu column %zu: %.17g", i, j, row[j]);
    }
}

static void expect_labels(const clg_dataset *data, const char *names, const int *want)
{
    char joined[256] = "";
    ck_assert_ptr_nonnull(data->labels);
    for (int k = 0; k < data->classes; k++)
        strcat(strcat(joined, k ? "|" : ""), clg_dataset_class_name(data, k));
    ck_assert_str_eq(joined, names);
    for (size_t i = 0; i < data->rows; i++)
        ck_assert_int_eq(data->labels[i], want[i]);
}

static const char plain[] = "+1 1:0.5 3:-2e1 # 2:9\r\n# nothing\n\n  -1 2:1\t4:.25 \n+1\n-1 1:3";
static const double plain_x[16] = {0.5, 0, -20, 0, 0, 1, 0, 0.25, 0, 0, 0, 0, 3, 0, 0, 0};

START_TEST(rows_are_sparse)
{
    clg_dataset *data;
    const char *paths[] = {files_text("a.svm", plain),
                           files_gzip("a.libsvm.gz", plain, sizeof plain - 1)};
    for (int k = 0; k < 2; k++) {
        ck_ok(clg_dataset_load(&data, paths[k], CLG_PART_ALL, NULL));
        expect(data, plain_x, 4, 4);
        expect_labels(data, "-1|1", (int[]){1, 0, 1, 0});
        ck_assert_int_eq(data->storage, CLG_SPARSE);
        ck_assert_ptr_null(data->x);
        ck_assert_uint_eq(data->start[4], 5); /* five cells, however wide it is */
        ck_assert_int_eq(data->is_csv, 0);
        clg_dataset_destroy(data);
    }
}
END_TEST

START_TEST(kinds_of_label)
{
    static const struct {
        const char *text, *target, *names;
        int labels[3];
        double values[3];
    } cases[] = {
        {"10 1:1\n2 1:1\n10 1:2\n", NULL, "2|10", {1, 0, 1}, {0}},
        {"-0 1:1\n0 1:1\n-3.0 1:2\n", NULL, "-3|0", {1, 1, 0}, {0}},
        {"10 1:1\n2.5 1:1\n1 1:2\n", NULL, NULL, {0}, {10, 2.5, 1}},
        {"10 1:1\n2 1:1\n1 1:2\n", "value", NULL, {0}, {10, 2, 1}},
        {"1e300 1:1\n2 1:1\n1 1:2\n", NULL, NULL, {0}, {1e300, 2, 1}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clg_dataset *data;
        ck_ok(load(&data, cases[k].text, cases[k].target ? "target" : NULL, cases[k].target, NULL,
                   NULL));
        if (cases[k].names)
            expect_labels(data, cases[k].names, cases[k].labels);
        ck_assert_uint_eq(data->outputs, cases[k].names ? 0 : 1);
        for (size_t i = 0; i < 3 && !cases[k].names; i++)
            ck_assert(harness_close(data->values[i], cases[k].values[i], 0));
        clg_dataset_destroy(data);
    }
}
END_TEST

START_TEST(features_say_how_many)
{
    clg_dataset *data;
    ck_ok(load(&data, "1 2:5\n", "features", "3", NULL, NULL));
    expect(data, (double[]){0, 5, 0}, 1, 3);
    clg_dataset_destroy(data);
    ck_fails(load(&data, "1 2:5\n0 1:1 4:1\n", "features", "3", NULL, NULL), CLG_EDATA,
             "a.svm:2:7: \"4:1\": the index is not one of 1 to what --features allows");
    ck_ok(load(&data, "1 1048576:5\n", NULL, NULL, NULL, NULL));
    ck_assert_uint_eq(data->features, 1u << 20);
    clg_dataset_destroy(data);
    ck_fails(load(&data, "1 1048577:5\n", NULL, NULL, NULL, NULL), CLG_EDATA, "--features");
    ck_ok(load(&data, "1 1048577:5\n", "features", "2000000", NULL, NULL));
    ck_assert_uint_eq(data->features, 2000000);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(errors_name_the_place)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "a.svm: holds no rows"},
        {"# only\n", "a.svm: holds no rows"},
        {"1\n0\n", "a.svm: holds no columns"},
        {"1 1:1\nx 1:1\n", "a.svm:2:1: \"x\": a label must be a number"},
        {"1 1:1\ninf 1:1\n", "a.svm:2:1: \"inf\""},
        {"1 1:1\nnan 1:1\n", "a.svm:2:1: \"nan\": a label must be there"},
        {"1,2 1:1\n", "a.svm:1:1: \"1,2\""},
        {"1 1:1 qid:3\n", "a.svm:1:7: \"qid:3\": index:value"},
        {"1 1:1 2\n", "a.svm:1:7: \"2\": index:value"},
        {"1 0:1\n", "a.svm:1:3: \"0:1\": the index is not one of 1"},
        {"1 -1:1\n", "a.svm:1:3: \"-1:1\": index:value"},
        {"1 1.5:1\n", "a.svm:1:3: \"1.5:1\": the index"},
        {"1 99999999999999999999:1\n", "the index is not one of 1"},
        {"1 2:1 2:1\n", "a.svm:1:7: \"2:1\": the indices of a row must increase"},
        {"1 2:1 1:1\n", "must increase"},
        {"1 1:\n", "a.svm:1:3: \"1:\": the value must be a finite number"},
        {"1 1:x\n", "the value must be a finite number"},
        {"1 1:1:2\n", "the value must be a finite number"},
        {"1 1:inf\n", "the value must be a finite number"},
        {"1 1:nan\n", "a.svm:1:3: \"1:nan\": the value must be a finite number (or see --missing)"},
    };
    clg_dataset *data;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ck_fails(load(&data, cases[k].text, NULL, NULL, NULL, NULL), CLG_EDATA, cases[k].words);
        ck_assert_ptr_null(data);
        ck_assert_ptr_null(strchr(clg_last_error(), '\n'));
    }
    ck_fails(load(&data, "1 1:1\n1.5 1:2\n", "target", "class", NULL, NULL), CLG_EDATA,
             "a.svm:2: the label is no whole number");
    ck_fails(
        clg_dataset_load(&data, files_put("zero.svm", "1 1:1\n1 1\0:1\n", 13), CLG_PART_ALL, NULL),
        CLG_EDATA, "zero.svm:2: holds a byte 0");
}
END_TEST

START_TEST(missing_values)
{
    static const char text[] = "1 1:2 2:nan\n2 1:4\nnan 2:6\n1 2:8\n";
    clg_dataset *data;
    ck_ok(load(&data, text, "missing", "drop", NULL, NULL));
    expect(data, (double[]){4, 0, 0, 8}, 2, 2);
    expect_labels(data, "1|2", (int[]){1, 0});
    clg_dataset_destroy(data);
    ck_fails(load(&data, text, "missing", "mean", NULL, NULL), CLG_EDATA, "a.svm:3:1");
    ck_ok(load(&data, "1 1:2 2:nan\n2 1:4\n1 2:8\n", "missing", "mean", NULL, NULL));
    struct clg_normalise n;
    double row[2];
    ck_ok(clg_normalise_fit(&n, "auto", data));
    ck_assert_str_eq(n.kind, "none");
    ck_ok(clg_normalise_row(row, &n, data, 0)); /* 0 is a value: the mean of 0 and 8 */
    ck_assert(harness_close(row[0], 2, 0));
    ck_assert(harness_close(row[1], 4, 0));
    clg_normalise_clear(&n);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(chosen_and_split_rows)
{
    clg_dataset *data, *first, *rest;
    ck_ok(load(&data, "3 1:1\n-1 2:2\n7 3:3\n-1 1:4 3:4\n+3\n", "classes", "3,-1", NULL, NULL));
    expect(data, (double[]){1, 0, 0, 0, 2, 0, 4, 0, 4, 0, 0, 0}, 4, 3);
    expect_labels(data, "3|-1", (int[]){0, 1, 1, 0});
    ck_ok(clg_dataset_split(&first, &rest, data, 2, 1, 0));
    clg_dataset_destroy(data); /* what was split off stands alone */
    expect(first, (double[]){1, 0, 0, 0, 2, 0}, 2, 3);
    expect(rest, (double[]){4, 0, 4, 0, 0, 0}, 2, 3);
    ck_assert_uint_eq(rest->start[2], 2);
    expect_labels(rest, "3|-1", (int[]){1, 0});
    clg_dataset_destroy(first);
    clg_dataset_destroy(rest);
}
END_TEST

START_TEST(as_input)
{
    clg_dataset *data;
    ck_ok(load(&data, "1 1:1\n2 1:2\n", "target", "input", NULL, NULL));
    expect(data, (double[]){1, 2}, 2, 1);
    ck_assert_ptr_null(data->labels);
    ck_assert_int_eq(data->classes, 0);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(long_and_many_lines)
{
    enum { ROWS = 3000, CELLS = 60 };
    char *text = malloc((size_t)ROWS * CELLS * 16);
    double *row = malloc(100000 * sizeof *row);
    size_t length = 0, wrong = 0; /* an assertion for each cell takes half a minute */
    clg_dataset *data;
    ck_assert(text && row);
    for (int i = 0; i < ROWS; i++) {
        length += (size_t)sprintf(text + length, "%d", i % 7);
        for (int k = 0; k < CELLS; k++)
            length += (size_t)sprintf(text + length, " %d:%d", k * 1601 + i % 1601 + 1, i - k);
        text[length++] = '\n';
    }
    ck_ok(clg_dataset_load(&data, files_gzip("long.svm.gz", text, length), CLG_PART_ALL, NULL));
    ck_assert_uint_eq(data->rows, ROWS);
    ck_assert_uint_eq(data->start[ROWS], (size_t)ROWS * CELLS);
    for (int i = 0; i < ROWS; i += 97) {
        clg_dataset_row(row, data, (size_t)i);
        for (int j = 0; j < (int)data->features; j++) {
            int is_cell = j % 1601 == i % 1601;
            wrong += !harness_close(row[j], is_cell ? i - j / 1601 : 0, 0);
        }
    }
    ck_assert_uint_eq(wrong, 0);
    clg_dataset_destroy(data);
    setenv("CLGRAD_HOST_LIMIT", "100000", 1);
    ck_fails(clg_dataset_load(&data, files_path("long.svm.gz"), CLG_PART_ALL, NULL), CLG_EDATA,
             "CLGRAD_HOST_LIMIT");
    unsetenv("CLGRAD_HOST_LIMIT");
    free(text);
    free(row);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data: libsvm");
    TCase *cases = tcase_create("libsvm");
    tcase_add_test(cases, rows_are_sparse);
    tcase_add_test(cases, kinds_of_label);
    tcase_add_test(cases, features_say_how_many);
    tcase_add_test(cases, errors_name_the_place);
    tcase_add_test(cases, missing_values);
    tcase_add_test(cases, chosen_and_split_rows);
    tcase_add_test(cases, as_input);
    tcase_add_test(cases, long_and_many_lines);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
