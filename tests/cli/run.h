/* Starting the program from a test, and files for it to read. */
#ifndef CLG_TESTS_CLI_RUN_H
#define CLG_TESTS_CLI_RUN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An environment in which the OpenCL loader finds no driver. */
#define NO_PLATFORM "OCL_ICD_VENDORS=/nonexistent OCL_ICD_FILENAMES="

struct run {
    int code; /* exit code; -1 where a signal ended it */
    char out[1 << 16], err[1 << 16];
};

/* The test's working folder; every run begins in it. */
void run_folder_enter(void);

/* Runs `clgrad ARGUMENTS` through the shell, so that they may redirect; environment is "A=x B=y" or
 * "".  Output beyond the buffers is cut. */
void run_clgrad(struct run *run, const char *environment, const char *arguments);

/* Starts `clgrad ARGUMENTS` with its streams on the three descriptors given, -1: /dev/null. */
pid_t run_start(const char *environment, const char *arguments, int in, int out, int err);

/* Waits for it, at most a minute; its exit code, or -1. */
int run_wait(pid_t pid);

/* How many lines text has. */
int run_lines(const char *text);

/* A number that changes when any file below the working folder does, that of `except` left out. */
uint32_t run_snapshot(const char *except);

int run_exists(const char *path);
void run_remove(const char *path);
void run_write(const char *path, const void *data, size_t size);
void run_write_text(const char *path, const char *text);

/* The whole of a file, with a 0 behind it; the caller frees it. */
char *run_read(const char *path, size_t *size);

/* IDX files of bytes: dims sizes, and as many bytes as they say plus `more` (may be negative). */
void run_write_idx(const char *path, const uint32_t *sizes, int dims, long more);

/* A .npy file, format 1.0. */
void run_write_npy(const char *path, const char *descr, const char *shape, const void *data,
                   size_t size);

#endif
