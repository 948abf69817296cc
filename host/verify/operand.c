/* Operands of watched operations: download, mirror on the reference, comparison afterwards. */
#include "verify/operand.h"

#include "core/memory.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void clg_operands_drop(struct clg_watch *watch, int operands, int blocks)
{
    while (watch->operands > operands)
        clg_buf_release(&watch->operand[--watch->operands].ref);
    while (watch->blocks > blocks)
        free(watch->block[--watch->blocks]);
}

void clg_operands_clear(struct clg_watch *watch)
{
    clg_operands_drop(watch, 0, 0);
}

static clg_status hold(struct clg_watch *watch, void *out, size_t count, size_t size)
{
    void *block;
    assert(watch->blocks < CLG_MOST_BLOCKS);
    CLG_TRY(clg_alloc(&block, count, size, "verification"));
    watch->block[watch->blocks++] = block;
    memcpy(out, &block, sizeof block);
    return CLG_OK;
}

clg_status clg_operand_room(struct clg_watch *watch, double **out, size_t count)
{
    return hold(watch, out, count, sizeof **out);
}

/* An operand with its buffer on the reference, which holds zeros. */
static clg_status begin(struct clg_operand **out, struct clg_watch *watch, const char *name,
                        const struct clg_buf *on, size_t rows, size_t columns)
{
    struct clg_plan plan;
    size_t count;
    assert(watch->operands < CLG_MOST_OPERANDS);
    struct clg_operand *operand = &watch->operand[watch->operands];
    if (!clg_size_mul(&count, rows, columns))
        return clg_fail(CLG_ENOMEM, "%s: %zu x %zu elements are more than memory can address", name,
                        rows, columns);
    *operand = (struct clg_operand){.name = name, .on = on, .rows = rows, .columns = columns};
    clg_plan_begin(&plan, watch->reference);
    CLG_TRY(clg_plan_add(&plan, &operand->ref, on->elem, count, "verification"));
    CLG_TRY(clg_plan_commit(&plan));
    watch->operands++;
    *out = operand;
    return CLG_OK;
}

clg_status clg_operand_integers(struct clg_watch *watch, int32_t **out, const struct clg_buf *from,
                                size_t first, size_t count)
{
    CLG_TRY(hold(watch, out, count, sizeof **out));
    return clg_buf_download(from, *out, first, count);
}

/* count elements of a buffer from element first on, as doubles whatever they are. */
static clg_status download(struct clg_watch *watch, double *out, const struct clg_buf *from,
                           size_t first, size_t count)
{
    int32_t *integer;
    uint8_t *byte;
    if (from->elem == CLG_REAL)
        return clg_real_download(from, out, first, count);
    if (from->elem == CLG_I32) {
        CLG_TRY(clg_operand_integers(watch, &integer, from, first, count));
        for (size_t i = 0; i < count; i++)
            out[i] = integer[i];
    } else {
        CLG_TRY(hold(watch, &byte, count, sizeof *byte));
        CLG_TRY(clg_buf_download(from, byte, first, count));
        for (size_t i = 0; i < count; i++)
            out[i] = byte[i];
    }
    return CLG_OK;
}

/* The reverse, all elements of a buffer of the reference. */
static clg_status upload(struct clg_watch *watch, struct clg_buf *to, const double *value,
                         size_t count)
{
    int32_t *integer;
    uint8_t *byte;
    if (to->elem == CLG_REAL)
        return clg_real_upload(to, value, 0, count);
    if (to->elem == CLG_I32) {
        CLG_TRY(hold(watch, &integer, count, sizeof *integer));
        for (size_t i = 0; i < count; i++)
            integer[i] = (int32_t)value[i];
        return clg_buf_upload(to, integer, 0, count);
    }
    CLG_TRY(hold(watch, &byte, count, sizeof *byte));
    for (size_t i = 0; i < count; i++)
        byte[i] = (uint8_t)value[i];
    return clg_buf_upload(to, byte, 0, count);
}

clg_status clg_operand_write_vector(struct clg_operand **out, struct clg_watch *watch,
                                    const char *name, const struct clg_buf *on, size_t count)
{
    return begin(out, watch, name, on, 1, count);
}

clg_status clg_operand_write_matrix(struct clg_operand **out, struct clg_watch *watch,
                                    const char *name, const struct clg_buf *on, int rows,
                                    int columns)
{
    CLG_TRY(begin(out, watch, name, on, (size_t)rows, (size_t)columns));
    (*out)->is_matrix = 1;
    return CLG_OK;
}

clg_status clg_operand_vector(struct clg_operand **out, struct clg_watch *watch, const char *name,
                              const struct clg_buf *on, size_t count)
{
    CLG_TRY(clg_operand_write_vector(out, watch, name, on, count));
    CLG_TRY(clg_operand_room(watch, &(*out)->value, count));
    CLG_TRY(download(watch, (*out)->value, on, 0, count));
    return upload(watch, &(*out)->ref, (*out)->value, count);
}

clg_status clg_operand_matrix(struct clg_operand **out, struct clg_watch *watch, const char *name,
                              const struct clg_buf *on, int rows, int columns)
{
    CLG_TRY(clg_operand_write_matrix(out, watch, name, on, rows, columns));
    CLG_TRY(clg_operand_room(watch, &(*out)->value, (*out)->rows * (*out)->columns));
    CLG_TRY(clg_matrix_download(on, (*out)->value, rows, columns));
    return clg_matrix_upload(&(*out)->ref, (*out)->value, rows, columns);
}

clg_status clg_operand_rows(struct clg_operand **out, struct clg_watch *watch, const char *name,
                            const struct clg_buf *on, const int32_t *row, size_t start,
                            size_t count, size_t columns)
{
    CLG_TRY(begin(out, watch, name, on, count, columns));
    CLG_TRY(clg_operand_room(watch, &(*out)->value, count * columns));
    if (!row) {
        CLG_TRY(download(watch, (*out)->value, on, start * columns, count * columns));
    } else {
        for (size_t i = 0; i < count; i++) {
            int blocks = watch->blocks;
            CLG_TRY(download(watch, (*out)->value + i * columns, on, (size_t)row[i] * columns,
                             columns));
            clg_operands_drop(watch, watch->operands, blocks); /* there are many rows */
        }
    }
    return upload(watch, &(*out)->ref, (*out)->value, count * columns);
}

clg_status clg_operand_results(struct clg_watch *watch, const struct clg_operand *operand,
                               double **got, double **want)
{
    size_t count = operand->rows * operand->columns;
    if (want) {
        CLG_TRY(clg_operand_room(watch, want, count));
        CLG_TRY(download(watch, *want, &operand->ref, 0, count));
    }
    if (!got)
        return CLG_OK;
    CLG_TRY(clg_operand_room(watch, got, count));
    return operand->is_matrix
               ? clg_matrix_download(operand->on, *got, (int)operand->rows, (int)operand->columns)
               : download(watch, *got, operand->on, 0, count);
}

/* Columns beyond the last must hold zeros, rows beyond the last anything finite. */
static clg_status check_padding(struct clg_watch *watch, const struct clg_operand *operand)
{
    int turned = operand->on->transposed;
    size_t rows = turned ? operand->columns : operand->rows;
    size_t columns = turned ? operand->rows : operand->columns;
    size_t stride = (size_t)clg_stride(watch->device, (int)columns);
    size_t height = (size_t)clg_height(watch->device, (int)rows);
    double *all;
    CLG_TRY(clg_operand_room(watch, &all, height * stride));
    CLG_TRY(clg_real_download(operand->on, all, 0, height * stride));
    for (size_t r = 0; r < height; r++) {
        for (size_t c = r < rows ? columns : 0; c < stride; c++) {
            double value = all[r * stride + c];
            if (r < rows ? value != 0.0 : !isfinite(value)) {
                clg_tally_fault(watch->tally, "%s[%zu][%zu] lies in the padding and holds %g",
                                operand->name, r, c, value);
                return CLG_OK;
            }
        }
    }
    return CLG_OK;
}

clg_status clg_operand_check(struct clg_watch *watch, const struct clg_operand *operand,
                             const double *bound)
{
    double *got, *want;
    CLG_TRY(clg_operand_results(watch, operand, &got, &want));
    clg_tally_compare(watch->tally, operand->name, got, want, bound, operand->rows,
                      operand->columns);
    if (!operand->is_matrix)
        return CLG_OK;
    for (size_t i = 0; i < operand->rows * operand->columns; i++)
        if (!isfinite(got[i])) /* what overflowed makes NaN of the zeros beside it */
            return CLG_OK;
    return check_padding(watch, operand);
}
