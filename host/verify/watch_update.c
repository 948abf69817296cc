/* Watched figures (score, penalty, norms, living units), clipping and updates. */
#include "verify/watch.h"

#include <assert.h>

clg_status clg_watch_check_stats(struct clg_watch *watch, const struct clg_operand *stats,
                                 int first, double size, size_t n)
{
    double *got, *want;
    const double *before = stats->value, *kept = before + (2 - first);
    double bound = clg_bound_sum(&watch->limits, before + first, size, n);
    CLG_TRY(clg_operand_results(watch, stats, &got, &want));
    double got_total = got[first] + got[first + 1], want_total = want[first] + want[first + 1];
    clg_tally_compare(watch->tally, "stats total", &got_total, &want_total, &bound, 1, 1);
    clg_tally_compare(watch->tally, "stats kept", got + (2 - first), kept, NULL, 1, 2);
    return CLG_OK;
}

clg_status clg_watch_check_hits(struct clg_watch *watch, const struct clg_operand *hits,
                                const struct clg_operand *y, int B, int O)
{
    double *row, total = 0.0;
    CLG_TRY(clg_operand_room(watch, &row, (size_t)B));
    if (y)
        clg_bound_hits(row, &watch->limits, y->value, B, O);
    for (int b = 0; y && b < B; b++)
        total += row[b];
    return clg_operand_check(watch, hits, &total);
}

clg_status clg_watch_score(clg_device *device, struct clg_buf *stats, struct clg_buf *hits,
                           const struct clg_buf *row_loss, const struct clg_buf *y,
                           const struct clg_buf *t, int B, int O, enum clg_target target)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *sums, *counts, *losses, *out, *want;
    double size = 0;
    OPEN(watch, "score", "B %d, O %d, %s", B, O, target == CLG_TARGET_CLASS ? "class" : "value");
    CLG_TRY(clg_operand_vector(&sums, watch, "stats", stats, CLG_STATS));
    CLG_TRY(clg_operand_vector(&counts, watch, "hits", hits, 1));
    CLG_TRY(clg_operand_vector(&losses, watch, "row_loss", row_loss, (size_t)B));
    CLG_TRY(clg_operand_matrix(&out, watch, "y", y, B, O));
    CLG_TRY(clg_watch_targets(&want, watch, t, B, O, target));
    if (target == CLG_TARGET_CLASS && !clg_watch_labels_are_valid(watch, want, O))
        return clg_watch_stopped(watch);
    RUN(watch, score, device, stats, hits, row_loss, y, t, B, O, target);
    CLG_TRY(clg_ops_reference.score(watch->reference, &sums->ref, &counts->ref, &losses->ref,
                                    &out->ref, &want->ref, B, O, target));
    for (int b = 0; b < B; b++)
        size += losses->value[b] < 0 ? -losses->value[b] : losses->value[b];
    CLG_TRY(clg_watch_check_stats(watch, sums, 0, size, (size_t)B));
    return clg_watch_check_hits(watch, counts, target == CLG_TARGET_CLASS ? out : NULL, B, O);
}

clg_status clg_watch_penalty(clg_device *device, struct clg_buf *stats, struct clg_buf *scratch,
                             const struct clg_buf *params, size_t n, double factor)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *sums, *room, *weights;
    double size = 0;
    OPEN(watch, "penalty", "n %zu, factor %g", n, factor);
    CLG_TRY(clg_operand_vector(&sums, watch, "stats", stats, CLG_STATS));
    CLG_TRY(clg_operand_write_vector(&room, watch, "scratch", scratch, CLG_PENALTY_SCRATCH));
    CLG_TRY(clg_operand_vector(&weights, watch, "params", params, n));
    RUN(watch, penalty, device, stats, scratch, params, n, factor);
    CLG_TRY(clg_ops_reference.penalty(watch->reference, &sums->ref, &room->ref, &weights->ref, n,
                                      factor));
    for (size_t i = 0; i < n; i++)
        size += weights->value[i] * weights->value[i];
    /* two terms more: factor as a float, and its product */
    return clg_watch_check_stats(watch, sums, 2, size * (factor < 0 ? -factor : factor), n + 2);
}

clg_status clg_watch_square_sum(clg_device *device, struct clg_buf *out, struct clg_buf *scratch,
                                const struct clg_buf *x, size_t n, size_t at)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *to, *room, *in;
    double *bound, total = 0;
    OPEN(watch, "square_sum", "n %zu, at %zu", n, at);
    CLG_TRY(clg_operand_vector(&to, watch, "out", out, out->count));
    CLG_TRY(clg_operand_write_vector(&room, watch, "scratch", scratch, CLG_PENALTY_SCRATCH));
    CLG_TRY(clg_operand_vector(&in, watch, "x", x, n));
    RUN(watch, square_sum, device, out, scratch, x, n, at);
    CLG_TRY(clg_ops_reference.square_sum(watch->reference, &to->ref, &room->ref, &in->ref, n, at));
    CLG_TRY(clg_operand_room(watch, &bound, out->count)); /* 0: all others stay as they are */
    for (size_t i = 0; i < n; i++)
        total += in->value[i] * in->value[i];
    bound[at] = clg_bound_square_sum(&watch->limits, total, n);
    return clg_operand_check(watch, to, bound);
}

clg_status clg_watch_clip(clg_device *device, struct clg_buf *grads, const struct clg_buf *norm2,
                          size_t n, size_t at, double limit)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *to, *norm;
    double *bound;
    OPEN(watch, "clip", "n %zu, at %zu, limit %g", n, at, limit);
    CLG_TRY(clg_operand_vector(&to, watch, "grads", grads, n));
    CLG_TRY(clg_operand_vector(&norm, watch, "norm2", norm2, norm2->count));
    RUN(watch, clip, device, grads, norm2, n, at, limit);
    CLG_TRY(clg_ops_reference.clip(watch->reference, &to->ref, &norm->ref, n, at, limit));
    CLG_TRY(clg_operand_room(watch, &bound, n));
    clg_bound_clip(bound, &watch->limits, to->value, n, norm->value[at], limit);
    return clg_operand_check(watch, to, bound);
}

clg_status clg_watch_mark_alive(clg_device *device, struct clg_buf *alive, const struct clg_buf *y,
                                int B, int O)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_operand *to, *in;
    double *bound;
    OPEN(watch, "mark_alive", "B %d, O %d", B, O);
    CLG_TRY(clg_operand_vector(&to, watch, "alive", alive, (size_t)O));
    CLG_TRY(clg_operand_matrix(&in, watch, "y", y, B, O));
    RUN(watch, mark_alive, device, alive, y, B, O);
    CLG_TRY(clg_ops_reference.mark_alive(watch->reference, &to->ref, &in->ref, B, O));
    CLG_TRY(clg_operand_room(watch, &bound, (size_t)O));
    clg_bound_alive(bound, &watch->limits, in->value, B, O);
    return clg_operand_check(watch, to, bound);
}

/* ----------------------------------------------------------------- update */

clg_status clg_watch_update(clg_device *device, struct clg_buf *params, struct clg_buf *slot0,
                            struct clg_buf *slot1, const struct clg_buf *grads, size_t n,
                            size_t n_weights, const struct clg_update *u)
{
    struct clg_watch *watch = watch_of(device);
    struct clg_buf *const on[3] = {params, slot0, slot1};
    static const char *const name[3] = {"params", "slot0", "slot1"};
    struct clg_operand *o[3] = {NULL, NULL, NULL}, *g;
    double *bound[3] = {NULL, NULL, NULL};
    int used = 1 + clg_opt_slots(u->opt);
    OPEN(watch, "update", "n %zu, weights %zu, %s, t %llu", n, n_weights, clg_opt_names[u->opt],
         (unsigned long long)u->t);
    assert(used >= 1 && used <= 3);
    for (int i = 0; i < used; i++) {
        CLG_TRY(clg_operand_vector(&o[i], watch, name[i], on[i], n));
        CLG_TRY(clg_operand_room(watch, &bound[i], n));
    }
    CLG_TRY(clg_operand_vector(&g, watch, "grads", grads, n));
    RUN(watch, update, device, params, slot0, slot1, grads, n, n_weights, u);
    CLG_TRY(clg_ops_reference.update(watch->reference, &o[0]->ref, o[1] ? &o[1]->ref : NULL,
                                     o[2] ? &o[2]->ref : NULL, &g->ref, n, n_weights, u));
    clg_bound_update(bound[0], bound[1], bound[2], &watch->limits, o[0]->value,
                     o[1] ? o[1]->value : NULL, o[2] ? o[2]->value : NULL, g->value, n, n_weights,
                     u);
    for (int i = 0; i < used; i++)
        CLG_TRY(clg_operand_check(watch, o[i], bound[i]));
    return CLG_OK;
}
