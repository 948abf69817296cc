/* The learning rate of each step: a schedule that moves once an epoch, times the warm-up. */
#include "train/schedule.h"

#include <math.h>

#define PI 3.14159265358979323846
#define LEAST_CUT 1e-8 /* PyTorch's eps: a smaller one is not made */

clg_status clg_schedule_begin(struct clg_schedule *schedule, const clg_config *config, int epochs)
{
    const char *text = clg_config_get(config, "lr-schedule");
    *schedule = (struct clg_schedule){
        .kind = (enum clg_schedule_kind)clg_config_choice(config, "lr-schedule"),
        .rate = clg_config_number(config, "lr"),
        .epochs = epochs,
        .warmup = (uint64_t)clg_config_integer(config, "warmup"),
        .every = clg_config_part(config, "lr-schedule", 1, 1),
        .factor = clg_config_part(config, "lr-schedule", 2, 1),
        .scale = 1,
        .best = INFINITY};
    if (schedule->kind == CLG_SCHEDULE_EXP)
        schedule->factor = schedule->every;
    if (schedule->factor <= 0)
        return clg_fail(CLG_EUSAGE, "--lr-schedule %s: its factor must be above 0", text);
    if (schedule->kind == CLG_SCHEDULE_STEP &&
        (schedule->every < 1 || schedule->every != floor(schedule->every)))
        return clg_fail(CLG_EUSAGE, "--lr-schedule %s: its epochs must be a whole number from 1 on",
                        text);
    if (schedule->kind == CLG_SCHEDULE_PLATEAU &&
        (schedule->every < 0 || schedule->every != floor(schedule->every) || schedule->factor >= 1))
        return clg_fail(CLG_EUSAGE,
                        "--lr-schedule %s: needs a patience from 0 on and a factor below 1", text);
    return CLG_OK;
}

/* The share of the rate in epoch e, from 0. */
static double share(const struct clg_schedule *schedule, int e)
{
    switch (schedule->kind) {
    case CLG_SCHEDULE_STEP:
        return pow(schedule->factor, floor(e / schedule->every));
    case CLG_SCHEDULE_EXP:
        return pow(schedule->factor, e);
    case CLG_SCHEDULE_COSINE:
        return 0.5 * (1 + cos(PI * e / schedule->epochs));
    case CLG_SCHEDULE_LINEAR:
        return 1 - (double)e / schedule->epochs;
    case CLG_SCHEDULE_PLATEAU:
        return schedule->scale;
    default:
        return 1;
    }
}

double clg_schedule_rate(const struct clg_schedule *schedule, int epoch, uint64_t step)
{
    double rate = schedule->rate * share(schedule, epoch - 1);
    if (step < schedule->warmup)
        rate *= ((double)step + 1) / (double)schedule->warmup;
    return rate;
}

void clg_schedule_epoch_end(struct clg_schedule *schedule, double loss)
{
    if (schedule->kind != CLG_SCHEDULE_PLATEAU)
        return;
    if (loss < schedule->best * (1 - 1e-4)) {
        schedule->best = loss;
        schedule->bad = 0;
        return;
    }
    if (++schedule->bad > schedule->every) {
        schedule->bad = 0;
        if (schedule->rate * schedule->scale * (1 - schedule->factor) > LEAST_CUT)
            schedule->scale *= schedule->factor;
    }
}
