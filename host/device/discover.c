/* Finds OpenCL devices, asks them about themselves, and scores them.  Which one is meant by a
 * selector is in choose.c; opening is in context.c. */
#define _POSIX_C_SOURCE 200809L
#include "device/discover.h"

#include "core/memory.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const cl_int no_platform = -1001; /* CL_PLATFORM_NOT_FOUND_KHR, of cl_khr_icd */

static void add_quirk(clg_device_info *info, const char *format, ...) CLG_PRINTF(2, 3);
static void add_quirk(clg_device_info *info, const char *format, ...)
{
    size_t length = strlen(info->quirks), room = sizeof info->quirks - length;
    va_list arguments;
    if (length && room > 2) {
        snprintf(info->quirks + length, room, "; ");
        length += 2;
        room -= 2;
    }
    va_start(arguments, format);
    vsnprintf(info->quirks + length, room, format, arguments);
    va_end(arguments);
}

/* A driver's text on one line: cut to size, control characters and outer blanks taken off. */
static void keep_text(char *out, size_t size, const char *text)
{
    size_t length = 0;
    while (isspace((unsigned char)*text))
        text++;
    for (; *text && length + 1 < size; text++)
        out[length++] = iscntrl((unsigned char)*text) ? ' ' : *text;
    while (length && out[length - 1] == ' ')
        length--;
    out[length] = '\0';
}

/* A text of any length that a platform (device NULL) or device gives; "" and a quirk where it
 * fails, and 1. */
static int ask_text(clg_device_info *info, char out[128], cl_platform_id platform,
                    cl_device_id device, cl_uint what, const char *name)
{
    size_t size = 0;
    char *text = NULL;
    cl_int code = device ? clGetDeviceInfo(device, what, 0, NULL, &size)
                         : clGetPlatformInfo(platform, what, 0, NULL, &size);
    *out = '\0';
    if (code == CL_SUCCESS && clg_alloc(&text, size + 1, 1, "a device's name") != CLG_OK)
        code = CL_OUT_OF_HOST_MEMORY;
    if (code == CL_SUCCESS)
        code = device ? clGetDeviceInfo(device, what, size, text, NULL)
                      : clGetPlatformInfo(platform, what, size, text, NULL);
    if (code != CL_SUCCESS)
        add_quirk(info, "%s: %s", name, clg_cl_name(code));
    else if (text)
        keep_text(out, 128, text);
    free(text);
    return code != CL_SUCCESS;
}

/* A number of the given size; 0 and a quirk where the call fails, and 1. */
static int ask(clg_device_info *info, void *out, size_t size, cl_device_id device,
               cl_device_info what, const char *name)
{
    cl_int code = clGetDeviceInfo(device, what, size, out, NULL);
    if (code != CL_SUCCESS) {
        memset(out, 0, size);
        add_quirk(info, "%s: %s", name, clg_cl_name(code));
    }
    return code != CL_SUCCESS;
}
/* They count into failures. */
#define ASK(info, out, device, what)                                                               \
    (failures += ask(info, &(out), sizeof(out), device, what, #what))
#define ASK_TEXT(info, out, platform, device, what)                                                \
    (failures += ask_text(info, out, platform, device, what, #what))

/* Whether kernels can be built and run there, with what speaks against it as a quirk. */
static int is_usable(clg_device_info *info, cl_device_id device, int *failed)
{
    cl_bool available = CL_FALSE, compiler = CL_FALSE, little = CL_FALSE;
    int major = 0, minor = 0, failures = 0;
    ASK(info, available, device, CL_DEVICE_AVAILABLE);
    ASK(info, compiler, device, CL_DEVICE_COMPILER_AVAILABLE);
    ASK(info, little, device, CL_DEVICE_ENDIAN_LITTLE);
    *failed += failures;
    if (!available)
        add_quirk(info, "not available");
    if (!compiler)
        add_quirk(info, "has no compiler");
    if (!little)
        add_quirk(info, "big-endian");
    int known = sscanf(info->opencl_version, "OpenCL %d.%d", &major, &minor) == 2;
    int recent = known && (major > 1 || (major == 1 && minor >= 2));
    if (!recent)
        add_quirk(info, "OpenCL 1.2 is needed");
    return available && compiler && little && recent;
}

/* A processor dressed up as a graphics card, whatever type and units it states: Mesa's software
 * renderers, which are far slower than a driver made for the processor, and a simulator. */
static int is_imitation(const clg_device_info *info)
{
    return strstr(info->name, "llvmpipe") || strstr(info->name, "softpipe") ||
           strstr(info->name, "Oclgrind");
}

/* GPUs with memory of their own, other GPUs, accelerators, CPUs, others; within GPUs and
 * accelerators the units times their clock.  CPU devices are the same processor seen by different
 * drivers, whose clocks are no measure: their units count alone. */
static double score_of(const clg_device_info *info, int own_memory)
{
    double clock = info->clock_mhz > 0 ? info->clock_mhz : 1000, units = info->units;
    if (!info->usable)
        return 0;
    if (is_imitation(info))
        return units;
    if (strcmp(info->type, "gpu") == 0)
        return (own_memory ? 4e7 : 3e7) + units * clock;
    if (strcmp(info->type, "accelerator") == 0)
        return 2e7 + units * clock;
    return strcmp(info->type, "cpu") == 0 ? 1e7 + units : units;
}

static const char *type_name(cl_device_type type)
{
    return type & CL_DEVICE_TYPE_GPU           ? "gpu"
           : type & CL_DEVICE_TYPE_ACCELERATOR ? "accelerator"
           : type & CL_DEVICE_TYPE_CPU         ? "cpu"
                                               : "other";
}

/* What to know about drivers that were met. */
static void known_drivers(clg_device_info *info)
{
    if (strstr(info->platform_name, "Portable Computing Language"))
        add_quirk(info, "PoCL %s: program binaries are asked for after the first launches",
                  info->driver_version);
    else if (strstr(info->platform_name, "Intel") && strcmp(info->type, "cpu") == 0)
        add_quirk(info, "Intel CPU runtime: a waiting host thread works along");
    if (is_imitation(info))
        add_quirk(info, "a processor dressed up as a graphics card: ranks last");
}

int clg_discover_describe(clg_device_info *info, cl_device_id id, int platform, int index)
{
    int failures = 0;
    cl_platform_id owner = NULL;
    cl_device_type type = 0;
    cl_uint units = 0, clock = 0;
    cl_ulong memory = 0, largest = 0, local = 0;
    cl_bool unified = CL_FALSE;
    memset(info, 0, sizeof *info);
    info->platform = platform;
    info->index = index;
    ASK(info, owner, id, CL_DEVICE_PLATFORM);
    ASK_TEXT(info, info->platform_name, owner, NULL, CL_PLATFORM_NAME);
    ASK_TEXT(info, info->vendor, owner, id, CL_DEVICE_VENDOR);
    ASK_TEXT(info, info->name, owner, id, CL_DEVICE_NAME);
    ASK_TEXT(info, info->opencl_version, owner, id, CL_DEVICE_VERSION);
    ASK_TEXT(info, info->driver_version, owner, id, CL_DRIVER_VERSION);
    ASK(info, type, id, CL_DEVICE_TYPE);
    ASK(info, units, id, CL_DEVICE_MAX_COMPUTE_UNITS);
    ASK(info, clock, id, CL_DEVICE_MAX_CLOCK_FREQUENCY);
    ASK(info, memory, id, CL_DEVICE_GLOBAL_MEM_SIZE);
    ASK(info, largest, id, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    ASK(info, local, id, CL_DEVICE_LOCAL_MEM_SIZE);
    ASK(info, unified, id, CL_DEVICE_HOST_UNIFIED_MEMORY);
    snprintf(info->type, sizeof info->type, "%s", type_name(type));
    info->units = clg_fits_int(units) ? (int)units : 0;
    info->clock_mhz = clg_fits_int(clock) ? (int)clock : 0;
    info->memory = memory;
    info->max_allocation = largest;
    info->local_memory = local;
    info->usable = is_usable(info, id, &failures);
    info->score = score_of(info, !unified);
    known_drivers(info);
    return failures;
}

clg_status clg_discover_reference(clg_device_info *info)
{
    size_t memory;
    memset(info, 0, sizeof *info);
    info->platform = info->index = -1;
    snprintf(info->platform_name, sizeof info->platform_name, "clgrad");
    snprintf(info->vendor, sizeof info->vendor, "clgrad");
    snprintf(info->name, sizeof info->name, "CPU reference, double precision");
    snprintf(info->driver_version, sizeof info->driver_version, "%s", CLG_VERSION);
    snprintf(info->type, sizeof info->type, "reference");
    info->units = 1;
    CLG_TRY(clg_host_limit(&memory));
    info->memory = info->max_allocation = memory;
    info->usable = 1;
    return CLG_OK;
}

/* Appends the devices of one platform to the list; a platform that fails has none, and *code says
 * why. */
static clg_status add_platform(struct clg_found **list, size_t *count, cl_int *code,
                               cl_platform_id platform, int number)
{
    cl_uint devices = 0;
    cl_device_id *id = NULL;
    clg_status status = CLG_OK;
    cl_int answer = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &devices);
    if (answer == CL_SUCCESS && devices > 0) {
        CLG_TRY(clg_alloc(&id, devices, sizeof *id, "a list of devices"));
        answer = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, devices, id, NULL);
    }
    if (answer != CL_SUCCESS && answer != CL_DEVICE_NOT_FOUND)
        *code = answer;
    if (answer != CL_SUCCESS || devices == 0)
        goto done;
    struct clg_found *more = realloc(*list, (*count + devices) * sizeof *more);
    if (!more) {
        status = clg_fail(CLG_ENOMEM, "no memory for a list of devices");
        goto done;
    }
    *list = more;
    for (cl_uint i = 0; i < devices; i++) {
        struct clg_found *found = &more[(*count)++];
        found->id = id[i];
        found->failures = clg_discover_describe(&found->info, id[i], number, (int)i);
    }
done:
    free(id);
    return status;
}

clg_status clg_discover(struct clg_found **out, size_t *count)
{
    static const char advice[] =
        "install a driver, for example pocl-opencl-icd, or use --device ref";
    cl_uint platforms = 0;
    cl_platform_id *platform = NULL;
    struct clg_found *list = NULL;
    clg_status status = CLG_OK;
    *out = NULL;
    *count = 0;
    cl_int code = clGetPlatformIDs(0, NULL, &platforms);
    if (code == no_platform || (code == CL_SUCCESS && platforms == 0))
        return clg_fail(CLG_ENODEVICE, "no OpenCL platform: %s", advice);
    if (code != CL_SUCCESS)
        return clg_fail_cl(code, "clGetPlatformIDs", "%s", "");
    CLG_TRY(clg_alloc(&platform, platforms, sizeof *platform, "a list of platforms"));
    code = clGetPlatformIDs(platforms, platform, NULL);
    if (code != CL_SUCCESS) {
        status = clg_fail_cl(code, "clGetPlatformIDs", "%s", "");
        goto done;
    }
    for (cl_uint i = 0; i < platforms; i++)
        CLG_TRY_DONE(add_platform(&list, count, &code, platform[i], (int)i));
    if (*count == 0 && code != CL_SUCCESS)
        status = clg_fail_cl(code, "clGetDeviceIDs", "%s", "");
    else if (*count == 0)
        status = clg_fail(CLG_ENODEVICE, "no OpenCL device on %u platform%s: %s",
                          (unsigned)platforms, platforms == 1 ? "" : "s", advice);
done:
    free(platform);
    if (status != CLG_OK) {
        free(list);
        *count = 0;
        return status;
    }
    *out = list;
    return CLG_OK;
}

clg_status clg_device_list(clg_device_info **out, size_t *count)
{
    struct clg_found *found = NULL;
    clg_device_info *list = NULL;
    size_t devices = 0;
    *out = NULL;
    *count = 0;
    clg_status status = clg_discover(&found, &devices);
    if (status != CLG_OK && status != CLG_ENODEVICE)
        return status;
    clg_status allocated = clg_alloc(&list, devices + 1, sizeof *list, "a list of devices");
    if (allocated != CLG_OK) {
        free(found);
        return allocated;
    }
    for (size_t i = 0; i < devices; i++)
        list[i] = found[i].info;
    free(found);
    clg_status described = clg_discover_reference(&list[devices]);
    if (described != CLG_OK) {
        free(list);
        return described;
    }
    *out = list;
    *count = devices + 1;
    return status;
}

void clg_device_list_free(clg_device_info *list)
{
    free(list);
}
