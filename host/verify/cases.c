/* The single operations, over shapes that are no multiples of anything, and numbers of every
 * character.  Each function runs one case; the watching table compares, the bench looks at the
 * guards.  The quick set runs each operation at a few shapes. */
#include "verify/bench.h"

#include "core/memory.h"
#include "core/rng.h"

#include <math.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Outputs of a layer with this activation, its ends among them. */
static clg_status drawn_outputs(struct clg_bench *bench, double **out, size_t count,
                                enum clg_act act)
{
    CLG_TRY(clg_bench_numbers(bench, out, count));
    for (size_t i = 0; i < count && act != CLG_IDENTITY; i++) {
        double u = clg_bench_uniform(bench);
        double end = u < 0.125 ? 0.0 : u > 0.875 ? 1.0 : -1.0;
        u = end >= 0 ? end : clg_bench_uniform(bench);
        if (act == CLG_RELU)
            (*out)[i] = fmax((*out)[i], 0.0);
        else
            (*out)[i] = act == CLG_TANH ? 2 * u - 1 : u;
    }
    return CLG_OK;
}

/* --------------------------------------------------------------- products */

static clg_status dense_fwd(struct clg_bench *bench, int B, int I, int O, enum clg_act act)
{
    struct clg_buf *y, *x, *W, *b;
    CLG_TRY(clg_bench_matrix(bench, &y, "y", B, O, NULL));
    CLG_TRY(clg_bench_drawn_matrix(bench, &x, "x", B, I));
    CLG_TRY(clg_bench_drawn_matrix(bench, &W, "W", O, I));
    CLG_TRY(clg_bench_drawn_vector(bench, &b, "b", (size_t)O));
    return bench->ops->dense_fwd(bench->device, y, x, W, b, B, I, O, act);
}

static clg_status delta_bwd(struct clg_bench *bench, int B, int I, int O, enum clg_act act)
{
    struct clg_buf *dx, *dz, *W, *y;
    double *front;
    CLG_TRY(clg_bench_matrix(bench, &dx, "dx", B, I, NULL));
    CLG_TRY(clg_bench_drawn_matrix(bench, &dz, "dz", B, O));
    CLG_TRY(clg_bench_drawn_matrix(bench, &W, "W", O, I));
    CLG_TRY(drawn_outputs(bench, &front, (size_t)B * (size_t)I, act));
    CLG_TRY(clg_bench_matrix(bench, &y, "y", B, I, front));
    return bench->ops->delta_bwd(bench->device, dx, dz, W, y, B, I, O, act);
}

static clg_status grad(struct clg_bench *bench, int B, int I, int O)
{
    struct clg_buf *dW, *db, *dz, *x;
    CLG_TRY(clg_bench_matrix(bench, &dW, "dW", O, I, NULL));
    CLG_TRY(clg_bench_vector(bench, &db, "db", (size_t)O, NULL));
    CLG_TRY(clg_bench_drawn_matrix(bench, &dz, "dz", B, O));
    CLG_TRY(clg_bench_drawn_matrix(bench, &x, "x", B, I));
    return bench->ops->grad(bench->device, dW, db, dz, x, B, I, O);
}

/* The three products of one layer; the character of the numbers goes round. */
static clg_status layer(struct clg_bench *bench, int B, int I, int O, enum clg_act act)
{
    static const enum clg_draw draws[] = {CLG_DRAW_NORMAL, CLG_DRAW_MIXED, CLG_DRAW_TIES,
                                          CLG_DRAW_LARGE, CLG_DRAW_SMALL};
    clg_bench_begin(bench, draws[bench->drawing % COUNT(draws)]);
    CLG_TRY(clg_bench_end(bench, dense_fwd(bench, B, I, O, act)));
    clg_bench_begin(bench, draws[bench->drawing % COUNT(draws)]);
    CLG_TRY(clg_bench_end(bench, delta_bwd(bench, B, I, O, act)));
    if (act != CLG_IDENTITY) /* the gradient knows no activation: once a shape */
        return CLG_OK;
    clg_bench_begin(bench, draws[bench->drawing % COUNT(draws)]);
    return clg_bench_end(bench, grad(bench, B, I, O));
}

/* Every combination of sizes, then one long dimension at a time.  Both sets end with a matrix that
 * fills its rows but not its columns of 16, and with products deeper than any panel of
 * kernels/matmul.cl, each dimension being the depth of one of the three. */
static clg_status layers(struct clg_bench *bench, enum clg_act act)
{
    static const int size[] = {1, 7, 16, 17, 33, 129};
    static const int quick[][3] = {{1, 1, 1}, {7, 17, 33}, {33, 129, 16}, {16, 7, 1}};
    static const int length[][3] = {{784, 17, 33}, {17, 784, 33}, {33, 17, 784}};
    static const int edge[][3] = {{8, 15, 24}, {2100, 3, 5}, {3, 2100, 5}, {3, 5, 2100}};
    for (size_t i = 0; i < COUNT(quick) && !bench->full; i++)
        CLG_TRY(layer(bench, quick[i][0], quick[i][1], quick[i][2], act));
    for (size_t i = 0; i < COUNT(size) && bench->full; i++)
        for (size_t j = 0; j < COUNT(size); j++)
            for (size_t k = 0; k < COUNT(size); k++)
                CLG_TRY(layer(bench, size[i], size[j], size[k], act));
    for (size_t i = 0; i < COUNT(length) && bench->full; i++)
        CLG_TRY(layer(bench, length[i][0], length[i][1], length[i][2], act));
    for (size_t i = 0; i < COUNT(edge); i++)
        CLG_TRY(layer(bench, edge[i][0], edge[i][1], edge[i][2], act));
    return CLG_OK;
}

/* By our own kernels with each activation, and by CLBlast, where there is one, with none. */
static clg_status products(struct clg_bench *bench)
{
    enum clg_route before = bench->device->route;
    clg_status status = CLG_OK;
    bench->device->route = CLG_ROUTE_NATIVE;
    bench->route = "native, ";
    for (int act = CLG_IDENTITY; act < CLG_SOFTMAX && status == CLG_OK; act++)
        status = layers(bench, (enum clg_act)act);
    if (status == CLG_OK && bench->full && bench->device->kind == CLG_OPENCL &&
        clg_matmul_has_clblast()) {
        bench->device->route = CLG_ROUTE_CLBLAST;
        bench->route = "clblast, ";
        status = layers(bench, CLG_IDENTITY);
    }
    bench->device->route = before;
    bench->route = NULL;
    return status;
}

/* ---------------------------------------------------------- output, losses */

static clg_status output_fwd(struct clg_bench *bench, int B, int O, enum clg_act act, int in_place)
{
    struct clg_buf *y, *z;
    CLG_TRY(clg_bench_drawn_matrix(bench, &z, "z", B, O));
    if (in_place)
        y = z;
    else
        CLG_TRY(clg_bench_matrix(bench, &y, "y", B, O, NULL));
    return bench->ops->output_fwd(bench->device, y, z, B, O, act);
}

/* Targets that the loss takes: classes, or values; those of ce and bce lie in 0..1. */
static clg_status drawn_targets(struct clg_bench *bench, struct clg_buf **t, int B, int O,
                                enum clg_target target, int in_unit)
{
    double *values;
    size_t count = (size_t)B * (size_t)O;
    CLG_TRY(clg_bench_numbers(bench, &values, count));
    if (target == CLG_TARGET_VALUE) {
        for (size_t i = 0; i < count && in_unit; i++)
            values[i] = clg_bench_uniform(bench);
        return clg_bench_matrix(bench, t, "t", B, O, values);
    }
    int32_t *label = NULL;
    CLG_TRY(clg_alloc(&label, (size_t)B, sizeof *label, "verification"));
    for (int b = 0; b < B; b++)
        label[b] = (int32_t)(clg_bench_uniform(bench) * (O > 1 ? O : 2));
    clg_status status = clg_bench_integers(bench, t, "t", (size_t)B, label);
    free(label);
    return status;
}

struct loss_case {
    enum clg_loss loss;
    enum clg_act act;
    enum clg_target target;
};

static clg_status loss_fwd(struct clg_bench *bench, int B, int O, const struct loss_case *c,
                           double scale)
{
    struct clg_buf *y, *dz, *row_loss, *z, *t;
    CLG_TRY(clg_bench_drawn_matrix(bench, &z, "z", B, O));
    if (bench->drawing % 4 == 0)
        y = z;
    else
        CLG_TRY(clg_bench_matrix(bench, &y, "y", B, O, NULL));
    CLG_TRY(clg_bench_matrix(bench, &dz, "dz", B, O, NULL));
    CLG_TRY(clg_bench_vector(bench, &row_loss, "row_loss", (size_t)B, NULL));
    CLG_TRY(drawn_targets(bench, &t, B, O, c->target, c->loss != CLG_MSE));
    return bench->ops->loss_fwd(bench->device, y, dz, row_loss, z, t, B, O, c->loss, c->act,
                                c->target, scale);
}

/* Means over the batch and sums, in turn. */
static clg_status losses_at(struct clg_bench *bench, int B, int O, enum clg_draw draw)
{
    for (int loss = 0; loss < CLG_LOSSES; loss++) {
        for (int act = 0; act < CLG_ACTS; act++) {
            for (int target = CLG_TARGET_CLASS; target <= CLG_TARGET_VALUE; target++) {
                struct loss_case c = {(enum clg_loss)loss, (enum clg_act)act,
                                      (enum clg_target)target};
                if (!clg_pair_exists(c.loss, c.act) ||
                    (c.loss == CLG_CE && c.target == CLG_TARGET_CLASS && O == 1))
                    continue;
                clg_bench_begin(bench, draw);
                double scale = bench->drawing % 2 ? 1.0 / B : 1.0;
                CLG_TRY(clg_bench_end(bench, loss_fwd(bench, B, O, &c, scale)));
            }
        }
    }
    return CLG_OK;
}

static clg_status outputs_at(struct clg_bench *bench, int B, int O, enum clg_draw draw)
{
    for (int act = 0; act < CLG_ACTS; act++) {
        for (int in_place = 0; in_place <= 1; in_place++) {
            clg_bench_begin(bench, draw);
            CLG_TRY(clg_bench_end(bench, output_fwd(bench, B, O, (enum clg_act)act, in_place)));
        }
    }
    return CLG_OK;
}

static clg_status outputs_and_losses(struct clg_bench *bench)
{
    static const int full[][2] = {{1, 1},    {7, 1},   {1, 2},   {33, 2}, {17, 7},
                                  {7, 10},   {16, 16}, {33, 17}, {7, 33}, {129, 10},
                                  {17, 129}, {3, 784}, {5, 15}};
    static const int quick[][2] = {{7, 1}, {17, 10}, {5, 15}, {3, 33}};
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        const int *shape = bench->full ? full[i] : quick[i];
        for (int draw = 0; draw < CLG_DRAWS; draw++) {
            CLG_TRY(outputs_at(bench, shape[0], shape[1], (enum clg_draw)draw));
            CLG_TRY(losses_at(bench, shape[0], shape[1], (enum clg_draw)draw));
        }
    }
    return CLG_OK;
}

/* ---------------------------------------------------------------- figures */

/* Onto sums that have been growing for long, so that the compensation matters. */
static const double stats_before[CLG_STATS] = {123456.789, 0.0021, 98765.4321, -0.0013};

static clg_status score(struct clg_bench *bench, int B, int O, enum clg_target target)
{
    static const int32_t hits_before = 16777217;
    struct clg_buf *stats, *hits, *row_loss, *y, *t;
    double *loss;
    CLG_TRY(clg_bench_vector(bench, &stats, "stats", CLG_STATS, stats_before));
    CLG_TRY(clg_bench_integers(bench, &hits, "hits", 1, &hits_before));
    CLG_TRY(clg_bench_numbers(bench, &loss, (size_t)B));
    for (int b = 0; b < B; b++)
        loss[b] = 1e-3 * fabs(loss[b]);
    CLG_TRY(clg_bench_vector(bench, &row_loss, "row_loss", (size_t)B, loss));
    CLG_TRY(clg_bench_drawn_matrix(bench, &y, "y", B, O));
    CLG_TRY(drawn_targets(bench, &t, B, O, target, 0));
    return bench->ops->score(bench->device, stats, hits, row_loss, y, t, B, O, target);
}

static clg_status scores(struct clg_bench *bench)
{
    static const int full[][2] = {{1, 1},   {7, 1},   {1, 2},   {64, 2},   {65, 10},
                                  {129, 7}, {33, 17}, {16, 33}, {784, 16}, {1000, 10}};
    static const int quick[][2] = {{7, 1}, {65, 10}};
    static const enum clg_draw draws[] = {CLG_DRAW_TIES, CLG_DRAW_NORMAL, CLG_DRAW_SMALL};
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        const int *shape = bench->full ? full[i] : quick[i];
        for (size_t d = 0; d < COUNT(draws); d++) {
            clg_bench_begin(bench, draws[d]);
            CLG_TRY(clg_bench_end(bench, score(bench, shape[0], shape[1], CLG_TARGET_CLASS)));
            clg_bench_begin(bench, draws[d]);
            CLG_TRY(clg_bench_end(bench, score(bench, shape[0], shape[1], CLG_TARGET_VALUE)));
        }
    }
    return CLG_OK;
}

static clg_status penalty(struct clg_bench *bench, size_t n)
{
    struct clg_buf *stats, *scratch, *params;
    CLG_TRY(clg_bench_vector(bench, &stats, "stats", CLG_STATS, stats_before));
    CLG_TRY(clg_bench_vector(bench, &scratch, "scratch", CLG_PENALTY_SCRATCH, NULL));
    CLG_TRY(clg_bench_drawn_vector(bench, &params, "params", n));
    return bench->ops->penalty(bench->device, stats, scratch, params, n, 0.5e-4 * 64);
}

static clg_status penalties(struct clg_bench *bench)
{
    static const size_t full[] = {1, 7, 16, 17, 255, 256, 257, 4099, 16384, 16385, 101770};
    static const size_t quick[] = {1, 17, 16385};
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        for (int draw = 0; draw <= CLG_DRAW_MIXED; draw++) {
            clg_bench_begin(bench, (enum clg_draw)draw);
            CLG_TRY(clg_bench_end(bench, penalty(bench, bench->full ? full[i] : quick[i])));
        }
    }
    return CLG_OK;
}

/* ----------------------------------------------------------------- update */

static clg_status update(struct clg_bench *bench, size_t n, size_t n_weights,
                         const struct clg_update *u)
{
    struct clg_buf *params, *grads, *slot[2] = {NULL, NULL};
    static const char *const name[2] = {"slot0", "slot1"};
    double *values;
    clg_bench_begin(bench, bench->draw);
    CLG_TRY(clg_bench_drawn_vector(bench, &grads, "grads", n));
    CLG_TRY(clg_bench_numbers(bench, &values, n));
    for (size_t i = 0; i < n; i++)
        values[i] = clg_bench_number_as(bench, CLG_DRAW_NORMAL);
    CLG_TRY(clg_bench_vector(bench, &params, "params", n, values));
    for (int s = 0; s < clg_opt_slots(u->opt); s++) {
        CLG_TRY(clg_bench_numbers(bench, &values, n));
        for (size_t i = 0; i < n && s == 1; i++)
            values[i] *= values[i]; /* the second moment is a mean of squares */
        CLG_TRY(clg_bench_vector(bench, &slot[s], name[s], n, values));
    }
    return bench->ops->update(bench->device, params, slot[0], slot[1], grads, n, n_weights, u);
}

static clg_status updates_at(struct clg_bench *bench, size_t n, size_t n_weights)
{
    static const uint64_t step[] = {1, 2, 1000};
    static const double l2[] = {0, 0.01};
    for (int opt = 0; opt < CLG_OPTS; opt++) {
        for (size_t i = 0; i < COUNT(step); i++) {
            for (size_t j = 0; j < COUNT(l2); j++) {
                struct clg_update u = {.opt = (enum clg_opt)opt,
                                       .lr = 0.003,
                                       .l2 = l2[j],
                                       .momentum = 0.9,
                                       .beta1 = 0.9,
                                       .beta2 = 0.999,
                                       .eps = 1e-8,
                                       .t = step[i]};
                CLG_TRY(clg_bench_end(bench, update(bench, n, n_weights, &u)));
            }
        }
    }
    return CLG_OK;
}

static clg_status updates(struct clg_bench *bench)
{
    static const size_t full[][2] = {{1, 1},   {1, 0},     {7, 3},     {16, 16},     {17, 16},
                                     {33, 17}, {129, 128}, {784, 400}, {4099, 4096}, {33, 15}};
    static const size_t quick[][2] = {{33, 15}, {1000, 777}};
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        const size_t *shape = bench->full ? full[i] : quick[i];
        for (int draw = 0; draw < CLG_DRAWS; draw++) {
            bench->draw = (enum clg_draw)draw;
            CLG_TRY(updates_at(bench, shape[0], shape[1]));
        }
    }
    return CLG_OK;
}

/* ------------------------------------------------------------------- data */

struct gather_case {
    int B, I, outputs; /* outputs 0: classes */
    int bytes, permuted;
};
enum { GATHER_ROWS = 150, GATHER_START = 3 };

/* Bytes with their scaling, or reals, as rows of a data set. */
static clg_status gather_features(struct clg_bench *bench, struct clg_rows *data,
                                  const struct gather_case *c)
{
    size_t count = (size_t)GATHER_ROWS * (size_t)c->I;
    struct clg_buf *x, *scale, *shift;
    uint8_t *byte = NULL;
    clg_status status = CLG_OK;
    if (!c->bytes) {
        CLG_TRY(clg_bench_drawn_vector(bench, &x, "data", count));
        data->x = *x;
        return CLG_OK;
    }
    CLG_TRY(clg_alloc(&byte, count, 1, "verification"));
    for (size_t i = 0; i < count; i++)
        byte[i] = (uint8_t)(256 * clg_bench_uniform(bench));
    CLG_TRY_DONE(clg_bench_bytes(bench, &x, "data", count, byte));
    CLG_TRY_DONE(clg_bench_drawn_vector(bench, &scale, "scale", (size_t)c->I));
    CLG_TRY_DONE(clg_bench_drawn_vector(bench, &shift, "shift", (size_t)c->I));
    data->x = *x;
    data->scale = *scale;
    data->shift = *shift;
done:
    free(byte);
    return status;
}

static clg_status gather_order(struct clg_bench *bench, struct clg_buf **perm)
{
    struct clg_shuffle shuffle;
    int32_t order[GATHER_ROWS];
    clg_shuffle_begin(&shuffle, GATHER_ROWS, bench->drawing, 1);
    for (uint32_t i = 0; i < GATHER_ROWS; i++)
        order[i] = (int32_t)clg_shuffle_at(&shuffle, i);
    return clg_bench_integers(bench, perm, "perm", GATHER_ROWS, order);
}

static clg_status gather(struct clg_bench *bench, const struct gather_case *c)
{
    struct clg_rows data = {.rows = GATHER_ROWS,
                            .features = c->I,
                            .outputs = c->outputs ? c->outputs : 10,
                            .target = c->outputs ? CLG_TARGET_VALUE : CLG_TARGET_CLASS};
    struct clg_buf *x, *t, *targets, *perm = NULL;
    CLG_TRY(gather_features(bench, &data, c));
    if (c->outputs)
        CLG_TRY(clg_bench_drawn_vector(bench, &targets, "targets",
                                       (size_t)GATHER_ROWS * (size_t)c->outputs));
    else
        CLG_TRY(drawn_targets(bench, &targets, GATHER_ROWS, data.outputs, data.target, 0));
    data.t = *targets;
    if (c->permuted)
        CLG_TRY(gather_order(bench, &perm));
    CLG_TRY(clg_bench_matrix(bench, &x, "x", c->B, c->I, NULL));
    if (c->outputs)
        CLG_TRY(clg_bench_matrix(bench, &t, "t", c->B, c->outputs, NULL));
    else
        CLG_TRY(clg_bench_integers(bench, &t, "t", (size_t)c->B, NULL));
    return bench->ops->gather(bench->device, x, t, &data, perm, GATHER_START, c->B);
}

static clg_status gathers(struct clg_bench *bench)
{
    static const int full[][3] = {{1, 1, 0},    {7, 7, 1},   {16, 16, 3},  {17, 17, 0},
                                  {33, 33, 17}, {129, 1, 1}, {1, 129, 33}, {64, 784, 10}};
    static const int quick[][3] = {{7, 17, 0}, {33, 33, 3}};
    static const enum clg_draw draws[] = {CLG_DRAW_NORMAL, CLG_DRAW_MIXED, CLG_DRAW_DENORMAL};
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        const int *shape = bench->full ? full[i] : quick[i];
        for (int kind = 0; kind < 4; kind++) {
            for (size_t d = 0; d < COUNT(draws); d++) {
                struct gather_case c = {shape[0], shape[1], shape[2], kind & 1, kind >> 1};
                clg_bench_begin(bench, draws[d]);
                CLG_TRY(clg_bench_end(bench, gather(bench, &c)));
            }
        }
    }
    return CLG_OK;
}

static clg_status permute(struct clg_bench *bench, size_t n, uint64_t seed, uint32_t epoch)
{
    struct clg_buf *perm;
    CLG_TRY(clg_bench_integers(bench, &perm, "perm", n, NULL));
    return bench->ops->permute(bench->device, perm, n, seed, epoch);
}

static clg_status permutations(struct clg_bench *bench)
{
    static const size_t full[] = {1,  2,  3,   4,    5,     16,    17,   33,
                                  64, 65, 129, 1000, 60000, 65536, 65537};
    static const size_t quick[] = {1, 17, 1000};
    static const uint64_t seed[] = {1, 0, 0xFEDCBA9876543210u};
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        for (size_t s = 0; s < COUNT(seed); s++) {
            clg_bench_begin(bench, CLG_DRAW_NORMAL);
            CLG_TRY(clg_bench_end(bench, permute(bench, bench->full ? full[i] : quick[i], seed[s],
                                                 (uint32_t)(1 + 1000 * s))));
        }
    }
    return CLG_OK;
}

clg_status clg_cases_run(clg_device *device, struct clg_tally *tally, int full)
{
    struct clg_bench bench = {
        .device = device, .ops = clg_ops_of(device), .tally = tally, .full = full};
    CLG_TRY(permutations(&bench));
    CLG_TRY(gathers(&bench));
    CLG_TRY(products(&bench));
    CLG_TRY(outputs_and_losses(&bench));
    CLG_TRY(scores(&bench));
    CLG_TRY(penalties(&bench));
    return updates(&bench);
}
