/* What an activation, a loss and an optimiser are called, which of them go together, and which back
 * end serves a device.  Nothing here computes. */
#include "ops/ops.h"

#include <assert.h>

const char *const clg_act_names[CLG_ACTS] = {
    [CLG_IDENTITY] = "identity", [CLG_SIGMOID] = "sigmoid",       [CLG_TANH] = "tanh",
    [CLG_RELU] = "relu",         [CLG_SOFTMAX] = "softmax",       [CLG_STEP] = "step",
    [CLG_ELU] = "elu",           [CLG_LEAKY_RELU] = "leaky_relu", [CLG_GELU] = "gelu",
    [CLG_SILU] = "silu",         [CLG_SOFTPLUS] = "softplus",     [CLG_MAXOUT] = "maxout",
};

const char *const clg_loss_names[CLG_LOSSES] = {
    [CLG_CE] = "ce",
    [CLG_BCE] = "bce",
    [CLG_MSE] = "mse",
    [CLG_HUBER] = "huber",
    [CLG_PERCEPTRON] = "perceptron",
};

const char *const clg_opt_names[CLG_OPTS] = {
    [CLG_SGD] = "sgd",           [CLG_MOMENTUM] = "momentum",
    [CLG_ADAM] = "adam",         [CLG_EMA_MOMENTUM] = "ema_momentum",
    [CLG_NESTEROV] = "nesterov", [CLG_RMSPROP] = "rmsprop",
    [CLG_ADAGRAD] = "adagrad",   [CLG_ADAMW] = "adamw",
};

const char *const clg_opt_slot_names[CLG_OPTS][2] = {
    [CLG_MOMENTUM] = {"v", NULL}, [CLG_EMA_MOMENTUM] = {"v", NULL}, [CLG_NESTEROV] = {"v", NULL},
    [CLG_RMSPROP] = {"v", "buf"}, [CLG_ADAGRAD] = {"sum", NULL},    [CLG_ADAM] = {"m", "v"},
    [CLG_ADAMW] = {"m", "v"},
};

int clg_act_keeps_z(enum clg_act kind)
{
    return kind == CLG_GELU || kind == CLG_SILU || kind == CLG_MAXOUT;
}

int clg_pair_exists(enum clg_loss loss, enum clg_act act)
{
    switch (loss) {
    case CLG_CE:
        return act == CLG_SOFTMAX;
    case CLG_BCE:
        return act == CLG_SIGMOID;
    case CLG_PERCEPTRON:
        return act == CLG_STEP;
    default:
        assert(loss == CLG_MSE || loss == CLG_HUBER);
        return act != CLG_STEP;
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
