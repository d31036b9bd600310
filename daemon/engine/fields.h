/* The fields of a touch that selectors, `same:` and `different:` may name: the scalar fields of
 * schemas/EngagementEvent.avsc, the function of the actor's role, the market (the jurisdiction, else the
 * country), and the lists that a pair can share. */
#ifndef JOURNEYD_ENGINE_FIELDS_H
#define JOURNEYD_ENGINE_FIELDS_H

#include "base/arena.h"
#include "engine/program.h"
#include "journeyd/event.h"

/* X(name in C, name in a policy, kind of one value, list-valued, symbols of an ENUM, place in jd_event).
 * `place` of a derived or list field is where its source starts; fields.c reads it by name. */
#define JD_TOUCH_FIELDS(X)                                                                                   \
    X(ID, "id", JD_STRING, false, NULL, id)                                                                  \
    X(SOURCE, "source", JD_STRING, false, NULL, source)                                                      \
    X(TYPE, "type", JD_STRING, false, NULL, type)                                                            \
    X(TIME, "time", JD_TIME, false, NULL, time)                                                              \
    X(RECORDED_AT, "recorded_at", JD_TIME, false, NULL, recorded_at)                                         \
    X(HCP_ID, "hcp_id", JD_STRING, false, NULL, hcp_id)                                                      \
    X(ACCOUNT_ID, "account_id", JD_STRING, false, NULL, account_id)                                          \
    X(ENGAGEMENT_ID, "engagement_id", JD_STRING, false, NULL, engagement_id)                                 \
    X(PHASE, "phase", JD_ENUM, false, &jd_phase_symbols, phase)                                              \
    X(CHANNEL, "channel", JD_ENUM, false, &jd_channel_symbols, channel)                                      \
    X(ACTOR, "actor", JD_STRING, false, NULL, actor.id)                                                      \
    X(ROLE, "role", JD_ENUM, false, &jd_role_symbols, actor.role)                                            \
    X(TEAM, "team", JD_STRING, false, NULL, actor.team)                                                      \
    X(FUNCTION, "function", JD_ENUM, false, &jd_function_symbols, actor.role)                                \
    X(INITIATED_BY, "initiated_by", JD_ENUM, false, &jd_initiator_symbols, initiated_by)                     \
    X(DIRECTION, "direction", JD_ENUM, false, &jd_direction_symbols, direction)                              \
    X(START, "start", JD_TIME, false, NULL, start)                                                           \
    X(END, "end", JD_TIME, false, NULL, end)                                                                 \
    X(PRODUCT, "product", JD_STRING, false, NULL, product)                                                   \
    X(INDICATION, "indication", JD_STRING, false, NULL, indication)                                          \
    X(TOPIC, "topic", JD_STRING, false, NULL, topic)                                                         \
    X(CONTENT_ID, "content_id", JD_STRING, false, NULL, content_id)                                          \
    X(KEY_MESSAGES, "key_messages", JD_STRING, true, NULL, key_messages)                                     \
    X(CAMPAIGN_ID, "campaign_id", JD_STRING, false, NULL, campaign_id)                                       \
    X(ON_LABEL, "on_label", JD_BOOL, false, NULL, on_label)                                                  \
    X(COUNTRY, "country", JD_STRING, false, NULL, country)                                                   \
    X(JURISDICTION, "jurisdiction", JD_STRING, false, NULL, jurisdiction)                                    \
    X(JOINT_ACTOR, "joint.actor", JD_STRING, true, NULL, joint_with)                                         \
    X(JOINT_ROLE, "joint.role", JD_ENUM, true, &jd_role_symbols, joint_with)                                 \
    X(MARKET, "market", JD_STRING, false, NULL, jurisdiction)                                                \
    X(RESPONDS_TO, "responds_to", JD_STRING, false, NULL, responds_to)                                       \
    X(AMOUNT, "amount", JD_DECIMAL, false, NULL, amount)                                                     \
    X(CURRENCY, "currency", JD_STRING, false, NULL, currency)                                                \
    X(QUANTITY, "quantity", JD_INT, false, NULL, quantity)                                                   \
    X(OUTCOME_CODE, "outcome.code", JD_ENUM, false, &jd_outcome_symbols, outcome.code)                       \
    X(OUTCOME_REASON, "outcome.reason", JD_ENUM, false, &jd_outcome_reason_symbols, outcome.reason)          \
    X(ATTRIBUTE, "attributes", JD_STRING, false, NULL, attributes)

/* The same of a physician's profile: `place` in jd_hcp_profile. */
#define JD_PROFILE_FIELDS(X)                                                                                 \
    X(TIER, "tier", JD_STRING, false, NULL, tier)                                                            \
    X(SPECIALTY, "specialty", JD_STRING, false, NULL, specialty)                                             \
    X(PROFILE_COUNTRY, "country", JD_STRING, false, NULL, country)                                           \
    X(ZONE, "zone", JD_STRING, false, NULL, zone)                                                            \
    X(SEGMENTS, "segments", JD_STRING, true, NULL, segments)                                                 \
    X(PROFILE_ATTRIBUTE, "attributes", JD_STRING, false, NULL, attributes)

#define JD_X_FIELD(c, name, kind, many, symbols, place) JD_FIELD_##c,
enum jd_touch_field_index { JD_TOUCH_FIELDS(JD_X_FIELD) JD_FIELD_END_ };
enum jd_profile_field_index { JD_PROFILE_FIELDS(JD_X_FIELD) JD_PROFILE_FIELD_END_ };

struct jd_touch_field {
    const char *name;
    enum jd_kind kind; /* of one value: STRING, ENUM, TIME, INT, BOOL or DECIMAL */
    bool many;         /* a list: `same:` means sharing a value */
    const struct jd_symbols *symbols;
    uint32_t offset; /* in jd_event, or in jd_hcp_profile */
};
extern const struct jd_touch_field jd_touch_fields[JD_FIELD_END_];
extern const struct jd_touch_field jd_profile_fields[JD_PROFILE_FIELD_END_];
static inline const struct jd_touch_field *jd_field_of(const struct jd_field_ref *ref)
{
    return ref->profile ? &jd_profile_fields[ref->field] : &jd_touch_fields[ref->field];
}

/* The field of a name as policies write it: the names above, hcp, actor.id, actor.role, actor.team,
 * attributes.<key>. False: no such field. `group` is left NULL. */
JD_MUST_CHECK bool jd_field_ref_of(struct jd_str name, struct jd_field_ref *out);
/* The same of a profile: its names, attributes.<key>, either with profile. before it. */
JD_MUST_CHECK bool jd_profile_ref_of(struct jd_str name, struct jd_field_ref *out);

/* One value of a touch in a field. */
struct jd_value {
    enum jd_kind kind;
    union {
        struct jd_str text;        /* STRING */
        uint8_t code;              /* ENUM, BOOL */
        jd_time time;              /* TIME */
        struct jd_decimal decimal; /* DECIMAL, INT */
    };
};

/* The value number `index`; false when there is none: the field is absent, or the list ended. */
bool jd_field_get(const struct jd_event *event, const struct jd_field_ref *ref, uint32_t index,
                  struct jd_value *out);

bool jd_profile_get(const struct jd_hcp_profile *profile, const struct jd_field_ref *ref, uint32_t index,
                    struct jd_value *out);

/* The value of a field as text, of a group the name of its set. Absent: the touch lacks it. */
struct jd_str jd_field_text(const struct jd_event *event, const struct jd_field_ref *ref,
                            struct jd_arena *arena);
/* The same of a field that holds text or a closed list, whatever its group; borrowed. */
struct jd_str jd_field_plain_text(const struct jd_event *event, const struct jd_field_ref *ref);

/* Do both have the field, and do they share a value of it (group: a set of values)? */
enum jd_sharing { JD_SHARE_ABSENT, JD_SHARE_NO, JD_SHARE_YES };
enum jd_sharing jd_field_shared(const struct jd_event *a, const struct jd_event *b,
                                const struct jd_field_ref *ref);

#endif
