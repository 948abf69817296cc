/* A training in lockstep names tensor, step and cause of what is wrong, counts kinks, and writes
 * both sides; a training that checks itself stops; a repeated one that differs is noticed. */
#include "data/dataset.h"
#include "harness_spoil.h"
#include "harness_train.h"
#include "net/net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static clg_device *device;
static clg_dataset *data;

static void setup(void)
{
    data = harness_blobs(50, 5, 3, 1);
}

static void teardown(void)
{
    uint64_t bytes;
    int buffers;
    clg_dataset_destroy(data);
    clg_device_usage(device, &bytes, &buffers);
    ck_assert_uint_eq(bytes, 0);
    ck_assert_int_eq(buffers, 0);
    ck_assert_ptr_null(device->ops_override);
}

/* A network with one hidden layer of 7 units of act; batches of 16. */
static clg_net *net_of(const char *layers)
{
    clg_config *config = harness_config("layers", layers, "batch", "16", NULL);
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    clg_config_destroy(config);
    return net;
}

struct seen {
    int tensors, cases, failed_cases, named; /* named: with their first wrong element */
    uint64_t last_step, failed_step;
    double worst, drift;
    char failed[96];
};

static void on_tensor(void *user, const clg_verify_tensor *tensor)
{
    struct seen *seen = user;
    ck_assert(tensor->step == seen->last_step || tensor->step == seen->last_step + 1);
    ck_assert(tensor->layer < 2);
    seen->last_step = tensor->step;
    seen->tensors++;
    if (tensor->worst > 1 && !*seen->failed) {
        snprintf(seen->failed, sizeof seen->failed, "%s", tensor->name);
        seen->failed_step = tensor->step;
    }
    seen->worst = fmax(seen->worst, tensor->worst);
    if (!isnan(tensor->drift)) {
        ck_assert(strstr(tensor->name, "weight") || strstr(tensor->name, "bias"));
        seen->drift = fmax(seen->drift, tensor->drift);
    }
}

static void on_case(void *user, const clg_verify_case *compared)
{
    struct seen *seen = user;
    seen->cases++;
    ck_assert_str_eq(compared->route, "reference");
    ck_assert(compared->ms >= 0 && compared->nmse >= 0 && *compared->shape);
    if (!compared->failed)
        ck_assert(compared->nmse == 0 && !compared->operand);
    seen->failed_cases += compared->failed;
    seen->named += compared->operand && compared->got != compared->want;
}

static clg_verify_options options_of(struct seen *seen, int steps, const char *dump)
{
    return (clg_verify_options){
        .steps = steps, .user = seen, .each = on_case, .tensor = on_tensor, .dump = dump};
}

START_TEST(every_tensor_of_every_step_is_reported)
{
    struct seen seen = {0};
    clg_verify_options options = options_of(&seen, 6, NULL);
    clg_verify_result result;
    clg_net *net = net_of("7");
    ck_ok(clg_verify_training(&result, net, device, data, &options));
    /* x, t, y, stats, hits, row_loss; y or z, dz, and of 4 parameters gradient, value and two
     * moments; the second epoch's permutation comes between two steps */
    ck_assert_int_eq(seen.tensors, 6 * (6 + 2 + 2 + 4 * 4) + 1);
    ck_assert_uint_eq(seen.last_step, 6);
    ck_assert_int_eq(seen.cases, result.cases);
    ck_assert(seen.worst == 0 && seen.drift == 0 && result.drift == 0);
    ck_assert_str_ne(result.drift_tensor, "");
    ck_assert_str_eq(result.cause, "");
    ck_assert_int_eq(result.too_many, 0);
    clg_net_destroy(net);
}
END_TEST

/* What is spoilt, and the tensor and step that must be named: the first call is in step 1. */
static const struct {
    struct spoilt what;
    const char *tensor;
} named[] = {
    {{"gather", "x", 1}, "x"},
    {{"dense_fwd", "y", 1}, "layers.0.y"},
    {{"loss_fwd", "dz", 1}, "layers.1.dz"},
    {{"loss_fwd", "row_loss", 0}, "row_loss"},
    {{"score", "hits", 0}, "hits"},
    {{"grad", "dW", 1}, "layers.1.weight.grad"},
    {{"grad", "db", 0}, "layers.1.bias.grad"},
    {{"delta_bwd", "dx", 1}, "layers.0.dz"},
    {{"update", "params", 0}, "layers."},
    {{"update", "slot0", 0}, "opt.m.layers."},
    {{"update", "slot1", 0}, "opt.v.layers."},
};

/* Wrong once: right when it runs again; wrong twice: the operation's own. */
START_TEST(tensor_step_and_cause_are_named)
{
    static const enum spoil how[] = {SPOIL_BIT, SPOIL_BIT};
    clg_net *net = net_of("7");
    for (int count = 1; count <= 2; count++) {
        struct seen seen = {0};
        clg_verify_options options = options_of(&seen, 3, NULL);
        clg_verify_result result;
        spoil_begin(device, &named[_i].what, how, count);
        clg_status status = clg_verify_training(&result, net, device, data, &options);
        ck_assert_int_eq(spoil_end(device), count);
        ck_assert_int_eq(status, CLG_EMISMATCH);
        ck_assert_int_eq(result.failed, 1);
        ck_assert_int_eq(seen.failed_cases, 1);
        ck_assert_int_eq(seen.named, 1);
        ck_assert_msg(strncmp(result.first_tensor, named[_i].tensor, strlen(named[_i].tensor)) == 0,
                      "%s, not %s", result.first_tensor, named[_i].tensor);
        ck_assert_str_eq(result.first_tensor, seen.failed);
        ck_assert_uint_eq(result.first_step, 1);
        ck_assert_uint_eq(seen.failed_step, 1);
        ck_assert_str_eq(result.cause, count == 1 ? "transient" : "operation");
    }
    clg_net_destroy(net);
}
END_TEST

/* All gradients are clipped at once, and where a layer is frozen the update is of parts of a slab.
 */
START_TEST(slabs_and_their_parts_are_named)
{
    static const struct spoilt what[] = {{"clip", "grads", 0}, {"update", "params", 0}};
    static const enum spoil how[] = {SPOIL_NAN};
    static const char *const tensor[] = {".grad", "layers.1.weight"};
    clg_config *config = harness_config("layers", "7", "batch", "16", "clip-norm", "0.01", "freeze",
                                        _i ? "0" : "", NULL);
    clg_verify_options options = {.steps = 1};
    clg_verify_result result;
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    spoil_begin(device, &what[_i], how, 1);
    ck_assert_int_eq(clg_verify_training(&result, net, device, data, &options), CLG_EMISMATCH);
    ck_assert_int_eq(spoil_end(device), 1);
    ck_assert_msg(strstr(result.first_tensor, tensor[_i]), "%s", result.first_tensor);
    clg_net_destroy(net);
    clg_config_destroy(config);
}
END_TEST

/* An operation that does nothing the first time: the second run makes up for it. */
START_TEST(what_did_not_run_is_transient)
{
    static const enum spoil how[] = {SPOIL_SKIP};
    static const struct spoilt what[] = {{"score", "stats", 0}, {"update", "params", 0}};
    struct seen seen = {0};
    clg_verify_options options = options_of(&seen, 2, NULL);
    clg_verify_result result;
    clg_net *net = net_of("7");
    spoil_begin(device, &what[_i], how, 1);
    ck_assert_int_eq(clg_verify_training(&result, net, device, data, &options), CLG_EMISMATCH);
    ck_assert_int_eq(spoil_end(device), 1);
    ck_assert_str_eq(result.cause, "transient");
    ck_assert_int_eq(result.failed, 1);
    ck_assert(seen.drift == 0); /* restored before it ran again, it ended where the reference did */
    clg_net_destroy(net);
}
END_TEST

/* A first layer of sums that are 0 but for the rounding of 0.1, 0.2 and 0.3. */
START_TEST(too_many_kinks_are_undecided)
{
    static const double row[] = {0.1f, 0.2f, -0.3f};
    const char *const acts[] = {"7:relu", "7:leaky_relu", "7:elu", "7:tanh", "7:maxout:2"};
    float x[50 * 3];
    int32_t labels[50];
    double weight[14 * 3], bias[14] = {0};
    for (int i = 0; i < 150; i++)
        x[i] = 1;
    for (int i = 0; i < 50; i++)
        labels[i] = i % 3;
    for (int i = 0; i < 42; i++)
        weight[i] = row[i % 3] * (1 + (i >= 21) * 1e-7); /* maxout: all but a tie */
    clg_dataset_destroy(data);
    ck_ok(clg_dataset_from_arrays(&data, x, 50, 3, labels, 3, NULL, 0));
    clg_net *net = net_of(acts[_i]);
    clg_verify_result result;
    ck_ok(clg_net_set_weights(net, 0, weight, bias));
    clg_verify_options options = {.steps = 1};
    clg_status status = clg_verify_training(&result, net, device, data, &options);
    if (_i == 3) { /* no kink */
        ck_assert_int_eq(status, CLG_OK);
        ck_assert_uint_eq(result.kinks, 0);
    } else {
        ck_assert_int_eq(status, CLG_EMISMATCH);
        ck_assert_ptr_nonnull(strstr(clg_last_error(), "undecided"));
        ck_assert_uint_eq(result.kinks, 16 * 7);
        ck_assert_int_eq(result.too_many, 1);
        ck_assert_int_eq(result.failed, 0);
        ck_assert_str_eq(result.first_tensor, _i == 4 ? "layers.0.z" : "layers.0.y");
    }
    /* on the kink, both sides take the same: zeros and equal pieces are decided */
    memset(weight, 0, sizeof weight);
    ck_ok(clg_net_set_weights(net, 0, weight, bias));
    ck_ok(clg_verify_training(&result, net, device, data, &options));
    ck_assert_uint_eq(result.kinks, 0);
    clg_net_destroy(net);
}
END_TEST

static int exists(const char *folder, const char *file)
{
    char path[8192];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return stat(path, &status) == 0;
}

/* The one number of a .npy file at index at. */
static double number_in(const char *folder, const char *file, size_t at)
{
    char path[8192];
    clg_dataset *array;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    ck_ok(clg_load_npy(&array, path));
    ck_assert_int_eq(array->storage, CLG_DOUBLES);
    double value = ((const double *)array->x)[at];
    clg_dataset_destroy(array);
    return value;
}

static const char *folder_of(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", harness_folder(), name);
    return path;
}

START_TEST(both_sides_are_written)
{
    struct seen seen = {0};
    const char *folder = folder_of("dump");
    clg_verify_options options = options_of(&seen, 3, folder);
    clg_verify_result result;
    clg_net *net = net_of("7");
    ck_ok(clg_verify_training(&result, net, device, data, &options));
    static const char *const files[] = {
        "step-0001-x-device.npy",
        "step-0001-layers.0.weight-reference.npy",
        "step-0003-layers.1.bias.grad-device.npy",
        "step-0003-opt.v.layers.0.weight-device.npy",
        "step-0002-hits-reference.npy",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        ck_assert_msg(exists(folder, files[i]), "%s is missing", files[i]);
    ck_assert(number_in(folder, files[1], 5) ==
              number_in(folder, "step-0001-layers.0.weight-device.npy", 5));
    ck_assert(number_in(folder, files[1], 5) != net->params[5]);
    clg_net_destroy(net);
}
END_TEST

/* Of many steps the one that fails and the last; what the wrong operation read beside it. */
START_TEST(of_many_steps_few_are_written)
{
    static const struct spoilt what = {"grad", "dW", 1};
    static const enum spoil how[] = {SPOIL_NAN};
    struct seen seen = {0};
    const char *folder = folder_of("many");
    clg_verify_options options = options_of(&seen, 21, folder);
    clg_verify_result result;
    clg_net *net = net_of("7");
    spoil_begin(device, &what, how, 1);
    ck_assert_int_eq(clg_verify_training(&result, net, device, data, &options), CLG_EMISMATCH);
    ck_assert_int_eq(spoil_end(device), 1);
    ck_assert(exists(folder, "step-0001-layers.1.weight.grad-device.npy"));
    ck_assert(exists(folder, "step-0001-layers.1.weight.grad-reference.npy"));
    ck_assert(exists(folder, "step-0001-grad.dz-input.npy"));
    ck_assert(exists(folder, "step-0001-x-device.npy"));
    ck_assert(!exists(folder, "step-0002-x-device.npy"));
    ck_assert(!exists(folder, "step-0020-x-device.npy"));
    ck_assert(exists(folder, "step-0021-x-device.npy"));
    clg_net_destroy(net);
}
END_TEST

/* ----------------------------------------------------------- while training */

static void keep_line(void *user, const char *line)
{
    snprintf(user, 512, "%s", line);
}

START_TEST(a_training_checks_itself)
{
    char line[512] = "";
    const clg_train_hooks hooks = {.user = line, .log = keep_line};
    clg_config *config = harness_config("layers", "7", "batch", "16", "check-every", "3", NULL);
    clg_net *checked, *plain = net_of("7");
    clg_train_result result;
    ck_ok(clg_net_create(&checked, config, data));
    ck_ok(clg_train(&result, checked, device, data, NULL, NULL, &hooks));
    ck_assert_uint_eq(result.steps, 40); /* ten epochs of 4 */
    ck_assert_uint_eq(result.checks, 13);
    ck_assert(result.check_seconds > 0 && result.check_seconds <= result.seconds);
    ck_assert_ptr_nonnull(strstr(line, "13 steps checked"));
    ck_ok(clg_train(&result, plain, device, data, NULL, NULL, NULL));
    ck_assert_uint_eq(result.checks, 0);
    ck_assert_mem_eq(plain->params, checked->params, plain->count * sizeof *plain->params);
    clg_net_destroy(plain);
    clg_net_destroy(checked);
    clg_config_destroy(config);
}
END_TEST

/* Wrong in every step: seen in the second, which is the first that is checked. */
START_TEST(a_training_that_goes_wrong_stops)
{
    static const struct spoilt what = {"update", "params", 0};
    static const enum spoil how[] = {SPOIL_BIT, SPOIL_BIT, SPOIL_BIT};
    clg_config *config = harness_config("layers", "7", "batch", "16", "check-every", "2", NULL);
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", folder_of("run"));
    for (int with_run = 0; with_run < 2; with_run++) {
        clg_net *net;
        clg_run *run = NULL;
        clg_train_result result;
        ck_ok(clg_net_create(&net, config, data));
        if (with_run)
            ck_ok(clg_run_open(&run, folder, config));
        spoil_begin(device, &what, how, 3);
        clg_status status = clg_train(&result, net, device, data, NULL, run, NULL);
        ck_assert_int_eq(spoil_end(device), 3);
        ck_assert_int_eq(status, CLG_EMISMATCH);
        ck_assert_uint_eq(result.steps, 2);
        ck_assert_ptr_nonnull(
            strstr(clg_last_error(), "step 2 disagrees with the reference (oper"));
        ck_assert_ptr_nonnull(strstr(clg_last_error(), with_run ? "/check-2" : "no --out"));
        clg_run_close(run);
        clg_net_destroy(net);
    }
    ck_assert(exists(folder, "check-2/step-0002-update.params-input.npy"));
    ck_assert(exists(folder, "check-2/step-0002-layers.0.weight-device.npy"));
    ck_assert(!exists(folder, "check-4"));
    clg_config_destroy(config);
}
END_TEST

/* An input that no operation could bear ends the step in its middle. */
START_TEST(a_step_that_cannot_go_on_is_a_mismatch)
{
    static const struct spoilt what = {"gather", "t", 0};
    static const enum spoil how[] = {SPOIL_RANGE};
    clg_config *config = harness_config("layers", "7", "batch", "16", "check-every", "1", NULL);
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    spoil_begin(device, &what, how, 1);
    /* run again, gather gives other targets: the training goes on to the step's end */
    ck_fails(clg_train(NULL, net, device, data, NULL, NULL, NULL), CLG_EMISMATCH, "transient");
    ck_assert_int_eq(spoil_end(device), 1);
    clg_net_destroy(net);
    clg_config_destroy(config);
}
END_TEST

/* ----------------------------------------------------------------- repeated */

START_TEST(a_repeated_training_has_the_same_bits)
{
    clg_repeat_options options = {.runs = 3, .steps = 4};
    clg_repeat_result result;
    clg_net *net = net_of("7");
    ck_ok(clg_verify_repeat(&result, net, device, data, &options));
    ck_assert_int_eq(result.runs, 3);
    ck_assert_int_eq(result.steps, 4);
    ck_assert_int_eq(result.differing, 0);
    ck_assert_int_eq(result.unit, 0);
    ck_assert_ptr_nonnull(strstr(result.note, "one thread"));
    ck_ok(clg_verify_repeat(&result, NULL, device, NULL, NULL));
    ck_assert_int_eq(result.runs, 2);
    clg_net_destroy(net);
}
END_TEST

START_TEST(a_training_that_differs_is_noticed)
{
    static const struct spoilt what = {"update", "slot1", 0};
    static const enum spoil how[] = {SPOIL_BIT};
    clg_repeat_options options = {.runs = 3, .steps = 1};
    clg_repeat_result result;
    clg_net *net = net_of("7");
    spoil_begin(device, &what, how, 1);
    ck_fails(clg_verify_repeat(&result, net, device, data, &options), CLG_EMISMATCH,
             "2 of 2 runs end with other bits");
    ck_assert_int_eq(spoil_end(device), 1);
    ck_assert_int_eq(result.differing, 2);
    ck_assert_ptr_nonnull(strstr(result.first, "run 2: a moment of layers."));
    ck_fails(clg_verify_repeat(&result, net, device, NULL, NULL), CLG_EUSAGE, "or neither");
    clg_net_destroy(net);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify lockstep");
    TCase *all = tcase_create("all");
    if (clg_device_open(&device, "ref", NULL) != CLG_OK)
        return 1;
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, every_tensor_of_every_step_is_reported);
    tcase_add_loop_test(all, tensor_step_and_cause_are_named, 0,
                        (int)(sizeof named / sizeof *named));
    tcase_add_loop_test(all, slabs_and_their_parts_are_named, 0, 2);
    tcase_add_loop_test(all, what_did_not_run_is_transient, 0, 2);
    tcase_add_loop_test(all, too_many_kinks_are_undecided, 0, 5);
    tcase_add_test(all, both_sides_are_written);
    tcase_add_test(all, of_many_steps_few_are_written);
    tcase_add_test(all, a_training_checks_itself);
    tcase_add_test(all, a_training_that_goes_wrong_stops);
    tcase_add_test(all, a_step_that_cannot_go_on_is_a_mismatch);
    tcase_add_test(all, a_repeated_training_has_the_same_bits);
    tcase_add_test(all, a_training_that_differs_is_noticed);
    suite_add_tcase(suite, all);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
