/* Networks from options, for tests. */
#include "harness_net.h"

#include <stdio.h>
#include <string.h>

clg_config *net_config(const char *const *words)
{
    clg_config *config;
    ck_ok(clg_config_create(&config));
    for (; *words; words++) {
        char key[64];
        const char *equals = strchr(*words, '=');
        snprintf(key, sizeof key, "%.*s", (int)(equals - *words), *words);
        ck_ok(clg_config_set(config, key, equals + 1));
    }
    return config;
}

clg_net *net_described(clg_config *config, size_t features, int classes, size_t outputs)
{
    clg_net *net;
    ck_ok(clg_net_describe(&net, config, features, classes, outputs));
    clg_config_destroy(config);
    return net;
}

clg_net *net_drawn(clg_config *config, size_t features, int classes, size_t outputs)
{
    clg_net *net = net_described(config, features, classes, outputs);
    ck_ok(clg_net_allocate(net));
    ck_ok(clg_net_draw(net));
    return net;
}
