/* policy.yaml, the list of files that a policy has, and the way from a directory or a bundle to a program. */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "engine/fields.h"
#include "policy/compile.h"
#include "policy/digest.h"
#include "policy/value.h"
#include "policy/zones.h"

/* Far above what the largest files and their trees take. */
#define ARENA_MAX ((size_t)512 << 20)
enum {
    GROUPS_MAX = 64,
    SETS_MAX = 1000,
    GROUP_VALUES_MAX = 10000,
    ZONES_MAX = 600,
    MARKETS_MAX = 300,
    PACK_NAME_MAX = 16
};
#define FUTURE_GRACE_MS (5 * JD_MINUTE) /* semantics of `from_the_future` */

struct jd_policy {
    struct jd_arena arena;
    struct jd_program program;
    struct jd_str bundle;
    char hash[65];
};

/* ---- zones -------------------------------------------------------------------------------------- */

const struct jd_zone *jd_compile_zone(struct jd_compile *c, struct jd_str name, const char **why)
{
    for (uint32_t i = 0; i < c->zone_count; i++)
        if (jd_str_eq(c->zones[i]->name, name))
            return c->zones[i];
    *why = "no zone has such a name";
    if (!jd_zone_is_name(name))
        return NULL;
    struct jd_zone *zone = jd_arena_alloc(c->arena, sizeof *zone);
    struct jd_str member = jd_arena_printf(c->arena, JD_BUNDLE_ZONES JD_STR_FMT, JD_STR_ARG(name));
    const struct jd_bundle_file *file = jd_bundle_file(c->bundle, member);
    *why = "the bundle does not hold it";
    if (jd_str_eq(name, JD_STR("UTC"))) {
        static const int32_t zero = 0;
        zone->offsets = &zero;
    } else if (file != NULL ? !jd_zone_of_text(file->bytes, c->arena, zone, why)
                            : !c->system_zones || !jd_zone_of_system(name, c->arena, zone, why)) {
        return NULL;
    } else if (file == NULL) {
        struct jd_buf text;
        jd_buf_init(&text, c->arena);
        jd_zone_write(zone, &text);
        jd_bundle_add(c->bundle, member, jd_buf_done(&text));
    }
    zone->name = jd_arena_str(c->arena, name);
    if (c->zone_count == c->zone_capacity)
        c->zones =
            jd_arena_grow(c->arena, c->zones, c->zone_count, &c->zone_capacity, sizeof(struct jd_zone *));
    c->zones[c->zone_count++] = zone;
    return zone;
}

/* Into one array, sorted by name; whoever points to a zone follows. */
static void settle_zones(struct jd_compile *c, struct jd_market *markets)
{
    struct jd_zone *zones = jd_arena_array(c->arena, c->zone_count, sizeof *zones);
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->zone_count; i++) { /* at most ZONES_MAX */
        uint32_t at = count++;
        for (; at > 0 && jd_str_cmp(zones[at - 1].name, c->zones[i]->name) > 0; at--)
            zones[at] = zones[at - 1];
        zones[at] = *c->zones[i];
    }
    for (uint32_t z = 0; z < count; z++) {
        if (jd_str_eq(c->program->default_zone->name, zones[z].name))
            c->program->default_zone = &zones[z];
        for (uint32_t m = 0; m < c->program->market_count; m++)
            if (markets[m].zone != NULL && jd_str_eq(markets[m].zone->name, zones[z].name))
                markets[m].zone = &zones[z];
    }
    c->program->zones = zones;
    c->program->zone_count = count;
}

/* ---- policy.yaml -------------------------------------------------------------------------------- */

struct written_policy {
    struct jd_program program; /* what it sets of it */
    struct jd_market *markets;
    const struct jd_zone *zone;
    const struct jd_node *audiences; /* as written, or NULL */
};

static void read_zones(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    (void)out; /* reading a zone adds it */
    if (node->kind != JD_NODE_LIST) {
        jd_expected(c, node, key->name, "a list of time zones that profiles may name");
        return;
    }
    if (jd_too_many(c, node, key->name, ZONES_MAX, "zones"))
        return;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct jd_zone *zone;
        jd_read_zone(c, key, &node->items[i], &zone);
    }
}

struct written_market {
    struct jd_market market;
    struct jd_texts countries;
};

static void read_countries(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                           void *out)
{
    jd_read_texts(c, key, node, jd_read_country, out);
}

const struct jd_key jd_market_keys[] = {
    {"zone", jd_read_zone, .offset = offsetof(struct written_market, market.zone)},
    {"countries", read_countries, .offset = offsetof(struct written_market, countries)},
    {"weekend", jd_read_weekend, .offset = offsetof(struct written_market, market.workdays.weekend)},
    {0},
};

/* A pack is named in capital letters, as countries are: EU, DACH. */
static bool is_pack_name(struct jd_str name)
{
    bool ok = name.size >= 2 && name.size <= PACK_NAME_MAX;
    for (uint32_t i = 0; ok && i < name.size; i++)
        ok = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z';
    return ok;
}

/* A country is in one pack at most: else it would not be clear whose rules it has. */
static void add_pack(struct jd_compile *c, const struct jd_member *member, const struct jd_texts *countries)
{
    if (!is_pack_name(member->key)) {
        jd_error_at(c, member->place, "markets: a pack of countries has a name of 2 to 16 capital letters");
        return;
    }
    for (uint32_t p = 0; p < c->pack_count; p++)
        for (uint32_t i = 0; i < c->packs[p].countries.count; i++)
            for (uint32_t k = 0; k < countries->count; k++)
                if (jd_str_eq(c->packs[p].countries.items[i], countries->items[k])) {
                    jd_error_at(c, member->place, "markets: " JD_STR_FMT " is in two packs",
                                JD_STR_ARG(countries->items[k]));
                    jd_problem_hint(c->problems, "it is in " JD_STR_FMT " at line %u",
                                    JD_STR_ARG(c->packs[p].name), c->packs[p].place.line);
                }
    c->packs[c->pack_count++] =
        (struct jd_pack){.name = member->key, .countries = *countries, .place = member->place};
}

static void read_markets(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                         void *out)
{
    static const struct jd_key country_key = {"markets", jd_read_country, .offset = 0};
    struct written_policy *w = out;
    if (node->kind != JD_NODE_MAP) {
        jd_expected(c, node, key->name, "a map of countries, such as { DE: { zone: Europe/Berlin } }");
        return;
    }
    if (jd_too_many(c, node, key->name, MARKETS_MAX, "markets"))
        return;
    w->markets = jd_arena_array(c->arena, node->count, sizeof *w->markets);
    c->packs = jd_arena_array(c->arena, node->count, sizeof *c->packs);
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct jd_member *member = &node->members[i];
        struct jd_node name = {.kind = JD_NODE_SCALAR, .place = member->place, .text = member->key};
        struct written_market read = {.market.workdays.weekend = JD_WEEKEND_USUAL};
        bool is_map = jd_read_map(c, &member->value, "a market", jd_market_keys, NULL, &read);
        bool has_zone = jd_node_member(&member->value, "zone") != NULL,
             is_pack = jd_node_member(&member->value, "countries") != NULL;
        if (is_map && has_zone == is_pack) {
            jd_error_at(c, member->value.place, "a market: one of zone: and countries: %s",
                        is_pack ? "is one too many" : "is missing");
            jd_problem_hint(c->problems, "a country has a zone, a pack such as EU has countries");
        }
        if (is_pack) {
            if (read.countries.count > 0)
                add_pack(c, member, &read.countries);
            continue;
        }
        struct jd_market market = read.market;
        jd_read_country(c, &country_key, &name, &market.country);
        if (market.country.ptr == NULL || market.zone == NULL)
            continue;
        uint32_t at = count++;
        for (; at > 0 && jd_str_cmp(w->markets[at - 1].country, market.country) > 0; at--)
            w->markets[at] = w->markets[at - 1];
        w->markets[at] = market;
    }
    w->program.market_count = count;
}

/* ---- groups ------------------------------------------------------------------------------------- */

struct written_group {
    struct jd_field_ref ref;
    const struct jd_node *sets;
};

static void read_group_field(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                             void *out)
{
    if (node->kind != JD_NODE_SCALAR || !jd_field_ref_of(node->text, out) ||
        jd_touch_fields[((struct jd_field_ref *)out)->field].kind != JD_STRING)
        jd_expected(c, node, key->name, "a field of the touch that holds text, such as topic");
}

static void read_group_sets(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                            void *out)
{
    if (node->kind != JD_NODE_MAP || node->count == 0)
        jd_expected(c, node, key->name, "a map of sets, such as { heart: [hf, angina] }");
    else if (!jd_too_many(c, node, key->name, SETS_MAX, "sets"))
        *(const struct jd_node **)out = node;
}

/* Puts a value where it belongs; a value in two sets is an error. */
static void add_to_group(struct jd_compile *c, struct jd_group *group, struct jd_str *values, uint16_t *sets,
                         const struct jd_node *node, uint16_t set)
{
    if (node->kind != JD_NODE_SCALAR || node->text.size == 0 || node->text.size > JD_STRING_MAX) {
        jd_expected(c, node, "sets", "a text of at most 256 bytes");
        return;
    }
    uint32_t at = group->count;
    while (at > 0 && jd_str_cmp(values[at - 1], node->text) > 0)
        at--;
    if (at > 0 && jd_str_eq(values[at - 1], node->text)) {
        jd_error_at(c, node->place, "sets: \"" JD_STR_FMT "\" is in a set already; sets are disjoint",
                    JD_STR_ARG(node->text));
        jd_problem_hint(c->problems, "keep it in one set, or make a second group");
        return;
    }
    memmove(&values[at + 1], &values[at], (group->count - at) * sizeof *values);
    memmove(&sets[at + 1], &sets[at], (group->count - at) * sizeof *sets);
    values[at] = node->text;
    sets[at] = set;
    group->count++;
}

static void fill_group(struct jd_compile *c, struct jd_group *group, const struct jd_node *sets)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < sets->count; i++)
        total += sets->members[i].value.kind == JD_NODE_LIST ? sets->members[i].value.count : 0;
    if (total > GROUP_VALUES_MAX) {
        jd_error_at(c, sets->place, "sets: more than 10000 values");
        return;
    }
    struct jd_str *values = jd_arena_array(c->arena, total + 1, sizeof *values);
    uint16_t *numbers = jd_arena_array(c->arena, total + 1, sizeof *numbers);
    for (uint32_t i = 0; i < sets->count; i++) {
        const struct jd_node *list = &sets->members[i].value;
        if (list->kind != JD_NODE_LIST || list->count == 0)
            jd_expected(c, list, sets->members[i].key.ptr, "a list of values");
        else
            for (uint32_t j = 0; j < list->count; j++)
                add_to_group(c, group, values, numbers, &list->items[j], (uint16_t)(i + 1));
    }
    struct jd_str *names = jd_arena_array(c->arena, sets->count, sizeof *names);
    for (uint32_t i = 0; i < sets->count; i++)
        names[i] = sets->members[i].key;
    group->set_names = names;
    group->values = values;
    group->sets = numbers;
}

const struct jd_key jd_group_keys[] = {
    {"field", read_group_field, .offset = offsetof(struct written_group, ref), .required = true},
    {"sets", read_group_sets, .offset = offsetof(struct written_group, sets), .required = true},
    {0},
};

static void read_groups(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    (void)out; /* they belong to the compiler: rules name them */
    if (node->kind != JD_NODE_MAP) {
        jd_expected(c, node, key->name,
                    "a map of groups, such as { similar: { field: topic, sets: { ... } } }");
        return;
    }
    if (jd_too_many(c, node, key->name, GROUPS_MAX, "groups"))
        return;
    c->groups = jd_arena_array(c->arena, node->count, sizeof *c->groups);
    for (uint32_t i = 0; i < node->count; i++) {
        const struct jd_member *member = &node->members[i];
        struct jd_field_ref field;
        struct written_group w = {0};
        uint32_t errors = c->problems->errors;
        if (!jd_value_is_name(member->key) || jd_field_ref_of(member->key, &field)) {
            jd_error_at(c, member->place,
                        "groups: expected a name that is no field of the touch, found \"%.*s\"",
                        member->key.size < 80 ? (int)member->key.size : 80, member->key.ptr);
            jd_problem_hint(c->problems, "give it another name: rules name fields and groups alike");
        }
        (void)jd_read_map(c, &member->value, "a group", jd_group_keys, NULL, &w); /* reported there */
        struct jd_named_group *group = &c->groups[c->group_count];
        *group = (struct jd_named_group){.group.name = member->key, .ref = w.ref, .place = member->place};
        if (w.sets != NULL)
            fill_group(c, &group->group, w.sets);
        group->ref.group = &group->group;
        c->group_count += errors == c->problems->errors;
    }
}

static void read_keys(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    (void)key, (void)out; /* they belong to the compiler: rules name them */
    jd_compile_keys(c, node);
}

/* What of it is right follows from keys:, which may come later. */
static void read_audiences(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                           void *out)
{
    (void)c, (void)key;
    *(const struct jd_node **)out = node;
}

#define P(member) offsetof(struct written_policy, program.member)
const struct jd_key jd_policy_keys[] = {
    {"name", jd_read_name, .offset = P(name), .required = true},
    {"allowed_lateness", jd_read_duration, .offset = P(allowed_lateness_ms), .max = JD_WINDOW_MAX},
    {"max_ahead", jd_read_duration, .offset = P(max_ahead_ms), .max = JD_WINDOW_MAX},
    {"planned_grace", jd_read_duration, .offset = P(planned_grace_ms), .max = 366 * JD_DAY},
    {"joint_within", jd_read_duration, .offset = P(joint_within_ms), .max = 366 * JD_DAY},
    {"zone", jd_read_zone, .offset = offsetof(struct written_policy, zone)},
    {.name = "zones", .read = read_zones},
    {.name = "markets", .read = read_markets},
    {.name = "groups", .read = read_groups},
    {"audiences", read_audiences, .offset = offsetof(struct written_policy, audiences)},
    {.name = "keys", .read = read_keys},
    {0},
};

void jd_compile_policy(struct jd_compile *c, const struct jd_node *root)
{
    struct written_policy w = {.program = *c->program, .zone = c->program->default_zone};
    if (!jd_read_map(c, root, "policy.yaml", jd_policy_keys, NULL, &w))
        return;
    *c->program = w.program;
    c->program->default_zone = w.zone;
    c->program->markets = c->markets = w.markets;
    jd_compile_audiences(c, w.audiences);
    settle_zones(c, w.markets);
}

/* ---- files -------------------------------------------------------------------------------------- */

static const struct jd_node *tree_of(struct jd_compile *c, const char *name, bool required)
{
    const struct jd_bundle_file *file = jd_bundle_file(c->bundle, jd_str_of(name));
    if (file != NULL)
        return jd_yaml_parse(file->bytes, jd_bundle_path(c->bundle, file->name), c->arena, c->problems);
    if (required)
        jd_error_at(c, (struct jd_place){jd_bundle_path(c->bundle, jd_str_of(name)), 0, 0},
                    "the file is missing");
    return NULL;
}

/* Whether `name` stands below the directory `directory`. */
static bool is_below(struct jd_str name, const char *directory)
{
    size_t size = strlen(directory);
    return name.size > size && memcmp(name.ptr, directory, size) == 0;
}

/* The tables, which are read before the rules. */
static const struct {
    const char *name;
    jd_compile_file *compile;
} tables[] = {
    {"calendars.csv", jd_compile_calendars},     {"limits.csv", jd_compile_limits},
    {"content.csv", jd_compile_contents},        {"blackouts.csv", jd_compile_blackouts},
    {"quiet_hours.csv", jd_compile_quiet_hours}, {"alignment.csv", jd_compile_alignment},
    {"actors.csv", jd_compile_actors},           {"accounts.csv", jd_compile_accounts},
    {"products.csv", jd_compile_products},
};

static void check_files(struct jd_compile *c)
{
    const char *known[JD_COUNT(tables) + 4] = {"policy.yaml", "conflicts.yaml", "channels.yaml"};
    static const char *const later[] = {"compass.csv", "journeys/"};
    for (size_t i = 0; i < JD_COUNT(tables); i++)
        known[i + 3] = tables[i].name;
    for (uint32_t i = 0; i < c->bundle->count; i++) {
        struct jd_str name = c->bundle->files[i].name;
        bool is_known = is_below(name, JD_BUNDLE_ZONES) || jd_market_name(name).ptr != NULL, is_later = false;
        for (const char *const *n = known; *n != NULL; n++)
            is_known = is_known || jd_str_eq(name, jd_str_of(*n));
        for (size_t n = 0; n < JD_COUNT(later); n++)
            is_later = is_later || jd_str_eq(name, jd_str_of(later[n])) ||
                       (later[n][strlen(later[n]) - 1] == '/' && is_below(name, later[n]));
        if (is_known)
            continue;
        struct jd_place place = {jd_bundle_path(c->bundle, name), 0, 0};
        jd_error_at(c, place, "%s", is_later ? "is not supported by this version" : "is no file of a policy");
        if (!is_later)
            jd_problem_suggest(c->problems, name, known);
    }
}

static void compile_files(struct jd_compile *c)
{
    uint32_t errors = c->problems->errors;
    check_files(c);
    jd_compile_keys(c, NULL);
    const struct jd_node *tree = c->policy = tree_of(c, "policy.yaml", true);
    if (tree != NULL)
        jd_compile_policy(c, tree);
    if (c->program->zone_count == 0) /* so that what follows has zones to reckon with */
        settle_zones(c, NULL);
    for (size_t i = 0; i < JD_COUNT(tables); i++) {
        const struct jd_bundle_file *file = jd_bundle_file(c->bundle, jd_str_of(tables[i].name));
        if (file != NULL)
            tables[i].compile(c, file);
    }
    c->ground = jd_digest_ground(c);
    tree = tree_of(c, "conflicts.yaml", true);
    if (tree != NULL)
        jd_compile_rules(c, tree, NULL);
    jd_compile_markets(c);
    jd_settle_rules(c);
    if (c->problems->errors == errors)
        jd_warn_of_rules(c);
    tree = tree_of(c, "channels.yaml", false);
    if (tree != NULL)
        jd_compile_channels(c, tree);
    c->program->channels_digest = jd_digest_channels(c);
}

/* ---- entrances ---------------------------------------------------------------------------------- */

static struct jd_policy *policy_new(struct jd_diagnostics *problems)
{
    struct jd_policy *policy = calloc(1, sizeof *policy);
    if (policy == NULL)
        jd_problem_add(problems, JD_PROBLEM_ERROR, (struct jd_place){0}, "no memory for the policy");
    else
        jd_arena_init(&policy->arena, ARENA_MAX);
    return policy;
}

/* Compiles; keeps the policy if there was no error since `errors`, otherwise frees it. */
static struct jd_policy *finish(struct jd_policy *policy, struct jd_bundle *bundle, bool system_zones,
                                struct jd_diagnostics *problems, uint32_t errors)
{
    const char *why = NULL;
    struct jd_compile c = {.arena = &policy->arena,
                           .problems = problems,
                           .bundle = bundle,
                           .system_zones = system_zones,
                           .program = &policy->program};
    policy->program = (struct jd_program){
        .allowed_lateness_ms = 30 * JD_DAY,
        .max_ahead_ms = 2 * 366 * JD_DAY,
        .future_grace_ms = FUTURE_GRACE_MS,
        .planned_grace_ms = 2 * JD_DAY,
        .joint_within_ms = 4 * JD_HOUR,
        .trigger_valid_ms = 14 * JD_DAY,
    };
    policy->program.default_zone = jd_compile_zone(&c, JD_STR("UTC"), &why);
    compile_files(&c);
    if (problems->errors != errors) {
        jd_policy_free(policy);
        return NULL;
    }
    policy->bundle = jd_bundle_text(bundle);
    jd_policy_hash_of(policy->bundle, policy->hash);
    policy->program.hash = jd_str_of(policy->hash);
    return policy;
}

struct jd_policy *jd_policy_load(const char *directory, struct jd_diagnostics *problems)
{
    uint32_t errors = problems->errors;
    struct jd_bundle bundle;
    struct jd_policy *policy = policy_new(problems);
    if (policy == NULL)
        return NULL;
    if (jd_bundle_read(directory, &policy->arena, &bundle, problems))
        return finish(policy, &bundle, true, problems, errors);
    jd_policy_free(policy);
    return NULL;
}

struct jd_policy *jd_policy_from_bundle(struct jd_str text, struct jd_str name,
                                        struct jd_diagnostics *problems)
{
    uint32_t errors = problems->errors;
    struct jd_bundle bundle;
    struct jd_policy *policy = policy_new(problems);
    if (policy == NULL)
        return NULL;
    if (jd_bundle_parse(jd_arena_str(&policy->arena, text), name, &policy->arena, &bundle, problems))
        return finish(policy, &bundle, false, problems, errors);
    jd_policy_free(policy);
    return NULL;
}

void jd_policy_free(struct jd_policy *policy)
{
    if (policy == NULL)
        return;
    jd_arena_done(&policy->arena);
    free(policy);
}

const struct jd_program *jd_policy_program(const struct jd_policy *policy)
{
    return &policy->program;
}

struct jd_str jd_policy_hash(const struct jd_policy *policy)
{
    return policy->program.hash;
}

struct jd_str jd_policy_bundle(const struct jd_policy *policy)
{
    return policy->bundle;
}
