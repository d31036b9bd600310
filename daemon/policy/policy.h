/* A policy: what marketing ops and compliance write, compiled to the program that the engine runs.
 *
 *   directory ──► members ──► bundle (canonical text) ──► SHA-256 = the policy's hash
 *                                 │
 *                                 └──► compile ──► struct jd_program
 *
 * A bundle holds the policy's files, but not tests/, and the transitions of the time zones it names, as
 * they were where it was made. So its hash says everything that decides: compiling it again anywhere gives
 * the same program. Both entrances compile from a bundle; there is no second path. */
#ifndef JOURNEYD_POLICY_POLICY_H
#define JOURNEYD_POLICY_POLICY_H

#include "engine/program.h"
#include "policy/diagnostics.h"

/* Limits on what is read; each is far above a policy that people maintain. */
#define JD_POLICY_FILE_MAX (8u << 20)    /* bytes of one file */
#define JD_POLICY_BUNDLE_MAX (16u << 20) /* bytes of a bundle */
#define JD_POLICY_FILES_MAX 1024u        /* files of a directory */

struct jd_policy; /* owns the program and everything that it points to */

/* Reads and compiles a policy directory. NULL when there was an error; every problem found, warnings
 * too, is in `problems`. Owned: jd_policy_free. */
struct jd_policy *jd_policy_load(const char *directory, struct jd_diagnostics *problems);

/* Compiles a bundle, as published. `name` stands before the members' names in problems ("bundle <hash>");
 * absent: members are named alone. NULL when there was an error. Reads no file. Owned: jd_policy_free. */
struct jd_policy *jd_policy_from_bundle(struct jd_str bundle, struct jd_str name,
                                        struct jd_diagnostics *problems);

void jd_policy_free(struct jd_policy *policy); /* NULL is fine */

const struct jd_program *jd_policy_program(const struct jd_policy *policy); /* lives with the policy */
struct jd_str jd_policy_hash(const struct jd_policy *policy);               /* 64 hex digits */
struct jd_str jd_policy_bundle(const struct jd_policy *policy);             /* canonical text */

/* The hash that a bundle has; `hex` gets 64 digits and a NUL. */
void jd_policy_hash_of(struct jd_str bundle, char hex[65]);

#endif
