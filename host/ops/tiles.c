/* How a product is cut for the register tile (kernels/tile.clh): depth of its panel and shares of
 * its rows.  None of this changes a bit of the result. */
#include "ops/fused.h"
#include "ops/tuning.h"

enum {
    PANEL_ROW = CLG_TILE_COLUMNS * (int)sizeof(cl_float), /* bytes */
    DEPTH_LEAST = 16
};

int clg_panel_depth(const clg_device *device)
{
    /* deeper ones leave a core's own cache; at most half of what the device calls local */
    int depth = (int)clg_knob(device, CLG_KNOB_PANEL_DEPTH);
    while (depth > DEPTH_LEAST && (uint64_t)depth * PANEL_ROW * 2 > device->info.local_memory)
        depth /= 2;
    return depth;
}

size_t clg_panel_bytes(int depth)
{
    return (size_t)depth * PANEL_ROW;
}

int clg_panel_rows(const clg_device *device, int rows)
{
    const int most = clg_panel_depth(device);
    int depth = DEPTH_LEAST;
    while (depth < rows && depth < most)
        depth *= 2;
    return depth;
}

size_t clg_row_shares(const clg_device *device, size_t columns, size_t tiles, size_t least)
{
    const size_t all = (size_t)clg_knob(device, CLG_KNOB_UNIT_GROUPS) * (size_t)device->info.units;
    if (least < all)
        least = all;
    size_t shares = (least + columns - 1) / columns;
    if (shares > tiles)
        shares = tiles;
    if (columns * shares % 2 != 0 && shares < tiles)
        shares++;
    return shares;
}
