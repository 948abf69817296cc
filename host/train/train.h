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

/* One step of the training loop. */
struct clg_step {
    struct clg_engine *engine, *teacher; /* teacher NULL: there is none */
    int epoch, shuffle;                  /* from 1; 1: rows are taken as the permutation says */
    uint64_t number;                     /* from 1 */
    size_t start;                        /* of its rows, B of them */
    int B;
    double lr;
    const struct clg_rows *data; /* what its rows are taken from */
    struct clg_buf *perm;        /* room for an epoch's permutation; NULL: rows in order */
};

/* Called around the work of each step; lr is known at its end.  What they return ends the training
 * where it is not CLG_OK. */
struct clg_step_hooks {
    void *user;
    uint64_t every; /* only steps whose number is a multiple of it are looked at */
    clg_status (*begin)(void *user, const struct clg_step *step);
    clg_status (*end)(void *user, const struct clg_step *step);
};

/* clg_train without check-every (verify/check.c has that); steps may be NULL. */
clg_status clg_train_loop(clg_train_result *result, clg_net *net, clg_device *device,
                          const clg_dataset *data, const clg_dataset *val, clg_run *run,
                          const clg_train_hooks *hooks, const struct clg_step_hooks *steps);

/* The plan and the routes in use, into the run's config.ini (run may be NULL) and the caller's log. */
clg_status clg_run_record_plan(struct clg_run *run, const struct clg_engine *engine,
                               const clg_train_hooks *hooks);

/* CLG_EDATA where data has no targets to train net on. */
clg_status clg_check_trainable(const clg_net *net, const clg_dataset *data);

/* Removes what an earlier run in the folder left under name, where it did. */
clg_status clg_run_remove(const struct clg_run *run, const char *name);

/* Sets key in the run's configuration and writes config.ini again: the plan and routes in use. */
clg_status clg_run_record(struct clg_run *run, const char *key, const char *value);

/* Appends one line to metrics.jsonl from the figures of progress; NaN figures are left out. */
clg_status clg_run_log(struct clg_run *run, const clg_progress *progress);

/* outcome.c: writes RUN/run.json, how the training ended (status: its last) and on which device. */
clg_status clg_run_outcome(const struct clg_run *run, const struct clg_net *net,
                           const clg_device *device, const clg_train_result *result,
                           clg_status status);

/* Saves net as RUN/name. wide: a run on the reference keeps F64 tensors beside the F32 ones. */
clg_status clg_run_save(struct clg_run *run, const struct clg_net *net, const char *name, int wide);

/* Scores every row of data (resident, in order) in batches of the engine's size. */
clg_status clg_score_resident(struct clg_scores *out, struct clg_engine *engine,
                              struct clg_resident *data);

/* Rows in an evaluation batch for a data set of this many. */
int clg_evaluation_batch(size_t rows);

#endif
