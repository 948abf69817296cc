/* The folder of cached programs: where the environment puts it, what is not trusted there, and that
 * only a whole file of the right key is taken. */
#define _GNU_SOURCE
#include "harness.h"
#include "harness_files.h"

#include "device/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char note[512];

/* The folder by CLGRAD_CACHE, XDG_CACHE_HOME and HOME; NULL unsets. */
static int open_by(const char *own, const char *common, const char *home)
{
    const char *const values[][2] = {
        {"CLGRAD_CACHE", own}, {"XDG_CACHE_HOME", common}, {"HOME", home}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (values[i][1])
            setenv(values[i][0], values[i][1], 1);
        else
            unsetenv(values[i][0]);
    return clg_cache_open(note, sizeof note);
}

static int is_there(const char *name)
{
    return access(files_path(name), F_OK) == 0;
}

START_TEST(the_environment_names_the_folder)
{
    char long_name[4200];
    ck_assert_int_eq(open_by(NULL, NULL, NULL), 0);
    ck_assert_ptr_nonnull(strstr(note, "neither CLGRAD_CACHE nor HOME"));
    ck_assert_int_eq(open_by("", "", ""), 0);
    ck_assert_int_eq(open_by(NULL, "relative", "relative"), 0);
    memset(long_name, 'x', sizeof long_name);
    long_name[0] = '/';
    long_name[sizeof long_name - 1] = '\0';
    ck_assert_int_eq(open_by(long_name, NULL, NULL), 0);
    ck_assert_int_eq(open_by(NULL, NULL, files_path("home")), 1);
    ck_assert(is_there("home/.cache/clgrad"));
    ck_assert_int_eq(open_by(NULL, files_path("common"), files_path("other")), 1);
    ck_assert(is_there("common/clgrad") && !is_there("other"));
    ck_assert_int_eq(open_by(files_path("own"), files_path("third"), NULL), 1);
    ck_assert(is_there("own") && !is_there("third"));
    ck_assert_str_eq(note, "");
}
END_TEST

START_TEST(what_is_no_folder_of_ours)
{
    const char *file = files_text("file", "x");
    ck_assert_int_eq(open_by(file, NULL, NULL), 0);
    ck_assert_ptr_nonnull(strstr(note, "is no folder"));
    if (geteuid() != 0)
        return; /* nothing can be given away */
    ck_assert_int_eq(mkdir(files_path("foreign"), 0777), 0);
    ck_assert_int_eq(chown(files_path("foreign"), 65534, 65534), 0);
    ck_assert_int_eq(open_by(files_path("foreign"), NULL, NULL), 0);
    ck_assert_ptr_nonnull(strstr(note, "another user's folder"));
    ck_assert_int_eq(mkdir(files_path("mine"), 0700), 0);
    ck_assert_int_eq(symlink(files_path("mine"), files_path("link")), 0);
    ck_assert_int_eq(open_by(files_path("link"), NULL, NULL), 1);
    ck_assert_int_eq(lchown(files_path("link"), 65534, 65534), 0);
    ck_assert_int_eq(open_by(files_path("link"), NULL, NULL), 0);
    ck_assert_ptr_nonnull(strstr(note, "another user's link"));
}
END_TEST

static const char key[] = "a device\na program\n";
static const unsigned char binary[] = {1, 2, 3, 4, 5, 6, 7};

/* Whether the stored binary is had again. */
static int is_taken(const char *by)
{
    size_t size;
    unsigned char *got = clg_cache_load(&size, by);
    const int same = got && size == sizeof binary && memcmp(got, binary, size) == 0;
    ck_assert(same || (!got && size == 0));
    free(got);
    return same;
}

/* The one file in the cache. */
static const char *stored(void)
{
    static char path[4400];
    FILE *list = popen("ls \"$CLGRAD_CACHE\"/*.bin", "r");
    ck_assert_ptr_nonnull(list);
    ck_assert_ptr_nonnull(fgets(path, sizeof path, list));
    path[strcspn(path, "\n")] = '\0';
    ck_assert_int_eq(pclose(list), 0);
    return path;
}

START_TEST(only_a_whole_file_of_the_key_is_taken)
{
    size_t size;
    ck_assert_int_eq(open_by(files_path("store"), NULL, NULL), 1);
    ck_assert(!is_taken(key));
    clg_cache_store(key, binary, 0); /* nothing to keep */
    ck_assert(!is_taken(key));
    clg_cache_store(key, binary, sizeof binary);
    ck_assert(is_taken(key) && !is_taken("another key"));
    const char *path = stored();
    unsigned char *bytes = files_get(path, &size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        files_put(strstr(path, "store/"), bytes, size);
        ck_assert_msg(!is_taken(key), "with byte %zu changed", i);
        bytes[i] ^= 0x10;
        files_put(strstr(path, "store/"), bytes, i);
        ck_assert_msg(!is_taken(key), "cut to %zu bytes", i);
    }
    files_put(strstr(path, "store/"), bytes, size);
    chmod(path, 0600);
    ck_assert(is_taken(key));
    free(bytes);
}
END_TEST

START_TEST(files_open_to_others_are_not_taken)
{
    ck_assert_int_eq(open_by(files_path("open"), NULL, NULL), 1);
    clg_cache_store(key, binary, sizeof binary);
    const char *path = stored();
    ck_assert_int_eq(chmod(path, 0620), 0);
    ck_assert(!is_taken(key));
    ck_assert_int_eq(clg_cache_open(note, sizeof note), 1);
    ck_assert_ptr_nonnull(strstr(note, "are not used: 1"));
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert(is_taken(key));
    ck_assert_int_eq(rename(path, files_path("open/elsewhere")), 0);
    ck_assert_int_eq(symlink(files_path("open/elsewhere"), path), 0);
    ck_assert(!is_taken(key));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert(!is_taken(key));
    ck_assert_int_eq(clg_cache_open(note, sizeof note), 1);
    ck_assert_ptr_nonnull(strstr(note, "are not used: 1"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache");
    TCase *tests = tcase_create("folder");
    tcase_add_test(tests, the_environment_names_the_folder);
    tcase_add_test(tests, what_is_no_folder_of_ours);
    tcase_add_test(tests, only_a_whole_file_of_the_key_is_taken);
    tcase_add_test(tests, files_open_to_others_are_not_taken);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
