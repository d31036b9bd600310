#include "cli/difference.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/match.h"

enum { NONE = -1, COMPARED_MAX = 4096 };

/* ---- an item in short ----------------------------------------------------------------------------------- */

/* What tells one item from another, of any topic; in this order. */
static const char *const telling[] = {
    "rule",     "revision", "status",     "cause",  "final",   "phase",      "severity",  "key",
    "instance", "observed", "limit",      "hcp_id", "reason",  "id",         "message",   "channel",
    "role",     "assignee", "content_id", "step",   "journey", "not_before", "expires_at"};

static bool is_plain(const char *text)
{
    const bool is_word =
        strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-") == strlen(text) &&
        strspn(text, "0123456789.-") < strlen(text);
    return is_word && text[0] != '-' && strcmp(text, "null") != 0 && strcmp(text, "true") != 0 &&
           strcmp(text, "false") != 0;
}

/* As YAML in one line; JSON's own way of quoting is YAML's, too. */
static void write_value(const json_t *value, struct jd_buf *out)
{
    if (json_is_string(value) && is_plain(json_string_value(value))) {
        jd_buf_text(out, json_string_value(value));
    } else if (json_is_array(value)) {
        jd_buf_byte(out, '[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            jd_buf_text(out, i > 0 ? ", " : "");
            write_value(json_array_get(value, i), out);
        }
        jd_buf_byte(out, ']');
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        jd_buf_text(out, text != NULL ? text : "?");
        free(text);
    }
}

static void write_item(const json_t *item, struct jd_buf *out)
{
    bool is_first = true;
    jd_buf_text(out, "{ ");
    for (size_t i = 0; i < JD_COUNT(telling); i++) {
        const json_t *value = json_object_get(item, telling[i]);
        if (value != NULL) {
            jd_buf_printf(out, "%s%s: ", is_first ? "" : ", ", telling[i]);
            write_value(value, out);
            is_first = false;
        }
    }
    const json_t *evidence = json_object_get(item, "evidence");
    for (size_t i = 0; i < json_array_size(evidence); i++) {
        jd_buf_text(out, i > 0 ? ", " : ", evidence: [");
        jd_buf_text(out, "{ engagement_id: ");
        write_value(json_object_get(json_array_get(evidence, i), "engagement_id"), out);
        jd_buf_text(out, " }");
    }
    jd_buf_text(out, json_array_size(evidence) > 0 ? "] }" : " }");
}

static void write_node(const struct jd_node *node, struct jd_buf *out)
{
    const char *const ends = node->kind == JD_NODE_LIST ? "[]" : "{}";
    if (node->kind == JD_NODE_SCALAR) {
        jd_buf_str(out, node->text);
        return;
    }
    jd_buf_byte(out, (unsigned char)ends[0]);
    for (uint32_t i = 0; i < node->count; i++) {
        jd_buf_text(out, i > 0 ? ", " : " ");
        if (node->kind == JD_NODE_MAP) {
            jd_buf_str(out, node->members[i].key);
            jd_buf_text(out, ": ");
        }
        write_node(node->kind == JD_NODE_MAP ? &node->members[i].value : &node->items[i], out);
    }
    jd_buf_printf(out, " %c", ends[1]);
}

/* ---- which is meant by which ---------------------------------------------------------------------------- */

/* How far an item is from an expectation: the fields that differ. An alert of another rule, or an event of
 * another physician, is hardly what was meant. */
static uint32_t distance(const struct jd_node *expected, const json_t *item, struct jd_arena *arena)
{
    static const char *const names[] = {"rule", "key", "hcp_id"};
    const struct jd_arena_mark mark = jd_arena_mark(arena);
    struct jd_buf lines;
    jd_buf_init(&lines, arena);
    uint32_t far = jd_match(expected, item, "", &lines);
    for (size_t i = 0; far > 0 && i < JD_COUNT(names); i++) {
        const struct jd_member *member = jd_node_member(expected, names[i]);
        const json_t *value = json_object_get(item, names[i]);
        if (member != NULL && jd_match(&member->value, value, "", &lines) > 0) {
            far += i == 0 ? 100 : 10;
        }
    }
    jd_arena_rewind(arena, mark);
    return far;
}

struct pairing {
    const struct jd_node *expected;
    const json_t *got;
    struct jd_arena *arena;
    int *meant;  /* of each expected item: the index of what came, or NONE */
    bool *taken; /* of each that came */
    size_t got_count;
};

/* The nearest that is not taken; of several the first after `from`, else the first. Nothing may be farther
 * than `limit`. */
static int nearest(const struct pairing *p, uint32_t index, size_t from, uint32_t limit)
{
    int best = NONE;
    uint32_t least = UINT32_MAX;
    for (size_t n = 0; n < p->got_count; n++) {
        const size_t j = (from + n) % p->got_count;
        const uint32_t far = p->taken[j]
                                 ? UINT32_MAX
                                 : distance(&p->expected->items[index], json_array_get(p->got, j), p->arena);
        if (far < least && far <= limit) {
            least = far;
            best = (int)j;
        }
        if (least == 0) {
            break;
        }
    }
    return best;
}

/* First those that are met, then the nearest for each of the rest. */
static void pair_up(struct pairing *p)
{
    size_t from = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < p->expected->count; i++) {
            if (pass == 0) {
                p->meant[i] = nearest(p, i, from, 0);
            } else if (p->meant[i] == NONE) {
                p->meant[i] = nearest(p, i, i < p->got_count ? i : 0, UINT32_MAX - 1);
            } else {
                continue;
            }
            if (p->meant[i] != NONE) {
                p->taken[p->meant[i]] = true;
                from = pass == 0 ? (size_t)p->meant[i] + 1 : from;
            }
        }
    }
}

static void show_expected(const struct pairing *p, const char *name, uint32_t index, int *last,
                          struct jd_buf *out)
{
    const struct jd_node *expected = &p->expected->items[index];
    const int meant = p->meant[index];
    if (meant == NONE) {
        jd_buf_printf(out, "    %s[%u] did not come: ", name, index);
        write_node(expected, out);
        jd_buf_byte(out, '\n');
        return;
    }
    struct jd_buf lines;
    jd_buf_init(&lines, p->arena);
    if (jd_match(expected, json_array_get(p->got, (size_t)meant), "      ", &lines) > 0) {
        jd_buf_printf(out, "    %s[%u] differs from number %d of what came:\n", name, index, meant + 1);
        jd_buf_str(out, jd_buf_done(&lines));
    } else if (meant < *last) {
        jd_buf_printf(out, "    %s[%u] came as number %d: in another order\n", name, index, meant + 1);
    }
    *last = meant;
}

static bool is_as_expected(const struct jd_node *expected, const json_t *got, struct jd_arena *arena)
{
    const size_t count = json_array_size(got);
    if (expected->kind != JD_NODE_LIST) {
        return count == (size_t)strtoul(expected->text.ptr, NULL, 10);
    }
    struct jd_buf lines;
    jd_buf_init(&lines, arena);
    bool is_same = count == expected->count;
    for (uint32_t i = 0; is_same && i < expected->count; i++) {
        is_same = jd_match(&expected->items[i], json_array_get(got, i), "", &lines) == 0;
    }
    return is_same;
}

bool jd_difference(const char *name, const struct jd_node *expected, const json_t *got, struct jd_buf *out)
{
    if (is_as_expected(expected, got, out->arena)) {
        return true;
    }
    struct pairing p = {.expected = expected,
                        .got = got,
                        .arena = out->arena,
                        .got_count =
                            json_array_size(got) < COMPARED_MAX ? json_array_size(got) : COMPARED_MAX};
    const bool is_list = expected->kind == JD_NODE_LIST;
    const size_t wanted = is_list ? expected->count : (size_t)strtoul(expected->text.ptr, NULL, 10);
    p.meant = jd_arena_array(p.arena, is_list ? expected->count : 0, sizeof(*p.meant));
    p.taken = jd_arena_array(p.arena, p.got_count, sizeof(*p.taken));
    jd_buf_text(out, name);
    if (json_array_size(got) != wanted) {
        jd_buf_printf(out, ": expected %zu, got %zu\n", wanted, json_array_size(got));
    } else {
        jd_buf_text(out, " differ\n");
    }
    if (is_list) {
        int last = NONE;
        pair_up(&p);
        for (uint32_t i = 0; i < expected->count; i++) {
            show_expected(&p, name, i, &last, out);
        }
    }
    for (size_t j = 0; j < p.got_count; j++) {
        if (!p.taken[j]) {
            jd_buf_printf(out, "    number %zu of what came %s: ", j + 1,
                          is_list ? "was not expected" : "is");
            write_item(json_array_get(got, j), out);
            jd_buf_byte(out, '\n');
        }
    }
    return false;
}
