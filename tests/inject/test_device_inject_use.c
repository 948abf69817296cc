/* A network is evaluated, verified, repeated, profiled and trained on a device while one OpenCL
 * call fails or one allocation is refused: each ends with the status of that failure and one line,
 * or with the same results; nothing stays held.  One call of each place is failed, in the suite a
 * sample of them; CLGRAD_INJECT=all: every place. */
#define _GNU_SOURCE
#include "allocation.h"
#include "folder.h"
#include "harness_train.h"
#include "opencl.h"
#include "places.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 24, FEATURES = 4, CLASSES = 3, SAMPLE = 6, MOST_PLACES = 1 << 14 };

static clg_dataset *data;
static clg_config *config; /* of the subject that is looked at now */
static clg_net *net;

static uint64_t hash_of(const void *bytes, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* ------------------------------------------------------------------- works */

/* Each does one thing on a device of its own and says in *digest what came out. */
typedef clg_status work_on(uint64_t *digest, clg_device *device);

static clg_status evaluate(uint64_t *digest, clg_device *device)
{
    clg_evaluation evaluation;
    float y[ROWS * CLASSES];
    memset(&evaluation, 0, sizeof evaluation);
    clg_status status = clg_evaluate(&evaluation, net, device, data);
    if (status == CLG_OK)
        *digest = hash_of(&evaluation.loss, sizeof evaluation.loss);
    clg_evaluation_clear(&evaluation);
    if (status == CLG_OK)
        status = clg_predict(y, net, device, data);
    if (status == CLG_OK)
        *digest ^= hash_of(y, sizeof y);
    return status;
}

static clg_status lockstep(uint64_t *digest, clg_device *device)
{
    const clg_verify_options options = {.steps = 2};
    clg_verify_result result;
    clg_status status = clg_verify_training(&result, net, device, data, &options);
    *digest = (uint64_t)result.cases << 32 ^ result.elements ^ (uint64_t)result.failed << 60;
    return status;
}

static clg_status repeat(uint64_t *digest, clg_device *device)
{
    const clg_repeat_options options = {.runs = 2, .steps = 2};
    clg_repeat_result result;
    clg_status status = clg_verify_repeat(&result, net, device, data, &options);
    *digest = (uint64_t)result.differing;
    return status;
}

static clg_status profile(uint64_t *digest, clg_device *device)
{
    const clg_profile_options options = {.steps = 2, .warmup = 1, .rounds = 1};
    clg_profile *made = NULL;
    char path[192];
    size_t rows;
    snprintf(path, sizeof path, "%s/trace.json", inject_folder());
    clg_status status = clg_profile_training(&made, net, device, data, &options);
    if (status == CLG_OK)
        status = clg_profile_trace(made, path);
    if (status == CLG_OK) {
        (void)clg_profile_rows(made, &rows);
        *digest = (uint64_t)clg_profile_summarise(made).launches << 16 ^ rows;
    }
    clg_profile_destroy(made);
    return status;
}

/* Trains a copy with a validation set and saves in a run's folder. */
static clg_status train(uint64_t *digest, clg_device *device)
{
    clg_net *copy = NULL;
    clg_run *run = NULL;
    char folder[160];
    size_t count;
    snprintf(folder, sizeof folder, "%s/run", inject_folder());
    clg_status status = clg_net_create(&copy, config, data);
    if (status == CLG_OK)
        status = clg_run_open(&run, folder, config);
    if (status == CLG_OK)
        status = clg_train(NULL, copy, device, data, data, run, NULL);
    if (status == CLG_OK) {
        double *parameters = harness_parameters(copy, &count);
        *digest = hash_of(parameters, count * sizeof *parameters);
        free(parameters);
    }
    clg_run_close(run);
    clg_net_destroy(copy);
    return status;
}

/* ---------------------------------------------------------------- failures */

static work_on *now;
static const char *now_name;

static clg_status once(uint64_t *digest)
{
    clg_device *device = NULL;
    *digest = 0;
    clg_status status = clg_device_open(&device, getenv("CLGRAD_TEST_DEVICE"), config);
    if (status == CLG_OK)
        status = now(digest, device);
    clg_device_close(device);
    return status;
}

static unsigned most(void)
{
    const char *wanted = getenv("CLGRAD_INJECT");
    return wanted && strcmp(wanted, "all") == 0 ? MOST_PLACES : SAMPLE;
}

/* The first calls of all places, or a sample of them; returns how many. */
static unsigned choose(uint64_t *index)
{
    const unsigned all = inject_places(), wanted = all < most() ? all : most();
    for (unsigned i = 0; i < wanted; i++)
        index[i] = inject_places_first((unsigned)((uint64_t)i * all / wanted));
    return wanted;
}

/* What a failed run must have said. */
static void check_line(clg_status status, const char *line, const char *where, uint64_t index)
{
    int told = status == CLG_ENOMEM || status == CLG_EDEVICE;
    ck_assert_msg(told && *line && !strchr(line, '\n'), "%s, %s %llu: status %d: %s", now_name,
                  where, (unsigned long long)index, (int)status, line);
}

static void fail_calls(uint64_t wanted)
{
    static uint64_t index[MOST_PLACES];
    static const cl_int codes[] = {CL_OUT_OF_RESOURCES, CL_MEM_OBJECT_ALLOCATION_FAILURE};
    uint64_t digest;
    unsigned went_on = 0;
    inject_places_begin();
    inject_opencl_seen = inject_places_see;
    inject_opencl(0, 0);
    ck_ok(once(&digest));
    inject_opencl_seen = NULL;
    const unsigned count = choose(index);
    for (unsigned i = 0; i < count; i++) {
        const int before = inject_objects();
        inject_opencl((unsigned)index[i], codes[i % 2]);
        const clg_status status = once(&digest);
        const char *name = inject_opencl_failed();
        inject_opencl(0, 0);
        ck_assert_msg(inject_objects() == before, "%s, %s %llu: %d objects held", now_name, name,
                      (unsigned long long)index[i], inject_objects() - before);
        if (status != CLG_OK)
            check_line(status, clg_last_error(), name, index[i]);
        else
            ck_assert_msg(digest == wanted, "%s, %s %llu: other results", now_name, name,
                          (unsigned long long)index[i]);
        went_on += status == CLG_OK;
    }
    printf("%-10s %5u calls of OpenCL fail, %u times it went on", now_name, count, went_on);
    ck_assert_uint_gt(count, 0);
}

static void refuse_allocations(uint64_t wanted)
{
    static uint64_t index[MOST_PLACES];
    uint64_t digest;
    unsigned went_on = 0;
    inject_places_begin();
    inject_allocation_seen = inject_places_see;
    inject_allocation(0);
    ck_ok(once(&digest));
    inject_allocation_seen = NULL;
    const unsigned count = choose(index);
    for (unsigned i = 0; i < count; i++) {
        const long long before = inject_held();
        inject_allocation(index[i]);
        const clg_status status = once(&digest);
        const int refused = inject_refused();
        inject_allocation(0);
        ck_assert_msg(inject_held() <= before, "%s, allocation %llu: %lld bytes leaked", now_name,
                      (unsigned long long)index[i], inject_held() - before);
        if (status != CLG_OK)
            check_line(status, clg_last_error(), "allocation", index[i]);
        else
            ck_assert_msg(digest == wanted, "%s, allocation %llu: other results", now_name,
                          (unsigned long long)index[i]);
        ck_assert(refused || status == CLG_OK);
        went_on += status == CLG_OK;
    }
    printf("; %u allocations, %u\n", count, went_on);
    ck_assert_uint_gt(count, 0);
}

/* --------------------------------------------------------------- subjects */

/* What is done, and to which network. */
static const struct {
    const char *name;
    work_on *work;
    const char *plan, *layers, *opt;
} subjects[] = {
    {"evaluate", evaluate, "auto", "5:tanh", "sgd"},
    {"plain", lockstep, "plain", "5:relu,4:maxout:2", "adam"},
    {"fused", lockstep, "fused", "5:tanh,4:relu", "momentum"},
    {"resident", lockstep, "resident", "5:tanh", "rmsprop"},
    {"repeat", repeat, "fused", "5:tanh", "adam"},
    {"profile", profile, "plain", "5:tanh,4:relu", "adam"},
    {"profile", profile, "fused", "5:tanh", "sgd"},
    {"profile", profile, "resident", "5:tanh", "sgd"},
    {"train", train, "auto", "5:tanh", "nesterov"},
};

START_TEST(goes_wrong_in_one_place)
{
    uint64_t wanted;
    now = subjects[_i].work;
    now_name = subjects[_i].name;
    config = harness_config("layers", subjects[_i].layers, "opt", subjects[_i].opt, "batch", "8",
                            "steps", "3", "plan", subjects[_i].plan, "save-every", "2", NULL);
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(once(&wanted)); /* fills the cache of binaries */
    ck_ok(once(&wanted));
    fail_calls(wanted);
    refuse_allocations(wanted);
    clg_net_destroy(net);
    clg_config_destroy(config);
}
END_TEST

static clg_status probe(uint64_t *digest, clg_device *device)
{
    clg_roofs roofs;
    *digest = 0;
    return clg_device_roofs(&roofs, device, 1);
}

/* The driver never completes anything from the blocking call on that is so many calls behind the
 * first. */
static void hang(unsigned after)
{
    uint64_t digest;
    setenv("CLGRAD_TIMEOUT", "0.3", 1);
    inject_hang(after + 1);
    const clg_status status = once(&digest);
    inject_hang(0);
    unsetenv("CLGRAD_TIMEOUT");
    ck_assert_msg(status == CLG_EDEVICE, "%s, wait %u: %d: %s", now_name, after, (int)status,
                  clg_last_error());
    ck_assert_msg(strstr(clg_last_error(), "CLGRAD_TIMEOUT") != NULL, "%s", clg_last_error());
}

START_TEST(a_hang_is_given_up)
{
    uint64_t digest;
    config = harness_config("layers", "5:tanh", "batch", "8", "plan", "fused", NULL);
    ck_ok(clg_net_create(&net, config, data));
    now = profile;
    now_name = "profile";
    inject_hang(0);
    ck_ok(once(&digest));
    const unsigned waits = inject_blocking_calls();
    for (unsigned i = 0; i < 4; i++)
        hang(i * (waits - 1) / 4);
    now = probe;
    now_name = "probe";
    hang(0); /* its programs are built */
    hang(3);
    clg_net_destroy(net);
    clg_config_destroy(config);
}
END_TEST

/* Data, and roofs that no device has, so that no profile measures them. */
static void set_up(void)
{
    clg_roofs roofs = {.launch_us = 2, .wait_us = 8, .read_us = 5};
    const clg_roof compute = {"fma float16", 100, 0}, product = {"64 x 128 over 784", 80, 1e7};
    const clg_roof far = {"memory", 10, 64 << 20}, near = {"256 KiB", 100, 256 << 10};
    clg_device *device = harness_device();
    roofs.compute[roofs.computes++] = compute;
    roofs.product[roofs.products++] = product;
    roofs.read[roofs.reads++] = far;
    roofs.read[roofs.reads++] = near;
    roofs.copy[roofs.copies++] = far;
    ck_ok(clg_device_roofs_keep(device, &roofs));
    clg_device_close(device);
    data = harness_blobs(ROWS, FEATURES, CLASSES, 7);
}

static void tear_down(void)
{
    clg_dataset_destroy(data);
}

int main(void)
{
    clg_device_close(harness_device());
    Suite *suite = suite_create("failures while a network is used");
    TCase *all = tcase_create("use");
    tcase_set_timeout(all, 0);
    tcase_add_unchecked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, goes_wrong_in_one_place, 0, (int)(sizeof subjects / sizeof *subjects));
    tcase_add_test(all, a_hang_is_given_up);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
