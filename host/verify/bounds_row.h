/* One example on its way through a loss, shared by the files that bound losses. */
#ifndef CLG_VERIFY_BOUNDS_ROW_H
#define CLG_VERIFY_BOUNDS_ROW_H

#include "verify/rounding.h"

struct clg_loss_row {
    const double *z, *t, *teacher; /* (O*pieces), (O), (O) or NULL */
    const double *class_weights;   /* (O), NULL: none */
    double weight;                 /* of this example */
    double *y_bound, *dz_bound;    /* (O), (O*pieces) */
    int O;
    const struct clg_loss_spec *spec;
    const struct clg_activation *act;
    double scale, scale_error; /* of dz; the error is relative, beyond a float's rounding */
};

/* A target that multiplies exactly. */
static inline int clg_target_is_plain(double t)
{
    return t == 0.0 || t == 1.0;
}

/* The bound of scale * v, for the scale as a float and its product. */
double clg_scaled_bound(const struct clg_limits *limits, const struct clg_loss_row *row,
                        struct clg_near v);

/* The share of an error e in mse, huber or the perceptron rule, and its derivative by e. */
struct clg_near clg_error_loss(const struct clg_loss_spec *spec, struct clg_near e,
                               struct clg_near *slope);

/* Each writes y_bound and dz_bound and returns the loss (bounds_softmax.c). */
struct clg_near clg_bound_ce_row(const struct clg_loss_row *row, const struct clg_limits *limits);
struct clg_near clg_bound_error_softmax_row(const struct clg_loss_row *row,
                                            const struct clg_limits *limits);

#endif
