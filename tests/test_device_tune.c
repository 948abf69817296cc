/* A short tune on a device; what a training makes of the record it leaves, and of the option that
 * goes before it; and that no knob changes a bit. */
#define _POSIX_C_SOURCE 200809L
#include "harness_files.h"
#include "harness_train.h"
#include "net/net.h"
#include "ops/routes.h"
#include "ops/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_config *config;
static clg_device *device;
static char shared[4096]; /* the cache of all tests: its programs, but no record of this test's */

static void reopen(void)
{
    clg_device_close(device);
    device = NULL;
    ck_ok(clg_device_open(&device, getenv("CLGRAD_TEST_DEVICE"), config));
}

static void begin(void)
{
    char cache[4096];
    snprintf(cache, sizeof cache, "%s/cache-tune", harness_folder());
    ck_assert_int_eq(setenv("CLGRAD_CACHE", cache, 1), 0);
    ck_ok(clg_config_create(&config));
    reopen();
}

/* For trainings that are told what to take. */
static void begin_shared(void)
{
    ck_assert_int_eq(setenv("CLGRAD_CACHE", shared, 1), 0);
    ck_ok(clg_config_create(&config));
    reopen();
}

static void end(void)
{
    clg_device_close(device);
    device = NULL;
    clg_config_destroy(config);
}

/* ------------------------------------------------------------------- tune */

struct seen {
    int knobs, stop_after;
};

static void on_knob(void *user, const clg_tune_knob *knob)
{
    struct seen *seen = user;
    seen->knobs++;
    ck_assert(knob->ratio == 1 || knob->ratio > 1.03);
    ck_assert_int_eq(strcmp(knob->fallback, knob->chosen) == 0, knob->ratio == 1);
}

static int should_stop(void *user)
{
    const struct seen *seen = user;
    return seen->stop_after && seen->knobs >= seen->stop_after;
}

START_TEST(short_tune_is_kept)
{
    struct seen seen = {0};
    clg_tune_options options = {
        .seconds = 2, .widest = 64, .user = &seen, .knob = on_knob, .should_stop = should_stop};
    clg_tune_result result;
    struct clg_tuning read;
    char text[CLG_TUNING_TEXT];
    int buffers;
    ck_ok(clg_tune(&result, device, &options));
    ck_assert_int_eq(seen.knobs, result.knobs);
    ck_assert_int_eq(result.kept, 1);
    ck_ok(clg_tuning_read(&read, result.tuned));
    reopen();
    read = clg_tuning_load(device);
    clg_tuning_text(text, &read);
    ck_assert_str_eq(text, result.tuned);
    clg_device_usage(device, NULL, &buffers);
    ck_assert_int_eq(buffers, 0);
}
END_TEST

START_TEST(interrupted_tune_keeps_what_was_there)
{
    struct seen seen = {.stop_after = 1};
    const clg_tune_options options = {
        .seconds = 60, .widest = 64, .user = &seen, .knob = on_knob, .should_stop = should_stop};
    clg_tune_result result;
    struct clg_tuning there, before;
    ck_ok(clg_tuning_read(&before, "groups:16"));
    ck_assert_int_eq(clg_tuning_store(device, &before), 1);
    ck_fails(clg_tune(&result, device, &options), CLG_ECANCELLED, "nothing is kept");
    ck_assert_int_eq(result.kept, 0);
    there = clg_tuning_load(device);
    ck_assert_mem_eq(&there, &before, sizeof before);
    clg_tuning_know(device);
    ck_assert_int_eq(clg_knob(device, CLG_KNOB_GROUPS), 16);
}
END_TEST

START_TEST(reference_has_no_knobs)
{
    clg_device *reference;
    clg_tune_result result;
    ck_ok(clg_device_open(&reference, "ref", NULL));
    ck_fails(clg_tune(&result, reference, NULL), CLG_EUSAGE, "--device");
    clg_device_close(reference);
}
END_TEST

/* --------------------------------------------------------------- training */

static void on_log(void *user, const char *line)
{
    if (strncmp(line, "tuned: ", 7) == 0)
        snprintf(user, CLG_TUNING_TEXT, "%s", line + 7);
}

/* Trains a network of 200-300-50-5 in a run of its own by what `tuned` says; *said is the line. */
static double *train(size_t *count, char said[CLG_TUNING_TEXT], const char *tuned)
{
    const clg_train_hooks hooks = {.user = said, .log = on_log};
    clg_dataset *data = harness_blobs(200, 200, 5, 3);
    clg_config *options = harness_config("layers", "300,50", "batch", "64", "steps", "6", "plan",
                                         clg_config_get(config, "plan"), "tuned", tuned, NULL);
    clg_net *net;
    clg_run *run;
    *said = '\0';
    ck_ok(clg_net_create(&net, options, data));
    ck_ok(clg_run_open(&run, files_path("run"), options));
    ck_ok(clg_train(NULL, net, device, data, NULL, run, &hooks));
    clg_run_close(run);
    double *parameters = harness_parameters(net, count);
    clg_net_destroy(net);
    clg_config_destroy(options);
    clg_dataset_destroy(data);
    return parameters;
}

/* The key of the last run's config.ini. */
static void expect_recorded(const char *want)
{
    clg_config *recorded;
    char path[4200];
    snprintf(path, sizeof path, "%s/config.ini", files_path("run"));
    ck_ok(clg_config_create(&recorded));
    ck_ok(clg_config_read(recorded, path));
    ck_assert_str_eq(clg_config_get(recorded, "tuned"), want);
    clg_config_destroy(recorded);
}

START_TEST(training_takes_record_and_says_so)
{
    char said[CLG_TUNING_TEXT];
    struct clg_tuning tuning = {{0}};
    size_t count;
    clg_tuning_store(device, &tuning);
    free(train(&count, said, ""));
    ck_assert_str_eq(said, "");
    expect_recorded("none");
    ck_ok(clg_tuning_read(&tuning, "groups:16,learn-jobs:32"));
    ck_assert_int_eq(clg_tuning_store(device, &tuning), 1);
    reopen();
    free(train(&count, said, ""));
    ck_assert_str_eq(said, "groups:16,learn-jobs:32");
    expect_recorded("groups:16,learn-jobs:32");
    free(train(&count, said, "groups:4")); /* as config.ini of an older run says */
    ck_assert_str_eq(said, "groups:4");
    expect_recorded("groups:4");
    free(train(&count, said, "none"));
    ck_assert_str_eq(said, "");
    expect_recorded("none");
    ck_ok(clg_config_set(config, "no-cache", "true"));
    reopen();
    free(train(&count, said, ""));
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(unknown_choice_is_refused)
{
    clg_dataset *data = harness_blobs(30, 4, 2, 3);
    clg_config *options = harness_config("tuned", "groups:5", NULL);
    clg_net *net;
    ck_ok(clg_net_create(&net, options, data));
    ck_fails(clg_train(NULL, net, device, data, NULL, NULL, NULL), CLG_EUSAGE, "groups:5");
    clg_net_destroy(net);
    clg_config_destroy(options);
    clg_dataset_destroy(data);
}
END_TEST

/* Every value of every knob, a few at a time, by the fused and the plain plan. */
START_TEST(no_knob_changes_a_bit)
{
    static const char *const tunings[] = {
        "panel-flops:0,groups:4,head-groups:4,learn-jobs:16",
        "panel-flops:0,panel-depth:256,groups:32,unit-groups:1,head-groups:32,learn-jobs:128",
        "panel-flops:250000000,many-groups:64,unit-groups:4,head-groups:16,learn-jobs:32",
        "way:local,tile-small:64x128",
        "way:local,tile-small:16x32",
        "nn-small:local,nt-small:register,tn-small:local",
        "plan-64m:plain"};
    static const char *const plans[] = {"auto", "plain"};
    char said[CLG_TUNING_TEXT];
    size_t count, again;
    for (size_t p = 0; p < 2; p++) {
        ck_ok(clg_config_set(config, "plan", plans[p]));
        reopen();
        double *want = train(&count, said, "none");
        for (size_t i = 0; i < sizeof tunings / sizeof *tunings; i++) {
            if (strstr(tunings[i], "local") && !clg_way_exists(device, CLG_WAY_LOCAL))
                continue;
            double *got = train(&again, said, tunings[i]);
            ck_assert_str_eq(said, tunings[i]);
            ck_assert_uint_eq(again, count);
            ck_assert_msg(memcmp(got, want, count * sizeof *want) == 0, "%s: other bits",
                          tunings[i]);
            free(got);
        }
        free(want);
    }
}
END_TEST

/* What the knobs of plans and of single products decide, seen in what the run records. */
START_TEST(knobs_decide_plan_and_way)
{
    struct clg_tuning tuning;
    char said[CLG_TUNING_TEXT], path[4200];
    size_t count;
    clg_config *recorded;
    free(train(&count, said, "plan-64m:plain")); /* its steps have 2^24.4 operations */
    snprintf(path, sizeof path, "%s/config.ini", files_path("run"));
    ck_ok(clg_config_create(&recorded));
    ck_ok(clg_config_read(recorded, path));
    ck_assert_str_eq(clg_config_get(recorded, "plan"), "plain");
    clg_config_destroy(recorded);
    if (!clg_way_exists(device, CLG_WAY_LOCAL))
        return;
    ck_ok(clg_tuning_read(&tuning, "nn-small:local,nt-medium:register"));
    clg_tuning_set(device, &tuning);
    const enum clg_way whole = clg_way_of(device);
    ck_assert_int_eq(clg_way_for(device, CLG_NN, 10, 10, 10), CLG_WAY_LOCAL);
    ck_assert_int_eq(clg_way_for(device, CLG_NN, 1000, 1000, 100), whole);
    ck_assert_int_eq(clg_way_for(device, CLG_NT, 1000, 1000, 100), CLG_WAY_REGISTER);
    ck_assert_int_eq(clg_way_for(device, CLG_TN, 10, 10, 10), whole);
}
END_TEST

int main(void)
{
    clg_device_close(harness_device()); /* or there is none: skipped */
    const char *cache = getenv("CLGRAD_CACHE");
    snprintf(shared, sizeof shared, "%s", cache ? cache : harness_folder());
    Suite *suite = suite_create("tune");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, begin, end);
    tcase_set_timeout(all, 200);
    tcase_add_test(all, short_tune_is_kept);
    tcase_add_test(all, interrupted_tune_keeps_what_was_there);
    tcase_add_test(all, reference_has_no_knobs);
    tcase_add_test(all, training_takes_record_and_says_so);
    tcase_add_test(all, unknown_choice_is_refused);
    suite_add_tcase(suite, all);
    TCase *told = tcase_create("told");
    tcase_add_checked_fixture(told, begin_shared, end);
    tcase_set_timeout(told, 200);
    tcase_add_test(told, no_knob_changes_a_bit);
    tcase_add_test(told, knobs_decide_plan_and_way);
    suite_add_tcase(suite, told);
    return harness_run(suite);
}
