/* Roofs: the record that keeps them, and predictions from them.  The record is a text in the cache
 * of program binaries, whose files carry key and checksum; measuring is probe.c's. */
#include "profile/roofs.h"

#include "core/memory.h"
#include "core/text.h"
#include "device/cache.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One work-group alone: a product's latency, and how far below a unit's roof it computes. */
static const double stage_seconds = 6e-8, latency = 8;

static const char first_line[] = "clgrad roofs 2";

/* ----------------------------------------------------------------- record */

struct list {
    const char *kind;
    clg_roof *roof;
    int *count;
};

enum { LISTS = 5, ROOF_FIGURES = 3 };

static void lists_of(struct list list[LISTS], clg_roofs *roofs)
{
    list[0] = (struct list){"compute", roofs->compute, &roofs->computes};
    list[1] = (struct list){"chain", roofs->chain, &roofs->chains};
    list[2] = (struct list){"read", roofs->read, &roofs->reads};
    list[3] = (struct list){"copy", roofs->copy, &roofs->copies};
    list[4] = (struct list){"product", roofs->product, &roofs->products};
}

/* The single figures, by the words of the record. */
static double *figure_of(clg_roofs *roofs, int index, const char **word)
{
    static const char *const words[ROOF_FIGURES] = {"launch_us", "wait_us", "read_us"};
    double *figures[ROOF_FIGURES] = {&roofs->launch_us, &roofs->wait_us, &roofs->read_us};
    *word = words[index];
    return figures[index];
}

/* "KIND RATE SIZE NAME" or "FIGURE VALUE"; a line that is neither is passed over. */
static void read_line(clg_roofs *roofs, const char *line)
{
    struct list list[LISTS];
    const char *word, *at = strchr(line, ' ');
    double rate, size;
    size_t length = at ? (size_t)(at - line) : 0;
    if (!at || !(at = clg_read_number_at(&rate, at + 1)))
        return;
    for (int i = 0; i < ROOF_FIGURES; i++) {
        double *figure = figure_of(roofs, i, &word);
        if (strlen(word) == length && strncmp(line, word, length) == 0)
            *figure = rate;
    }
    if (*at != ' ' || !(at = clg_read_number_at(&size, at + 1)) || *at != ' ')
        return;
    lists_of(list, roofs);
    for (int i = 0; i < LISTS; i++)
        if (strlen(list[i].kind) == length && strncmp(line, list[i].kind, length) == 0 &&
            *list[i].count < CLG_ROOFS_MOST && rate > 0) {
            clg_roof *roof = &list[i].roof[(*list[i].count)++];
            roof->rate = rate;
            roof->size = size;
            snprintf(roof->name, sizeof roof->name, "%s", at + 1);
        }
}

static int is_whole(const clg_roofs *roofs)
{
    return roofs->computes > 0 && roofs->reads > 0 && roofs->copies > 0 && roofs->products > 0 &&
           roofs->launch_us > 0 && roofs->wait_us > 0 && roofs->read_us > 0;
}

/* 0 where there is no record, or none to trust. */
static int load(clg_roofs *roofs, clg_device *device)
{
    char *key = NULL, *text = NULL;
    size_t size;
    memset(roofs, 0, sizeof *roofs);
    if (!device->keeps_records || clg_cache_key(&key, device, "roofs", first_line, "") != CLG_OK)
        return 0;
    unsigned char *bytes = clg_cache_load(&size, key);
    if (bytes && clg_alloc(&text, size + 1, 1, "remembered roofs") == CLG_OK) {
        memcpy(text, bytes, size);
        for (char *line = text, *next; *line; line = next) {
            const size_t length = strcspn(line, "\n");
            next = line + length + (line[length] != '\0');
            line[length] = '\0';
            read_line(roofs, line);
        }
    }
    free(text);
    free(bytes);
    free(key);
    roofs->remembered = is_whole(roofs);
    return roofs->remembered;
}

clg_status clg_device_roofs_keep(clg_device *device, const clg_roofs *roofs)
{
    char text[64 * 80], *key = NULL;
    clg_roofs copy = *roofs;
    struct list list[LISTS];
    const char *word;
    size_t used = (size_t)snprintf(text, sizeof text, "%s\n", first_line);
    if (device->kind == CLG_REFERENCE)
        return clg_fail(CLG_EUSAGE, "--device ref: the reference has no roofs of OpenCL");
    if (!is_whole(roofs))
        return clg_fail(CLG_EUSAGE, "roofs of %s: some were not measured", device->info.name);
    for (int i = 0; i < ROOF_FIGURES; i++) {
        const double value = *figure_of(&copy, i, &word);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s %s\n", word,
                                 clg_print_number(value, 9).text);
    }
    lists_of(list, &copy);
    for (int i = 0; i < LISTS; i++)
        for (int j = 0; j < *list[i].count && used < sizeof text; j++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s %s %s %s\n", list[i].kind,
                                     clg_print_number(list[i].roof[j].rate, 9).text,
                                     clg_print_number(list[i].roof[j].size, 15).text,
                                     list[i].roof[j].name);
    if (!device->keeps_records || used >= sizeof text)
        return CLG_OK;
    CLG_TRY(clg_cache_key(&key, device, "roofs", first_line, ""));
    clg_cache_store(key, (const unsigned char *)text, used);
    free(key);
    return CLG_OK;
}

clg_status clg_device_roofs(clg_roofs *out, clg_device *device, int anew)
{
    memset(out, 0, sizeof *out);
    if (device->kind == CLG_REFERENCE)
        return clg_fail(CLG_EUSAGE, "--device ref: the reference has no roofs of OpenCL");
    if (!anew && load(out, device))
        return CLG_OK;
    CLG_TRY(clg_probe(out, device));
    return clg_device_roofs_keep(device, out);
}

/* ------------------------------------------------------------- predictions */

double clg_roofs_compute(const clg_roofs *roofs)
{
    double highest = 0;
    for (int i = 0; i < roofs->computes; i++)
        highest = fmax(highest, roofs->compute[i].rate);
    return highest;
}

const clg_roof *clg_roofs_memory(const clg_roofs *roofs, double unit_bytes)
{
    int at = 0;
    while (at + 1 < roofs->reads && roofs->read[at + 1].size >= unit_bytes)
        at++;
    return &roofs->read[at];
}

double clg_roofs_product(const clg_roofs *roofs, double flops)
{
    const clg_roof *list = roofs->product;
    int at = 1;
    if (roofs->products < 2 || flops <= list[0].size)
        return list[0].rate;
    while (at + 1 < roofs->products && list[at].size < flops)
        at++;
    const double way = log(flops / list[at - 1].size) / log(list[at].size / list[at - 1].size);
    return list[at - 1].rate + fmin(way, 1) * (list[at].rate - list[at - 1].rate);
}

double clg_roofs_seconds(const clg_roofs *roofs, const struct clg_task *part, double unit_bytes)
{
    const double moving = 1e-9 * part->bytes / clg_roofs_memory(roofs, unit_bytes)->rate;
    const double computing = part->effort > 0
                                 ? 1e-9 * part->effort / clg_roofs_product(roofs, part->effort)
                                 : 1e-9 * part->flops / clg_roofs_compute(roofs);
    return fmax(moving, computing);
}

double clg_work_unit_bytes(const struct clg_work *work, const clg_device *device)
{
    double bytes = 0;
    for (int i = 0; i < work->launches; i++)
        for (int p = 0; p < work->launch[i].parts && !work->launch[i].rare; p++)
            if (work->part[work->launch[i].first + p].phase != CLG_PHASE_BACKWARD)
                bytes += work->part[work->launch[i].first + p].bytes;
    return bytes / (device->info.units > 0 ? device->info.units : 1);
}

double clg_work_launch_seconds(const struct clg_work *work, int launch, const clg_roofs *roofs,
                               double unit_bytes)
{
    const struct clg_work_launch *at = &work->launch[launch];
    double seconds = 0;
    for (int p = at->first; p < at->first + at->parts; p++)
        seconds += clg_roofs_seconds(roofs, &work->part[p], unit_bytes);
    return seconds;
}

/* A span's step: one work-group, whose stages wait for one another. */
static double span_seconds(const struct clg_work *work, const clg_roofs *roofs)
{
    double seconds = 0;
    for (int p = 0; p < work->parts; p++)
        if (work->part[p].effort > 0)
            seconds += stage_seconds + 1e-9 * work->part[p].effort * work->units * latency /
                                           clg_roofs_compute(roofs);
    return seconds;
}

double clg_work_seconds(const struct clg_work *work, const clg_roofs *roofs, double unit_bytes)
{
    double seconds = 0;
    if (work->spans)
        return span_seconds(work, roofs);
    for (int i = 0; i < work->launches; i++) {
        if (work->launch[i].rare)
            continue;
        seconds += clg_work_launch_seconds(work, i, roofs, unit_bytes);
        seconds += work->spans ? 0 : 1e-6 * roofs->launch_us;
    }
    return seconds;
}
