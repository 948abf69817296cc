/* Bounds of one optimiser step, element by element.  Scalars that depend on the options alone are
 * computed in double and rounded once. */
#include "verify/rounding.h"

#include <assert.h>

/* w - rate * v. */
static double stepped(const struct clg_limits *limits, double w, double rate, struct clg_near v)
{
    double move = rate * v.at;
    return fabs(rate) * v.by + 2 * CLG_ROUND * (fabs(move) + fabs(rate) * v.by) +
           CLG_ROUND * fabs(w - move) + limits->tiny;
}

/* g + l2 * w. */
static struct clg_near decayed(const struct clg_limits *limits, double g, double w, double l2)
{
    struct clg_near v = {g + l2 * w, clg_flushed(limits, g, 1.0)};
    if (l2 != 0.0)
        v.by += CLG_ROUND * (2 * fabs(l2 * w) + fabs(v.at)) + limits->tiny;
    return v;
}

/* momentum * v + g. */
static struct clg_near moved(const struct clg_limits *limits, double v, double momentum,
                             struct clg_near g)
{
    struct clg_near to = {momentum * v + g.at, g.by};
    to.by += CLG_ROUND * (2 * fabs(momentum * v) + fabs(to.at)) + limits->tiny;
    return to;
}

/* beta m + (1 - beta) g. */
static struct clg_near mean_of(const struct clg_limits *limits, double m, double beta,
                               struct clg_near g)
{
    double old = beta * m, new = (1 - beta) * g.at;
    struct clg_near to = {old + new, (1 - beta) * g.by};
    to.by += CLG_ROUND * (2 * fabs(old) + 2 * fabs(new) + fabs(to.at)) + 3 * limits->tiny;
    return to;
}

/* keep v + rest g^2. */
static struct clg_near mean_square(const struct clg_limits *limits, double v, double keep,
                                   double rest, struct clg_near g)
{
    double old = keep * v, new = rest *g.at *g.at;
    struct clg_near to = {old + new, rest *(2 * fabs(g.at) + g.by) * g.by};
    to.by += CLG_ROUND * (2 * fabs(old) + 3 * new + fabs(to.at)) + 3 * limits->tiny;
    return to;
}

/* m / (sqrt(v) / c + eps): the widest of the interval's ends. */
static struct clg_near quotient(struct clg_near m, struct clg_near v, double c, double eps)
{
    double size = fabs(m.at), part = (CLG_SQRT_ULP + CLG_DIVIDE_ULP + 1) * FLT_EPSILON;
    double least_eps = fmax(eps, (double)FLT_MIN);
    double low = sqrt(fmax(v.at - v.by, 0.0)) / c * (1 - part);
    double high = sqrt(v.at + v.by) / c * (1 + part);
    low = (low + least_eps * (1 - (double)FLT_EPSILON)) * (1 - CLG_ROUND);
    high = (high + least_eps * (1 + (double)FLT_EPSILON)) * (1 + CLG_ROUND);
    double q = size / (sqrt(v.at) / c + eps);
    double most = (size + m.by) / low, least = size - m.by;
    least /= least > 0 ? high : low;
    struct clg_near to = {m.at < 0 ? -q : q, fmax(most - q, q - least)};
    to.by += CLG_DIVIDE_ULP * FLT_EPSILON * (q + to.by);
    return to;
}

/* What one parameter is updated from, and where the bounds of its slots go. */
struct one {
    double w, slot[2];
    struct clg_near g;
    int is_weight;
    double *slot_bound[2];
};

static double adam(const struct one *one, const struct clg_limits *limits,
                   const struct clg_update *u)
{
    struct clg_near m = mean_of(limits, one->slot[0], u->beta1, one->g);
    struct clg_near v = mean_square(limits, one->slot[1], u->beta2, 1 - u->beta2, one->g);
    double c = sqrt(1 - pow(u->beta2, (double)u->t));
    double rate = u->lr / (1 - pow(u->beta1, (double)u->t)), w = one->w, kept_by = 0.0;
    assert(one->slot_bound[0] && one->slot_bound[1]);
    *one->slot_bound[0] = m.by;
    *one->slot_bound[1] = v.by;
    if (!(v.at + v.by <= FLT_MAX)) /* the quotient would be 0 */
        return INFINITY;
    if (u->opt == CLG_ADAMW && one->is_weight) {
        w *= 1 - u->lr * u->weight_decay;
        kept_by = 2 * CLG_ROUND * fabs(w) + limits->tiny;
    }
    return kept_by * (1 + CLG_ROUND) + stepped(limits, w, rate, quotient(m, v, c, u->eps));
}

/* rmsprop and adagrad: the gradient over the root of its squares. */
static double scaled_step(const struct one *one, const struct clg_limits *limits,
                          const struct clg_update *u)
{
    int forgets = u->opt == CLG_RMSPROP;
    struct clg_near v = mean_square(limits, one->slot[0], forgets ? u->rho : 1.0,
                                    forgets ? 1 - u->rho : 1.0, one->g);
    assert(one->slot_bound[0] && (one->slot_bound[1] || !forgets));
    *one->slot_bound[0] = v.by;
    if (forgets)
        *one->slot_bound[1] = 0.0;
    if (!(v.at + v.by <= FLT_MAX))
        return INFINITY;
    struct clg_near q = quotient(one->g, v, 1.0, u->eps);
    if (forgets && u->momentum > 0) {
        q = moved(limits, one->slot[1], u->momentum, q);
        *one->slot_bound[1] = q.by;
    }
    return stepped(limits, one->w, u->lr, q);
}

static double update_bound(const struct one *one, const struct clg_limits *limits,
                           const struct clg_update *u)
{
    struct clg_near v = one->g;
    double rate = u->lr;
    assert(one->slot_bound[0] || u->opt == CLG_SGD);
    switch (u->opt) {
    case CLG_ADAM:
    case CLG_ADAMW:
        return adam(one, limits, u);
    case CLG_RMSPROP:
    case CLG_ADAGRAD:
        return scaled_step(one, limits, u);
    case CLG_MOMENTUM:
    case CLG_NESTEROV:
        v = moved(limits, one->slot[0], u->momentum, one->g);
        *one->slot_bound[0] = v.by;
        if (u->opt == CLG_NESTEROV) { /* g + momentum v */
            struct clg_near next = moved(limits, v.at, u->momentum, one->g);
            next.by += fabs(u->momentum) * v.by * (1 + 2 * CLG_ROUND);
            v = next;
        }
        break;
    case CLG_EMA_MOMENTUM:
        v.at = -v.at;
        v = mean_of(limits, one->slot[0], u->momentum, v);
        *one->slot_bound[0] = v.by;
        rate = -rate;
        break;
    case CLG_SGD:
    case CLG_OPTS:
        break;
    }
    return stepped(limits, one->w, rate, v);
}

void clg_bound_update(double *params_bound, double *slot0_bound, double *slot1_bound,
                      const struct clg_limits *limits, const double *params, const double *slot0,
                      const double *slot1, const double *grads, size_t n, size_t n_weights,
                      const struct clg_update *u)
{
    for (size_t i = 0; i < n; i++) {
        struct one one = {.w = params[i], .is_weight = i < n_weights};
        one.g = decayed(limits, grads[i], params[i], one.is_weight ? u->l2 : 0.0);
        if (slot0) {
            one.slot[0] = slot0[i];
            one.slot_bound[0] = &slot0_bound[i];
        }
        if (slot1) {
            one.slot[1] = slot1[i];
            one.slot_bound[1] = &slot1_bound[i];
        }
        params_bound[i] = update_bound(&one, limits, u);
    }
}

/* ------------------------------------------------------- fused with gradients */

/* What roundings of a gradient's own error lose on the way, in units of that error: fewer than
 * eight. */
#define ERROR_OF_ERROR (8 * CLG_ROUND)

/* The slots from the gradient; rmsprop's buffer from the device's own squares as well. */
static void learned_slots(struct clg_near slot[2], const struct one *one, const double now[2],
                          const struct clg_limits *limits, const struct clg_update *u)
{
    struct clg_near v = one->g;
    switch (u->opt) {
    case CLG_ADAM:
    case CLG_ADAMW:
        slot[0] = mean_of(limits, one->slot[0], u->beta1, v);
        slot[1] = mean_square(limits, one->slot[1], u->beta2, 1 - u->beta2, v);
        break;
    case CLG_RMSPROP:
        slot[0] = mean_square(limits, one->slot[0], u->rho, 1 - u->rho, v);
        slot[1] = (struct clg_near){one->slot[1], 0.0};
        if (u->momentum > 0)
            slot[1] = moved(limits, one->slot[1], u->momentum,
                            quotient(v, (struct clg_near){now[0], 0.0}, 1.0, u->eps));
        break;
    case CLG_ADAGRAD:
        slot[0] = mean_square(limits, one->slot[0], 1.0, 1.0, v);
        break;
    case CLG_MOMENTUM:
    case CLG_NESTEROV:
        slot[0] = moved(limits, one->slot[0], u->momentum, v);
        break;
    case CLG_EMA_MOMENTUM:
        v.at = -v.at;
        slot[0] = mean_of(limits, one->slot[0], u->momentum, v);
        break;
    case CLG_SGD:
    case CLG_OPTS:
        break;
    }
}

/* The parameter from the device's own slots, and from the gradient where the optimiser's last
 * operation takes it. */
static struct clg_near learned_param(const struct one *one, const double now[2],
                                     const struct clg_limits *limits, const struct clg_update *u)
{
    const struct clg_near slot[2] = {{now[0], 0.0}, {now[1], 0.0}};
    struct clg_near v = slot[0];
    double rate = u->lr, w = one->w, kept_by = 0.0;
    switch (u->opt) {
    case CLG_ADAM:
    case CLG_ADAMW:
        v = quotient(slot[0], slot[1], sqrt(1 - pow(u->beta2, (double)u->t)), u->eps);
        rate /= 1 - pow(u->beta1, (double)u->t);
        if (u->opt == CLG_ADAMW && one->is_weight) {
            w *= 1 - u->lr * u->weight_decay;
            kept_by = 2 * CLG_ROUND * fabs(w) + limits->tiny;
        }
        break;
    case CLG_RMSPROP:
    case CLG_ADAGRAD:
        v = u->opt == CLG_RMSPROP && u->momentum > 0 ? slot[1]
                                                     : quotient(one->g, slot[0], 1.0, u->eps);
        break;
    case CLG_NESTEROV:
        v = moved(limits, now[0], u->momentum, one->g);
        break;
    case CLG_EMA_MOMENTUM:
        rate = -rate;
        break;
    case CLG_SGD:
        v = one->g;
        break;
    case CLG_MOMENTUM:
    case CLG_OPTS:
        break;
    }
    return (struct clg_near){w - rate * v.at,
                             kept_by * (1 + CLG_ROUND) + stepped(limits, w, rate, v)};
}

static void put_near(double *const want[3], double *const bound[3], int which, size_t i,
                     struct clg_near v)
{
    if (!want[which])
        return;
    want[which][i] = v.at;
    bound[which][i] = v.by;
}

void clg_bound_learn(double *const want[3], double *const bound[3], const struct clg_limits *limits,
                     const double *const before[3], const double *const now[3], const double *grads,
                     const double *grads_bound, size_t n, size_t n_weights,
                     const struct clg_update *u)
{
    for (size_t i = 0; i < n; i++) {
        struct one one = {.w = before[0][i], .is_weight = i < n_weights};
        struct clg_near slot[2] = {{0, 0}, {0, 0}};
        double after[2] = {0, 0};
        for (int s = 0; s < 2; s++) {
            one.slot[s] = before[1 + s] ? before[1 + s][i] : 0.0;
            after[s] = now[1 + s] ? now[1 + s][i] : 0.0;
        }
        if (grads_bound[i] < 0) {
            for (int k = 0; k < 3; k++)
                put_near(want, bound, k, i, (struct clg_near){k ? one.slot[k - 1] : one.w, 0.0});
            continue;
        }
        one.g = decayed(limits, grads[i], one.w, one.is_weight ? u->l2 : 0.0);
        one.g.by += grads_bound[i] * (1 + ERROR_OF_ERROR);
        learned_slots(slot, &one, after, limits, u);
        put_near(want, bound, 1, i, slot[0]);
        put_near(want, bound, 2, i, slot[1]);
        put_near(want, bound, 0, i, learned_param(&one, after, limits, u));
    }
}

/* --------------------------------------------------------- norms, clipping */

double clg_bound_square_sum(const struct clg_limits *limits, double total, size_t n)
{
    return clg_bound_of_sum(n, total, total) + clg_flushed_sum(limits, n);
}

void clg_bound_clip(double *bound, const struct clg_limits *limits, const double *grads, size_t n,
                    double norm2, double limit)
{
    double factor = limit / (sqrt(norm2) + 1e-6);
    double part = (CLG_SQRT_ULP + CLG_DIVIDE_ULP + 2) * FLT_EPSILON; /* 1e-6, limit, the sum */
    for (size_t i = 0; i < n; i++) {
        double g = fabs(grads[i]);
        if (factor * (1 - part) >= 1)
            bound[i] = 0.0; /* left as it is */
        else
            bound[i] = (fmin(factor, 1.0) * part + CLG_ROUND) * g + limits->tiny;
    }
}
