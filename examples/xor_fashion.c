/* Trains XOR and Fashion-MNIST through the library: ./xor_fashion [DEVICE [xor|fashion-mnist]]
 *     cc xor_fashion.c $(pkg-config --cflags --libs clgrad) -o xor_fashion
 * C11, and C++17 as it stands.  DEVICE as in clgrad --device; auto by default. */
#include <clgrad/clgrad.h>

#include <stdio.h>
#include <string.h>

#define TRY(call)                                                                                  \
    if ((status = (call)) != CLG_OK)                                                               \
    goto done

static const char *const keys[] = {"train", "layers", "lr", "batch", "epochs"};
static const char *const jobs[2][5] = {{"xor", "8:tanh", "0.05", "full", "200"},
                                       {"fashion-mnist", "128", "0.001", "64", "5"}};

static void on_progress(void *user, const clg_progress *p)
{
    if (p->epoch_end && (p->epochs < 10 || p->epoch % 50 == 0))
        printf("%s: epoch %d, loss %.4f\n", (const char *)user, p->epoch, p->loss);
}

static clg_status run(clg_device *device, const char *const *job)
{
    clg_config *config = NULL;
    clg_dataset *train = NULL, *test = NULL;
    clg_net *net = NULL;
    clg_train_hooks hooks = {(void *)job[0], on_progress, 0, NULL, NULL, 0};
    clg_evaluation result;
    clg_status status;
    TRY(clg_config_create(&config));
    for (int i = 0; i < 5; i++)
        TRY(clg_config_set(config, keys[i], job[i]));
    TRY(clg_dataset_load(&train, job[0], CLG_PART_TRAIN, config));
    TRY(clg_dataset_load(&test, job[0], CLG_PART_TEST, config));
    TRY(clg_net_create(&net, config, train));
    TRY(clg_train(NULL, net, device, train, NULL, NULL, &hooks));
    TRY(clg_evaluate(&result, net, device, test));
    printf("%s: test accuracy %.2f %%\n", job[0], 100 * result.accuracy);
    clg_evaluation_clear(&result);
done:
    clg_net_destroy(net);
    clg_dataset_destroy(test);
    clg_dataset_destroy(train);
    clg_config_destroy(config);
    return status;
}

int main(int argc, char **argv)
{
    clg_device *device;
    clg_status status = clg_device_open(&device, argc > 1 ? argv[1] : "auto", NULL);
    for (int i = 0; i < 2 && status == CLG_OK; i++)
        if (argc < 3 || strcmp(argv[2], jobs[i][0]) == 0)
            status = run(device, jobs[i]);
    if (status != CLG_OK)
        fprintf(stderr, "error: %s\n", clg_last_error());
    clg_device_close(device);
    return status == CLG_OK ? 0 : 1;
}
