/* What a checkpoint holds of a run beside parameters and moments: how far the epoch under way is
 * and what the training has seen so far.  A text in the model file's metadata, clgrad.state; equal
 * trainings make equal texts. */
#ifndef CLG_TRAIN_STATE_H
#define CLG_TRAIN_STATE_H

#include "core/config.h"
#include "net/model_file.h"

/* Loss, cost and accuracies of an epoch; NaN where not known. */
struct clg_state_figures {
    double loss, cost, accuracy, val_loss, val_accuracy;
};

/* The epoch with the lowest loss. */
struct clg_best {
    int epoch; /* 0: none */
    uint64_t step;
    double loss;
    float sum[2]; /* as struct clg_span has it */
};

struct clg_run_state {
    char device[384];           /* name and driver; what the bits depend on */
    uint64_t rows, epoch_steps; /* of the training data; steps in an epoch */
    uint64_t epoch_step;        /* steps done of the epoch under way; epoch_steps where `due` */
    double stats[CLG_STATS];    /* sums of the epoch under way */
    int32_t hits;
    int cut;                  /* 1: that epoch was ended early by --steps, and accounted for */
    int due;                  /* 1: its steps are done, its validation is not: */
    struct clg_scores scores; /* its training figures, and the norms of its last gradients */
    int norms;                /* (norms), 0 where they are not wanted */
    double gradient_norm[CLG_MAX_LAYERS];
    struct clg_best best; /* of a cut epoch: before its end, since it may go on */
    int kept_epoch;       /* whose parameters are best.safetensors; 0: nobody's */
    uint64_t kept_step;
    double plateau_scale, plateau_best;
    int plateau_bad;
    struct clg_state_figures last; /* of the last epoch that ended */
};

/* Values of a training that has not begun. */
void clg_state_clear(struct clg_run_state *state);

/* The caller frees *text. */
clg_status clg_state_text(char **text, const struct clg_run_state *state);

/* The reverse; CLG_EDATA names path. */
clg_status clg_state_parse(struct clg_run_state *state, const char *text, const char *path);

/* The epoch under way, from 1, of a training that has ended `ended` epochs. */
int clg_state_epoch(const struct clg_run_state *state, int ended);

/* How many steps config asks for in all, and epochs, of a training that stands at net_step having
 * ended `ended` epochs, each of which has epoch_steps steps from now on.  CLG_EUSAGE where that is
 * too many. */
clg_status clg_state_extent(uint64_t *steps, int *epochs, const struct clg_run_state *state,
                            const clg_config *config, uint64_t net_step, int ended,
                            uint64_t epoch_steps);

#endif
