/* The known word that a mistyped one most likely meant: edit distance with neighbours swapped
 * counted once, and a word that continues or abbreviates the other counted as near. */
#include "core/status.h"

#include <string.h>

enum { LONGEST = 32 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance of two words of at most LONGEST letters. */
static size_t distance(const char *a, size_t rows, const char *b, size_t columns)
{
    size_t d[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= rows; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= columns; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        for (size_t j = 1; j <= columns; j++) {
            size_t best = smaller(d[i - 1][j], d[i][j - 1]) + 1;
            best = smaller(best, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = smaller(best, d[i - 2][j - 2] + 1);
            d[i][j] = best;
        }
    }
    return d[rows][columns];
}

const char *clg_nearest(const char *text, const char *const *words, size_t count, size_t stride)
{
    const char *best = NULL;
    size_t length = strlen(text), limit = length / 3 + 2; /* one letter in three may be wrong */
    for (size_t i = 0; i < count && length <= LONGEST; i++) {
        const char *word = *(const char *const *)((const char *)words + i * stride);
        size_t other = strlen(word), common = smaller(length, other);
        if (other > LONGEST)
            continue;
        size_t d = distance(text, length, word, other);
        if (common >= 3 && strncmp(text, word, common) == 0)
            d = smaller(d, 1);
        if (d < limit && d < common) {
            best = word;
            limit = d;
        }
    }
    return best;
}
