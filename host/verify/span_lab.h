/* Small networks that train by launches of several steps, or with weights in strips, and then from
 * the same start by plain operations under watch: what cases_span.c and cases_strips.c share. */
#ifndef CLG_VERIFY_SPAN_LAB_H
#define CLG_VERIFY_SPAN_LAB_H

#include "verify/cases.h"
#include "verify/lockstep.h"
#include "verify/watch.h"

enum { CLG_SPAN_WORDS = 8, CLG_SPAN_LAB_EPOCHS = 2 };

/* Options by key and value, and the shape of the data; classes 0: values. */
struct clg_span_case {
    const char *word[2 * CLG_SPAN_WORDS];
    size_t rows, features, outputs;
    int classes, bytes, in_order;
    int late;  /* begins where two steps of an epoch are left */
    int rises; /* the loss, by a rate below 0: the first epoch is the best */
};

/* What a training says of its epochs, and the parameters of the best of them. */
struct clg_span_account {
    double loss[CLG_SPAN_LAB_EPOCHS], cost[CLG_SPAN_LAB_EPOCHS], accuracy[CLG_SPAN_LAB_EPOCHS];
    double bound[CLG_SPAN_LAB_EPOCHS], cost_bound[CLG_SPAN_LAB_EPOCHS]; /* between the two sides */
    int epochs;
    double best_of, *best;
};

struct clg_span_lab {
    struct clg_bench *bench;
    const struct clg_span_case *c;
    clg_config *config;
    clg_dataset *data;
    clg_net *net;
    clg_engine *engine;
    struct clg_resident resident;
    struct clg_span_state before, after, plain;
    struct clg_span_account by_spans, by_steps;
    struct clg_scores *ended;
    int batch;
    double rate;                        /* of every step */
    uint64_t epoch_steps, first, steps; /* of an epoch; the step to begin with, and to end before */
};

/* Makes network, data and engine of lab->c on lab->bench's device. */
clg_status clg_span_lab_make(struct clg_span_lab *lab);
void clg_span_lab_clear(struct clg_span_lab *lab);

/* An epoch has ended with these scores. */
void clg_span_lab_account(struct clg_span_account *account, const struct clg_scores *scores);

/* Takes lab->before back and the plain steps up to number `steps`, whose state is left on the
 * device, with the accounts of their epochs.  *wrong becomes 1 where an operation of theirs was
 * wrong: that is the operation's, not of what is held against them. */
clg_status clg_span_lab_plain(int *wrong, double bound[2], struct clg_span_lab *lab,
                              uint64_t steps);

/* Whether an operation of plain steps by the way that they take is known to be wrong. */
int clg_span_lab_is_lost(const struct clg_bench *bench);

/* Trainings by the fused plan whose weights lie in strips. */
clg_status clg_cases_strips(struct clg_bench *bench);

#endif
