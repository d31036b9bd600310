/* The steps of a plan: what resolve.c compiles and avro_read.c follows. */
#ifndef JOURNEYD_WIRE_PLAN_H
#define JOURNEYD_WIRE_PLAN_H

#include "journeyd/record.h"
#include "wire/reason.h"
#include "wire/schema.h"

enum jd_plan_op {
    JD_PLAN_SKIP = 1,      /* `writer` */
    JD_PLAN_ABSENT,        /* null: nothing to read, nothing to store */
    JD_PLAN_REFUSE,        /* this branch is never ours: `refusal` */
    JD_PLAN_RECORD,        /* `children` in order */
    JD_PLAN_UNION,         /* a branch number, then that child */
    JD_PLAN_STRING,        /* string or bytes */
    JD_PLAN_ENUM,          /* `values` by the writer's symbol */
    JD_PLAN_ENUM_TEXT,     /* string */
    JD_PLAN_TIME,          /* int or long, ms */
    JD_PLAN_TIME_MICROS,   /* long, µs */
    JD_PLAN_INT,           /* int or long */
    JD_PLAN_BOOL,          /* boolean */
    JD_PLAN_DECIMAL_TEXT,  /* string or bytes */
    JD_PLAN_DECIMAL_BYTES, /* bytes or fixed, two's complement, `writer->scale` */
    JD_PLAN_DOUBLE,        /* int, long, float or double */
    JD_PLAN_LIST,          /* child: the item */
    JD_PLAN_MAP,           /* of strings */
};

struct jd_plan {
    enum jd_plan_op op;
    enum jd_refusal refusal;
    uint32_t offset; /* from the start of the struct that is being filled: the record, or the item */
    uint32_t count;  /* children, symbols */
    uint32_t max;    /* bytes, items */
    uint32_t size;   /* LIST: bytes of an item's struct */
    const struct jd_plan *const *children;
    const struct jd_schema *writer;
    const struct jd_symbols *symbols;
    const uint8_t *values;          /* 0: not in our list */
    const struct jd_record *record; /* of RECORD, LIST of records */
    const void *blank;              /* RECORD: its struct with all fields absent */
    const char *path;               /* for messages */
};

#endif
