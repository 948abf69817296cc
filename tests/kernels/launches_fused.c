/* The launches of a step by the fused plan, from the engine that runs it: names, types and order of
 * their arguments, and what is pushed for each (launches.c). */
#include "harness.h"
#include "harness_train.h"
#include "kernels/launches.h"
#include "net/fused.h"
#include "ops/fused_local.h"

#include <string.h>

static clg_device *device;

enum { FUSED_B = 5 };
#define RATE_NAMES " rate root decay l2 keep0 rest0 keep1 rest1 eps"
#define LEARN(names) (is_local() ? names RATE_NAMES : names RATE_NAMES " strips")
#define HEAD_NAMES "B I rows ldz ldx ldw scale delta keep share"

/* The forms for local memory know no strips. */
static int is_local(void)
{
    return clg_way_of(device) == CLG_WAY_LOCAL;
}

#define DENSE(names) (is_local() ? names "B I O ldy ldx ldw" : names "B I O ldy ldx ldw strip")

/* Layer l of the engine as a forward launch takes it; z where it is kept. */
static void want_dense_fwd(struct clg_engine *e, int l)
{
    struct clg_engine_layer *layer = &e->layer[l];
    const struct clg_buf *input = l ? &e->layer[l - 1].y : &e->x;
    const int in = clg_stride(device, layer->in), out = clg_stride(device, layer->out);
    if (clg_act_keeps_z(layer->act.kind))
        WANT("dense_fwd", DENSE("y z x W b "),
             LIST(&layer->y, &layer->z, input, &layer->W, &layer->b),
             LIST(FUSED_B, layer->in, layer->out, out, in, out, 32));
    else
        WANT("dense_fwd", DENSE("y x W b "), LIST(&layer->y, input, &layer->W, &layer->b),
             LIST(FUSED_B, layer->in, layer->out, out, in, out, 32));
}

/* The head with the delta of the layer in front, which keeps y; weighted where classes are. */
static void want_head(struct clg_engine *e)
{
    struct clg_engine_layer *last = &e->layer[2], *front = &e->layer[1];
    const int in = clg_stride(device, last->in), out = clg_stride(device, last->out);
    const int rows = device->local_is_dedicated ? clg_local_head_rows(device, FUSED_B) : 8;
    if (e->loss.class_weights) {
        WANT("weight_sum", "norm class_weights t B",
             LIST(&e->weight_norm, &e->class_weights, &e->t), LIST(FUSED_B));
        WANT("head",
             "y dz row_loss row_hits z dx kept x W bias t class_weights norm mean " HEAD_NAMES,
             LIST(&e->out, &last->dz, &e->row_loss, &e->fused->row_hits, &last->z, &front->dz,
                  &front->y, &front->y, &last->W, &last->b, &e->t, &e->class_weights,
                  &e->weight_norm),
             LIST(1, FUSED_B, last->in, rows, out, in, out, 1, e->loss.delta, 0.75,
                  0.25 / last->out));
    } else {
        WANT("head", "y dz row_loss row_hits z dx kept x W bias t " HEAD_NAMES,
             LIST(&e->out, &last->dz, &e->row_loss, &e->fused->row_hits, &last->z, &front->dz,
                  &front->y, &front->y, &last->W, &last->b, &e->t),
             LIST(FUSED_B, last->in, rows, out, in, out, 1.0 / FUSED_B, e->loss.delta, 1, 0));
    }
}

static void want_delta(struct clg_engine *e)
{
    struct clg_engine_layer *layer = &e->layer[1], *front = &e->layer[0];
    const int in = clg_stride(device, layer->in), out = clg_stride(device, layer->out);
    WANT("delta_bwd",
         is_local() ? "dx kept dz W B I O ldx ldz ldw" : "dx kept dz W B I O ldx ldz ldw strip",
         LIST(&front->dz, &front->z, &layer->dz, &layer->W),
         LIST(FUSED_B, layer->in, layer->out, in, out, out, 32));
}

/* The last launch, of adam from shuffled bytes with classes, or of sgd from floats with values. */
static void want_learn(struct clg_engine *e, struct clg_resident *data, double lr)
{
    struct clg_engine_fused *f = e->fused;
    struct clg_rows *rows = &data->rows;
    struct clg_update u = e->update;
    u.lr = lr;
    u.t = e->net->step + 1;
    const struct clg_rates r = clg_rates_of(&u);
    const int ldx = clg_stride(device, rows->features);
#define RATES r.rate, r.root, r.decay, u.l2, r.keep0, 1 - r.keep0, r.keep1, 1 - r.keep1, r.eps
    if (u.opt == CLG_ADAM)
        WANT("learn",
             LEARN("params slot0 slot1 stats hits row_loss row_hits x_next t_next targets batch x "
                   "jobs data scale shift perm B next_B next_start features ldx"),
             LIST(&e->params, &e->slot[0], &e->slot[1], &e->stats, &e->hits, &e->row_loss,
                  &f->row_hits, &f->x, &f->t, &rows->t, &f->slab, &e->x, &f->jobs, &rows->x,
                  &rows->scale, &rows->shift, &data->perm),
             LIST(FUSED_B, 2, 2 * FUSED_B, rows->features, ldx, RATES));
    else
        WANT("learn",
             LEARN("params stats hits row_loss row_hits x_next t_next targets outputs ldt batch x "
                   "jobs data B next_B next_start features ldx"),
             LIST(&e->params, &e->stats, &e->hits, &e->row_loss, &f->row_hits, &f->x, &f->t,
                  &rows->t, &f->slab, &e->x, &f->jobs, &rows->x),
             LIST(rows->outputs, clg_stride(device, rows->outputs), FUSED_B, 2, 2 * FUSED_B,
                  rows->features, ldx, RATES));
}

/* The weights of the first layer, 50 columns in rows of 64, into strips, and the moments. */
static void want_strips(struct clg_engine *e)
{
    const struct clg_buf *slab[] = {&e->params, &e->slot[0], &e->slot[1]};
    struct clg_buf *scratch = &e->fused->scratch;
    const double strip = 32 * clg_height(device, e->layer[0].in), at = (double)e->weight_at[0];
    const char *names = "to from to_at from_at I N O to_row to_strip from_row from_strip";
    for (int s = 0; s < 1 + clg_opt_slots(e->net->opt); s++) {
        WANT("strips_move", names, LIST(scratch, slab[s]),
             LIST(0, at, e->layer[0].in, 50, 50, 32, strip, 64, 32));
        WANT("strips_move", names, LIST(slab[s], scratch),
             LIST(at, 0, clg_height(device, e->layer[0].in), 64, 64, 64, 32, 64, 32));
    }
}

static clg_dataset *fused_data(int classes)
{
    enum { FEATURES = 21, OUTPUTS = 4, N = 2 * FUSED_B + 2 };
    static float x[N * FEATURES], values[N * OUTPUTS];
    clg_dataset *data = NULL;
    if (!classes) {
        ck_ok(clg_dataset_from_arrays(&data, x, N, FEATURES, NULL, 0, values, OUTPUTS));
        return data;
    }
    data = harness_blobs(N, FEATURES, classes, 1);
    memset((void *)(uintptr_t)data->x, 1, (size_t)N * FEATURES); /* the same as bytes */
    data->storage = CLG_BYTES;
    return data;
}

/* The second step of three, whose batch is there and which gathers the third's. */
static void fused_arguments(clg_config *config, int classes)
{
    struct clg_resident resident;
    struct clg_plan plan;
    clg_dataset *data = fused_data(classes);
    clg_net *net = NULL;
    struct clg_engine *e = NULL;
    ck_ok(clg_net_create(&net, config, data));
    clg_plan_begin(&plan, device);
    ck_ok(clg_resident_plan(&resident, &plan, data, net, 1, "test data"));
    ck_ok(clg_plan_commit(&plan));
    ck_ok(clg_resident_upload(&resident, data, net));
    ck_ok(clg_engine_create(&e, device, net, FUSED_B, 1));
    ck_ok(e->ops->permute(device, &resident.perm, data->rows, 1, 1));
    struct clg_batch batch = {.data = &resident.rows,
                              .perm = classes ? &resident.perm : NULL,
                              .B = FUSED_B,
                              .next_start = FUSED_B,
                              .next_B = FUSED_B};
    ck_ok(clg_engine_train_step(e, &batch, 0.25));
    batch.start = FUSED_B;
    batch.next_start = 2 * FUSED_B;
    batch.next_B = 2;
    want_dense_fwd(e, 0);
    want_dense_fwd(e, 1);
    want_head(e);
    want_delta(e);
    want_learn(e, &resident, 0.125);
    EXPECT(clg_engine_train_step(e, &batch, 0.125));
    if (!is_local()) {
        want_strips(e);
        EXPECT(e->ops->fused_strips(e->fused->launches, 1));
    }
    ck_ok(clg_device_finish(device));
    clg_engine_destroy(e);
    clg_resident_release(&resident);
    clg_net_destroy(net);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
}

void launches_fused(clg_device *on)
{
    device = on;
    fused_arguments(harness_config("layers", "50:gelu,18:tanh", "label-smoothing", "0.25",
                                   "class-weights", "1,2,1", "opt", "adam", NULL),
                    3);
    fused_arguments(harness_config("layers", "50:gelu,18:tanh", "loss", "mse", "opt", "sgd", NULL),
                    0);
}
