#include "shard/findings.h"

#include <stdarg.h>
#include <stdio.h>

void jd_finding(struct jd_findings *findings, bool is_difference, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    findings->differences += is_difference;
    findings->say(findings->context, is_difference, text);
}
