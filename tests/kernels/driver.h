/* What the files of the driver share. */
#ifndef CLG_TESTS_KERNELS_DRIVER_H
#define CLG_TESTS_KERNELS_DRIVER_H

#include "device/device.h"

#include <stdio.h>
#include <stdlib.h>

#define TRY(call)                                                                                  \
    do {                                                                                           \
        if ((call) != CLG_OK) {                                                                    \
            fprintf(stderr, "driver: %s: %s\n", #call, clg_last_error());                          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

extern clg_device *device;

/* From here on the device takes the forms for local memory of its own, or those for registers. */
void choose_forms(int local);

/* driver_steps.c: whole training steps of networks of many shapes by the plan fused or resident.
 * part: "fused", "fused_local", "samples", "units" or "group"; 0 where it is none of them. */
int run_steps(const char *part);

/* The same of one network alone, which has a hidden layer and two rows and more. */
void run_one_network(const char *part);

#endif
