/* NumPy's .npy: versions 1 to 3, numeric types.  Structured, text, complex and pickled arrays are
 * refused.  Writes version 1 with elements of four bytes. */
#include "core/file.h"
#include "core/memory.h"
#include "data/read.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_LIMIT = 1 << 20, PREFIX = 10, ALIGNMENT = 64 };

/* The header is a Python dictionary written as text; this reads what NumPy writes there. */
struct cursor {
    const char *path, *text, *at;
    size_t first; /* the byte of the file at which text begins */
};

/* The byte of the file at which the cursor is. */
static size_t byte_at(const struct cursor *c)
{
    return c->first + (size_t)(c->at - c->text);
}

static void skip_space(struct cursor *c)
{
    while (isspace((unsigned char)*c->at))
        c->at++;
}

/* Takes token where it comes next. */
static int take(struct cursor *c, const char *token)
{
    skip_space(c);
    if (strncmp(c->at, token, strlen(token)) != 0)
        return 0;
    c->at += strlen(token);
    return 1;
}

static clg_status malformed(const struct cursor *c, const char *what)
{
    struct clg_shown near = clg_show(c->at);
    return clg_fail(CLG_EDATA, "%s: not a .npy header: %s expected at byte %zu, before \"%s\"",
                    c->path, what, byte_at(c), near.text);
}

/* A quoted text of at most size - 1 bytes. */
static clg_status take_text(struct cursor *c, char *text, size_t size)
{
    skip_space(c);
    char quote = *c->at;
    if (quote != '\'' && quote != '"')
        return malformed(c, "a quoted text");
    const char *end = strchr(c->at + 1, quote);
    if (!end || (size_t)(end - c->at - 1) >= size)
        return malformed(c, "a short quoted text");
    size_t length = (size_t)(end - c->at - 1);
    memcpy(text, c->at + 1, length);
    text[length] = '\0';
    c->at = end + 1;
    return CLG_OK;
}

static clg_status take_size(struct cursor *c, size_t *out)
{
    size_t value = 0;
    skip_space(c);
    if (!isdigit((unsigned char)*c->at))
        return malformed(c, "a dimension");
    for (; isdigit((unsigned char)*c->at); c->at++) {
        size_t digit = (size_t)(*c->at - '0');
        if (value > (SIZE_MAX - digit) / 10)
            return clg_fail(CLG_EDATA, "%s: a dimension in its header, at byte %zu, is too large",
                            c->path, byte_at(c));
        value = 10 * value + digit;
    }
    if (*c->at == 'L') /* Python 2 */
        c->at++;
    *out = value;
    return CLG_OK;
}

static clg_status take_shape(struct cursor *c, struct clg_array *array)
{
    if (!take(c, "("))
        return malformed(c, "the shape's (");
    array->dims = 0;
    while (!take(c, ")")) {
        if (array->dims == (int)(sizeof array->shape / sizeof *array->shape))
            return clg_fail(CLG_EDATA, "%s: its array has too many dimensions: byte %zu", c->path,
                            byte_at(c));
        CLG_TRY(take_size(c, &array->shape[array->dims++]));
        if (take(c, ","))
            continue;
        if (!take(c, ")"))
            return malformed(c, "the shape's )");
        break;
    }
    if (array->dims == 0)
        return clg_fail(CLG_EDATA, "%s: holds a single number, not an array of rows: byte %zu",
                        c->path, byte_at(c));
    return CLG_OK;
}

/* "<f4": byte order, kind, width. */
static clg_status take_type(struct cursor *c, struct clg_array *array)
{
    const uint16_t probe = 1;
    char text[32];
    skip_space(c);
    size_t byte = byte_at(c);
    if (*c->at == '[')
        return clg_fail(CLG_EDATA,
                        "%s: holds a structured array (byte %zu): save one plain numeric array",
                        c->path, byte_at(c));
    CLG_TRY(take_text(c, text, sizeof text));
    static const char *const types[] = {"b1", "i1", "i2", "i4", "i8", "u1",
                                        "u2", "u4", "u8", "f2", "f4", "f8"};
    const char *name = text + (*text && strchr("<>=|", *text) ? 1 : 0);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i]) == 0) {
            array->kind = name[0];
            array->width = (size_t)(name[1] - '0');
            array->big_endian =
                *text == '>' || (*text != '<' && *(const unsigned char *)&probe == 0);
            return CLG_OK;
        }
    struct clg_shown shown = clg_show(text);
    return clg_fail(CLG_EDATA,
                    "%s: elements of type %s cannot be used (byte %zu): save them as bool, an "
                    "integer type, float16, float32 or float64",
                    c->path, shown.text, byte);
}

static clg_status take_entry(struct cursor *c, struct clg_array *array, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[32];
    unsigned k = 0;
    CLG_TRY(take_text(c, key, sizeof key));
    while (k < 3 && strcmp(key, keys[k]) != 0)
        k++;
    if (k == 3 || *seen & 1u << k)
        return malformed(c, "descr, fortran_order and shape, once each,");
    *seen |= 1u << k;
    if (!take(c, ":"))
        return malformed(c, "a colon");
    if (k == 0)
        return take_type(c, array);
    if (k == 2)
        return take_shape(c, array);
    array->fortran = take(c, "True");
    if (!array->fortran && !take(c, "False"))
        return malformed(c, "True or False");
    return CLG_OK;
}

/* text: the bytes of the file from `first` on. */
static clg_status parse_header(struct clg_array *array, const char *text, size_t first,
                               const char *path)
{
    struct cursor c = {path, text, text, first};
    unsigned seen = 0;
    if (!take(&c, "{"))
        return malformed(&c, "{");
    while (!take(&c, "}")) {
        CLG_TRY(take_entry(&c, array, &seen));
        if (take(&c, ","))
            continue;
        if (!take(&c, "}"))
            return malformed(&c, "}");
        break;
    }
    skip_space(&c);
    if (*c.at)
        return malformed(&c, "nothing more");
    if (seen != 7)
        return clg_fail(CLG_EDATA,
                        "%s: its .npy header lacks descr, fortran_order or shape: ends at byte %zu",
                        path, byte_at(&c));
    array->from = first;
    array->to = byte_at(&c) - 1;
    for (int k = 0; k < array->dims; k++)
        if (array->shape[k] == 0)
            return clg_fail(CLG_EDATA, "%s: dimension %d of its array is 0 (bytes %zu to %zu)",
                            path, k, array->from, array->to);
    return CLG_OK;
}

static clg_status read_header(struct clg_array *array, struct clg_input *input)
{
    const char *path = clg_input_path(input);
    unsigned char prefix[8], size[4] = {0, 0, 0, 0};
    char *text = NULL;
    CLG_TRY(clg_input_exact(input, prefix, sizeof prefix, "magic number"));
    if (memcmp(prefix, "\x93NUMPY", 6) != 0)
        return clg_fail(CLG_EDATA, "%s: not a .npy file: byte 0 does not begin \\x93NUMPY", path);
    if (prefix[6] < 1 || prefix[6] > 3)
        return clg_fail(CLG_EDATA, "%s: .npy version %d.%d, at byte 6, is not known: 1 to 3 are",
                        path, prefix[6], prefix[7]);
    CLG_TRY(clg_input_exact(input, size, prefix[6] == 1 ? 2 : 4, "header"));
    size_t length =
        (size_t)size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
    if (length > HEADER_LIMIT)
        return clg_fail(CLG_EDATA, "%s: a .npy header of %zu bytes, at byte 8, is too long", path,
                        length);
    CLG_TRY(clg_alloc(&text, length + 1, 1, "a .npy header"));
    clg_status status = clg_input_exact(input, text, length, "header");
    size_t first = prefix[6] == 1 ? PREFIX : PREFIX + 2;
    if (status == CLG_OK && strlen(text) != length)
        status = clg_fail(CLG_EDATA, "%s: its .npy header holds a 0, at byte %zu", path,
                          first + strlen(text));
    if (status == CLG_OK)
        status = parse_header(array, text, first, path);
    free(text);
    return status;
}

clg_status clg_npy_read(struct clg_dataset **out, const char *path, enum clg_missing missing)
{
    return clg_array_read(out, path, read_header, missing);
}

clg_status clg_load_npy(struct clg_dataset **out, const char *path)
{
    return clg_npy_read(out, path, CLG_MISSING_ERROR);
}

/* Elements of `size` bytes, 4 or 8, little-endian whatever the machine is. */
static clg_status put_words(struct clg_writer *writer, const void *data, size_t count, size_t size)
{
    enum { BLOCK = 4096 };
    unsigned char bytes[8 * BLOCK];
    for (size_t first = 0; first < count; first += BLOCK) {
        size_t part = count - first < BLOCK ? count - first : BLOCK;
        for (size_t i = 0; i < part; i++) {
            const unsigned char *at = (const unsigned char *)data + size * (first + i);
            uint32_t narrow;
            uint64_t word;
            if (size == sizeof narrow) {
                memcpy(&narrow, at, sizeof narrow);
                word = narrow;
            } else {
                memcpy(&word, at, sizeof word);
            }
            for (unsigned k = 0; k < size; k++)
                bytes[size * i + k] = (unsigned char)(word >> (8 * k));
        }
        CLG_TRY(clg_writer_put(writer, bytes, size * part));
    }
    return CLG_OK;
}

clg_status clg_npy_write(const char *path, const char *descr, const void *data, size_t rows,
                         size_t columns)
{
    char header[4 * ALIGNMENT], shape[64];
    struct clg_writer *writer = NULL;
    assert(strcmp(descr, "<f4") == 0 || strcmp(descr, "<i4") == 0 || strcmp(descr, "<f8") == 0);
    if (columns)
        snprintf(shape, sizeof shape, "(%zu, %zu)", rows, columns);
    else
        snprintf(shape, sizeof shape, "(%zu,)", rows);
    memset(header, ' ', sizeof header);
    int used = snprintf(header + PREFIX, sizeof header - PREFIX,
                        "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape);
    size_t size = PREFIX + (size_t)used; /* padded with blanks, ended by a newline */
    header[size] = ' ';
    size = (size + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)((size - PREFIX) & 255);
    header[9] = (char)((size - PREFIX) >> 8);
    header[size - 1] = '\n';
    CLG_TRY(clg_writer_open(&writer, path));
    clg_status status = clg_writer_put(writer, header, size);
    if (status == CLG_OK)
        status = put_words(writer, data, columns ? rows * columns : rows, descr[2] == '8' ? 8 : 4);
    if (status != CLG_OK) {
        clg_writer_abandon(writer);
        return status;
    }
    return clg_writer_commit(writer);
}
