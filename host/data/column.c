/* A CSV column read as targets.  What it holds shows only at its end: whole numbers from 0 are
 * class numbers, other numbers are values, text is class names numbered by first appearance.  So
 * numbers and words are both kept until one of them is ruled out. */
#include "core/memory.h"
#include "data/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void clg_column_begin(struct clg_column *column, const struct clg_request *request)
{
    memset(column, 0, sizeof *column);
    if (request->has_classes)
        column->wanted = CLG_TARGET_AS_NAME;
    else if (request->as_class)
        column->wanted = CLG_TARGET_AS_CLASS;
    else if (request->as_value)
        column->wanted = CLG_TARGET_AS_VALUE;
    column->may_lack = request->missing == CLG_MISSING_DROP;
    column->words_complete = column->wanted != CLG_TARGET_AS_VALUE;
}

void clg_column_clear(struct clg_column *column)
{
    free(column->number);
    free(column->word);
    clg_words_clear(&column->words);
    memset(column, 0, sizeof *column);
}

static clg_status grow(struct clg_column *column)
{
    size_t room = column->room ? 2 * column->room : 1024;
    double *number = realloc(column->number, room * sizeof *number);
    if (number)
        column->number = number;
    uint32_t *word = number ? realloc(column->word, room * sizeof *word) : NULL;
    if (!word)
        return clg_fail(CLG_ENOMEM, "no memory for %zu targets", room);
    column->word = word;
    column->room = room;
    return CLG_OK;
}

/* Words are given up where they can no longer be class names. */
static clg_status add_word(struct clg_column *column, const char *text, const struct clg_spot *spot)
{
    size_t number = 0;
    if (!column->words_complete)
        return CLG_OK;
    CLG_TRY(clg_words_add(&column->words, text, &number));
    column->word[column->rows] = (uint32_t)number;
    if (column->words.count > CLG_MAX_CLASSES) {
        if (column->has_text || column->wanted == CLG_TARGET_AS_NAME)
            return clg_fail_at(spot, "more than %d different class names", CLG_MAX_CLASSES);
        column->words_complete = 0;
        clg_words_clear(&column->words);
    }
    return CLG_OK;
}

/* Text that names a class among numbers that can be none is a slip, unless classes were asked for.
 */
static clg_status check_mix(const struct clg_column *column, const char *text,
                            const struct clg_spot *spot)
{
    struct clg_shown shown = clg_show(text);
    if (column->has_text && !column->words_complete)
        return clg_fail_at(spot, "\"%s\" is text in a column of numbers", shown.text);
    if (column->has_text && column->has_fraction && column->wanted == CLG_TARGET_ANY)
        return clg_fail_at(spot,
                           "\"%s\" in a column that holds text and numbers; --target class takes "
                           "each as a class name",
                           shown.text);
    return CLG_OK;
}

static clg_status add_missing(struct clg_column *column)
{
    if (column->rows == column->room)
        CLG_TRY(grow(column));
    column->number[column->rows] = (double)NAN;
    column->word[column->rows++] = UINT32_MAX;
    return CLG_OK;
}

/* What the numbers and words so far can still be. */
static clg_status learn(struct clg_column *column, double number, int is_number, const char *text,
                        const struct clg_spot *spot)
{
    if (!is_number)
        column->has_text = 1;
    else if ((number < 0 || number != floor(number)) && !column->has_fraction) {
        column->has_fraction = 1;
        column->fraction_line = spot->line;
    }
    CLG_TRY(check_mix(column, text, spot));
    if (column->has_fraction && !column->has_text && column->wanted == CLG_TARGET_ANY) {
        column->words_complete = 0;
        clg_words_clear(&column->words);
    }
    return CLG_OK;
}

clg_status clg_column_add(struct clg_column *column, const char *text, const struct clg_spot *spot)
{
    double number = 0;
    int is_number = clg_read_number(&number, text);
    if (column->may_lack && (*text == '\0' || (is_number && isnan(number))))
        return add_missing(column);
    if (*text == '\0')
        return clg_fail_at(spot, "is empty, a target must be there");
    if (is_number && !isfinite(number)) {
        struct clg_shown shown = clg_show(text);
        return clg_fail_at(spot, "\"%s\" cannot be a target", shown.text);
    }
    CLG_TRY(learn(column, number, is_number, text, spot));
    if (column->rows == column->room)
        CLG_TRY(grow(column));
    column->number[column->rows] = number;
    CLG_TRY(add_word(column, text, spot));
    column->rows++;
    return CLG_OK;
}

static clg_status finish_text(struct clg_column *column, struct clg_dataset *data)
{
    CLG_TRY(clg_alloc(&data->labels, column->rows, sizeof *data->labels, "labels"));
    for (size_t i = 0; i < column->rows; i++)
        data->labels[i] = column->word[i] == UINT32_MAX ? -1 : (int32_t)column->word[i];
    data->classes = (int)column->words.count;
    data->class_name = column->words.word;
    column->words.word = NULL;
    column->words.count = 0;
    return CLG_OK;
}

static clg_status finish_classes(struct clg_column *column, struct clg_dataset *data,
                                 const char *path)
{
    double most = 0;
    size_t row = 0;
    for (size_t i = 0; i < column->rows; i++)
        if (column->number[i] > most) {
            most = column->number[i];
            row = i;
        }
    if (most >= CLG_MAX_CLASSES)
        return clg_fail(CLG_EDATA,
                        "%s: row %zu (from 0): label %.0f is beyond the %d classes possible; "
                        "numbers that are no classes need --target value",
                        path, row, most, CLG_MAX_CLASSES);
    CLG_TRY(clg_alloc(&data->labels, column->rows, sizeof *data->labels, "labels"));
    for (size_t i = 0; i < column->rows; i++)
        data->labels[i] = isnan(column->number[i]) ? -1 : (int32_t)column->number[i];
    data->classes = (int)most + 1;
    return clg_dataset_number_classes(data);
}

clg_status clg_column_finish(struct clg_column *column, struct clg_dataset *data, const char *path)
{
    if (column->wanted == CLG_TARGET_AS_NAME || column->has_text)
        return finish_text(column, data);
    if (column->wanted == CLG_TARGET_AS_CLASS && column->has_fraction)
        return clg_fail(CLG_EDATA,
                        "%s:%llu: the target is no whole number from 0, as a class must be; leave "
                        "--target class out, or give --target value",
                        path, (unsigned long long)column->fraction_line);
    if (column->wanted != CLG_TARGET_AS_VALUE && !column->has_fraction) {
        CLG_TRY(finish_classes(column, data, path));
    } else {
        CLG_TRY(clg_alloc(&data->values, column->rows, sizeof *data->values, "targets"));
        memcpy(data->values, column->number, column->rows * sizeof *data->values);
        data->outputs = 1;
    }
    return CLG_OK;
}
