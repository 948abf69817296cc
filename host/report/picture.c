/* Grey pictures made of tiles, written with libpng's simple interface. */
#include "report/picture.h"

#include "core/file.h"
#include "core/memory.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_SIDE = 32768 };

struct grid {
    size_t columns, full_height, full_width;
};

/* The largest whole number whose square is at most value. */
static size_t root(size_t value)
{
    size_t side = (size_t)sqrt((double)value);
    while (side * side > value)
        side--;
    while ((side + 1) * (side + 1) <= value)
        side++;
    return side;
}

void clg_picture_shape(struct clg_picture *picture, const struct clg_net *net)
{
    size_t inputs = (size_t)clg_net_inputs(net), side = root(inputs);
    if (net->height > 0 && (size_t)net->height * (size_t)net->width == inputs) {
        picture->height = (size_t)net->height;
        picture->width = (size_t)net->width;
        return;
    }
    picture->height = side * side == inputs ? side : 1;
    picture->width = inputs / picture->height;
}

static clg_status plan_grid(struct grid *grid, const struct clg_picture *picture, const char *path)
{
    /* as many columns as make the picture nearly square */
    double ideal = sqrt((double)picture->tiles * (double)(picture->height + 1) /
                        (double)(picture->width + 1));
    grid->columns = (size_t)ceil(ideal);
    if (grid->columns > picture->tiles)
        grid->columns = picture->tiles;
    size_t rows = (picture->tiles + grid->columns - 1) / grid->columns;
    grid->full_height = rows * (picture->height + 1) - 1;
    grid->full_width = grid->columns * (picture->width + 1) - 1;
    if (grid->full_height <= LARGEST_SIDE && grid->full_width <= LARGEST_SIDE)
        return CLG_OK;
    return clg_fail(CLG_EUSAGE,
                    "%s: %zu units of %zu inputs make a picture of more than %d pixels a side: "
                    "export --to npy",
                    path, picture->tiles, picture->height * picture->width, LARGEST_SIDE);
}

static clg_status draw(unsigned char *pixels, const struct grid *grid,
                       const struct clg_picture *picture)
{
    unsigned char *tile;
    size_t count = picture->height * picture->width;
    CLG_TRY(clg_alloc(&tile, count, 1, "a picture"));
    for (size_t i = 0; i < picture->tiles; i++) {
        size_t top = i / grid->columns * (picture->height + 1);
        size_t left = i % grid->columns * (picture->width + 1);
        picture->grey(tile, picture->user, i, count);
        for (size_t r = 0; r < picture->height; r++)
            memcpy(pixels + (top + r) * grid->full_width + left, tile + r * picture->width,
                   picture->width);
    }
    free(tile);
    return CLG_OK;
}

static clg_status write_png(const char *path, const unsigned char *pixels, const struct grid *grid)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)grid->full_width,
                       .height = (png_uint_32)grid->full_height,
                       .format = PNG_FORMAT_GRAY};
    png_alloc_size_t size = 0;
    char *bytes = NULL;
    clg_status status;
    if (!png_image_write_to_memory(&image, NULL, &size, 0, pixels, 0, NULL))
        return clg_fail(CLG_EIO, "%s: libpng: %s", path, image.message);
    CLG_TRY(clg_alloc(&bytes, size, 1, "a picture"));
    if (png_image_write_to_memory(&image, bytes, &size, 0, pixels, 0, NULL))
        status = clg_file_write(path, bytes, size);
    else
        status = clg_fail(CLG_EIO, "%s: libpng: %s", path, image.message);
    free(bytes);
    return status;
}

clg_status clg_picture_write(const char *path, const struct clg_picture *picture)
{
    struct grid grid;
    unsigned char *pixels = NULL;
    CLG_TRY(plan_grid(&grid, picture, path));
    CLG_TRY(clg_alloc(&pixels, grid.full_height, grid.full_width, "a picture"));
    clg_status status = draw(pixels, &grid, picture);
    if (status == CLG_OK)
        status = write_png(path, pixels, &grid);
    free(pixels);
    return status;
}
