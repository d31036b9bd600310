#include "engine/conflicts/alert.h"

#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/kinds.h"
#include "engine/ids.h"

enum { ID_PARTS_MAX = 8 };

enum jd_alert_phase jd_members_phase(const struct jd_touch *const *members, uint32_t count, jd_time now)
{
    for (uint32_t i = 0; i < count; i++)
        if (members[i]->phase == JD_PHASE_PLANNED && members[i]->time > now)
            return JD_ALERT_PHASE_PREVENTABLE;
    return JD_ALERT_PHASE_INCIDENT;
}

struct jd_instance *jd_instances_add(struct jd_instances *list)
{
    if (list->count == list->capacity)
        list->items =
            jd_arena_grow(list->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count] = (struct jd_instance){0};
    return &list->items[list->count++];
}

/* ---- one alert ---- */

static struct jd_list parts_of(const struct jd_step *step, const struct jd_instance *instance)
{
    struct jd_str *parts = jd_arena_array(step->arena, instance->part_count, sizeof *parts);
    memcpy(parts, instance->parts, instance->part_count * sizeof *parts);
    return (struct jd_list){parts, instance->part_count};
}

static struct jd_list evidence_of(const struct jd_step *step, const struct jd_instance *instance)
{
    struct jd_event *events = jd_arena_array(step->arena, instance->member_count, sizeof *events);
    for (uint32_t i = 0; i < instance->member_count; i++)
        events[i] = *instance->members[i]->event;
    return (struct jd_list){events, instance->member_count};
}

static struct jd_str alert_id(const struct jd_step *step, const struct jd_rule *rule,
                              const struct jd_instance *instance)
{
    struct jd_str parts[ID_PARTS_MAX] = {rule->id, jd_symbol_text(&jd_scope_symbols, (uint8_t)rule->scope),
                                         step->hcp};
    uint32_t count = 3;
    for (uint32_t i = 0; i < instance->part_count; i++)
        parts[count++] = instance->parts[i];
    return jd_id_of(parts, count, step->arena);
}

/* The account, where all members agree on one. */
static struct jd_str account_of(const struct jd_instance *instance)
{
    struct jd_str account = instance->members[0]->event->account_id;
    for (uint32_t i = 1; i < instance->member_count; i++)
        if (!jd_str_eq(account, instance->members[i]->event->account_id))
            return (struct jd_str){0};
    return account;
}

/* What an alert says of its instance; ids, revision and opening are the caller's. */
static struct jd_alert describe(const struct jd_step *step, const struct jd_rule *rule,
                                const struct jd_instance *instance)
{
    return (struct jd_alert){
        .rule = rule->id,
        .rule_version = rule->version,
        .scope = (uint8_t)rule->scope,
        .key = step->hcp,
        .instance = parts_of(step, instance),
        .status = JD_STATUS_OPEN,
        .phase = (uint8_t)instance->phase,
        .final = JD_FALSE,
        .severity = (uint8_t)instance->severity,
        .mode = (uint8_t)rule->mode,
        .hcp_id = step->hcp,
        .account_id = account_of(instance),
        .evidence = evidence_of(step, instance),
        .evidence_count = instance->member_count,
        .window = rule->within.text,
        .observed = instance->observed,
        .limit = instance->limit,
        .unit = (uint8_t)instance->unit,
        .remedy = rule->remedy,
        .assignee = rule->assignee,
        .citation = rule->citation,
        .jurisdiction = rule->jurisdiction,
        .policy = step->program->hash,
    };
}

static bool same_evidence(const struct jd_step *step, const struct jd_alert *a, const struct jd_alert *b)
{
    if (a->evidence.count != b->evidence.count)
        return false;
    const struct jd_event *x = a->evidence.items, *y = b->evidence.items;
    for (uint32_t i = 0; i < a->evidence.count; i++)
        if (!jd_str_eq(jd_avro_bytes(&jd_event_record, &x[i], step->arena),
                       jd_avro_bytes(&jd_event_record, &y[i], step->arena)))
            return false;
    return true;
}

static bool unchanged(const struct jd_step *step, const struct jd_alert *a, const struct jd_alert *b)
{
    return a->status == b->status && a->phase == b->phase && a->severity == b->severity &&
           jd_decimal_cmp(a->observed, b->observed) == 0 && same_evidence(step, a, b);
}

/* The latest time of the evidence; whether a plan is among it. */
static jd_time latest(const struct jd_alert *alert, bool *planned)
{
    const struct jd_event *events = alert->evidence.items;
    jd_time t = JD_TIME_MIN;
    *planned = false;
    for (uint32_t i = 0; i < alert->evidence.count; i++) {
        t = jd_touch_time(&events[i]) > t ? jd_touch_time(&events[i]) : t;
        *planned = *planned || events[i].phase == JD_PHASE_PLANNED;
    }
    return t;
}

/* The first moment at which nothing can change an open alert; a plan in it brings a refresh first. */
static jd_time alert_due(const struct jd_step *step, const struct jd_alert *alert)
{
    bool planned;
    jd_time t = latest(alert, &planned) + step->program->allowed_lateness_ms + 1;
    return alert->status != JD_STATUS_OPEN || planned ? JD_NEVER : t < JD_TIME_MAX ? t : JD_TIME_MAX;
}

static bool frozen(const struct jd_step *step, const struct jd_alert *alert)
{
    return alert_due(step, alert) <= step->now;
}

static void tell(struct jd_step *step, const struct jd_alert *alert)
{
    struct jd_alert *copy = jd_arena_alloc(step->arena, sizeof *copy);
    *copy = *alert;
    jd_step_emit(step, JD_TOPIC_ALERTS, step->key, &jd_alert_record, copy,
                 jd_arena_printf(step->arena, JD_STR_FMT "/%lld", JD_STR_ARG(alert->alert_id),
                                 (long long)alert->revision));
}

static void publish(struct jd_step *step, const struct jd_alert *alert)
{
    struct jd_alert_entry entry = {*alert};
    jd_step_put(step, JD_ENTRY_ALERT, alert->alert_id, alert_due(step, alert), &entry);
    tell(step, alert);
}

static void retract(struct jd_step *step, const struct jd_alert *held, enum jd_cause cause)
{
    struct jd_alert alert = *held;
    alert.revision++;
    alert.status = JD_STATUS_RETRACTED;
    alert.cause = (uint8_t)cause;
    alert.policy = step->program->hash;
    publish(step, &alert);
}

static void hold(struct jd_step *step, const struct jd_rule *rule, const struct jd_instance *instance,
                 const struct jd_alert *held)
{
    struct jd_alert alert = describe(step, rule, instance);
    if (held == NULL || held->status != JD_STATUS_OPEN) {
        if (frozen(step, &alert))
            return;
    } else if (unchanged(step, held, &alert)) {
        return;
    }
    alert.alert_id = held != NULL ? held->alert_id : alert_id(step, rule, instance);
    alert.revision = held != NULL ? held->revision + 1 : 1;
    alert.opened_at = held != NULL ? held->opened_at : step->now;
    publish(step, &alert);
}

/* ---- what held before against what holds now ---- */

struct item {
    const struct jd_rule *rule;
    const struct jd_instance *instance; /* NULL: does not hold */
    const struct jd_alert *alert;       /* NULL: was not there */
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

/* By rule, then instance; of one instance what was there before what holds. */
static int item_order(const struct item *x, const struct item *y)
{
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1; /* rules are sorted by id */
    for (uint32_t i = 0; i < ID_PARTS_MAX; i++) {
        int order = jd_str_cmp(item_part(x, i), item_part(y, i));
        if (order != 0)
            return order;
    }
    return (x->instance != NULL) - (y->instance != NULL);
}

static void items_add(struct jd_step *step, struct items *list, struct item item)
{
    if (list->count == list->capacity)
        list->items =
            jd_arena_grow(step->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count++] = item;
}

static const struct jd_rule *rule_of(const struct jd_program *program, struct jd_str id)
{
    for (uint32_t i = 0; i < program->rule_count; i++)
        if (jd_str_eq(program->rules[i].id, id))
            return &program->rules[i];
    return NULL;
}

static bool is_civil(const struct jd_span *span)
{
    return span->unit != JD_SPAN_MS;
}

/* Does a rule reckon with local dates anywhere? */
static bool civil_rule(const struct jd_rule *rule)
{
    bool civil = is_civil(&rule->within);
    for (uint32_t i = 0; i < rule->severity_count; i++)
        civil = civil || (rule->severities[i].within != NULL && is_civil(rule->severities[i].within));
    return civil;
}

static bool has_member(const struct jd_alert *alert, struct jd_str key)
{
    const struct jd_event *events = alert->evidence.items;
    for (uint32_t i = 0; i < alert->evidence.count; i++)
        if (jd_str_eq(events[i].engagement_id, key))
            return true;
    return false;
}

/* Alerts that have the engagement as a member, of rules that are `civil` (all when false). */
static void gather_alerts(struct jd_step *step, struct jd_str key, bool civil, struct items *list)
{
    uint32_t from, to, hash = jd_hash32(key);
    uint64_t bit = jd_filter_bit(hash);
    jd_state_range(step->state, JD_ENTRY_ALERT, &from, &to);
    for (; from < to; from++) {
        if (!(step->state->slots[from].filter & bit))
            continue;
        const struct jd_entry *entry = step->state->slots[from].entry;
        const uint32_t *hashes = jd_entry_hashes(entry);
        bool maybe = false;
        for (uint32_t i = 0; i < entry->seen_count; i++)
            maybe = maybe || hashes[i] == hash;
        if (!maybe)
            continue;
        const struct jd_alert *alert = jd_entry_read_alert(entry, step->arena);
        const struct jd_rule *rule = rule_of(step->program, alert->rule);
        if (rule != NULL && (!civil || civil_rule(rule)) && has_member(alert, key))
            items_add(step, list, (struct item){.rule = rule, .alert = alert});
    }
}

static void gather_instances(struct jd_step *step, struct jd_touches *view, const struct jd_entry *entry,
                             bool civil, struct items *list)
{
    const struct jd_program *program = step->program;
    for (uint32_t w = 0; w < entry->words; w++) {
        /* Rules of which it matches a: or b:, each once. */
        uint64_t rules = (entry->bits[w] | entry->bits[w] >> 1) & UINT64_C(0x5555555555555555);
        for (; rules != 0; rules &= rules - 1) {
            const struct jd_rule *rule = &program->rules[w * 32 + (uint32_t)__builtin_ctzll(rules) / 2];
            if (civil && !civil_rule(rule))
                continue;
            struct jd_instances found = {.arena = step->arena};
            rule->kind->find(view, rule, jd_touches_open(view, entry), &found);
            for (uint32_t i = 0; i < found.count; i++)
                items_add(step, list, (struct item){.rule = rule, .instance = &found.items[i]});
        }
    }
}

static bool same_instance(const struct item *a, const struct item *b)
{
    if (a->rule != b->rule)
        return false;
    for (uint32_t i = 0; i < ID_PARTS_MAX; i++)
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

static void settle(struct jd_step *step, struct items *list, enum jd_cause cause)
{
    sort(step, list);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct item *item = &list->items[i];
        bool both = item->alert != NULL && i + 1 < list->count && same_instance(item, item + 1);
        if (both)
            hold(step, item->rule, list->items[++i].instance, item->alert);
        else if (item->instance != NULL)
            hold(step, item->rule, item->instance, NULL);
        else if (item->alert->status == JD_STATUS_OPEN &&
                 !(cause == JD_CAUSE_RESCHEDULED && jd_fault_bug("move_forgets_old")))
            retract(step, item->alert, cause);
    }
}

static void refresh(struct jd_step *step, struct jd_touches *view, struct jd_str key, bool civil,
                    enum jd_cause cause)
{
    struct items list = {0};
    uint32_t hash = jd_hash32(key), from, to;
    gather_alerts(step, key, civil, &list);
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (; from < to; from++) {
        const struct jd_slot *slot = &step->state->slots[from];
        if (slot->hash == hash && (slot->flags & JD_SLOT_STANDS) &&
            jd_str_eq(jd_entry_engagement(slot->entry), key))
            gather_instances(step, view, slot->entry, civil, &list);
    }
    settle(step, &list, cause);
}

void jd_alerts_refresh(struct jd_step *step, struct jd_str engagement_key, enum jd_cause cause)
{
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    refresh(step, &view, engagement_key, false, cause);
}

void jd_alerts_refresh_civil(struct jd_step *step)
{
    bool any = false;
    for (uint32_t i = 0; i < step->program->rule_count; i++)
        any = any || civil_rule(&step->program->rules[i]);
    if (!any)
        return;
    uint32_t from, to, count = 0;
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    struct jd_str *keys = jd_arena_array(step->arena, to - from, sizeof *keys);
    for (; from < to; from++)
        keys[count++] = jd_arena_str(step->arena, jd_entry_engagement(step->state->slots[from].entry));
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    for (uint32_t i = 0; i < count; i++)
        refresh(step, &view, keys[i], true, JD_CAUSE_CORRECTED);
}

/* ---- the end of alerts ---- */

static void close_alert(struct jd_step *step, struct jd_entry *entry)
{
    struct jd_alert alert = *jd_entry_read_alert(entry, step->arena);
    jd_step_delete(step, entry);
    if (alert.status != JD_STATUS_OPEN)
        return;
    alert.revision++;
    alert.final = JD_TRUE;
    alert.policy = step->program->hash;
    tell(step, &alert);
}

void jd_alert_close(struct jd_step *step, struct jd_entry *entry)
{
    close_alert(step, entry);
}

/* Is a version of this engagement among the members? A request may share its key with a touch. */
static bool has_version(const struct jd_alert *alert, const struct jd_engagement *engagement)
{
    const struct jd_event *events = alert->evidence.items;
    const struct jd_seen *seen = engagement->seen.items;
    for (uint32_t i = 0; i < alert->evidence.count; i++)
        for (uint32_t k = 0; k < engagement->seen.count; k++)
            if (jd_str_eq(events[i].id, seen[k].id) && jd_str_eq(events[i].source, seen[k].source))
                return true;
    return false;
}

void jd_alerts_forget(struct jd_step *step, const struct jd_engagement *engagement)
{
    struct items list = {0};
    gather_alerts(step, engagement->key, false, &list);
    for (uint32_t i = 0; i < list.count; i++)
        if (has_version(list.items[i].alert, engagement))
            close_alert(step, jd_state_entry(step->state, JD_ENTRY_ALERT, list.items[i].alert->alert_id));
}
