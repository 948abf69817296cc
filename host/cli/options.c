/* The parser of the command line.  What options there are is stated in two tables: the program's
 * own (CLI_OWN_LIST) and the library's (clg_config_options); this file says which command takes
 * which and leaves the checking of the library's values to clg_config_set. */
#include "cli.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const struct cli_own_option cli_own_options[CLI_OWN_COUNT] = {
#define CLI_OWN_ROW(id, name, letter, argument, fallback, commands, help)                          \
    {name, letter, argument, fallback, commands, help},
    CLI_OWN_LIST(CLI_OWN_ROW)
#undef CLI_OWN_ROW
};

const struct cli_command cli_commands[] = {
    {"devices", CLI_DEVICES, "", "list every device with its score and quirks", cli_cmd_devices},
    {"train", CLI_TRAIN, "--train X[,Y] --out RUN [options]", "train a network", cli_cmd_train},
    {"eval", CLI_EVAL, "--model F --data X[,Y] [options]",
     "loss, accuracy, confusion matrix, precision and recall", cli_cmd_eval},
    {"predict", CLI_PREDICT, "--model F --data X [--out P] [options]", "apply a model to data",
     cli_cmd_predict},
    {"verify", CLI_VERIFY,
     "[--quick|--full|--repeat N] | --model F --data X[,Y] | --train X[,Y] [options]",
     "check a device against the double-precision reference", cli_cmd_verify},
    {"profile", CLI_PROFILE, "--train X[,Y] [--steps N] [--trace T.json] [options]",
     "where the time of training goes, kernel by kernel", cli_cmd_profile},
    {"inspect", CLI_INSPECT, "FILE [--json] | --estimate FILE|--train X[,Y] [options]",
     "describe a model or data file, or a training step before it runs", cli_cmd_inspect},
    {"export", CLI_EXPORT, "--model F --to npy|png --out P", "write a model in another format",
     cli_cmd_export},
    {"report", CLI_REPORT, "RUN... [--out F.html] [options]",
     "a run as a page with its curves, mistakes and weights; several runs compared",
     cli_cmd_report},
    {"tune", CLI_TUNE, "[--device D] [options]",
     "measure and keep what training does faster than by the defaults on a device", cli_cmd_tune},
};
const size_t cli_command_count = sizeof cli_commands / sizeof *cli_commands;

/* The commands that take train's options. */
enum { CLI_LEARN = CLI_TRAIN | CLI_VERIFY | CLI_PROFILE | CLI_INSPECT };

/* Which commands take the library's options: the first row whose name or group is the option's. */
static const struct {
    const char *name, *group;
    unsigned commands;
} uses[] = {
    {"steps", NULL, CLI_TRAIN}, /* verify has its own */
    {"val", NULL, CLI_TRAIN},
    {"test", NULL, CLI_TRAIN},
    {"target", NULL, CLI_LEARN | CLI_EVAL | CLI_PREDICT},
    {"label-col", NULL, CLI_LEARN | CLI_EVAL | CLI_PREDICT},
    {"missing", NULL, CLI_LEARN | CLI_EVAL | CLI_PREDICT},
    /* what a model file without clgrad's metadata leaves open */
    {"normalize", NULL, CLI_LEARN | CLI_EVAL | CLI_PREDICT},
    {"layers", NULL, CLI_LEARN | CLI_EVAL | CLI_PREDICT | CLI_EXPORT},
    {"act", NULL, CLI_LEARN | CLI_EVAL | CLI_PREDICT | CLI_EXPORT},
    {"output-act", NULL, CLI_LEARN | CLI_EVAL | CLI_PREDICT | CLI_EXPORT},
    {"loss", NULL, CLI_LEARN | CLI_EVAL | CLI_PREDICT | CLI_EXPORT},
    {NULL, "data", CLI_LEARN},
    {NULL, "network", CLI_LEARN},
    {NULL, "learning", CLI_LEARN},
    {NULL, "run", CLI_TRAIN},
    {NULL, "common", CLI_EVERY},
};

unsigned cli_option_commands(const clg_option *option)
{
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (uses[i].name ? strcmp(uses[i].name, option->name) == 0
                         : strcmp(uses[i].group, option->group) == 0)
            return uses[i].commands;
    return 0;
}

const char *cli_get(const struct cli *cli, enum cli_own option)
{
    return cli->own[option] ? cli->own[option] : cli_own_options[option].fallback;
}

int cli_is(const struct cli *cli, enum cli_own option, const char *text)
{
    return strcmp(cli_get(cli, option), text) == 0;
}

int cli_switch(const struct cli *cli, enum cli_own option)
{
    return cli_is(cli, option, "true");
}

clg_status cli_need(const struct cli *cli, enum cli_own option)
{
    const struct cli_own_option *row = &cli_own_options[option];
    if (*cli_get(cli, option))
        return CLG_OK;
    return cli_fail(CLG_EUSAGE, "%s: --%s %s is needed: see clgrad %s --help", cli->command->name,
                    row->name, row->argument, cli->command->name);
}

/* One option as it stands on the command line. */
struct token {
    const char *text;         /* the argument as it was written */
    char name[64];            /* without dashes */
    const char *value;        /* behind "=", else NULL */
    int own;                  /* index of cli_own_options, -1: none */
    const clg_option *option; /* the library's, NULL: none */
};

/* The option that token names among those that one of `commands` takes. */
static int find(struct token *token, unsigned commands)
{
    size_t count;
    const clg_option *options = clg_config_options(&count);
    token->own = -1;
    token->option = NULL;
    for (int i = 0; i < CLI_OWN_COUNT; i++)
        if ((cli_own_options[i].commands & commands) &&
            strcmp(cli_own_options[i].name, token->name) == 0) {
            token->own = i;
            return 1;
        }
    for (size_t i = 0; i < count; i++)
        if ((cli_option_commands(&options[i]) & commands) &&
            strcmp(options[i].name, token->name) == 0) {
            token->option = &options[i];
            return 1;
        }
    return 0;
}

/* Where another command takes the option: says which. */
static clg_status not_taken(const struct cli *cli, struct token *token)
{
    char takers[128] = "";
    for (size_t i = 0; i < cli_command_count; i++)
        if (find(token, cli_commands[i].bit)) {
            size_t length = strlen(takers);
            snprintf(takers + length, sizeof takers - length, "%s%s", length ? ", " : "",
                     cli_commands[i].name);
        }
    return cli_fail(CLG_EUSAGE, "%s does not take --%s (an option of %s)", cli->command->name,
                    token->name, takers);
}

static clg_status unknown_option(const struct cli *cli, struct token *token)
{
    const char *words[128];
    size_t count, known = 0, room = sizeof words / sizeof *words;
    const clg_option *options = clg_config_options(&count);
    if (strncmp(token->text, "--", 2) == 0 && find(token, CLI_EVERY))
        return not_taken(cli, token);
    for (int i = 0; i < CLI_OWN_COUNT; i++)
        if (cli_own_options[i].commands & cli->command->bit)
            words[known++] = cli_own_options[i].name;
    for (size_t i = 0; i < count && known < room; i++)
        if (cli_option_commands(&options[i]) & cli->command->bit)
            words[known++] = options[i].name;
    const char *near = clg_nearest(token->name, words, known, sizeof *words);
    if (near)
        return cli_fail(CLG_EUSAGE, "%s: unknown option %s: did you mean --%s?", cli->command->name,
                        token->text, near);
    return cli_fail(CLG_EUSAGE, "%s: unknown option %s: see clgrad %s --help", cli->command->name,
                    token->text, cli->command->name);
}

/* Splits --name, --name=value or -q and looks the option up. */
static clg_status read_token(const struct cli *cli, struct token *token, const char *text)
{
    const char *name = text + (strncmp(text, "--", 2) == 0 ? 2 : 1);
    size_t length = strcspn(name, "=");
    token->text = text;
    token->value = name[length] ? name + length + 1 : NULL;
    snprintf(token->name, sizeof token->name, "%.*s",
             (int)(length < sizeof token->name ? length : sizeof token->name - 1), name);
    if (name != text + 1)
        return length < sizeof token->name && find(token, cli->command->bit)
                   ? CLG_OK
                   : unknown_option(cli, token);
    for (int i = 0; i < CLI_OWN_COUNT; i++)
        if (cli_own_options[i].letter && length == 1 && cli_own_options[i].letter == *name) {
            token->own = i;
            token->option = NULL;
            return CLG_OK;
        }
    return unknown_option(cli, token);
}

/* Whether value is one of "a|b|c". */
static int is_choice(const char *value, const char *words)
{
    size_t length = strlen(value);
    while (*words) {
        size_t word = strcspn(words, "|");
        if (word == length && strncmp(words, value, word) == 0)
            return 1;
        words += word + (words[word] == '|');
    }
    return 0;
}

static clg_status bad_choice(const char *name, const char *value, const char *choices)
{
    char text[128];
    const char *words[16];
    size_t count = 0;
    snprintf(text, sizeof text, "%s", choices);
    for (char *word = strtok(text, "|"); word && count < 16; word = strtok(NULL, "|"))
        words[count++] = word;
    const char *near = clg_nearest(value, words, count, sizeof *words);
    if (near)
        return cli_fail(CLG_EUSAGE, "--%s %s: did you mean %s? (one of %s)", name, value, near,
                        choices);
    return cli_fail(CLG_EUSAGE, "--%s %s: must be one of %s", name, value, choices);
}

static clg_status check_own(enum cli_own id, const char *value)
{
    const struct cli_own_option *row = &cli_own_options[id];
    const char *words = row->argument ? row->argument : "true|false";
    int choice = !row->argument || id == CLI_TO || id == CLI_PROGRESS || id == CLI_COLOR ||
                 id == CLI_WIDEST;
    if (choice && !is_choice(value, words))
        return bad_choice(row->name, value, words);
    if (!choice && !*value)
        return cli_fail(CLG_EUSAGE, "--%s: its value is empty", row->name);
    if (id == CLI_STEPS || id == CLI_REPEAT || id == CLI_SECONDS || id == CLI_MEASURED) {
        char *end;
        long number = strtol(value, &end, 10), low = id == CLI_REPEAT ? 2 : 1;
        if (!isdigit((unsigned char)*value) || *end || number < low || number > 1000000)
            return cli_fail(CLG_EUSAGE, "--%s %s: not a whole number from %ld to 1000000",
                            row->name, value, low);
    }
    return CLG_OK;
}

static clg_status missing_value(const struct token *token, const char *next)
{
    const char *name = token->option ? token->option->name : cli_own_options[token->own].name;
    const char *argument =
        token->option ? token->option->argument : cli_own_options[token->own].argument;
    if (next)
        return cli_fail(CLG_EUSAGE, "--%s: its value %s is missing (--%s=%s where that is meant)",
                        name, argument, name, next);
    return cli_fail(CLG_EUSAGE, "--%s: its value %s is missing", name, argument);
}

/* The value of token, from behind its "=" or from the next argument. */
static clg_status take_value(struct token *token, const char *next, int *used)
{
    const char *argument =
        token->option ? token->option->argument : cli_own_options[token->own].argument;
    *used = 0;
    if (token->value)
        return CLG_OK;
    if (!argument) {
        token->value = "true";
        return CLG_OK;
    }
    if (!next || strncmp(next, "--", 2) == 0)
        return missing_value(token, next);
    token->value = next;
    *used = 1;
    return CLG_OK;
}

static clg_status unexpected(const struct cli *cli, const char *text)
{
    return cli_fail(CLG_EUSAGE, "%s: unexpected argument %s: options begin with --",
                    cli->command->name, text);
}

/* inspect takes one argument that is no option, report as many as there are; there is room for all
 * of argv. */
static clg_status take_file(struct cli *cli, const char *text)
{
    size_t most = cli->command->bit == CLI_INSPECT ? 1 : (size_t)-1;
    if (!(cli->command->bit & (CLI_INSPECT | CLI_REPORT)) || cli->files == most)
        return unexpected(cli, text);
    cli->file[cli->files++] = text;
    return CLG_OK;
}

/* Walks over the arguments; with `library` only the library's options take effect, without it only
 * the program's own. */
static clg_status walk(struct cli *cli, int argc, char **argv, int library)
{
    for (int i = 0; i < argc; i++) {
        struct token token;
        int used;
        if (argv[i][0] != '-' || !argv[i][1]) {
            if (!library)
                CLI_TRY(take_file(cli, argv[i]));
            continue;
        }
        CLI_TRY(read_token(cli, &token, argv[i]));
        CLI_TRY(take_value(&token, i + 1 < argc ? argv[i + 1] : NULL, &used));
        i += used;
        if (token.option && library)
            CLI_TRY(clg_config_set(cli->config, token.option->name, token.value));
        if (!token.option && !library) {
            CLI_TRY(check_own((enum cli_own)token.own, token.value));
            cli->own[token.own] = token.value;
        }
    }
    return CLG_OK;
}

clg_status cli_parse(struct cli *cli, int argc, char **argv)
{
    CLI_TRY(walk(cli, argc, argv, 0));
    if (cli_switch(cli, CLI_HELP) || cli_switch(cli, CLI_VERSION))
        return CLG_OK;
    if (*cli_get(cli, CLI_CONFIG))
        CLI_TRY(clg_config_read(cli->config, cli_get(cli, CLI_CONFIG)));
    return walk(cli, argc, argv, 1);
}
