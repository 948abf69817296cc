/* A run of three steps with saves, in which one OpenCL call fails or never comes back: it ends with
 * the status of a device failure and one line, or goes on to the same bits; nothing stays held, and
 * the last checkpoint can be read.  A sample of the calls; CLGRAD_INJECT=all: every one. */
#define _GNU_SOURCE
#include "folder.h"
#include "harness_train.h"
#include "opencl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static clg_dataset *data;
static double *expected; /* parameters (count) of the run in which nothing fails */
static size_t count;
static char run_folder[128], last[160];

/* One run; the network is given out where it was trained to the end. */
static clg_status train(clg_net **out)
{
    clg_config *config = harness_config("layers", "5:tanh", "opt", "momentum", "batch", "8",
                                        "steps", "3", "save-every", "1", "seed", "3", NULL);
    clg_device *device = NULL;
    clg_net *net = NULL;
    clg_run *run = NULL;
    clg_status status = clg_net_create(&net, config, data);
    if (status == CLG_OK)
        status = clg_run_open(&run, run_folder, config);
    if (status == CLG_OK)
        status = clg_device_open(&device, getenv("CLGRAD_TEST_DEVICE"), config);
    if (status == CLG_OK)
        status = clg_train(NULL, net, device, data, NULL, run, NULL);
    clg_device_close(device);
    clg_run_close(run);
    clg_config_destroy(config);
    *out = status == CLG_OK ? net : NULL;
    if (status != CLG_OK)
        clg_net_destroy(net);
    return status;
}

static void check_checkpoint(const char *name, unsigned index)
{
    clg_net *net = NULL;
    if (access(last, F_OK) != 0)
        return;
    clg_status status = clg_net_load(&net, last, NULL);
    ck_assert_msg(status == CLG_OK, "call %u, %s: %s", index, name, clg_last_error());
    clg_net_destroy(net);
}

static void check_same(const clg_net *net, const char *name, unsigned index)
{
    size_t got;
    double *parameters = harness_parameters(net, &got);
    ck_assert_uint_eq(got, count);
    ck_assert_msg(memcmp(parameters, expected, count * sizeof *expected) == 0,
                  "call %u, %s: other bits", index, name);
    free(parameters);
}

/* Call number index fails with code; 1 where the run went on to its end. */
static int fail_one(unsigned index, cl_int code)
{
    char line[1024];
    clg_net *net = NULL;
    int before = inject_objects();
    inject_opencl(index, code);
    clg_status status = train(&net);
    snprintf(line, sizeof line, "%s", status == CLG_OK ? "" : clg_last_error());
    const char *name = inject_opencl_failed();
    inject_opencl(0, 0);
    ck_assert_msg(inject_objects() == before, "call %u, %s: %d objects held (%s)", index, name,
                  inject_objects() - before, line);
    if (status == CLG_OK)
        check_same(net, name, index);
    else
        ck_assert_msg((status == CLG_EDEVICE || status == CLG_ENOMEM) && *line,
                      "call %u, %s, code %d: status %d: %s", index, name, (int)code, (int)status,
                      line);
    check_checkpoint(name, index);
    clg_net_destroy(net);
    return status == CLG_OK;
}

/* Where a failure leaves the run as it was, by name: what cannot be given back is given back, what
 * is only told is told less well, and a binary that cannot be had is built or not kept. */
static int may_go_on(const char *name)
{
    static const char *const names[] = {
        "clRelease", "clGetPlatformInfo",         "clGetDeviceInfo", "clGetProgramInfo",
        "clFinish",  "clCreateProgramWithBinary", "clBuildProgram",  "clCreateKernel"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return 1;
    return 0;
}

static unsigned calls_of_a_run(void)
{
    clg_net *net = NULL;
    if (!data)
        data = harness_blobs(24, 4, 3, 11);
    inject_opencl(0, 0);
    ck_ok(train(&net));
    free(expected);
    expected = harness_parameters(net, &count);
    clg_net_destroy(net);
    return inject_opencl_calls();
}

/* Whether the sample holds this call: the first two of each name, and now and then. */
static int is_sampled(unsigned index, unsigned stride)
{
    unsigned before = 0;
    for (unsigned i = 1; i < index; i++)
        before += strcmp(inject_opencl_name(i), inject_opencl_name(index)) == 0;
    return before < 2 || index % stride == 0;
}

START_TEST(one_call_fails)
{
    static const cl_int codes[] = {CL_DEVICE_NOT_AVAILABLE, CL_MEM_OBJECT_ALLOCATION_FAILURE,
                                   CL_OUT_OF_RESOURCES, CL_INVALID_COMMAND_QUEUE,
                                   CL_INVALID_BUFFER_SIZE};
    enum { CODES = sizeof codes / sizeof *codes };
    static char name[1 << 14][40];
    static unsigned char sampled[1 << 14];
    const char *wanted = getenv("CLGRAD_INJECT");
    int all = wanted && strcmp(wanted, "all") == 0;
    calls_of_a_run(); /* fills the cache of binaries */
    unsigned calls = calls_of_a_run(), went_on = 0, tried = 0;
    ck_assert_uint_lt(calls, 1 << 14);
    for (unsigned i = 1; i <= calls; i++) {
        snprintf(name[i], sizeof name[i], "%s", inject_opencl_name(i));
        sampled[i] = all || is_sampled(i, 29);
    }
    for (unsigned i = 1; i <= calls; i++)
        for (unsigned c = 0; sampled[i] && c < CODES; c++) {
            if (!all && c != i % CODES)
                continue;
            int over = fail_one(i, codes[c]);
            ck_assert_msg(!over || may_go_on(name[i]), "call %u, %s: nobody noticed", i, name[i]);
            went_on += (unsigned)over;
            tried++;
        }
    printf("%u calls, %u failures, %u runs went on to the same bits\n", calls, tried, went_on);
    ck_assert_uint_gt(tried, 50);
    ck_assert_uint_lt(went_on, tried);
}
END_TEST

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void hang_one(unsigned index, const char *timeout)
{
    clg_net *net = NULL;
    setenv("CLGRAD_TIMEOUT", timeout, 1);
    double begin = seconds();
    inject_hang(index);
    clg_status status = train(&net);
    inject_hang(0);
    double took = seconds() - begin;
    unsetenv("CLGRAD_TIMEOUT");
    if (status == CLG_OK) { /* the last wait, of the closing device: the run was complete */
        check_same(net, "hang", index);
        clg_net_destroy(net);
    } else {
        ck_assert_msg(status == CLG_EDEVICE, "wait %u: %d: %s", index, (int)status,
                      clg_last_error());
        ck_assert_msg(strstr(clg_last_error(), "CLGRAD_TIMEOUT") != NULL, "wait %u: %s", index,
                      clg_last_error());
    }
    ck_assert_msg(took < atof(timeout) + 10, "wait %u: %g s", index, took);
    check_checkpoint("hang", index);
}

START_TEST(a_wait_hangs)
{
    const char *wanted = getenv("CLGRAD_INJECT");
    int all = wanted && strcmp(wanted, "all") == 0;
    inject_hang(0);
    calls_of_a_run();
    unsigned waits = inject_blocking_calls();
    ck_assert_uint_gt(waits, 3);
    hang_one(1, "2");
    for (unsigned i = 2; i <= waits; i += all ? 1 : waits / 6 + 1)
        hang_one(i, "0.2");
    hang_one(waits, "0.2");
    calls_of_a_run(); /* a device that was given up leaves the next one alone */
}
END_TEST

START_TEST(timeout_is_a_number)
{
    clg_device *device;
    setenv("CLGRAD_TIMEOUT", "soon", 1);
    ck_fails(clg_device_open(&device, NULL, NULL), CLG_EUSAGE, "CLGRAD_TIMEOUT=soon");
    unsetenv("CLGRAD_TIMEOUT");
}
END_TEST

int main(void)
{
    clg_device_close(harness_device());
    snprintf(run_folder, sizeof run_folder, "%s/run", inject_folder());
    snprintf(last, sizeof last, "%s/last.safetensors", run_folder);
    Suite *suite = suite_create("OpenCL failures");
    TCase *all = tcase_create("run");
    tcase_set_timeout(all, 0);
    tcase_add_test(all, one_call_fails);
    tcase_add_test(all, a_wait_hangs);
    tcase_add_test(all, timeout_is_a_number);
    suite_add_tcase(suite, all);
    int failed = harness_run(suite);
    clg_dataset_destroy(data);
    free(expected);
    return failed;
}
