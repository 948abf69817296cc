/* What tune chooses and what it keeps, without a device: the text and the record of the knobs, good
 * ones and damaged ones, and the search with times that the test makes up. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"
#include "harness_files.h"

#include "device/cache.h"
#include "ops/routes.h"
#include "verify/tune.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device device;
static char cache[4096];

/* A device that nothing is enqueued on.  Its part of the cache's key is there already, so that no
 * driver is asked. */
static void make_device(const char *driver)
{
    char key[128];
    memset(&device, 0, sizeof device);
    device.kind = CLG_OPENCL;
    device.keeps_records = 1;
    device.info.units = 2;
    device.info.local_memory = 1 << 20;
    device.max_group = device.max_items[0] = device.max_items[1] = 1024;
    device.native_width = 16;
    snprintf(key, sizeof key, "clgrad test\ndriver %s\n", driver);
    device.cache_key = malloc(strlen(key) + 1);
    ck_assert_ptr_nonnull(device.cache_key);
    strcpy(device.cache_key, key);
}

static void begin(void)
{
    snprintf(cache, sizeof cache, "%s/cache-tuning", harness_folder());
    ck_assert_int_eq(setenv("CLGRAD_CACHE", cache, 1), 0);
    make_device("1.0");
}

static void end(void)
{
    free(device.cache_key);
}

/* ------------------------------------------------------------------- text */

static struct clg_tuning tuning_of(const char *text)
{
    struct clg_tuning tuning;
    ck_ok(clg_tuning_read(&tuning, text));
    return tuning;
}

START_TEST(text_goes_there_and_back)
{
    char text[CLG_TUNING_TEXT];
    struct clg_tuning all = {{0}}, back;
    clg_tuning_text(text, &all);
    ck_assert_str_eq(text, "none");
    for (int k = 0; k < CLG_KNOBS; k++) { /* the longest text there is */
        size_t longest = 0;
        for (int v = 0; v < clg_knobs[k].values; v++)
            if (strlen(clg_knobs[k].value[v].word) > longest) {
                longest = strlen(clg_knobs[k].value[v].word);
                all.choice[k] = (unsigned char)(v + 1);
            }
    }
    clg_tuning_text(text, &all);
    back = tuning_of(text);
    ck_assert_mem_eq(&back, &all, sizeof all);
    all = tuning_of("groups:16,plan-1m:fused");
    clg_tuning_set(&device, &all);
    ck_assert_int_eq(clg_knob(&device, CLG_KNOB_GROUPS), 16);
    ck_assert_int_eq(clg_knob(&device, CLG_KNOB_HEAD_GROUPS), 8); /* the default */
    ck_assert_int_eq(clg_tuned_plan(&device, 0x1p20), CLG_CHOOSE_FUSED);
    ck_assert_int_eq(clg_tuned_plan(&device, 0x1p20 + 1), CLG_CHOOSE_AUTO);
}
END_TEST

START_TEST(text_with_anything_else_is_refused)
{
    static const char *const bad[] = {"groups:17",
                                      "groups:-1",
                                      "groups:99999999999999999999",
                                      "groups",
                                      "groups:",
                                      "group:16",
                                      ":16",
                                      "groups:16,",
                                      ",groups:16",
                                      "groups:16 ",
                                      "groups:16,groups:16",
                                      "groups:16,groups:8",
                                      "NONE",
                                      "none,groups:16",
                                      "plan-1g:resident",
                                      "groups:16;head-groups:8",
                                      "way:",
                                      "groups:0x10",
                                      "tile-small:4",
                                      "panel-depth:4096"};
    struct clg_tuning read;
    const struct clg_tuning none = {{0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memset(&read, 1, sizeof read);
        ck_fails(clg_tuning_read(&read, bad[i]), CLG_EUSAGE, "--tuned");
        ck_assert_mem_eq(&read, &none, sizeof none);
    }
}
END_TEST

/* ----------------------------------------------------------------- record */

static const char kept[] = "plan-1m:fused,groups:16,learn-jobs:32";

/* The one file of the cache. */
static const char *record_path(void)
{
    static char path[4400];
    struct dirent *entry;
    DIR *folder = opendir(cache);
    ck_assert_ptr_nonnull(folder);
    *path = '\0';
    while ((entry = readdir(folder)))
        if (*entry->d_name != '.') {
            ck_assert_str_eq(path, "");
            snprintf(path, sizeof path, "%s/%s", cache, entry->d_name);
        }
    closedir(folder);
    ck_assert_str_ne(path, "");
    return path;
}

static void write_record(const char *path, const unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void expect_record(const char *want)
{
    char text[CLG_TUNING_TEXT];
    const struct clg_tuning tuning = clg_tuning_load(&device);
    clg_tuning_text(text, &tuning);
    ck_assert_str_eq(text, want);
}

START_TEST(record_is_of_one_device_and_driver)
{
    const struct clg_tuning tuning = tuning_of(kept);
    expect_record("none");
    ck_assert_int_eq(clg_tuning_store(&device, &tuning), 1);
    expect_record(kept);
    device.keeps_records = 0;
    expect_record("none");
    ck_assert_int_eq(clg_tuning_store(&device, &tuning), 0);
    free(device.cache_key);
    make_device("1.1");
    expect_record("none");
    free(device.cache_key);
    make_device("1.0");
    expect_record(kept);
}
END_TEST

START_TEST(damaged_record_is_none)
{
    const struct clg_tuning tuning = tuning_of(kept);
    size_t size;
    ck_assert_int_eq(clg_tuning_store(&device, &tuning), 1);
    const char *path = record_path();
    unsigned char *bytes = files_get(path, &size), *other = malloc(size + 1);
    ck_assert_ptr_nonnull(other);
    for (size_t length = 0; length < size; length++) {
        write_record(path, bytes, length);
        expect_record("none");
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memcpy(other, bytes, size);
        other[bit / 8] ^= (unsigned char)(1u << bit % 8);
        write_record(path, other, size);
        expect_record("none");
    }
    memcpy(other, bytes, size);
    other[size] = '\n';
    write_record(path, other, size + 1);
    expect_record("none");
    write_record(path, bytes, size);
    expect_record(kept);
    free(other);
    free(bytes);
}
END_TEST

/* Records whose checksum is right and whose content is not: of another format, or hostile. */
START_TEST(record_with_other_content_is_none)
{
    static const char *const texts[] = {"clgrad tuning 2\ngroups:16",
                                        "clgrad tuning 1\ngroups:1000000000",
                                        "clgrad tuning 1\ngroups:16\n",
                                        "clgrad tuning 1\n",
                                        "clgrad tuning 1",
                                        "clgrad tuning 1\nunheard-of:1",
                                        "clgrad tuning 1\ngroups:16,way:%s%s%n"};
    char *key = clg_record_key(&device, "tuning"), *large = malloc(100000);
    ck_assert_ptr_nonnull(key);
    ck_assert_ptr_nonnull(large);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        clg_cache_store(key, (const unsigned char *)texts[i], strlen(texts[i]));
        expect_record("none");
    }
    clg_cache_store(key, (const unsigned char *)"clgrad tuning 1\ngroups:16\0,", 28);
    expect_record("none");
    memset(large, 'x', 100000);
    memcpy(large, "clgrad tuning 1\n", 16);
    clg_cache_store(key, (const unsigned char *)large, 100000);
    expect_record("none");
    clg_cache_store(key, (const unsigned char *)"clgrad tuning 1\ngroups:16", 25);
    expect_record("groups:16"); /* so written, it is one */
    free(large);
    free(key);
}
END_TEST

START_TEST(option_wins_over_record)
{
    const struct clg_tuning tuning = tuning_of(kept);
    ck_assert_int_eq(clg_tuning_store(&device, &tuning), 1);
    ck_ok(clg_tuning_use(&device, ""));
    ck_assert_int_eq(clg_knob(&device, CLG_KNOB_GROUPS), 16);
    ck_ok(clg_tuning_use(&device, "groups:4"));
    ck_assert_int_eq(clg_knob(&device, CLG_KNOB_GROUPS), 4);
    ck_assert_int_eq(clg_knob(&device, CLG_KNOB_LEARN_JOBS), 64);
    clg_tuning_know(&device);
    ck_assert_int_eq(clg_knob(&device, CLG_KNOB_GROUPS), 4);
    ck_ok(clg_tuning_use(&device, "none"));
    ck_assert_int_eq(clg_knob(&device, CLG_KNOB_GROUPS), 8);
    ck_fails(clg_tuning_use(&device, "groups:5"), CLG_EUSAGE, "groups:5");
    device.knows_tuning = 0;
    clg_tuning_know(&device);
    ck_assert_int_eq(clg_knob(&device, CLG_KNOB_GROUPS), 16);
}
END_TEST

/* ----------------------------------------------------------------- search */

/* Times as the test wants them: speed[v] over that of the default where `knob` stands at value v.
 */
struct lab {
    enum clg_knob knob;
    double speed[8];
    unsigned slow_nets; /* 1 << net: there the value makes no gain but a loss of 5 % */
    int spikes;         /* every so many measurements one takes ten times as long; 0: none */
    int lucky;          /* so many measurements show the speed, then it is gone; 0: all */
    int calls, late_after;
    int plain; /* of the last call */
};

static clg_status measure(void *user, double *seconds, enum clg_tune_net net, int plain, int warm)
{
    struct lab *lab = user;
    const struct clg_knob_row *row = &clg_knobs[lab->knob];
    const int choice = device.tuned[lab->knob];
    const int value = choice ? choice - 1 : row->fallback;
    double speed = value == row->fallback ? 1 : lab->speed[value];
    lab->plain = plain;
    *seconds = 1;
    if (warm)
        return CLG_OK;
    lab->calls++;
    if (lab->lucky && lab->calls > lab->lucky)
        speed = 1;
    if ((lab->slow_nets >> net & 1u) && value != row->fallback)
        speed = 0.95;
    *seconds = (1 + (double)net) / speed * (1 + lab->calls * 1e-3); /* a machine that slows down */
    if (lab->spikes && lab->calls % lab->spikes == 0)
        *seconds *= 10;
    return CLG_OK;
}

static int is_late(void *user)
{
    const struct lab *lab = user;
    return lab->late_after && lab->calls >= lab->late_after;
}

static struct clg_tune_found search_with(struct lab *lab, unsigned nets)
{
    const struct clg_tune_lab hooks = {.user = lab, .measure = measure, .is_late = is_late};
    struct clg_tune_search search = {.device = &device, .lab = &hooks, .nets = nets};
    struct clg_tune_found found;
    ck_ok(clg_tune_knob_search(&found, &search, lab->knob));
    const int moved = found.value != clg_knobs[lab->knob].fallback;
    ck_assert_int_eq(search.tuning.choice[lab->knob], moved ? found.value + 1 : 0);
    ck_assert_int_eq(device.tuned[lab->knob], moved ? found.value + 1 : 0);
    return found;
}

enum { ALL_NETS = (1 << CLG_TUNE_NETS) - 1 };

START_TEST(slower_default_is_replaced)
{
    struct lab lab = {.knob = CLG_KNOB_LEARN_JOBS, .speed = {1.06, 1.25, 1, 0.9}};
    struct clg_tune_found found = search_with(&lab, ALL_NETS);
    ck_assert_int_eq(found.measured, 1);
    ck_assert_str_eq(clg_knobs[lab.knob].value[found.value].word, "32");
    ck_assert(harness_close(found.ratio, 1.25, 0.02));
    ck_assert_int_eq(lab.plain, 0);
    lab.spikes = 7; /* the medians do not see them */
    found = search_with(&lab, ALL_NETS);
    ck_assert_str_eq(clg_knobs[lab.knob].value[found.value].word, "32");
}
END_TEST

START_TEST(noise_is_no_gain)
{
    for (int spikes = 7; spikes < 40; spikes++) {
        struct lab lab = {.knob = CLG_KNOB_LEARN_JOBS, .speed = {1, 1, 1, 1}, .spikes = spikes};
        ck_assert_int_eq(search_with(&lab, ALL_NETS).value, clg_knobs[lab.knob].fallback);
    }
}
END_TEST

START_TEST(small_gains_do_not_count)
{
    struct lab lab = {.knob = CLG_KNOB_LEARN_JOBS, .speed = {1.02, 1.02, 1, 1.02}};
    struct clg_tune_found found = search_with(&lab, ALL_NETS);
    ck_assert_int_eq(found.value, clg_knobs[lab.knob].fallback);
    ck_assert(harness_close(found.ratio, 1, 0));
    ck_assert_int_eq(found.measured, 1);
    for (int v = 0; v < 4; v++)
        lab.speed[v] = 1.045;
    found = search_with(&lab, ALL_NETS);
    ck_assert_int_ne(found.value, clg_knobs[lab.knob].fallback);
}
END_TEST

START_TEST(gain_must_last_and_harm_nowhere)
{
    /* faster by half, but slower at one network */
    struct lab lab = {.knob = CLG_KNOB_LEARN_JOBS, .speed = {1.5, 1.5, 1, 1.5}};
    lab.slow_nets = 1u << CLG_TUNE_512;
    ck_assert_int_eq(search_with(&lab, ALL_NETS).value, clg_knobs[lab.knob].fallback);
    /* one set of five rounds at three networks shows it, the next does not */
    lab.slow_nets = 0;
    lab.speed[1] = lab.speed[3] = 1;
    lab.calls = 0;
    lab.lucky = 2 * 5 * 3;
    ck_assert_int_eq(search_with(&lab, ALL_NETS).value, clg_knobs[lab.knob].fallback);
    lab.calls = 0;
    lab.lucky = 4 * 5 * 3;
    ck_assert_int_eq(search_with(&lab, ALL_NETS).value, 0);
}
END_TEST

START_TEST(nothing_is_tried_where_it_decides_nothing)
{
    struct lab lab = {.knob = CLG_KNOB_TILE_SMALL, .speed = {1, 2, 2, 2, 2}};
    struct clg_tune_found found = search_with(&lab, ALL_NETS);
    ck_assert_int_eq(found.measured, 0);
    ck_assert_int_eq(lab.calls, 0);
    lab.knob = CLG_KNOB_NN_LARGE; /* its network is left out */
    ck_assert_int_eq(search_with(&lab, 1u << CLG_TUNE_128).measured, 0);
    lab.knob = CLG_KNOB_NN_SMALL;
    found = search_with(&lab, ALL_NETS);
    ck_assert_str_eq(clg_knobs[lab.knob].value[found.value].word, "local");
    ck_assert_int_eq(lab.plain, 1);
    device.failed_ways = 1u << CLG_WAY_LOCAL; /* verification found it wrong */
    device.knows_routes = 1;
    ck_assert_int_eq(search_with(&lab, ALL_NETS).measured, 0);
}
END_TEST

START_TEST(no_time_leaves_the_default)
{
    struct lab lab = {.knob = CLG_KNOB_LEARN_JOBS, .speed = {2, 2, 1, 2}, .late_after = 1};
    lab.calls = 1;
    struct clg_tune_found found = search_with(&lab, ALL_NETS);
    ck_assert_int_eq(found.measured, 0);
    ck_assert_int_eq(found.value, clg_knobs[lab.knob].fallback);
}
END_TEST

START_TEST(every_knob_is_searched_once)
{
    unsigned char seen[CLG_KNOBS] = {0};
    for (int i = 0; i < CLG_KNOBS; i++)
        seen[clg_tune_order[i]]++;
    for (int i = 0; i < CLG_KNOBS; i++)
        ck_assert_int_eq(seen[i], 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tuning");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, begin, end);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, text_goes_there_and_back);
    tcase_add_test(all, text_with_anything_else_is_refused);
    tcase_add_test(all, record_is_of_one_device_and_driver);
    tcase_add_test(all, damaged_record_is_none);
    tcase_add_test(all, record_with_other_content_is_none);
    tcase_add_test(all, option_wins_over_record);
    tcase_add_test(all, slower_default_is_replaced);
    tcase_add_test(all, noise_is_no_gain);
    tcase_add_test(all, small_gains_do_not_count);
    tcase_add_test(all, gain_must_last_and_harm_nowhere);
    tcase_add_test(all, nothing_is_tried_where_it_decides_nothing);
    tcase_add_test(all, no_time_leaves_the_default);
    tcase_add_test(all, every_knob_is_searched_once);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
