/* A safetensors file, read with every length, offset and shape checked before it is used. */
#ifndef CLG_NET_TENSOR_FILE_H
#define CLG_NET_TENSOR_FILE_H

#include "core/status.h"

enum { CLG_TENSOR_RANK = 8 };

struct clg_tensor {
    const char *name;  /* borrowed from the file; no control characters */
    const char *dtype; /* "F32" */
    size_t rank, shape[CLG_TENSOR_RANK];
    size_t count;       /* product of the shape */
    size_t begin, size; /* bytes, from the start of the data */
    int used;           /* clg_tensor_file_find gave it */
};

struct clg_tensor_file {
    char *path;
    int fd;
    size_t data_at, data_size; /* bytes: where the data starts in the file, how long they are */
    struct clg_tensor *tensor; /* (count), in the order of their data */
    size_t count;
    void *header; /* the parsed JSON */
};

/* Opens path and checks its whole header: the tensors cover the data without gap or overlap. */
clg_status clg_tensor_file_open(struct clg_tensor_file **out, const char *path);
void clg_tensor_file_close(struct clg_tensor_file *file);

/* Hands status on.  A failure that names no byte was found in the header: its line says so. */
clg_status clg_tensor_file_place(clg_status status, const struct clg_tensor_file *file);

/* The value of key in __metadata__, NULL where there is none. */
const char *clg_tensor_file_metadata(const struct clg_tensor_file *file, const char *key);

/* The tensor of that name, NULL where there is none; marks it used. */
struct clg_tensor *clg_tensor_file_find(struct clg_tensor_file *file, const char *name);

/* The elements of a F32 or F64 tensor; another type is CLG_EDATA. values (count). */
clg_status clg_tensor_file_read(double *values, const struct clg_tensor_file *file,
                                const struct clg_tensor *tensor);

/* CRC-32 of all data. */
clg_status clg_tensor_file_crc(uint32_t *crc, const struct clg_tensor_file *file);

/* "[128,784]", for messages. */
const char *clg_tensor_shape_text(char *text, size_t size, const struct clg_tensor *tensor);

#endif
