/* The losses with the output activation, one work-item a row: the kernel around loss.clh, whose
 * macros choose. */
#include "loss.clh"

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
