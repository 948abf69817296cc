/* clgrad inspect and clgrad export: what a file holds, and a model in another format. */
#include "json.h"

#include <string.h>

clg_status cli_cmd_inspect(struct cli *cli)
{
    char *text = NULL;
    if (cli_switch(cli, CLI_ESTIMATE))
        return cli_estimate(cli);
    if (!cli->files)
        return cli_fail(CLG_EUSAGE, "inspect: a FILE is needed: see clgrad inspect --help");
    CLI_TRY(clg_inspect(&text, cli->file[0], cli_switch(cli, CLI_JSON)));
    size_t length = strlen(text);
    printf("%s%s", text, length && text[length - 1] == '\n' ? "" : "\n");
    clg_text_free(text);
    return CLG_OK;
}

clg_status cli_cmd_export(struct cli *cli)
{
    clg_net *net = NULL;
    const char *format = cli_get(cli, CLI_TO), *out = cli_get(cli, CLI_EXPORTED);
    CLI_TRY(cli_need(cli, CLI_MODEL));
    CLI_TRY(cli_need(cli, CLI_TO));
    CLI_TRY(cli_need(cli, CLI_EXPORTED));
    CLI_TRY(clg_net_load(&net, cli_get(cli, CLI_MODEL), cli->config));
    clg_status status = clg_export(net, format, out);
    clg_net_destroy(net);
    CLI_TRY(status);
    if (cli_switch(cli, CLI_JSON))
        return cli_json_print(json_pack("{s:s, s:o}", "format", format, "out", cli_json_text(out)),
                              stdout);
    cli_say(cli, "%s: written as %s", out, format);
    return CLG_OK;
}
