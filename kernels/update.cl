/* One optimiser step over a whole slab of parameters, 16 a work-item, and the clipping of gradients
 * before it.  L2 adds l2 * w to the gradient of the first n_weights parameters, which are the
 * weights.  A slab's padding has zero gradients and stays zero. */

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
    store16(fma((float16)(-lr), g, w), params, i, (size_t)n);
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
    const float16 speed = fma((float16)(momentum), load16(v, i, (size_t)n), g);
    store16(speed, v, i, (size_t)n);
    store16(fma((float16)(-lr), speed, w), params, i, (size_t)n);
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
    const float16 speed = fma((float16)(momentum), load16(v, i, (size_t)n), -(rest * g));
    store16(speed, v, i, (size_t)n);
    store16(fma((float16)(lr), speed, w), params, i, (size_t)n);
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
    const float16 speed = fma((float16)(momentum), load16(v, i, (size_t)n), g);
    store16(speed, v, i, (size_t)n);
    const float16 step = fma((float16)(momentum), speed, g);
    store16(fma((float16)(-lr), step, w), params, i, (size_t)n);
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
    const float16 square = fma((float16)(rho), load16(v, i, (size_t)n), rest * g * g);
    store16(square, v, i, (size_t)n);
    store16(fma((float16)(-lr), g / (sqrt(square) + eps), w), params, i, (size_t)n);
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
    const float16 square = fma((float16)(rho), load16(v, i, (size_t)n), rest * g * g);
    const float16 step = g / (sqrt(square) + eps);
    const float16 speed = fma((float16)(momentum), load16(buf, i, (size_t)n), step);
    store16(square, v, i, (size_t)n);
    store16(speed, buf, i, (size_t)n);
    store16(fma((float16)(-lr), speed, w), params, i, (size_t)n);
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
    const float16 total = fma(g, g, load16(sum, i, (size_t)n));
    store16(total, sum, i, (size_t)n);
    store16(fma((float16)(-lr), g / (sqrt(total) + eps), w), params, i, (size_t)n);
}

/* m = beta1 m + rest1 g, v = beta2 v + rest2 g^2, returns m / (root sqrt(v) + eps), of elements
 * i..i+15. */
INLINE float16 adam16(global float *m, global float *v, float16 g, size_t i, size_t n, float beta1,
                      float rest1, float beta2, float rest2, float root, float eps)
{
    const float16 first = fma((float16)(beta1), load16(m, i, n), rest1 * g);
    const float16 second = fma((float16)(beta2), load16(v, i, n), rest2 * g * g);
    store16(first, m, i, n);
    store16(second, v, i, n);
    return first / fma((float16)(root), sqrt(second), (float16)(eps));
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
    const float16 step = adam16(m, v, g, i, (size_t)n, beta1, rest1, beta2, rest2, root, eps);
    store16(fma((float16)(-rate), step, w), params, i, (size_t)n);
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
    const float16 step = adam16(m, v, g, i, (size_t)n, beta1, rest1, beta2, rest2, root, eps);
    const float16 left = decayed16(w, w, -decay, i, (size_t)n_weights);
    store16(fma((float16)(-rate), step, left), params, i, (size_t)n);
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
