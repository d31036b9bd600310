/* Schemas by number, from a Schema Registry (Confluent's REST API; the base URL may have a path).
 *
 * A helper thread fetches; workers ask and never wait here. An id is immutable, so what was found stays.
 * "The registry cannot be asked now" (no connection, time-out, 5xx, 401/403/429) is never "there is no such
 * schema": the first leaves the id PENDING while the thread tries again with back-off, and the
 * caller stops reading that partition; only the registry's own "not found" (404 with its error code 40403)
 * or an answer that can never be used makes an id UNKNOWN, which the caller dead-letters as
 * unknown_schema. UNKNOWN is asked again after a minute: schemas get registered late.
 *
 * All functions are safe from any thread. */
#ifndef JOURNEYD_ADAPTERS_REGISTRY_H
#define JOURNEYD_ADAPTERS_REGISTRY_H

#include "base/error.h"

struct jd_registry;

enum jd_schema_state {
    JD_SCHEMA_PENDING = 1, /* wait: it is being fetched, or the registry is away */
    JD_SCHEMA_KNOWN,
    JD_SCHEMA_UNKNOWN, /* definite: no such id, not Avro, has references, or larger than 1 MiB */
};

struct jd_registry_config {
    const char *url;  /* http:// or https://, with or without a path, no user, query or fragment; copied */
    const char *user; /* basic authentication; NULL = none; copied */
    const char *password; /* copied, wiped at close */
    int timeout_ms;       /* one request; 0 = 5000 */
};

/* Starts the thread; asks nothing yet. NULL: the URL is wrong (JD_EXIT_CONFIG), or JD_EXIT_INTERNAL. */
struct jd_registry *jd_registry_open(const struct jd_registry_config *config, struct jd_error *err);
void jd_registry_close(struct jd_registry *registry); /* ends a request under way; accepts NULL */

/* Adds a bell (adapters/wake.h) to be rung when a pending id is settled; at most 64. */
void jd_registry_bell(struct jd_registry *registry, int bell);

/* What is known of `id`; asks for it if it is new. KNOWN: `*schema` is the schema's JSON text, static until
 * close. Never blocks on the network. */
enum jd_schema_state jd_registry_schema(struct jd_registry *registry, uint32_t id, struct jd_str *schema);

/* Whether the last request was answered at all; true before the first. For readiness and metrics. */
bool jd_registry_is_up(const struct jd_registry *registry);

/* Asks for the list of subjects until the registry answers, at most `timeout_ms`; for the start and for
 * `check --connect`. False: JD_EXIT_UNAVAILABLE with what to look at, JD_EXIT_CONFIG if it answers but is no
 * registry. Blocks. */
bool jd_registry_reach(struct jd_registry *registry, int timeout_ms, struct jd_error *err);

/* Registers `schema` (JSON text) as the newest version under `subject`, or finds the id it already has. Our
 * own outputs' schemas, at the start. The schema is KNOWN under `*id` afterwards. False: JD_EXIT_UNAVAILABLE
 * (away) or JD_EXIT_CONFIG (refused, as incompatible: the registry's text). Blocks for one request. */
bool jd_registry_register(struct jd_registry *registry, const char *subject, struct jd_str schema,
                          uint32_t *id, struct jd_error *err);

#endif
