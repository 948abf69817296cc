/* Takes the place of malloc, calloc, realloc and free in an executable that is linked with
 * -Wl,--wrap for each of them.  jansson's are measured and never refused: version 2.14 frees twice
 * where it has no memory.  What the C library allocates for itself (streams, threads) is neither
 * seen nor refused; where it hands memory over, its free is not counted. */
#define _GNU_SOURCE
#include "allocation.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static atomic_ullong count, refuse_at;
void (*inject_allocation_seen)(uint64_t index);
static atomic_int refused;
static atomic_llong held, most;

void inject_allocation(uint64_t index)
{
    atomic_store(&refuse_at, index);
    atomic_store(&count, 0);
    atomic_store(&refused, 0);
}

uint64_t inject_allocations(void)
{
    return atomic_load(&count);
}

int inject_refused(void)
{
    return atomic_load(&refused);
}

long long inject_held(void)
{
    return atomic_load(&held);
}

void inject_peak_begin(void)
{
    atomic_store(&most, atomic_load(&held));
}

long long inject_peak(void)
{
    return atomic_load(&most);
}

static int is_refused(void)
{
    unsigned long long index = atomic_fetch_add(&count, 1) + 1;
    if (inject_allocation_seen)
        inject_allocation_seen(index);
    if (index != atomic_load(&refuse_at))
        return 0;
    atomic_store(&refused, 1);
    errno = ENOMEM;
    return 1;
}

static void *taken(void *memory)
{
    long long size = memory ? (long long)malloc_usable_size(memory) : 0;
    long long now = atomic_fetch_add(&held, size) + size;
    if (now > atomic_load(&most)) /* one thread is measured */
        atomic_store(&most, now);
    return memory;
}

static void given(void *memory)
{
    if (memory)
        atomic_fetch_sub(&held, (long long)malloc_usable_size(memory));
}

void *__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : taken(__real_malloc(size));
}

void *__wrap_calloc(size_t items, size_t size)
{
    return is_refused() ? NULL : taken(__real_calloc(items, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    long long before = memory ? (long long)malloc_usable_size(memory) : 0;
    if (is_refused())
        return NULL;
    void *moved = __real_realloc(memory, size);
    if (moved)
        atomic_fetch_sub(&held, before);
    return moved ? taken(moved) : NULL;
}

void __wrap_free(void *memory)
{
    given(memory);
    __real_free(memory);
}

static void *measured_malloc(size_t size)
{
    return taken(__real_malloc(size));
}

__attribute__((constructor)) static void take_jansson(void)
{
    json_set_alloc_funcs(measured_malloc, __wrap_free);
}
