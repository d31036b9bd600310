#include "engine/keeping.h"

#include "base/fault.h"
#include "base/str.h"
#include "engine/fields.h"
#include "engine/notes.h"

/* As the market of the touch has it. */
static int64_t grace_of(const struct jd_program *program, const struct jd_event *event)
{
    static const struct jd_field_ref market = {.field = JD_FIELD_MARKET};
    struct jd_str name = jd_field_plain_text(event, &market);
    for (uint32_t i = 0; i < program->grace_count; i++)
        if (jd_str_eq(program->graces[i].market, name))
            return program->graces[i].planned_grace_ms;
    return program->planned_grace_ms;
}

static jd_time lapses_after(const struct jd_program *program, const struct jd_event *event)
{
    int64_t grace = program->planned_grace_ms;
    if (program->grace_count > 0)
        grace = grace_of(program, event);
    return jd_bounded(jd_touch_time(event) + grace);
}

bool jd_has_lapsed(const struct jd_step *step, const struct jd_event *event)
{
    return step->now > lapses_after(step->program, event) && !jd_fault_bug("lapse_ignored");
}

bool jd_is_planned(const struct jd_engagement *engagement)
{
    return engagement->class == JD_CLASS_TOUCH && engagement->event.phase == JD_PHASE_PLANNED;
}

/* The same, or an alert that is counted while a member of it is one. */
static bool may_come(const struct jd_engagement *engagement)
{
    return jd_is_planned(engagement) ||
           (engagement->class == JD_CLASS_ALERT && engagement->event.phase == JD_PHASE_PLANNED);
}

bool jd_stands_as_note(const struct jd_engagement *engagement)
{
    return engagement->class == JD_CLASS_FACT && jd_touch_stands(engagement) &&
           jd_is_note(&engagement->event);
}

jd_time jd_engagement_due(const struct jd_step *step, const struct jd_engagement *engagement)
{
    jd_time t = jd_touch_time(&engagement->event);
    jd_time turns = jd_stands_as_note(engagement) ? jd_note_due(&engagement->event, step->now) : JD_NEVER;
    if (turns != JD_NEVER)
        return turns;
    if (step->hcp.ptr == NULL && jd_touch_stands(engagement)) /* the rest is told */
        return may_come(engagement) && t > step->now ? t : JD_NEVER;
    if (engagement->class == JD_CLASS_ALERT && jd_touch_stands(engagement) && may_come(engagement) &&
        t > step->now)
        return t;
    if (step->hcp.ptr != NULL && jd_is_planned(engagement) &&
        step->now <= lapses_after(step->program, &engagement->event))
        return t > step->now ? t : lapses_after(step->program, &engagement->event) + 1;
    return engagement->keep_until == JD_TIME_NONE ? JD_NEVER : engagement->keep_until + 1;
}

jd_time jd_kept_for(const struct jd_step *step, const struct jd_engagement *engagement, jd_time t)
{
    const struct jd_program *program = step->program;
    /* A fact decides touches until another takes its place: it stays. */
    const bool note = jd_stands_as_note(engagement);
    if (engagement->class == JD_CLASS_FACT && engagement->event.phase != JD_PHASE_CANCELLED && !note)
        return JD_TIME_NONE;
    t = jd_later(jd_touch_time(&engagement->event), t);
    if (note)
        t = jd_later(engagement->event.end, t);
    jd_time until = jd_bounded(t + jd_later(program->allowed_lateness_ms, program->planned_grace_ms) +
                               program->window_ms);
    return jd_later(until, engagement->keep_until); /* JD_TIME_NONE is less than any time */
}

jd_time jd_keep_until(const struct jd_step *step, const struct jd_engagement *engagement,
                      const struct jd_event *event)
{
    return jd_kept_for(step, engagement,
                       jd_later(jd_later(jd_touch_time(event), jd_touch_recorded(event)), step->now));
}
