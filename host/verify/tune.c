/* clg_tune: the search with real trainings as its clock, and what its choices must pass before they
 * are kept.  The trainings are clg_train's own, of small data made up here. */
#include "verify/tune.h"

#include "core/memory.h"
#include "core/rng.h"
#include "device/launch.h"
#include "net/net.h"
#include "ops/routes.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BITS_STEPS = 3,
    FIRST_STEPS = 3,
    MOST_STEPS = 1000000,
    PACES = 2 /* sides of a comparison */
};

#define RUN_SECONDS 0.05   /* of one measurement, about */
#define SLOW_SECONDS 0.3   /* a step: such a network and larger ones are left out */
#define DEFAULT_SECONDS 90 /* of measuring */

static const struct {
    const char *layers;
    size_t features;
    int classes, batch, widest;
} shapes[CLG_TUNE_NETS] = {{"32", 16, 4, 16, 64},          {"32", 64, 10, 64, 64},
                           {"64,64", 64, 10, 32, 64},      {"128", 784, 10, 64, 128},
                           {"512,512", 784, 10, 128, 512}, {"2048,2048", 784, 10, 512, 2048}};

/* How many steps of a network make up a measurement by one tuning. */
struct pace {
    struct clg_tuning tuning;
    int plain;
    uint64_t steps;
};

struct tune {
    clg_device *device;
    const clg_tune_options *options;
    clg_dataset *data[CLG_TUNE_NETS];
    clg_net *net[CLG_TUNE_NETS];
    struct pace pace[CLG_TUNE_NETS][PACES];
    int next_pace[CLG_TUNE_NETS];
    double deadline;
    int late;
};

/* --------------------------------------------------------------- networks */

static clg_status make_data(clg_dataset **out, enum clg_tune_net net)
{
    const size_t features = shapes[net].features, rows = 4 * (size_t)shapes[net].batch;
    float *x = NULL;
    int32_t *labels = NULL;
    clg_status status;
    CLG_TRY_DONE(clg_alloc(&x, rows * features, sizeof *x, "data to tune with"));
    CLG_TRY_DONE(clg_alloc(&labels, rows, sizeof *labels, "data to tune with"));
    for (size_t i = 0; i < rows * features; i++)
        x[i] = (float)clg_uniform(1, CLG_STREAM_TEST, (uint32_t)net, i);
    for (size_t i = 0; i < rows; i++)
        labels[i] = (int32_t)(i % (size_t)shapes[net].classes);
    status = clg_dataset_from_arrays(out, x, rows, features, labels, shapes[net].classes, NULL, 0);
done:
    free(x);
    free(labels);
    return status;
}

/* Trainings of a few steps at a rate that leaves the weights about where they are. */
static clg_status make_config(clg_config **out, enum clg_tune_net net)
{
    const struct {
        const char *key, *value;
    } words[] = {{"layers", shapes[net].layers}, {"opt", "sgd"}, {"lr", "1e-6"}};
    char batch[16];
    clg_config *config;
    clg_status status;
    CLG_TRY(clg_config_create(&config));
    snprintf(batch, sizeof batch, "%d", shapes[net].batch);
    CLG_TRY_DONE(clg_config_set(config, "batch", batch));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        CLG_TRY_DONE(clg_config_set(config, words[i].key, words[i].value));
    *out = config;
    return CLG_OK;
done:
    clg_config_destroy(config);
    return status;
}

/* The network and its data, made when first asked for. */
static clg_status make_net(struct tune *tune, enum clg_tune_net net)
{
    clg_config *config = NULL;
    if (tune->net[net])
        return CLG_OK;
    CLG_TRY(make_data(&tune->data[net], net));
    clg_status status = make_config(&config, net);
    if (status == CLG_OK)
        status = clg_net_create(&tune->net[net], config, tune->data[net]);
    clg_config_destroy(config);
    return status;
}

static void clear(struct tune *tune)
{
    for (int net = 0; net < CLG_TUNE_NETS; net++) {
        clg_net_destroy(tune->net[net]);
        clg_dataset_destroy(tune->data[net]);
    }
}

/* ------------------------------------------------------------ measurement */

/* Up to the end of the last epoch: what follows, bringing the parameters back, is the same whatever
 * the knobs say. */
static void on_progress(void *user, const clg_progress *progress)
{
    double *seconds = user;
    if (progress->epoch_end)
        *seconds = progress->seconds;
}

static int stop_wanted(const struct tune *tune)
{
    const clg_tune_options *options = tune->options;
    return options && options->should_stop && options->should_stop(options->user);
}

/* Trains `on` for so many steps by the device's knobs. */
static clg_status train(const struct tune *tune, double *seconds, clg_net *on,
                        enum clg_tune_net net, int plain, uint64_t steps)
{
    const clg_train_hooks hooks = {.user = seconds, .progress = on_progress};
    const enum clg_plan_choice plan = tune->device->plan;
    char text[32];
    *seconds = 0;
    if (stop_wanted(tune))
        return clg_fail(CLG_ECANCELLED, "tune: interrupted, nothing is kept");
    snprintf(text, sizeof text, "%llu", (unsigned long long)steps);
    CLG_TRY(clg_config_set(on->config, "steps", text));
    if (plain)
        tune->device->plan = CLG_CHOOSE_PLAIN;
    clg_status status = clg_train(NULL, on, tune->device, tune->data[net], NULL, NULL, &hooks);
    tune->device->plan = plan;
    return status;
}

static struct pace *pace_of(struct tune *tune, enum clg_tune_net net, int plain)
{
    const struct clg_tuning now = clg_tuning_of(tune->device);
    for (int i = 0; i < PACES; i++) {
        struct pace *pace = &tune->pace[net][i];
        if (pace->steps && pace->plain == plain && memcmp(&pace->tuning, &now, sizeof now) == 0)
            return pace;
    }
    struct pace *pace = &tune->pace[net][tune->next_pace[net]];
    tune->next_pace[net] = (tune->next_pace[net] + 1) % PACES;
    *pace = (struct pace){.tuning = now, .plain = plain};
    return pace;
}

/* Builds the programs, then finds how many steps take RUN_SECONDS. */
static clg_status find_pace(struct tune *tune, struct pace *pace, double *seconds,
                            enum clg_tune_net net, int plain)
{
    uint64_t steps = FIRST_STEPS;
    CLG_TRY(train(tune, seconds, tune->net[net], net, plain, steps));
    for (;;) {
        CLG_TRY(train(tune, seconds, tune->net[net], net, plain, steps));
        if (*seconds > RUN_SECONDS / 2 || steps >= MOST_STEPS)
            break;
        const double more = fmin(32, fmax(2, RUN_SECONDS / fmax(*seconds, 1e-6)));
        steps = (uint64_t)fmin(MOST_STEPS, ceil((double)steps * more));
    }
    *seconds /= (double)steps;
    pace->steps = steps;
    return CLG_OK;
}

static clg_status measure(void *user, double *seconds, enum clg_tune_net net, int plain, int warm)
{
    struct tune *tune = user;
    CLG_TRY(make_net(tune, net));
    struct pace *pace = pace_of(tune, net, plain);
    if (!pace->steps)
        return find_pace(tune, pace, seconds, net, plain);
    if (warm)
        return CLG_OK;
    CLG_TRY(train(tune, seconds, tune->net[net], net, plain, pace->steps));
    *seconds = fmax(*seconds, 1e-9) / (double)pace->steps;
    return CLG_OK;
}

static int is_late(void *user)
{
    struct tune *tune = user;
    tune->late |= clg_clock() > tune->deadline;
    return tune->late;
}

/* The networks that the device takes at a tolerable pace, up to the widest that is asked for. */
static clg_status choose_nets(struct tune *tune, unsigned *nets)
{
    const int widest = tune->options && tune->options->widest ? tune->options->widest : INT_MAX;
    double seconds = 0;
    *nets = 0;
    for (int net = 0; net < CLG_TUNE_NETS && shapes[net].widest <= widest; net++) {
        const clg_status status = measure(tune, &seconds, (enum clg_tune_net)net, 0, 1);
        if (status == CLG_ENOMEM)
            return CLG_OK;
        CLG_TRY(status);
        if (seconds > SLOW_SECONDS)
            return CLG_OK;
        *nets |= 1u << net;
    }
    return CLG_OK;
}

/* ------------------------------------------------------------------ check */

/* Ways that products take by the device's knobs, 1 << way. */
static unsigned ways_in_use(clg_device *device)
{
    unsigned ways = 1u << clg_way_of(device);
    for (int knob = CLG_KNOB_NN_SMALL; knob <= CLG_KNOB_TN_LARGE; knob++)
        if (clg_knob(device, (enum clg_knob)knob) != CLG_KNOB_AUTO)
            ways |= 1u << clg_knob(device, (enum clg_knob)knob);
    return ways;
}

/* A few steps by one plan end with the bits that the defaults end with. */
static clg_status check_bits(const struct tune *tune, const struct clg_tuning *chosen,
                             enum clg_tune_net net, int plain)
{
    const struct clg_tuning defaults = {{0}};
    clg_net *before = NULL, *after = NULL;
    char text[CLG_TUNING_TEXT];
    double seconds;
    clg_status status;
    CLG_TRY_DONE(clg_net_copy(&before, tune->net[net]));
    CLG_TRY_DONE(clg_net_copy(&after, tune->net[net]));
    clg_tuning_set(tune->device, &defaults);
    CLG_TRY_DONE(train(tune, &seconds, before, net, plain, BITS_STEPS));
    clg_tuning_set(tune->device, chosen);
    CLG_TRY_DONE(train(tune, &seconds, after, net, plain, BITS_STEPS));
    clg_tuning_text(text, chosen);
    if (memcmp(before->params, after->params, before->count * sizeof *before->params) != 0)
        status =
            clg_fail(CLG_EMISMATCH,
                     "%s: trains %s to other bits by %s than by the defaults; nothing is kept, "
                     "clgrad verify --full says more",
                     tune->device->info.name, clg_net_text(before), text);
done:
    clg_net_destroy(before);
    clg_net_destroy(after);
    return status;
}

/* What verification found wrong with what is in use. */
struct verdict {
    unsigned ways;
    char first[256]; /* "" for nothing */
};

static void on_case(void *user, const clg_verify_case *compared)
{
    struct verdict *verdict = user;
    if (!compared->failed || *verdict->first)
        return;
    for (int way = 0; way < CLG_WAYS; way++)
        if (strcmp(compared->route, clg_way_names[way]) == 0 && !(verdict->ways >> way & 1u))
            return;
    snprintf(verdict->first, sizeof verdict->first, "%s, %s", compared->operation, compared->shape);
}

static clg_status check_operations(clg_device *device)
{
    const struct clg_tuning chosen = clg_tuning_of(device);
    struct verdict verdict = {.ways = ways_in_use(device)};
    const int blast = (verdict.ways >> CLG_WAY_CLBLAST & 1u) != 0;
    const clg_verify_options options = {
        .operations = blast ? 2 : 1, .user = &verdict, .each = on_case};
    clg_verify_result result;
    char text[CLG_TUNING_TEXT];
    const clg_status status = clg_verify_operations(&result, device, &options);
    if (status != CLG_EMISMATCH || !*verdict.first)
        return status == CLG_EMISMATCH ? CLG_OK : status;
    clg_tuning_text(text, &chosen);
    return clg_fail(CLG_EMISMATCH, "%s: failed verification of %s with %s; nothing is kept",
                    device->info.name, verdict.first, text);
}

/* The choices are trusted from here on, or the call has failed. */
static clg_status check(const struct tune *tune, const struct clg_tuning *chosen, unsigned nets)
{
    const struct clg_tuning defaults = {{0}};
    if (memcmp(chosen, &defaults, sizeof defaults) == 0)
        return CLG_OK;
    clg_tuning_set(tune->device, chosen);
    const int blast = (ways_in_use(tune->device) >> CLG_WAY_CLBLAST & 1u) != 0;
    for (int net = 0; net < CLG_TUNE_NETS && !blast; net++)
        for (int plain = 0; plain < 2; plain++)
            if (nets >> net & 1u)
                CLG_TRY(check_bits(tune, chosen, (enum clg_tune_net)net, plain));
    clg_tuning_set(tune->device, chosen);
    return check_operations(tune->device);
}

/* ------------------------------------------------------------------- tune */

static void report(const struct tune *tune, enum clg_knob knob, const struct clg_tune_found *found)
{
    const struct clg_knob_row *row = &clg_knobs[knob];
    const clg_tune_knob told = {.name = row->name,
                                .about = row->about,
                                .fallback = row->value[row->fallback].word,
                                .chosen = row->value[found->value].word,
                                .ratio = found->ratio,
                                .measured = found->measured};
    if (tune->options && tune->options->knob)
        tune->options->knob(tune->options->user, &told);
}

static clg_status run(struct tune *tune, clg_tune_result *out)
{
    const struct clg_tune_lab lab = {.user = tune, .measure = measure, .is_late = is_late};
    struct clg_tune_search search = {.device = tune->device, .lab = &lab};
    clg_tuning_set(tune->device, &search.tuning);
    CLG_TRY(choose_nets(tune, &search.nets));
    for (int i = 0; i < CLG_KNOBS; i++) {
        struct clg_tune_found found;
        CLG_TRY(clg_tune_knob_search(&found, &search, clg_tune_order[i]));
        report(tune, clg_tune_order[i], &found);
        out->measured += found.measured;
        out->moved += search.tuning.choice[clg_tune_order[i]] != 0;
    }
    CLG_TRY(check(tune, &search.tuning, search.nets));
    clg_tuning_text(out->tuned, &search.tuning);
    out->kept = clg_tuning_store(tune->device, &search.tuning);
    return CLG_OK;
}

clg_status clg_tune(clg_tune_result *out, clg_device *device, const clg_tune_options *options)
{
    const double began = clg_clock();
    const enum clg_plan_choice plan = device->plan;
    struct tune tune = {.device = device, .options = options};
    const double most = options && options->seconds > 0 ? options->seconds : DEFAULT_SECONDS;
    static_assert(sizeof out->tuned >= CLG_TUNING_TEXT, "a result has room for any tuning");
    memset(out, 0, sizeof *out);
    out->knobs = CLG_KNOBS;
    if (device->kind != CLG_OPENCL)
        return clg_fail(CLG_EUSAGE, "tune: the reference has nothing to choose; give a --device");
    tune.deadline = began + most;
    device->plan = CLG_CHOOSE_AUTO;
    clg_tuning_hold(device, 1);
    const clg_status status = run(&tune, out);
    clg_tuning_hold(device, 0);
    device->plan = plan;
    device->knows_tuning = 0; /* from now on what the record says */
    clear(&tune);
    out->late = tune.late;
    out->seconds = clg_clock() - began;
    return status;
}
