/* Bounds of the layer operations but for the loss and the update, which have files of their own.
 * Nothing here compares: tally.c does. */
#include "verify/bounds.h"

#include "verify/rounding.h"

#include <math.h>

struct clg_limits clg_limits_of(const clg_device *device)
{
    struct clg_limits limits;
    limits.flush = device->flushes_denormals ? FLT_MIN : 0.0;
    limits.tiny = limits.flush + 8 * (double)FLT_TRUE_MIN;
    return limits;
}

void clg_targets_spread(double *t, const double *labels, int B, int O)
{
    for (int b = 0; b < B; b++)
        for (int j = 0; j < O; j++)
            t[(size_t)b * (size_t)O + (size_t)j] = O == 1 ? labels[b] : (double)(labels[b] == j);
}

void clg_bound_gather(double *bound, const double *raw, const double *scale, const double *shift,
                      int B, int F)
{
    size_t at = 0;
    for (int b = 0; b < B; b++)
        for (int i = 0; i < F; i++, at++)
            bound[at] = clg_rounded_sum(2, fabs(raw[at] * scale[i]) + fabs(shift[i]));
}

/* What is left of the error bz of z behind an activation, and the activation's own. */
static double act_bound(const struct clg_limits *limits, enum clg_act act, double z, double bz)
{
    double nearest = fabs(z) > bz ? fabs(z) - bz : 0.0; /* where the slope is steepest */
    double e, moved;
    if (isinf(bz))
        return bz;
    switch (act) {
    case CLG_RELU:
        return z + bz > 0 ? fmin(bz, z + bz) + limits->flush : 0.0;
    case CLG_SIGMOID:
        e = exp(-nearest);
        moved = e / ((1 + e) * (1 + e)) * bz;
        /* exp(-z) beyond FLT_MAX gives 0, less than FLT_MIN away */
        return moved + CLG_SIGMOID_ULP * FLT_EPSILON * (1 / (1 + exp(-z)) + moved) + FLT_MIN;
    case CLG_TANH:
        e = 1 / cosh(nearest);
        moved = e * e * bz;
        return moved + CLG_TANH_ULP * FLT_EPSILON * (fabs(tanh(z)) + moved) + limits->tiny;
    case CLG_IDENTITY:
    case CLG_SOFTMAX: /* never element by element */
    case CLG_ACTS:
        break;
    }
    return bz;
}

void clg_bound_dense_fwd(double *bound, const struct clg_limits *limits, const double *x,
                         const double *W, const double *b, int B, int I, int O, enum clg_act act)
{
    for (int r = 0; r < B; r++) {
        for (int j = 0; j < O; j++) {
            const double *xr = x + (size_t)r * (size_t)I, *w = W + (size_t)j * (size_t)I;
            double z = b[j], size = fabs(b[j]);
            for (int i = 0; i < I; i++) {
                z += xr[i] * w[i];
                size += fabs(xr[i] * w[i]);
            }
            bound[(size_t)r * (size_t)O + (size_t)j] =
                act_bound(limits, act, z, clg_bound_of_sum((size_t)I + 1, size, z));
        }
    }
}

void clg_bound_output_fwd(double *bound, const struct clg_limits *limits, const double *z, int B,
                          int O, enum clg_act act)
{
    for (int r = 0; r < B; r++) {
        const double *zr = z + (size_t)r * (size_t)O;
        double *br = bound + (size_t)r * (size_t)O;
        if (act == CLG_SOFTMAX) {
            struct clg_softmax whole = clg_softmax_begin(limits, zr, O);
            for (int j = 0; j < O; j++)
                clg_softmax_at(&whole, zr[j], &br[j]);
        } else {
            for (int j = 0; j < O; j++)
                br[j] = act_bound(limits, act, zr[j], 0.0);
        }
    }
}

double clg_bound_sum(const double sum[2], double total, size_t n)
{
    if (!(total + fabs(sum[0]) <= FLT_MAX)) /* the compensation of an overflow is no number */
        return INFINITY;
    return clg_rounded_sum(n, total) +
           FLT_EPSILON * (fabs(sum[1]) + FLT_EPSILON * (fabs(sum[0]) + total));
}

/* |dx| = |g f'| gives |g| back where f' is not 0; where it is, the result is 0 exactly. */
static double delta_bound(const struct clg_limits *limits, enum clg_act act, double dx, double y,
                          int O, double size)
{
    double slope_bound, slope = clg_slope(act, y, 0.0, &slope_bound);
    if (slope == 0.0 && size <= FLT_MAX)
        return 0.0;
    double sum_bound = clg_bound_of_sum((size_t)O, size, slope != 0.0 ? dx / slope : 0.0);
    if (act == CLG_IDENTITY || isinf(sum_bound))
        return sum_bound;
    return fabs(slope) * sum_bound + (fabs(dx / slope) + sum_bound) * slope_bound +
           CLG_ROUND * fabs(dx) + limits->tiny;
}

void clg_bound_delta_bwd(double *bound, const struct clg_limits *limits, const double *dx,
                         const double *dz, const double *W, const double *y, int B, int I, int O,
                         enum clg_act act)
{
    for (int r = 0; r < B; r++) {
        size_t at = (size_t)r * (size_t)I;
        for (int i = 0; i < I; i++)
            bound[at + (size_t)i] = 0.0;
        for (int j = 0; j < O; j++) { /* first the sums of |dz w| */
            double factor = fabs(dz[(size_t)r * (size_t)O + (size_t)j]);
            const double *w = W + (size_t)j * (size_t)I;
            for (int i = 0; i < I; i++)
                bound[at + (size_t)i] += factor * fabs(w[i]);
        }
        for (int i = 0; i < I; i++, at++)
            bound[at] = delta_bound(limits, act, dx[at], y[at], O, bound[at]);
    }
}

void clg_bound_grad(double *dW_bound, double *db_bound, const double *dW, const double *db,
                    const double *dz, const double *x, int B, int I, int O)
{
    for (int j = 0; j < O; j++) {
        double *row = dW_bound + (size_t)j * (size_t)I, total = 0.0;
        for (int i = 0; i < I; i++)
            row[i] = 0.0;
        for (int r = 0; r < B; r++) {
            double factor = fabs(dz[(size_t)r * (size_t)O + (size_t)j]);
            const double *xr = x + (size_t)r * (size_t)I;
            total += factor;
            for (int i = 0; i < I; i++)
                row[i] += factor * fabs(xr[i]);
        }
        for (int i = 0; i < I; i++)
            row[i] = clg_bound_of_sum((size_t)B, row[i], dW[(size_t)j * (size_t)I + (size_t)i]);
        db_bound[j] = clg_bound_of_sum((size_t)B, total, db[j]);
    }
}
