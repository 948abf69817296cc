/* A strict reader of the HTML that reports are written in: every element closed in its order,
 * attributes quoted, no letter left that should have been escaped. */
#ifndef CLG_TESTS_HARNESS_MARKUP_H
#define CLG_TESTS_HARNESS_MARKUP_H

#include "harness.h"

/* Fails the test where page is not well formed, holds a script or a handler, names anything outside
 * itself, or uses an id twice. */
void markup_check(const char *page);

/* How often a text occurs. */
int markup_count(const char *page, const char *text);

#endif
