/* One reference device and the operands of its operations, for tests of single operations. */
#ifndef CLG_TESTS_HARNESS_LAB_H
#define CLG_TESTS_HARNESS_LAB_H

#include "harness.h"
#include "ops/ops.h"

extern clg_device *lab_device;
extern const struct clg_ops *lab_ops;

/* The fixture: opens the device; releases all operands, asserts that nothing is left, closes it. */
void lab_open(void);
void lab_close(void);

/* Operands, zero where data is NULL; they live until lab_close or lab_forget. */
struct clg_buf *lab_elements(enum clg_elem elem, size_t count, const void *data);
struct clg_buf *lab_vector(int n, const double *data);
struct clg_buf *lab_matrix(int rows, int columns, const double *data);

/* Releases buf and every operand made after it. */
void lab_forget(const struct clg_buf *buf);

/* Asserts that got is a few roundings away from what was worked out by hand, element by element. */
void lab_same(double got, double want);
void lab_matrix_is(const struct clg_buf *buf, const double *want, int rows, int columns);
void lab_vector_is(const struct clg_buf *buf, const double *want, int n);

/* Runs the tests of one file between lab_open and lab_close. */
int lab_run(const char *name, const TTest *const *tests, size_t count);

#endif
