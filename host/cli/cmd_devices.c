/* clgrad devices: every device of every platform, and the reference. */
#include "json.h"

/* The P:D that --device takes, or ref. */
static void id_of(char out[32], const clg_device_info *device)
{
    if (device->platform < 0)
        snprintf(out, 32, "ref");
    else
        snprintf(out, 32, "%d:%d", device->platform, device->index);
}

static clg_status print_json(const clg_device_info *list, size_t count)
{
    json_t *rows = json_array();
    for (size_t i = 0; rows && i < count; i++) {
        const clg_device_info *d = &list[i];
        char id[32];
        id_of(id, d);
        json_array_append_new(
            rows,
            json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:b, s:o, s:o}",
                      "id", id, "type", d->type, "platform", cli_json_text(d->platform_name),
                      "vendor", cli_json_text(d->vendor), "device", cli_json_text(d->name),
                      "opencl", cli_json_text(d->opencl_version), "driver",
                      cli_json_text(d->driver_version), "units", d->units, "clock_mhz",
                      d->clock_mhz, "memory", cli_json_count(d->memory), "max_allocation",
                      cli_json_count(d->max_allocation), "local_memory",
                      cli_json_count(d->local_memory), "usable", d->usable, "score",
                      cli_json_number(d->score), "quirks", cli_json_text(d->quirks)));
    }
    return cli_json_print(rows, stdout);
}

static void text_cell(struct cli_table *table, const char *text)
{
    cli_table_cell(table, "%s", *text ? text : "-");
}

static clg_status print_table(const clg_device_info *list, size_t count)
{
    static const char *const heads[] = {"P:D",    "type",   "score",  "units",
                                        "memory", "device", "vendor", "platform",
                                        "OpenCL", "driver", "quirks"};
    struct cli_table table;
    cli_table_begin(&table, "llrrrllllll");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        cli_table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < count; i++) {
        const clg_device_info *d = &list[i];
        char id[32];
        id_of(id, d);
        cli_table_cell(&table, "%s", id);
        cli_table_cell(&table, "%s", d->type);
        cli_table_cell(&table, "%.4g", d->score);
        cli_table_cell(&table, "%d", d->units);
        cli_table_cell(&table, "%.1f GiB", (double)d->memory / (1 << 30));
        text_cell(&table, d->name);
        text_cell(&table, d->vendor);
        text_cell(&table, d->platform_name);
        text_cell(&table, d->opencl_version);
        text_cell(&table, d->driver_version);
        cli_table_cell(&table, "%s%s%s", d->usable ? "" : "not usable",
                       d->usable || !*d->quirks ? "" : ": ", d->quirks);
    }
    return cli_table_end(&table);
}

clg_status cli_cmd_devices(struct cli *cli)
{
    clg_device_info *list = NULL;
    size_t count = 0;
    cli_check_drivers(cli);
    clg_status listed = clg_device_list(&list, &count); /* without a platform: the reference */
    clg_status status = CLG_OK;
    if (listed == CLG_OK || count > 0)
        status = cli_switch(cli, CLI_PROBE)  ? cli_probe(cli, list, count)
                 : cli_switch(cli, CLI_JSON) ? print_json(list, count)
                                             : print_table(list, count);
    clg_device_list_free(list);
    return listed != CLG_OK ? listed : status;
}
