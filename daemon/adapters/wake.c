#include "adapters/wake.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool jd_wake_open(int *bell, struct jd_error *err)
{
    *bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (*bell < 0)
        return jd_error_set(err, JD_EXIT_INTERNAL, "cannot make an eventfd: %s", strerror(errno));
    return true;
}

void jd_wake_close(int *bell)
{
    if (*bell >= 0)
        (void)close(*bell);
    *bell = JD_WAKE_NONE;
}

void jd_wake_ring(int bell)
{
    if (bell < 0)
        return;
    int saved = errno; /* may run in a signal handler */
    ssize_t written = write(bell, &(uint64_t){1}, sizeof(uint64_t));
    (void)written; /* EAGAIN: it rings already */
    errno = saved;
}

bool jd_wake_wait(int bell, int timeout_ms)
{
    struct pollfd fd = {.fd = bell, .events = POLLIN};
    uint64_t rings;
    return poll(&fd, 1, timeout_ms) > 0 && read(bell, &rings, sizeof rings) == (ssize_t)sizeof rings;
}
