/* clgrad profile, devices --probe and inspect --estimate: what they refuse, and what is printed
 * where no OpenCL device is needed. */
#include "harness.h"
#include "run.h"

#include <jansson.h>
#include <string.h>

static struct run run;

static void fails(const char *environment, const char *arguments, int code, const char *words)
{
    run_clgrad(&run, environment, arguments);
    ck_assert_msg(run.code == code, "%s: exit %d, wanted %d: %s", arguments, run.code, code,
                  run.err);
    ck_assert_int_eq(run_lines(run.err), 1);
    ck_assert_msg(strstr(run.err, words) != NULL, "\"%s\" lacks \"%s\"", run.err, words);
}

START_TEST(wrong_calls_say_what_to_do)
{
    fails("", "profile", 2, "--train X[,Y] is needed");
    fails("", "profile --train xor --steps 0", 2, "--steps 0");
    fails("", "profile --train xor --steps x", 2, "--steps x");
    fails("", "profile --train xor --out r", 2, "does not take --out");
    fails("", "profile --train xor --device ref", 2, "the reference has no");
    fails("", "profile --train nothing.csv --device ref", 3, "nothing.csv");
    fails("", "inspect --estimate", 2, "FILE or --train");
    fails("", "inspect --estimate a.safetensors --train xor", 2, "not both");
    fails("", "inspect --estimate a.safetensors --batch full", 2, "give a number");
    fails("", "inspect --estimate a.safetensors --batch 3", 3, "a.safetensors");
    fails("", "eval --probe", 2, "an option of devices");
    fails(NO_PLATFORM, "profile --train xor", 5, "");
    fails("", "devices --probe --device 97:3", 5, "97:3");
}
END_TEST

static json_t *parsed(void)
{
    json_error_t error;
    ck_assert_msg(run.code == 0, "exit %d: %s", run.code, run.err);
    json_t *root = json_loads(run.out, 0, &error);
    ck_assert_msg(root != NULL, "%s: %s", error.text, run.out);
    return root;
}

START_TEST(an_estimate_needs_no_run)
{
    run_clgrad(&run, "", "inspect --estimate --train xor --layers 8 --batch 4 --device ref --json");
    json_t *root = parsed();
    ck_assert_str_eq(json_string_value(json_object_get(root, "network")), "2,8:relu,2:softmax");
    ck_assert_int_eq((int)json_integer_value(json_object_get(root, "batch")), 4);
    ck_assert(json_number_value(json_object_get(root, "flops_per_step")) > 2.0 * 4 * 3 * 32 - 1);
    ck_assert(json_is_null(json_object_get(root, "predicted_us")));
    ck_assert(json_integer_value(json_object_get(json_object_get(root, "memory"), "parameters")) >=
              8 * (2 * 8 + 8 + 8 * 2 + 2));
    json_decref(root);
}
END_TEST

START_TEST(a_model_file_is_estimated)
{
    run_clgrad(&run, "", "train --train xor --layers 5 --epochs 1 --device ref --out one -q");
    ck_assert_int_eq(run.code, 0);
    run_clgrad(&run, "", "inspect --estimate one/last.safetensors --batch 32 --device ref");
    ck_assert_int_eq(run.code, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "2,5:relu,2:softmax"));
    ck_assert_ptr_nonnull(strstr(run.out, "plain plan, batch 32"));
    ck_assert_ptr_nonnull(strstr(run.out, "optimiser"));
    ck_assert_ptr_null(strstr(run.out, "training data"));
}
END_TEST

START_TEST(a_trace_needs_a_device)
{
    fails("", "train --train xor --layers 5 --epochs 1 --device ref --out two --trace t.json", 2,
          "the reference has no launches");
    ck_assert_int_eq(run_exists("t.json"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("profile in the program");
    TCase *all = tcase_create("program");
    tcase_set_timeout(all, 0);
    tcase_add_unchecked_fixture(all, run_folder_enter, NULL);
    tcase_add_test(all, wrong_calls_say_what_to_do);
    tcase_add_test(all, an_estimate_needs_no_run);
    tcase_add_test(all, a_model_file_is_estimated);
    tcase_add_test(all, a_trace_needs_a_device);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
