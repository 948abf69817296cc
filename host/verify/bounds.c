/* Bounds of the layer operations but for the loss and the update, which have files of their own.
 * Nothing here compares: tally.c does. */
#include "verify/bounds.h"

#include "core/rng.h"
#include "verify/rounding.h"

struct clg_limits clg_limits_of(const clg_device *device)
{
    struct clg_limits limits;
    /* programs are built so that they may; a device can keep denormals all the same */
    limits.flush = device->kind == CLG_OPENCL ? FLT_MIN : 0.0;
    limits.tiny = 2 * limits.flush + 8 * (double)FLT_TRUE_MIN;
    return limits;
}

void clg_targets_spread(double *t, const double *labels, int B, int O)
{
    for (int b = 0; b < B; b++)
        for (int j = 0; j < O; j++)
            t[(size_t)b * (size_t)O + (size_t)j] = O == 1 ? labels[b] : (double)(labels[b] == j);
}

void clg_bound_gather(double *bound, const struct clg_limits *limits, const double *raw,
                      const double *scale, const double *shift, int B, int F)
{
    size_t at = 0;
    for (int b = 0; b < B; b++)
        for (int i = 0; i < F; i++, at++)
            bound[at] = clg_rounded_sum(2, fabs(raw[at] * scale[i]) + fabs(shift[i])) +
                        clg_flushed_sum(limits, 2) + clg_flushed(limits, raw[at], scale[i]);
}

void clg_bound_dense_fwd(double *bound, const struct clg_limits *limits, const double *x,
                         const double *W, const double *b, int B, int I, int O,
                         const struct clg_activation *act)
{
    for (int r = 0; r < B; r++) {
        for (int j = 0; j < O; j++) {
            const double *xr = x + (size_t)r * (size_t)I, *w = W + (size_t)j * (size_t)I;
            double size = fabs(b[j]), lost = clg_flushed_sum(limits, (size_t)I + 1);
            struct clg_near z = {b[j], 0.0};
            for (int i = 0; i < I; i++) {
                z.at += xr[i] * w[i];
                size += fabs(xr[i] * w[i]);
                lost += clg_flushed(limits, xr[i], w[i]);
            }
            z.by = clg_bound_of_sum((size_t)I + 1, size, z.at) + lost;
            bound[(size_t)r * (size_t)O + (size_t)j] = clg_act_near(limits, act, z).by;
        }
    }
}

/* One row of O units; all are copies where act is maxout. */
static void output_bound(double *bound, const struct clg_limits *limits, const double *z, int O,
                         const struct clg_activation *act)
{
    struct clg_softmax whole;
    if (act->kind == CLG_SOFTMAX)
        whole = clg_softmax_begin(limits, z, O, 1.0);
    for (int j = 0; j < O; j++) {
        if (act->kind == CLG_SOFTMAX)
            bound[j] = clg_softmax_at(&whole, z[j]).by;
        else if (act->kind == CLG_MAXOUT)
            bound[j] = 2 * clg_tied_at(limits, z, j, O, act->pieces);
        else
            bound[j] = clg_act_near(limits, act, (struct clg_near){z[j], 0.0}).by;
    }
}

void clg_bound_output_fwd(double *bound, const struct clg_limits *limits, const double *z, int B,
                          int O, const struct clg_activation *act)
{
    size_t columns = (size_t)O * (size_t)act->pieces;
    for (int r = 0; r < B; r++)
        output_bound(bound + (size_t)r * (size_t)O, limits, z + (size_t)r * columns, O, act);
}

void clg_bound_alive(double *bound, const struct clg_limits *limits, const double *y, int B, int O)
{
    for (int j = 0; j < O; j++) {
        double most = 0.0;
        for (int b = 0; b < B; b++)
            most = fmax(most, y[(size_t)b * (size_t)O + (size_t)j]);
        bound[j] = most > 0 && most <= limits->flush ? 1.0 : 0.0;
    }
}

void clg_bound_hits(double *bound, const struct clg_limits *limits, const double *y, int B, int O)
{
    for (int b = 0; b < B; b++) {
        const double *row = y + (size_t)b * (size_t)O;
        double most = -INFINITY;
        int tied = 0;
        for (int j = 0; j < O; j++) {
            most = fmax(most, row[j]);
            tied += fabs(row[j]) <= limits->flush;
        }
        bound[b] = O > 1 && tied > 1 && most <= limits->flush ? 1.0 : 0.0;
    }
}

/* What a kept unit loses when it is divided by 1 - p, or multiplied by the reciprocal. */
#define KEPT_ERROR (CLG_DIVIDE_ULP * FLT_EPSILON + CLG_ROUND)

void clg_dropout_mask(double *mask, size_t count, const struct clg_dropout *drop)
{
    const uint32_t threshold = (uint32_t)(drop->p * 4294967296.0);
    uint32_t word[4];
    for (size_t i = 0; i < count; i++) {
        if (i % 4 == 0)
            clg_philox(word, drop->seed, CLG_STREAM_DROPOUT + (drop->layer << 8), drop->step,
                       i / 4);
        mask[i] = word[i % 4] >= threshold ? 1 / (1 - drop->p) : 0.0;
    }
}

void clg_bound_dropout_fwd(double *bound, const struct clg_limits *limits, const double *x,
                           const double *mask, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bound[i] = mask[i] == 0.0 ? 0.0
                                  : KEPT_ERROR * fabs(x[i] * mask[i]) + limits->tiny +
                                        clg_flushed(limits, x[i], mask[i]);
}

double clg_bound_sum(const struct clg_limits *limits, const double sum[2], double total, size_t n)
{
    if (!(total + fabs(sum[0]) <= FLT_MAX)) /* the compensation of an overflow is no number */
        return INFINITY;
    return clg_rounded_sum(n, total) + clg_flushed_sum(limits, n) +
           FLT_EPSILON * (fabs(sum[1]) + FLT_EPSILON * (fabs(sum[0]) + total));
}

/* Of one unit of the layer in front. */
struct unit {
    double mask;           /* of the dropout between the layers, 1 where there is none */
    struct clg_near slope; /* f' of the layer in front */
    double size, lost;     /* sum of |dz w|, and what a flushing device loses of it */
    double dx;             /* the reference's result */
    int is_plain;          /* dx is the sum itself */
};

/* |dx| = |g mask f'| gives |g| back where f' is not 0; where it is, the result is 0 exactly. */
static double delta_bound(const struct clg_limits *limits, const struct unit *unit, int O)
{
    double factor = unit->mask * unit->slope.at, slope = fabs(unit->slope.at);
    int is_zero = unit->mask == 0.0 || (slope == 0.0 && unit->slope.by == 0.0);
    if (is_zero && unit->size <= FLT_MAX)
        return 0.0;
    double g = factor != 0.0 ? unit->dx / factor : 0.0;
    double by = clg_bound_of_sum((size_t)O, unit->size, g) + unit->lost;
    if (unit->is_plain || isinf(by))
        return by;
    g = factor != 0.0 ? fabs(g) : unit->size;
    if (unit->mask != 1.0) {
        g *= unit->mask;
        by = by * unit->mask + KEPT_ERROR * (g + by * unit->mask) + limits->tiny;
    }
    return slope * by + (g + by) * unit->slope.by + CLG_ROUND * fabs(unit->dx) + limits->tiny;
}

/* Row r: size (2 I) holds the sums of |dz w|, then what is lost of them. */
static void delta_row(double *bound, const struct clg_limits *limits, const double *size,
                      const struct clg_delta_case *c, size_t r)
{
    const size_t I = (size_t)c->I, K = (size_t)c->act->pieces;
    const double *z = c->z ? c->z + r * I * K : NULL, *dx = c->dx + r * I * K;
    for (size_t i = 0; i < I; i++) {
        struct clg_near y = {c->y[r * I + i], 0.0};
        struct unit unit = {
            .mask = c->mask ? c->mask[r * I + i] : 1.0, .size = size[i], .lost = size[I + i]};
        int best = K > 1 ? clg_largest_piece(z, (int)i, c->I, (int)K) : 0;
        unit.slope = clg_slope_near(limits, c->act, K == 1 && z ? z[i] : y.at, y);
        unit.dx = dx[(size_t)best * I + i];
        unit.is_plain = !c->mask && (c->act->kind == CLG_IDENTITY || K > 1);
        const double by = delta_bound(limits, &unit, c->O);
        const double tied = K > 1 ? clg_tied_at(limits, z, (int)i, c->I, (int)K) : 0.0;
        for (size_t p = 0; p < K; p++)
            bound[p * I + i] = tied > 0 && fabs(z[p * I + i]) <= tied ? by + fabs(unit.dx) : 0.0;
        if (tied <= 0)
            bound[(size_t)best * I + i] = by;
    }
}

void clg_bound_delta_bwd(double *bound, double *size, const struct clg_limits *limits,
                         const struct clg_delta_case *c)
{
    const size_t I = (size_t)c->I, O = (size_t)c->O;
    for (size_t r = 0; r < (size_t)c->B; r++) {
        for (size_t i = 0; i < I; i++) {
            size[i] = 0.0;
            size[I + i] = clg_flushed_sum(limits, O);
        }
        for (size_t j = 0; j < O; j++) {
            double factor = fabs(c->dz[r * O + j]);
            for (size_t i = 0; i < I; i++) {
                size[i] += factor * fabs(c->W[j * I + i]);
                size[I + i] += clg_flushed(limits, factor, c->W[j * I + i]);
            }
        }
        delta_row(bound + r * I * (size_t)c->act->pieces, limits, size, c, r);
    }
}

void clg_bound_grad(double *dW_bound, double *db_bound, const struct clg_limits *limits,
                    const double *dW, const double *db, const double *dz, const double *x, int B,
                    int I, int O)
{
    for (int j = 0; j < O; j++) {
        double *row = dW_bound + (size_t)j * (size_t)I, total = 0.0;
        for (int i = 0; i < I; i++)
            row[i] = 0.0;
        for (int r = 0; r < B; r++) {
            double factor = fabs(dz[(size_t)r * (size_t)O + (size_t)j]);
            const double *xr = x + (size_t)r * (size_t)I;
            total += factor;
            for (int i = 0; i < I; i++)
                row[i] += factor * fabs(xr[i]);
        }
        for (int i = 0; i < I; i++)
            row[i] = clg_bound_of_sum((size_t)B, row[i], dW[(size_t)j * (size_t)I + (size_t)i]) +
                     clg_flushed_sum(limits, (size_t)B);
        for (int r = 0; r < B && limits->flush > 0; r++)
            for (int i = 0; i < I; i++)
                row[i] += clg_flushed(limits, dz[(size_t)r * (size_t)O + (size_t)j],
                                      x[(size_t)r * (size_t)I + (size_t)i]);
        db_bound[j] =
            clg_bound_of_sum((size_t)B, total, db[j]) + clg_flushed_sum(limits, (size_t)B);
    }
}
