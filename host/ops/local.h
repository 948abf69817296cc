/* The tiles of the LOCAL forms (kernels/local_*): for devices with local memory of its own, where a
 * group of work-items shares a tile of a product.  A tile changes no bit of a result. */
#ifndef CLG_OPS_LOCAL_H
#define CLG_OPS_LOCAL_H

#include "device/launch.h"
#include "ops/ops.h"

/* A group computes rows x columns of a product, each of its work-items each_rows x each_columns,
 * and takes the K in steps of depth. */
struct clg_tile {
    int rows, columns, depth, each_rows, each_columns;
};

/* Falling in size.  All have CLG_TILE_ITEMS work-items, so that two groups have room on a
 * multiprocessor whatever a compiler makes of the kernels: 2 * 128 * 255 registers are fewer than
 * 65,536.  tests/gpu_static counts what they take. */
enum { CLG_TILES = 4, CLG_TILE_ITEMS = 128 };
extern const struct clg_tile clg_tiles[CLG_TILES];

/* 1 where the device has enough local memory, and groups of CLG_TILE_ITEMS. */
int clg_tile_exists(const clg_device *device);

/* 1 where the LOCAL forms are likely the faster ones: local memory is memory of its own, or vectors
 * are taken apart. */
int clg_tile_suits(const clg_device *device);

/* Tiles of M x N. */
size_t clg_tiles_over(int M, int N, int tile);

/* Which tile is likely the fastest, an index of clg_tiles: for a product of M x N over K, where a
 * knob may say it (tuning.h), or where groups[i] of tile i make up a launch. */
int clg_tile_for(const clg_device *device, int M, int N, int K);
int clg_tile_for_groups(const clg_device *device, const size_t groups[CLG_TILES]);

/* All launches take this tile until told otherwise; CLG_TILES: none is forced. */
void clg_tile_force(clg_device *device, int tile);

/* Room for what clg_tile_options writes: the macros of kernels/local_tile.clh. */
enum { CLG_TILE_OPTIONS = 80 };
void clg_tile_options(char options[CLG_TILE_OPTIONS], int tile);

/* Enqueues one group for each tile of M x N, or for each of so many jobs in a row. */
clg_status clg_launch_tiles(struct clg_args *args, int M, int N, int tile);
clg_status clg_launch_jobs(struct clg_args *args, int jobs, int tile);

/* clg_matmul_native by the given tile; CLG_EDEVICE where the device cannot run it. */
clg_status clg_matmul_local(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                            const struct clg_buf *B, int M, int N, int K, enum clg_form form,
                            int tile);

#endif
