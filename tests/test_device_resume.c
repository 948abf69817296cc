/* Resuming on a device under every plan, from wherever a training can be stopped: the same bits as
 * never stopped; and on the reference, what began on the device. */
#include "harness_files.h"
#include "harness_resume.h"
#include "harness_train.h"

#include <string.h>

static const struct {
    const char *plan, *opt, *schedule, *patience;
    int validated;
} kinds[] = {{"plain", "adam", "const", "", 1},
             {"fused", "momentum", "plateau:0:0.5", "", 0},
             {"fused", "adam", "cosine", "2", 1},
             {"resident", "sgd", "plateau:0:0.5", "", 1},
             {"resident", "adam", "const", "", 0}};

START_TEST(from_everywhere)
{
    clg_config *config =
        harness_config("layers", "5", "batch", "7", "epochs", "5", "lr", "0.05", "plan",
                       kinds[_i].plan, "opt", kinds[_i].opt, "lr-schedule", kinds[_i].schedule,
                       "patience", kinds[_i].patience, "log-every", "4", "save-every", "5", NULL);
    clg_device *device = NULL;
    clg_dataset *data = harness_blobs(40, 3, 3, 1), *val = harness_blobs(23, 3, 3, 2);
    ck_ok(clg_device_open(&device, "auto", config));
    ck_assert_int_gt(harness_resume(device, config, data, kinds[_i].validated ? val : NULL, 3, 10),
                     2);
    clg_device_close(device);
    clg_dataset_destroy(data);
    clg_dataset_destroy(val);
    clg_config_destroy(config);
}
END_TEST

static void take_line(void *user, const char *line)
{
    if (strstr(line, "bits are not promised"))
        (*(int *)user)++;
}

START_TEST(on_another_device)
{
    clg_config *config = harness_config("layers", "5", "batch", "7", "epochs", "2", NULL),
               *more = harness_config("epochs", "3", "device", "ref", NULL);
    clg_device *device = harness_device(), *ref;
    clg_dataset *data = harness_blobs(40, 3, 3, 1);
    clg_train_result result;
    clg_net *net;
    clg_run *run;
    int said = 0;
    const clg_train_hooks hooks = {.user = &said, .log = take_line};
    ck_ok(clg_device_open(&ref, "ref", NULL));
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_run_open(&run, files_path("moved"), clg_net_config(net)));
    ck_ok(clg_train(NULL, net, device, data, NULL, run, &hooks));
    clg_run_close(run);
    clg_net_destroy(net);
    ck_assert_int_eq(said, 0);
    ck_ok(clg_run_resume(&run, files_path("moved"), more));
    ck_assert_str_eq(clg_config_get(clg_run_config(run), "plan"), "auto");
    ck_ok(clg_run_net(&net, run, data));
    ck_ok(clg_train(&result, net, ref, data, NULL, run, &hooks));
    ck_assert_int_eq(said, 1);
    ck_assert_int_eq(result.epochs, 3);
    clg_run_close(run);
    clg_net_destroy(net);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
    clg_config_destroy(more);
    clg_device_close(device);
    clg_device_close(ref);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resume on a device");
    TCase *cases = tcase_create("cases");
    clg_device_close(harness_device());
    tcase_set_timeout(cases, 200);
    tcase_add_loop_test(cases, from_everywhere, 0, (int)(sizeof kinds / sizeof *kinds));
    tcase_add_test(cases, on_another_device);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
