/* Reads a network from a safetensors file: clgrad's own, whole, or a plain one that holds layer
 * tensors alone.  Shapes are compared before parameters are allocated, the checksum before they are
 * read. */
#include "core/json.h"
#include "core/memory.h"
#include "core/text.h"
#include "net/describe.h"
#include "net/model_file.h"

#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whole numbers of the metadata: digits alone, up to high. */
static clg_status read_number(uint64_t *out, const struct clg_tensor_file *file, const char *key,
                              uint64_t high)
{
    const char *text = clg_tensor_file_metadata(file, key);
    char *end = NULL;
    if (!text)
        return clg_fail(CLG_EDATA, "%s: its metadata lack %s", file->path, key);
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || *out > high)
        return clg_fail(CLG_EDATA, "%s: %s is not a whole number up to %llu", file->path, key,
                        (unsigned long long)high);
    return CLG_OK;
}

/* A file with clgrad's metadata must be of a format known here, and whole. */
static clg_status check_own(const struct clg_tensor_file *file)
{
    uint64_t format = 0;
    uint32_t crc;
    char text[16];
    CLG_TRY(read_number(&format, file, CLG_KEY_FORMAT, UINT64_MAX));
    if (format != CLG_MODEL_FORMAT)
        return clg_fail(CLG_EDATA, "%s: has format %llu; this version reads format %d: %s",
                        file->path, (unsigned long long)format, CLG_MODEL_FORMAT,
                        format ? "use a newer clgrad" : "there is no format 0");
    const char *stated = clg_tensor_file_metadata(file, CLG_KEY_CRC);
    CLG_TRY(clg_tensor_file_crc(&crc, file));
    snprintf(text, sizeof text, "%08x", (unsigned)crc);
    if (!stated || strcmp(stated, text) != 0)
        return clg_fail(CLG_EDATA,
                        "%s: %s says %.16s, its tensors, from byte %zu on, have %s: the file is "
                        "damaged",
                        file->path, CLG_KEY_CRC, stated ? stated : "nothing", file->data_at, text);
    return CLG_OK;
}

static int is_own(const struct clg_tensor_file *file)
{
    return clg_tensor_file_metadata(file, CLG_KEY_FORMAT) != NULL;
}

clg_status clg_model_open(struct clg_tensor_file **out, const char *path)
{
    clg_status status;
    CLG_TRY(clg_tensor_file_open(out, path));
    status = is_own(*out) ? clg_tensor_file_place(check_own(*out), *out) : CLG_OK;
    if (status != CLG_OK) {
        clg_tensor_file_close(*out);
        *out = NULL;
    }
    return status;
}

/* How many layers follow one another in the file, and its first inputs and last outputs. */
static clg_status measure(struct clg_tensor_file *file, int *layers, size_t *features,
                          size_t *outputs)
{
    char shape[160];
    for (*layers = 0; *layers <= CLG_MAX_LAYERS; (*layers)++) {
        struct clg_model_name name = clg_model_tensor("", "", *layers, 0);
        struct clg_tensor *tensor = clg_tensor_file_find(file, name.text);
        if (!tensor)
            break;
        if (tensor->rank != 2 || tensor->count == 0)
            return clg_fail(CLG_EDATA, "%s: %s has shape %s, not [outputs,inputs]", file->path,
                            name.text, clg_tensor_shape_text(shape, sizeof shape, tensor));
        *features = *layers ? *features : tensor->shape[1];
        *outputs = tensor->shape[0];
    }
    if (*layers == 0)
        return clg_fail(CLG_EDATA, "%s: holds no tensor layers.0.weight", file->path);
    if (*layers > CLG_MAX_LAYERS)
        return clg_fail(CLG_EDATA, "%s: more than %d layers", file->path, CLG_MAX_LAYERS);
    return CLG_OK;
}

/* The tensors of one slab exist, with the network's shapes. */
static clg_status check_slab(struct clg_tensor_file *file, const struct clg_net *net,
                             const char *ref, const char *prefix)
{
    char shape[160], wanted[48];
    for (int i = 0; i < 2 * net->layers; i++) {
        const struct clg_layer *layer = &net->layer[i / 2];
        int bias = i % 2;
        struct clg_model_name name = clg_model_tensor(ref, prefix, i / 2, bias);
        const struct clg_tensor *tensor = clg_tensor_file_find(file, name.text);
        if (!tensor)
            return clg_fail(CLG_EDATA, "%s: lacks tensor %s of the network %s", file->path,
                            name.text, net->text);
        snprintf(wanted, sizeof wanted, bias ? "[%d]" : "[%d,%d]", layer->rows, layer->in);
        if (strcmp(clg_tensor_shape_text(shape, sizeof shape, tensor), wanted) != 0)
            return clg_fail(CLG_EDATA, "%s: tensor %s has shape %s, the network %s wants %s",
                            file->path, name.text, shape, net->text, wanted);
        if (strcmp(tensor->dtype, *ref ? "F64" : "F32") != 0 && (*ref || is_own(file)))
            return clg_fail(CLG_EDATA, "%s: tensor %s is %s, not %s", file->path, name.text,
                            tensor->dtype, *ref ? "F64" : "F32");
    }
    return CLG_OK;
}

clg_status clg_model_read(double *values, const struct clg_tensor_file *file,
                          const struct clg_tensor *tensor)
{
    CLG_TRY(clg_tensor_file_read(values, file, tensor));
    for (size_t k = 0; k < tensor->count; k++)
        if (!(fabs(values[k]) <= FLT_MAX))
            return clg_fail(CLG_EDATA,
                            "%s: tensor %s: element %zu is %g, not a finite float: byte %zu",
                            file->path, tensor->name, k, values[k],
                            file->data_at + tensor->begin + k * (tensor->size / tensor->count));
    return CLG_OK;
}

/* The tensors of one slab into slab, which is laid out as net's parameters. */
static clg_status read_slab(double *slab, struct clg_tensor_file *file, const struct clg_net *net,
                            const char *ref, const char *prefix)
{
    size_t weight = 0, bias = net->weights;
    for (int i = 0; i < 2 * net->layers; i++) {
        struct clg_model_name name = clg_model_tensor(ref, prefix, i / 2, i % 2);
        const struct clg_tensor *tensor = clg_tensor_file_find(file, name.text);
        size_t *at = i % 2 ? &bias : &weight;
        CLG_TRY(clg_model_read(slab + *at, file, tensor));
        *at += tensor->count;
    }
    return CLG_OK;
}

/* The double-precision values, which must be the originals of the rounded ones in slab; `take` puts
 * them in their place. */
static clg_status widen_slab(double *slab, struct clg_tensor_file *file, const struct clg_net *net,
                             const char *prefix, int take)
{
    double *wide = NULL;
    clg_status status;
    CLG_TRY(clg_alloc(&wide, net->count, sizeof *wide, "the reference's parameters"));
    CLG_TRY_DONE(read_slab(wide, file, net, "ref.", prefix));
    for (size_t i = 0; i < net->count; i++)
        if ((float)wide[i] != (float)slab[i]) {
            status =
                clg_fail(CLG_EDATA, "%s: ref.%s* and %s* disagree at parameter %zu: %.9g and %.9g",
                         file->path, prefix, prefix, i, wide[i], slab[i]);
            goto done;
        }
    if (take)
        memcpy(slab, wide, net->count * sizeof *wide);
done:
    free(wide);
    return status;
}

/* Which sets of tensors a file of our own holds. */
struct contents {
    struct clg_model_slab slab[CLG_MODEL_SLABS];
    int slabs, wide, take_wide;
};

static clg_status check_own_tensors(struct contents *contents, struct clg_tensor_file *file,
                                    struct clg_net *net)
{
    contents->slabs = clg_model_slabs(contents->slab, net);
    struct clg_model_name first = clg_model_tensor("", contents->slab[1].prefix, 0, 0);
    if (contents->slabs > 1 && !clg_tensor_file_find(file, first.text))
        contents->slabs = 1;
    first = clg_model_tensor("ref.", "", 0, 0);
    contents->wide = clg_tensor_file_find(file, first.text) != NULL;
    for (int i = 0; i < contents->slabs; i++) {
        CLG_TRY(check_slab(file, net, "", contents->slab[i].prefix));
        if (contents->wide)
            CLG_TRY(check_slab(file, net, "ref.", contents->slab[i].prefix));
    }
    for (size_t i = 0; i < file->count; i++)
        if (!file->tensor[i].used)
            return clg_fail(CLG_EDATA, "%s: tensor %.100s has no place in the network %s",
                            file->path, file->tensor[i].name, net->text);
    return CLG_OK;
}

static clg_status read_own_tensors(struct clg_net *net, const struct contents *contents,
                                   struct clg_tensor_file *file)
{
    CLG_TRY(clg_net_allocate(net));
    if (contents->slabs > 1)
        CLG_TRY(clg_net_allocate_slots(net));
    for (int i = 0; i < contents->slabs; i++) {
        const struct clg_model_slab *slab = &contents->slab[i];
        CLG_TRY(read_slab(*slab->values, file, net, "", slab->prefix));
        if (contents->wide)
            CLG_TRY(widen_slab(*slab->values, file, net, slab->prefix, contents->take_wide));
    }
    return CLG_OK;
}

/* A JSON array of numbers (count) that are finite. */
static int read_reals(double *values, const json_t *array, size_t count)
{
    if (!json_is_array(array) || json_array_size(array) != count)
        return 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(array, i);
        values[i] = json_number_value(value);
        if (!json_is_number(value) || !isfinite(values[i]))
            return 0;
    }
    return 1;
}

/* The JSON that a metadata key holds; NULL where it is missing or none. */
static clg_status parse_key(json_t **out, const struct clg_tensor_file *file, const char *key)
{
    const char *text = clg_tensor_file_metadata(file, key);
    json_error_t error;
    *out = NULL;
    if (!text)
        return CLG_OK;
    return clg_json_parse(out, &error, text, strlen(text), JSON_REJECT_DUPLICATES, file->path);
}

static clg_status allocate_normalise(struct clg_normalise *out, size_t features)
{
    CLG_TRY(clg_alloc(&out->scale, features, sizeof *out->scale, "a normalisation"));
    CLG_TRY(clg_alloc(&out->shift, features, sizeof *out->shift, "a normalisation"));
    out->features = features;
    return CLG_OK;
}

static clg_status load_normalise(struct clg_net *net, const struct clg_tensor_file *file)
{
    struct clg_normalise *to = &net->normalise;
    size_t features = (size_t)net->layer[0].in;
    json_t *object;
    CLG_TRY(parse_key(&object, file, CLG_KEY_NORMALIZE));
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const json_t *scale = json_object_get(object, "scale"),
                 *shift = json_object_get(object, "shift"), *fill = json_object_get(object, "fill");
    clg_status status = CLG_OK;
    /* the lengths first: the network may claim more inputs than the file is long */
    int good = kind && strlen(kind) < sizeof to->kind && json_array_size(scale) == features;
    if (good)
        CLG_TRY_DONE(allocate_normalise(to, features));
    if (good && fill)
        CLG_TRY_DONE(clg_alloc(&to->fill, features, sizeof *to->fill, "a normalisation"));
    if (!good || !read_reals(to->scale, scale, features) ||
        !read_reals(to->shift, shift, features) || (fill && !read_reals(to->fill, fill, features)))
        status = clg_fail(CLG_EDATA, "%s: %s is not a kind with %zu scales and shifts%s",
                          file->path, CLG_KEY_NORMALIZE, features, fill ? " and fills" : "");
    else
        snprintf(to->kind, sizeof to->kind, "%s", kind);
done:
    json_decref(object);
    return status;
}

/* How many classes the file names; 0 for a network with value targets. */
static clg_status load_classes(char ***names, int *count, const struct clg_tensor_file *file)
{
    json_t *array;
    CLG_TRY(parse_key(&array, file, CLG_KEY_CLASSES));
    size_t size = json_array_size(array);
    clg_status status = CLG_OK;
    if (!json_is_array(array) || !clg_fits_int(size)) {
        status = clg_fail(CLG_EDATA, "%s: %s is not a list of names", file->path, CLG_KEY_CLASSES);
        goto done;
    }
    CLG_TRY_DONE(clg_alloc(names, size, sizeof **names, "class names"));
    for (*count = 0; *count < (int)size; (*count)++) {
        const char *name = json_string_value(json_array_get(array, (size_t)*count));
        if (!name) {
            status = clg_fail(CLG_EDATA, "%s: %s: name %d is not a text", file->path,
                              CLG_KEY_CLASSES, *count);
            goto done;
        }
        CLG_TRY_DONE(clg_text_copy(&(*names)[*count], name));
    }
done:
    json_decref(array);
    return status;
}

static clg_status load_numbers(struct clg_net *net, const struct clg_tensor_file *file)
{
    const char *image = clg_tensor_file_metadata(file, CLG_KEY_IMAGE);
    uint64_t epoch;
    char extra;
    CLG_TRY(read_number(&net->seed, file, CLG_KEY_SEED, INT64_MAX));
    CLG_TRY(read_number(&epoch, file, CLG_KEY_EPOCH, INT_MAX));
    CLG_TRY(read_number(&net->step, file, CLG_KEY_STEP, INT64_MAX));
    net->epoch = (int)epoch;
    if (!image)
        return CLG_OK;
    if (strlen(image) > 20 || sscanf(image, "%9dx%9d%c", &net->height, &net->width, &extra) != 2 ||
        net->height < 1 || net->width < 1 || (int64_t)net->height * net->width != net->layer[0].in)
        return clg_fail(CLG_EDATA, "%s: %s %.24s is no height and width of %d inputs", file->path,
                        CLG_KEY_IMAGE, image, net->layer[0].in);
    return CLG_OK;
}

/* Says that a file is at fault where its own options do not describe a network. */
static clg_status blame_file(clg_status status, const struct clg_tensor_file *file)
{
    char detail[1024];
    if (status != CLG_EUSAGE)
        return status;
    snprintf(detail, sizeof detail, "%s", clg_last_error());
    return clg_fail(CLG_EDATA, "%s: %s: %s", file->path, CLG_KEY_CONFIG, detail);
}

/* From the rows of the last weight to units: maxout has several rows a unit. */
static clg_status rows_to_units(size_t *outputs, const struct clg_tensor_file *file,
                                const clg_config *config)
{
    const char *text = clg_config_get(config, "output-act");
    struct clg_activation act;
    if (!*text)
        return CLG_OK;
    CLG_TRY(clg_activation_parse(&act, "--output-act", text));
    if (*outputs % (size_t)act.pieces != 0)
        return clg_fail(CLG_EDATA,
                        "%s: its last weight has %zu rows, no multiple of the pieces of "
                        "--output-act %s",
                        file->path, *outputs, text);
    *outputs /= (size_t)act.pieces;
    return CLG_OK;
}

/* The network that the metadata of our own file describe, without its parameters. */
static clg_status describe_own(struct clg_net **out, struct clg_tensor_file *file)
{
    const char *text = clg_tensor_file_metadata(file, CLG_KEY_CONFIG);
    const char *network = clg_tensor_file_metadata(file, CLG_KEY_NETWORK);
    clg_config *config = NULL;
    char **names = NULL;
    int layers, classes = 0;
    size_t features = 0, outputs = 0;
    clg_status status;
    if (!text || !network)
        return clg_fail(CLG_EDATA, "%s: its metadata lack %s", file->path,
                        text ? CLG_KEY_NETWORK : CLG_KEY_CONFIG);
    CLG_TRY_DONE(clg_config_create(&config));
    CLG_TRY_DONE(clg_config_parse_model_text(config, text, file->path));
    CLG_TRY_DONE(measure(file, &layers, &features, &outputs));
    CLG_TRY_DONE(blame_file(rows_to_units(&outputs, file, config), file));
    CLG_TRY_DONE(load_classes(&names, &classes, file));
    CLG_TRY_DONE(blame_file(clg_net_describe(out, config, features, classes, outputs), file));
    (*out)->class_name = classes ? names : NULL;
    names = classes ? NULL : names;
    if (strcmp((*out)->text, network) != 0)
        status = clg_fail(CLG_EDATA, "%s: %s is %.200s, its options and tensors make %s",
                          file->path, CLG_KEY_NETWORK, network, (*out)->text);
done:
    for (int i = 0; names && i < classes; i++)
        free(names[i]);
    free(names);
    clg_config_destroy(config);
    return status;
}

/* A network that is whole in its file cannot be asked for in another form. */
static clg_status check_asked(const clg_config *asked, const struct clg_net *net, const char *path)
{
    static const char *const keys[] = {"layers", "act", "output-act", "loss", "normalize"};
    for (size_t i = 0; asked && i < sizeof keys / sizeof *keys; i++) {
        const char *wanted = clg_config_get(asked, keys[i]);
        const char *held = clg_config_get(net->config, keys[i]);
        int is_open = strcmp(keys[i], "normalize") == 0 && strcmp(wanted, "auto") == 0;
        if (clg_config_is_set(asked, keys[i]) && strcmp(wanted, held) != 0 && !is_open)
            return clg_fail(CLG_EUSAGE,
                            "--%s %.200s: %s holds the network %s, made with \"%.200s\": leave "
                            "--%s out",
                            keys[i], wanted, path, net->text, held, keys[i]);
    }
    return CLG_OK;
}

static clg_status load_own(struct clg_net **out, struct clg_tensor_file *file,
                           const clg_config *config, int wide)
{
    struct contents contents = {.take_wide = wide};
    CLG_TRY(describe_own(out, file));
    struct clg_net *net = *out;
    CLG_TRY(check_asked(config, net, file->path));
    CLG_TRY(check_own_tensors(&contents, file, net));
    CLG_TRY(load_numbers(net, file));
    CLG_TRY(load_normalise(net, file));
    return read_own_tensors(net, &contents, file);
}

/* How many classes a plain file's outputs stand for: as --target says, else none under the losses
 * of values. */
static int plain_classes(const clg_config *config, size_t outputs)
{
    const char *loss = clg_config_get(config, "loss");
    int of_values = strcmp(loss, "mse") == 0 || strncmp(loss, "huber", 5) == 0;
    int one_for_two = strcmp(loss, "bce") == 0 || strcmp(loss, "perceptron") == 0;
    if (clg_config_is_set(config, "target") ? !clg_config_is(config, "target", "class") : of_values)
        return 0;
    return one_for_two && outputs == 1 ? 2 : (int)outputs;
}

/* What needs no data is made; auto stays open until there are data. */
static clg_status plain_normalise(struct clg_net *net, const char *path)
{
    struct clg_normalise *to = &net->normalise;
    const char *kind = clg_config_get(net->config, "normalize");
    double scale = 1, low = 0, high = 1;
    if (strncmp(kind, "range:", 6) == 0)
        CLG_TRY(clg_normalise_range(&low, &high, kind));
    if (strncmp(kind, "range:", 6) == 0 || strcmp(kind, "unit") == 0)
        scale = (high - low) / 255;
    else if (strcmp(kind, "auto") != 0 && strcmp(kind, "none") != 0)
        return clg_fail(CLG_EUSAGE,
                        "--normalize %s: %s does not hold what was fitted in training: use auto, "
                        "none, unit or range:LO:HI",
                        kind, path);
    CLG_TRY(allocate_normalise(to, (size_t)net->layer[0].in));
    snprintf(to->kind, sizeof to->kind, "%s", kind);
    for (size_t i = 0; i < to->features; i++) {
        to->scale[i] = scale;
        to->shift[i] = low;
    }
    return CLG_OK;
}

/* Numbers as the names of classes. */
static clg_status plain_names(struct clg_net *net)
{
    if (net->classes == 0)
        return CLG_OK;
    return clg_number_names(&net->class_name, net->classes);
}

static clg_status load_plain(struct clg_net **out, struct clg_tensor_file *file,
                             const clg_config *config)
{
    int layers;
    size_t features = 0, outputs = 0;
    CLG_TRY(measure(file, &layers, &features, &outputs));
    if (!config || (layers > 1 && !clg_config_is_set(config, "layers")))
        return clg_fail(CLG_EUSAGE,
                        "%s: a plain file of %d layers without clgrad's metadata: say which "
                        "network it is by --layers with %d hidden layers",
                        file->path, layers, layers - 1);
    if (!clg_fits_int(outputs))
        return clg_fail(CLG_EDATA, "%s: %zu outputs are too many", file->path, outputs);
    CLG_TRY(rows_to_units(&outputs, file, config));
    int classes = plain_classes(config, outputs);
    CLG_TRY(clg_net_describe(out, config, features, classes, outputs));
    struct clg_net *net = *out;
    CLG_TRY(check_slab(file, net, "", ""));
    for (size_t i = 0; i < file->count; i++)
        if (!file->tensor[i].used && strncmp(file->tensor[i].name, "layers.", 7) == 0)
            return clg_fail(CLG_EDATA, "%s: tensor %.100s has no place in the network %s",
                            file->path, file->tensor[i].name, net->text);
    CLG_TRY(plain_normalise(net, file->path));
    CLG_TRY(plain_names(net));
    CLG_TRY(clg_net_allocate(net));
    return read_slab(net->params, file, net, "", "");
}

clg_status clg_net_load_as(clg_net **out, const char *path, const clg_config *config, int wide)
{
    struct clg_tensor_file *file = NULL;
    struct clg_net *net = NULL;
    clg_status status;
    *out = NULL;
    CLG_TRY_DONE(clg_model_open(&file, path));
    status = is_own(file) ? load_own(&net, file, config, wide) : load_plain(&net, file, config);
    CLG_TRY_DONE(clg_tensor_file_place(status, file));
    *out = net;
    net = NULL;
done:
    clg_tensor_file_close(file);
    clg_net_destroy(net);
    return status;
}

clg_status clg_net_load(clg_net **out, const char *path, const clg_config *config)
{
    return clg_net_load_as(out, path, config, 0);
}
