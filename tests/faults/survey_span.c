/* The survey of the resident plan: small networks train by launches of several steps, over the ends
 * of epochs, and then from the same start by plain operations, which other faults strike.  What the
 * last step left must be what the reference makes of the plain plan's last step; the scores of each
 * epoch, and the best parameters, are compared as well. */
#include "survey_net.h"

#include "net/fused.h"
#include "ops/routes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EPOCHS = 8, LONGEST = 4 };

static const struct survey_case cases[] = {
    {.word = {"layers", "3", "act", "sigmoid", "loss", "bce", "output-act", "sigmoid", "opt", "sgd",
              "batch", "6"},
     .rows = 20,
     .features = 4,
     .classes = 2,
     .steps = 9},
    {.word = {"layers", "12:relu,7:tanh", "opt", "adam", "batch", "20", "l2", "0.01"},
     .rows = 50,
     .features = 6,
     .classes = 4,
     .steps = 7},
    {.word = {"layers", "9:gelu,8:softplus,6:elu", "loss", "mse", "opt", "rmsprop", "batch", "17"},
     .rows = 40,
     .features = 5,
     .outputs = 2,
     .bytes = 1,
     .steps = 7},
    {.word = {"loss", "huber:0.4", "output-act", "tanh", "opt", "adagrad", "batch", "11"},
     .rows = 23,
     .features = 19,
     .outputs = 5,
     .in_order = 1,
     .steps = 7},
    {.word = {"layers", "5:leaky_relu:0.3", "opt", "nesterov", "batch", "full"},
     .rows = 10,
     .features = 3,
     .classes = 3,
     .steps = 5},
    {.word = {"layers", "6:silu", "loss", "mse", "output-act", "softmax", "opt", "momentum",
              "batch", "18"},
     .rows = 45,
     .features = 7,
     .classes = 3,
     .steps = 7},
};

struct trained {
    double *now[3], *best[3];
    struct clg_scores score[MOST_EPOCHS];
    double bound[MOST_EPOCHS]; /* of the sums of losses */
    int epochs, best_of;
};

static void clear(struct trained *trained)
{
    for (int i = 0; i < 3; i++) {
        free(trained->now[i]);
        free(trained->best[i]);
    }
}

static clg_status by_spans(struct trained *out, struct survey_net *lab)
{
    static struct clg_scores ended[CLG_SPAN_EPOCHS];
    const double rate = 0.02;
    double lowest = (double)INFINITY;
    while (lab->net->step < (uint64_t)lab->c->steps) {
        const uint64_t done = lab->net->step, left = (uint64_t)lab->c->steps - done;
        struct clg_span span = {.data = &lab->resident.rows,
                                .shuffle = !lab->c->in_order,
                                .batch = lab->batch,
                                .epoch = (int)(done / lab->epoch_steps) + 1,
                                .epoch_step = done % lab->epoch_steps,
                                .steps = left < LONGEST ? left : LONGEST,
                                .lr = &rate,
                                .every_epoch = 1,
                                .keep_best = 1,
                                .best_loss = lowest,
                                .best_epoch = out->best_of};
        int count;
        CLG_TRY(clg_engine_span(lab->engine, &span, ended, &count));
        for (int i = 0; i < count && out->epochs < MOST_EPOCHS; i++)
            out->score[out->epochs++] = ended[i];
        lowest = span.best_loss;
        out->best_of = span.best_epoch;
    }
    if (out->best_of) {
        out->best[0] = calloc(lab->net->count, sizeof **out->best);
        CLG_TRY(clg_engine_read_slab(lab->engine, out->best[0], &lab->engine->best));
    }
    return survey_net_read(out->now, lab);
}

static clg_status plain_step(struct survey_net *lab, const struct clg_batch *batch)
{
    struct clg_engine *engine = lab->engine;
    CLG_TRY(engine->ops->gather(engine->device, &engine->x, &engine->t, batch->data, batch->perm,
                                batch->start, batch->B));
    CLG_TRY(clg_engine_fwd(engine, batch->B, 1));
    CLG_TRY(clg_engine_loss(engine, batch->B, NULL));
    CLG_TRY(clg_engine_score(engine, batch->B));
    CLG_TRY(clg_engine_bwd(engine, batch->B));
    return clg_engine_step(engine, 0.02);
}

static double squares(const double *w, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += w[i] * w[i];
    return sum;
}

/* The same steps; lab->before is left as it was in front of the last, the engine with its batch. */
static clg_status by_operations(struct trained *out, struct survey_net *lab)
{
    double lowest = (double)INFINITY, bound = 0, sum, more;
    for (uint64_t s = 0; s < (uint64_t)lab->c->steps; s++) {
        const struct clg_batch batch = survey_net_batch(lab, s);
        const int epoch = (int)(s / lab->epoch_steps) + 1;
        if (batch.start == 0) {
            bound = 0;
            CLG_TRY(clg_engine_zero_scores(lab->engine));
        }
        if (batch.start == 0 && batch.perm)
            CLG_TRY(lab->engine->ops->permute(lab->survey->device, &lab->resident.perm,
                                              lab->c->rows, lab->net->seed, (uint32_t)epoch));
        CLG_TRY(survey_net_keep(lab));
        CLG_TRY(plain_step(lab, &batch));
        CLG_TRY(survey_net_losses(&sum, &more, lab, batch.B));
        const double penalty =
            lab->engine->update.l2 / 2 * batch.B * squares(lab->before[0], lab->net->weights);
        bound +=
            more + clg_bound_sum(&lab->side.limits, lab->stats + 2, penalty, lab->net->weights + 4);
        if (batch.next_B || out->epochs == MOST_EPOCHS)
            continue;
        struct clg_scores *score = &out->score[out->epochs];
        out->bound[out->epochs++] = 2 * bound / (double)lab->c->rows;
        CLG_TRY(clg_engine_read_scores(lab->engine, score, lab->c->rows));
        if (score->loss < lowest) {
            lowest = score->loss;
            out->best_of = epoch;
            CLG_TRY(survey_net_read(out->best, lab));
        }
    }
    return survey_net_read(out->now, lab);
}

static void compare_epochs(struct survey *survey, const struct trained *got,
                           const struct trained *want)
{
    const double epochs[2] = {got->epochs, want->epochs};
    survey_push(survey, epochs, epochs + 1, NULL, 1);
    for (int i = 0; i < want->epochs && i < got->epochs; i++) {
        survey_push(survey, &got->score[i].loss, &want->score[i].loss, &want->bound[i], 1);
        survey_push(survey, &got->score[i].cost, &want->score[i].cost, &want->bound[i], 1);
        if (!isnan(want->score[i].accuracy))
            survey_push(survey, &got->score[i].accuracy, &want->score[i].accuracy, NULL, 1);
    }
}

/* The best epoch must be clear: another must not come within the bound of it. */
static void compare_best(struct survey_net *lab, const struct trained *got,
                         const struct trained *want)
{
    const double best[2] = {got->best_of, want->best_of};
    for (int i = 0; i < want->epochs; i++)
        if (i + 1 != want->best_of &&
            fabs(want->score[i].loss - want->score[want->best_of - 1].loss) <= 2 * want->bound[i])
            return;
    survey_push(lab->survey, best, best + 1, NULL, 1);
    if (got->best[0] && want->best[0])
        survey_push(lab->survey, got->best[0], want->best[0], NULL, lab->net->count);
}

static clg_status run_net(struct survey_net *lab)
{
    struct trained got = {.epochs = 0}, want = {.epochs = 0};
    double *start[3] = {NULL, NULL, NULL};
    struct clg_engine *engine = lab->engine;
    clg_status status;
    CLG_TRY_DONE(survey_net_read(start, lab));
    CLG_TRY_DONE(by_spans(&got, lab));
    lab->net->step = 0;
    struct clg_buf *const slab[3] = {&engine->params, &engine->slot[0], &engine->slot[1]};
    for (int i = 0; i < 3 && start[i]; i++)
        CLG_TRY_DONE(clg_engine_write_slab(engine, slab[i], start[i]));
    CLG_TRY_DONE(by_operations(&want, lab));
    compare_epochs(lab->survey, &got, &want);
    if (want.best_of)
        compare_best(lab, &got, &want);
    const struct clg_batch last = survey_net_batch(lab, (uint64_t)lab->c->steps - 1);
    status = survey_net_check_learn(lab, last.B, got.now);
done:
    clear(&got);
    clear(&want);
    for (int i = 0; i < 3; i++)
        free(start[i]);
    return status;
}

/* By the form of the kernel for one work-item, or where products take the local form, by that for a
 * work-group. */
clg_status survey_spans(struct survey *survey)
{
    clg_device *device = survey->device;
    const int is_dedicated = device->local_is_dedicated;
    clg_status status = CLG_OK;
    if (!survey->ops->span)
        return CLG_OK;
    device->local_is_dedicated = clg_way_of(device) == CLG_WAY_LOCAL;
    for (unsigned i = 0; i < SURVEY_COUNT(cases) && status == CLG_OK; i++) {
        if (survey->farthest > SURVEY_LIMIT)
            break; /* decided; each network more is a wrong kernel more to build */
        struct survey_net lab;
        survey_begin(survey, 5 * i + 200);
        status = survey_net_make(&lab, survey, &cases[i], CLG_CHOOSE_RESIDENT);
        if (status == CLG_OK)
            status = run_net(&lab);
        survey_net_clear(&lab);
    }
    device->local_is_dedicated = is_dedicated;
    return status;
}
