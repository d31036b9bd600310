#include "wire/envelope.h"

#include <string.h>

#include "base/avro.h"
#include "base/str.h"
#include "wire/json.h"
#include "wire/json_reader.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Whether `text` is `word` (lower case), whatever its case. */
static bool same_word(struct jd_str text, const char *word)
{
    uint32_t i = 0;
    while (i < text.size && word[i] != '\0' && lower(text.ptr[i]) == word[i])
        i++;
    return i == text.size && word[i] == '\0';
}

static bool ends_with(struct jd_str text, const char *end)
{
    uint32_t size = (uint32_t)strlen(end);
    return text.size >= size && same_word((struct jd_str){text.ptr + text.size - size, size}, end);
}

static enum jd_content_kind content_of(struct jd_str type)
{
    static const char events[] = "application/cloudevents";
    if (jd_str_is(type, "application/json")) /* as most have it */
        return JD_CONTENT_JSON;
    if (jd_str_is(type, "application/avro"))
        return JD_CONTENT_AVRO;
    const char *semicolon = type.size > 0 ? memchr(type.ptr, ';', type.size) : NULL;
    if (semicolon != NULL)
        type.size = (uint32_t)(semicolon - type.ptr);
    while (type.size > 0 && (type.ptr[type.size - 1] == ' ' || type.ptr[type.size - 1] == '\t'))
        type.size--;
    if (type.size == 0 || same_word(type, "application/octet-stream"))
        return JD_CONTENT_UNSAID;
    if (same_word(type, "application/cloudevents+json"))
        return JD_CONTENT_STRUCTURED;
    if (type.size >= sizeof events - 1 && same_word((struct jd_str){type.ptr, sizeof events - 1}, events))
        return JD_CONTENT_OTHER; /* batches, or the envelope itself in another format */
    if (same_word(type, "application/json") || same_word(type, "text/json") || ends_with(type, "+json"))
        return JD_CONTENT_JSON;
    if (same_word(type, "application/avro") || same_word(type, "avro/binary") || ends_with(type, "+avro") ||
        same_word(type, "application/vnd.apache.avro+binary"))
        return JD_CONTENT_AVRO;
    return JD_CONTENT_OTHER;
}

enum attribute { ID, SOURCE, TYPE, SUBJECT, TIME, SPECVERSION, TRACEPARENT, CONTENT, ATTRIBUTES };
/* Members of a structured event beside them. */
enum { DATA = ATTRIBUTES, DATA_BASE64, MEMBERS };

#define NAMES(header, member)                                                                                \
    {                                                                                                        \
        {"" header, sizeof(header) - 1},                                                                     \
        {                                                                                                    \
            "" member, sizeof(member) - 1                                                                    \
        }                                                                                                    \
    }
static const struct {
    struct jd_str header, member;
} names[ATTRIBUTES] = {
    [ID] = NAMES("ce_id", "id"),
    [SOURCE] = NAMES("ce_source", "source"),
    [TYPE] = NAMES("ce_type", "type"),
    [SUBJECT] = NAMES("ce_subject", "subject"),
    [TIME] = NAMES("ce_time", "time"),
    [SPECVERSION] = NAMES("ce_specversion", "specversion"),
    [TRACEPARENT] = NAMES("ce_traceparent", "traceparent"),
    [CONTENT] = NAMES("content-type", "datacontenttype"),
};

/* 00-<32 hex digits>-<16>-<2>, as in W3C Trace Context. */
static bool is_traceparent(struct jd_str s)
{
    static const char form[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    if (s.size != sizeof form - 1)
        return false;
    for (uint32_t i = 0; i < s.size; i++) {
        bool hex = (s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f');
        if (form[i] == 'x' ? !hex : s.ptr[i] != '-')
            return false;
    }
    return true;
}

static bool take(struct jd_envelope *out, enum attribute attribute, struct jd_str text, struct jd_reject *why)
{
    const char *name = names[attribute].header.ptr;
    struct jd_str *const place[ATTRIBUTES] = {
        [ID] = &out->id, [SOURCE] = &out->source, [TYPE] = &out->type, [SUBJECT] = &out->subject};
    switch (attribute) {
    case ID:
    case SOURCE:
    case TYPE:
    case SUBJECT:
        if (text.size == 0 || text.size > JD_STRING_MAX)
            return jd_reject_set(why, JD_REFUSED_BAD_ENVELOPE, "%s: 1 to %u bytes", name, JD_STRING_MAX);
        if (!jd_utf8_valid(text))
            return jd_reject_set(why, JD_REFUSED_BAD_UTF8, "%s", name);
        *place[attribute] = text;
        return true;
    case TIME:
        return jd_time_parse(text, &out->time) || jd_reject_set(why, JD_REFUSED_BAD_TIME, "%s", name);
    case SPECVERSION:
        return (text.size >= 2 && memcmp(text.ptr, "1.", 2) == 0) ||
               jd_reject_set(why, JD_REFUSED_BAD_ENVELOPE, "%s: 1.x is understood", name);
    case TRACEPARENT: /* of use to tracing only: a bad one is no reason to refuse */
        if (is_traceparent(text))
            out->traceparent = text;
        return true;
    case CONTENT:
        out->content = content_of(text);
        return true;
    case ATTRIBUTES:
        break;
    }
    return true;
}

bool jd_envelope_headers(const struct jd_incoming *record, struct jd_envelope *out, struct jd_reject *why)
{
    unsigned seen = 0;
    *out = (struct jd_envelope){.time = JD_TIME_NONE};
    for (uint32_t i = 0; i < record->header_count; i++) {
        const struct jd_header *header = &record->headers[i];
        if (header->name.size < 5 || header->value.ptr == NULL)
            continue;
        enum attribute attribute = ATTRIBUTES;
        if (memcmp(header->name.ptr, "ce_", 3) == 0) {
            for (attribute = ID; attribute < CONTENT; attribute++)
                if (jd_str_eq(header->name, names[attribute].header))
                    break;
            attribute = attribute == CONTENT ? ATTRIBUTES : attribute;
        } else if (same_word(header->name, "content-type")) {
            attribute = CONTENT;
        } else if (same_word(header->name, "traceparent") && out->traceparent.ptr == NULL) {
            (void)take(out, TRACEPARENT, header->value, why);
        }
        if (attribute == ATTRIBUTES)
            continue;
        if ((seen >> attribute & 1) != 0)
            return jd_reject_set(why, JD_REFUSED_BAD_HEADERS, "%s twice", names[attribute].header.ptr);
        seen |= 1u << attribute;
        if (!take(out, attribute, header->value, why))
            return false;
    }
    return true;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648, with padding. */
static bool take_base64(struct jd_json *j, struct jd_str text, struct jd_str *out)
{
    uint32_t padding = 0;
    while (padding < 2 && padding < text.size && text.ptr[text.size - 1 - padding] == '=')
        padding++;
    if (text.size % 4 != 0)
        return jd_json_fail(j, JD_REFUSED_WRONG_TYPE);
    char *bytes = jd_arena_alloc(j->arena, (size_t)text.size / 4 * 3 + 1), *to = bytes;
    uint32_t bits = 0, held = 0;
    for (uint32_t i = 0; i + padding < text.size; i++) {
        int digit = base64_digit(text.ptr[i]);
        if (digit < 0)
            return jd_json_fail(j, JD_REFUSED_WRONG_TYPE);
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (char)(bits >> held & 0xFF);
        }
    }
    *out = (struct jd_str){bytes, (uint32_t)(to - bytes)};
    return true;
}

/* The member `data`: read as what `target` says, or kept as text. */
static bool take_data(struct jd_json *j, jd_envelope_target target, void *context, struct jd_envelope *out)
{
    struct jd_json_place place = {.outer = j->place, .name = "data"};
    void *value = NULL;
    const char *start = j->at;
    if (jd_json_null(j))
        return true;
    out->has_data = true;
    const struct jd_record *record = target != NULL ? target(context, out->type, &value) : NULL;
    if (record != NULL) {
        uint32_t depth = j->depth;
        out->is_read = true;
        out->refusal = (struct jd_reject){0};
        j->place = &place;
        j->why = &out->refusal;
        bool ok = jd_json_object(j, record, value);
        j->place = place.outer;
        if (ok)
            return true;
        j->at = start; /* not the record, but perhaps JSON: the envelope may still be of use */
        j->depth = depth;
    }
    return jd_json_skip(j) && (out->data = (struct jd_str){start, (uint32_t)(j->at - start)}, true);
}

/* Which member that is; MEMBERS: none that we know. */
static int member_of(struct jd_str name)
{
    int member = ID;
    while (member < ATTRIBUTES && !jd_str_eq(name, names[member].member))
        member++;
    if (member < ATTRIBUTES)
        return member;
    return jd_str_eq(name, JD_STR("data"))          ? DATA
           : jd_str_eq(name, JD_STR("data_base64")) ? DATA_BASE64
                                                    : MEMBERS;
}

/* The members already seen: those that we know by their bits, the others by name. */
struct members {
    unsigned known;
    struct jd_json_names others;
};

static bool take_member(struct jd_json *j, struct jd_str name, struct members *seen,
                        jd_envelope_target target, void *context, struct jd_envelope *out)
{
    struct jd_reject *why = j->why;
    struct jd_str text;
    bool ok;
    int member = member_of(name);
    if (member == MEMBERS)
        return jd_json_unique(j, &seen->others, name) && jd_json_skip(j);
    if ((seen->known >> member & 1) != 0)
        return jd_json_fail(j, JD_REFUSED_DUPLICATE_FIELD);
    seen->known |= 1u << member;
    if (member < ATTRIBUTES)
        return jd_json_null(j) ||
               (jd_json_string(j, &text) && take(out, (enum attribute)member, text, j->why));
    if (out->has_data)
        return jd_reject_set(j->why, JD_REFUSED_BAD_ENVELOPE, "data and data_base64");
    if (member == DATA_BASE64) {
        out->has_data = true;
        return jd_json_string(j, &text) && take_base64(j, text, &out->data);
    }
    ok = take_data(j, target, context, out);
    if (!ok)
        *why = *j->why;
    j->why = why;
    return ok;
}

bool jd_envelope_open(struct jd_str text, struct jd_arena *arena, jd_envelope_target target, void *context,
                      struct jd_envelope *out, struct jd_reject *why)
{
    struct jd_json j = {
        .start = text.ptr, .at = text.ptr, .end = text.ptr + text.size, .arena = arena, .why = why};
    struct members seen = {0};
    bool first = true, more;
    out->content = JD_CONTENT_JSON;
    jd_json_blanks(&j);
    if (!jd_json_open(&j, '{'))
        return false;
    for (;;) {
        struct jd_str name;
        if (!jd_json_next(&j, '}', &first, &more))
            return false;
        if (!more)
            return jd_json_end(&j);
        if (!jd_json_name(&j, &name) || !take_member(&j, name, &seen, target, context, out))
            return false;
    }
}
