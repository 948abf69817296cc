/* An application may run in any locale: options, data, models and predictions mean the same in all.
 */
#include "harness_files.h"
#include "harness_locale.h"
#include "harness_train.h"

#include "core/config.h"
#include "core/text.h"
#include "net/net.h"

#include <stdlib.h>
#include <string.h>

START_TEST(numbers_are_read)
{
    double number;
    ck_assert(clg_read_number(&number, "0.001") && harness_close(number, 0.001, 0));
    ck_assert(clg_read_number(&number, "-1.5e-3") && harness_close(number, -1.5e-3, 0));
    ck_assert(!clg_read_number(&number, "0,5"));
    ck_assert_str_eq(clg_read_number_at(&number, "0.25s"), "s");
    ck_assert(harness_close(number, 0.25, 0));
    ck_assert_str_eq(clg_read_number_at(&number, "1e-3:7"), ":7");
    ck_assert_ptr_null(clg_read_number_at(&number, ":7"));
    ck_assert_ptr_null(clg_read_number_at(&number, "1e400"));
    ck_assert_str_eq(clg_print_number(0.1, 9).text, "0.1");
    ck_assert_str_eq(clg_print_number(-1.5e-9, 3).text, "-1.5e-09");
}
END_TEST

START_TEST(options_mean_the_same)
{
    clg_config *config =
        harness_config("l2", "0.25", "save-every", "0.5s", "normalize", "range:-0.5:0.5", NULL);
    ck_assert(harness_close(clg_config_number(config, "lr"), 0.001, 0));
    ck_assert(harness_close(clg_config_number(config, "l2"), 0.25, 0));
    ck_fails(clg_config_set(config, "l2", "0,25"), CLG_EUSAGE, "--l2 0,25");
    ck_fails(clg_config_set(config, "init", "normal:0,5"), CLG_EUSAGE, "--init");
    ck_ok(clg_config_write(config, files_path("config.ini")));
    clg_config *again = harness_config(NULL);
    ck_ok(clg_config_read(again, files_path("config.ini")));
    ck_assert(harness_close(clg_config_number(again, "beta2"), 0.999, 0));
    ck_assert_str_eq(clg_config_get(again, "normalize"), "range:-0.5:0.5");
    clg_config_destroy(config);
    clg_config_destroy(again);
}
END_TEST

/* One training from a CSV file to a model file, and that file again: its bytes. */
static unsigned char *trained(const char *name, size_t *size)
{
    static const char csv[] = "a,b,kind\n0.5,1e-3,x\n-0.25,2.75,y\n1.5,0.125,x\n7.5,3.5,y\n";
    clg_config *config = harness_config("init", "normal:0.5", "normalize", "range:-0.5:0.5",
                                        "layers", "3", "epochs", "2", NULL);
    clg_dataset *data;
    clg_net *net, *again;
    clg_device *device;
    ck_ok(clg_device_open(&device, "ref", NULL));
    ck_ok(clg_dataset_load(&data, files_text("train.csv", csv), CLG_PART_ALL, config));
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_train(NULL, net, device, data, NULL, NULL, NULL));
    ck_ok(clg_net_save(net, files_path(name)));
    ck_ok(clg_net_load(&again, files_path(name), NULL));
    ck_ok(clg_net_save(again, files_path(name)));
    clg_net_destroy(net);
    clg_net_destroy(again);
    clg_dataset_destroy(data);
    clg_device_close(device);
    clg_config_destroy(config);
    return files_get(files_path(name), size);
}

START_TEST(training_gives_the_same_file)
{
    size_t size, there;
    unsigned char *with_comma = trained("comma.safetensors", &size);
    harness_point();
    unsigned char *with_point = trained("point.safetensors", &there);
    harness_comma();
    ck_assert_uint_eq(size, there);
    ck_assert_int_eq(memcmp(with_comma, with_point, size), 0);
    free(with_comma);
    free(with_point);
}
END_TEST

START_TEST(predictions_keep_their_point)
{
    const float x[2] = {0, 1}, y[4] = {0.25f, 0.75f, 1e-6f, 1};
    const int32_t labels[2] = {0, 1};
    clg_dataset *data;
    clg_net *net;
    size_t size;
    ck_ok(clg_dataset_from_arrays(&data, x, 2, 1, labels, 2, NULL, 0));
    ck_ok(clg_net_create(&net, NULL, data));
    ck_ok(clg_predict_write(files_path("p.csv"), net, y, 2, 1));
    char *text = (char *)files_get(files_path("p.csv"), &size);
    ck_assert_int_eq(strncmp(text, "0,1\n0.25,0.75\n9.99999997e-07,1\n", size), 0);
    free(text);
    clg_net_destroy(net);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(descriptions_keep_their_point)
{
    char *text;
    ck_ok(clg_inspect(&text, files_text("i.csv", "0.5,1\n-1.25,0\n"), 0));
    ck_assert_ptr_nonnull(strstr(text, "-1.25\n"));
    clg_text_free(text);
    ck_ok(clg_inspect(&text, files_path("i.csv"), 1));
    ck_assert_ptr_nonnull(strstr(text, "\"min\": -1.25"));
    clg_text_free(text);
}
END_TEST

/* A plain file whose scaling is an option. */
START_TEST(a_plain_file_gets_its_range)
{
    const float w[2] = {1, 2};
    static const char header[] =
        "{\"layers.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]},"
        "\"layers.0.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}";
    unsigned char file[8 + sizeof header + 8] = {sizeof header - 1};
    clg_config *config = harness_config("loss", "mse", "normalize", "range:-0.5:0.5", NULL);
    clg_net *net;
    memcpy(file + 8, header, sizeof header - 1);
    memcpy(file + 8 + sizeof header - 1, w, sizeof w);
    ck_ok(clg_net_load(&net, files_put("w.safetensors", file, 8 + sizeof header - 1 + sizeof w),
                       config));
    ck_assert(harness_close(net->normalise.shift[0], -0.5, 0));
    ck_assert(harness_close(net->normalise.scale[0], 1.0 / 255, 1e-17));
    clg_net_destroy(net);
    clg_config_destroy(config);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("locale");
    TCase *tests = tcase_create("comma");
    tcase_add_checked_fixture(tests, harness_comma, harness_point);
    tcase_add_test(tests, numbers_are_read);
    tcase_add_test(tests, options_mean_the_same);
    tcase_add_test(tests, training_gives_the_same_file);
    tcase_add_test(tests, predictions_keep_their_point);
    tcase_add_test(tests, descriptions_keep_their_point);
    tcase_add_test(tests, a_plain_file_gets_its_range);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
