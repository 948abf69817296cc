/* Spans: many whole training steps of a small network in one launch, over the ends of epochs. Which
 * networks can be trained so, the buffers that spans need besides the engine's, and the account of
 * the epochs that ended in one. */
#include "net/net.h"

#include "core/memory.h"
#include "net/span.h"
#include "ops/routes.h"
#include "ops/span.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RATES_AT_FIRST = 1024 };

/* What spans keep from one to the next; made when the first is run. */
struct clg_spans {
    struct clg_buf ring, rates, best_loss, best_epoch, perm, walk, list;
    size_t rate_room; /* steps that rates has room for */
    size_t rows;      /* that perm, walk and list are made for; 0: there are none */
    float *staged;    /* (rate_room * CLG_SPAN_RATES) */
    float *account;   /* (CLG_SPAN_EPOCHS * CLG_SPAN_RING) */
    double best;      /* the loss that best_loss holds, exactly */
    int best_of;      /* what best_epoch holds */
};

/* ------------------------------------------------------------------- shape */

static int permuted(const struct clg_rows *data, int shuffle, int batch)
{
    return shuffle && (size_t)batch < data->rows;
}

static struct clg_span_shape shape_of(const struct clg_engine *engine, const struct clg_rows *data,
                                      int batch, int shuffle)
{
    struct clg_span_shape shape = {.layers = engine->layers,
                                   .batch = batch,
                                   .loss = engine->loss.kind,
                                   .target = engine->net->target,
                                   .opt = engine->net->opt,
                                   .has_momentum = engine->update.momentum > 0,
                                   .l2 = engine->update.l2 > 0,
                                   .bytes = data->x.elem == CLG_U8,
                                   .permuted = permuted(data, shuffle, batch),
                                   .whole = (size_t)batch >= data->rows};
    shape.size[0] = engine->layer[0].in;
    for (int l = 0; l < engine->layers; l++) {
        shape.size[l + 1] = engine->layer[l].out;
        shape.act[l + 1] = engine->layer[l].act;
        shape.weight_at[l + 1] = engine->weight_at[l];
        shape.bias_at[l + 1] = engine->bias_at[l];
    }
    return shape;
}

static const char *refuses_layers(const struct clg_net *net)
{
    for (int l = 0; l < net->layers; l++) {
        const struct clg_layer *layer = &net->layer[l];
        if (layer->in > CLG_SPAN_WIDEST || layer->out > CLG_SPAN_WIDEST)
            return "a layer has more than 64 inputs or units";
        if (layer->act.kind == CLG_MAXOUT)
            return "a layer is maxout";
        if (layer->dropout > 0)
            return "there is dropout";
        if (layer->frozen)
            return "a layer is frozen";
    }
    return NULL;
}

static const char *refuses_options(const struct clg_engine *engine)
{
    const struct clg_net *net = engine->net;
    if (net->dropout_input > 0)
        return "there is dropout";
    if (net->class_weights)
        return "classes have weights";
    if (net->target_input)
        return "the targets are the inputs";
    if (engine->clip_norm > 0)
        return "gradients are clipped";
    if (!engine->ops->span)
        return "operations are watched one by one";
    return NULL;
}

const char *clg_engine_refuses_spans(const struct clg_engine *engine, const struct clg_rows *data,
                                     int batch)
{
    const char *against;
    if (engine->device->kind != CLG_OPENCL)
        return "the reference has no launches";
    if (engine->layers > CLG_SPAN_LAYERS)
        return "there are more than 4 layers";
    if (batch > CLG_SPAN_WIDEST)
        return "a batch has more than 64 rows";
    against = refuses_layers(engine->net);
    if (!against)
        against = refuses_options(engine);
    if (against)
        return against;
    const struct clg_span_shape shape = shape_of(engine, data, batch, 1);
    against = clg_ocl_refuses_span(engine->device, &shape);
    if (!against && engine->device->plan == CLG_CHOOSE_AUTO && clg_span_is_wrong(engine->device))
        against = "verification found it wrong on this device";
    if (!against && engine->device->plan == CLG_CHOOSE_AUTO &&
        !clg_span_pays(engine->device, &shape))
        against = "several work-groups a step are faster";
    return against;
}

double clg_span_step_seconds(const struct clg_engine *engine, int batch)
{
    const struct clg_rows none = {.rows = 1};
    const struct clg_span_shape shape = shape_of(engine, &none, batch, 0);
    return 1e-6 + clg_span_operations(&shape) / 10e9;
}

/* ----------------------------------------------------------------- buffers */

static void release_order(struct clg_spans *spans)
{
    clg_buf_release(&spans->perm);
    clg_buf_release(&spans->walk);
    clg_buf_release(&spans->list);
    spans->rows = 0;
}

void clg_engine_destroy_spans(struct clg_engine *engine)
{
    struct clg_spans *spans = engine->spans;
    if (!spans)
        return;
    release_order(spans);
    clg_buf_release(&spans->ring);
    clg_buf_release(&spans->rates);
    clg_buf_release(&spans->best_loss);
    clg_buf_release(&spans->best_epoch);
    free(spans->staged);
    free(spans->account);
    free(spans);
    engine->spans = NULL;
}

static clg_status make_spans(struct clg_engine *engine)
{
    struct clg_spans *spans;
    struct clg_plan plan;
    if (engine->spans)
        return CLG_OK;
    CLG_TRY(clg_alloc(&engine->spans, 1, sizeof *engine->spans, "spans"));
    spans = engine->spans;
    CLG_TRY(clg_alloc(&spans->account, (size_t)CLG_SPAN_EPOCHS * CLG_SPAN_RING,
                      sizeof *spans->account, "the account of a span"));
    clg_plan_begin(&plan, engine->device);
    CLG_TRY(clg_plan_add(&plan, &spans->ring, CLG_REAL, (size_t)CLG_SPAN_EPOCHS * CLG_SPAN_RING,
                         "statistics"));
    CLG_TRY(clg_plan_add(&plan, &spans->best_loss, CLG_REAL, 2, "statistics"));
    CLG_TRY(clg_plan_add(&plan, &spans->best_epoch, CLG_I32, 1, "statistics"));
    CLG_TRY(clg_plan_commit(&plan));
    spans->best = NAN;
    return CLG_OK;
}

/* Room for the rates of that many steps. */
static clg_status make_rates(struct clg_engine *engine, uint64_t steps)
{
    struct clg_spans *spans = engine->spans;
    struct clg_plan plan;
    size_t room = RATES_AT_FIRST;
    if (steps <= spans->rate_room)
        return CLG_OK;
    while (room < steps)
        room *= 2;
    clg_buf_release(&spans->rates);
    free(spans->staged);
    spans->staged = NULL;
    spans->rate_room = 0;
    CLG_TRY(clg_alloc(&spans->staged, room, CLG_SPAN_RATES * sizeof *spans->staged, "rates"));
    clg_plan_begin(&plan, engine->device);
    CLG_TRY(clg_plan_add(&plan, &spans->rates, CLG_REAL, room * CLG_SPAN_RATES, "statistics"));
    CLG_TRY(clg_plan_commit(&plan));
    spans->rate_room = room;
    return CLG_OK;
}

/* What the shuffle of so many rows is drawn into. */
static clg_status make_order(struct clg_engine *engine, size_t rows)
{
    struct clg_spans *spans = engine->spans;
    struct clg_plan plan;
    if (spans->rows == rows)
        return CLG_OK;
    release_order(spans);
    clg_plan_begin(&plan, engine->device);
    CLG_TRY(clg_plan_add(&plan, &spans->perm, CLG_I32, rows, "shuffle"));
    CLG_TRY(clg_plan_add(&plan, &spans->list, CLG_I32, rows, "shuffle"));
    CLG_TRY(clg_plan_add(&plan, &spans->walk, CLG_I32, clg_span_domain(rows), "shuffle"));
    CLG_TRY(clg_plan_commit(&plan));
    spans->rows = rows;
    return CLG_OK;
}

/* -------------------------------------------------------------------- span */

/* Adam's corrections tend to 1: where one more step leaves them there, rates are constant. */
static int rates_vary(const struct clg_engine *engine, const struct clg_span *span)
{
    const struct clg_update *u = &engine->update;
    if (span->lr_varies)
        return 1;
    if (u->opt != CLG_ADAM && u->opt != CLG_ADAMW)
        return 0;
    const double t = (double)(engine->net->step + 1);
    return 1 - pow(u->beta1, t) < 1 || 1 - pow(u->beta2, t) < 1;
}

static clg_status upload_rates(struct clg_engine *engine, const struct clg_span *span, int vary)
{
    struct clg_spans *spans = engine->spans;
    const uint64_t count = vary ? span->steps : 1;
    struct clg_update u = engine->update;
    CLG_TRY(make_rates(engine, count));
    for (uint64_t s = 0; s < count; s++) {
        u.lr = span->lr[span->lr_varies ? s : 0];
        u.t = engine->net->step + 1 + s;
        clg_span_rates(spans->staged + s * CLG_SPAN_RATES, &u);
    }
    return clg_buf_upload(&spans->rates, spans->staged, 0, (size_t)count * CLG_SPAN_RATES);
}

/* The loss to beat, as the sum over all rows in two floats; the device's own stays as it is, since
 * it is exact, and a run that goes on has kept it. */
static clg_status upload_best(struct clg_engine *engine, const struct clg_span *span)
{
    struct clg_spans *spans = engine->spans;
    const double sum = span->best_loss * (double)span->data->rows;
    const float high = (float)sum, low = isfinite(high) ? (float)(sum - (double)high) : 0;
    const int known = span->best_sum[0] > 0 || span->best_sum[0] < 0;
    const float pair[2] = {known ? span->best_sum[0] : high, known ? span->best_sum[1] : low};
    const int32_t epoch = span->best_epoch;
    if (spans->best != span->best_loss)
        CLG_TRY(clg_buf_upload(&spans->best_loss, pair, 0, 2));
    if (spans->best != span->best_loss || spans->best_of != epoch)
        CLG_TRY(clg_buf_upload(&spans->best_epoch, &epoch, 0, 1));
    spans->best = span->best_loss;
    spans->best_of = epoch;
    return CLG_OK;
}

static clg_status read_best(struct clg_engine *engine, struct clg_span *span)
{
    struct clg_spans *spans = engine->spans;
    double pair[2];
    int32_t epoch;
    CLG_TRY(clg_buf_download(&spans->best_epoch, &epoch, 0, 1));
    if (epoch == spans->best_of)
        return CLG_OK;
    CLG_TRY(clg_real_download(&spans->best_loss, pair, 0, 2));
    span->best_epoch = spans->best_of = epoch;
    span->best_sum[0] = (float)pair[0];
    span->best_sum[1] = (float)pair[1];
    span->best_loss = spans->best = (pair[0] + pair[1]) / (double)span->data->rows;
    return CLG_OK;
}

static struct clg_scores scores_of(const struct clg_engine *engine, const float *entry, double rows)
{
    struct clg_scores scores;
    int32_t hits;
    memcpy(&hits, entry + 4, sizeof hits);
    scores.loss = ((double)entry[0] + (double)entry[1]) / rows;
    scores.cost = scores.loss + ((double)entry[2] + (double)entry[3]) / rows;
    scores.accuracy = engine->net->target == CLG_TARGET_CLASS ? hits / rows : (double)NAN;
    return scores;
}

/* Scores of the epochs that ended: all of them, or the last alone. */
static clg_status read_account(struct clg_engine *engine, const struct clg_span *span,
                               struct clg_scores *ended, int *count, uint64_t epochs)
{
    struct clg_spans *spans = engine->spans;
    const size_t entries = span->every_epoch ? (size_t)epochs : epochs > 0;
    *count = (int)entries;
    if (!entries)
        return CLG_OK;
    CLG_TRY(clg_buf_download(&spans->ring, spans->account, 0, entries * CLG_SPAN_RING));
    for (size_t i = 0; i < entries; i++)
        ended[i] = scores_of(engine, spans->account + i * CLG_SPAN_RING, (double)span->data->rows);
    return CLG_OK;
}

/* Training ends inside an epoch, which counts as one that ended: its scores, and whether it is the
 * best so far. */
static clg_status cut_epoch(struct clg_engine *engine, struct clg_span *span,
                            struct clg_scores *ended, int *count, int epoch, uint64_t steps)
{
    struct clg_scores scores;
    CLG_TRY(clg_engine_read_scores(engine, &scores, (size_t)steps * (size_t)span->batch));
    if (!span->every_epoch)
        *count = 0;
    ended[(*count)++] = scores;
    if (!span->keep_best || !(scores.loss < span->best_loss))
        return CLG_OK;
    span->best_loss = scores.loss;
    span->best_epoch = epoch;
    span->best_sum[0] = span->best_sum[1] = 0;
    engine->spans->best = NAN;
    return clg_buf_copy(&engine->best, &engine->params, engine->count);
}

static clg_status launch(struct clg_engine *engine, const struct clg_span *span, int vary)
{
    struct clg_spans *spans = engine->spans;
    const int slots = clg_opt_slots(engine->net->opt);
    const size_t tail = span->data->rows % (size_t)span->batch;
    const double scale = engine->net->sum_reduction ? 1 : 1.0 / span->batch;
    const struct clg_span_launch launch = {
        .shape = shape_of(engine, span->data, span->batch, span->shuffle),
        .params = &engine->params,
        .slot0 = slots > 0 ? &engine->slot[0] : NULL,
        .slot1 = slots > 1 && !(engine->net->opt == CLG_RMSPROP && engine->update.momentum <= 0)
                     ? &engine->slot[1]
                     : NULL,
        .grads = &engine->grads,
        .best = &engine->best,
        .best_loss = &spans->best_loss,
        .best_epoch = &spans->best_epoch,
        .stats = &engine->stats,
        .hits = &engine->hits,
        .ring = &spans->ring,
        .perm = &spans->perm,
        .walk = &spans->walk,
        .list = &spans->list,
        .rates = &spans->rates,
        .data = span->data,
        .seed = engine->net->seed,
        .epoch = span->epoch,
        .epoch_step = span->epoch_step,
        .steps = span->steps,
        .rate_step = vary ? CLG_SPAN_RATES : 0,
        .ring_step = span->every_epoch ? CLG_SPAN_RING : 0,
        .keep_best = span->keep_best,
        .mean = scale,
        .mean_short = engine->net->sum_reduction || !tail ? scale : 1.0 / (double)tail,
        .delta = engine->loss.delta,
        .smoothing = engine->loss.smoothing,
        .update = &engine->update};
    return engine->ops->span(engine->device, &launch);
}

clg_status clg_engine_span(struct clg_engine *engine, struct clg_span *span,
                           struct clg_scores *ended, int *count)
{
    const uint64_t epoch_steps =
        (span->data->rows + (uint64_t)span->batch - 1) / (uint64_t)span->batch;
    const uint64_t reached = span->epoch_step + span->steps, rest = reached % epoch_steps;
    const uint64_t epochs = reached / epoch_steps;
    const int vary = rates_vary(engine, span);
    assert(span->steps > 0 && span->epoch_step < epoch_steps);
    assert(!span->every_epoch || epochs <= CLG_SPAN_EPOCHS);
    *count = 0;
    CLG_TRY(clg_engine_settle(engine));
    CLG_TRY(make_spans(engine));
    if (permuted(span->data, span->shuffle, span->batch))
        CLG_TRY(make_order(engine, span->data->rows));
    CLG_TRY(upload_rates(engine, span, vary));
    CLG_TRY(upload_best(engine, span));
    CLG_TRY(launch(engine, span, vary));
    CLG_TRY(read_account(engine, span, ended, count, epochs));
    CLG_TRY(read_best(engine, span));
    engine->net->step += span->steps;
    if (!span->ends || !rest)
        return CLG_OK;
    return cut_epoch(engine, span, ended, count, span->epoch + (int)epochs, rest);
}
