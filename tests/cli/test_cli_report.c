/* clgrad report, and the page that train writes: where it lies, what is said of it, and that it is
 * there whatever ended the training. */
#define _GNU_SOURCE
#include "harness.h"
#include "run.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRAIN "train --train xor --device ref --layers 4 --epochs 3 "

static struct run run;

static void expect(int code)
{
    ck_assert_msg(run.code == code, "exit %d, wanted %d: %s", run.code, code, run.err);
}

/* The page of a run holds every one of these texts. */
static void page_has(const char *path, const char *const *texts)
{
    char *page = run_read(path, NULL);
    for (; *texts; texts++)
        ck_assert_msg(strstr(page, *texts), "%s lacks %s", path, *texts);
    free(page);
}
#define PAGE_HAS(path, ...) page_has(path, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(train_writes_the_page)
{
    run_clgrad(&run, "", TRAIN "--out one --val xor");
    expect(0);
    ck_assert_ptr_nonnull(strstr(run.err, "report: one/report.html\n"));
    PAGE_HAS("one/report.html", "<!DOCTYPE html>", "clgrad run, <span>finished</span>",
             "Validation accuracy", "<figcaption>Loss", "Learning rate", "Weight norm",
             "Gradient norm", "Dead units", "Confusion matrix", "Each class", "reference",
             "not verified", "</html>");
}
END_TEST

/* Written again from the folder alone it is the same page, byte for byte. */
START_TEST(report_repeats_the_page)
{
    size_t first_size, size;
    run_clgrad(&run, "", TRAIN "--out again --val xor -q");
    char *first = run_read("again/report.html", &first_size);
    run_remove("again/report.html");
    run_clgrad(&run, "", "report again/");
    expect(0);
    char *second = run_read("again/report.html", &size);
    ck_assert_uint_eq(size, first_size);
    ck_assert_mem_eq(second, first, size);
    free(first);
    free(second);
    static const char *const said[] = {"run       again\n",
                                       "ended     finished\n",
                                       "trained   3 epochs, 3 steps",
                                       "4 rows of validation data",
                                       "\nloss:  . training  * validation\n",
                                       "\naccuracy:"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        ck_assert_msg(strstr(run.out, said[i]), "no %s in %s", said[i], run.out);
    ck_assert_ptr_nonnull(strstr(run.err, "report: again/report.html\n"));
    for (char *line = strtok(run.out, "\n"); line; line = strtok(NULL, "\n"))
        ck_assert_msg(strlen(line) <= 80 || strncmp(line, "trained", 7) == 0, "%s", line);
}
END_TEST

/* A verdict that verify printed stands in the report; the next training's has none. */
START_TEST(the_verdict_is_reported)
{
    run_clgrad(&run, "", TRAIN "--out judged -q");
    run_clgrad(&run, "",
               "verify --model judged/last.safetensors --data xor --device ref --json "
               ">judged/verify.json");
    expect(0);
    run_clgrad(&run, "", "report judged");
    expect(0);
    ck_assert_msg(strstr(run.out, "\nverify    ok, "), "%s", run.out);
    ck_assert_ptr_nonnull(strstr(run.out, " of its bound\n"));
    char *page = run_read("judged/report.html", NULL);
    ck_assert_ptr_null(strstr(page, "not verified"));
    free(page);
    run_clgrad(&run, "", "report judged --json");
    ck_assert_ptr_nonnull(strstr(run.out, "\"verified\": true"));
    run_clgrad(&run, "", TRAIN "--out judged -q");
    expect(0);
    PAGE_HAS("judged/report.html", "not verified");
}
END_TEST

START_TEST(report_as_json)
{
    run_clgrad(&run, "", TRAIN "--out json -q");
    run_clgrad(&run, "", "report json --json --out other.html");
    expect(0);
    ck_assert_int_eq(run_lines(run.out), 1);
    json_t *root = json_loads(run.out, 0, NULL);
    json_t *one = json_array_get(json_object_get(root, "runs"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(root, "report")), "other.html");
    ck_assert_int_eq(json_integer_value(json_object_get(one, "epochs")), 3);
    ck_assert_str_eq(json_string_value(json_object_get(one, "ended")), "finished");
    ck_assert(json_is_null(json_object_get(one, "val_loss")));
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(one, "evaluation"), "examples")), 4);
    json_decref(root);
    ck_assert(run_exists("other.html"));
}
END_TEST

START_TEST(several_runs_make_one_page)
{
    run_clgrad(&run, "", TRAIN "--out a -q");
    run_clgrad(&run, "", TRAIN "--out b --lr 0.1 -q");
    run_clgrad(&run, "", "report a b --out ab.html");
    expect(0);
    PAGE_HAS("ab.html", "2 runs compared", "Options that differ", ">lr</th>", ">0.1</td>");
    run_clgrad(&run, "", "report a b");
    expect(0);
    ck_assert(run_exists("comparison.html"));
}
END_TEST

static const struct {
    const char *arguments;
    int code;
    const char *words;
} bad[] = {
    {"report", 2, "the folder of a RUN is needed"},
    {"report nowhere", 3, "nowhere: is no run's folder"},
    {"report one/config.ini", 3, "is no run's folder"},
    {"report one one nowhere", 3, "nowhere"},
    {"report one --ou x", 2, "did you mean --out"},
    {"report one --out no/such/folder/x.html", 4, "x.html"},
    {"report one --out ''", 2, "its value is empty"},
    {"report one --device nosuchdevice", 5, "nosuchdevice"},
};

START_TEST(failures_are_one_line)
{
    run_clgrad(&run, "", TRAIN "--out one -q");
    run_clgrad(&run, "", bad[_i].arguments);
    expect(bad[_i].code);
    ck_assert_msg(strstr(run.err, bad[_i].words), "%s", run.err);
    ck_assert_int_eq(run_lines(run.err), 1);
    ck_assert_str_eq(run.out, "");
}
END_TEST

/* A machine without OpenCL: the reference takes the place of the device the run was made on. */
START_TEST(report_without_a_device)
{
    run_clgrad(&run, "", TRAIN "--out ported -q");
    char *config = run_read("ported/config.ini", NULL);
    char *device = strstr(config, "device = ref");
    ck_assert_ptr_nonnull(device);
    memcpy(device, "device = gpu", 12);
    run_write_text("ported/config.ini", config);
    free(config);
    run_clgrad(&run, NO_PLATFORM, "report ported");
    expect(0);
    ck_assert_ptr_nonnull(strstr(run.out, "4 rows of training data"));
}
END_TEST

/* What is read only once is looked at while it is there, and missed afterwards. */
START_TEST(data_from_standard_input)
{
    run_write_text("in.csv", "0,0,a\n0,1,b\n1,0,b\n1,1,a\n");
    run_clgrad(&run, "",
               "train --train - --device ref --layers 4 --epochs 2 --out piped -q < in.csv");
    expect(0);
    PAGE_HAS("piped/report.html", "Confusion matrix", "4 examples");
    run_clgrad(&run, "", "report piped < in.csv");
    expect(0);
    ck_assert_ptr_nonnull(strstr(run.out, "standard input"));
    PAGE_HAS("piped/report.html", "standard input", "<figcaption>Loss");
}
END_TEST

START_TEST(interrupted_runs_have_a_page)
{
    run_remove("stopped");
    pid_t pid =
        run_start("", TRAIN "--epochs 1000000000 --out stopped --progress none", -1, -1, -1);
    for (int i = 0; i < 2000 && !run_exists("stopped/metrics.jsonl"); i++)
        usleep(10000);
    usleep(200000);
    kill(pid, SIGINT);
    ck_assert_int_eq(run_wait(pid), 130);
    PAGE_HAS("stopped/report.html", "interrupted", "<figcaption>Loss", "Confusion matrix");
    char *facts = run_read("stopped/run.json", NULL);
    ck_assert_ptr_nonnull(strstr(facts, "\"status\": \"interrupted\""));
    free(facts);
}
END_TEST

START_TEST(diverged_runs_have_a_page)
{
    run_write_text("far.csv", "1,2,3\n4,5,6\n7,8,10\n");
    run_clgrad(&run, "",
               "train --train far.csv --target value --opt sgd --lr 1e20 --normalize none "
               "--device ref --epochs 50 --out far -q");
    expect(7);
    ck_assert_int_eq(run_lines(run.err), 1);
    ck_assert_ptr_nonnull(strstr(run.err, "training diverged"));
    PAGE_HAS("far/report.html", "diverged");
}
END_TEST

/* A new run in the folder of an old one does not leave the old one's page beside its own figures.
 */
START_TEST(old_pages_go)
{
    run_clgrad(&run, "", TRAIN "--out again -q");
    run_write_text("again/report.html", "old");
    pid_t pid = run_start("", TRAIN "--epochs 1000000000 --out again --progress none", -1, -1, -1);
    for (int i = 0; i < 500 && run_exists("again/report.html"); i++)
        usleep(10000);
    int there = run_exists("again/report.html") || run_exists("again/run.json");
    kill(pid, SIGKILL);
    ck_assert_int_eq(run_wait(pid), -1);
    ck_assert(!there);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli report");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 200);
    tcase_add_unchecked_fixture(cases, run_folder_enter, NULL);
    tcase_add_test(cases, train_writes_the_page);
    tcase_add_test(cases, report_repeats_the_page);
    tcase_add_test(cases, the_verdict_is_reported);
    tcase_add_test(cases, report_as_json);
    tcase_add_test(cases, several_runs_make_one_page);
    tcase_add_loop_test(cases, failures_are_one_line, 0, (int)(sizeof bad / sizeof *bad));
    tcase_add_test(cases, report_without_a_device);
    tcase_add_test(cases, data_from_standard_input);
    tcase_add_test(cases, interrupted_runs_have_a_page);
    tcase_add_test(cases, diverged_runs_have_a_page);
    tcase_add_test(cases, old_pages_go);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
