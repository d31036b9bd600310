/* audiences: of policy.yaml: which keys of rules beside the physician the readers of each side may know.
 *
 *     audiences:
 *       commercial: [account, actor, campaign]
 *       medical: [account, actor]
 *
 * A key's id stands on every alert of the key. Where it is a field that the table of engine/audiences.c keeps from
 * those readers, and a rule of that scope may be about a contact of the other side, medical content would reach a
 * commercial topic: the policy is refused. */
#include "base/contract.h"
#include "base/str.h"
#include "engine/audiences.h"
#include "engine/fields.h"
#include "policy/rules.h"

enum { KEY_NAMES_MAX = 64 };

/* The field of an event that holds a field of the touch: its index in jd_event_record. */
static uint32_t event_field(const struct jd_field_ref *ref)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < jd_event_record.count; i++)
        if (jd_event_record.fields[i].offset <= jd_touch_fields[ref->field].offset)
            found = i; /* fields lie in their order */
    return found;
}

static bool is_tier(const struct jd_scope_key *key)
{
    return key->of_profile && key->attribute.ptr == NULL &&
           key->place == offsetof(struct jd_hcp_profile, tier);
}

static struct jd_scope_key *key_named(struct jd_compile *c, const struct jd_key *key,
                                      const struct jd_node *node)
{
    const char *names[KEY_NAMES_MAX + 1];
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->key_count && count < KEY_NAMES_MAX; i++) {
        names[count++] = jd_arena_str(c->arena, c->keys[i].name).ptr;
        if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, c->keys[i].name))
            return &c->keys[i];
    }
    names[count] = NULL;
    jd_expected(c, node, key->name, "account, actor or one of the keys: of policy.yaml");
    if (node->kind == JD_NODE_SCALAR)
        jd_problem_suggest(c->problems, node->text, names);
    return NULL;
}

static void read_readers(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                         void *out)
{
    const uint8_t audience = jd_symbol_of(&jd_audience_symbols, jd_str_of(key->name));
    (void)out; /* the compiler's keys are the target */
    for (uint32_t i = 0; i < c->key_count; i++)
        c->keys[i].audiences &= (uint8_t)(JD_AUDIENCE_BOTH - audience);
    if (node->kind != JD_NODE_LIST) {
        jd_expected(c, node, key->name, "a list of the keys that these readers may know, such as [account]");
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        struct jd_scope_key *known = key_named(c, key, &node->items[i]);
        if (known == NULL)
            continue;
        if (is_tier(known) && audience == JD_AUDIENCE_MEDICAL)
            jd_error_at(c, node->items[i].place,
                        "audiences: medical readers may not know the key \"" JD_STR_FMT
                        "\": it is the tier, by what a physician prescribes",
                        JD_STR_ARG(known->name));
        known->audiences |= audience;
    }
}

const struct jd_key jd_audiences_keys[] = {
    {.name = "commercial", .read = read_readers},
    {.name = "medical", .read = read_readers},
    {0},
};

void jd_compile_audiences(struct jd_compile *c, const struct jd_node *node)
{
    for (uint32_t i = 0; i < c->key_count; i++)
        c->keys[i].audiences = c->keys[i].scope == JD_SCOPE_DECLARED ? JD_AUDIENCE_NONE : JD_AUDIENCE_BOTH;
    if (node != NULL)
        (void)jd_read_map(c, node, "audiences", jd_audiences_keys, NULL, NULL); /* reported there */
}

/* Can a contact of the other side be in an alert of the rule? */
static bool may_have_others(enum jd_audience audience, const struct jd_rule *rule)
{
    return !jd_audience_only(audience, &rule->a) ||
           (rule->b.classes != 0 && !jd_audience_only(audience, &rule->b));
}

static void check_rule(struct jd_compile *c, const struct jd_compiled_rule *compiled,
                       enum jd_audience audience)
{
    const struct jd_scope_key *key = compiled->rule.key;
    const struct jd_member *scope = jd_node_member(compiled->node, "scope");
    const bool is_commercial = audience == JD_AUDIENCE_COMMERCIAL;
    const uint32_t field = event_field(&key->ref);
    if (scope == NULL || compiled->wrong || jd_audience_sees_field(audience, field) ||
        !may_have_others(audience, &compiled->rule))
        return;
    const char *reader = jd_audience_symbols.texts[audience];
    jd_error_at(c, scope->value.place,
                "scope: %s readers may know the key \"" JD_STR_FMT
                "\", and the rule may be about a %s contact, of which they do not see `%s`",
                reader, JD_STR_ARG(key->name), is_commercial ? "medical" : "commercial",
                jd_event_record.fields[field].name);
    jd_problem_hint(c->problems,
                    "name %s roles alone in its selectors, or leave the key out of audiences: %s", reader,
                    reader);
}

void jd_check_audiences(struct jd_compile *c)
{
    for (uint32_t i = 0; i < c->rule_count; i++)
        for (uint8_t audience = JD_AUDIENCE_COMMERCIAL; audience <= JD_AUDIENCE_MEDICAL; audience++) {
            const struct jd_scope_key *key = c->rules[i].rule.key;
            if (key != NULL && key->scope == JD_SCOPE_DECLARED && !key->of_profile &&
                (key->audiences & audience) != 0)
                check_rule(c, &c->rules[i], (enum jd_audience)audience);
        }
}
