/* The reference's optimisers, the norm of the gradient and its clipping, against numbers worked out
 * by hand and laws that the formulas obey. */
#include "harness_lab.h"

#include <float.h>
#include <math.h>

START_TEST(update_sgd_and_momentum)
{
    struct clg_update u = {.opt = CLG_SGD, .lr = .5, .l2 = .25, .momentum = .5, .t = 1};
    struct clg_buf *p = lab_vector(3, (double[]){4, -2, 8}), *v = lab_vector(3, NULL);
    struct clg_buf *g = lab_vector(3, (double[]){1, 2, 3});
    ck_ok(lab_ops->update(lab_device, p, NULL, NULL, g, 3, 2, &u));
    lab_vector_is(p, (double[]){3, -2.75, 6.5}, 3); /* the third is a bias: no L2 */
    u.opt = CLG_MOMENTUM;
    u.l2 = 0;
    ck_ok(lab_ops->update(lab_device, p, v, NULL, g, 2, 2, &u));
    lab_vector_is(p, (double[]){2.5, -3.75, 6.5}, 3); /* beyond n nothing moves */
    u.l2 = 2;
    ck_ok(lab_ops->update(lab_device, p, v, NULL, g, 3, 1, &u));
    lab_vector_is(v, (double[]){6.5, 3, 3}, 3); /* .5 * 1 + 1 + 2 * 2.5; .5 * 2 + 2; 3 */
    lab_vector_is(p, (double[]){-.75, -5.25, 5}, 3);
}
END_TEST

/* Under a constant gradient both corrected moments are exact from the first step on, so each step
 * is lr g / (|g| + eps). */
START_TEST(update_adam_constant_gradient)
{
    const double gradient[3] = {2, -.001, 0};
    struct clg_update u = {
        .opt = CLG_ADAM, .lr = .125, .beta1 = .9, .beta2 = .999, .eps = 1e-4, .t = 1};
    struct clg_buf *p = lab_vector(3, (double[]){1, 1, 1});
    struct clg_buf *m = lab_vector(3, NULL), *v = lab_vector(3, NULL), *g = lab_vector(3, gradient);
    double got[3];
    for (; u.t <= 20; u.t++)
        ck_ok(lab_ops->update(lab_device, p, m, v, g, 3, 3, &u));
    ck_ok(clg_real_download(p, got, 0, 3));
    for (int i = 0; i < 3; i++) {
        double want = 1 - 20 * .125 * gradient[i] / (fabs(gradient[i]) + 1e-4);
        /* 1 - beta2^t loses up to 1 / (1 - beta2) = 1000 ulps to the subtraction in each step. */
        ck_assert(harness_close(got[i], want, 20 * .125 * 1000 * DBL_EPSILON));
    }
}
END_TEST

/* Two steps on one weight, with L2, by hand: g = 1 + 0.5 * 2 = 2, then 1 + 0.5 * w. */
START_TEST(update_adam_by_hand)
{
    struct clg_update u = {.opt = CLG_ADAM,
                           .lr = .5,
                           .l2 = .5,
                           .weight_decay = .5,
                           .beta1 = .5,
                           .beta2 = .75,
                           .eps = 1,
                           .t = 1}; /* weight_decay is adamw's alone */
    struct clg_buf *p = lab_vector(1, (double[]){2}), *g = lab_vector(1, (double[]){1});
    struct clg_buf *m = lab_vector(1, NULL), *v = lab_vector(1, NULL);
    ck_ok(lab_ops->update(lab_device, p, m, v, g, 1, 1, &u));
    /* m = 1, v = 1; m^ = 2, v^ = 4; w = 2 - .5 * 2 / 3 = 5/3 */
    lab_vector_is(m, (double[]){1}, 1);
    lab_vector_is(v, (double[]){1}, 1);
    lab_vector_is(p, (double[]){5 / 3.0}, 1);
    u.t = 2;
    ck_ok(lab_ops->update(lab_device, p, m, v, g, 1, 1, &u));
    /* g = 11/6; m = 1/2 + 11/12 = 17/12; v = 3/4 + 121/144 = 229/144; m^ = m / (3/4) = 17/9;
     * v^ = v / (7/16) = 229/63 */
    lab_vector_is(m, (double[]){17 / 12.0}, 1);
    lab_vector_is(v, (double[]){229 / 144.0}, 1);
    lab_vector_is(p, (double[]){5 / 3.0 - .5 * (17 / 9.0) / (sqrt(229 / 63.0) + 1)}, 1);
}
END_TEST

/* v = mu v - (1 - mu) g, p += lr v, by hand over two steps; the second element is a bias. */
START_TEST(update_ema_momentum)
{
    struct clg_update u = {.opt = CLG_EMA_MOMENTUM, .lr = .5, .l2 = .5, .momentum = .75, .t = 1};
    struct clg_buf *p = lab_vector(2, (double[]){2, 2}), *v = lab_vector(2, NULL);
    struct clg_buf *g = lab_vector(2, (double[]){3, 4});
    ck_ok(lab_ops->update(lab_device, p, v, NULL, g, 2, 1, &u));
    lab_vector_is(v, (double[]){-1, -1}, 2); /* -.25 (3 + .5 * 2); -.25 * 4 */
    lab_vector_is(p, (double[]){1.5, 1.5}, 2);
    u.t = 2;
    ck_ok(lab_ops->update(lab_device, p, v, NULL, g, 2, 1, &u));
    lab_vector_is(v, (double[]){-.75 - .25 * 3.75, -1.75}, 2);
    lab_vector_is(p, (double[]){1.5 - .84375, .625}, 2);
}
END_TEST

START_TEST(update_nesterov)
{
    struct clg_update u = {.opt = CLG_NESTEROV, .lr = .5, .l2 = .5, .momentum = .5, .t = 1};
    struct clg_buf *p = lab_vector(2, (double[]){2, 2}), *v = lab_vector(2, NULL);
    struct clg_buf *g = lab_vector(2, (double[]){3, 4});
    ck_ok(lab_ops->update(lab_device, p, v, NULL, g, 2, 1, &u));
    lab_vector_is(v, (double[]){4, 4}, 2);
    lab_vector_is(p, (double[]){-1, -1}, 2); /* 2 - .5 (4 + .5 * 4) */
    u.t = 2;
    ck_ok(lab_ops->update(lab_device, p, v, NULL, g, 2, 1, &u));
    lab_vector_is(v, (double[]){4.5, 6}, 2); /* 2 + 3 - .5; 2 + 4 */
    lab_vector_is(p, (double[]){-1 - .5 * (2.5 + 2.25), -1 - .5 * (4 + 3)}, 2);
}
END_TEST

START_TEST(update_rmsprop)
{
    struct clg_update u = {.opt = CLG_RMSPROP, .lr = .5, .l2 = .5, .rho = .75, .eps = 1, .t = 1};
    struct clg_buf *p = lab_vector(2, (double[]){2, 2}), *v = lab_vector(2, (double[]){0, 12});
    struct clg_buf *buf = lab_vector(2, (double[]){7, 7}), *g = lab_vector(2, (double[]){3, 4});
    ck_ok(lab_ops->update(lab_device, p, v, buf, g, 2, 1, &u));
    lab_vector_is(v, (double[]){4, 13}, 2);
    lab_vector_is(buf, (double[]){7, 7}, 2); /* not read, not written without momentum */
    lab_vector_is(p, (double[]){2 - .5 * 4 / 3, 2 - .5 * 4 / (sqrt(13) + 1)}, 2);
    u.momentum = .5;
    p = lab_vector(2, (double[]){2, 2});
    v = lab_vector(2, (double[]){0, 0});
    ck_ok(lab_ops->update(lab_device, p, v, buf, g, 2, 1, &u));
    lab_vector_is(buf, (double[]){3.5 + 4 / 3., 3.5 + 4 / 3.}, 2);
    lab_vector_is(p, (double[]){2 - .5 * (3.5 + 4 / 3.), 2 - .5 * (3.5 + 4 / 3.)}, 2);
}
END_TEST

START_TEST(update_adagrad)
{
    struct clg_update u = {.opt = CLG_ADAGRAD, .lr = .5, .l2 = .5, .eps = 1, .t = 1};
    struct clg_buf *p = lab_vector(2, (double[]){2, 2}), *sum = lab_vector(2, (double[]){9, 0});
    struct clg_buf *g = lab_vector(2, (double[]){3, 4});
    ck_ok(lab_ops->update(lab_device, p, sum, NULL, g, 2, 1, &u));
    lab_vector_is(sum, (double[]){25, 16}, 2);
    lab_vector_is(p, (double[]){2 - .5 * 4 / 6, 2 - .5 * 4 / 5}, 2);
}
END_TEST

/* The weight shrinks before the step, the bias does not, and the decay is not in the moments. */
START_TEST(update_adamw)
{
    struct clg_update u = {.opt = CLG_ADAMW,
                           .lr = .5,
                           .weight_decay = .25,
                           .beta1 = .5,
                           .beta2 = .75,
                           .eps = 1,
                           .t = 1};
    struct clg_buf *p = lab_vector(2, (double[]){2, 2}), *g = lab_vector(2, (double[]){3, 3});
    struct clg_buf *m = lab_vector(2, NULL), *v = lab_vector(2, NULL);
    ck_ok(lab_ops->update(lab_device, p, m, v, g, 2, 1, &u));
    lab_vector_is(m, (double[]){1.5, 1.5}, 2);
    lab_vector_is(v, (double[]){2.25, 2.25}, 2);
    lab_vector_is(p, (double[]){2 * .875 - .5 * 3 / 4, 2 - .5 * 3 / 4}, 2); /* m^ = v^^(1/2) = 3 */
    u.l2 = 1;
    u.t = 1;
    p = lab_vector(1, (double[]){2});
    m = lab_vector(1, NULL);
    v = lab_vector(1, NULL);
    ck_ok(lab_ops->update(lab_device, p, m, v, g, 1, 1, &u));
    lab_vector_is(m, (double[]){2.5}, 1); /* L2 is: of the weight before it shrank */
    lab_vector_is(p, (double[]){2 * .875 - .5 * 5 / 6}, 1);
}
END_TEST

START_TEST(clip_to_a_norm)
{
    struct clg_buf *norms = lab_vector(3, (double[]){7, 7, 7}), *scratch = lab_vector(8, NULL);
    struct clg_buf *g = lab_vector(3, (double[]){3, -4, 100});
    double got[3];
    ck_ok(lab_ops->square_sum(lab_device, norms, scratch, g, 2, 1));
    lab_vector_is(norms, (double[]){7, 25, 7}, 3);
    ck_ok(lab_ops->clip(lab_device, g, norms, 2, 1, 5.1));
    lab_vector_is(g, (double[]){3, -4, 100}, 3);
    ck_ok(lab_ops->clip(lab_device, g, norms, 2, 1, 1));
    lab_vector_is(g, (double[]){3 / 5.000001, -4 / 5.000001, 100}, 3);
    norms = lab_vector(1, (double[]){(double)NAN}); /* a NaN is not clipped away */
    ck_ok(lab_ops->clip(lab_device, g, norms, 3, 0, 1));
    ck_ok(clg_real_download(g, got, 0, 3));
    ck_assert(isnan(got[0]) && isnan(got[1]) && isnan(got[2]));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        update_sgd_and_momentum, update_adam_constant_gradient,
        update_adam_by_hand,     update_ema_momentum,
        update_nesterov,         update_rmsprop,
        update_adagrad,          update_adamw,
        clip_to_a_norm,
    };
    return lab_run("reference updates", tests, sizeof tests / sizeof *tests);
}
