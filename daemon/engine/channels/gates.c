#include "engine/channels/gates.h"

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"

#include <string.h>

typedef void (*gate)(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                     struct jd_arena *arena, struct jd_candidate *out);

/* In the order in which their rejections are listed. */
static const gate gates[] = {
    jd_gate_same_channel,
    jd_gate_consent,
    jd_gate_access,
    jd_gate_content,
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

static bool named(const struct jd_str *countries, uint32_t count, struct jd_str country)
{
    for (uint32_t i = 0; i < count; i++)
        if (jd_str_eq(countries[i], country))
            return true;
    return false;
}

/* Without a record: allowed only where the market does not ask for one. */
static bool is_opt_in(const struct jd_channel_policy *channel, struct jd_str country)
{
    if (country.ptr != NULL && named(channel->opt_in, channel->opt_in_count, country))
        return true;
    if (country.ptr != NULL && named(channel->opt_out, channel->opt_out_count, country))
        return false;
    return channel->opt_in_default;
}

void jd_gate_consent(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                     struct jd_arena *arena, struct jd_candidate *out)
{
    bool unconfirmed;
    const struct jd_fact_record *record =
        jd_facts_consent(question->facts, (uint8_t)channel->channel, question->touch->product, question->at,
                         channel->double_opt_in, &unconfirmed);
    struct jd_str none = {0};
    if (record == NULL) {
        if (is_opt_in(channel, question->country))
            jd_candidate_reject(out, unconfirmed ? JD_REJECTION_CONSENT_UNCONFIRMED : JD_REJECTION_NO_CONSENT,
                                none, none, arena);
    } else if (record->state == JD_FACT_STATE_DENIED) {
        jd_candidate_reject(out, JD_REJECTION_CONSENT_DENIED, none, interval(record, arena), arena);
    } else if (record->state == JD_FACT_STATE_REVOKED) {
        jd_candidate_reject(out, JD_REJECTION_CONSENT_REVOKED, none, interval(record, arena), arena);
    } else if (record->until <= question->at) {
        jd_candidate_reject(out, JD_REJECTION_CONSENT_EXPIRED, none, interval(record, arena), arena);
    }
}

void jd_gate_access(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                    struct jd_arena *arena, struct jd_candidate *out)
{
    const struct jd_fact_record *record =
        jd_facts_access(question->facts, (uint8_t)channel->channel, question->at);
    if (record == NULL || record->state == JD_FACT_STATE_OPEN || record->until <= question->at)
        return;
    enum jd_rejection_code reason = record->state == JD_FACT_STATE_NO_CONTACT ? JD_REJECTION_NO_CONTACT
                                    : record->state == JD_FACT_STATE_NO_SEE   ? JD_REJECTION_NO_SEE
                                                                              : JD_REJECTION_APPOINTMENT_ONLY;
    jd_candidate_reject(out, reason, (struct jd_str){0}, interval(record, arena), arena);
}

/* The least content id that is approved for channel, product and function at that time. */
void jd_gate_content(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                     struct jd_arena *arena, struct jd_candidate *out)
{
    const struct jd_program *program = question->program;
    enum jd_function function = jd_role_function(question->touch->actor.role);
    for (uint32_t i = 0; i < program->content_count; i++) { /* sorted by id: the first that fits */
        const struct jd_content *c = &program->contents[i];
        if ((c->channel != JD_CHANNEL_NONE && c->channel != channel->channel) ||
            (c->product.ptr != NULL && !jd_str_eq(c->product, question->touch->product)) ||
            (c->function != JD_FUNCTION_NONE && c->function != function) ||
            (c->from != JD_TIME_NONE && question->at < c->from) ||
            (c->until != JD_TIME_NONE && question->at >= c->until))
            continue;
        out->content_id = c->id;
        return;
    }
    if (channel->needs_content)
        jd_candidate_reject(out, JD_REJECTION_NO_APPROVED_CONTENT, (struct jd_str){0}, (struct jd_str){0},
                            arena);
}
