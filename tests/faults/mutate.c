/* Small changes of a source, one at a time: signs, operators, comparisons, constants, indices,
 * lanes, swapped arguments, a work-group that does nothing.  Relies on the spaces that the
 * formatter puts around operators. */
#include "mutate.h"

#include "reach.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct maker {
    struct mutation *sites;
    size_t count;
    const char *source, *mask;
};

static void add(struct maker *maker, size_t at, size_t length, const char *with)
{
    if (maker->count == MUTATE_MOST || strlen(with) >= sizeof maker->sites->with)
        return;
    struct mutation *site = &maker->sites[maker->count++];
    site->at = at;
    site->length = length;
    snprintf(site->with, sizeof site->with, "%s", with);
}

static void operators(struct maker *maker, size_t at)
{
    static const char *const pairs[][2] = {
        {" + ", " - "},   {" - ", " + "},   {" += ", " -= "}, {" * ", " + "},
        {" / ", " * "},   {" < ", " <= "},  {" <= ", " < "},  {" > ", " >= "},
        {" >= ", " > "},  {" == ", " != "}, {" != ", " == "}, {" && ", " || "},
        {" || ", " && "}, {" & ", " | "},   {" | ", " & "},   {" >> ", " << "},
        {" ^ ", " & "},   {" *= ", " /= "}, {"(-", "("},      {"return -", "return "},
        {", -", ", "},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (strncmp(maker->source + at, pairs[i][0], strlen(pairs[i][0])) == 0)
            add(maker, at, strlen(pairs[i][0]), pairs[i][1]);
}

static int is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* A number at `at`: a part of a percent more or less, or a step of one; a hexadecimal one with
 * another last digit. */
static void constants(struct maker *maker, size_t at)
{
    const char *text = maker->source + at;
    char with[64];
    char *end;
    if (!isdigit((unsigned char)*text) || is_word(text[-1]) || text[-1] == '.')
        return;
    double value = strtod(text, &end);
    if (strncmp(text, "0x", 2) == 0) {
        size_t digits = 2 + strspn(text + 2, "0123456789abcdefABCDEF");
        snprintf(with, sizeof with, "%c", text[digits - 1] == '1' ? '3' : '1');
        add(maker, at + digits - 1, 1, with);
        return;
    }
    if (*end == 'f') {
        snprintf(with, sizeof with, "%.9gf", value == 0 ? 0.01 : value * 0.99);
        if (!strchr(with, '.')) /* 198f is no number */
            snprintf(with, sizeof with, "%.1ff", value * 0.99);
        add(maker, at, (size_t)(end - text) + 1, with);
        return;
    }
    if (strchr(".eE", *end) && *end)
        return;
    snprintf(with, sizeof with, "%.0f", value + 1);
    add(maker, at, (size_t)(end - text), with);
    if (value > 0) {
        snprintf(with, sizeof with, "%.0f", value - 1);
        add(maker, at, (size_t)(end - text), with);
    }
}

static size_t closing(const char *text, size_t open, char opens, char closes)
{
    int depth = 0;
    for (size_t i = open; text[i]; i++) {
        depth += (text[i] == opens) - (text[i] == closes);
        if (depth == 0)
            return i;
    }
    return 0;
}

static void indices(struct maker *maker, size_t at)
{
    if (maker->source[at] == '[') {
        size_t end = closing(maker->source, at, '[', ']');
        if (end)
            add(maker, end, 0, " + 1");
    }
}

/* .s0 to .se become the next lane. */
static void lanes(struct maker *maker, size_t at)
{
    static const char digits[] = "0123456789abcdef";
    const char *text = maker->source + at;
    const char *digit = strncmp(text, ".s", 2) == 0 && text[2] ? strchr(digits, text[2]) : NULL;
    if (digit && digit[1] && !is_word(text[3])) {
        const char with[] = {digit[1], '\0'};
        add(maker, at + 2, 1, with);
    }
}

/* The first and the last argument of a call change places. */
static void arguments(struct maker *maker, size_t at)
{
    static const char *const calls[] = {"fma(", "select(", "mul_hi(", "copysign(",
                                        "interleave_low("};
    const char *text = maker->source;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        size_t begin = at + strlen(calls[i]), first = 0, last = 0;
        if (strncmp(text + at, calls[i], strlen(calls[i])) != 0 || is_word(text[at - 1]))
            continue;
        size_t end = closing(text, begin - 1, '(', ')');
        for (size_t j = begin, depth = 0; j < end; j++) {
            depth += (size_t)(text[j] == '(' || text[j] == '[');
            depth -= (size_t)(text[j] == ')' || text[j] == ']');
            if (text[j] != ',' || depth)
                continue;
            first = first ? first : j;
            last = j;
        }
        if (!first || end - begin > 150 || memchr(text + begin, '\n', end - begin))
            return;
        char with[192];
        snprintf(with, sizeof with, "%.*s%.*s, %.*s", (int)(end - last - 2), text + last + 2,
                 (int)(last - first), text + first, (int)(first - begin), text + begin);
        add(maker, begin, end - begin, with);
    }
}

static void groups(struct maker *maker, const char *kernel, const char *options)
{
    static const char *const skips[] = {
        " if (get_group_id(0) == 0 && get_group_id(1) == 0) return;",
        " if (get_group_id(0) + 1 == get_num_groups(0) && get_group_id(1) + 1 == "
        "get_num_groups(1)) return;",
        " if (get_group_id(0) % 2 == 1) return;",
    };
    size_t body = reach_body(maker->source, kernel, options);
    for (size_t i = 0; body && i < sizeof skips / sizeof *skips; i++)
        add(maker, body, 0, skips[i]);
}

size_t mutate_sites(struct mutation sites[MUTATE_MOST], const char *source, const char *kernel,
                    const char *options)
{
    char *mask = reach_mask(source, kernel, options);
    struct maker maker = {sites, 0, source, mask};
    groups(&maker, kernel, options);
    for (size_t at = 1; source[at]; at++) {
        if (!mask[at])
            continue;
        operators(&maker, at);
        constants(&maker, at);
        indices(&maker, at);
        lanes(&maker, at);
        arguments(&maker, at);
    }
    free(mask);
    return maker.count;
}

char *mutate_apply(const char *source, const struct mutation *site)
{
    size_t size = strlen(source) + strlen(site->with) + 1;
    char *changed = malloc(size);
    assert(changed);
    snprintf(changed, size, "%.*s%s%s", (int)site->at, source, site->with,
             source + site->at + site->length);
    return changed;
}

/* The file and line of site, by the last #line in front of it. */
static size_t line_of(char *file, size_t size, const char *source, size_t site)
{
    static const char marker[] = "#line ";
    size_t line = 1;
    snprintf(file, size, "prelude.clh");
    for (size_t at = 0; at < site; at++) {
        const char *text = source + at;
        if ((at == 0 || text[-1] == '\n') && strncmp(text, marker, sizeof marker - 1) == 0) {
            const char *quote = strchr(text, '"') + 1;
            line = strtoul(text + sizeof marker - 1, NULL, 10) - 1;
            snprintf(file, size, "%.*s", (int)strcspn(quote, "\""), quote);
        }
        line += *text == '\n';
    }
    return line;
}

void mutate_describe(char *out, size_t size, const char *source, const struct mutation *site)
{
    char file[64];
    const size_t line = line_of(file, sizeof file, source, site->at);
    if (site->length)
        snprintf(out, size, "%s:%zu: \"%.*s\" is \"%s\"", file, line, (int)site->length,
                 source + site->at, site->with);
    else
        snprintf(out, size, "%s:%zu: \"%s\" is put in", file, line, site->with);
}
