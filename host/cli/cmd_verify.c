/* clgrad verify: a device against the reference, operation by operation or along a training;
 * backpropagation against differences; the same training for the same bits. */
#include "verify_report.h"

#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------------- gradient */

static void on_layer(void *user, int layer, size_t compared, size_t skipped, double worst)
{
    json_array_append_new(user,
                          json_pack("{s:i, s:o, s:o, s:o}", "layer", layer, "compared",
                                    cli_json_count(compared), "skipped", cli_json_count(skipped),
                                    "worst", cli_json_number(worst)));
}

static double share(size_t part, size_t rest)
{
    return part ? 100 * (double)part / ((double)part + (double)rest) : 0.0;
}

static clg_status print_layers(const json_t *layers)
{
    static const char *const heads[] = {"layer", "elements", "at a kink", "largest"};
    struct cli_table table;
    size_t i;
    json_t *row;
    cli_table_begin(&table, "rrrr");
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        cli_table_cell(&table, "%s", heads[i]);
    json_array_foreach((json_t *)layers, i, row)
    {
        size_t compared = (size_t)json_integer_value(json_object_get(row, "compared"));
        size_t skipped = (size_t)json_integer_value(json_object_get(row, "skipped"));
        cli_table_cell(&table, "%zu", i);
        cli_table_cell(&table, "%zu", compared);
        cli_table_cell(&table, "%zu (%.1f %%)", skipped, share(skipped, compared));
        cli_table_cell(&table, "%.3g", json_number_value(json_object_get(row, "worst")));
    }
    return cli_table_end(&table);
}

static clg_status print_gradient(const struct cli *cli, json_t *layers,
                                 const clg_gradient_result *result, int ok)
{
    if (cli_switch(cli, CLI_JSON))
        return cli_json_print(
            json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:O}", "clgrad", clg_version(), "mode",
                      "gradient", "ok", ok, "compared", cli_json_count(result->compared), "skipped",
                      cli_json_count(result->skipped), "worst", cli_json_number(result->worst),
                      "first", cli_json_text(result->first), "layers", layers),
            stdout);
    CLI_TRY(print_layers(layers));
    printf("\nverify: gradient %s, %zu elements, %zu at a kink left out (%.1f %%), largest "
           "|a-n| / max(|a|, |n|, max|g|/1000) beyond rounding %.3g (1e-6 allowed)\n",
           ok ? "ok" : "MISMATCH", result->compared, result->skipped,
           share(result->skipped, result->compared), result->worst);
    return CLG_OK;
}

/* The reference's gradient, on the user's own model and data; no device takes part. */
static clg_status verify_gradient(const struct cli *cli, const struct cli_training *training)
{
    clg_gradient_result result = {0};
    clg_gradient_options options = {.layer = on_layer};
    if (!training->net)
        return cli_fail(CLG_EUSAGE, "--gradient: needs --model with --data, or --train");
    json_t *layers = json_array();
    if (!layers)
        return cli_fail(CLG_ENOMEM, "no memory for the layers' gradients");
    options.user = layers;
    clg_status status = clg_verify_gradient(&result, training->net, training->data, &options);
    if (status == CLG_OK || status == CLG_EMISMATCH) {
        clg_status printed = print_gradient(cli, layers, &result, status == CLG_OK);
        status = status == CLG_OK ? printed : status;
    }
    json_decref(layers);
    return status;
}

/* ------------------------------------------------------------------- repeat */

static clg_status print_repeat(const struct cli *cli, const clg_device *device,
                               const clg_repeat_result *result, int ok)
{
    if (cli_switch(cli, CLI_JSON))
        return cli_json_print(json_pack("{s:s, s:o, s:s, s:b, s:i, s:i, s:i, s:b, s:o, s:o}",
                                        "clgrad", clg_version(), "device", cli_json_device(device),
                                        "mode", "repeat", "ok", ok, "runs", result->runs, "steps",
                                        result->steps, "differing", result->differing, "one_unit",
                                        result->unit, "note", cli_json_text(result->note), "first",
                                        cli_json_text(result->first)),
                              stdout);
    cli_print_device(device);
    if (*result->first)
        printf("first difference: %s\n", result->first);
    if (result->unit)
        printf("one run more on one of the device's compute units\n");
    else
        printf("not run on one compute unit: %s\n", result->note);
    printf("verify: repeat %s, %d runs of %d steps, %d with other bits than the first\n",
           ok ? "ok" : "MISMATCH", result->runs + result->unit, result->steps, result->differing);
    return CLG_OK;
}

static clg_status verify_repeat(struct cli *cli, const struct cli_training *training)
{
    clg_device *device;
    clg_repeat_result result;
    clg_repeat_options options = {.runs = (int)strtol(cli_get(cli, CLI_REPEAT), NULL, 10),
                                  .steps = (int)strtol(cli_get(cli, CLI_STEPS), NULL, 10)};
    CLI_TRY(cli_open_device(cli, &device));
    clg_status status = clg_verify_repeat(&result, training->net, device, training->data, &options);
    if (status == CLG_OK || status == CLG_EMISMATCH) {
        cli_announce(cli);
        clg_status printed = print_repeat(cli, device, &result, status == CLG_OK);
        status = status == CLG_OK ? printed : status;
    }
    clg_device_close(device);
    return status;
}

/* --------------------------------------------------------------- the device */

static clg_status verify_device(struct cli *cli, const struct cli_training *training)
{
    const char *mode = training->net ? "training" : cli_switch(cli, CLI_FULL) ? "full" : "quick";
    struct cli_report report;
    clg_device *device;
    clg_verify_result result = {0};
    clg_verify_options options = {
        .user = &report, .each = cli_report_case, .tensor = cli_report_tensor};
    CLI_TRY(cli_open_device(cli, &device));
    cli_report_begin(&report, cli, mode, training->net ? clg_net_text(training->net) : "");
    options.steps = (int)strtol(cli_get(cli, CLI_STEPS), NULL, 10);
    options.operations = training->net ? 0 : cli_switch(cli, CLI_FULL) ? 2 : 1;
    options.dump = cli->own[CLI_DUMP];
    options.seed = (uint64_t)strtod(clg_config_get(cli->config, "seed"), NULL);
    clg_status status = training->net ? clg_verify_training(&result, training->net, device,
                                                            training->data, &options)
                                      : clg_verify_operations(&result, device, &options);
    if (status == CLG_OK || status == CLG_EMISMATCH) {
        cli_announce(cli);
        if (strcmp(clg_device_describe(device)->type, "reference") == 0)
            cli_say(cli, "the reference was compared with itself: this says nothing of a device");
        clg_status printed = cli_report_print(&report, device, &result, status);
        status = status == CLG_OK ? printed : status;
    }
    cli_report_clear(&report);
    clg_device_close(device);
    return status;
}

static clg_status check_options(const struct cli *cli, int model, int train)
{
    int repeat = cli->own[CLI_REPEAT] != NULL, gradient = cli_switch(cli, CLI_GRADIENT);
    if (cli_switch(cli, CLI_QUICK) && cli_switch(cli, CLI_FULL))
        return cli_fail(CLG_EUSAGE, "--quick and --full: give one of them");
    if (model && train)
        return cli_fail(CLG_EUSAGE, "verify: give --model with --data, or --train, not both");
    if ((model || train) && (cli_switch(cli, CLI_QUICK) || cli_switch(cli, CLI_FULL)))
        return cli_fail(CLG_EUSAGE,
                        "--quick and --full are for verify without --model and --train");
    if (!model && !train && !repeat && cli->own[CLI_STEPS])
        return cli_fail(CLG_EUSAGE,
                        "--steps is for verify with --model and --data, --train, or --repeat");
    if (repeat && (gradient || cli_switch(cli, CLI_QUICK) || cli_switch(cli, CLI_FULL)))
        return cli_fail(CLG_EUSAGE, "--repeat: give it without --gradient, --quick and --full");
    if (cli->own[CLI_DUMP] && (repeat || gradient || (!model && !train)))
        return cli_fail(CLG_EUSAGE, "--dump: is for verify with --model and --data, or --train");
    return CLG_OK;
}

/* --model with --data, train's options, or neither. */
static clg_status load(struct cli_training *training, const struct cli *cli)
{
    int model = cli->own[CLI_MODEL] || cli->own[CLI_DATA];
    int train = *clg_config_get(cli->config, "train") != '\0';
    memset(training, 0, sizeof *training);
    CLI_TRY(check_options(cli, model, train));
    if (train)
        return cli_training_load(training, cli->config);
    if (!model)
        return CLG_OK;
    CLI_TRY(cli_model_load(&training->net, &training->data, cli, CLG_PART_TRAIN));
    clg_status status = clg_net_check_data(training->net, training->data);
    if (status != CLG_OK)
        cli_training_clear(training);
    return status;
}

clg_status cli_cmd_verify(struct cli *cli)
{
    struct cli_training training;
    CLI_TRY(load(&training, cli));
    clg_status status = cli_switch(cli, CLI_GRADIENT) ? verify_gradient(cli, &training)
                        : cli->own[CLI_REPEAT]        ? verify_repeat(cli, &training)
                                                      : verify_device(cli, &training);
    cli_training_clear(&training);
    return status;
}
