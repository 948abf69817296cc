/* Which tensor of a network an operand is, by the names of model files where these have one. */
#include "net/fused.h"
#include "verify/lockstep.h"

#include <stdio.h>
#include <string.h>

/* The members of a layer and of an engine, with their names. */
struct member {
    const struct clg_buf *buf;
    const char *name;
};

static int name_of_layer(struct clg_tensor_part *part, const struct clg_engine *engine, int l,
                         const struct clg_buf *on)
{
    const struct clg_engine_layer *layer = &engine->layer[l];
    const struct member members[] = {
        {&layer->y, "y"},
        {&layer->z, "z"},
        {&layer->dropped, "dropped"},
        {&layer->dz, "dz"},
        {&layer->W, "weight"},
        {&layer->b, "bias"},
        {&layer->dW, "weight.grad"},
        {&layer->db, "bias.grad"},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (members[i].buf == on) {
            snprintf(part->name, sizeof part->name, "layers.%d.%s", l, members[i].name);
            part->layer = l;
            return 1;
        }
    return 0;
}

/* The batch that a fused step gathers ahead. */
static int name_of_next(struct clg_tensor_part *part, const struct clg_engine_fused *fused,
                        const struct clg_buf *on)
{
    const struct member members[] = {
        {&fused->x, "next.x"}, {&fused->t, "next.t"}, {&fused->row_hits, "row_hits"}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (members[i].buf == on) {
            snprintf(part->name, sizeof part->name, "%s", members[i].name);
            return 1;
        }
    return 0;
}

static int name_of(struct clg_tensor_part *part, const struct clg_engine *engine,
                   const struct clg_buf *on)
{
    const struct member members[] = {
        {&engine->x, "x"},         {&engine->t, "t"},       {&engine->x_dropped, "x.dropped"},
        {&engine->out, "y"},       {&engine->dy, "dy"},     {&engine->row_loss, "row_loss"},
        {&engine->norms, "norms"}, {&engine->hits, "hits"}, {&engine->scratch, "scratch"},
        {&engine->stats, "stats"},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (members[i].buf == on) {
            snprintf(part->name, sizeof part->name, "%s", members[i].name);
            return 1;
        }
    for (int l = 0; l < engine->layers; l++)
        if (name_of_layer(part, engine, l, on))
            return 1;
    return engine->fused && name_of_next(part, engine->fused, on);
}

/* A slab by its views: what stands in front of and behind "layers.N.weight". */
struct slab {
    char front[32];
    const char *back;
    size_t first, count; /* elements of the slab that the operand holds */
};

static int is_slab(struct slab *slab, const struct clg_engine *engine, const struct clg_buf *on)
{
    const struct clg_buf *const whole[] = {&engine->params, &engine->grads, &engine->slot[0],
                                           &engine->slot[1]};
    for (int range = -1; range < engine->ranges; range++)
        for (int i = 0; i < 4; i++) {
            const struct clg_engine_range *some = range < 0 ? NULL : &engine->range[range];
            const struct clg_buf *const view[] = {
                some ? &some->params : whole[0], some ? &some->grads : whole[1],
                some ? &some->slot[0] : whole[2], some ? &some->slot[1] : whole[3]};
            if (view[i] != on)
                continue;
            slab->front[0] = '\0';
            if (i > 1)
                snprintf(slab->front, sizeof slab->front, "opt.%s.",
                         clg_opt_slot_names[engine->net->opt][i - 2]);
            slab->back = i == 1 ? ".grad" : "";
            slab->first = some ? on->offset - whole[i]->offset : 0;
            slab->count = some ? some->count : engine->count;
            return 1;
        }
    return 0;
}

/* A weight, or (is_bias) a bias, where slab holds it. */
static int part_of_slab(struct clg_tensor_part *part, const struct slab *slab,
                        const struct clg_engine *engine, int l, int is_bias)
{
    const struct clg_engine_layer *layer = &engine->layer[l];
    size_t at = is_bias ? engine->bias_at[l] : engine->weight_at[l];
    int turned = !is_bias && layer->W.transposed;
    size_t stride = (size_t)clg_stride(engine->device, turned ? layer->rows : layer->in);
    if (at < slab->first || at >= slab->first + slab->count)
        return 0;
    snprintf(part->name, sizeof part->name, "%slayers.%d.%s%s", slab->front, l,
             is_bias ? "bias" : "weight", slab->back);
    part->layer = l;
    part->first = at - slab->first;
    part->rows = is_bias ? 1 : (size_t)layer->rows;
    part->columns = (size_t)(is_bias ? layer->rows : layer->in);
    part->row_step = is_bias ? 0 : turned ? 1 : stride;
    part->column_step = turned ? stride : 1;
    return 1;
}

static void name_of_span(struct clg_tensor_part *part, int parts)
{
    char own[sizeof part->name];
    for (int i = 0; i < parts; i++) {
        memcpy(own, part[i].name, sizeof own);
        snprintf(part[i].name, sizeof part[i].name, "span.%.80s", own);
    }
}

int clg_parts_of(struct clg_tensor_part *part, const struct clg_engine *engine,
                 const struct clg_engine *teacher, const struct clg_buf *on, const char *operation,
                 const char *name, size_t rows, size_t columns)
{
    struct slab slab;
    int parts = 0;
    if (on && is_slab(&slab, engine, on)) {
        for (int is_bias = 0; is_bias < 2; is_bias++)
            for (int l = 0; l < engine->layers; l++)
                parts += part_of_slab(&part[parts], &slab, engine, l, is_bias);
        if (strcmp(operation, "span") == 0) /* beside those of the operations that repeat it */
            name_of_span(part, parts);
        return parts;
    }
    *part = (struct clg_tensor_part){
        .layer = -1, .rows = rows, .columns = columns, .row_step = columns, .column_step = 1};
    if (on && name_of(part, engine, on))
        return 1;
    if (on && teacher && name_of(part, teacher, on)) {
        char own[sizeof part->name];
        memcpy(own, part->name, sizeof own);
        snprintf(part->name, sizeof part->name, "teacher.%.80s", own);
        return 1;
    }
    snprintf(part->name, sizeof part->name, "%s.%.*s", operation, (int)strcspn(name, " "), name);
    return 1;
}
