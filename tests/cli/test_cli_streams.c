/* What goes where: stdout has the result and nothing else; progress, interrupts, option precedence.
 */
#define _GNU_SOURCE
#include "harness.h"
#include "run.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XOR "train --train xor --device ref --out run --layers 4 "

static struct run run;

static void expect(int code)
{
    ck_assert_msg(run.code == code, "exit %d, wanted %d: %s", run.code, code, run.err);
}

/* The JSON document that text is; the caller releases it. */
static json_t *parsed(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);
    ck_assert_msg(root, "%s: %s", error.text, text);
    return root;
}

static double number(const json_t *root, const char *key)
{
    json_t *value = json_object_get(root, key);
    ck_assert_msg(json_is_number(value), "%s is no number", key);
    return json_number_value(value);
}

static void setup(void)
{
    run_folder_enter();
    run_clgrad(&run, "", XOR "--epochs 3 --out model");
    expect(0);
}

START_TEST(training_prints_one_result)
{
    run_clgrad(&run, "", XOR "--epochs 3");
    expect(0);
    ck_assert_int_eq(run_lines(run.out), 1);
    ck_assert_ptr_nonnull(strstr(run.out, "training: loss "));
    ck_assert_int_eq(run_lines(run.err), 5); /* the device, three epochs, the report */
    ck_assert_ptr_nonnull(strstr(run.err, "epoch 3/3  step 3/3  loss "));
    ck_assert_ptr_null(strchr(run.err, '\033'));
}
END_TEST

START_TEST(test_data_is_scored_at_the_end)
{
    run_clgrad(&run, "", XOR "--epochs 3 --test xor --val xor -q");
    expect(0);
    ck_assert_str_eq(run.err, "");
    ck_assert_int_eq(run_lines(run.out), 1);
    ck_assert_ptr_nonnull(strstr(run.out, "test: loss "));
    ck_assert_ptr_nonnull(strstr(run.out, " of 4)"));
}
END_TEST

START_TEST(quiet_says_nothing)
{
    run_clgrad(&run, "", XOR "--epochs 2 -q");
    expect(0);
    ck_assert_str_eq(run.err, "");
    run_clgrad(&run, "", XOR "--epochs 2 --progress none");
    expect(0);
    ck_assert_str_eq(run.err, "");
    ck_assert_int_eq(run_lines(run.out), 1);
}
END_TEST

START_TEST(training_as_json)
{
    run_clgrad(&run, "", XOR "--epochs 3 --test xor --json");
    expect(0);
    json_t *root = parsed(run.out), *test = json_object_get(root, "test");
    ck_assert(number(root, "epochs") == 3);
    ck_assert(number(root, "loss") > 0);
    ck_assert(json_is_null(json_object_get(root, "val_loss")));
    ck_assert(number(test, "examples") == 4);
    ck_assert_uint_eq(json_array_size(json_object_get(test, "confusion")), 2);
    json_decref(root);
}
END_TEST

START_TEST(progress_as_json)
{
    int ends = 0;
    run_clgrad(&run, "", XOR "--epochs 3 --progress json");
    expect(0);
    for (char *line = strtok(run.err, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *root = parsed(line);
        ends += json_is_true(json_object_get(root, "epoch_end"));
        json_decref(root);
    }
    ck_assert_int_eq(ends, 3);
}
END_TEST

START_TEST(evaluation_as_text_and_json)
{
    run_clgrad(&run, "", "eval --device ref --model model/last.safetensors --data xor");
    expect(0);
    ck_assert_ptr_nonnull(strstr(run.out, "loss "));
    ck_assert_ptr_nonnull(strstr(run.out, "confusion matrix"));
    ck_assert_ptr_nonnull(strstr(run.out, "precision"));
    double loss = strtod(strstr(run.out, "loss ") + 5, NULL);
    run_clgrad(&run, "", "eval --device ref --model model/last.safetensors --data xor --json");
    expect(0);
    json_t *root = parsed(run.out);
    ck_assert(harness_close(loss, number(root, "loss"), 1e-5 * number(root, "loss")));
    double accuracy = number(root, "accuracy"), hits = 0, all = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++) {
            json_t *row = json_array_get(json_object_get(root, "confusion"), i);
            double count = json_number_value(json_array_get(row, j));
            all += count;
            hits += i == j ? count : 0;
        }
    ck_assert(all == 4 && accuracy == hits / all);
    ck_assert_uint_eq(json_array_size(json_object_get(root, "per_class")), 2);
    ck_assert(json_object_get(root, "auc"));
    json_decref(root);
}
END_TEST

START_TEST(values_have_their_own_figures)
{
    run_write_text("v.csv", "a,b\n1,2.5\n2,4.25\n3,6.5\n4,8\n");
    run_clgrad(&run, "", "train --train v.csv --target value --device ref --out values -q");
    expect(0);
    run_clgrad(&run, "", "eval --device ref --model values/last.safetensors --data v.csv --json");
    expect(0);
    json_t *root = parsed(run.out);
    ck_assert(number(root, "mae") > 0 && number(root, "rmse") > 0 && number(root, "r2") < 1);
    ck_assert_ptr_null(json_object_get(root, "accuracy"));
    json_decref(root);
}
END_TEST

START_TEST(predictions_go_to_stdout_or_a_file)
{
    run_clgrad(&run, "", "predict --device ref --model model/last.safetensors --data xor");
    expect(0);
    int lines = run_lines(run.out);
    ck_assert_msg(lines == 4 || lines == 5, "%s", run.out); /* a header is allowed */
    char *printed = strdup(run.out);
    run_clgrad(&run, "",
               "predict --device ref --model model/last.safetensors --data xor --out p.csv");
    expect(0);
    ck_assert_str_eq(run.out, "");
    char *written = run_read("p.csv", NULL);
    ck_assert_str_eq(written, printed);
    free(written);
    free(printed);
    run_clgrad(&run, "",
               "predict --device ref --model model/last.safetensors --data xor --json --proba");
    expect(0);
    json_t *root = parsed(run.out), *all = json_object_get(root, "predictions");
    ck_assert_uint_eq(json_array_size(all), 4);
    ck_assert_uint_eq(json_array_size(json_array_get(all, 3)), 2);
    json_decref(root);
}
END_TEST

/* Standard input can be read once; what stands in the targets' place is not read at all. */
START_TEST(predicts_from_standard_input)
{
    static const char *const tables[] = {"0,0\n0,1\n1,1\n", "a,b\n0,0\n0,1\n1,1\n",
                                         "a,b,t\n0,0,7\n0,1,\n1,1,what\n"};
    static char first[sizeof run.out];
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++) {
        run_write_text("in.csv", tables[k]);
        run_clgrad(&run, "",
                   "predict --device ref --model model/last.safetensors --data - < in.csv");
        expect(0);
        ck_assert_int_eq(run_lines(run.out), 4);
        if (!k)
            snprintf(first, sizeof first, "%s", run.out);
        ck_assert_str_eq(run.out, first);
    }
}
END_TEST

START_TEST(decisions_are_said_with_v)
{
    run_clgrad(&run, "", XOR "--epochs 3 -v");
    expect(0);
    ck_assert_ptr_nonnull(strstr(run.err, "best epoch 3: training loss "));
    ck_assert_int_eq(run_lines(run.err), 6);
    run_clgrad(&run, "", XOR "--epochs 3");
    ck_assert_ptr_null(strstr(run.err, "best epoch"));
}
END_TEST

START_TEST(inspect_and_export)
{
    run_clgrad(&run, "", "inspect model/last.safetensors");
    expect(0);
    ck_assert_ptr_nonnull(strstr(run.out, "2,4:relu,2:softmax"));
    ck_assert_str_eq(run.err, "");
    run_clgrad(&run, "", "inspect --json model/last.safetensors");
    expect(0);
    json_decref(parsed(run.out));
    run_clgrad(&run, "", "export --model model/last.safetensors --to npy --out arrays -q");
    expect(0);
    ck_assert_str_eq(run.out, "");
    ck_assert(run_exists("arrays/layers.0.weight.npy"));
    run_clgrad(&run, "", "export --model model/last.safetensors --to png --out w.png");
    expect(0);
    ck_assert(run_exists("w.png"));
}
END_TEST

START_TEST(devices_as_json)
{
    run_clgrad(&run, NO_PLATFORM, "devices --json");
    expect(5);
    json_t *root = parsed(run.out), *last = json_array_get(root, json_array_size(root) - 1);
    ck_assert_str_eq(json_string_value(json_object_get(last, "id")), "ref");
    json_decref(root);
}
END_TEST

/* The reader of stdout goes away: an error line and exit 4, not a death by signal. */
START_TEST(closed_pipe)
{
    int out[2];
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    close(out[0]);
    pid_t pid = run_start("", "predict --device ref --model model/last.safetensors --data xor", -1,
                          out[1], -1);
    close(out[1]);
    ck_assert_int_eq(run_wait(pid), 4);
}
END_TEST

/* Without standard streams their numbers must not fall to files that the run writes. */
START_TEST(closed_streams)
{
    run_remove("closed");
    run_clgrad(&run, "", XOR "--epochs 3 --out closed <&- 2>&-");
    expect(0);
    char *text = run_read("closed/metrics.jsonl", NULL);
    ck_assert_int_eq(run_lines(text), 3);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        json_decref(parsed(line));
    free(text);
    run_clgrad(&run, "", XOR "--epochs 3 --out closed >&-");
    expect(4);
}
END_TEST

/* The last of two counts, the command line goes before the file whatever the order, and config.ini
 * has what was in effect. */
START_TEST(precedence_of_options)
{
    run_write_text("o.ini", "[learning]\nlr = 0.5\nepochs = 2\nl2 = 0.25\n");
    run_clgrad(&run, "", XOR "--lr 3 --lr=0.125 --config o.ini -q");
    expect(0);
    char *text = run_read("run/config.ini", NULL);
    ck_assert_ptr_nonnull(strstr(text, "\nlr = 0.125\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nepochs = 2\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nl2 = 0.25\n"));
    ck_assert_ptr_nonnull(strstr(text, "\ntrain = xor\n"));
    ck_assert_ptr_nonnull(strstr(text, "\ndevice = ref\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nloss = ce\n"));
    free(text);
}
END_TEST

/* A recorded configuration repeats its run. */
START_TEST(config_of_a_run_repeats_it)
{
    size_t size, again;
    run_clgrad(&run, "", XOR "--epochs 5 --seed 9 --opt momentum -q");
    expect(0);
    char *first = run_read("run/last.safetensors", &size);
    run_clgrad(&run, "", "train --config run/config.ini --out second -q");
    expect(0);
    char *second = run_read("second/last.safetensors", &again);
    ck_assert_uint_eq(size, again);
    ck_assert_int_eq(memcmp(first, second, size), 0);
    free(first);
    free(second);
}
END_TEST

START_TEST(verify_against_itself)
{
    run_clgrad(&run, "", "verify --device ref --train xor --layers 4 --steps 3");
    expect(0);
    ck_assert_ptr_nonnull(strstr(run.out, "verify: ok, "));
    ck_assert_ptr_nonnull(strstr(run.err, "the reference was compared with itself"));
    run_clgrad(&run, "",
               "verify --device ref --model model/last.safetensors --data xor --steps 2 --json");
    expect(0);
    json_t *root = parsed(run.out);
    ck_assert(json_is_true(json_object_get(root, "ok")));
    ck_assert(number(root, "cases") > 0 && number(root, "failed") == 0);
    json_decref(root);
}
END_TEST

/* Help of every command names each option that the command takes, from the parser's own tables:
 * what help lists is accepted, what it does not is refused. */
START_TEST(help_lists_what_is_taken)
{
    static const char *const commands[] = {"devices", "train",   "eval",  "predict",
                                           "verify",  "inspect", "export"};
    size_t count;
    const clg_option *options = clg_config_options(&count);
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
        char arguments[256], option[64];
        snprintf(arguments, sizeof arguments, "%s --help", commands[c]);
        run_clgrad(&run, "", arguments);
        expect(0);
        ck_assert_str_eq(run.err, "");
        char *help = strdup(run.out);
        for (size_t i = 0; i < count; i += 4) {
            snprintf(option, sizeof option, "  --%s", options[i].name);
            const char *at = strstr(help, option);
            while (at && !strchr(" \n", at[strlen(option)])) /* a longer name that begins so */
                at = strstr(at + 1, option);
            int listed = at != NULL;
            snprintf(arguments, sizeof arguments, "%s --%s=x --help", commands[c], options[i].name);
            run_clgrad(&run, "", arguments);
            ck_assert_msg(run.code == (listed ? 0 : 2), "%s: exit %d", arguments, run.code);
        }
        free(help);
    }
}
END_TEST

/* Waits until the run under folder has written a line of metrics. */
static void wait_for_metrics(const char *path)
{
    for (int i = 0; i < 2000; i++) {
        if (run_exists(path)) {
            size_t size;
            free(run_read(path, &size));
            if (size)
                return;
        }
        usleep(10000);
    }
    ck_abort_msg("no training after 20 s");
}

static void interrupt(int signal_number, int code)
{
    char error[256] = "";
    int err[2];
    run_remove("stopped");
    ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
    pid_t pid =
        run_start("", XOR "--out stopped --epochs 1000000000 --progress none", -1, -1, err[1]);
    close(err[1]);
    wait_for_metrics("stopped/metrics.jsonl");
    kill(pid, signal_number);
    ck_assert_int_eq(run_wait(pid), code);
    ck_assert_int_gt(read(err[0], error, sizeof error - 1), 0);
    close(err[0]);
    ck_assert_msg(strstr(error, "interrupted") && run_lines(error) == 1, "%s", error);
    run_clgrad(&run, "", "eval --device ref --model stopped/last.safetensors --data xor");
    expect(0);
}

START_TEST(interrupts_save)
{
    interrupt(SIGINT, 130);
    interrupt(SIGTERM, 143);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli streams");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 200);
    tcase_add_unchecked_fixture(cases, setup, NULL);
    tcase_add_test(cases, training_prints_one_result);
    tcase_add_test(cases, test_data_is_scored_at_the_end);
    tcase_add_test(cases, quiet_says_nothing);
    tcase_add_test(cases, training_as_json);
    tcase_add_test(cases, progress_as_json);
    tcase_add_test(cases, evaluation_as_text_and_json);
    tcase_add_test(cases, values_have_their_own_figures);
    tcase_add_test(cases, predictions_go_to_stdout_or_a_file);
    tcase_add_test(cases, predicts_from_standard_input);
    tcase_add_test(cases, decisions_are_said_with_v);
    tcase_add_test(cases, inspect_and_export);
    tcase_add_test(cases, devices_as_json);
    tcase_add_test(cases, closed_pipe);
    tcase_add_test(cases, closed_streams);
    tcase_add_test(cases, precedence_of_options);
    tcase_add_test(cases, config_of_a_run_repeats_it);
    tcase_add_test(cases, verify_against_itself);
    tcase_add_test(cases, help_lists_what_is_taken);
    tcase_add_test(cases, interrupts_save);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
