/* The mutator that knows the formats' words, numbers, lengths and checksums, so that changed files
 * get past the first checks.  Deterministic: the same state gives the same change. */
#define _GNU_SOURCE
#include "target.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

struct file {
    unsigned char *bytes;
    size_t size, room;
    uint64_t *random;
};

uint64_t fuzz_random(uint64_t *random)
{
    uint64_t x = *random ? *random : 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *random = x;
}

/* A number below limit, 0 where limit is. */
static size_t below(struct file *file, size_t limit)
{
    return limit ? (size_t)(fuzz_random(file->random) >> 11) % limit : 0;
}

/* Puts length bytes of text in the place of gone bytes from at on, as far as there is room. */
static void put_span(struct file *file, size_t at, size_t gone, const void *text, size_t length)
{
    if (at > file->size || gone > file->size - at || file->size - gone + length > file->room)
        return;
    memmove(file->bytes + at + length, file->bytes + at + gone, file->size - at - gone);
    memcpy(file->bytes + at, text, length);
    file->size += length - gone;
}

static void flip(struct file *file)
{
    if (file->size)
        file->bytes[below(file, file->size)] ^= (unsigned char)(1u << below(file, 8));
}

static void set_byte(struct file *file)
{
    static const unsigned char bytes[] = {0, 1, 0x7f, 0x80, 0xff, '\n', '"', ',', ' ', '-'};
    if (file->size)
        file->bytes[below(file, file->size)] = bytes[below(file, sizeof bytes)];
}

/* A binary number of 1 to 8 bytes at the edge of what types hold, in either byte order. */
static void set_number(struct file *file)
{
    static const uint64_t numbers[] = {0,
                                       1,
                                       2,
                                       0x7f,
                                       0x80,
                                       0xff,
                                       0x7fff,
                                       0x8000,
                                       0xffff,
                                       0x7fffffff,
                                       0x80000000,
                                       0xffffffff,
                                       0x100000000,
                                       0x7fffffffffffffff,
                                       0x8000000000000000,
                                       0xffffffffffffffff};
    size_t width = (size_t)1 << below(file, 4);
    uint64_t number = numbers[below(file, sizeof numbers / sizeof *numbers)];
    int big = (int)below(file, 2);
    if (file->size < width)
        return;
    size_t at = below(file, file->size - width + 1);
    number += below(file, 4) == 0 ? below(file, 5) - 2 : 0;
    for (size_t i = 0; i < width; i++)
        file->bytes[at + (big ? width - 1 - i : i)] = (unsigned char)(number >> (8 * i));
}

/* A decimal number in text becomes another. */
static void set_decimal(struct file *file)
{
    static const char *const numbers[] = {"0",
                                          "-1",
                                          "1",
                                          "2147483647",
                                          "2147483648",
                                          "4294967296",
                                          "-0",
                                          "1e99",
                                          "1e-9",
                                          "9223372036854775807",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "3",
                                          "nan",
                                          "inf",
                                          "00000000000000000001",
                                          "4611686018427387904",
                                          "1048577"};
    size_t at = below(file, file->size), end;
    const char *number = numbers[below(file, sizeof numbers / sizeof *numbers)];
    while (at < file->size && !isdigit(file->bytes[at]))
        at++;
    for (end = at; end < file->size && isdigit(file->bytes[end]);)
        end++;
    put_span(file, at, end - at, number, strlen(number));
}

static void put_word(struct file *file, const char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    const char *word = words[below(file, count)];
    size_t length = strlen(word), at = below(file, file->size + 1);
    put_span(file, at, below(file, 2) && length <= file->size - at ? length : 0, word, length);
}

static void remove_span(struct file *file)
{
    size_t at = below(file, file->size), most = file->size - at;
    put_span(file, at, below(file, most < 16 ? most + 1 : 16), "", 0);
}

static void repeat_span(struct file *file)
{
    unsigned char span[64];
    size_t at = below(file, file->size), length = below(file, sizeof span);
    length = length > file->size - at ? file->size - at : length;
    memcpy(span, file->bytes + at, length);
    for (size_t times = 1 + below(file, 4); times; times--)
        put_span(file, at, 0, span, length);
}

static void change(struct file *file, const struct fuzz_target *target)
{
    switch (below(file, 9)) {
    case 0:
    case 1:
        flip(file);
        break;
    case 2:
        set_byte(file);
        break;
    case 3:
        target->is_text ? set_decimal(file) : set_number(file);
        break;
    case 4:
        set_decimal(file);
        break;
    case 5:
        put_word(file, target->words);
        break;
    case 6:
        remove_span(file);
        break;
    case 7:
        repeat_span(file);
        break;
    default:
        file->size = below(file, 8) ? file->size : below(file, file->size + 1);
        break;
    }
}

size_t fuzz_mutate(const struct fuzz_target *target, unsigned char *bytes, size_t size, size_t room,
                   uint64_t *random)
{
    enum { MOST = 1 << 16 };
    static unsigned char inner[MOST];
    struct file file = {bytes, size, room, random};
    size_t unpacked = below(&file, 2) ? fuzz_unpack(inner, MOST / 2, bytes, size) : 0;
    if (unpacked)
        file = (struct file){inner, unpacked, MOST / 2, random};
    for (size_t changes = 1 + below(&file, 4); changes; changes--)
        change(&file, target);
    if (target->repair && below(&file, 4))
        file.size = target->repair(file.bytes, file.size, file.room);
    if (!unpacked)
        return file.size;
    size = fuzz_pack(bytes, room, inner, file.size);
    return size ? size : 1;
}

size_t fuzz_unpack(unsigned char *out, size_t room, const unsigned char *bytes, size_t size)
{
    z_stream stream = {0};
    if (size < 2 || bytes[0] != 0x1f || bytes[1] != 0x8b || inflateInit2(&stream, 15 + 16) != Z_OK)
        return 0;
    stream.next_in = (unsigned char *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    int end = inflate(&stream, Z_FINISH) == Z_STREAM_END;
    inflateEnd(&stream);
    return end ? (size_t)stream.total_out : 0;
}

size_t fuzz_pack(unsigned char *out, size_t room, const unsigned char *bytes, size_t size)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    stream.next_in = (unsigned char *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    int end = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    deflateEnd(&stream);
    return end ? (size_t)stream.total_out : 0;
}

void fuzz_write(const char *path, const unsigned char *bytes, size_t size)
{
    /* not truncated first: some file systems wait for the disk then */
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || pwrite(file, bytes, size, 0) != (ssize_t)size ||
        ftruncate(file, (off_t)size) != 0 || close(file) != 0) {
        fprintf(stderr, "fuzz: %s cannot be written\n", path);
        abort();
    }
}
