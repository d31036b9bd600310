#include "engine/channels/gates.h"

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"

#include <string.h>

typedef void (*gate)(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                     struct jd_arena *arena, struct jd_candidate *out);

/* In the order in which their rejections are listed. */
static const gate gates[] = {
    jd_gate_same_channel, jd_gate_consent, jd_gate_access, jd_gate_content, jd_gate_fatigue,
};

void jd_candidate_reject(struct jd_candidate *candidate, enum jd_rejection_code reason, struct jd_str rule,
                         struct jd_str detail, struct jd_arena *arena)
{
    uint32_t count = candidate->rejections.count;
    struct jd_gate_result *results = jd_arena_array(arena, (size_t)count + 1, sizeof *results);
    if (count > 0)
        memcpy(results, candidate->rejections.items, count * sizeof *results);
    results[count] = (struct jd_gate_result){.reason = (uint8_t)reason, .rule = rule, .detail = detail};
    candidate->rejections = (struct jd_list){results, count + 1};
}

void jd_gates_run(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                  struct jd_arena *arena, struct jd_candidate *out)
{
    *out = (struct jd_candidate){.channel = (uint8_t)channel->channel};
    for (size_t i = 0; i < JD_COUNT(gates); i++)
        gates[i](question, channel, arena, out);
}

/* "2026-03-04T10:00:00.000Z .. 2027-03-04T10:00:00.000Z" */
static struct jd_str interval(const struct jd_fact_record *record, struct jd_arena *arena)
{
    struct jd_str from = jd_time_text(record->from, arena);
    struct jd_str until = record->until == JD_NEVER ? JD_STR("open") : jd_time_text(record->until, arena);
    return jd_arena_printf(arena, JD_STR_FMT " .. " JD_STR_FMT, JD_STR_ARG(from), JD_STR_ARG(until));
}

/* The channel that the conflict is about is no way out of it. */
void jd_gate_same_channel(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                          struct jd_arena *arena, struct jd_candidate *out)
{
    if (question->touch->channel == channel->channel)
        jd_candidate_reject(out, JD_REJECTION_SAME_CHANNEL, (struct jd_str){0}, (struct jd_str){0}, arena);
}

/* What is asked of facts when this channel is used. */
static struct jd_fact_question ask(const struct jd_gate_question *question,
                                   const struct jd_channel_policy *channel)
{
    return (struct jd_fact_question){
        .program = question->program,
        .channel = (uint8_t)channel->channel,
        .function = (uint8_t)jd_role_function(question->touch->actor.role),
        .product = question->touch->product,
        .country = question->country,
        .at = question->at,
    };
}

/* A finding that is refused: why, with the interval of what decided. */
static void refuse(struct jd_candidate *out, const struct jd_finding *found, enum jd_rejection_code reason,
                   struct jd_arena *arena)
{
    struct jd_str none = {0};
    jd_candidate_reject(out, reason, none, found->record == NULL ? none : interval(found->record, arena),
                        arena);
}

void jd_gate_consent(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                     struct jd_arena *arena, struct jd_candidate *out)
{
    static const enum jd_rejection_code reasons[JD_STANDING_END_] = {
        [JD_STANDING_NONE_KNOWN] = JD_REJECTION_NO_CONSENT,
        [JD_STANDING_UNCONFIRMED] = JD_REJECTION_CONSENT_UNCONFIRMED,
        [JD_STANDING_DENIED] = JD_REJECTION_CONSENT_DENIED,
        [JD_STANDING_REVOKED] = JD_REJECTION_CONSENT_REVOKED,
        [JD_STANDING_EXPIRED] = JD_REJECTION_CONSENT_EXPIRED,
    };
    struct jd_fact_question q = ask(question, channel);
    struct jd_finding found = jd_facts_find(question->facts, JD_FACT_CONSENT, &q);
    if (reasons[found.standing] != JD_REJECTION_NONE)
        refuse(out, &found, reasons[found.standing], arena);
}

void jd_gate_access(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                    struct jd_arena *arena, struct jd_candidate *out)
{
    static const enum jd_rejection_code reasons[JD_STANDING_END_] = {
        [JD_STANDING_NO_CONTACT] = JD_REJECTION_NO_CONTACT,
        [JD_STANDING_NO_SEE] = JD_REJECTION_NO_SEE,
        [JD_STANDING_APPOINTMENT_ONLY] = JD_REJECTION_APPOINTMENT_ONLY,
    };
    struct jd_fact_question q = ask(question, channel);
    struct jd_finding found = jd_facts_find(question->facts, JD_FACT_ACCESS, &q);
    if (reasons[found.standing] != JD_REJECTION_NONE)
        refuse(out, &found, reasons[found.standing], arena);
}

/* The least content id that is approved for channel, product and function at that time. */
void jd_gate_content(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                     struct jd_arena *arena, struct jd_candidate *out)
{
    const struct jd_program *program = question->program;
    struct jd_fact_question q = ask(question, channel);
    for (uint32_t i = 0; i < program->content_count; i++) { /* sorted by id: the first that fits */
        const struct jd_content *c = &program->contents[i];
        if ((i > 0 && jd_str_eq(c->id, program->contents[i - 1].id)))
            continue; /* all lines of an item are asked at once */
        q.content = c->id;
        if (jd_facts_find(question->facts, JD_FACT_CONTENT, &q).standing != JD_STANDING_APPROVED)
            continue;
        out->content_id = c->id;
        return;
    }
    if (channel->needs_content)
        jd_candidate_reject(out, JD_REJECTION_NO_APPROVED_CONTENT, (struct jd_str){0}, (struct jd_str){0},
                            arena);
}
