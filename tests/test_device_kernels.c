/* The kernels against the host that launches them: of every launch of every layer operation, each
 * argument's name, type and order as the driver knows them, and what was pushed for it; and that
 * every kernel there is was built and launched.  What they compute is not tested here.
 *
 * The pushes are seen by wrapping clg_arg_* at link time (tests/kernels/CMakeLists.txt). */
#include "device/launch.h"
#include "device/program.h"
#include "harness.h"
#include "ops/ops.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static clg_device *device;
static const struct clg_ops *ops = &clg_ops_opencl;

/* ------------------------------------------------- what is pushed, and wanted */

enum { ARGUMENTS = 16, WANTED = 8, SEEN = 64 };

/* One launch that must come: kernel, its arguments' names, its buffers and numbers in their order.
 */
struct want {
    const char *kernel, *names;
    const struct clg_buf *buf[6];
    double number[10];
};
static struct want wanted[WANTED];
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
static void check_argument(const struct clg_args *args, const struct want *want, cl_uint i,
                           const char *name, int *buffers, int *numbers)
{
    char text[64];
    const struct push *push = &pushed[i];
    argument_text(text, args, i, CL_KERNEL_ARG_NAME);
    ck_assert_msg(strcmp(text, name) == 0, "%s: argument %u is %s, wanted %s", args->name, i, text,
                  name);
    argument_text(text, args, i, CL_KERNEL_ARG_TYPE_NAME);
    ck_assert_msg(strcmp(text, push->type) == 0, "%s: %s is %s and was given %s", args->name, name,
                  text, push->type);
    if (push->buf)
        ck_assert_msg(push->buf == want->buf[(*buffers)++], "%s: another buffer as %s", args->name,
                      name);
    else
        ck_assert_msg(push->number == want->number[*numbers], "%s: %s is %.9g, wanted %.9g",
                      args->name, name, push->number, want->number[*numbers]);
    *numbers += !push->buf;
}

static void check_launch(const struct clg_args *args)
{
    char names[160];
    int buffers = 0, numbers = 0;
    cl_uint i = 0;
    if (!watching)
        return;
    ck_assert_msg(launched < wants, "%s was not to be launched", args->name);
    const struct want *want = &wanted[launched++];
    ck_assert_str_eq(args->name, want->kernel);
    ck_assert_int_lt(seen_count, SEEN);
    snprintf(seen[seen_count++], sizeof *seen, "%s", args->name);
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

/* WANT("kernel", "names", {buffers}, {numbers}) for each launch, then EXPECT(call). */
#define LIST(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define WANT(kernel, names, ...)                                                                   \
    wanted[wants++] = (struct want)                                                                \
    {                                                                                              \
        kernel, names, __VA_ARGS__                                                                 \
    }
#define EXPECT(call)                                                                               \
    do {                                                                                           \
        launched = 0;                                                                              \
        watching = 1;                                                                              \
        ck_ok(call);                                                                               \
        watching = 0;                                                                              \
        ck_assert_int_eq(launched, wants);                                                         \
        wants = 0;                                                                                 \
    } while (0)

/* ---------------------------------------------------------------- test data */

static void make(struct clg_buf *buf, enum clg_elem elem, size_t count)
{
    struct clg_plan plan;
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, buf, elem, count, "test data"));
    ck_ok(clg_plan_commit(&plan));
}

static size_t matrix_count(int rows, int columns)
{
    return (size_t)clg_height(device, rows) * (size_t)clg_stride(device, columns);
}

static void make_matrix(struct clg_buf *buf, int rows, int columns)
{
    make(buf, CLG_REAL, matrix_count(rows, columns));
}

/* The sizes of the launches whose arguments are looked at: all different. */
enum { B = 3, I = 21, O = 37, ROWS = 9 };

struct tensors {
    struct clg_buf x, W, b, y, z, dx, dz, dW, db, row_loss, stats, hits, scratch, labels, values;
    struct clg_buf perm, slot0, slot1;
    struct clg_rows rows; /* bytes and classes */
    struct clg_rows reals;
};
static struct tensors t;

static void tensors_make(void)
{
    memset(&t, 0, sizeof t);
    make_matrix(&t.x, B, I);
    make_matrix(&t.W, O, I);
    make(&t.b, CLG_REAL, O);
    make_matrix(&t.y, B, O);
    make_matrix(&t.z, B, O);
    make_matrix(&t.dx, B, I);
    make_matrix(&t.dz, B, O);
    make_matrix(&t.dW, O, I);
    make(&t.db, CLG_REAL, O);
    make(&t.row_loss, CLG_REAL, B);
    make(&t.stats, CLG_REAL, CLG_STATS);
    make(&t.hits, CLG_I32, 1);
    make(&t.scratch, CLG_REAL, CLG_PENALTY_SCRATCH);
    make(&t.labels, CLG_I32, B);
    make_matrix(&t.values, B, O);
    make(&t.perm, CLG_I32, ROWS);
    make(&t.slot0, CLG_REAL, t.W.count);
    make(&t.slot1, CLG_REAL, t.W.count);
    t.rows =
        (struct clg_rows){.rows = ROWS, .features = I, .outputs = O, .target = CLG_TARGET_CLASS};
    t.reals = t.rows;
    t.reals.target = CLG_TARGET_VALUE;
    make(&t.rows.x, CLG_U8, (size_t)ROWS * I);
    make(&t.rows.t, CLG_I32, ROWS);
    make(&t.rows.scale, CLG_REAL, I);
    make(&t.rows.shift, CLG_REAL, I);
    make(&t.reals.x, CLG_REAL, (size_t)ROWS * I);
    make(&t.reals.t, CLG_REAL, (size_t)ROWS * O);
}

static void tensors_release(void)
{
    struct clg_buf *all[] = {&t.x,          &t.W,          &t.b,       &t.y,      &t.z,
                             &t.dx,         &t.dz,         &t.dW,      &t.db,     &t.row_loss,
                             &t.stats,      &t.hits,       &t.scratch, &t.labels, &t.values,
                             &t.perm,       &t.slot0,      &t.slot1,   &t.rows.x, &t.rows.t,
                             &t.rows.scale, &t.rows.shift, &t.reals.x, &t.reals.t};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        clg_buf_release(all[i]);
    uint64_t bytes;
    int buffers;
    clg_device_usage(device, &bytes, &buffers);
    ck_assert_int_eq(buffers, 0);
}

/* --------------------------------------------------------------- arguments */

static void data_arguments(void)
{
    const int ldx = clg_stride(device, I), ldt = clg_stride(device, O);
    WANT("permute", "perm n seed epoch", LIST(&t.perm), LIST(ROWS, 77, 5));
    EXPECT(ops->permute(device, &t.perm, ROWS, 77, 5));
    WANT("gather_bytes", "x data perm scale shift start B I ldx",
         LIST(&t.x, &t.rows.x, &t.perm, &t.rows.scale, &t.rows.shift), LIST(4, B, I, ldx));
    WANT("gather_labels", "t data perm start B", LIST(&t.labels, &t.rows.t, &t.perm), LIST(4, B));
    EXPECT(ops->gather(device, &t.x, &t.labels, &t.rows, &t.perm, 4, B));
    WANT("gather_bytes", "x data scale shift start B I ldx",
         LIST(&t.x, &t.rows.x, &t.rows.scale, &t.rows.shift), LIST(4, B, I, ldx));
    WANT("gather_labels", "t data start B", LIST(&t.labels, &t.rows.t), LIST(4, B));
    EXPECT(ops->gather(device, &t.x, &t.labels, &t.rows, NULL, 4, B));
    WANT("gather_floats", "x data perm start B I ldx", LIST(&t.x, &t.reals.x, &t.perm),
         LIST(4, B, I, ldx));
    WANT("gather_floats", "x data perm start B I ldx", LIST(&t.values, &t.reals.t, &t.perm),
         LIST(4, B, O, ldt));
    EXPECT(ops->gather(device, &t.x, &t.values, &t.reals, &t.perm, 4, B));
    WANT("gather_floats", "x data start B I ldx", LIST(&t.x, &t.reals.x), LIST(4, B, I, ldx));
    WANT("gather_floats", "x data start B I ldx", LIST(&t.values, &t.reals.t), LIST(4, B, O, ldt));
    EXPECT(ops->gather(device, &t.x, &t.values, &t.reals, NULL, 4, B));
}

static void layer_arguments(void)
{
    static const char product[] = "C A B M N K ldc lda ldb";
    const int in = clg_stride(device, I), out = clg_stride(device, O);
    for (int act = CLG_IDENTITY; act < CLG_SOFTMAX; act++) {
        WANT("matmul_nt", product, LIST(&t.y, &t.x, &t.W), LIST(B, O, I, out, in, in));
        WANT("bias_fwd", "z bias B N ldz", LIST(&t.y, &t.b), LIST(B, O, out));
        if (act != CLG_IDENTITY)
            WANT("act_fwd", "y z B N ldz", LIST(&t.y, &t.y), LIST(B, O, out));
        EXPECT(ops->dense_fwd(device, &t.y, &t.x, &t.W, &t.b, B, I, O, (enum clg_act)act));
        WANT("matmul_nn", product, LIST(&t.dx, &t.dz, &t.W), LIST(B, I, O, in, out, in));
        if (act != CLG_IDENTITY)
            WANT("act_bwd", "dx y B N ldx", LIST(&t.dx, &t.x), LIST(B, I, in));
        EXPECT(ops->delta_bwd(device, &t.dx, &t.dz, &t.W, &t.x, B, I, O, (enum clg_act)act));
    }
    WANT("matmul_tn", product, LIST(&t.dW, &t.dz, &t.x), LIST(O, I, B, in, out, in));
    WANT("bias_bwd", "db dz B N ldz", LIST(&t.db, &t.dz), LIST(B, O, out));
    EXPECT(ops->grad(device, &t.dW, &t.db, &t.dz, &t.x, B, I, O));
}

static void output_arguments(void)
{
    const int ldz = clg_stride(device, O);
    for (int act = 0; act < CLG_ACTS; act++) {
        WANT(act == CLG_SOFTMAX ? "softmax_fwd" : "act_fwd", "y z B N ldz", LIST(&t.y, &t.z),
             LIST(B, O, ldz));
        EXPECT(ops->output_fwd(device, &t.y, &t.z, B, O, (enum clg_act)act));
        for (int loss = 0; loss < CLG_LOSSES; loss++)
            for (int kind = 0; kind < 2; kind++) {
                const struct clg_buf *target = kind == CLG_TARGET_CLASS ? &t.labels : &t.values;
                if (!clg_pair_exists((enum clg_loss)loss, (enum clg_act)act))
                    continue;
                WANT("loss_fwd", "y dz row_loss z t B O ldz scale",
                     LIST(&t.y, &t.dz, &t.row_loss, &t.z, target), LIST(B, O, ldz, 0.25));
                EXPECT(ops->loss_fwd(device, &t.y, &t.dz, &t.row_loss, &t.z, target, B, O,
                                     (enum clg_loss)loss, (enum clg_act)act, (enum clg_target)kind,
                                     0.25));
            }
    }
    EXPECT(ops->output_fwd(device, &t.y, &t.y, B, O, CLG_IDENTITY)); /* nothing to do */
}

static void figure_arguments(void)
{
    const int ldy = clg_stride(device, O);
    for (int kind = 0; kind < 2; kind++) {
        const struct clg_buf *target = kind == CLG_TARGET_CLASS ? &t.labels : &t.values;
        WANT("score", "stats hits row_loss y t B O ldy",
             LIST(&t.stats, &t.hits, &t.row_loss, &t.y, target), LIST(B, O, ldy));
        EXPECT(ops->score(device, &t.stats, &t.hits, &t.row_loss, &t.y, target, B, O,
                          (enum clg_target)kind));
    }
    WANT("square_sums", "partial params n", LIST(&t.scratch, &t.W), LIST((double)t.W.count));
    WANT("penalty_add", "stats partial count factor", LIST(&t.stats, &t.scratch), LIST(1, 0.5));
    EXPECT(ops->penalty(device, &t.stats, &t.scratch, &t.W, t.W.count, 0.5));
}

static void update_arguments(void)
{
    const size_t n = t.W.count;
    struct clg_update u = {CLG_SGD, 0.25, 0.125, 0.5, 0.75, 0.875, 0.0625, 2};
    WANT("update_sgd", "params grads n n_weights lr l2", LIST(&t.W, &t.dW),
         LIST((double)n, 20, 0.25, 0.125));
    EXPECT(ops->update(device, &t.W, NULL, NULL, &t.dW, n, 20, &u));
    u.opt = CLG_MOMENTUM;
    WANT("update_momentum", "params v grads n n_weights lr l2 momentum",
         LIST(&t.W, &t.slot0, &t.dW), LIST((double)n, 20, 0.25, 0.125, 0.5));
    EXPECT(ops->update(device, &t.W, &t.slot0, NULL, &t.dW, n, 20, &u));
    u.opt = CLG_ADAM;
    WANT("update_adam", "params m v grads n n_weights rate l2 beta1 rest1 beta2 rest2 root eps",
         LIST(&t.W, &t.slot0, &t.slot1, &t.dW),
         LIST((double)n, 20, 0.25 / (1 - 0.75 * 0.75), 0.125, 0.75, 0.25, 0.875, 0.125,
              1 / sqrt(1 - 0.875 * 0.875), 0.0625));
    EXPECT(ops->update(device, &t.W, &t.slot0, &t.slot1, &t.dW, n, 20, &u));
}

/* 1 where one of the launches was of the kernel whose name starts at text. */
static int was_seen(const char *text, size_t length)
{
    for (int i = 0; i < seen_count; i++)
        if (strlen(seen[i]) == length && strncmp(seen[i], text, length) == 0)
            return 1;
    return 0;
}

/* Every "kernel void NAME(" of the sources, or MATMUL(NAME, ...), was launched above. */
static void check_all_seen(const char *text, const char *start)
{
    for (const char *at = text; (at = strstr(at, start));) {
        at += strlen(start);
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
        if (length > 0) /* the macro's own parameter is in capitals */
            ck_assert_msg(was_seen(at, length), "kernel %.*s is never launched", (int)length, at);
    }
}

START_TEST(arguments)
{
    tensors_make();
    seen_count = 0;
    data_arguments();
    layer_arguments();
    output_arguments();
    figure_arguments();
    update_arguments();
    for (const struct clg_kernel_source *s = clg_kernel_sources; s->name; s++) {
        check_all_seen(s->text, "kernel void ");
        check_all_seen(s->text, "MATMUL(");
    }
    ck_ok(clg_device_finish(device));
    tensors_release();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels");
    TCase *cases = tcase_create("kernels");
    device = harness_device();
    device->use_cache = 0; /* a program made from a binary may not know its arguments' names */
    tcase_set_timeout(cases, 240);
    tcase_add_test(cases, arguments);
    suite_add_tcase(suite, cases);
    int result = harness_run(suite);
    clg_device_close(device);
    return result;
}
