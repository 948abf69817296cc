/* Discovery, selectors, attached queues, and device memory on OpenCL. */
#define _POSIX_C_SOURCE 200809L
#include "device/buffer.h"
#include "device/discover.h"
#include "harness.h"
#include "harness_buffer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;

static void open_device(void)
{
    device = harness_device();
}

static void close_device(void)
{
    clg_device_close(device);
    device = NULL;
}

START_TEST(lists_all_and_the_reference)
{
    clg_device_info *list = NULL;
    size_t count = 0;
    ck_ok(clg_device_list(&list, &count));
    ck_assert_uint_ge(count, 2);
    ck_assert_str_eq(list[count - 1].type, "reference");
    ck_assert_int_eq(list[count - 1].platform, -1);
    for (size_t i = 0; i + 1 < count; i++) {
        ck_assert_int_ge(list[i].platform, 0);
        ck_assert_int_ge(list[i].index, 0);
        ck_assert(*list[i].name && *list[i].platform_name && *list[i].driver_version);
        ck_assert_msg(list[i].units > 0 && list[i].memory > 0 && list[i].max_allocation > 0,
                      "%s: %s", list[i].name, list[i].quirks);
        ck_assert_msg(!list[i].usable || list[i].score > 0, "%s scores 0", list[i].name);
        ck_assert(!strpbrk(list[i].name, "\n\t"));
    }
    clg_device_list_free(list);
}
END_TEST

/* Opens selector and asserts which device that gives. */
static void expect(const char *selector, const clg_device_info *want)
{
    clg_device *opened = NULL;
    ck_ok(clg_device_open(&opened, selector, NULL));
    const clg_device_info *got = clg_device_describe(opened);
    ck_assert_msg(got->platform == want->platform && got->index == want->index,
                  "--device %s gave %d:%d", selector, got->platform, got->index);
    clg_device_close(opened);
}

START_TEST(every_selector_finds_its_device)
{
    const clg_device_info *info = clg_device_describe(device);
    char numbers[32], name[128];
    snprintf(numbers, sizeof numbers, "%d:%d", info->platform, info->index);
    expect(numbers, info);
    snprintf(name, sizeof name, "%s", info->name);
    for (char *c = name; *c; c++)
        *c = (char)(isupper((unsigned char)*c) ? tolower((unsigned char)*c)
                                               : toupper((unsigned char)*c));
    expect(name, info);
    expect(name + strlen(name) / 2, info);
}
END_TEST

/* A made-up list: what is chosen must not depend on this machine. */
static const struct clg_found *pretend(size_t *count)
{
    static struct clg_found found[5];
    static const struct {
        int platform, index, usable;
        const char *type, *name, *platform_name, *vendor;
        double score;
    } rows[5] = {{0, 0, 1, "cpu", "cpu-zen", "Portable", "AuthenticAMD", 10},
                 {1, 0, 1, "gpu", "Arc", "Level One", "Intel", 30},
                 {1, 1, 1, "gpu", "Big Arc", "Level One", "Intel", 40},
                 {2, 0, 0, "accelerator", "Stratix", "FPGA", "Intel", 0},
                 {3, 0, 1, "cpu", "Xeon", "Runtime", "Intel", 10}};
    for (size_t i = 0; i < 5; i++) {
        clg_device_info *info = &found[i].info;
        info->platform = rows[i].platform;
        info->index = rows[i].index;
        info->usable = rows[i].usable;
        info->score = rows[i].score;
        snprintf(info->type, sizeof info->type, "%s", rows[i].type);
        snprintf(info->name, sizeof info->name, "%s", rows[i].name);
        snprintf(info->platform_name, sizeof info->platform_name, "%s", rows[i].platform_name);
        snprintf(info->vendor, sizeof info->vendor, "%s", rows[i].vendor);
        snprintf(info->quirks, sizeof info->quirks, "%s", rows[i].usable ? "" : "has no compiler");
    }
    *count = 5;
    return found;
}

START_TEST(chooses_as_documented)
{
    static const struct {
        const char *selector, *reason;
    } cases[] = {
        {"auto", "device 1:1 Big Arc: highest score of 4"},
        {"gpu", "device 1:1 Big Arc: best of 2 by --device gpu"},
        {"cpu", "device 0:0 cpu-zen: best of 2 by --device cpu"},
        {"1:0", "device 1:0 Arc: chosen by --device 1:0"},
        {"intel", "device 1:1 Big Arc: best of 3 by --device intel"},
        {"XEON", "device 3:0 Xeon: chosen by --device XEON"},
        {"portable", "device 0:0 cpu-zen: chosen by --device portable"},
    };
    size_t count;
    const struct clg_found *found = pretend(&count), *chosen;
    char reason[512];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_ok(clg_discover_choose(&chosen, reason, sizeof reason, found, count, cases[i].selector));
        ck_assert_str_eq(reason, cases[i].reason);
    }
    ck_ok(clg_discover_choose(&chosen, reason, sizeof reason, found, 1, "auto"));
    ck_assert_str_eq(reason, "device 0:0 cpu-zen: the only device");
    ck_ok(clg_discover_choose(&chosen, reason, sizeof reason, found + 2, 2, "auto"));
    ck_assert_str_eq(reason, "device 1:1 Big Arc: the only one of 2 that can be used");
}
END_TEST

START_TEST(says_what_there_is)
{
    static const char *const none[] = {
        "opencl-9", "4:0", "1:2", "1:", ":1", "1:0x", "1:0:0", "99999999999:0"};
    size_t count;
    const struct clg_found *found = pretend(&count), *chosen;
    char reason[512];
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_fails(clg_discover_choose(&chosen, reason, sizeof reason, found, count, none[i]),
                 CLG_ENODEVICE, "no such device; there are 0:0 cpu-zen (cpu), 1:0 Arc (gpu)");
    ck_fails(clg_discover_choose(&chosen, reason, sizeof reason, found, count, "accelerator"),
             CLG_ENODEVICE, "--device accelerator: cannot be used");
    ck_fails(clg_discover_choose(&chosen, reason, sizeof reason, found, count, "2:0"),
             CLG_ENODEVICE, "Stratix (accelerator, not usable: has no compiler)");
    clg_device *opened = NULL;
    ck_fails(clg_device_open(&opened, "no such name", NULL), CLG_ENODEVICE, "and ref");
    ck_assert_ptr_null(opened);
}
END_TEST

START_TEST(limit_from_the_environment)
{
    clg_device *limited = NULL;
    uint64_t share = strcmp(device->info.type, "cpu") == 0 ? device->info.memory / 2
                                                           : device->info.memory / 10 * 9;
    ck_assert_uint_eq(device->budget, share);
    setenv("CLGRAD_MEM_LIMIT", "123456", 1);
    ck_ok(clg_device_open(&limited, getenv("CLGRAD_TEST_DEVICE"), NULL));
    ck_assert_uint_eq(limited->budget, 123456);
    clg_device_close(limited);
    setenv("CLGRAD_MEM_LIMIT", "12 MB", 1);
    ck_fails(clg_device_open(&limited, getenv("CLGRAD_TEST_DEVICE"), NULL), CLG_EUSAGE,
             "CLGRAD_MEM_LIMIT=12 MB");
    ck_assert_ptr_null(limited);
    unsetenv("CLGRAD_MEM_LIMIT");
}
END_TEST

/* How often the caller's objects are held. */
static cl_uint holders(cl_command_queue queue)
{
    cl_uint count = 0;
    ck_assert_int_eq(
        clGetCommandQueueInfo(queue, CL_QUEUE_REFERENCE_COUNT, sizeof count, &count, NULL),
        CL_SUCCESS);
    return count;
}

START_TEST(attaches_to_a_callers_queue)
{
    clg_device *attached = NULL;
    cl_int code;
    cl_command_queue queue = clCreateCommandQueue(device->context, device->id, 0, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    ck_ok(clg_device_attach(&attached, device->context, device->id, queue, NULL));
    ck_assert_uint_eq(holders(queue), 2);
    ck_assert_int_eq(attached->info.platform, device->info.platform);
    ck_assert_int_eq(attached->info.index, device->info.index);
    clg_device_close(attached);
    ck_assert_uint_eq(holders(queue), 1); /* nothing ran: a driver's own events hold it, too */
    ck_ok(clg_device_attach(&attached, device->context, device->id, queue, NULL));
    harness_buffer_copies(attached);
    clg_device_close(attached);
    clReleaseCommandQueue(queue);
}
END_TEST

START_TEST(refuses_other_queues)
{
    clg_device *attached = NULL;
    cl_int code;
    cl_context other = clCreateContext(NULL, 1, &device->id, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    ck_fails(clg_device_attach(&attached, other, device->id, device->queue, NULL), CLG_EUSAGE,
             "another context");
    ck_fails(clg_device_attach(&attached, NULL, device->id, device->queue, NULL), CLG_EUSAGE,
             "needed");
    clReleaseContext(other);
    cl_command_queue free_order = clCreateCommandQueue(
        device->context, device->id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (code == CL_SUCCESS) { /* not every device has such queues */
        ck_fails(clg_device_attach(&attached, device->context, device->id, free_order, NULL),
                 CLG_EUSAGE, "in-order");
        clReleaseCommandQueue(free_order);
    }
}
END_TEST

START_TEST(pads_rows)
{
    ck_assert_int_eq(clg_stride(device, 1), 16);
    ck_assert_int_eq(clg_stride(device, 17), 32);
    ck_assert_int_eq(clg_stride(device, 240), 240);
    ck_assert_int_eq(clg_stride(device, 250), 272);
    ck_assert_int_eq(clg_stride(device, 2048), 2064);
    ck_assert_int_eq(clg_height(device, 9), 16);
    ck_assert_uint_eq(clg_view_align(device, CLG_REAL) * sizeof(float), device->base_align);
    ck_assert_uint_ge(device->base_align, 64);
}
END_TEST

START_TEST(names_codes)
{
    ck_assert_str_eq(clg_cl_name(CL_INVALID_ARG_SIZE), "CL_INVALID_ARG_SIZE");
    ck_assert_str_eq(clg_cl_name(-1001), "CL_PLATFORM_NOT_FOUND_KHR");
    ck_assert_str_eq(clg_cl_name(-9999), "unknown");
    ck_assert_int_eq(clg_fail_cl(CL_OUT_OF_HOST_MEMORY, "clX", "%s", ""), CLG_ENOMEM);
    ck_assert_str_eq(clg_last_error(), "clX: CL_OUT_OF_HOST_MEMORY (-6)");
    ck_assert_int_eq(clg_fail_cl(CL_INVALID_VALUE, "clX", "file %d", 3), CLG_EDEVICE);
    ck_assert_str_eq(clg_last_error(), "file 3: clX: CL_INVALID_VALUE (-30)");
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
    Suite *suite = suite_create("device");
    TCase *finding = tcase_create("finding"), *memory = tcase_create("memory");
    tcase_add_unchecked_fixture(finding, open_device, close_device);
    tcase_add_test(finding, lists_all_and_the_reference);
    tcase_add_test(finding, every_selector_finds_its_device);
    tcase_add_test(finding, chooses_as_documented);
    tcase_add_test(finding, limit_from_the_environment);
    tcase_add_test(finding, attaches_to_a_callers_queue);
    tcase_add_test(finding, refuses_other_queues);
    tcase_add_test(finding, pads_rows);
    tcase_add_test(finding, names_codes);
    tcase_add_test(finding, says_what_there_is);
    suite_add_tcase(suite, finding);
    tcase_add_unchecked_fixture(memory, open_device, close_device);
    tcase_add_test(memory, zeroed);
    tcase_add_test(memory, copies);
    tcase_add_test(memory, reals);
    tcase_add_test(memory, matrix);
    tcase_add_test(memory, views);
    tcase_add_test(memory, budget);
    tcase_add_test(memory, too_large);
    suite_add_tcase(suite, memory);
    return harness_run(suite);
}
