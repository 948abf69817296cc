/* The whole device against one of its compute units, where nothing runs beside anything else: 300
 * training steps by each plan end in the same bits on both.  A local array that threads share, or a
 * sum whose order depends on them, shows here. */
#include "harness_train.h"

#include "net/net.h"

#include <stdio.h>
#include <string.h>

static clg_device *whole, *unit;
static clg_dataset *data;

/* Two hidden layers, so that a delta passes through an inner one; more rows in a batch than one
 * work-group takes. */
static clg_net *trained(clg_device *device, enum clg_plan_choice plan)
{
    clg_train_result result;
    clg_net *net = NULL;
    clg_config *config = harness_config("layers", "40,24", "opt", "momentum", "lr", "0.01", "batch",
                                        "50", "steps", "300", "seed", "3", NULL);
    device->plan = plan;
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_train(&result, net, device, data, NULL, NULL, NULL));
    ck_assert_uint_eq(result.steps, 300);
    clg_config_destroy(config);
    return net;
}

static void same(const char *what, const double *got, const double *want, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(memcmp(&got[i], &want[i], sizeof *got) == 0,
                      "%s %zu of %zu: %.9g on one compute unit, %.9g on all", what, i, count,
                      got[i], want[i]);
}

START_TEST(one_unit_is_all)
{
    static const enum clg_plan_choice plans[] = {CLG_CHOOSE_PLAIN, CLG_CHOOSE_FUSED,
                                                 CLG_CHOOSE_RESIDENT};
    clg_net *want = trained(whole, plans[_i]), *got = trained(unit, plans[_i]);
    same("parameter", got->params, want->params, want->count);
    same("moment", got->slot[0], want->slot[0], want->count);
    clg_net_destroy(want);
    clg_net_destroy(got);
}
END_TEST

static void make_data(void)
{
    data = harness_blobs(170, 37, 3, 5);
}

static void destroy_data(void)
{
    clg_dataset_destroy(data);
}

int main(void)
{
    whole = harness_device();
    whole->use_cache = 0; /* PoCL builds a kernel a second time for the binary that is kept */
    if (whole->info.units < 2 || clg_device_open_unit(&unit, whole) != CLG_OK) {
        printf("no part of this device: %s\n", clg_last_error());
        clg_device_close(whole);
        return 77;
    }
    Suite *suite = suite_create("threads");
    TCase *all = tcase_create("threads");
    tcase_add_unchecked_fixture(all, make_data, destroy_data);
    tcase_set_timeout(all, 0);
    tcase_add_loop_test(all, one_unit_is_all, 0, 3);
    suite_add_tcase(suite, all);
    int failed = harness_run(suite);
    clg_device_close(unit);
    clg_device_close(whole);
    return failed;
}
