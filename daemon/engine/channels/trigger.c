/* From a preventable conflict to a suggestion.
 *
 *   open, preventable alert ──► planned commercial touch, the later one ──► candidates: the policy's list
 *        ──► gates, all of them ──► look-ahead: would it raise a blocking conflict? ──► the first that passed
 *        ──► DecisionRecord, and the trigger that follows from it
 *
 * A TRIGGER entry remembers what the last decision came to (its ground). Whatever changes the state asks
 * again; only another outcome makes another decision. The owner learns that a colleague's contact is
 * planned or done, and when; nothing of its topic, product, role or content. */
#include "engine/channels/trigger.h"

#include "base/avro.h"
#include "base/civil.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/audiences.h"
#include "engine/channels/gates.h"
#include "engine/conflicts/alert.h"
#include "engine/conflicts/kinds.h"
#include "engine/ids.h"
#include "engine/notes.h"

/* What a decision is about. */
struct question {
    const struct jd_alert *alert;
    const struct jd_event *touch; /* the planned commercial touch; engagement_id is its key */
    struct jd_event colleague;    /* the member that it meets, as the touch's owner may see it */
};

static const struct jd_str arm = {"list_order", 10};

/* ---- the ground ---- */

static bool later_touch(const struct jd_event *a, const struct jd_event *b)
{
    jd_time x = jd_touch_time(a), y = jd_touch_time(b);
    return x != y ? x > y : jd_str_cmp(a->engagement_id, b->engagement_id) > 0;
}

/* False: no commercial touch is planned and still to come. */
static bool ask(const struct jd_step *step, const struct jd_alert *alert, struct question *out)
{
    const struct jd_event *events = alert->evidence.items;
    *out = (struct question){.alert = alert};
    for (uint32_t i = 0; i < alert->evidence.count;
         i++) /* what is no event, an alert that is counted, is no touch */
        if (events[i].phase == JD_PHASE_PLANNED && jd_event_type_of(events[i].type) != NULL &&
            jd_touch_time(&events[i]) > step->now &&
            jd_role_function(events[i].actor.role) == JD_FUNCTION_COMMERCIAL &&
            (out->touch == NULL || later_touch(&events[i], out->touch)))
            out->touch = &events[i];
    for (uint32_t i = 0; i < alert->evidence.count && out->touch != NULL; i++)
        if (&events[i] != out->touch) {
            out->colleague = jd_audience_event(JD_AUDIENCE_COMMERCIAL, &events[i], step->arena);
            return true;
        }
    return false;
}

static bool same_parts(const struct jd_instance *x, const struct jd_instance *y)
{
    bool same = x->part_count == y->part_count;
    for (uint32_t i = 0; same && i < x->part_count; i++)
        same = jd_str_eq(x->parts[i], y->parts[i]);
    return same;
}

/* Is the rule in mode block, in some market at least? */
static bool may_block(const struct jd_rule *rule)
{
    bool blocks = rule->mode == JD_MODE_BLOCK;
    for (uint32_t i = 0; i < rule->version_count; i++)
        blocks = blocks || rule->versions[i].mode == JD_MODE_BLOCK;
    return blocks;
}

/* Somebody who may lets it pass. */
static bool is_overridden(const struct jd_step *step, const struct jd_rule *rule,
                          const struct jd_instance *instance)
{
    if (step->state->notes == 0 || jd_fault_bug("override_blocks"))
        return false;
    struct jd_alert alert = {.alert_id = jd_alert_id(step, rule, instance)};
    jd_notes_put(step, &alert);
    return alert.overridden.actor_id.ptr != NULL;
}

/* Does one hold, and block, that does not hold without the touch? */
static bool adds(const struct jd_step *step, const struct jd_rule *rule, const struct jd_instances *with,
                 const struct jd_instances *without)
{
    for (uint32_t i = 0; i < with->count; i++) {
        const struct jd_rule *version = with->items[i].version != NULL ? with->items[i].version : rule;
        bool added = with->items[i].status == JD_STATUS_OPEN && version->mode == JD_MODE_BLOCK;
        for (uint32_t k = 0; added && k < without->count; k++)
            added = without->items[k].status != JD_STATUS_OPEN ||
                    !same_parts(&with->items[i], &without->items[k]);
        if (added && !is_overridden(step, rule, &with->items[i]))
            return true;
    }
    return false;
}

/* Would the touch, on this channel instead of its own, raise a conflict that a rule blocks and that is not
 * there without it? */
static void look_ahead(struct jd_step *step, struct jd_touches *view, const struct question *q,
                       struct jd_candidate *candidate)
{
    struct jd_event event = *q->touch;
    event.channel = candidate->channel;
    if (candidate->content_id.ptr != NULL)
        event.content_id = candidate->content_id;
    struct jd_touch *supposed = jd_touches_suppose(view, &event, q->touch->engagement_id);
    view->hidden = supposed->key;
    for (uint32_t i = 0; i < step->program->rule_count; i++) {
        const struct jd_rule *rule = &step->program->rules[i];
        if (!may_block(rule) || rule->key != NULL) /* what others hold is not seen from here */
            continue;
        if (!jd_rule_asks(view, rule, supposed))
            continue;
        struct jd_instances with = {.arena = step->arena}, without = {.arena = step->arena};
        view->supposed = supposed;
        rule->kind->find(view, rule, supposed, &with);
        view->supposed = NULL;
        if (!rule->kind->pairs) {
            supposed->gone = true;
            rule->kind->find(view, rule, supposed, &without);
            supposed->gone = false;
        }
        if (adds(step, rule, &with, &without))
            jd_candidate_reject(candidate, JD_REJECTION_BLOCKING_RULE, rule->id, (struct jd_str){0},
                                step->arena);
    }
}

/* Every candidate of the policy's list, judged; the first that passed is chosen (its index, else the
 * number of candidates), the others that passed rank lower. */
static uint32_t judge(struct jd_step *step, const struct question *q, struct jd_candidate *candidates)
{
    const struct jd_program *program = step->program;
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    const struct jd_hcp_profile *profile = jd_touches_profile(&view);
    struct jd_gate_question question = {
        .program = program,
        .facts = jd_touches_facts(&view),
        .view = &view,
        .touch = q->touch,
        .at = jd_touch_time(q->touch),
        .country = profile != NULL && profile->country.ptr != NULL ? profile->country : q->touch->country,
    };
    uint32_t chosen = program->channel_count;
    for (uint32_t i = 0; i < program->channel_count; i++) {
        struct jd_candidate *candidate = &candidates[i];
        jd_gates_run(&question, &program->channels[i], step->arena, candidate);
        look_ahead(step, &view, q, candidate);
        candidate->score = (double)(program->channel_count - i);
        if (candidate->rejections.count > 0)
            continue;
        if (chosen == program->channel_count) {
            chosen = i;
            candidate->propensity = 1;
        } else {
            jd_candidate_reject(candidate, JD_REJECTION_LOWER_RANKED, (struct jd_str){0}, (struct jd_str){0},
                                step->arena);
        }
    }
    return chosen;
}

/* Digest of what a decision came to: channel, content and rejections of each candidate, the touch, its
 * time and actor, the colleague's contact as the owner is told of it. */
static int64_t ground_of(struct jd_step *step, const struct question *q, const struct jd_decision *decision)
{
    static const char *const volatile_fields[] = {"decision_id", "attempt", "at",
                                                  "trigger_id",  "policy",  NULL};
    struct jd_decision ground = *decision;
    const struct jd_candidate *candidates = decision->candidates.items;
    struct jd_candidate *plain = jd_arena_array(step->arena, decision->candidates.count, sizeof *plain);
    for (uint32_t i = 0; i < decision->candidates.count; i++) {
        const struct jd_gate_result *results = candidates[i].rejections.items;
        uint32_t count = candidates[i].rejections.count;
        struct jd_gate_result *codes = jd_arena_array(step->arena, count, sizeof *codes);
        for (uint32_t k = 0; k < count; k++)
            codes[k] = (struct jd_gate_result){.reason = results[k].reason, .rule = results[k].rule};
        plain[i] = candidates[i];
        plain[i].rejections = (struct jd_list){codes, count};
    }
    ground.candidates = (struct jd_list){plain, decision->candidates.count};
    ground.arm = jd_arena_printf(step->arena, JD_STR_FMT " %u %lld", JD_STR_ARG(q->touch->engagement_id),
                                 q->colleague.phase, (long long)jd_touch_time(&q->colleague));
    int64_t digest = (int64_t)jd_avro_digest(&jd_decision_record, &ground, volatile_fields, step->arena);
    return digest == 0 ? 1 : digest; /* 0: no ground */
}

/* ---- what is said ---- */

static struct jd_list one_reason(const struct jd_step *step, enum jd_reason_code code, struct jd_str at,
                                 struct jd_str sentence)
{
    struct jd_reason *reason = jd_arena_alloc(step->arena, sizeof *reason);
    *reason = (struct jd_reason){.code = (uint8_t)code, .sentence = sentence};
    if (at.ptr != NULL) {
        struct jd_pair *pair = jd_arena_alloc(step->arena, sizeof *pair);
        *pair = (struct jd_pair){JD_STR("at"), at};
        reason->parameters = (struct jd_list){pair, 1};
    }
    return (struct jd_list){reason, 1};
}

static struct jd_list why_issued(const struct jd_step *step, const struct question *q)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    bool planned = q->colleague.phase == JD_PHASE_PLANNED;
    jd_time at = jd_touch_time(&q->colleague);
    int64_t days = at / JD_DAY - (at % JD_DAY < 0), rest = at - days * JD_DAY;
    int year, month, day;
    jd_civil_from_days(days, &year, &month, &day);
    struct jd_str sentence =
        jd_arena_printf(step->arena, "A colleague's contact with this physician %s %d %s %d, %02d:%02d UTC.",
                        planned ? "is planned for" : "took place on", day, months[month - 1], year,
                        (int)(rest / JD_HOUR), (int)(rest / JD_MINUTE % 60));
    return one_reason(step, planned ? JD_REASON_COLLEAGUE_CONTACT_PLANNED : JD_REASON_COLLEAGUE_CONTACT_DONE,
                      jd_time_text(at, step->arena), sentence);
}

static struct jd_list why_changed(const struct jd_step *step, enum jd_reason_code code)
{
    struct jd_str sentence = JD_STR("");
    switch (code) {
    case JD_REASON_CONFLICT_RETRACTED:
        sentence = JD_STR("The conflict that this was about no longer exists.");
        break;
    case JD_REASON_CONFLICT_HAPPENED:
        sentence = JD_STR("The contacts have taken place.");
        break;
    case JD_REASON_GROUND_CHANGED:
        sentence = JD_STR("What this was based on has changed.");
        break;
    case JD_REASON_NO_CHANNEL_LEFT:
        sentence = JD_STR("No other channel is allowed any more.");
        break;
    case JD_REASON_TIME_PASSED:
        sentence = JD_STR("The time for this has passed.");
        break;
    case JD_REASON_COLLEAGUE_CONTACT_PLANNED:
    case JD_REASON_COLLEAGUE_CONTACT_DONE:
    case JD_REASON_NONE:
    case JD_REASON_END_:
        break; /* not reasons of a change */
    }
    return one_reason(step, code, (struct jd_str){0}, sentence);
}

static void tell(struct jd_step *step, const struct jd_trigger *trigger)
{
    struct jd_trigger *copy = jd_arena_alloc(step->arena, sizeof *copy);
    *copy = *trigger;
    jd_step_emit(step, JD_TOPIC_TRIGGERS_COMMERCIAL, step->hcp, &jd_trigger_record, copy,
                 jd_arena_printf(step->arena, JD_STR_FMT "/%lld", JD_STR_ARG(trigger->trigger_id),
                                 (long long)trigger->revision));
}

/* ---- the entry ---- */

static bool is_live(const struct jd_trigger_entry *entry)
{
    return entry->trigger.trigger_id.ptr != NULL && entry->trigger.status == JD_TRIGGER_ISSUED;
}

static const struct jd_slot *slot_of(const struct jd_step *step, uint8_t kind, struct jd_str alert_id)
{
    return jd_state_slot(step->state, kind, 0, alert_id, step->arena);
}

static void put(struct jd_step *step, struct jd_str alert_id, const struct jd_trigger_entry *entry)
{
    const struct jd_record *record = jd_entry_records[JD_ENTRY_TRIGGER - 1];
    jd_step_put(step, slot_of(step, JD_ENTRY_TRIGGER, alert_id),
                &(struct jd_put){JD_ENTRY_TRIGGER, alert_id,
                                 is_live(entry) ? entry->trigger.expires_at + 1 : JD_NEVER,
                                 jd_avro_bytes(record, entry, step->arena), entry});
}

/* The last trigger gets one more revision, and is live no longer. */
static void end(struct jd_step *step, struct jd_trigger_entry *entry, enum jd_trigger_status status,
                enum jd_reason_code code)
{
    entry->trigger.revision++;
    entry->trigger.status = (uint8_t)status;
    entry->trigger.reasons = why_changed(step, code);
    entry->trigger.policy = step->program->hash;
    tell(step, &entry->trigger);
}

/* ---- a decision ---- */

static struct jd_str id_of(const struct jd_step *step, const char *domain, struct jd_str alert_id,
                           int64_t attempt)
{
    struct jd_str parts[] = {jd_str_of(domain), alert_id,
                             jd_arena_printf(step->arena, "%lld", (long long)attempt)};
    return jd_id_of(parts, JD_COUNT(parts), step->arena);
}

static struct jd_list rejected(const struct jd_step *step, const struct jd_candidate *candidates,
                               uint32_t count)
{
    uint32_t total = 0, n = 0;
    for (uint32_t i = 0; i < count; i++)
        total += candidates[i].rejections.count;
    struct jd_rejection *list = jd_arena_array(step->arena, total, sizeof *list);
    for (uint32_t i = 0; i < count; i++) {
        const struct jd_gate_result *results = candidates[i].rejections.items;
        for (uint32_t k = 0; k < candidates[i].rejections.count; k++)
            list[n++] = (struct jd_rejection){candidates[i].channel, results[k].reason};
    }
    return (struct jd_list){list, total};
}

static struct jd_trigger issue(struct jd_step *step, const struct question *q,
                               const struct jd_decision *decision, const struct jd_candidate *chosen)
{
    jd_time latest = step->now + step->program->trigger_valid_ms, at = jd_touch_time(q->touch);
    return (struct jd_trigger){
        .trigger_id = decision->trigger_id,
        .revision = 1,
        .decision_id = decision->decision_id,
        .hcp_id = step->hcp,
        .replaces = q->touch->engagement_id,
        .channel = chosen->channel,
        .role = q->touch->actor.role,
        .assignee = q->touch->actor.id,
        .content_id = chosen->content_id,
        .not_before = step->now,
        .expires_at = latest < at ? latest : at,
        .reasons = why_issued(step, q),
        .rejected = rejected(step, decision->candidates.items, decision->candidates.count),
        .propensity = chosen->propensity,
        .arm = arm,
        .status = JD_TRIGGER_ISSUED,
        .policy = step->program->hash,
    };
}

static void decide(struct jd_step *step, const struct question *q, struct jd_trigger_entry *last)
{
    uint32_t count = step->program->channel_count;
    struct jd_candidate *candidates = jd_arena_array(step->arena, count, sizeof *candidates);
    uint32_t chosen = judge(step, q, candidates);
    struct jd_decision *decision = jd_arena_alloc(step->arena, sizeof *decision);
    *decision = (struct jd_decision){
        .hcp_id = step->hcp,
        .alert_id = q->alert->alert_id,
        .attempt = last == NULL ? 1 : last->attempt + 1,
        .actor_id = q->touch->actor.id,
        .role = q->touch->actor.role,
        .at = step->now,
        .for_time = jd_touch_time(q->touch),
        .candidates = {candidates, count},
        .channel = chosen < count ? candidates[chosen].channel : JD_CHANNEL_NONE,
        .propensity = 1,
        .arm = arm,
        .policy = step->program->hash,
    };
    int64_t ground = ground_of(step, q, decision);
    if (last != NULL && last->ground == ground)
        return;
    decision->decision_id = id_of(step, "decision", decision->alert_id, decision->attempt);
    if (chosen < count)
        decision->trigger_id = id_of(step, "trigger", decision->alert_id, decision->attempt);
    jd_step_emit(step, JD_TOPIC_DECISIONS, step->hcp, &jd_decision_record, decision, decision->decision_id);

    struct jd_trigger_entry entry = {.attempt = decision->attempt, .ground = ground};
    jd_record_clear(&jd_trigger_record, &entry.trigger);
    if (last != NULL && is_live(last))
        end(step, last, chosen < count ? JD_TRIGGER_SUPERSEDED : JD_TRIGGER_WITHDRAWN,
            chosen < count ? JD_REASON_GROUND_CHANGED : JD_REASON_NO_CHANNEL_LEFT);
    if (chosen < count) {
        entry.trigger = issue(step, q, decision, &candidates[chosen]);
        tell(step, &entry.trigger);
    }
    put(step, decision->alert_id, &entry);
}

/* ---- review ---- */

/* What no longer has a ground is withdrawn; the entry keeps count of the attempts while the alert lives. */
static void withdraw(struct jd_step *step, struct jd_str alert_id)
{
    const struct jd_slot *held = slot_of(step, JD_ENTRY_TRIGGER, alert_id);
    const struct jd_slot *alert = slot_of(step, JD_ENTRY_ALERT, alert_id);
    struct jd_trigger_entry *entry = jd_slot_trigger(step->key, held, step->arena);
    bool open = alert != NULL && (alert->flags & JD_SLOT_OPEN);
    bool live = is_live(entry), over = live && open && entry->trigger.expires_at <= step->now;
    if (live && !over)
        end(step, entry, JD_TRIGGER_WITHDRAWN,
            open ? JD_REASON_CONFLICT_HAPPENED : JD_REASON_CONFLICT_RETRACTED);
    if (alert == NULL) {
        jd_step_delete(step, held);
    } else if (entry->ground != 0 && !over) { /* what is over leaves by its own timer: expired */
        entry->ground = 0;
        put(step, alert_id, entry);
    }
}

/* The commercial touch is no longer planned, while the other still is. */
static void drop(struct jd_step *step, struct jd_str alert_id, struct jd_trigger_entry *entry)
{
    if (entry == NULL || entry->ground == 0 || (is_live(entry) && entry->trigger.expires_at <= step->now))
        return;
    if (is_live(entry))
        end(step, entry, JD_TRIGGER_WITHDRAWN, JD_REASON_GROUND_CHANGED);
    entry->ground = 0;
    put(step, alert_id, entry);
}

static void consider(struct jd_step *step, struct jd_str alert_id)
{
    struct question q;
    const struct jd_slot *held = slot_of(step, JD_ENTRY_TRIGGER, alert_id);
    struct jd_trigger_entry *last = held == NULL ? NULL : jd_slot_trigger(step->key, held, step->arena);
    const struct jd_alert *alert =
        jd_slot_alert(step->key, slot_of(step, JD_ENTRY_ALERT, alert_id), step->arena);
    if (step->program->channel_count > 0 && ask(step, alert, &q))
        decide(step, &q, last);
    else
        drop(step, alert_id, last);
}

/* Another policy may have no channels: what was suggested under the one before is withdrawn. */
static bool suggests(const struct jd_step *step)
{
    uint32_t from, to;
    if (step->program->channel_count > 0)
        return true;
    jd_state_range(step->state, JD_ENTRY_TRIGGER, &from, &to);
    return from < to;
}

void jd_triggers_review(struct jd_step *step)
{
    uint32_t from, to, count = 0;
    const struct jd_state *state = step->state;
    if (state == NULL || state->count == 0 || state->slots[state->count - 1].kind < JD_ENTRY_ALERT ||
        !suggests(step))
        return;
    /* Ids first: reviewing changes the slots. */
    struct jd_str *ids = jd_arena_array(step->arena, state->count, sizeof *ids);
    jd_state_range(state, JD_ENTRY_TRIGGER, &from, &to);
    for (; from < to; from++) {
        struct jd_str id = jd_entry_given_id(state->slots[from].entry);
        const struct jd_slot *alert = slot_of(step, JD_ENTRY_ALERT, id);
        if (alert == NULL || !(alert->flags & JD_SLOT_PREVENTABLE))
            ids[count++] = jd_arena_str(step->arena, id);
    }
    for (uint32_t i = 0; i < count; i++)
        withdraw(step, ids[i]);
    count = 0;
    jd_state_range(state, JD_ENTRY_ALERT, &from, &to);
    for (; from < to; from++)
        if (state->slots[from].flags & JD_SLOT_PREVENTABLE)
            ids[count++] = jd_slot_id(&state->slots[from], step->arena);
    for (uint32_t i = 0; i < count; i++)
        consider(step, ids[i]);
}

void jd_trigger_expire(struct jd_step *step, const struct jd_slot *held)
{
    struct jd_trigger_entry *entry = jd_slot_trigger(step->key, held, step->arena);
    struct jd_str alert_id = jd_slot_id(held, step->arena);
    end(step, entry, JD_TRIGGER_EXPIRED, JD_REASON_TIME_PASSED);
    put(step, alert_id, entry);
}
