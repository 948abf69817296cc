/* Allocation with checked sizes. */
#define _GNU_SOURCE
#include "core/memory.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int clg_size_mul(size_t *out, size_t a, size_t b)
{
    if (b != 0 && a > SIZE_MAX / b) {
        *out = SIZE_MAX;
        return 0;
    }
    *out = a * b;
    return 1;
}

clg_status clg_alloc(void *out, size_t count, size_t size, const char *what)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    memcpy(out, &memory, sizeof memory);
    if (!memory)
        return clg_fail(CLG_ENOMEM, "no memory for %s: %zu items of %zu bytes", what, count, size);
    return CLG_OK;
}

clg_status clg_text_copy(char **out, const char *text)
{
    size_t size = strlen(text) + 1;
    CLG_TRY(clg_alloc(out, size, 1, "a text"));
    memcpy(*out, text, size);
    return CLG_OK;
}

int clg_fits_int(size_t value)
{
    return value <= (size_t)INT_MAX;
}

size_t clg_host_limit(void)
{
    const char *text = getenv("CLGRAD_HOST_LIMIT");
    if (text && *text) {
        char *end = NULL;
        unsigned long long limit = strtoull(text, &end, 10);
        if (end != text && *end == '\0' && limit > 0)
            return (size_t)limit;
    }
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page <= 0)
        return (size_t)1 << 30;
    return (size_t)pages / 4 * 3 * (size_t)page;
}
