/* Resuming on the reference: from every place where a training can be stopped, to the bit; what may
 * change on the way and what may not; runs that are finished, not begun, or another's. */
#define _GNU_SOURCE
#include "harness_files.h"
#include "harness_resume.h"
#include "harness_train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static clg_device *ref;
static clg_dataset *data, *val;

static void setup(void)
{
    ck_ok(clg_device_open(&ref, "ref", NULL));
    data = harness_blobs(40, 3, 3, 1);
    val = harness_blobs(23, 3, 3, 2);
}

static void teardown(void)
{
    clg_dataset_destroy(data);
    clg_dataset_destroy(val);
    clg_device_close(ref);
}

/* With or without validation.  At the rate of 4 the loss rises, so that a plateau counts. */
static const struct {
    const char *opt, *lr, *schedule, *dropout, *patience, *log;
    int validated;
} kinds[] = {{"adam", "0.05", "const", "0.3", "", "2", 0},
             {"momentum", "4", "plateau:1:0.5", "0", "", "3", 1},
             {"rmsprop", "0.05", "cosine", "0", "2", "", 1},
             {"sgd", "0.05", "linear", "0.1", "", "", 1}};

static clg_config *config_of(int kind)
{
    return harness_config("layers", "5", "batch", "7", "epochs", "4", "lr", kinds[kind].lr, "opt",
                          kinds[kind].opt, "lr-schedule", kinds[kind].schedule, "dropout",
                          kinds[kind].dropout, "patience", kinds[kind].patience, "log-every",
                          kinds[kind].log, "save-every", "5", NULL);
}

START_TEST(from_everywhere)
{
    clg_config *config = config_of(_i);
    ck_assert_int_gt(harness_resume(ref, config, data, kinds[_i].validated ? val : NULL, 1, 60), 8);
    clg_config_destroy(config);
}
END_TEST

/* Trains anew in folder, whole. */
static void train(const char *folder, const clg_config *config)
{
    clg_net *net;
    clg_run *run;
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_run_open(&run, files_path(folder), clg_net_config(net)));
    ck_ok(clg_train(NULL, net, ref, data, NULL, run, NULL));
    clg_net_destroy(net);
    clg_run_close(run);
}

static clg_config *small(const char *epochs)
{
    return harness_config("layers", "5", "batch", "7", "epochs", epochs, "lr", "0.05",
                          "lr-schedule", "plateau:1:0.5", "log-every", "4", NULL);
}

static void go_on(const char *folder, const clg_config *changes, const char *notes)
{
    clg_net *net;
    clg_run *run;
    ck_ok(clg_run_resume(&run, files_path(folder), changes));
    ck_assert_str_eq(clg_run_notes(run), notes);
    ck_assert(!clg_run_is_finished(run));
    ck_ok(clg_run_net(&net, run, data));
    ck_ok(clg_train(NULL, net, ref, data, NULL, run, NULL));
    clg_net_destroy(net);
    clg_run_close(run);
}

static void same_model(const char *path, const char *other)
{
    size_t size, other_size;
    unsigned char *bytes = files_get(files_path(path), &size),
                  *others = files_get(files_path(other), &other_size);
    ck_assert(size == other_size && memcmp(bytes, others, size) == 0);
    free(bytes);
    free(others);
}

/* A run of fewer epochs, or steps, that goes on for more, is the run that had them from the start.
 */
START_TEST(more_epochs_than_before)
{
    clg_config *whole = small("6"), *part = small("3"), *more = harness_config("epochs", "6", NULL);
    train("long", whole);
    train("short", part);
    go_on("short", more, "--epochs 6 (was 3)");
    same_model("short/last.safetensors", "long/last.safetensors");
    same_model("short/best.safetensors", "long/best.safetensors");
    ck_ok(clg_config_set(part, "steps", "16")); /* inside the third epoch */
    train("short", part);
    go_on("short", more, "--steps not set (was 16)\n--epochs 6 (was 3)");
    same_model("short/last.safetensors", "long/last.safetensors");
    same_model("short/best.safetensors", "long/best.safetensors");
    clg_config_destroy(whole);
    clg_config_destroy(part);
    clg_config_destroy(more);
}
END_TEST

START_TEST(finished_runs_stay)
{
    clg_config *config = small("2");
    clg_train_result result;
    clg_net *net;
    clg_run *run;
    uint64_t step;
    int epoch;
    size_t size, after;
    train("done", config);
    unsigned char *before = files_get(files_path("done/metrics.jsonl"), &size);
    ck_ok(clg_run_resume(&run, files_path("done"), NULL));
    ck_assert(clg_run_is_finished(run));
    clg_run_position(run, &epoch, &step);
    ck_assert_int_eq(epoch, 2);
    ck_assert_uint_eq(step, 12);
    ck_ok(clg_run_net(&net, run, data));
    ck_ok(clg_train(&result, net, ref, data, NULL, run, NULL));
    ck_assert_int_eq(result.epochs, 2);
    ck_assert(result.loss > 0 && result.loss < 10);
    unsigned char *now = files_get(files_path("done/metrics.jsonl"), &after);
    ck_assert(size == after && memcmp(before, now, size) == 0);
    free(before);
    free(now);
    clg_net_destroy(net);
    clg_run_close(run);
    clg_config_destroy(config);
}
END_TEST

/* Key, value, and words of the refusal. */
static const char *const impossible[][3] = {
    {"layers", "6", "--layers 6"},  {"opt", "sgd", "--opt sgd"},
    {"seed", "7", "cannot change"}, {"val-split", "0.5", "it has \"0\""},
    {"val", "iris", "--val iris"},  {"out", "elsewhere", "leave --out out"}};

START_TEST(some_changes_are_refused)
{
    clg_config *config = small("2");
    clg_run *run;
    if (_i == 0)
        train("fixed", config);
    clg_config *changes = harness_config(impossible[_i][0], impossible[_i][1], NULL);
    ck_fails(clg_run_resume(&run, files_path("fixed"), changes), CLG_EUSAGE, impossible[_i][2]);
    ck_assert_ptr_null(run);
    clg_config_destroy(changes);
    clg_config_destroy(config);
}
END_TEST

/* A batch of another size can begin with an epoch, but not within one. */
START_TEST(batches_change_between_epochs)
{
    clg_config *config = small("2"), *changes = harness_config("batch", "10", "epochs", "3", NULL);
    clg_net *net;
    clg_run *run;
    uint64_t step;
    train("batches", config);
    go_on("batches", changes, "--batch 10 (was 7)\n--epochs 3 (was 2)");
    ck_ok(clg_run_resume(&run, files_path("batches"), NULL));
    clg_run_position(run, NULL, &step);
    ck_assert_uint_eq(step, 12 + 4);
    clg_run_close(run);
    ck_ok(clg_config_set(config, "steps", "9"));
    train("batches", config);
    ck_ok(clg_run_resume(&run, files_path("batches"), changes));
    ck_fails(clg_run_net(&net, run, data), CLG_EUSAGE, "within an epoch");
    clg_run_close(run);
    clg_config_destroy(config);
    clg_config_destroy(changes);
}
END_TEST

START_TEST(what_is_no_run)
{
    clg_run *run;
    ck_fails(clg_run_resume(&run, files_path("nowhere"), NULL), CLG_EDATA, "is no run's folder");
    ck_assert(access(files_path("nowhere"), F_OK) != 0);
    ck_assert_int_eq(mkdir(files_path("empty"), 0777), 0);
    ck_fails(clg_run_resume(&run, files_path("empty"), NULL), CLG_EDATA, "holds no config.ini");
}
END_TEST

/* A run that was begun over an earlier one, and killed before it saved: the earlier model is not
 * its. */
START_TEST(an_earlier_runs_model_is_not_taken)
{
    clg_config *old = small("2"), *config = small("3");
    clg_net *net;
    clg_run *run;
    uint64_t step;
    train("again", old);
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_run_open(&run, files_path("again"), clg_net_config(net)));
    clg_run_close(run);
    clg_net_destroy(net);
    ck_ok(clg_run_resume(&run, files_path("again"), NULL));
    clg_run_position(run, NULL, &step);
    ck_assert_uint_eq(step, 0);
    clg_run_close(run);
    go_on("again", NULL, "");
    train("fresh", config);
    same_model("again/last.safetensors", "fresh/last.safetensors");
    ck_assert(access(files_path("again/.unsaved"), F_OK) != 0);
    clg_config_destroy(old);
    clg_config_destroy(config);
}
END_TEST

/* last.safetensors is the new one, best.safetensors was to follow. */
START_TEST(a_commit_cut_in_two_is_ended)
{
    clg_config *config = small("3");
    clg_run *run;
    train("cut", config);
    train("model", config);
    ck_assert_int_eq(
        rename(files_path("cut/best.safetensors"), files_path("cut/.best.safetensors.commit.tmp")),
        0);
    ck_ok(clg_run_resume(&run, files_path("cut"), NULL));
    clg_run_close(run);
    same_model("cut/best.safetensors", "model/best.safetensors");
    ck_assert(access(files_path("cut/.best.safetensors.commit.tmp"), F_OK) != 0);
    clg_config_destroy(config);
}
END_TEST

START_TEST(a_damaged_state_is_refused)
{
    clg_config *config = small("2");
    clg_run *run;
    size_t size;
    train("damaged", config);
    unsigned char *bytes = files_get(files_path("damaged/last.safetensors"), &size);
    char *at = memmem(bytes, size, "epoch_steps", 11);
    ck_assert_ptr_nonnull(at);
    at = memchr(at, '6', 20);
    *at = '7';
    files_put("damaged/last.safetensors", bytes, size);
    ck_fails(clg_run_resume(&run, files_path("damaged"), NULL), CLG_EDATA,
             "clgrad.state is damaged");
    free(bytes);
    clg_config_destroy(config);
}
END_TEST

/* The network of a run that patience ended is the best epoch's, whoever asks for it again. */
START_TEST(an_early_stop_is_finished_with_its_best)
{
    clg_config *config = harness_config("layers", "5", "batch", "7", "epochs", "90", "lr", "4",
                                        "opt", "momentum", "patience", "1", NULL);
    clg_net *net, *again;
    clg_run *run;
    clg_train_result ended, asked;
    size_t count;
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_run_open(&run, files_path("early"), clg_net_config(net)));
    ck_ok(clg_train(&ended, net, ref, data, NULL, run, NULL));
    clg_run_close(run);
    ck_assert_int_eq(ended.stopped_early, 1);
    ck_assert_int_lt(ended.best_epoch, ended.epochs);
    ck_ok(clg_run_resume(&run, files_path("early"), NULL));
    ck_assert_int_eq(clg_run_is_finished(run), 1);
    ck_ok(clg_run_net(&again, run, data));
    ck_ok(clg_train(&asked, again, ref, data, NULL, run, NULL));
    clg_run_close(run);
    ck_assert_int_eq(asked.stopped_early, 1);
    ck_assert_int_eq(asked.epochs, ended.epochs);
    ck_assert_int_eq(asked.best_epoch, ended.best_epoch);
    double *first = harness_parameters(net, &count), *second = harness_parameters(again, &count);
    for (size_t i = 0; i < count; i++) /* files hold floats */
        ck_assert_msg((float)first[i] == (float)second[i], "parameter %zu: %.9g, %.9g", i, first[i],
                      second[i]);
    free(first);
    free(second);
    clg_net_destroy(net);
    clg_net_destroy(again);
    clg_config_destroy(config);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resume");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 120);
    tcase_add_unchecked_fixture(cases, setup, teardown);
    tcase_add_loop_test(cases, from_everywhere, 0, (int)(sizeof kinds / sizeof *kinds));
    tcase_add_test(cases, more_epochs_than_before);
    tcase_add_test(cases, finished_runs_stay);
    tcase_add_loop_test(cases, some_changes_are_refused, 0,
                        (int)(sizeof impossible / sizeof *impossible));
    tcase_add_test(cases, batches_change_between_epochs);
    tcase_add_test(cases, what_is_no_run);
    tcase_add_test(cases, an_earlier_runs_model_is_not_taken);
    tcase_add_test(cases, a_commit_cut_in_two_is_ended);
    tcase_add_test(cases, a_damaged_state_is_refused);
    tcase_add_test(cases, an_early_stop_is_finished_with_its_best);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
