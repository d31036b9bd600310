#include "engine/facts.h"
#include "engine/notes.h"

#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"

#define JD_X_STANDING_TEXT(n, t) t,
static const char *const standing_texts[] = {NULL, JD_STANDING_MAP(JD_X_STANDING_TEXT) NULL};
const struct jd_symbols jd_standing_symbols = {"Standing", standing_texts,
                                               (uint32_t)JD_COUNT(standing_texts) - 2};

uint64_t jd_fact_standings(enum jd_fact fact)
{
#define BIT(name) UINT64_C(1) << JD_STANDING_##name
    static const uint64_t standings[JD_FACT_END_] = {
        [JD_FACT_CONSENT] = BIT(NONE_KNOWN) | BIT(GRANTED) | BIT(IMPLIED) | BIT(UNCONFIRMED) | BIT(DENIED) |
                            BIT(REVOKED) | BIT(EXPIRED),
        [JD_FACT_ACCESS] = BIT(OPEN) | BIT(APPOINTMENT_ONLY) | BIT(NO_SEE) | BIT(NO_CONTACT),
        [JD_FACT_LICENCE] = BIT(NONE_KNOWN) | BIT(VALID) | BIT(REVOKED) | BIT(EXPIRED),
        [JD_FACT_ALIGNMENT] = BIT(NONE_KNOWN) | BIT(OWNER) | BIT(DEPUTY) | BIT(ENDED),
        [JD_FACT_CONTENT] =
            BIT(NONE_KNOWN) | BIT(APPROVED) | BIT(NOT_YET) | BIT(EXPIRED) | BIT(OTHER_USE) | BIT(UNLISTED),
        [JD_FACT_BLACKOUT] = BIT(NONE_KNOWN) | BIT(DECLARED),
    };
#undef BIT
    return standings[fact];
}

/* ---- records ---- */

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

/* ---- which record decides ---- */

/* How much it forbids: of equally late records the stricter decides. */
static int strictness(uint8_t state)
{
    switch ((enum jd_fact_state)state) {
    case JD_FACT_STATE_DENIED:
    case JD_FACT_STATE_REVOKED:
    case JD_FACT_STATE_NO_CONTACT:
        return 3;
    case JD_FACT_STATE_NO_SEE:
        return 2;
    case JD_FACT_STATE_APPOINTMENT_ONLY:
        return 1;
    case JD_FACT_STATE_GRANTED:
    case JD_FACT_STATE_CONFIRMED:
    case JD_FACT_STATE_OPEN:
    case JD_FACT_STATE_NONE:
    case JD_FACT_STATE_END_:
        break;
    }
    return 0;
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* What is equally late and strict is told apart by what else it says, so that order does not matter: what
 * forbids longer or allows shorter first, what is said of one product before what is said of all. */
static int detail_order(const struct jd_fact_record *a, const struct jd_fact_record *b)
{
    int until = compare(a->until, b->until);
    const int orders[] = {strictness(a->state) > 0 ? until : -until,
                          compare(a->state, b->state),
                          compare(a->product.ptr != NULL, b->product.ptr != NULL),
                          compare(a->channel, b->channel),
                          compare(b->deputy, a->deputy),
                          jd_str_cmp(a->about, b->about),
                          jd_str_cmp(a->source, b->source),
                          jd_str_cmp(a->id, b->id),
                          jd_str_cmp(a->proof, b->proof),
                          compare(a->confirmed_at, b->confirmed_at)};
    for (size_t i = 0; i < JD_COUNT(orders); i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

static int order_since(const struct jd_fact_record *a, jd_time since_a, const struct jd_fact_record *b,
                       jd_time since_b)
{
    int order = compare(since_a, since_b);
    int strict = compare(strictness(a->state), strictness(b->state));
    if (order == 0)
        order = jd_fault_bug("fact_grant_wins") ? -strict : strict;
    return order != 0 ? order : detail_order(a, b);
}

int jd_fact_order(const struct jd_fact_record *a, const struct jd_fact_record *b)
{
    return order_since(a, a->from, b, b->from);
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

/* Whether `wide` is `narrow` or holds it: US holds US-NY. */
static bool holds_place(struct jd_str wide, struct jd_str narrow)
{
    return jd_str_eq(wide, narrow) || (narrow.size > wide.size && narrow.ptr[wide.size] == '-' &&
                                       memcmp(wide.ptr, narrow.ptr, wide.size) == 0);
}

static bool is_about(const struct jd_fact_record *record, const struct jd_fact_question *q)
{
    if (record->fact == JD_FACT_ALIGNMENT)
        return jd_str_eq(record->about, q->actor);
    if (record->fact != JD_FACT_LICENCE || record->about.ptr == NULL || q->place.ptr == NULL)
        return true;
    return holds_place(record->about, q->place) || holds_place(q->place, record->about);
}

/* Whether a record can decide a question about its fact. */
static bool applies(const struct jd_fact_record *record, const struct jd_fact_question *q)
{
    bool its_channel = record->channel == JD_CHANNEL_NONE || record->channel == q->channel;
    bool its_product = record->product.ptr == NULL || jd_str_eq(record->product, q->product) ||
                       jd_fault_bug("fact_any_product");
    return its_channel && its_product && is_about(record, q) && record->from <= q->at &&
           q->at >= record->applies_from;
}

static const struct jd_consent_policy *consent_policy(const struct jd_program *program, uint8_t channel)
{
    static const struct jd_consent_policy strict = {.opt_in_default = true};
    const struct jd_consent_policy *policy = program->consents == NULL ? NULL : program->consents[channel];
    return policy != NULL ? policy : &strict;
}

bool jd_fact_is_confirmed(const struct jd_facts *facts, const struct jd_program *program,
                          const struct jd_fact_record *record, jd_time at)
{
    return record->fact != JD_FACT_CONSENT || record->state != JD_FACT_STATE_GRANTED ||
           !consent_policy(program, record->channel)->double_opt_in ||
           confirmation(facts, record, at) != JD_TIME_NONE;
}

/* `*unconfirmed`: a grant was passed over for want of its confirmation. */
static const struct jd_fact_record *decide(const struct jd_facts *facts, enum jd_fact fact,
                                           const struct jd_fact_question *q, bool *unconfirmed)
{
    const struct jd_fact_record *decides = NULL;
    bool twice = fact == JD_FACT_CONSENT && consent_policy(q->program, q->channel)->double_opt_in &&
                 !jd_fault_bug("fact_single_opt_in");
    jd_time since = JD_TIME_NONE;
    for (uint32_t i = 0; i < facts->count; i++) {
        const struct jd_fact_record *r = &facts->records[i];
        if (r->fact != fact || r->state == JD_FACT_STATE_CONFIRMED || !applies(r, q) ||
            (fact == JD_FACT_BLACKOUT && r->until <= q->at))
            continue;
        jd_time from = r->from;
        if (twice && r->state == JD_FACT_STATE_GRANTED) {
            jd_time confirmed = confirmation(facts, r, q->at);
            if (confirmed == JD_TIME_NONE) {
                *unconfirmed = true;
                continue;
            }
            from = confirmed > from ? confirmed : from;
        }
        if (decides == NULL || order_since(r, from, decides, since) > 0) {
            decides = r;
            since = from;
        }
    }
    return decides;
}

/* ---- what it comes to ---- */

static bool named(const struct jd_str *countries, uint32_t count, struct jd_str country)
{
    for (uint32_t i = 0; country.ptr != NULL && i < count; i++)
        if (jd_str_eq(countries[i], country))
            return true;
    return false;
}

/* Without a record: allowed only where the market does not ask for one. */
static bool is_opt_in(const struct jd_consent_policy *policy, struct jd_str country)
{
    if (named(policy->opt_in, policy->opt_in_count, country))
        return true;
    return !named(policy->opt_out, policy->opt_out_count, country) && policy->opt_in_default;
}

static enum jd_standing consent_standing(const struct jd_fact_record *record,
                                         const struct jd_fact_question *q, bool unconfirmed)
{
    if (record == NULL)
        return !is_opt_in(consent_policy(q->program, q->channel), q->country) ? JD_STANDING_IMPLIED
               : unconfirmed                                                  ? JD_STANDING_UNCONFIRMED
                                                                              : JD_STANDING_NONE_KNOWN;
    if (record->state == JD_FACT_STATE_DENIED)
        return JD_STANDING_DENIED;
    if (record->state == JD_FACT_STATE_REVOKED)
        return JD_STANDING_REVOKED;
    return record->until <= q->at && !jd_fault_bug("fact_consent_never_expires") ? JD_STANDING_EXPIRED
                                                                                 : JD_STANDING_GRANTED;
}

static enum jd_standing access_standing(const struct jd_fact_record *record, jd_time at)
{
    if (record == NULL || record->until <= at + jd_fault_bug("fact_access"))
        return JD_STANDING_OPEN;
    return record->state == JD_FACT_STATE_NO_CONTACT         ? JD_STANDING_NO_CONTACT
           : record->state == JD_FACT_STATE_NO_SEE           ? JD_STANDING_NO_SEE
           : record->state == JD_FACT_STATE_APPOINTMENT_ONLY ? JD_STANDING_APPOINTMENT_ONLY
                                                             : JD_STANDING_OPEN;
}

static enum jd_standing licence_standing(const struct jd_fact_record *record, jd_time at)
{
    if (record == NULL)
        return JD_STANDING_NONE_KNOWN;
    if (record->state != JD_FACT_STATE_GRANTED)
        return JD_STANDING_REVOKED;
    return record->until <= at && !jd_fault_bug("fact_licence") ? JD_STANDING_EXPIRED : JD_STANDING_VALID;
}

static enum jd_standing alignment_standing(const struct jd_fact_record *record, jd_time at)
{
    if (record == NULL)
        return JD_STANDING_NONE_KNOWN;
    if ((record->state != JD_FACT_STATE_GRANTED && !jd_fault_bug("fact_alignment")) || record->until <= at)
        return JD_STANDING_ENDED;
    return record->deputy ? JD_STANDING_DEPUTY : JD_STANDING_OWNER;
}

bool jd_content_fits(const struct jd_content *content, const struct jd_fact_question *q)
{
    return (content->channel == JD_CHANNEL_NONE || content->channel == q->channel) &&
           (content->product.ptr == NULL || jd_str_eq(content->product, q->product)) &&
           (content->function == JD_FUNCTION_NONE || content->function == q->function);
}

static bool ends_earlier(const struct jd_content *a, const struct jd_content *b)
{
    return a->until != JD_TIME_NONE && (b->until == JD_TIME_NONE || a->until < b->until);
}

/* Of the lines of one item that fit, the one with the latest `from` decides; of equals the one that ends
 * first. */
static struct jd_finding find_content(const struct jd_fact_question *q)
{
    struct jd_finding found = {JD_STANDING_NONE_KNOWN, NULL, NULL};
    const struct jd_program *program = q->program;
    if (q->content.ptr == NULL)
        return found;
    found.standing = JD_STANDING_UNLISTED;
    for (uint32_t i = 0; i < program->content_count; i++) {
        const struct jd_content *c = &program->contents[i];
        if (!jd_str_eq(c->id, q->content))
            continue;
        if (!jd_content_fits(c, q)) {
            found.standing = found.standing == JD_STANDING_UNLISTED ? JD_STANDING_OTHER_USE : found.standing;
        } else if (q->at < c->from) {
            found.standing = found.content == NULL ? JD_STANDING_NOT_YET : found.standing;
        } else if (found.content == NULL || c->from > found.content->from ||
                   (c->from == found.content->from && ends_earlier(c, found.content))) {
            found.content = c;
            found.standing = c->until != JD_TIME_NONE && c->until <= q->at && !jd_fault_bug("fact_content")
                                 ? JD_STANDING_EXPIRED
                                 : JD_STANDING_APPROVED;
        }
    }
    return found;
}

struct jd_finding jd_facts_find(const struct jd_facts *facts, enum jd_fact fact,
                                const struct jd_fact_question *question)
{
    if (fact == JD_FACT_CONTENT)
        return find_content(question);
    bool unconfirmed = false;
    const struct jd_fact_record *record = decide(facts, fact, question, &unconfirmed);
    enum jd_standing standing = JD_STANDING_NONE_KNOWN;
    switch (fact) {
    case JD_FACT_CONSENT:
        standing = consent_standing(record, question, unconfirmed);
        break;
    case JD_FACT_ACCESS:
        standing = access_standing(record, question->at);
        break;
    case JD_FACT_LICENCE:
        standing = licence_standing(record, question->at);
        break;
    case JD_FACT_ALIGNMENT:
        standing = alignment_standing(record, question->at);
        break;
    case JD_FACT_BLACKOUT:
        standing = record != NULL && !jd_fault_bug("fact_blackout") ? JD_STANDING_DECLARED : standing;
        break;
    case JD_FACT_CONTENT:
    case JD_FACT_ACKNOWLEDGEMENT: /* they are asked in notes.c */
    case JD_FACT_OVERRIDE:
    case JD_FACT_NONE:
    case JD_FACT_END_:
        break;
    }
    return (struct jd_finding){standing, record, NULL};
}

/* Of two findings about alignment the one whose actor is rather the owner. */
static bool is_rather(const struct jd_finding *a, const struct jd_finding *b)
{
    if (a->standing != b->standing)
        return a->standing == JD_STANDING_OWNER;
    if (a->record->from != b->record->from)
        return a->record->from > b->record->from;
    return jd_str_cmp(a->record->about, b->record->about) < 0;
}

struct jd_str jd_facts_owner(const struct jd_facts *facts, enum jd_function function,
                             struct jd_fact_question question)
{
    struct jd_finding owner = {JD_STANDING_ABSENT, NULL, NULL};
    for (uint32_t i = 0; i < facts->count; i++) {
        if (facts->records[i].fact != JD_FACT_ALIGNMENT)
            continue;
        question.actor = facts->records[i].about;
        const struct jd_finding found = jd_facts_find(facts, JD_FACT_ALIGNMENT, &question);
        if ((found.standing == JD_STANDING_OWNER || found.standing == JD_STANDING_DEPUTY) &&
            found.record->function == function && (owner.record == NULL || is_rather(&found, &owner)))
            owner = found;
    }
    return owner.record == NULL ? (struct jd_str){0} : owner.record->about;
}
