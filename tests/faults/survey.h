/* Each operation at shapes and with numbers of its own: what test_faults decides by whether a fault
 * counts.  Nothing of verify's cases, watching table or comparison takes part, so that a fault
 * which these miss is noticed: the inputs are other ones, results are read back and compared here,
 * against the double-precision reference run on the very same numbers.  Shared are the reference
 * itself, which tests of its own hold to numbers worked out by hand and to differences, and the
 * bounds of docs/verification.md. */
#ifndef CLG_TESTS_FAULTS_SURVEY_H
#define CLG_TESTS_FAULTS_SURVEY_H

#include "ops/ops.h"
#include "verify/bounds.h"

/* The operations, as bits of a set. */
enum {
    SURVEY_PERMUTE = 1 << 0,
    SURVEY_GATHER = 1 << 1,
    SURVEY_DENSE = 1 << 2,
    SURVEY_OUTPUT = 1 << 3,
    SURVEY_DROPOUT = 1 << 4,
    SURVEY_LOSS = 1 << 5,
    SURVEY_SCORE = 1 << 6,
    SURVEY_PENALTY = 1 << 7,
    SURVEY_DELTA = 1 << 8,
    SURVEY_GRAD = 1 << 9,
    SURVEY_SQUARES = 1 << 10,
    SURVEY_CLIP = 1 << 11,
    SURVEY_ALIVE = 1 << 12,
    SURVEY_UPDATE = 1 << 13,
    SURVEY_FUSED_FWD = 1 << 14,
    SURVEY_FUSED_HEAD = 1 << 15,
    SURVEY_FUSED_DELTA = 1 << 16,
    SURVEY_FUSED_LEARN = 1 << 17,
    SURVEY_SPAN = 1 << 18,
    SURVEY_STRIPS = 1 << 19,
    SURVEY_FUSED = SURVEY_FUSED_FWD | SURVEY_FUSED_HEAD | SURVEY_FUSED_DELTA | SURVEY_FUSED_LEARN |
                   SURVEY_STRIPS
};
enum { SURVEY_OPERATIONS = 20, SURVEY_PLAIN = 14 };

/* A fault counts that moves an element by more bounds than these. */
enum { SURVEY_LIMIT = 2 };

/* Their names in the table of operations, bit by bit. */
extern const char *const survey_names[SURVEY_OPERATIONS];

enum { SURVEY_MOST_BUFFERS = 24, SURVEY_MOST_BLOCKS = 60 };

/* All results of one device, one behind the other; the reference's also have their bounds.  Whole
 * steps of networks are compared at once, because what a stage should give follows from what the
 * device itself had in front of it. */
struct survey {
    clg_device *device, *reference;
    const struct clg_ops *ops;
    struct clg_limits limits; /* of the device that is compared */
    double *value, *bound;
    size_t count, room;
    double farthest; /* of what was compared at once */
    /* the experiment in hand */
    struct clg_buf buffer[SURVEY_MOST_BUFFERS];
    int buffers;
    double *block[SURVEY_MOST_BLOCKS];
    int blocks;
    uint64_t state; /* of the generator */
    int style;      /* of the numbers */
};

/* Runs the operations of set.  The survey's values are freed by survey_clear. */
clg_status survey_run(struct survey *survey, clg_device *device, clg_device *reference,
                      const struct clg_limits *limits, unsigned set);
void survey_clear(struct survey *survey);

/* The largest distance of an element of got from want in units of its bound; INFINITY where a
 * number is missing, or changed where nothing may change.  Of whole networks, of those alone up to
 * the first beyond SURVEY_LIMIT. */
double survey_distance(const struct survey *got, const struct survey *want);

/* ------------------------------------------- for the files of experiments */

#define SURVEY_COUNT(array) (sizeof(array) / sizeof *(array))

/* Forgets the last experiment and starts one; its numbers depend on its number alone. */
void survey_begin(struct survey *survey, unsigned experiment);

/* Memory until the next one. */
double *survey_room(struct survey *survey, size_t count);

/* Numbers that a float holds, in the style of the experiment; uniform in 0..1. */
double survey_number(struct survey *survey);
double survey_uniform(struct survey *survey);
double *survey_numbers(struct survey *survey, size_t count);

/* Operands.  data NULL: what is overwritten. */
clg_status survey_matrix(struct survey *survey, struct clg_buf **out, const double *data, int rows,
                         int columns);
clg_status survey_weights(struct survey *survey, struct clg_buf **out, const double *data, int rows,
                          int columns);
clg_status survey_vector(struct survey *survey, struct clg_buf **out, const double *data,
                         size_t count);
clg_status survey_integers(struct survey *survey, struct clg_buf **out, const int32_t *data,
                           size_t count);
clg_status survey_bytes(struct survey *survey, struct clg_buf **out, const uint8_t *data,
                        size_t count);

/* Reads a result back as values of the survey; bound NULL asks for equality.  Of a matrix also the
 * largest number in the padding of its rows, where zeros belong. */
clg_status survey_take_matrix(struct survey *survey, const struct clg_buf *buf, const double *bound,
                              int rows, int columns);
clg_status survey_take_vector(struct survey *survey, const struct clg_buf *buf, const double *bound,
                              size_t count);
clg_status survey_take_integers(struct survey *survey, const struct clg_buf *buf, size_t count);
clg_status survey_take_number(struct survey *survey, double value, double bound);

/* Compares at once; bound NULL asks for equality. */
void survey_push(struct survey *survey, const double *got, const double *want, const double *bound,
                 size_t count);

/* A result as numbers; NULL where there was no memory or the device failed. */
double *survey_read(struct survey *survey, const struct clg_buf *buf, int rows, int columns);
double *survey_read_vector(struct survey *survey, const struct clg_buf *buf, size_t count);

/* The activations that layers may have, with the numbers that verify has too: they select code. */
extern const struct clg_activation survey_acts[];
extern const size_t survey_acts_count;

clg_status survey_layers(struct survey *survey, unsigned set);
clg_status survey_losses(struct survey *survey, unsigned set);
clg_status survey_figures(struct survey *survey, unsigned set);
clg_status survey_fused(struct survey *survey);
clg_status survey_spans(struct survey *survey);

#endif
