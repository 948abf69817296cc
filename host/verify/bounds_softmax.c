/* Bounds of the losses behind a softmax: the cross-entropy with label smoothing, class weights and
 * a teacher, and the squared error and huber through the whole Jacobian. */
#include "verify/bounds_row.h"

/* A smoothed or weighted target is (1 - s) w t + w s / O: a handful of roundings, all of terms of
 * one sign. */
#define SOFT_TARGET_ERROR (3 * FLT_EPSILON)

/* What multiplies -ln y_j, and its relative error. */
static double soft_target(const struct clg_loss_row *row, int j, double *error)
{
    double s = row->spec->smoothing, t = row->t[j];
    *error = 0.0;
    if (s == 0.0 && !row->class_weights)
        return t;
    *error = SOFT_TARGET_ERROR;
    return (1 - s) * row->weight * t +
           s / row->O * (row->class_weights ? row->class_weights[j] : 1.0);
}

/* The targets of a row added up, and the sum of t (z - m). */
struct targets {
    struct clg_near mass, dot;
    int is_plain;
};

static struct targets targets_of(const struct clg_loss_row *row, double max)
{
    struct targets all = {.is_plain = 1};
    double dot_size = 0.0, error = 0.0;
    int terms = 0;
    for (int j = 0; j < row->O; j++) {
        double t = soft_target(row, j, &error), a = t == 0.0 ? 0.0 : t * (row->z[j] - max);
        all.mass.at += t;
        all.dot.at += a;
        dot_size += fabs(a);
        all.is_plain = all.is_plain && error == 0.0 && clg_target_is_plain(t);
        terms += t != 0.0;
    }
    all.dot.by = (CLG_ROUND + error) * dot_size; /* of z - m, and of t */
    if (!all.is_plain || terms > 1) {
        all.mass.by = clg_rounded_sum((size_t)row->O, fabs(all.mass.at));
        all.mass.by += error * fabs(all.mass.at);
        all.dot.by += clg_rounded_sum((size_t)row->O, dot_size);
    }
    return all;
}

/* v = mass * y - t of output j. */
static struct clg_near ce_delta(const struct clg_loss_row *row, const struct targets *all,
                                struct clg_near y, int j)
{
    double error, t = soft_target(row, j, &error);
    struct clg_near v = {all->mass.at * y.at - t, 0.0};
    v.by = fabs(all->mass.at) * y.by + all->mass.by * (y.at + y.by) + CLG_ROUND * fabs(v.at);
    v.by += all->is_plain ? 0.0 : CLG_ROUND * fabs(all->mass.at) * y.at + error * fabs(t);
    return v;
}

/* A teacher's share: the two softened outputs, and the logarithms of their sums. */
struct lesson {
    struct clg_softmax teacher, student;
    struct clg_near teacher_ln, student_ln;
};

static struct lesson lesson_of(const struct clg_loss_row *row, const struct clg_limits *limits)
{
    struct lesson lesson;
    const double T = row->spec->temperature;
    lesson.teacher = clg_softmax_begin(limits, row->teacher, row->O, T);
    lesson.student = clg_softmax_begin(limits, row->z, row->O, T);
    lesson.teacher_ln = clg_softmax_ln_sum(&lesson.teacher);
    lesson.student_ln = clg_softmax_ln_sum(&lesson.student);
    return lesson;
}

/* KL(p || q) of the teacher's p = e^a / sum and the student's q = e^b / sum: sum p (ln p - ln q),
 * or sum p (a - b) - ln sum + ln sum, in any order. */
static struct clg_near divergence(const struct clg_loss_row *row, const struct lesson *lesson)
{
    const struct clg_softmax *teacher = &lesson->teacher, *student = &lesson->student;
    const double lns = lesson->student_ln.at - lesson->teacher_ln.at;
    struct clg_near kl = {0.0, lesson->teacher_ln.by + lesson->student_ln.by};
    double size = 0.0;
    for (int j = 0; j < row->O; j++) {
        struct clg_near p = clg_softmax_at(teacher, row->teacher[j]);
        double a = (row->teacher[j] - teacher->max) / teacher->T;
        double b = (row->z[j] - student->max) / student->T;
        double d = fabs(a - b) + fabs(lns);
        double d_by = teacher->part * fabs(a) + student->part * fabs(b) + 3 * CLG_ROUND * d;
        kl.at += p.at * (a - b + lns);
        kl.by += p.at * d_by + p.by * (d + d_by);
        size += p.at * d;
    }
    kl.by += clg_rounded_sum((size_t)row->O, size);
    return kl;
}

/* Of the factors 1 - A, A T^2 and the example's weight as floats, and their products. */
#define MIX_ERROR (6 * CLG_ROUND)

/* (1 - A) old + factor * new. */
static struct clg_near mixed(const struct clg_loss_row *row, struct clg_near old, double factor,
                             struct clg_near new)
{
    double rest = 1 - row->spec->mix, a = rest * old.at, b = factor * new.at;
    struct clg_near sum = {a + b, rest * old.by + factor * new.by};
    sum.by += MIX_ERROR * (fabs(a) + fabs(b)) + CLG_ROUND * fabs(sum.at);
    return sum;
}

/* (1 - A) v + A T (q - p) of output j, with the example's weight. */
static struct clg_near taught_delta(const struct clg_loss_row *row, const struct lesson *lesson,
                                    struct clg_near v, int j)
{
    struct clg_near q = clg_softmax_at(&lesson->student, row->z[j]);
    struct clg_near p = clg_softmax_at(&lesson->teacher, row->teacher[j]);
    struct clg_near d = {q.at - p.at, q.by + p.by};
    d.by += CLG_ROUND * fabs(d.at);
    return mixed(row, v, row->weight * row->spec->mix * row->spec->temperature, d);
}

/* mass * ln(sum exp(z - m)) - sum t (z - m); dz = scale * (mass * y - t); with a teacher
 * (1 - A) of these and A T^2 of KL. */
struct clg_near clg_bound_ce_row(const struct clg_loss_row *row, const struct clg_limits *limits)
{
    const double T = row->spec->temperature;
    struct clg_softmax whole = clg_softmax_begin(limits, row->z, row->O, 1.0);
    struct targets all = targets_of(row, whole.max);
    struct clg_near ln = clg_softmax_ln_sum(&whole), loss = {0.0, 0.0};
    struct lesson lesson;
    if (row->teacher)
        lesson = lesson_of(row, limits);
    for (int j = 0; j < row->O; j++) {
        struct clg_near y = clg_softmax_at(&whole, row->z[j]), v = ce_delta(row, &all, y, j);
        row->y_bound[j] = y.by;
        if (row->teacher)
            v = taught_delta(row, &lesson, v, j);
        row->dz_bound[j] = clg_scaled_bound(limits, row, v);
    }
    loss.at = all.mass.at * ln.at - all.dot.at;
    loss.by = fabs(all.mass.at) * ln.by + all.mass.by * (ln.at + ln.by) + all.dot.by +
              CLG_ROUND * (fabs(all.mass.at * ln.at) + fabs(loss.at)) + limits->tiny;
    if (!row->teacher)
        return loss;
    return mixed(row, loss, row->weight * row->spec->mix * T * T, divergence(row, &lesson));
}

/* The losses of e = y - t; dz_j = scale * y_j (d_j - s), d = loss'(e), s = sum y_k d_k. */
struct clg_near clg_bound_error_softmax_row(const struct clg_loss_row *row,
                                            const struct clg_limits *limits)
{
    struct clg_softmax whole = clg_softmax_begin(limits, row->z, row->O, 1.0);
    struct clg_near total = {0.0, 0.0}, s = {0.0, 0.0}, d;
    double s_size = 0.0;
    for (int j = 0; j < row->O; j++) {
        struct clg_near y = clg_softmax_at(&whole, row->z[j]), e = {y.at - row->t[j], y.by};
        e.by += CLG_ROUND * fabs(e.at);
        struct clg_near loss = clg_error_loss(row->spec, e, &d);
        row->y_bound[j] = y.by;
        total.at += loss.at;
        total.by += loss.by;
        s.at += y.at * d.at;
        s_size += fabs(y.at * d.at);
        s.by += y.at * d.by + (fabs(d.at) + d.by) * y.by;
    }
    s.by += clg_rounded_sum((size_t)row->O, s_size) + clg_flushed_sum(limits, (size_t)row->O);
    for (int j = 0; j < row->O; j++) {
        struct clg_near y = clg_softmax_at(&whole, row->z[j]), e = {y.at - row->t[j], y.by};
        e.by += CLG_ROUND * fabs(e.at);
        clg_error_loss(row->spec, e, &d);
        struct clg_near off = {d.at - s.at, d.by + s.by + CLG_ROUND * fabs(d.at - s.at)};
        struct clg_near v = {y.at * off.at, y.at * off.by + (fabs(off.at) + off.by) * y.by};
        v.by += CLG_ROUND * fabs(v.at) + limits->tiny;
        row->dz_bound[j] = clg_scaled_bound(limits, row, v);
    }
    total.by += clg_rounded_sum((size_t)row->O, total.at);
    total.by += clg_flushed_sum(limits, (size_t)row->O);
    return total;
}
