/* Bounds of one optimiser step, element by element.  Scalars that depend on the options alone are
 * computed in double and rounded once. */
#include "verify/rounding.h"

#include <math.h>

/* A value and how far the device's may be from it. */
struct near {
    double at, by;
};

/* w - rate * v. */
static double stepped(const struct clg_limits *limits, double w, double rate, struct near v)
{
    double move = rate * v.at;
    return fabs(rate) * v.by + 2 * CLG_ROUND * (fabs(move) + fabs(rate) * v.by) +
           CLG_ROUND * fabs(w - move) + limits->tiny;
}

/* g + l2 * w. */
static struct near decayed(const struct clg_limits *limits, double g, double w, double l2)
{
    struct near v = {g + l2 * w, 0.0};
    if (l2 != 0.0)
        v.by = CLG_ROUND * (2 * fabs(l2 * w) + fabs(v.at)) + limits->tiny;
    return v;
}

/* momentum * v + g. */
static struct near moved(const struct clg_limits *limits, double v, double momentum, struct near g)
{
    struct near to = {momentum * v + g.at, g.by};
    to.by += CLG_ROUND * (2 * fabs(momentum * v) + fabs(to.at)) + limits->tiny;
    return to;
}

/* beta1 m + (1 - beta1) g. */
static struct near first_moment(const struct clg_limits *limits, double m, struct near g,
                                const struct clg_update *u)
{
    double old = u->beta1 * m, new = (1 - u->beta1) * g.at;
    struct near to = {old + new, (1 - u->beta1) * g.by};
    to.by += CLG_ROUND * (2 * fabs(old) + 2 * fabs(new) + fabs(to.at)) + 3 * limits->tiny;
    return to;
}

/* beta2 v + (1 - beta2) g^2. */
static struct near second_moment(const struct clg_limits *limits, double v, struct near g,
                                 const struct clg_update *u)
{
    double rest = 1 - u->beta2, old = u->beta2 * v, new = rest *g.at *g.at;
    struct near to = {old + new, rest *(2 * fabs(g.at) + g.by) * g.by};
    to.by += CLG_ROUND * (2 * fabs(old) + 3 * new + fabs(to.at)) + 3 * limits->tiny;
    return to;
}

/* m / (sqrt(v) / c + eps), c = sqrt(1 - beta2^t): the widest of the interval's ends. */
static struct near quotient(struct near m, struct near v, const struct clg_update *u)
{
    double c = sqrt(1 - pow(u->beta2, (double)u->t)), size = fabs(m.at);
    double part = (CLG_SQRT_ULP + CLG_DIVIDE_ULP + 1) * FLT_EPSILON;
    double eps = u->eps > (double)FLT_MIN ? u->eps : (double)FLT_MIN;
    double low = sqrt(fmax(v.at - v.by, 0.0)) / c * (1 - part) + eps * (1 - (double)FLT_EPSILON);
    double high = sqrt(v.at + v.by) / c * (1 + part) + eps * (1 + (double)FLT_EPSILON);
    low *= 1 - CLG_ROUND;
    high *= 1 + CLG_ROUND;
    double q = size / (sqrt(v.at) / c + u->eps);
    double most = (size + m.by) / low, least = size - m.by;
    least /= least > 0 ? high : low;
    struct near to = {m.at < 0 ? -q : q, fmax(most - q, q - least)};
    to.by += CLG_DIVIDE_ULP * FLT_EPSILON * (q + to.by);
    return to;
}

static double adam(double *m_bound, double *v_bound, const struct clg_limits *limits, double w,
                   double m, double v, struct near g, const struct clg_update *u)
{
    struct near first = first_moment(limits, m, g, u);
    struct near second = second_moment(limits, v, g, u);
    *m_bound = first.by;
    *v_bound = second.by;
    if (!(second.at + second.by <= FLT_MAX)) /* the quotient would be 0 */
        return INFINITY;
    double rate = u->lr / (1 - pow(u->beta1, (double)u->t));
    return stepped(limits, w, rate, quotient(first, second, u));
}

void clg_bound_update(double *params_bound, double *slot0_bound, double *slot1_bound,
                      const struct clg_limits *limits, const double *params, const double *slot0,
                      const double *slot1, const double *grads, size_t n, size_t n_weights,
                      const struct clg_update *u)
{
    for (size_t i = 0; i < n; i++) {
        struct near g = decayed(limits, grads[i], params[i], i < n_weights ? u->l2 : 0.0);
        if (u->opt == CLG_ADAM) {
            params_bound[i] =
                adam(&slot0_bound[i], &slot1_bound[i], limits, params[i], slot0[i], slot1[i], g, u);
            continue;
        }
        if (u->opt == CLG_MOMENTUM) {
            g = moved(limits, slot0[i], u->momentum, g);
            slot0_bound[i] = g.by;
        }
        params_bound[i] = stepped(limits, params[i], u->lr, g);
    }
}
