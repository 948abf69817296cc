/* Which inputs move the winning output: its gradient through the whole network, computed by the
 * reference in double precision with the operations that training uses.  The gradient is that of
 * the output before its own activation: softmax flattens it where the network is sure. */
#include "report/run_report.h"

#include "core/memory.h"
#include "core/predicted.h"

#include <stdlib.h>

/* dz of the output layer: 1 at the winning unit (of maxout: its winning piece), 0 elsewhere; with
 * one output, 1 or -1 towards the predicted class. */
static void choose(double *dz, const double *z, const double *y, const struct clg_layer *layer)
{
    int winner = clg_class_of(y, NULL, layer->out);
    if (layer->out == 1) {
        dz[0] = winner ? 1 : -1;
        return;
    }
    int best = winner;
    for (int p = 1; p < layer->act.pieces; p++)
        if (z[p * layer->out + winner] > z[best])
            best = p * layer->out + winner;
    dz[best] = 1;
}

static clg_status begin_backward(struct clg_engine *engine, int rows)
{
    const struct clg_layer *last = &engine->net->layer[engine->layers - 1];
    struct clg_engine_layer *at = &engine->layer[engine->layers - 1];
    size_t B = (size_t)rows, wide = (size_t)last->rows, O = (size_t)last->out;
    double *z = NULL, *y = NULL, *dz = NULL;
    clg_status status;
    CLG_TRY_DONE(clg_alloc(&z, B * wide, sizeof *z, "saliency"));
    CLG_TRY_DONE(clg_alloc(&dz, B * wide, sizeof *dz, "saliency"));
    CLG_TRY_DONE(clg_alloc(&y, B * O, sizeof *y, "saliency"));
    CLG_TRY_DONE(clg_matrix_download(&at->z, z, rows, last->rows));
    CLG_TRY_DONE(clg_engine_output(engine, rows));
    CLG_TRY_DONE(clg_matrix_download(&engine->out, y, rows, last->out));
    for (size_t i = 0; i < B; i++)
        choose(dz + i * wide, z + i * wide, y + i * O, last);
    status = clg_matrix_upload(&at->dz, dz, rows, last->rows);
done:
    free(z);
    free(y);
    free(dz);
    return status;
}

/* From the output's dz to dx, which is a delta in front of an identity. */
static clg_status backward(struct clg_engine *engine, struct clg_buf *dx, int rows)
{
    static const struct clg_activation identity = {CLG_IDENTITY, 0, 1};
    for (int l = engine->layers - 1; l > 0; l--) {
        struct clg_engine_layer *layer = &engine->layer[l], *front = layer - 1;
        CLG_TRY(engine->ops->delta_bwd(
            engine->device, &front->dz, front->act.pieces > 1 ? &engine->dy : NULL, &layer->dz,
            &layer->W, &front->y, clg_act_keeps_z(front->act.kind) ? &front->z : NULL, rows,
            layer->in, layer->rows, &front->act, NULL));
    }
    struct clg_engine_layer *first = &engine->layer[0];
    return engine->ops->delta_bwd(engine->device, dx, NULL, &first->dz, &first->W, &engine->x, NULL,
                                  rows, first->in, first->rows, &identity, NULL);
}

clg_status clg_saliency(double *gradient, const struct clg_net *net, const double *x, int rows)
{
    clg_device *device = NULL;
    struct clg_net *copy = NULL;
    clg_engine *engine = NULL;
    struct clg_buf dx = {0};
    struct clg_plan plan;
    clg_status status;
    int inputs = clg_net_inputs(net);
    CLG_TRY_DONE(clg_device_open(&device, "ref", NULL));
    CLG_TRY_DONE(clg_net_copy(&copy, net));
    CLG_TRY_DONE(clg_engine_create(&engine, device, copy, rows, 1));
    clg_plan_begin(&plan, device);
    CLG_TRY_DONE(clg_plan_matrix(&plan, &dx, rows, inputs, "saliency"));
    CLG_TRY_DONE(clg_plan_commit(&plan));
    CLG_TRY_DONE(clg_matrix_upload(&engine->x, x, rows, inputs));
    CLG_TRY_DONE(clg_engine_fwd(engine, rows, 0));
    CLG_TRY_DONE(begin_backward(engine, rows));
    CLG_TRY_DONE(backward(engine, &dx, rows));
    status = clg_matrix_download(&dx, gradient, rows, inputs);
done:
    clg_buf_release(&dx);
    clg_engine_destroy(engine);
    clg_net_destroy(copy);
    clg_device_close(device);
    return status;
}
