/* Single operations on data: batches and permutations. */
#include "verify/cases.h"

#include "core/memory.h"
#include "core/rng.h"

#include <stdlib.h>

struct gather_case {
    int B, I, outputs;          /* outputs 0: classes */
    int bytes, permuted, alone; /* alone: no targets */
    int start, rows;
};
enum { GATHER_ROWS = 150, GATHER_START = 3 };

/* Bytes with their scaling, or reals, as rows of a data set. */
static clg_status gather_features(struct clg_bench *bench, struct clg_rows *data,
                                  const struct gather_case *c)
{
    size_t count = (size_t)c->rows * (size_t)c->I;
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

/* A shuffle; of far rows one that leaves them far, neighbours in exchange. */
static clg_status gather_order(struct clg_bench *bench, struct clg_buf **perm, int rows)
{
    struct clg_shuffle shuffle;
    int32_t *order = NULL;
    CLG_TRY(clg_alloc(&order, (size_t)rows, sizeof *order, "verification"));
    clg_shuffle_begin(&shuffle, (size_t)rows, bench->drawing, 1);
    for (int i = 0; i < rows; i++)
        order[i] = rows > CLG_CASE_FAR ? i ^ 1 : (int32_t)clg_shuffle_at(&shuffle, (uint32_t)i);
    clg_status status = clg_bench_integers(bench, perm, "perm", (size_t)rows, order);
    free(order);
    return status;
}

static clg_status gather(struct clg_bench *bench, const struct gather_case *c)
{
    struct clg_rows data = {.rows = (size_t)c->rows,
                            .features = c->I,
                            .outputs = c->outputs ? c->outputs : 10,
                            .target = c->outputs ? CLG_TARGET_VALUE : CLG_TARGET_CLASS};
    struct clg_buf *x, *t, *targets, *perm = NULL;
    CLG_TRY(gather_features(bench, &data, c));
    if (c->outputs)
        CLG_TRY(clg_bench_drawn_vector(bench, &targets, "targets",
                                       (size_t)c->rows * (size_t)c->outputs));
    else
        CLG_TRY(clg_case_targets(bench, &targets, c->rows, data.outputs, data.target, 0));
    data.t = *targets;
    if (c->permuted)
        CLG_TRY(gather_order(bench, &perm, c->rows));
    CLG_TRY(clg_bench_matrix(bench, &x, "x", c->B, c->I, NULL));
    if (c->alone)
        t = NULL;
    else if (c->outputs)
        CLG_TRY(clg_bench_matrix(bench, &t, "t", c->B, c->outputs, NULL));
    else
        CLG_TRY(clg_bench_integers(bench, &t, "t", (size_t)c->B, NULL));
    return bench->ops->gather(bench->device, x, t, &data, perm, (size_t)c->start, c->B);
}

static clg_status gathers(struct clg_bench *bench)
{
    static const int full[][3] = {{1, 1, 0},    {7, 7, 1},    {16, 16, 3},
                                  {17, 17, 0},  {33, 33, 17}, {129, 1, 1},
                                  {1, 129, 33}, {5, 31, 15},  {64, 784, 10}};
    static const int quick[][3] = {{7, 17, 0}, {33, 31, 3}, {16, 16, 33}};
    static const enum clg_draw draws[] = {CLG_DRAW_NORMAL, CLG_DRAW_MIXED, CLG_DRAW_DENORMAL};
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        const int *shape = bench->full ? full[i] : quick[i];
        for (int kind = 0; kind < 4; kind++) {
            for (size_t d = 0; d < COUNT(draws); d++) {
                struct gather_case c = {shape[0],  shape[1], shape[2],     kind & 1,
                                        kind >> 1, d == 1,   GATHER_START, GATHER_ROWS};
                clg_bench_begin(bench, draws[d]);
                CLG_TRY(clg_bench_end(bench, gather(bench, &c)));
            }
        }
    }
    return CLG_OK;
}

/* Every end of the last piece of a row, of features and of values. */
static clg_status gather_ends(struct clg_bench *bench)
{
    for (int end = 1; end < CLG_CASE_PIECE; end++) {
        for (int kind = 0; kind < 4; kind++) {
            struct gather_case c = {3,
                                    CLG_CASE_PIECE + end,
                                    7 * end % CLG_CASE_PIECE,
                                    kind & 1,
                                    kind >> 1,
                                    0,
                                    GATHER_START,
                                    GATHER_ROWS};
            clg_bench_begin(bench, CLG_DRAW_NORMAL);
            CLG_TRY(clg_bench_end(bench, gather(bench, &c)));
        }
    }
    return CLG_OK;
}

/* Rows that 16 bits do not number, by their own number and by that which the order gives them. */
static clg_status gather_far(struct clg_bench *bench)
{
    for (int kind = 0; kind < 4; kind++) {
        struct gather_case c = {.B = 9,
                                .I = 1,
                                .outputs = kind == 2,
                                .bytes = kind & 1,
                                .permuted = kind >> 1,
                                .start = CLG_CASE_FAR,
                                .rows = CLG_CASE_FAR + 51};
        clg_bench_begin(bench, CLG_DRAW_NORMAL);
        CLG_TRY(clg_bench_end(bench, gather(bench, &c)));
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
    static const size_t quick[] = {1, 17, 1000, CLG_CASE_FAR};
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

clg_status clg_cases_data(struct clg_bench *bench)
{
    CLG_TRY(permutations(bench));
    CLG_TRY(gather_ends(bench));
    CLG_TRY(gather_far(bench));
    return gathers(bench);
}
