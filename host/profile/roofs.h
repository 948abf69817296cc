/* A device's ceilings: measured by probe.c, remembered beside its program binaries, and what they
 * say of the time that work must take. */
#ifndef CLG_PROFILE_ROOFS_H
#define CLG_PROFILE_ROOFS_H

#include "profile/work.h"

/* Measures everything; takes a few seconds of the device. */
clg_status clg_probe(clg_roofs *out, clg_device *device);

/* The highest GFLOP/s. */
double clg_roofs_compute(const clg_roofs *roofs);

/* The nearest memory whose working set holds so many bytes of a compute unit. */
const clg_roof *clg_roofs_memory(const clg_roofs *roofs, double unit_bytes);

/* GFLOP/s of a product of so many operations. */
double clg_roofs_product(const clg_roofs *roofs, double flops);

/* Seconds that a part takes at best where it goes over unit_bytes with the rest of its step. */
double clg_roofs_seconds(const clg_roofs *roofs, const struct clg_task *part, double unit_bytes);

/* Bytes of a compute unit that a step goes over again and again. */
double clg_work_unit_bytes(const struct clg_work *work, const clg_device *device);

/* Seconds of a launch, its own cost left out, and of a whole step with what launches cost. */
double clg_work_launch_seconds(const struct clg_work *work, int launch, const clg_roofs *roofs,
                               double unit_bytes);
double clg_work_seconds(const struct clg_work *work, const clg_roofs *roofs, double unit_bytes);

#endif
