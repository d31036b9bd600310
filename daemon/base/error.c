#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool jd_error_set(struct jd_error *err, enum jd_exit code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->code = code;
    (void)vsnprintf(err->text, sizeof err->text, format, args); /* a cut text still says enough */
    va_end(args);
    return false;
}

bool jd_error_wrap(struct jd_error *err, const char *format, ...)
{
    char inner[JD_ERROR_TEXT_MAX];
    memcpy(inner, err->text, sizeof inner);
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof err->text)
        (void)snprintf(err->text + used, sizeof err->text - (size_t)used, ": %.*s",
                       (int)(sizeof err->text - (size_t)used), inner);
    return false;
}
