/* Kernel launches by name.  The argument pusher counts: a launch is refused where the kernel has
 * another number of arguments than were pushed.  Every launch goes through clg_launch*, which hands
 * program, kernel and event to device->on_launch where that is set. */
#ifndef CLG_DEVICE_LAUNCH_H
#define CLG_DEVICE_LAUNCH_H

#include "device/buffer.h"

struct clg_args {
    clg_device *device;
    const char *program;
    cl_kernel kernel;
    const struct clg_kernel *limits; /* program.h */
    const char *name;
    cl_uint pushed;
    struct clg_prepared *prepared; /* NULL: nothing is remembered */
    size_t bytes;      /* of what was pushed, a buffer counting as an address */
    size_t local;      /* bytes of local memory, as the host counts them: clg_args_local */
    clg_status status; /* the first failure of a push; the launch returns it */
};

/* Takes kernel `name` of kernels/PROGRAM.cl, built for this device with `options` ("-DACT=2", or
 * "") where that has not happened yet. */
clg_status clg_args_begin(struct clg_args *args, clg_device *device, const char *program,
                          const char *options, const char *name);
/* Says what the kernel declares of local memory, for drivers that do not: PoCL 6 states 0 bytes of
 * every kernel.  Kept over the launches of a prepared one. */
void clg_args_local(struct clg_args *args, size_t bytes);
void clg_arg_buf(struct clg_args *args, const struct clg_buf *buf);
void clg_arg_int(struct clg_args *args, int value);
void clg_arg_uint(struct clg_args *args, uint32_t value);
void clg_arg_ulong(struct clg_args *args, uint64_t value); /* OpenCL's ulong: counts, offsets */
void clg_arg_float(struct clg_args *args, double value);

/* A launch that comes again and again: a kernel object of its own, which remembers its arguments.
 * After clg_prepared_begin all of them are pushed to ->args as ever, and those that are as they
 * were cost no call.  Begins as zeros; kernel NULL: not prepared yet. */
enum { CLG_PREPARED_ARGS = 64 };
struct clg_prepared {
    struct clg_args args;
    cl_kernel kernel;
    struct {
        size_t size;
        cl_ulong value;
    } last[CLG_PREPARED_ARGS];
};
clg_status clg_prepared_make(struct clg_prepared *prepared, clg_device *device,
                             const char *program, const char *options, const char *name);
struct clg_args *clg_prepared_begin(struct clg_prepared *prepared);
void clg_prepared_release(struct clg_prepared *prepared);

/* Enqueues over global (g0[,g1]) work-items in groups of (l0[,l1]); g is rounded up to a multiple
 * of l here, kernels guard their edge.  l0 0 lets clg_launch1 take a good group size within what
 * device and kernel allow.  A group beyond those limits fails with a message, it is not shrunk. */
clg_status clg_launch1(struct clg_args *args, size_t g0, size_t l0);
clg_status clg_launch2(struct clg_args *args, size_t g0, size_t g1, size_t l0, size_t l1);

/* Around a route that makes several launches of its own: where the device's on_launch is set, a
 * marker in front of them (device->before), and its end. */
clg_status clg_mark_before(clg_device *device);
void clg_mark_forget(clg_device *device);

/* At most about 100 ms of work queued, and at least two steps: called after each step's last
 * launch; waits now and then, at most 20 times a second and in a blocking call, for the event of
 * the step half a queue back (where half a queue is less than a wait's share of the time: for the
 * last). */
struct clg_throttle {
    clg_device *device;
    cl_event mark;          /* the newest half-queue mark, where it was not waited for, or NULL */
    uint64_t marked;        /* steps that mark closes: enqueued since the last mark or wait */
    uint64_t since_mark;    /* steps enqueued behind mark */
    uint64_t half;          /* steps between marks; 0: not measured yet */
    double step;            /* seconds of one step, as last measured */
    double last_wait;       /* seconds of clg_clock() when it ended */
    int waits;
};
void clg_throttle_begin(struct clg_throttle *throttle, clg_device *device);
/* *waited (may be NULL) becomes 1 where it waited. */
clg_status clg_throttle_step(struct clg_throttle *throttle, int *waited);
void clg_throttle_end(struct clg_throttle *throttle);

/* Seconds of the monotonic clock. */
double clg_clock(void);

#endif
