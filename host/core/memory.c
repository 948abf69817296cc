/* Allocation with checked sizes. */
#define _GNU_SOURCE
#include "core/memory.h"

#include <errno.h>
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

clg_status clg_bytes_from_environment(uint64_t *bytes, const char *variable)
{
    const char *text = getenv(variable);
    char *end = NULL;
    *bytes = 0;
    if (!text || !*text)
        return CLG_OK;
    errno = 0;
    *bytes = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || *bytes == 0)
        return clg_fail(CLG_EUSAGE, "%s=%s: not a number of bytes from 1", variable, text);
    return CLG_OK;
}

clg_status clg_host_limit(size_t *bytes)
{
    uint64_t stated;
    CLG_TRY(clg_bytes_from_environment(&stated, "CLGRAD_HOST_LIMIT"));
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (stated)
        *bytes = stated < SIZE_MAX ? (size_t)stated : SIZE_MAX;
    else if (pages <= 0 || page <= 0)
        *bytes = (size_t)1 << 30;
    else
        *bytes = (size_t)pages / 4 * 3 * (size_t)page;
    return CLG_OK;
}
