/* Which columns of a CSV file are meant: one by --label-col, the features by --columns, each by its
 * name in the first record or by its number. */
#include "core/memory.h"
#include "data/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* text as a number; 0 where it is a name. */
static int as_index(long *index, const char *text)
{
    char *end = NULL;
    errno = 0;
    *index = strtol(text, &end, 10);
    return end != text && *end == '\0' && errno == 0;
}

static clg_status unknown_column(const struct clg_records *first, const char *option,
                                 const char *text)
{
    enum { MOST = 256 };
    const char *field[MOST], *path = clg_input_path(first->input);
    size_t count = first->fields < MOST ? first->fields : MOST;
    for (size_t j = 0; j < count; j++)
        field[j] = clg_records_field(first, j);
    const char *near = clg_nearest(text, field, count, sizeof *field);
    struct clg_shown shown = clg_show(near ? near : field[0]);
    return clg_fail(CLG_EUSAGE, "--%s %s: %s has no column of that name%s%s%s", option, text, path,
                    near ? ": did you mean " : "; its first is ", shown.text, near ? "?" : "");
}

clg_status clg_column_find(size_t *out, int *named, const struct clg_records *first,
                           const char *option, const char *text)
{
    long index, columns = (long)first->fields;
    *out = CLG_NO_COLUMN;
    if (as_index(&index, text)) {
        if (index < columns && index >= -columns)
            *out = (size_t)(index < 0 ? index + columns : index);
        else
            return clg_fail(CLG_EUSAGE, "--%s %s: %s has %ld columns, 0 to %ld", option, text,
                            clg_input_path(first->input), columns, columns - 1);
        return CLG_OK;
    }
    for (size_t j = 0; j < first->fields; j++)
        if (strcmp(clg_records_field(first, j), text) == 0) {
            *out = j;
            *named = 1;
            return CLG_OK;
        }
    return unknown_column(first, option, text);
}

clg_status clg_columns_choose(size_t *place, size_t *features, int *named,
                              const struct clg_records *first, const char *text, size_t target)
{
    struct clg_list list;
    clg_status status = CLG_OK;
    for (size_t j = 0; j < first->fields; j++)
        place[j] = CLG_NO_COLUMN;
    CLG_TRY(clg_list_read(&list, "columns", text));
    for (size_t k = 0; k < list.count; k++) {
        size_t column;
        const char *item = list.item[k];
        CLG_TRY_DONE(clg_column_find(&column, named, first, "columns", item));
        if (column == target || place[column] != CLG_NO_COLUMN) {
            status = clg_fail(CLG_EUSAGE, "--columns %s: \"%s\", column %zu of %s, %s", text, item,
                              column, clg_input_path(first->input),
                              column == target ? "is the target (--label-col says which is)"
                                               : "is given twice");
            goto done;
        }
        place[column] = k;
    }
    *features = list.count;
done:
    clg_list_clear(&list);
    return status;
}
