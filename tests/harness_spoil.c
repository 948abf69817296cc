/* The wrong table of operations: each entry calls the right one and spoils what the test named. */
#include "harness_spoil.h"

#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct spoilt spoil_results[] = {
    {"permute", "perm", 0},      {"gather", "x", 1},       {"gather", "t", 0},
    {"dense_fwd", "y", 1},       {"dense_fwd", "z", 1},    {"output_fwd", "y", 1},
    {"dropout_fwd", "y", 1},     {"loss_fwd", "y", 1},     {"loss_fwd", "dz", 1},
    {"loss_fwd", "row_loss", 0}, {"score", "stats", 0},    {"score", "hits", 0},
    {"penalty", "stats", 0},     {"delta_bwd", "dx", 1},   {"grad", "dW", 1},
    {"grad", "db", 0},           {"square_sum", "out", 0}, {"clip", "grads", 0},
    {"mark_alive", "alive", 0},  {"update", "params", 0},  {"update", "slot0", 0},
    {"update", "slot1", 0},
};
const size_t spoil_count = sizeof spoil_results / sizeof *spoil_results;

enum { MOST = sizeof spoil_results / sizeof *spoil_results };

static struct {
    const struct clg_ops *inner, *before;
    const struct spoilt *what; /* (whats) */
    const enum spoil *how;
    int whats, count;
    int calls[MOST];   /* of each of what */
    int keeps_records; /* what the device had */
    unsigned failed_ways;
} now;

/* The calls so far of what is to be spoilt; NULL where this is not, or is no more.  operand NULL: of
 * any. */
static int *calls_of(const char *operation, const char *operand)
{
    for (int w = 0; w < now.whats; w++)
        if (strcmp(now.what[w].operation, operation) == 0 &&
            (!operand || strcmp(now.what[w].operand, operand) == 0))
            return now.calls[w] < now.count ? &now.calls[w] : NULL;
    return NULL;
}

/* Whether this call of operation is to be left out. */
static int skips(const char *operation)
{
    int *calls = calls_of(operation, NULL);
    if (!calls || now.how[*calls] != SPOIL_SKIP)
        return 0;
    ++*calls;
    return 1;
}

static void spoil_integers(struct clg_buf *buf, enum spoil how)
{
    int32_t value;
    ck_ok(clg_buf_download(buf, &value, 0, 1));
    value = how == SPOIL_RANGE ? 1 << 30 : value ^ 1;
    ck_ok(clg_buf_upload(buf, &value, 0, 1));
}

static double spoilt_number(double value, enum spoil how)
{
    uint64_t bits;
    if (how == SPOIL_NAN)
        return (double)NAN;
    if (how == SPOIL_INF)
        return (double)INFINITY;
    if (value == 0)
        return 1;
    memcpy(&bits, &value, sizeof bits);
    bits ^= 1ull << 44;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

static void spoil_reals(struct clg_buf *buf, enum spoil how, size_t count, size_t columns)
{
    size_t at = 0;
    double *value = calloc(buf->count, sizeof *value);
    ck_ok(clg_real_download(buf, value, 0, count));
    if (how == SPOIL_PADDING) {
        value[columns] = 1;
        ck_ok(clg_real_upload(buf, &value[columns], columns, 1));
    } else {
        for (size_t i = 1; i < count; i++)
            at = fabs(value[i]) > fabs(value[at]) ? i : at;
        value[at] = spoilt_number(value[at], how);
        ck_ok(clg_real_upload(buf, &value[at], at, 1));
    }
    free(value);
}

/* After an operation: spoils its result where it is the one. columns 0: a vector of count. */
static void spoil(const char *operation, const char *operand, struct clg_buf *buf, size_t count,
                  int columns)
{
    int *calls = calls_of(operation, operand);
    if (!calls)
        return;
    enum spoil how = now.how[(*calls)++];
    size_t size = clg_elem_size(buf->device, buf->elem);
    if (buf->transposed) {
        int turned = (int)count;
        count = (size_t)columns;
        columns = turned;
    }
    if (columns) /* the last row's end, where padding lies between the rows */
        count = (count - 1) * (size_t)clg_stride(buf->device, columns) + (size_t)columns;
    if (how == SPOIL_BEHIND)
        memset((char *)buf->host + buf->count * size, 0, size);
    else if (how == SPOIL_FRONT)
        memset((char *)buf->host - size, 0, size);
    else if (buf->elem == CLG_I32)
        spoil_integers(buf, how);
    else
        spoil_reals(buf, how, count, (size_t)columns);
}

static clg_status spoil_permute(clg_device *device, struct clg_buf *perm, size_t n, uint64_t seed,
                                uint32_t epoch)
{
    if (skips("permute"))
        return CLG_OK;
    CLG_TRY(now.inner->permute(device, perm, n, seed, epoch));
    spoil("permute", "perm", perm, n, 0);
    return CLG_OK;
}

static clg_status spoil_gather(clg_device *device, struct clg_buf *x, struct clg_buf *t,
                               const struct clg_rows *data, const struct clg_buf *perm,
                               size_t start, int B)
{
    if (skips("gather"))
        return CLG_OK;
    CLG_TRY(now.inner->gather(device, x, t, data, perm, start, B));
    spoil("gather", "x", x, (size_t)B, data->features);
    if (t)
        spoil("gather", "t", t, (size_t)B, data->target == CLG_TARGET_CLASS ? 0 : data->outputs);
    return CLG_OK;
}

static clg_status spoil_dense_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *z,
                                  const struct clg_buf *x, const struct clg_buf *W,
                                  const struct clg_buf *b, int B, int I, int O,
                                  const struct clg_activation *act)
{
    if (skips("dense_fwd"))
        return CLG_OK;
    CLG_TRY(now.inner->dense_fwd(device, y, z, x, W, b, B, I, O, act));
    spoil("dense_fwd", "y", y, (size_t)B, O);
    if (z)
        spoil("dense_fwd", "z", z, (size_t)B, O * act->pieces);
    return CLG_OK;
}

static clg_status spoil_output_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *z,
                                   int B, int O, const struct clg_activation *act)
{
    if (skips("output_fwd"))
        return CLG_OK;
    CLG_TRY(now.inner->output_fwd(device, y, z, B, O, act));
    spoil("output_fwd", "y", y, (size_t)B, O);
    return CLG_OK;
}

static clg_status spoil_dropout_fwd(clg_device *device, struct clg_buf *y, const struct clg_buf *x,
                                    int B, int N, const struct clg_dropout *drop)
{
    if (skips("dropout_fwd"))
        return CLG_OK;
    CLG_TRY(now.inner->dropout_fwd(device, y, x, B, N, drop));
    spoil("dropout_fwd", "y", y, (size_t)B, N);
    return CLG_OK;
}

static clg_status spoil_loss_fwd(clg_device *device, struct clg_buf *y, struct clg_buf *dz,
                                 struct clg_buf *row_loss, const struct clg_buf *z,
                                 const struct clg_buf *t, int B, int O,
                                 const struct clg_loss_spec *loss, const struct clg_activation *act,
                                 enum clg_target target, double scale, int mean)
{
    if (skips("loss_fwd"))
        return CLG_OK;
    CLG_TRY(
        now.inner->loss_fwd(device, y, dz, row_loss, z, t, B, O, loss, act, target, scale, mean));
    spoil("loss_fwd", "y", y, (size_t)B, O);
    spoil("loss_fwd", "dz", dz, (size_t)B, O * act->pieces);
    spoil("loss_fwd", "row_loss", row_loss, (size_t)B, 0);
    return CLG_OK;
}

static clg_status spoil_score(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
                              const struct clg_buf *row_loss, const struct clg_buf *y,
                              const struct clg_buf *t, int B, int O, enum clg_target target)
{
    if (skips("score"))
        return CLG_OK;
    CLG_TRY(now.inner->score(device, stats, hits, row_loss, y, t, B, O, target));
    spoil("score", "stats", stats, CLG_STATS, 0);
    spoil("score", "hits", hits, 1, 0);
    return CLG_OK;
}

static clg_status spoil_penalty(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                                const struct clg_buf *params, size_t n, double factor)
{
    if (skips("penalty"))
        return CLG_OK;
    CLG_TRY(now.inner->penalty(device, stats, scratch, params, n, factor));
    spoil("penalty", "stats", stats, CLG_STATS, 0);
    return CLG_OK;
}

static clg_status spoil_delta_bwd(clg_device *device, struct clg_buf *dx, struct clg_buf *dy,
                                  const struct clg_buf *dz, const struct clg_buf *W,
                                  const struct clg_buf *y, const struct clg_buf *z, int B, int I,
                                  int O, const struct clg_activation *act,
                                  const struct clg_dropout *drop)
{
    if (skips("delta_bwd"))
        return CLG_OK;
    CLG_TRY(now.inner->delta_bwd(device, dx, dy, dz, W, y, z, B, I, O, act, drop));
    spoil("delta_bwd", "dx", dx, (size_t)B, I * act->pieces);
    return CLG_OK;
}

static clg_status spoil_grad(clg_device *device, struct clg_buf *dW, struct clg_buf *db,
                             const struct clg_buf *dz, const struct clg_buf *x, int B, int I, int O)
{
    if (skips("grad"))
        return CLG_OK;
    CLG_TRY(now.inner->grad(device, dW, db, dz, x, B, I, O));
    spoil("grad", "dW", dW, (size_t)O, I);
    spoil("grad", "db", db, (size_t)O, 0);
    return CLG_OK;
}

static clg_status spoil_square_sum(clg_device *device, struct clg_buf *out, struct clg_buf *scratch,
                                   const struct clg_buf *x, size_t n, size_t at)
{
    if (skips("square_sum"))
        return CLG_OK;
    CLG_TRY(now.inner->square_sum(device, out, scratch, x, n, at));
    spoil("square_sum", "out", out, out->count, 0);
    return CLG_OK;
}

static clg_status spoil_clip(clg_device *device, struct clg_buf *grads, const struct clg_buf *norm2,
                             size_t n, size_t at, double limit)
{
    if (skips("clip"))
        return CLG_OK;
    CLG_TRY(now.inner->clip(device, grads, norm2, n, at, limit));
    spoil("clip", "grads", grads, n, 0);
    return CLG_OK;
}

static clg_status spoil_mark_alive(clg_device *device, struct clg_buf *alive,
                                   const struct clg_buf *y, int B, int O)
{
    if (skips("mark_alive"))
        return CLG_OK;
    CLG_TRY(now.inner->mark_alive(device, alive, y, B, O));
    spoil("mark_alive", "alive", alive, (size_t)O, 0);
    return CLG_OK;
}

static clg_status spoil_update(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                               struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                               size_t n_weights, const struct clg_update *u)
{
    if (skips("update"))
        return CLG_OK;
    CLG_TRY(now.inner->update(device, params, slot0, slot1, grads, n, n_weights, u));
    spoil("update", "params", params, n, 0);
    if (clg_opt_slots(u->opt) > 0)
        spoil("update", "slot0", slot0, n, 0);
    if (clg_opt_slots(u->opt) > 1)
        spoil("update", "slot1", slot1, n, 0);
    return CLG_OK;
}

static const struct clg_ops spoiling = {
    .name = "spoiling",
    .permute = spoil_permute,
    .gather = spoil_gather,
    .dense_fwd = spoil_dense_fwd,
    .output_fwd = spoil_output_fwd,
    .dropout_fwd = spoil_dropout_fwd,
    .loss_fwd = spoil_loss_fwd,
    .score = spoil_score,
    .penalty = spoil_penalty,
    .delta_bwd = spoil_delta_bwd,
    .grad = spoil_grad,
    .square_sum = spoil_square_sum,
    .clip = spoil_clip,
    .mark_alive = spoil_mark_alive,
    .update = spoil_update,
};

void spoil_begin(clg_device *device, const struct spoilt *what, const enum spoil *how, int count)
{
    spoil_begin_many(device, what, 1, how, count);
}

void spoil_begin_many(clg_device *device, const struct spoilt *what, int whats,
                      const enum spoil *how, int count)
{
    ck_assert_int_le(whats, MOST);
    now.inner = clg_ops_of(device);
    now.before = device->ops_override;
    now.keeps_records = device->keeps_records;
    now.failed_ways = device->failed_ways;
    now.what = what;
    now.whats = whats;
    now.how = how;
    now.count = count;
    memset(now.calls, 0, sizeof now.calls);
    device->ops_override = &spoiling;
    device->keeps_records = 0; /* or the device would be remembered as wrong */
}

int spoil_end(clg_device *device)
{
    device->ops_override = now.before;
    device->keeps_records = now.keeps_records;
    device->failed_ways = now.failed_ways;
    int calls = 0;
    for (int w = 0; w < now.whats; w++)
        calls += now.calls[w];
    return calls;
}
