/* Runs every kernel once and more over awkward sizes, or one kernel with a planted bug, or those of
 * a file without one of its barriers, for a tool that watches (check_oclgrind.sh,
 * check_barriers.sh).  Results are not looked at.
 * usage: kernel_driver operations|products|fused|fused_local|samples|units|group
 *        kernel_driver race|uninitialized|bounds
 *        kernel_driver without FILE N: kernels/FILE without its barrier number N */
#include "driver.h"

#include "device/launch.h"
#include "ops/local.h"

#include <string.h>

clg_device *device;
static const struct clg_ops *ops = &clg_ops_opencl;
static struct clg_plan plan;

enum { ROWS = 40, PIECES = 3 };

struct tensors {
    struct clg_buf x, W, b, y, z, dx, dy, dz, dW, db, row_loss, stats, hits, scratch, labels,
        values;
    struct clg_buf perm, slot0, slot1, class_weights, norm, teacher, alive, input_z;
    struct clg_rows bytes, reals; /* classes, values */
};

static void plan_all(struct tensors *t, int B, int I, int O)
{
    size_t weights = clg_weights_size(device, PIECES * O, I);
    struct clg_buf *of_layer[] = {&t->y, &t->values, &t->teacher};
    struct clg_buf *of_pieces[] = {&t->z, &t->dz};
    struct clg_buf *of_input[] = {&t->x, &t->dy};
    struct clg_buf *of_input_pieces[] = {&t->dx, &t->input_z};
    struct clg_buf *of_weights[] = {&t->W, &t->dW, &t->slot0, &t->slot1};
    clg_plan_begin(&plan, device);
    for (int i = 0; i < 3; i++)
        TRY(clg_plan_matrix(&plan, of_layer[i], B, O, "driver"));
    for (int i = 0; i < 2; i++) {
        TRY(clg_plan_matrix(&plan, of_pieces[i], B, PIECES * O, "driver"));
        TRY(clg_plan_matrix(&plan, of_input[i], B, I, "driver"));
        TRY(clg_plan_matrix(&plan, of_input_pieces[i], B, PIECES * I, "driver"));
    }
    for (int i = 0; i < 4; i++)
        TRY(clg_plan_add(&plan, of_weights[i], CLG_REAL, weights, "driver"));
    TRY(clg_plan_add(&plan, &t->b, CLG_REAL, PIECES * (size_t)O, "driver"));
    TRY(clg_plan_add(&plan, &t->class_weights, CLG_REAL, O > 1 ? (size_t)O : 2, "driver"));
    TRY(clg_plan_add(&plan, &t->norm, CLG_REAL, 1, "driver"));
    TRY(clg_plan_add(&plan, &t->alive, CLG_I32, (size_t)O, "driver"));
    TRY(clg_plan_add(&plan, &t->db, CLG_REAL, (size_t)O, "driver"));
    TRY(clg_plan_add(&plan, &t->row_loss, CLG_REAL, (size_t)B, "driver"));
    TRY(clg_plan_add(&plan, &t->stats, CLG_REAL, CLG_STATS, "driver"));
    TRY(clg_plan_add(&plan, &t->hits, CLG_I32, 1, "driver"));
    TRY(clg_plan_add(&plan, &t->scratch, CLG_REAL, CLG_PENALTY_SCRATCH, "driver"));
    TRY(clg_plan_add(&plan, &t->labels, CLG_I32, (size_t)B, "driver"));
    TRY(clg_plan_add(&plan, &t->perm, CLG_I32, ROWS, "driver"));
    TRY(clg_plan_add(&plan, &t->bytes.x, CLG_U8, ROWS * (size_t)I, "driver"));
    TRY(clg_plan_add(&plan, &t->bytes.t, CLG_I32, ROWS, "driver"));
    TRY(clg_plan_add(&plan, &t->bytes.scale, CLG_REAL, (size_t)I, "driver"));
    TRY(clg_plan_add(&plan, &t->bytes.shift, CLG_REAL, (size_t)I, "driver"));
    TRY(clg_plan_add(&plan, &t->reals.x, CLG_REAL, ROWS * (size_t)I, "driver"));
    TRY(clg_plan_add(&plan, &t->reals.t, CLG_REAL, ROWS * (size_t)O, "driver"));
}

/* Writes every element, for a tool may not count what the plan filled with zeros as written. */
static void fill(void)
{
    for (int i = 0; i < plan.entries; i++) {
        const struct clg_plan_entry *entry = &plan.entry[i];
        double *data = calloc(entry->count, sizeof *data);
        if (!data)
            exit(1);
        for (size_t at = 0; at < entry->count && entry->elem == CLG_REAL; at++)
            data[at] = 0.125 * (double)(at % 7);
        if (entry->elem == CLG_REAL)
            TRY(clg_real_upload(entry->buf, data, 0, entry->count));
        else
            TRY(clg_buf_upload(entry->buf, data, 0, entry->count));
        free(data);
    }
}

static void make(struct tensors *t, int B, int I, int O)
{
    memset(t, 0, sizeof *t);
    t->bytes.rows = t->reals.rows = ROWS;
    t->bytes.features = t->reals.features = I;
    t->bytes.outputs = t->reals.outputs = O;
    t->reals.target = CLG_TARGET_VALUE;
    plan_all(t, B, I, O);
    TRY(clg_plan_commit(&plan));
    fill();
}

static void release(void)
{
    for (int i = 0; i < plan.entries; i++)
        clg_buf_release(plan.entry[i].buf);
}

static void run_data(struct tensors *t, int B)
{
    TRY(ops->permute(device, &t->perm, ROWS, 1, 1));
    for (int permuted = 0; permuted < 2; permuted++) {
        const struct clg_buf *perm = permuted ? &t->perm : NULL;
        TRY(ops->gather(device, &t->x, &t->labels, &t->bytes, perm, (size_t)(ROWS - B), B));
        TRY(ops->gather(device, &t->x, &t->values, &t->reals, perm, (size_t)(ROWS - B), B));
    }
}

static struct clg_activation activation(int kind)
{
    return (struct clg_activation){(enum clg_act)kind, 0.25, kind == CLG_MAXOUT ? PIECES : 1};
}

/* Whether the shape of that index takes activation `kind`: a quarter of them each. */
static int takes(size_t shape, int kind)
{
    return ((size_t)kind + shape) % 4 == 0;
}

/* Of the layer in front only its sizes matter here: x stands for its output. */
static void run_layers(struct tensors *t, size_t shape, int B, int I, int O)
{
    const struct clg_dropout drop = {0.5, 1, 2, 3};
    for (int kind = 0; kind < CLG_ACTS; kind++) {
        const struct clg_activation act = activation(kind);
        const int keeps_z = clg_act_keeps_z(act.kind);
        if (kind == CLG_SOFTMAX || !takes(shape, kind))
            continue;
        TRY(ops->dense_fwd(device, &t->y, keeps_z ? &t->z : NULL, &t->x, &t->W, &t->b, B, I, O,
                           &act));
        TRY(ops->delta_bwd(device, &t->dx, &t->dy, &t->dz, &t->W, &t->x,
                           keeps_z ? &t->input_z : NULL, B, I, O, &act, kind % 2 ? &drop : NULL));
    }
    TRY(ops->dropout_fwd(device, &t->x, &t->x, B, I, &drop));
    TRY(ops->mark_alive(device, &t->alive, &t->y, B, O));
    TRY(ops->grad(device, &t->dW, &t->db, &t->dz, &t->x, B, I, O));
}

/* Every second tile from `first` on. */
static void run_products(struct tensors *t, int first, int B, int I, int O)
{
    for (int tile = first; tile < CLG_TILES; tile += 2) {
        TRY(clg_matmul_local(device, &t->y, &t->x, &t->W, B, O, I, CLG_NN, tile));
        TRY(clg_matmul_local(device, &t->dx, &t->dz, &t->W, B, I, O, CLG_NT, tile));
        TRY(clg_matmul_local(device, &t->dW, &t->x, &t->dz, I, O, B, CLG_TN, tile));
    }
}

/* One pair with both kinds of target, with weights, and for ce with a teacher. */
static void run_pair(struct tensors *t, int B, int O, int loss_kind, int act_kind)
{
    const struct clg_activation act = activation(act_kind);
    struct clg_loss_spec loss = {.kind = (enum clg_loss)loss_kind,
                                 .delta = 0.25,
                                 .smoothing = 0.125,
                                 .norm = &t->norm,
                                 .temperature = 2,
                                 .mix = 0.5};
    TRY(ops->loss_fwd(device, &t->y, &t->dz, &t->row_loss, &t->z, &t->values, B, O, &loss, &act,
                      CLG_TARGET_VALUE, 1, 1));
    TRY(ops->loss_fwd(device, &t->y, &t->dz, &t->row_loss, &t->z, &t->labels, B, O, &loss, &act,
                      CLG_TARGET_CLASS, 1, 1));
    loss.class_weights = &t->class_weights;
    loss.teacher_z = loss_kind == CLG_CE ? &t->teacher : NULL;
    TRY(ops->loss_fwd(device, &t->y, &t->dz, &t->row_loss, &t->z, &t->labels, B, O, &loss, &act,
                      CLG_TARGET_CLASS, 1, 1));
}

static void run_losses(struct tensors *t, size_t shape, int B, int O)
{
    for (int kind = 0; kind < CLG_ACTS; kind++) {
        const struct clg_activation act = activation(kind);
        if (!takes(shape, kind))
            continue;
        TRY(ops->output_fwd(device, &t->y, &t->z, B, O, &act));
        for (int loss = 0; loss < CLG_LOSSES; loss++)
            if (clg_pair_exists((enum clg_loss)loss, act.kind))
                run_pair(t, B, O, loss, kind);
    }
    for (int kind = 0; kind < 2; kind++)
        TRY(ops->score(device, &t->stats, &t->hits, &t->row_loss, &t->y,
                       kind ? &t->values : &t->labels, B, O, (enum clg_target)kind));
}

static void run_updates(struct tensors *t)
{
    struct clg_update u = {CLG_SGD, 0.1, 0.1, 0.9, 0.9, 0.999, 0.99, 1e-8, 0.01, 1};
    const size_t n = t->W.count - 3; /* a ragged end */
    TRY(ops->penalty(device, &t->stats, &t->scratch, &t->W, n, 0.5));
    TRY(ops->square_sum(device, &t->stats, &t->scratch, &t->dW, n, 1));
    TRY(ops->clip(device, &t->dW, &t->stats, n, 1, 0.5));
    for (int opt = 0; opt < CLG_OPTS; opt++) {
        u.opt = (enum clg_opt)opt;
        TRY(ops->update(device, &t->W, &t->slot0, &t->slot1, &t->dW, n, n - 9, &u));
    }
    u.opt = CLG_RMSPROP;
    u.momentum = 0;
    TRY(ops->update(device, &t->W, &t->slot0, &t->slot1, &t->dW, n, n - 9, &u));
}

/* Oclgrind's own device takes vectors apart, which would choose the forms for local memory. */
void choose_forms(int local)
{
    device->local_is_dedicated = local;
    device->native_width = local ? 1 : 16;
}

/* Everything with the REGISTER products, or the LOCAL products alone, which cost a simulator much.
 */
static void run_sizes(int local_products)
{
    static const int sizes[][3] = {{1, 1, 1},    {7, 16, 17}, {16, 17, 1}, {17, 33, 7}, {33, 1, 16},
                                   {33, 33, 33}, {1, 2, 3},   {1, 33, 17}, {3, 5, 1},   {2, 7, 9},
                                   {5, 3, 13},   {9, 11, 2},  {13, 1, 15}, {15, 2, 19}, {2, 31, 3},
                                   {31, 3, 2},   {3, 2, 33},  {21, 5, 5},  {11, 23, 1}, {1, 15, 31},
                                   {16, 16, 16}};
    choose_forms(local_products);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int B = sizes[i][0], I = sizes[i][1], O = sizes[i][2];
        struct tensors t;
        make(&t, B, I, O);
        if (local_products) {
            run_products(&t, (int)(i % 2), B, I, O);
        } else {
            run_data(&t, B);
            run_layers(&t, i, B, I, O);
            run_losses(&t, i, B, O);
            run_updates(&t);
        }
        TRY(clg_device_finish(device));
        release();
    }
}

/* Kernels that are wrong on purpose: p (16). */
static const char planted[] =
    "kernel void race(global int *p) { p[0] = (int)get_global_id(0); }\n"
    "kernel void uninitialized(global int *p) {\n"
    "    int cell[2]; cell[p[0] & 1] = 1; p[1] = cell[(p[0] + 1) & 1] > 3 ? 1 : 2; }\n"
    "kernel void bounds(global int *p) { p[get_global_id(0) + 16 * 1024] = 1; }\n";

static void run_planted(const char *bug)
{
    const char *source = planted;
    const size_t global = 16;
    struct clg_buf p;
    cl_int code;
    clg_plan_begin(&plan, device);
    TRY(clg_plan_add(&plan, &p, CLG_I32, 16, "driver"));
    TRY(clg_plan_commit(&plan));
    cl_program program = clCreateProgramWithSource(device->context, 1, &source, NULL, &code);
    clBuildProgram(program, 1, &device->id, "-cl-std=CL1.2", NULL, NULL);
    cl_kernel kernel = clCreateKernel(program, bug, &code);
    if (code != CL_SUCCESS) {
        fprintf(stderr, "driver: no kernel %s: %s\n", bug, clg_cl_name(code));
        exit(1);
    }
    clSetKernelArg(kernel, 0, sizeof p.mem, &p.mem);
    clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &global, NULL, 0, NULL, NULL);
    TRY(clg_device_finish(device));
    clReleaseKernel(kernel);
    clReleaseProgram(program);
    release();
}

/* ---------------------------------------------------- without a barrier */

static struct {
    const char *file;
    int number;  /* from 1; 0: none is left out */
    int removed; /* programs built so */
} without;

/* Whether the line at `at` ends a stretch of the work-group's work. */
static int is_barrier(const char *at)
{
    at += strspn(at, " ");
    return strncmp(at, "barrier(", 8) == 0 || strncmp(at, "LOCAL_SYNC;", 11) == 0;
}

/* Turns barrier number without.number of without.file into blanks; 0 where text has none such.
 * #line tells which file a line is of. */
static int blank_barrier(char *text)
{
    char marker[64];
    int inside = 0, number = 0;
    snprintf(marker, sizeof marker, "\"%s\"", without.file);
    for (char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        const size_t length = strcspn(at, "\n");
        if (strncmp(at, "#line ", 6) == 0) {
            const char *name = strchr(at, '"');
            inside = name && strncmp(name, marker, strlen(marker)) == 0;
        } else if (inside && is_barrier(at) && ++number == without.number) {
            memset(at, ' ', length);
            return 1;
        }
    }
    return 0;
}

/* text without the barrier; NULL where it has none such.  The caller frees it. */
static char *without_barrier(const char *text)
{
    char *changed = malloc(strlen(text) + 1);
    if (!changed)
        exit(1);
    memcpy(changed, text, strlen(text) + 1);
    if (blank_barrier(changed)) {
        without.removed++;
        return changed;
    }
    free(changed);
    return NULL;
}

/* Oclgrind 21.10 does not count what clEnqueueFillBuffer wrote as written: it is given a copy of
 * the pattern instead. */
cl_int __wrap_clEnqueueFillBuffer(cl_command_queue queue, cl_mem mem, const void *pattern,
                                  size_t pattern_size, size_t offset, size_t size, cl_uint waits,
                                  const cl_event *wait, cl_event *event);
cl_int __wrap_clEnqueueFillBuffer(cl_command_queue queue, cl_mem mem, const void *pattern,
                                  size_t pattern_size, size_t offset, size_t size, cl_uint waits,
                                  const cl_event *wait, cl_event *event)
{
    char *filled = malloc(size);
    if (!filled)
        return CL_OUT_OF_HOST_MEMORY;
    for (size_t at = 0; at < size; at += pattern_size)
        memcpy(filled + at, pattern, pattern_size);
    cl_int code =
        clEnqueueWriteBuffer(queue, mem, CL_TRUE, offset, size, filled, waits, wait, event);
    free(filled);
    return code;
}

/* Every program's source passes here (CMakeLists.txt). */
cl_program __real_clCreateProgramWithSource(cl_context context, cl_uint count, const char **texts,
                                            const size_t *lengths, cl_int *code);
cl_program __wrap_clCreateProgramWithSource(cl_context context, cl_uint count, const char **texts,
                                            const size_t *lengths, cl_int *code);
cl_program __wrap_clCreateProgramWithSource(cl_context context, cl_uint count, const char **texts,
                                            const size_t *lengths, cl_int *code)
{
    char *changed = without.number ? without_barrier(texts[0]) : NULL;
    if (!changed)
        return __real_clCreateProgramWithSource(context, count, texts, lengths, code);
    const char *text = changed;
    cl_program program = __real_clCreateProgramWithSource(context, 1, &text, NULL, code);
    free(changed);
    return program;
}

/* What launches the kernels that have barriers; one product goes over several tiles of its depth.
 */
static void run_without(const char *file, int number)
{
    struct tensors t;
    without.file = file;
    without.number = number;
    if (strncmp(file, "resident", 8) == 0) {
        run_one_network("group");
    } else if (strncmp(file, "local_head", 10) == 0 || strncmp(file, "local_learn", 11) == 0) {
        run_one_network("fused_local");
    } else {
        make(&t, 3, 33, 3);
        run_products(&t, 0, 3, 33, 3);
        TRY(ops->score(device, &t.stats, &t.hits, &t.row_loss, &t.y, &t.labels, 3, 3,
                       CLG_TARGET_CLASS));
        TRY(ops->square_sum(device, &t.stats, &t.scratch, &t.dW, t.dW.count, 1));
        TRY(clg_device_finish(device));
        release();
    }
    if (!without.removed) {
        fprintf(stderr, "driver: kernels/%s has no barrier %d here\n", file, number);
        exit(1);
    }
}

static void run_part(const char *part)
{
    if (strcmp(part, "operations") == 0)
        run_sizes(0);
    else if (strcmp(part, "products") == 0)
        run_sizes(1);
    else if (!run_steps(part))
        run_planted(part);
}

int main(int argc, char **argv)
{
    const int leaves_out = argc == 4 && strcmp(argv[1], "without") == 0;
    if (argc != 2 && !leaves_out) {
        fprintf(stderr,
                "usage: kernel_driver operations|products|fused|fused_local|samples|units|group\n"
                "       kernel_driver race|uninitialized|bounds\n"
                "       kernel_driver without FILE N\n");
        return 2;
    }
    TRY(clg_device_open(&device, NULL, NULL));
    printf("driver: on %s\n", clg_device_describe(device)->name);
    if (leaves_out)
        run_without(argv[2], (int)strtol(argv[3], NULL, 10));
    else
        run_part(argv[1]);
    clg_device_close(device);
    puts("driver: done");
    return 0;
}
