/* FANN (Debian libfann-dev): minibatches through zero-copy fann_train_data windows.  FANN has no
 * softmax or cross-entropy, and no threads in Debian's build: hidden and output units are sigmoid,
 * the loss is squared error.  --act tanh uses FANN_SIGMOID_SYMMETRIC in hidden layers; relu falls
 * back to sigmoid.  --variant incremental: an update after every example.
 *
 *     gcc -O2 fann_bench.c -o fann_bench -lfloatfann -lz -lm */
#define _POSIX_C_SOURCE 200809L
#include "benchdata.h"

#include <floatfann.h>

/* FANN 2.2 seeds its own generator from the clock; the weights are set here so that a run repeats.
 * Their order in memory: for each neuron of each layer its weights, then its bias. */
static void draw_weights(struct fann *net, const bd_args *a)
{
    fann_type *weight = net->weights;
    for (int l = 1; l < a->nlayers; l++) {
        int inputs = a->layers[l - 1];
        float range = sqrtf(3.0f / (float)inputs);
        for (int j = 0; j < a->layers[l]; j++) {
            for (int i = 0; i < inputs; i++)
                *weight++ = (2 * bd_uni() - 1) * range;
            *weight++ = 0;
        }
    }
}

static struct fann *make_net(const bd_args *a)
{
    unsigned layers[BD_LAYERS];
    for (int i = 0; i < a->nlayers; i++)
        layers[i] = (unsigned)a->layers[i];
    struct fann *net = fann_create_standard_array((unsigned)a->nlayers, layers);
    if (!net)
        bd_die("fann_create_standard_array failed", "");
    fann_set_activation_function_hidden(net, strcmp(a->act, "tanh") == 0 ? FANN_SIGMOID_SYMMETRIC
                                                                         : FANN_SIGMOID);
    fann_set_activation_function_output(net, FANN_SIGMOID);
    for (int i = 1; i < a->nlayers; i++)
        fann_set_activation_steepness_layer(net, 0.5f, i);
    fann_set_train_error_function(net, FANN_ERRORFUNC_LINEAR);
    fann_set_training_algorithm(net, strcmp(a->variant, "incremental") == 0 ? FANN_TRAIN_INCREMENTAL
                                                                            : FANN_TRAIN_BATCH);
    fann_set_learning_rate(net, a->lr);
    draw_weights(net, a);
    return net;
}

/* Trains; returns the number of steps and fills epoch_s (epochs). */
static long train(double *epoch_s, struct fann *net, const bd_args *a, const bd_set *data)
{
    int n = data->n, outputs = a->layers[a->nlayers - 1];
    int *order = (int *)bd_alloc((size_t)n, sizeof(int));
    float *target = (float *)bd_alloc((size_t)n * (size_t)outputs, sizeof(float));
    fann_type **in = (fann_type **)bd_alloc((size_t)n, sizeof(void *));
    fann_type **out = (fann_type **)bd_alloc((size_t)n, sizeof(void *));
    struct fann_train_data *one = fann_create_train(1, (unsigned)data->d, (unsigned)outputs);
    struct fann_train_data window = *one;
    long steps = 0;
    for (int i = 0; i < n; i++) {
        order[i] = i;
        if (outputs > 1)
            target[(size_t)i * (size_t)outputs + (size_t)data->y[i]] = 1;
        else
            target[i] = (float)data->y[i];
    }
    for (int e = 0; e < a->epochs; e++) {
        double start = bd_now();
        bd_shuffle(order, n);
        for (int i = 0; i < n; i++) {
            in[i] = data->x + (size_t)order[i] * (size_t)data->d;
            out[i] = target + (size_t)order[i] * (size_t)outputs;
        }
        for (int s = 0; s < n; s += a->batch) {
            window.num_data = (unsigned)(n - s < a->batch ? n - s : a->batch);
            window.input = in + s;
            window.output = out + s;
            fann_train_epoch(net, &window);
            steps++;
        }
        epoch_s[e] = bd_now() - start;
    }
    fann_destroy_train(one);
    free(order);
    free(target);
    free(in);
    free(out);
    return steps;
}

static double accuracy(struct fann *net, const bd_args *a, const bd_set *data)
{
    int outputs = a->layers[a->nlayers - 1], right = 0;
    for (int i = 0; i < data->n; i++) {
        fann_type *y = fann_run(net, data->x + (size_t)i * (size_t)data->d);
        int best = outputs == 1 && y[0] > 0.5f;
        for (int j = 1; j < outputs; j++)
            if (y[j] > y[best])
                best = j;
        right += best == data->y[i];
    }
    return (double)right / data->n;
}

int main(int argc, char **argv)
{
    bd_args a = bd_parse(argc, argv);
    bd_set training, test;
    bd_seed(a.seed);
    double start = bd_now();
    bd_load(&a, &training, &test);
    double loaded = bd_now();
    struct fann *net = make_net(&a);
    double *epoch_s = (double *)bd_alloc((size_t)a.epochs, sizeof(double)), made = bd_now();
    long steps = train(epoch_s, net, &a, &training);
    bd_report("fann", &a, epoch_s, steps, accuracy(net, &a, &test), loaded - start, made - loaded,
              "sigmoid units and squared error, 1 thread");
    fann_destroy(net);
    free(epoch_s);
    return 0;
}
