/* What OpenCL devices there are, and which one a selector means. */
#ifndef CLG_DEVICE_DISCOVER_H
#define CLG_DEVICE_DISCOVER_H

#include "device/device.h"

struct clg_found {
    clg_device_info info;
    cl_device_id id;
    int failures; /* questions that it answered with an error */
};

/* Every OpenCL device in the order of their numbers; the caller frees *out.  CLG_ENODEVICE where
 * there is no platform or no device, CLG_EDEVICE where one could not be asked. */
clg_status clg_discover(struct clg_found **out, size_t *count);

/* The one that selector means (clgrad.h, clg_device_open; not "ref"), and why, in one line.
 * CLG_EDEVICE where it cannot be used because its questions failed. */
clg_status clg_discover_choose(const struct clg_found **out, char *reason, size_t size,
                               const struct clg_found *found, size_t count, const char *selector);

/* Asks a device about itself; what it does not say stays 0 or "", and quirks tells of it.  Returns
 * how many questions failed. */
int clg_discover_describe(clg_device_info *info, cl_device_id id, int platform, int index);

/* The reference as a device. */
clg_status clg_discover_reference(clg_device_info *info);

#endif
