/* Data and network as train's options, or --model and --data, describe them.  Everything that can
 * be wrong with the input is found here, before a device is opened or a file written. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

void cli_training_clear(struct cli_training *training)
{
    clg_net_destroy(training->net);
    clg_dataset_destroy(training->data);
    clg_dataset_destroy(training->val);
    clg_dataset_destroy(training->test);
    memset(training, 0, sizeof *training);
}

/* Whether spec itself says which part it means. */
static int names_part(const char *spec)
{
    size_t length = strlen(spec);
    return (length > 6 && strcmp(spec + length - 6, ":train") == 0) ||
           (length > 5 && strcmp(spec + length - 5, ":test") == 0);
}

/* Replaces data by its first rows and gives the rest as val. */
static clg_status hold_back(struct cli_training *training, const clg_config *config)
{
    clg_dataset *first = NULL;
    double amount = strtod(clg_config_get(config, "val-split"), NULL);
    uint64_t seed = (uint64_t)strtod(clg_config_get(config, "seed"), NULL);
    int shuffle = strcmp(clg_config_get(config, "no-shuffle"), "true") != 0;
    if (amount <= 0)
        return CLG_OK;
    if (*clg_config_get(config, "val"))
        return cli_fail(CLG_EUSAGE, "--val and --val-split: give one of them");
    CLI_TRY(clg_dataset_split(&first, &training->val, training->data, amount, seed, shuffle));
    clg_dataset_destroy(training->data);
    training->data = first;
    return CLG_OK;
}

/* Test and validation files are read in the form of the network: its classes, columns, means. */
static clg_status load_others(struct cli_training *training, const clg_config *config)
{
    const char *val = clg_config_get(config, "val"), *test = clg_config_get(config, "test");
    const char *train = clg_config_get(config, "train");
    if (!*test && clg_dataset_describe(training->data).both_parts && !names_part(train))
        test = train;
    if (*test)
        CLI_TRY(clg_net_load_data(&training->test, training->net, test, CLG_PART_TEST, config, 1));
    if (*val)
        CLI_TRY(clg_net_load_data(&training->val, training->net, val, CLG_PART_TEST, config, 1));
    return CLG_OK;
}

static clg_status check_data(const struct cli_training *training)
{
    CLI_TRY(clg_net_check_data(training->net, training->data));
    if (training->val)
        CLI_TRY(clg_net_check_data(training->net, training->val));
    return training->test ? clg_net_check_data(training->net, training->test) : CLG_OK;
}

/* run NULL: a new training. */
static clg_status load(struct cli_training *training, const clg_config *config, clg_run *run)
{
    const char *from = clg_config_get(config, "init-from");
    clg_status status;
    memset(training, 0, sizeof *training);
    CLI_TRY_DONE(
        clg_dataset_load(&training->data, clg_config_get(config, "train"), CLG_PART_TRAIN, config));
    CLI_TRY_DONE(hold_back(training, config));
    if (run)
        CLI_TRY_DONE(clg_run_net(&training->net, run, training->data));
    else
        CLI_TRY_DONE(clg_net_create(&training->net, config, training->data));
    if (!run && *from)
        CLI_TRY_DONE(clg_net_init_from(training->net, from));
    CLI_TRY_DONE(load_others(training, config));
    status = check_data(training);
done:
    if (status != CLG_OK)
        cli_training_clear(training);
    return status;
}

clg_status cli_training_load(struct cli_training *training, const clg_config *config)
{
    return load(training, config, NULL);
}

clg_status cli_training_resume(struct cli_training *training, clg_run *run)
{
    return load(training, clg_run_config(run), run);
}

clg_status cli_model_load(clg_net **net, clg_dataset **data, const struct cli *cli, clg_part part)
{
    clg_status status;
    *net = NULL;
    *data = NULL;
    CLI_TRY(cli_need(cli, CLI_MODEL));
    CLI_TRY(cli_need(cli, CLI_DATA));
    CLI_TRY(clg_net_load(net, cli_get(cli, CLI_MODEL), cli->config));
    status = clg_net_load_data(data, *net, cli_get(cli, CLI_DATA), part, cli->config,
                               cli->command->bit != CLI_PREDICT);
    if (status != CLG_OK) {
        clg_net_destroy(*net);
        *net = NULL;
    }
    return status;
}
