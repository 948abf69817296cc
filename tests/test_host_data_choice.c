/* What options choose from data: columns, classes, rows without missing values, inputs as targets.
 */
#define _GNU_SOURCE
#include "harness.h"
#include "harness_files.h"

#include "data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Loads spec under up to three options; NULL ends them. */
static clg_status load_for(clg_dataset **out, const char *spec, enum clg_purpose purpose,
                           size_t inputs, const char *const option[6])
{
    clg_config *config;
    ck_ok(clg_config_create(&config));
    for (int k = 0; k < 6 && option[k]; k += 2)
        ck_ok(clg_config_set(config, option[k], option[k + 1]));
    clg_status status = clg_dataset_load_for(out, spec, CLG_PART_ALL, config, purpose, inputs);
    clg_config_destroy(config);
    return status;
}

static clg_status load_as(clg_dataset **out, const char *spec, enum clg_purpose purpose,
                          const char *const option[6])
{
    return load_for(out, spec, purpose, 0, option);
}

/* As a network of so many inputs takes it to predict. */
static clg_status load_inputs(clg_dataset **out, const char *spec, size_t inputs,
                              const char *const option[6])
{
    return load_for(out, spec, CLG_FOR_PREDICTION, inputs, option);
}

#define OPTIONS(...)                                                                               \
    (const char *const[6])                                                                         \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static clg_status load(clg_dataset **out, const char *text, const char *const option[6])
{
    return load_as(out, files_text("a.csv", text), CLG_FOR_TRAINING, option);
}

/* NaN means missing. */
static void expect(const clg_dataset *data, const double *want, size_t rows, size_t features)
{
    double row[16];
    ck_assert_uint_eq(data->rows, rows);
    ck_assert_uint_eq(data->features, features);
    for (size_t i = 0; i < rows; i++) {
        clg_dataset_row(row, data, i);
        for (size_t j = 0; j < features; j++) {
            double value = want[i * features + j];
            ck_assert_msg(isnan(value) ? isnan(row[j]) : harness_close(row[j], value, 0),
                          "row %zu column %zu: %.17g, wanted %.17g", i, j, row[j], value);
        }
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

/* ----------------------------------------------------------------- columns */

START_TEST(columns_in_the_order_given)
{
    static const struct {
        const char *text, *columns, *label;
    } cases[] = {
        {"a,b,\"c,d\",kind\n1,2,3,x\n4,5,6,y\n", "\"c,d\",a", "-1"},
        {"a,b,\"c,d\",kind\n1,2,3,x\n4,5,6,y\n", " 2 , -4", "kind"},
        {"1,no,3,x\n4,text,6,y\n", "2,0", "-1"}, /* other columns may hold anything */
        {"x,1,oops,3\ny,4,\"\",6\n", "-1,1", "0"},
        {"2,say \"hi\",1,kind\n1,-,3,x\n4,,6,y\n", "-2,0", "kind"},
    };
    clg_dataset *data;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ck_ok(load(&data, cases[k].text,
                   OPTIONS("columns", cases[k].columns, "label-col", cases[k].label)));
        expect(data, (double[]){3, 1, 6, 4}, 2, 2);
        expect_labels(data, "x|y", (int[]){0, 1});
        clg_dataset_destroy(data);
    }
    ck_ok(load(&data, "\"say \"\"hi\"\"\",b,k\n1,2,x\n", OPTIONS("columns", "\"say \"\"hi\"\"\"")));
    expect(data, (double[]){1}, 1, 1);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(columns_refused)
{
    static const char text[] = "width,height,kind\n1,2,x\n4,5,y\n";
    clg_dataset *data;
    ck_fails(load(&data, text, OPTIONS("columns", "width,heigt")), CLG_EUSAGE, "--columns heigt: ");
    ck_fails(load(&data, text, OPTIONS("columns", "width,heigt")), CLG_EUSAGE,
             "did you mean height?");
    ck_fails(load(&data, text, OPTIONS("columns", "3")), CLG_EUSAGE, "has 3 columns, 0 to 2");
    ck_fails(load(&data, text, OPTIONS("columns", "-4")), CLG_EUSAGE, "has 3 columns");
    ck_fails(load(&data, text, OPTIONS("columns", "width,kind")), CLG_EUSAGE,
             "\"kind\", column 2 of");
    ck_fails(load(&data, text, OPTIONS("columns", "width,-1")), CLG_EUSAGE, "is the target");
    ck_fails(load(&data, text, OPTIONS("columns", "width,0")), CLG_EUSAGE, "is given twice");
    ck_fails(load(&data, text, OPTIONS("columns", "width,,height")), CLG_EUSAGE,
             "--columns width,,height: give names");
    ck_fails(load(&data, text, OPTIONS("columns", "width,")), CLG_EUSAGE, "give names");
    ck_fails(load(&data, text, OPTIONS("columns", "\"width")), CLG_EUSAGE, "give names");
    ck_fails(load(&data, text, OPTIONS("columns", "\"width\"x")), CLG_EUSAGE, "give names");
    ck_fails(load_as(&data, "xor", CLG_FOR_TRAINING, OPTIONS("columns", "0")), CLG_EUSAGE,
             "xor is no CSV file");
    ck_ok(load_as(&data, "xor", CLG_FOR_EVALUATION, OPTIONS("columns", "0")));
    clg_dataset_destroy(data);
    ck_fails(load(&data, "a,b,k\n1,x,k\n2,y,k\n", OPTIONS("columns", "a,b")), CLG_EDATA,
             "a.csv:2: column 1 (\"b\"): \"x\" is text");
}
END_TEST

/* ----------------------------------------------------------------- classes */

START_TEST(classes_of_csv)
{
    static const struct {
        const char *text, *classes, *names;
        int rows, labels[4];
        double x[4];
    } cases[] = {
        {"1,x\n2,y\n3,z\n4,x\n", "z,x", "z|x", 3, {1, 0, 1}, {1, 3, 4}},
        {"1,x\n2,y\n3,z\n4,x\n", "x,y,z", "x|y|z", 4, {0, 1, 2, 0}, {1, 2, 3, 4}},
        {"1,3\n2,7\n3,1\n4,7.0\n", "7,3", "7|3", 3, {1, 0, 0}, {1, 2, 4}},
        {"1,-1\n2,+1\n3,0\n4,-1\n", "1,-1", "1|-1", 3, {1, 0, 1}, {1, 2, 4}},
        {"1,0.5\n2,x\n3,\"a,b\"\n4,0.5\n", "\"a,b\",.50", "a,b|.50", 3, {1, 0, 1}, {1, 3, 4}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clg_dataset *data;
        ck_ok(load(&data, cases[k].text, OPTIONS("classes", cases[k].classes)));
        expect(data, cases[k].x, (size_t)cases[k].rows, 1);
        expect_labels(data, cases[k].names, cases[k].labels);
        clg_dataset_destroy(data);
    }
}
END_TEST

START_TEST(classes_refused)
{
    static const char text[] = "1,setosa\n2,virginica\n3,setosa\n";
    clg_dataset *data;
    ck_fails(load(&data, text, OPTIONS("classes", "virginica,setos")), CLG_EUSAGE,
             "has no class setos: did you mean setosa?");
    ck_fails(load(&data, text, OPTIONS("classes", "setosa,")), CLG_EUSAGE, "give names");
    ck_fails(load(&data, text, OPTIONS("classes", "setosa,setosa")), CLG_EUSAGE, "given twice");
    ck_fails(load(&data, text, OPTIONS("classes", "setosa,1")), CLG_EUSAGE, "has no class 1");
    ck_fails(load(&data, text, OPTIONS("classes", "setosa", "target", "value")), CLG_EUSAGE,
             "--classes and --target value");
    ck_fails(load(&data, "1\n2\n", OPTIONS("classes", "1,2")), CLG_EUSAGE, "no class targets");
    /* to evaluate, a class may be lacking, but not all of them */
    ck_ok(load_as(&data, files_text("a.csv", text), CLG_FOR_EVALUATION,
                  OPTIONS("classes", "virginica,versicolor")));
    expect(data, (double[]){2}, 1, 1);
    expect_labels(data, "virginica|versicolor", (int[]){0});
    clg_dataset_destroy(data);
    ck_fails(load_as(&data, files_path("a.csv"), CLG_FOR_EVALUATION, OPTIONS("classes", "a,b")),
             CLG_EDATA, "no row is of one of --classes");
    /* to predict, every row counts */
    ck_ok(load_inputs(&data, files_path("a.csv"), 1, OPTIONS("classes", "a,b")));
    expect(data, (double[]){1, 2, 3}, 3, 1);
    ck_assert_ptr_null(data->labels);
    clg_dataset_destroy(data);
}
END_TEST

static unsigned char scratch[1024];

/* x.idx beside y, both of count rows; x counts from 0. */
static const char *pair(const char *y, unsigned count)
{
    static char spec[8300];
    unsigned char body[64];
    unsigned shape[2] = {count, 1};
    for (unsigned i = 0; i < count; i++)
        body[i] = (unsigned char)i;
    snprintf(spec, sizeof spec, "%s,%s",
             files_put("x.idx", scratch, files_idx(scratch, 8, 2, shape, body, count)), y);
    return spec;
}

START_TEST(names_are_not_without_end)
{
    enum { MOST = 1 << 20 };
    char *text = malloc((size_t)(MOST + 1) * 12);
    size_t length = 0;
    clg_dataset *data;
    ck_assert_ptr_nonnull(text);
    for (int i = 0; i <= MOST; i++)
        length += (size_t)sprintf(text + length, "0,%d\n", i);
    ck_fails(load_as(&data, files_put("many.csv", text, length), CLG_FOR_TRAINING,
                     OPTIONS("classes", "0,1")),
             CLG_EDATA, "many.csv:1048577: column 1 (from 0): more than 1048576 different");
    free(text);
}
END_TEST

START_TEST(classes_of_arrays)
{
    static const unsigned char labels[5] = {4, 1, 0, 4, 3};
    static const signed char signs[4] = {-1, 1, 1, -1};
    unsigned shape[1] = {5};
    clg_dataset *data;
    const char *y = files_put("y.idx", scratch, files_idx(scratch, 8, 1, shape, labels, 5));
    ck_ok(load_as(&data, pair(y, 5), CLG_FOR_TRAINING, OPTIONS("classes", "4,1")));
    expect(data, (double[]){0, 1, 3}, 3, 1);
    expect_labels(data, "4|1", (int[]){0, 1, 0});
    ck_assert_int_eq(data->storage, CLG_BYTES);
    ck_assert_int_eq(data->numbered, 0); /* label 0 is the file's 4 */
    clg_dataset_destroy(data);
    ck_fails(load_as(&data, pair(y, 5), CLG_FOR_TRAINING, OPTIONS("classes", "4,5")), CLG_EUSAGE,
             "has no class 5");
    const char *header = "{'descr': '|i1', 'fortran_order': False, 'shape': (4,), }";
    y = files_put("y.npy", scratch, files_npy(scratch, header, signs, 4));
    ck_ok(load_as(&data, pair(y, 4), CLG_FOR_TRAINING, OPTIONS("classes", "1,-1")));
    expect_labels(data, "1|-1", (int[]){1, 0, 0, 1});
    clg_dataset_destroy(data);
    ck_fails(load_as(&data, pair(y, 4), CLG_FOR_TRAINING, OPTIONS(NULL)), CLG_EDATA,
             "-1 is no class number");
}
END_TEST

START_TEST(classes_by_known_name_or_number)
{
    static const unsigned char labels[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, x[10] = {0};
    unsigned shape[3] = {10, 1, 1};
    clg_dataset *data;
    mkdir(files_path("fashion-mnist"), 0777);
    files_put("fashion-mnist/train-labels-idx1-ubyte", scratch,
              files_idx(scratch, 8, 1, shape, labels, 10));
    files_put("fashion-mnist/train-images-idx3-ubyte", scratch,
              files_idx(scratch, 8, 3, shape, x, 10));
    const char *folder = files_path("fashion-mnist");
    ck_ok(load_as(&data, folder, CLG_FOR_TRAINING, OPTIONS("classes", "Bag,2,0")));
    ck_assert_uint_eq(data->rows, 3);
    expect_labels(data, "Bag|2|0", (int[]){2, 1, 0});
    clg_dataset_destroy(data);
    ck_fails(load_as(&data, folder, CLG_FOR_TRAINING, OPTIONS("classes", "Bags,10")), CLG_EUSAGE,
             "did you mean Bag?");
    ck_fails(load_as(&data, folder, CLG_FOR_TRAINING, OPTIONS("classes", "Bag,8")), CLG_EUSAGE,
             "has no class 8");
    ck_ok(load_as(&data, folder, CLG_FOR_TRAINING, OPTIONS("classes", "Bag", "target", "input")));
    ck_assert_uint_eq(data->rows, 1); /* chosen by its label, which then goes */
    ck_assert_ptr_null(data->labels);
    clg_dataset_destroy(data);
    ck_assert_int_eq(unlink(files_path("fashion-mnist/train-labels-idx1-ubyte")), 0);
    ck_ok(load_as(&data, folder, CLG_FOR_TRAINING, OPTIONS("target", "input")));
    ck_assert_uint_eq(data->rows, 10);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(numbers_that_are_names_go_by_name)
{
    char *names[] = {"7", "1"}, *plain[] = {"0", "1"}, *signs[] = {"-1", "1"};
    clg_dataset *data;
    int32_t map[8];
    ck_ok(load(&data, "1,1\n2,7\n3,1\n", OPTIONS(NULL)));
    ck_ok(clg_dataset_class_map(map, data, names, 2));
    ck_assert_int_eq(map[1], 1);
    ck_assert_int_eq(map[7], 0);
    ck_assert_int_eq(map[0], -1);
    ck_fails(clg_dataset_class_map(map, data, plain, 2), CLG_EDATA, "is of class 7");
    ck_fails(clg_dataset_class_map(map, data, signs, 2), CLG_EDATA, "is of class 7");
    clg_dataset_destroy(data);
}
END_TEST

/* ----------------------------------------------------------------- missing */

START_TEST(rows_that_lack_something_go)
{
    static const struct {
        const char *text, *names;
        size_t rows;
        double x[6];
        int labels[3];
    } cases[] = {
        {"a,b,k\n1,2,x\n3,,y\nNaN,4,z\n5,6,y\n", "x|y|z", 2, {1, 2, 5, 6}, {0, 1}},
        {"a,b,k\n1,2,x\n3,4,\n5,6,nan\n7,8,y\n", "x|y", 2, {1, 2, 7, 8}, {0, 1}},
        {"a,b,k\n1,2,0\n3,4,\n5,,2\n7,8,1\n", "0|1|2", 2, {1, 2, 7, 8}, {0, 1}},
        {"a,b,k\n1,2,x\n5,6,y\n", "x|y", 2, {1, 2, 5, 6}, {0, 1}},
    };
    clg_dataset *data;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ck_ok(load(&data, cases[k].text, OPTIONS("missing", "drop")));
        expect(data, cases[k].x, cases[k].rows, 2);
        expect_labels(data, cases[k].names, cases[k].labels);
        clg_dataset_destroy(data);
    }
    ck_ok(load(&data, "1,0.5\n2,\n,1\n4,2\n", OPTIONS("missing", "drop")));
    expect(data, (double[]){1, 4}, 2, 1);
    ck_assert(harness_close(data->values[1], 2, 0));
    clg_dataset_destroy(data);
    ck_ok(load(&data, "1,x\n,y\n3,y\n4,z\n", OPTIONS("missing", "drop", "classes", "y,x")));
    expect(data, (double[]){1, 3}, 2, 1); /* both at once */
    expect_labels(data, "y|x", (int[]){1, 0});
    clg_dataset_destroy(data);
    ck_fails(load(&data, ",x\n1,\n", OPTIONS("missing", "drop")), CLG_EDATA,
             "every row lacks a value");
    ck_fails(load(&data, "inf,x\n1,y\n", OPTIONS("missing", "drop")), CLG_EDATA,
             "a.csv:1: column 0 (from 0): \"inf\" is not a finite number");
    ck_fails(load(&data, "a,b\n1,x\n,y\n", OPTIONS(NULL)), CLG_EDATA,
             "a.csv:3: column 0 (\"a\"): is empty, a number must be there (or see --missing)");
}
END_TEST

START_TEST(rows_of_two_files_go_together)
{
    static const float x[6] = {1, 2, NAN, 4, 5, 6}, y[3] = {10, 20, NAN};
    char spec[8300];
    clg_dataset *data;
    snprintf(
        spec, sizeof spec, "%s,%s",
        files_put("x.npy", scratch,
                  files_npy(scratch, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }",
                            x, 24)),
        files_text("y.csv", "10\n20\n30\n"));
    ck_fails(load_as(&data, spec, CLG_FOR_TRAINING, OPTIONS(NULL)), CLG_EDATA,
             "x.npy: row 1, column 0 (from 0) is NaN: --missing drop");
    ck_ok(load_as(&data, spec, CLG_FOR_TRAINING, OPTIONS("missing", "drop", "target", "value")));
    expect(data, (double[]){1, 2, 5, 6}, 2, 2);
    ck_assert(harness_close(data->values[1], 30, 0));
    clg_dataset_destroy(data);
    ck_ok(load_as(&data, spec, CLG_FOR_TRAINING, OPTIONS("missing", "mean", "target", "value")));
    expect(data, (double[]){1, 2, NAN, 4, 5, 6}, 3, 2);
    clg_dataset_destroy(data);
    snprintf(
        spec, sizeof spec, "%s,%s", files_text("x.csv", "1\n2\n3\n"),
        files_put("y.npy", scratch,
                  files_npy(scratch, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", y,
                            12)));
    ck_ok(load_as(&data, spec, CLG_FOR_TRAINING, OPTIONS("missing", "drop")));
    expect(data, (double[]){1, 2}, 2, 1);
    clg_dataset_destroy(data);
    ck_ok(load_as(&data, spec, CLG_FOR_TRAINING, OPTIONS("missing", "drop", "target", "class")));
    ck_assert_int_eq(data->labels[1], 20);
    clg_dataset_destroy(data);
    ck_fails(load_as(&data, spec, CLG_FOR_TRAINING, OPTIONS("missing", "mean")), CLG_EDATA,
             "y.npy: row 2, column 0 (from 0) is NaN");
    snprintf(spec, sizeof spec, "%s,%s", files_path("x.csv"),
             files_text("y.csv", "1,2\n3,\n5,6\n"));
    ck_fails(load_as(&data, spec, CLG_FOR_TRAINING, OPTIONS("missing", "mean")), CLG_EDATA,
             "y.csv:2: column 1 (from 0): is empty");
    ck_ok(load_as(&data, spec, CLG_FOR_TRAINING, OPTIONS("missing", "drop")));
    expect(data, (double[]){1, 3}, 2, 1);
    ck_assert(harness_close(data->values[3], 6, 0));
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(means_of_the_training_rows_fill)
{
    double row[2], bound = 8 * 2.3e-16; /* a few operations on numbers of size 1 */
    struct clg_normalise n, copy;
    clg_dataset *data, *first, *rest;
    ck_ok(load(&data, "a,b,k\n1,,x\n,4,x\n5,8,x\nnan,6,x\n1000,,x\n", OPTIONS("missing", "mean")));
    expect(data, (double[]){1, NAN, NAN, 4, 5, 8, NAN, 6, 1000, NAN}, 5, 2);
    ck_ok(clg_dataset_split(&first, &rest, data, 1, 1, 0));
    clg_dataset_destroy(data);
    ck_ok(clg_normalise_fit(&n, "none", first)); /* a: 1 5, b: 4 8 6 */
    ck_ok(clg_normalise_row(row, &n, first, 3));
    ck_assert(harness_close(row[0], 3, 0));
    ck_assert(harness_close(row[1], 6, 0));
    ck_ok(clg_normalise_row(row, &n, rest, 0)); /* the mean of the first part, not its own */
    ck_assert(harness_close(row[0], 1000, 0));
    ck_assert(harness_close(row[1], 6, 0));
    clg_normalise_clear(&n);
    ck_ok(clg_normalise_fit(&n, "std", first)); /* a: 1 3 5 3 once filled */
    ck_ok(clg_normalise_copy(&copy, &n));
    clg_normalise_clear(&n);
    ck_ok(clg_normalise_row(row, &copy, first, 0));
    ck_assert(harness_close(row[0], -sqrt(2), bound));
    ck_assert(harness_close(row[1], 0, bound));
    clg_normalise_clear(&copy);
    ck_ok(clg_normalise_fit(&n, "minmax", first));
    ck_ok(clg_normalise_row(row, &n, first, 1));
    ck_assert(harness_close(row[0], 0.5, bound));
    ck_assert(harness_close(row[1], 0, bound));
    clg_normalise_clear(&n);
    clg_dataset_destroy(first);
    clg_dataset_destroy(rest);
}
END_TEST

/* The row is the file's, whichever rows went. */
START_TEST(scaled_beyond_a_float)
{
    struct clg_normalise n;
    clg_dataset *data, *large;
    double row[1];
    ck_ok(load(&data, "1,0\n3e-38,1\n", OPTIONS(NULL)));
    ck_ok(load(&large, "1,0\n,1\n3.4e38,0\n-3.5e38,1\n", OPTIONS("missing", "drop")));
    ck_ok(clg_normalise_fit(&n, "none", data));
    ck_ok(clg_normalise_row(row, &n, large, 1));
    ck_fails(clg_normalise_row(row, &n, large, 2), CLG_EDATA,
             "a.csv: row 3, column 0 (from 0) is -3.5e+38 after its scaling, beyond a float");
    clg_normalise_clear(&n);
    clg_dataset_destroy(data);
    clg_dataset_destroy(large);
}
END_TEST

START_TEST(means_that_do_not_exist)
{
    struct clg_normalise n;
    clg_dataset *data, *gap;
    double row[2];
    ck_ok(load(&gap, "1,,x\n3,,x\n", OPTIONS("missing", "mean")));
    ck_fails(clg_normalise_fit(&n, "auto", gap), CLG_EDATA, "column 1 (from 0) has no value");
    ck_assert_ptr_null(n.fill);
    ck_ok(load(&data, "1,2,x\n3,4,x\n", OPTIONS(NULL)));
    ck_ok(clg_normalise_fit(&n, "none", data)); /* a network that knows no means */
    ck_assert_ptr_null(n.fill);
    ck_fails(clg_normalise_row(row, &n, gap, 1), CLG_EDATA,
             "row 1, column 1 (from 0) is missing, and the network");
    clg_normalise_clear(&n);
    clg_dataset_destroy(data);
    clg_dataset_destroy(gap);
    ck_ok(load(&data, "1e308,x\n1.1e308,x\n", OPTIONS("missing", "mean")));
    ck_fails(clg_normalise_fit(&n, "none", data), CLG_EDATA, "too large to be averaged");
    clg_dataset_destroy(data);
    ck_ok(load(&data, "1,2,x\n3,4,x\n", OPTIONS("missing", "mean"))); /* nothing lacks: yet */
    ck_ok(clg_normalise_fit(&n, "none", data));
    ck_assert(harness_close(n.fill[1], 3, 0));
    clg_normalise_clear(&n);
    clg_dataset_destroy(data);
}
END_TEST

/* -------------------------------------------------------- input, prediction */

START_TEST(inputs_as_targets)
{
    static const struct {
        const char *text, *label;
        size_t features;
        double x[6];
    } cases[] = {
        {"a,b,k\n1,2,x\n3,4,y\n", "-1", 2, {1, 2, 3, 4}},       /* a column of text is none */
        {"a,b,c\n1,2,5\n3,4,6\n", "-1", 3, {1, 2, 5, 3, 4, 6}}, /* of numbers: one more feature */
        {"a,b,c\n1,2,5\n3,4,6\n", "c", 2, {1, 2, 3, 4}},        /* unless it is named */
        {"a,k,b\n1,,2\n3,y,4\n", "k", 2, {1, 2, 3, 4}},         {"1\n3\n", "-1", 1, {1, 3}},
    };
    clg_dataset *data;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ck_ok(load(&data, cases[k].text, OPTIONS("target", "input", "label-col", cases[k].label)));
        expect(data, cases[k].x, 2, cases[k].features);
        ck_assert_ptr_null(data->labels);
        ck_assert_ptr_null(data->values);
        clg_dataset_destroy(data);
    }
    ck_ok(load(&data, "a,b,c\n1,2,5\n3,4,6\n", OPTIONS("target", "input", "columns", "c,a")));
    expect(data, (double[]){5, 1, 6, 3}, 2, 2);
    clg_dataset_destroy(data);
    ck_fails(load(&data, "a,b\n1,2\n3,\n", OPTIONS("target", "input")), CLG_EDATA,
             "a.csv:3: column 1 (\"b\"): has no number");
    ck_ok(load(&data, "a,b\n1,2\n3,\n", OPTIONS("target", "input", "missing", "drop")));
    expect(data, (double[]){1, 2}, 1, 2);
    clg_dataset_destroy(data);
    ck_ok(load(&data, "a,b\n1,2\n3,\n", OPTIONS("target", "input", "missing", "mean")));
    expect(data, (double[]){1, 2, 3, NAN}, 2, 2);
    clg_dataset_destroy(data);
    ck_ok(load(&data, "1,2,\n3,4,y\n5,6,nan\n", OPTIONS("target", "input"))); /* a gap in text */
    expect(data, (double[]){1, 2, 3, 4, 5, 6}, 3, 2);
    clg_dataset_destroy(data);
    ck_fails(load(&data, "1,2\n3,inf\n", OPTIONS("target", "input")), CLG_EDATA,
             "a.csv:2: column 1 (from 0): \"inf\" is not a finite number");
    /* to evaluate, the network tells whether the last column is a feature */
    const char *const target_input[6] = {"target", "input"};
    ck_ok(load_for(&data, files_text("a.csv", "1,2,5\n"), CLG_FOR_EVALUATION, 2, target_input));
    expect(data, (double[]){1, 2}, 1, 2);
    clg_dataset_destroy(data);
    ck_ok(load_for(&data, files_path("a.csv"), CLG_FOR_EVALUATION, 3, target_input));
    expect(data, (double[]){1, 2, 5}, 1, 3);
    clg_dataset_destroy(data);
    ck_fails(load_for(&data, files_path("a.csv"), CLG_FOR_EVALUATION, 4, target_input), CLG_EDATA,
             "a.csv: has 3 columns, and the network takes 4 features");
    ck_ok(load_as(&data, "xor", CLG_FOR_TRAINING, OPTIONS("target", "input")));
    ck_assert_ptr_null(data->labels);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(predictions_need_no_target)
{
    static const struct {
        const char *text, *key, *value;
        size_t inputs, rows;
        double x[6];
    } cases[] = {
        {"a,b\n1,2\n3,4\n", "label-col", "kind", 2, 2, {1, 2, 3, 4}}, /* which is not there */
        {"a,b\n1,2\n3,4\n", "label-col", "5", 2, 2, {1, 2, 3, 4}},
        {"a,b\n1,2\n3,4\n", "label-col", "-1", 2, 2, {1, 2, 3, 4}},
        {"a,b\n1,2\n3,4\n", "columns", "b,a", 2, 2, {2, 1, 4, 3}},
        {"a,b\n1,2\n3,4\n", "columns", "b", 1, 2, {2, 4}}, /* chosen, so it is no target */
        {"a,b,c,d\n1,2,x,\n3,4,y,\n", "columns", "b,a", 2, 2, {2, 1, 4, 3}},
        {"1,\n3,junk\n5,-7.5\n", "missing", "drop", 1, 3, {1, 3, 5}}, /* whatever stands there */
        {"1,2\n,4\n5,\n7,8\n", "missing", "drop", 1, 3, {1, 5, 7}},
        {"1,2\n,4\n5,\n7,8\n", "missing", "drop", 2, 2, {1, 2, 7, 8}},
        {"1,2\n3,\n", "missing", "mean", 2, 2, {1, 2, 3, NAN}},
        {"1,x\n3,\"inf\"\n", "target", "class", 1, 2, {1, 3}},
        {"1,2\n3,4\n", "target", "input", 2, 2, {1, 2, 3, 4}},
        {"1,2\n3,4\n", "target", "input", 1, 2, {1, 3}},
    };
    clg_dataset *data;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ck_ok(load_inputs(&data, files_text("a.csv", cases[k].text), cases[k].inputs,
                          OPTIONS(cases[k].key, cases[k].value)));
        expect(data, cases[k].x, cases[k].rows, cases[k].inputs);
        ck_assert_ptr_null(data->labels);
        ck_assert_ptr_null(data->values);
        clg_dataset_destroy(data);
    }
    ck_fails(
        load_inputs(&data, files_text("a.csv", "a,b,c\n1,2,3\n"), 2, OPTIONS("label-col", "kind")),
        CLG_EUSAGE, "--label-col kind: "); /* one is too many, and which is not known */
    char spec[8300];                       /* nor is a file of targets looked into */
    snprintf(spec, sizeof spec, "%s,%s", files_text("x.csv", "1\n2\n"), files_path("absent.csv"));
    ck_ok(load_inputs(&data, spec, 1, OPTIONS(NULL)));
    expect(data, (double[]){1, 2}, 2, 1);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(arrays_and_sparse_rows_need_no_target)
{
    static const float x[4] = {1, 2, 3, 4};
    clg_dataset *data;
    const char *header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
    const char *path = files_put("p.npy", scratch, files_npy(scratch, header, x, sizeof x));
    ck_ok(load_inputs(&data, path, 2, OPTIONS("columns", "b", "label-col", "kind")));
    expect(data, (double[]){1, 2, 3, 4}, 2, 2);
    clg_dataset_destroy(data);
    path = files_text("p.svm", "? 1:1\nnan 2:2\n1:3 2:4\ninf\n"); /* any label, or none */
    ck_ok(load_inputs(&data, path, 2, OPTIONS("features", "2")));
    expect(data, (double[]){1, 0, 0, 2, 3, 4, 0, 0}, 4, 2);
    ck_assert_ptr_null(data->labels);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data: choice");
    TCase *cases = tcase_create("choice");
    tcase_add_test(cases, columns_in_the_order_given);
    tcase_add_test(cases, columns_refused);
    tcase_add_test(cases, classes_of_csv);
    tcase_add_test(cases, classes_refused);
    tcase_add_test(cases, names_are_not_without_end);
    tcase_add_test(cases, classes_of_arrays);
    tcase_add_test(cases, classes_by_known_name_or_number);
    tcase_add_test(cases, numbers_that_are_names_go_by_name);
    tcase_add_test(cases, rows_that_lack_something_go);
    tcase_add_test(cases, rows_of_two_files_go_together);
    tcase_add_test(cases, means_of_the_training_rows_fill);
    tcase_add_test(cases, scaled_beyond_a_float);
    tcase_add_test(cases, means_that_do_not_exist);
    tcase_add_test(cases, inputs_as_targets);
    tcase_add_test(cases, predictions_need_no_target);
    tcase_add_test(cases, arrays_and_sparse_rows_need_no_target);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
