/* Levenshtein distance over short words. */
#include "core/nearest.h"

#include <string.h>

#define LONGEST 64

static size_t distance(const char *a, const char *b)
{
    size_t row[LONGEST + 1], columns = strlen(b);
    if (columns > LONGEST)
        return (size_t)-1;
    for (size_t j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < columns; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j + 1] + 1 < best)
                best = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    return row[columns];
}

const char *clg_nearest(const char *text, const char *const *words, size_t count, size_t stride)
{
    const char *best = NULL;
    size_t limit = strlen(text) / 3 > 2 ? strlen(text) / 3 : 2;
    for (size_t i = 0; i < count; i++) {
        const char *word = *(const char *const *)((const char *)words + i * stride);
        size_t d = distance(text, word);
        if (d <= limit) {
            best = word;
            limit = d ? d - 1 : 0;
            if (!d)
                break;
        }
    }
    return best;
}
