/* SIGINT and SIGTERM: the first asks the training to stop and save, the second ends the program. */
#define _GNU_SOURCE
#include "cli.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t caught, wait_for_second;

static void on_signal(int number)
{
    if (caught || !wait_for_second)
        _exit(128 + number);
    caught = number;
}

void cli_signals(int graceful)
{
    struct sigaction action = {0};
    wait_for_second = graceful;
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART; /* a driver's system calls need not expect EINTR */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int cli_signal_caught(void)
{
    return caught;
}
