/* Text that means the same in every locale of the application: numbers read and printed with a
 * point, the endings of names, names made of numbers, a hash. */
#ifndef CLG_CORE_TEXT_H
#define CLG_CORE_TEXT_H

#include "core/status.h"

/* Whether all of text is a decimal number, nan or inf. */
int clg_read_number(double *out, const char *text);

/* The finite decimal number that text begins with; returns what stands behind it, NULL where there
 * is none. */
const char *clg_read_number_at(double *out, const char *text);

/* value with so many significant digits, at most 17. */
struct clg_printed {
    char text[32];
};
struct clg_printed clg_print_number(double value, int digits);

/* Whether text ends in ending; and the same where .gz may stand behind it. */
int clg_ends_in(const char *text, const char *ending);
int clg_ends_in_gz(const char *text, const char *ending);

/* "0", "1"... for things that have no other names; the caller frees each and the array, after a
 * failure as well. */
clg_status clg_number_names(char ***names, int count);

/* Whether text is UTF-8: no overlong form, no surrogate, nothing beyond U+10FFFF. */
int clg_is_utf8(const char *text);

/* FNV-1a. */
uint64_t clg_text_hash(const char *text);

#endif
