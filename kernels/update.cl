/* One optimiser step over a whole slab of parameters, 16 a work-item.  L2 adds l2 * w to the
 * gradient of the first n_weights parameters, which are the weights.  A slab's padding has zero
 * gradients and stays zero. */

/* The gradient of elements i..i+15 with the L2 term. */
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

/* m = beta1 m + rest1 g, v = beta2 v + rest2 g^2, params -= rate m / (root sqrt(v) + eps).  Made by
 * the host in double: rest = 1 - beta, rate = lr / (1 - beta1^t), root = 1 / sqrt(1 - beta2^t).
 * params, m, v (n) in/out, grads (n). */
kernel void update_adam(global float *params, global float *m, global float *v,
                        global const float *grads, ulong n, ulong n_weights, float rate, float l2,
                        float beta1, float rest1, float beta2, float rest2, float root, float eps)
{
    const size_t i = 16 * get_global_id(0);
    if (i >= (size_t)n)
        return;
    const float16 w = load16(params, i, (size_t)n);
    const float16 g = decayed16(load16(grads, i, (size_t)n), w, l2, i, (size_t)n_weights);
    const float16 first = fma((float16)(beta1), load16(m, i, (size_t)n), rest1 * g);
    const float16 second = fma((float16)(beta2), load16(v, i, (size_t)n), rest2 * g * g);
    store16(first, m, i, (size_t)n);
    store16(second, v, i, (size_t)n);
    const float16 step = first / fma((float16)(root), sqrt(second), (float16)(eps));
    store16(fma((float16)(-rate), step, w), params, i, (size_t)n);
}
