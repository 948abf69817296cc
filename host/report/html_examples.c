/* Single examples and single units: what the model gets most wrong, which inputs move its answer,
 * what its first layer looks for. */
#include "report/tiles.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_UNITS = 64 };

/* What an output says: a probability where softmax or sigmoid made it. */
static const char *output_word(const struct clg_net *net)
{
    assert(net);
    enum clg_act act = net->layer[net->layers - 1].act.kind;
    return act == CLG_SOFTMAX || act == CLG_SIGMOID ? "probability" : "output";
}

static void put_bold(FILE *out, const char *text)
{
    fputs("<strong>", out);
    clg_html_short(out, text, 40);
    fputs("</strong>", out);
}

/* "row 1234: Shirt, predicted Coat" */
static void describe(char *text, size_t size, const struct clg_report_run *run, size_t row)
{
    const struct clg_net *net = run->net;
    snprintf(text, size, "row %zu: %.80s, predicted %.80s", row,
             net->class_name[run->examples.truth[row]],
             net->class_name[clg_examples_class(run, row)]);
}

static void put_share(FILE *out, double value)
{
    if (value >= 0 && value < 0.005)
        fputs("&lt;0.01", out);
    else
        clg_html_fixed(out, value, 2);
}

static clg_status put_worst_class(FILE *out, const struct clg_report_run *run, size_t row)
{
    char alt[256];
    int truth = run->examples.truth[row], said = clg_examples_class(run, row);
    describe(alt, sizeof alt, run, row);
    fputs("<li>", out);
    if (clg_tiles_are_images(run->net))
        CLG_TRY(clg_tile_input(out, run, row, alt));
    else
        fprintf(out, "row %zu<br>", row);
    put_bold(out, run->net->class_name[truth]);
    fputc(' ', out);
    put_share(out, clg_examples_output(run, row, truth));
    fputs("<br>as ", out);
    clg_html_short(out, run->net->class_name[said], 40);
    fputc(' ', out);
    put_share(out, clg_examples_output(run, row, said));
    fputs("</li>\n", out);
    return CLG_OK;
}

/* An autoencoder's input beside what became of it. */
static clg_status put_worst_copy(FILE *out, const struct clg_report_run *run, size_t row,
                                 double error)
{
    fputs("<li><div class=\"both\">", out);
    CLG_TRY(clg_tile_input(out, run, row, "input"));
    CLG_TRY(clg_tile_output(out, run, row, "output"));
    fprintf(out, "</div>row %zu, squared error ", row);
    clg_html_number(out, error, 4);
    fputs("</li>\n", out);
    return CLG_OK;
}

static void put_worst_value(FILE *out, const struct clg_report_run *run, size_t row)
{
    size_t O = (size_t)clg_net_outputs(run->net);
    fprintf(out, "<tr><th scope=\"row\">%zu</th><td>", row);
    clg_html_number(out, clg_examples_value(run, row, 0), 6);
    fputs("</td><td>", out);
    clg_html_number(out, (double)run->examples.y[row * O], 6);
    fputs("</td><td>", out);
}

static void put_worst_values(FILE *out, const struct clg_report_run *run)
{
    const struct clg_examples *examples = &run->examples;
    const char *first = clg_net_outputs(run->net) > 1 ? " (first output)" : "";
    fprintf(out,
            "<div class=\"wide\"><table><thead><tr><th scope=\"col\">row</th><th "
            "scope=\"col\">true%s</th><th scope=\"col\">predicted%s</th><th scope=\"col\">squared "
            "error</th></tr></thead><tbody>\n",
            first, first);
    for (size_t k = 0; k < examples->worst_count; k++) {
        put_worst_value(out, run, examples->worst[k]);
        clg_html_number(out, examples->badness[k], 4);
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

clg_status clg_report_worst(struct clg_page *page, const struct clg_report_run *run)
{
    const struct clg_examples *examples = &run->examples;
    FILE *out = page->out;
    int copies = run->net && run->net->target_input;
    if (examples->problem || !examples->worst_count || (copies && !clg_tiles_are_images(run->net)))
        return CLG_OK;
    clg_html_section(page, "worst",
                     examples->truth ? "Worst-classified examples" : "Largest errors");
    if (examples->truth)
        fprintf(
            out,
            "<p class=\"note\">The true class with its %s, the predicted one with its own. Rows "
            "count from 0.</p>\n",
            output_word(run->net));
    if (!examples->truth && !copies) {
        put_worst_values(out, run);
        clg_html_section_end(page);
        return CLG_OK;
    }
    fprintf(out, "<ul class=\"tiles%s\">\n", copies ? " pair" : "");
    for (size_t k = 0; k < examples->worst_count; k++)
        CLG_TRY(copies ? put_worst_copy(out, run, examples->worst[k], examples->badness[k])
                       : put_worst_class(out, run, examples->worst[k]));
    fputs("</ul>\n", out);
    clg_html_section_end(page);
    return CLG_OK;
}

clg_status clg_report_saliency(struct clg_page *page, const struct clg_report_run *run)
{
    const struct clg_examples *examples = &run->examples;
    FILE *out = page->out;
    if (!examples->saliency)
        return CLG_OK;
    size_t height = (size_t)run->net->height, width = (size_t)run->net->width;
    clg_html_section(page, "saliency", "Input saliency");
    fputs("<p class=\"note\">Left the example, right how its pixels move the winning output: the "
          "gradient of that output, before its activation, with respect to each pixel. Blue: a "
          "brighter pixel raises it; orange: it lowers it.</p>\n<ul class=\"tiles pair\">\n",
          out);
    for (size_t k = 0; k < examples->shown_count; k++) {
        char alt[256];
        size_t row = examples->shown[k];
        describe(alt, sizeof alt, run, row);
        fputs("<li><div class=\"both\">", out);
        CLG_TRY(clg_tile_input(out, run, row, alt));
        CLG_TRY(clg_tile_signed(out, examples->saliency + k * height * width, height, width,
                                "gradient of the winning output"));
        fputs("</div>", out);
        put_bold(out, run->net->class_name[clg_examples_class(run, row)]);
        if (clg_examples_class(run, row) != examples->truth[row]) {
            fputs(", truly ", out);
            clg_html_short(out, run->net->class_name[examples->truth[row]], 40);
        }
        fputs("</li>\n", out);
    }
    fputs("</ul>\n", out);
    clg_html_section_end(page);
    return CLG_OK;
}

clg_status clg_report_weights(struct clg_page *page, const struct clg_report_run *run)
{
    FILE *out = page->out;
    if (!run->net || !clg_tiles_are_images(run->net))
        return CLG_OK;
    const struct clg_layer *first = &run->net->layer[0];
    int units = first->rows < MOST_UNITS ? first->rows : MOST_UNITS;
    clg_html_section(page, "weights", "First-layer weights");
    fputs("<p class=\"note\">A picture a unit, ", out);
    if (units < first->rows)
        fprintf(out, "the first %d of %d, ", units, first->rows);
    fputs("each scaled by its own largest weight. Blue: above 0; orange: below. ", out);
    fputs("<code>clgrad export --to png</code> writes all of them.</p>\n<ul class=\"tiles "
          "small\">\n",
          out);
    for (int j = 0; j < units; j++) {
        char alt[32];
        snprintf(alt, sizeof alt, "weights of unit %d", j);
        fputs("<li>", out);
        CLG_TRY(clg_tile_signed(out, first->W + (size_t)j * (size_t)first->in,
                                (size_t)run->net->height, (size_t)run->net->width, alt));
        fputs("</li>\n", out);
    }
    fputs("</ul>\n", out);
    clg_html_section_end(page);
    return CLG_OK;
}
