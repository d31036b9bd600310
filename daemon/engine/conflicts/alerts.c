#include "engine/conflicts/alerts.h"

#include "base/avro.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/alert.h"
#include "engine/conflicts/evidence.h"
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/over.h"
#include "engine/conflicts/telling.h"
#include "engine/ids.h"

/* ---- deadlines ---- */

/* A timer of a rule, for the bearer of an instance or without one: put and deleted as its deadline comes and goes. */
static void put_deadline(struct jd_step *step, const struct jd_rule *rule, struct jd_str bearer,
                         jd_time deadline)
{
    const struct jd_record *record = jd_entry_records[JD_ENTRY_DEADLINE - 1];
    struct jd_deadline_entry body = {rule->id, bearer};
    struct jd_str name = jd_value_name(JD_ENTRY_DEADLINE, step->key, &body, step->arena);
    const struct jd_slot *held = jd_state_slot(step->state, JD_ENTRY_DEADLINE, 0, name, step->arena);
    if (deadline == JD_NEVER) {
        if (held != NULL)
            jd_step_delete(step, held);
    } else if (held == NULL || held->due != deadline) {
        jd_step_put(step, held,
                    &(struct jd_put){JD_ENTRY_DEADLINE, name, deadline,
                                     jd_avro_bytes(record, &body, step->arena), &body});
    }
}

static void set_deadline(struct jd_step *step, const struct jd_rule *rule, const struct jd_instance *instance)
{
    const struct jd_touch *bearer = instance->bearer;
    put_deadline(step, rule, jd_entry_id(JD_ENTRY_ENGAGEMENT, bearer->class, bearer->key, step->arena),
                 instance->deadline);
}

/* ---- what held before against what holds now ---- */

struct item {
    const struct jd_rule *rule;
    const struct jd_instance *instance; /* NULL: does not hold */
    const struct jd_alert *alert;       /* NULL: was not there */
    uint32_t hash;                      /* of the instance, where there is one */
};

struct items {
    struct item *items;
    uint32_t count, capacity;
};

static struct jd_str item_part(const struct item *item, uint32_t i)
{
    if (item->instance != NULL)
        return i < item->instance->part_count ? item->instance->parts[i] : (struct jd_str){0};
    return i < item->alert->instance.count ? ((const struct jd_str *)item->alert->instance.items)[i]
                                           : (struct jd_str){0};
}

/* How much an instance says: it holds, it will be asked again, it does not hold. */
static int item_rank(const struct item *item)
{
    if (item->instance == NULL)
        return 3;
    return item->instance->status != JD_STATUS_NONE ? 2 : item->instance->deadline != JD_NEVER;
}

/* By rule, then instance; of one instance what was there before what holds before what does not. */
static int item_order(const struct item *x, const struct item *y)
{
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1; /* rules are sorted by id */
    for (uint32_t i = 0; i < JD_ALERT_PARTS_MAX; i++) {
        int order = jd_str_cmp(item_part(x, i), item_part(y, i));
        if (order != 0)
            return order;
    }
    return item_rank(y) - item_rank(x);
}

static void items_add(struct jd_step *step, struct items *list, struct item item)
{
    if (list->count == list->capacity)
        list->items =
            jd_arena_grow(step->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count++] = item;
}

static bool is_civil(const struct jd_span *span)
{
    return span->unit != 0 && span->unit != JD_SPAN_MS;
}

/* Does a rule reckon with local dates anywhere, or by tables, that is, perhaps by profile? */
static bool civil_rule(const struct jd_rule *rule)
{
    bool civil = is_civil(&rule->within) || is_civil(&rule->resolve_within) || is_civil(&rule->plus) ||
                 (rule->period != JD_PERIOD_NONE && rule->period != JD_PERIOD_TOUCH) || rule->limits != NULL;
    for (uint32_t i = 0; i < rule->severity_count; i++)
        civil = civil || (rule->severities[i].within != NULL && is_civil(rule->severities[i].within));
    for (uint32_t i = 0; i < rule->version_count; i++)
        civil = civil || civil_rule(&rule->versions[i]); /* a version has none of its own */
    return civil;
}

static bool is_instance(const struct item *item, const struct jd_alert *alert)
{
    const struct item other = {.alert = alert};
    for (uint32_t i = 0; i < JD_ALERT_PARTS_MAX; i++)
        if (!jd_str_eq(item_part(item, i), item_part(&other, i)))
            return false;
    return jd_str_eq(item->rule->id, alert->rule);
}

/* Which alerts are looked at again: those of instances found, those that have the engagement as a member,
 * those of rules that are swept. */
struct concern {
    struct jd_str key;                  /* absent: no engagement */
    struct jd_str hcp;                  /* under another key than a physician: whose touch of it */
    const struct jd_engagement *before; /* its version until now; NULL: none, or no touch, or the same */
    bool (*swept)(const struct jd_rule *rule); /* NULL: none is */
};

/* Was it a member itself, and not another attendee's touch of the engagement? */
static bool had_member(const struct jd_alert *alert, const struct concern *concern)
{
    const struct jd_event *events = alert->evidence.items;
    for (uint32_t i = 0; i < alert->evidence.count; i++)
        if (jd_str_eq(events[i].engagement_id, concern->key) && jd_str_eq(events[i].hcp_id, concern->hcp))
            return true;
    return false;
}

/* Is an alert concerned? Of a pair nothing is cut off; what else the engagement is a member of was found. */
static bool concerned(const struct jd_slot *slot, const struct jd_alert *alert, const struct concern *concern,
                      const struct jd_rule *rule, const struct items *list, uint32_t found)
{
    if ((concern->swept != NULL && concern->swept(rule)) ||
        (concern->key.ptr != NULL && jd_evidence_names(alert, concern->key)))
        return true;
    for (uint32_t i = 0; i < found; i++)
        if (list->items[i].hash == slot->instance && is_instance(&list->items[i], alert))
            return true;
    return false;
}

/* May it be? Its slot says no in most cases. */
static bool maybe_concerned(const struct jd_slot *slot, uint32_t member, const struct items *list,
                            uint32_t found)
{
    if (member != 0 && (slot->filter & member) == member)
        return true;
    for (uint32_t i = 0; i < found; i++)
        if (list->items[i].hash == slot->instance)
            return true;
    return false;
}

/* Adds the alerts that are concerned to the instances found. */
static void gather_alerts(struct jd_step *step, const struct concern *concern, struct items *list)
{
    uint32_t from, to, found = list->count;
    uint32_t member = concern->key.ptr != NULL ? jd_filter_bits(jd_hash32(concern->key)) : 0;
    jd_state_range(step->state, JD_ENTRY_ALERT, &from, &to);
    for (; from < to; from++) {
        const struct jd_slot *slot = &step->state->slots[from];
        if (concern->swept == NULL && !maybe_concerned(slot, member, list, found))
            continue;
        const struct jd_alert *alert = jd_slot_alert(step->key, slot, step->arena);
        const struct jd_rule *rule = jd_rule_named(step->program, alert->rule);
        if (rule != NULL && concerned(slot, alert, concern, rule, list, found))
            items_add(step, list, (struct item){.rule = rule, .alert = alert});
    }
}

static void items_add_instances(struct jd_step *step, const struct jd_rule *rule,
                                const struct jd_instances *found, struct items *list)
{
    for (uint32_t i = 0; i < found->count; i++) {
        const struct jd_instance *instance = &found->items[i];
        items_add(step, list,
                  (struct item){.rule = rule,
                                .instance = instance,
                                .hash = jd_instance_hash(rule->id, instance->parts, instance->part_count)});
    }
}

static void gather_rule(struct jd_step *step, struct jd_touches *view, const struct jd_rule *rule,
                        struct jd_touch *x, struct items *list)
{
    if (x->gone && rule->kind->pairs)
        return; /* its alerts have it as a member */
    struct jd_instances found = {.arena = step->arena};
    jd_rule_find(view, rule, x, &found);
    items_add_instances(step, rule, &found, list);
}

/* A rule whose instances need no touch: those that are judged and were not before `since`; its timer follows. */
static void gather_due(struct jd_step *step, struct jd_touches *view, const struct jd_rule *rule,
                       jd_time since, struct items *list)
{
    struct jd_instances found = {.arena = step->arena};
    rule->kind->find_due(view, rule, since, &found);
    items_add_instances(step, rule, &found, list);
    put_deadline(step, rule, JD_STR(""), rule->kind->next_due(view, rule));
}

/* The rule of the first selector bit of word `w`. */
static const struct jd_rule *rule_at(const struct jd_program *program, uint32_t w, uint64_t rules)
{
    return &program
                ->rules[w * JD_SELECTOR_WORD_RULES + (uint32_t)__builtin_ctzll(rules) / JD_SELECTOR_STRIDE];
}

/* What touch x can change: the rules of which it matches a selector, each once; of these those that are
 * `wanted`, NULL: all. */
static void gather_instances(struct jd_step *step, struct jd_touches *view, struct jd_touch *x,
                             bool (*wanted)(const struct jd_rule *rule), struct items *list)
{
    const struct jd_program *program = step->program;
    for (uint32_t w = 0; w < step->fold->selectors.words; w++) {
        uint64_t rules = x->bits[w];
        rules = (rules | rules >> 1 | rules >> 2) & JD_SELECTOR_RULES;
        for (; rules != 0; rules &= rules - 1) {
            const struct jd_rule *rule = rule_at(program, w, rules);
            if (rule->key == step->scope && (wanted == NULL || wanted(rule)))
                gather_rule(step, view, rule, x, list);
        }
    }
}

static bool same_instance(const struct item *a, const struct item *b)
{
    if (a->rule != b->rule)
        return false;
    for (uint32_t i = 0; i < JD_ALERT_PARTS_MAX; i++)
        if (!jd_str_eq(item_part(a, i), item_part(b, i)))
            return false;
    return true;
}

/* Merges runs of 1, 2, 4 … items. */
static void sort(struct jd_step *step, struct items *list)
{
    if (list->count < 2)
        return;
    struct item *from = list->items, *to = jd_arena_array(step->arena, list->count, sizeof *to);
    for (uint32_t run = 1; run < list->count; run *= 2) {
        for (uint32_t start = 0; start < list->count; start += 2 * run) {
            uint32_t a = start, middle = start + run < list->count ? start + run : list->count;
            uint32_t b = middle, end = middle + run < list->count ? middle + run : list->count;
            for (uint32_t i = start; i < end; i++)
                to[i] =
                    a < middle && (b == end || item_order(&from[a], &from[b]) <= 0) ? from[a++] : from[b++];
        }
        struct item *other = from;
        from = to;
        to = other;
    }
    list->items = from;
}

/* Was `engagement` a member of an alert whose evidence is cut? Its instance, as it was found then, says so. */
static bool was_member(struct jd_step *step, const struct jd_rule *rule, const struct jd_alert *alert,
                       const struct jd_engagement *engagement)
{
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    struct jd_instances found = {.arena = step->arena};
    view.logged = rule->logged;
    const struct jd_touch *touch = jd_touches_restore(&view, engagement);
    jd_rule_find(&view, rule, view.supposed, &found);
    for (uint32_t i = 0; i < found.count; i++) {
        const struct item item = {.rule = rule, .instance = &found.items[i]};
        for (uint32_t m = 0; is_instance(&item, alert) && m < found.items[i].member_count; m++)
            if (found.items[i].members[m] == touch)
                return true;
    }
    return false;
}

/* Why an alert no longer holds: for the cause of the change, if that was about a member. */
static enum jd_cause cause_for(struct jd_step *step, const struct jd_rule *rule, const struct jd_alert *alert,
                               const struct concern *concern, enum jd_cause cause)
{
    if (concern->key.ptr == NULL)
        return cause;
    bool member =
        concern->hcp.ptr != NULL ? had_member(alert, concern) : jd_evidence_names(alert, concern->key);
    if (!member && jd_evidence_is_cut(alert) && concern->before != NULL)
        member = was_member(step, rule, alert, concern->before);
    return member ? cause : JD_CAUSE_CORRECTED;
}

/* One instance: what was there, if anything, against what is. */
static void settle_one(struct jd_step *step, const struct item *item, const struct jd_alert *held,
                       const struct concern *concern, enum jd_cause cause)
{
    const struct jd_instance *instance = item->instance;
    if (instance != NULL && item->rule->kind->deadlines)
        set_deadline(step, item->rule, instance);
    if (instance != NULL && instance->status != JD_STATUS_NONE)
        jd_alert_hold(step, item->rule, instance, held, cause);
    else if (jd_alert_stands(held) && !(cause == JD_CAUSE_RESCHEDULED && jd_fault_bug("move_forgets_old")))
        jd_alert_retract(step, held, cause_for(step, item->rule, held, concern, cause));
}

static void settle(struct jd_step *step, struct items *list, const struct concern *concern,
                   enum jd_cause cause)
{
    gather_alerts(step, concern, list);
    sort(step, list);
    for (uint32_t i = 0; i < list->count;) {
        const struct item *first = &list->items[i], *item = first;
        if (first->alert != NULL && i + 1 < list->count && same_instance(first, first + 1))
            item = first + 1;
        settle_one(step, item, first->alert, concern, cause);
        for (i++; i < list->count && same_instance(first, &list->items[i]);)
            i++; /* the same again, or less */
    }
}

void jd_alerts_refresh(struct jd_step *step, const struct jd_engagement *after,
                       const struct jd_engagement *before, enum jd_cause cause)
{
    struct jd_str engagement_key = jd_engagement_key(&after->event, step->arena);
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    struct items list = {0};
    uint32_t hash = jd_hash32(engagement_key), from, to;
    if (before != NULL && !jd_touch_stands(before))
        before = NULL;
    if (before != NULL)
        gather_instances(step, &view, jd_touches_gone(&view, before), NULL, &list);
    struct jd_str hcp;
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (; from < to; from++) {
        const struct jd_slot *slot = &step->state->slots[from];
        if (slot->hash == hash && (slot->flags & JD_SLOT_STANDS) &&
            jd_str_eq(jd_slot_engagement_key(slot, &hcp, step->arena), engagement_key))
            gather_instances(step, &view, jd_touches_open(&view, slot), NULL, &list);
    }
    const struct concern concern = {.key = engagement_key,
                                    .hcp = step->hcp.ptr == NULL ? after->event.hcp_id : (struct jd_str){0},
                                    .before = before};
    settle(step, &list, &concern, cause);
}

/* Looks again at the wanted rules, for every touch at or after `since`. */
static void refresh_rules(struct jd_step *step, bool (*wanted)(const struct jd_rule *rule), jd_time since,
                          const struct concern *concern, enum jd_cause cause)
{
    bool any = false;
    for (uint32_t i = 0; i < step->program->rule_count; i++)
        any = any || wanted(&step->program->rules[i]);
    if (!any)
        return;
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    struct items list = {0};
    uint32_t from, to;
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (; from < to; from++)
        if ((step->state->slots[from].flags & JD_SLOT_STANDS) && step->state->slots[from].time >= since)
            gather_instances(step, &view, jd_touches_open(&view, &step->state->slots[from]), wanted, &list);
    for (uint32_t i = 0; i < step->program->rule_count; i++)
        if (wanted(&step->program->rules[i]) && step->program->rules[i].kind->find_due != NULL &&
            step->program->rules[i].key == step->scope)
            gather_due(step, &view, &step->program->rules[i], JD_TIME_MIN, &list);
    settle(step, &list, concern, cause);
}

/* The same for all touches, and for alerts of these rules that nothing supports any more. */
static void sweep(struct jd_step *step, bool (*wanted)(const struct jd_rule *rule), enum jd_cause cause)
{
    refresh_rules(step, wanted, JD_TIME_MIN, &(struct concern){.swept = wanted}, cause);
}

static bool is_civil_touch(const struct jd_rule *rule)
{
    return rule->over.ptr == NULL && civil_rule(rule);
}

static bool is_civil_over(const struct jd_rule *rule)
{
    return rule->over.ptr != NULL && civil_rule(rule);
}

static bool asks_facts(const struct jd_rule *rule)
{
    bool asks = rule->require != NULL || rule->owner != JD_FUNCTION_NONE;
    for (uint32_t i = 0; i < rule->version_count; i++)
        asks = asks || rule->versions[i].owner != JD_FUNCTION_NONE;
    return asks;
}

static bool is_subject(const struct jd_rule *rule)
{
    return rule->subject != JD_FACT_NONE;
}

/* Rules on facts look at all of them, and have one deadline: the next that they know of. */
static void refresh_subjects(struct jd_step *step, bool (*wanted)(const struct jd_rule *rule),
                             enum jd_cause cause)
{
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    struct items list = {0};
    bool any = false;
    for (uint32_t i = 0; i < step->program->rule_count; i++) {
        const struct jd_rule *rule = &step->program->rules[i];
        if (!wanted(rule) || rule->key != step->scope)
            continue;
        struct jd_instances found = {.arena = step->arena};
        jd_time next = rule->kind->find_facts(&view, rule, &found);
        items_add_instances(step, rule, &found, &list);
        put_deadline(step, rule, JD_STR("fact:-"), next);
        any = true;
    }
    if (any)
        settle(step, &list, &(struct concern){.swept = wanted}, cause);
}

void jd_alerts_refresh_facts(struct jd_step *step, jd_time since)
{
    if (jd_fault_bug("fact_not_refreshed"))
        return;
    refresh_rules(step, asks_facts, since, &(struct concern){0}, JD_CAUSE_CORRECTED);
    refresh_subjects(step, is_subject, JD_CAUSE_CORRECTED);
}

void jd_alerts_refresh_profile(struct jd_step *step, bool civil)
{
    if (civil)
        sweep(step, is_civil_touch, JD_CAUSE_CORRECTED);
    jd_alerts_refresh_facts(step, JD_TIME_MIN);
    jd_over_follow(step);
    if (civil)
        sweep(step, is_civil_over, JD_CAUSE_CORRECTED);
}

/* What entries of a kind say of their rule. */
static struct jd_str rule_named(struct jd_step *step, const struct jd_slot *slot)
{
    if (slot->kind == JD_ENTRY_ALERT)
        return jd_slot_alert(step->key, slot, step->arena)->rule;
    return slot->kind == JD_ENTRY_DEADLINE ? jd_slot_deadline(step->key, slot, step->arena)->rule
                                           : jd_slot_period(step->key, slot, step->arena)->rule;
}

/* Of a rule that is gone nothing stays but the alerts' last revisions. */
static void drop_gone(struct jd_step *step, uint8_t kind)
{
    uint32_t from, to, count = 0;
    jd_state_range(step->state, kind, &from, &to);
    struct jd_slot *gone = jd_arena_array(step->arena, to - from, sizeof *gone);
    for (; from < to; from++)
        if (jd_rule_named(step->program, rule_named(step, &step->state->slots[from])) == NULL)
            gone[count++] = step->state->slots[from];
    for (uint32_t i = 0; i < count; i++) {
        const struct jd_alert *alert =
            kind == JD_ENTRY_ALERT ? jd_slot_alert(step->key, &gone[i], step->arena) : NULL;
        if (alert == NULL)
            jd_step_delete(step, &gone[i]);
        else if (jd_alert_stands(alert))
            jd_alert_retract(step, alert, JD_CAUSE_POLICY);
    }
}

static bool is_pending(const struct jd_rule *rule)
{
    return rule->pending && rule->subject == JD_FACT_NONE && rule->over.ptr == NULL;
}

static bool is_pending_over(const struct jd_rule *rule)
{
    return rule->pending && rule->over.ptr != NULL;
}

static bool is_pending_subject(const struct jd_rule *rule)
{
    return rule->pending && rule->subject != JD_FACT_NONE;
}

void jd_alerts_review(struct jd_step *step)
{
    drop_gone(step, JD_ENTRY_ALERT);
    drop_gone(step, JD_ENTRY_DEADLINE);
    drop_gone(step, JD_ENTRY_PERIOD);
    jd_over_review(step);
    refresh_subjects(step, is_pending_subject, JD_CAUSE_POLICY);
    sweep(step, is_pending, JD_CAUSE_POLICY);
    jd_over_follow(step);
    sweep(step, is_pending_over, JD_CAUSE_POLICY);
}

/* The instances of the engagement that bears one, all of its attendees. False: it stands no more. */
static bool gather_bearer(struct jd_step *step, struct jd_touches *view, const struct jd_rule *rule,
                          const struct jd_deadline_entry *deadline, struct items *list)
{
    uint8_t class;
    struct jd_str name, hcp;
    if (!jd_entry_id_parse(JD_ENTRY_ENGAGEMENT, deadline->engagement, &class, &name))
        return false;
    uint32_t hash = jd_hash32(name), from, to;
    bool any = false;
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (; from < to; from++) {
        const struct jd_slot *bearer = &step->state->slots[from];
        if (bearer->hash != hash || bearer->class != class || !(bearer->flags & JD_SLOT_STANDS) ||
            !jd_str_eq(jd_slot_engagement_key(bearer, &hcp, step->arena), name))
            continue;
        any = true;
        gather_rule(step, view, rule, jd_touches_open(view, bearer), list);
    }
    return any;
}

void jd_alerts_deadline(struct jd_step *step, const struct jd_slot *slot)
{
    struct jd_deadline_entry deadline = *jd_slot_deadline(step->key, slot, step->arena);
    const struct jd_rule *rule = jd_rule_named(step->program, deadline.rule);
    jd_step_delete(step, slot);
    if (rule != NULL && rule->subject != JD_FACT_NONE) {
        refresh_subjects(step, is_subject, JD_CAUSE_CORRECTED);
        return;
    }
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    struct items list = {0};
    if (rule != NULL && !gather_bearer(step, &view, rule, &deadline, &list) && rule->kind->find_due != NULL)
        gather_due(step, &view, rule, step->now - 1, &list);
    settle(step, &list, &(struct concern){0}, JD_CAUSE_CORRECTED);
}

/* ---- the end of alerts ---- */

static void put_period(struct jd_step *step, struct jd_str id, const struct jd_period_entry *period)
{
    jd_step_put(step, jd_state_slot(step->state, JD_ENTRY_PERIOD, 0, id, step->arena),
                &(struct jd_put){JD_ENTRY_PERIOD, id,
                                 step->now + step->program->allowed_lateness_ms + step->program->window_ms,
                                 jd_avro_bytes(jd_entry_records[JD_ENTRY_PERIOD - 1], period, step->arena),
                                 period});
}

static void remember(struct jd_step *step, struct jd_touches *view, const struct jd_rule *rule,
                     const struct jd_slot *slot)
{
    struct jd_period_entry period;
    if (rule->period != JD_PERIOD_FROM_FIRST ||
        !rule->kind->remember(view, rule, jd_touches_open(view, slot), &period))
        return;
    struct jd_str *parts = jd_arena_array(step->arena, period.values.count + 1, sizeof *parts);
    parts[0] = rule->id;
    for (uint32_t i = 0; i < period.values.count; i++)
        parts[i + 1] = ((const struct jd_str *)period.values.items)[i];
    put_period(step, jd_id_of(parts, period.values.count + 1, step->arena), &period);
}

void jd_alerts_remember(struct jd_step *step, const struct jd_slot *slot)
{
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    const uint64_t *bits = jd_slot_bits(step->fold, slot);
    for (uint32_t w = 0; (slot->flags & JD_SLOT_STANDS) && w < step->fold->selectors.words; w++)
        for (uint64_t rules = bits[w] & JD_SELECTOR_RULES; rules != 0; rules &= rules - 1)
            if (rule_at(step->program, w, rules)->key == step->scope)
                remember(step, &view, rule_at(step->program, w, rules), slot);
}

static bool has_touch_before(const struct jd_state *state, jd_time until)
{
    struct jd_since since = jd_state_since(state, JD_TIME_MIN, until - 1);
    for (const struct jd_slot *slot; (slot = jd_since_next(&since)) != NULL;)
        if (slot->class == JD_CLASS_TOUCH)
            return true;
    return false;
}

/* It goes when there is no touch left that it could keep from beginning a period. */
void jd_alerts_unremember(struct jd_step *step, const struct jd_slot *slot)
{
    struct jd_period_entry period = *jd_slot_period(step->key, slot, step->arena);
    if (has_touch_before(step->state, period.until))
        put_period(step, jd_slot_id(slot, step->arena), &period);
    else
        jd_step_delete(step, slot);
}

/* Is a version of this engagement among the members? A request may share its key with a touch; under
 * another key than the physician's, attendees share it, and versions are not remembered. An alert whose
 * evidence is cut and that does not stand goes with the first member that was kept. */
static bool has_version(struct jd_step *step, const struct jd_rule *rule, const struct jd_alert *alert,
                        const struct jd_engagement *engagement)
{
    const struct jd_event *events = alert->evidence.items;
    for (uint32_t i = 0; i < alert->evidence.count; i++)
        if (step->hcp.ptr == NULL
                ? jd_str_eq(events[i].hcp_id, engagement->event.hcp_id) &&
                      jd_str_eq(events[i].engagement_id, jd_engagement_key(&engagement->event, step->arena))
                : jd_engagement_saw(engagement, &events[i]) != NULL)
            return true;
    return rule != NULL && jd_evidence_is_cut(alert) && jd_alert_stands(alert) &&
           jd_touch_stands(engagement) && was_member(step, rule, alert, engagement);
}

/* Is it a retracted alert about a fact of which nothing is known any more? Before, it may come back, under the next
 * revision. */
static bool is_forgotten(struct jd_touches *view, const struct jd_alert *alert)
{
    return !jd_alert_stands(alert) && jd_alert_is_about_fact(alert) &&
           !jd_subject_is_held(view, &alert->instance);
}

void jd_alerts_forget(struct jd_step *step, const struct jd_engagement *engagement)
{
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    const bool fact = engagement->class == JD_CLASS_FACT;
    struct items gone = {0}; /* closing changes the slots */
    uint32_t from, to;
    uint32_t member = jd_filter_bits(jd_hash32(jd_engagement_key(&engagement->event, step->arena)));
    jd_state_range(step->state, JD_ENTRY_ALERT, &from, &to);
    for (; from < to; from++) {
        const struct jd_slot *slot = &step->state->slots[from];
        if ((slot->filter & member) != member && !(fact && slot->filter == 0))
            continue;
        const struct jd_alert *alert = jd_slot_alert(step->key, slot, step->arena);
        const struct jd_rule *rule = jd_rule_named(step->program, alert->rule);
        if (has_version(step, rule, alert, engagement) || (fact && is_forgotten(&view, alert)))
            items_add(step, &gone, (struct item){.rule = rule, .alert = alert});
    }
    for (uint32_t i = 0; i < gone.count; i++)
        jd_alert_close(
            step, jd_state_slot(step->state, JD_ENTRY_ALERT, 0, gone.items[i].alert->alert_id, step->arena));
}
