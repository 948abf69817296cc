/* What the files of the OpenCL back end share: how ranges are cut, and the operations that
 * clg_ops_opencl lists.  Private to opencl*.c. */
#ifndef CLG_OPS_OPENCL_H
#define CLG_OPS_OPENCL_H

#include "device/launch.h"
#include "ops/ops.h"

enum { CLG_PIECE = 16 }; /* columns, or elements of a slab, that a work-item takes */

static inline size_t clg_pieces(size_t n)
{
    return (n + CLG_PIECE - 1) / CLG_PIECE;
}

/* Room for the longest of the options that select code. */
enum { CLG_OPTIONS = 128 };

/* "-DACT_KIND=K", with the bits of the activation's number where it has one. */
void clg_act_options(char options[CLG_OPTIONS], const struct clg_activation *act);

/* The same for the layer in front of a head: "-DFRONT_KIND=K" and its number. */
void clg_front_options(char options[CLG_OPTIONS], const struct clg_activation *act);

/* The scalars of one step that kernels/optimiser.clh takes, made in double. */
struct clg_rates {
    double rate, root, decay, keep0, keep1, eps;
};
struct clg_rates clg_rates_of(const struct clg_update *u);

/* How many slabs of moments a step touches: rmsprop without momentum leaves its second alone. */
int clg_update_slots(const struct clg_update *u);

clg_status clg_ocl_weight_sum(clg_device *device, struct clg_buf *norm,
                              const struct clg_buf *class_weights, const struct clg_buf *t, int B);
clg_status clg_ocl_loss_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                            struct clg_buf *row_loss, const struct clg_buf *z,
                            const struct clg_buf *t, int B, int O, const struct clg_loss_spec *loss,
                            const struct clg_activation *act, enum clg_target target, double scale,
                            int mean);
clg_status clg_ocl_score(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
                         const struct clg_buf *row_loss, const struct clg_buf *y,
                         const struct clg_buf *t, int B, int O, enum clg_target target);
clg_status clg_ocl_penalty(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                           const struct clg_buf *params, size_t n, double factor);
clg_status clg_ocl_square_sum(clg_device *device, struct clg_buf *out, struct clg_buf *scratch,
                              const struct clg_buf *x, size_t n, size_t at);
clg_status clg_ocl_mark_alive(clg_device *device, struct clg_buf *alive, const struct clg_buf *y,
                              int B, int O);
clg_status clg_ocl_clip(clg_device *device, struct clg_buf *grads, const struct clg_buf *norm2,
                        size_t n, size_t at, double limit);
clg_status clg_ocl_update(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                          struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                          size_t n_weights, const struct clg_update *u);

#endif
