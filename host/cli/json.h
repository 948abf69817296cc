/* Results as JSON, over jansson. */
#ifndef CLG_CLI_JSON_H
#define CLG_CLI_JSON_H

#include "cli.h"

#include <jansson.h>

/* null for NaN and Inf, which JSON cannot say. */
json_t *cli_json_number(double value);

/* text; bytes that are not UTF-8 become '?'. */
json_t *cli_json_text(const char *text);

json_t *cli_json_count(uint64_t value);

/* One line on stream; takes root.  CLG_ENOMEM where root is NULL. */
clg_status cli_json_print(json_t *root, FILE *stream);

/* The figures of an evaluation as interface and manual name them. */
json_t *cli_json_evaluation(const clg_evaluation *evaluation, const clg_net *net);

/* cmd_profile.c: {"compute": [{"name", "gflops"}...], "memory": [{"name", "gbps"}...], ...}. */
json_t *cli_json_roofs(const clg_roofs *roofs);

#endif
