/* --help of the program and of each command, made from the tables that the parser reads. */
#include "cli.h"

#include <string.h>

enum { WIDTH = 80, HELP_COLUMN = 30 };

/* Words of text in lines of WIDTH columns, each beginning at HELP_COLUMN; the cursor stands at
 * column. */
static void print_wrapped(const char *text, size_t column)
{
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + word > WIDTH) {
            putchar('\n');
            column = 0;
        }
        if (column < HELP_COLUMN) {
            printf("%*s", (int)(HELP_COLUMN - column), "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)word, text);
        column += word;
        text += word + (text[word] == ' ');
    }
    putchar('\n');
}

static void print_option(const char *name, char letter, const char *argument, const char *fallback,
                         const char *help)
{
    char text[512];
    int column = letter ? printf("  -%c, --%s", letter, name) : printf("  --%s", name);
    if (argument)
        column += printf(" %s", argument);
    if (argument && *fallback)
        snprintf(text, sizeof text, "%s (default %s)", help, fallback);
    else
        snprintf(text, sizeof text, "%s", help);
    if (column >= HELP_COLUMN - 1) {
        putchar('\n');
        column = 0;
    }
    print_wrapped(text, (size_t)column);
}

/* The library's options of one group that the command takes, under a heading. */
static void print_group(const struct cli_command *command, const char *group)
{
    size_t count, printed = 0;
    const clg_option *options = clg_config_options(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].group, group) != 0 ||
            !(cli_option_commands(&options[i]) & command->bit))
            continue;
        if (!printed++)
            printf("\n%s:\n", group);
        print_option(options[i].name, 0, options[i].argument, options[i].fallback, options[i].help);
    }
}

/* The program's own options: those of every command, or those of some. */
static void print_own(const struct cli_command *command, int common)
{
    int printed = common; /* the common ones continue a group */
    for (int i = 0; i < CLI_OWN_COUNT; i++) {
        const struct cli_own_option *row = &cli_own_options[i];
        if (!(row->commands & command->bit) || (row->commands == CLI_EVERY) != common)
            continue;
        if (!printed++)
            putchar('\n');
        print_option(row->name, row->letter, row->argument, row->fallback, row->help);
    }
}

void cli_command_help(const struct cli_command *command)
{
    static const char *const groups[] = {"data", "network", "learning", "run", "common"};
    printf("clgrad %s%s%s\n%s\n", command->name, *command->usage ? " " : "", command->usage,
           command->summary);
    print_own(command, 0);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        print_group(command, groups[i]);
    print_own(command, 1);
    printf(
        "\n--name value and --name=value are the same; an option given twice: the last counts.\n");
}

void cli_help(void)
{
    printf("clgrad %s: trains neural networks on any OpenCL device, checked against the CPU\n\n",
           clg_version());
    for (size_t i = 0; i < cli_command_count; i++)
        printf("  clgrad %-9s %s\n", cli_commands[i].name, cli_commands[i].summary);
    printf("\nclgrad COMMAND --help tells a command's options; clgrad --version the version.\n"
           "exit: 0 ok, 1 mismatch, 2 usage, 3 bad input file, 4 input/output, 5 no device,\n"
           "      6 device or memory, 7 training diverged, 130 and 143 interrupted\n"
           "environment: CLGRAD_DATA (datasets), CLGRAD_MEM_LIMIT and CLGRAD_HOST_LIMIT (bytes),\n"
           "             CLGRAD_CACHE (program binaries), NO_COLOR\n");
}
