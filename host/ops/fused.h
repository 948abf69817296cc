/* What fused.c and fused_learn.c share: the prepared launches of one net.  Private to fused*.c and
 * opencl.c. */
#ifndef CLG_OPS_FUSED_H
#define CLG_OPS_FUSED_H

#include "ops/opencl.h"
#include "ops/routes.h"

/* Widths of what kernels/tile.clh does. */
enum { CLG_TILE_ROWS = 8, CLG_TILE_COLUMNS = 32 };

struct clg_fused {
    clg_device *device;
    struct clg_fused_net net;
    struct clg_fused_layer *layer;      /* (net.layers) */
    struct clg_prepared *fwd, *delta;   /* (net.layers) */
    struct clg_prepared head, turn, learn;
    int local;                          /* 1: the forms for local memory of the device's own */
    int *fwd_tile, *delta_tile;         /* (net.layers), of those forms: an index of clg_tiles */
    int head_delta;                     /* what head was prepared for */
    int scored;                         /* 1: head has left row_hits for learn */
    int learn_scored;                   /* what learn was prepared for */
    const struct clg_rows *learn_data;
    int learn_permuted;
    int in_strips;                      /* how the weights lie now (fused_strips.c) */
};

/* Rows of 32 floats of a panel that the device's local memory has room for, a power of two. */
int clg_panel_depth(const clg_device *device);

/* The smallest power of two that is at least rows, within clg_panel_depth; at least 16. */
int clg_panel_rows(const clg_device *device, int rows);

/* What such a panel takes. */
size_t clg_panel_bytes(int depth);

/* Into how many shares the rows of a product are cut, so that there are enough groups and an even
 * number of them, each with whole tiles (matmul_native.c). */
size_t clg_row_shares(const clg_device *device, size_t columns, size_t tiles, size_t least);

/* Pushes how the columns of the layer's weights lie: the row, and from strip to strip. */
void clg_fused_push_strips(struct clg_args *args, const struct clg_fused *fused,
                           const struct clg_fused_layer *layer);

clg_status clg_fused_create(struct clg_fused **out, clg_device *device,
                            const struct clg_fused_net *net);
void clg_fused_destroy(struct clg_fused *fused);
clg_status clg_fused_fwd(struct clg_fused *fused, int l, const struct clg_buf *input, int B);
clg_status clg_fused_head(struct clg_fused *fused, const struct clg_buf *input,
                          const struct clg_buf *t, int B, double scale, int *delta);
clg_status clg_fused_delta(struct clg_fused *fused, int l, int B);
clg_status clg_fused_learn(struct clg_fused *fused, const struct clg_buf *x,
                           const struct clg_buf *t, int B, const struct clg_update *u,
                           const struct clg_fused_next *next);
clg_status clg_fused_strips(struct clg_fused *fused, int on);

#endif
