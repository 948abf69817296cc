/* What the program says on stderr: notes on the way, which device was taken, and the one line of an
 * error.  Results go to stdout, and progress is progress.c's. */
#include "json.h"

#include <stdarg.h>
#include <string.h>

void cli_say(const struct cli *cli, const char *format, ...)
{
    char line[2048];
    va_list arguments;
    if (cli_switch(cli, CLI_QUIET) || cli_is(cli, CLI_PROGRESS, "none"))
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    cli_clean(line, sizeof line, line);
    if (cli_is(cli, CLI_PROGRESS, "json"))
        (void)cli_json_print(json_pack("{s:o}", "message", cli_json_text(line)), stderr);
    else
        fprintf(stderr, "%s\n", line);
}

void cli_announce(struct cli *cli)
{
    if (*cli->device)
        cli_say(cli, "%s", cli->device);
    if (*cli->notes)
        cli_say(cli, "%s", cli->notes);
    cli->device[0] = cli->notes[0] = '\0';
}

/* The one line: several lines of a build log are joined. */
void cli_say_error(const struct cli *cli, clg_status status)
{
    char line[4096];
    int color = cli_colors(cli, stderr);
    snprintf(line, sizeof line, "%s", cli_error(status));
    for (char *c = line; *c; c++)
        if (*c == '\n')
            *c = c[1] && c[1] != '\n' ? '|' : ' ';
    cli_clean(line, sizeof line, line);
    for (size_t length = strlen(line); length && line[length - 1] == ' ';)
        line[--length] = '\0';
    fprintf(stderr, "%sclgrad:%s %s\n", color ? "\033[31m" : "", color ? "\033[0m" : "", line);
}
