/* Files that tests make: in the test's own folder, plain or compressed, IDX or .npy from parts. */
#ifndef CLG_TESTS_HARNESS_FILES_H
#define CLG_TESTS_HARNESS_FILES_H

#include <stddef.h>

/* The path of a file in harness_folder(); one of eight static buffers, used in turn. */
const char *files_path(const char *name);

/* Writes size bytes (text: up to its 0) and returns the path, as files_path does. */
const char *files_put(const char *name, const void *data, size_t size);
const char *files_text(const char *name, const char *text);

/* The same through gzip. */
const char *files_gzip(const char *name, const void *data, size_t size);

/* A whole file into memory that the caller frees. */
unsigned char *files_get(const char *path, size_t *size);

/* An IDX file: type and dimensions, then the body's bytes as they are; up to eight dimensions.
 * Returns its length in out. */
size_t files_idx(unsigned char *out, unsigned type, int dims, const unsigned *shape,
                 const void *body, size_t size);

/* A .npy file, version 1: the header's text, padded, then the body. */
size_t files_npy(unsigned char *out, const char *header, const void *body, size_t size);

#endif
