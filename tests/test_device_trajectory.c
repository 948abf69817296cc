/* 50 steps of every optimiser on the device, against NumPy in double precision. */
#include "harness_trajectory.h"

static clg_device *device;

START_TEST(device_follows_numpy)
{
    harness_trajectory(device, _i, 1e-5, 1e-3);
}
END_TEST

int main(void)
{
    device = harness_device();
    Suite *suite = suite_create("trajectories on the device");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, device_follows_numpy, 0, HARNESS_TRAJECTORIES);
    suite_add_tcase(suite, all);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
