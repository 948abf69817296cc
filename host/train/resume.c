/* Going on with an earlier run: its folder is opened again, options that may change are changed,
 * what was saved last is read, and what a crash left half done between two files is ended.  How a
 * training takes it up is loop_save.c's affair. */
#define _GNU_SOURCE
#include "train/train.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------- options */

/* Options that a run can change on its way.  The others decide the shape of the network, what its
 * moments mean, or which rows it is trained on. */
static const char *const may_change[] = {"train",
                                         "val",
                                         "test",
                                         "reduction",
                                         "lr",
                                         "lr-schedule",
                                         "warmup",
                                         "clip-norm",
                                         "momentum",
                                         "rho",
                                         "weight-decay",
                                         "beta1",
                                         "beta2",
                                         "eps",
                                         "l2",
                                         "dropout",
                                         "dropout-input",
                                         "label-smoothing",
                                         "class-weights",
                                         "patience",
                                         "teacher",
                                         "temperature",
                                         "distill-weight",
                                         "batch",
                                         "epochs",
                                         "steps",
                                         "save-every",
                                         "log-every",
                                         "check-every",
                                         "tuned",
                                         "device",
                                         "matmul",
                                         "plan",
                                         "no-cache"};

static int is_changeable(const char *name)
{
    for (size_t i = 0; i < sizeof may_change / sizeof *may_change; i++)
        if (strcmp(name, may_change[i]) == 0)
            return 1;
    return 0;
}

/* Whether two values of an option mean the same: 0.10 and 0.1 do. */
static int is_same(const char *a, const char *b)
{
    double x, y;
    if (strcmp(a, b) == 0)
        return 1;
    return clg_read_number(&x, a) && clg_read_number(&y, b) && !(x < y) && !(x > y);
}

/* Appends a line to the run's notes. */
static clg_status note(struct clg_run *run, const char *format, ...) CLG_PRINTF(2, 3);

static clg_status note(struct clg_run *run, const char *format, ...)
{
    char line[1024], *more;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    const size_t before = run->notes ? strlen(run->notes) : 0;
    CLG_TRY(clg_alloc(&more, before + strlen(line) + 2, 1, "a note"));
    if (before) {
        memcpy(more, run->notes, before);
        more[before] = '\n';
    }
    strcpy(more + before + (before ? 1 : 0), line);
    free(run->notes);
    run->notes = more;
    return CLG_OK;
}

static clg_status refuse(const struct clg_run *run, const char *name, const char *wanted,
                         const char *held)
{
    if (strcmp(name, "out") == 0)
        return clg_fail(CLG_EUSAGE, "--out %.200s: --resume goes on in %s: leave --out out", wanted,
                        run->folder);
    return clg_fail(CLG_EUSAGE,
                    "--%s %.200s: a run that goes on cannot change it (it has \"%.200s\"): begin "
                    "another with --init-from %s/last.safetensors",
                    name, wanted, held, run->folder);
}

static clg_status change(struct clg_run *run, const char *name, const char *wanted)
{
    const char *held = clg_config_get(run->config, name);
    if (is_same(wanted, held) || (strcmp(name, "out") == 0 && is_same(wanted, run->folder)))
        return CLG_OK;
    const int new_judge = strcmp(name, "val") == 0 && (!*held || !*wanted);
    if (!is_changeable(name) || new_judge)
        return refuse(run, name, wanted, held);
    CLG_TRY(note(run, "--%s %s (was %s)", name, wanted, *held ? held : "not set"));
    return clg_config_set(run->config, name, wanted);
}

/* Where the way on is given by epochs, the steps that the run was given before do not count. */
static clg_status drop_steps(struct clg_run *run, const clg_config *changes)
{
    if (!clg_config_is_set(changes, "epochs") || clg_config_is_set(changes, "steps") ||
        !clg_config_is_set(run->config, "steps"))
        return CLG_OK;
    CLG_TRY(note(run, "--steps not set (was %s)", clg_config_get(run->config, "steps")));
    return clg_config_set(run->config, "steps", "");
}

/* What was recorded for the device that the run had does not hold for another, unless it is asked
 * for. */
static clg_status forget_device(struct clg_run *run, const clg_config *changes)
{
    static const char *const keys[] = {"plan", "matmul", "tuned"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!clg_config_is_set(changes, keys[i]))
            CLG_TRY(clg_config_set(run->config, keys[i], i == 2 ? "" : "auto"));
    return CLG_OK;
}

static clg_status apply(struct clg_run *run, const clg_config *changes)
{
    size_t count;
    const clg_option *options = clg_config_options(&count);
    if (!changes)
        return CLG_OK;
    if (clg_config_is_set(changes, "device") &&
        !is_same(clg_config_get(changes, "device"), clg_config_get(run->config, "device")))
        CLG_TRY(forget_device(run, changes));
    run->chosen = clg_config_is_set(changes, "plan") || clg_config_is_set(changes, "matmul") ||
                  clg_config_is_set(changes, "tuned");
    CLG_TRY(drop_steps(run, changes));
    for (size_t i = 0; i < count; i++)
        if (clg_config_is_set(changes, options[i].name))
            CLG_TRY(change(run, options[i].name, clg_config_get(changes, options[i].name)));
    return CLG_OK;
}

/* --------------------------------------------------------------------- files */

static clg_status read_config(struct clg_run *run)
{
    char *path;
    if (faccessat(run->lock, "config.ini", F_OK, 0) != 0)
        return clg_fail(CLG_EDATA,
                        "%s: is no run's folder, it holds no config.ini: give what --out named",
                        run->folder);
    CLG_TRY(clg_config_create(&run->config));
    CLG_TRY(clg_run_path(&path, run, "config.ini"));
    clg_status status = clg_config_read(run->config, path);
    free(path);
    return status;
}

/* The state that the model of path was saved with. */
static clg_status read_state(struct clg_run_state *state, const char *path)
{
    struct clg_tensor_file *file;
    CLG_TRY(clg_model_open(&file, path));
    const char *text = clg_tensor_file_metadata(file, CLG_KEY_STATE);
    clg_status status =
        text ? clg_state_parse(state, text, path)
             : clg_fail(CLG_EDATA,
                        "%s: was not saved by a run: begin one that takes its weights by "
                        "--init-from",
                        path);
    clg_tensor_file_close(file);
    return status;
}

/* Numbers of state and model that cannot stand together. */
static int contradict(const struct clg_run_state *state, const struct clg_net *net)
{
    return state->epoch_step > net->step || net->epoch == INT_MAX || net->step > INT64_MAX / 2 ||
           (state->cut && net->epoch < 1) || state->best.step > net->step ||
           state->kept_step > net->step || state->epoch_steps > state->rows ||
           state->rows > INT64_MAX / 2;
}

static clg_status read_checkpoint(struct clg_run *run)
{
    char *path;
    clg_status status;
    CLG_TRY(clg_run_path(&path, run, "last.safetensors"));
    CLG_TRY_DONE(read_state(&run->state, path));
    CLG_TRY_DONE(clg_net_load_as(&run->saved, path, NULL, 1));
    if (contradict(&run->state, run->saved))
        status = clg_fail(CLG_EDATA, "%s: %s does not belong to it: the file is damaged", path,
                          CLG_KEY_STATE);
    run->step = run->saved->step;
    run->epoch = run->saved->epoch;
    run->resumed = status == CLG_OK;
done:
    free(path);
    return status;
}

/* The step of the model in RUN/name; 0 where it cannot be read. */
static uint64_t step_of(const struct clg_run *run, const char *name)
{
    struct clg_net *net = NULL;
    char *path = NULL;
    uint64_t step = 0;
    if (clg_run_path(&path, run, name) == CLG_OK && clg_net_load(&net, path, NULL) == CLG_OK)
        step = net->step;
    clg_net_destroy(net);
    free(path);
    return step;
}

/* last.safetensors was replaced, and best.safetensors was to be next. */
static clg_status end_commit(struct clg_run *run)
{
    if (faccessat(run->lock, CLG_PENDING_BEST, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return CLG_OK;
    if (!run->resumed || !run->state.kept_epoch ||
        step_of(run, CLG_PENDING_BEST) != run->state.kept_step)
        return clg_run_remove(run, CLG_PENDING_BEST);
    if (renameat(run->lock, CLG_PENDING_BEST, run->lock, "best.safetensors") != 0)
        return clg_fail(CLG_EIO, "%s/best.safetensors: rename: %s", run->folder, strerror(errno));
    return CLG_OK;
}

static clg_status read_run(struct clg_run *run, const clg_config *changes)
{
    CLG_TRY(read_config(run));
    run->unsaved = faccessat(run->lock, ".unsaved", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (!run->unsaved && faccessat(run->lock, "last.safetensors", F_OK, 0) == 0)
        CLG_TRY(read_checkpoint(run));
    CLG_TRY(apply(run, changes));
    CLG_TRY(clg_config_set(run->config, "out", run->folder));
    CLG_TRY(end_commit(run));
    clg_file_sweep(run->folder);
    return CLG_OK;
}

clg_status clg_run_resume(clg_run **out, const char *folder, const clg_config *changes)
{
    struct clg_run *run;
    struct stat about;
    *out = NULL;
    if (stat(folder, &about) != 0 || !S_ISDIR(about.st_mode))
        return clg_fail(CLG_EDATA, "%s: is no run's folder: give what --out named", folder);
    CLG_TRY(clg_run_lock(&run, folder));
    clg_status status = read_run(run, changes);
    if (status != CLG_OK) {
        clg_run_close(run);
        return status;
    }
    *out = run;
    return CLG_OK;
}

/* ------------------------------------------------------------------- asking */

const clg_config *clg_run_config(const clg_run *run)
{
    return run->config;
}

const char *clg_run_notes(const clg_run *run)
{
    return run->notes ? run->notes : "";
}

void clg_run_position(const clg_run *run, int *epoch, uint64_t *step)
{
    if (epoch)
        *epoch = run->epoch;
    if (step)
        *step = run->step;
}

static int is_out_of_patience(const struct clg_run *run)
{
    return clg_config_is_set(run->config, "patience") && run->epoch > 0 &&
           run->state.epoch_step == 0 &&
           run->epoch - run->state.best.epoch >= clg_config_integer(run->config, "patience");
}

int clg_run_is_finished(const clg_run *run)
{
    uint64_t steps;
    int batch, epochs;
    if (!run->resumed || run->state.due)
        return 0;
    const uint64_t each = clg_epoch_steps(&batch, run->config, (size_t)run->state.rows);
    if (clg_state_extent(&steps, &epochs, &run->state, run->config, run->step, run->epoch, each) !=
        CLG_OK)
        return 0;
    return run->step >= steps || is_out_of_patience(run);
}

/* --------------------------------------------------------------- the network */

/* What the saved network has gone through, into one made for the run's present options. */
static clg_status adopt(struct clg_net *net, struct clg_run *run)
{
    struct clg_net *saved = run->saved;
    int same = strcmp(net->text, saved->text) == 0 && net->classes == saved->classes &&
               net->opt == saved->opt;
    for (int i = 0; same && i < net->classes; i++)
        same = strcmp(net->class_name[i], saved->class_name[i]) == 0;
    if (!same)
        return clg_fail(CLG_EDATA,
                        "%s: its network %s does not fit the data, which make %s: the training "
                        "data or their classes are other ones than before",
                        run->folder, saved->text, net->text);
    CLG_TRY(clg_net_allocate_slots(net));
    memcpy(net->params, saved->params, net->count * sizeof *net->params);
    for (int s = 0; s < clg_opt_slots(net->opt); s++)
        if (saved->slot[s])
            memcpy(net->slot[s], saved->slot[s], net->count * sizeof *net->slot[s]);
    clg_normalise_clear(&net->normalise);
    CLG_TRY(clg_normalise_copy(&net->normalise, &saved->normalise));
    net->step = saved->step;
    net->epoch = saved->epoch;
    clg_net_destroy(run->saved);
    run->saved = NULL;
    return CLG_OK;
}

clg_status clg_run_net(clg_net **out, clg_run *run, const clg_dataset *data)
{
    const char *from = clg_config_get(run->config, "init-from");
    struct clg_net *net = NULL;
    clg_status status;
    *out = NULL;
    if (run->resumed && !run->saved)
        return clg_fail(CLG_EUSAGE, "clg_run_net: %s has given its network already", run->folder);
    CLG_TRY_DONE(clg_net_create(&net, run->config, data));
    if (run->resumed)
        CLG_TRY_DONE(adopt(net, run));
    else if (*from)
        CLG_TRY_DONE(clg_net_init_from(net, from));
    CLG_TRY_DONE(clg_run_check(run, net, data->rows));
    *out = net;
    net = NULL;
done:
    clg_net_destroy(net);
    return status;
}

clg_status clg_run_check(const struct clg_run *run, const struct clg_net *net, size_t rows)
{
    const struct clg_run_state *state = &run->state;
    int batch;
    const uint64_t each = clg_epoch_steps(&batch, net->config, rows);
    if (!run->resumed)
        return CLG_OK;
    if (net->step != run->step || net->epoch != run->epoch)
        return clg_fail(CLG_EUSAGE,
                        "%s: goes on with the network that clg_run_net gives, not "
                        "with one at step %" PRIu64,
                        run->folder, net->step);
    if (state->epoch_step == 0 || (rows == state->rows && each == state->epoch_steps))
        return CLG_OK;
    return clg_fail(CLG_EUSAGE,
                    "%s: stands at step %" PRIu64 " of %" PRIu64 " in epoch %d over %" PRIu64
                    " rows: neither --batch nor the number of rows (%zu now) can change within an "
                    "epoch",
                    run->folder, state->epoch_step, state->epoch_steps,
                    clg_state_epoch(state, run->epoch), state->rows, rows);
}

clg_status clg_run_read_best(double *params, int *good, const struct clg_run *run,
                             const struct clg_net *net)
{
    struct clg_net *best = NULL;
    char *path;
    *good = 0;
    CLG_TRY(clg_run_path(&path, run, "best.safetensors"));
    clg_status status = clg_net_load_as(&best, path, NULL, 1);
    free(path);
    if (status != CLG_OK)
        return status == CLG_ENOMEM ? status : CLG_OK;
    *good = best->step == run->state.kept_step && strcmp(best->text, net->text) == 0;
    if (*good)
        memcpy(params, best->params, net->count * sizeof *params);
    clg_net_destroy(best);
    return CLG_OK;
}

/* After an early stop the network is the best epoch's. */
static clg_status take_best(struct clg_net *net, const struct clg_run *run)
{
    double *best = NULL;
    int good = 0;
    if (!is_out_of_patience(run))
        return CLG_OK;
    CLG_TRY(clg_alloc(&best, net->count, sizeof *best, "the best parameters"));
    clg_status status = clg_run_read_best(best, &good, run, net);
    if (status == CLG_OK && good)
        memcpy(net->params, best, net->count * sizeof *best);
    free(best);
    return status;
}

clg_status clg_run_finish(clg_train_result *result, struct clg_net *net, clg_run *run,
                          const clg_train_hooks *hooks)
{
    const struct clg_state_figures *last = &run->state.last;
    char line[256];
    snprintf(line, sizeof line, "finished before: %d epochs, %" PRIu64 " steps", run->epoch,
             run->step);
    if (hooks && hooks->log)
        hooks->log(hooks->user, line);
    if (result)
        *result = (clg_train_result){.epochs = run->epoch,
                                     .steps = run->step,
                                     .loss = last->loss,
                                     .cost = last->cost,
                                     .accuracy = last->accuracy,
                                     .val_loss = last->val_loss,
                                     .val_accuracy = last->val_accuracy,
                                     .best_epoch = run->state.kept_epoch,
                                     .stopped_early = is_out_of_patience(run)};
    return take_best(net, run);
}
