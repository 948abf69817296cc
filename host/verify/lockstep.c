/* What a watched training says of its tensors: each comparison is taken apart into the tensors that
 * a user knows by name, and at the end of a step they are reported, with the drift of the
 * parameters.  The comparison itself is the watch's, the steps are the training loop's. */
#include "verify/lockstep.h"

#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DUMP_ALL = 20 }; /* steps; of more, those that fail and the last */

/* The row of this step's tensor, a new one where it has none. */
static clg_status row_of(clg_verify_tensor **out, struct clg_lockstep *lockstep,
                         const struct clg_tensor_part *part)
{
    for (size_t i = 0; i < lockstep->rows; i++)
        if (strcmp(lockstep->name[i], part->name) == 0) {
            *out = &lockstep->row[i];
            return CLG_OK;
        }
    if (lockstep->rows == lockstep->room) {
        size_t room = lockstep->room ? 2 * lockstep->room : 64;
        clg_verify_tensor *row = realloc(lockstep->row, room * sizeof *row);
        if (row)
            lockstep->row = row;
        void *name = row ? realloc(lockstep->name, room * sizeof *lockstep->name) : NULL;
        if (!name)
            return clg_fail(CLG_ENOMEM, "no memory for the tensors of a step");
        lockstep->name = name;
        lockstep->room = room;
    }
    memcpy(lockstep->name[lockstep->rows], part->name, sizeof *lockstep->name);
    *out = &lockstep->row[lockstep->rows++];
    **out = (clg_verify_tensor){
        .layer = part->layer, .step = lockstep->tally->now.step, .drift = (double)NAN};
    return CLG_OK;
}

/* The elements of a part, in its own order; NULL where memory ran out. */
static double *taken_out(const struct clg_tensor_part *part, const double *from)
{
    double *out;
    size_t at = 0;
    if (clg_alloc(&out, part->rows * part->columns, sizeof *out, "a tensor") != CLG_OK)
        return NULL;
    for (size_t r = 0; r < part->rows; r++)
        for (size_t c = 0; c < part->columns; c++)
            out[at++] = from[part->first + r * part->row_step + c * part->column_step];
    return out;
}

static clg_status dump_side(struct clg_lockstep *lockstep, const struct clg_tensor_part *part,
                            const char *side, const double *from)
{
    if (!lockstep->dump.folder)
        return CLG_OK;
    double *values = taken_out(part, from);
    if (!values)
        return CLG_ENOMEM;
    clg_status status =
        clg_dump_put(&lockstep->dump, part->name, side, values, part->rows, part->columns);
    free(values);
    return status;
}

/* The first tensor that failed, or that cannot be decided. */
static void keep_first(struct clg_lockstep *lockstep, const clg_verify_tensor *row,
                       const struct clg_tensor_part *part, size_t open)
{
    clg_verify_result *result = &lockstep->tally->result;
    if (row->worst > 1 && (!*result->first_tensor || result->too_many)) {
        memcpy(result->first_tensor, part->name, sizeof result->first_tensor);
        result->too_many = 0;
    } else if (open * 100 > part->rows * part->columns && !*result->first_tensor) {
        memcpy(result->first_tensor, part->name, sizeof result->first_tensor);
        result->first_step = row->step;
        result->too_many = 1;
    }
}

static clg_status take_part(struct clg_lockstep *lockstep, const struct clg_tensor_part *part,
                            const struct clg_compared *compared, int parts)
{
    clg_verify_tensor *row;
    size_t open = parts > 1 ? 0 : (size_t)compared->undecided + (size_t)compared->kinks;
    CLG_TRY(row_of(&row, lockstep, part));
    row->elements += part->rows * part->columns;
    row->kinks += parts > 1 ? 0 : compared->kinks;
    row->undecided += parts > 1 ? 0 : compared->undecided;
    for (size_t r = 0; compared->error && r < part->rows; r++)
        for (size_t c = 0; c < part->columns; c++)
            row->worst =
                fmax(row->worst,
                     compared->error[part->first + r * part->row_step + c * part->column_step]);
    keep_first(lockstep, row, part, open);
    CLG_TRY(dump_side(lockstep, part, "device", compared->got));
    return dump_side(lockstep, part, "reference", compared->want);
}

/* What the operation that is open has read, where it was wrong. */
static clg_status dump_inputs(struct clg_lockstep *lockstep)
{
    const struct clg_watch *watch = lockstep->watch;
    const struct clg_tally *tally = lockstep->tally;
    char name[96];
    for (int i = 0; i < watch->operands; i++) {
        const struct clg_operand *operand = &watch->operand[i];
        if (!operand->value)
            continue;
        snprintf(name, sizeof name, "%s.%s", tally->operation, operand->name);
        CLG_TRY(clg_dump_put(&lockstep->dump, name, "input", operand->value, operand->rows,
                             operand->columns));
    }
    return CLG_OK;
}

static clg_status take(struct clg_lockstep *lockstep, const struct clg_compared *compared)
{
    const struct clg_watch *watch = lockstep->watch;
    const struct clg_buf *on = NULL;
    struct clg_tensor_part part[CLG_MOST_PARTS];
    if (!lockstep->engine)
        return CLG_OK; /* an epoch's permutation, before the first step */
    if (!compared->error)
        return clg_fail(CLG_ENOMEM, "no memory for the errors of a tensor");
    for (int i = 0; i < watch->operands; i++)
        if (strcmp(watch->operand[i].name, compared->operand) == 0)
            on = watch->operand[i].on;
    int parts =
        clg_parts_of(part, lockstep->engine, lockstep->teacher, on, lockstep->tally->operation,
                     compared->operand, compared->rows, compared->columns);
    for (int i = 0; i < parts; i++)
        CLG_TRY(take_part(lockstep, &part[i], compared, parts));
    return compared->worst > 1 ? dump_inputs(lockstep) : CLG_OK;
}

static void observe(void *user, const struct clg_compared *compared)
{
    struct clg_lockstep *lockstep = user;
    if (lockstep->status == CLG_OK)
        lockstep->status = take(lockstep, compared);
}

void clg_lockstep_begin(struct clg_lockstep *lockstep, struct clg_watch *watch,
                        struct clg_tally *tally)
{
    lockstep->watch = watch;
    lockstep->tally = tally;
    lockstep->engine = NULL;
    tally->observe = observe;
    tally->observer = lockstep;
    tally->now.step = 1; /* an epoch's permutation comes before its first step */
    clg_watch_repeat(watch);
}

static const char *plan_name(const struct clg_engine *engine)
{
    static const char *const name[] = {
        [CLG_PLAN_PLAIN] = "plain", [CLG_PLAN_FUSED] = "fused", [CLG_PLAN_RESIDENT] = "resident"};
    return name[engine->plan_kind];
}

static int is_span(const struct clg_step *step)
{
    return step->engine->plan_kind == CLG_PLAN_RESIDENT;
}

clg_status clg_lockstep_step_begin(struct clg_lockstep *lockstep, const struct clg_step *step)
{
    if (lockstep->net && !lockstep->drift.device)
        CLG_TRY(clg_drift_begin(&lockstep->drift, lockstep->net, lockstep->data, step));
    clg_tally_close(lockstep->tally);
    lockstep->tally->now.step = step->number;
    lockstep->engine = step->engine;
    lockstep->teacher = step->teacher;
    lockstep->failed = lockstep->tally->result.failed;
    lockstep->tally->result.plan = plan_name(step->engine);
    return is_span(step) ? clg_span_begin(&lockstep->span, step) : CLG_OK;
}

/* Hands the step's rows to the caller, and writes or forgets what was put away. */
static clg_status report(struct clg_lockstep *lockstep, uint64_t number)
{
    const struct clg_tally *tally = lockstep->tally;
    const clg_verify_options *options = tally->options;
    int failed = tally->result.failed > lockstep->failed;
    int keep =
        failed || (lockstep->steps && (lockstep->steps <= DUMP_ALL || number == lockstep->steps));
    for (size_t i = 0; i < lockstep->rows; i++) {
        lockstep->row[i].name = lockstep->name[i];
        if (options && options->tensor)
            options->tensor(options->user, &lockstep->row[i]);
    }
    lockstep->rows = 0;
    lockstep->failed = tally->result.failed;
    return clg_dump_step(&lockstep->dump, number, keep);
}

/* The drift of each parameter into its row. */
static clg_status add_drift(struct clg_lockstep *lockstep, const struct clg_step *step)
{
    double relative[2 * CLG_MAX_LAYERS];
    const int layers = step->engine->layers;
    clg_verify_result *result = &lockstep->tally->result;
    if (!lockstep->drift.device)
        return CLG_OK;
    CLG_TRY(clg_drift_step(&lockstep->drift, relative, step));
    for (int i = 0; i < 2 * layers; i++) {
        struct clg_tensor_part part = {.layer = i % layers};
        clg_verify_tensor *row;
        snprintf(part.name, sizeof part.name, "layers.%d.%s", i % layers,
                 i < layers ? "weight" : "bias");
        CLG_TRY(row_of(&row, lockstep, &part)); /* a frozen layer has none yet */
        row->drift = relative[i];
    }
    result->drift = lockstep->drift.largest;
    memcpy(result->drift_tensor, lockstep->drift.tensor, sizeof result->drift_tensor);
    return CLG_OK;
}

clg_status clg_lockstep_step_end(struct clg_lockstep *lockstep, const struct clg_step *step)
{
    if (is_span(step))
        CLG_TRY(clg_span_end(&lockstep->span, lockstep->watch, step));
    clg_tally_close(lockstep->tally);
    CLG_TRY(add_drift(lockstep, step));
    CLG_TRY(report(lockstep, step->number));
    lockstep->tally->now.step = step->number + 1;
    return lockstep->status;
}

clg_status clg_lockstep_end(struct clg_lockstep *lockstep)
{
    clg_status status = lockstep->status;
    if (lockstep->tally) {
        clg_tally_close(lockstep->tally);
        if (status == CLG_OK && lockstep->rows)
            status = report(lockstep, lockstep->tally->now.step);
        lockstep->tally->observe = NULL;
        if (lockstep->drift.parted && !lockstep->tally->result.failed)
            lockstep->tally->result.cause = "accumulation";
    }
    clg_dump_clear(&lockstep->dump);
    clg_drift_clear(&lockstep->drift);
    clg_span_clear(&lockstep->span);
    free(lockstep->row);
    free(lockstep->name);
    memset(lockstep, 0, sizeof *lockstep);
    return status;
}
