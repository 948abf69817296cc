/* clgrad report: the page of a run written again, or of several compared, and the same in short on
 * standard output.  train writes the page of its own run through here. */
#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int output_columns(void)
{
    struct winsize size = {0};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Takes --device from the first run where none is given; a folder that is no run's is found out by
 * the report itself. */
static clg_status take_device(struct cli *cli)
{
    size_t size = strlen(cli->file[0]) + sizeof "/config.ini";
    char *path = malloc(size);
    clg_config *run = NULL;
    clg_status status = CLG_OK;
    if (!path)
        return cli_fail(CLG_ENOMEM, "no memory for a path");
    snprintf(path, size, "%s/config.ini", cli->file[0]);
    if (clg_config_create(&run) == CLG_OK && clg_config_read(run, path) == CLG_OK)
        status = clg_config_set(cli->config, "device", clg_config_get(run, "device"));
    clg_config_destroy(run);
    free(path);
    return status;
}

/* The device asked for, else the first run's; where that is gone, the reference. */
static clg_status open_device(struct cli *cli, clg_device **out)
{
    if (clg_config_is_set(cli->config, "device"))
        return cli_open_device(cli, out);
    CLI_TRY(take_device(cli));
    clg_status status = cli_open_device(cli, out);
    if (status != CLG_ENODEVICE)
        return status;
    CLI_TRY(clg_config_set(cli->config, "device", "ref"));
    return cli_open_device(cli, out);
}

static clg_status print_json(char *text, const char *path)
{
    json_t *root = json_loads(text, 0, NULL);
    if (root)
        json_object_set_new(root, "report", cli_json_text(path));
    return cli_json_print(root, stdout);
}

/* RUN/report.html; the caller frees it. */
static clg_status page_of(char **out, const char *folder)
{
    size_t size = strlen(folder) + sizeof "/report.html";
    const char *slash = *folder && folder[strlen(folder) - 1] == '/' ? "" : "/";
    *out = malloc(size);
    if (!*out)
        return cli_fail(CLG_ENOMEM, "no memory for a path");
    snprintf(*out, size, "%s%sreport.html", folder, slash);
    return CLG_OK;
}

clg_status cli_cmd_report(struct cli *cli)
{
    clg_device *device = NULL;
    clg_report *report = NULL;
    clg_report_options options = {0};
    char *text = NULL, *path = NULL;
    const char *out = cli_get(cli, CLI_PAGE);
    clg_status status;
    if (!cli->files)
        return cli_fail(CLG_EUSAGE, "report: the folder of a RUN is needed: see clgrad report "
                                    "--help");
    CLI_TRY_DONE(page_of(&path, cli->file[0]));
    if (!*out)
        out = cli->files > 1 ? "comparison.html" : path;
    CLI_TRY_DONE(open_device(cli, &device));
    options.device = device;
    CLI_TRY_DONE(clg_report_create(&report, cli->file, cli->files, &options));
    CLI_TRY_DONE(clg_report_write(report, out));
    int json = cli_switch(cli, CLI_JSON);
    CLI_TRY_DONE(clg_report_summary(&text, report, output_columns(), json));
    if (json) {
        status = print_json(text, out);
    } else {
        fputs(text, stdout);
        cli_say(cli, "report: %s", out);
    }
done:
    clg_text_free(text);
    clg_report_destroy(report);
    clg_device_close(device);
    free(path);
    return status;
}

clg_status cli_write_report(const struct cli *cli, const struct cli_training *training,
                            clg_device *device)
{
    const char *run = clg_config_get(cli->config, "out");
    clg_report *report = NULL;
    char *path = NULL;
    clg_report_options options = {.device = device,
                                  .data = training->test  ? training->test
                                          : training->val ? training->val
                                                          : training->data,
                                  .data_name = training->test  ? "test data"
                                               : training->val ? "validation data"
                                                               : "training data"};
    clg_status status;
    CLI_TRY_DONE(page_of(&path, run));
    CLI_TRY_DONE(clg_report_create(&report, &run, 1, &options));
    CLI_TRY_DONE(clg_report_write(report, path));
    cli_say(cli, "report: %s", path);
done:
    clg_report_destroy(report);
    free(path);
    return status;
}
