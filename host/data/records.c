/* Records of comma-, semicolon- or tab-separated text: quotes as in RFC 4180 with line ends inside
 * them, any line end, a byte order mark, blank lines left out.  Knows nothing of what fields mean.
 */
#include "core/memory.h"
#include "data/read.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 16, END = -1 };

/* The most frequent separator of the first line, outside quotes; a comma where there is none. */
static char find_separator(const unsigned char *text, size_t size)
{
    static const char separators[] = ",;\t";
    size_t count[3] = {0, 0, 0}, best = 0;
    int quoted = 0;
    for (size_t i = 0; i < size && (quoted || (text[i] != '\n' && text[i] != '\r')); i++) {
        const char *found = text[i] ? strchr(separators, text[i]) : NULL;
        if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && found)
            count[found - separators]++;
    }
    for (size_t k = 1; k < 3; k++)
        if (count[k] > count[best])
            best = k;
    return separators[best];
}

clg_status clg_records_open(struct clg_records *records, const char *path)
{
    clg_status status;
    memset(records, 0, sizeof *records);
    records->line = 1;
    CLG_TRY_DONE(clg_input_open(&records->input, path));
    CLG_TRY_DONE(clg_alloc(&records->block, BLOCK, 1, "a file's block"));
    CLG_TRY_DONE(clg_input_read(records->input, records->block, BLOCK, &records->end));
    if (records->end >= 3 && memcmp(records->block, "\xEF\xBB\xBF", 3) == 0)
        records->at = 3;
    size_t first = records->at;
    while (first < records->end && (records->block[first] == '\n' || records->block[first] == '\r'))
        first++;
    records->separator = find_separator(records->block + first, records->end - first);
done:
    if (status != CLG_OK)
        clg_records_close(records);
    return status;
}

void clg_records_close(struct clg_records *records)
{
    clg_input_close(records->input);
    free(records->block);
    free(records->text);
    free(records->start);
    memset(records, 0, sizeof *records);
}

/* Makes a byte available, unless the input is at its end. */
static clg_status refill(struct clg_records *r)
{
    if (r->at < r->end || r->finished)
        return CLG_OK;
    r->at = 0;
    CLG_TRY(clg_input_read(r->input, r->block, BLOCK, &r->end));
    r->finished = r->end == 0;
    return CLG_OK;
}

/* The byte that comes next, without taking it. */
static clg_status peek(struct clg_records *r, int *byte)
{
    if (r->at == r->end)
        CLG_TRY(refill(r));
    *byte = r->at < r->end ? r->block[r->at] : END;
    if (*byte == 0)
        return clg_fail(CLG_EDATA, "%s:%llu: holds a byte 0: not a text file",
                        clg_input_path(r->input), (unsigned long long)r->line);
    return CLG_OK;
}

static clg_status grow_text(struct clg_records *r)
{
    size_t room = r->room ? 2 * r->room : 4096;
    CLG_TRY(clg_check_host_limit(clg_input_path(r->input), room));
    char *text = realloc(r->text, room);
    if (!text)
        return clg_fail(CLG_ENOMEM, "%s: no memory for a line of %zu bytes",
                        clg_input_path(r->input), room);
    r->text = text;
    r->room = room;
    return CLG_OK;
}

static clg_status append(struct clg_records *r, int byte)
{
    if (r->length == r->room)
        CLG_TRY(grow_text(r));
    r->text[r->length++] = (char)byte;
    return CLG_OK;
}

static clg_status begin_field(struct clg_records *r)
{
    if (r->fields == r->start_room) {
        size_t room = r->start_room ? 2 * r->start_room : 64;
        size_t *start = realloc(r->start, room * sizeof *start);
        if (!start)
            return clg_fail(CLG_ENOMEM, "%s: no memory for %zu columns", clg_input_path(r->input),
                            room);
        r->start = start;
        r->start_room = room;
    }
    r->start[r->fields++] = r->length;
    return CLG_OK;
}

static int ends_field(const struct clg_records *r, int byte)
{
    return byte == END || byte == '\n' || byte == '\r' || byte == r->separator;
}

static clg_status skip_blanks(struct clg_records *r)
{
    int byte;
    CLG_TRY(peek(r, &byte));
    while (byte == ' ') {
        r->at++;
        CLG_TRY(peek(r, &byte));
    }
    return CLG_OK;
}

/* Behind an opening quote, to behind the closing one. */
static clg_status read_quoted(struct clg_records *r)
{
    uint64_t began = r->line;
    int byte;
    for (;;) {
        CLG_TRY(peek(r, &byte));
        if (byte == END)
            return clg_fail(CLG_EDATA,
                            "%s:%llu: column %zu: the quote that opens here is never "
                            "closed",
                            clg_input_path(r->input), (unsigned long long)began, r->fields - 1);
        r->at++;
        if (byte == '"') {
            CLG_TRY(peek(r, &byte));
            if (byte != '"')
                break;
            r->at++;
        }
        r->line += byte == '\n';
        CLG_TRY(append(r, byte));
    }
    CLG_TRY(skip_blanks(r));
    CLG_TRY(peek(r, &byte));
    if (!ends_field(r, byte))
        return clg_fail(CLG_EDATA,
                        "%s:%llu: column %zu: text follows the closing quote; a quote "
                        "inside quotes is written twice",
                        clg_input_path(r->input), (unsigned long long)r->line, r->fields - 1);
    return CLG_OK;
}

/* Up to the separator or line end, without blanks around it. */
static clg_status read_plain(struct clg_records *r)
{
    int byte;
    CLG_TRY(peek(r, &byte));
    while (!ends_field(r, byte)) {
        CLG_TRY(append(r, byte));
        r->at++;
        CLG_TRY(peek(r, &byte));
    }
    while (r->length > r->start[r->fields - 1] && r->text[r->length - 1] == ' ')
        r->length--;
    return CLG_OK;
}

/* A separator, or the line end as \n, \r\n or \r; *more tells whether a field follows. */
static clg_status end_field(struct clg_records *r, int *more)
{
    int byte;
    CLG_TRY(append(r, '\0'));
    CLG_TRY(peek(r, &byte));
    *more = byte == r->separator;
    if (byte == END)
        return CLG_OK;
    r->at++;
    if (*more)
        return CLG_OK;
    r->line++;
    if (byte == '\r') {
        CLG_TRY(peek(r, &byte));
        r->at += byte == '\n';
    }
    return CLG_OK;
}

/* One line's fields; *blank 1 where it holds nothing at all. */
static clg_status read_record(struct clg_records *r, int *blank)
{
    int more = 1, byte;
    r->fields = 0;
    r->length = 0;
    r->record_line = r->line;
    *blank = 1;
    while (more) {
        CLG_TRY(begin_field(r));
        CLG_TRY(skip_blanks(r));
        CLG_TRY(peek(r, &byte));
        if (byte == '"') {
            r->at++;
            *blank = 0;
            CLG_TRY(read_quoted(r));
        } else {
            CLG_TRY(read_plain(r));
        }
        CLG_TRY(end_field(r, &more));
        *blank = *blank && !more && r->length == 1;
    }
    return CLG_OK;
}

clg_status clg_records_next(struct clg_records *records, int *more)
{
    int blank = 1, byte;
    *more = 0;
    while (blank) {
        CLG_TRY(peek(records, &byte));
        if (byte == END)
            return CLG_OK;
        CLG_TRY(read_record(records, &blank));
    }
    *more = 1;
    return CLG_OK;
}

const char *clg_records_field(const struct clg_records *records, size_t index)
{
    return records->text + records->start[index];
}
