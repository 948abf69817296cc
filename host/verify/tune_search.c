/* The search: one knob after the other, each value against the default, both measured in turns so
 * that a machine that slows down slows both.  What loses early is not measured to the end. */
#include "verify/tune.h"

#include "ops/fused.h"
#include "ops/local.h"

#include <math.h>
#include <stdlib.h>

enum {
    ROUNDS = 5,
    EARLY = 2 /* rounds after which a value that is not ahead is given up */
};

#define LEAST_GAIN 1.03
#define HOPELESS 0.8 /* after one round */

/* Order of the search: ways first, since the rest depends on them. */
const enum clg_knob clg_tune_order[CLG_KNOBS] = {
    CLG_KNOB_WAY,         CLG_KNOB_PANEL_FLOPS, CLG_KNOB_PANEL_DEPTH, CLG_KNOB_GROUPS,
    CLG_KNOB_MANY_GROUPS, CLG_KNOB_UNIT_GROUPS, CLG_KNOB_LEARN_JOBS,  CLG_KNOB_HEAD_GROUPS,
    CLG_KNOB_TILE_SMALL,  CLG_KNOB_TILE_MEDIUM, CLG_KNOB_TILE_LARGE,  CLG_KNOB_PLAN_256K,
    CLG_KNOB_PLAN_1M,     CLG_KNOB_PLAN_4M,     CLG_KNOB_PLAN_64M,    CLG_KNOB_PLAN_1G,
    CLG_KNOB_PLAN_MORE,   CLG_KNOB_NN_SMALL,    CLG_KNOB_NN_MEDIUM,   CLG_KNOB_NN_LARGE,
    CLG_KNOB_NT_SMALL,    CLG_KNOB_NT_MEDIUM,   CLG_KNOB_NT_LARGE,    CLG_KNOB_TN_SMALL,
    CLG_KNOB_TN_MEDIUM,   CLG_KNOB_TN_LARGE};

#define NET(name) (1u << CLG_TUNE_##name)

/* The networks that tell of a knob. */
static unsigned nets_of(enum clg_knob knob)
{
    switch (knob) {
    case CLG_KNOB_PLAN_256K:
    case CLG_KNOB_PLAN_1M:
    case CLG_KNOB_PLAN_4M:
    case CLG_KNOB_PLAN_64M:
    case CLG_KNOB_PLAN_1G:
    case CLG_KNOB_PLAN_MORE:
        return 1u << (knob - CLG_KNOB_PLAN_256K);
    case CLG_KNOB_MANY_GROUPS:
    case CLG_KNOB_TILE_SMALL:
    case CLG_KNOB_NN_SMALL:
    case CLG_KNOB_NT_SMALL:
    case CLG_KNOB_TN_SMALL:
        return NET(128);
    case CLG_KNOB_TILE_MEDIUM:
    case CLG_KNOB_NN_MEDIUM:
    case CLG_KNOB_NT_MEDIUM:
    case CLG_KNOB_TN_MEDIUM:
        return NET(512);
    case CLG_KNOB_TILE_LARGE:
    case CLG_KNOB_NN_LARGE:
    case CLG_KNOB_NT_LARGE:
    case CLG_KNOB_TN_LARGE:
        return NET(2048);
    case CLG_KNOB_HEAD_GROUPS:
        return NET(128) | NET(512);
    case CLG_KNOB_PANEL_DEPTH:
        return NET(512) | NET(2048);
    default:
        return NET(128) | NET(512) | NET(2048);
    }
}

static int is_single(enum clg_knob knob)
{
    return knob >= CLG_KNOB_NN_SMALL && knob <= CLG_KNOB_TN_LARGE;
}

/* Whether the knob does anything by the way that the products take. */
static int matters(clg_device *device, enum clg_knob knob)
{
    if (knob >= CLG_KNOB_PANEL_FLOPS && knob <= CLG_KNOB_LEARN_JOBS)
        return clg_way_of(device) == CLG_WAY_REGISTER;
    if (knob >= CLG_KNOB_TILE_SMALL && knob <= CLG_KNOB_TILE_LARGE)
        return clg_way_of(device) == CLG_WAY_LOCAL;
    return 1;
}

/* Whether the way is worth a try: another than the one that is taken anyway.  CLBlast only where
 * local memory is memory of its own: elsewhere it is far behind, and builds for many seconds. */
static int may_try_way(clg_device *device, int64_t way)
{
    if (way == CLG_KNOB_AUTO || !clg_way_exists(device, (enum clg_way)way) ||
        (device->failed_ways >> way & 1u) || way == (int64_t)clg_way_of(device))
        return 0;
    return way != CLG_WAY_CLBLAST ||
           (device->local_is_dedicated && device->route == CLG_ROUTE_AUTO);
}

static int may_try(clg_device *device, enum clg_knob knob, int value)
{
    const int64_t number = clg_knobs[knob].value[value].number;
    if (value == clg_knobs[knob].fallback)
        return 0;
    if (knob == CLG_KNOB_WAY || is_single(knob))
        return may_try_way(device, number);
    return 1;
}

/* ------------------------------------------------------------- comparison */

/* One value against the default at each network: ratios of the rounds so far. */
struct duel {
    enum clg_knob knob;
    int value;
    unsigned nets;
    double ratio[CLG_TUNE_NETS][ROUNDS];
};

static void turn(struct clg_tune_search *search, enum clg_knob knob, int value)
{
    struct clg_tuning tuning = search->tuning;
    tuning.choice[knob] = (unsigned char)(value == clg_knobs[knob].fallback ? 0 : value + 1);
    clg_tuning_set(search->device, &tuning);
}

static clg_status measure(struct clg_tune_search *search, double *seconds, const struct duel *duel,
                          int value, enum clg_tune_net net, int warm)
{
    const struct clg_tune_lab *lab = search->lab;
    turn(search, duel->knob, value);
    return lab->measure(lab->user, seconds, net, is_single(duel->knob), warm);
}

/* Both sides in turns, the one first that was second before. */
static clg_status run_round(struct clg_tune_search *search, struct duel *duel, int round)
{
    const int fallback = clg_knobs[duel->knob].fallback;
    for (int net = 0; net < CLG_TUNE_NETS; net++) {
        double seconds[2];
        if (!(duel->nets >> net & 1u))
            continue;
        for (int turns = 0; turns < 2; turns++) {
            const int side = (turns + round) % 2;
            CLG_TRY(measure(search, &seconds[side], duel, side ? duel->value : fallback,
                            (enum clg_tune_net)net, 0));
        }
        duel->ratio[net][round] = seconds[0] / seconds[1];
    }
    return CLG_OK;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int count)
{
    double sorted[ROUNDS];
    for (int i = 0; i < count; i++)
        sorted[i] = values[i];
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

/* The geometric mean of the networks' medians; *worst the smallest of them. */
static double gain_of(const struct duel *duel, int rounds, double *worst)
{
    double sum = 0;
    int count = 0;
    *worst = INFINITY;
    for (int net = 0; net < CLG_TUNE_NETS; net++) {
        if (!(duel->nets >> net & 1u))
            continue;
        const double middle = median(duel->ratio[net], rounds);
        sum += log(middle);
        *worst = fmin(*worst, middle);
        count++;
    }
    return exp(sum / count);
}

/* One set of rounds; *gain 0 where the value is no better. */
static clg_status run_set(struct clg_tune_search *search, struct duel *duel, double *gain)
{
    double worst;
    *gain = 0;
    for (int round = 0; round < ROUNDS; round++) {
        CLG_TRY(run_round(search, duel, round));
        const double so_far = gain_of(duel, round + 1, &worst);
        if ((round == 0 && !(so_far > HOPELESS)) || (round + 1 == EARLY && !(so_far > 1)))
            return CLG_OK;
    }
    const double whole = gain_of(duel, ROUNDS, &worst);
    if (whole > LEAST_GAIN && worst > 1 / LEAST_GAIN)
        *gain = whole;
    return CLG_OK;
}

static clg_status warm_up(struct clg_tune_search *search, const struct duel *duel)
{
    double seconds;
    for (int net = 0; net < CLG_TUNE_NETS; net++) {
        if (!(duel->nets >> net & 1u))
            continue;
        CLG_TRY(measure(search, &seconds, duel, clg_knobs[duel->knob].fallback,
                        (enum clg_tune_net)net, 1));
        CLG_TRY(measure(search, &seconds, duel, duel->value, (enum clg_tune_net)net, 1));
    }
    return CLG_OK;
}

/* Two sets: what was luck in the first is not in the second. */
static clg_status run_duel(struct clg_tune_search *search, struct duel *duel, double *gain)
{
    double again;
    CLG_TRY(warm_up(search, duel));
    CLG_TRY(run_set(search, duel, gain));
    if (*gain == 0)
        return CLG_OK;
    CLG_TRY(run_set(search, duel, &again));
    *gain = fmin(*gain, again);
    return CLG_OK;
}

clg_status clg_tune_knob_search(struct clg_tune_found *found, struct clg_tune_search *search,
                                enum clg_knob knob)
{
    struct duel duel = {.knob = knob, .nets = nets_of(knob) & search->nets};
    *found = (struct clg_tune_found){.value = clg_knobs[knob].fallback, .ratio = 1};
    clg_status status = CLG_OK;
    clg_tuning_set(search->device, &search->tuning);
    if (!duel.nets || !matters(search->device, knob))
        return CLG_OK;
    for (int value = 0; value < clg_knobs[knob].values && status == CLG_OK; value++) {
        double gain = 0;
        clg_tuning_set(search->device, &search->tuning);
        if (!may_try(search->device, knob, value))
            continue;
        found->measured = !search->lab->is_late(search->lab->user);
        if (!found->measured)
            break;
        duel.value = value;
        status = run_duel(search, &duel, &gain);
        if (gain > found->ratio) {
            found->ratio = gain;
            found->value = value;
        }
    }
    if (found->value != clg_knobs[knob].fallback)
        search->tuning.choice[knob] = (unsigned char)(found->value + 1);
    clg_tuning_set(search->device, &search->tuning);
    return status;
}
