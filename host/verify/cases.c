/* The single operations, over shapes that are no multiples of anything, and numbers of every
 * character.  Each function runs one case; the watching table compares, the bench looks at the
 * guards.  The quick set runs each operation at a few shapes.  Here are the products of layers;
 * losses are in cases_loss.c, data in cases_data.c, figures and updates in cases_update.c, the
 * fused plan's launches in cases_fused.c, the resident plan's in cases_span.c. */
#include "verify/cases.h"

#include "ops/local.h"

#include <math.h>

/* Every activation that a hidden layer may have, with numbers that are not the defaults, too. */
const struct clg_activation clg_case_acts[] = {
    {CLG_IDENTITY, 0, 1},     {CLG_SIGMOID, 0, 1},       {CLG_TANH, 0, 1},    {CLG_RELU, 0, 1},
    {CLG_STEP, 0, 1},         {CLG_LEAKY_RELU, 0.01, 1}, {CLG_ELU, 1, 1},     {CLG_GELU, 0, 1},
    {CLG_SILU, 0, 1},         {CLG_SOFTPLUS, 0, 1},      {CLG_MAXOUT, 0, 2},  {CLG_MAXOUT, 0, 3},
    {CLG_LEAKY_RELU, 0.3, 1}, {CLG_ELU, 0.7, 1},         {CLG_SOFTMAX, 0, 1},
};
const size_t clg_case_acts_count = COUNT(clg_case_acts);

/* Numbers that a layer with this activation puts out, its ends among them. */
static double drawn_output(struct clg_bench *bench, const struct clg_activation *act, double number)
{
    double u = clg_bench_uniform(bench), v = clg_bench_uniform(bench);
    int low = u<0.125, high = u> 0.875;
    switch (act->kind) {
    case CLG_RELU:
        return low || high ? (double)high : fmax(number, 0.0);
    case CLG_SOFTPLUS:
        return low || high ? (double)high : fabs(number);
    case CLG_STEP:
        return v < 0.5;
    case CLG_SIGMOID:
        return low || high ? (double)high : v;
    case CLG_TANH:
        return low || high ? (double)high : 2 * v - 1;
    case CLG_LEAKY_RELU:
        return low ? 0.0 : number;
    case CLG_ELU: /* not below -a, which as a float may lie on either side */
        return low ? 0.0 : number > 0 ? number : -act->a * 0.9999 * v;
    default:
        return number;
    }
}

/* z (B,N): one in seven close to 0, where formulas of two pieces meet. */
static clg_status drawn_z(struct clg_bench *bench, struct clg_buf **z, int B, int N)
{
    const size_t count = (size_t)B * (size_t)N;
    double *numbers;
    CLG_TRY(clg_bench_numbers(bench, &numbers, count));
    for (size_t i = 3; i < count; i += 7)
        numbers[i] /= 256;
    return clg_bench_matrix(bench, z, "z", B, N, numbers);
}

/* y (B,N) of a layer, and its z (B,N*pieces) where it keeps one, else NULL. */
static clg_status drawn_front(struct clg_bench *bench, struct clg_buf **y, struct clg_buf **z,
                              int B, int N, const struct clg_activation *act)
{
    size_t count = (size_t)B * (size_t)N;
    double *out;
    *z = NULL;
    if (clg_act_keeps_z(act->kind))
        CLG_TRY(drawn_z(bench, z, B, N * act->pieces));
    CLG_TRY(clg_bench_numbers(bench, &out, count));
    for (size_t i = 0; i < count; i++)
        out[i] = drawn_output(bench, act, out[i]);
    return clg_bench_matrix(bench, y, "y", B, N, out);
}

/* --------------------------------------------------------------- products */

static clg_status dense_fwd(struct clg_bench *bench, int B, int I, int O,
                            const struct clg_activation *act)
{
    struct clg_buf *y, *z = NULL, *x, *W, *b;
    const int rows = O * act->pieces;
    CLG_TRY(clg_bench_matrix(bench, &y, "y", B, O, NULL));
    if (clg_act_keeps_z(act->kind))
        CLG_TRY(clg_bench_matrix(bench, &z, "z", B, rows, NULL));
    CLG_TRY(clg_bench_drawn_matrix(bench, &x, "x", B, I));
    CLG_TRY(clg_bench_drawn_weights(bench, &W, "W", rows, I));
    CLG_TRY(clg_bench_drawn_vector(bench, &b, "b", (size_t)rows));
    return bench->ops->dense_fwd(bench->device, y, z, x, W, b, B, I, O, act);
}

static clg_status delta_bwd(struct clg_bench *bench, int B, int I, int O,
                            const struct clg_activation *act, const struct clg_dropout *drop)
{
    struct clg_buf *dx, *dy = NULL, *dz, *W, *y, *z;
    CLG_TRY(clg_bench_matrix(bench, &dx, "dx", B, I * act->pieces, NULL));
    if (act->pieces > 1)
        CLG_TRY(clg_bench_matrix(bench, &dy, "dy", B, I, NULL));
    CLG_TRY(clg_bench_drawn_matrix(bench, &dz, "dz", B, O));
    CLG_TRY(clg_bench_drawn_weights(bench, &W, "W", O, I));
    CLG_TRY(drawn_front(bench, &y, &z, B, I, act));
    return bench->ops->delta_bwd(bench->device, dx, dy, dz, W, y, z, B, I, O, act, drop);
}

static clg_status grad(struct clg_bench *bench, int B, int I, int O)
{
    struct clg_buf *dW, *db, *dz, *x;
    CLG_TRY(clg_bench_weights(bench, &dW, "dW", O, I, NULL));
    CLG_TRY(clg_bench_vector(bench, &db, "db", (size_t)O, NULL));
    CLG_TRY(clg_bench_drawn_matrix(bench, &dz, "dz", B, O));
    CLG_TRY(clg_bench_drawn_matrix(bench, &x, "x", B, I));
    return bench->ops->grad(bench->device, dW, db, dz, x, B, I, O);
}

static clg_status dropout_fwd(struct clg_bench *bench, int B, int N, const struct clg_dropout *drop,
                              int in_place)
{
    struct clg_buf *y, *x;
    CLG_TRY(clg_bench_drawn_matrix(bench, &x, "x", B, N));
    if (in_place)
        y = x;
    else
        CLG_TRY(clg_bench_matrix(bench, &y, "y", B, N, NULL));
    return bench->ops->dropout_fwd(bench->device, y, x, B, N, drop);
}

/* A dropout that no other case has; none every other time. */
static const struct clg_dropout *drawn_dropout(struct clg_bench *bench, struct clg_dropout *drop)
{
    static const double p[] = {0.5, 0.1, 0.2, 0.9};
    *drop = (struct clg_dropout){.p = p[bench->drawing / 2 % COUNT(p)],
                                 .seed = 0x123456789ABCu + bench->drawing,
                                 .layer = bench->drawing % 3,
                                 .step = bench->drawing};
    return bench->drawing % 2 ? drop : NULL;
}

/* The products of one layer; the character of the numbers goes round.  Halves would put every other
 * sum in front of a step onto its kink. */
static clg_status layer(struct clg_bench *bench, int B, int I, int O,
                        const struct clg_activation *act)
{
    static const enum clg_draw draws[] = {CLG_DRAW_NORMAL, CLG_DRAW_MIXED, CLG_DRAW_TIES,
                                          CLG_DRAW_LARGE, CLG_DRAW_SMALL};
    struct clg_dropout drop;
    enum clg_draw draw = draws[bench->drawing % COUNT(draws)];
    if (act->kind == CLG_STEP && draw == CLG_DRAW_TIES)
        draw = CLG_DRAW_NORMAL;
    clg_bench_begin(bench, draw);
    CLG_TRY(clg_bench_end(bench, dense_fwd(bench, B, I, O, act)));
    clg_bench_begin(bench, draws[bench->drawing % COUNT(draws)]);
    CLG_TRY(clg_bench_end(bench, delta_bwd(bench, B, I, O, act, drawn_dropout(bench, &drop))));
    if (act->kind != CLG_IDENTITY) /* the gradient knows no activation: once a shape */
        return CLG_OK;
    clg_bench_begin(bench, draws[bench->drawing % COUNT(draws)]);
    CLG_TRY(clg_bench_end(bench, grad(bench, B, I, O)));
    clg_bench_begin(bench, draws[bench->drawing % COUNT(draws)]);
    drawn_dropout(bench, &drop);
    return clg_bench_end(bench, dropout_fwd(bench, B, I, &drop, bench->drawing % 2 == 0));
}

/* A matrix that fills its rows but not its columns of 16, and, once, products deeper than any panel
 * of kernels/matmul.cl, each dimension being the depth of one of the three; a product of
 * several tiles; and gradients of one row, which is the sharpest look at their sums. */
static clg_status edges(struct clg_bench *bench, const struct clg_activation *act)
{
    static const int edge[][3] = {{8, 15, 24},   {2100, 3, 5}, {3, 2100, 5}, {3, 5, 2100},
                                  {70, 66, 140}, {1, 5, 48},   {1, 6, 47},   {1, 7, 48}};
    for (size_t i = 0; i < (act->kind == CLG_IDENTITY ? COUNT(edge) : 1); i++)
        CLG_TRY(layer(bench, edge[i][0], edge[i][1], edge[i][2], act));
    for (int end = 1; end < CLG_CASE_PIECE; end++) /* of the last piece of 16 columns */
        CLG_TRY(layer(bench, 2, CLG_CASE_PIECE + end, 1 + 7 * end % CLG_CASE_PIECE, act));
    return CLG_OK;
}

/* Every combination of sizes, then one long dimension at a time. */
static clg_status layers(struct clg_bench *bench, const struct clg_activation *act)
{
    static const int size[] = {1, 7, 16, 17, 33, 129};
    static const int quick[][3] = {{1, 1, 1}, {7, 17, 33}, {33, 129, 16}, {16, 7, 1}};
    static const int length[][3] = {{784, 17, 33}, {17, 784, 33}, {33, 17, 784}};
    if (!bench->full) {
        for (size_t i = 0; i < COUNT(quick); i++)
            CLG_TRY(layer(bench, quick[i][0], quick[i][1], quick[i][2], act));
        return edges(bench, act);
    }
    for (size_t i = 0; i < COUNT(size); i++)
        for (size_t j = 0; j < COUNT(size); j++)
            for (size_t k = 0; k < COUNT(size); k++)
                CLG_TRY(layer(bench, size[i], size[j], size[k], act));
    for (size_t i = 0; i < COUNT(length); i++)
        CLG_TRY(layer(bench, length[i][0], length[i][1], length[i][2], act));
    return edges(bench, act);
}

/* The tiles of the local form one after the other, whatever a device would choose: products of more
 * than one of each, twice, lest the first one's result lies there still. */
static clg_status each_tile(struct clg_bench *bench)
{
    static const char *const notes[CLG_TILES] = {
        "native local, tile 64 x 128, ", "native local, tile 64 x 64, ",
        "native local, tile 32 x 32, ", "native local, tile 16 x 32, "};
    const char *before = bench->route;
    clg_status status = CLG_OK;
    for (int i = 0; i < 2 * CLG_TILES && status == CLG_OK; i++) {
        clg_tile_force(bench->device, i / 2);
        bench->route = notes[i / 2];
        status = layer(bench, 70, 66, 140, &clg_case_acts[0]);
    }
    clg_tile_force(bench->device, CLG_TILES);
    bench->route = before;
    return status;
}

/* The layers without activation by one way, which is judged by them.  A way that the device cannot
 * run is not taken by training either, and is no mismatch where there is another. */
static clg_status judge_way(struct clg_bench *bench, enum clg_way way)
{
    static const char *const notes[] = {"native register, ", "native local, ", "clblast, "};
    clg_device *device = bench->device;
    device->route = way == CLG_WAY_CLBLAST ? CLG_ROUTE_CLBLAST : CLG_ROUTE_NATIVE;
    clg_way_force(device, way);
    bench->way = way;
    bench->route = notes[way];
    clg_status status = layers(bench, &clg_case_acts[0]);
    if (way == CLG_WAY_LOCAL && status == CLG_OK)
        status = each_tile(bench);
    bench->way = CLG_WAYS;
    if (status != CLG_EDEVICE || way == CLG_WAY_REGISTER)
        return status;
    bench->found.failed |= 1u << way;
    return CLG_OK;
}

/* Every way there is, CLBlast in the full set alone: its first product takes many seconds. */
static clg_status judge_ways(struct clg_bench *bench)
{
    for (int way = 0; way < CLG_WAYS; way++)
        if (clg_way_exists(bench->device, (enum clg_way)way) &&
            (way != CLG_WAY_CLBLAST || bench->full))
            CLG_TRY(judge_way(bench, (enum clg_way)way));
    return CLG_OK;
}

/* By each way with no activation, then with all by the way that training will take. */
static clg_status products(struct clg_bench *bench)
{
    clg_device *device = bench->device;
    enum clg_route before = device->route;
    clg_status status = judge_ways(bench);
    clg_way_force(device, CLG_WAYS);
    device->knows_routes = 1;
    device->failed_ways = bench->found.failed;
    device->route = CLG_ROUTE_NATIVE;
    bench->route = "native, ";
    for (size_t i = 0; i < clg_case_acts_count && status == CLG_OK; i++)
        if (clg_case_acts[i].kind != CLG_SOFTMAX && (i > 0 || device->kind == CLG_REFERENCE))
            status = layers(bench, &clg_case_acts[i]);
    device->knows_routes = 0; /* until the findings are remembered */
    device->route = before;
    bench->route = NULL;
    return status;
}

clg_status clg_cases_run(clg_device *device, struct clg_tally *tally, int full)
{
    struct clg_bench bench = {.device = device,
                              .ops = clg_ops_of(device),
                              .tally = tally,
                              .full = full,
                              .way = CLG_WAYS,
                              .form = CLG_PLAN_FORMS};
    CLG_TRY(clg_cases_data(&bench));
    CLG_TRY(products(&bench));
    CLG_TRY(clg_cases_losses(&bench));
    CLG_TRY(clg_cases_figures(&bench));
    CLG_TRY(clg_cases_updates(&bench));
    CLG_TRY(clg_cases_fused(&bench));
    CLG_TRY(clg_cases_spans(&bench));
    clg_routes_remember(device, &bench.found, full);
    return CLG_OK;
}
