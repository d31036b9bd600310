/* The answer of --why-not: every contact that is held and the conditions that it fails, what came of them, the nearest
 * miss, what was refused. */
#include <inttypes.h>
#include <string.h>

#include "base/avro.h"
#include "base/buf.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/whynot.h"
#include "cli/words.h"
#include "engine/conflicts/why.h"
#include "engine/selector.h"

enum { MISSES_KEPT = 20 };

/* What stood between contacts and an alert; the nearer the less. */
struct miss {
    struct jd_why why;
    uint32_t far;   /* how early in the rule's questions it failed */
    int64_t excess; /* by how much, where that can be said */
};

struct answer {
    struct jd_whynot_facts *facts;
    const struct jd_rule *rule;
    struct jd_arena *arena;
    FILE *out;
    uint32_t touches;
    const struct jd_instance **found; /* that hold, each once */
    uint32_t found_count, found_capacity;
    struct miss misses[MISSES_KEPT]; /* nearest first */
    uint32_t miss_count;
    bool more; /* there were others, farther off */
};

/* ---- conditions ----------------------------------------------------------------------------------------- */

static void write_symbols(const struct jd_touch_field *field, uint64_t set, struct jd_buf *out)
{
    bool is_first = true;
    const uint32_t last = field->kind == JD_BOOL ? JD_TRUE : field->symbols->count;
    for (uint32_t value = 1; value <= last; value++) {
        if ((set >> value) & 1) {
            jd_buf_text(out, is_first ? "" : " or ");
            jd_buf_str(out, field->kind == JD_BOOL ? (value == JD_TRUE ? JD_STR("true") : JD_STR("false"))
                                                   : jd_symbol_text(field->symbols, (uint8_t)value));
            is_first = false;
        }
    }
}

static void write_operand(const struct answer *a, const struct jd_condition *condition, struct jd_buf *out)
{
    const struct jd_touch_field *field = &jd_touch_fields[condition->ref.field];
    if (field->kind == JD_TIME) {
        jd_buf_str(out, jd_time_text(condition->time, a->arena));
    } else if (condition->op >= JD_LT && condition->op <= JD_GE) {
        jd_buf_str(out, jd_decimal_text(condition->decimal, a->arena));
    } else if (field->kind == JD_ENUM || field->kind == JD_BOOL) {
        write_symbols(field, condition->enum_set, out);
    } else if (field->kind == JD_STRING) {
        for (uint32_t i = 0; i < condition->text_count; i++) {
            jd_buf_text(out, i > 0 ? " or " : "");
            jd_buf_str(out, condition->texts[i]);
        }
    } else {
        for (uint32_t i = 0; i < condition->decimal_count; i++) {
            jd_buf_text(out, i > 0 ? " or " : "");
            jd_buf_str(out, jd_decimal_text(condition->decimals[i], a->arena));
        }
    }
}

static struct jd_str ref_name(const struct answer *a, const struct jd_field_ref *ref)
{
    if (ref->group != NULL) {
        return ref->group->name;
    }
    if (ref->attribute.ptr != NULL) {
        return jd_arena_printf(a->arena, "attributes." JD_STR_FMT, JD_STR_ARG(ref->attribute));
    }
    return jd_str_of(jd_touch_fields[ref->field].name);
}

/* "role is speaker, the rule wants msl" */
static struct jd_str condition_text(const struct answer *a, const struct jd_condition *condition,
                                    const struct jd_event *event)
{
    static const char *const wants[] = {
        [JD_IN] = "the rule wants",           [JD_NOT_IN] = "the rule wants another than",
        [JD_LT] = "the rule wants less than", [JD_LE] = "the rule wants at most",
        [JD_GT] = "the rule wants more than", [JD_GE] = "the rule wants at least",
        [JD_EXISTS] = "the rule wants one",   [JD_ABSENT] = "the rule wants none"};
    const struct jd_str value = jd_field_text(event, &condition->ref, a->arena);
    struct jd_buf text;
    jd_buf_init(&text, a->arena);
    jd_buf_str(&text, ref_name(a, &condition->ref));
    jd_buf_text(&text, value.ptr != NULL ? " is " : " is not named");
    jd_buf_str(&text, value);
    jd_buf_printf(&text, ", %s", wants[condition->op]);
    if (condition->op != JD_EXISTS && condition->op != JD_ABSENT) {
        jd_buf_byte(&text, ' ');
        write_operand(a, condition, &text);
    }
    return jd_buf_done(&text);
}

static struct jd_str selector_text(const struct answer *a, const struct jd_selector *selector,
                                   const struct jd_touch *touch)
{
    struct jd_buf text;
    jd_buf_init(&text, a->arena);
    if (!((selector->classes >> touch->class) & 1)) {
        jd_buf_printf(&text, "it is a " JD_STR_FMT ", which the rule does not ask for",
                      JD_STR_ARG(jd_symbol_text(&jd_class_symbols, touch->class)));
    }
    for (uint32_t i = 0; i < selector->count; i++) {
        if (!jd_condition_holds(&selector->conditions[i], touch->event)) {
            jd_buf_text(&text, text.size > 0 ? "; " : "");
            jd_buf_str(&text, condition_text(a, &selector->conditions[i], touch->event));
        }
    }
    return jd_buf_done(&text);
}

/* ---- contacts ------------------------------------------------------------------------------------------- */

static void print_place(const struct answer *a, const char *name, const struct jd_selector *selector,
                        const struct jd_touch *touch)
{
    if (jd_selector_matches(selector, touch->class, touch->event)) {
        fprintf(a->out, "       is %s\n", name);
    } else {
        fprintf(a->out, "       not %s: " JD_STR_FMT "\n", name,
                JD_STR_ARG(selector_text(a, selector, touch)));
    }
}

/* The fields that a selector asks for, as they are. */
static void print_values(const struct answer *a, const struct jd_selector *selector,
                         const struct jd_touch *touch)
{
    for (uint32_t i = 0; i < selector->count; i++) {
        const struct jd_field_ref *ref = &selector->conditions[i].ref;
        const struct jd_str value = jd_field_text(touch->event, ref, a->arena);
        fprintf(a->out, "%s " JD_STR_FMT " is " JD_STR_FMT, i > 0 ? "," : "", JD_STR_ARG(ref_name(a, ref)),
                JD_STR_ARG(value.ptr != NULL ? value : JD_STR("not named")));
    }
    fputc('\n', a->out);
}

static void print_places(const struct answer *a, const struct jd_touch *touch)
{
    const uint32_t takes = a->rule->kind->required | a->rule->kind->optional;
    if ((takes & JD_TAKES_OF) != 0) {
        print_place(a, "of", &a->rule->a, touch);
    } else {
        print_place(a, "a", &a->rule->a, touch);
        print_place(a, "b", &a->rule->b, touch);
    }
    if (a->rule->c.classes != 0) {
        print_place(a, (takes & JD_TAKES_UNTIL) != 0 ? "until" : "without", &a->rule->c, touch);
    }
    for (uint32_t i = 0; i < a->rule->unless_count; i++) {
        if (jd_selector_matches(&a->rule->unless[i], touch->class, touch->event)) {
            fputs("       left out by unless:", a->out);
            print_values(a, &a->rule->unless[i], touch);
        }
    }
}

static void print_touch(struct answer *a, const struct jd_why *why)
{
    const struct jd_touch *touch = why->x;
    a->touches++;
    fprintf(a->out, "  %3" PRIu32 ". " JD_STR_FMT "  " JD_STR_FMT " (" JD_STR_FMT ")\n", a->touches,
            JD_STR_ARG(jd_time_text(touch->time, a->arena)),
            JD_STR_ARG(jd_words_touch(touch->event, a->arena)), JD_STR_ARG(touch->key));
    if (why->lapsed) {
        fputs("       lapsed: it was planned, and nobody completed it\n", a->out);
    } else if (touch->phase == JD_PHASE_CANCELLED) {
        fputs("       cancelled: it is no contact\n", a->out);
    } else {
        print_places(a, touch);
    }
}

/* ---- what came of them ---------------------------------------------------------------------------------- */

static uint32_t how_far(enum jd_why_code code)
{
    switch (code) {
    case JD_WHY_JOINT:
    case JD_WHY_BETWEEN:
    case JD_WHY_ANSWERED:
    case JD_WHY_NOT_DUE:
    case JD_WHY_CLOSED:
    case JD_WHY_TOTAL:
    case JD_WHY_REQUIRED:
        return 0;
    case JD_WHY_SAME:
    case JD_WHY_DIFFERENT:
    case JD_WHY_LACKS:
    case JD_WHY_LINK:
    case JD_WHY_NO_PART:
    case JD_WHY_VALIDITY:
        return 1;
    case JD_WHY_APART:
    case JD_WHY_NO_OVERLAP:
        return 2;
    case JD_WHY_TOUCH:
    case JD_WHY_FOUND:
        break;
    }
    return 3;
}

static bool is_same_touch(const struct jd_touch *x, const struct jd_touch *y)
{
    return x == y || (x != NULL && y != NULL && x->class == y->class && jd_str_eq(x->key, y->key));
}

static bool is_same_miss(const struct jd_why *a, const struct jd_why *b)
{
    return a->code == b->code && a->ref == b->ref &&
           ((is_same_touch(a->x, b->x) && is_same_touch(a->y, b->y)) ||
            (is_same_touch(a->x, b->y) && is_same_touch(a->y, b->x)));
}

static void keep_miss(struct answer *a, const struct jd_why *why)
{
    const struct miss miss = {*why, how_far(why->code), why->observed.units - why->limit.units};
    uint32_t at = 0;
    for (uint32_t i = 0; i < a->miss_count; i++) {
        if (is_same_miss(&a->misses[i].why, why)) {
            return;
        }
        const struct miss *other = &a->misses[i];
        const bool is_nearer = other->far != miss.far      ? other->far < miss.far
                               : why->code == JD_WHY_TOTAL ? other->excess >= miss.excess
                                                           : other->excess <= miss.excess;
        at = is_nearer ? i + 1 : at;
    }
    a->more = a->more || a->miss_count == MISSES_KEPT;
    if (at == MISSES_KEPT) {
        return;
    }
    const uint32_t end = a->miss_count < MISSES_KEPT ? a->miss_count : MISSES_KEPT - 1;
    memmove(&a->misses[at + 1], &a->misses[at], (end - at) * sizeof(miss));
    a->misses[at] = miss;
    a->miss_count = end + 1;
}

static struct jd_str measure(const struct answer *a, const struct jd_why *why, struct jd_decimal number)
{
    const struct jd_alert shown = {.unit = (uint8_t)why->unit};
    if (why->unit == JD_UNIT_AMOUNT && a->rule->currency.ptr != NULL) {
        return jd_arena_printf(a->arena, JD_STR_FMT " " JD_STR_FMT,
                               JD_STR_ARG(jd_decimal_text(number, a->arena)), JD_STR_ARG(a->rule->currency));
    }
    return jd_words_measure(&shown, number, a->arena);
}

/* The two values of a field. */
static void write_field(const struct answer *a, const struct jd_why *why, struct jd_buf *out)
{
    const struct jd_str x = jd_field_text(why->x->event, why->ref, a->arena);
    const struct jd_str y =
        why->y != NULL ? jd_field_text(why->y->event, why->ref, a->arena) : (struct jd_str){0};
    const struct jd_str none = JD_STR("nothing");
    jd_buf_str(out, ref_name(a, why->ref));
    jd_buf_printf(out, " is " JD_STR_FMT, JD_STR_ARG(x.ptr != NULL ? x : none));
    if (why->y != NULL) {
        jd_buf_printf(out, " and " JD_STR_FMT, JD_STR_ARG(y.ptr != NULL ? y : none));
    }
}

static struct jd_str miss_text(const struct answer *a, const struct jd_why *why)
{
    struct jd_buf text;
    jd_buf_init(&text, a->arena);
    switch (why->code) {
    case JD_WHY_VALIDITY:
        jd_buf_text(&text, "it lies outside valid_from .. valid_to");
        break;
    case JD_WHY_APART: /* a market may have a window of its own */
        jd_buf_printf(
            &text, JD_STR_FMT " apart, within " JD_STR_FMT, JD_STR_ARG(measure(a, why, why->observed)),
            JD_STR_ARG(a->rule->version_count > 0 || a->rule->limits != NULL ? measure(a, why, why->limit)
                                                                             : a->rule->within.text));
        break;
    case JD_WHY_NO_OVERLAP:
        jd_buf_printf(&text, "not at the same time: " JD_STR_FMT " lie between them",
                      JD_STR_ARG(measure(a, why, why->observed)));
        break;
    case JD_WHY_SAME:
        write_field(a, why, &text);
        jd_buf_text(&text, ", the rule wants the same");
        break;
    case JD_WHY_DIFFERENT:
        write_field(a, why, &text);
        jd_buf_text(&text, ", the rule wants different ones");
        break;
    case JD_WHY_LACKS:
        write_field(a, why, &text);
        jd_buf_text(&text, ", which same: or different: names");
        break;
    case JD_WHY_LINK:
        jd_buf_text(&text, "neither names the other in responds_to, as link: wants");
        break;
    case JD_WHY_JOINT:
        jd_buf_text(&text, "left out by unless: joint, one names the other's actor in joint_with");
        break;
    case JD_WHY_BETWEEN:
        jd_buf_printf(&text, "right, because " JD_STR_FMT " lies between it and its `a`",
                      JD_STR_ARG(why->y->key));
        break;
    case JD_WHY_ANSWERED:
        jd_buf_printf(&text, "right, because " JD_STR_FMT " is what the rule asks for, in time",
                      JD_STR_ARG(why->y->key));
        break;
    case JD_WHY_NOT_DUE:
        jd_buf_printf(&text, "not due yet: the rule looks again at " JD_STR_FMT,
                      JD_STR_ARG(jd_time_text(why->at, a->arena)));
        break;
    case JD_WHY_CLOSED:
        jd_buf_printf(&text, "what it began was closed by " JD_STR_FMT, JD_STR_ARG(why->y->key));
        break;
    case JD_WHY_TOTAL:
        jd_buf_printf(&text, "what counts comes to " JD_STR_FMT ", the limit is " JD_STR_FMT,
                      JD_STR_ARG(measure(a, why, why->observed)), JD_STR_ARG(measure(a, why, why->limit)));
        break;
    case JD_WHY_REQUIRED:
        jd_buf_text(&text, "right, because what the rule requires is so");
        break;
    case JD_WHY_NO_PART:
        jd_buf_text(&text, "it has no value that the rule counts");
        break;
    case JD_WHY_TOUCH:
    case JD_WHY_FOUND:
        break;
    }
    return jd_buf_done(&text);
}

static void print_miss(const struct answer *a, const struct jd_why *why)
{
    const bool is_pair = why->y != NULL && why->code != JD_WHY_BETWEEN && why->code != JD_WHY_ANSWERED &&
                         why->code != JD_WHY_CLOSED;
    fprintf(a->out, JD_STR_FMT, JD_STR_ARG(why->x->key));
    if (is_pair) {
        fprintf(a->out, " and " JD_STR_FMT, JD_STR_ARG(why->y->key));
    }
    fprintf(a->out, ": " JD_STR_FMT "\n", JD_STR_ARG(miss_text(a, why)));
}

static bool is_same_instance(const struct jd_instance *x, const struct jd_instance *y)
{
    bool is_same = x->part_count == y->part_count;
    for (uint32_t i = 0; is_same && i < x->part_count; i++) {
        is_same = jd_str_eq(x->parts[i], y->parts[i]);
    }
    return is_same;
}

/* Each of its members leads to it. */
static void print_found(struct answer *a, const struct jd_instance *instance)
{
    for (uint32_t i = 0; i < a->found_count; i++) {
        if (is_same_instance(a->found[i], instance)) {
            return;
        }
    }
    if (a->found_count == a->found_capacity) {
        a->found = jd_arena_grow(a->arena, a->found, a->found_count, &a->found_capacity,
                                 sizeof(const struct jd_instance *));
    }
    a->found[a->found_count++] = instance;
    fprintf(a->out, "  it holds for");
    for (uint32_t i = 0; i < instance->member_count; i++) {
        fprintf(a->out, "%s " JD_STR_FMT, i > 0 ? "," : "", JD_STR_ARG(instance->members[i]->key));
    }
    fprintf(a->out, ": " JD_STR_FMT ", severity " JD_STR_FMT "\n",
            JD_STR_ARG(jd_symbol_text(&jd_status_symbols, (uint8_t)instance->status)),
            JD_STR_ARG(jd_symbol_text(&jd_severity_symbols, (uint8_t)instance->severity)));
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static void tell_touch(void *context, const struct jd_why *why)
{
    if (why->code == JD_WHY_TOUCH) {
        print_touch(context, why);
    }
}

static void tell_outcome(void *context, const struct jd_why *why)
{
    struct answer *a = context;
    if (why->code == JD_WHY_FOUND) {
        print_found(a, why->instance);
    } else if (why->code != JD_WHY_TOUCH) {
        keep_miss(a, why);
    }
}

static void print_rule(const struct answer *a)
{
    const struct jd_rule *rule = a->rule;
    fprintf(a->out, "\nRule " JD_STR_FMT ", version %" PRId64 "\n", JD_STR_ARG(rule->id), rule->version);
    jd_explain_rule_text(&a->facts->rule, a->out);
    if (rule->mode == JD_MODE_SHADOW) {
        fputs("  It is in mode shadow: what it finds goes to the shadow topic only.\n", a->out);
    }
    if (rule->valid_from != JD_TIME_NONE) {
        fprintf(a->out, "  It is valid from " JD_STR_FMT ".\n",
                JD_STR_ARG(jd_time_text(rule->valid_from, a->arena)));
    }
    if (rule->valid_to != JD_TIME_NONE) {
        fprintf(a->out, "  It is valid until " JD_STR_FMT ".\n",
                JD_STR_ARG(jd_time_text(rule->valid_to, a->arena)));
    }
}

static void print_refused(const struct answer *a)
{
    if (a->facts->refused_count > 0) {
        fputs("\nRefused\n", a->out);
    }
    for (uint32_t i = 0; i < a->facts->refused_count; i++) {
        const struct jd_refused *refused = &a->facts->refused[i];
        fprintf(a->out, "  event " JD_STR_FMT,
                JD_STR_ARG(refused->id.ptr != NULL ? refused->id : JD_STR("?")));
        if (refused->engagement.ptr != NULL) {
            fprintf(a->out, " of engagement " JD_STR_FMT, JD_STR_ARG(refused->engagement));
        }
        fprintf(a->out, " (" JD_STR_FMT "): " JD_STR_FMT "\n", JD_STR_ARG(refused->where),
                JD_STR_ARG(refused->reason));
    }
}

static void print_nearest(const struct answer *a)
{
    fputs("\nNearest\n  ", a->out);
    if (a->miss_count > 0) {
        print_miss(a, &a->misses[0].why);
    } else if (a->touches > 0) {
        fputs("no two contacts, and none alone, are what the rule is about: see the conditions above\n",
              a->out);
    } else {
        fputs("nothing is held of this physician\n", a->out);
    }
}

void jd_whynot_text(struct jd_whynot_facts *facts, FILE *out)
{
    struct answer a = {
        .facts = facts, .rule = jd_fold_program(facts->fold)->rules, .arena = &facts->arena, .out = out};
    const struct jd_str key = jd_arena_printf(a.arena, "hcp:%s", facts->hcp);
    const struct jd_asker touches = {tell_touch, &a};
    const struct jd_asker outcomes = {tell_outcome, &a};
    fprintf(out, "Rule " JD_STR_FMT " and physician %s, at " JD_STR_FMT "\n", JD_STR_ARG(a.rule->id),
            facts->hcp, JD_STR_ARG(jd_time_text(jd_fold_now(facts->fold), a.arena)));
    print_rule(&a);
    fputs("\nContacts that are held\n", out);
    jd_why_not(facts->fold, key, a.rule, a.arena, &touches);
    if (a.touches == 0) {
        fputs("  none\n", out);
    }
    fputs("\nWhat comes of them\n", out);
    jd_why_not(facts->fold, key, a.rule, a.arena, &outcomes);
    for (uint32_t i = 0; i < a.miss_count; i++) {
        fputs("  ", out);
        print_miss(&a, &a.misses[i].why);
    }
    if (a.more) {
        fputs("  and others, farther off\n", out);
    }
    if (a.miss_count + a.found_count == 0) {
        fputs("  nothing\n", out);
    }
    print_refused(&a);
    if (a.found_count == 0) {
        print_nearest(&a);
    }
}
