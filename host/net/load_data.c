/* Data in the form that a network was trained on: where its targets stand, and what they are. */
#include "net/net.h"

#include <string.h>

/* config's target and label-col where they are set, else the network's. */
static clg_status form_of(clg_config **out, const clg_net *net, const clg_config *config,
                          int targets)
{
    static const char *const keys[] = {"target", "label-col"};
    CLG_TRY(clg_config_copy(out, net->config));
    clg_status status = CLG_OK;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && status == CLG_OK; i++)
        if (clg_config_is_set(config, keys[i]))
            status = clg_config_set(*out, keys[i], clg_config_get(config, keys[i]));
    if (!targets && status == CLG_OK) /* whatever stands there must not refuse the features */
        status = clg_config_set(*out, "target", "");
    if (status != CLG_OK) {
        clg_config_destroy(*out);
        *out = NULL;
    }
    return status;
}

/* Takes the last column for a target of any number, so that clg_dataset_unsplit_target has it. */
static clg_status load_features(clg_dataset **out, const char *spec, clg_part part,
                                clg_config *form)
{
    CLG_TRY(clg_config_set(form, "label-col", "-1"));
    CLG_TRY(clg_config_set(form, "target", "value"));
    return clg_dataset_load(out, spec, part, form);
}

clg_status clg_net_load_data(clg_dataset **out, const clg_net *net, const char *spec, clg_part part,
                             const clg_config *config, int targets)
{
    clg_config *form = NULL;
    *out = NULL;
    CLG_TRY(form_of(&form, net, config, targets));
    clg_status status = clg_dataset_load(out, spec, part, form);
    if (status != CLG_OK && !targets) /* what was read as the target may be a feature */
        status = load_features(out, spec, part, form);
    clg_config_destroy(form);
    if (status == CLG_OK && !targets && (*out)->is_csv &&
        (*out)->features + 1 == (size_t)clg_net_inputs(net))
        status = clg_dataset_unsplit_target(*out);
    if (status != CLG_OK) {
        clg_dataset_destroy(*out);
        *out = NULL;
    }
    return status;
}
