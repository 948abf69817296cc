/* Every operation of the device against the reference: the full set of shapes and characters, guard
 * zones and padding; and that a device that is wrong does not pass. */
#include "harness.h"
#include "harness_spoil.h"

#include <stdio.h>
#include <string.h>

static clg_device *device;

struct seen {
    int rows, worse; /* all; those that differ from the reference at all */
    int clblast;
};

static void on_row(void *user, const char *operation, const char *shape, int failed, double worst)
{
    struct seen *seen = user;
    if (failed)
        fprintf(stderr, "%s (%s): %g of its bound\n", operation, shape, worst);
    seen->rows++;
    seen->worse += worst > 0;
    seen->clblast += strstr(shape, "clblast") != NULL;
}

static void assert_nothing_held(void)
{
    uint64_t bytes;
    int buffers;
    clg_device_usage(device, &bytes, &buffers);
    ck_assert_uint_eq(bytes, 0);
    ck_assert_int_eq(buffers, 0);
    ck_assert_ptr_null(device->ops_override);
}

START_TEST(every_operation_is_within_its_bound)
{
    struct seen seen = {0};
    clg_verify_options options = {.operations = 2, .user = &seen, .row = on_row};
    clg_verify_result result;
    enum clg_route before = device->route;
    clg_status status = clg_verify_operations(&result, device, &options);
    ck_assert_msg(status == CLG_OK, "%s", clg_last_error());
    ck_assert_int_eq(result.failed, 0);
    /* sums in front of a step that lie within their bound of 0: a handful of millions */
    ck_assert_msg((double)result.undecided <= 1e-6 * (double)result.elements,
                  "%d of %llu elements are undecided", result.undecided,
                  (unsigned long long)result.elements);
    ck_assert_int_eq(result.cases, seen.rows);
    /* a device in single precision that equals double precision was not asked */
    ck_assert(result.worst > 0.01 && result.worst <= 1);
    ck_assert_int_gt(seen.worse, seen.rows / 2);
    ck_assert_int_gt(seen.rows, 5000);
    ck_assert(device->kind != CLG_OPENCL || clg_matmul_has_clblast() == (seen.clblast > 0));
    ck_assert_int_eq(device->route, before);
    assert_nothing_held();
}
END_TEST

/* Of the results that have padding; test_host_verify spoils all others, too. */
START_TEST(a_wrong_device_is_noticed)
{
    static const enum spoil how[] = {SPOIL_PADDING, SPOIL_BIT, SPOIL_NAN};
    const struct spoilt *what = &spoil_results[_i];
    clg_verify_result result;
    if (!what->is_matrix)
        return;
    spoil_begin(device, what, how, 3);
    clg_status status = clg_verify_operations(&result, device, NULL);
    ck_assert_int_eq(spoil_end(device), 3);
    ck_assert_int_eq(status, CLG_EMISMATCH);
    ck_assert_msg(result.failed == 3, "%s %s: %d failed", what->operation, what->operand,
                  result.failed);
    ck_assert_msg(strstr(result.first, "padding") != NULL, "%s", result.first);
    assert_nothing_held();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("operations");
    TCase *all = tcase_create("all");
    device = harness_device();
    tcase_add_test(all, every_operation_is_within_its_bound);
    tcase_add_loop_test(all, a_wrong_device_is_noticed, 0, (int)spoil_count);
    suite_add_tcase(suite, all);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
