/* The reference back end: every layer operation as plain loops in double precision over host
 * memory, the measure that devices are checked against.  Formulas and their sources:
 * docs/formulas.md.  Products are ordered so that the innermost loop runs along memory; there is no
 * blocking, no threading and no other concession to speed.  Labels were checked against the number
 * of outputs before they came here. */
#include "ops/ops.h"

#include "core/predicted.h"
#include "core/rng.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Elements of a buffer, and row b of a matrix (.,columns). */
static double *reals(const struct clg_buf *buf)
{
    assert(buf->elem == CLG_REAL);
    return buf->host;
}

static int32_t *integers(const struct clg_buf *buf)
{
    assert(buf->elem == CLG_I32);
    return buf->host;
}

static double *row(clg_device *device, const struct clg_buf *matrix, int b, int columns)
{
    return reals(matrix) + (size_t)b * (size_t)clg_stride(device, columns);
}

/* ------------------------------------------------------------------- data */

static clg_status ref_permute(clg_device *device, struct clg_buf *perm, size_t n, uint64_t seed,
                              uint32_t epoch)
{
    struct clg_shuffle shuffle;
    int32_t *p = integers(perm);
    (void)device;
    clg_shuffle_begin(&shuffle, n, seed, epoch);
    for (size_t i = 0; i < n; i++)
        p[i] = (int32_t)clg_shuffle_at(&shuffle, (uint32_t)i);
    return CLG_OK;
}

/* x (I) = row `from` of data, bytes scaled. */
static void gather_row(double *x, const struct clg_rows *data, size_t from)
{
    size_t I = (size_t)data->features;
    if (data->x.elem == CLG_U8) {
        const uint8_t *bytes = (const uint8_t *)data->x.host + from * I;
        const double *scale = reals(&data->scale), *shift = reals(&data->shift);
        for (size_t i = 0; i < I; i++)
            x[i] = bytes[i] * scale[i] + shift[i];
    } else {
        memcpy(x, reals(&data->x) + from * I, I * sizeof *x);
    }
}

static clg_status ref_gather(clg_device *device, struct clg_buf *x, struct clg_buf *t,
                             const struct clg_rows *data, const struct clg_buf *perm, size_t start,
                             int B)
{
    size_t O = (size_t)data->outputs;
    assert(start + (size_t)B <= data->rows);
    for (int b = 0; b < B; b++) {
        size_t at = start + (size_t)b;
        size_t from = perm ? (size_t)integers(perm)[at] : at;
        gather_row(row(device, x, b, data->features), data, from);
        if (data->target == CLG_TARGET_CLASS)
            integers(t)[b] = integers(&data->t)[from];
        else
            memcpy(row(device, t, b, data->outputs), reals(&data->t) + from * O,
                   O * sizeof(double));
    }
    return CLG_OK;
}

/* ------------------------------------------------------------ activations */

/* Never raises e to a positive power, so it cannot overflow. */
static double sigmoid(double z)
{
    double e = exp(-fabs(z));
    return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static double act_fwd(double z, enum clg_act act)
{
    switch (act) {
    case CLG_SIGMOID:
        return sigmoid(z);
    case CLG_TANH:
        return tanh(z);
    case CLG_RELU:
        return z > 0 || isnan(z) ? z : 0; /* a NaN must not look like a unit at rest */
    default:
        assert(act == CLG_IDENTITY);
        return z;
    }
}

/* f'(z) from y = f(z). */
static double act_slope(double y, enum clg_act act)
{
    switch (act) {
    case CLG_SIGMOID:
        return y * (1 - y);
    case CLG_TANH:
        return 1 - y * y;
    case CLG_RELU:
        return y > 0 ? 1 : 0;
    default:
        assert(act == CLG_IDENTITY);
        return 1;
    }
}

static double largest(const double *z, int O)
{
    double m = z[0];
    for (int o = 1; o < O; o++)
        m = z[o] > m ? z[o] : m;
    return m;
}

/* y (O) = softmax(z), and the logarithm of the sum of e^(z - m), m the largest z.  y may be z. */
static double softmax_row(double *y, const double *z, int O, double m)
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

/* y (O) = f(z).  y may be z. */
static void output_row(double *y, const double *z, int O, enum clg_act act)
{
    if (act == CLG_SOFTMAX) {
        softmax_row(y, z, O, largest(z, O));
        return;
    }
    for (int o = 0; o < O; o++)
        y[o] = act_fwd(z[o], act);
}

static clg_status ref_output_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z,
                                 int B, int O, enum clg_act act)
{
    for (int b = 0; b < B; b++)
        output_row(row(device, y, b, O), row(device, z, b, O), O, act);
    return CLG_OK;
}

/* --------------------------------------------------------------- products */

enum { LANES = 8 };

/* Sum of a_k b_k in LANES partial sums, k modulo LANES: one running sum would make each addition
 * wait for the one before it and keep the compiler from using its vector unit. */
static double dot(const double *restrict a, const double *restrict b, int K)
{
    double part[LANES] = {0}, sum = 0;
    int k = 0;
    for (; k + LANES <= K; k += LANES)
        for (int j = 0; j < LANES; j++)
            part[j] += a[k + j] * b[k + j];
    for (; k < K; k++)
        part[k % LANES] += a[k] * b[k];
    for (int j = 0; j < LANES; j++)
        sum += part[j];
    return sum;
}

/* y (n) += a x (n). */
static void add_scaled(double *restrict y, const double *restrict x, int n, double a)
{
    for (int i = 0; i < n; i++)
        y[i] += a * x[i];
}

static void clear(double *y, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = 0;
}

static clg_status ref_dense_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *x,
                                const struct clg_buf *W, const struct clg_buf *b, int B, int I,
                                int O, enum clg_act act)
{
    const double *bias = reals(b);
    for (int r = 0; r < B; r++) {
        const double *in = row(device, x, r, I);
        double *out = row(device, y, r, O);
        for (int o = 0; o < O; o++)
            out[o] = act_fwd(dot(in, row(device, W, o, I), I) + bias[o], act);
    }
    return CLG_OK;
}

static clg_status ref_delta_bwd(clg_device *device, struct clg_buf *dx, const struct clg_buf *dz,
                                const struct clg_buf *W, const struct clg_buf *y, int B, int I,
                                int O, enum clg_act act)
{
    for (int b = 0; b < B; b++) {
        const double *delta = row(device, dz, b, O), *front = row(device, y, b, I);
        double *out = row(device, dx, b, I);
        clear(out, I);
        for (int o = 0; o < O; o++)
            add_scaled(out, row(device, W, o, I), I, delta[o]);
        for (int i = 0; i < I; i++)
            out[i] *= act_slope(front[i], act);
    }
    return CLG_OK;
}

static clg_status ref_grad(clg_device *device, struct clg_buf *dW, struct clg_buf *db,
                           const struct clg_buf *dz, const struct clg_buf *x, int B, int I, int O)
{
    double *bias = reals(db);
    for (int o = 0; o < O; o++) {
        double *weights = row(device, dW, o, I);
        clear(weights, I);
        bias[o] = 0;
        for (int b = 0; b < B; b++) {
            double delta = row(device, dz, b, O)[o];
            add_scaled(weights, row(device, x, b, I), I, delta);
            bias[o] += delta;
        }
    }
    return CLG_OK;
}

/* ------------------------------------------------------------------- loss */

/* The targets of one example: class `label` where values is NULL, else values (O). */
struct target {
    const double *values;
    int32_t label;
};

static struct target target_of(clg_device *device, const struct clg_buf *t, int b, int O,
                               enum clg_target kind)
{
    struct target target = {NULL, 0};
    if (kind == CLG_TARGET_VALUE) {
        target.values = row(device, t, b, O);
    } else {
        target.label = integers(t)[b];
        assert(target.label >= 0 && target.label < (O > 1 ? O : 2));
    }
    return target;
}

static double target_at(const struct target *target, int o, int O)
{
    if (target->values)
        return target->values[o];
    return O > 1 ? target->label == o : target->label;
}

/* Each of the three: y (O) = f(z), dz (O) = scale * d loss / d z, and returns the loss.  y may be
 * z, so z[o] is read for the last time before y[o] is written. */
static double ce_row(double *y, double *dz, const double *z, const struct target *target, int O,
                     double scale)
{
    double m = largest(z, O), mass = 0, score = 0;
    for (int o = 0; o < O; o++) {
        double t = target_at(target, o, O);
        mass += t;
        score += t != 0 ? t * (z[o] - m) : 0; /* 0 * Inf would make a NaN of a mere overflow */
    }
    double loss = mass * softmax_row(y, z, O, m) - score;
    for (int o = 0; o < O; o++)
        dz[o] = scale * (mass * y[o] - target_at(target, o, O));
    return loss;
}

static double bce_row(double *y, double *dz, const double *z, const struct target *target, int O,
                      double scale)
{
    double loss = 0;
    for (int o = 0; o < O; o++) {
        double s = z[o], t = target_at(target, o, O);
        loss += (s > 0 ? s : 0) - s * t + log1p(exp(-fabs(s)));
        y[o] = sigmoid(s);
        dz[o] = scale * (y[o] - t);
    }
    return loss;
}

static double mse_row(double *y, double *dz, const double *z, const struct target *target, int O,
                      enum clg_act act, double scale)
{
    double loss = 0, along = 0; /* along = sum of e_k y_k, what softmax's Jacobian takes off */
    output_row(y, z, O, act);
    for (int o = 0; o < O; o++) {
        double e = y[o] - target_at(target, o, O);
        loss += e * e / 2;
        along += e * y[o];
    }
    for (int o = 0; o < O; o++) {
        double e = y[o] - target_at(target, o, O);
        dz[o] = scale * (act == CLG_SOFTMAX ? y[o] * (e - along) : e * act_slope(y[o], act));
    }
    return loss;
}

static clg_status ref_loss_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                               struct clg_buf *row_loss, const struct clg_buf *z,
                               const struct clg_buf *t, int B, int O, enum clg_loss loss,
                               enum clg_act act, enum clg_target target, double scale)
{
    double *losses = reals(row_loss);
    assert(clg_pair_exists(loss, act));
    for (int b = 0; b < B; b++) {
        const struct target want = target_of(device, t, b, O, target);
        const double *in = row(device, z, b, O);
        double *out = row(device, y, b, O), *delta = row(device, dz, b, O);
        if (loss == CLG_CE)
            losses[b] = ce_row(out, delta, in, &want, O, scale);
        else if (loss == CLG_BCE)
            losses[b] = bce_row(out, delta, in, &want, O, scale);
        else
            losses[b] = mse_row(out, delta, in, &want, O, act, scale);
    }
    return CLG_OK;
}

/* ---------------------------------------------------------------- figures */

static clg_status ref_score(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
                            const struct clg_buf *row_loss, const struct clg_buf *y,
                            const struct clg_buf *t, int B, int O, enum clg_target target)
{
    const double *losses = reals(row_loss);
    double sum = 0;
    for (int b = 0; b < B; b++) {
        sum += losses[b];
        if (target == CLG_TARGET_CLASS)
            *integers(hits) += clg_class_of(row(device, y, b, O), NULL, O) == integers(t)[b];
    }
    reals(stats)[0] += sum;
    return CLG_OK;
}

static clg_status ref_penalty(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                              const struct clg_buf *params, size_t n, double factor)
{
    const double *p = reals(params);
    double sum = 0;
    (void)device;
    (void)scratch;
    for (size_t i = 0; i < n; i++)
        sum += p[i] * p[i];
    reals(stats)[2] += factor * sum;
    return CLG_OK;
}

/* ----------------------------------------------------------------- update */

/* The gradient that the optimiser sees: with the L2 term on weights, without it on biases. */
static double decayed(const double *p, const double *g, size_t i, size_t n_weights, double l2)
{
    return i < n_weights ? g[i] + l2 * p[i] : g[i];
}

static void sgd(double *p, const double *g, size_t n, size_t n_weights, const struct clg_update *u)
{
    for (size_t i = 0; i < n; i++)
        p[i] -= u->lr * decayed(p, g, i, n_weights, u->l2);
}

static void momentum(double *p, double *v, const double *g, size_t n, size_t n_weights,
                     const struct clg_update *u)
{
    for (size_t i = 0; i < n; i++) {
        v[i] = u->momentum * v[i] + decayed(p, g, i, n_weights, u->l2);
        p[i] -= u->lr * v[i];
    }
}

static void adam(double *p, double *m, double *v, const double *g, size_t n, size_t n_weights,
                 const struct clg_update *u)
{
    double rate = u->lr / (1 - pow(u->beta1, (double)u->t));
    double root = sqrt(1 - pow(u->beta2, (double)u->t));
    for (size_t i = 0; i < n; i++) {
        double d = decayed(p, g, i, n_weights, u->l2);
        m[i] = u->beta1 * m[i] + (1 - u->beta1) * d;
        v[i] = u->beta2 * v[i] + (1 - u->beta2) * d * d;
        p[i] -= rate * m[i] / (sqrt(v[i]) / root + u->eps);
    }
}

static clg_status ref_update(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                             struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                             size_t n_weights, const struct clg_update *u)
{
    (void)device;
    assert(u->t >= 1);
    switch (u->opt) {
    case CLG_SGD:
        sgd(reals(params), reals(grads), n, n_weights, u);
        break;
    case CLG_MOMENTUM:
        momentum(reals(params), reals(slot0), reals(grads), n, n_weights, u);
        break;
    default:
        assert(u->opt == CLG_ADAM);
        adam(reals(params), reals(slot0), reals(slot1), reals(grads), n, n_weights, u);
        break;
    }
    return CLG_OK;
}

const struct clg_ops clg_ops_reference = {
    .name = "reference",
    .permute = ref_permute,
    .gather = ref_gather,
    .dense_fwd = ref_dense_fwd,
    .output_fwd = ref_output_fwd,
    .loss_fwd = ref_loss_fwd,
    .score = ref_score,
    .penalty = ref_penalty,
    .delta_bwd = ref_delta_bwd,
    .grad = ref_grad,
    .update = ref_update,
};
