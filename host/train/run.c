/* A run's folder: its lock, config.ini, metrics.jsonl and model files. */
#define _GNU_SOURCE
#include "train/train.h"

#include "core/file.h"
#include "core/memory.h"
#include "ops/routes.h"
#include "ops/tuning.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static clg_status take_lock(struct clg_run *run)
{
    run->lock = open(run->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run->lock < 0)
        return clg_fail(CLG_EIO, "%s: is no folder that can be used: %s", run->folder,
                        strerror(errno));
    if (flock(run->lock, LOCK_EX | LOCK_NB) == 0)
        return CLG_OK;
    if (errno == EWOULDBLOCK)
        return clg_fail(CLG_EIO, "%s: is in use by a living run: wait for it or take another --out",
                        run->folder);
    return clg_fail(CLG_EIO, "%s: cannot be locked: %s", run->folder, strerror(errno));
}

clg_status clg_run_path(char **out, const struct clg_run *run, const char *name)
{
    size_t size = strlen(run->folder) + strlen(name) + 2;
    CLG_TRY(clg_alloc(out, size, 1, "a path"));
    snprintf(*out, size, "%s/%s", run->folder, name);
    return CLG_OK;
}

static clg_status write_config(const struct clg_run *run)
{
    char *path;
    CLG_TRY(clg_run_path(&path, run, "config.ini"));
    clg_status status = clg_config_write(run->config, path);
    free(path);
    return status;
}

clg_status clg_run_lock(clg_run **out, const char *folder)
{
    struct clg_run *run = NULL;
    clg_status status;
    *out = NULL;
    CLG_TRY(clg_alloc(&run, 1, sizeof *run, "a run"));
    run->lock = run->metrics = -1;
    clg_state_clear(&run->state);
    CLG_TRY_DONE(clg_text_copy(&run->folder, folder));
    status = take_lock(run);
done:
    if (status != CLG_OK) {
        clg_run_close(run);
        return status;
    }
    *out = run;
    return CLG_OK;
}

/* What an earlier run has saved must not be taken for this one's until it has saved something. */
static clg_status mark_unsaved(struct clg_run *run)
{
    if (faccessat(run->lock, "last.safetensors", F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return CLG_OK;
    int fd = openat(run->lock, ".unsaved", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return clg_fail(CLG_EIO, "%s/.unsaved: cannot be written: %s", run->folder,
                        strerror(errno));
    close(fd);
    run->unsaved = 1;
    return CLG_OK;
}

clg_status clg_run_open(clg_run **out, const char *folder, const clg_config *config)
{
    struct clg_run *run = NULL;
    clg_status status;
    *out = NULL;
    if (!*folder)
        return clg_fail(CLG_EUSAGE, "--out: no folder is named");
    CLG_TRY(clg_folder_make(folder, 0777));
    CLG_TRY_DONE(clg_run_lock(&run, folder));
    CLG_TRY_DONE(clg_config_copy(&run->config, config));
    clg_file_sweep(folder);
    CLG_TRY_DONE(mark_unsaved(run));
    status = write_config(run);
done:
    if (status != CLG_OK) {
        clg_run_close(run);
        return status;
    }
    *out = run;
    return CLG_OK;
}

void clg_run_close(clg_run *run)
{
    if (!run)
        return;
    if (run->metrics >= 0)
        close(run->metrics);
    if (run->lock >= 0)
        close(run->lock);
    clg_config_destroy(run->config);
    clg_net_destroy(run->saved);
    free(run->notes);
    free(run->folder);
    free(run);
}

clg_status clg_run_remove(const struct clg_run *run, const char *name)
{
    if (unlinkat(run->lock, name, 0) == 0 || errno == ENOENT)
        return CLG_OK;
    return clg_fail(CLG_EIO, "%s/%s: cannot be replaced: %s", run->folder, name, strerror(errno));
}

static clg_status open_metrics(struct clg_run *run, int flags)
{
    do
        run->metrics = openat(run->lock, "metrics.jsonl",
                              O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
    while (run->metrics < 0 && errno == EINTR);
    if (run->metrics < 0)
        return clg_fail(CLG_EIO, "%s/metrics.jsonl: cannot be written: %s", run->folder,
                        strerror(errno));
    return CLG_OK;
}

/* An earlier run's lines go when this one has its first, or its first save. */
static clg_status start_metrics(struct clg_run *run)
{
    CLG_TRY(clg_run_remove(run, "metrics.jsonl"));
    CLG_TRY(clg_run_remove(run, "run.json"));
    CLG_TRY(clg_run_remove(run, "report.html"));
    CLG_TRY(clg_run_remove(run, "verify.json")); /* of another model */
    CLG_TRY(clg_run_remove(run, "profile.json"));
    return open_metrics(run, O_WRONLY);
}

/* The step of a line of metrics.jsonl; UINT64_MAX where it is none. */
static uint64_t step_of_line(const char *line)
{
    json_t *root = json_loads(line, 0, NULL);
    const json_t *step = json_object_get(root, "step");
    uint64_t number = UINT64_MAX;
    if (json_is_integer(step) && json_integer_value(step) >= 0)
        number = (uint64_t)json_integer_value(step);
    json_decref(root);
    return number;
}

/* Where the lines of steps before `behind` end; what a killed run wrote after its last save, and a
 * line that it did not end, lie behind. */
static off_t end_of_lines(FILE *file, uint64_t behind)
{
    char line[32768];
    off_t end = 0;
    while (fgets(line, sizeof line, file)) {
        const size_t length = strlen(line);
        if (line[length - 1] != '\n' || step_of_line(line) >= behind)
            break;
        end += (off_t)length;
    }
    return end;
}

/* The lines up to the step that was saved stay, those behind it come again; so does that of an
 * epoch whose end was not its end. */
static clg_status continue_metrics(struct clg_run *run)
{
    CLG_TRY(open_metrics(run, O_RDWR));
    const int fd = fcntl(run->metrics, F_DUPFD_CLOEXEC, 3);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!file) {
        const int code = errno;
        if (fd >= 0)
            close(fd);
        return clg_fail(CLG_EIO, "%s/metrics.jsonl: cannot be read: %s", run->folder,
                        strerror(code));
    }
    const off_t end = end_of_lines(file, run->step + (run->state.cut ? 0 : 1));
    const int failed = ferror(file) | fclose(file);
    if (failed || ftruncate(run->metrics, end) != 0)
        return clg_fail(CLG_EIO, "%s/metrics.jsonl: cannot be cut behind step %llu: %s",
                        run->folder, (unsigned long long)run->step, strerror(errno));
    CLG_TRY(clg_run_remove(run, "verify.json"));
    return clg_run_remove(run, "run.json");
}

clg_status clg_run_begin(struct clg_run *run)
{
    if (!run->resumed)
        return CLG_OK;
    run->resumed = 0;
    CLG_TRY(write_config(run));
    return continue_metrics(run);
}

clg_status clg_run_record(struct clg_run *run, const char *key, const char *value)
{
    CLG_TRY(clg_config_set(run->config, key, value));
    return write_config(run);
}

/* What a resumed run must ask of --matmul for the same bits: single products may go to CLBlast
 * where the rest does not. */
static const char *route_of(clg_device *device)
{
    if (clg_way_of(device) == CLG_WAY_CLBLAST)
        return "clblast";
    for (int knob = CLG_KNOB_NN_SMALL; knob <= CLG_KNOB_TN_LARGE; knob++)
        if (clg_knob(device, (enum clg_knob)knob) == CLG_WAY_CLBLAST &&
            device->route == CLG_ROUTE_AUTO)
            return "auto";
    return "native";
}

/* The choices of tune that are in use, a line where there are any. */
static void say_tuning(char tuned[CLG_TUNING_TEXT], const clg_device *device,
                       const clg_train_hooks *hooks)
{
    const struct clg_tuning tuning = clg_tuning_of(device);
    char line[CLG_TUNING_TEXT + 16];
    clg_tuning_text(tuned, &tuning);
    snprintf(line, sizeof line, "tuned: %s", tuned);
    if (strcmp(tuned, "none") != 0 && hooks->log)
        hooks->log(hooks->user, line);
}

clg_status clg_run_record_plan(struct clg_run *run, const struct clg_engine *engine,
                               const clg_train_hooks *hooks)
{
    static const char *const plans[] = {
        [CLG_PLAN_PLAIN] = "plain", [CLG_PLAN_FUSED] = "fused", [CLG_PLAN_RESIDENT] = "resident"};
    static const char *const meaning[] = {
        [CLG_PLAN_PLAIN] = "each operation in launches of its own",
        [CLG_PLAN_FUSED] = "a few launches a step",
        [CLG_PLAN_RESIDENT] = "many steps a launch",
    };
    clg_device *device = engine->device;
    char line[1024], tuned[CLG_TUNING_TEXT];
    if (device->kind == CLG_REFERENCE)
        return CLG_OK;
    const char *route = route_of(device);
    clg_routes_text(line, sizeof line, device);
    if (*line && hooks->log)
        hooks->log(hooks->user, line);
    snprintf(line, sizeof line, "plan %s: %s; matrix products: %s", plans[engine->plan_kind],
             meaning[engine->plan_kind], route);
    if (hooks->log)
        hooks->log(hooks->user, line);
    say_tuning(tuned, device, hooks);
    if (!run)
        return CLG_OK;
    CLG_TRY(clg_run_record(run, "tuned", tuned));
    CLG_TRY(clg_run_record(run, "plan", plans[engine->plan_kind]));
    return clg_run_record(run, "matmul", route);
}

static void put_real(json_t *line, const char *key, double value)
{
    if (isfinite(value))
        json_object_set_new(line, key, json_real(value));
}

/* One figure a layer; null where a layer has none. */
static void put_layers(json_t *line, const char *key, const double *values, int layers)
{
    json_t *list = values ? json_array() : NULL;
    for (int l = 0; list && l < layers; l++)
        json_array_append_new(list, isfinite(values[l]) ? json_real(values[l]) : json_null());
    if (list)
        json_object_set_new(line, key, list);
}

clg_status clg_run_log(struct clg_run *run, const clg_progress *progress)
{
    if (run->metrics < 0)
        CLG_TRY(start_metrics(run));
    json_t *line = json_object();
    json_object_set_new(line, "epoch", json_integer(progress->epoch));
    json_object_set_new(line, "step", json_integer((json_int_t)progress->step));
    put_real(line, "loss", progress->loss);
    put_real(line, "cost", progress->cost);
    put_real(line, "accuracy", progress->accuracy);
    put_real(line, "val_loss", progress->val_loss);
    put_real(line, "val_accuracy", progress->val_accuracy);
    put_real(line, "lr", progress->lr);
    put_layers(line, "weight_norm", progress->weight_norm, progress->layers);
    put_layers(line, "gradient_norm", progress->gradient_norm, progress->layers);
    put_layers(line, "dead_relu", progress->dead, progress->layers);
    put_real(line, "samples_per_s", progress->samples_per_s);
    put_real(line, "seconds", progress->seconds);
    char *text = json_dumps(line, JSON_REAL_PRECISION(9));
    json_decref(line);
    if (!text)
        return clg_fail(CLG_ENOMEM, "%s/metrics.jsonl: no memory for a line", run->folder);
    size_t size = strlen(text);
    text[size] = '\n'; /* in the place of the closing 0: one write is one whole line */
    char *path = NULL;
    clg_status status = clg_run_path(&path, run, "metrics.jsonl");
    if (status == CLG_OK)
        status = clg_write_all(run->metrics, path, text, size + 1);
    free(path);
    free(text);
    return status;
}

clg_status clg_run_save(struct clg_run *run, const struct clg_net *net, const char *name, int wide)
{
    char *path;
    CLG_TRY(clg_run_path(&path, run, name));
    clg_status status = clg_net_save_as(net, path, wide);
    free(path);
    return status;
}

/* The lines must not be lost where the model that has seen them is kept. */
static clg_status sync_metrics(const struct clg_run *run)
{
    int result;
    do
        result = fsync(run->metrics);
    while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EINVAL)
        return clg_fail(CLG_EIO, "%s/metrics.jsonl: fsync: %s", run->folder, strerror(errno));
    return CLG_OK;
}

clg_status clg_run_checkpoint(struct clg_run *run, const struct clg_net *net,
                              const struct clg_net *best, int wide)
{
    if (run->metrics < 0) /* or an earlier run's lines would be taken for its own */
        CLG_TRY(start_metrics(run));
    CLG_TRY(sync_metrics(run));
    if (best)
        CLG_TRY(clg_run_save(run, best, CLG_PENDING_BEST, wide));
    CLG_TRY(clg_run_save(run, net, "last.safetensors", wide));
    if (best && renameat(run->lock, CLG_PENDING_BEST, run->lock, "best.safetensors") != 0)
        return clg_fail(CLG_EIO, "%s/best.safetensors: rename: %s", run->folder, strerror(errno));
    if (!run->unsaved)
        return CLG_OK;
    run->unsaved = 0;
    return clg_run_remove(run, ".unsaved");
}
