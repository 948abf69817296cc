/* The making of the networks that cases_fused.c runs: shapes, slabs, data and figures. */
#include "verify/fused_lab.h"

#include "core/memory.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 64 };

static int layers_of(const struct clg_fused_case *c)
{
    int layers = 0;
    while (layers < CLG_LAB_LAYERS && c->units[layers])
        layers++;
    return layers;
}

/* Where count elements go in a slab of which *at are taken, a gap behind them. */
static size_t take_place(size_t *at, const struct clg_bench *bench, size_t count)
{
    const size_t align = clg_view_align(bench->device, CLG_REAL), first = *at;
    *at = (first + count + GAP + align - 1) / align * align;
    return first;
}

static size_t matrix_size(const struct clg_bench *bench, int rows, int columns)
{
    return (size_t)clg_height(bench->device, rows) * (size_t)clg_stride(bench->device, columns);
}

/* Shapes, and where in the slabs everything lies: all weights, then all biases; outputs and deltas.
 */
static void lay_out(struct clg_fused_lab *lab, size_t y_at[CLG_LAB_LAYERS])
{
    const struct clg_fused_case *c = lab->c;
    const int layers = layers_of(c);
    for (int l = 0; l < layers; l++) {
        struct clg_fused_layer *layer = &lab->layer[l];
        *layer = (struct clg_fused_layer){.in = l ? c->units[l - 1] : c->features,
                                          .out = c->units[l],
                                          .rows = c->units[l],
                                          .act = c->act[l],
                                          .trained = l > 0 || !c->frozen};
        layer->W_at = take_place(&lab->elements, lab->bench,
                                 clg_weights_size(lab->bench->device, layer->rows, layer->in));
    }
    lab->weights = lab->elements;
    for (int l = 0; l < layers; l++) {
        struct clg_fused_layer *layer = &lab->layer[l];
        layer->b_at = take_place(&lab->elements, lab->bench,
                                 (size_t)clg_stride(lab->bench->device, layer->rows));
        y_at[l] = l < layers - 1 ? take_place(&lab->batch_elements, lab->bench,
                                              matrix_size(lab->bench, c->B, layer->out))
                                 : SIZE_MAX;
        layer->dz_at = take_place(&lab->batch_elements, lab->bench,
                                  matrix_size(lab->bench, c->B, layer->rows));
        layer->input_at = l ? y_at[l - 1] : SIZE_MAX;
    }
    lab->net.layer = lab->layer;
    lab->turned = clg_fused_turned(&lab->net.turned_row, lab->bench->device, &lab->net, c->B);
    if (lab->turned)
        lab->net.turned_at = take_place(&lab->batch_elements, lab->bench, lab->turned);
}

/* ------------------------------------------------------------------- slabs */

/* Guards everywhere, zeros in the padding of a layer, and its numbers; squares: none is negative.
 */
static clg_status slab_values(struct clg_fused_lab *lab, double **out, double size, int squares)
{
    struct clg_bench *bench = lab->bench;
    double *value;
    CLG_TRY(clg_bench_numbers(bench, &value, lab->elements));
    for (size_t i = 0; i < lab->elements; i++)
        value[i] = clg_bench_guard();
    for (int l = 0; l < lab->net.layers; l++) {
        const struct clg_fused_layer *layer = &lab->layer[l];
        const int turned = clg_weights_transposed(bench->device);
        const size_t stride = (size_t)clg_stride(bench->device, turned ? layer->rows : layer->in);
        memset(value + layer->W_at, 0,
               clg_weights_size(bench->device, layer->rows, layer->in) * sizeof *value);
        memset(value + layer->b_at, 0,
               (size_t)clg_stride(bench->device, layer->rows) * sizeof *value);
        for (size_t r = 0; r < (size_t)layer->rows; r++) {
            for (size_t i = 0; i <= (size_t)layer->in; i++) {
                const size_t at = i == (size_t)layer->in ? layer->b_at + r
                                  : turned               ? layer->W_at + i * stride + r
                                                         : layer->W_at + r * stride + i;
                const double number = size * clg_bench_number_as(bench, CLG_DRAW_NORMAL);
                value[at] = squares ? number * number : number;
            }
        }
    }
    *out = value;
    return CLG_OK;
}

static clg_status make_params(struct clg_fused_lab *lab)
{
    static const char *const name[2] = {"slot0", "slot1"};
    const enum clg_opt opt = lab->c->opt;
    /* the slot that holds squares */
    const int is_adam = opt == CLG_ADAM || opt == CLG_ADAMW;
    const int squares = is_adam ? 1 : opt == CLG_RMSPROP || opt == CLG_ADAGRAD ? 0 : -1;
    const int slots = clg_opt_slots(opt);
    double *value;
    assert(slots <= 2);
    CLG_TRY(slab_values(lab, &value, 0.3, 0));
    CLG_TRY(clg_bench_vector(lab->bench, &lab->params, "params", lab->elements, value));
    for (int s = 0; s < slots; s++) {
        CLG_TRY(slab_values(lab, &value, 0.1, s == squares));
        CLG_TRY(clg_bench_vector(lab->bench, &lab->slot[s], name[s], lab->elements, value));
    }
    return CLG_OK;
}

/* The next part of a slab. */
static clg_status part_of(struct clg_buf **out, struct clg_fused_lab *lab,
                          const struct clg_buf *slab, size_t first, size_t count)
{
    *out = &lab->part[lab->parts++];
    return clg_bench_part(lab->bench, *out, slab, first, count);
}

/* A matrix of the batch's slab, NaN before it is written. */
static clg_status batch_part(struct clg_buf **out, struct clg_fused_lab *lab, size_t first,
                             int columns)
{
    const int B = lab->c->B;
    double *nan;
    CLG_TRY(part_of(out, lab, lab->batch, first, matrix_size(lab->bench, B, columns)));
    CLG_TRY(clg_bench_numbers(lab->bench, &nan, (size_t)B * (size_t)columns));
    for (size_t i = 0; i < (size_t)B * (size_t)columns; i++)
        nan[i] = (double)NAN;
    for (size_t i = 0; i < (*out)->count; i++)
        lab->batch_before[first + i] = 0; /* no guard */
    return clg_matrix_upload(*out, nan, B, columns);
}

static clg_status make_layer(struct clg_fused_lab *lab, int l, size_t y_at)
{
    struct clg_fused_layer *layer = &lab->layer[l];
    struct clg_bench *bench = lab->bench;
    struct clg_buf *W, *b, *y = NULL;
    CLG_TRY(part_of(&W, lab, lab->params, layer->W_at,
                    clg_weights_size(bench->device, layer->rows, layer->in)));
    W->transposed = clg_weights_transposed(bench->device);
    CLG_TRY(
        part_of(&b, lab, lab->params, layer->b_at, (size_t)clg_stride(bench->device, layer->rows)));
    if (y_at != SIZE_MAX)
        CLG_TRY(batch_part(&y, lab, y_at, layer->out));
    CLG_TRY(batch_part(&layer->dz, lab, layer->dz_at, layer->rows));
    if (y_at == SIZE_MAX || clg_act_keeps_z(layer->act.kind))
        CLG_TRY(clg_bench_matrix(bench, &layer->z, "z", lab->c->B, layer->rows, NULL));
    layer->W = W;
    layer->b = b;
    layer->y = y;
    layer->input = l ? lab->layer[l - 1].y : lab->x;
    return CLG_OK;
}

static clg_status make_batch(struct clg_fused_lab *lab)
{
    double *value;
    CLG_TRY(clg_bench_numbers(lab->bench, &value, lab->batch_elements));
    for (size_t i = 0; i < lab->batch_elements; i++)
        value[i] = clg_bench_guard();
    memset(value + lab->net.turned_at, 0, lab->turned * sizeof *value);
    lab->batch_before = value;
    return clg_bench_vector(lab->bench, &lab->batch, "batch", lab->batch_elements, value);
}

/* -------------------------------------------------------------------- data */

static clg_status make_bytes(struct clg_fused_lab *lab, struct clg_buf **x, size_t count)
{
    uint8_t *byte = NULL;
    CLG_TRY(clg_alloc(&byte, count, 1, "verification"));
    for (size_t i = 0; i < count; i++)
        byte[i] = (uint8_t)(256 * clg_bench_uniform(lab->bench));
    clg_status status = clg_bench_bytes(lab->bench, x, "data", count, byte);
    free(byte);
    return status;
}

static clg_status make_order(struct clg_fused_lab *lab, struct clg_buf **perm)
{
    int32_t *row = NULL;
    CLG_TRY(clg_alloc(&row, lab->rows.rows, sizeof *row, "verification"));
    for (size_t i = 0; i < lab->rows.rows; i++)
        row[i] = (int32_t)(clg_bench_uniform(lab->bench) * (double)lab->rows.rows);
    if (lab->c->far)
        for (size_t i = CLG_CASE_FAR; i < lab->rows.rows; i++)
            row[i] = (int32_t)(lab->rows.rows - 1 + CLG_CASE_FAR - i);
    clg_status status = clg_bench_integers(lab->bench, perm, "perm", lab->rows.rows, row);
    free(row);
    return status;
}

/* Targets of so many rows, dense where they are the data set's. */
static clg_status make_targets(struct clg_fused_lab *lab, struct clg_buf **t, int rows, int dense)
{
    const struct clg_fused_case *c = lab->c;
    const int O = c->units[lab->net.layers - 1];
    const int in_unit = c->loss == CLG_CE || c->loss == CLG_BCE;
    double *value;
    if (c->target == CLG_TARGET_CLASS || !dense)
        return clg_case_targets(lab->bench, t, rows, O, c->target, in_unit);
    CLG_TRY(clg_bench_numbers(lab->bench, &value, (size_t)rows * (size_t)O));
    return clg_bench_vector(lab->bench, t, "targets", (size_t)rows * (size_t)O, value);
}

/* The rows that the next batch is gathered from. */
static clg_status make_next(struct clg_fused_lab *lab)
{
    const struct clg_fused_case *c = lab->c;
    const int O = c->units[lab->net.layers - 1], B = c->next_B ? c->next_B : 1;
    const int start = c->far ? CLG_CASE_FAR : 2, rows = start + 2 * B + 1;
    struct clg_buf *x, *t = NULL, *perm = NULL, *scale, *shift;
    struct clg_bench *bench = lab->bench;
    const size_t count = (size_t)rows * (size_t)c->features;
    lab->rows = (struct clg_rows){
        .rows = (size_t)rows, .features = c->features, .outputs = O, .target = c->target};
    CLG_TRY(c->bytes ? make_bytes(lab, &x, count)
                     : clg_bench_drawn_vector(bench, &x, "data", count));
    lab->rows.x = *x;
    if (c->bytes) {
        CLG_TRY(clg_bench_drawn_vector(bench, &scale, "scale", (size_t)c->features));
        CLG_TRY(clg_bench_drawn_vector(bench, &shift, "shift", (size_t)c->features));
        lab->rows.scale = *scale;
        lab->rows.shift = *shift;
    }
    if (c->permuted)
        CLG_TRY(make_order(lab, &perm));
    lab->next = (struct clg_fused_next){
        .data = &lab->rows, .perm = perm, .start = (size_t)start, .B = c->next_B};
    CLG_TRY(clg_bench_matrix(bench, &lab->next.x, "x_next", B, c->features, NULL));
    if (c->target_input)
        return CLG_OK;
    CLG_TRY(make_targets(lab, &t, rows, 1));
    lab->rows.t = *t;
    return c->target == CLG_TARGET_CLASS
               ? clg_bench_integers(bench, &lab->next.t, "t_next", (size_t)B, NULL)
               : clg_bench_matrix(bench, &lab->next.t, "t_next", B, O, NULL);
}

/* ------------------------------------------------------------------ figures */

static clg_status make_weights(struct clg_fused_lab *lab)
{
    struct clg_buf *weights, *norm;
    const int O = lab->c->units[lab->net.layers - 1];
    const size_t classes = (size_t)(O > 1 ? O : 2);
    double *value;
    lab->loss = (struct clg_loss_spec){.kind = lab->c->loss,
                                       .delta = 0.7,
                                       .smoothing = lab->c->loss == CLG_CE ? 0.1 : 0.0,
                                       .temperature = 1};
    if (!lab->c->weighted)
        return CLG_OK;
    CLG_TRY(clg_bench_numbers(lab->bench, &value, classes));
    for (size_t i = 0; i < classes; i++)
        value[i] = 0.1 + 3 * clg_bench_uniform(lab->bench);
    CLG_TRY(clg_bench_vector(lab->bench, &weights, "class_weights", classes, value));
    CLG_TRY(clg_bench_vector(lab->bench, &norm, "norm", 1, NULL));
    lab->loss.class_weights = weights;
    lab->loss.norm = norm;
    return CLG_OK;
}

/* Sums that have been growing for long.  Hits of rows without classes are never written, and 0. */
static clg_status make_figures(struct clg_fused_lab *lab)
{
    static const double stats[CLG_STATS] = {123456.789, 0.0021, 98765.4321, -0.0013};
    const int32_t hits = 16777217 + 2 * (int32_t)lab->bench->drawing;
    const size_t B = (size_t)lab->c->B;
    struct clg_fused_net *net = &lab->net;
    int32_t *none = NULL;
    CLG_TRY(clg_bench_vector(lab->bench, &net->stats, "stats", CLG_STATS, stats));
    CLG_TRY(clg_bench_integers(lab->bench, &net->hits, "hits", 1, &hits));
    CLG_TRY(clg_bench_vector(lab->bench, &net->row_loss, "row_loss",
                             (size_t)clg_height(lab->bench->device, lab->c->B), NULL));
    CLG_TRY(clg_alloc(&none, B, sizeof *none, "verification"));
    clg_status status = clg_bench_integers(lab->bench, &net->row_hits, "row_hits", B,
                                           lab->c->target == CLG_TARGET_CLASS ? NULL : none);
    free(none);
    return status;
}

static clg_status make_net(struct clg_fused_lab *lab)
{
    struct clg_fused_net *net = &lab->net;
    int32_t *table = NULL;
    net->first_trained = lab->c->frozen;
    net->layer = lab->layer;
    net->params = lab->params;
    net->slot0 = lab->slot[0];
    net->slot1 = lab->slot[1];
    net->batch = lab->batch;
    net->loss = &lab->loss;
    net->target = lab->c->target;
    net->target_input = lab->c->target_input;
    net->mean = lab->bench->drawing % 2 != 0;
    CLG_TRY(clg_bench_matrix(lab->bench, &net->out, "y", lab->c->B, lab->c->units[net->layers - 1],
                             NULL));
    CLG_TRY(clg_fused_jobs(&table, &net->job_count, lab->bench->device, net));
    const size_t jobs = (size_t)net->job_count + (size_t)clg_fused_turn_jobs(net);
    clg_status status =
        clg_bench_integers(lab->bench, &lab->jobs, "jobs", jobs * CLG_JOB_INTS, table);
    net->jobs = lab->jobs;
    free(table);
    return status == CLG_OK ? lab->bench->ops->fused_create(&lab->fused, lab->bench->device, net)
                            : status;
}

clg_status clg_fused_lab_make(struct clg_fused_lab *lab)
{
    size_t y_at[CLG_LAB_LAYERS] = {0};
    const struct clg_fused_case *c = lab->c;
    lab->net.layers = layers_of(c);
    lay_out(lab, y_at);
    CLG_TRY(make_params(lab));
    CLG_TRY(make_batch(lab));
    CLG_TRY(clg_bench_drawn_matrix(lab->bench, &lab->x, "x", c->B, c->features));
    for (int l = 0; l < lab->net.layers; l++)
        CLG_TRY(make_layer(lab, l, y_at[l]));
    if (c->target_input)
        lab->t = lab->x;
    else
        CLG_TRY(make_targets(lab, &lab->t, c->B, 0));
    CLG_TRY(make_next(lab));
    CLG_TRY(make_weights(lab));
    CLG_TRY(make_figures(lab));
    return make_net(lab);
}

void clg_fused_lab_clear(struct clg_fused_lab *lab)
{
    if (lab->fused)
        lab->bench->ops->fused_destroy(lab->fused);
    for (int i = 0; i < lab->parts; i++)
        clg_buf_release(&lab->part[i]);
}
