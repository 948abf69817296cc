/* Per-layer figures at the end of an epoch: norms, and the share of relu units that no longer
 * answer to any of a fixed sample of training rows. */
#include "train/figures.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int is_watched(const struct clg_net *net, int l)
{
    return l < net->layers - 1 && net->layer[l].act.kind == CLG_RELU;
}

clg_status clg_figures_plan(struct clg_figures *figures, struct clg_plan *plan,
                            const struct clg_net *net)
{
    memset(figures, 0, sizeof *figures);
    figures->layers = net->layers;
    for (int l = 0; l < net->layers; l++)
        if (is_watched(net, l))
            CLG_TRY(clg_plan_add(plan, &figures->alive[l], CLG_I32, (size_t)net->layer[l].out,
                                 "statistics"));
    return CLG_OK;
}

static clg_status mark(struct clg_figures *figures, struct clg_engine *engine, int B)
{
    for (int l = 0; l < figures->layers; l++)
        if (figures->alive[l].device)
            CLG_TRY(engine->ops->mark_alive(engine->device, &figures->alive[l], &engine->layer[l].y,
                                            B, engine->layer[l].out));
    return CLG_OK;
}

static clg_status count(struct clg_figures *figures, const struct clg_engine *engine, int l)
{
    size_t units = (size_t)engine->layer[l].out, dead = 0;
    int32_t *alive;
    CLG_TRY(clg_alloc(&alive, units, sizeof *alive, "figures"));
    clg_status status = clg_buf_download(&figures->alive[l], alive, 0, units);
    for (size_t j = 0; status == CLG_OK && j < units; j++)
        dead += !alive[j];
    free(alive);
    figures->dead[l] = (double)dead / (double)units;
    return status;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static clg_status take_dead(struct clg_figures *figures, struct clg_engine *engine,
                            struct clg_resident *data)
{
    const size_t rows = data->all < CLG_DEAD_ROWS ? data->all : CLG_DEAD_ROWS;
    size_t from, left;
    int watched = 0;
    for (int l = 0; l < figures->layers; l++) {
        figures->dead[l] = (double)NAN;
        if (!figures->alive[l].device)
            continue;
        watched = 1;
        CLG_TRY(clg_buf_zero(&figures->alive[l]));
    }
    for (size_t at = 0, B; watched && at < rows; at += B) {
        CLG_TRY(clg_resident_find(data, 0, at, &from, &left));
        B = least(least(rows - at, left), (size_t)engine->max_batch);
        CLG_TRY(engine->ops->gather(engine->device, &engine->x,
                                    engine->net->target_input ? NULL : &engine->t, &data->rows,
                                    NULL, from, (int)B));
        CLG_TRY(clg_engine_fwd(engine, (int)B, 0));
        CLG_TRY(mark(figures, engine, (int)B));
    }
    for (int l = 0; l < figures->layers; l++)
        if (figures->alive[l].device)
            CLG_TRY(count(figures, engine, l));
    return CLG_OK;
}

clg_status clg_figures_take(struct clg_figures *figures, struct clg_engine *engine,
                            struct clg_resident *data)
{
    CLG_TRY(clg_engine_norms(engine, figures->weight_norm, figures->gradient_norm));
    return take_dead(figures, engine, data);
}

void clg_figures_release(struct clg_figures *figures)
{
    for (int l = 0; l < figures->layers; l++)
        clg_buf_release(&figures->alive[l]);
}
