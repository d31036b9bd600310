/* The field table: one description of a record drives everything that reads or writes it.
 *
 * A `jd_record` lists the fields of one record of schemas/ in schema order, with their place in a C
 * struct. From it work: the bounded JSON reader and writer, the bounded Avro reader (through a
 * program compiled for the writer's schema) and writer, the content digest, the selectors of rules,
 * and a test that holds each table against its .avsc. Whoever adds a field adds a row here, a member
 * in the struct and a field in the .avsc; nothing else.
 *
 *   kind        C member            absent             Avro                         JSON
 *   STRING      struct jd_str       ptr == NULL        string                       string
 *   ENUM        uint8_t             0                  enum                         string
 *   TIME        jd_time             JD_TIME_NONE       long, timestamp-millis       RFC 3339 string
 *   INT         int64_t             JD_INT_NONE        long                         integer
 *   BOOL        uint8_t jd_truth    JD_TRUTH_NONE      boolean                      true | false
 *   DECIMAL     struct jd_decimal   JD_DECIMAL_NONE    string of decimal text       number or string
 *   DOUBLE      double              (never absent)     double                       number
 *   RECORD      the struct itself   its first field    record                       object
 *                                   absent
 *   LIST        struct jd_list      count == 0         array (never null)           array
 *   MAP         struct jd_list      count == 0         map of string (never null)   object of strings
 *   VARIANT     struct jd_variant   branch == 0        union of null and records    {"<Record>": {…}}
 *
 * Except LIST, MAP and DOUBLE, a field without JD_REQUIRED is a union ["null", T] with default null
 * in the schema. The first field of a record used as RECORD is required. LIST items are strings
 * (record == NULL, items are struct jd_str) or records. */
#ifndef JOURNEYD_RECORD_H
#define JOURNEYD_RECORD_H

#include "journeyd/types.h"

enum jd_kind {
    JD_STRING = 1,
    JD_ENUM,
    JD_TIME,
    JD_INT,
    JD_BOOL,
    JD_DECIMAL,
    JD_DOUBLE,
    JD_RECORD,
    JD_LIST,
    JD_MAP,
    JD_VARIANT,
};

enum jd_field_flags {
    JD_REQUIRED = 1u << 0, /* must be present */
    JD_SPREAD = 1u << 1,   /* RECORD: its fields lie in the struct around it; absent when all of them are */
    JD_UUID = 1u << 2,     /* optional STRING: one that is a UUID in lower case is 16 bytes in Avro */
};

/* Texts of a closed list; value v has texts[v]; texts[0] is NULL (absent), as is the one after the last;
 * count excludes both. */
struct jd_symbols {
    const char *name; /* the Avro enum's name */
    const char *const *texts;
    uint32_t count;
};

struct jd_record;

struct jd_field {
    const char *name;
    enum jd_kind kind;
    uint32_t flags;                   /* enum jd_field_flags */
    uint32_t offset;                  /* bytes from the start of the struct */
    uint32_t max;                     /* STRING: bytes; LIST, MAP: items; 0 = JD_STRING_MAX, JD_LIST_MAX */
    const struct jd_symbols *symbols; /* ENUM */
    const struct jd_record *record;   /* RECORD; LIST of records */
    const struct jd_record *const *branches; /* VARIANT: NULL-terminated; branch b is branches[b-1] */
    uint32_t name_size;                      /* of name, without its NUL */
};

struct jd_record {
    const char *name; /* the Avro record's name */
    const struct jd_field *fields;
    uint32_t count;
    uint32_t size; /* of the C struct */
};

/* One of several records, kept as the Avro bytes of `branches[branch - 1]`. */
struct jd_variant {
    uint32_t branch; /* 0 = absent */
    struct jd_str body;
};

/* Limits on what comes from outside. Ids and codes are short; nothing here carries free text. */
#define JD_STRING_MAX 256u /* bytes, unless the field says otherwise */
#define JD_LIST_MAX 64u    /* items, unless the field says otherwise */

#endif
