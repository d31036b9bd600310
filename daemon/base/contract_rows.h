/* How a field table is written: one row a field, in the order of the schema; journeyd/record.h says what a row
 * means. Private to contract.c and contract_state.c.
 *
 * To add a field: a member in the struct (include/journeyd), a row, a field with a default in the .avsc files of
 * schemas/. tests/unit/wire holds the tables against the schemas. */
#ifndef JOURNEYD_BASE_CONTRACT_ROWS_H
#define JOURNEYD_BASE_CONTRACT_ROWS_H

#include <stddef.h>

#include "base/contract.h"

/* Parts of records of both. */
extern const struct jd_record jd_party_record, jd_outcome_record, jd_rejection_record;

/* Limits of what is longer than usual. An engagement key may be the JSON text of two ids. */
enum {
    KEY_MAX = 4096,
    SENTENCE_MAX = 2048,
    EVIDENCE_MAX = 65536,
    FACT_NAME_MAX = 512,
    FACT_VALUE_MAX = 1280,
    SEEN_MAX = 1 << 20,
    CHANGES_MAX = 1 << 22,
};

/* Rows; the struct they describe is S. */
#define FIELD(member, ...)                                                                                   \
    {                                                                                                        \
        .name = #member, .name_size = sizeof(#member) - 1, .offset = offsetof(struct S, member), __VA_ARGS__ \
    }
#define REQUIRED .flags = JD_REQUIRED
#define STRING(member, ...) FIELD(member, .kind = JD_STRING, __VA_ARGS__)
#define TIME(member, ...) FIELD(member, .kind = JD_TIME, __VA_ARGS__)
#define INT(member, ...) FIELD(member, .kind = JD_INT, __VA_ARGS__)
#define BOOL(member, ...) FIELD(member, .kind = JD_BOOL, __VA_ARGS__)
#define DECIMAL(member, ...) FIELD(member, .kind = JD_DECIMAL, __VA_ARGS__)
#define DOUBLE(member) FIELD(member, .kind = JD_DOUBLE, REQUIRED)
#define ENUM(member, of, ...) FIELD(member, .kind = JD_ENUM, .symbols = &(of), __VA_ARGS__)
#define RECORD(member, of, ...) FIELD(member, .kind = JD_RECORD, .record = &(of), __VA_ARGS__)
#define STRINGS(member, ...) FIELD(member, .kind = JD_LIST, __VA_ARGS__)
#define LIST(member, of, ...) FIELD(member, .kind = JD_LIST, .record = &(of), __VA_ARGS__)
#define MAP(member, ...) FIELD(member, .kind = JD_MAP, __VA_ARGS__)
#define OPTIONAL .flags = 0
#define UUID .flags = JD_UUID
#define DEFINE(variable, avro_name)                                                                          \
    {                                                                                                        \
        .name = (avro_name), .fields = variable##_fields, .count = (uint32_t)JD_COUNT(variable##_fields),    \
        .size = (uint32_t)sizeof(struct S)                                                                   \
    }

#endif
