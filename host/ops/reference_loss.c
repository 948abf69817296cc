/* The reference's losses with the output activation: from z of the last layer to its output, each
 * example's loss, and the first delta.  Class weights, label smoothing and a teacher's logits are
 * part of them.  Formulas: docs/formulas.md.  Labels were checked against the number of outputs
 * before they came here. */
#include "ops/reference.h"

#include <math.h>

/* One example on its way through a loss.  y may be z: z[o] is read for the last time before y[o] is
 * written. */
struct example {
    const double *z;       /* (O*pieces) */
    double *y, *dz;        /* (O), (O*pieces) */
    const double *values;  /* (O); NULL: the target is class `label` */
    const double *weights; /* of the classes; NULL: all 1 */
    const double *teacher; /* (O) logits; NULL: none */
    double scale;          /* of dz */
    int32_t label;
    int O;
};

static double target_at(const struct example *e, int o)
{
    if (e->values)
        return e->values[o];
    return e->O > 1 ? e->label == o : e->label;
}

static double weight_of(const struct example *e)
{
    return e->weights ? e->weights[e->label] : 1;
}

/* What multiplies -ln y_o in the cross-entropy: the smoothed and weighted target. */
static double mass_at(const struct example *e, int o, double smoothing)
{
    double share = smoothing / e->O * (e->weights ? e->weights[o] : 1);
    return (1 - smoothing) * weight_of(e) * target_at(e, o) + share;
}

/* The sum of e^((z - m) / T), m the largest z. */
static double tempered_sum(const double *z, int O, double m, double T)
{
    double sum = 0;
    for (int o = 0; o < O; o++)
        sum += exp((z[o] - m) / T);
    return sum;
}

/* dz = factor * d KL / d z and returns KL, of KL(softmax(teacher/T) || softmax(z/T)). */
static double distil(const struct example *e, double T, double factor)
{
    const double *a = e->teacher, *z = e->z;
    double top_a = ref_largest(a, e->O), top_z = ref_largest(z, e->O), kl = 0;
    double sum_a = tempered_sum(a, e->O, top_a, T), sum_z = tempered_sum(z, e->O, top_z, T);
    for (int o = 0; o < e->O; o++) {
        double of_a = (a[o] - top_a) / T - log(sum_a), of_z = (z[o] - top_z) / T - log(sum_z);
        double p = exp(of_a), q = exp(of_z);
        kl += p > 0 ? p * (of_a - of_z) : 0; /* 0 * Inf would make a NaN of an underflow */
        e->dz[o] = factor / T * (q - p);
    }
    return kl;
}

/* Each of the three: y (O) = f(z), dz = scale * d loss / d z, and returns the loss. */
static double ce_row(const struct example *e, const struct clg_loss_spec *spec)
{
    double mix = e->teacher ? spec->mix : 0, square = spec->temperature * spec->temperature;
    double m = ref_largest(e->z, e->O), mass = 0, score = 0, taught = 0;
    if (e->teacher)
        taught = weight_of(e) * mix * square *
                 distil(e, spec->temperature, e->scale * weight_of(e) * mix * square);
    for (int o = 0; o < e->O; o++) {
        double q = mass_at(e, o, spec->smoothing);
        mass += q;
        score += q != 0 ? q * (e->z[o] - m) : 0; /* 0 * Inf would make a NaN of an overflow */
    }
    double loss = mass * ref_softmax_row(e->y, e->z, e->O, m) - score;
    for (int o = 0; o < e->O; o++) {
        double d = mass * e->y[o] - mass_at(e, o, spec->smoothing);
        e->dz[o] = (e->teacher ? e->dz[o] : 0) + (1 - mix) * e->scale * d;
    }
    return (1 - mix) * loss + taught;
}

static double bce_row(const struct example *e)
{
    double loss = 0;
    for (int o = 0; o < e->O; o++) {
        double s = e->z[o], t = target_at(e, o);
        loss += (s > 0 ? s : 0) - s * t + log1p(exp(-fabs(s)));
        e->y[o] = ref_sigmoid(s);
        e->dz[o] = e->scale * weight_of(e) * (e->y[o] - t);
    }
    return weight_of(e) * loss;
}

/* The share of one output in the loss, and *slope, its derivative by the error. */
static double of_error(double *slope, double error, const struct clg_loss_spec *spec)
{
    const double d = spec->delta;
    *slope = error;
    if (spec->kind == CLG_MSE || spec->kind == CLG_PERCEPTRON || fabs(error) <= d)
        return error * error / 2;
    *slope = error > d ? d : error < -d ? -d : error; /* the last: NaN stays NaN */
    return d * (fabs(error) - d / 2);
}

/* mse, huber and the perceptron rule, which takes no derivative of its step. */
static double error_row(const struct example *e, const struct clg_loss_spec *spec,
                        const struct clg_activation *act)
{
    const int softmax = act->kind == CLG_SOFTMAX, rule = spec->kind == CLG_PERCEPTRON;
    const double factor = e->scale * weight_of(e);
    double loss = 0, slope, along = 0; /* along: what softmax's Jacobian takes off */
    if (softmax)
        ref_softmax_row(e->y, e->z, e->O, ref_largest(e->z, e->O));
    for (int o = 0; o < e->O; o++) {
        double y = softmax ? e->y[o] : ref_unit_fwd(e->z, o, e->O, act);
        loss += of_error(&slope, y - target_at(e, o), spec);
        along += slope * y;
        if (rule)
            e->dz[o] = factor * slope;
        else if (!softmax)
            ref_unit_bwd(e->dz, factor * slope, y, e->z, o, e->O, act);
        e->y[o] = y;
    }
    for (int o = 0; softmax && o < e->O; o++) {
        of_error(&slope, e->y[o] - target_at(e, o), spec);
        e->dz[o] = factor * e->y[o] * (slope - along);
    }
    return weight_of(e) * loss;
}

static double example_row(const struct example *e, const struct clg_loss_spec *spec,
                          const struct clg_activation *act)
{
    switch (spec->kind) {
    case CLG_CE:
        return ce_row(e, spec);
    case CLG_BCE:
        return bce_row(e);
    default:
        return error_row(e, spec, act);
    }
}

/* norm[0] = the weights of the batch's examples added up. */
static double weigh_batch(const struct clg_loss_spec *loss, const struct clg_buf *t, int B)
{
    const double *weights = ref_reals(loss->class_weights);
    double sum = 0;
    for (int b = 0; b < B; b++)
        sum += weights[ref_integers(t)[b]];
    ref_reals(loss->norm)[0] = sum;
    return sum;
}

clg_status ref_loss_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                        struct clg_buf *row_loss, const struct clg_buf *z, const struct clg_buf *t,
                        int B, int O, const struct clg_loss_spec *loss,
                        const struct clg_activation *act, enum clg_target target, double scale,
                        int mean)
{
    double *losses = ref_reals(row_loss);
    struct example e = {.scale = scale, .O = O};
    assert(clg_pair_exists(loss->kind, act->kind));
    assert(!loss->class_weights || (loss->norm && target == CLG_TARGET_CLASS));
    assert(!loss->teacher_z || loss->kind == CLG_CE);
    if (loss->class_weights) {
        double norm = weigh_batch(loss, t, B);
        e.weights = ref_reals(loss->class_weights);
        e.scale = mean ? scale / norm : scale;
    }
    for (int b = 0; b < B; b++) {
        e.z = ref_row(device, z, b, O * act->pieces);
        e.y = ref_row(device, y, b, O);
        e.dz = ref_row(device, dz, b, O * act->pieces);
        e.teacher = loss->teacher_z ? ref_row(device, loss->teacher_z, b, O) : NULL;
        if (target == CLG_TARGET_VALUE)
            e.values = ref_row(device, t, b, O);
        else
            e.label = ref_integers(t)[b];
        assert(e.label >= 0 && e.label < (O > 1 ? O : 2));
        losses[b] = example_row(&e, loss, act);
    }
    return CLG_OK;
}
