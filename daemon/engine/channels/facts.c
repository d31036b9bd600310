#include "engine/channels/facts.h"

#include "base/contract.h"
#include "base/str.h"

static struct jd_fact_record *add(struct jd_facts *facts)
{
    if (facts->count == facts->capacity)
        facts->records = jd_arena_grow(facts->arena, facts->records, facts->count, &facts->capacity,
                                       sizeof *facts->records);
    struct jd_fact_record *record = &facts->records[facts->count++];
    *record =
        (struct jd_fact_record){.until = JD_NEVER, .confirmed_at = JD_TIME_NONE, .applies_from = JD_TIME_MIN};
    return record;
}

static jd_time open_end(jd_time until)
{
    return until == JD_TIME_NONE ? JD_NEVER : until;
}

/* Where an access record that names no channel applies. */
static uint8_t access_channel(uint8_t state, uint8_t channel)
{
    bool in_person = state == JD_FACT_STATE_NO_SEE || state == JD_FACT_STATE_APPOINTMENT_ONLY;
    return channel == JD_CHANNEL_NONE && in_person ? JD_CHANNEL_IN_PERSON : channel;
}

void jd_facts_add_profile(struct jd_facts *facts, const struct jd_hcp_profile *profile)
{
    if (profile == NULL)
        return;
    const struct jd_consent *consents = profile->consents.items;
    for (uint32_t i = 0; i < profile->consents.count; i++) {
        struct jd_fact_record *record = add(facts);
        record->fact = JD_FACT_CONSENT;
        record->state = consents[i].state;
        record->channel = consents[i].channel;
        record->product = consents[i].product;
        record->from = consents[i].from;
        record->until = open_end(consents[i].until);
        record->confirmed_at = consents[i].confirmed_at;
    }
    const struct jd_access *access = profile->access.items;
    for (uint32_t i = 0; i < profile->access.count; i++) {
        struct jd_fact_record *record = add(facts);
        record->fact = JD_FACT_ACCESS;
        record->state = access[i].state;
        record->channel = access_channel(access[i].state, access[i].channel);
        record->from = access[i].from;
        record->until = open_end(access[i].until);
    }
}

void jd_facts_add_event(struct jd_facts *facts, const struct jd_engagement *engagement)
{
    const struct jd_event *event = &engagement->event;
    const struct jd_event_type *type = jd_event_type_of(event->type);
    if (engagement->class != JD_CLASS_FACT || event->phase == JD_PHASE_CANCELLED || type == NULL ||
        type->fact == JD_FACT_NONE)
        return;
    struct jd_fact_record *record = add(facts);
    record->fact = type->fact;
    record->state = type->fact_state;
    record->channel =
        type->fact == JD_FACT_ACCESS ? access_channel(type->fact_state, event->channel) : event->channel;
    record->product = event->product;
    record->from = event->start != JD_TIME_NONE ? event->start : event->time;
    record->until = open_end(event->end);
    record->applies_from = engagement->applies_from != JD_TIME_NONE ? engagement->applies_from : JD_TIME_MIN;
}

/* When a grant was confirmed, by its own record or by an event; JD_TIME_NONE: it was not by `at`. */
static jd_time confirmation(const struct jd_facts *facts, const struct jd_fact_record *grant, jd_time at)
{
    jd_time earliest = grant->confirmed_at;
    for (uint32_t i = 0; i < facts->count; i++) {
        const struct jd_fact_record *r = &facts->records[i];
        if (r->fact != JD_FACT_CONSENT || r->state != JD_FACT_STATE_CONFIRMED ||
            r->channel != grant->channel || !jd_str_eq(r->product, grant->product) || r->from < grant->from ||
            at < r->applies_from)
            continue;
        if (earliest == JD_TIME_NONE || r->from < earliest)
            earliest = r->from;
    }
    return earliest != JD_TIME_NONE && earliest <= at ? earliest : JD_TIME_NONE;
}

static bool on_channel(const struct jd_fact_record *record, uint8_t channel)
{
    return record->channel == JD_CHANNEL_NONE || record->channel == channel;
}

const struct jd_fact_record *jd_facts_consent(const struct jd_facts *facts, uint8_t channel,
                                              struct jd_str product, jd_time at, bool double_opt_in,
                                              bool *unconfirmed)
{
    const struct jd_fact_record *decides = NULL;
    jd_time since = JD_TIME_NONE;
    *unconfirmed = false;
    for (uint32_t i = 0; i < facts->count; i++) {
        const struct jd_fact_record *r = &facts->records[i];
        if (r->fact != JD_FACT_CONSENT || r->state == JD_FACT_STATE_CONFIRMED || !on_channel(r, channel) ||
            (r->product.ptr != NULL && !jd_str_eq(r->product, product)) || r->from > at ||
            at < r->applies_from)
            continue;
        jd_time from = r->from;
        if (r->state == JD_FACT_STATE_GRANTED && double_opt_in) {
            jd_time confirmed = confirmation(facts, r, at);
            if (confirmed == JD_TIME_NONE) {
                *unconfirmed = true;
                continue;
            }
            from = confirmed > from ? confirmed : from;
        }
        bool denial = r->state != JD_FACT_STATE_GRANTED;
        bool wins_tie = decides != NULL && from == since &&
                        (denial > (decides->state != JD_FACT_STATE_GRANTED) ||
                         (denial == (decides->state != JD_FACT_STATE_GRANTED) && r->until < decides->until));
        if (decides == NULL || from > since || wins_tie) {
            decides = r;
            since = from;
        }
    }
    return decides;
}

/* On equal `from` the stricter wins. */
static int strictness(uint8_t state)
{
    return state == JD_FACT_STATE_NO_CONTACT         ? 3
           : state == JD_FACT_STATE_NO_SEE           ? 2
           : state == JD_FACT_STATE_APPOINTMENT_ONLY ? 1
                                                     : 0;
}

const struct jd_fact_record *jd_facts_access(const struct jd_facts *facts, uint8_t channel, jd_time at)
{
    const struct jd_fact_record *decides = NULL;
    for (uint32_t i = 0; i < facts->count; i++) {
        const struct jd_fact_record *r = &facts->records[i];
        if (r->fact != JD_FACT_ACCESS || !on_channel(r, channel) || r->from > at || at < r->applies_from)
            continue;
        if (decides == NULL || r->from > decides->from ||
            (r->from == decides->from &&
             (strictness(r->state) > strictness(decides->state) ||
              (strictness(r->state) == strictness(decides->state) && r->until > decides->until))))
            decides = r;
    }
    return decides;
}
