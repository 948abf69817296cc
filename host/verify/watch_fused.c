/* The watched entries of the fused plan.  A launch does the work of several operations; each of
 * them is checked from what the device itself had between them, so that a bound covers one
 * operation. Gradients are not kept: what is learned from them must lie in the range of the update
 * over all gradients within their bound.  The prepared launches are those of the table watched;
 * spans run as they are, and are looked at by span.c. */
#include "verify/watch.h"

#include "core/predicted.h"

#include <assert.h>

static struct clg_watch *watch_of_fused(const struct clg_fused *fused)
{
    return watch_of(clg_fused_net_of(fused)->params->device);
}

/* Downloads what the device has in an operand now, for both sides to go on from. */
static clg_status take_over(double **value, struct clg_watch *watch, struct clg_operand *operand)
{
    CLG_TRY(clg_operand_results(watch, operand, value, NULL));
    return clg_matrix_upload(&operand->ref, *value, (int)operand->rows, (int)operand->columns);
}

/* ---------------------------------------------------------------- forward */

static clg_status watch_fwd(struct clg_fused *fused, int l, const struct clg_buf *input, int B)
{
    struct clg_watch *watch = watch_of_fused(fused);
    const struct clg_fused_layer *layer = &clg_fused_net_of(fused)->layer[l];
    struct clg_watched_dense o;
    OPEN(watch, "fused_fwd", "layer %d, B %d, I %d, O %d, " ACT_TEXT, l, B, layer->in, layer->out,
         ACT_VALUES(&layer->act));
    CLG_TRY(clg_watch_take_dense(&o, watch, layer->y, layer->z, input, layer->W, layer->b, B,
                                 layer->in, layer->out, layer->rows));
    RUN(watch, fused_fwd, fused, l, input, B);
    return clg_watch_check_dense(watch, &o, B, layer->in, layer->out, &layer->act);
}

/* ------------------------------------------------------------------- head */

/* What one head reads and writes: the product, the loss, and the front delta where there is one. */
struct head {
    struct clg_watched_dense dense; /* y is z of the loss */
    struct clg_watched_loss loss;
    struct clg_watched_delta delta;
    struct clg_operand *row_hits;
};

static clg_status take_head(struct head *o, struct clg_watch *watch,
                            const struct clg_fused_net *net, const struct clg_buf *input,
                            const struct clg_buf *t, int B, int delta)
{
    const struct clg_fused_layer *last = &net->layer[net->layers - 1], *front = last - 1;
    CLG_TRY(clg_operand_write_matrix(&o->dense.y, watch, "z", last->z, B, last->rows));
    CLG_TRY(clg_operand_matrix(&o->dense.in, watch, "x", input, B, last->in));
    CLG_TRY(clg_operand_matrix(&o->dense.weight, watch, "W", last->W, last->rows, last->in));
    CLG_TRY(clg_operand_vector(&o->dense.bias, watch, "b", last->b, (size_t)last->rows));
    o->loss.z = o->dense.y;
    CLG_TRY(clg_operand_write_matrix(&o->loss.y, watch, "y", net->out, B, last->out));
    CLG_TRY(clg_operand_write_matrix(&o->loss.dz, watch, "dz", last->dz, B, last->rows));
    CLG_TRY(
        clg_operand_write_vector(&o->loss.row_loss, watch, "row_loss", net->row_loss, (size_t)B));
    CLG_TRY(clg_watch_targets(&o->loss.t, watch, t, B, last->out, net->target));
    CLG_TRY(clg_watch_take_loss(&o->loss, watch, B, last->out, net->loss));
    CLG_TRY(clg_operand_write_vector(&o->row_hits, watch, "row_hits", net->row_hits, (size_t)B));
    if (!delta)
        return CLG_OK;
    o->delta.dz = o->loss.dz;
    o->delta.W = o->dense.weight;
    CLG_TRY(clg_operand_write_matrix(&o->delta.dx, watch, "dx", front->dz, B, front->rows));
    CLG_TRY(clg_operand_matrix(&o->delta.y, watch, "front y", front->y, B, front->out));
    return front->z ? clg_operand_matrix(&o->delta.z, watch, "front z", front->z, B, front->rows)
                    : CLG_OK;
}

/* Each row's hit, from the device's own outputs. */
static clg_status check_hits(struct clg_watch *watch, const struct head *o, int O)
{
    double *y, *got, *want, *bound;
    const size_t B = o->row_hits->columns;
    CLG_TRY(clg_operand_results(watch, o->loss.y, &y, NULL));
    CLG_TRY(clg_operand_results(watch, o->row_hits, &got, NULL));
    CLG_TRY(clg_operand_room(watch, &want, B));
    CLG_TRY(clg_operand_room(watch, &bound, B));
    clg_bound_hits(bound, &watch->limits, y, (int)B, O);
    for (size_t b = 0; b < B; b++)
        want[b] = clg_class_of(y + b * (size_t)O, NULL, O) == (int)o->loss.t->value[b];
    clg_tally_compare(watch->tally, o->row_hits->name, got, want, bound, 1, B);
    return CLG_OK;
}

static clg_status check_head(struct clg_watch *watch, struct head *o,
                             const struct clg_fused_net *net, struct clg_loss_case *c, int hits,
                             int delta)
{
    static const struct clg_activation identity = {.kind = CLG_IDENTITY, .pieces = 1};
    const struct clg_fused_layer *last = &net->layer[net->layers - 1], *front = last - 1;
    double *z, *dz;
    CLG_TRY(clg_watch_check_dense(watch, &o->dense, c->B, last->in, last->rows, &identity));
    CLG_TRY(take_over(&z, watch, o->loss.z));
    CLG_TRY(clg_watch_check_loss(watch, &o->loss, z, c, net->target));
    if (hits && net->target == CLG_TARGET_CLASS)
        CLG_TRY(check_hits(watch, o, last->out));
    if (!delta)
        return CLG_OK;
    CLG_TRY(take_over(&dz, watch, o->loss.dz));
    return clg_watch_check_delta(watch, &o->delta, dz, c->B, last->in, last->rows, &front->act,
                                 NULL);
}

static clg_status watch_head(struct clg_fused *fused, const struct clg_buf *input,
                             const struct clg_buf *t, int B, double scale, int *delta)
{
    struct clg_watch *watch = watch_of_fused(fused);
    const struct clg_fused_net *net = clg_fused_net_of(fused);
    const struct clg_fused_layer *last = &net->layer[net->layers - 1];
    struct head o = {0};
    struct clg_loss_case c = {.B = B,
                              .O = last->out,
                              .spec = net->loss,
                              .act = &last->act,
                              .scale = scale,
                              .mean = net->mean};
    clg_watch_open_loss(watch, "fused_head", &c, net->target);
    CLG_TRY(take_head(&o, watch, net, input, t, B, *delta && net->layers > 1));
    if (net->target == CLG_TARGET_CLASS && !clg_watch_labels_are_valid(watch, o.loss.t, last->out))
        return clg_watch_stopped(watch);
    RUN(watch, fused_head, fused, input, t, B, scale, delta);
    return check_head(watch, &o, net, &c, clg_fused_has_hits(fused), *delta);
}

/* ------------------------------------------------------------------ delta */

static clg_status watch_delta(struct clg_fused *fused, int l, int B)
{
    struct clg_watch *watch = watch_of_fused(fused);
    const struct clg_fused_layer *layer = &clg_fused_net_of(fused)->layer[l], *front = layer - 1;
    struct clg_watched_delta o = {0};
    OPEN(watch, "fused_delta", "layer %d, B %d, I %d, O %d, " ACT_TEXT, l, B, layer->in,
         layer->rows, ACT_VALUES(&front->act));
    CLG_TRY(clg_operand_write_matrix(&o.dx, watch, "dx", front->dz, B, front->rows));
    CLG_TRY(clg_operand_matrix(&o.dz, watch, "dz", layer->dz, B, layer->rows));
    CLG_TRY(clg_operand_matrix(&o.W, watch, "W", layer->W, layer->rows, layer->in));
    CLG_TRY(clg_operand_matrix(&o.y, watch, "y", front->y, B, front->out));
    if (front->z)
        CLG_TRY(clg_operand_matrix(&o.z, watch, "z", front->z, B, front->rows));
    RUN(watch, fused_delta, fused, l, B);
    return clg_watch_check_delta(watch, &o, o.dz->value, B, layer->in, layer->rows, &front->act,
                                 NULL);
}

/* ------------------------------------------------------------------ learn */

/* What one learn reads and writes, besides the gradients' inputs: params and slots, the figures,
 * the next batch. */
struct learn {
    struct clg_operand *slab[3], *stats, *hits, *row_loss, *y, *t;
    struct clg_watched_gather next;
    double *g, *g_bound; /* laid out as the slabs; bound negative: not of a trained layer */
};

/* Puts a layer's gradient where its parameters lie. */
static void spread(const struct learn *o, const struct clg_fused_layer *layer,
                   const double *const dW[2], const double *const db[2])
{
    const int turned = layer->W->transposed;
    const size_t rows = (size_t)layer->rows, in = (size_t)layer->in;
    const size_t stride = (size_t)clg_stride(layer->W->device, turned ? layer->rows : layer->in);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < in; i++) {
            const size_t at = layer->W_at + (turned ? i * stride + r : r * stride + i);
            o->g[at] = dW[0][r * in + i];
            o->g_bound[at] = dW[1][r * in + i];
        }
        o->g[layer->b_at + r] = db[0][r];
        o->g_bound[layer->b_at + r] = db[1][r];
    }
}

/* The reference's gradient of one layer, from the device's own delta and input, and its bound. */
static clg_status take_gradient(const struct learn *o, struct clg_watch *watch,
                                const struct clg_fused_layer *layer, const struct clg_buf *input,
                                int B)
{
    const int operands = watch->operands, blocks = watch->blocks;
    struct clg_operand *weight, *bias, *dz, *in;
    double *dW[2], *db[2];
    CLG_TRY(clg_operand_write_matrix(&weight, watch, "dW", layer->W, layer->rows, layer->in));
    CLG_TRY(clg_operand_write_vector(&bias, watch, "db", layer->b, (size_t)layer->rows));
    CLG_TRY(clg_operand_matrix(&dz, watch, "dz", layer->dz, B, layer->rows));
    CLG_TRY(clg_operand_matrix(&in, watch, "x", input, B, layer->in));
    CLG_TRY(clg_ops_reference.grad(watch->reference, &weight->ref, &bias->ref, &dz->ref, &in->ref,
                                   B, layer->in, layer->rows));
    CLG_TRY(clg_operand_results(watch, weight, NULL, &dW[0]));
    CLG_TRY(clg_operand_results(watch, bias, NULL, &db[0]));
    CLG_TRY(clg_operand_room(watch, &dW[1], weight->rows * weight->columns));
    CLG_TRY(clg_operand_room(watch, &db[1], bias->columns));
    clg_bound_grad(dW[1], db[1], &watch->limits, dW[0], db[0], dz->value, in->value, B, layer->in,
                   layer->rows);
    spread(o, layer, (const double *const[]){dW[0], dW[1]}, (const double *const[]){db[0], db[1]});
    clg_operands_drop(watch, operands, blocks);
    return CLG_OK;
}

/* Before the run: the gradients of the trained layers. */
static clg_status take_gradients(struct learn *o, struct clg_watch *watch,
                                 const struct clg_fused_net *net, const struct clg_buf *x, int B)
{
    CLG_TRY(clg_operand_room(watch, &o->g, net->params->count));
    CLG_TRY(clg_operand_room(watch, &o->g_bound, net->params->count));
    for (size_t i = 0; i < net->params->count; i++) {
        o->g[i] = 0.0;
        o->g_bound[i] = -1.0;
    }
    for (int l = 0; l < net->layers; l++) {
        const struct clg_fused_layer *layer = &net->layer[l];
        if (layer->trained)
            CLG_TRY(
                take_gradient(o, watch, layer, layer->input_at == SIZE_MAX ? x : layer->input, B));
    }
    return CLG_OK;
}

static clg_status take_learn(struct learn *o, struct clg_watch *watch,
                             const struct clg_fused_net *net, const struct clg_buf *t, int B,
                             int slots)
{
    static const char *const name[3] = {"params", "slot0", "slot1"};
    const struct clg_buf *const on[3] = {net->params, net->slot0, net->slot1};
    const int O = net->layer[net->layers - 1].out;
    assert(slots <= 2);
    for (int i = 0; i <= slots; i++)
        CLG_TRY(clg_operand_vector(&o->slab[i], watch, name[i], on[i], net->params->count));
    CLG_TRY(clg_operand_vector(&o->stats, watch, "stats", net->stats, CLG_STATS));
    CLG_TRY(clg_operand_vector(&o->hits, watch, "hits", net->hits, 1));
    CLG_TRY(clg_operand_vector(&o->row_loss, watch, "row_loss", net->row_loss, (size_t)B));
    CLG_TRY(clg_operand_matrix(&o->y, watch, "y", net->out, B, O));
    return clg_watch_targets(&o->t, watch, t, B, O, net->target);
}

static clg_status check_slabs(struct clg_watch *watch, const struct learn *o,
                              const struct clg_fused_net *net, const struct clg_update *u)
{
    const size_t n = net->params->count, n_weights = net->layer[0].b_at;
    const double *before[3] = {NULL, NULL, NULL}, *now[3] = {NULL, NULL, NULL};
    double *want[3] = {NULL, NULL, NULL}, *bound[3] = {NULL, NULL, NULL}, *got;
    for (int i = 0; i < 3 && o->slab[i]; i++) {
        CLG_TRY(clg_operand_results(watch, o->slab[i], &got, NULL));
        now[i] = got;
        before[i] = o->slab[i]->value;
        CLG_TRY(clg_operand_room(watch, &want[i], n));
        CLG_TRY(clg_operand_room(watch, &bound[i], n));
    }
    clg_bound_learn(want, bound, &watch->limits, before, now, o->g, o->g_bound, n, n_weights, u);
    for (int i = 2; i >= 0; i--) /* params last: they follow from the slots */
        if (o->slab[i])
            clg_tally_compare(watch->tally, o->slab[i]->name, now[i], want[i], bound[i], 1, n);
    return CLG_OK;
}

static clg_status check_learn(struct clg_watch *watch, const struct learn *o,
                              const struct clg_fused_net *net, int B, const struct clg_update *u,
                              int next_B)
{
    double size = 0;
    for (int b = 0; b < B; b++)
        size += o->row_loss->value[b] < 0 ? -o->row_loss->value[b] : o->row_loss->value[b];
    CLG_TRY(clg_ops_reference.score(watch->reference, &o->stats->ref, &o->hits->ref,
                                    &o->row_loss->ref, &o->y->ref, &o->t->ref, B,
                                    net->layer[net->layers - 1].out, net->target));
    CLG_TRY(check_slabs(watch, o, net, u));
    CLG_TRY(clg_watch_check_stats(watch, o->stats, 0, size, (size_t)B));
    CLG_TRY(clg_watch_check_hits(watch, o->hits, net->target == CLG_TARGET_CLASS ? o->y : NULL, B,
                                 net->layer[net->layers - 1].out));
    return next_B ? clg_watch_check_gather(watch, &o->next, next_B) : CLG_OK;
}

static clg_status watch_learn(struct clg_fused *fused, const struct clg_buf *x,
                              const struct clg_buf *t, int B, const struct clg_update *u,
                              const struct clg_fused_next *next)
{
    static const char *const name[2] = {"x_next", "t_next"};
    struct clg_watch *watch = watch_of_fused(fused);
    const struct clg_fused_net *net = clg_fused_net_of(fused);
    struct learn o = {0};
    int valid = 1;
    OPEN(watch, "fused_learn", "layers %d, B %d, n %zu, %s, t %llu, %d rows %s next", net->layers,
         B, net->params->count, clg_opt_names[u->opt], (unsigned long long)u->t, next->B,
         next->perm ? "permuted" : "in order");
    CLG_TRY(take_learn(&o, watch, net, t, B, clg_opt_slots(u->opt)));
    if (net->target == CLG_TARGET_CLASS &&
        !clg_watch_labels_are_valid(watch, o.t, net->layer[net->layers - 1].out))
        return clg_watch_stopped(watch);
    if (next->B)
        CLG_TRY(clg_watch_take_gather(&o.next, &valid, watch, name, next->x, next->t, next->data,
                                      next->perm, next->start, next->B));
    if (!valid)
        return clg_watch_stopped(watch);
    CLG_TRY(take_gradients(&o, watch, net, x, B));
    RUN(watch, fused_learn, fused, x, t, B, u, next);
    return check_learn(watch, &o, net, B, u, next->B);
}

/* ------------------------------------------------------------------ table */

/* As in again.c: what was wrong runs once more, from what it had overwritten. */
#define AGAIN(entry, ...)                                                                          \
    do {                                                                                           \
        struct clg_watch *watch_ = watch_of_fused(fused);                                          \
        if (!clg_again_wanted(watch_))                                                             \
            return CLG_OK;                                                                         \
        CLG_TRY(clg_again_begin(watch_));                                                          \
        CLG_TRY(watch_->inner->entry(__VA_ARGS__));                                                \
        return clg_again_end(watch_);                                                              \
    } while (0)

clg_status clg_watched_fused_create(struct clg_fused **out, clg_device *device,
                                    const struct clg_fused_net *net)
{
    return watch_of(device)->inner->fused_create(out, device, net);
}

/* The net's buffers, by which a watch is found, may be gone before its launches. */
void clg_watched_fused_destroy(struct clg_fused *fused)
{
    clg_ops_opencl.fused_destroy(fused);
}

clg_status clg_watched_fused_fwd(struct clg_fused *fused, int l, const struct clg_buf *input, int B)
{
    CLG_TRY(watch_fwd(fused, l, input, B));
    AGAIN(fused_fwd, fused, l, input, B);
}

clg_status clg_watched_fused_head(struct clg_fused *fused, const struct clg_buf *input,
                                  const struct clg_buf *t, int B, double scale, int *delta)
{
    CLG_TRY(watch_head(fused, input, t, B, scale, delta));
    AGAIN(fused_head, fused, input, t, B, scale, delta);
}

clg_status clg_watched_fused_delta(struct clg_fused *fused, int l, int B)
{
    CLG_TRY(watch_delta(fused, l, B));
    AGAIN(fused_delta, fused, l, B);
}

clg_status clg_watched_fused_learn(struct clg_fused *fused, const struct clg_buf *x,
                                   const struct clg_buf *t, int B, const struct clg_update *u,
                                   const struct clg_fused_next *next)
{
    CLG_TRY(watch_learn(fused, x, t, B, u, next));
    AGAIN(fused_learn, fused, x, t, B, u, next);
}

clg_status clg_watched_span(clg_device *device, const struct clg_span_launch *launch)
{
    return watch_of(device)->inner->span(device, launch);
}
