/* Bounds of the losses that work output by output (bce, mse, huber, the perceptron rule), and the
 * way of all losses: row by row, with class weights and the reduction.  The cross-entropy and what
 * else goes through softmax is in bounds_softmax.c.  The formulas are those of docs/formulas.md. */
#include "verify/bounds_row.h"

double clg_scaled_bound(const struct clg_limits *limits, const struct clg_loss_row *row,
                        struct clg_near v)
{
    double part = 2 * CLG_ROUND + row->scale_error;
    return fabs(row->scale) * (v.by + part * (fabs(v.at) + v.by)) + limits->tiny;
}

/* Sum of max(z,0) - z t + log1p(exp(-|z|)); dz = scale * (y - t). */
static struct clg_near bce_row(const struct clg_loss_row *row, const struct clg_limits *limits)
{
    static const struct clg_activation sigmoid = {.kind = CLG_SIGMOID, .pieces = 1};
    struct clg_near loss = {0.0, 0.0};
    for (int j = 0; j < row->O; j++) {
        double z = row->z[j], t = row->t[j];
        struct clg_near y = clg_act_near(limits, &sigmoid, (struct clg_near){z, 0.0}), v;
        double linear = fmax(z, 0.0) - z * t, p = log1p(exp(-fabs(z)));
        loss.by += CLG_ROUND *
                   (fabs(linear) + fabs(linear + p) + (clg_target_is_plain(t) ? 0.0 : fabs(z * t)));
        loss.by += (CLG_EXP_ULP + CLG_LOG1P_ULP) * FLT_EPSILON * p + limits->tiny;
        loss.at += linear + p;
        row->y_bound[j] = y.by;
        v = (struct clg_near){y.at - t, y.by + CLG_ROUND * fabs(y.at - t)};
        row->dz_bound[j] = clg_scaled_bound(limits, row, v);
    }
    if (row->O > 1)
        loss.by += clg_rounded_sum((size_t)row->O, loss.at);
    return loss;
}

struct clg_near clg_error_loss(const struct clg_loss_spec *spec, struct clg_near e,
                               struct clg_near *slope)
{
    const double size = fabs(e.at), d = spec->delta, d_error = clg_float_error(d);
    struct clg_near loss = {e.at * e.at / 2, size * e.by + e.by * e.by / 2};
    *slope = e;
    if (spec->kind != CLG_HUBER)
        return loss;
    if (size + e.by > d) { /* linear, or perhaps so */
        double least = fmax(fmin(size, d) - fmax(size - e.by, 0.0), 0.0);
        *slope = (struct clg_near){copysign(fmin(size, d), e.at), fmin(e.by, least) + d_error};
        loss.by = fmin(size + e.by, d) * e.by + d_error * (size + e.by);
        if (size > d)
            loss.at = d * (size - d / 2);
        loss.by += FLT_EPSILON * loss.at;
    }
    return loss;
}

/* Unit j: y and its derivative f', and the piece of z that it came from. */
static struct clg_near unit_near(struct clg_near *slope, int *piece, const struct clg_loss_row *row,
                                 const struct clg_limits *limits, int j)
{
    const struct clg_activation *act = row->act;
    *piece = clg_largest_piece(row->z, j, row->O, act->pieces);
    double z = row->z[*piece * row->O + j];
    struct clg_near y = clg_act_near(limits, act, (struct clg_near){z, 0.0});
    if (act->kind == CLG_MAXOUT)
        y.by = 2 * clg_tied_at(limits, row->z, j, row->O, act->pieces);
    *slope = clg_slope_near(limits, act, z, y);
    if (row->spec->kind == CLG_PERCEPTRON) /* takes no derivative */
        *slope = (struct clg_near){1.0, 0.0};
    return y;
}

/* dz = scale * v for the piece that unit j came from, 0 for the others; where pieces are tied, it
 * may be any of them. */
static void dz_bounds(const struct clg_loss_row *row, const struct clg_limits *limits,
                      struct clg_near v, int j, int piece)
{
    const int K = row->act->pieces;
    const double tied = K > 1 ? clg_tied_at(limits, row->z, j, row->O, K) : 0.0;
    if (tied > 0)
        v.by += fabs(v.at);
    const double by = clg_scaled_bound(limits, row, v);
    for (int p = 0; p < K; p++) {
        const int may = p == piece || (tied > 0 && fabs(row->z[p * row->O + j]) <= tied);
        row->dz_bound[p * row->O + j] = may ? by : 0.0;
    }
}

/* Sum of the losses of e = y - t; dz = scale * loss'(e) f'(y), for the largest piece alone. */
static struct clg_near error_row(const struct clg_loss_row *row, const struct clg_limits *limits)
{
    struct clg_near total = {0.0, 0.0};
    for (int j = 0; j < row->O; j++) {
        int piece;
        struct clg_near f, de, y = unit_near(&f, &piece, row, limits, j);
        struct clg_near e = {y.at - row->t[j], y.by + CLG_ROUND * fabs(y.at - row->t[j])};
        row->y_bound[j] = y.by;
        if (isinf(y.by)) { /* either end of a step is right: nothing can be said of what follows */
            row->dz_bound[j] = total.by = INFINITY;
            continue;
        }
        struct clg_near loss = clg_error_loss(row->spec, e, &de);
        struct clg_near v = {f.at * de.at, fabs(f.at) * de.by + (fabs(de.at) + de.by) * f.by};
        v.by += CLG_ROUND * fabs(v.at) + limits->tiny;
        total.at += loss.at;
        total.by += loss.by;
        dz_bounds(row, limits, v, j, piece);
    }
    total.by += clg_rounded_sum((size_t)row->O, total.at);
    total.by += clg_flushed_sum(limits, (size_t)row->O);
    return total;
}

static struct clg_near row_bounds(const struct clg_loss_row *row, const struct clg_limits *limits)
{
    if (row->spec->kind == CLG_CE)
        return clg_bound_ce_row(row, limits);
    if (row->spec->kind == CLG_BCE)
        return bce_row(row, limits);
    if (row->act->kind == CLG_SOFTMAX)
        return clg_bound_error_softmax_row(row, limits);
    return error_row(row, limits);
}

/* What dz is multiplied by besides the row's own weight: under a mean over weighted examples the
 * reciprocal of the sum of their weights. */
static double common_scale(double *relative, const struct clg_loss_case *c)
{
    double sum = 0.0;
    *relative = 0.0;
    if (!c->class_weights || !c->mean)
        return c->scale;
    for (int b = 0; b < c->B; b++)
        sum += c->class_weights[(size_t)c->labels[b]];
    *relative = (c->B + CLG_DIVIDE_ULP + 0.5) * FLT_EPSILON;
    return c->scale / sum;
}

void clg_bound_loss_fwd(double *y_bound, double *dz_bound, double *row_bound,
                        const struct clg_limits *limits, const struct clg_loss_case *c)
{
    double part, scale = common_scale(&part, c);
    for (int r = 0; r < c->B; r++) {
        size_t at = (size_t)r * (size_t)c->O, zat = at * (size_t)c->act->pieces;
        double weight = c->class_weights ? c->class_weights[(size_t)c->labels[r]] : 1.0;
        struct clg_loss_row row = {.z = c->z + zat,
                                   .t = c->t + at,
                                   .teacher = c->teacher_z ? c->teacher_z + at : NULL,
                                   .class_weights = c->class_weights,
                                   .weight = weight,
                                   .y_bound = y_bound + at,
                                   .dz_bound = dz_bound + zat,
                                   .O = c->O,
                                   .spec = c->spec,
                                   .act = c->act,
                                   .scale = scale,
                                   .scale_error = part};
        if (c->spec->kind != CLG_CE && c->class_weights) {
            row.scale *= weight; /* the cross-entropy has it in its targets */
            row.scale_error += CLG_ROUND;
        }
        struct clg_near loss = row_bounds(&row, limits);
        row_bound[r] = loss.by;
        if (c->spec->kind != CLG_CE && c->class_weights)
            row_bound[r] = fabs(weight) * (loss.by + CLG_ROUND * fabs(loss.at)) + limits->tiny;
    }
}
