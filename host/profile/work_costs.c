/* What one element costs in the launches of a step, in round figures: activations and the rules of
 * the optimisers.  How many elements there are is work.c's. */
#include "profile/work.h"

double clg_work_act_flops(enum clg_act kind)
{
    switch (kind) {
    case CLG_IDENTITY:
        return 0;
    case CLG_RELU:
    case CLG_STEP:
    case CLG_LEAKY_RELU:
    case CLG_MAXOUT:
        return 1;
    default:
        return CLG_WORK_ELEMENTARY + 2;
    }
}

double clg_work_update_flops(const struct clg_update *u)
{
    static const double flops[CLG_OPTS] = {
        [CLG_SGD] = 2,      [CLG_MOMENTUM] = 4, [CLG_ADAM] = 12,   [CLG_EMA_MOMENTUM] = 5,
        [CLG_NESTEROV] = 6, [CLG_RMSPROP] = 8,  [CLG_ADAGRAD] = 7, [CLG_ADAMW] = 14};
    return flops[u->opt] + (u->l2 > 0 ? 2 : 0);
}

/* Moments that a step touches. */
int clg_work_slots(const struct clg_update *u)
{
    return u->opt == CLG_RMSPROP && u->momentum <= 0 ? 1 : clg_opt_slots(u->opt);
}

const char *clg_work_update_kernel(const struct clg_update *u)
{
    static const char *const names[CLG_OPTS] = {
        [CLG_SGD] = "update_sgd",           [CLG_MOMENTUM] = "update_momentum",
        [CLG_ADAM] = "update_adam",         [CLG_EMA_MOMENTUM] = "update_ema_momentum",
        [CLG_NESTEROV] = "update_nesterov", [CLG_RMSPROP] = "update_rmsprop",
        [CLG_ADAGRAD] = "update_adagrad",   [CLG_ADAMW] = "update_adamw"};
    return u->opt == CLG_RMSPROP && u->momentum > 0 ? "update_rmsprop_momentum" : names[u->opt];
}
