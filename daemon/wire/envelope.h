/* The CloudEvents 1.0 envelope of a Kafka record, binary or structured. */
#ifndef JOURNEYD_WIRE_ENVELOPE_H
#define JOURNEYD_WIRE_ENVELOPE_H

#include "base/arena.h"
#include "journeyd/record.h"
#include "wire/message.h"
#include "wire/reason.h"

enum jd_content_kind {
    JD_CONTENT_UNSAID = 0, /* no content-type, or one that says nothing */
    JD_CONTENT_JSON,
    JD_CONTENT_AVRO,
    JD_CONTENT_STRUCTURED, /* application/cloudevents+json */
    JD_CONTENT_OTHER,
};

struct jd_envelope {
    struct jd_str id, source, type, subject, traceparent; /* absent where not said */
    jd_time time;                                         /* JD_TIME_NONE where not said */
    enum jd_content_kind content; /* of the record; after jd_envelope_open, of the data */
    /* Structured mode: */
    bool has_data;            /* not null */
    bool is_read;             /* the data was read into the value */
    struct jd_str data;       /* otherwise: the JSON text of it, or the bytes of data_base64 */
    struct jd_reject refusal; /* is_read and reason != NULL: why the data is not the record */
};

/* From the headers of a record. False: `why`. */
JD_MUST_CHECK bool jd_envelope_headers(const struct jd_incoming *record, struct jd_envelope *out,
                                       struct jd_reject *why);

/* What to read data as, once the type is known (absent: not known yet); NULL: cannot say. `*value` is where
 * to. */
typedef const struct jd_record *(*jd_envelope_target)(void *context, struct jd_str type, void **value);

/* From the text of a structured event; attributes that it names replace those of `out`. Data in JSON is read
 * on the way where `target` knows as what. False: `why`, the text is no JSON or no event. */
JD_MUST_CHECK bool jd_envelope_open(struct jd_str text, struct jd_arena *arena, jd_envelope_target target,
                                    void *context, struct jd_envelope *out, struct jd_reject *why);

#endif
