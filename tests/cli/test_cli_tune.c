/* clgrad tune as its users run it: where there is nothing to tune, options that it refuses.  What
 * it chooses on a device is the device tests' affair. */
#include "harness.h"
#include "run.h"

#include <string.h>

static struct run run;

START_TEST(refusals_name_the_option)
{
    static const struct {
        const char *arguments;
        int code;
        const char *words;
    } rows[] = {
        {"tune --device ref", 2, "give a --device"},
        {"tune --device ref --json", 2, "give a --device"},
        {"tune --widest 63", 2, "--widest 63"},
        {"tune --seconds 0", 2, "--seconds 0"},
        {"tune --seconds 1.5", 2, "--seconds 1.5"},
        {"tune --layers 4", 2, "tune does not take --layers"},
        {"tune --tuned none", 2, "tune does not take --tuned"},
        {"tune more", 2, "unexpected argument more"},
        {"tun", 2, "did you mean tune"},
        {"train --device ref --train xor --out refused --tuned groups:5 -q", 2, "groups:5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run_clgrad(&run, "", rows[i].arguments);
        ck_assert_msg(run.code == rows[i].code, "%s: exit %d: %s", rows[i].arguments, run.code,
                      run.err);
        ck_assert_msg(strstr(run.err, rows[i].words), "%s: \"%s\"", rows[i].arguments, run.err);
        ck_assert_int_eq(run_lines(run.err), 1);
        ck_assert_str_eq(run.out, "");
    }
}
END_TEST

START_TEST(no_device_is_said)
{
    run_clgrad(&run, NO_PLATFORM, "tune");
    ck_assert_int_eq(run.code, 5);
}
END_TEST

START_TEST(help_tells_its_options)
{
    run_clgrad(&run, "", "tune --help");
    ck_assert_int_eq(run.code, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "--seconds N"));
    ck_assert_ptr_nonnull(strstr(run.out, "--widest 64|128|512|2048"));
    ck_assert_ptr_nonnull(strstr(run.out, "--no-cache"));
    run_clgrad(&run, "", "--help");
    ck_assert_ptr_nonnull(strstr(run.out, "clgrad tune"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli_tune");
    TCase *all = tcase_create("all");
    tcase_add_unchecked_fixture(all, run_folder_enter, NULL);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, refusals_name_the_option);
    tcase_add_test(all, no_device_is_said);
    tcase_add_test(all, help_tells_its_options);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
