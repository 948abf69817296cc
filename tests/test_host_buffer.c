/* Device memory and the open calls of the reference, which make no OpenCL call. */
#define _POSIX_C_SOURCE 200809L
#include "core/memory.h"
#include "device/buffer.h"
#include "device/launch.h"
#include "harness.h"
#include "harness_buffer.h"

#include <stdlib.h>

static clg_device *device;

static void open_reference(void)
{
    ck_ok(clg_device_open(&device, "ref", NULL));
}

static void close_reference(void)
{
    clg_device_close(device);
    device = NULL;
}

START_TEST(describes_itself)
{
    const clg_device_info *info = clg_device_describe(device);
    ck_assert_int_eq(info->platform, -1);
    ck_assert_int_eq(info->index, -1);
    ck_assert_str_eq(info->type, "reference");
    ck_assert_str_eq(clg_device_reason(device),
                     "device ref CPU reference, double precision: chosen by --device ref");
    ck_assert_int_eq(clg_stride(device, 256), 256);
    ck_assert_int_eq(clg_height(device, 3), 3);
    ck_assert_uint_eq(clg_elem_size(device, CLG_REAL), sizeof(double));
}
END_TEST

START_TEST(host_limit_is_the_budget)
{
    clg_device *small = NULL;
    struct clg_buf buf;
    struct clg_plan plan;
    setenv("CLGRAD_HOST_LIMIT", "4096", 1);
    ck_ok(clg_device_open(&small, "ref", NULL));
    unsetenv("CLGRAD_HOST_LIMIT");
    clg_plan_begin(&plan, small);
    ck_ok(clg_plan_add(&plan, &buf, CLG_REAL, 513, "slab"));
    ck_fails(clg_plan_commit(&plan), CLG_ENOMEM, "CLGRAD_HOST_LIMIT");
    clg_device_close(small);
}
END_TEST

START_TEST(throttle_does_nothing)
{
    struct clg_throttle throttle;
    int waited = 1;
    clg_throttle_begin(&throttle, device);
    for (int i = 0; i < 100; i++) {
        ck_ok(clg_throttle_step(&throttle, &waited));
        ck_assert_int_eq(waited, 0);
    }
    ck_ok(clg_throttle_step(&throttle, NULL));
    ck_ok(clg_device_finish(device));
    ck_ok(clg_device_flush(device));
    clg_throttle_end(&throttle);
}
END_TEST

#define BUFFER_TEST(name)                                                                          \
    START_TEST(name)                                                                               \
    {                                                                                              \
        harness_buffer_##name(device);                                                             \
    }                                                                                              \
    END_TEST
BUFFER_TEST(zeroed)
BUFFER_TEST(copies)
BUFFER_TEST(reals)
BUFFER_TEST(matrix)
BUFFER_TEST(views)
BUFFER_TEST(budget)
BUFFER_TEST(too_large)

int main(void)
{
    Suite *suite = suite_create("reference memory");
    TCase *tests = tcase_create("buffers");
    tcase_add_checked_fixture(tests, open_reference, close_reference);
    tcase_add_test(tests, describes_itself);
    tcase_add_test(tests, host_limit_is_the_budget);
    tcase_add_test(tests, throttle_does_nothing);
    tcase_add_test(tests, zeroed);
    tcase_add_test(tests, copies);
    tcase_add_test(tests, reals);
    tcase_add_test(tests, matrix);
    tcase_add_test(tests, views);
    tcase_add_test(tests, budget);
    tcase_add_test(tests, too_large);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
