#include "engine/audiences.h"

#include <string.h>

#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/fields.h"

/* ---- the table ---- */

enum { NEITHER = 0, MEDICAL = JD_AUDIENCE_MEDICAL, BOTH = JD_AUDIENCE_BOTH };

/* Who sees a field of the other side's contact: rows as jd_event_record has them. Commercial readers learn when and
 * where a physician is met, and not by whom or about what. Medical readers learn that too, but nothing of what is
 * promoted and spent. */
static const struct row {
    const char *field;
    uint8_t audiences; /* bits of enum jd_audience */
} others[] = {
    {"id", MEDICAL},          {"source", MEDICAL},      {"type", MEDICAL},       {"time", BOTH},
    {"recorded_at", MEDICAL}, {"hcp_id", BOTH},         {"account_id", BOTH},    {"engagement_id", MEDICAL},
    {"phase", BOTH},          {"channel", BOTH},        {"actor", MEDICAL},      {"initiated_by", MEDICAL},
    {"direction", MEDICAL},   {"start", BOTH},          {"end", BOTH},           {"product", MEDICAL},
    {"indication", MEDICAL},  {"topic", MEDICAL},       {"content_id", MEDICAL}, {"key_messages", NEITHER},
    {"campaign_id", NEITHER}, {"on_label", MEDICAL},    {"country", BOTH},       {"jurisdiction", BOTH},
    {"joint_with", MEDICAL},  {"responds_to", MEDICAL}, {"amount", NEITHER},     {"currency", NEITHER},
    {"quantity", NEITHER},    {"outcome", MEDICAL},     {"attributes", NEITHER},
};

/* Who sees a field of the alert: rows as jd_alert_record has them. WHOLE: only where nothing of its evidence is kept
 * from them; an instance may name engagements and topics. */
enum { WHOLE = BOTH << 2, WHOLE_COMMERCIAL = JD_AUDIENCE_COMMERCIAL << 2 };
static const struct row alerts[] = {
    {"alert_id", BOTH},
    {"revision", BOTH},
    {"rule", BOTH},
    {"rule_version", BOTH},
    {"scope", BOTH},
    {"key", BOTH},
    {"instance", BOTH | WHOLE},
    {"status", BOTH},
    {"cause", BOTH},
    {"phase", BOTH},
    {"final", BOTH},
    {"severity", BOTH},
    {"mode", BOTH},
    {"hcp_id", BOTH},
    {"account_id", BOTH},
    {"evidence", BOTH}, /* each by the table above */
    {"evidence_count", BOTH},
    {"evidence_sha256", BOTH | WHOLE},
    {"window", BOTH},
    {"observed", BOTH},
    {"limit", BOTH},
    {"unit", BOTH},
    {"opened_at", BOTH},
    {"remedy", BOTH},
    {"assignee", BOTH},
    {"citation", BOTH},
    {"jurisdiction", BOTH},
    {"policy", BOTH},
    {"other_currency", BOTH},
    {"facts", MEDICAL},
    {"complete_from", BOTH},
    {"audience", BOTH},
    {"acknowledged", BOTH | WHOLE_COMMERCIAL}, /* by whom may say whose contact it was */
    {"overridden", BOTH | WHOLE_COMMERCIAL},
    {"assignee_function", BOTH},
    {"episode", BOTH},
};

bool jd_audience_sees_field(enum jd_audience audience, uint32_t field)
{
    return field < JD_COUNT(others) && (others[field].audiences & audience) != 0;
}

/* ---- sides ---- */

enum jd_audience jd_role_audience(enum jd_role role)
{
    switch (jd_role_function(role)) {
    case JD_FUNCTION_MEDICAL:
        return JD_AUDIENCE_MEDICAL;
    case JD_FUNCTION_COMMERCIAL:
    case JD_FUNCTION_OTHER:
        return JD_AUDIENCE_COMMERCIAL;
    case JD_FUNCTION_NONE:
    case JD_FUNCTION_END_:
        break;
    }
    return JD_AUDIENCE_NONE;
}

/* Under the key of an actor who came along, an event has that actor in the place of who acted: whose it is, it does
 * not say (engine/scopes.c). */
static bool is_seen_by_party(const struct jd_event *event)
{
    const struct jd_party *parties = event->joint_with.items;
    for (uint32_t i = 0; i < event->joint_with.count; i++)
        if (jd_str_eq(parties[i].id, event->actor.id))
            return true;
    return false;
}

static bool is_own(enum jd_audience audience, const struct jd_event *event)
{
    return (jd_role_audience(event->actor.role) == audience && !is_seen_by_party(event)) ||
           jd_fault_bug("audience_all_own");
}

bool jd_audience_only(enum jd_audience audience, const struct jd_selector *selector)
{
    for (uint32_t i = 0; i < selector->count; i++) {
        const struct jd_condition *condition = &selector->conditions[i];
        bool only = condition->ref.field == JD_FIELD_ROLE && !condition->ref.profile &&
                    condition->ref.attribute.ptr == NULL && condition->op == JD_IN;
        for (uint8_t role = 0; only && role < JD_ROLE_END_; role++)
            only = (condition->enum_set >> role & 1) == 0 || jd_role_audience((enum jd_role)role) == audience;
        if (only)
            return true;
    }
    return false;
}

/* ---- whose alert ---- */

static bool concerns(enum jd_audience audience, const struct jd_rule *rule, const struct jd_alert *alert)
{
    const struct jd_event *events = alert->evidence.items;
    uint32_t acts = 0;
    for (uint32_t i = 0; i < alert->evidence.count; i++)
        acts += jd_role_audience(events[i].actor.role) == audience;
    if (alert->evidence.count == 0)
        return jd_audience_only(audience, &rule->a);
    /* The key of an actor is known to the actor's own side. */
    return rule->scope == JD_SCOPE_ACTOR ? acts == alert->evidence.count : acts > 0;
}

enum jd_audience jd_alert_audience(const struct jd_rule *rule, const struct jd_alert *alert)
{
    const uint8_t may_know = rule->key == NULL ? JD_AUDIENCE_BOTH : rule->key->audiences;
    uint8_t told = JD_AUDIENCE_NONE;
    if (alert->mode == JD_MODE_SHADOW)
        return JD_AUDIENCE_NONE;
    for (uint8_t audience = JD_AUDIENCE_COMMERCIAL; audience <= JD_AUDIENCE_MEDICAL; audience++)
        if ((may_know & audience) != 0 && concerns((enum jd_audience)audience, rule, alert))
            told |= audience;
    return (enum jd_audience)told;
}

/* ---- projections ---- */

static size_t size_of(const struct jd_field *field)
{
    switch (field->kind) {
    case JD_STRING:
        return sizeof(struct jd_str);
    case JD_ENUM:
    case JD_BOOL:
        return sizeof(uint8_t);
    case JD_TIME:
    case JD_INT:
        return sizeof(int64_t);
    case JD_DECIMAL:
        return sizeof(struct jd_decimal);
    case JD_DOUBLE:
        return sizeof(double);
    case JD_RECORD:
        return field->record->size;
    case JD_LIST:
    case JD_MAP:
        return sizeof(struct jd_list);
    case JD_VARIANT:
        return sizeof(struct jd_variant);
    }
    return 0;
}

/* Copies what the rows let through, and of the rest nothing. */
static void copy_seen(const struct jd_record *record, const struct row *rows, size_t count,
                      enum jd_audience audience, bool is_whole, const void *from, void *to)
{
    jd_record_clear(record, to);
    for (uint32_t i = 0; i < record->count && i < count; i++)
        if ((rows[i].audiences & audience) != 0 && (is_whole || (rows[i].audiences >> 2 & audience) == 0))
            memcpy((char *)to + record->fields[i].offset, (const char *)from + record->fields[i].offset,
                   size_of(&record->fields[i]));
}

/* Of who came along, medical colleagues are not named on the commercial side. */
static struct jd_list parties_seen(enum jd_audience audience, const struct jd_list *all,
                                   struct jd_arena *arena)
{
    const struct jd_party *parties = all->items;
    struct jd_party *seen = jd_arena_array(arena, all->count, sizeof *seen);
    uint32_t count = 0;
    for (uint32_t i = 0; i < all->count; i++)
        if (audience == JD_AUDIENCE_MEDICAL || jd_role_audience(parties[i].role) == audience)
            seen[count++] = parties[i];
    return (struct jd_list){seen, count};
}

struct jd_event jd_audience_event(enum jd_audience audience, const struct jd_event *event,
                                  struct jd_arena *arena)
{
    struct jd_event seen = *event;
    if (is_own(audience, event))
        seen.joint_with = parties_seen(audience, &event->joint_with, arena);
    else
        copy_seen(&jd_event_record, others, JD_COUNT(others), audience, true, event, &seen);
    return seen;
}

struct jd_alert jd_audience_alert(enum jd_audience audience, const struct jd_alert *alert,
                                  struct jd_arena *arena)
{
    struct jd_alert seen;
    const struct jd_event *events = alert->evidence.items;
    struct jd_event *shown = jd_arena_array(arena, alert->evidence.count, sizeof *shown);
    bool is_whole = alert->evidence_sha256.ptr == NULL; /* nothing of it was cut off */
    for (uint32_t i = 0; i < alert->evidence.count; i++) {
        shown[i] = jd_audience_event(audience, &events[i], arena);
        is_whole = is_whole && is_own(audience, &events[i]);
    }
    copy_seen(&jd_alert_record, alerts, JD_COUNT(alerts), audience, is_whole, alert, &seen);
    seen.evidence = (struct jd_list){shown, alert->evidence.count};
    if (audience == JD_AUDIENCE_COMMERCIAL && alert->assignee_function == JD_FUNCTION_MEDICAL)
        seen.assignee = (struct jd_str){0}; /* a medical colleague's name */
    seen.audience = (uint8_t)audience;
    return seen;
}
