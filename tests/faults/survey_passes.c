/* The comparison of a training step with the reference, stage by stage: forward, loss and score,
 * deltas, and what was learned. */
#include "survey_net.h"

#include "net/fused.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------- stages */

/* Where the weights and the biases of a layer lie in what survey_net_read gives. */
static size_t place_of(const struct survey_net *lab, const double *of)
{
    return (size_t)(of - lab->net->params);
}

static const double *old_weights(const struct survey_net *lab, int l)
{
    return lab->before[0] + place_of(lab, lab->net->layer[l].W);
}

static const double *old_biases(const struct survey_net *lab, int l)
{
    return lab->before[0] + place_of(lab, lab->net->layer[l].b);
}

static double *input_of(struct survey_net *lab, int l, int B)
{
    return survey_net_take(lab, clg_engine_input_of(lab->engine, l, 1), B,
                           lab->engine->layer[l].in);
}

/* Forward of layer l; the output layer's z alone. */
static clg_status check_dense(struct survey_net *lab, int l, int B)
{
    static const struct clg_activation identity = {CLG_IDENTITY, 0, 1};
    const struct clg_engine_layer *layer = &lab->engine->layer[l];
    const int last = l == lab->engine->layers - 1, rows = layer->rows;
    const struct clg_activation *act = last ? &identity : &layer->act;
    const int keeps = clg_act_keeps_z(act->kind);
    struct clg_buf *y, *z = NULL, *x, *W, *b;
    struct survey *side = &lab->side;
    survey_begin(side, 0);
    const double *in = input_of(lab, l, B), *weight = old_weights(lab, l),
                 *bias = old_biases(lab, l);
    double *got = survey_net_take(lab, last || keeps ? &layer->z : &layer->y, B, rows);
    double *bound = survey_room(side, (size_t)B * (size_t)rows);
    if (!in || !got)
        return CLG_EDEVICE;
    CLG_TRY(survey_matrix(side, &y, NULL, B, rows));
    if (keeps)
        CLG_TRY(survey_matrix(side, &z, NULL, B, rows));
    CLG_TRY(survey_matrix(side, &x, in, B, layer->in));
    CLG_TRY(survey_weights(side, &W, weight, rows, layer->in));
    CLG_TRY(survey_vector(side, &b, bias, (size_t)rows));
    CLG_TRY(side->ops->dense_fwd(side->device, y, z, x, W, b, B, layer->in, rows, act));
    clg_bound_dense_fwd(bound, &side->limits, in, weight, bias, B, layer->in, rows,
                        keeps ? &identity : act);
    const double *want = survey_read(side, keeps ? z : y, B, rows);
    survey_push(lab->survey, got, want, bound, (size_t)B * (size_t)rows);
    if (!keeps)
        return CLG_OK;
    CLG_TRY(clg_matrix_upload(z, got, B, rows));
    CLG_TRY(side->ops->output_fwd(side->device, y, z, B, rows, act));
    clg_bound_output_fwd(bound, &side->limits, got, B, rows, act);
    if (!(got = survey_net_take(lab, &layer->y, B, rows)))
        return CLG_EDEVICE;
    survey_push(lab->survey, got, survey_read(side, y, B, rows), bound, (size_t)B * (size_t)rows);
    return CLG_OK;
}

/* What the loss is computed from, and its operands on the reference. */
struct loss {
    struct clg_loss_case c;
    struct clg_loss_spec spec;
    struct clg_buf *z, *t, *y, *dz, *row_loss;
    double *bound[3];
};

static clg_status take_targets(struct loss *o, struct survey_net *lab, int B, int O)
{
    struct survey *side = &lab->side;
    double *t = survey_room(side, (size_t)B * (size_t)O), *label = survey_room(side, (size_t)B);
    o->c.t = t;
    if (lab->net->target == CLG_TARGET_VALUE) {
        const struct clg_buf *on = lab->net->target_input ? &lab->engine->x : &lab->engine->t;
        double *value = survey_net_take(lab, on, B, O);
        if (!value)
            return CLG_EDEVICE;
        o->c.t = value;
        return survey_matrix(side, &o->t, value, B, O);
    }
    int32_t *number = (int32_t *)(void *)survey_room(side, (size_t)B);
    CLG_TRY(clg_buf_download(&lab->engine->t, number, 0, (size_t)B));
    for (int b = 0; b < B; b++)
        label[b] = number[b];
    o->c.labels = label;
    clg_targets_spread(t, label, B, O);
    return survey_integers(side, &o->t, number, (size_t)B);
}

static clg_status take_weights(struct loss *o, struct survey_net *lab, int O)
{
    const size_t classes = (size_t)(O > 1 ? O : 2);
    struct clg_buf *buf;
    if (!lab->engine->loss.class_weights)
        return CLG_OK;
    double *weight = survey_room(&lab->side, classes);
    CLG_TRY(clg_real_download(lab->engine->loss.class_weights, weight, 0, classes));
    o->c.class_weights = weight;
    CLG_TRY(survey_vector(&lab->side, &buf, weight, classes));
    o->spec.class_weights = buf;
    return survey_vector(&lab->side, &o->spec.norm, NULL, 1);
}

/* The reference's loss of the device's own z, and the bounds. */
static clg_status run_loss(struct loss *o, struct survey_net *lab, int B)
{
    const struct clg_engine *engine = lab->engine;
    const struct clg_engine_layer *last = &engine->layer[engine->layers - 1];
    const int O = last->out;
    struct survey *side = &lab->side;
    survey_begin(side, 0);
    memset(o, 0, sizeof *o);
    o->spec = engine->loss;
    o->c = (struct clg_loss_case){.z = survey_net_take(lab, &last->z, B, last->rows),
                                  .B = B,
                                  .O = O,
                                  .spec = &o->spec,
                                  .act = &last->act,
                                  .scale = clg_engine_loss_scale(engine, B),
                                  .mean = !lab->net->sum_reduction};
    if (!o->c.z)
        return CLG_EDEVICE;
    CLG_TRY(take_targets(o, lab, B, O));
    CLG_TRY(take_weights(o, lab, O));
    CLG_TRY(survey_matrix(side, &o->z, o->c.z, B, last->rows));
    CLG_TRY(survey_matrix(side, &o->y, NULL, B, O));
    CLG_TRY(survey_matrix(side, &o->dz, NULL, B, last->rows));
    CLG_TRY(survey_vector(side, &o->row_loss, NULL, (size_t)B));
    for (int i = 0; i < 3; i++)
        o->bound[i] = survey_room(side, (size_t)B * (size_t)last->rows);
    clg_bound_loss_fwd(o->bound[0], o->bound[1], o->bound[2], &side->limits, &o->c);
    return side->ops->loss_fwd(side->device, o->y, o->dz, o->row_loss, o->z, o->t, B, O, &o->spec,
                               &last->act, lab->net->target, o->c.scale, o->c.mean);
}

clg_status survey_net_losses(double *sum, double *bound, struct survey_net *lab, int B)
{
    struct loss o;
    double size = 0;
    CLG_TRY(run_loss(&o, lab, B));
    const double *loss = survey_read_vector(&lab->side, o.row_loss, (size_t)B);
    *sum = *bound = 0;
    for (int b = 0; b < B; b++) {
        *sum += loss[b];
        *bound += o.bound[2][b];
        size += fabs(loss[b]) + o.bound[2][b];
    }
    *bound += clg_bound_sum(&lab->side.limits, (const double[2]){0, 0}, size, (size_t)B);
    return CLG_OK;
}

static int class_of(const double *y, int O)
{
    int best = 0;
    if (O == 1)
        return y[0] >= 0.5;
    for (int j = 1; j < O; j++)
        best = y[j] > y[best] ? j : best;
    return best;
}

/* Sums and hits, from the device's own losses and outputs. */
static clg_status check_score(struct survey_net *lab, const struct loss *o, const double *y,
                              const double *loss, int B)
{
    double stats[CLG_STATS], size = 0, want = lab->stats[0] + lab->stats[1];
    int32_t hits;
    CLG_TRY(clg_real_download(&lab->engine->stats, stats, 0, CLG_STATS));
    CLG_TRY(clg_buf_download(&lab->engine->hits, &hits, 0, 1));
    for (int b = 0; b < B; b++) {
        want += loss[b];
        size += fabs(loss[b]);
    }
    const double got = stats[0] + stats[1];
    const double bound = clg_bound_sum(&lab->side.limits, lab->stats, size, (size_t)B);
    survey_push(lab->survey, &got, &want, &bound, 1);
    double found = hits, should = lab->hits;
    for (int b = 0; b < B && o->c.labels; b++)
        should += class_of(y + (size_t)b * (size_t)o->c.O, o->c.O) == (int)o->c.labels[b];
    survey_push(lab->survey, &found, &should, NULL, 1);
    return CLG_OK;
}

static clg_status check_loss(struct survey_net *lab, int B)
{
    const struct clg_engine *engine = lab->engine;
    const struct clg_engine_layer *last = &engine->layer[engine->layers - 1];
    struct survey *side = &lab->side;
    struct loss o;
    CLG_TRY(run_loss(&o, lab, B));
    const size_t outputs = (size_t)B * (size_t)last->out, columns = (size_t)B * (size_t)last->rows;
    const double *y = survey_net_take(lab, &engine->out, B, last->out),
                 *dz = survey_net_take(lab, &last->dz, B, last->rows);
    double *loss = survey_room(side, (size_t)B);
    if (!y || !dz)
        return CLG_EDEVICE;
    CLG_TRY(clg_real_download(&engine->row_loss, loss, 0, (size_t)B));
    survey_push(lab->survey, y, survey_read(side, o.y, B, last->out), o.bound[0], outputs);
    survey_push(lab->survey, dz, survey_read(side, o.dz, B, last->rows), o.bound[1], columns);
    survey_push(lab->survey, loss, survey_read_vector(side, o.row_loss, (size_t)B), o.bound[2],
                (size_t)B);
    return check_score(lab, &o, y, loss, B);
}

/* From layer l to the one in front. */
static clg_status check_delta(struct survey_net *lab, int l, int B)
{
    const struct clg_engine_layer *layer = &lab->engine->layer[l], *front = layer - 1;
    const int I = layer->in, O = layer->rows, keeps = clg_act_keeps_z(front->act.kind);
    struct survey *side = &lab->side;
    struct clg_buf *dx, *dz, *W, *y, *z = NULL;
    survey_begin(side, 0);
    struct clg_delta_case c = {.dz = survey_net_take(lab, &layer->dz, B, O),
                               .W = old_weights(lab, l),
                               .y = survey_net_take(lab, &front->y, B, I),
                               .z = keeps ? survey_net_take(lab, &front->z, B, I) : NULL,
                               .B = B,
                               .I = I,
                               .O = O,
                               .act = &front->act};
    const double *got = survey_net_take(lab, &front->dz, B, I);
    if (!c.dz || !c.y || (keeps && !c.z) || !got)
        return CLG_EDEVICE;
    double *bound = survey_room(side, (size_t)B * (size_t)I);
    CLG_TRY(survey_matrix(side, &dx, NULL, B, I));
    CLG_TRY(survey_matrix(side, &dz, c.dz, B, O));
    CLG_TRY(survey_weights(side, &W, c.W, O, I));
    CLG_TRY(survey_matrix(side, &y, c.y, B, I));
    if (keeps)
        CLG_TRY(survey_matrix(side, &z, c.z, B, I));
    CLG_TRY(side->ops->delta_bwd(side->device, dx, NULL, dz, W, y, z, B, I, O, &front->act, NULL));
    c.dx = survey_read(side, dx, B, I);
    clg_bound_delta_bwd(bound, survey_room(side, 2 * (size_t)I), &side->limits, &c);
    survey_push(lab->survey, got, c.dx, bound, (size_t)B * (size_t)I);
    return CLG_OK;
}

clg_status survey_net_check_passes(struct survey_net *lab, int B)
{
    for (int l = 0; l < lab->engine->layers; l++)
        CLG_TRY(check_dense(lab, l, B));
    CLG_TRY(check_loss(lab, B));
    for (int l = lab->engine->layers - 1; l > lab->engine->first_trained; l--)
        CLG_TRY(check_delta(lab, l, B));
    return CLG_OK;
}

/* --------------------------------------------------------------------- learn */

/* The gradient of layer l and its bound where its parameters lie. */
static clg_status take_gradient(struct survey_net *lab, int l, int B, double *g, double *g_bound)
{
    const struct clg_engine_layer *layer = &lab->engine->layer[l];
    const int rows = layer->rows, in = layer->in;
    const size_t W_at = place_of(lab, lab->net->layer[l].W),
                 b_at = place_of(lab, lab->net->layer[l].b);
    struct survey *side = &lab->side;
    struct clg_buf *dW, *db, *dz, *x;
    survey_begin(side, 0);
    const double *delta = survey_net_take(lab, &layer->dz, B, rows), *input = input_of(lab, l, B);
    if (!delta || !input)
        return CLG_EDEVICE;
    CLG_TRY(survey_weights(side, &dW, NULL, rows, in));
    CLG_TRY(survey_vector(side, &db, NULL, (size_t)rows));
    CLG_TRY(survey_matrix(side, &dz, delta, B, rows));
    CLG_TRY(survey_matrix(side, &x, input, B, in));
    CLG_TRY(side->ops->grad(side->device, dW, db, dz, x, B, in, rows));
    const double *weight = survey_read(side, dW, rows, in);
    const double *bias = survey_read_vector(side, db, (size_t)rows);
    clg_bound_grad(g_bound + W_at, g_bound + b_at, &side->limits, weight, bias, delta, input, B, in,
                   rows);
    memcpy(g + W_at, weight, (size_t)rows * (size_t)in * sizeof *g);
    memcpy(g + b_at, bias, (size_t)rows * sizeof *g);
    return CLG_OK;
}

clg_status survey_net_check_learn(struct survey_net *lab, int B, double *const now[3])
{
    const size_t n = lab->net->count;
    const int slots = clg_opt_slots(lab->net->opt);
    double *g = calloc(2 * n, sizeof *g), *want[3] = {NULL}, *bound[3] = {NULL};
    clg_status status = CLG_OK;
    if (!g)
        abort();
    for (size_t i = 0; i < n; i++)
        g[n + i] = -1; /* nothing was to be learned */
    for (int l = 0; l < lab->engine->layers && status == CLG_OK; l++)
        if (!lab->net->layer[l].frozen)
            status = take_gradient(lab, l, B, g, g + n);
    survey_begin(&lab->side, 0);
    for (int i = 0; i <= slots; i++) {
        want[i] = survey_room(&lab->side, n);
        bound[i] = survey_room(&lab->side, n);
    }
    if (status == CLG_OK)
        clg_bound_learn(want, bound, &lab->side.limits, (const double *const *)lab->before,
                        (const double *const *)now, g, g + n, n, lab->net->weights,
                        &lab->engine->update);
    for (int i = 0; i <= slots && status == CLG_OK; i++)
        survey_push(lab->survey, now[i], want[i], bound[i], n);
    free(g);
    return status;
}
