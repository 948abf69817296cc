/* Single operations on figures (score, penalty, norms, living units) and on parameters (clipping,
 * the optimisers). */
#include "verify/cases.h"

#include "core/memory.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Onto sums that have been growing for long, so that the compensation matters. */
static const double stats_before[CLG_STATS] = {123456.789, 0.0021, 98765.4321, -0.0013};

static clg_status score(struct clg_bench *bench, int B, int O, enum clg_target target)
{
    /* another in each case, and none that a float has */
    const int32_t hits_before = 16777217 + 2 * (int32_t)bench->drawing;
    struct clg_buf *stats, *hits, *row_loss, *y, *t;
    double *loss, *out;
    CLG_TRY(clg_bench_vector(bench, &stats, "stats", CLG_STATS, stats_before));
    CLG_TRY(clg_bench_integers(bench, &hits, "hits", 1, &hits_before));
    CLG_TRY(clg_bench_numbers(bench, &loss, (size_t)B));
    for (int b = 0; b < B; b++)
        loss[b] = 1e-3 * fabs(loss[b]);
    CLG_TRY(clg_bench_vector(bench, &row_loss, "row_loss", (size_t)B, loss));
    CLG_TRY(clg_bench_numbers(bench, &out, (size_t)B * (size_t)O));
    for (int b = 1; b < B && O == 1; b += 2) /* on both sides of what means the second class */
        out[b] = 0.5 + 1e-3 * (b % 7 - 3);
    CLG_TRY(clg_bench_matrix(bench, &y, "y", B, O, out));
    CLG_TRY(clg_case_targets(bench, &t, B, O, target, 0));
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
    static const size_t full[] = {1, 7, 16, 17, 255, 256, 257, 4111, 16384, 16385, 50015, 101770};
    static const size_t quick[] = {1, 17, 16385, 50015}; /* up to 4 groups */
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        for (int draw = 0; draw <= CLG_DRAW_MIXED; draw++) {
            clg_bench_begin(bench, (enum clg_draw)draw);
            CLG_TRY(clg_bench_end(bench, penalty(bench, bench->full ? full[i] : quick[i])));
        }
    }
    return CLG_OK;
}

static clg_status square_sum(struct clg_bench *bench, size_t n, size_t at)
{
    static const double before[3] = {1, 2, 3};
    struct clg_buf *out, *scratch, *x;
    CLG_TRY(clg_bench_vector(bench, &out, "out", 3, before));
    CLG_TRY(clg_bench_vector(bench, &scratch, "scratch", CLG_PENALTY_SCRATCH, NULL));
    CLG_TRY(clg_bench_drawn_vector(bench, &x, "x", n));
    return bench->ops->square_sum(bench->device, out, scratch, x, n, at);
}

/* To a limit far below the norm, one about it, and one far above. */
static clg_status clip(struct clg_bench *bench, size_t n, double part)
{
    struct clg_buf *grads, *norm2;
    double *g, norms[2] = {7, 0};
    CLG_TRY(clg_bench_numbers(bench, &g, n));
    for (size_t i = 0; i < n; i++)
        norms[1] += g[i] * g[i];
    CLG_TRY(clg_bench_vector(bench, &grads, "grads", n, g));
    CLG_TRY(clg_bench_vector(bench, &norm2, "norm2", 2, norms));
    return bench->ops->clip(bench->device, grads, norm2, n, 1, part * (sqrt(norms[1]) + 1e-6));
}

static clg_status norms(struct clg_bench *bench)
{
    static const size_t full[] = {1, 7, 16, 17, 255, 257, 4111, 16385, 50015, 101770};
    static const size_t quick[] = {1, 17, 16385, 50015}; /* up to 4 groups */
    static const double part[] = {0.01, 0.9999999, 1.0000001, 100, 0.995};
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        size_t n = bench->full ? full[i] : quick[i];
        for (int draw = 0; draw <= CLG_DRAW_SMALL; draw++) {
            clg_bench_begin(bench, (enum clg_draw)draw);
            CLG_TRY(clg_bench_end(bench, square_sum(bench, n, i % 3)));
            for (size_t p = 0; p < COUNT(part) - (n > 5000); p++) { /* the last of a few suffice */
                clg_bench_begin(bench, (enum clg_draw)draw);
                CLG_TRY(clg_bench_end(bench, clip(bench, n, part[p])));
            }
        }
    }
    return CLG_OK;
}

/* Some units were alive before; many rows have none above 0. */
static clg_status mark_alive(struct clg_bench *bench, int B, int O)
{
    struct clg_buf *alive, *y;
    int32_t *before = NULL;
    double *values;
    size_t count = (size_t)B * (size_t)O;
    CLG_TRY(clg_bench_numbers(bench, &values, count));
    for (size_t i = 0; i < count; i++) {
        if (clg_bench_uniform(bench) * B > 1)
            values[i] = -fabs(values[i]);
        if (bench->draw == CLG_DRAW_SMALL) /* of the smallest floats that are no denormals */
            values[i] *= 1e-20;
    }
    CLG_TRY(clg_bench_matrix(bench, &y, "y", B, O, values));
    CLG_TRY(clg_alloc(&before, (size_t)O, sizeof *before, "verification"));
    for (int j = 0; j < O; j++)
        before[j] = clg_bench_uniform(bench) < 0.25;
    clg_status status = clg_bench_integers(bench, &alive, "alive", (size_t)O, before);
    free(before);
    return status == CLG_OK ? bench->ops->mark_alive(bench->device, alive, y, B, O) : status;
}

static clg_status living(struct clg_bench *bench)
{
    static const int full[][2] = {{1, 1},   {7, 1},    {1, 7},   {16, 16},
                                  {33, 17}, {129, 33}, {7, 129}, {784, 10}};
    static const int quick[][2] = {{7, 17}, {1, 1}, {33, 129}};
    /* four, so that each third launch has one of the same shape in front of it somewhere */
    static const enum clg_draw draws[] = {CLG_DRAW_NORMAL, CLG_DRAW_TIES, CLG_DRAW_SMALL,
                                          CLG_DRAW_MIXED};
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        const int *shape = bench->full ? full[i] : quick[i];
        for (size_t d = 0; d < COUNT(draws); d++) {
            clg_bench_begin(bench, draws[d]);
            CLG_TRY(clg_bench_end(bench, mark_alive(bench, shape[0], shape[1])));
        }
    }
    return CLG_OK;
}

/* Every end of the last piece. */
static clg_status figure_ends(struct clg_bench *bench)
{
    for (size_t end = 1; end < CLG_CASE_PIECE; end++) {
        const size_t n = CLG_CASE_PIECE + end;
        clg_bench_begin(bench, CLG_DRAW_NORMAL);
        CLG_TRY(clg_bench_end(bench, penalty(bench, n)));
        clg_bench_begin(bench, CLG_DRAW_NORMAL);
        CLG_TRY(clg_bench_end(bench, square_sum(bench, n, end % 3)));
        clg_bench_begin(bench, CLG_DRAW_NORMAL);
        CLG_TRY(clg_bench_end(bench, clip(bench, n, 0.5)));
    }
    return CLG_OK;
}

clg_status clg_cases_figures(struct clg_bench *bench)
{
    CLG_TRY(figure_ends(bench));
    CLG_TRY(scores(bench));
    CLG_TRY(penalties(bench));
    CLG_TRY(norms(bench));
    return living(bench);
}

/* ----------------------------------------------------------------- update */

static clg_status update(struct clg_bench *bench, size_t n, size_t n_weights,
                         const struct clg_update *u)
{
    struct clg_buf *params, *grads, *slot[2] = {NULL, NULL};
    static const char *const name[2] = {"slot0", "slot1"};
    double *values;
    /* the slot that holds squares, which are not negative */
    const int is_adam = u->opt == CLG_ADAM || u->opt == CLG_ADAMW;
    const int squares = is_adam ? 1 : u->opt == CLG_RMSPROP || u->opt == CLG_ADAGRAD ? 0 : -1;
    const int slots = clg_opt_slots(u->opt);
    assert(slots <= 2);
    clg_bench_begin(bench, bench->draw);
    CLG_TRY(clg_bench_drawn_vector(bench, &grads, "grads", n));
    CLG_TRY(clg_bench_numbers(bench, &values, n));
    for (size_t i = 0; i < n; i++)
        values[i] = clg_bench_number_as(bench, CLG_DRAW_NORMAL);
    CLG_TRY(clg_bench_vector(bench, &params, "params", n, values));
    for (int s = 0; s < slots; s++) {
        CLG_TRY(clg_bench_numbers(bench, &values, n));
        for (size_t i = 0; i < n && s == squares; i++)
            values[i] *= values[i];
        CLG_TRY(clg_bench_vector(bench, &slot[s], name[s], n, values));
    }
    return bench->ops->update(bench->device, params, slot[0], slot[1], grads, n, n_weights, u);
}

/* rmsprop without it and with it. */
static double momentum_of(enum clg_opt opt, size_t turn)
{
    return opt == CLG_RMSPROP && turn == 0 ? 0.0 : 0.9;
}

/* Of the optimiser at one of three steps, with L2 or without. */
static struct clg_update update_of(int opt, size_t turn, int with_l2)
{
    static const uint64_t step[] = {1, 2, 1000};
    return (struct clg_update){.opt = (enum clg_opt)opt,
                               .lr = 0.003,
                               .l2 = with_l2 ? 0.01 : 0,
                               .momentum = momentum_of((enum clg_opt)opt, turn),
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .rho = 0.99,
                               .eps = opt == CLG_ADAGRAD ? 1e-10 : 1e-8,
                               .weight_decay = with_l2 ? 0.3 : 0.01,
                               .t = step[turn]};
}

static clg_status updates_at(struct clg_bench *bench, size_t n, size_t n_weights)
{
    for (int opt = 0; opt < CLG_OPTS; opt++) {
        for (size_t turn = 0; turn < 3; turn++) {
            for (int with_l2 = 0; with_l2 < 2; with_l2++) {
                const struct clg_update u = update_of(opt, turn, with_l2);
                CLG_TRY(clg_bench_end(bench, update(bench, n, n_weights, &u)));
            }
        }
    }
    return CLG_OK;
}

/* Every end of the last piece, of the parameters and of the weights among them. */
static clg_status update_ends(struct clg_bench *bench)
{
    bench->draw = CLG_DRAW_NORMAL;
    for (size_t end = 1; end < CLG_CASE_PIECE; end++) {
        for (int opt = 0; opt < CLG_OPTS; opt++) {
            for (size_t turn = 0; turn < (opt == CLG_RMSPROP ? 2 : 1); turn++) {
                const struct clg_update u = update_of(opt, turn, 1);
                CLG_TRY(
                    clg_bench_end(bench, update(bench, 2 * (size_t)CLG_CASE_PIECE + end,
                                                CLG_CASE_PIECE + 7 * end % CLG_CASE_PIECE, &u)));
            }
        }
    }
    return CLG_OK;
}

clg_status clg_cases_updates(struct clg_bench *bench)
{
    static const size_t full[][2] = {{1, 1},   {1, 0},     {7, 3},     {16, 16},     {17, 16},
                                     {33, 17}, {129, 128}, {784, 400}, {4111, 4096}, {33, 15}};
    static const size_t quick[][2] = {{33, 15}, {1007, 777}}; /* the last ends on a piece of 15 */
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        const size_t *shape = bench->full ? full[i] : quick[i];
        for (int draw = 0; draw < CLG_DRAWS; draw++) {
            bench->draw = (enum clg_draw)draw;
            CLG_TRY(updates_at(bench, shape[0], shape[1]));
        }
    }
    return update_ends(bench);
}
