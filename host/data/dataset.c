/* A dataset's life: made empty, filled by a loader or from the caller's arrays, described,
 * destroyed.  Its targets are targets.c's. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "data/read.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

clg_status clg_dataset_new(struct clg_dataset **out, const char *source)
{
    struct clg_dataset *data = NULL;
    *out = NULL;
    CLG_TRY(clg_alloc(&data, 1, sizeof *data, "a data set"));
    clg_status status = clg_text_copy(&data->source, source);
    if (status != CLG_OK) {
        free(data);
        return status;
    }
    *out = data;
    return CLG_OK;
}

void clg_dataset_let_go(const struct clg_dataset *data, size_t *read, int scattered)
{
    enum { MOST = 32 << 20, ROUND_A_FAULT = 1 << 20 };
    if (!data->mapping)
        return;
    const size_t row = data->mapping_size / data->rows;
    *read += scattered && row < ROUND_A_FAULT ? ROUND_A_FAULT : row;
    if (*read < MOST)
        return;
    madvise(data->mapping, data->mapping_size, MADV_DONTNEED);
    *read = 0;
}

void clg_dataset_drop_targets(struct clg_dataset *data)
{
    for (int k = 0; data->class_name && k < data->classes; k++)
        free(data->class_name[k]);
    free(data->class_name);
    free(data->labels);
    free(data->values);
    data->class_name = NULL;
    data->labels = NULL;
    data->values = NULL;
    data->classes = 0;
    data->numbered = 0;
    data->outputs = 0;
}

void clg_dataset_destroy(clg_dataset *data)
{
    if (!data)
        return;
    clg_dataset_drop_targets(data);
    free(data->pick);
    free(data->source);
    free(data->start);
    free(data->cell_column);
    free(data->cell_value);
    free(data->memory);
    if (data->mapping)
        munmap(data->mapping, data->mapping_size);
    free(data);
}

clg_dataset_info clg_dataset_describe(const clg_dataset *data)
{
    clg_dataset_info info = {
        data->rows,   data->features, data->classes,   data->outputs, data->storage == CLG_BYTES,
        data->height, data->width,    data->both_parts};
    return info;
}

const char *clg_dataset_class_name(const clg_dataset *data, int index)
{
    return index >= 0 && index < data->classes && data->class_name ? data->class_name[index] : NULL;
}

clg_status clg_dataset_number_classes(struct clg_dataset *data)
{
    data->numbered = 1;
    if (data->class_name || data->classes == 0)
        return CLG_OK;
    if (data->classes > CLG_FEW_CLASSES && (size_t)data->classes > data->rows)
        return clg_fail(CLG_EDATA,
                        "%s: a label of %d in %zu rows: more than %d classes need a row each; "
                        "numbers that are no classes need --target value",
                        data->source, data->classes - 1, data->rows, CLG_FEW_CLASSES);
    return clg_number_names(&data->class_name, data->classes);
}

static void sparse_row(double *x, const struct clg_dataset *data, size_t stored)
{
    memset(x, 0, data->features * sizeof *x);
    for (size_t k = data->start[stored]; k < data->start[stored + 1]; k++)
        x[data->cell_column[k]] = data->cell_value[k];
}

void clg_dataset_row(double *x, const struct clg_dataset *data, size_t i)
{
    size_t stored = data->pick ? data->pick[i] : i, first = stored * data->features;
    if (data->storage == CLG_SPARSE) {
        sparse_row(x, data, stored);
    } else if (data->storage == CLG_BYTES) {
        const unsigned char *row = (const unsigned char *)data->x + first;
        for (size_t j = 0; j < data->features; j++)
            x[j] = row[j];
    } else if (data->storage == CLG_FLOATS) {
        const float *row = (const float *)data->x + first;
        for (size_t j = 0; j < data->features; j++)
            x[j] = (double)row[j];
    } else {
        memcpy(x, (const double *)data->x + first, data->features * sizeof *x);
    }
}

/* ------------------------------------------------------- the caller's arrays */

static clg_status check_arrays(const float *x, size_t rows, size_t features, const int32_t *labels,
                               int classes, const float *values, size_t outputs)
{
    if (!x || rows == 0 || features == 0 || !clg_fits_int(rows) || !clg_fits_int(features))
        return clg_fail(CLG_EUSAGE, "clg_dataset_from_arrays: x has %zu rows of %zu features", rows,
                        features);
    if (labels && values)
        return clg_fail(CLG_EUSAGE, "clg_dataset_from_arrays: give labels or values, not both");
    if (labels && (classes < 1 || classes > CLG_MAX_CLASSES))
        return clg_fail(CLG_EUSAGE, "clg_dataset_from_arrays: %d classes, 1 to %d are possible",
                        classes, CLG_MAX_CLASSES);
    if (values && (outputs == 0 || !clg_fits_int(outputs)))
        return clg_fail(CLG_EUSAGE, "clg_dataset_from_arrays: values with %zu outputs", outputs);
    for (size_t i = 0; labels && i < rows; i++)
        if (labels[i] < 0 || labels[i] >= classes)
            return clg_fail(CLG_EUSAGE, "clg_dataset_from_arrays: label %d of row %zu is not 0..%d",
                            (int)labels[i], i, classes - 1);
    return CLG_OK;
}

/* count floats, all finite. */
static clg_status check_floats(const float *array, size_t rows, size_t columns, const char *name)
{
    for (size_t i = 0; i < rows * columns; i++)
        if (!isfinite(array[i]))
            return clg_fail(CLG_EUSAGE,
                            "clg_dataset_from_arrays: %s of row %zu, column %zu is not finite",
                            name, i / columns, i % columns);
    return CLG_OK;
}

clg_status clg_dataset_from_arrays(clg_dataset **out, const float *x, size_t rows, size_t features,
                                   const int32_t *labels, int classes, const float *values,
                                   size_t outputs)
{
    struct clg_dataset *data = NULL;
    clg_status status;
    size_t count, value_count;
    *out = NULL;
    CLG_TRY(check_arrays(x, rows, features, labels, classes, values, outputs));
    if (!clg_size_mul(&count, rows, features) ||
        !clg_size_mul(&value_count, rows, values ? outputs : 0))
        return clg_fail(CLG_ENOMEM, "clg_dataset_from_arrays: %zu rows of %zu features", rows,
                        features);
    CLG_TRY(check_floats(x, rows, features, "x"));
    if (values)
        CLG_TRY(check_floats(values, rows, outputs, "value"));
    CLG_TRY(clg_dataset_new(&data, "the caller's arrays"));
    data->rows = rows;
    data->features = features;
    data->storage = CLG_FLOATS;
    CLG_TRY_DONE(clg_alloc(&data->memory, count, sizeof *x, "a data set"));
    memcpy(data->memory, x, count * sizeof *x);
    data->x = data->memory;
    if (labels) {
        CLG_TRY_DONE(clg_alloc(&data->labels, rows, sizeof *labels, "labels"));
        memcpy(data->labels, labels, rows * sizeof *labels);
        data->classes = classes;
        CLG_TRY_DONE(clg_dataset_number_classes(data));
    } else if (values) {
        CLG_TRY_DONE(clg_alloc(&data->values, value_count, sizeof *data->values, "targets"));
        for (size_t i = 0; i < value_count; i++)
            data->values[i] = (double)values[i];
        data->outputs = outputs;
    }
done:
    if (status != CLG_OK) {
        clg_dataset_destroy(data);
        return status;
    }
    *out = data;
    return CLG_OK;
}
