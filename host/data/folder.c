/* Data sets that are a folder: IDX files in a training and a test part, or one CSV file; and xor,
 * which is none. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "data/read.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One part's files, NULL where missing. */
struct part_files {
    char *images, *labels;
};

static const char *const part_name[2] = {"train", "t10k"};

/* FOLDER/train-images-idx3-ubyte in its spellings: dots for dashes, compressed or not; *out stays
 * NULL where there is none. */
static clg_status find_idx(char **out, const char *folder, const char *part, const char *what,
                           int dimensions)
{
    static const char *const mark[] = {"--", ".-", "-.", ".."};
    *out = NULL;
    for (int k = 0; k < 8; k++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s-%s%cidx%d%cubyte%s", folder, part, what, mark[k / 2][0],
                     dimensions, mark[k / 2][1], k % 2 ? ".gz" : "") < 0)
            return clg_fail(CLG_ENOMEM, "no memory for a path");
        if (access(path, F_OK) == 0) {
            *out = path;
            return CLG_OK;
        }
        free(path);
    }
    return CLG_OK;
}

/* The last name in a path. */
static const char *base_of(const char *path, size_t *length)
{
    const char *end = path + strlen(path);
    while (end > path && end[-1] == '/')
        end--;
    const char *start = end;
    while (start > path && start[-1] != '/')
        start--;
    *length = (size_t)(end - start);
    return start;
}

static int base_is(const char *path, const char *name)
{
    size_t length;
    const char *base = base_of(path, &length);
    return length == strlen(name) && strncmp(base, name, length) == 0;
}

/* The data sets known by name have ten classes; a label beyond them is a damaged file. */
static clg_status check_ten(const struct clg_dataset *data, const char *labels)
{
    for (size_t i = 0; i < data->rows && data->labels; i++)
        if (data->labels[i] > 9)
            return clg_fail(CLG_EDATA,
                            "%s: label %d of row %zu (from 0), at byte %zu, is out of range: this "
                            "data set has the classes 0 to 9",
                            labels, (int)data->labels[i], i, i + 8);
    return CLG_OK;
}

/* Class names of the data sets that have some. */
static clg_status name_classes(struct clg_dataset *data)
{
    static const char *const names[] = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                        "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                        "Bag",         "Ankle boot"};
    for (int k = 0; k < data->classes && data->classes == 10; k++) {
        free(data->class_name[k]);
        data->class_name[k] = NULL;
        CLG_TRY(clg_text_copy(&data->class_name[k], names[k]));
    }
    return CLG_OK;
}

/* Both parts have the classes of the two, so that a network for one fits the other. */
static clg_status widen_classes(struct clg_dataset *data, const char *other_labels, int ten,
                                const struct clg_request *request)
{
    struct clg_dataset *other = NULL, *labels = NULL;
    clg_status status;
    CLG_TRY_DONE(clg_load_idx(&labels, other_labels));
    CLG_TRY_DONE(clg_dataset_new(&other, other_labels));
    other->rows = labels->rows;
    CLG_TRY_DONE(clg_attach_targets(other, labels, request));
    if (ten)
        CLG_TRY_DONE(check_ten(other, other_labels));
    if (other->classes > data->classes) {
        char **name = data->class_name;
        int classes = data->classes;
        data->class_name = other->class_name;
        data->classes = other->classes;
        other->class_name = name;
        other->classes = classes;
    }
done:
    clg_dataset_destroy(other);
    clg_dataset_destroy(labels);
    return status;
}

static clg_status load_part(struct clg_dataset **out, const char *folder,
                            const struct part_files files[2], int index,
                            const struct clg_request *request)
{
    struct clg_dataset *data = NULL, *labels = NULL;
    int fashion = base_is(folder, "fashion-mnist"), ten = fashion || base_is(folder, "mnist");
    clg_status status;
    for (int k = 0; k < 2; k++)
        if (files[k].images && !files[k].labels && !request->no_targets)
            return clg_fail(CLG_EDATA,
                            "%s: the labels that belong to it, %s-labels-idx1-ubyte, "
                            "are missing",
                            files[k].images, part_name[k]);
    CLG_TRY_DONE(clg_load_idx(&data, files[index].images));
    data->both_parts = files[0].images && files[1].images;
    if (!request->no_targets) {
        CLG_TRY_DONE(clg_load_idx(&labels, files[index].labels));
        CLG_TRY_DONE(clg_attach_targets(data, labels, request));
        if (ten)
            CLG_TRY_DONE(check_ten(data, files[index].labels));
    }
    if (data->both_parts && data->labels)
        CLG_TRY_DONE(widen_classes(data, files[1 - index].labels, ten, request));
    if (fashion)
        CLG_TRY_DONE(name_classes(data));
    *out = data;
    data = NULL;
done:
    clg_dataset_destroy(data);
    clg_dataset_destroy(labels);
    return status;
}

/* FOLDER/FOLDER.csv, or the only CSV file there is. */
static clg_status find_csv(char **out, const char *folder)
{
    size_t length, count = 0;
    const char *base = base_of(folder, &length);
    clg_status status = CLG_OK;
    *out = NULL;
    for (int k = 0; k < 2; k++) {
        if (asprintf(out, "%s/%.*s.csv%s", folder, (int)length, base, k ? ".gz" : "") < 0) {
            *out = NULL;
            return clg_fail(CLG_ENOMEM, "no memory for a path");
        }
        if (access(*out, F_OK) == 0)
            return CLG_OK;
        free(*out);
        *out = NULL;
    }
    DIR *listing = opendir(folder);
    if (!listing)
        return CLG_OK;
    for (struct dirent *entry; status == CLG_OK && (entry = readdir(listing));) {
        if (!clg_ends_in_gz(entry->d_name, ".csv") || ++count > 1)
            continue;
        if (asprintf(out, "%s/%s", folder, entry->d_name) < 0) {
            *out = NULL;
            status = clg_fail(CLG_ENOMEM, "no memory for a path");
        }
    }
    closedir(listing);
    if (count > 1) {
        free(*out);
        *out = NULL;
        status = clg_fail(CLG_EDATA, "%s: holds %zu CSV files: name the one that is meant", folder,
                          count);
    }
    return status;
}

static clg_status load_csv_folder(struct clg_dataset **out, const struct clg_place *place,
                                  const struct clg_request *request)
{
    char *path = NULL;
    CLG_TRY(find_csv(&path, place->path));
    if (!path)
        return clg_fail(CLG_EDATA,
                        "%s: holds no data set: neither train-images-idx3-ubyte or "
                        "t10k-images-idx3-ubyte (each also .gz) nor a CSV file",
                        place->path);
    clg_status status =
        place->part == CLG_PART_ALL
            ? clg_csv_read(out, path, request, CLG_CSV_BOTH, 0)
            : clg_fail(CLG_EDATA, "%s: has no parts: leave :train or :test out", place->path);
    free(path);
    return status;
}

clg_status clg_load_folder(struct clg_dataset **out, const struct clg_place *place, clg_part part,
                           const struct clg_request *request)
{
    struct part_files files[2] = {{NULL, NULL}, {NULL, NULL}};
    clg_status status = CLG_OK;
    *out = NULL;
    for (int k = 0; k < 2; k++) {
        CLG_TRY_DONE(find_idx(&files[k].images, place->path, part_name[k], "images", 3));
        CLG_TRY_DONE(find_idx(&files[k].labels, place->path, part_name[k], "labels", 1));
    }
    if (!files[0].images && !files[1].images) {
        status = load_csv_folder(out, place, request);
        goto done;
    }
    int named = place->part != CLG_PART_ALL;
    int index = (named ? place->part : part) == CLG_PART_TEST;
    if (!files[index].images && named) {
        status = clg_fail(CLG_EDATA, "%s: has no %s part: %s-images-idx3-ubyte is missing",
                          place->path, index ? "test" : "training", part_name[index]);
        goto done;
    }
    if (!files[index].images)
        index = 1 - index;
    status = load_part(out, place->path, files, index, request);
done:
    for (int k = 0; k < 2; k++) {
        free(files[k].images);
        free(files[k].labels);
    }
    return status;
}

clg_status clg_load_xor(struct clg_dataset **out, const struct clg_request *request)
{
    static const float x[8] = {0, 0, 0, 1, 1, 0, 1, 1}, values[4] = {0, 1, 1, 0};
    static const int32_t labels[4] = {0, 1, 1, 0};
    char *source = NULL;
    if (request->as_value)
        CLG_TRY(clg_dataset_from_arrays(out, x, 4, 2, NULL, 0, values, 1));
    else
        CLG_TRY(clg_dataset_from_arrays(out, x, 4, 2, labels, 2, NULL, 0));
    clg_status status = clg_text_copy(&source, "xor");
    if (status != CLG_OK) {
        clg_dataset_destroy(*out);
        *out = NULL;
        return status;
    }
    free((*out)->source);
    (*out)->source = source;
    return CLG_OK;
}
