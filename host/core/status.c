/* Texts of the status codes and the last error of each thread: the library's only global state. */
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char last_error[4096];

clg_status(clg_fail)(clg_status status, const char *format, ...) /* not the macro for checkers */
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return status;
}

const char *clg_last_error(void)
{
    return last_error;
}

const char *clg_status_text(clg_status status)
{
    switch (status) {
#define CLG_STATUS_TEXT(name, value, text)                                                         \
    case name:                                                                                     \
        return text;
        CLG_STATUS_LIST(CLG_STATUS_TEXT)
#undef CLG_STATUS_TEXT
    }
    return "unknown status";
}

const char *clg_version(void)
{
    return CLG_VERSION;
}
