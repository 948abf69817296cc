/* JSON text that may be anything, or may not fit into memory: the two are told apart. */
#ifndef CLG_CORE_JSON_H
#define CLG_CORE_JSON_H

#include "core/status.h"

#include <jansson.h>

/* The value that text (size) is, NULL where it is no JSON: then error says why.  CLG_ENOMEM names
 * path.  flags: jansson's. */
clg_status clg_json_parse(json_t **out, json_error_t *error, const char *text, size_t size,
                          size_t flags, const char *path);

#endif
