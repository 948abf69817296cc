/* The survey of losses, with every form that selects code: class or value targets, class weights,
 * a teacher. */
#include "survey.h"

struct form {
    enum clg_loss loss;
    const struct clg_activation *act;
    int classes, weighted, taught;
};

/* The operands that some forms have and their numbers. */
static clg_status extras(struct survey *survey, struct clg_loss_spec *spec, struct clg_loss_case *c,
                         const struct form *form)
{
    const size_t classes = (size_t)(c->O > 1 ? c->O : 2);
    struct clg_buf *buf;
    if (form->weighted) {
        double *weight = survey_room(survey, classes);
        for (size_t i = 0; i < classes; i++)
            weight[i] = (double)(float)(0.2 + 2 * survey_uniform(survey));
        c->class_weights = weight;
        CLG_TRY(survey_vector(survey, &buf, weight, classes));
        spec->class_weights = buf;
        CLG_TRY(survey_vector(survey, &spec->norm, NULL, 1));
    }
    if (form->taught) {
        c->teacher_z = survey_numbers(survey, (size_t)c->B * (size_t)c->O);
        CLG_TRY(survey_matrix(survey, &buf, c->teacher_z, c->B, c->O));
        spec->teacher_z = buf;
    }
    return CLG_OK;
}

/* Classes, kept as numbers as well, or values; those of ce and bce lie within 0..1. */
static clg_status targets(struct survey *survey, struct clg_buf **t, struct clg_loss_case *c,
                          const struct form *form)
{
    const size_t count = (size_t)c->B * (size_t)c->O;
    double *value = survey_room(survey, count), *label = survey_room(survey, (size_t)c->B);
    int32_t *number = (int32_t *)(void *)survey_room(survey, (size_t)c->B);
    c->t = value;
    if (form->classes) {
        for (size_t b = 0; b < (size_t)c->B; b++)
            label[b] = number[b] = (int32_t)((c->O > 1 ? c->O : 2) * survey_uniform(survey));
        c->labels = label;
        clg_targets_spread(value, label, c->B, c->O);
        return survey_integers(survey, t, number, (size_t)c->B);
    }
    for (size_t i = 0; i < count; i++)
        value[i] = form->loss == CLG_CE || form->loss == CLG_BCE
                       ? (double)(float)survey_uniform(survey)
                       : survey_number(survey);
    return survey_matrix(survey, t, value, c->B, c->O);
}

static clg_status loss(struct survey *survey, unsigned turn, int B, int O, const struct form *form)
{
    const int columns = O * form->act->pieces;
    struct clg_loss_spec spec = {.kind = form->loss,
                                 .delta = turn % 2 ? 1 : 0.4,
                                 .smoothing = form->loss == CLG_CE && turn % 2 ? 0.2 : 0,
                                 .temperature = 1.5,
                                 .mix = 0.35};
    struct clg_loss_case c = {.B = B,
                              .O = O,
                              .spec = &spec,
                              .act = form->act,
                              .scale = form->weighted ? 1.0 : 1.0 / B,
                              .mean = 1};
    struct clg_buf *y, *dz, *row_loss, *z, *t;
    survey_begin(survey, turn);
    double *y_bound = survey_room(survey, (size_t)B * (size_t)O);
    double *dz_bound = survey_room(survey, (size_t)B * (size_t)columns);
    double *row_bound = survey_room(survey, (size_t)B);
    c.z = survey_numbers(survey, (size_t)B * (size_t)columns);
    CLG_TRY(survey_matrix(survey, &y, NULL, B, O));
    CLG_TRY(survey_matrix(survey, &dz, NULL, B, columns));
    CLG_TRY(survey_vector(survey, &row_loss, NULL, (size_t)B));
    CLG_TRY(survey_matrix(survey, &z, c.z, B, columns));
    CLG_TRY(targets(survey, &t, &c, form));
    CLG_TRY(extras(survey, &spec, &c, form));
    CLG_TRY(survey->ops->loss_fwd(survey->device, y, dz, row_loss, z, t, B, O, &spec, form->act,
                                  form->classes ? CLG_TARGET_CLASS : CLG_TARGET_VALUE, c.scale,
                                  c.mean));
    clg_bound_loss_fwd(y_bound, dz_bound, row_bound, &survey->limits, &c);
    CLG_TRY(survey_take_matrix(survey, y, y_bound, B, O));
    CLG_TRY(survey_take_matrix(survey, dz, dz_bound, B, columns));
    return survey_take_vector(survey, row_loss, row_bound, (size_t)B);
}

static clg_status loss_at_shapes(struct survey *survey, unsigned first, const struct form *form)
{
    static const int shape[][2] = {{9, 6}, {21, 1}, {4, 31}, {70, 3}};
    for (unsigned i = 0; i < SURVEY_COUNT(shape); i++) {
        const int alone = shape[i][1] == 1;
        if (alone && form->loss == CLG_CE && (form->classes || form->taught))
            continue;
        CLG_TRY(loss(survey, first + i, shape[i][0], shape[i][1], form));
    }
    return CLG_OK;
}

clg_status survey_losses(struct survey *survey, unsigned set)
{
    unsigned turn = 0;
    for (int kind = 0; kind < CLG_LOSSES && set & SURVEY_LOSS; kind++) {
        for (size_t i = 0; i < survey_acts_count; i++) {
            if (!clg_pair_exists((enum clg_loss)kind, survey_acts[i].kind))
                continue;
            for (int more = 0; more < 8; more++) {
                const struct form form = {(enum clg_loss)kind, &survey_acts[i], more & 1, more & 2,
                                          more & 4};
                if ((form.weighted && !form.classes) || (form.taught && kind != CLG_CE))
                    continue;
                CLG_TRY(loss_at_shapes(survey, turn += 4, &form));
            }
        }
    }
    return CLG_OK;
}
