/* The forms of our own product kernels, all of them behind clg_matmul_native (ops.h), which chooses
 * by the device.  Named here so that a test can run each form and compare their bits. */
#ifndef CLG_OPS_MATMUL_H
#define CLG_OPS_MATMUL_H

#include "ops/ops.h"

enum clg_matmul_body {
    CLG_BODY_REGISTER, /* one work-item a group, wide vectors: for devices that cache all memory */
    CLG_BODY_LOCAL     /* tiles shared by a group: for devices with local memory of its own */
};

/* Whether the device can run the body at all. */
int clg_matmul_body_exists(const clg_device *device, enum clg_matmul_body body);

/* The body that clg_matmul_native takes on this device. */
enum clg_matmul_body clg_matmul_body_of(const clg_device *device);

/* clg_matmul_native by the given body; CLG_EDEVICE where the device cannot run it. */
clg_status clg_matmul_native_body(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                                  const struct clg_buf *B, int M, int N, int K, enum clg_form form,
                                  enum clg_matmul_body body);

#endif
