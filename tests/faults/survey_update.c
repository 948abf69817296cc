/* The survey of figures (score, penalty, norms, living units), of clipping and of the optimisers.
 */
#include "survey.h"

#include <math.h>

static const double stats_before[CLG_STATS] = {512.25, 0.0009765625, 77.5, -0.001953125};

/* The total that starts at stats[first], whose parts may differ; the others as they were. */
static clg_status take_stats(struct survey *survey, const struct clg_buf *stats, int first,
                             double size, size_t n)
{
    const double *now = survey_read_vector(survey, stats, CLG_STATS);
    if (!now)
        return CLG_EDEVICE;
    survey_take_number(survey, now[first] + now[first + 1],
                       clg_bound_sum(&survey->limits, stats_before + first, size, n));
    survey_take_number(survey, now[2 - first], 0);
    return survey_take_number(survey, now[3 - first], 0);
}

static clg_status score(struct survey *survey, unsigned turn, int B, int O)
{
    const int32_t hits_before = 1000001;
    struct clg_buf *stats, *hits, *row_loss, *y, *t;
    double size = 0;
    survey_begin(survey, turn);
    double *loss = survey_numbers(survey, (size_t)B);
    const double *out = survey_numbers(survey, (size_t)B * (size_t)O);
    int32_t *label = (int32_t *)(void *)survey_room(survey, (size_t)B);
    for (int b = 0; b < B; b++) {
        label[b] = (int32_t)((O > 1 ? O : 2) * survey_uniform(survey));
        size += loss[b] = fabs(loss[b]);
    }
    CLG_TRY(survey_vector(survey, &stats, stats_before, CLG_STATS));
    CLG_TRY(survey_integers(survey, &hits, &hits_before, 1));
    CLG_TRY(survey_vector(survey, &row_loss, loss, (size_t)B));
    CLG_TRY(survey_matrix(survey, &y, out, B, O));
    CLG_TRY(survey_integers(survey, &t, label, (size_t)B));
    CLG_TRY(
        survey->ops->score(survey->device, stats, hits, row_loss, y, t, B, O, CLG_TARGET_CLASS));
    CLG_TRY(take_stats(survey, stats, 0, size, (size_t)B));
    CLG_TRY(survey_take_integers(survey, hits, 1));
    CLG_TRY(survey_vector(survey, &stats, stats_before, CLG_STATS));
    CLG_TRY(survey_matrix(survey, &t, out, B, O));
    CLG_TRY(
        survey->ops->score(survey->device, stats, hits, row_loss, y, t, B, O, CLG_TARGET_VALUE));
    CLG_TRY(take_stats(survey, stats, 0, size, (size_t)B));
    return survey_take_integers(survey, hits, 1);
}

static double squares(const double *value, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += value[i] * value[i];
    return sum;
}

static clg_status penalty(struct survey *survey, unsigned turn, size_t n)
{
    struct clg_buf *stats, *scratch, *params;
    survey_begin(survey, turn);
    const double *w = survey_numbers(survey, n), factor = 0.25;
    CLG_TRY(survey_vector(survey, &stats, stats_before, CLG_STATS));
    CLG_TRY(survey_vector(survey, &scratch, NULL, CLG_PENALTY_SCRATCH));
    CLG_TRY(survey_vector(survey, &params, w, n));
    CLG_TRY(survey->ops->penalty(survey->device, stats, scratch, params, n, factor));
    return take_stats(survey, stats, 2, factor * squares(w, n), n + 2);
}

static clg_status square_sum(struct survey *survey, unsigned turn, size_t n)
{
    const double before[4] = {5, 6, 7, 8};
    double bound[4] = {0};
    struct clg_buf *out, *scratch, *x;
    survey_begin(survey, turn);
    const double *value = survey_numbers(survey, n);
    CLG_TRY(survey_vector(survey, &out, before, 4));
    CLG_TRY(survey_vector(survey, &scratch, NULL, CLG_PENALTY_SCRATCH));
    CLG_TRY(survey_vector(survey, &x, value, n));
    CLG_TRY(survey->ops->square_sum(survey->device, out, scratch, x, n, turn % 4));
    bound[turn % 4] = clg_bound_square_sum(&survey->limits, squares(value, n), n);
    return survey_take_vector(survey, out, bound, 4);
}

static clg_status clip(struct survey *survey, unsigned turn, size_t n)
{
    struct clg_buf *grads, *norm2;
    survey_begin(survey, turn);
    const double *g = survey_numbers(survey, n);
    const double norms[2] = {3, (double)(float)squares(g, n)};
    const double limit = (turn % 2 ? 0.3 : 3.0) * sqrt(norms[1]);
    double *bound = survey_room(survey, n);
    CLG_TRY(survey_vector(survey, &grads, g, n));
    CLG_TRY(survey_vector(survey, &norm2, norms, 2));
    CLG_TRY(survey->ops->clip(survey->device, grads, norm2, n, 1, limit));
    clg_bound_clip(bound, &survey->limits, g, n, norms[1], limit);
    return survey_take_vector(survey, grads, bound, n);
}

static clg_status alive(struct survey *survey, unsigned turn, int B, int O)
{
    struct clg_buf *living, *y;
    survey_begin(survey, turn);
    double *out = survey_numbers(survey, (size_t)B * (size_t)O);
    int32_t *before = (int32_t *)(void *)survey_room(survey, (size_t)O);
    for (size_t i = 0; i < (size_t)B * (size_t)O; i++)
        out[i] = survey_uniform(survey) * B > 1.5 ? -fabs(out[i]) : out[i];
    for (int j = 0; j < O; j++)
        before[j] = survey_uniform(survey) < 0.2;
    CLG_TRY(survey_integers(survey, &living, before, (size_t)O));
    CLG_TRY(survey_matrix(survey, &y, out, B, O));
    CLG_TRY(survey->ops->mark_alive(survey->device, living, y, B, O));
    return survey_take_integers(survey, living, (size_t)O);
}

static int holds_squares(enum clg_opt opt, int slot)
{
    return (opt == CLG_ADAM || opt == CLG_ADAMW)
               ? slot == 1
               : slot == 0 && (opt == CLG_RMSPROP || opt == CLG_ADAGRAD);
}

static clg_status update(struct survey *survey, unsigned turn, size_t n, enum clg_opt opt)
{
    const struct clg_update u = {.opt = opt,
                                 .lr = 0.02,
                                 .l2 = turn % 2 ? 0.05 : 0,
                                 .momentum = opt == CLG_RMSPROP && turn / 2 % 2 ? 0 : 0.8,
                                 .beta1 = 0.85,
                                 .beta2 = 0.99,
                                 .rho = 0.95,
                                 .eps = 1e-7,
                                 .weight_decay = 0.1,
                                 .t = 1 + 5 * turn};
    const size_t n_weights = n * 2 / 3;
    const int slots = clg_opt_slots(opt);
    struct clg_buf *on[3] = {NULL, NULL, NULL}, *grads;
    double *before[3] = {NULL, NULL, NULL}, *bound[3] = {NULL, NULL, NULL};
    survey_begin(survey, turn);
    const double *g = survey_numbers(survey, n);
    for (int i = 0; i <= slots; i++) {
        before[i] = survey_numbers(survey, n);
        bound[i] = survey_room(survey, n);
        for (size_t j = 0; i > 0 && j < n && holds_squares(opt, i - 1); j++)
            before[i][j] = (double)(float)(before[i][j] * before[i][j]);
        CLG_TRY(survey_vector(survey, &on[i], before[i], n));
    }
    CLG_TRY(survey_vector(survey, &grads, g, n));
    CLG_TRY(survey->ops->update(survey->device, on[0], on[1], on[2], grads, n, n_weights, &u));
    clg_bound_update(bound[0], bound[1], bound[2], &survey->limits, before[0], before[1], before[2],
                     g, n, n_weights, &u);
    for (int i = 0; i <= slots; i++)
        CLG_TRY(survey_take_vector(survey, on[i], bound[i], n));
    return CLG_OK;
}

clg_status survey_figures(struct survey *survey, unsigned set)
{
    static const int shape[][2] = {{9, 6}, {40, 1}, {100, 20}, {3, 79}, {300, 3}};
    static const size_t length[] = {5, 47, 700, 20015, 50000};
    for (unsigned i = 0; i < 5; i++) {
        const int B = shape[i][0], O = shape[i][1];
        const size_t n = length[i];
        for (unsigned j = 0; j < 3; j++) {
            if (set & SURVEY_SCORE)
                CLG_TRY(score(survey, 2 * i + j, B, O));
            if (set & SURVEY_ALIVE)
                CLG_TRY(alive(survey, i + j, B, O));
            if (set & SURVEY_PENALTY)
                CLG_TRY(penalty(survey, i + j, n));
            if (set & SURVEY_SQUARES)
                CLG_TRY(square_sum(survey, i + j, n));
            if (set & SURVEY_CLIP)
                CLG_TRY(clip(survey, i + j, n));
        }
        for (unsigned opt = 0; opt < CLG_OPTS && set & SURVEY_UPDATE && i < 3; opt++)
            for (unsigned j = 0; j < 5; j++)
                CLG_TRY(update(survey, i + j, n, (enum clg_opt)opt));
    }
    return CLG_OK;
}
