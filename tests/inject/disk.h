/* Calls to the file system that change something, counted, and one of them spoiled. */
#ifndef CLG_TESTS_INJECT_DISK_H
#define CLG_TESTS_INJECT_DISK_H

enum inject_fault {
    INJECT_NONE,
    INJECT_ERROR,   /* fails with the given errno and does nothing */
    INJECT_PARTIAL, /* writes half of what it was given, then fails with the errno */
    INJECT_SHORT,   /* writes one byte and says so; as INJECT_NONE for calls that do not write */
    INJECT_ONCE     /* fails once with the errno, as EINTR does; the next attempt counts anew */
};

/* Calls counted from here on; number index (from 1) is spoiled, and for INJECT_ERROR and
 * INJECT_PARTIAL all behind it too where lasting is 1: a disk that is full stays so. */
void inject_disk(unsigned index, enum inject_fault fault, int error, int lasting);

unsigned inject_disk_calls(void);

/* The name of the call that was spoiled, "" for none. */
const char *inject_disk_spoiled(void);

#endif
