/* On the reference: 50 steps of three optimisers against NumPy, 100 steps of all of them against
 * PyTorch, both in the same precision. */
#include "harness_trajectory.h"

START_TEST(reference_follows_numpy)
{
    clg_device *device = NULL;
    ck_ok(clg_device_open(&device, "ref", NULL));
    harness_trajectory(device, _i, 1e-10, 1e-9);
    clg_device_close(device);
}
END_TEST

START_TEST(reference_follows_torch)
{
    const double of_size[2] = {1e-10, 1e-10};
    clg_device *device = NULL;
    ck_ok(clg_device_open(&device, "ref", NULL));
    harness_torch(device, _i, of_size, 1e-9);
    clg_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trajectories on the reference");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, reference_follows_numpy, 0, HARNESS_TRAJECTORIES);
    tcase_add_loop_test(all, reference_follows_torch, 0, HARNESS_TORCH);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
