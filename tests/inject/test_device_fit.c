/* A network that is larger than the budget is refused before training, and the line names the
 * largest batch that fits: that one does, the next does not.  What is allocated is what was
 * planned. */
#define _GNU_SOURCE
#include "harness_train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_dataset *data;

static clg_status train(clg_device *device, int batch, int with_val)
{
    char text[32];
    clg_net *net = NULL;
    snprintf(text, sizeof text, "%d", batch);
    clg_config *config =
        harness_config("layers", "300,200", "opt", "adam", "batch", text, "steps", "1", NULL);
    ck_ok(clg_net_create(&net, config, data));
    clg_status status = clg_train(NULL, net, device, data, with_val ? data : NULL, NULL, NULL);
    clg_net_destroy(net);
    clg_config_destroy(config);
    return status;
}

static void check(const char *selector, const char *limit, int with_val)
{
    clg_device *device;
    uint64_t bytes;
    int buffers, largest = 0;
    setenv("CLGRAD_MEM_LIMIT", limit, 1);
    setenv("CLGRAD_HOST_LIMIT", limit, 1); /* the reference's */
    ck_ok(clg_device_open(&device, selector, NULL));
    ck_assert_int_eq(train(device, 4096, with_val), CLG_ENOMEM);
    const char *told = strstr(clg_last_error(), "the largest that fits is --batch ");
    ck_assert_msg(told && sscanf(told, "the largest that fits is --batch %d", &largest) == 1, "%s",
                  clg_last_error());
    ck_assert_int_gt(largest, 1);
    ck_ok(train(device, largest, with_val));
    ck_assert_int_eq(train(device, largest + 1, with_val), CLG_ENOMEM);
    clg_device_usage(device, &bytes, &buffers);
    ck_assert(bytes == 0 && buffers == 0);
    clg_device_close(device);
    setenv("CLGRAD_MEM_LIMIT", "100000", 1);
    setenv("CLGRAD_HOST_LIMIT", "100000", 1);
    ck_ok(clg_device_open(&device, selector, NULL));
    ck_fails(train(device, 64, with_val), CLG_ENOMEM, "not even --batch 1 fits");
    clg_device_close(device);
    unsetenv("CLGRAD_MEM_LIMIT");
    unsetenv("CLGRAD_HOST_LIMIT");
}

START_TEST(largest_batch)
{
    data = harness_blobs(5000, 4, 3, 11);
    check("ref", "9000000", 0);
    check(getenv("CLGRAD_TEST_DEVICE"), "9000000", 0);
    check(getenv("CLGRAD_TEST_DEVICE"), "20000000", 1);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    clg_device_close(harness_device());
    Suite *suite = suite_create("budget");
    TCase *all = tcase_create("training");
    tcase_set_timeout(all, 0);
    tcase_add_test(all, largest_batch);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
