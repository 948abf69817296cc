/* How errors pass through softmax and through a derivative; what several bounds share. */
#include "verify/rounding.h"

#include <math.h>

double clg_bound_of_sum(size_t K, double size, double sum)
{
    double bound = clg_rounded_sum(K, size), lesser = (size - fabs(sum)) / 2;
    if (size <= FLT_MAX || (fabs(sum) - bound > FLT_MAX && lesser <= FLT_MAX))
        return bound;
    return INFINITY;
}

struct clg_softmax clg_softmax_begin(const struct clg_limits *limits, const double *z, int O)
{
    struct clg_softmax whole = {z[0], 0.0, 0.0, limits->tiny};
    double error = 0.0;
    for (int j = 1; j < O; j++)
        whole.max = fmax(whole.max, z[j]);
    for (int j = 0; j < O; j++) {
        double a = z[j] - whole.max, e = exp(a);
        whole.sum += e;
        error += e * (CLG_ROUND * fabs(a) + CLG_EXP_ULP * FLT_EPSILON) + limits->tiny;
    }
    whole.sum_error = (error + clg_rounded_sum((size_t)O, whole.sum)) / whole.sum;
    return whole;
}

double clg_softmax_at(const struct clg_softmax *whole, double z, double *bound)
{
    double a = z - whole->max, y = exp(a) / whole->sum;
    double relative =
        CLG_ROUND * fabs(a) + whole->sum_error + (CLG_EXP_ULP + CLG_DIVIDE_ULP + 0.5) * FLT_EPSILON;
    *bound = y * relative + whole->tiny;
    return y;
}

double clg_slope(enum clg_act act, double y, double by, double *bound)
{
    double slope = 1.0;
    *bound = 0.0;
    switch (act) {
    case CLG_SIGMOID:
        slope = y * (1 - y);
        *bound = fabs(1 - 2 * y) * by + by * by + 2 * CLG_ROUND * fabs(slope);
        break;
    case CLG_TANH:
        slope = 1 - y * y;
        *bound = 2 * fabs(y) * by + by * by + CLG_ROUND * (y * y + 2 * fabs(slope));
        break;
    case CLG_RELU:
        slope = y > 0;
        break;
    case CLG_IDENTITY:
    case CLG_SOFTMAX:
    case CLG_ACTS:
        break;
    }
    return slope;
}
