/* Opening the device that --device chooses, once its driver is known to live. */
#define _GNU_SOURCE
#include "cli.h"

#include <strings.h>
#include <unistd.h>

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
