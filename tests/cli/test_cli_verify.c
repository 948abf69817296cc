/* clgrad verify as its users run it: tables, JSON after docs/verify-schema.json, exit codes, files.
 * On the reference, where nothing is wrong; what is wrong is the lockstep tests' affair. */
#define _GNU_SOURCE
#include "harness.h"
#include "run.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XOR "--device ref --train xor --layers 4 "

static struct run run;
static json_t *schema;

static void expect(int code, const char *words)
{
    ck_assert_msg(run.code == code, "exit %d, wanted %d: %s", run.code, code, run.err);
    const char *text = code == 0 ? run.out : run.err;
    ck_assert_msg(strstr(text, words), "\"%s\" lacks \"%s\"", text, words);
}

/* ------------------------------------------------------------------- schema */

static const char *name_of(const json_t *value)
{
    static const char *const names[] = {"object", "array",   "string",  "integer",
                                        "number", "boolean", "boolean", "null"};
    return names[json_typeof(value)];
}

static int is_of(const json_t *value, const char *type)
{
    const char *is = name_of(value);
    return strcmp(is, type) == 0 || (strcmp(type, "number") == 0 && strcmp(is, "integer") == 0);
}

/* Whether value keeps to rule, as far as docs/verify-schema.json goes; what not is said in why. */
static int keeps(const json_t *value, const json_t *rule, char *why, size_t size);

static int keeps_object(const json_t *value, const json_t *rule, char *why, size_t size)
{
    const json_t *properties = json_object_get(rule, "properties");
    const char *key;
    json_t *member;
    size_t i;
    json_array_foreach(json_object_get(rule, "required"), i, member)
    {
        if (json_object_get(value, json_string_value(member)))
            continue;
        snprintf(why, size, "%s is missing", json_string_value(member));
        return 0;
    }
    json_object_foreach((json_t *)value, key, member)
    {
        const json_t *its = json_object_get(properties, key);
        char inner[256] = "is not in the schema";
        if (its && keeps(member, its, inner, sizeof inner))
            continue;
        snprintf(why, size, "%s: %s", key, inner);
        return 0;
    }
    return 1;
}

static int keeps_type(const json_t *value, const json_t *type)
{
    json_t *one;
    size_t i;
    if (json_is_string(type))
        return is_of(value, json_string_value(type));
    json_array_foreach((json_t *)type, i, one) if (is_of(value, json_string_value(one))) return 1;
    return !type;
}

static int keeps(const json_t *value, const json_t *rule, char *why, size_t size)
{
    const json_t *list;
    json_t *one;
    size_t i;
    const char *ref = json_string_value(json_object_get(rule, "$ref"));
    if (ref) {
        ck_assert_int_eq(strncmp(ref, "#/$defs/", 8), 0);
        rule = json_object_get(json_object_get(schema, "$defs"), ref + 8);
        ck_assert_msg(rule, "%s is not there", ref);
        return keeps(value, rule, why, size);
    }
    if ((list = json_object_get(rule, "anyOf"))) {
        json_array_foreach((json_t *)list, i, one) if (keeps(value, one, why, size)) return 1;
        return 0;
    }
    if ((list = json_object_get(rule, "enum"))) {
        json_array_foreach((json_t *)list, i, one) if (json_equal(one, value)) return 1;
        snprintf(why, size, "is none of the values");
        return 0;
    }
    if (!keeps_type(value, json_object_get(rule, "type"))) {
        snprintf(why, size, "is of type %s", name_of(value));
        return 0;
    }
    if (json_is_array(value))
        json_array_foreach((json_t *)value, i, one) if (!keeps(one, json_object_get(rule, "items"),
                                                               why, size)) return 0;
    return json_is_object(value) ? keeps_object(value, rule, why, size) : 1;
}

static json_t *document(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);
    ck_assert_msg(root, "line %d: %s", error.line, error.text);
    return root;
}

static json_t *file_of_docs(const char *name)
{
    char path[64];
    json_error_t error;
    snprintf(path, sizeof path, "docs/%s", name);
    json_t *root = json_load_file(harness_source(path), 0, &error);
    ck_assert_msg(root, "%s: line %d: %s", path, error.line, error.text);
    return root;
}

static json_t *expect_valid(json_t *root)
{
    char why[512] = "";
    ck_assert_msg(keeps(root, schema, why, sizeof why), "%s", why);
    return root;
}

static double number(const json_t *root, const char *key)
{
    return json_number_value(json_object_get(root, key));
}

/* A program that prints to a file, because results are longer than the streams' buffers. */
static json_t *result_of(const char *arguments)
{
    char command[512];
    snprintf(command, sizeof command, "%s --json >result.json", arguments);
    run_clgrad(&run, "", command);
    char *text = run_read("result.json", NULL);
    json_t *root = document(text);
    free(text);
    return root;
}

START_TEST(json_keeps_to_its_schema)
{
    json_t *root = expect_valid(result_of("verify --quick --device ref"));
    ck_assert_int_eq(run.code, 0);
    ck_assert(number(root, "cases") >= 500);
    ck_assert_uint_eq(json_array_size(json_object_get(root, "results")),
                      (size_t)number(root, "cases"));
    json_decref(root);
    root = expect_valid(result_of("verify --steps 3 " XOR));
    const json_t *tensors = json_object_get(root, "tensors");
    ck_assert_uint_gt(json_array_size(tensors), 20);
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(tensors, 0), "steps")), 3);
    ck_assert_str_eq(json_string_value(json_object_get(root, "verdict")), "ok");
    json_decref(root);
}
END_TEST

/* The checker itself: what is missing, too much, or of another type. */
START_TEST(what_breaks_the_schema_is_noticed)
{
    static const struct {
        const char *key, *value;
    } wrong[] = {{"mode", "\"quickly\""}, {"cases", "1.5"},    {"more", "1"},
                 {"device", "{}"},        {"results", "[{}]"}, {"ok", "null"},
                 {"worst", "\"1\""},      {"operations", "{}"}};
    char why[512];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *root = file_of_docs("verify-example.json");
        json_object_set_new(root, wrong[i].key, json_loads(wrong[i].value, JSON_DECODE_ANY, NULL));
        ck_assert_msg(!keeps(root, schema, why, sizeof why), "%s passes", wrong[i].key);
        ck_assert_ptr_nonnull(strstr(why, wrong[i].key));
        json_decref(root);
    }
}
END_TEST

START_TEST(the_example_keeps_to_the_schema)
{
    json_t *root = expect_valid(file_of_docs("verify-example.json"));
    ck_assert(json_is_true(json_object_get(root, "ok")));
    ck_assert(number(root, "cases") >= 500);
    json_decref(root);
}
END_TEST

START_TEST(the_table_names_device_and_tensors)
{
    run_clgrad(&run, "", "verify --steps 3 --dump out " XOR);
    expect(0, "verify: ok, ");
    static const char *const words[] = {
        "clgrad    0.",         "driver    ",          "worst/bound",         "nmse",
        "layers.0.weight.grad", "opt.v.layers.1.bias", "both running free: ", "training"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        expect(0, words[i]);
    ck_assert(run_exists("out/step-0003-layers.0.weight-device.npy"));
    run_clgrad(&run, "", "inspect out/step-0003-layers.0.weight-reference.npy");
    expect(0, "4");
}
END_TEST

START_TEST(repeating_and_gradients)
{
    run_clgrad(&run, "", "verify --repeat 2 --steps 2 --device ref");
    expect(0, "verify: repeat ok, 2 runs of 2 steps");
    expect(0, "not run on one compute unit: ");
    json_t *root = result_of("verify --repeat 3 " XOR);
    ck_assert(json_is_true(json_object_get(root, "ok")) && number(root, "runs") == 3);
    json_decref(root);
    run_clgrad(&run, "", "verify --gradient " XOR);
    expect(0, "|a-n| / max(|a|, |n|, max|g|/1000)");
    root = result_of("verify --gradient " XOR);
    ck_assert_uint_eq(json_array_size(json_object_get(root, "layers")), 2);
    json_decref(root);
}
END_TEST

START_TEST(training_checks_itself)
{
    run_clgrad(&run, "", "train --epochs 6 --check-every 2 --progress plain --out run " XOR);
    expect(0, "training: ");
    ck_assert_ptr_nonnull(strstr(run.err, "3 steps checked against the reference in "));
    json_t *root = result_of("train --epochs 6 --check-every 4 --out run " XOR);
    ck_assert(number(json_object_get(root, "checks"), "steps") == 1);
    json_decref(root);
}
END_TEST

static const struct {
    const char *arguments, *words;
} misused[] = {
    {"verify --repeat 1", "--repeat 1"},
    {"verify --repeat 2 --quick", "--repeat"},
    {"verify --gradient --repeat 2 " XOR, "--repeat"},
    {"verify --dump out", "--dump"},
    {"verify --dump out --repeat 2", "--dump"},
    {"verify --steps 3", "--steps"},
    {"verify --gradient --device ref", "--gradient"},
    {"train --check-every 0 --out run " XOR, "check-every"},
};

START_TEST(wrong_use_is_refused)
{
    run_clgrad(&run, "", misused[_i].arguments);
    expect(2, misused[_i].words);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_an_error)
{
    run_write_text("file", "x");
    run_clgrad(&run, "", "verify --steps 2 --dump file/out " XOR);
    expect(4, "file");
}
END_TEST

static void setup(void)
{
    run_folder_enter();
    schema = file_of_docs("verify-schema.json");
}

static void teardown(void)
{
    json_decref(schema);
}

int main(void)
{
    Suite *suite = suite_create("cli verify");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 200);
    tcase_add_unchecked_fixture(cases, setup, teardown);
    tcase_add_test(cases, json_keeps_to_its_schema);
    tcase_add_test(cases, what_breaks_the_schema_is_noticed);
    tcase_add_test(cases, the_example_keeps_to_the_schema);
    tcase_add_test(cases, the_table_names_device_and_tensors);
    tcase_add_test(cases, repeating_and_gradients);
    tcase_add_test(cases, training_checks_itself);
    tcase_add_loop_test(cases, wrong_use_is_refused, 0, (int)(sizeof misused / sizeof *misused));
    tcase_add_test(cases, a_folder_that_cannot_be_made_is_an_error);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
