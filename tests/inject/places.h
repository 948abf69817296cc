/* Which calls come from places that no call came from before: failing those alone reaches every way
 * that a failure can go, in far fewer runs than failing all. */
#ifndef CLG_TESTS_INJECT_PLACES_H
#define CLG_TESTS_INJECT_PLACES_H

#include <stdint.h>

/* Forgets all places.  The calling thread is the one whose calls tell where another thread's come
 * from: a waiter makes them for it. */
void inject_places_begin(void);

/* Takes call number index, made from here. */
void inject_places_see(uint64_t index);

/* How many places there are, and the first call from place i, from 0. */
unsigned inject_places(void);
uint64_t inject_places_first(unsigned i);

#endif
