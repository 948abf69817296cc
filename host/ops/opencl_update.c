/* The OpenCL back end's optimisers, one launcher a kernel, and the clipping of gradients. */
#include "ops/opencl.h"

#include <assert.h>
#include <float.h>
#include <math.h>

/* The slabs and scalars of one step. */
struct step {
    clg_device *device;
    struct clg_buf *params, *slot0, *slot1;
    const struct clg_buf *grads;
    size_t n, n_weights;
    const struct clg_update *u;
};

/* Pushes what every optimiser starts with: params, its `slots`, grads, n and n_weights, the rate
 * and l2. */
static clg_status begin(struct clg_args *args, const struct step *step, const char *name, int slots,
                        double rate)
{
    CLG_TRY(clg_args_begin(args, step->device, "update", "", name));
    clg_arg_buf(args, step->params);
    if (slots > 0)
        clg_arg_buf(args, step->slot0);
    if (slots > 1)
        clg_arg_buf(args, step->slot1);
    clg_arg_buf(args, step->grads);
    clg_arg_ulong(args, step->n);
    clg_arg_ulong(args, step->n_weights);
    clg_arg_float(args, rate);
    clg_arg_float(args, step->u->l2);
    return CLG_OK;
}

static clg_status launch(struct clg_args *args, const struct step *step)
{
    return clg_launch1(args, clg_pieces(step->n), 0);
}

/* eps is kept at a normal float: as 0 it would make 0/0 of a parameter that never had a gradient,
 * the padding for one. */
static double normal_eps(const struct clg_update *u)
{
    return fmax(u->eps, FLT_MIN);
}

int clg_update_slots(const struct clg_update *u)
{
    return u->opt == CLG_RMSPROP && u->momentum <= 0 ? 1 : clg_opt_slots(u->opt);
}

struct clg_rates clg_rates_of(const struct clg_update *u)
{
    const int adam = u->opt == CLG_ADAM || u->opt == CLG_ADAMW;
    const double t = (double)u->t;
    return (struct clg_rates){.rate = adam ? u->lr / (1 - pow(u->beta1, t)) : u->lr,
                              .root = adam ? 1 / sqrt(1 - pow(u->beta2, t)) : 1,
                              .decay = u->lr * u->weight_decay,
                              .keep0 = adam ? u->beta1 : u->momentum,
                              .keep1 = adam ? u->beta2 : u->rho,
                              .eps = normal_eps(u)};
}

static clg_status ocl_update_sgd(const struct step *step)
{
    struct clg_args args;
    CLG_TRY(begin(&args, step, "update_sgd", 0, step->u->lr));
    return launch(&args, step);
}

static clg_status ocl_update_momentum(const struct step *step)
{
    struct clg_args args;
    CLG_TRY(begin(&args, step, "update_momentum", 1, step->u->lr));
    clg_arg_float(&args, step->u->momentum);
    return launch(&args, step);
}

static clg_status ocl_update_ema_momentum(const struct step *step)
{
    struct clg_args args;
    CLG_TRY(begin(&args, step, "update_ema_momentum", 1, step->u->lr));
    clg_arg_float(&args, step->u->momentum);
    clg_arg_float(&args, 1 - step->u->momentum);
    return launch(&args, step);
}

static clg_status ocl_update_nesterov(const struct step *step)
{
    struct clg_args args;
    CLG_TRY(begin(&args, step, "update_nesterov", 1, step->u->lr));
    clg_arg_float(&args, step->u->momentum);
    return launch(&args, step);
}

/* Without momentum the second slab is left alone. */
static clg_status ocl_update_rmsprop(const struct step *step)
{
    const struct clg_update *u = step->u;
    struct clg_args args;
    if (u->momentum > 0)
        CLG_TRY(begin(&args, step, "update_rmsprop_momentum", 2, u->lr));
    else
        CLG_TRY(begin(&args, step, "update_rmsprop", 1, u->lr));
    clg_arg_float(&args, u->rho);
    clg_arg_float(&args, 1 - u->rho);
    clg_arg_float(&args, normal_eps(u));
    if (u->momentum > 0)
        clg_arg_float(&args, u->momentum);
    return launch(&args, step);
}

static clg_status ocl_update_adagrad(const struct step *step)
{
    struct clg_args args;
    CLG_TRY(begin(&args, step, "update_adagrad", 1, step->u->lr));
    clg_arg_float(&args, normal_eps(step->u));
    return launch(&args, step);
}

/* adam and adamw.  What depends on the step alone is computed here in double. */
static clg_status ocl_update_adam(const struct step *step)
{
    const struct clg_update *u = step->u;
    const struct clg_rates rates = clg_rates_of(u);
    const int decays = u->opt == CLG_ADAMW;
    struct clg_args args;
    CLG_TRY(begin(&args, step, decays ? "update_adamw" : "update_adam", 2, rates.rate));
    clg_arg_float(&args, u->beta1);
    clg_arg_float(&args, 1 - u->beta1);
    clg_arg_float(&args, u->beta2);
    clg_arg_float(&args, 1 - u->beta2);
    clg_arg_float(&args, rates.root);
    clg_arg_float(&args, rates.eps);
    if (decays)
        clg_arg_float(&args, rates.decay);
    return launch(&args, step);
}

clg_status clg_ocl_update(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                          struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                          size_t n_weights, const struct clg_update *u)
{
    const struct step step = {device, params, slot0, slot1, grads, n, n_weights, u};
    assert(u->t >= 1);
    switch (u->opt) {
    case CLG_SGD:
        return ocl_update_sgd(&step);
    case CLG_MOMENTUM:
        return ocl_update_momentum(&step);
    case CLG_EMA_MOMENTUM:
        return ocl_update_ema_momentum(&step);
    case CLG_NESTEROV:
        return ocl_update_nesterov(&step);
    case CLG_RMSPROP:
        return ocl_update_rmsprop(&step);
    case CLG_ADAGRAD:
        return ocl_update_adagrad(&step);
    default:
        assert(u->opt == CLG_ADAM || u->opt == CLG_ADAMW);
        return ocl_update_adam(&step);
    }
}

clg_status clg_ocl_clip(clg_device *device, struct clg_buf *grads, const struct clg_buf *norm2,
                        size_t n, size_t at, double limit)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, device, "update", "", "clip"));
    clg_arg_buf(&args, grads);
    clg_arg_buf(&args, norm2);
    clg_arg_ulong(&args, n);
    clg_arg_ulong(&args, at);
    clg_arg_float(&args, limit);
    return clg_launch1(&args, clg_pieces(n), 0);
}
