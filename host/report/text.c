/* Descriptions are made once, as an ordered JSON object, and shown as JSON or as lines.  This file
 * shows them. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "core/text.h"
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names come from files: nothing in them may move the cursor. */
static void put_text(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < 32 || *text == 127 ? '?' : *text, out);
}

static void put_scalar(FILE *out, const json_t *value)
{
    if (json_is_string(value))
        put_text(out, json_string_value(value));
    else if (json_is_integer(value))
        fprintf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        fputs(clg_print_number(json_real_value(value), 9).text, out);
    else
        fputs(json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-", out);
}

/* A scalar, or the scalars of an array. */
static void put_value(FILE *out, const json_t *value)
{
    if (!json_is_array(value))
        put_scalar(out, value);
    for (size_t i = 0; i < json_array_size(value); i++) {
        fputs(i ? ", " : "", out);
        put_scalar(out, json_array_get(value, i));
    }
}

/* One row of a table: "inputs 784, outputs 128". */
static void put_row(FILE *out, json_t *row)
{
    const char *key, *between = "  ";
    json_t *value;
    json_object_foreach(row, key, value)
    {
        fprintf(out, "%s%s ", between, key);
        put_value(out, value);
        between = ", ";
    }
    fputc('\n', out);
}

static void put_entry(FILE *out, const char *key, json_t *value)
{
    const char *name;
    json_t *part;
    int table = json_is_object(value) || json_is_object(json_array_get(value, 0));
    fprintf(out, table ? "%s\n" : "%-12s ", key);
    if (json_is_object(value)) {
        json_object_foreach(value, name, part)
        {
            fprintf(out, "  %-18s ", name);
            put_scalar(out, part);
            fputc('\n', out);
        }
    } else if (table) {
        for (size_t i = 0; i < json_array_size(value); i++)
            put_row(out, json_array_get(value, i));
    } else {
        put_value(out, value);
        fputc('\n', out);
    }
}

clg_status clg_report_text(char **text, json_t *object)
{
    size_t size = 0;
    const char *key;
    json_t *value;
    *text = NULL;
    FILE *out = open_memstream(text, &size);
    if (!out)
        return clg_fail(CLG_ENOMEM, "no memory for a text");
    json_object_foreach(object, key, value) put_entry(out, key, value);
    int failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(*text);
        *text = NULL;
        return clg_fail(CLG_ENOMEM, "no memory for a text");
    }
    return CLG_OK;
}

clg_status clg_report_json(char **text, json_t *object)
{
    char *line = json_dumps(object, JSON_REAL_PRECISION(17));
    *text = NULL;
    if (!line)
        return clg_fail(CLG_ENOMEM, "no memory for a text");
    size_t length = strlen(line);
    clg_status status = clg_alloc(text, length + 2, 1, "a text");
    if (status == CLG_OK) {
        memcpy(*text, line, length);
        (*text)[length] = '\n';
    }
    free(line);
    return status;
}

int clg_report_set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value);
}

json_t *clg_report_string(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *plain = NULL;
    if (clg_text_copy(&plain, text) != CLG_OK)
        return NULL;
    for (char *c = plain; *c; c++)
        if ((unsigned char)*c > 126)
            *c = '?';
    value = json_string(plain);
    free(plain);
    return value;
}
