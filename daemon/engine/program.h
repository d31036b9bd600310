/* A compiled policy: immutable plain data that policy/ builds and the engine reads.
 *
 * Everything lives in one arena owned by the policy; the engine never changes or frees any of it.
 * Times of zones are compiled in, so that deciding needs no file and no clock. */
#ifndef JOURNEYD_ENGINE_PROGRAM_H
#define JOURNEYD_ENGINE_PROGRAM_H

#include "journeyd/effect.h"

/* The business days of a market: all but its weekend and its holidays. At least one weekday is none of the
 * weekend. */
struct jd_workdays {
    uint8_t weekend;         /* bit 0: Monday … bit 6: Sunday */
    const int64_t *holidays; /* local dates, in days since 1970-01-01, ascending */
    uint32_t count;
};
#define JD_WEEKEND_USUAL 0x60 /* Saturday and Sunday */

/* A time zone: offsets[0] holds before at[0], offsets[i] from at[i-1] on. */
struct jd_zone {
    struct jd_str name; /* IANA */
    const jd_time *at;
    const int32_t *offsets; /* seconds east of UTC, count + 1 of them */
    uint32_t count;
    /* Of the market whose touches are reckoned in it; NULL: Monday to Friday. The program's own zones have
     * none: whoever looks at a touch puts the two together. */
    const struct jd_workdays *workdays;
};

/* A window or a limit on time, as written and as meant. Exactly one unit is used. */
enum jd_span_unit { JD_SPAN_MS = 1, JD_SPAN_DAYS_LOCAL, JD_SPAN_MONTHS, JD_SPAN_BUSINESS_DAYS };
struct jd_span {
    enum jd_span_unit unit;
    int64_t amount;     /* ms, whole local dates ({days: n}), civil months (a year is 12), business days */
    int64_t longest;    /* business days: no so many of the policy's calendars take more days than that */
    struct jd_str text; /* as written */
};

/* A field that a selector, same: or different: names: a path into jd_event.
 * JD_TOUCH_FIELDS in engine/fields.h is the closed list; attributes name their key. */
struct jd_field_ref {
    uint16_t field;          /* index in the touch field table, or */
    bool profile;            /* in that of the physician's profile */
    struct jd_str attribute; /* attributes.<key>; else absent */
    /* A declared group of similar values: set index + 1 of each value, or NULL. A value in no set
     * stands for itself. */
    const struct jd_group *group;
};

struct jd_group {
    struct jd_str name;
    const struct jd_str *values; /* sorted by bytes */
    const uint16_t *sets;        /* parallel to values, from 1 */
    uint32_t count;
    const struct jd_str *set_names; /* of set i at i - 1 */
};

enum jd_compare { JD_IN = 1, JD_NOT_IN, JD_LT, JD_LE, JD_GT, JD_GE, JD_EXISTS, JD_ABSENT };

/* One condition of a selector. Operand of the field's kind. */
struct jd_condition {
    struct jd_field_ref ref;
    enum jd_compare op;
    uint64_t enum_set;          /* JD_IN, JD_NOT_IN over ENUM and BOOL: bit v = value v */
    const struct jd_str *texts; /* JD_IN, JD_NOT_IN over STRING, sorted by bytes */
    uint32_t text_count;
    const struct jd_decimal *decimals; /* JD_IN, JD_NOT_IN over DECIMAL and INT */
    uint32_t decimal_count;
    struct jd_decimal decimal; /* comparisons over DECIMAL and INT */
    jd_time time;              /* comparisons over TIME */
};

/* All conditions hold. No condition: everything of the class matches. A selector that does not name
 * `type` means class touch; `classes` has bit c for each class that it can match. An absent field
 * satisfies only JD_ABSENT. */
struct jd_selector {
    const struct jd_condition *conditions;
    uint32_t count;
    uint32_t classes;
};

/* Values, sorted by bytes. */
struct jd_texts {
    const struct jd_str *items;
    uint32_t count;
};

/* A bound on a number: op is JD_LT, JD_LE, JD_GT or JD_GE. */
struct jd_bound {
    enum jd_compare op;
    struct jd_decimal number;
};

/* One line of `severity:`; the first whose conditions all hold decides. */
struct jd_severity_case {
    enum jd_severity severity;
    enum jd_alert_phase phase;       /* NONE: any */
    const struct jd_span *within;    /* NULL: any distance */
    const struct jd_selector *a, *b; /* NULL: any; `of` is a */
    const struct jd_bound *observed; /* all of them hold */
    uint32_t observed_count;
};

/* What a count or a sum is over. */
enum jd_period {
    JD_PERIOD_NONE, /* the window before a touch */
    JD_PERIOD_DAY,  /* calendar, in the zone of each touch */
    JD_PERIOD_WEEK, /* of ISO 8601 */
    JD_PERIOD_MONTH,
    JD_PERIOD_QUARTER,
    JD_PERIOD_YEAR,
    JD_PERIOD_TOUCH,      /* one touch */
    JD_PERIOD_FROM_FIRST, /* as long as the window; it begins with the first touch after the one before */
};

/* What is held against the limit. */
enum jd_measure {
    JD_MEASURE_COUNT,
    JD_MEASURE_DISTINCT, /* values of `measured` */
    JD_MEASURE_WEIGHTS,  /* by the value of `measured` */
    JD_MEASURE_AMOUNT,   /* in the rule's currency */
    JD_MEASURE_QUANTITY,
};

/* `weights:` the weight of each listed value, and of all others. */
struct jd_weights {
    const struct jd_str *values; /* sorted by bytes */
    const struct jd_decimal *weights;
    uint32_t count;
    struct jd_decimal otherwise;
};

/* A line of limits.csv, of one rule: for these values in [from, until). */
struct jd_limit_row {
    const struct jd_str *values; /* parallel to `by`, as jd_field_text has them */
    jd_time from, until;         /* until JD_TIME_NONE: open end */
    struct jd_decimal limit;     /* of limit: or at_least: */
    struct jd_span within;       /* of within: or window: */
};

/* What a rule takes from limits.csv. Where no line holds it takes no part. */
struct jd_limits {
    bool limit, within; /* which of the two */
    const struct jd_field_ref *by;
    uint32_t by_count;
    const struct jd_limit_row *rows; /* sorted by values, then from; those of the same values are disjoint */
    uint32_t count;
};

/* What coverage asks for. */
enum { JD_GOAL_MAX = 1000000, JD_SHARE_SCALE_MAX = 6 };
struct jd_coverage {
    struct jd_selector who;          /* over the profile */
    const struct jd_texts *expected; /* of each field of `same:`, the values that `of:` lists */
    struct jd_decimal on_track; /* share of a straight path, in (0, 1], its scale at most JD_SHARE_SCALE_MAX;
                                   scale JD_DECIMAL_NONE: at the end only */
};

/* What rules may look at as one besides a physician: an account, an actor, or a key that the policy declares. Its
 * state is "<name>:<id>", in the shard of the bare id. */
struct jd_scope_key {
    enum jd_scope scope;     /* ACCOUNT, ACTOR or DECLARED */
    struct jd_str name;      /* account, actor, or as declared */
    uint8_t audiences;       /* bits of enum jd_audience: who may know it */
    struct jd_field_ref ref; /* DECLARED: the field of the touch; text */
    bool of_profile;         /* DECLARED: instead a text of the physician's profile: */
    uint32_t place;          /* of the jd_str in jd_hcp_profile, where no attribute is named */
    struct jd_str attribute; /* of the profile; may be absent */
};

struct jd_rule;

enum { JD_COUNTED_A = 1, JD_COUNTED_B = 2 };

/* What a kind of conflict is made of: one row in engine/conflicts/conflicts.c. */
struct jd_conflict_kind;

struct jd_rule {
    struct jd_str id;
    int64_t version;
    int64_t digest;   /* of all that it was compiled from, not 0: equal digests, equal rules */
    int64_t text;     /* the same without what it reads of tables */
    int64_t reach_ms; /* how far before a touch it reads */
    const struct jd_conflict_kind *kind;
    enum jd_mode mode;
    enum jd_scope scope;
    const struct jd_scope_key *key; /* NULL: scope hcp */
    struct jd_selector a, b, c;     /* of: is a, without: and until: are c */
    struct jd_span within; /* window: and max_open: too; of a calendar period its name alone; of a table
                                   the longest of its lines */
    const struct jd_limits *limits; /* NULL: nothing comes from a table */
    struct jd_span resolve_within, plus;
    bool inclusive; /* absence: b at the same instant answers */
    bool linked;    /* b belongs to the a that its responds_to names, and to no other */
    enum jd_period period;
    enum jd_measure measure;
    bool each; /* every touch of a calendar period over the limit is an instance */
    struct jd_decimal limit;
    bool at_least;      /* the limit itself raises */
    struct jd_str over; /* the rule whose alerts it counts; absent: touches. Its selectors ask for them */
    int64_t over_ms;    /* how long after a time of these an alert may still come or go */
    uint8_t over_side;  /* JD_COUNTED_A or _B: with whose fields */
    uint8_t counted;    /* JD_COUNTED_A, _B: by which of their members other rules count its alerts */
    bool logged;        /* axis: recorded_at: touches lie at the time at which they were recorded */
    struct jd_field_ref measured;
    struct jd_weights weights;
    struct jd_str currency;
    const struct jd_coverage *coverage; /* NULL: of other kinds */
    const int64_t *durations;           /* overlap: ms by channel, where a touch has no end */
    const struct jd_predicate *require; /* eligibility */
    enum jd_fact subject;               /* a rule on facts; NONE: on touches. Its lead is `within` */
    const struct jd_field_ref *same;
    uint32_t same_count;
    const struct jd_field_ref *different;
    uint32_t different_count;
    bool different_any;               /* different: {any: […]}: one is enough */
    const struct jd_selector *unless; /* a touch that matches one is left out */
    uint32_t unless_count;
    bool unless_joint;            /* a pair in which one names the other's actor is left out */
    jd_time valid_from, valid_to; /* inclusive, exclusive; JD_TIME_NONE: open */
    jd_time complete_from; /* of a fold: before it, touches that the rule reads may be gone; JD_TIME_NONE */
    bool pending;          /* of a fold: not all states have been evaluated under it yet */
    bool rewritten;        /* of a fold: pending, and not because of tables alone */
    const struct jd_severity_case *severities; /* the last one holds always */
    uint32_t severity_count;
    struct jd_str citation, jurisdiction, remedy, assignee; /* each may be absent */
    enum jd_function
        owner; /* alerts are for the physician's owner; NONE, or he is not known: for `assignee` */
    /* The rule as some markets have it. Which touches it is about is the same in all of its versions: kind,
     * selectors, what they share, validity. */
    const struct jd_rule *versions;
    uint32_t version_count;
    const struct jd_rule *central; /* of a version: the rule that it is one of; else NULL */
    const struct jd_str *markets;  /* of a version, and of a rule that a market added: whose it is, sorted */
    uint32_t market_count;
};

/* A content item: approved for a channel in [from, until). */
struct jd_content {
    struct jd_str id;
    uint8_t channel;       /* enum jd_channel; NONE: any */
    struct jd_str product; /* absent: any */
    uint8_t function;      /* enum jd_function that may use it; NONE: any */
    jd_time from, until;
};

/* What one line of actors.csv, accounts.csv or products.csv says of an id in [from, until). */
struct jd_table_line {
    struct jd_str id;
    jd_time from, until;          /* until JD_TIME_NONE: open end */
    const struct jd_texts *cells; /* by column; none in a cell: it says nothing */
};
struct jd_table {
    const struct jd_str *columns;
    uint32_t column_count;
    const struct jd_table_line *lines; /* sorted by id, then from; those of one id are disjoint */
    uint32_t count;
};
enum jd_table_name { JD_TABLE_ACTORS, JD_TABLE_ACCOUNTS, JD_TABLE_PRODUCTS, JD_TABLE_END_ };

/* Hours of some days of the week: ms of the local day, [from, until); until <= from: past midnight. */
struct jd_hours {
    int64_t from_ms, until_ms;
    uint8_t days; /* bit 0 Monday .. bit 6 Sunday, of the local date */
};

/* What consent a channel needs. */
struct jd_consent_policy {
    bool double_opt_in;          /* consent counts from its confirmation */
    bool opt_in_default;         /* markets not named below: no record = not allowed */
    const struct jd_str *opt_in; /* countries where no record = not allowed, sorted */
    uint32_t opt_in_count;
    const struct jd_str *opt_out; /* countries where no record = allowed, sorted */
    uint32_t opt_out_count;
};

/* After so many suggestions were ignored within a time, each in (t - within, t], the channel rests from t on. */
struct jd_fatigue {
    int64_t ignored; /* 0: it never does */
    int64_t within_ms, hold_ms;
};

/* One line of channels.yaml that may be proposed: in this order they are. */
struct jd_channel_policy {
    enum jd_channel channel;
    bool needs_content; /* only with an approved content item */
    struct jd_fatigue fatigue;
};

/* A field of the physician's profile that `require:` names. */
enum jd_profile_field {
    JD_PROFILE_TIER = 1,
    JD_PROFILE_SPECIALTY,
    JD_PROFILE_COUNTRY,
    JD_PROFILE_SEGMENTS,
    JD_PROFILE_AFFILIATIONS, /* accounts, at the time of the touch */
    JD_PROFILE_ATTRIBUTE,
    JD_PROFILE_END_
};

enum jd_ask {
    JD_ASK_ALL = 1, /* every part holds */
    JD_ASK_MAP,     /* the same of one touch, as far as parts are about touches themselves */
    JD_ASK_ANY,     /* one of them */
    JD_ASK_NOT,     /* its only part does not */
    JD_ASK_TOUCH,   /* the condition, over the touch */
    JD_ASK_PROFILE, /* the condition, over a profile field: its ref.field is one */
    JD_ASK_FACT,    /* what `fact` comes to is among `standings` */
    JD_ASK_TABLE, /* the condition, over `column` of `table`, in the line of the touch's actor, account or product */
    JD_ASK_AMONG, /* a value of the field, of the touch or (condition.ref.profile) of the profile, is in that cell */
    JD_ASK_LOCAL_TIME,
};

/* What `require:` asks of a touch, of facts as of its time. */
struct jd_predicate {
    enum jd_ask ask;
    const struct jd_predicate *parts; /* ALL, ANY, NOT */
    uint32_t part_count;
    struct jd_condition condition;
    enum jd_fact fact;
    uint64_t standings; /* bit s: enum jd_standing s is right (engine/facts.h) */
    enum jd_table_name table;
    uint16_t column;
    struct jd_hours hours; /* LOCAL_TIME, in the physician's zone */
};

/* What a line of a table of the policy says of a fact: of blackouts.csv and quiet_hours.csv, of a market; of
 * alignment.csv, of a physician or of an account. */
struct jd_fact_line {
    enum jd_scope scope; /* NONE: `key` is a market, absent: everywhere; else HCP or ACCOUNT */
    struct jd_str key;
    struct jd_hours hours; /* of quiet_hours.csv: when it holds */
    const struct jd_fact_record *record;
};
struct jd_fact_lines {
    const struct jd_fact_line *items; /* sorted by scope, then key, then as they stand in the file */
    uint32_t count;
};

struct jd_market {
    struct jd_str country; /* ISO 3166 alpha-2 */
    const struct jd_zone *zone;
    struct jd_workdays workdays;
};

/* A market in which plans lapse earlier than elsewhere. */
struct jd_market_grace {
    struct jd_str market;
    int64_t planned_grace_ms; /* not more than the program's */
};

struct jd_program {
    struct jd_str name;
    struct jd_str hash; /* SHA-256 of the bundle, 64 hex digits */
    int64_t allowed_lateness_ms, max_ahead_ms, future_grace_ms, planned_grace_ms, joint_within_ms;
    int64_t window_ms; /* the longest sum of windows along a chain of rules; a civil window counts whole */
    const struct jd_zone *zones; /* sorted by name; zones[utc] is UTC */
    uint32_t zone_count;
    const struct jd_zone *default_zone;
    const struct jd_market *markets; /* sorted by country */
    uint32_t market_count;
    const struct jd_market_grace *graces;
    uint32_t grace_count;
    bool workdays;               /* a rule reckons in business days */
    bool profiles;               /* a rule reads profiles, beyond their zone and country */
    const struct jd_rule *rules; /* sorted by id */
    uint32_t rule_count;
    const struct jd_scope_key *keys; /* that rules have for scope; sorted by name */
    uint32_t key_count;
    const struct jd_channel_policy *channels;
    uint32_t channel_count;
    const struct jd_consent_policy *const *consents; /* by channel, each may be NULL: strict; NULL: none */
    int64_t channels_digest;                         /* of all that triggers follow from, but the rules */
    int64_t trigger_valid_ms;          /* expires_at = min(not_before + this, time of the planned touch) */
    const struct jd_content *contents; /* sorted by id, then channel */
    uint32_t content_count;
    struct jd_table tables[JD_TABLE_END_];
    struct jd_fact_lines facts[JD_FACT_END_]; /* of tables, by fact */
};

#endif
