/* The one table of options: keys, checks, defaults, help.  The parser of the command line, --help,
 * config.ini and the options kept in a model file all read it. */
#include "core/config.h"

#include "core/memory.h"
#include "core/text.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    TEXT,
    SWITCH,
    CHOICE,   /* one of the words of `argument`; word:N... takes that many numbers after it */
    NUMBER,   /* low <= value <= high */
    POSITIVE, /* 0 < value <= high */
    INTEGER,  /* low <= value <= high */
    BATCH,    /* an integer from 1, or full */
    PERIOD    /* "60s" or a number of steps */
};

#define ACTS                                                                                       \
    "identity|step|sigmoid|tanh|relu|leaky_relu|leaky_relu:A|maxout:K|elu|elu:A|gelu|silu|"        \
    "softplus"

#define INT_HIGH 2147483647.0
#define COUNT_HIGH 9007199254740992.0

/* X(name, group, argument, fallback, kind, low, high, kept in a model file, help) */
#define OPTIONS(X)                                                                                 \
    X("train", "data", "X[,Y]", "", TEXT, 0, 0, 0,                                                 \
      "training data: a dataset's name, a folder of IDX files, or .npy, .csv, .svm, IDX files")    \
    X("val", "data", "X[,Y]", "", TEXT, 0, 0, 0, "validation data, evaluated after every epoch")   \
    X("val-split", "data", "F|N", "0", NUMBER, 0, COUNT_HIGH, 0,                                   \
      "hold back a fraction, or from 1 on a number of rows, for validation")                       \
    X("test", "data", "X[,Y]", "", TEXT, 0, 0, 0, "test data, evaluated at the end")               \
    X("target", "data", "class|value|input", "", CHOICE, 0, 0, 1,                                  \
      "what the targets are; default: classes for whole numbers and text, else values; "           \
      "input: the features")                                                                       \
    X("label-col", "data", "NAME|N", "-1", TEXT, 0, 0, 1,                                          \
      "CSV column of the target: a name, or a number from 0, negative from the end")               \
    X("columns", "data", "A,B,...", "", TEXT, 0, 0, 1, "CSV features to use: names or numbers")    \
    X("classes", "data", "A,B,...", "", TEXT, 0, 0, 1,                                             \
      "the classes and their order; rows of others are left out")                                  \
    X("one-vs-rest", "data", NULL, "false", SWITCH, 0, 0, 1,                                       \
      "one output a class, each trained against all others")                                       \
    X("features", "data", "N", "1048576", INTEGER, 1, INT_HIGH, 1, "libsvm: indices from 1 to N")  \
    X("missing", "data", "error|drop|mean", "error", CHOICE, 0, 0, 1,                              \
      "empty and NaN cells: an error, their rows left out, or the column's mean")                  \
    X("normalize", "data", "auto|none|unit|range:LO:HI|minmax|std", "auto", CHOICE, 0, 0, 1,       \
      "scaling of the features; auto: unit for bytes, std for CSV, else none")                     \
    X("layers", "network", "N[:ACT],...", "", TEXT, 0, 0, 1,                                       \
      "hidden layers, for example 256,128 or 256:relu,128:tanh; none: a single layer")             \
    X("act", "network", ACTS, "relu", CHOICE, 0, 0, 1,                                             \
      "activation of hidden layers that name none")                                                \
    X("output-act", "network", ACTS "|softmax", "", CHOICE, 0, 0, 1,                               \
      "activation of the output layer; default by the loss: softmax, sigmoid, identity")           \
    X("init", "network", "auto|he|xavier|normal:S|uniform:A|zero", "auto", CHOICE, 0, 0, 1,        \
      "starting weights; auto: he for relu layers, xavier for others and the output")              \
    X("init-from", "network", "F", "", TEXT, 0, 0, 0, "start from the weights of a model file")    \
    X("freeze", "network", "L,L,...", "", TEXT, 0, 0, 1,                                           \
      "layers, from 0, that keep their weights")                                                   \
    X("loss", "learning", "ce|bce|mse|huber|huber:D|perceptron", "", CHOICE, 0, 0, 1,              \
      "loss; default: ce for class targets, mse for values")                                       \
    X("reduction", "learning", "mean|sum", "mean", CHOICE, 0, 0, 1,                                \
      "whether the examples of a batch are averaged or summed")                                    \
    X("opt", "learning", "sgd|momentum|ema_momentum|nesterov|rmsprop|adagrad|adam|adamw", "adam",  \
      CHOICE, 0, 0, 1, "optimiser")                                                                \
    X("lr", "learning", "R", "0.001", POSITIVE, 0, 1e30, 1, "learning rate")                       \
    X("lr-schedule", "learning", "const|step:N:G|exp:G|cosine|linear|plateau:N:G", "const",        \
      CHOICE, 0, 0, 1, "learning rate over the epochs")                                            \
    X("warmup", "learning", "N", "0", INTEGER, 0, COUNT_HIGH, 1,                                   \
      "steps over which the learning rate rises to its value")                                     \
    X("clip-norm", "learning", "C", "", POSITIVE, 0, 1e30, 1, "largest norm of the gradient")      \
    X("momentum", "learning", "M", "", NUMBER, 0, 1, 1, "momentum; default: 0.9, for rmsprop 0")   \
    X("rho", "learning", "R", "0.99", NUMBER, 0, 0.9999999, 1,                                     \
      "rmsprop: decay of the mean square")                                                         \
    X("weight-decay", "learning", "W", "0.01", NUMBER, 0, 1e30, 1, "adamw: decay of the weights")  \
    X("beta1", "learning", "B", "0.9", NUMBER, 0, 0.9999999, 1, "adam: decay of the first moment") \
    X("beta2", "learning", "B", "0.999", NUMBER, 0, 0.9999999, 1,                                  \
      "adam: decay of the second moment")                                                          \
    X("eps", "learning", "E", "", POSITIVE, 0, 1e30, 1,                                            \
      "added to the denominator; default: 1e-8, for adagrad 1e-10")                                \
    X("l2", "learning", "L", "0", NUMBER, 0, 1e30, 1,                                              \
      "adds (L/2) times the sum of squared weights to the cost")                                   \
    X("dropout", "learning", "P[,P...]", "0", TEXT, 0, 0, 1,                                       \
      "share of each hidden layer's outputs dropped: one for all, or one a layer")                 \
    X("dropout-input", "learning", "P", "0", NUMBER, 0, 0.9999999, 1,                              \
      "share of the inputs dropped")                                                               \
    X("label-smoothing", "learning", "E", "0", NUMBER, 0, 1, 1, "ce: mass given to all classes")   \
    X("class-weights", "learning", "W,W,...", "", TEXT, 0, 0, 1,                                   \
      "weight of each class in the loss")                                                          \
    X("patience", "learning", "N", "", INTEGER, 1, INT_HIGH, 1,                                    \
      "stop after N epochs without a lower validation (else training) loss; keep the best")        \
    X("teacher", "learning", "F", "", TEXT, 0, 0, 0,                                               \
      "model file whose outputs are learnt as well")                                               \
    X("temperature", "learning", "T", "1", POSITIVE, 0, 1e30, 1, "teacher: softens both outputs")  \
    X("distill-weight", "learning", "A", "0.5", NUMBER, 0, 1, 1, "teacher: its share of the loss") \
    X("batch", "learning", "N|full", "64", BATCH, 1, INT_HIGH, 1, "examples in a step")            \
    X("epochs", "learning", "N", "10", INTEGER, 1, INT_HIGH, 1, "passes over the training data")   \
    X("steps", "learning", "N", "", INTEGER, 1, COUNT_HIGH, 1,                                     \
      "stop after this many steps instead of epochs")                                              \
    X("no-shuffle", "learning", NULL, "false", SWITCH, 0, 0, 1, "take the rows in file order")     \
    X("out", "run", "RUN", "", TEXT, 0, 0, 0, "folder of the run")                                 \
    X("save-every", "run", "60s|N", "60s", PERIOD, 0, 0, 0, "seconds or steps between saves")      \
    X("log-every", "run", "N", "", INTEGER, 1, COUNT_HIGH, 0,                                      \
      "also a line in metrics.jsonl every N steps; default: one an epoch")                         \
    X("check-every", "run", "N", "", INTEGER, 1, COUNT_HIGH, 0,                                    \
      "repeat every Nth step on the reference; stop with exit 1 where they disagree")              \
    X("tuned", "run", "KNOB:VALUE,...|none", "", TEXT, 0, 0, 0,                                    \
      "what tune chose, as a run's config.ini has it; default: what it found on this device")      \
    X("device", "common", "auto|gpu|cpu|accelerator|NAME|P:D|ref", "auto", TEXT, 0, 0, 0,          \
      "where to run; ref is the double-precision CPU reference")                                   \
    X("seed", "common", "N", "1", INTEGER, 0, COUNT_HIGH, 1, "seed of every random number")        \
    X("matmul", "common", "auto|native|clblast", "auto", CHOICE, 0, 0, 0,                          \
      "route of the matrix products")                                                              \
    X("plan", "common", "auto|resident|fused|plain", "auto", CHOICE, 0, 0, 0, "how a step is put into launches")  \
    X("no-cache", "common", NULL, "false", SWITCH, 0, 0, 0,                                        \
      "neither read nor write program binaries, tuning records and remembered routes")

static const clg_option options[] = {
#define PUBLIC(name, group, argument, fallback, kind, low, high, kept, help)                       \
    {name, group, argument, fallback, help},
    OPTIONS(PUBLIC)
#undef PUBLIC
};

static const struct check {
    enum kind kind;
    double low, high;
    int kept;
} checks[] = {
#define CHECK(name, group, argument, fallback, kind, low, high, kept, help) {kind, low, high, kept},
    OPTIONS(CHECK)
#undef CHECK
};

#define COUNT (sizeof options / sizeof *options)

struct clg_config {
    char *value[COUNT]; /* NULL: the default */
};

const clg_option *clg_config_options(size_t *count)
{
    if (count)
        *count = COUNT;
    return options;
}

clg_status clg_config_create(clg_config **out)
{
    *out = NULL;
    return clg_alloc(out, 1, sizeof **out, "a configuration");
}

void clg_config_destroy(clg_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < COUNT; i++)
        free(config->value[i]);
    free(config);
}

clg_status clg_config_copy(clg_config **out, const clg_config *from)
{
    clg_config *copy;
    clg_status status = CLG_OK;
    CLG_TRY(clg_config_create(&copy));
    *out = NULL;
    for (size_t i = 0; i < COUNT && status == CLG_OK; i++)
        if (from->value[i])
            status = clg_text_copy(&copy->value[i], from->value[i]);
    if (status != CLG_OK) {
        clg_config_destroy(copy);
        return status;
    }
    *out = copy;
    return CLG_OK;
}

/* The row of key, COUNT where there is none. */
static size_t find(const char *key)
{
    size_t i = 0;
    while (i < COUNT && strcmp(options[i].name, key) != 0)
        i++;
    return i;
}

static clg_status bad_number(const char *key, const char *value, const struct check *check)
{
    const char *what = check->kind == INTEGER ? "a whole number" : "a number";
    if (check->kind == POSITIVE)
        return clg_fail(CLG_EUSAGE, "--%s %s: not a number above 0, up to %.16g", key, value,
                        check->high);
    return clg_fail(CLG_EUSAGE, "--%s %s: not %s from %.16g to %.16g", key, value, what, check->low,
                    check->high);
}

static clg_status check_number(const char *key, const char *value, const struct check *check)
{
    double number;
    if (!clg_read_number(&number, value) || !(number >= check->low && number <= check->high) ||
        (check->kind == POSITIVE && number <= 0) ||
        (check->kind == INTEGER && number != floor(number)))
        return bad_number(key, value, check);
    return CLG_OK;
}

/* Whether value is word, which may end in ":A:B" for as many numbers. */
static int matches(const char *value, const char *word, size_t length)
{
    size_t head = 0;
    while (head < length && word[head] != ':')
        head++;
    if (strncmp(value, word, head) != 0)
        return 0;
    const char *rest = value + head;
    for (size_t i = head; i < length; i++) {
        if (word[i] != ':')
            continue;
        double number;
        rest = *rest == ':' ? clg_read_number_at(&number, rest + 1) : NULL;
        if (!rest)
            return 0;
    }
    return *rest == '\0';
}

/* The index of value among the words of "a|b|c", -1 where it is none. */
static int choice_of(const char *value, const char *words)
{
    for (int index = 0;; index++) {
        size_t length = strcspn(words, "|");
        if (matches(value, words, length))
            return index;
        words += length;
        if (!*words++)
            return -1;
    }
}

static clg_status check_choice(const char *key, const char *value, const char *words)
{
    char text[256], *word[32];
    size_t count = 0;
    if (choice_of(value, words) >= 0)
        return CLG_OK;
    snprintf(text, sizeof text, "%s", words);
    for (char *at = text; at && count < 32; count++) {
        word[count] = at;
        at = strchr(at, '|');
        if (at)
            *at++ = '\0';
    }
    const char *near = clg_nearest(value, (const char *const *)word, count, sizeof *word);
    if (near)
        return clg_fail(CLG_EUSAGE, "--%s %s: did you mean %s? (one of %s)", key, value, near,
                        words);
    return clg_fail(CLG_EUSAGE, "--%s %s: must be one of %s", key, value, words);
}

static clg_status check_value(size_t i, const char *value)
{
    const char *key = options[i].name;
    const struct check *check = &checks[i];
    struct check whole = {INTEGER, 1, check->kind == BATCH ? INT_HIGH : COUNT_HIGH, 0};
    const char *rest;
    double number;
    for (const char *c = value; *c; c++)
        if (iscntrl((unsigned char)*c))
            return clg_fail(CLG_EUSAGE, "--%s: its value holds a control character", key);
    switch (check->kind) {
    case TEXT:
        return CLG_OK;
    case SWITCH:
        return check_choice(key, value, "true|false");
    case CHOICE:
        return check_choice(key, value, options[i].argument);
    case NUMBER:
    case POSITIVE:
    case INTEGER:
        return check_number(key, value, check);
    case BATCH:
        return strcmp(value, "full") == 0 ? CLG_OK : check_number(key, value, &whole);
    case PERIOD:
        rest = clg_read_number_at(&number, value);
        if (rest && strcmp(rest, "s") == 0 && number > 0)
            return CLG_OK;
        return check_number(key, value, &whole);
    }
    return CLG_OK;
}

clg_status clg_config_set(clg_config *config, const char *key, const char *value)
{
    char *copy = NULL;
    size_t i = find(key);
    if (i == COUNT) {
        const char *near = clg_nearest(key, &options[0].name, COUNT, sizeof *options);
        return near ? clg_fail(CLG_EUSAGE, "unknown option %s: did you mean %s?", key, near)
                    : clg_fail(CLG_EUSAGE, "unknown option %s: see clgrad train --help", key);
    }
    if (*value == '\0' && *options[i].fallback == '\0') { /* as config.ini writes what is unset */
        free(config->value[i]);
        config->value[i] = NULL;
        return CLG_OK;
    }
    CLG_TRY(check_value(i, value));
    CLG_TRY(clg_text_copy(&copy, value));
    free(config->value[i]);
    config->value[i] = copy;
    return CLG_OK;
}

const char *clg_config_get(const clg_config *config, const char *key)
{
    size_t i = find(key);
    if (i == COUNT)
        return NULL;
    return config && config->value[i] ? config->value[i] : options[i].fallback;
}

int clg_config_is_set(const clg_config *config, const char *key)
{
    size_t i = find(key);
    return i < COUNT && config && config->value[i];
}

double clg_config_number(const clg_config *config, const char *key)
{
    const char *text = clg_config_get(config, key);
    double number = 0;
    assert(text);
    return clg_read_number(&number, text) ? number : 0;
}

int64_t clg_config_integer(const clg_config *config, const char *key)
{
    return (int64_t)clg_config_number(config, key);
}

int clg_config_is(const clg_config *config, const char *key, const char *text)
{
    const char *value = clg_config_get(config, key);
    assert(value);
    return strcmp(value, text) == 0;
}

int clg_config_switch(const clg_config *config, const char *key)
{
    return clg_config_is(config, key, "true");
}

int clg_config_choice(const clg_config *config, const char *key)
{
    size_t i = find(key);
    assert(i < COUNT && checks[i].kind == CHOICE);
    return choice_of(clg_config_get(config, key), options[i].argument);
}

double clg_config_part(const clg_config *config, const char *key, int part, double fallback)
{
    const char *text = clg_config_get(config, key);
    double number = fallback;
    assert(text);
    while (part-- > 0) {
        text = strchr(text, ':');
        if (!text)
            return fallback;
        text++;
    }
    return clg_read_number_at(&number, text) ? number : fallback;
}

int clg_config_is_kept(size_t option)
{
    assert(option < COUNT);
    return checks[option].kept;
}
