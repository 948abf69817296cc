/* The reference's optimisers over a slab of parameters, and the norm of the gradient and its
 * clipping, which come before them.  Formulas: docs/formulas.md. */
#include "ops/reference.h"

#include <math.h>

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
    assert(v);
    for (size_t i = 0; i < n; i++) {
        v[i] = u->momentum * v[i] + decayed(p, g, i, n_weights, u->l2);
        p[i] -= u->lr * v[i];
    }
}

static void ema_momentum(double *p, double *v, const double *g, size_t n, size_t n_weights,
                         const struct clg_update *u)
{
    assert(v);
    for (size_t i = 0; i < n; i++) {
        v[i] = u->momentum * v[i] - (1 - u->momentum) * decayed(p, g, i, n_weights, u->l2);
        p[i] += u->lr * v[i];
    }
}

static void nesterov(double *p, double *v, const double *g, size_t n, size_t n_weights,
                     const struct clg_update *u)
{
    assert(v);
    for (size_t i = 0; i < n; i++) {
        double d = decayed(p, g, i, n_weights, u->l2);
        v[i] = u->momentum * v[i] + d;
        p[i] -= u->lr * (d + u->momentum * v[i]);
    }
}

/* buf: NULL without momentum. */
static void rmsprop(double *p, double *v, double *buf, const double *g, size_t n, size_t n_weights,
                    const struct clg_update *u)
{
    assert(v);
    for (size_t i = 0; i < n; i++) {
        double d = decayed(p, g, i, n_weights, u->l2);
        v[i] = u->rho * v[i] + (1 - u->rho) * d * d;
        d /= sqrt(v[i]) + u->eps;
        if (buf)
            d = buf[i] = u->momentum * buf[i] + d;
        p[i] -= u->lr * d;
    }
}

static void adagrad(double *p, double *sum, const double *g, size_t n, size_t n_weights,
                    const struct clg_update *u)
{
    assert(sum);
    for (size_t i = 0; i < n; i++) {
        double d = decayed(p, g, i, n_weights, u->l2);
        sum[i] += d * d;
        p[i] -= u->lr * d / (sqrt(sum[i]) + u->eps);
    }
}

/* keep is what a weight has left of itself before the step: 1 but for adamw. */
static void adam(double *p, double *m, double *v, const double *g, size_t n, size_t n_weights,
                 const struct clg_update *u, double keep)
{
    double rate = u->lr / (1 - pow(u->beta1, (double)u->t));
    double root = sqrt(1 - pow(u->beta2, (double)u->t));
    assert(m && v);
    for (size_t i = 0; i < n; i++) {
        double d = decayed(p, g, i, n_weights, u->l2);
        m[i] = u->beta1 * m[i] + (1 - u->beta1) * d;
        v[i] = u->beta2 * v[i] + (1 - u->beta2) * d * d;
        p[i] *= i < n_weights ? keep : 1;
        p[i] -= rate * m[i] / (sqrt(v[i]) / root + u->eps);
    }
}

clg_status ref_update(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                      struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                      size_t n_weights, const struct clg_update *u)
{
    const int slots = clg_opt_slots(u->opt);
    double *p = ref_reals(params);
    double *s0 = slots > 0 ? ref_reals(slot0) : NULL, *s1 = slots > 1 ? ref_reals(slot1) : NULL;
    const double *g = ref_reals(grads);
    (void)device;
    assert(u->t >= 1);
    switch (u->opt) {
    case CLG_SGD:
        sgd(p, g, n, n_weights, u);
        break;
    case CLG_MOMENTUM:
        momentum(p, s0, g, n, n_weights, u);
        break;
    case CLG_EMA_MOMENTUM:
        ema_momentum(p, s0, g, n, n_weights, u);
        break;
    case CLG_NESTEROV:
        nesterov(p, s0, g, n, n_weights, u);
        break;
    case CLG_RMSPROP:
        rmsprop(p, s0, u->momentum > 0 ? s1 : NULL, g, n, n_weights, u);
        break;
    case CLG_ADAGRAD:
        adagrad(p, s0, g, n, n_weights, u);
        break;
    default:
        assert(u->opt == CLG_ADAM || u->opt == CLG_ADAMW);
        adam(p, s0, s1, g, n, n_weights, u, u->opt == CLG_ADAMW ? 1 - u->lr * u->weight_decay : 1);
        break;
    }
    return CLG_OK;
}

clg_status ref_square_sum(clg_device *device, struct clg_buf *out, struct clg_buf *scratch,
                          const struct clg_buf *x, size_t n, size_t at)
{
    const double *p = ref_reals(x);
    double sum = 0;
    (void)device;
    (void)scratch;
    for (size_t i = 0; i < n; i++)
        sum += p[i] * p[i];
    ref_reals(out)[at] = sum;
    return CLG_OK;
}

clg_status ref_clip(clg_device *device, struct clg_buf *grads, const struct clg_buf *norm2,
                    size_t n, size_t at, double limit)
{
    double *g = ref_reals(grads), factor = limit / (sqrt(ref_reals(norm2)[at]) + 1e-6);
    (void)device;
    for (size_t i = 0; i < n && !(factor >= 1); i++) /* a factor of NaN must be seen */
        g[i] *= factor;
    return CLG_OK;
}
