/* What the benchmark programs in C share: the arguments, the data, a generator, and the line of
 * results.  The Python half is benchdata.py; both read the same data the same way.  Ends the
 * program with a line on stderr where something is wrong.  Link with -lz -lm. */
#ifndef BENCHDATA_H
#define BENCHDATA_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#define BD_LAYERS 16
#define BD_CLASSES 256
#define BD_LINE 65536
#define BD_INLINE static inline __attribute__((unused))

typedef struct {
    const char *data, *act, *loss, *opt, *variant, *device, *plan;
    int layers[BD_LAYERS], nlayers, batch, epochs, threads, seed, limit;
    float lr;
} bd_args;

/* x (n,d), y (n) from 0. */
typedef struct {
    float *x;
    int *y;
    int n, d;
} bd_set;

BD_INLINE double bd_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

BD_INLINE _Noreturn void bd_die(const char *what, const char *name)
{
    fprintf(stderr, "error: %s%s\n", what, name);
    exit(2);
}

BD_INLINE void *bd_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        bd_die("out of memory", "");
    return memory;
}

BD_INLINE void bd_parse_layers(bd_args *a, const char *text)
{
    char *end;
    for (a->nlayers = 0; a->nlayers < BD_LAYERS; text = end + 1) {
        a->layers[a->nlayers++] = (int)strtol(text, &end, 10);
        if (end == text || a->layers[a->nlayers - 1] < 1 || (*end && *end != ','))
            bd_die("--layers wants numbers from 1 on with commas between: ", text);
        if (!*end)
            return;
    }
    bd_die("too many layers", "");
}

BD_INLINE void bd_parse_one(bd_args *a, const char *key, const char *value)
{
    const struct {
        const char *key, **text;
        int *number;
    } table[] = {{"--data", &a->data, NULL},       {"--act", &a->act, NULL},
                 {"--loss", &a->loss, NULL},       {"--opt", &a->opt, NULL},
                 {"--variant", &a->variant, NULL}, {"--device", &a->device, NULL},
                 {"--batch", NULL, &a->batch},     {"--epochs", NULL, &a->epochs},
                 {"--threads", NULL, &a->threads}, {"--seed", NULL, &a->seed},
                 {"--limit", NULL, &a->limit},     {"--plan", &a->plan, NULL}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(key, table[i].key) != 0)
            continue;
        if (table[i].text)
            *table[i].text = value;
        else
            *table[i].number = atoi(value);
        return;
    }
    if (strcmp(key, "--lr") == 0)
        a->lr = strtof(value, NULL);
    else if (strcmp(key, "--layers") == 0)
        bd_parse_layers(a, value);
    else
        bd_die("unknown option ", key);
}

BD_INLINE bd_args bd_parse(int argc, char **argv)
{
    bd_args a = {.act = "relu",
                 .loss = "ce",
                 .opt = "sgd",
                 .variant = "",
                 .device = "",
                 .plan = "",
                 .lr = 0.1f,
                 .batch = 64,
                 .epochs = 1,
                 .threads = 2,
                 .seed = 1};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            bd_die("a value is missing after ", argv[i]);
        bd_parse_one(&a, argv[i], argv[i + 1]);
    }
    if (!a.data || a.nlayers < 2 || a.batch < 1 || a.epochs < 1 || a.limit < 0)
        bd_die("need --data DIR|CSV|xor --layers A,B,C [--act sigmoid|relu|tanh] [--loss ce|mse] "
               "[--opt sgd|adam] [--lr F] [--batch N] [--epochs N] [--threads N] [--seed N] "
               "[--limit N] [--variant V] [--device D] [--plan P]",
               "");
    return a;
}

BD_INLINE int bd_is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* One IDX file of bytes: n entries of d bytes. */
BD_INLINE unsigned char *bd_idx(const char *folder, const char *name, int *n, int *d)
{
    char path[4096];
    unsigned char h[4];
    unsigned size[3] = {1, 1, 1};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    gzFile file = gzopen(path, "rb");
    if (!file)
        bd_die("cannot open ", path);
    if (gzread(file, h, 4) != 4 || h[2] != 8 || h[3] < 1 || h[3] > 3)
        bd_die("not an IDX file of bytes: ", path);
    for (int i = 0, dimensions = h[3]; i < dimensions; i++) {
        if (gzread(file, h, 4) != 4)
            bd_die("short file ", path);
        size[i] = (unsigned)h[0] << 24 | (unsigned)h[1] << 16 | (unsigned)h[2] << 8 | h[3];
        if (size[i] < 1 || size[i] > 1u << 20)
            bd_die("unlikely size in ", path);
    }
    uint64_t total = (uint64_t)size[0] * size[1] * size[2];
    if (total > INT32_MAX)
        bd_die("too large: ", path);
    unsigned char *bytes = (unsigned char *)bd_alloc((size_t)total, 1);
    if (gzread(file, bytes, (unsigned)total) != (int)total)
        bd_die("short file ", path);
    gzclose(file);
    *n = (int)size[0];
    *d = (int)(size[1] * size[2]);
    return bytes;
}

BD_INLINE bd_set bd_idxset(const char *folder, const char *images, const char *labels, int limit)
{
    bd_set s;
    int count, one;
    unsigned char *image = bd_idx(folder, images, &s.n, &s.d);
    unsigned char *label = bd_idx(folder, labels, &count, &one);
    if (count != s.n || one != 1)
        bd_die("images and labels differ in number: ", folder);
    if (limit && limit < s.n)
        s.n = limit;
    size_t total = (size_t)s.n * (size_t)s.d;
    s.x = (float *)bd_alloc(total, sizeof(float));
    s.y = (int *)bd_alloc((size_t)s.n, sizeof(int));
    for (size_t i = 0; i < total; i++)
        s.x[i] = (float)image[i] / 255.0f;
    for (int i = 0; i < s.n; i++)
        s.y[i] = label[i];
    free(image);
    free(label);
    return s;
}

/* One line: x (d), and what follows the last comma.  NULL where it has another form, as a header.
 */
BD_INLINE char *bd_csv_line(float *x, char *line, int d)
{
    char *end;
    for (int k = 0; k < d; k++, line = end + 1) {
        x[k] = strtof(line, &end);
        if (end == line || *end != ',')
            return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

/* Rows of d numbers and a class name; classes count from 0 in the order of their appearance. */
BD_INLINE bd_set bd_csv(const char *path, int d)
{
    static char line[BD_LINE], name[BD_CLASSES][64];
    bd_set s = {NULL, NULL, 0, d};
    int classes = 0, room = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        bd_die("cannot open ", path);
    while (fgets(line, sizeof line, file)) {
        if (s.n == room) {
            room = room ? 2 * room : 256;
            s.x = (float *)realloc(s.x, (size_t)room * (size_t)d * sizeof(float));
            s.y = (int *)realloc(s.y, (size_t)room * sizeof(int));
            if (!s.x || !s.y)
                bd_die("out of memory: ", path);
        }
        int c = 0;
        const char *label = bd_csv_line(s.x + (size_t)s.n * (size_t)d, line, d);
        if (!label)
            continue;
        while (c < classes && strcmp(name[c], label) != 0)
            c++;
        if (c == BD_CLASSES || strlen(label) >= sizeof name[0])
            bd_die("too many classes, or too long a name: ", path);
        if (c == classes)
            strcpy(name[classes++], label);
        s.y[s.n++] = c;
    }
    fclose(file);
    return s;
}

/* Standardises (population) on the training rows; every fifth row is a test row. */
BD_INLINE void bd_standardise(bd_set *s)
{
    for (int k = 0; k < s->d; k++) {
        float *x = s->x + k;
        double sum = 0, squares = 0;
        int count = 0;
        for (int i = 0; i < s->n; i++)
            if (i % 5 != 4) {
                sum += x[(size_t)i * (size_t)s->d];
                count++;
            }
        double mean = sum / count;
        for (int i = 0; i < s->n; i++)
            if (i % 5 != 4)
                squares += pow(x[(size_t)i * (size_t)s->d] - mean, 2);
        double deviation = sqrt(squares / count) + 1e-8;
        for (int i = 0; i < s->n; i++) {
            float *value = &x[(size_t)i * (size_t)s->d];
            *value = (float)((*value - mean) / deviation);
        }
    }
}

/* Every fifth row of a CSV file to test, the others to train. */
BD_INLINE void bd_split(bd_set *train, bd_set *test, bd_set *all)
{
    bd_set *part[2] = {train, test};
    size_t d = (size_t)all->d;
    for (int k = 0; k < 2; k++)
        *part[k] = (bd_set){(float *)bd_alloc((size_t)all->n * d, sizeof(float)),
                            (int *)bd_alloc((size_t)all->n, sizeof(int)), 0, all->d};
    for (int i = 0; i < all->n; i++) {
        bd_set *s = part[i % 5 == 4];
        memcpy(s->x + (size_t)s->n * d, all->x + (size_t)i * d, d * sizeof(float));
        s->y[s->n++] = all->y[i];
    }
    free(all->x);
    free(all->y);
}

BD_INLINE void bd_load(const bd_args *a, bd_set *train, bd_set *test)
{
    static float xor_x[8] = {0, 0, 0, 1, 1, 0, 1, 1};
    static int xor_y[4] = {0, 1, 1, 0};
    if (strcmp(a->data, "xor") == 0) {
        *train = *test = (bd_set){xor_x, xor_y, 4, 2};
    } else if (bd_is_folder(a->data)) {
        *train = bd_idxset(a->data, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                           a->limit);
        *test = bd_idxset(a->data, "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", 0);
    } else {
        bd_set all = bd_csv(a->data, a->layers[0]);
        bd_standardise(&all);
        bd_split(train, test, &all);
    }
    if (train->n < 1 || test->n < 1 || train->d != a->layers[0])
        bd_die("no rows, or not as wide as the first of --layers: ", a->data);
}

/* xorshift64: the same numbers on every machine. */
BD_INLINE uint64_t *bd_state(void)
{
    static uint64_t state = 88172645463325252ull;
    return &state;
}

BD_INLINE void bd_seed(int seed)
{
    *bd_state() = 88172645463325252u ^ (uint64_t)(uint32_t)seed * 0x9E3779B97F4A7C15u;
}

BD_INLINE uint32_t bd_rand(void)
{
    uint64_t *s = bd_state();
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return (uint32_t)(*s >> 32);
}

BD_INLINE float bd_uni(void)
{
    return (float)(bd_rand() >> 8) / 16777216.0f;
}

BD_INLINE void bd_shuffle(int *p, int n)
{
    for (int i = n - 1; i > 0; i--) {
        int j = (int)(bd_rand() % (uint32_t)(i + 1)), kept = p[i];
        p[i] = p[j];
        p[j] = kept;
    }
}

BD_INLINE int bd_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The line of results.  epoch_s (epochs) holds the seconds of each epoch and is sorted in place. */
BD_INLINE void bd_report(const char *name, const bd_args *a, double *epoch_s, long steps,
                         double accuracy, double load_s, double setup_s, const char *note)
{
    struct rusage usage;
    double total = 0;
    getrusage(RUSAGE_SELF, &usage);
    for (int i = 0; i < a->epochs; i++)
        total += epoch_s[i];
    qsort(epoch_s, (size_t)a->epochs, sizeof *epoch_s, bd_compare);
    const char *slash = strrchr(a->data, '/');
    printf("{\"name\": \"%s%s%s\", \"train_seconds\": %.6f, \"steps_per_s\": %.2f, "
           "\"test_accuracy\": %.5f, \"epoch_median_s\": %.6f, \"epoch_min_s\": %.6f, ",
           name, a->variant[0] ? "-" : "", a->variant, total, (double)steps / total, accuracy,
           epoch_s[a->epochs / 2], epoch_s[0]);
    printf("\"load_seconds\": %.3f, \"setup_seconds\": %.3f, \"peak_rss_mb\": %.1f, "
           "\"steps\": %ld, \"data\": \"%s\", \"layers\": [",
           load_s, setup_s, (double)usage.ru_maxrss / 1024.0, steps,
           slash && slash[1] ? slash + 1 : a->data);
    for (int i = 0; i < a->nlayers; i++)
        printf("%s%d", i ? ", " : "", a->layers[i]);
    printf("], \"act\": \"%s\", \"loss\": \"%s\", \"opt\": \"%s\", \"lr\": %g, \"batch\": %d, "
           "\"epochs\": %d, \"threads\": %d, \"seed\": %d, \"note\": \"%s\"}\n",
           a->act, a->loss, a->opt, (double)a->lr, a->batch, a->epochs, a->threads, a->seed, note);
}

#endif
