/* Rules on facts (subject:): what is about to end with nothing to follow, and records that contradict each other.
 *
 *   absence with lead:   from ──────────────── until - lead ──── until
 *                                               └─ from here on, unless a later record takes its place
 *   proximity:           two records of one fact, for the same channel and product, since the same instant,
 *                        that say different things
 *
 * Their instances are named by the fact: type, channel, product, since when, and for a licence its jurisdiction,
 * for an alignment the actor. Nobody's touch takes part. */
#include "base/avro.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/kinds.h"
#include "engine/predicate.h"

static struct jd_str text_or_nothing(struct jd_str text)
{
    return text.ptr != NULL ? text : JD_STR("");
}

enum { PARTS = 5 };

/* What names the instance of a fact; how many parts. */
static uint32_t parts_of(const struct jd_touches *view, const struct jd_fact_record *record,
                         struct jd_str parts[PARTS])
{
    parts[0] = jd_symbol_text(&jd_fact_symbols, record->fact);
    parts[1] = text_or_nothing(jd_symbol_text(&jd_channel_symbols, record->channel));
    parts[2] = text_or_nothing(record->product);
    parts[3] = jd_time_text(record->from, view->arena);
    parts[4] = record->about;
    return record->about.ptr != NULL ? PARTS : PARTS - 1;
}

static struct jd_instance *name(struct jd_touches *view, const struct jd_fact_record *record,
                                struct jd_instances *out)
{
    struct jd_str *parts = jd_arena_array(view->arena, PARTS, sizeof *parts);
    return jd_instances_add(out, parts, parts_of(view, record, parts));
}

bool jd_subject_is_held(struct jd_touches *view, const struct jd_list *instance)
{
    const struct jd_facts *facts = jd_touches_facts(view);
    const struct jd_str *named = instance->items;
    for (uint32_t i = 0; i < facts->count; i++) {
        struct jd_str parts[PARTS];
        bool same = parts_of(view, &facts->records[i], parts) == instance->count;
        for (uint32_t k = 0; same && k < instance->count; k++)
            same = jd_str_eq(parts[k], named[k]);
        if (same)
            return true;
    }
    return false;
}

static void hold(struct jd_touches *view, const struct jd_rule *rule, struct jd_instance *instance,
                 const struct jd_reads *reads, jd_time horizon)
{
    const struct jd_reading none = {NULL, NULL};
    jd_instance_hold(view, instance, NULL, 0);
    instance->facts = (struct jd_list){reads->items, reads->count};
    instance->horizon = horizon;
    instance->observed.scale = instance->limit.scale = JD_DECIMAL_NONE;
    jd_instance_weigh(rule, instance, &none, 1);
}

static struct jd_str state_of(const struct jd_fact_record *record)
{
    return jd_symbol_text(&jd_fact_state_symbols, record->state);
}

/* ---- what is about to end ---- */

/* Is there something that can run out? */
static bool can_end(const struct jd_touches *view, const struct jd_rule *rule,
                    const struct jd_fact_record *record)
{
    if (record->fact != rule->subject || record->until == JD_NEVER || record->until <= record->from ||
        !jd_rule_valid(rule, record->until))
        return false;
    if (record->fact == JD_FACT_ACCESS)
        return record->state != JD_FACT_STATE_OPEN;
    return record->state == JD_FACT_STATE_GRANTED &&
           jd_fact_is_confirmed(view->facts, view->fold->program, record, record->until);
}

/* Another record for all that this one is for, which decides where both apply. */
static bool follows(const struct jd_facts *facts, const struct jd_fact_record *record)
{
    for (uint32_t i = 0; i < facts->count; i++) {
        const struct jd_fact_record *r = &facts->records[i];
        if (r->fact == record->fact && r->state != JD_FACT_STATE_CONFIRMED &&
            (r->channel == JD_CHANNEL_NONE || r->channel == record->channel) &&
            (r->product.ptr == NULL || jd_str_eq(r->product, record->product)) &&
            jd_str_eq(r->about, record->about) && jd_fact_order(r, record) > 0)
            return true;
    }
    return false;
}

jd_time jd_expiry_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_instances *out)
{
    const struct jd_facts *facts = jd_touches_facts(view);
    jd_time next = JD_NEVER;
    for (uint32_t i = 0; i < facts->count; i++) {
        const struct jd_fact_record *record = &facts->records[i];
        if (!can_end(view, rule, record) || (follows(facts, record) && !jd_fault_bug("subject_lead")))
            continue;
        jd_time from = record->until - rule->within.amount;
        if (view->now < from) {
            next = from < next ? from : next;
            continue;
        }
        struct jd_reads reads = {.arena = view->arena};
        jd_reads_add_record(&reads, state_of(record), record);
        hold(view, rule, name(view, record, out), &reads, record->until);
    }
    return next;
}

/* ---- what contradicts itself ---- */

static bool same_fact(const struct jd_fact_record *a, const struct jd_fact_record *b)
{
    return a->fact == b->fact && a->channel == b->channel && jd_str_eq(a->product, b->product) &&
           jd_str_eq(a->about, b->about) && a->from == b->from && a->state != JD_FACT_STATE_CONFIRMED &&
           b->state != JD_FACT_STATE_CONFIRMED;
}

/* The records of one fact, the one that decides first; sorted as they come. */
static void add_sorted(const struct jd_fact_record **list, uint32_t count,
                       const struct jd_fact_record *record)
{
    uint32_t at = count;
    for (; at > 0 && jd_fact_order(list[at - 1], record) < 0; at--)
        list[at] = list[at - 1];
    list[at] = record;
}

jd_time jd_contradiction_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_instances *out)
{
    const struct jd_facts *facts = jd_touches_facts(view);
    const struct jd_fact_record **same =
        jd_arena_array(view->arena, facts->count, sizeof(struct jd_fact_record *));
    for (uint32_t i = 0; i < facts->count; i++) {
        const struct jd_fact_record *record = &facts->records[i];
        uint32_t count = 0, before = 0, others = 0;
        for (uint32_t k = 0; record->fact == rule->subject && k < facts->count; k++) {
            if (!same_fact(record, &facts->records[k]))
                continue;
            before += k < i;
            others += facts->records[k].state != record->state;
            add_sorted(same, count++, &facts->records[k]);
        }
        if (before > 0 || (others == 0 && !jd_fault_bug("subject_same")) || count < 2 ||
            !jd_rule_valid(rule, record->from))
            continue;
        struct jd_reads reads = {.arena = view->arena};
        for (uint32_t k = 0; k < count && k < JD_READS_MAX; k++)
            jd_reads_add_record(&reads, state_of(same[k]), same[k]);
        hold(view, rule, name(view, record, out), &reads, JD_NEVER);
    }
    return JD_NEVER;
}
