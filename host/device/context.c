/* Opens and closes devices: the context, the in-order queue, the limits, the budget. */
#define _POSIX_C_SOURCE 200809L
#include "device/device.h"

#include "core/config.h"
#include "core/memory.h"
#include "device/cache.h"
#include "device/discover.h"
#include "device/program.h"
#include "device/wait.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* CLGRAD_MEM_LIMIT, or nine tenths of the memory, half where it is the host's own. */
static clg_status budget_of(uint64_t *budget, const clg_device_info *info)
{
    CLG_TRY(clg_bytes_from_environment(budget, "CLGRAD_MEM_LIMIT"));
    if (*budget == 0)
        *budget = strcmp(info->type, "cpu") == 0 ? info->memory / 2 : info->memory / 10 * 9;
    return CLG_OK;
}

/* What buffers and launches must keep to, as the device states it. */
static clg_status ask_limits(clg_device *device)
{
    cl_uint align_bits = 0, dimensions = 0, address_bits = 0, width = 0;
    cl_device_local_mem_type local = CL_GLOBAL;
    size_t items[16];
    cl_device_id id = device->id;
    CLG_CL(clGetDeviceInfo,
           (id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof align_bits, &align_bits, NULL));
    CLG_CL(clGetDeviceInfo,
           (id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof device->max_group, &device->max_group, NULL));
    CLG_CL(clGetDeviceInfo,
           (id, CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS, sizeof dimensions, &dimensions, NULL));
    if (dimensions < 2 || dimensions > sizeof items / sizeof *items)
        return clg_fail(CLG_EDEVICE, "%s: says it has %u dimensions of work-items",
                        device->info.name, (unsigned)dimensions);
    CLG_CL(clGetDeviceInfo,
           (id, CL_DEVICE_MAX_WORK_ITEM_SIZES, dimensions * sizeof *items, items, NULL));
    CLG_CL(clGetDeviceInfo, (id, CL_DEVICE_MAX_PARAMETER_SIZE, sizeof device->max_parameters,
                             &device->max_parameters, NULL));
    CLG_CL(clGetDeviceInfo, (id, CL_DEVICE_ADDRESS_BITS, sizeof address_bits, &address_bits, NULL));
    CLG_CL(clGetDeviceInfo, (id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width, NULL));
    CLG_CL(clGetDeviceInfo, (id, CL_DEVICE_LOCAL_MEM_TYPE, sizeof local, &local, NULL));
    if (device->max_group == 0 || items[0] == 0 || items[1] == 0 || device->info.memory == 0 ||
        device->info.max_allocation == 0 || device->max_parameters == 0)
        return clg_fail(CLG_EDEVICE, "%s: states a limit of 0; try another --device",
                        device->info.name);
    device->base_align = align_bits / 8 > 64 ? align_bits / 8 : 64;
    device->max_items[0] = items[0];
    device->max_items[1] = items[1];
    device->max_range = address_bits < 64 ? (size_t)(((uint64_t)1 << address_bits) - 1) : SIZE_MAX;
    device->local_is_dedicated = local == CL_LOCAL;
    device->native_width = (int)width;
    device->row_pad = 8;
    device->col_pad = 16;
    CLG_TRY(clg_wait_limit(device));
    return budget_of(&device->budget, &device->info);
}

/* An empty device with what config says. */
static clg_status device_new(clg_device **out, enum clg_kind kind, const clg_config *config)
{
    *out = NULL;
    CLG_TRY(clg_alloc(out, 1, sizeof **out, "a device"));
    (*out)->kind = kind;
    (*out)->route = (enum clg_route)clg_config_choice(config, "matmul");
    (*out)->plan = (enum clg_plan_choice)clg_config_choice(config, "plan");
    (*out)->use_cache = !clg_config_switch(config, "no-cache");
    (*out)->keeps_records = (*out)->use_cache;
    return CLG_OK;
}

static clg_status open_reference(clg_device **out, const clg_config *config)
{
    CLG_TRY(device_new(out, CLG_REFERENCE, config));
    clg_device *device = *out;
    clg_status status = clg_discover_reference(&device->info);
    if (status != CLG_OK) {
        clg_device_close(device);
        *out = NULL;
        return status;
    }
    snprintf(device->reason, sizeof device->reason, "device ref %s: chosen by --device ref",
             device->info.name);
    device->base_align = 64;
    device->row_pad = device->col_pad = 1;
    device->budget = device->info.memory;
    return CLG_OK;
}

/* Context and queue on the device that was found. */
static clg_status open_found(clg_device *device, const struct clg_found *found)
{
    cl_int code;
    cl_platform_id platform = NULL;
    device->info = found->info;
    device->id = found->id;
    CLG_CL(clGetDeviceInfo, (device->id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL));
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)platform, 0};
    device->context = clCreateContext(properties, 1, &device->id, NULL, NULL, &code);
    if (code != CL_SUCCESS) {
        device->context = NULL;
        return clg_fail_cl(code, "clCreateContext", "%s", device->info.name);
    }
    device->queue = clCreateCommandQueue(device->context, device->id, 0, &code);
    if (code != CL_SUCCESS) {
        device->queue = NULL;
        return clg_fail_cl(code, "clCreateCommandQueue", "%s", device->info.name);
    }
    return ask_limits(device);
}

/* Without a folder to trust, nothing is kept and nothing believed. */
static void open_cache(clg_device *device)
{
    if (device->use_cache && !clg_cache_open(device->notes, sizeof device->notes))
        device->use_cache = device->keeps_records = 0;
}

clg_status clg_device_open(clg_device **out, const char *selector, const clg_config *config)
{
    struct clg_found *found = NULL;
    const struct clg_found *chosen;
    clg_device *device = NULL;
    size_t count = 0;
    clg_status status;
    *out = NULL;
    if (!selector || !*selector)
        selector = "auto";
    if (strcasecmp(selector, "ref") == 0)
        return open_reference(out, config);
    CLG_TRY_DONE(clg_discover(&found, &count));
    CLG_TRY_DONE(device_new(&device, CLG_OPENCL, config));
    CLG_TRY_DONE(clg_discover_choose(&chosen, device->reason, sizeof device->reason, found, count,
                                     selector));
    CLG_TRY_DONE(open_found(device, chosen));
    open_cache(device);
    *out = device;
    device = NULL;
done:
    free(found);
    clg_device_close(device);
    return status;
}

/* The numbers that clg_device_list gives a device, -1:-1 where it is not listed (a sub-device). */
static void numbers_of(int *platform, int *index, cl_device_id id)
{
    struct clg_found *found = NULL;
    size_t count = 0;
    *platform = *index = -1;
    if (clg_discover(&found, &count) != CLG_OK)
        return;
    for (size_t i = 0; i < count; i++)
        if (found[i].id == id) {
            *platform = found[i].info.platform;
            *index = found[i].info.index;
        }
    free(found);
}

/* Whether queue is one of context and id, and runs its commands in order. */
static clg_status check_queue(cl_context context, cl_device_id id, cl_command_queue queue)
{
    cl_context its_context = NULL;
    cl_device_id its_device = NULL;
    cl_command_queue_properties properties = 0;
    CLG_CL(clGetCommandQueueInfo,
           (queue, CL_QUEUE_CONTEXT, sizeof its_context, &its_context, NULL));
    CLG_CL(clGetCommandQueueInfo, (queue, CL_QUEUE_DEVICE, sizeof its_device, &its_device, NULL));
    CLG_CL(clGetCommandQueueInfo,
           (queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL));
    if (its_context != context || its_device != id)
        return clg_fail(CLG_EUSAGE, "clg_device_attach: the queue is of another context or device");
    if (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)
        return clg_fail(CLG_EUSAGE, "clg_device_attach: the queue must be in-order");
    return CLG_OK;
}

clg_status clg_device_attach(clg_device **out, void *context, void *device, void *queue,
                             const clg_config *config)
{
    clg_device *attached = NULL;
    int platform, index;
    clg_status status;
    *out = NULL;
    if (!context || !device || !queue)
        return clg_fail(CLG_EUSAGE, "clg_device_attach: context, device and queue are needed");
    CLG_TRY(check_queue(context, device, queue));
    CLG_TRY(device_new(&attached, CLG_OPENCL, config));
    attached->id = device;
    numbers_of(&platform, &index, device);
    int failures = clg_discover_describe(&attached->info, device, platform, index);
    snprintf(attached->reason, sizeof attached->reason, "device %s: attached by its caller",
             attached->info.name);
    if (!attached->info.usable) {
        status = clg_fail(failures ? CLG_EDEVICE : CLG_ENODEVICE,
                          "clg_device_attach: %s cannot be used: %s", attached->info.name,
                          attached->info.quirks);
        goto done;
    }
    if (clRetainContext(context) == CL_SUCCESS)
        attached->context = context;
    if (clRetainCommandQueue(queue) == CL_SUCCESS)
        attached->queue = queue;
    if (!attached->context || !attached->queue) {
        status = clg_fail(CLG_EDEVICE, "clg_device_attach: context or queue cannot be retained");
        goto done;
    }
    CLG_TRY_DONE(ask_limits(attached));
    open_cache(attached);
    *out = attached;
    attached = NULL;
done:
    clg_device_close(attached);
    return status;
}

/* Everything of OpenCL's is given back, unless the driver hangs. */
static void release(clg_device *device)
{
    cl_int code;
    if (device->queue && !device->lost)
        (void)clg_wait_finish(device, &code);
    if (device->at_close && !device->lost)
        device->at_close();
    if (!device->lost)
        clg_program_store(device);
    clg_program_release_all(device);
    clg_wait_close(device);
    if (device->lost)
        return;
    if (device->queue)
        clReleaseCommandQueue(device->queue);
    if (device->context)
        clReleaseContext(device->context);
    if (device->unit)
        clReleaseDevice(device->unit);
}

void clg_device_close(clg_device *device)
{
    if (!device)
        return;
    if (device->kind == CLG_OPENCL)
        release(device);
    free(device->cache_key);
    free(device);
}

const clg_device_info *clg_device_describe(const clg_device *device)
{
    return &device->info;
}

const char *clg_device_notes(const clg_device *device)
{
    return device->notes;
}

const char *clg_device_reason(const clg_device *device)
{
    return device->reason;
}

void clg_device_usage(const clg_device *device, uint64_t *bytes, int *buffers)
{
    if (bytes)
        *bytes = device->bytes;
    if (buffers)
        *buffers = device->buffers;
}

clg_status clg_device_flush(clg_device *device)
{
    if (device->kind == CLG_OPENCL)
        CLG_CL(clFlush, (device->queue));
    return CLG_OK;
}
