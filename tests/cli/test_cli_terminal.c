/* The progress line on a pseudo-terminal: one line, redrawn, never wider than the terminal. */
#define _GNU_SOURCE
#include "harness.h"
#include "run.h"

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TRAIN                                                                                      \
    "train --train xor --device ref --out run --layers 4 --epochs 10000 --val xor --batch 1 "

static char screen[1 << 20];

/* Runs with stderr on a terminal of so many columns; what arrived there is in screen.  narrow above
 * 0: once the line was drawn a few times the terminal gets so many columns; returns in *resized how
 * much had arrived by then. */
static int on_changing_terminal(const char *environment, const char *arguments, int columns,
                                int narrow, size_t *resized)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    int master, slave, drawn = 0;
    size_t length = 0;
    ssize_t got;
    ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, &size), 0);
    pid_t pid = run_start(environment, arguments, -1, -1, slave);
    close(slave);
    while (length < sizeof screen - 1) {
        got = read(master, screen + length, sizeof screen - 1 - length);
        if (got <= 0 && errno != EINTR)
            break; /* EIO: the other end is closed */
        for (ssize_t i = 0; i < got; i++)
            drawn += screen[length + (size_t)i] == '\r';
        length += got > 0 ? (size_t)got : 0;
        if (narrow && drawn >= 2) {
            size.ws_col = (unsigned short)narrow;
            ck_assert_int_eq(ioctl(master, TIOCSWINSZ, &size), 0);
            kill(pid, SIGWINCH); /* without a controlling terminal nobody else sends it */
            *resized = length;
            narrow = 0;
        }
    }
    screen[length] = '\0';
    int code = run_wait(pid);
    close(master);
    return code;
}

static int on_terminal(const char *environment, const char *arguments, int columns)
{
    return on_changing_terminal(environment, arguments, columns, 0, NULL);
}

/* Columns of text up to length bytes: escape sequences take none, a letter of UTF-8 one. */
static int columns_of(const char *text, size_t length)
{
    int columns = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\033' && i + 1 < length && text[i + 1] == '[') {
            for (i += 2; i < length && (text[i] < '@' || text[i] > '~');)
                i++;
            continue;
        }
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return columns;
}

/* Looks at every redrawing behind `from`; returns how many there were and the widest. */
static int drawings_from(const char *from, int *widest)
{
    int count = 0;
    *widest = 0;
    for (const char *at = strchr(from, '\r'); at; at = strchr(at + 1, '\r')) {
        size_t length = strcspn(at + 1, "\r\n");
        int columns = columns_of(at + 1, length);
        *widest = columns > *widest ? columns : *widest;
        count += length > 0;
    }
    return count;
}

static int drawings(int *widest)
{
    return drawings_from(screen, widest);
}

static const int widths[] = {10, 40, 80, 200};

START_TEST(line_fits_the_terminal)
{
    int columns = widths[_i], widest;
    ck_assert_int_eq(on_terminal("TERM=xterm LC_ALL=C.UTF-8 NO_COLOR=", TRAIN, columns), 0);
    int count = drawings(&widest);
    ck_assert_msg(count >= 2, "drawn %d times: %s", count, screen);
    ck_assert_msg(widest < columns, "%d columns of %d", widest, columns);
    if (columns >= 40)
        ck_assert_ptr_nonnull(strstr(screen, "loss "));
    if (columns >= 80) {
        ck_assert_ptr_nonnull(strstr(screen, "ETA "));
        ck_assert_ptr_nonnull(strstr(screen, "acc "));
        ck_assert_ptr_nonnull(strstr(screen, "40000  loss "));
    }
    if (columns >= 200) {
        ck_assert_ptr_nonnull(strstr(screen, "\u2581"));
        ck_assert_ptr_nonnull(strstr(screen, "val "));
        ck_assert_ptr_nonnull(strstr(screen, "/s"));
        ck_assert_int_gt(widest, 90);
    }
    /* the device, behind the last drawing, the report */
    ck_assert_int_eq(run_lines(screen), 3);
}
END_TEST

static const int changes[][2] = {{200, 40}, {40, 200}, {80, 20}};

/* A drawing that was under way may have been made for the terminal as it was; from the second on
 * they are made for the new one.  SIGWINCH ends nothing. */
START_TEST(line_follows_the_terminal)
{
    int from = changes[_i][0], to = changes[_i][1], widest;
    size_t resized = 0;
    ck_assert_int_eq(on_changing_terminal("TERM=xterm LC_ALL=C.UTF-8 NO_COLOR=1",
                                          TRAIN "--epochs 40000", from, to, &resized),
                     0);
    ck_assert_uint_gt(resized, 0);
    const char *at = screen + resized;
    for (int i = 0; i < 2; i++) {
        at = strchr(at, '\r');
        ck_assert_ptr_nonnull(at);
        at++;
    }
    ck_assert_int_ge(drawings_from(at - 1, &widest), 2);
    ck_assert_msg(widest < to, "%d columns of %d", widest, to);
    if (to > from)
        ck_assert_int_gt(widest, from);
    screen[resized] = '\0';
    drawings(&widest);
    ck_assert_int_lt(widest, from);
    if (from > to)
        ck_assert_int_gt(widest, to);
}
END_TEST

START_TEST(colors_are_asked_for)
{
    on_terminal("TERM=xterm NO_COLOR=", TRAIN "--epochs 500", 80);
    ck_assert_ptr_nonnull(strstr(screen, "\033[32m"));
    on_terminal("TERM=xterm NO_COLOR=1", TRAIN "--epochs 500", 80);
    ck_assert_ptr_null(strstr(screen, "\033[32m"));
    ck_assert_ptr_nonnull(strstr(screen, "\repoch"));
    on_terminal("TERM=xterm NO_COLOR=", TRAIN "--epochs 500 --color never", 80);
    ck_assert_ptr_null(strstr(screen, "\033[32m"));
    on_terminal("TERM=xterm NO_COLOR=1", TRAIN "--epochs 500 --color always", 80);
    ck_assert_ptr_nonnull(strstr(screen, "\033[32m"));
}
END_TEST

START_TEST(dumb_terminal_gets_plain_lines)
{
    int widest;
    ck_assert_int_eq(on_terminal("TERM=dumb", TRAIN "--epochs 3", 80), 0);
    ck_assert_ptr_null(strchr(screen, '\033'));
    ck_assert_int_eq(drawings(&widest), 0);
    ck_assert_int_eq(run_lines(screen), 5);
    ck_assert_int_eq(on_terminal("TERM=xterm", TRAIN "--epochs 3 --progress plain", 80), 0);
    ck_assert_ptr_null(strchr(screen, '\033'));
}
END_TEST

START_TEST(ascii_where_the_locale_is)
{
    ck_assert_int_eq(on_terminal("TERM=xterm LC_ALL=C", TRAIN "--epochs 500", 200), 0);
    for (const char *c = screen; *c; c++)
        ck_assert((unsigned char)*c < 128);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli terminal");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 200);
    tcase_add_unchecked_fixture(cases, run_folder_enter, NULL);
    tcase_add_loop_test(cases, line_fits_the_terminal, 0, (int)(sizeof widths / sizeof *widths));
    tcase_add_loop_test(cases, line_follows_the_terminal, 0,
                        (int)(sizeof changes / sizeof *changes));
    tcase_add_test(cases, colors_are_asked_for);
    tcase_add_test(cases, dumb_terminal_gets_plain_lines);
    tcase_add_test(cases, ascii_where_the_locale_is);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
