/* Line charts: few gridlines, names at the ends of the lines instead of a legend, a description in
 * words for those who hear the page.  Long courses are thinned to what a screen can show. */
#include "report/chart.h"

#include <math.h>

enum { WIDTH = 440, HEIGHT = 236, LEFT = 50, RIGHT = 118, TOP = 10, BOTTOM = 40 };
enum { MOST_POINTS = 400, DOTS = 40, MOST_LABELS = 10, LABEL_HEIGHT = 14 };

/* A logarithmic axis where the values spread over more than this ratio. */
#define WIDE_RATIO 40.0

struct range {
    double low, high;
    int any;
};

static void extend(struct range *range, double value)
{
    if (!isfinite(value))
        return;
    range->low = range->any ? fmin(range->low, value) : value;
    range->high = range->any ? fmax(range->high, value) : value;
    range->any = 1;
}

static int drawn(const struct clg_series *line, size_t i)
{
    return isfinite(line->y[i]) && isfinite(line->x[i]);
}

/* The index of the last point, line->count where there is none. */
static size_t last_point(const struct clg_series *line)
{
    for (size_t i = line->count; i > 0; i--)
        if (drawn(line, i - 1))
            return i - 1;
    return line->count;
}

static void find_ranges(const struct clg_chart *chart, struct range *x, struct range *y)
{
    for (int s = 0; s < chart->series; s++)
        for (size_t i = 0; i < chart->line[s].count; i++)
            if (drawn(&chart->line[s], i)) {
                extend(x, chart->line[s].x[i]);
                extend(y, chart->line[s].y[i]);
            }
}

static void make_axes(const struct clg_chart *chart, struct clg_axis *across, struct clg_axis *up,
                      struct range x, struct range y)
{
    *across = (struct clg_axis){.from = LEFT, .pixels = WIDTH - LEFT - RIGHT, .whole = 1};
    *up = (struct clg_axis){.from = HEIGHT - BOTTOM, .pixels = TOP + BOTTOM - HEIGHT};
    if (x.high <= x.low) { /* one point stands in the middle */
        x.low -= 1;
        x.high += 1;
    }
    clg_axis_begin(across, x.low, x.high, 6);
    if (!chart->percent && !chart->from_zero && y.low > 0 && y.high / y.low > WIDE_RATIO)
        clg_axis_begin_log(up, y.low / 1.15, y.high * 1.15);
    else
        clg_axis_begin(up, chart->from_zero && y.low > 0 ? 0 : y.low, y.high, 4);
}

static void put_axes(FILE *out, const struct clg_chart *chart, const struct clg_axis *across,
                     const struct clg_axis *up)
{
    const double right = WIDTH - RIGHT, bottom = HEIGHT - BOTTOM;
    for (int i = 0; i < up->marks; i++) {
        double y = clg_axis_at(up, up->mark[i]);
        clg_svg_line(out, "grid", LEFT, y, right, y);
        clg_svg_text(out, "", "end", LEFT - 7, y + 4);
        clg_axis_text(out, up->mark[i], chart->percent);
        fputs("</text>", out);
    }
    clg_svg_line(out, "axis", LEFT, bottom, right, bottom);
    for (int i = 0; i < across->marks; i++) {
        double x = clg_axis_at(across, across->mark[i]);
        clg_svg_line(out, "axis", x, bottom, x, bottom + 4);
        clg_svg_text(out, "", "middle", x, bottom + 17);
        clg_axis_text(out, across->mark[i], 0);
        fputs("</text>", out);
    }
    clg_svg_text(out, "", "middle", (LEFT + right) / 2, HEIGHT - 6);
    fprintf(out, "%s</text>\n", chart->x_name);
}

/* "M10.0 20.0L..." with a new start behind every gap; of a long course every n-th point and the
 * last. */
static void put_path(FILE *out, const struct clg_series *line, const struct clg_axis *across,
                     const struct clg_axis *up)
{
    size_t stride = line->count / MOST_POINTS + 1, last = last_point(line);
    int gap = 1;
    fprintf(out, "<path class=\"l %s\"%s d=\"", line->style,
            line->dashed ? " stroke-dasharray=\"5 4\"" : "");
    for (size_t i = 0; i < line->count; i++) {
        if (!drawn(line, i)) {
            gap = stride == 1 ? 1 : gap;
            continue;
        }
        if (i % stride && i != last)
            continue;
        fputc(gap ? 'M' : 'L', out);
        clg_svg_at(out, clg_axis_at(across, line->x[i]));
        fputc(' ', out);
        clg_svg_at(out, clg_axis_at(up, line->y[i]));
        gap = 0;
    }
    fputs("\"/>\n", out);
}

/* A dot a point, whose figures show under the pointer. */
static void put_dots(FILE *out, const struct clg_chart *chart, const struct clg_series *line,
                     const struct clg_axis *across, const struct clg_axis *up)
{
    if (line->count > DOTS)
        return;
    for (size_t i = 0; i < line->count; i++) {
        if (!drawn(line, i))
            continue;
        fprintf(out, "<circle class=\"%s\" r=\"2.6\" cx=\"", line->style);
        clg_svg_at(out, clg_axis_at(across, line->x[i]));
        fputs("\" cy=\"", out);
        clg_svg_at(out, clg_axis_at(up, line->y[i]));
        fputs("\"><title>", out);
        clg_html_text(out, line->name);
        fprintf(out, ", %s ", chart->x_name);
        clg_html_number(out, line->x[i], 6);
        fputs(": ", out);
        clg_html_number(out, chart->percent ? 100 * line->y[i] : line->y[i], 5);
        fprintf(out, "%s</title></circle>\n", chart->percent ? "\xc2\xa0%" : "");
    }
}

struct label {
    const struct clg_series *line;
    double y, value;
};

/* Labels keep their order from top to bottom and stay a line's height apart. */
static void spread(struct label *label, int count)
{
    for (int i = 1; i < count; i++) /* insertion sort: there are few */
        for (int j = i; j > 0 && label[j].y < label[j - 1].y; j--) {
            struct label held = label[j];
            label[j] = label[j - 1];
            label[j - 1] = held;
        }
    for (int i = 0; i < count; i++) {
        double least = i ? label[i - 1].y + LABEL_HEIGHT : TOP;
        label[i].y = fmax(label[i].y, least);
    }
    double most = HEIGHT - BOTTOM + 4;
    for (int i = count - 1; i >= 0; i--, most -= LABEL_HEIGHT)
        label[i].y = fmin(label[i].y, most);
}

static void put_labels(FILE *out, const struct clg_chart *chart, const struct clg_axis *up)
{
    struct label label[MOST_LABELS];
    int count = 0, stride = (chart->series + MOST_LABELS - 1) / MOST_LABELS;
    for (int s = 0; s < chart->series; s += stride) {
        const struct clg_series *line = &chart->line[s];
        size_t last = last_point(line);
        if (last < line->count)
            label[count++] = (struct label){line, clg_axis_at(up, line->y[last]), line->y[last]};
    }
    spread(label, count);
    for (int i = 0; i < count; i++) {
        char style[16];
        snprintf(style, sizeof style, "n %s", label[i].line->style);
        clg_svg_text(out, style, "start", WIDTH - RIGHT + 8, label[i].y + 4);
        clg_html_short(out, label[i].line->name, 10);
        fputc(' ', out);
        clg_html_number(out, chart->percent ? 100 * label[i].value : label[i].value, 3);
        fprintf(out, "%s</text>\n", chart->percent ? "%" : "");
    }
}

/* "training: from 0.51 at epoch 1 to 0.19 at epoch 15." */
static void describe(FILE *out, const struct clg_chart *chart)
{
    for (int s = 0; s < chart->series; s++) {
        const struct clg_series *line = &chart->line[s];
        size_t first = 0, last = last_point(line);
        if (last == line->count)
            continue;
        while (!drawn(line, first))
            first++;
        double scale = chart->percent ? 100 : 1;
        clg_html_text(out, line->name);
        fputs(": from ", out);
        clg_html_number(out, scale * line->y[first], 4);
        fprintf(out, " at %s ", chart->x_name);
        clg_html_number(out, line->x[first], 6);
        fputs(" to ", out);
        clg_html_number(out, scale * line->y[last], 4);
        fprintf(out, " at %s ", chart->x_name);
        clg_html_number(out, line->x[last], 6);
        fputs(chart->percent ? ", in percent. " : ". ", out);
    }
}

void clg_chart_put(struct clg_page *page, const struct clg_chart *chart)
{
    FILE *out = page->out;
    struct clg_axis across, up;
    struct range x = {0}, y = {0};
    find_ranges(chart, &x, &y);
    if (!y.any)
        return;
    make_axes(chart, &across, &up, x, y);
    fprintf(out, "<figure><figcaption>%s <small>%s%s</small></figcaption>\n", chart->title,
            chart->unit, up.logarithmic ? ", logarithmic" : "");
    clg_svg_begin(page, WIDTH, HEIGHT, chart->title);
    describe(out, chart);
    fputs("</desc>\n", out);
    put_axes(out, chart, &across, &up);
    for (int s = 0; s < chart->series; s++) {
        fputs("<g opacity=\"", out);
        clg_html_fixed(out, chart->line[s].opacity > 0 ? chart->line[s].opacity : 1, 2);
        fputs("\">", out);
        put_path(out, &chart->line[s], &across, &up);
        put_dots(out, chart, &chart->line[s], &across, &up);
        fputs("</g>\n", out);
    }
    put_labels(out, chart, &up);
    fputs("</svg></figure>\n", out);
}
