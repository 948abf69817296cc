/* The parameters of a network on the host: starting weights, one slab, copies, and what the public
 * interface reads and writes of them. */
#include "core/memory.h"
#include "core/rng.h"
#include "harness_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mean, variance, largest and the share within one standard deviation of a layer's weights. */
struct moments {
    double mean, variance, largest, inside;
    double count;
};

static struct moments moments_of(const struct clg_layer *layer)
{
    struct moments m = {0, 0, 0, 0, (double)layer->in * layer->rows};
    size_t count = (size_t)layer->in * (size_t)layer->rows;
    for (size_t i = 0; i < count; i++) {
        m.mean += layer->W[i] / m.count;
        m.largest = fmax(m.largest, fabs(layer->W[i]));
        ck_assert_msg(layer->W[i] == (double)(float)layer->W[i], "weight %zu is no float", i);
    }
    for (size_t i = 0; i < count; i++)
        m.variance += (layer->W[i] - m.mean) * (layer->W[i] - m.mean) / m.count;
    for (size_t i = 0; i < count; i++)
        m.inside += (fabs(layer->W[i] - m.mean) < sqrt(m.variance)) / m.count;
    for (int i = 0; i < layer->rows; i++)
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
    clg_net *net = net_drawn(NET_CONFIG("layers=128,96:tanh,80:relu"), 784, 10, 0);
    is_normal(&net->layer[0], sqrt(2.0 / 784));
    is_uniform(&net->layer[1], sqrt(6.0 / (128 + 96)));
    is_normal(&net->layer[2], sqrt(2.0 / 96));
    is_uniform(&net->layer[3], sqrt(6.0 / (80 + 10)));
    clg_net_destroy(net);
    net = net_drawn(NET_CONFIG("layers=90:leaky_relu:0.5,80:leaky_relu,70:maxout:2,60:elu:3"), 200,
                    3, 0);
    is_normal(&net->layer[0], sqrt(2.0 / (1.25 * 200)));
    is_normal(&net->layer[1], sqrt(2.0 / (1.0001 * 90)));
    is_normal(&net->layer[2], sqrt(2.0 / 80)); /* both pieces: 140 rows */
    ck_assert_int_eq(net->layer[2].rows, 140);
    is_normal(&net->layer[3], sqrt(2.0 / 70));
    clg_net_destroy(net);
    net =
        net_drawn(NET_CONFIG("layers=90:gelu,80:silu,70:softplus,60:step,50:identity"), 200, 3, 0);
    is_normal(&net->layer[0], sqrt(2.0 / 200));
    is_normal(&net->layer[1], sqrt(2.0 / 90));
    is_normal(&net->layer[2], sqrt(2.0 / 80));
    is_uniform(&net->layer[3], sqrt(6.0 / (70 + 60)));
    is_uniform(&net->layer[4], sqrt(6.0 / (60 + 50)));
    clg_net_destroy(net);
    net = net_drawn(NET_CONFIG("output-act=relu", "loss=mse"), 300, 0, 100);
    is_uniform(&net->layer[0], sqrt(6.0 / (300 + 100)));
    clg_net_destroy(net);
}
END_TEST

START_TEST(draws_as_asked)
{
    clg_net *net = net_drawn(NET_CONFIG("layers=128:tanh", "init=he"), 300, 100, 0);
    is_normal(&net->layer[0], sqrt(2.0 / 300));
    is_normal(&net->layer[1], sqrt(2.0 / 128));
    clg_net_destroy(net);
    net = net_drawn(NET_CONFIG("layers=128:relu", "init=xavier"), 300, 100, 0);
    is_uniform(&net->layer[0], sqrt(6.0 / 428));
    clg_net_destroy(net);
    net = net_drawn(NET_CONFIG("layers=128", "init=normal:0.25"), 300, 100, 0);
    is_normal(&net->layer[0], 0.25);
    is_normal(&net->layer[1], 0.25);
    clg_net_destroy(net);
    net = net_drawn(NET_CONFIG("layers=128", "init=uniform:0.5"), 300, 100, 0);
    is_uniform(&net->layer[1], 0.5);
    clg_net_destroy(net);
    net = net_drawn(NET_CONFIG("layers=128", "init=zero"), 300, 100, 0);
    for (size_t i = 0; i < net->count; i++)
        ck_assert(net->params[i] == 0);
    clg_net_destroy(net);
    net = net_described(NET_CONFIG("init=normal:-1"), 300, 100, 0);
    ck_ok(clg_net_allocate(net));
    ck_fails(clg_net_draw(net), CLG_EUSAGE, "--init normal:-1");
    clg_net_destroy(net);
}
END_TEST

START_TEST(draws_by_seed)
{
    clg_net *a = net_drawn(NET_CONFIG("layers=16", "seed=5"), 7, 3, 0);
    clg_net *b = net_drawn(NET_CONFIG("layers=16", "seed=5"), 7, 3, 0);
    clg_net *c = net_drawn(NET_CONFIG("layers=16", "seed=6"), 7, 3, 0);
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
    clg_net *net = net_drawn(NET_CONFIG("layers=4,5", "opt=adam"), 3, 2, 0);
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
    net = net_drawn(NET_CONFIG("opt=sgd"), 3, 2, 0);
    ck_ok(clg_net_allocate_slots(net));
    ck_assert(!net->slot[0] && !net->slot[1]);
    clg_net_destroy(net);
}
END_TEST

START_TEST(lays_out_pieces)
{
    clg_net *net =
        net_drawn(NET_CONFIG("layers=4:maxout:3,5", "loss=mse", "output-act=maxout:2"), 3, 0, 2);
    int rows, columns;
    ck_assert_str_eq(clg_net_text(net), "3,4:maxout:3,5:relu,2:maxout:2");
    ck_assert(net->layer[0].out == 4 && net->layer[0].rows == 12 && net->layer[1].in == 4);
    ck_assert(net->layer[2].out == 2 && net->layer[2].rows == 4);
    ck_assert_uint_eq(net->weights, 3 * 12 + 4 * 5 + 5 * 4);
    ck_assert_uint_eq(net->count, net->weights + 12 + 5 + 4);
    ck_assert_ptr_eq(net->layer[1].W, net->params + 36);
    ck_assert_ptr_eq(net->layer[1].b, net->params + net->weights + 12);
    ck_assert_ptr_eq(clg_net_tensor(net, "layers.0.weight", &rows, &columns), net->params);
    ck_assert(rows == 12 && columns == 3);
    double W[36], b[12];
    for (int i = 0; i < 36; i++)
        W[i] = b[i % 12] = i;
    const char *act;
    ck_ok(clg_net_set_weights(net, 0, W, b));
    ck_assert(net->layer[0].W[35] == 35 && net->layer[0].b[11] == 35);
    memset(W, 0, sizeof W);
    ck_ok(clg_net_get_weights(net, 0, W, NULL));
    ck_assert(W[35] == 35);
    ck_ok(clg_net_layer(net, 0, NULL, &rows, &act));
    ck_assert_int_eq(rows, 4);
    ck_assert_str_eq(act, "maxout:3");
    clg_net_destroy(net);
}
END_TEST

START_TEST(copies_all)
{
    clg_net *net = net_drawn(NET_CONFIG("layers=4", "opt=momentum", "class-weights=1,3"), 3, 2, 0),
            *copy;
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
    ck_assert(copy->class_weights[0] == 1 && copy->class_weights[1] == 3);
    ck_assert_str_eq(clg_net_notes(copy), "");
    ck_assert_str_eq(clg_config_get(clg_net_config(copy), "opt"), "momentum");
    clg_net_destroy(copy);
    clg_net_destroy(NULL);
}
END_TEST

START_TEST(gets_and_sets_weights)
{
    clg_net *net = net_drawn(NET_PLAIN, 2, 2, 0);
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
    clg_config *config = NET_CONFIG("layers=6", "normalize=minmax");
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
    clg_net *net = net_described(NET_PLAIN, 1, 2, 0);
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
    Suite *suite = suite_create("net_params");
    TCase *tests = tcase_create("net_params");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, draws_by_activation);
    tcase_add_test(tests, draws_as_asked);
    tcase_add_test(tests, draws_by_seed);
    tcase_add_test(tests, lays_out_one_slab);
    tcase_add_test(tests, lays_out_pieces);
    tcase_add_test(tests, copies_all);
    tcase_add_test(tests, gets_and_sets_weights);
    tcase_add_test(tests, creates_for_data);
    tcase_add_test(tests, refuses_names_no_file_can_hold);
    tcase_add_test(tests, leaves_normalisation_open);
    return harness_run(suite);
}
