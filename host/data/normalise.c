/* Fitting x * scale + shift for each feature on the training rows, and the means that stand for
 * what is missing; and applying them to a row. */
#include "core/memory.h"
#include "data/read.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill_row(double *x, const double *fill, size_t features)
{
    for (size_t j = 0; fill && j < features; j++)
        if (isnan(x[j]))
            x[j] = fill[j];
}

/* Extremes, and for std the moments, of each feature; all (features). */
struct fit {
    double *row, *low, *high, *mean, *square;
};

static void fit_clear(struct fit *fit)
{
    free(fit->row);
    free(fit->low);
    free(fit->high);
    free(fit->mean);
    free(fit->square);
}

static clg_status find_extremes(struct fit *fit, const struct clg_dataset *data, const double *fill)
{
    size_t n = data->features;
    CLG_TRY(clg_alloc(&fit->row, n, sizeof(double), "normalisation"));
    CLG_TRY(clg_alloc(&fit->low, n, sizeof(double), "normalisation"));
    CLG_TRY(clg_alloc(&fit->high, n, sizeof(double), "normalisation"));
    for (size_t i = 0, read = 0; i < data->rows; i++) {
        clg_dataset_row(fit->row, data, i);
        clg_dataset_let_go(data, &read, data->pick != NULL);
        fill_row(fit->row, fill, n);
        for (size_t j = 0; j < n; j++) {
            fit->low[j] = i == 0 || fit->row[j] < fit->low[j] ? fit->row[j] : fit->low[j];
            fit->high[j] = i == 0 || fit->row[j] > fit->high[j] ? fit->row[j] : fit->high[j];
        }
    }
    for (size_t j = 0; j < n; j++)
        if (!isfinite(fit->high[j] - fit->low[j]))
            return clg_fail(CLG_EDATA,
                            "%s: column %zu (from 0) spans %g to %g, too much to be normalised: "
                            "rescale it, or give --normalize none",
                            data->source, j, fit->low[j], fit->high[j]);
    return CLG_OK;
}

/* Mean and mean square of (x - low) / (high - low): in units of the feature's own spread no sum
 * overflows, and a large offset costs no digits.  Two passes. */
static clg_status find_moments(struct fit *fit, const struct clg_dataset *data, const double *fill)
{
    size_t n = data->features;
    CLG_TRY(clg_alloc(&fit->mean, n, sizeof(double), "normalisation"));
    CLG_TRY(clg_alloc(&fit->square, n, sizeof(double), "normalisation"));
    for (int pass = 0; pass < 2; pass++) {
        double *sum = pass == 0 ? fit->mean : fit->square;
        for (size_t i = 0, read = 0; i < data->rows; i++) {
            clg_dataset_row(fit->row, data, i);
            clg_dataset_let_go(data, &read, data->pick != NULL);
            fill_row(fit->row, fill, n);
            for (size_t j = 0; j < n; j++) {
                double spread = fit->high[j] - fit->low[j];
                double u = spread > 0 ? (fit->row[j] - fit->low[j]) / spread : 0;
                sum[j] += pass == 0 ? u : (u - fit->mean[j]) * (u - fit->mean[j]);
            }
        }
        for (size_t j = 0; j < n; j++)
            sum[j] /= (double)data->rows;
    }
    return CLG_OK;
}

static clg_status set_all(struct clg_normalise *out, double scale, double shift)
{
    for (size_t j = 0; j < out->features; j++) {
        out->scale[j] = scale;
        out->shift[j] = shift;
    }
    return CLG_OK;
}

/* Maps each feature's extremes to low and high; a constant one to low. */
static clg_status fit_range(struct clg_normalise *out, const struct clg_dataset *data, double low,
                            double high)
{
    struct fit fit = {NULL, NULL, NULL, NULL, NULL};
    clg_status status = find_extremes(&fit, data, out->fill);
    for (size_t j = 0; status == CLG_OK && j < out->features; j++) {
        double scale = (high - low) / (fit.high[j] - fit.low[j]);
        if (fit.high[j] == fit.low[j] || !isfinite(scale))
            scale = 0; /* constant, or a spread too small to divide by */
        out->scale[j] = scale;
        out->shift[j] = scale != 0 ? low - fit.low[j] * scale : low;
    }
    fit_clear(&fit);
    return status;
}

static clg_status fit_std(struct clg_normalise *out, const struct clg_dataset *data)
{
    struct fit fit = {NULL, NULL, NULL, NULL, NULL};
    clg_status status = find_extremes(&fit, data, out->fill);
    if (status == CLG_OK)
        status = find_moments(&fit, data, out->fill);
    for (size_t j = 0; status == CLG_OK && j < out->features; j++) {
        double spread = fit.high[j] - fit.low[j];
        double scale = 1 / (spread * sqrt(fit.square[j]));
        if (spread == 0 || !isfinite(scale))
            scale = 0;
        out->scale[j] = scale;
        out->shift[j] = scale != 0 ? -(fit.low[j] + spread * fit.mean[j]) * scale : 0;
    }
    fit_clear(&fit);
    return status;
}

clg_status clg_normalise_range(double *low, double *high, const char *kind)
{
    char text[64];
    char *colon;
    snprintf(text, sizeof text, "%s", kind + strlen("range:"));
    colon = strchr(text, ':');
    if (colon)
        *colon++ = '\0';
    if (!colon || !clg_read_number(low, text) || !clg_read_number(high, colon) ||
        !isfinite(*high - *low) || *low >= *high)
        return clg_fail(CLG_EUSAGE, "--normalize %s: give range:LO:HI with LO below HI", kind);
    return CLG_OK;
}

static clg_status fit_kind(struct clg_normalise *out, const struct clg_dataset *data)
{
    double low = 0, high = 1;
    if (strcmp(out->kind, "none") == 0)
        return set_all(out, 1, 0);
    if (strcmp(out->kind, "unit") == 0)
        return set_all(out, 1.0 / 255, 0);
    if (strcmp(out->kind, "std") == 0)
        return fit_std(out, data);
    if (strcmp(out->kind, "minmax") == 0)
        return fit_range(out, data, 0, 1);
    if (strncmp(out->kind, "range:", 6) != 0)
        return clg_fail(CLG_EUSAGE,
                        "--normalize %s: one of auto, none, unit, range:LO:HI, minmax, std",
                        out->kind);
    CLG_TRY(clg_normalise_range(&low, &high, out->kind));
    if (data->storage == CLG_BYTES) /* a byte's own range, whatever the rows hold */
        return set_all(out, (high - low) / 255, low);
    return fit_range(out, data, low, high);
}

/* The mean of what is present in each column; count (features) is scratch. */
static clg_status find_means(double *mean, double *row, size_t *count,
                             const struct clg_dataset *data)
{
    for (size_t i = 0, read = 0; i < data->rows; i++) {
        clg_dataset_row(row, data, i);
        clg_dataset_let_go(data, &read, data->pick != NULL);
        for (size_t j = 0; j < data->features; j++) {
            if (isnan(row[j]))
                continue;
            mean[j] += row[j];
            count[j]++;
        }
    }
    for (size_t j = 0; j < data->features; j++) {
        if (count[j] == 0)
            return clg_fail(CLG_EDATA,
                            "%s: column %zu (from 0) has no value in any row, so it has no mean: "
                            "leave it out",
                            data->source, j);
        mean[j] /= (double)count[j];
        if (!isfinite(mean[j]))
            return clg_fail(CLG_EDATA,
                            "%s: column %zu (from 0) has values too large to be averaged: rescale "
                            "it",
                            data->source, j);
    }
    return CLG_OK;
}

static clg_status fit_fill(struct clg_normalise *out, const struct clg_dataset *data)
{
    double *row = NULL;
    size_t *count = NULL;
    clg_status status;
    CLG_TRY_DONE(clg_alloc(&out->fill, out->features, sizeof *out->fill, "means"));
    CLG_TRY_DONE(clg_alloc(&row, out->features, sizeof *row, "means"));
    CLG_TRY_DONE(clg_alloc(&count, out->features, sizeof *count, "means"));
    status = find_means(out->fill, row, count, data);
done:
    free(row);
    free(count);
    return status;
}

clg_status clg_normalise_fit(struct clg_normalise *out, const char *kind,
                             const struct clg_dataset *data)
{
    clg_status status;
    memset(out, 0, sizeof *out);
    if (strcmp(kind, "auto") == 0)
        kind = data->storage == CLG_BYTES ? "unit" : data->is_csv ? "std" : "none";
    if (strlen(kind) >= sizeof out->kind)
        return clg_fail(CLG_EUSAGE, "--normalize %s: too long", kind);
    strcpy(out->kind, kind);
    out->features = data->features;
    CLG_TRY_DONE(clg_alloc(&out->scale, out->features, sizeof *out->scale, "normalisation"));
    CLG_TRY_DONE(clg_alloc(&out->shift, out->features, sizeof *out->shift, "normalisation"));
    if (data->missing == CLG_MISSING_MEAN)
        CLG_TRY_DONE(fit_fill(out, data));
    CLG_TRY_DONE(fit_kind(out, data));
done:
    if (status != CLG_OK)
        clg_normalise_clear(out);
    return status;
}

clg_status clg_normalise_copy(struct clg_normalise *out, const struct clg_normalise *from)
{
    clg_status status;
    memset(out, 0, sizeof *out);
    memcpy(out->kind, from->kind, sizeof out->kind);
    out->features = from->features;
    CLG_TRY_DONE(clg_alloc(&out->scale, from->features, sizeof *out->scale, "normalisation"));
    CLG_TRY_DONE(clg_alloc(&out->shift, from->features, sizeof *out->shift, "normalisation"));
    if (from->fill) {
        CLG_TRY_DONE(clg_alloc(&out->fill, from->features, sizeof *out->fill, "normalisation"));
        memcpy(out->fill, from->fill, from->features * sizeof *out->fill);
    }
    if (from->features) {
        memcpy(out->scale, from->scale, from->features * sizeof *out->scale);
        memcpy(out->shift, from->shift, from->features * sizeof *out->shift);
    }
done:
    if (status != CLG_OK)
        clg_normalise_clear(out);
    return status;
}

clg_status clg_normalise_row(double *x, const struct clg_normalise *normalise,
                             const struct clg_dataset *data, size_t i)
{
    size_t row = data->pick ? data->pick[i] : i; /* as the file has it */
    clg_dataset_row(x, data, i);
    fill_row(x, normalise->fill, data->features);
    for (size_t j = 0; j < data->features; j++) {
        if (isnan(x[j]))
            return clg_fail(CLG_EDATA,
                            "%s: row %zu, column %zu (from 0) is missing, and the network was not "
                            "trained with --missing mean: use --missing drop",
                            data->source, row, j);
        x[j] = x[j] * normalise->scale[j] + normalise->shift[j];
        if (!(fabs(x[j]) <= FLT_MAX))
            return clg_fail(CLG_EDATA,
                            "%s: row %zu, column %zu (from 0) is %g after its scaling, beyond a "
                            "float: use --normalize std or minmax",
                            data->source, row, j, x[j]);
    }
    return CLG_OK;
}

void clg_normalise_clear(struct clg_normalise *normalise)
{
    free(normalise->scale);
    free(normalise->shift);
    free(normalise->fill);
    memset(normalise, 0, sizeof *normalise);
}
