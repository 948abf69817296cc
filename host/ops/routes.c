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

const char *const clg_plan_form_names[CLG_PLAN_FORMS] = {"fused register", "fused local",
                                                         "resident item", "resident group"};

static int has_failed(const clg_device *device, enum clg_way way)
{
    return (device->failed_ways >> way & 1u) != 0;
}

/* ----------------------------------------------------------------- record */

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
    for (int form = 0; form < CLG_PLAN_FORMS; form++)
        if (strncmp(word, "plan ", 5) == 0 && strcmp(word + 5, clg_plan_form_names[form]) == 0)
            routes->failed_forms |= 1u << form;
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

/* A line for each bit of set. */
static void put_lines(char *text, size_t size, const char *word, unsigned set,
                      const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        const size_t used = strlen(text);
        if (set >> i & 1u)
            snprintf(text + used, size - used, "%s %s\n", word, names[i]);
    }
}

static void store(const struct clg_routes *routes, clg_device *device)
{
    char text[sizeof first_line + (size_t)32 * (CLG_WAYS + CLG_PLAN_FORMS) +
              2 * sizeof routes->operations + 512];
    snprintf(text, sizeof text, "%s\n", first_line);
    put_lines(text, sizeof text, "way", routes->failed, clg_way_names, CLG_WAYS);
    put_lines(text, sizeof text, "plan", routes->failed_forms, clg_plan_form_names, CLG_PLAN_FORMS);
    size_t used = strlen(text);
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
    device->failed_forms = routes->failed_forms;
}

static void make_known(clg_device *device)
{
    struct clg_routes routes;
    if (device->knows_routes)
        return;
    load(&routes, device);
    know(device, &routes);
}

struct clg_routes clg_routes_of(clg_device *device)
{
    struct clg_routes routes = {0};
    if (device->kind == CLG_OPENCL) {
        load(&routes, device);
        if (!device->keeps_records) {
            routes.failed = device->failed_ways;
            routes.failed_forms = device->failed_forms;
        }
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
        all.failed_forms |= known.failed_forms;
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
        (all.failed != known.failed || all.failed_forms != known.failed_forms ||
         strcmp(all.operations, known.operations) != 0))
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
    clg_tuning_know(device);
    if (device->forced_way)
        return (enum clg_way)(device->forced_way - 1);
    make_known(device);
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

static int form_has_failed(clg_device *device, enum clg_plan_form form)
{
    if (device->kind != CLG_OPENCL)
        return 0;
    make_known(device);
    return (device->failed_forms >> form & 1u) != 0;
}

int clg_fused_is_wrong(clg_device *device)
{
    return device->kind == CLG_OPENCL &&
           form_has_failed(device, clg_way_of(device) == CLG_WAY_LOCAL ? CLG_FORM_FUSED_LOCAL
                                                                       : CLG_FORM_FUSED_REGISTER);
}

int clg_span_is_wrong(clg_device *device)
{
    return form_has_failed(device,
                           device->local_is_dedicated ? CLG_FORM_SPAN_GROUP : CLG_FORM_SPAN_ITEM);
}

/* ------------------------------------------------------------------- words */

/* One more thing that failed. */
static void add_words(char *out, size_t size, const char *name, const char *format,
                      const char *first, const char *second)
{
    size_t used = strlen(out);
    used += used ? (size_t)snprintf(out + used, size - used, "; and of ")
                 : (size_t)snprintf(out, size, "warning: %s failed verification of ", name);
    if (used < size)
        snprintf(out + used, size - used, format, first, second);
}

static void add_plans(char *out, size_t size, clg_device *device)
{
    static const char avoided[] = "the %s plan, which %s avoids";
    if (clg_span_is_wrong(device))
        add_words(out, size, device->info.name, avoided, "resident", "--plan auto");
    if (clg_fused_is_wrong(device))
        add_words(out, size, device->info.name, avoided, "fused", "--plan auto");
}

void clg_routes_text(char *out, size_t size, clg_device *device)
{
    *out = '\0';
    if (device->kind != CLG_OPENCL)
        return;
    const struct clg_routes routes = clg_routes_of(device);
    const enum clg_way way = clg_way_of(device), first = first_choice(device);
    const char *name = device->info.name;
    if (has_failed(device, way)) {
        snprintf(out, size,
                 "warning: %s failed verification of the matrix products by every route it may "
                 "take; try --matmul auto or another --device",
                 name);
        return;
    }
    if (way != first)
        add_words(out, size, name, "the matrix products by the route %s; they take %s",
                  clg_way_names[first], clg_way_names[way]);
    add_plans(out, size, device);
    if (*routes.operations)
        add_words(out, size, name, "%s%s", routes.operations, "; try another --device");
    const size_t used = strlen(out);
    if (used && used < size)
        snprintf(out + used, size - used, " (clgrad verify --full forgets this where it passes)");
}
