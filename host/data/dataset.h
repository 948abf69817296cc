/* The inside of a dataset, the loaders, and the fitted normalisation. */
#ifndef CLG_DATA_DATASET_H
#define CLG_DATA_DATASET_H

#include "core/config.h"
#include "core/status.h"

enum clg_storage { CLG_BYTES, CLG_FLOATS, CLG_DOUBLES, CLG_SPARSE };

/* What happens to missing feature values, in the order of --missing's words.  Under MEAN they stay
 * NaN in the data set; clg_normalise_row puts the mean of the training rows in their place. */
enum clg_missing { CLG_MISSING_ERROR, CLG_MISSING_DROP, CLG_MISSING_MEAN };

/* What data is loaded for.  TRAINING: a class of --classes that no row has is a mistake.
 * EVALUATION: it may be lacking.  PREDICTION: targets are neither needed nor kept, and --classes
 * leaves no row out. */
enum clg_purpose { CLG_FOR_TRAINING, CLG_FOR_EVALUATION, CLG_FOR_PREDICTION };

struct clg_dataset {
    size_t rows, features;
    enum clg_storage storage;
    const void *x;        /* (stored rows, features); sparse: NULL */
    size_t *start;        /* sparse: (stored rows + 1), where each row's cells begin */
    int32_t *cell_column; /* sparse: (cells), ascending within a row */
    double *cell_value;   /* sparse: (cells); what has no cell is 0 */
    size_t *pick;         /* (rows): row i is stored row pick[i]; NULL: all in order */
    int32_t *labels;      /* (rows); class targets, else NULL */
    int classes;
    char **class_name; /* (classes) */
    int numbered;      /* the file has class numbers, whatever class_name calls them */
    double *values;    /* (rows,outputs); value targets, else NULL */
    size_t outputs;
    int height, width; /* image of one example, 0 where it is none */
    int both_parts;
    int is_csv;               /* normalize auto means std */
    enum clg_missing missing; /* what --missing said when it was loaded */
    char *source;             /* what messages call it */
    int class_like;           /* a one-dimensional file of integers: as targets these are classes */
    /* who owns x */
    void *memory;  /* freed */
    void *mapping; /* unmapped */
    size_t mapping_size;
};

/* An empty dataset that clg_dataset_destroy frees; loaders fill it. */
clg_status clg_dataset_new(struct clg_dataset **out, const char *source);

/* Classes that numbers may ask for whatever the rows: names of more would take more memory than a
 * small file is allowed. */
enum { CLG_FEW_CLASSES = 262144 };

/* Gives every class the name of its number; no-op where names exist.  CLG_EDATA where that would be
 * more than CLG_FEW_CLASSES and more than the rows. */
clg_status clg_dataset_number_classes(struct clg_dataset *data);

/* Feature values of row i as doubles, x (features). */
void clg_dataset_row(double *x, const struct clg_dataset *data, size_t i);

/* After a pass over data has read one more row; *read, 0 at first, counts bytes.  Now and then lets
 * go of a mapped file's pages, which would count as this process's memory until the system is short
 * of it.  The system keeps them as long as it has room.  scattered 1: rows are read in no order, and
 * each fault maps the pages round it, too. */
void clg_dataset_let_go(const struct clg_dataset *data, size_t *read, int scattered);

/* As clg_dataset_load, for one purpose; that one loads for TRAINING.  inputs: how many features the
 * network takes, 0 where that is not known yet, which PREDICTION does not allow.  Where no targets
 * are needed, nothing is read that stands in their place: a CSV file has the inputs as its columns,
 * or a target beside them. */
clg_status clg_dataset_load_for(struct clg_dataset **out, const char *spec, clg_part part,
                                const clg_config *config, enum clg_purpose purpose, size_t inputs);

void clg_dataset_drop_targets(struct clg_dataset *data);

/* map (data->classes): each class of data as the `classes` names of a network number it.  Text
 * labels are numbered by first appearance, which differs from file to file, so they go by name, and
 * so do names that are numbers on both sides (--classes 7,1); where one side only has plain
 * numbers, by number.  -1 for a class without rows that the network lacks; CLG_EDATA names one with
 * rows. */
clg_status clg_dataset_class_map(int32_t *map, const struct clg_dataset *data, char *const *names,
                                 int classes);

/* Loaders of one file each (path may end in .gz).  clg_load_idx gives features (3 dimensions: an
 * image) or, for a one-dimensional file, values with features = 1.
 * csv and libsvm: features and targets come from one file.  idx and npy refuse NaN. */
clg_status clg_load_idx(struct clg_dataset **out, const char *path);
clg_status clg_load_npy(struct clg_dataset **out, const char *path);
clg_status clg_load_csv(struct clg_dataset **out, const char *path, const clg_config *config);
clg_status clg_load_libsvm(struct clg_dataset **out, const char *path, const clg_config *config);

/* Writes a .npy file (format 1.0, little-endian, C order) of float32, int32 or float64 ("<f4", "<i4",
 * "<f8"): shape (rows,columns), or (rows) where columns is 0. */
clg_status clg_npy_write(const char *path, const char *descr, const void *data, size_t rows,
                         size_t columns);

/* x * scale + shift for each feature, with fill for an x that is missing. */
struct clg_normalise {
    char kind[64]; /* as --normalize, resolved: none, unit, range:LO:HI, minmax, std */
    size_t features;
    double *scale, *shift; /* (features) */
    double *fill;          /* (features) means of what is present, NULL unless --missing mean */
};

/* Fits kind (auto is resolved by data) on data's rows, missing values filled.  Constant features
 * become 0 under minmax and std, LO under range. */
clg_status clg_normalise_fit(struct clg_normalise *out, const char *kind,
                             const struct clg_dataset *data);
/* LO and HI of "range:LO:HI". */
clg_status clg_normalise_range(double *low, double *high, const char *kind);

clg_status clg_normalise_copy(struct clg_normalise *out, const struct clg_normalise *from);

/* Row i of data as the network takes it: x (features), filled and scaled.  CLG_EDATA where a value
 * is missing and the training data had no fill for it, or is beyond a float once scaled. */
clg_status clg_normalise_row(double *x, const struct clg_normalise *normalise,
                             const struct clg_dataset *data, size_t i);

void clg_normalise_clear(struct clg_normalise *normalise);

#endif
