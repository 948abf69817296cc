/* Text for people: cleaned names, whether to use colours, and tables whose columns line up. */
#define _GNU_SOURCE
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_clean(char *out, size_t size, const char *text)
{
    size_t i = 0;
    for (; text[i] && i + 1 < size; i++) {
        unsigned char c = (unsigned char)text[i];
        out[i] = (char)(c < 32 || c == 127 ? '?' : c);
    }
    out[i] = '\0';
}

int cli_colors(const struct cli *cli, FILE *stream)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    if (cli_is(cli, CLI_COLOR, "always"))
        return 1;
    if (cli_is(cli, CLI_COLOR, "never") || (none && *none))
        return 0;
    return isatty(fileno(stream)) && term && strcmp(term, "dumb") != 0;
}

/* Columns that text takes: letters of UTF-8, each taken as one wide. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void cli_table_begin(struct cli_table *table, const char *align)
{
    memset(table, 0, sizeof *table);
    table->align = align;
    table->columns = strlen(align);
}

void cli_table_cell(struct cli_table *table, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        table->failed = 1;
        return;
    }
    cli_clean(text, (size_t)length + 1, text);
    if (table->cells == table->room) {
        size_t room = table->room ? 2 * table->room : 64;
        char **more = realloc(table->cell, room * sizeof *more);
        if (!more) {
            free(text);
            table->failed = 1;
            return;
        }
        table->cell = more;
        table->room = room;
    }
    table->cell[table->cells++] = text;
}

/* One line; nothing is printed behind its last cell that holds text. */
static void print_row(const struct cli_table *table, char *const *cell, const size_t *width)
{
    size_t last = table->columns;
    while (last > 0 && !*cell[last - 1])
        last--;
    for (size_t j = 0; j < last; j++) {
        int padding = (int)(width[j] - width_of(cell[j]));
        const char *gap = j ? "  " : "";
        if (table->align[j] == 'r')
            printf("%s%*s%s", gap, padding, "", cell[j]);
        else
            printf("%s%s%*s", gap, cell[j], j + 1 < last ? padding : 0, "");
    }
    putchar('\n');
}

clg_status cli_table_end(struct cli_table *table)
{
    size_t *width = calloc(table->columns, sizeof *width);
    clg_status status = CLG_OK;
    if (table->failed || !width)
        status = cli_fail(CLG_ENOMEM, "no memory for a table of %zu cells", table->cells);
    for (size_t i = 0; width && i < table->cells; i++) {
        size_t w = width_of(table->cell[i]), j = i % table->columns;
        width[j] = w > width[j] ? w : width[j];
    }
    for (size_t i = 0; width && status == CLG_OK && i + table->columns <= table->cells; i += table->columns)
        print_row(table, table->cell + i, width);
    for (size_t i = 0; i < table->cells; i++)
        free(table->cell[i]);
    free(table->cell);
    free(width);
    memset(table, 0, sizeof *table);
    return status;
}
