/* How errors pass through sums and through softmax; what several bounds share. */
#include "verify/rounding.h"

#include <math.h>

double clg_bound_of_sum(size_t K, double size, double sum)
{
    double bound = clg_rounded_sum(K, size), lesser = (size - fabs(sum)) / 2;
    if (size <= FLT_MAX || (fabs(sum) - bound > FLT_MAX && lesser <= FLT_MAX))
        return bound;
    return INFINITY;
}

struct clg_softmax clg_softmax_begin(const struct clg_limits *limits, const double *z, int O,
                                     double T)
{
    struct clg_softmax whole = {.max = z[0], .T = T, .tiny = limits->tiny, .part = CLG_ROUND};
    double error = 0.0;
    if (T != 1.0)
        whole.part += CLG_DIVIDE_ULP * FLT_EPSILON;
    for (int j = 1; j < O; j++)
        whole.max = fmax(whole.max, z[j]);
    for (int j = 0; j < O; j++) {
        double a = (z[j] - whole.max) / T, e = exp(a);
        whole.sum += e;
        error += e * (whole.part * fabs(a) + CLG_EXP_ULP * FLT_EPSILON) + limits->tiny;
    }
    whole.sum_error = (error + clg_rounded_sum((size_t)O, whole.sum)) / whole.sum;
    return whole;
}

struct clg_near clg_softmax_at(const struct clg_softmax *whole, double z)
{
    double a = (z - whole->max) / whole->T;
    struct clg_near y = {exp(a) / whole->sum, whole->tiny};
    y.by += y.at * (whole->part * fabs(a) + whole->sum_error +
                    (CLG_EXP_ULP + CLG_DIVIDE_ULP + 0.5) * FLT_EPSILON);
    return y;
}

struct clg_near clg_softmax_ln_sum(const struct clg_softmax *whole)
{
    struct clg_near ln = {log(whole->sum), whole->sum_error};
    ln.by += CLG_LOG_ULP * FLT_EPSILON * ln.at;
    return ln;
}
