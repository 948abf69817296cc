/* Numeric arrays of any element type, byte order and index order, as datasets: used in place where
 * the machine reads them as they lie, converted otherwise.  The headers are idx.c's and npy.c's. */
#include "core/memory.h"
#include "data/read.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

clg_status clg_check_shape(const char *source, const char *place, size_t rows, size_t features)
{
    if (rows == 0)
        return clg_fail(CLG_EDATA, "%s: holds no rows (%s)", source, place);
    if (features == 0)
        return clg_fail(CLG_EDATA, "%s: holds no columns (%s)", source, place);
    if (!clg_fits_int(rows))
        return clg_fail(CLG_EDATA, "%s: %zu rows are more than %d (%s)", source, rows, INT_MAX,
                        place);
    if (!clg_fits_int(features))
        return clg_fail(CLG_EDATA, "%s: %zu features are more than %d (%s)", source, features,
                        INT_MAX, place);
    return CLG_OK;
}

clg_status clg_check_finite(const struct clg_dataset *data, enum clg_missing missing)
{
    const float *floats = data->x;
    const double *doubles = data->x;
    size_t read = 0;
    if (data->storage != CLG_FLOATS && data->storage != CLG_DOUBLES)
        return CLG_OK; /* bytes are finite, and sparse cells were checked one by one */
    for (size_t i = 0; i < data->rows * data->features; i++) {
        double value = data->storage == CLG_FLOATS ? (double)floats[i] : doubles[i];
        if (i % data->features == 0)
            clg_dataset_let_go(data, &read, 0);
        if (isfinite(value) || (isnan(value) && missing != CLG_MISSING_ERROR))
            continue;
        return clg_fail(CLG_EDATA, "%s: row %zu, column %zu (from 0) is %s", data->source,
                        i / data->features, i % data->features,
                        isnan(value) ? "NaN: --missing drop leaves such rows out, mean takes the "
                                       "column's mean"
                                     : "infinite: only finite numbers can be used");
    }
    return CLG_OK;
}

/* The element's bytes as one number. */
static uint64_t word_at(const unsigned char *at, size_t width, int big_endian)
{
    uint64_t word = 0;
    for (size_t i = 0; i < width; i++)
        word = word << 8 | at[big_endian ? i : width - 1 - i];
    return word;
}

static double half_value(uint64_t word)
{
    int exponent = (int)(word >> 10 & 31);
    double fraction = (double)(word & 1023), value;
    if (exponent == 31)
        value = fraction != 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        value = ldexp(fraction, -24);
    else
        value = ldexp(1024 + fraction, exponent - 25);
    return word >> 15 ? -value : value;
}

static double element(const struct clg_array *array, const unsigned char *at)
{
    assert(array->width >= 1 && array->width <= sizeof(uint64_t));
    uint64_t word = word_at(at, array->width, array->big_endian);
    unsigned bits = (unsigned)(8 * array->width);
    if (array->kind == 'b')
        return word != 0;
    if (array->kind == 'i' && word >> (bits - 1)) /* the magnitude, then the sign: rounds once */
        return -(double)((~word & (UINT64_MAX >> (64 - bits))) + 1);
    if (array->kind != 'f')
        return (double)word;
    if (bits == 64) {
        double value;
        memcpy(&value, &word, sizeof value);
        return value;
    }
    if (bits == 32) {
        uint32_t half = (uint32_t)word;
        float value;
        memcpy(&value, &half, sizeof value);
        return (double)value;
    }
    return half_value(word);
}

/* Bytes stay bytes, floats that fit in one stay floats; a bool is a number, not a byte of 255. */
static enum clg_storage storage_of(const struct clg_array *array)
{
    if (array->kind == 'u' && array->width == 1)
        return CLG_BYTES;
    if (array->kind == 'b' || (array->kind == 'f' && array->width <= 4))
        return CLG_FLOATS;
    return CLG_DOUBLES;
}

static size_t storage_size(enum clg_storage storage)
{
    return storage == CLG_BYTES ? 1 : storage == CLG_FLOATS ? sizeof(float) : sizeof(double);
}

static void store(void *memory, enum clg_storage storage, size_t index, double value)
{
    if (storage == CLG_BYTES)
        ((unsigned char *)memory)[index] = (unsigned char)value;
    else if (storage == CLG_FLOATS)
        ((float *)memory)[index] = (float)value;
    else
        ((double *)memory)[index] = value;
}

/* Column c of the flattened inner dimensions, counted as Fortran does. */
static size_t fortran_column(const struct clg_array *array, size_t c)
{
    size_t column = 0, columns = 1;
    for (int k = 1; k < array->dims; k++)
        columns *= array->shape[k];
    size_t below = columns; /* elements of the dimensions behind k, row-major */
    size_t stride = 1;
    for (int k = 1; k < array->dims; k++) {
        below /= array->shape[k];
        column += c / below * stride;
        c %= below;
        stride *= array->shape[k];
    }
    return column;
}

/* Converts body into data->memory, in blocks of rows so that Fortran order stays in the cache. */
static void convert(struct clg_dataset *data, const struct clg_array *array,
                    const unsigned char *body)
{
    enum { BLOCK = 64 };
    size_t rows = data->rows, features = data->features;
    if (!array->fortran) {
        for (size_t i = 0; i < rows * features; i++)
            store(data->memory, data->storage, i, element(array, body + i * array->width));
        return;
    }
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t last = rows - first < BLOCK ? rows : first + BLOCK;
        for (size_t c = 0; c < features; c++) {
            const unsigned char *column = body + fortran_column(array, c) * rows * array->width;
            for (size_t i = first; i < last; i++)
                store(data->memory, data->storage, i * features + c,
                      element(array, column + i * array->width));
        }
    }
}

/* Whether the processor reads the elements where and as they lie. */
static int usable_in_place(const struct clg_array *array, const unsigned char *body)
{
    const uint16_t probe = 1;
    int host_is_big = *(const unsigned char *)&probe == 0;
    if (array->fortran && array->dims > 1)
        return 0;
    if (array->kind == 'u' && array->width == 1)
        return 1;
    return array->kind == 'f' && array->width >= 4 && array->big_endian == host_is_big &&
           (uintptr_t)body % array->width == 0;
}

/* Rows, features, and bytes of the whole, or CLG_EDATA. */
static clg_status measure(const char *path, const struct clg_array *array, size_t *features,
                          size_t *bytes)
{
    char place[64];
    size_t all;
    int fits = 1;
    *features = 1;
    snprintf(place, sizeof place, "bytes %zu to %zu", array->from, array->to);
    for (int k = 1; k < array->dims; k++)
        fits = fits && clg_size_mul(features, *features, array->shape[k]);
    if (fits)
        CLG_TRY(clg_check_shape(path, place, array->shape[0], *features));
    if (!fits || !clg_size_mul(&all, array->shape[0], *features) ||
        !clg_size_mul(bytes, all, array->width))
        return clg_fail(CLG_EDATA, "%s: the dimensions in its header, %s, are too large", path,
                        place);
    return CLG_OK;
}

clg_status clg_array_load(struct clg_dataset **out, struct clg_input *input,
                          const struct clg_array *array)
{
    struct clg_dataset *data = NULL;
    struct clg_body body = {NULL, NULL, NULL, 0};
    const char *path = clg_input_path(input);
    size_t features, bytes;
    clg_status status = CLG_OK;
    *out = NULL;
    CLG_TRY(measure(path, array, &features, &bytes));
    CLG_TRY(clg_input_body(&body, input, bytes));
    CLG_TRY_DONE(clg_dataset_new(&data, path));
    data->rows = array->shape[0];
    data->features = features;
    data->storage = storage_of(array);
    data->class_like = array->dims == 1 && array->kind != 'f';
    data->height = array->dims == 3 ? (int)array->shape[1] : 0;
    data->width = array->dims == 3 ? (int)array->shape[2] : 0;
    if (usable_in_place(array, body.data)) {
        data->memory = body.memory;
        data->mapping = body.mapping;
        data->mapping_size = body.mapping_size;
        data->x = body.data;
        memset(&body, 0, sizeof body);
    } else {
        size_t count = data->rows * features, size = storage_size(data->storage), need;
        CLG_TRY_DONE(clg_size_mul(&need, count, size)
                         ? clg_check_host_limit(path, need)
                         : clg_fail(CLG_EDATA,
                                    "%s: its dimensions, bytes %zu to %zu, are too large", path,
                                    array->from, array->to));
        CLG_TRY_DONE(clg_alloc(&data->memory, count, size, "a data set"));
        convert(data, array, body.data);
        data->x = data->memory;
    }
done:
    clg_body_clear(&body);
    if (status != CLG_OK) {
        clg_dataset_destroy(data);
        return status;
    }
    *out = data;
    return CLG_OK;
}

clg_status clg_array_read(struct clg_dataset **out, const char *path, clg_header_fn read_header,
                          enum clg_missing missing)
{
    struct clg_input *input = NULL;
    struct clg_dataset *data = NULL;
    struct clg_array array = {.dims = 0};
    *out = NULL;
    CLG_TRY(clg_input_open(&input, path));
    clg_status status = read_header(&array, input);
    if (status == CLG_OK)
        status = clg_array_load(&data, input, &array);
    clg_input_close(input);
    if (status == CLG_OK)
        status = clg_check_finite(data, missing);
    if (status != CLG_OK) {
        clg_dataset_destroy(data);
        return status;
    }
    *out = data;
    return CLG_OK;
}
