/* The constants and the few functions that all bounds are made of: the limits of single precision
 * in OpenCL's full profile, and how errors pass through softmax and derivatives. */
#ifndef CLG_VERIFY_ROUNDING_H
#define CLG_VERIFY_ROUNDING_H

#include "verify/bounds.h"

#include <float.h>

/* One correctly rounded operation, relative; the thousandth pays for products of errors. */
#define CLG_ROUND (0.5005 * FLT_EPSILON)

/* OpenCL's limits in units in the last place, each at most FLT_EPSILON of the result; sigmoid is
 * exp, addition and division.  All are below 84, which is a relative 1e-5. */
#define CLG_EXP_ULP 3.0
#define CLG_LOG_ULP 3.0
#define CLG_LOG1P_ULP 2.0
#define CLG_SQRT_ULP 3.0
#define CLG_DIVIDE_ULP 2.5
#define CLG_TANH_ULP 5.0
#define CLG_SIGMOID_ULP (CLG_EXP_ULP + 0.5 + CLG_DIVIDE_ULP)

/* A sum of K terms (or products) in any order, size = the sum of their magnitudes. */
static inline double clg_rounded_sum(size_t K, double size)
{
    return (double)K * FLT_EPSILON * size + FLT_MIN;
}

/* The same where the sum is known: INFINITY, no bound at all, where a partial sum may or may not
 * leave the range of a float.  Where the sum itself is beyond it and the terms of the other sign
 * are not, every order ends in the same Inf. */
double clg_bound_of_sum(size_t K, double size, double sum);

/* A row's softmax: maximum, sum of exp(z - max), that sum's relative error. */
struct clg_softmax {
    double max, sum, sum_error, tiny;
};
struct clg_softmax clg_softmax_begin(const struct clg_limits *limits, const double *z, int O);

/* y of the element z of that row, and its bound. */
double clg_softmax_at(const struct clg_softmax *whole, double z, double *bound);

/* The derivative taken from y, which is off by at most by, and its bound. */
double clg_slope(enum clg_act act, double y, double by, double *bound);

#endif
