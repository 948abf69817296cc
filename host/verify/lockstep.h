/* A training under watch, step by step: which tensor of which step is how far off, how far the two
 * sides drift apart when they run free, and both sides as files. */
#ifndef CLG_VERIFY_LOCKSTEP_H
#define CLG_VERIFY_LOCKSTEP_H

#include "train/teacher.h"
#include "train/train.h"
#include "verify/operand.h"

/* -------------------------------------------------------------------- tensors.c */

/* A tensor within an operand: its element (r,c) is at first + r * row + c * column. */
struct clg_tensor_part {
    char name[96];
    int layer; /* -1: of none */
    size_t first, rows, columns, row_step, column_step;
};

enum { CLG_MOST_PARTS = 2 * CLG_MAX_LAYERS };

/* The tensors that operand `name` of an operation consists of: one, or, where it is a slab of
 * parameters, gradients or moments, one a weight and a bias.  on: the device's buffer, NULL where
 * the comparison was of no operand; teacher may be NULL. */
int clg_parts_of(struct clg_tensor_part *part, const struct clg_engine *engine,
                 const struct clg_engine *teacher, const struct clg_buf *on, const char *operation,
                 const char *name, size_t rows, size_t columns);

/* ----------------------------------------------------------------------- dump.c */

/* Both sides of the tensors of one step, until it is known whether they are wanted as files. */
struct clg_dump {
    const char *folder; /* borrowed; NULL: all of these do nothing */
    struct clg_dump_item *item;
    size_t items, room;
};

/* values (rows,columns) as step-NNNN-NAME-SIDE.npy; takes no ownership. */
clg_status clg_dump_put(struct clg_dump *dump, const char *name, const char *side,
                        const double *values, size_t rows, size_t columns);
/* Writes what was put, or (keep 0) forgets it. */
clg_status clg_dump_step(struct clg_dump *dump, uint64_t step, int keep);
void clg_dump_clear(struct clg_dump *dump);

/* ---------------------------------------------------------------------- drift.c */

/* The reference on its own, from the same start and over the same batches. */
struct clg_drift {
    clg_device *device;
    clg_net *net;
    clg_engine *engine;
    struct clg_teacher teacher;
    struct clg_resident resident;
    double *got, *start; /* parameters, laid out as the net's */
    int epoch;           /* whose permutation is on the reference; 0: none */
    double largest;
    char tensor[96];
    int parted; /* 1: some tensor drifted by more than 1 % of the way it has gone */
};

clg_status clg_drift_begin(struct clg_drift *drift, const clg_net *net, const clg_dataset *data,
                           const struct clg_step *step);
/* Takes the step that the device has taken, and compares: relative (2 * layers) norms, weights then
 * biases. */
clg_status clg_drift_step(struct clg_drift *drift, double *relative, const struct clg_step *step);
void clg_drift_clear(struct clg_drift *drift);

/* ----------------------------------------------------------------------- span.c */

enum { CLG_SPAN_SLABS = 4 };

/* What training changes on the device. */
struct clg_span_state {
    double *slab[CLG_SPAN_SLABS]; /* params, both slots, gradients; NULL: not kept */
    double stats[CLG_STATS];
    int32_t hits;
};
clg_status clg_span_state_read(struct clg_span_state *state, struct clg_engine *engine);
clg_status clg_span_state_write(const struct clg_span_state *state, struct clg_engine *engine);
void clg_span_state_clear(struct clg_span_state *state);

/* A step of the plain plan, the batch's gathering included. */
clg_status clg_span_repeat_step(struct clg_engine *engine, const struct clg_step *step);

/* Adds what may lie between the sums of losses and of penalties of a step from `before`, whose batch
 * engine still holds. */
clg_status clg_span_bounds(double bound[2], struct clg_watch *watch, struct clg_engine *engine,
                           const struct clg_span_state *before, int B);

/* In the case that is open: the sums within bound, hits and all slabs to the bit. */
clg_status clg_span_compare(struct clg_watch *watch, struct clg_engine *engine,
                            const struct clg_span_state *got, const struct clg_span_state *want,
                            const double bound[2]);

/* A span of one step between begin and end: end repeats it by plain operations under watch, and
 * leaves the device as the span did. */
struct clg_span_check {
    struct clg_span_state before, after, plain;
    int epoch; /* whose permutation is on the device; 0: none */
};
clg_status clg_span_begin(struct clg_span_check *check, const struct clg_step *step);
clg_status clg_span_end(struct clg_span_check *check, struct clg_watch *watch,
                        const struct clg_step *step);
void clg_span_clear(struct clg_span_check *check);

/* ------------------------------------------------------------------- lockstep.c */

struct clg_lockstep {
    struct clg_tally *tally;
    struct clg_watch *watch;
    const clg_net *net;      /* at the start; NULL: no drift */
    const clg_dataset *data; /* the same */
    struct clg_drift drift;
    struct clg_dump dump;
    struct clg_span_check span;
    uint64_t steps; /* in all, for what is dumped; 0: only steps that fail are */
    const struct clg_engine *engine, *teacher;
    clg_verify_tensor *row; /* of this step */
    char (*name)[96];
    size_t rows, room;
    int failed;        /* operations, when this step began */
    clg_status status; /* of what an observer could not return */
};

/* Between begin and end, comparisons that the watch makes for tally are taken down by tensor. */
void clg_lockstep_begin(struct clg_lockstep *lockstep, struct clg_watch *watch,
                        struct clg_tally *tally);
/* Both return what failed on the reference's or the file's side. */
clg_status clg_lockstep_step_begin(struct clg_lockstep *lockstep, const struct clg_step *step);
clg_status clg_lockstep_step_end(struct clg_lockstep *lockstep, const struct clg_step *step);
/* Reports a step that did not end, and gives everything back. */
clg_status clg_lockstep_end(struct clg_lockstep *lockstep);

#endif
