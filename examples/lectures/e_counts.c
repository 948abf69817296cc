/* How many parameters a network has: a layer of O units on I inputs has O*I weights and O biases.
 */
#include "lecture.h"

#include <stdio.h>
#include <stdlib.h>

static clg_status count(const char *name, const char *layers, size_t inputs, size_t outputs)
{
    clg_config *config = NULL;
    clg_dataset *data = NULL;
    clg_net *net = NULL;
    long weights = 0, biases = 0;
    float *zeros = calloc(inputs + outputs, sizeof *zeros);
    clg_status status = zeros ? CLG_OK : CLG_ENOMEM;
    TRY_DONE(status);
    TRY_DONE(clg_config_create(&config));
    TRY_DONE(clg_config_set(config, "layers", layers));
    TRY_DONE(clg_dataset_from_arrays(&data, zeros, 1, inputs, NULL, 0, zeros + inputs, outputs));
    TRY_DONE(clg_net_create(&net, config, data));
    for (int l = 0; l < clg_net_layers(net); l++) {
        int in, out;
        TRY_DONE(clg_net_layer(net, l, &in, &out, NULL));
        weights += (long)in * out;
        biases += out;
    }
    printf("%s weights: %ld\n%s biases: %ld\n%s: %ld\n", name, weights, name, biases, name,
           weights + biases);
done:
    clg_net_destroy(net);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
    free(zeros);
    return status;
}

static clg_status run(clg_device *device)
{
    (void)device; /* counting needs none */
    TRY(count("3-4-4-1", "4,4", 3, 1));
    return count("ten layers of 100 on 100 inputs", "100,100,100,100,100,100,100,100,100", 100,
                 100);
}

int main(int argc, char **argv)
{
    return lecture_main(argc, argv, run);
}
