/* A table of operations that is wrong on purpose, in one place at a time: what verification must
 * notice. */
#ifndef CLG_TESTS_HARNESS_SPOIL_H
#define CLG_TESTS_HARNESS_SPOIL_H

#include "ops/ops.h"

/* How one element of a result is spoilt.  Integers have one bit flipped by the first three. */
enum spoil {
    SPOIL_NAN,
    SPOIL_INF,
    SPOIL_BIT,     /* of the largest element, 1/256 of its size */
    SPOIL_BEHIND,  /* writes behind the last element; reference only */
    SPOIL_FRONT,   /* writes in front of the first; reference only */
    SPOIL_PADDING, /* of a matrix: a column beyond the last */
    SPOIL_RANGE,   /* integers: beyond everything */
    SPOIL_SKIP     /* the operation does not run at all */
};

/* Every result of every operation. */
struct spoilt {
    const char *operation, *operand;
    int is_matrix; /* reals with padding; t may also be a vector of classes */
};
extern const struct spoilt spoil_results[];
extern const size_t spoil_count;

/* Until spoil_end, operation's result is spoilt on its first count calls, by how[0], how[1]... */
void spoil_begin(clg_device *device, const struct spoilt *what, const enum spoil *how, int count);
/* The same for several results, each on its own first count calls. */
void spoil_begin_many(clg_device *device, const struct spoilt *what, int whats,
                      const enum spoil *how, int count);
/* Returns how many times any of them was. */
int spoil_end(clg_device *device);

#endif
