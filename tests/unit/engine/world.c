#include "world.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"

static void *reallocate(void *context, void *old, size_t old_size, size_t new_size)
{
    struct world *world = context;
    world->allocated += new_size - old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

/* New York in 2026: from -5 h to -4 h on 8 March 07:00Z, back on 1 November 06:00Z. */
static const jd_time new_york_at[] = {INT64_C(1772953200000), INT64_C(1793512800000)};
static const int32_t new_york_offsets[] = {-5 * 3600, -4 * 3600, -5 * 3600};
static const int32_t utc_offsets[] = {0}, tokyo_offsets[] = {9 * 3600};
static const struct jd_zone zones[ZONES] = {
    {{"America/New_York", 16}, new_york_at, new_york_offsets, 2, NULL},
    {{"Asia/Tokyo", 10}, NULL, tokyo_offsets, 0, NULL},
    {{"UTC", 3}, NULL, utc_offsets, 0, NULL},
};
/* In Japan 3 March, a Tuesday, is a holiday of these tests, and Sunday alone is the weekend. */
static const int64_t japanese_holidays[] = {20515};
static const struct jd_market markets[] = {{{"JP", 2}, &zones[1], {1u << 6, japanese_holidays, 1}}};

void world_init(struct world *world)
{
    *world = (struct world){.now = JD_TIME_MIN};
    jd_arena_init(&world->arena, 64 << 20);
    jd_arena_init(&world->batch, 256 << 20);
    world->out.arena = &world->batch;
    world->program = (struct jd_program){
        .name = JD_STR("test"),
        .hash = JD_STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        .allowed_lateness_ms = 30 * JD_DAY,
        .max_ahead_ms = 730 * JD_DAY,
        .future_grace_ms = 5 * JD_MINUTE,
        .planned_grace_ms = 2 * JD_DAY,
        .joint_within_ms = 4 * JD_HOUR,
        .window_ms = 7 * JD_DAY,
        .zones = zones,
        .zone_count = ZONES,
        .default_zone = &zones[2],
        .markets = markets,
        .market_count = 1,
        .rules = world->rules,
        .trigger_valid_ms = 7 * JD_DAY,
    };
}

void world_done(struct world *world)
{
    jd_fold_free(world->fold);
    cr_assert(world->allocated == 0, "%zu bytes leaked", world->allocated);
    jd_arena_done(&world->arena);
    jd_arena_done(&world->batch);
}

struct jd_str text(struct world *world, const char *s)
{
    return jd_arena_str(&world->arena, jd_str_of(s));
}

struct jd_selector select_role(struct world *world, enum jd_role role)
{
    struct jd_selector selector = {.classes = 1u << JD_CLASS_TOUCH};
    if (role != JD_ROLE_NONE) {
        struct jd_condition *condition = jd_arena_alloc(&world->arena, sizeof *condition);
        *condition = (struct jd_condition){
            .ref = {.field = JD_FIELD_ROLE}, .op = JD_IN, .enum_set = UINT64_C(1) << role};
        selector.conditions = condition;
        selector.count = 1;
    }
    return selector;
}

struct jd_selector select_text(struct world *world, const char *field, const char *value)
{
    struct jd_condition *condition = jd_arena_alloc(&world->arena, sizeof *condition);
    struct jd_str *copy = jd_arena_alloc(&world->arena, sizeof *copy);
    *copy = text(world, value);
    *condition = (struct jd_condition){.op = JD_IN, .texts = copy, .text_count = 1};
    cr_assert(jd_field_ref_of(jd_str_of(field), &condition->ref));
    return (struct jd_selector){.conditions = condition, .count = 1, .classes = 1u << JD_CLASS_TOUCH};
}

struct jd_span span_ms(int64_t hours)
{
    return (struct jd_span){.unit = JD_SPAN_MS, .amount = hours * JD_HOUR, .text = JD_STR("as written")};
}

struct jd_rule *world_rule(struct world *world, const char *id, struct jd_span within)
{
    static const struct jd_severity_case medium = {.severity = JD_SEVERITY_MEDIUM};
    struct jd_rule *rule = &world->rules[world->program.rule_count++];
    *rule = (struct jd_rule){
        .id = text(world, id),
        .version = 1,
        .kind = jd_conflict_kind_of(JD_STR("proximity")),
        .mode = JD_MODE_ALERT,
        .scope = JD_SCOPE_HCP,
        .a = select_role(world, JD_ROLE_SALES_REP),
        .b = select_role(world, JD_ROLE_MSL),
        .within = within,
        .valid_from = JD_TIME_NONE,
        .valid_to = JD_TIME_NONE,
        .complete_from = JD_TIME_NONE,
        .severities = &medium,
        .severity_count = 1,
    };
    return rule;
}

void world_start(struct world *world)
{
    world->fold = jd_fold_new(&world->program, (struct jd_allocator){reallocate, world});
    cr_assert(world->fold != NULL);
}

static struct jd_event *event_of(struct world *world, const struct spec *spec)
{
    struct jd_event *event = jd_arena_alloc(&world->arena, sizeof *event);
    jd_record_clear(&jd_event_record, event);
    event->id = text(world, spec->id);
    event->source = text(world, spec->source ? spec->source : "crm");
    event->type = text(world, spec->type ? spec->type : "call.completed");
    event->time = HOURS(spec->at);
    event->start = HOURS(spec->at);
    if (spec->end > 0)
        event->end = HOURS(spec->end);
    if (spec->recorded > 0 || spec->recorded < 0)
        event->recorded_at = HOURS(spec->recorded);
    event->hcp_id = text(world, spec->hcp ? spec->hcp : "h");
    event->account_id = text(world, spec->account);
    event->engagement_id = text(world, spec->engagement);
    event->phase = (uint8_t)(spec->phase ? spec->phase : JD_PHASE_COMPLETED);
    event->channel = (uint8_t)spec->channel;
    event->actor.role = (uint8_t)spec->role;
    event->actor.team = text(world, spec->team);
    event->actor.id = text(world, spec->actor ? spec->actor : "somebody");
    event->product = text(world, spec->product);
    event->topic = text(world, spec->topic);
    event->responds_to = text(world, spec->responds_to);
    event->country = text(world, spec->country);
    if (spec->joint != NULL) {
        struct jd_party *party = jd_arena_alloc(&world->arena, sizeof *party);
        *party = (struct jd_party){text(world, spec->joint), JD_ROLE_MSL};
        event->joint_with = (struct jd_list){party, 1};
    }
    if (spec->message_count > 0) {
        struct jd_str *messages = jd_arena_array(&world->arena, spec->message_count, sizeof *messages);
        for (uint32_t i = 0; i < spec->message_count; i++)
            messages[i] = text(world, spec->messages[i]);
        event->key_messages = (struct jd_list){messages, spec->message_count};
    }
    return event;
}

enum jd_verdict feed_at(struct world *world, double now, const struct spec *spec)
{
    struct jd_event *event = event_of(world, spec);
    struct jd_input input = {.kind = JD_INPUT_EVENT,
                             .key = event->hcp_id,
                             .effective = HOURS(now),
                             .stamp = HOURS(now),
                             .class = (uint8_t)(spec->class ? spec->class : JD_CLASS_TOUCH),
                             .event = event};
    const struct jd_event_type *type = jd_event_type_of(event->type);
    if (type != NULL) {
        input.fact = type->fact;
        input.fact_state = type->fact_state;
    }
    return jd_fold_input(world->fold, &input, &world->out, &world->reason);
}

enum jd_verdict feed(struct world *world, const struct spec *spec)
{
    return feed_at(world, spec->recorded > 0 ? spec->recorded : spec->at, spec);
}

struct jd_hcp_profile profile_of(const char *hcp, double recorded, const char *zone)
{
    struct jd_hcp_profile profile;
    jd_record_clear(&jd_hcp_profile_record, &profile);
    profile.hcp_id = jd_str_of(hcp);
    profile.recorded_at = HOURS(recorded);
    profile.zone = jd_str_of(zone);
    return profile;
}

enum jd_verdict feed_profile(struct world *world, const struct jd_hcp_profile *profile)
{
    struct jd_input input = {.kind = JD_INPUT_HCP_PROFILE,
                             .key = JD_STR("h"),
                             .effective = profile ? profile->recorded_at : jd_fold_now(world->fold),
                             .stamp = jd_fold_now(world->fold),
                             .hcp = profile};
    return jd_fold_input(world->fold, &input, &world->out, &world->reason);
}

void advance(struct world *world, double hours)
{
    cr_assert(jd_fold_advance(world->fold, HOURS(hours), UINT32_MAX, &world->out));
}

static void print_alert(struct jd_buf *buf, const struct jd_alert *alert, bool revision,
                        struct jd_arena *arena)
{
    const struct jd_str *parts = alert->instance.items;
    jd_buf_printf(buf, JD_STR_FMT, JD_STR_ARG(alert->rule));
    for (uint32_t i = 0; i < alert->instance.count; i++)
        jd_buf_printf(buf, "%c" JD_STR_FMT, i == 0 ? ' ' : '+', JD_STR_ARG(parts[i]));
    if (revision)
        jd_buf_printf(buf, " r%lld", (long long)alert->revision);
    jd_buf_printf(buf, " " JD_STR_FMT, JD_STR_ARG(jd_symbol_text(&jd_status_symbols, alert->status)));
    if (alert->cause != 0)
        jd_buf_printf(buf, " " JD_STR_FMT, JD_STR_ARG(jd_symbol_text(&jd_cause_symbols, alert->cause)));
    jd_buf_printf(buf, " " JD_STR_FMT " " JD_STR_FMT " " JD_STR_FMT JD_STR_FMT,
                  JD_STR_ARG(jd_symbol_text(&jd_alert_phase_symbols, alert->phase)),
                  JD_STR_ARG(jd_symbol_text(&jd_severity_symbols, alert->severity)),
                  JD_STR_ARG(alert->observed.scale == JD_DECIMAL_NONE
                                 ? JD_STR("none")
                                 : jd_decimal_text(alert->observed, arena)),
                  JD_STR_ARG(jd_symbol_text(&jd_unit_symbols, alert->unit)));
    if (alert->final == JD_TRUE)
        jd_buf_text(buf, " final");
}

static void print_trigger(struct jd_buf *buf, const struct jd_trigger *trigger)
{
    jd_buf_printf(buf, "trigger r%lld " JD_STR_FMT " " JD_STR_FMT, (long long)trigger->revision,
                  JD_STR_ARG(jd_symbol_text(&jd_trigger_status_symbols, trigger->status)),
                  JD_STR_ARG(jd_symbol_text(&jd_channel_symbols, trigger->channel)));
    const struct jd_reason *reasons = trigger->reasons.items;
    for (uint32_t i = 0; i < trigger->reasons.count; i++)
        jd_buf_printf(buf, " " JD_STR_FMT, JD_STR_ARG(jd_symbol_text(&jd_reason_symbols, reasons[i].code)));
}

static void print_decision(struct jd_buf *buf, const struct jd_decision *decision)
{
    struct jd_str chosen = jd_symbol_text(&jd_channel_symbols, decision->channel);
    jd_buf_printf(buf, "decision %lld " JD_STR_FMT " (", (long long)decision->attempt,
                  JD_STR_ARG(chosen.ptr ? chosen : JD_STR("nothing")));
    const struct jd_candidate *candidates = decision->candidates.items;
    for (uint32_t i = 0; i < decision->candidates.count; i++) {
        jd_buf_printf(buf, "%s" JD_STR_FMT, i ? ", " : "",
                      JD_STR_ARG(jd_symbol_text(&jd_channel_symbols, candidates[i].channel)));
        const struct jd_gate_result *results = candidates[i].rejections.items;
        for (uint32_t k = 0; k < candidates[i].rejections.count; k++)
            jd_buf_printf(buf, " " JD_STR_FMT,
                          JD_STR_ARG(jd_symbol_text(&jd_rejection_symbols, results[k].reason)));
    }
    jd_buf_byte(buf, ')');
}

const struct jd_alert *last_alert(const struct world *world)
{
    for (uint32_t i = world->out.effect_count; i > 0; i--)
        if (world->out.effects[i - 1].topic == JD_TOPIC_ALERTS)
            return world->out.effects[i - 1].value;
    return NULL;
}

uint32_t alerts_told(const struct world *world)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->out.effect_count; i++)
        count += world->out.effects[i].topic == JD_TOPIC_ALERTS;
    return count;
}

const char *effects(struct world *world)
{
    struct jd_buf buf;
    jd_buf_init(&buf, &world->arena);
    for (uint32_t i = 0; i < world->out.effect_count; i++) {
        const struct jd_effect *effect = &world->out.effects[i];
        if (effect->topic == JD_TOPIC_ALERTS_COMMERCIAL || effect->topic == JD_TOPIC_ALERTS_MEDICAL)
            continue; /* of these, audiences.c speaks */
        if (buf.size > 0)
            jd_buf_text(&buf, "; ");
        if (effect->topic == JD_TOPIC_ALERTS)
            print_alert(&buf, effect->value, true, &world->arena);
        else if (effect->topic == JD_TOPIC_DECISIONS)
            print_decision(&buf, effect->value);
        else
            print_trigger(&buf, effect->value);
    }
    jd_buf_byte(&buf, '\0');
    world->out.effect_count = world->out.change_count = 0;
    return buf.bytes;
}

const char *standing(struct world *world)
{
    struct jd_buf buf;
    struct jd_image image;
    struct jd_error err;
    jd_buf_init(&buf, &world->arena);
    bool held = jd_fold_image(world->fold, JD_STR("hcp:h"), &world->arena, &image);
    const struct jd_change *entries = held ? image.entries.items : NULL;
    for (uint32_t i = 0; held && i < image.entries.count; i++) {
        struct jd_alert alert = {0};
        if (entries[i].kind != JD_ENTRY_ALERT)
            continue;
        cr_assert(jd_avro_read(jd_entry_records[JD_ENTRY_ALERT - 1], entries[i].body.body, &world->arena,
                               &alert, &err));
        if (alert.status == JD_STATUS_OPEN) {
            print_alert(&buf, &alert, false, &world->arena);
            jd_buf_text(&buf, "; ");
        }
    }
    jd_buf_byte(&buf, '\0');
    return buf.bytes;
}
