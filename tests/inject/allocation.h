/* Allocations of the library counted, measured, and one of them refused. */
#ifndef CLG_TESTS_INJECT_ALLOCATION_H
#define CLG_TESTS_INJECT_ALLOCATION_H

#include <stddef.h>
#include <stdint.h>

/* Allocations counted from here on, of which number `index` (from 1; 0: none) is refused. */
void inject_allocation(uint64_t index);

/* Called with the number of every allocation while it is set. */
extern void (*inject_allocation_seen)(uint64_t index);

/* How many there were since, and whether one was refused. */
uint64_t inject_allocations(void);
int inject_refused(void);

/* Bytes held now, and the most that were since inject_peak_begin. */
long long inject_held(void);
void inject_peak_begin(void);
long long inject_peak(void);

#endif
