/* A data set on the device: uploaded once, as bytes where it is bytes, in the order of its rows.
 * Its shape is checked against the network before anything is planned, its targets before they go
 * up. */
#include "net/net.h"

#include "core/memory.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows that are converted at a time: about 4 MB of doubles. */
static size_t rows_at_once(size_t features)
{
    size_t rows = ((size_t)1 << 19) / (features ? features : 1);
    return rows ? rows : 1;
}

static enum clg_elem rows_elem(const struct clg_dataset *data)
{
    return data->storage == CLG_BYTES ? CLG_U8 : CLG_REAL;
}

clg_status clg_resident_plan(struct clg_resident *resident, struct clg_plan *plan,
                             const struct clg_dataset *data, const struct clg_net *net, int shuffle,
                             const char *purpose)
{
    memset(resident, 0, sizeof *resident);
    CLG_TRY(clg_net_check_shapes(net, data));
    struct clg_rows *rows = &resident->rows;
    rows->rows = resident->all = data->rows;
    rows->features = clg_net_inputs(net);
    rows->outputs = clg_net_outputs(net);
    rows->target = net->target;
    resident->has_perm = shuffle;
    size_t values = net->target == CLG_TARGET_CLASS ? 1 : (size_t)rows->outputs;
    CLG_TRY(clg_plan_add(plan, &rows->x, rows_elem(data), data->rows * data->features, purpose));
    if (!net->target_input)
        CLG_TRY(clg_plan_add(plan, &rows->t, net->target == CLG_TARGET_CLASS ? CLG_I32 : CLG_REAL,
                             data->rows * values, purpose));
    CLG_TRY(clg_plan_add(plan, &rows->scale, CLG_REAL, data->features, purpose));
    CLG_TRY(clg_plan_add(plan, &rows->shift, CLG_REAL, data->features, purpose));
    return shuffle ? clg_plan_add(plan, &resident->perm, CLG_I32, data->rows, purpose) : CLG_OK;
}

/* Bytes of a part, about: long enough that a step seldom waits for one. */
enum { PART_BYTES = 8 << 20 };

/* The set of share in parts that fit into so many bytes. */
static void feed_set(struct clg_plan *plan, const struct clg_resident_share *share, uint64_t room)
{
    struct clg_resident *set = share->resident;
    struct clg_rows *rows = &set->rows;
    const struct clg_net *net = share->net;
    const size_t batch = (size_t)share->batch;
    const size_t values = net->target == CLG_TARGET_CLASS ? 1 : (size_t)rows->outputs;
    const size_t row = clg_elem_size(plan->device, rows_elem(share->data)) * share->data->features +
                       (net->target_input ? 0 : values * sizeof(double));
    const uint64_t most = room / CLG_FEED_PARTS < PART_BYTES ? room / CLG_FEED_PARTS : PART_BYTES;
    const size_t part = most / row < batch ? batch : (size_t)(most / row) / batch * batch;
    if (CLG_FEED_PARTS * part >= set->all)
        return;
    set->part = part;
    rows->rows = CLG_FEED_PARTS * part;
    clg_plan_change(plan, &rows->x, rows->rows * share->data->features);
    if (!net->target_input)
        clg_plan_change(plan, &rows->t, rows->rows * values);
    if (set->has_perm)
        clg_plan_change(plan, &set->perm, 0);
    set->has_perm = 0;
}

void clg_resident_fit(struct clg_plan *plan, const struct clg_resident_share *share, int count)
{
    uint64_t left;
    for (int i = 0; i < count && !clg_plan_fits(plan, &left); i++) {
        struct clg_plan bare = *plan;
        for (int j = i; j < count; j++) {
            clg_plan_change(&bare, &share[j].resident->rows.x, 0);
            clg_plan_change(&bare, &share[j].resident->rows.t, 0);
            clg_plan_change(&bare, &share[j].resident->perm, 0);
        }
        clg_plan_fits(&bare, &left);
        feed_set(plan, &share[i], left / (uint64_t)(count - i));
    }
}

clg_status clg_resident_find(struct clg_resident *resident, int epoch, size_t place, size_t *at,
                             size_t *left)
{
    if (resident->feed)
        return clg_feed_find(resident->feed, &resident->rows, epoch, place, at, left);
    *at = place;
    *left = resident->all - place;
    return CLG_OK;
}

static clg_status upload_bytes(struct clg_buf *x, const struct clg_dataset *data)
{
    const unsigned char *bytes = data->x;
    if (!data->pick)
        return clg_buf_upload(x, bytes, 0, data->rows * data->features);
    size_t chunk = 8 * rows_at_once(data->features);
    unsigned char *staged;
    clg_status status = CLG_OK;
    CLG_TRY(clg_alloc(&staged, chunk, data->features, "a part of the data"));
    for (size_t first = 0; first < data->rows && status == CLG_OK; first += chunk) {
        size_t n = data->rows - first < chunk ? data->rows - first : chunk;
        for (size_t i = 0; i < n; i++)
            memcpy(staged + i * data->features, bytes + data->pick[first + i] * data->features,
                   data->features);
        status = clg_buf_upload(x, staged, first * data->features, n * data->features);
    }
    free(staged);
    return status;
}

/* Features that are no bytes are normalised here, in double precision. */
static clg_status upload_reals(struct clg_buf *x, const struct clg_dataset *data,
                               const struct clg_normalise *normalise)
{
    size_t chunk = rows_at_once(data->features);
    double *staged;
    clg_status status = CLG_OK;
    CLG_TRY(clg_alloc(&staged, chunk * data->features, sizeof *staged, "a part of the data"));
    for (size_t first = 0; first < data->rows && status == CLG_OK; first += chunk) {
        size_t n = data->rows - first < chunk ? data->rows - first : chunk;
        for (size_t i = 0; i < n && status == CLG_OK; i++)
            status = clg_normalise_row(staged + i * data->features, normalise, data, first + i);
        if (status == CLG_OK)
            status = clg_real_upload(x, staged, first * data->features, n * data->features);
    }
    free(staged);
    return status;
}

static clg_status upload_classes(struct clg_buf *t, const struct clg_dataset *data,
                                 const struct clg_net *net)
{
    int32_t *map = NULL, *labels = NULL;
    clg_status status;
    assert(data->labels);
    CLG_TRY_DONE(clg_net_map_classes(&map, net, data));
    CLG_TRY_DONE(clg_alloc(&labels, data->rows, sizeof *labels, "labels"));
    for (size_t i = 0; i < data->rows; i++)
        labels[i] = map[data->labels[i]];
    status = clg_buf_upload(t, labels, 0, data->rows);
done:
    free(labels);
    free(map);
    return status;
}

static clg_status upload_values(struct clg_buf *t, const struct clg_dataset *data,
                                const struct clg_net *net)
{
    double *values;
    CLG_TRY(clg_net_check_values(net, data));
    if (data->values)
        return clg_real_upload(t, data->values, 0, data->rows * data->outputs);
    CLG_TRY(clg_alloc(&values, data->rows, sizeof *values, "targets"));
    for (size_t i = 0; i < data->rows; i++)
        values[i] = data->labels[i];
    clg_status status = clg_real_upload(t, values, 0, data->rows);
    free(values);
    return status;
}

static clg_status upload_scale(struct clg_rows *rows, const struct clg_dataset *data,
                               const struct clg_normalise *normalise)
{
    for (size_t f = 0; data->storage == CLG_BYTES && f < data->features; f++)
        if (!(fabs(normalise->shift[f]) + 255 * fabs(normalise->scale[f]) <= FLT_MAX))
            return clg_fail(CLG_EUSAGE, "--normalize %s: makes more of a byte than a float holds",
                            normalise->kind);
    CLG_TRY(clg_real_upload(&rows->scale, normalise->scale, 0, data->features));
    return clg_real_upload(&rows->shift, normalise->shift, 0, data->features);
}

clg_status clg_resident_upload(struct clg_resident *resident, const struct clg_dataset *data,
                               const struct clg_net *net)
{
    struct clg_normalise normalise = {0};
    CLG_TRY(clg_net_normalise_for(&normalise, net, data));
    clg_status status = upload_scale(&resident->rows, data, &normalise);
    if (status == CLG_OK && resident->part)
        status = clg_feed_create(&resident->feed, data, net, resident->part);
    else if (status == CLG_OK)
        status = data->storage == CLG_BYTES ? upload_bytes(&resident->rows.x, data)
                                            : upload_reals(&resident->rows.x, data, &normalise);
    clg_normalise_clear(&normalise);
    if (status != CLG_OK || resident->part || net->target_input || (!data->labels && !data->values))
        return status;
    return net->target == CLG_TARGET_CLASS ? upload_classes(&resident->rows.t, data, net)
                                           : upload_values(&resident->rows.t, data, net);
}

void clg_resident_release(struct clg_resident *resident)
{
    struct clg_rows *rows = &resident->rows;
    struct clg_buf *buffers[] = {&rows->x, &rows->t, &rows->scale, &rows->shift, &resident->perm};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        clg_buf_release(buffers[i]);
    clg_feed_destroy(resident->feed);
    resident->feed = NULL;
}
