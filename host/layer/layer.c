/* An OpenCL layer (a library that the loader puts between a program and its drivers, named in
 * OPENCL_LAYERS) that shows a profile the kernels which another library, CLBlast, enqueues.  It
 * changes nothing: a thread that has not asked to see its kernels goes straight to the driver. */
#define CL_TARGET_OPENCL_VERSION 300
#include "layer/layer.h"

#include <CL/cl_layer.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { LONGEST_NAME = 64 };

static const cl_icd_dispatch *next;
static cl_icd_dispatch table;

static _Thread_local clg_layer_kernel_fn shown_to;
static _Thread_local void *shown_user;

static void CL_CALLBACK see_kernels(clg_layer_kernel_fn see, void *user)
{
    shown_to = see;
    shown_user = user;
}

static void *find_function(const char *name)
{
    void *address;
    const clg_layer_see_fn function = see_kernels;
    if (!name || strcmp(name, CLG_LAYER_FUNCTION) != 0)
        return NULL;
    memcpy(&address, &function, sizeof address);
    return address;
}

static void *CL_API_CALL function_for_platform(cl_platform_id platform, const char *name)
{
    void *own = find_function(name);
    return own ? own : next->clGetExtensionFunctionAddressForPlatform(platform, name);
}

static void show(cl_kernel kernel, cl_event event)
{
    char name[LONGEST_NAME];
    if (next->clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL) !=
        CL_SUCCESS)
        strcpy(name, "kernel"); /* one with a longer name */
    shown_to(shown_user, name, event);
}

static cl_int CL_API_CALL enqueue_kernel(cl_command_queue queue, cl_kernel kernel,
                                         cl_uint dimensions, const size_t *offset,
                                         const size_t *global, const size_t *local, cl_uint waits,
                                         const cl_event *wait, cl_event *event)
{
    cl_event own = NULL, *at = shown_to && !event ? &own : event;
    const cl_int code = next->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global,
                                                     local, waits, wait, at);
    if (code == CL_SUCCESS && shown_to)
        show(kernel, *at);
    if (own)
        next->clReleaseEvent(own);
    return code;
}

EXPORT cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size, void *value,
                                         size_t *size_ret)
{
    static const char own_name[] = "clgrad";
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    const void *from = name == CL_LAYER_NAME ? (const void *)own_name : (const void *)&version;
    const size_t needed = name == CL_LAYER_NAME ? sizeof own_name : sizeof version;
    if (name != CL_LAYER_NAME && name != CL_LAYER_API_VERSION)
        return CL_INVALID_VALUE;
    if (value && size < needed)
        return CL_INVALID_VALUE;
    if (value)
        memcpy(value, from, needed);
    if (size_ret)
        *size_ret = needed;
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target,
                                      cl_uint *entries_ret, const cl_icd_dispatch **table_ret)
{
    const cl_uint own = sizeof table / sizeof(void (*)(void));
    if (!target || !entries_ret || !table_ret || entries < own)
        return CL_INVALID_VALUE;
    next = target;
    memcpy(&table, target, sizeof table);
    table.clEnqueueNDRangeKernel = enqueue_kernel;
    table.clGetExtensionFunctionAddressForPlatform = function_for_platform;
    *entries_ret = own;
    *table_ret = &table;
    return CL_SUCCESS;
}
