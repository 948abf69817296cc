/* What `clgrad verify` found, as tables and as JSON. */
#ifndef CLG_CLI_VERIFY_REPORT_H
#define CLG_CLI_VERIFY_REPORT_H

#include "json.h"

/* The cases of one operation by one route. */
struct cli_operation {
    char name[64], route[32];
    int cases, failed;
    double worst, nmse, ms; /* largest, largest, sum */
};

/* One tensor over the steps of a training. */
struct cli_tensor {
    char name[96];
    int layer;
    double worst, drift; /* largest; the last step's, NaN for none */
    uint64_t worst_step, elements, kinks;
    int undecided;
    json_t *steps; /* NULL without --json */
};

struct cli_report {
    const struct cli *cli;
    const char *mode; /* quick, full, training */
    const char *what; /* "" or what of, borrowed */
    struct cli_operation *operation;
    size_t operations, operation_room;
    struct cli_tensor *tensor;
    size_t tensors, tensor_room;
    json_t *cases; /* every case; NULL without --json */
    int out_of_memory;
};

void cli_report_begin(struct cli_report *report, const struct cli *cli, const char *mode,
                      const char *what);
void cli_report_clear(struct cli_report *report);

/* The callbacks of clg_verify_options; user is the report. */
void cli_report_case(void *user, const clg_verify_case *compared);
void cli_report_tensor(void *user, const clg_verify_tensor *tensor);

/* Prints what the report has, as --json asks; status is the verification's. */
clg_status cli_report_print(struct cli_report *report, const clg_device *device,
                            const clg_verify_result *result, clg_status status);

/* Versions, device and driver: what a reader of a driver's bug asks first. */
void cli_print_device(const clg_device *device);
json_t *cli_json_device(const clg_device *device);

#endif
