/* clgrad profile: where the time of training goes.  The figures are the library's; here they are
 * printed, as tables or as the JSON that a run's page draws its roofline from. */
#define _GNU_SOURCE
#include "json.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int should_stop(void *user)
{
    (void)user;
    return cli_signal_caught() != 0;
}

/* A number of three digits, or "-" where there is none. */
static void number_cell(struct cli_table *table, double value)
{
    if (!isfinite(value))
        cli_table_cell(table, "-");
    else if (value >= 100)
        cli_table_cell(table, "%.0f", value);
    else
        cli_table_cell(table, "%.3g", value);
}

static void ms_cell(struct cli_table *table, double ms, int shared)
{
    if (ms > 0)
        cli_table_cell(table, "%s%.*f", shared ? "~" : "", ms < 100 ? 2 : 1, ms);
    else
        cli_table_cell(table, "-");
}

/* ------------------------------------------------------------------- text */

static clg_status print_rows(const clg_profile *profile)
{
    static const char *const heads[] = {"kernel",  "calls", "ms",        "%",      "us each",
                                        "GFLOP/s", "GB/s",  "flop/byte", "% roof", "bound by"};
    size_t count;
    const clg_profile_row *row = clg_profile_rows(profile, &count);
    const clg_profile_summary s = clg_profile_summarise(profile);
    struct cli_table table;
    cli_table_begin(&table, "lrrrrrrrrl");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        cli_table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < count; i++, row++) {
        cli_table_cell(&table, "%s%s", row->name, row->shared ? " ~" : "");
        cli_table_cell(&table, "%llu", (unsigned long long)row->calls);
        cli_table_cell(&table, "%.2f", row->ms);
        cli_table_cell(&table, "%.1f", 100 * row->share);
        cli_table_cell(&table, "%.1f", row->calls ? 1e3 * row->ms / (double)row->calls : 0);
        number_cell(&table, row->gflops);
        number_cell(&table, row->gbps);
        number_cell(&table, row->flop_per_byte);
        number_cell(&table, 100 * row->of_roof);
        cli_table_cell(&table, "%s", row->bound);
    }
    cli_table_cell(&table, "all rows");
    cli_table_cell(&table, "%s", "");
    cli_table_cell(&table, "%.2f", s.rows_ms);
    cli_table_cell(&table, "%.1f", 100 * s.rows_ms / s.wall_ms);
    for (int i = 4; i < 10; i++)
        cli_table_cell(&table, "%s", "");
    return cli_table_end(&table);
}

static clg_status print_layers(const clg_profile *profile)
{
    const int layers = clg_profile_summarise(profile).layers;
    struct cli_table table;
    cli_table_begin(&table, "lrrrrrr");
    cli_table_cell(&table, "ms by layer");
    for (int phase = 0; phase < CLG_PHASES; phase++)
        cli_table_cell(&table, "%s", clg_phase_name((clg_phase)phase));
    cli_table_cell(&table, "all");
    for (int l = 0; l <= layers + 1; l++) {
        const int sum = l == layers + 1, layer = l == layers ? -1 : l;
        double all = 0;
        int any = 0;
        if (sum)
            cli_table_cell(&table, "all");
        else if (layer < 0)
            cli_table_cell(&table, "of none");
        else
            cli_table_cell(&table, "layer %d", layer);
        for (int phase = 0; phase < CLG_PHASES; phase++) {
            double ms = 0;
            int shared = 0;
            for (int k = sum ? 0 : l; k <= (sum ? layers : l); k++) {
                int one;
                ms += clg_profile_ms(profile, k == layers ? -1 : k, (clg_phase)phase, &one);
                shared |= one;
            }
            ms_cell(&table, ms, shared);
            all += ms;
            any |= shared;
        }
        ms_cell(&table, all, any && !sum);
    }
    return cli_table_end(&table);
}

static void print_summary(const clg_profile *profile)
{
    const clg_profile_summary s = clg_profile_summarise(profile);
    printf(
        "%s plan, batch %d: %llu steps in %.1f ms, %.1f us a step; %.3g launches, %.4g MFLOP and "
        "%.4g MB a step\n",
        s.plan, s.batch, (unsigned long long)s.steps, s.wall_ms, 1e3 * s.wall_ms / (double)s.steps,
        s.launches, 1e-6 * s.flops, 1e-6 * s.bytes);
    printf("device busy %.1f %%; all rows %.1f ms, %.1f %% of the wall time\n", 100 * s.busy,
           s.rows_ms, 100 * s.rows_ms / s.wall_ms);
    printf("without profiling %.1f us a step: profiling costs %+.1f %%; predicted %.1f us, %.2f "
           "times the measured\n",
           s.measured_us, 100 * s.overhead, s.predicted_us, s.predicted_us / s.measured_us);
    for (int i = 0; i < s.hints; i++)
        printf("hint: %s\n", clg_profile_hint(profile, i));
}

static clg_status print_text(const clg_profile *profile)
{
    CLI_TRY(print_rows(profile));
    putchar('\n');
    CLI_TRY(print_layers(profile));
    putchar('\n');
    print_summary(profile);
    return CLG_OK;
}

/* ------------------------------------------------------------------- JSON */

static json_t *roof_list(const clg_roof *roof, int count, const char *unit)
{
    json_t *list = json_array();
    for (int i = 0; list && i < count; i++)
        json_array_append_new(list, json_pack("{s:s, s:o}", "name", roof[i].name, unit,
                                              cli_json_number(roof[i].rate)));
    return list;
}

json_t *cli_json_roofs(const clg_roofs *roofs)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "compute",
                     roof_list(roofs->compute, roofs->computes, "gflops"), "memory",
                     roof_list(roofs->read, roofs->reads, "gbps"), "copy",
                     roof_list(roofs->copy, roofs->copies, "gbps"), "chain",
                     roof_list(roofs->chain, roofs->chains, "gflops"), "product",
                     roof_list(roofs->product, roofs->products, "gflops"), "launch_us",
                     cli_json_number(roofs->launch_us), "wait_us", cli_json_number(roofs->wait_us),
                     "read_us", cli_json_number(roofs->read_us));
}

static json_t *json_row(const clg_profile_row *row)
{
    return json_pack("{s:s, s:i, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "name", row->name,
                     "layer", row->layer, "shared", row->shared, "calls",
                     cli_json_count(row->calls), "ms", cli_json_number(row->ms), "share",
                     cli_json_number(row->share), "gflops", cli_json_number(row->gflops), "gbps",
                     cli_json_number(row->gbps), "flop_per_byte",
                     cli_json_number(row->flop_per_byte), "of_roof", cli_json_number(row->of_roof),
                     "bound", row->bound);
}

/* Rows of kernels, or of what is none. */
static json_t *json_rows(const clg_profile *profile, int kernels)
{
    size_t count;
    const clg_profile_row *row = clg_profile_rows(profile, &count);
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++)
        if (row[i].kernel == kernels)
            json_array_append_new(list, json_row(&row[i]));
    return list;
}

static json_t *json_layers(const clg_profile *profile)
{
    const int layers = clg_profile_summarise(profile).layers;
    json_t *list = json_array();
    for (int l = 0; list && l <= layers; l++) {
        const int layer = l == layers ? -1 : l;
        json_t *one = json_pack("{s:i}", "layer", layer);
        for (int phase = 0; one && phase < CLG_PHASES; phase++)
            json_object_set_new(
                one, clg_phase_name((clg_phase)phase),
                cli_json_number(clg_profile_ms(profile, layer, (clg_phase)phase, NULL)));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *json_summary(const clg_profile_summary *s)
{
    return json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "plan",
                     s->plan, "batch", s->batch, "steps", cli_json_count(s->steps), "wall_ms",
                     cli_json_number(s->wall_ms), "rows_ms", cli_json_number(s->rows_ms), "busy",
                     cli_json_number(s->busy), "plain_ms", cli_json_number(s->plain_ms), "overhead",
                     cli_json_number(s->overhead), "launches_per_step",
                     cli_json_number(s->launches), "flops_per_step", cli_json_number(s->flops),
                     "bytes_per_step", cli_json_number(s->bytes), "measured_us",
                     cli_json_number(s->measured_us), "predicted_us",
                     cli_json_number(s->predicted_us));
}

static clg_status print_json(const clg_profile *profile, const clg_net *net,
                             const clg_device *device)
{
    const clg_profile_summary s = clg_profile_summarise(profile);
    const clg_device_info *info = clg_device_describe(device);
    json_t *hints = json_array();
    for (int i = 0; hints && i < s.hints; i++)
        json_array_append_new(hints, cli_json_text(clg_profile_hint(profile, i)));
    return cli_json_print(
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "network",
                  cli_json_text(clg_net_text(net)), "device", cli_json_text(info->name), "driver",
                  cli_json_text(info->driver_version), "summary", json_summary(&s), "roofs",
                  cli_json_roofs(clg_profile_roofs(profile)), "kernels", json_rows(profile, 1),
                  "other", json_rows(profile, 0), "layers", json_layers(profile), "hints", hints),
        stdout);
}

/* ---------------------------------------------------------------- command */

/* The layer beside the program, or where it was installed; 0 where there is none. */
static int find_layer(char path[PATH_MAX])
{
    static const char *const names[] = {"libclgrad_layer.so",
                                        CLI_LAYER_FOLDER "/libclgrad_layer.so"};
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program);
    const char *slash = length > 0 ? memrchr(program, '/', (size_t)length) : NULL;
    for (size_t i = 0; slash && i < sizeof names / sizeof *names; i++) {
        const int size =
            snprintf(path, PATH_MAX, "%.*s/%s", (int)(slash - program), program, names[i]);
        if (size < PATH_MAX && access(path, R_OK) == 0)
            return 1;
    }
    return 0;
}

/* Loaders that have layers then show what CLBlast launches; they look here at the first OpenCL
 * call. The user's own layers stay in front. */
static void use_layer(const struct cli *cli)
{
    char path[PATH_MAX], all[2 * PATH_MAX];
    const char *others = getenv("OPENCL_LAYERS");
    if (strcmp(clg_config_get(cli->config, "matmul"), "native") == 0 || !find_layer(path))
        return;
    snprintf(all, sizeof all, "%s%s%s", others ? others : "", others && *others ? ":" : "", path);
    (void)setenv("OPENCL_LAYERS", all, 1); /* without memory for it products are one row */
}

static clg_status profile_it(struct cli *cli, const struct cli_training *training,
                             clg_device *device)
{
    clg_profile *profile = NULL;
    const clg_profile_options options = {.steps = strtoull(cli_get(cli, CLI_MEASURED), NULL, 10),
                                         .should_stop = should_stop};
    const char *trace = cli_get(cli, CLI_TRACE);
    cli_signals(1);
    clg_status status =
        clg_profile_training(&profile, training->net, device, training->data, &options);
    cli_signals(0);
    if (status == CLG_OK && *trace)
        status = clg_profile_trace(profile, trace);
    if (status == CLG_OK)
        status = cli_switch(cli, CLI_JSON) ? print_json(profile, training->net, device)
                                           : print_text(profile);
    clg_profile_destroy(profile);
    return status;
}

clg_status cli_cmd_profile(struct cli *cli)
{
    struct cli_training training;
    clg_device *device = NULL;
    if (!*clg_config_get(cli->config, "train"))
        return cli_fail(CLG_EUSAGE, "profile: --train X[,Y] is needed: see clgrad profile --help");
    use_layer(cli);
    CLI_TRY(cli_training_load(&training, cli->config));
    clg_status status = cli_open_device(cli, &device);
    if (status == CLG_OK)
        status = profile_it(cli, &training, device);
    clg_device_close(device);
    cli_training_clear(&training);
    return status;
}
