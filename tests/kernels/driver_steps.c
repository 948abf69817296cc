/* Whole training steps by the fused and the resident plan, as the engine runs them, of networks of
 * awkward shapes: a full batch, then a short one, from data that is bytes or floats, shuffled or
 * not.  Left out: the plain plan, whose operations driver.c runs one by one. */
#include "driver.h"

#include "net/net.h"

#include <math.h>
#include <string.h>

/* One network and its data.  classes 0: values. */
struct shape {
    int batch, features, classes;
    const char *options[4]; /* "key=value" */
};

/* Steps of a few sizes are many: every activation, optimiser and loss is here, and each width of
 * 1, 7, 16, 17 and 33 as batch, features, units and outputs. */
static const struct shape fused_shapes[] = {
    {1, 1, 3, {"layers=1:relu", "opt=sgd"}},
    {7, 16, 3, {"layers=17:relu,7:relu", "opt=sgd"}},
    {16, 17, 3, {"layers=33:tanh,16:relu", "opt=sgd"}},
    {17, 33, 3, {"layers=7:tanh,33:relu", "opt=sgd"}},
    {33, 7, 3, {"layers=16:relu,17:relu", "opt=sgd"}},
    {33, 33, 3, {"layers=33:relu", "opt=adam", "l2=0.1"}},
    {1, 33, 16, {"layers=", "opt=adam"}},
    {16, 16, 16, {"layers=16:identity", "opt=adam"}},
    {7, 1, 1, {"layers=17:sigmoid,1:sigmoid", "loss=bce", "opt=adam"}},
    {17, 16, 1, {"layers=33:sigmoid", "loss=bce", "opt=adam"}},
    {16, 1, 33, {"layers=7:relu", "opt=momentum"}},
    {33, 17, 17, {"layers=1:relu,16:relu", "opt=momentum"}},
    {1, 7, 7, {"layers=33:gelu,1:gelu", "opt=nesterov", "class-weights=1,2,1,2,1,2,1"}},
    {7, 33, 7, {"layers=16:gelu,33:gelu", "opt=adagrad", "class-weights=1,2,1,2,1,2,1"}},
    {16, 33, 0, {"layers=17:silu", "opt=ema_momentum", "loss=mse"}},
    {17, 1, 0, {"layers=16:silu,7:softplus", "opt=rmsprop", "loss=mse"}},
    {33, 16, 0, {"layers=17:elu,33:softplus", "opt=rmsprop", "momentum=0"}},
    {7, 17, 0, {"layers=7:elu", "opt=adamw", "loss=huber"}},
    {1, 16, 0, {"layers=33:leaky_relu", "opt=adamw", "loss=huber"}},
    {17, 7, 2, {"layers=16:leaky_relu", "opt=sgd", "loss=perceptron"}},
    {16, 7, 3, {"layers=33:step,17:maxout:2", "opt=sgd"}},
    {33, 1, 3, {"layers=17:maxout:2,33:step", "opt=sgd"}},
};

/* At most 24 parameters and 16 rows: one work-item, samples in its lanes. */
static const struct shape sample_shapes[] = {
    {1, 1, 1, {"layers=", "loss=mse", "opt=sgd"}},
    {4, 2, 1, {"layers=2:sigmoid", "loss=bce", "opt=sgd"}},
    {3, 2, 2, {"layers=2:relu", "opt=sgd"}},
    {5, 3, 3, {"layers=2:relu", "opt=momentum"}},
    {7, 1, 3, {"layers=1:identity", "opt=momentum", "l2=0.1"}},
    {9, 5, 1, {"layers=1:sigmoid,1:sigmoid", "loss=bce", "opt=sgd"}},
    {16, 1, 2, {"layers=2:leaky_relu", "opt=nesterov"}},
    {15, 2, 1, {"layers=1:relu,1:relu", "loss=mse", "opt=ema_momentum"}},
    {13, 3, 0, {"layers=2:relu", "opt=sgd", "loss=mse"}},
    {1, 7, 2, {"layers=", "opt=sgd"}},
    {2, 16, 1, {"layers=", "loss=bce", "opt=momentum"}},
    {1, 2, 3, {"layers=3:relu", "opt=sgd"}},
    {11, 1, 0, {"layers=3:sigmoid", "opt=nesterov", "loss=huber"}},
    {8, 4, 2, {"layers=2:step", "opt=sgd", "loss=perceptron"}},
    {12, 1, 1, {"layers=2:relu,2:relu,1:relu", "loss=bce", "opt=sgd"}},
    {6, 1, 7, {"layers=", "opt=momentum"}},
    {10, 2, 0, {"layers=2:leaky_relu", "opt=ema_momentum", "loss=mse"}},
    {14, 1, 2, {"layers=1:relu,1:relu", "opt=nesterov", "l2=0.1"}},
    {16, 2, 1, {"layers=2:sigmoid", "loss=mse", "output-act=sigmoid", "opt=sgd"}},
    {2, 3, 2, {"layers=3:identity", "loss=mse", "output-act=softmax", "opt=sgd"}},
};

/* More than SAMPLES takes; those of a work-group too. */
static const struct shape unit_shapes[] = {
    {1, 1, 3, {"layers=7:tanh", "opt=sgd"}},
    {7, 16, 3, {"layers=17:relu", "opt=sgd"}},
    {16, 17, 1, {"layers=7:sigmoid", "loss=bce", "opt=adam"}},
    {17, 33, 7, {"layers=", "opt=adam"}},
    {7, 5, 3, {"layers=9:tanh", "opt=momentum", "l2=0.1"}},
    {33, 1, 16, {"layers=3:relu", "opt=momentum"}},
    {1, 33, 17, {"layers=2:relu", "opt=nesterov"}},
    {3, 5, 1, {"layers=17:elu", "loss=bce", "opt=nesterov"}},
    {2, 7, 9, {"layers=3:silu,5:silu", "opt=adagrad"}},
    {5, 3, 0, {"layers=9:gelu", "loss=mse", "opt=rmsprop"}},
    {9, 11, 2, {"layers=5:softplus", "opt=rmsprop", "momentum=0"}},
    {13, 1, 15, {"layers=1:identity", "opt=adamw"}},
    {15, 2, 0, {"layers=16:leaky_relu", "loss=huber", "opt=adamw"}},
    {2, 31, 3, {"layers=", "opt=ema_momentum"}},
    {31, 3, 2, {"layers=5:relu,3:relu,7:relu", "opt=sgd"}},
    {3, 2, 33, {"layers=1:tanh", "loss=mse", "output-act=softmax", "opt=sgd"}},
    {21, 5, 5, {"layers=5:step", "opt=sgd", "loss=perceptron"}},
    {11, 23, 1, {"layers=2:relu,2:tanh", "loss=bce", "opt=sgd"}},
    {1, 15, 31, {"layers=", "opt=sgd"}},
    {16, 16, 16, {"layers=16:relu", "opt=adam", "l2=0.1"}},
    {17, 1, 1, {"layers=33:tanh", "loss=mse", "output-act=tanh", "opt=sgd"}},
};

/* The features of data as bytes. */
static void make_bytes(clg_dataset *data)
{
    unsigned char *bytes = (unsigned char *)(uintptr_t)data->x;
    for (size_t i = 0; i < data->rows * data->features; i++)
        bytes[i] = (unsigned char)(i * 37 % 251);
    data->storage = CLG_BYTES;
}

static clg_dataset *data_of(const struct shape *shape, int bytes)
{
    enum { OUTPUTS = 7 };
    const size_t rows = (size_t)(shape->batch + (shape->batch + 1) / 2);
    const size_t features = (size_t)shape->features;
    const int classes = shape->classes == 1 ? 2 : shape->classes;
    clg_dataset *data = NULL;
    float *x = calloc(rows * features, sizeof *x), *values = calloc(rows * OUTPUTS, sizeof *values);
    int32_t *labels = calloc(rows, sizeof *labels);
    if (!x || !labels || !values)
        exit(1);
    for (size_t i = 0; i < rows * features; i++)
        x[i] = 0.125f * (float)(i % 7);
    for (size_t i = 0; i < rows * OUTPUTS; i++)
        values[i] = 0.125f * (float)(i % 5);
    for (size_t i = 0; i < rows; i++)
        labels[i] = classes ? (int32_t)(i % (size_t)classes) : 0;
    TRY(clg_dataset_from_arrays(&data, x, rows, features, classes ? labels : NULL, classes,
                                classes ? NULL : values, classes ? 0 : OUTPUTS));
    free(x);
    free(values);
    free(labels);
    if (bytes)
        make_bytes(data);
    return data;
}

static clg_config *config_of(const struct shape *shape)
{
    clg_config *config = NULL;
    char text[64];
    TRY(clg_config_create(&config));
    for (int i = 0; i < 4 && shape->options[i]; i++) {
        snprintf(text, sizeof text, "%s", shape->options[i]);
        char *equals = strchr(text, '=');
        *equals = '\0';
        TRY(clg_config_set(config, text, equals + 1));
    }
    return config;
}

/* A network on the device with its data. */
struct lab {
    clg_net *net;
    clg_engine *engine;
    struct clg_resident resident;
    int batch, permuted;
};

/* An epoch: a full batch and the rest, which the first step gathers ahead. */
static void run_fused_steps(struct lab *lab)
{
    const struct clg_rows *rows = &lab->resident.rows;
    const int rest = (int)rows->rows - lab->batch;
    struct clg_batch batch = {.data = rows, .B = lab->batch, .next_B = rest};
    batch.perm = lab->permuted ? &lab->resident.perm : NULL;
    batch.next_start = (size_t)lab->batch;
    TRY(clg_engine_train_step(lab->engine, &batch, 0.1));
    batch.start = (size_t)lab->batch;
    batch.B = rest;
    batch.next_B = 0;
    TRY(clg_engine_train_step(lab->engine, &batch, 0.1));
}

/* Over the end of an epoch, from its first step or its second. */
static void run_span(struct lab *lab, int from)
{
    const double rate = 0.1;
    struct clg_scores ended[2];
    struct clg_span span = {.data = &lab->resident.rows,
                            .shuffle = lab->permuted,
                            .batch = lab->batch,
                            .epoch = 1,
                            .epoch_step = (uint64_t)from,
                            .steps = 3,
                            .lr = &rate,
                            .every_epoch = 1,
                            .keep_best = 1,
                            .best_loss = INFINITY};
    int count;
    const char *against = clg_engine_refuses_spans(lab->engine, span.data, span.batch);
    if (against) {
        fprintf(stderr, "driver: %s: %s\n", lab->net->text, against);
        exit(1);
    }
    TRY(clg_engine_span(lab->engine, &span, ended, &count));
}

static void run_network(const struct shape *shape, int index, int spans)
{
    struct lab lab = {.batch = shape->batch, .permuted = index % 3 != 0};
    struct clg_plan plan;
    clg_config *config = config_of(shape);
    clg_dataset *data = data_of(shape, index % 2);
    TRY(clg_net_create(&lab.net, config, data));
    clg_plan_begin(&plan, device);
    TRY(clg_resident_plan(&lab.resident, &plan, data, lab.net, 1, "driver"));
    TRY(clg_plan_commit(&plan));
    TRY(clg_resident_upload(&lab.resident, data, lab.net));
    TRY(clg_engine_create(&lab.engine, device, lab.net, lab.batch, 1));
    TRY(clg_engine_zero_scores(lab.engine));
    if (lab.permuted && !spans)
        TRY(lab.engine->ops->permute(device, &lab.resident.perm, data->rows, 1, 1));
    if (spans)
        run_span(&lab, (index + 1) % 2);
    else
        run_fused_steps(&lab);
    TRY(clg_device_finish(device));
    clg_engine_destroy(lab.engine);
    clg_resident_release(&lab.resident);
    clg_net_destroy(lab.net);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
}

static const struct {
    const char *part;
    const struct shape *shape;
    int shapes, local, spans;
} parts[] = {
    {"fused", fused_shapes, sizeof fused_shapes / sizeof *fused_shapes, 0, 0},
    {"fused_local", fused_shapes, sizeof fused_shapes / sizeof *fused_shapes, 1, 0},
    {"samples", sample_shapes, sizeof sample_shapes / sizeof *sample_shapes, 0, 1},
    {"units", unit_shapes, sizeof unit_shapes / sizeof *unit_shapes, 0, 1},
    {"group", unit_shapes, sizeof unit_shapes / sizeof *unit_shapes, 1, 1},
};

/* Shapes first..last of the part. */
static int run_shapes(const char *part, int first, int last)
{
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        if (strcmp(part, parts[p].part) != 0)
            continue;
        choose_forms(parts[p].local);
        device->plan = parts[p].spans ? CLG_CHOOSE_RESIDENT : CLG_CHOOSE_FUSED;
        for (int i = first; i <= last && i < parts[p].shapes; i++)
            run_network(&parts[p].shape[i], i, parts[p].spans);
        return 1;
    }
    return 0;
}

int run_steps(const char *part)
{
    return run_shapes(part, 0, 1000);
}

void run_one_network(const char *part)
{
    run_shapes(part, 4, 4);
}
