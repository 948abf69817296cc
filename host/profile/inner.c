/* The list of kernels that our layer shows.  Where the loader has no layers, or ours is not named
 * in OPENCL_LAYERS, there is none, and a product of CLBlast is one row. */
#include "profile/inner.h"

#include "core/memory.h"
#include "device/launch.h"

#include <stdio.h>
#include <string.h>

/* The name's own copy, which stays; those beyond the table share one. */
static const char *kept_name(struct clg_inners *inners, const char *kernel)
{
    char full[CLG_INNER_NAME];
    snprintf(full, sizeof full, "sgemm/%.30s", kernel);
    for (int i = 0; i < inners->names; i++)
        if (strcmp(inners->name[i], full) == 0)
            return inners->name[i];
    if (inners->names == CLG_INNER_NAMES)
        return "sgemm/others";
    return strcpy(inners->name[inners->names++], full);
}

static void CL_CALLBACK on_kernel(void *user, const char *kernel, cl_event event)
{
    struct clg_inners *inners = user;
    const double now = clg_clock();
    if (inners->count == CLG_INNERS) {
        inners->lost++;
        return;
    }
    const double called = inners->count ? inners->inner[inners->count - 1].returned : now;
    if (clRetainEvent(event) != CL_SUCCESS) {
        inners->lost++;
        return;
    }
    inners->inner[inners->count++] =
        (struct clg_inner){kept_name(inners, kernel), event, called, now};
}

clg_status clg_inners_begin(struct clg_inners **out, const clg_device *device)
{
    cl_platform_id platform;
    clg_layer_see_fn see;
    *out = NULL;
    CLG_CL(clGetDeviceInfo, (device->id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL));
    void *found = clGetExtensionFunctionAddressForPlatform(platform, CLG_LAYER_FUNCTION);
    if (!found)
        return CLG_OK;
    CLG_TRY(clg_alloc(out, 1, sizeof **out, "a recording"));
    memcpy(&see, &found, sizeof see);
    (*out)->see = see;
    see(on_kernel, *out);
    return CLG_OK;
}

void clg_inners_end(struct clg_inners *inners)
{
    if (!inners || !inners->see)
        return;
    inners->see(NULL, NULL);
    inners->see = NULL;
    clg_inners_forget(inners);
}

void clg_inners_forget(struct clg_inners *inners)
{
    for (int i = 0; i < inners->count; i++)
        clReleaseEvent(inners->inner[i].event);
    inners->count = 0;
}

int clg_inners_main(const struct clg_inners *inners)
{
    for (int i = 0; i < inners->count; i++)
        if (strncmp(inners->inner[i].name, "sgemm/Xgemm", 11) == 0)
            return i;
    return inners->count - 1;
}
