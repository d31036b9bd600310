/* fatigue: a channel rests after so many suggestions of it were ignored. */
#include "base/avro.h"
#include "engine/channels/gates.h"
#include "engine/touches.h"

/* The suggestions of the channel that ran out unanswered, in [from, to], by time. */
struct ignored {
    const jd_time *times;
    uint32_t count;
};

static struct ignored find(struct jd_touches *view, enum jd_channel channel, jd_time from, jd_time to)
{
    struct jd_since since = jd_state_since(view->state, from, to);
    struct ignored found = {0};
    uint32_t capacity = 0;
    jd_time *times = NULL;
    for (const struct jd_slot *slot; (slot = jd_since_next(&since)) != NULL;) {
        if (slot->class != JD_CLASS_FEEDBACK)
            continue;
        struct jd_touch *said = jd_touches_open(view, slot);
        jd_touch_load(view, said);
        if (said->event->channel != channel || !jd_str_is(said->event->type, "suggestion.expired"))
            continue;
        if (found.count == capacity)
            times = jd_arena_grow(view->arena, times, found.count, &capacity, sizeof *times);
        times[found.count++] = said->time;
    }
    found.times = times;
    return found;
}

void jd_gate_fatigue(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                     struct jd_arena *arena, struct jd_candidate *out)
{
    const struct jd_fatigue *fatigue = &channel->fatigue;
    if (fatigue->ignored == 0 || question->view == NULL || question->view->state == NULL)
        return;
    const struct ignored all = find(question->view, channel->channel,
                                    question->at - fatigue->hold_ms - fatigue->within_ms, question->at);
    for (uint32_t i = all.count; i-- > 0;) {
        const jd_time last = all.times[i];
        uint32_t count = 0;
        for (uint32_t k = i + 1; k-- > 0 && all.times[k] > last - fatigue->within_ms;)
            count++;
        if (count < fatigue->ignored || question->at >= last + fatigue->hold_ms)
            continue;
        const struct jd_str from = jd_time_text(last, arena),
                            until = jd_time_text(last + fatigue->hold_ms, arena);
        jd_candidate_reject(
            out, JD_REJECTION_FATIGUE, (struct jd_str){0},
            jd_arena_printf(arena, JD_STR_FMT " .. " JD_STR_FMT, JD_STR_ARG(from), JD_STR_ARG(until)), arena);
        return;
    }
}
