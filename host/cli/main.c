/* The program: finds the command, runs it, and turns its status into an exit code. */
#define _GNU_SOURCE
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    clg_status status;
    int code;
} exit_codes[] = {
    {CLG_OK, 0},        {CLG_EMISMATCH, 1}, {CLG_EUSAGE, 2}, {CLG_EDATA, 3},     {CLG_EIO, 4},
    {CLG_ENODEVICE, 5}, {CLG_EDEVICE, 6},   {CLG_ENOMEM, 6}, {CLG_EDIVERGED, 7},
};

static int exit_code(clg_status status)
{
    if (status == CLG_ECANCELLED)
        return 128 + (cli_signal_caught() ? cli_signal_caught() : SIGINT);
    for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes; i++)
        if (exit_codes[i].status == status)
            return exit_codes[i].code;
    return 6;
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
        cli_say_error(&cli, status);
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
