/* The survey of layers: forward, dropout, deltas, gradients.  Where a layer keeps z, its y is left
 * to output_fwd, whose z is given: here y depends on a z that is only near. */
#include "survey.h"

#include <math.h>

static clg_status dense(struct survey *survey, unsigned turn, int B, int I, int O,
                        const struct clg_activation *act)
{
    static const struct clg_activation identity = {CLG_IDENTITY, 0, 1};
    const int rows = O * act->pieces, keeps_z = clg_act_keeps_z(act->kind);
    struct clg_buf *y, *z = NULL, *x, *W, *b;
    survey_begin(survey, turn);
    const double *in = survey_numbers(survey, (size_t)B * (size_t)I);
    const double *weight = survey_numbers(survey, (size_t)rows * (size_t)I);
    const double *bias = survey_numbers(survey, (size_t)rows);
    double *bound = survey_room(survey, (size_t)B * (size_t)rows);
    CLG_TRY(survey_matrix(survey, &y, NULL, B, O));
    if (keeps_z)
        CLG_TRY(survey_matrix(survey, &z, NULL, B, rows));
    CLG_TRY(survey_matrix(survey, &x, in, B, I));
    CLG_TRY(survey_weights(survey, &W, weight, rows, I));
    CLG_TRY(survey_vector(survey, &b, bias, (size_t)rows));
    CLG_TRY(survey->ops->dense_fwd(survey->device, y, z, x, W, b, B, I, O, act));
    clg_bound_dense_fwd(bound, &survey->limits, in, weight, bias, B, I, keeps_z ? rows : O,
                        keeps_z ? &identity : act);
    return survey_take_matrix(survey, z ? z : y, bound, B, keeps_z ? rows : O);
}

static clg_status output(struct survey *survey, unsigned turn, int B, int O,
                         const struct clg_activation *act)
{
    const int columns = O * act->pieces;
    struct clg_buf *y, *z;
    survey_begin(survey, turn);
    const double *in = survey_numbers(survey, (size_t)B * (size_t)columns);
    double *bound = survey_room(survey, (size_t)B * (size_t)O);
    CLG_TRY(survey_matrix(survey, &y, NULL, B, O));
    CLG_TRY(survey_matrix(survey, &z, in, B, columns));
    CLG_TRY(survey->ops->output_fwd(survey->device, y, z, B, O, act));
    clg_bound_output_fwd(bound, &survey->limits, in, B, O, act);
    return survey_take_matrix(survey, y, bound, B, O);
}

static struct clg_dropout drop_of(unsigned turn)
{
    return (struct clg_dropout){
        .p = turn % 2 ? 0.5 : 0.15, .seed = 77 + turn, .layer = turn % 3, .step = 5 * turn};
}

static clg_status dropout(struct survey *survey, unsigned turn, int B, int N)
{
    const struct clg_dropout drop = drop_of(turn);
    const size_t count = (size_t)B * (size_t)N;
    struct clg_buf *y, *x;
    survey_begin(survey, turn);
    const double *in = survey_numbers(survey, count);
    double *bound = survey_room(survey, count), *mask = survey_room(survey, count);
    CLG_TRY(survey_matrix(survey, &y, NULL, B, N));
    CLG_TRY(survey_matrix(survey, &x, in, B, N));
    CLG_TRY(survey->ops->dropout_fwd(survey->device, y, x, B, N, &drop));
    clg_dropout_mask(mask, count, &drop);
    clg_bound_dropout_fwd(bound, &survey->limits, in, mask, count);
    return survey_take_matrix(survey, y, bound, B, N);
}

/* An output that the activation can give, its ends among them. */
static double output_of(struct survey *survey, const struct clg_activation *act)
{
    double number = survey_number(survey), u = survey_uniform(survey);
    switch (act->kind) {
    case CLG_RELU:
    case CLG_SOFTPLUS:
        return u < 0.2 ? 0.0 : fabs(number);
    case CLG_STEP:
        return u < 0.5;
    case CLG_SIGMOID:
        return u < 0.1 ? 0.0 : u > 0.9 ? 1.0 : (double)(float)u;
    case CLG_TANH:
        return u < 0.1 ? -1.0 : u > 0.9 ? 1.0 : (double)(float)(2 * u - 1);
    case CLG_ELU:
        return u < 0.1 ? 0.0 : number > 0 ? number : (double)(float)(-act->a * 0.999 * u);
    default:
        return number;
    }
}

static clg_status delta(struct survey *survey, unsigned turn, int B, int I, int O,
                        const struct clg_activation *act)
{
    const struct clg_dropout drop = drop_of(turn);
    const int columns = I * act->pieces;
    const size_t count = (size_t)B * (size_t)I;
    struct clg_buf *dx, *dy = NULL, *dz, *W, *y, *z = NULL;
    struct clg_delta_case c = {.B = B, .I = I, .O = O, .act = act};
    survey_begin(survey, turn);
    double *out = survey_room(survey, count), *mask = survey_room(survey, count);
    double *bound = survey_room(survey, (size_t)B * (size_t)columns);
    for (size_t i = 0; i < count; i++)
        out[i] = output_of(survey, act);
    c.y = out;
    c.dz = survey_numbers(survey, (size_t)B * (size_t)O);
    c.W = survey_numbers(survey, (size_t)O * (size_t)I);
    CLG_TRY(survey_matrix(survey, &dx, NULL, B, columns));
    if (act->pieces > 1)
        CLG_TRY(survey_matrix(survey, &dy, NULL, B, I));
    CLG_TRY(survey_matrix(survey, &dz, c.dz, B, O));
    CLG_TRY(survey_weights(survey, &W, c.W, O, I));
    CLG_TRY(survey_matrix(survey, &y, c.y, B, I));
    if (clg_act_keeps_z(act->kind)) {
        c.z = survey_numbers(survey, (size_t)B * (size_t)columns);
        CLG_TRY(survey_matrix(survey, &z, c.z, B, columns));
    }
    if (turn % 3 == 0) {
        clg_dropout_mask(mask, count, &drop);
        c.mask = mask;
    }
    CLG_TRY(survey->ops->delta_bwd(survey->device, dx, dy, dz, W, y, z, B, I, O, act,
                                   c.mask ? &drop : NULL));
    c.dx = survey_read(survey, dx, B, columns);
    if (!c.dx)
        return CLG_EDEVICE;
    clg_bound_delta_bwd(bound, survey_room(survey, 2 * (size_t)I), &survey->limits, &c);
    return survey_take_matrix(survey, dx, bound, B, columns);
}

static clg_status grad(struct survey *survey, unsigned turn, int B, int I, int O)
{
    struct clg_buf *dW, *db, *dz, *x;
    survey_begin(survey, turn);
    const double *delta_z = survey_numbers(survey, (size_t)B * (size_t)O);
    const double *in = survey_numbers(survey, (size_t)B * (size_t)I);
    double *W_bound = survey_room(survey, (size_t)O * (size_t)I);
    double *b_bound = survey_room(survey, (size_t)O);
    CLG_TRY(survey_weights(survey, &dW, NULL, O, I));
    CLG_TRY(survey_vector(survey, &db, NULL, (size_t)O));
    CLG_TRY(survey_matrix(survey, &dz, delta_z, B, O));
    CLG_TRY(survey_matrix(survey, &x, in, B, I));
    CLG_TRY(survey->ops->grad(survey->device, dW, db, dz, x, B, I, O));
    const double *weight = survey_read(survey, dW, O, I);
    const double *bias = survey_read_vector(survey, db, (size_t)O);
    if (!weight || !bias)
        return CLG_EDEVICE;
    clg_bound_grad(W_bound, b_bound, &survey->limits, weight, bias, delta_z, in, B, I, O);
    CLG_TRY(survey_take_matrix(survey, dW, W_bound, O, I));
    return survey_take_vector(survey, db, b_bound, (size_t)O);
}

/* Shapes that verify does not have; the last are deeper than a panel of kernels/matmul.cl. */
clg_status survey_layers(struct survey *survey, unsigned set)
{
    static const int shape[][3] = {{5, 18, 35},   {2, 47, 30},   {19, 15, 21},
                                   {70, 34, 100}, {1, 3, 1},     {11, 66, 65},
                                   {4, 2067, 19}, {2067, 3, 20}, {3, 18, 2067}};
    for (unsigned i = 0; i < survey_acts_count; i++) {
        const struct clg_activation *act = &survey_acts[i];
        for (unsigned j = 0; j < SURVEY_COUNT(shape); j++) {
            const int B = shape[j][0], I = shape[j][1], O = shape[j][2];
            const unsigned turn = 7 * i + j;
            if (i > 0 && j > 3)
                continue; /* the activation changes nothing in the products */
            if (set & SURVEY_DENSE && act->kind != CLG_SOFTMAX)
                CLG_TRY(dense(survey, turn, B, I, O, act));
            if (set & SURVEY_DELTA && act->kind != CLG_SOFTMAX)
                CLG_TRY(delta(survey, turn, B, I, O, act));
            if (set & SURVEY_OUTPUT && j < 4)
                CLG_TRY(output(survey, turn, B, O, act));
            if (set & SURVEY_GRAD && i == 0)
                CLG_TRY(grad(survey, turn, B, I, O));
            if (set & SURVEY_DROPOUT && i < 3 && j < 4)
                CLG_TRY(dropout(survey, turn, B, I));
        }
    }
    return CLG_OK;
}
