/* Names, accepted pairs, optimiser slots, and which table serves a device. */
#include "harness.h"
#include "ops/ops.h"

START_TEST(table_of_pairs)
{
    static const int pairs[CLG_LOSSES][CLG_ACTS] = {
        [CLG_CE] = {[CLG_SOFTMAX] = 1},
        [CLG_BCE] = {[CLG_SIGMOID] = 1},
        [CLG_MSE] = {1, 1, 1, 1, 1, [CLG_STEP] = 0, 1, 1, 1, 1, 1, 1},
        [CLG_HUBER] = {1, 1, 1, 1, 1, [CLG_STEP] = 0, 1, 1, 1, 1, 1, 1},
        [CLG_PERCEPTRON] = {[CLG_STEP] = 1},
    };
    for (int loss = 0; loss < CLG_LOSSES; loss++)
        for (int act = 0; act < CLG_ACTS; act++)
            ck_assert_int_eq(clg_pair_exists((enum clg_loss)loss, (enum clg_act)act),
                             pairs[loss][act]);
}
END_TEST

START_TEST(table_of_names_and_slots)
{
    static const char *const acts[] = {"identity", "sigmoid", "tanh",       "relu",
                                       "softmax",  "step",    "leaky_relu", "elu",
                                       "gelu",     "silu",    "softplus",   "maxout"};
    static const char *const losses[] = {"ce", "bce", "mse", "huber", "perceptron"};
    static const struct {
        enum clg_opt opt;
        const char *name, *slot[2];
    } opts[] = {
        {CLG_SGD, "sgd", {NULL, NULL}},          {CLG_MOMENTUM, "momentum", {"v", NULL}},
        {CLG_ADAM, "adam", {"m", "v"}},          {CLG_EMA_MOMENTUM, "ema_momentum", {"v", NULL}},
        {CLG_NESTEROV, "nesterov", {"v", NULL}}, {CLG_RMSPROP, "rmsprop", {"v", "buf"}},
        {CLG_ADAGRAD, "adagrad", {"sum", NULL}}, {CLG_ADAMW, "adamw", {"m", "v"}},
    };
    ck_assert_uint_eq(sizeof acts / sizeof *acts, CLG_ACTS);
    ck_assert_uint_eq(sizeof losses / sizeof *losses, CLG_LOSSES);
    ck_assert_uint_eq(sizeof opts / sizeof *opts, CLG_OPTS);
    for (int act = 0; act < CLG_ACTS; act++) {
        ck_assert_str_eq(clg_act_names[act], acts[act]);
        ck_assert_int_eq(clg_act_keeps_z((enum clg_act)act),
                         act == CLG_GELU || act == CLG_SILU || act == CLG_MAXOUT);
    }
    for (int loss = 0; loss < CLG_LOSSES; loss++)
        ck_assert_str_eq(clg_loss_names[loss], losses[loss]);
    for (int i = 0; i < CLG_OPTS; i++) {
        int slots = clg_opt_slots(opts[i].opt);
        ck_assert_str_eq(clg_opt_names[opts[i].opt], opts[i].name);
        ck_assert_int_eq(slots, (opts[i].slot[0] != NULL) + (opts[i].slot[1] != NULL));
        for (int k = 0; k < slots; k++)
            ck_assert_str_eq(clg_opt_slot_names[opts[i].opt][k], opts[i].slot[k]);
    }
}
END_TEST

START_TEST(table_of_a_device)
{
    struct clg_device device = {.kind = CLG_REFERENCE};
    struct clg_ops watching = clg_ops_reference;
    ck_assert_ptr_eq(clg_ops_of(&device), &clg_ops_reference);
    device.ops_override = &watching;
    ck_assert_ptr_eq(clg_ops_of(&device), &watching);
    device.ops_override = NULL;
    device.kind = CLG_OPENCL;
    ck_assert_ptr_eq(clg_ops_of(&device), &clg_ops_opencl);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table of operations");
    TCase *all = tcase_create("all");
    tcase_add_test(all, table_of_pairs);
    tcase_add_test(all, table_of_names_and_slots);
    tcase_add_test(all, table_of_a_device);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
