#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "adapters/clock.h"

enum { TERMINAL_PERIOD_MS = 500, FILE_PERIOD_MS = 10000 };

void jd_progress_start(struct jd_progress *progress, const char *noun)
{
    const int64_t now = jd_clock_mono();
    *progress = (struct jd_progress){
        .noun = noun, .started = now, .last = now, .is_terminal = isatty(STDERR_FILENO) == 1};
}

void jd_progress_show(struct jd_progress *progress, uint64_t count, double share)
{
    const int64_t now = jd_clock_mono();
    if (now - progress->last < (progress->is_terminal ? TERMINAL_PERIOD_MS : FILE_PERIOD_MS)) {
        return;
    }
    progress->last = now;
    progress->has_line = progress->is_terminal;
    const double seconds = (double)(now - progress->started) / 1000;
    char part[16] = "";
    if (share >= 0) {
        snprintf(part, sizeof(part), " (%.0f %%)", share > 1 ? 100 : 100 * share);
    }
    fprintf(stderr, "%s%llu %s%s, %.0f/s%s", progress->is_terminal ? "\r\033[K" : "",
            (unsigned long long)count, progress->noun, part, (double)count / seconds,
            progress->is_terminal ? "" : "\n");
    fflush(stderr);
}

double jd_progress_end(struct jd_progress *progress)
{
    if (progress->has_line) {
        fputs("\r\033[K", stderr);
        progress->has_line = false;
    }
    return (double)(jd_clock_mono() - progress->started) / 1000;
}
