/* Writes a network as a safetensors file: equal networks give equal bytes.  Reading is in
 * model_load.c. */
#include "net/model_file.h"

#include "core/file.h"
#include "core/memory.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CHUNK ((size_t)8192) /* elements converted at a time */

/* One tensor of the file to be. */
struct piece {
    struct clg_model_name name;
    const double *values;
    size_t rows, columns; /* columns 0: one dimension */
    size_t size;          /* bytes of an element */
};

/* All tensors in the order of the file. */
struct pieces {
    struct piece *piece;
    size_t count;
};

int clg_model_slabs(struct clg_model_slab slab[CLG_MODEL_SLABS], struct clg_net *net)
{
    int slots = clg_opt_slots(net->opt);
    slab[0] = (struct clg_model_slab){"", &net->params};
    for (int i = 0; i < slots; i++) {
        slab[i + 1].values = &net->slot[i];
        snprintf(slab[i + 1].prefix, sizeof slab[i + 1].prefix, "opt.%s.",
                 clg_opt_slot_names[net->opt][i]);
    }
    return slots + 1;
}

struct clg_model_name clg_model_tensor(const char *ref, const char *prefix, int layer, int bias)
{
    struct clg_model_name name;
    snprintf(name.text, sizeof name.text, "%.8s%.31slayers.%d.%s", ref, prefix, layer,
             bias ? "bias" : "weight");
    return name;
}

/* Appends the tensors of one slab. */
static void add_slab(struct pieces *list, const struct clg_net *net, const char *prefix,
                     const double *slab, int wide)
{
    for (int i = 0; i < net->layers; i++)
        for (int bias = 0; bias < 2; bias++) {
            const struct clg_layer *layer = &net->layer[i];
            struct piece *piece = &list->piece[list->count++];
            piece->name = clg_model_tensor(wide ? "ref." : "", prefix, i, bias);
            piece->values = slab + ((bias ? layer->b : layer->W) - net->params);
            piece->rows = (size_t)layer->rows;
            piece->columns = bias ? 0 : (size_t)layer->in;
            piece->size = wide ? sizeof(double) : sizeof(float);
        }
}

/* The F64 tensors first, so that every tensor lies at a multiple of its element's size. */
static clg_status make_list(struct pieces *list, struct clg_net *net, int wide)
{
    struct clg_model_slab slab[CLG_MODEL_SLABS];
    int slabs = clg_model_slabs(slab, net);
    CLG_TRY(clg_alloc(&list->piece, (size_t)net->layers * 4 * CLG_MODEL_SLABS, sizeof *list->piece,
                      "a list of tensors"));
    for (int form = wide ? 1 : 0; form >= 0; form--)
        for (int i = 0; i < slabs; i++)
            if (*slab[i].values)
                add_slab(list, net, slab[i].prefix, *slab[i].values, form);
    return CLG_OK;
}

static size_t elements(const struct piece *piece)
{
    return piece->rows * (piece->columns ? piece->columns : 1);
}

/* count values as little-endian numbers of size bytes. */
static void encode(unsigned char *bytes, const double *values, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t word = 0;
        float narrow = (float)values[i];
        uint32_t bits;
        memcpy(&bits, &narrow, 4);
        memcpy(&word, &values[i], 8);
        if (size == 4)
            word = bits;
        for (size_t k = 0; k < size; k++)
            *bytes++ = (unsigned char)(word >> (8 * k));
    }
}

/* Every tensor's bytes into the checksum, or into writer where there is one. */
static clg_status stream(struct clg_writer *writer, uint32_t *crc, const struct pieces *list)
{
    unsigned char *bytes = NULL;
    clg_status status = CLG_OK;
    uLong sum = crc32(0, NULL, 0);
    size_t step;
    CLG_TRY(clg_alloc(&bytes, CHUNK, sizeof(double), "a write buffer"));
    for (size_t i = 0; i < list->count; i++) {
        const struct piece *piece = &list->piece[i];
        for (size_t at = 0; at < elements(piece); at += step) {
            step = elements(piece) - at < CHUNK ? elements(piece) - at : CHUNK;
            encode(bytes, piece->values + at, step, piece->size);
            if (writer)
                CLG_TRY_DONE(clg_writer_put(writer, bytes, step * piece->size));
            else
                sum = crc32(sum, bytes, (uInt)(step * piece->size));
        }
    }
    if (crc)
        *crc = (uint32_t)sum;
done:
    free(bytes);
    return status;
}

/* A file that could not be loaded again is not written. */
static clg_status check_finite(const struct pieces *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < elements(&list->piece[i]); k++)
            if (!(fabs(list->piece[i].values[k]) <= FLT_MAX))
                return clg_fail(CLG_EDIVERGED,
                                "%s: not written: %s holds %g: training diverged, lower --lr", path,
                                list->piece[i].name.text, list->piece[i].values[k]);
    return CLG_OK;
}

/* Sets key to a text; takes NULL for a text that could not be made. */
static int set_text(json_t *object, const char *key, const char *text)
{
    return text ? json_object_set_new(object, key, json_string(text)) : -1;
}

/* Sets key to the compact text of value, which is given up. */
static int set_json(json_t *object, const char *key, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    int failed = set_text(object, key, text);
    free(text);
    json_decref(value);
    return failed;
}

static json_t *reals(const double *values, size_t count)
{
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < count; i++)
        failed |= json_array_append_new(array, json_real(values[i]));
    if (failed) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static int set_normalise(json_t *metadata, const struct clg_normalise *normalise)
{
    json_t *object = json_object();
    int failed =
        set_text(object, "kind", normalise->kind) |
        json_object_set_new(object, "scale", reals(normalise->scale, normalise->features)) |
        json_object_set_new(object, "shift", reals(normalise->shift, normalise->features));
    if (normalise->fill)
        failed |= json_object_set_new(object, "fill", reals(normalise->fill, normalise->features));
    return failed | set_json(metadata, CLG_KEY_NORMALIZE, object);
}

static int set_classes(json_t *metadata, const struct clg_net *net)
{
    json_t *array = json_array();
    int failed = 0;
    for (int i = 0; i < net->classes; i++)
        failed |= json_array_append_new(array, json_string(net->class_name[i]));
    return failed | set_json(metadata, CLG_KEY_CLASSES, array);
}

/* __metadata__ as the contract lists it. */
static clg_status make_metadata(json_t **out, const struct clg_net *net, uint32_t crc)
{
    char number[48], *config = NULL;
    int failed = 0;
    json_t *metadata = json_object();
    *out = metadata;
    CLG_TRY(clg_config_model_text(&config, net->config));
    snprintf(number, sizeof number, "%d", CLG_MODEL_FORMAT);
    failed |= set_text(metadata, CLG_KEY_FORMAT, number);
    failed |= set_text(metadata, CLG_KEY_NETWORK, net->text);
    failed |= set_text(metadata, CLG_KEY_CONFIG, config);
    failed |= set_normalise(metadata, &net->normalise);
    failed |= set_classes(metadata, net);
    if (net->height > 0 && net->width > 0) {
        snprintf(number, sizeof number, "%dx%d", net->height, net->width);
        failed |= set_text(metadata, CLG_KEY_IMAGE, number);
    }
    snprintf(number, sizeof number, "%llu", (unsigned long long)net->seed);
    failed |= set_text(metadata, CLG_KEY_SEED, number);
    snprintf(number, sizeof number, "%d", net->epoch);
    failed |= set_text(metadata, CLG_KEY_EPOCH, number);
    snprintf(number, sizeof number, "%llu", (unsigned long long)net->step);
    failed |= set_text(metadata, CLG_KEY_STEP, number);
    snprintf(number, sizeof number, "%08x", (unsigned)crc);
    failed |= set_text(metadata, CLG_KEY_CRC, number);
    if (net->state)
        failed |= set_text(metadata, CLG_KEY_STATE, net->state);
    free(config);
    return failed ? clg_fail(CLG_ENOMEM, "no memory for a model file's header") : CLG_OK;
}

/* Appends the entries of all tensors to the header. */
static clg_status add_entries(json_t *header, const struct pieces *list)
{
    size_t at = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct piece *piece = &list->piece[i];
        size_t end = at + elements(piece) * piece->size;
        json_t *shape =
            piece->columns ? json_pack("[I,I]", (json_int_t)piece->rows, (json_int_t)piece->columns)
                           : json_pack("[I]", (json_int_t)piece->rows);
        json_t *entry = json_pack("{s:s,s:o,s:[I,I]}", "dtype", piece->size == 8 ? "F64" : "F32",
                                  "shape", shape, "data_offsets", (json_int_t)at, (json_int_t)end);
        if (json_object_set_new(header, piece->name.text, entry) != 0)
            return clg_fail(CLG_ENOMEM, "no memory for a model file's header");
        at = end;
    }
    return CLG_OK;
}

/* The header's text with its 8 bytes of length in front, padded to a multiple of 8. */
static clg_status make_header(char **out, size_t *size, const struct clg_net *net,
                              const struct pieces *list, uint32_t crc)
{
    json_t *header = json_object(), *metadata = NULL;
    char *text = NULL;
    clg_status status;
    CLG_TRY_DONE(make_metadata(&metadata, net, crc));
    json_object_set(header, "__metadata__", metadata);
    CLG_TRY_DONE(add_entries(header, list));
    text = json_dumps(header, JSON_COMPACT);
    if (!text) {
        status = clg_fail(CLG_ENOMEM, "no memory for a model file's header");
        goto done;
    }
    size_t length = strlen(text), padded = (length + 7) / 8 * 8;
    CLG_TRY_DONE(clg_alloc(out, 8 + padded, 1, "a model file's header"));
    for (int i = 0; i < 8; i++)
        (*out)[i] = (char)(unsigned char)((uint64_t)padded >> (8 * i));
    memcpy(*out + 8, text, length);
    memset(*out + 8 + length, ' ', padded - length);
    *size = 8 + padded;
done:
    free(text);
    json_decref(metadata);
    json_decref(header);
    return status;
}

clg_status clg_net_save_as(const struct clg_net *net, const char *path, int wide)
{
    struct pieces list = {NULL, 0};
    struct clg_net view = *net; /* the slabs' list is made of places that may be written */
    struct clg_writer *writer = NULL;
    char *header = NULL;
    size_t size = 0;
    uint32_t crc = 0;
    clg_status status;
    CLG_TRY_DONE(make_list(&list, &view, wide));
    CLG_TRY_DONE(check_finite(&list, path));
    CLG_TRY_DONE(stream(NULL, &crc, &list));
    CLG_TRY_DONE(make_header(&header, &size, net, &list, crc));
    CLG_TRY_DONE(clg_writer_open(&writer, path));
    CLG_TRY_DONE(clg_writer_put(writer, header, size));
    CLG_TRY_DONE(stream(writer, NULL, &list));
    struct clg_writer *complete = writer;
    writer = NULL; /* gone, whatever the commit returns */
    status = clg_writer_commit(complete);
done:
    clg_writer_abandon(writer);
    free(header);
    free(list.piece);
    return status;
}

clg_status clg_net_save(const clg_net *net, const char *path)
{
    return clg_net_save_as(net, path, 0);
}
