/* What the options ask of loaded data beyond reading it: targets that are not wanted, rows with
 * missing values, and which classes there are. */
#include "core/memory.h"
#include "data/read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clg_request clg_request_of(const clg_config *config, enum clg_purpose purpose, size_t inputs)
{
    struct clg_request request = {.config = config, .purpose = purpose, .inputs = inputs};
    request.missing = (enum clg_missing)clg_config_choice(config, "missing");
    request.has_classes =
        purpose != CLG_FOR_PREDICTION && *clg_config_get(config, "classes") != '\0';
    request.is_input = clg_config_is(config, "target", "input");
    request.as_class = request.has_classes || clg_config_is(config, "target", "class");
    request.as_value = clg_config_is(config, "target", "value");
    request.no_targets =
        purpose == CLG_FOR_PREDICTION || (request.is_input && !request.has_classes);
    return request;
}

/* --------------------------------------------------------------- rows kept */

/* Keeps the rows i with keep[i], count of them. */
static clg_status keep_rows(struct clg_dataset *data, const unsigned char *keep, size_t count)
{
    size_t *pick = NULL, to = 0;
    CLG_TRY(clg_alloc(&pick, count, sizeof *pick, "the rows kept"));
    for (size_t i = 0; i < data->rows; i++) {
        if (!keep[i])
            continue;
        pick[to] = data->pick ? data->pick[i] : i;
        if (data->labels)
            data->labels[to] = data->labels[i];
        if (data->values)
            memmove(data->values + to * data->outputs, data->values + i * data->outputs,
                    data->outputs * sizeof *data->values);
        to++;
    }
    free(data->pick);
    data->pick = pick;
    data->rows = count;
    return CLG_OK;
}

static int lacks_feature(const struct clg_dataset *data, size_t i)
{
    size_t stored = data->pick ? data->pick[i] : i, first = stored * data->features;
    int lacks = 0;
    if (data->storage == CLG_SPARSE)
        for (size_t k = data->start[stored]; k < data->start[stored + 1]; k++)
            lacks |= isnan(data->cell_value[k]) != 0;
    for (size_t j = 0; data->storage == CLG_FLOATS && j < data->features; j++)
        lacks |= isnan(((const float *)data->x)[first + j]) != 0;
    for (size_t j = 0; data->storage == CLG_DOUBLES && j < data->features; j++)
        lacks |= isnan(((const double *)data->x)[first + j]) != 0;
    return lacks;
}

static int lacks_target(const struct clg_dataset *data, size_t i)
{
    int lacks = data->labels && data->labels[i] < 0;
    for (size_t j = 0; data->values && j < data->outputs; j++)
        lacks |= isnan(data->values[i * data->outputs + j]) != 0;
    return lacks;
}

clg_status clg_dataset_drop_missing(struct clg_dataset *data)
{
    unsigned char *keep = NULL;
    size_t count = 0;
    clg_status status = CLG_OK;
    CLG_TRY(clg_alloc(&keep, data->rows, 1, "the rows kept"));
    for (size_t i = 0; i < data->rows; i++) {
        keep[i] = !lacks_feature(data, i) && !lacks_target(data, i);
        count += keep[i];
    }
    if (count == 0)
        status = clg_fail(CLG_EDATA, "%s: every row lacks a value, so --missing drop leaves none",
                          data->source);
    else if (count < data->rows)
        status = keep_rows(data, keep, count);
    free(keep);
    return status;
}

/* ----------------------------------------------------------------- classes */

/* Where text is a number, that number written one way: "7.0" and "7" are the same class. */
static const char *canonical(struct clg_printed *buffer, const char *text)
{
    double number;
    if (!clg_read_number(&number, text))
        return text;
    *buffer = clg_print_number(number + 0.0, 17);
    return buffer->text;
}

static clg_status index_items(struct clg_words *words, const struct clg_list *list)
{
    for (size_t k = 0; k < list->count; k++) {
        struct clg_printed buffer;
        size_t number;
        CLG_TRY(clg_words_add(words, canonical(&buffer, list->item[k]), &number));
        if (number != k)
            return clg_fail(CLG_EUSAGE, "--classes: %s is given twice", list->item[k]);
    }
    return CLG_OK;
}

/* map (data->classes): the item that each class is, -1 for none.  By name; an item that names none
 * may be the number that the file has for a class with a name of its own. */
static clg_status map_classes(int32_t *map, unsigned char *used, const struct clg_dataset *data,
                              const struct clg_list *list)
{
    struct clg_words words = {NULL, 0, 0, NULL, 0};
    struct clg_printed buffer;
    clg_status status;
    CLG_TRY_DONE(index_items(&words, list));
    for (int k = 0; k < data->classes; k++) {
        size_t found = clg_words_find(&words, canonical(&buffer, data->class_name[k]));
        map[k] = found < list->count ? (int32_t)found : -1;
        if (map[k] >= 0)
            used[found] = 1;
    }
    for (size_t i = 0; data->numbered && i < list->count; i++) {
        double number;
        if (used[i] || !clg_read_number(&number, list->item[i]) || number != floor(number) ||
            number < 0 || number >= data->classes || map[(int)number] >= 0)
            continue;
        map[(int)number] = (int32_t)i;
        used[i] = 1;
    }
done:
    clg_words_clear(&words);
    return status;
}

static clg_status refuse_item(const struct clg_dataset *data, const char *item)
{
    const char *const *names = (const char *const *)data->class_name;
    const char *near = clg_nearest(item, names, (size_t)data->classes, sizeof *names);
    struct clg_shown shown = clg_show(near ? near : names[0]);
    return clg_fail(CLG_EUSAGE, "--classes: %s has no class %s%s%s%s", data->source, item,
                    near ? ": did you mean " : "; its first is ", shown.text, near ? "?" : "");
}

/* Labels by map; the rows of other classes go. */
static clg_status keep_mapped(struct clg_dataset *data, const int32_t *map)
{
    unsigned char *keep = NULL;
    size_t count = 0;
    clg_status status = CLG_OK;
    CLG_TRY(clg_alloc(&keep, data->rows, 1, "the rows kept"));
    for (size_t i = 0; i < data->rows; i++) {
        data->labels[i] = map[data->labels[i]];
        keep[i] = data->labels[i] >= 0;
        count += keep[i];
    }
    if (count == 0)
        status = clg_fail(CLG_EDATA, "%s: no row is of one of --classes", data->source);
    else if (count < data->rows)
        status = keep_rows(data, keep, count);
    free(keep);
    return status;
}

static clg_status rename_classes(struct clg_dataset *data, const struct clg_list *list)
{
    char **name = NULL;
    CLG_TRY(clg_alloc(&name, list->count, sizeof *name, "class names"));
    for (int k = 0; k < data->classes; k++)
        free(data->class_name[k]);
    free(data->class_name);
    data->class_name = name;
    data->classes = (int)list->count;
    data->numbered = 0;
    for (size_t k = 0; k < list->count; k++)
        CLG_TRY(clg_text_copy(&name[k], list->item[k]));
    return CLG_OK;
}

clg_status clg_dataset_choose_classes(struct clg_dataset *data, const struct clg_request *request)
{
    struct clg_list list;
    int32_t *map = NULL;
    unsigned char *used = NULL;
    clg_status status;
    if (!data->labels)
        return clg_fail(CLG_EUSAGE, "--classes: %s has no class targets", data->source);
    CLG_TRY(clg_list_read(&list, "classes", clg_config_get(request->config, "classes")));
    CLG_TRY_DONE(clg_alloc(&map, (size_t)data->classes, sizeof *map, "a class table"));
    CLG_TRY_DONE(clg_alloc(&used, list.count, 1, "a class table"));
    CLG_TRY_DONE(map_classes(map, used, data, &list));
    for (size_t i = 0; i < list.count && request->purpose == CLG_FOR_TRAINING; i++)
        if (!used[i]) {
            status = refuse_item(data, list.item[i]);
            goto done;
        }
    CLG_TRY_DONE(keep_mapped(data, map));
    status = rename_classes(data, &list);
done:
    free(map);
    free(used);
    clg_list_clear(&list);
    return status;
}

/* --------------------------------------------------------------------- all */

clg_status clg_request_apply(const struct clg_request *request, struct clg_dataset *data)
{
    data->missing = request->missing;
    if (request->no_targets)
        clg_dataset_drop_targets(data);
    if (request->missing == CLG_MISSING_DROP)
        CLG_TRY(clg_dataset_drop_missing(data));
    if (request->has_classes)
        CLG_TRY(clg_dataset_choose_classes(data, request));
    if (request->is_input)
        clg_dataset_drop_targets(data);
    return CLG_OK;
}
