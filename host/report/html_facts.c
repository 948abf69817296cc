/* What surrounded the training: whether the device agrees with the reference, which device it was,
 * every option. */
#include "report/run_report.h"

#include <math.h>
#include <string.h>

/* ---- verdict */

static void put_operations(FILE *out, const json_t *operations)
{
    fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Operations "
          "compared\"><table><thead><tr><th scope=\"col\" class=\"t\">operation</th><th "
          "scope=\"col\">cases</th><th scope=\"col\">failed</th><th scope=\"col\">worst, in units "
          "of its bound</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const json_t *row = json_array_get(operations, i);
        const char *name = json_string_value(json_object_get(row, "operation"));
        fputs("<tr><th scope=\"row\" class=\"t\">", out);
        clg_html_text(out, name ? name : "?");
        fputs("</th><td>", out);
        clg_html_number(out, clg_report_number(row, "cases"), 9);
        fputs("</td><td>", out);
        clg_html_number(out, clg_report_number(row, "failed"), 9);
        fputs("</td><td>", out);
        clg_html_number(out, clg_report_number(row, "worst"), 3);
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

clg_status clg_report_verdict(struct clg_page *page, const struct clg_report_run *run)
{
    FILE *out = page->out;
    const json_t *verify = run->verify, *operations = json_object_get(verify, "operations");
    const char *first = json_string_value(json_object_get(verify, "first"));
    clg_html_section(page, "verify", "Device against reference");
    if (!json_object_get(verify, "ok")) {
        fputs(
            "<p class=\"note\">This folder holds no verdict. <code>clgrad verify --model F --data "
            "X,Y --json &gt; RUN/verify.json</code> puts one here.</p>\n",
            out);
        clg_html_section_end(page);
        return CLG_OK;
    }
    int ok = json_is_true(json_object_get(verify, "ok"));
    fprintf(out, "<p><strong%s>%s</strong>: ", ok ? "" : " class=\"bad\"",
            ok ? "The device agrees with the reference" : "The device and the reference disagree");
    clg_html_number(out, clg_report_number(verify, "cases"), 9);
    fputs(" operations compared, worst ", out);
    clg_html_number(out, clg_report_number(verify, "worst"), 3);
    fputs(" of its bound", out);
    if (clg_report_number(verify, "undecided") > 0) {
        fputs(", ", out);
        clg_html_number(out, clg_report_number(verify, "undecided"), 9);
        fputs(" elements at a kink", out);
    }
    fputs(".</p>\n", out);
    if (first && *first) {
        fputs("<p class=\"mono\">", out);
        clg_html_text(out, first);
        fputs("</p>\n", out);
    }
    if (json_array_size(operations))
        put_operations(out, operations);
    clg_html_section_end(page);
    return CLG_OK;
}

/* ---- device */

static void put_row(FILE *out, const char *name, const char *value)
{
    if (!*value)
        return;
    fprintf(out, "<tr><th scope=\"row\" class=\"t\">%s</th><td class=\"t\">", name);
    clg_html_text(out, value);
    fputs("</td></tr>\n", out);
}

clg_status clg_report_device(struct clg_page *page, const struct clg_report_run *run)
{
    static const struct {
        const char *name, *key;
    } rows[] = {{"name", "name"},     {"type", "type"},     {"platform", "platform"},
                {"vendor", "vendor"}, {"OpenCL", "opencl"}, {"driver", "driver"}};
    FILE *out = page->out;
    const json_t *device = json_object_get(run->facts, "device");
    double memory = clg_report_number(device, "memory"), units = clg_report_number(device, "units");
    clg_html_section(page, "device", "Device");
    if (!device) {
        fputs("<p class=\"note\">The run has not ended, or its run.json is gone: ", out);
        fputs("which device it used is not recorded.</p>\n", out);
        clg_html_section_end(page);
        return CLG_OK;
    }
    fputs("<table><tbody>\n", out);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        put_row(out, rows[i].name, clg_report_fact(run, 1, rows[i].key));
    if (units > 0) {
        fputs("<tr><th scope=\"row\" class=\"t\">units</th><td class=\"t\">", out);
        clg_html_number(out, units, 9);
        fputs("</td></tr>\n", out);
    }
    if (memory > 0) {
        fputs("<tr><th scope=\"row\" class=\"t\">memory</th><td class=\"t\">", out);
        clg_html_number(out, memory / (1 << 30), 3);
        fputs(" GiB</td></tr>\n", out);
    }
    put_row(out, "plan", clg_config_get(run->config, "plan"));
    put_row(out, "matrix products", clg_config_get(run->config, "matmul"));
    put_row(out, "clgrad", clg_report_fact(run, 0, "version"));
    fputs("</tbody></table>\n", out);
    clg_html_section_end(page);
    return CLG_OK;
}

/* ---- configuration */

/* Whether the run chose the value: not where config.ini has what follows from other options. */
static int is_chosen(const clg_option *option, const char *value)
{
    static const char *const derived[] = {"target", "output-act", "loss", "momentum", "eps"};
    for (size_t i = 0; !*option->fallback && i < sizeof derived / sizeof *derived; i++)
        if (strcmp(option->name, derived[i]) == 0)
            return 0;
    return strcmp(value, option->fallback) != 0;
}

static void put_group(FILE *out, const struct clg_report_run *run, const char *group)
{
    size_t count;
    const clg_option *options = clg_config_options(&count);
    fprintf(out, "<table><caption>%s</caption><tbody>\n", group);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].group, group) != 0)
            continue;
        const char *value = clg_config_get(run->config, options[i].name);
        fprintf(out, "<tr><th scope=\"row\">%s</th><td class=\"mono%s\">", options[i].name,
                is_chosen(&options[i], value) ? " set" : "");
        clg_html_text(out, *value ? value : "\xe2\x80\x93");
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table>\n", out);
}

clg_status clg_report_options_table(struct clg_page *page, const struct clg_report_run *run)
{
    static const char *const groups[] = {"data", "network", "learning", "run", "common"};
    clg_html_section(page, "configuration", "Configuration");
    fputs("<p class=\"note\">Every option as config.ini has it; bold: other than the default.</p>\n"
          "<div class=\"options\">\n",
          page->out);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        put_group(page->out, run, groups[i]);
    fputs("</div>\n", page->out);
    clg_html_section_end(page);
    return CLG_OK;
}
