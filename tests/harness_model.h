/* Networks and files that the tests of model files share. */
#ifndef CLG_TESTS_HARNESS_MODEL_H
#define CLG_TESTS_HARNESS_MODEL_H

#include "harness.h"
#include "net/net.h"

/* The path of a file in the test's folder; the last four stay valid. */
const char *model_path(const char *name);

/* Writes bytes without fsync: the files here are many and small. */
void model_put(const char *path, const void *bytes, size_t size);

/* A network as if trained: 3 inputs, 4 hidden, 2 named classes, all moments of the optimiser. */
clg_net *model_sample(const char *opt);

/* Writes a safetensors file of this header and size bytes of data. */
const char *model_raw(const char *header, const void *data, size_t size);

/* Headers of a layer with 2 outputs, its weight and bias at these bytes of data, and such data for
 * 2 inputs. */
#define MODEL_W(shape, from, to)                                                                   \
    "{\"layers.0.weight\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" from "," to   \
    "]}"
#define MODEL_B(from, to)                                                                          \
    ",\"layers.0.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" from "," to "]}}"

extern const float model_plain[6];

#endif
