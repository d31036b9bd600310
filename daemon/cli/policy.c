/* journeyd policy: what is in force, and putting it in force.
 *
 * The topic journeyd.policies holds every bundle under its hash and, under the key `current`, which one is
 * in force: {"hash", "name", "by", "reason", "at", "rules": {id: since}}. The bundle is acknowledged
 * before `current` names it. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clock.h"
#include "base/avro.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "cli/session.h"
#include "cli/shards.h"
#include "policy/policy.h"

enum { HASH_SIZE = 64, HASH_GIVEN_MIN = 6 };

struct arguments {
    const char *config, *by, *reason;
    bool json;
};

/* What the topic holds. */
struct published {
    json_t *current;    /* NULL: none yet */
    json_t *bundles;    /* object: hash -> size */
    const char *wanted; /* hash, or its beginning, whose bundle is to be kept; NULL: none */
    char *bundle;       /* of `wanted`; owned */
    size_t bundle_size;
    uint32_t wanted_count; /* how many different hashes begin so */
};

static void published_done(struct published *published)
{
    json_decref(published->current);
    json_decref(published->bundles);
    free(published->bundle);
}

static bool keep_bundle(struct published *published, const char *hash, const struct jd_message *message,
                        struct jd_error *err)
{
    if (published->wanted == NULL || strncmp(hash, published->wanted, strlen(published->wanted)) != 0) {
        return true;
    }
    published->wanted_count += json_object_get(published->bundles, hash) == NULL ? 1 : 0;
    free(published->bundle);
    published->bundle = malloc((size_t)message->value.size + 1);
    if (published->bundle == NULL) {
        return jd_error_set(err, JD_EXIT_INTERNAL, "out of memory");
    }
    memcpy(published->bundle, message->value.ptr, message->value.size);
    published->bundle_size = message->value.size;
    return true;
}

static bool visit(void *context, const struct jd_message *message, struct jd_error *err)
{
    struct published *published = context;
    if (message->key.ptr == NULL || message->value.ptr == NULL) {
        return true;
    }
    if (jd_str_eq(message->key, JD_STR("current"))) {
        json_error_t why;
        json_t *record = json_loadb(message->value.ptr, message->value.size, JSON_REJECT_DUPLICATES, &why);
        if (!json_is_object(record) || !json_is_string(json_object_get(record, "hash"))) {
            json_decref(record);
            return jd_error_set(err, JD_EXIT_DATA,
                                "the record `current` at offset %lld is no JSON object with a hash",
                                (long long)message->offset);
        }
        json_decref(published->current);
        published->current = record;
        return true;
    }
    if (message->key.size != HASH_SIZE) {
        return true; /* not ours */
    }
    char hash[HASH_SIZE + 1];
    snprintf(hash, sizeof(hash), JD_STR_FMT, JD_STR_ARG(message->key));
    const bool ok = keep_bundle(published, hash, message, err);
    json_object_set_new(published->bundles, hash, json_integer(message->value.size));
    return ok;
}

static bool read_published(const struct jd_session *session, struct published *published,
                           struct jd_error *err)
{
    published->bundles = json_object();
    const struct jd_scan scan = {.kafka = &session->kafka,
                                 .topic = session->topics[JD_SESSION_POLICIES].topic,
                                 .first = 0,
                                 .count = 1,
                                 .timeout_ms = (int)session->settings->start_timeout_ms,
                                 .visit = visit,
                                 .context = published};
    return jd_scan_run(&scan, err);
}

/* ---- publish ---------------------------------------------------------------------------------------- */

/* The record `current`. A rule that was live before keeps its `since`: edits and rollback do not restart it.
 */
static char *current_record(const struct jd_policy *policy, const struct arguments *arguments,
                            const struct published *published)
{
    char text[64];
    struct jd_arena arena;
    jd_arena_init(&arena, 1 << 16);
    snprintf(text, sizeof(text), JD_STR_FMT, JD_STR_ARG(jd_time_text(jd_clock_wall(), &arena)));
    jd_arena_done(&arena);
    const struct jd_program *program = jd_policy_program(policy);
    json_t *rules = json_object();
    (void)json_object_update(rules, json_object_get(published->current, "rules"));
    for (uint32_t i = 0; i < program->rule_count; i++) {
        char id[JD_STRING_MAX + 1];
        snprintf(id, sizeof(id), JD_STR_FMT, JD_STR_ARG(program->rules[i].id));
        if (json_object_get(rules, id) == NULL) {
            json_object_set_new(rules, id, json_string(text));
        }
    }
    json_t *record =
        json_pack("{s:s%,s:s%,s:s,s:s,s:s,s:o}", "hash", program->hash.ptr, (size_t)program->hash.size,
                  "name", program->name.ptr, (size_t)program->name.size, "by", arguments->by, "reason",
                  arguments->reason, "at", text, "rules", rules);
    char *dumped = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;
    json_decref(record);
    return dumped;
}

static bool write_records(const struct jd_session *session, const struct jd_policy *policy,
                          const char *current, struct jd_error *err)
{
    const struct jd_topic_facts *topic = &session->topics[JD_SESSION_POLICIES];
    const int timeout_ms = (int)session->settings->start_timeout_ms;
    const struct jd_topic_limit limit = {
        .topic = topic->topic, .partitions = topic->partitions, .max_bytes = topic->max_message_bytes};
    const struct jd_producer_config config = {.topics = &limit, .topic_count = 1};
    struct jd_producer *producer = jd_producer_open(&session->kafka, &config, timeout_ms, err);
    if (producer == NULL) {
        return false;
    }
    const struct jd_record_out records[] = {
        {.key = jd_policy_hash(policy), .value = jd_policy_bundle(policy), .timestamp = JD_TIME_NONE},
        {.key = JD_STR("current"), .value = jd_str_of(current), .timestamp = JD_TIME_NONE},
    };
    bool ok = true;
    for (size_t i = 0; ok && i < JD_COUNT(records); i++) {
        enum jd_kafka_status status = jd_producer_send(producer, &records[i], err);
        if (status == JD_KAFKA_OK) {
            status = jd_producer_flush(producer, timeout_ms, err);
        }
        if (status == JD_KAFKA_RETRY) {
            jd_error_set(err, JD_EXIT_UNAVAILABLE, "%s: not acknowledged in %d ms; publish again",
                         topic->topic, timeout_ms);
        }
        ok = status == JD_KAFKA_OK;
    }
    jd_producer_close(producer);
    return ok;
}

static bool publish(struct jd_session *session, const char *directory, const struct arguments *arguments,
                    struct jd_error *err)
{
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct jd_policy *policy = jd_policy_load(directory, &problems);
    if (problems.count > 0) {
        jd_diagnostics_print(&problems, stderr);
    }
    jd_diagnostics_done(&problems);
    if (policy == NULL) {
        *err = (struct jd_error){.code = JD_EXIT_CONFIG};
        return false;
    }
    const struct jd_str hash = jd_policy_hash(policy);
    struct published published = {0};
    bool ok = jd_session_topics(session, err) && jd_session_ensure(session, JD_SESSION_POLICIES, err) &&
              read_published(session, &published, err);
    const char *live = json_string_value(json_object_get(published.current, "hash"));
    if (ok && live != NULL && jd_str_eq(jd_str_of(live), hash)) {
        printf("policy " JD_STR_FMT " is in force already\n", JD_STR_ARG(hash));
    } else if (ok) {
        char *current = current_record(policy, arguments, &published);
        ok = (current != NULL || jd_error_set(err, JD_EXIT_USAGE, "--by and --reason must be UTF-8 text")) &&
             write_records(session, policy, current, err);
        free(current);
        if (ok) {
            printf("policy " JD_STR_FMT " is in force\n", JD_STR_ARG(hash));
        }
    }
    published_done(&published);
    jd_policy_free(policy);
    return ok;
}

/* ---- status, show ----------------------------------------------------------------------------------- */

/* shards   8: 7 follow it, 1 still evaluates what it holds */
static void print_shards(const json_t *shards, const struct jd_error *err)
{
    static const struct {
        const char *name, *text;
    } parts[] = {{"following", "through"},
                 {"reviewing", "still evaluating what they hold"},
                 {"other", "under another policy yet"},
                 {"absent", "without an image in Redis"}};
    if (shards == NULL) {
        printf("%-8s not known: %s\n", "shards", err->text);
        return;
    }
    printf("%-8s %d:", "shards", (int)json_integer_value(json_object_get(shards, "count")));
    const char *comma = "";
    for (size_t i = 0; i < JD_COUNT(parts); i++) {
        const int count = (int)json_integer_value(json_object_get(shards, parts[i].name));
        if (count > 0) {
            printf("%s %d %s", comma, count, parts[i].text);
            comma = ",";
        }
    }
    putchar('\n');
}

static void print_status(const struct published *published, const json_t *shards, const struct jd_error *err)
{
    const char *const members[] = {"hash", "name", "by", "reason", "at"};
    if (published->current == NULL) {
        puts("no policy is published");
        return;
    }
    for (size_t i = 0; i < JD_COUNT(members); i++) {
        const char *text = json_string_value(json_object_get(published->current, members[i]));
        printf("%-8s %s\n", members[i], text != NULL ? text : "-");
    }
    printf("%-8s %zu\n", "bundles", json_object_size(published->bundles));
    print_shards(shards, err);
    const char *rule = NULL;
    json_t *since = NULL;
    puts("rules since");
    json_object_foreach(json_object_get(published->current, "rules"), rule, since)
    {
        const json_t *warming = json_object_get(json_object_get(shards, "warming"), rule);
        printf("  %-40s %s", rule, json_is_string(since) ? json_string_value(since) : "-");
        if (warming != NULL) {
            printf("  warming: not through in %d shards", (int)json_integer_value(warming));
        }
        putchar('\n');
    }
}

static bool status(struct jd_session *session, const struct arguments *arguments, struct jd_error *err)
{
    struct published published = {0};
    struct jd_error unknown = {0};
    json_t *shards = NULL;
    const bool ok = jd_session_topics(session, err) && jd_session_ensure(session, JD_SESSION_POLICIES, err) &&
                    read_published(session, &published, err);
    const char *hash = ok ? json_string_value(json_object_get(published.current, "hash")) : NULL;
    if (hash != NULL) {
        shards = jd_shards_state(session, hash, &unknown);
    }
    if (ok && arguments->json) {
        json_t *all = json_pack("{s:O?,s:O,s:O?}", "current", published.current, "bundles", published.bundles,
                                "shards", shards);
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(all);
    } else if (ok) {
        print_status(&published, shards, &unknown);
    }
    json_decref(shards);
    published_done(&published);
    return ok;
}

static bool show(struct jd_session *session, const char *hash, struct jd_error *err)
{
    const size_t size = strlen(hash);
    if (size < HASH_GIVEN_MIN || size > HASH_SIZE || strspn(hash, "0123456789abcdef") != size) {
        return jd_error_set(err, JD_EXIT_USAGE, "\"%s\" is no policy hash: at least %d of its %d hex digits",
                            hash, HASH_GIVEN_MIN, HASH_SIZE);
    }
    struct published published = {.wanted = hash};
    bool ok = jd_session_topics(session, err) && jd_session_ensure(session, JD_SESSION_POLICIES, err) &&
              read_published(session, &published, err);
    if (ok && published.wanted_count != 1) {
        ok = jd_error_set(err, JD_EXIT_DATA, "%s: %s policy begins so", hash,
                          published.wanted_count == 0 ? "no published" : "more than one");
    } else if (ok) {
        fwrite(published.bundle, 1, published.bundle_size, stdout); /* main looks at stdout's state */
    }
    published_done(&published);
    return ok;
}

/* ---- the command ------------------------------------------------------------------------------------ */

static bool act(struct jd_session *session, const struct arguments *arguments, const struct jd_words *words,
                struct jd_error *err)
{
    const char *action = words->items[0];
    const char *operand = words->count > 1 ? words->items[1] : NULL;
    if (strcmp(action, "publish") == 0) {
        return publish(session, operand, arguments, err);
    }
    return strcmp(action, "status") == 0 ? status(session, arguments, err) : show(session, operand, err);
}

static bool check_words(const struct arguments *arguments, const struct jd_words *words, struct jd_error *err)
{
    const char *action = words->items[0];
    if (strcmp(action, "publish") == 0) {
        if (words->count != 2) {
            return jd_error_set(err, JD_EXIT_USAGE, "publish needs the policy's directory");
        }
        return (arguments->by != NULL && arguments->reason != NULL) ||
               jd_error_set(err, JD_EXIT_USAGE,
                            "publish needs --by and --reason: they are the record of who and why");
    }
    if (strcmp(action, "status") == 0) {
        return words->count == 1 || jd_error_set(err, JD_EXIT_USAGE, "status takes no further word");
    }
    if (strcmp(action, "show") == 0) {
        return words->count == 2 || jd_error_set(err, JD_EXIT_USAGE, "show needs a policy's hash");
    }
    return jd_error_set(err, JD_EXIT_USAGE, "unknown action \"%s\": publish, status or show", action);
}

static enum jd_exit run(const void *arguments_given, const struct jd_words *operands, struct jd_error *err)
{
    const struct arguments *arguments = arguments_given;
    if (!check_words(arguments, operands, err)) {
        return JD_EXIT_USAGE;
    }
    struct jd_session session = {0};
    const bool ok =
        jd_session_open(&session, arguments->config, err) && act(&session, arguments, operands, err);
    jd_session_close(&session);
    return ok ? JD_EXIT_OK : err->code;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, true, "config", "F", "the daemon's configuration", offsetof(struct arguments, config), 0,
     0},
    {JD_OPTION_TEXT, false, "by", "WHO", "publish: who puts it in force", offsetof(struct arguments, by), 0,
     0},
    {JD_OPTION_TEXT, false, "reason", "WHY", "publish: why", offsetof(struct arguments, reason), 0, 0},
    {JD_OPTION_FLAG, false, "json", NULL, "status: as JSON", offsetof(struct arguments, json), 0, 0},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

const struct jd_command jd_policy_command = {
    .name = "policy",
    .usage =
        "publish DIR --by WHO --reason WHY --config F | status --config F [--json] | show HASH --config F",
    .summary = "Publish a policy, see which one is in force, or print one",
    .details =
        "publish  compiles DIR, writes its bundle and then the record that puts it in force. A policy "
        "with an\n"
        "         error is never published. Instances that run take it over at their next batch, and "
        "evaluate\n"
        "         what they hold again: see config/policies/README.md\n"
        "status   which policy is in force, by whom, why and since when; how far the shards follow it, as\n"
        "         Redis says; which rules are warming: changed, and not yet evaluated on all states\n"
        "show     the bundle of a published policy: every file of it, canonical\n",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .operands_min = 1,
    .operands_max = 2,
    .run = run,
};
