/* Blocking calls of the driver, made in a thread of the device's own: where one does not come back
 * in time the caller does.  The device is lost then: nothing of it is used or released any more,
 * because a driver that hangs may hang in every call, and what a call still holds stays allocated.
 */
#ifndef CLG_DEVICE_WAIT_H
#define CLG_DEVICE_WAIT_H

#include "device/device.h"

/* Seconds after which a wait is given up: CLGRAD_TIMEOUT where it is set.  CLG_EUSAGE where that is
 * no number above 0. */
clg_status clg_wait_limit(clg_device *device);

/* clFinish, clWaitForEvents for one event, clBuildProgram and the blocking copies.  *code: what the
 * driver said.  CLG_EDEVICE where it said nothing in time, or the device was lost before. */
clg_status clg_wait_finish(clg_device *device, cl_int *code);
clg_status clg_wait_event(clg_device *device, cl_event event, cl_int *code);
clg_status clg_wait_build(clg_device *device, cl_program program, const char *options,
                          cl_int *code);
clg_status clg_wait_read(clg_device *device, cl_mem mem, size_t offset, size_t bytes, void *data,
                         cl_event *event, cl_int *code);
clg_status clg_wait_write(clg_device *device, cl_mem mem, size_t offset, size_t bytes,
                          const void *data, cl_event *event, cl_int *code);

/* Ends the thread; that of a lost device is left where it is. */
void clg_wait_close(clg_device *device);

#endif
