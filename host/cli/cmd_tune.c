/* clgrad tune: which choices of training are faster on a device than the defaults, as a table, and
 * kept for the trainings that follow. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

/* The rows so far. */
struct tuning {
    struct cli *cli;
    json_t *knobs;
};

static void on_knob(void *user, const clg_tune_knob *knob)
{
    struct tuning *tuning = user;
    json_array_append_new(tuning->knobs,
                          json_pack("{s:s, s:s, s:s, s:s, s:o, s:b}", "knob", knob->name, "about",
                                    knob->about, "default", knob->fallback, "chosen", knob->chosen,
                                    "ratio", cli_json_number(knob->ratio), "measured",
                                    knob->measured));
    cli_announce(tuning->cli);
    if (knob->measured && cli_switch(tuning->cli, CLI_VERBOSE))
        cli_say(tuning->cli, "%s: %s", knob->name, knob->chosen);
}

static int should_stop(void *user)
{
    (void)user;
    return cli_signal_caught() != 0;
}

static clg_status print_json(const struct tuning *tuning, const clg_device *device,
                             const clg_tune_result *result)
{
    return cli_json_print(
        json_pack("{s:s, s:o, s:o, s:b, s:b, s:i, s:i, s:o, s:O}", "clgrad", clg_version(),
                  "device", cli_json_text(clg_device_describe(device)->name), "tuned",
                  cli_json_text(result->tuned), "kept", result->kept, "late", result->late,
                  "measured", result->measured, "moved", result->moved, "seconds",
                  cli_json_number(result->seconds), "knobs", tuning->knobs),
        stdout);
}

static const char *text_of(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static clg_status print_table(const struct tuning *tuning)
{
    static const char *const heads[] = {"knob", "default", "chosen", "ratio", "what it decides"};
    struct cli_table table;
    json_t *row;
    size_t i;
    cli_table_begin(&table, "lrrrl");
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        cli_table_cell(&table, "%s", heads[i]);
    json_array_foreach(tuning->knobs, i, row)
    {
        cli_table_cell(&table, "%s", text_of(row, "knob"));
        cli_table_cell(&table, "%s", text_of(row, "default"));
        cli_table_cell(&table, "%s", text_of(row, "chosen"));
        if (json_is_true(json_object_get(row, "measured")))
            cli_table_cell(&table, "%.2f", json_number_value(json_object_get(row, "ratio")));
        else
            cli_table_cell(&table, "-");
        cli_table_cell(&table, "%s", text_of(row, "about"));
    }
    return cli_table_end(&table);
}

static clg_status print_text(const struct tuning *tuning, const clg_tune_result *result)
{
    CLI_TRY(print_table(tuning));
    printf("\ntune: %d of %d measured in %.0f s, %d moved: %s\n", result->measured, result->knobs,
           result->seconds, result->moved, result->tuned);
    if (result->late)
        cli_say(tuning->cli, "the time ended before the last was measured: --seconds N gives more");
    if (!result->kept)
        cli_say(tuning->cli, "nothing was kept%s",
                strcmp(clg_config_get(tuning->cli->config, "no-cache"), "true") == 0
                    ? ": --no-cache"
                    : ": the cache (CLGRAD_CACHE) cannot be written");
    return CLG_OK;
}

clg_status cli_cmd_tune(struct cli *cli)
{
    struct tuning tuning = {.cli = cli};
    clg_device *device = NULL;
    clg_tune_result result;
    clg_status status;
    const clg_tune_options options = {.seconds = strtod(cli_get(cli, CLI_SECONDS), NULL),
                                      .widest = (int)strtol(cli_get(cli, CLI_WIDEST), NULL, 10),
                                      .user = &tuning,
                                      .knob = on_knob,
                                      .should_stop = should_stop};
    tuning.knobs = json_array();
    if (!tuning.knobs)
        return cli_fail(CLG_ENOMEM, "no memory for a table");
    CLI_TRY_DONE(cli_open_device(cli, &device));
    cli_signals(1);
    status = clg_tune(&result, device, &options);
    cli_signals(0);
    if (status == CLG_OK)
        status = cli_switch(cli, CLI_JSON) ? print_json(&tuning, device, &result)
                                           : print_text(&tuning, &result);
done:
    json_decref(tuning.knobs);
    clg_device_close(device);
    return status;
}
