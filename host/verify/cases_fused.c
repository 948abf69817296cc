/* The fused plan's launches, each by itself: steps of networks that are put together (fused_lab.c)
 * over shapes that are no multiples of anything, by both forms of the kernels.  Whole trainings by
 * this plan are verify --train's. */
#include "verify/fused_lab.h"

#include "core/memory.h"
#include "ops/local.h"

#include <math.h>
#include <stdlib.h>

/* -------------------------------------------------------------------- steps */

/* Runs a stage and ends the step where its result is wrong: the next ones would read it, and may be
 * right or wrong with what is no number. */
#define STAGE(lab, call)                                                                           \
    do {                                                                                           \
        CLG_TRY(call);                                                                             \
        if ((lab)->bench->tally->now.failed)                                                       \
            return CLG_OK;                                                                         \
    } while (0)

static clg_status check_gaps(struct clg_fused_lab *lab)
{
    double *now;
    CLG_TRY(clg_bench_numbers(lab->bench, &now, lab->batch_elements));
    CLG_TRY(clg_real_download(lab->batch, now, 0, lab->batch_elements));
    for (size_t i = 0; i < lab->batch_elements; i++) {
        if (lab->batch_before[i] == 0 || now[i] == clg_bench_guard())
            continue;
        clg_tally_fault(lab->bench->tally, "wrote between the layers' matrices, element %zu", i);
        break;
    }
    return CLG_OK;
}

static struct clg_update update_of(const struct clg_fused_case *c, uint32_t turn)
{
    return (struct clg_update){.opt = c->opt,
                               .lr = 0.003,
                               .l2 = turn % 2 ? 0.01 : 0,
                               .momentum = c->momentum,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .rho = 0.99,
                               .eps = c->opt == CLG_ADAGRAD ? 1e-10 : 1e-8,
                               .weight_decay = 0.3,
                               .t = 1 + turn % 3};
}

/* One in seven z of the layers in front close to 0, where formulas of two pieces meet: few sums of
 * products come to lie there. */
static clg_status press_towards_zero(const struct clg_fused_lab *lab)
{
    for (int l = 0; l < lab->net.layers - 1; l++) {
        const struct clg_fused_layer *layer = &lab->layer[l];
        const size_t count = (size_t)lab->c->B * (size_t)layer->rows;
        double *z = NULL;
        if (!layer->z || layer->act.pieces > 1)
            continue;
        CLG_TRY(clg_alloc(&z, count, sizeof *z, "verification"));
        clg_status status = clg_matrix_download(layer->z, z, lab->c->B, layer->rows);
        for (size_t i = 3; i < count; i += 7)
            z[i] /= 256 * fmax(1, fabs(z[i]));
        if (status == CLG_OK)
            status = clg_matrix_upload(layer->z, z, lab->c->B, layer->rows);
        free(z);
        CLG_TRY(status);
    }
    return CLG_OK;
}

/* One step, its stages in order. */
static clg_status run_step(struct clg_fused_lab *lab)
{
    const struct clg_ops *ops = lab->bench->ops;
    const struct clg_fused_case *c = lab->c;
    const int last = lab->net.layers - 1;
    const struct clg_update u = update_of(c, lab->bench->drawing);
    const double scale = lab->net.mean && !c->weighted ? 1.0 / c->B : 1.0;
    int delta = last > lab->net.first_trained;
    for (int l = 0; l < last; l++)
        STAGE(lab, ops->fused_fwd(lab->fused, l, lab->layer[l].input, c->B));
    CLG_TRY(press_towards_zero(lab));
    STAGE(lab, ops->fused_head(lab->fused, lab->layer[last].input, lab->t, c->B, scale, &delta));
    for (int l = last; l > lab->net.first_trained; l--)
        if (l != last || !delta)
            STAGE(lab, ops->fused_delta(lab->fused, l, c->B));
    STAGE(lab, ops->fused_learn(lab->fused, lab->x, lab->t, c->B, &u, &lab->next));
    return check_gaps(lab);
}

static clg_status run_case(struct clg_bench *bench, const struct clg_fused_case *c)
{
    struct clg_fused_lab *lab = NULL;
    clg_status status;
    clg_bench_begin(bench, c->draw);
    CLG_TRY(clg_alloc(&lab, 1, sizeof *lab, "verification"));
    lab->c = c;
    lab->bench = bench;
    CLG_TRY_DONE(clg_fused_lab_make(lab));
    CLG_TRY_DONE(run_step(lab));
done:
    clg_fused_lab_clear(lab);
    free(lab);
    return clg_bench_end(bench, status);
}

/* -------------------------------------------------------------------- cases */

#define ACT(kind)                                                                                  \
    {                                                                                              \
        kind, 0, 1                                                                                 \
    }
#define HIDDEN_A(kind, a)                                                                          \
    {                                                                                              \
        kind, a, 1                                                                                 \
    }

/* The first are the quick set: every launch, with and without the head's kernel (up to 16 outputs)
 * and its delta; all optimisers' slots; bytes and reals, permuted and not; data whose rows take
 * more than 16 bits, a batch whose inputs are turned; and, deeper than any panel of the kernels, the
 * inputs of a layer, its outputs, and, twice over, a batch. */
static const struct clg_fused_case cases[] = {
    {.features = 37,
     .units = {40, 24, 10},
     .B = 33,
     .next_B = 17,
     .act = {ACT(CLG_TANH), ACT(CLG_RELU), ACT(CLG_SOFTMAX)},
     .loss = CLG_CE,
     .opt = CLG_ADAM,
     .bytes = 1,
     .permuted = 1},
    {.features = 20,
     .units = {17, 33},
     .B = 7,
     .next_B = 7,
     .act = {ACT(CLG_GELU), ACT(CLG_IDENTITY)},
     .loss = CLG_MSE,
     .target = CLG_TARGET_VALUE,
     .opt = CLG_SGD},
    {.features = 5,
     .units = {1},
     .B = 1,
     .next_B = 3,
     .act = {ACT(CLG_SIGMOID)},
     .loss = CLG_BCE,
     .opt = CLG_MOMENTUM,
     .momentum = 0.9,
     .weighted = 1,
     .permuted = 1,
     .far = 1},
    {.features = 9,
     .units = {4, 9},
     .B = 100,
     .act = {ACT(CLG_SILU), ACT(CLG_TANH)},
     .loss = CLG_HUBER,
     .target = CLG_TARGET_VALUE,
     .target_input = 1,
     .opt = CLG_RMSPROP,
     .momentum = 0.9},
    {.features = 16,
     .units = {15, 16, 2},
     .B = 16,
     .next_B = 16,
     .frozen = 1,
     .act = {HIDDEN_A(CLG_ELU, 0.7), ACT(CLG_SIGMOID), ACT(CLG_SOFTMAX)},
     .loss = CLG_MSE,
     .opt = CLG_ADAGRAD,
     .draw = CLG_DRAW_TIES},
    {.features = 3,
     .units = {35, 16},
     .B = 520,
     .next_B = 5,
     .far = 1,
     .act = {ACT(CLG_TANH), ACT(CLG_SOFTMAX)},
     .loss = CLG_CE,
     .opt = CLG_NESTEROV,
     .momentum = 0.9},
    {.features = 2100,
     .units = {430, 3},
     .B = 9,
     .next_B = 9,
     .act = {ACT(CLG_RELU), ACT(CLG_SOFTMAX)},
     .loss = CLG_CE,
     .opt = CLG_SGD},
    {.features = 4,
     .units = {5, 2100, 3},
     .B = 9,
     .next_B = 9,
     .act = {ACT(CLG_TANH), ACT(CLG_RELU), ACT(CLG_SOFTMAX)},
     .loss = CLG_CE,
     .opt = CLG_SGD},
    {.features = 8,
     .units = {15, 24},
     .B = 4200,
     .next_B = 5,
     .act = {ACT(CLG_SOFTPLUS), ACT(CLG_SOFTPLUS)},
     .loss = CLG_HUBER,
     .target = CLG_TARGET_VALUE,
     .opt = CLG_ADAM},
    /* the full set */
    {.features = 129,
     .units = {129, 33, 16},
     .B = 129,
     .next_B = 129,
     .act = {HIDDEN_A(CLG_LEAKY_RELU, 0.3), ACT(CLG_SOFTPLUS), ACT(CLG_SOFTMAX)},
     .loss = CLG_CE,
     .opt = CLG_ADAMW,
     .weighted = 1,
     .permuted = 1},
    {.features = 784,
     .units = {33, 17, 10},
     .B = 7,
     .next_B = 8,
     .bytes = 1,
     .act = {ACT(CLG_IDENTITY), ACT(CLG_STEP), ACT(CLG_STEP)},
     .loss = CLG_PERCEPTRON,
     .opt = CLG_NESTEROV,
     .momentum = 0.9},
    {.features = 17,
     .units = {784, 7},
     .B = 33,
     .next_B = 1,
     .permuted = 1,
     .act = {ACT(CLG_RELU), ACT(CLG_IDENTITY)},
     .loss = CLG_MSE,
     .target = CLG_TARGET_VALUE,
     .opt = CLG_EMA_MOMENTUM,
     .momentum = 0.9},
    {.features = 33,
     .units = {17, 7},
     .B = 784,
     .next_B = 129,
     .bytes = 1,
     .permuted = 1,
     .act = {ACT(CLG_TANH), ACT(CLG_SIGMOID)},
     .loss = CLG_BCE,
     .target = CLG_TARGET_VALUE,
     .opt = CLG_RMSPROP},
    {.features = 1,
     .units = {1, 1},
     .B = 1,
     .next_B = 1,
     .act = {ACT(CLG_SIGMOID), ACT(CLG_SIGMOID)},
     .loss = CLG_BCE,
     .opt = CLG_SGD},
    {.features = 300,
     .units = {520, 130, 17},
     .B = 140,
     .next_B = 140,
     .act = {ACT(CLG_RELU), ACT(CLG_TANH), ACT(CLG_SOFTMAX)},
     .loss = CLG_CE,
     .opt = CLG_MOMENTUM,
     .momentum = 0.9,
     .permuted = 1},
    {.features = 2100,
     .units = {3, 5},
     .B = 9,
     .next_B = 9,
     .permuted = 1,
     .act = {ACT(CLG_GELU), ACT(CLG_SOFTMAX)},
     .loss = CLG_CE,
     .opt = CLG_ADAGRAD,
     .draw = CLG_DRAW_SMALL},
    {.features = 6,
     .units = {2100, 4},
     .B = 9,
     .next_B = 9,
     .act = {ACT(CLG_SILU), ACT(CLG_SOFTMAX)},
     .loss = CLG_HUBER,
     .opt = CLG_NESTEROV,
     .momentum = 0.9},
    {.features = 31,
     .units = {31, 47},
     .B = 31,
     .next_B = 31,
     .act = {ACT(CLG_RELU), ACT(CLG_SOFTMAX)},
     .loss = CLG_CE,
     .opt = CLG_ADAMW,
     .frozen = 1,
     .draw = CLG_DRAW_SATURATED},
};
enum { QUICK = 9 };

/* Each activation in front of each kind of launch, and as many pairs of loss and output activation,
 * optimisers and kinds of data. */
static clg_status run_each_activation(struct clg_bench *bench)
{
    static const enum clg_loss losses[] = {CLG_CE, CLG_MSE, CLG_HUBER, CLG_BCE};
    static const struct clg_activation softmax = {CLG_SOFTMAX, 0, 1}, sigmoid = {CLG_SIGMOID, 0, 1};
    for (size_t i = 0; i < clg_case_acts_count; i++) {
        const struct clg_activation *act = &clg_case_acts[i];
        const enum clg_loss loss = losses[i % COUNT(losses)];
        const struct clg_activation *out = loss == CLG_CE    ? &softmax
                                           : loss == CLG_BCE ? &sigmoid
                                                             : &clg_case_acts[(i + 5) % 9];
        if (act->kind == CLG_SOFTMAX || act->kind == CLG_MAXOUT)
            continue;
        if (!clg_pair_exists(loss, out->kind))
            out = &clg_case_acts[0];
        const struct clg_fused_case c = {
            .features = 19,
            .units = {14, 21, 1 + (int)i},
            .B = 11,
            .next_B = 10,
            .act = {*act, *act, *out},
            .loss = loss,
            .target = loss == CLG_MSE || loss == CLG_HUBER ? CLG_TARGET_VALUE : CLG_TARGET_CLASS,
            .opt = (enum clg_opt)(i % CLG_OPTS),
            .momentum = i / CLG_OPTS % 2 ? 0.9 : 0,
            .weighted = loss == CLG_CE && i % 8 == 4,
            .bytes = i % 2 != 0,
            .permuted = i / 2 % 2 != 0};
        CLG_TRY(run_case(bench, &c));
    }
    return CLG_OK;
}

/* The tiles of the local form one after the other, whatever a device would choose, over layers of
 * more than one of each. */
static clg_status run_each_tile(struct clg_bench *bench)
{
    static const struct clg_fused_case c = {
        .features = 70,
        .units = {140, 66, 10},
        .B = 67,
        .next_B = 9,
        .bytes = 1,
        .permuted = 1,
        .act = {ACT(CLG_RELU), ACT(CLG_TANH), ACT(CLG_SOFTMAX)},
        .loss = CLG_CE,
        .opt = CLG_ADAM};
    clg_status status = CLG_OK;
    for (int tile = 0; tile < CLG_TILES && status == CLG_OK; tile++) {
        clg_tile_force(bench->device, tile);
        status = run_case(bench, &c);
    }
    clg_tile_force(bench->device, CLG_TILES);
    return status;
}

/* A form that the device cannot run is not taken by training either. */
static clg_status run_form(struct clg_bench *bench, enum clg_way way)
{
    static const char *const notes[] = {"register, ", "local, "};
    const size_t count = bench->full ? COUNT(cases) : QUICK;
    clg_status status = CLG_OK;
    clg_way_force(bench->device, way);
    bench->route = notes[way];
    bench->form = way == CLG_WAY_LOCAL ? CLG_FORM_FUSED_LOCAL : CLG_FORM_FUSED_REGISTER;
    for (size_t i = 0; i < count && status == CLG_OK; i++)
        status = run_case(bench, &cases[i]);
    if (way == CLG_WAY_LOCAL && status == CLG_OK)
        status = run_each_tile(bench);
    if (bench->full && status == CLG_OK)
        status = run_each_activation(bench);
    clg_way_force(bench->device, CLG_WAYS);
    bench->route = NULL;
    bench->form = CLG_PLAN_FORMS;
    if (status != CLG_EDEVICE || way == CLG_WAY_REGISTER)
        return status;
    bench->found.failed |= 1u << way;
    bench->found.failed_forms |= 1u << CLG_FORM_FUSED_LOCAL;
    return CLG_OK;
}

clg_status clg_cases_fused(struct clg_bench *bench)
{
    const enum clg_route before = bench->device->route;
    clg_status status = CLG_OK;
    if (!bench->ops->fused_create)
        return CLG_OK;
    bench->device->route = CLG_ROUTE_NATIVE;
    for (int way = CLG_WAY_REGISTER; way <= CLG_WAY_LOCAL && status == CLG_OK; way++)
        if (clg_way_exists(bench->device, (enum clg_way)way))
            status = run_form(bench, (enum clg_way)way);
    bench->device->route = before;
    return status;
}
