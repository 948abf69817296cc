/* What the parts of a report's page share: escaped text, numbers, pictures inside the page, the
 * page's frame.  Everything is written to a stream whose errors are looked at once, at its end. */
#ifndef CLG_REPORT_HTML_H
#define CLG_REPORT_HTML_H

#include "core/status.h"

#include <stdio.h>

/* A page under way; ids make the names of SVG titles unique. */
struct clg_page {
    FILE *out;
    int ids;
};

/* text, which may come from anywhere: the five letters of HTML as entities, control characters as
 * ?, bytes that are not UTF-8 and marks that turn the direction of writing as U+FFFD. */
void clg_html_text(FILE *out, const char *text);

/* At most `most` letters of it, an ellipsis in the place of what is cut off. */
void clg_html_short(FILE *out, const char *text, size_t most);

/* value with so many significant digits; a dash where it is NaN. */
void clg_html_number(FILE *out, double value, int digits);

/* value with so many digits behind the point, at most 6; a dash where it is NaN. */
void clg_html_fixed(FILE *out, double value, int places);

/* A fraction as "88.78 %". */
void clg_html_percent(FILE *out, double fraction);

/* "8.1 s", "4:05 min", "1:02:03 h". */
void clg_html_duration(FILE *out, double seconds);

/* "1,234,567" */
void clg_html_count(FILE *out, uint64_t value);

/* The value of src="": height * width pixels as a PNG, grey (channels 1) or with alpha (4). */
clg_status clg_html_picture(FILE *out, const unsigned char *pixels, size_t height, size_t width,
                            int channels);

/* Frame of the page, and a section with its heading; title is escaped. */
void clg_html_begin(struct clg_page *page, FILE *out, const char *title);
void clg_html_end(struct clg_page *page);
void clg_html_section(struct clg_page *page, const char *id, const char *heading);
void clg_html_section_end(struct clg_page *page);

/* html_style.c: the style sheet in parts, the last NULL. */
extern const char *const clg_html_style[];

#endif
