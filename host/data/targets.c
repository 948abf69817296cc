/* A dataset's targets: those of a file of their own, and how one data set's classes are numbered by
 * another's names. */
#include "core/memory.h"
#include "data/read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts number (count) and leaves each once; returns how many. */
static size_t sort_distinct(double *number, size_t count)
{
    size_t distinct = 0;
    qsort(number, count, sizeof *number, by_size);
    for (size_t i = 0; i < count; i++)
        if (distinct == 0 || number[i] != number[distinct - 1])
            number[distinct++] = number[i];
    return distinct;
}

static clg_status name_by_value(struct clg_dataset *data, const double *value, size_t count)
{
    char text[32];
    if (count > CLG_MAX_CLASSES)
        return clg_fail(CLG_EDATA,
                        "%s: has %zu different labels, %d classes are possible: numbers that are "
                        "no classes need --target value",
                        data->source, count, CLG_MAX_CLASSES);
    CLG_TRY(clg_alloc(&data->class_name, count, sizeof *data->class_name, "class names"));
    data->classes = (int)count;
    for (size_t k = 0; k < count; k++) {
        snprintf(text, sizeof text, "%.0f", value[k]);
        CLG_TRY(clg_text_copy(&data->class_name[k], text));
    }
    return CLG_OK;
}

clg_status clg_labels_by_value(struct clg_dataset *data, const double *number)
{
    double *value = NULL;
    size_t count = 0;
    clg_status status;
    CLG_TRY_DONE(clg_alloc(&value, data->rows, sizeof *value, "class numbers"));
    for (size_t i = 0; i < data->rows; i++)
        if (!isnan(number[i]))
            value[count++] = number[i] + 0.0; /* no negative zero */
    count = sort_distinct(value, count);
    CLG_TRY_DONE(name_by_value(data, value, count));
    CLG_TRY_DONE(clg_alloc(&data->labels, data->rows, sizeof *data->labels, "labels"));
    for (size_t i = 0; i < data->rows; i++) {
        const double *at = bsearch(&number[i], value, count, sizeof *value, by_size);
        data->labels[i] = isnan(number[i]) || !at ? -1 : (int32_t)(at - value);
    }
done:
    free(value);
    return status;
}

/* number (rows): the one column of targets; *low is 1 where some are below 0. */
static clg_status read_numbers(double *number, int *low, const struct clg_dataset *targets,
                               const struct clg_request *request)
{
    *low = 0;
    for (size_t i = 0; i < targets->rows; i++) {
        clg_dataset_row(&number[i], targets, i);
        if (isnan(number[i]))
            continue; /* checked: only where its row is to go */
        int named = request->has_classes && number[i] > -CLG_MAX_CLASSES;
        if ((number[i] < 0 && !named) || number[i] != floor(number[i]) ||
            number[i] >= CLG_MAX_CLASSES)
            return clg_fail(CLG_EDATA,
                            "%s: row %zu (from 0): %.17g is no class number, those are 0 to %d "
                            "(--target value takes numbers as values)",
                            targets->source, i, number[i], CLG_MAX_CLASSES - 1);
        *low |= number[i] < 0;
    }
    return CLG_OK;
}

/* The one column of targets as class numbers; -1 and such are classes where --classes names them.
 */
static clg_status attach_labels(struct clg_dataset *data, const struct clg_dataset *targets,
                                const struct clg_request *request)
{
    double *number = NULL, most = 0;
    int low;
    clg_status status;
    if (targets->features != 1)
        return clg_fail(CLG_EDATA,
                        "%s: has %zu columns; class targets are one column of class numbers "
                        "(--target value takes the columns as values)",
                        targets->source, targets->features);
    CLG_TRY_DONE(clg_alloc(&number, data->rows, sizeof *number, "class numbers"));
    CLG_TRY_DONE(read_numbers(number, &low, targets, request));
    if (low) {
        status = clg_labels_by_value(data, number);
        goto done;
    }
    CLG_TRY_DONE(clg_alloc(&data->labels, data->rows, sizeof *data->labels, "labels"));
    for (size_t i = 0; i < data->rows; i++) {
        data->labels[i] = isnan(number[i]) ? -1 : (int32_t)number[i];
        most = number[i] > most ? number[i] : most;
    }
    data->classes = (int)most + 1;
    status = clg_dataset_number_classes(data);
done:
    free(number);
    return status;
}

static clg_status attach_values(struct clg_dataset *data, const struct clg_dataset *targets)
{
    size_t count, bytes;
    if (!clg_size_mul(&count, data->rows, targets->features) ||
        !clg_size_mul(&bytes, count, sizeof *data->values))
        bytes = SIZE_MAX;
    CLG_TRY(clg_check_host_limit(targets->source, bytes));
    CLG_TRY(clg_alloc(&data->values, count, sizeof *data->values, "targets"));
    for (size_t i = 0; i < data->rows; i++)
        clg_dataset_row(data->values + i * targets->features, targets, i);
    data->outputs = targets->features;
    return CLG_OK;
}

/* What the CSV reader found out already. */
static void move_targets(struct clg_dataset *data, struct clg_dataset *targets)
{
    data->labels = targets->labels;
    data->classes = targets->classes;
    data->class_name = targets->class_name;
    data->numbered = targets->numbered;
    data->values = targets->values;
    data->outputs = targets->outputs;
    targets->labels = NULL;
    targets->classes = 0;
    targets->class_name = NULL;
    targets->values = NULL;
    targets->outputs = 0;
}

clg_status clg_attach_targets(struct clg_dataset *data, struct clg_dataset *targets,
                              const struct clg_request *request)
{
    if (data->rows != targets->rows)
        return clg_fail(CLG_EDATA,
                        "%s has %zu rows and its targets %s have %zu: the counts must "
                        "be equal",
                        data->source, data->rows, targets->source, targets->rows);
    clg_dataset_drop_targets(data);
    if (targets->labels || targets->values) {
        move_targets(data, targets);
        return CLG_OK;
    }
    return request->as_class || (targets->class_like && !request->as_value)
               ? attach_labels(data, targets, request)
               : attach_values(data, targets);
}

/* Whether the classes have no names but their numbers. */
static int are_numbered(char *const *names, int classes)
{
    char text[16];
    for (int k = 0; names && k < classes; k++) {
        snprintf(text, sizeof text, "%d", k);
        if (strcmp(names[k], text) != 0)
            return 0;
    }
    return 1;
}

static int are_numbers(char *const *names, int classes)
{
    double number;
    for (int k = 0; names && k < classes; k++)
        if (!clg_read_number(&number, names[k]))
            return 0;
    return names != NULL;
}

/* The row that keeps an unknown class from being ignored. */
static clg_status refuse_unknown(const int32_t *map, const struct clg_dataset *data, int classes)
{
    for (size_t i = 0; i < data->rows; i++) {
        int k = data->labels[i];
        char number[16];
        if (map[k] >= 0)
            continue;
        snprintf(number, sizeof number, "%d", k);
        struct clg_shown shown = clg_show(data->class_name ? data->class_name[k] : number);
        return clg_fail(CLG_EDATA,
                        "%s: row %zu (from 0) is of class %s, which the network does not know: it "
                        "has %d classes",
                        data->source, i, shown.text, classes);
    }
    return CLG_OK;
}

clg_status clg_dataset_class_map(int32_t *map, const struct clg_dataset *data, char *const *names,
                                 int classes)
{
    struct clg_words words = {NULL, 0, 0, NULL, 0};
    clg_status status = CLG_OK;
    int both_numbers = are_numbers(data->class_name, data->classes) && are_numbers(names, classes);
    int by_number = !both_numbers &&
                    (are_numbered(data->class_name, data->classes) || are_numbered(names, classes));
    for (int k = 0; !by_number && k < classes; k++) {
        size_t number;
        CLG_TRY_DONE(clg_words_add(&words, names[k], &number));
    }
    for (int k = 0; k < data->classes; k++) {
        size_t found = by_number ? (size_t)k : clg_words_find(&words, data->class_name[k]);
        map[k] = found < (size_t)classes ? (int32_t)found : -1;
    }
    status = refuse_unknown(map, data, classes);
done:
    clg_words_clear(&words);
    return status;
}
