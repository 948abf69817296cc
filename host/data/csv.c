/* CSV files as datasets: which column is the target, whether there is a header, and every cell
 * checked with file, line and column in the message.  Streams; what it keeps is the numbers. */
#include "core/memory.h"
#include "data/read.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_COLUMN SIZE_MAX

struct reading {
    struct clg_records records;
    const char *path;
    enum clg_csv_role role;
    size_t partner;         /* as clg_csv_read has it */
    size_t columns, target; /* target: its column, or NO_COLUMN */
    uint64_t shape_line;    /* the line that set the number of columns */
    char **name;            /* (columns) of the header, NULL where there is none */
    double *x;              /* (rows, features) */
    size_t rows, features, room;
    int first_is_doubtful; /* targets: the first row is text and may be a header */
    struct clg_column column;
};

static void reading_clear(struct reading *r)
{
    for (size_t j = 0; r->name && j < r->columns; j++)
        free(r->name[j]);
    free(r->name);
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

/* --label-col as a number; 0 where it is a name. */
static int as_index(long *index, const char *text)
{
    char *end = NULL;
    errno = 0;
    *index = strtol(text, &end, 10);
    return end != text && *end == '\0' && errno == 0;
}

static clg_status unknown_column(const struct reading *r, const char *name)
{
    enum { MOST = 256 };
    const char *field[MOST];
    size_t count = r->columns < MOST ? r->columns : MOST;
    for (size_t j = 0; j < count; j++)
        field[j] = clg_records_field(&r->records, j);
    const char *near = clg_nearest(name, field, count, sizeof *field);
    struct clg_shown shown = clg_show(near ? near : field[0]);
    return clg_fail(CLG_EUSAGE, "--label-col %s: %s has no column of that name%s%s%s", name,
                    r->path, near ? ": did you mean " : "; its first is ", shown.text,
                    near ? "?" : "");
}

/* Whether a file of inputs has a target column beside them. */
static clg_status check_inputs(const struct reading *r, int *has_target)
{
    *has_target = r->columns == r->partner + 1;
    if (r->columns == r->partner || *has_target)
        return CLG_OK;
    return clg_fail(CLG_EDATA,
                    "%s: has %zu columns, and the network takes %zu features, with or without a "
                    "target column beside them",
                    r->path, r->columns, r->partner);
}

/* Finds the target in the first record; *named 1 where it was found by its name. */
static clg_status find_target(struct reading *r, const clg_config *config, int *named)
{
    const char *text = clg_config_get(config, "label-col");
    long index, columns = (long)r->columns;
    int wanted = r->role == CLG_CSV_BOTH;
    *named = 0;
    r->target = NO_COLUMN;
    if (r->role == CLG_CSV_INPUTS)
        CLG_TRY(check_inputs(r, &wanted));
    if (!wanted || (r->columns == 1 && !clg_config_is_set(config, "label-col")))
        return CLG_OK;
    if (as_index(&index, text)) {
        if (index >= columns || index < -columns)
            return clg_fail(CLG_EUSAGE, "--label-col %s: %s has %ld columns, 0 to %ld", text,
                            r->path, columns, columns - 1);
        r->target = (size_t)(index < 0 ? index + columns : index);
    } else {
        size_t j = 0;
        while (j < r->columns && strcmp(clg_records_field(&r->records, j), text) != 0)
            j++;
        if (j == r->columns)
            return unknown_column(r, text);
        r->target = j;
        *named = 1;
    }
    if (r->columns == 1)
        return clg_fail(CLG_EDATA, "%s: has one column, so no features beside the target", r->path);
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

static clg_status read_cell(double *out, const struct reading *r, size_t column)
{
    const char *text = clg_records_field(&r->records, column);
    if (clg_read_number(out, text) && isfinite(*out))
        return CLG_OK;
    struct clg_shown shown = clg_show(text);
    struct clg_spot here = spot(r, column);
    if (*text == '\0')
        return clg_fail_at(&here, "is empty, a number must be there");
    if (clg_read_number(out, text))
        return clg_fail_at(&here, "\"%s\" is not a finite number", shown.text);
    return clg_fail_at(&here, "\"%s\" is text in a column of numbers", shown.text);
}

static clg_status add_row(struct reading *r)
{
    size_t feature = 0;
    if (r->records.fields != r->columns)
        return clg_fail(CLG_EDATA, "%s:%llu: %zu fields where line %llu has %zu", r->path,
                        (unsigned long long)r->records.record_line, r->records.fields,
                        (unsigned long long)r->shape_line, r->columns);
    CLG_TRY(make_room(r));
    for (size_t j = 0; j < r->columns; j++) {
        struct clg_spot here = spot(r, j);
        if (j == r->target && r->role == CLG_CSV_INPUTS)
            continue;
        if (j == r->target)
            CLG_TRY(clg_column_add(&r->column, clg_records_field(&r->records, j), &here));
        else
            CLG_TRY(read_cell(&r->x[r->rows * r->features + feature++], r, j));
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
static clg_status begin(struct reading *r, const clg_config *config, int *more)
{
    int header;
    CLG_TRY(clg_records_next(&r->records, more));
    if (!*more)
        return clg_fail(CLG_EDATA, "%s: holds no rows", r->path);
    r->columns = r->records.fields;
    r->shape_line = r->records.record_line;
    CLG_TRY(find_target(r, config, &header));
    if (r->role == CLG_CSV_TARGETS && r->columns == 1)
        r->target = 0;
    r->features = r->columns - (r->target != NO_COLUMN);
    if (r->features == 0)
        return first_of_targets(r, more);
    for (size_t j = 0; j < r->columns; j++)
        header |= j != r->target && is_text(clg_records_field(&r->records, j));
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
    CLG_TRY(clg_check_shape(r->path, r->rows, r->columns));
    CLG_TRY(clg_dataset_new(&data, r->path));
    data->rows = r->rows;
    data->features = r->features;
    data->storage = CLG_DOUBLES;
    data->is_csv = 1;
    if (r->target != NO_COLUMN && r->role != CLG_CSV_INPUTS)
        CLG_TRY_DONE(clg_column_finish(&r->column, data, r->path));
    if (r->first_is_doubtful && data->classes > 1 && data->rows == r->partner + 1)
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

clg_status clg_csv_read(struct clg_dataset **out, const char *path, const clg_config *config,
                        enum clg_csv_role role, size_t partner)
{
    struct reading r;
    clg_status status;
    int more = 1;
    *out = NULL;
    memset(&r, 0, sizeof r);
    r.role = role;
    r.partner = partner;
    clg_column_begin(&r.column, config);
    CLG_TRY_DONE(clg_records_open(&r.records, path));
    r.path = clg_input_path(r.records.input);
    CLG_TRY_DONE(begin(&r, config, &more));
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

clg_status clg_load_csv(struct clg_dataset **out, const char *path, const clg_config *config)
{
    return clg_csv_read(out, path, config, CLG_CSV_BOTH, 0);
}
