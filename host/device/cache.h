/* Program binaries kept between runs.  A stored binary is used only where its whole key, its length
 * and its checksum agree and nobody else could have written it; in any doubt the program is built
 * from source and the file replaced. */
#ifndef CLG_DEVICE_CACHE_H
#define CLG_DEVICE_CACHE_H

#include "device/device.h"

/* Makes the folder where it is missing and removes what dead writers left in it.  0 where nothing is
 * to be read from it or kept there, the folder being another user's for one; note says why, or what
 * else the user should know of it: "" where nothing. */
int clg_cache_open(char *note, size_t size);

/* Text that tells one binary from all others: device, driver, processor, source, options, version.
 * The caller frees it. */
clg_status clg_cache_key(char **key, clg_device *device, const char *program, const char *source,
                         const char *options);

/* The binary stored under key, NULL where there is none to trust.  The caller frees it. */
unsigned char *clg_cache_load(size_t *size, const char *key);

/* Stores it; failures are ignored. */
void clg_cache_store(const char *key, const unsigned char *binary, size_t size);

#endif
