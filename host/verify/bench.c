/* Operands between guard zones, and the numbers in them.  Which operations run on them is cases.c's
 * affair. */
#include "verify/bench.h"

#include "core/memory.h"
#include "core/rng.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 64 };

/* Stands in the guards of every element type; a float and a double hold it exactly. */
static const double guard_real = -20051.25;
static const int32_t guard_integer = -20051;
static const uint8_t guard_byte = 0xA5;

const char *const clg_draw_names[CLG_DRAWS] = {
    [CLG_DRAW_NORMAL] = "normal",       [CLG_DRAW_TIES] = "ties",
    [CLG_DRAW_SATURATED] = "saturated", [CLG_DRAW_MIXED] = "mixed",
    [CLG_DRAW_LARGE] = "large",         [CLG_DRAW_SMALL] = "small",
    [CLG_DRAW_DENORMAL] = "denormal",
};

static uint64_t seed_of(const struct clg_bench *bench)
{
    const clg_verify_options *options = bench->tally->options;
    return options && options->seed ? options->seed : 1;
}

void clg_bench_begin(struct clg_bench *bench, enum clg_draw draw)
{
    assert(bench->operands == 0 && bench->blocks == 0);
    bench->drawing++;
    bench->drawn = 0;
    bench->draw = draw;
    snprintf(bench->tally->note, sizeof bench->tally->note, "%s%s, seed %llu, draw %u",
             bench->route ? bench->route : "", clg_draw_names[draw],
             (unsigned long long)seed_of(bench), bench->drawing);
}

double clg_bench_uniform(struct clg_bench *bench)
{
    return clg_uniform(seed_of(bench), CLG_STREAM_TEST, bench->drawing, bench->drawn++);
}

double clg_bench_number_as(struct clg_bench *bench, enum clg_draw draw)
{
    static const double size[CLG_DRAWS] = {
        [CLG_DRAW_NORMAL] = 1,   [CLG_DRAW_SATURATED] = 60, [CLG_DRAW_MIXED] = 1,
        [CLG_DRAW_LARGE] = 1e12, [CLG_DRAW_SMALL] = 1e-15,  [CLG_DRAW_DENORMAL] = 1e-39,
    };
    if (draw == CLG_DRAW_TIES)
        return 0.5 * floor(5 * clg_bench_uniform(bench) - 2);
    double number =
        clg_normal(seed_of(bench), CLG_STREAM_TEST, bench->drawing, bench->drawn++) * size[draw];
    return draw == CLG_DRAW_MIXED ? number * pow(10, 16 * clg_bench_uniform(bench) - 8) : number;
}

double clg_bench_number(struct clg_bench *bench)
{
    return clg_bench_number_as(bench, bench->draw);
}

clg_status clg_bench_numbers(struct clg_bench *bench, double **out, size_t count)
{
    assert(bench->blocks < CLG_MOST_DRAWN);
    CLG_TRY(clg_alloc(out, count, sizeof **out, "verification"));
    bench->block[bench->blocks++] = *out;
    for (size_t i = 0; i < count; i++)
        (*out)[i] = clg_bench_number(bench);
    return CLG_OK;
}

/* Writes what stands in guards over count elements from first on. */
static clg_status write_guard(struct clg_buf *whole, size_t first, size_t count)
{
    double *real = NULL;
    clg_status status;
    CLG_TRY(clg_alloc(&real, count, sizeof *real, "verification"));
    int32_t *integer = (int32_t *)(void *)real;
    if (whole->elem == CLG_REAL) {
        for (size_t i = 0; i < count; i++)
            real[i] = guard_real;
        status = clg_real_upload(whole, real, first, count);
    } else if (whole->elem == CLG_I32) {
        for (size_t i = 0; i < count; i++)
            integer[i] = guard_integer;
        status = clg_buf_upload(whole, integer, first, count);
    } else {
        memset(real, guard_byte, count);
        status = clg_buf_upload(whole, real, first, count);
    }
    free(real);
    return status;
}

static int is_guard(const struct clg_buf *whole, const void *data, size_t i)
{
    if (whole->elem == CLG_REAL)
        return ((const double *)data)[i] == guard_real;
    if (whole->elem == CLG_I32)
        return ((const int32_t *)data)[i] == guard_integer;
    return ((const uint8_t *)data)[i] == guard_byte;
}

static clg_status check_guard(struct clg_bench *bench, const struct clg_guarded *guarded,
                              size_t first, size_t count)
{
    const struct clg_buf *whole = &guarded->whole;
    double *data = NULL;
    CLG_TRY(clg_alloc(&data, count, sizeof *data, "verification"));
    clg_status status = whole->elem == CLG_REAL ? clg_real_download(whole, data, first, count)
                                                : clg_buf_download(whole, data, first, count);
    for (size_t i = 0; i < count && status == CLG_OK; i++) {
        if (is_guard(whole, data, i))
            continue;
        if (first < guarded->front)
            clg_tally_fault(bench->tally, "%s: wrote %zu elements in front of it", guarded->name,
                            guarded->front - first - i);
        else
            clg_tally_fault(bench->tally, "%s: wrote %zu elements behind its last", guarded->name,
                            i + 1);
        break;
    }
    free(data);
    return status;
}

void clg_bench_note_failed(struct clg_bench *bench, const char *operation)
{
    static const char *const products[] = {"dense_fwd", "delta_bwd", "grad"};
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        if (bench->way < CLG_WAYS && strcmp(operation, products[i]) == 0) {
            bench->found.failed |= 1u << bench->way;
            return;
        }
    if (bench->form < CLG_PLAN_FORMS)
        bench->found.failed_forms |= 1u << bench->form;
    else
        clg_routes_add(&bench->found, operation);
}

clg_status clg_bench_end(struct clg_bench *bench, clg_status status)
{
    for (int i = 0; i < bench->operands && status == CLG_OK; i++) {
        const struct clg_guarded *guarded = &bench->guarded[i];
        status = check_guard(bench, guarded, 0, guarded->front);
        if (status == CLG_OK)
            status = check_guard(bench, guarded, guarded->front + guarded->count, GUARD);
    }
    for (int i = 0; i < bench->operands; i++) {
        clg_buf_release(&bench->guarded[i].view);
        clg_buf_release(&bench->guarded[i].whole);
    }
    for (int i = 0; i < bench->blocks; i++)
        free(bench->block[i]);
    bench->operands = 0;
    bench->blocks = 0;
    clg_tally_close(bench->tally);
    if (bench->tally->now.failed)
        clg_bench_note_failed(bench, bench->tally->operation);
    return status;
}

static clg_status place(struct clg_bench *bench, struct clg_buf **out, const char *name,
                        enum clg_elem elem, size_t count)
{
    struct clg_plan plan;
    size_t align = clg_view_align(bench->device, elem);
    assert(bench->operands < CLG_MOST_GUARDED);
    struct clg_guarded *guarded = &bench->guarded[bench->operands];
    memset(guarded, 0, sizeof *guarded);
    guarded->name = name;
    guarded->front = (GUARD + align - 1) / align * align;
    guarded->count = count;
    clg_plan_begin(&plan, bench->device);
    CLG_TRY(
        clg_plan_add(&plan, &guarded->whole, elem, guarded->front + count + GUARD, "verification"));
    CLG_TRY(clg_plan_commit(&plan));
    bench->operands++;
    CLG_TRY(write_guard(&guarded->whole, 0, guarded->front));
    CLG_TRY(write_guard(&guarded->whole, guarded->front + count, GUARD));
    *out = &guarded->view;
    return clg_buf_view(*out, &guarded->whole, guarded->front, count);
}

/* values, or count times NaN kept until the case's end. */
static clg_status or_nan(struct clg_bench *bench, const double **values, size_t count)
{
    double *nan;
    if (*values)
        return CLG_OK;
    CLG_TRY(clg_bench_numbers(bench, &nan, count));
    for (size_t i = 0; i < count; i++)
        nan[i] = (double)NAN;
    *values = nan;
    return CLG_OK;
}

clg_status clg_bench_matrix(struct clg_bench *bench, struct clg_buf **out, const char *name,
                            int rows, int columns, const double *values)
{
    size_t count =
        (size_t)clg_height(bench->device, rows) * (size_t)clg_stride(bench->device, columns);
    CLG_TRY(place(bench, out, name, CLG_REAL, count));
    CLG_TRY(or_nan(bench, &values, (size_t)rows * (size_t)columns));
    return clg_matrix_upload(*out, values, rows, columns);
}

clg_status clg_bench_weights(struct clg_bench *bench, struct clg_buf **out, const char *name, int O,
                             int I, const double *values)
{
    CLG_TRY(place(bench, out, name, CLG_REAL, clg_weights_size(bench->device, O, I)));
    (*out)->transposed = clg_weights_transposed(bench->device);
    CLG_TRY(or_nan(bench, &values, (size_t)O * (size_t)I));
    return clg_matrix_upload(*out, values, O, I);
}

clg_status clg_bench_vector(struct clg_bench *bench, struct clg_buf **out, const char *name,
                            size_t count, const double *values)
{
    CLG_TRY(place(bench, out, name, CLG_REAL, count));
    CLG_TRY(or_nan(bench, &values, count));
    return clg_real_upload(*out, values, 0, count);
}

clg_status clg_bench_integers(struct clg_bench *bench, struct clg_buf **out, const char *name,
                              size_t count, const int32_t *values)
{
    CLG_TRY(place(bench, out, name, CLG_I32, count));
    return values ? clg_buf_upload(*out, values, 0, count) : write_guard(*out, 0, count);
}

clg_status clg_bench_bytes(struct clg_bench *bench, struct clg_buf **out, const char *name,
                           size_t count, const uint8_t *values)
{
    CLG_TRY(place(bench, out, name, CLG_U8, count));
    return clg_buf_upload(*out, values, 0, count);
}

double clg_bench_guard(void)
{
    return guard_real;
}

clg_status clg_bench_part(struct clg_bench *bench, struct clg_buf *part, const struct clg_buf *of,
                          size_t first, size_t count)
{
    const struct clg_guarded *guarded = bench->guarded;
    while (&guarded->view != of)
        guarded++;
    assert(guarded < bench->guarded + bench->operands);
    return clg_buf_view(part, &guarded->whole, guarded->front + first, count);
}

clg_status clg_bench_drawn_matrix(struct clg_bench *bench, struct clg_buf **out, const char *name,
                                  int rows, int columns)
{
    double *values;
    CLG_TRY(clg_bench_numbers(bench, &values, (size_t)rows * (size_t)columns));
    return clg_bench_matrix(bench, out, name, rows, columns, values);
}

clg_status clg_bench_drawn_weights(struct clg_bench *bench, struct clg_buf **out, const char *name,
                                   int O, int I)
{
    double *values;
    CLG_TRY(clg_bench_numbers(bench, &values, (size_t)O * (size_t)I));
    return clg_bench_weights(bench, out, name, O, I, values);
}

clg_status clg_bench_drawn_vector(struct clg_bench *bench, struct clg_buf **out, const char *name,
                                  size_t count)
{
    double *values;
    CLG_TRY(clg_bench_numbers(bench, &values, count));
    return clg_bench_vector(bench, out, name, count, values);
}
