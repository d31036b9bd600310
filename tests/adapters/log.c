/* base/log.h: what a line looks like, and that a flood is cut. */
#include "tap.h"

#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char seen[1 << 16];

/* Runs after something was logged to the pipe's end. */
static const char *drain(int fd)
{
    ssize_t size = read(fd, seen, sizeof seen - 1);
    seen[size > 0 ? size : 0] = '\0';
    return seen;
}

void test_log(void)
{
    int ends[2];
    if (pipe(ends) != 0)
        return;
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    jd_log_setup(JD_LOG_LOGFMT, JD_LOG_INFO, ends[1]);
    jd_log(JD_LOG_SHARD_LIVE, jd_num("shard", 3), jd_txt("row", "redo"), jd_txt("reason", "a \"b\"\nc=d"),
           jd_txt("empty", ""));
    const char *line = drain(ends[0]);
    CHECK(strstr(line, " level=info code=JD-0201 event=shard_live shard=3 row=redo reason=\"a "
                       "\\\"b\\\"\\nc=d\" empty=\"\"\n") != NULL &&
              strncmp(line, "ts=2", 4) == 0,
          "logfmt: %s", strtok(seen, "\n"));
    jd_log_setup(JD_LOG_JSON, JD_LOG_WARN, ends[1]);
    jd_log(JD_LOG_SHARD_LIVE, jd_num("shard", 3));
    CHECK(drain(ends[0])[0] == '\0', "below the level: nothing");
    jd_log(JD_LOG_FATAL, jd_num("exit", -78), jd_txt("reason", "x\\y\x01\xff"));
    line = drain(ends[0]);
    CHECK(strncmp(line, "{\"ts\":\"", 7) == 0 &&
              strstr(line, "\",\"level\":\"error\",\"code\":\"JD-0106\",\"event\":\"fatal\",\"exit\":-78,"
                           "\"reason\":\"x\\\\y ?\"}\n") != NULL,
          "JSON: %s", strtok(seen, "\n"));
    static char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    jd_log(JD_LOG_FATAL, jd_num("exit", 1), jd_txt("reason", longest), jd_num("after", 1));
    line = drain(ends[0]);
    CHECK(strlen(line) < 2000 && strstr(line, "\"exit\":1,\"cut\":1}\n") != NULL,
          "a line too long is cut at a field");
    for (int i = 0; i < 50; i++)
        jd_log(JD_LOG_DEAD_LETTER, jd_num("i", i));
    size_t lines = 0;
    for (line = drain(ends[0]); (line = strchr(line, '\n')) != NULL; line++)
        lines++;
    CHECK(lines == 10 && jd_log_count(JD_LOG_DEAD_LETTER) == 50, "50 of one code: %zu lines, all counted",
          lines);
    jd_log(JD_LOG_POLICY_BAD, jd_num("i", 1));
    CHECK(strstr(drain(ends[0]), "JD-0802") != NULL, "other codes are not held back");
    int last = 0;
    for (int code = 0; code < JD_LOG_CODE_COUNT_; code++) {
        int number = jd_log_code_number((enum jd_log_code)code);
        CHECK(number > last && jd_log_code_doc((enum jd_log_code)code)[0] != '\0', "JD-%04d %s", number,
              jd_log_code_event((enum jd_log_code)code));
        last = number;
    }
    jd_log_setup(JD_LOG_LOGFMT, JD_LOG_INFO, STDERR_FILENO);
}
