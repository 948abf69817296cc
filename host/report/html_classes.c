/* What a classifier confuses: the matrix as a heat map with its numbers, the commonest mistakes,
 * and each class's figures; for value targets, prediction against truth. */
#include "report/chart.h"
#include "report/run_report.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_NUMBERS = 25, MOST_SQUARES = 200, MOST_CLASS_ROWS = 200, PAIRS = 8, MOST_DOTS = 1500 };

static uint64_t count_at(const clg_evaluation *figures, int truth, int prediction)
{
    return figures->confusion[(size_t)truth * (size_t)figures->classes + (size_t)prediction];
}

static uint64_t examples_of(const clg_evaluation *figures, int truth)
{
    uint64_t sum = 0;
    for (int j = 0; j < figures->classes; j++)
        sum += count_at(figures, truth, j);
    return sum;
}

/* Shade by the square root of the share of its row, so that rare mistakes show. */
static double shade(const clg_evaluation *figures, int truth, int prediction)
{
    uint64_t all = examples_of(figures, truth);
    return all ? sqrt((double)count_at(figures, truth, prediction) / (double)all) : 0;
}

static void put_matrix(FILE *out, const clg_evaluation *figures, const struct clg_net *net)
{
    fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Confusion "
          "matrix\"><table class=\"confusion\">\n<caption>Confusion matrix <small>row: true class; "
          "column: predicted class, by number</small></caption>\n<thead><tr><td></td>",
          out);
    for (int j = 0; j < figures->classes; j++) {
        fputs("<th scope=\"col\"><abbr title=\"", out);
        clg_html_text(out, net->class_name[j]);
        fprintf(out, "\">%d</abbr></th>", j);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (int i = 0; i < figures->classes; i++) {
        fprintf(out, "<tr><th scope=\"row\">%d&ensp;", i);
        clg_html_short(out, net->class_name[i], 24);
        fputs("</th>", out);
        for (int j = 0; j < figures->classes; j++) {
            uint64_t count = count_at(figures, i, j);
            fprintf(out, "<td class=\"%s\" style=\"--p:", i == j ? "d" : count ? "" : "z");
            clg_html_fixed(out, shade(figures, i, j), 3);
            fprintf(out, "\">%llu</td>", (unsigned long long)count);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

/* More classes than numbers fit: squares, whose names and counts show under the pointer. */
static void put_squares(struct clg_page *page, const clg_evaluation *figures,
                        const struct clg_net *net)
{
    FILE *out = page->out;
    const double side = 600.0 / figures->classes;
    fputs("<figure><figcaption>Confusion matrix <small>row: true class; column: predicted "
          "class</small></figcaption>\n",
          out);
    clg_svg_begin(page, 600, 600, "Confusion matrix");
    fprintf(out, "%d classes; the commonest mistakes follow as a table.</desc>", figures->classes);
    for (int i = 0; i < figures->classes; i++)
        for (int j = 0; j < figures->classes; j++) {
            if (!count_at(figures, i, j))
                continue;
            fputs("<rect x=\"", out);
            clg_html_fixed(out, j * side, 2);
            fputs("\" y=\"", out);
            clg_html_fixed(out, i * side, 2);
            fputs("\" width=\"", out);
            clg_html_fixed(out, side, 2);
            fputs("\" height=\"", out);
            clg_html_fixed(out, side, 2);
            fprintf(out, "\" fill=\"var(--%s)\" opacity=\"", i == j ? "accent" : "bad");
            clg_html_fixed(out, shade(figures, i, j), 2);
            fputs("\"><title>", out);
            clg_html_text(out, net->class_name[i]);
            fputs(" as ", out);
            clg_html_text(out, net->class_name[j]);
            fprintf(out, ": %llu</title></rect>", (unsigned long long)count_at(figures, i, j));
        }
    fputs("</svg></figure>\n", out);
}

struct pair {
    int truth, prediction;
    uint64_t count;
};

static int find_pairs(struct pair pair[PAIRS], const clg_evaluation *figures)
{
    int found = 0;
    for (int i = 0; i < figures->classes; i++)
        for (int j = 0; j < figures->classes; j++) {
            uint64_t count = i == j ? 0 : count_at(figures, i, j);
            int at = found;
            while (at > 0 && pair[at - 1].count < count)
                at--;
            if (!count || at == PAIRS)
                continue;
            found += found < PAIRS;
            for (int k = found - 1; k > at; k--)
                pair[k] = pair[k - 1];
            pair[at] = (struct pair){i, j, count};
        }
    return found;
}

static void put_pairs(FILE *out, const clg_evaluation *figures, const struct clg_net *net)
{
    struct pair pair[PAIRS];
    int found = find_pairs(pair, figures);
    if (!found) {
        fputs("<p class=\"note\">No example is classified wrongly.</p>\n", out);
        return;
    }
    fputs("<table><caption>Commonest mistakes</caption><thead><tr><th scope=\"col\" "
          "class=\"t\">true</th><th scope=\"col\" class=\"t\">predicted</th><th "
          "scope=\"col\">examples</th><th scope=\"col\">of the class</th></tr></thead><tbody>\n",
          out);
    for (int k = 0; k < found; k++) {
        fputs("<tr><td class=\"t\">", out);
        clg_html_short(out, net->class_name[pair[k].truth], 40);
        fputs("</td><td class=\"t\">", out);
        clg_html_short(out, net->class_name[pair[k].prediction], 40);
        fprintf(out, "</td><td>%llu</td><td>", (unsigned long long)pair[k].count);
        clg_html_percent(out, (double)pair[k].count / (double)examples_of(figures, pair[k].truth));
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table>\n", out);
}

static void put_class_figures(FILE *out, const clg_evaluation *figures, const struct clg_net *net)
{
    int rows = figures->classes < MOST_CLASS_ROWS ? figures->classes : MOST_CLASS_ROWS;
    fputs("<table><caption>Each class</caption><thead><tr><th scope=\"col\" "
          "class=\"t\">class</th><th scope=\"col\">precision</th><th scope=\"col\">recall</th><th "
          "scope=\"col\">F1</th><th scope=\"col\">examples</th></tr></thead><tbody>\n",
          out);
    for (int i = 0; i < rows; i++) {
        fputs("<tr><th scope=\"row\" class=\"t\">", out);
        clg_html_short(out, net->class_name[i], 40);
        fputs("</th><td>", out);
        clg_html_percent(out, figures->precision[i]);
        fputs("</td><td>", out);
        clg_html_percent(out, figures->recall[i]);
        fputs("</td><td>", out);
        clg_html_percent(out, figures->f1[i]);
        fprintf(out, "</td><td>%llu</td></tr>\n", (unsigned long long)examples_of(figures, i));
    }
    fputs("</tbody></table>\n", out);
    if (rows < figures->classes)
        fprintf(out, "<p class=\"note\">The first %d of %d classes.</p>\n", rows, figures->classes);
}

enum { SIDE = 340, LEFT = 56, LOW = 36 };

/* Both axes have the same marks; the diagonal is where prediction is truth. */
static void put_square_axes(FILE *out, const struct clg_axis *across, const struct clg_axis *up)
{
    for (int i = 0; i < up->marks; i++) {
        double x = clg_axis_at(across, up->mark[i]), y = clg_axis_at(up, up->mark[i]);
        clg_svg_line(out, "grid", LEFT, y, SIDE - 10, y);
        clg_svg_text(out, "", "end", LEFT - 6, y + 4);
        clg_axis_text(out, up->mark[i], 0);
        fputs("</text>", out);
        clg_svg_text(out, "", "middle", x, SIDE - LOW + 16);
        clg_axis_text(out, up->mark[i], 0);
        fputs("</text>", out);
    }
    clg_svg_line(out, "axis", clg_axis_at(across, across->low), clg_axis_at(up, up->low),
                 clg_axis_at(across, across->high), clg_axis_at(up, up->high));
}

/* The first output of value targets against its truth. */
static void put_scatter(struct clg_page *page, const struct clg_report_run *run)
{
    FILE *out = page->out;
    size_t rows = run->examples.view.rows, stride = rows / MOST_DOTS + 1;
    size_t O = (size_t)clg_net_outputs(run->net);
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < rows; i += stride) {
        double want = clg_examples_value(run, i, 0), got = (double)run->examples.y[i * O];
        low = fmin(low, fmin(want, got));
        high = fmax(high, fmax(want, got));
    }
    if (!isfinite(low) || !isfinite(high))
        return;
    struct clg_axis across = {.from = LEFT, .pixels = SIDE - LEFT - 10};
    struct clg_axis up = {.from = SIDE - LOW, .pixels = LOW + 10 - SIDE};
    clg_axis_begin(&across, low, high, 6);
    clg_axis_begin(&up, low, high, 6);
    fprintf(out,
            "<figure style=\"max-width:360px\"><figcaption>Predicted against true <small>%s, %zu "
            "examples</small></figcaption>\n",
            O > 1 ? "first output" : "the output", (rows + stride - 1) / stride);
    clg_svg_begin(page, SIDE, SIDE, "Predicted against true values");
    fputs("Each dot is an example; on the line the prediction is right.</desc>", out);
    put_square_axes(out, &across, &up);
    for (size_t i = 0; i < rows; i += stride) {
        double got = (double)run->examples.y[i * O];
        if (!isfinite(got))
            continue;
        fputs("<circle class=\"dot\" r=\"2.4\" cx=\"", out);
        clg_svg_at(out, clg_axis_at(&across, clg_examples_value(run, i, 0)));
        fputs("\" cy=\"", out);
        clg_svg_at(out, clg_axis_at(&up, got));
        fputs("\"/>", out);
    }
    clg_svg_text(out, "", "middle", (SIDE + LEFT) / 2.0, SIDE - 4);
    fputs("true value</text></svg></figure>\n", out);
}

static void put_source(FILE *out, const struct clg_examples *examples)
{
    fputs("<p class=\"note\">Evaluated on ", out);
    clg_html_text(out, examples->name);
    fputs(" (", out);
    clg_html_text(out, examples->source);
    fputs("), ", out);
    clg_html_count(out, examples->view.rows);
    if (examples->view.rows < examples->all_rows) {
        fputs(" of ", out);
        clg_html_count(out, examples->all_rows);
    }
    fprintf(out, " examples.%s</p>\n",
            examples->truth ? " The stronger the colour, the larger the share of its row; mistakes "
                              "in orange."
                            : "");
}

clg_status clg_report_classes(struct clg_page *page, const struct clg_report_run *run)
{
    const struct clg_examples *examples = &run->examples;
    const clg_evaluation *figures = &examples->figures;
    if (examples->problem || (!examples->truth && run->net->target_input))
        return CLG_OK;
    clg_html_section(page, "classes", examples->truth ? "Classification" : "Predictions");
    put_source(page->out, examples);
    if (!examples->truth) {
        put_scatter(page, run);
        clg_html_section_end(page);
        return CLG_OK;
    }
    if (figures->classes <= MOST_NUMBERS)
        put_matrix(page->out, figures, run->net);
    else if (figures->classes <= MOST_SQUARES)
        put_squares(page, figures, run->net);
    fputs("<div class=\"two\"><div>", page->out);
    put_pairs(page->out, figures, run->net);
    fputs("</div><div>", page->out);
    put_class_figures(page->out, figures, run->net);
    fputs("</div></div>\n", page->out);
    clg_html_section_end(page);
    return CLG_OK;
}
