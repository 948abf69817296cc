/* The parameters of a network in one slab, the optimiser's moments laid out alike, and what the
 * public interface reads and writes of them. */
#include "core/memory.h"
#include "net/net.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

clg_status clg_net_allocate(struct clg_net *net)
{
    CLG_TRY(clg_alloc(&net->params, net->count, sizeof *net->params, "the network's parameters"));
    double *weight = net->params, *bias = net->params + net->weights;
    for (int i = 0; i < net->layers; i++) {
        struct clg_layer *layer = &net->layer[i];
        layer->W = weight;
        layer->b = bias;
        weight += (size_t)layer->in * (size_t)layer->rows;
        bias += layer->rows;
    }
    return CLG_OK;
}

clg_status clg_net_allocate_slots(struct clg_net *net)
{
    for (int i = 0; i < clg_opt_slots(net->opt); i++)
        if (!net->slot[i])
            CLG_TRY(clg_alloc(&net->slot[i], net->count, sizeof *net->slot[i],
                              "the optimiser's moments"));
    return CLG_OK;
}

void clg_net_destroy(clg_net *net)
{
    if (!net)
        return;
    if (net->class_name)
        for (int i = 0; i < net->classes; i++)
            free(net->class_name[i]);
    free(net->class_name);
    clg_config_destroy(net->config);
    clg_normalise_clear(&net->normalise);
    free(net->class_weights);
    free(net->text);
    free(net->notes);
    free(net->params);
    free(net->slot[0]);
    free(net->slot[1]);
    free(net);
}

static clg_status copy_class_names(struct clg_net *net, const struct clg_net *from)
{
    if (!from->class_name)
        return CLG_OK;
    CLG_TRY(
        clg_alloc(&net->class_name, (size_t)net->classes, sizeof *net->class_name, "class names"));
    for (int i = 0; i < net->classes; i++)
        CLG_TRY(clg_text_copy(&net->class_name[i], from->class_name[i]));
    return CLG_OK;
}

static clg_status copy_class_weights(struct clg_net *net, const struct clg_net *from)
{
    size_t classes = (size_t)from->classes;
    if (!from->class_weights)
        return CLG_OK;
    CLG_TRY(clg_alloc(&net->class_weights, classes, sizeof *net->class_weights, "class weights"));
    memcpy(net->class_weights, from->class_weights, classes * sizeof *net->class_weights);
    return CLG_OK;
}

static clg_status copy_slabs(struct clg_net *net, const struct clg_net *from)
{
    size_t bytes = from->count * sizeof *from->params;
    if (from->params) {
        CLG_TRY(clg_net_allocate(net));
        memcpy(net->params, from->params, bytes);
    }
    for (int i = 0; i < 2; i++) {
        if (!from->slot[i])
            continue;
        CLG_TRY(
            clg_alloc(&net->slot[i], net->count, sizeof *net->slot[i], "the optimiser's moments"));
        memcpy(net->slot[i], from->slot[i], bytes);
    }
    return CLG_OK;
}

clg_status clg_net_copy(struct clg_net **out, const struct clg_net *from)
{
    struct clg_net *net = NULL;
    clg_status status;
    *out = NULL;
    CLG_TRY(clg_alloc(&net, 1, sizeof *net, "a network"));
    *net = *from;
    net->class_name = NULL; /* everything owned is made anew */
    net->config = NULL;
    net->normalise = (struct clg_normalise){.features = 0};
    net->class_weights = NULL;
    net->text = net->notes = NULL;
    net->state = NULL;
    net->params = net->slot[0] = net->slot[1] = NULL;
    CLG_TRY_DONE(copy_class_names(net, from));
    CLG_TRY_DONE(copy_class_weights(net, from));
    CLG_TRY_DONE(clg_config_copy(&net->config, from->config));
    CLG_TRY_DONE(clg_normalise_copy(&net->normalise, &from->normalise));
    CLG_TRY_DONE(clg_text_copy(&net->text, from->text));
    if (from->notes)
        CLG_TRY_DONE(clg_text_copy(&net->notes, from->notes));
    CLG_TRY_DONE(copy_slabs(net, from));
    *out = net;
    net = NULL;
done:
    clg_net_destroy(net);
    return status;
}

double *clg_net_tensor(struct clg_net *net, const char *name, int *rows, int *columns)
{
    char known[48];
    for (int i = 0; i < net->layers; i++) {
        struct clg_layer *layer = &net->layer[i];
        *rows = layer->rows;
        snprintf(known, sizeof known, "layers.%d.weight", i);
        *columns = layer->in;
        if (strcmp(name, known) == 0)
            return layer->W;
        snprintf(known, sizeof known, "layers.%d.bias", i);
        *columns = 0;
        if (strcmp(name, known) == 0)
            return layer->b;
    }
    *rows = 0;
    return NULL;
}

clg_status clg_net_normalise_for(struct clg_normalise *out, const struct clg_net *net,
                                 const struct clg_dataset *data)
{
    if (strcmp(net->normalise.kind, "auto") != 0)
        return clg_normalise_copy(out, &net->normalise);
    return clg_normalise_fit(out, data->storage == CLG_BYTES ? "unit" : "none", data);
}

int clg_net_inputs(const struct clg_net *net)
{
    return net->layer[0].in;
}

int clg_net_outputs(const struct clg_net *net)
{
    return net->layer[net->layers - 1].out;
}

int clg_net_layers(const clg_net *net)
{
    return net->layers;
}

static clg_status check_layer(const clg_net *net, int layer, const char *call)
{
    if (layer >= 0 && layer < net->layers)
        return CLG_OK;
    return clg_fail(CLG_EUSAGE, "%s: there is no layer %d; the network has 0 to %d", call, layer,
                    net->layers - 1);
}

clg_status clg_net_layer(const clg_net *net, int layer, int *inputs, int *outputs,
                         const char **activation)
{
    CLG_TRY(check_layer(net, layer, "clg_net_layer"));
    if (inputs)
        *inputs = net->layer[layer].in;
    if (outputs)
        *outputs = net->layer[layer].out;
    if (activation)
        *activation = net->layer[layer].act_text;
    return CLG_OK;
}

const char *clg_net_text(const clg_net *net)
{
    return net->text;
}

const char *clg_net_notes(const clg_net *net)
{
    return net->notes ? net->notes : "";
}

const clg_config *clg_net_config(const clg_net *net)
{
    return net->config;
}

const char *clg_net_class_name(const clg_net *net, int index)
{
    return net->class_name && index >= 0 && index < net->classes ? net->class_name[index] : NULL;
}

clg_status clg_net_get_weights(const clg_net *net, int layer, double *weight, double *bias)
{
    CLG_TRY(check_layer(net, layer, "clg_net_get_weights"));
    const struct clg_layer *from = &net->layer[layer];
    if (weight)
        memcpy(weight, from->W, (size_t)from->in * (size_t)from->rows * sizeof *weight);
    if (bias)
        memcpy(bias, from->b, (size_t)from->rows * sizeof *bias);
    return CLG_OK;
}

/* Refuses what a device's float cannot hold. */
static clg_status check_values(const double *values, size_t count, int layer, const char *what)
{
    for (size_t i = 0; values && i < count; i++)
        if (!(fabs(values[i]) <= FLT_MAX))
            return clg_fail(CLG_EUSAGE,
                            "clg_net_set_weights: layer %d: %s %zu is %g, not a finite float",
                            layer, what, i, values[i]);
    return CLG_OK;
}

clg_status clg_net_set_weights(clg_net *net, int layer, const double *weight, const double *bias)
{
    CLG_TRY(check_layer(net, layer, "clg_net_set_weights"));
    struct clg_layer *to = &net->layer[layer];
    size_t weights = (size_t)to->in * (size_t)to->rows, biases = (size_t)to->rows;
    CLG_TRY(check_values(weight, weights, layer, "weight"));
    CLG_TRY(check_values(bias, biases, layer, "bias"));
    if (weight)
        memcpy(to->W, weight, weights * sizeof *weight);
    if (bias)
        memcpy(to->b, bias, biases * sizeof *bias);
    return CLG_OK;
}
