/* Model files: what is written is read again to the bit, equal networks give equal files, plain
 * files of other programs and the files of earlier versions are read.
 *
 * With --write-golden PATH the program writes the network of golden/model-v1.safetensors instead.
 */
#include "core/file.h"
#include "core/memory.h"
#include "harness_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((size_t)1 << 20)

static void check_equal(const clg_net *a, const clg_net *b)
{
    ck_assert_str_eq(clg_net_text(a), clg_net_text(b));
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_int_eq(memcmp(a->params, b->params, a->count * sizeof(double)), 0);
    for (int s = 0; s < 2; s++) {
        ck_assert_int_eq(a->slot[s] == NULL, b->slot[s] == NULL);
        if (a->slot[s])
            ck_assert_int_eq(memcmp(a->slot[s], b->slot[s], a->count * sizeof(double)), 0);
    }
    ck_assert(a->step == b->step && a->epoch == b->epoch && a->seed == b->seed);
    ck_assert(a->loss == b->loss && a->opt == b->opt && a->target == b->target);
    ck_assert(a->classes == b->classes && a->height == b->height && a->width == b->width);
    for (int i = 0; i < a->classes; i++)
        ck_assert_str_eq(clg_net_class_name(a, i), clg_net_class_name(b, i));
    ck_assert_str_eq(a->normalise.kind, b->normalise.kind);
    ck_assert_uint_eq(a->normalise.features, b->normalise.features);
    ck_assert_int_eq(a->normalise.fill == NULL, b->normalise.fill == NULL);
    for (size_t i = 0; a->normalise.fill && i < a->normalise.features; i++)
        ck_assert(a->normalise.fill[i] == b->normalise.fill[i]);
    for (int i = 0; i < a->layers; i++) {
        const struct clg_layer *x = &a->layer[i], *y = &b->layer[i];
        ck_assert(x->act.kind == y->act.kind && x->act.a == y->act.a && x->rows == y->rows);
        ck_assert(x->dropout == y->dropout && x->frozen == y->frozen);
    }
    ck_assert(a->huber_delta == b->huber_delta && a->target_input == b->target_input);
    ck_assert(a->dropout_input == b->dropout_input && a->label_smoothing == b->label_smoothing);
    ck_assert_int_eq(a->class_weights == NULL, b->class_weights == NULL);
    for (int i = 0; a->class_weights && i < a->classes; i++)
        ck_assert(a->class_weights[i] == b->class_weights[i]);
    for (size_t i = 0; i < a->normalise.features; i++)
        ck_assert(a->normalise.scale[i] == b->normalise.scale[i] &&
                  a->normalise.shift[i] == b->normalise.shift[i]);
    size_t options;
    const clg_option *option = clg_config_options(&options);
    for (size_t i = 0; i < options; i++)
        ck_assert_str_eq(clg_config_get(a->config, option[i].name),
                         clg_config_get(b->config, option[i].name));
}

START_TEST(round_trip)
{
    static const char *const opts[] = {"sgd",      "momentum", "adam",    "ema_momentum",
                                       "nesterov", "rmsprop",  "adagrad", "adamw"};
    for (int i = 0; i < 16; i++) {
        clg_net *net = model_sample(opts[i / 2]), *back;
        const char *path = model_path("model.safetensors");
        if (i % 2 == 1) { /* an image, and no moments */
            net->height = 3;
            net->width = 1;
            free(net->slot[0]);
            free(net->slot[1]);
            net->slot[0] = net->slot[1] = NULL;
        }
        ck_ok(clg_net_save(net, path));
        ck_ok(clg_net_load(&back, path, NULL));
        check_equal(net, back);
        clg_net_destroy(net);
        clg_net_destroy(back);
    }
}
END_TEST

START_TEST(round_trip_wide)
{
    clg_net *net = model_sample("adam"), *back;
    const char *path = model_path("wide.safetensors");
    for (size_t i = 0; i < net->count; i++) {
        net->params[i] += 1e-12 * (double)(i + 1); /* beyond float */
        net->slot[1][i] *= 1e-60;
    }
    ck_ok(clg_net_save_as(net, path, 1));
    ck_ok(clg_net_load_as(&back, path, NULL, 1));
    check_equal(net, back);
    clg_net_destroy(back);
    ck_ok(clg_net_load(&back, path, NULL));
    for (size_t i = 0; i < net->count; i++)
        ck_assert(back->params[i] == (double)(float)net->params[i]);
    clg_net_destroy(back);
    ck_ok(clg_net_save(net, path));
    ck_ok(clg_net_load(&back, path, NULL));
    for (size_t i = 0; i < net->count; i++)
        ck_assert(back->params[i] == (double)(float)net->params[i]);
    clg_net_destroy(back);
    clg_net_destroy(net);
}
END_TEST

START_TEST(round_trip_values)
{
    clg_config *config;
    clg_dataset *data;
    clg_net *net, *back;
    const float x[4] = {1, 2, 3, 4}, values[6] = {1, 0, 2, 1, 3, 2};
    ck_ok(clg_config_create(&config));
    ck_ok(clg_dataset_from_arrays(&data, x, 2, 2, NULL, 0, values, 3));
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_net_save(net, model_path("values.safetensors")));
    ck_ok(clg_net_load(&back, model_path("values.safetensors"), NULL));
    check_equal(net, back);
    ck_assert_int_eq(back->classes, 0);
    clg_net_destroy(net);
    clg_net_destroy(back);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
}
END_TEST

/* Saves and loads a network of these options and asserts that nothing was lost; config is given up.
 * The caller frees the network. */
static clg_net *kept(const char *const *words, const clg_dataset *data)
{
    clg_config *config;
    clg_net *net, *back;
    ck_ok(clg_config_create(&config));
    for (; *words; words += 2)
        ck_ok(clg_config_set(config, words[0], words[1]));
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_net_allocate_slots(net));
    ck_ok(clg_net_save(net, model_path("kept.safetensors")));
    ck_ok(clg_net_load(&back, model_path("kept.safetensors"), NULL));
    check_equal(net, back);
    clg_net_destroy(net);
    clg_config_destroy(config);
    return back;
}
#define KEPT(data, ...) kept((const char *const[]){__VA_ARGS__, NULL}, data)

START_TEST(round_trip_options)
{
    clg_dataset *classes, *values;
    clg_net *net;
    const float x[4] = {1, 2, 3, 4}, t[4] = {1, 0, 2, 1};
    const int32_t labels[2] = {0, 1};
    ck_ok(clg_dataset_from_arrays(&classes, x, 2, 2, labels, 2, NULL, 0));
    ck_ok(clg_dataset_from_arrays(&values, x, 2, 2, NULL, 0, t, 2));
    net = KEPT(classes, "layers", "4:maxout:3,3:leaky_relu:0.2", "dropout", "0.5,0.25", "freeze",
               "1", "class-weights", "1,2", "label-smoothing", "0.1", "dropout-input", "0.125");
    ck_assert_str_eq(clg_net_text(net), "2,4:maxout:3,3:leaky_relu:0.2,2:softmax");
    ck_assert(net->layer[0].dropout == 0.5 && net->layer[1].frozen && net->class_weights[1] == 2);
    clg_net_destroy(net);
    net = KEPT(classes, "loss", "perceptron");
    ck_assert_str_eq(clg_net_text(net), "2,1:step");
    clg_net_destroy(net);
    net = KEPT(classes, "loss", "bce", "one-vs-rest", "true");
    ck_assert_str_eq(clg_net_text(net), "2,2:sigmoid");
    clg_net_destroy(net);
    net = KEPT(values, "loss", "huber:0.5", "output-act", "maxout:3");
    ck_assert_str_eq(clg_net_text(net), "2,2:maxout:3");
    ck_assert(net->layer[0].rows == 6 && net->huber_delta == 0.5);
    clg_net_destroy(net);
    net = KEPT(classes, "layers", "1", "target", "input");
    ck_assert_str_eq(clg_net_text(net), "2,1:relu,2:identity");
    ck_assert(net->target_input && net->classes == 0);
    clg_net_destroy(net);
    clg_dataset_destroy(classes);
    clg_dataset_destroy(values);
}
END_TEST

START_TEST(round_trip_fill)
{
    clg_net *net = model_sample("sgd"), *back;
    ck_ok(clg_alloc(&net->normalise.fill, 3, sizeof(double), "fills"));
    net->normalise.fill[1] = 1.0 / 3;
    ck_ok(clg_net_save(net, model_path("fill.safetensors")));
    ck_ok(clg_net_load(&back, model_path("fill.safetensors"), NULL));
    check_equal(net, back);
    ck_assert(back->normalise.fill[1] == 1.0 / 3);
    clg_net_destroy(net);
    clg_net_destroy(back);
}
END_TEST

START_TEST(equal_nets_equal_files)
{
    clg_net *net = model_sample("adam"), *other = model_sample("adam"), *back;
    char *a, *b;
    size_t size, other_size;
    ck_ok(clg_net_save_as(net, model_path("a.safetensors"), 1));
    ck_ok(clg_net_save_as(other, model_path("b.safetensors"), 1));
    ck_ok(clg_file_read(&a, &size, model_path("a.safetensors"), LIMIT));
    ck_ok(clg_file_read(&b, &other_size, model_path("b.safetensors"), LIMIT));
    ck_assert_uint_eq(size, other_size);
    ck_assert_int_eq(memcmp(a, b, size), 0);
    free(b);
    ck_ok(clg_net_load(&back, model_path("a.safetensors"), NULL));
    ck_ok(clg_net_save_as(back, model_path("b.safetensors"), 1));
    ck_ok(clg_file_read(&b, &other_size, model_path("b.safetensors"), LIMIT));
    ck_assert_uint_eq(size, other_size);
    ck_assert_int_eq(memcmp(a, b, size), 0);
    ck_assert_uint_eq((unsigned char)a[0] % 8, 0);
    free(a);
    free(b);
    clg_net_destroy(net);
    clg_net_destroy(other);
    clg_net_destroy(back);
}
END_TEST

START_TEST(keeps_the_old_file)
{
    clg_net *net = model_sample("sgd"), *back;
    const char *path = model_path("kept.safetensors");
    ck_ok(clg_net_save(net, path));
    double first = net->params[0];
    net->params[0] = NAN;
    ck_fails(clg_net_save(net, path), CLG_EDIVERGED, "layers.0.weight holds nan");
    net->params[0] = 1e39;
    ck_fails(clg_net_save(net, path), CLG_EDIVERGED, "not written");
    ck_ok(clg_net_load(&back, path, NULL));
    ck_assert(back->params[0] == first);
    clg_net_destroy(back);
    net->params[0] = first;
    ck_fails(clg_net_save(net, model_path("no/such/folder.safetensors")), CLG_EIO, "no/such");
    clg_net_destroy(net);
}
END_TEST

START_TEST(reads_plain_files)
{
    const double wide_data[6] = {1, 2, 3, 4, 0.1, -1};
    const char *const f64 =
        "{\"layers.0.weight\":{\"dtype\":\"F64\",\"shape\":[2,2],\"data_offsets\":"
        "[0,32]},\"layers.0.bias\":{\"dtype\":\"F64\",\"shape\":[2],"
        "\"data_offsets\":[32,48]}}";
    clg_config *config;
    clg_net *net;
    double bias[2];
    ck_ok(clg_config_create(&config));
    const char *path =
        model_raw(MODEL_W("[2,2]", "0", "16") MODEL_B("16", "24"), model_plain, sizeof model_plain);
    ck_fails(clg_net_load(&net, path, NULL), CLG_EUSAGE, "--layers");
    ck_ok(clg_net_load(&net, path, config));
    ck_assert_str_eq(clg_net_text(net), "2,2:softmax");
    ck_assert(net->layer[0].W[1] == 2 && net->layer[0].b[1] == -1);
    ck_assert_str_eq(net->normalise.kind, "auto");
    ck_assert_str_eq(clg_net_class_name(net, 1), "1");
    clg_net_destroy(net);
    ck_ok(clg_config_set(config, "loss", "mse"));
    ck_ok(clg_config_set(config, "normalize", "range:-1:1"));
    ck_ok(clg_net_load(&net, path, config));
    ck_assert_str_eq(clg_net_text(net), "2,2:identity");
    ck_assert_int_eq(net->classes, 0);
    ck_assert(harness_close(net->normalise.scale[1] * 255 + net->normalise.shift[1], 1, 1e-15));
    clg_net_destroy(net);
    ck_ok(clg_config_set(config, "loss", "huber:2"));
    ck_ok(clg_net_load(&net, path, config));
    ck_assert(net->classes == 0 && net->huber_delta == 2);
    clg_net_destroy(net);
    ck_ok(clg_config_set(config, "loss", "perceptron"));
    ck_ok(clg_config_set(config, "one-vs-rest", "true"));
    ck_ok(clg_net_load(&net, path, config));
    ck_assert_str_eq(clg_net_text(net), "2,2:step");
    ck_assert_int_eq(net->classes, 2);
    clg_net_destroy(net);
    ck_ok(clg_config_set(config, "one-vs-rest", "false"));
    ck_ok(clg_config_set(config, "loss", "mse"));
    ck_ok(clg_config_set(config, "output-act", "maxout:2"));
    ck_ok(clg_net_load(&net, path, config));
    ck_assert_str_eq(clg_net_text(net), "2,1:maxout:2");
    clg_net_destroy(net);
    ck_ok(clg_config_set(config, "output-act", "maxout:3"));
    ck_fails(clg_net_load(&net, path, config), CLG_EDATA, "2 rows, no multiple of the pieces");
    ck_ok(clg_config_set(config, "output-act", ""));
    ck_ok(clg_config_set(config, "target", "input"));
    ck_ok(clg_net_load(&net, path, config));
    ck_assert(net->target_input && net->classes == 0);
    clg_net_destroy(net);
    ck_ok(clg_config_set(config, "target", ""));
    ck_ok(clg_config_set(config, "normalize", "std"));
    ck_fails(clg_net_load(&net, path, config), CLG_EUSAGE, "--normalize std");
    ck_ok(clg_config_set(config, "normalize", "unit"));
    ck_ok(clg_config_set(config, "layers", "3"));
    ck_fails(clg_net_load(&net, path, config), CLG_EDATA,
             "tensor layers.0.weight has shape [2,2], the network 2,3:relu,2:identity wants [3,2]");
    ck_ok(clg_config_set(config, "layers", "none"));
    ck_ok(clg_net_load(&net, model_raw(f64, wide_data, sizeof wide_data), config));
    ck_ok(clg_net_get_weights(net, 0, NULL, bias));
    ck_assert(bias[0] == 0.1);
    clg_net_destroy(net);
    clg_config_destroy(config);
}
END_TEST

START_TEST(starts_from_a_file)
{
    clg_net *net = model_sample("adam"), *other = model_sample("sgd"), *plain;
    clg_config *config;
    ck_ok(clg_net_save_as(net, model_path("start.safetensors"), 1));
    memset(other->params, 0, other->count * sizeof(double));
    other->step = 3;
    ck_ok(clg_net_init_from(other, model_path("start.safetensors")));
    ck_assert_int_eq(memcmp(other->params, net->params, net->count * sizeof(double)), 0);
    ck_assert(other->step == 3 && other->slot[0] == NULL);
    ck_assert_ptr_nonnull(strstr(clg_net_notes(other), "start.safetensors: took all 2 layers"));
    ck_assert_str_eq(clg_net_notes(net), "");
    const char *path =
        model_raw(MODEL_W("[2,2]", "0", "16") MODEL_B("16", "24"), model_plain, sizeof model_plain);
    ck_fails(
        clg_net_init_from(other, path), CLG_EDATA,
        "holds no layer of the shape it has in 3,4:tanh,2:softmax: layer 0 is 2x2 there and 4x3 "
        "here; layer 1 is not there");
    ck_assert_ptr_nonnull(strstr(clg_net_notes(other), "took all 2 layers"));
    ck_assert_int_eq(memcmp(other->params, net->params, net->count * sizeof(double)), 0);
    ck_ok(clg_config_create(&config));
    ck_ok(clg_net_describe(&plain, config, 2, 2, 0));
    ck_ok(clg_net_allocate(plain));
    ck_ok(clg_net_init_from(plain, path));
    ck_assert(plain->layer[0].W[3] == 4 && plain->layer[0].b[0] == 0.5);
    clg_net_destroy(plain);
    ck_ok(clg_net_describe(&plain, config, 5, 2, 0));
    ck_ok(clg_net_allocate(plain));
    ck_fails(clg_net_init_from(plain, path), CLG_EDATA, "layer 0 is 2x2 there and 2x5 here");
    clg_net_destroy(plain);
    clg_net_destroy(net);
    clg_net_destroy(other);
    clg_config_destroy(config);
}
END_TEST

/* A drawn network for 3 features. */
static clg_net *fresh(const char *layers, int classes)
{
    const float x[3] = {1, 2, 3};
    const int32_t label = 0;
    clg_dataset *data;
    clg_config *config;
    clg_net *net;
    ck_ok(clg_config_create(&config));
    ck_ok(clg_config_set(config, "layers", layers));
    ck_ok(clg_dataset_from_arrays(&data, x, 1, 3, &label, classes, NULL, 0));
    ck_ok(clg_net_create(&net, config, data));
    clg_dataset_destroy(data);
    clg_config_destroy(config);
    return net;
}

START_TEST(starts_from_a_part)
{
    clg_net *net = model_sample("adam"), *other = fresh("4,5", 7), *before;
    const char *path = model_path("part.safetensors");
    ck_ok(clg_net_save(net, path));
    ck_ok(clg_net_copy(&before, other));
    ck_ok(clg_net_init_from(other, path));
    ck_assert_ptr_eq(strstr(clg_net_notes(other), "init-from "), clg_net_notes(other));
    ck_assert_ptr_nonnull(strstr(clg_net_notes(other),
                                 "part.safetensors: took layer 0; layer 1 is 2x4 there and 5x4 "
                                 "here; layer 2 is not there"));
    ck_assert_int_eq(memcmp(other->layer[0].W, net->layer[0].W, 12 * sizeof(double)), 0);
    ck_assert_int_eq(memcmp(other->layer[0].b, net->layer[0].b, 4 * sizeof(double)), 0);
    ck_assert_int_eq(memcmp(other->layer[1].W, before->layer[1].W, 55 * sizeof(double)), 0);
    ck_assert_int_eq(memcmp(other->layer[1].b, before->layer[1].b, 12 * sizeof(double)), 0);
    clg_net_destroy(before);
    ck_ok(clg_net_copy(&before, other));
    ck_assert_str_eq(clg_net_notes(before), clg_net_notes(other));
    clg_net_destroy(before);
    clg_net_destroy(other);
    other = fresh("4,4:maxout:2,2", 2); /* 8 rows are not 2; two layers agree with nothing there */
    ck_ok(clg_net_save(other, path));
    clg_net_destroy(net);
    net = fresh("4,8,2", 2);
    ck_ok(clg_net_init_from(net, path));
    ck_assert_ptr_nonnull(
        strstr(clg_net_notes(net), "took layers 0, 1, 3; layer 2 is 2x4 there and 2x8 here"));
    clg_net_destroy(net);
    net = fresh("4", 2);
    ck_ok(clg_net_init_from(net, path));
    ck_assert_ptr_nonnull(strstr(clg_net_notes(net), "took layer 0; layer 1 is 8x4 there and 2x4 "
                                                     "here; there are 4 layers there and 2 here"));
    clg_net_destroy(net);
    clg_net_destroy(other);
}
END_TEST

START_TEST(refuses_to_start)
{
    const float nan_data[6] = {1, 2, 3, NAN, 0.5f, -1};
    clg_config *config;
    clg_net *net;
    ck_ok(clg_config_create(&config));
    ck_ok(clg_net_describe(&net, config, 2, 2, 0));
    ck_ok(clg_net_allocate(net));
    const char *path =
        model_raw(MODEL_W("[2,2]", "0", "16") MODEL_B("16", "24"), nan_data, sizeof nan_data);
    ck_fails(clg_net_init_from(net, path), CLG_EDATA, "layers.0.weight: element 3 is nan");
    path = model_raw(MODEL_W("[2,3]", "0", "24") "}", model_plain, sizeof model_plain);
    ck_fails(clg_net_init_from(net, path), CLG_EDATA, "lacks tensor layers.0.bias");
    path =
        model_raw(MODEL_W("[1,4]", "0", "16") MODEL_B("16", "24"), model_plain, sizeof model_plain);
    ck_fails(clg_net_init_from(net, path), CLG_EDATA,
             "layers.0.bias has shape [2], its weight has");
    path =
        model_raw(MODEL_W("[4]", "0", "16") MODEL_B("16", "24"), model_plain, sizeof model_plain);
    ck_fails(clg_net_init_from(net, path), CLG_EDATA, "shape [4], not [outputs,inputs]");
    path = model_raw("{\"w\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}",
                     model_plain, sizeof model_plain);
    ck_fails(clg_net_init_from(net, path), CLG_EDATA, "holds no tensor layers.0.weight");
    for (size_t i = 0; i < net->count; i++)
        ck_assert(net->params[i] == 0);
    ck_assert_str_eq(clg_net_notes(net), "");
    clg_net_destroy(net);
    clg_config_destroy(config);
}
END_TEST

START_TEST(knows_its_layers)
{
    clg_net *net = model_sample("sgd");
    clg_config *config;
    ck_ok(clg_net_save(net, model_path("own.safetensors")));
    clg_net_destroy(net);
    ck_ok(clg_config_create(&config));
    ck_ok(clg_config_set(config, "layers", "5"));
    ck_fails(clg_net_load(&net, model_path("own.safetensors"), config), CLG_EUSAGE,
             "holds the network 3,4:tanh,2:softmax");
    ck_ok(clg_config_set(config, "layers", "4:tanh"));
    ck_ok(clg_net_load(&net, model_path("own.safetensors"), config));
    clg_net_destroy(net);
    clg_config_destroy(config);
}
END_TEST

/* Numbers read from the committed file by another program.  The file itself never changes. */
START_TEST(loads_version_1)
{
    clg_net *net;
    ck_ok(clg_net_load_as(&net, harness_source("tests/golden/model-v1.safetensors"), NULL, 1));
    ck_assert_str_eq(clg_net_text(net), "3,4:tanh,2:softmax");
    ck_assert_str_eq(clg_net_class_name(net, 0), "0");
    ck_assert_str_eq(clg_net_class_name(net, 1), "Ägypten, \"x\"");
    ck_assert_str_eq(clg_config_get(clg_net_config(net), "layers"), "4:tanh");
    ck_assert_str_eq(clg_config_get(clg_net_config(net), "opt"), "adam");
    ck_assert(net->seed == 42 && net->epoch == 7 && net->step == 1234);
    ck_assert_str_eq(net->normalise.kind, "std");
    ck_assert(net->normalise.scale[1] == 0.41533930532093205);
    ck_assert(net->normalise.shift[0] == -1.3416407864998738);
    ck_assert_uint_eq(net->count, 26);
    ck_assert(net->layer[0].W[0] == -0.6924549341191782); /* F64: the float is ...201782 */
    ck_assert(net->layer[0].W[11] == -0.8589745163907542);
    ck_assert(net->layer[1].W[2] == 0.05585213378171785);
    ck_assert(net->layer[0].b[3] == 1e-12);
    ck_assert(net->layer[1].b[1] == -0.499999999999);
    ck_assert(net->slot[0][12] == 0.013000000268220901); /* layers.1.weight, element 0 */
    ck_assert(net->slot[0][25] == 0.026000000536441803);
    ck_assert(net->slot[1][0] == 0.0005000000237487257);
    ck_assert(net->slot[1][20] == 0.010499999858438969); /* layers.0.bias, element 0 */
    clg_net_destroy(net);
}
END_TEST

static const char *golden_path;

START_TEST(writes_golden)
{
    clg_net *net = model_sample("adam");
    for (size_t i = 0; i < net->count; i++)
        net->params[i] += 1e-12;
    ck_ok(clg_net_save_as(net, golden_path, 1));
    clg_net_destroy(net);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("model_file");
    TCase *tests = tcase_create("model_file");
    suite_add_tcase(suite, tests);
    if (argc == 3 && strcmp(argv[1], "--write-golden") == 0) {
        golden_path = argv[2];
        tcase_add_test(tests, writes_golden);
        return harness_run(suite);
    }
    tcase_add_test(tests, round_trip);
    tcase_add_test(tests, round_trip_wide);
    tcase_add_test(tests, round_trip_values);
    tcase_add_test(tests, round_trip_options);
    tcase_add_test(tests, round_trip_fill);
    tcase_add_test(tests, equal_nets_equal_files);
    tcase_add_test(tests, keeps_the_old_file);
    tcase_add_test(tests, reads_plain_files);
    tcase_add_test(tests, starts_from_a_file);
    tcase_add_test(tests, starts_from_a_part);
    tcase_add_test(tests, refuses_to_start);
    tcase_add_test(tests, knows_its_layers);
    tcase_add_test(tests, loads_version_1);
    return harness_run(suite);
}
