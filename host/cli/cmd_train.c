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
    return cli_signal_stops();
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

/* A new run: all that can be wrong with the input is found before its folder is made. */
static clg_status begin(struct cli *cli, struct cli_training *training, clg_run **run)
{
    CLI_TRY(check_options(cli->config));
    CLI_TRY(cli_training_load(training, cli->config));
    return clg_run_open(run, clg_config_get(cli->config, "out"), clg_net_config(training->net));
}

/* Says what the options change, a line each. */
static void say_notes(const struct cli *cli, const char *notes)
{
    while (*notes) {
        const size_t length = strcspn(notes, "\n");
        cli_say(cli, "resume: %.*s", (int)length, notes);
        notes += length + (notes[length] == '\n');
    }
}

/* From now on the run's options are those of the command. */
static clg_status resume(struct cli *cli, struct cli_training *training, clg_run **run,
                         int *finished)
{
    clg_config *config;
    uint64_t step;
    int epoch;
    CLI_TRY(clg_run_resume(run, cli_get(cli, CLI_RESUME), cli->config));
    CLI_TRY(clg_config_copy(&config, clg_run_config(*run)));
    clg_config_destroy(cli->config);
    cli->config = config;
    say_notes(cli, clg_run_notes(*run));
    *finished = clg_run_is_finished(*run);
    if (*finished)
        return CLG_OK;
    CLI_TRY(cli_training_resume(training, *run));
    clg_run_position(*run, &epoch, &step);
    if (step)
        cli_say(cli, "resume: %s goes on behind step %llu, %d epochs done",
                cli_get(cli, CLI_RESUME), (unsigned long long)step, epoch);
    else
        cli_say(cli, "resume: %s has saved nothing yet: it starts at step 0",
                cli_get(cli, CLI_RESUME));
    return CLG_OK;
}

static clg_status say_finished(const struct cli *cli, const clg_run *run)
{
    uint64_t step;
    int epoch;
    clg_run_position(run, &epoch, &step);
    if (cli_switch(cli, CLI_JSON))
        return cli_json_print(json_pack("{s:o, s:b, s:i, s:o}", "run",
                                        cli_json_text(cli_get(cli, CLI_RESUME)), "finished", 1,
                                        "epochs", epoch, "steps", cli_json_count(step)),
                              stdout);
    printf("%s is finished: %d epochs, %llu steps; --epochs N makes it go on\n",
           cli_get(cli, CLI_RESUME), epoch, (unsigned long long)step);
    return CLG_OK;
}

/* A page of what there is, whatever ended the training; an interrupted one does not wait for it. */
static clg_status write_page(struct cli *cli, const struct cli_training *training,
                             clg_device *device, clg_status status)
{
    char line[1024];
    if (status == CLG_OK)
        return cli_write_report(cli, training, device);
    snprintf(line, sizeof line, "%s", clg_last_error());
    if (status == CLG_ECANCELLED)
        cli_signal_ending(line);
    if (status == CLG_ECANCELLED || status == CLG_EDIVERGED)
        (void)cli_write_report(cli, training, device);
    return status;
}

clg_status cli_cmd_train(struct cli *cli)
{
    struct cli_training training = {0};
    clg_train_result result = {0};
    clg_device *device = NULL;
    clg_run *run = NULL;
    int finished = 0;
    clg_status status;
    CLI_TRY_DONE(*cli_get(cli, CLI_RESUME) ? resume(cli, &training, &run, &finished)
                                           : begin(cli, &training, &run));
    if (finished) {
        status = say_finished(cli, run);
        goto done;
    }
    if (*clg_net_notes(training.net))
        cli_say(cli, "%s", clg_net_notes(training.net));
    CLI_TRY_DONE(cli_open_device(cli, &device));
    status = train_traced(&result, cli, &training, device, run);
    if (status == CLG_OK)
        status = report(cli, &training, device, &result);
    status = write_page(cli, &training, device, status);
done:
    clg_device_close(device);
    clg_run_close(run);
    cli_training_clear(&training);
    return status;
}
