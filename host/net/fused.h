/* The fused plan's part of an engine: one slab for what its last launch reads, a second batch, and
 * the prepared launches.  engine.c makes it, fused.c runs it. */
#ifndef CLG_NET_FUSED_H
#define CLG_NET_FUSED_H

#include "net/net.h"

/* A view of the slab that is still to be made. */
struct clg_engine_part {
    struct clg_buf *buf;
    size_t first, count;
};

enum { CLG_ENGINE_PARTS = 3 * CLG_MAX_LAYERS + 1 }; /* y, dropped, dz of each layer; x_dropped */

struct clg_engine_fused {
    struct clg_engine_part part[CLG_ENGINE_PARTS];
    int parts;
    size_t count;        /* elements of the slab */
    struct clg_buf slab; /* inputs of all layers but x, and all deltas */
    struct clg_buf x, t; /* where the next batch goes, as the engine's x and t */
    struct clg_buf row_hits, jobs;
    struct clg_buf scratch; /* for weights on their way into strips, where some may lie so */
    int strips;             /* 1: some may */
    clg_status (*move)(struct clg_fused *fused, int on); /* into strips and back, unwatched */
    int32_t *table;    /* of the jobs, until they are on the device */
    size_t table_size; /* numbers */
    size_t turned_at;
    int turned_row, job_count; /* as in struct clg_fused_net */
    struct clg_fused *launches;
    struct clg_batch ahead; /* the batch that x and t hold; B 0: none */
};

/* Chooses the plan of training steps, and makes engine->fused where it is the fused one. */
clg_status clg_engine_choose_plan(struct clg_engine *engine);

/* Asks for a matrix that the last launch of a step reads: in the slab under the fused plan, else of
 * its own. */
clg_status clg_engine_plan_part(struct clg_engine *engine, struct clg_plan *plan,
                                struct clg_buf *buf, int rows, int columns, const char *purpose);

/* Asks for the slab and the rest once all parts are known; after the commit, makes the views and
 * the launches. */
clg_status clg_engine_plan_fused(struct clg_engine *engine, struct clg_plan *plan);
clg_status clg_engine_attach_fused(struct clg_engine *engine);
void clg_engine_destroy_fused(struct clg_engine *engine);

/* passes.c: what layer l takes in, its dropout in the step that comes next, and one such. */
const struct clg_buf *clg_engine_input_of(const struct clg_engine *engine, int l, int dropping);
struct clg_dropout clg_engine_dropout_of(const struct clg_engine *engine, int l);
clg_status clg_engine_drop(struct clg_engine *engine, struct clg_buf *to,
                           const struct clg_buf *from, int B, int columns, int l);
const struct clg_buf *clg_engine_targets_of(const struct clg_engine *engine);
double clg_engine_loss_scale(const struct clg_engine *engine, int B);
clg_status clg_engine_penalty(struct clg_engine *engine, int B);

/* passes.c: all gradients; the delta of the layer in front of l; the scalars of the step that comes
 * next. */
clg_status clg_engine_grads(struct clg_engine *engine, int B);
clg_status clg_engine_delta(struct clg_engine *engine, int l, int B);
void clg_engine_begin_update(struct clg_engine *engine, double lr);

#endif
