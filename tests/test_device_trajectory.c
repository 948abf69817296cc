/* On the device: 50 steps of three optimisers against NumPy, 100 steps of all of them against
 * PyTorch, both in double precision. */
#include "harness_trajectory.h"

static clg_device *device;

START_TEST(device_follows_numpy)
{
    harness_trajectory(device, _i, 1e-5, 1e-3);
}
END_TEST

START_TEST(device_follows_torch)
{
    const double of_size[2] = {1e-5, 5e-5};
    harness_torch(device, _i, of_size, 1e-3);
}
END_TEST

int main(void)
{
    device = harness_device();
    Suite *suite = suite_create("trajectories on the device");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, device_follows_numpy, 0, HARNESS_TRAJECTORIES);
    tcase_add_loop_test(all, device_follows_torch, 0, HARNESS_TORCH);
    suite_add_tcase(suite, all);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
