/* Data in the form that a network was trained on: where its targets stand, and what they are. */
#include "net/net.h"

/* config's target and label-col where they are set, else the network's. */
static clg_status form_of(clg_config **out, const clg_net *net, const clg_config *config)
{
    static const char *const keys[] = {"target", "label-col"};
    CLG_TRY(clg_config_copy(out, net->config));
    clg_status status = CLG_OK;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && status == CLG_OK; i++)
        if (clg_config_is_set(config, keys[i]))
            status = clg_config_set(*out, keys[i], clg_config_get(config, keys[i]));
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
    CLG_TRY(form_of(&form, net, config));
    clg_status status =
        targets ? clg_dataset_load(out, spec, part, form)
                : clg_dataset_load_inputs(out, spec, part, form, (size_t)clg_net_inputs(net));
    clg_config_destroy(form);
    return status;
}
