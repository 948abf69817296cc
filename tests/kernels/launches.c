/* Sees each push of an argument and each launch, and compares names, types and values with what the
 * driver knows of the kernel and with what was expected. */
#include "kernels/launches.h"

#include "harness.h"

#include <stdio.h>
#include <string.h>

enum { ARGUMENTS = 64, WANTED = 8, SEEN = 64 };

static struct launches_want wanted[WANTED];
static int wants, launched, watching;
static char seen[SEEN][32];
static int seen_count;

/* One argument that was pushed. */
struct push {
    const char *type; /* of the kernel's parameter */
    const struct clg_buf *buf;
    double number;
};
static struct push pushed[ARGUMENTS];
static cl_uint pushes;

static void record(const char *type, const struct clg_buf *buf, double number)
{
    ck_assert_uint_lt(pushes, ARGUMENTS);
    pushed[pushes++] = (struct push){type, buf, number};
}

/* The wrappers: record, then call the real one. */
clg_status __real_clg_args_begin(struct clg_args *args, clg_device *on, const char *program,
                                 const char *options, const char *name);
clg_status __wrap_clg_args_begin(struct clg_args *args, clg_device *on, const char *program,
                                 const char *options, const char *name);
clg_status __wrap_clg_args_begin(struct clg_args *args, clg_device *on, const char *program,
                                 const char *options, const char *name)
{
    pushes = 0;
    return __real_clg_args_begin(args, on, program, options, name);
}

struct clg_args *__real_clg_prepared_begin(struct clg_prepared *prepared);
struct clg_args *__wrap_clg_prepared_begin(struct clg_prepared *prepared);
struct clg_args *__wrap_clg_prepared_begin(struct clg_prepared *prepared)
{
    pushes = 0;
    return __real_clg_prepared_begin(prepared);
}

void __real_clg_arg_buf(struct clg_args *args, const struct clg_buf *buf);
void __wrap_clg_arg_buf(struct clg_args *args, const struct clg_buf *buf);
void __wrap_clg_arg_buf(struct clg_args *args, const struct clg_buf *buf)
{
    static const char *const types[] = {
        [CLG_REAL] = "float*", [CLG_I32] = "int*", [CLG_U8] = "uchar*"};
    record(types[buf->elem], buf, 0);
    __real_clg_arg_buf(args, buf);
}

#define WRAP_NUMBER(call, c_type, cl_type)                                                         \
    void __real_##call(struct clg_args *args, c_type value);                                       \
    void __wrap_##call(struct clg_args *args, c_type value);                                       \
    void __wrap_##call(struct clg_args *args, c_type value)                                        \
    {                                                                                              \
        record(cl_type, NULL, (double)value);                                                      \
        __real_##call(args, value);                                                                \
    }
WRAP_NUMBER(clg_arg_int, int, "int")
WRAP_NUMBER(clg_arg_uint, uint32_t, "uint")
WRAP_NUMBER(clg_arg_ulong, uint64_t, "ulong")
WRAP_NUMBER(clg_arg_float, double, "float")

static void argument_text(char out[64], const struct clg_args *args, cl_uint i,
                          cl_kernel_arg_info what)
{
    cl_int code = clGetKernelArgInfo(args->kernel, i, what, 64, out, NULL);
    ck_assert_msg(code == CL_SUCCESS, "clGetKernelArgInfo(%s, %u): %s", args->name, i,
                  clg_cl_name(code));
}

/* Argument i of the launch: name and type of the kernel, and what was pushed, against want. */
static void check_argument(const struct clg_args *args, const struct launches_want *want, cl_uint i,
                           const char *name, int *buffers, int *numbers)
{
    char text[64];
    const struct push *push = &pushed[i];
    argument_text(text, args, i, CL_KERNEL_ARG_NAME);
    ck_assert_msg(strcmp(text, name) == 0, "%s: argument %u is %s, wanted %s", args->name, i, text,
                  name);
    argument_text(text, args, i, CL_KERNEL_ARG_TYPE_NAME);
    /* a buffer has no unsigned integers, and may hold them */
    const char *type = push->buf && strcmp(text, "uint*") == 0 ? text + 1 : text;
    ck_assert_msg(strcmp(type, push->type) == 0, "%s: %s is %s and was given %s", args->name, name,
                  text, push->type);
    if (push->buf)
        ck_assert_msg(push->buf == want->buf[(*buffers)++], "%s: another buffer as %s", args->name,
                      name);
    else
        ck_assert_msg(push->number == want->number[*numbers], "%s: %s is %.9g, wanted %.9g",
                      args->name, name, push->number, want->number[*numbers]);
    *numbers += !push->buf;
}

int launches_seen(const char *text, size_t length)
{
    for (int i = 0; i < seen_count; i++)
        if (strlen(seen[i]) == length && strncmp(seen[i], text, length) == 0)
            return 1;
    return 0;
}

static void note_seen(const char *name)
{
    if (launches_seen(name, strlen(name)))
        return;
    ck_assert_int_lt(seen_count, SEEN);
    snprintf(seen[seen_count++], sizeof *seen, "%s", name);
}

static void check_launch(const struct clg_args *args)
{
    char names[512];
    int buffers = 0, numbers = 0;
    cl_uint i = 0;
    if (!watching)
        return;
    ck_assert_msg(launched < wants, "%s was not to be launched", args->name);
    const struct launches_want *want = &wanted[launched++];
    ck_assert_str_eq(args->name, want->kernel);
    note_seen(args->name);
    snprintf(names, sizeof names, "%s", want->names);
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " "), i++) {
        ck_assert_msg(i < pushes, "%s: nothing was pushed for %s", args->name, name);
        check_argument(args, want, i, name, &buffers, &numbers);
    }
    ck_assert_msg(i == pushes, "%s: %u arguments, %u pushed", args->name, i, pushes);
}

clg_status __real_clg_launch1(struct clg_args *args, size_t g0, size_t l0);
clg_status __wrap_clg_launch1(struct clg_args *args, size_t g0, size_t l0);
clg_status __wrap_clg_launch1(struct clg_args *args, size_t g0, size_t l0)
{
    check_launch(args);
    return __real_clg_launch1(args, g0, l0);
}

clg_status __real_clg_launch2(struct clg_args *args, size_t g0, size_t g1, size_t l0, size_t l1);
clg_status __wrap_clg_launch2(struct clg_args *args, size_t g0, size_t g1, size_t l0, size_t l1);
clg_status __wrap_clg_launch2(struct clg_args *args, size_t g0, size_t g1, size_t l0, size_t l1)
{
    check_launch(args);
    return __real_clg_launch2(args, g0, g1, l0, l1);
}

void launches_add(const struct launches_want *want)
{
    ck_assert_int_lt(wants, WANTED);
    wanted[wants++] = *want;
}

void launches_begin(void)
{
    launched = 0;
    watching = 1;
}

void launches_end(void)
{
    watching = 0;
    ck_assert_int_eq(launched, wants);
    wants = 0;
}
