/* clgrad verify: a device against the reference, operation by operation or along a training. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

/* What the rows said of one operation. */
struct operation {
    char name[64];
    int cases, failed;
    double worst;
};

struct report {
    struct operation *operation;
    size_t count, room;
    int every_case; /* -v: a line for each */
    int out_of_memory;
};

static struct operation *operation_of(struct report *report, const char *name)
{
    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->operation[i].name, name) == 0)
            return &report->operation[i];
    if (report->count == report->room) {
        size_t room = report->room ? 2 * report->room : 32;
        struct operation *more = realloc(report->operation, room * sizeof *more);
        if (!more) {
            report->out_of_memory = 1;
            return NULL;
        }
        report->operation = more;
        report->room = room;
    }
    struct operation *operation = &report->operation[report->count++];
    memset(operation, 0, sizeof *operation);
    snprintf(operation->name, sizeof operation->name, "%s", name);
    return operation;
}

static void on_row(void *user, const char *name, const char *shape, int failed, double worst)
{
    struct report *report = user;
    char key[64];
    snprintf(key, sizeof key, "%s", name);
    struct operation *operation = operation_of(report, key);
    if (report->every_case)
        fprintf(stderr, "%s %s: %s, %.3g of its bound\n", name, shape, failed ? "FAILED" : "ok",
                worst);
    if (!operation)
        return;
    operation->cases++;
    operation->failed += failed != 0;
    /* NaN counts as the worst there is */
    if (!(worst <= operation->worst))
        operation->worst = worst;
}

static clg_status print_table(const struct report *report, const clg_verify_result *result, int ok)
{
    struct cli_table table;
    if (report->count) {
        cli_table_begin(&table, "lrrr");
        cli_table_cell(&table, "%s", "operation");
        cli_table_cell(&table, "%s", "cases");
        cli_table_cell(&table, "%s", "failed");
        cli_table_cell(&table, "%s", "worst/bound");
        for (size_t i = 0; i < report->count; i++) {
            const struct operation *operation = &report->operation[i];
            cli_table_cell(&table, "%s", operation->name);
            cli_table_cell(&table, "%d", operation->cases);
            cli_table_cell(&table, "%d", operation->failed);
            cli_table_cell(&table, "%.3g", operation->worst);
        }
        CLI_TRY(cli_table_end(&table));
        putchar('\n');
    }
    printf("verify: %s, %d operations", ok ? "ok" : "MISMATCH", result->cases);
    if (result->failed)
        printf(", %d beyond their bound", result->failed);
    if (result->undecided)
        printf(", %d elements at a kink", result->undecided);
    printf(", worst %.3g of its bound\n", result->worst);
    return CLG_OK;
}

static clg_status print_json(const struct report *report, const clg_verify_result *result, int ok)
{
    json_t *rows = json_array();
    for (size_t i = 0; rows && i < report->count; i++) {
        const struct operation *operation = &report->operation[i];
        json_array_append_new(rows, json_pack("{s:o, s:i, s:i, s:o}", "operation",
                                              cli_json_text(operation->name), "cases",
                                              operation->cases, "failed", operation->failed,
                                              "worst", cli_json_number(operation->worst)));
    }
    return cli_json_print(json_pack("{s:b, s:i, s:i, s:i, s:o, s:o, s:o}", "ok", ok, "cases",
                                    result->cases, "failed", result->failed, "undecided",
                                    result->undecided, "worst", cli_json_number(result->worst),
                                    "first", cli_json_text(result->first), "operations", rows),
                          stdout);
}

static void on_layer(void *user, int layer, size_t compared, size_t skipped, double worst)
{
    struct cli_table *table = user;
    cli_table_cell(table, "%d", layer);
    cli_table_cell(table, "%zu", compared);
    cli_table_cell(table, "%zu", skipped);
    cli_table_cell(table, "%.3g", worst);
}

static clg_status print_gradient(const struct cli *cli, struct cli_table *table,
                                 const clg_gradient_result *result, int ok)
{
    if (cli_switch(cli, CLI_JSON))
        return cli_json_print(json_pack("{s:b, s:o, s:o, s:o, s:o}", "ok", ok, "compared",
                                        cli_json_count(result->compared), "skipped",
                                        cli_json_count(result->skipped), "worst",
                                        cli_json_number(result->worst), "first",
                                        cli_json_text(result->first)),
                              stdout);
    CLI_TRY(cli_table_end(table));
    printf("\nverify: gradient %s, %zu elements, %zu at a kink left out, largest difference beyond "
           "rounding %.3g (1e-6 allowed)\n",
           ok ? "ok" : "MISMATCH", result->compared, result->skipped, result->worst);
    return CLG_OK;
}

/* The reference's gradient, on the user's own model and data; no device takes part. */
static clg_status verify_gradient(const struct cli *cli, const struct cli_training *training)
{
    struct cli_table table;
    clg_gradient_result result = {0};
    clg_gradient_options options = {.user = &table, .layer = on_layer};
    if (!training->net)
        return cli_fail(CLG_EUSAGE, "--gradient: needs --model with --data, or --train");
    cli_table_begin(&table, "rrrr");
    cli_table_cell(&table, "%s", "layer");
    cli_table_cell(&table, "%s", "elements");
    cli_table_cell(&table, "%s", "at a kink");
    cli_table_cell(&table, "%s", "largest");
    clg_status status = clg_verify_gradient(&result, training->net, training->data, &options);
    if (status != CLG_OK && status != CLG_EMISMATCH)
        return status;
    clg_status printed = print_gradient(cli, &table, &result, status == CLG_OK);
    return status == CLG_OK ? printed : status;
}

/* --model with --data, train's options, or neither. */
static clg_status load(struct cli_training *training, const struct cli *cli)
{
    int model = cli->own[CLI_MODEL] || cli->own[CLI_DATA];
    int train = *clg_config_get(cli->config, "train") != '\0';
    memset(training, 0, sizeof *training);
    if (cli_switch(cli, CLI_QUICK) && cli_switch(cli, CLI_FULL))
        return cli_fail(CLG_EUSAGE, "--quick and --full: give one of them");
    if (model && train)
        return cli_fail(CLG_EUSAGE, "verify: give --model with --data, or --train, not both");
    if ((model || train) && (cli_switch(cli, CLI_QUICK) || cli_switch(cli, CLI_FULL)))
        return cli_fail(CLG_EUSAGE,
                        "--quick and --full are for verify without --model and --train");
    if (!model && !train && cli->own[CLI_STEPS])
        return cli_fail(CLG_EUSAGE, "--steps is for verify with --model and --data, or --train");
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
    struct report report = {0};
    clg_device *device = NULL;
    clg_verify_result result = {0};
    clg_verify_options options = {.user = &report, .row = on_row};
    clg_status status;
    CLI_TRY(load(&training, cli));
    if (cli_switch(cli, CLI_GRADIENT)) {
        status = verify_gradient(cli, &training);
        goto done;
    }
    CLI_TRY_DONE(cli_open_device(cli, &device));
    report.every_case = cli_switch(cli, CLI_VERBOSE);
    options.steps = (int)strtol(cli_get(cli, CLI_STEPS), NULL, 10);
    options.operations = training.net ? 0 : cli_switch(cli, CLI_FULL) ? 2 : 1;
    status = training.net
                 ? clg_verify_training(&result, training.net, device, training.data, &options)
                 : clg_verify_operations(&result, device, &options);
    if (status != CLG_OK && status != CLG_EMISMATCH)
        goto done;
    cli_announce(cli);
    if (strcmp(clg_device_describe(device)->type, "reference") == 0)
        cli_say(cli, "the reference was compared with itself: this says nothing of a device");
    clg_status printed = cli_switch(cli, CLI_JSON)
                             ? print_json(&report, &result, status == CLG_OK)
                             : print_table(&report, &result, status == CLG_OK);
    if (status == CLG_OK)
        status = printed;
    if (status == CLG_OK && report.out_of_memory)
        status = cli_fail(CLG_ENOMEM, "no memory for the table of operations");
done:
    free(report.operation);
    clg_device_close(device);
    cli_training_clear(&training);
    return status;
}
