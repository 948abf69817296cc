/* run.json: how a training ended and where it ran, for whoever looks at the run's folder later. */
#include "train/train.h"

#include "core/file.h"
#include "core/memory.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *ending(const clg_train_result *result, clg_status status)
{
    if (status == CLG_ECANCELLED)
        return "interrupted";
    if (status == CLG_EDIVERGED)
        return "diverged";
    if (status != CLG_OK)
        return "failed";
    return result->stopped_early ? "stopped early" : "finished";
}

/* A driver's text need not be UTF-8. */
static json_t *text(const char *value)
{
    json_t *string = json_string(value);
    return string ? string : json_string("?");
}

static json_t *describe_device(const clg_device *device)
{
    const clg_device_info *info = clg_device_describe(device);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:I}", "name", text(info->name),
                     "platform", text(info->platform_name), "vendor", text(info->vendor), "opencl",
                     text(info->opencl_version), "driver", text(info->driver_version), "type",
                     info->type, "units", info->units, "memory", (json_int_t)info->memory);
}

clg_status clg_run_outcome(const struct clg_run *run, const struct clg_net *net,
                           const clg_device *device, const clg_train_result *result,
                           clg_status status)
{
    char *path = NULL, *line = NULL;
    clg_status written;
    size_t size = strlen(run->folder) + sizeof "/run.json";
    json_t *root = json_pack("{s:s, s:i, s:I, s:f, s:i, s:b, s:o, s:I, s:s, s:o}", "status",
                             ending(result, status), "epochs", result->epochs, "steps",
                             (json_int_t)result->steps, "seconds", result->seconds, "best_epoch",
                             result->best_epoch, "stopped_early", result->stopped_early, "network",
                             text(net->text), "parameters", (json_int_t)net->count, "version",
                             clg_version(), "device", describe_device(device));
    line = root ? json_dumps(root, JSON_REAL_PRECISION(9) | JSON_INDENT(1)) : NULL;
    json_decref(root);
    if (!line)
        return clg_fail(CLG_ENOMEM, "%s/run.json: no memory for it", run->folder);
    written = clg_alloc(&path, size, 1, "a path");
    if (written == CLG_OK) {
        snprintf(path, size, "%s/run.json", run->folder);
        written = clg_file_write(path, line, strlen(line));
    }
    free(path);
    free(line);
    return status != CLG_OK ? status : written;
}
