/* clgrad train: everything is loaded and checked before the run's folder or the device is touched;
 * then the run is recorded, trained, and scored on its test data. */
#include "json.h"
#include "progress.h"

#include <math.h>
#include <string.h>

/* What the hooks see. */
struct watch {
    struct cli *cli;
    struct cli_progress progress;
};

static void on_progress(void *user, const clg_progress *now)
{
    struct watch *watch = user;
    cli_announce(watch->cli);
    cli_progress_show(&watch->progress, now);
}

static int should_stop(void *user)
{
    (void)user;
    return cli_signal_caught() != 0;
}

static void on_log(void *user, const char *line)
{
    struct watch *watch = user;
    if (!cli_switch(watch->cli, CLI_VERBOSE) && strncmp(line, "warning: ", 9) != 0)
        return;
    cli_announce(watch->cli);
    cli_progress_hide(&watch->progress);
    cli_say(watch->cli, "%s", line);
}

/* Training under the hooks; the first Ctrl-C saves and stops, the second ends the program. */
static clg_status train(clg_train_result *result, struct cli *cli, struct cli_training *training,
                        clg_device *device, clg_run *run)
{
    struct watch watch = {.cli = cli};
    cli_progress_begin(&watch.progress, cli);
    clg_train_hooks hooks = {.user = &watch,
                             .progress = on_progress,
                             .wants_progress = watch.progress.mode != CLI_PROGRESS_NONE,
                             .should_stop = should_stop,
                             .log = on_log};
    cli_signals(1);
    clg_status status =
        clg_train(result, training->net, device, training->data, training->val, run, &hooks);
    cli_progress_end(&watch.progress);
    cli_signals(0);
    if (result->checks)
        cli_say(cli, "%llu steps checked against the reference in %.2f s, %.1f %% of the time",
                (unsigned long long)result->checks, result->check_seconds,
                100 * result->check_seconds / result->seconds);
    if (status != CLG_OK) /* the line stays, whatever else fails while the run is wound up */
        return cli_fail(status, "%s", clg_last_error());
    if (cli_signal_caught())
        return cli_fail(CLG_ECANCELLED, "interrupted when training was done: saved");
    return status;
}

static clg_status print_json(const struct cli *cli, const clg_net *net, const clg_device *device,
                             const clg_train_result *result, const clg_evaluation *test)
{
    json_t *root = json_pack(
        "{s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "run",
        cli_json_text(clg_config_get(cli->config, "out")), "network",
        cli_json_text(clg_net_text(net)), "device",
        cli_json_text(clg_device_describe(device)->name), "epochs", result->epochs, "steps",
        cli_json_count(result->steps), "seconds", cli_json_number(result->seconds), "loss",
        cli_json_number(result->loss), "cost", cli_json_number(result->cost), "accuracy",
        cli_json_number(result->accuracy), "val_loss", cli_json_number(result->val_loss),
        "val_accuracy", cli_json_number(result->val_accuracy));
    if (root)
        json_object_set_new(root, "best_epoch", json_integer(result->best_epoch));
    if (root && result->checks)
        json_object_set_new(root, "checks",
                            json_pack("{s:o, s:o}", "steps", cli_json_count(result->checks),
                                      "seconds", cli_json_number(result->check_seconds)));
    if (root && test)
        json_object_set_new(root, "test", cli_json_evaluation(test, net));
    return cli_json_print(root, stdout);
}

static void print_figures(const char *what, double loss, double accuracy)
{
    printf("%s: loss %.6g", what, loss);
    if (isfinite(accuracy))
        printf(", accuracy %.2f %%", 100 * accuracy);
}

static clg_status print_text(const clg_train_result *result, const clg_evaluation *test)
{
    if (result->stopped_early)
        printf("stopped after epoch %d: no lower loss since epoch %d, which is kept\n",
               result->epochs, result->best_epoch);
    if (test) {
        printf("test: ");
        cli_print_evaluation(test);
        return CLG_OK;
    }
    print_figures("training", result->loss, result->accuracy);
    if (isfinite(result->val_loss))
        print_figures("; validation", result->val_loss, result->val_accuracy);
    putchar('\n');
    return CLG_OK;
}

static clg_status report(struct cli *cli, const struct cli_training *training, clg_device *device,
                         const clg_train_result *result)
{
    clg_evaluation test = {0};
    const clg_evaluation *tested = training->test ? &test : NULL;
    if (tested)
        CLI_TRY(clg_evaluate(&test, training->net, device, training->test));
    clg_status status = cli_switch(cli, CLI_JSON)
                            ? print_json(cli, training->net, device, result, tested)
                            : print_text(result, tested);
    clg_evaluation_clear(&test);
    return status;
}

/* Training, and, where --trace asks, a recording of it beside: written whatever ended it. */
static clg_status train_traced(clg_train_result *result, struct cli *cli,
                               struct cli_training *training, clg_device *device, clg_run *run)
{
    const char *path = cli_get(cli, CLI_TRACE);
    clg_profile *profile = NULL;
    if (!*path)
        return train(result, cli, training, device, run);
    CLI_TRY(clg_profile_start(&profile, device));
    clg_status status = train(result, cli, training, device, run);
    clg_status traced = clg_profile_stop(profile);
    if (traced == CLG_OK)
        traced = clg_profile_trace(profile, path);
    if (traced == CLG_OK && clg_profile_summarise(profile).lost)
        cli_say(cli, "%s: the last %d launches and copies are not in it", path,
                clg_profile_summarise(profile).lost);
    clg_profile_destroy(profile);
    return status != CLG_OK ? status : traced;
}

static clg_status check_options(const clg_config *config)
{
    if (!*clg_config_get(config, "train"))
        return cli_fail(CLG_EUSAGE, "train: --train X[,Y] is needed: see clgrad train --help");
    if (!*clg_config_get(config, "out"))
        return cli_fail(CLG_EUSAGE, "train: --out RUN is needed, the folder that the run fills");
    return CLG_OK;
}

clg_status cli_cmd_train(struct cli *cli)
{
    struct cli_training training;
    clg_train_result result = {0};
    clg_device *device = NULL;
    clg_run *run = NULL;
    clg_status status;
    CLI_TRY(check_options(cli->config));
    CLI_TRY(cli_training_load(&training, cli->config));
    if (*clg_net_notes(training.net))
        cli_say(cli, "%s", clg_net_notes(training.net));
    CLI_TRY_DONE(
        clg_run_open(&run, clg_config_get(cli->config, "out"), clg_net_config(training.net)));
    CLI_TRY_DONE(cli_open_device(cli, &device));
    status = train_traced(&result, cli, &training, device, run);
    if (status == CLG_OK)
        status = report(cli, &training, device, &result);
    /* a page of what there is, whatever ended the training */
    if (status == CLG_OK)
        status = cli_write_report(cli, &training, device);
    else if (status == CLG_ECANCELLED || status == CLG_EDIVERGED)
        (void)cli_write_report(cli, &training, device);
done:
    clg_device_close(device);
    clg_run_close(run);
    cli_training_clear(&training);
    return status;
}
