/* Verification of the fused and the resident plan on a device: one wrong element of any result of
 * any of their launches is noticed and named; checks change no bit of a training by either. */
#include "harness_train.h"
#include "net/net.h"
#include "ops/span.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static clg_device *device;
static clg_dataset *data;

/* Whose result is spoilt, on its first call. */
struct wrong {
    const char *operation, *operand, *tensor; /* tensor: as a training names it first */
};
static const struct wrong wrongs[] = {
    {"fused_fwd", "z", "layers.0.z"},
    {"fused_fwd", "y", "layers.0.y"},
    {"fused_head", "z", "layers.2.z"},
    {"fused_head", "y", "y"},
    {"fused_head", "dz", "layers.2.dz"},
    {"fused_head", "row_loss", "row_loss"},
    {"fused_head", "row_hits", "row_hits"},
    {"fused_head", "dx", "layers.1.dz"},
    {"fused_delta", "dx", "layers.0.dz"},
    {"fused_learn", "params", "layers."},
    {"fused_learn", "slot0", "opt.m.layers."},
    {"fused_learn", "slot1", "opt.v.layers."},
    {"fused_learn", "stats", "fused_learn.stats"},
    {"fused_learn", "hits", "hits"},
    {"fused_learn", "x_next", "next.x"},
    {"fused_learn", "t_next", "next.t"},
    {"span", "params", "span.layers."},
    {"span", "slot0", "span.opt.m.layers."},
    {"span", "slot1", "span.opt.v.layers."},
    {"span", "grads", "span.layers."},
    {"span", "loss", "span.loss"},
    {"span", "penalty", "span.penalty"},
    {"span", "hits", "span.hits"},
};
enum { WRONGS = sizeof wrongs / sizeof *wrongs, FUSED = 16 };

static const struct wrong *now;
static int calls;
static struct clg_ops table;

/* Of reals the largest by 1/256, of integers the first by one bit. */
static void spoil(const char *operation, const char *operand, const struct clg_buf *constant)
{
    struct clg_buf *buf = (struct clg_buf *)constant;
    int32_t integer;
    size_t at = 0;
    if (calls || strcmp(now->operation, operation) != 0 || strcmp(now->operand, operand) != 0)
        return;
    calls++;
    if (buf->elem == CLG_I32) {
        ck_ok(clg_buf_download(buf, &integer, 0, 1));
        integer ^= 1;
        ck_ok(clg_buf_upload(buf, &integer, 0, 1));
        return;
    }
    double *value = calloc(buf->count, sizeof *value);
    ck_ok(clg_real_download(buf, value, 0, buf->count));
    for (size_t i = 1; i < buf->count; i++)
        at = fabs(value[i]) > fabs(value[at]) ? i : at;
    value[at] *= 1 + 1.0 / 256;
    ck_ok(clg_real_upload(buf, &value[at], at, 1));
    free(value);
}

/* In front of a layer's delta nobody may write. */
static void spoil_gap(const struct clg_fused_net *net)
{
    const double one = 1;
    if (calls || strcmp(now->operand, "gap") != 0)
        return;
    calls++;
    ck_ok(clg_real_upload((struct clg_buf *)net->batch, &one, net->layer[0].dz_at - 1, 1));
}

static clg_status wrong_fwd(struct clg_fused *fused, int l, const struct clg_buf *input, int B)
{
    const struct clg_fused_net *net = clg_fused_net_of(fused);
    CLG_TRY(clg_ops_opencl.fused_fwd(fused, l, input, B));
    if (net->layer[l].z)
        spoil("fused_fwd", "z", net->layer[l].z);
    spoil("fused_fwd", "y", net->layer[l].y);
    spoil_gap(net);
    return CLG_OK;
}

static clg_status wrong_head(struct clg_fused *fused, const struct clg_buf *input,
                             const struct clg_buf *t, int B, double scale, int *delta)
{
    const struct clg_fused_net *net = clg_fused_net_of(fused);
    const struct clg_fused_layer *last = &net->layer[net->layers - 1];
    CLG_TRY(clg_ops_opencl.fused_head(fused, input, t, B, scale, delta));
    spoil("fused_head", "z", last->z);
    spoil("fused_head", "y", net->out);
    spoil("fused_head", "dz", last->dz);
    spoil("fused_head", "row_loss", net->row_loss);
    spoil("fused_head", "row_hits", net->row_hits);
    if (*delta)
        spoil("fused_head", "dx", (last - 1)->dz);
    return CLG_OK;
}

static clg_status wrong_delta(struct clg_fused *fused, int l, int B)
{
    CLG_TRY(clg_ops_opencl.fused_delta(fused, l, B));
    spoil("fused_delta", "dx", clg_fused_net_of(fused)->layer[l - 1].dz);
    return CLG_OK;
}

static clg_status wrong_learn(struct clg_fused *fused, const struct clg_buf *x,
                              const struct clg_buf *t, int B, const struct clg_update *u,
                              const struct clg_fused_next *next)
{
    const struct clg_fused_net *net = clg_fused_net_of(fused);
    CLG_TRY(clg_ops_opencl.fused_learn(fused, x, t, B, u, next));
    spoil("fused_learn", "params", net->params);
    spoil("fused_learn", "slot0", net->slot0);
    spoil("fused_learn", "slot1", net->slot1);
    spoil("fused_learn", "stats", net->stats);
    spoil("fused_learn", "hits", net->hits);
    spoil("fused_learn", "x_next", next->x);
    spoil("fused_learn", "t_next", next->t);
    return CLG_OK;
}

/* One of the two sums of stats. */
static void spoil_sum(const char *operand, struct clg_buf *stats, size_t at)
{
    double sum;
    if (calls || strcmp(now->operation, "span") != 0 || strcmp(now->operand, operand) != 0)
        return;
    calls++;
    ck_ok(clg_real_download(stats, &sum, at, 1));
    sum *= 1 + 1.0 / 256;
    ck_ok(clg_real_upload(stats, &sum, at, 1));
}

static clg_status wrong_span(clg_device *on, const struct clg_span_launch *launch)
{
    CLG_TRY(clg_ops_opencl.span(on, launch));
    spoil("span", "params", launch->params);
    spoil("span", "slot0", launch->slot0);
    spoil("span", "slot1", launch->slot1);
    spoil("span", "grads", launch->grads);
    spoil_sum("loss", launch->stats, 0);
    spoil_sum("penalty", launch->stats, 2);
    spoil("span", "hits", launch->hits);
    return CLG_OK;
}

static void put_wrong(const struct wrong *wrong)
{
    now = wrong;
    calls = 0;
    table = clg_ops_opencl;
    table.fused_fwd = wrong_fwd;
    table.fused_head = wrong_head;
    table.fused_delta = wrong_delta;
    table.fused_learn = wrong_learn;
    table.span = wrong_span;
    device->ops_override = &table;
}

static clg_net *net_of(const char *layers, const char *key, const char *value)
{
    clg_config *config =
        harness_config("layers", layers, "batch", "50", "l2", "0.01", key, value, NULL);
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    clg_config_destroy(config);
    return net;
}

START_TEST(a_wrong_result_is_named)
{
    const struct wrong *wrong = &wrongs[_i];
    const int is_span = _i >= FUSED;
    clg_verify_options options = {.steps = 2};
    clg_verify_result result;
    clg_net *net =
        is_span ? net_of("9:tanh", "opt", "adam") : net_of("33:gelu,17:tanh", "opt", "adam");
    device->plan = is_span ? CLG_CHOOSE_RESIDENT : CLG_CHOOSE_FUSED;
    put_wrong(wrong);
    clg_status status = clg_verify_training(&result, net, device, data, &options);
    device->ops_override = NULL;
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(status, CLG_EMISMATCH);
    ck_assert_msg(strncmp(result.first, wrong->operation, strlen(wrong->operation)) == 0, "%s",
                  result.first);
    ck_assert_msg(strncmp(result.first_tensor, wrong->tensor, strlen(wrong->tensor)) == 0,
                  "%s, not %s", result.first_tensor, wrong->tensor);
    ck_assert_str_eq(result.cause, is_span ? "operation" : "transient");
    ck_assert_uint_eq(result.first_step, 1);
    ck_assert_str_eq(result.plan, is_span ? "resident" : "fused");
    clg_net_destroy(net);
}
END_TEST

START_TEST(a_wrong_operation_is_noticed)
{
    static const struct wrong operations[] = {{"fused_fwd", "gap", "wrote between"},
                                              {"fused_learn", "slot0", "slot0"}};
    clg_verify_result result;
    const int keeps_records = device->keeps_records;
    device->plan = CLG_CHOOSE_AUTO;
    put_wrong(&operations[_i]);
    device->keeps_records = 0; /* or the device would be remembered as wrong */
    clg_status status = clg_verify_operations(&result, device, NULL);
    device->keeps_records = keeps_records;
    device->ops_override = NULL;
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(status, CLG_EMISMATCH);
    ck_assert_int_eq(result.failed, 1);
    ck_assert_msg(strstr(result.first, operations[_i].tensor) != NULL, "%s", result.first);
}
END_TEST

/* In every batch of data sets that spans and strips alone have. */
static clg_status wrong_gather(clg_device *on, struct clg_buf *x, struct clg_buf *t,
                               const struct clg_rows *rows, const struct clg_buf *perm,
                               size_t start, int B)
{
    double value;
    CLG_TRY(clg_ops_opencl.gather(on, x, t, rows, perm, start, B));
    if (rows->rows >= 150)
        return CLG_OK;
    calls++;
    ck_ok(clg_real_download(x, &value, 0, 1));
    value += 1;
    ck_ok(clg_real_upload(x, &value, 0, 1));
    return CLG_OK;
}

/* No number, in every launch. */
static clg_status no_number_fwd(struct clg_fused *fused, int l, const struct clg_buf *input, int B)
{
    static const double none = (double)NAN;
    CLG_TRY(clg_ops_opencl.fused_fwd(fused, l, input, B));
    calls++;
    ck_ok(clg_real_upload((struct clg_buf *)clg_fused_net_of(fused)->layer[l].y, &none, 0, 1));
    return CLG_OK;
}

static void on_row(void *user, const char *operation, const char *shape, int failed, double worst)
{
    (void)worst;
    if (failed)
        ck_assert_msg(strcmp(operation, user) == 0, "%s (%s) is blamed", operation, shape);
}

/* Neither the launches that follow nor the spans and strips that are held against it. */
START_TEST(what_follows_from_a_wrong_operation_is_not_blamed)
{
    static char operation[2][10] = {"gather", "fused_fwd"};
    const clg_verify_options options = {.operations = 1, .user = operation[_i], .row = on_row};
    const int keeps_records = device->keeps_records;
    clg_verify_result result;
    device->plan = CLG_CHOOSE_AUTO;
    calls = 0;
    table = clg_ops_opencl;
    if (_i == 0)
        table.gather = wrong_gather;
    else
        table.fused_fwd = no_number_fwd;
    device->ops_override = &table;
    device->keeps_records = 0;
    clg_status status = clg_verify_operations(&result, device, &options);
    device->keeps_records = keeps_records;
    device->ops_override = NULL;
    ck_assert_int_eq(status, CLG_EMISMATCH);
    ck_assert_int_ge(calls, 2);
    ck_assert_int_eq(result.failed, calls);
}
END_TEST

START_TEST(checks_change_no_bit)
{
    static const enum clg_plan_choice plans[] = {CLG_CHOOSE_FUSED, CLG_CHOOSE_RESIDENT};
    clg_net *checked = net_of("9:tanh", "check-every", "7");
    clg_net *plain = net_of("9:tanh", "check-every", "1000");
    clg_train_result result, other;
    device->plan = plans[_i];
    ck_ok(clg_train(&result, checked, device, data, NULL, NULL, NULL));
    ck_assert_uint_eq(result.checks, result.steps / 7);
    ck_assert_uint_gt(result.checks, 2);
    ck_ok(clg_train(&other, plain, device, data, NULL, NULL, NULL));
    ck_assert_uint_eq(other.checks, 0);
    ck_assert(result.loss == other.loss && result.cost == other.cost &&
              result.accuracy == other.accuracy);
    ck_assert_mem_eq(plain->params, checked->params, plain->count * sizeof *plain->params);
    clg_net_destroy(plain);
    clg_net_destroy(checked);
}
END_TEST

START_TEST(all_is_well_by_every_plan)
{
    static const enum clg_plan_choice plans[] = {CLG_CHOOSE_PLAIN, CLG_CHOOSE_FUSED,
                                                 CLG_CHOOSE_RESIDENT};
    static const char *const names[] = {"plain", "fused", "resident"};
    clg_verify_options options = {.steps = 6};
    clg_verify_result result;
    clg_net *net = net_of("9:tanh", "opt", "rmsprop");
    device->plan = plans[_i];
    ck_ok(clg_verify_training(&result, net, device, data, &options));
    ck_assert_str_eq(result.plan, names[_i]);
    ck_assert(result.worst > 0.01 && result.worst <= 1);
    clg_net_destroy(net);
}
END_TEST

static void setup(void)
{
    data = harness_blobs(200, 20, 4, 1);
}

static void teardown(void)
{
    clg_dataset_destroy(data);
    ck_assert_int_eq(device->buffers, 0);
}

int main(void)
{
    Suite *suite = suite_create("verify the plans on a device");
    TCase *all = tcase_create("all");
    device = harness_device();
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_loop_test(all, a_wrong_result_is_named, 0, WRONGS);
    tcase_add_loop_test(all, a_wrong_operation_is_noticed, 0, 2);
    tcase_add_loop_test(all, what_follows_from_a_wrong_operation_is_not_blamed, 0, 2);
    tcase_add_loop_test(all, checks_change_no_bit, 0, 2);
    tcase_add_loop_test(all, all_is_well_by_every_plan, 0, 3);
    suite_add_tcase(suite, all);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
