/* Data in the form that a network was trained on: where its targets stand, and what they are. */
#include "net/net.h"

#include <stdio.h>

/* The options that say how a file becomes data: config's where they are set, else the network's. */
static clg_status form_of(clg_config **out, const clg_net *net, const clg_config *config,
                          int targets)
{
    static const char *const keys[] = {"target",  "label-col", "columns",
                                       "classes", "missing",   "features"};
    char features[16];
    CLG_TRY(clg_config_copy(out, net->config));
    snprintf(features, sizeof features, "%d", clg_net_inputs(net));
    clg_status status = clg_config_set(*out, "features", features); /* libsvm leaves it open */
    for (size_t i = 0; i < sizeof keys / sizeof *keys && status == CLG_OK; i++)
        if (clg_config_is_set(config, keys[i]))
            status = clg_config_set(*out, keys[i], clg_config_get(config, keys[i]));
    /* every row gets its prediction */
    if (!targets && status == CLG_OK && !clg_config_is_set(config, "missing") &&
        clg_config_is(net->config, "missing", "drop"))
        status = clg_config_set(*out, "missing", "error");
    if (status != CLG_OK) {
        clg_config_destroy(*out);
        *out = NULL;
    }
    return status;
}

clg_status clg_net_load_data(clg_dataset **out, const clg_net *net, const char *spec, clg_part part,
                             const clg_config *config, int targets)
{
    clg_config *form = NULL;
    *out = NULL;
    CLG_TRY(form_of(&form, net, config, targets));
    clg_status status = clg_dataset_load_for(out, spec, part, form,
                                             targets ? CLG_FOR_EVALUATION : CLG_FOR_PREDICTION,
                                             (size_t)clg_net_inputs(net));
    clg_config_destroy(form);
    return status;
}
