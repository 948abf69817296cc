/* Processes that share a cache and a data set, two that want one folder, and a cache that cannot be
 * used or trusted: safe, said once, and the same model. */
#define _GNU_SOURCE
#include "harness.h"
#include "runs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8, NOBODY = 65534 };

static struct run run;
static int here;

static void setup(void)
{
    run_folder_enter();
    runs_write_data();
    here = runs_plans_here();
}

#define SHORT "--epochs 2 --save-every 60s"

static const char *command(const char *name, const char *more)
{
    return runs_train(&runs_plans[here > 1 ? 2 : 0], "adam", name, more);
}

static void same_models(const char *folder, const char *other)
{
    runs_check_same(folder, other);
    runs_check_clean(folder);
}

START_TEST(eight_share_a_cache)
{
    for (int time = 0; time < runs_times(); time++) {
        pid_t pid[PROCESSES];
        char name[16];
        run_remove("shared");
        for (int i = 0; i < PROCESSES; i++) {
            snprintf(name, sizeof name, "one%d", i);
            run_remove(name);
            pid[i] = run_start("CLGRAD_CACHE=shared", command(name, SHORT), -1, -1, -1);
        }
        for (int i = 0; i < PROCESSES; i++)
            ck_assert_int_eq(run_wait(pid[i]), 0);
        for (int i = 1; i < PROCESSES; i++) {
            snprintf(name, sizeof name, "one%d", i);
            same_models(name, "one0");
        }
    }
}
END_TEST

START_TEST(two_in_one_folder)
{
    run_remove("taken");
    const pid_t pid = run_start("", command("taken", "--epochs 100000"), -1, -1, -1);
    for (int i = 0; i < 2000 && !run_exists("taken/metrics.jsonl"); i++)
        runs_sleep(0.005);
    run_clgrad(&run, "", command("taken", SHORT));
    ck_assert_int_eq(run.code, 4);
    ck_assert_msg(strstr(run.err, "in use by a living run") && run_lines(run.err) == 1, "%s",
                  run.err);
    run_clgrad(&run, "", "train --resume taken");
    ck_assert_int_eq(run.code, 4);
    ck_assert_msg(strstr(run.err, "in use by a living run"), "%s", run.err);
    kill(pid, SIGINT);
    ck_assert_int_eq(run_wait(pid), 130);
}
END_TEST

/* Trains under the environment; the model is that of eight_share_a_cache, and words are said once,
 * NULL: nothing is. */
static void train_under(const char *environment, const char *words)
{
    run_remove("under");
    run_clgrad(&run, environment, command("under", SHORT " --progress plain"));
    ck_assert_msg(run.code == 0, "%s: exit %d: %s", environment, run.code, run.err);
    same_models("under", "one0");
    const char *at = words ? strstr(run.err, words) : NULL;
    if (words)
        ck_assert_msg(at && !strstr(at + 1, words), "%s: %s", environment, run.err);
    else
        ck_assert_msg(!strstr(run.err, "programs") && !strstr(run.err, "other users"), "%s",
                      run.err);
}

START_TEST(no_cache_to_use)
{
    if (here < 2)
        return;
    run_write_text("file", "");
    train_under("-u HOME -u XDG_CACHE_HOME CLGRAD_CACHE=", "neither CLGRAD_CACHE nor HOME");
    train_under("CLGRAD_CACHE= XDG_CACHE_HOME= HOME=/proc/none POCL_CACHE_DIR=$PWD/pocl",
                "programs are built anew");
    train_under("CLGRAD_CACHE=file", "programs are built anew");
    train_under("CLGRAD_CACHE=shared", NULL);
}
END_TEST

/* Only root can give files away. */
START_TEST(caches_of_others)
{
    if (here < 2 || geteuid() != 0)
        return;
    run_remove("theirs");
    ck_assert_int_eq(mkdir("theirs", 0777), 0);
    ck_assert_int_eq(chown("theirs", NOBODY, NOBODY), 0);
    train_under("CLGRAD_CACHE=theirs", "another user's folder");
    ck_assert_int_ne(system("ls theirs/*.bin >/dev/null 2>&1"), 0); /* no program was put into it */
    ck_assert_int_eq(symlink("shared", "link"), 0);
    train_under("CLGRAD_CACHE=link", NULL);
    ck_assert_int_eq(lchown("link", NOBODY, NOBODY), 0);
    train_under("CLGRAD_CACHE=link", "another user's link");
}
END_TEST

/* Every stored program is given to somebody else, opened to all, or replaced by a link: none is
 * used, and those of the next run are its own again. */
START_TEST(swapped_programs)
{
    if (here < 2)
        return;
    ck_assert_int_eq(system("chmod 666 shared/*.bin"), 0);
    train_under("CLGRAD_CACHE=shared", "are not used");
    train_under("CLGRAD_CACHE=shared", NULL);
    ck_assert_int_eq(system("for f in shared/*.bin; do mv $f $f.kept; ln -s $f.kept $f; done"), 0);
    train_under("CLGRAD_CACHE=shared", "are not used");
    ck_assert_int_eq(system("for f in shared/*.bin; do test ! -L $f || rm $f; done"), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(system("chown 65534 shared/*.bin"), 0);
        train_under("CLGRAD_CACHE=shared", "are not used");
    }
}
END_TEST

/* What a killed writer left goes, what a living one writes stays. */
START_TEST(temporaries_of_the_dead)
{
    if (here < 2)
        return;
    run_write_text("shared/.dead.bin.00beef.tmp", "half");
    run_write_text("shared/.live.bin.00beef.tmp", "half");
    const int fd = open("shared/.live.bin.00beef.tmp", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    run_remove("under");
    run_clgrad(&run, "CLGRAD_CACHE=shared", command("under", SHORT));
    ck_assert_int_eq(run.code, 0);
    ck_assert(!run_exists("shared/.dead.bin.00beef.tmp"));
    ck_assert(run_exists("shared/.live.bin.00beef.tmp"));
    close(fd);
}
END_TEST

START_TEST(says_so)
{
    printf("sharing: %d processes with one cache: the same model from each; two in one folder: "
           "refused\n",
           PROCESSES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sharing");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 0);
    tcase_add_unchecked_fixture(cases, setup, NULL);
    tcase_add_test(cases, eight_share_a_cache);
    tcase_add_test(cases, two_in_one_folder);
    tcase_add_test(cases, no_cache_to_use);
    tcase_add_test(cases, caches_of_others);
    tcase_add_test(cases, swapped_programs);
    tcase_add_test(cases, temporaries_of_the_dead);
    tcase_add_test(cases, says_so);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
