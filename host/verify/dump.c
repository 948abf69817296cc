/* Both sides of a step's tensors as .npy files of double precision, which holds a float exactly. */
#include "verify/lockstep.h"

#include "core/file.h"
#include "core/memory.h"
#include "data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clg_dump_item {
    char name[112]; /* TENSOR-SIDE */
    double *values;
    size_t rows, columns;
};

static clg_status make_room(struct clg_dump *dump)
{
    size_t room = dump->room ? 2 * dump->room : 64;
    if (dump->items < dump->room)
        return CLG_OK;
    struct clg_dump_item *more = realloc(dump->item, room * sizeof *more);
    if (!more)
        return clg_fail(CLG_ENOMEM, "%s: no memory for what is to be written", dump->folder);
    dump->item = more;
    dump->room = room;
    return CLG_OK;
}

clg_status clg_dump_put(struct clg_dump *dump, const char *name, const char *side,
                        const double *values, size_t rows, size_t columns)
{
    char whole[sizeof dump->item->name];
    struct clg_dump_item *item = NULL;
    if (!dump->folder)
        return CLG_OK;
    snprintf(whole, sizeof whole, "%.95s-%s", name, side);
    for (size_t i = 0; i < dump->items; i++)
        if (strcmp(dump->item[i].name, whole) == 0)
            item = &dump->item[i]; /* the later one counts */
    if (!item) {
        CLG_TRY(make_room(dump));
        item = &dump->item[dump->items++];
        memset(item, 0, sizeof *item);
        memcpy(item->name, whole, sizeof whole);
    }
    free(item->values);
    item->rows = rows;
    item->columns = columns;
    CLG_TRY(clg_alloc(&item->values, rows * columns, sizeof *item->values, "a tensor"));
    memcpy(item->values, values, rows * columns * sizeof *values);
    return CLG_OK;
}

static clg_status write_item(const struct clg_dump *dump, const struct clg_dump_item *item,
                             uint64_t step)
{
    size_t size = strlen(dump->folder) + sizeof item->name + 64;
    char *path;
    CLG_TRY(clg_alloc(&path, size, 1, "a path"));
    snprintf(path, size, "%s/step-%04llu-%s.npy", dump->folder, (unsigned long long)step,
             item->name);
    clg_status status = clg_npy_write(path, "<f8", item->values, item->rows, item->columns);
    free(path);
    return status;
}

clg_status clg_dump_step(struct clg_dump *dump, uint64_t step, int keep)
{
    clg_status status = CLG_OK;
    if (!dump->folder)
        return CLG_OK;
    if (keep && dump->items)
        status = clg_folder_make(dump->folder, 0777);
    for (size_t i = 0; i < dump->items; i++) {
        if (keep && status == CLG_OK && dump->item[i].values)
            status = write_item(dump, &dump->item[i], step);
        free(dump->item[i].values);
    }
    dump->items = 0;
    return status;
}

void clg_dump_clear(struct clg_dump *dump)
{
    (void)clg_dump_step(dump, 0, 0);
    free(dump->item);
    memset(dump, 0, sizeof *dump);
}
