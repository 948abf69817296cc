/* Programs, their cache, and launches, with kernels of the test's own: its table of sources takes
 * the place of the library's, and its clCreateProgramWithSource counts what is built from source.
 */
#define _GNU_SOURCE
#include "device/launch.h"
#include "device/program.h"
#include "harness.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char version_text[256] = "";
const struct clg_kernel_source clg_kernel_sources[] = {
    {"prelude", "#define ADD(a, b) ((a) + (b))\n"},
    {"test", "kernel void fill(global int *out, int n, uint seed, ulong far, float half_)\n"
             "{\n"
             "    size_t i = get_global_id(0);\n"
             "    if (i < (size_t)n)\n"
             "        out[i] = ADD((int)i, (int)seed) + (int)(far >> 32) + (int)(2 * half_);\n"
             "}\n"
             "kernel void where2(global int *out, int columns, int rows)\n"
             "{\n"
             "    size_t x = get_global_id(0), y = get_global_id(1);\n"
             "    if (x < (size_t)columns && y < (size_t)rows)\n"
             "        out[y * columns + x] += (int)(1000 * y + x + 1);\n"
             "}\n"
             "kernel __attribute__((reqd_work_group_size(4, 1, 1))) void four(global int *out)\n"
             "{\n"
             "    out[get_global_id(0)] = (int)get_local_size(0);\n"
             "}\n"},
    {"text", version_text},
    {"broken", "/* line 1 */\nkernel void broken(global int *out)\n{\n    out[0] = oops;\n}\n"},
    {NULL, NULL}};

static int from_source, from_binary;

cl_program clCreateProgramWithSource(cl_context context, cl_uint count, const char **strings,
                                     const size_t *lengths, cl_int *code)
{
    cl_program (*next)(cl_context, cl_uint, const char **, const size_t *, cl_int *);
    void *found = dlsym(RTLD_NEXT, "clCreateProgramWithSource");
    memcpy(&next, &found, sizeof next);
    from_source++;
    return next(context, count, strings, lengths, code);
}

cl_program clCreateProgramWithBinary(cl_context context, cl_uint count, const cl_device_id *devices,
                                     const size_t *lengths, const unsigned char **binaries,
                                     cl_int *status, cl_int *code)
{
    cl_program (*next)(cl_context, cl_uint, const cl_device_id *, const size_t *,
                       const unsigned char **, cl_int *, cl_int *);
    void *found = dlsym(RTLD_NEXT, "clCreateProgramWithBinary");
    memcpy(&next, &found, sizeof next);
    from_binary++;
    return next(context, count, devices, lengths, binaries, status, code);
}

static clg_device *device;
static struct clg_buf out;
static char cache[4096];

static void make_out(void)
{
    struct clg_plan plan;
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, &out, CLG_I32, 1024, "results"));
    ck_ok(clg_plan_commit(&plan));
}

static void open_device(void)
{
    snprintf(cache, sizeof cache, "%s/cache/deep", harness_folder());
    setenv("CLGRAD_CACHE", cache, 1);
    device = harness_device();
    make_out();
}

static void close_device(void)
{
    clg_buf_release(&out);
    clg_device_close(device);
    device = NULL;
}

/* Closes and opens it again: programs are stored, and asked for anew. */
static void reopen(const clg_config *config)
{
    close_device();
    ck_ok(clg_device_open(&device, getenv("CLGRAD_TEST_DEVICE"), config));
    make_out();
    from_source = from_binary = 0;
}

/* Runs fill over n items and asserts what it wrote, and that it wrote nothing else. */
static void run_fill(const char *options, int n, size_t group)
{
    struct clg_args args;
    int32_t got[1024];
    ck_ok(clg_buf_zero(&out));
    ck_ok(clg_args_begin(&args, device, "test", options, "fill"));
    clg_arg_buf(&args, &out);
    clg_arg_int(&args, n);
    clg_arg_uint(&args, 4000000000u);
    clg_arg_ulong(&args, (uint64_t)7 << 32);
    clg_arg_float(&args, 1.5);
    ck_ok(clg_launch1(&args, (size_t)n, group));
    ck_ok(clg_buf_download(&out, got, 0, 1024));
    for (int i = 0; i < 1024; i++)
        ck_assert_int_eq(got[i], i < n ? (int32_t)((uint32_t)i + 4000000000u) + 10 : 0);
}

START_TEST(pushes_arguments_and_rounds_up)
{
    run_fill("", 1, 0);
    run_fill("", 100, 0);
    run_fill("", 1000, 0);
    run_fill("", 65, 64);
    run_fill("", 3, 1);
}
END_TEST

START_TEST(launches_in_two_dimensions)
{
    struct clg_args args;
    int32_t got[35];
    ck_ok(clg_buf_zero(&out));
    ck_ok(clg_args_begin(&args, device, "test", "", "where2"));
    clg_arg_buf(&args, &out);
    clg_arg_int(&args, 7);
    clg_arg_int(&args, 5);
    ck_ok(clg_launch2(&args, 7, 5, 4, 2));
    ck_ok(clg_buf_download(&out, got, 0, 35));
    for (int i = 0; i < 35; i++)
        ck_assert_int_eq(got[i], 1000 * (i / 7) + i % 7 + 1);
}
END_TEST

START_TEST(counts_arguments)
{
    struct clg_args args;
    ck_ok(clg_args_begin(&args, device, "test", "", "where2"));
    clg_arg_buf(&args, &out);
    clg_arg_int(&args, 7);
    ck_fails(clg_launch1(&args, 1, 0), CLG_EDEVICE, "where2 takes 3 arguments and was given 2");
    clg_arg_int(&args, 7);
    clg_arg_int(&args, 7);
    ck_fails(clg_launch2(&args, 1, 1, 1, 1), CLG_EDEVICE, "takes 3 arguments and was given 4");
    ck_ok(clg_args_begin(&args, device, "test", "", "where2"));
    clg_arg_buf(&args, &out);
    clg_arg_ulong(&args, 1); /* an int is wanted */
    clg_arg_int(&args, 1);
    ck_fails(clg_launch1(&args, 1, 0), CLG_EDEVICE, "where2, argument 1");
}
END_TEST

START_TEST(keeps_to_group_limits)
{
    struct clg_args args;
    int32_t got[9];
    ck_ok(clg_buf_zero(&out));
    ck_ok(clg_args_begin(&args, device, "test", "", "four"));
    clg_arg_buf(&args, &out);
    ck_fails(clg_launch1(&args, 8, 8), CLG_EDEVICE, "groups of 8 x 1 and is written for 4 x 1");
    ck_fails(clg_launch2(&args, 4, 4, 4, 2), CLG_EDEVICE, "written for 4 x 1");
    ck_ok(clg_launch1(&args, 5, 0));
    ck_ok(clg_buf_download(&out, got, 0, 9));
    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(got[i], i < 8 ? 4 : 0);
    ck_ok(clg_args_begin(&args, device, "test", "", "where2"));
    clg_arg_buf(&args, &out);
    clg_arg_int(&args, 1);
    clg_arg_int(&args, 1);
    ck_fails(clg_launch1(&args, 1, 2 * device->max_group), CLG_EDEVICE, "where2 needs groups of");
    ck_fails(clg_launch2(&args, 1, 1, device->max_group, 2), CLG_EDEVICE, "where2 needs groups");
}
END_TEST

struct seen {
    int launches;
    char last[64];
};

static void note(void *user, const char *program, const char *kernel, cl_event event)
{
    struct seen *seen = user;
    seen->launches++;
    snprintf(seen->last, sizeof seen->last, "%s %s", program, kernel);
    ck_assert_int_eq(clWaitForEvents(1, &event), CL_SUCCESS);
}

START_TEST(names_each_launch)
{
    struct seen seen = {0, ""};
    device->on_launch = note;
    device->on_launch_user = &seen;
    run_fill("", 10, 0);
    device->on_launch = NULL;
    run_fill("", 10, 0);
    ck_assert_int_eq(seen.launches, 1);
    ck_assert_str_eq(seen.last, "test fill");
}
END_TEST

START_TEST(shows_the_build_log)
{
    struct clg_args args;
    ck_fails(clg_args_begin(&args, device, "broken", "", "broken"), CLG_EDEVICE,
             "kernels/broken.cl does not build on");
    ck_assert_msg(strstr(clg_last_error(), "broken.cl:4") != NULL, "%s", clg_last_error());
    ck_assert_ptr_nonnull(strstr(clg_last_error(), "oops"));
    clg_arg_int(&args, 1); /* a push after a failure keeps the failure */
    ck_assert_int_eq(clg_launch1(&args, 1, 0), CLG_EDEVICE);
    ck_fails(clg_args_begin(&args, device, "test", "", "nothing"), CLG_EDEVICE,
             "kernel nothing: clCreateKernel: CL_INVALID_KERNEL_NAME (-46)");
    ck_fails(clg_args_begin(&args, device, "absent", "", "x"), CLG_EDEVICE, "kernels/absent.cl");
}
END_TEST

START_TEST(builds_once)
{
    cl_kernel first, second, other;
    reopen(NULL);
    ck_ok(clg_program_kernel(&first, device, "test", "-DA=1", "fill"));
    ck_ok(clg_program_kernel(&second, device, "test", "-DA=1", "fill"));
    ck_ok(clg_program_kernel(&other, device, "test", "-DA=1", "four"));
    ck_assert(first == second && first != other);
    ck_assert_int_eq(from_source + from_binary, 1);
    ck_ok(clg_program_kernel(&second, device, "test", "-DA=2", "fill"));
    ck_assert(first != second);
    ck_assert_int_eq(from_source + from_binary, 2);
}
END_TEST

/* The stored files; the path of the last is left in path. */
static int stored(char path[8192])
{
    int count = 0;
    DIR *folder = opendir(cache);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.') {
            snprintf(path, 8192, "%s/%s", cache, entry->d_name);
            count++;
        }
    if (folder)
        closedir(folder);
    return count;
}

static void empty_cache(void)
{
    char path[8192];
    while (stored(path))
        ck_assert_int_eq(unlink(path), 0);
}

/* Leaves exactly one stored program, `test` without options, and its path. */
static void store_one(char path[8192])
{
    reopen(NULL);
    empty_cache();
    run_fill("", 10, 0);
    ck_assert_int_eq(stored(path), 0);
    clg_program_store(device);
    ck_assert_int_eq(stored(path), 1);
    ck_assert_int_eq(from_source, 1);
}

START_TEST(takes_stored_binaries)
{
    char path[8192];
    struct stat about;
    store_one(path);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_int_eq(about.st_mode & 07777, 0600);
    ck_assert_int_eq(stat(cache, &about), 0);
    ck_assert_int_eq(about.st_mode & 07777, 0700);
    reopen(NULL);
    run_fill("", 1000, 0);
    ck_assert_int_eq(from_source, 0);
    ck_assert_int_eq(from_binary, 1);
    run_fill("-DB=1", 10, 0); /* other options: another program */
    ck_assert_int_eq(from_source, 1);
    close_device();
    ck_assert_int_eq(stored(path), 2);
    open_device();
}
END_TEST

START_TEST(rebuilds_where_the_source_changed)
{
    cl_kernel kernel;
    char path[8192];
    snprintf(version_text, sizeof version_text, "kernel void one(global int *o) { o[0] = 1; }\n");
    reopen(NULL);
    empty_cache();
    ck_ok(clg_program_kernel(&kernel, device, "text", "", "one"));
    reopen(NULL);
    ck_assert_int_eq(stored(path), 1);
    snprintf(version_text, sizeof version_text, "kernel void two(global int *o) { o[0] = 2; }\n");
    ck_ok(clg_program_kernel(&kernel, device, "text", "", "two"));
    ck_assert_int_eq(from_source, 1);
    ck_assert_int_eq(from_binary, 0);
}
END_TEST

START_TEST(no_cache_neither_reads_nor_writes)
{
    clg_config *config = NULL;
    char path[8192];
    store_one(path);
    ck_ok(clg_config_create(&config));
    ck_ok(clg_config_set(config, "no-cache", "true"));
    reopen(config);
    empty_cache();
    run_fill("", 10, 0);
    reopen(config);
    ck_assert_int_eq(stored(path), 0);
    run_fill("", 10, 0);
    ck_assert_int_eq(from_source, 1);
    ck_assert_int_eq(from_binary, 0);
    clg_config_destroy(config);
    reopen(NULL);
}
END_TEST

START_TEST(works_without_a_folder)
{
    reopen(NULL);
    setenv("CLGRAD_CACHE", "/proc/nowhere/cache", 1);
    run_fill("", 10, 0);
    reopen(NULL);
    run_fill("", 10, 0);
    ck_assert_int_eq(from_source, 1);
    setenv("CLGRAD_CACHE", cache, 1);
    reopen(NULL);
}
END_TEST

/* Writes size bytes as the stored file, for all to write to where open. */
static void put(const char *path, const char *bytes, size_t size, mode_t mode)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

/* The bytes of the stored file, with one more behind them. */
static char *take(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = calloc(*size + 1, 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

START_TEST(distrusts_damaged_binaries)
{
    char path[8192];
    size_t size;
    store_one(path);
    char *bytes = take(path, &size);
    const size_t lengths[] = {0, 7, 39, 60, size / 2, size - 1, size + 1};
    const size_t flips[] = {0, 9, 17, 25, 29, 33, 50, size / 3, size / 2, size - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        reopen(NULL);
        put(path, bytes, lengths[i], 0600);
        run_fill("", 10, 0);
        ck_assert_msg(from_source == 1 && from_binary == 0, "length %zu was taken", lengths[i]);
    }
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        reopen(NULL);
        bytes[flips[i]] ^= 4;
        put(path, bytes, size, 0600);
        bytes[flips[i]] ^= 4;
        run_fill("", 10, 0);
        ck_assert_msg(from_source == 1 && from_binary == 0, "flip at %zu was taken", flips[i]);
    }
    reopen(NULL);
    put(path, bytes, size, 0620);
    run_fill("", 10, 0);
    ck_assert_int_eq(from_source, 1);
    reopen(NULL); /* and what was distrusted has been replaced */
    run_fill("", 10, 0);
    ck_assert_int_eq(from_source, 0);
    free(bytes);
}
END_TEST

START_TEST(distrusts_links_and_other_owners)
{
    char path[8192], aside[8300];
    store_one(path);
    snprintf(aside, sizeof aside, "%s/aside", harness_folder());
    reopen(NULL);
    ck_assert_int_eq(rename(path, aside), 0);
    ck_assert_int_eq(symlink(aside, path), 0);
    run_fill("", 10, 0);
    ck_assert_int_eq(from_source, 1);
    if (geteuid() != 0)
        return;
    reopen(NULL);
    ck_assert_int_eq(chown(path, 12345, 12345), 0);
    run_fill("", 10, 0);
    ck_assert_int_eq(from_source, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("programs and launches");
    TCase *tests = tcase_create("programs");
    tcase_add_unchecked_fixture(tests, open_device, close_device);
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, pushes_arguments_and_rounds_up);
    tcase_add_test(tests, launches_in_two_dimensions);
    tcase_add_test(tests, counts_arguments);
    tcase_add_test(tests, keeps_to_group_limits);
    tcase_add_test(tests, names_each_launch);
    tcase_add_test(tests, shows_the_build_log);
    tcase_add_test(tests, builds_once);
    tcase_add_test(tests, takes_stored_binaries);
    tcase_add_test(tests, rebuilds_where_the_source_changed);
    tcase_add_test(tests, no_cache_neither_reads_nor_writes);
    tcase_add_test(tests, works_without_a_folder);
    tcase_add_test(tests, distrusts_damaged_binaries);
    tcase_add_test(tests, distrusts_links_and_other_owners);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
