/* The known word that a mistyped one most likely meant. */
#ifndef CLG_CORE_NEAREST_H
#define CLG_CORE_NEAREST_H

#include <stddef.h>

/* The one of count words with the smallest edit distance to text, NULL where none is within a third
 * of its length (at least 2).  stride is the distance between the words' pointers, in bytes. */
const char *clg_nearest(const char *text, const char *const *words, size_t count, size_t stride);

#endif
