/* Whether a data set suits a network: its shape, its classes, its targets, and its numbers once they
 * are normalised.  Said before anything is planned or a run is opened. */
#include "net/net.h"

#include "core/memory.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

int clg_net_takes_value(const struct clg_net *net, double value)
{
    return net->loss == CLG_BCE ? value >= 0 && value <= 1 : fabs(value) <= FLT_MAX;
}

const char *clg_net_values(const struct clg_net *net)
{
    return net->loss == CLG_BCE ? "in 0..1, as bce needs it" : "a finite float";
}

clg_status clg_net_check_values(const struct clg_net *net, const struct clg_dataset *data)
{
    size_t outputs = data->values ? data->outputs : 1;
    for (size_t i = 0; i < data->rows * outputs; i++) {
        double t = data->values ? data->values[i] : data->labels[i];
        if (!clg_net_takes_value(net, t))
            return clg_fail(CLG_EDATA, "%s: row %zu: target %g is not %s", data->source,
                            i / outputs, t, clg_net_values(net));
    }
    return CLG_OK;
}

clg_status clg_net_map_classes(int32_t **map, const struct clg_net *net,
                               const struct clg_dataset *data)
{
    CLG_TRY(clg_alloc(map, (size_t)data->classes, sizeof **map, "a class table"));
    return clg_dataset_class_map(*map, data, net->class_name, net->classes);
}

clg_status clg_net_check_shapes(const struct clg_net *net, const struct clg_dataset *data)
{
    size_t outputs = (size_t)clg_net_outputs(net);
    if (data->rows < 1)
        return clg_fail(CLG_EDATA, "%s: has no rows", data->source);
    if (data->rows > (size_t)INT32_MAX)
        return clg_fail(CLG_EDATA, "%s: has %zu rows; at most %d are supported", data->source,
                        data->rows, INT32_MAX);
    if (data->features != (size_t)clg_net_inputs(net))
        return clg_fail(CLG_EDATA, "%s: has %zu features a row, and the network has %d inputs",
                        data->source, data->features, clg_net_inputs(net));
    if (net->target_input)
        return CLG_OK;
    if (net->target == CLG_TARGET_CLASS && data->values)
        return clg_fail(CLG_EDATA, "%s: has value targets, and the network expects classes",
                        data->source);
    if (net->target == CLG_TARGET_VALUE && data->values && data->outputs != outputs)
        return clg_fail(CLG_EDATA, "%s: has %zu target columns, and the network has %zu outputs",
                        data->source, data->outputs, outputs);
    if (net->target == CLG_TARGET_VALUE && data->labels && outputs != 1)
        return clg_fail(CLG_EDATA, "%s: has class targets, and the network expects %zu values",
                        data->source, outputs);
    return CLG_OK;
}

/* Looked at before a run is opened; bytes and floats are left to their upload. */
static clg_status check_doubles(const struct clg_net *net, const struct clg_dataset *data)
{
    struct clg_normalise normalise = {0};
    double *row = NULL;
    clg_status status;
    CLG_TRY(clg_net_normalise_for(&normalise, net, data));
    CLG_TRY_DONE(clg_alloc(&row, data->features, sizeof *row, "a row"));
    for (size_t i = 0; i < data->rows && status == CLG_OK; i++)
        status = clg_normalise_row(row, &normalise, data, i);
done:
    free(row);
    clg_normalise_clear(&normalise);
    return status;
}

clg_status clg_net_check_data(const clg_net *net, const clg_dataset *data)
{
    int32_t *map = NULL;
    CLG_TRY(clg_net_check_shapes(net, data));
    if (!data->labels && !data->values && !net->target_input)
        return clg_fail(CLG_EDATA, "%s: has no targets; give X,Y", data->source);
    if (data->storage == CLG_DOUBLES)
        CLG_TRY(check_doubles(net, data));
    if (net->target_input)
        return CLG_OK;
    if (net->target == CLG_TARGET_VALUE)
        return clg_net_check_values(net, data);
    clg_status status = clg_net_map_classes(&map, net, data);
    free(map);
    return status;
}
