/* Device memory, planned as a whole before the first allocation: a plan collects what is wanted,
 * clg_plan_commit checks the sum against the budget and the largest single buffer, then allocates.
 *
 * Matrices.  A matrix (R,C) of reals lives with clg_height(R) rows of clg_stride(C) elements; the
 * padding is zero at first, kernels may write it, and padded columns stay zero: every kernel that
 * writes a matrix keeps or writes zeros there.  Padded rows may hold anything finite.
 *
 * Weights W (O,I) lie transposed on an OpenCL device, as a matrix (I,O): the forward product and the
 * weight gradient then read and write whole rows of 16 without turning anything round, and only the
 * delta of an inner layer has to.  Uploads and downloads translate, so that elsewhere W is (O,I). */
#ifndef CLG_DEVICE_BUFFER_H
#define CLG_DEVICE_BUFFER_H

#include "device/device.h"

enum clg_elem {
    CLG_REAL, /* float on an OpenCL device, double on the reference */
    CLG_I32,
    CLG_U8
};

struct clg_buf {
    clg_device *device; /* NULL: not allocated */
    enum clg_elem elem;
    size_t count;       /* elements, padding included */
    size_t offset;      /* elements from the start of the parent (views) */
    int is_view;
    int transposed;     /* 1: a matrix (R,C) that lies as (C,R) */
    cl_mem mem;         /* OpenCL; a view is a sub-buffer of its parent */
    void *host;         /* reference */
};

/* Rows or columns of a matrix at most: below it the padding cannot overflow an int. */
enum { CLG_MOST_ROWS = 2147483647 - 512 };

size_t clg_elem_size(const clg_device *device, enum clg_elem elem);

struct clg_plan_entry {
    struct clg_buf *buf;
    enum clg_elem elem;
    size_t count;
    const char *purpose; /* static text: "parameters", "training data", ... */
};
struct clg_plan {
    clg_device *device;
    struct clg_plan_entry entry[192];
    int entries;
    uint64_t bytes;
};

void clg_plan_begin(struct clg_plan *plan, clg_device *device);

/* Asks for count elements; buf is filled by the commit.  A count of 0 is made 1. */
clg_status clg_plan_add(struct clg_plan *plan, struct clg_buf *buf, enum clg_elem elem,
                        size_t count, const char *purpose);

/* Asks for a matrix (rows,columns) of reals. */
clg_status clg_plan_matrix(struct clg_plan *plan, struct clg_buf *buf, int rows, int columns,
                           const char *purpose);

/* Makes an entry's count another one; 0 takes the entry out. */
void clg_plan_change(struct clg_plan *plan, const struct clg_buf *buf, size_t count);

/* Whether the device has room for all of it, and the bytes that would be left. */
int clg_plan_fits(const struct clg_plan *plan, uint64_t *left);

/* Allocates all, zero-filled, or nothing: CLG_ENOMEM states the bytes wanted, the budget, and the
 * largest purposes. */
clg_status clg_plan_commit(struct clg_plan *plan);

/* Releases what buf owns (a view: its handle) and makes it unallocated, which it may be already. */
void clg_buf_release(struct clg_buf *buf);

/* A view of count elements from element `first` of parent (on OpenCL first * size must be a
 * multiple of base_align; clg_view_align gives that in elements).  Released like a buffer, before
 * its parent. */
clg_status clg_buf_view(struct clg_buf *view, const struct clg_buf *parent, size_t first,
                        size_t count);
size_t clg_view_align(const clg_device *device, enum clg_elem elem);

/* Whether weights lie transposed, the elements that (O,I) of them take, padding included, and a view
 * of them. */
int clg_weights_transposed(const clg_device *device);
size_t clg_weights_size(const clg_device *device, int O, int I);
clg_status clg_weights_view(struct clg_buf *view, const struct clg_buf *parent, size_t first, int O,
                            int I);

/* Blocking copies of count elements from element `first` on; elements as they are stored, for reals
 * converted from and to double (upload rounds to float on OpenCL). */
clg_status clg_buf_upload(struct clg_buf *buf, const void *data, size_t first, size_t count);
clg_status clg_buf_download(const struct clg_buf *buf, void *data, size_t first, size_t count);
clg_status clg_real_upload(struct clg_buf *buf, const double *data, size_t first, size_t count);
clg_status clg_real_download(const struct clg_buf *buf, double *data, size_t first, size_t count);

/* The same for a matrix (rows,columns): data is dense, the padding is left out (download) or set to
 * zero (upload). */
clg_status clg_matrix_upload(struct clg_buf *buf, const double *data, int rows, int columns);
clg_status clg_matrix_download(const struct clg_buf *buf, double *data, int rows, int columns);

/* Enqueued, not waited for: count elements of from to the start of to. */
clg_status clg_buf_copy(struct clg_buf *to, const struct clg_buf *from, size_t count);

/* Around a copy that the device's on_copy is to be told of: where its event goes (NULL: no event is
 * wanted), and what was copied. */
cl_event *clg_copy_begin(clg_device *device, cl_event *event);
void clg_copy_end(clg_device *device, const char *what, size_t bytes, cl_event event);

/* Enqueued: zeros everywhere. */
clg_status clg_buf_zero(struct clg_buf *buf);

#endif
