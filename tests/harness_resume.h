/* A run stopped at every place where it can be, and resumed: it must be the run that was not. */
#ifndef CLG_TESTS_HARNESS_RESUME_H
#define CLG_TESTS_HARNESS_RESUME_H

#include "harness.h"

/* Trains on device as config says, once whole and then once for every `stride`-th time that the
 * training asks whether to stop, stopped there, up to `most` of these; compares model files byte
 * for byte and metrics but for their times.  Returns how many there were. */
int harness_resume(clg_device *device, const clg_config *config, const clg_dataset *data,
                   const clg_dataset *val, int stride, int most);

#endif
