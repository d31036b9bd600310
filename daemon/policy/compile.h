/* What the compiler's files share: the program being built, tables of keys, and readers of values.
 *
 * A map is read through a table of its keys. From the table come unknown keys and their nearest names,
 * missing ones, those of later versions, and the reference. A reader that finds a value wrong reports it
 * and leaves the target as it was; compiling goes on, and the policy is refused at the end. */
#ifndef JOURNEYD_POLICY_COMPILE_H
#define JOURNEYD_POLICY_COMPILE_H

#include "engine/program.h"
#include "policy/bundle.h"
#include "policy/yaml.h"

/* A declared group of similar values, and the field that it is over. */
struct jd_named_group {
    struct jd_group group;
    struct jd_field_ref ref; /* with `group` set */
    struct jd_place place;
    bool used; /* some rule names it */
};

struct jd_pack;
struct jd_compiled_rule;
struct jd_market_file;
struct jd_limit_table; /* limits.csv, policy/limits.c */

struct jd_compile {
    struct jd_arena *arena;
    struct jd_diagnostics *problems;
    struct jd_bundle *bundle; /* zones that are read from the system are added */
    bool system_zones;        /* a zone that the bundle lacks may come from the system */
    struct jd_program *program;
    int64_t ground;                /* digest of all files that any rule may depend on */
    struct jd_named_group *groups; /* of policy.yaml, as written */
    uint32_t group_count;
    struct jd_limit_table *limits; /* NULL: the policy has none */
    struct jd_market *markets;     /* of the program; calendars.csv adds to them */
    int64_t *longest;          /* by a number of business days: jd_workdays_longest + 1; 0: not asked yet */
    struct jd_scope_key *keys; /* that rules may have for scope: account, actor, those of policy.yaml */
    uint32_t key_count;
    struct jd_zone **zones; /* as read; sorted into the program at the end */
    uint32_t zone_count, zone_capacity;
    struct jd_pack *packs; /* of policy.yaml: groups of countries that have a file of their own */
    uint32_t pack_count;
    const struct jd_node *policy;   /* policy.yaml, or NULL */
    struct jd_market_grace *graces; /* of markets/ */
    uint32_t grace_count, grace_capacity;
    struct jd_compiled_rule *rules; /* rules.h; as read, of all files */
    uint32_t rule_count, rule_capacity;
};

struct jd_key;
typedef void jd_read_value(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                           void *out);

struct jd_key {
    const char *name;
    jd_read_value *read; /* NULL: of a later version */
    size_t offset;       /* in the target */
    bool required;
    int64_t min, max;   /* of numbers and durations */
    uint32_t parameter; /* of rules: the bit that a kind's row has for it; 0: every kind takes it */
};

/* Which of the keys with a `parameter` the map may and must have, and who says so. */
struct jd_taken {
    uint32_t allowed, required;
    const char *by; /* "kind proximity" */
    /* May give the problem added last a hint: who takes a parameter that this one does not. */
    void (*hint)(struct jd_compile *c, uint32_t parameter);
};

/* Reads the map through `keys` (ends with a NULL name) into `out`. `what` names it in problems: "a rule".
 * `taken` may be NULL. False when `node` is no map; what is wrong inside is reported only. */
bool jd_read_map(struct jd_compile *c, const struct jd_node *node, const char *what,
                 const struct jd_key *keys, const struct jd_taken *taken, void *out);

/* The tables, each in the file of its part; each ends with a NULL name. */
extern const struct jd_key jd_policy_keys[], jd_market_keys[], jd_group_keys[]; /* policy.c */
extern const struct jd_key jd_audiences_keys[];                                 /* audiences.c */
extern const struct jd_key jd_rule_keys[], jd_severity_keys[], jd_when_keys[], jd_over_keys[], /* over.c */
    jd_assignee_keys[];                                                                        /* rules.c */
extern const struct jd_key jd_fatigue_keys[];     /* channels.c */
extern const struct jd_key jd_weights_keys[];     /* parameters.c */
extern const struct jd_key jd_market_file_keys[]; /* markets.c */
extern const struct jd_key jd_channels_keys[], jd_channel_keys[], jd_consent_keys[], jd_trigger_keys[];

/* Errors at a node; `expected` completes "expected …, found …". */
void jd_expected(struct jd_compile *c, const struct jd_node *node, const char *name, const char *expected);
void jd_error_at(struct jd_compile *c, struct jd_place place, const char *format, ...) JD_PRINTF(3, 4);
/* Whether a list or a map has more than `max` members; then that is reported: "zones: more than 600 zones". */
bool jd_too_many(struct jd_compile *c, const struct jd_node *node, const char *name, uint32_t max,
                 const char *what);
void jd_warn_at(struct jd_compile *c, struct jd_place place, const char *format, ...) JD_PRINTF(3, 4);

/* Gives the problem added last a hint with the nearest value of a closed list, or with all of them. */
void jd_suggest_symbol(struct jd_compile *c, struct jd_str written, const struct jd_symbols *symbols);

/* A group of countries, such as EU. */
struct jd_pack {
    struct jd_str name;
    struct jd_texts countries;
    struct jd_place place;
    bool named; /* a table has a line for it */
};

/* Readers; the target's type in brackets. */
jd_read_value jd_read_text;     /* [jd_str] one line, 1..1024 bytes */
jd_read_value jd_read_name;     /* [jd_str] letters, digits, . _ -, at most 128 */
jd_read_value jd_read_integer;  /* [int64_t] min..max */
jd_read_value jd_read_truth;    /* [bool] */
jd_read_value jd_read_duration; /* [int64_t ms] min..max; a month counts 31 days, a year 366 */
jd_read_value jd_read_span;     /* [jd_span] 0 .. 100 years */
jd_read_value jd_read_time;     /* [jd_time] RFC 3339, or a date: 00:00 in the policy's zone */
jd_read_value jd_read_country;  /* [jd_str] two capital letters */
jd_read_value jd_read_zone;     /* [const struct jd_zone *] */

/* A date or time as texts have it; the date's zone is the policy's. */
JD_MUST_CHECK bool jd_span_of_text(struct jd_compile *c, struct jd_str text, struct jd_span *out);
JD_MUST_CHECK bool jd_date_of_text(struct jd_str text, int64_t *day); /* days since 1970-01-01 */
JD_MUST_CHECK bool jd_time_of_text(const struct jd_compile *c, struct jd_str text, jd_time *out);
/* The zone of that name, read if need be; NULL: `*why` says what is wrong. */
const struct jd_zone *jd_compile_zone(struct jd_compile *c, struct jd_str name, const char **why);

/* `check` is a reader of one. */
void jd_read_texts(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                   jd_read_value *check, struct jd_texts *out);

/* Sorts in place and drops doubles; returns how many are left. */
uint32_t jd_sort_texts(struct jd_str *items, uint32_t count);

/* What rules may have for scope besides hcp; `keys:` of policy.yaml. */
void jd_compile_keys(struct jd_compile *c, const struct jd_node *node); /* NULL: none are declared */
/* Who may know them; NULL: as usual. After the keys. */
void jd_compile_audiences(struct jd_compile *c, const struct jd_node *node);
void jd_check_audiences(struct jd_compile *c); /* with what rules are about, when all are read */
/* Parts of the policy, each in its file. */
void jd_compile_policy(struct jd_compile *c, const struct jd_node *root); /* policy.yaml */
/* conflicts.yaml (market NULL), or what a market adds. */
void jd_compile_rules(struct jd_compile *c, const struct jd_node *list, const struct jd_market_file *market);
/* The name in markets/<NAME>.yaml; absent: the file is none of a market. */
struct jd_str jd_market_name(struct jd_str file);
void jd_compile_markets(struct jd_compile *c); /* markets/<NAME>.yaml: packs, then countries */
/* warnings.c: what is surely not meant, over all rules, which have no errors. */
void jd_warn_of_rules(struct jd_compile *c);
void jd_settle_rules(struct jd_compile *c); /* into the program, when all are read */
void jd_compile_channels(struct jd_compile *c, const struct jd_node *root); /* channels.yaml */
typedef void jd_compile_file(struct jd_compile *c, const struct jd_bundle_file *file);
jd_compile_file jd_compile_contents;                                                /* content.csv */
jd_compile_file jd_compile_blackouts, jd_compile_quiet_hours, jd_compile_alignment; /* fact_tables.c */
jd_compile_file jd_compile_actors, jd_compile_accounts, jd_compile_products;        /* tables.c */

/* Conditions on one field of `member`, appended; what is wrong is reported. */
struct jd_touch_field;
struct jd_conditions {
    struct jd_condition *items;
    uint32_t count;
};
struct jd_conditions jd_conditions_begin(struct jd_compile *c);
void jd_read_conditions(struct jd_compile *c, const struct jd_member *member,
                        const struct jd_touch_field *field, struct jd_field_ref ref,
                        struct jd_conditions *out);

/* What a rule requires of a touch (predicates.c). */
jd_read_value jd_read_predicate; /* [const struct jd_predicate *] */
/* Reports what is not known at the states of a key; NULL: the physician's. */
void jd_check_predicate(struct jd_compile *c, const struct jd_node *node, const struct jd_scope_key *key);

/* limits.csv (limits.c): reads it before the rules; after them, reports lines that no rule took. */
void jd_compile_limits(struct jd_compile *c, const struct jd_bundle_file *file);
void jd_finish_limits(struct jd_compile *c);

/* Business days (calendars.c). */
enum { JD_WORKDAYS_MAX = 1000 }; /* of a span */
jd_read_value jd_read_weekend;   /* [uint8_t] days of jd_workdays */
void jd_compile_calendars(struct jd_compile *c, const struct jd_bundle_file *file); /* calendars.csv */
/* How many days so many business days can take, by any market of the program or by none; the program has such
 * spans from now on. */
int64_t jd_workdays_longest(struct jd_compile *c, int64_t count);

/* Hints the nearest field of a touch, or of touch and profile. */
void jd_suggest_field(struct jd_compile *c, struct jd_str written, bool profile);
bool jd_same_field(const struct jd_field_ref *a, const struct jd_field_ref *b); /* its group too */

/* A selector over touches (selectors.c). */
jd_read_value jd_read_selector;         /* [jd_selector] */
jd_read_value jd_read_profile_selector; /* [jd_selector] over fields of the profile */
jd_read_value jd_read_selector_list;    /* [struct jd_unless] one or a list, `joint` among them */
jd_read_value jd_read_same;             /* [struct jd_fields] a field or a list of them */
jd_read_value jd_read_different;        /* [struct jd_fields] the same, or {any: […]} */
struct jd_unless {
    const struct jd_selector *items;
    uint32_t count;
    bool joint;
};
struct jd_fields {
    const struct jd_field_ref *items;
    uint32_t count;
    bool any;
};

/* The field that a policy names; false: reported. */
JD_MUST_CHECK bool jd_read_field(struct jd_compile *c, struct jd_place place, struct jd_str name,
                                 struct jd_field_ref *out);
/* Whether no touch can match both; false also where that is not known. */
bool jd_selectors_disjoint(const struct jd_selector *a, const struct jd_selector *b,
                           const struct jd_field_ref *by);

#endif
