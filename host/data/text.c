/* Text of data files: decimal numbers read the same in every locale, words numbered by first
 * appearance, and foreign text made fit for a one-line message. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "data/read.h"

#include <ctype.h>
#include <locale.h>
#include <stdarg.h>
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

struct clg_shown clg_show(const char *text)
{
    struct clg_shown shown;
    size_t length = 0;
    for (; text[length] && length < 40; length++)
        shown.text[length] = iscntrl((unsigned char)text[length]) ? '?' : text[length];
    strcpy(shown.text + length, text[length] ? "..." : "");
    return shown;
}

clg_status clg_fail_at(const struct clg_spot *spot, const char *format, ...)
{
    struct clg_shown name = clg_show(spot->name ? spot->name : "");
    char detail[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    if (spot->name)
        return clg_fail(CLG_EDATA, "%s:%llu: column %zu (\"%s\"): %s", spot->path,
                        (unsigned long long)spot->line, spot->column, name.text, detail);
    return clg_fail(CLG_EDATA, "%s:%llu: column %zu (from 0): %s", spot->path,
                    (unsigned long long)spot->line, spot->column, detail);
}

/* FNV-1a. */
static size_t hash(const char *text)
{
    uint64_t value = 14695981039346656037u;
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 1099511628211u;
    return (size_t)(value ^ value >> 32);
}

/* The slot of text, or the empty one where it belongs. */
static size_t slot_of(const struct clg_words *words, const char *text)
{
    size_t at = hash(text) % words->slots;
    while (words->slot[at] && strcmp(words->word[words->slot[at] - 1], text) != 0)
        at = (at + 1) % words->slots;
    return at;
}

size_t clg_words_find(const struct clg_words *words, const char *text)
{
    if (words->slots == 0)
        return words->count;
    uint32_t found = words->slot[slot_of(words, text)];
    return found ? found - 1 : words->count;
}

/* Room for one word more: the table is at most half full. */
static clg_status words_grow(struct clg_words *words)
{
    size_t room = words->room ? 2 * words->room : 16;
    char **word = realloc(words->word, room * sizeof *word);
    if (!word)
        return clg_fail(CLG_ENOMEM, "no memory for %zu class names", room);
    words->word = word;
    words->room = room;
    free(words->slot);
    words->slot = NULL;
    words->slots = 0;
    CLG_TRY(clg_alloc(&words->slot, 2 * room, sizeof *words->slot, "class names"));
    words->slots = 2 * room;
    for (size_t i = 0; i < words->count; i++)
        words->slot[slot_of(words, words->word[i])] = (uint32_t)i + 1;
    return CLG_OK;
}

clg_status clg_words_add(struct clg_words *words, const char *text, size_t *number)
{
    *number = clg_words_find(words, text);
    if (*number < words->count)
        return CLG_OK;
    if (words->count == words->room)
        CLG_TRY(words_grow(words));
    CLG_TRY(clg_text_copy(&words->word[words->count], text));
    words->slot[slot_of(words, text)] = (uint32_t)++words->count;
    return CLG_OK;
}

void clg_words_clear(struct clg_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->word[i]);
    free(words->word);
    free(words->slot);
    memset(words, 0, sizeof *words);
}
