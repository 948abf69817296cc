/* CSV files: separators, quotes, headers, targets, and the spot each error names. */
#define _GNU_SOURCE
#include "harness.h"
#include "harness_files.h"

#include "data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A configuration with up to two options; NULL ends them. */
static clg_config *options(const char *key1, const char *value1, const char *key2,
                           const char *value2)
{
    clg_config *config;
    ck_ok(clg_config_create(&config));
    if (key1)
        ck_ok(clg_config_set(config, key1, value1));
    if (key2)
        ck_ok(clg_config_set(config, key2, value2));
    return config;
}

static clg_status load(struct clg_dataset **out, const char *text, const char *key,
                       const char *value)
{
    clg_config *config = options(key, value, NULL, NULL);
    clg_status status = clg_load_csv(out, files_text("a.csv", text), config);
    clg_config_destroy(config);
    return status;
}

static void expect(const struct clg_dataset *data, const double *want, size_t rows, size_t features)
{
    double row[16];
    ck_assert_uint_eq(data->rows, rows);
    ck_assert_uint_eq(data->features, features);
    for (size_t i = 0; i < rows; i++) {
        clg_dataset_row(row, data, i);
        for (size_t j = 0; j < features; j++)
            ck_assert_msg(harness_close(row[j], want[i * features + j], 0),
                          "row %zu column %zu: %.17g, wanted %.17g", i, j, row[j],
                          want[i * features + j]);
    }
}

static void expect_labels(const struct clg_dataset *data, const char *names, const int *want)
{
    char joined[256] = "";
    ck_assert_ptr_nonnull(data->labels);
    for (int k = 0; k < data->classes; k++) {
        strcat(joined, k ? "|" : "");
        strcat(joined, clg_dataset_class_name(data, k));
    }
    ck_assert_str_eq(joined, names);
    ck_assert_ptr_null(clg_dataset_class_name(data, data->classes));
    for (size_t i = 0; i < data->rows; i++)
        ck_assert_int_eq(data->labels[i], want[i]);
}

START_TEST(forms_of_one_table)
{
    static const char *const texts[] = {
        "a,b,c\n1,2.5,x\n-3e1,4,y\n+.5,1e-3,x\n",
        "a;b;c\r\n1;2.5;x\r\n-3e1;4;y\r\n+.5;1e-3;x",
        "a\tb\tc\r1\t2.5\tx\r-3e1\t4\ty\r+.5\t1e-3\tx\r",
        "\xEF\xBB\xBF\"a,;\",\"b\",c\n\n1 , 2.5, \"x\" \n\"-3e1\",4,y\n+.5,1e-3,x\n\n\r\n\n",
        "1,2.5,x\n-3E1,4,y\n0.5,0.001,x\n",
        "nan,b,c\n1,2.5,x\n-3e1,4,y\n+.5,1e-3,x\n",
    };
    static const double want[6] = {1, 2.5, -30, 4, 0.5, 0.001};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        struct clg_dataset *data;
        ck_ok(load(&data, texts[k], NULL, NULL));
        expect(data, want, 3, 2);
        expect_labels(data, "x|y", (int[]){0, 1, 0});
        ck_assert_int_eq(data->is_csv, 1);
        clg_dataset_destroy(data);
    }
}
END_TEST

START_TEST(quoted_names_keep_their_text)
{
    struct clg_dataset *data;
    ck_ok(load(&data, "1,\" a\nb \"\n2,\"say \"\"hi\"\"\"\n3,it's 5\"\n4,\"\n,\"\n", NULL, NULL));
    expect_labels(data, " a\nb |say \"hi\"|it's 5\"|\n,", (int[]){0, 1, 2, 3});
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(numbers_are_exact)
{
    static const char *const texts[] = {
        "0.1",      "123456789012345",        "1.7976931348623157e308",
        "4.9e-324", "0.12345678901234567890", "0.92030920993190389",
        "-7."};
    static const double want[] = {0.1,    123456789012345.0,   1.7976931348623157e308,
                                  5e-324, 0.12345678901234568, 0.92030920993190389,
                                  -7};
    enum { COUNT = sizeof want / sizeof *want };
    struct clg_dataset *data;
    char line[256] = "";
    for (size_t k = 0; k < COUNT; k++)
        strcat(strcat(line, texts[k]), ",");
    ck_ok(load(&data, strcat(line, "0\n"), NULL, NULL));
    expect(data, want, 1, COUNT);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(where_the_target_is)
{
    static const struct {
        const char *text, *column;
        double feature[2]; /* of the first row */
        const char *first;
    } cases[] = {{"a,b,c\n1,2,x\n1,3,y\n", "-1", {1, 2}, "x"},
                 {"a,b,c\n1,2,x\n1,3,y\n", "2", {1, 2}, "x"},
                 {"a,b,c\n1,2,x\n1,3,y\n", "c", {1, 2}, "x"},
                 {"a,b,c\n1,2,3\n1,3,4\n", "0", {2, 3}, "0"},
                 {"a,b,c\n1,2,3\n1,3,4\n", "-3", {2, 3}, "0"},
                 {"a,b,c\n1,2,3\n1,3,4\n", "a", {2, 3}, "0"},
                 /* named, so the first row is names */
                 {"1,2,c\n1,2,x\n1,3,y\n", "c", {1, 2}, "x"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct clg_dataset *data;
        ck_ok(load(&data, cases[k].text, "label-col", cases[k].column));
        ck_assert_uint_eq(data->rows, 2);
        ck_assert_int_eq(data->classes, 2);
        ck_assert_str_eq(clg_dataset_class_name(data, 0), cases[k].first);
        double row[2];
        clg_dataset_row(row, data, 0);
        ck_assert_mem_eq(row, cases[k].feature, sizeof row);
        clg_dataset_destroy(data);
    }
}
END_TEST

START_TEST(kinds_of_target)
{
    static const struct {
        const char *text, *target;
        int classes;
        size_t outputs;
        const char *names;
    } cases[] = {
        {"1,0\n2,2\n3,1\n", NULL, 3, 0, "0|1|2"},
        {"1,0\n2,2.0\n3,1e0\n", NULL, 3, 0, "0|1|2"},
        {"1,0\n2,2\n3,1\n", "value", 0, 1, NULL},
        {"1,0\n2,2.5\n3,1\n", NULL, 0, 1, NULL},
        {"1,-1\n2,1\n3,1\n", NULL, 0, 1, NULL},
        {"1,2\n2,unknown\n3,2\n", NULL, 2, 0, "2|unknown"},
        {"1,unknown\n2,1.5\n3,1.5\n", "class", 2, 0, "unknown|1.5"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct clg_dataset *data;
        ck_ok(load(&data, cases[k].text, cases[k].target ? "target" : NULL, cases[k].target));
        ck_assert_int_eq(data->classes, cases[k].classes);
        ck_assert_uint_eq(data->outputs, cases[k].outputs);
        ck_assert_int_eq(data->labels != NULL, cases[k].classes > 0);
        ck_assert_int_eq(data->values != NULL, cases[k].outputs > 0);
        if (cases[k].names)
            expect_labels(data, cases[k].names,
                          cases[k].classes == 3 ? (int[]){0, 2, 1}
                          : cases[k].target     ? (int[]){0, 1, 1}
                                                : (int[]){0, 1, 0});
        clg_dataset_destroy(data);
    }
}
END_TEST

START_TEST(errors_name_the_spot)
{
    static const struct {
        const char *text, *target, *words;
    } cases[] = {
        {"a,b,c\n1,2,x\n1,oops,y\n", NULL, "a.csv:3: column 1 (\"b\"): \"oops\" is text"},
        {"1,2,x\n1,oops,y\n", NULL, "a.csv:2: column 1 (from 0): \"oops\" is text"},
        {"a,b,c\n\"1\",\"2\",\"x\ny\"\n1,oops,y\n", NULL, "a.csv:4: column 1"},
        {"a,b,c\r\n1,2,x\r\n1,oops,y\r\n", NULL, "a.csv:3: column 1"},
        {"a,b,c\n1,2,x\n1,2\n", NULL, "a.csv:3: 2 fields where line 1 has 3"},
        {"a,b,c\n1,2,x\n1,2,3,4\n", NULL, "a.csv:3: 4 fields where line 1 has 3"},
        {"a,b,c\n1,NaN,x\n", NULL, "a.csv:2: column 1 (\"b\"): \"NaN\" is not a finite number"},
        {"a,b,c\n1,-inf,x\n", NULL, "\"-inf\" is not a finite number"},
        {"a,b,c\n1,1e999,x\n", NULL, "\"1e999\" is not a finite number"},
        {"a,b,c\n1,,x\n", NULL, "a.csv:2: column 1 (\"b\"): is empty"},
        {"1,,3\n", NULL, "a.csv:1: column 1 (from 0): is empty"},
        {"a,b,c\n1,2,\n", NULL, "a.csv:2: column 2 (\"c\"): is empty, a target"},
        {"a,b,c\n1,2,nan\n", NULL, "a.csv:2: column 2 (\"c\"): \"nan\" cannot be a target"},
        {"a,b,c\n1,0x10,x\n", NULL, "\"0x10\" is text"},
        {"a,b,c\n1,2 3,x\n", NULL, "\"2 3\" is text"},
        {"a,b,c\n1,\"2,x\n1,2,y\n", NULL, "a.csv:2: column 1: the quote that opens here"},
        {"a,b,c\n1,\"2\"3,x\n", NULL, "a.csv:2: column 1: text follows the closing quote"},
        {"", NULL, "a.csv: holds no rows"},
        {"\n\n", NULL, "a.csv: holds no rows"},
        {"a,b,c\n", NULL, "a.csv: holds no rows"},
        {"1,0.5\n2,x\n", NULL, "a.csv:2: column 1 (from 0): \"x\" is text in a column of numbers"},
        {"1,x\n2,0.5\n", NULL, "a.csv:2: column 1 (from 0): \"0.5\" in a column that holds text"},
        {"1,0\n2,x\n", "value", "a.csv:2: column 1 (from 0): \"x\" is text in a column of numbers"},
        {"1,0\n2,1.5\n", "class", "a.csv:2: the target is no whole number"},
        {"1,0\n2,1048576\n", NULL, "label 1048576 is beyond"},
        {"1,0\n2,262144\n", NULL, "a label of 262144 in 2 rows"},
        {"1,a\nb,a\n", NULL, "\"b\" is text"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct clg_dataset *data;
        ck_fails(load(&data, cases[k].text, cases[k].target ? "target" : NULL, cases[k].target),
                 CLG_EDATA, cases[k].words);
        ck_assert_ptr_null(data);
        ck_assert_ptr_null(strchr(clg_last_error(), '\n'));
    }
}
END_TEST

START_TEST(label_column_must_exist)
{
    struct clg_dataset *data;
    const char *text = "width,height,kind\n1,2,x\n";
    ck_fails(load(&data, text, "label-col", "knd"), CLG_EUSAGE, "did you mean kind?");
    ck_fails(load(&data, text, "label-col", "3"), CLG_EUSAGE, "has 3 columns, 0 to 2");
    ck_fails(load(&data, text, "label-col", "-4"), CLG_EUSAGE, "--label-col -4");
    ck_fails(load(&data, "kind\nx\n", "label-col", "kind"), CLG_EDATA, "no features");
}
END_TEST

START_TEST(byte_zero_is_refused)
{
    struct clg_dataset *data;
    ck_fails(clg_load_csv(&data, files_put("zero.csv", "1,2\n3,\0\n", 8), NULL), CLG_EDATA,
             "zero.csv:2: holds a byte 0");
}
END_TEST

START_TEST(long_lines_and_many_rows)
{
    enum { COLUMNS = 5000, ROWS = 40 }; /* lines longer than any block read at once */
    char *text = malloc((size_t)COLUMNS * ROWS * 8);
    size_t length = 0;
    struct clg_dataset *data;
    double *row = malloc(COLUMNS * sizeof *row);
    ck_assert(text && row);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            length += (size_t)sprintf(text + length, "%d%c", (i * 7919 + j * 31) % 99991,
                                      j + 1 < COLUMNS ? ',' : '\n');
    ck_ok(clg_load_csv(&data, files_gzip("long.csv.gz", text, length), NULL));
    ck_assert_uint_eq(data->rows, ROWS);
    ck_assert_uint_eq(data->features, COLUMNS - 1);
    for (int i = 0; i < ROWS; i++) {
        clg_dataset_row(row, data, (size_t)i);
        for (int j = 0; j + 1 < COLUMNS; j++)
            ck_assert(harness_close(row[j], (i * 7919 + j * 31) % 99991, 0));
    }
    clg_dataset_destroy(data);
    setenv("CLGRAD_HOST_LIMIT", "100000", 1);
    ck_fails(clg_load_csv(&data, files_path("long.csv.gz"), NULL), CLG_EDATA, "CLGRAD_HOST_LIMIT");
    unsetenv("CLGRAD_HOST_LIMIT");
    free(text);
    free(row);
}
END_TEST

/* What is read for a network of two inputs: the features, and nothing of the targets. */
static void expect_inputs(const char *spec, const char *column)
{
    clg_config *config;
    clg_dataset *data;
    ck_ok(clg_config_create(&config));
    ck_ok(clg_config_set(config, "label-col", column));
    ck_ok(clg_dataset_load_for(&data, spec, CLG_PART_ALL, config, CLG_FOR_PREDICTION, 2));
    expect(data, (double[]){1, 2, 4, 5}, 2, 2);
    ck_assert_ptr_null(data->labels);
    ck_assert_ptr_null(data->values);
    ck_assert_int_eq(clg_dataset_describe(data).classes, 0);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
}

START_TEST(inputs_are_read_without_targets)
{
    static const struct {
        const char *text, *column;
    } cases[] = {{"a,b\n1,2\n4,5\n", "-1"},        {"a,b\n1,2\n4,5\n", "kind"},
                 {"1,2,x\n4,5,y\n", "-1"},         {"1,2,\n4,5,\n", "-1"},
                 {"1,2,0.5\n4,5,nan\n", "-1"},     {"a,kind,b\n1,x,2\n4,,5\n", "kind"},
                 {"kind,a,b\n,1,2\n7,4,5\n", "0"}, {"x,1,2\ny,4,5\n", "-3"}};
    char spec[8300];
    clg_dataset *data;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        expect_inputs(files_text("in.csv", cases[k].text), cases[k].column);
    snprintf(spec, sizeof spec, "%s,%s", files_text("in.csv", "1,2\n4,5\n"),
             files_text("bad.csv", "\"\n"));
    expect_inputs(spec, "-1"); /* the targets are not even opened */
    ck_ok(clg_dataset_load_for(&data, "xor", CLG_PART_ALL, NULL, CLG_FOR_PREDICTION, 2));
    ck_assert_ptr_null(data->labels);
    clg_dataset_destroy(data);
    const char *wide = files_text("wide.csv", "1,2,3,4\n");
    ck_fails(clg_dataset_load_for(&data, wide, CLG_PART_ALL, NULL, CLG_FOR_PREDICTION, 2),
             CLG_EDATA, "wide.csv: has 4 columns, and the network takes 2 features");
    const char *text = files_text("in.csv", "1,x\n"); /* a feature is no target */
    ck_fails(clg_dataset_load_for(&data, text, CLG_PART_ALL, NULL, CLG_FOR_PREDICTION, 2),
             CLG_EDATA, "in.csv");
}
END_TEST

START_TEST(features_and_targets_in_two_files)
{
    static const struct {
        const char *y;
        int classes;
        size_t outputs;
    } cases[] = {{"x\ny\nx\n", 2, 0},
                 {"kind\nx\ny\nx\n", 2, 0},
                 {"kind\n0\n1\n0\n", 2, 0},
                 {"0\n1\n0\n", 2, 0},
                 {"v\n0.5\n1\n0\n", 0, 1},
                 {"u,v\n1,2\n3,4\n5,6\n", 0, 2},
                 {"1;2;3\n3;4;5\n5;6;7\n", 0, 3}};
    char spec[8300];
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clg_dataset *data;
        snprintf(spec, sizeof spec, "%s,%s", files_text("x.csv", "a,b\n1,2\n3,4\n5,6\n"),
                 files_text("y.csv", cases[k].y));
        ck_ok(clg_dataset_load(&data, spec, CLG_PART_ALL, NULL));
        expect(data, (double[]){1, 2, 3, 4, 5, 6}, 3, 2);
        ck_assert_int_eq(data->classes, cases[k].classes);
        ck_assert_uint_eq(data->outputs, cases[k].outputs);
        if (data->labels)
            expect_labels(data, strchr(cases[k].y, 'x') ? "x|y" : "0|1", (int[]){0, 1, 0});
        clg_dataset_destroy(data);
    }
    clg_dataset *data;
    files_text("y.csv", "x\ny\n");
    ck_fails(clg_dataset_load(&data, spec, CLG_PART_ALL, NULL), CLG_EDATA,
             "x.csv has 3 rows and its targets");
    files_text("y.csv", "x\ny\nx\ny\n"); /* the first is no header: its class comes again */
    ck_fails(clg_dataset_load(&data, spec, CLG_PART_ALL, NULL), CLG_EDATA, "have 4");
}
END_TEST

START_TEST(classes_follow_the_network)
{
    char *names[] = {"y", "x", "z"}, *other[] = {"p", "x"}, *plain[] = {"0", "1"};
    int32_t map[3];
    struct clg_dataset *data;
    ck_ok(load(&data, "1,x\n2,y\n3,x\n", NULL, NULL));
    ck_ok(clg_dataset_class_map(map, data, names, 3));
    ck_assert_int_eq(map[0], 1);
    ck_assert_int_eq(map[1], 0);
    ck_fails(clg_dataset_class_map(map, data, other, 2), CLG_EDATA,
             "row 1 (from 0) is of class y, which the network does not know: it has 2 classes");
    ck_ok(clg_dataset_class_map(map, data, plain, 2)); /* a network without names: by number */
    ck_assert_int_eq(map[0], 0);
    ck_assert_int_eq(map[1], 1);
    clg_dataset_destroy(data);
    ck_ok(load(&data, "1,0\n2,2\n3,1\n", NULL, NULL)); /* numbers under named classes */
    ck_ok(clg_dataset_class_map(map, data, names, 3));
    for (int k = 0; k < 3; k++)
        ck_assert_int_eq(map[k], k);
    ck_fails(clg_dataset_class_map(map, data, plain, 2), CLG_EDATA, "row 1 (from 0) is of class 2");
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data: csv");
    TCase *cases = tcase_create("csv");
    tcase_add_test(cases, forms_of_one_table);
    tcase_add_test(cases, quoted_names_keep_their_text);
    tcase_add_test(cases, numbers_are_exact);
    tcase_add_test(cases, where_the_target_is);
    tcase_add_test(cases, kinds_of_target);
    tcase_add_test(cases, errors_name_the_spot);
    tcase_add_test(cases, label_column_must_exist);
    tcase_add_test(cases, byte_zero_is_refused);
    tcase_add_test(cases, long_lines_and_many_rows);
    tcase_add_test(cases, inputs_are_read_without_targets);
    tcase_add_test(cases, features_and_targets_in_two_files);
    tcase_add_test(cases, classes_follow_the_network);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
