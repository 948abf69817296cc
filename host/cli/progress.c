/* Progress on stderr: one redrawn line on a terminal, elsewhere a line an epoch or every 30 s, or
 * JSON lines. */
#define _GNU_SOURCE
#include "progress.h"

#include "json.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Seconds between two drawings of the bar, two JSON lines, two plain lines within an epoch. */
#define BAR_PERIOD 0.05
#define JSON_PERIOD 1.0
#define PLAIN_PERIOD 30.0

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum cli_progress_mode mode_of(const struct cli *cli)
{
    const char *term = getenv("TERM");
    if (cli_is(cli, CLI_PROGRESS, "json"))
        return CLI_PROGRESS_JSON;
    if (cli_is(cli, CLI_PROGRESS, "plain"))
        return CLI_PROGRESS_PLAIN;
    if (cli_is(cli, CLI_PROGRESS, "none") || cli_switch(cli, CLI_QUIET))
        return CLI_PROGRESS_NONE;
    /* a terminal that cannot redraw a line gets plain ones */
    int redraws = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    return redraws ? CLI_PROGRESS_BAR : CLI_PROGRESS_PLAIN;
}

void cli_progress_begin(struct cli_progress *progress, const struct cli *cli)
{
    memset(progress, 0, sizeof *progress);
    progress->mode = mode_of(cli);
    progress->color = cli_colors(cli, stderr);
    progress->history.stride = 1;
    progress->said = seconds_now();
    if (progress->mode == CLI_PROGRESS_BAR && setlocale(LC_CTYPE, ""))
        progress->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void remember(struct cli_history *history, double loss)
{
    if (!isfinite(loss) || history->seen++ % history->stride != 0)
        return;
    if (history->count == CLI_HISTORY) {
        for (int i = 0; i < CLI_HISTORY / 2; i++)
            history->loss[i] = history->loss[2 * (size_t)i];
        history->count = CLI_HISTORY / 2;
        history->stride *= 2;
    }
    history->loss[history->count++] = loss;
}

static int terminal_columns(void)
{
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void draw(struct cli_progress *progress)
{
    char text[1024];
    /* the last column stays free: some terminals wrap when it is written */
    cli_bar(text, sizeof text, progress, terminal_columns() - 1);
    fprintf(stderr, "\r%s\033[K", text);
    fflush(stderr);
    progress->drawn = 1;
    progress->pending = 0;
}

static void print_plain(const clg_progress *now)
{
    fprintf(stderr, "epoch %d/%d  step %llu/%llu", now->epoch, now->epochs,
            (unsigned long long)now->step, (unsigned long long)now->steps);
    if (isfinite(now->loss))
        fprintf(stderr, "  loss %.6g", now->loss);
    if (isfinite(now->accuracy))
        fprintf(stderr, "  accuracy %.2f %%", 100 * now->accuracy);
    if (isfinite(now->val_loss))
        fprintf(stderr, "  val_loss %.6g", now->val_loss);
    if (isfinite(now->val_accuracy))
        fprintf(stderr, "  val_accuracy %.2f %%", 100 * now->val_accuracy);
    if (isfinite(now->samples_per_s))
        fprintf(stderr, "  %.0f samples/s", now->samples_per_s);
    fprintf(stderr, "  %.1f s\n", now->seconds);
}

static void print_json(const clg_progress *now)
{
    /* without memory for a line of progress the training goes on without it */
    (void)cli_json_print(
        json_pack("{s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "epoch",
                  now->epoch, "epochs", now->epochs, "step", cli_json_count(now->step), "steps",
                  cli_json_count(now->steps), "loss", cli_json_number(now->loss), "cost",
                  cli_json_number(now->cost), "accuracy", cli_json_number(now->accuracy),
                  "val_loss", cli_json_number(now->val_loss), "val_accuracy",
                  cli_json_number(now->val_accuracy), "samples_per_s",
                  cli_json_number(now->samples_per_s), "seconds", cli_json_number(now->seconds),
                  "epoch_end", now->epoch_end),
        stderr);
}

void cli_progress_show(struct cli_progress *progress, const clg_progress *now)
{
    double time = seconds_now(), since = time - progress->said;
    clg_progress before = progress->last;
    int first = before.steps == 0;
    if (progress->mode == CLI_PROGRESS_NONE)
        return;
    progress->last = *now;
    if (!now->epoch_end && !first) { /* what an epoch's end alone knows stays on the bar */
        progress->last.val_loss = before.val_loss;
        progress->last.val_accuracy = before.val_accuracy;
    }
    remember(&progress->history, now->loss);
    if (first) {
        progress->first_step = now->step;
        progress->first_seconds = now->seconds;
    }
    switch (progress->mode) {
    case CLI_PROGRESS_NONE:
        return;
    case CLI_PROGRESS_BAR:
        progress->pending = 1;
        if (since < BAR_PERIOD && !first)
            return;
        draw(progress);
        break;
    case CLI_PROGRESS_PLAIN:
        if (!now->epoch_end && since < PLAIN_PERIOD)
            return;
        print_plain(now);
        break;
    case CLI_PROGRESS_JSON:
        if (!now->epoch_end && since < JSON_PERIOD)
            return;
        print_json(now);
        break;
    }
    progress->said = time;
}

void cli_progress_hide(struct cli_progress *progress)
{
    if (progress->drawn) {
        fprintf(stderr, "\r\033[K");
        progress->drawn = 0;
    }
}

void cli_progress_end(struct cli_progress *progress)
{
    if (progress->mode != CLI_PROGRESS_BAR || (!progress->drawn && !progress->pending))
        return;
    if (progress->pending || !progress->drawn)
        draw(progress);
    fputc('\n', stderr);
    progress->drawn = 0;
}
