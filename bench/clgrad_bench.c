/* clgrad's side of the comparison with the programs in peers/: the same arguments, the same data,
 * the same line of results, through the public header.  The first launches, which build the
 * programs, are set-up, as the compilation of the others is.  --variant KEY=VALUE[,KEY=VALUE...]
 * sets further options; --device and --plan are the program's; --threads limits the processors that
 * a CPU driver sees. */
#define _GNU_SOURCE
#include "clgrad/clgrad.h"

#include "peers/benchdata.h"

#include <sched.h>

struct job {
    bd_args a;
    clg_config *config;
    clg_device *device;
    clg_dataset *train, *test;
    const int *truth; /* (rows of test) */
    double *epoch_s;  /* (epochs) */
    double mark;      /* seconds of training when the running epoch began */
    long steps;
};

static void must(clg_status status)
{
    if (status != CLG_OK)
        bd_die(clg_last_error(), "");
}

static void set(clg_config *config, const char *key, const char *value)
{
    must(clg_config_set(config, key, value));
}

static void set_number(clg_config *config, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.9g", value);
    set(config, key, text);
}

/* The drivers read how many threads they may have when they start. */
static void limit_threads(int threads)
{
    cpu_set_t all, some;
    char text[16];
    CPU_ZERO(&some);
    if (threads < 1 || sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) <= threads)
        return;
    for (size_t i = CPU_SETSIZE; i-- > 0 && CPU_COUNT(&some) < threads;)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &some);
    sched_setaffinity(0, sizeof some, &some);
    snprintf(text, sizeof text, "%d", threads);
    setenv("POCL_MAX_PTHREAD_COUNT", text, 0);
    setenv("POCL_CPU_MAX_CU_COUNT", text, 0);
}

static void configure(struct job *job)
{
    const bd_args *a = &job->a;
    char hidden[256] = "", variant[256];
    size_t length = 0;
    int outputs = a->layers[a->nlayers - 1], squared = strcmp(a->loss, "mse") == 0;
    must(clg_config_create(&job->config));
    for (int i = 1; i + 1 < a->nlayers; i++)
        length += (size_t)snprintf(hidden + length, sizeof hidden - length, "%s%d",
                                   i > 1 ? "," : "", a->layers[i]);
    set(job->config, "layers", hidden);
    set(job->config, "act", a->act);
    set(job->config, "loss", squared ? "mse" : outputs == 1 ? "bce" : a->loss);
    if (squared)
        set(job->config, "output-act", "sigmoid");
    set(job->config, "opt", a->opt);
    set_number(job->config, "lr", (double)a->lr);
    set_number(job->config, "batch", a->batch);
    set_number(job->config, "epochs", a->epochs);
    set_number(job->config, "seed", a->seed);
    if (a->plan[0])
        set(job->config, "plan", a->plan);
    if (strlen(a->variant) >= sizeof variant)
        bd_die("--variant is too long: ", a->variant);
    strcpy(variant, a->variant);
    for (char *pair = strtok(variant, ","); pair; pair = strtok(NULL, ",")) {
        char *equals = strchr(pair, '=');
        if (!equals)
            bd_die("--variant wants KEY=VALUE: ", pair);
        *equals = '\0';
        set(job->config, pair, equals + 1);
    }
}

/* One output and squared error: the class is the value.  Otherwise the library makes the targets.
 */
static clg_dataset *wrap(const struct job *job, const bd_set *s)
{
    clg_dataset *data;
    int outputs = job->a.layers[job->a.nlayers - 1];
    size_t n = (size_t)s->n;
    if (outputs > 1 || strcmp(job->a.loss, "mse") != 0) {
        int32_t *labels = (int32_t *)bd_alloc(n, sizeof *labels);
        for (size_t i = 0; i < n; i++)
            labels[i] = s->y[i];
        must(clg_dataset_from_arrays(&data, s->x, n, (size_t)s->d, labels,
                                     outputs > 1 ? outputs : 2, NULL, 0));
        free(labels);
        return data;
    }
    float *values = (float *)bd_alloc(n, sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)s->y[i];
    must(clg_dataset_from_arrays(&data, s->x, n, (size_t)s->d, NULL, 0, values, 1));
    free(values);
    return data;
}

/* A folder is read by the library, which keeps bytes as bytes; --limit takes its first rows. */
static void load(struct job *job)
{
    clg_dataset *all = NULL, *rest = NULL;
    bd_set train, test;
    if (!bd_is_folder(job->a.data)) {
        bd_load(&job->a, &train, &test);
        job->train = wrap(job, &train);
        job->test = wrap(job, &test);
        job->truth = test.y;
        return;
    }
    must(clg_dataset_load(&job->test, job->a.data, CLG_PART_TEST, job->config));
    must(clg_dataset_load(&all, job->a.data, CLG_PART_TRAIN, job->config));
    size_t rows = clg_dataset_describe(all).rows, limit = (size_t)job->a.limit;
    if (limit == 0 || limit >= rows) {
        job->train = all;
        return;
    }
    must(clg_dataset_split(&job->train, &rest, all, (double)(rows - limit), 1, 0));
    clg_dataset_destroy(rest);
    clg_dataset_destroy(all);
}

static clg_net *make_net(const struct job *job)
{
    clg_net *net;
    int inputs, outputs, last = job->a.nlayers - 2;
    must(clg_net_create(&net, job->config, job->train));
    must(clg_net_layer(net, 0, &inputs, NULL, NULL));
    must(clg_net_layer(net, last, NULL, &outputs, NULL));
    if (inputs != job->a.layers[0] || outputs != job->a.layers[last + 1])
        bd_die("--layers does not fit the data: the network is ", clg_net_text(net));
    return net;
}

static void on_epoch(void *user, const clg_progress *progress)
{
    struct job *job = user;
    if (!progress->epoch_end || progress->epoch < 1 || progress->epoch > job->a.epochs)
        return;
    job->epoch_s[progress->epoch - 1] = progress->seconds - job->mark;
    job->mark = progress->seconds;
}

/* Where an epoch is shorter than 50 steps nobody looks at each: all have the mean time. */
static void train(struct job *job, clg_net *net)
{
    clg_train_hooks hooks = {.user = job, .progress = on_epoch};
    clg_train_result result;
    size_t rows = clg_dataset_describe(job->train).rows;
    int watched = rows / (size_t)job->a.batch >= 50;
    must(clg_train(&result, net, job->device, job->train, NULL, NULL, watched ? &hooks : NULL));
    job->steps = (long)result.steps;
    for (int e = 0; !watched && e < job->a.epochs; e++)
        job->epoch_s[e] = result.seconds / job->a.epochs;
}

/* A few steps on a copy: what is built or chosen once is built and chosen after them. */
static void warm_up(const struct job *job)
{
    clg_net *net = NULL;
    clg_config *brief = NULL;
    must(clg_config_copy(&brief, job->config));
    set(brief, "steps", "3");
    must(clg_net_create(&net, brief, job->train));
    must(clg_train(NULL, net, job->device, job->train, NULL, NULL, NULL));
    clg_net_destroy(net);
    clg_config_destroy(brief);
}

static double accuracy(const struct job *job, const clg_net *net)
{
    clg_evaluation e;
    size_t rows = clg_dataset_describe(job->test).rows, right = 0;
    if (clg_dataset_describe(job->test).classes) {
        must(clg_evaluate(&e, net, job->device, job->test));
        double share = e.accuracy;
        clg_evaluation_clear(&e);
        return share;
    }
    float *y = (float *)bd_alloc(rows, sizeof *y);
    must(clg_predict(y, net, job->device, job->test));
    for (size_t i = 0; i < rows; i++)
        right += clg_predicted_class(&y[i], 1) == job->truth[i];
    free(y);
    return (double)right / (double)rows;
}

int main(int argc, char **argv)
{
    struct job job = {.a = bd_parse(argc, argv)};
    limit_threads(job.a.threads);
    configure(&job);
    job.epoch_s = (double *)bd_alloc((size_t)job.a.epochs, sizeof(double));
    double start = bd_now();
    load(&job);
    double loaded = bd_now();
    must(clg_device_open(&job.device, job.a.device[0] ? job.a.device : NULL, job.config));
    warm_up(&job);
    clg_net *net = make_net(&job);
    double made = bd_now();
    train(&job, net);
    bd_report("clgrad", &job.a, job.epoch_s, job.steps, accuracy(&job, net), loaded - start,
              made - loaded, clg_device_describe(job.device)->name);
    clg_net_destroy(net);
    clg_device_close(job.device);
    clg_dataset_destroy(job.train);
    clg_dataset_destroy(job.test);
    clg_config_destroy(job.config);
    free(job.epoch_s);
    return 0;
}
