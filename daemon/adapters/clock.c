#include "adapters/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t); /* cannot fail for these two */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#ifdef JD_FAULTS
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { REREAD_MS = 5 };

/* What a test added: to all clocks, and to the wall clock alone. */
static _Atomic int64_t shift_all, shift_wall, read_at = INT64_MIN / 2;

static void reread(void)
{
    int64_t now = read_clock(CLOCK_MONOTONIC), last = atomic_load(&read_at);
    if (now - last < REREAD_MS || !atomic_compare_exchange_strong(&read_at, &last, now))
        return;
    const char *path = getenv("JD_CLOCK_FILE"), *fixed = getenv("JD_CLOCK_SHIFT_MS");
    if (path == NULL) {
        atomic_store(&shift_all, fixed == NULL ? 0 : strtoll(fixed, NULL, 10));
        return;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[64];
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        (void)close(fd);
    if (size <= 0)
        return; /* being replaced: keep what it said */
    text[size] = '\0';
    char *rest = NULL;
    int64_t all = strtoll(text, &rest, 10);
    atomic_store(&shift_wall, strtoll(rest, NULL, 10));
    atomic_store(&shift_all, all);
}

jd_time jd_clock_wall(void)
{
    reread();
    return read_clock(CLOCK_REALTIME) + atomic_load(&shift_all) + atomic_load(&shift_wall);
}

int64_t jd_clock_mono(void)
{
    reread();
    return read_clock(CLOCK_MONOTONIC) + atomic_load(&shift_all);
}

jd_time jd_clock_shifted(jd_time t)
{
    reread();
    return t + atomic_load(&shift_all);
}

#else

jd_time jd_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t jd_clock_mono(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

jd_time jd_clock_shifted(jd_time t)
{
    return t;
}

#endif
