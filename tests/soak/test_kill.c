/* kill -9 at random moments of a training that saves five times a second, and again of what resumes
 * it: no file that cannot be read, none left behind, and in the end the run that was never killed.
 */
#define _GNU_SOURCE
#include "harness.h"
#include "runs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KILLS = 2, MOST_STARTS = 40 }; /* of a run in the suite */

static struct run run;
static int here, killed, resumed;

static void setup(void)
{
    run_folder_enter();
    runs_write_data();
    here = runs_plans_here();
}

/* Starts the run, or what goes on with it, and kills it after so many seconds; 1 where it had come
 * to its end before. */
static int run_for(double seconds, const struct runs_plan *plan, const char *opt)
{
    int status;
    const int again = run_exists("killed/config.ini");
    const pid_t pid = run_start(
        "", again ? "train --resume killed --progress none" : runs_train(plan, opt, "killed", ""),
        -1, -1, -1);
    resumed += again;
    runs_sleep(seconds);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status)) {
        ck_assert_msg(WEXITSTATUS(status) == 0, "exit %d", WEXITSTATUS(status));
        return 1;
    }
    killed++;
    if (run_exists("killed"))
        runs_check_readable("killed");
    return 0;
}

static void kill_and_resume(const struct runs_plan *plan, const char *opt, int kills)
{
    unsigned state = (unsigned)time(NULL) ^ (unsigned)getpid() << 8;
    run_remove("whole");
    run_clgrad(&run, "", runs_train(plan, opt, "whole", ""));
    ck_assert_msg(run.code == 0, "exit %d: %s", run.code, run.err);
    const int wanted = killed + kills;
    for (int start = 0; killed < wanted && start < MOST_STARTS * kills; start++) {
        int done = 0;
        run_remove("killed");
        for (int i = 0; i < 5 && !done && killed < wanted; i++)
            done = run_for(runs_draw(&state, 0.05, 1.3), plan, opt);
        run_clgrad(&run, "",
                   run_exists("killed/config.ini") ? "train --resume killed --progress none"
                                                   : runs_train(plan, opt, "killed", ""));
        ck_assert_msg(run.code == 0, "exit %d: %s", run.code, run.err);
        runs_check_same("killed", "whole");
        runs_check_clean("killed");
    }
    ck_assert_int_ge(killed, wanted);
}

/* In the suite every plan under one optimiser, at length each under all three. */
START_TEST(killed_runs_go_on)
{
    static const char *const opts[] = {"momentum", "sgd", "adam"};
    const int times = runs_times(), plan = _i;
    if (plan >= here)
        return;
    for (int o = 0; o < (times > 1 ? 3 : 1); o++)
        kill_and_resume(&runs_plans[plan], opts[(plan + o) % 3], KILLS * times);
}
END_TEST

START_TEST(says_how_many)
{
    printf("kill -9: %d runs killed, %d resumed: 0 unreadable files, 0 left behind, all the same "
           "as never killed\n",
           killed, resumed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kill");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 0);
    tcase_add_unchecked_fixture(cases, setup, NULL);
    tcase_add_loop_test(cases, killed_runs_go_on, 0, RUNS_PLANS);
    tcase_add_test(cases, says_how_many);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
