/* Every allocation of the library refused once: in each loader, and in configuring, training,
 * saving, loading, evaluating, predicting, exporting, inspecting and reporting on the reference. */
#define _GNU_SOURCE
#include "../fuzz/target.h"
#include "folder.h"
#include "harness_files.h"
#include "harness_train.h"
#include "memory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct fuzz_target *target;
static const char *place;
static clg_dataset *data;
static char run_folder[128];

static const char *in_folder(const char *name)
{
    static char path[4][192];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", inject_folder(), name);
    return path[turn];
}

static clg_status load(void)
{
    uint64_t decoded;
    return target->load(place, &decoded);
}

START_TEST(loaders)
{
    char folder[4096], path[4400];
    target = &fuzz_targets[_i];
    place = fuzz_place(target, inject_folder());
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s", target->name);
    snprintf(folder, sizeof folder, "%s", harness_source(path));
    DIR *directory = opendir(folder);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        size_t size;
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, "bad", 3) == 0)
            continue;
        snprintf(path, sizeof path, "%.4000s/%.255s", folder, entry->d_name);
        unsigned char *bytes = files_get(path, &size);
        fuzz_write(place, bytes, size);
        free(bytes);
        inject_every_allocation(target->name, load);
    }
    closedir(directory);
}
END_TEST

static clg_status configure(void)
{
    clg_config *config = NULL, *copy = NULL;
    clg_status status = clg_config_create(&config);
    if (status == CLG_OK)
        status = clg_config_set(config, "layers", "4:relu,3");
    if (status == CLG_OK)
        status = clg_config_write(config, in_folder("c.ini"));
    if (status == CLG_OK)
        status = clg_config_copy(&copy, config);
    if (status == CLG_OK)
        status = clg_config_read(copy, in_folder("c.ini"));
    clg_config_destroy(config);
    clg_config_destroy(copy);
    return status;
}

static clg_status configured(clg_config **out)
{
    static const char *const pairs[][2] = {{"layers", "5:relu,4:maxout:2"},
                                           {"opt", "adam"},
                                           {"batch", "8"},
                                           {"steps", "2"},
                                           {"dropout", "0.1"},
                                           {"save-every", "1"},
                                           {"normalize", "std"}};
    clg_status status = clg_config_create(out);
    for (size_t i = 0; status == CLG_OK && i < sizeof pairs / sizeof *pairs; i++)
        status = clg_config_set(*out, pairs[i][0], pairs[i][1]);
    return status;
}

/* Trains a network, with saves. */
static clg_status train(void)
{
    clg_config *config = NULL;
    clg_device *device = NULL;
    clg_net *net = NULL;
    clg_run *run = NULL;
    clg_status status = configured(&config);
    if (status == CLG_OK)
        status = clg_net_create(&net, config, data);
    if (status == CLG_OK)
        status = clg_run_open(&run, run_folder, config);
    if (status == CLG_OK)
        status = clg_device_open(&device, "ref", config);
    if (status == CLG_OK)
        status = clg_train(NULL, net, device, data, data, run, NULL);
    clg_device_close(device);
    clg_run_close(run);
    clg_config_destroy(config);
    clg_net_destroy(net);
    return status;
}

static clg_status use(void)
{
    clg_device *device = NULL;
    clg_net *net = NULL;
    clg_evaluation evaluation;
    char path[192];
    float y[24 * 3];
    memset(&evaluation, 0, sizeof evaluation);
    snprintf(path, sizeof path, "%s/last.safetensors", run_folder);
    clg_status status = clg_net_load(&net, path, NULL);
    if (status == CLG_OK)
        status = clg_device_open(&device, "ref", NULL);
    if (status == CLG_OK)
        status = clg_evaluate(&evaluation, net, device, data);
    if (status == CLG_OK)
        clg_evaluation_clear(&evaluation);
    if (status == CLG_OK)
        status = clg_predict(y, net, device, data);
    clg_device_close(device);
    clg_net_destroy(net);
    return status;
}

static clg_status inspect(void)
{
    char *text = NULL, path[192];
    snprintf(path, sizeof path, "%s/last.safetensors", run_folder);
    clg_status status = clg_inspect(&text, path, 0);
    clg_text_free(text);
    text = NULL;
    if (status == CLG_OK)
        status = clg_inspect(&text, path, 1);
    clg_text_free(text);
    return status;
}

static clg_status report(void)
{
    const char *folder = run_folder;
    clg_report *made = NULL;
    char *text = NULL;
    clg_report_options options = {NULL, data, "the data"};
    clg_status status = clg_report_create(&made, &folder, 1, &options);
    if (status == CLG_OK)
        status = clg_report_write(made, NULL);
    if (status == CLG_OK)
        status = clg_report_summary(&text, made, 80, 0);
    clg_text_free(text);
    clg_report_destroy(made);
    return status;
}

static clg_status gradient(void)
{
    clg_net *net = NULL;
    char path[192];
    clg_gradient_result result;
    snprintf(path, sizeof path, "%s/last.safetensors", run_folder);
    clg_status status = clg_net_load(&net, path, NULL);
    if (status == CLG_OK)
        status = clg_verify_gradient(&result, net, data, NULL);
    clg_net_destroy(net);
    return status;
}

START_TEST(work)
{
    snprintf(run_folder, sizeof run_folder, "%s/run", inject_folder());
    data = harness_blobs(24, 4, 3, 7);
    inject_every_allocation("configure", configure);
    inject_every_allocation("train", train);
    ck_ok(train());
    inject_every_allocation("use", use);
    inject_every_allocation("inspect", inspect);
    inject_every_allocation("report", report);
    inject_every_allocation("gradient", gradient);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    int count = 0;
    while (fuzz_targets[count].name)
        count++;
    Suite *suite = suite_create("memory failures");
    TCase *all = tcase_create("library");
    tcase_set_timeout(all, 0);
    tcase_add_loop_test(all, loaders, 0, count);
    tcase_add_test(all, work);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
