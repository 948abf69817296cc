/* Files read front to back, plain or gzip by their first bytes, with the length checked before
 * memory is taken.  Plain files are mapped where a loader wants them whole.  Knows no format. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "data/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    BLOCK = 1 << 16,
    FIRST_ROOM = 1 << 22, /* what is allocated before any of it was seen */
    GZIP_LIMIT = 1032     /* deflate cannot shrink more than this */
};

struct clg_input {
    char *path;
    int fd;
    int regular; /* size is the file's length */
    uint64_t size;
    int gzip, inflating, between; /* between: a gzip member ended, perhaps another follows */
    z_stream stream;
    unsigned char *block; /* bytes of the file not yet used: block[at..end) */
    size_t at, end;
    uint64_t taken; /* bytes read from the file */
    uint64_t given; /* decoded bytes handed out */
};

const char *clg_input_path(const struct clg_input *input)
{
    return input->path;
}

/* read() that survives signals. */
static clg_status read_some(struct clg_input *input, void *data, size_t size, size_t *got)
{
    ssize_t count;
    do
        count = read(input->fd, data, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return clg_fail(CLG_EIO, "%s: read: %s", input->path, strerror(errno));
    *got = (size_t)count;
    input->taken += *got;
    return CLG_OK;
}

/* Makes at least one byte available in the block, unless the file is at its end. */
static clg_status fill(struct clg_input *input)
{
    size_t got = 0;
    if (input->at < input->end)
        return CLG_OK;
    CLG_TRY(read_some(input, input->block, BLOCK, &got));
    input->at = 0;
    input->end = got;
    return CLG_OK;
}

/* Looks at the first two bytes; a pipe may give them one by one. */
static clg_status find_compression(struct clg_input *input)
{
    while (input->end < 2) {
        size_t got = 0;
        CLG_TRY(read_some(input, input->block + input->end, BLOCK - input->end, &got));
        if (got == 0)
            break;
        input->end += got;
    }
    input->gzip = input->end >= 2 && input->block[0] == 0x1f && input->block[1] == 0x8b;
    if (!input->gzip)
        return CLG_OK;
    if (inflateInit2(&input->stream, 15 + 16) != Z_OK)
        return clg_fail(CLG_ENOMEM, "%s: no memory to decompress it", input->path);
    input->inflating = 1;
    return CLG_OK;
}

clg_status clg_input_open(struct clg_input **out, const char *path)
{
    struct clg_input *input = NULL;
    struct stat about;
    clg_status status;
    *out = NULL;
    CLG_TRY(clg_alloc(&input, 1, sizeof *input, "a file reader"));
    int standard = strcmp(path, "-") == 0;
    input->fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                         : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int open_error = errno;
    CLG_TRY_DONE(clg_text_copy(&input->path, standard ? "standard input" : path));
    if (input->fd < 0) {
        status = clg_fail(CLG_EDATA, "%s: cannot be opened: %s", input->path, strerror(open_error));
        goto done;
    }
    if (fstat(input->fd, &about) != 0) {
        status = clg_fail(CLG_EIO, "%s: fstat: %s", input->path, strerror(errno));
        goto done;
    }
    if (S_ISDIR(about.st_mode)) {
        status = clg_fail(CLG_EDATA, "%s: is a folder, not a file", input->path);
        goto done;
    }
    input->regular = !standard && S_ISREG(about.st_mode);
    input->size = input->regular ? (uint64_t)about.st_size : 0;
    CLG_TRY_DONE(clg_alloc(&input->block, BLOCK, 1, "a file's block"));
    CLG_TRY_DONE(find_compression(input));
done:
    if (status != CLG_OK) {
        clg_input_close(input);
        return status;
    }
    *out = input;
    return CLG_OK;
}

void clg_input_close(struct clg_input *input)
{
    if (!input)
        return;
    if (input->inflating)
        inflateEnd(&input->stream);
    if (input->fd >= 0)
        close(input->fd);
    free(input->block);
    free(input->path);
    free(input);
}

/* Between two gzip members, or at the end of them: *end tells which. */
static clg_status next_member(struct clg_input *input, int *end)
{
    *end = input->at == input->end;
    if (*end)
        return CLG_OK;
    if (input->block[input->at] != 0x1f)
        return clg_fail(CLG_EDATA, "%s: bytes that are not gzip data follow at byte %llu of it",
                        input->path, (unsigned long long)(input->taken - (input->end - input->at)));
    inflateReset(&input->stream);
    input->between = 0;
    return CLG_OK;
}

static clg_status inflate_some(struct clg_input *input, unsigned char *data, size_t size,
                               size_t *got)
{
    size_t room = size < (1u << 30) ? size : (1u << 30);
    input->stream.next_out = data;
    input->stream.avail_out = (uInt)room;
    while (input->stream.avail_out) {
        int end = 0;
        CLG_TRY(fill(input));
        if (input->between) {
            CLG_TRY(next_member(input, &end));
            if (end)
                break;
        }
        if (input->at == input->end)
            return clg_fail(CLG_EDATA, "%s: truncated: the compressed data ends at byte %llu",
                            input->path, (unsigned long long)input->taken);
        input->stream.next_in = input->block + input->at;
        input->stream.avail_in = (uInt)(input->end - input->at);
        int result = inflate(&input->stream, Z_NO_FLUSH);
        input->at = input->end - input->stream.avail_in;
        if (result == Z_STREAM_END)
            input->between = 1;
        else if (result == Z_MEM_ERROR)
            return clg_fail(CLG_ENOMEM, "%s: no memory to decompress it", input->path);
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return clg_fail(CLG_EDATA, "%s: damaged gzip data near byte %llu: %s", input->path,
                            (unsigned long long)(input->taken - (input->end - input->at)),
                            input->stream.msg ? input->stream.msg : "it needs a dictionary");
    }
    *got = room - input->stream.avail_out;
    return CLG_OK;
}

/* Like read(): some bytes, 0 at the end. */
static clg_status take(struct clg_input *input, unsigned char *data, size_t size, size_t *got)
{
    if (input->gzip)
        return inflate_some(input, data, size, got);
    if (input->at == input->end && size >= BLOCK)
        return read_some(input, data, size, got);
    CLG_TRY(fill(input));
    *got = input->end - input->at < size ? input->end - input->at : size;
    memcpy(data, input->block + input->at, *got);
    input->at += *got;
    return CLG_OK;
}

clg_status clg_input_read(struct clg_input *input, void *data, size_t size, size_t *got)
{
    *got = 0;
    while (*got < size) {
        size_t part = 0;
        CLG_TRY(take(input, (unsigned char *)data + *got, size - *got, &part));
        if (part == 0)
            break;
        *got += part;
        input->given += part;
    }
    return CLG_OK;
}

clg_status clg_input_exact(struct clg_input *input, void *data, size_t size, const char *what)
{
    size_t got = 0;
    CLG_TRY(clg_input_read(input, data, size, &got));
    if (got < size)
        return clg_fail(CLG_EDATA, "%s: truncated: ends at byte %llu, inside its %s", input->path,
                        (unsigned long long)input->given, what);
    return CLG_OK;
}

clg_status clg_check_host_limit(const char *path, size_t bytes)
{
    size_t limit;
    CLG_TRY(clg_host_limit(&limit));
    if (bytes > limit)
        return clg_fail(CLG_EDATA,
                        "%s: needs %zu bytes decoded, and %zu are allowed: raise "
                        "CLGRAD_HOST_LIMIT, or give it as an uncompressed IDX or .npy file",
                        path, bytes, limit);
    return CLG_OK;
}

/* Whether the file can hold size bytes more, by its length alone. */
static clg_status check_length(const struct clg_input *input, size_t size)
{
    uint64_t head = input->given, most;
    if (!input->regular)
        return CLG_OK;
    if (input->gzip) {
        most = input->size > UINT64_MAX / GZIP_LIMIT ? UINT64_MAX : input->size * GZIP_LIMIT;
        if (most < head || size > most - head)
            return clg_fail(CLG_EDATA,
                            "%s: its header asks for %zu bytes after byte %llu, more than %llu "
                            "compressed bytes can hold",
                            input->path, size, (unsigned long long)head,
                            (unsigned long long)input->size);
        return CLG_OK;
    }
    if (input->size - head < size)
        return clg_fail(CLG_EDATA,
                        "%s: truncated: its header asks for %zu bytes after byte %llu, and the "
                        "file ends at byte %llu",
                        input->path, size, (unsigned long long)head,
                        (unsigned long long)input->size);
    if (input->size - head > size)
        return clg_fail(CLG_EDATA, "%s: %llu bytes too many: its data ends at byte %llu",
                        input->path, (unsigned long long)(input->size - head - size),
                        (unsigned long long)(head + size));
    return CLG_OK;
}

/* Reads size bytes into memory that grows with what really comes. */
static clg_status read_body(struct clg_body *body, struct clg_input *input, size_t size)
{
    size_t room = 0, length = 0, got = 0;
    char extra;
    while (length < size) {
        room = room ? 2 * room : FIRST_ROOM;
        room = room > size ? size : room;
        void *more = realloc(body->memory, room);
        if (!more)
            return clg_fail(CLG_ENOMEM, "%s: no memory for %zu bytes", input->path, room);
        body->memory = more;
        CLG_TRY(clg_input_exact(input, (char *)more + length, room - length, "data"));
        length = room;
    }
    body->data = body->memory;
    uint64_t end = input->given;
    CLG_TRY(clg_input_read(input, &extra, 1, &got));
    if (got)
        return clg_fail(CLG_EDATA, "%s: bytes too many: its data ends at byte %llu", input->path,
                        (unsigned long long)end);
    return CLG_OK;
}

clg_status clg_input_body(struct clg_body *body, struct clg_input *input, size_t size)
{
    memset(body, 0, sizeof *body);
    CLG_TRY(check_length(input, size));
    if (input->regular && !input->gzip && size > 0) {
        size_t head = (size_t)input->given;
        void *mapping = mmap(NULL, head + size, PROT_READ, MAP_PRIVATE, input->fd, 0);
        if (mapping != MAP_FAILED) {
            body->mapping = mapping;
            body->mapping_size = head + size;
            body->data = (const unsigned char *)mapping + head;
            return CLG_OK;
        }
    } /* a file system that cannot map: read it */
    CLG_TRY(clg_check_host_limit(input->path, size));
    clg_status status = read_body(body, input, size);
    if (status != CLG_OK)
        clg_body_clear(body);
    return status;
}

void clg_body_clear(struct clg_body *body)
{
    free(body->memory);
    if (body->mapping)
        munmap(body->mapping, body->mapping_size);
    memset(body, 0, sizeof *body);
}
