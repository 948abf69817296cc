/* Reads OpenCL C as far as choosing a place for a fault needs it: conditions of the preprocessor
 * over whole numbers, where definitions begin and end in a formatted file, and which call which.
 * Macros are taken for functions; nothing is expanded. */
#include "reach.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MACROS = 600, MOST_PARTS = 600, MOST_DEPTH = 16, NAME = 48 };

struct macro {
    char name[NAME], value[96];
};

/* A function, a macro, or a macro's use at the top that makes a kernel. */
struct part {
    char name[NAME];
    size_t begin, end;
    int reached;
};

struct reader {
    const char *source;
    char *active; /* one byte a character: 1 where the preprocessor keeps it */
    struct macro macro[MOST_MACROS];
    int macros;
    struct part part[MOST_PARTS];
    int parts;
};

/* ------------------------------------------------------------ conditions */

struct condition {
    const struct reader *reader;
    const char *at;
    int depth;
};

static void name_at(char out[NAME], const char **at)
{
    size_t length = 0;
    for (; isalnum((unsigned char)**at) || **at == '_'; (*at)++)
        if (length < NAME - 1)
            out[length++] = **at;
    out[length] = '\0';
}

static void skip_blanks(const char **at)
{
    while (**at == ' ')
        (*at)++;
}

static const char *macro_value(const struct reader *reader, const char *name)
{
    for (int i = 0; i < reader->macros; i++)
        if (strcmp(reader->macro[i].name, name) == 0)
            return reader->macro[i].value;
    return NULL;
}

static long any_of(struct condition *c);

static long value_of(const struct reader *reader, const char *text, int depth)
{
    struct condition c = {reader, text, depth};
    return depth > MOST_DEPTH ? 0 : any_of(&c);
}

static long unary(struct condition *c)
{
    char name[NAME];
    skip_blanks(&c->at);
    if (*c->at == '!') {
        c->at++;
        return !unary(c);
    }
    if (*c->at == '(') {
        c->at++;
        long value = any_of(c);
        skip_blanks(&c->at);
        c->at += *c->at == ')';
        return value;
    }
    if (isdigit((unsigned char)*c->at))
        return strtol(c->at, (char **)(void *)&c->at, 0);
    name_at(name, &c->at);
    if (strcmp(name, "defined") != 0) {
        const char *value = macro_value(c->reader, name);
        return value ? value_of(c->reader, value, c->depth + 1) : 0;
    }
    skip_blanks(&c->at);
    c->at += *c->at == '(';
    name_at(name, &c->at);
    c->at += *c->at == ')';
    return macro_value(c->reader, name) != NULL;
}

static long product(struct condition *c)
{
    long value = unary(c);
    skip_blanks(&c->at);
    while (*c->at == '*' || *c->at == '/') {
        int times = *c->at++ == '*';
        long other = unary(c);
        value = times ? value * other : other ? value / other : 0;
        skip_blanks(&c->at);
    }
    return value;
}

static long sum(struct condition *c)
{
    long value = product(c);
    while (*c->at == '+' || *c->at == '-') {
        int plus = *c->at++ == '+';
        long other = product(c);
        value += plus ? other : -other;
    }
    return value;
}

static long compared(struct condition *c)
{
    long value = sum(c);
    while (*c->at == '<' || *c->at == '>') {
        int less = *c->at++ == '<', or_equal = *c->at == '=';
        c->at += or_equal;
        long other = sum(c);
        value = (less ? value < other : value > other) || (or_equal && value == other);
    }
    return value;
}

static long equals(struct condition *c)
{
    long value = compared(c);
    while ((c->at[0] == '=' || c->at[0] == '!') && c->at[1] == '=') {
        int wants = *c->at == '=';
        c->at += 2;
        value = (value == compared(c)) == wants;
    }
    return value;
}

static long all_of(struct condition *c)
{
    long value = equals(c);
    while (c->at[0] == '&' && c->at[1] == '&') {
        c->at += 2;
        long other = equals(c);
        value = value && other;
    }
    return value;
}

static long any_of(struct condition *c)
{
    long value = all_of(c);
    while (c->at[0] == '|' && c->at[1] == '|') {
        c->at += 2;
        long other = all_of(c);
        value = value || other;
    }
    return value;
}

/* ---------------------------------------------------------- preprocessor */

static void define(struct reader *reader, const char *text)
{
    assert(reader->macros < MOST_MACROS);
    struct macro *macro = &reader->macro[reader->macros++];
    name_at(macro->name, &text);
    if (*text == '=' || *text == ' ')
        text++;
    snprintf(macro->value, sizeof macro->value, "%.*s", (int)strcspn(text, " \n"), text);
    if (*text == '(') /* an expression in its brackets, blanks and all */
        snprintf(macro->value, sizeof macro->value, "%.*s", (int)strcspn(text, "\n"), text);
}

static void define_options(struct reader *reader, const char *options)
{
    for (const char *at = options; (at = strstr(at, "-D")); at += 2)
        define(reader, at + 2);
}

struct branch {
    int outer, taken, on;
};

/* Follows one directive; on says whether lines are kept from here on. */
static int directive(struct reader *reader, struct branch *stack, int *depth, const char *line,
                     int on)
{
    struct branch *top = &stack[*depth];
    const char *rest = line + 1;
    char word[NAME];
    name_at(word, &rest);
    skip_blanks(&rest);
    if (strncmp(word, "if", 2) == 0) {
        assert(*depth + 1 < MOST_DEPTH);
        char name[NAME];
        const char *at = rest;
        name_at(name, &at);
        int is_defined = macro_value(reader, name) != NULL;
        int holds = strcmp(word, "ifdef") == 0    ? is_defined
                    : strcmp(word, "ifndef") == 0 ? !is_defined
                                                  : value_of(reader, rest, 0) != 0;
        stack[++*depth] = (struct branch){on, on && holds, on && holds};
        return on && holds;
    }
    if (strcmp(word, "elif") == 0)
        top->on = top->outer && !top->taken && value_of(reader, rest, 0) != 0;
    else if (strcmp(word, "else") == 0)
        top->on = top->outer && !top->taken;
    else if (strcmp(word, "endif") == 0)
        return stack[(*depth)--].outer;
    else {
        if (on && strcmp(word, "define") == 0)
            define(reader, rest);
        return on;
    }
    top->taken |= top->on;
    return top->on;
}

static size_t line_end(const char *source, size_t at)
{
    return at + strcspn(source + at, "\n");
}

/* Whether the line that ends at end goes on in the next. */
static int continues(const char *source, size_t begin, size_t end)
{
    return end > begin && source[end - 1] == '\\';
}

static void follow(struct reader *reader)
{
    struct branch stack[MOST_DEPTH] = {{1, 1, 1}};
    const char *source = reader->source;
    int depth = 0, on = 1;
    for (size_t at = 0; source[at];) {
        size_t end = line_end(source, at);
        while (source[end] && continues(source, at, end))
            end = line_end(source, end + 1);
        int was = on;
        if (source[at] == '#')
            on = directive(reader, stack, &depth, source + at, on);
        memset(reader->active + at, was && on, end - at);
        at = end + (source[end] != '\0');
    }
}

/* ----------------------------------------------------------------- parts */

static void add_part(struct reader *reader, const char *name, size_t begin, size_t end)
{
    assert(reader->parts < MOST_PARTS);
    struct part *part = &reader->part[reader->parts++];
    snprintf(part->name, sizeof part->name, "%s", name);
    part->begin = begin;
    part->end = end;
    part->reached = 0;
}

/* "#define NAME(..) ..." to the end of its last line, the name left out. */
static size_t define_part(struct reader *reader, size_t at)
{
    const char *source = reader->source, *rest = source + at + strlen("#define ");
    char name[NAME];
    size_t end = line_end(source, at);
    while (continues(source, at, end))
        end = line_end(source, end + 1);
    name_at(name, &rest);
    add_part(reader, name, (size_t)(rest - source), end);
    return end;
}

static int is_macro(const struct reader *reader, const char *name)
{
    for (int i = 0; i < reader->parts; i++)
        if (strcmp(reader->part[i].name, name) == 0)
            return 1;
    return 0;
}

/* A function to its brace in the first column, or a use of a macro, which is called after its first
 * argument, to its last bracket. */
static size_t code_part(struct reader *reader, size_t at)
{
    static const char attribute[] = "__attribute__((";
    const char *source = reader->source, *end = NULL;
    if (strncmp(source + at, attribute, sizeof attribute - 1) == 0)
        at = (size_t)(strstr(source + at, "))") - source) + 2;
    size_t open = at + strcspn(source + at, "(;{");
    char name[NAME];
    size_t begin = open;
    if (source[open] != '(')
        return line_end(source, at);
    while (begin > at && (isalnum((unsigned char)source[begin - 1]) || source[begin - 1] == '_'))
        begin--;
    const char *rest = source + begin;
    name_at(name, &rest);
    if (begin == at && is_macro(reader, name)) {
        rest = source + open + 1;
        name_at(name, &rest);
        end = strstr(source + at, ")\n");
        add_part(reader, name, at, (size_t)(end - source));
        /* the use may take several lines; it ends where the next begins in the first column */
        while (end[2] == ' ') {
            end = strstr(end + 2, ")\n");
            reader->part[reader->parts - 1].end = (size_t)(end - source);
        }
        return (size_t)(end - source) + 1;
    }
    end = strstr(source + at, "\n}");
    if (!end)
        return line_end(source, at);
    add_part(reader, name, (size_t)(rest - source), (size_t)(end - source));
    return (size_t)(end - source) + 2;
}

static void find_parts(struct reader *reader)
{
    const char *source = reader->source;
    for (size_t at = 0; source[at];) {
        size_t end = line_end(source, at);
        if (reader->active[at] && strncmp(source + at, "#define ", 8) == 0)
            end = define_part(reader, at);
        else if (reader->active[at] && strncmp(source + at, "/*", 2) == 0)
            end = line_end(source, (size_t)(strstr(source + at, "*/") - source));
        else if (reader->active[at] && isalpha((unsigned char)source[at]))
            end = code_part(reader, at);
        else if (reader->active[at] && source[at] == '_') /* __attribute__ is in macros alone */
            end = code_part(reader, at);
        at = end + (source[end] != '\0');
    }
}

static void reach(struct reader *reader, const char *name)
{
    for (int i = 0; i < reader->parts; i++) {
        struct part *part = &reader->part[i];
        if (part->reached || strcmp(part->name, name) != 0)
            continue;
        part->reached = 1;
        for (const char *at = reader->source + part->begin, *end = reader->source + part->end;
             at < end;) {
            char word[NAME];
            if (!isalpha((unsigned char)*at) && *at != '_') {
                at++;
                continue;
            }
            int is_active = reader->active[at - reader->source];
            name_at(word, &at);
            if (is_active && strcmp(word, part->name) != 0)
                reach(reader, word);
        }
    }
}

static void mask_part(char *mask, const struct reader *reader, const struct part *part)
{
    const char *source = reader->source;
    for (size_t at = part->begin; at < part->end; at++) {
        if (strncmp(source + at, "/*", 2) == 0) {
            at = (size_t)(strstr(source + at, "*/") - source) + 1;
            continue;
        }
        if (at > 0 && source[at] == '#' && source[at - 1] == '\n') {
            at = line_end(source, at);
            continue;
        }
        mask[at] = reader->active[at];
    }
}

static struct reader *read_source(const char *source, const char *kernel, const char *options)
{
    struct reader *reader = calloc(1, sizeof *reader);
    char *active = calloc(strlen(source) + 1, 1);
    assert(reader && active);
    reader->source = source;
    reader->active = active;
    define_options(reader, options);
    follow(reader);
    find_parts(reader);
    reach(reader, kernel);
    return reader;
}

char *reach_mask(const char *source, const char *kernel, const char *options)
{
    struct reader *reader = read_source(source, kernel, options);
    char *mask = calloc(strlen(source) + 1, 1);
    assert(mask);
    for (int i = 0; i < reader->parts; i++)
        if (reader->part[i].reached)
            mask_part(mask, reader, &reader->part[i]);
    free(reader->active);
    free(reader);
    return mask;
}

unsigned long reach_body(const char *source, const char *kernel, const char *options)
{
    struct reader *reader = read_source(source, kernel, options);
    unsigned long body = 0;
    for (int i = 0; i < reader->parts && !body; i++) {
        const struct part *part = &reader->part[i];
        const char *brace = memchr(source + part->begin, '{', part->end - part->begin);
        int makes_it = strcmp(part->name, kernel) == 0 || strcmp(part->name, "MATMUL") == 0;
        if (part->reached && makes_it && brace)
            body = (unsigned long)(brace - source) + 1;
    }
    free(reader->active);
    free(reader);
    return body;
}
