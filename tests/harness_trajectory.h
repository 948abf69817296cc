/* Whole training runs against parameters that another implementation computed. */
#ifndef CLG_TESTS_HARNESS_TRAJECTORY_H
#define CLG_TESTS_HARNESS_TRAJECTORY_H

#include "harness.h"

/* Every run that tests/golden/make_trajectories.py knows: sets of data times optimisers. */
enum { HARNESS_TRAJECTORIES = 12 };

/* Repeats run `index` on device and asserts that each tensor w ends within of_size * |w| and within
 * of_way * |w - start| of the golden one, in the Euclidean norm. */
void harness_trajectory(clg_device *device, int index, double of_size, double of_way);

#endif
