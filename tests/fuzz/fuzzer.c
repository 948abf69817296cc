/* A libFuzzer program for the target whose name it has behind its last underscore: fuzz_npy.  Half
 * of the changes are libFuzzer's own, half those of mutate.c. */
#define _GNU_SOURCE
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t room);

static const struct fuzz_target *target;
static char folder[] = "/tmp/clgrad-fuzz.XXXXXX";
static const char *path;

static void clear(void)
{
    unlink(path);
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    const char *name = strrchr((*arguments)[0], '_');
    (void)count;
    target = name ? fuzz_target_of(name + 1) : NULL;
    if (!target || !mkdtemp(folder)) {
        fprintf(stderr, "%s: names no target\n", (*arguments)[0]);
        exit(2);
    }
    path = fuzz_place(target, folder);
    atexit(clear);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint64_t decoded = 0;
    fuzz_write(path, bytes, size);
    clg_status status = target->load(path, &decoded);
    if (status != CLG_OK && (strchr(clg_last_error(), '\n') || !*clg_last_error())) {
        fprintf(stderr, "not one line: %s\n", clg_last_error());
        abort();
    }
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed)
{
    uint64_t random = seed + 1u;
    if (seed % 2)
        return LLVMFuzzerMutate(bytes, size, room);
    return fuzz_mutate(target, bytes, size, room, &random);
}
