/* libcurl and jansson behind registry.h. One thread fetches, one id at a time; everything shared is under one
 * lock. */
#include "adapters/registry.h"

#include "adapters/clock.h"
#include "adapters/wake.h"
#include "base/alloc.h"
#include "base/log.h"

#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SCHEMA_MAX = 1 << 20, /* bytes of a schema's text */
    ANSWER_MAX =
        4 << 20,    /* bytes of an answer: the schema as an escaped JSON string, and what surrounds it */
    IDS_MAX = 4096, /* ids known, unknown or pending; hostile ids must not grow us */
    BELLS_MAX = 64,
    TIMEOUT_MS = 5000,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 5000,
    UNKNOWN_FOR_MS = 60000,   /* then it is asked again */
    NOT_FOUND_SCHEMA = 40403, /* the registry's own error code: it is the registry that has none */
    URL_MAX = 1024,
};

struct entry {
    uint32_t id;
    enum jd_schema_state state; /* 0: free */
    char *text;                 /* KNOWN; lives until close */
    uint32_t size;
    int64_t at; /* UNKNOWN: settled then; PENDING: asked not before; monotonic ms */
};

struct jd_registry {
    char *url, *user, *password;
    int timeout_ms;
    atomic_bool is_up, is_closing;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t has_work;
    uint32_t bell_count;
    int bells[BELLS_MAX];
    struct entry entries[IDS_MAX]; /* open addressing by id; entries are reused, never emptied */
};

/* ---- one request ---- */

struct answer {
    long status; /* HTTP; 0: none came */
    char *body;
    size_t size;
    bool is_too_large;
    bool is_answered; /* by the registry, for good or ill; else ask again */
    char trouble[CURL_ERROR_SIZE];
};

static size_t on_body(char *bytes, size_t one, size_t count, void *context)
{
    struct answer *answer = context;
    size_t size = one * count; /* curl's `one` is always 1 */
    if (size > ANSWER_MAX - answer->size) {
        answer->is_too_large = true;
        return 0;
    }
    memcpy(answer->body + answer->size, bytes, size);
    answer->size += size;
    return size;
}

/* Ends a transfer when the registry is closed meanwhile. */
static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct jd_registry *registry = context;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&registry->is_closing) ? 1 : 0;
}

static void ask_curl(struct jd_registry *registry, const char *url, const char *post, struct answer *answer)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = NULL;
    if (curl == NULL)
        return;
    headers = curl_slist_append(headers, "Accept: application/vnd.schemaregistry.v1+json, application/json");
    headers = curl_slist_append(headers, "Content-Type: application/vnd.schemaregistry.v1+json");
    /* Options of the right type for a handle that exists cannot fail but for want of memory. */
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)registry->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, answer->trouble);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, registry);
    if (registry->user != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        (void)curl_easy_setopt(curl, CURLOPT_USERNAME, registry->user);
        (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, registry->password != NULL ? registry->password : "");
    }
    if (post != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post);
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK)
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    else if (answer->trouble[0] == '\0')
        (void)snprintf(answer->trouble, sizeof answer->trouble, "%s", curl_easy_strerror(code));
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
}

/* GET, or POST of `post`, of `path` below the base URL. Blocks; never with the lock held. */
static void ask(struct jd_registry *registry, const char *path, const char *post, struct answer *answer)
{
    char url[URL_MAX + 512];
    *answer = (struct answer){.body = jd_alloc(ANSWER_MAX + 1)};
    (void)snprintf(url, sizeof url, "%s/%s", registry->url, path);
    ask_curl(registry, url, post, answer);
    /* An answer that is too large is an answer. Anything that may be better next time is none. */
    answer->is_answered =
        answer->is_too_large || (answer->status >= 200 && answer->status < 500 && answer->status != 401 &&
                                 answer->status != 403 && answer->status != 408 && answer->status != 429);
    if (!answer->is_answered && answer->trouble[0] == '\0')
        (void)snprintf(answer->trouble, sizeof answer->trouble, "HTTP status %ld", answer->status);
    bool was_up = atomic_exchange(&registry->is_up, answer->is_answered);
    if (was_up && !answer->is_answered && !atomic_load(&registry->is_closing))
        jd_log(JD_LOG_REGISTRY_AWAY, jd_txt("reason", answer->trouble));
    if (!was_up && answer->is_answered)
        jd_log(JD_LOG_REGISTRY_BACK, jd_num("status", answer->status));
}

/* ---- what answers mean ---- */

static bool is_avro(const json_t *root)
{
    const char *type = json_string_value(json_object_get(root, "schemaType"));
    return (type == NULL || strcmp(type, "AVRO") == 0) &&
           json_array_size(json_object_get(root, "references")) == 0;
}

/* PENDING: ask again. KNOWN: `*text` is owned. UNKNOWN: `*why`, static. */
static enum jd_schema_state judge(const struct answer *answer, char **text, const char **why)
{
    json_error_t ignored;
    if (!answer->is_answered)
        return JD_SCHEMA_PENDING;
    *why = "larger than 1 MiB";
    if (answer->is_too_large)
        return JD_SCHEMA_UNKNOWN;
    json_t *root = json_loadb(answer->body, answer->size, JSON_REJECT_DUPLICATES, &ignored);
    enum jd_schema_state state = JD_SCHEMA_PENDING; /* what is no registry's answer may come from a proxy */
    if (answer->status == 404 &&
        json_integer_value(json_object_get(root, "error_code")) == NOT_FOUND_SCHEMA) {
        *why = "no such id";
        state = JD_SCHEMA_UNKNOWN;
    } else if (answer->status == 200 && json_is_string(json_object_get(root, "schema"))) {
        const json_t *schema = json_object_get(root, "schema");
        *why = !is_avro(root) ? "not a self-contained Avro schema" : "larger than 1 MiB";
        state = JD_SCHEMA_UNKNOWN;
        if (is_avro(root) && json_string_length(schema) <= SCHEMA_MAX) {
            *text = jd_alloc_text(json_string_value(schema)); /* jansson refuses embedded NULs */
            state = JD_SCHEMA_KNOWN;
        }
    }
    json_decref(root);
    return state;
}

/* ---- the table; with the lock held ---- */

/* The entry of `id`, or the free or oldest-settled unknown one that it may take; NULL: full of others. */
static struct entry *entry_of(struct jd_registry *registry, uint32_t id)
{
    uint32_t at = id * 2654435761u % IDS_MAX;
    for (uint32_t i = 0; i < IDS_MAX; i++) {
        struct entry *entry = &registry->entries[(at + i) % IDS_MAX];
        if (entry->state == 0 || entry->id == id)
            return entry;
    }
    for (uint32_t i = 0; i < IDS_MAX; i++) /* full: an id that does not exist gives way */
        if (registry->entries[(at + i) % IDS_MAX].state == JD_SCHEMA_UNKNOWN)
            return &registry->entries[(at + i) % IDS_MAX];
    return NULL;
}

static void settle(struct jd_registry *registry, uint32_t id, enum jd_schema_state state, char *text)
{
    struct entry *entry = entry_of(registry, id);
    if (entry == NULL || (entry->state == JD_SCHEMA_KNOWN && entry->id == id)) { /* ids are immutable */
        free(text);
        return;
    }
    *entry = (struct entry){id, state, text, text == NULL ? 0 : (uint32_t)strlen(text), jd_clock_mono()};
    for (uint32_t i = 0; i < registry->bell_count; i++)
        jd_wake_ring(registry->bells[i]);
}

static void postpone(struct jd_registry *registry, uint32_t id)
{
    struct entry *entry = entry_of(registry, id);
    if (entry != NULL && entry->id == id && entry->state == JD_SCHEMA_PENDING)
        entry->at = jd_clock_mono() + BACKOFF_MAX_MS;
}

/* The pending id to be asked first; NULL: none. */
static struct entry *next_pending(struct jd_registry *registry)
{
    struct entry *next = NULL;
    for (uint32_t i = 0; i < IDS_MAX; i++) {
        struct entry *entry = &registry->entries[i];
        if (entry->state == JD_SCHEMA_PENDING && (next == NULL || entry->at < next->at))
            next = entry;
    }
    return next;
}

/* ---- the thread ---- */

/* With the lock held; gives it up while waiting. Ends early when there is something new. */
static void wait_ms(struct jd_registry *registry, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&registry->has_work, &registry->lock, &until);
}

/* `*is_up`: whether the registry answered at all. */
static enum jd_schema_state fetch(struct jd_registry *registry, uint32_t id, char **text, bool *is_up)
{
    char path[64];
    struct answer answer;
    const char *why = "";
    (void)snprintf(path, sizeof path, "schemas/ids/%lu", (unsigned long)id);
    ask(registry, path, NULL, &answer);
    enum jd_schema_state state = judge(&answer, text, &why);
    if (state == JD_SCHEMA_UNKNOWN)
        jd_log(JD_LOG_SCHEMA_UNKNOWN, jd_num("schema", id), jd_txt("reason", why));
    *is_up = answer.is_answered;
    free(answer.body);
    return state;
}

/* Asks for ids in the order in which they may be asked. A registry that is away makes all wait, longer each
 * time; an answer that settles nothing makes only its id wait. */
static void *run(void *context)
{
    struct jd_registry *registry = context;
    int64_t backoff = 0, not_before = 0;
    pthread_mutex_lock(&registry->lock);
    while (!atomic_load(&registry->is_closing)) {
        const struct entry *next = next_pending(registry);
        int64_t now = jd_clock_mono();
        if (next == NULL) {
            pthread_cond_wait(&registry->has_work, &registry->lock);
            continue;
        }
        int64_t from = next->at > not_before ? next->at : not_before;
        if (now < from) {
            wait_ms(registry, from - now);
            continue;
        }
        uint32_t id = next->id;
        char *text = NULL;
        bool is_up = false;
        pthread_mutex_unlock(&registry->lock);
        enum jd_schema_state state = fetch(registry, id, &text, &is_up);
        pthread_mutex_lock(&registry->lock);
        backoff = is_up                          ? 0
                  : backoff == 0                 ? BACKOFF_MIN_MS
                  : backoff * 2 < BACKOFF_MAX_MS ? backoff * 2
                                                 : BACKOFF_MAX_MS;
        not_before = jd_clock_mono() + backoff;
        if (state != JD_SCHEMA_PENDING)
            settle(registry, id, state, text);
        else if (is_up)
            postpone(registry, id);
    }
    pthread_mutex_unlock(&registry->lock);
    return NULL;
}

/* ---- open, close ---- */

static bool check_url(const char *url, struct jd_error *err)
{
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0 || url[scheme] == '\0' || url[scheme] == '/')
        return jd_error_set(err, JD_EXIT_CONFIG,
                            "registry.url: it is http://host[:port][/path], or https://");
    if (strlen(url) > URL_MAX || strpbrk(url, "@?# ") != NULL)
        return jd_error_set(
            err, JD_EXIT_CONFIG,
            "registry.url: no user, query or fragment; use registry.user and registry.password_file");
    return true;
}

struct jd_registry *jd_registry_open(const struct jd_registry_config *config, struct jd_error *err)
{
    if (!check_url(config->url, err))
        return NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)jd_error_set(err, JD_EXIT_INTERNAL, "libcurl does not start");
        return NULL;
    }
    struct jd_registry *registry = jd_alloc(sizeof *registry);
    registry->url = jd_alloc_text(config->url);
    for (size_t size = strlen(registry->url); registry->url[size - 1] == '/'; size--)
        registry->url[size - 1] = '\0';
    registry->user = jd_alloc_text(config->user);
    registry->password = jd_alloc_text(config->password);
    registry->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : TIMEOUT_MS;
    atomic_init(&registry->is_up, true);
    atomic_init(&registry->is_closing, false);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic); /* these fail only for bad arguments */
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&registry->has_work, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&registry->lock, NULL);
    int code = pthread_create(&registry->thread, NULL, run, registry);
    if (code != 0) {
        (void)jd_error_set(err, JD_EXIT_INTERNAL, "no thread for the schema registry: %s", strerror(code));
        free(registry->url);
        free(registry->user);
        free(registry->password);
        free(registry);
        return NULL;
    }
    return registry;
}

void jd_registry_close(struct jd_registry *registry)
{
    if (registry == NULL)
        return;
    pthread_mutex_lock(&registry->lock);
    atomic_store(&registry->is_closing, true);
    pthread_cond_broadcast(&registry->has_work);
    pthread_mutex_unlock(&registry->lock);
    (void)pthread_join(registry->thread, NULL);
    for (uint32_t i = 0; i < IDS_MAX; i++)
        free(registry->entries[i].text);
    if (registry->password != NULL)
        explicit_bzero(registry->password, strlen(registry->password));
    free(registry->password);
    free(registry->user);
    free(registry->url);
    (void)pthread_cond_destroy(&registry->has_work);
    (void)pthread_mutex_destroy(&registry->lock);
    free(registry);
    curl_global_cleanup();
}

void jd_registry_bell(struct jd_registry *registry, int bell)
{
    pthread_mutex_lock(&registry->lock);
    if (registry->bell_count < BELLS_MAX)
        registry->bells[registry->bell_count++] = bell;
    pthread_mutex_unlock(&registry->lock);
}

/* ---- questions ---- */

enum jd_schema_state jd_registry_schema(struct jd_registry *registry, uint32_t id, struct jd_str *schema)
{
    enum jd_schema_state state = JD_SCHEMA_PENDING;
    pthread_mutex_lock(&registry->lock);
    struct entry *entry = entry_of(registry, id);
    if (entry != NULL) { /* full of known and pending ids: it waits for its turn */
        bool is_it = entry->state != 0 && entry->id == id;
        if (is_it && entry->state == JD_SCHEMA_UNKNOWN && jd_clock_mono() - entry->at > UNKNOWN_FOR_MS)
            is_it = false;
        if (!is_it) {
            *entry = (struct entry){.id = id, .state = JD_SCHEMA_PENDING, .at = jd_clock_mono()};
            pthread_cond_signal(&registry->has_work);
        }
        state = entry->state;
        if (state == JD_SCHEMA_KNOWN)
            *schema = (struct jd_str){entry->text, entry->size};
    }
    pthread_mutex_unlock(&registry->lock);
    return state;
}

bool jd_registry_is_up(const struct jd_registry *registry)
{
    return atomic_load(&registry->is_up);
}

bool jd_registry_reach(struct jd_registry *registry, int timeout_ms, struct jd_error *err)
{
    int64_t until = jd_clock_mono() + timeout_ms;
    for (int64_t backoff = BACKOFF_MIN_MS;;
         backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS) {
        struct answer answer;
        ask(registry, "subjects", NULL, &answer);
        json_error_t ignored;
        json_t *root = json_loadb(answer.body, answer.size, 0, &ignored);
        bool is_list = answer.status == 200 && json_is_array(root);
        json_decref(root);
        free(answer.body);
        if (is_list)
            return true;
        if (answer.is_answered)
            return jd_error_set(
                err, JD_EXIT_CONFIG,
                "registry: %s/subjects answers with HTTP status %ld and no list of subjects; does "
                "registry.url need a path, like /apis/ccompat/v7?",
                registry->url, answer.status);
        int64_t left = until - jd_clock_mono();
        if (left <= 0)
            return jd_error_set(
                err, JD_EXIT_UNAVAILABLE,
                "the schema registry at %s did not answer within %d ms: %s; check registry.url and that "
                "it runs",
                registry->url, timeout_ms, answer.trouble);
        int64_t pause = backoff < left ? backoff : left;
        (void)nanosleep(&(struct timespec){pause / 1000, (pause % 1000) * 1000000}, NULL);
    }
}

/* Subjects are part of a path: everything but unreserved characters is percent-encoded. */
static bool path_of(const char *subject, char *path, size_t size)
{
    int used = snprintf(path, size, "subjects/");
    for (const unsigned char *c = (const unsigned char *)subject; *c != '\0'; c++) {
        if ((size_t)used + 16 > size)
            return false;
        bool is_plain = strchr("-._~", *c) != NULL || (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                        (*c >= 'a' && *c <= 'z');
        used += snprintf(path + used, size - (size_t)used, is_plain ? "%c" : "%%%02X", *c);
    }
    (void)snprintf(path + used, size - (size_t)used, "/versions");
    return true;
}

bool jd_registry_register(struct jd_registry *registry, const char *subject, struct jd_str schema,
                          uint32_t *id, struct jd_error *err)
{
    char path[400];
    if (!path_of(subject, path, sizeof path))
        return jd_error_set(err, JD_EXIT_CONFIG, "registry: the subject %s is too long", subject);
    json_t *body = json_pack("{s:s%, s:s}", "schema", schema.ptr, (size_t)schema.size, "schemaType", "AVRO");
    char *post = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (post == NULL)
        return jd_error_set(err, JD_EXIT_INTERNAL, "registry: the schema for %s is not UTF-8", subject);
    struct answer answer;
    ask(registry, path, post, &answer);
    free(post);
    json_error_t ignored;
    json_t *root = json_loadb(answer.body, answer.size, 0, &ignored);
    json_int_t number = json_integer_value(json_object_get(root, "id"));
    const char *message = json_string_value(json_object_get(root, "message"));
    bool is_ok = answer.status == 200 && number > 0 && number <= UINT32_MAX;
    if (is_ok) {
        char *text = jd_alloc(schema.size + 1);
        memcpy(text, schema.ptr, schema.size);
        pthread_mutex_lock(&registry->lock);
        settle(registry, (uint32_t)number, JD_SCHEMA_KNOWN, text);
        pthread_mutex_unlock(&registry->lock);
        *id = (uint32_t)number;
    } else if (answer.is_answered) {
        (void)jd_error_set(err, JD_EXIT_CONFIG, "the schema registry refuses the schema for %s: %s", subject,
                           message != NULL ? message : "no reason given");
    } else {
        (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "the schema registry at %s: %s", registry->url,
                           answer.trouble);
    }
    json_decref(root);
    free(answer.body);
    return is_ok;
}
