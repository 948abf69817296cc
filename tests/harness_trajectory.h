/* Whole training runs against parameters that another implementation computed. */
#ifndef CLG_TESTS_HARNESS_TRAJECTORY_H
#define CLG_TESTS_HARNESS_TRAJECTORY_H

#include "harness.h"

/* Every run that tests/golden/make_trajectories.py knows, sets of data times optimisers, and every
 * one of tests/golden/make_torch_trajectories.py. */
enum { HARNESS_TRAJECTORIES = 12, HARNESS_TORCH = 12 };

/* Repeats run `index` on device and asserts that each tensor w ends within of_size * |w| and within
 * of_way * |w - start| of the golden one, in the Euclidean norm. */
void harness_trajectory(clg_device *device, int index, double of_size, double of_way);

/* The same for PyTorch's runs; of_size[1] is for the optimisers that divide by a root of squares.
 */
void harness_torch(clg_device *device, int index, const double of_size[2], double of_way);

#endif
