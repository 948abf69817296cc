/* One step of backpropagation by hand: 2-2-2 sigmoid units, one example, half the squared error,
 * rate 0.5.  Prints both layers' outputs, the error, and the weights after the step.  The gradient
 * of the first layer's weights goes through the second layer's weights before their update, and the
 * lecture holds the biases: the step moves them, but they enter no number that is printed.
 *
 * The slides print a few of the updated weights differently; those contradict the slides' own
 * arithmetic.  These follow from the formulas, in double precision. */
#include "lecture.h"

static const float x[] = {0.1F, 0.5F}, t[] = {0.05F, 0.95F};
static const char *const options[] = {"layers",    "2:sigmoid", "output-act", "sigmoid", "loss",
                                      "mse",       "opt",       "sgd",        "lr",      "0.5",
                                      "normalize", "none",      NULL};

static clg_status set_weights(struct lecture *l)
{
    const double W1[] = {0.04, 0.12, 0.12, 0.08}, b1[] = {0.40, 0.40};
    const double W2[] = {0.24, 0.32, 0.28, 0.20}, b2[] = {0.36, 0.36};
    TRY(lecture_set(l, 0, W1, b1));
    return lecture_set(l, 1, W2, b2);
}

static clg_status step(struct lecture *l)
{
    double hidden[2], y[2], loss, W[4];
    TRY(set_weights(l));
    TRY(lecture_outputs(l, y, x, 1));
    TRY(lecture_gradient(l, &loss, x, t, 1));
    TRY(lecture_input(l, 1, hidden));
    lecture_print("hidden outputs", hidden, 2);
    lecture_print("outputs", y, 2);
    lecture_print("half the squared error", &loss, 1);
    TRY(clg_engine_update(l->engine));
    TRY(clg_engine_pull(l->engine));
    TRY(clg_net_get_weights(l->net, 1, W, NULL));
    lecture_print("W2 after the step", W, 4);
    TRY(clg_net_get_weights(l->net, 0, W, NULL));
    lecture_print("W1 after the step", W, 4);
    return CLG_OK;
}

static clg_status run(clg_device *device)
{
    struct lecture l;
    clg_status status = lecture_begin(&l, device, options, x, t, 1, 2, 2);
    if (status == CLG_OK)
        status = step(&l);
    lecture_end(&l);
    return status;
}

int main(int argc, char **argv)
{
    return lecture_main(argc, argv, run);
}
