/* adapters/notify.h, wake.h, and clock.h (whose shifts exist in BUILD=faults alone). */
#include "tap.h"

#include "adapters/clock.h"
#include "adapters/notify.h"
#include "adapters/wake.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A socket as systemd's; `name` begins with '/' or '@'. */
static int listen_as_systemd(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    memcpy(at.sun_path, name, size);
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (bind(fd, (const struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) !=
        0)
        return -1;
    (void)setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static const char *heard(int fd)
{
    static char text[512];
    ssize_t size = recv(fd, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

static void notify(void)
{
    char path[64], abstract[64];
    (void)snprintf(path, sizeof path, "/tmp/journeyd-notify-%d", (int)getpid());
    (void)snprintf(abstract, sizeof abstract, "@journeyd-notify-%d", (int)getpid());
    (void)unsetenv("NOTIFY_SOCKET");
    jd_notify_ready(); /* nobody listens: nothing happens */
    const char *const names[] = {path, abstract};
    for (size_t i = 0; i < JD_COUNT(names); i++) {
        int fd = listen_as_systemd(names[i]);
        jd_notify_ready();
        CHECK(strcmp(heard(fd), "READY=1") == 0, "ready, to %c…", names[i][0]);
        jd_notify_alive();
        CHECK(strcmp(heard(fd), "WATCHDOG=1") == 0, "alive");
        jd_notify_status("two\nlines");
        CHECK(strcmp(heard(fd), "STATUS=two lines") == 0, "a status is one line");
        jd_notify_extend(1500);
        CHECK(strcmp(heard(fd), "EXTEND_TIMEOUT_USEC=1500000") == 0, "more time, in microseconds");
        jd_notify_stopping();
        CHECK(strcmp(heard(fd), "STOPPING=1") == 0, "stopping");
        (void)close(fd);
    }
    (void)unlink(path);
    jd_notify_ready(); /* the listener is gone: nothing happens */
    char pid[16];
    (void)unsetenv("WATCHDOG_USEC");
    CHECK(jd_notify_watchdog_ms() == 0, "no watchdog");
    (void)setenv("WATCHDOG_USEC", "30000000", 1);
    CHECK(jd_notify_watchdog_ms() == 30000, "a watchdog of 30 s");
    (void)setenv("WATCHDOG_PID", "1", 1);
    CHECK(jd_notify_watchdog_ms() == 0, "another process is watched");
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    (void)setenv("WATCHDOG_PID", pid, 1);
    CHECK(jd_notify_watchdog_ms() == 30000, "this one is");
}

static void wake(void)
{
    struct jd_error err;
    int bell;
    CHECK(jd_wake_open(&bell, &err), "a bell");
    CHECK(!jd_wake_wait(bell, 0), "silent");
    jd_wake_ring(bell);
    jd_wake_ring(bell);
    CHECK(jd_wake_wait(bell, 0) && !jd_wake_wait(bell, 0), "two rings are one");
    jd_wake_close(&bell);
    jd_wake_close(&bell);
    jd_wake_ring(bell);
    CHECK(bell == JD_WAKE_NONE, "closed, it rings nobody");
}

static int64_t system_ms(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_near(int64_t a, int64_t b)
{
    return llabs((long long)(a - b)) < 500;
}

static void clock_as_it_is(void)
{
    CHECK(is_near(jd_clock_wall(), system_ms(CLOCK_REALTIME)) &&
              is_near(jd_clock_mono(), system_ms(CLOCK_MONOTONIC)) && jd_clock_shifted(5) == 5,
          "the system's clocks");
}

#ifdef JD_FAULTS
static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (file != NULL) {
        (void)fputs(text, file);
        (void)fclose(file);
    }
    (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* longer than a reading is kept */
}

static void clock_under_test(void)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/journeyd-clock-%d", (int)getpid());
    write_file(path, "3600000\n");
    (void)setenv("JD_CLOCK_FILE", path, 1);
    CHECK(is_near(jd_clock_wall(), system_ms(CLOCK_REALTIME) + 3600000) &&
              is_near(jd_clock_mono(), system_ms(CLOCK_MONOTONIC) + 3600000) &&
              jd_clock_shifted(5) == 3600005,
          "an hour later for all clocks");
    write_file(path, "0 -120000\n");
    CHECK(is_near(jd_clock_wall(), system_ms(CLOCK_REALTIME) - 120000) &&
              is_near(jd_clock_mono(), system_ms(CLOCK_MONOTONIC)) && jd_clock_shifted(5) == 5,
          "the wall clock alone strays");
    write_file(path, "");
    CHECK(is_near(jd_clock_wall(), system_ms(CLOCK_REALTIME) - 120000),
          "a file being replaced changes nothing");
    (void)unlink(path);
    (void)unsetenv("JD_CLOCK_FILE");
    (void)setenv("JD_CLOCK_SHIFT_MS", "1000000", 1);
    (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    CHECK(is_near(jd_clock_mono(), system_ms(CLOCK_MONOTONIC) + 1000000), "a fixed shift");
    (void)unsetenv("JD_CLOCK_SHIFT_MS");
    (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}
#endif

void test_system(void)
{
    notify();
    wake();
    clock_as_it_is();
#ifdef JD_FAULTS
    clock_under_test();
#endif
}
