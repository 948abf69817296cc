/* Which faults are planted: drawn from a seed over every kernel that the survey launches. */
#ifndef CLG_TESTS_FAULTS_PLAN_H
#define CLG_TESTS_FAULTS_PLAN_H

#include "fault.h"

enum { PLAN_MOST = 600 };

/* A kernel under certain options, the operations that launch it, and the form of the products that
 * the device is to take.  every_option 1: its options are those of one network, and what is wrong
 * in it is wrong whatever they are. */
struct plan_kernel {
    struct fault_kernel kernel;
    int local, every_option;
};

struct plan {
    struct plan_kernel kernel[PLAN_MOST];
    size_t count;
};

/* A fault with what it is about. */
struct plan_fault {
    struct fault fault;
    unsigned operations; /* that the kernel serves */
    int local;
    char text[400];
};

/* Leaves in plan those kernels alone that start with such letters; "plans": of the fused and the
 * resident plan. */
void plan_restrict(struct plan *plan, const char *to);

/* Fault number of seed.  Its source is freed by plan_forget. */
void plan_draw(struct plan_fault *out, const struct plan *plan, unsigned seed, unsigned number);
void plan_forget(struct plan_fault *planted);

/* The names of the kernels that kernels/ defines and plan lacks, "" where it has all. */
void plan_missing(char *out, size_t size, const struct plan *plan);

#endif
