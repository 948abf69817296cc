/* clgrad train --resume as its users see it: what it says, its exit codes, and that the run it ends
 * is the one that was never stopped. */
#include "harness.h"
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XOR "train --train xor --layers 4 --device ref "

static struct run run;

static void expect(int code)
{
    ck_assert_msg(run.code == code, "exit %d, not %d: %s%s", run.code, code, run.out, run.err);
}

static void same(const char *path, const char *other)
{
    size_t size, other_size;
    char *bytes = run_read(path, &size), *others = run_read(other, &other_size);
    ck_assert(size == other_size && memcmp(bytes, others, size) == 0);
    free(bytes);
    free(others);
}

START_TEST(a_finished_run_says_so)
{
    run_clgrad(&run, "", XOR "--epochs 3 --out done -q");
    expect(0);
    const uint32_t before = run_snapshot(NULL);
    run_clgrad(&run, "", "train --resume done");
    expect(0);
    ck_assert_str_eq(run.out, "done is finished: 3 epochs, 3 steps; --epochs N makes it go on\n");
    ck_assert_str_eq(run.err, "");
    ck_assert_uint_eq(run_snapshot(NULL), before);
    run_clgrad(&run, "", "train --resume done --json");
    expect(0);
    ck_assert_ptr_nonnull(strstr(run.out, "\"finished\": true"));
}
END_TEST

START_TEST(changed_options_are_listed)
{
    run_clgrad(&run, "", XOR "--epochs 3 --out part -q");
    run_clgrad(&run, "", XOR "--epochs 6 --out whole -q");
    run_clgrad(&run, "", "train --resume part --epochs 6 --log-every 7");
    expect(0);
    ck_assert_ptr_nonnull(strstr(run.err, "resume: --epochs 6 (was 3)\n"));
    ck_assert_ptr_nonnull(strstr(run.err, "resume: --log-every 7 (was not set)\n"));
    ck_assert_ptr_nonnull(strstr(run.err, "part goes on behind step 3, 3 epochs done\n"));
    same("part/last.safetensors", "whole/last.safetensors");
    same("part/best.safetensors", "whole/best.safetensors");
    char *config = run_read("part/config.ini", NULL);
    ck_assert_ptr_nonnull(strstr(config, "\nepochs = 6\n"));
    free(config);
}
END_TEST

static const struct {
    const char *arguments;
    int code;
    const char *words;
} bad[] = {{"train --resume done --layers 5", 2, "--layers 5: a run that goes on cannot change it"},
           {"train --resume done --out other", 2, "leave --out out"},
           {"train --resume done --train other.csv --epochs 9", 3, "does not fit the data"},
           {"train --resume none", 3, "none: is no run's folder"},
           {"eval --resume done", 2, "eval does not take --resume"}};

START_TEST(failures_are_one_line)
{
    if (!run_exists("done"))
        run_clgrad(&run, "", XOR "--epochs 3 --out done -q");
    run_write_text("other.csv", "1,2,a\n4,5,b\n7,8,c\n");
    const uint32_t before = run_snapshot(NULL);
    char arguments[256];
    snprintf(arguments, sizeof arguments, "%s -q", bad[_i].arguments);
    run_clgrad(&run, "", arguments);
    expect(bad[_i].code);
    ck_assert_msg(strstr(run.err, bad[_i].words) && run_lines(run.err) == 1, "%s", run.err);
    ck_assert_uint_eq(run_snapshot(NULL), before);
}
END_TEST

/* Its last good checkpoint is kept, and goes on at a lower rate. */
START_TEST(a_diverged_run_goes_on)
{
    run_write_text("far.csv", "1,2,3\n4,5,6\n7,8,10\n2,1,0\n");
    run_clgrad(&run, "",
               "train --train far.csv --target value --opt sgd --lr 1e3 --normalize none --batch 1 "
               "--device ref --epochs 50 --save-every 1 --log-every 1 --out far -q");
    expect(7);
    ck_assert_msg(strstr(run.err, "training diverged") && strstr(run.err, "step ") &&
                      strstr(run.err, "first in ") && strstr(run.err, "all was finite at step"),
                  "%s", run.err);
    run_clgrad(&run, "", "eval --device ref --model far/last.safetensors --data far.csv");
    expect(0);
    run_clgrad(&run, "", "train --resume far --lr 1e-12 --steps 40 -q");
    expect(0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli resume");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 100);
    tcase_add_unchecked_fixture(cases, run_folder_enter, NULL);
    tcase_add_test(cases, a_finished_run_says_so);
    tcase_add_test(cases, changed_options_are_listed);
    tcase_add_loop_test(cases, failures_are_one_line, 0, (int)(sizeof bad / sizeof *bad));
    tcase_add_test(cases, a_diverged_run_goes_on);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
