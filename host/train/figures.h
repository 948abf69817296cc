/* Watching a network learn: what each layer looks like at the end of an epoch. */
#ifndef CLG_TRAIN_FIGURES_H
#define CLG_TRAIN_FIGURES_H

#include "net/net.h"

/* Rows of the training data over which a unit must give 0 to count as dead. */
enum { CLG_DEAD_ROWS = 1024 };

struct clg_figures {
    int layers;
    double weight_norm[CLG_MAX_LAYERS];   /* Euclidean, biases left out */
    double gradient_norm[CLG_MAX_LAYERS]; /* of the epoch's last step, after clipping */
    double dead[CLG_MAX_LAYERS];          /* share of dead units; NaN where the layer is not relu */
    struct clg_buf alive[CLG_MAX_LAYERS]; /* (out) of relu layers */
};

clg_status clg_figures_plan(struct clg_figures *figures, struct clg_plan *plan,
                            const struct clg_net *net);

/* Takes all figures from the engine; waits for them. data: the training rows. */
clg_status clg_figures_take(struct clg_figures *figures, struct clg_engine *engine,
                            struct clg_resident *data);
void clg_figures_release(struct clg_figures *figures);

#endif
