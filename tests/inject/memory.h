/* A piece of work in which every allocation of the library fails once. */
#ifndef CLG_TESTS_INJECT_MEMORY_H
#define CLG_TESTS_INJECT_MEMORY_H

#include "core/status.h"

/* Runs work until no allocation is left to refuse: each run must end as CLG_ENOMEM with one line,
 * or as CLG_OK, and hold nothing afterwards.  Prints how many allocations there were. */
void inject_every_allocation(const char *name, clg_status (*work)(void));

#endif
