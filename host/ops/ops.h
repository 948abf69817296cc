/* The layer operations, and the table of them that each back end fills.  One network code and one
 * training loop call the table; whether an entry is one kernel or several is the back end's affair.
 *
 * Order of arguments: device, outputs, inputs, sizes, scalars.  Matrices are (rows,columns) in the
 * layout of device/buffer.h; vectors are dense.  All work is enqueued in order and not waited for.
 *
 *   x (B,I) input of a layer     W (O,I), b (O)       y (B,O) = f(x W^T + b)
 *   z (B,O) = x W^T + b          dz (B,O) = d loss / d z, already divided by B under mean reduction
 */
#ifndef CLG_OPS_OPS_H
#define CLG_OPS_OPS_H

#include "device/buffer.h"

/* Values are those of ACT_KIND in the kernels.  The derivative of all but softmax comes from y. */
enum clg_act { CLG_IDENTITY, CLG_SIGMOID, CLG_TANH, CLG_RELU, CLG_SOFTMAX, CLG_ACTS };
enum clg_loss { CLG_CE, CLG_BCE, CLG_MSE, CLG_LOSSES };
enum clg_opt { CLG_SGD, CLG_MOMENTUM, CLG_ADAM, CLG_OPTS };

/* How targets are stored: one class number a row (I32), one-hot over O outputs or, with one output,
 * as 0 and 1; or values (B,O), reals. */
enum clg_target { CLG_TARGET_CLASS, CLG_TARGET_VALUE };

extern const char *const clg_act_names[CLG_ACTS];
extern const char *const clg_loss_names[CLG_LOSSES];
extern const char *const clg_opt_names[CLG_OPTS];

/* 1 where the loss is defined for this output activation: ce with softmax, bce with sigmoid, mse
 * with any. */
int clg_pair_exists(enum clg_loss loss, enum clg_act act);

/* How many slabs of moments an optimiser keeps: sgd 0, momentum 1 (v), adam 2 (m, v). */
int clg_opt_slots(enum clg_opt opt);
extern const char *const clg_opt_slot_names[CLG_OPTS][2];

/* Rows resident on the device. x is CLG_U8 or CLG_REAL, (rows,features) dense; the value used is
 * x * scale[i] + shift[i] (scale, shift: reals (features)) for bytes, x itself for reals.  t is
 * CLG_I32 (rows) or CLG_REAL (rows,outputs) dense. */
struct clg_rows {
    struct clg_buf x, t, scale, shift;
    size_t rows;
    int features, outputs;
    enum clg_target target;
};

/* Scalars of one optimiser step (t from 1). */
struct clg_update {
    enum clg_opt opt;
    double lr, l2, momentum, beta1, beta2, eps;
    uint64_t t;
};

/* What accumulates on the device over an epoch.  stats is CLG_REAL (4): sum of losses, its
 * compensation, sum of penalties times rows, its compensation; hits is CLG_I32 (1).  The sums are
 * compensated (two-sum), so that float keeps 60,000 additions: a total is stats[0] + stats[1], the
 * penalties' stats[2] + stats[3]. */
enum { CLG_STATS = 4 };

struct clg_ops {
    const char *name;

    /* perm (n) = where the shuffle of (seed, epoch) takes 0..n-1 (core/rng.h).  perm is CLG_I32. */
    clg_status (*permute)(clg_device *device, struct clg_buf *perm, size_t n, uint64_t seed,
                          uint32_t epoch);

    /* x (B,I), t (B or (B,O)): rows perm[start..start+B) of data, scaled.  perm NULL: the rows
     * start..start+B themselves. */
    clg_status (*gather)(clg_device *device, struct clg_buf *x, struct clg_buf *t,
                         const struct clg_rows *data, const struct clg_buf *perm, size_t start,
                         int B);

    /* y = f(x W^T + b); act is never softmax (a layer with softmax is run with identity, then
     * output_fwd or loss_fwd).  Overwrites y. */
    clg_status (*dense_fwd)(clg_device *device, struct clg_buf *y, const struct clg_buf *x,
                            const struct clg_buf *W, const struct clg_buf *b, int B, int I, int O,
                            enum clg_act act);

    /* y = f(z) of the output layer, softmax included; y may be z. */
    clg_status (*output_fwd)(clg_device *device, struct clg_buf *y, const struct clg_buf *z, int B,
                             int O, enum clg_act act);

    /* From z of the output layer: y = f(z), row_loss (B) = each example's loss (summed over its
     * outputs), dz = scale * d row_loss / d z.  Formulas: docs/formulas.md.  Overwrites all three. */
    clg_status (*loss_fwd)(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                           struct clg_buf *row_loss, const struct clg_buf *z,
                           const struct clg_buf *t, int B, int O, enum clg_loss loss,
                           enum clg_act act, enum clg_target target, double scale);

    /* Adds the sum of row_loss (B) to stats, and, for class targets, the number of rows whose
     * largest output (first of equals; O = 1: y >= 0.5) is the target to hits. */
    clg_status (*score)(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
                        const struct clg_buf *row_loss, const struct clg_buf *y,
                        const struct clg_buf *t, int B, int O, enum clg_target target);

    /* Adds factor * (sum of squares of the first n elements of params) to stats[2]. */
    clg_status (*penalty)(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                          const struct clg_buf *params, size_t n, double factor);

    /* dx (B,I) = (dz W) * f'(y) with y (B,I) the output of the layer in front and act its
     * activation.  Overwrites dx. */
    clg_status (*delta_bwd)(clg_device *device, struct clg_buf *dx, const struct clg_buf *dz,
                            const struct clg_buf *W, const struct clg_buf *y, int B, int I, int O,
                            enum clg_act act);

    /* dW (O,I) = dz^T x, db (O) = sum over rows of dz.  Overwrites both. */
    clg_status (*grad)(clg_device *device, struct clg_buf *dW, struct clg_buf *db,
                       const struct clg_buf *dz, const struct clg_buf *x, int B, int I, int O);

    /* One step on n parameters at once; L2 acts on the first n_weights of them.  slot0, slot1 are
     * the moments the optimiser keeps, NULL where it has none. */
    clg_status (*update)(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                         struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                         size_t n_weights, const struct clg_update *u);
};

/* Partial sums that penalty's scratch must hold (reals). */
enum { CLG_PENALTY_SCRATCH = 256 };

extern const struct clg_ops clg_ops_reference, clg_ops_opencl;
const struct clg_ops *clg_ops_of(const clg_device *device);

/* C (M,N) = op(A) op(B) over K, row-major with strides; the two routes of the products.
 *   NN: A (M,K), B (K,N)    NT: A (M,K), B (N,K)    TN: A (K,M), B (K,N) */
enum clg_form { CLG_NN, CLG_NT, CLG_TN };
clg_status clg_matmul_native(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                             const struct clg_buf *B, int M, int N, int K, enum clg_form form);
clg_status clg_matmul_clblast(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                              const struct clg_buf *B, int M, int N, int K, enum clg_form form);
/* 1 where the library was built with CLBlast. */
int clg_matmul_has_clblast(void);

#endif
