/* A run with saves on a disk that fails: at each call that writes, flushes, renames, opens or
 * closes a file.  The run ends as CLG_EIO with one line that names a path in it, and the checkpoint
 * that was there before, or the next one, is whole; interrupted and short writes do no harm. */
#define _GNU_SOURCE
#include "disk.h"
#include "folder.h"
#include "harness_files.h"
#include "harness_train.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static clg_dataset *data;
static char run_folder[128], last[160];

static clg_status train(void)
{
    clg_config *config = harness_config("layers", "4", "opt", "adam", "batch", "8", "epochs", "2",
                                        "save-every", "1", NULL);
    clg_device *device = NULL;
    clg_net *net = NULL;
    clg_run *run = NULL;
    clg_status status = clg_net_create(&net, config, data);
    if (status == CLG_OK)
        status = clg_run_open(&run, run_folder, config);
    if (status == CLG_OK)
        status = clg_device_open(&device, "ref", config);
    if (status == CLG_OK)
        status = clg_train(NULL, net, device, data, NULL, run, NULL);
    clg_device_close(device);
    clg_run_close(run);
    clg_net_destroy(net);
    clg_config_destroy(config);
    return status;
}

static void remove_run(void)
{
    DIR *directory = opendir(run_folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    rmdir(run_folder);
}

static int descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

/* The run with call number index spoiled. */
static void spoil(unsigned index, enum inject_fault fault, int error, int lasting)
{
    static unsigned char *expected;
    static size_t expected_size;
    size_t size = 0;
    char line[1024];
    int open_before = descriptors();
    inject_disk(index, fault, error, lasting);
    clg_status status = train();
    const char *name = inject_disk_spoiled();
    snprintf(line, sizeof line, "%s", status == CLG_OK ? "" : clg_last_error());
    inject_disk(0, INJECT_NONE, 0, 0);
    ck_assert_msg(descriptors() == open_before, "call %u, %s: %d descriptors stay open", index,
                  name, descriptors() - open_before);
    if (access(last, F_OK) == 0) {
        clg_net *net = NULL;
        clg_status loaded = clg_net_load(&net, last, NULL);
        ck_assert_msg(loaded == CLG_OK, "call %u, %s: %s", index, name, clg_last_error());
        clg_net_destroy(net);
    }
    /* what is closed after its flush was written */
    int harmless = !*name || fault == INJECT_SHORT || error == EINTR ||
                   (strcmp(name, "close") == 0 && status == CLG_OK);
    if (harmless)
        ck_assert_msg(status == CLG_OK, "call %u, %s: %s", index, name, line);
    else
        ck_assert_msg(status == CLG_EIO && strstr(line, run_folder) && !strchr(line, '\n'),
                      "call %u, %s, %s: %d: %s", index, name, strerror(error), (int)status, line);
    if (!harmless)
        return;
    unsigned char *bytes = files_get(last, &size);
    if (!expected) {
        expected = bytes;
        expected_size = size;
        return;
    }
    ck_assert_msg(size == expected_size && memcmp(bytes, expected, size) == 0,
                  "call %u, %s: another model", index, name);
    free(bytes);
}

START_TEST(every_call)
{
    static const struct {
        enum inject_fault fault;
        int error, lasting;
    } cases[] = {{INJECT_ERROR, ENOSPC, 1}, {INJECT_PARTIAL, ENOSPC, 1}, {INJECT_ERROR, EIO, 0},
                 {INJECT_ERROR, EACCES, 0}, {INJECT_ONCE, EINTR, 0},     {INJECT_SHORT, 0, 0}};
    data = harness_blobs(16, 3, 2, 5);
    spoil(0, INJECT_NONE, 0, 0);
    inject_disk(0, INJECT_NONE, 0, 0);
    ck_ok(train());
    unsigned calls = inject_disk_calls();
    ck_assert_uint_gt(calls, 20);
    for (unsigned i = 1; i <= calls; i++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            if (c == 0)
                remove_run(); /* a first run, with nothing there before */
            spoil(i, cases[c].fault, cases[c].error, cases[c].lasting);
        }
    printf("%u calls, each spoiled in %zu ways\n", calls, sizeof cases / sizeof *cases);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    snprintf(run_folder, sizeof run_folder, "%s/run", inject_folder());
    snprintf(last, sizeof last, "%s/last.safetensors", run_folder);
    Suite *suite = suite_create("disk failures");
    TCase *all = tcase_create("run");
    tcase_set_timeout(all, 0);
    tcase_add_test(all, every_call);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
