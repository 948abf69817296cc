/* The table of operations that watches another: each entry takes down what the operation is about
 * to read, lets the device run it, repeats it on the reference from the same numbers, and compares
 * every element within its bound.  What an entry holds is freed when the next one begins, so it may
 * leave anywhere. */
#include "verify/operand.h"

#include "core/memory.h"

#include <stdlib.h>

/* Frees what the last operation held and names the next. */
#define OPEN(watch, ...)                                                                           \
    do {                                                                                           \
        clg_operands_clear(watch);                                                                 \
        clg_tally_open((watch)->tally, __VA_ARGS__);                                               \
    } while (0)

static struct clg_watch *watch_of(const clg_device *device)
{
    return device->ops_user;
}

/* Whether the device's labels are numbers of classes.  Both sides trust them: where they are not,
 * the operation is not run. */
static int labels_are_valid(struct clg_watch *watch, const struct clg_operand *t, int O)
{
    for (size_t b = 0; b < t->columns; b++) {
        if (t->value[b] >= 0 && t->value[b] < (O > 1 ? O : 2))
            continue;
        clg_tally_fault(watch->tally, "t[%zu] is class %g of %d", b, t->value[b], O > 1 ? O : 2);
        return 0;
    }
    return 1;
}

/* Ends what is being verified, after an input that no operation could bear. */
static clg_status stopped(const struct clg_watch *watch)
{
    return clg_fail(CLG_EMISMATCH, "%s", watch->tally->result.first);
}

static clg_status targets(struct clg_operand **out, struct clg_watch *watch,
                          const struct clg_buf *t, int B, int O, enum clg_target target)
{
    return target == CLG_TARGET_CLASS ? clg_operand_vector(out, watch, "t", t, (size_t)B)
                                      : clg_operand_matrix(out, watch, "t", t, B, O);
}

/* ------------------------------------------------------------------- data */

static clg_status watch_permute(clg_device *device, struct clg_buf *perm, size_t n, uint64_t seed,
                                uint32_t epoch)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *p;
    OPEN(watch, "permute", "n %zu, seed %llu, epoch %u", n, (unsigned long long)seed,
         (unsigned)epoch);
    CLG_TRY(clg_operand_write_vector(&p, watch, "perm", perm, n));
    CLG_TRY(watch->inner->permute(device, perm, n, seed, epoch));
    CLG_TRY(clg_ops_reference.permute(watch->reference, &p->ref, n, seed, epoch));
    return clg_operand_check(watch, p, NULL);
}

/* The rows of the batch: *row NULL where they are start..start+B; *valid 0 where perm leads out of
 * the data. */
static clg_status batch_rows(int32_t **row, int *valid, struct clg_watch *watch,
                             const struct clg_rows *data, const struct clg_buf *perm, size_t start,
                             int B)
{
    *row = NULL;
    *valid = 1;
    if (!perm)
        return CLG_OK;
    CLG_TRY(clg_operand_integers(watch, row, perm, start, (size_t)B));
    for (int b = 0; b < B && *valid; b++) {
        if ((*row)[b] >= 0 && (size_t)(*row)[b] < data->rows)
            continue;
        clg_tally_fault(watch->tally, "perm[%zu] is %d, and there are %zu rows", start + (size_t)b,
                        (int)(*row)[b], data->rows);
        *valid = 0;
    }
    return CLG_OK;
}

/* The batch's rows of data as a data set of their own, on the reference. */
static clg_status batch_data(struct clg_rows *batch, struct clg_operand *operand[4],
                             struct clg_watch *watch, const struct clg_rows *data,
                             const int32_t *row, size_t start, size_t B)
{
    size_t features = (size_t)data->features;
    size_t outputs = data->target == CLG_TARGET_CLASS ? 1 : (size_t)data->outputs;
    *batch = *data;
    batch->rows = B;
    CLG_TRY(clg_operand_rows(&operand[0], watch, "data", &data->x, row, start, B, features));
    CLG_TRY(clg_operand_rows(&operand[1], watch, "targets", &data->t, row, start, B, outputs));
    batch->x = operand[0]->ref;
    batch->t = operand[1]->ref;
    if (data->x.elem != CLG_U8)
        return CLG_OK;
    CLG_TRY(clg_operand_vector(&operand[2], watch, "scale", &data->scale, features));
    CLG_TRY(clg_operand_vector(&operand[3], watch, "shift", &data->shift, features));
    batch->scale = operand[2]->ref;
    batch->shift = operand[3]->ref;
    return CLG_OK;
}

static clg_status watch_gather(clg_device *device, struct clg_buf *x, struct clg_buf *t,
                               const struct clg_rows *data, const struct clg_buf *perm,
                               size_t start, int B)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *to, *labels, *from[4];
    struct clg_rows batch;
    int32_t *row;
    double *bound = NULL;
    int valid, I = data->features, is_class = data->target == CLG_TARGET_CLASS;
    OPEN(watch, "gather", "B %d, I %d, %s, %s, %s, start %zu", B, I,
         data->x.elem == CLG_U8 ? "bytes" : "reals", is_class ? "class" : "value",
         perm ? "permuted" : "in order", start);
    CLG_TRY(batch_rows(&row, &valid, watch, data, perm, start, B));
    if (!valid)
        return stopped(watch);
    CLG_TRY(batch_data(&batch, from, watch, data, row, start, (size_t)B));
    CLG_TRY(clg_operand_write_matrix(&to, watch, "x", x, B, I));
    CLG_TRY(is_class ? clg_operand_write_vector(&labels, watch, "t", t, (size_t)B)
                     : clg_operand_write_matrix(&labels, watch, "t", t, B, data->outputs));
    CLG_TRY(watch->inner->gather(device, x, t, data, perm, start, B));
    CLG_TRY(clg_ops_reference.gather(watch->reference, &to->ref, &labels->ref, &batch, NULL, 0, B));
    if (data->x.elem == CLG_U8) {
        CLG_TRY(clg_operand_room(watch, &bound, to->rows * to->columns));
        clg_bound_gather(bound, from[0]->value, from[2]->value, from[3]->value, B, I);
    }
    CLG_TRY(clg_operand_check(watch, to, bound));
    return clg_operand_check(watch, labels, NULL);
}

/* ----------------------------------------------------------------- layers */

static clg_status watch_dense_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *x,
                                  const struct clg_buf *W, const struct clg_buf *b, int B, int I,
                                  int O, enum clg_act act)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *to, *in, *weight, *bias;
    double *bound;
    OPEN(watch, "dense_fwd", "B %d, I %d, O %d, %s", B, I, O, clg_act_names[act]);
    CLG_TRY(clg_operand_write_matrix(&to, watch, "y", y, B, O));
    CLG_TRY(clg_operand_matrix(&in, watch, "x", x, B, I));
    CLG_TRY(clg_operand_matrix(&weight, watch, "W", W, O, I));
    CLG_TRY(clg_operand_vector(&bias, watch, "b", b, (size_t)O));
    CLG_TRY(watch->inner->dense_fwd(device, y, x, W, b, B, I, O, act));
    CLG_TRY(clg_ops_reference.dense_fwd(watch->reference, &to->ref, &in->ref, &weight->ref,
                                        &bias->ref, B, I, O, act));
    CLG_TRY(clg_operand_room(watch, &bound, to->rows * to->columns));
    clg_bound_dense_fwd(bound, &watch->limits, in->value, weight->value, bias->value, B, I, O, act);
    return clg_operand_check(watch, to, bound);
}

static clg_status watch_output_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z,
                                   int B, int O, enum clg_act act)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *to, *in;
    double *bound;
    OPEN(watch, "output_fwd", "B %d, O %d, %s", B, O, clg_act_names[act]);
    CLG_TRY(clg_operand_write_matrix(&to, watch, "y", y, B, O));
    CLG_TRY(clg_operand_matrix(&in, watch, "z", z, B, O));
    CLG_TRY(watch->inner->output_fwd(device, y, z, B, O, act));
    CLG_TRY(clg_ops_reference.output_fwd(watch->reference, &to->ref, &in->ref, B, O, act));
    CLG_TRY(clg_operand_room(watch, &bound, to->rows * to->columns));
    clg_bound_output_fwd(bound, &watch->limits, in->value, B, O, act);
    return clg_operand_check(watch, to, bound);
}

static clg_status watch_delta_bwd(clg_device *device, struct clg_buf *dx, const struct clg_buf *dz,
                                  const struct clg_buf *W, const struct clg_buf *y, int B, int I,
                                  int O, enum clg_act act)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *to, *delta, *weight, *front;
    double *bound, *want;
    OPEN(watch, "delta_bwd", "B %d, I %d, O %d, %s", B, I, O, clg_act_names[act]);
    CLG_TRY(clg_operand_write_matrix(&to, watch, "dx", dx, B, I));
    CLG_TRY(clg_operand_matrix(&delta, watch, "dz", dz, B, O));
    CLG_TRY(clg_operand_matrix(&weight, watch, "W", W, O, I));
    CLG_TRY(clg_operand_matrix(&front, watch, "y", y, B, I));
    CLG_TRY(watch->inner->delta_bwd(device, dx, dz, W, y, B, I, O, act));
    CLG_TRY(clg_ops_reference.delta_bwd(watch->reference, &to->ref, &delta->ref, &weight->ref,
                                        &front->ref, B, I, O, act));
    CLG_TRY(clg_operand_room(watch, &bound, to->rows * to->columns));
    CLG_TRY(clg_operand_results(watch, to, NULL, &want));
    clg_bound_delta_bwd(bound, &watch->limits, want, delta->value, weight->value, front->value, B,
                        I, O, act);
    return clg_operand_check(watch, to, bound);
}

static clg_status watch_grad(clg_device *device, struct clg_buf *dW, struct clg_buf *db,
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
    CLG_TRY(watch->inner->grad(device, dW, db, dz, x, B, I, O));
    CLG_TRY(clg_ops_reference.grad(watch->reference, &weight->ref, &bias->ref, &delta->ref,
                                   &in->ref, B, I, O));
    CLG_TRY(clg_operand_room(watch, &dW_bound, weight->rows * weight->columns));
    CLG_TRY(clg_operand_room(watch, &db_bound, bias->columns));
    CLG_TRY(clg_operand_results(watch, weight, NULL, &dW_want));
    CLG_TRY(clg_operand_results(watch, bias, NULL, &db_want));
    clg_bound_grad(dW_bound, db_bound, dW_want, db_want, delta->value, in->value, B, I, O);
    CLG_TRY(clg_operand_check(watch, weight, dW_bound));
    return clg_operand_check(watch, bias, db_bound);
}

/* ---------------------------------------------------------- loss, figures */

struct loss_operands {
    struct clg_operand *y, *dz, *row_loss, *z, *t;
};

static clg_status check_loss(struct clg_watch *watch, const struct loss_operands *o,
                             enum clg_loss loss, enum clg_act act, enum clg_target target,
                             double scale)
{
    size_t count = o->z->rows * o->z->columns;
    int B = (int)o->z->rows, O = (int)o->z->columns;
    double *y_bound, *dz_bound, *row_bound, *t = o->t->value;
    CLG_TRY(clg_operand_room(watch, &y_bound, count));
    CLG_TRY(clg_operand_room(watch, &dz_bound, count));
    CLG_TRY(clg_operand_room(watch, &row_bound, o->z->rows));
    if (target == CLG_TARGET_CLASS) {
        CLG_TRY(clg_operand_room(watch, &t, count));
        clg_targets_spread(t, o->t->value, B, O);
    }
    clg_bound_loss_fwd(y_bound, dz_bound, row_bound, &watch->limits, o->z->value, t, B, O, loss,
                       act, scale);
    CLG_TRY(clg_operand_check(watch, o->y, y_bound));
    CLG_TRY(clg_operand_check(watch, o->dz, dz_bound));
    return clg_operand_check(watch, o->row_loss, row_bound);
}

static clg_status watch_loss_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                                 struct clg_buf *row_loss, const struct clg_buf *z,
                                 const struct clg_buf *t, int B, int O, enum clg_loss loss,
                                 enum clg_act act, enum clg_target target, double scale)
{
    struct clg_watch *watch = watch_of(device);
    struct loss_operands o;
    OPEN(watch, "loss_fwd", "B %d, O %d, %s, %s, %s, scale %g", B, O, clg_loss_names[loss],
         clg_act_names[act], target == CLG_TARGET_CLASS ? "class" : "value", scale);
    CLG_TRY(clg_operand_write_matrix(&o.y, watch, "y", y, B, O));
    CLG_TRY(clg_operand_write_matrix(&o.dz, watch, "dz", dz, B, O));
    CLG_TRY(clg_operand_write_vector(&o.row_loss, watch, "row_loss", row_loss, (size_t)B));
    CLG_TRY(clg_operand_matrix(&o.z, watch, "z", z, B, O));
    CLG_TRY(targets(&o.t, watch, t, B, O, target));
    if (target == CLG_TARGET_CLASS && !labels_are_valid(watch, o.t, O))
        return stopped(watch);
    CLG_TRY(watch->inner->loss_fwd(device, y, dz, row_loss, z, t, B, O, loss, act, target, scale));
    CLG_TRY(clg_ops_reference.loss_fwd(watch->reference, &o.y->ref, &o.dz->ref, &o.row_loss->ref,
                                       &o.z->ref, &o.t->ref, B, O, loss, act, target, scale));
    return check_loss(watch, &o, loss, act, target, scale);
}

/* Compares the total that starts at stats[first], whose parts may differ, and that the other two
 * numbers are what they were. */
static clg_status check_stats(struct clg_watch *watch, const struct clg_operand *stats, int first,
                              double size, size_t n)
{
    double *got, *want;
    const double *before = stats->value, *kept = before + (2 - first);
    double bound = clg_bound_sum(before + first, size, n);
    CLG_TRY(clg_operand_results(watch, stats, &got, &want));
    double got_total = got[first] + got[first + 1], want_total = want[first] + want[first + 1];
    clg_tally_compare(watch->tally, "stats total", &got_total, &want_total, &bound, 1, 1);
    clg_tally_compare(watch->tally, "stats kept", got + (2 - first), kept, NULL, 1, 2);
    return CLG_OK;
}

static clg_status watch_score(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
                              const struct clg_buf *row_loss, const struct clg_buf *y,
                              const struct clg_buf *t, int B, int O, enum clg_target target)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *sums, *counts, *losses, *out, *want;
    double size = 0;
    OPEN(watch, "score", "B %d, O %d, %s", B, O, target == CLG_TARGET_CLASS ? "class" : "value");
    CLG_TRY(clg_operand_vector(&sums, watch, "stats", stats, CLG_STATS));
    CLG_TRY(clg_operand_vector(&counts, watch, "hits", hits, 1));
    CLG_TRY(clg_operand_vector(&losses, watch, "row_loss", row_loss, (size_t)B));
    CLG_TRY(clg_operand_matrix(&out, watch, "y", y, B, O));
    CLG_TRY(targets(&want, watch, t, B, O, target));
    if (target == CLG_TARGET_CLASS && !labels_are_valid(watch, want, O))
        return stopped(watch);
    CLG_TRY(watch->inner->score(device, stats, hits, row_loss, y, t, B, O, target));
    CLG_TRY(clg_ops_reference.score(watch->reference, &sums->ref, &counts->ref, &losses->ref,
                                    &out->ref, &want->ref, B, O, target));
    for (int b = 0; b < B; b++)
        size += losses->value[b] < 0 ? -losses->value[b] : losses->value[b];
    CLG_TRY(check_stats(watch, sums, 0, size, (size_t)B));
    return clg_operand_check(watch, counts, NULL);
}

static clg_status watch_penalty(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                                const struct clg_buf *params, size_t n, double factor)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *sums, *room, *weights;
    double size = 0;
    OPEN(watch, "penalty", "n %zu, factor %g", n, factor);
    CLG_TRY(clg_operand_vector(&sums, watch, "stats", stats, CLG_STATS));
    CLG_TRY(clg_operand_write_vector(&room, watch, "scratch", scratch, CLG_PENALTY_SCRATCH));
    CLG_TRY(clg_operand_vector(&weights, watch, "params", params, n));
    CLG_TRY(watch->inner->penalty(device, stats, scratch, params, n, factor));
    CLG_TRY(clg_ops_reference.penalty(watch->reference, &sums->ref, &room->ref, &weights->ref, n,
                                      factor));
    for (size_t i = 0; i < n; i++)
        size += weights->value[i] * weights->value[i];
    /* two terms more: factor as a float, and its product */
    return check_stats(watch, sums, 2, size * (factor < 0 ? -factor : factor), n + 2);
}

/* ----------------------------------------------------------------- update */

static clg_status watch_update(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                               struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                               size_t n_weights, const struct clg_update *u)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_buf *const on[3] = {params, slot0, slot1};
    static const char *const name[3] = {"params", "slot0", "slot1"};
    struct clg_operand *o[3] = {NULL, NULL, NULL}, *g;
    double *bound[3] = {NULL, NULL, NULL};
    int used = 1 + clg_opt_slots(u->opt);
    OPEN(watch, "update", "n %zu, weights %zu, %s, t %llu", n, n_weights, clg_opt_names[u->opt],
         (unsigned long long)u->t);
    for (int i = 0; i < used; i++) {
        CLG_TRY(clg_operand_vector(&o[i], watch, name[i], on[i], n));
        CLG_TRY(clg_operand_room(watch, &bound[i], n));
    }
    CLG_TRY(clg_operand_vector(&g, watch, "grads", grads, n));
    CLG_TRY(watch->inner->update(device, params, slot0, slot1, grads, n, n_weights, u));
    CLG_TRY(clg_ops_reference.update(watch->reference, &o[0]->ref, o[1] ? &o[1]->ref : NULL,
                                     o[2] ? &o[2]->ref : NULL, &g->ref, n, n_weights, u));
    clg_bound_update(bound[0], bound[1], bound[2], &watch->limits, o[0]->value,
                     o[1] ? o[1]->value : NULL, o[2] ? o[2]->value : NULL, g->value, n, n_weights,
                     u);
    for (int i = 0; i < used; i++)
        CLG_TRY(clg_operand_check(watch, o[i], bound[i]));
    return CLG_OK;
}

static const struct clg_ops watching = {
    .name = "watch",
    .permute = watch_permute,
    .gather = watch_gather,
    .dense_fwd = watch_dense_fwd,
    .output_fwd = watch_output_fwd,
    .loss_fwd = watch_loss_fwd,
    .score = watch_score,
    .penalty = watch_penalty,
    .delta_bwd = watch_delta_bwd,
    .grad = watch_grad,
    .update = watch_update,
};

clg_status clg_watch_begin(struct clg_watch **out, clg_device *device, struct clg_tally *tally)
{
    struct clg_watch *watch;
    *out = NULL;
    CLG_TRY(clg_alloc(&watch, 1, sizeof *watch, "verification"));
    clg_status status = clg_device_open(&watch->reference, "ref", NULL);
    if (status != CLG_OK) {
        free(watch);
        return status;
    }
    watch->device = device;
    watch->tally = tally;
    watch->limits = clg_limits_of(device);
    watch->inner = clg_ops_of(device);
    watch->previous = device->ops_override;
    watch->previous_user = device->ops_user;
    device->ops_override = &watching;
    device->ops_user = watch;
    *out = watch;
    return CLG_OK;
}

void clg_watch_end(struct clg_watch *watch)
{
    if (!watch)
        return;
    clg_tally_close(watch->tally);
    watch->device->ops_override = watch->previous;
    watch->device->ops_user = watch->previous_user;
    clg_operands_clear(watch);
    clg_device_close(watch->reference);
    free(watch);
}
