/* Every allocation of the library refused once while a network is trained on an OpenCL device, by
 * each plan, and while devices are listed.  What the driver allocates is its own. */
#define _GNU_SOURCE
#include "folder.h"
#include "harness_train.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>

static clg_dataset *data;
static const char *plan;
static char run_folder[128];

static clg_status train(void)
{
    clg_config *config = NULL;
    clg_device *device = NULL;
    clg_net *net = NULL;
    clg_run *run = NULL;
    const char *const pairs[][2] = {{"layers", "5"},      {"opt", "adam"}, {"batch", "8"},
                                    {"steps", "3"},       {"plan", plan},  {"save-every", "2"},
                                    {"no-cache", "false"}};
    clg_status status = clg_config_create(&config);
    for (size_t i = 0; status == CLG_OK && i < sizeof pairs / sizeof *pairs; i++)
        status = clg_config_set(config, pairs[i][0], pairs[i][1]);
    if (status == CLG_OK)
        status = clg_net_create(&net, config, data);
    if (status == CLG_OK)
        status = clg_run_open(&run, run_folder, config);
    if (status == CLG_OK)
        status = clg_device_open(&device, getenv("CLGRAD_TEST_DEVICE"), config);
    if (status == CLG_OK)
        status = clg_train(NULL, net, device, data, NULL, run, NULL);
    clg_device_close(device);
    clg_run_close(run);
    clg_config_destroy(config);
    clg_net_destroy(net);
    return status;
}

START_TEST(training)
{
    static const char *const plans[] = {"plain", "fused", "resident"};
    plan = plans[_i];
    data = harness_blobs(24, 4, 3, 7);
    inject_every_allocation(plan, train);
    clg_dataset_destroy(data);
}
END_TEST

static clg_status list(void)
{
    clg_device_info *info = NULL;
    size_t count;
    clg_status status = clg_device_list(&info, &count);
    clg_device_list_free(info);
    return status;
}

START_TEST(listing)
{
    inject_every_allocation("list", list);
}
END_TEST

int main(void)
{
    clg_device_close(harness_device());
    snprintf(run_folder, sizeof run_folder, "%s/run", inject_folder());
    Suite *suite = suite_create("memory failures on a device");
    TCase *all = tcase_create("library");
    tcase_set_timeout(all, 0);
    tcase_add_loop_test(all, training, 0, 3);
    tcase_add_test(all, listing);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
