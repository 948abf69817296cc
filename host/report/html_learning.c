/* The head of a run's page and how the learning went: its figures, curves, layers, every epoch. */
#include "report/chart.h"
#include "report/run_report.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EPOCH_ROWS = 200 };

/* ---- head */

static void figure(FILE *out, const char *name, const char *style)
{
    fprintf(out, "<div><dt>%s</dt><dd class=\"%s\">", name, style);
}

static void figure_end(FILE *out)
{
    fputs("</dd></div>\n", out);
}

/* "Test accuracy" from "test data". */
static void figure_of(FILE *out, const char *data, const char *what, const char *style)
{
    char name[64];
    int length = (int)strcspn(data, " ");
    snprintf(name, sizeof name, "%.*s %s", length, data, what);
    if (name[0] >= 'a' && name[0] <= 'z')
        name[0] = (char)(name[0] - 'a' + 'A');
    fprintf(out, "<div><dt>");
    clg_html_text(out, name);
    fprintf(out, "</dt><dd class=\"%s\">", style);
}

static void put_classes(FILE *out, const struct clg_examples *examples)
{
    const clg_evaluation *figures = &examples->figures;
    uint64_t hits = 0;
    size_t n = (size_t)figures->classes;
    for (size_t c = 0; c < n; c++)
        hits += figures->confusion[c * n + c];
    figure_of(out, examples->name, "accuracy", "main");
    clg_html_percent(out, figures->accuracy);
    fputs("<small>", out);
    clg_html_count(out, hits);
    fputs(" of ", out);
    clg_html_count(out, figures->examples);
    fputs("</small>", out);
    figure_end(out);
}

static void put_values(FILE *out, const struct clg_examples *examples)
{
    figure_of(out, examples->name, "RMSE", "main");
    clg_html_number(out, examples->figures.rmse, 4);
    fputs("<small>R\xc2\xb2 ", out);
    clg_html_number(out, examples->figures.r2, 4);
    fputs(", MAE ", out);
    clg_html_number(out, examples->figures.mae, 4);
    fputs("</small>", out);
    figure_end(out);
}

static void put_examples(FILE *out, const struct clg_report_run *run)
{
    const struct clg_examples *examples = &run->examples;
    if (examples->problem)
        return;
    if (examples->figures.classes)
        put_classes(out, examples);
    else
        put_values(out, examples);
    figure_of(out, examples->name, "loss", "");
    clg_html_number(out, examples->figures.loss, 4);
    if (examples->view.rows < examples->all_rows) {
        fputs("<small>first ", out);
        clg_html_count(out, examples->view.rows);
        fputs(" rows</small>", out);
    }
    figure_end(out);
}

static void put_course(FILE *out, const struct clg_report_run *run)
{
    const struct clg_metrics *metrics = &run->metrics;
    const struct clg_metric *last =
        metrics->epochs ? &metrics->last
                        : (metrics->count ? &metrics->line[metrics->count - 1] : NULL);
    if (!last)
        return;
    const char *kind = isnan(last->val_loss) ? "training data" : "validation data";
    if (strcmp(run->examples.name, kind) == 0) /* its loss stands in front, as the model is now */
        figure(out, "Loss of the last epoch", "");
    else
        figure(out, isnan(last->val_loss) ? "Training loss" : "Validation loss", "");
    clg_html_number(out, isnan(last->val_loss) ? last->loss : last->val_loss, 4);
    if (metrics->best.epoch > 0 && metrics->best.epoch != last->epoch) {
        fputs("<small>best ", out);
        clg_html_number(out, isnan(last->val_loss) ? metrics->best.loss : metrics->best.val_loss,
                        4);
        fprintf(out, ", epoch %d</small>", metrics->best.epoch);
    }
    figure_end(out);
    figure(out, "Epochs", "");
    fprintf(out, "%d<small>", metrics->epochs);
    clg_html_count(out, last->step);
    fputs(" steps</small>", out);
    figure_end(out);
    figure(out, "Time", "");
    clg_html_duration(out, last->seconds);
    if (isfinite(last->rate)) {
        fputs("<small>", out);
        clg_html_count(out, (uint64_t)fmax(last->rate, 0));
        fputs(" examples/s</small>", out);
    }
    figure_end(out);
}

static void put_verify(FILE *out, const struct clg_report_run *run)
{
    const json_t *ok = json_object_get(run->verify, "ok");
    figure(out, "Device against reference", ok && !json_is_true(ok) ? "bad text" : "text");
    fputs(!ok ? "not verified" : json_is_true(ok) ? "ok" : "mismatch", out);
    figure_end(out);
}

clg_status clg_report_head(struct clg_page *page, const struct clg_report_run *run)
{
    FILE *out = page->out;
    const char *device = clg_report_fact(run, 1, "name"), *ending = clg_report_ending(run);
    int well = strcmp(ending, "finished") == 0 || strcmp(ending, "stopped early") == 0;
    fputs("<header><p class=\"kicker\">clgrad run, <span", out);
    fprintf(out, "%s>", well ? "" : " class=\"bad\"");
    clg_html_text(out, ending);
    fputs("</span></p>\n<h1>", out);
    clg_html_text(out, run->name);
    fputs("</h1>\n<p class=\"mono\">", out);
    clg_html_text(out, run->net ? run->net->text : clg_report_fact(run, 0, "network"));
    fputs("</p>\n<dl class=\"figures\">\n", out);
    put_examples(out, run);
    put_course(out, run);
    fputs("<div class=\"w\"><dt>Device</dt><dd class=\"text\">", out);
    clg_html_text(out, *device ? device : clg_config_get(run->config, "device"));
    figure_end(out);
    put_verify(out, run);
    fputs("</dl>\n", out);
    if (run->examples.problem) {
        fputs("<p class=\"note\">Sections that need the model and its data are left out: ", out);
        clg_html_text(out, run->examples.problem);
        fputs("</p>\n", out);
    }
    fputs("</header>\n", out);
    return CLG_OK;
}

/* ---- curves */

enum column { LOSS, VAL_LOSS, ACCURACY, VAL_ACCURACY, RATE, COLUMNS };

/* The course by columns, as charts take it. */
struct columns {
    double *x, *y[COLUMNS];
    double *layer[3]; /* (layers,count) each */
};

static void columns_clear(struct columns *columns)
{
    free(columns->x);
    for (int k = 0; k < COLUMNS; k++)
        free(columns->y[k]);
    for (int k = 0; k < 3; k++)
        free(columns->layer[k]);
}

static void fill(struct columns *columns, const struct clg_metrics *metrics)
{
    size_t layers = (size_t)metrics->layers, n = metrics->count;
    for (size_t i = 0; i < n; i++) {
        const struct clg_metric *line = &metrics->line[i];
        columns->x[i] = line->x;
        columns->y[LOSS][i] = line->loss;
        columns->y[VAL_LOSS][i] = line->val_loss;
        columns->y[ACCURACY][i] = line->accuracy;
        columns->y[VAL_ACCURACY][i] = line->val_accuracy;
        columns->y[RATE][i] = line->lr;
        for (int k = 0; k < 3; k++)
            for (size_t l = 0; l < layers; l++)
                columns->layer[k][l * n + i] = line->layer[k] ? line->layer[k][l] : (double)NAN;
    }
}

static clg_status columns_make(struct columns *columns, const struct clg_metrics *metrics)
{
    clg_status status;
    size_t n = metrics->count, layers = (size_t)metrics->layers;
    memset(columns, 0, sizeof *columns);
    CLG_TRY_DONE(clg_alloc(&columns->x, n, sizeof *columns->x, "curves"));
    for (int k = 0; k < COLUMNS; k++)
        CLG_TRY_DONE(clg_alloc(&columns->y[k], n, sizeof *columns->x, "curves"));
    for (int k = 0; k < 3; k++)
        CLG_TRY_DONE(clg_alloc(&columns->layer[k], n, layers * sizeof(double), "curves"));
    fill(columns, metrics);
done:
    if (status != CLG_OK)
        columns_clear(columns);
    return status;
}

static int any_finite(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            return 1;
    return 0;
}

/* Training and validation over one another; the accent is what the run is judged by.  Within the
 * lines there may be figures of a part of an epoch, where validation has none. */
static void put_pair(struct clg_page *page, const struct clg_metrics *metrics,
                     const struct columns *columns, enum column first, const char *title,
                     const char *unit)
{
    size_t ends = 0;
    int judged = any_finite(columns->y[first + 1], metrics->count);
    double *x = columns->x, *val = columns->y[first + 1];
    double *at = malloc((metrics->count + 1) * 2 * sizeof *at), *y = at ? at + metrics->count : at;
    for (size_t i = 0; at && i < metrics->count; i++)
        if (isfinite(val[i])) {
            at[ends] = x[i];
            y[ends++] = val[i];
        }
    struct clg_series line[2] = {
        {.name = "training",
         .style = judged ? "sb" : "sa",
         .count = metrics->count,
         .x = x,
         .y = columns->y[first]},
        {.name = "validation", .style = "sa", .count = ends, .x = at, .y = y}};
    struct clg_chart chart = {.title = title,
                              .unit = unit,
                              .x_name = metrics->by_step ? "step" : "epoch",
                              .percent = first == ACCURACY,
                              .series = 2,
                              .line = line};
    clg_chart_put(page, &chart);
    free(at);
}

static void put_rate(struct clg_page *page, const struct clg_metrics *metrics,
                     const struct columns *columns)
{
    struct clg_series line = {
        .name = "", .style = "sa", .count = metrics->count, .x = columns->x, .y = columns->y[RATE]};
    struct clg_chart chart = {.title = "Learning rate",
                              .unit = "of the last step",
                              .x_name = metrics->by_step ? "step" : "epoch",
                              .from_zero = 1,
                              .series = 1,
                              .line = &line};
    clg_chart_put(page, &chart);
}

/* A line a layer, the first the strongest. */
static void put_layers(struct clg_page *page, const struct clg_metrics *metrics,
                       const struct columns *columns, int which)
{
    static const char *const titles[3] = {"Weight norm", "Gradient norm", "Dead units"};
    static const char *const units[3] = {"Euclidean, each layer",
                                         "Euclidean, last step of an epoch",
                                         "relu units at 0 for 1,024 rows"};
    struct clg_series line[CLG_MAX_LAYERS];
    char name[CLG_MAX_LAYERS][24];
    size_t count = 0;
    for (int l = 0; l < metrics->layers; l++) {
        const double *y = columns->layer[which] + (size_t)l * metrics->count;
        if (!any_finite(y, metrics->count))
            continue;
        double fade = metrics->layers > 1 ? (double)l / (metrics->layers - 1) : 0;
        snprintf(name[l], sizeof name[l], "layer %d", l);
        line[count] = (struct clg_series){.name = name[l],
                                          .style = "sa",
                                          .opacity = 1 - 0.62 * fade,
                                          .count = metrics->count,
                                          .x = columns->x,
                                          .y = y};
        count++;
    }
    struct clg_chart chart = {.title = titles[which],
                              .unit = units[which],
                              .x_name = "epoch",
                              .percent = which == 2,
                              .from_zero = which == 2,
                              .series = (int)count,
                              .line = line};
    clg_chart_put(page, &chart);
}

/* ---- the same as a table */

static void put_epoch(FILE *out, const struct clg_metric *line)
{
    fprintf(out, "<tr><th scope=\"row\">%d</th><td>", line->epoch);
    clg_html_count(out, line->step);
    fputs("</td><td>", out);
    clg_html_number(out, line->loss, 5);
    fputs("</td><td>", out);
    clg_html_percent(out, line->accuracy);
    fputs("</td><td>", out);
    clg_html_number(out, line->val_loss, 5);
    fputs("</td><td>", out);
    clg_html_percent(out, line->val_accuracy);
    fputs("</td><td>", out);
    clg_html_number(out, line->lr, 4);
    fputs("</td><td>", out);
    clg_html_fixed(out, line->seconds, 2);
    fputs("</td></tr>\n", out);
}

static void put_epochs(FILE *out, const struct clg_metrics *metrics)
{
    size_t ends = 0, at = 0;
    for (size_t i = 0; i < metrics->count; i++)
        ends += (size_t)metrics->line[i].ends_epoch;
    if (!ends)
        return;
    size_t stride = (ends + MOST_EPOCH_ROWS - 1) / MOST_EPOCH_ROWS;
    fprintf(out,
            "<details><summary>The figures of %s epoch as a table</summary>\n<div class=\"wide\" "
            "tabindex=\"0\" role=\"region\" aria-label=\"Figures by epoch\"><table><thead><tr>",
            stride > 1 || (int)ends < metrics->epochs ? "some of the epochs, not every" : "every");
    static const char *const heads[] = {"epoch",     "step",          "loss",          "accuracy",
                                        "val. loss", "val. accuracy", "learning rate", "seconds"};
    for (size_t k = 0; k < sizeof heads / sizeof *heads; k++)
        fprintf(out, "<th scope=\"col\">%s</th>", heads[k]);
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < metrics->count; i++)
        if (metrics->line[i].ends_epoch && (at++ % stride == 0 || at == ends))
            put_epoch(out, &metrics->line[i]);
    fputs("</tbody></table></div></details>\n", out);
}

clg_status clg_report_learning(struct clg_page *page, const struct clg_report_run *run)
{
    const struct clg_metrics *metrics = &run->metrics;
    struct columns columns;
    clg_html_section(page, "learning", "Learning");
    if (!metrics->count) {
        fputs("<p class=\"note\">No epoch has ended yet: metrics.jsonl holds no figures.</p>\n",
              page->out);
        clg_html_section_end(page);
        return CLG_OK;
    }
    CLG_TRY(columns_make(&columns, metrics));
    fputs("<div class=\"charts\">\n", page->out);
    put_pair(page, metrics, &columns, LOSS, "Loss", "mean of an example");
    put_pair(page, metrics, &columns, ACCURACY, "Accuracy", "share of examples");
    put_rate(page, metrics, &columns);
    for (int k = 0; k < 3; k++)
        put_layers(page, metrics, &columns, k);
    fputs("</div>\n", page->out);
    put_epochs(page->out, metrics);
    clg_html_section_end(page);
    columns_clear(&columns);
    return CLG_OK;
}
