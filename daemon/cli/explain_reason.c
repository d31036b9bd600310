/* The computation of an alert by the kind of its rule, and the same turned round: what would have avoided it. */
#include "base/avro.h"
#include "base/buf.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/explain.h"
#include "cli/words.h"
#include "engine/conflicts/amount.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "engine/touches.h"

#include <inttypes.h>
#include <string.h>

/* What an alert is about, as far as it decides what is said. */
enum shape {
    SHAPE_OTHER,      /* observed and limit alone */
    SHAPE_APART,      /* proximity, sequence: two contacts too close */
    SHAPE_OVERLAP,    /* two at the same time */
    SHAPE_OPEN,       /* until: b while a is open */
    SHAPE_UNANSWERED, /* absence, open */
    SHAPE_LATE,       /* absence, resolved: answered, but late */
    SHAPE_UNPREPARED, /* requires */
    SHAPE_TOTAL,      /* frequency, budget */
};

struct reasoning {
    const struct jd_alert *alert;
    const struct jd_rule *rule; /* NULL: not known */
    const struct jd_event *events;
    uint32_t count;
    enum shape shape;
    struct jd_arena *arena;
    FILE *out;
};

/* ---- which kind ----------------------------------------------------------------------------------------- */

/* Of the record alone: its unit and its evidence tell most kinds apart. */
static enum shape guess(const struct jd_alert *alert)
{
    const bool is_time = alert->unit == JD_UNIT_MS || alert->unit == JD_UNIT_DAYS;
    if (alert->status == JD_STATUS_RESOLVED) {
        return SHAPE_LATE;
    }
    if (is_time && alert->evidence.count == 2) {
        return alert->window.ptr != NULL ? SHAPE_APART : SHAPE_OVERLAP;
    }
    if (!is_time && alert->evidence.count > 0 && (alert->observed.scale != 0 || alert->observed.units > 0)) {
        return SHAPE_TOTAL;
    }
    return SHAPE_OTHER;
}

static enum shape shape_of(const struct jd_alert *alert, const struct jd_rule *rule)
{
    static const struct {
        const char *kind;
        enum shape shape;
    } shapes[] = {{"proximity", SHAPE_APART}, {"sequence", SHAPE_APART},      {"overlap", SHAPE_OVERLAP},
                  {"until", SHAPE_OPEN},      {"requires", SHAPE_UNPREPARED}, {"frequency", SHAPE_TOTAL},
                  {"budget", SHAPE_TOTAL}};
    if (rule == NULL) {
        return guess(alert);
    }
    if (strcmp(rule->kind->name, "absence") == 0) {
        return alert->status == JD_STATUS_RESOLVED ? SHAPE_LATE : SHAPE_UNANSWERED;
    }
    for (size_t i = 0; i < JD_COUNT(shapes); i++) {
        if (strcmp(rule->kind->name, shapes[i].kind) == 0) {
            return shapes[i].shape;
        }
    }
    return SHAPE_OTHER;
}

static uint32_t least_evidence(enum shape shape)
{
    switch (shape) {
    case SHAPE_APART:
    case SHAPE_OVERLAP:
    case SHAPE_OPEN:
    case SHAPE_LATE:
        return 2;
    case SHAPE_UNANSWERED:
    case SHAPE_UNPREPARED:
    case SHAPE_TOTAL:
        return 1;
    case SHAPE_OTHER:
        break;
    }
    return 0;
}

static struct reasoning reasoning_of(const struct jd_alert *alert, const struct jd_rule *rule,
                                     struct jd_arena *arena, FILE *out)
{
    struct reasoning r = {.alert = alert,
                          .rule = rule,
                          .events = alert->evidence.items,
                          .count = alert->evidence.count,
                          .shape = shape_of(alert, rule),
                          .arena = arena,
                          .out = out};
    if (r.count < least_evidence(r.shape)) {
        r.shape = SHAPE_OTHER; /* the record does not hold what there was to say */
    }
    return r;
}

/* ---- small words ---------------------------------------------------------------------------------------- */

static jd_time time_of(const struct reasoning *r, uint32_t index)
{
    const struct jd_event *event = &r->events[index];
    return r->rule != NULL && r->rule->logged ? jd_touch_recorded(event) : jd_words_touch_time(event);
}

static struct jd_str iso(const struct reasoning *r, jd_time t)
{
    return t == JD_TIME_NONE ? JD_STR("unknown time") : jd_time_text(t, r->arena);
}

static struct jd_str duration(const struct reasoning *r, int64_t ms)
{
    return jd_words_duration(ms, r->arena);
}

static struct jd_str measure(const struct reasoning *r, struct jd_decimal number)
{
    if (r->alert->unit == JD_UNIT_AMOUNT && r->rule != NULL && r->rule->currency.ptr != NULL) {
        return jd_arena_printf(r->arena, JD_STR_FMT " " JD_STR_FMT,
                               JD_STR_ARG(jd_decimal_text(number, r->arena)), JD_STR_ARG(r->rule->currency));
    }
    return jd_words_measure(r->alert, number, r->arena);
}

/* ---- totals --------------------------------------------------------------------------------------------- */

static bool counts_values(const struct reasoning *r)
{
    return r->rule != NULL && r->rule->measure == JD_MEASURE_DISTINCT;
}

/* What a contact adds, in units of 10^-JD_AMOUNT_SCALE. False: the record does not say it. */
static bool contribution(const struct reasoning *r, const struct jd_event *event, int64_t *units)
{
    *units = 0;
    if (r->alert->unit == JD_UNIT_AMOUNT) {
        return jd_amount_units(event->amount, units);
    }
    if (r->alert->unit == JD_UNIT_QUANTITY) {
        return event->quantity != JD_INT_NONE &&
               jd_amount_units((struct jd_decimal){event->quantity, 0}, units);
    }
    if (r->rule != NULL && r->rule->measure == JD_MEASURE_WEIGHTS) {
        *units = jd_weight_of(&r->rule->weights, event, &r->rule->measured);
        return true;
    }
    return !counts_values(r) && jd_amount_units((struct jd_decimal){1, 0}, units);
}

static bool is_counted_before(const struct reasoning *r, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (jd_field_shared(&r->events[i], &r->events[index], &r->rule->measured) == JD_SHARE_YES) {
            return true;
        }
    }
    return false;
}

static void print_contributions(const struct reasoning *r)
{
    int64_t total = 0;
    int64_t values = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct jd_event *event = &r->events[i];
        int64_t units = 0;
        fprintf(r->out, "  %3" PRIu32 ". " JD_STR_FMT "  ", i + 1, JD_STR_ARG(iso(r, time_of(r, i))));
        if (counts_values(r)) {
            const bool is_new = !is_counted_before(r, i);
            values += is_new;
            fprintf(r->out, JD_STR_FMT "%s = %" PRId64 "\n",
                    JD_STR_ARG(jd_field_text(event, &r->rule->measured, r->arena)),
                    is_new ? "" : ", counted before", values);
        } else if (contribution(r, event, &units)) {
            total += units;
            fprintf(r->out, "+ " JD_STR_FMT " = " JD_STR_FMT "\n",
                    JD_STR_ARG(jd_decimal_text(jd_amount_decimal(units), r->arena)),
                    JD_STR_ARG(jd_decimal_text(jd_amount_decimal(total), r->arena)));
        } else {
            fputs("names no amount\n", r->out);
        }
    }
}

static bool at_least(const struct reasoning *r)
{
    return r->rule != NULL && r->rule->at_least;
}

static void print_total(const struct reasoning *r)
{
    const struct jd_alert *alert = r->alert;
    if (r->rule != NULL && r->rule->logged)
        fputs("  reckoned by when they were recorded\n", r->out);
    if (r->rule != NULL && r->rule->over.ptr != NULL)
        fprintf(r->out, "  each is an alert of " JD_STR_FMT ", with the fields of its %c\n",
                JD_STR_ARG(r->rule->over), r->rule->over_side == JD_COUNTED_A ? 'a' : 'b');
    print_contributions(r);
    fprintf(r->out, "  observed " JD_STR_FMT ", limit " JD_STR_FMT, JD_STR_ARG(measure(r, alert->observed)),
            JD_STR_ARG(measure(r, alert->limit)));
    if (alert->window.ptr != NULL) {
        fprintf(r->out, " (window " JD_STR_FMT ")", JD_STR_ARG(alert->window));
    }
    fputs(jd_decimal_cmp(alert->observed, alert->limit) > 0 ? ": over the limit\n"
          : at_least(r)                                     ? ": the limit is reached\n"
                                                            : "\n",
          r->out);
    if (alert->other_currency > 0) {
        fprintf(r->out, "  left out: %" PRId64 " in another currency\n", alert->other_currency);
    }
    if (alert->evidence_count > (int64_t)r->count) {
        fputs("  the record holds only some of the contacts: they add up to less\n", r->out);
    }
}

/* ---- the computation ------------------------------------------------------------------------------------ */

static void print_apart(const struct reasoning *r)
{
    const struct jd_alert *alert = r->alert;
    fprintf(r->out, "  from " JD_STR_FMT " to " JD_STR_FMT ": " JD_STR_FMT " apart\n",
            JD_STR_ARG(iso(r, time_of(r, 0))), JD_STR_ARG(iso(r, time_of(r, 1))),
            JD_STR_ARG(duration(r, time_of(r, 1) - time_of(r, 0))));
    fprintf(r->out, "  observed " JD_STR_FMT ", limit " JD_STR_FMT " (within " JD_STR_FMT "): %s\n",
            JD_STR_ARG(measure(r, alert->observed)), JD_STR_ARG(measure(r, alert->limit)),
            JD_STR_ARG(alert->window),
            jd_decimal_cmp(alert->observed, alert->limit) <= 0 ? "inside, so the rule holds"
                                                               : "outside, so the rule does not hold");
    if (r->rule != NULL && r->rule->c.classes != 0) {
        fputs("  and none of `without` lies between the two\n", r->out);
    }
}

static jd_time end_of(const struct reasoning *r, uint32_t index)
{
    const struct jd_event *event = &r->events[index];
    const int64_t lasts = r->rule != NULL ? r->rule->durations[event->channel] : 0;
    return event->end != JD_TIME_NONE ? event->end : time_of(r, index) + lasts;
}

static void print_overlap(const struct reasoning *r)
{
    for (uint32_t i = 0; i < 2; i++) {
        fprintf(r->out, "  from " JD_STR_FMT " to ", JD_STR_ARG(iso(r, time_of(r, i))));
        if (r->events[i].end != JD_TIME_NONE) {
            fprintf(r->out, JD_STR_FMT "\n", JD_STR_ARG(iso(r, r->events[i].end)));
        } else if (r->rule != NULL) {
            fprintf(r->out, JD_STR_FMT ", as `durations` says of " JD_STR_FMT "\n",
                    JD_STR_ARG(iso(r, end_of(r, i))),
                    JD_STR_ARG(jd_symbol_text(&jd_channel_symbols, r->events[i].channel)));
        } else {
            fputs("an end that the rule's `durations` gives\n", r->out);
        }
    }
    fprintf(r->out, "  they share " JD_STR_FMT "\n", JD_STR_ARG(measure(r, r->alert->observed)));
}

static void print_open(const struct reasoning *r)
{
    fprintf(r->out, "  open since " JD_STR_FMT "; the later contact came " JD_STR_FMT " after it\n",
            JD_STR_ARG(iso(r, time_of(r, 0))), JD_STR_ARG(measure(r, r->alert->observed)));
    fprintf(r->out,
            "  it is open until one of `until` closes it%s" JD_STR_FMT "%s, or for " JD_STR_FMT
            " (max_open " JD_STR_FMT ") at the longest\n",
            r->rule->plus.amount > 0 ? " and " : "",
            JD_STR_ARG(r->rule->plus.amount > 0 ? r->rule->plus.text : JD_STR("")),
            r->rule->plus.amount > 0 ? " more have passed" : "", JD_STR_ARG(measure(r, r->alert->limit)),
            JD_STR_ARG(r->alert->window));
}

static void print_unanswered(const struct reasoning *r)
{
    const struct jd_span *within = &r->rule->within;
    fprintf(r->out, "  due within " JD_STR_FMT " of " JD_STR_FMT, JD_STR_ARG(within->text),
            JD_STR_ARG(iso(r, time_of(r, 0))));
    if (within->unit == JD_SPAN_MS) {
        fprintf(r->out, ": by " JD_STR_FMT, JD_STR_ARG(iso(r, time_of(r, 0) + within->amount)));
    }
    fputs("; no contact of `b` came in that time\n", r->out);
}

static void print_late(const struct reasoning *r)
{
    const struct jd_alert *alert = r->alert;
    const jd_time due = time_of(r, 0) + alert->limit.units;
    fprintf(r->out,
            "  due by " JD_STR_FMT " (" JD_STR_FMT " after the first), answered " JD_STR_FMT ": " JD_STR_FMT
            " late\n",
            JD_STR_ARG(iso(r, due)), JD_STR_ARG(measure(r, alert->limit)), JD_STR_ARG(iso(r, time_of(r, 1))),
            JD_STR_ARG(duration(r, time_of(r, 1) - due)));
}

static void print_unprepared(const struct reasoning *r)
{
    const struct jd_span *within = &r->rule->within;
    fprintf(r->out, "  looked for a contact of `a` in the " JD_STR_FMT " before " JD_STR_FMT,
            JD_STR_ARG(within->text), JD_STR_ARG(iso(r, time_of(r, 0))));
    if (within->unit == JD_SPAN_MS) {
        fprintf(r->out, ", from " JD_STR_FMT " on", JD_STR_ARG(iso(r, time_of(r, 0) - within->amount)));
    }
    fputs(": there was none\n", r->out);
}

void jd_explain_computation(const struct jd_alert *alert, const struct jd_rule *rule, struct jd_arena *arena,
                            FILE *out)
{
    const struct reasoning r = reasoning_of(alert, rule, arena, out);
    if (alert->observed.scale == JD_DECIMAL_NONE || alert->limit.scale == JD_DECIMAL_NONE) {
        return;
    }
    fputs("\nComputation\n", out);
    switch (r.shape) {
    case SHAPE_APART:
        print_apart(&r);
        return;
    case SHAPE_OVERLAP:
        print_overlap(&r);
        return;
    case SHAPE_OPEN:
        print_open(&r);
        return;
    case SHAPE_UNANSWERED:
        print_unanswered(&r);
        return;
    case SHAPE_LATE:
        print_late(&r);
        return;
    case SHAPE_UNPREPARED:
        print_unprepared(&r);
        return;
    case SHAPE_TOTAL:
        print_total(&r);
        return;
    case SHAPE_OTHER:
        break;
    }
    fprintf(out, "  observed " JD_STR_FMT ", limit " JD_STR_FMT "\n",
            JD_STR_ARG(measure(&r, alert->observed)), JD_STR_ARG(measure(&r, alert->limit)));
}

/* ---- what would have avoided it ------------------------------------------------------------------------- */

static void avoid_apart(const struct reasoning *r)
{
    const struct jd_alert *alert = r->alert;
    fprintf(r->out, "  Keep the two contacts more than " JD_STR_FMT " apart", JD_STR_ARG(alert->window));
    if (alert->unit == JD_UNIT_MS && alert->limit.scale == 0) {
        const int64_t missing = alert->limit.units - (time_of(r, 1) - time_of(r, 0));
        fprintf(r->out, ": the second not before " JD_STR_FMT ",\n  more than " JD_STR_FMT " later",
                JD_STR_ARG(iso(r, time_of(r, 0) + alert->limit.units + 1)), JD_STR_ARG(duration(r, missing)));
    } else if (alert->unit == JD_UNIT_DAYS) {
        const int64_t dates = alert->limit.units + 1 - alert->observed.units;
        fprintf(r->out, ": the second at least %" PRId64 " date%s later", dates, dates == 1 ? "" : "s");
    }
    if (r->rule != NULL && r->rule->c.classes != 0) {
        fputs(",\n  or let a contact of `without` come between them", r->out);
    }
    fputs(",\n  or use another channel or colleague that the rule does not name.\n", r->out);
}

static void avoid_overlap(const struct reasoning *r)
{
    fprintf(r->out,
            "  Begin the second " JD_STR_FMT " later, when the first is over, or leave one of them out.\n",
            JD_STR_ARG(measure(r, r->alert->observed)));
}

static void avoid_open(const struct reasoning *r)
{
    fprintf(r->out,
            "  Wait for a contact of `until`%s" JD_STR_FMT ", or until " JD_STR_FMT
            ", when what began is over anyway.\n",
            r->rule->plus.amount > 0 ? " and then for " : "",
            JD_STR_ARG(r->rule->plus.amount > 0 ? r->rule->plus.text : JD_STR("")),
            JD_STR_ARG(iso(r, time_of(r, 0) + r->alert->limit.units + 1)));
}

static void avoid_unanswered(const struct reasoning *r)
{
    const struct jd_span *within = &r->rule->within;
    fputs("  A contact of `b`", r->out);
    if (within->unit == JD_SPAN_MS) {
        fprintf(r->out, " by " JD_STR_FMT ".", JD_STR_ARG(iso(r, time_of(r, 0) + within->amount)));
    } else {
        fprintf(r->out, " within " JD_STR_FMT ".", JD_STR_ARG(within->text));
    }
    fprintf(
        r->out, " One that comes now, up to " JD_STR_FMT " after, resolves it.\n",
        JD_STR_ARG(r->rule->resolve_within.text.ptr != NULL ? r->rule->resolve_within.text : JD_STR("365d")));
}

static void avoid_late(const struct reasoning *r)
{
    const jd_time due = time_of(r, 0) + r->alert->limit.units;
    fprintf(r->out, "  The same answer " JD_STR_FMT " earlier, by " JD_STR_FMT ".\n",
            JD_STR_ARG(duration(r, time_of(r, 1) - due)), JD_STR_ARG(iso(r, due)));
}

static void avoid_unprepared(const struct reasoning *r)
{
    fprintf(r->out, "  A contact of `a` at most " JD_STR_FMT " before " JD_STR_FMT ".\n",
            JD_STR_ARG(r->rule->within.text), JD_STR_ARG(iso(r, time_of(r, 0))));
}

/* Of a window that moves with the last contact: the earliest time at which enough of the others have left it. */
static jd_time late_enough(const struct reasoning *r)
{
    int64_t total = 0;
    int64_t limit = 0;
    int64_t units = 0;
    if (r->rule == NULL || r->rule->logged || r->rule->over.ptr != NULL ||
        r->rule->period != JD_PERIOD_NONE || r->rule->within.unit != JD_SPAN_MS ||
        !jd_amount_units(r->alert->limit, &limit)) {
        return JD_TIME_NONE;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        if (!contribution(r, &r->events[i], &units)) {
            return JD_TIME_NONE;
        }
        total += units;
    }
    for (uint32_t i = 0; i + 1 < r->count; i++) {
        (void)contribution(r, &r->events[i], &units); /* it answered above */
        total -= units;
        if (total < limit || (total == limit && !r->rule->at_least)) {
            return time_of(r, i) + r->rule->within.amount;
        }
    }
    return JD_TIME_NONE;
}

static void avoid_total(const struct reasoning *r)
{
    const struct jd_alert *alert = r->alert;
    int64_t observed = 0;
    int64_t limit = 0;
    if (!jd_amount_units(alert->observed, &observed) || !jd_amount_units(alert->limit, &limit)) {
        return;
    }
    int64_t much = observed - limit;
    const bool is_whole = alert->unit == JD_UNIT_TOUCHES || alert->unit == JD_UNIT_QUANTITY;
    int64_t one = 1;
    for (int i = 0; i < JD_AMOUNT_SCALE; i++) {
        one *= 10;
    }
    if (at_least(r)) {
        much += is_whole ? one : 1;
    }
    const struct jd_str less = measure(r, jd_amount_decimal(much));
    if (is_whole && much == one && alert->unit == JD_UNIT_TOUCHES) {
        fputs("  One contact less", r->out);
    } else {
        fprintf(r->out, "  " JD_STR_FMT " less", JD_STR_ARG(less));
    }
    if (alert->window.ptr != NULL) {
        fprintf(r->out, " in the window (" JD_STR_FMT ")", JD_STR_ARG(alert->window));
    }
    const jd_time late = late_enough(r);
    if (late != JD_TIME_NONE && r->count > 0) {
        fprintf(r->out, ", or the last one not before " JD_STR_FMT ",\n  which is " JD_STR_FMT " later",
                JD_STR_ARG(iso(r, late)), JD_STR_ARG(duration(r, late - time_of(r, r->count - 1))));
    }
    fputs(".\n", r->out);
}

void jd_explain_avoidance(const struct jd_alert *alert, const struct jd_rule *rule, struct jd_arena *arena,
                          FILE *out)
{
    const struct reasoning r = reasoning_of(alert, rule, arena, out);
    if (alert->status == JD_STATUS_RETRACTED) {
        fputs("\nIt is retracted: the condition no longer holds. Nothing is to be done.\n", out);
        return;
    }
    fputs("\nWhat would have avoided it\n", out);
    switch (r.shape) {
    case SHAPE_APART:
        avoid_apart(&r);
        break;
    case SHAPE_OVERLAP:
        avoid_overlap(&r);
        break;
    case SHAPE_OPEN:
        avoid_open(&r);
        break;
    case SHAPE_UNANSWERED:
        avoid_unanswered(&r);
        break;
    case SHAPE_LATE:
        avoid_late(&r);
        break;
    case SHAPE_UNPREPARED:
        avoid_unprepared(&r);
        break;
    case SHAPE_TOTAL:
        avoid_total(&r);
        break;
    case SHAPE_OTHER:
        if (rule == NULL) {
            fputs("  Give --policy: the rule says what it asks for.\n", out);
        } else if (alert->observed.scale != JD_DECIMAL_NONE && alert->limit.scale != JD_DECIMAL_NONE) {
            fprintf(out, "  At least " JD_STR_FMT " of what the rule asks for.\n",
                    JD_STR_ARG(measure(&r, alert->limit)));
        } else {
            fputs("  What the rule requires must be so at the time of the contact; the rule and the facts "
                  "say what "
                  "was not.\n",
                  out);
        }
        break;
    }
    if (alert->phase == JD_ALERT_PHASE_PREVENTABLE) {
        fputs(
            "  It still can be: a contact is only planned. Move or cancel it, and the alert is retracted.\n",
            out);
    }
    if (alert->remedy.ptr != NULL) {
        fprintf(out, "  %-12s " JD_STR_FMT "\n", "remedy", JD_STR_ARG(alert->remedy));
    }
}
