#include "engine/predicate.h"

#include "base/buf.h"
#include "base/civil.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/fields.h"
#include "engine/selector.h"
#include "engine/tables.h"
#include "engine/time.h"

/* Values of a list that an alert shows: more are cut, so that they fit its record. */
enum { VALUE_SIZE_MAX = 1024 };

static struct jd_fact_read *add(struct jd_reads *reads, struct jd_str name, struct jd_str value)
{
    if (reads->count == JD_READS_MAX) /* of many attendees: it is not said */
        return jd_arena_alloc(reads->arena, sizeof *reads->items);
    if (reads->count == reads->capacity)
        reads->items =
            jd_arena_grow(reads->arena, reads->items, reads->count, &reads->capacity, sizeof *reads->items);
    struct jd_fact_read *read = &reads->items[reads->count++];
    *read = (struct jd_fact_read){.name = name,
                                  .value = value,
                                  .from = JD_TIME_NONE,
                                  .until = JD_TIME_NONE,
                                  .confirmed_at = JD_TIME_NONE};
    return read;
}

void jd_reads_add_record(struct jd_reads *reads, struct jd_str value, const struct jd_fact_record *record)
{
    struct jd_fact_read *read = add(reads, jd_symbol_text(&jd_fact_symbols, record->fact), value);
    read->channel = record->channel;
    read->product = record->product;
    read->about = record->about;
    read->from = record->from == JD_TIME_MIN ? JD_TIME_NONE : record->from;
    read->until = record->until == JD_NEVER ? JD_TIME_NONE : record->until;
    read->confirmed_at = record->confirmed_at;
    read->source = record->source;
    read->id = record->id;
    read->proof = record->proof;
}

/* ---- facts ---- */

static struct jd_fact_question ask(struct jd_touches *view, const struct jd_touch *touch)
{
    const struct jd_event *event = touch->event;
    const struct jd_hcp_profile *profile = jd_touches_profile(view);
    struct jd_str home = profile != NULL ? profile->country : (struct jd_str){0};
    return (struct jd_fact_question){
        .program = view->fold->program,
        .channel = event->channel,
        .function = (uint8_t)jd_role_function(event->actor.role),
        .product = event->product,
        .actor = event->actor.id,
        .content = event->content_id,
        .hcp = view->shared || view->state == NULL ? event->hcp_id : jd_bare_key(jd_state_key(view->state)),
        .account = event->account_id,
        .country = home.ptr != NULL ? home : event->country,
        .place = jd_touches_jurisdiction(view, event),
        .zone = touch->zone,
        .at = touch->time,
    };
}

static bool fact_holds(struct jd_touches *view, const struct jd_predicate *p, const struct jd_touch *touch,
                       struct jd_reads *out)
{
    struct jd_fact_question question = ask(view, touch);
    struct jd_finding found = jd_facts_find(jd_touches_facts(view), p->fact, &question);
    struct jd_str value = jd_symbol_text(&jd_standing_symbols, (uint8_t)found.standing);
    if (found.record != NULL) {
        jd_reads_add_record(out, value, found.record);
    } else {
        struct jd_fact_read *read = add(out, jd_symbol_text(&jd_fact_symbols, (uint8_t)p->fact), value);
        if (found.content != NULL) {
            read->channel = found.content->channel;
            read->product = found.content->product;
            read->from = found.content->from;
            read->until = found.content->until;
        }
    }
    return (p->standings >> found.standing) & 1;
}

/* ---- the physician's profile ---- */

/* Value number `index` of a profile field; absent: there is none. */
static struct jd_str profile_value(const struct jd_hcp_profile *profile, const struct jd_field_ref *ref,
                                   jd_time at, uint32_t index)
{
    struct jd_str none = {0};
    const struct jd_str *segments = profile->segments.items;
    const struct jd_affiliation *affiliations = profile->affiliations.items;
    const struct jd_pair *attributes = profile->attributes.items;
    switch ((enum jd_profile_field)ref->field) {
    case JD_PROFILE_TIER:
        return index == 0 ? profile->tier : none;
    case JD_PROFILE_SPECIALTY:
        return index == 0 ? profile->specialty : none;
    case JD_PROFILE_COUNTRY:
        return index == 0 ? profile->country : none;
    case JD_PROFILE_SEGMENTS:
        return index < profile->segments.count ? segments[index] : none;
    case JD_PROFILE_AFFILIATIONS:
        for (uint32_t i = 0; i < profile->affiliations.count; i++)
            if ((affiliations[i].from == JD_TIME_NONE || affiliations[i].from <= at) &&
                (affiliations[i].until == JD_TIME_NONE || at < affiliations[i].until) && index-- == 0)
                return affiliations[i].account_id;
        return none;
    case JD_PROFILE_ATTRIBUTE:
        for (uint32_t i = 0; index == 0 && i < profile->attributes.count; i++)
            if (jd_str_eq(attributes[i].key, ref->attribute))
                return attributes[i].value;
        return none;
    case JD_PROFILE_END_:
        break;
    }
    return none;
}

static struct jd_str profile_name(const struct jd_field_ref *ref, struct jd_arena *arena)
{
    static const struct jd_str names[JD_PROFILE_END_] = {
        [JD_PROFILE_TIER] = {"profile.tier", 12},
        [JD_PROFILE_SPECIALTY] = {"profile.specialty", 17},
        [JD_PROFILE_COUNTRY] = {"profile.country", 15},
        [JD_PROFILE_SEGMENTS] = {"profile.segments", 16},
        [JD_PROFILE_AFFILIATIONS] = {"profile.affiliations", 20},
        [JD_PROFILE_ATTRIBUTE] = {"profile.attributes", 18},
    };
    struct jd_str name = names[ref->field];
    return ref->field != JD_PROFILE_ATTRIBUTE ? name
                                              : jd_arena_printf(arena, JD_STR_FMT "." JD_STR_FMT,
                                                                JD_STR_ARG(name), JD_STR_ARG(ref->attribute));
}

/* The values that are looked at, as an alert shows them, and whether a condition names one of them. */
struct values {
    const struct jd_condition *condition;
    const struct jd_texts *among; /* else: whether one of these is */
    struct jd_buf shown;
    uint32_t count;
    bool named;
};

static struct values values_of(const struct jd_predicate *p, struct jd_reads *out)
{
    struct values values = {.condition = &p->condition};
    jd_buf_init(&values.shown, out->arena);
    return values;
}

static bool is_among(const struct jd_texts *texts, struct jd_str value)
{
    bool among = false;
    for (uint32_t i = 0; i < texts->count; i++)
        among = among || jd_str_eq(texts->items[i], value);
    return among;
}

static void see(struct values *values, struct jd_str value)
{
    values->named = values->named || (values->among != NULL ? is_among(values->among, value)
                                                            : jd_condition_names(values->condition, value));
    if (values->shown.size + value.size < VALUE_SIZE_MAX)
        jd_buf_printf(&values->shown, "%s" JD_STR_FMT, values->count > 0 ? ", " : "", JD_STR_ARG(value));
    values->count++;
}

static struct jd_str shown(struct values *values)
{
    return values->count > 0 ? jd_buf_done(&values->shown) : JD_STR("none");
}

static bool values_hold(const struct values *values)
{
    switch (values->condition->op) {
    case JD_IN:
        return values->named;
    case JD_NOT_IN:
        return values->count > 0 && !values->named;
    case JD_EXISTS:
        return values->count > 0;
    case JD_ABSENT:
        return values->count == 0;
    case JD_LT:
    case JD_LE:
    case JD_GT:
    case JD_GE:
        break; /* texts are not compared by size */
    }
    return false;
}

static void see_profile(struct jd_touches *view, const struct jd_touch *touch, struct values *values)
{
    const struct jd_hcp_profile *profile = jd_touches_profile(view);
    for (struct jd_str value;
         profile != NULL &&
         (value = profile_value(profile, &values->condition->ref, touch->time, values->count)).ptr != NULL;)
        see(values, value);
}

static bool profile_holds(struct jd_touches *view, const struct jd_predicate *p, const struct jd_touch *touch,
                          struct jd_reads *out)
{
    struct values values = values_of(p, out);
    see_profile(view, touch, &values);
    add(out, profile_name(&p->condition.ref, out->arena), shown(&values));
    return values_hold(&values);
}

/* ---- tables ---- */

/* The cell of the line about the touch's actor, account or product, its values seen; what it says is noted. */
static const struct jd_texts *read_cell(struct jd_touches *view, const struct jd_predicate *p,
                                        const struct jd_touch *touch, struct values *values,
                                        struct jd_reads *out)
{
    static const struct jd_texts nothing = {0};
    const struct jd_table *table = &view->fold->program->tables[p->table];
    const struct jd_table_line *line = jd_table_find(table, jd_table_id(p->table, touch->event), touch->time);
    const struct jd_texts *cell = line == NULL ? &nothing : &line->cells[p->column];
    for (uint32_t i = 0; i < cell->count; i++)
        see(values, cell->items[i]);
    struct jd_str name = jd_arena_printf(out->arena, "%s." JD_STR_FMT, jd_table_names[p->table],
                                         JD_STR_ARG(table->columns[p->column]));
    struct jd_fact_read *read = add(out, name, shown(values));
    if (line != NULL) {
        read->about = line->id;
        read->from = line->from;
        read->until = line->until;
    }
    return cell;
}

static bool table_holds(struct jd_touches *view, const struct jd_predicate *p, const struct jd_touch *touch,
                        struct jd_reads *out)
{
    struct values values = values_of(p, out);
    (void)read_cell(view, p, touch, &values, out);
    return values_hold(&values);
}

/* Is a value of the field, of the touch or the profile, one of those in the cell? */
static bool among_holds(struct jd_touches *view, const struct jd_predicate *p, const struct jd_touch *touch,
                        struct jd_reads *out)
{
    const struct jd_field_ref *ref = &p->condition.ref;
    struct values cell = values_of(p, out), values = values_of(p, out);
    struct jd_value value;
    values.among = read_cell(view, p, touch, &cell, out);
    if (ref->profile) {
        see_profile(view, touch, &values);
        add(out, profile_name(ref, out->arena), shown(&values));
    }
    for (uint32_t i = 0; !ref->profile && jd_field_get(touch->event, ref, i, &value); i++)
        see(&values, value.kind == JD_STRING
                         ? value.text
                         : jd_symbol_text(jd_touch_fields[ref->field].symbols, value.code));
    return values.named;
}

/* ---- the time of day ---- */

static bool local_time_holds(const struct jd_predicate *p, const struct jd_touch *touch, struct jd_reads *out)
{
    static const char *const names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    int64_t ms = jd_local_ms(touch->zone, touch->time);
    add(out, JD_STR("local_time"),
        jd_arena_printf(out->arena, "%s %02d:%02d " JD_STR_FMT,
                        names[jd_weekday(jd_local_day(touch->zone, touch->time))], (int)(ms / JD_HOUR),
                        (int)(ms / JD_MINUTE % 60), JD_STR_ARG(touch->zone->name)));
    return jd_hours_hold(&p->hours, touch->zone, touch->time);
}

/* ---- parts ---- */

static bool leaf_holds(struct jd_touches *view, const struct jd_predicate *p, const struct jd_touch *touch,
                       struct jd_reads *out)
{
    switch (p->ask) {
    case JD_ASK_TOUCH:
        return jd_condition_holds(&p->condition, touch->event);
    case JD_ASK_PROFILE:
        return profile_holds(view, p, touch, out);
    case JD_ASK_FACT:
        return fact_holds(view, p, touch, out);
    case JD_ASK_TABLE:
        return table_holds(view, p, touch, out);
    case JD_ASK_AMONG:
        return among_holds(view, p, touch, out);
    case JD_ASK_LOCAL_TIME:
        return local_time_holds(p, touch, out);
    case JD_ASK_ALL:
    case JD_ASK_MAP:
    case JD_ASK_ANY:
    case JD_ASK_NOT:
        break;
    }
    return false;
}

/* Is it about one touch alone? Parts of a map are; a map inside a map is a field with several comparisons. */
static bool is_about_one(const struct jd_predicate *p)
{
    return p->ask != JD_ASK_ALL && p->ask != JD_ASK_ANY && p->ask != JD_ASK_NOT;
}

/* The parts that are. */
static bool holds_for(struct jd_touches *view, const struct jd_predicate *p, const struct jd_touch *touch,
                      struct jd_reads *out)
{
    bool holds = p->ask == JD_ASK_MAP || leaf_holds(view, p, touch, out);
    for (uint32_t i = 0; p->ask == JD_ASK_MAP && i < p->part_count; i++)
        if (is_about_one(&p->parts[i]))
            holds &= holds_for(view, &p->parts[i], touch, out);
    return holds;
}

static bool holds_for_one(struct jd_touches *view, const struct jd_predicate *p,
                          struct jd_touch *const *touches, uint32_t count, struct jd_reads *out)
{
    bool one = false;
    for (uint32_t i = 0; i < count && !(i > 0 && jd_fault_bug("scope_first_attendee")); i++)
        one |= holds_for(view, p, touches[i], out);
    return one;
}

bool jd_predicate_holds(struct jd_touches *view, const struct jd_predicate *predicate,
                        struct jd_touch *const *touches, uint32_t count, struct jd_reads *out)
{
    const bool together = predicate->ask == JD_ASK_MAP && count > 1;
    uint32_t held = 0;
    if (is_about_one(predicate) && predicate->ask != JD_ASK_MAP)
        return holds_for_one(view, predicate, touches, count, out);
    const bool one = together && holds_for_one(view, predicate, touches, count, out);
    for (uint32_t i = 0; i < predicate->part_count; i++)
        held += together && is_about_one(&predicate->parts[i])
                    ? one
                    : jd_predicate_holds(view, &predicate->parts[i], touches, count, out);
    return predicate->ask == JD_ASK_ANY   ? held > 0
           : predicate->ask == JD_ASK_NOT ? held == 0
                                          : held == predicate->part_count;
}

bool jd_predicate_is_civil(const struct jd_predicate *predicate)
{
    bool civil = predicate->ask == JD_ASK_LOCAL_TIME || predicate->fact == JD_FACT_QUIET_HOURS;
    for (uint32_t i = 0; i < predicate->part_count; i++)
        civil = civil || jd_predicate_is_civil(&predicate->parts[i]);
    return civil;
}
