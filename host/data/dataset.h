/* The inside of a dataset, the loaders, and the fitted normalisation. */
#ifndef CLG_DATA_DATASET_H
#define CLG_DATA_DATASET_H

#include "core/config.h"
#include "core/status.h"

enum clg_storage { CLG_BYTES, CLG_FLOATS, CLG_DOUBLES };

struct clg_dataset {
    size_t rows, features;
    enum clg_storage storage;
    const void *x;          /* (stored rows, features) */
    size_t *pick;           /* (rows): row i is stored row pick[i]; NULL: all in order */
    int32_t *labels;        /* (rows); class targets, else NULL */
    int classes;
    char **class_name;      /* (classes) */
    double *values;         /* (rows,outputs); value targets, else NULL */
    size_t outputs;
    int height, width;      /* image of one example, 0 where it is none */
    int both_parts;
    int is_csv;             /* normalize auto means std */
    char *source;           /* what messages call it */
    int class_like;         /* a one-dimensional file of integers: as targets these are classes */
    /* who owns x */
    void *memory;           /* freed */
    void *mapping;          /* unmapped */
    size_t mapping_size;
};

/* An empty dataset that clg_dataset_destroy frees; loaders fill it. */
clg_status clg_dataset_new(struct clg_dataset **out, const char *source);

/* Gives every class the name of its number; no-op where names exist. */
clg_status clg_dataset_number_classes(struct clg_dataset *data);

/* Feature values of row i as doubles, x (features). */
void clg_dataset_row(double *x, const struct clg_dataset *data, size_t i);

/* Makes rows i of targets (a dataset loaded from the file behind the comma) the target of row i of
 * data; what targets holds may move into data.  Counts must agree. */
clg_status clg_attach_targets(struct clg_dataset *data, struct clg_dataset *targets,
                              const clg_config *config);

/* As clg_dataset_load, without targets, for a network of so many inputs: whatever stands in the
 * place of the targets is not read.  A CSV file has the inputs as its columns, or a target beside
 * them. */
clg_status clg_dataset_load_inputs(struct clg_dataset **out, const char *spec, clg_part part,
                                   const clg_config *config, size_t inputs);
void clg_dataset_drop_targets(struct clg_dataset *data);

/* map (data->classes): each class of data as the `classes` names of a network number it.  Text
 * labels are numbered by first appearance, which differs from file to file, so they go by name;
 * where either side has plain numbers only, by number.  -1 for a class without rows that the
 * network lacks; CLG_EDATA names one with rows. */
clg_status clg_dataset_class_map(int32_t *map, const struct clg_dataset *data, char *const *names,
                                 int classes);

/* Loaders of one file each (path may end in .gz).  clg_load_idx gives features (3 dimensions: an
 * image) or, for a one-dimensional file, values with features = 1; clg_attach_targets turns such a
 * dataset or .npy array into the targets of data, as config's `target` says.
 * csv: features and targets come from one file. */
clg_status clg_load_idx(struct clg_dataset **out, const char *path);
clg_status clg_load_npy(struct clg_dataset **out, const char *path);
clg_status clg_load_csv(struct clg_dataset **out, const char *path, const clg_config *config);

/* Writes a .npy file (format 1.0, little-endian, C order) of float32 or int32 ("<f4", "<i4"): shape
 * (rows,columns), or (rows) where columns is 0. */
clg_status clg_npy_write(const char *path, const char *descr, const void *data, size_t rows,
                         size_t columns);

/* x * scale + shift for each feature. */
struct clg_normalise {
    char kind[64];          /* as --normalize, resolved: none, unit, range:LO:HI, minmax, std */
    size_t features;
    double *scale, *shift;  /* (features) */
};

/* Fits kind (auto is resolved by data) on data's rows.  Constant features become 0 under minmax and
 * std, LO under range. */
clg_status clg_normalise_fit(struct clg_normalise *out, const char *kind,
                             const struct clg_dataset *data);
/* LO and HI of "range:LO:HI". */
clg_status clg_normalise_range(double *low, double *high, const char *kind);

clg_status clg_normalise_copy(struct clg_normalise *out, const struct clg_normalise *from);
void clg_normalise_clear(struct clg_normalise *normalise);

#endif
