/* Why a record is refused at the door: one closed list. The text is the header jd.dlq.reason and the
 * label of the metric; schemas/README.md documents each. What the fold refuses has its own reasons
 * (engine/fold.h), under the stage "state". */
#ifndef JOURNEYD_WIRE_REASON_H
#define JOURNEYD_WIRE_REASON_H

#include "journeyd/types.h"

/* X(name, text, stage) */
#define JD_REFUSAL_MAP(X)                                                                                    \
    X(TOO_LARGE, "too_large", "framing")                    /* over max_record_bytes */                      \
    X(BAD_HEADERS, "bad_headers", "framing")                /* not text, or too many */                      \
    X(NULL_KEY, "null_key", "framing")                      /* a record must have its physician's key */     \
    X(BAD_KEY, "bad_key", "framing")                        /* empty, too long or not UTF-8 */               \
    X(WRONG_PARTITION, "wrong_partition", "framing")        /* not where the partitioner puts the key */     \
    X(NULL_VALUE, "null_value", "framing")                  /* an event without a value */                   \
    X(BAD_CONTENT_TYPE, "bad_content_type", "framing")      /* neither JSON nor Avro, or not configured */   \
    X(BAD_FRAMING, "bad_framing", "framing")                /* no magic byte and schema id */                \
    X(UNKNOWN_SCHEMA, "unknown_schema", "framing")          /* the registry does not know the id */          \
    X(BAD_SCHEMA, "bad_schema", "framing")                  /* does not parse, or does not resolve */        \
    X(BAD_JSON, "bad_json", "decode")                       /* not RFC 8259 */                               \
    X(BAD_AVRO, "bad_avro", "decode")                       /* branch, size or count that cannot be */       \
    X(TRUNCATED, "truncated", "decode")                     /* ends within a value */                        \
    X(TRAILING_BYTES, "trailing_bytes", "decode")           /* goes on after the value */                    \
    X(TOO_DEEP, "too_deep", "decode")                       /* nested deeper than the limit */               \
    X(TOO_LONG, "too_long", "decode")                       /* a text, list, map or number over its limit */ \
    X(BAD_UTF8, "bad_utf8", "decode")                       /* not UTF-8, or a lone surrogate */             \
    X(DUPLICATE_FIELD, "duplicate_field", "decode")         /* a name twice in one object or map */          \
    X(WRONG_TYPE, "wrong_type", "decode")                   /* not the kind that the schema has */           \
    X(OUT_OF_RANGE, "out_of_range", "decode")               /* a number or time that does not fit */         \
    X(BAD_TIME, "bad_time", "decode")                       /* not RFC 3339, or a leap second */             \
    X(BAD_DECIMAL, "bad_decimal", "decode")                 /* not a decimal, or too many digits */          \
    X(UNKNOWN_SYMBOL, "unknown_symbol", "decode")           /* not in the closed list */                     \
    X(MISSING_FIELD, "missing_field", "validate")           /* required, and absent */                       \
    X(ENVELOPE_MISMATCH, "envelope_mismatch", "validate")   /* envelope and value disagree */                \
    X(BAD_ENVELOPE, "bad_envelope", "validate")             /* another version of CloudEvents */             \
    X(UNKNOWN_TYPE, "unknown_type", "validate")             /* schemas/types.csv does not list it */         \
    X(KEY_MISMATCH, "key_mismatch", "validate")             /* the key is not hcp_id or account_id */        \
    X(BAD_INTERVAL, "bad_interval", "validate")             /* end at or before start */                     \
    X(NPI_INVALID, "npi_invalid", "validate")               /* not a National Provider Identifier */         \
    X(CLASSIFIED_MEDICAL, "classified_medical", "validate") /* medical data in a commercial record */        \
    X(CLOCK_ADVANCED, "clock_advanced", "validate")         /* clock.advanced under clock: wall */

#define JD_X_REFUSAL(n, t, s) JD_REFUSED_##n,
enum jd_refusal { JD_REFUSED_NOT, JD_REFUSAL_MAP(JD_X_REFUSAL) JD_REFUSED_END_ };

/* Why, and where. */
struct jd_reject {
    const char *reason; /* static text: of the list above, or of the fold */
    const char *stage;  /* static text: framing, decode, validate or state */
    uint32_t schema_id; /* of the Avro that could not be read; 0: none */
    char message[192];  /* field path and byte offset, never a value */
};

/* Fills `why` with a reason of the list; `format` may be NULL. Returns false. */
bool jd_reject_set(struct jd_reject *why, enum jd_refusal refusal, const char *format, ...) JD_PRINTF(3, 4);
/* For what the fold refused: its static reason, stage "state". */
struct jd_reject jd_reject_state(const char *reason);
const char *jd_refusal_text(enum jd_refusal refusal); /* static; NULL out of range */

#endif
