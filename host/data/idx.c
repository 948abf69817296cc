/* IDX, the format of the MNIST files: a magic number that says element type and dimensions, the
 * dimensions as big-endian words, then the elements, big-endian.  Reads it; nothing writes it. */
#include "data/read.h"

#include <stddef.h>

/* Element type by the third byte of the magic number; width 0 where there is none. */
static void element_type(struct clg_array *array, unsigned char code)
{
    static const struct {
        unsigned char code;
        char kind;
        unsigned char width;
    } types[] = {{0x08, 'u', 1}, {0x09, 'i', 1}, {0x0B, 'i', 2},
                 {0x0C, 'i', 4}, {0x0D, 'f', 4}, {0x0E, 'f', 8}};
    array->width = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == code) {
            array->kind = types[i].kind;
            array->width = types[i].width;
        }
}

static clg_status read_header(struct clg_array *array, struct clg_input *input)
{
    unsigned char magic[4], word[4];
    const char *path = clg_input_path(input);
    CLG_TRY(clg_input_exact(input, magic, sizeof magic, "magic number"));
    element_type(array, magic[2]);
    if (magic[0] != 0 || magic[1] != 0 || array->width == 0 || magic[3] == 0)
        return clg_fail(CLG_EDATA,
                        "%s: not an IDX file: byte 0 begins the magic number %02x%02x%02x%02x, "
                        "where 00000801 (labels) or 00000803 (images) would stand",
                        path, magic[0], magic[1], magic[2], magic[3]);
    array->big_endian = 1;
    array->fortran = 0;
    array->dims = magic[3];
    array->from = sizeof magic;
    array->to = sizeof magic + sizeof word * magic[3] - 1;
    for (int k = 0; k < array->dims; k++) {
        CLG_TRY(clg_input_exact(input, word, sizeof word, "dimensions"));
        array->shape[k] =
            (size_t)word[0] << 24 | (size_t)word[1] << 16 | (size_t)word[2] << 8 | (size_t)word[3];
        if (array->shape[k] == 0)
            return clg_fail(CLG_EDATA, "%s: dimension %d, at byte %d, is 0", path, k, 4 + 4 * k);
    }
    return CLG_OK;
}

clg_status clg_idx_read(struct clg_dataset **out, const char *path, enum clg_missing missing)
{
    return clg_array_read(out, path, read_header, missing);
}

clg_status clg_load_idx(struct clg_dataset **out, const char *path)
{
    return clg_idx_read(out, path, CLG_MISSING_ERROR);
}
