/* What a report is made from: runs as their folders hold them, and what each run's model does with
 * its examples. */
#ifndef CLG_REPORT_RUN_REPORT_H
#define CLG_REPORT_RUN_REPORT_H

#include "net/net.h"
#include "report/html.h"

#include <jansson.h>

enum { CLG_REPORT_WORST = 16, CLG_REPORT_SHOWN = 10 };

/* One line of metrics.jsonl; NaN where a figure is not there. */
struct clg_metric {
    int epoch;
    uint64_t step;
    int ends_epoch;
    double x; /* epochs done, 2.5 in the middle of the third */
    double loss, cost, accuracy, val_loss, val_accuracy, lr, rate, seconds;
    double *layer[3]; /* (layers) each: norms of weights and gradients, dead units; may be NULL */
};

/* A run's course.  Of more lines than MOST every second one goes, again and again. */
struct clg_metrics {
    struct clg_metric *line;
    size_t count, room;
    int layers, by_step;          /* by_step: no epoch has ended, x counts steps */
    int epochs;                   /* that ended */
    struct clg_metric last, best; /* of all lines that end an epoch; epoch 0: none */
};
clg_status clg_metrics_read(struct clg_metrics *metrics, const char *path);
void clg_metrics_clear(struct clg_metrics *metrics);
/* Takes a line's text apart; 0 where it is no line of metrics. */
int clg_metric_parse(struct clg_metric *line, int *layers, const char *text);

/* The model on the examples of a report. */
struct clg_examples {
    char name[32];                   /* "test data", "validation data", "training data" */
    char *source;                    /* where they come from */
    char *problem;                   /* why there are none; NULL where there are */
    struct clg_dataset view, *owned; /* the rows looked at, borrowed; what was loaded for them */
    size_t all_rows;                 /* how many there are */
    clg_evaluation figures;
    float *y;       /* (rows,outputs) */
    int32_t *truth; /* (rows) classes as the network numbers them, else NULL */
    size_t worst[CLG_REPORT_WORST], worst_count;
    double badness[CLG_REPORT_WORST]; /* 1 - the true class's output; else the squared error */
    size_t shown[CLG_REPORT_SHOWN], shown_count; /* whose saliency is drawn */
    double *saliency; /* (shown_count,inputs), NULL where the inputs are no image */
};

struct clg_report_run {
    char *folder;
    const char *name; /* its last part */
    clg_config *config;
    struct clg_metrics metrics;
    json_t *facts, *verify, *profile; /* run.json, verify.json, profile.json; NULL: not there */
    struct clg_net *net;              /* NULL: not there */
    const char *model;                /* last.safetensors or best.safetensors */
    char *no_model;                   /* why there is none */
    struct clg_examples examples;
};

struct clg_report {
    struct clg_report_run *run;
    size_t count;
};

/* run_read.c: a run's folder.  CLG_EDATA where it is none or holds what cannot be read. */
clg_status clg_report_run_read(struct clg_report_run *run, const char *folder);
void clg_report_run_clear(struct clg_report_run *run);
/* A text or number of run.json, "" and NaN where it has none; of its "device" where that is 1. */
const char *clg_report_fact(const struct clg_report_run *run, int device, const char *key);
double clg_report_number(const json_t *object, const char *key);

/* examples.c: finds the data (data NULL: by the run's configuration) and runs the model over it.
 * What cannot be found is a problem stated there, not a failure. */
clg_status clg_examples_make(struct clg_report_run *run, clg_device *device,
                             const clg_dataset *data, const char *name);
void clg_examples_clear(struct clg_examples *examples);
/* Of one row: the predicted class; the output that stands for class c. */
int clg_examples_class(const struct clg_report_run *run, size_t row);
double clg_examples_output(const struct clg_report_run *run, size_t row, int c);
/* Target j of a row of value targets. */
double clg_examples_value(const struct clg_report_run *run, size_t row, int j);

/* saliency.c: gradient (rows,inputs) of each row's winning output, before its activation, with
 * respect to the inputs x (rows,inputs), normalised as the network takes them; on the reference. */
clg_status clg_saliency(double *gradient, const struct clg_net *net, const double *x, int rows);

/* The sections of a page; each writes nothing or says so where the run has nothing for it. */
clg_status clg_report_head(struct clg_page *page, const struct clg_report_run *run);
clg_status clg_report_learning(struct clg_page *page, const struct clg_report_run *run);
clg_status clg_report_classes(struct clg_page *page, const struct clg_report_run *run);
clg_status clg_report_worst(struct clg_page *page, const struct clg_report_run *run);
clg_status clg_report_weights(struct clg_page *page, const struct clg_report_run *run);
clg_status clg_report_saliency(struct clg_page *page, const struct clg_report_run *run);
clg_status clg_report_roofline(struct clg_page *page, const struct clg_report_run *run);
clg_status clg_report_verdict(struct clg_page *page, const struct clg_report_run *run);
clg_status clg_report_device(struct clg_page *page, const struct clg_report_run *run);
clg_status clg_report_options_table(struct clg_page *page, const struct clg_report_run *run);
clg_status clg_report_compare(struct clg_page *page, const struct clg_report *report);

/* How a run ended, in words: "finished", "interrupted", "still running or killed". */
const char *clg_report_ending(const struct clg_report_run *run);

#endif
