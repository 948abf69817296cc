/* The loaders that are fuzzed, what their files are made of, and how much a loaded file holds. */
#define _GNU_SOURCE
#include "target.h"

#include "core/file.h"
#include "core/text.h"
#include "data/dataset.h"
#include "device/cache.h"
#include "net/model_file.h"
#include "net/net.h"
#include "ops/routes.h"
#include "ops/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* ------------------------------------------------------------------- data */

static uint64_t size_of(const clg_dataset *data)
{
    static const uint64_t width[] = {[CLG_BYTES] = 1, [CLG_FLOATS] = 4, [CLG_DOUBLES] = 8};
    uint64_t rows = data->rows, size = 0;
    if (data->storage == CLG_SPARSE)
        size += data->start[data->rows] * 12 + rows * 8;
    else
        size += rows * data->features * width[data->storage];
    size += (data->labels ? rows * 4 : 0) + (data->values ? rows * data->outputs * 8 : 0);
    for (int i = 0; i < data->classes; i++)
        size += data->class_name ? strlen(data->class_name[i]) + 16 : 0;
    return size;
}

/* Reads what was loaded to its last element, and lets it go. */
static clg_status finish(clg_status status, clg_dataset *data, uint64_t *decoded)
{
    if (status != CLG_OK)
        return status;
    *decoded = size_of(data);
    double *row = calloc(data->features + 1, sizeof *row);
    if (row)
        clg_dataset_row(row, data, data->rows - 1);
    free(row);
    clg_dataset_destroy(data);
    return CLG_OK;
}

static clg_status load_idx(const char *path, uint64_t *decoded)
{
    clg_dataset *data = NULL;
    clg_status status = clg_load_idx(&data, path);
    return finish(status, data, decoded);
}

static clg_status load_npy(const char *path, uint64_t *decoded)
{
    clg_dataset *data = NULL;
    clg_status status = clg_load_npy(&data, path);
    return finish(status, data, decoded);
}

typedef clg_status (*text_loader)(struct clg_dataset **, const char *, const clg_config *);

static clg_status load_once(text_loader load, const char *path, const clg_config *config,
                            uint64_t *decoded)
{
    clg_dataset *data = NULL;
    clg_status status = load(&data, path, config);
    return finish(status, data, decoded);
}

/* With the defaults, then with options that take other ways; the first failure counts. */
static clg_status load_text(text_loader load, const char *path, uint64_t *decoded)
{
    static const char *const other[][2] = {{"missing", "mean"}, {"features", "4096"}};
    clg_config *config = NULL;
    clg_status status = clg_config_create(&config);
    if (status == CLG_OK)
        status = load_once(load, path, config, decoded);
    for (size_t i = 0; status == CLG_OK && i < sizeof other / sizeof *other; i++)
        status = clg_config_set(config, other[i][0], other[i][1]);
    if (status == CLG_OK)
        status = load_once(load, path, config, decoded);
    clg_config_destroy(config);
    return status;
}

static clg_status load_csv(const char *path, uint64_t *decoded)
{
    return load_text(clg_load_csv, path, decoded);
}

static clg_status load_libsvm(const char *path, uint64_t *decoded)
{
    return load_text(clg_load_libsvm, path, decoded);
}

static clg_status load_gz(const char *path, uint64_t *decoded)
{
    clg_status status = load_idx(path, decoded);
    return status == CLG_EDATA ? load_csv(path, decoded) : status;
}

/* The header's length, as far as the first line goes. */
static size_t repair_npy(unsigned char *bytes, size_t size, size_t room)
{
    (void)room;
    const unsigned char *end = size > 10 ? memchr(bytes + 10, '\n', size - 10) : NULL;
    if (end) {
        size_t length = (size_t)(end - bytes) + 1 - 10;
        bytes[8] = (unsigned char)length;
        bytes[9] = (unsigned char)(length >> 8);
    }
    return size;
}

/* ----------------------------------------------------------------- models */

static clg_status load_model(const char *path, uint64_t *decoded)
{
    clg_net *net = NULL;
    clg_config *config = NULL;
    clg_status status = clg_net_load_as(&net, path, NULL, 1);
    if (status == CLG_EUSAGE) {
        status = clg_config_create(&config);
        if (status == CLG_OK)
            status = clg_net_load(&net, path, config);
    }
    if (status == CLG_OK)
        *decoded = 5 * sizeof(double) * net->count;
    clg_net_destroy(net);
    clg_config_destroy(config);
    return status;
}

/* Behind the closing brace of the JSON object that begins at byte 8; 0 where none ends. */
static size_t end_of_header(const unsigned char *bytes, size_t size)
{
    int depth = 0, quoted = 0;
    for (size_t i = 8; i < size; i++) {
        if (bytes[i] == '"' && bytes[i - 1] != '\\')
            quoted = !quoted;
        depth += quoted ? 0 : (bytes[i] == '{') - (bytes[i] == '}');
        if (depth == 0 && !quoted)
            return i + 1;
    }
    return 0;
}

static size_t repair_model(unsigned char *bytes, size_t size, size_t room)
{
    static const char key[] = "\"clgrad.crc32\": \"";
    char digits[16];
    (void)room;
    size_t end = end_of_header(bytes, size);
    if (end == 0)
        return size;
    while (end < size && bytes[end] == ' ')
        end++;
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)(end - 8) >> (8 * i));
    unsigned char *at = memmem(bytes, end, key, sizeof key - 1);
    if (!at || (size_t)(bytes + end - at) < sizeof key + 8)
        return size;
    snprintf(digits, sizeof digits, "%08lx", crc32_z(0, bytes + end, size - end));
    memcpy(at + sizeof key - 1, digits, 8);
    return size;
}

/* ---------------------------------------------------------- configuration */

static clg_status load_config(const char *path, uint64_t *decoded)
{
    clg_config *config = NULL;
    clg_status status = clg_config_create(&config);
    if (status == CLG_OK)
        status = clg_config_read(config, path);
    *decoded = 0;
    clg_config_destroy(config);
    return status;
}

/* ------------------------------------------------------------------ cache */

static const char cache_key[] = "clgrad fuzz\n";

/* As cache.c lays a file out. */
struct cache_header {
    char magic[8];
    uint64_t key_size, binary_size, binary_crc;
};

static const char *cache_file(const char *folder, const char *key)
{
    static char path[4400];
    umask(077); /* what others may write is not trusted */
    setenv("CLGRAD_CACHE", folder, 1);
    snprintf(path, sizeof path, "%s/%016llx.bin", folder, (unsigned long long)clg_text_hash(key));
    return path;
}

static const char *place_cache(const char *folder)
{
    return cache_file(folder, cache_key);
}

static clg_status load_cache(const char *path, uint64_t *decoded)
{
    (void)path;
    size_t size;
    unsigned char *binary = clg_cache_load(&size, cache_key);
    *decoded = size;
    free(binary);
    return CLG_OK; /* what is damaged is as what is missing */
}

static size_t repair_cache(unsigned char *bytes, size_t size, size_t room)
{
    struct cache_header header;
    size_t front = sizeof header + sizeof cache_key - 1;
    (void)room;
    if (size < front)
        return size;
    memcpy(&header, bytes, sizeof header);
    header.binary_size = size - front;
    header.binary_crc = crc32_z(0, bytes + front, size - front);
    memcpy(bytes, &header, sizeof header);
    return size;
}

/* A record as clg_cache_store would have written it, without the wait for the disk. */
static void write_record(const char *folder, const char *key, const char *text, size_t size)
{
    struct cache_header header = {.magic = {'c', 'l', 'g', 'b', 'i', 'n', '0', '1'},
                                  .key_size = strlen(key),
                                  .binary_size = size,
                                  .binary_crc = crc32_z(0, (const void *)text, size)};
    size_t front = sizeof header + strlen(key);
    unsigned char *bytes = malloc(front + size);
    if (!bytes) /* refused: the record of the file before is read again */
        return;
    memcpy(bytes, &header, sizeof header);
    memcpy(bytes + sizeof header, key, strlen(key));
    memcpy(bytes + front, text, size);
    fuzz_write(cache_file(folder, key), bytes, front + size);
    free(bytes);
}

/* The text of a record, read as that of what is tuned and of the routes. */
static clg_status load_tuning(const char *path, uint64_t *decoded)
{
    static const char *const records[] = {"tuning", "routes"};
    char device_key[] = "a device\n", folder[4096], *text = NULL;
    size_t size;
    clg_device device = {.kind = CLG_OPENCL, .keeps_records = 1, .cache_key = device_key};
    clg_status status = clg_file_read(&text, &size, path, (size_t)1 << 20);
    if (status != CLG_OK)
        return status;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        static char *key[2]; /* made of all kernels, once */
        if (key[i] || (key[i] = clg_record_key(&device, records[i])) != NULL)
            write_record(folder, key[i], text, size);
    }
    const struct clg_tuning tuning = clg_tuning_load(&device);
    for (int k = 0; k < CLG_KNOBS; k++)
        if (tuning.choice[k] > clg_knobs[k].values)
            abort();
    const struct clg_routes routes = clg_routes_of(&device);
    if (routes.failed >> CLG_WAYS)
        abort();
    *decoded = size;
    free(text);
    return CLG_OK;
}

/* ------------------------------------------------------------------ table */

static const char *const idx_words[] = {"\x00\x00\x08\x03", "\x00\x00\x0d\x02", "\x00\x00\x0e\x01",
                                        "\x7f\x80", NULL};
static const char *const npy_words[] = {"'descr': '<f4'",
                                        "'>f8'",
                                        "'|b1'",
                                        "'<i8'",
                                        "'|u1'",
                                        "'<f2'",
                                        "True",
                                        "False",
                                        "(3,)",
                                        "(2, 2, 2)",
                                        "'fortran_order': True",
                                        "{",
                                        "}",
                                        "\\x93NUMPY",
                                        "L",
                                        NULL};
static const char *const csv_words[] = {",",     ";",    "\t",           "\"",  "\"\"",
                                        "\n",    "\r\n", "\r",           "nan", "inf",
                                        "1e308", "a",    "\xef\xbb\xbf", " ",   NULL};
static const char *const svm_words[] = {" 1:2",  "\n-1 ", "#",  ":",   " 1048576:1", "nan",
                                        "1e400", "\t",    "+1", " 2:", NULL};
static const char *const model_words[] = {"\"layers.0.weight\":",
                                          "\"layers.1.bias\":",
                                          "\"F64\"",
                                          "\"F32\"",
                                          "[0,24]",
                                          "[]",
                                          "{}",
                                          "null",
                                          "\"ref.",
                                          "\"opt.",
                                          "\"__metadata__\":",
                                          "-1",
                                          "9223372036854775807",
                                          ",",
                                          "\\u0000",
                                          "maxout:3",
                                          "softmax",
                                          "\\n",
                                          "layers=",
                                          NULL};
static const char *const ini_words[] = {
    "layers = ", "lr = ", "batch = full",   "[data]",  "=",  "\n", ";",
    "#",         "\"",    "act = maxout:3", "seed = ", "\t", NULL};
static const char *const cache_words[] = {"clgbin01", "clgrad fuzz\n", NULL};
static const char *const tuning_words[] = {"clgrad tuning 1\n",
                                           "clgrad routes 1\n",
                                           "groups:16",
                                           "plan-1m:fused",
                                           ",",
                                           ":",
                                           "way ",
                                           "operation ",
                                           "\n",
                                           "tile-small:",
                                           "register",
                                           NULL};

const struct fuzz_target fuzz_targets[] = {
    {"idx", idx_words, 0, load_idx, NULL, NULL},
    {"gz", csv_words, 0, load_gz, NULL, NULL},
    {"npy", npy_words, 0, load_npy, repair_npy, NULL},
    {"csv", csv_words, 1, load_csv, NULL, NULL},
    {"libsvm", svm_words, 1, load_libsvm, NULL, NULL},
    {"safetensors", model_words, 0, load_model, repair_model, NULL},
    {"config", ini_words, 1, load_config, NULL, NULL},
    {"cache", cache_words, 0, load_cache, repair_cache, place_cache},
    {"tuning", tuning_words, 1, load_tuning, NULL, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL}};

const struct fuzz_target *fuzz_target_of(const char *name)
{
    const struct fuzz_target *target = fuzz_targets;
    while (target->name && strcmp(target->name, name) != 0)
        target++;
    return target->name ? target : NULL;
}

const char *fuzz_place(const struct fuzz_target *target, const char *folder)
{
    static char path[4400];
    if (target->place)
        return target->place(folder);
    setenv("CLGRAD_CACHE", folder, 1);
    umask(077);
    snprintf(path, sizeof path, "%s/file", folder);
    return path;
}
