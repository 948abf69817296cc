/* What single operations are run on: operands with guard zones on both sides, filled with drawn
 * numbers of several characters. */
#ifndef CLG_VERIFY_BENCH_H
#define CLG_VERIFY_BENCH_H

#include "ops/routes.h"
#include "verify/verify.h"

/* The characters that numbers are drawn with. */
enum clg_draw {
    CLG_DRAW_NORMAL,
    CLG_DRAW_TIES,      /* halves from -1 to 1: equal numbers and zeros */
    CLG_DRAW_SATURATED, /* tens to hundreds: activations at their ends */
    CLG_DRAW_MIXED,     /* 16 orders of magnitude beside each other */
    CLG_DRAW_LARGE,     /* around 1e12 */
    CLG_DRAW_SMALL,     /* around 1e-15 */
    CLG_DRAW_DENORMAL,  /* around 1e-39 */
    CLG_DRAWS
};
extern const char *const clg_draw_names[CLG_DRAWS];

/* One operand: a view with at least 64 elements in front and 64 behind that nothing may write. */
struct clg_guarded {
    const char *name;
    struct clg_buf whole, view;
    size_t front, count;
};

enum { CLG_MOST_GUARDED = 24, CLG_MOST_DRAWN = 48 };

struct clg_bench {
    clg_device *device;
    const struct clg_ops *ops; /* the watching table */
    struct clg_tally *tally;
    const char *route; /* of the products, for the note */
    int full;
    struct clg_routes found; /* what is wrong, for the record */
    enum clg_way way;        /* of the products, where that is judged; CLG_WAYS where not */
    enum clg_plan_form form; /* of a plan, likewise; CLG_PLAN_FORMS where not */
    uint32_t drawing; /* number of the case, the subsequence its numbers come from */
    uint64_t drawn;   /* how many */
    enum clg_draw draw;
    struct clg_guarded guarded[CLG_MOST_GUARDED];
    int operands;
    double *block[CLG_MOST_DRAWN];
    int blocks;
};

/* Starts a case whose numbers have the given character. */
void clg_bench_begin(struct clg_bench *bench, enum clg_draw draw);

/* Ends it: looks at all guards, and gives everything back.  status is what the operation returned,
 * and is returned where it is a failure; then guards are not looked at. */
clg_status clg_bench_end(struct clg_bench *bench, clg_status status);

/* Of a product whose way is judged the way is wrong, of a plan's launches their form; of all else
 * the operation. */
void clg_bench_note_failed(struct clg_bench *bench, const char *operation);

/* The next number of the case, of its character; of another; uniform in (0,1). */
double clg_bench_number(struct clg_bench *bench);
double clg_bench_number_as(struct clg_bench *bench, enum clg_draw draw);
double clg_bench_uniform(struct clg_bench *bench);

/* count numbers of the case's character, kept until its end. */
clg_status clg_bench_numbers(struct clg_bench *bench, double **out, size_t count);

/* Operands; values NULL: what is overwritten holds NaN before, or an impossible integer. */
clg_status clg_bench_matrix(struct clg_bench *bench, struct clg_buf **out, const char *name,
                            int rows, int columns, const double *values);
clg_status clg_bench_weights(struct clg_bench *bench, struct clg_buf **out, const char *name, int O,
                             int I, const double *values);
clg_status clg_bench_vector(struct clg_bench *bench, struct clg_buf **out, const char *name,
                            size_t count, const double *values);
clg_status clg_bench_integers(struct clg_bench *bench, struct clg_buf **out, const char *name,
                              size_t count, const int32_t *values);
clg_status clg_bench_bytes(struct clg_bench *bench, struct clg_buf **out, const char *name,
                           size_t count, const uint8_t *values);

/* What stands in guards, for those within a slab. */
double clg_bench_guard(void);

/* A view of count elements of an operand, from its element first on; released by the caller, before
 * the case ends. */
clg_status clg_bench_part(struct clg_bench *bench, struct clg_buf *part, const struct clg_buf *of,
                          size_t first, size_t count);

/* A matrix or vector of drawn numbers. */
clg_status clg_bench_drawn_matrix(struct clg_bench *bench, struct clg_buf **out, const char *name,
                                  int rows, int columns);
clg_status clg_bench_drawn_weights(struct clg_bench *bench, struct clg_buf **out, const char *name,
                                   int O, int I);
clg_status clg_bench_drawn_vector(struct clg_bench *bench, struct clg_buf **out, const char *name,
                                  size_t count);

#endif
