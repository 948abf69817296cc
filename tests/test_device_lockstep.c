/* Training on the device with the reference in lockstep: every result of every operation of every
 * step, from the device's own inputs, within its bound. */
#include "core/rng.h"
#include "device/device.h"
#include "harness_files.h"
#include "harness_train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;

static void count_row(void *user, const char *operation, const char *shape, int failed,
                      double worst)
{
    int *rows = user;
    if (failed)
        fprintf(stderr, "%s (%s): %g of its bound\n", operation, shape, worst);
    *rows += 1;
}

/* Trains a network for data in lockstep; `cases` operations in all, or, where that is 0, any. */
static clg_verify_result lockstep(const clg_config *config, const clg_dataset *data, int steps,
                                  int cases)
{
    int rows = 0;
    clg_verify_options options = {.steps = steps, .user = &rows, .row = count_row};
    clg_verify_result result;
    clg_net *net = NULL;
    uint64_t bytes;
    int buffers;
    ck_ok(clg_net_create(&net, config, data));
    clg_status status = clg_verify_training(&result, net, device, data, &options);
    ck_assert_msg(status == CLG_OK, "%s: %s", clg_net_text(net), clg_last_error());
    ck_assert_int_eq(result.cases, rows);
    ck_assert_msg(cases ? result.cases == cases : result.cases > 4 * steps, "%d cases, not %d",
                  result.cases, cases);
    ck_assert(result.worst > 0 && result.worst <= 1);
    clg_device_usage(device, &bytes, &buffers);
    ck_assert_uint_eq(bytes, 0);
    ck_assert_int_eq(buffers, 0);
    clg_net_destroy(net);
    return result;
}

/* Pictures of 28 x 28 bytes of ten classes, as an IDX data set: half of each background is black.
 */
static clg_dataset *digits(unsigned rows)
{
    enum { PIXELS = 28 * 28 };
    const unsigned images[] = {rows, 28, 28}, labels[] = {rows};
    unsigned char *pixel = malloc((size_t)rows * PIXELS),
                  *file = malloc((size_t)rows * PIXELS + 64);
    unsigned char *label = malloc(rows);
    char spec[8192];
    clg_dataset *data = NULL;
    for (unsigned r = 0; r < rows; r++) {
        label[r] = (unsigned char)(10 * clg_uniform(3, CLG_STREAM_TEST, 0, r));
        for (unsigned i = 0; i < PIXELS; i++) {
            double ink = clg_uniform(4, CLG_STREAM_TEST, label[r], i);
            double noise = clg_uniform(5, CLG_STREAM_TEST, r, i);
            pixel[r * PIXELS + i] = ink < 0.5 ? 0 : (unsigned char)(255 * (ink + noise) / 2);
        }
    }
    size_t size = files_idx(file, 8, 3, images, pixel, (size_t)rows * PIXELS);
    const char *x = files_put("pictures", file, size);
    size = files_idx(file, 8, 1, labels, label, rows);
    snprintf(spec, sizeof spec, "%s,%s", x, files_put("classes", file, size));
    ck_ok(clg_dataset_load(&data, spec, CLG_PART_ALL, NULL));
    ck_assert_int_eq(clg_dataset_describe(data).bytes, 1);
    free(pixel);
    free(file);
    free(label);
    return data;
}

START_TEST(pictures_by_adam)
{
    clg_dataset *data = digits(500);
    clg_config *config = harness_config("layers", "128", "opt", "adam", NULL);
    /* 2 epochs of 8 steps, the last of 52 rows: a permutation each.  A step: gather, 2 forward,
     * loss, score, 2 gradients, delta, update */
    clg_verify_result result = lockstep(config, data, 10, 2 + 10 * 9);
    ck_assert_int_eq(result.undecided, 0);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* Rows with values (rows,3) in 0..1 as targets. */
static clg_dataset *values(size_t rows, size_t features)
{
    enum { OUTPUTS = 3 };
    float *x = malloc(rows * features * sizeof *x), *y = malloc(rows * OUTPUTS * sizeof *y);
    clg_dataset *data = NULL;
    for (size_t i = 0; i < rows * features; i++)
        x[i] = (float)clg_normal(6, CLG_STREAM_TEST, 0, i);
    for (size_t i = 0; i < rows * OUTPUTS; i++)
        y[i] = (float)clg_uniform(6, CLG_STREAM_TEST, 1, i);
    ck_ok(clg_dataset_from_arrays(&data, x, rows, features, NULL, 0, y, OUTPUTS));
    free(x);
    free(y);
    return data;
}

/* ---------------------------------------------------- everything with everything */

/* What a training is made of.  A choice is one level of each; every pair of levels that can go
 * together is trained at least once. */
enum {
    FIRST,  /* activation of the first hidden layer */
    SECOND, /* of the second */
    LOSS,
    OUTPUT, /* activation */
    OPTIMISER,
    REDUCTION,
    TARGET,
    DROPOUT,
    SMOOTHING,
    WEIGHTS,
    CLIP,
    FREEZE,
    L2,
    FACTORS
};

static const char *const hidden[] = {"identity", "step",           "sigmoid",  "tanh",
                                     "relu",     "leaky_relu:0.1", "elu:0.8",  "gelu",
                                     "silu",     "softplus",       "maxout:2", "maxout:3"};
enum { HIDDEN = sizeof hidden / sizeof *hidden, SOFTMAX_OUTPUT = HIDDEN };

static const struct {
    const char *name;
    const char *level[HIDDEN + 1]; /* FIRST, SECOND and OUTPUT: from hidden */
    int levels;
} factors[FACTORS] = {
    [FIRST] = {"first", {NULL}, HIDDEN},
    [SECOND] = {"second", {NULL}, HIDDEN},
    [LOSS] = {"loss", {"ce", "bce", "mse", "huber:0.4", "perceptron"}, 5},
    [OUTPUT] = {"output", {NULL}, HIDDEN + 1},
    [OPTIMISER] = {"opt",
                   {"sgd", "momentum", "ema_momentum", "nesterov", "rmsprop", "adagrad", "adam",
                    "adamw"},
                   8},
    [REDUCTION] = {"reduction", {"mean", "sum"}, 2},
    [TARGET] = {"target", {"class", "value", "class of two"}, 3},
    [DROPOUT] = {"dropout", {"0", "0.3,0.1", "input"}, 3},
    [SMOOTHING] = {"label-smoothing", {"0", "0.1"}, 2},
    [WEIGHTS] = {"class-weights", {"none", "given"}, 2},
    [CLIP] = {"clip-norm", {"none", "0.05"}, 2},
    [FREEZE] = {"freeze", {"none", "0", "1"}, 3},
    [L2] = {"l2", {"0", "0.001"}, 2},
};

enum { MOST = 16, TRIES = 400, STEPS = 20 };

static const char *level_name(int factor, int level)
{
    if (factor != FIRST && factor != SECOND && factor != OUTPUT)
        return factors[factor].level[level];
    return level == SOFTMAX_OUTPUT ? "softmax" : hidden[level];
}

static int is_level(const int *choice, int factor, const char *name)
{
    return strcmp(level_name(factor, choice[factor]), name) == 0;
}

/* Whether the choice is one that clgrad accepts, and where each level does something. */
static int is_possible(const int *choice)
{
    const int ce = is_level(choice, LOSS, "ce"), bce = is_level(choice, LOSS, "bce");
    const int perceptron = is_level(choice, LOSS, "perceptron");
    const int values = is_level(choice, TARGET, "value");
    const int step = is_level(choice, OUTPUT, "step"),
              softmax = is_level(choice, OUTPUT, "softmax");
    const int sigmoid = is_level(choice, OUTPUT, "sigmoid");
    if ((ce && !softmax) || (bce && !sigmoid) || (perceptron != step))
        return 0;
    if (values && (choice[WEIGHTS] || ce)) /* classes that have weights; ce takes class targets */
        return 0;
    return !choice[SMOOTHING] || ce;
}

/* seen[f][a][g][b]: level a of factor f was with level b of g. */
static unsigned char possible[FACTORS][MOST][FACTORS][MOST], seen[FACTORS][MOST][FACTORS][MOST];

static void mark(unsigned char table[FACTORS][MOST][FACTORS][MOST], const int *choice)
{
    for (int f = 0; f < FACTORS; f++)
        for (int g = f + 1; g < FACTORS; g++)
            table[f][choice[f]][g][choice[g]] = 1;
}

/* Pairs that this choice would add. */
static int gain(const int *choice)
{
    int count = 0;
    for (int f = 0; f < FACTORS; f++)
        for (int g = f + 1; g < FACTORS; g++)
            count += !seen[f][choice[f]][g][choice[g]];
    return count;
}

static int count_pairs(unsigned char table[FACTORS][MOST][FACTORS][MOST])
{
    int count = 0;
    for (int f = 0; f < FACTORS; f++)
        for (int a = 0; a < MOST; a++)
            for (int g = 0; g < FACTORS; g++)
                for (int b = 0; b < MOST; b++)
                    count += table[f][a][g][b];
    return count;
}

static uint64_t draws;

/* A possible choice, with two levels given (f NULL: none). */
static void draw_choice(int *choice, const int *f, const int *level)
{
    do {
        for (int i = 0; i < FACTORS; i++)
            choice[i] = (int)(clg_uniform(9, CLG_STREAM_TEST, 0, draws++) * factors[i].levels);
        for (int i = 0; f && i < 2; i++)
            choice[f[i]] = level[i];
    } while (!is_possible(choice));
}

/* The first pair that is possible and was not yet seen. */
static int find_missing(int f[2], int level[2])
{
    for (f[0] = 0; f[0] < FACTORS; f[0]++)
        for (level[0] = 0; level[0] < MOST; level[0]++)
            for (f[1] = 0; f[1] < FACTORS; f[1]++)
                for (level[1] = 0; level[1] < MOST; level[1]++)
                    if (possible[f[0]][level[0]][f[1]][level[1]] &&
                        !seen[f[0]][level[0]][f[1]][level[1]])
                        return 1;
    return 0;
}

/* Of some choices with a pair that is missing, the one that adds most. */
static void next_choice(int *best, const int *f, const int *level)
{
    int most = -1;
    for (int i = 0; i < TRIES; i++) {
        int choice[FACTORS];
        draw_choice(choice, f, level);
        int adds = gain(choice);
        if (adds > most) {
            most = adds;
            memcpy(best, choice, sizeof choice);
        }
    }
}

static clg_config *config_of(const int *choice)
{
    const int by_input = is_level(choice, DROPOUT, "input");
    const int two = is_level(choice, TARGET, "class of two");
    char layers[64];
    snprintf(layers, sizeof layers, "10:%s,7:%s", level_name(FIRST, choice[FIRST]),
             level_name(SECOND, choice[SECOND]));
    clg_config *config = harness_config(
        "layers", layers, "loss", level_name(LOSS, choice[LOSS]), "output-act",
        level_name(OUTPUT, choice[OUTPUT]), "opt", level_name(OPTIMISER, choice[OPTIMISER]),
        "reduction", level_name(REDUCTION, choice[REDUCTION]), "l2", level_name(L2, choice[L2]),
        "label-smoothing", level_name(SMOOTHING, choice[SMOOTHING]), "lr", "0.005", "batch", "16",
        "warmup", "3", NULL);
    ck_ok(clg_config_set(config, by_input ? "dropout-input" : "dropout",
                         by_input ? "0.2" : level_name(DROPOUT, choice[DROPOUT])));
    if (choice[WEIGHTS])
        ck_ok(clg_config_set(config, "class-weights", two ? "0.5,2" : "0.5,2,1.25"));
    if (choice[CLIP])
        ck_ok(clg_config_set(config, "clip-norm", level_name(CLIP, choice[CLIP])));
    if (choice[FREEZE])
        ck_ok(clg_config_set(config, "freeze", level_name(FREEZE, choice[FREEZE])));
    if (is_level(choice, OPTIMISER, "rmsprop") && choice[L2])
        ck_ok(clg_config_set(config, "momentum", "0.9"));
    return config;
}

static clg_verify_result train_choice(const int *choice, clg_dataset *const data[3])
{
    clg_config *config = config_of(choice);
    for (int f = 0; f < FACTORS; f++)
        printf("%s%s", f ? " " : "  ", level_name(f, choice[f]));
    printf("\n");
    clg_verify_result result = lockstep(config, data[choice[TARGET]], STEPS, 0);
    clg_config_destroy(config);
    return result;
}

/* Which pairs can be: those that some choice has, found by drawing. */
static void find_possible(void)
{
    for (int f = 0; f < FACTORS; f++)
        for (int a = 0; a < factors[f].levels; a++)
            for (int i = 0; i < TRIES; i++) {
                int choice[FACTORS], pair[2] = {f, f}, level[2] = {a, a};
                draw_choice(choice, pair, level);
                mark(possible, choice);
            }
}

START_TEST(every_pair_of_choices)
{
    clg_dataset *data[3] = {harness_blobs(70, 9, 3, 7), values(70, 9), harness_blobs(70, 9, 2, 7)};
    int f[2], level[2], trainings = 0, undecided = 0, choice[FACTORS];
    double elements = 0;
    find_possible();
    printf("lockstep, %d steps each:\n ", STEPS);
    for (int i = 0; i < FACTORS; i++)
        printf(" %s", factors[i].name);
    printf("\n");
    while (find_missing(f, level)) {
        next_choice(choice, f, level);
        mark(seen, choice);
        clg_verify_result result = train_choice(choice, data);
        undecided += result.undecided;
        elements += (double)result.elements;
        trainings++;
    }
    printf("%d trainings, %d pairs of %d, %d elements of %.0f at a kink\n", trainings,
           count_pairs(seen), count_pairs(possible), undecided, elements);
    ck_assert_int_eq(count_pairs(seen), count_pairs(possible));
    ck_assert_int_gt(count_pairs(seen), 1000);
    ck_assert(undecided <= 1e-4 * elements);
    for (int i = 0; i < 3; i++)
        clg_dataset_destroy(data[i]);
}
END_TEST

START_TEST(rows_in_file_order_need_no_permutation)
{
    clg_dataset *data = values(30, 20);
    clg_config *config = harness_config("layers", "", "no-shuffle", "true", "batch", "full", NULL);
    lockstep(config, data, 3, 3 * 6);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* A student with a teacher's logits in its loss, softened, and smoothed targets beside them. */
START_TEST(a_student_and_its_teacher)
{
    clg_dataset *data = harness_blobs(70, 9, 3, 7);
    clg_config *config = harness_config("layers", "12:tanh", NULL);
    clg_net *teacher = NULL;
    char path[4200];
    snprintf(path, sizeof path, "%s/teacher.safetensors", harness_folder());
    ck_ok(clg_net_create(&teacher, config, data));
    ck_ok(clg_net_save(teacher, path));
    clg_config_destroy(config);
    config = harness_config("layers", "8:gelu", "teacher", path, "temperature", "3",
                            "distill-weight", "0.7", "label-smoothing", "0.1", "batch", "16", NULL);
    lockstep(config, data, STEPS, 0);
    clg_config_destroy(config);
    clg_net_destroy(teacher);
    clg_dataset_destroy(data);
}
END_TEST

/* The targets are the inputs, not those that are dropped. */
START_TEST(an_autoencoder)
{
    clg_dataset *data = values(40, 17);
    clg_config *config = harness_config("layers", "5:softplus", "target", "input", "batch", "16",
                                        "dropout-input", "0.2", NULL);
    lockstep(config, data, STEPS, 0);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

/* Numbers that leave the range of a float are no fault of the device. */
START_TEST(a_training_that_diverges_is_no_mismatch)
{
    clg_dataset *data = values(30, 20);
    clg_config *config =
        harness_config("layers", "16:identity,8:identity", "opt", "sgd", "lr", "1e20", NULL);
    clg_verify_result result;
    clg_net *net = NULL;
    ck_ok(clg_net_create(&net, config, data));
    ck_fails(clg_verify_training(&result, net, device, data, NULL), CLG_EDIVERGED, "diverged");
    ck_assert_ptr_null(device->ops_override);
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lockstep");
    TCase *steps = tcase_create("steps");
    device = harness_device();
    device->plan = CLG_CHOOSE_PLAIN; /* test_device_verify_plans has the others */
    tcase_add_test(steps, pictures_by_adam);
    tcase_add_test(steps, every_pair_of_choices);
    tcase_add_test(steps, a_student_and_its_teacher);
    tcase_add_test(steps, an_autoencoder);
    tcase_add_test(steps, rows_in_file_order_need_no_permutation);
    tcase_add_test(steps, a_training_that_diverges_is_no_mismatch);
    suite_add_tcase(suite, steps);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
