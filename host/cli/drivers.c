/* Drivers that die or hang when they are asked for their devices would take the program with them.
 * So each driver file that is not known yet is first asked in a child, before this process makes
 * its own first OpenCL call; what came of it is remembered by the file's path, size and time.  A
 * broken one is left out by showing the loader a folder with all others.  Leaves out drivers that
 * the loader knows from elsewhere than its folder of .icd files. */
#define _GNU_SOURCE
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_DRIVERS = 32, PATH_SIZE = 1024, ALL = -1 };
static const double patience = 20; /* seconds that a driver has to name its devices */

struct driver {
    char icd[256];  /* its file in the loader's folder */
    uint64_t known; /* hash of what tells this file from its next version */
    int broken;
    char why[64];
};

struct drivers {
    char folder[PATH_SIZE], cache[PATH_SIZE]; /* cache "": nothing is remembered */
    struct driver driver[MOST_DRIVERS];
    int count;
};

/* The folder that the loader is shown in place of its own; "" while there is none. */
static char shown[PATH_SIZE];

/* path = text as printf has it; 0 where it does not fit. */
static int put_path(char path[PATH_SIZE], const char *format, ...) CLI_PRINTF(2, 3);
static int put_path(char path[PATH_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(path, PATH_SIZE, format, arguments);
    va_end(arguments);
    return length > 0 && length < PATH_SIZE;
}

/* ------------------------------------------------------------- the folder */

static int is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static void hash_bytes(uint64_t *hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static int hash_file(uint64_t *hash, const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return 0;
    hash_bytes(hash, &about.st_size, sizeof about.st_size);
    hash_bytes(hash, &about.st_mtim.tv_sec, sizeof about.st_mtim.tv_sec);
    hash_bytes(hash, &about.st_mtim.tv_nsec, sizeof about.st_mtim.tv_nsec);
    return 1;
}

/* The library that an .icd file names, looked for where the dynamic linker would. */
static void hash_library(uint64_t *hash, const char *name)
{
    static const char usual[] =
        "/usr/local/lib:/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu:"
        "/usr/lib64:/usr/lib:/lib64:/lib";
    const char *set = getenv("LD_LIBRARY_PATH");
    const char *lists[] = {set ? set : "", usual};
    char path[PATH_SIZE];
    hash_bytes(hash, name, strlen(name));
    if (strchr(name, '/')) {
        hash_file(hash, name);
        return;
    }
    for (size_t k = 0; k < 2; k++)
        for (const char *at = lists[k]; *at;) {
            size_t length = strcspn(at, ":");
            if (put_path(path, "%.*s/%s", (int)length, at, name) && hash_file(hash, path))
                return;
            at += length + (at[length] == ':');
        }
}

static void identify(struct driver *driver, const char *folder)
{
    char path[PATH_SIZE], line[PATH_SIZE] = "";
    driver->known = UINT64_C(0xcbf29ce484222325);
    if (!put_path(path, "%s/%s", folder, driver->icd))
        return;
    hash_bytes(&driver->known, path, strlen(path));
    hash_file(&driver->known, path);
    FILE *file = fopen(path, "re");
    if (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, " \t\r\n")] = '\0';
        hash_library(&driver->known, line);
    }
    if (file)
        fclose(file);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct driver *)a)->icd, ((const struct driver *)b)->icd);
}

static void find_drivers(struct drivers *all)
{
    const char *set = getenv("OCL_ICD_VENDORS");
    const char *folder = set && *set ? set : "/etc/OpenCL/vendors";
    DIR *directory =
        is_folder(folder) && put_path(all->folder, "%s", folder) ? opendir(folder) : NULL;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || length >= sizeof all->driver->icd || all->count == MOST_DRIVERS ||
            strcmp(entry->d_name + length - 4, ".icd") != 0)
            continue;
        struct driver *driver = &all->driver[all->count++];
        snprintf(driver->icd, sizeof driver->icd, "%.250s", entry->d_name);
        identify(driver, folder);
    }
    if (directory)
        closedir(directory);
    qsort(all->driver, (size_t)all->count, sizeof *all->driver, by_name);
}

/* ------------------------------------------------------- what is remembered */

static void find_cache(char cache[PATH_SIZE], const struct cli *cli)
{
    const char *own = getenv("CLGRAD_CACHE"), *common = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    int found = 0;
    if (strcmp(clg_config_get(cli->config, "no-cache"), "true") == 0)
        found = 0;
    else if (own && *own)
        found = put_path(cache, "%s", own);
    else if (common && *common == '/')
        found = put_path(cache, "%s/clgrad", common);
    else if (home && *home == '/')
        found = put_path(cache, "%s/.cache/clgrad", home);
    if (!found)
        cache[0] = '\0';
}

/* Whether what lies in cache is this user's own: the rule that program binaries have, too. */
static int is_trusted(const char *cache)
{
    struct stat link, about;
    return lstat(cache, &link) == 0 && stat(cache, &about) == 0 && S_ISDIR(about.st_mode) &&
           (link.st_uid == geteuid() || link.st_uid == 0 || !S_ISLNK(link.st_mode)) &&
           (about.st_uid == geteuid() || about.st_uid == 0);
}

/* What is remembered of the driver, where nobody else could have written it; 0 where nothing is. */
static int recall(struct driver *driver, const char *cache)
{
    char path[PATH_SIZE], text[128] = "";
    struct stat about;
    ssize_t got = -1;
    if (!is_trusted(cache) || !put_path(path, "%s/driver-%016" PRIx64, cache, driver->known))
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return 0;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == geteuid() &&
        (about.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0)
        return 0;
    driver->broken = strncmp(text, "broken ", 7) == 0;
    if (driver->broken)
        cli_clean(driver->why, sizeof driver->why, text + 7);
    return driver->broken || strcmp(text, "whole") == 0;
}

/* Failures are ignored: the driver is asked again the next time. */
static void remember(const struct driver *driver, const char *cache)
{
    char path[PATH_SIZE], temporary[PATH_SIZE], text[128];
    if (!*cache || !put_path(path, "%s/driver-%016" PRIx64, cache, driver->known) ||
        !put_path(temporary, "%s/.driver-%016" PRIx64 ".%06x.tmp", cache, driver->known,
                  (unsigned)getpid() & 0xffffffu))
        return;
    mkdir(cache, 0700);
    if (!is_trusted(cache))
        return;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int length = snprintf(text, sizeof text, driver->broken ? "broken %s" : "whole", driver->why);
    if (fd < 0)
        return;
    int whole = write(fd, text, (size_t)length) == length;
    if (close(fd) != 0 || !whole || rename(temporary, path) != 0)
        unlink(temporary);
}

/* ----------------------------------------------------------------- probing */

/* A new folder with links to one driver, or (ALL) to those that are not broken. */
static int make_folder(char folder[PATH_SIZE], const struct drivers *all, int only)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    const char *temporary = getenv("TMPDIR");
    if (!put_path(folder, "%s/clgrad-drivers.XXXXXX",
                  temporary && *temporary ? temporary : "/tmp") ||
        !mkdtemp(folder))
        return 0;
    for (int i = 0; i < all->count; i++)
        if ((only == ALL ? !all->driver[i].broken : i == only) &&
            put_path(from, "%s/%s", all->folder, all->driver[i].icd) &&
            put_path(to, "%s/%s", folder, all->driver[i].icd) && symlink(from, to) != 0)
            return 0;
    return 1;
}

static void remove_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    rmdir(folder);
}

/* In the child: asks for everything that a device says of itself, in silence. */
static void ask(const char *folder)
{
    const struct rlimit no_core = {0, 0};
    clg_device_info *list = NULL;
    size_t count;
    int silence = open("/dev/null", O_RDWR);
    for (int fd = 0; silence >= 0 && fd < 3; fd++)
        dup2(silence, fd);
    setrlimit(RLIMIT_CORE, &no_core);
    setenv("OCL_ICD_VENDORS", folder, 1);
    unsetenv("OCL_ICD_FILENAMES");
    signal(SIGINT, SIG_DFL);
    (void)clg_device_list(&list, &count);
    _exit(0); /* a driver that dies in its own end is met at the program's, with all work done */
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Waits for the child; 0 where it took too long and was killed. */
static int wait_for(pid_t child, int *result)
{
    const struct timespec pause = {0, 2000000};
    const char *set = getenv("CLGRAD_TIMEOUT");
    double limit = set && atof(set) > 0 ? atof(set) : patience, end = seconds() + limit;
    for (;;) {
        pid_t got = waitpid(child, result, WNOHANG);
        if (got == child)
            return 1;
        if (got < 0 && errno != EINTR) {
            *result = 0;
            return 1;
        }
        if (seconds() > end)
            break;
        nanosleep(&pause, NULL);
    }
    kill(child, SIGKILL);
    while (waitpid(child, result, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

/* Asks driver number i in a child. */
static void probe(struct drivers *all, int i)
{
    struct driver *driver = &all->driver[i];
    char folder[PATH_SIZE];
    int result = 0;
    if (!make_folder(folder, all, i))
        return;
    pid_t child = fork();
    if (child == 0)
        ask(folder);
    int came_back = child < 0 || wait_for(child, &result);
    remove_folder(folder);
    if (child < 0)
        return;
    if (!came_back) {
        snprintf(driver->why, sizeof driver->why, "hangs when it is asked for its devices");
        driver->broken = 1;
        return; /* not remembered: the machine may just have been slow */
    }
    if (WIFSIGNALED(result)) {
        snprintf(driver->why, sizeof driver->why, "dies of signal %d when asked for its devices",
                 WTERMSIG(result));
        driver->broken = 1;
    }
    remember(driver, all->cache);
}

void cli_show_all_drivers(void)
{
    if (*shown)
        remove_folder(shown);
    shown[0] = '\0';
}

void cli_check_drivers(struct cli *cli)
{
    static int checked;
    static struct drivers all;
    int broken = 0;
    if (checked)
        return;
    checked = 1;
    find_drivers(&all);
    find_cache(all.cache, cli);
    for (int i = 0; i < all.count; i++) {
        if (!recall(&all.driver[i], all.cache))
            probe(&all, i);
        broken += all.driver[i].broken;
        if (all.driver[i].broken)
            cli_say(cli, "driver %s/%s: broken, it %s: left out", all.folder, all.driver[i].icd,
                    all.driver[i].why);
    }
    if (broken == 0)
        return;
    if (!make_folder(shown, &all, ALL)) {
        cli_say(cli, "warning: no folder for temporary files, so a broken driver is not left out");
        return;
    }
    atexit(cli_show_all_drivers);
    setenv("OCL_ICD_VENDORS", shown, 1);
}
