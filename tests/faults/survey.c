/* The survey: its numbers, operands and results, and the operations on data.  Layers are in
 * survey_layers.c, losses in survey_loss.c, figures and updates in survey_update.c. */
#include "survey.h"

#include "core/status.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const survey_names[SURVEY_OPERATIONS] = {
    "permute",   "gather",     "dense_fwd",   "output_fwd",  "dropout_fwd", "loss_fwd",    "score",
    "penalty",   "delta_bwd",  "grad",        "square_sum",  "clip",        "mark_alive",  "update",
    "fused_fwd", "fused_head", "fused_delta", "fused_learn", "span",        "fused_strips"};

const struct clg_activation survey_acts[] = {
    {CLG_IDENTITY, 0, 1}, {CLG_SIGMOID, 0, 1},       {CLG_TANH, 0, 1},    {CLG_RELU, 0, 1},
    {CLG_STEP, 0, 1},     {CLG_LEAKY_RELU, 0.01, 1}, {CLG_ELU, 1, 1},     {CLG_GELU, 0, 1},
    {CLG_SILU, 0, 1},     {CLG_SOFTPLUS, 0, 1},      {CLG_MAXOUT, 0, 2},  {CLG_MAXOUT, 0, 3},
    {CLG_ELU, 0.7, 1},    {CLG_LEAKY_RELU, 0.3, 1},  {CLG_SOFTMAX, 0, 1},
};
const size_t survey_acts_count = SURVEY_COUNT(survey_acts);

static void forget(struct survey *survey)
{
    for (int i = 0; i < survey->buffers; i++)
        clg_buf_release(&survey->buffer[i]);
    for (int i = 0; i < survey->blocks; i++)
        free(survey->block[i]);
    survey->buffers = survey->blocks = 0;
}

void survey_begin(struct survey *survey, unsigned experiment)
{
    forget(survey);
    survey->state = 0x5851F42D4C957F2Du * (experiment + 1u);
    survey->style = (int)(experiment % 5);
}

double *survey_room(struct survey *survey, size_t count)
{
    assert(survey->blocks < SURVEY_MOST_BLOCKS);
    double *block = calloc(count ? count : 1, sizeof *block);
    if (!block)
        abort();
    return survey->block[survey->blocks++] = block;
}

/* splitmix64, not the library's generator. */
double survey_uniform(struct survey *survey)
{
    uint64_t z = survey->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Around 1; quarters, so that zeros and ties occur; tens; thousandths; six orders of magnitude. */
double survey_number(struct survey *survey)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += survey_uniform(survey);
    switch (survey->style) {
    case 1:
        return 0.25 * round(4 * sum);
    case 2:
        return (double)(float)(30 * sum);
    case 3:
        return (double)(float)(1e-3 * sum);
    case 4:
        return (double)(float)(sum * pow(10, 6 * survey_uniform(survey) - 3));
    default:
        return (double)(float)sum;
    }
}

double *survey_numbers(struct survey *survey, size_t count)
{
    double *numbers = survey_room(survey, count);
    for (size_t i = 0; i < count; i++)
        numbers[i] = survey_number(survey);
    return numbers;
}

/* --------------------------------------------------------------- operands */

static clg_status place(struct survey *survey, struct clg_buf **out, enum clg_elem elem,
                        size_t count)
{
    struct clg_plan plan;
    assert(survey->buffers < SURVEY_MOST_BUFFERS);
    *out = &survey->buffer[survey->buffers];
    memset(*out, 0, sizeof **out);
    clg_plan_begin(&plan, survey->device);
    CLG_TRY(clg_plan_add(&plan, *out, elem, count, "test"));
    CLG_TRY(clg_plan_commit(&plan));
    survey->buffers++;
    return CLG_OK;
}

/* What a result holds before it is written: a number that no result has. */
static const double *or_marks(struct survey *survey, const double *data, size_t count)
{
    if (data)
        return data;
    double *marks = survey_room(survey, count);
    for (size_t i = 0; i < count; i++)
        marks[i] = -7.77e7;
    return marks;
}

clg_status survey_matrix(struct survey *survey, struct clg_buf **out, const double *data, int rows,
                         int columns)
{
    const clg_device *device = survey->device;
    CLG_TRY(place(survey, out, CLG_REAL,
                  (size_t)clg_height(device, rows) * (size_t)clg_stride(device, columns)));
    return clg_matrix_upload(*out, or_marks(survey, data, (size_t)rows * (size_t)columns), rows,
                             columns);
}

clg_status survey_weights(struct survey *survey, struct clg_buf **out, const double *data, int rows,
                          int columns)
{
    CLG_TRY(place(survey, out, CLG_REAL, clg_weights_size(survey->device, rows, columns)));
    (*out)->transposed = clg_weights_transposed(survey->device);
    return clg_matrix_upload(*out, or_marks(survey, data, (size_t)rows * (size_t)columns), rows,
                             columns);
}

clg_status survey_vector(struct survey *survey, struct clg_buf **out, const double *data,
                         size_t count)
{
    CLG_TRY(place(survey, out, CLG_REAL, count));
    return clg_real_upload(*out, or_marks(survey, data, count), 0, count);
}

clg_status survey_integers(struct survey *survey, struct clg_buf **out, const int32_t *data,
                           size_t count)
{
    CLG_TRY(place(survey, out, CLG_I32, count));
    return data ? clg_buf_upload(*out, data, 0, count) : CLG_OK;
}

clg_status survey_bytes(struct survey *survey, struct clg_buf **out, const uint8_t *data,
                        size_t count)
{
    CLG_TRY(place(survey, out, CLG_U8, count));
    return clg_buf_upload(*out, data, 0, count);
}

/* ---------------------------------------------------------------- results */

clg_status survey_take_number(struct survey *survey, double value, double bound)
{
    if (survey->count == survey->room) {
        survey->room = survey->room ? 2 * survey->room : 4096;
        survey->value = realloc(survey->value, survey->room * sizeof *survey->value);
        survey->bound = realloc(survey->bound, survey->room * sizeof *survey->bound);
        if (!survey->value || !survey->bound)
            abort();
    }
    survey->value[survey->count] = value;
    survey->bound[survey->count++] = bound;
    return CLG_OK;
}

static void take(struct survey *survey, const double *value, const double *bound, size_t count)
{
    for (size_t i = 0; i < count; i++)
        survey_take_number(survey, value[i], bound ? bound[i] : 0.0);
}

double *survey_read(struct survey *survey, const struct clg_buf *buf, int rows, int columns)
{
    double *value = survey_room(survey, (size_t)rows * (size_t)columns);
    return clg_matrix_download(buf, value, rows, columns) == CLG_OK ? value : NULL;
}

double *survey_read_vector(struct survey *survey, const struct clg_buf *buf, size_t count)
{
    double *value = survey_room(survey, count);
    return clg_real_download(buf, value, 0, count) == CLG_OK ? value : NULL;
}

clg_status survey_take_matrix(struct survey *survey, const struct clg_buf *buf, const double *bound,
                              int rows, int columns)
{
    const int turned = buf->transposed, r = turned ? columns : rows, c = turned ? rows : columns;
    size_t stride = (size_t)clg_stride(survey->device, c);
    double padding = 0, *value = survey_room(survey, (size_t)rows * (size_t)columns);
    double *all = survey_room(survey, (size_t)r * stride);
    CLG_TRY(clg_matrix_download(buf, value, rows, columns));
    take(survey, value, bound, (size_t)rows * (size_t)columns);
    CLG_TRY(clg_real_download(buf, all, 0, (size_t)r * stride));
    for (size_t i = 0; i < (size_t)r; i++)
        for (size_t j = (size_t)c; j < stride; j++)
            padding = fmax(padding, isnan(all[i * stride + j]) ? 1.0 : fabs(all[i * stride + j]));
    for (size_t i = 0; i < (size_t)rows * (size_t)columns; i++)
        if (!isfinite(value[i])) /* what overflowed makes NaN of the zeros beside it */
            padding = 0;
    return survey_take_number(survey, padding, 0);
}

clg_status survey_take_vector(struct survey *survey, const struct clg_buf *buf, const double *bound,
                              size_t count)
{
    double *value = survey_room(survey, count);
    CLG_TRY(clg_real_download(buf, value, 0, count));
    take(survey, value, bound, count);
    return CLG_OK;
}

clg_status survey_take_integers(struct survey *survey, const struct clg_buf *buf, size_t count)
{
    double *value = survey_room(survey, count);
    int32_t *integer = (int32_t *)(void *)survey_room(survey, count);
    CLG_TRY(clg_buf_download(buf, integer, 0, count));
    for (size_t i = 0; i < count; i++)
        value[i] = integer[i];
    take(survey, value, NULL, count);
    return CLG_OK;
}

/* The distance in bounds; 0 where rounding alone decides, or both are equal, infinities among them.
 */
static double distance_of(double got, double want, double bound)
{
    const double apart = fabs(got - want);
    if (isinf(bound) || got == want)
        return 0;
    if (isinf(got) && fabs(want) + bound > 3.4028234e38)
        return 0;
    return isnan(apart) || !(bound > 0) ? (double)INFINITY : apart / bound;
}

void survey_push(struct survey *survey, const double *got, const double *want, const double *bound,
                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        survey->farthest =
            fmax(survey->farthest, distance_of(got[i], want[i], bound ? bound[i] : 0));
}

double survey_distance(const struct survey *got, const struct survey *want)
{
    double most = got->farthest;
    assert(got->count == want->count);
    for (size_t i = 0; i < want->count; i++)
        most = fmax(most, distance_of(got->value[i], want->value[i], want->bound[i]));
    return most;
}

/* ------------------------------------------------------------------- data */

static clg_status permute(struct survey *survey, unsigned turn)
{
    static const size_t rows[] = {5, 100, 611, 4096};
    struct clg_buf *perm;
    survey_begin(survey, turn);
    CLG_TRY(survey_integers(survey, &perm, NULL, rows[turn]));
    CLG_TRY(survey->ops->permute(survey->device, perm, rows[turn], 0x1234567890u + turn, turn + 1));
    return survey_take_integers(survey, perm, rows[turn]);
}

enum { ROWS = 60 };

static clg_status gather_from(struct survey *survey, struct clg_rows *data, double *bound, int B,
                              size_t start, const int32_t *order)
{
    const size_t I = (size_t)data->features;
    double *scale = survey_numbers(survey, I), *shift = survey_numbers(survey, I);
    double *raw = survey_room(survey, (size_t)B * I);
    uint8_t *byte = (uint8_t *)(void *)survey_room(survey, ROWS * I);
    struct clg_buf *buf;
    for (size_t i = 0; i < ROWS * I; i++)
        byte[i] = (uint8_t)(256 * survey_uniform(survey));
    for (size_t b = 0; b < (size_t)B; b++)
        for (size_t i = 0; i < I; i++)
            raw[b * I + i] = byte[(size_t)order[start + b] * I + i];
    CLG_TRY(survey_bytes(survey, &buf, byte, ROWS * I));
    data->x = *buf;
    CLG_TRY(survey_vector(survey, &buf, scale, I));
    data->scale = *buf;
    CLG_TRY(survey_vector(survey, &buf, shift, I));
    data->shift = *buf;
    clg_bound_gather(bound, &survey->limits, raw, scale, shift, B, (int)I);
    return CLG_OK;
}

static clg_status gather(struct survey *survey, unsigned turn, int B, int I, int outputs)
{
    const int bytes = turn % 2, permuted = turn / 2 % 2, classes = outputs == 0;
    const size_t start = 2 + turn % 3;
    struct clg_rows data = {.rows = ROWS,
                            .features = I,
                            .outputs = classes ? 10 : outputs,
                            .target = classes ? CLG_TARGET_CLASS : CLG_TARGET_VALUE};
    struct clg_buf *x, *t, *buf, *perm;
    int32_t order[ROWS], label[ROWS];
    survey_begin(survey, turn);
    double *bound = survey_room(survey, (size_t)B * (size_t)I);
    for (int i = 0; i < ROWS; i++) {
        order[i] = permuted ? (7 * i + 3) % ROWS : i;
        label[i] = (int32_t)(10 * survey_uniform(survey));
    }
    if (bytes) {
        CLG_TRY(gather_from(survey, &data, bound, B, start, order));
    } else {
        CLG_TRY(survey_vector(survey, &buf, survey_numbers(survey, ROWS * (size_t)I),
                              ROWS * (size_t)I));
        data.x = *buf;
    }
    if (classes)
        CLG_TRY(survey_integers(survey, &buf, label, ROWS));
    else
        CLG_TRY(survey_vector(survey, &buf, survey_numbers(survey, ROWS * (size_t)outputs),
                              ROWS * (size_t)outputs));
    data.t = *buf;
    CLG_TRY(survey_integers(survey, &perm, order, ROWS));
    CLG_TRY(survey_matrix(survey, &x, NULL, B, I));
    if (classes)
        CLG_TRY(survey_integers(survey, &t, NULL, (size_t)B));
    else
        CLG_TRY(survey_matrix(survey, &t, NULL, B, outputs));
    CLG_TRY(survey->ops->gather(survey->device, x, t, &data, permuted ? perm : NULL, start, B));
    CLG_TRY(survey_take_matrix(survey, x, bound, B, I));
    return classes ? survey_take_integers(survey, t, (size_t)B)
                   : survey_take_matrix(survey, t, NULL, B, outputs);
}

static clg_status survey_data(struct survey *survey, unsigned set)
{
    static const int shape[][3] = {{5, 18, 0}, {40, 47, 3}, {1, 5, 20}, {19, 110, 0}};
    for (unsigned i = 0; i < 4 && set & SURVEY_PERMUTE; i++)
        CLG_TRY(permute(survey, i));
    for (unsigned i = 0; i < 16 && set & SURVEY_GATHER; i++)
        CLG_TRY(gather(survey, i, shape[i / 4][0], shape[i / 4][1], shape[i / 4][2]));
    return CLG_OK;
}

clg_status survey_run(struct survey *survey, clg_device *device, clg_device *reference,
                      const struct clg_limits *limits, unsigned set)
{
    memset(survey, 0, sizeof *survey);
    survey->device = device;
    survey->reference = reference;
    survey->ops = clg_ops_of(device);
    survey->limits = *limits;
    clg_status status = survey_data(survey, set);
    if (status == CLG_OK)
        status = survey_layers(survey, set);
    if (status == CLG_OK)
        status = survey_losses(survey, set);
    if (status == CLG_OK)
        status = survey_figures(survey, set);
    if (status == CLG_OK && set & SURVEY_FUSED)
        status = survey_fused(survey);
    if (status == CLG_OK && set & SURVEY_SPAN)
        status = survey_spans(survey);
    forget(survey);
    return status;
}

void survey_clear(struct survey *survey)
{
    free(survey->value);
    free(survey->bound);
    memset(survey, 0, sizeof *survey);
}
