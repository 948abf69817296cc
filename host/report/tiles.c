/* Pictures of tiles: values become bytes, large images are averaged down to what a page shows. */
#include "report/tiles.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_SIDE = 112 };

int clg_tiles_are_images(const struct clg_net *net)
{
    return net->height > 1 && net->width > 1 &&
           (size_t)net->height * (size_t)net->width == (size_t)clg_net_inputs(net);
}

/* Means over squares of side `by`: to (ceil(height / by), ceil(width / by)). */
static void shrink(double *to, const double *from, size_t height, size_t width, size_t by)
{
    for (size_t top = 0; top < height; top += by)
        for (size_t left = 0; left < width; left += by) {
            double sum = 0;
            size_t count = 0;
            for (size_t r = top; r < top + by && r < height; r++)
                for (size_t c = left; c < left + by && c < width; c++, count++)
                    sum += from[r * width + c];
            *to++ = sum / (double)count;
        }
}

static void put_alt(FILE *out, const char *alt, size_t height, size_t width)
{
    fprintf(out, "\" width=\"%zu\" height=\"%zu\" alt=\"", width, height);
    clg_html_text(out, alt);
    fputs("\">", out);
}

/* Grey from low (black) to high (white). */
static void to_grey(unsigned char *pixels, const double *values, size_t count, double low,
                    double high)
{
    for (size_t i = 0; i < count; i++) {
        double level = high > low ? (values[i] - low) / (high - low) : 0;
        pixels[i] = (unsigned char)lround(255 * fmin(fmax(isfinite(level) ? level : 0, 0), 1));
    }
}

static void to_signed(unsigned char *pixels, const double *values, size_t count)
{
    static const unsigned char above[3] = {40, 122, 220}, below[3] = {222, 100, 36};
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = isfinite(values[i]) ? fmax(largest, fabs(values[i])) : largest;
    for (size_t i = 0; i < count; i++, pixels += 4) {
        double size = isfinite(values[i]) && largest > 0 ? fabs(values[i]) / largest : 0;
        memcpy(pixels, values[i] < 0 ? below : above, 3);
        pixels[3] = (unsigned char)lround(255 * size);
    }
}

/* low and high are those of grey; channels 4 are signed values. */
static clg_status put_tile(FILE *out, const double *values, size_t height, size_t width,
                           int channels, double low, double high, const char *alt)
{
    size_t longest = height > width ? height : width;
    size_t by = (longest + LONGEST_SIDE - 1) / LONGEST_SIDE;
    size_t rows = (height + by - 1) / by, columns = (width + by - 1) / by;
    unsigned char *pixels = NULL;
    double *small = NULL;
    clg_status status;
    CLG_TRY_DONE(clg_alloc(&small, rows * columns, sizeof *small, "a picture"));
    CLG_TRY_DONE(clg_alloc(&pixels, rows * columns, (size_t)channels, "a picture"));
    shrink(small, values, height, width, by);
    if (channels == 4)
        to_signed(pixels, small, rows * columns);
    else
        to_grey(pixels, small, rows * columns, low, high);
    fputs("<img src=\"", out);
    status = clg_html_picture(out, pixels, rows, columns, channels);
    put_alt(out, alt, rows, columns);
done:
    free(small);
    free(pixels);
    return status;
}

clg_status clg_tile_signed(FILE *out, const double *values, size_t height, size_t width,
                           const char *alt)
{
    return put_tile(out, values, height, width, 4, 0, 0, alt);
}

static void find_range(double *low, double *high, const struct clg_dataset *data, const double *x)
{
    *low = data->storage == CLG_BYTES ? 0 : INFINITY;
    *high = data->storage == CLG_BYTES ? 255 : -INFINITY;
    for (size_t i = 0; data->storage != CLG_BYTES && i < data->features; i++) {
        *low = fmin(*low, x[i]);
        *high = fmax(*high, x[i]);
    }
}

/* The row as it was read; output 1: the network's output instead, scaled back, in the same grey. */
static clg_status put_example(FILE *out, const struct clg_report_run *run, size_t row, int output,
                              const char *alt)
{
    const struct clg_dataset *data = &run->examples.view;
    const struct clg_normalise *normalise = &run->net->normalise;
    double *x, low, high;
    CLG_TRY(clg_alloc(&x, data->features, sizeof *x, "a picture"));
    clg_dataset_row(x, data, row);
    find_range(&low, &high, data, x);
    for (size_t i = 0; output && i < data->features; i++) {
        double y = (double)run->examples.y[row * data->features + i];
        int scaled = normalise->scale && normalise->scale[i] != 0;
        x[i] = scaled ? (y - normalise->shift[i]) / normalise->scale[i] : y;
    }
    clg_status status =
        put_tile(out, x, (size_t)run->net->height, (size_t)run->net->width, 1, low, high, alt);
    free(x);
    return status;
}

clg_status clg_tile_input(FILE *out, const struct clg_report_run *run, size_t row, const char *alt)
{
    return put_example(out, run, row, 0, alt);
}

clg_status clg_tile_output(FILE *out, const struct clg_report_run *run, size_t row, const char *alt)
{
    return put_example(out, run, row, 1, alt);
}
