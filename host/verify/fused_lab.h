/* What the fused plan's launches are run on: a network put together from operands, with guards
 * between the parts of its slabs.  Private to cases_fused.c and fused_lab.c. */
#ifndef CLG_VERIFY_FUSED_LAB_H
#define CLG_VERIFY_FUSED_LAB_H

#include "verify/cases.h"

enum { CLG_LAB_LAYERS = 3, CLG_LAB_PARTS = 4 * CLG_LAB_LAYERS };

/* One network and its batch; layers behind the last have 0 units. */
struct clg_fused_case {
    int features, units[CLG_LAB_LAYERS], B, next_B;
    struct clg_activation act[CLG_LAB_LAYERS];
    enum clg_loss loss;
    enum clg_target target;
    enum clg_opt opt;
    double momentum;
    int target_input, weighted, bytes, permuted, frozen; /* frozen: of the first layer */
    int far; /* the next batch begins behind row 65,536 of its data */
    enum clg_draw draw;
};

/* Its buffers. */
struct clg_fused_lab {
    const struct clg_fused_case *c;
    struct clg_bench *bench;
    struct clg_fused_layer layer[CLG_LAB_LAYERS];
    struct clg_fused_net net;
    struct clg_loss_spec loss;
    struct clg_buf part[CLG_LAB_PARTS], *params, *slot[2], *batch, *jobs, *x, *t;
    int parts;
    size_t elements, weights, batch_elements; /* of params; of them weights; of batch */
    size_t turned;                            /* of batch, for inputs turned */
    double *batch_before;                     /* guards, where no part lies */
    struct clg_rows rows;
    struct clg_fused_next next;
    struct clg_fused *fused;
};

/* Makes everything of lab->c with lab->bench; clear gives back what the bench does not. */
clg_status clg_fused_lab_make(struct clg_fused_lab *lab);
void clg_fused_lab_clear(struct clg_fused_lab *lab);

#endif
