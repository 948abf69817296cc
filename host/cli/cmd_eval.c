/* clgrad eval: loss, accuracy, confusion matrix, precision and recall of a model on data. */
#include "json.h"

#include <math.h>

/* Beyond this many classes a matrix fits no screen; --json has it. */
enum { MATRIX_CLASSES = 25 };

void cli_print_evaluation(const clg_evaluation *evaluation)
{
    printf("loss %.6g", evaluation->loss);
    if (evaluation->classes) {
        uint64_t hits = 0;
        for (size_t i = 0; i < (size_t)evaluation->classes; i++)
            hits += evaluation->confusion[i * (size_t)evaluation->classes + i];
        printf(", accuracy %.2f %% (%llu of %zu)", 100 * evaluation->accuracy,
               (unsigned long long)hits, evaluation->examples);
        if (isfinite(evaluation->auc))
            printf(", auc %.4f", evaluation->auc);
    } else {
        printf(", mae %.6g, rmse %.6g, r2 %.6g (%zu examples)", evaluation->mae, evaluation->rmse,
               evaluation->r2, evaluation->examples);
    }
    putchar('\n');
}

static void class_cell(struct cli_table *table, const clg_net *net, int index)
{
    const char *name = clg_net_class_name(net, index);
    if (name)
        cli_table_cell(table, "%s", name);
    else
        cli_table_cell(table, "%d", index);
}

static uint64_t count_at(const clg_evaluation *evaluation, int truth, int prediction)
{
    return evaluation->confusion[(size_t)truth * (size_t)evaluation->classes + (size_t)prediction];
}

/* A column a class, headed by its number, which stands in front of each row's name. */
static clg_status print_confusion(const clg_evaluation *evaluation, const clg_net *net)
{
    char align[MATRIX_CLASSES + 3] = "rl";
    struct cli_table table;
    for (int i = 0; i < evaluation->classes; i++)
        align[2 + i] = 'r';
    align[2 + evaluation->classes] = '\0';
    printf("\nconfusion matrix (a row: the true class; a column: the predicted one)\n");
    cli_table_begin(&table, align);
    cli_table_cell(&table, "%s", "");
    cli_table_cell(&table, "%s", "");
    for (int j = 0; j < evaluation->classes; j++)
        cli_table_cell(&table, "%d", j);
    for (int i = 0; i < evaluation->classes; i++) {
        cli_table_cell(&table, "%d", i);
        class_cell(&table, net, i);
        for (int j = 0; j < evaluation->classes; j++)
            cli_table_cell(&table, "%llu", (unsigned long long)count_at(evaluation, i, j));
    }
    return cli_table_end(&table);
}

static clg_status print_classes(const clg_evaluation *evaluation, const clg_net *net)
{
    static const char *const heads[] = {"", "class", "precision", "recall", "f1", "examples"};
    struct cli_table table;
    putchar('\n');
    cli_table_begin(&table, "rlrrrr");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        cli_table_cell(&table, "%s", heads[i]);
    for (int i = 0; i < evaluation->classes; i++) {
        uint64_t examples = 0;
        for (int j = 0; j < evaluation->classes; j++)
            examples += count_at(evaluation, i, j);
        cli_table_cell(&table, "%d", i);
        class_cell(&table, net, i);
        cli_table_cell(&table, "%.2f %%", 100 * evaluation->precision[i]);
        cli_table_cell(&table, "%.2f %%", 100 * evaluation->recall[i]);
        cli_table_cell(&table, "%.2f %%", 100 * evaluation->f1[i]);
        cli_table_cell(&table, "%llu", (unsigned long long)examples);
    }
    return cli_table_end(&table);
}

static clg_status print_text(const clg_evaluation *evaluation, const clg_net *net)
{
    cli_print_evaluation(evaluation);
    if (!evaluation->classes)
        return CLG_OK;
    if (evaluation->classes <= MATRIX_CLASSES)
        CLI_TRY(print_confusion(evaluation, net));
    return print_classes(evaluation, net);
}

clg_status cli_cmd_eval(struct cli *cli)
{
    clg_net *net = NULL;
    clg_dataset *data = NULL;
    clg_device *device = NULL;
    clg_evaluation evaluation = {0};
    clg_status status;
    CLI_TRY(cli_model_load(&net, &data, cli, CLG_PART_TEST));
    CLI_TRY_DONE(clg_net_check_data(net, data));
    CLI_TRY_DONE(cli_open_device(cli, &device));
    CLI_TRY_DONE(clg_evaluate(&evaluation, net, device, data));
    status = cli_switch(cli, CLI_JSON)
                 ? cli_json_print(cli_json_evaluation(&evaluation, net), stdout)
                 : print_text(&evaluation, net);
done:
    clg_evaluation_clear(&evaluation);
    clg_device_close(device);
    clg_dataset_destroy(data);
    clg_net_destroy(net);
    return status;
}
