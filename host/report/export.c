/* A network's tensors for other programs (.npy) and for the eye (the first layer's weights as a
 * picture).  Knows nothing of training. */
#include "core/file.h"
#include "core/memory.h"
#include "data/dataset.h"
#include "net/net.h"
#include "report/picture.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>


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
        size_t rows = (size_t)layer->rows;
        CLG_TRY(write_tensor(folder, i, "weight", layer->W, rows, (size_t)layer->in));
        CLG_TRY(write_tensor(folder, i, "bias", layer->b, rows, 0));
    }
    return CLG_OK;
}

/* ---- png */

/* One unit's weights: 0 is mid grey, the largest in size is black or white. */
static void grey_weights(unsigned char *grey, const void *user, size_t tile, size_t count)
{
    const double *weight = (const double *)user + tile * count;
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(weight[i]));
    for (size_t i = 0; i < count; i++)
        grey[i] = (unsigned char)lround(127.5 + 127.5 * (largest > 0 ? weight[i] / largest : 0));
}

/* A tile a unit (maxout: one a piece). */
static clg_status export_png(const clg_net *net, const char *path)
{
    struct clg_picture picture = {.tiles = (size_t)net->layer[0].rows,
                                  .grey = grey_weights,
                                  .user = net->layer[0].W};
    clg_picture_shape(&picture, net);
    return clg_picture_write(path, &picture);
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
