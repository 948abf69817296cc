/* The engine's steps one at a time, for callers that bring their own batches: forward, backward,
 * update on host arrays; and the reading of what a loop has scored. */
#include "net/net.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>

static clg_status check_batch(const struct clg_engine *engine, int B)
{
    if (B < 1 || B > engine->max_batch)
        return clg_fail(CLG_EUSAGE, "batch of %d rows: the engine was made for 1 to %d", B,
                        engine->max_batch);
    return CLG_OK;
}

static clg_status check_training(const struct clg_engine *engine)
{
    if (!engine->training)
        return clg_fail(CLG_EUSAGE, "the engine was made without training");
    return CLG_OK;
}

/* Uploads a dense float matrix. */
static clg_status upload_floats(struct clg_buf *buf, const float *data, int rows, int columns)
{
    double *wide;
    size_t count = (size_t)rows * (size_t)columns;
    CLG_TRY(clg_alloc(&wide, count, sizeof *wide, "a batch"));
    for (size_t i = 0; i < count; i++)
        wide[i] = (double)data[i];
    clg_status status = clg_matrix_upload(buf, wide, rows, columns);
    free(wide);
    return status;
}

clg_status clg_engine_forward(clg_engine *engine, float *y, const float *x, int B)
{
    double *wide = NULL;
    int outputs = clg_net_outputs(engine->net);
    size_t count = (size_t)B * (size_t)outputs;
    CLG_TRY(check_batch(engine, B));
    CLG_TRY(upload_floats(&engine->x, x, B, engine->layer[0].in));
    CLG_TRY(clg_engine_fwd(engine, B, engine->training));
    CLG_TRY(clg_engine_output(engine, B));
    if (!y)
        return clg_device_finish(engine->device);
    CLG_TRY(clg_alloc(&wide, count, sizeof *wide, "a batch"));
    clg_status status = clg_matrix_download(&engine->out, wide, B, outputs);
    for (size_t i = 0; status == CLG_OK && i < count; i++)
        y[i] = (float)wide[i];
    free(wide);
    return status;
}

static clg_status upload_targets(struct clg_engine *engine, const int32_t *labels,
                                 const float *values, int B)
{
    const struct clg_net *net = engine->net;
    if (net->target_input)
        return CLG_OK;
    if (labels && values)
        return clg_fail(CLG_EUSAGE, "clg_engine_backward: give labels or values, not both");
    if (net->target == CLG_TARGET_VALUE) {
        size_t outputs = (size_t)clg_net_outputs(net);
        if (!values)
            return clg_fail(CLG_EUSAGE, "the network has value targets, and none were given");
        for (size_t i = 0; i < (size_t)B * outputs; i++)
            if (!clg_net_takes_value(net, (double)values[i]))
                return clg_fail(CLG_EUSAGE, "row %zu: target %g is not %s", i / outputs,
                                (double)values[i], clg_net_values(net));
        return upload_floats(&engine->t, values, B, clg_net_outputs(net));
    }
    if (!labels)
        return clg_fail(CLG_EUSAGE, "the network has class targets, and none were given");
    for (int i = 0; i < B; i++)
        if (labels[i] < 0 || labels[i] >= net->classes)
            return clg_fail(CLG_EUSAGE, "row %d: class %d is not in 0..%d", i, (int)labels[i],
                            net->classes - 1);
    return clg_buf_upload(&engine->t, labels, 0, (size_t)B);
}

clg_status clg_engine_backward(clg_engine *engine, double *loss, const int32_t *labels,
                               const float *values, int B)
{
    double *rows = NULL;
    CLG_TRY(check_training(engine));
    CLG_TRY(check_batch(engine, B));
    CLG_TRY(upload_targets(engine, labels, values, B));
    CLG_TRY(clg_engine_loss(engine, B, NULL));
    CLG_TRY(clg_engine_bwd(engine, B));
    if (!loss)
        return clg_device_finish(engine->device);
    CLG_TRY(clg_alloc(&rows, (size_t)B, sizeof *rows, "a batch"));
    clg_status status = clg_real_download(&engine->row_loss, rows, 0, (size_t)B);
    *loss = 0;
    for (int i = 0; status == CLG_OK && i < B; i++)
        *loss += rows[i] / B;
    free(rows);
    return status;
}

clg_status clg_engine_gradient(clg_engine *engine, int layer, double *weight, double *bias)
{
    CLG_TRY(check_training(engine));
    if (layer < 0 || layer >= engine->layers)
        return clg_fail(CLG_EUSAGE, "layer %d: the network has %d", layer, engine->layers);
    struct clg_engine_layer *l = &engine->layer[layer];
    if (weight)
        CLG_TRY(clg_matrix_download(&l->dW, weight, l->rows, l->in));
    return bias ? clg_real_download(&l->db, bias, 0, (size_t)l->rows) : CLG_OK;
}

clg_status clg_engine_update(clg_engine *engine)
{
    CLG_TRY(check_training(engine));
    CLG_TRY(clg_engine_step(engine, clg_config_number(engine->net->config, "lr")));
    return clg_device_flush(engine->device);
}

clg_status clg_engine_zero_scores(struct clg_engine *engine)
{
    CLG_TRY(clg_buf_zero(&engine->stats));
    return clg_buf_zero(&engine->hits);
}

clg_status clg_engine_read_scores(struct clg_engine *engine, struct clg_scores *out, size_t rows)
{
    double stats[CLG_STATS], n = rows ? (double)rows : NAN;
    int32_t hits;
    CLG_TRY(clg_real_download(&engine->stats, stats, 0, CLG_STATS));
    CLG_TRY(clg_buf_download(&engine->hits, &hits, 0, 1));
    out->loss = (stats[0] + stats[1]) / n;
    out->cost = out->loss + (stats[2] + stats[3]) / n;
    out->accuracy = engine->net->target == CLG_TARGET_CLASS ? hits / n : (double)NAN;
    return CLG_OK;
}
