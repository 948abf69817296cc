/* What a training run asks of OpenCL, counted by count_calls: inside an epoch the host only
 * enqueues, waits seldom, and --device ref does not call OpenCL at all. */
#define _GNU_SOURCE
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 10000, FEATURES = 20, CLASSES = 4 }; /* 625 batches of 16 */

struct counts {
    double reads, writes, maps, waits, polls, launches, buffers, total, seconds;
};

static const char *required(const char *name)
{
    const char *value = getenv(name);
    ck_assert_msg(value && *value, "%s is not set", name);
    return value;
}

/* A .npy file, format 1.0. */
static void write_npy(const char *path, const char *descr, const char *shape, const void *data,
                      size_t bytes)
{
    char header[129];
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    int length = snprintf(header, sizeof header,
                          "%cNUMPY%c%c%c%c{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                          0x93, 1, 0, 118, 0, descr, shape);
    memset(header + length, ' ', sizeof header - (size_t)length);
    header[127] = '\n';
    ck_assert_uint_eq(fwrite(header, 1, 128, file), 128);
    ck_assert_uint_eq(fwrite(data, 1, bytes, file), bytes);
    ck_assert_int_eq(fclose(file), 0);
}

static void write_data(void)
{
    static float x[ROWS][FEATURES];
    static int label[ROWS];
    char path[4200], shape[64];
    unsigned state = 1;
    for (int i = 0; i < ROWS; i++) {
        label[i] = i % CLASSES;
        for (int j = 0; j < FEATURES; j++) {
            state = state * 1664525u + 1013904223u;
            x[i][j] = (float)(state >> 8) / 16777216.0f + (j % CLASSES == label[i] ? 0.5f : 0);
        }
    }
    snprintf(path, sizeof path, "%s/x.npy", harness_folder());
    snprintf(shape, sizeof shape, "(%d, %d)", ROWS, FEATURES);
    write_npy(path, "<f4", shape, x, sizeof x);
    snprintf(path, sizeof path, "%s/y.npy", harness_folder());
    snprintf(shape, sizeof shape, "(%d,)", ROWS);
    write_npy(path, "<i4", shape, label, sizeof label);
}

static double value_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    ck_assert_msg(at, "the counts lack %s", name);
    return strtod(at + strlen(name), NULL);
}

static struct counts read_counts(const char *path)
{
    char text[1024];
    FILE *file = fopen(path, "r");
    ck_assert_msg(file, "count_calls wrote nothing: was it loaded?");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    ck_assert_int_eq(unlink(path), 0);
    return (struct counts){
        value_of(text, "reads "),   value_of(text, "writes "), value_of(text, "maps "),
        value_of(text, "waits "),   value_of(text, "polls "),  value_of(text, "launches "),
        value_of(text, "buffers "), value_of(text, "total "),  value_of(text, "seconds ")};
}

/* Trains for so many steps on device by plan, counted. */
static struct counts train(const char *device, const char *plan, int steps)
{
    char command[16384], calls[4200];
    const char *folder = harness_folder();
    snprintf(calls, sizeof calls, "%s/calls", folder);
    snprintf(command, sizeof command,
             "cd '%s' && CLGRAD_CALLS='%s' LD_PRELOAD='%s' '%s/clgrad' train --train x.npy,y.npy "
             "--layers 16 --batch 16 --steps %d --save-every 1000s --progress none --device '%s' "
             "--plan %s --out run%d 2>train.err >train.out || { cat train.err >&2; exit 1; }",
             folder, calls, required("CLGRAD_COUNT_CALLS"), required("CLGRAD_TEST_BINARY"), steps,
             device, plan, steps);
    ck_assert_int_eq(system(command), 0);
    snprintf(command, sizeof command, "rm -r '%s/run%d'", folder, steps);
    ck_assert_int_eq(system(command), 0);
    return read_counts(calls);
}

static const char *device_name(void)
{
    const char *name = getenv("CLGRAD_TEST_DEVICE");
    return name ? name : "auto";
}

START_TEST(the_loop_only_enqueues)
{
    static const char *const plans[] = {"plain", "fused", "auto"};
    const char *plan = plans[_i];
    /* programs are built and stored here, so that both runs find them */
    train(device_name(), plan, 2);
    struct counts few = train(device_name(), plan, 100), many = train(device_name(), plan, 500);
    /* auto takes the resident plan here, which needs no launch a step */
    ck_assert_msg(many.launches - few.launches >= (strcmp(plan, "auto") ? 400 : 0),
                  "%g and %g launches", few.launches, many.launches);
    ck_assert_msg(few.writes > 0 && few.reads > 0, "%g writes, %g reads", few.writes, few.reads);
    ck_assert_msg(few.reads == many.reads, "%g and %g reads", few.reads, many.reads);
    ck_assert_msg(few.writes == many.writes, "%g and %g writes", few.writes, many.writes);
    ck_assert_msg(few.maps == many.maps, "%g and %g maps", few.maps, many.maps);
    ck_assert_msg(few.buffers == many.buffers, "%g and %g buffers", few.buffers, many.buffers);
    ck_assert_msg(few.polls == 0 && many.polls == 0, "%g polls", many.polls);
    double allowed = 20 * many.seconds + 2;
    ck_assert_msg(many.waits - few.waits <= allowed, "%g and %g waits in %g s", few.waits,
                  many.waits, many.seconds);
}
END_TEST

START_TEST(the_reference_makes_no_call)
{
    struct counts none = train("ref", "auto", 10);
    ck_assert_msg(none.total == 0, "%g calls", none.total);
}
END_TEST

/* Whether count_calls defines symbol. */
static int is_counted(const char *defined, const char *symbol)
{
    char line[256];
    snprintf(line, sizeof line, " T %s\n", symbol);
    return strstr(defined, line) != NULL;
}

START_TEST(no_call_escapes)
{
    static char defined[65536];
    char command[8300], symbol[128];
    int symbols = 0;
    snprintf(command, sizeof command, "nm -D --defined-only '%s'", required("CLGRAD_COUNT_CALLS"));
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    defined[fread(defined, 1, sizeof defined - 1, pipe)] = '\0';
    ck_assert_int_eq(pclose(pipe), 0);
    snprintf(command, sizeof command, "nm -D --undefined-only '%s/clgrad'",
             required("CLGRAD_TEST_BINARY"));
    pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    while (fscanf(pipe, " U %127s", symbol) == 1 || fscanf(pipe, "%127s", symbol) == 1) {
        symbol[strcspn(symbol, "@")] = '\0';
        if (strncmp(symbol, "cl", 2) != 0 || symbol[2] < 'A' || symbol[2] > 'Z')
            continue;
        symbols++;
        ck_assert_msg(is_counted(defined, symbol), "%s is not counted", symbol);
    }
    ck_assert_int_eq(pclose(pipe), 0);
    ck_assert_int_ge(symbols, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calls");
    TCase *tests = tcase_create("calls");
    clg_device_close(harness_device()); /* skips where there is none */
    tcase_add_unchecked_fixture(tests, write_data, NULL);
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, no_call_escapes);
    tcase_add_test(tests, the_reference_makes_no_call);
    tcase_add_loop_test(tests, the_loop_only_enqueues, 0, 3);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
