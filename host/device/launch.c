/* Kernel launches: arguments pushed in order and counted, ranges rounded up, limits checked. */
#include "device/launch.h"

#include "device/program.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

clg_status clg_args_begin(struct clg_args *args, clg_device *device, const char *program,
                          const char *options, const char *name)
{
    assert(device->kind == CLG_OPENCL);
    memset(args, 0, sizeof *args);
    args->device = device;
    args->program = program;
    args->name = name;
    args->status = clg_program_find(&args->limits, device, program, options, name);
    if (args->status == CLG_OK)
        args->kernel = args->limits->kernel;
    return args->status;
}

void clg_args_local(struct clg_args *args, size_t bytes)
{
    args->local = bytes;
}

/* Whether the argument that comes next is what the kernel was given the last time; it will be. */
static int as_before(const struct clg_args *args, size_t size, const void *value)
{
    cl_ulong bits = 0;
    if (!args->prepared || args->pushed >= CLG_PREPARED_ARGS)
        return 0;
    assert(size <= sizeof bits);
    memcpy(&bits, value, size);
    int same = args->prepared->last[args->pushed].size == size &&
               args->prepared->last[args->pushed].value == bits;
    args->prepared->last[args->pushed].size = size;
    args->prepared->last[args->pushed].value = bits;
    return same;
}

static void push(struct clg_args *args, size_t size, const void *value)
{
    if (args->status != CLG_OK)
        return;
    if (as_before(args, size, value)) {
        args->pushed++;
        return;
    }
    if (args->pushed < args->limits->arguments) { /* too many are counted, and refused at launch */
        cl_int code = clSetKernelArg(args->kernel, args->pushed, size, value);
        if (code != CL_SUCCESS) {
            args->status = clg_fail_cl(code, "clSetKernelArg", "kernels/%s.cl: %s, argument %u",
                                       args->program, args->name, (unsigned)args->pushed);
            if (args->prepared && args->pushed < CLG_PREPARED_ARGS)
                args->prepared->last[args->pushed].size = 0; /* it has not got it */
        }
    }
    args->pushed++;
    args->bytes += size;
}

void clg_arg_buf(struct clg_args *args, const struct clg_buf *buf)
{
    assert(buf->device == args->device);
    push(args, sizeof buf->mem, &buf->mem);
}

void clg_arg_int(struct clg_args *args, int value)
{
    cl_int argument = value;
    push(args, sizeof argument, &argument);
}

void clg_arg_uint(struct clg_args *args, uint32_t value)
{
    cl_uint argument = value;
    push(args, sizeof argument, &argument);
}

void clg_arg_ulong(struct clg_args *args, uint64_t value)
{
    cl_ulong argument = value;
    push(args, sizeof argument, &argument);
}

void clg_arg_float(struct clg_args *args, double value)
{
    cl_float argument = (cl_float)value;
    push(args, sizeof argument, &argument);
}

clg_status clg_prepared_make(struct clg_prepared *prepared, clg_device *device, const char *program,
                             const char *options, const char *name)
{
    cl_program built;
    cl_int code;
    memset(prepared, 0, sizeof *prepared);
    CLG_TRY(clg_args_begin(&prepared->args, device, program, options, name));
    CLG_CL(clGetKernelInfo,
           (prepared->args.kernel, CL_KERNEL_PROGRAM, sizeof built, (void *)&built, NULL));
    cl_kernel kernel = clCreateKernel(built, name, &code);
    if (code != CL_SUCCESS)
        return clg_fail_cl(code, "clCreateKernel", "kernels/%s.cl: kernel %s", program, name);
    prepared->kernel = prepared->args.kernel = kernel;
    prepared->args.prepared = prepared;
    return CLG_OK;
}

struct clg_args *clg_prepared_begin(struct clg_prepared *prepared)
{
    assert(prepared->kernel);
    prepared->args.pushed = 0;
    prepared->args.bytes = 0;
    prepared->args.status = CLG_OK;
    return &prepared->args;
}

void clg_prepared_release(struct clg_prepared *prepared)
{
    if (prepared->kernel && !prepared->args.device->lost)
        clReleaseKernel(prepared->kernel);
    prepared->kernel = NULL;
}

/* Whether arguments, local memory and range are within what the device states.  Drivers do not
 * always say so themselves: PoCL ends the process over its local memory. */
static clg_status check_limits(const struct clg_args *args, const size_t global[2])
{
    const clg_device *device = args->device;
    const uint64_t stated = args->limits->local_memory;
    const uint64_t local = stated > args->local ? stated : args->local;
    if (args->bytes > device->max_parameters)
        return clg_fail(CLG_EDEVICE, "kernels/%s.cl: %s takes %zu bytes of arguments; %s has %zu",
                        args->program, args->name, args->bytes, device->info.name,
                        device->max_parameters);
    if (local > device->info.local_memory)
        return clg_fail(
            CLG_EDEVICE,
            "kernels/%s.cl: %s takes %" PRIu64 " bytes of local memory; %s has %" PRIu64,
            args->program, args->name, local, device->info.name, device->info.local_memory);
    if (global[0] > device->max_range || global[1] > device->max_range)
        return clg_fail(CLG_EDEVICE,
                        "kernels/%s.cl: %s over %zu x %zu work-items; %s counts to %zu: a smaller "
                        "--batch or --layers",
                        args->program, args->name, global[0], global[1], device->info.name,
                        device->max_range);
    return CLG_OK;
}

/* Whether groups of (l0,l1) are within what the kernel and the device allow. */
static clg_status check_group(const struct clg_args *args, size_t l0, size_t l1)
{
    const struct clg_kernel *limits = args->limits;
    const clg_device *device = args->device;
    const size_t *fixed = limits->fixed_group;
    if (fixed[0] && (fixed[0] != l0 || fixed[1] != l1))
        return clg_fail(CLG_EDEVICE,
                        "kernels/%s.cl: %s was launched in groups of %zu x %zu and is written for "
                        "%zu x %zu",
                        args->program, args->name, l0, l1, fixed[0], fixed[1]);
    if (l0 > device->max_items[0] || l1 > device->max_items[1] || l0 > limits->max_group / l1)
        return clg_fail(CLG_EDEVICE,
                        "kernels/%s.cl: %s needs groups of %zu x %zu; on %s it may have %zu "
                        "work-items, at most %zu x %zu",
                        args->program, args->name, l0, l1, device->info.name, limits->max_group,
                        device->max_items[0], device->max_items[1]);
    return CLG_OK;
}

static clg_status enqueue(struct clg_args *args, cl_uint dimensions, const size_t g[2],
                          const size_t l[2])
{
    clg_device *device = args->device;
    const size_t global[2] = {(g[0] + l[0] - 1) / l[0] * l[0], (g[1] + l[1] - 1) / l[1] * l[1]};
    cl_event event = NULL;
    if (args->status != CLG_OK)
        return args->status;
    if (args->pushed != args->limits->arguments)
        return clg_fail(CLG_EDEVICE, "kernels/%s.cl: %s takes %u arguments and was given %u",
                        args->program, args->name, (unsigned)args->limits->arguments,
                        (unsigned)args->pushed);
    CLG_TRY(check_limits(args, global));
    CLG_TRY(check_group(args, l[0], l[1]));
    if (device->on_launch) {
        device->groups = global[0] / l[0] * (global[1] / l[1]);
        device->call_began = clg_clock();
    }
    cl_int code = clEnqueueNDRangeKernel(device->queue, args->kernel, dimensions, NULL, global, l,
                                         0, NULL, device->on_launch ? &event : NULL);
    if (code != CL_SUCCESS)
        return clg_fail_cl(code, "clEnqueueNDRangeKernel",
                           "kernels/%s.cl: %s over %zu x %zu in groups of %zu x %zu", args->program,
                           args->name, global[0], global[1], l[0], l[1]);
    if (event) {
        device->on_launch(device->on_launch_user, args->program, args->name, event);
        clReleaseEvent(event);
    }
    return CLG_OK;
}

/* A group that suits most kernels here.  Where local memory is ordinary memory a group is a loop on
 * one core: 64 fill the widest vectors a few times.  Elsewhere large ranges get larger groups. */
static size_t good_group(const struct clg_args *args, size_t g0)
{
    size_t good = args->device->local_is_dedicated && g0 >= 65536 ? 256 : 64;
    size_t most = args->limits->max_group;
    if (args->limits->fixed_group[0])
        return args->limits->fixed_group[0];
    if (most > args->device->max_items[0])
        most = args->device->max_items[0];
    return good < most ? good : most;
}

clg_status clg_launch1(struct clg_args *args, size_t g0, size_t l0)
{
    assert(g0 > 0);
    if (args->status != CLG_OK)
        return args->status;
    const size_t g[2] = {g0, 1}, l[2] = {l0 ? l0 : good_group(args, g0), 1};
    return enqueue(args, 1, g, l);
}

clg_status clg_launch2(struct clg_args *args, size_t g0, size_t g1, size_t l0, size_t l1)
{
    assert(g0 > 0 && g1 > 0 && l0 > 0 && l1 > 0);
    const size_t g[2] = {g0, g1}, l[2] = {l0, l1};
    return enqueue(args, 2, g, l);
}

clg_status clg_mark_before(clg_device *device)
{
    device->groups = 0;
    device->call_began = device->on_launch ? clg_clock() : 0;
    clg_mark_forget(device);
    if (device->on_launch)
        CLG_CL(clEnqueueMarkerWithWaitList, (device->queue, 0, NULL, &device->before));
    return CLG_OK;
}

void clg_mark_forget(clg_device *device)
{
    if (device->before)
        clReleaseEvent(device->before);
    device->before = NULL;
}
