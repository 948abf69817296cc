/* The deltas of a deep, narrow network: 1-2-1-1 tanh units, one example, half the squared error.  u
 * is what goes into an activation, delta the error's derivative by it; the gradient of a layer's
 * weights is the outer product of its delta and its input. */
#include "lecture.h"

#include <math.h>

static const float x[] = {2}, t[] = {1};
static const char *const options[] = {"layers", "2:tanh,1:tanh", "output-act", "tanh", "loss",
                                      "mse",    "normalize",     "none",       NULL};

/* The lecture writes a layer's biases as the first row of its matrix: W1 = [0.1 0.2; 0.3 0.4],
 * W2 = [0.2; 1; -3], W3 = [1; 2]. */
static clg_status set_weights(struct lecture *l)
{
    const double b1[] = {0.1, 0.2}, W1[] = {0.3, 0.4}, b2[] = {0.2}, W2[] = {1, -3};
    const double b3[] = {1}, W3[] = {2};
    TRY(lecture_set(l, 0, W1, b1));
    TRY(lecture_set(l, 1, W2, b2));
    return lecture_set(l, 2, W3, b3);
}

static clg_status show(struct lecture *l)
{
    static const char *const deltas[] = {"delta1", "delta2", "delta3"};
    static const char *const gradients[] = {"gradient of W1", "gradient of W2", "gradient of W3"};
    static const int outputs[] = {2, 1, 1}, inputs[] = {1, 2, 1};
    double y, front, u, values[2];
    TRY(set_weights(l));
    TRY(lecture_outputs(l, &y, x, 1));
    TRY(lecture_gradient(l, NULL, x, t, 1));
    TRY(lecture_input(l, 2, &front));
    u = atanh(front);
    lecture_print("u2", &u, 1);
    u = atanh(y);
    lecture_print("u3", &u, 1);
    lecture_print("y", &y, 1);
    for (int layer = 2; layer >= 0; layer--) {
        TRY(lecture_delta(l, layer, values));
        lecture_print(deltas[layer], values, outputs[layer]);
    }
    for (int layer = 2; layer >= 0; layer--) {
        TRY(clg_engine_gradient(l->engine, layer, values, NULL));
        lecture_print(gradients[layer], values, outputs[layer] * inputs[layer]);
    }
    return CLG_OK;
}

static clg_status run(clg_device *device)
{
    struct lecture l;
    clg_status status = lecture_begin(&l, device, options, x, t, 1, 1, 1);
    if (status == CLG_OK)
        status = show(&l);
    lecture_end(&l);
    return status;
}

int main(int argc, char **argv)
{
    return lecture_main(argc, argv, run);
}
