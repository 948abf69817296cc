/* Takes the place of open (for writing), write, fsync, rename, close, mkdir and fchmod in an
 * executable that is linked with -Wl,--wrap for each of them. */
#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int __real_open(const char *path, int flags, ...);
int __real_openat(int folder, const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t size);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_close(int fd);
int __real_mkdir(const char *path, mode_t mode);
int __real_fchmod(int fd, mode_t mode);
int __wrap_open(const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_close(int fd);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);

static unsigned calls, spoil_at;
static enum inject_fault fault_now;
static int error_now, lasts;
static const char *spoiled = "";

void inject_disk(unsigned index, enum inject_fault fault, int error, int lasting)
{
    calls = 0;
    spoil_at = index;
    fault_now = fault;
    error_now = error;
    lasts = lasting;
    spoiled = "";
}

unsigned inject_disk_calls(void)
{
    return calls;
}

const char *inject_disk_spoiled(void)
{
    return spoiled;
}

static enum inject_fault note(const char *name)
{
    calls++;
    if (spoil_at == 0 || calls < spoil_at || (calls > spoil_at && !lasts))
        return INJECT_NONE;
    if (calls == spoil_at)
        spoiled = name;
    errno = error_now;
    return fault_now;
}

/* Whether a call that writes nothing fails. */
static int fails(const char *name)
{
    enum inject_fault fault = note(name);
    if (fault == INJECT_ONCE && (strcmp(name, "rename") == 0 || strcmp(name, "mkdir") == 0))
        return 0; /* these are not interrupted */
    return fault == INJECT_ERROR || fault == INJECT_PARTIAL || fault == INJECT_ONCE;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    if ((flags & O_ACCMODE) != O_RDONLY && fails("open"))
        return -1;
    return __real_open(path, flags, mode);
}

int __wrap_openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    if ((flags & O_ACCMODE) != O_RDONLY && fails("openat"))
        return -1;
    return __real_openat(folder, path, flags, mode);
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    switch (note("write")) {
    case INJECT_ERROR:
    case INJECT_ONCE:
        return -1;
    case INJECT_PARTIAL:
        if (size > 1 && __real_write(fd, data, size / 2) < 0)
            return -1;
        errno = error_now;
        return -1;
    case INJECT_SHORT:
        return __real_write(fd, data, size ? 1 : 0);
    case INJECT_NONE:
        break;
    }
    return __real_write(fd, data, size);
}

int __wrap_fsync(int fd)
{
    return fails("fsync") ? -1 : __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    return fails("rename") ? -1 : __real_rename(from, to);
}

/* Linux frees the descriptor whatever close says.  Only what was written is counted. */
int __wrap_close(int fd)
{
    int flags = fcntl(fd, F_GETFL), error = 0;
    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && fails("close"))
        error = errno;
    int result = __real_close(fd);
    if (error) {
        errno = error;
        return -1;
    }
    return result;
}

/* A folder that exists is said to exist by any disk. */
int __wrap_mkdir(const char *path, mode_t mode)
{
    if (access(path, F_OK) == 0)
        return __real_mkdir(path, mode);
    return fails("mkdir") ? -1 : __real_mkdir(path, mode);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    return fails("fchmod") ? -1 : __real_fchmod(fd, mode);
}
