/* Programs: source joined and built, or taken as a binary from the cache; kernels by name. */
#include "device/program.h"

#include "core/memory.h"
#include "device/cache.h"
#include "device/wait.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One (program, options) of a device. */
struct clg_program {
    char *name, *options; /* as the caller gave them */
    char *source, *all_options;
    char *key; /* of the cache; NULL under --no-cache */
    cl_program program;
    int from_binary; /* it came from the cache */
    int stored;      /* the cache has it, or has been given it */
    struct clg_kernel *kernels;
    struct clg_program *next;
};

static const char *source_of(const char *name)
{
    for (const struct clg_kernel_source *s = clg_kernel_sources; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s->text;
    return NULL;
}

/* prelude, then the file under its own name and line numbers. */
static clg_status join_source(char **out, const char *name)
{
    const char *prelude = source_of("prelude"), *text = source_of(name);
    if (!text)
        return clg_fail(CLG_EDEVICE, "kernels/%s.cl: is not part of this build", name);
    size_t size = strlen(prelude) + strlen(text) + strlen(name) + 32;
    CLG_TRY(clg_alloc(out, size, 1, "a kernel source"));
    snprintf(*out, size, "%s\n#line 1 \"%s.cl\"\n%s", prelude, name, text);
    return CLG_OK;
}

/* The first lines of the build log; "" where there is none.  The caller frees it. */
static char *build_log(const clg_device *device, cl_program program)
{
    const int lines = 20;
    size_t size = 0;
    char *log = NULL;
    if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) ||
        clg_alloc(&log, size + 1, 1, "a build log") != CLG_OK)
        return NULL;
    assert(log);
    if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, log, NULL))
        *log = '\0';
    char *at = log;
    for (int i = 0; at && i < lines; i++) {
        at = strchr(at, '\n');
        if (at)
            at++;
    }
    if (at)
        *at = '\0';
    for (size_t end = strlen(log); end && (log[end - 1] == '\n' || log[end - 1] == ' ');)
        log[--end] = '\0';
    return log;
}

static clg_status build_source(struct clg_program *program, clg_device *device)
{
    const char *text = program->source;
    cl_int code;
    cl_program built = clCreateProgramWithSource(device->context, 1, &text, NULL, &code);
    if (code != CL_SUCCESS)
        return clg_fail_cl(code, "clCreateProgramWithSource", "kernels/%s.cl", program->name);
    clg_status status = clg_wait_build(device, built, program->all_options, &code);
    if (status != CLG_OK) {
        if (!device->lost)
            clReleaseProgram(built);
        return status;
    }
    if (code != CL_SUCCESS) {
        char *log = build_log(device, built);
        clg_fail(CLG_EDEVICE,
                 "kernels/%s.cl does not build on %s with %s: clBuildProgram: %s (%d): %s",
                 program->name, device->info.name, program->all_options, clg_cl_name(code),
                 (int)code, log ? log : "");
        free(log);
        clReleaseProgram(built);
        return CLG_EDEVICE;
    }
    program->program = built;
    program->from_binary = program->stored = 0;
    return CLG_OK;
}

/* 1 where the cache had a binary that this driver takes. */
static int build_binary(struct clg_program *program, clg_device *device)
{
    size_t size;
    cl_int code, taken = CL_SUCCESS;
    unsigned char *binary = program->key ? clg_cache_load(&size, program->key) : NULL;
    if (!binary)
        return 0;
    const unsigned char *bytes = binary;
    cl_program built =
        clCreateProgramWithBinary(device->context, 1, &device->id, &size, &bytes, &taken, &code);
    free(binary);
    if (code != CL_SUCCESS)
        return 0;
    if (taken == CL_SUCCESS && clg_wait_build(device, built, program->all_options, &code) != CLG_OK)
        taken = CL_INVALID_BINARY;
    if (taken != CL_SUCCESS || code != CL_SUCCESS) {
        if (!device->lost)
            clReleaseProgram(built);
        return 0;
    }
    program->program = built;
    program->from_binary = program->stored = 1;
    return 1;
}

static void kernels_free(struct clg_kernel *kernel, const clg_device *device)
{
    while (kernel) {
        struct clg_kernel *next = kernel->next;
        if (kernel->kernel && !device->lost)
            clReleaseKernel(kernel->kernel);
        free(kernel->name);
        free(kernel);
        kernel = next;
    }
}

static void program_free(struct clg_program *program, const clg_device *device)
{
    if (!program)
        return;
    kernels_free(program->kernels, device);
    if (program->program && !device->lost)
        clReleaseProgram(program->program);
    free(program->name);
    free(program->options);
    free(program->source);
    free(program->all_options);
    free(program->key);
    free(program);
}

static clg_status program_create(struct clg_program **out, clg_device *device, const char *name,
                                 const char *options)
{
    /* -w: PoCL prints to standard error how many warnings a program had; clang reads every kernel
     * with all of them in tests/kernels.  Denormals: a processor takes a hundred cycles for each,
     * and moments that decay towards 0 end as denormals for good */
    static const char always[] = "-w -cl-std=CL1.2 -cl-denorms-are-zero -cl-kernel-arg-info";
    struct clg_program *program = NULL;
    clg_status status;
    size_t size = sizeof always + strlen(options) + 1;
    CLG_TRY(clg_alloc(&program, 1, sizeof *program, "a program"));
    CLG_TRY_DONE(clg_text_copy(&program->name, name));
    CLG_TRY_DONE(clg_text_copy(&program->options, options));
    CLG_TRY_DONE(clg_alloc(&program->all_options, size, 1, "build options"));
    snprintf(program->all_options, size, "%s%s%s", always, *options ? " " : "", options);
    CLG_TRY_DONE(join_source(&program->source, name));
    if (device->use_cache)
        CLG_TRY_DONE(
            clg_cache_key(&program->key, device, name, program->source, program->all_options));
    if (!build_binary(program, device))
        CLG_TRY_DONE(build_source(program, device));
done:
    if (status != CLG_OK) {
        program_free(program, device);
        return status;
    }
    *out = program;
    return CLG_OK;
}

static clg_status program_of(struct clg_program **out, clg_device *device, const char *name,
                             const char *options)
{
    for (struct clg_program *p = device->programs; p; p = p->next)
        if (strcmp(p->name, name) == 0 && strcmp(p->options, options) == 0) {
            *out = p;
            return CLG_OK;
        }
    CLG_TRY(program_create(out, device, name, options));
    (*out)->next = device->programs;
    device->programs = *out;
    return CLG_OK;
}

/* Asks what a launch must know of a kernel just made. */
static clg_status kernel_limits(struct clg_kernel *kernel, const clg_device *device)
{
    CLG_CL(clGetKernelInfo, (kernel->kernel, CL_KERNEL_NUM_ARGS, sizeof kernel->arguments,
                             &kernel->arguments, NULL));
    CLG_CL(clGetKernelWorkGroupInfo, (kernel->kernel, device->id, CL_KERNEL_WORK_GROUP_SIZE,
                                      sizeof kernel->max_group, &kernel->max_group, NULL));
    CLG_CL(clGetKernelWorkGroupInfo, (kernel->kernel, device->id, CL_KERNEL_COMPILE_WORK_GROUP_SIZE,
                                      sizeof kernel->fixed_group, kernel->fixed_group, NULL));
    CLG_CL(clGetKernelWorkGroupInfo, (kernel->kernel, device->id, CL_KERNEL_LOCAL_MEM_SIZE,
                                      sizeof kernel->local_memory, &kernel->local_memory, NULL));
    return CLG_OK;
}

static clg_status kernel_create(struct clg_kernel **out, struct clg_program *program,
                                clg_device *device, const char *name)
{
    struct clg_kernel *kernel = NULL;
    clg_status status;
    cl_int code;
    CLG_TRY(clg_alloc(&kernel, 1, sizeof *kernel, "a kernel"));
    CLG_TRY_DONE(clg_text_copy(&kernel->name, name));
    kernel->kernel = clCreateKernel(program->program, name, &code);
    if (code != CL_SUCCESS && program->from_binary) { /* whole and current, yet not what it says */
        clReleaseProgram(program->program);
        program->program = NULL;
        CLG_TRY_DONE(build_source(program, device));
        kernel->kernel = clCreateKernel(program->program, name, &code);
    }
    if (code != CL_SUCCESS) {
        kernel->kernel = NULL;
        status =
            clg_fail_cl(code, "clCreateKernel", "kernels/%s.cl: kernel %s", program->name, name);
        goto done;
    }
    device->made_kernel = 1;
    CLG_TRY_DONE(kernel_limits(kernel, device));
done:
    if (status != CLG_OK) {
        kernels_free(kernel, device);
        return status;
    }
    *out = kernel;
    return CLG_OK;
}

clg_status clg_program_find(const struct clg_kernel **out, clg_device *device, const char *program,
                            const char *options, const char *name)
{
    struct clg_program *owner;
    struct clg_kernel *made;
    *out = NULL;
    CLG_TRY(program_of(&owner, device, program, options));
    for (const struct clg_kernel *k = owner->kernels; k; k = k->next)
        if (strcmp(k->name, name) == 0) {
            *out = k;
            return CLG_OK;
        }
    CLG_TRY(kernel_create(&made, owner, device, name));
    made->next = owner->kernels;
    owner->kernels = made;
    *out = made;
    return CLG_OK;
}

clg_status clg_program_kernel(cl_kernel *out, clg_device *device, const char *program,
                              const char *options, const char *name)
{
    const struct clg_kernel *kernel;
    *out = NULL;
    CLG_TRY(clg_program_find(&kernel, device, program, options, name));
    *out = kernel->kernel;
    return CLG_OK;
}

/* The binary of program for this device, NULL where the driver gives none.  The caller frees it. */
static unsigned char *binary_of(size_t *size, const clg_device *device, cl_program program)
{
    cl_uint count = 0, at = 0;
    cl_device_id *id = NULL;
    size_t *sizes = NULL;
    unsigned char **binaries = NULL, *found = NULL;
    if (clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof count, &count, NULL) || !count)
        return NULL;
    id = calloc(count, sizeof *id);
    sizes = calloc(count, sizeof *sizes);
    binaries = calloc(count, sizeof *binaries);
    if (!id || !sizes || !binaries ||
        clGetProgramInfo(program, CL_PROGRAM_DEVICES, count * sizeof *id, id, NULL) ||
        clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, count * sizeof *sizes, sizes, NULL))
        goto done;
    while (at < count && id[at] != device->id)
        at++;
    if (at == count || sizes[at] == 0 || !(found = malloc(sizes[at])))
        goto done;
    binaries[at] = found; /* the others stay NULL: not asked for */
    *size = sizes[at];
    if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, count * sizeof *binaries, binaries, NULL)) {
        free(found);
        found = NULL;
    }
done:
    free(id);
    free(sizes);
    free(binaries);
    return found;
}

int clg_program_store_next(clg_device *device)
{
    for (struct clg_program *p = device->programs; p; p = p->next) {
        size_t size;
        if (!p->key || p->stored)
            continue;
        p->stored = 1; /* tried once: what cannot be written now is not worth a second try */
        /* PoCL 3.1 loses count of a kernel that runs while its binary is asked for, and aborts */
        if (clg_device_finish(device) != CLG_OK)
            return !device->lost;
        unsigned char *binary = binary_of(&size, device, p->program);
        if (binary)
            clg_cache_store(p->key, binary, size);
        free(binary);
        return 1;
    }
    return 0;
}

void clg_program_store(clg_device *device)
{
    while (clg_program_store_next(device))
        ;
}

void clg_program_leave_unstored(clg_device *device)
{
    for (struct clg_program *p = device->programs; p; p = p->next)
        p->stored = 1;
}

void clg_program_release_all(clg_device *device)
{
    while (device->programs) {
        struct clg_program *next = device->programs->next;
        program_free(device->programs, device);
        device->programs = next;
    }
}
