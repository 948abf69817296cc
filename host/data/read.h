/* What the loaders share inside this room: what was asked for, reading plain or compressed files,
 * numeric arrays, records of comma-separated text, and words numbered as they come. */
#ifndef CLG_DATA_READ_H
#define CLG_DATA_READ_H

#include "core/text.h"
#include "data/dataset.h"

/* Most classes a data set may have: a label beyond it is a damaged file or a value. */
enum { CLG_MAX_CLASSES = 1 << 20 };

/* ---------------------------------------------------------------- request */

/* What the options ask of a loader. */
struct clg_request {
    const clg_config *config;
    enum clg_purpose purpose;
    enum clg_missing missing;
    int as_class, as_value; /* --target, or --classes */
    int is_input;           /* --target input */
    int has_classes;        /* --classes names and picks the classes */
    int no_targets;         /* none are needed, so none are read */
    size_t inputs;          /* the features that the network takes, 0 where not known */
};
struct clg_request clg_request_of(const clg_config *config, enum clg_purpose purpose,
                                  size_t inputs);

/* What remains when features and targets are read: the targets dropped where they are not wanted,
 * rows with missing values where they are to go, the classes of --classes. */
clg_status clg_request_apply(const struct clg_request *request, struct clg_dataset *data);

/* Leaves out the rows that lack a feature or a target. */
clg_status clg_dataset_drop_missing(struct clg_dataset *data);

/* Gives data the classes of --classes in their order, and leaves out the rows of others. */
clg_status clg_dataset_choose_classes(struct clg_dataset *data,
                                      const struct clg_request *request);

/* Makes rows i of targets (a dataset loaded from the file behind the comma) the target of row i of
 * data; what targets holds may move into data.  Counts must agree. */
clg_status clg_attach_targets(struct clg_dataset *data, struct clg_dataset *targets,
                              const struct clg_request *request);

/* Gives data (whose rows are set) the labels that number (rows) means: its distinct whole numbers
 * in ascending order, each named by itself.  NaN, a missing target, gets -1. */
clg_status clg_labels_by_value(struct clg_dataset *data, const double *number);

/* ------------------------------------------------------------------ input */

/* A file read front to back, decompressed where it begins as gzip files do. */
struct clg_input;

/* path "-" is standard input.  CLG_EDATA where it cannot be opened. */
clg_status clg_input_open(struct clg_input **out, const char *path);
void clg_input_close(struct clg_input *input);
const char *clg_input_path(const struct clg_input *input);

/* Up to size bytes; *got is less only at the end. */
clg_status clg_input_read(struct clg_input *input, void *data, size_t size, size_t *got);

/* Exactly size bytes, or CLG_EDATA that names what was cut short. */
clg_status clg_input_exact(struct clg_input *input, void *data, size_t size, const char *what);

/* The rest of a file after its header: bytes that are mapped where they can be, else read into
 * memory.  clg_body_clear frees whichever it is. */
struct clg_body {
    const unsigned char *data;
    void *memory, *mapping;
    size_t mapping_size;
};

/* Takes the rest, which must be exactly size bytes; what cannot be true of the file's length is
 * refused before anything is allocated. */
clg_status clg_input_body(struct clg_body *body, struct clg_input *input, size_t size);
void clg_body_clear(struct clg_body *body);

/* CLG_EDATA where bytes of decoded data are more than the host may hold. */
clg_status clg_check_host_limit(const char *path, size_t bytes);

/* ------------------------------------------------------------------ array */

/* A numeric array as a file's header describes it. */
struct clg_array {
    char kind;          /* b bool, u unsigned, i signed, f floating point */
    size_t width;       /* bytes of one element: 1, 2, 4 or 8 */
    int big_endian;
    int fortran;        /* first index fastest */
    int dims;           /* 1 or more */
    size_t shape[255];  /* (dims), outermost first */
    size_t from, to;    /* the bytes of the file that say so, for messages */
};

/* A dataset of the array that follows in input: shape[0] rows, the rest flattened. */
clg_status clg_array_load(struct clg_dataset **out, struct clg_input *input,
                          const struct clg_array *array);

/* A dataset of the array file at path, whose header read_header understands; its numbers are checked
 * as clg_check_finite does. */
typedef clg_status (*clg_header_fn)(struct clg_array *array, struct clg_input *input);
clg_status clg_array_read(struct clg_dataset **out, const char *path, clg_header_fn read_header,
                          enum clg_missing missing);
clg_status clg_idx_read(struct clg_dataset **out, const char *path, enum clg_missing missing);
clg_status clg_npy_read(struct clg_dataset **out, const char *path, enum clg_missing missing);

/* CLG_EDATA with row and column of the first Inf among data's features, or of the first NaN where
 * none may be missing. */
clg_status clg_check_finite(const struct clg_dataset *data, enum clg_missing missing);

/* CLG_EDATA where rows or features are none, or more than a device can count; place says which bytes
 * or lines of source they come from. */
clg_status clg_check_shape(const char *source, const char *place, size_t rows, size_t features);

/* ------------------------------------------------------------------- text */

/* text for a message: at most 40 bytes of it, control characters replaced. */
struct clg_shown {
    char text[48];
};
struct clg_shown clg_show(const char *text);

/* One cell of a text file, for messages. */
struct clg_spot {
    const char *path;
    uint64_t line;
    size_t column;      /* from 0, as --label-col counts */
    const char *name;   /* the column's, or NULL */
};

/* Fails as CLG_EDATA with the spot in front of the line. */
clg_status clg_fail_at(const struct clg_spot *spot, const char *format, ...) CLG_PRINTF(2, 3);
#if defined(__clang_analyzer__) || defined(__CPPCHECK__) /* see clg_fail */
#define clg_fail_at(...) ((void)clg_fail_at(__VA_ARGS__), CLG_EDATA)
#endif

/* Distinct words, numbered by first appearance. */
struct clg_words {
    char **word;
    size_t count, room;
    uint32_t *slot;     /* (slots) hash table of word number + 1, 0 empty */
    size_t slots;
};
clg_status clg_words_add(struct clg_words *words, const char *text, size_t *number);
/* The number of text, count where it is not there. */
size_t clg_words_find(const struct clg_words *words, const char *text);
void clg_words_clear(struct clg_words *words);

/* The items of "A,B,..."; one that holds commas stands in quotes, doubled inside. */
struct clg_list {
    char *text;         /* the items, each ended by a 0 */
    char **item;        /* (count) */
    size_t count;
};
/* option, for messages.  CLG_EUSAGE where an item is empty or badly quoted. */
clg_status clg_list_read(struct clg_list *list, const char *option, const char *text);
void clg_list_clear(struct clg_list *list);

/* ---------------------------------------------------------------- records */

/* Records of a CSV file, one at a time. */
struct clg_records {
    struct clg_input *input;
    char separator;
    unsigned char *block;   /* what was read ahead: block[at..end) */
    size_t at, end;
    int finished;           /* input is at its end */
    uint64_t line;          /* line the reader is in, from 1 */
    uint64_t record_line;   /* line where the current record began */
    char *text;             /* the fields of the current record, each ended by a 0 */
    size_t length, room;
    size_t *start;          /* (fields) where each begins in text */
    size_t fields, start_room;
};

/* Opens path and finds its separator. */
clg_status clg_records_open(struct clg_records *records, const char *path);
void clg_records_close(struct clg_records *records);

/* The next record that is not blank; *more is 0 at the end. */
clg_status clg_records_next(struct clg_records *records, int *more);
const char *clg_records_field(const struct clg_records *records, size_t index);

/* ------------------------------------------------------------ csv columns */

#define CLG_NO_COLUMN SIZE_MAX

/* The column of the first record that text, the value of option, means: a number from 0 or, when
 * negative, from the end, or a name; *named 1 for a name.  CLG_EUSAGE where there is none. */
clg_status clg_column_find(size_t *out, int *named, const struct clg_records *first,
                           const char *option, const char *text);

/* place (fields of the first record): which feature each column is, as --columns says,
 * CLG_NO_COLUMN for none; *features how many.  target is not to be among them. */
clg_status clg_columns_choose(size_t *place, size_t *features, int *named,
                              const struct clg_records *first, const char *text, size_t target);

/* One column read as targets while it is not yet known what it holds. */
struct clg_column {
    enum {
        CLG_TARGET_ANY,
        CLG_TARGET_AS_CLASS,
        CLG_TARGET_AS_VALUE,
        CLG_TARGET_AS_NAME  /* every cell a class name, numbers too */
    } wanted;
    int may_lack;           /* empty cells and NaN are allowed */
    double *number;         /* (rows) where all are numbers, NaN where missing */
    uint32_t *word;         /* (rows), UINT32_MAX where missing */
    size_t rows, room;
    struct clg_words words;
    int has_text, has_fraction, words_complete;
    uint64_t fraction_line; /* of the first that is no whole number from 0 */
};

void clg_column_begin(struct clg_column *column, const struct clg_request *request);
clg_status clg_column_add(struct clg_column *column, const char *text,
                          const struct clg_spot *spot);
/* Gives data (whose rows are set) its labels or values. */
clg_status clg_column_finish(struct clg_column *column, struct clg_dataset *data,
                             const char *path);
void clg_column_clear(struct clg_column *column);

/* What the columns of a CSV file are: features and a target, features, or targets. */
enum clg_csv_role { CLG_CSV_BOTH, CLG_CSV_FEATURES, CLG_CSV_TARGETS };

/* A CSV file before clg_request_apply; partner_rows tells, for targets, how many rows they belong
 * to. */
clg_status clg_csv_read(struct clg_dataset **out, const char *path,
                        const struct clg_request *request, enum clg_csv_role role,
                        size_t partner_rows);

/* A libsvm file before clg_request_apply. */
clg_status clg_libsvm_read(struct clg_dataset **out, const char *path,
                           const struct clg_request *request);

/* ------------------------------------------------------------------ names */

/* What a spec turned out to be.  Paths are owned; clg_place_clear frees them. */
struct clg_place {
    enum { CLG_PLACE_NONE, CLG_PLACE_XOR, CLG_PLACE_FILE, CLG_PLACE_FOLDER } kind;
    char *path;
    clg_part part; /* CLG_PART_ALL where the spec names none */
};

/* An existing path, a built-in name, or a name's folder; kind NONE where it is none of them. */
clg_status clg_place_find(struct clg_place *out, const char *spec);
void clg_place_clear(struct clg_place *place);

/* CLG_EDATA for a spec that was not found, with the nearest name and where it was looked for. */
clg_status clg_place_missing(const char *spec);

/* A folder's data, and the built-in one. */
clg_status clg_load_folder(struct clg_dataset **out, const struct clg_place *place, clg_part part,
                           const struct clg_request *request);
clg_status clg_load_xor(struct clg_dataset **out, const struct clg_request *request);

#endif
