/* libsvm files: a line a row, "label index:value ...", indices from 1 and increasing, a comment
 * behind #.  What is not named is 0 and takes no memory: rows stay sparse.  Whole labels are
 * classes in ascending order, any others values. */
#include "core/memory.h"
#include "data/read.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The indices allowed where --features leaves the number of features to the file. */
enum { BLOCK = 1 << 16, MOST_FEATURES = 1 << 20 };

struct reading {
    struct clg_input *input;
    const struct clg_request *request;
    const char *path;
    unsigned char *block; /* what was read ahead: block[at..end) */
    size_t at, end;
    char *line; /* the current one, without its end */
    size_t length, room;
    uint64_t number;       /* its number, from 1 */
    long most;             /* largest index allowed */
    long largest;          /* found */
    size_t rows, row_room; /* rows read; room of label, and of start less one */
    double *label;         /* (rows) */
    size_t *start;         /* (rows + 1) */
    size_t cells, cell_room;
    int32_t *column;        /* (cells) */
    double *value;          /* (cells) */
    uint64_t fraction_line; /* of the first label that is no whole number, 0: none */
};

static void reading_clear(struct reading *r)
{
    clg_input_close(r->input);
    free(r->block);
    free(r->line);
    free(r->label);
    free(r->start);
    free(r->column);
    free(r->value);
}

/* array with room for twice as many items of size bytes, or CLG_EDATA, CLG_ENOMEM. */
static clg_status grow(void *array, size_t *room, size_t size, const char *path)
{
    size_t more = *room ? 2 * *room : 1024, bytes;
    void *old, *grown;
    memcpy(&old, array, sizeof old);
    if (!clg_size_mul(&bytes, more, size))
        bytes = SIZE_MAX;
    CLG_TRY(clg_check_host_limit(path, bytes));
    grown = realloc(old, bytes);
    if (!grown)
        return clg_fail(CLG_ENOMEM, "%s: no memory for %zu bytes", path, bytes);
    memcpy(array, &grown, sizeof grown);
    *room = more;
    return CLG_OK;
}

/* Reads the next line into r->line; *more is 0 at the end. */
static clg_status next_line(struct reading *r, int *more)
{
    int byte = 0;
    *more = 0;
    r->length = 0;
    while (byte != '\n') {
        if (r->at == r->end) {
            r->at = 0;
            CLG_TRY(clg_input_read(r->input, r->block, BLOCK, &r->end));
        }
        if (r->at == r->end && r->length == 0 && !*more)
            return CLG_OK;
        byte = r->at < r->end ? r->block[r->at++] : '\n';
        *more = 1;
        if (byte == 0)
            return clg_fail(CLG_EDATA, "%s:%llu: holds a byte 0: not a text file", r->path,
                            (unsigned long long)r->number + 1);
        if (r->length == r->room)
            CLG_TRY(grow(&r->line, &r->room, 1, r->path));
        r->line[r->length++] = (char)(byte == '\n' ? '\0' : byte);
    }
    r->number++;
    return CLG_OK;
}

/* Fails at a place in the current line, counted from 1 as editors do. */
static clg_status fail_in_line(const struct reading *r, const char *at, const char *what)
{
    struct clg_shown shown = clg_show(at);
    return clg_fail(CLG_EDATA, "%s:%llu:%zu: \"%s\": %s", r->path, (unsigned long long)r->number,
                    (size_t)(at - r->line) + 1, shown.text, what);
}

/* The next word of the line, ended by a 0; NULL at the line's end. */
static char *next_word(char **at)
{
    char *word = *at;
    while (isspace((unsigned char)*word))
        word++;
    if (!*word)
        return NULL;
    char *end = word;
    while (*end && !isspace((unsigned char)*end))
        end++;
    *at = end + (*end != '\0');
    *end = '\0';
    return word;
}

static clg_status add_label(struct reading *r, const char *word)
{
    enum { WHOLE_BITS = 53 };
    double label;
    if (!clg_read_number(&label, word) || isinf(label))
        return fail_in_line(r, word, "a label must be a number");
    if (isnan(label) && r->request->missing != CLG_MISSING_DROP)
        return fail_in_line(r, word, "a label must be there (or see --missing drop)");
    int whole = label == floor(label) && fabs(label) <= ldexp(1, WHOLE_BITS);
    if (!isnan(label) && !whole && r->fraction_line == 0)
        r->fraction_line = r->number;
    r->label[r->rows] = label;
    return CLG_OK;
}

/* "index:value"; *last is the index before it in this line. */
static clg_status add_cell(struct reading *r, char *word, long *last)
{
    char *colon = strchr(word, ':'), *end = NULL;
    double value;
    if (!colon || !isdigit((unsigned char)*word))
        return fail_in_line(r, word, "index:value, with an index from 1 on, must stand here");
    long index = strtol(word, &end, 10);
    if (end != colon || index < 1 || index > r->most)
        return fail_in_line(r, word, "the index is not one of 1 to what --features allows");
    if (index <= *last)
        return fail_in_line(r, word, "the indices of a row must increase");
    if (!clg_read_number(&value, colon + 1) || isinf(value))
        return fail_in_line(r, word, "the value must be a finite number");
    if (isnan(value) && r->request->missing == CLG_MISSING_ERROR)
        return fail_in_line(r, word, "the value must be a finite number (or see --missing)");
    if (r->cells == r->cell_room) {
        size_t room = r->cell_room;
        CLG_TRY(grow(&r->column, &room, sizeof *r->column, r->path));
        CLG_TRY(grow(&r->value, &r->cell_room, sizeof *r->value, r->path));
    }
    *last = index;
    r->largest = index > r->largest ? index : r->largest;
    r->column[r->cells] = (int32_t)(index - 1);
    r->value[r->cells++] = value;
    return CLG_OK;
}

static clg_status add_row(struct reading *r)
{
    long last = 0;
    char *comment = strchr(r->line, '#');
    if (comment)
        *comment = '\0';
    char *at = r->line, *word = next_word(&at);
    if (!word)
        return CLG_OK;
    if (r->rows == r->row_room) {
        size_t room = r->row_room;
        CLG_TRY(grow(&r->label, &room, sizeof *r->label, r->path));
        CLG_TRY(grow(&r->start, &r->row_room, 2 * sizeof *r->start, r->path));
    }
    if (!r->request->no_targets)
        CLG_TRY(add_label(r, word));
    r->start[r->rows++] = r->cells;
    if (!r->request->no_targets || !strchr(word, ':')) /* a label that is not needed may lack */
        word = next_word(&at);
    for (; word; word = next_word(&at))
        CLG_TRY(add_cell(r, word, &last));
    return CLG_OK;
}

/* Labels as classes or values. */
static clg_status finish_targets(struct reading *r, struct clg_dataset *data)
{
    const struct clg_request *request = r->request;
    if (request->no_targets)
        return CLG_OK;
    if (request->as_class && r->fraction_line)
        return clg_fail(CLG_EDATA,
                        "%s:%llu: the label is no whole number, as a class must be; give --target "
                        "value",
                        r->path, (unsigned long long)r->fraction_line);
    if (!request->as_value && !r->fraction_line)
        return clg_labels_by_value(data, r->label);
    data->values = r->label;
    data->outputs = 1;
    r->label = NULL;
    return CLG_OK;
}

static clg_status finish(struct clg_dataset **out, struct reading *r, long asked)
{
    struct clg_dataset *data = NULL;
    clg_status status;
    char place[48];
    snprintf(place, sizeof place, "ends at line %llu", (unsigned long long)r->number);
    CLG_TRY(clg_check_shape(r->path, place, r->rows, (size_t)(asked ? asked : r->largest)));
    CLG_TRY_DONE(clg_dataset_new(&data, r->path));
    data->rows = r->rows;
    data->features = (size_t)(asked ? asked : r->largest);
    data->storage = CLG_SPARSE;
    CLG_TRY_DONE(finish_targets(r, data));
    r->start[r->rows] = r->cells;
    data->start = r->start;
    data->cell_column = r->column;
    data->cell_value = r->value;
    r->start = NULL;
    r->column = NULL;
    r->value = NULL;
done:
    if (status != CLG_OK) {
        clg_dataset_destroy(data);
        return status;
    }
    *out = data;
    return CLG_OK;
}

clg_status clg_libsvm_read(struct clg_dataset **out, const char *path,
                           const struct clg_request *request)
{
    struct reading r;
    clg_status status;
    int more = 1;
    long asked = (long)clg_config_integer(request->config, "features");
    *out = NULL;
    memset(&r, 0, sizeof r);
    r.request = request;
    r.most = asked;
    if (asked == MOST_FEATURES) /* the default: as many as the file names */
        asked = 0;
    CLG_TRY_DONE(clg_input_open(&r.input, path));
    r.path = clg_input_path(r.input);
    CLG_TRY_DONE(clg_alloc(&r.block, BLOCK, 1, "a file's block"));
    while (more) {
        CLG_TRY_DONE(next_line(&r, &more));
        if (more)
            CLG_TRY_DONE(add_row(&r));
    }
    status = finish(out, &r, asked);
done:
    reading_clear(&r);
    return status;
}
