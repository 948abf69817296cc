/* Stops a training again and again, a little later each time, and resumes it. */
#define _GNU_SOURCE
#include "harness_resume.h"

#include "harness_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stops when it is asked for the at-th time; 0: never. */
struct stop {
    int at, asked;
};

static int should_stop(void *user)
{
    struct stop *stop = user;
    return ++stop->asked == stop->at;
}

/* The status of a training in folder, new or resumed. */
static clg_status train(clg_run *run, clg_net *net, clg_device *device, const clg_dataset *data,
                        const clg_dataset *val, struct stop *stop)
{
    const clg_train_hooks hooks = {.user = stop, .should_stop = should_stop};
    const clg_status status = clg_train(NULL, net, device, data, val, run, &hooks);
    clg_net_destroy(net);
    clg_run_close(run);
    return status;
}

static clg_status begin(const char *folder, clg_device *device, const clg_config *config,
                        const clg_dataset *data, const clg_dataset *val, struct stop *stop)
{
    clg_net *net;
    clg_run *run;
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_run_open(&run, files_path(folder), clg_net_config(net)));
    return train(run, net, device, data, val, stop);
}

static clg_status resume(const char *folder, clg_device *device, const clg_dataset *data,
                         const clg_dataset *val, struct stop *stop)
{
    clg_net *net;
    clg_run *run;
    ck_ok(clg_run_resume(&run, files_path(folder), NULL));
    ck_assert_str_eq(clg_run_notes(run), "");
    ck_ok(clg_run_net(&net, run, data));
    return train(run, net, device, data, val, stop);
}

/* A line of metrics without its times, which stand at its end. */
static size_t telling(const char *line)
{
    const char *times = strstr(line, ", \"samples_per_s\""), *other = strstr(line, ", \"seconds\"");
    ck_assert_ptr_nonnull(other);
    return (size_t)((times && times < other ? times : other) - line);
}

/* A file as text; the caller frees it. */
static char *text_of(const char *path)
{
    size_t size;
    unsigned char *bytes = files_get(path, &size);
    char *text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    memcpy(text, bytes, size);
    text[size] = '\0';
    free(bytes);
    return text;
}

static void compare_metrics(const char *path, const char *other, int at)
{
    char *text = text_of(path), *others = text_of(other);
    char *rest = text, *other_rest = others, *line, *other_line;
    do {
        line = strsep(&rest, "\n");
        other_line = strsep(&other_rest, "\n");
        ck_assert_msg(!line == !other_line, "stopped at %d: another number of lines", at);
        if (!line || !*line || !other_line || !*other_line)
            break;
        ck_assert_msg(telling(line) == telling(other_line) &&
                          memcmp(line, other_line, telling(line)) == 0,
                      "stopped at %d: %s\nwhole: %s", at, line, other_line);
    } while (line);
    free(text);
    free(others);
}

static void compare(const char *folder, const char *whole, int at)
{
    static const char *const names[] = {"last.safetensors", "best.safetensors"};
    char path[64], other[64];
    for (int i = 0; i < 2; i++) {
        size_t size, other_size;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        snprintf(other, sizeof other, "%s/%s", whole, names[i]);
        unsigned char *bytes = files_get(files_path(path), &size),
                      *others = files_get(files_path(other), &other_size);
        ck_assert_msg(size == other_size && memcmp(bytes, others, size) == 0,
                      "stopped at %d: %s is another", at, names[i]);
        free(bytes);
        free(others);
    }
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    snprintf(other, sizeof other, "%s/metrics.jsonl", whole);
    compare_metrics(files_path(path), files_path(other), at);
}

int harness_resume(clg_device *device, const clg_config *config, const clg_dataset *data,
                   const clg_dataset *val, int stride, int most)
{
    struct stop never = {0, 0};
    int at;
    ck_ok(begin("whole", device, config, data, val, &never));
    for (at = 1; at <= never.asked && at < most * stride; at += stride) {
        struct stop stop = {at, 0}, again = {at, 0};
        clg_status status = begin("stopped", device, config, data, val, &stop);
        if (status == CLG_OK) /* spans are as long as they are fast: it was asked less often */
            break;
        ck_assert_int_eq(status, CLG_ECANCELLED);
        status = resume("stopped", device, data, val, &again); /* a second stop */
        if (status == CLG_ECANCELLED)
            status = resume("stopped", device, data, val, &never);
        ck_ok(status);
        compare("stopped", "whole", at);
    }
    return at / stride;
}
