/* Tests of device memory that both kinds of device must pass. */
#ifndef CLG_TESTS_HARNESS_BUFFER_H
#define CLG_TESTS_HARNESS_BUFFER_H

#include "clgrad/clgrad.h"

/* Each asserts; the device holds nothing before and after. */
void harness_buffer_zeroed(clg_device *device);
void harness_buffer_copies(clg_device *device);
void harness_buffer_reals(clg_device *device);
void harness_buffer_matrix(clg_device *device);
void harness_buffer_views(clg_device *device);
void harness_buffer_budget(clg_device *device);
void harness_buffer_too_large(clg_device *device);

#endif
