/* The reference's losses with their output activation against numbers worked out by hand: every
 * loss, label smoothing, class weights, a teacher. */
#include "harness_lab.h"

#include <math.h>
#include <string.h>

static const struct clg_activation softmax = {CLG_SOFTMAX, 0, 1};
static const struct clg_activation sigmoid = {CLG_SIGMOID, 0, 1};
static const struct clg_activation identity = {CLG_IDENTITY, 0, 1};
static const struct clg_activation tanh_act = {CLG_TANH, 0, 1};
static const struct clg_activation relu = {CLG_RELU, 0, 1};
static const struct clg_activation step = {CLG_STEP, 0, 1};
static const struct clg_activation silu = {CLG_SILU, 0, 1};
static const struct clg_activation maxout = {CLG_MAXOUT, 0, 2};
static const struct clg_loss_spec ce = {.kind = CLG_CE};
static const struct clg_loss_spec bce = {.kind = CLG_BCE};
static const struct clg_loss_spec mse = {.kind = CLG_MSE};
static const struct clg_loss_spec huber = {.kind = CLG_HUBER, .delta = 1.5};
static const struct clg_loss_spec perceptron = {.kind = CLG_PERCEPTRON};

/* Runs loss_fwd on one row, once with y apart and once with y = z, and compares both. */
static void loss_is(const double *z, const struct clg_buf *t, int O,
                    const struct clg_loss_spec *loss, const struct clg_activation *act,
                    enum clg_target target, double scale, const double *want_y,
                    const double *want_dz, double want_loss)
{
    for (int alias = 0; alias < 2; alias++) {
        struct clg_buf *in = lab_matrix(1, O, z), *dz = lab_matrix(1, O, NULL),
                       *row = lab_vector(1, NULL);
        struct clg_buf *y = alias ? in : lab_matrix(1, O, NULL);
        ck_ok(lab_ops->loss_fwd(lab_device, y, dz, row, in, t, 1, O, loss, act, target, scale, 1));
        lab_vector_is(y, want_y, O);
        lab_vector_is(dz, want_dz, O);
        lab_vector_is(row, &want_loss, 1);
        lab_forget(in);
    }
}

START_TEST(cross_entropy)
{
    const double z[3] = {0, log(2), log(3)}, far[2] = {1000, -1000};
    const struct clg_buf *t = lab_elements(CLG_I32, 1, (int32_t[]){1});
    loss_is(z, t, 3, &ce, &softmax, CLG_TARGET_CLASS, .5, (double[]){1 / 6.0, 1 / 3.0, 1 / 2.0},
            (double[]){1 / 12.0, -1 / 3.0, 1 / 4.0}, log(3));
    loss_is(far, t, 2, &ce, &softmax, CLG_TARGET_CLASS, 1, (double[]){1, 0}, (double[]){1, -1},
            2000);
    t = lab_elements(CLG_I32, 1, (int32_t[]){0}); /* z - max z overflows where the target is 0 */
    loss_is((double[]){1e308, -1e308}, t, 2, &ce, &softmax, CLG_TARGET_CLASS, 1, (double[]){1, 0},
            (double[]){0, 0}, 0);
    t = lab_matrix(1, 3, (double[]){.5, .25, 0});
    loss_is(z, t, 3, &ce, &softmax, CLG_TARGET_VALUE, 1, (double[]){1 / 6.0, 1 / 3.0, .5},
            (double[]){-.375, 0, .375}, .5 * log(6) + .25 * log(3));
}
END_TEST

START_TEST(binary_cross_entropy)
{
    const struct clg_buf *one = lab_elements(CLG_I32, 1, (int32_t[]){1});
    const struct clg_buf *half = lab_matrix(1, 1, (double[]){.25});
    const double z[3] = {0, log(3), -log(3)};
    loss_is((double[]){0}, one, 1, &bce, &sigmoid, CLG_TARGET_CLASS, 2, (double[]){.5},
            (double[]){-1}, log(2));
    loss_is((double[]){-800}, one, 1, &bce, &sigmoid, CLG_TARGET_CLASS, 1, (double[]){0},
            (double[]){-1}, 800);
    loss_is((double[]){800}, one, 1, &bce, &sigmoid, CLG_TARGET_CLASS, 1, (double[]){1},
            (double[]){0}, 0);
    loss_is((double[]){log(3)}, half, 1, &bce, &sigmoid, CLG_TARGET_VALUE, 1, (double[]){.75},
            (double[]){.5}, -.25 * log(.75) - .75 * log(.25));
    loss_is(z, one, 3, &bce, &sigmoid, CLG_TARGET_CLASS, 1, (double[]){.5, .75, .25},
            (double[]){.5, -.25, .25}, log(2) - log(.75) - log(.75));
}
END_TEST

START_TEST(squared_error)
{
    const struct clg_buf *one = lab_elements(CLG_I32, 1, (int32_t[]){1});
    const struct clg_buf *t = lab_matrix(1, 2, (double[]){1, -2});
    loss_is((double[]){3, -1}, t, 2, &mse, &identity, CLG_TARGET_VALUE, .5, (double[]){3, -1},
            (double[]){1, .5}, 2.5);
    loss_is((double[]){3, -1}, t, 2, &mse, &relu, CLG_TARGET_VALUE, 1, (double[]){3, 0},
            (double[]){2, 0}, 4);
    loss_is((double[]){log(3), 0}, one, 2, &mse, &sigmoid, CLG_TARGET_CLASS, 1, (double[]){.75, .5},
            (double[]){.75 * .1875, -.5 * .25}, .40625);
    loss_is((double[]){log(3) / 2, 0}, t, 2, &mse, &tanh_act, CLG_TARGET_VALUE, 1,
            (double[]){.5, 0}, (double[]){-.375, 2}, 2.125);
}
END_TEST

/* dz = J^T (y - t) with the Jacobian J_ij = y_i ([i = j] - y_j) written out. */
START_TEST(squared_error_after_softmax)
{
    const double z[4] = {.3, -1.2, 2, .7}, target[4] = {.1, .9, -.4, 2};
    double y[4], dz[4] = {0}, sum = 0, loss = 0;
    const struct clg_buf *t = lab_matrix(1, 4, target);
    for (int i = 0; i < 4; i++)
        sum += exp(z[i]);
    for (int i = 0; i < 4; i++) {
        y[i] = exp(z[i]) / sum;
        loss += .5 * (y[i] - target[i]) * (y[i] - target[i]);
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            dz[j] += .25 * y[i] * ((i == j) - y[j]) * (y[i] - target[i]);
    loss_is(z, t, 4, &mse, &softmax, CLG_TARGET_VALUE, .25, y, dz, loss);
}
END_TEST

/* Errors 2 and -.5 around delta 1.5: one linear, one quadratic. */
START_TEST(huber_loss)
{
    const struct clg_buf *t = lab_matrix(1, 2, (double[]){1, .5});
    loss_is((double[]){3, 0}, t, 2, &huber, &identity, CLG_TARGET_VALUE, .5, (double[]){3, 0},
            (double[]){.75, -.25}, 1.5 * (2 - .75) + .125);
    t = lab_matrix(1, 2, (double[]){-1, 1.5}); /* error -2.5 and, at the edge, 1.5 */
    loss_is((double[]){-3.5, 3}, t, 2, &huber, &identity, CLG_TARGET_VALUE, 1, (double[]){-3.5, 3},
            (double[]){-1.5, 1.5}, 1.5 * (2.5 - .75) + 1.125);
    loss_is((double[]){log(3) / 2, 0}, t, 2, &huber, &tanh_act, CLG_TARGET_VALUE, 1,
            (double[]){.5, 0}, (double[]){1.5 * .75, -1.5}, 1.125 + 1.125);
    /* after softmax: errors 3.5 and -1.5 limited to g = (1.5, -1.5), y (g - sum g y) */
    t = lab_matrix(1, 2, (double[]){-3, 2});
    loss_is((double[]){0, 0}, t, 2, &huber, &softmax, CLG_TARGET_VALUE, 1, (double[]){.5, .5},
            (double[]){.75, -.75}, 1.5 * (3.5 - .75) + 1.125);
}
END_TEST

START_TEST(perceptron_rule)
{
    const struct clg_buf *zero = lab_elements(CLG_I32, 1, (int32_t[]){0});
    const struct clg_buf *two = lab_elements(CLG_I32, 1, (int32_t[]){2});
    loss_is((double[]){0}, zero, 1, &perceptron, &step, CLG_TARGET_CLASS, .5, (double[]){1},
            (double[]){.5}, .5);
    loss_is((double[]){-.1}, zero, 1, &perceptron, &step, CLG_TARGET_CLASS, 1, (double[]){0},
            (double[]){0}, 0);
    loss_is((double[]){3, -2, -1}, two, 3, &perceptron, &step, CLG_TARGET_CLASS, 1,
            (double[]){1, 0, 0}, (double[]){1, 0, -1}, 1);
}
END_TEST

/* Outputs whose derivative is taken from z, and a unit of two pieces: z = (1 4; 3 2), y = (3, 4).
 */
START_TEST(outputs_that_keep_z)
{
    const double s = .75, z = log(3);
    const struct clg_buf *t = lab_matrix(1, 1, (double[]){0});
    loss_is(&z, t, 1, &mse, &silu, CLG_TARGET_VALUE, 1, (double[]){z * s},
            (double[]){z * s * s * (1 + z * (1 - s))}, z * s * z * s / 2);
    t = lab_matrix(1, 2, (double[]){1, 5});
    struct clg_buf *in = lab_matrix(1, 4, (double[]){1, 4, 3, 2}), *y = lab_matrix(1, 2, NULL);
    struct clg_buf *dz = lab_matrix(1, 4, (double[]){9, 9, 9, 9}), *row = lab_vector(1, NULL);
    ck_ok(lab_ops->loss_fwd(lab_device, y, dz, row, in, t, 1, 2, &mse, &maxout, CLG_TARGET_VALUE,
                            .5, 1));
    lab_vector_is(y, (double[]){3, 4}, 2);
    lab_vector_is(dz, (double[]){0, -.5, 1, 0}, 4);
    lab_vector_is(row, (double[]){2.5}, 1);
}
END_TEST

/* y = (1, 2, 3)/6; the target becomes .7 of itself and .1 of each. */
START_TEST(label_smoothing)
{
    const double z[3] = {0, log(2), log(3)};
    const struct clg_buf *t = lab_elements(CLG_I32, 1, (int32_t[]){1});
    struct clg_loss_spec smooth = ce;
    smooth.smoothing = .3;
    loss_is(z, t, 3, &smooth, &softmax, CLG_TARGET_CLASS, 1, (double[]){1 / 6., 1 / 3., .5},
            (double[]){1 / 6. - .1, 1 / 3. - .8, .5 - .1}, .1 * log(6) + .8 * log(3) + .1 * log(2));
}
END_TEST

/* Rows of classes 2 and 0, weights (2, 5, .5): PyTorch's mean divides by .5 + 2. */
START_TEST(class_weights_of_cross_entropy)
{
    const double z[6] = {0, log(2), log(3), log(2), log(2), log(4)}, w[3] = {2, 5, .5};
    const double y[6] = {1 / 6., 1 / 3., .5, .25, .25, .5}, norm = 2.5;
    const int32_t labels[2] = {2, 0};
    double dz[6], loss[2];
    struct clg_buf *in = lab_matrix(2, 3, z), *out = lab_matrix(2, 3, NULL);
    struct clg_buf *delta = lab_matrix(2, 3, NULL), *row = lab_vector(2, NULL);
    struct clg_buf *t = lab_elements(CLG_I32, 2, labels);
    struct clg_loss_spec spec = {
        .kind = CLG_CE, .class_weights = lab_vector(3, w), .norm = lab_vector(1, NULL)};
    for (int mean = 0; mean < 2; mean++)
        for (int smooth = 0; smooth < 2; smooth++) {
            double s = spec.smoothing = smooth ? .25 : 0;
            for (int b = 0; b < 2; b++) {
                double all = 0;
                loss[b] = -(1 - s) * w[labels[b]] * log(y[3 * b + labels[b]]);
                for (int c = 0; c < 3; c++) {
                    loss[b] -= s / 3 * w[c] * log(y[3 * b + c]);
                    all += s / 3 * w[c];
                }
                for (int c = 0; c < 3; c++) {
                    double d = (1 - s) * w[labels[b]] * (y[3 * b + c] - (c == labels[b])) +
                               all * y[3 * b + c] - s / 3 * w[c];
                    dz[3 * b + c] = mean ? d / norm : d;
                }
            }
            ck_ok(lab_ops->loss_fwd(lab_device, out, delta, row, in, t, 2, 3, &spec, &softmax,
                                    CLG_TARGET_CLASS, 1, mean));
            lab_matrix_is(out, y, 2, 3);
            lab_matrix_is(delta, dz, 2, 3);
            lab_vector_is(row, loss, 2);
            lab_vector_is(spec.norm, &norm, 1);
        }
}
END_TEST

/* One output: classes 0 and 1 find their weights, 3 and .5. */
START_TEST(class_weights_of_the_others)
{
    struct clg_buf *t = lab_elements(CLG_I32, 2, (int32_t[]){0, 1});
    struct clg_buf *w = lab_vector(2, (double[]){3, .5}), *norm = lab_vector(1, NULL);
    struct clg_buf *z = lab_matrix(2, 1, (double[]){log(3), -.5}), *y = lab_matrix(2, 1, NULL);
    struct clg_buf *dz = lab_matrix(2, 1, NULL), *row = lab_vector(2, NULL);
    const struct {
        struct clg_loss_spec spec;
        const struct clg_activation *act;
        double dz[2], loss[2];
    } cases[] = {
        {bce, &sigmoid, {3 * .75, -.5 / (1 + exp(-.5))}, {3 * log(4), .5 * log1p(exp(.5))}},
        {mse, &identity, {3 * log(3), -.75}, {1.5 * log(3) * log(3), .25 * 2.25}},
        {huber, &identity, {3 * log(3), -.75}, {1.5 * log(3) * log(3), .25 * 2.25}},
        {perceptron, &step, {3, -.5}, {1.5, .25}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clg_loss_spec spec = cases[i].spec;
        double mean[2] = {cases[i].dz[0] / 3.5, cases[i].dz[1] / 3.5};
        spec.class_weights = w;
        spec.norm = norm;
        ck_ok(lab_ops->loss_fwd(lab_device, y, dz, row, z, t, 2, 1, &spec, cases[i].act,
                                CLG_TARGET_CLASS, 1, 0));
        lab_vector_is(dz, cases[i].dz, 2);
        lab_vector_is(row, cases[i].loss, 2);
        ck_ok(lab_ops->loss_fwd(lab_device, y, dz, row, z, t, 2, 1, &spec, cases[i].act,
                                CLG_TARGET_CLASS, 1, 1));
        lab_vector_is(dz, mean, 2);
        lab_vector_is(row, cases[i].loss, 2);
    }
}
END_TEST

/* T = 2: the student's softmax(z/2) is (1, 2)/3, the teacher's (3, 1)/4; mix 1/4. */
START_TEST(teacher)
{
    const double z[2] = {0, log(4)}, kl = .75 * log(.75 * 3) + .25 * log(.25 * 1.5);
    const struct clg_buf *t = lab_elements(CLG_I32, 1, (int32_t[]){0});
    struct clg_loss_spec spec = ce;
    spec.teacher_z = lab_matrix(1, 2, (double[]){1000 + log(9), 1000}); /* e^1000 overflows */
    spec.temperature = 2;
    spec.mix = .25;
    /* z/T of the teacher is rounded at 500's place: a coarser bound */
    struct clg_buf *in = lab_matrix(1, 2, z), *y = lab_matrix(1, 2, NULL);
    struct clg_buf *dz = lab_matrix(1, 2, NULL), *row = lab_vector(1, NULL);
    double got[2], loss, want = .75 * log(5) + .25 * 4 * kl;
    ck_ok(lab_ops->loss_fwd(lab_device, y, dz, row, in, t, 1, 2, &spec, &softmax, CLG_TARGET_CLASS,
                            .5, 1));
    lab_vector_is(y, (double[]){.2, .8}, 2);
    ck_ok(clg_matrix_download(dz, got, 1, 2));
    ck_ok(clg_real_download(row, &loss, 0, 1));
    ck_assert(harness_close(loss, want, 1e-12));
    ck_assert(harness_close(got[0], .5 * (.75 * -.8 + .25 * 2 * (1 / 3. - .75)), 1e-12));
    ck_assert(harness_close(got[1], .5 * (.75 * .8 + .25 * 2 * (2 / 3. - .25)), 1e-12));
    spec.teacher_z = lab_matrix(1, 2, (double[]){log(9), 0});
    loss_is(z, t, 2, &spec, &softmax, CLG_TARGET_CLASS, .5, (double[]){.2, .8},
            (double[]){.5 * (-.6 - .5 * 5 / 12), .5 * (.6 + .5 * 5 / 12)}, want);
    spec.class_weights =
        lab_vector(2, (double[]){3, 7}); /* the example's weight is on both parts */
    spec.norm = lab_vector(1, NULL);
    ck_ok(lab_ops->loss_fwd(lab_device, y, dz, row, in, t, 1, 2, &spec, &softmax, CLG_TARGET_CLASS,
                            1, 0));
    lab_vector_is(dz, (double[]){3 * (-.6 - .5 * 5 / 12), 3 * (.6 + .5 * 5 / 12)}, 2);
    want *= 3;
    lab_vector_is(row, &want, 1);
}
END_TEST

START_TEST(teacher_at_extremes)
{
    const double z[2] = {0, log(4)};
    const struct clg_buf *t = lab_elements(CLG_I32, 1, (int32_t[]){0});
    struct clg_loss_spec spec = ce;
    spec.temperature = .125;
    spec.mix = 1; /* a teacher that is the student teaches nothing */
    spec.teacher_z = lab_matrix(1, 2, z);
    loss_is(z, t, 2, &spec, &softmax, CLG_TARGET_CLASS, .5, (double[]){.2, .8}, (double[]){0, 0},
            0);
    /* a share of 0, its logarithm beyond double; the student's softmax is (1, 4^8)/(1 + 4^8) */
    spec.teacher_z = lab_matrix(1, 2, (double[]){0, -1e308});
    loss_is(z, t, 2, &spec, &softmax, CLG_TARGET_CLASS, 1, (double[]){.2, .8},
            (double[]){-.125 * 65536 / 65537, .125 * 65536 / 65537}, log(65537) / 64);
    spec.teacher_z = lab_matrix(1, 2, (double[]){0, 0}); /* a student beyond e^1000 */
    loss_is((double[]){1000, -1000}, t, 2, &spec, &softmax, CLG_TARGET_CLASS, 1, (double[]){1, 0},
            (double[]){.125 * .5, -.125 * .5}, (.5 * 16000 - log(2)) / 64);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        cross_entropy,
        binary_cross_entropy,
        squared_error,
        squared_error_after_softmax,
        huber_loss,
        perceptron_rule,
        outputs_that_keep_z,
        label_smoothing,
        class_weights_of_cross_entropy,
        class_weights_of_the_others,
        teacher,
        teacher_at_extremes,
    };
    return lab_run("reference losses", tests, sizeof tests / sizeof *tests);
}
