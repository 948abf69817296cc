/* Tests of device memory that both kinds of device must pass: what comes back is what went in, the
 * padding is zero, nothing stays behind, and a plan beyond the budget allocates nothing. */
#include "harness_buffer.h"

#include "device/buffer.h"
#include "harness.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_empty(const clg_device *device)
{
    uint64_t bytes;
    int buffers;
    clg_device_usage(device, &bytes, &buffers);
    ck_assert_uint_eq(bytes, 0);
    ck_assert_int_eq(buffers, 0);
}

/* One buffer of count elements. */
static void make(struct clg_buf *buf, clg_device *device, enum clg_elem elem, size_t count)
{
    struct clg_plan plan;
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, buf, elem, count, "test data"));
    ck_ok(clg_plan_commit(&plan));
}

static void make_matrix(struct clg_buf *buf, clg_device *device, int rows, int columns)
{
    struct clg_plan plan;
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_matrix(&plan, buf, rows, columns, "test data"));
    ck_ok(clg_plan_commit(&plan));
}

/* Numbers that a float holds, so that they come back as they went. */
static double *numbers(size_t count, uint32_t seed)
{
    double *data = malloc(count * sizeof *data);
    ck_assert_ptr_nonnull(data);
    uint32_t state = seed;
    for (size_t i = 0; i < count; i++) { /* Numerical Recipes' generator: quick, and never 0 here */
        state = state * 1664525u + 1013904223u;
        data[i] = (double)(state >> 8) + 1;
    }
    return data;
}

void harness_buffer_zeroed(clg_device *device)
{
    struct clg_buf word, bytes;
    struct clg_plan plan;
    int32_t words[3] = {1, 2, 3}, nothing[3] = {0, 0, 0};
    unsigned char byte[7];
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, &word, CLG_I32, 3, "words"));
    ck_ok(clg_plan_add(&plan, &bytes, CLG_U8, 7, "bytes"));
    ck_assert_uint_eq(plan.bytes, 2 * device->base_align);
    ck_ok(clg_plan_commit(&plan));
    ck_assert_int_eq(device->buffers, 2);
    ck_assert_uint_eq(device->bytes, plan.bytes);
    ck_ok(clg_buf_download(&word, words, 0, 3));
    ck_assert_mem_eq(words, nothing, sizeof words);
    ck_ok(clg_buf_download(&bytes, byte, 0, 7));
    ck_assert_mem_eq(byte, nothing, sizeof byte);
    memset(byte, 9, sizeof byte);
    ck_ok(clg_buf_upload(&bytes, byte, 0, 7));
    ck_ok(clg_buf_zero(&bytes));
    ck_ok(clg_buf_download(&bytes, byte, 0, 7));
    ck_assert_mem_eq(byte, nothing, sizeof byte);
    clg_buf_release(&word);
    clg_buf_release(&word);
    clg_buf_release(&bytes);
    assert_empty(device);
}

void harness_buffer_copies(clg_device *device)
{
    struct clg_buf from, to;
    int32_t in[5] = {1, -2, 3, -4, INT32_MAX}, out[5] = {0};
    const int32_t part[5] = {7, 1, -2, 3, 0};
    make(&from, device, CLG_I32, 5);
    make(&to, device, CLG_I32, 5);
    ck_ok(clg_buf_upload(&from, in, 0, 5));
    ck_ok(clg_buf_copy(&to, &from, 4));
    ck_ok(clg_buf_download(&to, out, 1, 3));
    ck_assert_mem_eq(out, in + 1, 3 * sizeof *out);
    ck_ok(clg_buf_download(&to, out, 0, 5));
    ck_assert_int_eq(out[4], 0);
    out[0] = 7;
    ck_ok(clg_buf_upload(&to, out, 0, 1));
    ck_ok(clg_buf_upload(&to, in, 1, 3));
    ck_ok(clg_buf_upload(&to, in, 5, 0));
    ck_ok(clg_buf_download(&to, out, 0, 5));
    ck_assert_mem_eq(out, part, sizeof out);
    clg_buf_release(&from);
    clg_buf_release(&to);
    assert_empty(device);
}

void harness_buffer_reals(clg_device *device)
{
    /* more than one staging block, and a rest */
    const size_t count = ((size_t)4 << 20) + 77;
    struct clg_buf buf;
    double *in = numbers(count, 3), *out = numbers(count, 4), third = 1.0 / 3.0, got = 0;
    make(&buf, device, CLG_REAL, count + 3);
    ck_ok(clg_real_upload(&buf, in, 2, count));
    ck_ok(clg_real_download(&buf, out, 2, count));
    ck_assert_mem_eq(out, in, count * sizeof *out);
    ck_ok(clg_real_download(&buf, out, 0, 2));
    ck_assert(out[0] == 0 && out[1] == 0);
    ck_ok(clg_real_download(&buf, out, count + 2, 1));
    ck_assert(out[0] == 0);
    ck_ok(clg_real_upload(&buf, &third, 0, 1));
    ck_ok(clg_real_download(&buf, &got, 0, 1));
    ck_assert(got == (device->kind == CLG_REFERENCE ? third : (double)(float)third));
    clg_buf_release(&buf);
    free(in);
    free(out);
    assert_empty(device);
}

/* A (rows,columns) matrix there and back; behind each row, and behind the last, zeros. */
static void matrix_case(clg_device *device, int rows, int columns)
{
    size_t count = (size_t)rows * (size_t)columns, stride = (size_t)clg_stride(device, columns);
    size_t height = (size_t)clg_height(device, rows);
    struct clg_buf buf;
    double *in = numbers(count, 5), *out = numbers(count, 6), *raw = NULL;
    make_matrix(&buf, device, rows, columns);
    ck_assert_uint_eq(buf.count, height * stride);
    raw = numbers(buf.count, 7);
    ck_ok(clg_real_upload(&buf, raw, 0, buf.count)); /* what was there must go */
    ck_ok(clg_matrix_upload(&buf, in, rows, columns));
    ck_ok(clg_matrix_download(&buf, out, rows, columns));
    ck_assert_mem_eq(out, in, count * sizeof *out);
    ck_ok(clg_real_download(&buf, raw, 0, buf.count));
    for (size_t i = 0; i < buf.count; i++) {
        size_t row = i / stride, column = i % stride;
        int inside = row < (size_t)rows && column < (size_t)columns;
        double want = inside ? in[row * (size_t)columns + column] : 0;
        if (!(raw[i] == want)) /* asserting each of millions would take most of the time */
            ck_abort_msg("%d x %d: element %zu of row %zu is %g, not %g", rows, columns, column,
                         row, raw[i], want);
    }
    clg_buf_release(&buf);
    free(in);
    free(out);
    free(raw);
    assert_empty(device);
}

void harness_buffer_matrix(clg_device *device)
{
    static const int sizes[] = {1, 7, 16, 17, 33, 129, 256};
    const int count = (int)(sizeof sizes / sizeof *sizes);
    for (int r = 0; r < count; r++)
        for (int c = 0; c < count; c++)
            matrix_case(device, sizes[r], sizes[c]);
    matrix_case(device, 2100, 2048); /* rows cut by the staging block's end */
}

void harness_buffer_views(clg_device *device)
{
    struct clg_buf parent, view;
    size_t align = clg_view_align(device, CLG_I32), count = 4 * align + 40;
    int32_t *data = calloc(count, sizeof *data), three[3] = {5, 6, 7}, got[3];
    ck_assert_ptr_nonnull(data);
    make(&parent, device, CLG_I32, count);
    for (size_t i = 0; i < count; i++)
        data[i] = (int32_t)i + 1;
    ck_ok(clg_buf_upload(&parent, data, 0, count));
    ck_ok(clg_buf_view(&view, &parent, 2 * align, 3));
    ck_ok(clg_buf_download(&view, got, 0, 3));
    ck_assert_mem_eq(got, data + 2 * align, sizeof got);
    ck_ok(clg_buf_upload(&view, three, 0, 3));
    memcpy(data + 2 * align, three, sizeof three);
    ck_ok(clg_buf_copy(&parent, &view, 2));
    memcpy(data, three, 2 * sizeof *three);
    ck_assert_int_eq(device->buffers, 1);
    int32_t *all = calloc(count, sizeof *all);
    ck_assert_ptr_nonnull(all);
    ck_ok(clg_buf_download(&parent, all, 0, count));
    ck_assert_mem_eq(all, data, count * sizeof *all);
    ck_ok(clg_buf_zero(&view)); /* the view alone */
    memset(data + 2 * align, 0, sizeof three);
    ck_ok(clg_buf_download(&parent, all, 0, count));
    ck_assert_mem_eq(all, data, count * sizeof *all);
    clg_buf_release(&view);
    clg_buf_release(&parent);
    free(all);
    free(data);
    assert_empty(device);
}

void harness_buffer_budget(clg_device *device)
{
    struct clg_buf small, large, most;
    struct clg_plan plan;
    uint64_t budget = device->budget, unit = device->base_align;
    char purposes[128];
    device->budget = 10 * unit;
    make(&small, device, CLG_U8, 1); /* one unit is taken */
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, &large, CLG_U8, 7 * unit, "parameters"));
    ck_ok(clg_plan_add(&plan, &most, CLG_U8, 2 * unit + 1, "gradients"));
    snprintf(purposes, sizeof purposes, "(parameters %d bytes, gradients %d bytes)", 7 * (int)unit,
             3 * (int)unit);
    ck_fails(clg_plan_commit(&plan), CLG_ENOMEM, purposes);
    snprintf(purposes, sizeof purposes, "needs %d bytes on", 10 * (int)unit);
    ck_assert_ptr_nonnull(strstr(clg_last_error(), purposes));
    snprintf(purposes, sizeof purposes, " and %d bytes are allowed", 9 * (int)unit);
    ck_assert_ptr_nonnull(strstr(clg_last_error(), purposes));
    ck_assert_int_eq(device->buffers, 1);
    ck_assert_ptr_null(large.device);
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, &large, CLG_U8, 7 * unit, "parameters"));
    ck_ok(clg_plan_add(&plan, &most, CLG_U8, 2 * unit, "gradients"));
    ck_ok(clg_plan_commit(&plan));
    ck_assert_uint_eq(device->bytes, 10 * unit);
    clg_buf_release(&small);
    clg_buf_release(&large);
    clg_buf_release(&most);
    device->budget = budget;
    assert_empty(device);
}

void harness_buffer_too_large(clg_device *device)
{
    struct clg_buf buf;
    struct clg_plan plan;
    uint64_t budget = device->budget, largest = device->info.max_allocation;
    clg_plan_begin(&plan, device);
    ck_fails(clg_plan_add(&plan, &buf, CLG_REAL, SIZE_MAX / 2, "slab"), CLG_ENOMEM, "slab");
    ck_fails(clg_plan_matrix(&plan, &buf, 3, INT_MAX, "wide"), CLG_ENOMEM, "wide");
    ck_fails(clg_plan_matrix(&plan, &buf, INT_MAX, 3, "high"), CLG_ENOMEM, "high");
    ck_ok(clg_plan_add(&plan, &buf, CLG_U8, SIZE_MAX - 4096, "vast"));
    ck_fails(clg_plan_add(&plan, &buf, CLG_U8, 8192, "more"), CLG_ENOMEM, "more");
    ck_fails(clg_plan_commit(&plan), CLG_ENOMEM, "vast");
    device->info.max_allocation = 1000;
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, &buf, CLG_U8, 2000, "one slab"));
    ck_fails(clg_plan_commit(&plan), CLG_ENOMEM, "one slab needs");
    device->info.max_allocation = largest;
    device->budget = budget;
    assert_empty(device);
}
