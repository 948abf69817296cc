/* Names, accepted pairs, optimiser slots, and which table serves a device. */
#include "harness.h"
#include "ops/ops.h"

START_TEST(table_of_names_and_pairs)
{
    static const int pairs[CLG_LOSSES][CLG_ACTS] = {
        [CLG_CE] = {[CLG_SOFTMAX] = 1},
        [CLG_BCE] = {[CLG_SIGMOID] = 1},
        [CLG_MSE] = {1, 1, 1, 1, 1},
    };
    for (int loss = 0; loss < CLG_LOSSES; loss++)
        for (int act = 0; act < CLG_ACTS; act++)
            ck_assert_int_eq(clg_pair_exists((enum clg_loss)loss, (enum clg_act)act),
                             pairs[loss][act]);
    ck_assert_str_eq(clg_act_names[CLG_SOFTMAX], "softmax");
    ck_assert_str_eq(clg_loss_names[CLG_BCE], "bce");
    ck_assert_str_eq(clg_opt_names[CLG_MOMENTUM], "momentum");
    ck_assert_int_eq(clg_opt_slots(CLG_SGD), 0);
    ck_assert_int_eq(clg_opt_slots(CLG_MOMENTUM), 1);
    ck_assert_int_eq(clg_opt_slots(CLG_ADAM), 2);
    ck_assert_str_eq(clg_opt_slot_names[CLG_MOMENTUM][0], "v");
    ck_assert_str_eq(clg_opt_slot_names[CLG_ADAM][0], "m");
    ck_assert_str_eq(clg_opt_slot_names[CLG_ADAM][1], "v");
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
    tcase_add_test(all, table_of_names_and_pairs);
    tcase_add_test(all, table_of_a_device);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
