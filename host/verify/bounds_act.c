/* The activations that work element by element, and their derivatives: values in double and how far
 * a device may be from them.  Softmax, which works on rows, is in rounding.c. */
#include "verify/rounding.h"

#include <assert.h>

/* Where softplus becomes the identity, and how far apart its two branches are there. */
#define SOFTPLUS_END 20.0
#define SOFTPLUS_JUMP exp(-SOFTPLUS_END)

/* z +- bz crosses `at`. */
static int straddles(struct clg_near z, double at)
{
    return z.by > 0 && z.at - z.by <= at && z.at + z.by >= at;
}

static double sigmoid(double z)
{
    return 1 / (1 + exp(-z));
}

/* -------------------------------------------------------------- y = f(z) */

static struct clg_near near_sigmoid(struct clg_near z)
{
    /* the slope is steepest where z is nearest to 0 */
    double nearest = fabs(z.at) > z.by ? fabs(z.at) - z.by : 0.0, e = exp(-nearest);
    double moved = e / ((1 + e) * (1 + e)) * z.by;
    struct clg_near y = {sigmoid(z.at), moved};
    /* exp(-z) beyond FLT_MAX gives 0, less than FLT_MIN away */
    y.by += CLG_SIGMOID_ULP * FLT_EPSILON * (y.at + moved) + FLT_MIN;
    return y;
}

static struct clg_near near_tanh(const struct clg_limits *limits, struct clg_near z)
{
    double nearest = fabs(z.at) > z.by ? fabs(z.at) - z.by : 0.0, e = 1 / cosh(nearest);
    struct clg_near y = {tanh(z.at), e * e * z.by};
    y.by += CLG_TANH_ULP * FLT_EPSILON * (fabs(y.at) + y.by) + limits->tiny;
    return y;
}

static struct clg_near near_relu(const struct clg_limits *limits, struct clg_near z)
{
    /* a flushed z is neither above 0 nor below: either may be taken for the larger of the two */
    const double end = z.at + z.by;
    struct clg_near y = {z.at > 0 ? z.at : 0.0, end >= -limits->flush ? limits->flush : 0.0};
    if (end > 0)
        y.by += fmin(z.by, end);
    return y;
}

static struct clg_near near_step(const struct clg_limits *limits, struct clg_near z)
{
    struct clg_near y = {z.at >= 0, 0.0};
    if ((z.by > 0 || z.at < 0) && fabs(z.at) <= z.by + limits->flush)
        y.by = INFINITY;
    return y;
}

static struct clg_near near_leaky_relu(const struct clg_limits *limits, double a, struct clg_near z)
{
    struct clg_near y = {z.at > 0 ? z.at : a * z.at, limits->flush};
    y.by += z.by * (z.at + z.by > 0 ? fmax(1.0, fabs(a)) : fabs(a));
    if (z.at - z.by < 0)
        y.by += (CLG_ROUND * fabs(a) + clg_float_error(a)) * (fabs(z.at) + z.by) + limits->tiny;
    return y;
}

static struct clg_near near_elu(const struct clg_limits *limits, double a, struct clg_near z)
{
    double below = expm1(fmin(z.at, 0.0)), end = z.at + z.by;
    struct clg_near y = {z.at > 0 ? z.at : a * below, limits->flush};
    double moved = z.by * (end > 0 ? fmax(1.0, fabs(a)) : fabs(a) * exp(end));
    y.by += moved;
    if (z.at - z.by < 0)
        y.by += (CLG_EXPM1_ULP * FLT_EPSILON + CLG_ROUND) * (fabs(a * below) + moved) +
                clg_float_error(a) * (fabs(below) + moved) + limits->tiny;
    return y;
}

static struct clg_near near_softplus(const struct clg_limits *limits, struct clg_near z)
{
    struct clg_near y = {z.at > SOFTPLUS_END ? z.at : log1p(exp(z.at)), 0.0};
    y.by = z.by * sigmoid(z.at + z.by);
    if (z.at - z.by <= SOFTPLUS_END)
        y.by += CLG_SOFTPLUS_ULP * FLT_EPSILON * (y.at + y.by) + limits->tiny;
    if (straddles(z, SOFTPLUS_END))
        y.by += SOFTPLUS_JUMP;
    return y;
}

/* Phi(z) = erfc(-z / sqrt 2) / 2, the argument off by a constant's rounding and a product's. */
static struct clg_near normal_share(const struct clg_limits *limits, double z)
{
    double x = -z * sqrt(0.5), e = erfc(x), slope = 2 / sqrt(acos(-1)) * exp(-x * x);
    struct clg_near share = {e / 2, limits->tiny};
    share.by += CLG_ERF_ULP * FLT_EPSILON * e / 2 + CLG_ROUND * fabs(x) * slope;
    return share;
}

static struct clg_near near_gelu(const struct clg_limits *limits, double z)
{
    struct clg_near share = normal_share(limits, z), y = {z * share.at, 0.0};
    y.by = fabs(z) * share.by + CLG_ROUND * fabs(y.at) + limits->tiny;
    return y;
}

static struct clg_near near_silu(const struct clg_limits *limits, double z)
{
    struct clg_near s = near_sigmoid((struct clg_near){z, 0.0}), y = {z * s.at, 0.0};
    y.by = fabs(z) * s.by + CLG_ROUND * fabs(y.at) + limits->tiny;
    return y;
}

struct clg_near clg_act_near(const struct clg_limits *limits, const struct clg_activation *act,
                             struct clg_near z)
{
    struct clg_near lost = {z.at, INFINITY};
    if (isinf(z.by))
        return lost;
    switch (act->kind) {
    case CLG_SIGMOID:
        return near_sigmoid(z);
    case CLG_TANH:
        return near_tanh(limits, z);
    case CLG_RELU:
        return near_relu(limits, z);
    case CLG_STEP:
        return near_step(limits, z);
    case CLG_LEAKY_RELU:
        return near_leaky_relu(limits, act->a, z);
    case CLG_ELU:
        return near_elu(limits, act->a, z);
    case CLG_SOFTPLUS:
        return near_softplus(limits, z);
    case CLG_GELU:
        assert(z.by == 0);
        return near_gelu(limits, z.at);
    case CLG_SILU:
        assert(z.by == 0);
        return near_silu(limits, z.at);
    case CLG_IDENTITY:
    case CLG_MAXOUT:  /* of its largest piece */
    case CLG_SOFTMAX: /* never element by element */
    case CLG_ACTS:
        break;
    }
    return z;
}

/* ---------------------------------------------------------------- f'(z) */

/* Phi(z) + z phi(z); phi's exponent z^2 / 2 is off by a rounding. */
static struct clg_near slope_gelu(const struct clg_limits *limits, double z)
{
    struct clg_near share = normal_share(limits, z);
    double bell = z * exp(-z * z / 2) / sqrt(2 * acos(-1));
    struct clg_near slope = {share.at + bell, share.by};
    slope.by += fabs(bell) * (CLG_ROUND * (z * z / 2 + 3) + CLG_EXP_ULP * FLT_EPSILON) +
                CLG_ROUND * fabs(slope.at) + (fabs(z) + 1) * limits->tiny;
    return slope;
}

/* s (1 + z s(-z)). */
static struct clg_near slope_silu(const struct clg_limits *limits, double z)
{
    struct clg_near s = near_sigmoid((struct clg_near){z, 0.0});
    struct clg_near rest = near_sigmoid((struct clg_near){-z, 0.0});
    double inner = 1 + z * rest.at;
    double inner_by = fabs(z) * rest.by + CLG_ROUND * (fabs(z * rest.at) + fabs(inner));
    struct clg_near slope = {s.at * inner, 0.0};
    slope.by = s.at * inner_by + s.by * (fabs(inner) + inner_by) + CLG_ROUND * fabs(slope.at) +
               limits->tiny;
    return slope;
}

/* 1 - e^-y. */
static struct clg_near slope_softplus(const struct clg_limits *limits, struct clg_near y)
{
    struct clg_near slope = {y.at > SOFTPLUS_END ? 1.0 : -expm1(-y.at), 0.0};
    if (y.at - y.by <= SOFTPLUS_END)
        slope.by = exp(y.by - y.at) * y.by + CLG_EXPM1_ULP * FLT_EPSILON * slope.at + limits->tiny;
    if (straddles(y, SOFTPLUS_END))
        slope.by += SOFTPLUS_JUMP;
    return slope;
}

/* 1 above the kink at 0, `below` under it.  A denormal that is flushed may lie on either side. */
static struct clg_near slope_kinked(const struct clg_limits *limits, double side,
                                    struct clg_near below)
{
    struct clg_near slope = {1.0, 0.0};
    if (side <= 0)
        return below;
    if (side <= limits->flush)
        slope.by = fabs(1 - below.at) + below.by;
    return slope;
}

struct clg_near clg_slope_near(const struct clg_limits *limits, const struct clg_activation *act,
                               double z, struct clg_near y)
{
    struct clg_near slope = {1.0, 0.0};
    double side = y.by > 0 ? z : y.at;
    switch (act->kind) {
    case CLG_SIGMOID:
        slope.at = y.at * (1 - y.at);
        slope.by = fabs(1 - 2 * y.at) * y.by + y.by * y.by + 2 * CLG_ROUND * fabs(slope.at);
        break;
    case CLG_TANH:
        slope.at = 1 - y.at * y.at;
        slope.by =
            2 * fabs(y.at) * y.by + y.by * y.by + CLG_ROUND * (y.at * y.at + 2 * fabs(slope.at));
        break;
    case CLG_RELU:
        return slope_kinked(limits, side, (struct clg_near){0.0, 0.0});
    case CLG_LEAKY_RELU:
        return slope_kinked(limits, side, (struct clg_near){act->a, clg_float_error(act->a)});
    case CLG_ELU:
        slope.at = y.at + act->a;
        slope.by = y.by + clg_float_error(act->a) + CLG_ROUND * fabs(slope.at);
        return slope_kinked(limits, side, slope);
    case CLG_SOFTPLUS:
        return slope_softplus(limits, y);
    case CLG_GELU:
        return slope_gelu(limits, z);
    case CLG_SILU:
        return slope_silu(limits, z);
    case CLG_STEP:
        slope.at = 0.0;
        break;
    case CLG_IDENTITY:
    case CLG_MAXOUT: /* of its largest piece */
    case CLG_SOFTMAX:
    case CLG_ACTS:
        break;
    }
    return slope;
}

int clg_largest_piece(const double *z, int j, int O, int pieces)
{
    int best = 0;
    for (int p = 1; p < pieces; p++)
        if (z[(size_t)p * (size_t)O + (size_t)j] > z[(size_t)best * (size_t)O + (size_t)j])
            best = p;
    return best;
}

double clg_tied_at(const struct clg_limits *limits, const double *z, int j, int O, int pieces)
{
    const size_t best = (size_t)clg_largest_piece(z, j, O, pieces);
    return fabs(z[best * (size_t)O + (size_t)j]) <= limits->flush ? limits->flush : 0.0;
}
