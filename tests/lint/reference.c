/* Prints the reference parts of README.md and config/journeyd.yaml from the tables that the daemon itself
 * works with, so that the two cannot differ (reference.sh puts them there, and checks). */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "policy/settings.h"

static void log_codes(void)
{
    static const char *const levels[] = {"", "debug", "info", "warn", "error"};
    puts("| code | level | event | meaning |\n|---|---|---|---|");
#define X(number, name, level, event, doc)                                                                   \
    printf("| `JD-%04d` | %s | `%s` | %s |\n", number, levels[JD_LOG_##level], event, doc);
    JD_LOG_MAP(X)
#undef X
}

static void metrics(void)
{
    static const char *const kinds[] = {"", "counter", "gauge", "histogram"};
    puts("| metric | kind | labels | meaning |\n|---|---|---|---|");
#define X(name, kind, text, labels, help)                                                                    \
    printf("| `%s` | %s | %s | %s |\n", text, kinds[JD_METRIC_##kind], labels, help);
    JD_METRIC_MAP(X)
#undef X
}

int main(int argc, char **argv)
{
    const char *part = argc == 2 ? argv[1] : "";
    if (strcmp(part, "options") == 0)
        jd_settings_reference(stdout);
    else if (strcmp(part, "log-codes") == 0)
        log_codes();
    else if (strcmp(part, "metrics") == 0)
        metrics();
    else if (strcmp(part, "journeyd.yaml") == 0)
        jd_settings_example(stdout);
    else
        return 64;
    return 0;
}
