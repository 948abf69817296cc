/* The launches of a training step and their work, plan by plan.  The order and the choices are
 * those of net/passes.c, net/fused.c and ops/opencl*.c; how fast a launch runs is not known here.
 */
#include "profile/work.h"

#include "core/memory.h"
#include "net/fused.h"
#include "ops/routes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    VECTOR = 16,       /* columns that a product takes at a time */
    HEAD_OUTPUTS = 16, /* the head's widest output layer */
    DRAW = 10          /* flops that a random number counts for */
};

/* The model while it is made: failures are kept until the end. */
struct maker {
    struct clg_work *work;
    const struct clg_engine *engine;
    const struct clg_net *net;
    const struct clg_rows *data;
    const char *nn, *nt, *tn; /* the products' kernels */
    int B;
    clg_status status;
};

/* Room for one more of `count` things of size bytes in *things. */
static clg_status make_room(void *things, int *room, int count, size_t size)
{
    void *list, *more;
    if (count < *room)
        return CLG_OK;
    const int wanted = *room ? 2 * *room : 32;
    CLG_TRY(clg_alloc(&more, (size_t)wanted, size, "the work of a step"));
    memcpy(&list, things, sizeof list);
    if (count)
        memcpy(more, list, (size_t)count * size);
    free(list);
    memcpy(things, &more, sizeof more);
    *room = wanted;
    return CLG_OK;
}

/* A launch begins; its parts follow. */
static void begin(struct maker *m, const char *kernel)
{
    struct clg_work *work = m->work;
    if (m->status == CLG_OK)
        m->status =
            make_room(&work->launch, &work->launch_room, work->launches, sizeof *work->launch);
    if (m->status == CLG_OK)
        work->launch[work->launches++] = (struct clg_work_launch){kernel, work->parts, 0, 0};
}

static void add(struct maker *m, int layer, clg_phase phase, double flops, double bytes,
                double effort)
{
    struct clg_work *work = m->work;
    if (m->status == CLG_OK)
        m->status = make_room(&work->part, &work->part_room, work->parts, sizeof *work->part);
    if (m->status != CLG_OK)
        return;
    work->part[work->parts++] = (struct clg_task){layer, phase, flops, bytes, effort};
    work->launch[work->launches - 1].parts++;
}

/* Element-wise work on n elements: flops of each, and how many floats of each are moved. */
static void add_elements(struct maker *m, int layer, clg_phase phase, double n, double flops,
                         double floats)
{
    add(m, layer, phase, n * flops, 4 * n * floats, 0);
}

/* C (M,N) over K. */
static void add_product(struct maker *m, int layer, clg_phase phase, double M, double N, double K)
{
    const double wide = ceil(N / VECTOR) * VECTOR;
    add(m, layer, phase, 2 * M * N * K, 4 * (M * N + M * K + K * N), 2 * M * wide * K);
}

/* The launch that began last is not in every step. */
static void mark_rare(struct maker *m)
{
    if (m->status == CLG_OK)
        m->work->launch[m->work->launches - 1].rare = 1;
}

/* ------------------------------------------------------------ element-wise */

static double dropout_of(const struct maker *m, int l)
{
    return l < 0 ? m->net->dropout_input : m->net->layer[l].dropout;
}

static void dropout(struct maker *m, int l, clg_phase phase, int columns)
{
    begin(m, "dropout_fwd");
    add_elements(m, l < 0 ? 0 : l, phase, (double)m->B * columns, DRAW, 2);
}

/* ------------------------------------------------------------------- data */

/* What the gather of B rows moves: bytes become floats, numbers are copied. */
static void add_gather(struct maker *m)
{
    const double x = (double)m->B * m->data->features;
    const int bytes = m->data->x.elem == CLG_U8;
    add(m, -1, CLG_PHASE_DATA, bytes ? 2 * x : 0, x * (bytes ? 5 : 8), 0);
}

static void gather(struct maker *m, int rare)
{
    const int classes = m->data->target == CLG_TARGET_CLASS;
    begin(m, m->data->x.elem == CLG_U8 ? "gather_bytes" : "gather_floats");
    add_gather(m);
    if (rare)
        mark_rare(m);
    if (m->net->target_input)
        return;
    begin(m, classes ? "gather_labels" : "gather_floats");
    add_elements(m, -1, CLG_PHASE_DATA, (double)m->B * (classes ? 1 : m->data->outputs), 0, 2);
    if (rare)
        mark_rare(m);
}

/* ----------------------------------------------------------------- forward */

/* net is the engine's, or a teacher's, whose layers are nobody's here. */
static void plain_layer(struct maker *m, const struct clg_net *net, int l, int last)
{
    const struct clg_layer *layer = &net->layer[l];
    const int of = net == m->net ? l : -1;
    const double n = (double)m->B * layer->rows;
    begin(m, m->nn);
    add_product(m, of, CLG_PHASE_FORWARD, m->B, layer->rows, layer->in);
    begin(m, "bias_fwd");
    add_elements(m, of, CLG_PHASE_FORWARD, n, 1, 2);
    if (last || layer->act.kind == CLG_IDENTITY)
        return;
    begin(m, layer->act.kind == CLG_MAXOUT ? "maxout_fwd" : "act_fwd");
    add_elements(m, of, CLG_PHASE_FORWARD, n, clg_work_act_flops(layer->act.kind), 2);
}

static void weight_sum(struct maker *m)
{
    if (!m->net->class_weights)
        return;
    begin(m, "weight_sum");
    add_elements(m, m->net->layers - 1, CLG_PHASE_FORWARD, m->B, 1, 1);
}

static void add_loss(struct maker *m)
{
    const int last = m->net->layers - 1;
    add_elements(m, last, CLG_PHASE_FORWARD, (double)m->B * m->net->layer[last].rows,
                 CLG_WORK_ELEMENTARY + 6, 4);
}

static void loss(struct maker *m)
{
    weight_sum(m);
    begin(m, "loss_fwd");
    add_loss(m);
}

static void add_score(struct maker *m)
{
    add_elements(m, -1, CLG_PHASE_FIGURES, (double)m->B * m->net->layer[m->net->layers - 1].out, 1,
                 1);
}

static void score(struct maker *m)
{
    begin(m, "score");
    add_score(m);
}

static void square_sums(struct maker *m, double n, const char *then)
{
    begin(m, "square_sums");
    add_elements(m, -1, CLG_PHASE_FIGURES, n, 2, 1);
    begin(m, then);
    add_elements(m, -1, CLG_PHASE_FIGURES, CLG_PENALTY_SCRATCH, 1, 1);
}

static void penalty(struct maker *m)
{
    if (m->engine->update.l2 > 0)
        square_sums(m, (double)m->engine->weights, "penalty_add");
}

/* ---------------------------------------------------------------- backward */

static void grad(struct maker *m, int l)
{
    const struct clg_layer *layer = &m->net->layer[l];
    if (layer->frozen)
        return;
    begin(m, m->tn);
    add_product(m, l, CLG_PHASE_BACKWARD, layer->in, layer->rows, m->B);
    begin(m, "bias_bwd");
    add_elements(m, l, CLG_PHASE_BACKWARD, (double)m->B * layer->rows, 1, 1);
}

/* From layer l to the one in front of it. */
static void plain_delta(struct maker *m, int l)
{
    const struct clg_layer *layer = &m->net->layer[l], *front = layer - 1;
    begin(m, m->nt);
    add_product(m, l, CLG_PHASE_BACKWARD, m->B, layer->in, layer->rows);
    if (front->dropout > 0)
        dropout(m, l - 1, CLG_PHASE_BACKWARD, layer->in);
    if (front->act.kind == CLG_IDENTITY ||
        (front->act.kind == CLG_MAXOUT && front->act.pieces == 1))
        return;
    begin(m, front->act.kind == CLG_MAXOUT ? "maxout_bwd" : "act_bwd");
    add_elements(m, l - 1, CLG_PHASE_BACKWARD, (double)m->B * front->rows,
                 clg_work_act_flops(front->act.kind), 3);
}

static void add_delta(struct maker *m, int l)
{
    const struct clg_layer *layer = &m->net->layer[l];
    add_product(m, l, CLG_PHASE_BACKWARD, m->B, layer->in, layer->rows);
    add_elements(m, l - 1, CLG_PHASE_BACKWARD, (double)m->B * layer->in,
                 clg_work_act_flops((layer - 1)->act.kind), 2);
}

/* ------------------------------------------------------------------ update */

/* n parameters of a layer; gradients are read where there are any. */
static void add_update(struct maker *m, int l, double n, int reads_gradients)
{
    const struct clg_update *u = &m->engine->update;
    add_elements(m, l, CLG_PHASE_UPDATE, n, clg_work_update_flops(u),
                 2 + 2 * clg_work_slots(u) + (reads_gradients ? 1 : 0));
}

static double parameters_of(const struct clg_layer *layer)
{
    return (double)layer->rows * (layer->in + 1.0);
}

static int frozen_layers(const struct clg_net *net)
{
    int count = 0;
    for (int l = 0; l < net->layers; l++)
        count += net->layer[l].frozen != 0;
    return count;
}

/* One launch for all, or, where layers are frozen, one each for weights and biases of a layer. */
static void update(struct maker *m)
{
    const char *kernel = clg_work_update_kernel(&m->engine->update);
    const int apart = frozen_layers(m->net) > 0;
    if (m->engine->clip_norm > 0) {
        square_sums(m, (double)m->engine->count, "square_total");
        begin(m, "clip");
        add_elements(m, -1, CLG_PHASE_UPDATE, (double)m->engine->count, 1, 2);
    }
    if (!apart)
        begin(m, kernel);
    for (int l = 0; l < m->net->layers; l++) {
        const struct clg_layer *layer = &m->net->layer[l];
        if (layer->frozen)
            continue;
        if (apart)
            begin(m, kernel);
        add_update(m, l, (double)layer->rows * layer->in, 1);
        if (apart)
            begin(m, kernel);
        add_update(m, l, layer->rows, 1);
    }
}

static void grads(struct maker *m)
{
    for (int l = m->net->layers - 1; l >= m->engine->first_trained; l--)
        grad(m, l);
}

/* ------------------------------------------------------------------- plans */

static void plain_step(struct maker *m, const struct clg_net *teacher)
{
    const int layers = m->net->layers, first = m->engine->first_trained;
    gather(m, 0);
    for (int l = 0; teacher && l < teacher->layers; l++)
        plain_layer(m, teacher, l, l == teacher->layers - 1);
    if (dropout_of(m, -1) > 0)
        dropout(m, -1, CLG_PHASE_FORWARD, m->net->layer[0].in);
    for (int l = 0; l < layers; l++) {
        plain_layer(m, m->net, l, l == layers - 1);
        if (l < layers - 1 && dropout_of(m, l) > 0)
            dropout(m, l, CLG_PHASE_FORWARD, m->net->layer[l].out);
    }
    loss(m);
    score(m);
    penalty(m);
    for (int l = layers - 1; l >= first; l--) {
        grad(m, l);
        if (l > first)
            plain_delta(m, l);
    }
    update(m);
}

static void fused_fwd(struct maker *m, int l)
{
    const struct clg_layer *layer = &m->net->layer[l];
    if (layer->act.kind == CLG_MAXOUT) {
        plain_layer(m, m->net, l, 0);
        return;
    }
    begin(m, "dense_fwd");
    add_product(m, l, CLG_PHASE_FORWARD, m->B, layer->rows, layer->in);
    add_elements(m, l, CLG_PHASE_FORWARD, (double)m->B * layer->rows,
                 1 + clg_work_act_flops(layer->act.kind), 1);
}

static int delta_fuses(const struct maker *m, int l)
{
    const struct clg_layer *front = &m->net->layer[l - 1];
    return !(front->dropout > 0) && front->act.kind != CLG_MAXOUT;
}

/* Returns whether the delta of the layer in front is part of it, and whether it counts hits. */
static int fused_head(struct maker *m, int *scored)
{
    const int l = m->net->layers - 1;
    const struct clg_layer *last = &m->net->layer[l];
    const int delta = l > m->engine->first_trained && delta_fuses(m, l);
    *scored = last->rows <= HEAD_OUTPUTS && last->act.kind != CLG_MAXOUT;
    if (!*scored) {
        plain_layer(m, m->net, l, 1);
        loss(m);
        return 0;
    }
    weight_sum(m);
    begin(m, "head");
    add_product(m, l, CLG_PHASE_FORWARD, m->B, last->rows, last->in);
    add_loss(m);
    if (delta)
        add_delta(m, l);
    return delta;
}

/* The inputs of the trained layers, copied where learn reads them turned. */
static void turn(struct maker *m)
{
    if (!m->engine->fused->turned_row)
        return;
    begin(m, "turn");
    for (int l = 0; l < m->net->layers; l++)
        if (!m->net->layer[l].frozen)
            add_elements(m, l, CLG_PHASE_BACKWARD, (double)m->B * m->net->layer[l].in, 0, 2);
}

static void fused_learn(struct maker *m, int scored)
{
    if (!scored)
        score(m);
    turn(m);
    begin(m, "learn");
    for (int l = m->net->layers - 1; l >= 0; l--) {
        const struct clg_layer *layer = &m->net->layer[l];
        if (layer->frozen)
            continue;
        add_product(m, l, CLG_PHASE_BACKWARD, layer->in, layer->rows, m->B);
        add_update(m, l, parameters_of(layer), 0);
    }
    add_gather(m);
    if (scored)
        add_score(m);
}

static void fused_step(struct maker *m)
{
    const int last = m->net->layers - 1;
    int scored;
    /* the first batch of an epoch; the others come with the launch before, where that is learn */
    gather(m, !(m->engine->clip_norm > 0));
    if (dropout_of(m, -1) > 0)
        dropout(m, -1, CLG_PHASE_FORWARD, m->net->layer[0].in);
    for (int l = 0; l < last; l++) {
        fused_fwd(m, l);
        if (dropout_of(m, l) > 0)
            dropout(m, l, CLG_PHASE_FORWARD, m->net->layer[l].out);
    }
    const int delta = fused_head(m, &scored);
    for (int l = last; l > m->engine->first_trained; l--) {
        if (l == last && delta)
            continue;
        if (!delta_fuses(m, l)) {
            plain_delta(m, l);
            continue;
        }
        begin(m, "delta_bwd");
        add_delta(m, l);
    }
    if (m->engine->clip_norm > 0) {
        score(m);
        penalty(m);
        grads(m);
        update(m);
        return;
    }
    penalty(m);
    fused_learn(m, scored);
}

/* A step's share of a launch that holds many. */
static void resident_step(struct maker *m)
{
    const int last = m->net->layers - 1;
    m->work->spans = 1;
    begin(m, m->engine->device->local_is_dedicated ? "resident_group" : "resident");
    add_gather(m);
    for (int l = 0; l <= last; l++) {
        const struct clg_layer *layer = &m->net->layer[l];
        add_product(m, l, CLG_PHASE_FORWARD, m->B, layer->rows, layer->in);
        add_product(m, l, CLG_PHASE_BACKWARD, layer->in, layer->rows, m->B);
        if (l > 0)
            add_delta(m, l);
        add_elements(m, l, CLG_PHASE_FORWARD, (double)m->B * layer->rows,
                     1 + clg_work_act_flops(layer->act.kind), 0);
        add_update(m, l, parameters_of(layer), 0);
    }
    add_loss(m);
    add_score(m);
}

/* The shuffle of the rows, once an epoch. */
static void permute(struct maker *m)
{
    begin(m, "permute");
    add_elements(m, -1, CLG_PHASE_DATA, (double)m->data->rows, DRAW, 1);
    mark_rare(m);
}

/* What the training loop looks at now and then: the norms of a layer's weights or gradients. */
static void look(struct maker *m)
{
    begin(m, "square_sums");
    add_elements(m, -1, CLG_PHASE_FIGURES, (double)m->engine->count / m->net->layers, 2, 1);
    mark_rare(m);
    begin(m, "square_total");
    add_elements(m, -1, CLG_PHASE_FIGURES, CLG_PENALTY_SCRATCH, 1, 1);
    mark_rare(m);
}

clg_status clg_work_make(struct clg_work *out, const struct clg_engine *engine,
                         const struct clg_net *teacher, const struct clg_rows *data, int shuffle,
                         int B)
{
    const int clblast =
        engine->device->kind == CLG_OPENCL && clg_way_of(engine->device) == CLG_WAY_CLBLAST;
    struct maker m = {.work = out,
                      .engine = engine,
                      .net = engine->net,
                      .data = data,
                      .nn = clblast ? "sgemm" : "matmul_nn",
                      .nt = clblast ? "sgemm" : "matmul_nt",
                      .tn = clblast ? "sgemm" : "matmul_tn",
                      .B = B};
    memset(out, 0, sizeof *out);
    out->B = B;
    out->units = engine->device->info.units > 0 ? engine->device->info.units : 1;
    if (engine->plan_kind == CLG_PLAN_RESIDENT)
        resident_step(&m);
    else if (engine->plan_kind == CLG_PLAN_FUSED)
        fused_step(&m);
    else
        plain_step(&m, teacher);
    if (shuffle && engine->plan_kind != CLG_PLAN_RESIDENT)
        permute(&m);
    look(&m);
    return m.status;
}
