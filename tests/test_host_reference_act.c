/* The reference's activations, their derivatives, softmax, maxout and dropout against values that
 * were computed with 40 digits, or by hand. */
#include "core/rng.h"
#include "harness_lab.h"

#include <float.h>
#include <math.h>

enum { POINTS = 6 };

static const struct clg_activation identity = {CLG_IDENTITY, 0, 1};
static const struct clg_activation sigmoid = {CLG_SIGMOID, 0, 1};
static const struct clg_activation tanh_act = {CLG_TANH, 0, 1};
static const struct clg_activation relu = {CLG_RELU, 0, 1};
static const struct clg_activation step = {CLG_STEP, 0, 1};
static const struct clg_activation maxout2 = {CLG_MAXOUT, 0, 2};
static const struct clg_activation maxout3 = {CLG_MAXOUT, 0, 3};
static const struct clg_activation softmax = {CLG_SOFTMAX, 0, 1};

static const double points[POINTS] = {-3, -.5, .5, 3, 25, -40};

/* f and f' at the points. */
static const struct row {
    struct clg_activation act;
    double y[POINTS], slope[POINTS];
} rows[] = {
    {{CLG_IDENTITY, 0, 1}, {-3, -.5, .5, 3, 25, -40}, {1, 1, 1, 1, 1, 1}},
    {{CLG_STEP, 0, 1}, {0, 0, 1, 1, 1, 0}, {0, 0, 0, 0, 0, 0}},
    {{CLG_SIGMOID, 0, 1},
     {0.047425873177566781, 0.37754066879814544, 0.62245933120185456, 0.95257412682243322,
      0.99999999998611206, 4.248354255291589e-18},
     {0.045176659730912133, 0.23500371220159449, 0.23500371220159449, 0.045176659730912133,
      1.3887943864578271e-11, 4.248354255291589e-18}},
    {{CLG_TANH, 0, 1},
     {-0.99505475368673045, -0.46211715726000976, 0.46211715726000976, 0.99505475368673045, 1, -1},
     {0.0098660371654401913, 0.78644773296592741, 0.78644773296592741, 0.0098660371654401913,
      7.7149993918556711e-22, 7.2194055513816607e-35}},
    {{CLG_RELU, 0, 1}, {0, 0, .5, 3, 25, 0}, {0, 0, 1, 1, 1, 0}},
    {{CLG_LEAKY_RELU, .25, 1}, {-.75, -.125, .5, 3, 25, -10}, {.25, .25, 1, 1, 1, .25}},
    {{CLG_ELU, 1.5, 1},
     {-1.4253193974482041, -0.59020401043104986, .5, 3, 25, -1.5},
     {0.074680602551795914, 0.90979598956895014, 1, 1, 1, 6.3725313829373835e-18}},
    {{CLG_GELU, 0, 1},
     {-0.0040496940948902836, -0.15426876936299345, 0.34573123063700655, 2.9959503059051097, 25, 0},
     {-0.011945647204183927, 0.13250487534383716, 0.86749512465616284, 1.0119456472041839, 1, 0}},
    {{CLG_SILU, 0, 1},
     {-0.14227761953270034, -0.18877033439907272, 0.31122966560092728, 2.8577223804672997,
      24.999999999652801, -1.6993417021166356e-16},
     {-0.088104106015169617, 0.26003881269734819, 0.73996118730265181, 1.0881041060151696,
      1.0000000003333107, -1.6568581595637197e-16}},
    {{CLG_SOFTPLUS, 0, 1},
     {0.048587351573742059, 0.47407698418010668, 0.97407698418010668, 3.0485873515737421, 25,
      4.248354255291589e-18},
     {0.047425873177566781, 0.37754066879814544, 0.62245933120185456, 0.95257412682243322, 1,
      4.248354255291589e-18}},
};

/* Through a layer of one unit with weight 1, and back through a layer behind it with weight 2. */
START_TEST(activations_and_slopes)
{
    struct clg_buf *one = lab_matrix(1, 1, (double[]){1}), *two = lab_matrix(1, 1, (double[]){2});
    struct clg_buf *b = lab_vector(1, (double[]){0}), *x = lab_matrix(POINTS, 1, points);
    struct clg_buf *dz = lab_matrix(POINTS, 1, (double[]){.5, .5, .5, .5, .5, .5});
    ck_assert_uint_eq(sizeof rows / sizeof *rows, CLG_ACTS - 2); /* softmax, maxout: below */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        struct clg_buf *y = lab_matrix(POINTS, 1, (double[]){9, 9, 9, 9, 9, 9});
        struct clg_buf *dx = lab_matrix(POINTS, 1, (double[]){9, 9, 9, 9, 9, 9});
        struct clg_buf *z = clg_act_keeps_z(r->act.kind) ? lab_matrix(POINTS, 1, NULL) : NULL;
        ck_ok(lab_ops->dense_fwd(lab_device, y, z, x, one, b, POINTS, 1, 1, &r->act));
        lab_vector_is(y, r->y, POINTS);
        if (z)
            lab_vector_is(z, points, POINTS);
        ck_ok(lab_ops->delta_bwd(lab_device, dx, NULL, dz, two, y, z, POINTS, 1, 1, &r->act, NULL));
        lab_vector_is(dx, r->slope, POINTS);
        ck_ok(lab_ops->output_fwd(lab_device, y, x, 1, POINTS, &r->act));
        lab_vector_is(y, r->y, POINTS);
        lab_forget(y);
    }
}
END_TEST

/* What stands on the kink itself: step(0) = 1, and the slopes that PyTorch takes. */
START_TEST(at_zero)
{
    static const struct {
        struct clg_activation act;
        double y, slope;
    } at[] = {
        {{CLG_STEP, 0, 1}, 1, 0},
        {{CLG_RELU, 0, 1}, 0, 0},
        {{CLG_LEAKY_RELU, .125, 1}, 0, .125},
        {{CLG_ELU, 1.5, 1}, 0, 1.5},
        {{CLG_GELU, 0, 1}, 0, .5},
        {{CLG_SILU, 0, 1}, 0, .5},
        {{CLG_MAXOUT, 0, 1}, 0, 1},
        {{CLG_SOFTPLUS, 0, 1}, 0.69314718055994531, .5},
    };
    struct clg_buf *one = lab_matrix(1, 1, (double[]){1}), *zero = lab_matrix(1, 1, NULL);
    struct clg_buf *b = lab_vector(1, NULL), *y = lab_matrix(1, 1, NULL);
    struct clg_buf *z = lab_matrix(1, 1, NULL), *dx = lab_matrix(1, 1, NULL);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        const struct clg_activation *act = &at[i].act;
        struct clg_buf *kept = clg_act_keeps_z(act->kind) ? z : NULL;
        ck_ok(lab_ops->dense_fwd(lab_device, y, kept, zero, one, b, 1, 1, 1, act));
        lab_vector_is(y, &at[i].y, 1);
        ck_ok(lab_ops->delta_bwd(lab_device, dx, NULL, one, one, y, kept, 1, 1, 1, act, NULL));
        lab_vector_is(dx, &at[i].slope, 1);
    }
}
END_TEST

START_TEST(softplus_beyond_its_limit)
{
    const struct clg_activation act = {CLG_SOFTPLUS, 0, 1};
    struct clg_buf *z = lab_matrix(1, 3, (double[]){20, 800, -800}), *y = lab_matrix(1, 3, NULL);
    ck_ok(lab_ops->output_fwd(lab_device, y, z, 1, 3, &act));
    lab_vector_is(y, (double[]){20 + log1p(exp(-20)), 800, 0}, 3);
}
END_TEST

START_TEST(layer_forward)
{
    struct clg_buf *x = lab_matrix(2, 2, (double[]){1, 2, 3, 4});
    struct clg_buf *W = lab_matrix(3, 2, (double[]){1, 0, 0, 1, 1, -1});
    struct clg_buf *b = lab_vector(3, (double[]){.5, -1, 0});
    struct clg_buf *y = lab_matrix(2, 3, (double[]){9, 9, 9, 9, 9, 9});
    ck_ok(lab_ops->dense_fwd(lab_device, y, NULL, x, W, b, 2, 2, 3, &identity));
    lab_matrix_is(y, (double[]){1.5, 1, -1, 3.5, 3, -1}, 2, 3);
}
END_TEST

START_TEST(delta_backward)
{
    /* dz W = (1 -1; 2 1) (1 2 0; 0 3 -1) = (1 -1 1; 2 7 -1) */
    struct clg_buf *dz = lab_matrix(2, 2, (double[]){1, -1, 2, 1});
    struct clg_buf *W = lab_matrix(2, 3, (double[]){1, 2, 0, 0, 3, -1});
    struct clg_buf *y = lab_matrix(2, 3, (double[]){.5, .25, 0, .75, .5, 1});
    struct clg_buf *dx = lab_matrix(2, 3, (double[]){9, 9, 9, 9, 9, 9});
    ck_ok(lab_ops->delta_bwd(lab_device, dx, NULL, dz, W, y, NULL, 2, 3, 2, &sigmoid, NULL));
    lab_matrix_is(dx, (double[]){.25, -.1875, 0, .375, 1.75, 0}, 2, 3);
}
END_TEST

/* Two units of three pieces: rows 0, 2, 4 of W are unit 0's, rows 1, 3, 5 unit 1's. */
START_TEST(maxout_takes_the_first_largest)
{
    struct clg_buf *x = lab_matrix(2, 1, (double[]){1, -1});
    struct clg_buf *W = lab_matrix(6, 1, (double[]){1, 3, 5, 3, 5, -2});
    struct clg_buf *b = lab_vector(6, (double[]){0, 0, 0, 0, 0, 7});
    struct clg_buf *y = lab_matrix(2, 2, NULL), *z = lab_matrix(2, 6, NULL);
    struct clg_buf *dz = lab_matrix(2, 1, (double[]){1, 10});
    struct clg_buf *back = lab_matrix(1, 2, (double[]){2, 3});
    struct clg_buf *dx = lab_matrix(2, 6, NULL), *dy = lab_matrix(2, 2, NULL);
    ck_ok(lab_ops->dense_fwd(lab_device, y, z, x, W, b, 2, 1, 2, &maxout3));
    lab_matrix_is(z, (double[]){1, 3, 5, 3, 5, 5, -1, -3, -5, -3, -5, 9}, 2, 6);
    lab_matrix_is(y, (double[]){5, 5, -1, 9}, 2, 2);
    ck_ok(lab_ops->delta_bwd(lab_device, dx, dy, dz, back, y, z, 2, 2, 1, &maxout3, NULL));
    lab_matrix_is(dx, (double[]){0, 0, 2, 0, 0, 3, 20, 0, 0, 0, 0, 30}, 2, 6);
    /* ties, and a NaN that must stay, whichever piece it is */
    z = lab_matrix(2, 4, (double[]){4, (double)NAN, 4, 1, 4, 1, 4, (double)NAN});
    ck_ok(lab_ops->output_fwd(lab_device, y, z, 2, 2, &maxout2));
    double got[4];
    ck_ok(clg_matrix_download(y, got, 2, 2));
    ck_assert(got[0] == 4 && isnan(got[1]) && got[2] == 4 && isnan(got[3]));
    y = lab_matrix(1, 2, (double[]){4, 1});
    z = lab_matrix(1, 4, (double[]){4, 0, 4, 1});
    dz = lab_matrix(1, 1, (double[]){1});
    ck_ok(lab_ops->delta_bwd(lab_device, dx, dy, dz, back, y, z, 1, 2, 1, &maxout2, NULL));
    ck_ok(clg_real_download(dx, got, 0, 2));
    ck_assert(got[0] == 2 && got[1] == 0);
    ck_ok(clg_real_download(dx, got, 2, 2));
    ck_assert(got[0] == 0 && got[1] == 3);
}
END_TEST

/* ---------------------------------------------------------------- dropout */

/* Words 0..11 of seed 99, layer 2, step 5, as shares of 2^32, from a Philox of another hand:
 *   .643 .035 .900 .877   .367 .093 .350 .387   .612 .199 .024 .816 */
static const struct clg_dropout some = {.p = .375, .seed = 99, .layer = 2, .step = 5};
static const double mask[12] = {1.6, 0, 1.6, 1.6, 0, 0, 0, 1.6, 1.6, 0, 0, 1.6};

START_TEST(dropout_mask)
{
    double ones[12], got[12];
    struct clg_dropout other = some;
    for (int i = 0; i < 12; i++)
        ones[i] = 1;
    struct clg_buf *x = lab_matrix(4, 3, ones), *y = lab_matrix(4, 3, NULL);
    ck_ok(lab_ops->dropout_fwd(lab_device, y, x, 4, 3, &some)); /* rows start within a block */
    lab_matrix_is(y, mask, 4, 3);
    ck_ok(lab_ops->dropout_fwd(lab_device, y, x, 1, 12, &some));
    lab_matrix_is(y, mask, 4, 3);
    for (int change = 0; change < 3; change++) {
        int same = 0;
        other = some;
        other.seed += change == 0;
        other.layer += change == 1;
        other.step += change == 2;
        ck_ok(lab_ops->dropout_fwd(lab_device, y, x, 4, 3, &other));
        ck_ok(clg_matrix_download(y, got, 4, 3));
        for (int i = 0; i < 12; i++)
            same += (got[i] > 0) == (mask[i] > 0);
        ck_assert_int_lt(same, 12);
    }
    other.p = 0;
    ck_ok(lab_ops->dropout_fwd(lab_device, x, x, 4, 3, &other));
    lab_matrix_is(x, ones, 4, 3);
}
END_TEST

/* A word at the threshold itself is kept. */
START_TEST(dropout_at_the_threshold)
{
    uint32_t word[4];
    struct clg_dropout at = some;
    double got;
    struct clg_buf *x = lab_matrix(1, 1, (double[]){1}), *y = lab_matrix(1, 1, NULL);
    clg_philox(word, at.seed, CLG_STREAM_DROPOUT + (at.layer << 8), at.step, 0);
    at.p = word[0] / 4294967296.0;
    ck_ok(lab_ops->dropout_fwd(lab_device, y, x, 1, 1, &at));
    ck_ok(clg_matrix_download(y, &got, 1, 1));
    lab_same(got, 1 / (1 - at.p));
    at.p = (word[0] + 1.0) / 4294967296.0;
    ck_ok(lab_ops->dropout_fwd(lab_device, y, x, 1, 1, &at));
    ck_ok(clg_matrix_download(y, &got, 1, 1));
    ck_assert_double_eq(got, 0);
}
END_TEST

/* The delta of a dropped unit is 0, that of a kept one divided by 1 - p. */
START_TEST(dropout_of_deltas)
{
    double y[12], want[12];
    for (int i = 0; i < 12; i++) {
        y[i] = .5;
        want[i] = 2 * mask[i] * .25;
    }
    struct clg_buf *dz = lab_matrix(3, 1, (double[]){1, 1, 1});
    struct clg_buf *W = lab_matrix(1, 4, (double[]){2, 2, 2, 2}), *front = lab_matrix(3, 4, y);
    struct clg_buf *dx = lab_matrix(3, 4, NULL);
    ck_ok(lab_ops->delta_bwd(lab_device, dx, NULL, dz, W, front, NULL, 3, 4, 1, &sigmoid, &some));
    lab_matrix_is(dx, want, 3, 4);
}
END_TEST

/* --------------------------------------------------- softmax and extremes */

START_TEST(softmax_of_logarithms)
{
    /* The second row is the first, 1000 further on: e^1000 does not exist, its softmax does. */
    double z[6] = {0, log(2), log(3), 1000, 1000 + log(2), 1000 + log(3)}, got[6];
    struct clg_buf *y = lab_matrix(2, 3, z);
    ck_ok(lab_ops->output_fwd(lab_device, y, y, 2, 3, &softmax));
    ck_ok(clg_matrix_download(y, got, 2, 3));
    for (int o = 0; o < 3; o++) {
        lab_same(got[o], (o + 1) / 6.0);
        /* ln 2 was rounded at 1000's place: half an ulp of 1000 in z is that much in y. */
        ck_assert(harness_close(got[3 + o], (o + 1) / 6.0, 1000 * DBL_EPSILON));
    }
    lab_same(got[3] + got[4] + got[5], 1);
}
END_TEST

START_TEST(extreme_outputs)
{
    const double z[4] = {-800, -40, 40, 800};
    struct clg_buf *in = lab_matrix(1, 4, z), *y = lab_matrix(1, 4, NULL);
    double got[4];
    ck_ok(lab_ops->output_fwd(lab_device, y, in, 1, 4, &sigmoid));
    ck_ok(clg_matrix_download(y, got, 1, 4));
    ck_assert(harness_close(got[0], 0, DBL_MIN));
    ck_assert(harness_close(got[1], exp(-40), 4 * DBL_EPSILON * exp(-40)));
    ck_assert(harness_close(got[2], 1, DBL_EPSILON));
    ck_assert(harness_close(got[3], 1, 0));
    ck_ok(lab_ops->output_fwd(lab_device, y, in, 1, 4, &tanh_act));
    lab_vector_is(y, (double[]){-1, -1, 1, 1}, 4);
    ck_ok(lab_ops->output_fwd(lab_device, y, in, 1, 4, &softmax));
    lab_vector_is(y, (double[]){0, 0, 0, 1}, 4);
    in = lab_matrix(1, 2, (double[]){(double)NAN, -1}); /* ReLU and step hide no NaN */
    ck_ok(lab_ops->output_fwd(lab_device, y, in, 1, 2, &relu));
    ck_ok(clg_matrix_download(y, got, 1, 2));
    ck_assert(isnan(got[0]) && got[1] == 0);
    ck_ok(lab_ops->output_fwd(lab_device, y, in, 1, 2, &step));
    ck_ok(clg_matrix_download(y, got, 1, 2));
    ck_assert(isnan(got[0]) && got[1] == 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        activations_and_slopes,
        at_zero,
        softplus_beyond_its_limit,
        layer_forward,
        delta_backward,
        maxout_takes_the_first_largest,
        dropout_mask,
        dropout_at_the_threshold,
        dropout_of_deltas,
        softmax_of_logarithms,
        extreme_outputs,
    };
    return lab_run("reference activations", tests, sizeof tests / sizeof *tests);
}
