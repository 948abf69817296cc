/* The tiles of the LOCAL forms, and which of them a product takes.  The choice is by a model of a
 * GPU that no measurement stands behind.  Left out: the kernels' other arguments. */
#include "ops/local.h"

#include "ops/tuning.h"

#include <assert.h>
#include <stdio.h>

const struct clg_tile clg_tiles[CLG_TILES] = {
    {64, 128, 16, 8, 8}, {64, 64, 16, 8, 4}, {32, 32, 32, 2, 4}, {16, 32, 32, 1, 4}};

/* Work-items of a tile side by side, or one above the other, at most. */
enum { WIDEST_SIDE = 16 };

/* Local memory that the LOCAL forms take at most. */
enum { LOCAL_BYTES = 16 * 1024 };

/* What a step of the K costs a work-item beside its elements: reading both operands and waiting for
 * them, in units of one fma. */
enum { STEP_COST = 6 };

int clg_tile_exists(const clg_device *device)
{
    return device->max_group >= CLG_TILE_ITEMS && device->max_items[0] >= WIDEST_SIDE &&
           device->max_items[1] >= WIDEST_SIDE && device->info.local_memory >= LOCAL_BYTES;
}

/* A device that takes vectors apart puts work-items side by side in their stead: a group of one
 * leaves all but one of its lanes idle. */
int clg_tile_suits(const clg_device *device)
{
    return (device->local_is_dedicated || device->native_width == 1) && clg_tile_exists(device);
}

static size_t sides_over(int n, int side)
{
    return ((size_t)n + (size_t)side - 1) / (size_t)side;
}

size_t clg_tiles_over(int M, int N, int tile)
{
    return sides_over(M, clg_tiles[tile].rows) * sides_over(N, clg_tiles[tile].columns);
}

/* Each multiprocessor works on one tile after the other; the launch that is done first wins. */
int clg_tile_for_groups(const clg_device *device, const size_t groups[CLG_TILES])
{
    const size_t units = device->info.units > 0 ? (size_t)device->info.units : 1;
    size_t best_cost = SIZE_MAX;
    int best = 0;
    if (device->forced_tile)
        return device->forced_tile - 1;
    for (int tile = 0; tile < CLG_TILES; tile++) {
        const int each = clg_tiles[tile].each_rows * clg_tiles[tile].each_columns;
        const size_t cost = (groups[tile] + units - 1) / units * (size_t)(each + STEP_COST);
        if (cost < best_cost) {
            best_cost = cost;
            best = tile;
        }
    }
    return best;
}

int clg_tile_for(const clg_device *device, int M, int N, int K)
{
    const int64_t tuned = clg_knob(device, clg_tile_knob(M, N, K));
    size_t groups[CLG_TILES];
    if (tuned != CLG_KNOB_AUTO && !device->forced_tile)
        return (int)tuned;
    for (int tile = 0; tile < CLG_TILES; tile++)
        groups[tile] = clg_tiles_over(M, N, tile);
    return clg_tile_for_groups(device, groups);
}

void clg_tile_force(clg_device *device, int tile)
{
    assert(tile >= 0 && tile <= CLG_TILES);
    device->forced_tile = tile == CLG_TILES ? 0 : 1 + tile;
}

void clg_tile_options(char options[CLG_TILE_OPTIONS], int tile)
{
    assert(tile >= 0 && tile < CLG_TILES);
    const struct clg_tile *t = &clg_tiles[tile];
    snprintf(options, CLG_TILE_OPTIONS,
             "-DTILE_M=%d -DTILE_N=%d -DK_TILE=%d -DEACH_M=%d -DEACH_N=%d", t->rows, t->columns,
             t->depth, t->each_rows, t->each_columns);
}

/* Enqueues so many groups of the tile's work-items in a row and in a column. */
static clg_status launch_groups(struct clg_args *args, size_t across, size_t down, int tile)
{
    const struct clg_tile *t = &clg_tiles[tile];
    const size_t wide = (size_t)(t->columns / t->each_columns);
    const size_t high = (size_t)(t->rows / t->each_rows);
    return clg_launch2(args, wide * across, high * down, wide, high);
}

clg_status clg_launch_tiles(struct clg_args *args, int M, int N, int tile)
{
    return launch_groups(args, sides_over(N, clg_tiles[tile].columns),
                         sides_over(M, clg_tiles[tile].rows), tile);
}

clg_status clg_launch_jobs(struct clg_args *args, int jobs, int tile)
{
    return launch_groups(args, (size_t)jobs, 1, tile);
}

clg_status clg_matmul_local(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                            const struct clg_buf *B, int M, int N, int K, enum clg_form form,
                            int tile)
{
    static const char *const names[] = {
        [CLG_NN] = "matmul_nn", [CLG_NT] = "matmul_nt", [CLG_TN] = "matmul_tn"};
    char tile_options[CLG_TILE_OPTIONS], options[CLG_TILE_OPTIONS + 16];
    struct clg_args args;
    assert(M > 0 && N > 0 && K > 0);
    clg_tile_options(tile_options, tile);
    snprintf(options, sizeof options, "-DFORM_LOCAL %s", tile_options);
    CLG_TRY(clg_args_begin(&args, device, "matmul", options, names[form]));
    clg_arg_buf(&args, C);
    clg_arg_buf(&args, A);
    clg_arg_buf(&args, B);
    clg_arg_int(&args, M);
    clg_arg_int(&args, N);
    clg_arg_int(&args, K);
    clg_arg_int(&args, clg_stride(device, N));
    clg_arg_int(&args, clg_stride(device, form == CLG_TN ? M : K));
    clg_arg_int(&args, clg_stride(device, form == CLG_NT ? K : N));
    return clg_launch_tiles(&args, M, N, tile);
}
