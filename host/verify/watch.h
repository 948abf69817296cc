/* The entries of the watching table, and what they share. */
#ifndef CLG_VERIFY_WATCH_H
#define CLG_VERIFY_WATCH_H

#include "verify/operand.h"

/* Frees what the last operation held and names the next. */
#define OPEN(watch, ...)                                                                           \
    do {                                                                                           \
        clg_operands_clear(watch);                                                                 \
        clg_tally_open((watch)->tally, __VA_ARGS__);                                               \
        (watch)->tally->now.route = clg_watch_route(watch);                                        \
    } while (0)

/* Lets the device run one entry of the table that is watched, and takes the time. */
#define RUN(watch, entry, ...)                                                                     \
    do {                                                                                           \
        double began_;                                                                             \
        CLG_TRY(clg_watch_start(&began_, watch));                                                  \
        CLG_TRY((watch)->inner->entry(__VA_ARGS__));                                               \
        CLG_TRY(clg_watch_stop(watch, began_));                                                    \
    } while (0)

/* An activation in a shape's text. */
#define ACT_TEXT "%s a %g pieces %d"
#define ACT_VALUES(act) clg_act_names[(act)->kind], (act)->a, (act)->pieces

static inline struct clg_watch *watch_of(const clg_device *device)
{
    return device->ops_user;
}

clg_status clg_watch_start(double *began, struct clg_watch *watch);
clg_status clg_watch_stop(struct clg_watch *watch, double began);

/* The route of the open operation: of a product the way that it takes, else "native" or
 * "reference". */
const char *clg_watch_route(const struct clg_watch *watch);

/* Elements of y (B,O) within their bound of act's kink, but not on it (kinks.c). */
uint64_t clg_kinks_of_layer(const double *y, const double *bound, const double *x, const double *W,
                            const double *b, int B, int I, int O, const struct clg_activation *act);

/* Elements whose two largest pieces of z (B,O*pieces) lie within the sum of their bounds, and are
 * not equal on both sides. */
uint64_t clg_kinks_of_maxout(const double *got, const double *want, const double *bound, int B,
                             int O, int pieces);

/* An operation that was wrong runs again (again.c). */
int clg_again_wanted(const struct clg_watch *watch);
clg_status clg_again_begin(struct clg_watch *watch);
clg_status clg_again_end(struct clg_watch *watch);

/* The watching table, and the one for a device that has plans besides the plain one. */
extern const struct clg_ops clg_watching, clg_watching_plans;

/* watch_fused.c: the entries of the plans. */
clg_status clg_watched_fused_create(struct clg_fused **out, clg_device *device,
                                    const struct clg_fused_net *net);
void clg_watched_fused_destroy(struct clg_fused *fused);
clg_status clg_watched_fused_fwd(struct clg_fused *fused, int l, const struct clg_buf *input,
                                 int B);
clg_status clg_watched_fused_head(struct clg_fused *fused, const struct clg_buf *input,
                                  const struct clg_buf *t, int B, double scale, int *delta);
clg_status clg_watched_fused_delta(struct clg_fused *fused, int l, int B);
clg_status clg_watched_fused_learn(struct clg_fused *fused, const struct clg_buf *x,
                                   const struct clg_buf *t, int B, const struct clg_update *u,
                                   const struct clg_fused_next *next);
clg_status clg_watched_span(clg_device *device, const struct clg_span_launch *launch);

/* Whether the device's labels are numbers of classes.  Both sides trust them: where they are not,
 * the operation is not run. */
int clg_watch_labels_are_valid(struct clg_watch *watch, const struct clg_operand *t, int O);

/* Ends what is being verified, after an input that no operation could bear. */
clg_status clg_watch_stopped(const struct clg_watch *watch);

/* -------------------------------------------------- what watch_fused.c shares
 * Operands that are taken before the device runs, and their checks after it; the reference's run is
 * a part of the check. */

/* What one gather reads and writes; t NULL: x alone. */
struct clg_watched_gather {
    struct clg_operand *x, *t, *from[4];
    struct clg_rows batch; /* its rows alone, on the reference */
};
/* name: of x and t.  *valid 0: perm leads out of the data, which is a fault and not to be run. */
clg_status clg_watch_take_gather(struct clg_watched_gather *o, int *valid, struct clg_watch *watch,
                                 const char *const name[2], const struct clg_buf *x,
                                 const struct clg_buf *t, const struct clg_rows *data,
                                 const struct clg_buf *perm, size_t start, int B);
clg_status clg_watch_check_gather(struct clg_watch *watch, const struct clg_watched_gather *o,
                                  int B);

/* What one dense_fwd reads and writes; z NULL: not kept. */
struct clg_watched_dense {
    struct clg_operand *y, *z, *in, *weight, *bias;
};
clg_status clg_watch_take_dense(struct clg_watched_dense *o, struct clg_watch *watch,
                                const struct clg_buf *y, const struct clg_buf *z,
                                const struct clg_buf *x, const struct clg_buf *W,
                                const struct clg_buf *b, int B, int I, int O, int rows);
clg_status clg_watch_check_dense(struct clg_watch *watch, const struct clg_watched_dense *o, int B,
                                 int I, int O, const struct clg_activation *act);

/* What one delta_bwd reads and writes; dy and z may be NULL.  dz (B,O) is what the device had. */
struct clg_watched_delta {
    struct clg_operand *dx, *dy, *dz, *W, *y, *z;
};
clg_status clg_watch_check_delta(struct clg_watch *watch, const struct clg_watched_delta *o,
                                 const double *dz, int B, int I, int O,
                                 const struct clg_activation *act, const struct clg_dropout *drop);

/* What one loss_fwd reads and writes; the last three are NULL where the loss has none.  z
 * (B,O*pieces) is what the device had, and z->ref holds the same. */
struct clg_watched_loss {
    struct clg_operand *y, *dz, *row_loss, *z, *t, *norm, *weights, *teacher;
};
void clg_watch_open_loss(struct clg_watch *watch, const char *operation,
                         const struct clg_loss_case *c, enum clg_target target);
clg_status clg_watch_take_loss(struct clg_watched_loss *o, struct clg_watch *watch, int B, int O,
                               const struct clg_loss_spec *loss);
/* The bounds of y, dz and row_loss, from z, t and the class weights alone. */
clg_status clg_watch_bound_loss(double *bound[3], struct clg_watch *watch,
                                const struct clg_watched_loss *o, const double *z,
                                struct clg_loss_case *c, enum clg_target target);
clg_status clg_watch_check_loss(struct clg_watch *watch, const struct clg_watched_loss *o,
                                const double *z, struct clg_loss_case *c, enum clg_target target);

/* Compares the count of hits; y (B,O): the outputs that mean classes, NULL where there are none. */
clg_status clg_watch_check_hits(struct clg_watch *watch, const struct clg_operand *hits,
                                const struct clg_operand *y, int B, int O);

/* Compares the total that starts at stats[first], whose parts may differ, after n terms of that
 * size; the other two numbers must be what they were. */
clg_status clg_watch_check_stats(struct clg_watch *watch, const struct clg_operand *stats,
                                 int first, double size, size_t n);

/* The targets of a batch: classes, or values. */
clg_status clg_watch_targets(struct clg_operand **out, struct clg_watch *watch,
                             const struct clg_buf *t, int B, int O, enum clg_target target);

clg_status clg_watch_permute(clg_device *device, struct clg_buf *perm, size_t n, uint64_t seed,
                             uint32_t epoch);
clg_status clg_watch_gather(clg_device *device, struct clg_buf *x, struct clg_buf *t,
                            const struct clg_rows *data, const struct clg_buf *perm, size_t start,
                            int B);
clg_status clg_watch_dense_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *z,
                               const struct clg_buf *x, const struct clg_buf *W,
                               const struct clg_buf *b, int B, int I, int O,
                               const struct clg_activation *act);
clg_status clg_watch_output_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z,
                                int B, int O, const struct clg_activation *act);
clg_status clg_watch_dropout_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *x,
                                 int B, int N, const struct clg_dropout *drop);
clg_status clg_watch_delta_bwd(clg_device *device, struct clg_buf *dx, struct clg_buf *dy,
                               const struct clg_buf *dz, const struct clg_buf *W,
                               const struct clg_buf *y, const struct clg_buf *z, int B, int I,
                               int O, const struct clg_activation *act,
                               const struct clg_dropout *drop);
clg_status clg_watch_grad(clg_device *device, struct clg_buf *dW, struct clg_buf *db,
                          const struct clg_buf *dz, const struct clg_buf *x, int B, int I, int O);
clg_status clg_watch_loss_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                              struct clg_buf *row_loss, const struct clg_buf *z,
                              const struct clg_buf *t, int B, int O,
                              const struct clg_loss_spec *loss, const struct clg_activation *act,
                              enum clg_target target, double scale, int mean);
clg_status clg_watch_score(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
                           const struct clg_buf *row_loss, const struct clg_buf *y,
                           const struct clg_buf *t, int B, int O, enum clg_target target);
clg_status clg_watch_penalty(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                             const struct clg_buf *params, size_t n, double factor);
clg_status clg_watch_square_sum(clg_device *device, struct clg_buf *out, struct clg_buf *scratch,
                                const struct clg_buf *x, size_t n, size_t at);
clg_status clg_watch_clip(clg_device *device, struct clg_buf *grads, const struct clg_buf *norm2,
                          size_t n, size_t at, double limit);
clg_status clg_watch_mark_alive(clg_device *device, struct clg_buf *alive, const struct clg_buf *y,
                                int B, int O);
clg_status clg_watch_update(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                            struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                            size_t n_weights, const struct clg_update *u);

#endif
