/* The training loop on the device: it learns, repeats itself to the bit, stops when asked, notices
 * divergence, and leaves nothing behind. */
#define _GNU_SOURCE
#include "harness_train.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static clg_device *device;

struct trained {
    clg_net *net;
    clg_train_result result;
    double *parameters;
    size_t count;
};

static struct trained train(clg_device *on, const clg_config *config, const clg_dataset *data,
                            const clg_dataset *val, clg_run *run)
{
    struct trained t = {0};
    ck_ok(clg_net_create(&t.net, config, data));
    ck_ok(clg_train(&t.result, t.net, on, data, val, run, NULL));
    t.parameters = harness_parameters(t.net, &t.count);
    return t;
}

static void forget(struct trained *t)
{
    clg_net_destroy(t->net);
    free(t->parameters);
}

START_TEST(every_optimiser_learns)
{
    static const char *const rate[][2] = {{"sgd", "0.1"}, {"momentum", "0.02"}, {"adam", "0.01"}};
    clg_dataset *data = harness_blobs(600, 12, 5, 1);
    for (size_t i = 0; i < 3; i++) {
        clg_config *config = harness_config("layers", "24,16:tanh", "opt", rate[i][0], "lr",
                                            rate[i][1], "epochs", "20", NULL);
        struct trained t = train(device, config, data, NULL, NULL);
        ck_assert_msg(t.result.accuracy > 0.95, "%s: %g", rate[i][0], t.result.accuracy);
        ck_assert_double_lt(t.result.loss, 0.2);
        ck_assert_int_eq(t.result.epochs, 20);
        ck_assert_uint_eq(t.result.steps, 200);
        forget(&t);
        clg_config_destroy(config);
    }
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_bits)
{
    clg_dataset *data = harness_blobs(500, 20, 4, 2);
    clg_config *config = harness_config("layers", "33,17", "epochs", "3", "batch", "48", NULL);
    clg_config *other = harness_config("layers", "33,17", "epochs", "3", "batch", "48", "seed", "2",
                                       NULL);
    struct trained a = train(device, config, data, NULL, NULL);
    struct trained b = train(device, config, data, NULL, NULL);
    struct trained c = train(device, other, data, NULL, NULL);
    ck_assert_mem_eq(a.parameters, b.parameters, a.count * sizeof *a.parameters);
    ck_assert_mem_ne(a.parameters, c.parameters, a.count * sizeof *a.parameters);
    forget(&a);
    forget(&b);
    forget(&c);
    clg_config_destroy(config);
    clg_config_destroy(other);
    clg_dataset_destroy(data);
}
END_TEST

/* Figures of an epoch are those of its examples: the first epoch at a tiny rate has the loss of the
 * starting network, which evaluation gives by another way. */
START_TEST(figures_are_means_over_examples)
{
    clg_dataset *data = harness_blobs(333, 9, 3, 3);
    clg_config *config = harness_config("layers", "10", "opt", "sgd", "lr", "1e-12", "epochs", "1",
                                        "l2", "0.5", "batch", "50", NULL);
    clg_net *start = NULL;
    ck_ok(clg_net_create(&start, config, data));
    clg_evaluation before;
    ck_ok(clg_evaluate(&before, start, device, data));
    struct trained t = train(device, config, data, data, NULL);
    /* 333 sums of float losses, each within 1e-5 of itself */
    ck_assert_double_eq_tol(t.result.loss, before.loss, 1e-5 * before.loss);
    ck_assert_double_eq_tol(t.result.val_loss, before.loss, 1e-5 * before.loss);
    ck_assert_double_eq_tol(t.result.accuracy, before.accuracy, 1e-9);
    ck_assert_double_eq_tol(t.result.val_accuracy, before.accuracy, 1e-9);
    double square = 0, W[10 * 9];
    for (int l = 0; l < 2; l++) {
        int in, out;
        ck_ok(clg_net_layer(start, l, &in, &out, NULL));
        ck_ok(clg_net_get_weights(start, l, W, NULL));
        for (int i = 0; i < in * out; i++)
            square += W[i] * W[i];
    }
    ck_assert_double_eq_tol(t.result.cost - t.result.loss, 0.25 * square, 1e-5 * square);
    clg_evaluation_clear(&before);
    clg_net_destroy(start);
    forget(&t);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

struct watch {
    int calls, stop_after;
    clg_progress last;
    char said[256]; /* the first line of the log */
};

static int stop(void *user)
{
    struct watch *watch = user;
    return ++watch->calls > watch->stop_after;
}

static void remember(void *user, const clg_progress *progress)
{
    ((struct watch *)user)->last = *progress;
}

static void keep_plan(void *user, const char *line)
{
    struct watch *watch = user;
    if (strncmp(line, "plan ", 5) == 0)
        snprintf(watch->said, sizeof watch->said, "%s", line);
}

START_TEST(training_stops_when_asked)
{
    clg_dataset *data = harness_blobs(640, 8, 3, 4);
    clg_config *config = harness_config("layers", "16", "epochs", "1000", NULL);
    clg_config *choice = harness_config("plan", "plain", NULL);
    clg_device *plain = NULL; /* a span would take many steps between two questions */
    struct watch watch = {.stop_after = 37};
    clg_train_hooks hooks = {
        .user = &watch, .progress = remember, .should_stop = stop, .log = keep_plan};
    clg_net *net = NULL;
    clg_train_result result;
    clg_run *run = NULL;
    char folder[4096], path[4200];
    snprintf(folder, sizeof folder, "%s/stopped", harness_folder());
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_run_open(&run, folder, config));
    ck_ok(clg_device_open(&plain, getenv("CLGRAD_TEST_DEVICE"), choice));
    ck_fails(clg_train(&result, net, plain, data, NULL, run, &hooks), CLG_ECANCELLED,
             "interrupted at epoch 4, step 37");
    clg_device_close(plain);
    clg_config_destroy(choice);
    clg_run_close(run);
    ck_assert_ptr_nonnull(strstr(watch.said, "plan plain"));
    ck_assert_ptr_nonnull(strstr(watch.said, "matrix products: native"));
    ck_assert_int_eq(watch.last.epoch, 3);
    ck_assert_uint_eq(result.steps, 37);
    snprintf(path, sizeof path, "%s/last.safetensors", folder);
    clg_net *saved = NULL;
    ck_ok(clg_net_load(&saved, path, NULL));
    size_t count;
    double *a = harness_parameters(net, &count), *b = harness_parameters(saved, &count);
    ck_assert_mem_eq(a, b, count * sizeof *a);
    free(a);
    free(b);
    clg_net_destroy(saved);
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(divergence_keeps_the_last_good_save)
{
    clg_dataset *data = harness_blobs(640, 8, 3, 5);
    clg_config *good = harness_config("layers", "16", "epochs", "1", NULL);
    clg_config *bad = harness_config("layers", "16", "loss", "mse", "opt", "sgd", "lr", "1e6",
                                     "save-every", "2", NULL);
    clg_net *net = NULL;
    clg_run *run = NULL;
    char folder[4096], path[4200];
    snprintf(folder, sizeof folder, "%s/diverged", harness_folder());
    snprintf(path, sizeof path, "%s/last.safetensors", folder);
    ck_ok(clg_run_open(&run, folder, good));
    clg_run *second = NULL;
    ck_fails(clg_run_open(&second, folder, good), CLG_EIO, "in use by a living run");
    clg_run_close(run);
    ck_ok(clg_run_open(&run, folder, bad));
    ck_ok(clg_net_create(&net, bad, data));
    ck_fails(clg_train(NULL, net, device, data, NULL, run, NULL), CLG_EDIVERGED, "--lr below 1e6");
    clg_run_close(run);
    clg_net_destroy(net);
    if (access(path, F_OK) == 0) { /* a save made while all was finite */
        ck_ok(clg_net_load(&net, path, NULL));
        clg_net_destroy(net);
    }
    clg_config_destroy(good);
    clg_config_destroy(bad);
    clg_dataset_destroy(data);
}
END_TEST

/* best.safetensors is the network of the epoch with the lowest validation loss. */
START_TEST(the_best_epoch_is_kept)
{
    clg_dataset *data = harness_blobs(60, 30, 3, 6);
    clg_dataset *noise = harness_blobs(90, 30, 3, 7);
    clg_config *config = harness_config("layers", "32", "epochs", "30", "lr", "0.02", NULL);
    clg_run *run = NULL;
    clg_net *best = NULL;
    char folder[4096], path[4200];
    snprintf(folder, sizeof folder, "%s/best", harness_folder());
    snprintf(path, sizeof path, "%s/best.safetensors", folder);
    ck_ok(clg_run_open(&run, folder, config));
    struct trained t = train(device, config, data, noise, run);
    clg_run_close(run);
    ck_ok(clg_net_load(&best, path, NULL));
    clg_evaluation at_best, at_end;
    ck_ok(clg_evaluate(&at_best, best, device, noise));
    ck_ok(clg_evaluate(&at_end, t.net, device, noise));
    ck_assert_double_lt(at_best.loss, at_end.loss);
    clg_evaluation_clear(&at_best);
    clg_evaluation_clear(&at_end);
    clg_net_destroy(best);
    forget(&t);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
    clg_dataset_destroy(noise);
}
END_TEST

struct feed {
    int given, batches;
};

static int next_batch(void *user, float *x, int32_t *labels, float *values, int B)
{
    struct feed *feed = user;
    ck_assert_ptr_null(values);
    if (feed->given++ == feed->batches)
        return 0;
    for (int i = 0; i < B; i++) {
        labels[i] = (i + feed->given) % 2;
        x[2 * i] = (float)labels[i];
        x[2 * i + 1] = (float)(i % 3);
    }
    return B;
}

START_TEST(batches_from_a_function_train)
{
    clg_dataset *shape = harness_blobs(4, 2, 2, 8);
    clg_config *config = harness_config("layers", "8", "lr", "0.02", "batch", "30", NULL);
    clg_net *net = NULL;
    struct feed feed = {.batches = 300};
    clg_train_result result;
    ck_ok(clg_net_create(&net, config, shape));
    ck_ok(clg_train_batches(&result, net, device, next_batch, &feed));
    ck_assert_uint_eq(result.steps, 300);
    ck_assert_double_gt(result.accuracy, 0.9);
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(shape);
}
END_TEST

/* One step by hand is the step that clg_train takes. */
START_TEST(single_steps_are_the_loops_steps)
{
    enum { ROWS = 20, IN = 6 };
    float x[ROWS * IN], y[ROWS * 3];
    int32_t labels[ROWS];
    clg_dataset *data = NULL;
    for (int i = 0; i < ROWS * IN; i++)
        x[i] = (float)((i * 37) % 11) / 11;
    for (int i = 0; i < ROWS; i++)
        labels[i] = i % 3;
    ck_ok(clg_dataset_from_arrays(&data, x, ROWS, IN, labels, 3, NULL, 0));
    clg_config *config = harness_config("layers", "5:sigmoid", "batch", "full", "no-shuffle",
                                        "true", "steps", "3", "l2", "0.01", NULL);
    struct trained t = train(device, config, data, NULL, NULL);
    clg_net *net = NULL;
    clg_engine *engine = NULL;
    double loss, gradient[5 * IN], sum = 0;
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_engine_create(&engine, device, net, ROWS, 1));
    for (int step = 0; step < 3; step++) {
        ck_ok(clg_engine_forward(engine, y, x, ROWS));
        ck_ok(clg_engine_backward(engine, &loss, labels, NULL, ROWS));
        ck_ok(clg_engine_gradient(engine, 0, gradient, NULL));
        ck_ok(clg_engine_update(engine));
    }
    for (int i = 0; i < 5 * IN; i++)
        sum += fabs(gradient[i]);
    ck_assert_double_gt(sum, 0);
    ck_ok(clg_engine_pull(engine));
    size_t count;
    double *mine = harness_parameters(net, &count);
    ck_assert_mem_eq(mine, t.parameters, count * sizeof *mine);
    ck_fails(clg_engine_forward(engine, y, x, ROWS + 1), CLG_EUSAGE, "made for 1 to 20");
    ck_fails(clg_engine_backward(engine, &loss, NULL, y, ROWS), CLG_EUSAGE, "class targets");
    labels[4] = 3;
    ck_fails(clg_engine_backward(engine, &loss, labels, NULL, ROWS), CLG_EUSAGE, "row 4");
    free(mine);
    clg_engine_destroy(engine);
    clg_net_destroy(net);
    forget(&t);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

struct job {
    clg_dataset *data;
    clg_config *config;
    double *parameters;
    size_t count;
};

static void *in_thread(void *argument)
{
    struct job *job = argument;
    clg_device *mine = NULL;
    clg_net *net = NULL;
    if (clg_device_open(&mine, getenv("CLGRAD_TEST_DEVICE"), NULL) == CLG_OK &&
        clg_net_create(&net, job->config, job->data) == CLG_OK &&
        clg_train(NULL, net, mine, job->data, NULL, NULL, NULL) == CLG_OK)
        job->parameters = harness_parameters(net, &job->count);
    clg_net_destroy(net);
    clg_device_close(mine);
    return NULL;
}

START_TEST(two_networks_train_in_two_threads)
{
    clg_dataset *data = harness_blobs(400, 10, 3, 9);
    struct job job[2];
    pthread_t thread[2];
    for (int i = 0; i < 2; i++) {
        job[i] = (struct job){.data = data,
                              .config = harness_config("layers", i ? "20" : "12,8", "epochs", "5",
                                                       NULL)};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, in_thread, &job[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        ck_assert_ptr_nonnull(job[i].parameters);
        struct trained alone = train(device, job[i].config, data, NULL, NULL);
        ck_assert_mem_eq(alone.parameters, job[i].parameters, alone.count * sizeof(double));
        forget(&alone);
        free(job[i].parameters);
        clg_config_destroy(job[i].config);
    }
    clg_dataset_destroy(data);
}
END_TEST

/* The reference and the device start from the same weights and see the same rows. */
START_TEST(reference_and_device_train_alike)
{
    clg_device *reference = NULL;
    clg_dataset *data = harness_blobs(256, 16, 4, 10);
    clg_config *config = harness_config("layers", "24", "steps", "8", "opt", "sgd", "lr", "0.05",
                                        NULL);
    ck_ok(clg_device_open(&reference, "ref", NULL));
    struct trained a = train(device, config, data, NULL, NULL);
    struct trained b = train(reference, config, data, NULL, NULL);
    double difference = 0, norm = 0;
    for (size_t i = 0; i < a.count; i++) {
        difference += (a.parameters[i] - b.parameters[i]) * (a.parameters[i] - b.parameters[i]);
        norm += b.parameters[i] * b.parameters[i];
    }
    /* eight steps of float rounding; another batch anywhere would give 1e-3 */
    ck_assert_double_lt(sqrt(difference / norm), 1e-5);
    ck_assert_double_eq_tol(a.result.loss, b.result.loss, 1e-5);
    forget(&a);
    forget(&b);
    clg_device_close(reference);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(nothing_is_left_on_the_device)
{
    uint64_t bytes;
    int buffers;
    clg_device_usage(device, &bytes, &buffers);
    ck_assert_uint_eq(bytes, 0);
    ck_assert_int_eq(buffers, 0);
}
END_TEST

int main(void)
{
    device = harness_device();
    Suite *suite = suite_create("training");
    TCase *tests = tcase_create("training");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_optimiser_learns);
    tcase_add_test(tests, the_same_seed_gives_the_same_bits);
    tcase_add_test(tests, figures_are_means_over_examples);
    tcase_add_test(tests, training_stops_when_asked);
    tcase_add_test(tests, divergence_keeps_the_last_good_save);
    tcase_add_test(tests, the_best_epoch_is_kept);
    tcase_add_test(tests, batches_from_a_function_train);
    tcase_add_test(tests, single_steps_are_the_loops_steps);
    tcase_add_test(tests, two_networks_train_in_two_threads);
    tcase_add_test(tests, reference_and_device_train_alike);
    tcase_add_test(tests, nothing_is_left_on_the_device);
    suite_add_tcase(suite, tests);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
