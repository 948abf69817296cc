/* Results as JSON: numbers that JSON has, text that is UTF-8, one line for each document. */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Digits of a number: enough that printing does not show in any comparison of results, few enough
 * that 0.8851 stays 0.8851. */
enum { DIGITS = 15 };

json_t *cli_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *cli_json_count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

json_t *cli_json_text(const char *text)
{
    json_t *string = json_string(text);
    char *copy = string ? NULL : malloc(strlen(text) + 1);
    if (!copy)
        return string;
    for (size_t i = 0; i <= strlen(text); i++)
        copy[i] = (char)((unsigned char)text[i] < 128 ? text[i] : '?');
    string = json_string(copy);
    free(copy);
    return string;
}

clg_status cli_json_print(json_t *root, FILE *stream)
{
    if (!root)
        return cli_fail(CLG_ENOMEM, "no memory for the result as JSON");
    /* a failure to write is found where the stream is checked */
    json_dumpf(root, stream, JSON_REAL_PRECISION(DIGITS));
    putc('\n', stream);
    json_decref(root);
    return CLG_OK;
}

static json_t *confusion(const clg_evaluation *evaluation)
{
    json_t *rows = json_array();
    for (int i = 0; rows && i < evaluation->classes; i++) {
        json_t *row = json_array();
        for (int j = 0; row && j < evaluation->classes; j++) {
            size_t at = (size_t)i * (size_t)evaluation->classes + (size_t)j;
            json_array_append_new(row, cli_json_count(evaluation->confusion[at]));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *per_class(const clg_evaluation *evaluation, const clg_net *net)
{
    json_t *rows = json_array();
    for (int i = 0; rows && i < evaluation->classes; i++) {
        const char *name = clg_net_class_name(net, i);
        char number[16];
        uint64_t examples = 0;
        snprintf(number, sizeof number, "%d", i);
        for (int j = 0; j < evaluation->classes; j++)
            examples += evaluation->confusion[(size_t)i * (size_t)evaluation->classes + (size_t)j];
        json_array_append_new(rows, json_pack("{s:o, s:o, s:o, s:o, s:o}", "class",
                                              cli_json_text(name ? name : number), "precision",
                                              cli_json_number(evaluation->precision[i]), "recall",
                                              cli_json_number(evaluation->recall[i]), "f1",
                                              cli_json_number(evaluation->f1[i]), "examples",
                                              cli_json_count(examples)));
    }
    return rows;
}

json_t *cli_json_evaluation(const clg_evaluation *evaluation, const clg_net *net)
{
    json_t *root = json_pack("{s:o, s:o}", "loss", cli_json_number(evaluation->loss), "examples",
                             cli_json_count(evaluation->examples));
    if (!root)
        return NULL;
    if (evaluation->classes) {
        json_object_set_new(root, "accuracy", cli_json_number(evaluation->accuracy));
        json_object_set_new(root, "confusion", confusion(evaluation));
        json_object_set_new(root, "per_class", per_class(evaluation, net));
        if (evaluation->classes == 2)
            json_object_set_new(root, "auc", cli_json_number(evaluation->auc));
    } else {
        json_object_set_new(root, "mae", cli_json_number(evaluation->mae));
        json_object_set_new(root, "rmse", cli_json_number(evaluation->rmse));
        json_object_set_new(root, "r2", cli_json_number(evaluation->r2));
    }
    return root;
}
