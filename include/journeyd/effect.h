/* What goes out: alerts, triggers and decision records. Meaning of each field: the .avsc files of schemas/.
 */
#ifndef JOURNEYD_EFFECT_H
#define JOURNEYD_EFFECT_H

#include "journeyd/event.h"

#define JD_STATUS_MAP(X) X(OPEN, "open") X(RESOLVED, "resolved") X(RETRACTED, "retracted")
#define JD_CAUSE_MAP(X)                                                                                      \
    X(CANCELLED, "cancelled")                                                                                \
    X(RESCHEDULED, "rescheduled")                                                                            \
    X(CORRECTED, "corrected") X(LAPSED, "lapsed") X(POLICY, "policy") X(FORGOTTEN, "forgotten")
#define JD_ALERT_PHASE_MAP(X) X(PREVENTABLE, "preventable") X(INCIDENT, "incident")
#define JD_SEVERITY_MAP(X)                                                                                   \
    X(INFO, "info") X(LOW, "low") X(MEDIUM, "medium") X(HIGH, "high") X(CRITICAL, "critical")
#define JD_MODE_MAP(X) X(SHADOW, "shadow") X(ALERT, "alert") X(BLOCK, "block")
/* Who is told of an alert beside compliance. Numbers are bits. */
#define JD_AUDIENCE_MAP(X) X(COMMERCIAL, "commercial") X(MEDICAL, "medical") X(BOTH, "both")
#define JD_SCOPE_MAP(X) X(HCP, "hcp") X(ACCOUNT, "account") X(ACTOR, "actor") X(DECLARED, "declared")
#define JD_UNIT_MAP(X)                                                                                       \
    X(MS, "ms") X(DAYS, "days") X(TOUCHES, "touches") X(AMOUNT, "amount") X(QUANTITY, "quantity")
#define JD_TRIGGER_STATUS_MAP(X)                                                                             \
    X(ISSUED, "issued") X(SUPERSEDED, "superseded") X(WITHDRAWN, "withdrawn") X(EXPIRED, "expired")
/* Why a channel was not chosen, or why nothing was. Closed list; schemas/README.md documents each. */
#define JD_REJECTION_MAP(X)                                                                                  \
    X(SAME_CHANNEL, "same_channel")                                                                          \
    X(NO_CONSENT, "no_consent")                                                                              \
    X(CONSENT_DENIED, "consent_denied")                                                                      \
    X(CONSENT_REVOKED, "consent_revoked")                                                                    \
    X(CONSENT_EXPIRED, "consent_expired")                                                                    \
    X(CONSENT_UNCONFIRMED, "consent_unconfirmed")                                                            \
    X(NO_SEE, "no_see")                                                                                      \
    X(APPOINTMENT_ONLY, "appointment_only")                                                                  \
    X(NO_CONTACT, "no_contact")                                                                              \
    X(NO_APPROVED_CONTENT, "no_approved_content")                                                            \
    X(BLOCKING_RULE, "blocking_rule") X(LOWER_RANKED, "lower_ranked") X(FATIGUE, "fatigue")
/* Why a trigger was suggested, or why it changed. Closed list. */
#define JD_REASON_MAP(X)                                                                                     \
    X(COLLEAGUE_CONTACT_PLANNED, "colleague_contact_planned")                                                \
    X(COLLEAGUE_CONTACT_DONE, "colleague_contact_done")                                                      \
    X(CONFLICT_RETRACTED, "conflict_retracted")                                                              \
    X(CONFLICT_HAPPENED, "conflict_happened")                                                                \
    X(GROUND_CHANGED, "ground_changed") X(NO_CHANNEL_LEFT, "no_channel_left") X(TIME_PASSED, "time_passed")

#define JD_X_STATUS(n, t) JD_STATUS_##n,
enum jd_alert_status { JD_STATUS_NONE, JD_STATUS_MAP(JD_X_STATUS) JD_STATUS_END_ };
#define JD_X_CAUSE(n, t) JD_CAUSE_##n,
enum jd_cause { JD_CAUSE_NONE, JD_CAUSE_MAP(JD_X_CAUSE) JD_CAUSE_END_ };
#define JD_X_ALERT_PHASE(n, t) JD_ALERT_PHASE_##n,
enum jd_alert_phase { JD_ALERT_PHASE_NONE, JD_ALERT_PHASE_MAP(JD_X_ALERT_PHASE) JD_ALERT_PHASE_END_ };
#define JD_X_SEVERITY(n, t) JD_SEVERITY_##n,
enum jd_severity { JD_SEVERITY_NONE, JD_SEVERITY_MAP(JD_X_SEVERITY) JD_SEVERITY_END_ };
#define JD_X_MODE(n, t) JD_MODE_##n,
enum jd_mode { JD_MODE_NONE, JD_MODE_MAP(JD_X_MODE) JD_MODE_END_ };
#define JD_X_AUDIENCE(n, t) JD_AUDIENCE_##n,
enum jd_audience { JD_AUDIENCE_NONE, JD_AUDIENCE_MAP(JD_X_AUDIENCE) JD_AUDIENCE_END_ };
#define JD_X_SCOPE(n, t) JD_SCOPE_##n,
enum jd_scope { JD_SCOPE_NONE, JD_SCOPE_MAP(JD_X_SCOPE) JD_SCOPE_END_ };
#define JD_X_UNIT(n, t) JD_UNIT_##n,
enum jd_unit { JD_UNIT_NONE, JD_UNIT_MAP(JD_X_UNIT) JD_UNIT_END_ };
#define JD_X_TRIGGER_STATUS(n, t) JD_TRIGGER_##n,
enum jd_trigger_status { JD_TRIGGER_NONE, JD_TRIGGER_STATUS_MAP(JD_X_TRIGGER_STATUS) JD_TRIGGER_END_ };
#define JD_X_REJECTION(n, t) JD_REJECTION_##n,
enum jd_rejection_code { JD_REJECTION_NONE, JD_REJECTION_MAP(JD_X_REJECTION) JD_REJECTION_END_ };
#define JD_X_REASON(n, t) JD_REASON_##n,
enum jd_reason_code { JD_REASON_NONE, JD_REASON_MAP(JD_X_REASON) JD_REASON_END_ };

/* What a rule read beside touches: a fact as of the touch's time and the record that decided, a field of the
 * profile, a line of a table, the local time. */
struct jd_fact_read {
    struct jd_str name;    /* as the policy has it: consent, profile.specialty, … */
    struct jd_str value;   /* what it came to */
    uint8_t channel;       /* enum jd_channel; of the record, as the rest */
    struct jd_str product; /* absent: all products together */
    struct jd_str about;   /* of a licence its jurisdiction, of an alignment the actor */
    jd_time from, until, confirmed_at;
    struct jd_str source, id; /* of the event that says so; absent: the profile or the policy does */
    struct jd_str proof;
};

/* What somebody said of an alert, while it is valid (engine/notes.h). */
struct jd_note {
    struct jd_str actor_id;
    uint8_t reason; /* enum jd_outcome_reason */
    jd_time from, until;
    struct jd_str source, id; /* of the event that says so */
};

/* A conflict alert: an upsert by alert_id, the greatest revision wins. */
struct jd_alert {
    struct jd_str alert_id; /* 32 hex digits */
    int64_t revision;       /* 1, 2, 3 … without gaps */
    struct jd_str rule;
    int64_t rule_version;
    uint8_t scope;           /* enum jd_scope */
    struct jd_str key;       /* bare id */
    struct jd_list instance; /* of struct jd_str */
    uint8_t status;          /* enum jd_alert_status */
    uint8_t cause;           /* enum jd_cause; of a retraction */
    uint8_t phase;           /* enum jd_alert_phase */
    uint8_t final;           /* enum jd_truth: nothing can change it any more */
    uint8_t severity;        /* enum jd_severity */
    uint8_t mode;            /* enum jd_mode */
    struct jd_str hcp_id, account_id;
    struct jd_list evidence;       /* of struct jd_event, in time order (ties: engagement id) */
    int64_t evidence_count;        /* before any cut */
    struct jd_str evidence_sha256; /* of the whole evidence, only where it was cut to fit */
    struct jd_str window;          /* as the policy wrote it */
    struct jd_decimal observed, limit;
    uint8_t unit; /* enum jd_unit, of observed and limit */
    jd_time opened_at;
    struct jd_str remedy, assignee, citation, jurisdiction;
    struct jd_str policy;   /* hash, 64 hex digits */
    int64_t other_currency; /* of a budget: touches that were left out because of their currency */
    struct jd_list facts;   /* of struct jd_fact_read */
    jd_time complete_from;  /* it lies before: touches that the rule reads may not have been held any more */
    uint8_t audience;       /* enum jd_audience: who else is told */
    struct jd_note acknowledged, overridden; /* actor_id absent: it is not */
    uint8_t assignee_function; /* enum jd_function: the assignee is its owner of the physician */
    struct jd_str episode;     /* 32 hex digits; not of what is held */
};

/* A reason that a person reads: code, parameters, and a sentence made from them. */
struct jd_reason {
    uint8_t code;              /* enum jd_reason_code */
    struct jd_list parameters; /* map */
    struct jd_str sentence;
};

struct jd_rejection {
    uint8_t channel; /* enum jd_channel */
    uint8_t reason;  /* enum jd_rejection_code */
};

/* A suggestion to one owner, projected to what the owner's function may see. */
struct jd_trigger {
    struct jd_str trigger_id; /* 32 hex digits */
    int64_t revision;
    struct jd_str decision_id, hcp_id;
    struct jd_str journey, step; /* absent: caused by a conflict */
    struct jd_str replaces;      /* engagement id of the owner's planned touch that it replaces */
    uint8_t channel;             /* enum jd_channel */
    uint8_t role;                /* enum jd_role */
    struct jd_str assignee;      /* actor id */
    struct jd_str content_id;
    jd_time not_before, expires_at;
    struct jd_list reasons;  /* of struct jd_reason */
    struct jd_list rejected; /* of struct jd_rejection */
    double propensity;
    struct jd_str arm;
    uint8_t status; /* enum jd_trigger_status */
    struct jd_str policy;
};

/* One candidate of a decision: which gates it failed, what it scored. */
struct jd_candidate {
    uint8_t channel; /* enum jd_channel */
    struct jd_str content_id;
    struct jd_list
        rejections;    /* of struct jd_gate_result; empty: chosen; LOWER_RANKED alone: passed every gate */
    double score;      /* list order: number of channels - position */
    double propensity; /* with which it was chosen */
};

struct jd_gate_result {
    uint8_t reason;       /* enum jd_rejection_code */
    struct jd_str rule;   /* of BLOCKING_RULE */
    struct jd_str detail; /* fact or content interval that decided; no medical content */
};

/* A decision: every candidate, also when the answer was "nothing". */
struct jd_decision {
    struct jd_str decision_id; /* 32 hex digits */
    struct jd_str hcp_id;
    struct jd_str alert_id; /* the conflict that asked */
    int64_t attempt;
    struct jd_str actor_id;
    uint8_t role;     /* enum jd_role */
    jd_time at;       /* when it was decided */
    jd_time for_time; /* the time of the touch that it replaces */
    struct jd_list candidates;
    uint8_t channel; /* enum jd_channel; absent: nothing */
    double propensity;
    struct jd_str arm;
    struct jd_str trigger_id; /* absent: nothing was issued */
    struct jd_str policy;
};

#endif
