/* Model files that are cut, damaged, hostile or of another make: each is refused with one line that
 * names it, whatever byte is wrong. */
#define _GNU_SOURCE
#include "core/file.h"
#include "harness_model.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define LIMIT ((size_t)1 << 20)

/* The bytes of a saved sample; the header's length in *header, 8 bytes of prefix included. */
static char *saved(const char *name, size_t *size, size_t *header, int wide)
{
    clg_net *net = model_sample("momentum");
    char *bytes;
    uint64_t length = 0;
    ck_ok(clg_net_save_as(net, model_path(name), wide));
    ck_ok(clg_file_read(&bytes, size, model_path(name), LIMIT));
    for (int i = 7; i >= 0; i--)
        length = length << 8 | (unsigned char)bytes[i];
    *header = 8 + (size_t)length;
    clg_net_destroy(net);
    return bytes;
}

START_TEST(every_truncation)
{
    size_t size, header;
    char *bytes = saved("cut.safetensors", &size, &header, 0);
    const char *path = model_path("cut.safetensors");
    for (size_t length = 0; length < size; length++) {
        clg_net *net;
        model_put(path, bytes, length);
        clg_status status = clg_net_load(&net, path, NULL);
        ck_assert_msg(status == CLG_EDATA && !net, "%zu bytes gave %d", length, (int)status);
        ck_assert_ptr_nonnull(strstr(clg_last_error(), path));
        ck_assert_ptr_null(strchr(clg_last_error(), '\n'));
        if (length >= 8)
            ck_assert_ptr_nonnull(strstr(clg_last_error(), "cut short"));
    }
    model_put(path, bytes, size);
    clg_net *net;
    ck_ok(clg_net_load(&net, path, NULL));
    clg_net_destroy(net);
    free(bytes);
}
END_TEST

/* Flips one bit of an open file's byte. */
static void flip(int fd, const char *bytes, size_t bit, int flipped)
{
    char byte = (char)(bytes[bit / 8] ^ (flipped << (bit % 8)));
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
}

START_TEST(every_bit_flip)
{
    size_t size, header, refused = 0;
    char *bytes = saved("flip.safetensors", &size, &header, 1);
    const char *path = model_path("flip.safetensors");
    int fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        clg_net *net;
        flip(fd, bytes, bit, 1);
        clg_status status = clg_net_load(&net, path, NULL);
        flip(fd, bytes, bit, 0);
        /* a header may change to another that makes sense, or to a plain file's; data may not */
        ck_assert_msg(status == CLG_EDATA || (status == CLG_OK && bit / 8 < header) ||
                          (status == CLG_EUSAGE && strstr(clg_last_error(), "a plain file")),
                      "bit %zu gave %d: %s", bit, (int)status, clg_last_error());
        ck_assert_ptr_null(strchr(clg_last_error(), '\n'));
        refused += status != CLG_OK;
        clg_net_destroy(net);
    }
    ck_assert_uint_ge(refused, 8 * (size - header));
    close(fd);
    free(bytes);
}
END_TEST

START_TEST(refuses_containers)
{
    static const struct {
        const char *header, *words;
    } rows[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {" {}", "not a JSON object"},
        {"{\"a\":", "not a JSON object"},
        {"{\"a\":1,\"a\":2}", "not a JSON object"},
        {"{}", "24 bytes follow the last tensor"},
        {"{\"__metadata__\":7}", "__metadata__ is not an object"},
        {"{\"__metadata__\":{\"a\":7}}", "not a string"},
        {"{\"a\":7}", "tensor a: unknown dtype"},
        {"{\"a\":{\"dtype\":\"F31\"}}", "tensor a: unknown dtype"},
        {"{\"a\":{\"dtype\":\"F32\"}}", "tensor a: its shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1]}}", "up to 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[6.0]}}", "size 0 of its shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-6]}}", "size 0 of its shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296]}}", "size 1 of its shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[6]}}", "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0]}}", "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[-1,23]}}", "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[24,0]}}", "bytes 24 to 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[0,28]}}",
         "bytes 0 to 28 of 24"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,24]}}",
         "does not fill its 24"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}",
         "does not fill"},
        {"{\"a\\n\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}",
         "control character"},
        {MODEL_W("[2,2]", "0", "16") MODEL_B("12", "20"), "starts at byte 12 of the data, not 16"},
        {MODEL_W("[2,2]", "8", "24") MODEL_B("0", "8"), NULL},
        {MODEL_W("[2,2]", "0", "16") MODEL_B("16", "24"), NULL},
        {MODEL_W("[2]", "16",
                 "24") ",\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         "starts at byte 4 of the data, not 0"},
    };
    clg_config *config;
    ck_ok(clg_config_create(&config));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clg_net *net;
        const char *path = model_raw(rows[i].header, model_plain, sizeof model_plain);
        if (rows[i].words) {
            ck_fails(clg_net_load(&net, path, config), CLG_EDATA, rows[i].words);
            ck_assert_ptr_nonnull(strstr(clg_last_error(), path));
        } else {
            ck_ok(clg_net_load(&net, path, config));
        }
        clg_net_destroy(net);
    }
    clg_config_destroy(config);
}
END_TEST

START_TEST(refuses_non_files)
{
    clg_net *net;
    const unsigned char huge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, '{'};
    ck_fails(clg_net_load(&net, model_path("missing"), NULL), CLG_EDATA, "missing");
    ck_fails(clg_net_load(&net, harness_folder(), NULL), CLG_EDATA, "is a folder");
    ck_fails(clg_net_load(&net, "/dev/null", NULL), CLG_EDATA, "not a regular file");
    model_put(model_path("huge"), huge, sizeof huge);
    ck_fails(clg_net_load(&net, model_path("huge"), NULL), CLG_EDATA,
             "a header of 92233720368547758");
    model_put(model_path("empty"), huge, 0);
    ck_fails(clg_net_load(&net, model_path("empty"), NULL), CLG_EDATA, "0 bytes");
}
END_TEST

/* A saved model in whose header `from` is `to`, of the same length. */
static const char *edited(const char *from, const char *to)
{
    size_t size, header;
    char *bytes = saved("edit.safetensors", &size, &header, 1);
    char *place = bytes + 8;
    ck_assert_uint_eq(strlen(from), strlen(to));
    while (place < bytes + header && strncmp(place, from, strlen(from)) != 0)
        place++;
    ck_assert_msg(place < bytes + header, "no %s in the header", from);
    memcpy(place, to, strlen(to));
    model_put(model_path("edit.safetensors"), bytes, size);
    free(bytes);
    return model_path("edit.safetensors");
}

START_TEST(refuses_contents)
{
    static const struct {
        const char *from, *to, *words;
    } rows[] = {
        {"clgrad.format\":\"1", "clgrad.format\":\"2",
         "format 2; this version reads format 1: use a newer"},
        {"clgrad.format\":\"1", "clgrad.format\":\"x", "clgrad.format is not a whole number"},
        {"clgrad.format\":\"1", "clgrad.format\":\"0", "there is no format 0"},
        {"clgrad.seed", "clgrad.sEEd", "lack clgrad.seed"},
        {"clgrad.step\":\"1234", "clgrad.step\":\"-234", "clgrad.step is not"},
        {"clgrad.epoch\":\"7", "clgrad.epoch\":\"e", "clgrad.epoch is not"},
        {"clgrad.config", "clgrad.cONFIG", "lack clgrad.config"},
        {"clgrad.network", "clgrad.nETWORK", "lack clgrad.network"},
        {"clgrad.classes", "clgrad.cLASSES", "clgrad.classes is not a list"},
        {"clgrad.crc32", "clgrad.crc33", "clgrad.crc32 says nothing"},
        {"clgrad.normalize", "clgrad.nORMALIZE", "clgrad.normalize is not"},
        {"\\\"scale\\\"", "\\\"scalE\\\"", "3 scales and shifts"},
        {"\\\"0\\\",", "    7,", "name 0 is not a text"},
        {"\"3,4:tanh", "\"3,5:tanh", "clgrad.network is 3,5:tanh,2:softmax"},
        {"loss=ce", "lose=ce", "unknown option lose: did you mean loss?"},
        {"layers=4:tanh", "layers=5:tanh", "clgrad.network is 3,4:tanh"},
        {"layers=4:tanh", "layers=4:tang", "clgrad.config: --layers 4:tang"},
        {"output-act=softmax", "output-act=maxout7", "clgrad.config:"},
        {"dropout=0", "dropout=2", "clgrad.config: --dropout 2: value 1"},
        {"\\\"shift\\\"", "\\\"fill \\\"", "is not a kind with 3 scales and shifts"},
        {"\"layers.1.bias", "\"layers.1.bjas", "lacks tensor layers.1.bias"},
        {"\"opt.v.layers.1.bias", "\"opt.v.layers.1.bibs", "lacks tensor opt.v.layers.1.bias"},
        {"\"opt.v.layers.0.weight", "\"opt.v.layers.9.weight",
         "ref.opt.v.layers.0.weight has no place"},
        {"\"ref.layers.0.weight", "\"reg.layers.0.weight", "reg.layers.0.weight has no place"},
        {"\"ref.layers.0.bias", "\"reg.layers.0.bias", "lacks tensor ref.layers.0.bias"},
        {"\"shape\":[4,3]", "\"shape\":[3,4]", "tensor ref.layers.0.weight has shape [3,4]"},
        {"F64", "I64", "tensor ref.layers.0.weight is I64, not F64"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clg_net *net;
        const char *path = edited(rows[i].from, rows[i].to);
        ck_fails(clg_net_load(&net, path, NULL), CLG_EDATA, rows[i].words);
        const char *named = strstr(clg_last_error(), path);
        ck_assert_ptr_nonnull(named);
        ck_assert_ptr_null(strstr(named + 1, path));
        ck_assert_ptr_null(net);
    }
}
END_TEST

/* Writes value as the element of data at byte offset `at`, and a checksum that agrees. */
static const char *with_element(size_t at, const void *value, size_t length)
{
    size_t size, header;
    char *bytes = saved("element.safetensors", &size, &header, 1), text[16];
    memcpy(bytes + header + at, value, length);
    uLong crc = crc32(crc32(0, NULL, 0), (unsigned char *)bytes + header, (uInt)(size - header));
    snprintf(text, sizeof text, "%08x", (unsigned)crc);
    char *place = bytes + 8;
    while (strncmp(place, "clgrad.crc32\":\"", 15) != 0)
        place++;
    memcpy(place + 15, text, 8);
    model_put(model_path("element.safetensors"), bytes, size);
    free(bytes);
    return model_path("element.safetensors");
}

START_TEST(refuses_elements)
{
    /* 26 parameters: 2 * 26 doubles come first, then the floats; element 3 of layers.0.weight */
    const size_t wide = 2 * 26 * sizeof(double);
    const float nan_value = NAN, infinite = INFINITY, other = 123.5f;
    const double huge = 1e300, wrong = 0.125;
    clg_net *net;
    ck_fails(clg_net_load(&net, with_element(wide + 12, &nan_value, 4), NULL), CLG_EDATA,
             "tensor layers.0.weight: element 3 is nan");
    ck_fails(clg_net_load(&net, with_element(wide + 12, &infinite, 4), NULL), CLG_EDATA,
             "element 3 is inf");
    ck_fails(clg_net_load(&net, with_element(24, &huge, 8), NULL), CLG_EDATA,
             "tensor ref.layers.0.weight: element 3 is 1e+300");
    ck_fails(clg_net_load(&net, with_element(24, &wrong, 8), NULL), CLG_EDATA,
             "disagree at parameter 3: 0.125");
    ck_fails(clg_net_load(&net, with_element(wide + 12, &other, 4), NULL), CLG_EDATA, "and 123.5");
}
END_TEST

START_TEST(refuses_plain_files)
{
    static const struct {
        const char *header, *words;
    } rows[] = {
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}",
         "holds no tensor layers.0.weight"},
        {MODEL_W("[6]", "0", "24") "}", "has shape [6], not [outputs,inputs]"},
        {MODEL_W("[2,3]", "0", "24") "}", "lacks tensor layers.0.bias"},
        {"{\"layers.0.weight\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}" MODEL_B(
             "16", "24"),
         "dtype I32; F32 and F64"},
        {MODEL_W("[2,2]", "0", "16") ",\"layers.0.gamma\":{\"dtype\":\"F32\",\"shape\":[0],"
                                     "\"data_offsets\":[0,0]}" MODEL_B("16", "24"),
         "layers.0.gamma has no place"},
    };
    clg_config *config;
    ck_ok(clg_config_create(&config));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clg_net *net;
        const char *path = model_raw(rows[i].header, model_plain, sizeof model_plain);
        ck_fails(clg_net_load(&net, path, config), CLG_EDATA, rows[i].words);
    }
    clg_config_destroy(config);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model_damage");
    TCase *tests = tcase_create("model_damage");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, every_truncation);
    tcase_add_test(tests, every_bit_flip);
    tcase_add_test(tests, refuses_containers);
    tcase_add_test(tests, refuses_non_files);
    tcase_add_test(tests, refuses_contents);
    tcase_add_test(tests, refuses_elements);
    tcase_add_test(tests, refuses_plain_files);
    return harness_run(suite);
}
