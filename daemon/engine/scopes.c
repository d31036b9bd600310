#include "engine/scopes.h"

#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/fields.h"
#include "engine/ids.h"
#include "engine/notes.h"

/* A key of a touch, and what it sees. */
struct sight {
    const struct jd_scope_key *key;
    struct jd_str id; /* bare */
    const struct jd_event *event;
    bool asked_for; /* by a rule: it is told */
    bool warming;   /* by one that was not there before, or asked for others: it is told again */
};

struct sights {
    struct sight *items;
    uint32_t count, capacity;
};

const struct jd_scope_key *jd_scope_of(const struct jd_program *program, struct jd_str key)
{
    struct jd_str id = jd_bare_key(key);
    for (uint32_t i = 0; program != NULL && i < program->key_count; i++)
        if (jd_str_eq(program->keys[i].name, (struct jd_str){key.ptr, key.size - id.size - 1}))
            return &program->keys[i];
    return NULL;
}

bool jd_scope_is_engagement(const struct jd_scope_key *key)
{
    return key->scope == JD_SCOPE_DECLARED && !key->of_profile && key->ref.field == JD_FIELD_ENGAGEMENT_ID;
}

/* ---- who sees a touch ---- */

/* Does a rule of that scope ask for what is seen? */
static void ask_rules(const struct jd_step *step, const struct jd_engagement *version, struct sight *sight)
{
    const struct jd_selectors *selectors = &step->fold->selectors;
    uint64_t *bits = jd_arena_array(step->arena, selectors->words, sizeof *bits);
    jd_selectors_match(selectors, version->class, sight->event, version->recorded_late == JD_TRUE, bits);
    for (uint32_t i = 0; i < step->program->rule_count; i++) {
        const struct jd_rule *rule = &step->program->rules[i];
        if (rule->key != sight->key || !jd_selectors_ask(bits, i))
            continue;
        sight->asked_for = true;
        sight->warming = sight->warming || rule->rewritten;
    }
}

static void add(const struct jd_step *step, struct sights *list, const struct jd_scope_key *key,
                struct jd_str id, const struct jd_engagement *version, const struct jd_event *event)
{
    if (id.size == 0)
        return;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].key == key && jd_str_eq(list->items[i].id, id))
            return; /* who acts and is named as coming along, too */
    if (list->count == list->capacity)
        list->items =
            jd_arena_grow(step->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    struct sight *sight = &list->items[list->count++];
    *sight = (struct sight){.key = key, .id = id, .event = event};
    ask_rules(step, version, sight);
}

/* The actor, and each who came along, seen in the place of the actor. */
static void add_actors(const struct jd_step *step, struct sights *list, const struct jd_scope_key *key,
                       const struct jd_engagement *version)
{
    const struct jd_event *event = &version->event;
    const struct jd_party *parties = event->joint_with.items;
    add(step, list, key, event->actor.id, version, event);
    for (uint32_t i = 0; i < event->joint_with.count && !jd_fault_bug("scope_joint_unsent"); i++) {
        struct jd_event *seen = jd_arena_alloc(step->arena, sizeof *seen);
        *seen = *event;
        seen->actor = (struct jd_actor){.id = parties[i].id, .role = parties[i].role};
        if (!jd_str_eq(parties[i].id, event->actor.id))
            add(step, list, key, parties[i].id, version, seen);
    }
}

static struct jd_str profile_text(const struct jd_scope_key *key, const struct jd_hcp_profile *profile)
{
    const struct jd_pair *pairs = profile == NULL ? NULL : profile->attributes.items;
    if (profile == NULL)
        return (struct jd_str){0};
    if (key->attribute.ptr == NULL)
        return *(const struct jd_str *)(const void *)((const char *)profile + key->place);
    for (uint32_t i = 0; i < profile->attributes.count; i++)
        if (jd_str_eq(pairs[i].key, key->attribute))
            return pairs[i].value;
    return (struct jd_str){0};
}

/* Of a note the one key whose alert it is about, if that is not the physician. */
static void add_noted(const struct jd_step *step, struct sights *list, const struct jd_event *event)
{
    const struct jd_str state = jd_note_key(event, step->arena);
    const struct jd_scope_key *key = jd_scope_of(step->program, state);
    if (key == NULL || jd_fault_bug("note_untold"))
        return;
    if (list->count == list->capacity)
        list->items =
            jd_arena_grow(step->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count++] = (struct sight){key, jd_bare_key(state), event, true, true};
}

/* The keys of a version. */
static struct sights sights_of(const struct jd_step *step, const struct jd_engagement *version,
                               const struct jd_hcp_profile *profile)
{
    struct sights list = {0};
    const struct jd_event *event = &version->event;
    if (jd_touch_stands(version) && version->class == JD_CLASS_FACT && jd_is_note(event))
        add_noted(step, &list, event);
    if (!jd_touch_stands(version) || version->class == JD_CLASS_FACT)
        return list;
    for (uint32_t i = 0; i < step->program->key_count; i++) {
        const struct jd_scope_key *key = &step->program->keys[i];
        if (key->scope == JD_SCOPE_ACTOR)
            add_actors(step, &list, key, version);
        else
            add(step, &list, key,
                key->scope == JD_SCOPE_ACCOUNT ? event->account_id
                : key->of_profile              ? profile_text(key, profile)
                : jd_scope_is_engagement(key)  ? jd_engagement_key(event, step->arena)
                                               : jd_field_plain_text(event, &key->ref),
                version, event);
    }
    return list;
}

/* ---- telling them ---- */

static void send(struct jd_step *step, const struct sight *sight, const struct jd_engagement *version,
                 enum jd_touch_op op, enum jd_cause cause)
{
    struct jd_shared_touch *touch = jd_arena_alloc(step->arena, sizeof *touch);
    *touch = (struct jd_shared_touch){
        .scope = (uint8_t)sight->key->scope,
        .name = sight->key->scope == JD_SCOPE_DECLARED ? sight->key->name : (struct jd_str){0},
        .key = sight->id,
        .op = (uint8_t)op,
        .cause = (uint8_t)cause,
        .class = version->class,
        .recorded_late = version->recorded_late,
        .keep_until = op == JD_TOUCH_OP_REMOVE ? version->keep_until : JD_TIME_NONE,
        .event = *sight->event,
    };
    const struct jd_str key[] = {sight->key->name, JD_STR(":"), sight->id};
    const struct jd_str state = jd_arena_join(step->arena, key, JD_COUNT(key));
    const struct jd_str parts[] = {state,
                                   step->hcp,
                                   jd_engagement_key(sight->event, step->arena),
                                   jd_symbol_text(&jd_touch_op_symbols, touch->op),
                                   sight->event->source,
                                   sight->event->id,
                                   jd_arena_printf(step->arena, "%lld", (long long)step->now)};
    jd_step_emit(step, JD_TOPIC_TOUCHES, state, &jd_shared_touch_record, touch,
                 jd_id_of(parts, JD_COUNT(parts), step->arena));
}

/* The same key's, NULL: none. */
static const struct sight *find(const struct sights *list, const struct sight *sight)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].key == sight->key && jd_str_eq(list->items[i].id, sight->id))
            return &list->items[i];
    return NULL;
}

static bool is_told(const struct sights *list, const struct sight *sight)
{
    const struct sight *found = find(list, sight);
    return found != NULL && found->asked_for;
}

/* Those who were told of `before` and are not of what counts now; then those who are. Who is no key of it any more
 * sees a correction, whatever it is to others; but nobody has what is cancelled or has lapsed. */
static void tell(struct jd_step *step, const struct jd_engagement *version, const struct sights *before,
                 const struct sights *after, enum jd_cause cause)
{
    for (uint32_t i = 0; i < before->count && !jd_fault_bug("scope_never_removed"); i++)
        if (before->items[i].asked_for && !is_told(after, &before->items[i]))
            send(step, &before->items[i], version, JD_TOUCH_OP_REMOVE,
                 jd_touch_stands(version) && find(after, &before->items[i]) == NULL ? JD_CAUSE_CORRECTED
                                                                                    : cause);
    for (uint32_t i = 0; i < after->count; i++)
        if (after->items[i].asked_for)
            send(step, &after->items[i], version, JD_TOUCH_OP_PUT, JD_CAUSE_NONE);
}

static bool tells(const struct jd_step *step)
{
    return step->hcp.ptr != NULL && step->program->key_count > 0;
}

void jd_scopes_tell(struct jd_step *step, const struct jd_engagement *before,
                    const struct jd_engagement *after, enum jd_cause cause)
{
    if (!tells(step))
        return;
    const struct jd_hcp_profile *profile = jd_state_profile(step->state, step->arena);
    struct sights old = {0}, now = sights_of(step, after, profile);
    if (before != NULL)
        old = sights_of(step, before, profile);
    tell(step, after, &old, &now, cause);
}

void jd_scopes_release(struct jd_step *step, const struct jd_engagement *engagement)
{
    if (!tells(step))
        return;
    struct sights sights = sights_of(step, engagement, jd_state_profile(step->state, step->arena));
    for (uint32_t i = 0; i < sights.count; i++)
        if (sights.items[i].asked_for)
            send(step, &sights.items[i], engagement, JD_TOUCH_OP_RELEASE, JD_CAUSE_NONE);
}

/* Tells of each touch those who see it now and, with the profile `before`, did not, and those who see it no longer;
 * without it those of rules that are warming. */
static void tell_all(struct jd_step *step, const struct jd_hcp_profile *const *before)
{
    uint32_t from, to;
    const struct jd_hcp_profile *profile = jd_state_profile(step->state, step->arena);
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (; from < to; from++) {
        const struct jd_engagement *version =
            jd_slot_engagement(step->key, &step->state->slots[from], step->arena);
        struct sights old = {0}, now = sights_of(step, version, profile);
        if (before != NULL)
            old = sights_of(step, version, *before);
        for (uint32_t i = 0; i < old.count; i++)
            if (old.items[i].asked_for && !is_told(&now, &old.items[i]))
                send(step, &old.items[i], version, JD_TOUCH_OP_REMOVE, JD_CAUSE_CORRECTED);
        for (uint32_t i = 0; i < now.count; i++)
            if (before == NULL ? now.items[i].warming
                               : now.items[i].asked_for && !is_told(&old, &now.items[i]))
                send(step, &now.items[i], version, JD_TOUCH_OP_PUT, JD_CAUSE_NONE);
    }
}

void jd_scopes_profile(struct jd_step *step, const struct jd_hcp_profile *before)
{
    bool moved = false;
    const struct jd_hcp_profile *profile = jd_state_profile(step->state, step->arena);
    for (uint32_t i = 0; tells(step) && i < step->program->key_count; i++)
        moved = moved || (step->program->keys[i].of_profile &&
                          !jd_str_eq(profile_text(&step->program->keys[i], before),
                                     profile_text(&step->program->keys[i], profile)));
    if (moved)
        tell_all(step, &before);
}

void jd_scopes_tell_again(struct jd_step *step)
{
    bool warming = false;
    for (uint32_t i = 0; i < step->program->rule_count; i++)
        warming = warming || (step->program->rules[i].key != NULL && step->program->rules[i].rewritten);
    if (warming && tells(step))
        tell_all(step, NULL);
}
