/* Axes: round marks, values to pixels, and the small pieces of SVG that every chart needs. */
#include "report/chart.h"

#include "core/text.h"

#include <math.h>

/* 1, 2 or 5 times a power of ten, at least value. */
static double round_step(double value)
{
    double power = pow(10, floor(log10(value))), part = value / power;
    return power * (part <= 1.0000001 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

void clg_axis_begin(struct clg_axis *axis, double low, double high, int want)
{
    if (!(high > low)) {
        double room = low != 0 ? fabs(low) * 0.1 : 1;
        low -= room;
        high += room;
    }
    double step = round_step((high - low) / want);
    if (axis->whole && step < 1)
        step = 1;
    axis->logarithmic = 0;
    axis->low = axis->whole ? low : floor(low / step + 1e-9) * step;
    axis->high = axis->whole ? high : ceil(high / step - 1e-9) * step;
    axis->marks = 0;
    double first = ceil(axis->low / step - 1e-9);
    for (int i = 0; axis->marks < CLG_MARKS && (first + i) * step <= axis->high + step * 1e-6; i++)
        axis->mark[axis->marks++] = (first + i) * step;
}

/* Marks at powers of ten, at 1, 2, 5 of each where there are few, at every second where many. */
void clg_axis_begin_log(struct clg_axis *axis, double low, double high)
{
    static const double parts[] = {1, 2, 5};
    double decades = log10(high / low);
    int each = decades < 2.2 ? 3 : 1, stride = (int)ceil(decades / 6);
    axis->logarithmic = 1;
    axis->low = low;
    axis->high = high > low ? high : low * 10;
    axis->marks = 0;
    for (int power = (int)floor(log10(low)); power <= (int)ceil(log10(high)); power++)
        for (int part = 0; part < each && axis->marks < CLG_MARKS; part++) {
            double mark = parts[part] * pow(10, power);
            if ((stride < 2 || power % stride == 0) && mark >= low * 0.999 && mark <= high * 1.001)
                axis->mark[axis->marks++] = mark;
        }
}

double clg_axis_at(const struct clg_axis *axis, double value)
{
    double share = axis->logarithmic ? log(value / axis->low) / log(axis->high / axis->low)
                                     : (value - axis->low) / (axis->high - axis->low);
    return axis->from + share * axis->pixels;
}

void clg_axis_text(FILE *out, double value, int percent)
{
    double size = fabs(value);
    if (percent)
        fprintf(out, "%s%%", clg_print_number(value * 100, 4).text);
    else if (size >= 1e9)
        fprintf(out, "%sG", clg_print_number(value / 1e9, 4).text);
    else if (size >= 1e6)
        fprintf(out, "%sM", clg_print_number(value / 1e6, 4).text);
    else if (size >= 1e4)
        fprintf(out, "%sk", clg_print_number(value / 1e3, 4).text);
    else
        fputs(clg_print_number(size < 1e-300 ? 0 : value, 4).text, out);
}

void clg_svg_at(FILE *out, double value)
{
    clg_html_fixed(out, value, 1);
}

void clg_svg_line(FILE *out, const char *style, double x1, double y1, double x2, double y2)
{
    fprintf(out, "<line class=\"%s\" x1=\"", style);
    clg_svg_at(out, x1);
    fputs("\" y1=\"", out);
    clg_svg_at(out, y1);
    fputs("\" x2=\"", out);
    clg_svg_at(out, x2);
    fputs("\" y2=\"", out);
    clg_svg_at(out, y2);
    fputs("\"/>", out);
}

void clg_svg_text(FILE *out, const char *style, const char *anchor, double x, double y)
{
    fprintf(out, "<text class=\"%s\" text-anchor=\"%s\" x=\"", style, anchor);
    clg_svg_at(out, x);
    fputs("\" y=\"", out);
    clg_svg_at(out, y);
    fputs("\">", out);
}

void clg_svg_begin(struct clg_page *page, double width, double height, const char *title)
{
    int id = ++page->ids;
    fprintf(page->out,
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"t%d d%d\"><title "
            "id=\"t%d\">",
            (int)width, (int)height, id, id, id);
    clg_html_text(page->out, title);
    fprintf(page->out, "</title><desc id=\"d%d\">", id);
}
