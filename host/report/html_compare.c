/* Several runs on one page: their final figures, curves over one another, the options in which they
 * differ. */
#include "report/chart.h"
#include "report/run_report.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STYLES = 8, LABEL = 24 };

/* Runs go by letters, beyond Z by numbers. */
static void label_of(char out[LABEL], size_t run, size_t count)
{
    if (count <= 26)
        snprintf(out, LABEL, "%c", (char)('A' + (int)run));
    else
        snprintf(out, LABEL, "%zu", run + 1);
}

/* ---- final figures */

static const struct clg_metric *last_line(const struct clg_report_run *run)
{
    static const struct clg_metric none = {.loss = (double)NAN,
                                           .accuracy = (double)NAN,
                                           .val_loss = (double)NAN,
                                           .val_accuracy = (double)NAN,
                                           .seconds = (double)NAN};
    if (run->metrics.epochs)
        return &run->metrics.last;
    return run->metrics.count ? &run->metrics.line[run->metrics.count - 1] : &none;
}

/* "88.78 % test": accuracy, or for values the RMSE. */
static void put_evaluated(FILE *out, const struct clg_report_run *run)
{
    const struct clg_examples *examples = &run->examples;
    if (examples->problem) {
        fputs("<td title=\"", out);
        clg_html_text(out, examples->problem);
        fputs("\">\xe2\x80\x93</td><td>\xe2\x80\x93</td>", out);
        return;
    }
    fputs("<td><strong>", out);
    if (examples->figures.classes)
        clg_html_percent(out, examples->figures.accuracy);
    else
        clg_html_number(out, examples->figures.rmse, 4);
    fprintf(out, "</strong>%s</td><td class=\"t\">", examples->figures.classes ? "" : " RMSE");
    clg_html_text(out, examples->name);
    fputs("</td>", out);
}

static void put_run(FILE *out, const struct clg_report_run *run, size_t index, size_t count)
{
    char label[LABEL];
    const struct clg_metric *last = last_line(run);
    label_of(label, index, count);
    fprintf(
        out,
        "<tr><th scope=\"row\" class=\"t\"><span class=\"key\" style=\"background:var(--c%zu)\">"
        "</span>%s&ensp;",
        index % STYLES, label);
    clg_html_text(out, run->folder);
    fputs("</th><td class=\"t\">", out);
    clg_html_text(out, clg_report_ending(run));
    fputs("</td>", out);
    put_evaluated(out, run);
    const double figures[] = {last->val_accuracy, last->accuracy};
    const double losses[] = {last->val_loss, last->loss};
    for (size_t k = 0; k < 2; k++) {
        fputs("<td>", out);
        clg_html_percent(out, figures[k]);
        fputs("</td><td>", out);
        clg_html_number(out, losses[k], 4);
        fputs("</td>", out);
    }
    fprintf(out, "<td>%d</td><td>%d</td><td>", run->metrics.epochs, run->metrics.best.epoch);
    clg_html_duration(out, last->seconds);
    fputs("</td></tr>\n", out);
}

static void put_figures(FILE *out, const struct clg_report *report)
{
    static const char *const heads[] = {"val. accuracy", "val. loss", "training accuracy",
                                        "training loss", "epochs",    "best epoch",
                                        "time"};
    fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Final "
          "figures\"><table><thead><tr><th scope=\"col\" "
          "class=\"t\">run</th><th scope=\"col\" class=\"t\">ended</th><th "
          "scope=\"col\">evaluated</th><th scope=\"col\" class=\"t\">on</th>",
          out);
    for (size_t k = 0; k < sizeof heads / sizeof *heads; k++)
        fprintf(out, "<th scope=\"col\">%s</th>", heads[k]);
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < report->count; i++)
        put_run(out, &report->run[i], i, report->count);
    fputs("</tbody></table></div>\n", out);
}

/* ---- curves */

static double value_of(const struct clg_metric *line, int which)
{
    const double values[] = {line->val_loss, line->loss, line->val_accuracy, line->accuracy};
    return values[which];
}

/* The points of one run's curve, without gaps: x in front, y behind. */
static clg_status points(struct clg_series *line, double **memory, const struct clg_report_run *run,
                         int which)
{
    const struct clg_metrics *metrics = &run->metrics;
    size_t n = metrics->count;
    CLG_TRY(clg_alloc(memory, n, 2 * sizeof **memory, "curves"));
    for (size_t i = 0; i < n; i++) {
        double y = value_of(&metrics->line[i], which);
        if (!isfinite(y) || metrics->by_step)
            continue;
        (*memory)[line->count] = metrics->line[i].x;
        (*memory)[n + line->count++] = y;
    }
    line->x = *memory;
    line->y = *memory + n;
    return CLG_OK;
}

static clg_status put_curves(struct clg_page *page, const struct clg_report *report, int which)
{
    static const char *const titles[] = {"Validation loss", "Training loss", "Validation accuracy",
                                         "Training accuracy"};
    size_t n = report->count;
    struct clg_series *line = NULL;
    double **memory = NULL;
    char(*label)[LABEL] = NULL;
    clg_status status;
    CLG_TRY_DONE(clg_alloc(&line, n, sizeof *line, "curves"));
    CLG_TRY_DONE(clg_alloc(&memory, n, sizeof *memory, "curves"));
    CLG_TRY_DONE(clg_alloc(&label, n, sizeof *label, "curves"));
    static const char *const styles[STYLES] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};
    for (size_t i = 0; i < n; i++) {
        label_of(label[i], i, n);
        line[i].name = label[i];
        line[i].style = styles[i % STYLES];
        line[i].dashed = i >= STYLES;
        CLG_TRY_DONE(points(&line[i], &memory[i], &report->run[i], which));
    }
    struct clg_chart chart = {.title = titles[which],
                              .unit = which < 2 ? "mean of an example" : "share of examples",
                              .x_name = "epoch",
                              .percent = which >= 2,
                              .series = (int)n,
                              .line = line};
    clg_chart_put(page, &chart);
    status = CLG_OK;
done:
    for (size_t i = 0; memory && i < n; i++)
        free(memory[i]);
    free(memory);
    free(line);
    free(label);
    return status;
}

/* ---- options that differ */

/* The text of row `option` in a run; behind the options come network and device. */
static const char *text_of(const struct clg_report_run *run, size_t option, size_t options,
                           const char **name)
{
    const clg_option *list = clg_config_options(NULL);
    if (option < options) {
        *name = list[option].name;
        return clg_config_get(run->config, list[option].name);
    }
    *name = option == options ? "network" : "device used";
    return option == options ? (run->net ? run->net->text : clg_report_fact(run, 0, "network"))
                             : clg_report_fact(run, 1, "name");
}

static int differs(const struct clg_report *report, size_t option, size_t options)
{
    const char *name, *first = text_of(&report->run[0], option, options, &name);
    for (size_t i = 1; i < report->count && strcmp(name, "out") != 0; i++)
        if (strcmp(first, text_of(&report->run[i], option, options, &name)) != 0)
            return 1;
    return 0;
}

static void put_difference(FILE *out, const struct clg_report *report, size_t option,
                           size_t options)
{
    const char *name;
    text_of(&report->run[0], option, options, &name);
    fprintf(out, "<tr><th scope=\"row\" class=\"t\">%s</th>", name);
    for (size_t i = 0; i < report->count; i++) {
        const char *text = text_of(&report->run[i], option, options, &name);
        fputs("<td class=\"t mono\">", out);
        clg_html_text(out, *text ? text : "\xe2\x80\x93");
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
}

static void put_differences(struct clg_page *page, const struct clg_report *report)
{
    FILE *out = page->out;
    size_t options, found = 0;
    clg_config_options(&options);
    clg_html_section(page, "options", "Options that differ");
    for (size_t k = 0; k < options + 2; k++) {
        if (!differs(report, k, options))
            continue;
        if (!found++) {
            fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Options that "
                  "differ\"><table><thead><tr><th scope=\"col\" class=\"t\">option</th>",
                  out);
            for (size_t i = 0; i < report->count; i++) {
                char label[LABEL];
                label_of(label, i, report->count);
                fprintf(out, "<th scope=\"col\" class=\"t\">%s</th>", label);
            }
            fputs("</tr></thead><tbody>\n", out);
        }
        put_difference(out, report, k, options);
    }
    fputs(found ? "</tbody></table></div>\n" : "<p class=\"note\">None.</p>\n", out);
    clg_html_section_end(page);
}

clg_status clg_report_compare(struct clg_page *page, const struct clg_report *report)
{
    FILE *out = page->out;
    fprintf(out,
            "<header><p class=\"kicker\">clgrad comparison</p>\n<h1>%zu runs compared</h1>\n"
            "</header>\n",
            report->count);
    clg_html_section(page, "figures", "Figures");
    put_figures(out, report);
    clg_html_section_end(page);
    clg_html_section(page, "curves", "Curves");
    fputs("<div class=\"charts\">\n", out);
    for (int which = 0; which < 4; which++)
        CLG_TRY(put_curves(page, report, which));
    fputs("</div>\n", out);
    clg_html_section_end(page);
    put_differences(page, report);
    return CLG_OK;
}
