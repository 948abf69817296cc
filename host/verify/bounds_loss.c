/* Bounds of the losses: output, each example's loss, and the first delta, from z of the last layer.
 * The formulas are those of docs/formulas.md. */
#include "verify/rounding.h"

#include <math.h>

/* One example: its row of z and t, and where its bounds go. */
struct row {
    const double *z, *t;
    double *y_bound, *dz_bound;
    int O;
    double scale;
};

/* A target that multiplies exactly. */
static int is_plain(double t)
{
    return t == 0.0 || t == 1.0;
}

/* dz = scale * v for a v off by at most bv. */
static double scaled(const struct clg_limits *limits, double scale, double v, double bv)
{
    return fabs(scale) * (bv + 2 * CLG_ROUND * (fabs(v) + bv)) + limits->tiny;
}

/* mass * ln(sum exp(z - m)) - sum t (z - m), mass = sum t; dz = scale * (mass * y - t). */
static double ce_row(const struct row *row, const struct clg_limits *limits)
{
    struct clg_softmax whole = clg_softmax_begin(limits, row->z, row->O);
    double mass = 0, dot = 0, dot_size = 0, dot_bound = 0, mass_bound = 0;
    int plain = 1, terms = 0;
    for (int j = 0; j < row->O; j++) {
        double t = row->t[j], a = t == 0.0 ? 0.0 : t * (row->z[j] - whole.max);
        mass += t;
        dot += a;
        dot_size += fabs(a);
        plain = plain && is_plain(t);
        terms += t != 0.0;
    }
    dot_bound = CLG_ROUND * dot_size; /* of z - m */
    if (!plain || terms > 1) {
        mass_bound = clg_rounded_sum((size_t)row->O, fabs(mass));
        dot_bound += clg_rounded_sum((size_t)row->O, dot_size);
    }
    for (int j = 0; j < row->O; j++) {
        double by, y = clg_softmax_at(&whole, row->z[j], &by);
        double v = mass * y - row->t[j];
        double bv = fabs(mass) * by + mass_bound * (y + by) + CLG_ROUND * fabs(v);
        bv += plain ? 0.0 : CLG_ROUND * fabs(mass) * y;
        row->y_bound[j] = by;
        row->dz_bound[j] = scaled(limits, row->scale, v, bv);
    }
    double ln = log(whole.sum), ln_bound = whole.sum_error + CLG_LOG_ULP * FLT_EPSILON * ln;
    return fabs(mass) * ln_bound + mass_bound * (ln + ln_bound) + dot_bound +
           CLG_ROUND * (fabs(mass * ln) + fabs(mass * ln - dot)) + limits->tiny;
}

/* Sum of max(z,0) - z t + log1p(exp(-|z|)); dz = scale * (y - t). */
static double bce_row(const struct row *row, const struct clg_limits *limits)
{
    double bound = 0, size = 0;
    clg_bound_output_fwd(row->y_bound, limits, row->z, 1, row->O, CLG_SIGMOID);
    for (int j = 0; j < row->O; j++) {
        double z = row->z[j], t = row->t[j], v = 1 / (1 + exp(-z)) - t;
        double linear = fmax(z, 0.0) - z * t, p = log1p(exp(-fabs(z)));
        bound += CLG_ROUND * (fabs(linear) + fabs(linear + p) + (is_plain(t) ? 0.0 : fabs(z * t)));
        bound += (CLG_EXP_ULP + CLG_LOG1P_ULP) * FLT_EPSILON * p + limits->tiny;
        size += fabs(linear + p);
        row->dz_bound[j] = scaled(limits, row->scale, v, row->y_bound[j] + CLG_ROUND * fabs(v));
    }
    return bound + (row->O > 1 ? clg_rounded_sum((size_t)row->O, size) : 0.0);
}

static double act_value(enum clg_act act, double z)
{
    switch (act) {
    case CLG_SIGMOID:
        return 1 / (1 + exp(-z));
    case CLG_TANH:
        return tanh(z);
    case CLG_RELU:
        return z > 0 ? z : 0.0;
    case CLG_IDENTITY:
    case CLG_SOFTMAX:
    case CLG_ACTS:
        break;
    }
    return z;
}

/* The bound of sum e^2 / 2 where e is off by at most be; size gathers the sum. */
static double square_bound(double e, double be, double *size)
{
    *size += e * e / 2;
    return fabs(e) * be + be * be / 2;
}

/* 1/2 sum e^2, e = y - t; dz = scale * e f'(y). */
static double mse_row(const struct row *row, const struct clg_limits *limits, enum clg_act act)
{
    double bound = 0, size = 0;
    clg_bound_output_fwd(row->y_bound, limits, row->z, 1, row->O, act);
    for (int j = 0; j < row->O; j++) {
        double by = row->y_bound[j], y = act_value(act, row->z[j]), e = y - row->t[j];
        double be = by + CLG_ROUND * fabs(e), slope_bound;
        double slope = clg_slope(act, y, by, &slope_bound);
        double bv = fabs(slope) * be + (fabs(e) + be) * slope_bound;
        bv += CLG_ROUND * fabs(slope * e) + limits->tiny;
        bound += square_bound(e, be, &size);
        row->dz_bound[j] = scaled(limits, row->scale, slope * e, bv);
    }
    return bound + clg_rounded_sum((size_t)row->O, size);
}

/* The same through softmax's whole Jacobian: dz_j = scale * y_j (e_j - s), s = sum y_k e_k. */
static double mse_softmax_row(const struct row *row, const struct clg_limits *limits)
{
    struct clg_softmax whole = clg_softmax_begin(limits, row->z, row->O);
    double bound = 0, size = 0, s = 0, s_size = 0, s_bound = 0;
    for (int j = 0; j < row->O; j++) {
        double by, y = clg_softmax_at(&whole, row->z[j], &by), e = y - row->t[j];
        double be = by + CLG_ROUND * fabs(e);
        row->y_bound[j] = by;
        bound += square_bound(e, be, &size);
        s += y * e;
        s_size += fabs(y * e);
        s_bound += y * be + (fabs(e) + be) * by;
    }
    s_bound += clg_rounded_sum((size_t)row->O, s_size);
    for (int j = 0; j < row->O; j++) {
        double by, y = clg_softmax_at(&whole, row->z[j], &by), e = y - row->t[j], d = e - s;
        double bd = by + CLG_ROUND * fabs(e) + s_bound + CLG_ROUND * fabs(d);
        double bv = y * bd + (fabs(d) + bd) * by + CLG_ROUND * fabs(y * d) + limits->tiny;
        row->dz_bound[j] = scaled(limits, row->scale, y * d, bv);
    }
    return bound + clg_rounded_sum((size_t)row->O, size);
}

void clg_bound_loss_fwd(double *y_bound, double *dz_bound, double *row_bound,
                        const struct clg_limits *limits, const double *z, const double *t, int B,
                        int O, enum clg_loss loss, enum clg_act act, double scale)
{
    for (int r = 0; r < B; r++) {
        size_t at = (size_t)r * (size_t)O;
        struct row row = {z + at, t + at, y_bound + at, dz_bound + at, O, scale};
        if (loss == CLG_CE)
            row_bound[r] = ce_row(&row, limits);
        else if (loss == CLG_BCE)
            row_bound[r] = bce_row(&row, limits);
        else if (act == CLG_SOFTMAX)
            row_bound[r] = mse_softmax_row(&row, limits);
        else
            row_bound[r] = mse_row(&row, limits, act);
    }
}
