/* The table of operations that watches another: each entry takes down what the operation is about
 * to read, lets the device run it, repeats it on the reference from the same numbers, and compares
 * every element within its bound.  What an entry holds is freed when the next one begins, so it may
 * leave anywhere.  Here are its beginning and end, and the entries that move data; layers are in
 * watch_layers.c, losses in watch_loss.c, figures and updates in watch_update.c, the table itself
 * in again.c. */
#include "verify/watch.h"

#include "core/memory.h"
#include "device/launch.h"
#include "ops/routes.h"

#include <stdlib.h>
#include <string.h>

int clg_watch_labels_are_valid(struct clg_watch *watch, const struct clg_operand *t, int O)
{
    for (size_t b = 0; b < t->columns; b++) {
        if (t->value[b] >= 0 && t->value[b] < (O > 1 ? O : 2))
            continue;
        clg_tally_fault(watch->tally, "t[%zu] is class %g of %d", b, t->value[b], O > 1 ? O : 2);
        return 0;
    }
    return 1;
}

clg_status clg_watch_stopped(const struct clg_watch *watch)
{
    return clg_fail(CLG_EMISMATCH, "%s", watch->tally->result.first);
}

clg_status clg_watch_targets(struct clg_operand **out, struct clg_watch *watch,
                             const struct clg_buf *t, int B, int O, enum clg_target target)
{
    return target == CLG_TARGET_CLASS ? clg_operand_vector(out, watch, "t", t, (size_t)B)
                                      : clg_operand_matrix(out, watch, "t", t, B, O);
}

/* ------------------------------------------------------------------- data */

clg_status clg_watch_permute(clg_device *device, struct clg_buf *perm, size_t n, uint64_t seed,
                             uint32_t epoch)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *p;
    OPEN(watch, "permute", "n %zu, seed %llu, epoch %u", n, (unsigned long long)seed,
         (unsigned)epoch);
    CLG_TRY(clg_operand_write_vector(&p, watch, "perm", perm, n));
    RUN(watch, permute, device, perm, n, seed, epoch);
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
                             const int32_t *row, size_t start, size_t B, int with_targets)
{
    size_t features = (size_t)data->features;
    size_t outputs = data->target == CLG_TARGET_CLASS ? 1 : (size_t)data->outputs;
    *batch = *data;
    batch->rows = B;
    CLG_TRY(clg_operand_rows(&operand[0], watch, "data", &data->x, row, start, B, features));
    operand[0]->is_rows = 1;
    batch->x = operand[0]->ref;
    if (with_targets) {
        CLG_TRY(clg_operand_rows(&operand[1], watch, "targets", &data->t, row, start, B, outputs));
        operand[1]->is_rows = 1;
        batch->t = operand[1]->ref;
    }
    if (data->x.elem != CLG_U8)
        return CLG_OK;
    CLG_TRY(clg_operand_vector(&operand[2], watch, "scale", &data->scale, features));
    CLG_TRY(clg_operand_vector(&operand[3], watch, "shift", &data->shift, features));
    batch->scale = operand[2]->ref;
    batch->shift = operand[3]->ref;
    return CLG_OK;
}

clg_status clg_watch_take_gather(struct clg_watched_gather *o, int *valid, struct clg_watch *watch,
                                 const char *const name[2], const struct clg_buf *x,
                                 const struct clg_buf *t, const struct clg_rows *data,
                                 const struct clg_buf *perm, size_t start, int B)
{
    int32_t *row;
    memset(o, 0, sizeof *o);
    CLG_TRY(batch_rows(&row, valid, watch, data, perm, start, B));
    if (!*valid)
        return CLG_OK;
    CLG_TRY(batch_data(&o->batch, o->from, watch, data, row, start, (size_t)B, t != NULL));
    CLG_TRY(clg_operand_write_matrix(&o->x, watch, name[0], x, B, data->features));
    if (!t)
        return CLG_OK;
    return data->target == CLG_TARGET_CLASS
               ? clg_operand_write_vector(&o->t, watch, name[1], t, (size_t)B)
               : clg_operand_write_matrix(&o->t, watch, name[1], t, B, data->outputs);
}

clg_status clg_watch_check_gather(struct clg_watch *watch, const struct clg_watched_gather *o,
                                  int B)
{
    const int I = o->batch.features;
    double *bound = NULL;
    CLG_TRY(clg_ops_reference.gather(watch->reference, &o->x->ref, o->t ? &o->t->ref : NULL,
                                     &o->batch, NULL, 0, B));
    if (o->batch.x.elem == CLG_U8) {
        CLG_TRY(clg_operand_room(watch, &bound, o->x->rows * o->x->columns));
        clg_bound_gather(bound, &watch->limits, o->from[0]->value, o->from[2]->value,
                         o->from[3]->value, B, I);
    }
    CLG_TRY(clg_operand_check(watch, o->x, bound));
    return o->t ? clg_operand_check(watch, o->t, NULL) : CLG_OK;
}

clg_status clg_watch_gather(clg_device *device, struct clg_buf *x, struct clg_buf *t,
                            const struct clg_rows *data, const struct clg_buf *perm, size_t start,
                            int B)
{
    static const char *const name[2] = {"x", "t"};
    struct clg_watch *watch = watch_of(device);
    struct clg_watched_gather o;
    int valid, I = data->features, is_class = data->target == CLG_TARGET_CLASS;
    OPEN(watch, "gather", "B %d, I %d, %s, %s, %s, start %zu", B, I,
         data->x.elem == CLG_U8 ? "bytes" : "reals",
         !t         ? "x alone"
         : is_class ? "class"
                    : "value",
         perm ? "permuted" : "in order", start);
    CLG_TRY(clg_watch_take_gather(&o, &valid, watch, name, x, t, data, perm, start, B));
    if (!valid)
        return clg_watch_stopped(watch);
    RUN(watch, gather, device, x, t, data, perm, start, B);
    return clg_watch_check_gather(watch, &o, B);
}

/* ------------------------------------------------------------------- runs */

clg_status clg_watch_start(double *began, struct clg_watch *watch)
{
    CLG_TRY(clg_device_finish(watch->device));
    *began = clg_clock();
    return CLG_OK;
}

clg_status clg_watch_stop(struct clg_watch *watch, double began)
{
    CLG_TRY(clg_device_finish(watch->device));
    watch->tally->now.ms += 1000 * (clg_clock() - began);
    return CLG_OK;
}

const char *clg_watch_route(const struct clg_watch *watch)
{
    static const char *const products[] = {"dense_fwd", "delta_bwd", "grad"};
    const char *operation = watch->tally->operation;
    int is_product = strncmp(operation, "fused_", 6) == 0;
    if (watch->device->kind == CLG_REFERENCE)
        return "reference";
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        is_product |= strcmp(operation, products[i]) == 0;
    if (is_product)
        return clg_way_names[clg_way_of(watch->device)];
    return "native";
}

void clg_watch_repeat(struct clg_watch *watch)
{
    watch->repeats = 1;
}

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
    device->ops_override = watch->inner->fused_create ? &clg_watching_plans : &clg_watching;
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
