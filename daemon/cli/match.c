#include "cli/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/str.h"

struct match {
    const char *indent;
    struct jd_buf *out;
    char path[256]; /* where in the item we are: evidence[1].actor.id */
    size_t path_size;
    uint32_t differences;
};

static void differ(struct match *m, const char *expected, struct jd_str text, const json_t *got)
{
    char *shown = got != NULL ? json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
    m->differences++;
    jd_buf_printf(m->out, "%s%.*s%sexpected %s" JD_STR_FMT ", got %s\n", m->indent, (int)m->path_size,
                  m->path, m->path_size > 0 ? ": " : "", expected, JD_STR_ARG(text),
                  shown != NULL ? shown : "nothing");
    free(shown);
}

/* Numbers as numbers, times as instants, everything else as bytes. */
static bool texts_match(struct jd_str expected, struct jd_str got, bool is_number)
{
    if (jd_str_eq(expected, got)) {
        return true;
    }
    if (is_number) {
        struct jd_decimal a;
        struct jd_decimal b;
        return jd_decimal_parse(expected, &a) && jd_decimal_parse(got, &b) && jd_decimal_cmp(a, b) == 0;
    }
    jd_time t = 0;
    jd_time u = 0;
    return jd_time_parse(expected, &t) && jd_time_parse(got, &u) && t == u;
}

static void match_scalar(struct match *m, const struct jd_node *expected, const json_t *got)
{
    if (jd_node_is_null(expected)) {
        if (got != NULL && !json_is_null(got)) {
            differ(m, "nothing", (struct jd_str){0}, got);
        }
        return;
    }
    bool is_same = false;
    if (json_is_string(got)) {
        const struct jd_str text = {json_string_value(got), (uint32_t)json_string_length(got)};
        is_same = texts_match(expected->text, text, false);
    } else if (got != NULL && !json_is_object(got) && !json_is_array(got)) {
        char *text = json_dumps(got, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        is_same = text != NULL && texts_match(expected->text, jd_str_of(text), json_is_number(got));
        free(text);
    }
    if (!is_same) {
        differ(m, "", expected->text, got);
    }
}

static void match_node(struct match *m, const struct jd_node *expected, const json_t *got);

/* Goes one step down, to the member `name` or, where that is absent, to the item `index`. */
static void match_below(struct match *m, struct jd_str name, size_t index, const struct jd_node *expected,
                        const json_t *got)
{
    const size_t size_before = m->path_size;
    char *end = m->path + size_before;
    const size_t left = sizeof(m->path) - size_before;
    const int size = name.ptr != NULL
                         ? snprintf(end, left, "%s" JD_STR_FMT, size_before > 0 ? "." : "", JD_STR_ARG(name))
                         : snprintf(end, left, "[%zu]", index);
    m->path_size += size > 0 && (size_t)size < left ? (size_t)size : 0; /* a path too long stays cut */
    match_node(m, expected, got);
    m->path_size = size_before;
}

static void match_node(struct match *m, const struct jd_node *expected, const json_t *got)
{
    switch (expected->kind) {
    case JD_NODE_SCALAR:
        match_scalar(m, expected, got);
        break;
    case JD_NODE_MAP:
        if (!json_is_object(got)) {
            differ(m, "an object", (struct jd_str){0}, got);
            break;
        }
        for (uint32_t i = 0; i < expected->count; i++) {
            const struct jd_member *member = &expected->members[i];
            match_below(m, member->key, 0, &member->value, json_object_get(got, member->key.ptr));
        }
        break;
    case JD_NODE_LIST: {
        const size_t count = got != NULL ? json_array_size(got) : 0; /* an empty list is left out */
        if (count != expected->count || (got != NULL && !json_is_array(got))) {
            char number[32];
            snprintf(number, sizeof(number), "%u items", expected->count);
            differ(m, "", jd_str_of(number), got);
            break;
        }
        for (uint32_t i = 0; i < expected->count; i++) {
            match_below(m, (struct jd_str){0}, i, &expected->items[i], json_array_get(got, i));
        }
        break;
    }
    }
}

uint32_t jd_match(const struct jd_node *expected, const json_t *got, const char *indent, struct jd_buf *out)
{
    struct match m = {.indent = indent, .out = out, .path_size = 0, .differences = 0};
    match_node(&m, expected, got);
    return m.differences;
}
