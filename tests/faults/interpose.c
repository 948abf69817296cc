/* Stands between a program and its OpenCL driver and plants one fault.  A kernel with another
 * source is built as a program of its own beside the right one, whose handle the program keeps: so
 * no wrong binary can reach a cache, and all other kernels stay right.  Launches are waited for
 * where a result is changed behind the driver's back.  For one thread that makes OpenCL calls. */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include "fault.h"

#include <CL/cl.h>

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PROGRAMS = 1024, MOST_KERNELS = 2048, MOST_ARGUMENTS = 48 };

struct built {
    cl_program handle;
    int is_other; /* made here, from the other source */
    char options[FAULT_OPTIONS];
};

struct made {
    cl_kernel handle;
    size_t seen; /* its name and options, in kernels_seen */
    cl_mem argument[MOST_ARGUMENTS];
};

static struct built programs[MOST_PROGRAMS];
static struct made kernels[MOST_KERNELS];
static struct fault_kernel kernels_seen[MOST_KERNELS];
static size_t program_count, kernel_count, seen_count;
static struct fault now;
static unsigned launches, strikes, mark_now;
static int refused;
static unsigned char *previous; /* FAULT_PREVIOUS: the last result, previous_size bytes */
static size_t previous_size;

static void stop(const char *why, const char *what)
{
    fprintf(stderr, "faults: %s %s\n", why, what);
    abort();
}

/* The driver's own function. */
#define NEXT(name) find_next(#name)
static void *find_next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        stop("nothing to pass on to:", name);
    return found;
}

/* Calls the driver's function of this type and name; the cast goes through memory because ISO C
 * knows none from objects to functions. */
#define CALL(result, type, name, parameters, arguments)                                            \
    do {                                                                                           \
        type(*next_) parameters;                                                                   \
        void *found_ = NEXT(name);                                                                 \
        memcpy(&next_, &found_, sizeof next_);                                                     \
        (result) = next_ arguments;                                                                \
    } while (0)

/* --------------------------------------------------------------- steering */

void fault_plant(const struct fault *fault)
{
    memset(&now, 0, sizeof now);
    if (fault)
        now = *fault;
    launches = strikes = 0;
    refused = 0;
    free(previous);
    previous = NULL;
    previous_size = 0;
}

unsigned fault_strikes(void)
{
    return strikes;
}

int fault_was_refused(void)
{
    return refused;
}

void fault_mark(unsigned mark)
{
    mark_now = mark;
}

size_t fault_kernels(const struct fault_kernel **out)
{
    *out = kernels_seen;
    return seen_count;
}

static char *read_text(const char *path)
{
    enum { MOST = 1 << 20 };
    char *text = calloc(1, MOST);
    FILE *file = fopen(path, "r");
    if (!file || !text || fread(text, 1, MOST - 1, file) == 0)
        stop("no source in", path);
    fclose(file);
    return text;
}

/* "source KERNEL FILE", "flip KERNEL BIT", "skip KERNEL", "stale KERNEL": every launch, the first
 * element. */
__attribute__((constructor)) static void read_environment(void)
{
    static const char *const names[FAULT_KINDS] = {"none", "source", "flip",
                                                   "skip", "stale",  "previous"};
    const char *text = getenv("CLGRAD_FAULT");
    struct fault fault = {.period = 1, .place = 1};
    char kind[16], rest[4096] = "0";
    if (!text || !*text)
        return;
    if (sscanf(text, "%15s %47s %4095s", kind, fault.kernel, rest) < 2)
        stop("cannot read CLGRAD_FAULT:", text);
    for (int i = 1; i < FAULT_KINDS; i++)
        if (strcmp(kind, names[i]) == 0)
            fault.kind = (enum fault_kind)i;
    if (fault.kind == FAULT_NONE)
        stop("no fault is called", kind);
    if (fault.kind == FAULT_SOURCE)
        fault.source = read_text(rest);
    else
        fault.bit = (unsigned)strtoul(rest, NULL, 10) % 32;
    fault_plant(&fault);
}

/* --------------------------------------------------- programs and kernels */

static void note_built(cl_program program, const char *options, int is_other)
{
    size_t at = 0;
    while (at < program_count && programs[at].handle != program) /* handles come back */
        at++;
    if (at == MOST_PROGRAMS)
        stop("too many programs:", "raise MOST_PROGRAMS");
    program_count += at == program_count;
    programs[at].handle = program;
    programs[at].is_other = is_other;
    const size_t length = options ? strlen(options) : 0;
    if (length >= sizeof programs[at].options)
        stop("longer build options than expected:", options);
    memcpy(programs[at].options, length ? options : "", length);
    programs[at].options[length] = '\0';
}

cl_int clBuildProgram(cl_program program, cl_uint n, const cl_device_id *devices,
                      const char *options, void (*tell)(cl_program, void *), void *user)
{
    cl_int code;
    note_built(program, options, 0);
    CALL(code, cl_int, clBuildProgram,
         (cl_program, cl_uint, const cl_device_id *, const char *, void (*)(cl_program, void *),
          void *),
         (program, n, devices, options, tell, user));
    return code;
}

static const struct built *built_of(cl_program program)
{
    for (size_t i = 0; i < program_count; i++)
        if (programs[i].handle == program)
            return &programs[i];
    stop("a kernel of a program", "that nobody built");
    return NULL;
}

/* The other source as a program in the context of the right one; NULL where it does not build. */
static cl_program build_other(cl_program program, const char *options)
{
    cl_context context;
    cl_device_id device;
    cl_program other;
    cl_int code;
    if (clGetProgramInfo(program, CL_PROGRAM_CONTEXT, sizeof context, &context, NULL) ||
        clGetProgramInfo(program, CL_PROGRAM_DEVICES, sizeof device, &device, NULL))
        stop("clGetProgramInfo:", "the program's own device is not known");
    other = clCreateProgramWithSource(context, 1, (const char **)&now.source, NULL, &code);
    if (code != CL_SUCCESS)
        return NULL;
    CALL(code, cl_int, clBuildProgram,
         (cl_program, cl_uint, const cl_device_id *, const char *, void (*)(cl_program, void *),
          void *),
         (other, 1, &device, options, NULL, NULL));
    if (code != CL_SUCCESS) {
        clReleaseProgram(other);
        return NULL;
    }
    note_built(other, options, 1); /* whose kernel may be asked for its program */
    return other;
}

static int is_struck(const char *name, const char *options, size_t items)
{
    return now.kind != FAULT_NONE && strcmp(now.kernel, name) == 0 &&
           (!*now.options || strcmp(now.options, options) == 0) &&
           (!now.items || now.items == items);
}

/* How many work-items the kernel's own work-group size has, 0 where it states none. */
static size_t items_of(cl_kernel kernel, cl_program program)
{
    size_t size[3] = {0, 0, 0};
    cl_device_id device;
    if (clGetProgramInfo(program, CL_PROGRAM_DEVICES, sizeof device, &device, NULL) ||
        clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof size,
                                 size, NULL))
        stop("clGetKernelWorkGroupInfo:", "the kernel's own group is not known");
    return size[0] * size[1] * size[2];
}

static size_t note_seen(const char *name, const char *options, size_t items)
{
    size_t at = 0;
    while (at < seen_count &&
           (strcmp(kernels_seen[at].name, name) != 0 ||
            strcmp(kernels_seen[at].options, options) != 0 || kernels_seen[at].items != items))
        at++;
    if (at == MOST_KERNELS)
        stop("too many kernels:", "raise MOST_KERNELS");
    if (at == seen_count) {
        snprintf(kernels_seen[at].name, sizeof kernels_seen[at].name, "%s", name);
        snprintf(kernels_seen[at].options, sizeof kernels_seen[at].options, "%s", options);
        kernels_seen[at].items = items;
        seen_count++;
    }
    return at;
}

static void note_made(cl_kernel kernel, const char *name, const char *options, size_t items)
{
    size_t at = 0;
    while (at < kernel_count && kernels[at].handle != kernel) /* handles come back */
        at++;
    if (at == MOST_KERNELS)
        stop("too many kernels:", "raise MOST_KERNELS");
    kernel_count += at == kernel_count;
    memset(&kernels[at], 0, sizeof kernels[at]);
    kernels[at].handle = kernel;
    kernels[at].seen = note_seen(name, options, items);
}

static cl_kernel make(cl_program program, const char *name, cl_int *code)
{
    cl_kernel kernel;
    CALL(kernel, cl_kernel, clCreateKernel, (cl_program, const char *, cl_int *),
         (program, name, code));
    return kernel;
}

/* The kernel of the other source in place of the right one, which is given back; NULL where that
 * source does not build. */
static cl_kernel make_other(cl_kernel right, cl_program program, const char *name, cl_int *code)
{
    cl_program other = build_other(program, built_of(program)->options);
    cl_kernel kernel = NULL;
    clReleaseKernel(right);
    strikes++;
    refused |= !other;
    if (other) {
        kernel = make(other, name, code);
        clReleaseProgram(other); /* the kernel keeps it */
    } else if (code) {
        *code = CL_INVALID_PROGRAM_EXECUTABLE;
    }
    return kernel;
}

cl_kernel clCreateKernel(cl_program program, const char *name, cl_int *code)
{
    const struct built *built = built_of(program);
    const char *options = built->options;
    cl_kernel kernel = make(program, name, code);
    if (!kernel)
        return NULL;
    const size_t items = items_of(kernel, program);
    if (now.kind == FAULT_SOURCE && !built->is_other && is_struck(name, options, items))
        kernel = make_other(kernel, program, name, code);
    if (kernel)
        note_made(kernel, name, options, items);
    return kernel;
}

static struct made *made_of(cl_kernel kernel)
{
    for (size_t i = 0; i < kernel_count; i++)
        if (kernels[i].handle == kernel)
            return &kernels[i];
    return NULL;
}

cl_int clSetKernelArg(cl_kernel kernel, cl_uint i, size_t size, const void *value)
{
    struct made *made = made_of(kernel);
    cl_int code;
    if (made && i < MOST_ARGUMENTS && size == sizeof(cl_mem) && value)
        memcpy(&made->argument[i], value, size); /* or a number, see is_result */
    CALL(code, cl_int, clSetKernelArg, (cl_kernel, cl_uint, size_t, const void *),
         (kernel, i, size, value));
    return code;
}

/* --------------------------------------------------------------- launches */

/* Whether argument i is a buffer that the kernel may write. */
static int is_result(cl_kernel kernel, cl_uint i)
{
    cl_kernel_arg_address_qualifier where;
    cl_kernel_arg_type_qualifier what;
    return clGetKernelArgInfo(kernel, i, CL_KERNEL_ARG_ADDRESS_QUALIFIER, sizeof where, &where,
                              NULL) == CL_SUCCESS &&
           where == CL_KERNEL_ARG_ADDRESS_GLOBAL &&
           clGetKernelArgInfo(kernel, i, CL_KERNEL_ARG_TYPE_QUALIFIER, sizeof what, &what, NULL) ==
               CL_SUCCESS &&
           !(what & CL_KERNEL_ARG_TYPE_CONST);
}

/* The result that the fault is about. */
static cl_mem result_of(const struct made *made)
{
    cl_uint count = 0, found[MOST_ARGUMENTS];
    cl_uint results = 0;
    clGetKernelInfo(made->handle, CL_KERNEL_NUM_ARGS, sizeof count, &count, NULL);
    for (cl_uint i = 0; i < count && i < MOST_ARGUMENTS; i++)
        if (is_result(made->handle, i))
            found[results++] = i;
    if (results == 0)
        stop("nothing is written by", kernels_seen[made->seen].name);
    return made->argument[found[now.result % results]];
}

static size_t size_of(cl_mem mem)
{
    size_t size = 0;
    clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof size, &size, NULL);
    return size;
}

static unsigned char *content_of(cl_command_queue queue, cl_mem mem, size_t size)
{
    unsigned char *bytes = malloc(size);
    if (!bytes || clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, size, bytes, 0, NULL, NULL))
        stop("clEnqueueReadBuffer:", kernels_seen[0].name);
    return bytes;
}

static void put(cl_command_queue queue, cl_mem mem, size_t first, size_t size, const void *bytes)
{
    if (clEnqueueWriteBuffer(queue, mem, CL_TRUE, first, size, bytes, 0, NULL, NULL))
        stop("clEnqueueWriteBuffer:", kernels_seen[0].name);
}

static void flip(cl_command_queue queue, cl_mem mem)
{
    size_t elements = size_of(mem) / sizeof(uint32_t);
    uint32_t value;
    if (elements == 0)
        return;
    size_t at =
        now.place < 1 ? (size_t)(now.place * (double)elements) : (size_t)(now.place - 1) % elements;
    if (clEnqueueReadBuffer(queue, mem, CL_TRUE, at * sizeof value, sizeof value, &value, 0, NULL,
                            NULL))
        stop("clEnqueueReadBuffer:", now.kernel);
    value ^= UINT32_C(1) << now.bit;
    put(queue, mem, at * sizeof value, sizeof value, &value);
}

/* Puts the last launch's result over this one's, where they have the same size. */
static void put_previous(cl_command_queue queue, cl_mem mem)
{
    size_t size = size_of(mem);
    unsigned char *bytes = content_of(queue, mem, size);
    if (previous && previous_size == size)
        put(queue, mem, 0, size, previous);
    free(previous);
    previous = bytes;
    previous_size = size;
}

static cl_int launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                     const size_t *offset, const size_t *global, const size_t *local, cl_uint waits,
                     const cl_event *wait, cl_event *event)
{
    cl_int code;
    CALL(code, cl_int, clEnqueueNDRangeKernel,
         (cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *, const size_t *,
          cl_uint, const cl_event *, cl_event *),
         (queue, kernel, dimensions, offset, global, local, waits, wait, event));
    return code;
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                              const size_t *offset, const size_t *global, const size_t *local,
                              cl_uint waits, const cl_event *wait, cl_event *event)
{
    struct made *made = made_of(kernel);
    struct fault_kernel *seen = made ? &kernels_seen[made->seen] : NULL;
    if (seen)
        seen->marks |= mark_now;
    if (!made || now.kind <= FAULT_SOURCE || !is_struck(seen->name, seen->options, seen->items) ||
        launches++ % now.period != now.phase)
        return launch(queue, kernel, dimensions, offset, global, local, waits, wait, event);
    strikes++;
    if (now.kind == FAULT_SKIP)
        return event ? clEnqueueMarkerWithWaitList(queue, waits, wait, event) : CL_SUCCESS;
    cl_mem mem = result_of(made);
    size_t size = size_of(mem);
    unsigned char *before = now.kind == FAULT_STALE ? content_of(queue, mem, size) : NULL;
    cl_int code = launch(queue, kernel, dimensions, offset, global, local, waits, wait, event);
    if (code == CL_SUCCESS && now.kind == FAULT_STALE)
        put(queue, mem, 0, size, before);
    else if (code == CL_SUCCESS && now.kind == FAULT_FLIP)
        flip(queue, mem);
    else if (code == CL_SUCCESS)
        put_previous(queue, mem);
    free(before);
    return code;
}
