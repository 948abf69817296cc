/* Small data and networks for the tests of training. */
#ifndef CLG_TESTS_HARNESS_TRAIN_H
#define CLG_TESTS_HARNESS_TRAIN_H

#include "harness.h"

/* rows of `features` numbers in 0..1 that belong to `classes` blobs; class = row % classes, moved
 * by noise.  The caller destroys it. */
clg_dataset *harness_blobs(size_t rows, size_t features, int classes, uint64_t seed);

/* A configuration from "key", "value" pairs, ended by NULL. */
clg_config *harness_config(const char *key, ...);

/* All parameters of net, weights and biases layer by layer; *count of them. The caller frees it. */
double *harness_parameters(const clg_net *net, size_t *count);

#endif
