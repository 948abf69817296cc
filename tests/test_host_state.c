/* The state of a run as text: what is written is what is read; text whose checksum is right and
 * whose values no run has is refused all the same, and so is every change that the checksum sees.
 */
#define _GNU_SOURCE
#include "harness.h"
#include "train/state.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* In the middle of an epoch, with all there is. */
static struct clg_run_state under_way(void)
{
    struct clg_run_state state;
    clg_state_clear(&state);
    snprintf(state.device, sizeof state.device, "a device, driver 1");
    state.rows = 100;
    state.epoch_steps = 10;
    state.epoch_step = 3;
    for (int i = 0; i < CLG_STATS; i++)
        state.stats[i] = 0.1 * (i + 1);
    state.hits = 17;
    state.best = (struct clg_best){2, 20, 0.5, {0.25f, 1e-9f}};
    state.kept_epoch = 2;
    state.kept_step = 20;
    state.plateau_scale = 0.5;
    state.plateau_best = 0.75;
    state.plateau_bad = 1;
    state.last = (struct clg_state_figures){1, 2, 0.5, (double)NAN, (double)NAN};
    return state;
}

/* At an epoch's end whose validation is missing. */
static struct clg_run_state due(void)
{
    struct clg_run_state state = under_way();
    state.due = 1;
    state.epoch_step = state.epoch_steps;
    state.scores = (struct clg_scores){0.1, 0.2, 0.3};
    state.norms = 2;
    state.gradient_norm[0] = 1.0 / 3;
    state.gradient_norm[1] = 1e-300;
    return state;
}

static char *text_of(const struct clg_run_state *state)
{
    char *text = NULL;
    ck_ok(clg_state_text(&text, state));
    return text;
}

START_TEST(what_is_written_is_read)
{
    const struct clg_run_state written[] = {under_way(), due()};
    for (size_t i = 0; i < 2; i++) {
        struct clg_run_state read;
        char *text = text_of(&written[i]), *again;
        ck_ok(clg_state_parse(&read, text, "a"));
        ck_assert_int_eq(read.hits, i ? 0 : 17);
        ck_assert_int_eq(read.due, (int)i);
        ck_assert_int_eq(read.plateau_bad, 1);
        ck_assert(read.best.sum[1] == written[i].best.sum[1]);
        ck_assert(read.gradient_norm[1] == (i ? 1e-300 : 0));
        again = text_of(&read);
        ck_assert_str_eq(text, again);
        free(again);
        free(text);
    }
}
END_TEST

/* text with the member at path ("best.loss") replaced by value, or taken out where that is empty,
 * and the checksum made anew. */
static char *forged(const char *text, const char *path, const char *value)
{
    json_t *root = json_loads(text, 0, NULL), *at = root;
    char first[32];
    const char *dot = strchr(path, '.');
    snprintf(first, sizeof first, "%.*s", dot ? (int)(dot - path) : (int)strlen(path), path);
    if (dot)
        at = json_object_get(root, first);
    ck_assert_ptr_nonnull(at);
    const char *last = dot ? dot + 1 : first;
    if (*value)
        ck_assert_int_eq(json_object_set_new(at, last, json_loads(value, JSON_DECODE_ANY, NULL)),
                         0);
    else
        ck_assert_int_eq(json_object_del(at, last), 0);
    json_object_del(root, "crc");
    char *body = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    const uLong sum = crc32(0, (const Bytef *)body, (uInt)strlen(body));
    ck_assert_int_eq(json_object_set_new(root, "crc", json_integer((json_int_t)sum)), 0);
    char *out = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
    free(body);
    json_decref(root);
    return out;
}

static void expect_refused(const char *text, const char *path, const char *value)
{
    struct clg_run_state state;
    char *hostile = forged(text, path, value);
    clg_status status = clg_state_parse(&state, hostile, "run/last.safetensors");
    ck_assert_msg(status == CLG_EDATA, "%s = %s was taken: %d", path, value, (int)status);
    ck_assert_ptr_nonnull(strstr(clg_last_error(), "run/last.safetensors"));
    ck_assert_uint_eq(state.rows, 0);
    free(hostile);
}

START_TEST(values_that_no_run_has)
{
    static const char *const common[][2] = {{"device", "7"},        {"device", ""},
                                            {"rows", "0"},          {"rows", "-1"},
                                            {"rows", "1.5"},        {"epoch_steps", "0"},
                                            {"epoch_step", "-1"},   {"epoch_step", "\"3\""},
                                            {"epoch_step", "11"},   {"best.epoch", "0"},
                                            {"best.step", "0"},     {"best.loss", "\"low\""},
                                            {"best.loss", ""},      {"kept", ""},
                                            {"kept.epoch", "0"},    {"kept.step", "-5"},
                                            {"plateau.bad", "-1"},  {"plateau.bad", "2147483648"},
                                            {"plateau.scale", "0"}, {"plateau.scale", "2"},
                                            {"plateau.best", ""}};
    static const char *const in_epoch[][2] = {{"epoch_step", "10"},     {"hits", "-1"},
                                              {"hits", "2147483648"},   {"sums", ""},
                                              {"sums", "[1,2,3]"},      {"sums", "[1,2,3,4,5]"},
                                              {"sums", "[1,2,3,null]"}, {"sums", "[1,\"2\",3,4]"}};
    static const char *const at_end[][2] = {{"epoch_step", "9"}, {"norms", "[1,\"x\"]"}};
    const struct clg_run_state states[] = {under_way(), due()};
    char *text[] = {text_of(&states[0]), text_of(&states[1])};
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        for (size_t k = 0; k < 2; k++)
            expect_refused(text[k], common[i][0], common[i][1]);
    for (size_t i = 0; i < sizeof in_epoch / sizeof *in_epoch; i++)
        expect_refused(text[0], in_epoch[i][0], in_epoch[i][1]);
    for (size_t i = 0; i < sizeof at_end / sizeof *at_end; i++)
        expect_refused(text[1], at_end[i][0], at_end[i][1]);
    free(text[0]);
    free(text[1]);
}
END_TEST

START_TEST(what_the_checksum_sees)
{
    const struct clg_run_state state = under_way();
    struct clg_run_state read;
    char *text = text_of(&state);
    size_t at = 0;
    while (text[at] && strncmp(text + at, "\"hits\":17", 9) != 0)
        at++;
    ck_assert_int_eq(text[at], '"');
    text[at + 8] = '8';
    ck_fails(clg_state_parse(&read, text, "a"), CLG_EDATA, "is damaged");
    ck_fails(clg_state_parse(&read, "[]", "a"), CLG_EDATA, "is damaged");
    ck_fails(clg_state_parse(&read, "{", "a"), CLG_EDATA, "is damaged");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state");
    TCase *tests = tcase_create("text");
    tcase_add_test(tests, what_is_written_is_read);
    tcase_add_test(tests, values_that_no_run_has);
    tcase_add_test(tests, what_the_checksum_sees);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
