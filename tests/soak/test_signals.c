/* SIGINT and SIGTERM under every plan: saved, the right exit code, in time, and resumed to the run
 * that was never interrupted; a second signal, a closed terminal, a reader that goes away. */
#define _GNU_SOURCE
#include "harness.h"
#include "runs.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LONGEST 2.0 /* seconds from the signal to the end; a step takes far less than one */

static struct run run;
static int here;
static double slowest;

static void setup(void)
{
    run_folder_enter();
    runs_write_data();
    here = runs_plans_here();
    for (int plan = 0; plan < here; plan++) { /* so that no program is built while time is taken */
        run_clgrad(&run, "", runs_train(&runs_plans[plan], "adam", "whole", ""));
        ck_assert_msg(run.code == 0, "exit %d: %s", run.code, run.err);
        char name[24];
        snprintf(name, sizeof name, "whole%d", plan);
        run_remove(name);
        ck_assert_int_eq(rename("whole", name), 0);
    }
}

/* Sends the signal and waits; the exit code, and how long it took. */
static int interrupt(pid_t pid, int number, double *seconds)
{
    const double began = runs_clock();
    kill(pid, number);
    const int code = run_wait(pid);
    *seconds = runs_clock() - began;
    if (*seconds > slowest)
        slowest = *seconds;
    return code;
}

START_TEST(interrupted_runs_go_on)
{
    unsigned state = (unsigned)time(NULL) ^ (unsigned)getpid() << 8;
    const int plan = _i / 2, number = _i % 2 ? SIGTERM : SIGINT;
    char whole[24];
    double seconds;
    snprintf(whole, sizeof whole, "whole%d", plan);
    for (int time = 0; plan < here && time < runs_times(); time++) {
        run_remove("stopped");
        const pid_t pid =
            run_start("", runs_train(&runs_plans[plan], "adam", "stopped", ""), -1, -1, -1);
        for (int i = 0; i < 1000 && !run_exists("stopped/metrics.jsonl"); i++)
            runs_sleep(0.005);
        runs_sleep(runs_draw(&state, 0, 0.3));
        const int code = interrupt(pid, number, &seconds);
        ck_assert_msg(code == 128 + number || code == 0, "exit %d", code);
        ck_assert_msg(seconds < LONGEST, "%s, %s: %.2f s", runs_plans[plan].device,
                      runs_plans[plan].plan, seconds);
        ck_assert(run_exists("stopped/last.safetensors"));
        run_clgrad(&run, "", "train --resume stopped --progress none");
        ck_assert_msg(run.code == 0, "exit %d: %s", run.code, run.err);
        runs_check_same("stopped", whole);
        runs_check_clean("stopped");
    }
}
END_TEST

/* Nothing is trained while programs are built, and nothing is waited for. */
START_TEST(interrupted_before_the_first_step)
{
    double seconds;
    run_remove("early");
    const pid_t pid =
        run_start("", runs_train(&runs_plans[here - 1], "adam", "early", "--no-cache"), -1, -1, -1);
    for (int i = 0; i < 1000 && !run_exists("early/config.ini"); i++)
        runs_sleep(0.002);
    runs_sleep(0.3);
    const int code = interrupt(pid, SIGTERM, &seconds);
    ck_assert_int_eq(code, 143);
    ck_assert_msg(seconds < LONGEST, "%.2f s", seconds);
    run_clgrad(&run, "", "train --resume early --progress none");
    ck_assert_msg(run.code == 0, "exit %d: %s", run.code, run.err);
    char whole[24];
    snprintf(whole, sizeof whole, "whole%d", here - 1);
    runs_check_same("early", whole);
}
END_TEST

START_TEST(second_signal_ends_at_once)
{
    double seconds;
    run_remove("twice");
    const pid_t pid =
        run_start("", runs_train(&runs_plans[0], "adam", "twice", "--epochs 100000"), -1, -1, -1);
    for (int i = 0; i < 1000 && !run_exists("twice/metrics.jsonl"); i++)
        runs_sleep(0.005);
    kill(pid, SIGSTOP); /* so that both are there when it looks */
    kill(pid, SIGINT);
    kill(pid, SIGTERM);
    const int code = interrupt(pid, SIGCONT, &seconds);
    ck_assert_msg(code == 130 || code == 143, "exit %d", code);
    ck_assert_msg(seconds < 1, "%.2f s", seconds);
    ck_assert(!run_exists("twice/run.json")); /* where a first signal says how the run ended */
}
END_TEST

/* The program on a terminal of its own; the terminal is closed while it trains. */
START_TEST(a_closed_terminal_does_no_harm)
{
    const char *binary = getenv("CLGRAD_TEST_BINARY");
    int terminal, status;
    char program[4096], line[8192];
    run_remove("alone");
    snprintf(program, sizeof program, "%s/clgrad", binary);
    snprintf(line, sizeof line, "exec '%s' %s --progress auto", program,
             runs_train(&runs_plans[0], "adam", "alone", ""));
    const pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000 && !run_exists("alone/metrics.jsonl"); i++)
        runs_sleep(0.005);
    close(terminal);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status), "a signal ended it");
    runs_check_same("alone", "whole0");
}
END_TEST

/* Whoever read its streams has gone: the run ends as if they were read. */
START_TEST(a_closed_pipe_does_no_harm)
{
    int ends[2];
    run_remove("unread");
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    const pid_t pid = run_start(
        "", runs_train(&runs_plans[0], "adam", "unread", "--progress plain"), -1, -1, ends[1]);
    close(ends[1]);
    close(ends[0]);
    ck_assert_int_eq(run_wait(pid), 0);
    runs_check_same("unread", "whole0");
}
END_TEST

START_TEST(says_how_long)
{
    printf("signals: the slowest end after %.2f s of %.0f s allowed\n", slowest, LONGEST);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signals");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 0);
    tcase_add_unchecked_fixture(cases, setup, NULL);
    tcase_add_loop_test(cases, interrupted_runs_go_on, 0, 2 * RUNS_PLANS);
    tcase_add_test(cases, interrupted_before_the_first_step);
    tcase_add_test(cases, second_signal_ends_at_once);
    tcase_add_test(cases, a_closed_terminal_does_no_harm);
    tcase_add_test(cases, a_closed_pipe_does_no_harm);
    tcase_add_test(cases, says_how_long);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
