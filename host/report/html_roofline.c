/* The roofline: what the device could reach at each intensity, and where each kernel of a profile
 * stands below it.  Roofs and kernels are those of RUN/profile.json, measured elsewhere. */
#include "report/chart.h"
#include "report/run_report.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 640, HEIGHT = 380, LEFT = 60, RIGHT = 110, TOP = 14, BOTTOM = 46, MOST = 24 };
enum { LABEL = 32, SLOPE_LABEL = 24 }; /* pixels that a label needs */

struct roof {
    const char *name;
    double rate; /* GFLOP/s or GB/s */
};

struct kernel {
    const char *name;
    double calls, ms, gflops, gbps, intensity;
};

struct roofline {
    struct roof compute[MOST], memory[MOST];
    struct kernel kernel[MOST];
    int computes, memories, kernels;
    double ms; /* of all kernels */
};

static int read_roofs(struct roof *roof, const json_t *list, const char *key)
{
    int count = 0;
    for (size_t i = 0; i < json_array_size(list) && count < MOST; i++) {
        const json_t *row = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        double rate = clg_report_number(row, key);
        if (isfinite(rate) && rate > 0)
            roof[count++] = (struct roof){name ? name : "?", rate};
    }
    return count;
}

static int by_time_below(const struct kernel *a, const struct kernel *b)
{
    return isfinite(b->ms) && !(a->ms >= b->ms);
}

/* The longest kernels first, as many as fit; those that compute nothing have no place here. */
static void read_profile(struct roofline *roofline, const json_t *profile)
{
    const json_t *roofs = json_object_get(profile, "roofs");
    const json_t *list = json_object_get(profile, "kernels");
    memset(roofline, 0, sizeof *roofline);
    roofline->computes = read_roofs(roofline->compute, json_object_get(roofs, "compute"), "gflops");
    roofline->memories = read_roofs(roofline->memory, json_object_get(roofs, "memory"), "gbps");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        struct kernel kernel = {name ? name : "?",
                                clg_report_number(row, "calls"),
                                clg_report_number(row, "ms"),
                                clg_report_number(row, "gflops"),
                                clg_report_number(row, "gbps"),
                                clg_report_number(row, "flop_per_byte")};
        roofline->ms += isfinite(kernel.ms) ? kernel.ms : 0;
        if (!(kernel.intensity > 0 && isfinite(kernel.intensity) && kernel.gflops > 0 &&
              isfinite(kernel.gflops)))
            continue;
        int at = roofline->kernels;
        while (at > 0 && by_time_below(&roofline->kernel[at - 1], &kernel))
            at--;
        if (at == MOST)
            continue;
        roofline->kernels += roofline->kernels < MOST;
        for (int k = roofline->kernels - 1; k > at; k--)
            roofline->kernel[k] = roofline->kernel[k - 1];
        roofline->kernel[at] = kernel;
    }
}

static double highest(const struct roof *roof, int count)
{
    double most = 0;
    for (int i = 0; i < count; i++)
        most = fmax(most, roof[i].rate);
    return most;
}

static void make_axes(const struct roofline *roofline, struct clg_axis *across, struct clg_axis *up)
{
    double compute = highest(roofline->compute, roofline->computes);
    double memory = highest(roofline->memory, roofline->memories);
    double ridge = compute / memory, low = ridge / 30, high = ridge * 30;
    double bottom = compute / 100;
    for (int i = 0; i < roofline->kernels; i++) {
        low = fmin(low, roofline->kernel[i].intensity / 2);
        high = fmax(high, roofline->kernel[i].intensity * 2);
        bottom = fmin(bottom, roofline->kernel[i].gflops / 2);
    }
    *across = (struct clg_axis){.from = LEFT, .pixels = WIDTH - LEFT - RIGHT};
    *up = (struct clg_axis){.from = HEIGHT - BOTTOM, .pixels = TOP + BOTTOM - HEIGHT};
    clg_axis_begin_log(across, low, high);
    clg_axis_begin_log(up, bottom, compute * 1.6);
}

static void put_axes(FILE *out, const struct clg_axis *across, const struct clg_axis *up)
{
    for (int i = 0; i < up->marks; i++) {
        double y = clg_axis_at(up, up->mark[i]);
        clg_svg_line(out, "grid", LEFT, y, WIDTH - RIGHT, y);
        clg_svg_text(out, "", "end", LEFT - 7, y + 4);
        clg_axis_text(out, up->mark[i], 0);
        fputs("</text>", out);
    }
    for (int i = 0; i < across->marks; i++) {
        double x = clg_axis_at(across, across->mark[i]);
        clg_svg_line(out, "grid", x, TOP, x, HEIGHT - BOTTOM);
        clg_svg_text(out, "", "middle", x, HEIGHT - BOTTOM + 17);
        clg_axis_text(out, across->mark[i], 0);
        fputs("</text>", out);
    }
    clg_svg_text(out, "", "middle", (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8);
    fputs("flop per byte</text>\n", out);
}

/* Whether a higher roof of the list is so near, within so many pixels, that two labels would lie
 * over one another. */
static int is_crowded(const struct roof *roof, const struct roof *list, int count,
                      const struct clg_axis *up, double pixels)
{
    for (int i = 0; i < count; i++)
        if ((list[i].rate > roof->rate || (&list[i] < roof && !(list[i].rate < roof->rate))) &&
            clg_axis_at(up, roof->rate) - clg_axis_at(up, list[i].rate) < pixels)
            return 1;
    return 0;
}

/* The slope of a memory level up to the highest compute roof. */
static void put_slope(FILE *out, const struct roofline *roofline, const struct roof *roof,
                      const struct clg_axis *across, const struct clg_axis *up)
{
    double compute = highest(roofline->compute, roofline->computes);
    double from = fmax(across->low, up->low / roof->rate);
    double to = fmin(across->high, compute / roof->rate);
    if (!(to > from))
        return;
    double x = clg_axis_at(across, from), y = clg_axis_at(up, from * roof->rate);
    clg_svg_line(out, "roof", x, y, clg_axis_at(across, to), clg_axis_at(up, to * roof->rate));
    if (is_crowded(roof, roofline->memory, roofline->memories, up, SLOPE_LABEL))
        return;
    double slope = atan2(clg_axis_at(up, to * roof->rate) - y, clg_axis_at(across, to) - x);
    fputs("<g transform=\"translate(", out);
    clg_svg_at(out, x + 26 * cos(slope));
    fputc(' ', out);
    clg_svg_at(out, y + 26 * sin(slope));
    fputs(") rotate(", out);
    clg_svg_at(out, slope * 57.29578);
    fputs(")\">", out);
    clg_svg_text(out, "", "start", 0, -6);
    clg_html_short(out, roof->name, 20);
    fputc(' ', out);
    clg_html_number(out, roof->rate, 3);
    fputs(" GB/s</text></g>\n", out);
}

static void put_ceiling(FILE *out, const struct roofline *roofline, const struct roof *roof,
                        const struct clg_axis *across, const struct clg_axis *up)
{
    double memory = highest(roofline->memory, roofline->memories);
    double from = fmax(across->low, roof->rate / memory), y = clg_axis_at(up, roof->rate);
    clg_svg_line(out, "roof", clg_axis_at(across, from), y, WIDTH - RIGHT, y);
    if (is_crowded(roof, roofline->compute, roofline->computes, up, LABEL))
        return;
    clg_svg_text(out, "ink", "start", WIDTH - RIGHT + 7, y + 4);
    clg_html_short(out, roof->name, 14);
    fputs("</text>", out);
    clg_svg_text(out, "", "start", WIDTH - RIGHT + 7, y + 18);
    clg_html_number(out, roof->rate, 3);
    fputs(" GFLOP/s</text>\n", out);
}

/* A circle whose area is its share of the time, numbered as in the table. */
static void put_kernels(FILE *out, const struct roofline *roofline, const struct clg_axis *across,
                        const struct clg_axis *up)
{
    for (int i = 0; i < roofline->kernels; i++) {
        const struct kernel *kernel = &roofline->kernel[i];
        double x = clg_axis_at(across, kernel->intensity), y = clg_axis_at(up, kernel->gflops);
        double share = roofline->ms > 0 && isfinite(kernel->ms) ? kernel->ms / roofline->ms : 0;
        fputs("<circle class=\"bubble\" r=\"", out);
        clg_svg_at(out, 7 + 20 * sqrt(share));
        fputs("\" cx=\"", out);
        clg_svg_at(out, x);
        fputs("\" cy=\"", out);
        clg_svg_at(out, y);
        fputs("\"><title>", out);
        clg_html_text(out, kernel->name);
        fputs("</title></circle>", out);
        clg_svg_text(out, "ink", "middle", x, y + 4);
        fprintf(out, "%d</text>\n", i + 1);
    }
}

/* The roof above a kernel: of memory, the highest level that it stays under. */
static double attainable(const struct roofline *roofline, const struct kernel *kernel)
{
    double memory = roofline->memories ? roofline->memory[0].rate : 0;
    return fmin(highest(roofline->compute, roofline->computes), memory * kernel->intensity);
}

static void put_table(FILE *out, const struct roofline *roofline)
{
    static const char *const heads[] = {"calls", "ms", "GFLOP/s", "GB/s", "flop/byte", "of roof"};
    fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" "
          "aria-label=\"Kernels\"><table><thead><tr><th scope=\"col\">no.</th><th scope=\"col\" "
          "class=\"t\">kernel</th>",
          out);
    for (size_t k = 0; k < sizeof heads / sizeof *heads; k++)
        fprintf(out, "<th scope=\"col\">%s</th>", heads[k]);
    fputs("</tr></thead><tbody>\n", out);
    for (int i = 0; i < roofline->kernels; i++) {
        const struct kernel *kernel = &roofline->kernel[i];
        const double figures[] = {kernel->calls, kernel->ms, kernel->gflops, kernel->gbps,
                                  kernel->intensity};
        fprintf(out, "<tr><td>%d</td><th scope=\"row\" class=\"t\">", i + 1);
        clg_html_text(out, kernel->name);
        fputs("</th>", out);
        for (size_t k = 0; k < sizeof figures / sizeof *figures; k++) {
            fputs("<td>", out);
            clg_html_number(out, figures[k], k ? 4 : 9);
            fputs("</td>", out);
        }
        fputs("<td>", out);
        clg_html_percent(out, kernel->gflops / attainable(roofline, kernel));
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

clg_status clg_report_roofline(struct clg_page *page, const struct clg_report_run *run)
{
    struct roofline roofline;
    struct clg_axis across, up;
    FILE *out = page->out;
    read_profile(&roofline, run->profile);
    if (!roofline.computes || !roofline.memories || !roofline.kernels)
        return CLG_OK;
    clg_html_section(page, "roofline", "Roofline");
    fputs(
        "<figure style=\"max-width:760px\"><figcaption>Kernels under the device's roofs "
        "<small>GFLOP/s over flop per byte, both logarithmic; a circle's area is its share of the "
        "time</small></figcaption>\n",
        out);
    make_axes(&roofline, &across, &up);
    clg_svg_begin(page, WIDTH, HEIGHT, "Roofline");
    fputs("The figures are in the table that follows.</desc>\n", out);
    put_axes(out, &across, &up);
    for (int i = 0; i < roofline.memories; i++)
        put_slope(out, &roofline, &roofline.memory[i], &across, &up);
    for (int i = 0; i < roofline.computes; i++)
        put_ceiling(out, &roofline, &roofline.compute[i], &across, &up);
    put_kernels(out, &roofline, &across, &up);
    fputs("</svg></figure>\n", out);
    put_table(out, &roofline);
    clg_html_section_end(page);
    return CLG_OK;
}
