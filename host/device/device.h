/* One open device: the OpenCL objects, the limits it states, and what is allocated on it.  The
 * reference is a device too (kind CLG_REFERENCE): its buffers are host memory in double precision
 * and it makes no OpenCL call. */
#ifndef CLG_DEVICE_DEVICE_H
#define CLG_DEVICE_DEVICE_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "core/status.h"

enum clg_kind { CLG_REFERENCE, CLG_OPENCL };
enum clg_route { CLG_ROUTE_AUTO, CLG_ROUTE_NATIVE, CLG_ROUTE_CLBLAST };

/* --plan, in the order of its words. */
enum clg_plan_choice { CLG_CHOOSE_AUTO, CLG_CHOOSE_RESIDENT, CLG_CHOOSE_FUSED, CLG_CHOOSE_PLAIN };

/* Room for the knobs of ops/tuning.h. */
enum { CLG_DEVICE_KNOBS = 32 };

struct clg_program;  /* program.h */
struct clg_waiter;   /* wait.h */
struct clg_ops;      /* ops/ops.h */

/* Sees each launch: program file and kernel by name, and its event (borrowed). */
typedef void (*clg_launch_fn)(void *user, const char *program, const char *kernel, cl_event event);

/* Sees each copy: "write", "read", "fill" or "copy", its bytes, and its event (borrowed). */
typedef void (*clg_copy_fn)(void *user, const char *what, size_t bytes, cl_event event);

struct clg_device {
    enum clg_kind kind;
    clg_device_info info;
    char reason[512];
    char notes[512];            /* what its user should know, "" */
    enum clg_route route;
    enum clg_plan_choice plan;
    int use_cache;              /* 0 under --no-cache */
    int keeps_records;          /* 0: what is learnt about it is not kept beside the programs */
    int knows_routes;           /* ops/routes.h: 1 once failed_ways is known */
    unsigned failed_ways;       /* 1 << way for each that verification found wrong here */
    unsigned failed_forms;      /* 1 << form of a plan, likewise */
    int forced_way;             /* 1 + the way that verification runs now; 0: none */
    int forced_tile;            /* likewise of the tiles of local forms */
    unsigned char tuned[CLG_DEVICE_KNOBS]; /* ops/tuning.h: what its knobs stand at */
    int knows_tuning;           /* 1 once tuned is known, or was set */
    int holds_tuning;           /* 1 while tune tries values */

    /* OpenCL; all NULL on the reference */
    cl_context context;
    cl_device_id id;
    cl_command_queue queue;     /* in-order */
    cl_device_id unit;          /* NULL, or the sub-device that is released at the end */
    size_t base_align;          /* bytes: CL_DEVICE_MEM_BASE_ADDR_ALIGN / 8, at least 64 */
    size_t max_group;           /* CL_DEVICE_MAX_WORK_GROUP_SIZE */
    size_t max_items[2];        /* CL_DEVICE_MAX_WORK_ITEM_SIZES, as far as launches go */
    size_t max_parameters;      /* bytes: CL_DEVICE_MAX_PARAMETER_SIZE */
    size_t max_range;           /* work-items in a dimension, what CL_DEVICE_ADDRESS_BITS can count */
    int local_is_dedicated;     /* CL_DEVICE_LOCAL_MEM_TYPE is CL_LOCAL */
    int native_width;           /* CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT; 1: vectors are taken apart */
    struct clg_program *programs; /* list, see program.h */
    char *cache_key;            /* its part of a stored binary's key, made when first asked for */
    clg_launch_fn on_launch;    /* NULL: launches take no event */
    void *on_launch_user;
    clg_copy_fn on_copy;        /* NULL: copies take no event; its user is on_launch_user */
    double call_began;          /* clg_clock() in front of the call that the two are told of */
    size_t groups;              /* on_launch: work-groups; 0: not known */
    cl_event before;            /* on_launch: a marker in front of several launches, or NULL */
    struct clg_waiter *waiter;  /* wait.h: NULL until the first blocking call */
    int lost;                   /* 1: a call did not come back; nothing is called any more */
    const char *lost_in;        /* its name, and the seconds that it was given */
    double lost_after;
    int made_kernel;            /* 1: the next wait may hold a kernel's compilation */
    double time_limit;          /* seconds: CLGRAD_TIMEOUT, 0 where it is not set */
    double longest_wait;        /* seconds, so far */
    void (*at_close)(void);     /* NULL, or gives back what a route keeps of this context */

    /* verify puts its watching table here for a while; NULL: the back end's own (clg_ops_of) */
    const struct clg_ops *ops_override;
    void *ops_user;

    /* what a matrix's rows and columns are rounded up to: 1 and 1 on the reference */
    int row_pad, col_pad;

    uint64_t budget;            /* bytes: CLGRAD_MEM_LIMIT or the default share of memory */
    uint64_t bytes;             /* allocated now */
    int buffers;                /* live now, views not counted */
};

/* "clSetKernelArg: CL_INVALID_ARG_SIZE (-51)", with format's text in front; the status is
 * CLG_EDEVICE, CLG_ENOMEM for the codes of exhausted memory. */
clg_status clg_fail_cl(cl_int code, const char *call, const char *format, ...) CLG_PRINTF(3, 4);
#if defined(__clang_analyzer__) || defined(__CPPCHECK__) /* see clg_fail */
#define clg_fail_cl(...) ((void)clg_fail_cl(__VA_ARGS__), CLG_EDEVICE)
#endif

/* The OpenCL name of an error code, "unknown" for others. */
const char *clg_cl_name(cl_int code);

/* CLG_TRY for an OpenCL call made as CLG_CL(clFinish, (queue)); the detail names the call. */
#define CLG_CL(call, arguments)                                                                    \
    do {                                                                                           \
        cl_int cl_code_ = call arguments;                                                          \
        if (cl_code_ != CL_SUCCESS)                                                                \
            return clg_fail_cl(cl_code_, #call, "%s", "");                                         \
    } while (0)

/* Opens one compute unit of whole as a device, with the same choices.  CLG_ENODEVICE, and why, where
 * the device cannot be divided so. */
clg_status clg_device_open_unit(clg_device **out, const clg_device *whole);

/* Waits until everything enqueued has run. */
clg_status clg_device_finish(clg_device *device);

/* Hands what was enqueued to the device, without waiting. */
clg_status clg_device_flush(clg_device *device);

/* Floats from one row of a (rows,columns) matrix to the next on this device, and how many rows are
 * allocated.  Columns are rounded up to col_pad, and 16 more where the stride would be a multiple
 * of 256 floats, which makes rows fall on the same cache sets (measured: up to 2x on products). */
int clg_stride(const clg_device *device, int columns);
int clg_height(const clg_device *device, int rows);

#endif
