/* Numbers read and printed as in the C locale, whatever the application has set, and what else
 * several rooms ask of a text. */
#define _GNU_SOURCE
#include "core/text.h"

#include "core/memory.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* sign digits . digits e exponent: the value where it is exact in double arithmetic (a mantissa
 * below 2^53 times a power of ten up to 22 rounds once), else 0 and the library's way is taken. */
static int read_short(double *out, const char *text)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *at = text + (*text == '-' || *text == '+');
    uint64_t mantissa = 0;
    int digits = 0, places = 0;
    for (; isdigit((unsigned char)*at); at++, digits++)
        mantissa = 10 * mantissa + (uint64_t)(*at - '0');
    if (*at == '.')
        for (at++; isdigit((unsigned char)*at); at++, digits++, places++)
            mantissa = 10 * mantissa + (uint64_t)(*at - '0');
    if (*at || digits == 0 || digits > 15)
        return 0;
    *out = (double)mantissa / power[places];
    if (*text == '-')
        *out = -*out;
    return 1;
}

static int is_special(const char *text)
{
    text += *text == '-' || *text == '+';
    return strcasecmp(text, "nan") == 0 || strcasecmp(text, "inf") == 0 ||
           strcasecmp(text, "infinity") == 0;
}

int clg_read_number(double *out, const char *text)
{
    char *end = NULL;
    if (read_short(out, text))
        return 1;
    if (*text == '\0' || (text[strspn(text, "0123456789+-.eE")] && !is_special(text)))
        return 0;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return 0;
    *out = strtod_l(text, &end, plain);
    freelocale(plain);
    return end != text && *end == '\0';
}

const char *clg_read_number_at(double *out, const char *text)
{
    char number[64];
    size_t length = strspn(text, "0123456789+-.eE");
    if (length >= sizeof number)
        return NULL;
    memcpy(number, text, length);
    number[length] = '\0';
    return clg_read_number(out, number) && isfinite(*out) ? text + length : NULL;
}

struct clg_printed clg_print_number(double value, int digits)
{
    struct clg_printed printed;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = plain == (locale_t)0 ? plain : uselocale(plain);
    snprintf(printed.text, sizeof printed.text, "%.*g", digits, value);
    if (plain != (locale_t)0) {
        uselocale(before);
        freelocale(plain);
    }
    return printed;
}

int clg_ends_in(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

int clg_ends_in_gz(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    if (!clg_ends_in(text, ".gz"))
        return clg_ends_in(text, ending);
    return length >= tail + 3 && strncmp(text + length - 3 - tail, ending, tail) == 0;
}

clg_status clg_number_names(char ***names, int count)
{
    char text[16];
    CLG_TRY(clg_alloc(names, (size_t)count, sizeof **names, "class names"));
    for (int k = 0; k < count; k++) {
        snprintf(text, sizeof text, "%d", k);
        CLG_TRY(clg_text_copy(&(*names)[k], text));
    }
    return CLG_OK;
}

uint64_t clg_text_hash(const char *text)
{
    uint64_t hash = 14695981039346656037u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

int clg_is_utf8(const char *text)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        unsigned first = *at++;
        int more = first < 0x80             ? 0
                   : (first & 0xe0) == 0xc0 ? 1
                   : (first & 0xf0) == 0xe0 ? 2
                   : (first & 0xf8) == 0xf0 ? 3
                                            : -1;
        if (more < 0)
            return 0;
        uint32_t code = more ? first & (0x3fu >> more) : first;
        for (int i = 0; i < more; i++, at++) {
            if ((*at & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (*at & 0x3fu);
        }
        if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return 0;
    }
    return 1;
}
