/* Whole networks for the survey of the fused and the resident plan: what a training step left on
 * the device, held against the reference stage by stage, each from what the device itself had in
 * front of it. */
#ifndef CLG_TESTS_FAULTS_SURVEY_NET_H
#define CLG_TESTS_FAULTS_SURVEY_NET_H

#include "survey.h"

#include "net/net.h"

enum { SURVEY_NET_WORDS = 10 };

/* Options by key and value, and the data; classes 0: values. */
struct survey_case {
    const char *word[2 * SURVEY_NET_WORDS];
    size_t rows, features, outputs;
    int classes, bytes, in_order, steps;
};

struct survey_net {
    struct survey *survey;
    struct survey side; /* operands of the reference; its survey_begin forgets them all */
    const struct survey_case *c;
    clg_config *config;
    clg_dataset *data;
    clg_net *net;
    clg_engine *engine;
    struct clg_resident resident;
    int batch;
    size_t epoch_steps;
    /* params and both slots in front of a step (net->count), sums and hits */
    double *before[3], stats[CLG_STATS];
    int32_t hits;
};

clg_status survey_net_make(struct survey_net *lab, struct survey *survey,
                           const struct survey_case *c, enum clg_plan_choice plan);
void survey_net_clear(struct survey_net *lab);

/* Step number `step` from the start of training: its batch, and the next of its epoch. */
struct clg_batch survey_net_batch(const struct survey_net *lab, uint64_t step);

/* A matrix of the device until the stage's end; NULL where the device failed. */
double *survey_net_take(struct survey_net *lab, const struct clg_buf *buf, int rows, int columns);

/* Before a step. */
clg_status survey_net_keep(struct survey_net *lab);

/* After it, of B rows: its batch as data from `start` on; outputs, losses and deltas. */
clg_status survey_net_check_batch(struct survey_net *lab, size_t start, int B);
clg_status survey_net_check_passes(struct survey_net *lab, int B);

/* params and slots as they should be now, by the deltas and inputs that the engine has.  now[i]
 * (net->count), NULL where there is no such slot. */
clg_status survey_net_check_learn(struct survey_net *lab, int B, double *const now[3]);

/* params and slots as they are; the caller frees them. */
clg_status survey_net_read(double *now[3], struct survey_net *lab);

/* The losses of the engine's batch: their sum, and how far it may be off. */
clg_status survey_net_losses(double *sum, double *bound, struct survey_net *lab, int B);

#endif
