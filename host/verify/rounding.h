/* The constants and the few functions that all bounds are made of: the limits of single precision
 * in OpenCL's full profile, and how errors pass through softmax and derivatives. */
#ifndef CLG_VERIFY_ROUNDING_H
#define CLG_VERIFY_ROUNDING_H

#include "verify/bounds.h"

#include <float.h>
#include <math.h>

/* One correctly rounded operation, relative; the thousandth pays for products of errors. */
#define CLG_ROUND (0.5005 * FLT_EPSILON)

/* OpenCL's limits in units in the last place, each at most FLT_EPSILON of the result; sigmoid is
 * exp, addition and division, softplus log1p of exp and perhaps an addition.  All are below 84,
 * which is a relative 1e-5. */
#define CLG_EXP_ULP 3.0
#define CLG_EXPM1_ULP 3.0
#define CLG_ERF_ULP 16.0
#define CLG_LOG_ULP 3.0
#define CLG_LOG1P_ULP 2.0
#define CLG_SQRT_ULP 3.0
#define CLG_DIVIDE_ULP 2.5
#define CLG_TANH_ULP 5.0
#define CLG_SIGMOID_ULP (CLG_EXP_ULP + 0.5 + CLG_DIVIDE_ULP)
#define CLG_SOFTPLUS_ULP (CLG_EXP_ULP + CLG_LOG1P_ULP + 0.5)

/* A value and how far the device's may be from it. */
struct clg_near {
    double at, by;
};

/* What rounding the number to a float loses. */
static inline double clg_float_error(double value)
{
    return fabs(value - (double)(float)value);
}

/* A sum of K terms (or products) in any order, size = the sum of their magnitudes. */
static inline double clg_rounded_sum(size_t K, double size)
{
    return (double)K * FLT_EPSILON * size + FLT_MIN;
}

/* What a device that takes denormals for 0 may lose of a sum of K products besides: each product
 * and each sum on the way.  What its terms lose is clg_flushed. */
static inline double clg_flushed_sum(const struct clg_limits *limits, size_t K)
{
    return 2 * (double)K * limits->flush;
}

/* What the product a b loses where one of them is such a denormal: all of it. */
static inline double clg_flushed(const struct clg_limits *limits, double a, double b)
{
    return fabs(a) < limits->flush || fabs(b) < limits->flush ? fabs(a * b) : 0.0;
}

/* clg_rounded_sum where the sum is known: INFINITY, no bound at all, where a partial sum may or
 * may not leave the range of a float.  Where the sum itself is beyond it and the terms of the other
 * sign are not, every order ends in the same Inf. */
double clg_bound_of_sum(size_t K, double size, double sum);

/* softmax(z / T) of a row: maximum, sum of exp((z - max) / T), that sum's relative error, and by
 * how much each (z - max) / T is off, relative. */
struct clg_softmax {
    double max, T, sum, sum_error, part, tiny;
};
struct clg_softmax clg_softmax_begin(const struct clg_limits *limits, const double *z, int O,
                                     double T);

/* y of the element z of that row, and the sum's logarithm. */
struct clg_near clg_softmax_at(const struct clg_softmax *whole, double z);
struct clg_near clg_softmax_ln_sum(const struct clg_softmax *whole);

/* y = f(z) of an activation that works element by element.  by is INFINITY where either end of a
 * step is right.  z of gelu and silu, which keep it, is exact. */
struct clg_near clg_act_near(const struct clg_limits *limits, const struct clg_activation *act,
                             struct clg_near z);

/* f'(z), taken from y or, where the activation keeps z, from z.  z, where y is not exact, says on
 * which side of a kink y lies. */
struct clg_near clg_slope_near(const struct clg_limits *limits, const struct clg_activation *act,
                               double z, struct clg_near y);

/* The same of maxout: where its k pieces of unit j of a row z of O units have their first largest.
 */
int clg_largest_piece(const double *z, int j, int O, int pieces);

/* FLT_MIN where that largest may be flushed: each piece that is no further from 0 may then be taken
 * for it.  0 where there is one largest for every device. */
double clg_tied_at(const struct clg_limits *limits, const double *z, int j, int O, int pieces);

#endif
