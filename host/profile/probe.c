/* Measuring what a device can do: multiply-adds a second by vector width, bytes read and copied a
 * second by working set, the matrix product that training uses, launches, and waiting for four
 * bytes. Of several samples the fastest counts: a roof is what can be reached.  Nothing is
 * remembered here.
 *
 * On a CPU one work-item is a work-group or 64 are, whichever is faster there, for drivers with and
 * without a vectoriser of their own; on other devices a group has up to 256. */
#include "profile/roofs.h"

#include "core/memory.h"
#include "device/launch.h"
#include "device/wait.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHAINS = 12,      /* independent sums: more than latency times issue width of any core */
    FMA_STEPS = 5000, /* of each chain in one launch */
    ROUNDS = 5,
    PASSES = 3,
    GPU_GROUP = 256,
    CPU_GROUP = 64,
    MOST_GROUPS = 1 << 16,
    WAITS = 400,
    WIDTHS = 5,
    CHAIN_FLOPS = 4096, /* of a work-item in one chain, as in clpeak */
    PRODUCTS = 3
};

#define SAMPLE_S 0.005 /* seconds that one timed sample should take */

static const int widths[WIDTHS] = {1, 2, 4, 8, 16};

/* M, N and K of products that are as small and as large as those of most networks. */
static const int products[PRODUCTS][3] = {{64, 128, 784}, {128, 512, 784}, {512, 1024, 1024}};

static const char source[] =
    "#define SUM1(v) (v)\n"
    "#define SUM2(v) ((v).s0 + (v).s1)\n"
    "#define SUM4(v) (SUM2((v).lo) + SUM2((v).hi))\n"
    "#define SUM8(v) (SUM4((v).lo) + SUM4((v).hi))\n"
    "#define SUM16(v) (SUM8((v).lo) + SUM8((v).hi))\n"
    "#define TWO(op) x = op(y, x, y); y = op(x, y, x);\n"
    "#define SIXTEEN(op) TWO(op) TWO(op) TWO(op) TWO(op) TWO(op) TWO(op) TWO(op) TWO(op)\n"
    "#define KERNELS(REAL, W) \\\n"
    "kernel void fma_##W(global float *out, int n) \\\n"
    "{ \\\n"
    "    REAL a[CHAINS]; \\\n"
    "    const REAL x = (REAL)(0.9999f), y = (REAL)(0.0001f); \\\n"
    "    const float own = 0.001f * (float)get_local_id(0); \\\n"
    "    for (int c = 0; c < CHAINS; c++) \\\n"
    "        a[c] = (REAL)(0.01f * (float)c + own); \\\n"
    "    for (int i = 0; i < n; i++) \\\n"
    "        __attribute__((opencl_unroll_hint(CHAINS))) \\\n"
    "        for (int c = 0; c < CHAINS; c++) \\\n"
    "            a[c] = fma(a[c], x, y); \\\n"
    "    REAL s = a[0]; \\\n"
    "    for (int c = 1; c < CHAINS; c++) \\\n"
    "        s += a[c]; \\\n"
    "    out[get_global_id(0)] = SUM##W(s); \\\n"
    "} \\\n"
    "kernel void chain_fma_##W(global float *out, float start) \\\n"
    "{ \\\n"
    "    REAL x = (REAL)(start), y = (REAL)((float)get_local_id(0)); \\\n"
    "    for (int i = 0; i < CHAIN / W; i++) { SIXTEEN(fma) } \\\n"
    "    out[get_global_id(0)] = SUM##W(y); \\\n"
    "} \\\n"
    "kernel void chain_mad_##W(global float *out, float start) \\\n"
    "{ \\\n"
    "    REAL x = (REAL)(start), y = (REAL)((float)get_local_id(0)); \\\n"
    "    for (int i = 0; i < CHAIN / W; i++) { SIXTEEN(mad) } \\\n"
    "    out[get_global_id(0)] = SUM##W(y); \\\n"
    "}\n"
    "KERNELS(float, 1)\n"
    "KERNELS(float2, 2)\n"
    "KERNELS(float4, 4)\n"
    "KERNELS(float8, 8)\n"
    "KERNELS(float16, 16)\n"
    /* each group goes over its own slice of `each` vectors, n times */
    "#define MEMORY(REAL, W) \\\n"
    "kernel void read_##W(global REAL *out, global const REAL *in, ulong each, int n) \\\n"
    "{ \\\n"
    "    global const REAL *slice = in + get_group_id(0) * each; \\\n"
    "    const size_t step = get_local_size(0); \\\n"
    "    REAL s0 = (REAL)(0.0f), s1 = s0, s2 = s0, s3 = s0; \\\n"
    "    for (int r = 0; r < n; r++) \\\n"
    "        for (size_t i = get_local_id(0); i < each; i += 4 * step) { \\\n"
    "            s0 += slice[i]; \\\n"
    "            s1 += slice[i + step]; \\\n"
    "            s2 += slice[i + 2 * step]; \\\n"
    "            s3 += slice[i + 3 * step]; \\\n"
    "        } \\\n"
    "    out[get_global_id(0)] = s0 + s1 + s2 + s3; \\\n"
    "} \\\n"
    "kernel void copy_##W(global REAL *out, global const REAL *in, ulong each, int n) \\\n"
    "{ \\\n"
    "    const size_t first = get_group_id(0) * each, step = get_local_size(0); \\\n"
    "    for (int r = 0; r < n; r++) \\\n"
    "        for (size_t i = get_local_id(0); i < each; i += step) \\\n"
    "            out[first + i] = in[first + i] + (REAL)((float)r); \\\n"
    "}\n"
    "MEMORY(float, 1)\n"
    "MEMORY(float4, 4)\n"
    "MEMORY(float16, 16)\n"
    "kernel void nothing(global float *out)\n"
    "{\n"
    "    if (get_global_id(0) == ~(size_t)0)\n"
    "        out[0] = 0.0f;\n"
    "}\n";

struct rig {
    clg_device *device;
    cl_program program;
    cl_kernel kernel; /* the one that is measured now */
    int cpu;
    size_t units;
    struct clg_buf in, out, A, B, C;
    size_t room; /* bytes of in, and of out */
};

static clg_status build(struct rig *rig)
{
    char options[64], log[1024] = "";
    const char *text = source;
    cl_int code;
    rig->program = clCreateProgramWithSource(rig->device->context, 1, &text, NULL, &code);
    if (code != CL_SUCCESS)
        return clg_fail_cl(code, "clCreateProgramWithSource", "the probe");
    snprintf(options, sizeof options, "-cl-std=CL1.2 -DCHAINS=%d -DCHAIN=%d", CHAINS,
             CHAIN_FLOPS / 32);
    CLG_TRY(clg_wait_build(rig->device, rig->program, options, &code));
    if (code == CL_SUCCESS)
        return CLG_OK;
    clGetProgramBuildInfo(rig->program, rig->device->id, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log,
                          NULL);
    return clg_fail_cl(code, "clBuildProgram", "the probe: %s", log);
}

/* The largest working set is a sixteenth of the memory, and at most so much that it cannot lie in
 * any cache. */
static clg_status make_buffers(struct rig *rig)
{
    struct clg_plan plan;
    const clg_device_info *info = &rig->device->info;
    rig->room = (size_t)(rig->cpu ? 128 : 512) << 20;
    while (rig->room > info->memory / 16 || rig->room > info->max_allocation ||
           rig->room > rig->device->budget / 4)
        rig->room /= 2;
    clg_plan_begin(&plan, rig->device);
    CLG_TRY(clg_plan_add(&plan, &rig->in, CLG_REAL, rig->room / sizeof(cl_float), "the probe"));
    CLG_TRY(clg_plan_add(&plan, &rig->out, CLG_REAL, rig->room / sizeof(cl_float), "the probe"));
    const int *largest = products[PRODUCTS - 1];
    CLG_TRY(clg_plan_matrix(&plan, &rig->A, largest[0], largest[2], "the probe"));
    CLG_TRY(clg_plan_matrix(&plan, &rig->B, largest[2], largest[1], "the probe"));
    CLG_TRY(clg_plan_matrix(&plan, &rig->C, largest[0], largest[1], "the probe"));
    return clg_plan_commit(&plan);
}

static clg_status set_up(struct rig *rig)
{
    const clg_device_info *info = &rig->device->info;
    rig->cpu = !rig->device->local_is_dedicated;
    rig->units = info->units > 0 ? (size_t)info->units : 1;
    CLG_TRY(build(rig));
    return make_buffers(rig);
}

static void tear_down(struct rig *rig)
{
    struct clg_buf *own[] = {&rig->in, &rig->out, &rig->A, &rig->B, &rig->C};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        clg_buf_release(own[i]);
    if (rig->kernel && !rig->device->lost)
        clReleaseKernel(rig->kernel);
    if (rig->program && !rig->device->lost)
        clReleaseProgram(rig->program);
}

/* Takes the kernel NAME_W, or NAME for width 0, with out as its first argument. */
static clg_status take(struct rig *rig, const char *name, int width)
{
    char full[32];
    cl_int code;
    if (rig->kernel)
        clReleaseKernel(rig->kernel);
    snprintf(full, sizeof full, width ? "%s_%d" : "%s", name, width);
    rig->kernel = clCreateKernel(rig->program, full, &code);
    if (code != CL_SUCCESS) {
        rig->kernel = NULL;
        return clg_fail_cl(code, "clCreateKernel", "the probe: %s", full);
    }
    CLG_CL(clSetKernelArg, (rig->kernel, 0, sizeof rig->out.mem, &rig->out.mem));
    return CLG_OK;
}

/* ------------------------------------------------------------------ samples */

/* What is sampled: launches of rig->kernel, or products. */
struct sample {
    struct rig *rig;
    size_t groups, group;
    const int *product; /* M, N, K; NULL: a launch of the rig's kernel */
};

/* The products of a layer's step, each from what the one before has left in the caches of other
 * cores: alone a product is faster than it ever is in training. */
static clg_status three_products(struct rig *rig, const int size[3])
{
    const int M = size[0], N = size[1], K = size[2];
    CLG_TRY(clg_matmul_native(rig->device, &rig->C, &rig->A, &rig->B, M, N, K, CLG_NN));
    CLG_TRY(clg_matmul_native(rig->device, &rig->A, &rig->C, &rig->B, M, K, N, CLG_NT));
    return clg_matmul_native(rig->device, &rig->B, &rig->A, &rig->C, K, N, M, CLG_TN);
}

static clg_status one(const struct sample *sample)
{
    struct rig *rig = sample->rig;
    size_t global = sample->groups * sample->group, local = sample->group;
    if (sample->product)
        return three_products(rig, sample->product);
    CLG_CL(clEnqueueNDRangeKernel,
           (rig->device->queue, rig->kernel, 1, NULL, &global, &local, 0, NULL, NULL));
    return CLG_OK;
}

/* Seconds of `launches` launches in a row, the last of them waited for. */
static clg_status time_launches(double *seconds, const struct sample *sample, int launches)
{
    double start = clg_clock();
    for (int i = 0; i < launches; i++)
        CLG_TRY(one(sample));
    CLG_TRY(clg_device_finish(sample->rig->device));
    *seconds = clg_clock() - start;
    return CLG_OK;
}

/* The least of ROUNDS samples, in seconds a launch; as many launches as make a sample long. */
static clg_status seconds_each(double *seconds, const struct sample *sample)
{
    double once, took;
    CLG_TRY(time_launches(&once, sample, 1));
    CLG_TRY(time_launches(&once, sample, 1));
    const int launches = once < SAMPLE_S ? (int)(SAMPLE_S / (once + 1e-7)) + 1 : 1;
    *seconds = once;
    for (int r = 0; r < ROUNDS; r++) {
        CLG_TRY(time_launches(&took, sample, launches));
        *seconds = fmin(*seconds, took / launches);
    }
    return CLG_OK;
}

static size_t within(size_t value, size_t most)
{
    return value < most ? value : most;
}

/* --------------------------------------------------------------- arithmetic */

static clg_roof *next_roof(clg_roof *list, int *count, double rate, double size)
{
    clg_roof *roof = &list[(*count)++];
    roof->rate = rate;
    roof->size = size;
    return roof;
}

static void name_width(clg_roof *roof, const char *what, int width)
{
    if (width == 1)
        snprintf(roof->name, sizeof roof->name, "%s float", what);
    else
        snprintf(roof->name, sizeof roof->name, "%s float%d", what, width);
}

/* Independent multiply-adds of one width, in the better of the ways to cut the range. */
static clg_status measure_fma(clg_roofs *out, struct rig *rig, int width)
{
    const size_t most = rig->device->max_group;
    const size_t groups[2] = {rig->cpu ? 1 : within(GPU_GROUP, most), within(CPU_GROUP, most)};
    double best = 0, seconds;
    CLG_TRY(take(rig, "fma", width));
    for (int way = 0; way < (rig->cpu ? 2 : 1); way++) {
        const struct sample sample = {rig, within(rig->units * (rig->cpu ? 4 : 16), MOST_GROUPS),
                                      groups[way], NULL};
        cl_int n = way ? FMA_STEPS / CPU_GROUP : FMA_STEPS;
        CLG_CL(clSetKernelArg, (rig->kernel, 1, sizeof n, &n));
        CLG_TRY(seconds_each(&seconds, &sample));
        const double floats = (double)(sample.groups * sample.group) * width;
        best = fmax(best, 2e-9 * floats * CHAINS * n / seconds);
    }
    name_width(next_roof(out->compute, &out->computes, best, 0), "fma", width);
    return CLG_OK;
}

/* One chain a work-item, in groups as large as the device has them: clpeak's way.  So many groups
 * that the launch itself and the last group to end do not count. */
static clg_status measure_chain(clg_roofs *out, struct rig *rig, const char *operation, int width)
{
    char name[16];
    const cl_float start = 1.3f;
    double seconds;
    struct sample sample = {rig, rig->units * (rig->cpu ? 2 : 64), rig->device->max_group, NULL};
    snprintf(name, sizeof name, "chain_%s", operation);
    CLG_TRY(take(rig, name, width));
    CLG_CL(clSetKernelArg, (rig->kernel, 1, sizeof start, &start));
    for (int i = 0; i < 2; i++) /* the first may hold the compiler */
        CLG_TRY(time_launches(&seconds, &sample, 1));
    for (; seconds < 2 * SAMPLE_S && sample.groups < rig->units * 64; seconds *= 2)
        sample.groups *= 2;
    CLG_TRY(seconds_each(&seconds, &sample));
    const double flops = (double)CHAIN_FLOPS * (double)(sample.groups * sample.group);
    name_width(next_roof(out->chain, &out->chains, 1e-9 * flops / seconds, 0), operation, width);
    return CLG_OK;
}

static clg_status measure_arithmetic(clg_roofs *out, struct rig *rig)
{
    for (int w = 0; w < WIDTHS; w++)
        CLG_TRY(measure_fma(out, rig, widths[w]));
    for (int w = 0; w < WIDTHS; w++) {
        CLG_TRY(measure_chain(out, rig, "fma", widths[w]));
        CLG_TRY(measure_chain(out, rig, "mad", widths[w]));
    }
    return CLG_OK;
}

static clg_status measure_products(clg_roofs *out, struct rig *rig)
{
    for (int i = 0; i < PRODUCTS; i++) {
        const int *p = products[i];
        const struct sample sample = {.rig = rig, .product = p};
        const double flops = 2.0 * p[0] * p[1] * p[2];
        double seconds;
        CLG_TRY(seconds_each(&seconds, &sample));
        clg_roof *roof = next_roof(out->product, &out->products, 3e-9 * flops / seconds, flops);
        snprintf(roof->name, sizeof roof->name, "%d x %d over %d", p[0], p[1], p[2]);
    }
    return CLG_OK;
}

/* ------------------------------------------------------------------- memory */

/* GB/s where each compute unit goes over `bytes` of its own; a copy counts what it reads and what
 * it writes. */
static clg_status bandwidth(double *rate, struct rig *rig, int copies, int width, size_t bytes)
{
    const size_t group = rig->cpu ? 1 : within(GPU_GROUP, rig->device->max_group);
    const struct sample sample = {rig, rig->units, group, NULL};
    const size_t vector = sizeof(cl_float) * (size_t)width, unit = 4 * group;
    cl_ulong each = bytes / vector / unit * unit;
    const double moved = (double)each * (double)vector * (double)rig->units;
    cl_int repeats = (cl_int)(32e6 / moved) + 1; /* so that the launch itself does not count */
    double seconds;
    CLG_TRY(take(rig, copies ? "copy" : "read", width));
    CLG_CL(clSetKernelArg, (rig->kernel, 1, sizeof rig->in.mem, &rig->in.mem));
    CLG_CL(clSetKernelArg, (rig->kernel, 2, sizeof each, &each));
    CLG_CL(clSetKernelArg, (rig->kernel, 3, sizeof repeats, &repeats));
    CLG_TRY(seconds_each(&seconds, &sample));
    *rate = fmax(*rate, 1e-9 * moved * repeats * (copies ? 2 : 1) / seconds);
    return CLG_OK;
}

static void name_memory(clg_roof *roof, size_t bytes)
{
    if (bytes >= (size_t)1 << 20)
        snprintf(roof->name, sizeof roof->name, "%zu MiB", bytes >> 20);
    else
        snprintf(roof->name, sizeof roof->name, "%zu KiB", bytes >> 10);
}

/* Working sets of 64 MiB a unit, or what there is room for, down to 16 KiB. */
static clg_status measure_memory(clg_roof *list, int *count, struct rig *rig, int copies)
{
    static const size_t sizes[] = {64u << 20, 8u << 20, 1u << 20, 256u << 10, 16u << 10};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t bytes = copies ? sizes[i] / 2 : sizes[i]; /* a copy has two arrays */
        double rate = 0;
        if (bytes * rig->units > rig->room)
            continue;
        if (rig->cpu) {
            CLG_TRY(bandwidth(&rate, rig, copies, 16, bytes));
        } else {
            CLG_TRY(bandwidth(&rate, rig, copies, 1, bytes));
            CLG_TRY(bandwidth(&rate, rig, copies, 4, bytes));
        }
        clg_roof *roof = next_roof(list, count, rate, (double)sizes[i]);
        if (*count == 1)
            snprintf(roof->name, sizeof roof->name, "memory");
        else
            name_memory(roof, sizes[i]);
    }
    return CLG_OK;
}

/* ----------------------------------------------------------------- latencies */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A launch among many, and the medians of a launch that is waited for and of four bytes read. */
static clg_status measure_latencies(clg_roofs *out, struct rig *rig)
{
    const struct sample sample = {rig, 32, 1, NULL};
    double wait[WAITS], get[WAITS], seconds;
    cl_float got;
    cl_int code;
    CLG_TRY(take(rig, "nothing", 0));
    CLG_TRY(seconds_each(&seconds, &sample));
    out->launch_us = 1e6 * seconds;
    for (int i = 0; i < WAITS; i++) {
        CLG_TRY(time_launches(&wait[i], &sample, 1));
        double start = clg_clock();
        CLG_TRY(clg_wait_read(rig->device, rig->out.mem, 0, sizeof got, &got, NULL, &code));
        get[i] = clg_clock() - start;
        if (code != CL_SUCCESS)
            return clg_fail_cl(code, "clEnqueueReadBuffer", "the probe");
    }
    qsort(wait, WAITS, sizeof *wait, by_size);
    qsort(get, WAITS, sizeof *get, by_size);
    out->wait_us = 1e6 * wait[WAITS / 2];
    out->read_us = 1e6 * get[WAITS / 2];
    return CLG_OK;
}

/* ------------------------------------------------------------------- passes */

static clg_status measure_all(clg_roofs *out, struct rig *rig)
{
    memset(out, 0, sizeof *out);
    CLG_TRY(measure_products(out, rig));
    CLG_TRY(measure_arithmetic(out, rig));
    CLG_TRY(measure_memory(out->read, &out->reads, rig, 0));
    CLG_TRY(measure_memory(out->copy, &out->copies, rig, 1));
    return measure_latencies(out, rig);
}

static void take_higher(clg_roof *roof, const clg_roof *other, int count)
{
    for (int i = 0; i < count; i++)
        roof[i].rate = fmax(roof[i].rate, other[i].rate);
}

/* Both have the same lists. */
static void take_better(clg_roofs *roofs, const clg_roofs *other)
{
    take_higher(roofs->product, other->product, roofs->products);
    take_higher(roofs->compute, other->compute, roofs->computes);
    take_higher(roofs->chain, other->chain, roofs->chains);
    take_higher(roofs->read, other->read, roofs->reads);
    take_higher(roofs->copy, other->copy, roofs->copies);
    roofs->launch_us = fmin(roofs->launch_us, other->launch_us);
    roofs->wait_us = fmin(roofs->wait_us, other->wait_us);
    roofs->read_us = fmin(roofs->read_us, other->read_us);
}

/* In passes, for the machine may be busy with other things for longer than one figure takes. */
clg_status clg_probe(clg_roofs *out, clg_device *device)
{
    struct rig rig = {.device = device};
    clg_roofs pass;
    clg_status status;
    memset(out, 0, sizeof *out);
    CLG_TRY_DONE(set_up(&rig));
    CLG_TRY_DONE(measure_all(out, &rig));
    for (int i = 1; i < PASSES; i++) {
        CLG_TRY_DONE(measure_all(&pass, &rig));
        take_better(out, &pass);
    }
done:
    tear_down(&rig);
    return status;
}
