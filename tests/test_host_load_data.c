/* Data loaded in the form that a network was trained on: its columns, classes, missing values and
 * width, for evaluation and for prediction. */
#define _GNU_SOURCE
#include "harness.h"
#include "harness_files.h"
#include "net/net.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* A network for the data that spec names under these options. */
static clg_net *trained(const char *spec, const char *const *words)
{
    clg_config *config;
    clg_dataset *data;
    clg_net *net;
    ck_ok(clg_config_create(&config));
    for (; *words; words += 2)
        ck_ok(clg_config_set(config, words[0], words[1]));
    ck_ok(clg_dataset_load(&data, spec, CLG_PART_ALL, config));
    ck_ok(clg_net_create(&net, config, data));
    clg_dataset_destroy(data);
    clg_config_destroy(config);
    return net;
}
#define TRAINED(spec, ...) trained(spec, (const char *const[]){__VA_ARGS__, NULL})

static clg_dataset *loaded(const clg_net *net, const char *spec, int targets)
{
    clg_dataset *data;
    ck_ok(clg_net_load_data(&data, net, spec, CLG_PART_ALL, NULL, targets));
    return data;
}

static double value(const clg_dataset *data, size_t row, size_t column)
{
    double x[16];
    ck_assert_uint_le(data->features, 16);
    clg_dataset_row(x, data, row);
    return x[column];
}

START_TEST(same_columns_and_classes)
{
    const char *train = files_text("train.csv", "a,b,kind,c\n1,2,x,3\n4,5,y,6\n7,8,z,9\n");
    clg_net *net = TRAINED(train, "label-col", "kind", "columns", "c,a", "classes", "y,x");
    ck_assert_str_eq(clg_net_text(net), "2,2:softmax");
    ck_assert_str_eq(clg_net_class_name(net, 0), "y");
    clg_dataset *data = loaded(net, files_text("eval.csv", "kind,c,a,b\nx,3,1,2\nz,9,7,8\n"), 1);
    ck_assert_uint_eq(data->rows, 1); /* z is none of the network's */
    ck_assert(value(data, 0, 0) == 3 && value(data, 0, 1) == 1);
    clg_dataset_destroy(data);
    /* a prediction leaves no row out and needs no target */
    data = loaded(net, files_text("predict.csv", "kind,c,a,b\nx,3,1,2\nz,9,7,8\n"), 0);
    ck_assert_uint_eq(data->rows, 2);
    ck_assert(value(data, 1, 0) == 9 && value(data, 1, 1) == 7);
    clg_dataset_destroy(data);
    clg_net_destroy(net);
}
END_TEST

START_TEST(training_means_fill)
{
    const char *train = files_text("gaps.csv", "a,b,t\n1,2,0.5\n,4,1.5\n3,,2.5\n");
    clg_net *net = TRAINED(train, "missing", "mean", "target", "value", "normalize", "none");
    ck_assert_ptr_nonnull(net->normalise.fill);
    clg_dataset *data = loaded(net, files_text("later.csv", "a,b,t\n,10,1\n,,2\n"), 1);
    double row[2];
    ck_ok(clg_normalise_row(row, &net->normalise, data, 1));
    ck_assert(row[0] == 2 && row[1] == 3); /* of the training rows, not of these */
    clg_dataset_destroy(data);
    clg_net_destroy(net);
}
END_TEST

START_TEST(drops_no_prediction)
{
    const char *train = files_text("gaps.csv", "a,b,t\n1,2,0\n,4,1\n3,5,1\n");
    const char *later = files_text("later.csv", "a,b,t\n,10,1\n1,2,0\n");
    clg_net *net = TRAINED(train, "missing", "drop");
    clg_dataset *data = loaded(net, later, 1);
    ck_assert_uint_eq(data->rows, 1);
    clg_dataset_destroy(data);
    ck_fails(clg_net_load_data(&data, net, later, CLG_PART_ALL, NULL, 0), CLG_EDATA, "later.csv");
    ck_assert_ptr_null(data);
    clg_config *config; /* unless asked to */
    ck_ok(clg_config_create(&config));
    ck_ok(clg_config_set(config, "missing", "drop"));
    ck_ok(clg_net_load_data(&data, net, later, CLG_PART_ALL, config, 0));
    ck_assert_uint_eq(data->rows, 1);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
    clg_net_destroy(net);
}
END_TEST

START_TEST(same_width)
{
    clg_net *net = TRAINED(files_text("train.svm", "0 1:1 5:2\n1 3:1\n"), "target", "class");
    ck_assert_int_eq(clg_net_inputs(net), 5);
    clg_dataset *data = loaded(net, files_text("later.svm", "1 2:7\n"), 1), *wide;
    ck_assert_uint_eq(data->features, 5);
    ck_assert(value(data, 0, 1) == 7 && value(data, 0, 4) == 0);
    clg_dataset_destroy(data);
    ck_fails(
        clg_net_load_data(&wide, net, files_text("wide.svm", "1 6:7\n"), CLG_PART_ALL, NULL, 1),
        CLG_EDATA, "wide.svm");
    clg_net_destroy(net);
}
END_TEST

START_TEST(input_as_target)
{
    const char *train = files_text("plain.csv", "a,b,c\n1,2,3\n4,5,6\n");
    clg_net *net = TRAINED(train, "target", "input", "layers", "2", "normalize", "none");
    ck_assert_str_eq(clg_net_text(net), "3,2:relu,3:identity");
    for (int targets = 0; targets < 2; targets++) {
        clg_dataset *data = loaded(net, train, targets);
        ck_assert_uint_eq(data->features, 3);
        ck_assert(value(data, 1, 2) == 6);
        clg_dataset_destroy(data);
    }
    clg_net_destroy(net);
}
END_TEST

START_TEST(prediction_without_target)
{
    const char *train = files_text("train.csv", "a,b,t\n1,2,x\n4,5,y\n");
    clg_net *net = TRAINED(train, "normalize", "none");
    clg_dataset *data = loaded(net, files_text("bare.csv", "a,b\n7,8\n"), 0);
    ck_assert_uint_eq(data->features, 2);
    ck_assert(value(data, 0, 0) == 7 && value(data, 0, 1) == 8);
    clg_dataset_destroy(data);
    data = loaded(net, files_text("whole.csv", "a,b,t\n7,8,?\n"), 0);
    ck_assert_uint_eq(data->features, 2);
    clg_dataset_destroy(data);
    clg_net_destroy(net);
    net = TRAINED(train, "normalize", "none", "label-col", "t");
    data = loaded(net, files_text("bare.csv", "a,b\n7,8\n"), 0); /* there is no column t */
    ck_assert(data->features == 2 && value(data, 0, 1) == 8);
    clg_dataset_destroy(data);
    clg_net_destroy(net);
}
END_TEST

/* The first error is the one reported, and standard input is read once. */
START_TEST(prediction_from_standard_input)
{
    const char *train = files_text("train.csv", "a,b,t\n1,2,x\n4,5,y\n");
    clg_net *net = TRAINED(train, "normalize", "none");
    clg_dataset *data;
    int before = dup(0);
    static const struct {
        const char *text, *error;
    } cases[] = {{"a,b\n7,8\n", NULL},
                 {"a,b,t\n7,8,\n", NULL},
                 {"a,b\n7,no\n", "2: column 1 (\"b\"): \"no\" is text"},
                 {"7,8,9,10\n", "has 4 columns, and the network takes 2"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int file = open(files_text("in", cases[k].text), O_RDONLY);
        ck_assert(file >= 0 && dup2(file, 0) == 0);
        close(file);
        if (cases[k].error) {
            ck_fails(clg_net_load_data(&data, net, "-", CLG_PART_ALL, NULL, 0), CLG_EDATA,
                     cases[k].error);
            continue;
        }
        data = loaded(net, "-", 0);
        ck_assert(data->rows == 1 && data->features == 2 && value(data, 0, 1) == 8);
        clg_dataset_destroy(data);
    }
    ck_assert_int_eq(dup2(before, 0), 0);
    close(before);
    clg_net_destroy(net);
}
END_TEST

START_TEST(prediction_with_chosen_columns)
{
    const char *train = files_text("train.csv", "a,b,t,c\n1,2,x,3\n4,5,y,6\n");
    clg_net *net = TRAINED(train, "label-col", "t", "columns", "c,a", "normalize", "none");
    clg_dataset *data = loaded(net, files_text("bare.csv", "c,d,e,a\n9,?,,7\n"), 0);
    ck_assert(data->features == 2 && value(data, 0, 0) == 9 && value(data, 0, 1) == 7);
    clg_dataset_destroy(data);
    ck_fails(
        clg_net_load_data(&data, net, files_text("bare.csv", "a,b\n1,2\n"), CLG_PART_ALL, NULL, 0),
        CLG_EUSAGE, "--columns c: ");
    clg_net_destroy(net);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("load_data");
    TCase *tests = tcase_create("load_data");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, same_columns_and_classes);
    tcase_add_test(tests, training_means_fill);
    tcase_add_test(tests, drops_no_prediction);
    tcase_add_test(tests, same_width);
    tcase_add_test(tests, input_as_target);
    tcase_add_test(tests, prediction_without_target);
    tcase_add_test(tests, prediction_from_standard_input);
    tcase_add_test(tests, prediction_with_chosen_columns);
    return harness_run(suite);
}
