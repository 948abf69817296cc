/* The reference's activations and their derivatives, unit by unit, softmax, and dropout.  Formulas:
 * docs/formulas.md. */
#include "ops/reference.h"

#include "core/rng.h"

#include <math.h>

#define SQRT_HALF 0.70710678118654752440
#define ONE_BY_SQRT_2_PI 0.39894228040143267794

/* Above it ln(1 + e^z) is z and its derivative 1, as in PyTorch. */
static const double softplus_limit = 20;

double ref_sigmoid(double z)
{
    double e = exp(-fabs(z));
    return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* The normal distribution function.  erfc keeps its digits far below 0, where 1 + erf has none. */
static double normal_below(double z)
{
    return 0.5 * erfc(-z * SQRT_HALF);
}

/* The piece of unit j with the largest z, the first of equals; a NaN wins. */
static int largest_piece(const double *z, int j, int O, int pieces)
{
    int best = 0;
    for (int p = 1; p < pieces; p++)
        if (z[p * O + j] > z[best * O + j] || isnan(z[p * O + j]))
            best = p;
    return best;
}

double ref_unit_fwd(const double *z, int j, int O, const struct clg_activation *act)
{
    const double v = z[j];
    switch (act->kind) {
    case CLG_STEP:
        return isnan(v) ? v : v >= 0; /* a NaN must not look like a unit at rest */
    case CLG_SIGMOID:
        return ref_sigmoid(v);
    case CLG_TANH:
        return tanh(v);
    case CLG_RELU:
        return v > 0 || isnan(v) ? v : 0;
    case CLG_LEAKY_RELU:
        return v > 0 ? v : act->a * v;
    case CLG_ELU:
        return v > 0 ? v : act->a * expm1(v);
    case CLG_GELU:
        return v * normal_below(v);
    case CLG_SILU:
        return v * ref_sigmoid(v);
    case CLG_SOFTPLUS:
        return v > softplus_limit ? v : log1p(exp(v));
    case CLG_MAXOUT:
        return z[largest_piece(z, j, O, act->pieces) * O + j];
    default:
        assert(act->kind == CLG_IDENTITY);
        return v;
    }
}

/* f'(z) where y = f(z) is enough to know it. */
static double slope_of_y(double y, const struct clg_activation *act)
{
    switch (act->kind) {
    case CLG_STEP:
        return 0;
    case CLG_SIGMOID:
        return y * (1 - y);
    case CLG_TANH:
        return 1 - y * y;
    case CLG_RELU:
        return y > 0 ? 1 : 0;
    case CLG_LEAKY_RELU:
        return y > 0 ? 1 : act->a;
    case CLG_ELU:
        return y > 0 ? 1 : y + act->a;
    case CLG_SOFTPLUS:
        return y > softplus_limit ? 1 : -expm1(-y);
    default:
        assert(act->kind == CLG_IDENTITY);
        return 1;
    }
}

/* f'(z) of those that have no inverse. */
static double slope_of_z(double z, enum clg_act kind)
{
    if (kind == CLG_GELU)
        return normal_below(z) + z * ONE_BY_SQRT_2_PI * exp(-z * z / 2);
    assert(kind == CLG_SILU);
    return ref_sigmoid(z) * (1 + z * ref_sigmoid(-z));
}

void ref_unit_bwd(double *dz, double dy, double y, const double *z, int j, int O,
                  const struct clg_activation *act)
{
    if (act->kind == CLG_MAXOUT) {
        int winner = largest_piece(z, j, O, act->pieces);
        for (int p = 0; p < act->pieces; p++)
            dz[p * O + j] = p == winner ? dy : 0;
    } else {
        dz[j] =
            dy * (clg_act_keeps_z(act->kind) ? slope_of_z(z[j], act->kind) : slope_of_y(y, act));
    }
}

double ref_largest(const double *z, int O)
{
    double m = z[0];
    for (int o = 1; o < O; o++)
        m = z[o] > m ? z[o] : m;
    return m;
}

double ref_softmax_row(double *y, const double *z, int O, double m)
{
    double sum = 0;
    for (int o = 0; o < O; o++) {
        y[o] = exp(z[o] - m);
        sum += y[o];
    }
    for (int o = 0; o < O; o++)
        y[o] /= sum;
    return log(sum);
}

clg_status ref_output_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z, int B,
                          int O, const struct clg_activation *act)
{
    for (int b = 0; b < B; b++) {
        const double *in = ref_row(device, z, b, O * act->pieces);
        double *out = ref_row(device, y, b, O);
        if (act->kind == CLG_SOFTMAX)
            ref_softmax_row(out, in, O, ref_largest(in, O));
        for (int o = 0; act->kind != CLG_SOFTMAX && o < O; o++)
            out[o] = ref_unit_fwd(in, o, O, act);
    }
    return CLG_OK;
}

/* ---------------------------------------------------------------- dropout */

void ref_drop_row(double *y, const double *x, int N, uint64_t first, const struct clg_dropout *drop)
{
    const uint32_t stream = CLG_STREAM_DROPOUT + (drop->layer << 8);
    const uint32_t threshold = (uint32_t)(drop->p * 4294967296.0);
    uint32_t word[4];
    for (int n = 0; n < N; n++) {
        uint64_t i = first + (uint64_t)n;
        if (n == 0 || i % 4 == 0)
            clg_philox(word, drop->seed, stream, drop->step, i / 4);
        y[n] = word[i % 4] >= threshold ? x[n] / (1 - drop->p) : 0;
    }
}

clg_status ref_dropout_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *x, int B,
                           int N, const struct clg_dropout *drop)
{
    assert(drop->p >= 0 && drop->p < 1);
    for (int b = 0; b < B; b++)
        ref_drop_row(ref_row(device, y, b, N), ref_row(device, x, b, N), N,
                     (uint64_t)b * (uint64_t)N, drop);
    return CLG_OK;
}
