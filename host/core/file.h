/* Files: written whole or not at all, read with the path in every message. */
#ifndef CLG_CORE_FILE_H
#define CLG_CORE_FILE_H

#include "core/status.h"

/* A file that appears under its name only when it is complete: written beside it as
 * .NAME.XXXXXX.tmp, fsynced, renamed, and the folder fsynced.  A file that exists already keeps its
 * permission bits. */
struct clg_writer;
clg_status clg_writer_open(struct clg_writer **out, const char *path);
clg_status clg_writer_put(struct clg_writer *writer, const void *data, size_t size);
/* Completes the file; the writer is gone after it, whatever it returns. */
clg_status clg_writer_commit(struct clg_writer *writer);
/* Gives the file up; accepts NULL. */
void clg_writer_abandon(struct clg_writer *writer);

/* Writes all of data to fd, which messages call name; short writes and EINTR are repeated. */
clg_status clg_write_all(int fd, const char *name, const void *data, size_t size);

/* Makes folder and the folders above it where they are missing, with these permission bits. */
clg_status clg_folder_make(const char *folder, unsigned mode);

/* All of that for one block of bytes. */
clg_status clg_file_write(const char *path, const void *data, size_t size);

/* The same for a file that this user alone may read or write, from its first byte on. */
clg_status clg_file_write_own(const char *path, const void *data, size_t size);

/* Reads a whole file of at most limit bytes; a byte 0 is put behind it.  The caller frees *data. */
clg_status clg_file_read(char **data, size_t *size, const char *path, size_t limit);

/* Removes temporaries of writers that died in this folder; those of living ones stay. */
void clg_file_sweep(const char *folder);

#endif
