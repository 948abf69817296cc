/* Training on batches that the caller makes: one pass over what its function gives. */
#include "train/train.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>

clg_status clg_check_trainable(const clg_net *net, const clg_dataset *data)
{
    if (data->labels || data->values || net->target_input)
        return CLG_OK;
    return clg_fail(CLG_EDATA, "%s: has no targets to train %s on; give X,Y", data->source,
                    clg_net_text(net));
}

struct pass {
    clg_engine *engine;
    float *x, *values;
    int32_t *labels;
    int batch;
    size_t examples;
};

static clg_status make_room(struct pass *pass, const clg_net *net)
{
    size_t B = (size_t)pass->batch;
    CLG_TRY(clg_alloc(&pass->x, B * (size_t)clg_net_inputs(net), sizeof *pass->x, "a batch"));
    if (net->target == CLG_TARGET_CLASS)
        return clg_alloc(&pass->labels, B, sizeof *pass->labels, "a batch");
    return clg_alloc(&pass->values, B * (size_t)clg_net_outputs(net), sizeof *pass->values,
                     "a batch");
}

static clg_status take_batch(struct pass *pass, int rows)
{
    double loss;
    CLG_TRY(clg_engine_forward(pass->engine, NULL, pass->x, rows));
    CLG_TRY(clg_engine_backward(pass->engine, &loss, pass->labels, pass->values, rows));
    if (!isfinite(loss))
        return clg_fail(CLG_EDIVERGED, "training diverged: the loss is not a finite number at step "
                                       "%llu: try a lower lr",
                        (unsigned long long)pass->engine->net->step + 1);
    CLG_TRY(clg_engine_score(pass->engine, rows));
    CLG_TRY(clg_engine_update(pass->engine));
    pass->examples += (size_t)rows;
    return CLG_OK;
}

clg_status clg_train_batches(clg_train_result *result, clg_net *net, clg_device *device,
                             clg_batch_fn next, void *user)
{
    struct pass pass = {0};
    clg_status status;
    struct clg_scores scores = {(double)NAN, (double)NAN, (double)NAN};
    double started = clg_clock();
    uint64_t first = net->step;
    if (clg_config_is(net->config, "batch", "full"))
        return clg_fail(CLG_EUSAGE, "--batch full: batches from a function need a number");
    pass.batch = (int)clg_config_integer(net->config, "batch");
    CLG_TRY_DONE(clg_engine_create(&pass.engine, device, net, pass.batch, 1));
    CLG_TRY_DONE(make_room(&pass, net));
    for (;;) {
        int rows = next(user, pass.x, pass.labels, pass.values, pass.batch);
        if (rows <= 0)
            break;
        CLG_TRY_DONE(take_batch(&pass, rows));
    }
    CLG_TRY_DONE(clg_engine_read_scores(pass.engine, &scores, pass.examples));
    status = clg_engine_pull(pass.engine);
done:
    if (result)
        *result = (clg_train_result){.epochs = 1,
                                     .steps = net->step - first,
                                     .loss = scores.loss,
                                     .cost = scores.cost,
                                     .accuracy = scores.accuracy,
                                     .val_loss = (double)NAN,
                                     .val_accuracy = (double)NAN,
                                     .seconds = clg_clock() - started};
    clg_engine_destroy(pass.engine);
    free(pass.x);
    free(pass.labels);
    free(pass.values);
    return status;
}
