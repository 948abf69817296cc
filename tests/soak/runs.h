/* Trainings as whole programs: the data they read, the plans they run under, and whether two of
 * their folders hold the same run. */
#ifndef CLG_TESTS_SOAK_RUNS_H
#define CLG_TESTS_SOAK_RUNS_H

#include "run.h"

/* A device and a plan, and how many epochs of the data take about a second under them. */
struct runs_plan {
    const char *device, *plan;
    int epochs;
};
enum { RUNS_PLANS = 4 };
extern const struct runs_plan runs_plans[RUNS_PLANS];

/* How many of them there are here: the first alone, the reference, where no OpenCL device is. */
int runs_plans_here(void);

/* Writes x.npy (4096,8) and y.npy, four classes, into the working folder. */
void runs_write_data(void);

/* "train --train x.npy,y.npy ... --out NAME", with more behind it; a static buffer. */
const char *runs_train(const struct runs_plan *plan, const char *opt, const char *name,
                       const char *more);

/* Fails where the models that are in folder cannot be read. */
void runs_check_readable(const char *folder);

/* Fails where the folders' models differ by a byte, or their metrics by more than their times. */
void runs_check_same(const char *folder, const char *other);

/* Fails where folder holds a file that a run does not leave. */
void runs_check_clean(const char *folder);

/* CLGRAD_SOAK: how many times as long as in the suite; 1 there. */
int runs_times(void);

/* Seconds of the monotonic clock; a number from low to high, drawn from state. */
double runs_clock(void);
double runs_draw(unsigned *state, double low, double high);
void runs_sleep(double seconds);

#endif
