#include "adapters/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Protocol: sd_notify(3). A path starts with '/', an abstract address with '@'. */
static void say(const char *message)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = path == NULL ? 0 : strlen(path);
    if (size < 2 || size >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* A message that is lost costs a status line or one sign of life; the next one follows. */
    (void)sendto(fd, message, strlen(message), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    (void)close(fd);
}

void jd_notify_ready(void)
{
    say("READY=1");
}

void jd_notify_stopping(void)
{
    say("STOPPING=1");
}

void jd_notify_alive(void)
{
    say("WATCHDOG=1");
}

void jd_notify_status(const char *text)
{
    char message[256];
    (void)snprintf(message, sizeof message, "STATUS=%s", text);
    for (char *c = message; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
    say(message);
}

void jd_notify_extend(int64_t ms)
{
    char message[64];
    (void)snprintf(message, sizeof message, "EXTEND_TIMEOUT_USEC=%lld", (long long)ms * 1000);
    say(message);
}

int64_t jd_notify_watchdog_ms(void)
{
    const char *microseconds = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (microseconds == NULL || (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid()))
        return 0;
    long long value = strtoll(microseconds, NULL, 10);
    return value > 0 ? value / 1000 : 0;
}
