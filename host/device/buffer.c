/* Device memory: the plan and its budget, allocation, views.  Copies are in transfer.c. */
#include "device/buffer.h"

#include "core/memory.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Zeros are written in words of this many bytes; every allocation is a multiple of it. */
enum { FILL_SIZE = 4 };

clg_status clg_weights_view(struct clg_buf *view, const struct clg_buf *parent, size_t first, int O,
                            int I)
{
    CLG_TRY(clg_buf_view(view, parent, first, clg_weights_size(parent->device, O, I)));
    view->transposed = clg_weights_transposed(parent->device);
    return CLG_OK;
}

void clg_plan_begin(struct clg_plan *plan, clg_device *device)
{
    memset(plan, 0, sizeof *plan);
    plan->device = device;
}

/* Bytes that count elements take, rounded up to the device's alignment; 0 where they do not fit. */
static size_t buffer_bytes(const clg_device *device, enum clg_elem elem, size_t count)
{
    size_t bytes, align = device->base_align;
    if (!clg_size_mul(&bytes, count, clg_elem_size(device, elem)) || bytes > SIZE_MAX - align)
        return 0;
    return (bytes + align - 1) / align * align;
}

clg_status clg_plan_add(struct clg_plan *plan, struct clg_buf *buf, enum clg_elem elem,
                        size_t count, const char *purpose)
{
    const int room = (int)(sizeof plan->entry / sizeof *plan->entry);
    size_t bytes = buffer_bytes(plan->device, elem, count ? count : 1);
    assert(plan->entries < room);
    (void)room;
    if (bytes == 0 || plan->bytes > UINT64_MAX - bytes)
        return clg_fail(CLG_ENOMEM, "%s: %zu elements are more than memory can address", purpose,
                        count);
    memset(buf, 0, sizeof *buf);
    plan->entry[plan->entries++] = (struct clg_plan_entry){buf, elem, count ? count : 1, purpose};
    plan->bytes += bytes;
    return CLG_OK;
}

clg_status clg_plan_matrix(struct clg_plan *plan, struct clg_buf *buf, int rows, int columns,
                           const char *purpose)
{
    size_t count;
    if (rows > CLG_MOST_ROWS || columns > CLG_MOST_ROWS ||
        !clg_size_mul(&count, (size_t)clg_height(plan->device, rows),
                      (size_t)clg_stride(plan->device, columns)))
        return clg_fail(CLG_ENOMEM, "%s: a matrix of %d x %d is more than can be addressed",
                        purpose, rows, columns);
    return clg_plan_add(plan, buf, CLG_REAL, count, purpose);
}

/* "812.0 MB". */
static const char *bytes_text(char out[32], uint64_t bytes)
{
    double n = (double)bytes;
    if (n < 1e4)
        snprintf(out, 32, "%.0f bytes", n);
    else if (n < 1e6)
        snprintf(out, 32, "%.1f kB", n / 1e3);
    else if (n < 1e10)
        snprintf(out, 32, "%.1f MB", n / 1e6);
    else
        snprintf(out, 32, "%.1f GB", n / 1e9);
    return out;
}

void clg_plan_change(struct clg_plan *plan, const struct clg_buf *buf, size_t count)
{
    for (int i = 0; i < plan->entries; i++) {
        struct clg_plan_entry *entry = &plan->entry[i];
        if (entry->buf != buf)
            continue;
        plan->bytes -= buffer_bytes(plan->device, entry->elem, entry->count);
        entry->count = count;
        if (count)
            plan->bytes += buffer_bytes(plan->device, entry->elem, count);
        else
            memmove(entry, entry + 1, (size_t)(--plan->entries - i) * sizeof *entry);
        return;
    }
}

int clg_plan_fits(const struct clg_plan *plan, uint64_t *left)
{
    const clg_device *device = plan->device;
    const uint64_t room = device->budget > device->bytes ? device->budget - device->bytes : 0;
    *left = plan->bytes < room ? room - plan->bytes : 0;
    for (int i = 0; i < plan->entries; i++)
        if (buffer_bytes(device, plan->entry[i].elem, plan->entry[i].count) >
            device->info.max_allocation)
            return 0;
    return plan->bytes <= room;
}

struct share {
    const char *purpose;
    uint64_t bytes;
};

static int larger_first(const void *a, const void *b)
{
    uint64_t x = ((const struct share *)a)->bytes, y = ((const struct share *)b)->bytes;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* "parameters 100.0 MB, gradients 100.0 MB": the largest purposes of the plan. */
static void largest_purposes(char *out, size_t size, const struct clg_plan *plan)
{
    struct share share[sizeof plan->entry / sizeof *plan->entry];
    int shares = 0;
    size_t length = 0;
    char text[32];
    for (int i = 0; i < plan->entries; i++) {
        const struct clg_plan_entry *entry = &plan->entry[i];
        int at = 0;
        while (at < shares && strcmp(share[at].purpose, entry->purpose) != 0)
            at++;
        if (at == shares)
            share[shares++] = (struct share){entry->purpose, 0};
        share[at].bytes += buffer_bytes(plan->device, entry->elem, entry->count);
    }
    qsort(share, (size_t)shares, sizeof *share, larger_first);
    *out = '\0';
    for (int i = 0; i < shares && i < 4 && length < size; i++)
        length += (size_t)snprintf(out + length, size - length, "%s%s %s", i ? ", " : "",
                                   share[i].purpose, bytes_text(text, share[i].bytes));
}

static clg_status check_budget(const struct clg_plan *plan)
{
    const clg_device *device = plan->device;
    uint64_t left = device->budget > device->bytes ? device->budget - device->bytes : 0;
    char needs[32], allowed[32], purposes[512];
    const char *limit = device->kind == CLG_REFERENCE ? "CLGRAD_HOST_LIMIT" : "CLGRAD_MEM_LIMIT";
    if (plan->bytes > left) {
        largest_purposes(purposes, sizeof purposes, plan);
        return clg_fail(CLG_ENOMEM,
                        "needs %s on %s and %s are allowed (%s): a smaller --batch or --layers, "
                        "or a larger %s",
                        bytes_text(needs, plan->bytes), device->info.name,
                        bytes_text(allowed, left), purposes, limit);
    }
    for (int i = 0; i < plan->entries; i++) {
        const struct clg_plan_entry *entry = &plan->entry[i];
        size_t bytes = buffer_bytes(device, entry->elem, entry->count);
        if (bytes > device->info.max_allocation)
            return clg_fail(CLG_ENOMEM,
                            "%s needs %s in one buffer and %s allows %s: a smaller --batch or "
                            "--layers, or another --device",
                            entry->purpose, bytes_text(needs, bytes), device->info.name,
                            bytes_text(allowed, device->info.max_allocation));
    }
    return CLG_OK;
}

/* Allocates entry's buffer, zero-filled once the queue gets there. */
static clg_status allocate(clg_device *device, const struct clg_plan_entry *entry)
{
    struct clg_buf *buf = entry->buf;
    size_t bytes = buffer_bytes(device, entry->elem, entry->count);
    if (device->kind == CLG_REFERENCE) {
        CLG_TRY(clg_alloc(&buf->host, bytes, 1, entry->purpose));
    } else {
        cl_int code;
        buf->mem = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
        if (code != CL_SUCCESS) {
            buf->mem = NULL;
            return clg_fail_cl(code, "clCreateBuffer", "%s, %zu bytes", entry->purpose, bytes);
        }
    }
    buf->device = device;
    buf->elem = entry->elem;
    buf->count = entry->count;
    device->bytes += bytes;
    device->buffers++;
    return device->kind == CLG_REFERENCE ? CLG_OK : clg_buf_zero(buf);
}

clg_status clg_plan_commit(struct clg_plan *plan)
{
    clg_status status = check_budget(plan);
    if (status != CLG_OK)
        return status;
    for (int i = 0; i < plan->entries && status == CLG_OK; i++)
        status = allocate(plan->device, &plan->entry[i]);
    /* many drivers take memory at its first use: now is the time to hear that there is none */
    if (status == CLG_OK)
        status = clg_device_finish(plan->device);
    if (status != CLG_OK)
        for (int i = 0; i < plan->entries; i++)
            clg_buf_release(plan->entry[i].buf);
    return status;
}

void clg_buf_release(struct clg_buf *buf)
{
    clg_device *device = buf->device;
    if (!device)
        return;
    if (buf->mem && !device->lost)
        clReleaseMemObject(buf->mem);
    if (!buf->is_view) {
        free(buf->host);
        device->bytes -= buffer_bytes(device, buf->elem, buf->count);
        device->buffers--;
    }
    memset(buf, 0, sizeof *buf);
}

clg_status clg_buf_view(struct clg_buf *view, const struct clg_buf *parent, size_t first,
                        size_t count)
{
    assert(parent->device && !parent->is_view);
    assert(count > 0 && first <= parent->count && count <= parent->count - first);
    clg_device *device = parent->device;
    size_t size = clg_elem_size(device, parent->elem);
    struct clg_buf made = {
        .device = device, .elem = parent->elem, .count = count, .offset = first, .is_view = 1};
    memset(view, 0, sizeof *view);
    if (device->kind == CLG_REFERENCE) {
        made.host = (char *)parent->host + first * size;
    } else {
        assert(first % clg_view_align(device, parent->elem) == 0);
        cl_buffer_region region = {first * size, count * size};
        cl_int code;
        made.mem = clCreateSubBuffer(parent->mem, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION,
                                     &region, &code);
        if (code != CL_SUCCESS)
            return clg_fail_cl(code, "clCreateSubBuffer", "bytes %zu to %zu", region.origin,
                               region.origin + region.size);
    }
    *view = made;
    return CLG_OK;
}

clg_status clg_buf_copy(struct clg_buf *to, const struct clg_buf *from, size_t count)
{
    assert(to->device == from->device && to->elem == from->elem);
    assert(count <= to->count && count <= from->count);
    clg_device *device = to->device;
    size_t bytes = count * clg_elem_size(device, to->elem);
    if (bytes == 0)
        return CLG_OK;
    if (device->kind == CLG_REFERENCE) {
        memmove(to->host, from->host, bytes);
        return CLG_OK;
    }
    cl_event event = NULL, *wanted = clg_copy_begin(device, &event);
    CLG_CL(clEnqueueCopyBuffer, (device->queue, from->mem, to->mem, 0, 0, bytes, 0, NULL, wanted));
    clg_copy_end(device, "copy", bytes, event);
    return CLG_OK;
}

clg_status clg_buf_zero(struct clg_buf *buf)
{
    clg_device *device = buf->device;
    size_t bytes = buf->count * clg_elem_size(device, buf->elem);
    if (device->kind == CLG_REFERENCE) {
        memset(buf->host, 0, bytes);
        return CLG_OK;
    }
    /* a buffer is zeroed to its rounded end, a view only as far as it goes */
    const cl_uchar byte = 0;
    const cl_uint word = 0;
    if (!buf->is_view)
        bytes = buffer_bytes(device, buf->elem, buf->count);
    cl_event event = NULL, *wanted = clg_copy_begin(device, &event);
    if (bytes % FILL_SIZE == 0)
        CLG_CL(clEnqueueFillBuffer,
               (device->queue, buf->mem, &word, FILL_SIZE, 0, bytes, 0, NULL, wanted));
    else
        CLG_CL(clEnqueueFillBuffer, (device->queue, buf->mem, &byte, 1, 0, bytes, 0, NULL, wanted));
    clg_copy_end(device, "fill", bytes, event);
    return CLG_OK;
}
