/* The inside of training: the run's folder, and the evaluation that the loop and clg_evaluate
 * share. */
#ifndef CLG_TRAIN_TRAIN_H
#define CLG_TRAIN_TRAIN_H

#include "device/launch.h"
#include "net/net.h"

struct clg_run {
    char *folder;
    clg_config *config;
    int lock;               /* descriptor of the folder, holds the lock */
    int metrics;            /* descriptor of metrics.jsonl, -1 before the first line */
};

/* Removes what an earlier run in the folder left under name, where it did. */
clg_status clg_run_remove(const struct clg_run *run, const char *name);

/* Sets key in the run's configuration and writes config.ini again: the plan and routes in use. */
clg_status clg_run_record(struct clg_run *run, const char *key, const char *value);

/* Appends one line to metrics.jsonl from the figures of progress; NaN figures are left out. */
clg_status clg_run_log(struct clg_run *run, const clg_progress *progress);

/* Saves net as RUN/name. wide: a run on the reference keeps F64 tensors beside the F32 ones. */
clg_status clg_run_save(struct clg_run *run, const struct clg_net *net, const char *name, int wide);

/* Scores every row of data (resident, in order) in batches of the engine's size. */
clg_status clg_score_resident(struct clg_scores *out, struct clg_engine *engine,
                              const struct clg_resident *data);

/* Rows in an evaluation batch for a data set of this many. */
int clg_evaluation_batch(size_t rows);

#endif
