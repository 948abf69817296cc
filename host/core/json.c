/* Parsing of JSON; what is asked of the value is elsewhere. */
#include "core/json.h"

#include <string.h>

clg_status clg_json_parse(json_t **out, json_error_t *error, const char *text, size_t size,
                          size_t flags, const char *path)
{
    memset(error, 0, sizeof *error);
    *out = json_loadb(text, size, flags, error);
    if (!*out && json_error_code(error) == json_error_out_of_memory)
        return clg_fail(CLG_ENOMEM, "%s: no memory for its %zu bytes of JSON", path, size);
    return CLG_OK;
}
