/* Gradient descent step by step: 3 inputs, 2 tanh units, a linear output, three examples, and a
 * target that is linear.  Every update uses the summed gradient of all three at rate 0.001.  Prints
 * the predictions and the mean of half the squared error on the way.
 *
 * Between 800 and 1,000 updates the run sits on the edge of stability: the step is as long as the
 * steepest direction of the error surface bears, and a rounding error of 1e-14 grows to 2.  What
 * stands after 1,000 is one of many possible ends; the lecture's is printed beside it. */
#include "lecture.h"

#include <stdio.h>

enum { ROWS = 3, UPDATES = 1000 };

static const float x[ROWS * 3] = {4, 9, 1, 2, 5, 6, 1, 8, 3};
static const float t[ROWS] = {4 * 2 - 9 + 1 * 5, 2 * 2 - 5 + 6 * 5, 1 * 2 - 8 + 3 * 5};
static const char *const options[] = {"layers",    "2:tanh", "loss",  "mse",       "opt",
                                      "sgd",       "lr",     "0.001", "reduction", "sum",
                                      "normalize", "none",   NULL};

static clg_status set_weights(struct lecture *l)
{
    const double hidden[] = {0.5, 0.5, 0.5, 0.1, 0.1, 0.1}, ones[] = {1, 1};
    TRY(lecture_set(l, 0, hidden, ones));
    return lecture_set(l, 1, ones, ones);
}

static clg_status show(struct lecture *l, int updates)
{
    double y[ROWS], loss;
    char label[64];
    TRY(lecture_outputs(l, y, x, ROWS));
    TRY(lecture_gradient(l, &loss, x, t, ROWS));
    snprintf(label, sizeof label, "predictions after %d updates", updates);
    lecture_print(label, y, ROWS);
    snprintf(label, sizeof label, "mean of half the squared error after %d", updates);
    lecture_print(label, &loss, 1);
    return CLG_OK;
}

static clg_status descend(struct lecture *l)
{
    for (int updates = 0;; updates++) {
        if (updates == 0 || updates == 100 || updates == 200 || updates == 500 ||
            updates == UPDATES)
            TRY(show(l, updates));
        if (updates == UPDATES)
            return CLG_OK;
        TRY(lecture_gradient(l, NULL, x, t, ROWS));
        TRY(clg_engine_update(l->engine));
    }
}

static clg_status run(clg_device *device)
{
    struct lecture l;
    clg_status status = lecture_begin(&l, device, options, x, t, ROWS, 3, 1);
    if (status == CLG_OK)
        status = set_weights(&l);
    if (status == CLG_OK)
        status = descend(&l);
    if (status == CLG_OK)
        puts("the lecture's after 1000 updates: 5.539 26.564 7.782; on the edge of stability every "
             "rounding grows");
    lecture_end(&l);
    return status;
}

int main(int argc, char **argv)
{
    return lecture_main(argc, argv, run);
}
