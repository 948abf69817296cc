/* What the C examples of the lectures share; see lecture.h.  Layers of at most SIDE units. */
#include "lecture.h"

#include <stdio.h>
#include <string.h>

enum { SIDE = 16 };

clg_status lecture_begin(struct lecture *l, clg_device *device, const char *const *options,
                         const float *x, const float *t, int rows, int inputs, int outputs)
{
    clg_dataset *data = NULL;
    clg_status status;
    memset(l, 0, sizeof *l);
    l->inputs = inputs;
    l->outputs = outputs;
    TRY_DONE(clg_config_create(&l->config));
    for (; *options; options += 2)
        TRY_DONE(clg_config_set(l->config, options[0], options[1]));
    TRY_DONE(clg_dataset_from_arrays(&data, x, (size_t)rows, (size_t)inputs, NULL, 0, t,
                                     (size_t)outputs));
    TRY_DONE(clg_net_create(&l->net, l->config, data));
    TRY_DONE(clg_engine_create(&l->engine, device, l->net, rows, 1));
done:
    clg_dataset_destroy(data);
    return status;
}

void lecture_end(struct lecture *l)
{
    clg_engine_destroy(l->engine);
    clg_net_destroy(l->net);
    clg_config_destroy(l->config);
    memset(l, 0, sizeof *l);
}

clg_status lecture_set(struct lecture *l, int layer, const double *weight, const double *bias)
{
    TRY(clg_net_set_weights(l->net, layer, weight, bias));
    return clg_engine_push(l->engine);
}

clg_status lecture_gradient(struct lecture *l, double *loss, const float *x, const float *t,
                            int rows)
{
    float y[SIDE * SIDE];
    double unused;
    TRY(clg_engine_forward(l->engine, y, x, rows));
    return clg_engine_backward(l->engine, loss ? loss : &unused, NULL, t, rows);
}

/* The derivative of the output layer's activation, from its output y. */
static double slope(const char *activation, double y)
{
    if (strcmp(activation, "sigmoid") == 0)
        return y * (1 - y);
    return strcmp(activation, "tanh") == 0 ? 1 - y * y : 1;
}

/* A prediction comes back in single precision, a gradient in the precision it was computed in.  So
 * the digits that were lost are asked for as a gradient: with the rounded output r as the target,
 * the output layer's delta is (y - r) f'(y). */
clg_status lecture_outputs(struct lecture *l, double *y, const float *x, int rows)
{
    const int last = clg_net_layers(l->net) - 1;
    const char *activation;
    float rounded[SIDE];
    double delta[SIDE], loss;
    TRY(clg_net_layer(l->net, last, NULL, NULL, &activation));
    for (int i = 0; i < rows; i++, x += l->inputs, y += l->outputs) {
        TRY(clg_engine_forward(l->engine, rounded, x, 1));
        TRY(clg_engine_backward(l->engine, &loss, NULL, rounded, 1));
        TRY(lecture_delta(l, last, delta));
        for (int j = 0; j < l->outputs; j++)
            y[j] = (double)rounded[j] + delta[j] / slope(activation, (double)rounded[j]);
    }
    return CLG_OK;
}

/* The bias's input is 1. */
clg_status lecture_delta(struct lecture *l, int layer, double *delta)
{
    return clg_engine_gradient(l->engine, layer, NULL, delta);
}

/* dW = delta (outer product) input. */
clg_status lecture_input(struct lecture *l, int layer, double *input)
{
    double delta[SIDE], weight[SIDE * SIDE];
    int inputs;
    TRY(clg_net_layer(l->net, layer, &inputs, NULL, NULL));
    TRY(clg_engine_gradient(l->engine, layer, weight, delta));
    for (int k = 0; k < inputs; k++)
        input[k] = weight[k] / delta[0];
    return CLG_OK;
}

void lecture_print(const char *label, const double *values, int count)
{
    printf("%s:", label);
    for (int i = 0; i < count; i++)
        printf(" %.10f", values[i]);
    putchar('\n');
}

int lecture_main(int argc, char **argv, clg_status (*run)(clg_device *device))
{
    clg_device *device = NULL;
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--device") != 0)) {
        fprintf(stderr, "usage: %s [--device auto|gpu|cpu|accelerator|NAME|P:D|ref]\n", argv[0]);
        return 2;
    }
    clg_status status = clg_device_open(&device, argc == 3 ? argv[2] : "auto", NULL);
    if (status == CLG_OK)
        status = run(device);
    if (status != CLG_OK)
        fprintf(stderr, "error: %s\n", clg_last_error());
    clg_device_close(device);
    return status == CLG_OK ? 0 : status == CLG_ENODEVICE ? 5 : 1;
}
