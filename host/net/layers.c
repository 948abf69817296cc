/* The words for activations and hidden layers: "256:relu,64:maxout:3" to units, rows and
 * activations, and an activation back to its word.  Knows nothing of data or losses. */
#include "core/text.h"
#include "net/describe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD 64

enum { MOST_PIECES = 64 };

/* What may stand behind the colon of an activation, and its value where nothing does. */
static int takes_number(enum clg_act kind)
{
    return kind == CLG_LEAKY_RELU || kind == CLG_ELU || kind == CLG_MAXOUT;
}

static double default_number(enum clg_act kind)
{
    return kind == CLG_LEAKY_RELU ? 0.01 : kind == CLG_ELU ? 1 : 0;
}

static clg_status unknown_activation(const char *where, const char *name)
{
    char all[256] = "";
    const char *near = clg_nearest(name, clg_act_names, CLG_ACTS, sizeof *clg_act_names);
    if (near)
        return clg_fail(CLG_EUSAGE, "%s: unknown activation %s: did you mean %s?", where, name,
                        near);
    for (int i = 0; i < CLG_ACTS; i++) {
        size_t used = strlen(all);
        if (i != CLG_SOFTMAX)
            snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", clg_act_names[i]);
    }
    return clg_fail(CLG_EUSAGE, "%s: unknown activation %s: use one of %s", where, name, all);
}

/* The number behind the colon.  A negative slope or alpha would hide from y on which side z was. */
static clg_status parse_number(struct clg_activation *out, const char *where, const char *text)
{
    double number = 0;
    int is_number = clg_read_number(&number, text) && isfinite(number);
    if (out->kind == CLG_MAXOUT) {
        if (strspn(text, "0123456789") != strlen(text) || number < 2 || number > MOST_PIECES)
            return clg_fail(CLG_EUSAGE, "%s: maxout has 2 to %d pieces: maxout:K", where,
                            MOST_PIECES);
        out->pieces = (int)number;
        return CLG_OK;
    }
    if (!is_number || number < 0 || number > 1e30)
        return clg_fail(CLG_EUSAGE, "%s: %s is not a number from 0 for %s", where, text,
                        clg_act_names[out->kind]);
    out->a = number;
    return CLG_OK;
}

clg_status clg_activation_parse(struct clg_activation *out, const char *where, const char *text)
{
    char name[WORD];
    const char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    int kind = 0;
    snprintf(name, sizeof name, "%.*s", (int)(length < WORD ? length : WORD - 1), text);
    while (kind < CLG_ACTS && strcmp(name, clg_act_names[kind]) != 0)
        kind++;
    if (kind == CLG_ACTS)
        return unknown_activation(where, name);
    *out = (struct clg_activation){(enum clg_act)kind, default_number((enum clg_act)kind), 1};
    if (colon && !takes_number(out->kind))
        return clg_fail(CLG_EUSAGE, "%s: %s takes no number: leave %s out", where, name, colon);
    if (colon)
        return parse_number(out, where, colon + 1);
    return kind == CLG_MAXOUT
               ? clg_fail(CLG_EUSAGE, "%s: maxout needs its number of pieces: maxout:K, 2 to %d",
                          where, MOST_PIECES)
               : CLG_OK;
}

void clg_activation_text(char *text, size_t size, const struct clg_activation *act)
{
    char number[32];
    if (act->kind == CLG_MAXOUT) {
        snprintf(text, size, "%s:%d", clg_act_names[act->kind], act->pieces);
        return;
    }
    if (!takes_number(act->kind) || act->a == default_number(act->kind)) {
        snprintf(text, size, "%s", clg_act_names[act->kind]);
        return;
    }
    /* the fewest digits that give the same number again */
    for (int digits = 1; digits <= 17; digits++) {
        double again;
        snprintf(number, sizeof number, "%s", clg_print_number(act->a, digits).text);
        if (clg_read_number(&again, number) && again == act->a)
            break;
    }
    snprintf(text, size, "%s:%s", clg_act_names[act->kind], number);
}

/* One "N" or "N:ACT", which is cut up. */
static clg_status parse_layer(struct clg_layer *out, const char *where, char *word,
                              const struct clg_activation *act)
{
    char *colon = strchr(word, ':');
    size_t size = 0;
    if (colon)
        *colon = '\0';
    for (const char *c = word; *c >= '0' && *c <= '9' && size <= CLG_LARGEST_LAYER; c++)
        size = 10 * size + (size_t)(*c - '0');
    if (strspn(word, "0123456789") != strlen(word) || size < 1 || size > CLG_LARGEST_LAYER)
        return clg_fail(CLG_EUSAGE, "%s: %s is not a layer size, 1 to %d", where,
                        *word ? word : "\"\"", CLG_LARGEST_LAYER);
    out->act = *act;
    if (colon)
        CLG_TRY(clg_activation_parse(&out->act, where, colon + 1));
    if (out->act.kind == CLG_SOFTMAX)
        return clg_fail(CLG_EUSAGE, "%s: softmax is for the output layer: use --output-act softmax",
                        where);
    out->out = (int)size;
    out->rows = out->out * out->act.pieces;
    return CLG_OK;
}

clg_status clg_net_parse_layers(struct clg_net *net)
{
    const char *layers = clg_config_get(net->config, "layers");
    char where[256];
    struct clg_activation act;
    snprintf(where, sizeof where, "--act %.200s", clg_config_get(net->config, "act"));
    CLG_TRY(clg_activation_parse(&act, where, clg_config_get(net->config, "act")));
    if (!*layers || strcmp(layers, "none") == 0)
        return CLG_OK;
    snprintf(where, sizeof where, "--layers %.200s", layers);
    for (const char *at = layers; at; net->layers++) {
        char word[WORD];
        size_t length = strcspn(at, ",");
        if (net->layers == CLG_MAX_LAYERS - 1)
            return clg_fail(CLG_EUSAGE, "%s...: more than %d hidden layers", where,
                            CLG_MAX_LAYERS - 1);
        if (length >= WORD)
            return clg_fail(CLG_EUSAGE, "%s: %.*s... is not a layer: N or N:ACTIVATION", where,
                            WORD - 1, at);
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        CLG_TRY(parse_layer(&net->layer[net->layers], where, word, &act));
        at = at[length] ? at + length + 1 : NULL;
    }
    return CLG_OK;
}
