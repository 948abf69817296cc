/* Data sets by name, folder and pair of files; the caller's arrays; splitting; normalisation. */
#define _GNU_SOURCE
#include "harness.h"
#include "harness_files.h"

#include "core/rng.h"
#include "data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned char scratch[4096];

/* An IDX file of rows images of 2 x 2, or of rows labels; bytes count up from first. */
static const char *put_idx(const char *name, int images, unsigned rows, unsigned char first)
{
    unsigned char body[256];
    unsigned shape[3] = {rows, 2, 2};
    size_t size = rows * (images ? 4u : 1u);
    for (size_t i = 0; i < size; i++)
        body[i] = (unsigned char)(first + i);
    return files_put(name, scratch, files_idx(scratch, 8, images ? 3 : 1, shape, body, size));
}

/* A folder with both parts: 3 training rows labelled 0.., 2 test rows labelled from 2 on. */
static const char *put_folder(const char *name)
{
    char path[256];
    mkdir(files_path(name), 0777);
    snprintf(path, sizeof path, "%s/train-images-idx3-ubyte", name);
    put_idx(path, 1, 3, 0);
    snprintf(path, sizeof path, "%s/train-labels-idx1-ubyte", name);
    put_idx(path, 0, 3, 0);
    snprintf(path, sizeof path, "%s/t10k-images.idx3.ubyte", name);
    put_idx(path, 1, 2, 100);
    snprintf(path, sizeof path, "%s/t10k-labels.idx1-ubyte", name);
    put_idx(path, 0, 2, 3);
    return files_path(name);
}

static clg_status load(clg_dataset **out, const char *spec, clg_part part)
{
    return clg_dataset_load(out, spec, part, NULL);
}

static void expect_part(const char *spec, clg_part part, size_t rows, double first)
{
    clg_dataset *data;
    double row[4];
    ck_ok(load(&data, spec, part));
    clg_dataset_info info = clg_dataset_describe(data);
    clg_dataset_row(row, data, 0);
    ck_assert_uint_eq(info.rows, rows);
    ck_assert(harness_close(row[0], first, 0));
    ck_assert_int_eq(info.both_parts, 1);
    ck_assert_int_eq(info.classes, 5); /* of both parts together */
    ck_assert_str_eq(clg_dataset_class_name(data, 4), "4");
    ck_assert_int_eq(info.height, 2);
    clg_dataset_destroy(data);
}

START_TEST(parts_of_a_folder)
{
    char spec[4200];
    put_folder("digits");
    setenv("CLGRAD_DATA", harness_folder(), 1);
    for (int by_path = 0; by_path < 2; by_path++) {
        const char *name = by_path ? files_path("digits") : "digits";
        expect_part(name, CLG_PART_ALL, 3, 0);
        expect_part(name, CLG_PART_TRAIN, 3, 0);
        expect_part(name, CLG_PART_TEST, 2, 100);
        snprintf(spec, sizeof spec, "%s:test", name);
        expect_part(spec, CLG_PART_TRAIN, 2, 100);
        snprintf(spec, sizeof spec, "%s:train", name);
        expect_part(spec, CLG_PART_TEST, 3, 0);
    }
    unsetenv("CLGRAD_DATA");
}
END_TEST

START_TEST(folders_that_lack_something)
{
    clg_dataset *data;
    char spec[4200];
    const char *folder = put_folder("half");
    ck_assert_int_eq(unlink(files_path("half/t10k-labels.idx1-ubyte")), 0);
    ck_fails(load(&data, folder, CLG_PART_TRAIN), CLG_EDATA, "t10k-labels-idx1-ubyte");
    ck_assert_int_eq(unlink(files_path("half/t10k-images.idx3.ubyte")), 0);
    ck_ok(load(&data, folder, CLG_PART_TEST)); /* one part: it is taken whatever was preferred */
    ck_assert_uint_eq(data->rows, 3);
    ck_assert_int_eq(data->both_parts, 0);
    clg_dataset_destroy(data);
    snprintf(spec, sizeof spec, "%s:test", folder);
    ck_fails(load(&data, spec, CLG_PART_ALL), CLG_EDATA, "has no test part");
    put_idx("half/train-labels-idx1-ubyte", 0, 2, 0);
    ck_fails(load(&data, folder, CLG_PART_ALL), CLG_EDATA, "3 rows and its targets");
    mkdir(files_path("bare"), 0777);
    ck_fails(load(&data, files_path("bare"), CLG_PART_ALL), CLG_EDATA, "holds no data set");
}
END_TEST

START_TEST(known_sets_have_ten_classes)
{
    clg_dataset *data;
    put_folder("fashion-mnist");
    put_idx("fashion-mnist/t10k-labels.idx1-ubyte", 0, 2, 8);
    setenv("CLGRAD_DATA", harness_folder(), 1);
    ck_ok(load(&data, "fashion-mnist", CLG_PART_ALL));
    ck_assert_str_eq(clg_dataset_class_name(data, 0), "T-shirt/top");
    ck_assert_str_eq(clg_dataset_class_name(data, 9), "Ankle boot");
    clg_dataset_destroy(data);
    put_idx("fashion-mnist/train-labels-idx1-ubyte", 0, 3, 8);
    ck_fails(load(&data, "fashion-mnist", CLG_PART_ALL), CLG_EDATA,
             "train-labels-idx1-ubyte: label 10 of row 2 (from 0), at byte 10, is out of range");
    ck_fails(load(&data, "fashion-mnist:test", CLG_PART_ALL), CLG_EDATA, "label 10 of row 2");
    unsetenv("CLGRAD_DATA");
}
END_TEST

START_TEST(csv_by_name)
{
    clg_dataset *data;
    mkdir(files_path("herbs"), 0777);
    files_text("herbs/herbs.csv", "1,2,x\n");
    setenv("CLGRAD_DATA", harness_folder(), 1);
    ck_ok(load(&data, "herbs", CLG_PART_TEST));
    ck_assert_uint_eq(data->features, 2);
    clg_dataset_destroy(data);
    files_text("herbs/other.csv", "1,x\n");
    ck_ok(load(&data, "herbs", CLG_PART_ALL)); /* the one that has the folder's name */
    ck_assert_uint_eq(data->features, 2);
    clg_dataset_destroy(data);
    ck_fails(load(&data, "herbs:test", CLG_PART_ALL), CLG_EDATA, "has no parts");
    ck_assert_int_eq(unlink(files_path("herbs/herbs.csv")), 0);
    ck_ok(load(&data, "herbs", CLG_PART_ALL));
    ck_assert_uint_eq(data->features, 1);
    clg_dataset_destroy(data);
    files_text("herbs/third.csv", "1,x\n");
    ck_fails(load(&data, "herbs", CLG_PART_ALL), CLG_EDATA, "holds 2 CSV files");
    ck_fails(load(&data, "herb", CLG_PART_ALL), CLG_EDATA, "did you mean herbs?");
    unsetenv("CLGRAD_DATA");
}
END_TEST

START_TEST(what_is_not_there)
{
    clg_dataset *data;
    ck_fails(load(&data, "", CLG_PART_ALL), CLG_EUSAGE, "no data named");
    ck_fails(load(&data, "fashon-mnist", CLG_PART_ALL), CLG_EDATA, "did you mean fashion-mnist?");
    ck_fails(load(&data, "xo:test", CLG_PART_ALL), CLG_EDATA, "did you mean xor?");
    ck_fails(load(&data, "no/such/file.csv", CLG_PART_ALL), CLG_EDATA,
             "no/such/file.csv: cannot be opened: No such file or directory");
    ck_fails(load(&data, "absent.csv", CLG_PART_ALL), CLG_EDATA, "absent.csv: cannot be opened");
    ck_fails(load(&data, "a.npy,b.npy", CLG_PART_ALL), CLG_EDATA, "a.npy: cannot be opened");
    ck_fails(load(&data, "a.npy,", CLG_PART_ALL), CLG_EUSAGE, "missing beside the comma");
    ck_fails(load(&data, "-,-", CLG_PART_ALL), CLG_EUSAGE, "standard input");
    ck_fails(load(&data, "xor:train", CLG_PART_ALL), CLG_EDATA, "has no parts");
}
END_TEST

START_TEST(xor_is_built_in)
{
    static const double want[8] = {0, 0, 0, 1, 1, 0, 1, 1}, truth[4] = {0, 1, 1, 0};
    for (int values = 0; values < 2; values++) {
        clg_dataset *data;
        clg_config *config;
        double row[2];
        ck_ok(clg_config_create(&config));
        ck_ok(clg_config_set(config, "target", values ? "value" : "class"));
        ck_ok(clg_dataset_load(&data, "xor", CLG_PART_TEST, config));
        ck_assert_uint_eq(data->rows, 4);
        for (size_t i = 0; i < 4; i++) {
            clg_dataset_row(row, data, i);
            ck_assert(harness_close(row[0], want[2 * i], 0));
            ck_assert(harness_close(row[1], want[2 * i + 1], 0));
            ck_assert(harness_close(values ? data->values[i] : data->labels[i], truth[i], 0));
        }
        ck_assert_int_eq(data->classes, values ? 0 : 2);
        clg_dataset_destroy(data);
        clg_config_destroy(config);
    }
}
END_TEST

/* targets.npy of the type and numbers given, beside four rows of features, under --target. */
static clg_status load_pair(clg_dataset **out, const char *header, const void *body, size_t size,
                            const char *target)
{
    char spec[8300];
    clg_config *config;
    put_idx("x,1.idx", 1, 4, 0); /* a comma in a name */
    snprintf(spec, sizeof spec, "%s,%s", files_path("x,1.idx"),
             files_put("y.npy", scratch, files_npy(scratch, header, body, size)));
    ck_ok(clg_config_create(&config));
    if (target)
        ck_ok(clg_config_set(config, "target", target));
    clg_status status = clg_dataset_load(out, spec, CLG_PART_ALL, config);
    clg_config_destroy(config);
    return status;
}

START_TEST(targets_from_arrays)
{
#define Y(type, shape) "{'descr': '" type "', 'fortran_order': False, 'shape': " shape ", }"
    static const signed char ints[4] = {2, 0, 1, 2}, minus[4] = {0, -1, 1, 2};
    static const float whole[4] = {2, 0, 1, 2}, half[4] = {2, 0.5f, 1, 2};
    static const int32_t large[4] = {0, 1 << 20, 1, 2};
    clg_dataset *data;
    ck_ok(load_pair(&data, Y("|i1", "(4,)"), ints, 4, NULL));
    ck_assert_int_eq(data->classes, 3);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(data->labels[i], ints[i]);
    clg_dataset_destroy(data);
    ck_ok(load_pair(&data, Y("|i1", "(4,)"), ints, 4, "value"));
    ck_assert_uint_eq(data->outputs, 1);
    ck_assert(harness_close(data->values[3], 2, 0));
    clg_dataset_destroy(data);
    ck_ok(load_pair(&data, Y("<f4", "(4,)"), whole, 16, NULL));
    ck_assert_uint_eq(data->outputs, 1);
    ck_assert_ptr_null(data->labels);
    clg_dataset_destroy(data);
    ck_ok(load_pair(&data, Y("<f4", "(4,)"), whole, 16, "class"));
    ck_assert_int_eq(data->classes, 3);
    clg_dataset_destroy(data);
    ck_ok(load_pair(&data, Y("|i1", "(4, 1)"), ints, 4, NULL));
    ck_assert_uint_eq(data->outputs, 1);
    clg_dataset_destroy(data);
    ck_fails(load_pair(&data, Y("|i1", "(4,)"), minus, 4, NULL), CLG_EDATA,
             "y.npy: row 1 (from 0): -1 is no class number");
    ck_fails(load_pair(&data, Y("<f4", "(4,)"), half, 16, "class"), CLG_EDATA, "0.5 is no class");
    ck_fails(load_pair(&data, Y("<i4", "(4,)"), large, 16, NULL), CLG_EDATA,
             "1048576 is no class number");
    ck_fails(load_pair(&data, Y("|i1", "(2, 2)"), ints, 4, NULL), CLG_EDATA,
             "has 4 rows and its targets");
    ck_fails(load_pair(&data, Y("<f4", "(4, 1)"), whole, 15, NULL), CLG_EDATA, "y.npy: truncated");
}
END_TEST

START_TEST(the_callers_arrays)
{
    static const float x[6] = {1, 2, 3, 4, 5, 6}, values[3] = {0.5f, 1, 2}, bad[2] = {1, NAN};
    static const int32_t labels[3] = {1, 0, 1};
    clg_dataset *data;
    double row[2];
    ck_ok(clg_dataset_from_arrays(&data, x, 3, 2, labels, 3, NULL, 0));
    clg_dataset_row(row, data, 2);
    ck_assert(harness_close(row[1], 6, 0));
    ck_assert_int_eq(data->labels[2], 1);
    ck_assert_str_eq(clg_dataset_class_name(data, 2), "2");
    ck_assert_ptr_null(clg_dataset_class_name(data, 3));
    clg_dataset_destroy(data);
    ck_ok(clg_dataset_from_arrays(&data, x, 3, 2, NULL, 0, values, 1));
    ck_assert(harness_close(data->values[0], 0.5, 0));
    clg_dataset_destroy(data);
    ck_ok(clg_dataset_from_arrays(&data, x, 3, 2, NULL, 0, NULL, 0));
    clg_dataset_destroy(data);
    clg_dataset_destroy(NULL);
    ck_fails(clg_dataset_from_arrays(&data, x, 3, 2, labels, 1, NULL, 0), CLG_EUSAGE,
             "label 1 of row 0 is not 0..0");
    ck_assert_ptr_null(data);
    ck_fails(clg_dataset_from_arrays(&data, x, 0, 2, NULL, 0, NULL, 0), CLG_EUSAGE, "0 rows");
    ck_fails(clg_dataset_from_arrays(&data, x, 3, 2, labels, 2, values, 1), CLG_EUSAGE, "not both");
    ck_fails(clg_dataset_from_arrays(&data, bad, 1, 2, NULL, 0, NULL, 0), CLG_EUSAGE,
             "x of row 0, column 1 is not finite");
}
END_TEST

enum { ROWS = 101 };

static clg_dataset *counted(void)
{
    float x[2 * ROWS], values[2 * ROWS];
    clg_dataset *data;
    for (int i = 0; i < ROWS; i++) {
        x[2 * i] = (float)i;
        x[2 * i + 1] = (float)(-i);
        values[2 * i] = (float)(3 * i);
        values[2 * i + 1] = (float)(5 * i);
    }
    ck_ok(clg_dataset_from_arrays(&data, x, ROWS, 2, NULL, 0, values, 2));
    return data;
}

START_TEST(split_takes_the_last_of_the_shuffle)
{
    clg_dataset *data = counted(), *first, *rest;
    struct clg_shuffle order;
    clg_shuffle_begin(&order, ROWS, 7, 0);
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        ck_ok(clg_dataset_split(&first, &rest, data, shuffle ? 0.2 : 20, 7, shuffle));
        ck_assert_uint_eq(first->rows, ROWS - 20);
        ck_assert_uint_eq(rest->rows, 20);
        for (uint32_t i = 0; i < ROWS; i++) {
            const clg_dataset *part = i < first->rows ? first : rest;
            size_t at = i < first->rows ? i : i - first->rows;
            double row[2], want = shuffle ? clg_shuffle_at(&order, i) : i;
            clg_dataset_row(row, part, at);
            ck_assert(harness_close(row[0], want, 0));
            ck_assert(harness_close(row[1], -want, 0));
            ck_assert(harness_close(part->values[2 * at], 3 * want, 0));
            ck_assert(harness_close(part->values[2 * at + 1], 5 * want, 0));
        }
        clg_dataset_destroy(first);
        clg_dataset_destroy(rest);
    }
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(split_must_leave_both_sides_some)
{
    static const double amounts[] = {0, -1, NAN, 0.001, 0.999, 1.5, ROWS, 1e300, INFINITY};
    clg_dataset *data = counted(), *first, *rest;
    for (size_t k = 0; k < sizeof amounts / sizeof *amounts; k++) {
        ck_fails(clg_dataset_split(&first, &rest, data, amounts[k], 1, 1), CLG_EUSAGE,
                 "--val-split");
        ck_assert_ptr_null(first);
        ck_assert_ptr_null(rest);
    }
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(split_of_labelled_bytes)
{
    clg_dataset *data, *first, *rest;
    put_folder("digits");
    ck_ok(load(&data, files_path("digits"), CLG_PART_TRAIN));
    ck_ok(clg_dataset_split(&first, &rest, data, 1, 1, 0));
    clg_dataset_destroy(data); /* what was split off stands alone */
    ck_assert_int_eq(rest->storage, CLG_BYTES);
    ck_assert_int_eq(rest->labels[0], 2);
    ck_assert_int_eq(((const unsigned char *)rest->x)[3], 11);
    ck_assert_str_eq(clg_dataset_class_name(rest, 4), "4");
    ck_assert_int_eq(clg_dataset_describe(first).height, 2);
    clg_dataset_destroy(first);
    clg_dataset_destroy(rest);
}
END_TEST

/* Features: 1 2 3 4, constant 0.1, and 1e6 + {0 2 4 6}, as kind maps them in row 0 and row 3. */
static void expect_fit(const char *kind, const double first[3], const double last[3])
{
    float x[12];
    struct clg_normalise n, copy;
    clg_dataset *data;
    double row[3];
    for (int i = 0; i < 4; i++) {
        x[3 * i] = (float)(i + 1);
        x[3 * i + 1] = 0.1f;
        x[3 * i + 2] = (float)(1000000 + 2 * i);
    }
    ck_ok(clg_dataset_from_arrays(&data, x, 4, 3, NULL, 0, NULL, 0));
    ck_ok(clg_normalise_fit(&n, kind, data));
    ck_assert_str_eq(n.kind, strcmp(kind, "auto") == 0 ? "none" : kind);
    ck_ok(clg_normalise_copy(&copy, &n));
    clg_normalise_clear(&n);
    for (size_t i = 0; i < 4; i += 3) {
        clg_dataset_row(row, data, i);
        for (size_t j = 0; j < 3; j++) { /* products and a sum of numbers up to |x * scale| */
            double got = row[j] * copy.scale[j] + copy.shift[j];
            double bound = 16 * 2.2e-16 * (fabs(row[j] * copy.scale[j]) + 1);
            ck_assert_msg(harness_close(got, (i ? last : first)[j], bound), "%s %zu %zu: %.17g",
                          kind, i, j, got);
        }
    }
    clg_normalise_clear(&copy);
    clg_dataset_destroy(data);
}

START_TEST(normalise_kinds)
{
    double tenth = (double)0.1f, s = 1.5 / sqrt(1.25); /* mean 2.5, variance 5/4 */
    expect_fit("auto", (double[]){1, tenth, 1000000}, (double[]){4, tenth, 1000006});
    expect_fit("none", (double[]){1, tenth, 1000000}, (double[]){4, tenth, 1000006});
    expect_fit("unit", (double[]){1 / 255.0, tenth / 255, 1000000 / 255.0},
               (double[]){4 / 255.0, tenth / 255, 1000006 / 255.0});
    expect_fit("minmax", (double[]){0, 0, 0}, (double[]){1, 0, 1});
    expect_fit("range:-1:3", (double[]){-1, -1, -1}, (double[]){3, -1, 3});
    expect_fit("std", (double[]){-s, 0, -s}, (double[]){s, 0, s});
}
END_TEST

START_TEST(normalise_of_bytes_and_csv)
{
    struct clg_normalise n;
    clg_dataset *data;
    put_folder("digits");
    ck_ok(load(&data, files_path("digits"), CLG_PART_TRAIN));
    ck_ok(clg_normalise_fit(&n, "auto", data));
    ck_assert_str_eq(n.kind, "unit");
    ck_assert(harness_close(n.scale[3], 1 / 255.0, 0));
    clg_normalise_clear(&n);
    ck_ok(clg_normalise_fit(&n, "range:-1:1", data)); /* by what bytes can be, not by these */
    ck_assert(harness_close(n.scale[0], 2 / 255.0, 0));
    ck_assert(harness_close(n.shift[0], -1, 0));
    clg_normalise_clear(&n);
    ck_ok(clg_normalise_fit(&n, "minmax", data)); /* 0, 4, 8 in the first feature */
    ck_assert(harness_close(n.scale[0], 1 / 8.0, 0));
    clg_normalise_clear(&n);
    ck_fails(clg_normalise_fit(&n, "range:1:1", data), CLG_EUSAGE, "LO below HI");
    clg_dataset_destroy(data);
    ck_ok(load(&data, files_text("wide.csv", "1e308,1\n-1e308,1\n"), CLG_PART_ALL));
    ck_fails(clg_normalise_fit(&n, "auto", data), CLG_EDATA, "column 0 (from 0) spans");
    ck_ok(clg_normalise_fit(&n, "none", data));
    clg_normalise_clear(&n);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data: sets");
    TCase *cases = tcase_create("sets");
    tcase_add_test(cases, parts_of_a_folder);
    tcase_add_test(cases, folders_that_lack_something);
    tcase_add_test(cases, known_sets_have_ten_classes);
    tcase_add_test(cases, csv_by_name);
    tcase_add_test(cases, what_is_not_there);
    tcase_add_test(cases, xor_is_built_in);
    tcase_add_test(cases, targets_from_arrays);
    tcase_add_test(cases, the_callers_arrays);
    tcase_add_test(cases, split_takes_the_last_of_the_shuffle);
    tcase_add_test(cases, split_must_leave_both_sides_some);
    tcase_add_test(cases, split_of_labelled_bytes);
    tcase_add_test(cases, normalise_kinds);
    tcase_add_test(cases, normalise_of_bytes_and_csv);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
