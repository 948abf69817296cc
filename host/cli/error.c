/* The program's own last error, beside the library's: what went wrong with options, streams and
 * memory of the program itself.  Leaves out printing it, which say.c does. */
#include "cli.h"

#include <stdarg.h>

/* "" where the library's last error holds. */
static char own_error[4096];

clg_status cli_fail(clg_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(own_error, sizeof own_error, format, arguments);
    va_end(arguments);
    return status;
}

const char *cli_error(clg_status status)
{
    if (*own_error)
        return own_error;
    return *clg_last_error() ? clg_last_error() : clg_status_text(status);
}
