/* The comparison, and the count of what was compared.  Knows nothing of operations. */
#include "verify/verify.h"

#include "core/memory.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    tally->now = (clg_verify_case){.operation = operation,
                                   .route = "native",
                                   .shape = tally->shape,
                                   .step = tally->now.step,
                                   .why = tally->why};
    tally->why[0] = '\0';
    tally->squares = tally->squared_error = 0.0;
    tally->kinks = 0;
    tally->is_open = 1;
}

/* Errors relative to the reference's size; nothing where both are 0. */
static double nmse_of(const struct clg_tally *tally)
{
    if (tally->squared_error == 0)
        return 0.0;
    return tally->squares > 0 ? tally->squared_error / tally->squares : INFINITY;
}

static void add_share(struct clg_tally *tally, const clg_verify_case *now)
{
    int at = 0;
    while (at < tally->shares && strcmp(tally->share[at].operation, now->operation) != 0)
        at++;
    assert(at < CLG_MOST_SHARES);
    if (at == tally->shares)
        tally->share[tally->shares++] = (struct clg_open_share){.operation = now->operation};
    tally->share[at].elements += now->elements;
    tally->share[at].open += now->kinks + (uint64_t)now->undecided;
}

void clg_tally_end_operations(struct clg_tally *tally)
{
    clg_verify_result *result = &tally->result;
    clg_tally_close(tally);
    for (int i = 0; i < tally->shares && !result->failed && !result->too_many; i++) {
        const struct clg_open_share *share = &tally->share[i];
        if (share->open * 100 <= share->elements)
            continue;
        result->too_many = 1;
        snprintf(result->first_tensor, sizeof result->first_tensor, "%s", share->operation);
    }
}

void clg_tally_close(struct clg_tally *tally)
{
    clg_verify_case *now = &tally->now;
    const clg_verify_options *options = tally->options;
    if (!tally->is_open)
        return;
    tally->is_open = 0;
    now->nmse = nmse_of(tally);
    if (now->step == 0)
        add_share(tally, now);
    tally->result.cases++;
    tally->result.failed += now->failed;
    if (now->failed)
        tally->wrong = now->operation;
    tally->result.worst = fmax(tally->result.worst, now->worst);
    if (options && options->row)
        options->row(options->user, now->operation, now->shape, now->failed, now->worst);
    if (options && options->each)
        options->each(options->user, now);
}

void clg_tally_fault(struct clg_tally *tally, const char *format, ...)
{
    va_list arguments;
    char *first = tally->result.first, why[sizeof tally->why];
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (!tally->now.failed)
        memcpy(tally->why, why, sizeof why);
    tally->now.failed = 1;
    tally->now.worst = INFINITY;
    if (*first)
        return;
    tally->began_finite = 1;
    tally->result.first_step = tally->now.step;
    snprintf(first, sizeof tally->result.first, "%s (%s): %s", tally->operation, tally->shape, why);
}

/* Keeps the text of the first element that failed. */
static void keep_first(struct clg_tally *tally, const char *operand, size_t row, size_t column,
                       const double value[3])
{
    char *first = tally->result.first;
    clg_verify_case *now = &tally->now;
    if (!now->failed) {
        snprintf(tally->operand, sizeof tally->operand, "%s", operand);
        now->operand = tally->operand;
        now->row = row;
        now->column = column;
        now->got = value[0];
        now->want = value[1];
        now->bound = value[2];
    }
    now->failed = 1;
    if (*first)
        return;
    tally->began_finite = isfinite(value[1]);
    tally->result.first_step = now->step;
    snprintf(first, sizeof tally->result.first,
             "%s (%s): %s[%zu][%zu] is %.9g on the device and %.9g on the reference, %.3g apart "
             "where %.3g is allowed",
             tally->operation, tally->shape, operand, row, column, value[0], value[1],
             fabs(value[0] - value[1]), value[2]);
}

void clg_tally_kinks(struct clg_tally *tally, uint64_t kinks)
{
    tally->kinks = kinks;
}

/* One element: its error in bounds. */
static double compare_one(struct clg_tally *tally, struct clg_compared *compared,
                          const double value[3])
{
    int undecided = 0;
    double error = clg_error_of(value[0], value[1], value[2], &undecided);
    double apart = value[0] - value[1];
    compared->undecided += undecided;
    compared->worst = fmax(compared->worst, error);
    if (!undecided && isfinite(value[1]) && error > 0) /* what is not finite makes it Inf */
        tally->squared_error += isfinite(apart) ? apart * apart : INFINITY;
    if (isfinite(value[1]))
        tally->squares += value[1] * value[1];
    return error;
}

void clg_tally_compare(struct clg_tally *tally, const char *operand, const double *got,
                       const double *want, const double *bound, size_t rows, size_t columns)
{
    struct clg_compared compared = {.operand = operand,
                                    .got = got,
                                    .want = want,
                                    .rows = rows,
                                    .columns = columns,
                                    .kinks = tally->kinks};
    double *errors = tally->observe ? calloc(rows * columns + 1, sizeof *errors) : NULL;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            size_t at = r * columns + c;
            const double value[3] = {got[at], want[at], bound ? bound[at] : 0.0};
            double error = compare_one(tally, &compared, value);
            if (errors)
                errors[at] = error;
            if (error > 1.0)
                keep_first(tally, operand, r, c, value);
        }
    }
    tally->result.elements += rows * columns;
    tally->result.undecided += compared.undecided;
    tally->result.kinks += compared.kinks;
    tally->now.elements += rows * columns;
    tally->now.undecided += compared.undecided;
    tally->now.kinks += compared.kinks;
    tally->now.worst = fmax(tally->now.worst, compared.worst);
    tally->kinks = 0;
    compared.error = errors;
    if (tally->observe)
        tally->observe(tally->observer, &compared);
    free(errors);
}

clg_status clg_tally_verdict(const struct clg_tally *tally)
{
    const clg_verify_result *result = &tally->result;
    if (result->failed)
        return clg_fail(CLG_EMISMATCH, "%d of %d operations disagree, first %s", result->failed,
                        result->cases, result->first);
    if (result->too_many && result->first_step == 0)
        return clg_fail(
            CLG_EMISMATCH,
            "undecided: more than 1 %% of the elements of %s are at a kink or decided by "
            "rounding alone, where either side is right; another --seed would decide",
            result->first_tensor);
    if (result->too_many)
        return clg_fail(CLG_EMISMATCH,
                        "undecided: %s in step %llu has more than 1 %% of its elements at a kink, "
                        "where either side is right; other data or weights would decide",
                        result->first_tensor, (unsigned long long)result->first_step);
    return CLG_OK;
}
