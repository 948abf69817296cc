/* How a training's progress is shown. */
#ifndef CLG_CLI_PROGRESS_H
#define CLG_CLI_PROGRESS_H

#include "cli.h"

enum cli_progress_mode {
    CLI_PROGRESS_NONE,
    CLI_PROGRESS_PLAIN,
    CLI_PROGRESS_JSON,
    CLI_PROGRESS_BAR
};

enum { CLI_HISTORY = 32 };

/* Losses seen so far, thinned out evenly when there are more than fit. */
struct cli_history {
    double loss[CLI_HISTORY];
    int count;
    unsigned stride, seen;
};

struct cli_progress {
    enum cli_progress_mode mode;
    int color, utf8;
    struct cli_history history;
    clg_progress last;
    int drawn, pending;   /* a bar stands on the screen; last was not drawn yet */
    double said;          /* seconds of the monotonic clock when something was last shown */
    double first_seconds; /* at the first figures shown, for the ETA */
    uint64_t first_step;
};

void cli_progress_begin(struct cli_progress *progress, const struct cli *cli);
void cli_progress_show(struct cli_progress *progress, const clg_progress *now);
/* Leaves the last bar on the screen, with a new line behind it. */
void cli_progress_end(struct cli_progress *progress);
/* Takes the bar away, so that another line can be written. */
void cli_progress_hide(struct cli_progress *progress);

/* bar.c: the progress line in at most `columns` columns, without control characters but colours. */
void cli_bar(char *out, size_t size, const struct cli_progress *progress, int columns);

/* "1:02:03" or "4:05". */
void cli_clock_text(char out[32], double seconds);

#endif
