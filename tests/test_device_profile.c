/* Profiles on a device: the work that is known on paper is the work that is launched, by every
 * plan; rows add up to the wall time; the trace agrees with the table; profiling changes no bit.
 * Roofs are made up, so that nothing has to be probed. */
#define _GNU_SOURCE
#include "harness_train.h"
#include "ops/matmul.h"
#include "profile/profile.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARMUP = 3, STEPS = 5 };

static clg_device *device;

/* Roofs that no device has. */
static clg_roofs made_up(void)
{
    clg_roofs roofs = {.launch_us = 2, .wait_us = 8, .read_us = 5};
    const clg_roof compute = {"fma float16", 100, 0}, product = {"64 x 128 over 784", 80, 1e7};
    const clg_roof far = {"memory", 10, 64 << 20}, near = {"256 KiB", 100, 256 << 10};
    roofs.compute[roofs.computes++] = compute;
    roofs.product[roofs.products++] = product;
    roofs.read[roofs.reads++] = far;
    roofs.read[roofs.reads++] = near;
    roofs.copy[roofs.copies++] = far;
    return roofs;
}

static void open_device(void)
{
    const clg_roofs roofs = made_up();
    device = harness_device();
    ck_ok(clg_device_roofs_keep(device, &roofs));
}

static void close_device(void)
{
    int buffers = -1;
    clg_device_usage(device, NULL, &buffers);
    ck_assert_int_eq(buffers, 0);
    clg_device_close(device);
}

/* A network of options "key=value key=value" on blobs of 20 features in 3 classes. */
struct subject {
    clg_dataset *data;
    clg_net *net;
};

static struct subject make_subject(const char *options)
{
    char text[256];
    /* more rows than the steps of a window take: no epoch ends in it */
    const size_t rows = strstr(options, "batch=512") ? 512 * (WARMUP + STEPS + 1) : 200;
    struct subject subject = {harness_blobs(rows, 20, 3, 7), NULL};
    clg_config *config = harness_config("batch", "16", "lr", "0.01", NULL);
    ck_assert_uint_lt(strlen(options), sizeof text);
    strcpy(text, options);
    for (char *at = text, *end; *at; at = end) {
        end = at + strcspn(at, " ");
        if (*end)
            *end++ = '\0';
        char *equals = strchr(at, '=');
        ck_assert_ptr_nonnull(equals);
        *equals = '\0';
        ck_ok(clg_config_set(config, at, equals + 1));
    }
    ck_ok(clg_net_create(&subject.net, config, subject.data));
    clg_config_destroy(config);
    return subject;
}

static void drop_subject(struct subject *subject)
{
    clg_net_destroy(subject->net);
    clg_dataset_destroy(subject->data);
}

static clg_profile *profile_of(const struct subject *subject, enum clg_plan_choice plan)
{
    const clg_profile_options options = {.steps = STEPS, .warmup = WARMUP, .rounds = 1};
    clg_profile *profile = NULL;
    device->plan = plan;
    ck_ok(clg_profile_training(&profile, subject->net, device, subject->data, &options));
    return profile;
}

static const char *const samples[] = {
    "layers= opt=sgd",
    "layers=33,24 act=sigmoid opt=momentum l2=0.01",
    "layers=17:gelu,33:tanh opt=adam",
    "layers=24 class-weights=1,2,0.5 opt=nesterov",
    "layers=24:maxout:2,40:silu opt=rmsprop momentum=0.9",
    "layers=40,24 opt=adagrad dropout=0,0.3 dropout-input=0.1",
    "layers=40,24,17 opt=rmsprop momentum=0 freeze=0,2",
    "layers=40:softplus opt=adamw clip-norm=0.05 l2=0.1",
    "layers=40 act=identity target=input loss=mse output-act=identity opt=ema_momentum",
    "layers=24 opt=sgd no-shuffle=true",
    "layers=40,24 opt=sgd batch=512",
};

/* Every launch is one that was expected, and there are as many as on paper. */
static void check_launches(const char *options, enum clg_plan_choice plan)
{
    struct subject subject = make_subject(options);
    clg_profile *profile = profile_of(&subject, plan);
    const clg_profile_summary s = clg_profile_summarise(profile);
    const char *name = plan == CLG_CHOOSE_PLAIN ? "plain" : "fused";
    clg_estimate estimate;
    uint64_t launches = 0;
    size_t count;
    const clg_profile_row *row = clg_profile_rows(profile, &count);
    for (size_t i = 0; i < count; i++) {
        if (!row[i].kernel)
            continue;
        ck_assert_msg(isfinite(row[i].gbps), "%s, %s: %s was not expected", name, options,
                      row[i].name);
        launches += row[i].calls;
    }
    ck_ok(clg_training_estimate(&estimate, subject.net, device, subject.data, 0));
    ck_assert_str_eq(estimate.plan, name);
    ck_assert_str_eq(s.plan, name);
    /* at the end of a training the loop may look at each layer's weights and gradients */
    const double look = 4.0 * s.layers, expected = STEPS * estimate.launches;
    ck_assert_msg(harness_close((double)launches, expected, 0.5) ||
                      harness_close((double)launches, expected + look, 0.5),
                  "%s, %s: %llu launches in %d steps, on paper %g", name, options,
                  (unsigned long long)launches, STEPS, expected);
    ck_assert(harness_close(estimate.flops, s.flops, 0));
    clg_profile_destroy(profile);
    drop_subject(&subject);
}

START_TEST(launches_are_those_on_paper)
{
    check_launches(samples[_i], CLG_CHOOSE_PLAIN);
    check_launches(samples[_i], CLG_CHOOSE_FUSED);
}
END_TEST

START_TEST(rows_add_up)
{
    struct subject subject = make_subject("layers=300,200 batch=100");
    clg_profile *profile = profile_of(&subject, CLG_CHOOSE_AUTO);
    const clg_profile_summary s = clg_profile_summarise(profile);
    size_t count;
    double all = 0, kernels = 0, parts = 0, shares = 0, last = INFINITY;
    const clg_profile_row *row = clg_profile_rows(profile, &count);
    for (size_t i = 0; i < count; i++) {
        ck_assert(row[i].ms >= 0 && row[i].ms <= last);
        last = row[i].ms;
        all += row[i].ms;
        shares += row[i].share;
        kernels += row[i].kernel ? row[i].ms : 0;
    }
    for (int l = -1; l < s.layers; l++)
        for (int phase = 0; phase < CLG_PHASES; phase++)
            parts += clg_profile_ms(profile, l, (clg_phase)phase, NULL);
    ck_assert_uint_eq(s.steps, STEPS);
    ck_assert_int_eq(s.batch, 100);
    ck_assert_int_eq(s.layers, 3);
    ck_assert(harness_close(all, s.wall_ms, 0.05 * s.wall_ms));
    ck_assert(harness_close(all, s.rows_ms, 1e-9 * all));
    ck_assert(harness_close(shares, all / s.wall_ms, 1e-9));
    ck_assert(harness_close(parts, kernels, 1e-9 * kernels));
    ck_assert(kernels > 0 && s.busy > 0 && s.busy <= 1.0001);
    ck_assert(s.plain_ms > 0 && s.predicted_us > 0 && isfinite(s.overhead));
    clg_profile_destroy(profile);
    drop_subject(&subject);
}
END_TEST

/* A span is one launch of many steps; its work is that of all of them. */
START_TEST(spans_are_profiled)
{
    struct subject subject = make_subject("layers=8 opt=sgd");
    const clg_profile_options options = {.steps = 400, .warmup = 10, .rounds = 1};
    clg_profile *profile = NULL;
    size_t count;
    device->plan = CLG_CHOOSE_RESIDENT;
    ck_ok(clg_profile_training(&profile, subject.net, device, subject.data, &options));
    const clg_profile_summary s = clg_profile_summarise(profile);
    const clg_profile_row *row = clg_profile_rows(profile, &count);
    ck_assert_str_eq(s.plan, "resident");
    ck_assert(s.launches > 0 && s.launches < 0.5);
    for (size_t i = 0; i < count; i++)
        if (strncmp(row[i].name, "resident", 8) == 0)
            ck_assert_msg(
                harness_close(row[i].gflops * 1e6 * row[i].ms, 400 * s.flops, 0.001 * s.flops),
                "%s: %g flops, wanted %g", row[i].name, row[i].gflops * 1e6 * row[i].ms,
                400 * s.flops);
    clg_profile_destroy(profile);
    drop_subject(&subject);
}
END_TEST

/* ------------------------------------------------------------------- trace */

/* One slice of a track. */
struct slice {
    double begin, end;
};

static double number_of(const json_t *event, const char *key)
{
    const json_t *value = json_object_get(event, key);
    ck_assert_msg(json_is_number(value), "an event without %s", key);
    return json_number_value(value);
}

static double named_total(const json_t *events, const char *name, const char *kind)
{
    double total = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *its = json_string_value(json_object_get(event, "name"));
        const char *cat = json_string_value(json_object_get(event, "cat"));
        if (cat && strcmp(cat, kind) == 0 && strcmp(its, name) == 0)
            total += number_of(event, "dur");
    }
    return total;
}

/* On each of the three tracks slices follow one another; an arrow goes from a call to the start of
 * what it called for. */
static void check_events(const json_t *events, size_t commands)
{
    struct slice last[4] = {{0, 0}};
    size_t arrows = 0, slices = 0;
    double from = -1;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *ph = json_string_value(json_object_get(event, "ph"));
        ck_assert_ptr_nonnull(ph);
        ck_assert(json_is_string(json_object_get(event, "name")));
        const int track = (int)number_of(event, "tid");
        if (*ph == 'M')
            continue;
        ck_assert(track >= 1 && track <= 3);
        const double ts = number_of(event, "ts");
        ck_assert(ts >= 0);
        if (*ph == 'X') {
            const double length = number_of(event, "dur");
            ck_assert_msg(length >= 0 && ts + 0.002 >= last[track].end,
                          "track %d: %g begins before %g", track, ts, last[track].end);
            last[track] = (struct slice){ts, ts + length};
            slices++;
        } else if (*ph == 's') {
            ck_assert_int_eq(track, 1);
            ck_assert(ts >= last[1].begin && ts <= last[1].end);
            from = ts;
        } else {
            ck_assert_str_eq(ph, "f");
            ck_assert(ts >= from && ts <= last[track].end + 0.002);
            arrows++;
        }
    }
    ck_assert_uint_eq(arrows, commands);
    ck_assert_uint_eq(slices, 2 * commands);
}

START_TEST(the_trace_agrees_with_the_table)
{
    struct subject subject = make_subject("layers=33,24 opt=momentum");
    clg_profile *profile = profile_of(&subject, CLG_CHOOSE_PLAIN);
    char path[512];
    json_error_t error;
    size_t count;
    snprintf(path, sizeof path, "%s/trace.json", harness_folder());
    ck_ok(clg_profile_trace(profile, path));
    json_t *root = json_load_file(path, 0, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    const json_t *events = json_object_get(root, "traceEvents");
    ck_assert(json_array_size(events) > 100);
    check_events(events, profile->recording.commands);
    const clg_profile_row *row = clg_profile_rows(profile, &count);
    double kernels = 0, in_trace = 0;
    for (size_t i = 0; i < count; i++) {
        char name[48];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(row[i].name, " "), row[i].name);
        if (!row[i].kernel && strcmp(row[i].name, "host gaps") != 0) {
            const double total = 1e-3 * named_total(events, name, "copy");
            ck_assert(harness_close(total, row[i].ms, 1e-6));
        }
        kernels += row[i].kernel ? row[i].ms : 0;
    }
    for (size_t i = 0; i < json_array_size(events); i++) {
        const char *cat = json_string_value(json_object_get(json_array_get(events, i), "cat"));
        if (cat && strcmp(cat, "kernel") == 0)
            in_trace += 1e-3 * number_of(json_array_get(events, i), "dur");
    }
    ck_assert(harness_close(in_trace, kernels, 1e-6 * (double)profile->recording.commands));
    json_decref(root);
    clg_profile_destroy(profile);
    drop_subject(&subject);
}
END_TEST

/* Writes profile's trace and looks at its events. */
static void check_trace(const clg_profile *profile)
{
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, "%s/trace.json", harness_folder());
    ck_ok(clg_profile_trace(profile, path));
    json_t *root = json_load_file(path, 0, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    check_events(json_object_get(root, "traceEvents"), profile->recording.commands);
    json_decref(root);
}

/* 3 layers make 3 products forward, 3 for their weights and 2 between them.  With our layer each is
 * the kernels it consists of, one of which has the work; without, one row. */
START_TEST(products_of_clblast_show_their_kernels)
{
    struct subject subject = make_subject("layers=40,24 opt=sgd");
    uint64_t products = 0;
    double flops = 0;
    size_t count;
    if (!clg_matmul_has_clblast())
        return;
    device->route = CLG_ROUTE_CLBLAST;
    clg_profile *profile = profile_of(&subject, CLG_CHOOSE_PLAIN);
    device->route = CLG_ROUTE_AUTO;
    const clg_profile_summary s = clg_profile_summarise(profile);
    const clg_profile_row *row = clg_profile_rows(profile, &count);
    const char *name = profile->recording.inners ? "sgemm/Xgemm" : "sgemm ";
    for (size_t i = 0; i < count; i++) {
        if (strncmp(row[i].name, "sgemm", 5) == 0)
            ck_assert_int_ge(row[i].layer, 0);
        products += strncmp(row[i].name, name, strlen(name)) == 0 ? row[i].calls : 0;
        if (row[i].kernel && isfinite(row[i].gflops) && strncmp(row[i].name, "square", 6) != 0)
            flops += 1e6 * row[i].gflops * row[i].ms;
    }
    ck_assert_uint_eq(products, STEPS * 8);
    ck_assert(harness_close(flops, STEPS * s.flops, 1e-6 * flops));
    ck_assert(harness_close(s.rows_ms, s.wall_ms, 0.05 * s.wall_ms));
    check_trace(profile);
    clg_profile_destroy(profile);
    drop_subject(&subject);
}
END_TEST

/* --------------------------------------------------------------- recording */

START_TEST(recording_changes_no_bit)
{
    struct subject one = make_subject("layers=33 opt=adam epochs=2"),
                   two = make_subject("layers=33 opt=adam epochs=2");
    clg_profile *profile = NULL, *second = NULL;
    size_t n, m, rows;
    device->plan = CLG_CHOOSE_AUTO;
    const cl_command_queue queue = device->queue;
    ck_ok(clg_train(NULL, one.net, device, one.data, NULL, NULL, NULL));
    ck_ok(clg_profile_start(&profile, device));
    ck_assert_ptr_ne(device->queue, queue);
    ck_fails(clg_profile_start(&second, device), CLG_EUSAGE, "recorded already");
    ck_assert_ptr_null(second);
    ck_fails(clg_profile_trace(profile, "x.json"), CLG_EUSAGE, "stop the profile first");
    ck_ok(clg_train(NULL, two.net, device, two.data, NULL, NULL, NULL));
    ck_ok(clg_profile_stop(profile));
    ck_assert_ptr_eq(device->queue, queue);
    ck_fails(clg_profile_stop(profile), CLG_EUSAGE, "stopped before");
    ck_assert_ptr_nonnull(clg_profile_rows(profile, &rows));
    ck_assert_uint_gt(rows, 3);
    clg_profile_destroy(profile);
    double *a = harness_parameters(one.net, &n), *b = harness_parameters(two.net, &m);
    ck_assert_uint_eq(n, m);
    ck_assert_mem_eq(a, b, n * sizeof *a);
    free(a);
    free(b);
    drop_subject(&one);
    drop_subject(&two);
}
END_TEST

/* What the progress hook is told. */
struct told {
    uint64_t step[64];
    int count, ends;
};

static void on_progress(void *user, const clg_progress *progress)
{
    struct told *told = user;
    ck_assert_int_lt(told->count, 64);
    ck_assert(isfinite(progress->loss) && progress->lr > 0);
    told->step[told->count++] = progress->step;
    told->ends += progress->epoch_end;
}

static const enum clg_plan_choice plans[] = {CLG_CHOOSE_PLAIN, CLG_CHOOSE_FUSED,
                                             CLG_CHOOSE_RESIDENT};

/* Two epochs of 13 steps: after each step once, or after every fifth and at the ends of epochs; the
 * bits are those of a training that nobody looks at. */
START_TEST(steps_are_told_of)
{
    static const char options[] = "layers=16 opt=momentum epochs=2";
    struct subject quiet = make_subject(options);
    size_t n, m;
    device->plan = plans[_i];
    ck_ok(clg_train(NULL, quiet.net, device, quiet.data, NULL, NULL, NULL));
    double *want = harness_parameters(quiet.net, &n);
    for (uint64_t every = 1; every <= 5; every += 4) {
        struct subject subject = make_subject(options);
        struct told told = {.count = 0};
        const clg_train_hooks hooks = {
            .user = &told, .progress = on_progress, .progress_every = every};
        uint64_t next = 0;
        ck_ok(clg_train(NULL, subject.net, device, subject.data, NULL, NULL, &hooks));
        for (int i = 0; i < told.count; i++) {
            do
                next++;
            while (next % every && next % 13);
            ck_assert_uint_eq(told.step[i], next);
        }
        ck_assert_uint_eq(next, 26);
        ck_assert_int_eq(told.ends, 2);
        double *got = harness_parameters(subject.net, &m);
        ck_assert_uint_eq(n, m);
        ck_assert_mem_eq(got, want, n * sizeof *got);
        free(got);
        drop_subject(&subject);
    }
    free(want);
    drop_subject(&quiet);
}
END_TEST

static int stop_at_once(void *user)
{
    (void)user;
    return 1;
}

START_TEST(a_profile_that_cannot_end_says_so)
{
    struct subject subject = make_subject("layers=8");
    const cl_command_queue queue = device->queue;
    const clg_profile_options options = {.should_stop = stop_at_once};
    clg_profile *profile = NULL;
    device->plan = CLG_CHOOSE_AUTO;
    ck_fails(clg_profile_training(&profile, subject.net, device, subject.data, &options),
             CLG_ECANCELLED, "interrupted");
    ck_assert_ptr_null(profile);
    ck_assert_ptr_eq(device->queue, queue);
    ck_assert(device->on_launch == NULL && device->on_copy == NULL);
    drop_subject(&subject);
}
END_TEST

/* Loaders look for layers at the first OpenCL call. */
static void use_layer(void)
{
    const char *binary = getenv("CLGRAD_TEST_BINARY");
    char path[512];
    snprintf(path, sizeof path, "%s/libclgrad_layer.so", binary ? binary : ".");
    setenv("OPENCL_LAYERS", path, 1);
}

int main(void)
{
    use_layer();
    Suite *suite = suite_create("profile");
    TCase *all = tcase_create("device");
    tcase_set_timeout(all, 0);
    tcase_add_checked_fixture(all, open_device, close_device);
    tcase_add_loop_test(all, launches_are_those_on_paper, 0,
                        (int)(sizeof samples / sizeof *samples));
    tcase_add_test(all, rows_add_up);
    tcase_add_test(all, spans_are_profiled);
    tcase_add_test(all, the_trace_agrees_with_the_table);
    tcase_add_test(all, products_of_clblast_show_their_kernels);
    tcase_add_test(all, recording_changes_no_bit);
    tcase_add_loop_test(all, steps_are_told_of, 0, (int)(sizeof plans / sizeof *plans));
    tcase_add_test(all, a_profile_that_cannot_end_says_so);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
