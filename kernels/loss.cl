/* The losses with the output activation, one work-item a row: the kernel around loss.clh, whose
 * macros choose. */
#include "loss.clh"

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
    row_begin(&r, y, dz, z, t, WEIGHTS_OF b, (size_t)O, (size_t)ldy, (size_t)ldz, scale, delta,
              keep, share);
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
