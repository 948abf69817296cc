/* What test_device_kernels expects of the launches behind one call of the library.  The pushes are
 * seen by wrapping clg_arg_* at link time (CMakeLists.txt). */
#ifndef CLG_TESTS_KERNELS_LAUNCHES_H
#define CLG_TESTS_KERNELS_LAUNCHES_H

#include "device/launch.h"

/* One launch that must come: kernel, its arguments' names, its buffers and numbers in their order.
 */
struct launches_want {
    const char *kernel, *names;
    const struct clg_buf *buf[24];
    double number[24];
};

void launches_add(const struct launches_want *want);

/* From here on launches are compared with what was added, in its order; and that all have come. */
void launches_begin(void);
void launches_end(void);

/* 1 where one of the launches compared so far was of the kernel whose name starts at text. */
int launches_seen(const char *text, size_t length);

/* Steps by the fused plan, watched (launches_fused.c). */
void launches_fused(clg_device *on);

/* WANT("kernel", "names", LIST(buffers), LIST(numbers)) for each launch, then EXPECT(call). */
#define LIST(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define WANT(kernel, names, ...) launches_add(&(struct launches_want){kernel, names, __VA_ARGS__})
#define EXPECT(call)                                                                               \
    do {                                                                                           \
        launches_begin();                                                                          \
        ck_ok(call);                                                                               \
        launches_end();                                                                            \
    } while (0)

#endif
