/* Reads the safetensors container: 8 bytes of header length, a JSON header, the data.  Files may
 * come from anywhere: nothing in the header is believed before it is checked.  Knows nothing of
 * networks, and reads elements of F32 and F64 only. */
#define _GNU_SOURCE
#include "net/tensor_file.h"

#include "core/json.h"
#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define HEADER_LIMIT ((size_t)100000000) /* the format's own limit */
#define CHUNK ((size_t)1 << 16)

/* Bytes of one element of each type of the format; 0 where there is no such type. */
static size_t element_size(const char *dtype)
{
    static const struct {
        const char *dtype;
        size_t size;
    } known[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                 {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U64", 8},  {"U32", 4},
                 {"U16", 2}, {"U8", 1},  {"BOOL", 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(dtype, known[i].dtype) == 0)
            return known[i].size;
    return 0;
}

static uint64_t little_endian(const unsigned char *bytes, int size)
{
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* Reads exactly size bytes from offset at. */
static clg_status read_at(void *out, const struct clg_tensor_file *file, size_t at, size_t size)
{
    char *bytes = out;
    while (size > 0) {
        ssize_t got = pread(file->fd, bytes, size, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return clg_fail(CLG_EIO, "%s: read: %s", file->path, strerror(errno));
        if (got == 0)
            return clg_fail(CLG_EDATA, "%s: ends at byte %zu: it was cut while it was read",
                            file->path, at);
        bytes += got;
        at += (size_t)got;
        size -= (size_t)got;
    }
    return CLG_OK;
}

/* Opens the file and finds its size. */
static clg_status open_file(struct clg_tensor_file *file, size_t *size)
{
    struct stat stat;
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0 || fstat(file->fd, &stat) != 0)
        return clg_fail(CLG_EDATA, "%s: cannot be read: %s", file->path, strerror(errno));
    if (S_ISDIR(stat.st_mode))
        return clg_fail(CLG_EDATA, "%s: is a folder: give the model file in it", file->path);
    if (!S_ISREG(stat.st_mode))
        return clg_fail(CLG_EDATA, "%s: is not a regular file", file->path);
    *size = (size_t)stat.st_size;
    return CLG_OK;
}

/* The header's bytes, checked against the file's size, as JSON. */
static clg_status read_header(struct clg_tensor_file *file)
{
    unsigned char prefix[8];
    size_t size = 0, length;
    char *text = NULL;
    clg_status status;
    json_t *header = NULL;
    json_error_t error;
    CLG_TRY(open_file(file, &size));
    if (size < sizeof prefix)
        return clg_fail(CLG_EDATA,
                        "%s: %zu bytes are no safetensors file: byte %zu lies inside the length of "
                        "its header",
                        file->path, size, size);
    CLG_TRY(read_at(prefix, file, 0, sizeof prefix));
    uint64_t stated = little_endian(prefix, 8);
    if (stated > HEADER_LIMIT || stated > size - sizeof prefix)
        return clg_fail(CLG_EDATA,
                        "%s: no safetensors file, or cut short: byte 0 begins a header of %llu "
                        "bytes, and the file has %zu",
                        file->path, (unsigned long long)stated, size);
    length = (size_t)stated;
    CLG_TRY_DONE(clg_alloc(&text, length, 1, "a model file's header"));
    CLG_TRY_DONE(read_at(text, file, sizeof prefix, length));
    if (length && text[0] == '{')
        CLG_TRY_DONE(
            clg_json_parse(&header, &error, text, length, JSON_REJECT_DUPLICATES, file->path));
    file->header = header;
    if (!json_is_object((json_t *)file->header))
        status = clg_fail(CLG_EDATA, "%s: its header, bytes 8 to %zu, is not a JSON object",
                          file->path, sizeof prefix + length);
    file->data_at = sizeof prefix + length;
    file->data_size = size - file->data_at;
done:
    free(text);
    return status;
}

/* Whether a message says at which byte. */
static int names_byte(const char *line)
{
    for (const char *at = line; (at = strstr(at, " byte")); at++) {
        const char *number = at + (at[5] == 's' ? 7 : 6);
        if (number[-1] == ' ' && *number >= '0' && *number <= '9')
            return 1;
    }
    return 0;
}

clg_status clg_tensor_file_place(clg_status status, const struct clg_tensor_file *file)
{
    char detail[2048];
    if (status != CLG_EDATA || names_byte(clg_last_error()))
        return status;
    snprintf(detail, sizeof detail, "%s", clg_last_error());
    return clg_fail(status, "%s (header: bytes 8 to %zu)", detail, file->data_at - 1);
}

static clg_status check_metadata(const struct clg_tensor_file *file)
{
    json_t *metadata = json_object_get(file->header, "__metadata__"), *value;
    const char *key;
    if (metadata && !json_is_object(metadata))
        return clg_fail(CLG_EDATA, "%s: __metadata__ is not an object", file->path);
    json_object_foreach(metadata, key, value) if (!json_is_string(value)) return clg_fail(
        CLG_EDATA, "%s: __metadata__ holds a value that is not a string", file->path);
    return CLG_OK;
}

/* A whole number from 0 that size_t holds. */
static int read_size(size_t *out, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return 0;
    *out = (size_t)json_integer_value(value);
    return 1;
}

static clg_status read_shape(struct clg_tensor *tensor, const json_t *shape, const char *path)
{
    if (!json_is_array(shape) || json_array_size(shape) > CLG_TENSOR_RANK)
        return clg_fail(CLG_EDATA, "%s: tensor %.100s: its shape is not up to %d sizes", path,
                        tensor->name, CLG_TENSOR_RANK);
    tensor->rank = json_array_size(shape);
    tensor->count = 1;
    for (size_t i = 0; i < tensor->rank; i++)
        if (!read_size(&tensor->shape[i], json_array_get(shape, i)) ||
            !clg_size_mul(&tensor->count, tensor->count, tensor->shape[i]))
            return clg_fail(CLG_EDATA, "%s: tensor %.100s: size %zu of its shape is impossible",
                            path, tensor->name, i);
    return CLG_OK;
}

/* One entry of the header. */
static clg_status read_entry(struct clg_tensor *tensor, const json_t *entry,
                             const struct clg_tensor_file *file)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t end, wanted;
    for (const char *c = tensor->name; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127)
            return clg_fail(CLG_EDATA, "%s: a tensor's name holds a control character", file->path);
    tensor->dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!tensor->dtype || !element_size(tensor->dtype))
        return clg_fail(CLG_EDATA, "%s: tensor %.100s: unknown dtype", file->path, tensor->name);
    CLG_TRY(read_shape(tensor, json_object_get(entry, "shape"), file->path));
    if (json_array_size(offsets) != 2 || !read_size(&tensor->begin, json_array_get(offsets, 0)) ||
        !read_size(&end, json_array_get(offsets, 1)))
        return clg_fail(CLG_EDATA, "%s: tensor %.100s: data_offsets are not two byte numbers",
                        file->path, tensor->name);
    if (tensor->begin > end || end > file->data_size)
        return clg_fail(CLG_EDATA,
                        "%s: tensor %.100s: bytes %zu to %zu of %zu of data: the file is cut "
                        "short or damaged",
                        file->path, tensor->name, tensor->begin, end, file->data_size);
    tensor->size = end - tensor->begin;
    if (!clg_size_mul(&wanted, tensor->count, element_size(tensor->dtype)) ||
        wanted != tensor->size)
        return clg_fail(CLG_EDATA, "%s: tensor %.100s: its shape does not fill its %zu bytes",
                        file->path, tensor->name, tensor->size);
    return CLG_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct clg_tensor *p = a, *q = b;
    if (p->begin != q->begin)
        return p->begin < q->begin ? -1 : 1;
    if (p->size != q->size) /* empty ones first */
        return p->size < q->size ? -1 : 1;
    return strcmp(p->name, q->name);
}

/* All entries, sorted, without gap or overlap. */
static clg_status read_entries(struct clg_tensor_file *file)
{
    const char *name;
    json_t *entry;
    size_t at = 0;
    CLG_TRY(clg_alloc(&file->tensor, json_object_size(file->header), sizeof *file->tensor,
                      "a model file's tensors"));
    json_object_foreach((json_t *)file->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        file->tensor[file->count].name = name;
        CLG_TRY(read_entry(&file->tensor[file->count++], entry, file));
    }
    if (file->count)
        qsort(file->tensor, file->count, sizeof *file->tensor, by_place);
    for (size_t i = 0; i < file->count; at += file->tensor[i++].size)
        if (file->tensor[i].begin != at)
            return clg_fail(CLG_EDATA, "%s: tensor %.100s: starts at byte %zu of the data, not %zu",
                            file->path, file->tensor[i].name, file->tensor[i].begin, at);
    if (at != file->data_size)
        return clg_fail(CLG_EDATA, "%s: %zu bytes follow the last tensor", file->path,
                        file->data_size - at);
    return CLG_OK;
}

clg_status clg_tensor_file_open(struct clg_tensor_file **out, const char *path)
{
    struct clg_tensor_file *file = NULL;
    clg_status status;
    *out = NULL;
    CLG_TRY(clg_alloc(&file, 1, sizeof *file, "a model file"));
    file->fd = -1;
    CLG_TRY_DONE(clg_text_copy(&file->path, path));
    CLG_TRY_DONE(read_header(file));
    CLG_TRY_DONE(clg_tensor_file_place(check_metadata(file), file));
    CLG_TRY_DONE(clg_tensor_file_place(read_entries(file), file));
    *out = file;
    file = NULL;
done:
    clg_tensor_file_close(file);
    return status;
}

void clg_tensor_file_close(struct clg_tensor_file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    json_decref(file->header);
    free(file->tensor);
    free(file->path);
    free(file);
}

const char *clg_tensor_file_metadata(const struct clg_tensor_file *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

struct clg_tensor *clg_tensor_file_find(struct clg_tensor_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->tensor[i].name, name) != 0)
            continue;
        file->tensor[i].used = 1;
        return &file->tensor[i];
    }
    return NULL;
}

/* count elements of 4 or 8 bytes as doubles. */
static void decode(double *values, const unsigned char *bytes, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++, bytes += size) {
        uint64_t word = little_endian(bytes, (int)size);
        if (size == 8) {
            memcpy(&values[i], &word, 8);
        } else {
            uint32_t bits = (uint32_t)word;
            float value;
            memcpy(&value, &bits, 4);
            values[i] = (double)value;
        }
    }
}

clg_status clg_tensor_file_read(double *values, const struct clg_tensor_file *file,
                                const struct clg_tensor *tensor)
{
    unsigned char *chunk = NULL;
    clg_status status;
    if (strcmp(tensor->dtype, "F32") != 0 && strcmp(tensor->dtype, "F64") != 0)
        return clg_fail(CLG_EDATA, "%s: tensor %.100s: dtype %s; F32 and F64 can be read",
                        file->path, tensor->name, tensor->dtype);
    size_t size = element_size(tensor->dtype), step;
    CLG_TRY(clg_alloc(&chunk, CHUNK, 1, "a read buffer"));
    status = CLG_OK;
    for (size_t at = 0; at < tensor->size; at += step) {
        step = tensor->size - at < CHUNK ? tensor->size - at : CHUNK;
        CLG_TRY_DONE(read_at(chunk, file, file->data_at + tensor->begin + at, step));
        decode(values + at / size, chunk, step / size, size);
    }
done:
    free(chunk);
    return status;
}

clg_status clg_tensor_file_crc(uint32_t *crc, const struct clg_tensor_file *file)
{
    unsigned char *chunk = NULL;
    clg_status status = CLG_OK;
    uLong sum = crc32(0, NULL, 0);
    size_t step;
    CLG_TRY(clg_alloc(&chunk, CHUNK, 1, "a read buffer"));
    for (size_t at = 0; at < file->data_size; at += step) {
        step = file->data_size - at < CHUNK ? file->data_size - at : CHUNK;
        CLG_TRY_DONE(read_at(chunk, file, file->data_at + at, step));
        sum = crc32(sum, chunk, (uInt)step);
    }
    *crc = (uint32_t)sum;
done:
    free(chunk);
    return status;
}

const char *clg_tensor_shape_text(char *text, size_t size, const struct clg_tensor *tensor)
{
    size_t used = 0;
    for (size_t i = 0; i < tensor->rank && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%zu", i ? "," : "[", tensor->shape[i]);
    if (used < size)
        snprintf(text + used, size - used, tensor->rank ? "]" : "[]");
    return text;
}
