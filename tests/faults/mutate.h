/* The places where a kernel's source can be made wrong by one small change, and the changed
 * source. */
#ifndef CLG_TESTS_FAULTS_MUTATE_H
#define CLG_TESTS_FAULTS_MUTATE_H

#include <stddef.h>

enum { MUTATE_MOST = 6000 }; /* sites of one kernel */

/* source[at .. at + length) becomes with. */
struct mutation {
    size_t at, length;
    char with[192];
};

/* Every site of kernel in source (prelude and file) when built with options, those alone that the
 * preprocessor keeps and that the kernel reaches through its calls; returns how many. */
size_t mutate_sites(struct mutation sites[MUTATE_MOST], const char *source, const char *kernel,
                    const char *options);

/* The source with one of them; the caller frees it. */
char *mutate_apply(const char *source, const struct mutation *site);

/* "gelu.cl:12: 0.5f -> 0.495f", with the line of the file under its own numbers. */
void mutate_describe(char *out, size_t size, const char *source, const struct mutation *site);

#endif
