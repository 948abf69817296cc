/* Predictions as a file: .npy for programs (class numbers as int32, values and probabilities as
 * float32), CSV for people (a header, class names quoted as in RFC 4180), .png where the outputs
 * are pictures of the inputs' size. */
#define _GNU_SOURCE
#include "net/net.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include "report/picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_TILES = 100 }; /* examples in a picture */

static clg_status write_npy(const char *path, const clg_net *net, const float *y, size_t rows,
                            int as_classes)
{
    int32_t *classes;
    int O = clg_net_outputs(net);
    if (!as_classes)
        return clg_npy_write(path, "<f4", y, rows, O == 1 ? 0 : (size_t)O);
    CLG_TRY(clg_alloc(&classes, rows, sizeof *classes, "predictions"));
    for (size_t i = 0; i < rows; i++)
        classes[i] = clg_predicted_class(y + i * (size_t)O, O);
    clg_status status = clg_npy_write(path, "<i4", classes, rows, 0);
    free(classes);
    return status;
}

/* An example's outputs: what the network takes for byte 0 is black, for 255 white. */
struct outputs {
    const float *y;
    const struct clg_net *net;
};

static void grey_outputs(unsigned char *grey, const void *user, size_t tile, size_t count)
{
    const struct outputs *outputs = user;
    const struct clg_normalise *n = &outputs->net->normalise;
    for (size_t i = 0; i < count; i++) {
        double scale = n->scale[i] != 0 ? n->scale[i] : 1;
        double byte = ((double)outputs->y[tile * count + i] - n->shift[i]) / scale;
        grey[i] = (unsigned char)lround(fmax(0, fmin(255, byte)));
    }
}

static clg_status write_png(const char *path, const clg_net *net, const float *y, size_t rows)
{
    struct outputs outputs = {y, net};
    struct clg_picture picture = {
        .tiles = rows < MOST_TILES ? rows : MOST_TILES, .grey = grey_outputs, .user = &outputs};
    if (clg_net_inputs(net) != clg_net_outputs(net))
        return clg_fail(CLG_EUSAGE,
                        "%s: %d outputs for %d inputs are no picture of them: .npy or .csv", path,
                        clg_net_outputs(net), clg_net_inputs(net));
    clg_picture_shape(&picture, net);
    return clg_picture_write(path, &picture);
}

/* A CSV field: quoted where it holds a comma, a quote or a line end. */
static void put_field(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put_header(FILE *out, const clg_net *net, int as_classes)
{
    int O = clg_net_outputs(net);
    for (int j = 0; j < (as_classes ? 1 : O); j++) {
        char name[32];
        const char *class_name = clg_net_class_name(net, O == 1 ? 1 : j);
        snprintf(name, sizeof name, O == 1 ? "value" : "value_%d", j);
        if (j)
            fputc(',', out);
        put_field(out, as_classes ? "class" : class_name ? class_name : name);
    }
    fputc('\n', out);
}

static void put_row(FILE *out, const clg_net *net, const float *y, int as_classes)
{
    int O = clg_net_outputs(net);
    if (as_classes) {
        const char *name = clg_net_class_name(net, clg_predicted_class(y, O));
        put_field(out, name ? name : "");
    }
    for (int j = 0; !as_classes && j < O; j++)
        fprintf(out, "%s%s", j ? "," : "", clg_print_number((double)y[j], 9).text);
    fputc('\n', out);
}

static clg_status csv_text(char **text, size_t *size, const clg_net *net, const float *y,
                           size_t rows, int as_classes)
{
    FILE *out = open_memstream(text, size);
    if (!out)
        return clg_fail(CLG_ENOMEM, "no memory for %zu predictions", rows);
    put_header(out, net, as_classes);
    for (size_t i = 0; i < rows; i++)
        put_row(out, net, y + i * (size_t)clg_net_outputs(net), as_classes);
    int bad = ferror(out);
    if (fclose(out) != 0 || bad) {
        free(*text);
        return clg_fail(CLG_ENOMEM, "no memory for %zu predictions", rows);
    }
    return CLG_OK;
}

clg_status clg_predict_write(const char *path, const clg_net *net, const float *y, size_t rows,
                             int proba)
{
    char *text = NULL;
    size_t size = 0;
    int as_classes = net->classes > 0 && !proba;
    if (clg_ends_in(path, ".npy"))
        return write_npy(path, net, y, rows, as_classes);
    if (clg_ends_in(path, ".png"))
        return write_png(path, net, y, rows);
    if (strcmp(path, "-") != 0 && !clg_ends_in(path, ".csv"))
        return clg_fail(CLG_EUSAGE, "%s: predictions are written as .npy, .csv or .png, or to -",
                        path);
    CLG_TRY(csv_text(&text, &size, net, y, rows, as_classes));
    clg_status status = strcmp(path, "-") == 0
                            ? clg_write_all(STDOUT_FILENO, "standard output", text, size)
                            : clg_file_write(path, text, size);
    free(text);
    return status;
}
