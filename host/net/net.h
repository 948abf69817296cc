/* The network on the host, and the engine that holds it on a device. */
#ifndef CLG_NET_NET_H
#define CLG_NET_NET_H

#include "core/config.h"
#include "data/dataset.h"
#include "ops/ops.h"

enum { CLG_MAX_LAYERS = 64, CLG_LARGEST_LAYER = 1 << 24 };

struct clg_layer {
    int in, out; /* units */
    int rows;    /* of W and b: out * act.pieces */
    struct clg_activation act;
    char act_text[48]; /* "leaky_relu:0.2" */
    double dropout;    /* of its output, 0 for none */
    int frozen;
    double *W, *b; /* (rows,in), (rows); in the net's params slab */
};

struct clg_net {
    int layers; /* hidden and output */
    struct clg_layer layer[CLG_MAX_LAYERS];
    enum clg_loss loss;
    double huber_delta, label_smoothing;
    double *class_weights; /* (classes), NULL: all 1 */
    double dropout_input;
    enum clg_opt opt;
    enum clg_target target; /* how the loss takes its targets */
    int target_input;       /* 1: the targets are the inputs (autoencoder) */
    int sum_reduction;
    int classes;        /* class targets: how many; 0 otherwise */
    char **class_name;  /* (classes) */
    clg_config *config; /* resolved: no "" where a default depends on others */
    struct clg_normalise normalise;
    char *text;  /* "784,128:relu,10:softmax" */
    char *notes; /* what clg_net_init_from took; NULL: nothing to say */

    size_t count, weights; /* parameters in all; of them weights */
    double *params;        /* all weights layer by layer, then all biases; dense */
    double *slot[2];       /* the optimiser's moments, laid out as params; NULL: none */
    uint64_t step;         /* optimiser steps done */
    int epoch;             /* epochs done */
    uint64_t seed;
    int height, width; /* of one input where it is an image, else 0 */
    const char *state; /* of the run that saves it (train/state.h), borrowed; NULL: of none */
};

/* Inputs and outputs of the network. */
int clg_net_inputs(const struct clg_net *net);
int clg_net_outputs(const struct clg_net *net);

/* describe.c: shapes and kinds from config for `features` inputs and either classes > 0 or value
 * targets with `outputs` columns; resolves the config.  No parameters yet. */
clg_status clg_net_describe(struct clg_net **out, const clg_config *config, size_t features,
                            int classes, size_t outputs);

/* Allocates params (zero) and sets each layer's W and b. */
clg_status clg_net_allocate(struct clg_net *net);

/* Allocates the slots of the net's optimiser (zero) where they are missing. */
clg_status clg_net_allocate_slots(struct clg_net *net);

/* init.c: draws starting weights from the net's seed, rounded to float. */
clg_status clg_net_draw(struct clg_net *net);

/* The tensor named "layers.N.weight" and so on: its place in params; NULL where there is none.  A
 * bias has rows alone, columns 0.  For tests, which look tensors up as files name them. */
double *clg_net_tensor(struct clg_net *net, const char *name, int *rows, int *columns);

/* The normalisation that data gets: the net's own, or, where a plain file left it open (its kind is
 * auto), unit for bytes and none for the rest.  The caller clears *out. */
clg_status clg_net_normalise_for(struct clg_normalise *out, const struct clg_net *net,
                                 const struct clg_dataset *data);

/* An independent copy, slots and all. */
clg_status clg_net_copy(struct clg_net **out, const struct clg_net *from);

/* model_file.c: as clg_net_save; wide 1 also writes every tensor as F64 under ref.*. */
clg_status clg_net_save_as(const struct clg_net *net, const char *path, int wide);

/* model_load.c: as clg_net_load; wide 1 takes the F64 tensors where the file has them, which is for
 * a run that goes on: everyone else sees the F32 ones. */
clg_status clg_net_load_as(struct clg_net **out, const char *path, const clg_config *config,
                           int wide);

/* ------------------------------------------------------------------ engine */

/* How steps become launches.  Plain: each operation in launches of its own.  Fused: 3 to 5 launches
 * a step, to the bit the same.  Resident: many whole steps of a small network in one launch. */
enum clg_plan_kind { CLG_PLAN_PLAIN, CLG_PLAN_FUSED, CLG_PLAN_RESIDENT };

struct clg_engine_layer {
    int in, out, rows;
    struct clg_activation act;
    struct clg_buf W, b, dW, db; /* views of params and grads */
    struct clg_buf y;            /* (max_batch,out) */
    struct clg_buf z;       /* (max_batch,rows) where the derivative needs it, or of the output */
    struct clg_buf dropped; /* (max_batch,out) where there is dropout */
    struct clg_buf dz;      /* (max_batch,rows) */
};

/* A stretch of the slabs that is updated by one launch: all of them, or, where layers are frozen,
 * the weights or the biases of one layer. */
struct clg_engine_range {
    struct clg_buf params, grads, slot[2]; /* views */
    size_t count, weights;
};

struct clg_engine {
    clg_device *device;
    struct clg_net *net;
    const struct clg_ops *ops;
    enum clg_plan_kind plan_kind; /* of training steps */
    struct clg_spans *spans;      /* net/span.c; NULL before the first span */
    struct clg_engine_fused *fused; /* fused.h; NULL under other plans */
    int layers, max_batch, training;
    int first_trained;        /* layers in front of it are frozen, and get no delta */
    struct clg_update update; /* the optimiser's scalars; lr and t are set at each step */
    double clip_norm;         /* 0: none */
    struct clg_loss_spec loss;
    struct clg_engine_layer layer[CLG_MAX_LAYERS];
    struct clg_buf params, grads, slot[2], best; /* slabs of equal layout, padded */
    struct clg_buf x, t;         /* (max_batch,in); (max_batch) classes or (max_batch,out) values */
    struct clg_buf x_dropped;    /* (max_batch,in) where inputs are dropped */
    const struct clg_buf *input; /* x, or another engine's x of the same shape (a teacher's) */
    struct clg_buf out, row_loss; /* (max_batch,out) after the output activation; (max_batch) */
    struct clg_buf dy;            /* scratch of delta_bwd, where a layer is maxout */
    struct clg_buf stats, hits, scratch, norms, class_weights, weight_norm;
    struct clg_engine_range *range; /* (ranges), where layers are frozen */
    int ranges;
    size_t count, weights; /* elements of a slab; of them in front, weights */
    size_t weight_at[CLG_MAX_LAYERS], bias_at[CLG_MAX_LAYERS]; /* first element in a slab */
    int best_kept;                                             /* 1: best holds parameters */
};

/* The scores gathered since stats and hits were last zeroed: means over `rows` examples. */
struct clg_scores {
    double loss, cost, accuracy; /* accuracy NaN for value targets */
};
clg_status clg_engine_read_scores(struct clg_engine *engine, struct clg_scores *out, size_t rows);
clg_status clg_engine_zero_scores(struct clg_engine *engine);

/* Adds the engine's buffers to plan; after the commit clg_engine_attach makes the views.  This lets
 * network and data sets share one budget. */
clg_status clg_engine_plan(struct clg_engine **out, struct clg_plan *plan, struct clg_net *net,
                           int max_batch, int training);
clg_status clg_engine_attach(struct clg_engine *engine);

/* Enqueue: forward of the batch in engine->input up to z of the output layer.  dropping 1: with
 * dropout, by the step that comes next. */
clg_status clg_engine_fwd(struct clg_engine *engine, int B, int dropping);
/* Enqueue: the output activation alone, from z to out. */
clg_status clg_engine_output(struct clg_engine *engine, int B);
/* Enqueue: out, row_loss and the first delta of the batch in x and t.  teacher_z as in
 * clg_loss_spec. */
clg_status clg_engine_loss(struct clg_engine *engine, int B, const struct clg_buf *teacher_z);
/* Enqueue: adds the batch's loss, hits and, with L2, penalty to stats and hits. */
clg_status clg_engine_score(struct clg_engine *engine, int B);
/* Enqueue: all gradients and the deltas in front of the last. */
clg_status clg_engine_bwd(struct clg_engine *engine, int B);
/* Enqueue: one optimiser step at learning rate lr; counts net->step. */
clg_status clg_engine_step(struct clg_engine *engine, double lr);
/* Norms of each layer's weights and of its last weight gradient, (layers) each; waits for them. */
clg_status clg_engine_norms(struct clg_engine *engine, double *weight, double *gradient);

/* Download the slab from (params, slot or best) into dense (laid out as net->params), and back. */
clg_status clg_engine_read_slab(struct clg_engine *engine, double *dense,
                                const struct clg_buf *slab);
clg_status clg_engine_write_slab(struct clg_engine *engine, struct clg_buf *slab,
                                 const double *dense);

/* ------------------------------------------------------------------- plans */

/* One batch of a data set, and the one that follows it in the same epoch, which a fused step
 * gathers ahead (next_B 0: none does).  perm NULL: the rows in order.  keep_gradient 1: the step's
 * gradients are asked for after it. */
struct clg_batch {
    const struct clg_rows *data;
    const struct clg_buf *perm;
    size_t start;
    int B;
    size_t next_start;
    int next_B;
    int keep_gradient;
};

/* Enqueue: one whole training step by the engine's plan: gather (unless the step before did),
 * forward, loss, score, backward, update at learning rate lr; counts net->step. */
clg_status clg_engine_train_step(struct clg_engine *engine, const struct clg_batch *batch,
                                 double lr);

/* Enqueue: what fused steps keep in a layout of their own (kernels/strips.cl) back to where
 * everyone finds it.  The engine's other calls do so themselves; the last step of an epoch has done
 * so. */
clg_status clg_engine_settle(struct clg_engine *engine);

/* A span: many steps in one launch, over the ends of epochs. */
struct clg_span {
    const struct clg_rows *data;
    int shuffle, batch;
    int epoch;           /* of the first step, from 1 */
    uint64_t epoch_step; /* steps of that epoch done before */
    uint64_t steps;
    int ends;         /* 1: training ends with it, and so does its last epoch, however short */
    const double *lr; /* learning rate: (1), or (steps) where lr_varies */
    int lr_varies;
    int every_epoch;  /* 1: an account of each epoch that ends; 0: of the last that ends alone */
    int keep_best;    /* 1: keep the parameters of an epoch whose training loss is below best_loss */
    double best_loss; /* in and out */
    int best_epoch;   /* in and out: whose parameters engine->best holds; 0: nobody's */
    float best_sum[2]; /* in and out: best_loss times rows, as the device has it; 0: not known */
};

/* NULL where the engine can train in spans, else why it cannot. */
const char *clg_engine_refuses_spans(const struct clg_engine *engine, const struct clg_rows *data,
                                     int batch);

/* Epochs that may end in one span when each is accounted for. */
enum { CLG_SPAN_EPOCHS = 4096 };

/* Seconds that a step may take, from its operations; an estimate for the first span. */
double clg_span_step_seconds(const struct clg_engine *engine, int batch);

/* Runs span, waits for it, and reads its account once: scores of the *count epochs that ended in
 * it, oldest first; ended has room for CLG_SPAN_EPOCHS, or for 1 where every_epoch is 0.  The
 * sums of the epoch under way stay on the device, as those of single steps do; net->step counts
 * on. */
clg_status clg_engine_span(struct clg_engine *engine, struct clg_span *span,
                           struct clg_scores *ended, int *count);

/* A data set on the device, in the order of its rows: all of it, or where part is not 0 the places
 * of an epoch's order that feed.c brings there, so that nothing is permuted on the device. */
struct clg_feed;
struct clg_resident {
    struct clg_rows rows; /* rows.rows: as many as have room */
    struct clg_buf perm;
    int has_perm;
    size_t all;  /* rows of the data set */
    size_t part; /* rows that come at a time; 0: all are there */
    struct clg_feed *feed;
};
/* Whether the network's loss is defined for a target of this value, and the values for which it is,
 * in words. */
int clg_net_takes_value(const struct clg_net *net, double value);
const char *clg_net_values(const struct clg_net *net);

clg_status clg_resident_plan(struct clg_resident *resident, struct clg_plan *plan,
                             const struct clg_dataset *data, const struct clg_net *net, int shuffle,
                             const char *purpose);
/* Where the device lacks room for plan: has the sets of it come in parts, each a multiple of its
 * batch.  data and net stay as they are as long as the set is used. */
struct clg_resident_share {
    struct clg_resident *resident;
    const struct clg_dataset *data;
    const struct clg_net *net;
    int batch;
};
void clg_resident_fit(struct clg_plan *plan, const struct clg_resident_share *share, int count);

/* Where place `place` of an epoch's order lies: *at, and *left places from it on lie behind each
 * other.  epoch 0: the data's own order.  What was found before the last call may be gone. */
clg_status clg_resident_find(struct clg_resident *resident, int epoch, size_t place, size_t *at,
                             size_t *left);

clg_status clg_resident_upload(struct clg_resident *resident, const struct clg_dataset *data,
                               const struct clg_net *net);
void clg_resident_release(struct clg_resident *resident);

/* Each class of data as the network numbers it: map (data->classes), which the caller frees; whether
 * all targets are values that the loss is defined for; whether rows, features and targets are of
 * the network's shape. */
clg_status clg_net_map_classes(int32_t **map, const struct clg_net *net,
                               const struct clg_dataset *data);
clg_status clg_net_check_values(const struct clg_net *net, const struct clg_dataset *data);
clg_status clg_net_check_shapes(const struct clg_net *net, const struct clg_dataset *data);

/* feed.c, for resident.c: two parts of `part` rows each. */
enum { CLG_FEED_PARTS = 2 };
clg_status clg_feed_create(struct clg_feed **out, const struct clg_dataset *data,
                             const struct clg_net *net, size_t part);
void clg_feed_destroy(struct clg_feed *feed);
clg_status clg_feed_find(struct clg_feed *feed, struct clg_rows *rows, int epoch,
                           size_t place, size_t *at, size_t *left);

#endif
