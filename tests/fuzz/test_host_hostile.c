/* Every loader under every truncation and every single-bit flip of its corpus, and under changes
 * that know the format: each file is loaded or refused with one line that names it and the place,
 * and never takes more memory than it is worth. */
#define _GNU_SOURCE
#include "../inject/allocation.h"
#include "../inject/folder.h"
#include "harness_files.h"
#include "harness_train.h"
#include "target.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROOM = 1 << 16, MOST_SEEDS = 64 };

struct seed {
    char name[64];
    unsigned char *bytes;
    size_t size;
};

static const struct fuzz_target *target;
static struct seed seeds[MOST_SEEDS];
static size_t seed_count;
static const char *place;

static int seeds_by_name(const void *a, const void *b)
{
    return strcmp(((const struct seed *)a)->name, ((const struct seed *)b)->name);
}

static void take_target(const struct fuzz_target *next)
{
    char folder[4096], path[4400];
    uint64_t decoded;
    target = next;
    place = fuzz_place(target, inject_folder());
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s", target->name);
    snprintf(folder, sizeof folder, "%s", harness_source(path));
    while (seed_count)
        free(seeds[--seed_count].bytes);
    DIR *directory = opendir(folder);
    ck_assert_msg(directory != NULL, "no %s", folder);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        ck_assert_uint_lt(seed_count, MOST_SEEDS);
        struct seed *seed = &seeds[seed_count++];
        snprintf(seed->name, sizeof seed->name, "%.63s", entry->d_name);
        snprintf(path, sizeof path, "%.4000s/%.255s", folder, entry->d_name);
        seed->bytes = files_get(path, &seed->size);
    }
    closedir(directory);
    qsort(seeds, seed_count, sizeof *seeds, seeds_by_name);
    ck_assert_uint_gt(seed_count, 0);
    fuzz_write(place, seeds[0].bytes, seeds[0].size);
    target->load(place, &decoded); /* what is made once is not measured */
}

/* Whether the line says where: a number behind "byte", "bytes", "row", "line" or the path and a
 * colon. */
static int names_place(const char *line)
{
    static const char *const words[] = {"byte ", "bytes ", "row ", "line "};
    const char *behind = strstr(line, place);
    if (!behind)
        return 0;
    behind += strlen(place);
    if (behind[0] == ':' && isdigit((unsigned char)behind[1]))
        return 1;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (const char *at = behind; (at = strstr(at, words[i])); at++)
            if (isdigit((unsigned char)at[strlen(words[i])]))
                return 1;
    return 0;
}

/* Loads what stands at place; how it came about is for the message. */
static clg_status load(const unsigned char *bytes, size_t size, const char *seed, const char *how,
                       uint64_t number)
{
    const long long allowed = 16 << 20;
    uint64_t decoded = 0;
    long long before = inject_held();
    fuzz_write(place, bytes, size);
    inject_peak_begin();
    clg_status status = target->load(place, &decoded);
    long long peak = inject_peak() - before, left = inject_held() - before;
    uint64_t most = decoded > size ? decoded : size;
    ck_assert_msg(peak <= allowed + 2 * (long long)most, "%s/%s %s %llu: %lld bytes held",
                  target->name, seed, how, (unsigned long long)number, peak);
    ck_assert_msg(left == 0, "%s/%s %s %llu: %lld bytes leaked", target->name, seed, how,
                  (unsigned long long)number, left);
    if (status == CLG_OK)
        return status;
    ck_assert_msg(status == CLG_EDATA || status == CLG_EUSAGE, "%s/%s %s %llu: %d: %s",
                  target->name, seed, how, (unsigned long long)number, (int)status,
                  clg_last_error());
    int placed = names_place(clg_last_error()) || strstr(clg_last_error(), "say which network");
    ck_assert_msg(!strchr(clg_last_error(), '\n') && placed, "%s/%s %s %llu: no place: %s",
                  target->name, seed, how, (unsigned long long)number, clg_last_error());
    return status;
}

/* The seeds whose name begins with "bad" are to be refused, all others to be taken. */
START_TEST(seeds_as_they_are)
{
    take_target(&fuzz_targets[_i]);
    for (size_t i = 0; i < seed_count; i++) {
        clg_status status = load(seeds[i].bytes, seeds[i].size, seeds[i].name, "as it is", 0);
        int bad = strncmp(seeds[i].name, "bad", 3) == 0;
        ck_assert_msg((status != CLG_OK) == bad, "%s/%s: %s", target->name, seeds[i].name,
                      status == CLG_OK ? "taken" : clg_last_error());
    }
}
END_TEST

START_TEST(truncations)
{
    take_target(&fuzz_targets[_i]);
    for (size_t i = 0; i < seed_count; i++)
        for (size_t size = 0; size < seeds[i].size; size++)
            load(seeds[i].bytes, size, seeds[i].name, "cut to", size);
}
END_TEST

START_TEST(bit_flips)
{
    take_target(&fuzz_targets[_i]);
    for (size_t i = 0; i < seed_count; i++)
        for (size_t bit = 0; bit < 8 * seeds[i].size; bit++) {
            seeds[i].bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
            load(seeds[i].bytes, seeds[i].size, seeds[i].name, "flipped bit", bit);
            seeds[i].bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
}
END_TEST

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A thousand changed files, or as many as CLGRAD_FUZZ_SECONDS allow; CLGRAD_FUZZ_SEED: others. */
START_TEST(changes)
{
    static unsigned char bytes[ROOM];
    const char *wanted = getenv("CLGRAD_FUZZ_SECONDS"), *first = getenv("CLGRAD_FUZZ_SEED");
    double end = wanted ? seconds() + atof(wanted) : 0;
    uint64_t done = 0, taken = 0, start = first ? strtoull(first, NULL, 10) : 1;
    take_target(&fuzz_targets[_i]);
    for (; wanted ? seconds() < end : done < 1000; done++) {
        uint64_t random = (start + done) * UINT64_C(0x9E3779B97F4A7C15) + 1;
        const struct seed *seed = &seeds[fuzz_random(&random) % seed_count];
        size_t size = seed->size < ROOM ? seed->size : ROOM;
        memcpy(bytes, seed->bytes, size);
        for (uint64_t rounds = 1 + fuzz_random(&random) % 3; rounds; rounds--)
            size = fuzz_mutate(target, bytes, size, ROOM, &random);
        taken += load(bytes, size, seed->name, "changed by", start + done) == CLG_OK;
    }
    printf("%-12s %8llu files, %llu taken\n", target->name, (unsigned long long)done,
           (unsigned long long)taken);
    ck_assert_uint_gt(taken, 0);
}
END_TEST

/* A loader that took the length in a header at its word would ask for what is refused here. */
START_TEST(limits)
{
    unsigned char idx[32], packed[256];
    const unsigned shape[2] = {60000, 784};
    uint64_t decoded;
    take_target(fuzz_target_of("gz"));
    size_t size = files_idx(idx, 0x08, 2, shape, "", 0);
    size_t length = fuzz_pack(packed, sizeof packed, idx, size);
    ck_assert_uint_gt(length, 0);
    ck_assert_int_eq(load(packed, length, "header of 47 MB", "packed to", length), CLG_EDATA);
    take_target(fuzz_target_of("csv"));
    setenv("CLGRAD_HOST_LIMIT", "4096", 1);
    FILE *file = fopen(place, "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 4096; i++)
        fprintf(file, "%d,%d\n", i, i % 2);
    fclose(file);
    clg_status status = target->load(place, &decoded);
    unsetenv("CLGRAD_HOST_LIMIT");
    ck_assert_int_eq(status, CLG_EDATA);
    ck_assert_ptr_nonnull(strstr(clg_last_error(), "CLGRAD_HOST_LIMIT"));
}
END_TEST

int main(void)
{
    int count = 0;
    while (fuzz_targets[count].name)
        count++;
    Suite *suite = suite_create("hostile files");
    TCase *all = tcase_create("files");
    tcase_set_timeout(all, 0);
    tcase_add_loop_test(all, seeds_as_they_are, 0, count);
    tcase_add_loop_test(all, truncations, 0, count);
    tcase_add_loop_test(all, bit_flips, 0, count);
    tcase_add_loop_test(all, changes, 0, count);
    tcase_add_test(all, limits);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
