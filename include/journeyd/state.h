/* States as entries, and the journal that changes them.
 *
 * A state is a small set of entries, unique by (kind, id), changed only by *put* and *delete*. The body
 * of an entry is the Avro of the record of its kind: the same bytes in memory, in the journal and in
 * Redis, so that redoing a change is storing bytes. An entry carries at most one timer, `due`: the
 * first millisecond at which the engine wants to look at it again.
 *
 *   kind         id                                       body
 *   ENGAGEMENT   <class>:<engagement key>                 the winning version of one engagement, seen ids
 *   HCP          -                                        the winning profile of the physician
 *   ACCOUNT      -                                        the winning profile of the account
 *   ALERT        <alert id>                               the last revision of an alert that is not final
 *   TRIGGER      <alert id>                               the last decision and trigger for that alert
 *   SHARD        -                                        what belongs to the shard (key "shard")
 *   DEADLINE     <rule>/<class>:<engagement key>          when an instance of a rule is looked at again
 *   PERIOD       hash of rule and values                  up to when the periods of a rule can change no more
 *   RULE         <rule>                                   since when a rule has been live (key "shard")
 *   PROGRAM      -                                        how far the states follow the policy (key "shard")
 *   FINAL        <alert id>                               the mark of an alert that became final a while ago
 *
 * Keys: "hcp:<id>", "account:<id>", "actor:<id>", "<declared key>:<value>", "shard". Under the keys of touches
 * of several physicians an engagement's entry is <class>:<bytes of hcp_id>:<hcp_id><engagement key>; it has seen no
 * other events, and `lapsed` says that it is no touch of the key any more. */
#ifndef JOURNEYD_STATE_H
#define JOURNEYD_STATE_H

#include "journeyd/effect.h"

/* Also the branch numbers of the body in schemas/: never renumber, only append. */
#define JD_ENTRY_MAP(X)                                                                                      \
    X(ENGAGEMENT, "Engagement")                                                                              \
    X(HCP, "HcpEntry")                                                                                       \
    X(ACCOUNT, "AccountEntry")                                                                               \
    X(ALERT, "AlertEntry")                                                                                   \
    X(TRIGGER, "TriggerEntry")                                                                               \
    X(SHARD, "ShardEntry")                                                                                   \
    X(DEADLINE, "DeadlineEntry")                                                                             \
    X(PERIOD, "PeriodEntry") X(RULE, "RuleEntry") X(PROGRAM, "ProgramEntry") X(FINAL, "FinalEntry")
#define JD_X_ENTRY(n, t) JD_ENTRY_##n,
enum jd_entry_kind { JD_ENTRY_NONE, JD_ENTRY_MAP(JD_X_ENTRY) JD_ENTRY_END_ };

/* An event id that was seen, with a digest of its decoded content. */
struct jd_seen {
    struct jd_str source, id;
    int64_t digest; /* XXH64 of the canonical Avro of its Version without source and id */
};

/* Body of ENGAGEMENT. Engagement key: the event's engagement_id, else the JSON text ["source","id"]. */
struct jd_engagement {
    struct jd_event event; /* the winning version; phase CANCELLED: a tombstone. hcp_id absent: the key's */
    uint8_t class;         /* enum jd_class */
    uint8_t lapsed;        /* enum jd_truth: planned, and its time + grace has passed */
    uint8_t
        recorded_late; /* enum jd_truth: by its own time too late; it counts by when it was recorded, for rules
                            * with `axis: recorded_at` alone */
    jd_time applies_from; /* facts: it applies to touches at or after this time */
    jd_time
        keep_until; /* retention: the entry leaves the state after it. Absent: due - 1; no due: it stays */
    int64_t digest; /* of the event, as Seen has it of the others */
    struct jd_list seen; /* of struct jd_seen: the other events, as they came */
};

/* What becomes of a touch under another key than its physician: this version counts; it is no touch of that key
 * any more; its physician's shard keeps it no longer. */
#define JD_TOUCH_OP_MAP(X) X(PUT, "put") X(REMOVE, "remove") X(RELEASE, "release")
#define JD_X_TOUCH_OP(n, t) JD_TOUCH_OP_##n,
enum jd_touch_op { JD_TOUCH_OP_NONE, JD_TOUCH_OP_MAP(JD_X_TOUCH_OP) JD_TOUCH_OP_END_ };

/* A record of <group>.touches: what the shard of an account, an actor or a declared key must know of a touch. */
struct jd_shared_touch {
    uint8_t scope;         /* enum jd_scope */
    struct jd_str name;    /* of a declared key; else absent */
    struct jd_str key;     /* bare id */
    uint8_t op;            /* enum jd_touch_op */
    uint8_t cause;         /* enum jd_cause; of REMOVE */
    uint8_t class;         /* enum jd_class */
    uint8_t recorded_late; /* enum jd_truth */
    jd_time keep_until;    /* of REMOVE: until when it may come back */
    struct jd_event event; /* of REMOVE and RELEASE the version that goes; hcp_id present */
};

/* Body of HCP. A profile that is gone (tombstone) keeps its recorded_at. */
struct jd_hcp_entry {
    jd_time recorded_at;
    struct jd_hcp_profile profile; /* hcp_id absent: tombstone */
};
struct jd_account_entry {
    jd_time recorded_at;
    struct jd_account_profile profile;
};

/* Body of ALERT: struct jd_alert without what follows from the key, from the evidence or from being held:
 * key, hcp_id, evidence_count, evidence_sha256, final, policy, episode, and hcp_id of the evidence where it is the
 * key's. */

/* Body of TRIGGER. */
struct jd_trigger_entry {
    int64_t attempt; /* of the last decision */
    int64_t ground;  /* digest of what the last decision came to: see channels/ */
    struct jd_trigger
        trigger; /* trigger_id absent: the last decision was "nothing". Without hcp_id, reasons, policy */
};

/* Body of DEADLINE: the rule, and the entry of the engagement that bears the instance; empty: the rule looks at
 * the physician, whatever was done. */
struct jd_deadline_entry {
    struct jd_str rule, engagement;
};

/* Body of PERIOD: of the touches of `rule` that share `values`, what begins before `until` is over. */
struct jd_period_entry {
    struct jd_str rule;
    struct jd_list values; /* of struct jd_str */
    jd_time until;
};

/* Body of RULE: a rule that is or was in force. */
struct jd_rule_entry {
    struct jd_str rule;
    jd_time since;         /* it is about nothing earlier, unless it says so itself; JD_TIME_NONE: no limit */
    jd_time complete_from; /* JD_TIME_NONE: always complete; before, touches that it reads may be gone */
    int64_t digest; /* of the rule as all states know it, 0: as none; JD_INT_NONE: that is being changed */
    int64_t text;   /* the same of what is written, tables aside; JD_INT_NONE: not known */
};

/* Body of PROGRAM. */
struct jd_program_entry {
    jd_time held_from;      /* touches before it may be gone; JD_TIME_NONE: none is */
    int64_t channels;       /* digest of what triggers follow from, likewise */
    uint8_t reviewing;      /* enum jd_truth: states are being evaluated again */
    struct jd_str reviewed; /* up to this key, by bytes; absent: none yet */
};

/* Body of FINAL. */
struct jd_final_entry {
    struct jd_str alert_id;
};

/* A position in one input of the shard. `topic` is the role's name in the configuration
 * ("engagement.events", "hcp.profiles", "account.profiles", "touches"). */
struct jd_range {
    struct jd_str topic;
    int64_t next_offset;    /* the next one to read */
    jd_time effective_time; /* running maximum so far; JD_TIME_NONE: nothing read yet */
};

/* Body of SHARD. */
struct jd_shard_entry {
    struct jd_str policy;       /* hash of the policy that decides */
    struct jd_list catching_up; /* of struct jd_range: profiles are read to here before events are */
};

/* One changed entry. */
enum jd_op { JD_PUT = 1, JD_DELETE };
struct jd_change {
    struct jd_str key;
    struct jd_str id; /* may be absent where a body is put that says it: all kinds but TRIGGER and PERIOD */
    uint8_t kind;     /* enum jd_entry_kind */
    jd_time due;      /* JD_TIME_NONE: no timer */
    struct jd_variant body; /* absent: delete; else branch == kind */
};

/* One batch of one shard (or one part of it): everything that recovery needs. */
struct jd_journal {
    struct jd_str lineage; /* 32 hex digits */
    int64_t seq;           /* 1, 2, 3 … */
    int64_t part, of;      /* 1..of */
    struct jd_str engine;  /* version of the program */
    struct jd_str policy;  /* hash; absent: none yet */
    struct jd_str transactional_id;
    struct jd_list ranges; /* of struct jd_range: every input, after the batch */
    int64_t applied, duplicates, filtered, dead_lettered; /* records of this batch */
    int64_t timers;                  /* that fired in this batch; it may end between two of one millisecond */
    jd_time now_before, now_after;   /* the shard's clock */
    jd_time wall;                    /* the wall clock read for the batch; clock: record: JD_TIME_NONE */
    uint8_t ticked;                  /* enum jd_truth: it ended in a tick */
    int64_t effects, effects_digest; /* count; XXH64 chained over topic, key, value of each */
    struct jd_list changes;          /* of struct jd_change */
};

/* The blob of one key in Redis (Avro single-object encoding). Entries are changes without key. */
struct jd_image {
    struct jd_str key;
    struct jd_list entries; /* of struct jd_change, key absent, sorted by (kind, id) */
};

#endif
