/* What rules may have for scope besides the physician: accounts, actors, and the keys that policy.yaml declares. */
#include <string.h>

#include "base/str.h"
#include "engine/fields.h"
#include "policy/rules.h"
#include "policy/value.h"

enum { KEYS_MAX = 32, OWN = 3 };

static const struct {
    const char *name;
    uint32_t place;
} profile_texts[] = {{"profile.tier", offsetof(struct jd_hcp_profile, tier)},
                     {"profile.specialty", offsetof(struct jd_hcp_profile, specialty)},
                     {"profile.country", offsetof(struct jd_hcp_profile, country)},
                     {"profile.zone", offsetof(struct jd_hcp_profile, zone)}};

static bool is_below(struct jd_str name, const char *prefix)
{
    size_t size = strlen(prefix);
    return name.size > size && memcmp(name.ptr, prefix, size) == 0;
}

/* profile.<text> or profile.attributes.<key> */
static bool read_profile_field(struct jd_str name, struct jd_scope_key *out)
{
    static const char attributes[] = "profile.attributes.";
    out->of_profile = true;
    for (size_t i = 0; i < JD_COUNT(profile_texts); i++)
        if (jd_str_is(name, profile_texts[i].name)) {
            out->place = profile_texts[i].place;
            return true;
        }
    if (!is_below(name, attributes))
        return false;
    out->attribute =
        (struct jd_str){name.ptr + sizeof attributes - 1, name.size - (uint32_t)(sizeof attributes - 1)};
    return true;
}

static bool read_field(struct jd_compile *c, const struct jd_node *node, struct jd_scope_key *out)
{
    static const char *const profile[] = {"profile.tier", "profile.specialty",        "profile.country",
                                          "profile.zone", "profile.attributes.<key>", NULL};
    if (node->kind != JD_NODE_SCALAR) {
        jd_expected(c, node, "keys", "a field, such as campaign_id or profile.attributes.npi");
        return false;
    }
    if (is_below(node->text, "profile.")) {
        if (read_profile_field(node->text, out))
            return true;
        jd_error_at(c, node->place, "keys: a profile has no text \"%.*s\"",
                    node->text.size < 80 ? (int)node->text.size : 80, node->text.ptr);
        jd_problem_suggest(c->problems, node->text, profile);
        return false;
    }
    if (!jd_read_field(c, node->place, node->text, &out->ref))
        return false;
    const struct jd_touch_field *field = &jd_touch_fields[out->ref.field];
    if (field->kind == JD_STRING && !field->many && out->ref.field != JD_FIELD_HCP_ID)
        return true;
    jd_expected(c, node, "keys",
                "a field of the touch that holds one text, such as campaign_id, and not hcp_id");
    return false;
}

static void read_key(struct jd_compile *c, const struct jd_member *member)
{
    static const char *const taken[] = {"hcp", "account", "actor", "engagement_id", "segment", "shard"};
    struct jd_scope_key key = {.scope = JD_SCOPE_DECLARED, .name = member->key};
    bool good = jd_value_is_name(member->key);
    for (size_t i = 0; i < JD_COUNT(taken); i++)
        good = good && !jd_str_is(member->key, taken[i]);
    if (!good)
        jd_error_at(c, member->place,
                    "keys: expected a name other than hcp, account, actor, engagement_id, segment and shard, "
                    "found \"%.*s\"",
                    member->key.size < 80 ? (int)member->key.size : 80, member->key.ptr);
    if (read_field(c, &member->value, &key) && good)
        c->keys[c->key_count++] = key;
}

void jd_compile_keys(struct jd_compile *c, const struct jd_node *node)
{
    c->keys = jd_arena_array(c->arena, KEYS_MAX + OWN, sizeof *c->keys);
    c->keys[0] = (struct jd_scope_key){.scope = JD_SCOPE_ACCOUNT, .name = JD_STR("account")};
    c->keys[1] = (struct jd_scope_key){.scope = JD_SCOPE_ACTOR, .name = JD_STR("actor")};
    c->keys[2] = (struct jd_scope_key){.scope = JD_SCOPE_DECLARED,
                                       .name = JD_STR("engagement_id"),
                                       .ref = {.field = JD_FIELD_ENGAGEMENT_ID}};
    c->key_count = OWN;
    if (node == NULL)
        return;
    if (node->kind != JD_NODE_MAP || node->count > KEYS_MAX) {
        jd_expected(c, node, "keys", "a map of at most 32 keys, such as { campaign: campaign_id }");
        return;
    }
    for (uint32_t i = 0; i < node->count; i++)
        read_key(c, &node->members[i]);
}

void jd_read_scope(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    const char *names[KEYS_MAX + OWN + 2] = {"hcp"};
    struct written_rule *w = out;
    w->scope = JD_SCOPE_HCP;
    for (uint32_t i = 0; i < c->key_count; i++) {
        names[i + 1] = jd_arena_str(c->arena, c->keys[i].name).ptr;
        if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, c->keys[i].name)) {
            w->scope = c->keys[i].scope;
            w->rule.key = &c->keys[i];
        }
    }
    if (w->rule.key != NULL || (node->kind == JD_NODE_SCALAR && jd_str_is(node->text, "hcp")))
        return;
    jd_expected(c, node, key->name, "hcp, account, actor, engagement_id or one of the keys: of policy.yaml");
    if (node->kind == JD_NODE_SCALAR)
        jd_problem_suggest(c->problems, node->text, names);
}

/* Those that rules have, sorted by name; the rules point to them. */
void jd_settle_keys(struct jd_compile *c, struct jd_rule *rules, uint32_t count)
{
    struct jd_scope_key *used = jd_arena_array(c->arena, c->key_count, sizeof *used);
    uint32_t used_count = 0;
    for (uint32_t k = 0; k < c->key_count; k++) {
        bool is_used = false;
        for (uint32_t r = 0; r < count; r++)
            is_used = is_used || rules[r].key == &c->keys[k];
        uint32_t at = used_count;
        used_count += is_used;
        for (; is_used && at > 0 && jd_str_cmp(used[at - 1].name, c->keys[k].name) > 0; at--)
            used[at] = used[at - 1];
        if (is_used)
            used[at] = c->keys[k];
    }
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t k = 0; rules[r].key != NULL && k < used_count; k++)
            if (jd_str_eq(used[k].name, rules[r].key->name)) {
                rules[r].key = &used[k];
                break;
            }
    c->program->keys = used;
    c->program->key_count = used_count;
}
