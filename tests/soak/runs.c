/* Data, commands and comparisons that the tests of whole runs share. */
#define _GNU_SOURCE
#include "runs.h"

#include "harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 4096, FEATURES = 8, CLASSES = 4 };

const struct runs_plan runs_plans[RUNS_PLANS] = {
    {"ref", "auto", 30}, {"auto", "plain", 25}, {"auto", "fused", 30}, {"auto", "resident", 200}};

int runs_plans_here(void)
{
    clg_device *device = NULL;
    const clg_status status = clg_device_open(&device, "auto", NULL);
    clg_device_close(device);
    return status == CLG_OK ? RUNS_PLANS : 1;
}

/* A .npy file of any size: the header that an empty one has, then the numbers. */
static void write_array(const char *path, const char *descr, const char *shape, const void *data,
                        size_t size)
{
    run_write_npy(path, descr, shape, "", 0);
    FILE *file = fopen(path, "ab");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

void runs_write_data(void)
{
    static float x[ROWS][FEATURES];
    static int32_t y[ROWS];
    unsigned state = 1;
    for (int r = 0; r < ROWS; r++) {
        y[r] = r % CLASSES;
        for (int f = 0; f < FEATURES; f++)
            x[r][f] = (float)runs_draw(&state, -1, 1) + (f % CLASSES == y[r] ? 0.7f : 0.0f);
    }
    write_array("x.npy", "<f4", "(4096, 8)", x, sizeof x);
    write_array("y.npy", "<i4", "(4096,)", y, sizeof y);
}

const char *runs_train(const struct runs_plan *plan, const char *opt, const char *name,
                       const char *more)
{
    static char line[1024];
    snprintf(line, sizeof line,
             "train --train x.npy,y.npy --layers 16 --batch 16 --lr 0.01 --opt %s --epochs %d "
             "--lr-schedule plateau:3:0.5 --log-every 100 --save-every 0.2s --device %s --plan %s "
             "--progress none --out %s %s",
             opt, plan->epochs, plan->device, plan->plan, name, more);
    return line;
}

static const char *in(const char *folder, const char *name)
{
    static char path[2][512];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static const char *const models[] = {"last.safetensors", "best.safetensors"};

void runs_check_readable(const char *folder)
{
    for (int i = 0; i < 2; i++) {
        clg_net *net = NULL;
        if (!run_exists(in(folder, models[i])))
            continue;
        ck_ok(clg_net_load(&net, in(folder, models[i]), NULL));
        clg_net_destroy(net);
    }
}

static void check_same_bytes(const char *path, const char *other)
{
    size_t size, other_size;
    char *bytes = run_read(path, &size), *others = run_read(other, &other_size);
    ck_assert_msg(size == other_size && memcmp(bytes, others, size) == 0,
                  "%s and %s are not the same", path, other);
    free(bytes);
    free(others);
}

/* Cuts the times off the lines of text, which stand at their ends. */
static void forget_times(char *text)
{
    char *to = text;
    for (char *line = text, *next; *line; line = next) {
        next = strchr(line, '\n');
        ck_assert_msg(next, "metrics.jsonl ends inside a line: %s", line);
        *next++ = '\0';
        char *times = strstr(line, ", \"samples_per_s\"");
        if (!times)
            times = strstr(line, ", \"seconds\"");
        ck_assert_msg(times, "a line without times: %s", line);
        memmove(to, line, (size_t)(times - line));
        to += times - line;
        *to++ = '\n';
    }
    *to = '\0';
}

static void check_same_metrics(const char *path, const char *other)
{
    char *text = run_read(path, NULL), *others = run_read(other, NULL);
    int line = 1;
    forget_times(text);
    forget_times(others);
    const char *a = text, *b = others;
    for (; *a && *a == *b; a++, b++)
        line += *a == '\n';
    ck_assert_msg(!*a && !*b, "%s and %s differ in line %d: %.200s | %.200s", path, other, line, a,
                  b);
    free(text);
    free(others);
}

void runs_check_same(const char *folder, const char *other)
{
    for (int i = 0; i < 2; i++)
        check_same_bytes(in(folder, models[i]), in(other, models[i]));
    check_same_metrics(in(folder, "metrics.jsonl"), in(other, "metrics.jsonl"));
}

void runs_check_clean(const char *folder)
{
    static const char *const known[] = {
        ".",           "..",       "config.ini",       "metrics.jsonl",
        "report.html", "run.json", "last.safetensors", "best.safetensors"};
    DIR *directory = opendir(folder);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && strcmp(known[i], entry->d_name) != 0)
            i++;
        ck_assert_msg(i < sizeof known / sizeof *known, "%s/%s was left behind", folder,
                      entry->d_name);
    }
    closedir(directory);
}

int runs_times(void)
{
    const char *text = getenv("CLGRAD_SOAK");
    const int times = text ? atoi(text) : 1;
    return times > 1 ? times : 1;
}

double runs_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double runs_draw(unsigned *state, double low, double high)
{
    *state = *state * 1664525u + 1013904223u;
    return low + (high - low) * (double)(*state >> 8) / 16777216.0;
}

void runs_sleep(double seconds)
{
    const struct timespec time = {(time_t)seconds,
                                  (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&time, NULL);
}
