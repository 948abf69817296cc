/* "A,B,..." as options give names: items without the blanks around them; one that holds a comma
 * stands in quotes, and a quote inside is doubled, as in a CSV file. */
#include "core/memory.h"
#include "data/read.h"

#include <stdlib.h>
#include <string.h>

void clg_list_clear(struct clg_list *list)
{
    free(list->item);
    free(list->text);
    memset(list, 0, sizeof *list);
}

/* Copies the quoted item behind *from to *to; both move on.  0 where its quote is never closed. */
static int take_quoted(char **to, const char **from)
{
    const char *at = *from + 1;
    for (; *at && (*at != '"' || at[1] == '"'); at++) {
        at += *at == '"';
        *(*to)++ = *at;
    }
    *from = at + (*at == '"');
    return *at == '"';
}

/* Up to the comma or the end, without blanks behind it. */
static void take_plain(char **to, const char **from)
{
    char *first = *to;
    while (**from && **from != ',')
        *(*to)++ = *(*from)++;
    while (*to > first && (*to)[-1] == ' ')
        --*to;
}

clg_status clg_list_read(struct clg_list *list, const char *option, const char *text)
{
    size_t length = strlen(text);
    const char *from = text;
    clg_status status;
    memset(list, 0, sizeof *list);
    CLG_TRY_DONE(clg_alloc(&list->text, length + 2, 1, "a list"));
    CLG_TRY_DONE(clg_alloc(&list->item, length / 2 + 1, sizeof *list->item, "a list"));
    for (char *to = list->text;; from++) {
        char *item = to;
        while (*from == ' ')
            from++;
        int whole = 1, quoted = *from == '"';
        if (quoted)
            whole = take_quoted(&to, &from);
        else
            take_plain(&to, &from);
        while (*from == ' ')
            from++;
        if (!whole || (*from && *from != ',') || (to == item && !quoted)) {
            status = clg_fail(CLG_EUSAGE,
                              "--%s %s: give names, or numbers, with a comma between "
                              "two; \"quoted\" where one holds a comma",
                              option, text);
            goto done;
        }
        *to++ = '\0';
        list->item[list->count++] = item;
        if (!*from)
            break;
    }
done:
    if (status != CLG_OK)
        clg_list_clear(list);
    return status;
}
