/* clgrad inspect --estimate: a training step on paper, of a network made from train's options or
 * read from a model file. */
#include "json.h"

#include <math.h>
#include <string.h>

static json_t *named_numbers(const clg_estimate *estimate)
{
    json_t *memory = json_object();
    for (int i = 0; memory && i < estimate->purposes; i++)
        json_object_set_new(memory, estimate->purpose[i].name,
                            cli_json_count(estimate->purpose[i].bytes));
    return memory;
}

static clg_status print_json(const clg_estimate *e, const clg_net *net, const clg_device *device)
{
    json_t *phases = json_object();
    for (int phase = 0; phases && phase < CLG_PHASES; phase++)
        json_object_set_new(phases, clg_phase_name((clg_phase)phase),
                            cli_json_number(e->phase_us[phase]));
    return cli_json_print(
        json_pack("{s:o, s:o, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "network",
                  cli_json_text(clg_net_text(net)), "device",
                  cli_json_text(clg_device_describe(device)->name), "plan", e->plan, "batch",
                  e->batch, "launches_per_step", cli_json_number(e->launches), "flops_per_step",
                  cli_json_number(e->flops), "bytes_per_step", cli_json_number(e->bytes),
                  "predicted_us", cli_json_number(e->step_us), "phase_us", phases, "memory",
                  named_numbers(e), "memory_bytes", cli_json_count(e->memory), "allowed_bytes",
                  cli_json_count(e->budget)),
        stdout);
}

static clg_status print_text(const clg_estimate *e, const clg_net *net)
{
    struct cli_table table;
    printf("network   %s\n", clg_net_text(net));
    printf("step      %s plan, batch %d: %.3g launches, %.4g MFLOP, %.4g MB\n", e->plan, e->batch,
           e->launches, 1e-6 * e->flops, 1e-6 * e->bytes);
    if (isfinite(e->step_us)) {
        printf(
            "time      %.1f us a step, %.4g examples a second, predicted from the device's roofs\n",
            e->step_us, 1e6 * e->batch / e->step_us);
        for (int phase = 0; phase < CLG_PHASES; phase++)
            if (e->phase_us[phase] > 0)
                printf("          %-8s %.1f us\n", clg_phase_name((clg_phase)phase),
                       e->phase_us[phase]);
    }
    printf("memory    %.1f MB on the device, %.1f MB are allowed%s\n", 1e-6 * (double)e->memory,
           1e-6 * (double)e->budget, e->memory > e->budget ? ": it does not fit" : "");
    cli_table_begin(&table, "llr");
    for (int i = 0; i < e->purposes; i++) {
        cli_table_cell(&table, "%8s", "");
        cli_table_cell(&table, "%s", e->purpose[i].name);
        cli_table_cell(&table, "%.3f MB", 1e-6 * (double)e->purpose[i].bytes);
    }
    return cli_table_end(&table);
}

static clg_status estimate(struct cli *cli, const clg_net *net, const clg_dataset *data, int batch)
{
    clg_device *device = NULL;
    clg_estimate e;
    clg_status status = cli_open_device(cli, &device);
    if (status == CLG_OK)
        status = clg_training_estimate(&e, net, device, data, batch);
    if (status == CLG_OK)
        status = cli_switch(cli, CLI_JSON) ? print_json(&e, net, device) : print_text(&e, net);
    clg_device_close(device);
    return status;
}

/* A model file says of itself how it was trained; --batch counts more. */
static clg_status estimate_file(struct cli *cli)
{
    clg_net *net = NULL;
    int batch = 0;
    if (clg_config_is_set(cli->config, "batch") &&
        sscanf(clg_config_get(cli->config, "batch"), "%9d", &batch) != 1)
        return cli_fail(CLG_EUSAGE, "inspect: --batch full: give a number with a model file");
    CLI_TRY(clg_net_load(&net, cli->file[0], NULL));
    clg_status status = estimate(cli, net, NULL, batch);
    clg_net_destroy(net);
    return status;
}

clg_status cli_estimate(struct cli *cli)
{
    struct cli_training training;
    const char *train = clg_config_get(cli->config, "train");
    if (cli->files && *train)
        return cli_fail(CLG_EUSAGE, "inspect --estimate: a model FILE or --train X, not both");
    if (cli->files)
        return estimate_file(cli);
    if (!*train)
        return cli_fail(CLG_EUSAGE,
                        "inspect --estimate: a model FILE or --train X[,Y] is needed: see clgrad "
                        "inspect --help");
    CLI_TRY(cli_training_load(&training, cli->config));
    clg_status status = estimate(cli, training.net, training.data, 0);
    cli_training_clear(&training);
    return status;
}
