/* What comes in: engagement events and profiles, decoded.
 *
 * Structs are plain data in table order; strings point into the arena of the batch. An absent field
 * has the absent value of its kind (journeyd/record.h). Meaning of each field: the .avsc files of schemas/.
 */
#ifndef JOURNEYD_EVENT_H
#define JOURNEYD_EVENT_H

#include "journeyd/record.h"

/* Class of an event type (schemas/types.csv). Only TOUCH creates or replaces a touch. */
#define JD_CLASS_MAP(X)                                                                                      \
    X(TOUCH, "touch")                                                                                        \
    X(REQUEST, "request") X(RESPONSE, "response") X(FACT, "fact") X(FEEDBACK, "feedback") X(ALERT, "alert")
#define JD_PHASE_MAP(X) X(PLANNED, "planned") X(COMPLETED, "completed") X(CANCELLED, "cancelled")
#define JD_CHANNEL_MAP(X)                                                                                    \
    X(IN_PERSON, "in_person")                                                                                \
    X(PHONE, "phone")                                                                                        \
    X(VIDEO, "video")                                                                                        \
    X(EMAIL, "email")                                                                                        \
    X(SMS, "sms")                                                                                            \
    X(CHAT, "chat")                                                                                          \
    X(WEBINAR, "webinar")                                                                                    \
    X(EVENT, "event") X(PORTAL, "portal") X(WEB, "web") X(MAIL, "mail") X(OTHER, "other")
#define JD_ROLE_MAP(X)                                                                                       \
    X(SALES_REP, "sales_rep")                                                                                \
    X(MSL, "msl")                                                                                            \
    X(KEY_ACCOUNT_MANAGER, "key_account_manager")                                                            \
    X(ACCESS, "access")                                                                                      \
    X(HEOR, "heor")                                                                                          \
    X(MARKETING, "marketing")                                                                                \
    X(MEDICAL_INFORMATION, "medical_information")                                                            \
    X(SPEAKER, "speaker") X(SERVICE, "service") X(SYSTEM, "system")
/* What a role works for; jd_role_function() in base/contract.h maps one to the other. */
#define JD_FUNCTION_MAP(X) X(COMMERCIAL, "commercial") X(MEDICAL, "medical") X(OTHER, "other")
#define JD_INITIATOR_MAP(X) X(COMPANY, "company") X(HCP, "hcp")
#define JD_DIRECTION_MAP(X) X(INBOUND, "inbound") X(OUTBOUND, "outbound")
#define JD_OUTCOME_MAP(X)                                                                                    \
    X(DELIVERED, "delivered")                                                                                \
    X(OPENED, "opened")                                                                                      \
    X(CLICKED, "clicked")                                                                                    \
    X(BOUNCED, "bounced")                                                                                    \
    X(UNSUBSCRIBED, "unsubscribed")                                                                          \
    X(REGISTERED, "registered")                                                                              \
    X(ATTENDED, "attended")                                                                                  \
    X(NO_SHOW, "no_show")                                                                                    \
    X(ACCEPTED, "accepted") X(DISMISSED, "dismissed") X(EXECUTED, "executed") X(EXPIRED, "expired")
#define JD_OUTCOME_REASON_MAP(X)                                                                             \
    X(ALREADY_DONE, "already_done")                                                                          \
    X(WRONG_TIME, "wrong_time")                                                                              \
    X(NOT_ACCESSIBLE, "not_accessible")                                                                      \
    X(NOT_RELEVANT, "not_relevant")                                                                          \
    X(NOT_COMPLIANT, "not_compliant")                                                                        \
    X(HCP_REQUEST, "hcp_request") X(APPROVED_EXCEPTION, "approved_exception") X(FALSE_ALARM, "false_alarm")
#define JD_FACT_MAP(X)                                                                                       \
    X(CONSENT, "consent")                                                                                    \
    X(ACCESS, "access")                                                                                      \
    X(LICENCE, "licence")                                                                                    \
    X(ALIGNMENT, "alignment")                                                                                \
    X(CONTENT, "content")                                                                                    \
    X(BLACKOUT, "blackout")                                                                                  \
    X(ACKNOWLEDGEMENT, "acknowledgement") X(OVERRIDE, "override") X(QUIET_HOURS, "quiet_hours")
#define JD_FACT_STATE_MAP(X)                                                                                 \
    X(GRANTED, "granted")                                                                                    \
    X(CONFIRMED, "confirmed")                                                                                \
    X(DENIED, "denied")                                                                                      \
    X(REVOKED, "revoked")                                                                                    \
    X(NO_SEE, "no_see") X(APPOINTMENT_ONLY, "appointment_only") X(NO_CONTACT, "no_contact") X(OPEN, "open")

#define JD_X_CLASS(n, t) JD_CLASS_##n,
enum jd_class { JD_CLASS_NONE, JD_CLASS_MAP(JD_X_CLASS) JD_CLASS_END_ };
#define JD_X_PHASE(n, t) JD_PHASE_##n,
enum jd_phase { JD_PHASE_NONE, JD_PHASE_MAP(JD_X_PHASE) JD_PHASE_END_ };
#define JD_X_CHANNEL(n, t) JD_CHANNEL_##n,
enum jd_channel { JD_CHANNEL_NONE, JD_CHANNEL_MAP(JD_X_CHANNEL) JD_CHANNEL_END_ };
#define JD_X_ROLE(n, t) JD_ROLE_##n,
enum jd_role { JD_ROLE_NONE, JD_ROLE_MAP(JD_X_ROLE) JD_ROLE_END_ };
#define JD_X_FUNCTION(n, t) JD_FUNCTION_##n,
enum jd_function { JD_FUNCTION_NONE, JD_FUNCTION_MAP(JD_X_FUNCTION) JD_FUNCTION_END_ };
#define JD_X_INITIATOR(n, t) JD_INITIATOR_##n,
enum jd_initiator { JD_INITIATOR_NONE, JD_INITIATOR_MAP(JD_X_INITIATOR) JD_INITIATOR_END_ };
#define JD_X_DIRECTION(n, t) JD_DIRECTION_##n,
enum jd_direction { JD_DIRECTION_NONE, JD_DIRECTION_MAP(JD_X_DIRECTION) JD_DIRECTION_END_ };
#define JD_X_OUTCOME(n, t) JD_OUTCOME_##n,
enum jd_outcome_code { JD_OUTCOME_NONE, JD_OUTCOME_MAP(JD_X_OUTCOME) JD_OUTCOME_END_ };
#define JD_X_OUTCOME_REASON(n, t) JD_OUTCOME_REASON_##n,
enum jd_outcome_reason {
    JD_OUTCOME_REASON_NONE,
    JD_OUTCOME_REASON_MAP(JD_X_OUTCOME_REASON) JD_OUTCOME_REASON_END_
};
#define JD_X_FACT(n, t) JD_FACT_##n,
enum jd_fact { JD_FACT_NONE, JD_FACT_MAP(JD_X_FACT) JD_FACT_END_ };
#define JD_X_FACT_STATE(n, t) JD_FACT_STATE_##n,
enum jd_fact_state { JD_FACT_STATE_NONE, JD_FACT_STATE_MAP(JD_X_FACT_STATE) JD_FACT_STATE_END_ };

/* Who acts. */
struct jd_actor {
    struct jd_str id;
    uint8_t role; /* enum jd_role */
    struct jd_str team;
};

/* Another person on a joint visit. */
struct jd_party {
    struct jd_str id;
    uint8_t role; /* enum jd_role */
};

struct jd_outcome {
    uint8_t code;   /* enum jd_outcome_code */
    uint8_t reason; /* enum jd_outcome_reason */
};

/* An engagement event. After wire/ accepted it: id, source, type, time and hcp_id are present, as
 * are `start` and `recorded_at` of a planned event; `engagement_id` may be absent. */
struct jd_event {
    struct jd_str id, source, type;
    jd_time time, recorded_at;
    struct jd_str hcp_id, account_id, engagement_id;
    uint8_t phase;   /* enum jd_phase; wire/ sets COMPLETED for a touch that names none */
    uint8_t channel; /* enum jd_channel */
    struct jd_actor actor;
    uint8_t initiated_by; /* enum jd_initiator */
    uint8_t direction;    /* enum jd_direction */
    jd_time start, end;
    struct jd_str product, indication, topic, content_id;
    struct jd_list key_messages; /* of struct jd_str */
    struct jd_str campaign_id;
    uint8_t on_label; /* enum jd_truth */
    struct jd_str country, jurisdiction;
    struct jd_list joint_with; /* of struct jd_party */
    struct jd_str responds_to;
    struct jd_decimal amount;
    struct jd_str currency;
    int64_t quantity;
    struct jd_outcome outcome;
    struct jd_list attributes; /* map */
};

/* A consent record: an interval [from, until) on one channel, for one product or for all. */
struct jd_consent {
    uint8_t channel;       /* enum jd_channel */
    uint8_t state;         /* enum jd_fact_state: GRANTED, DENIED or REVOKED */
    struct jd_str product; /* absent: all products together */
    jd_time from, until;   /* until absent: open end */
    jd_time confirmed_at;  /* double opt-in: when it was confirmed */
    struct jd_str proof;   /* where the proof is kept */
};

/* An access restriction: an interval [from, until). */
struct jd_access {
    uint8_t state;   /* enum jd_fact_state: NO_SEE, APPOINTMENT_ONLY, NO_CONTACT or OPEN */
    uint8_t channel; /* enum jd_channel; absent: NO_CONTACT all channels, the others in_person */
    jd_time from, until;
};

struct jd_licence {
    struct jd_str number, jurisdiction;
    jd_time from, until;
};

/* Who owns the relation for a function, with a deputy. */
struct jd_owner {
    uint8_t function; /* enum jd_function */
    struct jd_str actor_id, deputy_id, team;
    jd_time from, until;
};

struct jd_affiliation {
    struct jd_str account_id;
    jd_time from, until;
};

/* A physician's profile: a whole snapshot; the greatest recorded_at wins. */
struct jd_hcp_profile {
    struct jd_str hcp_id;
    jd_time recorded_at;
    struct jd_str tier, specialty, country, zone; /* zone: IANA name */
    struct jd_list segments;                      /* of struct jd_str */
    struct jd_list affiliations;                  /* of struct jd_affiliation */
    struct jd_list access;                        /* of struct jd_access */
    struct jd_list consents;                      /* of struct jd_consent */
    struct jd_list licences;                      /* of struct jd_licence */
    struct jd_list owners;                        /* of struct jd_owner */
    struct jd_list attributes;                    /* map */
};

struct jd_account_profile {
    struct jd_str account_id;
    jd_time recorded_at;
    struct jd_str name_code, country, zone;
    struct jd_list access; /* of struct jd_access */
    int64_t visits_per_day_max;
    struct jd_list attributes; /* map */
};

#endif
