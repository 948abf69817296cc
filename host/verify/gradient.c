/* Backpropagation of a network on its own data against differences of the loss, in double precision
 * on the reference: dropout, class weights, smoothing and a teacher are in it as in a step of
 * training, L2 is part of the update and is not.  Large tensors are sampled. */
#include "verify/verify.h"

#include "core/memory.h"
#include "core/rng.h"
#include "train/teacher.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 32, SAMPLES = 64 };

/* Five points at this distance, for a parameter of size 1: the formula is off by h^4/30 of the
 * fifth derivative, far less than what rounding makes of the losses. */
static const double first_step = 2e-5;

/* How far the two may be apart, relative, and what smaller gradients are measured by. */
static const double allowed = 1e-6, least_share = 1e-3;

struct check {
    clg_net *net;
    clg_device *device;
    clg_engine *engine;
    clg_dataset *data; /* its first rows */
    struct clg_teacher teacher;
    struct clg_resident resident;
    const struct clg_buf *teacher_z;
    int B, samples;
    double *losses, *weights; /* (B): of the rows, and those of their classes, all 1 where none */
    unsigned char *here,
        *side; /* which side of its kink each unit is on, before a move and after */
    size_t units;
    double *gradient;     /* of one tensor */
    double largest, loss; /* of all gradients; of the batch */
    clg_gradient_result *out;
};

/* ------------------------------------------------------------------ set-up */

/* The first rows of data. */
static clg_status take_rows(struct check *check, const clg_dataset *data)
{
    clg_dataset *rest = NULL;
    clg_dataset_info info = clg_dataset_describe(data);
    if (!info.classes && !info.outputs && !check->net->target_input)
        return clg_fail(CLG_EDATA, "the gradient is that of a loss: the data need targets");
    if (info.rows <= (size_t)check->B)
        check->B = (int)info.rows;
    double surplus = (double)(info.rows - (size_t)check->B);
    if (surplus < 1) /* a split leaves rows on both sides */
        return CLG_OK;
    clg_status status = clg_dataset_split(&check->data, &rest, data, surplus, 1, 0);
    clg_dataset_destroy(rest);
    return status;
}

static clg_status place(struct check *check, const clg_dataset *data)
{
    struct clg_plan plan;
    clg_plan_begin(&plan, check->device);
    CLG_TRY(clg_teacher_load(&check->teacher, check->net));
    CLG_TRY(clg_engine_plan(&check->engine, &plan, check->net, check->B, 1));
    CLG_TRY(clg_teacher_plan(&check->teacher, &plan, check->B));
    CLG_TRY(clg_resident_plan(&check->resident, &plan, data, check->net, 0, "data"));
    CLG_TRY(clg_plan_commit(&plan));
    CLG_TRY(clg_engine_attach(check->engine));
    CLG_TRY(clg_teacher_attach(&check->teacher, &check->engine->x));
    CLG_TRY(clg_engine_push(check->engine));
    CLG_TRY(clg_resident_upload(&check->resident, data, check->net));
    CLG_TRY(check->engine->ops->gather(check->device, &check->engine->x,
                                       check->net->target_input ? NULL : &check->engine->t,
                                       &check->resident.rows, NULL, 0, check->B));
    return clg_teacher_fwd(&check->teacher, &check->teacher_z, check->B);
}

static clg_status make_room(struct check *check)
{
    const clg_net *net = check->net;
    size_t most = 0, B = (size_t)check->B;
    for (int l = 0; l < net->layers; l++) {
        size_t count = (size_t)net->layer[l].rows * (size_t)net->layer[l].in;
        most = count > most ? count : most;
        most = (size_t)net->layer[l].rows > most ? (size_t)net->layer[l].rows : most;
        check->units += B * (size_t)net->layer[l].out;
    }
    CLG_TRY(clg_alloc(&check->gradient, most, sizeof *check->gradient, "a gradient"));
    CLG_TRY(clg_alloc(&check->losses, B, sizeof *check->losses, "a batch"));
    CLG_TRY(clg_alloc(&check->weights, B, sizeof *check->weights, "a batch"));
    CLG_TRY(clg_alloc(&check->here, check->units, 1, "a batch"));
    return clg_alloc(&check->side, check->units, 1, "a batch");
}

/* The weight of each example's class. */
static void weigh(struct check *check)
{
    const int32_t *labels = check->engine->t.host;
    for (int b = 0; b < check->B; b++)
        check->weights[b] = check->net->class_weights ? check->net->class_weights[labels[b]] : 1.0;
}

/* ------------------------------------------------------------------- sides */

/* On which side of its kinks unit j with this row of y or, where it is kept and in the output
 * layer, of z is. */
static int side_of(const struct clg_activation *act, const double *kept, int j, int O)
{
    int best = 0;
    switch (act->kind) {
    case CLG_STEP:
    case CLG_RELU:
    case CLG_LEAKY_RELU:
    case CLG_ELU:
        return kept[j] > 0;
    case CLG_SOFTPLUS:
        return kept[j] > 20;
    case CLG_MAXOUT:
        for (int p = 1; p < act->pieces; p++)
            if (kept[p * O + j] > kept[best * O + j])
                best = p;
        return best % 64;
    default:
        return 0;
    }
}

/* Whether huber is on its straight line at output j of example b. */
static int is_bent(const struct check *check, int b, int j)
{
    const struct clg_engine *engine = check->engine;
    const struct clg_buf *targets = check->net->target_input ? &engine->x : &engine->t;
    const int O = clg_net_outputs(check->net);
    const double *out = (const double *)engine->out.host + (size_t)b * (size_t)O;
    double t;
    if (check->net->loss != CLG_HUBER)
        return 0;
    if (check->net->target == CLG_TARGET_VALUE)
        t = ((const double *)targets->host)[(size_t)b * (size_t)O + (size_t)j];
    else
        t = O > 1 ? ((const int32_t *)targets->host)[b] == j : ((const int32_t *)targets->host)[b];
    return fabs(out[j] - t) > check->net->huber_delta;
}

/* The reference's matrices have no padding. */
static void read_sides(unsigned char *side, const struct check *check)
{
    const struct clg_engine *engine = check->engine;
    size_t at = 0;
    for (int l = 0; l < engine->layers; l++) {
        const struct clg_engine_layer *layer = &engine->layer[l];
        const int last = l == engine->layers - 1;
        const int wide = last || clg_act_keeps_z(layer->act.kind);
        const double *kept = wide ? layer->z.host : layer->y.host;
        const size_t columns = (size_t)(wide ? layer->rows : layer->out);
        for (int b = 0; b < check->B; b++)
            for (int j = 0; j < layer->out; j++, at++) {
                int which = side_of(&layer->act, kept + (size_t)b * columns, j, layer->out);
                int bent = last && is_bent(check, b, j);
                side[at] = (unsigned char)(which | bent << 7);
            }
    }
}

/* ------------------------------------------------------------- differences */

/* What the gradient is the gradient of. */
static clg_status loss_of(double *loss, struct check *check)
{
    double sum = 0, weight = 0;
    CLG_TRY(clg_engine_fwd(check->engine, check->B, 1));
    CLG_TRY(clg_engine_loss(check->engine, check->B, check->teacher_z));
    CLG_TRY(clg_real_download(&check->engine->row_loss, check->losses, 0, (size_t)check->B));
    for (int b = 0; b < check->B; b++) {
        sum += check->losses[b];
        weight += check->weights[b];
    }
    *loss = check->net->sum_reduction ? sum : sum / weight;
    return CLG_OK;
}

/* The difference quotient of element `at` of tensor, whose value is w; *smooth 0 where a unit goes
 * over a kink. */
static clg_status differentiate(double *out, int *smooth, struct check *check,
                                struct clg_buf *tensor, size_t at, double w, double h)
{
    static const double place[4] = {1, -1, 2, -2};
    double f[4], moved;
    clg_status status = CLG_OK;
    *smooth = 1;
    for (int i = 0; i < 4 && *smooth && status == CLG_OK; i++) {
        moved = w + place[i] * h;
        CLG_TRY(clg_real_upload(tensor, &moved, at, 1));
        status = loss_of(&f[i], check);
        read_sides(check->side, check);
        *smooth = memcmp(check->side, check->here, check->units) == 0;
    }
    CLG_TRY(clg_real_upload(tensor, &w, at, 1));
    if (*smooth && status == CLG_OK)
        *out = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h);
    return status;
}

/* |a - n| relative, without what rounding may have made of the losses. */
static double apart(const struct check *check, double a, double n, double h)
{
    double noise = 8 * DBL_EPSILON * fabs(check->loss) / h;
    double over = fabs(a - n) - noise;
    double size = fmax(fmax(fabs(a), fabs(n)), least_share * check->largest);
    if (over <= 0)
        return 0;
    return isfinite(over) ? over / size : INFINITY;
}

/* The smallest deviation over three distances: a wrong gradient agrees with none, and a right one
 * need not with all, its data being of any size. */
static clg_status compare(double *worst, int *smooth, struct check *check, struct clg_buf *tensor,
                          size_t at, double a, double *numeric)
{
    static const double factor[3] = {1, 1.0 / 16, 16};
    double w, n = 0;
    *worst = INFINITY;
    CLG_TRY(clg_real_download(tensor, &w, at, 1));
    for (int i = 0; i < 3 && *worst > allowed; i++) {
        double h = first_step * factor[i] * fmax(1, fabs(w));
        int fits;
        CLG_TRY(differentiate(&n, &fits, check, tensor, at, w, h));
        if (i == 0)
            *smooth = fits;
        if (!*smooth)
            return CLG_OK;
        double d = fits ? apart(check, a, n, h) : INFINITY;
        if (d < *worst || i == 0) {
            *worst = d;
            *numeric = n;
        }
    }
    return CLG_OK;
}

/* ----------------------------------------------------------------- tensors */

/* One weight or bias, and what was found in its layer. */
struct tensor {
    struct clg_buf *on;
    const char *name;
    int layer;
    size_t count, columns;
    clg_gradient_result found;
};

static clg_status check_element(struct check *check, struct tensor *tensor, size_t at)
{
    double worst, n = 0, a = check->gradient[at];
    int smooth = 0;
    CLG_TRY(compare(&worst, &smooth, check, tensor->on, at, a, &n));
    tensor->found.compared += smooth != 0;
    tensor->found.skipped += smooth == 0;
    if (!smooth)
        return CLG_OK;
    tensor->found.worst = fmax(tensor->found.worst, worst);
    if (worst > allowed && !*check->out->first)
        snprintf(check->out->first, sizeof check->out->first,
                 "layers.%d.%s[%zu][%zu]: backpropagation gives %.12g, differences %.12g",
                 tensor->layer, tensor->name, at / tensor->columns, at % tensor->columns, a, n);
    return CLG_OK;
}

static clg_status check_tensor(struct check *check, struct tensor *tensor)
{
    size_t samples = (size_t)check->samples;
    uint32_t draw = (uint32_t)(2 * tensor->layer + (*tensor->name == 'b'));
    int all = check->samples < 0 || tensor->count <= samples;
    for (size_t i = 0; i < (all ? tensor->count : samples); i++) {
        double u = clg_uniform(check->net->seed, CLG_STREAM_TEST, draw, i);
        CLG_TRY(check_element(check, tensor, all ? i : (size_t)(u * (double)tensor->count)));
    }
    return CLG_OK;
}

static clg_status check_layer(struct check *check, int l, const clg_gradient_options *options)
{
    struct clg_engine_layer *layer = &check->engine->layer[l];
    size_t rows = (size_t)layer->rows, in = (size_t)layer->in;
    struct tensor tensor = {
        .on = &layer->W, .name = "weight", .layer = l, .count = rows * in, .columns = in};
    /* the differences run forward passes alone: the gradients stay what they were */
    CLG_TRY(clg_engine_gradient(check->engine, l, check->gradient, NULL));
    CLG_TRY(check_tensor(check, &tensor));
    CLG_TRY(clg_engine_gradient(check->engine, l, NULL, check->gradient));
    tensor.on = &layer->b;
    tensor.name = "bias";
    tensor.count = rows;
    tensor.columns = 1;
    CLG_TRY(check_tensor(check, &tensor));
    check->out->compared += tensor.found.compared;
    check->out->skipped += tensor.found.skipped;
    check->out->worst = fmax(check->out->worst, tensor.found.worst);
    if (options && options->layer)
        options->layer(options->user, l, tensor.found.compared, tensor.found.skipped,
                       tensor.found.worst);
    return CLG_OK;
}

/* The largest element of all gradients. */
static clg_status find_largest(struct check *check)
{
    for (int l = 0; l < check->engine->layers; l++) {
        const struct clg_engine_layer *layer = &check->engine->layer[l];
        size_t rows = (size_t)layer->rows, count[2] = {rows * (size_t)layer->in, rows};
        for (int part = 0; part < 2; part++) {
            CLG_TRY(clg_engine_gradient(check->engine, l, part ? NULL : check->gradient,
                                        part ? check->gradient : NULL));
            for (size_t i = 0; i < count[part]; i++)
                check->largest = fmax(check->largest, fabs(check->gradient[i]));
        }
    }
    return CLG_OK;
}

static clg_status run(struct check *check, const clg_dataset *data,
                      const clg_gradient_options *options)
{
    CLG_TRY(take_rows(check, data));
    CLG_TRY(place(check, check->data ? check->data : data));
    CLG_TRY(make_room(check));
    weigh(check);
    CLG_TRY(loss_of(&check->loss, check));
    CLG_TRY(clg_engine_bwd(check->engine, check->B));
    read_sides(check->here, check);
    if (!isfinite(check->loss))
        return clg_fail(CLG_EDIVERGED, "the loss is not a finite number: it has no gradient");
    CLG_TRY(find_largest(check));
    for (int l = 0; l < check->engine->layers; l++)
        CLG_TRY(check_layer(check, l, options));
    if (*check->out->first)
        return clg_fail(CLG_EMISMATCH, "%s", check->out->first);
    return CLG_OK;
}

static void clear(struct check *check)
{
    clg_resident_release(&check->resident);
    clg_teacher_clear(&check->teacher);
    clg_engine_destroy(check->engine);
    clg_dataset_destroy(check->data);
    clg_net_destroy(check->net);
    free(check->gradient);
    free(check->losses);
    free(check->weights);
    free(check->here);
    free(check->side);
}

clg_status clg_gradient_check(clg_gradient_result *out, const clg_net *net, clg_device *reference,
                              const clg_dataset *data, const clg_gradient_options *options)
{
    struct check check = {.out = out, .device = reference, .B = ROWS, .samples = SAMPLES};
    memset(out, 0, sizeof *out);
    if (net->loss == CLG_PERCEPTRON)
        return clg_fail(CLG_EUSAGE,
                        "the perceptron's rule is no gradient: there is none to verify");
    if (options && options->rows > 0)
        check.B = options->rows;
    if (options && options->samples)
        check.samples = options->samples;
    CLG_TRY(clg_net_copy(&check.net, net));
    for (int l = 0; l < check.net->layers; l++)
        check.net->layer[l].frozen = 0; /* these have a gradient, too */
    clg_status status = run(&check, data, options);
    clear(&check);
    return status;
}

clg_status clg_verify_gradient(clg_gradient_result *out, const clg_net *net,
                               const clg_dataset *data, const clg_gradient_options *options)
{
    clg_device *reference;
    memset(out, 0, sizeof *out);
    CLG_TRY(clg_device_open(&reference, "ref", NULL));
    clg_status status = clg_gradient_check(out, net, reference, data, options);
    clg_device_close(reference);
    return status;
}
