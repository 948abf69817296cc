/* What the loaders share inside this room: reading plain or compressed files, numeric arrays,
 * records of comma-separated text, and words numbered as they come. */
#ifndef CLG_DATA_READ_H
#define CLG_DATA_READ_H

#include "core/text.h"
#include "data/dataset.h"

/* Most classes a data set may have: a label beyond it is a damaged file or a value. */
enum { CLG_MAX_CLASSES = 1 << 20 };

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
};

/* A dataset of the array that follows in input: shape[0] rows, the rest flattened. */
clg_status clg_array_load(struct clg_dataset **out, struct clg_input *input,
                          const struct clg_array *array);

/* CLG_EDATA with row and column of the first NaN or Inf among data's features. */
clg_status clg_check_finite(const struct clg_dataset *data);

/* CLG_EDATA where rows or features are none, or more than a device can count. */
clg_status clg_check_shape(const char *source, size_t rows, size_t features);

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

/* ------------------------------------------------------------ csv targets */

/* One column read as targets while it is not yet known what it holds. */
struct clg_column {
    enum { CLG_TARGET_ANY, CLG_TARGET_AS_CLASS, CLG_TARGET_AS_VALUE } wanted;
    double *number;         /* (rows) where all are numbers */
    uint32_t *word;         /* (rows) */
    size_t rows, room;
    struct clg_words words;
    int has_text, has_fraction, words_complete;
    uint64_t fraction_line; /* of the first that is no whole number from 0 */
};

void clg_column_begin(struct clg_column *column, const clg_config *config);
clg_status clg_column_add(struct clg_column *column, const char *text,
                          const struct clg_spot *spot);
/* Gives data (whose rows are set) its labels or values. */
clg_status clg_column_finish(struct clg_column *column, struct clg_dataset *data,
                             const char *path);
void clg_column_clear(struct clg_column *column);

/* What the columns of a CSV file are: features and a target, features, targets, or features and
 * perhaps a target that is not to be read. */
enum clg_csv_role { CLG_CSV_BOTH, CLG_CSV_FEATURES, CLG_CSV_TARGETS, CLG_CSV_INPUTS };

/* As clg_load_csv; partner is, for targets, how many rows they belong to, for inputs, how many the
 * network takes, and 0 for the others. */
clg_status clg_csv_read(struct clg_dataset **out, const char *path, const clg_config *config,
                        enum clg_csv_role role, size_t partner);

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

/* A folder's data, and the built-in one.  inputs: as clg_dataset_load_inputs, 0 with targets. */
clg_status clg_load_folder(struct clg_dataset **out, const struct clg_place *place, clg_part part,
                           const clg_config *config, size_t inputs);
clg_status clg_load_xor(struct clg_dataset **out, const clg_config *config);

#endif
