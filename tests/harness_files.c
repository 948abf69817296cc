/* Files that tests make. */
#include "harness_files.h"

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

const char *files_path(const char *name)
{
    static char path[8][4096];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", harness_folder(), name);
    return path[turn];
}

const char *files_put(const char *name, const void *data, size_t size)
{
    const char *path = files_path(name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

const char *files_text(const char *name, const char *text)
{
    return files_put(name, text, strlen(text));
}

const char *files_gzip(const char *name, const void *data, size_t size)
{
    const char *path = files_path(name);
    gzFile file = gzopen(path, "wb9");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, data, (unsigned)size), (int)size);
    ck_assert_int_eq(gzclose(file), Z_OK);
    return path;
}

unsigned char *files_get(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(*size + 1);
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

size_t files_idx(unsigned char *out, unsigned type, int dims, const unsigned *shape,
                 const void *body, size_t size)
{
    size_t length = 0;
    out[length++] = 0;
    out[length++] = 0;
    out[length++] = (unsigned char)type;
    out[length++] = (unsigned char)dims;
    for (int k = 0; k < dims; k++)
        for (int shift = 24; shift >= 0; shift -= 8)
            out[length++] = (unsigned char)(shape[k] >> shift);
    memcpy(out + length, body, size);
    return length + size;
}

size_t files_npy(unsigned char *out, const char *header, const void *body, size_t size)
{
    size_t text = strlen(header), all = (10 + text + 64) / 64 * 64;
    memset(out, ' ', all);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (unsigned char)((all - 10) & 255);
    out[9] = (unsigned char)((all - 10) >> 8);
    memcpy(out + 10, header, text);
    out[all - 1] = '\n';
    memcpy(out + all, body, size);
    return all + size;
}
