/* Profiles: training under a recording, in turn with the same training without one, so that what
 * the recording costs is known.  The loop is train/'s; the window that counts begins behind the
 * warm-up and ends when the last step's figures are there. */
#include "profile/profile.h"

#include "core/memory.h"
#include "device/launch.h"
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 200, WARMUP = 20, MOST_ROUNDS = 9 };

/* One training with a window. */
struct window {
    const clg_dataset *data;
    const clg_profile_options *options;
    struct clg_recording *recording; /* NULL: without events */
    clg_device *device;
    uint64_t warmup;
    double began, ended; /* ended 0: not yet */
    int batch, shuffle;
    enum clg_plan_kind plan;
    struct clg_rows rows;
    struct clg_step_hooks around;
    clg_status status;
};

struct clg_rows clg_profile_rows_of(const struct clg_net *net, const struct clg_dataset *data)
{
    struct clg_rows rows = {.rows = data ? data->rows : SIZE_MAX / 2,
                            .features = clg_net_inputs(net),
                            .outputs = clg_net_outputs(net),
                            .target = net->target};
    rows.x.elem = data && data->storage == CLG_BYTES ? CLG_U8 : CLG_REAL;
    return rows;
}

/* ------------------------------------------------------------------ window */

static clg_status step_begins(void *user, const struct clg_step *step)
{
    struct window *window = user;
    window->plan = step->engine->plan_kind;
    window->shuffle = step->shuffle;
    if (step->B > window->batch)
        window->batch = step->B;
    if (!window->recording)
        return CLG_OK;
    return clg_recording_step(window->recording, step->engine,
                              step->teacher ? step->teacher->net : NULL, &window->rows,
                              step->shuffle, step->B);
}

static clg_status step_ends(void *user, const struct clg_step *step)
{
    struct window *window = user;
    if (step->number != window->warmup)
        return CLG_OK;
    window->around.every = UINT64_MAX; /* from here on spans are as long as they would be */
    if (window->recording)
        CLG_TRY(clg_recording_restart(window->recording));
    else
        CLG_TRY(clg_device_finish(window->device));
    window->began = clg_clock();
    return CLG_OK;
}

/* The last step's figures have been read. */
static void progress(void *user, const clg_progress *now)
{
    struct window *window = user;
    if (now->step != now->steps || window->began <= 0)
        return;
    if (window->recording) {
        window->status = clg_recording_pause(window->recording);
        window->ended = window->recording->ended;
        return;
    }
    window->status = clg_device_finish(window->device);
    window->ended = clg_clock();
}

static int should_stop(void *user)
{
    const struct window *window = user;
    return window->options->should_stop && window->options->should_stop(window->options->user);
}

/* Trains a copy of net once; the window is open where training ended early. */
static clg_status train_once(struct window *window, const struct clg_net *net, uint64_t steps)
{
    const clg_train_hooks hooks = {
        .user = window, .progress = progress, .should_stop = should_stop};
    const uint64_t all = window->warmup + steps;
    clg_net *copy = NULL;
    char text[32];
    CLG_TRY(clg_net_copy(&copy, net));
    snprintf(text, sizeof text, "%llu", (unsigned long long)all);
    clg_status status = clg_config_set(copy->config, "steps", text);
    window->around = (struct clg_step_hooks){
        .user = window, .every = window->warmup, .begin = step_begins, .end = step_ends};
    if (status == CLG_OK)
        status = clg_train_loop(NULL, copy, window->device, window->data, NULL, NULL, &hooks,
                                &window->around);
    clg_net_destroy(copy);
    if (status == CLG_OK)
        status = window->status;
    if (status == CLG_OK && window->ended <= window->began)
        return clg_fail(CLG_EUSAGE,
                        "the training ended before %llu steps were done: fewer --steps, "
                        "or no --patience",
                        (unsigned long long)(window->warmup + steps));
    return status;
}

/* ------------------------------------------------------------------ rounds */

struct rounds {
    struct window window; /* of the last training with events */
    struct clg_recording recording[MOST_ROUNDS];
    double plain[MOST_ROUNDS], traced[MOST_ROUNDS];
    int count, wanted;
};

/* As many rounds as fit a few seconds, an odd number. */
static int rounds_for(double seconds)
{
    return seconds < 0.3 ? 9 : seconds < 0.8 ? 5 : seconds < 3 ? 3 : 1;
}

static clg_status run_round(struct rounds *rounds, const struct window *like,
                            const struct clg_net *net, uint64_t steps)
{
    struct clg_recording *recording = &rounds->recording[rounds->count];
    struct window plain = *like;
    rounds->window = *like;
    CLG_TRY(train_once(&plain, net, steps));
    CLG_TRY(clg_recording_begin(recording, like->device));
    rounds->window.recording = recording;
    clg_status status = train_once(&rounds->window, net, steps);
    clg_status ended = clg_recording_end(recording);
    CLG_TRY(status);
    CLG_TRY(ended);
    rounds->plain[rounds->count] = plain.ended - plain.began;
    rounds->traced[rounds->count] = rounds->window.ended - rounds->window.began;
    rounds->count++;
    if (!rounds->wanted)
        rounds->wanted = rounds_for(plain.ended - plain.began);
    return CLG_OK;
}

static double least(const double *value, int count)
{
    double smallest = value[0];
    for (int i = 1; i < count; i++)
        smallest = fmin(smallest, value[i]);
    return smallest;
}

/* The index of the median. */
static int median(const double *value, int count)
{
    for (int i = 0; i < count; i++) {
        int below = 0;
        for (int j = 0; j < count; j++)
            below += value[j] < value[i] || (!(value[j] > value[i]) && j < i);
        if (below == count / 2)
            return i;
    }
    return 0;
}

/* The recording of the median round becomes the profile's, who points at it no more. */
static void take_median(struct clg_profile *profile, struct rounds *rounds, uint64_t steps)
{
    static const char *const plans[] = {"plain", "fused", "resident"};
    clg_profile_summary *summary = &profile->summary;
    const int at = median(rounds->traced, rounds->count);
    const double plain = rounds->plain[median(rounds->plain, rounds->count)];
    profile->recording = rounds->recording[at];
    memset(&rounds->recording[at], 0, sizeof rounds->recording[at]);
    summary->steps = steps;
    summary->batch = rounds->window.batch;
    snprintf(summary->plan, sizeof summary->plan, "%s", plans[rounds->window.plan]);
    summary->plain_ms = 1e3 * plain;
    /* the machine may be busy with other things: the fastest of each say what events cost */
    summary->overhead =
        least(rounds->traced, rounds->count) / least(rounds->plain, rounds->count) - 1;
    summary->measured_us = 1e6 * plain / (double)steps;
}

static clg_status profile_create(struct clg_profile **out, const struct clg_net *net)
{
    const int layers = net ? net->layers : 0;
    struct clg_profile *profile = NULL;
    clg_status status;
    CLG_TRY(clg_alloc(&profile, 1, sizeof *profile, "a profile"));
    profile->summary.plain_ms = profile->summary.overhead = (double)NAN;
    profile->summary.measured_us = profile->summary.predicted_us = (double)NAN;
    profile->summary.layers = layers;
    if (net)
        snprintf(profile->network, sizeof profile->network, "%s", net->text);
    CLG_TRY_DONE(clg_alloc(&profile->ms, (size_t)layers + 1, sizeof *profile->ms, "a profile"));
    CLG_TRY_DONE(
        clg_alloc(&profile->shared, (size_t)layers + 1, sizeof *profile->shared, "a profile"));
done:
    if (status != CLG_OK) {
        clg_profile_destroy(profile);
        profile = NULL;
    }
    *out = profile;
    return status;
}

clg_status clg_profile_training(clg_profile **out, const clg_net *net, clg_device *device,
                                const clg_dataset *data, const clg_profile_options *options)
{
    static const clg_profile_options defaults = {0};
    struct clg_profile *profile = NULL;
    struct rounds *rounds = NULL;
    clg_status status;
    *out = NULL;
    if (!options)
        options = &defaults;
    const uint64_t steps = options->steps ? options->steps : STEPS;
    const struct window window = {.data = data,
                                  .options = options,
                                  .device = device,
                                  .warmup = options->warmup ? options->warmup : WARMUP,
                                  .rows = clg_profile_rows_of(net, data)};
    CLG_TRY_DONE(clg_alloc(&rounds, 1, sizeof *rounds, "a profile"));
    CLG_TRY_DONE(profile_create(&profile, net));
    CLG_TRY_DONE(clg_device_roofs(&profile->roofs, device, 0));
    rounds->wanted = options->rounds < MOST_ROUNDS ? options->rounds : MOST_ROUNDS;
    do
        CLG_TRY_DONE(run_round(rounds, &window, net, steps));
    while (rounds->count < rounds->wanted);
    take_median(profile, rounds, steps);
    CLG_TRY_DONE(clg_profile_tabulate(profile));
    clg_profile_find_hints(profile);
    *out = profile;
    profile = NULL;
done:
    for (int i = 0; rounds && i < MOST_ROUNDS; i++)
        clg_recording_clear(&rounds->recording[i]);
    free(rounds);
    clg_profile_destroy(profile);
    return status;
}

/* --------------------------------------------------------------- recording */

clg_status clg_profile_start(clg_profile **out, clg_device *device)
{
    struct clg_profile *profile;
    *out = NULL;
    CLG_TRY(profile_create(&profile, NULL));
    clg_status status = clg_recording_begin(&profile->recording, device);
    if (status != CLG_OK) {
        clg_profile_destroy(profile);
        return status;
    }
    *out = profile;
    return CLG_OK;
}

clg_status clg_profile_stop(clg_profile *profile)
{
    if (!profile->recording.kept)
        return clg_fail(CLG_EUSAGE, "clg_profile_stop: the profile was stopped before");
    CLG_TRY(clg_recording_end(&profile->recording));
    return clg_profile_tabulate(profile);
}

void clg_profile_destroy(clg_profile *profile)
{
    if (!profile)
        return;
    clg_recording_clear(&profile->recording);
    free(profile->row);
    free(profile->ms);
    free(profile->shared);
    free(profile);
}

/* ----------------------------------------------------------------- getters */

clg_profile_summary clg_profile_summarise(const clg_profile *profile)
{
    return profile->summary;
}

const clg_profile_row *clg_profile_rows(const clg_profile *profile, size_t *count)
{
    *count = (size_t)profile->summary.rows;
    return profile->row;
}

const clg_roofs *clg_profile_roofs(const clg_profile *profile)
{
    return &profile->roofs;
}

double clg_profile_ms(const clg_profile *profile, int layer, clg_phase phase, int *shared)
{
    const int at = layer < 0 ? profile->summary.layers : layer;
    if (shared)
        *shared = 0;
    if (at > profile->summary.layers || phase >= CLG_PHASES)
        return 0;
    if (shared)
        *shared = profile->shared[at][phase];
    return profile->ms[at][phase];
}

const char *clg_profile_hint(const clg_profile *profile, int index)
{
    return index >= 0 && index < profile->summary.hints ? profile->hint[index] : NULL;
}
