/* The examples of a report: which data a run is judged by, what its model says of each row, which
 * rows it gets most wrong.  Data that is gone is stated, not failed on. */
#include "report/run_report.h"

#include "core/memory.h"
#include "core/predicted.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the rows a run was trained on, fewer tell as much. */
enum { MOST_ROWS = 100000, MOST_TRAINING_ROWS = 10000 };

void clg_examples_clear(struct clg_examples *examples)
{
    clg_dataset_destroy(examples->owned);
    clg_evaluation_clear(&examples->figures);
    free(examples->source);
    free(examples->problem);
    free(examples->y);
    free(examples->truth);
    free(examples->saliency);
    memset(examples, 0, sizeof *examples);
}

/* ---- finding the data */

static int names_part(const char *spec)
{
    size_t length = strlen(spec);
    return (length > 6 && strcmp(spec + length - 6, ":train") == 0) ||
           (length > 5 && strcmp(spec + length - 5, ":test") == 0);
}

static clg_status load(struct clg_report_run *run, const char *spec, clg_part part,
                       const char *name)
{
    struct clg_examples *examples = &run->examples;
    snprintf(examples->name, sizeof examples->name, "%s", name);
    if (spec[0] == '-' && (spec[1] == '\0' || spec[1] == ','))
        return clg_fail(CLG_EDATA, "the data came from standard input, which is read only once");
    return clg_net_load_data(&examples->owned, run->net, spec, part, run->config, 1);
}

/* The rows that --val-split held back from the training. */
static clg_status load_held_back(struct clg_report_run *run, const char *spec, double amount)
{
    struct clg_dataset *first = NULL, *rest = NULL;
    struct clg_examples *examples = &run->examples;
    CLG_TRY(load(run, spec, CLG_PART_TRAIN, "validation data"));
    CLG_TRY(clg_dataset_split(&first, &rest, examples->owned, amount,
                              (uint64_t)clg_config_integer(run->config, "seed"),
                              !clg_config_switch(run->config, "no-shuffle")));
    clg_dataset_destroy(first);
    clg_dataset_destroy(examples->owned);
    examples->owned = rest;
    return CLG_OK;
}

/* Test data where the run has some, else validation data, else what it was trained on. */
static clg_status find_data(struct clg_report_run *run)
{
    const char *train = clg_config_get(run->config, "train");
    const char *val = clg_config_get(run->config, "val");
    const char *test = clg_config_get(run->config, "test");
    double held_back = clg_config_number(run->config, "val-split");
    struct clg_examples *examples = &run->examples;
    if (*test)
        return load(run, test, CLG_PART_TEST, "test data");
    if (!*train)
        return clg_fail(CLG_EDATA, "config.ini names no data");
    if (!names_part(train)) {
        CLG_TRY(load(run, train, CLG_PART_TEST, "test data"));
        if (examples->owned->both_parts)
            return CLG_OK;
        clg_dataset_destroy(examples->owned);
        examples->owned = NULL;
    }
    if (*val)
        return load(run, val, CLG_PART_TEST, "validation data");
    if (held_back > 0)
        return load_held_back(run, train, held_back);
    return load(run, train, CLG_PART_TRAIN, "training data");
}

/* ---- running the model */

static clg_status number_classes(struct clg_report_run *run)
{
    struct clg_examples *examples = &run->examples;
    const struct clg_dataset *data = &examples->view;
    int32_t *map = NULL;
    clg_status status;
    if (!data->labels || run->net->classes == 0)
        return CLG_OK;
    CLG_TRY_DONE(clg_alloc(&map, (size_t)data->classes, sizeof *map, "classes"));
    CLG_TRY_DONE(clg_alloc(&examples->truth, data->rows, sizeof *examples->truth, "classes"));
    CLG_TRY_DONE(clg_dataset_class_map(map, data, run->net->class_name, run->net->classes));
    for (size_t i = 0; i < data->rows; i++)
        examples->truth[i] = map[data->labels[i]];
done:
    free(map);
    return status;
}

int clg_examples_class(const struct clg_report_run *run, size_t row)
{
    int O = clg_net_outputs(run->net);
    return clg_predicted_class(run->examples.y + row * (size_t)O, O);
}

double clg_examples_output(const struct clg_report_run *run, size_t row, int c)
{
    int O = clg_net_outputs(run->net);
    const float *y = run->examples.y + row * (size_t)O;
    if (O == 1)
        return c ? (double)y[0] : 1 - (double)y[0];
    return (double)y[c];
}

double clg_examples_value(const struct clg_report_run *run, size_t row, int j)
{
    const struct clg_dataset *data = &run->examples.view;
    return data->values ? data->values[row * data->outputs + (size_t)j] : data->labels[row];
}

/* Squared error of a row's outputs against its values, or an autoencoder's inputs x. */
static double square_error(const struct clg_report_run *run, size_t row, const double *x)
{
    const struct clg_examples *examples = &run->examples;
    size_t O = (size_t)clg_net_outputs(run->net);
    double sum = 0;
    for (size_t j = 0; j < O; j++) {
        double want = x ? x[j] : clg_examples_value(run, row, (int)j);
        double error = (double)examples->y[row * O + j] - want;
        sum += error * error;
    }
    return sum;
}

/* Takes row in among the worst where it belongs there; the worst stands first. */
static void rank(struct clg_examples *examples, size_t row, double badness)
{
    size_t at = examples->worst_count;
    if (!(at < CLG_REPORT_WORST) && !(badness > examples->badness[CLG_REPORT_WORST - 1]))
        return;
    if (at == CLG_REPORT_WORST)
        at--;
    else
        examples->worst_count++;
    for (; at > 0 && badness > examples->badness[at - 1]; at--) {
        examples->badness[at] = examples->badness[at - 1];
        examples->worst[at] = examples->worst[at - 1];
    }
    examples->badness[at] = badness;
    examples->worst[at] = row;
}

static clg_status rank_rows(struct clg_report_run *run)
{
    struct clg_examples *examples = &run->examples;
    struct clg_normalise normalise = {0};
    double *x = NULL;
    clg_status status = CLG_OK;
    if (run->net->target_input) {
        CLG_TRY_DONE(clg_net_normalise_for(&normalise, run->net, &examples->view));
        CLG_TRY_DONE(clg_alloc(&x, examples->view.features, sizeof *x, "examples"));
    }
    for (size_t i = 0; i < examples->view.rows; i++) {
        if (x)
            CLG_TRY_DONE(clg_normalise_row(x, &normalise, &examples->view, i));
        if (!examples->truth)
            rank(examples, i, square_error(run, i, x));
        else if (clg_examples_class(run, i) != examples->truth[i])
            rank(examples, i, 1 - clg_examples_output(run, i, examples->truth[i]));
    }
done:
    free(x);
    clg_normalise_clear(&normalise);
    return status;
}

/* ---- saliency */

/* The first rightly classified row of each class, then whatever rows come first. */
static void pick_shown(struct clg_report_run *run)
{
    struct clg_examples *examples = &run->examples;
    size_t rows = examples->view.rows;
    for (int c = 0; c < run->net->classes && examples->shown_count < CLG_REPORT_SHOWN; c++)
        for (size_t i = 0; i < rows; i++)
            if (examples->truth[i] == c && clg_examples_class(run, i) == c) {
                examples->shown[examples->shown_count++] = i;
                break;
            }
    for (size_t i = 0; i < rows && examples->shown_count < CLG_REPORT_SHOWN; i++) {
        size_t k = 0;
        while (k < examples->shown_count && examples->shown[k] != i)
            k++;
        if (k == examples->shown_count)
            examples->shown[examples->shown_count++] = i;
    }
}

static clg_status make_saliency(struct clg_report_run *run)
{
    struct clg_examples *examples = &run->examples;
    struct clg_normalise normalise = {0};
    size_t inputs = (size_t)clg_net_inputs(run->net);
    double *x = NULL;
    clg_status status;
    if (run->net->height <= 0 || !examples->truth)
        return CLG_OK;
    pick_shown(run);
    size_t count = examples->shown_count;
    CLG_TRY_DONE(clg_net_normalise_for(&normalise, run->net, &examples->view));
    CLG_TRY_DONE(clg_alloc(&x, count * inputs, sizeof *x, "saliency"));
    CLG_TRY_DONE(clg_alloc(&examples->saliency, count * inputs, sizeof *x, "saliency"));
    for (size_t k = 0; k < count; k++)
        CLG_TRY_DONE(
            clg_normalise_row(x + k * inputs, &normalise, &examples->view, examples->shown[k]));
    status = clg_saliency(examples->saliency, run->net, x, (int)count);
done:
    free(x);
    clg_normalise_clear(&normalise);
    return status;
}

/* ---- all of it */

static clg_status evaluate(struct clg_report_run *run, clg_device *device, const clg_dataset *data)
{
    struct clg_examples *examples = &run->examples;
    size_t count;
    CLG_TRY(clg_text_copy(&examples->source, data->source));
    examples->view = *data;
    examples->all_rows = data->rows;
    size_t most = strcmp(examples->name, "training data") == 0 ? MOST_TRAINING_ROWS : MOST_ROWS;
    if (data->rows > most)
        examples->view.rows = most;
    CLG_TRY(clg_net_check_data(run->net, &examples->view));
    CLG_TRY(clg_evaluate(&examples->figures, run->net, device, &examples->view));
    if (!clg_size_mul(&count, examples->view.rows, (size_t)clg_net_outputs(run->net)))
        return clg_fail(CLG_ENOMEM, "%s: its predictions are too many", examples->name);
    CLG_TRY(clg_alloc(&examples->y, count, sizeof *examples->y, "predictions"));
    CLG_TRY(clg_predict(examples->y, run->net, device, &examples->view));
    CLG_TRY(number_classes(run));
    CLG_TRY(rank_rows(run));
    return make_saliency(run);
}

clg_status clg_examples_make(struct clg_report_run *run, clg_device *device,
                             const clg_dataset *data, const char *name)
{
    struct clg_examples *examples = &run->examples;
    clg_status status = CLG_OK;
    if (!run->net)
        return clg_text_copy(&examples->problem, run->no_model);
    if (data) {
        snprintf(examples->name, sizeof examples->name, "%s", name ? name : "data");
    } else {
        status = find_data(run);
        data = examples->owned;
    }
    if (status == CLG_OK)
        status = evaluate(run, device, data);
    if (status == CLG_OK)
        return CLG_OK;
    clg_examples_clear(examples);
    return clg_text_copy(&examples->problem, clg_last_error());
}
