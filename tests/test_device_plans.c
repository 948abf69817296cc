/* The fused plan against the plain one: whole trainings from the same options end in the same bits,
 * parameters, moments and figures, over a covering sample of layers, activations, losses,
 * optimisers and options.  What either plan computes is not tested here; other tests hold it to the
 * reference. */
#include "harness_files.h"
#include "harness_train.h"

#include "net/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;
static int force_local; /* 1: the fused plan by the forms for local memory of the device's own */

/* One training (they share programs where they can, for building those is what takes the time):
 * options as "key=value key=value", and the data's shape. */
struct sample {
    int features, classes, rows;
    const char *options;
};

static const struct sample samples[] = {
    {20, 3, 100, "layers= opt=sgd lr=0.1 batch=16"},
    {37, 10, 90, "layers=40,24 act=sigmoid opt=momentum lr=0.1 batch=32 l2=0.01"},
    {20, 3, 90, "layers=17:gelu,33:tanh opt=adam batch=64 label-smoothing=0.1"},
    {20, 3, 70, "layers=33:elu:0.7,9:leaky_relu:0.2 opt=nesterov batch=33 class-weights=1,2,0.5"},
    {20, 3, 90, "layers=24:maxout:2,40:silu opt=rmsprop momentum=0.9 batch=20 l2=0.001"},
    {20, 3, 90, "layers=40,24 opt=adagrad batch=24 dropout=0,0.3 dropout-input=0.1"},
    {20, 3, 90, "layers=40,24,17 opt=rmsprop momentum=0 batch=24 freeze=0,2"},
    {20, 3, 90, "layers=40 opt=adam batch=24 clip-norm=0.05"},
    {20, 2, 70, "layers=24 act=tanh loss=bce opt=adamw weight-decay=0.1 batch=1 no-shuffle=true"},
    {20, 3, 90, "layers=24 loss=mse output-act=softmax opt=ema_momentum batch=100 reduction=sum"},
    {20, 20, 100, "layers=40 loss=huber:0.5 output-act=gelu opt=sgd batch=24"},
    {20, 3, 90, "layers=9:softplus,4 target=input loss=mse output-act=identity opt=adam batch=24"},
    {300, 3, 150, "layers=520,520 opt=sgd lr=0.05 batch=140 epochs=1"},
    /* epochs long enough for weights in strips */
    {37, 10, 330, "layers=64,49 act=sigmoid opt=adam batch=10"},
    {37, 10, 330, "layers=64,49 act=sigmoid opt=adam batch=10 steps=50"}, /* ends inside one */
    {45, 3, 400, "layers=100:gelu,72:tanh,40 opt=momentum lr=0.1 batch=12 freeze=1"},
    {20, 3, 330, "layers=64:maxout:2,64:tanh,64 opt=rmsprop batch=10 dropout=0,0.2,0"},
    {300, 3, 970, "layers=530,512 opt=sgd lr=0.05 batch=30 epochs=1"},
    {20, 3, 600, "layers=40,24 opt=sgd lr=0.05 batch=520 dropout-input=0.1"}, /* inputs turned */
    {20, 3, 2150, "layers=40,24 opt=sgd lr=0.01 batch=2100 epochs=1"}, /* deeper than a panel */
};

static clg_config *config_of(const char *options)
{
    char text[256];
    clg_config *config = harness_config("epochs", "2", "init", "normal:0.3", NULL);
    ck_assert_uint_lt(strlen(options), sizeof text);
    strcpy(text, options);
    for (char *at = text, *end; *at; at = end) {
        end = at + strcspn(at, " ");
        if (*end)
            *end++ = '\0';
        char *equals = strchr(at, '=');
        ck_assert_ptr_nonnull(equals);
        *equals = '\0';
        ck_ok(clg_config_set(config, at, equals + 1));
    }
    return config;
}

struct trained {
    clg_net *net;
    clg_train_result result;
};

static struct trained train(enum clg_plan_choice plan, const char *options, const clg_dataset *data)
{
    struct trained t = {0};
    clg_config *config = config_of(options);
    const int is_dedicated = device->local_is_dedicated;
    device->plan = plan;
    if (plan == CLG_CHOOSE_FUSED && force_local)
        device->local_is_dedicated = 1;
    ck_ok(clg_net_create(&t.net, config, data));
    ck_ok(clg_train(&t.result, t.net, device, data, NULL, NULL, NULL));
    device->local_is_dedicated = is_dedicated;
    clg_config_destroy(config);
    return t;
}

static void same(const char *options, const char *what, const double *got, const double *want,
                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(memcmp(&got[i], &want[i], sizeof *got) == 0,
                      "%s: %s %zu of %zu: fused %.9g, plain %.9g", options, what, i, count, got[i],
                      want[i]);
}

static void check(const char *options, const clg_dataset *data)
{
    struct trained plain = train(CLG_CHOOSE_PLAIN, options, data);
    struct trained fused = train(CLG_CHOOSE_FUSED, options, data);
    same(options, "parameter", fused.net->params, plain.net->params, plain.net->count);
    for (int s = 0; s < clg_opt_slots(plain.net->opt); s++)
        same(options, "moment", fused.net->slot[s], plain.net->slot[s], plain.net->count);
    same(options, "loss", &fused.result.loss, &plain.result.loss, 1);
    same(options, "cost", &fused.result.cost, &plain.result.cost, 1);
    same(options, "accuracy", &fused.result.accuracy, &plain.result.accuracy, 1);
    ck_assert_uint_eq(fused.result.steps, plain.result.steps);
    clg_net_destroy(plain.net);
    clg_net_destroy(fused.net);
}

START_TEST(fused_is_plain_to_the_bit)
{
    const struct sample *s = &samples[_i];
    clg_dataset *data =
        harness_blobs((size_t)s->rows, (size_t)s->features, s->classes, (uint64_t)_i + 1);
    check(s->options, data);
    clg_dataset_destroy(data);
}
END_TEST

/* Rows of bytes, which the gather scales. */
START_TEST(rows_of_bytes)
{
    enum { ROWS = 70, SIDE = 7 };
    static unsigned char x[ROWS * SIDE * SIDE], t[ROWS], file[sizeof x + 64];
    const unsigned image_shape[] = {ROWS, SIDE, SIDE}, label_shape[] = {ROWS};
    char path[8300], images[4096];
    clg_dataset *data = NULL;
    for (size_t i = 0; i < sizeof x; i++)
        x[i] = (unsigned char)(i * 37 % 251);
    for (size_t i = 0; i < ROWS; i++)
        t[i] = (unsigned char)(i % 3);
    snprintf(images, sizeof images, "%s",
             files_put("images", file, files_idx(file, 8, 3, image_shape, x, sizeof x)));
    snprintf(path, sizeof path, "%s,%s", images,
             files_put("labels", file, files_idx(file, 8, 1, label_shape, t, sizeof t)));
    clg_config *config = config_of("batch=16");
    ck_ok(clg_dataset_load(&data, path, CLG_PART_TRAIN, config));
    ck_assert_int_eq(data->storage, CLG_BYTES);
    check("layers= opt=sgd batch=16", data);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
}
END_TEST

/* Values as targets, gathered ahead as rows of a matrix. */
START_TEST(values)
{
    enum { ROWS = 60, FEATURES = 23, OUTPUTS = 5 };
    static float x[ROWS * FEATURES], t[ROWS * OUTPUTS];
    clg_dataset *data = NULL;
    for (size_t i = 0; i < ROWS * FEATURES; i++)
        x[i] = (float)((i * 37) % 19) / 19;
    for (size_t i = 0; i < ROWS * OUTPUTS; i++)
        t[i] = (float)((i * 11) % 7) / 7;
    ck_ok(clg_dataset_from_arrays(&data, x, ROWS, FEATURES, NULL, 0, t, OUTPUTS));
    check("layers=24 loss=huber:0.5 output-act=tanh opt=momentum batch=16", data);
    clg_dataset_destroy(data);
}
END_TEST

/* The forms for local memory, of which a CPU's driver makes what it can: a few samples, for they
 * take long to build.  The plain plan stays with the device's own form. */
START_TEST(local_forms)
{
    static const size_t chosen[] = {1, 12};
    const struct sample *s = &samples[chosen[_i]];
    clg_dataset *data =
        harness_blobs((size_t)s->rows, (size_t)s->features, s->classes, (uint64_t)_i + 1);
    force_local = 1;
    check(s->options, data);
    force_local = 0;
    clg_dataset_destroy(data);
}
END_TEST

/* The live buffers before and after: views and all go back. */
START_TEST(nothing_is_left)
{
    clg_dataset *data = harness_blobs(60, 20, 3, 5);
    int buffers = device->buffers;
    uint64_t bytes = device->bytes;
    check(samples[0].options, data);
    ck_assert_int_eq(device->buffers, buffers);
    ck_assert_uint_eq(device->bytes, bytes);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plans");
    TCase *tests = tcase_create("plans");
    device = harness_device();
    device->use_cache = 0; /* PoCL builds a kernel a second time for the binary that is kept */
    if (clg_fused_refuses(device)) {
        printf("no fused plan here: %s\n", clg_fused_refuses(device));
        clg_device_close(device);
        return 77;
    }
    tcase_set_timeout(tests, 0);
    tcase_add_loop_test(tests, fused_is_plain_to_the_bit, 0, sizeof samples / sizeof *samples);
    tcase_add_test(tests, rows_of_bytes);
    tcase_add_test(tests, values);
    tcase_add_loop_test(tests, local_forms, 0, 2);
    tcase_add_test(tests, nothing_is_left);
    suite_add_tcase(suite, tests);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
