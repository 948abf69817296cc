/* The two layouts of a fused network's weights (kernels/strips.cl): matrices, as everything else
 * knows them, and strips of 32 columns, on which the launches of this plan run faster.  Both take
 * the same room, and not one bit of a result depends on it. */
#include "ops/fused.h"

int clg_fused_strip_of(clg_device *device, const struct clg_fused_layer *layer)
{
    if (clg_way_of(device) == CLG_WAY_LOCAL || layer->rows <= CLG_TILE_COLUMNS)
        return 0;
    return CLG_TILE_COLUMNS * clg_height(device, layer->in);
}

void clg_fused_push_strips(struct clg_args *args, const struct clg_fused *fused,
                           const struct clg_fused_layer *layer)
{
    const int strips = fused->in_strips && layer->strip;
    clg_arg_int(args, strips ? CLG_TILE_COLUMNS : clg_stride(args->device, layer->rows));
    clg_arg_int(args, strips ? layer->strip : CLG_TILE_COLUMNS);
}

/* How a matrix lies in a buffer. */
struct lie {
    size_t at;
    int row, strip;
};

/* to (I,N) = from (I,O), and zeros beside it. */
static clg_status move(const struct clg_fused *fused, struct clg_buf *to, const struct lie *in,
                       const struct clg_buf *from, const struct lie *out, int I, int N, int O)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, fused->device, "strips", "", "strips_move"));
    clg_arg_buf(&args, to);
    clg_arg_buf(&args, from);
    clg_arg_ulong(&args, in->at);
    clg_arg_ulong(&args, out->at);
    clg_arg_int(&args, I);
    clg_arg_int(&args, N);
    clg_arg_int(&args, O);
    clg_arg_int(&args, in->row);
    clg_arg_int(&args, in->strip);
    clg_arg_int(&args, out->row);
    clg_arg_int(&args, out->strip);
    return clg_launch2(&args, clg_pieces((size_t)N), (size_t)I, 1, 1);
}

/* The layer's weights in one slab into the other layout, by way of the scratch buffer, where they
 * take it on; then all of that back. */
static clg_status turn_over(const struct clg_fused *fused, struct clg_buf *slab,
                            const struct clg_fused_layer *layer, int on)
{
    const int stride = clg_stride(fused->device, layer->rows), in = layer->in;
    const int height = clg_height(fused->device, in);
    const struct lie rows = {layer->W_at, stride, CLG_TILE_COLUMNS};
    const struct lie strips = {layer->W_at, CLG_TILE_COLUMNS, layer->strip};
    const struct lie rows_there = {0, stride, CLG_TILE_COLUMNS};
    const struct lie strips_there = {0, CLG_TILE_COLUMNS, layer->strip};
    struct clg_buf *scratch = fused->net.scratch;
    if (on)
        CLG_TRY(move(fused, scratch, &strips_there, slab, &rows, in, layer->rows, layer->rows));
    else
        CLG_TRY(move(fused, scratch, &rows_there, slab, &strips, in, stride, layer->rows));
    return move(fused, slab, &rows, scratch, &rows_there, height, stride, stride);
}

clg_status clg_fused_strips(struct clg_fused *fused, int on)
{
    const struct clg_fused_net *net = &fused->net;
    struct clg_buf *const slab[] = {net->params, net->slot0, net->slot1};
    if (fused->in_strips == on)
        return CLG_OK;
    for (size_t s = 0; s < sizeof slab / sizeof *slab; s++) {
        for (int l = 0; l < net->layers && slab[s]->device; l++) {
            if (fused->layer[l].strip)
                CLG_TRY(turn_over(fused, slab[s], &fused->layer[l], on));
        }
    }
    fused->in_strips = on;
    return CLG_OK;
}
