/* What the files of the program share: the parsed command line, how a command fails, how results
 * and messages are written.  The program uses the public header only. */
#ifndef CLG_CLI_CLI_H
#define CLG_CLI_CLI_H

#include "clgrad/clgrad.h"

#include <stdio.h>

#if defined(__GNUC__)
#define CLI_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define CLI_PRINTF(f, a)
#endif

/* Commands as bits, so that an option can belong to several. */
enum {
    CLI_DEVICES = 1,
    CLI_TRAIN = 2,
    CLI_EVAL = 4,
    CLI_PREDICT = 8,
    CLI_VERIFY = 16,
    CLI_INSPECT = 32,
    CLI_EXPORT = 64,
    CLI_REPORT = 128,
    CLI_PROFILE = 256,
    CLI_TUNE = 512,
    CLI_EVERY = 1023
};

/* The program's own options: X(id, name, letter, argument, default, commands, help).  The library's
 * are clg_config_options().  An argument of NULL makes a switch, one with | a choice. */
#define CLI_OWN_LIST(X)                                                                            \
    X(MODEL, "model", 0, "F", "", CLI_EVAL | CLI_PREDICT | CLI_VERIFY | CLI_EXPORT,                \
      "model file (safetensors)")                                                                  \
    X(DATA, "data", 0, "X[,Y]", "", CLI_EVAL | CLI_PREDICT | CLI_VERIFY,                           \
      "data: a dataset's name, a folder of IDX files, or .npy, .csv, .svm, IDX files")             \
    X(PREDICTIONS, "out", 0, "P.npy|.csv|.png|-", "-", CLI_PREDICT,                                \
      "where the predictions go; -: CSV on standard output")                                       \
    X(PROBA, "proba", 0, NULL, "false", CLI_PREDICT, "the outputs themselves, not class names")    \
    X(TO, "to", 0, "npy|png", "", CLI_EXPORT,                                                      \
      "npy: one array a tensor; png: a picture of the first layer's weights")                      \
    X(EXPORTED, "out", 0, "P", "", CLI_EXPORT, "folder (npy) or file (png) to write")              \
    X(PAGE, "out", 0, "F.html", "", CLI_REPORT,                                                    \
      "where the page goes; default: RUN/report.html, of several runs comparison.html")            \
    X(QUICK, "quick", 0, NULL, "false", CLI_VERIFY, "every operation over a few shapes (default)") \
    X(FULL, "full", 0, NULL, "false", CLI_VERIFY, "every operation over all awkward shapes")       \
    X(GRADIENT, "gradient", 0, NULL, "false", CLI_VERIFY,                                          \
      "backpropagation against differences of the loss, in double precision")                      \
    X(STEPS, "steps", 0, "N", "10", CLI_VERIFY, "steps of training compared in lockstep")          \
    X(MEASURED, "steps", 0, "N", "200", CLI_PROFILE,                                               \
      "steps that are measured, behind a warm-up of 20")                                           \
    X(RESUME, "resume", 0, "RUN", "", CLI_TRAIN,                                                   \
      "go on with an earlier run instead of --train and --out; --epochs and others may change")     \
    X(TRACE, "trace", 0, "T.json", "", CLI_PROFILE | CLI_TRAIN,                                    \
      "every launch and copy as a Chrome trace, for Perfetto")                                     \
    X(PROBE, "probe", 0, NULL, "false", CLI_DEVICES, "measure every device's roofs (seconds)")     \
    X(ESTIMATE, "estimate", 0, NULL, "false", CLI_INSPECT,                                         \
      "a training step on paper: launches, operations, memory, predicted time")                    \
    X(REPEAT, "repeat", 0, "N", "", CLI_VERIFY,                                                    \
      "train N times, and on one compute unit: the bits must be the same")                         \
    X(DUMP, "dump", 0, "DIR", "", CLI_VERIFY,                                                      \
      "both sides of every tensor as .npy files; of many steps those that fail and the last")      \
    X(SECONDS, "seconds", 0, "N", "90", CLI_TUNE, "time to measure in, at most")                   \
    X(WIDEST, "widest", 0, "64|128|512|2048", "2048", CLI_TUNE,                                    \
      "widest layer of the networks that are trained")                                             \
    X(CONFIG, "config", 0, "FILE.ini", "", CLI_EVERY,                                              \
      "options from a file; those on the command line count more")                                 \
    X(PROGRESS, "progress", 0, "auto|plain|json|none", "auto", CLI_EVERY,                          \
      "how progress is shown; auto: one redrawn line on a terminal, else plain")                   \
    X(COLOR, "color", 0, "auto|never|always", "auto", CLI_EVERY, "colours on the terminal")        \
    X(JSON, "json", 0, NULL, "false", CLI_EVERY, "the result as JSON")                             \
    X(QUIET, "quiet", 'q', NULL, "false", CLI_EVERY, "say nothing but the result and errors")      \
    X(VERBOSE, "verbose", 'v', NULL, "false", CLI_EVERY, "say more: decisions taken, every case")  \
    X(HELP, "help", 'h', NULL, "false", CLI_EVERY, "this text")                                    \
    X(VERSION, "version", 0, NULL, "false", CLI_EVERY, "the version")

enum cli_own {
#define CLI_OWN_ID(id, name, letter, argument, fallback, commands, help) CLI_##id,
    CLI_OWN_LIST(CLI_OWN_ID)
#undef CLI_OWN_ID
        CLI_OWN_COUNT
};

struct cli_own_option {
    const char *name;
    char letter; /* -q; 0 where there is none */
    const char *argument, *fallback;
    unsigned commands;
    const char *help;
};
extern const struct cli_own_option cli_own_options[CLI_OWN_COUNT];

/* The parsed command line. */
struct cli {
    const struct cli_command *command;
    clg_config *config;             /* the library's options */
    const char *own[CLI_OWN_COUNT]; /* values given (borrowed from argv), NULL: not given */
    const char **file;              /* (files) arguments that are no options */
    size_t files;
    char device[512];               /* which device was taken and why; "" when that was said */
    char notes[512];                /* what else is to be said of it; likewise */
};

struct cli_command {
    const char *name;
    unsigned bit;
    const char *usage, *summary;
    clg_status (*run)(struct cli *cli);
};
extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

/* ----------------------------------------------------------- options.c, help.c */

/* Reads the arguments behind the command; --config is applied before the other options. */
clg_status cli_parse(struct cli *cli, int argc, char **argv);

/* The value of an option of the program, or its default. */
const char *cli_get(const struct cli *cli, enum cli_own option);
int cli_is(const struct cli *cli, enum cli_own option, const char *text);
int cli_switch(const struct cli *cli, enum cli_own option);

/* CLG_EUSAGE where a command's option is missing. */
clg_status cli_need(const struct cli *cli, enum cli_own option);

/* The commands that take one of the library's options. */
unsigned cli_option_commands(const clg_option *option);

void cli_help(void);
void cli_command_help(const struct cli_command *command);

/* ---------------------------------------------------------------- error.c, say.c */

/* Records the program's own error line and returns status; main has it said. */
clg_status cli_fail(clg_status status, const char *format, ...) CLI_PRINTF(2, 3);

/* The last error: the program's own, or the library's, or what status means. */
const char *cli_error(clg_status status);

/* A line to stderr, unless -q or --progress none; control characters become '?'.  Under --progress
 * json an object with the key "message". */
void cli_say(const struct cli *cli, const char *format, ...) CLI_PRINTF(2, 3);

/* Says which device was taken and why, once.  Called when work is under way, in the end by main, so
 * that a failure is one line; on a terminal cli_open_device calls it at once. */
void cli_announce(struct cli *cli);

/* The last error as one line; several lines of a build log are joined. */
void cli_say_error(const struct cli *cli, clg_status status);

/* ----------------------------------------------------------- device.c, drivers.c */

/* Opens --device and then takes over SIGINT and SIGTERM, for which drivers install handlers. */
clg_status cli_open_device(struct cli *cli, clg_device **out);

/* Called before the first OpenCL call: finds out, in a child for each that is new, which drivers die
 * or hang when they are asked for their devices, says so, and leaves them out. */
void cli_check_drivers(struct cli *cli);

/* Removes what cli_check_drivers left on the disk for this process. */
void cli_show_all_drivers(void);

/* --------------------------------------------------------------------- signals.c */

/* From now on a first SIGINT or SIGTERM is kept for cli_signal_caught (graceful 1) and a second
 * ends the program with 130 or 143; with graceful 0 the first does. */
void cli_signals(int graceful);

/* The signal that came, 0 where none did. */
int cli_signal_caught(void);

/* Whether one came; asked before each step of a training.  Until the first step is done a signal
 * does not wait for long: programs may take seconds to build, and there is nothing to save. */
int cli_signal_stops(void);

/* After a signal, when all is saved: what comes now may take a second, then the program says line
 * and ends. */
void cli_signal_ending(const char *line);

/* ------------------------------------------------------------------------ text.c */

/* text with control characters as '?', so that a name from a file cannot move the cursor. */
void cli_clean(char *out, size_t size, const char *text);

/* 1 where stream is to have colours. */
int cli_colors(const struct cli *cli, FILE *stream);

/* Cells row by row, printed as aligned columns.  align has a letter a column: l or r. */
struct cli_table {
    const char *align;
    size_t columns, cells, room;
    char **cell;
    int failed;
};
void cli_table_begin(struct cli_table *table, const char *align);
void cli_table_cell(struct cli_table *table, const char *format, ...) CLI_PRINTF(2, 3);
/* Prints and releases the table. */
clg_status cli_table_end(struct cli_table *table);

/* ------------------------------------------------------------------- training.c */

/* What train and verify make of train's options. */
struct cli_training {
    clg_dataset *data, *val, *test; /* val and test may be NULL */
    clg_net *net;
};
/* Loads and checks everything; touches neither device nor output. */
clg_status cli_training_load(struct cli_training *training, const clg_config *config);
/* The same for a run that goes on. */
clg_status cli_training_resume(struct cli_training *training, clg_run *run);
void cli_training_clear(struct cli_training *training);

/* A model and its data, for eval, predict and verify: --model, --data (its test part where it has
 * one; the training part for verify).  What the model says of its targets holds for the data. */
clg_status cli_model_load(clg_net **net, clg_dataset **data, const struct cli *cli, clg_part part);

/* ------------------------------------------------------------------- commands */

clg_status cli_cmd_devices(struct cli *cli);
clg_status cli_cmd_train(struct cli *cli);
clg_status cli_cmd_eval(struct cli *cli);
clg_status cli_cmd_predict(struct cli *cli);
clg_status cli_cmd_verify(struct cli *cli);
clg_status cli_cmd_inspect(struct cli *cli);
clg_status cli_cmd_export(struct cli *cli);
clg_status cli_cmd_report(struct cli *cli);
clg_status cli_cmd_profile(struct cli *cli);

/* cmd_estimate.c: clgrad inspect --estimate.  cmd_probe.c: clgrad devices --probe. */
clg_status cli_estimate(struct cli *cli);
clg_status cli_probe(struct cli *cli, const clg_device_info *list, size_t count);
clg_status cli_cmd_tune(struct cli *cli);

/* cmd_report.c: writes RUN/report.html at the end of a training and says where it lies. */
clg_status cli_write_report(const struct cli *cli, const struct cli_training *training,
                            clg_device *device);

/* "loss 0.3331, accuracy 88.51 % (8851 of 10000)", or the figures of value targets. */
void cli_print_evaluation(const clg_evaluation *evaluation);

#define CLI_TRY(expression)                                                                        \
    do {                                                                                           \
        clg_status try_status_ = (expression);                                                     \
        if (try_status_ != CLG_OK)                                                                 \
            return try_status_;                                                                    \
    } while (0)

/* The same for functions that hold something: sets `status` and goes to `done`. */
#define CLI_TRY_DONE(expression)                                                                   \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != CLG_OK)                                                                      \
            goto done;                                                                             \
    } while (0)

#endif
