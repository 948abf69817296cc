/* Data sets that the device has no room for: training, validation and evaluation in parts against
 * the same with everything on the device, to the bit, on the device and on the reference; and what
 * has no room even so is refused before the first step. */
#include "harness_files.h"
#include "harness_train.h"

#include "net/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device, *reference;

static const struct sample {
    size_t rows, features;
    int on_reference, bytes;
    const char *keys[6];
} samples[] = {
    {4000, 60, 0, 0, {"layers=24", "batch=32", "opt=adam"}},
    {4000, 60, 0, 1, {"layers=24,9", "batch=50", "opt=momentum", "lr=0.02", "dropout=0.2"}},
    {4000, 60, 1, 0, {"layers=9", "batch=64", "opt=sgd", "lr=0.1"}},
    {4000, 60, 0, 0, {"layers=16", "batch=37", "target=input", "opt=adam", "no-shuffle=true"}},
    {2000, 90, 0, 1, {"layers=16", "batch=7", "target=input", "opt=rmsprop", "steps=700"}},
    {4000, 60, 0, 0, {"layers=24", "batch=96", "loss=mse", "opt=adam", "normalize=std"}},
};

static int streamed; /* lines that said so */

static void hear(void *user, const char *line)
{
    (void)user;
    streamed += strstr(line, "streams in parts") != NULL;
}

static clg_config *config_of(const struct sample *s)
{
    clg_config *config = harness_config("epochs", "2", NULL);
    for (size_t i = 0; i < 6 && s->keys[i]; i++) {
        char key[32];
        const char *equals = strchr(s->keys[i], '=');
        snprintf(key, sizeof key, "%.*s", (int)(equals - s->keys[i]), s->keys[i]);
        ck_ok(clg_config_set(config, key, equals + 1));
    }
    return config;
}

/* Blobs, as bytes where the sample asks for them. */
static clg_dataset *data_of(const struct sample *s, uint64_t seed)
{
    clg_dataset *data = harness_blobs(s->rows, s->features, 3, seed);
    if (!s->bytes)
        return data;
    const float *x = data->x;
    unsigned char *bytes = malloc(s->rows * s->features);
    for (size_t i = 0; i < s->rows * s->features; i++)
        bytes[i] = (unsigned char)(255 * (x[i] < 0 ? 0 : x[i] > 1 ? 1 : x[i]));
    free(data->memory);
    data->memory = bytes;
    data->x = bytes;
    data->storage = CLG_BYTES;
    return data;
}

struct outcome {
    clg_net *net;
    clg_train_result result;
    clg_evaluation evaluation;
};

/* A training and an evaluation with so many bytes; 0: as many as there are. */
static struct outcome run(const struct sample *s, uint64_t budget)
{
    struct outcome o = {0};
    clg_device *on = s->on_reference ? reference : device;
    const uint64_t before = on->budget;
    const clg_train_hooks hooks = {.log = hear};
    clg_config *config = config_of(s);
    clg_dataset *data = data_of(s, 1), *val = data_of(s, 2);
    if (budget)
        on->budget = on->bytes + budget;
    ck_ok(clg_net_create(&o.net, config, data));
    ck_ok(clg_train(&o.result, o.net, on, data, val, NULL, &hooks));
    ck_ok(clg_evaluate(&o.evaluation, o.net, on, val));
    on->budget = before;
    clg_dataset_destroy(data);
    clg_dataset_destroy(val);
    clg_config_destroy(config);
    return o;
}

#define SAME(x) ck_assert_msg(memcmp(&got.x, &want.x, sizeof got.x) == 0, "%s differs", #x)

START_TEST(parts_are_the_whole_to_the_bit)
{
    const struct sample *s = &samples[_i];
    streamed = 0;
    struct outcome want = run(s, 0);
    ck_assert_int_eq(streamed, 0);
    struct outcome got = run(s, s->on_reference ? 1800000 : 700000);
    ck_assert_int_eq(streamed, 1);
    ck_assert_uint_eq(got.net->count, want.net->count);
    ck_assert(memcmp(got.net->params, want.net->params, want.net->count * sizeof(double)) == 0);
    SAME(result.loss);
    SAME(result.cost);
    SAME(result.accuracy);
    SAME(result.val_loss);
    SAME(result.val_accuracy);
    SAME(evaluation.loss);
    SAME(evaluation.accuracy);
    SAME(evaluation.rmse);
    SAME(evaluation.r2);
    clg_evaluation_clear(&got.evaluation);
    clg_evaluation_clear(&want.evaluation);
    clg_net_destroy(got.net);
    clg_net_destroy(want.net);
}
END_TEST

START_TEST(no_room_for_the_network_is_refused)
{
    const struct sample *s = &samples[0];
    const uint64_t before = device->budget;
    clg_config *config = config_of(s);
    clg_dataset *data = data_of(s, 1);
    clg_net *net;
    device->budget = device->bytes + 20000;
    ck_ok(clg_net_create(&net, config, data));
    ck_fails(clg_train(NULL, net, device, data, NULL, NULL, NULL), CLG_ENOMEM, "CLGRAD_MEM_LIMIT");
    device->budget = before;
    clg_net_destroy(net);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
}
END_TEST

int main(void)
{
    device = harness_device();
    clg_config *config;
    if (clg_config_create(&config) != CLG_OK ||
        clg_device_open(&reference, "ref", config) != CLG_OK)
        return 1;
    clg_config_destroy(config);
    Suite *suite = suite_create("streaming");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 200);
    tcase_add_loop_test(all, parts_are_the_whole_to_the_bit, 0,
                        (int)(sizeof samples / sizeof *samples));
    tcase_add_test(all, no_room_for_the_network_is_refused);
    suite_add_tcase(suite, all);
    int code = harness_run(suite);
    clg_device_close(reference);
    clg_device_close(device);
    return code;
}
