/* A report in short: for the eye as text with curves drawn in letters, for programs as JSON. */
#define _GNU_SOURCE
#include "report/report.h"
#include "report/run_report.h"

#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHART_ROWS = 10, MARGIN = 11, NARROWEST = 40, WIDEST = 100 };

static const struct clg_metric *last_line(const struct clg_report_run *run)
{
    const struct clg_metrics *metrics = &run->metrics;
    if (metrics->epochs)
        return &metrics->last;
    return metrics->count ? &metrics->line[metrics->count - 1] : NULL;
}

/* ---- curves */

enum which { LOSS, ACCURACY };

static double value_of(const struct clg_metric *line, enum which which, int validation)
{
    if (which == LOSS)
        return validation ? line->val_loss : line->loss;
    return validation ? line->val_accuracy : line->accuracy;
}

/* The curve at x, between its two neighbours; NaN outside. */
static double curve_at(const struct clg_metrics *metrics, enum which which, int validation,
                       double x)
{
    const struct clg_metric *before = NULL;
    for (size_t i = 0; i < metrics->count; i++) {
        const struct clg_metric *line = &metrics->line[i];
        double y = value_of(line, which, validation);
        if (!isfinite(y))
            continue;
        if (line->x >= x) {
            if (line->x <= x || !before)
                return line->x <= x ? y : (double)NAN;
            double low = value_of(before, which, validation);
            return low + (y - low) * (x - before->x) / (line->x - before->x);
        }
        before = line;
    }
    return (double)NAN;
}

struct canvas {
    char cell[CHART_ROWS][WIDEST + 1];
    double low, high, from, to;
    int columns;
};

static int find_range(struct canvas *canvas, const struct clg_metrics *metrics, enum which which)
{
    canvas->low = canvas->from = INFINITY;
    canvas->high = canvas->to = -INFINITY;
    for (size_t i = 0; i < metrics->count; i++)
        for (int v = 0; v < 2; v++) {
            double y = value_of(&metrics->line[i], which, v);
            if (!isfinite(y))
                continue;
            canvas->low = fmin(canvas->low, y);
            canvas->high = fmax(canvas->high, y);
            canvas->from = fmin(canvas->from, metrics->line[i].x);
            canvas->to = fmax(canvas->to, metrics->line[i].x);
        }
    return canvas->to > canvas->from;
}

static void draw(struct canvas *canvas, const struct clg_metrics *metrics, enum which which)
{
    double spread = canvas->high > canvas->low ? canvas->high - canvas->low : 1;
    for (int r = 0; r < CHART_ROWS; r++) {
        memset(canvas->cell[r], ' ', (size_t)canvas->columns);
        canvas->cell[r][canvas->columns] = '\0';
    }
    for (int v = 0; v < 2; v++)
        for (int c = 0; c < canvas->columns; c++) {
            double x = canvas->from + (canvas->to - canvas->from) * c / (canvas->columns - 1);
            double y = curve_at(metrics, which, v, fmin(x, canvas->to));
            if (isfinite(y))
                canvas->cell[lround((canvas->high - y) / spread * (CHART_ROWS - 1))][c] =
                    v ? '*' : '.';
        }
}

static void put_mark(FILE *out, double value, enum which which)
{
    char text[40];
    snprintf(text, sizeof text, "%s%s", clg_print_number(which ? 100 * value : value, 4).text,
             which ? "%" : "");
    fprintf(out, "%*s |", MARGIN - 3, text);
}

static void put_curve(FILE *out, const struct clg_metrics *metrics, enum which which, int columns)
{
    struct canvas canvas;
    char from[32], to[48];
    int judged = 0;
    canvas.columns = columns - MARGIN;
    if (!find_range(&canvas, metrics, which))
        return;
    draw(&canvas, metrics, which);
    for (size_t i = 0; i < metrics->count; i++)
        judged |= isfinite(value_of(&metrics->line[i], which, 1));
    fprintf(out, "\n%s:  . training%s\n", which ? "accuracy" : "loss",
            judged ? "  * validation" : "");
    for (int r = 0; r < CHART_ROWS; r++) {
        if (r == 0 || r == CHART_ROWS - 1)
            put_mark(out, r ? canvas.low : canvas.high, which);
        else
            fprintf(out, "%*s |", MARGIN - 3, "");
        size_t end = strlen(canvas.cell[r]);
        while (end > 0 && canvas.cell[r][end - 1] == ' ')
            end--;
        fprintf(out, "%.*s\n", (int)end, canvas.cell[r]);
    }
    snprintf(from, sizeof from, "%s", clg_print_number(canvas.from, 6).text);
    snprintf(to, sizeof to, "%s %s", metrics->by_step ? "step" : "epoch",
             clg_print_number(canvas.to, 6).text);
    fprintf(out, "%*s +", MARGIN - 3, "");
    for (int c = 0; c < canvas.columns; c++)
        fputc('-', out);
    fprintf(out, "\n%*s%s%*s\n", MARGIN - 1, "", from, canvas.columns - (int)strlen(from), to);
}

/* ---- one run; columns 0: without curves */

static void put_clean(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < 32 || *text == 127 ? '?' : *text, out);
}

static void put_entry(FILE *out, const char *key, const char *text)
{
    if (!*text)
        return;
    fprintf(out, "%-9s ", key);
    put_clean(out, text);
    fputc('\n', out);
}

static void put_number(FILE *out, const char *before, double value, const char *behind)
{
    if (isfinite(value))
        fprintf(out, "%s%s%s", before, clg_print_number(value, 4).text, behind);
}

static void put_examples(FILE *out, const struct clg_report_run *run)
{
    const struct clg_examples *examples = &run->examples;
    const clg_evaluation *figures = &examples->figures;
    if (examples->problem) {
        put_entry(out, "examples", examples->problem);
        return;
    }
    fprintf(out, "%-9s %zu rows of ", "examples", examples->view.rows);
    put_clean(out, examples->name);
    put_number(out, ": loss ", figures->loss, "");
    put_number(out, ", accuracy ", 100 * figures->accuracy, " %");
    put_number(out, ", rmse ", figures->rmse, "");
    put_number(out, ", r2 ", figures->r2, "");
    fputc('\n', out);
}

static void put_verdict(FILE *out, const struct clg_report_run *run)
{
    const json_t *verify = run->verify;
    if (!json_is_boolean(json_object_get(verify, "ok")))
        return;
    fprintf(out, "%-9s %s", "verify",
            json_is_true(json_object_get(verify, "ok")) ? "ok" : "MISMATCH");
    put_number(out, ", ", clg_report_number(verify, "cases"), " operations");
    put_number(out, ", worst ", clg_report_number(verify, "worst"), " of its bound");
    fputc('\n', out);
}

static void put_profile(FILE *out, const struct clg_report_run *run)
{
    const json_t *summary = json_object_get(run->profile, "summary");
    const double measured = clg_report_number(summary, "measured_us");
    if (!isfinite(measured))
        return;
    put_number(out, "profile   ", measured, " us a step");
    put_number(out, ", predicted ", clg_report_number(summary, "predicted_us"), "");
    put_number(out, ", device busy ", 100 * clg_report_number(summary, "busy"), " %");
    fputc('\n', out);
}

static void put_run(FILE *out, const struct clg_report_run *run, int columns)
{
    const struct clg_metric *last = last_line(run);
    const struct clg_metrics *metrics = &run->metrics;
    put_entry(out, "run", run->folder);
    put_entry(out, "ended", clg_report_ending(run));
    put_entry(out, "network", run->net ? run->net->text : clg_report_fact(run, 0, "network"));
    put_entry(out, "device", clg_report_fact(run, 1, "name"));
    if (last) {
        fprintf(out, "%-9s %d epochs, %llu steps", "trained", metrics->epochs,
                (unsigned long long)last->step);
        put_number(out, ", ", last->seconds, " s");
        put_number(out, ": loss ", last->loss, "");
        put_number(out, ", accuracy ", 100 * last->accuracy, " %");
        put_number(out, "; validation loss ", last->val_loss, "");
        put_number(out, ", accuracy ", 100 * last->val_accuracy, " %");
        fputc('\n', out);
    }
    if (metrics->best.epoch) {
        int judged = isfinite(metrics->best.val_loss);
        fprintf(out, "%-9s epoch %d", "best", metrics->best.epoch);
        put_number(out, judged ? ": validation loss " : ": training loss ",
                   judged ? metrics->best.val_loss : metrics->best.loss, "");
        fputc('\n', out);
    }
    put_examples(out, run);
    put_verdict(out, run);
    put_profile(out, run);
    if (columns)
        put_curve(out, metrics, LOSS, columns);
    if (columns)
        put_curve(out, metrics, ACCURACY, columns);
}

/* ---- as JSON */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *examples_json(const struct clg_examples *examples)
{
    const clg_evaluation *figures = &examples->figures;
    if (examples->problem)
        return json_pack("{s:o}", "problem", clg_report_string(examples->problem));
    json_t *root = json_pack("{s:o, s:o, s:I, s:o}", "data", clg_report_string(examples->name),
                             "source", clg_report_string(examples->source), "examples",
                             (json_int_t)examples->view.rows, "loss", number(figures->loss));
    if (root && figures->classes)
        json_object_set_new(root, "accuracy", number(figures->accuracy));
    if (root && !figures->classes) {
        json_object_set_new(root, "mae", number(figures->mae));
        json_object_set_new(root, "rmse", number(figures->rmse));
        json_object_set_new(root, "r2", number(figures->r2));
    }
    return root;
}

static json_t *run_json(const struct clg_report_run *run)
{
    const struct clg_metric *last = last_line(run);
    const double nan = (double)NAN;
    json_t *root = json_pack(
        "{s:o, s:s, s:o, s:o, s:i, s:I, s:i}", "run", clg_report_string(run->folder), "ended",
        clg_report_ending(run), "network", clg_report_string(run->net ? run->net->text : ""),
        "device", clg_report_string(clg_report_fact(run, 1, "name")), "epochs", run->metrics.epochs,
        "steps", (json_int_t)(last ? last->step : 0), "best_epoch", run->metrics.best.epoch);
    if (!root)
        return NULL;
    json_object_set_new(root, "loss", number(last ? last->loss : nan));
    json_object_set_new(root, "accuracy", number(last ? last->accuracy : nan));
    json_object_set_new(root, "val_loss", number(last ? last->val_loss : nan));
    json_object_set_new(root, "val_accuracy", number(last ? last->val_accuracy : nan));
    json_object_set_new(root, "seconds", number(last ? last->seconds : nan));
    json_object_set_new(root, "evaluation", examples_json(&run->examples));
    if (json_is_boolean(json_object_get(run->verify, "ok")))
        json_object_set(root, "verified", json_object_get(run->verify, "ok"));
    return root;
}

static clg_status summary_json(char **text, const struct clg_report *report)
{
    json_t *runs = json_array(), *root = json_object();
    int failed = 0;
    for (size_t i = 0; i < report->count; i++)
        failed |= json_array_append_new(runs, run_json(&report->run[i]));
    failed |= clg_report_set(root, "runs", runs);
    clg_status status = failed ? clg_fail(CLG_ENOMEM, "no memory for a report's summary")
                               : clg_report_json(text, root);
    json_decref(root);
    return status;
}

clg_status clg_report_summary(char **text, const clg_report *report, int columns, int json)
{
    size_t size = 0;
    int width = columns <= 0 ? 80 : columns < NARROWEST ? NARROWEST : columns;
    *text = NULL;
    if (json)
        return summary_json(text, report);
    FILE *out = open_memstream(text, &size);
    if (!out)
        return clg_fail(CLG_ENOMEM, "no memory for a report's summary");
    for (size_t i = 0; i < report->count; i++) {
        fputs(i ? "\n" : "", out);
        put_run(out, &report->run[i], report->count > 1 ? 0 : width < WIDEST ? width : WIDEST);
    }
    int failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return CLG_OK;
    free(*text);
    *text = NULL;
    return clg_fail(CLG_ENOMEM, "no memory for a report's summary");
}
