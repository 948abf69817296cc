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

/* Values are those of ACT_KIND, LOSS in the kernels. */
enum clg_act {
    CLG_IDENTITY,
    CLG_SIGMOID,
    CLG_TANH,
    CLG_RELU,
    CLG_SOFTMAX,
    CLG_STEP,
    CLG_LEAKY_RELU,
    CLG_ELU,
    CLG_GELU,
    CLG_SILU,
    CLG_SOFTPLUS,
    CLG_MAXOUT,
    CLG_ACTS
};
enum clg_loss { CLG_CE, CLG_BCE, CLG_MSE, CLG_HUBER, CLG_PERCEPTRON, CLG_LOSSES };
enum clg_opt {
    CLG_SGD,
    CLG_MOMENTUM,
    CLG_ADAM,
    CLG_EMA_MOMENTUM,
    CLG_NESTEROV,
    CLG_RMSPROP,
    CLG_ADAGRAD,
    CLG_ADAMW,
    CLG_OPTS
};

/* An activation with its numbers: a is the slope of leaky_relu (default 0.01) and the alpha of elu
 * (default 1); pieces is maxout's k, 1 for all others.  A layer of O units has a z of O * pieces
 * columns, piece-major: piece p of unit j is column p * O + j, and row p * O + j of W. */
struct clg_activation {
    enum clg_act kind;
    double a;
    int pieces;
};

/* Whether the derivative needs z beside y (gelu, silu: it has no closed form in y; maxout: which
 * piece was the largest).  Such a layer keeps z in a matrix of its own; all others write y over z.
 */
int clg_act_keeps_z(enum clg_act kind);

/* How targets are stored: one class number a row (I32), one-hot over O outputs or, with one output,
 * as 0 and 1; or values (B,O), reals. */
enum clg_target { CLG_TARGET_CLASS, CLG_TARGET_VALUE };

/* A loss with its numbers.  class_weights: CLG_REAL (O, or 2 where O is 1), NULL for none; with
 * them the mean of a batch divides by the sum of its examples' weights (class targets only), which
 * loss_fwd finds in `norm` (CLG_REAL (1), scratch).  teacher_z (B,O): logits of a teacher, NULL for
 * none; loss = (1-mix) ce + mix T^2 KL(softmax(teacher_z/T) || softmax(z/T)). */
struct clg_loss_spec {
    enum clg_loss kind;
    double delta;     /* huber; default 1 */
    double smoothing; /* ce: label smoothing, 0..1 */
    const struct clg_buf *class_weights;
    struct clg_buf *norm;
    const struct clg_buf *teacher_z;
    double temperature, mix;
};

/* Inverted dropout: element i = b * columns + j of a matrix is kept where Philox word i % 4 of
 * block i / 4 of (seed, CLG_STREAM_DROPOUT + (layer << 8), step) is at least p * 2^32, and then
 * divided by 1 - p; otherwise it is 0.  step is the optimiser's step, from 0; layer 0 is the input.
 * p is 0..1, below 1. */
struct clg_dropout {
    double p;
    uint64_t seed;
    uint32_t layer;
    uint32_t step;
};

extern const char *const clg_act_names[CLG_ACTS];
extern const char *const clg_loss_names[CLG_LOSSES];
extern const char *const clg_opt_names[CLG_OPTS];

/* 1 where the loss is defined for this output activation: ce with softmax, bce with sigmoid,
 * perceptron with step, mse and huber with any but step. */
int clg_pair_exists(enum clg_loss loss, enum clg_act act);

/* How many slabs of moments an optimiser keeps (rmsprop: v, and buf where it has momentum). */
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

/* Scalars of one optimiser step (t from 1).  lr is already that of the schedule. */
struct clg_update {
    enum clg_opt opt;
    double lr, l2, momentum, beta1, beta2, rho, eps, weight_decay;
    uint64_t t;
};

/* What accumulates on the device over an epoch.  stats is CLG_REAL (4): sum of losses, its
 * compensation, sum of penalties times rows, its compensation; hits is CLG_I32 (1).  The sums are
 * compensated (two-sum), so that float keeps 60,000 additions: a total is stats[0] + stats[1], the
 * penalties' stats[2] + stats[3]. */
enum { CLG_STATS = 4 };

/* A network's training step in few launches, each prepared once (kernels/dense.cl, head.cl,
 * learn.cl).  One layer as they see it: what it takes in, what of it is written, and where its
 * parts lie in the slabs. */
struct clg_fused_layer {
    int in, out, rows;
    struct clg_activation act;
    int trained;                 /* 0: frozen */
    const struct clg_buf *W, *b; /* views of params */
    const struct clg_buf *input; /* x, or a view of batch */
    struct clg_buf *y, *z, *dz;  /* y NULL: the output layer; z NULL: not kept */
    size_t W_at, b_at;           /* first elements in params */
    size_t input_at, dz_at;      /* first elements in batch; input_at SIZE_MAX: x */
    int strip;                   /* clg_fused_strip_of, or 0: its weights stay a matrix */
};

struct clg_fused_net {
    int layers, first_trained;
    const struct clg_fused_layer *layer; /* (layers) */
    struct clg_buf *params, *slot0, *slot1;
    struct clg_buf *scratch;             /* of fused_strips: room for the largest weights */
    const struct clg_buf *batch;         /* slab of all inputs and deltas, x excepted */
    size_t turned_at;                    /* in batch: the inputs once more, turned */
    int turned_row;                      /* stride of those, 0: there are none */
    struct clg_buf *out, *row_loss, *row_hits, *stats, *hits;
    const struct clg_buf *jobs;          /* CLG_I32, from clg_fused_jobs */
    int job_count; /* of learn; behind them are those that turn its inputs */
    const struct clg_loss_spec *loss;
    enum clg_target target;
    int target_input, mean;
};

/* The rows that a fused step gathers ahead: B of data from perm[start] on; B 0: none. */
struct clg_fused_next {
    struct clg_buf *x, *t; /* t NULL: no targets of their own */
    const struct clg_rows *data;
    const struct clg_buf *perm;
    size_t start;
    int B;
};

/* The table of jobs of net's learn: *count jobs of CLG_JOB_INTS numbers each, and behind them the
 * clg_fused_turn_jobs that turn its inputs; net's buffers unused.
 * The caller frees *jobs. */
enum { CLG_JOB_INTS = 16 };
clg_status clg_fused_jobs(int32_t **jobs, int *count, clg_device *device,
                          const struct clg_fused_net *net);

int clg_fused_turn_jobs(const struct clg_fused_net *net);

/* Elements of the slab that the turned inputs of batches of B take, 0 where turning does not pay;
 * *row their stride. */
size_t clg_fused_turned(int *row, clg_device *device, const struct clg_fused_net *net, int B);

/* How many elements strips of 32 columns of the layer's weights are apart (kernels/strips.cl), 0
 * where they cannot lie so. */
int clg_fused_strip_of(clg_device *device, const struct clg_fused_layer *layer);

/* NULL where the device can run fused steps, else why it cannot. */
const char *clg_fused_refuses(clg_device *device);

struct clg_fused; /* the prepared launches of one net */

/* The net that fused was made for, as it was given, and whether its last head left row_hits. */
const struct clg_fused_net *clg_fused_net_of(const struct clg_fused *fused);
int clg_fused_has_hits(const struct clg_fused *fused);

struct clg_span_launch; /* ops/span.h */

struct clg_ops {
    const char *name;

    /* perm (n) = where the shuffle of (seed, epoch) takes 0..n-1 (core/rng.h).  perm is CLG_I32. */
    clg_status (*permute)(clg_device *device, struct clg_buf *perm, size_t n, uint64_t seed,
                          uint32_t epoch);

    /* x (B,I), t (B or (B,O)): rows perm[start..start+B) of data, scaled.  perm NULL: the rows
     * start..start+B themselves.  t NULL: x alone. */
    clg_status (*gather)(clg_device *device, struct clg_buf *x, struct clg_buf *t,
                         const struct clg_rows *data, const struct clg_buf *perm, size_t start,
                         int B);

    /* y = f(x W^T + b); act is never softmax (a layer with softmax is run with identity, then
     * output_fwd or loss_fwd).  W (O*pieces,I), b (O*pieces).  Overwrites y (B,O) and, where
     * clg_act_keeps_z, z (B,O*pieces); z is NULL otherwise. */
    clg_status (*dense_fwd)(clg_device *device, struct clg_buf *y, struct clg_buf *z,
                            const struct clg_buf *x, const struct clg_buf *W,
                            const struct clg_buf *b, int B, int I, int O,
                            const struct clg_activation *act);

    /* y (B,O) = f(z) of the output layer, softmax included; y may be z unless act is maxout. */
    clg_status (*output_fwd)(clg_device *device, struct clg_buf *y, const struct clg_buf *z, int B,
                             int O, const struct clg_activation *act);

    /* y = dropout of x (B,N) (struct clg_dropout); y may be x. */
    clg_status (*dropout_fwd)(clg_device *device, struct clg_buf *y, const struct clg_buf *x, int B,
                              int N, const struct clg_dropout *drop);

    /* From z (B,O*pieces) of the output layer: y = f(z), row_loss (B) = each example's loss (summed
     * over its outputs), dz (B,O*pieces) = scale * d row_loss / d z.  With class weights row_loss
     * holds weighted losses, and under a mean (mean 1) dz is divided by the batch's weights instead
     * of by B: scale is then 1.  Formulas: docs/formulas.md.  Overwrites all three. */
    clg_status (*loss_fwd)(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                           struct clg_buf *row_loss, const struct clg_buf *z,
                           const struct clg_buf *t, int B, int O, const struct clg_loss_spec *loss,
                           const struct clg_activation *act, enum clg_target target, double scale,
                           int mean);

    /* Adds the sum of row_loss (B) to stats, and, for class targets, the number of rows whose
     * largest output (first of equals; O = 1: y >= 0.5) is the target to hits. */
    clg_status (*score)(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
                        const struct clg_buf *row_loss, const struct clg_buf *y,
                        const struct clg_buf *t, int B, int O, enum clg_target target);

    /* Adds factor * (sum of squares of the first n elements of params) to stats[2]. */
    clg_status (*penalty)(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                          const struct clg_buf *params, size_t n, double factor);

    /* dx (B,I*pieces) = (dz W * dropout mask) * f' of the layer in front, whose output is y (B,I),
     * before dropout, whose z is kept where clg_act_keeps_z (else NULL), and whose activation is
     * act.  dz (B,O) and W (O,I) are of the layer behind, O its columns of z.  drop NULL: no
     * dropout between the two.  dy (B,I) is scratch, used where pieces is above 1.  Overwrites dx
     * and dy. */
    clg_status (*delta_bwd)(clg_device *device, struct clg_buf *dx, struct clg_buf *dy,
                            const struct clg_buf *dz, const struct clg_buf *W,
                            const struct clg_buf *y, const struct clg_buf *z, int B, int I, int O,
                            const struct clg_activation *act, const struct clg_dropout *drop);

    /* dW (O,I) = dz^T x, db (O) = sum over rows of dz.  Overwrites both. */
    clg_status (*grad)(clg_device *device, struct clg_buf *dW, struct clg_buf *db,
                       const struct clg_buf *dz, const struct clg_buf *x, int B, int I, int O);

    /* out[at] = the sum of squares of x (n); out is CLG_REAL. */
    clg_status (*square_sum)(clg_device *device, struct clg_buf *out, struct clg_buf *scratch,
                             const struct clg_buf *x, size_t n, size_t at);

    /* grads (n) *= min(1, limit / (sqrt(norm2[at]) + 1e-6)): PyTorch's clip_grad_norm_, with the
     * squared norm that square_sum left. */
    clg_status (*clip)(clg_device *device, struct clg_buf *grads, const struct clg_buf *norm2,
                       size_t n, size_t at, double limit);

    /* alive[j] (I32 (O)) = 1 where any y[b][j] > 0, b < B; others stay as they are. */
    clg_status (*mark_alive)(clg_device *device, struct clg_buf *alive, const struct clg_buf *y,
                             int B, int O);

    /* One step on n parameters at once; L2 acts on the first n_weights of them.  slot0, slot1 are
     * the moments the optimiser keeps, NULL where it has none. */
    clg_status (*update)(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                         struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                         size_t n_weights, const struct clg_update *u);

    /* The fused plan; all NULL in a table that has none.  net and its buffers must outlive *out.
     * Each of the steps does what the entries above do, to the bit, in one launch where it can:
     *   fused_fwd    dense_fwd of layer l
     *   fused_head   dense_fwd of the output layer, loss_fwd with targets t; where *delta is 1 also
     *                delta_bwd of the layer in front without dropout, else, or where it cannot, it
     *                sets *delta to 0; counts each row's hit, which fused_learn adds up
     *   fused_delta  delta_bwd from layer l to the one in front, without dropout
     *   fused_learn  score, grad of all trained layers, update, and gather of next; the gradients
     *                are not kept.  x is the batch.
     *   fused_strips moves weights and moments that may lie in strips there (on 1) or back (0);
     *                while they are there, only these entries know them.  May be NULL. */
    clg_status (*fused_create)(struct clg_fused **out, clg_device *device,
                               const struct clg_fused_net *net);
    void (*fused_destroy)(struct clg_fused *fused);
    clg_status (*fused_fwd)(struct clg_fused *fused, int l, const struct clg_buf *input, int B);
    clg_status (*fused_head)(struct clg_fused *fused, const struct clg_buf *input,
                             const struct clg_buf *t, int B, double scale, int *delta);
    clg_status (*fused_delta)(struct clg_fused *fused, int l, int B);
    clg_status (*fused_learn)(struct clg_fused *fused, const struct clg_buf *x,
                              const struct clg_buf *t, int B, const struct clg_update *u,
                              const struct clg_fused_next *next);
    clg_status (*fused_strips)(struct clg_fused *fused, int on);

    /* The resident plan: many whole steps in one launch; NULL in a table that has none. */
    clg_status (*span)(clg_device *device, const struct clg_span_launch *launch);
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
