/* A device's roofs: measured, remembered, and refused where some are missing. */
#define _GNU_SOURCE
#include "harness_train.h"
#include "profile/profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;

/* Roofs that no device has. */
static clg_roofs made_up(void)
{
    clg_roofs roofs = {.launch_us = 2, .wait_us = 8, .read_us = 5};
    const clg_roof compute = {"fma float16", 100, 0}, product = {"64 x 128 over 784", 80, 1e7};
    const clg_roof far = {"memory", 10, 64 << 20}, near = {"256 KiB", 100, 256 << 10};
    roofs.compute[roofs.computes++] = compute;
    roofs.product[roofs.products++] = product;
    roofs.read[roofs.reads++] = far;
    roofs.read[roofs.reads++] = near;
    roofs.copy[roofs.copies++] = far;
    return roofs;
}

/* A cache of its own: other tests keep made-up roofs in theirs at the same time. */
static void open_device(void)
{
    char cache[512];
    snprintf(cache, sizeof cache, "%s/cache", harness_folder());
    ck_assert_int_eq(setenv("CLGRAD_CACHE", cache, 1), 0);
    device = harness_device();
}

static void close_device(void)
{
    int buffers = -1;
    clg_device_usage(device, NULL, &buffers);
    ck_assert_int_eq(buffers, 0);
    clg_device_close(device);
}

START_TEST(roofs_are_remembered)
{
    const clg_roofs kept = made_up();
    clg_roofs got;
    ck_ok(clg_device_roofs_keep(device, &kept));
    ck_ok(clg_device_roofs(&got, device, 0));
    ck_assert_int_eq(got.remembered, 1);
    ck_assert_int_eq(got.reads, kept.reads);
    ck_assert_str_eq(got.read[1].name, kept.read[1].name);
    ck_assert(harness_close(got.read[1].rate, kept.read[1].rate, 0));
    ck_assert(harness_close(got.read[1].size, kept.read[1].size, 0));
    ck_assert(harness_close(got.product[0].rate, kept.product[0].rate, 0));
    ck_assert(harness_close(got.wait_us, kept.wait_us, 0));
    clg_roofs none = kept;
    none.reads = 0;
    ck_fails(clg_device_roofs_keep(device, &none), CLG_EUSAGE, "not measured");
}
END_TEST

static void check_list(const clg_roof *roof, int count, int least)
{
    ck_assert_int_ge(count, least);
    for (int i = 0; i < count; i++) {
        ck_assert_msg(isfinite(roof[i].rate) && roof[i].rate > 0, "%s: %g", roof[i].name,
                      roof[i].rate);
        ck_assert(*roof[i].name);
    }
}

START_TEST(probing_measures_everything)
{
    clg_roofs roofs, again;
    ck_ok(clg_device_roofs(&roofs, device, 1));
    ck_assert_int_eq(roofs.remembered, 0);
    check_list(roofs.compute, roofs.computes, 5);
    check_list(roofs.chain, roofs.chains, 10);
    check_list(roofs.read, roofs.reads, 3);
    check_list(roofs.copy, roofs.copies, 3);
    check_list(roofs.product, roofs.products, 3);
    ck_assert(roofs.launch_us > 0 && roofs.wait_us >= 0.5 * roofs.launch_us && roofs.read_us > 0);
    /* the nearest memory is the faster one, and no product is above the highest roof by much */
    ck_assert(roofs.read[roofs.reads - 1].rate > roofs.read[0].rate);
    ck_assert(roofs.product[2].rate < 2 * clg_roofs_compute(&roofs));
    ck_ok(clg_device_roofs(&again, device, 0));
    ck_assert_int_eq(again.remembered, 1);
    ck_assert(harness_close(again.read[0].rate, roofs.read[0].rate, 1e-6 * roofs.read[0].rate));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("roofs");
    TCase *all = tcase_create("device");
    tcase_set_timeout(all, 0);
    tcase_add_checked_fixture(all, open_device, close_device);
    tcase_add_test(all, roofs_are_remembered);
    tcase_add_test(all, probing_measures_everything);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
