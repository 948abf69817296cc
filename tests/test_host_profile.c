/* What a profile knows without a device: a step's work from the network's shape, predictions from
 * roofs, the estimate on the reference. */
#include "harness_net.h"
#include "harness_train.h"
#include "profile/profile.h"

#include <math.h>
#include <string.h>

static clg_device *reference;

static void open_reference(void)
{
    ck_ok(clg_device_open(&reference, "ref", NULL));
}

static void close_reference(void)
{
    clg_device_close(reference);
}

static clg_roofs roofs_of(void)
{
    clg_roofs roofs = {.computes = 2, .reads = 3, .products = 3, .launch_us = 3};
    const double sizes[] = {64e6, 1e6, 16e3}, rates[] = {10, 100, 400};
    for (int i = 0; i < 3; i++) {
        roofs.read[i].size = sizes[i];
        roofs.read[i].rate = rates[i];
        roofs.product[i].size = pow(10, 7 + i);
        roofs.product[i].rate = 100 * (i + 1);
    }
    roofs.compute[0].rate = 50;
    roofs.compute[1].rate = 500;
    return roofs;
}

START_TEST(memory_is_the_nearest_that_holds_the_work)
{
    const clg_roofs roofs = roofs_of();
    ck_assert_ptr_eq(clg_roofs_memory(&roofs, 1), &roofs.read[2]);
    ck_assert_ptr_eq(clg_roofs_memory(&roofs, 16e3), &roofs.read[2]);
    ck_assert_ptr_eq(clg_roofs_memory(&roofs, 16.1e3), &roofs.read[1]);
    ck_assert_ptr_eq(clg_roofs_memory(&roofs, 2e6), &roofs.read[0]);
    ck_assert_ptr_eq(clg_roofs_memory(&roofs, 1e12), &roofs.read[0]);
}
END_TEST

START_TEST(products_lie_between_the_measured_ones)
{
    const clg_roofs roofs = roofs_of();
    ck_assert(harness_close(clg_roofs_product(&roofs, 1), 100, 1e-9));
    ck_assert(harness_close(clg_roofs_product(&roofs, 1e8), 200, 1e-9));
    ck_assert(harness_close(clg_roofs_product(&roofs, 1e7 * sqrt(10)), 150, 1e-9));
    ck_assert(harness_close(clg_roofs_product(&roofs, 1e8 * sqrt(10)), 250, 1e-9));
    ck_assert(harness_close(clg_roofs_product(&roofs, 1e12), 300, 1e-9));
}
END_TEST

START_TEST(time_is_the_longer_of_computing_and_moving)
{
    const clg_roofs roofs = roofs_of();
    const struct clg_task moving = {0, CLG_PHASE_UPDATE, 1, 1e6, 0};
    const struct clg_task computing = {0, CLG_PHASE_UPDATE, 5e8, 8, 0};
    const struct clg_task product = {0, CLG_PHASE_FORWARD, 5e7, 8, 1e8};
    ck_assert(harness_close(clg_roofs_seconds(&roofs, &moving, 64e6), 1e-4, 1e-12));
    ck_assert(harness_close(clg_roofs_seconds(&roofs, &moving, 1e3), 2.5e-6, 1e-12));
    ck_assert(harness_close(clg_roofs_seconds(&roofs, &computing, 64e6), 1e-3, 1e-12));
    /* a product by its padded operations, at the rate of products */
    ck_assert(harness_close(clg_roofs_seconds(&roofs, &product, 64e6), 5e-4, 1e-12));
}
END_TEST

/* 784-128-10: forward, weight gradients, and the delta of the one hidden layer. */
START_TEST(work_is_that_of_the_products)
{
    clg_net *net = net_drawn(NET_CONFIG("layers=128", "opt=sgd", "batch=64"), 784, 10, 0);
    const double products = 2.0 * 64 * (3 * (784.0 * 128 + 128 * 10) - 784.0 * 128);
    clg_estimate e;
    double none = 0;
    ck_ok(clg_training_estimate(&e, net, reference, NULL, 0));
    ck_assert_int_eq(e.batch, 64);
    ck_assert_str_eq(e.plan, "plain");
    ck_assert_msg(e.flops > products && e.flops < 1.05 * products, "%g, products %g", e.flops,
                  products);
    /* weights are read forward, their gradients written and read, and they are read and written
     * by the update */
    ck_assert(e.bytes > 4.0 * 784 * 128 * 5);
    ck_assert(isnan(e.step_us));
    for (int phase = 0; phase < CLG_PHASES; phase++)
        none += e.phase_us[phase];
    ck_assert(harness_close(none, 0, 0));
    ck_ok(clg_training_estimate(&e, net, reference, NULL, 128));
    ck_assert(e.flops > 1.98 * products && e.flops < 2.1 * products);
    clg_net_destroy(net);
}
END_TEST

START_TEST(memory_is_told_by_purpose)
{
    clg_net *net = net_drawn(NET_CONFIG("layers=100", "opt=adam"), 50, 4, 0);
    clg_dataset *data = harness_blobs(300, 50, 4, 1);
    clg_estimate e, alone;
    uint64_t sum = 0, optimiser = 0, parameters = 0, training = 0;
    ck_ok(clg_training_estimate(&e, net, reference, data, 0));
    ck_ok(clg_training_estimate(&alone, net, reference, NULL, 0));
    for (int i = 0; i < e.purposes; i++) {
        sum += e.purpose[i].bytes;
        ck_assert(i == 0 || e.purpose[i].bytes <= e.purpose[i - 1].bytes);
        if (strcmp(e.purpose[i].name, "optimiser") == 0)
            optimiser = e.purpose[i].bytes;
        if (strcmp(e.purpose[i].name, "parameters") == 0)
            parameters = e.purpose[i].bytes;
        if (strcmp(e.purpose[i].name, "training data") == 0)
            training = e.purpose[i].bytes;
    }
    ck_assert_uint_ge(parameters, 8 * (50 * 100 + 100 + 100 * 4 + 4));
    ck_assert_uint_eq(optimiser, 2 * parameters);
    ck_assert_uint_ge(training, 300 * 50 * 8);
    ck_assert_uint_le(sum, e.memory);
    ck_assert_uint_ge(sum + 64 * 40, e.memory); /* but for what alignment takes */
    ck_assert_uint_gt(e.memory, alone.memory + 300 * 50 * 8 - 1);
    clg_dataset_destroy(data);
    clg_net_destroy(net);
}
END_TEST

/* Frozen layers get no gradient, and a batch of the data at most. */
START_TEST(the_estimate_follows_the_options)
{
    clg_net *all = net_drawn(NET_CONFIG("layers=30,30", "opt=sgd"), 50, 4, 0);
    clg_net *frozen = net_drawn(NET_CONFIG("layers=30,30", "opt=sgd", "freeze=0,1"), 50, 4, 0);
    clg_dataset *data = harness_blobs(20, 50, 4, 1);
    clg_estimate a, f;
    ck_ok(clg_training_estimate(&a, all, reference, NULL, 10));
    ck_ok(clg_training_estimate(&f, frozen, reference, NULL, 10));
    ck_assert(f.flops < 0.6 * a.flops);
    ck_ok(clg_training_estimate(&a, all, reference, data, 0));
    ck_assert_int_eq(a.batch, 20);
    ck_fails(clg_training_estimate(&a, all, reference, data, -1), CLG_EUSAGE, "--batch -1");
    clg_dataset_destroy(data);
    clg_net_destroy(all);
    clg_net_destroy(frozen);
}
END_TEST

START_TEST(the_reference_has_no_profile)
{
    clg_profile *profile = NULL;
    clg_roofs roofs;
    clg_net *net = net_drawn(NET_CONFIG("layers=4"), 5, 2, 0);
    clg_dataset *data = harness_blobs(20, 5, 2, 1);
    ck_fails(clg_device_roofs(&roofs, reference, 0), CLG_EUSAGE, "reference");
    ck_fails(clg_profile_start(&profile, reference), CLG_EUSAGE, "reference");
    ck_assert_ptr_null(profile);
    ck_fails(clg_profile_training(&profile, net, reference, data, NULL), CLG_EUSAGE, "reference");
    ck_assert_ptr_null(profile);
    clg_profile_destroy(NULL);
    clg_dataset_destroy(data);
    clg_net_destroy(net);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("profile, on paper");
    TCase *all = tcase_create("host");
    tcase_add_checked_fixture(all, open_reference, close_reference);
    tcase_add_test(all, memory_is_the_nearest_that_holds_the_work);
    tcase_add_test(all, products_lie_between_the_measured_ones);
    tcase_add_test(all, time_is_the_longer_of_computing_and_moving);
    tcase_add_test(all, work_is_that_of_the_products);
    tcase_add_test(all, memory_is_told_by_purpose);
    tcase_add_test(all, the_estimate_follows_the_options);
    tcase_add_test(all, the_reference_has_no_profile);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
