/* Numeric arrays from files: IDX and .npy in every element type, and what is refused. */
#define _GNU_SOURCE
#include "harness.h"
#include "harness_files.h"

#include "data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char scratch[1 << 16];

static const char *idx(const char *name, unsigned type, int dims, const unsigned *shape,
                       const void *body, size_t size)
{
    return files_put(name, scratch, files_idx(scratch, type, dims, shape, body, size));
}

static const char *npy(const char *name, const char *header, const void *body, size_t size)
{
    return files_put(name, scratch, files_npy(scratch, header, body, size));
}

/* Every element of data, in order, is want[i] exactly. */
static void expect(const struct clg_dataset *data, const double *want, size_t rows, size_t features)
{
    double row[64];
    ck_assert_uint_eq(data->rows, rows);
    ck_assert_uint_eq(data->features, features);
    for (size_t i = 0; i < rows; i++) {
        clg_dataset_row(row, data, i);
        for (size_t j = 0; j < features; j++)
            ck_assert_msg(harness_close(row[j], want[i * features + j], 0),
                          "row %zu column %zu: %.17g, wanted %.17g", i, j, row[j],
                          want[i * features + j]);
    }
}

static const unsigned char pixels[12] = {0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255};
static const double pixel_values[12] = {0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255};
static const unsigned image_shape[3] = {2, 3, 2};

START_TEST(idx_images_plain_and_compressed)
{
    struct clg_dataset *data;
    size_t size = files_idx(scratch, 8, 3, image_shape, pixels, 12);
    const char *paths[] = {files_put("a-idx3-ubyte", scratch, size),
                           files_gzip("a-idx3-ubyte.gz", scratch, size)};
    for (int k = 0; k < 2; k++) {
        ck_ok(clg_load_idx(&data, paths[k]));
        expect(data, pixel_values, 2, 6);
        clg_dataset_info info = clg_dataset_describe(data);
        ck_assert_int_eq(info.bytes, 1);
        ck_assert_int_eq(info.height, 3);
        ck_assert_int_eq(info.width, 2);
        ck_assert_int_eq(data->mapping != NULL, k == 0); /* plain bytes are mapped */
        clg_dataset_destroy(data);
    }
}
END_TEST

START_TEST(idx_element_types)
{
    static const struct {
        unsigned type;
        size_t width;
        unsigned char body[16];
        double want[2];
    } cases[] = {
        {0x09, 1, {0x80, 0x7f}, {-128, 127}},
        {0x0B, 2, {0x80, 0x00, 0x01, 0x02}, {-32768, 258}},
        {0x0C, 4, {0xff, 0xff, 0xff, 0xfe, 0x00, 0x01, 0x00, 0x00}, {-2, 65536}},
        {0x0D, 4, {0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0}, {1, -2.5}},
        {0x0E, 8, {0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xbf, 0xd0}, {1.5, -0.25}},
    };
    static const unsigned shape[2] = {2, 1};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct clg_dataset *data;
        ck_ok(clg_load_idx(
            &data, idx("types.idx", cases[k].type, 2, shape, cases[k].body, 2 * cases[k].width)));
        expect(data, cases[k].want, 2, 1);
        clg_dataset_destroy(data);
    }
}
END_TEST

START_TEST(idx_refused)
{
    static const unsigned zero[2] = {0, 2}, flat[2] = {3, 0}, four[3] = {1u << 31, 1u << 31, 4},
                          wide[2] = {0xffffffffu, 0xffffffffu}, one[1] = {1},
                          million[2] = {1000, 60000};
    static const unsigned char nan[4] = {0x7f, 0xc0, 0, 0};
    struct clg_dataset *data;
    size_t size = files_idx(scratch, 8, 3, image_shape, pixels, 12);
    ck_fails(clg_load_idx(&data, files_put("cut.idx", scratch, size - 1)), CLG_EDATA,
             "cut.idx: truncated: its header asks for 12 bytes after byte 16");
    ck_assert_ptr_null(data);
    ck_fails(clg_load_idx(&data, files_put("head.idx", scratch, 9)), CLG_EDATA,
             "ends at byte 9, inside its dimensions");
    ck_fails(clg_load_idx(&data, files_put("long.idx", scratch, size + 3)), CLG_EDATA,
             "long.idx: 3 bytes too many: its data ends at byte 28");
    ck_fails(clg_load_idx(&data, files_gzip("cut.idx.gz", scratch, size - 1)), CLG_EDATA,
             "ends at byte 27, inside its data");
    ck_fails(clg_load_idx(&data, files_gzip("long.idx.gz", scratch, size + 1)), CLG_EDATA,
             "its data ends at byte 28");
    ck_fails(clg_load_idx(&data, files_put("empty.idx", "", 0)), CLG_EDATA, "magic number");
    ck_fails(clg_load_idx(&data, files_text("text.idx", "a,b\n1,2\n")), CLG_EDATA,
             "text.idx: not an IDX file");
    ck_fails(clg_load_idx(&data, idx("type.idx", 7, 1, one, pixels, 1)), CLG_EDATA, "00000701");
    ck_fails(clg_load_idx(&data, idx("zero.idx", 8, 2, zero, pixels, 0)), CLG_EDATA,
             "dimension 0, at byte 4, is 0");
    ck_fails(clg_load_idx(&data, idx("flat.idx", 8, 2, flat, pixels, 0)), CLG_EDATA,
             "dimension 1, at byte 8, is 0");
    ck_fails(clg_load_idx(&data, idx("four.idx", 8, 3, four, pixels, 12)), CLG_EDATA, "four.idx");
    ck_fails(clg_load_idx(&data, idx("wide.idx", 14, 2, wide, pixels, 12)), CLG_EDATA, "wide.idx");
    ck_fails(clg_load_idx(&data, idx("nan.idx", 0x0D, 1, one, nan, 4)), CLG_EDATA,
             "row 0, column 0 (from 0) is NaN");
    size = files_idx(scratch, 8, 2, million, pixels, 12);
    ck_fails(clg_load_idx(&data, files_gzip("bomb.idx.gz", scratch, size)), CLG_EDATA,
             "compressed bytes can hold");
    ck_fails(clg_load_idx(&data, files_path("absent.idx")), CLG_EDATA,
             "absent.idx: cannot be opened: No such file");
    ck_fails(clg_load_idx(&data, harness_folder()), CLG_EDATA, "is a folder");
}
END_TEST

START_TEST(gzip_damage_is_named)
{
    struct clg_dataset *data;
    size_t size = files_idx(scratch, 8, 3, image_shape, pixels, 12), length;
    unsigned char *file = files_get(files_gzip("whole.gz", scratch, size), &length);
    ck_fails(clg_load_idx(&data, files_put("cut.gz", file, length - 1)), CLG_EDATA,
             "cut.gz: truncated: the compressed data ends");
    file[length - 6] ^= 1; /* the checksum */
    ck_fails(clg_load_idx(&data, files_put("crc.gz", file, length)), CLG_EDATA,
             "crc.gz: damaged gzip data");
    file[length - 6] ^= 1;
    file = realloc(file, 2 * length);
    ck_assert_ptr_nonnull(file);
    file[length] = 'x';
    ck_fails(clg_load_idx(&data, files_put("tail.gz", file, length + 1)), CLG_EDATA,
             "not gzip data follow");
    free(file);
}
END_TEST

START_TEST(host_limit_holds_for_what_is_decoded)
{
    static const unsigned shape[2] = {100, 100};
    struct clg_dataset *data;
    unsigned char body[10000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (unsigned char)(i * i >> 3);
    size_t size = files_idx(scratch, 8, 2, shape, body, sizeof body);
    const char *plain = files_put("limit.idx", scratch, size);
    const char *packed = files_gzip("limit.idx.gz", scratch, size);
    setenv("CLGRAD_HOST_LIMIT", "9999", 1);
    ck_fails(clg_load_idx(&data, packed), CLG_EDATA, "CLGRAD_HOST_LIMIT");
    ck_ok(clg_load_idx(&data, plain)); /* mapped, not decoded */
    clg_dataset_destroy(data);
    unsetenv("CLGRAD_HOST_LIMIT");
    ck_ok(clg_load_idx(&data, packed));
    clg_dataset_destroy(data);
}
END_TEST

/* One element type of .npy in both byte orders: body is little-endian. */
static void npy_type(const char *type, size_t width, const unsigned char *body, const double *want,
                     enum clg_storage storage)
{
    char header[128];
    for (int big = 0; big < 2; big++) {
        struct clg_dataset *data;
        unsigned char turned[16];
        for (size_t i = 0; i < 2 * width; i++)
            turned[i] = body[big ? i / width * width + width - 1 - i % width : i];
        snprintf(header, sizeof header,
                 "{'descr': '%c%s', 'fortran_order': False, 'shape': (2,), }", big ? '>' : '<',
                 type);
        ck_ok(clg_load_npy(&data, npy("type.npy", header, turned, 2 * width)));
        expect(data, want, 2, 1);
        ck_assert_msg(data->storage == storage, "%s", type);
        ck_assert_int_eq(data->class_like, type[0] != 'f');
        clg_dataset_destroy(data);
    }
}

START_TEST(npy_element_types)
{
    static const unsigned char ones[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                           1,    2,    0,    0,    0,    0,    0,    0};
    static const unsigned char i2[4] = {0xff, 0xff, 1, 2}, i1[2] = {0xff, 1}, bools[2] = {1, 0},
                               i4[8] = {0xff, 0xff, 0xff, 0xff, 1, 2, 0, 0},
                               f2[4] = {0x00, 0x3c, 0x01, 0x80},
                               f4[8] = {0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0},
                               f8[16] = {0, 0, 0, 0, 0, 0, 0xf8, 0x3f,
                                         0, 0, 0, 0, 0, 0, 0xd0, 0xbf};
    npy_type("b1", 1, bools, (double[]){1, 0}, CLG_FLOATS);
    npy_type("u1", 1, i1, (double[]){255, 1}, CLG_BYTES);
    npy_type("i1", 1, i1, (double[]){-1, 1}, CLG_DOUBLES);
    npy_type("u2", 2, i2, (double[]){65535, 513}, CLG_DOUBLES);
    npy_type("i2", 2, i2, (double[]){-1, 513}, CLG_DOUBLES);
    npy_type("u4", 4, i4, (double[]){4294967295.0, 513}, CLG_DOUBLES);
    npy_type("i4", 4, i4, (double[]){-1, 513}, CLG_DOUBLES);
    npy_type("u8", 8, ones, (double[]){18446744073709551615.0, 513}, CLG_DOUBLES);
    npy_type("i8", 8, ones, (double[]){-1, 513}, CLG_DOUBLES);
    npy_type("f2", 2, f2, (double[]){1, -ldexp(1, -24)}, CLG_FLOATS);
    npy_type("f4", 4, f4, (double[]){1, -2.5}, CLG_FLOATS);
    npy_type("f8", 8, f8, (double[]){1.5, -0.25}, CLG_DOUBLES);
}
END_TEST

START_TEST(npy_orders_and_shapes)
{
    struct clg_dataset *data;
    unsigned char fortran[12], c[12];
    double want[12];
    for (unsigned i = 0; i < 2; i++) /* (2,3,2): element (i,h,w) is 100i + 10h + w */
        for (unsigned h = 0; h < 3; h++)
            for (unsigned w = 0; w < 2; w++) {
                unsigned char value = (unsigned char)(100 * i + 10 * h + w);
                c[i * 6 + h * 2 + w] = value;
                fortran[i + 2 * (h + 3 * w)] = value;
                want[i * 6 + h * 2 + w] = value;
            }
    for (int f = 0; f < 2; f++) {
        ck_ok(clg_load_npy(&data,
                           npy("cube.npy",
                               f ? "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }"
                                 : "{\"shape\": (2L,3,2),'fortran_order':False , 'descr': 'u1'}",
                               f ? fortran : c, 12)));
        expect(data, want, 2, 6);
        ck_assert_int_eq(data->height, 3);
        ck_assert_int_eq(data->width, 2);
        clg_dataset_destroy(data);
    }
    ck_ok(clg_load_npy(&data, npy("four.npy",
                                  "{'descr': '|u1', 'fortran_order': True, 'shape': (1,2,3,2)}",
                                  fortran, 12)));
    expect(data, want, 1, 12);
    ck_assert_int_eq(data->height, 0);
    clg_dataset_destroy(data);
}
END_TEST

START_TEST(npy_versions)
{
    static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
    static const double want[2] = {1, -2.5};
    static const unsigned char f4[8] = {0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0};
    for (unsigned char version = 1; version <= 4; version++) {
        unsigned char file[128] = "\x93NUMPY";
        size_t head = version == 1 ? 10 : 12, text = sizeof header - 1;
        struct clg_dataset *data;
        file[6] = version;
        file[8] = (unsigned char)text;
        memcpy(file + head, header, text); /* not aligned: must be copied, not read in place */
        memcpy(file + head + text, f4, 8);
        const char *path = files_put("version.npy", file, head + text + 8);
        if (version == 4) {
            ck_fails(clg_load_npy(&data, path), CLG_EDATA, "version 4.0, at byte 6");
            continue;
        }
        ck_ok(clg_load_npy(&data, path));
        expect(data, want, 2, 1);
        clg_dataset_destroy(data);
    }
}
END_TEST

START_TEST(npy_refused)
{
#define D(type, order, shape)                                                                      \
    "{'descr': '" type "', 'fortran_order': " order ", 'shape': " shape ", }"
    static const struct {
        const char *header, *words;
    } cases[] = {
        {D("|O", "False", "(2,)"), "elements of type |O cannot be used"},
        {D("<c8", "False", "(2,)"), "elements of type <c8"},
        {D("<U3", "False", "(2,)"), "elements of type <U3"},
        {D("<f16", "False", "(2,)"), "elements of type <f16"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "structured"},
        {D("<f4", "False", "()"), "a single number"},
        {D("<f4", "False", "(0, 3)"), "dimension 0 of its array is 0"},
        {D("<f4", "False", "(3, 0)"), "dimension 1 of its array is 0"},
        {D("<f4", "False", "(99999999999999999999,)"), "too large"},
        {D("<f8", "False", "(4294967296, 4294967296, 4294967296)"), "too large"},
        {D("<f8", "False", "(1073741824, 1073741824)"), "truncated"},
        {D("<f4", "False", "(-1,)"), "a dimension expected"},
        {D("<f4", "Maybe", "(2,)"), "True or False expected"},
        {D("<f4", "False", "(2,"), "a dimension expected"},
        {"{'descr': '<f4', 'shape': (2,), }", "lacks descr"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "once each"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} and more", "nothing more"},
        {"", "{ expected"},
        {D("<f4", "False", "(2,)"), "row 1, column 0 (from 0) is infinite"},
        {D("<f4", "True", "(1, 2)"), "row 0, column 1 (from 0) is infinite"},
        {D("<f4", "False", "(1,)"), "4 bytes too many"},
        {D("<f4", "False", "(3,)"), "truncated"},
    };
    static const unsigned char body[8] = {0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x7f};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct clg_dataset *data;
        ck_fails(clg_load_npy(&data, npy("bad.npy", cases[k].header, body, 8)), CLG_EDATA,
                 cases[k].words);
        ck_assert_ptr_nonnull(strstr(clg_last_error(), "bad.npy: "));
        ck_assert_ptr_null(strchr(clg_last_error(), '\n'));
    }
}
END_TEST

START_TEST(npy_written_is_read)
{
    static const float x[6] = {1, 2, 3, -4.5f, 0, 1e-30f};
    static const int32_t labels[3] = {7, 0, 1 << 20};
    struct clg_dataset *data;
    size_t size;
    ck_ok(clg_npy_write(files_path("out.npy"), "<f4", x, 3, 2));
    ck_ok(clg_load_npy(&data, files_path("out.npy")));
    expect(data, (double[]){1, 2, 3, -4.5, 0, (double)1e-30f}, 3, 2);
    ck_assert_ptr_nonnull(data->mapping);
    clg_dataset_destroy(data);
    ck_ok(clg_npy_write(files_path("out.npy"), "<i4", labels, 3, 0));
    ck_ok(clg_load_npy(&data, files_path("out.npy")));
    expect(data, (double[]){7, 0, 1 << 20}, 3, 1);
    clg_dataset_destroy(data);
    unsigned char *file = files_get(files_path("out.npy"), &size);
    ck_assert_uint_eq(size % 64, 12); /* data at a multiple of 64, as NumPy writes it */
    ck_assert_mem_eq(file + 10, "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", 57);
    free(file);
    ck_fails(clg_npy_write(files_path("no/such/out.npy"), "<f4", x, 3, 2), CLG_EIO, "out.npy");
}
END_TEST

/* Every truncation and every flipped bit of a file: loaded or refused in one line, never worse. */
static void damage(const char *name, const unsigned char *file, size_t size)
{
    unsigned char copy[512];
    ck_assert_uint_le(size, sizeof copy);
    for (size_t k = 0; k < size + 8 * size; k++) {
        clg_dataset *data;
        size_t length = k < size ? k : size;
        memcpy(copy, file, size);
        if (k >= size)
            copy[(k - size) / 8] ^= (unsigned char)(1u << (k - size) % 8);
        clg_status status =
            clg_dataset_load(&data, files_put(name, copy, length), CLG_PART_ALL, NULL);
        ck_assert_msg(status == CLG_OK || status == CLG_EDATA, "%s, damage %zu: %d %s", name, k,
                      (int)status, clg_last_error());
        ck_assert_int_eq(status == CLG_OK, data != NULL);
        ck_assert_msg(status == CLG_OK || strstr(clg_last_error(), name), "%s", clg_last_error());
        int is_text = strstr(name, ".csv") || strstr(name, ".svm");
        ck_assert_msg(status != CLG_OK || k >= size || is_text, "%s cut to %zu bytes was accepted",
                      name, length);
        clg_dataset_destroy(data);
    }
}

START_TEST(damaged_files)
{
    static const unsigned char f4[16] = {0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0};
    static const char svm[] = "+1 1:0.5 17:2e1 # one\r\n-1 2:-3\n\n+1\n-1 1:4 2:1 20:.5";
    static const char csv[] = "a,\"b \"\"x\"\"\",c\r\n1,2.5,x\r\n-3e1,\"4\",\"y\nz\"\r\n\r\n";
    size_t size = files_idx(scratch, 8, 3, image_shape, pixels, 12), length;
    damage("fuzz-idx3-ubyte", scratch, size);
    unsigned char *file = files_get(files_gzip("fuzz.gz", scratch, size), &length);
    damage("fuzz-idx3-ubyte.gz", file, length);
    free(file);
    size = files_npy(scratch, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", f4, 16);
    damage("fuzz.npy", scratch, size);
    damage("fuzz.csv", (const unsigned char *)csv, sizeof csv - 1);
    file = files_get(files_gzip("fuzz.gz", csv, sizeof csv - 1), &length);
    damage("fuzz.csv.gz", file, length);
    free(file);
    damage("fuzz.svm", (const unsigned char *)svm, sizeof svm - 1);
    file = files_get(files_gzip("fuzz.gz", svm, sizeof svm - 1), &length);
    damage("fuzz.svm.gz", file, length);
    free(file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data");
    TCase *cases = tcase_create("arrays");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, idx_images_plain_and_compressed);
    tcase_add_test(cases, idx_element_types);
    tcase_add_test(cases, idx_refused);
    tcase_add_test(cases, gzip_damage_is_named);
    tcase_add_test(cases, host_limit_holds_for_what_is_decoded);
    tcase_add_test(cases, npy_element_types);
    tcase_add_test(cases, npy_orders_and_shapes);
    tcase_add_test(cases, npy_versions);
    tcase_add_test(cases, npy_refused);
    tcase_add_test(cases, npy_written_is_read);
    tcase_add_test(cases, damaged_files);
    suite_add_tcase(suite, cases);
    return harness_run(suite);
}
