/* What a file holds: clgrad's models, plain safetensors, and data (IDX, .npy, .csv, libsvm, a data
 * set's name).  A file is described only after it has been read with all the checks of its reader.
 */
#define _GNU_SOURCE
#include "core/config.h"
#include "core/memory.h"
#include "core/text.h"
#include "data/dataset.h"
#include "net/model_file.h"
#include "net/tensor_file.h"
#include "report/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum kind { MODEL, NPY, CSV, LIBSVM, IDX, SPEC };

static clg_status no_memory(void)
{
    return clg_fail(CLG_ENOMEM, "no memory for the description of a file");
}

static json_t *integer(size_t value)
{
    return json_integer((json_int_t)value);
}

/* ---- models */

static int add_layers(json_t *object, const struct clg_net *net)
{
    json_t *rows = json_array();
    int failed = 0;
    for (int i = 0; i < net->layers; i++) {
        const struct clg_layer *layer = &net->layer[i];
        json_t *row = json_object();
        failed |= clg_report_set(row, "inputs", json_integer(layer->in));
        failed |= clg_report_set(row, "outputs", json_integer(layer->out));
        failed |= clg_report_set(row, "activation", json_string(layer->act_text));
        if (layer->act.pieces > 1)
            failed |= clg_report_set(row, "pieces", json_integer(layer->act.pieces));
        failed |= clg_report_set(row, "weights", integer((size_t)layer->in * (size_t)layer->rows));
        failed |= clg_report_set(row, "biases", json_integer(layer->rows));
        if (layer->dropout > 0)
            failed |= clg_report_set(row, "dropout", json_real(layer->dropout));
        if (layer->frozen)
            failed |= clg_report_set(row, "frozen", json_true());
        failed |= json_array_append_new(rows, row);
    }
    failed |= clg_report_set(object, "layers", rows);
    if (net->dropout_input > 0)
        failed |= clg_report_set(object, "dropout_input", json_real(net->dropout_input));
    failed |= clg_report_set(object, "parameters", integer(net->count));
    failed |= clg_report_set(object, "weights", integer(net->weights));
    return failed | clg_report_set(object, "biases", integer(net->count - net->weights));
}

static int add_classes(json_t *object, char *const *name, int classes)
{
    json_t *names = json_array();
    int failed = 0;
    for (int i = 0; i < classes; i++)
        failed |= json_array_append_new(names, clg_report_string(name[i]));
    return failed | clg_report_set(object, "classes", names);
}

/* The options kept with the network. */
static int add_options(json_t *object, const struct clg_net *net)
{
    char *text = NULL, *rest = NULL;
    json_t *options = json_object();
    int failed = clg_config_model_text(&text, net->config) != CLG_OK;
    for (char *line = failed ? NULL : strtok_r(text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strchr(line, '=');
        *equals = '\0';
        failed |= clg_report_set(options, line, clg_report_string(equals + 1));
    }
    free(text);
    return failed | clg_report_set(object, "options", options);
}

static clg_status describe_model(json_t *object, const struct clg_net *net,
                                 const struct clg_tensor_file *file)
{
    char image[32];
    int wide = strcmp(file->tensor[0].dtype, "F64") == 0;
    int failed = clg_report_set(object, "kind", json_string("model"));
    failed |= clg_report_set(object, "format", json_integer(CLG_MODEL_FORMAT));
    failed |= clg_report_set(object, "network", json_string(net->text));
    failed |= add_layers(object, net);
    failed |= clg_report_set(object, "dtype", json_string(wide ? "F32 and F64" : "F32"));
    failed |= clg_report_set(object, "tensors", integer(file->count));
    failed |= clg_report_set(object, "optimiser", json_string(clg_opt_names[net->opt]));
    failed |= clg_report_set(object, "moments", json_boolean(net->slot[0] != NULL));
    failed |= clg_report_set(object, "normalize", json_string(net->normalise.kind));
    if (net->height > 0) {
        snprintf(image, sizeof image, "%dx%d", net->height, net->width);
        failed |= clg_report_set(object, "image", json_string(image));
    }
    failed |= add_classes(object, net->class_name, net->classes);
    failed |= clg_report_set(object, "seed", integer((size_t)net->seed));
    failed |= clg_report_set(object, "epoch", json_integer(net->epoch));
    failed |= clg_report_set(object, "step", integer((size_t)net->step));
    failed |=
        clg_report_set(object, "crc32", json_string(clg_tensor_file_metadata(file, CLG_KEY_CRC)));
    failed |= clg_report_set(object, "crc32_ok", json_true()); /* a wrong one does not load */
    failed |= add_options(object, net);
    return failed ? no_memory() : CLG_OK;
}

/* A file of another program: its tensors. */
static clg_status describe_plain(json_t *object, const struct clg_tensor_file *file)
{
    json_t *rows = json_array();
    int failed = clg_report_set(object, "kind", json_string("safetensors"));
    for (size_t i = 0; i < file->count; i++) {
        const struct clg_tensor *tensor = &file->tensor[i];
        json_t *row = json_object(), *shape = json_array();
        for (size_t k = 0; k < tensor->rank; k++)
            failed |= json_array_append_new(shape, integer(tensor->shape[k]));
        failed |= clg_report_set(row, "name", json_string(tensor->name));
        failed |= clg_report_set(row, "dtype", json_string(tensor->dtype));
        failed |= clg_report_set(row, "shape", shape);
        failed |= json_array_append_new(rows, row);
    }
    failed |= clg_report_set(object, "tensors", rows);
    return failed ? no_memory() : CLG_OK;
}

static clg_status inspect_model(json_t *object, const char *path)
{
    struct clg_tensor_file *file = NULL;
    struct clg_net *net = NULL;
    clg_status status;
    CLG_TRY_DONE(clg_tensor_file_open(&file, path));
    if (!clg_tensor_file_metadata(file, CLG_KEY_FORMAT)) {
        status = describe_plain(object, file);
        goto done;
    }
    CLG_TRY_DONE(clg_net_load(&net, path, NULL));
    status = describe_model(object, net, file);
done:
    clg_net_destroy(net);
    clg_tensor_file_close(file);
    return status;
}

/* ---- data */

/* Smallest and largest feature value, and how many are not numbers. */
struct extent {
    double low, high;
    size_t missing;
};

static clg_status measure(struct extent *extent, const struct clg_dataset *data)
{
    double *row = NULL;
    *extent = (struct extent){INFINITY, -INFINITY, 0};
    CLG_TRY(clg_alloc(&row, data->features, sizeof *row, "a row"));
    for (size_t i = 0; i < data->rows; i++) {
        clg_dataset_row(row, data, i);
        for (size_t k = 0; k < data->features; k++) {
            extent->low = row[k] < extent->low ? row[k] : extent->low;
            extent->high = row[k] > extent->high ? row[k] : extent->high;
            extent->missing += isnan(row[k]) != 0;
        }
    }
    free(row);
    return CLG_OK;
}

static int add_targets(json_t *object, const struct clg_dataset *data)
{
    const char *kind = data->labels ? "class" : data->values ? "value" : "none";
    int failed = clg_report_set(object, "targets", json_string(kind));
    if (data->labels && data->class_name)
        failed |= add_classes(object, data->class_name, data->classes);
    else if (data->labels)
        failed |= clg_report_set(object, "classes", json_integer(data->classes));
    if (data->values)
        failed |= clg_report_set(object, "outputs", integer(data->outputs));
    return failed;
}

static clg_status describe_data(json_t *object, const struct clg_dataset *data, const char *kind)
{
    static const char *const stored[] = {[CLG_BYTES] = "bytes",
                                         [CLG_FLOATS] = "float32",
                                         [CLG_DOUBLES] = "float64",
                                         [CLG_SPARSE] = "sparse"};
    struct extent extent;
    char image[32];
    CLG_TRY(measure(&extent, data));
    int failed = clg_report_set(object, "kind", json_string(kind));
    failed |= clg_report_set(object, "rows", integer(data->rows));
    failed |= clg_report_set(object, "features", integer(data->features));
    failed |= clg_report_set(object, "stored", json_string(stored[data->storage]));
    if (data->height > 0) {
        snprintf(image, sizeof image, "%dx%d", data->height, data->width);
        failed |= clg_report_set(object, "image", json_string(image));
    }
    if (extent.low <= extent.high && isfinite(extent.low) && isfinite(extent.high)) {
        failed |= clg_report_set(object, "min", json_real(extent.low));
        failed |= clg_report_set(object, "max", json_real(extent.high));
    }
    failed |= clg_report_set(object, "missing", integer(extent.missing));
    failed |= add_targets(object, data);
    return failed ? no_memory() : CLG_OK;
}

static clg_status inspect_data(json_t *object, const char *path, enum kind kind)
{
    static const char *const names[] = {
        [NPY] = "npy", [CSV] = "csv", [LIBSVM] = "libsvm", [IDX] = "idx", [SPEC] = "data set"};
    clg_config *config = NULL;
    clg_dataset *data = NULL;
    clg_status status;
    CLG_TRY_DONE(clg_config_create(&config));
    CLG_TRY_DONE(clg_config_set(config, "missing", "mean")); /* missing cells are counted */
    switch (kind) {
    case NPY:
        status = clg_load_npy(&data, path);
        break;
    case CSV:
        status = clg_load_csv(&data, path, config);
        break;
    case LIBSVM:
        status = clg_load_libsvm(&data, path, config);
        break;
    case IDX:
        status = clg_load_idx(&data, path);
        break;
    default:
        status = clg_dataset_load(&data, path, CLG_PART_ALL, config);
    }
    if (status == CLG_OK)
        status = describe_data(object, data, names[kind]);
done:
    clg_dataset_destroy(data);
    clg_config_destroy(config);
    return status;
}

/* ---- which is it */

/* By the first bytes; by the name where they are compressed or text. */
static clg_status find_kind(enum kind *kind, const char *path)
{
    unsigned char head[9] = {0};
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        *kind = clg_ends_in_gz(path, ".safetensors") ? MODEL : SPEC;
        return CLG_OK;
    }
    FILE *file = fopen(path, "rbe");
    if (!file)
        return clg_fail(CLG_EDATA, "%s: cannot be read: %s", path, strerror(errno));
    size_t got = fread(head, 1, sizeof head, file);
    fclose(file);
    int packed = head[0] == 0x1f && head[1] == 0x8b;
    int text = got > 0 && !packed && !memchr(head, '\0', got);
    if (clg_ends_in_gz(path, ".safetensors"))
        *kind = MODEL;
    else if (memcmp(head, "\x93NUMPY", 6) == 0 || (packed && clg_ends_in_gz(path, ".npy")))
        *kind = NPY;
    else if (clg_ends_in_gz(path, ".svm") || clg_ends_in_gz(path, ".libsvm"))
        *kind = LIBSVM;
    else if (text || clg_ends_in_gz(path, ".csv"))
        *kind = CSV;
    else if (head[0] == 0 && head[1] == 0)
        *kind = IDX;
    else
        *kind = head[8] == '{' ? MODEL : IDX;
    return CLG_OK;
}

clg_status clg_inspect(char **text, const char *path, int json)
{
    json_t *object = json_object();
    enum kind kind = SPEC;
    clg_status status;
    *text = NULL;
    if (!object || clg_report_set(object, "file", clg_report_string(path)) != 0) {
        status = no_memory();
        goto done;
    }
    CLG_TRY_DONE(find_kind(&kind, path));
    CLG_TRY_DONE(kind == MODEL ? inspect_model(object, path) : inspect_data(object, path, kind));
    status = json ? clg_report_json(text, object) : clg_report_text(text, object);
done:
    json_decref(object);
    return status;
}

void clg_text_free(char *text)
{
    free(text);
}
