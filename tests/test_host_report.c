/* Descriptions of files, and networks written for other programs. */
#include "core/file.h"
#include "harness_model.h"

#include <jansson.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((size_t)1 << 20)

/* Asserts that the description of path as text holds every word, up to NULL. */
static void describes(const char *path, const char *const *words)
{
    char *text;
    ck_ok(clg_inspect(&text, path, 0));
    for (; *words; words++)
        ck_assert_msg(strstr(text, *words) != NULL, "\"%s\" is not in\n%s", *words, text);
    clg_text_free(text);
}
#define DESCRIBES(path, ...) describes(path, (const char *const[]){__VA_ARGS__, NULL})

/* The description of path as JSON. */
static json_t *description(const char *path)
{
    char *text;
    json_error_t error;
    ck_ok(clg_inspect(&text, path, 1));
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(object != NULL, "%s: %s", error.text, text);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    clg_text_free(text);
    return object;
}

static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s is no whole number", key);
    return json_integer_value(value);
}

START_TEST(inspects_models)
{
    clg_net *net = model_sample("adam");
    const char *path = model_path("model.safetensors");
    ck_ok(clg_net_save_as(net, path, 1));
    json_t *object = description(path), *layers = json_object_get(object, "layers");
    ck_assert_str_eq(json_string_value(json_object_get(object, "network")), "3,4:tanh,2:softmax");
    ck_assert_int_eq(number(object, "format"), 1);
    ck_assert_int_eq(number(object, "parameters"), 26);
    ck_assert_int_eq(number(object, "weights"), 20);
    ck_assert_int_eq(number(object, "biases"), 6);
    ck_assert_int_eq(number(object, "epoch"), 7);
    ck_assert_int_eq(number(object, "step"), 1234);
    ck_assert_uint_eq(json_array_size(layers), 2);
    ck_assert_int_eq(number(json_array_get(layers, 0), "weights"), 12);
    ck_assert_int_eq(number(json_array_get(layers, 1), "biases"), 2);
    ck_assert_uint_eq(json_array_size(json_object_get(object, "classes")), 2);
    ck_assert(json_is_true(json_object_get(object, "crc32_ok")));
    const json_t *options = json_object_get(object, "options");
    ck_assert_str_eq(json_string_value(json_object_get(options, "opt")), "adam");
    json_decref(object);
    DESCRIBES(path, "network      3,4:tanh,2:softmax\n",
              "\nlayers\n  inputs 3, outputs 4, activation tanh, weights 12, biases 4\n",
              "parameters   26\n", "normalize    std\n", "classes      0, Ägypten, \"x\"\n",
              "F32 and F64", "crc32_ok     yes\n", "  lr                 0.001\n");
    clg_net_destroy(net);
}
END_TEST

START_TEST(inspects_learning)
{
    clg_config *config;
    clg_net *net;
    clg_dataset *data;
    const float x[4] = {1, 2, 3, 4};
    const int32_t labels[2] = {0, 1};
    const char *path = model_path("learning.safetensors");
    ck_ok(clg_config_create(&config));
    ck_ok(clg_config_set(config, "layers", "4:maxout:3,5:elu:0.5"));
    ck_ok(clg_config_set(config, "dropout", "0.25,0"));
    ck_ok(clg_config_set(config, "dropout-input", "0.5"));
    ck_ok(clg_config_set(config, "freeze", "1"));
    ck_ok(clg_dataset_from_arrays(&data, x, 2, 2, labels, 2, NULL, 0));
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_net_save(net, path));
    DESCRIBES(
        path, "network      2,4:maxout:3,5:elu:0.5,2:softmax\n",
        "  inputs 2, outputs 4, activation maxout:3, pieces 3, weights 24, biases 12, dropout "
        "0.25\n",
        "  inputs 4, outputs 5, activation elu:0.5, weights 20, biases 5, frozen yes\n",
        "  inputs 5, outputs 2, activation softmax, weights 10, biases 2\n", "dropout_input 0.5\n",
        "parameters   73\n");
    json_t *object = description(path), *layers = json_object_get(object, "layers");
    ck_assert_int_eq(number(json_array_get(layers, 0), "pieces"), 3);
    ck_assert(json_real_value(json_object_get(json_array_get(layers, 0), "dropout")) == 0.25);
    ck_assert(json_is_true(json_object_get(json_array_get(layers, 1), "frozen")));
    json_decref(object);
    clg_net_destroy(net);
    clg_dataset_destroy(data);
    clg_config_destroy(config);
}
END_TEST

START_TEST(inspects_plain_files)
{
    const char *path =
        model_raw(MODEL_W("[2,2]", "0", "16") MODEL_B("16", "24"), model_plain, sizeof model_plain);
    json_t *object = description(path), *tensors = json_object_get(object, "tensors");
    ck_assert_uint_eq(json_array_size(tensors), 2);
    const json_t *shape = json_object_get(json_array_get(tensors, 0), "shape");
    ck_assert_uint_eq(json_array_size(shape), 2);
    json_decref(object);
    DESCRIBES(path, "name layers.0.weight, dtype F32, shape 2, 2\n");
}
END_TEST

START_TEST(inspects_data)
{
    static const unsigned char idx[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0,   0,
                                        0, 3, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 250, 11};
    static const char gaps[] = "a,b,kind\n1,,x\n,-4,y\n5,6,x\n", svm[] = "1 1:2.5 4:-1\n0 2:1\n";
    static const char csv[] = "a,b,kind\n1,2.5,x\n3,-4,y\n5,6,x\n";
    const float values[6] = {1, 2, 3, 4, 5, -6.5f};
    char *text;
    model_put(model_path("images-idx3-ubyte"), idx, sizeof idx);
    DESCRIBES(model_path("images-idx3-ubyte"), "kind         idx\n", "rows         2\n",
              "features     6\n", "image        2x3\n", "min          1\n", "max          250\n",
              "targets      none\n");
    model_put(model_path("data.csv"), csv, sizeof csv - 1);
    DESCRIBES(model_path("data.csv"), "kind         csv\n", "rows         3\n", "features     2\n",
              "min          -4\n", "max          6\n", "targets      class\n",
              "classes      x, y\n");
    model_put(model_path("gaps.csv"), gaps, sizeof gaps - 1);
    DESCRIBES(model_path("gaps.csv"), "missing      2\n", "min          -4\n", "rows         3\n");
    model_put(model_path("data.svm"), svm, sizeof svm - 1);
    DESCRIBES(model_path("data.svm"), "kind         libsvm\n", "rows         2\n",
              "stored       sparse\n", "features     4\n", "max          2.5\n");
    ck_ok(clg_npy_write(model_path("data.npy"), "<f4", values, 3, 2));
    json_t *object = description(model_path("data.npy"));
    ck_assert_int_eq(number(object, "rows"), 3);
    ck_assert_int_eq(number(object, "features"), 2);
    ck_assert(json_real_value(json_object_get(object, "min")) == -6.5);
    json_decref(object);
    DESCRIBES("xor", "rows         4\n", "features     2\n");
    model_put(model_path("cut-idx3-ubyte"), idx, sizeof idx - 1);
    ck_fails(clg_inspect(&text, model_path("cut-idx3-ubyte"), 0), CLG_EDATA, "cut-idx3-ubyte");
    ck_assert_ptr_null(text);
}
END_TEST

START_TEST(inspects_nothing)
{
    char *text;
    ck_fails(clg_inspect(&text, model_path("none.safetensors"), 0), CLG_EDATA, "none.safetensors");
    model_put(model_path("cut.safetensors"), "\x10\0\0\0\0\0\0\0{", 9);
    ck_fails(clg_inspect(&text, model_path("cut.safetensors"), 1), CLG_EDATA, "cut.safetensors");
    model_put(model_path("empty"), "", 0);
    ck_fails(clg_inspect(&text, model_path("empty"), 0), CLG_EDATA, "empty");
    ck_assert_ptr_null(text);
}
END_TEST

START_TEST(exports_npy)
{
    clg_net *net = model_sample("sgd");
    const char *folder = model_path("tensors");
    char path[4300], *bytes;
    size_t size;
    ck_ok(clg_export(net, "npy", folder));
    ck_ok(clg_export(net, "npy", folder)); /* over what is there */
    snprintf(path, sizeof path, "%s/layers.0.weight.npy", folder);
    ck_ok(clg_file_read(&bytes, &size, path, LIMIT));
    ck_assert_ptr_nonnull(strstr(bytes + 10, "(4, 3)"));
    for (size_t i = 0; i < 12; i++) {
        float value;
        memcpy(&value, bytes + size - 48 + 4 * i, 4);
        ck_assert((double)value == net->layer[0].W[i]);
    }
    free(bytes);
    snprintf(path, sizeof path, "%s/layers.1.bias.npy", folder);
    ck_ok(clg_file_read(&bytes, &size, path, LIMIT));
    ck_assert_ptr_nonnull(strstr(bytes + 10, "(2,)"));
    free(bytes);
    clg_net *pieces;
    clg_config *config;
    ck_ok(clg_config_create(&config));
    ck_ok(clg_config_set(config, "output-act", "maxout:3"));
    ck_ok(clg_net_describe(&pieces, config, 4, 0, 2));
    ck_ok(clg_net_allocate(pieces));
    ck_ok(clg_export(pieces, "npy", folder));
    snprintf(path, sizeof path, "%s/layers.0.weight.npy", folder);
    ck_ok(clg_file_read(&bytes, &size, path, LIMIT));
    ck_assert_ptr_nonnull(strstr(bytes + 10, "(6, 4)"));
    free(bytes);
    clg_net_destroy(pieces);
    clg_config_destroy(config);
    model_put(model_path("occupied"), "", 0);
    ck_fails(clg_export(net, "npy", model_path("occupied")), CLG_EIO, "is no folder");
    ck_fails(clg_export(net, "npy", model_path("no/folder")), CLG_EIO, "no/folder");
    clg_net_destroy(net);
}
END_TEST

/* Makes a picture of a first layer of `units` with `inputs` and reads it; the caller frees it. */
static unsigned char *picture(png_image *image, const double *weight, size_t inputs, int units,
                              int height, int width)
{
    clg_net *net;
    clg_config *config;
    double *bias = calloc((size_t)units, sizeof *bias);
    ck_ok(clg_config_create(&config));
    ck_ok(clg_net_describe(&net, config, inputs, 0, (size_t)units));
    ck_ok(clg_net_allocate(net));
    ck_ok(clg_net_set_weights(net, 0, weight, bias));
    net->height = height;
    net->width = width;
    ck_ok(clg_export(net, "png", model_path("weights.png")));
    clg_net_destroy(net);
    clg_config_destroy(config);
    free(bias);
    *image = (png_image){.version = PNG_IMAGE_VERSION};
    ck_assert(png_image_begin_read_from_file(image, model_path("weights.png")));
    image->format = PNG_FORMAT_GRAY;
    unsigned char *pixels = malloc(PNG_IMAGE_SIZE(*image));
    ck_assert(png_image_finish_read(image, NULL, pixels, 0, NULL));
    return pixels;
}

START_TEST(exports_png)
{
    static const double weight[5 * 4] = {1, -1, 0, 0.5, -2, 4, 1,  0, 0, 0,
                                         0, 0,  3, 3,   3,  3, -1, 0, 0, 0};
    png_image image;
    unsigned char *pixels = picture(&image, weight, 4, 5, 0, 0);
    /* five tiles of 2x2 in 3 columns and 2 rows, a line between: 8 pixels wide, 5 high */
    ck_assert(image.width == 8 && image.height == 5);
    ck_assert(pixels[0] == 255 && pixels[1] == 0);           /* +1, -1 */
    ck_assert(pixels[8] == 128 && pixels[9] == 191);         /* 0, 0.5 */
    ck_assert(pixels[3] == 64 && pixels[4] == 255);          /* -2 of 4, 4 of 4 */
    ck_assert(pixels[6] == 128 && pixels[15] == 128);        /* all 0 */
    ck_assert(pixels[2] == 0 && pixels[16] == 0);            /* the lines */
    ck_assert(pixels[3 * 8] == 255 && pixels[4 * 8] == 255); /* all equal */
    ck_assert(pixels[3 * 8 + 3] == 0);
    free(pixels);
    pixels = picture(&image, weight, 10, 2, 5, 2); /* an image by its stored size */
    ck_assert(image.width == 5 && image.height == 5);
    free(pixels);
    pixels = picture(&image, weight, 10, 2, 0, 0); /* no image: a line a unit */
    ck_assert(image.width == 10 && image.height == 3);
    free(pixels);
}
END_TEST

START_TEST(refuses_exports)
{
    clg_net *net;
    clg_config *config;
    ck_ok(clg_config_create(&config));
    ck_ok(clg_net_describe(&net, config, 70001, 0, 2));
    ck_ok(clg_net_allocate(net));
    ck_fails(clg_export(net, "png", model_path("x.png")), CLG_EUSAGE, "--to npy");
    ck_fails(clg_export(net, "pnq", model_path("x.png")), CLG_EUSAGE, "did you mean png?");
    ck_fails(clg_export(net, "onnx", model_path("x")), CLG_EUSAGE, "the formats are npy and png");
    clg_net_destroy(net);
    ck_ok(clg_net_describe(&net, config, 4, 0, 2));
    ck_ok(clg_net_allocate(net));
    ck_fails(clg_export(net, "png", model_path("no/x.png")), CLG_EIO, "no/x.png");
    clg_net_destroy(net);
    clg_config_destroy(config);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tests = tcase_create("report");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, inspects_models);
    tcase_add_test(tests, inspects_learning);
    tcase_add_test(tests, inspects_plain_files);
    tcase_add_test(tests, inspects_data);
    tcase_add_test(tests, inspects_nothing);
    tcase_add_test(tests, exports_npy);
    tcase_add_test(tests, exports_png);
    tcase_add_test(tests, refuses_exports);
    return harness_run(suite);
}
