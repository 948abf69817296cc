/* The reference back end: every layer operation as plain loops in double precision over host
 * memory, the measure that devices are checked against.  Here are data, products and figures;
 * activations, losses and optimisers are in reference_act.c, reference_loss.c and
 * reference_update.c.  Formulas and their sources: docs/formulas.md.  Products are ordered so that
 * the innermost loop runs along memory; there is no blocking, no threading and no other concession
 * to speed. */
#include "ops/reference.h"

#include "core/predicted.h"
#include "core/rng.h"

#include <string.h>

/* ------------------------------------------------------------------- data */

static clg_status ref_permute(clg_device *device, struct clg_buf *perm, size_t n, uint64_t seed,
                              uint32_t epoch)
{
    struct clg_shuffle shuffle;
    int32_t *p = ref_integers(perm);
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
        const double *scale = ref_reals(&data->scale), *shift = ref_reals(&data->shift);
        for (size_t i = 0; i < I; i++)
            x[i] = bytes[i] * scale[i] + shift[i];
    } else {
        memcpy(x, ref_reals(&data->x) + from * I, I * sizeof *x);
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
        size_t from = perm ? (size_t)ref_integers(perm)[at] : at;
        gather_row(ref_row(device, x, b, data->features), data, from);
        if (!t)
            continue;
        if (data->target == CLG_TARGET_CLASS)
            ref_integers(t)[b] = ref_integers(&data->t)[from];
        else
            memcpy(ref_row(device, t, b, data->outputs), ref_reals(&data->t) + from * O,
                   O * sizeof(double));
    }
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

static clg_status ref_dense_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *z,
                                const struct clg_buf *x, const struct clg_buf *W,
                                const struct clg_buf *b, int B, int I, int O,
                                const struct clg_activation *act)
{
    const double *bias = ref_reals(b);
    const int rows = O * act->pieces;
    assert(!z == !clg_act_keeps_z(act->kind) && act->kind != CLG_SOFTMAX);
    for (int r = 0; r < B; r++) {
        const double *in = ref_row(device, x, r, I);
        double *out = ref_row(device, y, r, O), *sums = z ? ref_row(device, z, r, rows) : out;
        for (int o = 0; o < rows; o++)
            sums[o] = dot(in, ref_row(device, W, o, I), I) + bias[o];
        for (int o = 0; o < O; o++)
            out[o] = ref_unit_fwd(sums, o, O, act);
    }
    return CLG_OK;
}

static clg_status ref_delta_bwd(clg_device *device, struct clg_buf *dx, struct clg_buf *dy,
                                const struct clg_buf *dz, const struct clg_buf *W,
                                const struct clg_buf *y, const struct clg_buf *z, int B, int I,
                                int O, const struct clg_activation *act,
                                const struct clg_dropout *drop)
{
    for (int b = 0; b < B; b++) {
        const double *delta = ref_row(device, dz, b, O), *front = ref_row(device, y, b, I);
        const double *kept = z ? ref_row(device, z, b, I * act->pieces) : NULL;
        double *out = ref_row(device, dx, b, I * act->pieces);
        double *product = act->pieces > 1 ? ref_row(device, dy, b, I) : out;
        clear(product, I);
        for (int o = 0; o < O; o++)
            add_scaled(product, ref_row(device, W, o, I), I, delta[o]);
        if (drop)
            ref_drop_row(product, product, I, (uint64_t)b * (uint64_t)I, drop);
        for (int i = 0; i < I; i++)
            ref_unit_bwd(out, product[i], front[i], kept, i, I, act);
    }
    return CLG_OK;
}

static clg_status ref_grad(clg_device *device, struct clg_buf *dW, struct clg_buf *db,
                           const struct clg_buf *dz, const struct clg_buf *x, int B, int I, int O)
{
    double *bias = ref_reals(db);
    for (int o = 0; o < O; o++) {
        double *weights = ref_row(device, dW, o, I);
        clear(weights, I);
        bias[o] = 0;
        for (int b = 0; b < B; b++) {
            double delta = ref_row(device, dz, b, O)[o];
            add_scaled(weights, ref_row(device, x, b, I), I, delta);
            bias[o] += delta;
        }
    }
    return CLG_OK;
}

/* ---------------------------------------------------------------- figures */

static clg_status ref_score(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
                            const struct clg_buf *row_loss, const struct clg_buf *y,
                            const struct clg_buf *t, int B, int O, enum clg_target target)
{
    const double *losses = ref_reals(row_loss);
    double sum = 0;
    for (int b = 0; b < B; b++) {
        sum += losses[b];
        if (target == CLG_TARGET_CLASS)
            *ref_integers(hits) +=
                clg_class_of(ref_row(device, y, b, O), NULL, O) == ref_integers(t)[b];
    }
    ref_reals(stats)[0] += sum;
    return CLG_OK;
}

static clg_status ref_penalty(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                              const struct clg_buf *params, size_t n, double factor)
{
    const double *p = ref_reals(params);
    double sum = 0;
    (void)device;
    (void)scratch;
    for (size_t i = 0; i < n; i++)
        sum += p[i] * p[i];
    ref_reals(stats)[2] += factor * sum;
    return CLG_OK;
}

static clg_status ref_mark_alive(clg_device *device, struct clg_buf *alive, const struct clg_buf *y,
                                 int B, int O)
{
    int32_t *marks = ref_integers(alive);
    for (int b = 0; b < B; b++) {
        const double *out = ref_row(device, y, b, O);
        for (int o = 0; o < O; o++)
            if (out[o] > 0)
                marks[o] = 1;
    }
    return CLG_OK;
}

const struct clg_ops clg_ops_reference = {
    .name = "reference",
    .permute = ref_permute,
    .gather = ref_gather,
    .dense_fwd = ref_dense_fwd,
    .output_fwd = ref_output_fwd,
    .dropout_fwd = ref_dropout_fwd,
    .loss_fwd = ref_loss_fwd,
    .score = ref_score,
    .penalty = ref_penalty,
    .delta_bwd = ref_delta_bwd,
    .grad = ref_grad,
    .square_sum = ref_square_sum,
    .clip = ref_clip,
    .mark_alive = ref_mark_alive,
    .update = ref_update,
};
