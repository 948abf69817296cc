/* Evaluation and prediction over a whole data set: the loop's validation, clg_evaluate,
 * clg_predict. */
#include "train/train.h"

#include "core/memory.h"
#include "core/predicted.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MOST = 256 };

int clg_evaluation_batch(size_t rows)
{
    return rows < BATCH_MOST ? (int)rows : BATCH_MOST;
}

/* Enqueues the forward pass of rows start..start+B of data, in order, up to loss or output. */
static clg_status forward_rows(struct clg_engine *engine, struct clg_resident *data,
                               size_t start, int B, int with_loss)
{
    size_t at, left;
    CLG_TRY(clg_resident_find(data, 0, start, &at, &left));
    assert(left >= (size_t)B); /* a part holds whole batches */
    CLG_TRY(engine->ops->gather(engine->device, &engine->x,
                                engine->net->target_input ? NULL : &engine->t, &data->rows, NULL,
                                at, B));
    CLG_TRY(clg_engine_fwd(engine, B, 0));
    return with_loss ? clg_engine_loss(engine, B, NULL) : clg_engine_output(engine, B);
}

static int batch_at(size_t start, size_t rows, int most)
{
    return rows - start < (size_t)most ? (int)(rows - start) : most;
}

clg_status clg_score_resident(struct clg_scores *out, struct clg_engine *engine,
                              struct clg_resident *data, const clg_train_hooks *hooks)
{
    struct clg_throttle throttle;
    clg_status status = CLG_OK;
    size_t rows = data->all;
    CLG_TRY(clg_engine_zero_scores(engine));
    clg_throttle_begin(&throttle, engine->device);
    for (size_t at = 0; at < rows && status == CLG_OK; at += (size_t)engine->max_batch) {
        int B = batch_at(at, rows, engine->max_batch);
        status = forward_rows(engine, data, at, B, 1);
        if (status == CLG_OK)
            status = clg_engine_score(engine, B);
        if (status == CLG_OK)
            status = clg_throttle_step(&throttle, NULL);
        if (status == CLG_OK && hooks && hooks->should_stop && hooks->should_stop(hooks->user))
            status = CLG_ECANCELLED;
    }
    clg_throttle_end(&throttle);
    return status == CLG_OK ? clg_engine_read_scores(engine, out, rows) : status;
}

/* An engine for inference with data resident beside it. */
struct session {
    struct clg_net *net; /* a copy: the caller's is const */
    struct clg_engine *engine;
    struct clg_resident data;
};

static void session_end(struct session *session)
{
    clg_engine_destroy(session->engine);
    clg_resident_release(&session->data);
    clg_net_destroy(session->net);
}

static clg_status session_begin(struct session *session, const clg_net *net, clg_device *device,
                                const clg_dataset *data)
{
    struct clg_plan plan;
    clg_status status;
    memset(session, 0, sizeof *session);
    clg_plan_begin(&plan, device);
    CLG_TRY_DONE(clg_net_copy(&session->net, net));
    CLG_TRY_DONE(clg_resident_plan(&session->data, &plan, data, net, 0, "data"));
    CLG_TRY_DONE(clg_engine_plan(&session->engine, &plan, session->net,
                                 clg_evaluation_batch(data->rows), 0));
    clg_resident_fit(&plan,
                     &(struct clg_resident_share){&session->data, data, net,
                                                  clg_evaluation_batch(data->rows)},
                     1);
    CLG_TRY_DONE(clg_plan_commit(&plan));
    CLG_TRY_DONE(clg_engine_attach(session->engine));
    CLG_TRY_DONE(clg_engine_push(session->engine));
    CLG_TRY_DONE(clg_resident_upload(&session->data, data, net));
done:
    if (status != CLG_OK)
        session_end(session);
    return status;
}

/* Runs all rows; y (rows,O) gets the outputs, *loss (may be NULL) the mean loss. */
static clg_status run_rows(struct session *session, double *y, double *loss)
{
    struct clg_engine *engine = session->engine;
    size_t rows = session->data.all, O = (size_t)clg_net_outputs(session->net);
    double row_loss[BATCH_MOST], sum = 0;
    for (size_t at = 0; at < rows; at += (size_t)engine->max_batch) {
        int B = batch_at(at, rows, engine->max_batch);
        CLG_TRY(forward_rows(engine, &session->data, at, B, loss != NULL));
        CLG_TRY(clg_matrix_download(&engine->out, y + at * O, B, (int)O));
        if (!loss)
            continue;
        CLG_TRY(clg_real_download(&engine->row_loss, row_loss, 0, (size_t)B));
        for (int i = 0; i < B; i++)
            sum += row_loss[i];
    }
    if (loss)
        *loss = sum / (double)rows;
    return CLG_OK;
}

clg_status clg_predict(float *y, const clg_net *net, clg_device *device, const clg_dataset *data)
{
    struct session session;
    struct clg_dataset bare = *data; /* borrows the rows; whatever targets there are stay here */
    double *wide = NULL;
    size_t count;
    bare.labels = NULL;
    bare.values = NULL;
    if (!clg_size_mul(&count, data->rows, (size_t)clg_net_outputs(net)))
        return clg_fail(CLG_ENOMEM, "%s: %zu predictions are too many", data->source, data->rows);
    CLG_TRY(session_begin(&session, net, device, &bare));
    clg_status status = clg_alloc(&wide, count, sizeof *wide, "predictions");
    if (status == CLG_OK)
        status = run_rows(&session, wide, NULL);
    for (size_t i = 0; status == CLG_OK && i < count; i++)
        y[i] = (float)wide[i];
    free(wide);
    session_end(&session);
    return status;
}

struct ranked {
    double score;
    int positive;
};

static int by_score(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->score, y = ((const struct ranked *)b)->score;
    return (x > y) - (x < y);
}

/* Area under the ROC curve by ranks, equal scores sharing their mean rank (Mann and Whitney
 * 1947). */
static double area_under_curve(struct ranked *row, size_t rows)
{
    double rank_sum = 0, positives = 0;
    qsort(row, rows, sizeof *row, by_score);
    for (size_t i = 0; i < rows;) {
        size_t end = i;
        while (end < rows && row[end].score == row[i].score)
            end++;
        for (size_t j = i; j < end; j++)
            if (row[j].positive) {
                rank_sum += ((double)i + (double)end + 1) / 2;
                positives++;
            }
        i = end;
    }
    double negatives = (double)rows - positives;
    if (positives <= 0 || negatives <= 0)
        return (double)NAN;
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

static clg_status two_class_auc(clg_evaluation *out, const double *y, const int32_t *truth,
                                size_t rows, int O)
{
    struct ranked *row;
    CLG_TRY(clg_alloc(&row, rows, sizeof *row, "ranks"));
    for (size_t i = 0; i < rows; i++)
        row[i] = (struct ranked){O == 1 ? y[i] : y[2 * i + 1], truth[i] == 1};
    out->auc = area_under_curve(row, rows);
    free(row);
    return CLG_OK;
}

/* Precision, recall and F1 of each class from the confusion matrix. */
static void class_figures(clg_evaluation *out)
{
    size_t n = (size_t)out->classes;
    double right = 0;
    for (size_t c = 0; c < n; c++) {
        double hit = (double)out->confusion[c * n + c], truth = 0, said = 0;
        for (size_t k = 0; k < n; k++) {
            truth += (double)out->confusion[c * n + k];
            said += (double)out->confusion[k * n + c];
        }
        right += hit;
        out->precision[c] = said > 0 ? hit / said : 0;
        out->recall[c] = truth > 0 ? hit / truth : 0;
        out->f1[c] = truth + said > 0 ? 2 * hit / (truth + said) : 0;
    }
    out->accuracy = right / (double)out->examples;
}

static clg_status score_classes(clg_evaluation *out, const struct clg_net *net, const double *y,
                                const int32_t *truth)
{
    size_t n = (size_t)net->classes, O = (size_t)clg_net_outputs(net);
    out->classes = net->classes;
    CLG_TRY(clg_alloc(&out->confusion, n * n, sizeof *out->confusion, "a confusion matrix"));
    CLG_TRY(clg_alloc(&out->precision, n, sizeof *out->precision, "precisions"));
    CLG_TRY(clg_alloc(&out->recall, n, sizeof *out->recall, "recalls"));
    CLG_TRY(clg_alloc(&out->f1, n, sizeof *out->f1, "F1 figures"));
    for (size_t i = 0; i < out->examples; i++)
        out->confusion[(size_t)truth[i] * n + (size_t)clg_class_of(y + i * O, NULL, (int)O)]++;
    class_figures(out);
    return net->classes == 2 ? two_class_auc(out, y, truth, out->examples, (int)O) : CLG_OK;
}

/* R2 of one output: the rows' squared errors against their spread round the mean; NaN where the
 * targets do not vary. */
static double output_r2(const double *y, const double *truth, size_t rows, size_t outputs)
{
    double square = 0, mean = 0, spread = 0;
    for (size_t i = 0; i < rows * outputs; i += outputs)
        mean += truth[i] / (double)rows;
    for (size_t i = 0; i < rows * outputs; i += outputs) {
        square += (y[i] - truth[i]) * (y[i] - truth[i]);
        spread += (truth[i] - mean) * (truth[i] - mean);
    }
    return spread > 0 ? 1 - square / spread : (double)NAN;
}

/* MAE and RMSE over all outputs of all examples; R2 is the mean of the outputs' own, for a common
 * mean would count what tells the outputs apart as explained. */
static void score_values(clg_evaluation *out, const double *y, const double *truth, size_t rows,
                         size_t outputs)
{
    double absolute = 0, square = 0, sum = 0, varied = 0, n = (double)rows * (double)outputs;
    for (size_t i = 0; i < rows * outputs; i++) {
        absolute += fabs(y[i] - truth[i]);
        square += (y[i] - truth[i]) * (y[i] - truth[i]);
    }
    for (size_t j = 0; j < outputs; j++) {
        double r2 = output_r2(y + j, truth + j, rows, outputs);
        sum += isnan(r2) ? 0 : r2;
        varied += !isnan(r2);
    }
    out->mae = absolute / n;
    out->rmse = sqrt(square / n);
    out->r2 = varied > 0 ? sum / varied : (double)NAN;
}

/* The inputs as the network sees them: what an autoencoder is to give back. */
static clg_status normalised_inputs(double *out, const struct clg_rows *rows, size_t count)
{
    size_t features = (size_t)rows->features;
    unsigned char *bytes = NULL;
    double *scale = NULL;
    clg_status status;
    if (rows->x.elem != CLG_U8)
        return clg_real_download(&rows->x, out, 0, count);
    CLG_TRY_DONE(clg_alloc(&bytes, count, 1, "inputs"));
    CLG_TRY_DONE(clg_alloc(&scale, 2 * features, sizeof *scale, "inputs"));
    CLG_TRY_DONE(clg_buf_download(&rows->x, bytes, 0, count));
    CLG_TRY_DONE(clg_real_download(&rows->scale, scale, 0, features));
    CLG_TRY_DONE(clg_real_download(&rows->shift, scale + features, 0, features));
    for (size_t i = 0; i < count; i++)
        out[i] = bytes[i] * scale[i % features] + scale[features + i % features];
done:
    free(bytes);
    free(scale);
    return status;
}

/* As the device holds it. */
static double as_held(const struct session *session, double x)
{
    return session->engine->device->kind == CLG_REFERENCE ? x : (double)(float)x;
}

/* The inputs of a set that comes in parts, as the network saw them. */
static clg_status streamed_inputs(double *out, const struct session *session,
                                  const struct clg_dataset *data)
{
    struct clg_normalise normalise = {0};
    clg_status status;
    CLG_TRY(clg_net_normalise_for(&normalise, session->net, data));
    for (size_t f = 0; data->storage == CLG_BYTES && f < data->features; f++) {
        normalise.scale[f] = as_held(session, normalise.scale[f]);
        normalise.shift[f] = as_held(session, normalise.shift[f]);
    }
    status = CLG_OK;
    for (size_t i = 0; i < data->rows && status == CLG_OK; i++) {
        double *row = out + i * data->features;
        status = clg_normalise_row(row, &normalise, data, i);
        for (size_t f = 0; data->storage != CLG_BYTES && f < data->features; f++)
            row[f] = as_held(session, row[f]);
    }
    clg_normalise_clear(&normalise);
    return status;
}

static clg_status true_labels(int32_t *labels, const struct session *session,
                              const struct clg_dataset *data)
{
    int32_t *map = NULL;
    if (!session->data.part)
        return clg_buf_download(&session->data.rows.t, labels, 0, data->rows);
    clg_status status = clg_net_map_classes(&map, session->net, data);
    for (size_t i = 0; status == CLG_OK && i < data->rows; i++)
        labels[i] = map[data->labels[i]];
    free(map);
    return status;
}

static clg_status true_values(double *values, const struct session *session,
                              const struct clg_dataset *data)
{
    const struct clg_rows *rows = &session->data.rows;
    const size_t count = data->rows * (size_t)rows->outputs;
    if (session->net->target_input)
        return session->data.part ? streamed_inputs(values, session, data)
                                  : normalised_inputs(values, rows, count);
    if (!session->data.part)
        return clg_real_download(&rows->t, values, 0, count);
    for (size_t i = 0; i < count; i++)
        values[i] = as_held(session, data->values ? data->values[i] : data->labels[i]);
    return CLG_OK;
}

/* The targets as the device got them, so that classes carry the network's numbers. */
static clg_status score(clg_evaluation *out, const struct session *session,
                        const struct clg_dataset *data, const double *y)
{
    const struct clg_rows *rows = &session->data.rows;
    clg_status status;
    int32_t *labels = NULL;
    double *values = NULL;
    if (rows->target == CLG_TARGET_CLASS) {
        CLG_TRY_DONE(clg_alloc(&labels, data->rows, sizeof *labels, "labels"));
        CLG_TRY_DONE(true_labels(labels, session, data));
        status = score_classes(out, session->net, y, labels);
    } else {
        size_t count = data->rows * (size_t)rows->outputs;
        CLG_TRY_DONE(clg_alloc(&values, count, sizeof *values, "targets"));
        CLG_TRY_DONE(true_values(values, session, data));
        score_values(out, y, values, data->rows, (size_t)rows->outputs);
    }
done:
    free(labels);
    free(values);
    return status;
}

clg_status clg_evaluate(clg_evaluation *out, const clg_net *net, clg_device *device,
                        const clg_dataset *data)
{
    struct session session;
    double *y = NULL;
    size_t count;
    memset(out, 0, sizeof *out);
    out->examples = data->rows;
    out->accuracy = out->mae = out->rmse = out->r2 = out->auc = (double)NAN;
    if (!data->labels && !data->values && !net->target_input)
        return clg_fail(CLG_EDATA, "%s: has no targets to evaluate against; give --data X,Y",
                        data->source);
    if (!clg_size_mul(&count, data->rows, (size_t)clg_net_outputs(net)))
        return clg_fail(CLG_ENOMEM, "%s: %zu predictions are too many", data->source, data->rows);
    CLG_TRY(session_begin(&session, net, device, data));
    clg_status status = clg_alloc(&y, count, sizeof *y, "predictions");
    if (status == CLG_OK)
        status = run_rows(&session, y, &out->loss);
    if (status == CLG_OK)
        status = score(out, &session, data, y);
    free(y);
    session_end(&session);
    if (status != CLG_OK)
        clg_evaluation_clear(out);
    return status;
}

void clg_evaluation_clear(clg_evaluation *evaluation)
{
    free(evaluation->confusion);
    free(evaluation->precision);
    free(evaluation->recall);
    free(evaluation->f1);
    evaluation->confusion = NULL;
    evaluation->precision = evaluation->recall = evaluation->f1 = NULL;
}
