/* The comparison, and the count of what was compared.  Knows nothing of operations. */
#include "verify/verify.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

double clg_error_of(double got, double want, double bound, int *undecided)
{
    if (isinf(bound)) {
        *undecided = 1;
        return 0.0;
    }
    if (isnan(got) || isnan(want) || !(bound >= 0))
        return INFINITY;
    if (fabs(want) - bound > FLT_MAX && got != want) /* overflows in float, far from the edge */
        return isinf(got) && (got > 0) == (want > 0) ? 0.0 : INFINITY;
    if (isfinite(want) && isinf(got) && fabs(want) + bound > FLT_MAX && (got > 0) == (want > 0)) {
        *undecided = 1;
        return 0.0;
    }
    if (got == want)
        return 0.0;
    if (!isfinite(want) || !isfinite(got) || bound == 0)
        return INFINITY;
    return fabs(got - want) / bound;
}

void clg_tally_open(struct clg_tally *tally, const char *operation, const char *shape, ...)
{
    va_list arguments;
    clg_tally_close(tally);
    va_start(arguments, shape);
    int length = vsnprintf(tally->shape, sizeof tally->shape, shape, arguments);
    va_end(arguments);
    if (*tally->note && length >= 0 && (size_t)length < sizeof tally->shape)
        snprintf(tally->shape + length, sizeof tally->shape - (size_t)length, ", %s", tally->note);
    tally->operation = operation;
    tally->failed = 0;
    tally->worst = 0.0;
    tally->is_open = 1;
}

void clg_tally_close(struct clg_tally *tally)
{
    if (!tally->is_open)
        return;
    tally->is_open = 0;
    tally->result.cases++;
    tally->result.failed += tally->failed;
    tally->result.worst = fmax(tally->result.worst, tally->worst);
    if (tally->options && tally->options->row)
        tally->options->row(tally->options->user, tally->operation, tally->shape, tally->failed,
                            tally->worst);
}

void clg_tally_fault(struct clg_tally *tally, const char *format, ...)
{
    va_list arguments;
    char *first = tally->result.first;
    size_t room = sizeof tally->result.first;
    tally->failed = 1;
    tally->worst = INFINITY;
    if (*first)
        return;
    tally->began_finite = 1;
    int length = snprintf(first, room, "%s (%s): ", tally->operation, tally->shape);
    va_start(arguments, format);
    if (length >= 0 && (size_t)length < room)
        vsnprintf(first + length, room - (size_t)length, format, arguments);
    va_end(arguments);
}

/* Keeps the text of the first element that failed. */
static void keep_first(struct clg_tally *tally, const char *operand, size_t row, size_t column,
                       const double value[3])
{
    char *first = tally->result.first;
    if (*first)
        return;
    tally->began_finite = isfinite(value[1]);
    snprintf(first, sizeof tally->result.first,
             "%s (%s): %s[%zu][%zu] is %.9g on the device and %.9g on the reference, %.3g apart "
             "where %.3g is allowed",
             tally->operation, tally->shape, operand, row, column, value[0], value[1],
             fabs(value[0] - value[1]), value[2]);
}

void clg_tally_compare(struct clg_tally *tally, const char *operand, const double *got,
                       const double *want, const double *bound, size_t rows, size_t columns)
{
    tally->result.elements += rows * columns;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            size_t at = r * columns + c;
            const double value[3] = {got[at], want[at], bound ? bound[at] : 0.0};
            int undecided = 0;
            double error = clg_error_of(value[0], value[1], value[2], &undecided);
            tally->result.undecided += undecided;
            tally->worst = fmax(tally->worst, error);
            if (error > 1.0) {
                tally->failed = 1;
                keep_first(tally, operand, r, c, value);
            }
        }
    }
}

clg_status clg_tally_verdict(const struct clg_tally *tally)
{
    if (!tally->result.failed)
        return CLG_OK;
    return clg_fail(CLG_EMISMATCH, "%d of %d operations disagree, first %s", tally->result.failed,
                    tally->result.cases, tally->result.first);
}
