/* metrics.jsonl as a course of figures that fits in memory however long the run was. */
#define _GNU_SOURCE
#include "report/run_report.h"

#include "core/memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 4096, LONGEST_LINE = 1 << 20 };

static const char *const layer_keys[3] = {"weight_norm", "gradient_norm", "dead_relu"};

double clg_report_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void line_clear(struct clg_metric *line)
{
    for (int k = 0; k < 3; k++) {
        free(line->layer[k]);
        line->layer[k] = NULL;
    }
}

/* A figure for each layer, as many as there were in the first line that had them. */
static double *layer_figures(const json_t *list, int *layers)
{
    size_t count = json_array_size(list);
    if (count == 0 || count > CLG_MAX_LAYERS || (*layers && (size_t)*layers != count))
        return NULL;
    double *figures = malloc(count * sizeof *figures);
    for (size_t l = 0; figures && l < count; l++) {
        const json_t *value = json_array_get(list, l);
        figures[l] = json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
    if (figures)
        *layers = (int)count;
    return figures;
}

int clg_metric_parse(struct clg_metric *line, int *layers, const char *text)
{
    json_t *root = json_loads(text, 0, NULL);
    double epoch = clg_report_number(root, "epoch"), step = clg_report_number(root, "step");
    memset(line, 0, sizeof *line);
    if (!(epoch >= 1 && epoch <= 2147483647.0 && step >= 0 && step <= 9007199254740992.0)) {
        json_decref(root);
        return 0;
    }
    line->epoch = (int)epoch;
    line->step = (uint64_t)step;
    line->loss = clg_report_number(root, "loss");
    line->cost = clg_report_number(root, "cost");
    line->accuracy = clg_report_number(root, "accuracy");
    line->val_loss = clg_report_number(root, "val_loss");
    line->val_accuracy = clg_report_number(root, "val_accuracy");
    line->lr = clg_report_number(root, "lr");
    line->rate = clg_report_number(root, "samples_per_s");
    line->seconds = clg_report_number(root, "seconds");
    for (int k = 0; k < 3; k++)
        line->layer[k] = layer_figures(json_object_get(root, layer_keys[k]), layers);
    line->ends_epoch = line->layer[0] != NULL || !isnan(line->val_loss);
    json_decref(root);
    return 1;
}

/* Every second line goes; another is about to follow. */
static void thin_out(struct clg_metrics *metrics)
{
    size_t kept = 0;
    for (size_t i = 0; i < metrics->count; i++) {
        if (i % 2 == 0)
            metrics->line[kept++] = metrics->line[i];
        else
            line_clear(&metrics->line[i]);
    }
    metrics->count = kept;
}

/* A run that went on from a checkpoint may repeat steps: what was counted twice counts as it was
 * done last. */
static void drop_from(struct clg_metrics *metrics, uint64_t step)
{
    while (metrics->count && metrics->line[metrics->count - 1].step >= step)
        line_clear(&metrics->line[--metrics->count]);
}

static clg_status keep(struct clg_metrics *metrics, const struct clg_metric *line)
{
    drop_from(metrics, line->step);
    if (metrics->count == MOST_LINES)
        thin_out(metrics);
    if (metrics->count == metrics->room) {
        size_t room = metrics->room ? 2 * metrics->room : 64;
        struct clg_metric *more = realloc(metrics->line, room * sizeof *more);
        if (!more)
            return clg_fail(CLG_ENOMEM, "no memory for a run's metrics");
        metrics->line = more;
        metrics->room = room;
    }
    metrics->line[metrics->count++] = *line;
    return CLG_OK;
}

/* The loss by which epochs are compared: validation where there is one. */
static double judged(const struct clg_metric *line)
{
    return isnan(line->val_loss) ? line->loss : line->val_loss;
}

static void note_epoch(struct clg_metrics *metrics, const struct clg_metric *line)
{
    if (!line->ends_epoch)
        return;
    metrics->epochs = line->epoch;
    metrics->last = *line;
    if (metrics->best.epoch == 0 || judged(line) < judged(&metrics->best))
        metrics->best = *line;
    memset(metrics->last.layer, 0, sizeof metrics->last.layer); /* borrowed from nobody */
    memset(metrics->best.layer, 0, sizeof metrics->best.layer);
}

/* Lines within an epoch lie between its ends by their steps. */
static void place(struct clg_metrics *metrics)
{
    double steps_of_one = 0, done = 0;
    metrics->by_step = metrics->epochs == 0;
    for (size_t i = 0; i < metrics->count && steps_of_one <= 0; i++)
        if (metrics->line[i].ends_epoch)
            steps_of_one = (double)metrics->line[i].step / metrics->line[i].epoch;
    for (size_t i = 0; i < metrics->count; i++) {
        struct clg_metric *line = &metrics->line[i];
        double step = (double)line->step;
        if (metrics->by_step)
            line->x = step;
        else if (line->ends_epoch)
            line->x = line->epoch;
        else
            line->x =
                fmin(line->epoch - 1 + fmax(step - done, 0) / fmax(steps_of_one, 1), line->epoch);
        done = line->ends_epoch ? step : done;
    }
}

/* A last line without its end was being written when the machine went down. */
static clg_status read_line(struct clg_metrics *metrics, const char *text, size_t length,
                            const char *path, size_t number)
{
    struct clg_metric line;
    int whole = length && text[length - 1] == '\n';
    if (length > LONGEST_LINE)
        return clg_fail(CLG_EDATA, "%s: line %zu: is longer than %d bytes", path, number,
                        LONGEST_LINE);
    if (!clg_metric_parse(&line, &metrics->layers, text)) {
        if (!whole)
            return CLG_OK;
        return clg_fail(CLG_EDATA, "%s: line %zu: is no line of a run's metrics", path, number);
    }
    note_epoch(metrics, &line);
    clg_status status = keep(metrics, &line);
    if (status != CLG_OK)
        line_clear(&line);
    return status;
}

clg_status clg_metrics_read(struct clg_metrics *metrics, const char *path)
{
    char *text = NULL;
    size_t room = 0, number = 0;
    ssize_t length;
    clg_status status = CLG_OK;
    memset(metrics, 0, sizeof *metrics);
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT)
        return CLG_OK;
    if (!file)
        return clg_fail(CLG_EDATA, "%s: cannot be read: %s", path, strerror(errno));
    while (status == CLG_OK && (length = getline(&text, &room, file)) > 0)
        status = read_line(metrics, text, (size_t)length, path, ++number);
    if (status == CLG_OK && ferror(file))
        status = clg_fail(CLG_EIO, "%s: read: %s", path, strerror(errno));
    free(text);
    fclose(file);
    if (status != CLG_OK)
        clg_metrics_clear(metrics);
    else
        place(metrics);
    return status;
}

void clg_metrics_clear(struct clg_metrics *metrics)
{
    for (size_t i = 0; i < metrics->count; i++)
        line_clear(&metrics->line[i]);
    free(metrics->line);
    memset(metrics, 0, sizeof *metrics);
}
