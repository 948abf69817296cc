/* What verification leaves open in single operations: elements that rounding alone decides, or that
 * lie at a kink.  A few are the nature of numbers; more than 1 % of an operation say nothing of it,
 * and the verdict must not be that all is well. */
#include "harness.h"
#include "verify/verify.h"

#include <math.h>
#include <string.h>

enum { ELEMENTS = 200 };

/* A case of ELEMENTS right elements, so many of them undecided and so many at a kink. */
static void compare(struct clg_tally *tally, const char *operation, int undecided, int kinks)
{
    double value[ELEMENTS], bound[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
        value[i] = i;
        bound[i] = i < undecided ? (double)INFINITY : 0.5;
    }
    clg_tally_open(tally, operation, "a case");
    clg_tally_kinks(tally, (uint64_t)kinks);
    clg_tally_compare(tally, "y", value, value, bound, 1, ELEMENTS);
}

static void assert_open(struct clg_tally *tally, const char *operation)
{
    clg_tally_end_operations(tally);
    ck_assert_int_eq(tally->result.failed, 0);
    ck_assert_int_eq(tally->result.too_many, operation != NULL);
    if (!operation) {
        ck_ok(clg_tally_verdict(tally));
        return;
    }
    ck_assert_str_eq(tally->result.first_tensor, operation);
    ck_fails(clg_tally_verdict(tally), CLG_EMISMATCH, operation);
    ck_assert_ptr_nonnull(strstr(clg_last_error(), "undecided: more than 1 %"));
    ck_assert_ptr_nonnull(strstr(clg_last_error(), "--seed"));
}

START_TEST(up_to_a_hundredth_may_stay_open)
{
    struct clg_tally tally = {0};
    compare(&tally, "dense_fwd", 2, 0);
    compare(&tally, "grad", 0, 2);
    assert_open(&tally, NULL);
    ck_assert_int_eq(tally.result.undecided, 2);
    ck_assert_uint_eq(tally.result.kinks, 2);
}
END_TEST

START_TEST(more_than_a_hundredth_is_no_verdict)
{
    struct clg_tally undecided = {0}, kinks = {0}, both = {0};
    compare(&undecided, "grad", 0, 0);
    compare(&undecided, "dense_fwd", 3, 0);
    assert_open(&undecided, "dense_fwd");
    compare(&kinks, "dense_fwd", 0, 3);
    assert_open(&kinks, "dense_fwd");
    compare(&both, "dense_fwd", 2, 1);
    assert_open(&both, "dense_fwd");
}
END_TEST

/* All cases of an operation count together: a small one may be open for the most part, and many
 * decided cases of another operation excuse nothing. */
START_TEST(an_operation_is_judged_as_a_whole)
{
    struct clg_tally decided = {0}, open = {0};
    compare(&decided, "dense_fwd", 4, 0);
    compare(&decided, "dense_fwd", 0, 0);
    assert_open(&decided, NULL);
    for (int i = 0; i < 10; i++)
        compare(&open, "grad", 0, 0);
    compare(&open, "dense_fwd", 4, 0);
    compare(&open, "dense_fwd", 1, 0);
    assert_open(&open, "dense_fwd");
}
END_TEST

/* A wrong element is a mismatch, however much is open besides; what a training leaves open is
 * judged tensor by tensor, elsewhere. */
START_TEST(other_verdicts_come_first)
{
    const double is = 1, should = 2, bound = 0.5;
    struct clg_tally wrong = {0}, training = {0};
    compare(&wrong, "dense_fwd", 100, 0);
    clg_tally_open(&wrong, "grad", "a case");
    clg_tally_compare(&wrong, "dW", &is, &should, &bound, 1, 1);
    clg_tally_end_operations(&wrong);
    ck_assert_int_eq(wrong.result.too_many, 0);
    ck_fails(clg_tally_verdict(&wrong), CLG_EMISMATCH, "first grad");
    training.now.step = 1;
    compare(&training, "dense_fwd", 100, 0);
    assert_open(&training, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify_open");
    TCase *open = tcase_create("open");
    tcase_add_test(open, up_to_a_hundredth_may_stay_open);
    tcase_add_test(open, more_than_a_hundredth_is_no_verdict);
    tcase_add_test(open, an_operation_is_judged_as_a_whole);
    tcase_add_test(open, other_verdicts_come_first);
    suite_add_tcase(suite, open);
    return harness_run(suite);
}
