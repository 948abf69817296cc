/* One optimiser step over a whole slab of parameters, 16 a work-item, and the clipping of gradients
 * before it.  L2 adds l2 * w to the gradient of the first n_weights parameters, which are the
 * weights.  A slab's padding has zero gradients and stays zero. */
#include "optimiser.clh"

/* g + l2 w of elements i..i+15, where they are weights. */
INLINE float16 decayed16(float16 g, float16 w, float l2, size_t i, size_t n_weights)
{
    if (i >= n_weights)
        return g;
    return g + fill16(l2 * w, 0.0f, i, n_weights);
}

/* params -= lr g.  params (n) in/out, grads (n). */
kernel void update_sgd(global float *params, global const float *grads, ulong n, ulong n_weights,
                       float lr, float l2)
{
    const size_t i = 16 * get_global_id(0);
    if (i >= (size_t)n)
        return;
    const float16 w = load16(params, i, (size_t)n);
    const float16 g = decayed16(load16(grads, i, (size_t)n), w, l2, i, (size_t)n_weights);
    store16(sgd16(w, g, lr), params, i, (size_t)n);
}

/* v = momentum v + g, params -= lr v.  params, v (n) in/out, grads (n). */
kernel void update_momentum(global float *params, global float *v, global const float *grads,
                            ulong n, ulong n_weights, float lr, float l2, float momentum)
{
    const size_t i = 16 * get_global_id(0);
    if (i >= (size_t)n)
        return;
    const float16 w = load16(params, i, (size_t)n);
    const float16 g = decayed16(load16(grads, i, (size_t)n), w, l2, i, (size_t)n_weights);
    float16 speed = load16(v, i, (size_t)n);
    store16(momentum16(w, &speed, g, lr, momentum), params, i, (size_t)n);
    store16(speed, v, i, (size_t)n);
}

/* v = momentum v - rest g, params += lr v; rest = 1 - momentum.  params, v (n) in/out, grads
 * (n). */
kernel void update_ema_momentum(global float *params, global float *v, global const float *grads,
                                ulong n, ulong n_weights, float lr, float l2, float momentum,
                                float rest)
{
    const size_t i = 16 * get_global_id(0);
    if (i >= (size_t)n)
        return;
    const float16 w = load16(params, i, (size_t)n);
    const float16 g = decayed16(load16(grads, i, (size_t)n), w, l2, i, (size_t)n_weights);
    float16 speed = load16(v, i, (size_t)n);
    store16(ema_momentum16(w, &speed, g, lr, momentum, rest), params, i, (size_t)n);
    store16(speed, v, i, (size_t)n);
}

/* v = momentum v + g, params -= lr (g + momentum v).  params, v (n) in/out, grads (n). */
kernel void update_nesterov(global float *params, global float *v, global const float *grads,
                            ulong n, ulong n_weights, float lr, float l2, float momentum)
{
    const size_t i = 16 * get_global_id(0);
    if (i >= (size_t)n)
        return;
    const float16 w = load16(params, i, (size_t)n);
    const float16 g = decayed16(load16(grads, i, (size_t)n), w, l2, i, (size_t)n_weights);
    float16 speed = load16(v, i, (size_t)n);
    store16(nesterov16(w, &speed, g, lr, momentum), params, i, (size_t)n);
    store16(speed, v, i, (size_t)n);
}

/* v = rho v + rest g^2, params -= lr g / (sqrt(v) + eps); rest = 1 - rho.  params, v (n) in/out,
 * grads (n). */
kernel void update_rmsprop(global float *params, global float *v, global const float *grads,
                           ulong n, ulong n_weights, float lr, float l2, float rho, float rest,
                           float eps)
{
    const size_t i = 16 * get_global_id(0);
    if (i >= (size_t)n)
        return;
    const float16 w = load16(params, i, (size_t)n);
    const float16 g = decayed16(load16(grads, i, (size_t)n), w, l2, i, (size_t)n_weights);
    float16 square = load16(v, i, (size_t)n);
    store16(rmsprop16(w, &square, g, lr, rho, rest, eps), params, i, (size_t)n);
    store16(square, v, i, (size_t)n);
}

/* v = rho v + rest g^2, buf = momentum buf + g / (sqrt(v) + eps), params -= lr buf; rest = 1 - rho.
 * params, v, buf (n) in/out, grads (n). */
kernel void update_rmsprop_momentum(global float *params, global float *v, global float *buf,
                                    global const float *grads, ulong n, ulong n_weights, float lr,
                                    float l2, float rho, float rest, float eps, float momentum)
{
    const size_t i = 16 * get_global_id(0);
    if (i >= (size_t)n)
        return;
    const float16 w = load16(params, i, (size_t)n);
    const float16 g = decayed16(load16(grads, i, (size_t)n), w, l2, i, (size_t)n_weights);
    float16 square = load16(v, i, (size_t)n), speed = load16(buf, i, (size_t)n);
    store16(rmsprop_momentum16(w, &square, &speed, g, lr, rho, rest, eps, momentum), params, i,
            (size_t)n);
    store16(square, v, i, (size_t)n);
    store16(speed, buf, i, (size_t)n);
}

/* sum += g^2, params -= lr g / (sqrt(sum) + eps).  params, sum (n) in/out, grads (n). */
kernel void update_adagrad(global float *params, global float *sum, global const float *grads,
                           ulong n, ulong n_weights, float lr, float l2, float eps)
{
    const size_t i = 16 * get_global_id(0);
    if (i >= (size_t)n)
        return;
    const float16 w = load16(params, i, (size_t)n);
    const float16 g = decayed16(load16(grads, i, (size_t)n), w, l2, i, (size_t)n_weights);
    float16 total = load16(sum, i, (size_t)n);
    store16(adagrad16(w, &total, g, lr, eps), params, i, (size_t)n);
    store16(total, sum, i, (size_t)n);
}

/* params -= rate m / (root sqrt(v) + eps), m and v moved on first.  Made by the host in double:
 * rest = 1 - beta, rate = lr / (1 - beta1^t), root = 1 / sqrt(1 - beta2^t).  params, m, v (n)
 * in/out, grads (n). */
kernel void update_adam(global float *params, global float *m, global float *v,
                        global const float *grads, ulong n, ulong n_weights, float rate, float l2,
                        float beta1, float rest1, float beta2, float rest2, float root, float eps)
{
    const size_t i = 16 * get_global_id(0);
    if (i >= (size_t)n)
        return;
    const float16 w = load16(params, i, (size_t)n);
    const float16 g = decayed16(load16(grads, i, (size_t)n), w, l2, i, (size_t)n_weights);
    float16 first = load16(m, i, (size_t)n), second = load16(v, i, (size_t)n);
    store16(adam16(w, &first, &second, g, rate, beta1, rest1, beta2, rest2, root, eps), params, i,
            (size_t)n);
    store16(first, m, i, (size_t)n);
    store16(second, v, i, (size_t)n);
}

/* The same, of weights that have first lost decay * w; decay = lr * weight decay.  Given as what
 * is lost, for 1 - decay as a float is off by 0.3 % of a decay of 1e-5. */
kernel void update_adamw(global float *params, global float *m, global float *v,
                         global const float *grads, ulong n, ulong n_weights, float rate, float l2,
                         float beta1, float rest1, float beta2, float rest2, float root, float eps,
                         float decay)
{
    const size_t i = 16 * get_global_id(0);
    if (i >= (size_t)n)
        return;
    const float16 w = load16(params, i, (size_t)n);
    const float16 g = decayed16(load16(grads, i, (size_t)n), w, l2, i, (size_t)n_weights);
    const float16 left = decayed16(w, w, -decay, i, (size_t)n_weights);
    float16 first = load16(m, i, (size_t)n), second = load16(v, i, (size_t)n);
    store16(adam16(left, &first, &second, g, rate, beta1, rest1, beta2, rest2, root, eps), params,
            i, (size_t)n);
    store16(first, m, i, (size_t)n);
    store16(second, v, i, (size_t)n);
}

/* grads *= min(1, limit / (sqrt(norm2[at]) + 1e-6)), norm2[at] the squared norm of them all.  A
 * norm that is NaN makes them NaN.  grads (n) in/out. */
kernel void clip(global float *grads, global const float *norm2, ulong n, ulong at, float limit)
{
    const size_t i = 16 * get_global_id(0);
    const float factor = limit / (sqrt(norm2[at]) + 1e-6f);
    if (i >= (size_t)n || factor >= 1.0f)
        return;
    store16(factor * load16(grads, i, (size_t)n), grads, i, (size_t)n);
}
