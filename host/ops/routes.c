/* Remembered findings, as a text in the cache of program binaries, whose files carry key and
 * checksum; and the choice among the ways of a product.  Which way is fastest is not measured
 * here. */
#include "ops/routes.h"

#include "core/memory.h"
#include "core/text.h"
#include "device/cache.h"
#include "device/program.h"
#include "ops/tuning.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char first_line[] = "clgrad routes 1";

const char *const clg_way_names[CLG_WAYS] = {"register", "local", "clblast"};

static int has_failed(const clg_device *device, enum clg_way way)
{
    return (device->failed_ways >> way & 1u) != 0;
}

/* ----------------------------------------------------------------- record */

char *clg_record_key(clg_device *device, const char *record)
{
    char *key = NULL, sources[1024];
    size_t used = 0;
    for (const struct clg_kernel_source *s = clg_kernel_sources; s->name; s++) {
        used += (size_t)snprintf(sources + used, sizeof sources - used, "%s %016llx\n", s->name,
                                 (unsigned long long)clg_text_hash(s->text));
        assert(used < sizeof sources);
    }
    return clg_cache_key(&key, device, record, sources, "") == CLG_OK ? key : NULL;
}

void clg_routes_add(struct clg_routes *found, const char *operation)
{
    size_t length = strlen(found->operations), more = strlen(operation);
    for (const char *at = found->operations; *at;) {
        size_t word = strcspn(at, ",");
        if (word == more && strncmp(at, operation, word) == 0)
            return;
        at += word + (at[word] ? 2 : 0);
    }
    if (length + more + 3 > sizeof found->operations)
        return;
    snprintf(found->operations + length, sizeof found->operations - length, "%s%s",
             length ? ", " : "", operation);
}

static void read_line(struct clg_routes *routes, const char *line, size_t length)
{
    char word[64];
    if (length >= sizeof word)
        return;
    snprintf(word, sizeof word, "%.*s", (int)length, line);
    if (strncmp(word, "operation ", 10) == 0)
        clg_routes_add(routes, word + 10);
    for (int way = 0; way < CLG_WAYS; way++)
        if (strncmp(word, "way ", 4) == 0 && strcmp(word + 4, clg_way_names[way]) == 0)
            routes->failed |= 1u << way;
}

static void read_record(struct clg_routes *routes, const char *text)
{
    size_t length = strcspn(text, "\n");
    if (length != sizeof first_line - 1 || strncmp(text, first_line, length) != 0)
        return;
    for (const char *at = text + length; *at; at += length) {
        at += *at == '\n';
        length = strcspn(at, "\n");
        read_line(routes, at, length);
    }
}

/* Nothing known where there is no record, or none to trust. */
static void load(struct clg_routes *routes, clg_device *device)
{
    size_t size;
    char *key = device->keeps_records ? clg_record_key(device, "routes") : NULL, *text = NULL;
    unsigned char *bytes = key ? clg_cache_load(&size, key) : NULL;
    memset(routes, 0, sizeof *routes);
    if (bytes && clg_alloc(&text, size + 1, 1, "remembered routes") == CLG_OK) {
        memcpy(text, bytes, size);
        read_record(routes, text);
    }
    free(text);
    free(bytes);
    free(key);
}

static void store(const struct clg_routes *routes, clg_device *device)
{
    char text[sizeof first_line + 32 * CLG_WAYS + 2 * sizeof routes->operations + 512];
    size_t used = (size_t)snprintf(text, sizeof text, "%s\n", first_line);
    for (int way = 0; way < CLG_WAYS; way++)
        if (routes->failed >> way & 1u)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "way %s\n", clg_way_names[way]);
    for (const char *at = routes->operations; *at;) {
        size_t word = strcspn(at, ",");
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "operation %.*s\n", (int)word, at);
        at += word + (at[word] ? 2 : 0);
    }
    char *key = clg_record_key(device, "routes");
    if (key)
        clg_cache_store(key, (const unsigned char *)text, used);
    free(key);
}

static void know(clg_device *device, const struct clg_routes *routes)
{
    device->knows_routes = 1;
    device->failed_ways = routes->failed;
}

struct clg_routes clg_routes_of(clg_device *device)
{
    struct clg_routes routes = {0};
    if (device->kind == CLG_OPENCL) {
        load(&routes, device);
        if (!device->keeps_records)
            routes.failed = device->failed_ways;
    }
    return routes;
}

void clg_routes_remember(clg_device *device, const struct clg_routes *found, int full)
{
    struct clg_routes known, all = *found;
    if (device->kind != CLG_OPENCL)
        return;
    known = clg_routes_of(device);
    if (!full) {
        all.failed |= known.failed;
        for (const char *at = known.operations; *at;) {
            char word[64];
            size_t length = strcspn(at, ",");
            snprintf(word, sizeof word, "%.*s", (int)length, at);
            clg_routes_add(&all, word);
            at += length + (at[length] ? 2 : 0);
        }
    }
    know(device, &all);
    if (device->keeps_records &&
        (all.failed != known.failed || strcmp(all.operations, known.operations) != 0))
        store(&all, device);
}

/* ----------------------------------------------------------------- choice */

int clg_way_exists(const clg_device *device, enum clg_way way)
{
    if (device->kind != CLG_OPENCL)
        return 0;
    if (way == CLG_WAY_CLBLAST)
        return clg_matmul_has_clblast();
    return way == CLG_WAY_REGISTER || clg_matmul_body_exists(device, CLG_BODY_LOCAL);
}

/* Whether the way that a knob names can be taken, and is not known to be wrong. */
static int may_take(const clg_device *device, int64_t way)
{
    return way != CLG_KNOB_AUTO && clg_way_exists(device, (enum clg_way)way) &&
           !has_failed(device, (enum clg_way)way) &&
           (way == CLG_WAY_CLBLAST ? device->route == CLG_ROUTE_AUTO
                                   : device->route != CLG_ROUTE_CLBLAST);
}

/* What the products take where nothing is known to be wrong. */
static enum clg_way first_choice(const clg_device *device)
{
    const int64_t tuned = clg_knob(device, CLG_KNOB_WAY);
    if (device->route == CLG_ROUTE_CLBLAST)
        return CLG_WAY_CLBLAST;
    if (may_take(device, tuned))
        return (enum clg_way)tuned;
    return clg_matmul_body_of(device) == CLG_BODY_LOCAL ? CLG_WAY_LOCAL : CLG_WAY_REGISTER;
}

enum clg_way clg_way_of(clg_device *device)
{
    struct clg_routes routes;
    clg_tuning_know(device);
    if (device->forced_way)
        return (enum clg_way)(device->forced_way - 1);
    if (!device->knows_routes) {
        load(&routes, device);
        know(device, &routes);
    }
    const enum clg_way first = first_choice(device);
    if (!has_failed(device, first) || device->route == CLG_ROUTE_CLBLAST)
        return first;
    for (int way = 0; way < CLG_WAYS; way++)
        if (clg_way_exists(device, (enum clg_way)way) && !has_failed(device, (enum clg_way)way) &&
            (way != CLG_WAY_CLBLAST || device->route == CLG_ROUTE_AUTO))
            return (enum clg_way)way;
    return first;
}

enum clg_way clg_way_for(clg_device *device, enum clg_form form, int M, int N, int K)
{
    const enum clg_way whole = clg_way_of(device);
    const int64_t tuned = clg_knob(device, clg_way_knob(form, M, N, K));
    return device->forced_way || !may_take(device, tuned) ? whole : (enum clg_way)tuned;
}

void clg_way_force(clg_device *device, enum clg_way way)
{
    device->forced_way = way == CLG_WAYS ? 0 : 1 + (int)way;
}

void clg_routes_text(char *out, size_t size, clg_device *device)
{
    *out = '\0';
    if (device->kind != CLG_OPENCL)
        return;
    struct clg_routes routes = clg_routes_of(device);
    enum clg_way way = clg_way_of(device), first = first_choice(device);
    if (has_failed(device, way))
        snprintf(out, size,
                 "warning: %s failed verification of the matrix products by every route it may "
                 "take; try --matmul auto or another --device",
                 device->info.name);
    else if (way != first)
        snprintf(
            out, size,
            "warning: %s failed verification of the matrix products by the route %s; they take %s%s%s "
            "(clgrad verify --full forgets this where it passes)",
            device->info.name, clg_way_names[first], clg_way_names[way],
            *routes.operations ? "; and failed verification of " : "", routes.operations);
    else if (*routes.operations)
        snprintf(out, size,
                 "warning: %s failed verification of %s; try another --device (clgrad verify "
                 "--full forgets this where it passes)",
                 device->info.name, routes.operations);
}
