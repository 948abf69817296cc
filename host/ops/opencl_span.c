/* The launcher of kernels/resident.cl: the options that describe a network to the compiler, the
 * form of the kernel, and its arguments. */
#include "ops/span.h"

#include "device/program.h"
#include "ops/opencl.h"
#include "ops/tuning.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The forms of the kernel: the first two by one work-item, in resident.cl. */
enum form { SAMPLES, UNITS, GROUP };

/* A step's operations above which several cores make up for the launches. */
#define MOST_OPERATIONS 2.5e6

enum {
    MOST_PARAMETERS = 24, /* that SAMPLES holds in registers */
    MOST_TERMS = 256,     /* of all its gradients' sums, which are unrolled */
    LOCAL = 16 * 1024,    /* bytes of local memory that a group takes at most */
    WIDEST_GROUP = 256,   /* work-items */
    PRIVATE = 256 * 1024, /* bytes of a work-item's own memory: what drivers give, and the caches */
    SHORTEST_GROUP = 32
};

static int parameters(const struct clg_span_shape *shape)
{
    int count = 0;
    for (int l = 1; l <= shape->layers; l++)
        count += shape->size[l] * (shape->size[l - 1] + 1);
    return count;
}

double clg_span_operations(const struct clg_span_shape *shape)
{
    double products = 0;
    for (int l = 1; l <= shape->layers; l++)
        products += (l == 1 ? 4.0 : 6.0) * shape->size[l] * shape->size[l - 1];
    return products * shape->batch;
}

/* Whether the activation and the optimiser are a few instructions, or at most one exp: SAMPLES
 * holds a copy of them for each unit and parameter. */
static int is_brief(const struct clg_span_shape *shape)
{
    for (int l = 1; l <= shape->layers; l++)
        switch (shape->act[l].kind) {
        case CLG_TANH:
        case CLG_ELU:
        case CLG_GELU:
        case CLG_SILU:
        case CLG_SOFTPLUS:
            return 0;
        default:
            break;
        }
    return shape->opt == CLG_SGD || shape->opt == CLG_MOMENTUM || shape->opt == CLG_EMA_MOMENTUM ||
           shape->opt == CLG_NESTEROV;
}

static enum form form_of(const clg_device *device, const struct clg_span_shape *shape)
{
    if (device->local_is_dedicated)
        return GROUP;
    return shape->batch <= 16 && parameters(shape) <= MOST_PARAMETERS &&
                   parameters(shape) * shape->batch <= MOST_TERMS && is_brief(shape)
               ? SAMPLES
               : UNITS;
}

static int vectors(int n)
{
    return (n + 15) / 16;
}

/* Bytes that the form UNITS keeps: parameters, moments and gradients, activations and deltas. */
static size_t private_bytes(const struct clg_span_shape *shape)
{
    const int rows = 16 * vectors(shape->batch), slots = clg_opt_slots(shape->opt);
    size_t floats = (size_t)rows * 16 * (size_t)vectors(shape->size[0]);
    for (int l = 1; l <= shape->layers; l++) {
        const size_t in = 16 * (size_t)vectors(shape->size[l - 1]);
        const size_t out = 16 * (size_t)vectors(shape->size[l]);
        floats += (size_t)(2 + slots) * (in * out + out) + (size_t)rows * 5 * out;
    }
    return floats * sizeof(cl_float);
}

/* Bytes of local memory of the form GROUP. */
static size_t local_bytes(const struct clg_span_shape *shape)
{
    int numbers = parameters(shape) + shape->batch * (shape->size[0] + 3) + 1;
    for (int l = 1; l <= shape->layers; l++) {
        const int kept = clg_act_keeps_z(shape->act[l].kind);
        numbers += l < shape->layers ? shape->batch * shape->size[l] * (2 + kept) + !kept
                                     : shape->batch * shape->size[l];
    }
    return (size_t)numbers * sizeof(cl_float);
}

/* Work-items for the widest of a step's stages, a power of two within the device's limits. */
static size_t group_of(const clg_device *device, const struct clg_span_shape *shape)
{
    const size_t work = (size_t)parameters(shape);
    size_t group = SHORTEST_GROUP;
    while (group < WIDEST_GROUP && group < work)
        group *= 2;
    while (group > 1 && (group > device->max_group || group > device->max_items[0]))
        group /= 2;
    return group;
}

const char *clg_ocl_refuses_span(const clg_device *device, const struct clg_span_shape *shape)
{
    if (device->kind != CLG_OPENCL)
        return "the reference has no launches";
    if (device->local_is_dedicated &&
        (local_bytes(shape) > LOCAL || local_bytes(shape) > device->info.local_memory))
        return "the network is too large for one work-group's local memory";
    if (!device->local_is_dedicated && private_bytes(shape) > PRIVATE)
        return "the network is too large for one work-item";
    return NULL;
}

int clg_span_pays(const clg_device *device, const struct clg_span_shape *shape)
{
    const double operations = clg_span_operations(shape);
    const enum clg_plan_choice tuned = clg_tuned_plan(device, operations);
    return tuned == CLG_CHOOSE_AUTO ? operations <= MOST_OPERATIONS : tuned == CLG_CHOOSE_RESIDENT;
}

size_t clg_span_domain(size_t rows)
{
    size_t domain = 4;
    while (domain < rows)
        domain *= 4;
    return domain < 16 ? 16 : domain;
}

void clg_span_rates(float *rates, const struct clg_update *u)
{
    double rate = u->lr, root = 1;
    if (u->opt == CLG_ADAM || u->opt == CLG_ADAMW) {
        rate /= 1 - pow(u->beta1, (double)u->t);
        root = 1 / sqrt(1 - pow(u->beta2, (double)u->t));
    }
    rates[0] = (float)rate;
    rates[1] = (float)root;
    rates[2] = (float)(u->lr * u->weight_decay);
}

/* ----------------------------------------------------------------- options */

/* Room for all of them. */
enum { OPTIONS = 1280 };

static void append(char *options, const char *name, int suffix, size_t value)
{
    const size_t length = strlen(options);
    const int n = suffix < 0
                      ? snprintf(options + length, OPTIONS - length, " -D%s=%zu", name, value)
                      : snprintf(options + length, OPTIONS - length, " -D%s%d%s=%zu", name, suffix,
                                 "", value);
    assert(n > 0 && length + (size_t)n < OPTIONS);
    (void)n;
}

/* "W2_AT" and its like. */
static void append_place(char *options, const char *letter, int l, const char *what, size_t value)
{
    char name[16];
    snprintf(name, sizeof name, "%s%d_%s", letter, l, what);
    append(options, name, -1, value);
}

static size_t bits_of(double value)
{
    const cl_float number = (cl_float)value;
    cl_uint bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static void make_options(char options[OPTIONS], const clg_device *device,
                         const struct clg_span_shape *shape, size_t group)
{
    options[0] = '\0';
    const enum form form = form_of(device, shape);
    append(options, form == GROUP ? "GROUP" : "FORM", -1, form == GROUP ? group : form);
    append(options, "LAYERS", -1, (size_t)shape->layers);
    append(options, "BATCH", -1, (size_t)shape->batch);
    append(options, "LOSS", -1, shape->loss);
    append(options, "TARGET", -1, shape->target);
    append(options, "OPT", -1, shape->opt);
    append(options, "HAS_MOMENTUM", -1, (size_t)shape->has_momentum);
    append(options, "L2", -1, (size_t)shape->l2);
    append(options, "BYTES", -1, (size_t)shape->bytes);
    append(options, "PERMUTED", -1, (size_t)shape->permuted);
    append(options, "WHOLE", -1, (size_t)shape->whole);
    append(options, "S", 0, (size_t)shape->size[0]);
    for (int l = 1; l <= shape->layers; l++) {
        append(options, "S", l, (size_t)shape->size[l]);
        append(options, "ACT", l, shape->act[l].kind);
        append(options, "A", l, bits_of(shape->act[l].a));
        append_place(options, "W", l, "AT", shape->weight_at[l]);
        append_place(options, "B", l, "AT", shape->bias_at[l]);
        append_place(options, "W", l, "LD", (size_t)clg_stride(device, shape->size[l]));
    }
}

/* --------------------------------------------------------------- arguments */

static void push_buffers(struct clg_args *args, const struct clg_span_launch *span)
{
    const struct clg_rows *data = span->data;
    clg_arg_buf(args, span->params);
    if (span->slot0)
        clg_arg_buf(args, span->slot0);
    if (span->slot1)
        clg_arg_buf(args, span->slot1);
    clg_arg_buf(args, span->grads);
    clg_arg_buf(args, span->best);
    clg_arg_buf(args, span->best_loss);
    clg_arg_buf(args, span->best_epoch);
    clg_arg_buf(args, span->stats);
    clg_arg_buf(args, span->hits);
    clg_arg_buf(args, span->ring);
    clg_arg_buf(args, &data->x);
    if (span->shape.bytes) {
        clg_arg_buf(args, &data->scale);
        clg_arg_buf(args, &data->shift);
    }
    clg_arg_buf(args, &data->t);
    if (span->shape.permuted) {
        clg_arg_buf(args, span->perm);
        clg_arg_buf(args, span->walk);
        clg_arg_buf(args, span->list);
    }
    clg_arg_buf(args, span->rates);
}

/* The scalars of the optimiser, as opencl_update.c makes them. */
static void push_update(struct clg_args *args, const struct clg_update *u)
{
    const int adam = u->opt == CLG_ADAM || u->opt == CLG_ADAMW;
    const double keep0 = adam ? u->beta1 : u->momentum, keep1 = adam ? u->beta2 : u->rho;
    clg_arg_float(args, u->l2);
    clg_arg_float(args, keep0);
    clg_arg_float(args, 1 - keep0);
    clg_arg_float(args, keep1);
    clg_arg_float(args, 1 - keep1);
    clg_arg_float(args, fmax(u->eps, FLT_MIN));
}

/* Takes the kernel for shape, with a group that the device takes and the kernel itself. */
static clg_status begin(struct clg_args *args, size_t *group, clg_device *device,
                        const struct clg_span_shape *shape)
{
    const int grouped = form_of(device, shape) == GROUP;
    const char *name = grouped ? "resident_group" : "resident";
    char options[OPTIONS];
    for (*group = grouped ? group_of(device, shape) : 1;; *group /= 2) {
        make_options(options, device, shape, *group);
        CLG_TRY(clg_args_begin(args, device, name, options, name));
        if (*group == 1 || *group <= args->limits->max_group)
            return CLG_OK;
    }
}

clg_status clg_ocl_span(clg_device *device, const struct clg_span_launch *span)
{
    const struct clg_span_shape *shape = &span->shape;
    const int outputs = shape->size[shape->layers];
    struct clg_args args;
    size_t group;
    assert(!clg_ocl_refuses_span(device, shape) && span->steps > 0 && span->epoch > 0);
    CLG_TRY(begin(&args, &group, device, shape));
    push_buffers(&args, span);
    clg_arg_ulong(&args, span->data->rows);
    clg_arg_ulong(&args, span->seed);
    clg_arg_int(&args, span->epoch);
    clg_arg_ulong(&args, span->epoch_step);
    clg_arg_ulong(&args, span->steps);
    clg_arg_float(&args, span->mean);
    clg_arg_float(&args, span->mean_short);
    clg_arg_float(&args, span->delta);
    clg_arg_float(&args, 1 - span->smoothing);
    clg_arg_float(&args, span->smoothing / outputs);
    push_update(&args, span->update);
    clg_arg_int(&args, span->rate_step);
    clg_arg_int(&args, span->ring_step);
    clg_arg_int(&args, span->keep_best);
    return clg_launch1(&args, group, group);
}
