/* From the words after --train to a dataset: whole spec as path or name, else X,Y; the format by
 * the file's name, and by its first bytes where the name tells nothing. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "data/read.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum format { IDX, NPY, CSV, LIBSVM };

/* What the file's name says, -1 where it says nothing. */
static int format_by_name(const char *path)
{
    if (clg_ends_in_gz(path, ".npy"))
        return NPY;
    if (clg_ends_in_gz(path, ".csv") || clg_ends_in_gz(path, ".tsv"))
        return CSV;
    if (clg_ends_in_gz(path, ".svm") || clg_ends_in_gz(path, ".libsvm"))
        return LIBSVM;
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

/* Only a row that is to go may lack a target. */
static clg_status load_file(clg_dataset **out, const char *path, const struct clg_request *request,
                            enum clg_csv_role role, size_t partner_rows)
{
    enum format format;
    int strict = role == CLG_CSV_TARGETS && request->missing != CLG_MISSING_DROP;
    CLG_TRY(find_format(&format, path));
    if (format == LIBSVM)
        return clg_libsvm_read(out, path, request);
    if (format == CSV)
        return clg_csv_read(out, path, request, role, partner_rows);
    enum clg_missing missing = strict ? CLG_MISSING_ERROR : request->missing;
    return format == IDX ? clg_idx_read(out, path, missing) : clg_npy_read(out, path, missing);
}

static clg_status load_pair(clg_dataset **out, const char *x, const char *y,
                            const struct clg_request *request)
{
    clg_dataset *data = NULL, *targets = NULL;
    clg_status status;
    if (!*x || !*y)
        return clg_fail(CLG_EUSAGE, "%s,%s: a file's name is missing beside the comma", x, y);
    if (strcmp(x, "-") == 0 && strcmp(y, "-") == 0)
        return clg_fail(CLG_EUSAGE, "-,-: standard input can be the features or the targets");
    CLG_TRY_DONE(load_file(&data, x, request, CLG_CSV_FEATURES, 0));
    if (!request->no_targets) {
        CLG_TRY_DONE(load_file(&targets, y, request, CLG_CSV_TARGETS, data->rows));
        CLG_TRY_DONE(clg_attach_targets(data, targets, request));
    }
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

static clg_status load_split(clg_dataset **out, const char *spec, const struct clg_request *request)
{
    char *copy = NULL;
    CLG_TRY(clg_text_copy(&copy, spec));
    char *comma = choose_comma(copy);
    *comma = '\0';
    clg_status status = load_pair(out, copy, comma + 1, request);
    free(copy);
    return status;
}

static clg_status load_place(clg_dataset **out, const char *spec, const struct clg_place *place,
                             clg_part part, const struct clg_request *request)
{
    int one_part = place->kind == CLG_PLACE_FILE || place->kind == CLG_PLACE_XOR;
    if (one_part && place->part != CLG_PART_ALL)
        return clg_fail(CLG_EDATA, "%s: has no parts: leave :train or :test out", place->path);
    if (place->kind == CLG_PLACE_FOLDER)
        return clg_load_folder(out, place, part, request);
    if (place->kind == CLG_PLACE_XOR)
        return clg_load_xor(out, request);
    if (place->kind == CLG_PLACE_FILE)
        return load_file(out, place->path, request, CLG_CSV_BOTH, 0);
    return strchr(spec, ',') ? load_split(out, spec, request) : clg_place_missing(spec);
}

/* Options that say nothing together, or nothing of this kind of data. */
static clg_status check_options(const struct clg_request *request, const struct clg_dataset *data)
{
    const char *columns = clg_config_get(request->config, "columns");
    assert(data);
    if (request->has_classes && request->as_value)
        return clg_fail(CLG_EUSAGE, "--classes and --target value: give one of them");
    if (*columns && !data->is_csv && request->purpose == CLG_FOR_TRAINING)
        return clg_fail(CLG_EUSAGE, "--columns %s: %s is no CSV file", columns, data->source);
    return CLG_OK;
}

clg_status clg_dataset_load_for(clg_dataset **out, const char *spec, clg_part part,
                                const clg_config *config, enum clg_purpose purpose, size_t inputs)
{
    struct clg_request request = clg_request_of(config, purpose, inputs);
    struct clg_place place;
    clg_dataset *data = NULL;
    *out = NULL;
    if (!spec || !*spec)
        return clg_fail(CLG_EUSAGE, "no data named: give a data set's name, a folder, or X[,Y]");
    CLG_TRY(clg_place_find(&place, spec));
    clg_status status = load_place(&data, spec, &place, part, &request);
    clg_place_clear(&place);
    if (status == CLG_OK)
        status = check_options(&request, data);
    if (status == CLG_OK)
        status = clg_request_apply(&request, data);
    if (status != CLG_OK) {
        clg_dataset_destroy(data);
        return status;
    }
    *out = data;
    return CLG_OK;
}

clg_status clg_dataset_load(clg_dataset **out, const char *spec, clg_part part,
                            const clg_config *config)
{
    return clg_dataset_load_for(out, spec, part, config, CLG_FOR_TRAINING, 0);
}

typedef clg_status (*read_fn)(clg_dataset **out, const char *path,
                              const struct clg_request *request);

static clg_status load_whole(clg_dataset **out, const char *path, const clg_config *config,
                             read_fn read)
{
    struct clg_request request = clg_request_of(config, CLG_FOR_TRAINING, 0);
    clg_dataset *data = NULL;
    *out = NULL;
    CLG_TRY(read(&data, path, &request));
    clg_status status = clg_request_apply(&request, data);
    if (status != CLG_OK) {
        clg_dataset_destroy(data);
        return status;
    }
    *out = data;
    return CLG_OK;
}

static clg_status read_csv(clg_dataset **out, const char *path, const struct clg_request *request)
{
    return clg_csv_read(out, path, request, CLG_CSV_BOTH, 0);
}

clg_status clg_load_csv(clg_dataset **out, const char *path, const clg_config *config)
{
    return load_whole(out, path, config, read_csv);
}

clg_status clg_load_libsvm(clg_dataset **out, const char *path, const clg_config *config)
{
    return load_whole(out, path, config, clg_libsvm_read);
}
