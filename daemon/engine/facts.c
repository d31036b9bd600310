#include "engine/facts.h"

#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/tables.h"
#include "engine/time.h"

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
        [JD_FACT_QUIET_HOURS] = BIT(NONE_KNOWN) | BIT(QUIET),
    };
#undef BIT
    return standings[fact];
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

/* The record that decides a question so far, and since when it counts. */
struct decision {
    const struct jd_facts *facts;
    const struct jd_fact_question *question;
    bool twice; /* grants count from their confirmation */
    const struct jd_fact_record *record;
    jd_time since;
    bool unconfirmed; /* a grant was passed over for want of it */
};

static void consider(struct decision *d, const struct jd_fact_record *r)
{
    const struct jd_fact_question *q = d->question;
    const bool each = r->fact == JD_FACT_BLACKOUT || r->fact == JD_FACT_QUIET_HOURS;
    if (r->state == JD_FACT_STATE_CONFIRMED || !applies(r, q) || (each && r->until <= q->at))
        return;
    jd_time from = r->from;
    if (d->twice && r->state == JD_FACT_STATE_GRANTED) {
        jd_time confirmed = confirmation(d->facts, r, q->at);
        if (confirmed == JD_TIME_NONE) {
            d->unconfirmed = true;
            return;
        }
        from = confirmed > from ? confirmed : from;
    }
    if (d->record == NULL || order_since(r, from, d->record, d->since) > 0) {
        d->record = r;
        d->since = from;
    }
}

static void consider_lines(struct decision *d, enum jd_fact fact, enum jd_scope scope, struct jd_str key)
{
    uint32_t count;
    const struct jd_fact_line *lines =
        jd_fact_lines_about(&d->question->program->facts[fact], scope, key, &count);
    for (uint32_t i = 0; i < count; i++)
        if (fact != JD_FACT_QUIET_HOURS || jd_hours_hold(&lines[i].hours, d->question->zone, d->question->at))
            consider(d, lines[i].record);
}

/* What tables say: everywhere, in the touch's market and (US-NY) what that is in; of the physician, of the account. */
static void consider_tables(struct decision *d, enum jd_fact fact)
{
    const struct jd_fact_question *q = d->question;
    const struct jd_fact_lines *lines = &q->program->facts[fact];
    if (lines->count == 0 || jd_fault_bug("fact_tables"))
        return;
    consider_lines(d, fact, JD_SCOPE_NONE, (struct jd_str){0});
    for (uint32_t size = q->place.size; size > 0; size--)
        if (size == q->place.size || q->place.ptr[size] == '-')
            consider_lines(d, fact, JD_SCOPE_NONE, (struct jd_str){q->place.ptr, size});
    if (q->hcp.ptr != NULL)
        consider_lines(d, fact, JD_SCOPE_HCP, q->hcp);
    if (q->account.ptr != NULL)
        consider_lines(d, fact, JD_SCOPE_ACCOUNT, q->account);
}

static struct decision decide(const struct jd_facts *facts, enum jd_fact fact,
                              const struct jd_fact_question *q)
{
    struct decision d = {.facts = facts,
                         .question = q,
                         .twice = fact == JD_FACT_CONSENT &&
                                  consent_policy(q->program, q->channel)->double_opt_in &&
                                  !jd_fault_bug("fact_single_opt_in"),
                         .since = JD_TIME_NONE};
    for (uint32_t i = 0; i < facts->count; i++)
        if (facts->records[i].fact == fact)
            consider(&d, &facts->records[i]);
    consider_tables(&d, fact);
    return d;
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
    const struct decision decided = decide(facts, fact, question);
    const struct jd_fact_record *record = decided.record;
    enum jd_standing standing = JD_STANDING_NONE_KNOWN;
    switch (fact) {
    case JD_FACT_CONSENT:
        standing = consent_standing(record, question, decided.unconfirmed);
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
    case JD_FACT_QUIET_HOURS:
        standing = record != NULL ? JD_STANDING_QUIET : standing;
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

/* Is the actor of an alignment rather the owner than the one found so far? */
static void consider_owner(const struct jd_facts *facts, enum jd_function function,
                           struct jd_fact_question *question, struct jd_str actor, struct jd_finding *owner)
{
    question->actor = actor;
    const struct jd_finding found = jd_facts_find(facts, JD_FACT_ALIGNMENT, question);
    if ((found.standing == JD_STANDING_OWNER || found.standing == JD_STANDING_DEPUTY) &&
        found.record->function == function && (owner->record == NULL || is_rather(&found, owner)))
        *owner = found;
}

struct jd_str jd_facts_owner(const struct jd_facts *facts, enum jd_function function,
                             struct jd_fact_question question)
{
    struct jd_finding owner = {JD_STANDING_ABSENT, NULL, NULL};
    const struct jd_fact_lines *table = &question.program->facts[JD_FACT_ALIGNMENT];
    for (uint32_t i = 0; i < facts->count; i++)
        if (facts->records[i].fact == JD_FACT_ALIGNMENT)
            consider_owner(facts, function, &question, facts->records[i].about, &owner);
    for (int of_account = 0; of_account < 2; of_account++) {
        struct jd_str key = of_account ? question.account : question.hcp;
        uint32_t count = 0;
        const struct jd_fact_line *lines =
            key.ptr == NULL
                ? NULL
                : jd_fact_lines_about(table, of_account ? JD_SCOPE_ACCOUNT : JD_SCOPE_HCP, key, &count);
        for (uint32_t i = 0; i < count; i++)
            consider_owner(facts, function, &question, lines[i].record->about, &owner);
    }
    return owner.record == NULL ? (struct jd_str){0} : owner.record->about;
}
