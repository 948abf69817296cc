/* What the C examples of the lectures share: a small network on the caller's numbers, its engine,
 * and figures read and printed.  Errors travel as clg_status; lecture_main prints them. */
#ifndef LECTURE_H
#define LECTURE_H

#include <clgrad/clgrad.h>

/* Leaves a function, or goes to its label done, where a call fails. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        clg_status try_status = (call);                                                            \
        if (try_status != CLG_OK)                                                                  \
            return try_status;                                                                     \
    } while (0)
#define TRY_DONE(call)                                                                             \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != CLG_OK)                                                                      \
            goto done;                                                                             \
    } while (0)

struct lecture {
    clg_config *config;
    clg_net *net;
    clg_engine *engine;
    int inputs, outputs;
};

/* A network as options say (key, value, key, value, ..., NULL) for x (rows,inputs) with value
 * targets t (rows,outputs), resident on device.  lecture_end takes it back, after a failure too. */
clg_status lecture_begin(struct lecture *l, clg_device *device, const char *const *options,
                         const float *x, const float *t, int rows, int inputs, int outputs);
void lecture_end(struct lecture *l);

/* Gives a layer its weight (O,I) and bias (O), on host and device. */
clg_status lecture_set(struct lecture *l, int layer, const double *weight, const double *bias);

/* Gradient and loss of the batch x (rows,inputs), t (rows,outputs); loss may be NULL. */
clg_status lecture_gradient(struct lecture *l, double *loss, const float *x, const float *t,
                            int rows);

/* Outputs y (rows,outputs) for x (rows,inputs), with all the digits that the reference has.  Under
 * mse alone.  Overwrites the gradients. */
clg_status lecture_outputs(struct lecture *l, double *y, const float *x, int rows);

/* Of a batch of one row, after lecture_gradient: a layer's delta (O) and its input (I). */
clg_status lecture_delta(struct lecture *l, int layer, double *delta);
clg_status lecture_input(struct lecture *l, int layer, double *input);

/* "label: 1.234567890 ..." */
void lecture_print(const char *label, const double *values, int count);

/* Opens the device that `--device D` names (auto where it is left out), runs, and gives main's
 * result: 0; 2 for other arguments; 5 where there is no device; 1 otherwise. */
int lecture_main(int argc, char **argv, clg_status (*run)(clg_device *device));

#endif
