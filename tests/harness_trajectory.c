/* Repeats the runs of tests/golden/trajectories and tests/golden/torch through the public interface
 * and measures how far each tensor ends from the golden one.  The folders' files are described in
 * the scripts that make them. */
#include "harness_trajectory.h"

#include "net/net.h"

#include <math.h>
#include <stdio.h>

enum { OPTIMISERS = 3, LAYERS = 8, LARGEST = 512 };

static const char *const sets[] = {"relu_ce", "tanh_bce", "sigmoid_mse", "relu_mse_softmax"};
static const char *const optimisers[OPTIMISERS] = {"sgd", "momentum", "adam"};
static const char *const torch[] = {
    "relu_ce_sgd",
    "leaky_smoothing_momentum",
    "gelu_weights_nesterov",
    "silu_mse_rmsprop",
    "softplus_huber_adagrad",
    "tanh_bce_adam",
    "sigmoid_warmup_adamw",
    "maxout_sum_ema",
    "elu_huber_softmax_rmsprop",
    "identity_gelu_nesterov",
    "silu_leaky_bce_weights_adam",
    "dropout_tanh_sum_momentum",
};

_Static_assert(sizeof sets / sizeof *sets * OPTIMISERS == HARNESS_TRAJECTORIES, "all sets");
_Static_assert(sizeof torch / sizeof *torch == HARNESS_TORCH, "all of PyTorch's runs");

/* Where the files of a run lie; the options' and the golden values' names without an end. */
struct place {
    char folder[128], options[32], golden[32];
};

struct run {
    char name[192];
    clg_config *config;
    clg_dataset *data;
    clg_net *net;
    struct clg_dataset *golden; /* its values in order: (parameters,1) */
};

static const char *golden_path(const struct place *place, const char *file)
{
    char relative[256];
    snprintf(relative, sizeof relative, "tests/golden/%s/%s", place->folder, file);
    return harness_source(relative);
}

static void open_run(struct run *run, const struct place *place)
{
    char spec[2048];
    int length;
    snprintf(run->name, sizeof run->name, "%s/%s", place->folder, place->options);
    ck_ok(clg_config_create(&run->config));
    ck_ok(clg_config_read(run->config, golden_path(place, place->options)));
    length = snprintf(spec, sizeof spec, "%s,", golden_path(place, "X.npy"));
    snprintf(spec + length, sizeof spec - (size_t)length, "%s", golden_path(place, "Y.npy"));
    ck_ok(clg_dataset_load(&run->data, spec, CLG_PART_ALL, run->config));
    ck_ok(clg_net_create(&run->net, run->config, run->data));
    ck_ok(clg_net_init_from(run->net, golden_path(place, "start.safetensors")));
    ck_ok(clg_load_npy(&run->golden, golden_path(place, place->golden)));
    ck_assert_int_eq(run->golden->storage, CLG_DOUBLES);
}

static void close_run(struct run *run)
{
    clg_dataset_destroy(run->golden);
    clg_net_destroy(run->net);
    clg_dataset_destroy(run->data);
    clg_config_destroy(run->config);
}

/* Euclidean norm of a - b (n); b NULL: of a. */
static double norm(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double d = a[i] - (b ? b[i] : 0);
        sum += d * d;
    }
    return sqrt(sum);
}

static void check_tensor(const char *run, const char *tensor, int layer, const double *got,
                         const double *want, const double *start, int n, const double bound[2])
{
    double off = norm(got, want, n), size = norm(want, NULL, n), way = norm(want, start, n);
    ck_assert_msg(size > 0 && way > 0, "%s: %s %d stands still", run, tensor, layer);
    ck_assert_msg(harness_close(off / size, 0, bound[0]) && harness_close(off / way, 0, bound[1]),
                  "%s: %s %d is off by %.3g of its size (allowed %.3g), %.3g of its way (%.3g)",
                  run, tensor, layer, off / size, bound[0], off / way, bound[1]);
}

/* The weight and bias of one layer; returns how many of each. */
static void read_layer(const clg_net *net, int layer, int *weights, int *biases, double *weight,
                       double *bias)
{
    *biases = net->layer[layer].rows;
    *weights = net->layer[layer].in * *biases;
    ck_assert_int_le(*weights, LARGEST);
    ck_ok(clg_net_get_weights(net, layer, weight, bias));
}

/* bound[0] is of a tensor's size, bound[1] of its way. */
static void follow(clg_device *device, struct run *run, const double bound[2])
{
    double start[LAYERS][2][LARGEST], weight[LARGEST], bias[LARGEST];
    clg_train_result result;
    int weights, biases, layers = clg_net_layers(run->net);
    size_t at = 0;
    ck_assert_int_le(layers, LAYERS);
    for (int l = 0; l < layers; l++)
        read_layer(run->net, l, &weights, &biases, start[l][0], start[l][1]);
    ck_ok(clg_train(&result, run->net, device, run->data, NULL, NULL, NULL));
    ck_assert_uint_eq(result.steps, (unsigned)clg_config_integer(run->config, "steps"));
    for (int l = 0; l < layers; l++) {
        const double *want = (const double *)run->golden->x + at;
        read_layer(run->net, l, &weights, &biases, weight, bias);
        at += (size_t)(weights + biases);
        ck_assert_uint_le(at, run->golden->rows);
        check_tensor(run->name, "weight", l, weight, want, start[l][0], weights, bound);
        check_tensor(run->name, "bias", l, bias, want + weights, start[l][1], biases, bound);
    }
    ck_assert_uint_eq(at, run->golden->rows);
}

void harness_trajectory(clg_device *device, int index, double of_size, double of_way)
{
    const char *opt = optimisers[index % OPTIMISERS];
    const double bound[2] = {of_size, of_way};
    struct place place;
    struct run run = {0};
    snprintf(place.folder, sizeof place.folder, "trajectories/%s", sets[index / OPTIMISERS]);
    snprintf(place.options, sizeof place.options, "%s.ini", opt);
    snprintf(place.golden, sizeof place.golden, "%s.npy", opt);
    open_run(&run, &place);
    follow(device, &run, bound);
    close_run(&run);
}

void harness_torch(clg_device *device, int index, const double of_size[2], double of_way)
{
    struct place place = {.options = "options.ini", .golden = "final.npy"};
    struct run run = {0};
    snprintf(place.folder, sizeof place.folder, "torch/%s", torch[index]);
    open_run(&run, &place);
    const enum clg_opt opt = run.net->opt;
    int rooted = opt == CLG_RMSPROP || opt == CLG_ADAGRAD || opt == CLG_ADAM || opt == CLG_ADAMW;
    follow(device, &run, (const double[2]){of_size[rooted], of_way});
    close_run(&run);
}
