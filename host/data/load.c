/* From the words after --train to a dataset: whole spec as path or name, else X,Y; the format by
 * the file's name, and by its first bytes where the name tells nothing. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "data/read.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum format { IDX, NPY, CSV };

/* What the file's name says, -1 where it says nothing. */
static int format_by_name(const char *path)
{
    if (clg_ends_in_gz(path, ".npy"))
        return NPY;
    if (clg_ends_in_gz(path, ".csv") || clg_ends_in_gz(path, ".tsv"))
        return CSV;
    if (clg_ends_in_gz(path, "ubyte") || clg_ends_in_gz(path, ".idx"))
        return IDX;
    return -1;
}

/* What a pipe holds cannot be looked at twice: without a name that tells, it is CSV. */
static clg_status find_format(enum format *out, const char *path)
{
    struct clg_input *input = NULL;
    struct stat about;
    unsigned char head[6];
    size_t got = 0;
    int known = format_by_name(path);
    *out = known >= 0 ? (enum format)known : CSV;
    if (known >= 0 || strcmp(path, "-") == 0 || stat(path, &about) != 0 || !S_ISREG(about.st_mode))
        return CLG_OK;
    CLG_TRY(clg_input_open(&input, path));
    clg_status status = clg_input_read(input, head, sizeof head, &got);
    clg_input_close(input);
    if (got == 6 && memcmp(head, "\x93NUMPY", 6) == 0)
        *out = NPY;
    else if (got >= 2 && head[0] == 0 && head[1] == 0)
        *out = IDX;
    return status;
}

static clg_status load_file(clg_dataset **out, const char *path, const clg_config *config,
                            enum clg_csv_role role, size_t partner)
{
    enum format format;
    CLG_TRY(find_format(&format, path));
    if (format == IDX)
        return clg_load_idx(out, path);
    if (format == NPY)
        return clg_load_npy(out, path);
    return clg_csv_read(out, path, config, role, partner);
}

static clg_status load_pair(clg_dataset **out, const char *x, const char *y,
                            const clg_config *config)
{
    clg_dataset *data = NULL, *targets = NULL;
    clg_status status;
    if (!*x || !*y)
        return clg_fail(CLG_EUSAGE, "%s,%s: a file's name is missing beside the comma", x, y);
    if (strcmp(x, "-") == 0 && strcmp(y, "-") == 0)
        return clg_fail(CLG_EUSAGE, "-,-: standard input can be the features or the targets");
    CLG_TRY_DONE(load_file(&data, x, config, CLG_CSV_FEATURES, 0));
    CLG_TRY_DONE(load_file(&targets, y, config, CLG_CSV_TARGETS, data->rows));
    CLG_TRY_DONE(clg_attach_targets(data, targets, config));
    *out = data;
    data = NULL;
done:
    clg_dataset_destroy(data);
    clg_dataset_destroy(targets);
    return status;
}

static int exists(const char *path)
{
    return strcmp(path, "-") == 0 || access(path, F_OK) == 0;
}

/* Paths may hold commas: the one between two files that exist, else behind one that does, else the
 * first. */
static char *choose_comma(char *spec)
{
    char *behind_file = NULL;
    for (char *comma = strchr(spec, ','); comma; comma = strchr(comma + 1, ',')) {
        *comma = '\0';
        int left = exists(spec), both = left && exists(comma + 1);
        *comma = ',';
        if (both)
            return comma;
        if (left && !behind_file)
            behind_file = comma;
    }
    return behind_file ? behind_file : strchr(spec, ',');
}

static clg_status load_split(clg_dataset **out, const char *spec, const clg_config *config,
                             size_t inputs)
{
    char *copy = NULL;
    CLG_TRY(clg_text_copy(&copy, spec));
    char *comma = choose_comma(copy);
    *comma = '\0';
    clg_status status = inputs ? load_file(out, copy, config, CLG_CSV_FEATURES, 0)
                               : load_pair(out, copy, comma + 1, config);
    free(copy);
    return status;
}

/* inputs: as clg_dataset_load_inputs, 0 with targets. */
static clg_status load(clg_dataset **out, const char *spec, clg_part part, const clg_config *config,
                       size_t inputs)
{
    struct clg_place place;
    *out = NULL;
    if (!spec || !*spec)
        return clg_fail(CLG_EUSAGE, "no data named: give a data set's name, a folder, or X[,Y]");
    CLG_TRY(clg_place_find(&place, spec));
    clg_status status = CLG_OK;
    int one_part = place.kind == CLG_PLACE_FILE || place.kind == CLG_PLACE_XOR;
    if (one_part && place.part != CLG_PART_ALL)
        status = clg_fail(CLG_EDATA, "%s: has no parts: leave :train or :test out", place.path);
    else if (place.kind == CLG_PLACE_FOLDER)
        status = clg_load_folder(out, &place, part, config, inputs);
    else if (place.kind == CLG_PLACE_XOR)
        status = clg_load_xor(out, config);
    else if (place.kind == CLG_PLACE_FILE)
        status = load_file(out, place.path, config, inputs ? CLG_CSV_INPUTS : CLG_CSV_BOTH, inputs);
    else
        status =
            strchr(spec, ',') ? load_split(out, spec, config, inputs) : clg_place_missing(spec);
    clg_place_clear(&place);
    return status;
}

clg_status clg_dataset_load(clg_dataset **out, const char *spec, clg_part part,
                            const clg_config *config)
{
    return load(out, spec, part, config, 0);
}

clg_status clg_dataset_load_inputs(struct clg_dataset **out, const char *spec, clg_part part,
                                   const clg_config *config, size_t inputs)
{
    CLG_TRY(load(out, spec, part, config, inputs));
    clg_dataset_drop_targets(*out);
    return CLG_OK;
}
