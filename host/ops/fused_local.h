/* What fused.c and fused_learn.c take from fused_local.c on devices with local memory of its own.
 * Private to fused*.c. */
#ifndef CLG_OPS_FUSED_LOCAL_H
#define CLG_OPS_FUSED_LOCAL_H

#include "ops/fused.h"
#include "ops/local.h"

/* clg_prepared_make with the macros of a tile behind the options. */
clg_status clg_local_prepare(struct clg_prepared *prepared, clg_device *device, const char *program,
                             const char *options, const char *name, int tile);

/* Rows of a group of the head, and its launch. */
int clg_local_head_rows(const clg_device *device, int B);
clg_status clg_local_launch_head(struct clg_args *args, int B);

/* The one tile of all layers in learn, and clg_fused_jobs with jobs of that size. */
int clg_local_learn_tile(const clg_device *device, const struct clg_fused_net *net);
clg_status clg_local_jobs(int32_t **jobs, int *count, const clg_device *device,
                          const struct clg_fused_net *net);

#endif
