/* A network's tensors for other programs (.npy) and for the eye (the first layer's weights as a
 * picture).  Knows nothing of training. */
#include "core/file.h"
#include "core/memory.h"
#include "data/dataset.h"
#include "net/net.h"

#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LARGEST_SIDE 65535 /* pixels of a picture; what most viewers open */

/* ---- npy */

/* folder/layers.N.weight.npy or .bias.npy, float32. */
static clg_status write_tensor(const char *folder, int layer, const char *what,
                               const double *values, size_t rows, size_t columns)
{
    size_t count = rows * (columns ? columns : 1), size = strlen(folder) + 64;
    float *narrow = NULL;
    char *path = NULL;
    clg_status status;
    CLG_TRY_DONE(clg_alloc(&path, size, 1, "a path"));
    CLG_TRY_DONE(clg_alloc(&narrow, count, sizeof *narrow, "a tensor"));
    for (size_t i = 0; i < count; i++)
        narrow[i] = (float)values[i];
    snprintf(path, size, "%s/layers.%d.%s.npy", folder, layer, what);
    status = clg_npy_write(path, "<f4", narrow, rows, columns);
done:
    free(narrow);
    free(path);
    return status;
}

static clg_status export_npy(const clg_net *net, const char *folder)
{
    struct stat status;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return clg_fail(CLG_EIO, "%s: cannot make this folder: %s", folder, strerror(errno));
    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
        return clg_fail(CLG_EIO, "%s: is there and is no folder: --to npy writes a folder", folder);
    for (int i = 0; i < net->layers; i++) {
        const struct clg_layer *layer = &net->layer[i];
        size_t rows = (size_t)layer->out;
        CLG_TRY(write_tensor(folder, i, "weight", layer->W, rows, (size_t)layer->in));
        CLG_TRY(write_tensor(folder, i, "bias", layer->b, rows, 0));
    }
    return CLG_OK;
}

/* ---- png */

/* A grid of tiles, one a unit, a black line between them. */
struct grid {
    size_t tiles, columns, rows; /* how many */
    size_t height, width;        /* of a tile: its inputs */
    size_t full_height, full_width;
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

static clg_status plan_grid(struct grid *grid, const clg_net *net, const char *path)
{
    size_t inputs = (size_t)net->layer[0].in, side = root(inputs);
    grid->tiles = (size_t)net->layer[0].out;
    if (net->height > 0 && (size_t)net->height * (size_t)net->width == inputs) {
        grid->height = (size_t)net->height;
        grid->width = (size_t)net->width;
    } else { /* no image: a square where it is one, else a line */
        grid->height = side * side == inputs ? side : 1;
        grid->width = inputs / grid->height;
    }
    /* as many columns as make the picture nearly square */
    double ideal =
        sqrt((double)grid->tiles * (double)(grid->height + 1) / (double)(grid->width + 1));
    grid->columns = (size_t)ceil(ideal);
    if (grid->columns > grid->tiles)
        grid->columns = grid->tiles;
    grid->rows = (grid->tiles + grid->columns - 1) / grid->columns;
    grid->full_height = grid->rows * (grid->height + 1) - 1;
    grid->full_width = grid->columns * (grid->width + 1) - 1;
    if (grid->full_height > LARGEST_SIDE || grid->full_width > LARGEST_SIDE)
        return clg_fail(CLG_EUSAGE,
                        "%s: %zu units of %zu inputs make a picture of more than %d "
                        "pixels a side: export --to npy",
                        path, grid->tiles, inputs, LARGEST_SIDE);
    return CLG_OK;
}

/* One unit's weights: 0 is mid grey, the largest in size is black or white. */
static void draw_tile(unsigned char *pixels, const struct grid *grid, size_t tile,
                      const double *weight)
{
    size_t top = tile / grid->columns * (grid->height + 1);
    size_t left = tile % grid->columns * (grid->width + 1);
    double largest = 0;
    for (size_t i = 0; i < grid->height * grid->width; i++)
        largest = fmax(largest, fabs(weight[i]));
    for (size_t r = 0; r < grid->height; r++)
        for (size_t c = 0; c < grid->width; c++) {
            double share = largest > 0 ? weight[r * grid->width + c] / largest : 0;
            pixels[(top + r) * grid->full_width + left + c] =
                (unsigned char)lround(127.5 + 127.5 * share);
        }
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

static clg_status export_png(const clg_net *net, const char *path)
{
    struct grid grid;
    unsigned char *pixels = NULL;
    size_t inputs = (size_t)net->layer[0].in;
    CLG_TRY(plan_grid(&grid, net, path));
    CLG_TRY(clg_alloc(&pixels, grid.full_height, grid.full_width, "a picture"));
    for (size_t i = 0; i < grid.tiles; i++)
        draw_tile(pixels, &grid, i, net->layer[0].W + i * inputs);
    clg_status status = write_png(path, pixels, &grid);
    free(pixels);
    return status;
}

clg_status clg_export(const clg_net *net, const char *format, const char *path)
{
    static const char *const formats[] = {"npy", "png"};
    if (strcmp(format, "npy") == 0)
        return export_npy(net, path);
    if (strcmp(format, "png") == 0)
        return export_png(net, path);
    const char *near = clg_nearest(format, formats, 2, sizeof *formats);
    return near ? clg_fail(CLG_EUSAGE, "--to %s: did you mean %s? (npy or png)", format, near)
                : clg_fail(CLG_EUSAGE, "--to %s: the formats are npy and png", format);
}
