/* The kernels that a product of another library consists of, by name, where the loader has our
 * layer (layer/layer.h). */
#ifndef CLG_PROFILE_INNER_H
#define CLG_PROFILE_INNER_H

#include "device/device.h"
#include "layer/layer.h"

enum { CLG_INNERS = 32, CLG_INNER_NAMES = 32, CLG_INNER_NAME = 40 };

struct clg_inner {
    const char *name; /* "sgemm/Xgemm"; lives as long as the list */
    cl_event event;
    double called, returned; /* by the host's clock; called is when the one before returned */
};

/* Kernels that were enqueued since the list was last emptied. */
struct clg_inners {
    clg_layer_see_fn see; /* NULL: there is no layer, and the list stays empty */
    struct clg_inner inner[CLG_INNERS];
    int count, lost; /* lost: beyond the list */
    char name[CLG_INNER_NAMES][CLG_INNER_NAME];
    int names;
};

/* Sees this thread's kernels from here on.  *out is NULL where there is no layer. */
clg_status clg_inners_begin(struct clg_inners **out, const clg_device *device);
void clg_inners_end(struct clg_inners *inners); /* NULL is accepted; names stay */

/* Empties the list; what it holds is released. */
void clg_inners_forget(struct clg_inners *inners);

/* The one that does the work, which the others prepare: a product; the last where none is. */
int clg_inners_main(const struct clg_inners *inners);

#endif
