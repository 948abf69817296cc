/* What the files of the reference back end share: access to its buffers, one unit's activation and
 * derivative, and the operations that clg_ops_reference lists.  Private to reference*.c. */
#ifndef CLG_OPS_REFERENCE_H
#define CLG_OPS_REFERENCE_H

#include "ops/ops.h"

#include <assert.h>

/* Elements of a buffer, and row b of a matrix (.,columns). */
static inline double *ref_reals(const struct clg_buf *buf)
{
    assert(buf->elem == CLG_REAL);
    return buf->host;
}

static inline int32_t *ref_integers(const struct clg_buf *buf)
{
    assert(buf->elem == CLG_I32);
    return buf->host;
}

static inline double *ref_row(clg_device *device, const struct clg_buf *matrix, int b, int columns)
{
    return ref_reals(matrix) + (size_t)b * (size_t)clg_stride(device, columns);
}

/* Never raises e to a positive power, so it cannot overflow. */
double ref_sigmoid(double z);

/* f of unit j from its layer's z (O*pieces); act is not softmax. */
double ref_unit_fwd(const double *z, int j, int O, const struct clg_activation *act);

/* dz of unit j, all its pieces, from dy, the derivative by its output y.  z (O*pieces) is read
 * where clg_act_keeps_z.  dz[j] may be where dy was. */
void ref_unit_bwd(double *dz, double dy, double y, const double *z, int j, int O,
                  const struct clg_activation *act);

/* The largest of z (O). */
double ref_largest(const double *z, int O);

/* y (O) = softmax(z), and the logarithm of the sum of e^(z - m), m the largest z.  y may be z. */
double ref_softmax_row(double *y, const double *z, int O, double m);

/* In drop's mask, kept elements are 1 / (1 - p) and dropped ones 0; element i of x (N) is number
 * first + i.  y (N) = x times the mask; y may be x. */
void ref_drop_row(double *y, const double *x, int N, uint64_t first,
                  const struct clg_dropout *drop);

clg_status ref_output_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z, int B,
                          int O, const struct clg_activation *act);
clg_status ref_dropout_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *x, int B,
                           int N, const struct clg_dropout *drop);
clg_status ref_loss_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                        struct clg_buf *row_loss, const struct clg_buf *z, const struct clg_buf *t,
                        int B, int O, const struct clg_loss_spec *loss,
                        const struct clg_activation *act, enum clg_target target, double scale,
                        int mean);
clg_status ref_square_sum(clg_device *device, struct clg_buf *out, struct clg_buf *scratch,
                          const struct clg_buf *x, size_t n, size_t at);
clg_status ref_clip(clg_device *device, struct clg_buf *grads, const struct clg_buf *norm2,
                    size_t n, size_t at, double limit);
clg_status ref_update(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                      struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                      size_t n_weights, const struct clg_update *u);

#endif
