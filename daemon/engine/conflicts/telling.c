#include "engine/conflicts/telling.h"

#include "base/contract.h"
#include "base/str.h"
#include "engine/audiences.h"
#include "engine/conflicts/episodes.h"

const struct jd_rule *jd_rule_named(const struct jd_program *program, struct jd_str id)
{
    for (uint32_t i = 0; i < program->rule_count; i++)
        if (jd_str_eq(program->rules[i].id, id))
            return &program->rules[i];
    return NULL;
}

/* Since when the rule of an alert is complete, if the alert lies before. */
static jd_time complete_from(const struct jd_step *step, const struct jd_alert *alert)
{
    const struct jd_rule *rule = jd_rule_named(step->program, alert->rule);
    const struct jd_event *events = alert->evidence.items;
    if (rule == NULL || rule->complete_from == JD_TIME_NONE || alert->evidence.count == 0 ||
        jd_touch_time(&events[alert->evidence.count - 1]) >= rule->complete_from)
        return JD_TIME_NONE;
    return rule->complete_from;
}

static void emit(struct jd_step *step, enum jd_topic topic, const struct jd_alert *alert)
{
    struct jd_alert *copy = jd_arena_alloc(step->arena, sizeof *copy);
    *copy = *alert;
    struct jd_str reader = jd_symbol_text(&jd_audience_symbols, alert->audience);
    bool is_projected = topic == JD_TOPIC_ALERTS_COMMERCIAL || topic == JD_TOPIC_ALERTS_MEDICAL;
    jd_step_emit(step, topic, step->key, &jd_alert_record, copy,
                 jd_arena_printf(step->arena, JD_STR_FMT "/%lld%s" JD_STR_FMT, JD_STR_ARG(alert->alert_id),
                                 (long long)alert->revision, is_projected ? "/" : "",
                                 JD_STR_ARG(is_projected ? reader : (struct jd_str){0})));
}

static const struct {
    enum jd_audience audience;
    enum jd_topic topic;
} readers[] = {{JD_AUDIENCE_COMMERCIAL, JD_TOPIC_ALERTS_COMMERCIAL},
               {JD_AUDIENCE_MEDICAL, JD_TOPIC_ALERTS_MEDICAL}};

static void emit_to(struct jd_step *step, uint8_t audience, const struct jd_alert *alert)
{
    for (size_t i = 0; i < JD_COUNT(readers); i++)
        if ((audience & readers[i].audience) != 0) {
            struct jd_alert seen = jd_audience_alert(readers[i].audience, alert, step->arena);
            emit(step, readers[i].topic, &seen);
        }
}

/* With what is not held. */
static struct jd_alert complete(struct jd_step *step, const struct jd_alert *alert)
{
    struct jd_alert told = *alert;
    told.complete_from = complete_from(step, alert);
    told.episode = jd_episode_of(step, alert);
    return told;
}

void jd_alert_tell(struct jd_step *step, const struct jd_alert *alert)
{
    const struct jd_alert told = complete(step, alert);
    emit(step, alert->mode == JD_MODE_SHADOW ? JD_TOPIC_ALERTS_SHADOW : JD_TOPIC_ALERTS, &told);
    emit_to(step, alert->audience, &told);
}

void jd_alert_leave(struct jd_step *step, const struct jd_alert *held, const struct jd_alert *alert,
                    enum jd_cause cause)
{
    const uint8_t left = (uint8_t)(held->audience & ~alert->audience);
    if (left == JD_AUDIENCE_NONE)
        return;
    struct jd_alert gone = complete(step, held);
    gone.revision = alert->revision;
    gone.status = JD_STATUS_RETRACTED;
    gone.cause = (uint8_t)cause;
    gone.policy = alert->policy;
    emit_to(step, left, &gone);
}
