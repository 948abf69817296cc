/* What the files of the training loop share: its state, and who does what.  loop.c runs the steps,
 * loop_begin.c reads the settings and makes the buffers, loop_epoch.c does what is due at the end
 * of an epoch and by the clock, loop_save.c writes checkpoints and takes them up again.  Private to
 * loop*.c. */
#ifndef CLG_TRAIN_LOOP_H
#define CLG_TRAIN_LOOP_H

#include "train/figures.h"
#include "train/schedule.h"
#include "train/teacher.h"
#include "train/train.h"

struct clg_loop {
    struct clg_net *net;
    clg_device *device;
    struct clg_engine *engine;
    struct clg_resident data, val;
    int has_val;
    struct clg_teacher teacher;
    struct clg_schedule schedule;
    struct clg_figures figures; /* planned where there is a run */
    struct clg_run *run;
    struct clg_train_hooks hooks;
    const struct clg_step_hooks *around; /* of each step; NULL: nothing */
    struct clg_throttle throttle;

    int batch, shuffle, epochs;
    size_t rows;
    uint64_t epoch_steps, steps; /* in an epoch; to do in all */
    uint64_t log_every;          /* steps; 0: epochs only */
    double save_seconds;         /* one of the two is 0 */
    uint64_t save_steps;
    int patience;      /* epochs; 0: none */
    int figures_every; /* epochs between two looks at the layers */

    double started, last_save, last_progress, epoch_started;
    struct clg_progress progress;
    size_t epoch_rows; /* examples done in this epoch */
    struct clg_best best;
    int kept_epoch; /* whose parameters engine->best holds where not those of best; else 0 */
    uint64_t kept_step;
    int resumed; /* 1: began from run->state */
    int due;     /* 1: an epoch ended with these scores, and its validation is missing */
    struct clg_scores due_scores;
    int norms_saved;             /* 1: the norms of its last gradients are in run->state */
    double cut_stats[CLG_STATS]; /* the sums of an epoch that --steps cut, and its hits */
    int32_t cut_hits;
    struct clg_state_figures last; /* of the last epoch that ended */
    uint64_t finite_step;          /* the last one at which all that was looked at was finite */
    double last_look, look_cost;   /* at the weights: when, and the seconds that it took */
    int stored;                    /* every program's binary is in the cache */
    struct clg_scores *ended;      /* of the epochs that a span went through; NULL: no spans */
    double *rates;                 /* (CLG_LOOP_RATES) learning rates of a span's steps */
    double step_seconds;           /* what a span's step takes */
    uint64_t span_most;            /* steps of the next span, at most; 0: it is the first */
    int best_saved, stopped_early;
    /* in front of the step or span under way, for a run whose last epoch is cut and then goes on */
    struct clg_best best_before;
    struct clg_schedule schedule_before;
};

/* Steps of a span whose learning rates differ. */
enum { CLG_LOOP_RATES = 65536 };

/* loop_begin.c: settings, buffers, plan; everything up to the first step. */
clg_status clg_loop_begin(struct clg_loop *loop, const clg_dataset *data, const clg_dataset *val);
void clg_loop_end(struct clg_loop *loop);

/* fit.c: clg_plan_commit; where there is too little memory the line names the largest batch that
 * would have fitted. */
clg_status clg_loop_commit(struct clg_plan *plan, const struct clg_loop *loop,
                           const clg_dataset *data, const clg_dataset *val);

/* Tells the caller of a decision. */
void clg_loop_say(const struct clg_loop *loop, const char *format, ...) CLG_PRINTF(2, 3);

/* loop_step.c.  Enqueues the epoch's next step. */
clg_status clg_loop_take_step(struct clg_loop *loop);

/* What the hooks around batch `index` of the epoch are told. */
struct clg_step clg_loop_step_of(struct clg_loop *loop, uint64_t index, double lr);

/* Gives the cache one program's binary at a time; every kernel has run in the first two steps. */
void clg_loop_store_program(struct clg_loop *loop);

/* loop_span.c.  Runs the next span and does what is due for the epochs that ended in it. */
clg_status clg_loop_take_span(struct clg_loop *loop);

/* loop_epoch.c.  Reads the sums of the epoch so far. */
clg_status clg_loop_read_scores(struct clg_loop *loop, struct clg_scores *out);

/* Starts the epoch that a resumed run was in, or its end. */
clg_status clg_loop_continue_epoch(struct clg_loop *loop);

/* Starts the figures of epoch (from 1) anew. */
void clg_loop_begin_epoch(struct clg_loop *loop, int epoch);

/* All that is due when an epoch has ended with these scores, after step `step`. */
clg_status clg_loop_end_epoch(struct clg_loop *loop, const struct clg_scores *scores,
                              uint64_t step);

/* What is due between two launches: lines, progress and saves. */
clg_status clg_loop_between(struct clg_loop *loop);

/* Whether the epoch ends with the step that was taken last. */
int clg_loop_epoch_ends(const struct clg_loop *loop);

/* Whether the layers are looked at when epoch ends. */
int clg_loop_figures_due(const struct clg_loop *loop, int epoch);

/* Whether the loss has not fallen for as many epochs as the patience allows. */
int clg_loop_out_of_patience(const struct clg_loop *loop);

/* loop_save.c.  Brings parameters and moments to the host and writes them where there is a run. */
clg_status clg_loop_save(struct clg_loop *loop);

/* Taking up where the run's checkpoint stopped, all but the epoch under way: what needs no buffers,
 * and what does. */
clg_status clg_loop_prepare_resume(struct clg_loop *loop);
clg_status clg_loop_restore(struct clg_loop *loop);

/* A weight that is not finite ends the training; looked for so often that it costs 1 % at most. */
clg_status clg_loop_look_at_weights(struct clg_loop *loop);

/* The failure: what is not finite, where and since when. */
clg_status clg_loop_diverged(const struct clg_loop *loop, const char *what);

#endif
