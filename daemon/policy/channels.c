/* channels.yaml: the channels that triggers may propose, in this order, and what each needs. */
#include <string.h>

#include "base/contract.h"
#include "base/str.h"
#include "policy/compile.h"

/* What consent a market needs where there is no record. */
enum { OPT_IN = 1, OPT_OUT };

struct written_channel {
    struct jd_channel_policy policy;
    struct jd_consent_policy consent;
    bool propose;
    int64_t consent_default;
    struct jd_texts opt_in, opt_out;
};

struct written_file {
    const struct jd_channel_policy *channels;
    uint32_t count;
    const struct jd_consent_policy *const *consents;
    int64_t valid_for_ms;
};

static void read_channel(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                         void *out)
{
    uint8_t channel = node->kind == JD_NODE_SCALAR ? jd_symbol_of(&jd_channel_symbols, node->text) : 0;
    if (channel != 0) {
        *(enum jd_channel *)out = (enum jd_channel)channel;
        return;
    }
    jd_expected(c, node, key->name, "a channel");
    if (node->kind == JD_NODE_SCALAR)
        jd_suggest_symbol(c, node->text, &jd_channel_symbols);
}

static void read_default(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                         void *out)
{
    if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, JD_STR("opt_in")))
        *(int64_t *)out = OPT_IN;
    else if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, JD_STR("opt_out")))
        *(int64_t *)out = OPT_OUT;
    else
        jd_expected(c, node, key->name, "opt_in (no record: not allowed) or opt_out (no record: allowed)");
}

static void read_countries(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                           void *out)
{
    jd_read_texts(c, key, node, jd_read_country, out);
}

const struct jd_key jd_consent_keys[] = {
    {"default", read_default, .offset = offsetof(struct written_channel, consent_default), .required = true},
    {"opt_in", read_countries, .offset = offsetof(struct written_channel, opt_in)},
    {"opt_out", read_countries, .offset = offsetof(struct written_channel, opt_out)},
    {0},
};

static void both_ways(struct jd_compile *c, struct jd_place place, struct jd_str country)
{
    jd_error_at(c, place, "consent: " JD_STR_FMT " is both in opt_in and in opt_out", JD_STR_ARG(country));
    jd_problem_hint(c->problems, "without a record it is either allowed (opt_out) or not (opt_in)");
}

static void read_consent(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                         void *out)
{
    struct written_channel *w = out;
    (void)jd_read_map(c, node, key->name, jd_consent_keys, NULL, w); /* reported there */
    for (uint32_t i = 0; i < w->opt_in.count; i++)
        for (uint32_t j = 0; j < w->opt_out.count; j++)
            if (jd_str_eq(w->opt_in.items[i], w->opt_out.items[j]))
                both_ways(c, node->place, w->opt_in.items[i]);
}

#define HERE(member) offsetof(struct written_channel, member)
#define OF_FATIGUE(member) offsetof(struct jd_fatigue, member)
enum { IGNORED_MAX = 1000 };
const struct jd_key jd_fatigue_keys[] = {
    {"ignored", jd_read_integer, .offset = OF_FATIGUE(ignored), .required = true, .min = 1,
     .max = IGNORED_MAX},
    {"within", jd_read_duration, .offset = OF_FATIGUE(within_ms), .required = true, .min = JD_HOUR,
     .max = 366 * JD_DAY},
    {"hold", jd_read_duration, .offset = OF_FATIGUE(hold_ms), .required = true, .min = JD_HOUR,
     .max = 366 * JD_DAY},
    {0},
};

static void read_fatigue(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                         void *out)
{
    const struct jd_fatigue *fatigue = out;
    (void)jd_read_map(c, node, key->name, jd_fatigue_keys, NULL, out); /* reported there */
    const int64_t kept = fatigue->within_ms + fatigue->hold_ms;
    c->program->window_ms = kept > c->program->window_ms ? kept : c->program->window_ms;
}

const struct jd_key jd_channel_keys[] = {
    {"channel", read_channel, .offset = HERE(policy.channel), .required = true},
    {"needs_content", jd_read_truth, .offset = HERE(policy.needs_content)},
    {"double_opt_in", jd_read_truth, .offset = HERE(consent.double_opt_in)},
    {"propose", jd_read_truth, .offset = HERE(propose)},
    {"consent", read_consent, .offset = 0, .required = true},
    {"fatigue", read_fatigue, .offset = HERE(policy.fatigue)},
    {0},
};

static void listed_twice(struct jd_compile *c, struct jd_place place, enum jd_channel channel)
{
    jd_error_at(c, place, "channels: %s is listed twice", jd_channel_symbols.texts[channel]);
    jd_problem_hint(c->problems, "its place in the list is its rank: keep one");
}

static const struct jd_consent_policy *keep_consent(struct jd_compile *c, const struct written_channel *w)
{
    struct jd_consent_policy *consent = jd_arena_alloc(c->arena, sizeof *consent);
    *consent = w->consent;
    consent->opt_in_default = w->consent_default == OPT_IN;
    consent->opt_in = w->opt_in.items;
    consent->opt_in_count = w->opt_in.count;
    consent->opt_out = w->opt_out.items;
    consent->opt_out_count = w->opt_out.count;
    return consent;
}

static void read_channels(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                          void *out)
{
    struct written_file *file = out;
    if (node->kind != JD_NODE_LIST || node->count == 0) {
        jd_expected(c, node, key->name, "a list of channels, the preferred one first");
        return;
    }
    struct jd_channel_policy *channels = jd_arena_array(c->arena, node->count, sizeof *channels);
    const struct jd_consent_policy **consents =
        jd_arena_array(c->arena, JD_CHANNEL_END_, sizeof(struct jd_consent_policy *));
    for (uint32_t i = 0; i < node->count; i++) {
        struct written_channel w = {.consent_default = OPT_IN, .propose = true};
        if (!jd_read_map(c, &node->items[i], "a channel", jd_channel_keys, NULL, &w))
            continue;
        if (w.policy.channel != JD_CHANNEL_NONE && consents[w.policy.channel] != NULL)
            listed_twice(c, node->items[i].place, w.policy.channel);
        consents[w.policy.channel] = keep_consent(c, &w);
        if (w.propose)
            channels[file->count++] = w.policy;
    }
    file->channels = channels;
    file->consents = consents;
}

const struct jd_key jd_trigger_keys[] = {
    {"valid_for", jd_read_duration, .offset = 0, .required = true, .min = JD_HOUR, .max = 366 * JD_DAY},
    {0},
};

static void read_trigger(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                         void *out)
{
    (void)jd_read_map(c, node, key->name, jd_trigger_keys, NULL, out); /* reported there */
}

const struct jd_key jd_channels_keys[] = {
    {"channels", read_channels, .offset = 0, .required = true},
    {"trigger", read_trigger, .offset = offsetof(struct written_file, valid_for_ms)},
    {0},
};

void jd_compile_channels(struct jd_compile *c, const struct jd_node *root)
{
    struct written_file file = {.valid_for_ms = c->program->trigger_valid_ms};
    if (!jd_read_map(c, root, "channels.yaml", jd_channels_keys, NULL, &file))
        return;
    c->program->channels = file.channels;
    c->program->channel_count = file.count;
    c->program->consents = file.consents;
    c->program->trigger_valid_ms = file.valid_for_ms;
}
