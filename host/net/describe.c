/* From options and the shape of the data to the shape of a network: layers, activations, loss and
 * optimiser, the resolved options, the text form.  Draws and reads no weights. */
#include "core/memory.h"
#include "net/net.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_LAYER (1 << 24)
#define WORD 64

/* The index of word among names, -1 where it is none of them. */
static int index_of(const char *word, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(word, names[i]) == 0)
            return i;
    return -1;
}

/* A hidden layer's activation by name. */
static clg_status parse_act(enum clg_act *out, const char *layers, const char *name)
{
    int act = index_of(name, clg_act_names, CLG_ACTS);
    if (act == CLG_SOFTMAX)
        return clg_fail(
            CLG_EUSAGE,
            "--layers %.200s: softmax is for the output layer: use --output-act softmax", layers);
    if (act < 0) {
        const char *near = clg_nearest(name, clg_act_names, CLG_ACTS, sizeof *clg_act_names);
        return near ? clg_fail(CLG_EUSAGE,
                               "--layers %.200s: unknown activation %s: did you mean %s?", layers,
                               name, near)
                    : clg_fail(CLG_EUSAGE,
                               "--layers %.200s: unknown activation %s: use identity, sigmoid, "
                               "tanh or relu",
                               layers, name);
    }
    *out = (enum clg_act)act;
    return CLG_OK;
}

/* One "N" or "N:ACT", which is cut up. */
static clg_status parse_layer(struct clg_layer *out, const char *layers, char *word,
                              enum clg_act act)
{
    char *colon = strchr(word, ':');
    size_t size = 0;
    if (colon)
        *colon = '\0';
    for (const char *c = word; *c >= '0' && *c <= '9' && size <= LARGEST_LAYER; c++)
        size = 10 * size + (size_t)(*c - '0');
    if (strspn(word, "0123456789") != strlen(word) || size < 1 || size > LARGEST_LAYER)
        return clg_fail(CLG_EUSAGE, "--layers %.200s: %s is not a layer size, 1 to %d", layers,
                        *word ? word : "\"\"", LARGEST_LAYER);
    if (colon)
        CLG_TRY(parse_act(&act, layers, colon + 1));
    out->out = (int)size;
    out->act = act;
    return CLG_OK;
}

/* The hidden layers of --layers: sizes and activations. */
static clg_status parse_layers(struct clg_net *net)
{
    const char *layers = clg_config_get(net->config, "layers");
    int act = index_of(clg_config_get(net->config, "act"), clg_act_names, CLG_ACTS);
    if (!*layers || strcmp(layers, "none") == 0)
        return CLG_OK;
    for (const char *at = layers; at; net->layers++) {
        char word[WORD];
        size_t length = strcspn(at, ",");
        if (net->layers == CLG_MAX_LAYERS - 1)
            return clg_fail(CLG_EUSAGE, "--layers %.200s...: more than %d hidden layers", layers,
                            CLG_MAX_LAYERS - 1);
        snprintf(word, sizeof word, "%.*s", (int)(length < WORD ? length : WORD - 1), at);
        CLG_TRY(parse_layer(&net->layer[net->layers], layers, word, (enum clg_act)act));
        at = at[length] ? at + length + 1 : NULL;
    }
    return CLG_OK;
}

/* Refuses a pair with all the pairs that there are. */
static clg_status no_such_pair(enum clg_loss loss, enum clg_act act)
{
    char text[512] = "";
    for (int l = 0; l < CLG_LOSSES; l++) {
        const char *between = " with ";
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", used ? "; " : "", clg_loss_names[l]);
        for (int a = 0; a < CLG_ACTS; a++) {
            if (!clg_pair_exists((enum clg_loss)l, (enum clg_act)a))
                continue;
            used = strlen(text);
            snprintf(text + used, sizeof text - used, "%s%s", between, clg_act_names[a]);
            between = ", ";
        }
    }
    return clg_fail(CLG_EUSAGE, "--loss %s with --output-act %s: no such pair; there are %s",
                    clg_loss_names[loss], clg_act_names[act], text);
}

/* Loss and output activation, given or by the targets. */
static clg_status resolve_loss(struct clg_net *net)
{
    static const enum clg_act natural[CLG_LOSSES] = {
        [CLG_CE] = CLG_SOFTMAX, [CLG_BCE] = CLG_SIGMOID, [CLG_MSE] = CLG_IDENTITY};
    int loss = index_of(clg_config_get(net->config, "loss"), clg_loss_names, CLG_LOSSES);
    int act = index_of(clg_config_get(net->config, "output-act"), clg_act_names, CLG_ACTS);
    if (loss < 0)
        loss = net->target == CLG_TARGET_CLASS ? CLG_CE : CLG_MSE;
    if (act < 0)
        act = (int)natural[loss];
    net->loss = (enum clg_loss)loss;
    net->layer[net->layers - 1].act = (enum clg_act)act;
    if (net->loss == CLG_CE && net->target != CLG_TARGET_CLASS)
        return clg_fail(CLG_EUSAGE, "--loss ce: needs class targets and the data has values: "
                                    "use --target class, or --loss mse");
    if (!clg_pair_exists(net->loss, (enum clg_act)act))
        return no_such_pair(net->loss, (enum clg_act)act);
    CLG_TRY(clg_config_set(net->config, "loss", clg_loss_names[loss]));
    return clg_config_set(net->config, "output-act", clg_act_names[act]);
}

/* What the targets are, and so the output layer: its size and activation, and the loss. */
static clg_status resolve_output(struct clg_net *net, int classes, size_t outputs)
{
    const char *target = classes > 0 ? "class" : "value";
    struct clg_layer *last = &net->layer[net->layers++];
    if (classes <= 0 && outputs == 0)
        return clg_fail(CLG_EUSAGE, "the data has no targets: give them as X,Y");
    if (clg_config_is_set(net->config, "target") && !clg_config_is(net->config, "target", target))
        return clg_fail(CLG_EUSAGE, "--target %s: the data has %s targets",
                        clg_config_get(net->config, "target"), target);
    if (classes == 1)
        return clg_fail(CLG_EUSAGE, "the targets hold 1 class only: at least 2 are needed, "
                                    "or --target value");
    net->target = classes > 0 ? CLG_TARGET_CLASS : CLG_TARGET_VALUE;
    net->classes = classes > 0 ? classes : 0;
    CLG_TRY(resolve_loss(net));
    if (classes > 0)
        outputs = net->loss == CLG_BCE && classes == 2 ? 1 : (size_t)classes;
    if (outputs > LARGEST_LAYER)
        return clg_fail(CLG_EUSAGE, "the data has %zu outputs, a layer at most %d", outputs,
                        LARGEST_LAYER);
    last->out = (int)outputs;
    return clg_config_set(net->config, "target", target);
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
        biases += (size_t)layer->out;
        if (!clg_size_mul(&product, (size_t)layer->in, (size_t)layer->out) ||
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

/* "784,128:relu,10:softmax" */
static clg_status make_text(struct clg_net *net)
{
    size_t size = 16 + (size_t)net->layers * 32;
    CLG_TRY(clg_alloc(&net->text, size, 1, "a network's text"));
    size_t used = (size_t)snprintf(net->text, size, "%d", net->layer[0].in);
    for (int i = 0; i < net->layers; i++)
        used += (size_t)snprintf(net->text + used, size - used, ",%d:%s", net->layer[i].out,
                                 clg_act_names[net->layer[i].act]);
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
    CLG_TRY_DONE(parse_layers(net));
    CLG_TRY_DONE(resolve_output(net, classes, outputs));
    CLG_TRY_DONE(count_parameters(net, features));
    CLG_TRY_DONE(make_text(net));
    net->opt = (enum clg_opt)index_of(clg_config_get(net->config, "opt"), clg_opt_names, CLG_OPTS);
    net->sum_reduction = clg_config_is(net->config, "reduction", "sum");
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
        json_t *probe = json_string(name ? name : number);
        if (!probe)
            return clg_fail(CLG_EDATA, "the name of class %d is not UTF-8: convert the file", i);
        json_decref(probe);
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
