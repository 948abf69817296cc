/* Holding rows back for validation: two datasets of copied rows out of one. */
#include "core/memory.h"
#include "core/rng.h"
#include "data/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static clg_status copy_names(struct clg_dataset *to, const struct clg_dataset *from)
{
    if (!from->class_name)
        return CLG_OK;
    CLG_TRY(
        clg_alloc(&to->class_name, (size_t)from->classes, sizeof *to->class_name, "class names"));
    for (int k = 0; k < from->classes; k++)
        CLG_TRY(clg_text_copy(&to->class_name[k], from->class_name[k]));
    return CLG_OK;
}

/* row (rows) are rows of from. */
static clg_status copy_cells(struct clg_dataset *to, const struct clg_dataset *from,
                             const size_t *row)
{
    size_t cells = 0;
    CLG_TRY(clg_alloc(&to->start, to->rows + 1, sizeof *to->start, "a part of a data set"));
    for (size_t i = 0; i < to->rows; i++) {
        size_t stored = from->pick ? from->pick[row[i]] : row[i];
        cells += from->start[stored + 1] - from->start[stored];
        to->start[i + 1] = cells;
    }
    CLG_TRY(clg_alloc(&to->cell_column, cells, sizeof *to->cell_column, "a part of a data set"));
    CLG_TRY(clg_alloc(&to->cell_value, cells, sizeof *to->cell_value, "a part of a data set"));
    for (size_t i = 0; i < to->rows; i++) {
        size_t first = from->start[from->pick ? from->pick[row[i]] : row[i]];
        size_t at = to->start[i], count = to->start[i + 1] - at;
        if (count == 0)
            continue;
        memcpy(to->cell_column + at, from->cell_column + first, count * sizeof *to->cell_column);
        memcpy(to->cell_value + at, from->cell_value + first, count * sizeof *to->cell_value);
    }
    return CLG_OK;
}

static clg_status copy_features(struct clg_dataset *to, const struct clg_dataset *from,
                                const size_t *row)
{
    static const size_t sizes[] = {
        [CLG_BYTES] = 1, [CLG_FLOATS] = sizeof(float), [CLG_DOUBLES] = sizeof(double)};
    if (from->storage == CLG_SPARSE)
        return copy_cells(to, from, row);
    size_t width = sizes[from->storage] * from->features, bytes;
    if (!clg_size_mul(&bytes, to->rows, width))
        bytes = SIZE_MAX;
    CLG_TRY(clg_check_host_limit(from->source, bytes));
    CLG_TRY(clg_alloc(&to->memory, to->rows, width, "a part of a data set"));
    to->x = to->memory;
    for (size_t i = 0; i < to->rows; i++) {
        size_t stored = from->pick ? from->pick[row[i]] : row[i];
        memcpy((char *)to->memory + i * width, (const char *)from->x + stored * width, width);
    }
    return CLG_OK;
}

static clg_status copy_targets(struct clg_dataset *to, const struct clg_dataset *from,
                               const size_t *row)
{
    size_t outputs = from->outputs;
    if (from->labels) {
        CLG_TRY(clg_alloc(&to->labels, to->rows, sizeof *to->labels, "labels"));
        for (size_t i = 0; i < to->rows; i++)
            to->labels[i] = from->labels[row[i]];
    }
    if (from->values) {
        CLG_TRY(clg_alloc(&to->values, to->rows, outputs * sizeof *to->values, "targets"));
        for (size_t i = 0; i < to->rows; i++)
            memcpy(to->values + i * outputs, from->values + row[i] * outputs,
                   outputs * sizeof *to->values);
    }
    return CLG_OK;
}

/* A new dataset of the rows row[0..rows). */
static clg_status subset(struct clg_dataset **out, const struct clg_dataset *from,
                         const size_t *row, size_t rows)
{
    struct clg_dataset *to = NULL;
    clg_status status;
    *out = NULL;
    CLG_TRY(clg_dataset_new(&to, from->source));
    to->rows = rows;
    to->features = from->features;
    to->storage = from->storage;
    to->classes = from->classes;
    to->outputs = from->outputs;
    to->height = from->height;
    to->width = from->width;
    to->both_parts = from->both_parts;
    to->is_csv = from->is_csv;
    to->class_like = from->class_like;
    to->numbered = from->numbered;
    to->missing = from->missing;
    CLG_TRY_DONE(copy_names(to, from));
    CLG_TRY_DONE(copy_features(to, from, row));
    CLG_TRY_DONE(copy_targets(to, from, row));
done:
    if (status != CLG_OK) {
        clg_dataset_destroy(to);
        return status;
    }
    *out = to;
    return CLG_OK;
}

/* How many rows amount means of rows; both sides must get some. */
static clg_status count_rest(size_t *rest, size_t rows, double amount)
{
    double wanted = amount < 1 ? floor(amount * (double)rows + 0.5) : amount;
    if (!(amount > 0) || (amount >= 1 && amount != floor(amount)))
        return clg_fail(CLG_EUSAGE,
                        "--val-split %g: give a fraction above 0 and below 1, or a whole number of "
                        "rows",
                        amount);
    if (wanted < 1)
        return clg_fail(CLG_EUSAGE, "--val-split %g: holds none of the %zu rows back", amount,
                        rows);
    if (wanted >= (double)rows)
        return clg_fail(CLG_EUSAGE, "--val-split %g: leaves none of the %zu rows to train on",
                        amount, rows);
    *rest = (size_t)wanted;
    return CLG_OK;
}

clg_status clg_dataset_split(clg_dataset **first, clg_dataset **rest, const clg_dataset *data,
                             double amount, uint64_t seed, int shuffle)
{
    struct clg_shuffle order;
    size_t held = 0, *row = NULL;
    clg_status status;
    *first = NULL;
    *rest = NULL;
    CLG_TRY(count_rest(&held, data->rows, amount));
    CLG_TRY(clg_alloc(&row, data->rows, sizeof *row, "the order of rows"));
    clg_shuffle_begin(&order, data->rows, seed, 0);
    for (size_t i = 0; i < data->rows; i++)
        row[i] = shuffle ? clg_shuffle_at(&order, (uint32_t)i) : i;
    CLG_TRY_DONE(subset(first, data, row, data->rows - held));
    CLG_TRY_DONE(subset(rest, data, row + (data->rows - held), held));
done:
    free(row);
    if (status != CLG_OK) {
        clg_dataset_destroy(*first);
        *first = NULL;
    }
    return status;
}
