/* The core room: configuration, files, generator, shuffle. */
#define _GNU_SOURCE
#include "harness.h"

#include "core/config.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Known answers of Philox4x32-10 from the authors' Random123 distribution (kat_vectors). */
START_TEST(philox_gives_the_published_words)
{
    static const struct {
        uint64_t seed;
        uint32_t stream, sub;
        uint64_t index;
        uint32_t want[4];
    } known[] = {
        {0, 0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX,
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822u, 0x03707344u, 0x13198a2eu, 0x85a308d3243f6a88u,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t got[4];
        clg_philox(got, known[i].seed, known[i].stream, known[i].sub, known[i].index);
        ck_assert_mem_eq(got, known[i].want, sizeof got);
    }
}
END_TEST

START_TEST(numbers_have_their_distributions)
{
    enum { N = 200000 };
    double mean = 0, square = 0, uniform = 0, third = 0;
    for (uint64_t i = 0; i < N; i++) {
        double z = clg_normal(3, CLG_STREAM_TEST, 0, i), u = clg_uniform(3, CLG_STREAM_TEST, 1, i);
        ck_assert(isfinite(z) && u > 0 && u < 1);
        mean += z / N;
        square += z * z / N;
        third += z * z * z / N;
        uniform += u / N;
    }
    /* five standard errors of each estimate */
    ck_assert_double_eq_tol(mean, 0, 5 / sqrt(N));
    ck_assert_double_eq_tol(square, 1, 5 * sqrt(2.0 / N));
    ck_assert_double_eq_tol(third, 0, 5 * sqrt(15.0 / N));
    ck_assert_double_eq_tol(uniform, 0.5, 5 * sqrt(1 / 12.0 / N));
}
END_TEST

START_TEST(the_shuffle_is_a_permutation)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 16, 17, 64, 100, 1000, 60000};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k], moved = 0;
        char *seen = calloc(n, 1);
        struct clg_shuffle shuffle;
        clg_shuffle_begin(&shuffle, n, 42, 3);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t to = clg_shuffle_at(&shuffle, i);
            ck_assert_uint_lt(to, n);
            ck_assert_int_eq(seen[to], 0);
            seen[to] = 1;
            moved += to != i;
        }
        ck_assert(n < 100 || moved > n * 9 / 10);
        free(seen);
    }
}
END_TEST

/* Every value at every place, and every value after every other, equally often: chi-square within
 * five standard deviations of its mean. */
START_TEST(the_shuffle_is_even)
{
    static const size_t sizes[] = {7, 10, 17, 64, 120};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k], epochs = n * 50;
        double *place = calloc(n * n, sizeof *place), *after = calloc(n * n, sizeof *after);
        for (uint32_t e = 1; e <= epochs; e++) {
            struct clg_shuffle shuffle;
            uint32_t last = 0;
            clg_shuffle_begin(&shuffle, n, 9, e);
            for (uint32_t i = 0; i < n; i++) {
                uint32_t to = clg_shuffle_at(&shuffle, i);
                place[i * n + to]++;
                if (i)
                    after[last * n + to]++;
                last = to;
            }
        }
        double x = 0, y = 0, expected = (double)epochs / (double)n;
        for (size_t i = 0; i < n * n; i++) {
            x += (place[i] - expected) * (place[i] - expected) / expected;
            if (i / n != i % n)
                y += (after[i] - expected) * (after[i] - expected) / expected;
        }
        double df = (double)(n - 1) * (double)(n - 1), pairs = (double)n * (double)(n - 1);
        ck_assert_msg(fabs(x - df) < 5 * sqrt(2 * df), "%zu rows: places %g of %g", n, x, df);
        ck_assert_msg(fabs(y - pairs) < 5 * sqrt(2 * pairs), "%zu rows: pairs %g of %g", n, y,
                      pairs);
        free(place);
        free(after);
    }
}
END_TEST

START_TEST(options_are_checked)
{
    clg_config *config;
    ck_ok(clg_config_create(&config));
    ck_ok(clg_config_set(config, "layers", "256,128"));
    ck_assert_str_eq(clg_config_get(config, "layers"), "256,128");
    ck_assert_str_eq(clg_config_get(config, "lr"), "0.001");
    ck_assert_int_eq(clg_config_is_set(config, "lr"), 0);
    ck_ok(clg_config_set(config, "batch", "full"));
    ck_ok(clg_config_set(config, "save-every", "0.2s"));
    ck_ok(clg_config_set(config, "save-every", "500"));
    ck_ok(clg_config_set(config, "init", "normal:0.01"));
    ck_ok(clg_config_set(config, "normalize", "range:-1:1"));
    static const char *const bad[][3] = {
        {"layer", "3", "did you mean layers"}, {"lr", "0", "--lr 0"},
        {"lr", "1e300", "above 0, up to 1e+30"},{"l2", "1e31", "from 0 to 1e+30"},
        {"lr", "nan", "--lr nan"},             {"lr", "1e400", "--lr"},
        {"lr", "", "--lr"},                    {"lr", " 1", "--lr"},
        {"batch", "0", "--batch 0"},           {"batch", "1.5", "--batch"},
        {"batch", "2147483648", "from 1 to 2147483647"}, {"opt", "adm", "did you mean adam"},
        {"init", "normal", "did you mean normal:S"},  {"init", "normal:x", "did you mean normal:S"},
        {"normalize", "range:1", "must be one"},{"epochs", "-1", "--epochs -1"},
        {"save-every", "0s", "--save-every"},  {"no-shuffle", "maybe", "true|false"},
        {"seed", "-1", "--seed"},              {"train", "a\nb", "control character"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(clg_config_set(config, bad[i][0], bad[i][1]), CLG_EUSAGE, bad[i][2]);
    ck_assert_str_eq(clg_config_get(config, "batch"), "full");
    clg_config_destroy(config);
}
END_TEST

START_TEST(config_ini_keeps_every_value)
{
    clg_config *config, *again;
    char path[4096], name[512];
    snprintf(path, sizeof path, "%s/config.ini", harness_folder());
    memset(name, 'x', 400);
    snprintf(name + 400, sizeof name - 400, " ; a # b.npy"); /* long, and with comment signs */
    ck_ok(clg_config_create(&config));
    ck_ok(clg_config_create(&again));
    ck_ok(clg_config_set(config, "train", name));
    ck_ok(clg_config_set(config, "opt", "sgd"));
    ck_ok(clg_config_write(config, path));
    ck_ok(clg_config_read(again, path));
    size_t count;
    const clg_option *option = clg_config_options(&count);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(clg_config_get(config, option[i].name),
                         clg_config_get(again, option[i].name));
    static const char *const bad[][2] = {
        {"[x]\nlr 0.1\n", ":2: not of the form"},
        {"# c\n\nlerning = 1\n", ":3: unknown option"},
        {"lr = fast\n", ":1: --lr fast"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_ok(clg_file_write(path, bad[i][0], strlen(bad[i][0])));
        ck_fails(clg_config_read(again, path), CLG_EUSAGE, bad[i][1]);
    }
    ck_ok(clg_file_write(path, "lr = 1\0\n", 8));
    ck_fails(clg_config_read(again, path), CLG_EDATA, "is not a text file");
    clg_config_destroy(config);
    clg_config_destroy(again);
}
END_TEST

static int temporaries(void)
{
    int count = 0;
    DIR *folder = opendir(harness_folder());
    for (struct dirent *entry; (entry = readdir(folder));)
        count += strstr(entry->d_name, ".tmp") != NULL;
    closedir(folder);
    return count;
}

START_TEST(a_file_appears_whole_or_not_at_all)
{
    char path[4096], *text;
    size_t size;
    struct clg_writer *writer;
    snprintf(path, sizeof path, "%s/file", harness_folder());
    ck_ok(clg_file_write(path, "old", 3));
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_ok(clg_writer_open(&writer, path));
    ck_ok(clg_writer_put(writer, "new", 3));
    ck_ok(clg_file_read(&text, &size, path, 100));
    ck_assert_str_eq(text, "old");
    free(text);
    ck_assert_int_eq(temporaries(), 1);
    clg_writer_abandon(writer);
    ck_assert_int_eq(temporaries(), 0);
    ck_ok(clg_writer_open(&writer, path));
    ck_ok(clg_writer_put(writer, "new!", 4));
    ck_ok(clg_writer_commit(writer));
    ck_ok(clg_file_read(&text, &size, path, 100));
    ck_assert_str_eq(text, "new!");
    free(text);
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0640);
    ck_fails(clg_file_read(&text, &size, path, 3), CLG_EDATA, "larger than the 3 bytes");
    ck_fails(clg_file_read(&text, &size, "/", 3), CLG_EDATA, "/: is a folder, not a file");
    ck_fails(clg_file_write("/nonexistent/x", "", 0), CLG_EIO, "/nonexistent/x");
}
END_TEST

START_TEST(a_dead_writers_temporaries_are_swept)
{
    char path[4096];
    static const char *const names[] = {"/.last.safetensors.0a1b2c.tmp", "/kept.tmp", "/.x.tmp"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", harness_folder(), names[i]);
        ck_assert_int_ge(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
    }
    clg_file_sweep(harness_folder());
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", harness_folder(), names[i]);
        ck_assert_int_eq(access(path, F_OK), i == 0 ? -1 : 0);
    }
}
END_TEST

START_TEST(sizes_and_words)
{
    size_t product;
    ck_assert_int_eq(clg_size_mul(&product, SIZE_MAX / 2, 3), 0);
    ck_assert_int_eq(clg_size_mul(&product, 6, 7), 1);
    ck_assert_uint_eq(product, 42);
    static const char *const words[] = {"train", "eval", "predict"};
    ck_assert_str_eq(clg_nearest("trian", words, 3, sizeof *words), "train");
    ck_assert_ptr_null(clg_nearest("zebra", words, 3, sizeof *words));
}
END_TEST

START_TEST(the_comparison_can_fail)
{
    ck_assert(harness_close(1, 1, 0));
    ck_assert(!harness_close(1, 1.1, 0.05));
    ck_assert(!harness_close((double)NAN, 1, 10));
    ck_assert(!harness_close(1, (double)NAN, 10));
    ck_assert(!harness_close(INFINITY, INFINITY, 10));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core");
    TCase *tests = tcase_create("core");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, philox_gives_the_published_words);
    tcase_add_test(tests, numbers_have_their_distributions);
    tcase_add_test(tests, the_shuffle_is_a_permutation);
    tcase_add_test(tests, the_shuffle_is_even);
    tcase_add_test(tests, options_are_checked);
    tcase_add_test(tests, config_ini_keeps_every_value);
    tcase_add_test(tests, a_file_appears_whole_or_not_at_all);
    tcase_add_test(tests, a_dead_writers_temporaries_are_swept);
    tcase_add_test(tests, sizes_and_words);
    tcase_add_test(tests, the_comparison_can_fail);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
