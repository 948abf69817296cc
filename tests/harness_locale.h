/* A locale of the application in which numbers have a decimal comma. */
#ifndef CLG_TESTS_HARNESS_LOCALE_H
#define CLG_TESTS_HARNESS_LOCALE_H

/* Sets it for the whole process; asserts that printf and strtod follow it. */
void harness_comma(void);

/* Back to the C locale. */
void harness_point(void);

#endif
