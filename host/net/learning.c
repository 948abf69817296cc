/* The options of a network's learning that its shape or its targets decide about: loss and output
 * activation, the optimiser's defaults, dropout, frozen layers, class weights.  What the training
 * loop alone uses (schedules, batches, stopping) is read there. */
#include "core/memory.h"
#include "core/text.h"
#include "net/describe.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- loss */

/* Refuses a pair with all the pairs that there are. */
static clg_status no_such_pair(enum clg_loss loss, const char *act)
{
    char text[1024] = "";
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
                    clg_loss_names[loss], act, text);
}

/* "huber:0.5" or a plain name, which config.c has checked; by the targets where it is empty. */
static clg_status parse_loss(struct clg_net *net, const char *text)
{
    const char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    net->huber_delta = 1;
    net->loss = net->target == CLG_TARGET_CLASS ? CLG_CE : CLG_MSE;
    for (int l = 0; l < CLG_LOSSES; l++)
        if (strlen(clg_loss_names[l]) == length && strncmp(text, clg_loss_names[l], length) == 0)
            net->loss = (enum clg_loss)l;
    if (!colon)
        return CLG_OK;
    if (!clg_read_number(&net->huber_delta, colon + 1) ||
        !(net->huber_delta > 0 && net->huber_delta <= 1e30))
        return clg_fail(CLG_EUSAGE, "--loss %s: huber's number must be above 0", text);
    return CLG_OK;
}

static clg_status parse_output_act(struct clg_net *net)
{
    static const enum clg_act natural[CLG_LOSSES] = {[CLG_CE] = CLG_SOFTMAX,
                                                     [CLG_BCE] = CLG_SIGMOID,
                                                     [CLG_MSE] = CLG_IDENTITY,
                                                     [CLG_HUBER] = CLG_IDENTITY,
                                                     [CLG_PERCEPTRON] = CLG_STEP};
    struct clg_layer *last = &net->layer[net->layers - 1];
    const char *text = clg_config_get(net->config, "output-act");
    char where[256], name[64];
    if (!*text)
        text = clg_act_names[natural[net->loss]];
    snprintf(where, sizeof where, "--output-act %.200s", text);
    CLG_TRY(clg_activation_parse(&last->act, where, text));
    clg_activation_text(name, sizeof name, &last->act);
    if (!clg_pair_exists(net->loss, last->act.kind))
        return no_such_pair(net->loss, name);
    return clg_config_set(net->config, "output-act", name);
}

/* What only some targets or losses have. */
static clg_status check_loss(const struct clg_net *net)
{
    int classes = net->target == CLG_TARGET_CLASS;
    if (net->loss == CLG_CE && net->target_input)
        return clg_fail(CLG_EUSAGE, "--loss ce: needs class targets: with --target input use "
                                    "--loss mse, bce or huber");
    if (net->loss == CLG_CE && !classes)
        return clg_fail(CLG_EUSAGE, "--loss ce: needs class targets and the data has values: "
                                    "use --target class, or --loss mse");
    if (clg_config_switch(net->config, "one-vs-rest") && !classes)
        return clg_fail(CLG_EUSAGE, "--one-vs-rest: needs class targets");
    if (clg_config_switch(net->config, "one-vs-rest") && net->loss == CLG_CE)
        return clg_fail(CLG_EUSAGE, "--one-vs-rest: under --loss ce the outputs share one softmax: "
                                    "use --loss bce, perceptron, mse or huber");
    if (net->label_smoothing > 0 && net->loss != CLG_CE)
        return clg_fail(CLG_EUSAGE, "--label-smoothing: goes with --loss ce, not with %s",
                        clg_loss_names[net->loss]);
    return CLG_OK;
}

clg_status clg_net_parse_loss(struct clg_net *net)
{
    const char *text = clg_config_get(net->config, "loss");
    CLG_TRY(parse_loss(net, text));
    net->label_smoothing = clg_config_number(net->config, "label-smoothing");
    CLG_TRY(check_loss(net));
    CLG_TRY(parse_output_act(net));
    return *text ? CLG_OK : clg_config_set(net->config, "loss", clg_loss_names[net->loss]);
}

/* ---- lists of numbers */

/* The next number of "A,B,...", after which *at is behind its comma, or NULL at the end; 0 where
 * there is none. */
static int next_number(double *out, const char **at)
{
    const char *end = !*at || isspace((unsigned char)**at) ? NULL : clg_read_number_at(out, *at);
    if (!end || !isfinite(*out) || (*end && *end != ','))
        return 0;
    *at = *end ? end + 1 : NULL;
    return 1;
}

static size_t count_words(const char *text)
{
    size_t count = 1;
    for (const char *c = text; *c; c++)
        count += *c == ',';
    return count;
}

/* ---- dropout */

static clg_status parse_dropout(struct clg_net *net)
{
    const char *text = clg_config_get(net->config, "dropout"), *at = text;
    size_t count = count_words(text), hidden = (size_t)net->layers - 1;
    double p = 0;
    net->dropout_input = clg_config_number(net->config, "dropout-input");
    for (size_t i = 0; i < count; i++) {
        if (!next_number(&p, &at) || p < 0 || p >= 1)
            return clg_fail(CLG_EUSAGE,
                            "--dropout %.200s: value %zu is not a number from 0 to "
                            "below 1",
                            text, i + 1);
        if (hidden == 0 && p > 0)
            return clg_fail(CLG_EUSAGE,
                            "--dropout %.200s: the network has no hidden layer: leave "
                            "it out, or use --dropout-input",
                            text);
        if (i < hidden)
            net->layer[i].dropout = p;
    }
    for (size_t i = 1; count == 1 && i < hidden; i++)
        net->layer[i].dropout = p;
    if (count > 1 && count != hidden)
        return clg_fail(CLG_EUSAGE,
                        "--dropout %.200s: %zu values for %zu hidden layers: give one "
                        "for all or one for each",
                        text, count, hidden);
    return CLG_OK;
}

/* ---- frozen layers */

static clg_status parse_freeze(struct clg_net *net)
{
    const char *text = clg_config_get(net->config, "freeze"), *at = *text ? text : NULL;
    int frozen = 0;
    while (at) {
        double number;
        size_t digits = strspn(at, "0123456789");
        int good = digits > 0 && (!at[digits] || at[digits] == ',') && next_number(&number, &at);
        if (!good || number >= net->layers)
            return clg_fail(CLG_EUSAGE,
                            "--freeze %.200s: layers are whole numbers from 0 to %d, "
                            "a comma between them",
                            text, net->layers - 1);
        net->layer[(int)number].frozen = 1;
    }
    for (int i = 0; i < net->layers; i++)
        frozen += net->layer[i].frozen;
    if (frozen == net->layers)
        return clg_fail(CLG_EUSAGE, "--freeze %.200s: holds all %d layers: leave one out to train",
                        text, net->layers);
    return CLG_OK;
}

/* ---- class weights */

static clg_status parse_class_weights(struct clg_net *net)
{
    const char *text = clg_config_get(net->config, "class-weights"), *at = text;
    size_t count = count_words(text), classes = (size_t)net->classes;
    if (!*text)
        return CLG_OK;
    if (classes == 0)
        return clg_fail(CLG_EUSAGE, "--class-weights %.200s: the targets are no classes", text);
    if (count != classes)
        return clg_fail(CLG_EUSAGE, "--class-weights %.200s: %zu weights for %zu classes", text,
                        count, classes);
    CLG_TRY(clg_alloc(&net->class_weights, classes, sizeof *net->class_weights, "class weights"));
    for (size_t i = 0; i < classes; i++)
        if (!next_number(&net->class_weights[i], &at) || net->class_weights[i] <= 0 ||
            net->class_weights[i] > 1e30)
            return clg_fail(CLG_EUSAGE,
                            "--class-weights %.200s: weight %zu is not a number above "
                            "0 (--classes leaves classes out)",
                            text, i);
    return CLG_OK;
}

/* ---- optimiser */

/* Defaults that the optimiser decides: a model file and config.ini hold the values used. */
static clg_status resolve_optimiser(struct clg_net *net)
{
    const char *name = clg_config_get(net->config, "opt");
    int opt = 0;
    while (opt < CLG_OPTS - 1 && strcmp(name, clg_opt_names[opt]) != 0)
        opt++;
    net->opt = (enum clg_opt)opt;
    int heavy = opt == CLG_MOMENTUM || opt == CLG_EMA_MOMENTUM || opt == CLG_NESTEROV;
    if (!clg_config_is_set(net->config, "momentum"))
        CLG_TRY(clg_config_set(net->config, "momentum", heavy ? "0.9" : "0"));
    if (!clg_config_is_set(net->config, "eps"))
        CLG_TRY(clg_config_set(net->config, "eps", opt == CLG_ADAGRAD ? "1e-10" : "1e-8"));
    return CLG_OK;
}

clg_status clg_net_parse_learning(struct clg_net *net)
{
    CLG_TRY(resolve_optimiser(net));
    CLG_TRY(parse_dropout(net));
    CLG_TRY(parse_freeze(net));
    net->sum_reduction = clg_config_is(net->config, "reduction", "sum");
    return parse_class_weights(net);
}
