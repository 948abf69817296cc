/* The losses with the output activation: from z of the last layer to its output, each example's
 * loss and the first delta, one work-item a row.  y may be z, so every value of z is read before y
 * is written over it.  LOSS, ACT_KIND and TARGET choose. */
#if !defined(LOSS) || !defined(ACT_KIND) || !defined(TARGET)
#error "LOSS, ACT_KIND and TARGET are values of enum clg_loss, clg_act and clg_target"
#endif

/* Targets of the columns j..j+15 of row b: a class is one-hot over O outputs or, with one output,
 * the number itself; values are a matrix (B,O) laid out as z. */
INLINE float16 target16(global const TARGET_ELEM *t, size_t b, size_t j, size_t O, size_t ldz)
{
#if TARGET == TARGET_CLASS
    const int label = t[b];
    if (O == 1)
        return fill16((float16)((float)label), 0.0f, j, O);
    return select((float16)(0.0f), (float16)(1.0f), LANES == (int16)(label - (int)j));
#else
    return vload16(0, t + b * ldz + j);
#endif
}

#if LOSS == CE

/* -sum t ln softmax(z) = (sum t) ln(sum exp(z - m)) - sum t (z - m), with m the maximum.  Where t
 * is 0 the second term is 0 also for an infinite z - m. */
INLINE float row_loss_fwd(global float *y, global float *dz, global const float *z,
                          global const TARGET_ELEM *t, size_t b, size_t O, size_t ldz, float scale)
{
    const float m = row_max(z, O);
    float16 dot16 = (float16)(0.0f), weight16 = (float16)(0.0f);
    for (size_t j = 0; j < O; j += 16) {
        const float16 target = target16(t, b, j, O, ldz);
        const float16 below = vload16(0, z + j) - m;
        dot16 = fma(target, select(below, (float16)(0.0f), target == 0.0f), dot16);
        weight16 += target;
    }
    const float weight = sum16(weight16), sum = row_softmax(y, z, O, m);
    for (size_t j = 0; j < O; j += 16)
        vstore16(scale * (vload16(0, y + j) * weight - target16(t, b, j, O, ldz)), 0, dz + j);
    return weight * log(sum) - sum16(dot16);
}

#elif LOSS == BCE

/* -sum t ln y + (1-t) ln(1-y) from z: max(z,0) - z t + ln(1 + exp(-|z|)). */
INLINE float row_loss_fwd(global float *y, global float *dz, global const float *z,
                          global const TARGET_ELEM *t, size_t b, size_t O, size_t ldz, float scale)
{
    float16 loss = (float16)(0.0f);
    for (size_t j = 0; j < O; j += 16) {
        const float16 in = vload16(0, z + j), target = target16(t, b, j, O, ldz);
        const float16 out = fill16(sigmoid16(in), 0.0f, j, O);
        const float16 one =
            fma(-in, target, select(in, (float16)(0.0f), in < 0.0f)) + log1p(exp(-fabs(in)));
        loss += fill16(one, 0.0f, j, O);
        vstore16(out, 0, y + j);
        vstore16(scale * (out - target), 0, dz + j);
    }
    return sum16(loss);
}

#elif ACT_KIND == SOFTMAX

/* 1/2 |y-t|^2 of a softmax: dz_j = y_j (e_j - sum_k y_k e_k), e = y - t. */
INLINE float row_loss_fwd(global float *y, global float *dz, global const float *z,
                          global const TARGET_ELEM *t, size_t b, size_t O, size_t ldz, float scale)
{
    float16 loss = (float16)(0.0f), dot16 = (float16)(0.0f);
    row_softmax(y, z, O, row_max(z, O));
    for (size_t j = 0; j < O; j += 16) {
        const float16 out = vload16(0, y + j), error = out - target16(t, b, j, O, ldz);
        loss = fma(error, error, loss);
        dot16 = fma(out, error, dot16);
    }
    const float dot = sum16(dot16);
    for (size_t j = 0; j < O; j += 16) {
        const float16 out = vload16(0, y + j), error = out - target16(t, b, j, O, ldz);
        vstore16(scale * (out * (error - dot)), 0, dz + j);
    }
    return 0.5f * sum16(loss);
}

#else

/* 1/2 |y-t|^2 of an activation that works element by element. */
INLINE float row_loss_fwd(global float *y, global float *dz, global const float *z,
                          global const TARGET_ELEM *t, size_t b, size_t O, size_t ldz, float scale)
{
    float16 loss = (float16)(0.0f);
    for (size_t j = 0; j < O; j += 16) {
        const float16 out = fill16(act16(vload16(0, z + j)), 0.0f, j, O);
        const float16 error = out - target16(t, b, j, O, ldz);
        loss = fma(error, error, loss);
        vstore16(out, 0, y + j);
        vstore16(scale * (error * slope16(out)), 0, dz + j);
    }
    return 0.5f * sum16(loss);
}

#endif

/* y (B,O), dz (B,O) and row_loss (B) are overwritten; z (B,O), t (B) or (B,O). */
kernel void loss_fwd(global float *y, global float *dz, global float *row_loss,
                     global const float *z, global const TARGET_ELEM *t, int B, int O, int ldz,
                     float scale)
{
    const size_t b = get_global_id(0), at = b * (size_t)ldz;
    if (b >= (size_t)B)
        return;
    row_loss[b] = row_loss_fwd(y + at, dz + at, z + at, t, b, (size_t)O, (size_t)ldz, scale);
}
