/* What options make of a network: layers, outputs, loss, and all that its learning needs. */
#include "harness_net.h"

#include <string.h>

/* Asserts that these options are refused with CLG_EUSAGE and words. */
static void refused(clg_config *config, size_t features, int classes, size_t outputs,
                    const char *words)
{
    clg_net *net = (clg_net *)&net;
    ck_fails(clg_net_describe(&net, config, features, classes, outputs), CLG_EUSAGE, words);
    ck_assert_ptr_null(net);
    ck_assert_ptr_null(strchr(clg_last_error(), '\n'));
    clg_config_destroy(config);
}

START_TEST(counts_parameters)
{
    clg_net *net = net_described(NET_CONFIG("layers=4,4"), 3, 0, 1);
    ck_assert_uint_eq(net->weights, 32);
    ck_assert_uint_eq(net->count, 32 + 9);
    ck_assert_int_eq(clg_net_layers(net), 3);
    ck_assert_int_eq(clg_net_inputs(net), 3);
    ck_assert_int_eq(clg_net_outputs(net), 1);
    clg_net_destroy(net);
    net = net_described(NET_PLAIN, 784, 10, 0);
    ck_assert_uint_eq(net->weights, 7840);
    ck_assert_uint_eq(net->count, 7850);
    clg_net_destroy(net);
}
END_TEST

START_TEST(reads_layers)
{
    static const struct {
        const char *layers, *act, *text;
    } rows[] = {
        {"256,128", "relu", "784,256:relu,128:relu,10:softmax"},
        {"256:relu,128:tanh", "sigmoid", "784,256:relu,128:tanh,10:softmax"},
        {"7,9:identity,16777216", "sigmoid", NULL},
        {"300:sigmoid", "tanh", "784,300:sigmoid,10:softmax"},
        {"64:maxout:3,32:leaky_relu:0.10", "elu:1", "784,64:maxout:3,32:leaky_relu:0.1,10:softmax"},
        {"5,6:elu:2,7:elu", "leaky_relu", "784,5:leaky_relu,6:elu:2,7:elu,10:softmax"},
        {"5:leaky_relu:0.01,6:leaky_relu:0", "elu", "784,5:leaky_relu,6:leaky_relu:0,10:softmax"},
        {"5,6:gelu,7:silu,8:softplus,9:step", "maxout:64",
         "784,5:maxout:64,6:gelu,7:silu,8:softplus,9:step,10:softmax"},
        {"none", "relu", "784,10:softmax"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clg_config *config = NET_PLAIN;
        ck_ok(clg_config_set(config, "layers", rows[i].layers));
        ck_ok(clg_config_set(config, "act", rows[i].act));
        clg_net *net = net_described(config, 784, 10, 0);
        if (rows[i].text)
            ck_assert_str_eq(clg_net_text(net), rows[i].text);
        ck_assert_str_eq(clg_config_get(clg_net_config(net), "layers"), rows[i].layers);
        clg_net_destroy(net);
    }
}
END_TEST

START_TEST(refuses_layers)
{
    static const struct {
        const char *layers, *words;
    } rows[] = {
        {"0", "--layers 0: 0 is not a layer size"},
        {"-3", "-3 is not a layer size"},
        {"2147483648", "2147483648 is not a layer size"},
        {"16777217", "16777217 is not a layer size"},
        {"99999999999999999999999999", "is not a layer size, 1 to 16777216"},
        {"18446744073709551621", "18446744073709551621 is not a layer size"}, /* 2^64 + 5 */
        {"128,", "\"\" is not a layer size"},
        {",128", "\"\" is not a layer size"},
        {"12x", "12x is not a layer size"},
        {"1e3", "1e3 is not a layer size"},
        {" 12", " 12 is not a layer size"},
        {":relu", "\"\" is not a layer size"},
        {"12:rulu", "did you mean relu?"},
        {"12:qqqqqqqq", "use one of identity, sigmoid, tanh, relu, step, leaky_relu, elu"},
        {"12:", "unknown activation"},
        {"12:softmax", "--output-act softmax"},
        {"12:relu:3", "relu takes no number: leave :3 out"},
        {"12:maxout", "maxout needs its number of pieces: maxout:K, 2 to 64"},
        {"12:maxout:", "maxout has 2 to 64 pieces"},
        {"12:maxout:1", "maxout has 2 to 64 pieces"},
        {"12:maxout:65", "maxout has 2 to 64 pieces"},
        {"12:maxout:3.5", "maxout has 2 to 64 pieces"},
        {"12:maxout:99999999999999999999", "maxout has 2 to 64 pieces"},
        {"12:leaky_relu:", " is not a number from 0 for leaky_relu"},
        {"12:leaky_relu:-0.1", "-0.1 is not a number from 0 for leaky_relu"},
        {"12:leaky_relu:0.1x", "0.1x is not a number"},
        {"12:elu:nan", "nan is not a number from 0 for elu"},
        {"12:elu:1e31", "1e31 is not a number"},
        {"12:leaky_relu:0.0000000000000000000000000000000000000000000000000000001",
         "is not a layer: N or N:ACTIVATION"},
        {"16777216:maxout:64", "more than 2147483647 parameters by layer 0"},
        {"16777216,16777216", "more than 2147483647 parameters by layer 1"},
        {"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
         "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
         "more than 63 hidden layers"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clg_config *config = NET_PLAIN;
        ck_ok(clg_config_set(config, "layers", rows[i].layers));
        refused(config, 2, 3, 0, rows[i].words);
        ck_assert_ptr_nonnull(strstr(clg_last_error(), "--layers"));
    }
}
END_TEST

START_TEST(refuses_sizes)
{
    refused(NET_PLAIN, 0, 2, 0, "0 features");
    refused(NET_PLAIN, (size_t)1 << 31, 2, 0, "2147483648 features");
    refused(NET_PLAIN, 2147483646, 0, 1, "a network takes 1 to 2147483135");
    refused(NET_PLAIN, 2, 0, (size_t)1 << 30, "1073741824 outputs");
    refused(NET_CONFIG("layers=46341"), 46341, 2, 0, "more than 2147483647 parameters");
    refused(NET_CONFIG("layers=30000,30000,30000,30000"), 2, 2, 0, "parameters by layer 3");
    refused(NET_PLAIN, 2, 1, 0, "1 class only");
    refused(NET_PLAIN, 2, 0, 0, "no targets");
    refused(NET_CONFIG("target=value"), 2, 3, 0, "--target value: the data has class targets");
    refused(NET_CONFIG("target=class"), 2, 0, 3, "--target class: the data has value targets");
}
END_TEST

START_TEST(resolves_by_targets)
{
    static const struct {
        int classes;
        size_t outputs;
        const char *loss, *act; /* given, or "" */
        const char *want_loss, *want_act, *want_target;
        int want_outputs;
    } rows[] = {
        {10, 0, "", "", "ce", "softmax", "class", 10},
        {2, 0, "", "", "ce", "softmax", "class", 2},
        {2, 0, "bce", "", "bce", "sigmoid", "class", 1},
        {3, 0, "bce", "", "bce", "sigmoid", "class", 3},
        {2, 0, "mse", "", "mse", "identity", "class", 2},
        {10, 0, "mse", "sigmoid", "mse", "sigmoid", "class", 10},
        {10, 0, "mse", "softmax", "mse", "softmax", "class", 10},
        {0, 4, "", "", "mse", "identity", "value", 4},
        {0, 1, "bce", "", "bce", "sigmoid", "value", 1},
        {0, 2, "", "tanh", "mse", "tanh", "value", 2},
        {2, 0, "perceptron", "", "perceptron", "step", "class", 1},
        {3, 0, "perceptron", "", "perceptron", "step", "class", 3},
        {0, 2, "perceptron", "step", "perceptron", "step", "value", 2},
        {2, 0, "huber", "", "huber", "identity", "class", 2},
        {0, 3, "huber:0.5", "maxout:2", "huber:0.5", "maxout:2", "value", 3},
        {0, 3, "mse", "leaky_relu:0.010", "mse", "leaky_relu", "value", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clg_config *config = NET_PLAIN;
        ck_ok(clg_config_set(config, "loss", rows[i].loss));
        ck_ok(clg_config_set(config, "output-act", rows[i].act));
        clg_net *net = net_described(config, 5, rows[i].classes, rows[i].outputs);
        const clg_config *made = clg_net_config(net);
        const char *act;
        int outputs;
        ck_ok(clg_net_layer(net, 0, NULL, &outputs, &act));
        ck_assert_str_eq(clg_config_get(made, "loss"), rows[i].want_loss);
        ck_assert_str_eq(clg_config_get(made, "output-act"), rows[i].want_act);
        ck_assert_str_eq(clg_config_get(made, "target"), rows[i].want_target);
        ck_assert_int_eq(strncmp(rows[i].want_loss, clg_loss_names[net->loss],
                                 strlen(clg_loss_names[net->loss])),
                         0);
        ck_assert_str_eq(act, rows[i].want_act);
        ck_assert_int_eq(outputs, rows[i].want_outputs);
        ck_assert_int_eq(net->target == CLG_TARGET_CLASS, rows[i].classes > 0);
        clg_net_destroy(net);
    }
}
END_TEST

START_TEST(refuses_pairs)
{
    refused(NET_CONFIG("loss=ce", "output-act=sigmoid"), 5, 3, 0,
            "there are ce with softmax; bce with sigmoid; mse with identity, sigmoid, tanh");
    refused(NET_CONFIG("loss=bce", "output-act=softmax"), 5, 3, 0, "--loss bce with --output-act");
    refused(NET_CONFIG("output-act=identity"), 5, 3, 0, "--loss ce with --output-act identity");
    refused(NET_CONFIG("loss=ce"), 5, 0, 3, "--loss ce: needs class targets");
    refused(NET_CONFIG("loss=perceptron", "output-act=sigmoid"), 5, 3, 0, "perceptron with step");
    refused(NET_CONFIG("loss=mse", "output-act=step"), 5, 3, 0,
            "--loss mse with --output-act step");
    refused(NET_CONFIG("loss=huber", "output-act=step"), 5, 0, 3, "huber with identity");
    refused(NET_CONFIG("loss=bce", "output-act=maxout:2"), 5, 3, 0,
            "--output-act maxout:2: no such");
    refused(NET_CONFIG("loss=mse", "output-act=maxout:65"), 5, 3, 0,
            "--output-act maxout:65: maxout");
    refused(NET_CONFIG("loss=huber:0"), 5, 0, 3, "--loss huber:0: huber's number must be above 0");
    refused(NET_CONFIG("act=maxout:1"), 5, 0, 3, "--act maxout:1: maxout has 2 to 64 pieces");
    refused(NET_CONFIG("one-vs-rest=true"), 5, 3, 0, "--one-vs-rest: under --loss ce");
    refused(NET_CONFIG("one-vs-rest=true"), 5, 0, 3, "--one-vs-rest: needs class targets");
    refused(NET_CONFIG("label-smoothing=0.1", "loss=bce"), 5, 3, 0, "not with bce");
    refused(NET_CONFIG("target=input", "loss=ce"), 5, 3, 0, "with --target input use");
}
END_TEST

START_TEST(makes_one_output_a_class)
{
    static const char *const losses[] = {"bce", "perceptron", "mse", "huber"};
    for (int i = 0; i < 4; i++) {
        clg_config *config = NET_CONFIG("one-vs-rest=true");
        ck_ok(clg_config_set(config, "loss", losses[i]));
        clg_net *net = net_described(config, 5, 2, 0);
        ck_assert_int_eq(clg_net_outputs(net), 2);
        ck_assert_int_eq(net->classes, 2);
        clg_net_destroy(net);
    }
}
END_TEST

START_TEST(takes_the_input_for_a_target)
{
    clg_net *net = net_described(NET_CONFIG("target=input", "layers=3"), 7, 10, 0);
    ck_assert_str_eq(clg_net_text(net), "7,3:relu,7:identity");
    ck_assert_str_eq(clg_config_get(clg_net_config(net), "loss"), "mse");
    ck_assert_str_eq(clg_config_get(clg_net_config(net), "target"), "input");
    ck_assert(net->target_input && net->target == CLG_TARGET_VALUE && net->classes == 0);
    clg_net_destroy(net);
    net = net_described(NET_CONFIG("target=input", "loss=bce"), 7, 0,
                        0); /* no targets, none needed */
    ck_assert_str_eq(clg_net_text(net), "7,7:sigmoid");
    clg_net_destroy(net);
    net = net_described(NET_PLAIN, 7, 10, 0);
    ck_assert_int_eq(net->target_input, 0);
    clg_net_destroy(net);
}
END_TEST

START_TEST(takes_options)
{
    clg_net *net = net_described(NET_CONFIG("opt=momentum", "reduction=sum", "seed=77"), 5, 3, 0);
    ck_assert_int_eq(net->opt, CLG_MOMENTUM);
    ck_assert_int_eq(net->sum_reduction, 1);
    ck_assert_uint_eq(net->seed, 77);
    ck_assert(net->huber_delta == 1 && net->label_smoothing == 0 && net->dropout_input == 0);
    ck_assert_ptr_null(net->class_weights);
    clg_net_destroy(net);
    net = net_described(
        NET_CONFIG("label-smoothing=0.1", "dropout-input=0.2", "class-weights=1,2.5,0.5"), 5, 3, 0);
    ck_assert(net->label_smoothing == 0.1 && net->dropout_input == 0.2);
    ck_assert(net->class_weights[0] == 1 && net->class_weights[1] == 2.5 &&
              net->class_weights[2] == 0.5);
    clg_net_destroy(net);
    net = net_described(NET_CONFIG("loss=huber:0.25", "class-weights=2,3"), 5, 2, 0);
    ck_assert(net->loss == CLG_HUBER && net->huber_delta == 0.25);
    clg_net_destroy(net);
    net = net_described(NET_CONFIG("act=elu:0.5", "layers=4,3:leaky_relu:0.2,2:leaky_relu,6:elu"),
                        5, 3, 0);
    ck_assert(net->layer[0].act.kind == CLG_ELU && net->layer[0].act.a == 0.5);
    ck_assert(net->layer[1].act.kind == CLG_LEAKY_RELU && net->layer[1].act.a == 0.2);
    ck_assert(net->layer[2].act.a == 0.01 && net->layer[3].act.a == 1);
    ck_assert(net->layer[3].act.pieces == 1 && net->layer[3].rows == 6);
    clg_net_destroy(net);
}
END_TEST

START_TEST(resolves_the_optimiser)
{
    static const struct {
        const char *opt, *momentum, *eps;
        int kind;
    } rows[] = {
        {"sgd", "0", "1e-8", CLG_SGD},
        {"momentum", "0.9", "1e-8", CLG_MOMENTUM},
        {"ema_momentum", "0.9", "1e-8", CLG_EMA_MOMENTUM},
        {"nesterov", "0.9", "1e-8", CLG_NESTEROV},
        {"rmsprop", "0", "1e-8", CLG_RMSPROP},
        {"adagrad", "0", "1e-10", CLG_ADAGRAD},
        {"adam", "0", "1e-8", CLG_ADAM},
        {"adamw", "0", "1e-8", CLG_ADAMW},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clg_config *config = NET_PLAIN;
        ck_ok(clg_config_set(config, "opt", rows[i].opt));
        clg_net *net = net_described(config, 5, 3, 0);
        ck_assert_int_eq(net->opt, rows[i].kind);
        ck_assert_str_eq(clg_config_get(clg_net_config(net), "momentum"), rows[i].momentum);
        ck_assert_str_eq(clg_config_get(clg_net_config(net), "eps"), rows[i].eps);
        clg_net_destroy(net);
    }
    clg_net *net = net_described(NET_CONFIG("opt=rmsprop", "momentum=0.5", "eps=1e-3"), 5, 3, 0);
    ck_assert_str_eq(clg_config_get(clg_net_config(net), "momentum"), "0.5");
    ck_assert_str_eq(clg_config_get(clg_net_config(net), "eps"), "1e-3");
    clg_net_destroy(net);
}
END_TEST

START_TEST(spreads_dropout)
{
    clg_net *net = net_described(NET_CONFIG("layers=4,5,6", "dropout=0.25"), 3, 2, 0);
    for (int i = 0; i < 4; i++)
        ck_assert(net->layer[i].dropout == (i < 3 ? 0.25 : 0));
    clg_net_destroy(net);
    net = net_described(NET_CONFIG("layers=4,5,6", "dropout=0.25,0,0.5"), 3, 2, 0);
    ck_assert(net->layer[0].dropout == 0.25 && net->layer[1].dropout == 0 &&
              net->layer[2].dropout == 0.5 && net->layer[3].dropout == 0);
    clg_net_destroy(net);
    clg_net_destroy(net_described(NET_CONFIG("dropout=0"), 3, 2, 0));
    refused(NET_CONFIG("layers=4,5,6", "dropout=0.1,0.2"), 3, 2, 0, "2 values for 3 hidden layers");
    refused(NET_CONFIG("layers=4", "dropout=0.1,0.2"), 3, 2, 0, "2 values for 1 hidden layers");
    refused(NET_CONFIG("dropout=0.1"), 3, 2, 0, "the network has no hidden layer");
    refused(NET_CONFIG("layers=4", "dropout=1"), 3, 2, 0,
            "value 1 is not a number from 0 to below 1");
    refused(NET_CONFIG("layers=4,4", "dropout=0.1,-0.1"), 3, 2, 0, "value 2 is not a number");
    refused(NET_CONFIG("layers=4,4", "dropout=0.1,"), 3, 2, 0, "value 2 is not a number");
    refused(NET_CONFIG("layers=4,4", "dropout=0.1, 0.2"), 3, 2, 0, "value 2 is not a number");
    refused(NET_CONFIG("layers=4,4", "dropout=0.1;0.2"), 3, 2, 0, "value 1 is not a number");
    refused(NET_CONFIG("layers=4", "dropout=nan"), 3, 2, 0, "value 1 is not a number");
}
END_TEST

START_TEST(freezes_layers)
{
    clg_net *net = net_described(NET_CONFIG("layers=4,5", "freeze=2,0,0"), 3, 2, 0);
    ck_assert(net->layer[0].frozen && !net->layer[1].frozen && net->layer[2].frozen);
    clg_net_destroy(net);
    refused(NET_CONFIG("layers=4", "freeze=0,1"), 3, 2, 0, "holds all 2 layers");
    refused(NET_CONFIG("layers=4", "freeze=2"), 3, 2, 0, "whole numbers from 0 to 1");
    refused(NET_CONFIG("layers=4", "freeze=-1"), 3, 2, 0, "whole numbers from 0 to 1");
    refused(NET_CONFIG("layers=4", "freeze=0.0"), 3, 2, 0, "whole numbers from 0 to 1");
    refused(NET_CONFIG("layers=4", "freeze=0,"), 3, 2, 0, "whole numbers from 0 to 1");
    refused(NET_CONFIG("layers=4", "freeze=9999999999999999999999"), 3, 2, 0, "from 0 to 1");
}
END_TEST

START_TEST(refuses_class_weights)
{
    refused(NET_CONFIG("class-weights=1,2"), 3, 3, 0, "2 weights for 3 classes");
    refused(NET_CONFIG("class-weights=1,2,3,4"), 3, 3, 0, "4 weights for 3 classes");
    refused(NET_CONFIG("class-weights=1,2"), 3, 0, 2, "the targets are no classes");
    refused(NET_CONFIG("class-weights=1,2", "target=input"), 3, 2, 0, "the targets are no classes");
    refused(NET_CONFIG("class-weights=1,0"), 3, 2, 0, "weight 1 is not a number above 0");
    refused(NET_CONFIG("class-weights=x,1"), 3, 2, 0, "weight 0 is not a number above 0");
    refused(NET_CONFIG("class-weights=inf,1"), 3, 2, 0, "weight 0 is not a number above 0");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net");
    TCase *tests = tcase_create("net");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, counts_parameters);
    tcase_add_test(tests, reads_layers);
    tcase_add_test(tests, refuses_layers);
    tcase_add_test(tests, refuses_sizes);
    tcase_add_test(tests, resolves_by_targets);
    tcase_add_test(tests, refuses_pairs);
    tcase_add_test(tests, makes_one_output_a_class);
    tcase_add_test(tests, takes_the_input_for_a_target);
    tcase_add_test(tests, takes_options);
    tcase_add_test(tests, resolves_the_optimiser);
    tcase_add_test(tests, spreads_dropout);
    tcase_add_test(tests, freezes_layers);
    tcase_add_test(tests, refuses_class_weights);
    return harness_run(suite);
}
