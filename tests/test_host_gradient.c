/* Backpropagation on the reference against central differences of the loss, in double precision:
 * every hidden activation with every accepted loss, output activation, kind of target and
 * reduction, through two hidden layers, with label smoothing and class weights.  Left out are step,
 * which has no derivative, and what is not part of this gradient: L2. */
#include "core/rng.h"
#include "harness.h"
#include "net/net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { B = 5, INPUTS = 5, LAYERS = 3, LARGEST = 6, PIECES = 2, CLASSES = 3 };

/* Sides of kinks: of every unit, and of every error for huber. */
enum { UNITS = B * LARGEST * (LAYERS + 1) };

/* Five points at this distance: the formula's error is h^4/30 of the fifth derivative, far below
 * rounding's 3 DBL_EPSILON loss / (2 h), which is a tenth of the 1e-9 that an element may be off.
 */
static const double step = 2e-5;

static clg_device *device;
static int compared, skipped;

/* The texts of the activations that have a derivative. */
static const char *const acts[CLG_ACTS] = {
    [CLG_IDENTITY] = "identity", [CLG_SIGMOID] = "sigmoid", [CLG_TANH] = "tanh",
    [CLG_RELU] = "relu",         [CLG_SOFTMAX] = "softmax", [CLG_LEAKY_RELU] = "leaky_relu:0.2",
    [CLG_ELU] = "elu:1.5",       [CLG_GELU] = "gelu",       [CLG_SILU] = "silu",
    [CLG_SOFTPLUS] = "softplus", [CLG_MAXOUT] = "maxout:2",
};

static const double weights[CLASSES] = {0.5, 2, 1.25};
static const char *const weights_text[CLASSES + 1] = {"", NULL, "0.5,2", "0.5,2,1.25"};

struct problem {
    const char *act, *loss, *output_act, *reduction, *smoothing;
    int weighted;
    int classes; /* 0: value targets */
    int outputs;
};

struct setup {
    const struct problem *problem;
    clg_config *config;
    clg_dataset *data;
    clg_net *net;
    clg_engine *engine;
    float x[B * INPUTS], values[B * LARGEST];
    int32_t labels[B];
};

/* Parameter by parameter: the tensors of all layers, weight before bias. */
struct tensors {
    int count[2 * LAYERS];
    double value[2 * LAYERS][LARGEST * LARGEST * PIECES];
};

static double drawn(uint32_t what, int index)
{
    return 2 * clg_uniform(11, CLG_STREAM_TEST, what, (uint64_t)index) - 1;
}

static void draw_data(struct setup *s)
{
    const struct problem *p = s->problem;
    for (int i = 0; i < B * INPUTS; i++)
        s->x[i] = (float)(2 * drawn(1, i));
    for (int i = 0; i < B * p->outputs; i++)
        s->values[i] = (float)(0.5 + 0.5 * drawn(2, i)); /* in 0..1, as bce needs them */
    for (int i = 0; i < B; i++)
        s->labels[i] = p->classes ? i % p->classes : 0;
}

static const int32_t *labels_of(const struct setup *s)
{
    return s->problem->classes ? s->labels : NULL;
}

static const float *values_of(const struct setup *s)
{
    return s->problem->classes ? NULL : s->values;
}

static void open_setup(struct setup *s, const struct problem *p)
{
    const char *const options[][2] = {
        {"layers", "6,4"},
        {"act", p->act},
        {"output-act", p->output_act},
        {"loss", p->loss},
        {"opt", "sgd"},
        {"reduction", p->reduction},
        {"normalize", "none"},
        {"init", "xavier"},
        {"label-smoothing", p->smoothing},
        {"class-weights", weights_text[p->weighted ? p->classes : 0]},
    };
    memset(s, 0, sizeof *s);
    s->problem = p;
    draw_data(s);
    ck_ok(clg_config_create(&s->config));
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        ck_ok(clg_config_set(s->config, options[i][0], options[i][1]));
    ck_ok(clg_dataset_from_arrays(&s->data, s->x, B, INPUTS, labels_of(s), p->classes, values_of(s),
                                  p->classes ? 0 : (size_t)p->outputs));
    ck_ok(clg_net_create(&s->net, s->config, s->data));
    ck_assert_int_eq(clg_net_layers(s->net), LAYERS);
    ck_assert_int_eq(clg_net_outputs(s->net), p->outputs);
    ck_ok(clg_engine_create(&s->engine, device, s->net, B, 1));
}

static void close_setup(struct setup *s)
{
    clg_engine_destroy(s->engine);
    clg_net_destroy(s->net);
    clg_dataset_destroy(s->data);
    clg_config_destroy(s->config);
}

/* The drawn weights, and biases that are not zero. */
static void read_tensors(struct tensors *t, const struct setup *s)
{
    for (int l = 0; l < LAYERS; l++) {
        int inputs = s->net->layer[l].in, rows = s->net->layer[l].rows;
        ck_assert_int_le(inputs * rows, LARGEST * LARGEST * PIECES);
        t->count[2 * l] = inputs * rows;
        t->count[2 * l + 1] = rows;
        ck_ok(clg_net_get_weights(s->net, l, t->value[2 * l], NULL));
        for (int i = 0; i < rows; i++)
            t->value[2 * l + 1][i] = 0.3 * drawn(3 + (uint32_t)l, i);
    }
}

/* On which side of its activation's kink unit i of a layer is: hidden layers keep f(z), which has
 * z's sign here, or z; the output layer keeps z. */
static unsigned char side_of(const struct clg_engine_layer *layer, int i)
{
    const double *kept = layer->z.device ? layer->z.host : layer->y.host;
    const int O = layer->out, b = i / O, j = i % O;
    switch (layer->act.kind) {
    case CLG_RELU:
    case CLG_LEAKY_RELU:
    case CLG_ELU: /* its second derivative jumps, which the differences see */
        return kept[i] > 0;
    case CLG_MAXOUT:
        return kept[b * layer->rows + O + j] > kept[b * layer->rows + j];
    default:
        return 0;
    }
}

/* Inside, above or below huber's straight lines. */
static unsigned char error_side(const struct setup *s, int i)
{
    const int O = s->problem->outputs, b = i / O, j = i % O;
    double t = s->problem->classes ? s->labels[b] == j : (double)s->values[i];
    double error = ((const double *)s->engine->out.host)[i] - t;
    if (s->net->loss != CLG_HUBER || fabs(error) <= s->net->huber_delta)
        return 0;
    return error > 0 ? 1 : 2;
}

static void read_sides(unsigned char sides[UNITS], const struct setup *s)
{
    memset(sides, 0, UNITS);
    for (int l = 0; l < LAYERS; l++)
        for (int i = 0; i < B * s->engine->layer[l].out; i++)
            sides[l * B * LARGEST + i] = side_of(&s->engine->layer[l], i);
    for (int i = 0; i < B * s->problem->outputs; i++)
        sides[LAYERS * B * LARGEST + i] = error_side(s, i);
}

/* What the gradient is the gradient of: the sum of the examples' losses, or their mean, which is
 * divided by the examples' weights. */
static double reduced(const struct setup *s)
{
    const double *row = s->engine->row_loss.host;
    double sum = 0, size = 0;
    for (int i = 0; i < B; i++) {
        sum += row[i];
        size += s->problem->weighted ? weights[s->labels[i]] : 1;
    }
    return strcmp(s->problem->reduction, "sum") == 0 ? sum : sum / size;
}

static double loss_at(struct setup *s, const struct tensors *t, unsigned char sides[UNITS])
{
    for (int l = 0; l < LAYERS; l++)
        ck_ok(clg_net_set_weights(s->net, l, t->value[2 * l], t->value[2 * l + 1]));
    ck_ok(clg_engine_push(s->engine));
    ck_ok(clg_engine_forward(s->engine, NULL, s->x, B));
    ck_ok(clg_engine_backward(s->engine, NULL, labels_of(s), values_of(s), B));
    read_sides(sides, s);
    return reduced(s);
}

/* The difference quotient of one element in *out; 0 where a kink lies within it. */
static int differentiate(double *out, struct setup *s, struct tensors *t, double *element,
                         const unsigned char here[UNITS])
{
    static const int at[4] = {1, -1, 2, -2};
    const double w = *element, h = step * fmax(1, fabs(w));
    unsigned char sides[UNITS];
    double f[4];
    int smooth = 1;
    for (int i = 0; i < 4; i++) {
        *element = w + at[i] * h;
        f[i] = loss_at(s, t, sides);
        smooth = smooth && memcmp(sides, here, UNITS) == 0;
    }
    *element = w;
    *out = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h);
    return smooth;
}

static double largest_of(const double *values, int count)
{
    double largest = 0;
    for (int i = 0; i < count; i++)
        largest = fmax(largest, fabs(values[i]));
    return largest;
}

static void check_problem(const struct problem *p)
{
    struct setup s;
    struct tensors t, g;
    unsigned char here[UNITS];
    double largest = 0;
    open_setup(&s, p);
    read_tensors(&t, &s);
    loss_at(&s, &t, here);
    for (int l = 0; l < LAYERS; l++)
        ck_ok(clg_engine_gradient(s.engine, l, g.value[2 * l], g.value[2 * l + 1]));
    for (int k = 0; k < 2 * LAYERS; k++) {
        double most = largest_of(g.value[k], t.count[k]);
        ck_assert_msg(most > 0, "%s %s %s %s: tensor %d: the gradient is all zero", p->act, p->loss,
                      p->output_act, p->reduction, k);
        largest = fmax(largest, most);
    }
    for (int k = 0; k < 2 * LAYERS; k++)
        for (int i = 0; i < t.count[k]; i++) {
            double n, a = g.value[k][i];
            compared++;
            if (!differentiate(&n, &s, &t, &t.value[k][i], here)) {
                skipped++;
                continue;
            }
            double bound = 1e-6 * fmax(fmax(fabs(a), fabs(n)), 1e-3 * largest);
            ck_assert_msg(harness_close(a, n, bound),
                          "%s %s %s %s %s, smoothing %s%s: tensor %d element %d: %.12g, by "
                          "differences %.12g",
                          p->act, p->loss, p->output_act, p->reduction,
                          p->classes ? "classes" : "values", p->smoothing,
                          p->weighted ? ", weighted" : "", k, i, a, n);
        }
    close_setup(&s);
}

/* Every kind of target that the pair takes, with three outputs and with one. */
static void check_pair(struct problem p)
{
    static const struct {
        int classes, outputs, ce, bce, error;
    } targets[] = {
        {3, 3, 1, 1, 1}, {2, 2, 1, 0, 1}, {2, 1, 0, 1, 0}, {0, 3, 0, 1, 1}, {0, 1, 0, 1, 1}};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        int ce = strcmp(p.loss, "ce") == 0, bce = strcmp(p.loss, "bce") == 0;
        /* The softmax of one output is the constant 1. */
        if (targets[i].outputs == 1 && strcmp(p.output_act, "softmax") == 0)
            continue;
        if (!(ce ? targets[i].ce : bce ? targets[i].bce : targets[i].error))
            continue;
        if (p.weighted && !targets[i].classes)
            continue;
        p.classes = targets[i].classes;
        p.outputs = targets[i].outputs;
        p.reduction = "mean";
        check_problem(&p);
        p.reduction = "sum";
        check_problem(&p);
    }
}

static const struct {
    enum clg_loss kind;
    const char *text, *smoothing;
    int weighted;
} losses[] = {
    {CLG_CE, "ce", "0", 0},   {CLG_CE, "ce", "0.2", 0},         {CLG_CE, "ce", "0.2", 1},
    {CLG_BCE, "bce", "0", 0}, {CLG_BCE, "bce", "0", 1},         {CLG_MSE, "mse", "0", 0},
    {CLG_MSE, "mse", "0", 1}, {CLG_HUBER, "huber:0.3", "0", 0}, {CLG_HUBER, "huber:0.3", "0", 1},
};

START_TEST(backward_agrees_with_differences)
{
    struct problem p = {.act = acts[_i]};
    if (!p.act || _i == CLG_SOFTMAX)
        return;
    compared = skipped = 0;
    ck_ok(clg_device_open(&device, "ref", NULL));
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        for (int act = 0; act < CLG_ACTS; act++)
            if (clg_pair_exists(losses[i].kind, (enum clg_act)act)) {
                p.loss = losses[i].text;
                p.smoothing = losses[i].smoothing;
                p.weighted = losses[i].weighted;
                p.output_act = acts[act];
                check_pair(p);
            }
    clg_device_close(device);
    printf("%s: %d elements, %d at a kink skipped\n", p.act, compared, skipped);
    ck_assert_int_gt(compared, 0);
    ck_assert_int_le(100 * skipped, compared);
}
END_TEST

static void kink_is_seen_of(const struct problem *p)
{
    struct setup s;
    struct tensors t;
    unsigned char here[UNITS];
    double n, z = 0;
    open_setup(&s, p);
    read_tensors(&t, &s);
    for (int i = 0; i < INPUTS; i++)
        z += (double)s.x[i] * t.value[0][i];
    if (s.net->layer[0].rows > s.net->layer[0].out) { /* of maxout: minus the other piece's z */
        for (int i = 0; i < INPUTS; i++)
            z -= (double)s.x[i] * t.value[0][s.net->layer[0].out * INPUTS + i];
        z -= t.value[1][s.net->layer[0].out];
    }
    t.value[1][0] = step / 2 - z;
    loss_at(&s, &t, here);
    ck_assert(!differentiate(&n, &s, &t, &t.value[1][0], here));
    t.value[1][0] = 10 * step - z;
    loss_at(&s, &t, here);
    ck_assert(differentiate(&n, &s, &t, &t.value[1][0], here));
    close_setup(&s);
}

/* A unit whose z lies half a step above the kink: moving its bias down crosses it. */
START_TEST(kink_is_seen)
{
    struct problem p = {.loss = "mse",
                        .output_act = "identity",
                        .reduction = "mean",
                        .smoothing = "0",
                        .outputs = 1};
    const enum clg_act kinds[] = {CLG_RELU, CLG_LEAKY_RELU, CLG_ELU, CLG_MAXOUT};
    ck_ok(clg_device_open(&device, "ref", NULL));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        p.act = acts[kinds[i]];
        kink_is_seen_of(&p);
    }
    clg_device_close(device);
}
END_TEST

/* An error half a step inside delta: moving the output's bias up crosses the bend. */
START_TEST(bend_of_huber_is_seen)
{
    const struct problem p = {.act = "tanh",
                              .loss = "huber:0.3",
                              .output_act = "identity",
                              .reduction = "mean",
                              .smoothing = "0",
                              .outputs = 1};
    struct setup s;
    struct tensors t;
    unsigned char here[UNITS];
    double n, *bias = &t.value[2 * LAYERS - 1][0];
    ck_ok(clg_device_open(&device, "ref", NULL));
    open_setup(&s, &p);
    read_tensors(&t, &s);
    loss_at(&s, &t, here);
    *bias += 0.3 - step / 2 - (*(double *)s.engine->out.host - (double)s.values[0]);
    loss_at(&s, &t, here);
    ck_assert(!differentiate(&n, &s, &t, bias, here));
    *bias -= 10 * step;
    loss_at(&s, &t, here);
    ck_assert(differentiate(&n, &s, &t, bias, here));
    close_setup(&s);
    clg_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gradient by differences");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, backward_agrees_with_differences, 0, CLG_ACTS);
    tcase_add_test(all, kink_is_seen);
    tcase_add_test(all, bend_of_huber_is_seen);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
