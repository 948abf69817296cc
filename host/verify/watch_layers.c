/* Watched operations of layers: forward, dropout, deltas and gradients. */
#include "verify/watch.h"

#include <math.h>

/* A step whose z lies within its bound of 0 may be either of 0 and 1, and nothing else. */
static clg_status check_steps(struct clg_watch *watch, const struct clg_operand *y,
                              const double *bound)
{
    double *got;
    CLG_TRY(clg_operand_results(watch, y, &got, NULL));
    for (size_t i = 0; i < y->rows * y->columns; i++)
        if (isinf(bound[i]) && got[i] != 0 && got[i] != 1) {
            clg_tally_fault(watch->tally, "y[%zu][%zu] is %g, which no step is", i / y->columns,
                            i % y->columns, got[i]);
            return CLG_OK;
        }
    return CLG_OK;
}

clg_status clg_watch_take_dense(struct clg_watched_dense *o, struct clg_watch *watch,
                                const struct clg_buf *y, const struct clg_buf *z,
                                const struct clg_buf *x, const struct clg_buf *W,
                                const struct clg_buf *b, int B, int I, int O, int rows)
{
    o->z = NULL;
    CLG_TRY(clg_operand_write_matrix(&o->y, watch, "y", y, B, O));
    if (z)
        CLG_TRY(clg_operand_write_matrix(&o->z, watch, "z", z, B, rows));
    CLG_TRY(clg_operand_matrix(&o->in, watch, "x", x, B, I));
    CLG_TRY(clg_operand_matrix(&o->weight, watch, "W", W, rows, I));
    return clg_operand_vector(&o->bias, watch, "b", b, (size_t)rows);
}

/* z by the bound of its product; then y, made by the reference of the device's own z. */
static clg_status check_kept(struct clg_watch *watch, const struct clg_watched_dense *o, int B,
                             int I, int O, const struct clg_activation *act)
{
    static const struct clg_activation identity = {.kind = CLG_IDENTITY, .pieces = 1};
    double *bound, *z, *want;
    CLG_TRY(clg_operand_room(watch, &bound, o->z->rows * o->z->columns));
    clg_bound_dense_fwd(bound, &watch->limits, o->in->value, o->weight->value, o->bias->value, B, I,
                        O * act->pieces, &identity);
    CLG_TRY(clg_operand_results(watch, o->z, &z, &want));
    if (act->kind == CLG_MAXOUT)
        clg_tally_kinks(watch->tally, clg_kinks_of_maxout(z, want, bound, B, O, act->pieces));
    CLG_TRY(clg_operand_check(watch, o->z, bound));
    CLG_TRY(clg_matrix_upload(&o->z->ref, z, B, O * act->pieces));
    CLG_TRY(clg_ops_reference.output_fwd(watch->reference, &o->y->ref, &o->z->ref, B, O, act));
    clg_bound_output_fwd(bound, &watch->limits, z, B, O, act);
    return clg_operand_check(watch, o->y, bound);
}

clg_status clg_watch_check_dense(struct clg_watch *watch, const struct clg_watched_dense *o, int B,
                                 int I, int O, const struct clg_activation *act)
{
    double *bound, *want;
    CLG_TRY(clg_ops_reference.dense_fwd(watch->reference, &o->y->ref, o->z ? &o->z->ref : NULL,
                                        &o->in->ref, &o->weight->ref, &o->bias->ref, B, I, O, act));
    if (o->z)
        return check_kept(watch, o, B, I, O, act);
    CLG_TRY(clg_operand_room(watch, &bound, o->y->rows * o->y->columns));
    clg_bound_dense_fwd(bound, &watch->limits, o->in->value, o->weight->value, o->bias->value, B, I,
                        O, act);
    CLG_TRY(clg_operand_results(watch, o->y, NULL, &want));
    clg_tally_kinks(watch->tally, clg_kinks_of_layer(want, bound, o->in->value, o->weight->value,
                                                     o->bias->value, B, I, O, act));
    CLG_TRY(clg_operand_check(watch, o->y, bound));
    return act->kind == CLG_STEP ? check_steps(watch, o->y, bound) : CLG_OK;
}

clg_status clg_watch_dense_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *z,
                               const struct clg_buf *x, const struct clg_buf *W,
                               const struct clg_buf *b, int B, int I, int O,
                               const struct clg_activation *act)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_watched_dense o;
    OPEN(watch, "dense_fwd", "B %d, I %d, O %d, " ACT_TEXT, B, I, O, ACT_VALUES(act));
    CLG_TRY(clg_watch_take_dense(&o, watch, y, z, x, W, b, B, I, O, O * act->pieces));
    RUN(watch, dense_fwd, device, y, z, x, W, b, B, I, O, act);
    return clg_watch_check_dense(watch, &o, B, I, O, act);
}

clg_status clg_watch_output_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z,
                                int B, int O, const struct clg_activation *act)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *to, *in;
    double *bound;
    OPEN(watch, "output_fwd", "B %d, O %d, " ACT_TEXT, B, O, ACT_VALUES(act));
    CLG_TRY(clg_operand_write_matrix(&to, watch, "y", y, B, O));
    CLG_TRY(clg_operand_matrix(&in, watch, "z", z, B, O * act->pieces));
    RUN(watch, output_fwd, device, y, z, B, O, act);
    CLG_TRY(clg_ops_reference.output_fwd(watch->reference, &to->ref, &in->ref, B, O, act));
    CLG_TRY(clg_operand_room(watch, &bound, to->rows * to->columns));
    clg_bound_output_fwd(bound, &watch->limits, in->value, B, O, act);
    return clg_operand_check(watch, to, bound);
}

clg_status clg_watch_dropout_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *x,
                                 int B, int N, const struct clg_dropout *drop)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *to, *in;
    double *bound, *mask;
    size_t count = (size_t)B * (size_t)N;
    OPEN(watch, "dropout_fwd", "B %d, N %d, p %g, layer %u, step %u", B, N, drop->p,
         (unsigned)drop->layer, (unsigned)drop->step);
    CLG_TRY(clg_operand_write_matrix(&to, watch, "y", y, B, N));
    CLG_TRY(clg_operand_matrix(&in, watch, "x", x, B, N));
    RUN(watch, dropout_fwd, device, y, x, B, N, drop);
    CLG_TRY(clg_ops_reference.dropout_fwd(watch->reference, &to->ref, &in->ref, B, N, drop));
    CLG_TRY(clg_operand_room(watch, &bound, count));
    CLG_TRY(clg_operand_room(watch, &mask, count));
    clg_dropout_mask(mask, count, drop);
    clg_bound_dropout_fwd(bound, &watch->limits, in->value, mask, count);
    return clg_operand_check(watch, to, bound);
}

clg_status clg_watch_check_delta(struct clg_watch *watch, const struct clg_watched_delta *o,
                                 const double *dz, int B, int I, int O,
                                 const struct clg_activation *act, const struct clg_dropout *drop)
{
    double *bound, *want, *size, *mask = NULL;
    CLG_TRY(clg_ops_reference.delta_bwd(watch->reference, &o->dx->ref, o->dy ? &o->dy->ref : NULL,
                                        &o->dz->ref, &o->W->ref, &o->y->ref,
                                        o->z ? &o->z->ref : NULL, B, I, O, act, drop));
    CLG_TRY(clg_operand_room(watch, &bound, o->dx->rows * o->dx->columns));
    CLG_TRY(clg_operand_room(watch, &size, 2 * (size_t)I));
    CLG_TRY(clg_operand_results(watch, o->dx, NULL, &want));
    if (drop) {
        CLG_TRY(clg_operand_room(watch, &mask, (size_t)B * (size_t)I));
        clg_dropout_mask(mask, (size_t)B * (size_t)I, drop);
    }
    const struct clg_delta_case c = {.dx = want,
                                     .dz = dz,
                                     .W = o->W->value,
                                     .y = o->y->value,
                                     .z = o->z ? o->z->value : NULL,
                                     .mask = mask,
                                     .B = B,
                                     .I = I,
                                     .O = O,
                                     .act = act};
    clg_bound_delta_bwd(bound, size, &watch->limits, &c);
    return clg_operand_check(watch, o->dx, bound);
}

clg_status clg_watch_delta_bwd(clg_device *device, struct clg_buf *dx, struct clg_buf *dy,
                               const struct clg_buf *dz, const struct clg_buf *W,
                               const struct clg_buf *y, const struct clg_buf *z, int B, int I,
                               int O, const struct clg_activation *act,
                               const struct clg_dropout *drop)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_watched_delta o = {0};
    OPEN(watch, "delta_bwd", "B %d, I %d, O %d, " ACT_TEXT ", dropout %g", B, I, O, ACT_VALUES(act),
         drop ? drop->p : 0.0);
    CLG_TRY(clg_operand_write_matrix(&o.dx, watch, "dx", dx, B, I * act->pieces));
    if (dy)
        CLG_TRY(clg_operand_write_matrix(&o.dy, watch, "dy", dy, B, I));
    CLG_TRY(clg_operand_matrix(&o.dz, watch, "dz", dz, B, O));
    CLG_TRY(clg_operand_matrix(&o.W, watch, "W", W, O, I));
    CLG_TRY(clg_operand_matrix(&o.y, watch, "y", y, B, I));
    if (z)
        CLG_TRY(clg_operand_matrix(&o.z, watch, "z", z, B, I * act->pieces));
    RUN(watch, delta_bwd, device, dx, dy, dz, W, y, z, B, I, O, act, drop);
    return clg_watch_check_delta(watch, &o, o.dz->value, B, I, O, act, drop);
}

clg_status clg_watch_grad(clg_device *device, struct clg_buf *dW, struct clg_buf *db,
                          const struct clg_buf *dz, const struct clg_buf *x, int B, int I, int O)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *weight, *bias, *delta, *in;
    double *dW_bound, *db_bound, *dW_want, *db_want;
    OPEN(watch, "grad", "B %d, I %d, O %d", B, I, O);
    CLG_TRY(clg_operand_write_matrix(&weight, watch, "dW", dW, O, I));
    CLG_TRY(clg_operand_write_vector(&bias, watch, "db", db, (size_t)O));
    CLG_TRY(clg_operand_matrix(&delta, watch, "dz", dz, B, O));
    CLG_TRY(clg_operand_matrix(&in, watch, "x", x, B, I));
    RUN(watch, grad, device, dW, db, dz, x, B, I, O);
    CLG_TRY(clg_ops_reference.grad(watch->reference, &weight->ref, &bias->ref, &delta->ref,
                                   &in->ref, B, I, O));
    CLG_TRY(clg_operand_room(watch, &dW_bound, weight->rows * weight->columns));
    CLG_TRY(clg_operand_room(watch, &db_bound, bias->columns));
    CLG_TRY(clg_operand_results(watch, weight, NULL, &dW_want));
    CLG_TRY(clg_operand_results(watch, bias, NULL, &db_want));
    clg_bound_grad(dW_bound, db_bound, &watch->limits, dW_want, db_want, delta->value, in->value, B,
                   I, O);
    CLG_TRY(clg_operand_check(watch, weight, dW_bound));
    return clg_operand_check(watch, bias, db_bound);
}
