/* Which characters of a kernel file take part in one kernel built with given options. */
#ifndef CLG_TESTS_FAULTS_REACH_H
#define CLG_TESTS_FAULTS_REACH_H

/* One byte for each of source's: 1 where it is code that the preprocessor keeps and that kernel
 * reaches through its calls, comments excepted.  The caller frees it. */
char *reach_mask(const char *source, const char *kernel, const char *options);

/* Where the body of kernel begins, behind its brace; 0 where there is none. */
unsigned long reach_body(const char *source, const char *kernel, const char *options);

#endif
