/* What an activation, a loss and an optimiser are called, which of them go together, and which back
 * end serves a device.  Nothing here computes. */
#include "ops/ops.h"

#include <assert.h>

const char *const clg_act_names[CLG_ACTS] = {
    [CLG_IDENTITY] = "identity", [CLG_SIGMOID] = "sigmoid", [CLG_TANH] = "tanh",
    [CLG_RELU] = "relu",         [CLG_SOFTMAX] = "softmax",
};

const char *const clg_loss_names[CLG_LOSSES] = {
    [CLG_CE] = "ce",
    [CLG_BCE] = "bce",
    [CLG_MSE] = "mse",
};

const char *const clg_opt_names[CLG_OPTS] = {
    [CLG_SGD] = "sgd",
    [CLG_MOMENTUM] = "momentum",
    [CLG_ADAM] = "adam",
};

const char *const clg_opt_slot_names[CLG_OPTS][2] = {
    [CLG_MOMENTUM] = {"v", NULL},
    [CLG_ADAM] = {"m", "v"},
};

int clg_pair_exists(enum clg_loss loss, enum clg_act act)
{
    switch (loss) {
    case CLG_CE:
        return act == CLG_SOFTMAX;
    case CLG_BCE:
        return act == CLG_SIGMOID;
    default:
        assert(loss == CLG_MSE);
        return 1;
    }
}

int clg_opt_slots(enum clg_opt opt)
{
    int slots = 0;
    while (slots < 2 && clg_opt_slot_names[opt][slots])
        slots++;
    return slots;
}

const struct clg_ops *clg_ops_of(const clg_device *device)
{
    if (device->ops_override)
        return device->ops_override;
    return device->kind == CLG_REFERENCE ? &clg_ops_reference : &clg_ops_opencl;
}
