/* The survey of the fused plan: small networks take a few steps by its launches, and everything
 * that a step left on the device is held against the reference. */
#include "survey_net.h"

#include "ops/routes.h"

#include <stdlib.h>

static const struct survey_case cases[] = {
    {.word = {"layers", "40:relu,22:gelu", "opt", "adam", "batch", "50", "label-smoothing", "0.1"},
     .rows = 70,
     .features = 30,
     .classes = 10,
     .bytes = 1,
     .steps = 2},
    {.word = {"layers", "20", "act", "tanh", "opt", "nesterov", "loss", "mse", "batch", "13"},
     .rows = 32,
     .features = 43,
     .outputs = 3,
     .in_order = 1,
     .steps = 3},
    {.word = {"loss", "bce", "output-act", "sigmoid", "opt", "rmsprop", "momentum", "0.8", "batch",
              "9", "class-weights", "0.3,2"},
     .rows = 25,
     .features = 37,
     .classes = 2,
     .steps = 2},
    {.word = {"layers", "19", "act", "elu:0.7", "output-act", "tanh", "loss", "huber:0.4", "opt",
              "adagrad", "batch", "30", "target", "input"},
     .rows = 45,
     .features = 11,
     .steps = 2},
    {.word = {"layers", "33:silu,17:softplus", "opt", "adamw", "batch", "21", "weight-decay",
              "0.2"},
     .rows = 42,
     .features = 18,
     .classes = 20,
     .bytes = 1,
     .steps = 2},
    {.word = {"layers", "37:sigmoid", "opt", "momentum", "batch", "530", "reduction", "sum"},
     .rows = 600,
     .features = 45,
     .classes = 4,
     .steps = 2},
    {.word = {"layers", "35:leaky_relu:0.3,20:leaky_relu:0.3", "opt", "ema_momentum", "loss", "mse",
              "output-act", "softmax", "batch", "40", "freeze", "0"},
     .rows = 50,
     .features = 17,
     .classes = 5,
     .steps = 2},
    {.word = {"layers", "14:identity,9:step", "opt", "sgd", "l2", "0.01", "loss", "perceptron",
              "output-act", "step", "batch", "12"},
     .rows = 30,
     .features = 21,
     .classes = 6,
     .steps = 2},
    /* an epoch long enough for weights in strips */
    {.word = {"layers", "41:relu,36:tanh", "opt", "momentum", "batch", "4"},
     .rows = 130,
     .features = 9,
     .classes = 3,
     .steps = 2},
};

static clg_status run_steps(struct survey_net *lab)
{
    double *now[3] = {NULL, NULL, NULL};
    clg_status status = CLG_OK;
    const struct clg_batch first = survey_net_batch(lab, 0);
    if (first.perm)
        CLG_TRY(lab->engine->ops->permute(lab->survey->device, &lab->resident.perm, lab->c->rows,
                                          lab->net->seed, 1));
    for (int s = 0; s < lab->c->steps && status == CLG_OK; s++) {
        const struct clg_batch batch = survey_net_batch(lab, (uint64_t)s);
        CLG_TRY_DONE(survey_net_keep(lab));
        CLG_TRY_DONE(clg_engine_train_step(lab->engine, &batch, 0.02));
        CLG_TRY_DONE(clg_engine_settle(lab->engine)); /* what is read are matrices */
        CLG_TRY_DONE(survey_net_check_batch(lab, batch.start, batch.B));
        CLG_TRY_DONE(survey_net_check_passes(lab, batch.B));
        CLG_TRY_DONE(survey_net_read(now, lab));
        CLG_TRY_DONE(survey_net_check_learn(lab, batch.B, now));
    }
done:
    for (int i = 0; i < 3; i++)
        free(now[i]);
    return status;
}

clg_status survey_fused(struct survey *survey)
{
    clg_status status = CLG_OK;
    if (!survey->ops->fused_create)
        return CLG_OK;
    for (unsigned i = 0; i < SURVEY_COUNT(cases) && status == CLG_OK; i++) {
        if (survey->farthest > SURVEY_LIMIT)
            break; /* decided; each network more is a wrong kernel more to build */
        struct survey_net lab;
        survey_begin(survey, 5 * i); /* numbers around 1 */
        status = survey_net_make(&lab, survey, &cases[i], CLG_CHOOSE_FUSED);
        if (status == CLG_OK)
            status = run_steps(&lab);
        survey_net_clear(&lab);
    }
    return status;
}
