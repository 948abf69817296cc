/* SIGINT and SIGTERM: the first asks the training to stop and save, the second ends the program;
 * what takes too long before the first step or behind the last save is given up.  SIGHUP, a
 * terminal that was closed, changes nothing. */
#define _GNU_SOURCE
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Seconds that what a signal cannot interrupt may go on where nothing is lost by giving it up: the
 * building of programs before the first step, the page of an interrupted run. */
enum { PATIENCE = 1 };

static volatile sig_atomic_t caught, wait_for_second, asked, ending;
static char last_line[1024]; /* what is said on the way out */

static void leave(int number)
{
    if (*last_line)
        (void)!write(STDERR_FILENO, last_line, strlen(last_line));
    _exit(128 + number);
}

static void on_signal(int number)
{
    if (caught || !wait_for_second)
        _exit(128 + number);
    caught = number;
    alarm(PATIENCE);
}

/* Between the first step and the save nothing is given up. */
static void on_alarm(int number)
{
    (void)number;
    if (caught && (ending || asked < 2))
        leave(caught);
}

void cli_signals(int graceful)
{
    struct sigaction action = {0};
    wait_for_second = graceful;
    asked = 0;
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART; /* a driver's system calls need not expect EINTR */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (!graceful)
        return;
    snprintf(last_line, sizeof last_line,
             "clgrad: interrupted before the first step: there was nothing to save\n");
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    signal(SIGHUP, SIG_IGN);
}

int cli_signal_caught(void)
{
    return caught;
}

int cli_signal_stops(void)
{
    if (asked < 2) /* asked again: a step is behind it */
        asked++;
    return caught != 0;
}

void cli_signal_ending(const char *line)
{
    if (!caught)
        return;
    snprintf(last_line, sizeof last_line - 1, "clgrad: %s", line);
    cli_clean(last_line, sizeof last_line - 1, last_line);
    strcat(last_line, "\n");
    ending = 1;
    alarm(PATIENCE);
}
