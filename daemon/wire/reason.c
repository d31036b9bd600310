#include "wire/reason.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT(n, t, s) t,
static const char *const texts[] = {NULL, JD_REFUSAL_MAP(TEXT)};
#define STAGE(n, t, s) s,
static const char *const stages[] = {NULL, JD_REFUSAL_MAP(STAGE)};

bool jd_reject_set(struct jd_reject *why, enum jd_refusal refusal, const char *format, ...)
{
    *why = (struct jd_reject){.reason = texts[refusal], .stage = stages[refusal]};
    if (format != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(why->message, sizeof why->message, format, arguments);
        va_end(arguments);
    }
    return false;
}

struct jd_reject jd_reject_state(const char *reason)
{
    return (struct jd_reject){.reason = reason, .stage = "state"};
}

const char *jd_refusal_text(enum jd_refusal refusal)
{
    return refusal > JD_REFUSED_NOT && refusal < JD_REFUSED_END_ ? texts[refusal] : NULL;
}
