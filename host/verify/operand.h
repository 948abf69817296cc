/* What one watched operation reads and writes, on the device and on the reference, and the memory
 * that lasts as long as that operation. */
#ifndef CLG_VERIFY_OPERAND_H
#define CLG_VERIFY_OPERAND_H

#include "verify/verify.h"

enum { CLG_MOST_OPERANDS = 20, CLG_MOST_BLOCKS = 192 };

struct clg_operand {
    const char *name;
    const struct clg_buf *on; /* the device's */
    struct clg_buf ref;       /* the reference's */
    double *value;            /* (rows,columns): what the device held before the operation */
    size_t rows, columns;
    int is_matrix;
    int is_rows; /* 1: some rows of a larger table */
};

struct clg_watch {
    clg_device *device, *reference;
    const struct clg_ops *inner, *previous; /* the table watched; what the override was before */
    void *previous_user;
    struct clg_limits limits;
    struct clg_tally *tally;
    struct clg_operand operand[CLG_MOST_OPERANDS];
    int operands;
    void *block[CLG_MOST_BLOCKS];
    int blocks;
    int repeats;                       /* 1: what was wrong runs again */
    double *before[CLG_MOST_OPERANDS]; /* then: each operand after the first run */
};

/* Frees what the last operation held. */
void clg_operands_clear(struct clg_watch *watch);

/* Frees what was taken since there were so many operands and blocks. */
void clg_operands_drop(struct clg_watch *watch, int operands, int blocks);

/* Room for count doubles until the next clear. */
clg_status clg_operand_room(struct clg_watch *watch, double **out, size_t count);

/* A matrix (rows,columns) of reals, or a vector of any element type, that the operation reads: the
 * reference gets what the device holds now.  write: it only writes, and nothing is read. */
clg_status clg_operand_matrix(struct clg_operand **out, struct clg_watch *watch, const char *name,
                              const struct clg_buf *on, int rows, int columns);
clg_status clg_operand_vector(struct clg_operand **out, struct clg_watch *watch, const char *name,
                              const struct clg_buf *on, size_t count);
clg_status clg_operand_write_matrix(struct clg_operand **out, struct clg_watch *watch,
                                    const char *name, const struct clg_buf *on, int rows,
                                    int columns);
clg_status clg_operand_write_vector(struct clg_operand **out, struct clg_watch *watch,
                                    const char *name, const struct clg_buf *on, size_t count);

/* Rows row[0..count) of a dense table (.,columns) on the device, as one vector; row NULL: those
 * from start on. */
clg_status clg_operand_rows(struct clg_operand **out, struct clg_watch *watch, const char *name,
                            const struct clg_buf *on, const int32_t *row, size_t start,
                            size_t count, size_t columns);

/* Elements [first, first + count) of an integer buffer of the device, until the next clear. */
clg_status clg_operand_integers(struct clg_watch *watch, int32_t **out, const struct clg_buf *from,
                                size_t first, size_t count);

/* Downloads both sides after the operation.  got and want may be NULL. */
clg_status clg_operand_results(struct clg_watch *watch, const struct clg_operand *operand,
                               double **got, double **want);

/* Downloads both sides and compares them, and looks into the padding of a matrix; bound NULL asks
 * for equality. */
clg_status clg_operand_check(struct clg_watch *watch, const struct clg_operand *operand,
                             const double *bound);

#endif
