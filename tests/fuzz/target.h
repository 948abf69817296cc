/* What is fuzzed: one loader a target, each fed with a whole file. */
#ifndef CLG_TESTS_FUZZ_TARGET_H
#define CLG_TESTS_FUZZ_TARGET_H

#include "core/status.h"

struct fuzz_target {
    const char *name;         /* and of its folder in corpus/ */
    const char *const *words; /* what the mutator writes into files, NULL behind the last */
    int is_text;
    /* Loads the file and destroys what came of it; *decoded: bytes of the arrays in it. */
    clg_status (*load)(const char *path, uint64_t *decoded);
    /* Puts lengths and checksums right after a change; NULL where the format has none.  Returns the
     * size, at most room. */
    size_t (*repair)(unsigned char *bytes, size_t size, size_t room);
    /* The path at which load looks, where it is not free to choose; NULL where it is. */
    const char *(*place)(const char *folder);
};

/* Ends with a target without name. */
extern const struct fuzz_target fuzz_targets[];
const struct fuzz_target *fuzz_target_of(const char *name);

/* Where target looks for its file in folder; folder must outlive the text. */
const char *fuzz_place(const struct fuzz_target *target, const char *folder);

/* Makes the file's content these bytes. */
void fuzz_write(const char *path, const unsigned char *bytes, size_t size);

/* Changes bytes as the target's format suggests, by random; returns the new size, at most room. */
size_t fuzz_mutate(const struct fuzz_target *target, unsigned char *bytes, size_t size, size_t room,
                   uint64_t *random);

/* The next number of a generator whose state is *random, never 0. */
uint64_t fuzz_random(uint64_t *random);

/* gzip: bytes of the only member of a file, and the other way round; 0 where it is none or does not
 * fit. */
size_t fuzz_unpack(unsigned char *out, size_t room, const unsigned char *bytes, size_t size);
size_t fuzz_pack(unsigned char *out, size_t room, const unsigned char *bytes, size_t size);

#endif
