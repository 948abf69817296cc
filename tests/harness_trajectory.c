/* Repeats the runs of tests/golden/trajectories through the public interface and measures how far
 * each tensor ends from the golden one.  The folder's files are described in
 * tests/golden/make_trajectories.py. */
#include "harness_trajectory.h"

#include "data/dataset.h"

#include <math.h>
#include <stdio.h>

enum { OPTIMISERS = 3, STEPS = 50, LARGEST = 512 };

static const char *const sets[] = {"relu_ce", "tanh_bce", "sigmoid_mse", "relu_mse_softmax"};
static const char *const optimisers[OPTIMISERS] = {"sgd", "momentum", "adam"};

_Static_assert(sizeof sets / sizeof *sets * OPTIMISERS == HARNESS_TRAJECTORIES, "all sets");

struct run {
    char name[64];
    clg_config *config;
    clg_dataset *data;
    clg_net *net;
    struct clg_dataset *golden; /* its values in order: (parameters,1) */
};

static const char *golden_path(const char *set, const char *file)
{
    char relative[256];
    snprintf(relative, sizeof relative, "tests/golden/trajectories/%s/%s", set, file);
    return harness_source(relative);
}

static void open_run(struct run *run, int index)
{
    const char *set = sets[index / OPTIMISERS], *opt = optimisers[index % OPTIMISERS];
    char file[64], spec[2048];
    int length;
    snprintf(run->name, sizeof run->name, "%s/%s", set, opt);
    ck_ok(clg_config_create(&run->config));
    snprintf(file, sizeof file, "%s.ini", opt);
    ck_ok(clg_config_read(run->config, golden_path(set, file)));
    length = snprintf(spec, sizeof spec, "%s,", golden_path(set, "X.npy"));
    snprintf(spec + length, sizeof spec - (size_t)length, "%s", golden_path(set, "Y.npy"));
    ck_ok(clg_dataset_load(&run->data, spec, CLG_PART_ALL, run->config));
    ck_ok(clg_net_create(&run->net, run->config, run->data));
    ck_ok(clg_net_init_from(run->net, golden_path(set, "start.safetensors")));
    snprintf(file, sizeof file, "%s.npy", opt);
    ck_ok(clg_load_npy(&run->golden, golden_path(set, file)));
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

/* The weight and bias of one layer. */
static void read_layer(const clg_net *net, int layer, int *weights, int *biases, double *weight,
                       double *bias)
{
    int inputs, outputs;
    ck_ok(clg_net_layer(net, layer, &inputs, &outputs, NULL));
    *weights = inputs * outputs;
    *biases = outputs;
    ck_assert_int_le(*weights, LARGEST);
    ck_ok(clg_net_get_weights(net, layer, weight, bias));
}

void harness_trajectory(clg_device *device, int index, double of_size, double of_way)
{
    struct run run = {0};
    double start[8][2][LARGEST], weight[LARGEST], bias[LARGEST], bound[2] = {of_size, of_way};
    clg_train_result result;
    int weights, biases;
    size_t at = 0;
    open_run(&run, index);
    int layers = clg_net_layers(run.net);
    ck_assert_int_le(layers, 8);
    for (int l = 0; l < layers; l++)
        read_layer(run.net, l, &weights, &biases, start[l][0], start[l][1]);
    ck_ok(clg_train(&result, run.net, device, run.data, NULL, NULL, NULL));
    ck_assert_uint_eq(result.steps, STEPS);
    for (int l = 0; l < layers; l++) {
        const double *want = (const double *)run.golden->x + at;
        read_layer(run.net, l, &weights, &biases, weight, bias);
        at += (size_t)(weights + biases);
        ck_assert_uint_le(at, run.golden->rows);
        check_tensor(run.name, "weight", l, weight, want, start[l][0], weights, bound);
        check_tensor(run.name, "bias", l, bias, want + weights, start[l][1], biases, bound);
    }
    ck_assert_uint_eq(at, run.golden->rows);
    close_run(&run);
}
