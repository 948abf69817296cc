/* What the descriptions of files share. */
#ifndef CLG_REPORT_REPORT_H
#define CLG_REPORT_REPORT_H

#include "core/status.h"

#include <jansson.h>

/* An ordered object as lines for the eye: "key  value", tables as one line a row, control
 * characters as "?".  The caller frees *text. */
clg_status clg_report_text(char **text, json_t *object);

/* The object as one line of JSON. */
clg_status clg_report_json(char **text, json_t *object);

/* Sets key to value and gives value up; 0, or -1 where there was no memory or no value. */
int clg_report_set(json_t *object, const char *key, json_t *value);

/* A text as JSON, bytes that are not UTF-8 as "?". */
json_t *clg_report_string(const char *text);

#endif
