/* On the device: spans, the resident plan's launches of many steps, against single steps of the
 * plain plan, to the bit; and spans of any length against each other. */
#include "harness_train.h"
#include "net/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;

/* A network on the device with its data. */
struct lab {
    clg_config *config;
    clg_dataset *data;
    clg_net *net;
    clg_engine *engine;
    struct clg_resident resident;
    int batch;
    uint64_t epoch_steps;
    double best_loss;
    int best_epoch;
    struct clg_scores ended[CLG_SPAN_EPOCHS];
    int count; /* of ended, over all spans */
};

/* What a test trains: "key=value" words, and its data. */
struct job {
    const char *words[14];
    size_t rows, features, outputs; /* outputs 0: class targets */
    int classes, bytes;
};

static clg_config *config_of(const struct job *job)
{
    clg_config *config = harness_config("seed", "5", NULL);
    char word[64];
    for (int i = 0; job->words[i]; i++) {
        snprintf(word, sizeof word, "%s", job->words[i]);
        char *equals = strchr(word, '=');
        *equals = '\0';
        ck_ok(clg_config_set(config, word, equals + 1));
    }
    return config;
}

static clg_dataset *values_of(const struct job *job)
{
    clg_dataset *blobs = harness_blobs(job->rows, job->features, 2, 9), *data = NULL;
    float *values = calloc(job->rows * job->outputs, sizeof *values);
    for (size_t i = 0; i < job->rows * job->outputs; i++)
        values[i] = (float)(i * 7 % 11) / 11;
    ck_ok(clg_dataset_from_arrays(&data, blobs->x, job->rows, job->features, NULL, 0, values,
                                  job->outputs));
    free(values);
    clg_dataset_destroy(blobs);
    return data;
}

/* The same blobs, as bytes. */
static void make_bytes(clg_dataset *data)
{
    const float *x = data->x;
    unsigned char *bytes = malloc(data->rows * data->features);
    for (size_t i = 0; i < data->rows * data->features; i++)
        bytes[i] = (unsigned char)fmin(255, fmax(0, 200 * (double)x[i]));
    memcpy((void *)(uintptr_t)data->x, bytes, data->rows * data->features);
    data->storage = CLG_BYTES;
    free(bytes);
}

static struct lab *lab_of(const struct job *job)
{
    struct lab *lab = calloc(1, sizeof *lab);
    struct clg_plan plan;
    lab->config = config_of(job);
    lab->data =
        job->outputs ? values_of(job) : harness_blobs(job->rows, job->features, job->classes, 9);
    if (job->bytes)
        make_bytes(lab->data);
    lab->batch = (int)clg_config_integer(lab->config, "batch");
    lab->epoch_steps = (job->rows + (size_t)lab->batch - 1) / (size_t)lab->batch;
    lab->best_loss = INFINITY;
    ck_ok(clg_net_create(&lab->net, lab->config, lab->data));
    clg_plan_begin(&plan, device);
    ck_ok(clg_resident_plan(&lab->resident, &plan, lab->data, lab->net, 1, "data"));
    ck_ok(clg_plan_commit(&plan));
    ck_ok(clg_resident_upload(&lab->resident, lab->data, lab->net));
    ck_ok(clg_engine_create(&lab->engine, device, lab->net, lab->batch, 1));
    ck_ok(clg_engine_zero_scores(lab->engine));
    return lab;
}

static void lab_free(struct lab *lab)
{
    clg_engine_destroy(lab->engine);
    clg_resident_release(&lab->resident);
    clg_net_destroy(lab->net);
    clg_dataset_destroy(lab->data);
    clg_config_destroy(lab->config);
    free(lab);
}

/* The learning rate of a step: it moves, so that each step must get its own. */
static double rate_of(uint64_t step)
{
    return 0.01 / (1 + 0.1 * (double)step);
}

/* `steps` more steps, in spans of `most` at most. */
static void run_spans(struct lab *lab, uint64_t steps, uint64_t most, int ends)
{
    double *lr = calloc((size_t)most, sizeof *lr);
    while (steps > 0) {
        const uint64_t done = lab->net->step;
        struct clg_span span = {.data = &lab->resident.rows,
                                .shuffle = 1,
                                .batch = lab->batch,
                                .epoch = (int)(done / lab->epoch_steps) + 1,
                                .epoch_step = done % lab->epoch_steps,
                                .steps = steps < most ? steps : most,
                                .lr = lr,
                                .lr_varies = 1,
                                .every_epoch = 1,
                                .keep_best = 1,
                                .best_loss = lab->best_loss,
                                .best_epoch = lab->best_epoch};
        int count;
        for (uint64_t s = 0; s < span.steps; s++)
            lr[s] = rate_of(done + s);
        span.ends = ends && span.steps == steps;
        ck_ok(clg_engine_span(lab->engine, &span, lab->ended + lab->count, &count));
        lab->count += count;
        lab->best_loss = span.best_loss;
        lab->best_epoch = span.best_epoch;
        steps -= span.steps;
    }
    free(lr);
}

/* The same by the plain plan's operations. */
static void run_plain(struct lab *lab, uint64_t steps)
{
    struct clg_engine *engine = lab->engine;
    struct clg_rows *rows = &lab->resident.rows;
    const int shuffled = (size_t)lab->batch < rows->rows;
    for (uint64_t done = 0; done < steps; done++) {
        const uint64_t index = done % lab->epoch_steps;
        const size_t start = (size_t)index * (size_t)lab->batch, left = rows->rows - start;
        const int B = left < (size_t)lab->batch ? (int)left : lab->batch;
        if (index == 0) {
            ck_ok(clg_engine_zero_scores(engine));
            ck_ok(engine->ops->permute(device, &lab->resident.perm, rows->rows, lab->net->seed,
                                       (uint32_t)(done / lab->epoch_steps) + 1));
        }
        ck_ok(engine->ops->gather(device, &engine->x, &engine->t, rows,
                                  shuffled ? &lab->resident.perm : NULL, start, B));
        ck_ok(clg_engine_fwd(engine, B, 1));
        ck_ok(clg_engine_loss(engine, B, NULL));
        ck_ok(clg_engine_score(engine, B));
        ck_ok(clg_engine_bwd(engine, B));
        ck_ok(clg_engine_step(engine, rate_of(done)));
    }
}

static void slab_same(struct lab *a, struct lab *b, const struct clg_buf *of_a,
                      const struct clg_buf *of_b, const char *what)
{
    const size_t n = a->net->count;
    double *va = calloc(n, sizeof *va), *vb = calloc(n, sizeof *vb), sum = 0;
    ck_ok(clg_engine_read_slab(a->engine, va, of_a));
    ck_ok(clg_engine_read_slab(b->engine, vb, of_b));
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(isfinite(va[i]) && va[i] == vb[i], "%s %zu of %s: %.9g, not %.9g", what, i,
                      a->net->text, va[i], vb[i]);
        sum += fabs(va[i]);
    }
    ck_assert_msg(sum > 0, "%s of %s are all zero", what, a->net->text);
    free(va);
    free(vb);
}

static void state_same(struct lab *a, struct lab *b)
{
    slab_same(a, b, &a->engine->params, &b->engine->params, "parameter");
    slab_same(a, b, &a->engine->grads, &b->engine->grads, "gradient");
    for (int s = 0; s < 2; s++)
        if (a->engine->slot[s].device &&
            !(a->net->opt == CLG_RMSPROP && s == 1 && a->engine->update.momentum <= 0))
            slab_same(a, b, &a->engine->slot[s], &b->engine->slot[s], "moment");
}

/* Sums of the epoch under way.  exactly 0: the penalty's were added in another order, of count
 * squares and over the epoch's steps, all of one sign. */
static void sums_same(struct lab *a, struct lab *b, int exactly)
{
    const double terms = (double)(a->net->weights + a->epoch_steps);
    double of_a[CLG_STATS], of_b[CLG_STATS];
    int32_t hits_a, hits_b;
    ck_ok(clg_real_download(&a->engine->stats, of_a, 0, CLG_STATS));
    ck_ok(clg_real_download(&b->engine->stats, of_b, 0, CLG_STATS));
    ck_ok(clg_buf_download(&a->engine->hits, &hits_a, 0, 1));
    ck_ok(clg_buf_download(&b->engine->hits, &hits_b, 0, 1));
    ck_assert_int_eq(hits_a, hits_b);
    for (int k = 0; k < 4; k += 2) {
        const double sum_a = of_a[k] + of_a[k + 1], sum_b = of_b[k] + of_b[k + 1];
        const double bound = exactly ? 0 : terms * 1.2e-7 * fabs(sum_b);
        ck_assert_msg(harness_close(sum_a, sum_b, bound), "sum %d of %s: %.9g, not %.9g", k,
                      a->net->text, sum_a, sum_b);
    }
}

static const struct job jobs[] = {
    {{"layers=2", "act=sigmoid", "loss=mse", "output-act=sigmoid", "opt=sgd", "batch=4"},
     4,
     2,
     1,
     0,
     0},
    {{"layers=3", "act=leaky_relu:0.2", "opt=momentum", "l2=0.01", "batch=5", "reduction=sum"},
     23,
     2,
     0,
     2,
     0},
    {{"layers=16", "act=relu", "opt=adam", "batch=16"}, 120, 4, 0, 3, 0},
    {{"layers=20,9", "act=gelu", "opt=nesterov", "l2=0.01", "batch=10", "label-smoothing=0.1"},
     37,
     5,
     0,
     3,
     1},
    {{"layers=17,5,33", "act=tanh", "opt=adamw", "loss=bce", "output-act=sigmoid", "batch=20",
      "weight-decay=0.1"},
     45,
     7,
     0,
     2,
     0},
    {{"layers=33", "act=silu", "opt=rmsprop", "momentum=0.9", "loss=mse", "output-act=softmax",
      "batch=33"},
     70,
     17,
     0,
     18,
     0},
    {{"layers=", "opt=adagrad", "loss=huber:0.2", "output-act=softplus", "batch=7"},
     20,
     3,
     2,
     0,
     0},
    {{"layers=4", "act=elu", "opt=ema_momentum", "loss=perceptron", "output-act=step", "batch=64"},
     64,
     64,
     0,
     2,
     1},
};
enum { JOBS = sizeof jobs / sizeof *jobs };

/* The plain plan's class of an output is the same, its loss is added in the same order but where a
 * logarithm of one number is another function than that of 16. */
START_TEST(spans_are_the_plain_plan)
{
    struct lab *span = lab_of(&jobs[_i]), *plain = lab_of(&jobs[_i]);
    const uint64_t steps = 3 * span->epoch_steps - 1 + (span->epoch_steps == 1);
    const char *against = clg_engine_refuses_spans(span->engine, &span->resident.rows, span->batch);
    ck_assert_msg(!against, "%s: %s", span->net->text, against);
    run_spans(span, steps, 4, 0);
    run_plain(plain, steps);
    ck_assert_uint_eq(span->net->step, steps);
    state_same(span, plain);
    sums_same(span, plain, 0);
    lab_free(span);
    lab_free(plain);
}
END_TEST

/* 1, 2, 7, 100 and 1000 steps a span, to a step inside an epoch. */
START_TEST(spans_of_any_length)
{
    const int which[] = {0, 1, 2};
    const uint64_t lengths[] = {2, 7, 100, 1000}, steps = 1003;
    struct lab *one = lab_of(&jobs[which[_i]]);
    run_spans(one, steps, 1, 0);
    ck_assert_int_gt(one->best_epoch, 1);
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        struct lab *many = lab_of(&jobs[which[_i]]);
        run_spans(many, steps, lengths[k], 0);
        state_same(many, one);
        sums_same(many, one, 1);
        slab_same(many, one, &many->engine->best, &one->engine->best, "best");
        ck_assert_int_eq(many->best_epoch, one->best_epoch);
        ck_assert(many->best_loss == one->best_loss);
        ck_assert_int_eq(many->count, one->count);
        ck_assert_int_eq(many->count, (int)(steps / one->epoch_steps));
        for (int e = 0; e < one->count; e++)
            ck_assert_msg(many->ended[e].loss == one->ended[e].loss &&
                              many->ended[e].cost == one->ended[e].cost,
                          "epoch %d of %s", e + 1, one->net->text);
        lab_free(many);
    }
    lab_free(one);
}
END_TEST

/* The copy is of the epoch whose loss was the lowest, and the account says which. */
START_TEST(the_best_is_kept)
{
    struct lab *lab = lab_of(&jobs[2]), *again = lab_of(&jobs[2]);
    double lowest = INFINITY;
    int best = 0;
    run_spans(lab, 40 * lab->epoch_steps, 1000, 0);
    for (int e = 0; e < lab->count; e++)
        if (lab->ended[e].loss < lowest) {
            lowest = lab->ended[e].loss;
            best = e + 1;
        }
    ck_assert_int_eq(lab->count, 40);
    ck_assert_int_eq(lab->best_epoch, best);
    ck_assert(lab->best_loss == lowest);
    run_spans(again, (uint64_t)best * again->epoch_steps, 1000, 0);
    slab_same(lab, again, &lab->engine->best, &again->engine->params, "best");
    lab_free(lab);
    lab_free(again);
}
END_TEST

/* Training that ends inside an epoch ends it. */
START_TEST(the_last_epoch_may_be_cut)
{
    struct lab *lab = lab_of(&jobs[2]), *plain = lab_of(&jobs[2]);
    struct clg_scores scores;
    run_spans(lab, 2 * lab->epoch_steps + 3, 1000, 1);
    run_plain(plain, 2 * lab->epoch_steps + 3);
    ck_assert_int_eq(lab->count, 3);
    ck_ok(clg_engine_read_scores(plain->engine, &scores, 3 * 16));
    ck_assert(harness_close(lab->ended[2].loss, scores.loss, 1e-6 * scores.loss));
    ck_assert(lab->ended[2].accuracy == scores.accuracy);
    if (lab->best_epoch == 3)
        slab_same(lab, plain, &lab->engine->best, &plain->engine->params, "best");
    lab_free(lab);
    lab_free(plain);
}
END_TEST

/* One account is that of the last epoch. */
START_TEST(one_account_is_of_the_last)
{
    struct lab *lab = lab_of(&jobs[2]), *all = lab_of(&jobs[2]);
    const double rate = rate_of(0);
    struct clg_scores last;
    int count;
    struct clg_span span = {.data = &lab->resident.rows,
                            .shuffle = 1,
                            .batch = lab->batch,
                            .epoch = 1,
                            .steps = 5 * lab->epoch_steps + 1,
                            .lr = &rate,
                            .best_loss = INFINITY};
    ck_ok(clg_engine_span(lab->engine, &span, &last, &count));
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(span.best_epoch, 0);
    span.every_epoch = 1;
    ck_ok(clg_engine_span(all->engine, &span, all->ended, &count));
    ck_assert_int_eq(count, 5);
    ck_assert(last.loss == all->ended[4].loss && last.accuracy == all->ended[4].accuracy);
    lab_free(lab);
    lab_free(all);
}
END_TEST

static int really_dedicated;

static void pretend_dedicated(void)
{
    really_dedicated = device->local_is_dedicated;
    device->local_is_dedicated = 1;
}

static void stop_pretending(void)
{
    device->local_is_dedicated = really_dedicated;
}

/* The form for devices with dedicated local memory, on whatever device this is: the same for any
 * number of steps; and a few roundings from the plain plan, whose functions take 16 numbers. */
START_TEST(spans_of_a_group)
{
    const uint64_t steps = 29;
    struct lab *one = lab_of(&jobs[_i]), *many = lab_of(&jobs[_i]);
    const char *against = clg_engine_refuses_spans(one->engine, &one->resident.rows, one->batch);
    if (against) {
        ck_assert_ptr_nonnull(strstr(against, "local memory"));
    } else {
        run_spans(one, steps, 1, 0);
        run_spans(many, steps, 10, 0);
        state_same(many, one);
        sums_same(many, one, 1);
        struct lab *plain = lab_of(&jobs[_i]);
        run_plain(plain, steps);
        state_same(one, plain);
        lab_free(plain);
        if (one->best_epoch)
            slab_same(many, one, &many->engine->best, &one->engine->best, "best");
        ck_assert_int_eq(many->best_epoch, one->best_epoch);
    }
    lab_free(many);
    lab_free(one);
}
END_TEST

/* What a span does not do is said. */
START_TEST(what_it_refuses)
{
    static const struct {
        struct job job;
        const char *words;
    } refused[] = {
        {{{"layers=65", "batch=4"}, 8, 3, 0, 2, 0}, "more than 64"},
        {{{"layers=4", "batch=65"}, 70, 3, 0, 2, 0}, "more than 64 rows"},
        {{{"layers=4,4,4,4", "batch=4"}, 8, 3, 0, 2, 0}, "more than 4 layers"},
        {{{"layers=4", "act=maxout:2", "batch=4"}, 8, 3, 0, 2, 0}, "maxout"},
        {{{"layers=4", "dropout=0.5", "batch=4"}, 8, 3, 0, 2, 0}, "dropout"},
        {{{"layers=4", "dropout-input=0.5", "batch=4"}, 8, 3, 0, 2, 0}, "dropout"},
        {{{"layers=4", "class-weights=1,2", "batch=4"}, 8, 3, 0, 2, 0}, "weights"},
        {{{"layers=4", "clip-norm=1", "batch=4"}, 8, 3, 0, 2, 0}, "clipped"},
        {{{"layers=4", "freeze=0", "batch=4"}, 8, 3, 0, 2, 0}, "frozen"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct lab *lab = lab_of(&refused[i].job);
        const char *why = clg_engine_refuses_spans(lab->engine, &lab->resident.rows, lab->batch);
        ck_assert_msg(why && strstr(why, refused[i].words), "%s: %s", refused[i].words,
                      why ? why : "not refused");
        lab_free(lab);
    }
}
END_TEST

int main(void)
{
    device = harness_device();
    device->use_cache = 0; /* PoCL builds a kernel a second time for the binary that is kept */
    Suite *suite = suite_create("spans");
    TCase *all = tcase_create("all");
    device->plan = CLG_CHOOSE_RESIDENT; /* however slow */
    tcase_add_loop_test(all, spans_are_the_plain_plan, 0, JOBS);
    tcase_add_loop_test(all, spans_of_any_length, 0, 3);
    tcase_add_test(all, the_best_is_kept);
    tcase_add_test(all, the_last_epoch_may_be_cut);
    tcase_add_test(all, one_account_is_of_the_last);
    tcase_add_test(all, what_it_refuses);
    suite_add_tcase(suite, all);
    TCase *group = tcase_create("by a work-group");
    tcase_add_checked_fixture(group, pretend_dedicated, stop_pretending);
    tcase_add_loop_test(group, spans_of_a_group, 0, JOBS);
    suite_add_tcase(suite, group);
    int failed = harness_run(suite);
    if (device->buffers != 0) {
        fprintf(stderr, "%d buffers are left\n", device->buffers);
        failed = 1;
    }
    clg_device_close(device);
    return failed;
}
