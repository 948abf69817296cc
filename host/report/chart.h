/* Charts as inline SVG: lines over a common axis, and the axes themselves. */
#ifndef CLG_REPORT_CHART_H
#define CLG_REPORT_CHART_H

#include "report/html.h"

/* One line: points (count), NaN where there is none.  style is a class of the sheet: "sa", "s3". */
struct clg_series {
    const char *name, *style;
    double opacity; /* 0 means 1 */
    int dashed;
    size_t count;
    const double *x, *y;
};

struct clg_chart {
    const char *title, *unit; /* "Loss", "mean of an example" */
    const char *x_name;       /* "epoch" */
    int percent;              /* y are fractions */
    int from_zero;            /* the axis begins at 0 */
    int series;
    const struct clg_series *line;
};

/* A figure with its caption; nothing where no series has a point. */
void clg_chart_put(struct clg_page *page, const struct clg_chart *chart);

/* chart_axis.c: an axis of `pixels`, linear or logarithmic, and where its marks are. */
enum { CLG_MARKS = 12 };
struct clg_axis {
    double low, high, from, pixels; /* value at pixel `from` and at from + pixels; may be < 0 */
    int logarithmic, whole, marks;
    double mark[CLG_MARKS];
};
/* want: about how many marks.  The axis is widened to its marks; whole: integers only. */
void clg_axis_begin(struct clg_axis *axis, double low, double high, int want);
void clg_axis_begin_log(struct clg_axis *axis, double low, double high);
double clg_axis_at(const struct clg_axis *axis, double value);
/* The text of a mark: "0.05", "5k"; percent: value * 100. */
void clg_axis_text(FILE *out, double value, int percent);
/* A coordinate, one digit behind the point. */
void clg_svg_at(FILE *out, double value);
/* <line> of a class between two points. */
void clg_svg_line(FILE *out, const char *style, double x1, double y1, double x2, double y2);
/* <text> up to its ">"; anchor is start, middle or end. */
void clg_svg_text(FILE *out, const char *style, const char *anchor, double x, double y);
/* <svg> of this size with a title; returns behind the opened <desc>, which the caller fills and
 * closes. */
void clg_svg_begin(struct clg_page *page, double width, double height, const char *title);

#endif
