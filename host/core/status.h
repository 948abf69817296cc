/* How failures travel: a status up the stack, and one detailed line kept for this thread. */
#ifndef CLG_CORE_STATUS_H
#define CLG_CORE_STATUS_H

#include "clgrad/clgrad.h"

#if defined(__GNUC__)
#define CLG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define CLG_PRINTF(f, a)
#endif

/* Records the line that clg_last_error() returns, and returns status.  Called once, where the
 * failure happened; callers hand the status on untouched. */
clg_status clg_fail(clg_status status, const char *format, ...) CLG_PRINTF(2, 3);

#if defined(__clang_analyzer__) || defined(__CPPCHECK__)
/* What a checker cannot see, which reads one file at a time: status comes back, never CLG_OK. */
#define clg_fail(status, ...) ((void)clg_fail(status, __VA_ARGS__), (status))
#endif

/* Returns from the calling function where expression is not CLG_OK. */
#define CLG_TRY(expression)                                                                        \
    do {                                                                                           \
        clg_status try_status_ = (expression);                                                     \
        if (try_status_ != CLG_OK)                                                                 \
            return try_status_;                                                                    \
    } while (0)

/* The same for functions that hold something: sets `status` and goes to `done`. */
#define CLG_TRY_DONE(expression)                                                                   \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != CLG_OK)                                                                      \
            goto done;                                                                             \
    } while (0)

#endif
