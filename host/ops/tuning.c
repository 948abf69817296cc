/* The table of knobs, their text and their record, which is kept as that of the routes is: a text
 * in the cache of program binaries, whose files carry key and checksum.  Values are read as words
 * of the table alone, so that no record can ask a launcher for what the table does not hold. */
#include "ops/tuning.h"

#include "core/memory.h"
#include "core/text.h"
#include "device/cache.h"
#include "device/program.h"
#include "ops/routes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert((int)CLG_KNOBS <= (int)CLG_DEVICE_KNOBS, "a device has room for all knobs");

static const char first_line[] = "clgrad tuning 1\n";

/* ------------------------------------------------------------------ table */

static const struct clg_knob_value ways[] = {{"auto", CLG_KNOB_AUTO},
                                             {"register", CLG_WAY_REGISTER},
                                             {"local", CLG_WAY_LOCAL},
                                             {"clblast", CLG_WAY_CLBLAST}};
static const struct clg_knob_value small_plans[] = {{"auto", CLG_CHOOSE_AUTO},
                                                    {"resident", CLG_CHOOSE_RESIDENT},
                                                    {"fused", CLG_CHOOSE_FUSED},
                                                    {"plain", CLG_CHOOSE_PLAIN}};
static const struct clg_knob_value large_plans[] = {{"auto", CLG_CHOOSE_AUTO},
                                                    {"plain", CLG_CHOOSE_PLAIN}};
static const struct clg_knob_value flops[] = {{"0", 0},
                                              {"4000000", 4000000},
                                              {"15000000", 15000000},
                                              {"60000000", 60000000},
                                              {"250000000", 250000000}};
static const struct clg_knob_value depths[] = {
    {"256", 256}, {"512", 512}, {"1024", 1024}, {"2048", 2048}};
static const struct clg_knob_value groups[] = {{"4", 4}, {"8", 8}, {"16", 16}, {"32", 32}};
static const struct clg_knob_value many_groups[] = {{"8", 8}, {"16", 16}, {"32", 32}, {"64", 64}};
static const struct clg_knob_value unit_groups[] = {{"1", 1}, {"2", 2}, {"4", 4}};
static const struct clg_knob_value jobs[] = {{"16", 16}, {"32", 32}, {"64", 64}, {"128", 128}};
static const struct clg_knob_value tiles[] = {
    {"auto", CLG_KNOB_AUTO}, {"64x128", 0}, {"64x64", 1}, {"32x32", 2}, {"16x32", 3}};

#define VALUES(array) array, (int)(sizeof(array) / sizeof *(array))
#define WAY(name, about)                                                                           \
    {                                                                                              \
        name, about, VALUES(ways), 0                                                               \
    }

/* In the order of enum clg_knob. */
const struct clg_knob_row clg_knobs[CLG_KNOBS] = {
    WAY("way", "form of the products, where no other knob says it"),
    {"plan-256k", "plan of steps of up to 2^18 operations", VALUES(small_plans), 0},
    {"plan-1m", "plan of steps of up to 2^20 operations", VALUES(small_plans), 0},
    {"plan-4m", "plan of steps of up to 2^22 operations", VALUES(small_plans), 0},
    {"plan-64m", "plan of steps of up to 2^26 operations", VALUES(large_plans), 0},
    {"plan-1g", "plan of steps of up to 2^30 operations", VALUES(large_plans), 0},
    {"plan-more", "plan of larger steps", VALUES(large_plans), 0},
    {"panel-flops", "operations of a product below which it has no panel", VALUES(flops), 2},
    {"panel-depth", "rows of a panel, at most", VALUES(depths), 3},
    {"groups", "work-groups of a product with a panel, at least", VALUES(groups), 1},
    {"many-groups", "work-groups of a product without panel, at least", VALUES(many_groups), 1},
    {"unit-groups", "work-groups a compute unit, at least", VALUES(unit_groups), 1},
    {"head-groups", "work-groups of the output layer, at least", VALUES(groups), 1},
    {"learn-jobs", "work-groups of the update, about so many a layer", VALUES(jobs), 2},
    {"tile-small", "local tile of products of up to 2^24 operations", VALUES(tiles), 0},
    {"tile-medium", "local tile of products of up to 2^29 operations", VALUES(tiles), 0},
    {"tile-large", "local tile of larger products", VALUES(tiles), 0},
    WAY("nn-small", "single products A B, up to 2^24 operations"),
    WAY("nn-medium", "single products A B, up to 2^29 operations"),
    WAY("nn-large", "single products A B, more operations"),
    WAY("nt-small", "single products A B^T, up to 2^24 operations"),
    WAY("nt-medium", "single products A B^T, up to 2^29 operations"),
    WAY("nt-large", "single products A B^T, more operations"),
    WAY("tn-small", "single products A^T B, up to 2^24 operations"),
    WAY("tn-medium", "single products A^T B, up to 2^29 operations"),
    WAY("tn-large", "single products A^T B, more operations"),
};

int64_t clg_knob(const clg_device *device, enum clg_knob knob)
{
    const struct clg_knob_row *row = &clg_knobs[knob];
    const int choice = device->tuned[knob];
    assert(choice <= row->values);
    return row->value[choice ? choice - 1 : row->fallback].number;
}

/* ----------------------------------------------------- what launchers ask */

/* 0 small, 1 medium, 2 large. */
static int size_class(int M, int N, int K)
{
    const double operations = 2.0 * M * N * K;
    return operations <= 0x1p24 ? 0 : operations <= 0x1p29 ? 1 : 2;
}

enum clg_knob clg_way_knob(enum clg_form form, int M, int N, int K)
{
    static const enum clg_knob first[] = {
        [CLG_NN] = CLG_KNOB_NN_SMALL, [CLG_NT] = CLG_KNOB_NT_SMALL, [CLG_TN] = CLG_KNOB_TN_SMALL};
    return (enum clg_knob)((int)first[form] + size_class(M, N, K));
}

enum clg_knob clg_tile_knob(int M, int N, int K)
{
    return (enum clg_knob)((int)CLG_KNOB_TILE_SMALL + size_class(M, N, K));
}

enum clg_plan_choice clg_tuned_plan(const clg_device *device, double operations)
{
    static const double up_to[] = {0x1p18, 0x1p20, 0x1p22, 0x1p26, 0x1p30};
    int knob = CLG_KNOB_PLAN_256K;
    for (size_t i = 0; i < sizeof up_to / sizeof *up_to && operations > up_to[i]; i++)
        knob++;
    return (enum clg_plan_choice)clg_knob(device, (enum clg_knob)knob);
}

/* ------------------------------------------------------------------- text */

void clg_tuning_text(char out[CLG_TUNING_TEXT], const struct clg_tuning *tuning)
{
    size_t used = 0;
    for (int k = 0; k < CLG_KNOBS; k++) {
        if (!tuning->choice[k])
            continue;
        used += (size_t)snprintf(out + used, CLG_TUNING_TEXT - used, "%s%s:%s", used ? "," : "",
                                 clg_knobs[k].name, clg_knobs[k].value[tuning->choice[k] - 1].word);
        assert(used < CLG_TUNING_TEXT);
    }
    if (!used)
        snprintf(out, CLG_TUNING_TEXT, "none");
}

/* Whether the length characters at text are word. */
static int is_word(const char *word, const char *text, size_t length)
{
    return strlen(word) == length && strncmp(word, text, length) == 0;
}

/* Reads one "name:word"; 0 where there is no such knob or value, or the knob has one already. */
static int read_pair(struct clg_tuning *out, const char *pair, size_t length)
{
    const char *colon = memchr(pair, ':', length);
    if (!colon)
        return 0;
    const size_t front = (size_t)(colon - pair);
    for (int k = 0; k < CLG_KNOBS; k++) {
        if (!is_word(clg_knobs[k].name, pair, front))
            continue;
        for (int v = 0; v < clg_knobs[k].values; v++)
            if (is_word(clg_knobs[k].value[v].word, colon + 1, length - front - 1)) {
                const int first = !out->choice[k];
                out->choice[k] = (unsigned char)(v + 1);
                return first;
            }
    }
    return 0;
}

clg_status clg_tuning_read(struct clg_tuning *out, const char *text)
{
    struct clg_tuning read = {{0}};
    memset(out, 0, sizeof *out);
    if (strcmp(text, "none") == 0)
        return CLG_OK;
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        if (!read_pair(&read, at, length))
            return clg_fail(CLG_EUSAGE,
                            "--tuned: %.*s is no KNOB:VALUE of this version, or its knob was "
                            "given before; none: the defaults",
                            length < 80 ? (int)length : 80, at);
        at += length;
        if (!*at)
            break;
    }
    *out = read;
    return CLG_OK;
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

struct clg_tuning clg_tuning_load(clg_device *device)
{
    struct clg_tuning tuning = {{0}};
    const size_t front = sizeof first_line - 1;
    size_t size;
    char text[CLG_TUNING_TEXT];
    if (device->kind != CLG_OPENCL || !device->keeps_records)
        return tuning;
    char *key = clg_record_key(device, "tuning");
    unsigned char *bytes = key ? clg_cache_load(&size, key) : NULL;
    if (bytes && size > front && size - front < sizeof text &&
        memcmp(bytes, first_line, front) == 0 && !memchr(bytes, '\0', size)) {
        snprintf(text, sizeof text, "%.*s", (int)(size - front), (const char *)bytes + front);
        if (clg_tuning_read(&tuning, text) != CLG_OK)
            memset(&tuning, 0, sizeof tuning);
    }
    free(bytes);
    free(key);
    return tuning;
}

int clg_tuning_store(clg_device *device, const struct clg_tuning *tuning)
{
    char text[sizeof first_line + CLG_TUNING_TEXT];
    size_t used = sizeof first_line - 1;
    if (device->kind != CLG_OPENCL || !device->keeps_records)
        return 0;
    memcpy(text, first_line, used);
    clg_tuning_text(text + used, tuning);
    char *key = clg_record_key(device, "tuning");
    if (!key)
        return 0;
    clg_cache_store(key, (const unsigned char *)text, strlen(text));
    free(key);
    const struct clg_tuning there = clg_tuning_load(device);
    return memcmp(&there, tuning, sizeof there) == 0;
}

/* ----------------------------------------------------------------- device */

struct clg_tuning clg_tuning_of(const clg_device *device)
{
    struct clg_tuning tuning;
    memcpy(tuning.choice, device->tuned, sizeof tuning.choice);
    return tuning;
}

void clg_tuning_set(clg_device *device, const struct clg_tuning *tuning)
{
    memcpy(device->tuned, tuning->choice, sizeof tuning->choice);
    device->knows_tuning = 1;
}

void clg_tuning_hold(clg_device *device, int hold)
{
    device->holds_tuning = hold;
}

clg_status clg_tuning_use(clg_device *device, const char *text)
{
    struct clg_tuning tuning;
    if (device->holds_tuning)
        return CLG_OK;
    if (*text)
        CLG_TRY(clg_tuning_read(&tuning, text));
    else
        tuning = clg_tuning_load(device);
    clg_tuning_set(device, &tuning);
    return CLG_OK;
}

void clg_tuning_know(clg_device *device)
{
    if (device->knows_tuning || device->holds_tuning)
        return;
    const struct clg_tuning tuning = clg_tuning_load(device);
    clg_tuning_set(device, &tuning);
}
