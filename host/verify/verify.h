/* The inside of verification: the one comparison and what it counts (tally.c), the table of
 * operations that checks each call of another table (watch.c), and the single operations that are
 * put through it (cases.c).  A training under watch is lockstep.h's. */
#ifndef CLG_VERIFY_VERIFY_H
#define CLG_VERIFY_VERIFY_H

#include "core/status.h"
#include "ops/ops.h"
#include "verify/bounds.h"

/* ------------------------------------------------------------------- tally */

/* The error of one element in units of its bound, at most 1 where it is close; INFINITY where it is
 * not a number, and where a bound of 0 asks for equality in vain.  *undecided becomes 1 where
 * rounding alone decides whether the device's number overflows, and anything was accepted. */
double clg_error_of(double got, double want, double bound, int *undecided);

/* One comparison of a result, as an observer sees it. */
struct clg_compared {
    const char *operand;
    const double *got, *want; /* (rows,columns) */
    const double *error;      /* (rows,columns): in units of its bound, NULL where memory ran out */
    size_t rows, columns;
    int undecided;
    uint64_t kinks;
    double worst;
};

/* What single operations left open, all cases of one together: each by itself is small. */
struct clg_open_share {
    const char *operation;
    uint64_t elements, open;
};
enum { CLG_MOST_SHARES = 40 };

/* Counts operations, called cases, and keeps the first that failed. */
struct clg_tally {
    clg_verify_result result;
    struct clg_open_share share[CLG_MOST_SHARES];
    int shares;
    const clg_verify_options *options; /* whose row is called after each case; may be NULL */
    int is_open;                       /* 1 between open and close */
    const char *operation;
    char shape[160];
    char note[96];                 /* put behind every shape: how to draw the inputs again */
    clg_verify_case now;           /* the case that is open */
    double squares, squared_error; /* of its reference and its errors, for the nmse */
    char operand[32], why[256];    /* of its first wrong element */
    const char *wrong;             /* the operation of the last case that failed, NULL: none */
    uint64_t kinks;                /* of the result that is compared next */
    int began_finite;              /* 1: what failed first had a finite reference */
    /* Sees every comparison; may be NULL. */
    void (*observe)(void *user, const struct clg_compared *compared);
    void *observer;
};

/* Starts a case, after closing the one before it. */
void clg_tally_open(struct clg_tally *tally, const char *operation, const char *shape, ...)
    CLG_PRINTF(3, 4);
void clg_tally_close(struct clg_tally *tally);

/* So many elements of the result compared next are at a kink: right on either side. */
void clg_tally_kinks(struct clg_tally *tally, uint64_t kinks);

/* Compares (rows,columns) elements; bound NULL asks for equality. */
void clg_tally_compare(struct clg_tally *tally, const char *operand, const double *got,
                       const double *want, const double *bound, size_t rows, size_t columns);

/* The open case fails for another reason. */
void clg_tally_fault(struct clg_tally *tally, const char *format, ...) CLG_PRINTF(2, 3);

/* After the single operations: whether more than 1 % of one of them was at a kink or undecided. */
void clg_tally_end_operations(struct clg_tally *tally);

/* CLG_OK, or CLG_EMISMATCH with the first failure, or what is undecided, as the last error's line.
 */
clg_status clg_tally_verdict(const struct clg_tally *tally);

/* ------------------------------------------------------------------- watch */

/* Between begin and end every operation on device runs as it would and is then repeated by the
 * reference from the inputs that the device had: results, padding and counts go to tally. */
struct clg_watch;
clg_status clg_watch_begin(struct clg_watch **out, clg_device *device, struct clg_tally *tally);
/* From now on an operation that was wrong runs once more on the same inputs, and the result's cause
 * says what came of it. */
void clg_watch_repeat(struct clg_watch *watch);
void clg_watch_end(struct clg_watch *watch);

/* ------------------------------------------------------------------- cases */

/* Runs the single operations, all of them or (full 0) a few shapes of each, on a device that is
 * being watched for tally. */
clg_status clg_cases_run(clg_device *device, struct clg_tally *tally, int full);

/* ---------------------------------------------------------------- gradient */

/* clg_verify_gradient on an open reference. */
clg_status clg_gradient_check(clg_gradient_result *out, const clg_net *net, clg_device *reference,
                              const clg_dataset *data, const clg_gradient_options *options);

#endif
