/* Learning-rate schedules.  e counts epochs from 0 to E-1:
 *   step:N:G  rate G^floor(e/N)      exp:G   rate G^e
 *   cosine    rate (1+cos(pi e/E))/2 linear  rate (1-e/E)
 *   plateau:N:G  rate times G when more than N epochs have passed without a loss below 0.9999 of
 * the best (PyTorch's ReduceLROnPlateau with its defaults) warmup W multiplies by (s+1)/W over the
 * first W steps s. */
#ifndef CLG_TRAIN_SCHEDULE_H
#define CLG_TRAIN_SCHEDULE_H

#include "core/config.h"

/* In the order of the option's words. */
enum clg_schedule_kind {
    CLG_SCHEDULE_CONST,
    CLG_SCHEDULE_STEP,
    CLG_SCHEDULE_EXP,
    CLG_SCHEDULE_COSINE,
    CLG_SCHEDULE_LINEAR,
    CLG_SCHEDULE_PLATEAU
};

struct clg_schedule {
    enum clg_schedule_kind kind;
    double rate, every, factor;
    int epochs;
    uint64_t warmup;
    double scale, best; /* plateau: what is left of the rate; the lowest loss */
    int bad;            /* plateau: epochs since */
};

clg_status clg_schedule_begin(struct clg_schedule *schedule, const clg_config *config, int epochs);

/* The rate of step `step` (from 0, over all epochs), which lies in epoch `epoch` (from 1). */
double clg_schedule_rate(const struct clg_schedule *schedule, int epoch, uint64_t step);

/* loss: the epoch's validation, else training, loss. */
void clg_schedule_epoch_end(struct clg_schedule *schedule, double loss);

#endif
