/* Networks of the survey: data, engine, state and batches.  What a step left is compared in
 * survey_passes.c; which networks there are is in survey_fused.c and survey_span.c.  Left out:
 * dropout, clipping, teachers, which the plain plan's operations do. */
#include "survey_net.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- making */

static clg_status make_data(struct survey_net *lab)
{
    const struct survey_case *c = lab->c;
    const size_t count = c->rows * c->features;
    CLG_TRY(clg_dataset_new(&lab->data, "the survey"));
    struct clg_dataset *data = lab->data;
    float *real = c->bytes ? NULL : calloc(count, sizeof *real);
    uint8_t *byte = c->bytes ? calloc(count, 1) : NULL;
    data->rows = c->rows;
    data->features = c->features;
    data->storage = c->bytes ? CLG_BYTES : CLG_FLOATS;
    data->x = data->memory = c->bytes ? (void *)byte : (void *)real;
    data->labels = c->classes ? calloc(c->rows, sizeof *data->labels) : NULL;
    data->classes = c->classes;
    data->outputs = c->outputs;
    data->values = c->outputs ? calloc(c->rows * c->outputs, sizeof *data->values) : NULL;
    if (!data->x || (c->classes && !data->labels) || (c->outputs && !data->values))
        abort();
    for (size_t i = 0; i < count; i++)
        if (c->bytes)
            byte[i] = (uint8_t)(256 * survey_uniform(lab->survey));
        else
            real[i] = (float)survey_number(lab->survey);
    for (size_t i = 0; i < c->rows && c->classes; i++)
        data->labels[i] = (int32_t)(c->classes * survey_uniform(lab->survey));
    for (size_t i = 0; i < c->rows * c->outputs; i++)
        data->values[i] = (double)(float)survey_uniform(lab->survey);
    return c->classes ? clg_dataset_number_classes(data) : CLG_OK;
}

static clg_status make_engine(struct survey_net *lab)
{
    struct clg_plan plan;
    clg_device *device = lab->survey->device;
    const char *batch = clg_config_get(lab->config, "batch");
    lab->batch = strcmp(batch, "full") == 0 ? (int)lab->c->rows : atoi(batch);
    lab->epoch_steps = (lab->c->rows + (size_t)lab->batch - 1) / (size_t)lab->batch;
    CLG_TRY(clg_net_create(&lab->net, lab->config, lab->data));
    clg_plan_begin(&plan, device);
    CLG_TRY(
        clg_resident_plan(&lab->resident, &plan, lab->data, lab->net, !lab->c->in_order, "survey"));
    CLG_TRY(clg_plan_commit(&plan));
    CLG_TRY(clg_resident_upload(&lab->resident, lab->data, lab->net));
    CLG_TRY(clg_engine_create(&lab->engine, device, lab->net, lab->batch, 1));
    return clg_engine_zero_scores(lab->engine);
}

clg_status survey_net_make(struct survey_net *lab, struct survey *survey,
                           const struct survey_case *c, enum clg_plan_choice plan)
{
    const enum clg_plan_choice before = survey->device->plan;
    memset(lab, 0, sizeof *lab);
    lab->survey = survey;
    lab->c = c;
    lab->side = (struct survey){
        .device = survey->reference, .ops = &clg_ops_reference, .limits = survey->limits};
    CLG_TRY(clg_config_create(&lab->config));
    for (int i = 0; i < 2 * SURVEY_NET_WORDS && c->word[i]; i += 2)
        CLG_TRY(clg_config_set(lab->config, c->word[i], c->word[i + 1]));
    CLG_TRY(make_data(lab));
    survey->device->plan = plan;
    clg_status status = make_engine(lab);
    survey->device->plan = before;
    return status;
}

void survey_net_clear(struct survey_net *lab)
{
    survey_begin(&lab->side, 0);
    for (int i = 0; i < 3; i++)
        free(lab->before[i]);
    clg_engine_destroy(lab->engine);
    clg_resident_release(&lab->resident);
    clg_net_destroy(lab->net);
    clg_dataset_destroy(lab->data);
    clg_config_destroy(lab->config);
}

struct clg_batch survey_net_batch(const struct survey_net *lab, uint64_t step)
{
    const size_t index = (size_t)(step % lab->epoch_steps), rows = lab->c->rows;
    const size_t start = index * (size_t)lab->batch, next = start + (size_t)lab->batch;
    const size_t left = rows - start, more = next < rows ? rows - next : 0;
    const int shuffled = lab->resident.has_perm && (size_t)lab->batch < rows;
    return (struct clg_batch){.data = &lab->resident.rows,
                              .perm = shuffled ? &lab->resident.perm : NULL,
                              .start = start,
                              .B = left < (size_t)lab->batch ? (int)left : lab->batch,
                              .next_start = next,
                              .next_B = more < (size_t)lab->batch ? (int)more : lab->batch};
}

/* -------------------------------------------------------------------- state */

static double *from_device(const struct clg_buf *buf, int rows, int columns)
{
    double *value = calloc((size_t)rows * (size_t)columns + 1, sizeof *value);
    if (!value)
        abort();
    if (clg_matrix_download(buf, value, rows, columns) == CLG_OK)
        return value;
    free(value);
    return NULL;
}

double *survey_net_take(struct survey_net *lab, const struct clg_buf *buf, int rows, int columns)
{
    double *value = from_device(buf, rows, columns);
    if (!value)
        return NULL;
    double *kept = survey_room(&lab->side, (size_t)rows * (size_t)columns);
    memcpy(kept, value, (size_t)rows * (size_t)columns * sizeof *kept);
    free(value);
    return kept;
}

clg_status survey_net_read(double *now[3], struct survey_net *lab)
{
    const struct clg_buf *const slab[3] = {&lab->engine->params, &lab->engine->slot[0],
                                           &lab->engine->slot[1]};
    const int slots = clg_opt_slots(lab->net->opt);
    for (int i = 0; i <= slots; i++) {
        if (!now[i])
            now[i] = calloc(lab->net->count, sizeof **now);
        if (!now[i])
            abort();
        CLG_TRY(clg_engine_read_slab(lab->engine, now[i], slab[i]));
    }
    return CLG_OK;
}

clg_status survey_net_keep(struct survey_net *lab)
{
    CLG_TRY(survey_net_read(lab->before, lab));
    CLG_TRY(clg_real_download(&lab->engine->stats, lab->stats, 0, CLG_STATS));
    return clg_buf_download(&lab->engine->hits, &lab->hits, 0, 1);
}

/* ----------------------------------------------------------------- one batch */

clg_status survey_net_check_batch(struct survey_net *lab, size_t start, int B)
{
    const struct survey_case *c = lab->c;
    const size_t I = c->features, count = (size_t)B * I;
    struct clg_engine *engine = lab->engine;
    survey_begin(&lab->side, 0);
    double *got = survey_net_take(lab, &engine->x, B, (int)I),
           *raw = survey_room(&lab->side, count);
    double *want = survey_room(&lab->side, count), *bound = survey_room(&lab->side, count);
    double *scale = survey_room(&lab->side, I), *shift = survey_room(&lab->side, I);
    int32_t *order = (int32_t *)(void *)survey_room(&lab->side, c->rows);
    if (!got)
        return CLG_EDEVICE;
    for (size_t i = 0; i < c->rows; i++)
        order[i] = (int32_t)i;
    if (survey_net_batch(lab, 0).perm)
        CLG_TRY(clg_buf_download(&lab->resident.perm, order, 0, c->rows));
    if (c->bytes) {
        CLG_TRY(clg_real_download(&lab->resident.rows.scale, scale, 0, I));
        CLG_TRY(clg_real_download(&lab->resident.rows.shift, shift, 0, I));
    }
    for (size_t i = 0; i < count; i++) {
        const size_t at = (size_t)order[start + i / I] * I + i % I;
        raw[i] = c->bytes ? ((const uint8_t *)lab->data->x)[at]
                          : (double)((const float *)lab->data->x)[at];
        want[i] = c->bytes ? raw[i] * scale[i % I] + shift[i % I] : raw[i];
    }
    if (c->bytes)
        clg_bound_gather(bound, &lab->side.limits, raw, scale, shift, B, (int)I);
    survey_push(lab->survey, got, want, bound, count);
    if (lab->net->target_input)
        return CLG_OK;
    if (lab->net->target == CLG_TARGET_VALUE) {
        const size_t O = c->outputs ? c->outputs : 1;
        if (!(got = survey_net_take(lab, &engine->t, B, (int)O)))
            return CLG_EDEVICE;
        for (size_t i = 0; i < (size_t)B * O && c->outputs; i++)
            survey_push(lab->survey, got + i,
                        lab->data->values + (size_t)order[start + i / O] * O + i % O, NULL, 1);
        return CLG_OK;
    }
    int32_t *label = (int32_t *)(void *)survey_room(&lab->side, (size_t)B);
    CLG_TRY(clg_buf_download(&engine->t, label, 0, (size_t)B));
    for (size_t b = 0; b < (size_t)B; b++) {
        const double is = label[b], should = lab->data->labels[order[start + b]];
        survey_push(lab->survey, &is, &should, NULL, 1);
    }
    return CLG_OK;
}
