/* clgrad: training of multilayer perceptrons on any OpenCL device, checked against the CPU.
 *
 * The whole public interface, in reading order: status, configuration, device, data, network,
 * engine (one network resident on one device), training, evaluation, export, verification,
 * profiling, reports.
 *
 * May change between 0.x versions: the fields of the structs below (they only grow at the end)
 * and the set of configuration keys.  Will not change: the meaning of a status code, the model
 * file format number and what it promises, the names of the functions.
 *
 * Conventions.  Arrays are row-major: x (B,I), W (O,I), b (O), y (B,O); B examples of I inputs
 * and O outputs.  Every fallible function returns clg_status; the detail of the last failure in
 * this thread is clg_last_error().  clg_x_create(&out, ...) gives, clg_x_destroy(x) takes and
 * accepts NULL; on failure *out is NULL.  A pointer returned by a getter is borrowed and dies
 * with its parent.  The library never prints, exits or aborts, and keeps no global state beyond
 * that thread-local last error.  Objects may be used from one thread at a time; different
 * objects, two networks on two devices say, from different threads at once.
 */
#ifndef CLGRAD_H
#define CLGRAD_H

#include <stddef.h>
#include <stdint.h>

#if defined(CLG_STATIC) || !defined(__GNUC__)
#define CLG_API
#else
#define CLG_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define CLG_VERSION "0.1.0"

/* ---------------------------------------------------------------- status */

/* X(name, value, text): the one list that makes the codes and their texts. */
#define CLG_STATUS_LIST(X)                                                                         \
    X(CLG_OK, 0, "ok")                                                                             \
    X(CLG_EMISMATCH, -1, "device and reference disagree")                                          \
    X(CLG_EUSAGE, -2, "invalid option, value or combination")                                      \
    X(CLG_EDATA, -3, "invalid input file")                                                         \
    X(CLG_EIO, -4, "input/output error")                                                           \
    X(CLG_ENODEVICE, -5, "no usable device")                                                       \
    X(CLG_EDEVICE, -6, "device failure")                                                           \
    X(CLG_ENOMEM, -7, "out of memory")                                                             \
    X(CLG_EDIVERGED, -8, "training diverged")                                                      \
    X(CLG_ECANCELLED, -9, "cancelled")

typedef enum clg_status {
#define CLG_STATUS_ENUM(name, value, text) name = value,
    CLG_STATUS_LIST(CLG_STATUS_ENUM)
#undef CLG_STATUS_ENUM
} clg_status;

/* The text of a status, never NULL. */
CLG_API const char *clg_status_text(clg_status status);

/* One line about the last failure in this thread: file, option or OpenCL call, and what to do.
 * Valid until the next failing call of this thread.  "" before any failure. */
CLG_API const char *clg_last_error(void);

/* CLG_VERSION of the library that is running. */
CLG_API const char *clg_version(void);

/* The one of count words that a mistyped text most likely meant, NULL where none is near.  stride:
 * bytes from one word's pointer to the next, so that a table's column can be searched. */
CLG_API const char *clg_nearest(const char *text, const char *const *words, size_t count,
                                size_t stride);

/* --------------------------------------------------------- configuration */

/* A set of options by name, in the words of the command line: clg_config_set(c, "layers",
 * "256,128") is --layers 256,128, and the same key in an .ini file.  Unset keys have the default
 * that clg_option.fallback states. */
typedef struct clg_config clg_config;

typedef struct clg_option {
    const char *name;     /* key, and --name on the command line */
    const char *group;    /* data, network, learning, run, common */
    const char *argument; /* what follows, for example "N" or "relu|tanh"; NULL for a switch */
    const char *fallback; /* default; "" where it depends on other options, as help says */
    const char *help;     /* one line */
} clg_option;

/* Every key there is, count of them in *count.  Static. */
CLG_API const clg_option *clg_config_options(size_t *count);

CLG_API clg_status clg_config_create(clg_config **out);
CLG_API void clg_config_destroy(clg_config *config);

/* An independent copy of from. */
CLG_API clg_status clg_config_copy(clg_config **out, const clg_config *from);

/* Sets key to value; a switch takes "true" or "false".  CLG_EUSAGE names an unknown key with the
 * nearest known one, or a value that is not allowed.  Checks single values; combinations are
 * checked where they are used. */
CLG_API clg_status clg_config_set(clg_config *config, const char *key, const char *value);

/* The value of key, or its default; NULL where the key is unknown. */
CLG_API const char *clg_config_get(const clg_config *config, const char *key);

/* 1 where key was set, 0 where it has its default. */
CLG_API int clg_config_is_set(const clg_config *config, const char *key);

/* Sets every key that the .ini file gives (sections are ignored).  Errors name file and line. */
CLG_API clg_status clg_config_read(clg_config *config, const char *path);

/* Writes every key and its value as an .ini file: temporary file, fsync, rename. */
CLG_API clg_status clg_config_write(const clg_config *config, const char *path);

/* ----------------------------------------------------------------- device */

typedef struct clg_device clg_device;

typedef struct clg_device_info {
    int platform, index; /* the P:D of --device; -1:-1 is the reference */
    char platform_name[128], vendor[128], name[128], opencl_version[128], driver_version[128];
    char type[16];           /* gpu, cpu, accelerator, other, reference */
    int units;               /* compute units */
    uint64_t memory;         /* bytes on the device */
    uint64_t max_allocation; /* bytes in one buffer */
    uint64_t local_memory;   /* bytes of local memory a work-group has */
    int clock_mhz;           /* 0 where the driver does not say */
    int usable;              /* 0: available neither to compile nor to run; quirks says why */
    double score;            /* --device auto takes the highest */
    char quirks[256];        /* what to know about this driver, or "" */
} clg_device_info;

/* Every device of every platform, in the order of their numbers, and the reference last.  The
 * caller frees *out with clg_device_list_free.  CLG_ENODEVICE where there is no platform: then
 * *out still holds the reference. */
CLG_API clg_status clg_device_list(clg_device_info **out, size_t *count);
CLG_API void clg_device_list_free(clg_device_info *list);

/* Opens the device that selector names: auto, gpu, cpu, accelerator, P:D, any part of the
 * platform's, vendor's or device's name, or ref (the double-precision CPU reference; makes no
 * OpenCL call).  NULL means auto.  config (may be NULL) gives matmul, plan and no-cache. */
CLG_API clg_status clg_device_open(clg_device **out, const char *selector,
                                   const clg_config *config);

/* Wraps the caller's OpenCL objects (cl_context, cl_device_id, cl_command_queue; in-order).  They
 * are retained, and released by clg_device_close. */
CLG_API clg_status clg_device_attach(clg_device **out, void *context, void *device, void *queue,
                                     const clg_config *config);

/* Releases the device; networks are not touched, engines on it must be destroyed before. */
CLG_API void clg_device_close(clg_device *device);

CLG_API const clg_device_info *clg_device_describe(const clg_device *device);

/* Why this device was taken, one line. */
CLG_API const char *clg_device_reason(const clg_device *device);

/* What its user should know beside that, one line: that programs cannot be kept between runs, the
 * folder for them being read-only or another user's.  "" where there is nothing. */
CLG_API const char *clg_device_notes(const clg_device *device);

/* Bytes and buffers allocated on the device now; both 0 when all engines are destroyed. */
CLG_API void clg_device_usage(const clg_device *device, uint64_t *bytes, int *buffers);

/* ------------------------------------------------------------------- data */

/* Rows of features with their targets, on the host. */
typedef struct clg_dataset clg_dataset;

typedef enum clg_part { CLG_PART_ALL, CLG_PART_TRAIN, CLG_PART_TEST } clg_part;

typedef struct clg_dataset_info {
    size_t rows, features;
    int classes;       /* class targets: how many classes; 0 otherwise */
    size_t outputs;    /* value targets: columns; 0 otherwise */
    int bytes;         /* 1: features are bytes 0..255 */
    int height, width; /* of one example where it is an image, else 0 */
    int both_parts;    /* 1: the source holds a training and a test part */
} clg_dataset_info;

/* Loads spec: a dataset's name (xor, iris, mnist, fashion-mnist, or a folder of that name under
 * $CLGRAD_DATA; NAME:train and NAME:test choose a part), a folder of IDX files, or X[,Y] with .npy,
 * .csv (- is standard input) or IDX files, each also .gz.  part says which part is meant where spec
 * has both and names none; CLG_PART_ALL there means the training part.  config (may be NULL) gives
 * target and label-col.  CLG_EDATA names file and offset or line, or a file that cannot be opened;
 * CLG_EIO a read that failed. */
CLG_API clg_status clg_dataset_load(clg_dataset **out, const char *spec, clg_part part,
                                    const clg_config *config);

/* Copies the caller's arrays: x (rows,features); labels (rows) with values 0..classes-1 and values
 * NULL, or labels NULL and values (rows,outputs), or both NULL for data without targets. */
CLG_API clg_status clg_dataset_from_arrays(clg_dataset **out, const float *x, size_t rows,
                                           size_t features, const int32_t *labels, int classes,
                                           const float *values, size_t outputs);

CLG_API void clg_dataset_destroy(clg_dataset *data);
CLG_API clg_dataset_info clg_dataset_describe(const clg_dataset *data);

/* The name of class index; NULL where out of range.  Borrowed. */
CLG_API const char *clg_dataset_class_name(const clg_dataset *data, int index);

/* Splits off the last rows of the seeded shuffle (shuffle 0: of the file) into *rest: amount below
 * 1 is a fraction, from 1 a number of rows.  Both results are new and share nothing with data. */
CLG_API clg_status clg_dataset_split(clg_dataset **first, clg_dataset **rest,
                                     const clg_dataset *data, double amount, uint64_t seed,
                                     int shuffle);

/* ---------------------------------------------------------------- network */

/* A network on the host: its shape, its parameters, and what a prediction needs besides (fitted
 * normalisation, class names, the options it was trained with). */
typedef struct clg_net clg_net;

/* A network for data as config says (layers, act, output-act, loss, init, seed, normalize), its
 * normalisation fitted on data, its weights drawn.  CLG_EUSAGE for combinations that do not
 * exist. */
CLG_API clg_status clg_net_create(clg_net **out, const clg_config *config, const clg_dataset *data);

/* Reads a model file (safetensors).  A plain file without clgrad's metadata needs config with
 * layers (and what else differs from the defaults); otherwise config may be NULL, and CLG_EUSAGE
 * says where it asks for another network than the file holds. */
CLG_API clg_status clg_net_load(clg_net **out, const char *path, const clg_config *config);

/* Writes the model file: temporary file, fsync, rename. */
CLG_API clg_status clg_net_save(const clg_net *net, const char *path);

/* Takes the weights and biases of every layer whose shape is the same in a model file
 * (--init-from); the others keep theirs.  clg_net_notes says which.  CLG_EDATA where no layer
 * agrees. */
CLG_API clg_status clg_net_init_from(clg_net *net, const char *path);

CLG_API void clg_net_destroy(clg_net *net);

CLG_API int clg_net_layers(const clg_net *net);

/* Inputs, outputs and activation of layer (0 is the first hidden layer), as --layers has it:
 * "relu", "leaky_relu:0.2", "maxout:3".  NULL where not wanted. */
CLG_API clg_status clg_net_layer(const clg_net *net, int layer, int *inputs, int *outputs,
                                 const char **activation);

/* "784,128:relu,10:softmax". */
CLG_API const char *clg_net_text(const clg_net *net);

/* What is worth saying about how the network came by its weights, one line: "init-from F: took
 * layers 0, 1; layer 2 is 10x30 there and 10x20 here".  "" where there is nothing. */
CLG_API const char *clg_net_notes(const clg_net *net);

/* The options that the network was made or loaded with.  Borrowed. */
CLG_API const clg_config *clg_net_config(const clg_net *net);

/* The name of class index, NULL where there is none. */
CLG_API const char *clg_net_class_name(const clg_net *net, int index);

/* Copies layer's weight (O,I) and bias (O) out or in; NULL where not wanted.  maxout:K has K
 * pieces: (K*O,I) and (K*O), all units' first pieces first. */
CLG_API clg_status clg_net_get_weights(const clg_net *net, int layer, double *weight, double *bias);
CLG_API clg_status clg_net_set_weights(clg_net *net, int layer, const double *weight,
                                       const double *bias);

/* Loads spec, as clg_dataset_load does, in the form that net was trained on: target and label-col
 * are the network's unless config (may be NULL) sets them.  targets 0, for prediction: none are
 * read, and a CSV file may lack its target column. */
CLG_API clg_status clg_net_load_data(clg_dataset **out, const clg_net *net, const char *spec,
                                     clg_part part, const clg_config *config, int targets);

/* CLG_EDATA where net cannot be trained or evaluated on data: another number of features, no
 * targets, or such as it cannot take, a class that it does not know for one. */
CLG_API clg_status clg_net_check_data(const clg_net *net, const clg_dataset *data);

/* ----------------------------------------------------------------- engine */

/* One network resident on one device: parameters, and room for batches of up to max_batch. */
typedef struct clg_engine clg_engine;

/* training 1 also makes room for gradients and the optimiser named in the network's config.  The
 * network must outlive the engine.  CLG_ENOMEM, before any allocation, where the budget is too
 * small. */
CLG_API clg_status clg_engine_create(clg_engine **out, clg_device *device, clg_net *net,
                                     int max_batch, int training);
CLG_API void clg_engine_destroy(clg_engine *engine);

/* Uploads x (B,I), already normalised, runs the network, and downloads y (B,O). */
CLG_API clg_status clg_engine_forward(clg_engine *engine, float *y, const float *x, int B);

/* After clg_engine_forward, for the same B: loss (mean over the batch) and gradients.  Exactly one
 * of labels (B) and values (B,O) is given. */
CLG_API clg_status clg_engine_backward(clg_engine *engine, double *loss, const int32_t *labels,
                                       const float *values, int B);

/* Copies layer's gradient, dW (O,I) and db (O), of the last backward; NULL where not wanted. */
CLG_API clg_status clg_engine_gradient(clg_engine *engine, int layer, double *weight, double *bias);

/* One step of the optimiser with the last gradients. */
CLG_API clg_status clg_engine_update(clg_engine *engine);

/* Parameters and optimiser slots from the network to the device, and back. */
CLG_API clg_status clg_engine_push(clg_engine *engine);
CLG_API clg_status clg_engine_pull(clg_engine *engine);

/* --------------------------------------------------------------- training */

/* A run's folder: config.ini, metrics.jsonl, last.safetensors, best.safetensors, and run.json,
 * where clg_train says at its end how the run ended and on which device. */
typedef struct clg_run clg_run;

/* Makes the folder where it is missing, takes its lock (CLG_EIO where a living run has it), and
 * writes config.ini.  Earlier results in it stay until training starts. */
CLG_API clg_status clg_run_open(clg_run **out, const char *folder, const clg_config *config);
CLG_API void clg_run_close(clg_run *run);

/* Opens folder, an earlier run's, to go on with it: takes its lock, reads its config.ini and sets in
 * that what changes (may be NULL) sets.  clg_train with this run and the network of clg_run_net goes
 * on behind the last save, from whatever step, as if the run had not been stopped: the same bits on
 * the same device.  Where nothing was saved yet it starts at step 0.  CLG_EDATA where folder is no
 * run's or what was saved cannot be read, CLG_EUSAGE for a change that a run cannot take, the
 * network's shape for one; nothing in the folder has changed then. */
CLG_API clg_status clg_run_resume(clg_run **out, const char *folder, const clg_config *changes);

/* The run's options, changes included: its data are to be loaded as these say.  Borrowed. */
CLG_API const clg_config *clg_run_config(const clg_run *run);

/* What changes has changed, a line each: "--epochs 20 (was 10)"; "" where nothing is to be said. */
CLG_API const char *clg_run_notes(const clg_run *run);

/* Epochs and steps that the run had done when it was saved, 0 where it was not; NULL where not
 * wanted. */
CLG_API void clg_run_position(const clg_run *run, int *epoch, uint64_t *step);

/* 1 where a resumed run has nothing left to do: all its steps are done, or its patience ran out.
 * clg_train then gives the figures of its last epoch and leaves the folder as it is. */
CLG_API int clg_run_is_finished(const clg_run *run);

/* The network that a resumed run goes on with, for its training data: as it was saved, or, where
 * nothing was, new from the run's options (init-from among them).  Once for a run. */
CLG_API clg_status clg_run_net(clg_net **out, clg_run *run, const clg_dataset *data);

typedef struct clg_progress {
    int epoch, epochs;    /* from 1; as many as the steps make where those are given */
    uint64_t step, steps; /* done in all, to do in all */
    uint64_t epoch_step, epoch_steps;
    double loss, accuracy;         /* of this epoch so far; NaN where not known */
    double val_loss, val_accuracy; /* NaN where there is no validation or it is not yet due */
    double cost;                   /* loss with the L2 term; NaN where not known */
    double samples_per_s, seconds;
    int epoch_end; /* 1: all figures are the epoch's */
    double lr;     /* learning rate of the last step */
    /* At the end of an epoch of a run with a folder, each (layers), else NULL: Euclidean norms of
     * each layer's weights and of its last gradient, and the share of its relu units that gave 0
     * for all of the first 1,024 training rows (NaN for other layers). */
    int layers;
    const double *weight_norm, *gradient_norm, *dead;
} clg_progress;

typedef struct clg_train_hooks {
    void *user;
    /* Called by the clock, at most ten times a second, where wants_progress is not 0 (then the
     * loss so far is read from the device), and at the end of every epoch in any case. */
    void (*progress)(void *user, const clg_progress *progress);
    int wants_progress;
    /* Asked between steps, from the thread that trains; not 0 ends the training after a last save
     * with CLG_ECANCELLED.  May read a flag that another thread or a signal sets. */
    int (*should_stop)(void *user);
    /* A line about a decision taken: the plan and the route in use, the best epoch.  One that
     * begins with "warning: " the user should see: verification found the device wrong. */
    void (*log)(void *user, const char *line);
    /* N: progress is called after every Nth step as well (1: after each), with the loss so far read
     * from the device, which waits for it.  Changes no bit.  0: by the clock and by epoch alone. */
    uint64_t progress_every;
} clg_train_hooks;

typedef struct clg_train_result {
    int epochs;
    uint64_t steps;
    double loss, cost, accuracy, val_loss, val_accuracy; /* of the last epoch; NaN where unknown */
    double seconds;
    int best_epoch;       /* with the lowest validation (else training) loss; 0: none */
    int stopped_early;    /* 1: patience ran out, and net holds the best epoch's parameters */
    uint64_t checks;      /* steps checked against the reference (check-every) */
    double check_seconds; /* and what they took, the steps themselves included */
} clg_train_result;

/* Trains net on data as its config says, anew from the weights it has: step 0, moments of zero; but
 * a run of clg_run_resume goes on where it was.
 * val (may be NULL) is evaluated after every epoch; run (may be NULL) takes metrics and
 * checkpoints; hooks and result may be NULL.  CLG_EDIVERGED leaves the last good checkpoint.  On
 * return net holds the trained parameters.  Where the configuration has check-every N, every Nth
 * step is repeated on the reference, operation by operation; CLG_EMISMATCH where one is beyond its
 * bound, with both sides of the step's tensors in the run's folder, check-STEP. */
CLG_API clg_status clg_train(clg_train_result *result, clg_net *net, clg_device *device,
                             const clg_dataset *data, const clg_dataset *val, clg_run *run,
                             const clg_train_hooks *hooks);

/* Fills x (B,I) and exactly one of labels (B) and values (B,O) with the next batch; returns how
 * many rows it gave, 0 at the end. */
typedef int (*clg_batch_fn)(void *user, float *x, int32_t *labels, float *values, int B);

/* Trains net on what next gives, up to its end; one pass, which goes on with the moments and the
 * step that net has.  result may be NULL. */
CLG_API clg_status clg_train_batches(clg_train_result *result, clg_net *net, clg_device *device,
                                     clg_batch_fn next, void *user);

/* ------------------------------------------------- evaluation, prediction */

typedef struct clg_evaluation {
    size_t examples;
    double loss;         /* mean over examples */
    double accuracy;     /* class targets: fraction; else NaN */
    int classes;         /* class targets; else 0 */
    uint64_t *confusion; /* (classes,classes), rows = truth; freed by clg_evaluation_clear */
    double *precision, *recall, *f1; /* (classes); 0 where undefined */
    double mae, rmse, r2;            /* value targets; else NaN */
    double auc;                      /* two classes; else NaN */
} clg_evaluation;

CLG_API clg_status clg_evaluate(clg_evaluation *out, const clg_net *net, clg_device *device,
                                const clg_dataset *data);
CLG_API void clg_evaluation_clear(clg_evaluation *evaluation);

/* Outputs y (rows,O) of the network for every row of data; its targets are not used. */
CLG_API clg_status clg_predict(float *y, const clg_net *net, clg_device *device,
                               const clg_dataset *data);

/* The class that the O outputs of one example mean: the largest, the first of equals; with one
 * output, 1 from 0.5 on. */
CLG_API int clg_predicted_class(const float *y, int O);

/* Writes predictions to path (.npy or .csv; "-": CSV to standard output's file descriptor): class
 * names or values; with proba the outputs themselves.  A path in .png gets a picture of the first
 * 100 rows, where the outputs have the size of the inputs (an autoencoder's reconstructions). */
CLG_API clg_status clg_predict_write(const char *path, const clg_net *net, const float *y,
                                     size_t rows, int proba);

/* ------------------------------------------------------- inspect, export */

/* A text that describes any file clgrad reads (model, IDX, .npy, .csv); the caller frees it with
 * clg_text_free. */
CLG_API clg_status clg_inspect(char **text, const char *path, int json);
CLG_API void clg_text_free(char *text);

/* Writes a model's tensors: format npy makes the folder path with one .npy file a tensor; png makes
 * one picture of the first layer's weights, a tile a unit. */
CLG_API clg_status clg_export(const clg_net *net, const char *format, const char *path);

/* ----------------------------------------------------------- verification */

typedef struct clg_verify_result {
    int cases, failed; /* operations compared, and how many were beyond their bound */
    int undecided;     /* elements that rounding alone decides (a step at 0, an overflow) */
    double worst;      /* largest error in units of its bound; at most 1 where all is well */
    char first[512];   /* the first that failed: operation, shape, element, both values */
    uint64_t elements; /* compared */
    /* Elements within their bound of a kink (a relu's 0, the tie of a maxout), but not on it:
     * either side is right. */
    uint64_t kinks;
    /* Training: 1 where more than 1 % of a tensor was undecided or at a kink, and nothing failed.
     */
    int too_many;
    uint64_t first_step;   /* training: the step of `first`, from 1; 0: nothing failed */
    char first_tensor[96]; /* and its tensor, "layers.0.weight" */
    /* Why, static: "operation" (run again on the same inputs it gives the same wrong result),
     * "transient" (it gives another), "accumulation" (each operation is right, and yet device and
     * reference part when both run free), "" for none. */
    const char *cause;
    double drift;          /* training: the largest relative drift of a tensor, both running free */
    char drift_tensor[96]; /* which tensor; "" where nothing was compared */
    const char *plan;      /* training: "plain", "fused" or "resident", static; "" for none */
} clg_verify_result;

/* One operation that was compared; texts are valid during the call. */
typedef struct clg_verify_case {
    /* route: of products register, local or clblast, else native; reference.  shape has the seed.
     */
    const char *operation, *route, *shape;
    uint64_t step; /* of a training, from 1; 0: a single operation */
    int failed, undecided;
    uint64_t elements, kinks;
    double nmse;  /* sum of squared errors over that of the reference's squares */
    double worst; /* largest error in units of its bound */
    double ms;    /* on the device, its programs' building included */
    /* The first wrong element, operand NULL where none is: why says what else went wrong, "". */
    const char *operand;
    size_t row, column;
    double got, want, bound;
    const char *why;
} clg_verify_case;

/* One tensor in one step of a training. */
typedef struct clg_verify_tensor {
    const char *name; /* as in a model file where it is there: "layers.0.weight" */
    int layer;        /* -1: of none */
    uint64_t step;    /* from 1 */
    uint64_t elements, kinks;
    int undecided;
    double worst; /* largest error in units of its bound */
    /* Parameters: norm of device less reference over that of the reference, both having run free
     * since step 1; else NaN. */
    double drift;
} clg_verify_tensor;

typedef struct clg_verify_options {
    int steps;      /* of training in lockstep; 0 means 10 */
    int operations; /* 0 none, 1 quick, 2 full: single operations over awkward shapes */
    void *user;
    void (*row)(void *user, const char *operation, const char *shape, int failed, double worst);
    /* The same with all that is known; and every tensor of every step.  Both may be NULL. */
    void (*each)(void *user, const clg_verify_case *compared);
    void (*tensor)(void *user, const clg_verify_tensor *tensor);
    /* Training: a folder for both sides of every tensor, step-0001-layers.0.weight-device.npy and
     * -reference.npy: of each step up to 20 of them, else of those that fail and the last.  NULL:
     * none. */
    const char *dump;
    uint64_t seed; /* of the numbers in single operations; 0 means 1 */
} clg_verify_options;

/* Checks the device's operations one by one against the double-precision reference. */
CLG_API clg_status clg_verify_operations(clg_verify_result *out, clg_device *device,
                                         const clg_verify_options *options);

/* Trains a copy of net on data, on the device, and repeats every operation of every step on the
 * reference from the device's own inputs: every element must lie within its derived bound.
 * CLG_EMISMATCH where one does not, and where too many cannot be decided (too_many).  Beside it the
 * reference trains by itself from the same start, and the drift between the two is reported. */
CLG_API clg_status clg_verify_training(clg_verify_result *out, const clg_net *net,
                                       clg_device *device, const clg_dataset *data,
                                       const clg_verify_options *options);

typedef struct clg_gradient_result {
    size_t compared, skipped; /* elements; skipped: moving them takes a unit over a kink */
    double worst;             /* largest |a-n|, less the rounding of the losses, over
                               * max(|a|, |n|, max|g| / 1000); up to 1e-6 is well */
    char first[512]; /* the first beyond: tensor, element, both values; "" where all is well */
} clg_gradient_result;

typedef struct clg_gradient_options {
    int rows;    /* of data, the first so many, as one batch; 0 means 32 */
    int samples; /* elements of each tensor; 0 means 64, below 0 all */
    void *user;
    void (*layer)(void *user, int layer, size_t compared, size_t skipped, double worst);
} clg_gradient_options;

/* Backpropagation a of net on data against differences n of its loss, in double precision on the
 * reference; net is not changed.  CLG_EMISMATCH where they are further apart than 1e-6, and than
 * rounding explains; CLG_EUSAGE for the perceptron's rule, which has no derivative.  options may be
 * NULL. */
CLG_API clg_status clg_verify_gradient(clg_gradient_result *out, const clg_net *net,
                                       const clg_dataset *data,
                                       const clg_gradient_options *options);

/* ---- the same bits */

typedef struct clg_repeat_options {
    int runs;  /* 0 means 2 */
    int steps; /* 0 means 10 */
} clg_repeat_options;

typedef struct clg_repeat_result {
    int runs, steps;
    int differing;   /* runs whose bits are not the first's */
    int unit;        /* 1: also run with one compute unit alone */
    char note[256];  /* why not, "" */
    char first[512]; /* the first difference: run, tensor, element, both values; "" for none */
} clg_repeat_result;

/* Trains copies of net on data, several times and then on one compute unit of the device where it
 * can be divided, and compares the bits of parameters and moments.  net and data NULL: a small
 * network of its own.  CLG_EMISMATCH where they differ; options may be NULL. */
CLG_API clg_status clg_verify_repeat(clg_repeat_result *out, const clg_net *net, clg_device *device,
                                     const clg_dataset *data, const clg_repeat_options *options);

/* -------------------------------------------------------------- profiling */

enum { CLG_ROOFS_MOST = 16 };

/* One measured ceiling: GFLOP/s ("fma float16") or GB/s ("read memory", "copy 256 KiB"). */
typedef struct clg_roof {
    char name[32];
    double rate;
    double size; /* bandwidth: bytes that a compute unit goes over; product: operations; else 0 */
} clg_roof;

/* What a device can do, as measured.  compute: independent multiply-adds by vector width; chain:
 * one dependent chain a work-item, by instruction and width, as clpeak measures; read and copy: by
 * working set, the farthest memory first, a copy counting both ways; product: the library's own
 * matrix products, smallest first. */
typedef struct clg_roofs {
    clg_roof compute[CLG_ROOFS_MOST], chain[CLG_ROOFS_MOST];
    clg_roof read[CLG_ROOFS_MOST], copy[CLG_ROOFS_MOST];
    clg_roof product[CLG_ROOFS_MOST];
    int computes, chains, reads, copies, products;
    double launch_us; /* a launch of many in a row */
    double wait_us;   /* a launch that is waited for */
    double read_us;   /* four bytes read back */
    int remembered;   /* 1: measured before, for this device and driver */
} clg_roofs;

/* The device's roofs: those remembered beside its program binaries, or, with anew 1 or where there
 * are none, measured now (seconds).  CLG_EUSAGE for the reference. */
CLG_API clg_status clg_device_roofs(clg_roofs *out, clg_device *device, int anew);

/* Remembers roofs for the device: with what another program measured, where that is higher. */
CLG_API clg_status clg_device_roofs_keep(clg_device *device, const clg_roofs *roofs);

/* What a device did over some time: every launch and copy with its begin and end. */
typedef struct clg_profile clg_profile;

typedef enum clg_phase {
    CLG_PHASE_DATA,
    CLG_PHASE_FORWARD,
    CLG_PHASE_BACKWARD,
    CLG_PHASE_UPDATE,
    CLG_PHASE_FIGURES, /* loss and hits added up */
    CLG_PHASES
} clg_phase;

/* "data", "forward", "backward", "update", "figures". */
CLG_API const char *clg_phase_name(clg_phase phase);

typedef struct clg_profile_row {
    char name[48]; /* "dense_fwd 0": a kernel and its layer; "read", "write", "host gaps" */
    int kernel;    /* 1: a kernel; 0: transfers or gaps */
    int layer;     /* -1: of several, or of none */
    int shared;    /* 1: one launch does the work of several layers or phases */
    uint64_t calls;
    double ms;                          /* in all */
    double share;                       /* of the wall time, 0 to 1 */
    double gflops, gbps, flop_per_byte; /* NaN where not known */
    double of_roof; /* rate over what is attainable, 0 to 1; NaN where not known */
    char bound[24]; /* by what: "compute", "read 256 KiB", "launch"; "" where not known */
} clg_profile_row;

typedef struct clg_profile_summary {
    uint64_t steps;
    int batch;
    char plan[16];           /* plain, fused, resident */
    double wall_ms, rows_ms; /* by the host's clock; the sum of all rows */
    double busy;             /* share of the wall time in which the device had something to do */
    double plain_ms;         /* wall time of the same steps without events; NaN: not measured */
    double overhead;         /* of profiling: wall_ms over plain_ms, less 1 */
    double launches, flops, bytes;    /* a step */
    double measured_us, predicted_us; /* a step, without events where that was measured */
    int rows, layers, hints;
    int lost; /* commands beyond what is kept, which no row counts */
} clg_profile_summary;

typedef struct clg_profile_options {
    uint64_t steps;  /* 0 means 200 */
    uint64_t warmup; /* 0 means 20 */
    int rounds;      /* with and without events in turn; 0: as many as the time of one suggests */
    void *user;
    int (*should_stop)(void *user);
} clg_profile_options;

/* Trains copies of net on data for warmup and steps, as its config says, with and without events in
 * turn: net is not changed.  The rows are those of the median round with events. */
CLG_API clg_status clg_profile_training(clg_profile **out, const clg_net *net, clg_device *device,
                                        const clg_dataset *data,
                                        const clg_profile_options *options);

/* Records what the device does from here on until clg_profile_stop.  The device has a queue of its
 * own meanwhile, and no other profile.  The reference records nothing: CLG_EUSAGE. */
CLG_API clg_status clg_profile_start(clg_profile **out, clg_device *device);
CLG_API clg_status clg_profile_stop(clg_profile *profile);
CLG_API void clg_profile_destroy(clg_profile *profile);

/* Of a profile that is complete.  Rows by falling time. */
CLG_API clg_profile_summary clg_profile_summarise(const clg_profile *profile);
CLG_API const clg_profile_row *clg_profile_rows(const clg_profile *profile, size_t *count);
CLG_API const clg_roofs *clg_profile_roofs(const clg_profile *profile);

/* Milliseconds of layer (-1: of none, as data and figures are) in phase; *shared (may be NULL) is 1
 * where a part of it is a launch's share, apportioned by predicted time. */
CLG_API double clg_profile_ms(const clg_profile *profile, int layer, clg_phase phase, int *shared);

/* A line about what the figures call for; NULL beyond the last. */
CLG_API const char *clg_profile_hint(const clg_profile *profile, int index);

/* Writes the recording as a Chrome trace (JSON), which Perfetto and chrome://tracing open. */
CLG_API clg_status clg_profile_trace(const clg_profile *profile, const char *path);

/* ---- on paper */

enum { CLG_PURPOSES_MOST = 16 };

typedef struct clg_estimate {
    char plan[16]; /* plain, fused, resident */
    int batch;
    double launches, flops, bytes; /* a training step */
    double step_us;                /* predicted from the roofs; NaN on the reference */
    uint64_t memory, budget;       /* bytes on the device, wanted and allowed */
    struct {
        char name[32];
        uint64_t bytes;
    } purpose[CLG_PURPOSES_MOST]; /* the largest first */
    int purposes;
    double phase_us[CLG_PHASES]; /* shares of step_us, launches left out */
} clg_estimate;

/* What training net would take, before anything is allocated or run; data (may be NULL: rows of
 * numbers that are streamed by the caller) lies on the device.  batch 0: as net's config says. */
CLG_API clg_status clg_training_estimate(clg_estimate *out, const clg_net *net, clg_device *device,
                                         const clg_dataset *data, int batch);

/* ----------------------------------------------------------------- tuning */

/* What came of one choice that training makes on a device. */
typedef struct clg_tune_knob {
    const char *name, *about;      /* "groups", and what it decides; static */
    const char *fallback, *chosen; /* its default, and what is better or the default; static */
    double ratio;                  /* speed over that of the default; 1 where it stays */
    int measured;                  /* 0: it decides nothing here, or no time was left */
} clg_tune_knob;

typedef struct clg_tune_options {
    double seconds; /* of measuring, at most; 0 means 90 */
    int widest;     /* layer of the networks that are trained: 64, 128, 512 or, for 0, 2048 */
    void *user;
    void (*knob)(void *user, const clg_tune_knob *knob); /* called for each; may be NULL */
    int (*should_stop)(void *user); /* not 0 ends it with CLG_ECANCELLED; may be NULL */
} clg_tune_options;

typedef struct clg_tune_result {
    int knobs, measured, moved; /* moved: stand elsewhere than at their default */
    int late;                   /* 1: the time ended before the last was measured */
    int kept;                   /* 1: the record was written, and trainings take it from now on */
    double seconds;             /* of measuring and verifying */
    char tuned[1024]; /* "groups:16,plan-1m:fused", as the option tuned has it; or "none" */
} clg_tune_result;

/* Tries other choices than the defaults in short trainings on the device and keeps what is more
 * than 3 % faster, beside the program binaries, for this device, driver and version.  What it has
 * chosen must pass verification and give the bits of the defaults (but for products by CLBlast):
 * else CLG_EMISMATCH, and nothing is kept.  options may be NULL. */
CLG_API clg_status clg_tune(clg_tune_result *out, clg_device *device,
                            const clg_tune_options *options);

/* ---------------------------------------------------------------- reports */

/* What one run or several have to show: their folders' contents, and what each model makes of its
 * test data (else its validation data, else the rows it was trained on). */
typedef struct clg_report clg_report;

typedef struct clg_report_options {
    clg_device *device;      /* runs the models; NULL: the reference */
    const clg_dataset *data; /* the examples of the only run; NULL: found by its config.ini */
    const char *data_name;   /* what the page calls them: "test data"; at most 31 bytes are shown */
} clg_report_options;

/* Reads count runs' folders and runs their models.  options may be NULL.  CLG_EDATA names a folder
 * that is no run's, or the file and line in it that cannot be read; data that cannot be found again
 * is no failure, the report says so.  The caller's data must outlive the report. */
CLG_API clg_status clg_report_create(clg_report **out, const char *const *runs, size_t count,
                                     const clg_report_options *options);
CLG_API void clg_report_destroy(clg_report *report);

/* Writes the report as one HTML file that needs no other: temporary file, fsync, rename.  path NULL
 * means RUN/report.html of the only run. */
CLG_API clg_status clg_report_write(const clg_report *report, const char *path);

/* The report in short: text for a terminal with so many columns (0: 80), or one line of JSON; the
 * caller frees it with clg_text_free. */
CLG_API clg_status clg_report_summary(char **text, const clg_report *report, int columns, int json);

#ifdef __cplusplus
}
#endif
#endif
