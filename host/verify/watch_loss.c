/* The watched loss. */
#include "verify/rounding.h"
#include "verify/watch.h"

#include <stdio.h>

clg_status clg_watch_take_loss(struct clg_watched_loss *o, struct clg_watch *watch, int B, int O,
                               const struct clg_loss_spec *loss)
{
    if (loss->class_weights) {
        size_t count = (size_t)(O > 1 ? O : 2);
        CLG_TRY(
            clg_operand_vector(&o->weights, watch, "class_weights", loss->class_weights, count));
        CLG_TRY(clg_operand_write_vector(&o->norm, watch, "norm", loss->norm, 1));
    }
    if (loss->teacher_z)
        CLG_TRY(clg_operand_matrix(&o->teacher, watch, "teacher_z", loss->teacher_z, B, O));
    return CLG_OK;
}

clg_status clg_watch_bound_loss(double *bound[3], struct clg_watch *watch,
                                const struct clg_watched_loss *o, const double *z,
                                struct clg_loss_case *c, enum clg_target target)
{
    size_t count = (size_t)c->B * (size_t)c->O;
    double *t = o->t->value;
    CLG_TRY(clg_operand_room(watch, &bound[0], count));
    CLG_TRY(clg_operand_room(watch, &bound[1], count * (size_t)c->act->pieces));
    CLG_TRY(clg_operand_room(watch, &bound[2], (size_t)c->B));
    if (target == CLG_TARGET_CLASS) {
        CLG_TRY(clg_operand_room(watch, &t, count));
        clg_targets_spread(t, o->t->value, c->B, c->O);
        c->labels = o->t->value;
    }
    c->z = z;
    c->t = t;
    c->class_weights = o->weights ? o->weights->value : NULL;
    c->teacher_z = o->teacher ? o->teacher->value : NULL;
    clg_bound_loss_fwd(bound[0], bound[1], bound[2], &watch->limits, c);
    return CLG_OK;
}

/* The weights of the classes added up: whether or not this loss divides by them. */
static clg_status check_norm(struct clg_watch *watch, const struct clg_watched_loss *o,
                             const struct clg_loss_case *c)
{
    double *got, want = 0.0;
    if (!o->norm || !c->labels)
        return CLG_OK;
    CLG_TRY(clg_operand_results(watch, o->norm, &got, NULL));
    for (int b = 0; b < c->B; b++)
        want += o->weights->value[(size_t)o->t->value[b]];
    const double bound = clg_bound_of_sum((size_t)c->B, want, want);
    clg_tally_compare(watch->tally, "norm", got, &want, &bound, 1, 1);
    return CLG_OK;
}

clg_status clg_watch_check_loss(struct clg_watch *watch, const struct clg_watched_loss *o,
                                const double *z, struct clg_loss_case *c, enum clg_target target)
{
    double *bound[3];
    struct clg_loss_spec mirror = *c->spec;
    mirror.class_weights = o->weights ? &o->weights->ref : NULL;
    mirror.norm = o->norm ? &o->norm->ref : NULL;
    mirror.teacher_z = o->teacher ? &o->teacher->ref : NULL;
    CLG_TRY(clg_ops_reference.loss_fwd(watch->reference, &o->y->ref, &o->dz->ref, &o->row_loss->ref,
                                       &o->z->ref, &o->t->ref, c->B, c->O, &mirror, c->act, target,
                                       c->scale, c->mean));
    CLG_TRY(clg_watch_bound_loss(bound, watch, o, z, c, target));
    CLG_TRY(clg_operand_check(watch, o->y, bound[0]));
    CLG_TRY(clg_operand_check(watch, o->dz, bound[1]));
    CLG_TRY(check_norm(watch, o, c));
    return clg_operand_check(watch, o->row_loss, bound[2]);
}

void clg_watch_open_loss(struct clg_watch *watch, const char *operation,
                         const struct clg_loss_case *c, enum clg_target target)
{
    const struct clg_loss_spec *loss = c->spec;
    char text[96] = "";
    if (loss->kind == CLG_HUBER)
        snprintf(text, sizeof text, " delta %g", loss->delta);
    if (loss->teacher_z)
        snprintf(text, sizeof text, " teacher T %g mix %g", loss->temperature, loss->mix);
    OPEN(watch, operation, "B %d, O %d, %s%s smoothing %g%s, " ACT_TEXT ", %s, scale %g%s", c->B,
         c->O, clg_loss_names[loss->kind], text, loss->smoothing,
         loss->class_weights ? " weights" : "", ACT_VALUES(c->act),
         target == CLG_TARGET_CLASS ? "class" : "value", c->scale, c->mean ? " mean" : "");
}

clg_status clg_watch_loss_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                              struct clg_buf *row_loss, const struct clg_buf *z,
                              const struct clg_buf *t, int B, int O,
                              const struct clg_loss_spec *loss, const struct clg_activation *act,
                              enum clg_target target, double scale, int mean)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_watched_loss o = {0};
    struct clg_loss_case c = {
        .B = B, .O = O, .spec = loss, .act = act, .scale = scale, .mean = mean};
    clg_watch_open_loss(watch, "loss_fwd", &c, target);
    CLG_TRY(clg_operand_write_matrix(&o.y, watch, "y", y, B, O));
    CLG_TRY(clg_operand_write_matrix(&o.dz, watch, "dz", dz, B, O * act->pieces));
    CLG_TRY(clg_operand_write_vector(&o.row_loss, watch, "row_loss", row_loss, (size_t)B));
    CLG_TRY(clg_operand_matrix(&o.z, watch, "z", z, B, O * act->pieces));
    CLG_TRY(clg_watch_targets(&o.t, watch, t, B, O, target));
    if (target == CLG_TARGET_CLASS && !clg_watch_labels_are_valid(watch, o.t, O))
        return clg_watch_stopped(watch);
    CLG_TRY(clg_watch_take_loss(&o, watch, B, O, loss));
    RUN(watch, loss_fwd, device, y, dz, row_loss, z, t, B, O, loss, act, target, scale, mean);
    return clg_watch_check_loss(watch, &o, o.z->value, &c, target);
}
