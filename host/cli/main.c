/* The program: finds the command, runs it, and turns its status into an exit code and at most one
 * line on stderr. */
#define _GNU_SOURCE
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* The program's own last error; "" where the library's holds. */
static char own_error[4096];

static const struct {
    clg_status status;
    int code;
} exit_codes[] = {
    {CLG_OK, 0},        {CLG_EMISMATCH, 1}, {CLG_EUSAGE, 2}, {CLG_EDATA, 3},     {CLG_EIO, 4},
    {CLG_ENODEVICE, 5}, {CLG_EDEVICE, 6},   {CLG_ENOMEM, 6}, {CLG_EDIVERGED, 7},
};

clg_status cli_fail(clg_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(own_error, sizeof own_error, format, arguments);
    va_end(arguments);
    return status;
}

static int exit_code(clg_status status)
{
    if (status == CLG_ECANCELLED)
        return 128 + (cli_signal_caught() ? cli_signal_caught() : SIGINT);
    for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes; i++)
        if (exit_codes[i].status == status)
            return exit_codes[i].code;
    return 6;
}

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

clg_status cli_open_device(struct cli *cli, clg_device **out)
{
    const char *selector = clg_config_get(cli->config, "device");
    if (strcasecmp(selector, "ref") != 0)
        cli_check_drivers(cli);
    CLI_TRY(clg_device_open(out, selector, cli->config));
    cli_signals(0);
    snprintf(cli->notes, sizeof cli->notes, "%s", clg_device_notes(*out));
    snprintf(cli->device, sizeof cli->device, "%s", clg_device_reason(*out));
    if (isatty(STDERR_FILENO))
        cli_announce(cli);
    return CLG_OK;
}

/* A closed standard stream would give its number to the next file opened, and results would be
 * written into a model: such a number is taken by a file on which the stream's use fails. */
static void occupy_standard_streams(void)
{
    static const int flags[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", flags[fd]) != fd)
            _exit(4);
}

/* Everything written so far has arrived. */
static clg_status check_output(clg_status status)
{
    errno = 0;
    int failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed || status != CLG_OK)
        return status;
    return cli_fail(CLG_EIO, "standard output: cannot be written%s%s", errno ? ": " : "",
                    errno ? strerror(errno) : "");
}

/* The one line: several lines of a build log are joined. */
static void print_error(const struct cli *cli, clg_status status)
{
    char line[4096];
    const char *detail = *own_error ? own_error : clg_last_error();
    int color = cli_colors(cli, stderr);
    snprintf(line, sizeof line, "%s", *detail ? detail : clg_status_text(status));
    for (char *c = line; *c; c++)
        if (*c == '\n')
            *c = c[1] && c[1] != '\n' ? '|' : ' ';
    cli_clean(line, sizeof line, line);
    for (size_t length = strlen(line); length && line[length - 1] == ' ';)
        line[--length] = '\0';
    fprintf(stderr, "%sclgrad:%s %s\n", color ? "\033[31m" : "", color ? "\033[0m" : "", line);
}

static clg_status find_command(struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i].name, name) == 0) {
            cli->command = &cli_commands[i];
            return CLG_OK;
        }
    if (name[0] == '-')
        return cli_fail(CLG_EUSAGE, "%s: a command comes first: see clgrad --help", name);
    const char *near =
        clg_nearest(name, &cli_commands[0].name, cli_command_count, sizeof *cli_commands);
    if (near)
        return cli_fail(CLG_EUSAGE, "unknown command %s: did you mean %s?", name, near);
    return cli_fail(CLG_EUSAGE, "unknown command %s: see clgrad --help", name);
}

static clg_status run(struct cli *cli, int argc, char **argv)
{
    if (argc < 2)
        return cli_fail(CLG_EUSAGE, "no command given: see clgrad --help");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_help();
        return CLG_OK;
    }
    if (strcmp(argv[1], "--version") != 0) {
        CLI_TRY(find_command(cli, argv[1]));
        CLI_TRY(clg_config_create(&cli->config));
        cli->file = calloc((size_t)argc, sizeof *cli->file);
        if (!cli->file)
            return cli_fail(CLG_ENOMEM, "no memory for %d arguments", argc);
        CLI_TRY(cli_parse(cli, argc - 2, argv + 2));
        if (cli_switch(cli, CLI_HELP)) {
            cli_command_help(cli->command);
            return CLG_OK;
        }
        if (!cli_switch(cli, CLI_VERSION))
            return cli->command->run(cli);
    }
    printf("clgrad %s\n", clg_version());
    return CLG_OK;
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    occupy_standard_streams();
    signal(SIGPIPE, SIG_IGN);
    clg_status status = check_output(run(&cli, argc, argv));
    if (status != CLG_OK)
        print_error(&cli, status);
    else
        cli_announce(&cli);
    clg_config_destroy(cli.config);
    free(cli.file);
    if (status == CLG_EDEVICE) { /* a driver that hangs may hang at the process's end as well */
        cli_show_all_drivers();
        fflush(NULL);
        _exit(exit_code(status));
    }
    return exit_code(status);
}
