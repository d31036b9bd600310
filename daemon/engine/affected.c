#include "engine/affected.h"

#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/conflicts/telling.h"
#include "engine/limits.h"
#include "engine/predicate.h"
#include "engine/tables.h"

/* ---- lines before and now ---- */

/* A rule before and now, and the touch that reads. */
struct reading {
    const struct jd_program *before, *now;
    struct jd_touches *view;
    struct jd_touch *touch;
    struct jd_str hcp;
};

static bool same_limits(const struct reading *r, const struct jd_rule *before, const struct jd_rule *now)
{
    if (now->limits == NULL)
        return before->limits == NULL;
    const struct jd_str *values = jd_limits_values(r->view, now->limits, r->touch);
    uint32_t count, other;
    if (before->limits == NULL || before->limits->by_count != now->limits->by_count)
        return false;
    if (values == NULL)
        return true; /* it takes no part, whatever the lines */
    const struct jd_limit_row *rows = jd_limits_about(now->limits, values, &count);
    const struct jd_limit_row *others = jd_limits_about(before->limits, values, &other);
    bool same = count == other;
    for (uint32_t i = 0; same && i < count; i++)
        same = rows[i].from == others[i].from && rows[i].until == others[i].until &&
               rows[i].limit.units == others[i].limit.units && rows[i].limit.scale == others[i].limit.scale &&
               rows[i].within.unit == others[i].within.unit &&
               rows[i].within.amount == others[i].within.amount &&
               rows[i].within.longest == others[i].within.longest;
    return same;
}

static bool same_record(const struct jd_fact_record *a, const struct jd_fact_record *b)
{
    return jd_fact_order(a, b) == 0 && a->function == b->function;
}

static bool same_lines(const struct reading *r, enum jd_fact fact, enum jd_scope scope, struct jd_str key)
{
    uint32_t count, other;
    const struct jd_fact_line *lines = jd_fact_lines_about(&r->now->facts[fact], scope, key, &count);
    const struct jd_fact_line *others = jd_fact_lines_about(&r->before->facts[fact], scope, key, &other);
    bool same = count == other;
    for (uint32_t i = 0; same && i < count; i++)
        same = same_record(lines[i].record, others[i].record) &&
               lines[i].hours.from_ms == others[i].hours.from_ms &&
               lines[i].hours.until_ms == others[i].hours.until_ms &&
               lines[i].hours.days == others[i].hours.days;
    return same;
}

static bool same_facts(const struct reading *r, enum jd_fact fact)
{
    const struct jd_event *event = r->touch->event;
    const struct jd_str place = jd_touches_jurisdiction(r->view, event);
    const struct jd_str hcp = r->hcp.ptr != NULL ? r->hcp : event->hcp_id; /* whose touch of another key */
    bool same = same_lines(r, fact, JD_SCOPE_NONE, (struct jd_str){0});
    for (uint32_t size = place.size; same && size > 0; size--)
        same = (size < place.size && place.ptr[size] != '-') ||
               same_lines(r, fact, JD_SCOPE_NONE, (struct jd_str){place.ptr, size});
    same = same && (hcp.ptr == NULL || same_lines(r, fact, JD_SCOPE_HCP, hcp));
    return same &&
           (event->account_id.ptr == NULL || same_lines(r, fact, JD_SCOPE_ACCOUNT, event->account_id));
}

static bool same_content(const struct reading *r)
{
    const struct jd_program *a = r->before, *b = r->now;
    const struct jd_str id = r->touch->event->content_id;
    uint32_t i = 0, k = 0;
    bool same = true;
    while (same && id.ptr != NULL && (i < a->content_count || k < b->content_count)) { /* both are sorted */
        while (i < a->content_count && !jd_str_eq(a->contents[i].id, id))
            i++;
        while (k < b->content_count && !jd_str_eq(b->contents[k].id, id))
            k++;
        if (i == a->content_count || k == b->content_count)
            return i == a->content_count && k == b->content_count;
        const struct jd_content *x = &a->contents[i++], *y = &b->contents[k++];
        same = x->channel == y->channel && x->function == y->function && jd_str_eq(x->product, y->product) &&
               x->from == y->from && x->until == y->until;
    }
    return same;
}

static bool same_texts(const struct jd_texts *a, const struct jd_texts *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = jd_str_eq(a->items[i], b->items[i]);
    return same;
}

static bool same_column(const struct reading *r, const struct jd_predicate *before,
                        const struct jd_predicate *now)
{
    const struct jd_str id = jd_table_id(now->table, r->touch->event);
    uint32_t count, other;
    const struct jd_table_line *lines = jd_table_about(&r->now->tables[now->table], id, &count);
    const struct jd_table_line *others = jd_table_about(&r->before->tables[now->table], id, &other);
    bool same = count == other;
    for (uint32_t i = 0; same && i < count; i++)
        same = lines[i].from == others[i].from && lines[i].until == others[i].until &&
               same_texts(&lines[i].cells[now->column], &others[i].cells[before->column]);
    return same;
}

/* The rule's text is the same, so its predicates have the same parts. */
static bool same_asked(const struct reading *r, const struct jd_predicate *before,
                       const struct jd_predicate *now)
{
    bool same = before->part_count == now->part_count;
    for (uint32_t i = 0; same && i < now->part_count; i++)
        same = same_asked(r, &before->parts[i], &now->parts[i]);
    if (!same || (now->ask != JD_ASK_FACT && now->ask != JD_ASK_TABLE && now->ask != JD_ASK_AMONG))
        return same;
    if (now->ask != JD_ASK_FACT)
        return same_column(r, before, now);
    return now->fact == JD_FACT_CONTENT   ? same_content(r)
           : now->fact == JD_FACT_CONSENT ? r->before->channels_digest == r->now->channels_digest
                                          : same_facts(r, now->fact);
}

static bool same_workdays(const struct reading *r)
{
    const struct jd_market *a = jd_touches_market(r->view, r->before, r->touch->event);
    const struct jd_market *b = jd_touches_market(r->view, r->now, r->touch->event);
    if (a == NULL || b == NULL)
        return a == b;
    bool same = a->workdays.weekend == b->workdays.weekend && a->workdays.count == b->workdays.count;
    for (uint32_t i = 0; same && i < a->workdays.count; i++)
        same = a->workdays.holidays[i] == b->workdays.holidays[i];
    return same;
}

/* How long an alert may still change follows from the longest that so many business days take in any calendar. */
static bool same_longest(const struct jd_rule *before, const struct jd_rule *now)
{
    bool same = before->within.longest == now->within.longest &&
                before->resolve_within.longest == now->resolve_within.longest &&
                before->plus.longest == now->plus.longest && before->version_count == now->version_count;
    for (uint32_t v = 0; same && v < now->version_count; v++)
        same = same_longest(&before->versions[v], &now->versions[v]); /* a version has none of its own */
    return same;
}

/* Does the touch read the same lines for this rule? */
static bool same_reading(struct reading *r, const struct jd_rule *before, const struct jd_rule *now)
{
    bool same = same_limits(r, before, now);
    bool owned = now->owner != JD_FUNCTION_NONE;
    for (uint32_t v = 0; same && v < now->version_count; v++) {
        same = same_limits(r, &before->versions[v], &now->versions[v]);
        owned = owned || now->versions[v].owner != JD_FUNCTION_NONE;
    }
    same = same && (now->require == NULL || same_asked(r, before->require, now->require));
    same = same && (!owned || same_facts(r, JD_FACT_ALIGNMENT));
    return same && (!r->now->workdays || same_workdays(r));
}

/* ---- the rules of a state ---- */

static bool named_by(struct jd_step *step, const struct jd_slot *slot, const struct jd_rule *rule)
{
    const struct jd_str id = slot->kind == JD_ENTRY_ALERT ? jd_slot_alert(step->key, slot, step->arena)->rule
                             : slot->kind == JD_ENTRY_DEADLINE
                                 ? jd_slot_deadline(step->key, slot, step->arena)->rule
                                 : jd_slot_period(step->key, slot, step->arena)->rule;
    return rule != NULL ? jd_str_eq(id, rule->id) : jd_rule_named(step->program, id) == NULL;
}

/* Is there an alert, a deadline or a period of the rule; NULL: of one that is in force no more? */
static bool has_entry(struct jd_step *step, const struct jd_rule *rule)
{
    static const uint8_t kinds[] = {JD_ENTRY_ALERT, JD_ENTRY_DEADLINE, JD_ENTRY_PERIOD};
    for (size_t k = 0; k < JD_COUNT(kinds); k++) {
        uint32_t from, to;
        jd_state_range(step->state, kinds[k], &from, &to);
        for (; from < to; from++)
            if (named_by(step, &step->state->slots[from], rule))
                return true;
    }
    return false;
}

/* Is there a touch of the rule, number `index`, for which it comes to something else than `before`; NULL: not known? */
static bool has_touch(struct jd_step *step, struct reading *r, uint32_t index, const struct jd_rule *before)
{
    const struct jd_rule *rule = &step->program->rules[index];
    uint32_t from, to;
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (; from < to; from++) {
        const struct jd_slot *slot = &step->state->slots[from];
        if (!(slot->flags & JD_SLOT_STANDS) || !jd_selectors_ask(jd_slot_bits(step->fold, slot), index))
            continue;
        if (before == NULL)
            return true;
        r->touch = jd_touches_open(r->view, slot);
        jd_touch_load(r->view, r->touch);
        if (!same_reading(r, before, rule))
            return true;
    }
    return false;
}

/* Rules that look at a profile or at facts by themselves, whatever touches there are. */
static bool looks_by_itself(const struct jd_rule *rule)
{
    return rule->kind->find_due != NULL || rule->kind->find_facts != NULL;
}

static const struct jd_rule *rule_before(const struct jd_fold *fold, const struct jd_rule *rule)
{
    const struct jd_rule *before = fold->before != NULL && !fold->review.times && !rule->rewritten
                                       ? jd_rule_named(fold->before, rule->id)
                                       : NULL;
    return before != NULL && same_longest(before, rule) ? before : NULL;
}

bool jd_step_is_affected(struct jd_step *step)
{
    const struct jd_program *program = step->program;
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    struct reading r = {.before = step->fold->before, .now = program, .view = &view, .hcp = step->hcp};
    if (jd_fault_bug("review_skips"))
        return false;
    bool affected = step->fold->review.gone && has_entry(step, NULL);
    for (uint32_t i = 0; i < program->rule_count && !affected; i++) {
        const struct jd_rule *rule = &program->rules[i];
        const struct jd_rule *before = rule_before(step->fold, rule);
        if (!rule->pending || rule->key != step->scope)
            continue;
        affected = looks_by_itself(rule) || has_touch(step, &r, i, before) ||
                   (before == NULL && has_entry(step, rule));
    }
    return affected;
}
