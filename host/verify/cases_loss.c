/* Single operations of the output layer: activations, and losses with all their options. */
#include "verify/cases.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>

static clg_status output_fwd(struct clg_bench *bench, int B, int O,
                             const struct clg_activation *act, int in_place)
{
    struct clg_buf *y, *z;
    CLG_TRY(clg_bench_drawn_matrix(bench, &z, "z", B, O * act->pieces));
    if (in_place)
        y = z;
    else
        CLG_TRY(clg_bench_matrix(bench, &y, "y", B, O, NULL));
    return bench->ops->output_fwd(bench->device, y, z, B, O, act);
}

static clg_status outputs_at(struct clg_bench *bench, int B, int O, enum clg_draw draw)
{
    for (size_t i = 0; i < clg_case_acts_count; i++) {
        const int forms = clg_case_acts[i].kind == CLG_MAXOUT ? 1 : 2;
        for (int in_place = 0; in_place < forms; in_place++) {
            clg_bench_begin(bench, draw);
            CLG_TRY(clg_bench_end(bench, output_fwd(bench, B, O, &clg_case_acts[i], in_place)));
        }
    }
    return CLG_OK;
}

clg_status clg_case_targets(struct clg_bench *bench, struct clg_buf **t, int B, int O,
                            enum clg_target target, int in_unit)
{
    double *values;
    size_t count = (size_t)B * (size_t)O;
    if (target == CLG_TARGET_VALUE) {
        CLG_TRY(clg_bench_numbers(bench, &values, count));
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
    const struct clg_activation *act;
    enum clg_target target;
    double delta, smoothing;
    int weighted, taught;
};

/* The numbers of the loss, and the buffers that it asks for. */
static clg_status drawn_spec(struct clg_bench *bench, struct clg_loss_spec *spec, int B, int O,
                             const struct loss_case *c)
{
    struct clg_buf *weights, *norm, *teacher;
    double *values;
    size_t classes = (size_t)(O > 1 ? O : 2);
    *spec = (struct clg_loss_spec){.kind = c->loss,
                                   .delta = c->delta,
                                   .smoothing = c->smoothing,
                                   .temperature = bench->drawing % 3 ? 2.7 : 1,
                                   .mix = 0.3};
    if (c->weighted) {
        CLG_TRY(clg_bench_numbers(bench, &values, classes));
        for (size_t i = 0; i < classes; i++)
            values[i] = 0.1 + 3 * clg_bench_uniform(bench);
        CLG_TRY(clg_bench_vector(bench, &weights, "class_weights", classes, values));
        CLG_TRY(clg_bench_vector(bench, &norm, "norm", 1, NULL));
        spec->class_weights = weights;
        spec->norm = norm;
    }
    if (c->taught) {
        CLG_TRY(clg_bench_drawn_matrix(bench, &teacher, "teacher_z", B, O));
        spec->teacher_z = teacher;
    }
    return CLG_OK;
}

/* Means over the batch and sums, in turn. */
static clg_status loss_fwd(struct clg_bench *bench, int B, int O, const struct loss_case *c)
{
    struct clg_buf *y, *dz, *row_loss, *z, *t;
    struct clg_loss_spec spec;
    const int columns = O * c->act->pieces, mean = bench->drawing % 2 != 0;
    CLG_TRY(clg_bench_drawn_matrix(bench, &z, "z", B, columns));
    if (bench->drawing % 4 == 0 && c->act->kind != CLG_MAXOUT)
        y = z;
    else
        CLG_TRY(clg_bench_matrix(bench, &y, "y", B, O, NULL));
    CLG_TRY(clg_bench_matrix(bench, &dz, "dz", B, columns, NULL));
    CLG_TRY(clg_bench_vector(bench, &row_loss, "row_loss", (size_t)B, NULL));
    CLG_TRY(clg_case_targets(bench, &t, B, O, c->target, c->loss == CLG_CE || c->loss == CLG_BCE));
    CLG_TRY(drawn_spec(bench, &spec, B, O, c));
    return bench->ops->loss_fwd(bench->device, y, dz, row_loss, z, t, B, O, &spec, c->act,
                                c->target, mean && !c->weighted ? 1.0 / B : 1.0, mean);
}

/* The forms that a loss has besides its plain one, in turn: huber's bend, the smoothing of ce, the
 * weights of classes, a teacher. */
static void vary(struct loss_case *c, uint32_t turn, int O)
{
    static const double deltas[] = {1, 0.3, 20};
    const int softmax = c->loss == CLG_CE && O > 1;
    c->delta = deltas[turn % 3];
    c->smoothing = softmax && turn & 1 ? 0.1 : 0.0;
    c->weighted = c->target == CLG_TARGET_CLASS && turn & 2;
    c->taught = softmax && turn & 4;
}

/* Each pair of loss and activation with classes and values; ce, which has most forms, with all. */
static clg_status pair_at(struct clg_bench *bench, int B, int O, enum clg_draw draw,
                          struct loss_case c)
{
    const uint32_t turns = c.loss == CLG_CE ? 8 : 2;
    if (c.loss == CLG_CE && c.target == CLG_TARGET_CLASS && O == 1)
        return CLG_OK;
    for (uint32_t turn = 0; turn < turns; turn++) {
        /* the second of two is weighted; huber's bend goes round */
        vary(&c, turns == 8 ? turn : 2 * turn + bench->drawing % 2, O);
        clg_bench_begin(bench, draw);
        CLG_TRY(clg_bench_end(bench, loss_fwd(bench, B, O, &c)));
    }
    return CLG_OK;
}

static clg_status losses_at(struct clg_bench *bench, int B, int O, enum clg_draw draw)
{
    for (int loss = 0; loss < CLG_LOSSES; loss++) {
        for (size_t i = 0; i < clg_case_acts_count; i++) {
            for (int target = CLG_TARGET_CLASS; target <= CLG_TARGET_VALUE; target++) {
                struct loss_case c = {.loss = (enum clg_loss)loss,
                                      .act = &clg_case_acts[i],
                                      .target = (enum clg_target)target};
                if (clg_pair_exists(c.loss, c.act->kind))
                    CLG_TRY(pair_at(bench, B, O, draw, c));
            }
        }
    }
    return CLG_OK;
}

clg_status clg_cases_losses(struct clg_bench *bench)
{
    static const int full[][2] = {{1, 1},    {7, 1},   {1, 2},   {33, 2}, {17, 7},
                                  {7, 10},   {16, 16}, {33, 17}, {7, 33}, {129, 10},
                                  {17, 129}, {3, 784}, {5, 15}};
    static const int quick[][2] = {{7, 1}, {17, 10}, {5, 15}, {3, 33}};
    size_t count = bench->full ? COUNT(full) : COUNT(quick);
    for (size_t i = 0; i < count; i++) {
        const int *shape = bench->full ? full[i] : quick[i];
        /* the quick set has every character, not at every shape */
        for (int draw = bench->full ? 0 : (int)i; draw < CLG_DRAWS; draw += bench->full ? 1 : 3) {
            CLG_TRY(outputs_at(bench, shape[0], shape[1], (enum clg_draw)draw));
            CLG_TRY(losses_at(bench, shape[0], shape[1], (enum clg_draw)draw));
        }
    }
    for (int end = 1; end < CLG_CASE_PIECE && bench->full; end++) { /* of the last piece of a row */
        CLG_TRY(outputs_at(bench, 2, CLG_CASE_PIECE + end, CLG_DRAW_NORMAL));
        CLG_TRY(losses_at(bench, 2, CLG_CASE_PIECE + end, CLG_DRAW_NORMAL));
    }
    return CLG_OK;
}
