/* The members of a policy, from a directory or from the text that is published, and that text.
 *
 *     journeyd-policy 1
 *     channels.yaml 312
 *     <312 bytes>
 *     …
 *     zoneinfo/Europe/Berlin 2890
 *     <2890 bytes>
 *
 * Members stand in the order of their names as bytes, each followed by a line end. The text is a function
 * of names and contents alone, so equal policies have equal hashes. */
#ifndef JOURNEYD_POLICY_BUNDLE_H
#define JOURNEYD_POLICY_BUNDLE_H

#include "policy/diagnostics.h"

#define JD_BUNDLE_ZONES "zoneinfo/" /* members that hold zones' transitions begin with it */

struct jd_bundle_file {
    struct jd_str name;  /* path in the directory, with '/' */
    struct jd_str bytes; /* UTF-8 */
};

struct jd_bundle {
    struct jd_arena *arena;       /* borrowed; holds everything */
    struct jd_bundle_file *files; /* sorted by name */
    uint32_t count, capacity;
    struct jd_str prefix; /* stands before the names in problems: "config/policies/starter/" */
};

/* Reads the files of a directory: *.yaml and *.csv, in it and in directories below, but not tests/. Other
 * files are left out with a warning, those whose name begins with '.' or is README.md or LICENSE without.
 * False: a problem says why. */
JD_MUST_CHECK bool jd_bundle_read(const char *directory, struct jd_arena *arena, struct jd_bundle *out,
                                  struct jd_diagnostics *problems);

/* Takes a bundle's text apart; the members are borrowed from it. False: a problem says at which byte. */
JD_MUST_CHECK bool jd_bundle_parse(struct jd_str text, struct jd_str name, struct jd_arena *arena,
                                   struct jd_bundle *out, struct jd_diagnostics *problems);

/* Puts a member in at its place; its name must not be there yet. */
void jd_bundle_add(struct jd_bundle *bundle, struct jd_str name, struct jd_str bytes);
const struct jd_bundle_file *jd_bundle_file(const struct jd_bundle *bundle, struct jd_str name); /* or NULL */
struct jd_str jd_bundle_text(const struct jd_bundle *bundle);
/* How a problem names the file. */
struct jd_str jd_bundle_path(const struct jd_bundle *bundle, struct jd_str name);

#endif
