/* Options as text: the .ini file of a run, and what a model file keeps of them. */
#include "core/config.h"
#include "core/file.h"
#include "core/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The .ini file: "key = value" lines, whole-line comments after # or ;, sections for the reader's
 * eye only.  Read here because libinih cuts lines at 200 bytes and values at " ;", and paths are
 * longer than the one and may hold the other. */
static char *trimmed(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

static clg_status read_line(clg_config *config, char *line, const char *path, int number)
{
    char *text = trimmed(line);
    if (*text == '\0' || *text == '#' || *text == ';' || *text == '[')
        return CLG_OK;
    char *equals = strchr(text, '=');
    if (!equals)
        return clg_fail(CLG_EUSAGE, "%s:%d: not of the form key = value", path, number);
    *equals = '\0';
    clg_status status = clg_config_set(config, trimmed(text), trimmed(equals + 1));
    if (status == CLG_EUSAGE) {
        char detail[512];
        snprintf(detail, sizeof detail, "%s", clg_last_error());
        return clg_fail(CLG_EUSAGE, "%s:%d: %s", path, number, detail);
    }
    return status;
}

/* Calls read_line for each line of text, which is cut up. */
static clg_status read_lines(clg_config *config, char *text, size_t size, const char *path)
{
    int number = 1;
    const char *zero = memchr(text, '\0', size);
    if (zero)
        return clg_fail(CLG_EDATA, "%s: is not a text file: byte %zu is 0", path,
                        (size_t)(zero - text));
    for (char *line = text; line; number++) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        CLG_TRY(read_line(config, line, path, number));
        line = next;
    }
    return CLG_OK;
}

clg_status clg_config_read(clg_config *config, const char *path)
{
    char *text;
    size_t size;
    CLG_TRY(clg_file_read(&text, &size, path, (size_t)1 << 20));
    clg_status status = read_lines(config, text, size, path);
    free(text);
    return status;
}

/* Appends the lines of all options, or of those kept in a model file. */
static clg_status config_text(char **out, const clg_config *config, int model)
{
    size_t count, size = 256, length = 0;
    const clg_option *options = clg_config_options(&count);
    const char *group = "";
    for (size_t i = 0; i < count; i++)
        size += strlen(options[i].name) + strlen(clg_config_get(config, options[i].name)) + 32;
    CLG_TRY(clg_alloc(out, size, 1, "a configuration's text"));
    for (size_t i = 0; i < count; i++) {
        const char *value = clg_config_get(config, options[i].name);
        if (model && !clg_config_is_kept(i))
            continue;
        if (!model && strcmp(group, options[i].group) != 0) {
            group = options[i].group;
            length += (size_t)snprintf(*out + length, size - length, "%s[%s]\n",
                                       length ? "\n" : "", group);
        }
        length += (size_t)snprintf(*out + length, size - length, model ? "%s=%s\n" : "%s = %s\n",
                                   options[i].name, value);
    }
    return CLG_OK;
}

clg_status clg_config_write(const clg_config *config, const char *path)
{
    char *text;
    CLG_TRY(config_text(&text, config, 0));
    clg_status status = clg_file_write(path, text, strlen(text));
    free(text);
    return status;
}

clg_status clg_config_model_text(char **text, const clg_config *config)
{
    return config_text(text, config, 1);
}

clg_status clg_config_parse_model_text(clg_config *config, const char *text, const char *path)
{
    char *copy;
    CLG_TRY(clg_text_copy(&copy, text));
    clg_status status = read_lines(config, copy, strlen(copy), "clgrad.config");
    free(copy);
    if (status == CLG_EUSAGE) {
        char detail[512];
        snprintf(detail, sizeof detail, "%s", clg_last_error());
        return clg_fail(CLG_EDATA, "%s: %s", path, detail);
    }
    return status;
}
