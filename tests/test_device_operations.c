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
    int undecided; /* but for inputs that are denormals, which may lie on either side of a step */
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

static void on_case(void *user, const clg_verify_case *compared)
{
    struct seen *seen = user;
    if (!strstr(compared->shape, "denormal"))
        seen->undecided += compared->undecided;
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

/* The full set builds several hundred programs, CLBlast's among them, which takes minutes with empty
 * caches: only where CLGRAD_SOAK is set. */
START_TEST(every_operation_is_within_its_bound)
{
    const int full = getenv("CLGRAD_SOAK") != NULL;
    struct seen seen = {0};
    clg_verify_options options = {
        .operations = full ? 2 : 1, .user = &seen, .row = on_row, .each = on_case};
    clg_verify_result result;
    enum clg_route before = device->route;
    clg_status status = clg_verify_operations(&result, device, &options);
    ck_assert_msg(status == CLG_OK, "%s", clg_last_error());
    ck_assert_int_eq(result.failed, 0);
    /* sums in front of a step that lie within their bound of 0: a handful of millions */
    ck_assert_msg((double)seen.undecided <= 1e-6 * (double)result.elements,
                  "%d of %llu elements are undecided", seen.undecided,
                  (unsigned long long)result.elements);
    ck_assert_int_eq(result.cases, seen.rows);
    /* a device in single precision that equals double precision was not asked */
    ck_assert(result.worst > 0.01 && result.worst <= 1);
    ck_assert_int_gt(seen.worse, seen.rows / 2);
    ck_assert_int_gt(seen.rows, full ? 30000 : 3000);
    ck_assert(device->kind != CLG_OPENCL ||
              (full && clg_matmul_has_clblast()) == (seen.clblast > 0));
    ck_assert_int_eq(device->route, before);
    assert_nothing_held();
}
END_TEST

struct noticed {
    const struct spoilt *what;
    int whats, failed[32];
};

/* Which of the spoilt results a failed case belongs to. */
static void notice(void *user, const clg_verify_case *compared)
{
    struct noticed *noticed = user;
    if (!compared->failed)
        return;
    for (int w = 0; w < noticed->whats; w++)
        if (strcmp(compared->operation, noticed->what[w].operation) == 0) {
            noticed->failed[w]++;
            return;
        }
    ck_abort_msg("%s %s failed, and nothing is wrong with it", compared->operation,
                 compared->shape);
}

/* Of each operation the _i-th result that has padding: each is noticed, and nothing else is.
 * test_host_verify spoils all others, too, one at a time. */
START_TEST(a_wrong_device_is_noticed)
{
    static const enum spoil how[] = {SPOIL_PADDING, SPOIL_BIT, SPOIL_NAN};
    struct spoilt what[32];
    struct noticed noticed = {what, 0, {0}};
    clg_verify_result result;
    int nth = 0;
    for (size_t i = 0; i < spoil_count; i++) {
        if (i == 0 || strcmp(spoil_results[i].operation, spoil_results[i - 1].operation) != 0)
            nth = 0;
        if (spoil_results[i].is_matrix && nth++ == _i)
            what[noticed.whats++] = spoil_results[i];
    }
    ck_assert_int_gt(noticed.whats, 0);
    const clg_verify_options options = {.operations = 1, .user = &noticed, .each = notice};
    spoil_begin_many(device, what, noticed.whats, how, 3);
    clg_status status = clg_verify_operations(&result, device, &options);
    ck_assert_int_eq(spoil_end(device), 3 * noticed.whats);
    ck_assert_int_eq(status, CLG_EMISMATCH);
    for (int w = 0; w < noticed.whats; w++)
        ck_assert_msg(noticed.failed[w] == 3, "%s %s: %d failed", what[w].operation,
                      what[w].operand, noticed.failed[w]);
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
    tcase_add_loop_test(all, a_wrong_device_is_noticed, 0, 2);
    suite_add_tcase(suite, all);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
