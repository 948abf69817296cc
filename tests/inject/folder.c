/* A folder in /dev/shm, else in /tmp, removed with all that is in it when the test ends. */
#define _GNU_SOURCE
#include "folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_all(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *inject_folder(void)
{
    static const char *const roots[] = {"/dev/shm", "/tmp"};
    for (size_t i = 0; !*folder && i < sizeof roots / sizeof *roots; i++) {
        snprintf(folder, sizeof folder, "%s/clgrad-test.XXXXXX", roots[i]);
        if (!mkdtemp(folder))
            *folder = '\0';
    }
    if (!*folder)
        abort();
    static int registered;
    if (!registered)
        registered = atexit(remove_all) == 0;
    return folder;
}
