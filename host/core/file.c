/* Whole-file reads and writes that either complete or leave what was there. */
#define _GNU_SOURCE
#include "core/file.h"

#include "core/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct clg_writer {
    char *path, *temporary, *folder;
    int fd;
};

static void writer_free(struct clg_writer *writer)
{
    if (!writer)
        return;
    if (writer->fd >= 0)
        close(writer->fd);
    free(writer->path);
    free(writer->temporary);
    free(writer->folder);
    free(writer);
}

/* The folder of path, "." where it names none. */
static clg_status folder_of(char **out, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
    CLG_TRY(clg_alloc(out, length + 1, 1, "a path"));
    memcpy(*out, slash ? path : ".", length);
    return CLG_OK;
}

/* fchmod that survives signals. */
static int set_mode(int fd, mode_t mode)
{
    int result;
    do
        result = fchmod(fd, mode);
    while (result != 0 && errno == EINTR);
    return result;
}

/* own: for this user alone; else as the umask says, or as the file that is there has it. */
static clg_status writer_open(struct clg_writer **out, const char *path, int own)
{
    struct clg_writer *writer = NULL;
    clg_status status;
    struct stat old;
    *out = NULL;
    CLG_TRY(clg_alloc(&writer, 1, sizeof *writer, "a file writer"));
    writer->fd = -1;
    CLG_TRY_DONE(clg_text_copy(&writer->path, path));
    CLG_TRY_DONE(folder_of(&writer->folder, path));
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t size = strlen(path) + 16;
    CLG_TRY_DONE(clg_alloc(&writer->temporary, size, 1, "a path"));
    for (unsigned try = 0; writer->fd < 0 && try < 100; try++) {
        snprintf(writer->temporary, size, "%.*s.%s.%06x.tmp", (int)(name - path), path, name,
                 ((unsigned)getpid() * 64u + try) & 0xffffffu);
        writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                          own ? 0600 : 0666);
        if (writer->fd < 0 && errno != EEXIST && errno != EINTR)
            break;
    }
    if (writer->fd < 0) {
        status = clg_fail(CLG_EIO, "%s: cannot be written: %s", path, strerror(errno));
        free(writer->temporary); /* it is not ours to remove */
        writer->temporary = NULL;
        goto done;
    }
    (void)flock(writer->fd, LOCK_EX | LOCK_NB); /* what a sweep finds unlocked, nobody writes */
    if (!own && stat(path, &old) == 0 && set_mode(writer->fd, old.st_mode & 0777) != 0)
        status = clg_fail(CLG_EIO, "%s: cannot set its permissions: %s", path, strerror(errno));
done:
    if (status != CLG_OK) {
        clg_writer_abandon(writer);
        return status;
    }
    *out = writer;
    return CLG_OK;
}

clg_status clg_writer_open(struct clg_writer **out, const char *path)
{
    return writer_open(out, path, 0);
}

clg_status clg_write_all(int fd, const char *name, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return clg_fail(CLG_EIO, "%s: cannot be written: %s", name,
                            written < 0 ? strerror(errno) : "nothing was taken");
        bytes += written;
        size -= (size_t)written;
    }
    return CLG_OK;
}

clg_status clg_folder_make(const char *folder, unsigned mode)
{
    char *path;
    clg_status status = CLG_OK;
    if (!*folder)
        return clg_fail(CLG_EIO, "a folder to make has no name");
    CLG_TRY(clg_text_copy(&path, folder));
    for (char *at = path + 1; status == CLG_OK; at++) {
        char held = *at;
        if (held != '/' && held != '\0')
            continue;
        *at = '\0';
        if (mkdir(path, mode) != 0 && errno != EEXIST)
            status = clg_fail(CLG_EIO, "%s: cannot be made: %s", path, strerror(errno));
        *at = held;
        if (held == '\0')
            break;
    }
    free(path);
    return status;
}

clg_status clg_writer_put(struct clg_writer *writer, const void *data, size_t size)
{
    return clg_write_all(writer->fd, writer->path, data, size);
}

/* fsync that survives signals. */
static int sync_fd(int fd)
{
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result;
}

clg_status clg_writer_commit(struct clg_writer *writer)
{
    clg_status status = CLG_OK;
    if (sync_fd(writer->fd) != 0)
        status = clg_fail(CLG_EIO, "%s: fsync: %s", writer->path, strerror(errno));
    int closed = close(writer->fd);
    writer->fd = -1;
    if (status == CLG_OK && closed != 0 && errno != EINTR)
        status = clg_fail(CLG_EIO, "%s: close: %s", writer->path, strerror(errno));
    if (status == CLG_OK && rename(writer->temporary, writer->path) != 0)
        status = clg_fail(CLG_EIO, "%s: rename: %s", writer->path, strerror(errno));
    if (status != CLG_OK) {
        clg_writer_abandon(writer);
        return status;
    }
    int folder = open(writer->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || (sync_fd(folder) != 0 && errno != EINVAL))
        status = clg_fail(CLG_EIO, "%s: fsync of its folder: %s", writer->path, strerror(errno));
    if (folder >= 0)
        close(folder);
    writer_free(writer);
    return status;
}

void clg_writer_abandon(struct clg_writer *writer)
{
    if (writer && writer->temporary)
        unlink(writer->temporary);
    writer_free(writer);
}

static clg_status file_write(const char *path, const void *data, size_t size, int own)
{
    struct clg_writer *writer = NULL;
    CLG_TRY(writer_open(&writer, path, own));
    clg_status status = clg_writer_put(writer, data, size);
    if (status != CLG_OK) {
        clg_writer_abandon(writer);
        return status;
    }
    return clg_writer_commit(writer);
}

clg_status clg_file_write(const char *path, const void *data, size_t size)
{
    return file_write(path, data, size, 0);
}

clg_status clg_file_write_own(const char *path, const void *data, size_t size)
{
    return file_write(path, data, size, 1);
}

clg_status clg_file_read(char **data, size_t *size, const char *path, size_t limit)
{
    clg_status status = CLG_OK;
    char *bytes = NULL;
    size_t length = 0, room = 0;
    *data = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return clg_fail(CLG_EDATA, "%s: cannot be read: %s", path, strerror(errno));
    for (;;) {
        if (length == room) {
            room = room ? 2 * room : 4096;
            char *more = realloc(bytes, room + 1);
            if (!more) {
                status = clg_fail(CLG_ENOMEM, "%s: no memory for %zu bytes", path, room);
                goto done;
            }
            bytes = more;
        }
        ssize_t got = read(fd, bytes + length, room - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            status = errno == EISDIR ? clg_fail(CLG_EDATA, "%s: is a folder, not a file", path)
                                     : clg_fail(CLG_EIO, "%s: read: %s", path, strerror(errno));
            goto done;
        }
        if (got == 0)
            break;
        length += (size_t)got;
        if (length > limit) {
            status = clg_fail(CLG_EDATA, "%s: is larger than the %zu bytes allowed", path, limit);
            goto done;
        }
    }
    bytes[length] = '\0';
    *data = bytes;
    *size = length;
    bytes = NULL;
done:
    free(bytes);
    close(fd);
    return status;
}

/* Whether a writer that lives holds the temporary. */
static int is_held(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const int held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return held;
}

void clg_file_sweep(const char *folder)
{
    DIR *directory = opendir(folder);
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name);
        if (length > 12 && entry->d_name[0] == '.' &&
            strcmp(entry->d_name + length - 4, ".tmp") == 0 &&
            entry->d_name[length - 11] == '.' && !is_held(dirfd(directory), entry->d_name))
            unlinkat(dirfd(directory), entry->d_name, 0);
    }
    closedir(directory);
}
