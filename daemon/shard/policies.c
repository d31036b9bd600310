#include "shard/policies.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/clock.h"
#include "base/avro.h"
#include "base/log.h"
#include "base/str.h"

enum { READ_AT_ONCE = 64, HASH_SIZE = 64, START_MS = 10000 };

/* A policy as published. */
struct published {
    struct published *next;
    struct jd_policy *policy; /* NULL: its bundle does not compile */
    jd_time *since;           /* of its rules; NULL: it was never in force */
    char hash[HASH_SIZE + 1];
};

struct jd_policies {
    struct jd_reader *reader;
    struct jd_fetch *fetch;
    pthread_mutex_t lock;
    struct published *all;            /* under the lock; only ever grows */
    char wanted[HASH_SIZE + 1];       /* of the last `current` record */
    json_t *rules;                    /* its rules' starts; NULL: it names none */
    const struct jd_program *current; /* under the lock */
    bool read_once;
};

/* A topic that was made a moment ago has no leader yet. */
static bool find_start(struct jd_reader *reader, struct jd_position *start, struct jd_error *err)
{
    int64_t deadline = jd_clock_mono() + START_MS;
    enum jd_kafka_status status = JD_KAFKA_RETRY;
    while (status == JD_KAFKA_RETRY && jd_clock_mono() < deadline) {
        status = jd_reader_edges(reader, JD_EDGE_START, start, 1, START_MS, err);
        const struct timespec pause = {.tv_nsec = 100000000};
        if (status == JD_KAFKA_RETRY)
            (void)nanosleep(&pause, NULL);
    }
    return status == JD_KAFKA_OK;
}

struct jd_policies *jd_policies_open(const struct jd_kafka_config *config, const char *topic,
                                     struct jd_error *err)
{
    struct jd_policies *policies = calloc(1, sizeof *policies);
    if (policies == NULL) {
        (void)jd_error_set(err, JD_EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    (void)pthread_mutex_init(&policies->lock, NULL);
    const struct jd_reader_config reader = {
        .isolation = JD_READ_COMMITTED, .queue_kbytes = 32768, .bell = JD_WAKE_NONE};
    struct jd_position start = {topic, 0, JD_OFFSET_NONE};
    policies->reader = jd_reader_open(config, &reader, err);
    if (policies->reader != NULL && find_start(policies->reader, &start, err))
        policies->fetch = jd_reader_start(policies->reader, topic, 0, start.offset, err);
    if (policies->fetch == NULL) {
        jd_policies_close(policies);
        return NULL;
    }
    return policies;
}

void jd_policies_close(struct jd_policies *policies)
{
    if (policies == NULL)
        return;
    jd_fetch_stop(policies->fetch);
    if (policies->reader != NULL)
        jd_reader_close(policies->reader);
    for (struct published *p = policies->all; p != NULL;) {
        struct published *next = p->next;
        jd_policy_free(p->policy);
        free(p->since);
        free(p);
        p = next;
    }
    json_decref(policies->rules);
    (void)pthread_mutex_destroy(&policies->lock);
    free(policies);
}

static struct published *find(const struct jd_policies *policies, struct jd_str hash)
{
    for (struct published *p = policies->all; p != NULL; p = p->next)
        if (jd_str_eq(jd_str_of(p->hash), hash))
            return p;
    return NULL;
}

static void add_bundle(struct jd_policies *policies, struct jd_str key, struct jd_str bundle)
{
    char hash[HASH_SIZE + 1];
    jd_policy_hash_of(bundle, hash);
    if (!jd_str_eq(jd_str_of(hash), key)) {
        jd_log(JD_LOG_POLICY_BAD, jd_view("policy", key),
               jd_txt("reason", "the bundle is not the one of its hash"));
        return;
    }
    if (find(policies, key) != NULL)
        return;
    struct published *made = calloc(1, sizeof *made);
    if (made == NULL)
        return;
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    memcpy(made->hash, hash, sizeof hash);
    made->policy = jd_policy_from_bundle(bundle, key, &problems);
    if (made->policy == NULL)
        jd_log(JD_LOG_POLICY_BAD, jd_txt("policy", hash),
               jd_view("reason", problems.count > 0 ? problems.items[0].text : JD_STR("does not compile")));
    jd_diagnostics_done(&problems);
    (void)pthread_mutex_lock(&policies->lock);
    made->next = policies->all;
    policies->all = made;
    (void)pthread_mutex_unlock(&policies->lock);
}

static void set_wanted(struct jd_policies *policies, struct jd_str value)
{
    json_t *root = json_loadb(value.ptr, value.size, JSON_REJECT_DUPLICATES, NULL);
    const char *hash = json_string_value(json_object_get(root, "hash"));
    if (hash != NULL && strlen(hash) == HASH_SIZE) {
        memcpy(policies->wanted, hash, HASH_SIZE + 1);
        json_decref(policies->rules);
        policies->rules = json_incref(json_object_get(root, "rules"));
    } else {
        jd_log(JD_LOG_POLICY_BAD, jd_txt("reason", "a `current` record without a hash"));
    }
    json_decref(root);
}

/* What the record says of the rules; what it says of one never changes. NULL: out of memory. */
static jd_time *starts_of(const struct jd_policies *policies, const struct jd_program *program)
{
    jd_time *since = calloc((size_t)program->rule_count + 1, sizeof *since);
    for (uint32_t i = 0; since != NULL && i < program->rule_count; i++) {
        char id[JD_STRING_MAX + 1];
        (void)snprintf(id, sizeof id, JD_STR_FMT, JD_STR_ARG(program->rules[i].id));
        const char *text = json_string_value(json_object_get(policies->rules, id));
        if (!jd_time_parse(jd_str_of(text), &since[i]))
            since[i] = JD_TIME_NONE;
    }
    return since;
}

/* What the last `current` record names comes into force, if it compiles. */
static void put_in_force(struct jd_policies *policies)
{
    struct published *wanted = find(policies, jd_str_of(policies->wanted));
    if (wanted == NULL || wanted->policy == NULL)
        return;
    const struct jd_program *program = jd_policy_program(wanted->policy);
    if (wanted->since == NULL)
        wanted->since = starts_of(policies, program);
    if (wanted->since == NULL)
        return;
    (void)pthread_mutex_lock(&policies->lock);
    bool changed = policies->current != program;
    policies->current = program;
    (void)pthread_mutex_unlock(&policies->lock);
    if (changed)
        jd_log(JD_LOG_POLICY_LIVE, jd_txt("policy", wanted->hash), jd_view("name", program->name));
}

bool jd_policies_follow(struct jd_policies *policies, struct jd_error *err)
{
    struct jd_message messages[READ_AT_ONCE];
    uint32_t count;
    do {
        count = jd_fetch_read(policies->fetch, messages, READ_AT_ONCE);
        for (uint32_t i = 0; i < count; i++) {
            if (messages[i].key.ptr != NULL && messages[i].value.ptr != NULL) {
                if (jd_str_eq(messages[i].key, JD_STR("current")))
                    set_wanted(policies, messages[i].value);
                else
                    add_bundle(policies, messages[i].key, messages[i].value);
            }
            jd_message_release(&messages[i]);
        }
    } while (count == READ_AT_ONCE);
    policies->read_once |= jd_fetch_is_at_end(policies->fetch);
    if (policies->read_once)
        put_in_force(policies);
    return jd_fetch_status(policies->fetch, err) == JD_KAFKA_OK && policies->read_once;
}

const struct jd_program *jd_policies_current(struct jd_policies *policies)
{
    (void)pthread_mutex_lock(&policies->lock);
    const struct jd_program *program = policies->current;
    (void)pthread_mutex_unlock(&policies->lock);
    return program;
}

const struct jd_program *jd_policies_find(struct jd_policies *policies, struct jd_str hash)
{
    (void)pthread_mutex_lock(&policies->lock);
    const struct published *found = find(policies, hash);
    (void)pthread_mutex_unlock(&policies->lock);
    return found == NULL || found->policy == NULL ? NULL : jd_policy_program(found->policy);
}

const jd_time *jd_policies_since(struct jd_policies *policies, const struct jd_program *program)
{
    (void)pthread_mutex_lock(&policies->lock);
    const struct published *found = find(policies, program->hash);
    (void)pthread_mutex_unlock(&policies->lock);
    return found == NULL ? NULL : found->since;
}
