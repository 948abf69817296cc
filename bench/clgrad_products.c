/* Our matrix products beside a BLAS's, interleaved in one process: the shapes that the standard
 * cases have, each in the three forms that a training step uses.  Every result is compared with a
 * product in double at random elements, to the bit, before it is timed.  Prints one JSON line a
 * product.
 *
 *     clgrad_products [--device NAME] [--blas LIBRARY] [--threads 2] [--rounds 9]
 *
 * LIBRARY is any shared library with cblas_sgemm: OpenBLAS, or the copy inside NumPy's wheel.
 * Without it only ours are timed.  Leaves out whole steps, where panels are cold: clgrad_bench. */
#define _POSIX_C_SOURCE 200809L
#include "ops/matmul.h"

#include "device/launch.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHECKED = 512, MOST_ROUNDS = 99, ROW_MAJOR = 101, PLAIN = 111, TURNED = 112 };

#define SAMPLE_S 0.03     /* seconds that one timed sample should take */
#define PAUSE_NS 3000000L /* longer than a BLAS's worker spins, see OPENBLAS_THREAD_TIMEOUT */

typedef void (*sgemm32)(int, int, int, int, int, int, float, const float *, int, const float *, int,
                        float, float *, int);
typedef void (*sgemm64)(int, int, int, int64_t, int64_t, int64_t, float, const float *, int64_t,
                        const float *, int64_t, float, float *, int64_t);

/* Builds of OpenBLAS differ in the names they export and in the width of their integers. */
struct blas {
    sgemm32 narrow;
    sgemm64 wide; /* at most one of the two is there */
};

struct product {
    const char *name;
    int M, N, K;
    enum clg_form form;
    double *a, *b, *c;   /* dense; c (M,N) is the device's result */
    float *fa, *fb, *fc; /* the BLAS's */
    struct clg_buf A, B, C;
};

static const struct {
    const char *name;
    int M, N, K;
} shapes[] = {
    {"forward b", 64, 128, 784},           {"forward c1", 128, 512, 784},
    {"forward, delta c2", 128, 512, 512},  {"square", 512, 512, 512},
    {"forward, delta d", 512, 2048, 2048}, {"gradient b", 784, 128, 64},
    {"gradient c1", 784, 512, 128},        {"gradient d", 2048, 2048, 512},
};
static const char *const form_names[] = {[CLG_NN] = "NN", [CLG_NT] = "NT", [CLG_TN] = "TN"};

static _Noreturn void die(const char *what, const char *detail)
{
    fprintf(stderr, "clgrad_products: %s%s\n", what, detail);
    exit(2);
}

static void must(clg_status status)
{
    if (status != CLG_OK)
        die(clg_last_error(), "");
}

static void *room(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        die("out of memory", "");
    return memory;
}

/* The function of that name, 0 where the library has none: C has no cast from void * to it. */
static int find(void *function, void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static void open_blas(struct blas *blas, const char *path, int threads)
{
    static const char *const sets[] = {"scipy_openblas_set_num_threads64_",
                                       "scipy_openblas_set_num_threads",
                                       "openblas_set_num_threads64_", "openblas_set_num_threads"};
    void (*set_threads)(int) = NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        die("--blas: ", dlerror());
    if (!find(&blas->wide, library, "scipy_cblas_sgemm64_") &&
        !find(&blas->wide, library, "cblas_sgemm64_") &&
        !find(&blas->narrow, library, "scipy_cblas_sgemm") &&
        !find(&blas->narrow, library, "cblas_sgemm"))
        die("--blas: has no cblas_sgemm: ", path);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (find(&set_threads, library, sets[i])) {
            set_threads(threads);
            return;
        }
}

/* Rows and columns of A and B as they are stored. */
static void stored(int size[4], const struct product *p)
{
    size[0] = p->form == CLG_TN ? p->K : p->M;
    size[1] = p->form == CLG_TN ? p->M : p->K;
    size[2] = p->form == CLG_NT ? p->N : p->K;
    size[3] = p->form == CLG_NT ? p->K : p->N;
}

static void run_blas(const struct blas *blas, const struct product *p)
{
    int size[4], ta = p->form == CLG_TN ? TURNED : PLAIN, tb = p->form == CLG_NT ? TURNED : PLAIN;
    stored(size, p);
    if (blas->wide)
        blas->wide(ROW_MAJOR, ta, tb, p->M, p->N, p->K, 1, p->fa, size[1], p->fb, size[3], 0, p->fc,
                   p->N);
    else
        blas->narrow(ROW_MAJOR, ta, tb, p->M, p->N, p->K, 1, p->fa, size[1], p->fb, size[3], 0,
                     p->fc, p->N);
}

static void run_ours(clg_device *device, struct product *p)
{
    must(clg_matmul_native(device, &p->C, &p->A, &p->B, p->M, p->N, p->K, p->form));
}

/* Sixteenths in -1..1: sums of up to 65,536 of their products are exact in a float in any order. */
static void draw(double *values, float *floats, size_t count)
{
    static uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        floats[i] = (float)((int)((state >> 40) % 33) - 16) / 16;
        values[i] = (double)floats[i];
    }
}

static void make(struct product *p, clg_device *device)
{
    struct clg_plan plan;
    int size[4];
    stored(size, p);
    size_t na = (size_t)size[0] * (size_t)size[1], nb = (size_t)size[2] * (size_t)size[3];
    size_t nc = (size_t)p->M * (size_t)p->N;
    p->a = room(na, sizeof *p->a);
    p->b = room(nb, sizeof *p->b);
    p->c = room(nc, sizeof *p->c);
    p->fa = room(na, sizeof *p->fa);
    p->fb = room(nb, sizeof *p->fb);
    p->fc = room(nc, sizeof *p->fc);
    draw(p->a, p->fa, na);
    draw(p->b, p->fb, nb);
    clg_plan_begin(&plan, device);
    must(clg_plan_matrix(&plan, &p->A, size[0], size[1], "A"));
    must(clg_plan_matrix(&plan, &p->B, size[2], size[3], "B"));
    must(clg_plan_matrix(&plan, &p->C, p->M, p->N, "C"));
    must(clg_plan_commit(&plan));
    must(clg_matrix_upload(&p->A, p->a, size[0], size[1]));
    must(clg_matrix_upload(&p->B, p->b, size[2], size[3]));
}

static void drop(struct product *p)
{
    clg_buf_release(&p->A);
    clg_buf_release(&p->B);
    clg_buf_release(&p->C);
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->fa);
    free(p->fb);
    free(p->fc);
}

/* Sum of a_k b_k at (i,j), exact. */
static double exact_at(const struct product *p, int i, int j)
{
    int size[4];
    double sum = 0;
    stored(size, p);
    for (int k = 0; k < p->K; k++) {
        size_t at_a = p->form == CLG_TN ? (size_t)k * (size_t)size[1] + (size_t)i
                                        : (size_t)i * (size_t)size[1] + (size_t)k;
        size_t at_b = p->form == CLG_NT ? (size_t)j * (size_t)size[3] + (size_t)k
                                        : (size_t)k * (size_t)size[3] + (size_t)j;
        sum += p->a[at_a] * p->b[at_b];
    }
    return sum;
}

/* Both results at CHECKED elements, the four corners among them; ours 1, the BLAS's 2, or 0. */
static int wrong(const struct product *p, int with_blas)
{
    uint32_t state = 1;
    for (int n = 0; n < CHECKED; n++) {
        state = state * 1664525u + 1013904223u;
        int i = n < 4 ? n / 2 * (p->M - 1) : (int)((state >> 8) % (uint32_t)p->M);
        state = state * 1664525u + 1013904223u;
        int j = n < 4 ? n % 2 * (p->N - 1) : (int)((state >> 8) % (uint32_t)p->N);
        size_t at = (size_t)i * (size_t)p->N + (size_t)j;
        double want = exact_at(p, i, j);
        if (!(p->c[at] == want))
            return 1;
        if (with_blas && !((double)p->fc[at] == want))
            return 2;
    }
    return 0;
}

/* Seconds of one of `count` products in a row; blas NULL: ours. */
static double sample(const struct blas *blas, clg_device *device, struct product *p, int count)
{
    double start = clg_clock();
    for (int i = 0; i < count; i++)
        if (blas)
            run_blas(blas, p);
        else
            run_ours(device, p);
    if (!blas)
        must(clg_device_finish(device));
    return (clg_clock() - start) / count;
}

static void rest(void)
{
    struct timespec pause = {0, PAUSE_NS};
    nanosleep(&pause, NULL);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median and the best of both sides; theirs is 0 without a BLAS. */
static void measure(double ours[2], double theirs[2], const struct blas *blas, clg_device *device,
                    struct product *p, int rounds)
{
    double mine[MOST_ROUNDS], other[MOST_ROUNDS];
    sample(NULL, device, p, 2);
    int count = (int)(SAMPLE_S / sample(NULL, device, p, 2)) + 1, blas_count = 1;
    if (blas) {
        sample(blas, device, p, 2);
        blas_count = (int)(SAMPLE_S / sample(blas, device, p, 2)) + 1;
    }
    for (int r = 0; r < rounds; r++) {
        mine[r] = sample(NULL, device, p, count);
        other[r] = blas ? sample(blas, device, p, blas_count) : 0;
        if (blas)
            rest();
    }
    qsort(mine, (size_t)rounds, sizeof *mine, by_size);
    qsort(other, (size_t)rounds, sizeof *other, by_size);
    ours[0] = mine[rounds / 2];
    ours[1] = mine[0];
    theirs[0] = other[rounds / 2];
    theirs[1] = other[0];
}

static void report(const struct blas *blas, clg_device *device, struct product *p, int rounds)
{
    double ours[2] = {0}, theirs[2] = {0}, flops = 2e-9 * p->M * (double)p->N * p->K;
    run_ours(device, p);
    must(clg_matrix_download(&p->C, p->c, p->M, p->N));
    if (blas)
        run_blas(blas, p);
    int bad = wrong(p, blas != NULL);
    if (!bad)
        measure(ours, theirs, blas, device, p, rounds);
    printf(
        "{\"name\": \"%s\", \"form\": \"%s\", \"m\": %d, \"n\": %d, \"k\": %d, \"wrong\": \"%s\"",
        p->name, form_names[p->form], p->M, p->N, p->K,
        bad == 0   ? ""
        : bad == 1 ? "clgrad"
                   : "blas");
    if (!bad)
        printf(", \"gflops\": %.1f", flops / ours[0]);
    if (!bad && blas)
        printf(", \"blas_gflops\": %.1f, \"ratio\": %.3f, \"best_ratio\": %.3f", flops / theirs[0],
               theirs[0] / ours[0], theirs[1] / ours[1]);
    printf("}\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *selector = NULL, *path = NULL;
    int threads = 2, rounds = 9;
    struct blas blas = {0};
    clg_device *device;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            die("a value is missing after ", argv[i]);
        if (strcmp(argv[i], "--device") == 0)
            selector = argv[i + 1];
        else if (strcmp(argv[i], "--blas") == 0)
            path = argv[i + 1];
        else if (strcmp(argv[i], "--threads") == 0)
            threads = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--rounds") == 0)
            rounds = atoi(argv[i + 1]);
        else
            die("unknown option ", argv[i]);
    }
    if (threads < 1 || rounds < 1 || rounds > MOST_ROUNDS)
        die("--threads wants 1 or more, --rounds 1 to 99", "");
    if (path)
        open_blas(&blas, path, threads);
    must(clg_device_open(&device, selector, NULL));
    if (device->kind == CLG_REFERENCE)
        die("--device ref: the reference has no product of OpenCL", "");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int form = CLG_NN; form <= CLG_TN; form++) {
            struct product p = {.name = shapes[s].name,
                                .M = shapes[s].M,
                                .N = shapes[s].N,
                                .K = shapes[s].K,
                                .form = (enum clg_form)form};
            make(&p, device);
            report(path ? &blas : NULL, device, &p, rounds);
            drop(&p);
        }
    clg_device_close(device);
    return 0;
}
