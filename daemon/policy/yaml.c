/* Events of libyaml to a tree. Events, not its documents: limits hold before memory is taken, and an
 * alias is seen where it stands. */
#include "policy/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/str.h"

enum { SHOWN_MAX = 80 };

struct reader {
    yaml_parser_t parser;
    struct jd_str file;
    struct jd_arena *arena;
    struct jd_diagnostics *problems;
    uint32_t nodes;
    uint32_t depth;
};

static struct jd_place place_of(const struct reader *r, const yaml_mark_t *mark)
{
    uint32_t line = mark->line < UINT32_MAX ? (uint32_t)mark->line + 1 : UINT32_MAX;
    uint32_t column = mark->column < UINT32_MAX ? (uint32_t)mark->column + 1 : UINT32_MAX;
    return (struct jd_place){r->file, line, column};
}

static bool refuse(struct reader *r, struct jd_place place, const char *text)
{
    jd_problem_add(r->problems, JD_PROBLEM_ERROR, place, "%s", text);
    return false;
}

/* The next event; false: libyaml found no YAML, and a problem says what it found. */
static bool next_event(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return true;
    const yaml_parser_t *p = &r->parser;
    const yaml_mark_t *mark = p->error == YAML_READER_ERROR ? &p->mark : &p->problem_mark;
    jd_problem_add(r->problems, JD_PROBLEM_ERROR, place_of(r, mark), "not YAML: %s%s%s",
                   p->context != NULL ? p->context : "", p->context != NULL ? ": " : "",
                   p->problem != NULL ? p->problem : "cannot be read");
    if (p->problem != NULL && strstr(p->problem, "cannot start any token") != NULL)
        jd_problem_hint(r->problems, "indent with spaces, and quote texts that begin with %% @ ` or a tab");
    return false;
}

static bool is_plain_text(struct jd_str s)
{
    for (uint32_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool read_node(struct reader *r, const yaml_event_t *event, struct jd_node *out);

/* Reads up to the end event; items gather in an array that grows. */
static bool read_list(struct reader *r, struct jd_node *out)
{
    struct jd_node *items = NULL;
    uint32_t count = 0, capacity = 0;
    for (;;) { /* ends with the events, or at JD_YAML_NODES_MAX */
        yaml_event_t event;
        if (!next_event(r, &event))
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            out->items = items;
            out->count = count;
            return true;
        }
        if (count == capacity)
            items = jd_arena_grow(r->arena, items, count, &capacity, sizeof *items);
        bool ok = read_node(r, &event, &items[count++]);
        yaml_event_delete(&event);
        if (!ok)
            return false;
    }
}

/* Says so when the key was written before; the tree is kept, to find what else is wrong. */
static void check_key(struct reader *r, const struct jd_member *members, uint32_t count)
{
    const struct jd_member *last = &members[count];
    for (uint32_t i = 0; i < count; i++)
        if (jd_str_eq(members[i].key, last->key)) {
            jd_problem_add(r->problems, JD_PROBLEM_ERROR, last->place, "\"" JD_STR_FMT "\" is written twice",
                           JD_STR_ARG(last->key));
            jd_problem_hint(r->problems, "the first one is at line %u", members[i].place.line);
            return;
        }
}

static bool read_key(struct reader *r, const yaml_event_t *event, struct jd_member *member)
{
    struct jd_node key;
    member->place = place_of(r, &event->start_mark);
    if (event->type != YAML_SCALAR_EVENT && event->type != YAML_ALIAS_EVENT)
        return refuse(r, member->place, "a key must be text, not a list or a map");
    if (!read_node(r, event, &key))
        return false;
    member->key = key.text;
    if (key.plain && jd_str_eq(key.text, JD_STR("<<")))
        return refuse(r, member->place, "merge keys (<<) are not read: write the keys out");
    return true;
}

static bool read_map(struct reader *r, struct jd_node *out)
{
    struct jd_member *members = NULL;
    uint32_t count = 0, capacity = 0;
    for (;;) { /* ends with the events, or at JD_YAML_MEMBERS_MAX */
        yaml_event_t event;
        if (!next_event(r, &event))
            return false;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            out->members = members;
            out->count = count;
            return true;
        }
        if (count == capacity)
            members = jd_arena_grow(r->arena, members, count, &capacity, sizeof *members);
        bool ok = read_key(r, &event, &members[count]);
        yaml_event_delete(&event);
        if (ok && count == JD_YAML_MEMBERS_MAX)
            ok = refuse(r, members[count].place, "a map has more than 4096 keys");
        if (!ok || !next_event(r, &event))
            return false;
        ok = read_node(r, &event, &members[count].value);
        yaml_event_delete(&event);
        if (!ok)
            return false;
        check_key(r, members, count);
        count++;
    }
}

static bool read_scalar(struct reader *r, const yaml_event_t *event, struct jd_node *out)
{
    struct jd_str text = {(const char *)event->data.scalar.value, (uint32_t)event->data.scalar.length};
    if (!is_plain_text(text))
        return refuse(r, out->place, "a text holds a control character");
    out->kind = JD_NODE_SCALAR;
    out->text = jd_arena_str(r->arena, text);
    out->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return true;
}

/* What a node may not carry; false: refused. */
static bool check_node(struct reader *r, const yaml_event_t *event, struct jd_place place)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return refuse(r, place, "aliases (*name) are not read: write the value out");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL)
        return refuse(r, place, "anchors (&name) are not read: write the value out where it is needed");
    if (tag != NULL)
        return refuse(r, place, "tags (!name) are not read");
    if (++r->nodes > JD_YAML_NODES_MAX)
        return refuse(r, place, "the file has more than 100000 values");
    return true;
}

static bool read_node(struct reader *r, const yaml_event_t *event, struct jd_node *out)
{
    *out = (struct jd_node){.place = place_of(r, &event->start_mark)};
    if (!check_node(r, event, out->place))
        return false;
    if (event->type == YAML_SCALAR_EVENT)
        return read_scalar(r, event, out);
    if (r->depth == JD_YAML_DEPTH_MAX)
        return refuse(r, out->place, "lists and maps are nested more than 32 deep");
    out->kind = event->type == YAML_SEQUENCE_START_EVENT ? JD_NODE_LIST : JD_NODE_MAP;
    r->depth++;
    bool ok = out->kind == JD_NODE_LIST ? read_list(r, out) : read_map(r, out);
    r->depth--;
    return ok;
}

/* Passes over the start of the stream and of the document; then `event` is the first node's. */
static bool read_start(struct reader *r, yaml_event_t *event)
{
    for (;;) { /* ends: a stream starts once, a document once */
        if (!next_event(r, event))
            return false;
        if (event->type != YAML_STREAM_START_EVENT && event->type != YAML_DOCUMENT_START_EVENT)
            return true;
        yaml_event_delete(event);
    }
}

static bool read_end(struct reader *r)
{
    for (;;) { /* ends with the stream */
        yaml_event_t event;
        if (!next_event(r, &event))
            return false;
        yaml_event_type_t type = event.type;
        struct jd_place place = place_of(r, &event.start_mark);
        yaml_event_delete(&event);
        if (type == YAML_DOCUMENT_START_EVENT)
            return refuse(r, place, "a second document begins here; a file is one document");
        if (type == YAML_STREAM_END_EVENT)
            return true;
    }
}

static bool read_document(struct reader *r, struct jd_node *root)
{
    yaml_event_t event;
    if (!read_start(r, &event))
        return false;
    bool ok;
    if (event.type == YAML_STREAM_END_EVENT)
        ok = refuse(r, (struct jd_place){r->file, 1, 1}, "the file is empty");
    else
        ok = read_node(r, &event, root);
    yaml_event_delete(&event);
    return ok && read_end(r);
}

const struct jd_node *jd_yaml_parse(struct jd_str text, struct jd_str file, struct jd_arena *arena,
                                    struct jd_diagnostics *problems)
{
    struct reader r = {.file = file, .arena = arena, .problems = problems};
    struct jd_place top = {file, 0, 0};
    if (text.size > JD_YAML_SIZE_MAX) {
        jd_problem_add(problems, JD_PROBLEM_ERROR, top, "the file has %u bytes; at most %u are read",
                       text.size, JD_YAML_SIZE_MAX);
        return NULL;
    }
    if (text.size > 0 && !jd_utf8_valid(text)) {
        jd_problem_add(problems, JD_PROBLEM_ERROR, top, "the file is not UTF-8");
        return NULL;
    }
    if (!yaml_parser_initialize(&r.parser)) {
        jd_problem_add(problems, JD_PROBLEM_ERROR, top, "no memory to read the file");
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.ptr ? text.ptr : ""), text.size);
    struct jd_node *root = jd_arena_alloc(arena, sizeof *root);
    bool ok = read_document(&r, root);
    yaml_parser_delete(&r.parser);
    return ok ? root : NULL;
}

bool jd_node_is_null(const struct jd_node *node)
{
    if (node->kind != JD_NODE_SCALAR || !node->plain)
        return false;
    return node->text.size == 0 || jd_str_eq(node->text, JD_STR("~")) ||
           jd_str_eq(node->text, JD_STR("null"));
}

const struct jd_member *jd_node_member(const struct jd_node *node, const char *key)
{
    struct jd_str name = jd_str_of(key);
    if (node->kind != JD_NODE_MAP)
        return NULL;
    for (uint32_t i = 0; i < node->count; i++)
        if (jd_str_eq(node->members[i].key, name))
            return &node->members[i];
    return NULL;
}

bool jd_nodes_equal(const struct jd_node *a, const struct jd_node *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == JD_NODE_SCALAR)
        return jd_str_eq(a->text, b->text);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct jd_member *same =
            a->kind == JD_NODE_MAP ? jd_node_member(b, a->members[i].key.ptr) : NULL;
        if (a->kind == JD_NODE_MAP ? same == NULL || !jd_nodes_equal(&a->members[i].value, &same->value)
                                   : !jd_nodes_equal(&a->items[i], &b->items[i]))
            return false;
    }
    return true;
}

static void write_node(struct jd_buf *out, const struct jd_node *node)
{
    if (out->size > SHOWN_MAX)
        return;
    if (node->kind == JD_NODE_SCALAR) {
        jd_buf_str(out, node->text);
        return;
    }
    jd_buf_text(out, node->kind == JD_NODE_LIST ? "[" : "{");
    for (uint32_t i = 0; i < node->count && out->size <= SHOWN_MAX; i++) {
        if (i > 0)
            jd_buf_text(out, ", ");
        if (node->kind == JD_NODE_MAP) {
            jd_buf_str(out, node->members[i].key);
            jd_buf_text(out, ": ");
        }
        write_node(out, node->kind == JD_NODE_MAP ? &node->members[i].value : &node->items[i]);
    }
    jd_buf_text(out, node->kind == JD_NODE_LIST ? "]" : "}");
}

struct jd_str jd_node_text(const struct jd_node *node, struct jd_arena *arena)
{
    struct jd_buf out;
    jd_buf_init(&out, arena);
    write_node(&out, node);
    if (out.size > SHOWN_MAX) {
        out.size = SHOWN_MAX; /* a character that is cut in two is shown as ? */
        jd_buf_text(&out, "...");
    }
    return out.size == 0 ? JD_STR("") : jd_buf_done(&out);
}
