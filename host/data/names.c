/* Where data sets lie: an existing path, a built-in name, or a name's folder in the usual places;
 * and how a spec that is none of them is reported.  Opens no data file. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "data/read.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PLACES = 5, KNOWN = 256, LONGEST_NAME = 64 };

/* The folders that may hold a folder of a name, NULL where one is not set. */
static void list_places(const char *place[PLACES])
{
    place[0] = getenv("CLGRAD_DATA");
    if (place[0] && !*place[0])
        place[0] = NULL;
    place[1] = "/usr/share/datasets";
    place[2] = "/usr/local/share/datasets";
#ifdef CLG_DATASETS_DIR
    place[3] = CLG_DATASETS_DIR;
#else
    place[3] = NULL;
#endif
    place[4] = "./datasets";
}

static int is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Whether a folder holds a file that a data set would have: its name begins or ends so. */
static int looks_like_data(const char *path)
{
    DIR *folder = opendir(path);
    int found = 0;
    if (!folder)
        return 0;
    for (struct dirent *entry; !found && (entry = readdir(folder));) {
        const char *name = entry->d_name;
        found = strncmp(name, "train-images", 12) == 0 || strncmp(name, "t10k-images", 11) == 0 ||
                clg_ends_in_gz(name, ".csv");
    }
    closedir(folder);
    return found;
}

static int may_be_name(const char *text)
{
    return *text && *text != '.' && !strchr(text, '/') && strlen(text) < LONGEST_NAME;
}

/* The folder of a name; one that holds no data only where no other is there. */
static clg_status find_name(char **out, const char *name)
{
    const char *place[PLACES];
    *out = NULL;
    list_places(place);
    for (int k = 0; k < PLACES; k++) {
        char *path = NULL;
        if (!place[k])
            continue;
        if (asprintf(&path, "%s/%s", place[k], name) < 0) {
            free(*out);
            *out = NULL;
            return clg_fail(CLG_ENOMEM, "no memory for a path");
        }
        if (is_folder(path) && looks_like_data(path)) {
            free(*out);
            *out = path;
            return CLG_OK;
        }
        if (is_folder(path) && !*out)
            *out = path;
        else
            free(path);
    }
    return CLG_OK;
}

static clg_status find_whole(struct clg_place *out, const char *text)
{
    struct stat about;
    int exists = strcmp(text, "-") == 0 || stat(text, &about) == 0;
    int folder = exists && is_folder(text);
    out->kind = CLG_PLACE_NONE;
    if (exists && !folder)
        out->kind = CLG_PLACE_FILE;
    else if (folder && looks_like_data(text))
        out->kind = CLG_PLACE_FOLDER;
    else if (strcmp(text, "xor") == 0)
        out->kind = CLG_PLACE_XOR;
    if (out->kind == CLG_PLACE_NONE && may_be_name(text)) {
        CLG_TRY(find_name(&out->path, text));
        out->kind = out->path ? CLG_PLACE_FOLDER : CLG_PLACE_NONE;
    }
    if (out->kind == CLG_PLACE_NONE && folder)
        out->kind = CLG_PLACE_FOLDER;
    if (out->kind == CLG_PLACE_NONE || out->path)
        return CLG_OK;
    return clg_text_copy(&out->path, text);
}

/* The part that text names at its end; *length is what stands before it. */
static clg_part part_of(const char *text, size_t *length)
{
    const char *colon = strrchr(text, ':');
    *length = colon ? (size_t)(colon - text) : strlen(text);
    if (colon && strcmp(colon, ":train") == 0)
        return CLG_PART_TRAIN;
    if (colon && strcmp(colon, ":test") == 0)
        return CLG_PART_TEST;
    *length = strlen(text);
    return CLG_PART_ALL;
}

clg_status clg_place_find(struct clg_place *out, const char *spec)
{
    size_t length;
    char *head = NULL;
    memset(out, 0, sizeof *out);
    out->part = CLG_PART_ALL;
    CLG_TRY(find_whole(out, spec));
    clg_part part = part_of(spec, &length);
    if (out->kind != CLG_PLACE_NONE || part == CLG_PART_ALL)
        return CLG_OK;
    CLG_TRY(clg_text_copy(&head, spec));
    head[length] = '\0';
    clg_status status = find_whole(out, head);
    out->part = part;
    free(head);
    return status;
}

void clg_place_clear(struct clg_place *place)
{
    free(place->path);
    place->path = NULL;
}

/* Names to suggest from: those clgrad knows, and the folders in the usual places. */
struct known {
    char text[KNOWN][LONGEST_NAME];
    const char *word[KNOWN];
    size_t count;
};

static void add_known(struct known *known, const char *name)
{
    if (known->count == KNOWN || !may_be_name(name))
        return;
    char *text = known->text[known->count];
    snprintf(text, LONGEST_NAME, "%s", name);
    known->word[known->count++] = text;
}

static void list_known(struct known *known)
{
    static const char *const names[] = {"xor", "iris", "mnist", "fashion-mnist"};
    const char *place[PLACES];
    list_places(place);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        add_known(known, names[k]);
    for (int k = 0; k < PLACES; k++) {
        DIR *folder = place[k] ? opendir(place[k]) : NULL;
        if (!folder)
            continue;
        for (struct dirent *entry; (entry = readdir(folder));)
            add_known(known, entry->d_name);
        closedir(folder);
    }
}

/* "did you mean" and where it was looked for, as one line. */
static clg_status fail_missing_name(const char *spec, const char *name, const struct known *known)
{
    const char *near = clg_nearest(name, known->word, known->count, sizeof *known->word);
    const char *place[PLACES];
    char looked[1024];
    size_t used = 0;
    list_places(place);
    for (int k = 0; k < PLACES && used < sizeof looked; k++)
        if (place[k])
            used += (size_t)snprintf(looked + used, sizeof looked - used, "%s%s", used ? ", " : "",
                                     place[k]);
    if (near && strcmp(near, name) == 0)
        return clg_fail(CLG_EDATA,
                        "%s: this data set is not on this machine: put its files into a folder "
                        "named %s and the folder above that into CLGRAD_DATA (looked in %s)",
                        spec, name, looked);
    return clg_fail(CLG_EDATA, "%s: no such file or data set%s%s%s (looked in %s)", spec,
                    near ? ": did you mean " : "", near ? near : "", near ? "?" : "", looked);
}

clg_status clg_place_missing(const char *spec)
{
    struct known *known = NULL;
    struct stat about;
    char name[LONGEST_NAME];
    size_t length;
    part_of(spec, &length);
    if (strpbrk(spec, "/.") || length >= sizeof name) { /* no name, so it meant a file */
        int why = stat(spec, &about) == 0 ? ENOENT : errno;
        return clg_fail(CLG_EDATA, "%s: cannot be opened: %s", spec, strerror(why));
    }
    snprintf(name, sizeof name, "%.*s", (int)length, spec);
    CLG_TRY(clg_alloc(&known, 1, sizeof *known, "names of data sets"));
    list_known(known);
    clg_status status = fail_missing_name(spec, name, known);
    free(known);
    return status;
}
