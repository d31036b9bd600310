/* The map of a decision. One input of one physician comes in:
 *
 *   event ──► seen before? ──► too late, too early? ──► which version counts? ──► entry put
 *                                                                │ another one than before
 *   profile ──► the greatest recorded_at ──► entry put           ▼
 *                         │ another zone            jd_alerts_refresh: rules that touch it ──► alerts
 *                         └──────────────────────►               │
 *   timer ──► plan lapses, plan's hour comes, retention ends ────┤──► jd_scopes_tell: other keys that see it
 *                                                                ▼
 *                                            jd_triggers_review: what to suggest ──► decisions, triggers
 */
#include "engine/fields.h"
#include "engine/step.h"

#include "base/avro.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/channels/trigger.h"
#include "engine/affected.h"
#include "engine/conflicts/alert.h"
#include "engine/conflicts/alerts.h"
#include "engine/conflicts/amount.h"
#include "engine/conflicts/over.h"
#include "engine/keeping.h"
#include "engine/notes.h"
#include "engine/scopes.h"

/* ---- what a step leaves behind ---- */

void jd_output_change(struct jd_output *out, const struct jd_change *change)
{
    if (out->change_count == out->change_capacity)
        out->changes = jd_arena_grow(out->arena, out->changes, out->change_count, &out->change_capacity,
                                     sizeof *out->changes);
    out->changes[out->change_count++] = *change;
    out->changes_size += change->body.body.size;
}

void jd_step_put(struct jd_step *step, const struct jd_slot *before, const struct jd_put *put)
{
    struct jd_change change = {.key = step->key,
                               .kind = put->kind,
                               .due = put->due == JD_NEVER ? JD_TIME_NONE : put->due,
                               .body = {put->kind, put->body}};
    if (jd_kind_gives_id(put->kind))
        change.id = put->name;
    step->state = jd_states_put(step->fold, step->state, step->key, before, put);
    jd_output_change(step->out, &change);
}

void jd_step_delete(struct jd_step *step, const struct jd_slot *slot)
{
    struct jd_change change = {
        .key = step->key, .id = jd_slot_id(slot, step->arena), .kind = slot->kind, .due = JD_TIME_NONE};
    jd_states_delete(step->fold, step->state, slot);
    jd_output_change(step->out, &change);
}

void jd_step_emit(struct jd_step *step, enum jd_topic topic, struct jd_str key,
                  const struct jd_record *record, const void *value, struct jd_str id)
{
    struct jd_output *out = step->out;
    if (out->effect_count == out->effect_capacity)
        out->effects = jd_arena_grow(out->arena, out->effects, out->effect_count, &out->effect_capacity,
                                     sizeof *out->effects);
    out->effects[out->effect_count++] = (struct jd_effect){.topic = topic,
                                                           .key = key,
                                                           .record = record,
                                                           .value = value,
                                                           .at = step->now,
                                                           .id = id,
                                                           .traceparent = step->traceparent};
}

struct jd_step jd_step_at(struct jd_fold *fold, struct jd_str key, struct jd_state *state,
                          struct jd_output *out)
{
    struct jd_str id = jd_bare_key(key);
    return (struct jd_step){.fold = fold,
                            .program = fold->program,
                            .out = out,
                            .arena = out->arena,
                            .key = key,
                            .id = id,
                            .hcp = jd_key_is_hcp(key) ? id : (struct jd_str){0},
                            .scope = jd_scope_of(fold->program, key),
                            .state = state,
                            .now = fold->now};
}

struct jd_step jd_step_of(struct jd_fold *fold, struct jd_str key, struct jd_output *out)
{
    return jd_step_at(fold, key, jd_states_find(fold, key), out);
}

/* ---- events ---- */

/* The digest with which this event was seen before at this physician, NULL: it was not. */
static const int64_t *find_seen(const struct jd_step *step, const struct jd_event *event)
{
    uint32_t bits = jd_filter_bits(jd_seen_hash(event->source, event->id)), from, to;
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (; from < to; from++) {
        const struct jd_slot *slot = &step->state->slots[from];
        const int64_t *digest =
            (slot->filter & bits) == bits && slot->class != JD_CLASS_ALERT
                ? jd_engagement_saw(jd_slot_engagement(step->key, slot, step->arena), event)
                : NULL;
        if (digest != NULL)
            return digest;
    }
    return NULL;
}

/* Is it too late, by its own time or that of the version whose place it takes? What came too late once, and counts
 * by when it was recorded, is judged by that; so may be what comes now, where rules look at that and no other rule
 * has seen a version of it: then it is recorded_late. `held`: a touch until now, or NULL. */
static bool too_late(const struct jd_step *step, const struct jd_input *input,
                     const struct jd_engagement *held, bool wins, bool *recorded_late)
{
    const jd_time oldest = step->now - step->program->allowed_lateness_ms;
    const bool held_late = held != NULL && held->recorded_late == JD_TRUE;
    *recorded_late = jd_touch_time(input->event) < oldest;
    if (held != NULL && wins &&
        (held_late ? jd_touch_recorded(&held->event) : jd_touch_time(&held->event)) < oldest)
        return true;
    if (!*recorded_late)
        return false;
    return (held != NULL && !held_late) || jd_touch_recorded(input->event) < oldest ||
           jd_fault_bug("axis_too_late") ||
           (!held_late &&
            !jd_selectors_logged(&step->fold->selectors, input->class, input->event, step->arena));
}

/* Why an event is refused, NULL: it is not. `held`: the version that counts so far; `wins`: this one
 * takes its place. */
static const char *refusal(const struct jd_step *step, const struct jd_input *input,
                           const struct jd_engagement *held, bool wins, bool *recorded_late)
{
    const struct jd_program *program = step->program;
    if (held != NULL && held->seen.count + 1 >= JD_VERSIONS_MAX)
        return "too_many_versions";
    if (input->class == JD_CLASS_FACT) /* never too late: it applies from a bound that is stored with it */
        return jd_is_note(input->event) && jd_note_is_late(step, input->event) ? "alert_final" : NULL;
    int64_t units;
    const struct jd_event *event = input->event;
    if ((event->amount.scale != JD_DECIMAL_NONE && !jd_amount_units(event->amount, &units)) ||
        (event->quantity != JD_INT_NONE && !jd_amount_units((struct jd_decimal){event->quantity, 0}, &units)))
        return "amount_out_of_range";
    if (event->end != JD_TIME_NONE && event->end - jd_touch_time(event) > JD_INTERVAL_MAX)
        return "interval_too_long";
    jd_time t = jd_touch_time(input->event);
    if (too_late(step, input, held != NULL && jd_touch_stands(held) ? held : NULL, wins, recorded_late))
        return "too_late";
    if (t > step->now + program->max_ahead_ms)
        return "too_far_ahead";
    if (input->class == JD_CLASS_TOUCH && input->event->phase == JD_PHASE_COMPLETED &&
        t > step->now + program->future_grace_ms)
        return "from_the_future";
    return NULL;
}

static void see(const struct jd_step *step, struct jd_engagement *engagement, struct jd_seen other)
{
    struct jd_seen *seen = jd_arena_array(step->arena, engagement->seen.count + 1, sizeof *seen);
    const struct jd_seen *old = engagement->seen.items;
    for (uint32_t i = 0; i < engagement->seen.count; i++)
        seen[i] = old[i];
    seen[engagement->seen.count] = other;
    engagement->seen = (struct jd_list){seen, engagement->seen.count + 1};
}

enum jd_cause jd_step_cause(const struct jd_engagement *held, const struct jd_engagement *engagement)
{
    if (engagement->event.phase == JD_PHASE_CANCELLED)
        return JD_CAUSE_CANCELLED;
    if (engagement->lapsed == JD_TRUE)
        return JD_CAUSE_LAPSED;
    if (held != NULL && engagement->event.phase == JD_PHASE_PLANNED &&
        jd_touch_time(&held->event) != jd_touch_time(&engagement->event))
        return JD_CAUSE_RESCHEDULED;
    return JD_CAUSE_CORRECTED;
}

/* The version that came counts from now on. */
static void replace(const struct jd_step *step, const struct jd_event *event,
                    struct jd_engagement *engagement, int64_t digest)
{
    engagement->event = *event;
    engagement->digest = digest;
    if (!(engagement->lapsed == JD_TRUE && jd_fault_bug("revive_ignored")))
        engagement->lapsed =
            jd_is_planned(engagement) && jd_has_lapsed(step, event) ? JD_TRUE : JD_TRUTH_NONE;
    if (engagement->class == JD_CLASS_FACT)
        engagement->applies_from = jd_later(step->now - step->program->allowed_lateness_ms, JD_TIME_MIN);
}

/* `version`: the event as it is kept. */
static void put_engagement(struct jd_step *step, const struct jd_slot *before, struct jd_str key,
                           const struct jd_engagement *engagement, struct jd_str version)
{
    jd_time due = jd_engagement_due(step, engagement);
    jd_step_put(step, before,
                &(struct jd_put){JD_ENTRY_ENGAGEMENT, key, due,
                                 jd_engagement_body(engagement, due, version, step->arena), engagement});
}

static struct jd_str version_of(const struct jd_step *step, const struct jd_engagement *engagement)
{
    int64_t digest;
    return jd_version_bytes(&engagement->event, step->hcp, step->arena, &digest);
}

void jd_step_engagement(struct jd_step *step, const struct jd_slot *before, struct jd_engagement *engagement)
{
    engagement->keep_until = jd_keep_until(step, engagement, &engagement->event);
    put_engagement(step, before, jd_engagement_key(&engagement->event, step->arena), engagement,
                   version_of(step, engagement));
}

/* An event that is an engagement of its own, for a planted bug. */
static const struct jd_event *alone(const struct jd_step *step, const struct jd_event *event)
{
    struct jd_event *copy = jd_arena_alloc(step->arena, sizeof *copy);
    *copy = *event;
    copy->engagement_id = (struct jd_str){0};
    return copy;
}

/* Since when a fact may decide otherwise than before: its own start, or that of the version it replaces. */
static jd_time earlier(jd_time start, const struct jd_engagement *held)
{
    jd_time before = held != NULL ? jd_touch_time(&held->event) : start;
    return before < start ? before : start;
}

/* A note has another version than before. */
static void note_changes(struct jd_step *step, const struct jd_event *event, const struct jd_engagement *held)
{
    jd_alert_note(step, event->responds_to);
    if (held != NULL && !jd_str_eq(held->event.responds_to, event->responds_to))
        jd_alert_note(step, held->event.responds_to);
}

static enum jd_verdict step_event(struct jd_step *step, const struct jd_input *input, const char **reason)
{
    const struct jd_event *event = input->event;
    int64_t digest;
    struct jd_str version = jd_version_bytes(event, step->hcp, step->arena, &digest);
    const int64_t *seen = find_seen(step, event);
    if (seen != NULL) {
        *reason = "id_conflict";
        if (!jd_fault_bug("duplicate_counted"))
            return *seen == digest ? JD_DUPLICATE : JD_DEAD_LETTERED;
        event = alone(step, event);
        version = jd_version_bytes(event, step->hcp, step->arena, &digest);
    }
    struct jd_str key = jd_engagement_key(event, step->arena);
    const struct jd_slot *slot =
        jd_state_slot(step->state, JD_ENTRY_ENGAGEMENT, input->class, key, step->arena);
    const struct jd_engagement *held = slot == NULL ? NULL : jd_slot_engagement(step->key, slot, step->arena);
    bool wins = held == NULL || jd_version_cmp(event, &held->event) > 0 || jd_fault_bug("late_wins");
    bool recorded_late = false;
    *reason = refusal(step, input, held, wins, &recorded_late);
    if (*reason != NULL)
        return JD_DEAD_LETTERED;

    struct jd_engagement engagement = {
        .class = input->class, .applies_from = JD_TIME_NONE, .keep_until = JD_TIME_NONE};
    if (held != NULL) {
        engagement = *held;
        see(step, &engagement,
            wins ? (struct jd_seen){held->event.source, held->event.id, held->digest}
                 : (struct jd_seen){event->source, event->id, digest});
    }
    if (wins) {
        replace(step, event, &engagement, digest);
        engagement.recorded_late = recorded_late ? JD_TRUE : JD_TRUTH_NONE;
    }
    engagement.keep_until = jd_keep_until(step, &engagement, event);
    put_engagement(step, slot, key, &engagement, wins ? version : version_of(step, &engagement));
    if (wins) {
        jd_alerts_refresh(step, &engagement, held, jd_step_cause(held, &engagement));
        jd_scopes_tell(step, held, &engagement, jd_step_cause(held, &engagement));
    }
    if (wins && jd_is_note(event))
        note_changes(step, event, held);
    else if (wins && engagement.class == JD_CLASS_FACT)
        jd_alerts_refresh_facts(step, earlier(jd_touch_time(event), held));
    return JD_APPLIED;
}

/* ---- touches of physicians, under another key ---- */

static void engagement_leaves(struct jd_step *step, const struct jd_slot *slot);

static enum jd_verdict step_touch(struct jd_step *step, const struct jd_input *input, const char **reason)
{
    const struct jd_shared_touch *touch = input->touch;
    struct jd_str name = jd_engagement_name(step->key, &touch->event, step->arena);
    const struct jd_slot *slot =
        jd_state_slot(step->state, JD_ENTRY_ENGAGEMENT, touch->class, name, step->arena);
    const struct jd_engagement *held = slot == NULL ? NULL : jd_slot_engagement(step->key, slot, step->arena);
    struct jd_engagement engagement = {.event = touch->event,
                                       .class = touch->class,
                                       .recorded_late = touch->recorded_late,
                                       .applies_from = JD_TIME_NONE,
                                       .keep_until = JD_TIME_NONE};
    enum jd_cause cause = (enum jd_cause)touch->cause;
    if (touch->op == JD_TOUCH_OP_PUT) {
        if (step->scope == NULL)
            return JD_FILTERED; /* of a policy that is in force no more */
        if (jd_stands_as_note(&engagement) && jd_note_is_late(step, &touch->event)) {
            *reason = "alert_final";
            return JD_DEAD_LETTERED;
        }
        cause = jd_step_cause(held, &engagement);
    } else if (held == NULL) {
        return JD_APPLIED; /* it came twice */
    } else if (touch->op == JD_TOUCH_OP_RELEASE) {
        const struct jd_slot copy = *slot;
        engagement_leaves(step, &copy);
        return JD_APPLIED;
    } else {
        engagement.event = held->event;
        engagement.recorded_late = held->recorded_late;
        engagement.lapsed = JD_TRUE;
        engagement.keep_until = touch->keep_until == JD_TIME_NONE ? step->now : touch->keep_until;
    }
    put_engagement(step, slot, name, &engagement, version_of(step, &engagement));
    if (jd_is_note(&engagement.event))
        note_changes(step, &engagement.event, held);
    else
        jd_alerts_refresh(step, &engagement, held, cause);
    return JD_APPLIED;
}

/* ---- profiles ---- */

static bool zone_known(const struct jd_step *step, struct jd_str zone)
{
    for (uint32_t i = 0; i < step->program->zone_count; i++)
        if (jd_str_eq(step->program->zones[i].name, zone))
            return true;
    return zone.ptr == NULL;
}

static const struct jd_slot *profile_slot(const struct jd_step *step, uint8_t kind)
{
    return jd_state_slot(step->state, kind, 0, JD_STR("-"), step->arena);
}

static void put_profile(struct jd_step *step, uint8_t kind, jd_time due, const void *value)
{
    struct jd_str body = jd_avro_bytes(jd_entry_records[kind - 1], value, step->arena);
    jd_step_put(step, profile_slot(step, kind), &(struct jd_put){kind, JD_STR("-"), due, body, value});
}

/* The greatest recorded_at wins; of equals the greater bytes. */
static bool profile_wins(const struct jd_step *step, uint8_t kind, jd_time recorded, const void *value)
{
    const struct jd_slot *held = profile_slot(step, kind);
    if (held == NULL)
        return true;
    jd_time held_recorded = jd_slot_recorded(held, step->arena);
    if (held_recorded != recorded)
        return held_recorded < recorded;
    struct jd_str body = jd_avro_bytes(jd_entry_records[kind - 1], value, step->arena);
    return jd_str_cmp(jd_entry_body(held->entry), body) < 0;
}

/* A profile stays; the mark that one is gone is kept as long as an older one may still arrive. */
static jd_time profile_due(const struct jd_step *step, bool gone, jd_time recorded)
{
    return gone ? jd_bounded(jd_later(recorded, step->now) + step->program->allowed_lateness_ms) + 1
                : JD_NEVER;
}

static enum jd_verdict step_hcp(struct jd_step *step, const struct jd_input *input, const char **reason)
{
    struct jd_hcp_entry entry = {.recorded_at = input->stamp};
    jd_record_clear(&jd_hcp_profile_record, &entry.profile);
    if (input->hcp != NULL) {
        if (!zone_known(step, input->hcp->zone)) {
            *reason = "unknown_zone";
            return JD_DEAD_LETTERED;
        }
        entry.profile = *input->hcp;
        entry.profile.hcp_id = input->key;
        entry.recorded_at = input->hcp->recorded_at;
    }
    if (!profile_wins(step, JD_ENTRY_HCP, entry.recorded_at, &entry))
        return JD_APPLIED;
    const struct jd_hcp_profile *before = jd_state_profile(step->state, step->arena);
    struct jd_str zone = before == NULL ? (struct jd_str){0} : before->zone;
    struct jd_str country = before == NULL ? (struct jd_str){0} : before->country;
    put_profile(step, JD_ENTRY_HCP, profile_due(step, input->hcp == NULL, entry.recorded_at), &entry);
    jd_scopes_profile(step, before);
    jd_alerts_refresh_profile(step, step->program->profiles || !jd_str_eq(zone, entry.profile.zone) ||
                                        !jd_str_eq(country, entry.profile.country));
    return JD_APPLIED;
}

static enum jd_verdict step_account(struct jd_step *step, const struct jd_input *input, const char **reason)
{
    struct jd_account_entry entry = {.recorded_at = input->stamp};
    jd_record_clear(&jd_account_profile_record, &entry.profile);
    if (input->account != NULL) {
        if (!zone_known(step, input->account->zone)) {
            *reason = "unknown_zone";
            return JD_DEAD_LETTERED;
        }
        entry.profile = *input->account;
        entry.profile.account_id = input->key;
        entry.recorded_at = input->account->recorded_at;
    }
    if (!profile_wins(step, JD_ENTRY_ACCOUNT, entry.recorded_at, &entry))
        return JD_APPLIED;
    const struct jd_account_profile *before = jd_state_account(step->state, step->arena);
    struct jd_str zone = before == NULL ? (struct jd_str){0} : before->zone;
    struct jd_str country = before == NULL ? (struct jd_str){0} : before->country;
    put_profile(step, JD_ENTRY_ACCOUNT, profile_due(step, input->account == NULL, entry.recorded_at), &entry);
    jd_alerts_refresh_profile(step, step->program->profiles || !jd_str_eq(zone, entry.profile.zone) ||
                                        !jd_str_eq(country, entry.profile.country));
    return JD_APPLIED;
}

enum jd_verdict jd_step_input(struct jd_step *step, const struct jd_input *input, const char **reason)
{
    enum jd_verdict verdict = JD_APPLIED;
    switch (input->kind) {
    case JD_INPUT_EVENT:
        verdict = step_event(step, input, reason);
        break;
    case JD_INPUT_HCP_PROFILE:
        verdict = step_hcp(step, input, reason);
        break;
    case JD_INPUT_ACCOUNT_PROFILE:
        return step_account(step, input, reason);
    case JD_INPUT_TOUCH:
        return step_touch(step, input, reason);
    case JD_INPUT_CLOCK:
        return JD_APPLIED; /* nothing of a key */
    }
    jd_over_follow(step);
    if (verdict == JD_APPLIED)
        jd_triggers_review(step);
    return verdict;
}

/* ---- timers ---- */

/* The end of retention: the entry leaves, and what is left of its alerts with it. */
static void engagement_leaves(struct jd_step *step, const struct jd_slot *slot)
{
    uint32_t from, to;
    jd_state_range(step->state, JD_ENTRY_ALERT, &from, &to);
    const struct jd_engagement *engagement =
        from < to || step->program->key_count > 0 ? jd_slot_engagement(step->key, slot, step->arena) : NULL;
    jd_alerts_remember(step, slot);
    if (engagement != NULL)
        jd_scopes_release(step, engagement);
    jd_step_delete(step, slot);
    if (engagement != NULL)
        jd_alerts_forget(step, engagement);
}

/* For its next timer. */
static struct jd_engagement put_again(struct jd_step *step, const struct jd_slot *slot)
{
    struct jd_engagement engagement = *jd_slot_engagement(step->key, slot, step->arena);
    if (step->hcp.ptr == NULL)
        engagement.keep_until = JD_TIME_NONE; /* it is told */
    put_engagement(step, slot, jd_engagement_name(step->key, &engagement.event, step->arena), &engagement,
                   version_of(step, &engagement));
    return engagement;
}

/* The hour of a plan has come, or of an alert that is counted and has one in it. */
static void hour_comes(struct jd_step *step, const struct jd_slot *slot)
{
    const struct jd_engagement engagement = put_again(step, slot);
    if (!jd_fault_bug("phase_flip_missing"))
        jd_alerts_refresh(step, &engagement, NULL, JD_CAUSE_CORRECTED);
}

/* Under another key: that, or what is no touch of the key any more need not be kept. */
static void shared_timer(struct jd_step *step, const struct jd_slot *slot)
{
    if (slot->flags & JD_SLOT_STANDS)
        hour_comes(step, slot);
    else
        engagement_leaves(step, slot);
}

/* Another policy may have other times: when the plan lapses, how long what is held is kept. */
static void review_engagement(struct jd_step *step, const struct jd_slot *slot)
{
    if (slot->due <= step->now || step->hcp.ptr == NULL)
        return; /* its timer is on its way; or it is told */
    const struct jd_engagement *held = jd_slot_engagement(step->key, slot, step->arena);
    struct jd_engagement engagement = *held;
    if (jd_is_planned(held))
        engagement.lapsed = jd_has_lapsed(step, &held->event) ? JD_TRUE : JD_TRUTH_NONE;
    engagement.keep_until = jd_kept_for(step, held, jd_touch_recorded(&held->event));
    jd_time due = jd_engagement_due(step, &engagement);
    if (due != slot->due || engagement.lapsed != held->lapsed || engagement.keep_until != held->keep_until)
        put_engagement(step, slot, jd_engagement_key(&held->event, step->arena), &engagement,
                       version_of(step, &engagement));
}

static void review_times(struct jd_step *step)
{
    uint32_t from, to;
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    struct jd_slot *slots = jd_arena_array(step->arena, to - from, sizeof *slots);
    for (uint32_t i = from; i < to; i++) /* a copy: putting moves them */
        slots[i - from] = step->state->slots[i];
    for (uint32_t i = 0; i < to - from; i++)
        review_engagement(step, &slots[i]);
}

void jd_step_review(struct jd_step *step)
{
    jd_state_ready(step->fold, step->state);
    if (step->fold->review.times)
        review_times(step);
    const bool affected = jd_step_is_affected(step);
    if (affected)
        jd_alerts_review(step);
    step->out->evaluated += affected;
    step->out->unaffected += !affected;
    if (step->hcp.ptr != NULL)
        jd_triggers_review(step);
    jd_scopes_tell_again(step); /* those of a new scope know nothing yet */
}

/* Is it its first or last moment that is due, and not the end of its retention? */
static bool note_turns(const struct jd_step *step, const struct jd_slot *slot)
{
    const struct jd_event *event = &jd_slot_engagement(step->key, slot, step->arena)->event;
    return slot->due <= event->end;
}

static void note_timer(struct jd_step *step, const struct jd_slot *slot)
{
    const struct jd_engagement engagement = put_again(step, slot);
    jd_alert_note(step, engagement.event.responds_to);
}

static void engagement_timer(struct jd_step *step, const struct jd_slot *slot)
{
    if ((slot->flags & JD_SLOT_NOTE) && note_turns(step, slot)) {
        note_timer(step, slot);
        return;
    }
    if (step->hcp.ptr == NULL) {
        shared_timer(step, slot);
        return;
    }
    if (slot->class == JD_CLASS_ALERT && slot->due <= slot->time) {
        hour_comes(step, slot);
        return;
    }
    if (slot->phase != JD_PHASE_PLANNED || slot->class != JD_CLASS_TOUCH) {
        engagement_leaves(step, slot);
        return;
    }
    struct jd_engagement engagement = *jd_slot_engagement(step->key, slot, step->arena);
    if (engagement.keep_until < step->now) {
        engagement_leaves(step, slot);
        return;
    }
    const struct jd_engagement before = engagement;
    if (jd_has_lapsed(step, &engagement.event))
        engagement.lapsed = JD_TRUE;
    struct jd_str key = jd_engagement_key(&engagement.event, step->arena);
    put_engagement(step, slot, key, &engagement, version_of(step, &engagement));
    if (engagement.lapsed == JD_TRUE || !jd_fault_bug("phase_flip_missing"))
        jd_alerts_refresh(step, &engagement, engagement.lapsed == JD_TRUE ? &before : NULL,
                          jd_step_cause(NULL, &engagement));
    if (engagement.lapsed == JD_TRUE)
        jd_scopes_tell(step, &before, &engagement, JD_CAUSE_LAPSED);
}

void jd_step_timer(struct jd_step *step, const struct jd_slot *slot)
{
    switch ((enum jd_entry_kind)slot->kind) {
    case JD_ENTRY_ENGAGEMENT:
        engagement_timer(step, slot);
        break;
    case JD_ENTRY_ALERT:
        jd_alert_close(step, slot);
        break;
    case JD_ENTRY_DEADLINE:
        jd_alerts_deadline(step, slot);
        break;
    case JD_ENTRY_PERIOD:
        jd_alerts_unremember(step, slot);
        return;
    case JD_ENTRY_TRIGGER:
        jd_trigger_expire(step, slot);
        return;
    case JD_ENTRY_HCP: /* the mark of a profile that is gone */
    case JD_ENTRY_ACCOUNT:
    case JD_ENTRY_SHARD:
    case JD_ENTRY_RULE:
    case JD_ENTRY_PROGRAM:
    case JD_ENTRY_FINAL: /* the mark of an alert that is final */
    case JD_ENTRY_NONE:
    case JD_ENTRY_END_:
        jd_step_delete(step, slot);
        return;
    }
    jd_over_follow(step);
    if (step->hcp.ptr != NULL)
        jd_triggers_review(step);
}
