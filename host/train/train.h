/* The inside of training: the run's folder, and the evaluation that the loop and clg_evaluate
 * share. */
#ifndef CLG_TRAIN_TRAIN_H
#define CLG_TRAIN_TRAIN_H

#include "device/launch.h"
#include "net/net.h"
#include "train/state.h"

struct clg_run {
    char *folder;
    clg_config *config;
    int lock;    /* descriptor of the folder, holds the lock */
    int metrics; /* descriptor of metrics.jsonl, -1 before the first line */
    int unsaved; /* 1: models that lie in the folder are an earlier run's, as .unsaved says */
    int resumed; /* 1: the next training goes on from last.safetensors: */
    struct clg_run_state state;
    uint64_t step; /* steps and epochs done by then */
    int epoch;
    struct clg_net *saved; /* the model itself, until clg_run_net */
    int chosen;  /* 1: plan, matmul and tuned are those that the caller wants from now on */
    char *notes; /* what is to be known of how it goes on; NULL: nothing */
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

/* The plan and the routes in use, into the run's config.ini (run may be NULL) and the caller's log.
 */
clg_status clg_run_record_plan(struct clg_run *run, const struct clg_engine *engine,
                               const clg_train_hooks *hooks);

/* CLG_EDATA where data has no targets to train net on. */
clg_status clg_check_trainable(const clg_net *net, const clg_dataset *data);

/* Removes what an earlier run in the folder left under name, where it did. */
clg_status clg_run_remove(const struct clg_run *run, const char *name);

/* RUN/name; the caller frees it. */
clg_status clg_run_path(char **out, const struct clg_run *run, const char *name);

/* run.c, for clg_run_resume: the folder, which must exist, under its lock and nothing else. */
clg_status clg_run_lock(clg_run **out, const char *folder);

/* Before the first step: what clg_run_resume has read becomes the run's, config.ini with its
 * changes and the lines of metrics.jsonl up to the step that was saved. */
clg_status clg_run_begin(struct clg_run *run);

/* resume.c: the file that best.safetensors will be when last.safetensors has been replaced: a crash
 * in between leaves both, and clg_run_resume ends what was begun. */
#define CLG_PENDING_BEST ".best.safetensors.commit.tmp"

/* What clg_train does with a run that is finished: nothing, and says so. */
clg_status clg_run_finish(clg_train_result *result, struct clg_net *net, clg_run *run,
                          const clg_train_hooks *hooks);

/* CLG_EUSAGE where net is not what clg_run_net gave, or data changed within an epoch. */
clg_status clg_run_check(const struct clg_run *run, const struct clg_net *net, size_t rows);

/* The parameters of best.safetensors, laid out as net's; *good 0 where the file is not the one that
 * the run's state means. */
clg_status clg_run_read_best(double *params, int *good, const struct clg_run *run,
                             const struct clg_net *net);

/* Steps of an epoch over so many rows, and the batch that config asks for. */
uint64_t clg_epoch_steps(int *batch, const clg_config *config, size_t rows);

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

/* Saves net as RUN/last.safetensors and best (NULL: no other than before) as RUN/best.safetensors:
 * whatever happens, the folder holds a pair that belongs together, or can be made one. */
clg_status clg_run_checkpoint(struct clg_run *run, const struct clg_net *net,
                              const struct clg_net *best, int wide);

/* Scores every row of data (resident, in order) in batches of the engine's size.  hooks (may be
 * NULL) may stop it: CLG_ECANCELLED, without a line. */
clg_status clg_score_resident(struct clg_scores *out, struct clg_engine *engine,
                              struct clg_resident *data, const clg_train_hooks *hooks);

/* Rows in an evaluation batch for a data set of this many. */
int clg_evaluation_batch(size_t rows);

#endif
