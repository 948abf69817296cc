/* What writing and reading a model file share: its keys and the names of its tensors. */
#ifndef CLG_NET_MODEL_FILE_H
#define CLG_NET_MODEL_FILE_H

#include "net/net.h"
#include "net/tensor_file.h"

#define CLG_KEY_FORMAT "clgrad.format"
#define CLG_KEY_NETWORK "clgrad.network"
#define CLG_KEY_CONFIG "clgrad.config"
#define CLG_KEY_NORMALIZE "clgrad.normalize"
#define CLG_KEY_CLASSES "clgrad.classes"
#define CLG_KEY_IMAGE "clgrad.image" /* "28x28", height first; only for images */
#define CLG_KEY_SEED "clgrad.seed"
#define CLG_KEY_EPOCH "clgrad.epoch"
#define CLG_KEY_STEP "clgrad.step"
#define CLG_KEY_CRC "clgrad.crc32"
#define CLG_KEY_STATE "clgrad.state" /* of a run: train/state.h */

enum { CLG_MODEL_FORMAT = 1, CLG_MODEL_SLABS = 3 };

/* The slabs a network may have, each a set of tensors under a prefix: "" the parameters, then
 * "opt.SLOT." the optimiser's moments. */
struct clg_model_slab {
    char prefix[32];
    double **values; /* (count); the slab in the net */
};

/* The slabs that the optimiser of net asks for, whether they exist or not; returns how many. */
int clg_model_slabs(struct clg_model_slab slab[CLG_MODEL_SLABS], struct clg_net *net);

/* "ref.opt.v.layers.0.bias" */
struct clg_model_name {
    char text[96];
};
struct clg_model_name clg_model_tensor(const char *ref, const char *prefix, int layer, int bias);

/* model_load.c: opens path; a file with clgrad's metadata must be of a known format and whole. */
clg_status clg_model_open(struct clg_tensor_file **out, const char *path);

/* The elements of tensor, all finite floats.  values (count). */
clg_status clg_model_read(double *values, const struct clg_tensor_file *file,
                          const struct clg_tensor *tensor);

#endif
