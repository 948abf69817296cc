/* Allocation with checked sizes: every size that came from a file goes through here. */
#ifndef CLG_CORE_MEMORY_H
#define CLG_CORE_MEMORY_H

#include "core/status.h"

/* *out = a * b; 0 (and *out = SIZE_MAX) where it does not fit. */
int clg_size_mul(size_t *out, size_t a, size_t b);

/* Zeroed memory for count items of size bytes each; the caller frees it with free().  what names it
 * in the message.  A count of 0 gives a valid pointer. */
clg_status clg_alloc(void *out, size_t count, size_t size, const char *what);

/* A copy of text; the caller frees it. */
clg_status clg_text_copy(char **out, const char *text);

/* 0 where a device or file gave a number beyond INT_MAX. */
int clg_fits_int(size_t value);

/* The number of bytes that an environment variable states, 0 where it is unset or empty; CLG_EUSAGE
 * where it is no whole number from 1. */
clg_status clg_bytes_from_environment(uint64_t *bytes, const char *variable);

/* Bytes of decoded data the host may hold: CLGRAD_HOST_LIMIT, or three quarters of memory. */
clg_status clg_host_limit(size_t *bytes);

#endif
