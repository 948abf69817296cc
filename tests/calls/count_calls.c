/* A library for LD_PRELOAD that stands between a program and OpenCL, counts the calls by kind, and
 * writes the counts to the file that CLGRAD_CALLS names when the program ends.  It covers what
 * clgrad and CLBlast call; test_calls checks that clgrad imports nothing else. */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum kind { OTHER, READ, WRITE, MAP, WAIT, POLL, LAUNCH, ALLOCATE, KINDS };
static const char *const kind_names[KINDS] = {"other", "reads", "writes",   "maps",
                                              "waits", "polls", "launches", "buffers"};
static atomic_ullong count[KINDS];
static _Atomic double first_launch, last_launch;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void note(enum kind kind)
{
    atomic_fetch_add(&count[kind], 1);
    if (kind == LAUNCH) {
        double time = now(), none = 0;
        atomic_compare_exchange_strong(&first_launch, &none, time);
        atomic_store(&last_launch, time);
    }
}

/* The next definition of name; the program cannot go on without it. */
static void find_next(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) {
        fprintf(stderr, "count_calls: no %s to pass on to\n", name);
        abort();
    }
    memcpy(function, &found, sizeof found);
}

__attribute__((destructor)) static void write_counts(void)
{
    const char *path = getenv("CLGRAD_CALLS");
    FILE *file = path ? fopen(path, "w") : NULL;
    unsigned long long total = 0;
    if (!file)
        return;
    for (int i = 0; i < KINDS; i++) {
        unsigned long long calls = atomic_load(&count[i]);
        fprintf(file, "%s %llu\n", kind_names[i], calls);
        total += calls;
    }
    fprintf(file, "total %llu\nseconds %.6f\n", total,
            atomic_load(&last_launch) - atomic_load(&first_launch));
    fclose(file);
}

/* Defines one call: counted, then passed on. */
#define CALL(kind, type, name, parameters, arguments)                                              \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*next) parameters;                                                             \
        if (!next)                                                                                 \
            find_next(&next, #name);                                                               \
        note(kind);                                                                                \
        return next arguments;                                                                     \
    }

/* The tail that every enqueued command has. */
#define EVENTS cl_uint waits, const cl_event *wait, cl_event *event
#define PASS waits, wait, event
/* The tail that every query has. */
#define QUERY size_t size, void *value, size_t *got
#define ASKED size, value, got

CALL(READ, cl_int, clEnqueueReadBuffer,
     (cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, void *p, EVENTS),
     (q, m, b, o, n, p, PASS))
CALL(READ, cl_int, clEnqueueReadBufferRect,
     (cl_command_queue q, cl_mem m, cl_bool b, const size_t *bo, const size_t *ho, const size_t *r,
      size_t brp, size_t bsp, size_t hrp, size_t hsp, void *p, EVENTS),
     (q, m, b, bo, ho, r, brp, bsp, hrp, hsp, p, PASS))
CALL(WRITE, cl_int, clEnqueueWriteBuffer,
     (cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, const void *p, EVENTS),
     (q, m, b, o, n, p, PASS))
CALL(WRITE, cl_int, clEnqueueWriteBufferRect,
     (cl_command_queue q, cl_mem m, cl_bool b, const size_t *bo, const size_t *ho, const size_t *r,
      size_t brp, size_t bsp, size_t hrp, size_t hsp, const void *p, EVENTS),
     (q, m, b, bo, ho, r, brp, bsp, hrp, hsp, p, PASS))
CALL(MAP, void *, clEnqueueMapBuffer,
     (cl_command_queue q, cl_mem m, cl_bool b, cl_map_flags f, size_t o, size_t n, EVENTS,
      cl_int *code),
     (q, m, b, f, o, n, PASS, code))
CALL(MAP, cl_int, clEnqueueUnmapMemObject, (cl_command_queue q, cl_mem m, void *p, EVENTS),
     (q, m, p, PASS))
CALL(WAIT, cl_int, clWaitForEvents, (cl_uint n, const cl_event *e), (n, e))
CALL(WAIT, cl_int, clFinish, (cl_command_queue q), (q))
CALL(POLL, cl_int, clGetEventInfo, (cl_event e, cl_event_info what, QUERY), (e, what, ASKED))
CALL(LAUNCH, cl_int, clEnqueueNDRangeKernel,
     (cl_command_queue q, cl_kernel k, cl_uint d, const size_t *o, const size_t *g, const size_t *l,
      EVENTS),
     (q, k, d, o, g, l, PASS))
CALL(ALLOCATE, cl_mem, clCreateBuffer,
     (cl_context c, cl_mem_flags f, size_t n, void *p, cl_int *code), (c, f, n, p, code))
CALL(ALLOCATE, cl_mem, clCreateSubBuffer,
     (cl_mem m, cl_mem_flags f, cl_buffer_create_type t, const void *p, cl_int *code),
     (m, f, t, p, code))
CALL(OTHER, cl_int, clEnqueueCopyBuffer,
     (cl_command_queue q, cl_mem from, cl_mem to, size_t a, size_t b, size_t n, EVENTS),
     (q, from, to, a, b, n, PASS))
CALL(OTHER, cl_int, clEnqueueFillBuffer,
     (cl_command_queue q, cl_mem m, const void *p, size_t s, size_t o, size_t n, EVENTS),
     (q, m, p, s, o, n, PASS))
CALL(OTHER, cl_int, clEnqueueMarkerWithWaitList, (cl_command_queue q, EVENTS), (q, PASS))
CALL(OTHER, cl_int, clFlush, (cl_command_queue q), (q))
CALL(OTHER, cl_int, clGetPlatformIDs, (cl_uint n, cl_platform_id *p, cl_uint *got), (n, p, got))
CALL(OTHER, cl_int, clGetPlatformInfo, (cl_platform_id p, cl_platform_info what, QUERY),
     (p, what, ASKED))
CALL(OTHER, cl_int, clGetDeviceIDs,
     (cl_platform_id p, cl_device_type t, cl_uint n, cl_device_id *d, cl_uint *got),
     (p, t, n, d, got))
CALL(OTHER, cl_int, clGetDeviceInfo, (cl_device_id d, cl_device_info what, QUERY), (d, what, ASKED))
CALL(OTHER, cl_int, clGetCommandQueueInfo, (cl_command_queue q, cl_command_queue_info what, QUERY),
     (q, what, ASKED))
CALL(OTHER, cl_int, clGetContextInfo, (cl_context c, cl_context_info what, QUERY), (c, what, ASKED))
CALL(OTHER, cl_int, clGetMemObjectInfo, (cl_mem m, cl_mem_info what, QUERY), (m, what, ASKED))
CALL(OTHER, cl_int, clGetProgramInfo, (cl_program p, cl_program_info what, QUERY), (p, what, ASKED))
CALL(OTHER, cl_int, clGetProgramBuildInfo,
     (cl_program p, cl_device_id d, cl_program_build_info what, QUERY), (p, d, what, ASKED))
CALL(OTHER, cl_int, clGetKernelInfo, (cl_kernel k, cl_kernel_info what, QUERY), (k, what, ASKED))
CALL(OTHER, cl_int, clGetKernelArgInfo, (cl_kernel k, cl_uint i, cl_kernel_arg_info what, QUERY),
     (k, i, what, ASKED))
CALL(OTHER, cl_int, clGetKernelWorkGroupInfo,
     (cl_kernel k, cl_device_id d, cl_kernel_work_group_info what, QUERY), (k, d, what, ASKED))
CALL(OTHER, cl_int, clGetEventProfilingInfo, (cl_event e, cl_profiling_info what, QUERY),
     (e, what, ASKED))
CALL(OTHER, cl_context, clCreateContext,
     (const cl_context_properties *p, cl_uint n, const cl_device_id *d,
      void (*tell)(const char *, const void *, size_t, void *), void *user, cl_int *code),
     (p, n, d, tell, user, code))
CALL(OTHER, cl_command_queue, clCreateCommandQueue,
     (cl_context c, cl_device_id d, cl_command_queue_properties p, cl_int *code), (c, d, p, code))
CALL(OTHER, cl_program, clCreateProgramWithSource,
     (cl_context c, cl_uint n, const char **text, const size_t *length, cl_int *code),
     (c, n, text, length, code))
CALL(OTHER, cl_program, clCreateProgramWithBinary,
     (cl_context c, cl_uint n, const cl_device_id *d, const size_t *length,
      const unsigned char **binary, cl_int *taken, cl_int *code),
     (c, n, d, length, binary, taken, code))
CALL(OTHER, cl_int, clBuildProgram,
     (cl_program p, cl_uint n, const cl_device_id *d, const char *options,
      void (*tell)(cl_program, void *), void *user),
     (p, n, d, options, tell, user))
CALL(OTHER, cl_kernel, clCreateKernel, (cl_program p, const char *name, cl_int *code),
     (p, name, code))
CALL(OTHER, cl_int, clSetKernelArg, (cl_kernel k, cl_uint i, size_t n, const void *p), (k, i, n, p))
CALL(OTHER, void *, clGetExtensionFunctionAddressForPlatform,
     (cl_platform_id platform, const char *name), (platform, name))
CALL(OTHER, cl_int, clCreateSubDevices,
     (cl_device_id d, const cl_device_partition_property *p, cl_uint n, cl_device_id *out,
      cl_uint *got),
     (d, p, n, out, got))
CALL(OTHER, cl_int, clRetainContext, (cl_context c), (c))
CALL(OTHER, cl_int, clRetainCommandQueue, (cl_command_queue q), (q))
CALL(OTHER, cl_int, clRetainEvent, (cl_event e), (e))
CALL(OTHER, cl_int, clReleaseDevice, (cl_device_id d), (d))
CALL(OTHER, cl_int, clReleaseContext, (cl_context c), (c))
CALL(OTHER, cl_int, clReleaseCommandQueue, (cl_command_queue q), (q))
CALL(OTHER, cl_int, clReleaseMemObject, (cl_mem m), (m))
CALL(OTHER, cl_int, clReleaseProgram, (cl_program p), (p))
CALL(OTHER, cl_int, clReleaseKernel, (cl_kernel k), (k))
CALL(OTHER, cl_int, clReleaseEvent, (cl_event e), (e))
