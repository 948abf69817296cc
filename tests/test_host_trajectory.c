/* 50 steps of every optimiser on the reference, against NumPy in the same precision. */
#include "harness_trajectory.h"

START_TEST(reference_follows_numpy)
{
    clg_device *device = NULL;
    ck_ok(clg_device_open(&device, "ref", NULL));
    harness_trajectory(device, _i, 1e-10, 1e-9);
    clg_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trajectories on the reference");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, reference_follows_numpy, 0, HARNESS_TRAJECTORIES);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
