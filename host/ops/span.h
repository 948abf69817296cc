/* The launch behind the resident plan: many whole training steps of a small network by one kernel,
 * kernels/resident.cl.  What a network must be for it, and which form of the kernel suits it, is
 * said here; who keeps the buffers and when spans run is the engine's (net/span.c). */
#ifndef CLG_OPS_SPAN_H
#define CLG_OPS_SPAN_H

#include "ops/ops.h"

enum {
    CLG_SPAN_LAYERS = 4,
    CLG_SPAN_WIDEST = 64, /* units of a layer, inputs, rows of a batch */
    CLG_SPAN_RATES = 3,   /* floats a step: rate, root, decay of kernels/optimiser.clh */
    CLG_SPAN_RING = 5     /* floats an epoch: stats, and the bits of hits */
};

/* What the kernel is compiled for.  Layer l (from 1) takes size[l - 1] and gives size[l]; its
 * weights and biases start at those elements of a slab. */
struct clg_span_shape {
    int layers, size[CLG_SPAN_LAYERS + 1], batch;
    struct clg_activation act[CLG_SPAN_LAYERS + 1]; /* [0] unused */
    size_t weight_at[CLG_SPAN_LAYERS + 1], bias_at[CLG_SPAN_LAYERS + 1];
    enum clg_loss loss;
    enum clg_target target;
    enum clg_opt opt;
    int has_momentum, l2; /* 1 or 0 */
    int bytes;            /* the features are */
    int permuted;         /* rows in the order of the epoch's shuffle */
    int whole;            /* one batch is all rows, and they are not permuted */
};

/* One span.  The buffers are those of the kernel's comment, in its words; perm, walk and list are
 * NULL where rows are not permuted. */
struct clg_span_launch {
    struct clg_span_shape shape;
    struct clg_buf *params, *slot0, *slot1, *grads, *best, *best_loss, *best_epoch, *stats, *hits;
    struct clg_buf *ring, *perm, *walk, *list;
    const struct clg_buf *rates;
    const struct clg_rows *data;
    uint64_t seed, epoch_step, steps;
    int epoch, rate_step, ring_step, keep_best;
    double mean, mean_short; /* of a full batch's dz, and of an epoch's last, short one */
    double delta, smoothing;
    const struct clg_update *update;
};

/* NULL where the device and a form of the kernel can take shape, else why not. */
const char *clg_ocl_refuses_span(const clg_device *device, const struct clg_span_shape *shape);

/* Whether one work-item is likely to be faster than a few launches a step with all of the device,
 * or tune has found so. */
int clg_span_pays(const clg_device *device, const struct clg_span_shape *shape);

/* Multiplications and additions of a step's products. */
double clg_span_operations(const struct clg_span_shape *shape);

/* Elements of walk: the domain of the shuffle of rows. */
size_t clg_span_domain(size_t rows);

/* rates (CLG_SPAN_RATES): what depends on the step alone; u as for update. */
void clg_span_rates(float *rates, const struct clg_update *u);

/* Enqueues the span. */
clg_status clg_ocl_span(clg_device *device, const struct clg_span_launch *span);

#endif
