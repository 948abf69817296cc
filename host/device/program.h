/* Programs: each .cl file of kernels/ is embedded in the library (cmake/EmbedKernels.cmake makes
 * clg_kernel_sources), joined with prelude.clh, built once per device and options, and their
 * binaries kept under CLGRAD_CACHE. */
#ifndef CLG_DEVICE_PROGRAM_H
#define CLG_DEVICE_PROGRAM_H

#include "device/device.h"

struct clg_kernel_source {
    const char *name; /* "bias" for kernels/bias.cl; "prelude" for prelude.clh */
    const char *text;
};
extern const struct clg_kernel_source clg_kernel_sources[]; /* ends with a NULL name */

/* A kernel, with what a launch must know about it. */
struct clg_kernel {
    cl_kernel kernel;
    cl_uint arguments;    /* CL_KERNEL_NUM_ARGS */
    size_t max_group;     /* CL_KERNEL_WORK_GROUP_SIZE */
    size_t fixed_group[3];/* reqd_work_group_size; zeros: free */
    cl_ulong local_memory;/* CL_KERNEL_LOCAL_MEM_SIZE, bytes */
    char *name;
    struct clg_kernel *next;
};

/* The kernel `name` of (program, options); borrowed, dies with the device. */
clg_status clg_program_find(const struct clg_kernel **out, clg_device *device,
                            const char *program, const char *options, const char *name);

/* The same, the handle alone: what tests enqueue by hand. */
clg_status clg_program_kernel(cl_kernel *out, clg_device *device, const char *program,
                              const char *options, const char *name);

/* Stores the binary of one program built from source since the device was opened; 0 where none is
 * left.  One at a time, since a driver may take a second to make it.  To be called after the first
 * launches; failures to write are ignored: a cache is only a cache. */
int clg_program_store_next(clg_device *device);

/* Stores all that are left; clg_device_close does. */
void clg_program_store(clg_device *device);

/* Lets the close be quick: what is not stored by now never is. */
void clg_program_leave_unstored(clg_device *device);

/* Releases every program and kernel. */
void clg_program_release_all(clg_device *device);

#endif
