/* clgrad devices --probe: every device's roofs, measured now.  Where clpeak is installed it is
 * asked as well, and what it finds higher is remembered as a roof. */
#define _GNU_SOURCE
#include "json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What clpeak says, by vector width (1, 2, 4, 8, 16); 0 where it says nothing. */
enum { WIDTHS = 5 };
struct clpeak {
    int ran;
    double compute[WIDTHS], memory[WIDTHS];
};

/* The index of "float", "float2"... "float16", -1 for others. */
static int width_index(const char *word, size_t length)
{
    static const char *const words[WIDTHS] = {"float", "float2", "float4", "float8", "float16"};
    for (int i = 0; i < WIDTHS; i++)
        if (strlen(words[i]) == length && strncmp(word, words[i], length) == 0)
            return i;
    return -1;
}

/* "      float16 : 34.55" under the heading of one of its tests. */
static void read_line(struct clpeak *clpeak, double **section, const char *line)
{
    if (strstr(line, "Single-precision compute"))
        *section = clpeak->compute;
    else if (strstr(line, "memory bandwidth"))
        *section = clpeak->memory;
    const char *word = line + strspn(line, " "), *colon = strchr(word, ':');
    const int at = width_index(word, strcspn(word, " :"));
    if (*section && colon && at >= 0) {
        (*section)[at] = strtod(colon + 1, NULL);
        clpeak->ran = 1;
    }
}

/* Asks clpeak, by its own numbers of platform and device, which are the loader's. */
static void ask_clpeak(struct clpeak *clpeak, const clg_device_info *info)
{
    char command[160], line[256];
    double *section = NULL;
    snprintf(command, sizeof command,
             "clpeak -p %d -d %d --compute-sp --global-bandwidth 2>/dev/null", info->platform,
             info->index);
    FILE *pipe = popen(command, "r"); /* two numbers of ours.  NOLINT(cert-env33-c) */
    while (pipe && fgets(line, sizeof line, pipe))
        read_line(clpeak, &section, line);
    if (pipe)
        (void)pclose(pipe);
}

/* A roof of clpeak's, where it is the highest of its list. */
static void raise_roof(clg_roof *list, int *count, double rate)
{
    double highest = 0;
    for (int i = 0; i < *count; i++)
        highest = list[i].rate > highest ? list[i].rate : highest;
    if (rate <= highest || *count == CLG_ROOFS_MOST)
        return;
    list[*count].rate = rate;
    list[*count].size = 0;
    snprintf(list[*count].name, sizeof list[*count].name, "clpeak");
    (*count)++;
}

/* Compute: one roof more.  Memory: the farthest one rises. */
static clg_status take_clpeak(clg_roofs *roofs, clg_device *device, const struct clpeak *clpeak)
{
    for (int w = 0; w < WIDTHS; w++) {
        raise_roof(roofs->compute, &roofs->computes, clpeak->compute[w]);
        if (roofs->reads && clpeak->memory[w] > roofs->read[0].rate)
            roofs->read[0].rate = clpeak->memory[w];
    }
    return clg_device_roofs_keep(device, roofs);
}

/* What clpeak measured under the same name, 0 where it has none: its chains are of mad. */
static double of_clpeak(const struct clpeak *clpeak, const char *name)
{
    if (strncmp(name, "mad ", 4) != 0)
        return 0;
    const int at = width_index(name + 4, strlen(name + 4));
    return at < 0 ? 0 : clpeak->compute[at];
}

static double best_memory(const struct clpeak *clpeak)
{
    double best = 0;
    for (int w = 0; w < WIDTHS; w++)
        best = clpeak->memory[w] > best ? clpeak->memory[w] : best;
    return best;
}

/* ------------------------------------------------------------------ print */

static void print_row(struct cli_table *table, const char *what, const char *name, double rate,
                      const char *unit, double clpeak)
{
    cli_table_cell(table, "%s", what);
    cli_table_cell(table, "%s", name);
    cli_table_cell(table, "%.4g", rate);
    cli_table_cell(table, "%s", unit);
    if (clpeak > 0)
        cli_table_cell(table, "%.4g", clpeak);
    else
        cli_table_cell(table, "%s", "");
}

static clg_status print_text(const clg_device_info *info, const clg_roofs *roofs,
                             const struct clpeak *clpeak)
{
    struct cli_table table;
    char name[128];
    cli_clean(name, sizeof name, info->name);
    printf("%d:%d %s\n", info->platform, info->index, name);
    cli_table_begin(&table, "llrlr");
    for (int i = 0; i < roofs->products; i++)
        print_row(&table, "product", roofs->product[i].name, roofs->product[i].rate, "GFLOP/s", 0);
    for (int i = 0; i < roofs->computes; i++)
        print_row(&table, "compute", roofs->compute[i].name, roofs->compute[i].rate, "GFLOP/s", 0);
    for (int i = 0; i < roofs->chains; i++)
        print_row(&table, "one chain", roofs->chain[i].name, roofs->chain[i].rate, "GFLOP/s",
                  of_clpeak(clpeak, roofs->chain[i].name));
    for (int i = 0; i < roofs->reads; i++)
        print_row(&table, "read", roofs->read[i].name, roofs->read[i].rate, "GB/s",
                  i ? 0 : best_memory(clpeak));
    for (int i = 0; i < roofs->copies; i++)
        print_row(&table, "copy", roofs->copy[i].name, roofs->copy[i].rate, "GB/s", 0);
    print_row(&table, "launch", "of many in a row", roofs->launch_us, "us", 0);
    print_row(&table, "launch", "that is waited for", roofs->wait_us, "us", 0);
    print_row(&table, "read back", "4 bytes", roofs->read_us, "us", 0);
    if (clpeak->ran)
        printf("the last column is clpeak's; the higher is the roof\n");
    return cli_table_end(&table);
}

static json_t *json_clpeak(const struct clpeak *clpeak)
{
    json_t *compute = json_array(), *memory = json_array();
    for (int w = 0; w < WIDTHS; w++) {
        json_array_append_new(compute, cli_json_number(clpeak->compute[w]));
        json_array_append_new(memory, cli_json_number(clpeak->memory[w]));
    }
    return json_pack("{s:o, s:o}", "compute_gflops", compute, "memory_gbps", memory);
}

/* One device; its object is added to list where there is one. */
static clg_status probe_one(json_t *list, struct cli *cli, const clg_device_info *info)
{
    clg_device *device = NULL;
    clg_roofs roofs;
    struct clpeak clpeak = {0};
    char selector[32];
    snprintf(selector, sizeof selector, "%d:%d", info->platform, info->index);
    CLI_TRY(clg_device_open(&device, selector, cli->config));
    cli_signals(0);
    clg_status status = clg_device_roofs(&roofs, device, 1);
    if (status == CLG_OK)
        ask_clpeak(&clpeak, info);
    if (status == CLG_OK && !list)
        status = print_text(info, &roofs, &clpeak);
    if (status == CLG_OK && clpeak.ran)
        status = take_clpeak(&roofs, device, &clpeak);
    if (status == CLG_OK && list) {
        json_t *one = json_pack(
            "{s:s, s:o, s:o, s:o}", "id", selector, "device", cli_json_text(info->name), "driver",
            cli_json_text(info->driver_version), "roofs", cli_json_roofs(&roofs));
        if (one && clpeak.ran)
            json_object_set_new(one, "clpeak", json_clpeak(&clpeak));
        json_array_append_new(list, one);
    }
    clg_device_close(device);
    return status;
}

/* --device names one; by itself every device is probed. */
static int is_wanted(const struct cli *cli, const clg_device_info *info)
{
    char selector[32];
    const char *wanted = clg_config_get(cli->config, "device");
    snprintf(selector, sizeof selector, "%d:%d", info->platform, info->index);
    if (!clg_config_is_set(cli->config, "device") || strcmp(wanted, "auto") == 0)
        return 1;
    if (isdigit((unsigned char)*wanted))
        return strcmp(wanted, selector) == 0;
    return strcasecmp(wanted, info->type) == 0 || strcasestr(info->name, wanted) ||
           strcasestr(info->vendor, wanted) || strcasestr(info->platform_name, wanted);
}

clg_status cli_probe(struct cli *cli, const clg_device_info *list, size_t count)
{
    json_t *all = cli_switch(cli, CLI_JSON) ? json_array() : NULL;
    clg_status status = CLG_OK;
    int probed = 0;
    for (size_t i = 0; i < count && status == CLG_OK; i++)
        if (list[i].usable && list[i].platform >= 0 && is_wanted(cli, &list[i])) {
            status = probe_one(all, cli, &list[i]);
            probed++;
        }
    if (status == CLG_OK && !probed)
        status = cli_fail(
            CLG_ENODEVICE, "devices --probe: no OpenCL device%s%s to measure",
            clg_config_is_set(cli->config, "device") ? " named " : "",
            clg_config_is_set(cli->config, "device") ? clg_config_get(cli->config, "device") : "");
    if (status == CLG_OK && all)
        return cli_json_print(all, stdout);
    json_decref(all);
    return status;
}
