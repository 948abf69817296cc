/* Small data and networks for the tests of training. */
#include "harness_train.h"

#include "core/rng.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

clg_dataset *harness_blobs(size_t rows, size_t features, int classes, uint64_t seed)
{
    clg_dataset *data = NULL;
    float *x = calloc(rows * features, sizeof *x);
    int32_t *labels = calloc(rows, sizeof *labels);
    for (size_t i = 0; i < rows; i++) {
        labels[i] = (int32_t)(i % (size_t)classes);
        for (size_t f = 0; f < features; f++) {
            double centre = clg_uniform(seed, CLG_STREAM_TEST, 1,
                                        (uint64_t)labels[i] * features + f);
            double noise = clg_normal(seed, CLG_STREAM_TEST, 2, i * features + f);
            x[i * features + f] = (float)(centre + 0.2 * noise);
        }
    }
    ck_ok(clg_dataset_from_arrays(&data, x, rows, features, labels, classes, NULL, 0));
    free(x);
    free(labels);
    return data;
}

clg_config *harness_config(const char *key, ...)
{
    clg_config *config = NULL;
    va_list pairs;
    ck_ok(clg_config_create(&config));
    va_start(pairs, key);
    for (; key; key = va_arg(pairs, const char *))
        ck_ok(clg_config_set(config, key, va_arg(pairs, const char *)));
    va_end(pairs);
    return config;
}

double *harness_parameters(const clg_net *net, size_t *count)
{
    double *all = NULL;
    *count = 0;
    for (int l = 0; l < clg_net_layers(net); l++) {
        int in, out, pieces = 1;
        const char *act;
        ck_ok(clg_net_layer(net, l, &in, &out, &act));
        if (strncmp(act, "maxout:", 7) == 0)
            pieces = atoi(act + 7);
        out *= pieces;
        size_t weights = (size_t)in * (size_t)out;
        all = realloc(all, (*count + weights + (size_t)out) * sizeof *all);
        ck_ok(clg_net_get_weights(net, l, all + *count, all + *count + weights));
        *count += weights + (size_t)out;
    }
    return all;
}
