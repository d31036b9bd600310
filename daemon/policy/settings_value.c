/* One value of the configuration, through its row. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "policy/settings_table.h"
#include "policy/value.h"

enum { SECRET_SIZE_MAX = 64 * 1024, TOPIC_SIZE_MAX = 249, NAME_SIZE_MAX = 200 };

static void problem(struct jd_settings_file *f, struct jd_place place, const char *what, const char *expected,
                    struct jd_str written)
{
    jd_problem_add(f->problems, JD_PROBLEM_ERROR, place, "%s: expected %s, found \"" JD_STR_FMT "\"", what,
                   expected, (int)(written.size < 100 ? written.size : 100), written.ptr);
}

/* ---- one value ---------------------------------------------------------------------------------- */

static void *member_of(struct jd_settings_file *f, const struct jd_setting_row *row)
{
    return (char *)&f->settings + row->offset;
}

static void set_text(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_str text)
{
    struct jd_str copy = jd_arena_str(&f->arena, text);
    memcpy(member_of(f, row), &copy, sizeof copy);
}

struct jd_str jd_setting_text(const struct jd_settings_file *f, const struct jd_setting_row *row)
{
    struct jd_str text;
    memcpy(&text, (const char *)&f->settings + row->offset, sizeof text);
    return text;
}

static bool is_text(const struct jd_setting_row *row)
{
    return row->kind != JD_SETTING_COUNT && row->kind != JD_SETTING_SIZE &&
           row->kind != JD_SETTING_DURATION && row->kind != JD_SETTING_CHOICE &&
           row->kind != JD_SETTING_TRUTH;
}

static void set_number(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    int64_t value = 0;
    bool ok = row->kind == JD_SETTING_COUNT  ? jd_value_integer(w.text, &value)
              : row->kind == JD_SETTING_SIZE ? jd_value_size(w.text, &value)
                                             : jd_value_duration(w.text, &value);
    if (!ok) {
        problem(f, w.place, row->name,
                row->kind == JD_SETTING_COUNT  ? "a whole number"
                : row->kind == JD_SETTING_SIZE ? "a number of bytes such as 65536, 64KiB, 16MiB or 1GiB"
                                               : "a duration such as 50ms, 30s, 5m or 1h",
                w.text);
        int64_t bare;
        if (row->kind == JD_SETTING_DURATION && jd_value_integer(w.text, &bare))
            jd_problem_hint(f->problems, "write the unit: " JD_STR_FMT "ms or " JD_STR_FMT "s",
                            JD_STR_ARG(w.text), JD_STR_ARG(w.text));
        return;
    }
    if (value < row->min || value > row->max) {
        char range[80] = "";
        FILE *out = fmemopen(range, sizeof range, "w");
        if (out != NULL) {
            jd_setting_print_range(out, row);
            (void)fclose(out); /* memory */
        }
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place, "%s: " JD_STR_FMT " is out of range",
                       row->name, JD_STR_ARG(w.text));
        jd_problem_hint(f->problems, "allowed: %s", range);
        return;
    }
    memcpy(member_of(f, row), &value, sizeof value);
}

static void set_choice(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    for (uint32_t i = 0; row->choices[i] != NULL; i++)
        if (jd_str_eq(w.text, jd_str_of(row->choices[i]))) {
            uint32_t value = i + (row->min > 0 ? (uint32_t)row->min : 1);
            memcpy(member_of(f, row), &value, sizeof value);
            return;
        }
    jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place, "%s: \"" JD_STR_FMT "\" is none of its values",
                   row->name, JD_STR_ARG(w.text));
    jd_problem_suggest(f->problems, w.text, row->choices);
}
_Static_assert(sizeof(enum jd_setting_clock) == sizeof(uint32_t), "set_choice writes 32 bits");

static void set_truth(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    bool value;
    if (jd_value_truth(w.text, &value))
        memcpy(member_of(f, row), &value, sizeof value);
    else
        problem(f, w.place, row->name, "true or false", w.text);
}

static bool is_loopback(struct jd_str host)
{
    return jd_str_eq(host, JD_STR("localhost")) || jd_str_eq(host, JD_STR("[::1]")) ||
           jd_str_eq(host, JD_STR("127.0.0.1"));
}

/* Takes "host:port" apart; a port is 0..65535. */
static bool split_address(struct jd_str text, struct jd_str *host, uint16_t *port)
{
    uint32_t colon = text.size;
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    int64_t number;
    if (colon < 2 || !jd_value_integer((struct jd_str){text.ptr + colon, text.size - colon}, &number) ||
        number < 0 || number > UINT16_MAX)
        return false;
    *host = (struct jd_str){text.ptr, colon - 1};
    *port = (uint16_t)number;
    bool bracketed = host->ptr[0] == '[' && host->ptr[host->size - 1] == ']';
    return bracketed || memchr(host->ptr, ':', host->size) == NULL;
}

static bool starts_with(struct jd_str text, const char *start)
{
    size_t size = strlen(start);
    return text.size >= size && memcmp(text.ptr, start, size) == 0;
}

static struct jd_str after(struct jd_str text, size_t size)
{
    return (struct jd_str){text.ptr + size, text.size - (uint32_t)size};
}

static void set_loopback(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    struct jd_str host;
    uint16_t port;
    if (jd_str_eq(w.text, JD_STR("none")))
        return;
    if (!split_address(w.text, &host, &port) || !is_loopback(host))
        problem(f, w.place, row->name, "127.0.0.1:port, [::1]:port, localhost:port or none", w.text);
    else
        set_text(f, row, w.text);
}

static void refuse_user_in_url(struct jd_settings_file *f, const struct jd_setting_row *row,
                               struct jd_written w)
{
    jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place, "%s: a URL here carries no user and no password",
                   row->name);
    jd_problem_hint(f->problems, "use %s: { user: ..., password_file: ... }", row->section);
}

static void set_redis(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    struct jd_str rest = w.text;
    uint16_t port;
    f->settings.redis.host = f->settings.redis.socket = (struct jd_str){0};
    if (starts_with(w.text, "unix:/") && w.text.size > strlen("unix:/")) {
        f->settings.redis.socket = jd_arena_str(&f->arena, after(w.text, strlen("unix:")));
        set_text(f, row, w.text);
        return;
    }
    if (starts_with(w.text, "redis://"))
        rest = after(w.text, strlen("redis://"));
    if (memchr(rest.ptr, '@', rest.size) != NULL) {
        refuse_user_in_url(f, row, w);
        return;
    }
    struct jd_str host;
    if (rest.ptr == w.text.ptr || !split_address(rest, &host, &port) || port == 0) {
        problem(f, w.place, row->name, "redis://host:port or unix:/path", w.text);
        return;
    }
    f->settings.redis.host = jd_arena_str(&f->arena, host);
    f->settings.redis.port = port;
    set_text(f, row, w.text);
}

static void set_url(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    size_t scheme = starts_with(w.text, "http://")    ? strlen("http://")
                    : starts_with(w.text, "https://") ? strlen("https://")
                                                      : 0;
    struct jd_str rest = after(w.text, scheme);
    if (scheme == 0 || rest.size == 0 || rest.ptr[0] == '/' || memchr(rest.ptr, ' ', rest.size) != NULL ||
        memchr(rest.ptr, '?', rest.size) != NULL || memchr(rest.ptr, '#', rest.size) != NULL)
        problem(f, w.place, row->name, "http://host:port/path or https://host:port/path", w.text);
    else if (memchr(rest.ptr, '@', rest.size) != NULL)
        refuse_user_in_url(f, row, w);
    else
        set_text(f, row, w.text);
}

static void set_topic(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    if (jd_str_eq(w.text, JD_STR("none"))) {
        if (row->kind == JD_SETTING_TOPIC_OR_NONE)
            return;
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place,
                       "the topic %s is needed; only the two of profiles may be none", row->name);
        return;
    }
    if (!jd_value_is_name(w.text) || w.text.size > TOPIC_SIZE_MAX || jd_str_eq(w.text, JD_STR(".")) ||
        jd_str_eq(w.text, JD_STR("..")))
        problem(f, w.place, row->name, "a topic's name (letters, digits, . _ -; at most 249)", w.text);
    else
        set_text(f, row, w.text);
}

static void set_name(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    if (!jd_value_is_name(w.text) || w.text.size > NAME_SIZE_MAX)
        problem(f, w.place, row->name, "a name (letters, digits, . _ -; at most 200)", w.text);
    else
        set_text(f, row, w.text);
}

static void set_file(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    FILE *file = fopen(w.text.ptr, "re");
    if (file == NULL)
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place, "%s: cannot read \"" JD_STR_FMT "\"",
                       row->name, JD_STR_ARG(w.text));
    else
        (void)fclose(file); /* only opened */
    set_text(f, row, w.text);
}

/* The whole file as text that ends with a NUL, at most SECRET_SIZE_MAX bytes; it is wiped with the settings.
 * NULL:
 * `*why` says what is wrong. */
static char *read_secret_file(struct jd_settings_file *f, const char *path, size_t *size, const char **why)
{
    FILE *file = fopen(path, "re");
    *why = file == NULL ? strerror(errno) : "there are too many secrets";
    if (file == NULL)
        return NULL;
    char *bytes = NULL;
    if (f->secret_count < JD_SETTING_SECRETS_MAX) {
        setbuf(file, NULL); /* no copy of it in a buffer of stdio */
        bytes = jd_arena_alloc(&f->arena, SECRET_SIZE_MAX + 1);
        *size = fread(bytes, 1, SECRET_SIZE_MAX + 1, file);
        f->secrets[f->secret_count].bytes = bytes;
        f->secrets[f->secret_count++].size = SECRET_SIZE_MAX + 1;
        *why = ferror(file) ? strerror(errno) : *size > SECRET_SIZE_MAX ? "it is larger than 64 KiB" : NULL;
    }
    (void)fclose(file); /* only read from */
    return *why == NULL ? bytes : NULL;
}

/* The secret in the file that `w` names, without its line end; absent when there is none (a problem says so).
 */
static struct jd_str read_secret(struct jd_settings_file *f, const char *name, struct jd_written w)
{
    size_t size = 0;
    const char *why;
    struct stat status;
    char *bytes = read_secret_file(f, w.text.ptr, &size, &why);
    if (bytes != NULL) {
        size -= size > 0 && bytes[size - 1] == '\n';
        size -= size > 0 && bytes[size - 1] == '\r';
        why = size == 0 ? "it is empty" : memchr(bytes, '\0', size) != NULL ? "it is not text" : NULL;
    }
    if (why != NULL) {
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place, "%s: no secret in \"" JD_STR_FMT "\": %s",
                       name, JD_STR_ARG(w.text), why);
        return (struct jd_str){0};
    }
    bytes[size] = '\0';
    if (stat(w.text.ptr, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & S_IROTH) != 0) {
        jd_problem_add(f->problems, JD_PROBLEM_WARNING, w.place,
                       "%s: everyone on this machine can read \"" JD_STR_FMT "\"", name, JD_STR_ARG(w.text));
        jd_problem_hint(f->problems, "chmod o-r " JD_STR_FMT, JD_STR_ARG(w.text));
    }
    return (struct jd_str){bytes, (uint32_t)size};
}

static void set_secret(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    struct jd_str secret = read_secret(f, row->name, w);
    memcpy(member_of(f, row), &secret, sizeof secret);
}

static void set_free_text(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    set_text(f, row, w.text);
}

void jd_setting_set(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w)
{
    static void (*const setters[])(struct jd_settings_file *, const struct jd_setting_row *,
                                   struct jd_written) = {
        [JD_SETTING_NAME] = set_name,           [JD_SETTING_TEXT] = set_free_text,
        [JD_SETTING_COUNT] = set_number,        [JD_SETTING_SIZE] = set_number,
        [JD_SETTING_DURATION] = set_number,     [JD_SETTING_CHOICE] = set_choice,
        [JD_SETTING_TRUTH] = set_truth,         [JD_SETTING_TOPIC] = set_topic,
        [JD_SETTING_TOPIC_OR_NONE] = set_topic, [JD_SETTING_LOOPBACK] = set_loopback,
        [JD_SETTING_REDIS] = set_redis,         [JD_SETTING_URL] = set_url,
        [JD_SETTING_FILE] = set_file,           [JD_SETTING_SECRET] = set_secret,
    };
    f->places[row - jd_setting_rows] = w.place;
    if (is_text(row))
        memset(member_of(f, row), 0, sizeof(struct jd_str));
    if (w.text.size == 0) {
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place, "%s has no value", row->name);
        return;
    }
    setters[row->kind](f, row, w);
}

/* ---- properties of librdkafka ------------------------------------------------------------------- */

static bool ends_with(struct jd_str text, const char *end)
{
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.ptr + text.size - size, end, size) == 0;
}

/* What nobody should write into a file that others read. */
bool jd_setting_is_secret(struct jd_str name)
{
    return ends_with(name, "password") || ends_with(name, "secret") || ends_with(name, "ssl.key.pem");
}

void jd_setting_set_property(struct jd_settings_file *f, struct jd_str name, struct jd_written w)
{
    struct jd_kafka_setting property = {.place = w.place, .value = w.text};
    if (ends_with(name, "_file")) {
        struct jd_str stem = {name.ptr, name.size - (uint32_t)strlen("_file")};
        if (jd_setting_is_secret(stem)) {
            name = stem;
            property.secret = true;
        }
    }
    if (!jd_value_is_name(name) || w.text.size == 0) {
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place, "kafka: \"" JD_STR_FMT "\" %s",
                       JD_STR_ARG(name), w.text.size == 0 ? "has no value" : "is no property's name");
        return;
    }
    if (jd_setting_is_secret(name) && !property.secret) {
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place,
                       "kafka: " JD_STR_FMT " is a secret and is not written here", JD_STR_ARG(name));
        jd_problem_hint(f->problems, "put it into a file of its own: " JD_STR_FMT "_file: /path",
                        JD_STR_ARG(name));
        return;
    }
    property.name = jd_arena_str(&f->arena, name);
    property.value = property.secret ? read_secret(f, property.name.ptr, w) : jd_arena_str(&f->arena, w.text);
    if (property.value.ptr == NULL)
        return;
    uint32_t i = 0;
    while (i < f->settings.kafka_count && !jd_str_eq(f->kafka[i].name, property.name))
        i++;
    if (i == JD_SETTING_PROPERTIES_MAX) {
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place, "kafka: more than %d properties",
                       (int)JD_SETTING_PROPERTIES_MAX);
        return;
    }
    f->kafka[i] = property;
    f->settings.kafka_count += i == f->settings.kafka_count;
}
