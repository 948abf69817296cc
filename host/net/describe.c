/* From options and the shape of the data to the shape of a network: its layers and outputs, the
 * resolved options, the text form.  The words are read in layers.c and learning.c; weights are
 * neither drawn nor read here. */
#include "net/describe.h"
#include "core/memory.h"
#include "core/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the targets are: classes, values, or with --target input the features themselves, whatever
 * targets the data has besides. */
static clg_status resolve_target(struct clg_net *net, int classes, size_t outputs)
{
    const char *target = classes > 0 ? "class" : "value";
    net->target_input = clg_config_is(net->config, "target", "input");
    net->target = classes > 0 && !net->target_input ? CLG_TARGET_CLASS : CLG_TARGET_VALUE;
    if (net->target_input)
        return CLG_OK;
    if (classes <= 0 && outputs == 0)
        return clg_fail(CLG_EUSAGE, "the data has no targets: give them as X,Y");
    if (clg_config_is_set(net->config, "target") && !clg_config_is(net->config, "target", target))
        return clg_fail(CLG_EUSAGE, "--target %s: the data has %s targets",
                        clg_config_get(net->config, "target"), target);
    if (classes == 1)
        return clg_fail(CLG_EUSAGE, "the targets hold 1 class only: at least 2 are needed, "
                                    "or --target value");
    net->classes = classes > 0 ? classes : 0;
    return clg_config_set(net->config, "target", target);
}

/* The output layer: its size by targets and loss, its activation by the loss. */
static clg_status resolve_output(struct clg_net *net, size_t features, int classes, size_t outputs)
{
    struct clg_layer *last = &net->layer[net->layers++];
    CLG_TRY(resolve_target(net, classes, outputs));
    CLG_TRY(clg_net_parse_loss(net));
    int one_for_two = (net->loss == CLG_BCE || net->loss == CLG_PERCEPTRON) &&
                      !clg_config_switch(net->config, "one-vs-rest");
    if (net->classes > 0)
        outputs = one_for_two && net->classes == 2 ? 1 : (size_t)net->classes;
    else if (net->target_input)
        outputs = features;
    if (outputs > CLG_LARGEST_LAYER)
        return clg_fail(CLG_EUSAGE, "the data has %zu outputs, a layer at most %d", outputs,
                        CLG_LARGEST_LAYER);
    last->out = (int)outputs;
    last->rows = last->out * last->act.pieces;
    return CLG_OK;
}

/* Inputs of every layer and the number of parameters, which an int must hold. */
static clg_status count_parameters(struct clg_net *net, size_t features)
{
    size_t biases = 0;
    if (features < 1 || features > CLG_MOST_ROWS)
        return clg_fail(CLG_EUSAGE, "the data has %zu features, a network takes 1 to %d", features,
                        CLG_MOST_ROWS);
    for (int i = 0; i < net->layers; i++) {
        struct clg_layer *layer = &net->layer[i];
        size_t product;
        layer->in = i ? net->layer[i - 1].out : (int)features;
        biases += (size_t)layer->rows;
        if (!clg_size_mul(&product, (size_t)layer->in, (size_t)layer->rows) ||
            !clg_fits_int(product) || !clg_fits_int(net->weights + product + biases))
            return clg_fail(CLG_EUSAGE,
                            "--layers %.200s: with %zu inputs that is more than %d parameters by "
                            "layer %d: make the layers smaller",
                            clg_config_get(net->config, "layers"), features, INT_MAX, i);
        net->weights += product;
    }
    net->count = net->weights + biases;
    return CLG_OK;
}

/* "784,64:maxout:3,10:softmax" */
static clg_status make_text(struct clg_net *net)
{
    size_t size = 16 + (size_t)net->layers * (16 + sizeof net->layer[0].act_text);
    CLG_TRY(clg_alloc(&net->text, size, 1, "a network's text"));
    size_t used = (size_t)snprintf(net->text, size, "%d", net->layer[0].in);
    for (int i = 0; i < net->layers; i++) {
        struct clg_layer *layer = &net->layer[i];
        clg_activation_text(layer->act_text, sizeof layer->act_text, &layer->act);
        used +=
            (size_t)snprintf(net->text + used, size - used, ",%d:%s", layer->out, layer->act_text);
    }
    return CLG_OK;
}

clg_status clg_net_describe(struct clg_net **out, const clg_config *config, size_t features,
                            int classes, size_t outputs)
{
    struct clg_net *net = NULL;
    clg_status status;
    *out = NULL;
    CLG_TRY(clg_alloc(&net, 1, sizeof *net, "a network"));
    CLG_TRY_DONE(clg_config_copy(&net->config, config));
    CLG_TRY_DONE(clg_net_parse_layers(net));
    CLG_TRY_DONE(resolve_output(net, features, classes, outputs));
    CLG_TRY_DONE(clg_net_parse_learning(net));
    CLG_TRY_DONE(count_parameters(net, features));
    CLG_TRY_DONE(make_text(net));
    net->seed = (uint64_t)clg_config_integer(net->config, "seed");
    *out = net;
    net = NULL;
done:
    clg_net_destroy(net);
    return status;
}

/* Names that a model file can keep.  Checked before training, not when it is saved after it. */
static clg_status take_class_names(struct clg_net *net, const clg_dataset *data)
{
    if (net->classes == 0)
        return CLG_OK;
    CLG_TRY(
        clg_alloc(&net->class_name, (size_t)net->classes, sizeof *net->class_name, "class names"));
    for (int i = 0; i < net->classes; i++) {
        char number[16];
        const char *name = clg_dataset_class_name(data, i);
        snprintf(number, sizeof number, "%d", i);
        if (name && !clg_is_utf8(name))
            return clg_fail(CLG_EDATA, "the name of class %d is not UTF-8: convert the file", i);
        CLG_TRY(clg_text_copy(&net->class_name[i], name ? name : number));
    }
    return CLG_OK;
}

clg_status clg_net_create(clg_net **out, const clg_config *config, const clg_dataset *data)
{
    struct clg_net *net = NULL;
    clg_config *defaults = NULL;
    clg_status status;
    clg_dataset_info info = clg_dataset_describe(data);
    *out = NULL;
    if (!config) {
        CLG_TRY_DONE(clg_config_create(&defaults));
        config = defaults;
    }
    CLG_TRY_DONE(clg_net_describe(&net, config, info.features, info.classes, info.outputs));
    CLG_TRY_DONE(take_class_names(net, data));
    net->height = info.height;
    net->width = info.width;
    CLG_TRY_DONE(clg_normalise_fit(&net->normalise, clg_config_get(config, "normalize"), data));
    CLG_TRY_DONE(clg_config_set(net->config, "normalize", net->normalise.kind));
    CLG_TRY_DONE(clg_net_allocate(net));
    CLG_TRY_DONE(clg_net_draw(net));
    *out = net;
    net = NULL;
done:
    clg_net_destroy(net);
    clg_config_destroy(defaults);
    return status;
}
