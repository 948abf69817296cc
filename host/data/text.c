/* Text of data files: words numbered by first appearance, and foreign text made fit for a one-line
 * message. */
#include "core/memory.h"
#include "data/read.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clg_shown clg_show(const char *text)
{
    struct clg_shown shown;
    size_t length = 0;
    for (; length < 40 && text[length]; length++)
        shown.text[length] = iscntrl((unsigned char)text[length]) ? '?' : text[length];
    memcpy(shown.text + length, text[length] ? "..." : "\0\0\0", 4);
    return shown;
}

clg_status(clg_fail_at)(const struct clg_spot *spot, const char *format, ...)
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

/* The slot of text, or the empty one where it belongs. */
static size_t slot_of(const struct clg_words *words, const char *text)
{
    uint64_t hash = clg_text_hash(text);
    size_t at = (size_t)(hash ^ hash >> 32) % words->slots;
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
