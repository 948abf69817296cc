/* The network on the host: what options make of it, its parameters, its starting weights. */
#include "core/memory.h"
#include "core/rng.h"
#include "harness.h"
#include "net/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A configuration from "key=value" words, ended by NULL. */
static clg_config *config_of(const char *const *words)
{
    clg_config *config;
    ck_ok(clg_config_create(&config));
    for (; *words; words++) {
        char key[64];
        const char *equals = strchr(*words, '=');
        snprintf(key, sizeof key, "%.*s", (int)(equals - *words), *words);
        ck_ok(clg_config_set(config, key, equals + 1));
    }
    return config;
}
#define CONFIG(...) config_of((const char *const[]){__VA_ARGS__, NULL})
#define PLAIN CONFIG("seed=1")

/* A described network; config is given up. */
static clg_net *described(clg_config *config, size_t features, int classes, size_t outputs)
{
    clg_net *net;
    ck_ok(clg_net_describe(&net, config, features, classes, outputs));
    clg_config_destroy(config);
    return net;
}

/* The same, with parameters drawn. */
static clg_net *drawn(clg_config *config, size_t features, int classes, size_t outputs)
{
    clg_net *net = described(config, features, classes, outputs);
    ck_ok(clg_net_allocate(net));
    ck_ok(clg_net_draw(net));
    return net;
}

/* Asserts that these options are refused with CLG_EUSAGE and words. */
static void refused(clg_config *config, size_t features, int classes, size_t outputs,
                    const char *words)
{
    clg_net *net = (clg_net *)&net;
    ck_fails(clg_net_describe(&net, config, features, classes, outputs), CLG_EUSAGE, words);
    ck_assert_ptr_null(net);
    ck_assert_ptr_null(strchr(clg_last_error(), '\n'));
    clg_config_destroy(config);
}

START_TEST(counts_parameters)
{
    clg_net *net = described(CONFIG("layers=4,4"), 3, 0, 1);
    ck_assert_uint_eq(net->weights, 32);
    ck_assert_uint_eq(net->count, 32 + 9);
    ck_assert_int_eq(clg_net_layers(net), 3);
    ck_assert_int_eq(clg_net_inputs(net), 3);
    ck_assert_int_eq(clg_net_outputs(net), 1);
    clg_net_destroy(net);
    net = described(PLAIN, 784, 10, 0);
    ck_assert_uint_eq(net->weights, 7840);
    ck_assert_uint_eq(net->count, 7850);
    clg_net_destroy(net);
}
END_TEST

START_TEST(reads_layers)
{
    static const struct {
        const char *layers, *act, *text;
    } rows[] = {
        {"256,128", "relu", "784,256:relu,128:relu,10:softmax"},
        {"256:relu,128:tanh", "sigmoid", "784,256:relu,128:tanh,10:softmax"},
        {"7,9:identity,16777216", "sigmoid", NULL},
        {"300:sigmoid", "tanh", "784,300:sigmoid,10:softmax"},
        {"none", "relu", "784,10:softmax"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clg_config *config = PLAIN;
        ck_ok(clg_config_set(config, "layers", rows[i].layers));
        ck_ok(clg_config_set(config, "act", rows[i].act));
        clg_net *net = described(config, 784, 10, 0);
        if (rows[i].text)
            ck_assert_str_eq(clg_net_text(net), rows[i].text);
        ck_assert_str_eq(clg_config_get(clg_net_config(net), "layers"), rows[i].layers);
        clg_net_destroy(net);
    }
}
END_TEST

START_TEST(refuses_layers)
{
    static const struct {
        const char *layers, *words;
    } rows[] = {
        {"0", "--layers 0: 0 is not a layer size"},
        {"-3", "-3 is not a layer size"},
        {"2147483648", "2147483648 is not a layer size"},
        {"16777217", "16777217 is not a layer size"},
        {"99999999999999999999999999", "is not a layer size, 1 to 16777216"},
        {"18446744073709551621", "18446744073709551621 is not a layer size"}, /* 2^64 + 5 */
        {"128,", "\"\" is not a layer size"},
        {",128", "\"\" is not a layer size"},
        {"12x", "12x is not a layer size"},
        {"1e3", "1e3 is not a layer size"},
        {" 12", " 12 is not a layer size"},
        {":relu", "\"\" is not a layer size"},
        {"12:rulu", "did you mean relu?"},
        {"12:qqqqqqqq", "use identity, sigmoid, tanh or relu"},
        {"12:", "unknown activation"},
        {"12:softmax", "--output-act softmax"},
        {"12:relu:3", "unknown activation relu:3"},
        {"16777216,16777216", "more than 2147483647 parameters by layer 1"},
        {"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
         "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
         "more than 63 hidden layers"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clg_config *config = PLAIN;
        ck_ok(clg_config_set(config, "layers", rows[i].layers));
        refused(config, 2, 3, 0, rows[i].words);
        ck_assert_ptr_nonnull(strstr(clg_last_error(), "--layers"));
    }
}
END_TEST

START_TEST(refuses_sizes)
{
    refused(PLAIN, 0, 2, 0, "0 features");
    refused(PLAIN, (size_t)1 << 31, 2, 0, "2147483648 features");
    refused(PLAIN, 2147483646, 0, 1, "a network takes 1 to 2147483135");
    refused(PLAIN, 2, 0, (size_t)1 << 30, "1073741824 outputs");
    refused(CONFIG("layers=46341"), 46341, 2, 0, "more than 2147483647 parameters");
    refused(CONFIG("layers=30000,30000,30000,30000"), 2, 2, 0, "parameters by layer 3");
    refused(PLAIN, 2, 1, 0, "1 class only");
    refused(PLAIN, 2, 0, 0, "no targets");
    refused(CONFIG("target=value"), 2, 3, 0, "--target value: the data has class targets");
    refused(CONFIG("target=class"), 2, 0, 3, "--target class: the data has value targets");
}
END_TEST

START_TEST(resolves_by_targets)
{
    static const struct {
        int classes;
        size_t outputs;
        const char *loss, *act; /* given, or "" */
        const char *want_loss, *want_act, *want_target;
        int want_outputs;
    } rows[] = {
        {10, 0, "", "", "ce", "softmax", "class", 10},
        {2, 0, "", "", "ce", "softmax", "class", 2},
        {2, 0, "bce", "", "bce", "sigmoid", "class", 1},
        {3, 0, "bce", "", "bce", "sigmoid", "class", 3},
        {2, 0, "mse", "", "mse", "identity", "class", 2},
        {10, 0, "mse", "sigmoid", "mse", "sigmoid", "class", 10},
        {10, 0, "mse", "softmax", "mse", "softmax", "class", 10},
        {0, 4, "", "", "mse", "identity", "value", 4},
        {0, 1, "bce", "", "bce", "sigmoid", "value", 1},
        {0, 2, "", "tanh", "mse", "tanh", "value", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clg_config *config = PLAIN;
        ck_ok(clg_config_set(config, "loss", rows[i].loss));
        ck_ok(clg_config_set(config, "output-act", rows[i].act));
        clg_net *net = described(config, 5, rows[i].classes, rows[i].outputs);
        const clg_config *made = clg_net_config(net);
        const char *act;
        int outputs;
        ck_ok(clg_net_layer(net, 0, NULL, &outputs, &act));
        ck_assert_str_eq(clg_config_get(made, "loss"), rows[i].want_loss);
        ck_assert_str_eq(clg_config_get(made, "output-act"), rows[i].want_act);
        ck_assert_str_eq(clg_config_get(made, "target"), rows[i].want_target);
        ck_assert_str_eq(clg_loss_names[net->loss], rows[i].want_loss);
        ck_assert_str_eq(act, rows[i].want_act);
        ck_assert_int_eq(outputs, rows[i].want_outputs);
        ck_assert_int_eq(net->target == CLG_TARGET_CLASS, rows[i].classes > 0);
        clg_net_destroy(net);
    }
}
END_TEST

START_TEST(refuses_pairs)
{
    refused(CONFIG("loss=ce", "output-act=sigmoid"), 5, 3, 0,
            "there are ce with softmax; bce with sigmoid; mse with identity, sigmoid, tanh");
    refused(CONFIG("loss=bce", "output-act=softmax"), 5, 3, 0, "--loss bce with --output-act");
    refused(CONFIG("output-act=identity"), 5, 3, 0, "--loss ce with --output-act identity");
    refused(CONFIG("loss=ce"), 5, 0, 3, "--loss ce: needs class targets");
}
END_TEST

START_TEST(takes_options)
{
    clg_net *net = described(CONFIG("opt=momentum", "reduction=sum", "seed=77"), 5, 3, 0);
    ck_assert_int_eq(net->opt, CLG_MOMENTUM);
    ck_assert_int_eq(net->sum_reduction, 1);
    ck_assert_uint_eq(net->seed, 77);
    clg_net_destroy(net);
}
END_TEST

/* Mean, variance, largest and the share within one standard deviation of a layer's weights. */
struct moments {
    double mean, variance, largest, inside;
    double count;
};

static struct moments moments_of(const struct clg_layer *layer)
{
    struct moments m = {0, 0, 0, 0, (double)layer->in * layer->out};
    size_t count = (size_t)layer->in * (size_t)layer->out;
    for (size_t i = 0; i < count; i++) {
        m.mean += layer->W[i] / m.count;
        m.largest = fmax(m.largest, fabs(layer->W[i]));
        ck_assert_msg(layer->W[i] == (double)(float)layer->W[i], "weight %zu is no float", i);
    }
    for (size_t i = 0; i < count; i++)
        m.variance += (layer->W[i] - m.mean) * (layer->W[i] - m.mean) / m.count;
    for (size_t i = 0; i < count; i++)
        m.inside += (fabs(layer->W[i] - m.mean) < sqrt(m.variance)) / m.count;
    for (int i = 0; i < layer->out; i++)
        ck_assert(layer->b[i] == 0);
    return m;
}

/* Five standard errors on each estimate. */
static void is_normal(const struct clg_layer *layer, double sigma)
{
    struct moments m = moments_of(layer);
    double share = erf(sqrt(0.5));
    ck_assert(harness_close(m.mean, 0, 5 * sigma / sqrt(m.count)));
    ck_assert(harness_close(m.variance, sigma * sigma, 5 * sigma * sigma * sqrt(2 / m.count)));
    ck_assert(harness_close(m.inside, share, 5 * sqrt(share * (1 - share) / m.count)));
}

static void is_uniform(const struct clg_layer *layer, double a)
{
    struct moments m = moments_of(layer);
    double share = 1 / sqrt(3.0);
    ck_assert(harness_close(m.mean, 0, 5 * a / sqrt(3 * m.count)));
    ck_assert(harness_close(m.variance, a * a / 3, 5 * a * a * sqrt(4.0 / 45 / m.count)));
    ck_assert(harness_close(m.inside, share, 5 * sqrt(share * (1 - share) / m.count)));
    ck_assert(m.largest <= a * (1 + 1e-7)); /* rounded to float */
    ck_assert(m.largest > a * (1 - 20 / m.count));
}

START_TEST(draws_by_activation)
{
    clg_net *net = drawn(CONFIG("layers=128,96:tanh,80:relu"), 784, 10, 0);
    is_normal(&net->layer[0], sqrt(2.0 / 784));
    is_uniform(&net->layer[1], sqrt(6.0 / (128 + 96)));
    is_normal(&net->layer[2], sqrt(2.0 / 96));
    is_uniform(&net->layer[3], sqrt(6.0 / (80 + 10)));
    clg_net_destroy(net);
    net = drawn(CONFIG("output-act=relu", "loss=mse"), 300, 0, 100);
    is_uniform(&net->layer[0], sqrt(6.0 / (300 + 100)));
    clg_net_destroy(net);
}
END_TEST

START_TEST(draws_as_asked)
{
    clg_net *net = drawn(CONFIG("layers=128:tanh", "init=he"), 300, 100, 0);
    is_normal(&net->layer[0], sqrt(2.0 / 300));
    is_normal(&net->layer[1], sqrt(2.0 / 128));
    clg_net_destroy(net);
    net = drawn(CONFIG("layers=128:relu", "init=xavier"), 300, 100, 0);
    is_uniform(&net->layer[0], sqrt(6.0 / 428));
    clg_net_destroy(net);
    net = drawn(CONFIG("layers=128", "init=normal:0.25"), 300, 100, 0);
    is_normal(&net->layer[0], 0.25);
    is_normal(&net->layer[1], 0.25);
    clg_net_destroy(net);
    net = drawn(CONFIG("layers=128", "init=uniform:0.5"), 300, 100, 0);
    is_uniform(&net->layer[1], 0.5);
    clg_net_destroy(net);
    net = drawn(CONFIG("layers=128", "init=zero"), 300, 100, 0);
    for (size_t i = 0; i < net->count; i++)
        ck_assert(net->params[i] == 0);
    clg_net_destroy(net);
    net = described(CONFIG("init=normal:-1"), 300, 100, 0);
    ck_ok(clg_net_allocate(net));
    ck_fails(clg_net_draw(net), CLG_EUSAGE, "--init normal:-1");
    clg_net_destroy(net);
}
END_TEST

START_TEST(draws_by_seed)
{
    clg_net *a = drawn(CONFIG("layers=16", "seed=5"), 7, 3, 0);
    clg_net *b = drawn(CONFIG("layers=16", "seed=5"), 7, 3, 0);
    clg_net *c = drawn(CONFIG("layers=16", "seed=6"), 7, 3, 0);
    size_t bytes = a->count * sizeof *a->params, equal = 0;
    ck_assert_int_eq(memcmp(a->params, b->params, bytes), 0);
    for (size_t i = 0; i < a->weights; i++)
        equal += a->params[i] == c->params[i];
    ck_assert_uint_eq(equal, 0);
    /* the law of streams: layer 1's first weight is draw 0 of subsequence 2 */
    double limit = sqrt(6.0 / (16 + 3));
    double want = limit * (2 * clg_uniform(5, CLG_STREAM_INIT, 2, 0) - 1);
    ck_assert(a->layer[1].W[0] == (double)(float)want);
    clg_net_destroy(a);
    clg_net_destroy(b);
    clg_net_destroy(c);
}
END_TEST

START_TEST(lays_out_one_slab)
{
    clg_net *net = drawn(CONFIG("layers=4,5", "opt=adam"), 3, 2, 0);
    int rows, columns;
    ck_assert_ptr_eq(net->layer[0].W, net->params);
    ck_assert_ptr_eq(net->layer[1].W, net->params + 12);
    ck_assert_ptr_eq(net->layer[2].W, net->params + 32);
    ck_assert_ptr_eq(net->layer[0].b, net->params + net->weights);
    ck_assert_ptr_eq(net->layer[2].b, net->params + net->count - 2);
    ck_assert_ptr_eq(clg_net_tensor(net, "layers.1.weight", &rows, &columns), net->params + 12);
    ck_assert_int_eq(rows, 5);
    ck_assert_int_eq(columns, 4);
    ck_assert_ptr_eq(clg_net_tensor(net, "layers.1.bias", &rows, &columns), net->layer[1].b);
    ck_assert_int_eq(rows, 5);
    ck_assert_int_eq(columns, 0);
    ck_assert_ptr_null(clg_net_tensor(net, "layers.3.weight", &rows, &columns));
    ck_assert_ptr_null(clg_net_tensor(net, "layers.1.weights", &rows, &columns));
    ck_ok(clg_net_allocate_slots(net));
    ck_assert(net->slot[0] && net->slot[1] && net->slot[0][net->count - 1] == 0);
    clg_net_destroy(net);
    net = drawn(CONFIG("opt=sgd"), 3, 2, 0);
    ck_ok(clg_net_allocate_slots(net));
    ck_assert(!net->slot[0] && !net->slot[1]);
    clg_net_destroy(net);
}
END_TEST

START_TEST(copies_all)
{
    clg_net *net = drawn(CONFIG("layers=4", "opt=momentum"), 3, 2, 0), *copy;
    ck_ok(clg_net_allocate_slots(net));
    net->slot[0][3] = 0.5;
    net->step = 9;
    net->epoch = 2;
    ck_ok(clg_net_copy(&copy, net));
    ck_assert_int_eq(memcmp(copy->params, net->params, net->count * sizeof(double)), 0);
    ck_assert(copy->slot[0][3] == 0.5 && copy->slot[1] == NULL);
    ck_assert(copy->step == 9 && copy->epoch == 2);
    ck_assert_str_eq(clg_net_text(copy), clg_net_text(net));
    net->params[0] += 1;
    net->slot[0][3] = 2;
    ck_assert(copy->params[0] == net->params[0] - 1 && copy->slot[0][3] == 0.5);
    ck_assert_ptr_eq(copy->layer[1].W, copy->params + 12);
    clg_net_destroy(net);
    ck_assert_str_eq(clg_config_get(clg_net_config(copy), "opt"), "momentum");
    clg_net_destroy(copy);
    clg_net_destroy(NULL);
}
END_TEST

START_TEST(gets_and_sets_weights)
{
    clg_net *net = drawn(PLAIN, 2, 2, 0);
    const double weight[4] = {1, -2, 3.5, 1e-9}, bias[2] = {0.25, -7};
    double W[4], b[2], bad[4] = {0, 0, NAN, 0}, huge[2] = {0, 1e300};
    ck_ok(clg_net_set_weights(net, 0, weight, bias));
    ck_ok(clg_net_get_weights(net, 0, W, b));
    ck_assert_int_eq(memcmp(W, weight, sizeof W) | memcmp(b, bias, sizeof b), 0);
    ck_fails(clg_net_set_weights(net, 0, bad, NULL), CLG_EUSAGE, "weight 2 is nan");
    ck_fails(clg_net_set_weights(net, 0, weight, huge), CLG_EUSAGE, "bias 1 is 1e+300");
    ck_ok(clg_net_get_weights(net, 0, W, NULL));
    ck_assert_int_eq(memcmp(W, weight, sizeof W), 0);
    ck_fails(clg_net_get_weights(net, 1, W, b), CLG_EUSAGE, "no layer 1");
    ck_fails(clg_net_layer(net, -1, NULL, NULL, NULL), CLG_EUSAGE, "no layer -1");
    clg_net_destroy(net);
}
END_TEST

START_TEST(creates_for_data)
{
    const float x[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    const int32_t labels[4] = {0, 1, 2, 1};
    clg_dataset *data;
    clg_net *net;
    clg_config *config = CONFIG("layers=6", "normalize=minmax");
    ck_ok(clg_dataset_from_arrays(&data, x, 4, 2, labels, 3, NULL, 0));
    ck_ok(clg_net_create(&net, config, data));
    ck_assert_str_eq(clg_net_text(net), "2,6:relu,3:softmax");
    ck_assert_str_eq(clg_net_class_name(net, 2), "2");
    ck_assert_ptr_null(clg_net_class_name(net, 3));
    ck_assert_ptr_null(clg_net_class_name(net, -1));
    ck_assert_str_eq(clg_config_get(clg_net_config(net), "normalize"), "minmax");
    ck_assert(harness_close(net->normalise.scale[0], 1.0 / 6, 1e-15));
    ck_assert(net->layer[0].W[0] != 0);
    clg_net_destroy(net);
    ck_ok(clg_net_create(&net, NULL, data));
    ck_assert_str_eq(clg_config_get(clg_net_config(net), "normalize"), "none");
    clg_net_destroy(net);
    ck_ok(clg_config_set(config, "loss", "bce"));
    ck_ok(clg_config_set(config, "output-act", "tanh"));
    ck_fails(clg_net_create(&net, config, data), CLG_EUSAGE, "no such pair");
    ck_assert_ptr_null(net);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
}
END_TEST

START_TEST(refuses_names_no_file_can_hold)
{
    const float x[2] = {0, 1};
    const int32_t labels[2] = {0, 1};
    clg_dataset *data;
    clg_net *net;
    ck_ok(clg_dataset_from_arrays(&data, x, 2, 1, labels, 2, NULL, 0));
    free(data->class_name[1]);
    ck_ok(clg_text_copy(&data->class_name[1], "caf\xe9"));
    ck_fails(clg_net_create(&net, NULL, data), CLG_EDATA, "class 1 is not UTF-8");
    ck_assert_ptr_null(net);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(leaves_normalisation_open)
{
    const float x[2] = {0, 1};
    unsigned char bytes[2] = {0, 255};
    clg_dataset *data;
    struct clg_normalise fitted;
    clg_net *net = described(PLAIN, 1, 2, 0);
    snprintf(net->normalise.kind, sizeof net->normalise.kind, "auto"); /* as a plain file's */
    ck_ok(clg_dataset_from_arrays(&data, x, 2, 1, NULL, 0, NULL, 0));
    ck_ok(clg_net_normalise_for(&fitted, net, data));
    ck_assert_str_eq(fitted.kind, "none");
    clg_normalise_clear(&fitted);
    struct clg_dataset small = *data;
    small.storage = CLG_BYTES;
    small.x = bytes;
    ck_ok(clg_net_normalise_for(&fitted, net, &small));
    ck_assert_str_eq(fitted.kind, "unit");
    ck_ok(clg_normalise_copy(&net->normalise, &fitted));
    clg_normalise_clear(&fitted);
    ck_ok(clg_net_normalise_for(&fitted, net, data)); /* now its own */
    ck_assert(harness_close(fitted.scale[0], 1.0 / 255, 1e-17));
    clg_normalise_clear(&fitted);
    clg_dataset_destroy(data);
    clg_net_destroy(net);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net");
    TCase *describe = tcase_create("describe"), *params = tcase_create("params");
    tcase_add_test(describe, counts_parameters);
    tcase_add_test(describe, reads_layers);
    tcase_add_test(describe, refuses_layers);
    tcase_add_test(describe, refuses_sizes);
    tcase_add_test(describe, resolves_by_targets);
    tcase_add_test(describe, refuses_pairs);
    tcase_add_test(describe, takes_options);
    tcase_add_test(params, draws_by_activation);
    tcase_add_test(params, draws_as_asked);
    tcase_add_test(params, draws_by_seed);
    tcase_add_test(params, lays_out_one_slab);
    tcase_add_test(params, copies_all);
    tcase_add_test(params, gets_and_sets_weights);
    tcase_add_test(params, creates_for_data);
    tcase_add_test(params, refuses_names_no_file_can_hold);
    tcase_add_test(params, leaves_normalisation_open);
    suite_add_tcase(suite, describe);
    suite_add_tcase(suite, params);
    return harness_run(suite);
}
