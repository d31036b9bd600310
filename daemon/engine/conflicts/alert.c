#include "engine/conflicts/alert.h"

#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/audiences.h"
#include "engine/conflicts/evidence.h"
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/over.h"
#include "engine/conflicts/telling.h"
#include "engine/ids.h"
#include "engine/notes.h"

static struct jd_list parts_of(const struct jd_step *step, const struct jd_instance *instance)
{
    struct jd_str *parts = jd_arena_array(step->arena, instance->part_count, sizeof *parts);
    memcpy(parts, instance->parts, instance->part_count * sizeof *parts);
    return (struct jd_list){parts, instance->part_count};
}

struct jd_str jd_alert_id(const struct jd_step *step, const struct jd_rule *rule,
                          const struct jd_instance *instance)
{
    struct jd_str parts[JD_ALERT_PARTS_MAX] = {
        rule->id, jd_symbol_text(&jd_scope_symbols, (uint8_t)rule->scope), step->id};
    uint32_t count = 3;
    for (uint32_t i = 0; i < instance->part_count; i++)
        parts[count++] = instance->parts[i];
    return jd_id_of(parts, count, step->arena);
}

/* The account, where all members agree on one. */
static struct jd_str account_of(const struct jd_instance *instance)
{
    if (instance->member_count == 0)
        return (struct jd_str){0};
    struct jd_str account = instance->members[0]->event->account_id;
    for (uint32_t i = 1; i < instance->member_count; i++)
        if (!jd_str_eq(account, instance->members[i]->event->account_id))
            return (struct jd_str){0};
    return account;
}

/* The owner on the day of the latest touch, where the rule asks for one and there is one. */
static void assign(const struct jd_step *step, const struct jd_rule *rule, struct jd_alert *alert)
{
    if (rule->owner == JD_FUNCTION_NONE || alert->evidence.count == 0)
        return;
    const struct jd_event *latest =
        (const struct jd_event *)alert->evidence.items + (alert->evidence.count - 1);
    struct jd_touches view = jd_touches_view(step->fold, step->state, step->arena);
    const struct jd_str owner = jd_facts_owner(jd_touches_facts(&view), rule->owner,
                                               (struct jd_fact_question){.program = step->program,
                                                                         .hcp = step->hcp,
                                                                         .account = latest->account_id,
                                                                         .channel = latest->channel,
                                                                         .product = latest->product,
                                                                         .at = jd_touch_time(latest)});
    if (owner.ptr == NULL)
        return;
    alert->assignee = owner;
    alert->assignee_function = (uint8_t)rule->owner;
}

/* What an alert says of its instance; ids, revision and opening are the caller's. */
static struct jd_alert describe(const struct jd_step *step, const struct jd_rule *rule,
                                const struct jd_instance *instance)
{
    struct jd_alert alert = {
        .rule = rule->id,
        .rule_version = rule->version,
        .scope = (uint8_t)rule->scope,
        .key = step->id,
        .instance = parts_of(step, instance),
        .status = (uint8_t)instance->status,
        .phase = (uint8_t)instance->phase,
        .final = JD_FALSE,
        .severity = (uint8_t)instance->severity,
        .mode = (uint8_t)rule->mode,
        .hcp_id = step->hcp,
        .account_id = rule->scope == JD_SCOPE_ACCOUNT ? step->id : account_of(instance),
        .window = (instance->within != NULL ? instance->within : &rule->within)->text,
        .observed = instance->observed,
        .limit = instance->limit,
        .unit = (uint8_t)instance->unit,
        .other_currency = instance->other_currency > 0 ? instance->other_currency : JD_INT_NONE,
        .facts = instance->facts,
        .complete_from = JD_TIME_NONE,
        .remedy = rule->remedy,
        .assignee = rule->assignee,
        .citation = rule->citation,
        .jurisdiction = rule->jurisdiction,
        .policy = step->program->hash,
    };
    jd_evidence_put(&alert, instance, step->hcp, step->arena);
    alert.audience = (uint8_t)jd_alert_audience(rule, &alert);
    assign(step, rule, &alert);
    return alert;
}

static bool same_facts(const struct jd_step *step, const struct jd_alert *a, const struct jd_alert *b)
{
    if (a->facts.count != b->facts.count)
        return false;
    const struct jd_fact_read *x = a->facts.items, *y = b->facts.items;
    for (uint32_t i = 0; i < a->facts.count; i++)
        if (!jd_str_eq(jd_avro_bytes(&jd_fact_read_record, &x[i], step->arena),
                       jd_avro_bytes(&jd_fact_read_record, &y[i], step->arena)))
            return false;
    return true;
}

/* A queue is what the policy says, and may be another without a word. */
static bool same_owner(const struct jd_alert *a, const struct jd_alert *b)
{
    return a->assignee_function == b->assignee_function &&
           (a->assignee_function == JD_FUNCTION_NONE || jd_str_eq(a->assignee, b->assignee));
}

static bool unchanged(const struct jd_step *step, const struct jd_alert *a, const struct jd_alert *b)
{
    return a->status == b->status && a->phase == b->phase && a->severity == b->severity &&
           jd_decimal_cmp(a->observed, b->observed) == 0 && jd_decimal_cmp(a->limit, b->limit) == 0 &&
           jd_str_eq(a->window, b->window) && a->other_currency == b->other_currency &&
           a->audience == b->audience && same_owner(a, b) && jd_evidence_same(a, b, step->arena) &&
           same_facts(step, a, b) && jd_notes_same(a, b, step->arena);
}

/* The first moment at which nothing can change an instance; a plan in it brings a refresh first. */
static jd_time final_from(const struct jd_step *step, const struct jd_instance *instance)
{
    for (uint32_t i = 0; i < instance->member_count; i++)
        if (instance->members[i]->phase == JD_PHASE_PLANNED)
            return JD_NEVER;
    if (instance->horizon == JD_NEVER)
        return JD_NEVER;
    jd_time t = instance->horizon + step->program->allowed_lateness_ms + 1;
    return t < JD_TIME_MAX ? t : JD_TIME_MAX;
}

static void publish(struct jd_step *step, const struct jd_alert *alert, jd_time due)
{
    jd_step_put(step, jd_state_slot(step->state, JD_ENTRY_ALERT, 0, alert->alert_id, step->arena),
                &(struct jd_put){JD_ENTRY_ALERT, alert->alert_id, due,
                                 jd_alert_body(alert, step->hcp, step->arena), alert});
    jd_alert_tell(step, alert);
}

bool jd_alert_stands(const struct jd_alert *alert)
{
    return alert != NULL && alert->status != JD_STATUS_RETRACTED;
}

bool jd_alert_is_about_fact(const struct jd_alert *alert)
{
    return alert->evidence_count == 0 && alert->facts.count > 0;
}

const struct jd_alert *jd_alert_retract(struct jd_step *step, const struct jd_alert *held,
                                        enum jd_cause cause)
{
    struct jd_alert *alert = jd_arena_alloc(step->arena, sizeof *alert);
    *alert = *held;
    alert->revision++;
    alert->status = JD_STATUS_RETRACTED;
    alert->cause = (uint8_t)cause;
    alert->policy = step->program->hash;
    jd_over_note_gone(step, jd_rule_named(step->program, held->rule), alert);
    /* It leaves with its members, or with its fact; without either, when it would have been final. */
    publish(step, alert,
            held->evidence_count > 0 || jd_alert_is_about_fact(held)
                ? JD_NEVER
                : jd_state_slot(step->state, JD_ENTRY_ALERT, 0, held->alert_id, step->arena)->due);
    return alert;
}

/* An alert that says the same, but may change for another time now. */
static void put_off(struct jd_step *step, const struct jd_alert *held, jd_time due)
{
    const struct jd_slot *slot = jd_state_slot(step->state, JD_ENTRY_ALERT, 0, held->alert_id, step->arena);
    if (slot->due != due)
        jd_step_put(step, slot,
                    &(struct jd_put){JD_ENTRY_ALERT, held->alert_id, due,
                                     jd_alert_body(held, step->hcp, step->arena), held});
}

/* Who reads one topic does not learn from the other that an alert has gone there: it ends where it was. */
static bool moves(const struct jd_alert *held, const struct jd_alert *alert)
{
    return (held->mode == JD_MODE_SHADOW) != (alert->mode == JD_MODE_SHADOW) &&
           !jd_fault_bug("shadow_never_left");
}

void jd_alert_hold(struct jd_step *step, const struct jd_rule *rule, const struct jd_instance *instance,
                   const struct jd_alert *held, enum jd_cause cause)
{
    struct jd_alert alert = describe(step, instance->version != NULL ? instance->version : rule, instance);
    jd_time due = final_from(step, instance);
    cause = cause == JD_CAUSE_POLICY ? cause : JD_CAUSE_CORRECTED;
    alert.alert_id = held != NULL ? held->alert_id : jd_alert_id(step, rule, instance);
    jd_notes_put(step, &alert);
    if (jd_alert_stands(held) && moves(held, &alert))
        held = jd_alert_retract(step, held, cause);
    if (!jd_alert_stands(held) && due <= step->now)
        return;
    jd_over_note(step, rule, &alert, instance);
    if (jd_alert_stands(held) && unchanged(step, held, &alert)) {
        put_off(step, held, due); /* what is told stays; its end may be another, by another zone or policy */
        return;
    }
    alert.revision = held != NULL ? held->revision + 1 : 1;
    alert.opened_at = held != NULL ? held->opened_at : step->now;
    publish(step, &alert, due);
    if (jd_alert_stands(held))
        jd_alert_leave(step, held, &alert, cause);
}

void jd_alert_note(struct jd_step *step, struct jd_str alert_id)
{
    const struct jd_slot *slot = jd_state_slot(step->state, JD_ENTRY_ALERT, 0, alert_id, step->arena);
    const struct jd_alert *held = slot == NULL ? NULL : jd_slot_alert(step->key, slot, step->arena);
    if (!jd_alert_stands(held))
        return; /* not yet, or no longer; it looks for what is valid when it opens */
    struct jd_alert alert = *held;
    jd_notes_put(step, &alert);
    if (jd_notes_same(held, &alert, step->arena))
        return;
    alert.revision++;
    alert.policy = step->program->hash;
    publish(step, &alert, slot->due);
}

void jd_alert_close(struct jd_step *step, const struct jd_slot *slot)
{
    struct jd_alert alert = *jd_slot_alert(step->key, slot, step->arena);
    jd_step_delete(step, slot);
    if (!jd_alert_stands(&alert))
        return;
    alert.revision++;
    alert.final = JD_TRUE;
    alert.policy = step->program->hash;
    jd_alert_tell(step, &alert);
    const struct jd_final_entry final = {alert.alert_id};
    jd_step_put(
        step, jd_state_slot(step->state, JD_ENTRY_FINAL, 0, alert.alert_id, step->arena),
        &(struct jd_put){JD_ENTRY_FINAL, alert.alert_id, step->now + step->program->allowed_lateness_ms + 1,
                         jd_avro_bytes(jd_entry_records[JD_ENTRY_FINAL - 1], &final, step->arena), &final});
}
