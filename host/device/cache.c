/* The files of program binaries: key, format, checks.  Knows nothing of how programs are built. */
#define _GNU_SOURCE
#include "device/cache.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* A file: this header, the key, the binary, nothing behind.  Numbers in the host's byte order: the
 * processor is part of the key. */
struct header {
    char magic[8];
    uint64_t key_size, binary_size, binary_crc;
};
static const char magic[8] = {'c', 'l', 'g', 'b', 'i', 'n', '0', '1'};

enum { LARGEST = 256 << 20 };

static uint32_t checksum(const void *data, size_t size)
{
    return (uint32_t)crc32_z(0, data, size);
}

/* The processor by model and features: a CPU driver's binary may use any of them.  Only the first
 * processor's lines are read. */
static void describe_processor(char *out, size_t size)
{
    char line[8192], model[256] = "";
    uint32_t features = 0;
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && fgets(line, sizeof line, file) && *line != '\n') {
        const char *value = strchr(line, ':');
        if (value && strncmp(line, "model name", 10) == 0)
            snprintf(model, sizeof model, "%.*s", (int)strcspn(value + 1, "\n"), value + 1);
        else if (value && (strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0))
            features = checksum(value, strlen(value));
    }
    if (file)
        fclose(file);
    snprintf(out, size, "%s %08x", model, (unsigned)features);
}

/* The device's part of every key, made once. */
static clg_status device_key(const char **out, clg_device *device)
{
    char platform[256] = "", processor[320] = "";
    const clg_device_info *info = &device->info;
    cl_platform_id id = NULL;
    if (!device->cache_key) {
        CLG_CL(clGetDeviceInfo, (device->id, CL_DEVICE_PLATFORM, sizeof id, &id, NULL));
        if (clGetPlatformInfo(id, CL_PLATFORM_VERSION, sizeof platform - 1, platform, NULL))
            *platform = '\0';
        if (strcmp(info->type, "cpu") == 0)
            describe_processor(processor, sizeof processor);
        size_t size = sizeof *info + sizeof platform + sizeof processor + 64;
        CLG_TRY(clg_alloc(&device->cache_key, size, 1, "a cache key"));
        snprintf(device->cache_key, size,
                 "clgrad %s\nplatform %s, %s\ndevice %s, %s, %s\ndriver %s\nprocessor%s\n"
                 "pointer %zu\n",
                 CLG_VERSION, info->platform_name, platform, info->name, info->vendor,
                 info->opencl_version, info->driver_version, processor, sizeof(void *));
    }
    *out = device->cache_key;
    return CLG_OK;
}

clg_status clg_cache_key(char **key, clg_device *device, const char *program, const char *source,
                         const char *options)
{
    const char *front;
    *key = NULL;
    CLG_TRY(device_key(&front, device));
    size_t size = strlen(front) + strlen(program) + strlen(options) + 96;
    CLG_TRY(clg_alloc(key, size, 1, "a cache key"));
    snprintf(*key, size, "%sprogram %s\nsource %zu %08x\noptions %s\n", front, program,
             strlen(source), (unsigned)checksum(source, strlen(source)), options);
    return CLG_OK;
}

/* The folder as the environment says it; 0 where it says none. */
static int cache_folder(char *out, size_t size)
{
    const char *own = getenv("CLGRAD_CACHE"), *cache = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    int length;
    if (own && *own)
        length = snprintf(out, size, "%s", own);
    else if (cache && *cache == '/') /* a relative one is to be ignored, says its specification */
        length = snprintf(out, size, "%s/clgrad", cache);
    else if (home && *home == '/')
        length = snprintf(out, size, "%s/.cache/clgrad", home);
    else
        return 0;
    return length > 0 && (size_t)length < size;
}

static int is_foreign(const struct stat *about)
{
    return about->st_uid != geteuid() && about->st_uid != 0;
}

/* Why nothing may be read from folder or kept there, or NULL. */
static const char *refuses(const char *folder)
{
    struct stat link, about;
    if (lstat(folder, &link) != 0 || stat(folder, &about) != 0)
        return strerror(errno);
    if (S_ISLNK(link.st_mode) && is_foreign(&link))
        return "another user's link";
    if (!S_ISDIR(about.st_mode))
        return "is no folder";
    return is_foreign(&about) ? "another user's folder" : NULL;
}

/* Makes it where that is asked for; 0 where it is not there or not to be trusted. */
static int is_usable(const char *folder, int make)
{
    return (!make || clg_folder_make(folder, 0700) == CLG_OK) && !refuses(folder);
}

/* FOLDER/16 digits.bin, a hash: the key itself decides.  0 where there is no folder. */
static int cache_path(char *out, size_t size, const char *key, int make)
{
    char folder[4096];
    if (!cache_folder(folder, sizeof folder) || !is_usable(folder, make))
        return 0;
    unsigned long long hash = clg_text_hash(key);
    int length = snprintf(out, size, "%s/%016llx.bin", folder, hash);
    return length > 0 && (size_t)length < size;
}

/* The whole file, NULL where it is missing, not plain, not this user's or others may write it. */
static unsigned char *read_trusted(size_t *size, const char *path)
{
    struct stat about;
    unsigned char *bytes = NULL;
    size_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == geteuid() &&
        (about.st_mode & (S_IWGRP | S_IWOTH)) == 0 && about.st_size > 0 && about.st_size <= LARGEST)
        bytes = malloc((size_t)about.st_size);
    while (bytes && length < (size_t)about.st_size) {
        ssize_t got = read(fd, bytes + length, (size_t)about.st_size - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    close(fd);
    if (bytes && length != (size_t)about.st_size) {
        free(bytes);
        bytes = NULL;
    }
    *size = length;
    return bytes;
}

/* Whether these bytes are a stored binary of key, whole and unharmed. */
static int is_intact(const unsigned char *bytes, size_t size, const char *key)
{
    struct header header;
    size_t key_size = strlen(key);
    if (size < sizeof header)
        return 0;
    memcpy(&header, bytes, sizeof header);
    size -= sizeof header;
    bytes += sizeof header;
    return memcmp(header.magic, magic, sizeof magic) == 0 && header.key_size == key_size &&
           key_size <= size && header.binary_size == size - key_size && header.binary_size > 0 &&
           memcmp(bytes, key, key_size) == 0 &&
           header.binary_crc == checksum(bytes + key_size, size - key_size);
}

unsigned char *clg_cache_load(size_t *size, const char *key)
{
    char path[4352];
    size_t length, front = sizeof(struct header) + strlen(key);
    *size = 0;
    if (!cache_path(path, sizeof path, key, 0))
        return NULL;
    unsigned char *bytes = read_trusted(&length, path);
    if (bytes && is_intact(bytes, length, key)) {
        *size = length - front;
        memmove(bytes, bytes + front, *size);
        return bytes;
    }
    free(bytes);
    return NULL;
}

void clg_cache_store(const char *key, const unsigned char *binary, size_t size)
{
    char path[4352];
    unsigned char *bytes = NULL;
    size_t key_size = strlen(key);
    if (size == 0 || size > LARGEST / 2 || !cache_path(path, sizeof path, key, 1))
        return;
    struct header header = {
        .key_size = key_size, .binary_size = size, .binary_crc = checksum(binary, size)};
    memcpy(header.magic, magic, sizeof magic);
    if (clg_alloc(&bytes, sizeof header + key_size + size, 1, "a program binary") != CLG_OK)
        return;
    memcpy(bytes, &header, sizeof header);
    memcpy(bytes + sizeof header, key, key_size);
    memcpy(bytes + sizeof header + key_size, binary, size);
    (void)clg_file_write_own(path, bytes, sizeof header + key_size + size);
    free(bytes);
}

/* ------------------------------------------------------------------ the folder */

/* Files that read_trusted will not take: put there by others, or open to them. */
static int count_untrusted(const char *folder)
{
    struct stat about;
    int count = 0;
    DIR *directory = opendir(folder);
    if (!directory)
        return 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (clg_ends_in(entry->d_name, ".bin") &&
            fstatat(dirfd(directory), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0)
            count += !S_ISREG(about.st_mode) || about.st_uid != geteuid() ||
                     (about.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    closedir(directory);
    return count;
}

int clg_cache_open(char *note, size_t size)
{
    char folder[4096];
    *note = '\0';
    if (!cache_folder(folder, sizeof folder)) {
        snprintf(note, size,
                 "programs are built anew each time: neither CLGRAD_CACHE nor HOME "
                 "names a folder to keep them in");
        return 0;
    }
    const clg_status made = clg_folder_make(folder, 0700);
    const char *why = made == CLG_OK ? refuses(folder) : strerror(errno);
    if (why) {
        snprintf(note, size, "programs are built anew each time: %.400s: %s", folder, why);
        return 0;
    }
    clg_file_sweep(folder);
    const int count = count_untrusted(folder);
    if (access(folder, W_OK) != 0)
        snprintf(note, size, "programs that are built are not kept: %.400s: %s", folder,
                 strerror(errno));
    else if (count)
        snprintf(note, size, "%.400s: files of other users, or open to them, are not used: %d",
                 folder, count);
    return 1;
}
