/* The inside of tune: which knobs are tried at which networks, the search over their values
 * (tune_search.c), and what measures and checks them on the device (tune.c).  The search knows no
 * clock: a test gives it times of its own. */
#ifndef CLG_VERIFY_TUNE_H
#define CLG_VERIFY_TUNE_H

#include "ops/tuning.h"

/* The networks that are trained, one for each class of plans (CLG_KNOB_PLAN_256K and on). */
enum clg_tune_net {
    CLG_TUNE_16,   /* 16-32-4, 16 */
    CLG_TUNE_64,   /* 64-32-10, 64 */
    CLG_TUNE_DEEP, /* 64-64-64-10, 32 */
    CLG_TUNE_128,  /* 784-128-10, 64 */
    CLG_TUNE_512,  /* 784-512-512-10, 128 */
    CLG_TUNE_2048, /* 784-2048-2048-10, 512 */
    CLG_TUNE_NETS
};

/* What the search asks. */
struct clg_tune_lab {
    void *user;
    /* Seconds of a step of training net by the device's knobs as they stand, plain 1: by the plain
     * plan.  warm 1: builds what it needs, and the time is not used. */
    clg_status (*measure)(void *user, double *seconds, enum clg_tune_net net, int plain, int warm);
    /* 1 where there is no time left. */
    int (*is_late)(void *user);
};

struct clg_tune_search {
    clg_device *device;
    const struct clg_tune_lab *lab;
    unsigned nets;            /* 1 << net for each that may be trained */
    struct clg_tuning tuning; /* what was chosen so far */
};

/* What came of one knob. */
struct clg_tune_found {
    int value;    /* index of the knob's values, its default or what is better */
    double ratio; /* speed over that of the default, mean over the networks; 1: it stays */
    int measured; /* 1: every value that the device can take was compared */
};

/* The knobs in the order in which they are searched. */
extern const enum clg_knob clg_tune_order[CLG_KNOBS];

/* Compares the knob's values with its default, the other knobs as chosen so far, and chooses.  A
 * value must be faster by more than 3 % in two sets of rounds, and slower by as much nowhere. */
clg_status clg_tune_knob_search(struct clg_tune_found *found, struct clg_tune_search *search,
                                enum clg_knob knob);

#endif
