/* clgrad predict: a model's outputs, or the classes they mean, for every row of data. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

/* One prediction as JSON: a class, a value, or an array of outputs. */
static json_t *prediction(const clg_net *net, const float *y, int outputs, int classes)
{
    if (classes) {
        int index = clg_predicted_class(y, outputs);
        const char *name = clg_net_class_name(net, index);
        return name ? cli_json_text(name) : json_integer(index);
    }
    if (outputs == 1)
        return cli_json_number((double)*y);
    json_t *row = json_array();
    for (int j = 0; row && j < outputs; j++)
        json_array_append_new(row, cli_json_number((double)y[j]));
    return row;
}

static clg_status print_json(const struct cli *cli, const clg_net *net, const float *y, size_t rows,
                             int outputs)
{
    json_t *list = json_array();
    int classes = clg_net_class_name(net, 0) && !cli_switch(cli, CLI_PROBA);
    for (size_t i = 0; list && i < rows; i++)
        json_array_append_new(list, prediction(net, y + i * (size_t)outputs, outputs, classes));
    return cli_json_print(
        json_pack("{s:o, s:o}", "examples", cli_json_count(rows), "predictions", list), stdout);
}

/* Before any work: a name whose form is not known. */
static clg_status check_out(const char *out)
{
    size_t length = strlen(out);
    if (strcmp(out, "-") == 0 || (length > 4 && (strcmp(out + length - 4, ".npy") == 0 ||
                                                 strcmp(out + length - 4, ".png") == 0 ||
                                                 strcmp(out + length - 4, ".csv") == 0)))
        return CLG_OK;
    return cli_fail(CLG_EUSAGE,
                    "--out %s: must end in .npy, .csv or .png, or be - for standard output", out);
}

static clg_status deliver(struct cli *cli, const clg_net *net, const float *y, size_t rows,
                          int outputs)
{
    const char *out = cli_get(cli, CLI_PREDICTIONS);
    int json = cli_switch(cli, CLI_JSON);
    if (json && strcmp(out, "-") == 0)
        return print_json(cli, net, y, rows, outputs);
    CLI_TRY(clg_predict_write(out, net, y, rows, cli_switch(cli, CLI_PROBA)));
    if (json)
        return cli_json_print(
            json_pack("{s:o, s:o}", "examples", cli_json_count(rows), "out", cli_json_text(out)),
            stdout);
    if (strcmp(out, "-") != 0)
        cli_say(cli, "%s: %zu predictions", out, rows);
    return CLG_OK;
}

clg_status cli_cmd_predict(struct cli *cli)
{
    clg_net *net = NULL;
    clg_dataset *data = NULL;
    clg_device *device = NULL;
    float *y = NULL;
    int outputs = 0;
    clg_status status;
    CLI_TRY(check_out(cli_get(cli, CLI_PREDICTIONS)));
    CLI_TRY(cli_model_load(&net, &data, cli, CLG_PART_TEST));
    CLI_TRY_DONE(clg_net_layer(net, clg_net_layers(net) - 1, NULL, &outputs, NULL));
    size_t rows = clg_dataset_describe(data).rows;
    if (rows <= SIZE_MAX / sizeof *y / (size_t)outputs)
        y = malloc(rows * (size_t)outputs * sizeof *y);
    if (!y) {
        status = cli_fail(CLG_ENOMEM, "no memory for %zu predictions of %d outputs", rows, outputs);
        goto done;
    }
    CLI_TRY_DONE(cli_open_device(cli, &device));
    CLI_TRY_DONE(clg_predict(y, net, device, data));
    status = deliver(cli, net, y, rows, outputs);
done:
    free(y);
    clg_device_close(device);
    clg_dataset_destroy(data);
    clg_net_destroy(net);
    return status;
}
