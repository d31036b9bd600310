/* What every subcommand needs that touches Kafka: the configuration, and the topics that it names.
 *
 * The commands share this so that `check`, `produce`, `policy` and the daemon find the same things missing
 * and say the same about it. */
#ifndef JOURNEYD_CLI_SESSION_H
#define JOURNEYD_CLI_SESSION_H

#include "adapters/kafka.h"
#include "policy/settings.h"

/* Every topic of the configuration, by role. X(member, role, kind) */
#define JD_TOPIC_ROLE_MAP(X)                                                                                 \
    X(EVENTS, events, "engagement.events", INPUT)                                                            \
    X(HCP_PROFILES, hcp_profiles, "hcp.profiles", INPUT)                                                     \
    X(ACCOUNT_PROFILES, account_profiles, "account.profiles", INPUT)                                         \
    X(TOUCHES, touches, "touches", OUTPUT)                                                                   \
    X(JOURNAL, journal, "journal", JOURNAL)                                                                  \
    X(POLICIES, policies, "journeyd.policies", POLICIES)                                                     \
    X(ALERTS, alerts, "conflict.alerts", OUTPUT)                                                             \
    X(ALERTS_COMMERCIAL, alerts_commercial, "conflict.alerts.commercial", OUTPUT)                            \
    X(ALERTS_MEDICAL, alerts_medical, "conflict.alerts.medical", OUTPUT)                                     \
    X(ALERTS_SHADOW, alerts_shadow, "conflict.alerts.shadow", OUTPUT)                                        \
    X(TRIGGERS_COMMERCIAL, triggers_commercial, "channel.triggers.commercial", OUTPUT)                       \
    X(TRIGGERS_MEDICAL, triggers_medical, "channel.triggers.medical", OUTPUT)                                \
    X(DECISIONS, decisions, "decisions", OUTPUT)                                                             \
    X(EVENTS_DLQ, events_dlq, "engagement.events.dlq", OUTPUT)                                               \
    X(HCP_PROFILES_DLQ, hcp_profiles_dlq, "hcp.profiles.dlq", OUTPUT)                                        \
    X(ACCOUNT_PROFILES_DLQ, account_profiles_dlq, "account.profiles.dlq", OUTPUT)                            \
    X(TOUCHES_DLQ, touches_dlq, "touches.dlq", OUTPUT)
#define JD_X_TOPIC_ROLE(n, member, role, kind) JD_SESSION_##n,
enum jd_session_topic { JD_TOPIC_ROLE_MAP(JD_X_TOPIC_ROLE) JD_SESSION_TOPIC_COUNT };

struct jd_session {
    struct jd_settings_file *file;
    const struct jd_settings *settings;
    struct jd_kafka_property *properties; /* owned; texts are the settings' */
    struct jd_kafka_config kafka;
    struct jd_admin *admin;
    /* After jd_session_topics(); `topic` NULL: not configured. */
    struct jd_topic_facts topics[JD_SESSION_TOPIC_COUNT];
    int32_t partitions; /* of the events topic */
};

/* Reads the configuration and its environment; all its problems go to standard error. False: err->text is
 * empty if they were printed. */
JD_MUST_CHECK bool jd_session_open(struct jd_session *session, const char *config, struct jd_error *err);
/* The same in two steps, for whoever shows the problems himself: the settings, NULL when there was an error;
 * then a session that owns them. */
struct jd_settings_file *jd_session_settings(const char *config, struct jd_diagnostics *problems);
JD_MUST_CHECK bool jd_session_take(struct jd_session *session, struct jd_settings_file *file,
                                   struct jd_error *err);
void jd_session_close(struct jd_session *session); /* accepts one that was not opened: {0} */

/* Waits for the cluster (start_timeout; JD_EXIT_UNAVAILABLE) and looks at every topic. */
JD_MUST_CHECK bool jd_session_topics(struct jd_session *session, struct jd_error *err);
/* With create_topics: makes the missing output and internal topics, with the partitions of the events topic
 * (policies: one), and looks again. Otherwise, and for inputs, a missing topic is JD_EXIT_CONFIG, as is
 * another number of partitions. `only`: JD_SESSION_TOPIC_COUNT for all, else just this one. */
JD_MUST_CHECK bool jd_session_ensure(struct jd_session *session, enum jd_session_topic only,
                                     struct jd_error *err);
/* What is wrong with the topics, one sentence a problem, through `say`; returns how many. */
uint32_t jd_session_check(const struct jd_session *session, enum jd_session_topic only, bool ignore_missing,
                          void (*say)(void *context, const char *text), void *context);

/* A connection to the Redis of the configuration; nothing is asked of it yet. NULL: err. Owned: jd_redis_close. */
struct jd_redis;
struct jd_redis *jd_session_redis(const struct jd_settings *settings, struct jd_error *err);
/* The shard of a bare id, with so many shards. */
int32_t jd_session_shard(const struct jd_settings *settings, struct jd_str id, int32_t shards);

const char *jd_session_role(enum jd_session_topic topic); /* the role's name in the configuration; static */

#endif
