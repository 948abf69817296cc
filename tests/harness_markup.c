/* Reads a page tag by tag with a stack of open elements. */
#include "harness_markup.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 64, MOST_IDS = 512 };

struct reader {
    const char *page, *at;
    char open[DEEPEST][32];
    int depth, ids;
    char id[MOST_IDS][64];
};

static void refuse(const struct reader *reader, const char *what)
{
    ck_abort_msg("%s at byte %td: %.80s", what, reader->at - reader->page, reader->at);
}

static int is_void(const char *name)
{
    static const char *const names[] = {"meta", "img", "br"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

static void read_name(struct reader *reader, char *name, size_t size)
{
    size_t n = 0;
    while (isalnum((unsigned char)*reader->at) || *reader->at == '-' || *reader->at == ':') {
        if (n + 1 < size)
            name[n++] = *reader->at;
        reader->at++;
    }
    name[n] = '\0';
    if (!n)
        refuse(reader, "no name");
}

static void check_attribute(struct reader *reader, const char *name, const char *value,
                            size_t length)
{
    if (strncmp(name, "on", 2) == 0 || strcmp(name, "href") == 0)
        refuse(reader, "an attribute that acts");
    if (strcmp(name, "src") == 0 && strncmp(value, "data:image/png;base64,", 22) != 0)
        refuse(reader, "a source outside the page");
    if (strcmp(name, "id") != 0)
        return;
    ck_assert_int_lt(reader->ids, MOST_IDS);
    snprintf(reader->id[reader->ids], sizeof *reader->id, "%.*s", (int)length, value);
    for (int i = 0; i < reader->ids; i++)
        if (strcmp(reader->id[i], reader->id[reader->ids]) == 0)
            refuse(reader, "an id used twice");
    reader->ids++;
}

/* Attributes up to ">"; returns 1 for "/>". */
static int read_attributes(struct reader *reader)
{
    char name[64];
    for (;;) {
        while (isspace((unsigned char)*reader->at))
            reader->at++;
        if (*reader->at == '>' || strncmp(reader->at, "/>", 2) == 0)
            break;
        read_name(reader, name, sizeof name);
        if (strncmp(reader->at, "=\"", 2) != 0)
            refuse(reader, "an attribute without quotes");
        reader->at += 2;
        size_t length = strcspn(reader->at, "\"<");
        if (reader->at[length] != '"')
            refuse(reader, "a quote without end");
        check_attribute(reader, name, reader->at, length);
        reader->at += length + 1;
    }
    int closed = *reader->at == '/';
    reader->at += 1 + closed;
    return closed;
}

static void read_tag(struct reader *reader)
{
    char name[32];
    int closing = reader->at[1] == '/';
    reader->at += 1 + closing;
    read_name(reader, name, sizeof name);
    if (strcmp(name, "script") == 0 || strcmp(name, "iframe") == 0 || strcmp(name, "link") == 0)
        refuse(reader, "an element that a report never has");
    if (closing) {
        if (!reader->depth || strcmp(reader->open[reader->depth - 1], name) != 0)
            refuse(reader, "closes what is not open");
        reader->depth--;
        reader->at++;
        return;
    }
    int closed = read_attributes(reader);
    if (closed || is_void(name))
        return;
    ck_assert_int_lt(reader->depth, DEEPEST);
    snprintf(reader->open[reader->depth++], sizeof *reader->open, "%s", name);
    if (strcmp(name, "style") == 0)
        reader->at = strstr(reader->at, "</style>");
    ck_assert_ptr_nonnull(reader->at);
}

static void read_entity(struct reader *reader)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&ensp;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(reader->at, known[i], strlen(known[i])) == 0) {
            reader->at += strlen(known[i]);
            return;
        }
    refuse(reader, "an unknown entity");
}

void markup_check(const char *page)
{
    struct reader *reader = calloc(1, sizeof *reader);
    static const char begin[] = "<!DOCTYPE html>\n";
    ck_assert_ptr_nonnull(reader);
    ck_assert_int_eq(strncmp(page, begin, sizeof begin - 1), 0);
    reader->page = page;
    reader->at = page + sizeof begin - 1;
    while (*reader->at) {
        if (*reader->at == '<')
            read_tag(reader);
        else if (*reader->at == '&')
            read_entity(reader);
        else if (*reader->at == '>' || *reader->at == '"')
            refuse(reader, "a letter that should be escaped");
        else
            reader->at++;
    }
    ck_assert_int_eq(reader->depth, 0);
    free(reader);
    ck_assert_int_eq(markup_count(page, "http:") + markup_count(page, "https:"), 0);
}

int markup_count(const char *page, const char *text)
{
    int count = 0;
    for (const char *at = strstr(page, text); at; at = strstr(at + 1, text))
        count++;
    return count;
}
