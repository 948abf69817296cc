/* A perceptron by hand: three binary inputs with the weights 0.3, 0.3, 0.3 and the threshold 0.4,
 * which is a bias of -0.4.  It fires from two ones on: the majority of its inputs.  d_iris.sh lets
 * the perceptron rule find the weights. */
#include "lecture.h"

#include <stdio.h>

enum { ROWS = 8 };

static const char *const options[] = {"output-act", "step", "loss", "perceptron",
                                      "normalize",  "none", NULL};

static clg_status show(struct lecture *l, const float *x)
{
    const double weight[] = {0.3, 0.3, 0.3}, bias[] = {-0.4};
    float y[ROWS];
    TRY(lecture_set(l, 0, weight, bias));
    TRY(clg_engine_forward(l->engine, y, x, ROWS));
    for (int i = 0; i < ROWS; i++, x += 3)
        printf("%g %g %g: %g\n", (double)x[0], (double)x[1], (double)x[2], (double)y[i]);
    return CLG_OK;
}

static clg_status run(clg_device *device)
{
    struct lecture l;
    float x[ROWS * 3], t[ROWS] = {0};
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < 3; k++)
            x[3 * i + k] = (float)(i >> (2 - k) & 1);
    clg_status status = lecture_begin(&l, device, options, x, t, ROWS, 3, 1);
    if (status == CLG_OK)
        status = show(&l, x);
    lecture_end(&l);
    return status;
}

int main(int argc, char **argv)
{
    return lecture_main(argc, argv, run);
}
