/* The same training several times, and on one compute unit of the device: all must end with the
 * same bits, because sums have a fixed order and nothing depends on which thread comes first. */
#include "verify/verify.h"

#include "core/memory.h"
#include "core/rng.h"
#include "net/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 2, STEPS = 10, ROWS = 300, FEATURES = 40, CLASSES = 5 };

struct repeat {
    const clg_net *net;
    const clg_dataset *data;
    clg_net *first; /* after its training */
    clg_repeat_result *out;
};

/* Names element i of params, which is weights layer by layer, then biases. */
static void name_element(char *text, size_t size, const clg_net *net, size_t i)
{
    for (int part = 0; part < 2; part++)
        for (int l = 0; l < net->layers; l++) {
            size_t rows = (size_t)net->layer[l].rows, in = (size_t)net->layer[l].in;
            size_t count = part ? rows : rows * in;
            if (i >= count) {
                i -= count;
                continue;
            }
            snprintf(text, size, "layers.%d.%s[%zu][%zu]", l, part ? "bias" : "weight",
                     part ? 0 : i / in, part ? i : i % in);
            return;
        }
}

/* Keeps the first difference between two arrays laid out as params. */
static int differs(struct repeat *repeat, const char *run, const char *slot, const double *want,
                   const double *got)
{
    const size_t count = repeat->net->count;
    char name[64];
    for (size_t i = 0; want && i < count; i++) {
        if (memcmp(&want[i], &got[i], sizeof *want) == 0)
            continue;
        name_element(name, sizeof name, repeat->net, i);
        if (!*repeat->out->first)
            snprintf(repeat->out->first, sizeof repeat->out->first,
                     "%s: %s%s is %.9g where the first run has %.9g", run, slot, name, got[i],
                     want[i]);
        return 1;
    }
    return 0;
}

/* Trains a copy on device and compares it with the first. */
static clg_status one_run(struct repeat *repeat, clg_device *device, const char *name)
{
    clg_net *copy = NULL;
    CLG_TRY(clg_net_copy(&copy, repeat->net));
    clg_status status = clg_train(NULL, copy, device, repeat->data, NULL, NULL, NULL);
    if (status == CLG_OK && repeat->first) {
        int apart = differs(repeat, name, "", repeat->first->params, copy->params);
        for (int s = 0; s < clg_opt_slots(copy->opt) && !apart; s++)
            apart = differs(repeat, name, "a moment of ", repeat->first->slot[s], copy->slot[s]);
        repeat->out->differing += apart;
    }
    if (status == CLG_OK && !repeat->first) {
        repeat->first = copy;
        return CLG_OK;
    }
    clg_net_destroy(copy);
    return status;
}

/* On one compute unit; where there is none to be had, says why. */
static clg_status one_unit(struct repeat *repeat, clg_device *device)
{
    clg_device *unit;
    clg_status status = clg_device_open_unit(&unit, device);
    if (status != CLG_OK) {
        snprintf(repeat->out->note, sizeof repeat->out->note, "%s", clg_last_error());
        return CLG_OK;
    }
    repeat->out->unit = 1;
    status = one_run(repeat, unit, "on one compute unit");
    clg_device_close(unit);
    return status;
}

static clg_status run_all(struct repeat *repeat, clg_device *device)
{
    char name[32];
    for (int run = 1; run <= repeat->out->runs; run++) {
        snprintf(name, sizeof name, "run %d", run);
        CLG_TRY(one_run(repeat, device, name));
    }
    CLG_TRY(one_unit(repeat, device));
    if (!repeat->out->differing)
        return CLG_OK;
    return clg_fail(CLG_EMISMATCH, "%d of %d runs end with other bits, first %s",
                    repeat->out->differing, repeat->out->runs - 1 + repeat->out->unit,
                    repeat->out->first);
}

/* Noise with classes: what is learnt does not matter, every kernel of a training shall run. */
static clg_status make_data(clg_dataset **out)
{
    float *x = NULL;
    int32_t labels[ROWS];
    *out = NULL;
    CLG_TRY(clg_alloc(&x, (size_t)ROWS * FEATURES, sizeof *x, "data"));
    for (size_t i = 0; i < (size_t)ROWS * FEATURES; i++)
        x[i] = (float)clg_normal(1, CLG_STREAM_TEST, 0, i);
    for (int i = 0; i < ROWS; i++)
        labels[i] = i % CLASSES;
    clg_status status = clg_dataset_from_arrays(out, x, ROWS, FEATURES, labels, CLASSES, NULL, 0);
    free(x);
    return status;
}

static clg_status make_net(clg_net **out, const clg_dataset *data)
{
    static const char *const words[][2] = {{"layers", "64,48:tanh"},
                                           {"dropout", "0.1"},
                                           {"l2", "0.001"},
                                           {"clip-norm", "1"},
                                           {"batch", "50"}};
    clg_config *config = NULL;
    clg_status status = CLG_OK;
    *out = NULL;
    CLG_TRY(clg_config_create(&config));
    for (size_t i = 0; i < sizeof words / sizeof *words && status == CLG_OK; i++)
        status = clg_config_set(config, words[i][0], words[i][1]);
    if (status == CLG_OK)
        status = clg_net_create(out, config, data);
    clg_config_destroy(config);
    return status;
}

clg_status clg_verify_repeat(clg_repeat_result *out, const clg_net *net, clg_device *device,
                             const clg_dataset *data, const clg_repeat_options *options)
{
    struct repeat repeat = {.out = out};
    clg_dataset *own_data = NULL;
    clg_net *own = NULL;
    char steps[32];
    clg_status status;
    memset(out, 0, sizeof *out);
    out->runs = options && options->runs > 0 ? options->runs : RUNS;
    out->steps = options && options->steps > 0 ? options->steps : STEPS;
    if (!net != !data || out->runs < 2)
        return clg_fail(CLG_EUSAGE, "clg_verify_repeat: at least two runs, and a network with its "
                                    "data or neither");
    if (!data)
        CLG_TRY_DONE(make_data(&own_data));
    if (net)
        CLG_TRY_DONE(clg_net_copy(&own, net));
    else
        CLG_TRY_DONE(make_net(&own, own_data));
    snprintf(steps, sizeof steps, "%d", out->steps);
    CLG_TRY_DONE(clg_config_set(own->config, "steps", steps));
    repeat.net = own;
    repeat.data = data ? data : own_data;
    status = run_all(&repeat, device);
done:
    clg_net_destroy(repeat.first);
    clg_net_destroy(own);
    clg_dataset_destroy(own_data);
    return status;
}
