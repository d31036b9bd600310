/* The policies of a group, followed on the topic journeyd.policies: one for all workers of a process.
 *
 *   key <hash>     value: the bundle (policy/policy.h)
 *   key current    value: {"hash": "<64 hex digits>", "rules": {id: since}, …}: the policy for all shards
 *
 * A policy that was once compiled stays until the end of the process, so that shards may go on under the
 * one that their journal names, each until its next batch. A `current` that does not compile, or whose bundle is not there, never
 * replaces one that does. Thread safe but for jd_policies_follow(), which belongs to one thread. */
#ifndef JOURNEYD_SHARD_POLICIES_H
#define JOURNEYD_SHARD_POLICIES_H

#include "adapters/kafka.h"
#include "policy/policy.h"

struct jd_policies;

/* Starts to read the topic from its first record. Owned: jd_policies_close. */
struct jd_policies *jd_policies_open(const struct jd_kafka_config *config, const char *topic,
                                     struct jd_error *err);
void jd_policies_close(struct jd_policies *policies);

/* Takes in what has come, without waiting. True: the topic has been read to its end once. False and
 * err->code not OK: it cannot be read. */
bool jd_policies_follow(struct jd_policies *policies, struct jd_error *err);

/* The program of the policy in force; NULL: none yet. Static until close; its `hash` names it. */
const struct jd_program *jd_policies_current(struct jd_policies *policies);
/* Since when each rule of a program that was in force is about anything, parallel to its rules: the first time
 * that a policy with a rule of that id was. JD_TIME_NONE: not said. Static until close. */
const jd_time *jd_policies_since(struct jd_policies *policies, const struct jd_program *program);
/* The program of any policy published; NULL: not there, or it does not compile. Static until close. */
const struct jd_program *jd_policies_find(struct jd_policies *policies, struct jd_str hash);

#endif
