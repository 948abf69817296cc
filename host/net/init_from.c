/* Starting weights from another network's file: the layers that have the same shape there, and one
 * line about which those were.  The network changes only when everything has been read. */
#include "core/memory.h"
#include "net/model_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_PER_LAYER = 96 };

/* One layer of the file; weight NULL where there is none. */
struct stored {
    const struct clg_tensor *weight, *bias;
};

static clg_status find_layer(struct stored *out, struct clg_tensor_file *file, int layer)
{
    char shape[160];
    struct clg_model_name name = clg_model_tensor("", "", layer, 0);
    out->bias = NULL;
    out->weight = clg_tensor_file_find(file, name.text);
    if (!out->weight)
        return CLG_OK;
    if (out->weight->rank != 2)
        return clg_fail(CLG_EDATA, "%s: %s has shape %s, not [outputs,inputs]", file->path,
                        name.text, clg_tensor_shape_text(shape, sizeof shape, out->weight));
    name = clg_model_tensor("", "", layer, 1);
    out->bias = clg_tensor_file_find(file, name.text);
    if (!out->bias)
        return clg_fail(CLG_EDATA, "%s: lacks tensor %s", file->path, name.text);
    if (out->bias->rank != 1 || out->bias->shape[0] != out->weight->shape[0])
        return clg_fail(
            CLG_EDATA, "%s: tensor %s has shape %s, its weight has %zu rows", file->path, name.text,
            clg_tensor_shape_text(shape, sizeof shape, out->bias), out->weight->shape[0]);
    return CLG_OK;
}

static int same_shape(const struct stored *stored, const struct clg_layer *layer)
{
    return stored->weight && stored->weight->shape[0] == (size_t)layer->rows &&
           stored->weight->shape[1] == (size_t)layer->in;
}

/* A line that grows within room for it. */
struct note {
    char *text;
    size_t size;
};

static void add(struct note *note, const char *format, ...) CLG_PRINTF(2, 3);

static void add(struct note *note, const char *format, ...)
{
    size_t used = strlen(note->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note->text + used, note->size - used, format, arguments);
    va_end(arguments);
}

/* "took layers 0, 1"; nothing where none was. */
static void add_taken(struct note *note, const struct clg_net *net, const struct stored *stored,
                      int taken)
{
    const char *between = taken == 1 ? "took layer " : "took layers ";
    if (taken == net->layers)
        add(note, net->layers == 1 ? "took its layer" : "took all %d layers", net->layers);
    for (int i = 0; taken < net->layers && i < net->layers; i++) {
        if (!same_shape(&stored[i], &net->layer[i]))
            continue;
        add(note, "%s%d", between, i);
        between = ", ";
    }
}

/* "; layer 2 is 10x30 there and 10x20 here; layer 3 is not there" */
static void add_left(struct note *note, const struct clg_net *net, const struct stored *stored,
                     int there)
{
    for (int i = 0; i < net->layers; i++) {
        const struct clg_layer *layer = &net->layer[i];
        const char *between = *note->text ? "; " : "";
        if (!stored[i].weight)
            add(note, "%slayer %d is not there", between, i);
        else if (!same_shape(&stored[i], layer))
            add(note, "%slayer %d is %zux%zu there and %dx%d here", between, i,
                stored[i].weight->shape[0], stored[i].weight->shape[1], layer->rows, layer->in);
    }
    if (there > net->layers)
        add(note, "; there are %d layers there and %d here", there, net->layers);
}

/* Reads what fits into params, which is laid out as net's own, and says what that was. */
static clg_status take_layers(double *params, struct note *note, struct clg_tensor_file *file,
                              const struct clg_net *net)
{
    struct stored stored[CLG_MAX_LAYERS];
    int taken = 0, there = 0;
    for (int i = 0; i < net->layers; i++) {
        const struct clg_layer *layer = &net->layer[i];
        CLG_TRY(find_layer(&stored[i], file, i));
        if (!same_shape(&stored[i], layer))
            continue;
        CLG_TRY(clg_model_read(params + (layer->W - net->params), file, stored[i].weight));
        CLG_TRY(clg_model_read(params + (layer->b - net->params), file, stored[i].bias));
        taken++;
    }
    while (clg_tensor_file_find(file, clg_model_tensor("", "", there, 0).text))
        there++;
    if (there == 0)
        return clg_fail(CLG_EDATA, "%s: holds no tensor layers.0.weight", file->path);
    if (taken > 0)
        add(note, "init-from %s: ", file->path);
    if (taken > 0)
        add_taken(note, net, stored, taken);
    add_left(note, net, stored, there);
    return taken > 0 ? CLG_OK
                     : clg_fail(CLG_EDATA, "%s: holds no layer of the shape it has in %s: %s",
                                file->path, net->text, note->text);
}

clg_status clg_net_init_from(clg_net *net, const char *path)
{
    struct clg_tensor_file *file = NULL;
    double *params = NULL;
    struct note note = {NULL, strlen(path) + ((size_t)net->layers + 2) * NOTE_PER_LAYER};
    clg_status status;
    CLG_TRY_DONE(clg_model_open(&file, path));
    CLG_TRY_DONE(clg_alloc(&note.text, note.size, 1, "a note"));
    CLG_TRY_DONE(clg_alloc(&params, net->count, sizeof *params, "the file's parameters"));
    memcpy(params, net->params, net->count * sizeof *params);
    CLG_TRY_DONE(take_layers(params, &note, file, net));
    memcpy(net->params, params, net->count * sizeof *params);
    free(net->notes);
    net->notes = note.text;
    note.text = NULL;
done:
    free(note.text);
    free(params);
    clg_tensor_file_close(file);
    return status;
}
