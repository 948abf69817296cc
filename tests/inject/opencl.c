/* Every OpenCL function that clgrad calls, defined in front of the loader's: counted, made to fail
 * on request, otherwise passed on.  A release that "fails" is passed on first, and a wait that
 * fails has waited: only the answer is changed, so that what is counted as held is held. */
#define _GNU_SOURCE
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "opencl.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_CALLS = 1 << 16 };

static atomic_uint calls, fail_at, blocking_calls, hang_at;
static atomic_int fail_code, objects;
static const char *_Atomic failed = "";
static const char *name_of[MOST_CALLS];
void (*inject_opencl_seen)(uint64_t index);

void inject_opencl(unsigned index, cl_int code)
{
    atomic_store(&fail_at, index);
    atomic_store(&fail_code, code);
    atomic_store(&calls, 0);
    atomic_store(&failed, "");
}

unsigned inject_opencl_calls(void)
{
    return atomic_load(&calls);
}

const char *inject_opencl_failed(void)
{
    return atomic_load(&failed);
}

const char *inject_opencl_name(unsigned index)
{
    return index >= 1 && index < MOST_CALLS && name_of[index] ? name_of[index] : "";
}

void inject_hang(unsigned index)
{
    atomic_store(&hang_at, index);
    atomic_store(&blocking_calls, 0);
}

unsigned inject_blocking_calls(void)
{
    return atomic_load(&blocking_calls);
}

int inject_objects(void)
{
    return atomic_load(&objects);
}

/* The next definition of name; the test cannot go on without it. */
static void find_next(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) {
        fprintf(stderr, "inject: no %s to pass on to\n", name);
        abort();
    }
    memcpy(function, &found, sizeof found);
}

/* Counts a call; its error code, CL_SUCCESS where it is not to fail. */
static cl_int note(const char *name)
{
    unsigned index = atomic_fetch_add(&calls, 1) + 1;
    if (index < MOST_CALLS)
        name_of[index] = name;
    if (inject_opencl_seen)
        inject_opencl_seen(index);
    if (index != atomic_load(&fail_at))
        return CL_SUCCESS;
    atomic_store(&failed, name);
    return atomic_load(&fail_code);
}

static void block(void)
{
    unsigned index = atomic_fetch_add(&blocking_calls, 1) + 1, at = atomic_load(&hang_at);
    while (at && index >= at)
        pause();
}

/* What a call does to the number of held objects, and whether it blocks. */
#define NOTHING
#define BLOCKS block();
#define BLOCKS_IF(condition)                                                                       \
    if (condition)                                                                                 \
        block();

#define NEXT(type, name, parameters)                                                               \
    static type(*next) parameters;                                                                 \
    if (!next)                                                                                     \
    find_next(&next, #name)

/* A call that answers with a code. */
#define CALL(name, before, parameters, arguments)                                                  \
    cl_int name parameters                                                                         \
    {                                                                                              \
        NEXT(cl_int, name, parameters);                                                            \
        cl_int code = note(#name);                                                                 \
        if (code != CL_SUCCESS)                                                                    \
            return code;                                                                           \
        before return next arguments;                                                              \
    }

/* An enqueued command, which may make an event. */
#define COMMAND(name, before, parameters, arguments)                                               \
    cl_int name parameters                                                                         \
    {                                                                                              \
        NEXT(cl_int, name, parameters);                                                            \
        cl_int code = note(#name);                                                                 \
        if (code != CL_SUCCESS)                                                                    \
            return code;                                                                           \
        before code = next arguments;                                                              \
        if (code == CL_SUCCESS && event)                                                           \
            atomic_fetch_add(&objects, 1);                                                         \
        return code;                                                                               \
    }

/* A reference taken (+1) or given back (-1), whatever the answer. */
#define REFERENCE(name, type, change)                                                              \
    cl_int name(type object)                                                                       \
    {                                                                                              \
        NEXT(cl_int, name, (type));                                                                \
        cl_int code = note(#name);                                                                 \
        if (code != CL_SUCCESS && (change) > 0)                                                    \
            return code;                                                                           \
        cl_int real = next(object);                                                                \
        if (real == CL_SUCCESS)                                                                    \
            atomic_fetch_add(&objects, change);                                                    \
        return code != CL_SUCCESS ? code : real;                                                   \
    }

/* A call that makes an object. */
#define MAKE(type, name, parameters, arguments)                                                    \
    type name parameters                                                                           \
    {                                                                                              \
        NEXT(type, name, parameters);                                                              \
        cl_int failure = note(#name);                                                              \
        if (failure != CL_SUCCESS) {                                                               \
            if (code)                                                                              \
                *code = failure;                                                                   \
            return NULL;                                                                           \
        }                                                                                          \
        type made = next arguments;                                                                \
        if (made)                                                                                  \
            atomic_fetch_add(&objects, 1);                                                         \
        return made;                                                                               \
    }

#define EVENTS cl_uint waits, const cl_event *wait, cl_event *event
#define PASS waits, wait, event
#define QUERY size_t size, void *value, size_t *got
#define ASKED size, value, got

COMMAND(clEnqueueReadBuffer, BLOCKS_IF(b),
        (cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, void *p, EVENTS),
        (q, m, b, o, n, p, PASS))
COMMAND(clEnqueueWriteBuffer, BLOCKS_IF(b),
        (cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, const void *p, EVENTS),
        (q, m, b, o, n, p, PASS))
COMMAND(clEnqueueNDRangeKernel, NOTHING,
        (cl_command_queue q, cl_kernel k, cl_uint d, const size_t *o, const size_t *g,
         const size_t *l, EVENTS),
        (q, k, d, o, g, l, PASS))
COMMAND(clEnqueueCopyBuffer, NOTHING,
        (cl_command_queue q, cl_mem from, cl_mem to, size_t a, size_t b, size_t n, EVENTS),
        (q, from, to, a, b, n, PASS))
COMMAND(clEnqueueFillBuffer, NOTHING,
        (cl_command_queue q, cl_mem m, const void *p, size_t s, size_t o, size_t n, EVENTS),
        (q, m, p, s, o, n, PASS))
COMMAND(clEnqueueMarkerWithWaitList, NOTHING, (cl_command_queue q, EVENTS), (q, PASS))
CALL(clWaitForEvents, BLOCKS, (cl_uint n, const cl_event *e), (n, e))
CALL(clFinish, BLOCKS, (cl_command_queue q), (q))
CALL(clFlush, NOTHING, (cl_command_queue q), (q))
CALL(clGetEventInfo, NOTHING, (cl_event e, cl_event_info what, QUERY), (e, what, ASKED))
CALL(clGetPlatformIDs, NOTHING, (cl_uint n, cl_platform_id *p, cl_uint *got), (n, p, got))
CALL(clGetPlatformInfo, NOTHING, (cl_platform_id p, cl_platform_info what, QUERY), (p, what, ASKED))
CALL(clGetDeviceIDs, NOTHING,
     (cl_platform_id p, cl_device_type t, cl_uint n, cl_device_id *d, cl_uint *got),
     (p, t, n, d, got))
CALL(clGetDeviceInfo, NOTHING, (cl_device_id d, cl_device_info what, QUERY), (d, what, ASKED))
CALL(clGetCommandQueueInfo, NOTHING, (cl_command_queue q, cl_command_queue_info what, QUERY),
     (q, what, ASKED))
CALL(clGetContextInfo, NOTHING, (cl_context c, cl_context_info what, QUERY), (c, what, ASKED))
CALL(clGetMemObjectInfo, NOTHING, (cl_mem m, cl_mem_info what, QUERY), (m, what, ASKED))
CALL(clGetProgramInfo, NOTHING, (cl_program p, cl_program_info what, QUERY), (p, what, ASKED))
CALL(clGetProgramBuildInfo, NOTHING,
     (cl_program p, cl_device_id d, cl_program_build_info what, QUERY), (p, d, what, ASKED))
CALL(clGetKernelInfo, NOTHING, (cl_kernel k, cl_kernel_info what, QUERY), (k, what, ASKED))
CALL(clGetKernelArgInfo, NOTHING, (cl_kernel k, cl_uint i, cl_kernel_arg_info what, QUERY),
     (k, i, what, ASKED))
CALL(clGetKernelWorkGroupInfo, NOTHING,
     (cl_kernel k, cl_device_id d, cl_kernel_work_group_info what, QUERY), (k, d, what, ASKED))
CALL(clGetEventProfilingInfo, NOTHING, (cl_event e, cl_profiling_info what, QUERY),
     (e, what, ASKED))
CALL(clBuildProgram, BLOCKS,
     (cl_program p, cl_uint n, const cl_device_id *d, const char *options,
      void (*tell)(cl_program, void *), void *user),
     (p, n, d, options, tell, user))
CALL(clSetKernelArg, NOTHING, (cl_kernel k, cl_uint i, size_t n, const void *p), (k, i, n, p))

MAKE(cl_mem, clCreateBuffer, (cl_context c, cl_mem_flags f, size_t n, void *p, cl_int *code),
     (c, f, n, p, code))
MAKE(cl_mem, clCreateSubBuffer,
     (cl_mem m, cl_mem_flags f, cl_buffer_create_type t, const void *p, cl_int *code),
     (m, f, t, p, code))
MAKE(cl_context, clCreateContext,
     (const cl_context_properties *p, cl_uint n, const cl_device_id *d,
      void (*tell)(const char *, const void *, size_t, void *), void *user, cl_int *code),
     (p, n, d, tell, user, code))
MAKE(cl_command_queue, clCreateCommandQueue,
     (cl_context c, cl_device_id d, cl_command_queue_properties p, cl_int *code), (c, d, p, code))
MAKE(cl_program, clCreateProgramWithSource,
     (cl_context c, cl_uint n, const char **text, const size_t *length, cl_int *code),
     (c, n, text, length, code))
MAKE(cl_program, clCreateProgramWithBinary,
     (cl_context c, cl_uint n, const cl_device_id *d, const size_t *length,
      const unsigned char **binary, cl_int *taken, cl_int *code),
     (c, n, d, length, binary, taken, code))
MAKE(cl_kernel, clCreateKernel, (cl_program p, const char *name, cl_int *code), (p, name, code))

REFERENCE(clRetainContext, cl_context, 1)
REFERENCE(clRetainCommandQueue, cl_command_queue, 1)
REFERENCE(clRetainEvent, cl_event, 1)
REFERENCE(clReleaseContext, cl_context, -1)
REFERENCE(clReleaseCommandQueue, cl_command_queue, -1)
REFERENCE(clReleaseMemObject, cl_mem, -1)
REFERENCE(clReleaseProgram, cl_program, -1)
REFERENCE(clReleaseKernel, cl_kernel, -1)
REFERENCE(clReleaseEvent, cl_event, -1)
