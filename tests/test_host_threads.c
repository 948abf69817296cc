/* Threads of the caller on the reference: two nets trained in two threads from one dataset, a training
 * ended from another thread, and failures that each thread sees alone.  ThreadSanitizer watches the same
 * tests in tests/sanitizers. */
#include "harness_train.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct job {
    const clg_dataset *data;
    const char *layers;
    clg_train_hooks hooks;
    clg_status status;
    clg_train_result result;
    double *parameters;
    size_t count;
    char error[256]; /* what the thread itself read */
    atomic_int over;
};

static void *train(void *argument)
{
    struct job *job = argument;
    clg_device *device = NULL;
    clg_net *net = NULL;
    clg_config *config = harness_config("layers", job->layers, "epochs", "4", "opt", "adam",
                                        "dropout", "0.2", NULL);
    job->status = clg_device_open(&device, "ref", NULL);
    if (job->status == CLG_OK)
        job->status = clg_net_create(&net, config, job->data);
    if (job->status == CLG_OK)
        job->status = clg_train(&job->result, net, device, job->data, NULL, NULL, &job->hooks);
    strncpy(job->error, clg_last_error(), sizeof job->error - 1);
    if (job->status == CLG_OK)
        job->parameters = harness_parameters(net, &job->count);
    clg_net_destroy(net);
    clg_device_close(device);
    clg_config_destroy(config);
    atomic_store(&job->over, 1);
    return NULL;
}

static void start(pthread_t *thread, struct job *job)
{
    ck_assert_int_eq(pthread_create(thread, NULL, train, job), 0);
}

START_TEST(two_nets_in_two_threads)
{
    clg_dataset *data = harness_blobs(200, 6, 3, 7);
    struct job together[2] = {{.data = data, .layers = "20"}, {.data = data, .layers = "12,8"}};
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        start(&thread[i], &together[i]);
    for (int i = 0; i < 2; i++) {
        struct job alone = {.data = data, .layers = together[i].layers};
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
        ck_assert_msg(together[i].status == CLG_OK, "%s", together[i].error);
        train(&alone);
        ck_assert_uint_eq(alone.count, together[i].count);
        ck_assert_mem_eq(alone.parameters, together[i].parameters, alone.count * sizeof(double));
        free(alone.parameters);
        free(together[i].parameters);
    }
    clg_dataset_destroy(data);
}
END_TEST

struct bell {
    atomic_int steps, stop;
};

static int should_stop(void *user)
{
    struct bell *bell = user;
    atomic_fetch_add(&bell->steps, 1);
    return atomic_load(&bell->stop);
}

START_TEST(another_thread_ends_it)
{
    clg_dataset *data = harness_blobs(4000, 6, 3, 7);
    struct bell bell = {0, 0};
    struct job job = {.data = data,
                      .layers = "64,64",
                      .hooks = {.user = &bell, .should_stop = should_stop}};
    pthread_t thread;
    start(&thread, &job);
    while (atomic_load(&bell.steps) < 5 && !atomic_load(&job.over))
        continue;
    atomic_store(&bell.stop, 1);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(job.status, CLG_ECANCELLED);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(failures_belong_to_their_thread)
{
    clg_dataset *data = harness_blobs(20, 6, 3, 7);
    struct job bad = {.data = data, .layers = "nonsense"};
    pthread_t thread;
    clg_device *device = NULL;
    ck_assert_int_ne(clg_device_open(&device, "no such device", NULL), CLG_OK);
    start(&thread, &bad);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(bad.status, CLG_EUSAGE);
    ck_assert_msg(strstr(bad.error, "nonsense") != NULL, "the thread read \"%s\"", bad.error);
    ck_assert_msg(strstr(clg_last_error(), "no such device") != NULL, "the caller reads \"%s\"",
                  clg_last_error());
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host threads");
    TCase *all = tcase_create("threads");
    tcase_set_timeout(all, 0);
    tcase_add_test(all, two_nets_in_two_threads);
    tcase_add_test(all, another_thread_ends_it);
    tcase_add_test(all, failures_belong_to_their_thread);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
