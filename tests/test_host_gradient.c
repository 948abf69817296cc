/* Backpropagation on the reference against central differences of the loss, in double precision:
 * every hidden activation with every accepted loss, output activation, kind of target and
 * reduction, through two hidden layers.  L2 is part of the update, not of this gradient. */
#include "core/rng.h"
#include "harness.h"
#include "net/net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { B = 5, INPUTS = 5, LAYERS = 3, LARGEST = 6, UNITS = B * LARGEST * LAYERS };

/* Five points at this distance: the formula's error is h^4/30 of the fifth derivative, far below
 * rounding's 3 DBL_EPSILON loss / (2 h), which is a tenth of the 1e-9 that an element may be off.
 */
static const double step = 2e-5;

static clg_device *device;
static int compared, skipped;

struct problem {
    const char *act, *loss, *output_act, *reduction;
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
    double value[2 * LAYERS][LARGEST * LARGEST];
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
        {"layers", "6,4"},     {"act", p->act},    {"output-act", p->output_act},
        {"loss", p->loss},     {"opt", "sgd"},     {"reduction", p->reduction},
        {"normalize", "none"}, {"init", "xavier"},
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
        int inputs, outputs;
        ck_ok(clg_net_layer(s->net, l, &inputs, &outputs, NULL));
        ck_assert_int_le(inputs * outputs, LARGEST * LARGEST);
        t->count[2 * l] = inputs * outputs;
        t->count[2 * l + 1] = outputs;
        ck_ok(clg_net_get_weights(s->net, l, t->value[2 * l], NULL));
        for (int i = 0; i < outputs; i++)
            t->value[2 * l + 1][i] = 0.3 * drawn(3 + (uint32_t)l, i);
    }
}

/* Which pre-activations of ReLU layers are above zero: hidden layers keep f(z), which has z's sign
 * there, and the output layer keeps z. */
static void read_sides(unsigned char sides[UNITS], const struct setup *s)
{
    memset(sides, 0, UNITS);
    for (int l = 0; l < LAYERS; l++) {
        const struct clg_engine_layer *layer = &s->engine->layer[l];
        const double *y = layer->y.host;
        for (int i = 0; layer->act == CLG_RELU && i < B * layer->out; i++)
            sides[l * B * LARGEST + i] = y[i] > 0;
    }
}

/* What the gradient is the gradient of: the mean or the sum of the losses of the batch. */
static double loss_at(struct setup *s, const struct tensors *t, unsigned char sides[UNITS])
{
    double loss;
    for (int l = 0; l < LAYERS; l++)
        ck_ok(clg_net_set_weights(s->net, l, t->value[2 * l], t->value[2 * l + 1]));
    ck_ok(clg_engine_push(s->engine));
    ck_ok(clg_engine_forward(s->engine, NULL, s->x, B));
    ck_ok(clg_engine_backward(s->engine, &loss, labels_of(s), values_of(s), B));
    read_sides(sides, s);
    return strcmp(s->problem->reduction, "sum") == 0 ? B * loss : loss;
}

/* The difference quotient of one element in *out; 0 where a ReLU changes sides within it. */
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
                          "%s %s %s %s %s: tensor %d element %d: %.12g, by differences %.12g",
                          p->act, p->loss, p->output_act, p->reduction,
                          p->classes ? "classes" : "values", k, i, a, n);
        }
    close_setup(&s);
}

/* Every kind of target that the pair takes, with three outputs and with one. */
static void check_pair(struct problem p)
{
    static const struct {
        int classes, outputs, ce, bce, mse;
    } targets[] = {
        {3, 3, 1, 1, 1}, {2, 2, 1, 0, 1}, {2, 1, 0, 1, 0}, {0, 3, 0, 1, 1}, {0, 1, 0, 1, 1}};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        int ce = strcmp(p.loss, "ce") == 0, bce = strcmp(p.loss, "bce") == 0;
        /* The softmax of one output is the constant 1. */
        if (targets[i].outputs == 1 && strcmp(p.output_act, "softmax") == 0)
            continue;
        if (!(ce ? targets[i].ce : bce ? targets[i].bce : targets[i].mse))
            continue;
        p.classes = targets[i].classes;
        p.outputs = targets[i].outputs;
        p.reduction = "mean";
        check_problem(&p);
        p.reduction = "sum";
        check_problem(&p);
    }
}

START_TEST(backward_agrees_with_differences)
{
    struct problem p = {.act = clg_act_names[_i]};
    compared = skipped = 0;
    ck_ok(clg_device_open(&device, "ref", NULL));
    for (int loss = 0; loss < CLG_LOSSES; loss++)
        for (int act = 0; act < CLG_ACTS; act++)
            if (clg_pair_exists((enum clg_loss)loss, (enum clg_act)act)) {
                p.loss = clg_loss_names[loss];
                p.output_act = clg_act_names[act];
                check_pair(p);
            }
    clg_device_close(device);
    printf("%s: %d elements, %d at a kink skipped\n", p.act, compared, skipped);
    ck_assert_int_gt(compared, 0);
    ck_assert_int_le(100 * skipped, compared);
}
END_TEST

/* A unit whose z lies half a step above zero: moving its bias down crosses the kink. */
START_TEST(kink_is_seen)
{
    const struct problem p = {"relu", "mse", "identity", "mean", 0, 1};
    struct setup s;
    struct tensors t;
    unsigned char here[UNITS];
    double n, z = 0;
    ck_ok(clg_device_open(&device, "ref", NULL));
    open_setup(&s, &p);
    read_tensors(&t, &s);
    for (int i = 0; i < INPUTS; i++)
        z += (double)s.x[i] * t.value[0][i];
    t.value[1][0] = step / 2 - z;
    loss_at(&s, &t, here);
    ck_assert(!differentiate(&n, &s, &t, &t.value[1][0], here));
    t.value[1][0] = 10 * step - z;
    loss_at(&s, &t, here);
    ck_assert(differentiate(&n, &s, &t, &t.value[1][0], here));
    close_setup(&s);
    clg_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gradient by differences");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, backward_agrees_with_differences, 0, CLG_SOFTMAX);
    tcase_add_test(all, kink_is_seen);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
