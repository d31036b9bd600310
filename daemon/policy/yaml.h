/* YAML as a tree with places, for files that people write. The only user of libyaml.
 *
 * A safe part of YAML 1.1: one document; no aliases, anchors, tags or merge keys (they hide what a text
 * says, and an alias of an alias grows without bound); keys are scalars and unique; UTF-8; every scalar is
 * text until its reader says otherwise. */
#ifndef JOURNEYD_POLICY_YAML_H
#define JOURNEYD_POLICY_YAML_H

#include "policy/diagnostics.h"

#define JD_YAML_SIZE_MAX (1u << 20) /* bytes */
#define JD_YAML_NODES_MAX 100000u
#define JD_YAML_DEPTH_MAX 32u
#define JD_YAML_MEMBERS_MAX 4096u /* of one map */

enum jd_node_kind { JD_NODE_SCALAR = 1, JD_NODE_LIST, JD_NODE_MAP };

struct jd_member;
struct jd_node {
    enum jd_node_kind kind;
    struct jd_place place;
    struct jd_str text; /* SCALAR; ends with a NUL, holds none, no other control character but \n and \t */
    bool plain;         /* SCALAR: written without quotes */
    const struct jd_node *items;     /* LIST */
    const struct jd_member *members; /* MAP, in the order written */
    uint32_t count;                  /* of items or members */
};
struct jd_member {
    struct jd_str key;
    struct jd_place place; /* of the key */
    struct jd_node value;
};

/* Parses `text`, all in `arena` (about 150 bytes a node). NULL when it is no YAML or breaks a limit (then a
 * problem says so), or holds nothing at all (a problem too). */
const struct jd_node *jd_yaml_parse(struct jd_str text, struct jd_str file, struct jd_arena *arena,
                                    struct jd_diagnostics *problems);

/* Nothing was written there: empty, ~ or null. */
bool jd_node_is_null(const struct jd_node *node);
/* The same kinds, texts and members, whatever their order and places. */
bool jd_nodes_equal(const struct jd_node *a, const struct jd_node *b);
/* As one would write it in a line, cut after some 80 bytes. */
struct jd_str jd_node_text(const struct jd_node *node, struct jd_arena *arena);
/* The member of that name; NULL: not there, or no map. */
const struct jd_member *jd_node_member(const struct jd_node *node, const char *key);

#endif
