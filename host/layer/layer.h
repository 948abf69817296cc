/* What the layer and a recording agree on.  The recording finds the layer, where the loader has it,
 * by asking for an extension function of this name. */
#ifndef CLG_LAYER_LAYER_H
#define CLG_LAYER_LAYER_H

#include <CL/cl.h>

#define CLG_LAYER_FUNCTION "clgradSeeKernels"

/* Sees a kernel that this thread has just enqueued: its name, and its event (borrowed). */
typedef void(CL_CALLBACK *clg_layer_kernel_fn)(void *user, const char *kernel, cl_event event);

/* From here on the calling thread's kernels are shown to see; NULL: to nobody. */
typedef void(CL_CALLBACK *clg_layer_see_fn)(clg_layer_kernel_fn see, void *user);

#endif
