/* The pieces of a report's page: escaping, numbers, pictures, axes, charts, a run's metrics. */
#define _GNU_SOURCE
#include "harness.h"
#include "harness_files.h"
#include "harness_markup.h"

#include "report/chart.h"
#include "report/run_report.h"

#include <locale.h>
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t size;

static FILE *stream(void)
{
    free(text);
    text = NULL;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    return out;
}

#define ck_writes(call, want)                                                                      \
    do {                                                                                           \
        FILE *out = stream();                                                                      \
        call;                                                                                      \
        fclose(out);                                                                               \
        ck_assert_str_eq(text, want);                                                              \
    } while (0)

START_TEST(text_is_escaped)
{
    ck_writes(clg_html_text(out, "<script>alert('x')</script>"),
              "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
    ck_writes(clg_html_text(out, "\" onload=\"a & b\t\x1b[2J\x7f"),
              "&quot; onload=&quot;a &amp; b??[2J?");
    ck_writes(clg_html_text(out, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d"),
              "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d");
    ck_writes(clg_html_short(out, "\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9\xc3\xa9\xe2\x80\xa6");
}
END_TEST

/* Bytes that are no UTF-8: alone, cut off, too long a form, a surrogate, beyond the last letter, a
 * C1 control; and marks that turn the direction of what follows. */
START_TEST(broken_text_is_replaced)
{
#define R "\xef\xbf\xbd"
    ck_writes(clg_html_text(out, "a\xff"
                                 "b"),
              "a" R "b");
    ck_writes(clg_html_text(out, "\xe2\x82"), R R);
    ck_writes(clg_html_text(out, "\xc0\xbc"), R R);
    ck_writes(clg_html_text(out, "\xe0\x80\xbc"), R R R);
    ck_writes(clg_html_text(out, "\xed\xa0\x80"), R R R);
    ck_writes(clg_html_text(out, "\xf4\x90\x80\x80"), R R R R);
    ck_writes(clg_html_text(out, "\xc2\x9b"), "?");
    ck_writes(clg_html_text(out, "x\xe2\x80\xaey"), "x" R "y");
#undef R
}
END_TEST

START_TEST(numbers_are_the_same_in_every_locale)
{
    setlocale(LC_ALL, "de_DE.UTF-8");
    ck_writes(clg_html_fixed(out, 0.5, 2), "0.50");
    ck_writes(clg_html_fixed(out, -0.004, 2), "0.00");
    ck_writes(clg_html_fixed(out, -1.25, 1), "-1.3");
    ck_writes(clg_html_fixed(out, 12.999, 0), "13");
    ck_writes(clg_html_number(out, (double)NAN, 4), "\xe2\x80\x93");
    ck_writes(clg_html_percent(out, 0.88785), "88.79\xc2\xa0%");
    ck_writes(clg_html_duration(out, 8.13), "8.13\xc2\xa0s");
    ck_writes(clg_html_duration(out, 3725), "1:02:05\xc2\xa0h");
    ck_writes(clg_html_count(out, 1234567), "1,234,567");
    ck_writes(clg_html_count(out, 100), "100");
    setlocale(LC_ALL, "C");
}
END_TEST

static int digit_of(char letter)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strchr(letters, letter);
    return letter && at ? (int)(at - letters) : -1;
}

/* Decodes in place; returns the bytes. */
static size_t decode(unsigned char *out, const char *base64)
{
    size_t bytes = 0;
    unsigned long held = 0;
    int bits = 0;
    for (; digit_of(*base64) >= 0; base64++) {
        held = held << 6 | (unsigned long)digit_of(*base64);
        bits += 6;
        if (bits >= 8)
            out[bytes++] = (unsigned char)(held >> (bits -= 8));
    }
    return bytes;
}

START_TEST(pictures_come_back_as_they_were)
{
    unsigned char pixels[5 * 7 * 4], back[sizeof pixels];
    const int channels = _i ? 4 : 1;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i * 37 + 11);
    FILE *out = stream();
    ck_ok(clg_html_picture(out, pixels, 5, 7, channels));
    fclose(out);
    ck_assert_int_eq(strncmp(text, "data:image/png;base64,", 22), 0);
    unsigned char *bytes = malloc(size);
    png_image image = {.version = PNG_IMAGE_VERSION};
    ck_assert_int_ne(png_image_begin_read_from_memory(&image, bytes, decode(bytes, text + 22)), 0);
    ck_assert_uint_eq(image.width, 7);
    ck_assert_uint_eq(image.height, 5);
    image.format = channels == 4 ? PNG_FORMAT_RGBA : PNG_FORMAT_GRAY;
    ck_assert_int_ne(png_image_finish_read(&image, NULL, back, 0, NULL), 0);
    ck_assert_mem_eq(back, pixels, (size_t)(35 * channels));
    free(bytes);
}
END_TEST

static const double ranges[][2] = {{0, 1},         {0.2558, 0.574},  {1e-9, 3e-9}, {-5, 1234567},
                                   {0.001, 0.001}, {0, 0},           {-3, -3},     {99, 100},
                                   {1, 1e300},     {1e-310, 2e-310}, {2, 3}};

START_TEST(axes_have_few_round_marks)
{
    double low = ranges[_i][0], high = ranges[_i][1];
    struct clg_axis axis = {.from = 10, .pixels = 300};
    clg_axis_begin(&axis, low, high, 4);
    ck_assert_int_ge(axis.marks, 2);
    ck_assert_int_le(axis.marks, CLG_MARKS);
    for (int i = 0; i < axis.marks; i++) {
        double at = clg_axis_at(&axis, axis.mark[i]);
        ck_assert_msg(at >= 9.9 && at <= 310.1, "mark %g at %g", axis.mark[i], at);
    }
    ck_assert(clg_axis_at(&axis, low) >= 9.9 && clg_axis_at(&axis, high) <= 310.1);
    if (low <= 0)
        return;
    clg_axis_begin_log(&axis, low, high);
    ck_assert_int_ge(axis.marks, low == high ? 1 : 0);
    ck_assert_int_le(axis.marks, CLG_MARKS);
    ck_assert(fabs(clg_axis_at(&axis, low) - 10) < 0.1);
}
END_TEST

/* Gaps, Inf and a course longer than the page draws: every coordinate lies inside the picture. */
START_TEST(charts_stay_inside)
{
    enum { N = 5000 };
    static double x[N], y[N];
    for (int i = 0; i < N; i++) {
        x[i] = i + 1;
        y[i] = i == 7 ? INFINITY : i % 11 == 3 ? (double)NAN : 3 + sin(i * 0.01);
    }
    struct clg_series line = {.name = "a<b", .style = "sa", .count = N, .x = x, .y = y};
    struct clg_chart chart = {
        .title = "T", .unit = "u", .x_name = "epoch", .series = 1, .line = &line};
    struct clg_page page;
    FILE *out = stream();
    clg_html_begin(&page, out, "t");
    clg_chart_put(&page, &chart);
    clg_html_end(&page);
    fclose(out);
    markup_check(text);
    ck_assert_uint_lt(size, 60000);
    const char *path = strstr(text, " d=\"M");
    ck_assert_ptr_nonnull(path);
    for (path += 4; *path != '"';) {
        char *end;
        double px = strtod(path + 1, &end), py = strtod(end, &end);
        ck_assert_msg(px >= 0 && px <= 440 && py >= 0 && py <= 240, "%g %g", px, py);
        path = end;
    }
}
END_TEST

static const char *metrics_of(const char *lines)
{
    return files_text("metrics.jsonl", lines);
}

#define LINE(e, s, l) "{\"epoch\": " #e ", \"step\": " #s ", \"loss\": " #l ", \"val_loss\": 1}\n"

START_TEST(metrics_are_read)
{
    struct clg_metrics metrics;
    ck_ok(clg_metrics_read(
        &metrics,
        metrics_of("{\"epoch\": 1, \"step\": 5, \"loss\": 3}\n"
                   "{\"epoch\": 1, \"step\": 10, \"loss\": 2, \"weight_norm\": [1, null]}\n"
                   "{\"epoch\": 2, \"step\": 15, \"loss\": 1.5}\n"
                   "{\"epoch\": 2, \"step\": 20, \"loss\": 1, \"weight_norm\": [2, 3]}\n"
                   "{\"epoch\": 3, \"st")));
    ck_assert_uint_eq(metrics.count, 4);
    ck_assert_int_eq(metrics.layers, 2);
    ck_assert_int_eq(metrics.epochs, 2);
    ck_assert_int_eq(metrics.best.epoch, 2);
    ck_assert(metrics.line[0].x == 0.5 && metrics.line[1].x == 1 && metrics.line[2].x == 1.5);
    ck_assert(isnan(metrics.line[1].layer[0][1]) && metrics.line[3].layer[0][1] == 3);
    clg_metrics_clear(&metrics);
    ck_fails(clg_metrics_read(&metrics, metrics_of(LINE(1, 1, 2) "nonsense\n" LINE(2, 2, 1))),
             CLG_EDATA, "line 2");
    ck_fails(clg_metrics_read(&metrics, metrics_of("{\"epoch\": 0, \"step\": 1}\n")), CLG_EDATA,
             "line 1");
    ck_ok(clg_metrics_read(&metrics, metrics_of("")));
    ck_assert_uint_eq(metrics.count, 0);
}
END_TEST

/* A run that was taken up again from an earlier step. */
START_TEST(repeated_steps_count_once)
{
    struct clg_metrics metrics;
    ck_ok(clg_metrics_read(&metrics, metrics_of(LINE(1, 10, 5) LINE(2, 20, 4) LINE(3, 30, 3)
                                                    LINE(2, 20, 6) LINE(3, 30, 2))));
    ck_assert_uint_eq(metrics.count, 3);
    ck_assert(metrics.line[1].loss == 6 && metrics.line[2].loss == 2);
    ck_assert_int_eq(metrics.epochs, 3);
    clg_metrics_clear(&metrics);
}
END_TEST

START_TEST(long_runs_are_thinned)
{
    enum { EPOCHS = 20000, BEST = 7777 };
    struct clg_metrics metrics;
    FILE *out = stream();
    for (int e = 1; e <= EPOCHS; e++)
        fprintf(out, "{\"epoch\": %d, \"step\": %d, \"loss\": %d, \"weight_norm\": [1]}\n", e,
                10 * e, e == BEST ? 1 : 100 + e);
    fclose(out);
    ck_ok(clg_metrics_read(&metrics, metrics_of(text)));
    ck_assert_uint_le(metrics.count, 4096);
    ck_assert_uint_ge(metrics.count, 1024);
    ck_assert_int_eq(metrics.best.epoch, BEST);
    ck_assert_int_eq(metrics.line[0].epoch, 1);
    ck_assert_int_eq(metrics.line[metrics.count - 1].epoch, EPOCHS);
    clg_metrics_clear(&metrics);
}
END_TEST

static void clean_up(void)
{
    free(text);
    text = NULL;
}

int main(void)
{
    Suite *suite = suite_create("report page");
    TCase *cases = tcase_create("cases");
    tcase_add_checked_fixture(cases, NULL, clean_up);
    tcase_add_test(cases, text_is_escaped);
    tcase_add_test(cases, broken_text_is_replaced);
    tcase_add_test(cases, numbers_are_the_same_in_every_locale);
    tcase_add_loop_test(cases, pictures_come_back_as_they_were, 0, 2);
    tcase_add_loop_test(cases, axes_have_few_round_marks, 0, (int)(sizeof ranges / sizeof *ranges));
    tcase_add_test(cases, charts_stay_inside);
    tcase_add_test(cases, metrics_are_read);
    tcase_add_test(cases, repeated_steps_count_once);
    tcase_add_test(cases, long_runs_are_thinned);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
