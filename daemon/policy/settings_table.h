/* The rows behind the configuration; private to the files settings*.c. */
#ifndef JOURNEYD_POLICY_SETTINGS_TABLE_H
#define JOURNEYD_POLICY_SETTINGS_TABLE_H

#include "policy/settings.h"

enum jd_setting_kind {
    JD_SETTING_NAME = 1, /* letters, digits, . _ - */
    JD_SETTING_TEXT,
    JD_SETTING_COUNT,
    JD_SETTING_SIZE,     /* bytes */
    JD_SETTING_DURATION, /* ms */
    JD_SETTING_CHOICE,   /* one of `choices`, numbered in their order */
    JD_SETTING_TRUTH,
    JD_SETTING_TOPIC,
    JD_SETTING_TOPIC_OR_NONE,
    JD_SETTING_LOOPBACK, /* host:port of this machine, or none */
    JD_SETTING_REDIS,
    JD_SETTING_URL, /* http or https */
    JD_SETTING_FILE,
    JD_SETTING_SECRET, /* a file; its content is the value */
};

struct jd_setting_row {
    const char *section; /* "": top level */
    const char *name;
    enum jd_setting_kind kind;
    size_t offset; /* in struct jd_settings */
    int64_t min,
        max; /* COUNT, SIZE, DURATION: in ms and bytes; CHOICE: min is the first one's number, 0 = 1 */
    /* As one would write it; NULL: none. A topic's default may hold <group> or <name of a topic before>. */
    const char *value;
    bool required;
    const char *const *choices; /* ends with NULL */
    const char *help;           /* sentences, no line breaks */
};

extern const struct jd_setting_row jd_setting_rows[];
extern const uint32_t jd_setting_row_count;

/* The range of a COUNT, SIZE or DURATION as one would write it: "1ms to 10s". */
void jd_setting_print_range(FILE *out, const struct jd_setting_row *row);
/* What is being read: the settings, and what they need while they live. */
enum { JD_SETTING_PROPERTIES_MAX = 512, JD_SETTING_ROWS_MAX = 96, JD_SETTING_SECRETS_MAX = 64 };
struct jd_settings_file {
    struct jd_arena arena;
    struct jd_settings settings;
    struct jd_kafka_setting kafka[JD_SETTING_PROPERTIES_MAX];
    struct jd_place places[JD_SETTING_ROWS_MAX]; /* of each row's value; line 0 and no file: the default */
    struct jd_diagnostics *problems;             /* while loading */
    struct {
        char *bytes;
        size_t size;
    } secrets[JD_SETTING_SECRETS_MAX]; /* to be wiped */
    uint32_t secret_count;
};

/* A value as it was written, in the file, in a variable or in the table. */
struct jd_written {
    struct jd_str text;
    struct jd_place place;
};

/* Takes a value in, through its row (settings_value.c). What is wrong becomes a problem at its place. */
void jd_setting_set(struct jd_settings_file *f, const struct jd_setting_row *row, struct jd_written w);
/* The same for a property of librdkafka. */
void jd_setting_set_property(struct jd_settings_file *f, struct jd_str name, struct jd_written w);
/* The value of a text's row; absent where there is none. */
struct jd_str jd_setting_text(const struct jd_settings_file *f, const struct jd_setting_row *row);
/* A secret is named by a file. */
bool jd_setting_is_secret(struct jd_str name);

#endif
