/* Starting weights: He, Xavier, normal, uniform or zero, from the network's seed alone, rounded to
 * float so that the reference and every device start from the same numbers.  Biases start at 0. */
#include "core/rng.h"
#include "core/text.h"
#include "net/net.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* One layer's distribution. */
struct law {
    int normal;   /* else uniform in -width..width */
    double width; /* standard deviation of the normal */
};

/* He, Zhang, Ren, Sun 2015, with their slope for leaky_relu.  Each piece of a maxout unit is a map
 * of all inputs of its own, so its fan-in is the layer's. */
static struct law he_law(const struct clg_layer *layer)
{
    double a = layer->act.kind == CLG_LEAKY_RELU ? layer->act.a : 0;
    return (struct law){1, sqrt(2.0 / ((1 + a * a) * layer->in))};
}

static struct law xavier_law(const struct clg_layer *layer)
{
    return (struct law){0, sqrt(6.0 / ((double)layer->in + layer->out))};
}

/* Activations that pass about half of their input on. */
static int is_relu_like(enum clg_act kind)
{
    switch (kind) {
    case CLG_RELU:
    case CLG_LEAKY_RELU:
    case CLG_MAXOUT:
    case CLG_ELU:
    case CLG_GELU:
    case CLG_SILU:
    case CLG_SOFTPLUS:
        return 1;
    default:
        return 0;
    }
}

/* The law of a layer under --init; `output` marks the output layer, whose activation does not
 * count for auto. */
static struct law layer_law(const char *init, const struct clg_layer *layer, int output)
{
    const char *number = strchr(init, ':');
    if (strcmp(init, "zero") == 0)
        return (struct law){0, 0};
    if (number) {
        struct law law = {init[0] == 'n', 0};
        clg_read_number(&law.width, number + 1); /* clg_net_draw has checked it */
        return law;
    }
    if (strcmp(init, "he") == 0)
        return he_law(layer);
    if (strcmp(init, "xavier") == 0 || output || !is_relu_like(layer->act.kind))
        return xavier_law(layer);
    return he_law(layer);
}

clg_status clg_net_draw(struct clg_net *net)
{
    const char *init = clg_config_get(net->config, "init");
    const char *number = strchr(init, ':');
    double width = 0;
    /* 10 standard deviations are more than 32 random bits can draw */
    if (number && !(clg_read_number(&width, number + 1) && width >= 0 && width <= FLT_MAX / 10))
        return clg_fail(CLG_EUSAGE, "--init %s: its number must be from 0 to 1e37", init);
    memset(net->params, 0, net->count * sizeof *net->params);
    for (int i = 0; i < net->layers; i++) {
        struct clg_layer *layer = &net->layer[i];
        struct law law = layer_law(init, layer, i == net->layers - 1);
        size_t count = (size_t)layer->in * (size_t)layer->rows;
        uint32_t subsequence = 2 * (uint32_t)i;
        if (law.width == 0)
            continue;
        for (size_t k = 0; k < count; k++) {
            double draw = law.normal
                              ? clg_normal(net->seed, CLG_STREAM_INIT, subsequence, k)
                              : 2 * clg_uniform(net->seed, CLG_STREAM_INIT, subsequence, k) - 1;
            layer->W[k] = (double)(float)(law.width * draw);
        }
    }
    return CLG_OK;
}
