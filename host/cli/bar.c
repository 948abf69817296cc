/* The progress line for one width of terminal: what does not fit is left out, the least important
 * first. */
#include "progress.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* The parts of the line, in the order in which they are shown. */
enum part { EPOCH, BAR, STEP, LOSS, SPARK, ACCURACY, VALIDATION, RATE, ETA, PARTS };

/* The same, the most important first. */
static const enum part importance[PARTS] = {EPOCH, LOSS,  BAR,  ETA,       ACCURACY,
                                            STEP,  SPARK, RATE, VALIDATION};

enum { BAR_SMALL = 8, BAR_LARGE = 30, SPARK_WIDTH = 8 };

struct line {
    char text[PARTS][160];
    int width[PARTS]; /* columns; 0: not there */
};

static void put(struct line *line, enum part part, const char *format, ...) CLI_PRINTF(3, 4);

static void put(struct line *line, enum part part, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line->text[part], sizeof line->text[part], format, arguments);
    va_end(arguments);
    line->width[part] = (int)strlen(line->text[part]);
}

void cli_clock_text(char out[32], double seconds)
{
    unsigned long whole = seconds > 0 && seconds < 3.6e9 ? (unsigned long)(seconds + 0.5) : 0;
    if (whole >= 3600)
        snprintf(out, 32, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(out, 32, "%lu:%02lu", whole / 60, whole % 60);
}

/* 950, 12.3k, 4.56M. */
static void put_rate(struct line *line, double rate)
{
    if (!isfinite(rate) || rate <= 0)
        return;
    if (rate < 1000)
        put(line, RATE, "%.0f/s", rate);
    else if (rate < 1e6)
        put(line, RATE, "%.3gk/s", rate / 1e3);
    else
        put(line, RATE, "%.3gM/s", rate / 1e6);
}

/* The last SPARK_WIDTH marks of the whole course, each the mean of its share, low to high. */
static void put_spark(struct line *line, const struct cli_progress *progress)
{
    static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const ascii[] = {"_", ".", "-", ":", "=", "+", "*", "#"};
    const struct cli_history *history = &progress->history;
    int marks = history->count < SPARK_WIDTH ? history->count : SPARK_WIDTH;
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < history->count; i++) {
        low = fmin(low, history->loss[i]);
        high = fmax(high, history->loss[i]);
    }
    for (int m = 0; m < marks; m++) {
        double sum = 0;
        int from = m * history->count / marks, to = (m + 1) * history->count / marks;
        for (int i = from; i < to; i++)
            sum += history->loss[i];
        double level = high > low ? (sum / (to - from) - low) / (high - low) : 0;
        int step = level >= 1 ? 7 : (int)(level * 8);
        strcat(line->text[SPARK], (progress->utf8 ? blocks : ascii)[step]);
    }
    line->width[SPARK] = marks;
}

static void put_eta(struct line *line, const struct cli_progress *progress)
{
    const clg_progress *now = &progress->last;
    char text[32];
    double done = (double)(now->step - progress->first_step);
    if (now->step >= now->steps) {
        cli_clock_text(text, now->seconds);
        put(line, ETA, "in %s", text);
    } else if (done > 0) {
        double each = (now->seconds - progress->first_seconds) / done;
        cli_clock_text(text, each * (double)(now->steps - now->step));
        put(line, ETA, "ETA %s", text);
    }
}

static void fill(struct line *line, const struct cli_progress *progress)
{
    const clg_progress *now = &progress->last;
    memset(line, 0, sizeof *line);
    put(line, EPOCH, "epoch %d/%d", now->epoch, now->epochs);
    put(line, STEP, "%llu/%llu", (unsigned long long)now->step, (unsigned long long)now->steps);
    if (isfinite(now->loss))
        put(line, LOSS, "loss %.4g", now->loss);
    if (isfinite(now->accuracy))
        put(line, ACCURACY, "acc %.1f%%", 100 * now->accuracy);
    if (isfinite(now->val_loss) && isfinite(now->val_accuracy))
        put(line, VALIDATION, "val %.4g %.1f%%", now->val_loss, 100 * now->val_accuracy);
    else if (isfinite(now->val_loss))
        put(line, VALIDATION, "val %.4g", now->val_loss);
    put_rate(line, now->samples_per_s);
    put_spark(line, progress);
    put_eta(line, progress);
    line->width[BAR] = BAR_SMALL + 2;
}

/* Cuts the columns down to the parts that fit; what is left over widens the bar. */
static void fit(struct line *line, int columns, int gap)
{
    int used = 0;
    for (int i = 0; i < PARTS; i++) {
        int *width = &line->width[importance[i]];
        int need = *width + (used ? gap : 0);
        if (*width && used + need <= columns)
            used += need;
        else
            *width = 0;
    }
    if (line->width[BAR]) {
        int more = columns - used;
        line->width[BAR] += more < BAR_LARGE - BAR_SMALL ? more : BAR_LARGE - BAR_SMALL;
    }
}

static void draw_bar(struct line *line, const struct cli_progress *progress)
{
    const clg_progress *now = &progress->last;
    int inside = line->width[BAR] - 2;
    double share = now->epoch_steps ? (double)now->epoch_step / (double)now->epoch_steps : 1;
    int done = share >= 1 ? inside : (int)(share * inside);
    char *at = line->text[BAR], *end = at + sizeof line->text[BAR];
    at += snprintf(at, (size_t)(end - at), "[%s", progress->color ? "\033[32m" : "");
    for (int i = 0; i < inside; i++) {
        if (i == done && progress->color)
            at += snprintf(at, (size_t)(end - at), "\033[0m");
        *at++ = (char)(i < done ? '=' : i == done ? '>' : ' ');
    }
    snprintf(at, (size_t)(end - at), "%s]", done == inside && progress->color ? "\033[0m" : "");
}

void cli_bar(char *out, size_t size, const struct cli_progress *progress, int columns)
{
    struct line line;
    int gap = columns < 60 ? 1 : 2;
    size_t length = 0;
    fill(&line, progress);
    fit(&line, columns, gap);
    if (line.width[BAR])
        draw_bar(&line, progress);
    out[0] = '\0';
    for (int part = 0; part < PARTS; part++)
        if (line.width[part] && length < size)
            length += (size_t)snprintf(out + length, size - length, "%*s%s", length ? gap : 0, "",
                                       line.text[part]);
}
