/* The ceilings of a device, measured through OpenCL: multiply-adds a second, bytes read and copied
 * a second at several sizes of working set, launches back to back, and the wait for four bytes.
 * Prints one JSON object.  Leaves out what a training step makes of them: that is clgrad_bench.
 *
 *     clgrad_ceilings [--device NAME] [--only fma]
 *
 * On a CPU one work-item is a work-group and computes in float16, which drivers with and without a
 * vectoriser of their own turn into full vectors; on other devices a group has 256 work-items. */
#define _POSIX_C_SOURCE 200809L
#include "device/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHAINS = 12,       /* independent sums: more than latency times issue width of any core */
    FMA_STEPS = 20000, /* of each chain in one launch */
    ROUNDS = 7,
    GPU_GROUP = 256,
    MOST_GROUPS = 1 << 16,
    LAUNCHES = 2000
};

#define SAMPLE_S 0.02 /* seconds that one timed sample should take */

static const char source[] =
    "kernel void fma_rate(global REAL *out, int n)\n"
    "{\n"
    "    REAL a[CHAINS];\n"
    "    const REAL x = (REAL)(0.9999f), y = (REAL)(0.0001f);\n"
    "    __attribute__((opencl_unroll_hint(CHAINS)))\n"
    "    for (int c = 0; c < CHAINS; c++)\n"
    "        a[c] = (REAL)(0.01f * (float)c);\n"
    "    for (int i = 0; i < n; i++)\n"
    "        __attribute__((opencl_unroll_hint(CHAINS)))\n"
    "        for (int c = 0; c < CHAINS; c++)\n"
    "            a[c] = fma(a[c], x, y);\n"
    "    REAL s = a[0];\n"
    "    for (int c = 1; c < CHAINS; c++)\n"
    "        s += a[c];\n"
    "    out[get_global_id(0)] = s;\n"
    "}\n"
    /* Each group goes over its own slice of `each` vectors, n times. */
    "kernel void read_rate(global REAL *out, global const REAL *in, ulong each, int n)\n"
    "{\n"
    "    global const REAL *slice = in + get_group_id(0) * each;\n"
    "    const size_t step = get_local_size(0);\n"
    "    REAL s[4] = {(REAL)(0.0f), (REAL)(0.0f), (REAL)(0.0f), (REAL)(0.0f)};\n"
    "    for (int r = 0; r < n; r++)\n"
    "        for (size_t i = get_local_id(0); i < each; i += 4 * step) {\n"
    "            s[0] += slice[i];\n"
    "            s[1] += slice[i + step];\n"
    "            s[2] += slice[i + 2 * step];\n"
    "            s[3] += slice[i + 3 * step];\n"
    "        }\n"
    "    out[get_global_id(0)] = s[0] + s[1] + s[2] + s[3];\n"
    "}\n"
    "kernel void copy_rate(global REAL *out, global const REAL *in, ulong each, int n)\n"
    "{\n"
    "    const size_t first = get_group_id(0) * each, step = get_local_size(0);\n"
    "    for (int r = 0; r < n; r++)\n"
    "        for (size_t i = get_local_id(0); i < each; i += step)\n"
    "            out[first + i] = in[first + i] + (REAL)((float)r);\n"
    "}\n"
    "kernel void nothing(global REAL *out)\n"
    "{\n"
    "    if (get_global_id(0) == ~(size_t)0)\n"
    "        out[0] = (REAL)(0.0f);\n"
    "}\n";

struct rig {
    clg_device *device;
    cl_program program;
    cl_kernel fma_rate, read_rate, copy_rate, nothing;
    cl_mem in, out;
    size_t width; /* floats in one REAL */
    size_t group, groups;
    size_t room; /* bytes of in, and of out */
};

static _Noreturn void die(const char *what, const char *detail)
{
    fprintf(stderr, "clgrad_ceilings: %s%s\n", what, detail);
    exit(2);
}

static void must(clg_status status)
{
    if (status != CLG_OK)
        die(clg_last_error(), "");
}

static void must_cl(cl_int code, const char *call)
{
    if (code != CL_SUCCESS) {
        fprintf(stderr, "clgrad_ceilings: %s: %s (%d)\n", call, clg_cl_name(code), code);
        exit(2);
    }
}

#define SET(kernel, index, value)                                                                  \
    must_cl(clSetKernelArg(kernel, index, sizeof(value), &(value)), "clSetKernelArg")

static cl_kernel make_kernel(const struct rig *rig, const char *name)
{
    cl_int code;
    cl_kernel kernel = clCreateKernel(rig->program, name, &code);
    must_cl(code, "clCreateKernel");
    return kernel;
}

static cl_mem make_buffer(const struct rig *rig, size_t bytes)
{
    cl_int code;
    cl_uchar zero = 0;
    cl_mem buffer = clCreateBuffer(rig->device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    must_cl(code, "clCreateBuffer");
    must_cl(clEnqueueFillBuffer(rig->device->queue, buffer, &zero, 1, 0, bytes, 0, NULL, NULL),
            "clEnqueueFillBuffer");
    return buffer;
}

static void build(struct rig *rig)
{
    char options[128], log[2048] = "";
    const char *text = source;
    cl_int code;
    rig->program = clCreateProgramWithSource(rig->device->context, 1, &text, NULL, &code);
    must_cl(code, "clCreateProgramWithSource");
    snprintf(options, sizeof options, "-cl-std=CL1.2 -DCHAINS=%d -DREAL=float%s", CHAINS,
             rig->width == 1 ? "" : "16");
    code = clBuildProgram(rig->program, 1, &rig->device->id, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        clGetProgramBuildInfo(rig->program, rig->device->id, CL_PROGRAM_BUILD_LOG, sizeof log - 1,
                              log, NULL);
        die("clBuildProgram: ", log);
    }
    rig->fma_rate = make_kernel(rig, "fma_rate");
    rig->read_rate = make_kernel(rig, "read_rate");
    rig->copy_rate = make_kernel(rig, "copy_rate");
    rig->nothing = make_kernel(rig, "nothing");
}

/* The largest working set is a sixteenth of the memory, at most 512 MiB, so that two of them fit
 * beside whatever else runs. */
static void set_up(struct rig *rig, const char *selector)
{
    must(clg_device_open(&rig->device, selector, NULL));
    if (rig->device->kind == CLG_REFERENCE)
        die("--device ref: the reference has no ceiling of OpenCL", "");
    const clg_device_info *info = &rig->device->info;
    int cpu = strcmp(info->type, "cpu") == 0;
    rig->width = cpu ? 16 : 1;
    rig->group = cpu ? 1 : rig->device->max_group < GPU_GROUP ? rig->device->max_group : GPU_GROUP;
    rig->groups = (size_t)(info->units > 0 ? info->units : 1) * (cpu ? 4 : 16);
    if (rig->groups > MOST_GROUPS)
        rig->groups = MOST_GROUPS;
    rig->room = (size_t)512 << 20;
    while (rig->room > info->memory / 16 || rig->room > info->max_allocation)
        rig->room /= 2;
    build(rig);
    rig->in = make_buffer(rig, rig->room);
    rig->out = make_buffer(rig, rig->room);
}

static void tear_down(struct rig *rig)
{
    cl_kernel kernels[] = {rig->fma_rate, rig->read_rate, rig->copy_rate, rig->nothing};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        clReleaseKernel(kernels[i]);
    clReleaseMemObject(rig->in);
    clReleaseMemObject(rig->out);
    clReleaseProgram(rig->program);
    clg_device_close(rig->device);
}

/* Seconds of `launches` launches in a row, the last of them waited for. */
static double time_launches(const struct rig *rig, cl_kernel kernel, size_t groups, int launches)
{
    size_t global = groups * rig->group, local = rig->group;
    double start = clg_clock();
    for (int i = 0; i < launches; i++)
        must_cl(clEnqueueNDRangeKernel(rig->device->queue, kernel, 1, NULL, &global, &local, 0,
                                       NULL, NULL),
                "clEnqueueNDRangeKernel");
    must(clg_device_finish(rig->device));
    return clg_clock() - start;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of ROUNDS samples, in seconds a launch; as many launches as make a sample long. */
static double seconds_each(const struct rig *rig, cl_kernel kernel, size_t groups)
{
    double sample[ROUNDS];
    time_launches(rig, kernel, groups, 1);
    double once = time_launches(rig, kernel, groups, 1);
    int launches = once < SAMPLE_S ? (int)(SAMPLE_S / (once + 1e-7)) + 1 : 1;
    for (int r = 0; r < ROUNDS; r++)
        sample[r] = time_launches(rig, kernel, groups, launches) / launches;
    qsort(sample, ROUNDS, sizeof *sample, by_size);
    return sample[ROUNDS / 2];
}

static double fma_gflops(const struct rig *rig)
{
    cl_int steps = FMA_STEPS;
    SET(rig->fma_rate, 0, rig->out);
    SET(rig->fma_rate, 1, steps);
    double floats = (double)(rig->groups * rig->group * rig->width);
    return 2e-9 * floats * CHAINS * FMA_STEPS / seconds_each(rig, rig->fma_rate, rig->groups);
}

/* Bytes a second, in GB, where each compute unit goes over `bytes` of its own; a copy counts what
 * it reads and what it writes. */
static double bandwidth(const struct rig *rig, int copies, size_t bytes)
{
    cl_kernel kernel = copies ? rig->copy_rate : rig->read_rate;
    size_t groups = (size_t)rig->device->info.units, unit = 4 * rig->group;
    cl_ulong each = bytes / (sizeof(cl_float) * rig->width) / unit * unit;
    double moved = (double)each * (double)(rig->width * sizeof(cl_float)) * (double)groups;
    cl_int repeats = (cl_int)(64e6 / moved) + 1; /* so that the launch itself does not count */
    SET(kernel, 0, rig->out);
    SET(kernel, 1, rig->in);
    SET(kernel, 2, each);
    SET(kernel, 3, repeats);
    return 1e-9 * moved * repeats * (copies ? 2 : 1) / seconds_each(rig, kernel, groups);
}

/* {"16384": GB/s, ...} for working sets of 16 KiB a unit up to all of the room. */
static void print_bandwidth(const struct rig *rig, const char *name, int copies)
{
    static const size_t sizes[] = {16u << 10, 256u << 10, 1u << 20,
                                   8u << 20,  32u << 20,  256u << 20};
    const char *comma = "";
    printf(", \"%s\": {", name);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t bytes = copies ? sizes[i] / 2 : sizes[i]; /* a copy has two arrays */
        if (bytes * (size_t)rig->device->info.units > rig->room)
            break;
        printf("%s\"%zu\": %.2f", comma, sizes[i], bandwidth(rig, copies, bytes));
        comma = ", ";
    }
    printf("}");
}

static void print_launches(const struct rig *rig)
{
    static const size_t groups[] = {1, 32, 256};
    SET(rig->nothing, 0, rig->out);
    printf(", \"launch_us\": {");
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        printf("%s\"%zu\": %.2f", i ? ", " : "", groups[i],
               1e6 * seconds_each(rig, rig->nothing, groups[i]));
    printf("}");
}

/* The medians of a launch that is waited for, and of four bytes read. */
static void print_waits(const struct rig *rig)
{
    static double wait[LAUNCHES], get[LAUNCHES];
    cl_float got;
    for (int i = 0; i < LAUNCHES; i++) {
        wait[i] = time_launches(rig, rig->nothing, 1, 1);
        double start = clg_clock();
        must_cl(clEnqueueReadBuffer(rig->device->queue, rig->out, CL_TRUE, 0, sizeof got, &got, 0,
                                    NULL, NULL),
                "clEnqueueReadBuffer");
        get[i] = clg_clock() - start;
    }
    qsort(wait, LAUNCHES, sizeof *wait, by_size);
    qsort(get, LAUNCHES, sizeof *get, by_size);
    printf(", \"finish_us\": %.2f, \"read_us\": %.2f", 1e6 * wait[LAUNCHES / 2],
           1e6 * get[LAUNCHES / 2]);
}

static void print_text(const char *name, const char *text)
{
    printf("\"%s\": \"", name);
    for (; *text; text++)
        if (*text != '"' && *text != '\\' && (unsigned char)*text >= ' ')
            putchar(*text);
    printf("\", ");
}

int main(int argc, char **argv)
{
    struct rig rig = {0};
    const char *device = NULL, *only = "";
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--device") == 0)
            device = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--only") == 0 && !strcmp(argv[i + 1], "fma"))
            only = argv[i + 1];
        else
            die("usage: clgrad_ceilings [--device NAME] [--only fma], not ", argv[i]);
    }
    set_up(&rig, device);
    const clg_device_info *info = &rig.device->info;
    printf("{");
    print_text("name", "ceilings");
    print_text("device", info->name);
    print_text("platform", info->platform_name);
    print_text("driver", info->driver_version);
    print_text("opencl", info->opencl_version);
    printf("\"units\": %d, \"fma_gflops\": %.1f", info->units, fma_gflops(&rig));
    if (!*only) {
        print_bandwidth(&rig, "read_gb_s", 0);
        print_bandwidth(&rig, "copy_gb_s", 1);
        print_launches(&rig);
        print_waits(&rig);
    }
    printf("}\n");
    tear_down(&rig);
    return 0;
}
