/* A planted fault, and the layer between a program and its OpenCL driver that makes it happen
 * (interpose.c).  The layer is linked into test_faults, and is a library for LD_PRELOAD as well,
 * which takes the fault from CLGRAD_FAULT (check_program.sh). */
#ifndef CLG_TESTS_FAULTS_FAULT_H
#define CLG_TESTS_FAULTS_FAULT_H

#include <stddef.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_SOURCE,   /* the kernel is built from another source */
    FAULT_FLIP,     /* one bit of one element of a result is the other one */
    FAULT_SKIP,     /* the launch does not happen */
    FAULT_STALE,    /* one result holds what it held before the launch */
    FAULT_PREVIOUS, /* one result holds what this kernel's launch before it gave */
    FAULT_KINDS
};

enum { FAULT_OPTIONS = 1400 }; /* room for what a program is built with */

/* Strikes the kernel built with these options; all but FAULT_SOURCE strike launches number phase,
 * phase + period, ... of it. */
struct fault {
    enum fault_kind kind;
    char kernel[48];
    char options[FAULT_OPTIONS]; /* as clBuildProgram gets them; "": whatever they are */
    size_t items;                /* of the kernel's own work-group size; 0: whatever it is */
    const char *source;
    unsigned period, phase;
    unsigned result; /* which of the kernel's results, modulo their number */
    double place;    /* of the element: below 1 a part of the result, else 1 + its number */
    unsigned bit;    /* 0..31 */
};

/* From now on fault, borrowed, is planted; NULL: none. */
void fault_plant(const struct fault *fault);

/* How often it struck: launches, or kernels made from the other source. */
unsigned fault_strikes(void);

/* Whether the other source was refused by the driver's compiler. */
int fault_was_refused(void);

/* Every launch from now on is noted with this mark, one bit or none. */
void fault_mark(unsigned mark);

/* Every kernel made since the program began, by name, options and items, each once. */
struct fault_kernel {
    char name[48], options[FAULT_OPTIONS];
    size_t items;   /* of the work-group size that it is written for, 0 where it has none */
    unsigned marks; /* under which it was launched */
};
size_t fault_kernels(const struct fault_kernel **out);

#endif
