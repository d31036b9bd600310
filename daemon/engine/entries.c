#include "engine/entries.h"

#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"

/* ---- names ---- */

bool jd_key_is_hcp(struct jd_str key)
{
    return key.size > 4 && memcmp(key.ptr, "hcp:", 4) == 0;
}

struct jd_str jd_bare_key(struct jd_str key)
{
    for (uint32_t i = 0; i < key.size; i++)
        if (key.ptr[i] == ':')
            return (struct jd_str){key.ptr + i + 1, key.size - i - 1};
    return key;
}

/* A JSON string, escaped only where RFC 8259 demands it. */
static void json_string(struct jd_buf *buf, struct jd_str s)
{
    jd_buf_byte(buf, '"');
    uint32_t plain = 0;
    for (uint32_t i = 0; i < s.size; i++) {
        unsigned char byte = (unsigned char)s.ptr[i];
        if (byte != '"' && byte != '\\' && byte >= 0x20)
            continue;
        jd_buf_bytes(buf, s.ptr + plain, i - plain);
        plain = i + 1;
        if (byte < 0x20) {
            jd_buf_printf(buf, "\\u%04x", byte);
        } else {
            jd_buf_byte(buf, '\\');
            jd_buf_byte(buf, byte);
        }
    }
    jd_buf_bytes(buf, s.ptr + plain, s.size - plain);
    jd_buf_byte(buf, '"');
}

struct jd_str jd_event_name(const struct jd_event *event, struct jd_arena *arena)
{
    struct jd_buf buf;
    jd_buf_init(&buf, arena);
    jd_buf_byte(&buf, '[');
    json_string(&buf, event->source);
    jd_buf_byte(&buf, ',');
    json_string(&buf, event->id);
    jd_buf_byte(&buf, ']');
    return jd_buf_done(&buf);
}

struct jd_str jd_engagement_key(const struct jd_event *event, struct jd_arena *arena)
{
    return event->engagement_id.ptr != NULL ? event->engagement_id : jd_event_name(event, arena);
}

static struct jd_str name_of(struct jd_str hcp, struct jd_str engagement, struct jd_arena *arena)
{
    return jd_arena_printf(arena, "%u:" JD_STR_FMT JD_STR_FMT, hcp.size, JD_STR_ARG(hcp),
                           JD_STR_ARG(engagement));
}

struct jd_str jd_engagement_name(struct jd_str key, const struct jd_event *event, struct jd_arena *arena)
{
    struct jd_str engagement = jd_engagement_key(event, arena);
    return jd_key_is_hcp(key) ? engagement : name_of(event->hcp_id, engagement, arena);
}

struct jd_str jd_name_engagement(struct jd_str key, struct jd_str name)
{
    uint32_t at = 0, size = 0;
    if (jd_key_is_hcp(key))
        return name;
    for (; at < name.size && name.ptr[at] >= '0' && name.ptr[at] <= '9' && size <= JD_STRING_MAX; at++)
        size = size * 10 + (uint32_t)(name.ptr[at] - '0');
    if (at == name.size || name.ptr[at] != ':' || size > name.size - at - 1)
        return name; /* none that was made here: it is the name of nothing */
    return (struct jd_str){name.ptr + at + 1 + size, name.size - at - 1 - size};
}

struct jd_str jd_entry_id(uint8_t kind, uint8_t class, struct jd_str name, struct jd_arena *arena)
{
    if (kind != JD_ENTRY_ENGAGEMENT)
        return jd_arena_str(arena, name);
    const struct jd_str parts[] = {jd_symbol_text(&jd_class_symbols, class), JD_STR(":"), name};
    return jd_arena_join(arena, parts, JD_COUNT(parts));
}

bool jd_entry_id_parse(uint8_t kind, struct jd_str id, uint8_t *class, struct jd_str *name)
{
    *class = 0;
    *name = id;
    if (kind != JD_ENTRY_ENGAGEMENT)
        return id.ptr != NULL;
    *name = jd_bare_key(id);
    if (name->size == id.size)
        return false;
    *class = jd_symbol_of(&jd_class_symbols, (struct jd_str){id.ptr, id.size - name->size - 1});
    return *class != 0;
}

static struct jd_str deadline_name(const struct jd_deadline_entry *deadline, struct jd_arena *arena)
{
    const struct jd_str parts[] = {deadline->rule, JD_STR("/"), deadline->engagement};
    return jd_arena_join(arena, parts, JD_COUNT(parts));
}

struct jd_str jd_value_name(uint8_t kind, struct jd_str key, const void *value, struct jd_arena *arena)
{
    if (kind == JD_ENTRY_ENGAGEMENT)
        return jd_engagement_name(key, &((const struct jd_engagement *)value)->event, arena);
    if (kind == JD_ENTRY_ALERT)
        return ((const struct jd_alert *)value)->alert_id;
    if (kind == JD_ENTRY_DEADLINE)
        return deadline_name(value, arena);
    if (kind == JD_ENTRY_RULE)
        return ((const struct jd_rule_entry *)value)->rule;
    if (kind == JD_ENTRY_FINAL)
        return ((const struct jd_final_entry *)value)->alert_id;
    return jd_kind_gives_id(kind) ? (struct jd_str){0} : JD_STR("-");
}

struct jd_str jd_slot_engagement_key(const struct jd_slot *slot, struct jd_str *hcp, struct jd_arena *arena)
{
    enum { NAME_FIELDS = 4 };
    struct jd_error err;
    struct jd_event event = {0};
    if (!jd_avro_read_front(&jd_version_record, NAME_FIELDS, jd_entry_body(slot->entry), arena, &event, &err))
        abort(); /* it was read when it was stored */
    *hcp = event.hcp_id;
    return jd_engagement_key(&event, arena);
}

/* The names of bodies lie at their front. */
struct jd_str jd_slot_name(const struct jd_slot *slot, struct jd_arena *arena)
{
    struct jd_error err;
    struct jd_str hcp, engagement;
    struct jd_alert alert = {0};
    struct jd_deadline_entry deadline = {0};
    struct jd_rule_entry rule = {0};
    struct jd_final_entry final = {0};
    struct jd_str body = jd_entry_body(slot->entry);
    bool read = true;
    if (slot->kind == JD_ENTRY_ENGAGEMENT) {
        engagement = jd_slot_engagement_key(slot, &hcp, arena);
        return hcp.ptr == NULL ? engagement : name_of(hcp, engagement, arena);
    }
    if (slot->kind == JD_ENTRY_ALERT)
        read = jd_avro_read_front(jd_entry_records[JD_ENTRY_ALERT - 1], 1, body, arena, &alert, &err);
    else if (slot->kind == JD_ENTRY_DEADLINE)
        read = jd_avro_read(jd_entry_records[JD_ENTRY_DEADLINE - 1], body, arena, &deadline, &err);
    else if (slot->kind == JD_ENTRY_RULE)
        read = jd_avro_read_front(jd_entry_records[JD_ENTRY_RULE - 1], 1, body, arena, &rule, &err);
    else if (slot->kind == JD_ENTRY_FINAL)
        read = jd_avro_read(jd_entry_records[JD_ENTRY_FINAL - 1], body, arena, &final, &err);
    if (!read)
        abort(); /* it was read when it was stored */
    return slot->kind == JD_ENTRY_ALERT      ? alert.alert_id
           : slot->kind == JD_ENTRY_FINAL    ? final.alert_id
           : slot->kind == JD_ENTRY_DEADLINE ? deadline_name(&deadline, arena)
           : slot->kind == JD_ENTRY_RULE     ? rule.rule
           : jd_kind_gives_id(slot->kind)    ? jd_entry_given_id(slot->entry)
                                             : JD_STR("-");
}

struct jd_str jd_slot_id(const struct jd_slot *slot, struct jd_arena *arena)
{
    return jd_entry_id(slot->kind, slot->class, jd_slot_name(slot, arena), arena);
}

/* ---- reading ---- */

static void complete_events(struct jd_list list, struct jd_str hcp)
{
    /* The list was made by the reader, in the arena of the caller. */
    struct jd_event *events = (struct jd_event *)(uintptr_t)list.items;
    for (uint32_t i = 0; i < list.count; i++)
        if (events[i].hcp_id.ptr == NULL)
            events[i].hcp_id = hcp;
}

void jd_value_complete(uint8_t kind, struct jd_str key, jd_time due, void *value)
{
    struct jd_str bare = jd_bare_key(key);
    if (kind == JD_ENTRY_ENGAGEMENT) {
        struct jd_engagement *engagement = value;
        if (engagement->event.hcp_id.ptr == NULL)
            engagement->event.hcp_id = bare; /* present under other keys than the physician's */
        if (engagement->keep_until == JD_TIME_NONE && due != JD_NEVER && due != JD_TIME_NONE)
            engagement->keep_until = due - 1;
    } else if (kind == JD_ENTRY_ALERT) {
        struct jd_alert *alert = value;
        alert->key = bare;
        alert->hcp_id = alert->scope == JD_SCOPE_HCP ? bare : (struct jd_str){0};
        if (alert->evidence_sha256.ptr == NULL)
            alert->evidence_count = alert->evidence.count;
        alert->final = JD_FALSE;
        complete_events(alert->evidence, bare);
    } else if (kind == JD_ENTRY_TRIGGER) {
        struct jd_trigger *trigger = &((struct jd_trigger_entry *)value)->trigger;
        if (trigger->trigger_id.ptr != NULL)
            trigger->hcp_id = bare;
    }
}

/* The bytes are copied first: what is read outlives the entry. */
static void *read_slot(struct jd_str key, const struct jd_slot *slot, struct jd_arena *arena)
{
    const struct jd_record *record = jd_entry_records[slot->kind - 1];
    struct jd_error err;
    void *value = jd_arena_alloc(arena, record->size);
    if (!jd_avro_read(record, jd_arena_str(arena, jd_entry_body(slot->entry)), arena, value, &err))
        abort(); /* it was read when it was stored */
    jd_value_complete(slot->kind, key, slot->due, value);
    return value;
}

const struct jd_engagement *jd_slot_engagement(struct jd_str key, const struct jd_slot *slot,
                                               struct jd_arena *arena)
{
    return read_slot(key, slot, arena);
}

const struct jd_alert *jd_slot_alert(struct jd_str key, const struct jd_slot *slot, struct jd_arena *arena)
{
    return read_slot(key, slot, arena);
}

const struct jd_deadline_entry *jd_slot_deadline(struct jd_str key, const struct jd_slot *slot,
                                                 struct jd_arena *arena)
{
    return read_slot(key, slot, arena);
}

const struct jd_period_entry *jd_slot_period(struct jd_str key, const struct jd_slot *slot,
                                             struct jd_arena *arena)
{
    return read_slot(key, slot, arena);
}

struct jd_trigger_entry *jd_slot_trigger(struct jd_str key, const struct jd_slot *slot,
                                         struct jd_arena *arena)
{
    return read_slot(key, slot, arena);
}

struct jd_rule_entry *jd_slot_rule(const struct jd_slot *slot, struct jd_arena *arena)
{
    return read_slot((struct jd_str){0}, slot, arena);
}

struct jd_program_entry *jd_slot_program(const struct jd_slot *slot, struct jd_arena *arena)
{
    return read_slot((struct jd_str){0}, slot, arena);
}

jd_time jd_slot_recorded(const struct jd_slot *slot, struct jd_arena *arena)
{
    const void *value = read_slot((struct jd_str){0}, slot, arena);
    return slot->kind == JD_ENTRY_HCP ? ((const struct jd_hcp_entry *)value)->recorded_at
                                      : ((const struct jd_account_entry *)value)->recorded_at;
}

const struct jd_hcp_profile *jd_state_profile(const struct jd_state *state, struct jd_arena *arena)
{
    const struct jd_slot *slot = jd_state_slot(state, JD_ENTRY_HCP, 0, JD_STR("-"), arena);
    if (slot == NULL)
        return NULL;
    const struct jd_hcp_entry *hcp = read_slot(jd_state_key(state), slot, arena);
    return hcp->profile.hcp_id.ptr == NULL ? NULL : &hcp->profile;
}

const struct jd_account_profile *jd_state_account(const struct jd_state *state, struct jd_arena *arena)
{
    const struct jd_slot *slot = jd_state_slot(state, JD_ENTRY_ACCOUNT, 0, JD_STR("-"), arena);
    if (slot == NULL)
        return NULL;
    const struct jd_account_entry *account = read_slot(jd_state_key(state), slot, arena);
    return account->profile.account_id.ptr == NULL ? NULL : &account->profile;
}

const int64_t *jd_engagement_saw(const struct jd_engagement *engagement, const struct jd_event *event)
{
    const struct jd_seen *seen = engagement->seen.items;
    if (jd_str_eq(engagement->event.id, event->id) && jd_str_eq(engagement->event.source, event->source))
        return &engagement->digest;
    for (uint32_t i = 0; i < engagement->seen.count; i++)
        if (jd_str_eq(seen[i].id, event->id) && jd_str_eq(seen[i].source, event->source))
            return &seen[i].digest;
    return NULL;
}

/* ---- writing ---- */

struct jd_str jd_version_bytes(const struct jd_event *event, struct jd_str hcp, struct jd_arena *arena,
                               int64_t *digest)
{
    enum { IDENTITY = 2 };
    struct jd_event version = *event;
    if (jd_str_eq(version.hcp_id, hcp))
        version.hcp_id = (struct jd_str){0};
    struct jd_buf buf;
    jd_buf_init(&buf, arena);
    jd_avro_write_fields(&jd_version_record, &version, 0, IDENTITY, &buf);
    size_t identity = buf.size;
    jd_avro_write_fields(&jd_version_record, &version, IDENTITY, jd_version_record.count, &buf);
    struct jd_str bytes = jd_buf_done(&buf);
    *digest = (int64_t)jd_digest((struct jd_str){bytes.ptr + identity, bytes.size - (uint32_t)identity});
    return bytes;
}

struct jd_str jd_engagement_body(const struct jd_engagement *engagement, jd_time due, struct jd_str version,
                                 struct jd_arena *arena)
{
    const struct jd_record *record = jd_entry_records[JD_ENTRY_ENGAGEMENT - 1];
    struct jd_engagement rest = *engagement;
    if (rest.keep_until != JD_TIME_NONE && rest.keep_until + 1 == due)
        rest.keep_until = JD_TIME_NONE;
    struct jd_buf buf;
    jd_buf_init(&buf, arena);
    jd_buf_str(&buf, version);
    jd_avro_write_fields(record, &rest, 1, record->count, &buf); /* the event is the first field */
    return jd_buf_done(&buf);
}

struct jd_str jd_alert_body(const struct jd_alert *alert, struct jd_str hcp, struct jd_arena *arena)
{
    const struct jd_event *evidence = alert->evidence.items;
    struct jd_event *events = jd_arena_array(arena, alert->evidence.count, sizeof *events);
    for (uint32_t i = 0; i < alert->evidence.count; i++) {
        events[i] = evidence[i];
        if (jd_str_eq(events[i].hcp_id, hcp))
            events[i].hcp_id = (struct jd_str){0};
    }
    struct jd_alert held = *alert;
    held.evidence = (struct jd_list){events, alert->evidence.count};
    if (held.evidence_sha256.ptr == NULL)
        held.evidence_count = JD_INT_NONE; /* as many as there are */
    return jd_avro_bytes(jd_entry_records[JD_ENTRY_ALERT - 1], &held, arena);
}
