/* What the tests share: one way to run a suite, the one comparison, data from the counter-based
 * generator. */
#ifndef CLG_TESTS_HARNESS_H
#define CLG_TESTS_HARNESS_H

#include "clgrad/clgrad.h"

#include <check.h>

/* Asserts that a call is CLG_OK and shows the library's line where it is not. */
#define ck_ok(call)                                                                                \
    do {                                                                                           \
        clg_status ck_status_ = (call);                                                            \
        ck_assert_msg(ck_status_ == CLG_OK, "%s: %s: %s", #call, clg_status_text(ck_status_),      \
                      clg_last_error());                                                           \
    } while (0)

/* Asserts that a call fails with `want` and that its line holds `words`. */
#define ck_fails(call, want, words)                                                                \
    do {                                                                                           \
        clg_status ck_status_ = (call);                                                            \
        ck_assert_msg(ck_status_ == (want), "%s gave %d (%s), wanted %d", #call, (int)ck_status_,  \
                      clg_last_error(), (int)(want));                                              \
        ck_assert_msg(strstr(clg_last_error(), (words)) != NULL, "%s: \"%s\" lacks \"%s\"", #call, \
                      clg_last_error(), (words));                                                  \
    } while (0)

/* Runs the suite in this process; 0, 1 for failures. */
int harness_run(Suite *suite);

/* True only when close: NaN and Inf are never. */
int harness_close(double got, double want, double bound);

/* A fresh folder under the build tree, removed when the program ends. */
const char *harness_folder(void);

/* path of a file of the source tree: harness_source("tests/golden/x.npy"). A static buffer. */
const char *harness_source(const char *relative);

/* The device that tests use: CLGRAD_TEST_DEVICE or auto; exits with 77 where there is none. */
clg_device *harness_device(void);

#endif
