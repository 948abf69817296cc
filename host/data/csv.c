/* CSV files as datasets: which column is the target, whether there is a header, and every cell
 * checked with file, line and column in the message.  Streams; what it keeps is the numbers. */
#include "core/memory.h"
#include "data/read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct clg_records records;
    const char *path;
    const struct clg_request *request;
    enum clg_csv_role role;
    size_t partner_rows;    /* as clg_csv_read has it */
    size_t columns, target; /* target: its column, or CLG_NO_COLUMN */
    size_t *place;          /* (columns): the feature that each is, or CLG_NO_COLUMN */
    uint64_t shape_line;    /* the line that set the number of columns */
    char **name;            /* (columns) of the header, NULL where there is none */
    double *x;              /* (rows, features) */
    size_t rows, features, room;
    int first_is_doubtful; /* targets: the first row is text and may be a header */
    int has_spare;         /* the last column is a feature, unless it holds text */
    int spare_is_text;
    uint64_t spare_gap; /* first line that lacks the last column's number, 0: none */
    struct clg_column column;
};

static void reading_clear(struct reading *r)
{
    for (size_t j = 0; r->name && j < r->columns; j++)
        free(r->name[j]);
    free(r->name);
    free(r->place);
    free(r->x);
    clg_column_clear(&r->column);
    clg_records_close(&r->records);
}

/* A cell of the current record, for messages. */
static struct clg_spot spot(const struct reading *r, size_t column)
{
    struct clg_spot s = {r->path, r->records.record_line, column, r->name ? r->name[column] : NULL};
    return s;
}

/* Neither empty nor a number. */
static int is_text(const char *field)
{
    double number;
    return *field && !clg_read_number(&number, field);
}

/* Whether a file for a network whose inputs are known has a target column beside them. */
static clg_status check_inputs(const struct reading *r, int *has_target)
{
    size_t inputs = r->request->inputs;
    *has_target = r->columns == inputs + 1;
    if (r->columns == inputs || *has_target)
        return CLG_OK;
    return clg_fail(CLG_EDATA,
                    "%s: has %zu columns, and the network takes %zu features, with or without a "
                    "target column beside them",
                    r->path, r->columns, inputs);
}

/* Finds the target in the first record; *named 1 where it was found by its name.  Where targets are
 * not needed, --columns leaves nothing to find, and whoever left --label-col alone may have a
 * feature in the last column. */
static clg_status find_target(struct reading *r, int *named)
{
    const clg_config *config = r->request->config;
    int unread = r->request->no_targets, has_target = r->role == CLG_CSV_BOTH;
    r->target = CLG_NO_COLUMN;
    if (unread && *clg_config_get(config, "columns"))
        return CLG_OK;
    if (has_target && unread && r->request->inputs)
        CLG_TRY(check_inputs(r, &has_target));
    if (!has_target || (r->columns == 1 && (unread || !clg_config_is_set(config, "label-col"))))
        return CLG_OK;
    r->has_spare = unread && !r->request->inputs && clg_config_is(config, "label-col", "-1");
    if (r->has_spare)
        return CLG_OK;
    CLG_TRY(clg_column_find(&r->target, named, &r->records, "label-col",
                            clg_config_get(config, "label-col")));
    if (r->columns == 1)
        return clg_fail(CLG_EDATA, "%s: has one column, so no features beside the target", r->path);
    return CLG_OK;
}

/* Finds the features; *named 1 where one was found by its name. */
static clg_status find_features(struct reading *r, int *named)
{
    const char *text = clg_config_get(r->request->config, "columns");
    CLG_TRY(clg_alloc(&r->place, r->columns, sizeof *r->place, "columns"));
    if (*text && r->role != CLG_CSV_TARGETS)
        return clg_columns_choose(r->place, &r->features, named, &r->records, text, r->target);
    for (size_t j = 0; j < r->columns; j++)
        r->place[j] = j == r->target ? CLG_NO_COLUMN : r->features++;
    return CLG_OK;
}

static clg_status keep_header(struct reading *r)
{
    CLG_TRY(clg_alloc(&r->name, r->columns, sizeof *r->name, "column names"));
    for (size_t j = 0; j < r->columns; j++)
        CLG_TRY(clg_text_copy(&r->name[j], clg_records_field(&r->records, j)));
    return CLG_OK;
}

static clg_status make_room(struct reading *r)
{
    size_t room = r->room ? 2 * r->room : 64, count, bytes;
    if (r->rows < r->room || r->features == 0)
        return CLG_OK;
    if (!clg_size_mul(&count, room, r->features) || !clg_size_mul(&bytes, count, sizeof *r->x))
        bytes = SIZE_MAX;
    CLG_TRY(clg_check_host_limit(r->path, bytes));
    double *x = realloc(r->x, bytes);
    if (!x)
        return clg_fail(CLG_ENOMEM, "%s: no memory for %zu rows", r->path, room);
    r->x = x;
    r->room = room;
    return CLG_OK;
}

/* A cell that has no number; it may lack one where --missing says so. */
static clg_status read_gap(double *out, const struct reading *r, size_t column, const char *text)
{
    enum clg_missing missing = r->request->missing;
    struct clg_shown shown = clg_show(text);
    struct clg_spot here = spot(r, column);
    int is_number = clg_read_number(out, text), lacks = *text == '\0' || (is_number && isnan(*out));
    if (lacks &&
        (r->role == CLG_CSV_TARGETS ? missing == CLG_MISSING_DROP : missing != CLG_MISSING_ERROR)) {
        *out = (double)NAN;
        return CLG_OK;
    }
    if (*text == '\0')
        return clg_fail_at(&here, "is empty, a number must be there (or see --missing)");
    if (is_number)
        return clg_fail_at(&here, "\"%s\" is not a finite number%s", shown.text,
                           lacks ? " (or see --missing)" : "");
    return clg_fail_at(&here, "\"%s\" is text in a column of numbers", shown.text);
}

static clg_status read_cell(double *out, const struct reading *r, size_t column)
{
    const char *text = clg_records_field(&r->records, column);
    if (clg_read_number(out, text) && isfinite(*out))
        return CLG_OK;
    return read_gap(out, r, column, text);
}

static int is_spare(const struct reading *r, size_t column)
{
    return r->has_spare && column == r->columns - 1;
}

/* Text and gaps in the last column are no mistake until all of it is known. */
static clg_status read_spare(double *out, struct reading *r)
{
    const char *text = clg_records_field(&r->records, r->columns - 1);
    *out = (double)NAN;
    if (is_text(text))
        r->spare_is_text = 1;
    else if (*text == '\0' || (clg_read_number(out, text) && isnan(*out)))
        r->spare_gap = r->spare_gap ? r->spare_gap : r->records.record_line;
    else
        return read_cell(out, r, r->columns - 1);
    return CLG_OK;
}

static clg_status finish_spare(struct reading *r)
{
    struct clg_spot here = spot(r, r->columns - 1);
    here.line = r->spare_gap;
    if (!r->spare_is_text && r->spare_gap && r->request->missing == CLG_MISSING_ERROR)
        return clg_fail_at(&here, "has no number, which must be there (or see --missing)");
    if (!r->spare_is_text)
        return CLG_OK;
    r->features--;
    for (size_t i = 1; i < r->rows; i++)
        memmove(r->x + i * r->features, r->x + i * (r->features + 1), r->features * sizeof *r->x);
    return CLG_OK;
}

static clg_status add_row(struct reading *r)
{
    if (r->records.fields != r->columns)
        return clg_fail(CLG_EDATA, "%s:%llu: %zu fields where line %llu has %zu", r->path,
                        (unsigned long long)r->records.record_line, r->records.fields,
                        (unsigned long long)r->shape_line, r->columns);
    CLG_TRY(make_room(r));
    for (size_t j = 0; j < r->columns; j++) {
        struct clg_spot here = spot(r, j);
        double *cell =
            r->place[j] == CLG_NO_COLUMN ? NULL : &r->x[r->rows * r->features + r->place[j]];
        if (cell)
            CLG_TRY(is_spare(r, j) ? read_spare(cell, r) : read_cell(cell, r, j));
        else if (j == r->target && !r->request->no_targets)
            CLG_TRY(clg_column_add(&r->column, clg_records_field(&r->records, j), &here));
    }
    r->rows++;
    return CLG_OK;
}

/* A file of targets only, one column: a first row of text above numbers is a header, and above text
 * it is one where there is one row too many (see finish_targets). */
static clg_status first_of_targets(struct reading *r, int *more)
{
    char *first = NULL;
    clg_status status = CLG_OK;
    if (!is_text(clg_records_field(&r->records, 0)))
        return add_row(r);
    struct clg_spot here = spot(r, 0);
    CLG_TRY(clg_text_copy(&first, clg_records_field(&r->records, 0)));
    CLG_TRY_DONE(clg_records_next(&r->records, more));
    int above_text = !*more || is_text(clg_records_field(&r->records, 0));
    if (above_text)
        CLG_TRY_DONE(clg_column_add(&r->column, first, &here));
    r->rows += (size_t)above_text;
    r->first_is_doubtful = above_text;
    if (*more)
        status = add_row(r);
done:
    free(first);
    return status;
}

/* Takes the first record as header or row. */
static clg_status begin(struct reading *r, int *more)
{
    int header = 0;
    CLG_TRY(clg_records_next(&r->records, more));
    if (!*more)
        return clg_fail(CLG_EDATA, "%s: holds no rows (ends at line %llu)", r->path,
                        (unsigned long long)r->records.line);
    r->columns = r->records.fields;
    r->shape_line = r->records.record_line;
    CLG_TRY(find_target(r, &header));
    if (r->role == CLG_CSV_TARGETS && r->columns == 1)
        r->target = 0;
    CLG_TRY(find_features(r, &header));
    if (r->features == 0)
        return first_of_targets(r, more);
    for (size_t j = 0; j < r->columns; j++)
        header |= r->place[j] != CLG_NO_COLUMN && !is_spare(r, j) &&
                  is_text(clg_records_field(&r->records, j));
    return header ? keep_header(r) : add_row(r);
}

/* The first row of a file of text targets is its header after all: no other row has its class. */
static void drop_first(struct clg_dataset *data)
{
    for (size_t i = 1; i < data->rows; i++)
        if (data->labels[i] == 0)
            return;
    data->rows--;
    data->classes--;
    free(data->class_name[0]);
    memmove(data->class_name, data->class_name + 1,
            (size_t)data->classes * sizeof *data->class_name);
    for (size_t i = 0; i < data->rows; i++)
        data->labels[i] = data->labels[i + 1] - 1;
}

static clg_status finish(struct clg_dataset **out, struct reading *r)
{
    struct clg_dataset *data = NULL;
    clg_status status = CLG_OK;
    char place[48];
    snprintf(place, sizeof place, "ends at line %llu", (unsigned long long)r->records.line);
    CLG_TRY(clg_check_shape(r->path, place, r->rows, r->columns));
    if (r->has_spare)
        CLG_TRY(finish_spare(r));
    CLG_TRY(clg_dataset_new(&data, r->path));
    data->rows = r->rows;
    data->features = r->features;
    data->storage = CLG_DOUBLES;
    data->is_csv = 1;
    if (r->target != CLG_NO_COLUMN && !r->request->no_targets)
        CLG_TRY_DONE(clg_column_finish(&r->column, data, r->path));
    if (r->first_is_doubtful && data->classes > 1 && data->rows == r->partner_rows + 1)
        drop_first(data);
    data->x = data->memory = r->x;
    r->x = NULL;
done:
    if (status != CLG_OK) {
        clg_dataset_destroy(data);
        return status;
    }
    *out = data;
    return CLG_OK;
}

clg_status clg_csv_read(struct clg_dataset **out, const char *path,
                        const struct clg_request *request, enum clg_csv_role role,
                        size_t partner_rows)
{
    struct reading r;
    clg_status status;
    int more = 1;
    *out = NULL;
    memset(&r, 0, sizeof r);
    r.role = role;
    r.partner_rows = partner_rows;
    r.request = request;
    clg_column_begin(&r.column, request);
    CLG_TRY_DONE(clg_records_open(&r.records, path));
    r.path = clg_input_path(r.records.input);
    CLG_TRY_DONE(begin(&r, &more));
    while (more) {
        CLG_TRY_DONE(clg_records_next(&r.records, &more));
        if (more)
            CLG_TRY_DONE(add_row(&r));
    }
    status = finish(out, &r);
done:
    reading_clear(&r);
    return status;
}
