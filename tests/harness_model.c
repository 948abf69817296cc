/* Networks and files that the tests of model files share. */
#include "harness_model.h"

#include "core/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *model_path(const char *name)
{
    static char path[4][4200];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", harness_folder(), name);
    return path[next];
}

void model_put(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

clg_net *model_sample(const char *opt)
{
    const float x[12] = {0, 1, 5, 2, 3, 5, 4, 5, 5, 6, 7.5f, 5};
    const int32_t labels[4] = {0, 1, 1, 0};
    clg_dataset *data;
    clg_config *config;
    clg_net *net;
    ck_ok(clg_config_create(&config));
    ck_ok(clg_config_set(config, "layers", "4:tanh"));
    ck_ok(clg_config_set(config, "opt", opt));
    ck_ok(clg_config_set(config, "normalize", "std"));
    ck_ok(clg_config_set(config, "seed", "42"));
    ck_ok(clg_dataset_from_arrays(&data, x, 4, 3, labels, 2, NULL, 0));
    ck_ok(clg_net_create(&net, config, data));
    free(net->class_name[1]);
    ck_ok(clg_text_copy(&net->class_name[1], "Ägypten, \"x\""));
    ck_ok(clg_net_allocate_slots(net));
    for (int s = 0; s < clg_opt_slots(net->opt); s++)
        for (size_t i = 0; i < net->count; i++)
            net->slot[s][i] = (double)(float)(0.001 * (double)(i + 1) / (s + 1));
    net->params[net->count - 1] = -0.5;
    net->step = 1234;
    net->epoch = 7;
    clg_dataset_destroy(data);
    clg_config_destroy(config);
    return net;
}

const float model_plain[6] = {1, 2, 3, 4, 0.5f, -1};

const char *model_raw(const char *header, const void *data, size_t size)
{
    const char *path = model_path("raw.safetensors");
    size_t length = strlen(header);
    unsigned char *bytes = malloc(8 + length + size);
    ck_assert_ptr_nonnull(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(bytes + 8, header, length);
    if (size)
        memcpy(bytes + 8 + length, data, size);
    model_put(path, bytes, 8 + length + size);
    free(bytes);
    return path;
}
