/* A run's folder: its configuration, course, model, and what other commands left beside them. */
#include "report/run_report.h"

#include "core/file.h"
#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST_JSON = 64 << 20 };

static clg_status path_in(char **out, const struct clg_report_run *run, const char *name)
{
    size_t size = strlen(run->folder) + strlen(name) + 2;
    CLG_TRY(clg_alloc(out, size, 1, "a path"));
    snprintf(*out, size, "%s/%s", run->folder, name);
    return CLG_OK;
}

/* "runs/a" of "runs/a/" as well; the name is what stands behind the last slash. */
static clg_status take_folder(struct clg_report_run *run, const char *folder)
{
    CLG_TRY(clg_text_copy(&run->folder, folder));
    for (size_t length = strlen(folder); length > 1 && run->folder[length - 1] == '/';)
        run->folder[--length] = '\0';
    const char *slash = strrchr(run->folder, '/');
    run->name = slash && slash[1] ? slash + 1 : run->folder;
    return CLG_OK;
}

static clg_status read_config(struct clg_report_run *run)
{
    char *path;
    clg_status status;
    CLG_TRY(path_in(&path, run, "config.ini"));
    if (access(path, F_OK) != 0)
        status = clg_fail(CLG_EDATA,
                          "%s: is no run's folder, it holds no config.ini: give what --out named",
                          run->folder);
    else
        status = clg_config_create(&run->config);
    if (status == CLG_OK)
        status = clg_config_read(run->config, path);
    free(path);
    return status;
}

static clg_status read_metrics(struct clg_report_run *run)
{
    char *path;
    CLG_TRY(path_in(&path, run, "metrics.jsonl"));
    clg_status status = clg_metrics_read(&run->metrics, path);
    free(path);
    return status;
}

/* An object from a file that need not be there. */
static clg_status read_json(json_t **out, const struct clg_report_run *run, const char *name)
{
    char *path = NULL, *text = NULL;
    size_t size;
    json_error_t error;
    clg_status status;
    CLG_TRY(path_in(&path, run, name));
    if (access(path, F_OK) != 0) {
        free(path);
        return CLG_OK;
    }
    CLG_TRY_DONE(clg_file_read(&text, &size, path, LARGEST_JSON));
    *out = json_loadb(text, size, 0, &error);
    if (!json_is_object(*out))
        status = clg_fail(CLG_EDATA, "%s: line %d: %s", path, *out ? 1 : error.line,
                          *out ? "is no JSON object" : error.text);
done:
    free(path);
    free(text);
    return status;
}

/* The model that the run ended with; after an early stop that is the best epoch's. */
static clg_status read_model(struct clg_report_run *run)
{
    char *path = NULL;
    int early = json_is_true(json_object_get(run->facts, "stopped_early"));
    run->model = early ? "best.safetensors" : "last.safetensors";
    CLG_TRY(path_in(&path, run, run->model));
    if (access(path, F_OK) != 0) {
        free(path);
        return clg_text_copy(&run->no_model, "no model has been saved yet");
    }
    clg_status status = clg_net_load(&run->net, path, NULL);
    free(path);
    if (status == CLG_ENOMEM)
        return status;
    return status == CLG_OK ? CLG_OK : clg_text_copy(&run->no_model, clg_last_error());
}

clg_status clg_report_run_read(struct clg_report_run *run, const char *folder)
{
    memset(run, 0, sizeof *run);
    CLG_TRY(take_folder(run, folder));
    CLG_TRY(read_config(run));
    CLG_TRY(read_metrics(run));
    CLG_TRY(read_json(&run->facts, run, "run.json"));
    CLG_TRY(read_json(&run->verify, run, "verify.json"));
    CLG_TRY(read_json(&run->profile, run, "profile.json"));
    return read_model(run);
}

void clg_report_run_clear(struct clg_report_run *run)
{
    clg_examples_clear(&run->examples);
    clg_net_destroy(run->net);
    clg_metrics_clear(&run->metrics);
    clg_config_destroy(run->config);
    json_decref(run->facts);
    json_decref(run->verify);
    json_decref(run->profile);
    free(run->no_model);
    free(run->folder);
    memset(run, 0, sizeof *run);
}

const char *clg_report_fact(const struct clg_report_run *run, int device, const char *key)
{
    const json_t *object = device ? json_object_get(run->facts, "device") : run->facts;
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

const char *clg_report_ending(const struct clg_report_run *run)
{
    const char *status = clg_report_fact(run, 0, "status");
    if (*status)
        return status;
    return run->metrics.count ? "still running or killed" : "nothing trained yet";
}
