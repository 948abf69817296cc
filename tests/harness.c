/* What the tests share. */
#define _GNU_SOURCE
#include "harness.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int harness_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner), run = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed != 0 || run == 0;
}

int harness_close(double got, double want, double bound)
{
    return isfinite(want) && fabs(got - want) <= bound;
}

static char folder[4096];

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *harness_folder(void)
{
    if (!*folder) {
        snprintf(folder, sizeof folder, "/tmp/clgrad-test.XXXXXX");
        if (!mkdtemp(folder))
            abort();
        atexit(remove_folder);
    }
    return folder;
}

const char *harness_source(const char *relative)
{
    static char path[4096];
    const char *root = getenv("CLGRAD_TEST_SOURCE");
    snprintf(path, sizeof path, "%s/%s", root ? root : "..", relative);
    return path;
}

clg_device *harness_device(void)
{
    clg_device *device = NULL;
    clg_status status = clg_device_open(&device, getenv("CLGRAD_TEST_DEVICE"), NULL);
    if (status == CLG_ENODEVICE) {
        fprintf(stderr, "no OpenCL device: %s\n", clg_last_error());
        exit(77);
    }
    if (status != CLG_OK) {
        fprintf(stderr, "cannot open the device: %s\n", clg_last_error());
        exit(1);
    }
    return device;
}
