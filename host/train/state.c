/* The state of a run as text, and what follows from it.  Texts come from files: every number is
 * checked before it is believed.  Which files they lie in is resume.c's affair. */
#include "train/state.h"

#include "core/memory.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const struct clg_state_figures no_figures = {NAN, NAN, NAN, NAN, NAN};

void clg_state_clear(struct clg_run_state *state)
{
    *state = (struct clg_run_state){.best.loss = INFINITY,
                                    .plateau_scale = 1,
                                    .plateau_best = INFINITY,
                                    .scores = {NAN, NAN, NAN},
                                    .last = no_figures};
}

/* ------------------------------------------------------------------ writing */

/* JSON has no NaN and no infinity: such values are left out, and are what a missing one means. */
static int put(json_t *object, const char *key, double value)
{
    return isfinite(value) ? json_object_set_new(object, key, json_real(value)) : 0;
}

static json_t *reals(const double *values, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        if (json_array_append_new(list, json_real(values[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *figures_of(const struct clg_state_figures *figures)
{
    json_t *object = json_object();
    int failed = put(object, "loss", figures->loss) | put(object, "cost", figures->cost) |
                 put(object, "accuracy", figures->accuracy) |
                 put(object, "val_loss", figures->val_loss) |
                 put(object, "val_accuracy", figures->val_accuracy);
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* The epoch under way: its sums, or, where only its validation is missing, its figures. */
static int put_epoch(json_t *root, const struct clg_run_state *state)
{
    int failed =
        json_object_set_new(root, "epoch_step", json_integer((json_int_t)state->epoch_step));
    if (state->due) {
        const struct clg_state_figures figures = {state->scores.loss, state->scores.cost,
                                                  state->scores.accuracy, NAN, NAN};
        failed |= json_object_set_new(root, "due", figures_of(&figures));
        failed |= json_object_set_new(root, "norms", reals(state->gradient_norm, state->norms));
    } else if (state->epoch_step > 0) {
        failed |= json_object_set_new(root, "sums", reals(state->stats, CLG_STATS));
        failed |= json_object_set_new(root, "hits", json_integer(state->hits));
        failed |= json_object_set_new(root, "cut", json_boolean(state->cut));
    }
    return failed;
}

static int put_best(json_t *root, const struct clg_run_state *state)
{
    const double sum[2] = {(double)state->best.sum[0], (double)state->best.sum[1]};
    int failed = 0;
    json_t *best;
    if (state->kept_epoch)
        failed = json_object_set_new(root, "kept",
                                     json_pack("{s:i, s:I}", "epoch", state->kept_epoch, "step",
                                               (json_int_t)state->kept_step));
    if (!state->best.epoch)
        return failed;
    best = json_pack("{s:i, s:I, s:f}", "epoch", state->best.epoch, "step",
                     (json_int_t)state->best.step, "loss", state->best.loss);
    if (best && isfinite(sum[0]) && isfinite(sum[1]) && (sum[0] > 0 || sum[0] < 0) &&
        json_object_set_new(best, "sum", reals(sum, 2)) != 0) {
        json_decref(best);
        best = NULL;
    }
    return failed | json_object_set_new(root, "best", best);
}

static int put_plateau(json_t *root, const struct clg_run_state *state)
{
    if (!isfinite(state->plateau_best))
        return 0;
    return json_object_set_new(root, "plateau",
                               json_pack("{s:f, s:f, s:i}", "scale", state->plateau_scale, "best",
                                         state->plateau_best, "bad", state->plateau_bad));
}

static uint32_t checksum(const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    const uLong sum = text ? crc32(0, (const Bytef *)text, (uInt)strlen(text)) : 0;
    free(text);
    return (uint32_t)sum;
}

clg_status clg_state_text(char **text, const struct clg_run_state *state)
{
    json_t *root =
        json_pack("{s:s, s:I, s:I}", "device", state->device, "rows", (json_int_t)state->rows,
                  "epoch_steps", (json_int_t)state->epoch_steps);
    int failed = put_epoch(root, state) | put_best(root, state) | put_plateau(root, state) |
                 json_object_set_new(root, "last", figures_of(&state->last));
    if (!failed)
        failed = json_object_set_new(root, "crc", json_integer((json_int_t)checksum(root)));
    *text = failed ? NULL : json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(root);
    return *text ? CLG_OK : clg_fail(CLG_ENOMEM, "no memory for a run's state");
}

/* ------------------------------------------------------------------ reading */

static double real(const json_t *object, const char *key, double missing)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : missing;
}

/* A whole number from 0 to high; -1 where it is none. */
static int64_t whole(const json_t *object, const char *key, int64_t high)
{
    const json_t *value = json_object_get(object, key);
    const json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    return number >= 0 && number <= high ? number : -1;
}

static int read_reals(double *values, const json_t *list, int count)
{
    if ((int)json_array_size(list) != count)
        return 0;
    for (int i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        if (!json_is_number(value))
            return 0;
        values[i] = json_number_value(value);
    }
    return 1;
}

static struct clg_state_figures read_figures(const json_t *object)
{
    return (struct clg_state_figures){real(object, "loss", NAN), real(object, "cost", NAN),
                                      real(object, "accuracy", NAN), real(object, "val_loss", NAN),
                                      real(object, "val_accuracy", NAN)};
}

static int read_epoch(struct clg_run_state *state, const json_t *root)
{
    const json_t *due = json_object_get(root, "due"), *norms = json_object_get(root, "norms");
    const int64_t step = whole(root, "epoch_step", (int64_t)state->epoch_steps);
    const int64_t hits = whole(root, "hits", INT32_MAX);
    state->epoch_step = (uint64_t)step;
    state->due = json_is_object(due);
    if (step < 0)
        return 0;
    if (state->due) {
        const struct clg_state_figures figures = read_figures(due);
        state->scores = (struct clg_scores){figures.loss, figures.cost, figures.accuracy};
        state->norms = json_array_size(norms) <= CLG_MAX_LAYERS ? (int)json_array_size(norms) : 0;
        return (uint64_t)step == state->epoch_steps &&
               read_reals(state->gradient_norm, norms, state->norms);
    }
    if (step == 0)
        return 1;
    state->hits = (int32_t)hits;
    state->cut = json_is_true(json_object_get(root, "cut"));
    return hits >= 0 && (uint64_t)step < state->epoch_steps &&
           read_reals(state->stats, json_object_get(root, "sums"), CLG_STATS);
}

static int read_best(struct clg_run_state *state, const json_t *root)
{
    const json_t *best = json_object_get(root, "best"), *kept = json_object_get(root, "kept");
    double sum[2];
    int64_t epoch = whole(kept, "epoch", INT_MAX), step = whole(kept, "step", INT64_MAX);
    if (kept && (epoch < 1 || step < 1))
        return 0;
    state->kept_epoch = kept ? (int)epoch : 0;
    state->kept_step = kept ? (uint64_t)step : 0;
    if (!best)
        return 1;
    epoch = whole(best, "epoch", INT_MAX);
    step = whole(best, "step", INT64_MAX);
    state->best.epoch = (int)epoch;
    state->best.step = (uint64_t)step;
    state->best.loss = real(best, "loss", NAN);
    if (read_reals(sum, json_object_get(best, "sum"), 2)) {
        state->best.sum[0] = (float)sum[0];
        state->best.sum[1] = (float)sum[1];
    }
    return epoch > 0 && step > 0 && kept && isfinite(state->best.loss);
}

static int read_plateau(struct clg_run_state *state, const json_t *plateau)
{
    const int64_t bad = whole(plateau, "bad", INT_MAX);
    if (!plateau)
        return 1;
    state->plateau_scale = real(plateau, "scale", NAN);
    state->plateau_best = real(plateau, "best", NAN);
    state->plateau_bad = (int)bad;
    return bad >= 0 && state->plateau_scale > 0 && state->plateau_scale <= 1 &&
           isfinite(state->plateau_best);
}

static int read_state(struct clg_run_state *state, json_t *root)
{
    const char *device = json_string_value(json_object_get(root, "device"));
    const int64_t crc = whole(root, "crc", UINT32_MAX), rows = whole(root, "rows", INT64_MAX),
                  steps = whole(root, "epoch_steps", INT64_MAX);
    json_object_del(root, "crc");
    if (!device || crc != (int64_t)checksum(root) || rows < 1 || steps < 1)
        return 0;
    snprintf(state->device, sizeof state->device, "%s", device);
    state->rows = (uint64_t)rows;
    state->epoch_steps = (uint64_t)steps;
    state->last = read_figures(json_object_get(root, "last"));
    return read_epoch(state, root) && read_best(state, root) &&
           read_plateau(state, json_object_get(root, "plateau"));
}

clg_status clg_state_parse(struct clg_run_state *state, const char *text, const char *path)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    clg_state_clear(state);
    const int good = json_is_object(root) && read_state(state, root);
    json_decref(root);
    if (good)
        return CLG_OK;
    clg_state_clear(state);
    return clg_fail(CLG_EDATA,
                    "%s: %s is damaged: a run cannot go on from it; --init-from takes its weights",
                    path, CLG_KEY_STATE);
}

/* ------------------------------------------------------------ what follows */

int clg_state_epoch(const struct clg_run_state *state, int ended)
{
    return state->cut ? ended : ended + 1;
}

clg_status clg_state_extent(uint64_t *steps, int *epochs, const struct clg_run_state *state,
                            const clg_config *config, uint64_t net_step, int ended,
                            uint64_t epoch_steps)
{
    const uint64_t before = net_step - state->epoch_step;
    const int epoch = clg_state_epoch(state, ended);
    if (clg_config_is_set(config, "steps")) {
        *steps = (uint64_t)clg_config_integer(config, "steps");
        const uint64_t left = *steps > before ? *steps - before : 0;
        const uint64_t count = (uint64_t)epoch - 1 + (left + epoch_steps - 1) / epoch_steps;
        if (count > INT_MAX)
            return clg_fail(CLG_EUSAGE, "--steps %" PRIu64 ": makes more than %d epochs", *steps,
                            INT_MAX);
        *epochs = count > 0 ? (int)count : 1;
        return CLG_OK;
    }
    *epochs = (int)clg_config_integer(config, "epochs");
    *steps = net_step;
    if (*epochs >= epoch)
        *steps = before + (uint64_t)(*epochs - epoch + 1) * epoch_steps;
    return CLG_OK;
}
