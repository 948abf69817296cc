/* The report of `clgrad verify`: summed by operation and by tensor for people, and every case and
 * step as JSON (docs/verify-schema.json).  It is meant to be attached to a driver's bug as it is.
 */
#include "verify_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void cli_report_begin(struct cli_report *report, const struct cli *cli, const char *mode,
                      const char *what)
{
    memset(report, 0, sizeof *report);
    report->cli = cli;
    report->mode = mode;
    report->what = what;
    if (cli_switch(cli, CLI_JSON))
        report->cases = json_array();
}

void cli_report_clear(struct cli_report *report)
{
    for (size_t i = 0; i < report->tensors; i++)
        json_decref(report->tensor[i].steps);
    json_decref(report->cases);
    free(report->operation);
    free(report->tensor);
    memset(report, 0, sizeof *report);
}

/* One more element of a list that grows; NULL where memory ran out. */
static void *grown(struct cli_report *report, void **list, size_t *count, size_t *room, size_t size)
{
    if (*count == *room) {
        size_t more = *room ? 2 * *room : 32;
        void *moved = realloc(*list, more * size);
        if (!moved) {
            report->out_of_memory = 1;
            return NULL;
        }
        *list = moved;
        *room = more;
    }
    void *added = (char *)*list + (*count)++ * size;
    memset(added, 0, size);
    return added;
}

static struct cli_operation *operation_of(struct cli_report *report, const char *name,
                                          const char *route)
{
    void *list = report->operation;
    for (size_t i = 0; i < report->operations; i++)
        if (strcmp(report->operation[i].name, name) == 0 &&
            strcmp(report->operation[i].route, route) == 0)
            return &report->operation[i];
    struct cli_operation *operation =
        grown(report, &list, &report->operations, &report->operation_room, sizeof *operation);
    report->operation = list;
    if (operation) {
        snprintf(operation->name, sizeof operation->name, "%s", name);
        snprintf(operation->route, sizeof operation->route, "%s", route);
    }
    return operation;
}

/* NaN counts as the largest there is. */
static double larger(double a, double b)
{
    return b <= a ? a : b;
}

static json_t *json_of_case(const clg_verify_case *compared)
{
    json_t *row = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:i, s:o, s:n}", "operation",
        cli_json_text(compared->operation), "route", cli_json_text(compared->route), "shape",
        cli_json_text(compared->shape), "step", cli_json_count(compared->step), "nmse",
        cli_json_number(compared->nmse), "worst", cli_json_number(compared->worst), "ms",
        cli_json_number(compared->ms), "status", compared->failed ? "failed" : "ok", "elements",
        cli_json_count(compared->elements), "kinks", cli_json_count(compared->kinks), "undecided",
        compared->undecided, "why", cli_json_text(compared->why), "first_wrong");
    if (row && compared->operand)
        json_object_set_new(
            row, "first_wrong",
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "operand", cli_json_text(compared->operand),
                      "row", cli_json_count(compared->row), "column",
                      cli_json_count(compared->column), "device", cli_json_number(compared->got),
                      "reference", cli_json_number(compared->want), "bound",
                      cli_json_number(compared->bound)));
    return row;
}

void cli_report_case(void *user, const clg_verify_case *compared)
{
    struct cli_report *report = user;
    struct cli_operation *operation = operation_of(report, compared->operation, compared->route);
    if (cli_switch(report->cli, CLI_VERBOSE))
        fprintf(stderr, "%s %s: %s, %.3g of its bound\n", compared->operation, compared->shape,
                compared->failed ? "FAILED" : "ok", compared->worst);
    if (report->cases)
        json_array_append_new(report->cases, json_of_case(compared));
    if (!operation)
        return;
    operation->cases++;
    operation->failed += compared->failed != 0;
    operation->worst = larger(operation->worst, compared->worst);
    operation->nmse = larger(operation->nmse, compared->nmse);
    operation->ms += compared->ms;
}

static struct cli_tensor *tensor_of(struct cli_report *report, const clg_verify_tensor *from)
{
    void *list = report->tensor;
    for (size_t i = 0; i < report->tensors; i++)
        if (strcmp(report->tensor[i].name, from->name) == 0)
            return &report->tensor[i];
    struct cli_tensor *tensor =
        grown(report, &list, &report->tensors, &report->tensor_room, sizeof *tensor);
    report->tensor = list;
    if (tensor) {
        snprintf(tensor->name, sizeof tensor->name, "%s", from->name);
        tensor->layer = from->layer;
        tensor->drift = (double)NAN;
        tensor->steps = report->cases ? json_array() : NULL;
    }
    return tensor;
}

void cli_report_tensor(void *user, const clg_verify_tensor *from)
{
    struct cli_report *report = user;
    struct cli_tensor *tensor = tensor_of(report, from);
    if (!tensor)
        return;
    if (!(from->worst <= tensor->worst) || !tensor->worst_step) {
        tensor->worst = from->worst;
        tensor->worst_step = from->step;
    }
    tensor->drift = from->drift;
    tensor->elements += from->elements;
    tensor->kinks += from->kinks;
    tensor->undecided += from->undecided;
    if (tensor->steps)
        json_array_append_new(
            tensor->steps,
            json_pack("{s:o, s:o, s:o, s:o, s:i, s:o}", "step", cli_json_count(from->step), "worst",
                      cli_json_number(from->worst), "elements", cli_json_count(from->elements),
                      "kinks", cli_json_count(from->kinks), "undecided", from->undecided, "drift",
                      cli_json_number(from->drift)));
}

/* ------------------------------------------------------------------- tables */

void cli_print_device(const clg_device *device)
{
    const clg_device_info *info = clg_device_describe(device);
    printf("clgrad    %s\n", clg_version());
    printf("device    %d:%d %s (%s, %d compute units, %.1f GiB, %.0f KiB local)\n", info->platform,
           info->index, info->name, info->type, info->units,
           (double)info->memory / (1024.0 * 1024 * 1024), (double)info->local_memory / 1024);
    printf("platform  %s, %s\n", info->platform_name, info->vendor);
    printf("driver    %s, %s\n", info->driver_version, info->opencl_version);
    if (*info->quirks)
        printf("quirks    %s\n", info->quirks);
}

static clg_status print_operations(const struct cli_report *report)
{
    static const char *const heads[] = {"operation",   "route", "cases", "failed",
                                        "worst/bound", "nmse",  "ms"};
    struct cli_table table;
    cli_table_begin(&table, "llrrrrr");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        cli_table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < report->operations; i++) {
        const struct cli_operation *operation = &report->operation[i];
        cli_table_cell(&table, "%s", operation->name);
        cli_table_cell(&table, "%s", operation->route);
        cli_table_cell(&table, "%d", operation->cases);
        cli_table_cell(&table, "%d", operation->failed);
        cli_table_cell(&table, "%.3g", operation->worst);
        cli_table_cell(&table, "%.2g", operation->nmse);
        cli_table_cell(&table, "%.1f", operation->ms);
    }
    return cli_table_end(&table);
}

static clg_status print_tensors(const struct cli_report *report)
{
    static const char *const heads[] = {"tensor", "layer",     "worst/bound",
                                        "step",   "at a kink", "drift"};
    struct cli_table table;
    cli_table_begin(&table, "lrrrrr");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        cli_table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < report->tensors; i++) {
        const struct cli_tensor *tensor = &report->tensor[i];
        uint64_t open = tensor->kinks + (uint64_t)tensor->undecided;
        cli_table_cell(&table, "%s", tensor->name);
        if (tensor->layer >= 0)
            cli_table_cell(&table, "%d", tensor->layer);
        else
            cli_table_cell(&table, "%s", "");
        cli_table_cell(&table, "%.3g", tensor->worst);
        cli_table_cell(&table, "%llu", (unsigned long long)tensor->worst_step);
        cli_table_cell(&table, "%llu", (unsigned long long)open);
        if (isnan(tensor->drift))
            cli_table_cell(&table, "%s", "");
        else
            cli_table_cell(&table, "%.2g", tensor->drift);
    }
    return cli_table_end(&table);
}

static const char *verdict_of(const clg_verify_result *result, clg_status status)
{
    return status == CLG_OK ? "ok" : result->too_many && !result->failed ? "undecided" : "mismatch";
}

static void print_drift(const clg_verify_result *result)
{
    if (!*result->drift_tensor)
        return;
    printf("both running free: %s is %.2g of its norm apart, the most there is%s\n",
           result->drift_tensor, result->drift,
           strcmp(result->cause, "accumulation") == 0
               ? ": the rounding of right operations adds up (accumulation)"
               : "");
}

static void print_first(const clg_verify_result *result)
{
    if (!result->failed)
        return;
    printf("first wrong: %s\n", result->first);
    if (result->first_step)
        printf("  step %llu, tensor %s; cause: %s\n", (unsigned long long)result->first_step,
               *result->first_tensor ? result->first_tensor : "of no step",
               strcmp(result->cause, "transient") == 0
                   ? "transient (run again on the same inputs it gives another result)"
                   : "operation (run again on the same inputs it gives the same wrong result)");
}

/* What the share of undecided elements is counted over. */
static const char *open_of(const clg_verify_result *result)
{
    if (result->too_many)
        return result->first_tensor;
    return *result->plan ? "any tensor" : "any operation";
}

static void print_verdict(const clg_verify_result *result, clg_status status)
{
    const char *verdict = verdict_of(result, status);
    printf("verify: %s, %d operations",
           strcmp(verdict, "ok") == 0 ? "ok"
           : result->failed           ? "MISMATCH"
                                      : "UNDECIDED",
           result->cases);
    if (result->failed)
        printf(", %d beyond their bound", result->failed);
    printf(", %llu elements", (unsigned long long)result->elements);
    if (result->kinks || result->undecided)
        printf(", of which %llu at a kink and %d at a jump or an overflow may go either way (%s "
               "1 %% of %s)",
               (unsigned long long)result->kinks, result->undecided,
               result->too_many ? "more than" : "at most", open_of(result));
    printf(", worst %.3g of its bound\n", result->worst);
}

static clg_status print_text(const struct cli_report *report, const clg_device *device,
                             const clg_verify_result *result, clg_status status)
{
    cli_print_device(device);
    printf("checked   %s%s%s\n", report->mode, *report->what ? " of " : "", report->what);
    if (*result->plan)
        printf("plan      %s\n", result->plan);
    putchar('\n');
    CLI_TRY(print_operations(report));
    putchar('\n');
    if (report->tensors) {
        CLI_TRY(print_tensors(report));
        putchar('\n');
    }
    print_first(result);
    print_drift(result);
    print_verdict(result, status);
    return CLG_OK;
}

/* --------------------------------------------------------------------- JSON */

json_t *cli_json_device(const clg_device *device)
{
    const clg_device_info *info = clg_device_describe(device);
    return json_pack(
        "{s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:o, s:o, s:i, s:o}", "platform",
        info->platform, "index", info->index, "platform_name", cli_json_text(info->platform_name),
        "vendor", cli_json_text(info->vendor), "name", cli_json_text(info->name), "opencl_version",
        cli_json_text(info->opencl_version), "driver_version", cli_json_text(info->driver_version),
        "type", info->type, "units", info->units, "memory", cli_json_count(info->memory),
        "local_memory", cli_json_count(info->local_memory), "clock_mhz", info->clock_mhz, "quirks",
        cli_json_text(info->quirks));
}

static json_t *json_operations(const struct cli_report *report)
{
    json_t *rows = json_array();
    for (size_t i = 0; rows && i < report->operations; i++) {
        const struct cli_operation *operation = &report->operation[i];
        json_array_append_new(rows, json_pack("{s:o, s:o, s:i, s:i, s:o, s:o, s:o}", "operation",
                                              cli_json_text(operation->name), "route",
                                              cli_json_text(operation->route), "cases",
                                              operation->cases, "failed", operation->failed,
                                              "worst", cli_json_number(operation->worst), "nmse",
                                              cli_json_number(operation->nmse), "ms",
                                              cli_json_number(operation->ms)));
    }
    return rows;
}

static json_t *json_tensors(const struct cli_report *report)
{
    json_t *rows = json_array();
    for (size_t i = 0; rows && i < report->tensors; i++) {
        const struct cli_tensor *tensor = &report->tensor[i];
        json_array_append_new(
            rows, json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:i, s:o, s:O}", "tensor",
                            cli_json_text(tensor->name), "layer", tensor->layer, "worst",
                            cli_json_number(tensor->worst), "worst_step",
                            cli_json_count(tensor->worst_step), "elements",
                            cli_json_count(tensor->elements), "kinks",
                            cli_json_count(tensor->kinks), "undecided", tensor->undecided, "drift",
                            cli_json_number(tensor->drift), "steps", tensor->steps));
    }
    return rows;
}

static clg_status print_json(const struct cli_report *report, const clg_device *device,
                             const clg_verify_result *result, clg_status status)
{
    json_t *root =
        json_pack("{s:s, s:o, s:s, s:b, s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:o}", "clgrad",
                  clg_version(), "device", cli_json_device(device), "mode", report->mode, "ok",
                  status == CLG_OK, "verdict", verdict_of(result, status), "cases", result->cases,
                  "failed", result->failed, "undecided", result->undecided, "kinks",
                  cli_json_count(result->kinks), "elements", cli_json_count(result->elements),
                  "worst", cli_json_number(result->worst), "first", cli_json_text(result->first));
    if (root) {
        json_object_set_new(root, "first_step", cli_json_count(result->first_step));
        json_object_set_new(root, "first_tensor", cli_json_text(result->first_tensor));
        json_object_set_new(root, "cause", cli_json_text(result->cause));
        json_object_set_new(root, "plan", cli_json_text(result->plan));
        json_object_set_new(root, "drift",
                            *result->drift_tensor ? cli_json_number(result->drift) : json_null());
        json_object_set_new(root, "drift_tensor", cli_json_text(result->drift_tensor));
        json_object_set_new(root, "operations", json_operations(report));
        json_object_set_new(root, "tensors", json_tensors(report));
        json_object_set(root, "results", report->cases);
    }
    return cli_json_print(root, stdout);
}

clg_status cli_report_print(struct cli_report *report, const clg_device *device,
                            const clg_verify_result *result, clg_status status)
{
    clg_status printed = cli_switch(report->cli, CLI_JSON)
                             ? print_json(report, device, result, status)
                             : print_text(report, device, result, status);
    if (printed == CLG_OK && report->out_of_memory)
        printed = cli_fail(CLG_ENOMEM, "no memory for the report");
    return printed;
}
