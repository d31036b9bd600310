/* What a physician's profile and events say of facts, as records. */
#include "engine/facts.h"

#include "base/contract.h"
#include "base/str.h"
#include "engine/notes.h"

static struct jd_fact_record *add(struct jd_facts *facts, enum jd_fact fact, uint8_t state, jd_time from,
                                  jd_time until)
{
    if (facts->count == facts->capacity)
        facts->records = jd_arena_grow(facts->arena, facts->records, facts->count, &facts->capacity,
                                       sizeof *facts->records);
    struct jd_fact_record *record = &facts->records[facts->count++];
    *record = (struct jd_fact_record){.fact = (uint8_t)fact,
                                      .state = state,
                                      .from = from == JD_TIME_NONE ? JD_TIME_MIN : from,
                                      .until = until == JD_TIME_NONE ? JD_NEVER : until,
                                      .confirmed_at = JD_TIME_NONE,
                                      .applies_from = JD_TIME_MIN};
    return record;
}

/* Where an access record that names no channel applies. */
static uint8_t access_channel(uint8_t state, uint8_t channel)
{
    bool in_person = state == JD_FACT_STATE_NO_SEE || state == JD_FACT_STATE_APPOINTMENT_ONLY;
    return channel == JD_CHANNEL_NONE && in_person ? JD_CHANNEL_IN_PERSON : channel;
}

static void add_owner(struct jd_facts *facts, const struct jd_owner *owner, struct jd_str actor, bool deputy)
{
    if (actor.ptr == NULL)
        return;
    struct jd_fact_record *record =
        add(facts, JD_FACT_ALIGNMENT, JD_FACT_STATE_GRANTED, owner->from, owner->until);
    record->about = actor;
    record->deputy = deputy;
    record->function = owner->function;
}

void jd_facts_add_profile(struct jd_facts *facts, const struct jd_hcp_profile *profile)
{
    if (profile == NULL)
        return;
    const struct jd_consent *consents = profile->consents.items;
    for (uint32_t i = 0; i < profile->consents.count; i++) {
        struct jd_fact_record *record =
            add(facts, JD_FACT_CONSENT, consents[i].state, consents[i].from, consents[i].until);
        record->channel = consents[i].channel;
        record->product = consents[i].product;
        record->confirmed_at = consents[i].confirmed_at;
        record->proof = consents[i].proof;
    }
    const struct jd_access *access = profile->access.items;
    for (uint32_t i = 0; i < profile->access.count; i++)
        add(facts, JD_FACT_ACCESS, access[i].state, access[i].from, access[i].until)->channel =
            access_channel(access[i].state, access[i].channel);
    const struct jd_licence *licences = profile->licences.items;
    for (uint32_t i = 0; i < profile->licences.count; i++) {
        struct jd_fact_record *record =
            add(facts, JD_FACT_LICENCE, JD_FACT_STATE_GRANTED, licences[i].from, licences[i].until);
        record->about = licences[i].jurisdiction;
        record->proof = licences[i].number;
    }
    const struct jd_owner *owners = profile->owners.items;
    for (uint32_t i = 0; i < profile->owners.count; i++) {
        add_owner(facts, &owners[i], owners[i].actor_id, false);
        add_owner(facts, &owners[i], owners[i].deputy_id, true);
    }
}

void jd_facts_add_event(struct jd_facts *facts, const struct jd_engagement *engagement)
{
    const struct jd_event *event = &engagement->event;
    const struct jd_event_type *type = jd_event_type_of(event->type);
    if (engagement->class != JD_CLASS_FACT || event->phase == JD_PHASE_CANCELLED || type == NULL ||
        type->fact == JD_FACT_NONE || jd_is_note(event) ||
        (type->fact == JD_FACT_ALIGNMENT && event->actor.id.ptr == NULL))
        return;
    struct jd_fact_record *record =
        add(facts, (enum jd_fact)type->fact, type->fact_state,
            event->start != JD_TIME_NONE ? event->start : event->time, event->end);
    record->channel =
        type->fact == JD_FACT_ACCESS ? access_channel(type->fact_state, event->channel) : event->channel;
    record->product = event->product;
    record->about = type->fact == JD_FACT_ALIGNMENT                                    ? event->actor.id
                    : type->fact == JD_FACT_LICENCE && event->jurisdiction.ptr != NULL ? event->jurisdiction
                    : type->fact == JD_FACT_LICENCE                                    ? event->country
                                                                                       : (struct jd_str){0};
    if (type->fact == JD_FACT_ALIGNMENT)
        record->function = (uint8_t)jd_role_function((enum jd_role)event->actor.role);
    record->applies_from = engagement->applies_from != JD_TIME_NONE ? engagement->applies_from : JD_TIME_MIN;
    record->source = event->source;
    record->id = event->id;
}
