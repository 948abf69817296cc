/* How far a device in single precision may be from the double-precision reference, for each element
 * of each operation, computed from the very inputs that the device used.  docs/verification.md
 * derives every line.  INFINITY where rounding decides whether a float overflows on the way: such
 * an element says nothing.  Arrays are dense, row-major, as in ops/ops.h. */
#ifndef CLG_VERIFY_BOUNDS_H
#define CLG_VERIFY_BOUNDS_H

#include "ops/ops.h"

/* What a device does near zero. */
struct clg_limits {
    double flush; /* what a flushed denormal may lose; 0 where the device keeps denormals */
    double tiny;  /* what a rounding that ends near zero may lose */
};
struct clg_limits clg_limits_of(const clg_device *device);

/* Targets of one output layer as numbers: t (B,O), one-hot where they are classes. */
void clg_targets_spread(double *t, const double *labels, int B, int O);

/* x (B,F) = raw * scale + shift. */
void clg_bound_gather(double *bound, const struct clg_limits *limits, const double *raw,
                      const double *scale, const double *shift, int B, int F);

/* Where denormals may count as 0, integers that comparisons make of them: 1 where units (O) may be
 * taken for alive or not, whose largest y (B,O) is a denormal; and where each row's (B) largest
 * output may be any of several.  0 elsewhere. */
void clg_bound_alive(double *bound, const struct clg_limits *limits, const double *y, int B, int O);
void clg_bound_hits(double *bound, const struct clg_limits *limits, const double *y, int B, int O);

/* Of an activation that keeps no z; INFINITY where a step may go either way. */
void clg_bound_dense_fwd(double *bound, const struct clg_limits *limits, const double *x,
                         const double *W, const double *b, int B, int I, int O,
                         const struct clg_activation *act);

/* z (B,O*pieces). */
void clg_bound_output_fwd(double *bound, const struct clg_limits *limits, const double *z, int B,
                          int O, const struct clg_activation *act);

/* What each of count elements is multiplied by: 0 or 1 / (1 - p). */
void clg_dropout_mask(double *mask, size_t count, const struct clg_dropout *drop);
void clg_bound_dropout_fwd(double *bound, const struct clg_limits *limits, const double *x,
                           const double *mask, size_t count);

/* What a loss is computed from. */
struct clg_loss_case {
    const double *z;             /* (B,O*pieces) */
    const double *t;             /* (B,O), classes one-hot */
    const double *labels;        /* (B), NULL: value targets */
    const double *class_weights; /* (O, or 2 where O is 1), NULL: none */
    const double *teacher_z;     /* (B,O), NULL: none */
    int B, O;
    const struct clg_loss_spec *spec; /* of it the numbers alone */
    const struct clg_activation *act;
    double scale;
    int mean;
};

/* The bounds of y (B,O), dz (B,O*pieces) and row_loss (B). */
void clg_bound_loss_fwd(double *y_bound, double *dz_bound, double *row_bound,
                        const struct clg_limits *limits, const struct clg_loss_case *c);

/* A compensated sum and its compensation, to which the sum of n terms of the magnitude total is
 * added. */
double clg_bound_sum(const struct clg_limits *limits, const double sum[2], double total, size_t n);

/* What a delta is computed from. */
struct clg_delta_case {
    const double *dx;   /* (B,I*pieces), the reference's result */
    const double *dz;   /* (B,O) */
    const double *W;    /* (O,I) */
    const double *y;    /* (B,I) */
    const double *z;    /* (B,I*pieces) where act keeps it, else NULL */
    const double *mask; /* (B,I) of the dropout, NULL: none */
    int B, I, O;
    const struct clg_activation *act;
};

/* bound (B,I*pieces); size (2 I) is scratch. */
void clg_bound_delta_bwd(double *bound, double *size, const struct clg_limits *limits,
                         const struct clg_delta_case *c);

/* dW (O,I) and db (O) are the reference's results. */
void clg_bound_grad(double *dW_bound, double *db_bound, const struct clg_limits *limits,
                    const double *dW, const double *db, const double *dz, const double *x, int B,
                    int I, int O);

/* The sum of squares of n elements. */
double clg_bound_square_sum(const struct clg_limits *limits, double total, size_t n);

/* Of grads (n) cut to the norm limit where the squared norm is norm2. */
void clg_bound_clip(double *bound, const struct clg_limits *limits, const double *grads, size_t n,
                    double norm2, double limit);

/* The bounds of params, slot0 and slot1 (n each) after the step from what they are before it; a
 * slot that the optimiser does not keep is NULL with its bound. */
void clg_bound_update(double *params_bound, double *slot0_bound, double *slot1_bound,
                      const struct clg_limits *limits, const double *params, const double *slot0,
                      const double *slot1, const double *grads, size_t n, size_t n_weights,
                      const struct clg_update *u);

/* The same of a step whose gradients are known to grads_bound alone, and not kept: params, slot0 and
 * slot1 in this order, a slot that the optimiser does not keep NULL.  want is what they should be,
 * from what they were before and, where that makes it one operation, from the slots that the device
 * has now.  Where grads_bound is negative, nothing was to be learned. */
void clg_bound_learn(double *const want[3], double *const bound[3], const struct clg_limits *limits,
                     const double *const before[3], const double *const now[3],
                     const double *grads, const double *grads_bound, size_t n, size_t n_weights,
                     const struct clg_update *u);

#endif
