/* The losses with the output activation: from z of the last layer to its output, each example's
 * loss and the first delta, one work-item a row.  y may be z, so every value of z is read before y
 * is written over it.  LOSS, ACT_KIND and TARGET choose; WEIGHTED is 1 where classes have weights,
 * TAUGHT where a teacher's logits are learnt as well (ce only). */
#if !defined(LOSS) || !defined(ACT_KIND) || !defined(TARGET)
#error "LOSS, ACT_KIND and TARGET are values of enum clg_loss, clg_act and clg_target"
#endif
#if !defined(WEIGHTED) || !defined(TAUGHT)
#error "WEIGHTED and TAUGHT are 0 or 1"
#endif

#if WEIGHTED
#define WEIGHTS global const float *class_weights, global const float *norm, int mean,
#else
#define WEIGHTS
#endif
#if TAUGHT
#define TEACHER global const float *teacher, float temperature, float blend,
#else
#define TEACHER
#endif

/* What is done with one row. */
struct row {
    global float *y, *dz;
    global const float *z;
    global const TARGET_ELEM *t; /* the class, or (O) values */
    size_t O;
    float scale; /* of dz */
#if WEIGHTED
    global const float *class_weights; /* (O), or 2 where O is 1 */
#endif
#if LOSS == CE
    float keep, share; /* of label smoothing: 1 - E and E / O */
#endif
#if LOSS == HUBER
    float delta;
#endif
#if ACT_KIND == MAXOUT
    int pieces;
#endif
#if TAUGHT
    global const float *teacher; /* (O) */
    float temperature, blend;
#endif
};

/* Targets of the columns j..j+15: a class is one-hot over O outputs or, with one output, the number
 * itself. */
INLINE float16 target16(const struct row *r, size_t j)
{
#if TARGET == TARGET_CLASS
    const int label = r->t[0];
    if (r->O == 1)
        return fill16((float16)((float)label), 0.0f, j, r->O);
    return select((float16)(0.0f), (float16)(1.0f), LANES == (int16)(label - (int)j));
#else
    return vload16(0, r->t + j);
#endif
}

/* The weight of the row's class. */
INLINE float row_weight(const struct row *r)
{
#if WEIGHTED
    return r->class_weights[r->t[0]];
#else
    return 1.0f;
#endif
}

#if LOSS == CE

/* What multiplies -ln y: the target smoothed and weighted. */
INLINE float16 mass16(const struct row *r, size_t j)
{
    const float16 target = target16(r, j);
#if WEIGHTED
    const float16 spread = r->share * load16(r->class_weights, j, r->O);
#else
    const float16 spread = (float16)(r->share);
#endif
    return fill16(fma((float16)(r->keep * row_weight(r)), target, spread), 0.0f, j, r->O);
}

#if TAUGHT

/* Puts T^2 d KL(p || q) / d z into dz, with p = softmax(teacher / T) and q = softmax(z / T), and
 * returns T^2 KL = T^2 (sum p ((a - max a) - (z - max z)) / T - ln sum e^.. + ln sum e^..), a the
 * teacher's logits.  Where p is 0 its term is 0 also for an infinite difference. */
INLINE float row_distil(const struct row *r)
{
    const float top = row_max(r->z, r->O), top_a = row_max(r->teacher, r->O), T = r->temperature;
    float16 sum16_z = (float16)(0.0f), sum16_a = (float16)(0.0f), dot16 = (float16)(0.0f);
    for (size_t j = 0; j < r->O; j += 16) {
        const float16 below = (vload16(0, r->z + j) - top) / T;
        const float16 below_a = (vload16(0, r->teacher + j) - top_a) / T;
        const float16 e = fill16(exp(below_a), 0.0f, j, r->O);
        sum16_z += fill16(exp(below), 0.0f, j, r->O);
        sum16_a += e;
        dot16 = fma(e, select(below_a - below, (float16)(0.0f), e == 0.0f), dot16);
    }
    const float sum = sum16(sum16_z), sum_a = sum16(sum16_a);
    for (size_t j = 0; j < r->O; j += 16) {
        const float16 q = exp((vload16(0, r->z + j) - top) / T) / sum;
        const float16 p = exp((vload16(0, r->teacher + j) - top_a) / T) / sum_a;
        vstore16(fill16(T * (q - p), 0.0f, j, r->O), 0, r->dz + j);
    }
    return T * T * ((sum16(dot16) / sum_a - log(sum_a)) + log(sum));
}
#endif

/* -sum t ln softmax(z) = (sum t) ln(sum exp(z - m)) - sum t (z - m), with m the maximum.  Where t
 * is 0 the second term is 0 also for an infinite z - m. */
INLINE float row_loss_fwd(const struct row *r)
{
    const float m = row_max(r->z, r->O);
    float16 dot16 = (float16)(0.0f), weight16 = (float16)(0.0f);
    for (size_t j = 0; j < r->O; j += 16) {
        const float16 mass = mass16(r, j), below = vload16(0, r->z + j) - m;
        dot16 = fma(mass, select(below, (float16)(0.0f), mass == 0.0f), dot16);
        weight16 += mass;
    }
#if TAUGHT
    const float taught = row_distil(r), weight_taught = r->blend * row_weight(r);
#endif
    const float weight = sum16(weight16), sum = row_softmax(r->y, r->z, r->O, m);
    for (size_t j = 0; j < r->O; j += 16) {
        float16 slope = vload16(0, r->y + j) * weight - mass16(r, j);
#if TAUGHT
        slope = fma((float16)(1.0f - r->blend), slope, weight_taught * vload16(0, r->dz + j));
#endif
        vstore16(r->scale * slope, 0, r->dz + j);
    }
    const float loss = weight * log(sum) - sum16(dot16);
#if TAUGHT
    return fma(1.0f - r->blend, loss, weight_taught * taught);
#else
    return loss;
#endif
}

#elif LOSS == BCE

/* -sum t ln y + (1-t) ln(1-y) from z: max(z,0) - z t + ln(1 + exp(-|z|)). */
INLINE float row_loss_fwd(const struct row *r)
{
    const float scale = r->scale * row_weight(r);
    float16 loss = (float16)(0.0f);
    for (size_t j = 0; j < r->O; j += 16) {
        const float16 in = vload16(0, r->z + j), target = target16(r, j);
        const float16 out = fill16(sigmoid16(in), 0.0f, j, r->O);
        const float16 one =
            fma(-in, target, select(in, (float16)(0.0f), in < 0.0f)) + log1p(exp(-fabs(in)));
        loss += fill16(one, 0.0f, j, r->O);
        vstore16(out, 0, r->y + j);
        vstore16(scale * (out - target), 0, r->dz + j);
    }
    return row_weight(r) * sum16(loss);
}

#else

/* Losses of the error y - t alone: mse and the perceptron's, 1/2 e^2, and huber, which goes on in a
 * straight line beyond delta.  Adds twice the loss to sum. */
INLINE float16 add_loss16(const struct row *r, float16 error, float16 sum)
{
#if LOSS == HUBER
    const float16 size = fabs(error), bent = fmin(size, r->delta);
    return fma(bent, size + (size - bent), sum);
#else
    return fma(error, error, sum);
#endif
}

/* The derivative by y. */
INLINE float16 loss_slope16(const struct row *r, float16 error)
{
#if LOSS == HUBER
    return select(error, copysign((float16)(r->delta), error), fabs(error) > r->delta);
#else
    return error;
#endif
}

#if ACT_KIND == SOFTMAX

/* dz_j = y_j (g_j - sum_k y_k g_k), g the derivative by y: the whole Jacobian of softmax. */
INLINE float row_loss_fwd(const struct row *r)
{
    const float scale = r->scale * row_weight(r);
    float16 loss = (float16)(0.0f), dot16 = (float16)(0.0f);
    row_softmax(r->y, r->z, r->O, row_max(r->z, r->O));
    for (size_t j = 0; j < r->O; j += 16) {
        const float16 out = vload16(0, r->y + j), error = out - target16(r, j);
        loss = add_loss16(r, error, loss);
        dot16 = fma(out, loss_slope16(r, error), dot16);
    }
    const float dot = sum16(dot16);
    for (size_t j = 0; j < r->O; j += 16) {
        const float16 out = vload16(0, r->y + j), error = out - target16(r, j);
        vstore16(scale * (out * (loss_slope16(r, error) - dot)), 0, r->dz + j);
    }
    return row_weight(r) * (0.5f * sum16(loss));
}

#elif ACT_KIND == MAXOUT

/* The derivative goes to the piece that was the largest. */
INLINE float row_loss_fwd(const struct row *r)
{
    const float scale = r->scale * row_weight(r);
    float16 loss = (float16)(0.0f);
    for (size_t j = 0; j < r->O; j += 16) {
        int16 piece;
        const float16 out = maxout16(&piece, r->z, j, r->O, r->pieces);
        const float16 error = out - target16(r, j);
        loss = add_loss16(r, error, loss);
        vstore16(out, 0, r->y + j);
        maxout_store16(scale * loss_slope16(r, error), piece, r->dz, j, r->O, r->pieces);
    }
    return row_weight(r) * (0.5f * sum16(loss));
}

#else

/* An activation that works element by element.  The perceptron's rule takes no derivative of it. */
INLINE float row_loss_fwd(const struct row *r)
{
    const float scale = r->scale * row_weight(r);
    float16 loss = (float16)(0.0f);
    for (size_t j = 0; j < r->O; j += 16) {
        const float16 in = vload16(0, r->z + j), out = fill16(act16(in), 0.0f, j, r->O);
        const float16 error = out - target16(r, j);
        float16 slope = loss_slope16(r, error);
#if LOSS != PERCEPTRON
        slope *= slope16(KEEPS_Z ? in : out);
#endif
        loss = add_loss16(r, error, loss);
        vstore16(out, 0, r->y + j);
        vstore16(scale * slope, 0, r->dz + j);
    }
    return row_weight(r) * (0.5f * sum16(loss));
}

#endif
#endif

/* y (B,O), dz (B,O*pieces) and row_loss (B) are overwritten; z (B,O*pieces), t (B) or (B,O),
 * class_weights (O, or 2 where O is 1), norm (1) the sum of the rows' weights, teacher (B,O).
 * delta is huber's; keep and share are 1 - E and E / O of ce's label smoothing E.  Under a mean of
 * weighted examples dz is divided by norm. */
kernel void loss_fwd(global float *y, global float *dz, global float *row_loss,
                     global const float *z, global const TARGET_ELEM *t, WEIGHTS TEACHER int B,
                     int O, int pieces, int ldy, int ldz, float scale, float delta, float keep,
                     float share)
{
    const size_t b = get_global_id(0);
    struct row r;
    if (b >= (size_t)B)
        return;
    r.y = y + b * (size_t)ldy;
    r.dz = dz + b * (size_t)ldz;
    r.z = z + b * (size_t)ldz;
    r.t = t + (TARGET == TARGET_CLASS ? b : b * (size_t)ldy);
    r.O = (size_t)O;
    r.scale = scale;
#if WEIGHTED
    r.class_weights = class_weights;
    if (mean)
        r.scale = scale / norm[0];
#endif
#if LOSS == CE
    r.keep = keep;
    r.share = share;
#endif
#if LOSS == HUBER
    r.delta = delta;
#endif
#if ACT_KIND == MAXOUT
    r.pieces = pieces;
#endif
#if TAUGHT
    r.teacher = teacher + b * (size_t)ldy;
    r.temperature = temperature;
    r.blend = blend;
#endif
    row_loss[b] = row_loss_fwd(&r);
}
