/* One compute unit of a device as a device of its own: what runs on it has no other thread to race
 * with. */
#include "device/device.h"

#include <assert.h>
#include <string.h>

/* Whether the device can be divided in this way. */
static int offers(cl_device_id id, cl_device_partition_property wanted)
{
    cl_device_partition_property offered[16] = {0};
    size_t size = 0;
    if (clGetDeviceInfo(id, CL_DEVICE_PARTITION_PROPERTIES, sizeof offered, offered, &size) !=
        CL_SUCCESS)
        return 0;
    for (size_t i = 0; i < size / sizeof *offered; i++)
        if (offered[i] == wanted)
            return 1;
    return 0;
}

/* Context and queue of a sub-device; the device that attaches to them keeps them. */
static clg_status attach(clg_device **out, cl_device_id unit)
{
    cl_int code = CL_SUCCESS;
    cl_context context = clCreateContext(NULL, 1, &unit, NULL, NULL, &code);
    if (code != CL_SUCCESS)
        return clg_fail_cl(code, "clCreateContext", "a sub-device");
    cl_command_queue queue = clCreateCommandQueue(context, unit, 0, &code);
    clg_status status = code == CL_SUCCESS
                            ? clg_device_attach(out, context, unit, queue, NULL)
                            : clg_fail_cl(code, "clCreateCommandQueue", "a sub-device");
    if (code == CL_SUCCESS)
        clReleaseCommandQueue(queue);
    clReleaseContext(context);
    return status;
}

clg_status clg_device_open_unit(clg_device **out, const clg_device *whole)
{
    const cl_device_partition_property by_counts[] = {CL_DEVICE_PARTITION_BY_COUNTS, 1,
                                                      CL_DEVICE_PARTITION_BY_COUNTS_LIST_END, 0};
    cl_device_id unit = NULL;
    cl_uint count = 0;
    *out = NULL;
    if (whole->kind != CLG_OPENCL)
        return clg_fail(CLG_ENODEVICE, "%s: runs on one thread anyway", whole->info.name);
    if (!offers(whole->id, CL_DEVICE_PARTITION_BY_COUNTS))
        return clg_fail(CLG_ENODEVICE, "%s: cannot be divided by counts of compute units",
                        whole->info.name);
    CLG_CL(clCreateSubDevices, (whole->id, by_counts, 1, &unit, &count));
    clg_status status = attach(out, unit);
    if (status != CLG_OK) {
        clReleaseDevice(unit);
        return status;
    }
    assert(*out);
    (*out)->unit = unit; /* PoCL's context does not keep it */
    (*out)->route = whole->route;
    (*out)->use_cache = whole->use_cache;
    (*out)->keeps_records = whole->keeps_records;
    return CLG_OK;
}
