/* Blocking copies between host and device.  Reals are double on the host and float on an OpenCL
 * device; they pass through a staging block, so that the host never holds a second whole copy. */
#include "device/launch.h"

#include "core/memory.h"
#include "device/wait.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Elements of the staging block: 16 MB of floats. */
enum { STAGE = 4 << 20 };

/* A copy that was given up may still go on: its memory stays. */
static void free_stage(const clg_device *device, float *stage)
{
    if (!device->lost)
        free(stage);
}

cl_event *clg_copy_begin(clg_device *device, cl_event *event)
{
    if (!device->on_copy)
        return NULL;
    device->call_began = clg_clock();
    return event;
}

void clg_copy_end(clg_device *device, const char *what, size_t bytes, cl_event event)
{
    if (!event)
        return;
    device->on_copy(device->on_launch_user, what, bytes, event);
    clReleaseEvent(event);
}

static clg_status write_bytes(struct clg_buf *buf, const void *data, size_t offset, size_t bytes)
{
    clg_device *device = buf->device;
    cl_event event = NULL, *wanted = clg_copy_begin(device, &event);
    if (bytes == 0)
        return CLG_OK;
    cl_int code;
    CLG_TRY(clg_wait_write(device, buf->mem, offset, bytes, data, wanted, &code));
    if (code != CL_SUCCESS)
        return clg_fail_cl(code, "clEnqueueWriteBuffer", "%zu bytes", bytes);
    clg_copy_end(device, "write", bytes, event);
    return CLG_OK;
}

static clg_status read_bytes(const struct clg_buf *buf, void *data, size_t offset, size_t bytes)
{
    clg_device *device = buf->device;
    cl_event event = NULL, *wanted = clg_copy_begin(device, &event);
    if (bytes == 0)
        return CLG_OK;
    cl_int code;
    CLG_TRY(clg_wait_read(device, buf->mem, offset, bytes, data, wanted, &code));
    if (code != CL_SUCCESS)
        return clg_fail_cl(code, "clEnqueueReadBuffer", "%zu bytes", bytes);
    clg_copy_end(device, "read", bytes, event);
    return CLG_OK;
}

clg_status clg_buf_upload(struct clg_buf *buf, const void *data, size_t first, size_t count)
{
    size_t size = clg_elem_size(buf->device, buf->elem);
    assert(first <= buf->count && count <= buf->count - first);
    if (buf->device->kind == CLG_OPENCL)
        return write_bytes(buf, data, first * size, count * size);
    if (count)
        memcpy((char *)buf->host + first * size, data, count * size);
    return CLG_OK;
}

clg_status clg_buf_download(const struct clg_buf *buf, void *data, size_t first, size_t count)
{
    size_t size = clg_elem_size(buf->device, buf->elem);
    assert(first <= buf->count && count <= buf->count - first);
    if (buf->device->kind == CLG_OPENCL)
        return read_bytes(buf, data, first * size, count * size);
    if (count)
        memcpy(data, (const char *)buf->host + first * size, count * size);
    return CLG_OK;
}

/* Where a dense matrix lies within one that has padding: elements [at, at + n) of the padded one
 * meet dense rows; each meeting is one run of `length` elements. */
struct layout {
    size_t rows, columns, stride; /* a vector: 1 row, columns = stride */
};
struct run {
    size_t dense, stage, length;
};

/* The run that begins at or behind padded element *at and before end; 0 where there is none.  *at
 * moves behind it. */
static int next_run(struct run *run, const struct layout *layout, size_t *at, size_t start,
                    size_t end)
{
    size_t row = *at / layout->stride, column = *at % layout->stride;
    if (column >= layout->columns) {
        row++;
        column = 0;
    }
    size_t from = row * layout->stride + column;
    if (row >= layout->rows || from >= end)
        return 0;
    size_t length = layout->columns - column;
    if (length > end - from)
        length = end - from;
    *run = (struct run){row * layout->columns + column, from - start, length};
    *at = from + length;
    return 1;
}

/* Elements [0, total) of the padded layout, which starts at element first of buf. */
static clg_status upload_reals(struct clg_buf *buf, const double *data, size_t first, size_t total,
                               const struct layout *layout)
{
    clg_status status = CLG_OK;
    size_t room = total < STAGE ? total : STAGE;
    float *stage = NULL;
    CLG_TRY(clg_alloc(&stage, room, sizeof *stage, "a staging block"));
    for (size_t start = 0; start < total; start += room) {
        size_t end = total - start < room ? total : start + room, at = start;
        struct run run;
        memset(stage, 0, (end - start) * sizeof *stage);
        while (next_run(&run, layout, &at, start, end))
            for (size_t i = 0; i < run.length; i++)
                stage[run.stage + i] = (float)data[run.dense + i];
        CLG_TRY_DONE(write_bytes(buf, stage, (first + start) * sizeof *stage,
                                 (end - start) * sizeof *stage));
    }
done:
    free_stage(buf->device, stage);
    return status;
}

static clg_status download_reals(const struct clg_buf *buf, double *data, size_t first,
                                 size_t total, const struct layout *layout)
{
    clg_status status = CLG_OK;
    size_t room = total < STAGE ? total : STAGE;
    float *stage = NULL;
    CLG_TRY(clg_alloc(&stage, room, sizeof *stage, "a staging block"));
    for (size_t start = 0; start < total; start += room) {
        size_t end = total - start < room ? total : start + room, at = start;
        struct run run;
        CLG_TRY_DONE(
            read_bytes(buf, stage, (first + start) * sizeof *stage, (end - start) * sizeof *stage));
        while (next_run(&run, layout, &at, start, end))
            for (size_t i = 0; i < run.length; i++)
                data[run.dense + i] = (double)stage[run.stage + i];
    }
done:
    free_stage(buf->device, stage);
    return status;
}

clg_status clg_real_upload(struct clg_buf *buf, const double *data, size_t first, size_t count)
{
    assert(buf->elem == CLG_REAL && first <= buf->count && count <= buf->count - first);
    const struct layout vector = {1, count, count};
    if (buf->device->kind == CLG_REFERENCE || count == 0)
        return clg_buf_upload(buf, data, first, count);
    return upload_reals(buf, data, first, count, &vector);
}

clg_status clg_real_download(const struct clg_buf *buf, double *data, size_t first, size_t count)
{
    assert(buf->elem == CLG_REAL && first <= buf->count && count <= buf->count - first);
    const struct layout vector = {1, count, count};
    if (buf->device->kind == CLG_REFERENCE || count == 0)
        return clg_buf_download(buf, data, first, count);
    return download_reals(buf, data, first, count, &vector);
}

/* The layout of a (rows,columns) matrix in buf, and its padded elements in all. */
static size_t matrix_layout(struct layout *out, const struct clg_buf *buf, int rows, int columns)
{
    assert(buf->elem == CLG_REAL && rows > 0 && columns > 0);
    out->rows = (size_t)rows;
    out->columns = (size_t)columns;
    out->stride = (size_t)clg_stride(buf->device, columns);
    size_t total = (size_t)clg_height(buf->device, rows) * out->stride;
    assert(total <= buf->count);
    return total;
}

/* to (columns,rows) = from (rows,columns), turned round. */
static void turn_round(double *to, const double *from, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            to[c * rows + r] = from[r * columns + c];
}

/* A matrix (rows,columns) that lies as (columns,rows). */
static clg_status upload_transposed(struct clg_buf *buf, const double *data, int rows, int columns)
{
    struct clg_buf straight = *buf;
    double *turned;
    CLG_TRY(clg_alloc(&turned, (size_t)rows * (size_t)columns, sizeof *turned, "a matrix"));
    turn_round(turned, data, (size_t)rows, (size_t)columns);
    straight.transposed = 0;
    clg_status status = clg_matrix_upload(&straight, turned, columns, rows);
    free(turned);
    return status;
}

static clg_status download_transposed(const struct clg_buf *buf, double *data, int rows,
                                      int columns)
{
    struct clg_buf straight = *buf;
    double *turned;
    CLG_TRY(clg_alloc(&turned, (size_t)rows * (size_t)columns, sizeof *turned, "a matrix"));
    straight.transposed = 0;
    clg_status status = clg_matrix_download(&straight, turned, columns, rows);
    if (status == CLG_OK)
        turn_round(data, turned, (size_t)columns, (size_t)rows);
    free(turned);
    return status;
}

clg_status clg_matrix_upload(struct clg_buf *buf, const double *data, int rows, int columns)
{
    struct layout layout;
    if (buf->transposed)
        return upload_transposed(buf, data, rows, columns);
    size_t total = matrix_layout(&layout, buf, rows, columns);
    if (buf->device->kind == CLG_REFERENCE)
        return clg_buf_upload(buf, data, 0, total);
    return upload_reals(buf, data, 0, total, &layout);
}

clg_status clg_matrix_download(const struct clg_buf *buf, double *data, int rows, int columns)
{
    struct layout layout;
    if (buf->transposed)
        return download_transposed(buf, data, rows, columns);
    size_t total = matrix_layout(&layout, buf, rows, columns);
    if (buf->device->kind == CLG_REFERENCE)
        return clg_buf_download(buf, data, 0, total);
    /* the padding below the last row need not travel */
    return download_reals(buf, data, 0, layout.rows * layout.stride, &layout);
}
